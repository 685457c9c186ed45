"""fashion-products: a shop's catalogue without outfits (styles.csv of the Fashion Product Images set)."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl

from goeswith.data.dataset import Imported
from goeswith.data.garments import ENGLISH, group_of
from goeswith.errors import DataError
from goeswith.files import expect_files, read_lines

NAME = "productDisplayName"
NO_OUTFITS = pl.DataFrame(schema={"outfit_id": pl.String, "item_ids": pl.List(pl.String)})


def read(source: Path) -> Imported:
    """Read styles.csv and, where it is there, images/<id>.jpg.

    The file is no proper CSV: names hold commas and quotes. Every field after the name belongs to it.
    """
    expect_files(source, "fashion-products", ["styles.csv"])
    path = source / "styles.csv"
    lines = read_lines(path)
    header = [name.strip() for name in (lines[0] if len(lines) else "").split(",")]
    missing = [name for name in ("id", NAME) if name not in header]
    category = next((name for name in ("articleType", "subCategory") if name in header), None)
    if missing or category is None:
        lacks = ", ".join(missing) or "articleType or subCategory"
        raise DataError(f"{path} has no column {lacks} (it has {', '.join(header)}); restore the published file")
    at = header.index(NAME)
    fields = lines.slice(1).str.splitn(",", at + 1).struct.rename_fields(header[: at + 1]).struct.unnest()
    fields = fields.with_columns(pl.all().str.strip_chars(", "))  # rows end in empty fields
    whole = fields.filter(pl.col(NAME).is_not_null())
    blank = pl.col("id") == "", pl.col(category) == ""
    good = whole.filter(~blank[0] & ~blank[1])
    items = good.unique("id", keep="first", maintain_order=True)
    items = items.with_columns(pl.when(~pl.all().is_in(["", "NA"])).then(pl.all()))
    columns = {"colour": "baseColour", "season": "season", "gender": "gender", "title": NAME}
    renamed = {name: column for name, column in columns.items() if column in header}
    extra = [name for name in header[:at] if name not in {"id", category, *renamed.values(), ""}]
    commas, unnamed = items[NAME].str.contains(",").sum(), items[NAME].null_count()
    items = items.select(
        item_id="id",
        category=category,
        group=group_of(pl.col(category), ENGLISH),
        **renamed,
        **{name: name for name in extra},
    )
    pictures = set(os.listdir(source / "images")) if (source / "images").is_dir() else set()
    return Imported(
        items=items,
        outfits=NO_OUTFITS,
        source="Fashion Product Images, styles.csv",
        licence="see the publisher; research use",
        images={
            item_id: source / "images" / f"{item_id}.jpg"
            for item_id in items["item_id"]
            if f"{item_id}.jpg" in pictures
        },
        skipped={
            "short rows": len(fields) - len(whole),
            "rows without id or category": len(whole) - len(good),
            "items with a duplicate id": len(good) - len(items),
        },
        notes=["a catalogue without outfits", f"{commas} names hold a comma", f"{unnamed} items have no name"],
    )
