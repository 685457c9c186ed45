"""Tables: results as plain text or Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from goeswith.errors import DataError
from goeswith.scores import Column, Difference, Score

Cells = tuple[list[str], list[list[str]]]
"""Head and rows of a table."""

HARDEST = ("matched", "category", "official", "random")
_METRICS = {"auc": "AUC", "pooled_auc": "pooled AUC", "accuracy": "accuracy", "mrr": "MRR"}
_TASKS = {
    "compat": "Compatibility", "fitb": "Fill in the blank", "triplet": "Triplets", "retrieval": "Retrieval",
    "exhaustive": "Exhaustive", "anchor": "From one item", "rest": "From the rest",
}  # fmt: skip
_NEGATIVES = {
    "official": "published questions", "group": "all of the group", "group+season": "all of the group and season",
}  # fmt: skip
RETRIEVAL = {
    ("anchor", "recall@10"): "recall@10 from one item", ("anchor", "mrr"): "MRR",
    ("rest", "recall@10"): "recall@10 from the rest", ("rest", "mrr"): "MRR",
    ("anchor", "distinct@1"): "distinct first answers", ("anchor", "top_share@1"): "most offered first",
    ("anchor", "distinct@10"): "distinct in ten", ("anchor", "gini@10"): "Gini of ten",
}  # fmt: skip
"""Columns of `retrieval_table`: (task, metric) → head."""
OFFERS = (
    "All items of the group (and season, where there is one) are ranked, from one item of the outfit or from the rest. "
    "Distinct: how many different items the answers from one item hold, as a share of the most that there could be; "
    "most offered first: the share of the answers that begin with the most offered item; Gini: how unequally the ten "
    "are spread over all items, 0 = each as often. α, β and γ of a correction were fitted on validation outfits "
    "for recall@10; a shortlist shows these ten in an order that varies more."
)
"""What the numbers of `retrieval_table` are."""
ENOUGH = 100
"""Questions from which on no sentence warns of noise: with 100, an accuracy of .5 is known to ±.1."""
_SECOND = re.compile(r"pooled_auc|recall@\d+")
"""Measures that come second, see `goeswith.evaluate.measures.MEASURES`."""
_NUMBER = re.compile(r"[+−-]?[\d.,]+( %)?( .*)?|–|")


def title(column: Column) -> str:
    """A column in words, e.g. ``Fill in the blank accuracy, matched negatives``."""
    task, negatives, metric = column
    kind = _NEGATIVES.get(negatives, f"{negatives} negatives")
    return f"{_TASKS.get(task, task)} {_METRICS.get(metric, metric)}, {kind}"


def headlines(scores: Iterable[Score], tasks: Sequence[str] = ("compat", "fitb")) -> list[Column]:
    """The first measure of each task, on the hardest negatives that there are: what a reader should look at."""
    first = list(dict.fromkeys(score.column for score in scores))
    ranked = sorted(first, key=lambda column: HARDEST.index(column[1]) if column[1] in HARDEST else len(HARDEST))
    firsts = [next((column for column in ranked if column[0] == task), None) for task in tasks]
    return [column for column in firsts if column]


def value(score: Score) -> str:
    """A value with its 95 % interval where it has one, e.g. ``0.731 [0.702, 0.760]``."""
    if score.low is None:
        return f"{score.value:.3f}"
    return f"{score.value:.3f} [{score.low:.3f}, {score.high:.3f}]"


def difference(line: Difference) -> str:
    """A paired difference with its 95 % interval and p, e.g. ``+0.031 [+0.005, +0.057], p = 0.018``."""
    return f"{interval(line)}, {chance(line.p)}"


def interval(line: Difference) -> str:
    """A paired difference with its 95 % interval, e.g. ``+0.031 [+0.005, +0.057]``."""
    middle, low, high = (signed(number) for number in (line.difference, line.low, line.high))
    return f"{middle} [{low}, {high}]"


def signed(number: float, digits: int = 3) -> str:
    """A number with its sign, e.g. ``+0.031`` or ``−0.031``."""
    return f"{number:+.{digits}f}".replace("-", "−")


def chance(p: float) -> str:
    """A p value, e.g. ``p = 0.018`` or ``p < 0.001``."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def long_table(scores: Iterable[Score]) -> Cells:
    """One row a score: everything that was measured, with its signature."""
    head = ["scorer", "task", "negatives", "metric", "value", "95 %", "n", "unanswered", "signature"]
    rows = [
        [score.scorer, *score.column, f"{score.value:.4f}",
         "" if score.low is None else f"{score.low:.4f}–{score.high:.4f}",
         str(score.n), str(score.unanswered), score.signature]
        for score in scores
    ]  # fmt: skip
    return head, rows


