"""meta: the catalogue feed of Meta (Facebook and Instagram shops), as CSV, TSV or XML."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from goeswith.data.readers import google
from goeswith.data.readers.headers import Columns, Spellings, expect_columns, under_our_names
from goeswith.data.variants import Variants

SPELLINGS: Spellings = {
    **google.SPELLINGS,
    "description": "description rich_text_description",
    "image": "image_link image_0_url",
    "taxonomy": "google_product_category fb_product_category",
    "quantity": "quantity_to_sell_on_facebook inventory",
    "status": "status visibility",
}
OWN = {
    "fb_product_category", "inventory", "quantity_to_sell_on_facebook", "rich_text_description",
    "commerce_tax_category", "origin_country", "additional_variant_attribute", "visibility", "image_0_url",
}  # fmt: skip
"""Headers that Google's feed does not have."""
HIDDEN = ("archived", "hidden", "staging")


def matches(headers: set[str]) -> bool:
    """Whether a table with these headers is such a feed."""
    return headers >= {"id", "title"} and bool(headers & OWN)


def variants(table: pl.DataFrame, chosen: Mapping[str, str], where: Path, *, site: str | None = None) -> Variants:
    """The variants of a feed; those of one ``item_group_id`` are one product, archived and hidden ones are left out.

    Args:
        chosen: see `under_our_names`. site: not used; a feed has its links.

    Raises:
        DataError: it is no such feed.
    """
    table, taken = under_our_names(table, SPELLINGS, chosen, where)
    expect_columns(taken, google.NEEDED, "meta", where)
    shown = table.filter(~pl.col("status").str.to_lowercase().is_in(HIDDEN).fill_null(False))
    read = google.of_feed(Columns(shown, taken))
    read.skipped["rows that are archived or hidden"] = len(table) - len(shown)
    return read
