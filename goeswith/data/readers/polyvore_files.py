"""Polyvore files: parsers for each file of the Maryland set and of its forks, all with the same result type."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl

from goeswith.data.outfits import SPLITS
from goeswith.errors import DataError
from goeswith.files import read_json, read_lines, read_table

FACTS: dict[str, type[pl.DataType]] = {
    "set_id": pl.String,
    "index": pl.Int64,
    "title": pl.String,
    "code": pl.String,
    "kind": pl.String,
    "price": pl.Float64,
    "likes": pl.Int64,
    "file": pl.String,
    "split": pl.String,
}
"""Facts about an item: its outfit and place there, name, category code, coarse kind, price, likes; who tells them, and
which split that file is of."""


def facts_of(path: Path) -> pl.DataFrame:
    """The facts in one of the files of `PARTS`: one row per item, null where the file does not say.

    Raises:
        DataError: the file is broken, or not in its published form.
    """
    split, parse = PARTS[path.name]
    try:
        table = parse(path).with_columns(file=pl.lit(path.name), split=pl.lit(split))
        absent = [pl.lit(None, kind).alias(name) for name, kind in FACTS.items() if name not in table.columns]
        return table.with_columns(absent).select(pl.col(name).cast(kind) for name, kind in FACTS.items())
    except (pl.exceptions.PolarsError, TypeError, KeyError, AttributeError) as error:
        reason = (str(error).splitlines() or [""])[0]
        raise DataError(f"{path} is not in its published form ({reason}); restore the published file") from None


def category_names(path: Path | None) -> dict[str, str]:
    """Category code → name, of lines "code name"; empty where the file is not there."""
    if path is None:
        return {}
    parts = read_lines(path).str.strip_chars().str.splitn(" ", 2).struct.unnest()
    return dict(parts.drop_nulls().iter_rows())


def _outfits(path: Path) -> pl.DataFrame:
    """<split>_no_dup.json: outfits with their items' index, name, price, likes and categoryid."""
    items = [{"set_id": str(outfit["set_id"]), **item} for outfit in read_json(path, list) for item in outfit["items"]]
    table = pl.DataFrame(items, strict=False, infer_schema_length=None)
    return table.select("set_id", "index", "price", "likes", title="name", code="categoryid")


def _named(path: Path) -> pl.DataFrame:
    """named_items.parquet: one row per item."""
    return read_table(path).select(
        "set_id",
        index="clothingItemIndex",
        title="clothingItemName",
        code="clothingItemCategoryId",
        kind="type",
        price="clothingItemPrice",
        likes="clothingItemLikes",
    )


def _roles(path: Path) -> pl.DataFrame:
    """<split>_no_dup_with_category_3more_name.json: set_id → role → index and name."""
    items = [
        {"set_id": set_id, "kind": role, "index": item["index"], "title": item["name"]}
        for set_id, roles in read_json(path, dict).items()
        for role, item in roles.items()
    ]
    return pl.DataFrame(items)


def _codes(path: Path) -> pl.DataFrame:
    """<split>_no_dup_new_100.json: outfits with their items' indices and category codes."""
    table = pl.DataFrame(read_json(path, list)).explode("items_category", "items_index")
    return table.select("set_id", index="items_index", code="items_category")


PARTS: dict[str, tuple[str | None, Callable[[Path], pl.DataFrame]]] = {
    **{f"{split}_no_dup.json": (split, _outfits) for split in SPLITS},
    "named_items.parquet": (None, _named),
    **{f"{split}_no_dup_with_category_3more_name.json": (split, _roles) for split in SPLITS},
    **{f"{split}_no_dup_new_100.json": (split, _codes) for split in SPLITS},
}
"""File → its split (None: of all splits) and how it is read; the first file that tells a fact is believed."""
