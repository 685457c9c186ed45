"""fashionstylist: outfits that fashion experts put together for women, men and children, in words (FashionStylist)."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from goeswith.data.dataset import Imported
from goeswith.errors import DataError
from goeswith.files import expect_files
from goeswith.sheets import read_sheet

FOLDERS = ("Female", "Male", "Child")
ITEMS, LOOKS = "label_en.csv", "look_en.csv"
COLUMNS = {
    "category": "category", "title": "title", "gender": "gender", "style": "style", "outline": "outline",
    "material": "materials", "colour": "color", "pattern": "pattern", "detail": "detail",
}  # fmt: skip
"""Ours → theirs."""
GROUP_OF = {
    "outerwear": "outer", "inner_top": "top", "mid_layer_top": "top", "bottom": "bottom", "onepiece": "dress",
    "shoes": "shoes", "bag": "bag", "accessory": "accessory",
}  # fmt: skip


def read(source: Path) -> Imported:
    """Read label_en.csv and look_en.csv of the folders Female, Male and Child, those that are there.

    Item ids start again in each folder, so the folder's name comes before them; it is the outfits' source, too. Season
    and occasion are published for outfits: an item has those of the first outfit that lists it. The title begins with
    the colour where the published one does not name it.

    Raises:
        DataError: none of the folders is there, or a table lacks a column.
    """
    here = [folder for folder in FOLDERS if (source / folder).is_dir()]
    if not here:
        raise DataError(
            f"{source} is not a folder of layout 'fashionstylist': it has none of {', '.join(FOLDERS)}; "
            "give the folder with the publisher's unpacked files"
        )
    parts = [_folder(source / folder, folder.lower()) for folder in here]
    listed, rows = (pl.concat(tables) for tables in zip(*parts, strict=True))
    items = listed.unique("item_id", keep="first", maintain_order=True)
    known_rows = rows.join(items.select("item_id"), on="item_id", how="semi", maintain_order="left")
    worn = known_rows.unique(["outfit_id", "item_id"], keep="first", maintain_order=True)
    outfits = worn.group_by("outfit_id", maintain_order=True).agg("source", "item_id")
    outfits = outfits.select("outfit_id", pl.col("source").list.first(), item_ids="item_id")
    lone = outfits["item_ids"].list.len() < 2
    first = worn.unique("item_id", keep="first", maintain_order=True).select("item_id", "season", "occasion")
    items = items.join(first, on="item_id", how="left", maintain_order="left")
    unworn = int(items["season"].is_null().sum())
    absent = [folder for folder in FOLDERS if folder not in here]
    return Imported(
        items=items,
        outfits=outfits.filter(~lone),
        source="FashionStylist, recsys-benchmark/FashionStylist",
        licence="CC BY-NC 4.0",
        skipped={
            "items with a duplicate id": len(listed) - len(items),
            "outfit rows that name an unknown item": len(rows) - len(known_rows),
            "outfit rows that repeat an item": len(known_rows) - len(worn),
            "outfits with a single item": int(lone.sum()),
        },
        notes=[f"{unworn} items are in no outfit, so they have no season or occasion"] * bool(unworn)
        + [f"missing from the full publication: {', '.join(absent)}"] * bool(absent),
    )


def _folder(folder: Path, name: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The items of one folder, and outfit_id, source, season, occasion, item_id of what its outfits list."""
    expect_files(folder, "fashionstylist", [ITEMS, LOOKS])
    items = _table(folder / ITEMS, ["itemID", *COLUMNS.values()])
    looks = _table(folder / LOOKS, ["outfitID", "items", "season", "occasion"])
    own = pl.lit(f"{name}-")
    items = items.select(
        item_id=own + pl.col("itemID"), group=pl.col("category").replace_strict(GROUP_OF, default="other"), **COLUMNS
    ).with_columns(pl.col("category").fill_null("unknown"), title=_title())
    ids = pl.col("items").str.replace_all("，", ",").str.split(",")  # some commas are full-width
    rows = looks.select(
        outfit_id=own + pl.col("outfitID"), source=pl.lit(name), season="season", occasion="occasion", item_id=ids
    ).explode("item_id")
    rows = rows.with_columns(pl.col("item_id").str.strip_chars())
    rows = rows.filter(pl.col("item_id") != "").with_columns(item_id=own + pl.col("item_id"))
    return items, rows


def _title() -> pl.Expr:
    """The title, after the colour where it does not name it."""
    colour, title = (pl.col(name).fill_null("") for name in ("colour", "title"))
    named = title.str.to_lowercase().str.contains(colour.str.to_lowercase(), literal=True)
    return pl.when(named).then(title).otherwise(pl.concat_str(colour, title, separator=" ")).str.strip_chars()


def _table(path: Path, needed: list[str]) -> pl.DataFrame:
    """The columns `needed` of a table as text without spaces around it, null where there is none.

    Raises:
        DataError: the file is broken, lacks one of them, or has a row without an id.
    """
    sheet = read_sheet(path)
    table = sheet.table
    if missing := [name for name in needed if name not in table.columns]:
        have = ", ".join(table.columns)
        raise DataError(f"{path} has no column {', '.join(missing)} (it has {have}); restore the published file")
    text = pl.col(needed).cast(pl.String).str.strip_chars()
    table = table.select(text).with_columns(pl.when(pl.col(needed) != "").then(pl.col(needed)))
    bare = table[needed[0]].is_null().arg_true()
    if len(bare):
        raise DataError(f"{path}, row {sheet.rows[bare[0]]}: {needed[0]} is empty; restore the published file")
    return table
