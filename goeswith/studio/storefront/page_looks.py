"""Page looks: the looks of an item on its product page: approved ones first, then those of the model."""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from cachetools import LRUCache

from goeswith.data.filters import Filters
from goeswith.errors import CatalogueError
from goeswith.shop.answers import Look
from goeswith.shop.index import Index
from goeswith.shop.looks import in_body_order
from goeswith.shop.stylist import Stylist
from goeswith.studio.service.catalogue_view import CatalogueView
from goeswith.studio.service.limits import CACHED_LOOKS, PAGE_LOOKS
from goeswith.studio.service.looks import Looks, SavedLook
from goeswith.studio.service.shared import Shop

APPROVED, RANDOM = "approved", "random"
"""Sources of looks that are of no model."""
SHOWN_STATES = ("live", "approved")
"""States of saved looks that pages show, those of the first state first."""


@dataclass(frozen=True)
class PageLook:
    """A look for a page.

    approved: by a person, who gave it its name. rows: of its items, in order. source: who made it: ``approved``,
    ``random``, or a model, see `model_name`.
    """

    look_id: str
    approved: bool
    name: str
    rows: tuple[int, ...]
    source: str = APPROVED


@dataclass(frozen=True)
class Made:
    """Looks that the model made around an item, or why there are none."""

    looks: tuple[PageLook, ...] = ()
    why_none: str = ""


@dataclass(frozen=True)
class Reviewed:
    """What people decided. approved: row of an item → looks for its page. rejected: the rows of each such look."""

    approved: dict[int, list[PageLook]] = field(default_factory=dict)
    rejected: frozenset[frozenset[int]] = frozenset()

    def looks(self, row: int, made: Made, limit: int) -> list[PageLook]:
        """The looks on the page of an item: approved ones, then made ones; none twice and none that was rejected."""
        return once([*self.approved.get(row, ()), *self.allowed(made.looks)])[:limit]

    def allowed(self, looks: Sequence[PageLook]) -> list[PageLook]:
        """Those that nobody rejected."""
        return [look for look in looks if frozenset(look.rows) not in self.rejected]


def once(looks: Sequence[PageLook]) -> list[PageLook]:
    """Of looks with the same items, the first."""
    first: dict[frozenset[int], PageLook] = {}
    for look in looks:
        first.setdefault(frozenset(look.rows), look)
    return list(first.values())


class PageLooks:
    """Finds the looks of items; keeps those that the model made as long as the index is open."""

    def __init__(self, shop: Shop, store: Looks) -> None:
        self.shop, self.store = shop, store
        self._made: WeakKeyDictionary[CatalogueView, LRUCache[int, Made]] = WeakKeyDictionary()
        self._making: dict[tuple[CatalogueView, int], asyncio.Task[Made]] = {}
        self._reviewed: tuple[CatalogueView | None, int, Reviewed] = (None, -1, Reviewed())

    def reviewed(self, view: CatalogueView) -> Reviewed:
        """What people decided; read again after a change.

        Raises:
            DataError: see `Looks`.
        """
        version = self.store.version()
        for_view, at_version, looks = self._reviewed
        if for_view is not view or at_version != version:
            looks = reviewed(view, self.store)
            self._reviewed = view, version, looks
        return looks

    async def made(self, view: CatalogueView, row: int) -> Made:
        """The looks that the model makes around an item. They are made once; others who ask meanwhile wait for them.

        Raises:
            Refused: there is too much to do.
        """
        cached = self._made.setdefault(view, LRUCache(CACHED_LOOKS))
        if (made := cached.get(row)) is not None:
            return made
        key = view, row
        if key not in self._making:
            self._making[key] = asyncio.create_task(self.shop.page_workers.run(make, view.stylist, row))
            self._making[key].add_done_callback(lambda task: self._keep(key, task))
        return await asyncio.shield(self._making[key])  # a client that hangs up takes nothing from the others

    def _keep(self, key: tuple[CatalogueView, int], task: asyncio.Task[Made]) -> None:
        del self._making[key]
        if not task.cancelled() and task.exception() is None:
            self._made.setdefault(key[0], LRUCache(CACHED_LOOKS))[key[1]] = task.result()


def make(stylist: Stylist, row: int) -> Made:
    """Looks around an item, of what is in stock."""
    index = stylist.index
    filters = Filters(in_stock=index.shelf.stock is not None)
    try:
        looks = stylist.complete([index.catalogue.ids[row]], filters=filters, k=PAGE_LOOKS)
    except CatalogueError as error:
        return Made(why_none=str(error))
    return Made(tuple(made_look(stylist, look) for look in looks))


def made_look(stylist: Stylist, look: Look, source: str = "") -> PageLook:
    """A look of the stylist for a page: its first item first, the others from the top down. source: not the model."""
    rows = tuple(stylist.index.row_of[item_id] for item_id in in_body_order(stylist, look))
    return PageLook(
        _id_of(look.item_ids), approved=False, name="", rows=rows, source=source or model_name(stylist.index)
    )


def model_name(index: Index) -> str:
    """A model and which weights it has: the same in every index that was made with it."""
    model = index.info["model"]
    return f"{model['title']} {model['weights'][:6]}"


def _id_of(item_ids: Sequence[str]) -> str:
    """Of the same items, the same id, in every index."""
    return "made-" + hashlib.sha256("\n".join(sorted(item_ids)).encode()).hexdigest()[:16]


def reviewed(view: CatalogueView, store: Looks) -> Reviewed:
    """What people decided. Looks with an item that is gone or sold out, or with an uploaded photo, are left out.

    On the page of an item, looks come first that are pinned to it, then those that are live, then those that begin
    with the item, then the latest. The same items that were approved twice are one look.
    """
    arrays, size = view.index.shelf, view.index.size
    ranked: dict[int, list[tuple[tuple[bool, int, bool], PageLook]]] = defaultdict(list)
    rejected = set()
    for saved in store.find():
        rows = tuple(arrays.row_of.get(item_id, size) for item_id in saved.item_ids)
        if saved.state == "rejected":
            rejected.add(frozenset(rows))
        if saved.state not in SHOWN_STATES or max(rows) >= size:
            continue
        if arrays.stock is None or arrays.stock[list(rows)].all():
            look = PageLook(saved.look_id, approved=True, name=saved.name, rows=rows)
            for position, row in enumerate(rows):
                ranked[row].append((_rank(saved, position), look))
    approved = {
        row: once([look for _, look in sorted(pairs, key=lambda pair: pair[0])]) for row, pairs in ranked.items()
    }
    return Reviewed(approved, frozenset(rejected))


def _rank(saved: SavedLook, position: int) -> tuple[bool, int, bool]:
    """Of a look on the page of the item at that position; the lowest comes first."""
    return saved.pinned_item != saved.item_ids[position], SHOWN_STATES.index(saved.state), position > 0
