"""mango: outfits put together by a brand's stylists, one packshot per item (FME Datathon 2023 challenge)."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl

from goeswith.data.dataset import Imported
from goeswith.files import expect_files, read_table

LICENCE = "none stated; research use"

GROUP_OF_CATEGORY = {
    "Tops": "top",
    "Bottoms": "bottom",
    "Dresses, jumpsuits and Complete set": "dress",
    "Outerwear": "outer",
}
GROUP_OF_FAMILY = {
    "Footwear": "shoes",
    "Bags": "bag",
    "Wallets & cases": "bag",
    "Belts and Ties": "accessory",
    "Gadgets": "accessory",
    "Glasses": "accessory",
    "Hats, scarves and gloves": "accessory",
    "Jewellery": "accessory",
}
"""Home, beauty, swimwear and nightwear are in neither, and become "other"."""

MATERIAL = {
    "P-PLANA": "woven",
    "K-CIRCULAR": "jersey",
    "T-TRICOT": "knit",
    "J-JEANS": "denim",
    "O-POLIPIEL": "faux leather",
    "L-PIEL": "leather",
}
"""C-COMPLEMENTOS (accessories) is no fabric, and becomes null."""

ENGLISH = {
    "NEGRO": "black", "BLANCO": "white", "CRUDO": "ecru", "OFFWHITE": "off-white", "ORO": "gold", "PLATA": "silver",
    "VERDE": "green", "MARRON": "brown", "AZUL": "blue", "ROJO": "red", "GRIS": "grey", "ROSA": "pink",
    "NARANJA": "orange", "AMARILLO": "yellow", "MORADO": "purple", "MARINO": "navy", "ARENA": "sand",
    "PIEDRA": "stone", "CELESTE": "sky blue", "MOSTAZA": "mustard", "FUCSIA": "fuchsia", "CUERO": "tan",
    "ANTRACITA": "anthracite", "GRANATE": "maroon", "TERRACOTA": "terracotta", "CALDERO": "rust", "TOPO": "taupe",
    "CARAMELO": "caramel", "BURDEOS": "burgundy", "BOTELLA": "bottle green", "TURQUESA": "turquoise", "MALVA": "mauve",
    "VISON": "mink", "PERLA": "pearl", "TABACO": "tobacco", "AGUA": "aqua", "VINO": "wine", "NOCHE": "night",
    "LIMA": "lime", "PALO": "pale", "OLIVA": "olive", "OCRE": "ochre", "VAINILLA": "vanilla", "FRESA": "strawberry",
    "MARFIL": "ivory", "LILA": "lilac", "HIELO": "ice", "COBRE": "copper", "CHICLE": "bubblegum",
    "PETROLEO": "petrol", "CEREZA": "cherry", "MANDARINA": "mandarin", "MENTA": "mint", "TINTA": "ink",
    "ESMERALDA": "emerald", "ELECTRICO": "electric blue", "CANELA": "cinnamon", "MUSGO": "moss", "VIOLETA": "violet",
    "TEJANO": "denim", "OSCURO": "dark", "CLARO": "light", "MEDIO": "medium", "VIGORE": "melange",
}  # fmt: skip
"""Spanish colour words; the rest are the same in English or stay as they are."""


def read(source: Path, *, by_season: bool = False) -> Imported:
    """Read product_data.csv, outfit_data.csv and images/.

    The category is the product type (123 of them), the season the shooting year that begins a picture's file name, and
    the product what the id says before its colour.

    Args:
        source: the folder.
        by_season: the season of an outfit's items is its source, so that one shooting can teach the other.
    """
    expect_files(source, "mango", ["product_data.csv", "outfit_data.csv", "images"])
    products, listed = read_table(source / "product_data.csv"), read_table(source / "outfit_data.csv")
    items = _items(products)
    distinct = listed.select(outfit_id="cod_outfit", item_id="cod_modelo_color").unique(maintain_order=True)
    twice = len(items) - items["item_id"].n_unique()
    items = items.unique("item_id", keep="first", maintain_order=True)
    unknown = distinct.filter(~pl.col("item_id").is_in(items["item_id"].implode()))
    outfits = distinct.join(unknown, on="outfit_id", how="anti", maintain_order="left")
    outfits = outfits.group_by("outfit_id", maintain_order=True).agg(item_ids="item_id")
    if by_season:
        season = dict(items.select("item_id", "season").iter_rows())
        seasons = outfits["item_ids"].list.first().replace_strict(season, default="", return_dtype=pl.String)
        outfits = outfits.with_columns(seasons.fill_null("").alias("source"))
    short = outfits["item_ids"].list.len() < 2

    pictures = pl.Series(os.listdir(source / "images"), dtype=pl.String)
    files = items.select("item_id", "file").filter(pl.col("file").is_in(pictures.implode()))
    return Imported(
        items=items.drop("file"),
        outfits=outfits.filter(~short),
        source="FME Datathon 2023 challenge, gretagh93/datathon-2023-fashion-compatibility-main",
        licence=LICENCE,
        images={item_id: source / "images" / file for item_id, file in files.iter_rows()},
        skipped={
            "items with a duplicate id": twice,
            "rows that repeat an item of an outfit": len(listed) - len(distinct),
            "outfits that name an unknown item": unknown["outfit_id"].n_unique(),
            "outfits with a single item": int(short.sum()),
            "missing pictures": len(items) - len(files),
        },
    )


def _items(products: pl.DataFrame) -> pl.DataFrame:
    """Item columns by readable names, and ``file``: the picture's name in images/."""
    file = pl.col("des_filename").str.split("/").list.last()
    family, fabric = pl.col("des_product_family"), pl.col("des_fabric")
    group = pl.col("des_product_category").replace_strict(GROUP_OF_CATEGORY, default=None)
    words = pl.col("des_color_specification_esp").str.split(" ")
    items = products.select(
        item_id="cod_modelo_color",
        product_id=pl.col("cod_modelo_color").str.split("-").list.first(),
        category="des_product_type",
        group=pl.coalesce(group, family.replace_strict(GROUP_OF_FAMILY, default="other")),
        colour=words.list.eval(pl.element().replace(ENGLISH)).list.join(" ").str.to_lowercase(),
        material=fabric.replace_strict(MATERIAL, default=None),
        season=file.str.extract(r"^(\d{4})_"),
        gender=pl.col("des_sex").str.to_lowercase(),
        brand=pl.lit("Mango"),
        family=family,
        colour_group=pl.col("des_agrup_color_eng").str.to_lowercase(),
        line="des_line",
        age="des_age",
        file=file,
    )
    title = pl.concat_str("colour", "material", pl.col("category").str.to_lowercase(), separator=" ", ignore_nulls=True)
    return items.with_columns(title=title.str.strip_chars())
