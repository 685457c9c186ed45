"""A small shop in drawn pictures, laid out as publishers and shops do: stand-ins for real data sets."""

import json
import os
from pathlib import Path

import numpy as np
import polars as pl
from folders import write

from goeswith.data.sample.drawing import draw
from goeswith.data.sample.wardrobe import KINDS, make_items

WORN = {"top": ("shirt", "blouse"), "bottom": ("jeans", "pencil skirt"), "shoes": ("sneaker",), "bag": ("tote",)}
OUTFITS, SIDE = 160, 48
MANGO_PARTS = {"top": "Tops", "bottom": "Bottoms", "shoes": "Accessories", "bag": "Accessories"}
MANGO_FAMILIES = {"shoes": "Footwear", "bag": "Bags"}


class Shop:
    """Items with pictures (in one folder) and outfits; shirts go with jeans and blouses with skirts, mostly."""

    def __init__(self, folder: Path) -> None:
        luck = np.random.default_rng(0)
        kinds = [kind for group in WORN.values() for kind in group]
        items = make_items(440, luck).filter(pl.col("category").is_in(kinds))
        self.items = items.with_columns(
            group=pl.col("category").replace_strict({k: KINDS[k].group for k in kinds}), season=pl.lit("2019")
        )
        self.pictures = folder
        folder.mkdir(parents=True)
        for number, item in enumerate(self.items.iter_rows(named=True)):
            look = item["category"], item["colour"], item["pattern"], item["material"]
            draw(*look, summer=True, seed=(0, number), size=SIDE).save(folder / f"{item['item_id']}.jpg")
        of = {kind: part["item_id"].to_list() for (kind,), part in self.items.group_by("category")}
        self.outfits = []
        for _ in range(OUTFITS):
            formal = luck.integers(2)
            bottom = formal if luck.random() < 0.85 else 1 - formal
            kinds = WORN["top"][formal], WORN["bottom"][bottom], *WORN["shoes"], *WORN["bag"]
            self.outfits.append([str(luck.choice(of[kind])) for kind in kinds])

    def picture(self, item_id: str, to: Path) -> None:
        """The picture of an item under another name."""
        to.parent.mkdir(parents=True, exist_ok=True)
        os.link(self.pictures / f"{item_id}.jpg", to)


def as_mango(shop: Shop, folder: Path) -> None:
    columns = shop.items.select(
        cod_modelo_color="item_id",
        cod_color_code=pl.lit("99"),
        des_color_specification_esp=pl.col("colour").str.to_uppercase(),
        des_agrup_color_eng=pl.col("colour").str.to_uppercase(),
        des_sex=pl.lit("Female"),
        des_age=pl.lit("Adult"),
        des_line=pl.lit("SHE"),
        des_fabric=pl.lit("P-PLANA"),
        des_product_category=pl.col("group").replace(MANGO_PARTS),
        des_product_aggregated_family=pl.lit("x"),
        des_product_family=pl.col("group").replace(MANGO_FAMILIES),
        des_product_type="category",
        des_filename="d/images/2019_" + pl.col("item_id") + ".jpg",
    )
    worn = "".join(f"{number},{item}\n" for number, items in enumerate(shop.outfits) for item in items)
    write(folder, {"product_data.csv": columns.write_csv(), "outfit_data.csv": "cod_outfit,cod_modelo_color\n" + worn})
    for item in shop.items["item_id"]:
        shop.picture(item, folder / "images" / f"2019_{item}.jpg")


def as_ccp(shop: Shop, folder: Path, photos: int = 60) -> None:
    kind = dict(shop.items.select("item_id", "category").iter_rows())
    rows = []
    for photo, items in enumerate(shop.outfits[:photos]):
        for item in items:
            file = f"{photo}_{item}.jpg"
            rows.append(
                {"outfit": str(photo), "file": file, "label": kind[item], "area": 0.1, "mean_rgb": [9.0, 9.0, 9.0]}
            )
            shop.picture(item, folder / "crops" / file)
    write(folder, {"items.json": json.dumps(rows)})


