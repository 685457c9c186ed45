"""shopify: Shopify's product CSV, with the headers from before and after 2024.

A product is one row a variant under one handle, its own columns filled in the first of them only; rows with nothing but
a picture are further pictures.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from goeswith.data.product_words import options
from goeswith.data.readers.headers import Spellings, expect_columns, under_our_names
from goeswith.data.variants import FIELDS, Variants

METAFIELD = "{}_product_metafields_shopify_{}"
OPTION_NUMBERS = (1, 2, 3)
OPTION_PAIRS = [(f"option{number}_name", f"option{number}_value") for number in OPTION_NUMBERS]
SPELLINGS: Spellings = {
    **dict.fromkeys(FIELDS, ""),
    "product_id": "handle url_handle",
    "title": "title",
    "description": "body_html description",
    "brand": "vendor",
    "category": "type custom_product_type",
    "taxonomy": "product_category standard_product_type google_shopping_google_product_category",
    "variant_id": "variant_sku sku",
    "price": "variant_price price",
    "regular_price": "variant_compare_at_price compare_at_price",
    "quantity": "variant_inventory_qty inventory_quantity",
    "gtin": "variant_barcode barcode",
    "gender": f"google_shopping_gender {METAFIELD.format('target_gender', 'target_gender')}",
    "age_group": f"google_shopping_age_group {METAFIELD.format('age_group', 'age_group')}",
    "colour": f"google_shopping_color {METAFIELD.format('color', 'color_pattern')}",
    "material": f"{METAFIELD.format('fabric', 'fabric')} {METAFIELD.format('material', 'material')}",
    "size": "",
    "image": "image_src product_image_url",
    "position": "image_position",
    "variant_image": "variant_image variant_image_url",
    "tracker": "variant_inventory_tracker inventory_tracker",
    "policy": "variant_inventory_policy continue_selling_when_out_of_stock",
    "status": "status",
    "published": "published published_on_online_store",
    **{header: header for pair in OPTION_PAIRS for header in pair},
}
NEEDED = {"product_id": "Handle (or URL handle)", "title": "Title", "price": "Variant Price (or Price)"}
OF_PRODUCT = (
    "title", "description", "brand", "category", "taxonomy", "gender", "age_group", "status", "published",
    *(name for name, _ in OPTION_PAIRS),
)  # fmt: skip
"""Filled in a product's first row only."""
GOES_ON_SELLING = ("continue", "true", "yes")


def matches(headers: set[str]) -> bool:
    """Whether a table with these headers is such an export."""
    return bool(headers & {"handle", "url_handle"}) and bool(
        headers & {"variant_price", "option1_name", "option1_value"}
    )


def variants(table: pl.DataFrame, chosen: Mapping[str, str], where: Path, *, site: str | None = None) -> Variants:
    """The variants of an export; drafts, archived and unpublished products are left out and counted.

    Args:
        chosen: see `under_our_names`. site: address of the shop, from which links to its products follow.

    Raises:
        DataError: it is no such export.
    """
    table, taken = under_our_names(table, SPELLINGS, chosen, where)
    expect_columns(taken, NEEDED, "shopify", where)
    table = table.with_columns(pl.col("product_id").fill_null(strategy="forward"))
    titles = table.group_by("product_id", maintain_order=True).agg(pl.col("title").drop_nulls().n_unique())
    mixed = titles.filter(pl.col("title") > 1)["product_id"]
    notes = (
        [f"{len(mixed):,} handles have several titles, the first is {mixed[0]!r}; the first title of each is used"]
        if len(mixed)
        else []
    )
    table = table.with_columns(pl.col(*OF_PRODUCT).drop_nulls().first().over("product_id"))
    pictures = table.filter(pl.col("image").is_not_null()).with_columns(pl.col("position").cast(pl.Int64, strict=False))
    pictures = pictures.sort("position", nulls_last=True, maintain_order=True)
    of_product = pictures.group_by("product_id", maintain_order=True).agg(pl.col("image").unique(maintain_order=True))
    table = table.filter(~pl.all_horizontal(pl.col("price", "variant_id", "option1_value").is_null()))
    hidden = (pl.col("status").str.to_lowercase() != "active") | (pl.col("published").str.to_lowercase() == "false")
    shown = table.filter(~hidden.fill_null(False))
    skipped = {
        "products that are drafts, archived or not published": table["product_id"].n_unique()
        - shown["product_id"].n_unique()
    }
    by_option = options(shown, OPTION_PAIRS)
    for field, values in by_option.items():
        if field not in chosen and values.count():
            taken[field] = "Option1-3 Value, by Option1-3 Name"
            shown = shown.with_columns(values.fill_null(shown[field]).alias(field))
    shown = shown.join(of_product.rename({"image": "pictures"}), on="product_id", how="left", maintain_order="left")
    shown = shown.with_columns(
        _available(),
        image=pl.coalesce("variant_image", pl.col("pictures").list.first()),
        further_images=pl.col("pictures").list.join("\n"),
        by_colour=by_option["colour"].is_not_null(),
        link=pl.coalesce("link", pl.concat_str(pl.lit(f"{site.rstrip('/')}/products/"), "product_id"))
        if site
        else "link",
    )
    return Variants(shown.select(*FIELDS, "available", "by_colour"), taken, skipped, notes)


def _available() -> pl.Expr:
    """What is not tracked, or sold on, can be bought; else the quantity says."""
    goes_on = pl.col("policy").str.to_lowercase().is_in(GOES_ON_SELLING).fill_null(False)
    untracked = pl.col("tracker").is_null() & pl.col("quantity").is_null()
    said_nothing = untracked & pl.col("policy").is_null()
    return pl.when((goes_on | untracked) & ~said_nothing).then(True).otherwise(None).alias("available")
