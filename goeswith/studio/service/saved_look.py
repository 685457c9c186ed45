"""Saved look: what is stored of a look, its items and its changes, and which looks are valid."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from goeswith.studio.service.limits import LOOK_ITEMS, LOOK_TAGS, NOTE_LENGTH, TAG_LENGTH, TEXT_LENGTH
from goeswith.studio.service.refusals import Refused

NAMED = 60
"""Letters of a look's name in a sentence about it."""
STATES = ("draft", "approved", "rejected", "live")
"""Product pages show looks that are approved, and before them those that are live."""
STATE_WORDS = {"live": "shown first"}
"""State → what pages call it, where that is another word."""


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
    pinned_item: id of the item whose page it belongs to. review_id: of the review that it was made for.
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
    pinned_item: str = ""
    review_id: str = ""

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
    def sentence(self) -> str:
        """What was done, as a sentence without its stop."""
        how = {"live": "is shown first", "draft": "is a draft again"}.get(self.what, f"was {self.what}")
        name = self.name if len(self.name) <= NAMED else f"{self.name[: NAMED - 1].rstrip()}…"
        return f"“{name}” {how}"


def checked(look: SavedLook) -> SavedLook:
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
        (bool(look.pinned_item) and look.pinned_item not in ids, "a look can only be pinned to one of its own items"),
        (look.state not in STATES, f"the state {look.state!r} is unknown; it is one of {', '.join(STATES)}"),
    )
    if trouble := next((words for bad, words in wrong if bad), ""):
        raise Refused(422, "bad_look", trouble, ids)
    return replace(look, name=name, note=note, tags=tags)
