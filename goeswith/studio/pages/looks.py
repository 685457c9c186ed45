"""Looks page: saved looks as collages with price, state and person; items that can no longer be bought."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from goeswith.errors import CatalogueError, GoeswithError
from goeswith.shop.answers import looks_of
from goeswith.shop.stylist import Filters, Look
from goeswith.studio.pages.arrangement import Spot
from goeswith.studio.pages.board import Board, address
from goeswith.studio.pages.views import Item, item
from goeswith.studio.service.catalogue_view import CatalogueView
from goeswith.studio.service.look_items import Lost, lost
from goeswith.studio.service.looks import STATES, Looks, Piece, SavedLook

PAGE = 48
"""Looks on one page."""
SUBSTITUTES = 6
"""Offered for each item that is sold out or gone."""
NEXT = {"draft": ("approved", "rejected"), "approved": ("live", "rejected"), "rejected": ("approved",),
        "live": ("approved",)}  # fmt: skip
"""State → those that one click leads to."""
VERBS = {"approved": "Approve", "rejected": "Reject", "live": "Show first", "draft": "Back to draft"}


@dataclass(frozen=True)
class Card:
    """A look on the page. pieces: its items, None where gone. look: as judged now, None where one is gone."""

    saved: SavedLook
    pieces: tuple[Item | None, ...]
    lost: tuple[Lost, ...]
    look: Look | None

    @property
    def price(self) -> float | None:
        """Of all items; None where one has none or is gone."""
        return self.look.price if self.look else None

    @property
    def board(self) -> Board:
        """The board that it is opened on."""
        return Board.of([piece.id for piece in self.pieces if piece], (), look=self.saved.look_id, lay=self.lay)

    @property
    def lay(self) -> dict[str, Spot]:
        """Where somebody put its items on the flat lay."""
        read = {piece.item_id: Spot.of(piece.spot) for piece in self.saved.items}
        return {item_id: spot for item_id, spot in read.items() if spot is not None}

    @property
    def pinned(self) -> str:
        """Title of the item that it is pinned to; empty where it is to none."""
        return next((piece.title for piece in self.saved.items if piece.item_id == self.saved.pinned_item), "")

    @property
    def actions(self) -> list[tuple[str, str]]:
        """States that one click leads to, and what the button says."""
        if self.saved.state == "live":
            return [("approved", "No longer first")]
        return [(state, VERBS[state]) for state in NEXT[self.saved.state]]

    @property
    def when(self) -> str:
        """When it was last changed, in words."""
        then = datetime.fromisoformat(self.saved.changed)
        days = (datetime.now(UTC).date() - then.date()).days
        return "today" if days <= 0 else "yesterday" if days == 1 else f"{then.day} {then:%b %Y}"


def cards(view: CatalogueView, looks: Sequence[SavedLook], owner: str) -> list[Card]:
    """Looks as the page shows them, judged in one call."""
    missing = [lost(view, look, owner) for look in looks]
    gone_ids = [{lost_item.piece.item_id for lost_item in losses if lost_item.why == "gone"} for losses in missing]
    complete = [at for at, ids in enumerate(gone_ids) if not ids]
    judged_now = dict(zip(complete, _judged(view, [looks[at].item_ids for at in complete]), strict=True))
    row_of = view.index.row_of
    return [
        Card(
            look,
            tuple(None if item_id in gone_ids[at] else item(view, row_of[item_id]) for item_id in look.item_ids),
            tuple(missing[at]),
            judged_now.get(at),
        )
        for at, look in enumerate(looks)
    ]


def _judged(view: CatalogueView, outfits: Sequence[Sequence[str]]) -> list[Look]:
    """Looks of outfits in one call, with NaN where the model has no score."""
    if not outfits:
        return []
    lengths = np.array([len(ids) for ids in outfits])
    mask = np.arange(lengths.max()) < lengths[:, None]
    rows = np.zeros(mask.shape, np.int64)
    rows[mask] = [view.row(item_id) for ids in outfits for item_id in ids]
    rows = np.where(mask, rows, rows[:, :1])
    scores = view.index.scorer.score(rows, mask)
    return looks_of(view.index, [row[:length] for row, length in zip(rows, lengths, strict=True)], scores)


@dataclass(frozen=True)
class LookFilter:
    """Which looks a page shows."""

    state: str = ""
    tag: str = ""
    q: str = ""
    item: str = ""
    review: str = ""
    offset: int = 0

    @property
    def query(self) -> dict[str, str]:
        """What an address says of it, beside the page."""
        return {name: getattr(self, name) for name in ("state", "tag", "q", "item", "review")}

    def at(self, **changed: Any) -> str:
        """Where the same are shown, with some of it changed."""
        return address("/looks", **self.query | changed)

    def looks(self, store: Looks) -> list[SavedLook]:
        """All of them, of any state."""
        return store.find(tag=self.tag, words=self.q, item=self.item, review=self.review)


def page(view: CatalogueView, store: Looks, look_filter: LookFilter, owner: str, change: int = 0) -> dict[str, Any]:
    """The page of looks. change: what was just done, which can be undone."""
    look_filter = replace(look_filter, item=view.id_of(look_filter.item))
    every = look_filter.looks(store)
    chosen = [look for look in every if look_filter.state in ("", look.state)]
    shown = chosen[look_filter.offset : look_filter.offset + PAGE]
    done = store.last(change) if change else None
    tags = store.tags()
    row = view.index.row_of.get(look_filter.item)
    return {
        "about": item(view, row).name if row is not None else "",
        "look_filter": look_filter, "cards": cards(view, shown, owner), "hits": len(chosen), "tags": tags, "done": done,
        "states": [(state, sum(look.state == state for look in every)) for state in STATES], "all": len(every),
        "next": look_filter.at(offset=look_filter.offset + PAGE) if look_filter.offset + PAGE < len(chosen) else "",
        "announcement": f"{done.sentence}. {len(chosen)} looks" if done else f"{len(chosen)} looks", "board": Board(),
    }  # fmt: skip


@dataclass(frozen=True)
class Repair:
    """An item that cannot be bought, and what may replace it."""

    lost: Lost
    offers: tuple[tuple[Item, str], ...]
    trouble: str = ""


def repair(view: CatalogueView, store: Looks, look_id: str, owner: str) -> dict[str, Any]:
    """Substitutes for what a look has lost: the items that go best in its place and can be bought.

    Raises:
        Refused: there is no such look.
    """
    look = store.get(look_id)
    missing = lost(view, look, owner)
    absent = {lost_item.piece.item_id for lost_item in missing}
    others = [item_id for item_id in look.item_ids if item_id not in absent]
    repairs = [_repair(view, lost_item, others) for lost_item in missing]
    return {"card": cards(view, [look], owner)[0], "repairs": repairs, "board": Board()}


def _repair(view: CatalogueView, lost_item: Lost, others: Sequence[str]) -> Repair:
    piece = lost_item.piece
    filters = Filters(in_stock=view.index.shelf.stock is not None, exclude=_if_listed(view, piece.item_id))
    try:
        if others:
            return Repair(lost_item, tuple(_filled(view, others, piece, filters)))
        near = view.stylist.similar(piece.item_id, filters=filters, k=SUBSTITUTES)
    except GoeswithError as error:
        return Repair(lost_item, (), str(error))
    return Repair(lost_item, tuple((item(view, view.row(other.item_id)), "most like it") for other in near))


def _filled(view: CatalogueView, others: Sequence[str], piece: Piece, filters: Filters) -> list[tuple[Item, str]]:
    """What goes best with the others in the place of a piece: first of its category, then of its group.

    Raises:
        CatalogueError: nothing does.
    """
    offers: list[tuple[Item, str]] = []
    slots = list(dict.fromkeys([piece.category, piece.group or piece.category]))
    for slot in slots:
        taken = replace(filters, exclude=(*filters.exclude, *(it.id for it, _ in offers)))
        try:
            looks = view.stylist.fill(others, slot, filters=taken, k=SUBSTITUTES - len(offers))
        except CatalogueError:
            if slot == slots[-1] and not offers:
                raise
            continue
        offers += [
            (item(view, view.row(look.added[0])), ", ".join(look.findings) or look.verdict or "") for look in looks
        ]
        if len(offers) == SUBSTITUTES:
            break
    return offers


def _if_listed(view: CatalogueView, item_id: str) -> tuple[str, ...]:
    return (item_id,) if item_id in view.index.row_of else ()
