"""google: the product feed of Google Merchant Center, as CSV, TSV or XML; many other feeds are similar."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from goeswith.data.product_words import availability, not_understood
from goeswith.data.readers.headers import Columns, Spellings, expect_columns, under_our_names
from goeswith.data.variants import FIELDS, Variants

SPELLINGS: Spellings = {
    **dict.fromkeys(FIELDS, ""),
    "variant_id": "id",
    "product_id": "item_group_id",
    "title": "title",
    "description": "description",
    "link": "link",
    "image": "image_link",
    "further_images": "additional_image_link additional_image_links",
    "availability": "availability",
    "price": "price",
    "sale_price": "sale_price",
    "sale_dates": "sale_price_effective_date",
    "taxonomy": "google_product_category",
    "category": "product_type",
    "brand": "brand",
    "gtin": "gtin",
    "colour": "color colour",
    "material": "material",
    "pattern": "pattern",
    "size": "size",
    "gender": "gender",
    "age_group": "age_group",
    "currency": "currency",
}
NEEDED = {"variant_id": "id", "title": "title", "price": "price"}


def matches(headers: set[str]) -> bool:
    """Whether a table with these headers is such a feed."""
    return headers >= {"id", "title"} and bool(headers & {"image_link", "item_group_id", "google_product_category"})


def variants(table: pl.DataFrame, chosen: Mapping[str, str], where: Path, *, site: str | None = None) -> Variants:
    """The variants of a feed; those of one ``item_group_id`` are one product.

    Args:
        chosen: see `under_our_names`. site: not used; a feed has its links.

    Raises:
        DataError: it is no such feed.
    """
    columns = under_our_names(table, SPELLINGS, chosen, where)
    expect_columns(columns.taken, NEEDED, "google", where)
    return of_feed(columns)


def of_feed(columns: Columns) -> Variants:
    """The variants of any feed whose columns are under our names: rows without an id are left out and counted."""
    table, taken = columns
    named = table.filter(pl.col("variant_id").is_not_null())
    skipped = {"rows without an id": len(table) - len(named)}
    grouped = pl.col("product_id").is_not_null()
    available, unknown = availability(named["availability"])
    dates = pl.col("sale_dates").str.split("/") if "sale_dates" in named.columns else pl.lit(None, pl.List(pl.String))
    named = named.with_columns(
        available.alias("available"),
        by_colour=grouped & pl.col("colour").is_not_null(),
        product_id=pl.coalesce("product_id", "variant_id"),
        image=pl.col("image").str.split("\n").list.first(),
        sale_starts=pl.coalesce("sale_starts", dates.list.get(0, null_on_oob=True)),
        sale_ends=pl.coalesce("sale_ends", dates.list.get(1, null_on_oob=True)),
        further_images=pl.col("further_images").str.replace_all(r"\s*,\s*(https?:)", "\n${1}"),
    )
    notes = not_understood("availability", unknown)
    return Variants(named.select(*FIELDS, "available", "by_colour"), taken, skipped, notes)
