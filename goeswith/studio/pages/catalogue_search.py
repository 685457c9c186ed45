"""Catalogue search: the query of a catalogue page, its results, and the count of each filter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl
from starlette.datastructures import QueryParams

from goeswith import Filters
from goeswith.data.filters import COLUMN_OF
from goeswith.errors import GoeswithError
from goeswith.shop.prices import price
from goeswith.studio.pages.board import Board
from goeswith.studio.pages.brief import amount
from goeswith.studio.pages.views import currency, groups_of, item
from goeswith.studio.service.catalogue_view import FACETS, Answer, CatalogueView
from goeswith.studio.service.limits import FILTER_VALUES, TEXT_LENGTH

PAGE = 60
"""Items on one page of the catalogue."""
CHOICES = tuple(name for name in FACETS if name != "group")
"""Columns of which several values may be chosen; of groups it is one."""
DATES = ("created_at", "published_at", "added", "date", "updated_at")
"""Columns that may say when an item came into the catalogue; the first that there is counts."""
SORTS = {"": "Relevance", "new": "Newest first", "cheap": "Price, lowest first", "dear": "Price, highest first",
         "name": "Name"}  # fmt: skip


@dataclass(frozen=True)
class CatalogueQuery:
    """What somebody looks for in the catalogue.

    values: column of `CHOICES` → the values that it may have, where some are chosen.
    """

    q: str = ""
    group: str = ""
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    price_min: str = ""
    price_max: str = ""
    in_stock: str = ""
    sort: str = ""
    offset: int = 0

    @classmethod
    def of(cls, query: QueryParams) -> CatalogueQuery:
        """As an address says it; what cannot be a page is the first, what cannot be an order is the usual one."""
        lists = {name: tuple(dict.fromkeys(filter(None, query.getlist(name))))[:FILTER_VALUES] for name in CHOICES}
        values = {name: chosen for name, chosen in lists.items() if chosen}
        names = ("q", "group", "price_min", "price_max", "in_stock")
        texts = {name: query.get(name, "").strip()[:TEXT_LENGTH] for name in names}
        sort, offset = query.get("sort", ""), query.get("offset", "0")
        first = int(offset) if offset.isdecimal() and len(offset) < 12 else 0
        return cls(**texts, values=values, sort=sort if sort in SORTS else "", offset=first)

    def spelled(self, view: CatalogueView) -> CatalogueQuery:
        """The same with its values as the catalogue writes them."""
        spelled = view.index.shelf.spelled
        values = {
            name: tuple(dict.fromkeys(spelled(name, value) for value in chosen)) for name, chosen in self.values.items()
        }
        return replace(self, group=spelled("group", self.group), values=values)

    def __getitem__(self, name: str) -> Any:
        return self.values.get(name, ()) if name in CHOICES else getattr(self, name)

    def filters(self) -> Filters:
        """As the library has them.

        Raises:
            CatalogueError: a price is not a number.
        """
        chosen = {**self.values, "group": (self.group,) if self.group else ()}
        lists: dict[str, Any] = {name: chosen.get(column, ()) for name, column in COLUMN_OF.items()}
        low, high = amount(self.price_min), amount(self.price_max)
        return Filters(**lists, price_min=low, price_max=high, in_stock=bool(self.in_stock))

    @property
    def narrowed(self) -> int:
        """How many filters are set, beside words and group."""
        return sum(len(self[name]) for name in CHOICES) + sum(
            map(bool, (self.price_min, self.price_max, self.in_stock))
        )

    @property
    def any(self) -> bool:
        """Whether anything is looked for."""
        return bool(self.q or self.group or self.narrowed)

    def url(self, board: Board, **changed: Any) -> str:
        """Where this is shown, with some of it changed."""
        lists = {name: changed.pop(name, self[name]) for name in CHOICES}
        changed_query = replace(self, **{"offset": 0} | changed)
        others = {
            name: changed_query[name]
            for name in self.__dataclass_fields__
            if name not in ("values", "group", "q", "offset")
        }
        return board.at(
            "/catalogue",
            q=changed_query.q,
            group=changed_query.group,
            **lists,
            **others,
            offset=changed_query.offset or "",
        )

    def chosen(self, board: Board, sign: str) -> list[tuple[str, str]]:
        """Every filter that is set, in words, and where the catalogue is without it. sign: the currency."""
        set_filters = [
            (value, self.url(board, **{name: tuple(other for other in self[name] if other != value)}))
            for name in CHOICES for value in self[name]
        ]  # fmt: skip
        for name, word in (("price_min", "from"), ("price_max", "up to")):
            if self[name]:
                set_filters.append((f"{word} {_price_text(self[name], sign)}", self.url(board, **{name: ""})))
        return [*set_filters, *([("in stock", self.url(board, in_stock=""))] if self.in_stock else [])]


def _price_text(text: str, sign: str) -> str:
    try:
        return price(amount(text) or 0.0, sign)
    except GoeswithError:
        return text


def results(view: CatalogueView, query: CatalogueQuery, board: Board, owner: str) -> dict[str, Any]:
    """What a page of the catalogue shows; an impossible filter is explained in its place. owner: of photos to show."""
    query = query.spelled(view)
    table, answer = view.catalogue.items, view.answer(query.q, owner)
    try:
        filters, trouble = query.filters(), ""
        rows = ordered(view, view.search(query.q, filters, owner), answer, query.sort)
    except GoeswithError as error:
        filters, trouble, rows = Filters(), str(error), np.empty(0, np.int64)
    counts, every = view.counts(query.q, filters, owner), view.facets()
    further, sign = query.offset + PAGE < len(rows), currency(view)
    return {
        "query": query, "total": view.index.size + len(view.guests_of(owner)), "hits": len(rows), "trouble": trouble,
        "items": [item(view, row) for row in rows[query.offset : query.offset + PAGE].tolist()],
        "first": query.offset == 0, "reading": _reading(answer) if query.q else "",
        "groups": [(name, number) for name, _ in groups_of(every["group"])
                   if (number := counts["group"].get(name, 0)) or query.group == name],
        "facets": [(name, _choices(counts[name], query[name])) for name in CHOICES if len(every[name]) > 1],
        "priced": table["price"].count() > 0, "stocked": "stock" in table.columns, "sorts": _sorts(view),
        "chosen": query.chosen(board, sign),
        "next": query.url(board, offset=query.offset + PAGE) if further else "", "longest": TEXT_LENGTH,
    }  # fmt: skip


def _reading(answer: Answer) -> str:
    """How the words were read where that is not as they are written: a sentence, or nothing."""
    read = ", ".join(f"“{word}” as “{other}”" for word, other in answer.corrected.items())
    if answer.reading == "meaning":
        return "No item has all these words; these come closest in meaning."
    if answer.reading == "some" and answer.relevance.any():
        return "No item has all these words; these have most of them."
    return f"Searched for {read}." if read and answer.reading == "all" else ""


def _choices(counts: Mapping[str, int], chosen: Sequence[str]) -> list[tuple[str, int]]:
    """Values with their counts; a chosen one stays where it leaves nothing, so that it can be seen and taken back."""
    some = sorted(counts, key=lambda value: -counts[value])[:FILTER_VALUES]
    return sorted((dict.fromkeys(chosen, 0) | {value: counts[value] for value in some}).items())


def _sorts(view: CatalogueView) -> list[tuple[str, str]]:
    """Orders that this catalogue can be put in, with their names."""
    items = view.catalogue.items
    lacking = {"new"} if _dates(items) is None else set()
    if not items["price"].count():
        lacking |= {"cheap", "dear"}
    return [(name, words) for name, words in SORTS.items() if name not in lacking]


def _dates(items: pl.DataFrame) -> pl.Series | None:
    """When each item came, as text that can be sorted; None where the catalogue does not say."""
    name = next((name for name in DATES if name in items.columns and items[name].count()), None)
    return None if name is None else items[name].cast(pl.String)


def ordered(view: CatalogueView, rows: np.ndarray, answer: Answer, sort: str = "") -> np.ndarray:
    """Rows (n,) in the order of the page: uploaded items first, the latest of them before all, then what is asked for.

    Where nothing is, the most relevant come first, and of those alike a mixture: an index has its items by category.
    What has no price or date comes last, and of those alike what no outfit can be made with.
    """
    size, items = view.index.size, view.catalogue.items
    own, guests = rows[rows < size], rows[rows >= size][::-1]
    mixed = own[np.lexsort((_order(size)[own], ~view.index.known[own]))]
    keys: dict[str, pl.Series | None] = {
        "": pl.Series(answer.relevance), "new": _dates(items), "cheap": items["price"], "dear": items["price"],
        "name": items["title"].fill_null("").str.to_lowercase(),
    }  # fmt: skip
    key = keys[sort]
    if key is not None and len(mixed):
        falling = sort in ("", "new", "dear")
        mixed = mixed[key.gather(mixed).arg_sort(descending=falling, nulls_last=True).to_numpy()]
    return np.concatenate([guests, mixed])


@lru_cache(maxsize=2)
def _order(count: int) -> np.ndarray:
    """Positions (count,) in a fixed mixed order: an index has its items by category, and a page of bags says little."""
    order: np.ndarray = np.random.default_rng(0).permutation(count)
    return order
