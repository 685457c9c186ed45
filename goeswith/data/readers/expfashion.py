"""expfashion: tops and bottoms in the format of fashionvc, with a colour for every item (ExpFashion, PKD-DBPR)."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from goeswith.data.dataset import Imported
from goeswith.data.readers.triplet_files import TRIPLETS, labels, read_pairs
from goeswith.files import expect_files


def read(source: Path, *, seed: int = 0) -> Imported:
    """Read the triplets, top_color.txt and bottom_color.txt.

    Nothing finer than top or bottom is published, so that is the category; the title is the colour and the side.

    Args:
        source: the folder.
        seed: decides the order of the two candidates of each question.
    """
    expect_files(source, "expfashion", [*TRIPLETS.values(), "top_color.txt", "bottom_color.txt"])
    pairs = read_pairs(source, seed)
    sides = {side: labels(source / f"{side}_color.txt", "colour") for side in ("top", "bottom")}
    listed = pl.concat(labelled.with_columns(side=pl.lit(side)) for side, (labelled, _) in sides.items())
    items = listed.unique("item_id", keep="first", maintain_order=True)
    unlisted = pairs.used.join(items, on="item_id", how="anti", maintain_order="left")
    items = pl.concat([items, unlisted.select("item_id", pl.lit(None, pl.String).alias("colour"), "side")])
    return Imported(
        items=items.with_columns(
            category="side", group="side", title=pl.concat_str("colour", "side", separator=" ", ignore_nulls=True)
        ).drop("side"),
        outfits=pairs.outfits,
        source="ExpFashion, hanxjing/PKD-DBPR",
        licence="none stated; research use",
        questions=pairs.questions,
        skipped=pairs.skipped
        | {"items with a duplicate id": len(listed) - len(items)}
        | {f"lines of {side}_color.txt without a label": broken for side, (_, broken) in sides.items()},
        notes=[f"triplets: {', '.join(f'{count:,} {split}' for split, count in pairs.counts.items())}"]
        + ([f"{len(unlisted)} items have no colour"] if len(unlisted) else []),
    )
