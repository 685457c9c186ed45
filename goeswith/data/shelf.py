"""Shelf: a catalogue as arrays, for fast filters and look-ups of names, prices, stock and values."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import polars as pl
from cachetools import LRUCache

from goeswith.data.catalogue import Catalogue
from goeswith.data.cells import numbers
from goeswith.data.near_names import NearNames, meant
from goeswith.data.products import COMPUTED, products
from goeswith.data.variants import listed
from goeswith.errors import CatalogueError

IN_STOCK = ("true", "yes", "y", "in stock", "in_stock", "instock", "available")
"""Words of a column ``stock`` that say an item can be bought; so does any number above 0."""
FEW = 8
"""Items that a message lists of those that one name means."""
NAME_ONE = "; name one of them"
"""What to do about such a name; the ids of the items follow."""
KEPT = 32
"""Answers to the latest filters that a shelf remembers: a shop asks the same few again and again."""


class Shelf:
    """A catalogue as arrays that answer quickly, each made when it is first asked for; see `shelf`."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.items = catalogue.items
        self._codes: dict[str, tuple[np.ndarray, dict[str, int]]] = {}
        self._written: dict[str, dict[str, list[str]]] = {}  # column → value without case → as it is written
        self.answers: LRUCache[Any, np.ndarray] = LRUCache(KEPT)
        """Filters → the rows that pass them; for `goeswith.data.filters`, which holds the lock."""
        self.lock = Lock()

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Item id → row."""
        return {item_id: row for row, item_id in enumerate(self.items["item_id"].to_list())}

    @cached_property
    def rows_by_name(self) -> dict[str, list[int]]:
        """Rows of the items of a SKU, and of a product where that is no SKU."""
        rows: dict[str, list[int]] = {}
        for column in ("product_id", "skus"):
            if column not in self.items.columns:
                continue
            text, found = pl.col(column).cast(pl.String), dict[str, list[int]]()
            table = self.items.select(text).with_row_index("row").filter((text != "") & ~text.str.starts_with(COMPUTED))
            for row, value in table.iter_rows():
                for name in listed(value) if column == "skus" else [value]:
                    found.setdefault(name, []).append(row)
            rows |= found
        return rows

    @cached_property
    def near_names(self) -> NearNames:
        """The ids, SKUs and products that are like a name which no item has."""
        return NearNames(self.row_of, self.rows_by_name)

    @cached_property
    def prices(self) -> np.ndarray:
        """(U,) float64; NaN where unknown."""
        return self.items["price"].fill_null(math.nan).to_numpy()

    @cached_property
    def stock(self) -> np.ndarray | None:
        """(U,) bool by the column ``stock``; None where the catalogue has none."""
        if "stock" not in self.items.columns:
            return None
        text = pl.col("stock").cast(pl.String).str.strip_chars().str.to_lowercase()
        counted = numbers(self.items["stock"]) > 0  # NaN is unknown, and passes no filter
        in_stock = text.is_in(IN_STOCK).fill_null(False) | counted.fill_null(False)
        return self.items.select(in_stock).to_series().to_numpy()

    @cached_property
    def products(self) -> np.ndarray:
        """(U,) int64: equal for the variants of one product, see `goeswith.data.products`."""
        return products(self.items)

    def column(self, name: str) -> str | None:
        """The column of a name, whatever the case of its letters; None where there is none, or several have it so."""
        columns = self.items.columns
        alike = [column for column in columns if _caseless(column) == _caseless(name)]
        return name if name in columns else alike[0] if len(alike) == 1 else None

    def codes(self, column: str) -> tuple[np.ndarray, dict[str, int]]:
        """(U,) int32 codes of a text column, −1 where null, and the code of each value, in sorted order."""
        if column not in self._codes:
            texts = self.items[column].cast(pl.String)
            distinct = texts.drop_nulls().unique().sort()
            table = pl.DataFrame({"value": distinct, "code": np.arange(len(distinct), dtype=np.int32)})
            codes = texts.to_frame("value").join(table, on="value", how="left", maintain_order="left")["code"]
            vocabulary = {value: code for code, value in enumerate(distinct.to_list())}
            self._codes[column] = codes.fill_null(-1).to_numpy(), vocabulary
        return self._codes[column]

    def values(self, column: str, rows: np.ndarray) -> list[str | None]:
        """What a text column says of some rows (n,), None where it says nothing."""
        codes, vocabulary = self.codes(column)
        names = [*vocabulary, None]
        return [names[code] for code in codes[rows].tolist()]

    def written(self, column: str, value: str) -> list[str]:
        """How the catalogue writes a value of a text column, whatever its case; empty where it has none such."""
        if column not in self._written:
            forms: dict[str, list[str]] = {}
            for form in self.codes(column)[1]:
                forms.setdefault(_caseless(form), []).append(form)
            self._written[column] = forms
        return self._written[column].get(_caseless(value), [])

    def spelled(self, column: str, value: str) -> str:
        """A value of a text column as the catalogue writes it; an unknown one stays as it is."""
        forms = self.written(column, value) if column in self.items.columns else []
        return value if value in forms or not forms else forms[0]

    def having(self, column: str, values: Iterable[str]) -> np.ndarray:
        """(U,) bool: items with one of the values in a text column, whatever the case of the letters.

        Raises:
            CatalogueError: a value is unknown, of which the nearest known one is named; or there is no such column.
        """
        if column not in self.items.columns:
            raise CatalogueError(
                f"the filter by {column} needs a column {column!r}, which the item table does not have; "
                "import the catalogue with one or leave the filter out",
                reason="bad_filters",
            )
        codes, vocabulary = self.codes(column)
        chosen = np.zeros(len(vocabulary) + 1, bool)  # the last one, code −1, is null
        for value in values:
            if not (forms := self.written(column, value)):
                raise CatalogueError(
                    f"no item has the {column} {value!r}; {nearest(value, list(vocabulary))}", reason="bad_filters"
                )
            chosen[[vocabulary[form] for form in forms]] = True
        return chosen[codes]

    def meant(self, name: str) -> list[int]:
        """Rows of the items that a name may mean: that of this id, else those with this SKU, else of this product.

        Where nothing is written like this, those of all that are but for case and surrounding blanks.
        """
        return [*dict.fromkeys(row for other in self._spellings(name) for row in self._written_as(other))]

    def _spellings(self, name: str) -> list[str]:
        """A name if it is written so, else how it is written."""
        return [name] if self._written_as(name) else self.near_names.same(name)

    def _written_as(self, name: str) -> list[int]:
        row = self.row_of.get(name)
        return self.rows_by_name.get(name, []) if row is None else [row]

    def unknown(self, name: str, where: str = "") -> CatalogueError:
        """The error that no item has this name, with the nearest names that there are."""
        near = self.near_names.near(name)
        start = f"{where} names item {name!r}, which the catalogue does not have"
        rows = dict.fromkeys(row for other in near for row in self.meant(other))
        return CatalogueError(
            f"{start if where else f'the catalogue has no item {name!r}'}; {meant(near)}",
            reason="unknown_item",
            item_ids=[name],
            choices=self.items["item_id"].gather([*rows][:FEW]).to_list(),
        )

    def named(self, name: str, where: str = "") -> list[int]:
        """The same, at least one, and not several that differ in case. where: what names it, such as a row of a file.

        Raises:
            CatalogueError: there is none, or the name is written in several ways, which are other items each.
        """
        rows = self.meant(name)
        if not rows:
            raise self.unknown(name, where)
        if len(rows) > 1 and len({tuple(self._written_as(other)) for other in self._spellings(name)}) > 1:
            raise self._several(name, rows, where)
        return rows

    def row(self, name: str, where: str = "") -> int:
        """Row of the one item that a name means, see `named`.

        Raises:
            CatalogueError: there is none, or there are several, which are listed.
        """
        if (row := self.row_of.get(name)) is not None:
            return row
        rows = self.named(name, where)
        if len(rows) > 1:
            raise self._several(name, rows, where)
        return rows[0]

    def _several(self, name: str, rows: Sequence[int], where: str) -> CatalogueError:
        """The error that a name means all of these items."""
        ids = self.items["item_id"].gather([*rows]).to_list()
        more = f" and {len(ids) - FEW:,} more" if len(ids) > FEW else ""
        start = f"{where} names {name!r}, which is" if where else f"{name!r} is"
        return CatalogueError(
            f"{start} {len(ids):,} items{NAME_ONE}: {', '.join(ids[:FEW])}{more}",
            reason="ambiguous_item",
            item_ids=ids[:FEW],
            choices=ids[:FEW],
        )

    def rows(self, names: Sequence[str], where: str = "") -> np.ndarray:
        """Rows (n,) int64 of items by their ids, or other names of theirs, see `row`.

        Raises:
            CatalogueError: see `row`.
        """
        return np.array([self.row(name, where) for name in names], np.int64)

    def other_names(self, names: pl.Series, where: Callable[[int], str]) -> dict[str, str]:
        """Those of some names that are no ids, such as SKUs, and the ids they mean. where: what has a name, by index.

        Raises:
            CatalogueError: see `row`.
        """
        ids = self.items["item_id"]
        others = names.to_frame("name").with_row_index().filter(~pl.col("name").is_in(ids.implode()))
        first = others.unique("name", keep="first", maintain_order=True)
        return {name: ids[self.row(name, where(index))] for index, name in first.iter_rows()}

    def need_prices(self, feature: str, reason: str) -> None:
        """Raise CatalogueError where no item has a price."""
        if np.isnan(self.prices).all():
            raise CatalogueError(
                f"{feature} needs prices, and no item of the catalogue has one; import it with prices", reason=reason
            )


def _caseless(value: str) -> str:
    """A value as it is compared: without surrounding blanks, whatever the case of its letters."""
    return value.strip().casefold()


def nearest(word: str, names: Sequence[str]) -> str:
    """What to do about an unknown word: the nearest known one, or some that there are."""
    lower = {name.lower(): name for name in names}
    close = difflib.get_close_matches(word.lower(), list(lower), n=1, cutoff=0.6)
    if close:
        return f"did you mean {lower[close[0]]!r}?"
    some = ", ".join(names[:6])
    return f"there are: {some}{' and more' if len(names) > 6 else ''}" if names else "the column is empty"


def shelf(catalogue: Catalogue) -> Shelf:
    """The arrays of a catalogue, kept as long as it lives."""
    if catalogue not in _SHELVES:
        _SHELVES[catalogue] = Shelf(catalogue)
    return _SHELVES[catalogue]


_SHELVES: WeakKeyDictionary[Catalogue, Shelf] = WeakKeyDictionary()
