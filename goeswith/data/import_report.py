"""Import report: how an import read a source: columns, rows, groups, what is missing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from goeswith.tables import plain

WANTED = (
    "title",
    "image",
    "price",
    "colour",
    "material",
    "pattern",
    "brand",
    "season",
    "gender",
    "stock",
    "link",
    "currency",
)
"""Columns of items that searches, models and pages make use of."""
SHOWN = 24
"""Columns and categories that are listed by name."""


@dataclass(frozen=True)
class ImportReport:
    """What was made of a source.

    layout: by which it was read. taken: our column → theirs, or how it was derived. unused: theirs that were not taken.
    rows: of the source. items: the table that they became. pictures: ids of items that have one, or its address.
    """

    layout: str
    taken: Mapping[str, str]
    unused: Sequence[str]
    rows: int
    items: pl.DataFrame
    pictures: Collection[str] = frozenset()

    @property
    def lines(self) -> list[str]:
        """The tables, line by line."""
        taken = [[header, field] for field, header in self.taken.items()]
        lines = [f"read as layout {self.layout!r}:", *plain(["column", "field"], taken).splitlines()] if taken else []
        if self.unused:
            more = f" and {len(self.unused) - SHOWN} more" if len(self.unused) > SHOWN else ""
            lines.append(f"not used: {', '.join(self.unused[:SHOWN])}{more}")
        lines.append(f"{self.rows:,} rows → {len(self.items):,} items{self._products}")
        missing = ", ".join(f"{name} {count:,}" for name, count in self.missing.items())
        lines.append(f"missing of {len(self.items):,} items: {missing or 'nothing'}")
        groups = self.items["group"].value_counts().sort("count", "group", descending=[True, False])
        lines.append(f"groups: {', '.join(f'{name} {count:,}' for name, count in groups.iter_rows())}")
        return lines

    @property
    def _products(self) -> str:
        """How many products the source says that they are of; where it says nothing, an index finds them out."""
        if "product_id" not in self.items.columns:
            return ""
        declared = self.items["product_id"]
        return f" of {declared.n_unique() - bool(declared.null_count()) + declared.null_count():,} products"

    @property
    def missing(self) -> dict[str, int]:
        """Column → items for which it says nothing, where there are any."""
        counts = {name: self._without(name) for name in WANTED}
        return {name: count for name, count in counts.items() if count}

    def _without(self, name: str) -> int:
        if name == "image":
            return sum(item_id not in self.pictures for item_id in self.items["item_id"])
        if name not in self.items.columns:
            return len(self.items)
        column = self.items[name]
        empty = column.is_null() | (column.cast(pl.String) == "")
        return int(empty.fill_null(True).sum())
