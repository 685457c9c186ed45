"""Official questions: the publishers' own question files, as `goeswith.data.questions` tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from goeswith.data.questions import SCHEMA
from goeswith.errors import DataError
from goeswith.files import read_json, read_lines


def triplets(frame: pl.DataFrame, split: str, seed: int) -> pl.DataFrame:
    """Questions "top i: bottom j or bottom k?" from rows of ``outfit_id``, ``i``, ``j`` (worn with i) and ``k``."""
    questions = frame.select(
        question_id=pl.lit(f"{split}-triplet-") + pl.int_range(1, pl.len() + 1).cast(pl.String),
        task=pl.lit("triplet"),
        outfit_id="outfit_id",
        context=pl.concat_list("i"),
        candidates=pl.concat_list("j", "k"),
        truth="j",
        position=pl.lit(1),
    )
    return _shuffled(questions, seed)


def fill_in_blank(path: Path, names: pl.DataFrame, split: str, seed: int) -> tuple[pl.DataFrame, dict[str, int]]:
    """Questions of a Polyvore file of ``question``, ``answers`` and ``blank_position``, over the items that are known.

    The files name an item ``<set_id>_<index>``; the truth is the answer of the question's own set. It comes first in
    the published files, so the candidates are shuffled.

    Args:
        path: the file.
        names: the known items, from ``name`` (as the file writes it) to ``item_id``.
        split: the split that the file asks about.
        seed: decides the order of the candidates.

    Returns:
        The questions whose items are all known, and how many were left out for which reason.

    Raises:
        DataError: the file is not of this form.
    """
    questions = _questions(path)
    own = pl.col("question").list.first().str.extract(r"^(.*)_")
    index = pl.element().str.extract(r"_(\d+)$").cast(pl.Int64)
    questions = questions.select(
        question_id=pl.lit(f"{split}-fitb-") + pl.int_range(1, pl.len() + 1).cast(pl.String),
        task=pl.lit("fitb"),
        outfit_id=own,
        context="question",
        candidates="answers",
        indices=pl.col("question").list.eval(index),
        blank="blank_position",
    )
    loose = questions.explode("candidates").filter(pl.col("candidates").str.extract(r"^(.*)_") == pl.col("outfit_id"))
    truths = loose.group_by("question_id").agg(truth=pl.col("candidates").first(), right=pl.len())
    questions = questions.join(truths, on="question_id", how="left", maintain_order="left")
    before = (
        questions.explode("indices").group_by("question_id").agg(position=(pl.col("indices") < pl.col("blank")).sum())
    )
    questions = questions.join(before, on="question_id", how="left", maintain_order="left").drop("indices", "blank")
    unambiguous = questions.filter(pl.col("right") == 1)
    resolved = _renamed(unambiguous, names)
    clear = resolved.filter(
        (pl.col("candidates").list.n_unique() == pl.col("candidates").list.len())
        & (pl.col("candidates").list.set_intersection("context").list.len() == 0)
    )
    return _shuffled(clear, seed), {
        f"{path.name}: questions without exactly one right answer": len(questions) - len(unambiguous),
        f"{path.name}: questions that name an unknown item": len(unambiguous) - len(resolved),
        f"{path.name}: questions that offer an item twice, or one that is already in the outfit": len(resolved)
        - len(clear),
    }


def compatibility(path: Path, names: pl.DataFrame, split: str) -> tuple[pl.DataFrame, dict[str, int]]:
    """Labelled whole outfits of a Polyvore file, one ``label item item ...`` a line, over the items that are known.

    Args and returns as `fill_in_blank`; a good outfit keeps its set id, a bad one is named after its line.

    Raises:
        DataError: the file is not of this form.
    """
    words = read_lines(path).str.strip_chars().str.split(" ").to_frame("words").with_row_index("line", offset=1)
    words = words.with_columns(pl.col("words").list.eval(pl.element().filter(pl.element() != "")))
    label = pl.col("words").list.first()
    wrong = words.filter(~label.is_in(["0", "1"]) | (pl.col("words").list.len() < 3))
    if len(wrong):
        line = wrong["line"][0]
        raise DataError(f"{path}, line {line}: not a label (0 or 1) and two or more items; restore the published file")
    line = pl.col("line").cast(pl.String)
    questions = words.select(
        question_id=pl.lit(f"{split}-compat-") + line,
        task=pl.lit("compat"),
        outfit_id=pl.when(label == "1")
        .then(pl.col("words").list.get(1).str.extract(r"^(.*)_"))
        .otherwise(pl.lit(f"{split}-mixed-") + line),
        context=pl.col("words").list.slice(1),
        candidates=pl.lit([], dtype=pl.List(pl.String)),
        truth=pl.lit(None, pl.String),
        position=pl.lit(0),
        label=label.cast(pl.Int64),
    )
    resolved = _renamed(questions, names)
    table = resolved.with_columns(negatives=pl.lit("official"), answer=pl.lit(-1, pl.Int64)).select(
        pl.col(name).cast(kind) for name, kind in SCHEMA.items()
    )
    return table, {f"{path.name}: outfits that name an unknown item": len(questions) - len(resolved)}


def set_ids(path: Path) -> pl.Series:
    """The outfits (set ids) that a question file of either form asks about, each once; no mixed ones."""
    if path.suffix.lower() == ".json":
        names = _questions(path)["question"].explode()
    else:
        words = read_lines(path).str.strip_chars().str.split(" ")
        names = words.filter(words.list.first() == "1").list.slice(1).explode()
    return names.str.extract(r"^(.*)_").drop_nulls().unique(maintain_order=True)


def _questions(path: Path) -> pl.DataFrame:
    """The rows of a fill-in-the-blank file."""
    items = pl.List(pl.String())
    try:
        return pl.DataFrame(
            read_json(path, list), schema={"question": items, "answers": items, "blank_position": pl.Int64()}
        )
    except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path} is not a fill-in-the-blank file ({reason}); restore the published file") from None


def _renamed(questions: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    """The questions whose items are all known, their items called by item id."""
    for column in ("context", "candidates"):
        loose = questions.filter(pl.col(column).list.len() > 0).select("question_id", name=column).explode("name")
        loose = loose.join(names, on="name", how="left", maintain_order="left")
        lists = loose.group_by("question_id").agg(pl.col("item_id"), lost=pl.col("item_id").is_null().any())
        questions = questions.join(lists, on="question_id", how="left", maintain_order="left")
        questions = questions.filter(~pl.col("lost").fill_null(False))
        questions = questions.with_columns(pl.coalesce("item_id", column).alias(column)).drop("item_id", "lost")
    truth = questions.select("question_id", name="truth").join(names, on="name", how="left", maintain_order="left")
    return questions.with_columns(truth=truth["item_id"])


def _shuffled(questions: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Question tables with the candidates in an order drawn from `seed`, and the place of the truth among them."""
    loose = questions.select("question_id", "candidates", "truth").explode("candidates")
    loose = loose.with_columns(key=pl.Series(np.random.default_rng(seed).random(len(loose))))
    lists = (
        loose.sort("question_id", "key")
        .group_by("question_id", maintain_order=True)
        .agg("candidates", answer=(pl.col("candidates") == pl.col("truth")).arg_max().cast(pl.Int64))
    )
    table = questions.drop("candidates").join(lists, on="question_id", how="left", maintain_order="left")
    table = table.with_columns(negatives=pl.lit("official"), label=pl.lit(None, pl.Int64))
    return table.select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())
