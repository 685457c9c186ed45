"""Catalogue: the table of items that outfits are made of."""

import hashlib
from functools import cached_property

import numpy as np
import polars as pl

from goeswith.errors import CatalogueError

COLUMNS: dict[str, type[pl.DataType]] = {
    "item_id": pl.String,
    "category": pl.String,
    "group": pl.String,
    "title": pl.String,
    "image": pl.String,
    "price": pl.Float64,
    "colour": pl.String,
    "material": pl.String,
    "pattern": pl.String,
    "brand": pl.String,
    "season": pl.String,
    "gender": pl.String,
}
"""Columns that goeswith knows; every catalogue has all of them (null where unknown), and may have more."""

GROUPS = ("top", "bottom", "dress", "outer", "shoes", "bag", "accessory", "other")


class Catalogue:
    """Items in a fixed order: an item's row number is what outfits, features and models speak of.

    Args:
        items: one row per item, with at least ``item_id`` and ``category``; known columns that are
            missing are added as null, known columns are cast to their type.

    Raises:
        CatalogueError: a needed column is missing, an id is empty or duplicated, a category is null.
    """

    def __init__(self, items: pl.DataFrame) -> None:
        for needed in ("item_id", "category"):
            if needed not in items.columns:
                raise CatalogueError(
                    f"the item table has no column {needed!r} (it has {', '.join(items.columns)}); "
                    "rename the column or map it with --column"
                )
        for name, dtype in COLUMNS.items():
            column = pl.col(name).cast(dtype, strict=False) if name in items.columns else pl.lit(None, dtype)
            items = items.with_columns(column.alias(name))
        ids = items["item_id"]
        empty = (ids.is_null() | (ids.str.strip_chars() == "")).arg_true()
        if len(empty):
            raise CatalogueError(f"row {empty[0] + 1} of the item table has an empty item_id; give it one")
        if ids.n_unique() != len(ids):
            twice = ids.filter(ids.is_duplicated())[0]
            raise CatalogueError(f"item id {twice!r} appears more than once in the item table; ids must be unique")
        bare = items["category"].is_null().arg_true()
        if len(bare):
            raise CatalogueError(
                f"item {ids[bare[0]]!r} (row {bare[0] + 1} of the item table) has no category; give it one"
            )
        further = [name for name in items.columns if name not in COLUMNS]
        self.items = items.select(*COLUMNS, *further)

    def __len__(self) -> int:
        return len(self.items)

    @cached_property
    def ids(self) -> list[str]:
        """Item ids by row."""
        return self.items["item_id"].to_list()

    @cached_property
    def categories(self) -> list[str]:
        """Distinct categories, sorted: the vocabulary behind `category_codes`."""
        return sorted(self.items["category"].unique().to_list())

    @cached_property
    def category_codes(self) -> np.ndarray:
        """(U,) int64: position of each item's category in `categories`."""
        return self.codes("category")[0]

    @cached_property
    def fingerprint(self) -> str:
        """12 hex digits over ids, categories, titles and picture names: equal catalogues, equal fingerprints."""
        hasher = hashlib.sha256()
        for name in ("item_id", "category", "title", "image"):
            column = self.items[name].fill_null("\x00").str.join("\x1f")
            hasher.update(str(column[0]).encode() + b"\x1e")
        return hasher.hexdigest()[:12]

    def codes(self, column: str) -> tuple[np.ndarray, list[str]]:
        """Integer codes (U,) int64 of a text column and its sorted vocabulary; null is −1.

        Raises:
            CatalogueError: the catalogue has no such column.
        """
        if column not in self.items.columns:
            raise CatalogueError(f"the catalogue has no column {column!r}; it has {', '.join(self.items.columns)}")
        values = self.items[column].cast(pl.String)
        vocabulary = sorted(values.drop_nulls().unique().to_list())
        code_of = {word: code for code, word in enumerate(vocabulary)}
        codes = values.replace_strict(code_of, default=-1, return_dtype=pl.Int64)
        return codes.fill_null(-1).to_numpy().astype(np.int64), vocabulary

    def rows(self, item_ids: list[str] | pl.Series, where: str = "the list") -> np.ndarray:
        """Row numbers (len,) int64 of item ids; `where` is named when one is unknown.

        Raises:
            CatalogueError: an id is not in the catalogue.
        """
        ids = pl.Series("item_id", item_ids, dtype=pl.String)
        table = self.items.select("item_id").with_row_index("row")
        rows = ids.to_frame().join(table, on="item_id", how="left", maintain_order="left")["row"]
        unknown = rows.is_null().arg_true()
        if len(unknown):
            raise CatalogueError(
                f"{where} names {len(unknown)} item{'s' * (len(unknown) > 1)} that the catalogue does not have, "
                f"the first is {ids[unknown[0]]!r}; add the item or remove it from the list"
            )
        return rows.to_numpy().astype(np.int64)