def wide_table(scores: Iterable[Score], columns: Sequence[Column] | None = None) -> Cells:
    """One row a scorer, one column for each (task, negatives, metric); `columns` chooses and orders them.

    Raises:
        DataError: a scorer has two numbers for one cell, or a column mixes signatures: they cannot stand side by side.
    """
    scores = list(scores)
    columns = list(dict.fromkeys(score.column for score in scores)) if columns is None else list(columns)
    cells: dict[str, dict[Column, str]] = {}
    signatures: dict[Column, str] = {}
    for score in scores:
        row, column = cells.setdefault(score.scorer, {}), score.column
        if column in row:
            raise DataError(f"{score.scorer} has two numbers for {title(column)}; give each run its own name")
        if signatures.setdefault(column, score.signature) != score.signature:
            raise DataError(
                f"{title(column)} was measured on different questions ({signatures[column]} and {score.signature}); "
                "put them in separate tables"
            )
        row[column] = value(score)
    head = ["scorer", *(" ".join(column) for column in columns)]
    return head, [[name, *(row.get(column, "–") for column in columns)] for name, row in cells.items()]


def question_tables(scores: Iterable[Score]) -> dict[str, Cells]:
    """What each scorer makes of question files: caption → a row a scorer and a column a kind of questions.

    A table is of the first measure of a task, or of one that comes from another package. Files that ask the same kind
    of questions have tables of their own; the same questions asked twice are shown once.
    """
    first: dict[str, str] = {}
    files: dict[Column, list[str]] = {}
    tables: dict[tuple[str, str, int], list[Score]] = {}
    for score in {(each.scorer, each.column, each.signature): each for each in scores}.values():
        if first.setdefault(score.signature, score.metric) == score.metric or not _SECOND.fullmatch(score.metric):
            own = files.setdefault(score.column, [])
            own += [score.signature] if score.signature not in own else []
            tables.setdefault((score.task, score.metric, own.index(score.signature)), []).append(score)
    return {
        f"{_TASKS.get(task, task)}, {_METRICS.get(metric, metric)}{f', file {number + 1}' if number else ''}": (
            ["", *dict.fromkeys(score.negatives for score in part)],
            wide_table(part)[1],
        )
        for (task, metric, number), part in tables.items()
    }


def signature_lines(scores: Iterable[Score]) -> list[str]:
    """Each signature, after the number of questions that it stands for."""
    asked: dict[str, int] = {}
    for score in scores:
        asked.setdefault(score.signature, score.n)
    return [f"{count:,} questions: {signature}" for signature, count in asked.items()]


def few_questions(scores: Iterable[Score]) -> str:
    """A sentence on how little scores mean that were measured on fewer than `ENOUGH` questions; empty without any."""
    spans = [(max((score.high - score.low) / 2, 1 / score.n), score.n) for score in scores
             if 0 < score.n < ENOUGH and score.low is not None and score.high is not None]  # fmt: skip
    if not spans:
        return ""
    half, count = max(spans)
    noise = f"{half:.2f}".removeprefix("0")
    return f"With only {count} questions, values are uncertain by up to ±{noise}: differences below that may be noise."


def retrieval_table(scores: Iterable[Score]) -> Cells:
    """One row a scorer: what it finds in the whole catalogue and what it offers to all, see docs/evaluate.md."""
    rows: dict[str, dict[tuple[str, str], str]] = {}
    for score in scores:
        strengths = {"α": score.alpha, "β": score.beta, "γ": score.gamma}
        fitted = [f"{sign} = {number:.3g}" for sign, number in strengths.items() if number is not None]
        title = score.scorer + (f" ({', '.join(fitted)})" if fitted else "")
        rows.setdefault(title, {})[score.task, score.metric] = value(score)
    cells = [[name, *(row.get(measure, "–") for measure in RETRIEVAL)] for name, row in rows.items()]
    return ["", *RETRIEVAL.values()], cells


def plain(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table with aligned columns, numbers to the right, as wide as it needs to be."""
    columns = list(zip(head, *rows, strict=True))
    right = [_numeric(cells[1:]) for cells in columns]
    widths = [max(map(len, cells)) for cells in columns]
    lines = [head, ["-" * width for width in widths], *rows]
    placed = (
        "  ".join(cell.rjust(w) if r else cell.ljust(w) for cell, w, r in zip(line, widths, right, strict=True))
        for line in lines
    )
    return "\n".join(line.rstrip() for line in placed)


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The same as a Markdown table; a ``|`` inside a cell is escaped."""
    columns = list(zip(head, *rows, strict=True))
    rule = ["---:" if _numeric(cells[1:]) else "---" for cells in columns]
    escaped = str.maketrans({"|": r"\|", "\\": r"\\"})
    safe = [[" ".join(cell.translate(escaped).split()) for cell in line] for line in (head, *rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in (safe[0], rule, *safe[1:])) + "\n"


def _numeric(cells: Sequence[str]) -> bool:
    return bool(cells) and all(_NUMBER.fullmatch(cell) for cell in cells)