def as_triplets(shop: Shop, folder: Path) -> None:
    """fashionvc and expfashion: pairs of a top and a bottom, split 8:1:1, each beside another bottom."""
    rows = {row["item_id"]: row for row in shop.items.iter_rows(named=True)}
    number = {item: index for index, item in enumerate(rows, start=1)}
    pairs = list(dict.fromkeys((items[0], items[1]) for items in shop.outfits))
    bottoms, files = sorted({bottom for _, bottom in pairs}), {}
    for split, part in {"train": pairs[:-40], "valid": pairs[-40:-20], "test": pairs[-20:]}.items():
        lines = []
        for index, (top, bottom) in enumerate(part):
            other = next(b for b in bottoms[index % len(bottoms) :] + bottoms if (top, b) not in pairs)
            lines.append(f"{number[top]}.0\t{number[bottom]}.0\t{number[other]}.0\t\r\n")
        files[f"{split}_ijk_shuffled_811.txt"] = "".join(lines)
    for side in ("top", "bottom"):
        own = [row for row in rows.values() if row["group"] == side]
        files[f"{side}_id.txt"] = "".join(f"{number[row['item_id']]}.0\r\n" for row in own)
        # some titles are those of the other data sets, as fashionvc and polyvore-maryland share some
        titles = [row["title"] if number[row["item_id"]] % 10 == 0 else f"chosen {row['title']}" for row in own]
        files[f"{side}_text.txt"] = "".join(f"{title}\r\n" for title in titles)
        files[f"{side}_color.txt"] = "".join(f"{number[row['item_id']]}\t{row['colour']}\n" for row in own)
    for name, column in (("item_category.txt", "category"), ("item_color.txt", "colour")):
        files[name] = "".join(f"{number[item]}\t{row[column]}\t\r\n" for item, row in rows.items())
    write(folder, files)


def as_fashionstylist(shop: Shop, folder: Path) -> None:
    """One folder of fashionstylist."""
    columns = shop.items.select(
        itemID="item_id", category="group", title="title", gender=pl.lit("Women's"), style=pl.lit("plain"),
        outline=pl.lit("loose"), materials="material", color="colour", pattern="pattern", detail=pl.lit(""),
    )  # fmt: skip
    looks = "".join(f'b{n},"{",".join(items)}",a look,Winter,School\n' for n, items in enumerate(shop.outfits))
    head = "outfitID,items,look,season,occasion\n"
    write(folder / "Female", {"label_en.csv": columns.write_csv(), "look_en.csv": head + looks})


def as_maryland(shop: Shop, folder: Path, outfits: int = 40) -> None:
    """The three published files of polyvore-maryland; every item is of one category number."""
    title = dict(shop.items.select("item_id", "title").iter_rows())
    group = dict(shop.items.select("item_id", "group").iter_rows())
    code = {"top": 11, "bottom": 27, "shoes": 43, "bag": 37}
    files = {"category_id.txt": "11 Tops\n27 Jeans\n37 Bags\n43 Pumps\n"}
    for turn, split in enumerate(("train", "valid", "test")):
        sets = [
            {
                "set_id": str(number),
                "name": "look",
                "items": [
                    {"index": index, "name": title[item], "price": 9.0, "likes": 1, "categoryid": code[group[item]]}
                    for index, item in enumerate(items, start=1)
                ],
            }
            for number, items in enumerate(shop.outfits[:outfits])
            if number % 3 == turn
        ]
        files[f"{split}_no_dup.json"] = json.dumps(sets)
    write(folder, files)


def as_polyvore_outfits(shop: Shop, folder: Path) -> None:
    title = dict(shop.items.select("item_id", "title").iter_rows())
    files = {"categories.csv": "11,top,tops\n"}
    for split, part in {"train": shop.outfits[:30], "valid": shop.outfits[30:35], "test": shop.outfits[35:40]}.items():
        sets = [
            {"set_id": f"{split}{n}", "items": [{"item_id": i, "index": p} for p, i in enumerate(items, start=1)]}
            for n, items in enumerate(part)
        ]
        files[f"disjoint/{split}.json"] = json.dumps(sets)
    metadata = {item: {"category_id": "11", "title": text, "url_name": ""} for item, text in title.items()}
    files["polyvore_item_metadata.json"] = json.dumps(metadata)
    write(folder, files)


def as_fashion_products(shop: Shop, folder: Path) -> None:
    head = "id,gender,masterCategory,subCategory,baseColour,season,usage,productDisplayName\n"
    rows = [f"{n},Women,Apparel,{row['category']},{row['colour']},Fall,Casual,{row['title']}\n"
            for n, row in enumerate(shop.items.iter_rows(named=True))]  # fmt: skip
    write(folder, {"styles.csv": head + "".join(rows)})


def as_table(shop: Shop, folder: Path, names: dict[str, str], source: str = "", sides: bool = False) -> None:
    """items.csv, outfits.csv and images/ under column names of the shop's own; `sides` keeps tops and bottoms only."""
    items = shop.items.select("item_id", "category", "group", "title", "colour", image=pl.col("item_id") + ".jpg")
    items = items.with_columns(price=20.0 + pl.int_range(pl.len()) % 60)
    outfits = [worn[:2] if sides else worn for worn in shop.outfits]
    lists = pl.DataFrame({"outfit_id": [f"l{n}" for n in range(len(outfits))], "item_id": outfits}).explode("item_id")
    if source:
        lists = lists.with_columns(source=pl.lit(source))
    for file, table in (("items.csv", items), ("outfits.csv", lists)):
        write(folder, {file: table.rename({k: v for k, v in names.items() if k in table.columns}).write_csv()})
    for item in shop.items["item_id"]:
        shop.picture(item, folder / "images" / f"{item}.jpg")
