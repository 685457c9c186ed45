"""Looks: saved outfits, each with a name, a state and a history, in SQLite beside the index."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from goeswith.studio.service.database import readable
from goeswith.studio.service.limits import TEXT_LENGTH
from goeswith.studio.service.look_schema import opened
from goeswith.studio.service.refusals import Refused
from goeswith.studio.service.saved_look import STATES as STATES
from goeswith.studio.service.saved_look import Change, checked
from goeswith.studio.service.saved_look import Piece as Piece
from goeswith.studio.service.saved_look import SavedLook as SavedLook

_CHANGES = (
    "SELECT change_id, look_id, time, who, what, json_extract(coalesce(after, before), '$.name') AS name FROM history"
)


class Looks:
    """The looks in a file, which is made when the first one is saved.

    Every method raises DataError where the file cannot be used, see `goeswith.studio.service.look_schema.opened`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def find(
        self, *, state: str = "", tag: str = "", words: str = "", item: str = "", review: str = ""
    ) -> list[SavedLook]:
        """Those of a state, with a tag, an item, all words in name, tags, note, person or items; the latest first.

        Looks that were made for a review are left out until somebody decides on them, unless it is named.
        """
        if not self.path.exists():
            return []
        with opened(self.path) as file:
            rows = file.execute(
                "SELECT * FROM looks WHERE ? IN ('', state)"
                " AND (? = review_id OR ? = '' AND (review_id = '' OR state != 'draft'))"
                " ORDER BY changed DESC, rowid DESC",
                (state, review, review),
            ).fetchall()
        terms = words.lower().split()
        looks = [from_row(row) for row in rows]
        return [
            look
            for look in looks
            if (not tag or tag in look.tags)
            and (not item or item in look.item_ids)
            and all(word in _text(look) for word in terms)
        ]

    def get(self, look_id: str) -> SavedLook:
        """One look.

        Raises:
            Refused: there is none of this id.
        """
        look = None
        if self.path.exists():
            with opened(self.path) as file:
                look = _get(file, look_id)
        if look is None:
            raise _unknown(look_id)
        return look

    def version(self) -> int:
        """Another number after every change of any look."""
        if not self.path.exists():
            return 0
        with opened(self.path) as file:
            return int(file.execute("SELECT coalesce(max(change_id), 0) FROM history").fetchone()[0])

    def history(self, look_id: str) -> list[Change]:
        """Its changes, the latest first; a deleted look has one too."""
        if not self.path.exists():
            return []
        with opened(self.path) as file:
            rows = file.execute(f"{_CHANGES} WHERE look_id = ? ORDER BY change_id DESC", (look_id,)).fetchall()
        return [Change(**dict(row)) for row in rows]

    def versions(self, look_id: str) -> list[SavedLook]:
        """What a look was after each of its changes, the latest first."""
        if not self.path.exists():
            return []
        with opened(self.path) as file:
            rows = file.execute(
                "SELECT after FROM history WHERE look_id = ? AND after IS NOT NULL ORDER BY change_id DESC", (look_id,)
            ).fetchall()
        return [_of_json(row["after"]) for row in rows]

    def last(self, change_id: int) -> Change | None:
        """A change where it is the last one of its look, so that it can be undone; else None."""
        if not self.path.exists():
            return None
        with opened(self.path) as file:
            row = file.execute(f"{_CHANGES} WHERE change_id = ?", (change_id,)).fetchone()
            change = None if row is None else Change(**dict(row))
            return change if change is not None and change_id == _last(file, change.look_id) else None

    def tags(self) -> list[str]:
        """All tags in use, in order."""
        return sorted({tag for look in self.find() for tag in look.tags})

    def save(self, look: SavedLook, who: str) -> tuple[SavedLook, int]:
        """Keep a new look under an id of its own; returns it and its change.

        Raises:
            Refused: see `goeswith.studio.service.saved_look.checked`.
        """
        now = now_text()
        saved = replace(checked(look), look_id=secrets.token_urlsafe(8), who=who, created=now, changed=now, version=1)
        with opened(self.path, write=True) as file:
            put(file, saved)
            return saved, note(file, saved.look_id, who, "saved", None, saved)

    def change(
        self, look_id: str, who: str, *, etag: str = "", label: str = "", **fields: Any
    ) -> tuple[SavedLook, int]:
        """Change some fields of a look; returns it and the change.

        Args:
            etag: of the version that the caller has seen; empty: whatever version there is. label: the word for it in
                the history; the new state or "changed", if empty.
            fields: name, tags, note, items, state or pinned_item, judged.

        Raises:
            Refused: there is none, somebody else changed it meanwhile, or it cannot be, see
                `goeswith.studio.service.saved_look.checked`.
        """
        with opened(self.path, write=True) as file:
            before = _seen(file, look_id, etag)
            if before.pinned_item and "pinned_item" not in fields:
                left = {piece.item_id for piece in fields.get("items", before.items)}
                fields["pinned_item"] = before.pinned_item if before.pinned_item in left else ""
            after = checked(replace(before, **fields))
            if after == before:
                return before, 0
            after = replace(after, changed=now_text(), version=before.version + 1)
            put(file, after)
            label = label or (after.state if after.state != before.state else "changed")
            return after, note(file, look_id, who, label, before, after)

    def delete(self, look_id: str, who: str, *, etag: str = "") -> int:
        """Delete a look; returns the change, which can be undone.

        Raises:
            Refused: see `change`.
        """
        with opened(self.path, write=True) as file:
            before = _seen(file, look_id, etag)
            file.execute("DELETE FROM looks WHERE look_id = ?", (look_id,))
            return note(file, look_id, who, "deleted", before, None)

    def undo(self, change_id: int, who: str) -> SavedLook | None:
        """Make the look what it was before its last change; None where it was not there.

        Raises:
            Refused: there is no such change, or it is not the last one of its look.
        """
        with opened(self.path, write=True) as file:
            row = file.execute("SELECT * FROM history WHERE change_id = ?", (change_id,)).fetchone()
            if row is None:
                raise Refused(404, "unknown_change", "there is nothing to undo")
            if change_id != _last(file, row["look_id"]):
                raise Refused(409, "changed_since", "the look was changed again since, so this can no longer be undone")
            now = _get(file, row["look_id"])
            before = None if row["before"] is None else _of_json(row["before"])
            if before is None:
                file.execute("DELETE FROM looks WHERE look_id = ?", (row["look_id"],))
            else:
                version = file.execute(
                    "SELECT count(*) + 1 FROM history WHERE look_id = ?", (row["look_id"],)
                ).fetchone()[0]  # never a version that somebody has seen with other content
                before = replace(before, changed=now_text(), version=version)
                put(file, before)
            note(file, row["look_id"], who, "undone", now, before)
            return before


