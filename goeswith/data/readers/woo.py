"""woo: WooCommerce's product CSV.

A variable product is one row, and each of its variations another that names it in ``Parent``, by SKU or as ``id:12``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from goeswith.data.product_words import availability, options
from goeswith.data.readers.headers import Spellings, expect_columns, key, under_our_names
from goeswith.data.variants import FIELDS, TEXTS, Variants

SPELLINGS: Spellings = {
    **dict.fromkeys(FIELDS, ""),
    "id": "id",
    "type": "type",
    "variant_id": "sku",
    "title": "name",
    "published": "published",
    "description": "description short_description",
    "category": "categories",
    "image": "images",
    "parent": "parent",
    "price": "regular_price",
    "sale_price": "sale_price",
    "sale_starts": "date_sale_price_starts",
    "sale_ends": "date_sale_price_ends",
    "availability": "in_stock",
    "quantity": "stock",
    "brand": "brands brand",
    "gtin": "gtin_upc_ean_or_isbn",
    "link": "external_url",
}
NEEDED = {"type": "Type", "variant_id": "SKU", "title": "Name", "price": "Regular price"}
FROM_PARENT = (*(name for name in TEXTS if name not in ("colour", "image", "gtin")), "category", "picture")
"""What a variation takes over where it has none of its own."""
ATTRIBUTE = re.compile(r"attribute_(\d+)_(?:name|value_s)")


def matches(headers: set[str]) -> bool:
    """Whether a table with these headers is such an export."""
    return headers >= {"type", "sku", "name"} and bool(headers & {"regular_price", "parent", "attribute_1_name"})


def variants(table: pl.DataFrame, chosen: Mapping[str, str], where: Path, *, site: str | None = None) -> Variants:
    """Variations and simple products; private ones, drafts and groups of products are left out and counted.

    Args:
        chosen: see `under_our_names`. site: address of the shop, from which links to its products follow.

    Raises:
        DataError: it is no such export.
    """
    numbers = sorted({int(match[1]) for name in table.columns if (match := ATTRIBUTE.fullmatch(key(name)))})
    pairs = [(f"attribute_{number}_name", f"attribute_{number}_value_s") for number in numbers]
    table, taken = under_our_names(
        table, {**SPELLINGS, **{name: name for pair in pairs for name in pair}}, chosen, where
    )
    expect_columns(taken, NEEDED, "woo", where)
    by_option = options(table, pairs)
    for field, values in by_option.items():
        if field not in chosen and values.count():
            taken[field] = "Attribute N value(s), by Attribute N name"
            table = table.with_columns(values.alias(field))
    table = table.with_columns(
        kind=pl.col("type").str.to_lowercase(),
        me=pl.coalesce("variant_id", "id"),
        picture=pl.col("image").str.split(",").list.first().str.strip_chars(),
        further_images=pl.col("image").str.replace_all(r"\s*,\s*", "\n"),
        category=pl.col("category")
        .str.replace_all(r"\\,", "\x1f")
        .str.replace_all(r"\s*,\s*", "\n")
        .str.replace_all("\x1f", ","),
    )
    shown, skipped = _shown(table)
    sold = _with_parents(shown)
    available, unknown = availability(sold["availability"])
    page = pl.concat_str(pl.lit(f"{(site or '').rstrip('/')}/?post_type=product&p="), "page")
    sold = sold.with_columns(
        available.alias("available"), image="picture", link=pl.coalesce("link", page) if site else pl.col("link")
    )
    notes = [f"{unknown:,} words of In stock? are not understood and count as unknown"] if unknown else []
    return Variants(sold.select(*FIELDS, "available", "by_colour"), taken, skipped, notes)


def _shown(table: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    public = (pl.col("published") != "1") & pl.col("published").is_not_null()
    shown = table.filter(~public)
    whole = shown.filter(~pl.col("kind").str.contains("grouped").fill_null(False) & pl.col("me").is_not_null())
    skipped = {"rows that are private or drafts": len(table) - len(shown)}
    return whole, skipped | {"rows that are groups of products, or have neither SKU nor ID": len(shown) - len(whole)}


def _with_parents(table: pl.DataFrame) -> pl.DataFrame:
    """All that can be bought, each under its product: variations, simple products, parents without variations."""
    child = pl.col("kind").str.contains("variation").fill_null(False)
    parents = table.filter(~child).with_columns(by_id=pl.concat_str(pl.lit("id:"), "id"))
    names = pl.concat([parents.select("me", parent=name) for name in ("variant_id", "by_id")]).drop_nulls("parent")
    children = table.filter(child).join(
        names.unique("parent", keep="first"), on="parent", how="left", suffix="_parent", maintain_order="left"
    )
    inherited = parents.select(
        me_parent="me", page="id", varies="colour", **{f"{name}_parent": name for name in FROM_PARENT}
    )
    children = children.join(
        inherited.unique("me_parent", keep="first"), on="me_parent", how="left", maintain_order="left"
    )
    children = children.with_columns(
        *(
            pl.coalesce(f"{name}_parent" if name == "title" else name, name, f"{name}_parent").alias(name)
            for name in FROM_PARENT
        ),
        product_id=pl.coalesce("me_parent", "parent", "me"),
        by_colour=pl.col("colour").is_not_null(),
    )
    alone = parents.filter(~pl.col("me").is_in(children["me_parent"].drop_nulls().implode()))
    alone = alone.with_columns(product_id=pl.col("me"), page=pl.col("id"), by_colour=pl.lit(False))
    columns = [*table.columns, "page", "by_colour"]
    return pl.concat([alone.select(columns), children.select(columns)])
