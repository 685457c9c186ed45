"""ccp: street photos whose garments are cut out by their pixel masks (Clothing Co-Parsing)."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl

from goeswith.data.dataset import Imported
from goeswith.data.garments import ENGLISH, group_of
from goeswith.errors import DataError
from goeswith.files import expect_files, read_json


def read(source: Path) -> Imported:
    """Read items.json (outfit, file, label, area, mean_rgb of every crop) and crops/; an outfit is one photo."""
    expect_files(source, "ccp", ["items.json", "crops"])
    rows = read_json(source / "items.json", list)
    try:
        crops = pl.DataFrame(rows, strict=False).select(
            item_id=pl.col("file").str.replace(r"\.[^.]*$", ""),
            category=pl.col("label"),
            group=group_of(pl.col("label"), ENGLISH),
            title=pl.col("label"),
            area=pl.col("area"),
            red=pl.col("mean_rgb").list.get(0),
            green=pl.col("mean_rgb").list.get(1),
            blue=pl.col("mean_rgb").list.get(2),
            outfit_id="outfit",
            file="file",
        )
    except (pl.exceptions.PolarsError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{source / 'items.json'} is not the list of crops that ccp publishes: {reason}") from None
    items = crops.unique("item_id", keep="first", maintain_order=True)
    outfits = items.group_by("outfit_id", maintain_order=True).agg(item_ids="item_id")
    lone = outfits["item_ids"].list.len() < 2
    crop_files = pl.Series(os.listdir(source / "crops"), dtype=pl.String)
    files = items.select("item_id", "file").filter(pl.col("file").is_in(crop_files.implode()))
    return Imported(
        items=items.drop("outfit_id", "file"),
        outfits=outfits.filter(~lone),
        source="Clothing Co-Parsing, bearpaw/clothing-co-parsing",
        licence="Apache-2.0 (labels); the photos belong to others; research use",
        images={item_id: source / "crops" / file for item_id, file in files.iter_rows()},
        skipped={
            "items with a duplicate id": len(crops) - len(items),
            "outfits with a single item": int(lone.sum()),
            "missing pictures": len(items) - len(files),
        },
        notes=["crops of one photo share its light and sharpness, so a crop of another photo is easy to spot"],
    )