def _seen(file: sqlite3.Connection, look_id: str, etag: str) -> SavedLook:
    look = _get(file, look_id)
    if look is None:
        raise _unknown(look_id)
    if etag and etag != look.etag:
        raise Refused(412, "changed_since", f"somebody changed the look “{look.name}” meanwhile; open it again")
    return look


def _last(file: sqlite3.Connection, look_id: str) -> int:
    return int(file.execute("SELECT max(change_id) FROM history WHERE look_id = ?", (look_id,)).fetchone()[0])


def _get(file: sqlite3.Connection, look_id: str) -> SavedLook | None:
    row = file.execute("SELECT * FROM looks WHERE look_id = ?", (look_id,)).fetchone()
    return None if row is None else from_row(row)


def put(file: sqlite3.Connection, look: SavedLook) -> None:
    """Write a look, in the place of what there is under its id."""
    row = asdict(look)
    row |= {name: json.dumps(row[name], ensure_ascii=False) for name in ("items", "tags", "judged")}
    file.execute(
        "INSERT OR REPLACE INTO looks VALUES (:look_id, :name, :tags, :note, :items, :state, :who, :created, :changed,"
        " :version, :judged, :pinned_item, :review_id)",
        row,
    )


def note(
    file: sqlite3.Connection, look_id: str, who: str, event: str, before: SavedLook | None, after: SavedLook | None
) -> int:
    """Add to the history; returns the id of the change."""
    texts = [None if look is None else json.dumps(asdict(look), ensure_ascii=False) for look in (before, after)]
    added = file.execute(
        "INSERT INTO history (look_id, time, who, what, before, after) VALUES (?, ?, ?, ?, ?, ?)",
        (look_id, now_text(), who, event, *texts),
    )
    return int(added.lastrowid or 0)


def from_row(row: sqlite3.Row) -> SavedLook:
    """A look as the table has it.

    Raises:
        DataError: the row is damaged.
    """
    values = dict(row)
    with readable(f"the look {values['look_id']!r}"):
        return _made(values | {name: json.loads(values[name]) for name in ("items", "tags", "judged")})


def _of_json(text: str) -> SavedLook:
    with readable("an earlier state of a look"):
        return _made(json.loads(text))


def _made(values: dict[str, Any]) -> SavedLook:
    pieces = tuple(Piece(**piece) for piece in values["items"])
    return SavedLook(**values | {"items": pieces, "tags": tuple(values["tags"])})


def _text(look: SavedLook) -> str:
    pieces = [part for piece in look.items for part in (piece.item_id, piece.title, piece.category)]
    return " ".join([look.name, look.note, look.who, *look.tags, *pieces]).lower()


def now_text() -> str:
    """The time as it is kept: UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _unknown(look_id: str) -> Refused:
    return Refused(404, "unknown_look", f"there is no look {look_id!r}; it may have been deleted")


def default_name(titles: Sequence[str]) -> str:
    """What a look is called that nobody gave a name."""
    return f"{titles[0]} and {len(titles) - 1} more"[:TEXT_LENGTH] if titles else ""
