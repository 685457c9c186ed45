"""Triplet files: tops and bottoms in files of triplets, the layout that fashionvc and expfashion share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from goeswith.data.outfits import SPLITS
from goeswith.data.readers.official import triplets
from goeswith.errors import DataError
from goeswith.files import read_lines

TRIPLETS = {split: f"{split}_ijk_shuffled_811.txt" for split in SPLITS}


@dataclass(frozen=True)
class Pairs:
    """Published pairs and questions.

    used: ``item_id`` and ``side`` (top or bottom) of every item that a triplet names.
    outfits: one a pair of top and worn bottom, with the publisher's split. questions: one table a split.
    counts: split → triplets. skipped: reason → triplets.
    """

    used: pl.DataFrame
    outfits: pl.DataFrame
    questions: dict[str, pl.DataFrame]
    counts: dict[str, int]
    skipped: dict[str, int]


def read_pairs(source: Path, seed: int) -> Pairs:
    """Read the three files of triplets "top i, worn bottom j, other bottom k".

    A pair is in a file as often as it has other bottoms (three times); it becomes one outfit.
    """
    frames = {split: _triplets(source / file) for split, file in TRIPLETS.items()}
    loose = pl.concat(frame.with_columns(split=pl.lit(split)) for split, frame in frames.items())
    pairs = loose.unique(["i", "j"], keep="first", maintain_order=True)
    sides = {"i": "top", "j": "bottom", "k": "bottom"}
    used = pl.concat(loose.select(item_id=column, side=pl.lit(side)) for column, side in sides.items())
    return Pairs(
        used=used.unique("item_id", keep="first", maintain_order=True),
        outfits=pairs.select("outfit_id", "split", item_ids=pl.concat_list("i", "j")),
        questions={f"official-{split}-triplet": triplets(frame, split, seed) for split, frame in frames.items()},
        counts={split: len(frame) for split, frame in frames.items()},
        skipped={"pairs in two splits, kept in the first": len(loose.unique(["i", "j", "split"])) - len(pairs)},
    )


def labels(path: Path, name: str) -> tuple[pl.DataFrame, int]:
    """Lines of ``id<tab>label`` as columns ``item_id`` and `name`, and how many lines have no label."""
    parts = (
        read_lines(path).str.strip_chars().str.splitn("\t", 2).struct.rename_fields(["item_id", name]).struct.unnest()
    )
    parts = parts.with_columns(_id(pl.col("item_id")), pl.col(name).str.strip_chars())
    good = parts.filter(pl.col(name).is_not_null() & (pl.col(name) != ""))
    return good.unique("item_id", keep="first", maintain_order=True), len(parts) - len(good)


def ids(path: Path) -> pl.Series:
    """Item ids, one a line."""
    return read_lines(path).to_frame("item_id").select(_id(pl.col("item_id"))).to_series()


def _id(column: pl.Expr) -> pl.Expr:
    """An id as text; the files write some as floating-point numbers."""
    return column.str.strip_chars().str.replace(r"\.0$", "")


def _triplets(path: Path) -> pl.DataFrame:
    """Columns outfit_id, i, j, k."""
    fields = read_lines(path).str.strip_chars().str.split("\t")
    wrong = (fields.list.len() != 3).arg_true()
    if len(wrong):
        raise DataError(
            f"{path}, line {wrong[0] + 1}: {fields.list.len()[wrong[0]]} fields instead of the three of a triplet; "
            "restore the published file"
        )
    parts = fields.to_frame("parts").select(
        _id(pl.col("parts").list.get(at)).alias(name) for at, name in enumerate("ijk")
    )
    return parts.with_columns(outfit_id=pl.col("i") + "-" + pl.col("j"))
