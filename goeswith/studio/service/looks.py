"""Looks: outfits that people keep, each with a name, a state and a history, in SQLite beside the index."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from goeswith.studio.service.limits import LOOK_ITEMS, LOOK_TAGS, NOTE_LENGTH, TAG_LENGTH, TEXT_LENGTH
from goeswith.studio.service.look_schema import opened
from goeswith.studio.service.refusals import Refused

STATES = ("draft", "approved", "rejected", "live")
EDITED = ("name", "tags", "note", "items", "state")
"""Fields that people change."""
_CHANGES = (
    "SELECT change_id, look_id, time, who, what, json_extract(coalesce(after, before), '$.name') AS name FROM history"
)


@dataclass(frozen=True)
class Piece:
    """An item of a look, with what the catalogue said of it, so that there is something to show once it is gone.

    spot: where somebody put it on the flat lay, as `goeswith.studio.pages.arrangement.Spot` writes it.
    """

    item_id: str
    title: str = ""
    category: str = ""
    group: str | None = None
    price: float | None = None
    spot: str = ""


@dataclass(frozen=True)
class SavedLook:
    """A look.

    items: in order. who: saved it. created, changed: UTC, ISO 8601. version: counts its changes, from 1.
    judged: what the model said when its items were saved: score, probability, verdict, and the model's name.
    """

    look_id: str
    name: str
    items: tuple[Piece, ...]
    tags: tuple[str, ...] = ()
    note: str = ""
    state: str = "draft"
    who: str = ""
    created: str = ""
    changed: str = ""
    version: int = 1
    judged: dict[str, Any] = field(default_factory=dict)

    @property
    def item_ids(self) -> tuple[str, ...]:
        """Ids of its items, in order."""
        return tuple(piece.item_id for piece in self.items)

    @property
    def etag(self) -> str:
        """Another one after every change."""
        return f'"{self.look_id}-{self.version}"'


@dataclass(frozen=True)
class Change:
    """One entry of a look's history. name: of the look. what: ``saved``, ``changed``, ``deleted``, a state, ..."""

    change_id: int
    look_id: str
    time: str
    who: str
    what: str
    name: str = ""

    @property
    def said(self) -> str:
        """What was done, as a sentence without its stop."""
        how = {"live": "is live", "draft": "is a draft again"}.get(self.what, f"was {self.what}")
        return f"“{self.name}” {how}"


