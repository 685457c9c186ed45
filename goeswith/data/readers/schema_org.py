"""schema-org: products as Schema.org JSON, one object per line; see `product_json` for how it is read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from goeswith.data.readers import google
from goeswith.data.readers.headers import expect_columns, under_our_names
from goeswith.data.variants import Variants

SPELLINGS = google.SPELLINGS
NEEDED = {"variant_id": "sku (or productID)", "title": "name", "price": "offers.price"}


def variants(table: pl.DataFrame, chosen: Mapping[str, str], where: Path, *, site: str | None = None) -> Variants:
    """The variants; those of one ProductGroup, or of one ``inProductGroupWithID``, are one product.

    Args:
        chosen: see `goeswith.data.readers.headers.under_our_names`. site: not used; products have their links.

    Raises:
        DataError: they have no ``sku``, ``name`` or ``price``.
    """
    columns = under_our_names(table, SPELLINGS, chosen, where)
    expect_columns(columns.taken, NEEDED, "schema-org", where)
    return google.of_feed(columns)


def matches(headers: set[str]) -> bool:
    """Whether rows with these headers are such products; a file's ending says that, not its headers."""
    return False
