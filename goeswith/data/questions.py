"""Questions: frozen evaluation questions, the same for every model."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from goeswith import __version__
from goeswith.data.catalogue import Catalogue
from goeswith.data.outfits import Outfits, pad
from goeswith.errors import DataError
from goeswith.files import fresh_file, read_table

TASKS = ("compat", "fitb", "triplet", "retrieval")

SCHEMA: dict[str, pl.DataType] = {
    "question_id": pl.String(),
    "task": pl.String(),
    "negatives": pl.String(),
    "outfit_id": pl.String(),
    "context": pl.List(pl.String()),
    "candidates": pl.List(pl.String()),
    "answer": pl.Int64(),
    "position": pl.Int64(),
    "label": pl.Int64(),
}
"""Columns of a question table, one row a question.

context: the outfit without its blank, in order; all its items where `label` is given.
candidates: the truth and the wrong ones, shuffled; empty where `label` is given.
answer: place of the truth in `candidates`; −1 where `label` is given.
position: place of the blank in the outfit.
label: null, or 1 / 0 for a whole outfit that was published as good / bad.
"""


@dataclass(frozen=True)
class Block:
    """Whole outfits to score, one for each (question, candidate) or labelled question, in file order.

    start: place of the first of them among all scores of the file.
    items: (M, n) int64 catalogue rows, each candidate at its place; any row where padded. mask: (M, n) bool.
    """

    start: int
    items: np.ndarray
    mask: np.ndarray


@dataclass(frozen=True)
class Questions:
    """Questions over one catalogue, as arrays.

    context: (Q, n) int64 catalogue rows. context_mask: (Q, n) bool.
    candidates: (total,) int64 rows, question after question. candidate_offsets: (Q + 1,) int64, where each begins.
    answers: (Q,) int64, −1 where labelled. positions: (Q,) int64. labels: (Q,) int64, −1 where not labelled.
    """

    frame: pl.DataFrame
    info: dict[str, str]
    path: Path | None
    context: np.ndarray = field(repr=False)
    context_mask: np.ndarray = field(repr=False)
    candidates: np.ndarray = field(repr=False)
    candidate_offsets: np.ndarray = field(repr=False)
    answers: np.ndarray = field(repr=False)
    positions: np.ndarray = field(repr=False)
    labels: np.ndarray = field(repr=False)

    @classmethod
    def from_frame(
        cls,
        frame: pl.DataFrame,
        catalogue: Catalogue,
        info: dict[str, str] | None = None,
        path: Path | None = None,
        where: str = "the question table",
    ) -> Questions:
        """Check a table of the columns in `SCHEMA` and look its items up.

        Raises:
            DataError: a column is missing or of another kind, a question id is duplicated, or a row contradicts itself.
            CatalogueError: a question names an item that the catalogue does not have.
        """
        frame = _checked(frame, where)
        context, context_offsets = _ragged(frame["context"], catalogue, where)
        candidates, candidate_offsets = _ragged(frame["candidates"], catalogue, where)
        padded, mask = pad(context, context_offsets)
        return cls(
            frame=frame,
            info=info or {},
            path=path,
            context=padded,
            context_mask=mask,
            candidates=candidates,
            candidate_offsets=candidate_offsets,
            answers=frame["answer"].to_numpy().astype(np.int64),
            positions=frame["position"].to_numpy().astype(np.int64),
            labels=frame["label"].fill_null(-1).to_numpy().astype(np.int64),
        )

    def __len__(self) -> int:
        return len(self.frame)

    @cached_property
    def digest(self) -> str:
        """Twelve hexadecimal digits that tell these questions from others."""
        return hashlib.sha256(self.frame.write_ndjson().encode()).hexdigest()[:12]

    @property
    def score_offsets(self) -> np.ndarray:
        """(Q + 1,) int64: where each question's scores lie; a labelled question has one, others one a candidate."""
        counts = np.where(self.labels >= 0, 1, np.diff(self.candidate_offsets))
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)

    def blocks(self, rows: int = 1 << 15) -> Iterator[Block]:
        """Every outfit to score, in blocks of at most `rows`; together they make ``score_offsets[-1]`` scores."""
        offsets = self.score_offsets
        for start in range(0, int(offsets[-1]), rows):
            at = np.arange(start, min(start + rows, int(offsets[-1])))
            owner = np.searchsorted(offsets, at, side="right") - 1
            yield Block(start, *self._whole(owner, at - offsets[owner]))

    def _whole(self, owner: np.ndarray, choice: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Items and mask (M, n): the context of each `owner` (M,) with its candidate number `choice` (M,) put in."""
        blank = self.labels[owner] < 0
        lengths = self.context_mask[owner].sum(1) + blank
        column = np.arange(lengths.max(initial=0))
        position = np.where(blank, self.positions[owner], len(column))
        source = column - (column > position[:, None])  # what stands behind the blank moves one place back
        items = self.context[owner[:, None], np.minimum(source, self.context.shape[1] - 1)]
        rows = np.flatnonzero(blank)
        items[rows, position[rows]] = self.candidates[self.candidate_offsets[owner[rows]] + choice[rows]]
        return items, column < lengths[:, None]


def write_questions(frame: pl.DataFrame, path: Path, catalogue: Catalogue, outfits: Outfits, **info: str) -> None:
    """Write a question table as Parquet; what it was made from goes into the file's metadata.

    Raises:
        DataError, CatalogueError: the table is not one of questions over this catalogue; see `Questions.from_frame`.
    """
    questions = Questions.from_frame(frame, catalogue, where=f"the questions for {path.name}")
    metadata = {name: "+".join(sorted(set(questions.frame[name]))) for name in ("task", "negatives")}
    metadata |= {"catalogue": catalogue.fingerprint, "outfits": outfits.fingerprint, "goeswith": __version__} | info
    with fresh_file(path) as partial:
        questions.frame.write_parquet(partial, metadata=dict(sorted(metadata.items())))


def read_questions(path: Path | str, catalogue: Catalogue) -> Questions:
    """Read a question file.

    Raises:
        DataError: the file is missing, broken, not one of goeswith, or made from another catalogue.
        CatalogueError: a question names an item that the catalogue does not have.
    """
    path = Path(path)
    frame = read_table(path)
    info = read_info(path)
    if "catalogue" not in info:
        raise DataError(
            f"{path} does not say which catalogue it was made from; make it with: goeswith questions DATASET"
        )
    if info["catalogue"] != catalogue.fingerprint:
        raise DataError(
            f"{path} was made from another catalogue ({info['catalogue']}, not {catalogue.fingerprint}); "
            "use the questions of this data set, or create them again: goeswith questions DATASET"
        )
    return Questions.from_frame(frame, catalogue, info, path, str(path))


def read_info(path: Path) -> dict[str, str]:
    """What a Parquet file says about itself; nothing for a file of another kind."""
    if path.suffix.lower() != ".parquet":
        return {}
    with open(path, "rb") as file:
        return {name: value for name, value in pl.read_parquet_metadata(file).items() if name != "ARROW:schema"}


def _checked(frame: pl.DataFrame, where: str) -> pl.DataFrame:
    """The table in the columns and types of `SCHEMA`, every row in agreement with itself."""
    missing = [name for name in SCHEMA if name not in frame.columns]
    if missing:
        raise DataError(f"{where} has no column {missing[0]!r} (it has {', '.join(frame.columns)})")
    try:
        frame = frame.select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{where} has a column of the wrong kind: {str(error).splitlines()[0]}") from None
    labelled = pl.col("label").is_not_null()
    context, choices = pl.col("context").list.len(), pl.col("candidates").list.len()
    faults = {
        "lacks a required value": pl.any_horizontal(pl.exclude("label").is_null()),
        "has a question id that appears more than once": ~pl.col("question_id").is_first_distinct(),
        "has an empty context": context == 0,
        "has a label that is neither 0 nor 1": labelled & ~pl.col("label").is_in([0, 1]),
        "has a label and candidates, or a label and an answer": labelled & ((choices > 0) | (pl.col("answer") != -1)),
        "has fewer than two candidates": ~labelled & (choices < 2),
        "has an answer outside its candidates": ~labelled & ~pl.col("answer").is_between(0, choices.cast(pl.Int64) - 1),
        "has a blank outside its outfit": ~labelled & ~pl.col("position").is_between(0, context.cast(pl.Int64)),
    }
    for fault, test in faults.items():
        rows = frame.select(test.fill_null(True).arg_true()).to_series()
        if len(rows):
            name = frame["question_id"][rows[0]]
            raise DataError(f"{where}, row {rows[0] + 1}: question {name!r} {fault}; create the file again")
    return frame


def _ragged(lists: pl.Series, catalogue: Catalogue, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Catalogue rows (total,) of lists of item ids, and their offsets (Q + 1,)."""
    lengths = lists.list.len().to_numpy().astype(np.int64)
    flat = lists.filter(lists.list.len() > 0).explode()
    return catalogue.rows(flat, where), np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