class Looks:
    """The looks in a file, which is made when the first one is saved.

    Every method raises DataError where the file cannot be used, see `goeswith.studio.service.look_schema.opened`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def find(self, *, state: str = "", tag: str = "", words: str = "") -> list[SavedLook]:
        """Those of a state, with a tag, with all words in name, tags, note, person or items; the latest first."""
        if not self.path.exists():
            return []
        with opened(self.path) as file:
            rows = file.execute(
                "SELECT * FROM looks WHERE ? IN ('', state) ORDER BY changed DESC, rowid DESC", (state,)
            ).fetchall()
        wanted = words.lower().split()
        looks = [_look(row) for row in rows]
        return [look for look in looks if (not tag or tag in look.tags) and all(word in _text(look) for word in wanted)]

    def get(self, look_id: str) -> SavedLook:
        """One look.

        Raises:
            Refused: there is none of this id.
        """
        found = None
        if self.path.exists():
            with opened(self.path) as file:
                found = _get(file, look_id)
        if found is None:
            raise _unknown(look_id)
        return found

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

    def last(self, change_id: int) -> Change | None:
        """A change where it is the last one of its look, so that it can be undone; else None."""
        if not self.path.exists():
            return None
        with opened(self.path) as file:
            row = file.execute(f"{_CHANGES} WHERE change_id = ?", (change_id,)).fetchone()
            found = None if row is None else Change(**dict(row))
            return found if found is not None and change_id == _last(file, found.look_id) else None

    def tags(self) -> list[str]:
        """All tags in use, in order."""
        return sorted({tag for look in self.find() for tag in look.tags})

    def save(self, look: SavedLook, who: str) -> tuple[SavedLook, int]:
        """Keep a new look under an id of its own; returns it and its change.

        Raises:
            Refused: see `_checked`.
        """
        now = _now()
        kept = replace(_checked(look), look_id=secrets.token_urlsafe(8), who=who, created=now, changed=now, version=1)
        with opened(self.path, write=True) as file:
            _put(file, kept)
            return kept, _note(file, kept.look_id, who, "saved", None, kept)

    def change(self, look_id: str, who: str, *, known: str = "", **told: Any) -> tuple[SavedLook, int]:
        """Change some fields of a look; returns it and the change.

        Args:
            known: the etag of what the one who changes has seen; empty: whatever there is. told: of `EDITED`, judged.

        Raises:
            Refused: there is none, somebody else changed it meanwhile, or it cannot be, see `_checked`.
        """
        with opened(self.path, write=True) as file:
            before = _seen(file, look_id, known)
            after = _checked(replace(before, **told))
            if after == before:
                return before, 0
            after = replace(after, changed=_now(), version=before.version + 1)
            _put(file, after)
            what = after.state if after.state != before.state else "changed"
            return after, _note(file, look_id, who, what, before, after)

    def delete(self, look_id: str, who: str, *, known: str = "") -> int:
        """Delete a look; returns the change, which can be undone.

        Raises:
            Refused: see `change`.
        """
        with opened(self.path, write=True) as file:
            before = _seen(file, look_id, known)
            file.execute("DELETE FROM looks WHERE look_id = ?", (look_id,))
            return _note(file, look_id, who, "deleted", before, None)

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
                before = replace(before, changed=_now(), version=version)
                _put(file, before)
            _note(file, row["look_id"], who, "undone", now, before)
            return before


def _checked(look: SavedLook) -> SavedLook:
    """The look with its texts trimmed and each tag once.

    Raises:
        Refused: it has fewer than two items or too many, one of them twice, no name, an unknown state, or a text that
            is too long.
    """
    ids, name, note = look.item_ids, look.name.strip(), look.note.strip()
    tags = tuple(dict.fromkeys(tag.strip() for tag in look.tags if tag.strip()))
    wrong = (
        (len(ids) < 2, f"a look needs two items or more, and this has {len(ids)}"),
        (len(ids) > LOOK_ITEMS, f"a look of {len(ids)} items is too large; it may have {LOOK_ITEMS}"),
        (len(set(ids)) < len(ids), "the look has an item twice; leave one of them out"),
        (not name, "a look needs a name"),
        (len(name) > TEXT_LENGTH, f"the name is longer than {TEXT_LENGTH} letters; shorten it"),
        (len(note) > NOTE_LENGTH, f"the note is longer than {NOTE_LENGTH} letters; shorten it"),
        (len(tags) > LOOK_TAGS, f"a look may have {LOOK_TAGS} tags, and this has {len(tags)}"),
        (any(len(tag) > TAG_LENGTH for tag in tags), f"a tag is longer than {TAG_LENGTH} letters; shorten it"),
        (look.state not in STATES, f"the state {look.state!r} is unknown; it is one of {', '.join(STATES)}"),
    )
    if trouble := next((words for bad, words in wrong if bad), ""):
        raise Refused(422, "bad_look", trouble, ids)
    return replace(look, name=name, note=note, tags=tags)


def _seen(file: sqlite3.Connection, look_id: str, known: str) -> SavedLook:
    found = _get(file, look_id)
    if found is None:
        raise _unknown(look_id)
    if known and known != found.etag:
        raise Refused(412, "changed_since", f"somebody changed the look “{found.name}” meanwhile; open it again")
    return found


def _last(file: sqlite3.Connection, look_id: str) -> int:
    return int(file.execute("SELECT max(change_id) FROM history WHERE look_id = ?", (look_id,)).fetchone()[0])


def _get(file: sqlite3.Connection, look_id: str) -> SavedLook | None:
    row = file.execute("SELECT * FROM looks WHERE look_id = ?", (look_id,)).fetchone()
    return None if row is None else _look(row)


def _put(file: sqlite3.Connection, look: SavedLook) -> None:
    row = asdict(look)
    row |= {name: json.dumps(row[name], ensure_ascii=False) for name in ("items", "tags", "judged")}
    file.execute(
        "INSERT OR REPLACE INTO looks VALUES (:look_id, :name, :tags, :note, :items, :state, :who, :created, :changed,"
        " :version, :judged)",
        row,
    )


def _note(
    file: sqlite3.Connection, look_id: str, who: str, what: str, before: SavedLook | None, after: SavedLook | None
) -> int:
    """Add to the history; returns the id of the change."""
    texts = [None if look is None else json.dumps(asdict(look), ensure_ascii=False) for look in (before, after)]
    added = file.execute(
        "INSERT INTO history (look_id, time, who, what, before, after) VALUES (?, ?, ?, ?, ?, ?)",
        (look_id, _now(), who, what, *texts),
    )
    return int(added.lastrowid or 0)


def _look(row: sqlite3.Row) -> SavedLook:
    told = dict(row)
    return _made(told | {name: json.loads(told[name]) for name in ("items", "tags", "judged")})


def _of_json(text: str) -> SavedLook:
    return _made(json.loads(text))


def _made(told: dict[str, Any]) -> SavedLook:
    pieces = tuple(Piece(**piece) for piece in told["items"])
    return SavedLook(**told | {"items": pieces, "tags": tuple(told["tags"])})


def _text(look: SavedLook) -> str:
    pieces = [part for piece in look.items for part in (piece.item_id, piece.title, piece.category)]
    return " ".join([look.name, look.note, look.who, *look.tags, *pieces]).lower()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _unknown(look_id: str) -> Refused:
    return Refused(404, "unknown_look", f"there is no look {look_id!r}; it may have been deleted")


def default_name(titles: Sequence[str]) -> str:
    """What a look is called that nobody gave a name."""
    return f"{titles[0]} and {len(titles) - 1} more"[:TEXT_LENGTH] if titles else ""
