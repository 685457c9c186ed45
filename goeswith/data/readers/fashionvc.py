"""fashionvc: tops and bottoms matched by fashion experts, in words (FashionVC, as released with AKD-DBPR and PAICM)."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from goeswith.data.dataset import Imported
from goeswith.data.readers.triplet_files import TRIPLETS, ids, labels, read_pairs
from goeswith.errors import DataError
from goeswith.files import expect_files, read_lines

TEXTS = ("top_id.txt", "top_text.txt", "bottom_id.txt", "bottom_text.txt")


def read(source: Path, *, seed: int = 0) -> Imported:
    """Read the triplets, the texts and, where they are there, item_category.txt and item_color.txt.

    ``group`` is the part that an item plays in its pairs, top or bottom: a coat is a top here, and the dress worn
    under it a bottom.

    Args:
        source: the folder.
        seed: decides the order of the two candidates of each question.
    """
    expect_files(source, "fashionvc", [*TRIPLETS.values(), *TEXTS])
    pairs = read_pairs(source, seed)
    items = pl.concat(_texts(source, side) for side in ("top", "bottom"))
    twice = len(items) - items["item_id"].n_unique()
    items = items.unique("item_id", keep="first", maintain_order=True)
    unlisted = pairs.used.join(items, on="item_id", how="anti", maintain_order="left")
    items = pl.concat([items, unlisted.select("item_id", "side", title=pl.lit(None, pl.String))])

    skipped = pairs.skipped | {"items with a duplicate id": twice}
    notes = [f"triplets: {', '.join(f'{count:,} {split}' for split, count in pairs.counts.items())}"]
    for column, file in (("category", "item_category.txt"), ("colour", "item_color.txt")):
        labelled, broken = labels(source / file, column) if (source / file).exists() else (None, 0)
        if labelled is None:
            notes.append(f"{file} is missing, so no item has a {column}")
            labelled = pl.DataFrame(schema={"item_id": pl.String, column: pl.String})
        items = items.join(labelled, on="item_id", how="left", maintain_order="left")
        skipped[f"lines of {file} without a label"] = broken
    bare, untold = items["category"].is_null().sum(), items["title"].is_null().sum()
    notes += [f"{bare} items have no category and get their side (top or bottom) instead"] if bare else []
    notes += [f"{untold} items have no text"] if untold else []
    items = items.with_columns(pl.col("category").fill_null(pl.col("side")))
    return Imported(
        items=items.rename({"side": "group"}),
        outfits=pairs.outfits,
        source="FashionVC, hanxjing/AKD-DBPR data/exp_id, labels hanxjing/PAICM",
        licence="none stated; research use",
        questions=pairs.questions,
        skipped=skipped,
        notes=notes,
    )


def _texts(source: Path, side: str) -> pl.DataFrame:
    """Columns item_id, side, title of one side: line n of the texts belongs to line n of the ids."""
    names = ids(source / f"{side}_id.txt")
    lines = read_lines(source / f"{side}_text.txt", blank=True)
    if len(names) != len(lines):
        raise DataError(
            f"{source / f'{side}_text.txt'} has {len(lines)} lines for the {len(names)} ids of {side}_id.txt; "
            "restore the published files"
        )
    text = lines.str.strip_chars()
    return pl.DataFrame(
        {"item_id": names, "side": pl.Series([side]).new_from_index(0, len(names)), "title": text}
    ).with_columns(pl.when(pl.col("title") != "").then("title"))
