"""External: scores of other programs on our questions, shown in the same table as our own models.

A file of them, CSV or Parquet, has one row a candidate: ``question_id``, ``candidate`` (its item id) or ``place``
(0 is the first of the question's candidates), ``score``. A labelled outfit has one row, without candidate or place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from goeswith.data.cells import ids, is_odd, numbers, whole_numbers
from goeswith.data.columns import nearest_header
from goeswith.data.questions import Questions
from goeswith.errors import DataError
from goeswith.evaluate.evaluate import Answers
from goeswith.sheets import read_sheet

KEYS = {"candidate": pl.String(), "place": pl.Int64()}
"""Columns that say which candidate of its question a score is of; a file has one of them."""


@dataclass(frozen=True)
class ExternalScores:
    """What a file of scores says of some question files.

    answers: one a question file, in their order; a missing score is NaN. counts: what is wrong → how many scores or
    rows (see `read_answers`); all 0 in a file that is complete.
    """

    path: Path
    name: str
    answers: list[Answers]
    counts: dict[str, int]


def read_answers(
    path: Path | str, question_sets: Sequence[Questions], *, name: str | None = None, allow_incomplete: bool = False
) -> ExternalScores:
    """Read a file of scores and put each to the question and candidate that it is of.

    What is wrong is counted: ``missing`` (scores that no row gives), ``not finite`` (rows whose score is empty, NaN
    or infinite), ``unknown questions`` and ``unknown candidates`` (rows of what was not asked). Where that is allowed
    a missing or not finite score is NaN, which counts as wrong, and unknown rows are ignored.

    Args:
        name: what reports call the scorer; the file's name without its ending by default.

    Raises:
        DataError: the file is no table of scores, gives one score twice, answers nothing, or is not complete and
            that is not allowed; or a question id is in two of the question files.
    """
    path = Path(path)
    table, key = _read_table(path)
    slots = _slots(question_sets, key)
    if key not in table.columns:
        if slots[key].count():
            raise DataError(
                f"{path} does not say which candidate a score is of; add a column 'candidate' (item id) or 'place' "
                f"(0 is the first), for question {slots.filter(pl.col(key).is_not_null())['question_id'][0]!r} has some"
            )
        table = table.with_columns(pl.lit(None, KEYS[key]).alias(key))
    if key == "candidate":  # ids that passed through floats, unless they are so
        plain = ids(table[key])
        table = table.with_columns(
            pl.when(pl.col(key).is_in(slots[key].unique().implode())).then(key).otherwise(plain).alias(key)
        )
    _refuse_twice(path, table, key)
    both = ["question_id", key]
    joined = slots.join(table, on=both, how="left", nulls_equal=True, maintain_order="left")
    finite = joined["score"].is_finite().fill_null(False)
    stray = table.join(slots, on=both, how="anti", nulls_equal=True, maintain_order="left")
    unasked = ~stray["question_id"].is_in(slots["question_id"].unique().to_list()).fill_null(False)
    faults = {
        "missing": joined.filter(pl.col("row").is_null()),
        "not finite": joined.filter(pl.col("row").is_not_null() & ~finite),
        "unknown questions": stray.filter(unasked),
        "unknown candidates": stray.filter(~unasked),
    }
    if not finite.any():
        raise DataError(
            f"{path} answers none of the {_questions(question_sets)}; name the files it is about with --questions"
        )
    if any(map(len, faults.values())) and not allow_incomplete:
        raise DataError(_incomplete(path, faults, key, len(slots)))
    scores = np.where(finite, joined["score"].fill_null(np.nan), np.nan)
    ends = np.cumsum([questions.score_offsets[-1] for questions in question_sets])
    name = name or path.stem
    answers = [Answers(name, *part) for part in zip(question_sets, np.split(scores, ends[:-1]), strict=True)]
    return ExternalScores(path, name, answers, {fault: len(rows) for fault, rows in faults.items()})


def _read_table(path: Path) -> tuple[pl.DataFrame, str]:
    """The rows of a file: row (counted from 1), question_id, score, and the key where there is one; and its name."""
    sheet = read_sheet(path)
    table = sheet.table
    if missing := [needed for needed in ("question_id", "score") if needed not in table.columns]:
        near = {name: nearest_header(name, table.columns) for name in missing}
        todo = [
            f"rename {header!r} to {name!r}" if header else f"add a column {name!r}" for name, header in near.items()
        ]
        raise DataError(
            f"{path} has no column {' and no column '.join(map(repr, missing))} (it has {', '.join(table.columns)}); "
            f"scores are a table of question_id, candidate and score: {' and '.join(todo)}"
        )
    keys = [key for key in KEYS if key in table.columns]
    if len(keys) > 1:
        raise DataError(f"{path} has the columns 'candidate' and 'place'; keep one of them, they could contradict")
    kinds = {"question_id": pl.String(), "score": pl.Float64()} | {key: KEYS[key] for key in keys}
    columns = [table[name].rename(name) for name in kinds]
    parsed = [_parsed(path, column, kinds[column.name], sheet.rows) for column in columns]
    return pl.DataFrame([sheet.rows, *parsed]), keys[0] if keys else "candidate"


def _parsed(path: Path, column: pl.Series, kind: pl.DataType, rows: pl.Series) -> pl.Series:
    """A column in its type; what is empty is null.

    Raises:
        DataError: a value is of another kind.
    """
    if column.dtype.is_nested():
        raise DataError(
            f"{path}, column {column.name!r}: it holds {column.dtype}, which is neither text nor "
            "numbers; write the file again"
        )
    if kind == pl.String():
        return column.cast(pl.String).str.strip_chars().replace("", None)
    if kind.is_float():
        plain = column.cast(pl.Float64, strict=False)
        cast = plain.fill_null(numbers(column, grouped=False)).alias(column.name)
    else:
        cast = whole_numbers(column).alias(column.name)
    invalid = is_odd(column, cast).arg_true()
    if len(invalid):
        expected = "a number" if kind.is_float() else "a whole number"
        raise DataError(
            f"{path}, row {rows[invalid[0]]}: {column.name} = {column[invalid[0]]!r} is not {expected}; fix the row"
        )
    return cast


def _slots(question_sets: Sequence[Questions], key: str) -> pl.DataFrame:
    """One row a score of all the question files, in the order of `Questions.score_offsets`: question_id and key.

    Raises:
        DataError: a question id is in two files, so that a score could be of either.
    """
    ids = pl.concat([questions.frame["question_id"] for questions in question_sets])
    twice = ids.filter(ids.is_duplicated())
    if len(twice):
        raise DataError(
            f"question {twice[0]!r} is in two of the question files; ask one of them at a time with --questions"
        )
    offered = pl.col("candidates") if key == "candidate" else pl.int_ranges(pl.col("candidates").list.len())
    alone = pl.lit([None], pl.List(KEYS[key]))  # a labelled outfit has one score, of no candidate
    chosen = pl.when(pl.col("label").is_null()).then(offered.cast(pl.List(KEYS[key]))).otherwise(alone).alias(key)
    return pl.concat([questions.frame.select("question_id", chosen) for questions in question_sets]).explode(key)


def _refuse_twice(path: Path, table: pl.DataFrame, key: str) -> None:
    again = table.filter(~pl.struct("question_id", key).is_first_distinct())
    if len(again):
        row = again.row(0, named=True)
        same = pl.col("question_id").eq_missing(row["question_id"]) & pl.col(key).eq_missing(row[key])
        raise DataError(
            f"{path}, row {row['row']}: {_named(row, key)} has a score in row {table.filter(same)['row'][0]} already; "
            f"keep one of them (there are {len(again)} such rows)"
        )


def _incomplete(path: Path, faults: dict[str, pl.DataFrame], key: str, total: int) -> str:
    """What is wrong with a file, in one sentence with the first case of each."""
    words = {
        "missing": ("", f"of {total} scores missing"),
        "not finite": ("score", " without a finite number"),
        "unknown questions": ("row", " with a question that is not asked"),
        "unknown candidates": ("row", " with a candidate that the question does not offer"),
    }
    first = {fault: rows.row(0, named=True) for fault, rows in faults.items() if len(rows)}
    problems = [f"{_counted(len(faults[fault]), *words[fault])} ({_case(row, key)})" for fault, row in first.items()]
    return (
        f"{path} does not fit the questions: it has {', '.join(problems)}; fix it, name the question "
        "files it is about with --questions, or use --allow-incomplete: missing scores then count "
        "as wrong and other rows are ignored"
    )


def _counted(count: int, noun: str, more: str) -> str:
    return f"{count} {noun}{'s' if noun and count != 1 else ''}{more}"


def _case(row: dict[str, object], key: str) -> str:
    where = "first: " if row.get("row") is None else f"first: row {row['row']}, "
    return where + _named(row, key)


def _named(row: dict[str, object], key: str) -> str:
    candidate = "" if row[key] is None else f", {key} {row[key]!r}"
    return f"question {row['question_id']!r}{candidate}"


def _questions(question_sets: Sequence[Questions]) -> str:
    """How many questions there are, and of which file the first are."""
    files = [str(questions.path) for questions in question_sets if questions.path]
    more = f" and {len(files) - 1} more files" if len(files) > 1 else ""
    return f"{sum(map(len, question_sets))} questions{f' of {files[0]}{more}' if files else ''}"
