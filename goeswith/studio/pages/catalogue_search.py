"""Catalogue search: the query of a catalogue page, the items that it shows, and how many each filter would leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from goeswith import Filters
from goeswith.errors import GoeswithError
from goeswith.studio.pages.board import Board
from goeswith.studio.pages.brief import amount
from goeswith.studio.pages.views import groups_of, item
from goeswith.studio.service.catalogue_view import FACETS, Wall
from goeswith.studio.service.limits import TEXT_LENGTH

PAGE = 60
"""Items on one page of the wall."""


@dataclass(frozen=True)
class Wanted:
    """What somebody looks for on the wall."""

    q: str = ""
    category: str = ""
    group: str = ""
    brand: str = ""
    colour: str = ""
    season: str = ""
    gender: str = ""
    price_min: str = ""
    price_max: str = ""
    in_stock: str = ""
    offset: int = 0

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Wanted:
        """As an address says it; what cannot be a page is the first."""
        texts = {name: query.get(name, "").strip() for name in cls.__dataclass_fields__ if name != "offset"}
        offset = query.get("offset", "0")
        return cls(**texts, offset=int(offset) if offset.isdecimal() and len(offset) < 12 else 0)

    def __getitem__(self, name: str) -> str:
        return str(getattr(self, name))

    def filters(self) -> Filters:
        """As the library has them.

        Raises:
            CatalogueError: a price is no number.
        """
        return Filters(
            categories=_one(self.category), groups=_one(self.group), brands=_one(self.brand),
            colours=_one(self.colour), seasons=_one(self.season), genders=_one(self.gender),
            price_min=amount(self.price_min), price_max=amount(self.price_max), in_stock=bool(self.in_stock),
        )  # fmt: skip

    @property
    def narrowed(self) -> int:
        """How many filters are set, beside words and group."""
        told = (*(self[name] for name in FACETS if name != "group"), self.price_min, self.price_max, self.in_stock)
        return sum(map(bool, told))

    @property
    def any(self) -> bool:
        """Whether anything is looked for."""
        return bool(self.q or self.group or self.narrowed)

    def url(self, board: Board, **changed: Any) -> str:
        """Where this is shown, with some of it changed."""
        there = replace(self, **{"offset": 0} | changed)
        told = {name: there[name] for name in self.__dataclass_fields__}
        return board.at("/", **told | {"offset": there.offset or ""})


def _one(value: str) -> tuple[str, ...]:
    return (value,) if value else ()


def found(wall: Wall, wanted: Wanted, board: Board, owner: str) -> dict[str, Any]:
    """What a page of the catalogue shows; a filter that cannot be is told in its place. owner: of photos to show."""
    told = wall.catalogue.items
    try:
        filters, trouble = wanted.filters(), ""
        rows = _mixed(wall, wall.search(wanted.q, filters, owner))
    except GoeswithError as error:
        filters, trouble, rows = Filters(), str(error), np.empty(0, np.int64)
    counts, every = wall.counts(wanted.q, filters, owner), wall.facets()
    further = wanted.offset + PAGE < len(rows)
    return {
        "wanted": wanted, "total": wall.index.size + len(wall.guests_of(owner)), "found": len(rows), "trouble": trouble,
        "items": [item(wall, row) for row in rows[wanted.offset : wanted.offset + PAGE].tolist()],
        "first": wanted.offset == 0,
        "groups": [(name, counts["group"].get(name, 0)) for name, _ in groups_of(every["group"])],
        "facets": [
            (name, _choices(counts[name], wanted[name])) for name in FACETS if name != "group" and len(every[name]) > 1
        ],
        "priced": told["price"].count() > 0, "stocked": "stock" in told.columns,
        "next": wanted.url(board, offset=wanted.offset + PAGE) if further else "", "longest": TEXT_LENGTH,
    }  # fmt: skip


def _choices(counts: Mapping[str, int], chosen: str) -> list[tuple[str, int]]:
    """Values with their counts; the chosen one stays where it leaves nothing, so that it can be seen and taken back."""
    return sorted((counts if not chosen else {chosen: 0} | dict(counts)).items())


def _mixed(wall: Wall, rows: np.ndarray) -> np.ndarray:
    """Rows (n,) in the order of the wall: uploaded items first, the latest of them before all, the others mixed."""
    size = wall.index.size
    own = rows[rows < size]
    guests = rows[rows >= size][::-1]
    return np.concatenate([guests, own[np.argsort(_order(size)[own], kind="stable")]])


@lru_cache(maxsize=2)
def _order(count: int) -> np.ndarray:
    """Places (count,) in a fixed mixed order: an index has its items by category, and a wall of bags says little."""
    order: np.ndarray = np.random.default_rng(0).permutation(count)
    return order
