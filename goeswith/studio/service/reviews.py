"""Reviews: items that looks are wanted for, and the looks made for each, in the file of looks.

The looks of a review are looks like all others: drafts, pinned to their item, until somebody decides on them.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from goeswith.studio.service.database import readable
from goeswith.studio.service.limits import REVIEW_ITEMS, TEXT_LENGTH
from goeswith.studio.service.look_schema import opened
from goeswith.studio.service.looks import from_row, note, now_text, put
from goeswith.studio.service.refusals import Refused
from goeswith.studio.service.saved_look import SavedLook, checked

CHOSEN = ("approved", "live")
"""States of a look that somebody decided for."""
MAKER = "goeswith"
"""Whom the history names for looks that were made for a review."""


@dataclass(frozen=True)
class Review:
    """Items to be reviewed.

    filters: what was asked for, by name. budget: of each look, None for any. item_ids: the items, in order.
    made: how many of them the looks are made for. failures: item → why no look could be made.
    """

    review_id: str
    name: str
    item_ids: tuple[str, ...]
    who: str = ""
    created: str = ""
    filters: dict[str, str] = field(default_factory=dict)
    budget: float | None = None
    made: int = 0
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        """Whether the looks of all items are made."""
        return self.made >= len(self.item_ids)


class Reviews:
    """The reviews in a file of looks. Every method raises DataError where the file cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(
        self, name: str, item_ids: Sequence[str], who: str, filters: dict[str, str], budget: float | None = None
    ) -> Review:
        """Keep a new review.

        Raises:
            Refused: it has no item, too many, or a name that is too long.
        """
        if not item_ids:
            raise Refused(422, "nothing_fits", "no item fits these filters; widen them")
        if len(item_ids) > REVIEW_ITEMS:
            message = f"a review may have {REVIEW_ITEMS} items, and this has {len(item_ids)}; narrow the filters"
            raise Refused(422, "too_many_items", message)
        if len(name) > TEXT_LENGTH:
            raise Refused(422, "bad_review", f"the name is longer than {TEXT_LENGTH} letters; shorten it")
        ids = tuple(dict.fromkeys(item_ids))
        review = Review(secrets.token_hex(6), name.strip() or "Review", ids, who, now_text(), filters, budget)
        with opened(self.path, write=True) as file:
            file.execute(
                "INSERT INTO reviews VALUES (?, ?, ?, ?, ?, ?, ?, 0, '{}')",
                (review.review_id, review.name, who, review.created, json.dumps(filters), budget, json.dumps(ids)),
            )
        return review

    def every(self) -> list[Review]:
        """All reviews, the latest first."""
        return self._where("TRUE ORDER BY rowid DESC")

    def unfinished(self) -> Review | None:
        """The oldest review that still waits for looks."""
        return next(iter(self._where("made < json_array_length(item_ids) ORDER BY rowid LIMIT 1")), None)

    def get(self, review_id: str) -> Review:
        """One review.

        Raises:
            Refused: there is none of this id.
        """
        matching = self._where("review_id = ?", review_id)
        if not matching:
            raise Refused(404, "unknown_review", f"there is no review {review_id!r}; it may have been deleted")
        return matching[0]

    def looks(self, review_id: str) -> list[SavedLook]:
        """Its looks in the order of its items, those of an item in the order that they were made in."""
        if not self.path.exists():
            return []
        with opened(self.path) as file:
            rows = file.execute("SELECT * FROM looks WHERE review_id = ?", (review_id,)).fetchall()
        return sorted(map(from_row, rows), key=_order)

    def add(self, review: Review, looks: Sequence[SavedLook], failure: str = "") -> bool:
        """Keep the looks of the next item, or why there are none; False where another process did or it is gone."""
        at = review.made
        with opened(self.path, write=True) as file:
            changed = file.execute(
                "UPDATE reviews SET made = made + 1, failures = json_patch(failures, ?)"
                " WHERE review_id = ? AND made = ?",
                (json.dumps({review.item_ids[at]: failure} if failure else {}), review.review_id, at),
            )
            if not changed.rowcount:
                return False
            now = now_text()
            for number, look in enumerate(looks):
                look_id = f"{review.review_id}-{at}-{number}"
                saved = replace(
                    checked(look), look_id=look_id, review_id=review.review_id, who=MAKER, created=now, changed=now
                )
                put(file, saved)
                note(file, saved.look_id, MAKER, "saved", None, saved)
        return True

    def delete(self, review_id: str) -> int:
        """Delete a review and the looks that nobody decided on; returns how many looks those were.

        Raises:
            Refused: there is none of this id.
        """
        self.get(review_id)
        with opened(self.path, write=True) as file:
            file.execute("DELETE FROM reviews WHERE review_id = ?", (review_id,))
            return file.execute("DELETE FROM looks WHERE review_id = ? AND state = 'draft'", (review_id,)).rowcount

    def _where(self, condition: str, *values: str) -> list[Review]:
        if not self.path.exists():
            return []
        with opened(self.path) as file:
            rows = file.execute(f"SELECT * FROM reviews WHERE {condition}", values).fetchall()  # noqa: S608 of ours alone
        return [_review(row) for row in rows]


def _review(row: sqlite3.Row) -> Review:
    read = dict(row)
    with readable(f"the review {read['review_id']!r}"):
        read |= {name: json.loads(read[name]) for name in ("filters", "item_ids", "failures")}
        return Review(**read | {"item_ids": tuple(read["item_ids"])})


def _order(look: SavedLook) -> tuple[int, int]:
    return position(look), int(look.look_id.rsplit("-", 1)[1])


def position(look: SavedLook) -> int:
    """The place of its item among those of its review, which its id tells even where it is pinned no more."""
    return int(look.look_id.rsplit("-", 2)[1])


def decided(looks: Sequence[SavedLook]) -> bool:
    """Whether the looks of one item need no decision: one was chosen, or all were rejected."""
    return any(look.state in CHOSEN for look in looks) or all(look.state == "rejected" for look in looks)


@dataclass(frozen=True)
class Progress:
    """How far a review is. by_item: the looks of each item that has been worked on."""

    review: Review
    by_item: tuple[tuple[SavedLook, ...], ...]

    @classmethod
    def of(cls, reviews: Reviews, review: Review) -> Progress:
        """Of a review as it is now."""
        groups: list[list[SavedLook]] = [[] for _ in range(review.made)]
        for look in reviews.looks(review.review_id):
            if position(look) < review.made:
                groups[position(look)].append(look)
        return cls(review, tuple(map(tuple, groups)))

    @property
    def total(self) -> int:
        """Items."""
        return len(self.review.item_ids)

    @property
    def open(self) -> list[int]:
        """Places of items that wait for a decision."""
        return [at for at, looks in enumerate(self.by_item) if not decided(looks)]

    @property
    def done(self) -> int:
        """Items that need no decision."""
        return self.review.made - len(self.open)

    @property
    def approved(self) -> int:
        """Looks that somebody decided for."""
        return sum(look.state in CHOSEN for looks in self.by_item for look in looks)

    @property
    def rejected(self) -> int:
        """Looks that somebody rejected."""
        return sum(look.state == "rejected" for looks in self.by_item for look in looks)

    def after(self, at: int) -> int | None:
        """The next item that waits for a decision, from the first again after the last; None where none does."""
        return next(
            (position for position in [*self.open, *self.open] if position > at), self.open[0] if self.open else None
        )
