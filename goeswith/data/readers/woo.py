"""woo: WooCommerce's product CSV, with English, German, French or Spanish headers.

A variable product is one row, and each of its variations another that names it in ``Parent``, by SKU or as ``id:12``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from goeswith.data.product_words import availability, not_understood, options
from goeswith.data.readers.headers import Spellings, expect_columns, key, under_our_names
from goeswith.data.variants import FIELDS, TEXTS, Variants

SPELLINGS: Spellings = {
    **dict.fromkeys(FIELDS, ""),
    "id": "id",
    "type": "type typ tipo",
    "variant_id": "sku artikelnummer ugs",
    "title": "name nom nombre",
    "published": "published veroffentlicht publie publicado",
    "visibility": "visibility_in_catalog sichtbarkeit_im_katalog katalogsichtbarkeit visibilite_dans_le_catalogue "
    "visibilidad_en_el_catalogo",
    "description": "description short_description beschreibung kurzbeschreibung description_courte descripcion "
    "descripcion_corta",
    "category": "categories kategorien categorias",
    "image": "images bilder imagenes",
    "parent": "parent ubergeordnetes_produkt ubergeordnet superior",
    "price": "regular_price regularer_preis normaler_preis tarif_regulier prix_regulier precio_normal precio_regular",
    "sale_price": "sale_price angebotspreis tarif_promo prix_promo precio_rebajado",
    "sale_starts": "date_sale_price_starts datum_an_dem_angebotspreis_beginnt datum_an_dem_der_angebotspreis_beginnt "
    "date_de_debut_de_promo dia_en_que_empieza_el_precio_rebajado",
    "sale_ends": "date_sale_price_ends datum_an_dem_angebotspreis_endet datum_an_dem_der_angebotspreis_endet "
    "date_de_fin_de_promo dia_en_que_termina_el_precio_rebajado",
    "availability": "in_stock vorratig auf_lager en_stock existencias en_inventario",
    "quantity": "stock lager bestand lagerbestand inventario",
    "brand": "brands brand marken marke marques marque marcas marca",
    "gtin": "gtin_upc_ean_or_isbn gtin_upc_ean_oder_isbn gtin_upc_ean_ou_isbn gtin_upc_ean_o_isbn",
    "link": "external_url externe_url url_externe url_externa",
}
NEEDED = {"type": "Type", "variant_id": "SKU", "title": "Name", "price": "Regular price"}
FROM_PARENT = (*(name for name in TEXTS if name not in ("colour", "image", "gtin")), "category", "picture")
"""What a variation takes over where it has none of its own."""
ATTRIBUTES = {
    "attribute_{}_name": "attribute_{}_name attribut_{}_name nom_de_l_attribut_{} nombre_del_atributo_{}",
    "attribute_{}_value_s": "attribute_{}_value_s attribut_{}_wert_e valeur_s_de_l_attribut_{} "
    "valor_es_del_atributo_{}",
}
"""Name and values of attribute number {}, which are as many as the product with the most of them has."""


def matches(headers: set[str]) -> bool:
    """Whether a table with these headers is such an export."""
    own, further = (
        [{*SPELLINGS[name].split()} for name in names]
        for names in (("type", "variant_id", "title"), ("price", "parent"))
    )
    attributes = {spelled.format(1) for spelled in ATTRIBUTES["attribute_{}_name"].split()}
    return all(headers & spelled for spelled in own) and any(headers & spelled for spelled in [*further, attributes])


def variants(table: pl.DataFrame, chosen: Mapping[str, str], where: Path, *, site: str | None = None) -> Variants:
    """Variations and simple products; private and hidden ones, drafts and groups of products are left out and counted.

    Args:
        chosen: see `under_our_names`. site: address of the shop, from which links to its products follow.

    Raises:
        DataError: it is no such export.
    """
    spelled = _attributes(table.columns)
    pairs = [(name, f"{name.removesuffix('name')}value_s") for name in spelled if name.endswith("name")]
    table, taken = under_our_names(table, {**SPELLINGS, **spelled}, chosen, where)
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
    notes = not_understood("In stock?", unknown)
    return Variants(sold.select(*FIELDS, "available", "by_colour"), taken, skipped, notes)


def _attributes(columns: Sequence[str]) -> dict[str, str]:
    """Our names of the attributes that a table has, and their spellings."""
    of = [spelled for spellings in ATTRIBUTES.values() for spelled in spellings.split()]
    numbers = {re.findall(r"\d+", name)[0] for name in map(key, columns) if re.sub(r"\d+", "{}", name) in of}
    return {
        name.format(number): spellings.replace("{}", number)
        for number in sorted(numbers, key=int)
        for name, spellings in ATTRIBUTES.items()
    }


def _shown(table: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """What shoppers can come across: in the lists of the shop or, with the visibility ``search``, by its search."""
    draft = (pl.col("published") != "1").fill_null(False)
    hidden = (pl.col("visibility").str.to_lowercase() == "hidden").fill_null(False)
    table, drafts, of_drafts = _without(table, draft)
    table, hidden_rows, of_hidden = _without(table, hidden)
    whole = table.filter(~pl.col("kind").str.contains("grouped").fill_null(False) & pl.col("me").is_not_null())
    return whole, {
        "rows that are private or drafts": drafts,
        "variations of a product that is private or a draft": of_drafts,
        "rows that are hidden in the catalogue of the shop": hidden_rows,
        "variations of a product that is hidden in the catalogue of the shop": of_hidden,
        "rows that are groups of products, or have neither SKU nor ID": len(table) - len(whole),
    }


def _without(table: pl.DataFrame, closed: pl.Expr) -> tuple[pl.DataFrame, int, int]:
    """The table without the rows that are closed and the variations of such products, and how many there are of both.

    A name that an open product has, too, is that of the open one.
    """
    variation = pl.col("kind").str.contains("variation").fill_null(False)
    products, rows = table.filter(~variation), table.filter(~closed)
    names = _names(products.filter(closed)).join(_names(products.filter(~closed)), on="parent", how="anti")
    kept = rows.filter(~(variation & pl.col("parent").is_in(names["parent"].implode()).fill_null(False)))
    return kept, len(table) - len(rows), len(rows) - len(kept)


def _names(products: pl.DataFrame) -> pl.DataFrame:
    """me, parent: what variations call each of some products."""
    by_id = products.select("me", "variant_id", by_id=pl.concat_str(pl.lit("id:"), "id"))
    names = pl.concat([by_id.select("me", parent=name) for name in ("variant_id", "by_id")]).drop_nulls("parent")
    return names.unique("parent", keep="first", maintain_order=True)


def _with_parents(table: pl.DataFrame) -> pl.DataFrame:
    """All that can be bought, each under its product: variations, simple products, parents without variations."""
    child = pl.col("kind").str.contains("variation").fill_null(False)
    parents = table.filter(~child)
    children = table.filter(child).join(
        _names(parents), on="parent", how="left", suffix="_parent", maintain_order="left"
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
