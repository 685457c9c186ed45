"""Scoreboard: what a bench measured, as Markdown, LaTeX, JSON and HTML, with its figures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

from goeswith import __version__
from goeswith.evaluate.seeds import Mean, difference, holm
from goeswith.experiments.plots import draw
from goeswith.experiments.recipes import Contender, Recipe
from goeswith.experiments.report import Comparison, Entry, Findings, page
from goeswith.files import fresh_file
from goeswith.tables import HARDEST, Column, chance, column, headlines, interval, markdown, title, value

if TYPE_CHECKING:
    from goeswith.data.dataset import Dataset

BEATEN, ABOVE = "↓", "*"
"""Marks of a number: the best model of the column is better; it is above the column's strongest floor."""
SURE = 0.05
_MARKS = (
    f"Marks: {ABOVE} above the strongest floor of the column, {BEATEN} below its best model (in bold): paired by "
    f"question, bootstrap by outfit, p < {SURE} after Holm's correction for the rows of the column. The best "
    "is chosen by the same questions, which flatters it a little; the comparisons below were chosen before."
)


@dataclass(frozen=True)
class Told:
    """What became of one training.

    parameters: that are trained. attributes: K, of ADD-GNN alone. seconds: of all epochs on one thread, its teacher's
    too. history: what each epoch measured.
    """

    parameters: int
    attributes: int | None
    seconds: float
    best_epoch: int
    valid_auc: float
    history: list[dict[str, float]] = field(repr=False)

    @property
    def seconds_to_best(self) -> float | None:
        """Seconds until the best epoch was done; None where the later epochs do not say how long they took."""
        later = self.history[self.best_epoch :]
        known = all("seconds" in epoch for epoch in later)
        return self.seconds - sum(epoch["seconds"] for epoch in later) if known else None

    @property
    def pairs_per_second(self) -> float | None:
        """Of the epoch in the middle, validation apart; None where no epoch says it."""
        known = [epoch["pairs_per_second"] for epoch in self.history if "pairs_per_second" in epoch]
        return median(known) if known else None


@dataclass(frozen=True)
class Row:
    """One row of the tables: a floor, or a model with what each of its seeds told, or why it could not run."""

    name: str
    kind: str
    measured: Mapping[Column, Mean]
    note: str = ""
    told: Sequence[Told] = ()
    failure: str = ""
    contender: Contender | None = None

    def usual(self, what: str) -> float | None:
        """The mean over seeds of a property of `Told`, of those that know it; None where none does."""
        known = [found for told in self.told if (found := getattr(told, what)) is not None]
        return fmean(known) if known else None

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Everything measured, as lines of `goeswith.evaluate.evaluate.Report.summary`."""
        return [mean.line for mean in self.measured.values()]


@dataclass(frozen=True)
class Board:
    """All rows, floors first; absent: questions that the data set cannot serve."""

    recipe: Recipe
    dataset: Dataset
    rows: Sequence[Row]
    absent: Sequence[str] = ()

    @cached_property
    def columns(self) -> list[Column]:
        """The headline measure of every (task, negatives), the hardest negatives first."""
        there: dict[tuple[str, str], Column] = {}
        for line in (line for row in self.rows for line in row.lines):
            there.setdefault((line["task"], line["negatives"]), column(line))
        return sorted(there.values(), key=lambda what: HARDEST.index(what[1]) if what[1] in HARDEST else len(HARDEST))

    @cached_property
    def comparisons(self) -> list[tuple[str, str, str, list[dict[str, Any]]]]:
        """First, second, note and differences of each pairing of the recipe whose two rows were measured."""
        rows = {row.name: row.measured for row in self.rows if row.measured}
        found = []
        for pair in self.recipe.pairings:
            if {pair.first, pair.second} <= set(rows):
                first, second = rows[pair.first], rows[pair.second]
                found.append((pair.first, pair.second, pair.note, [difference(first[at], second[at]) for at in first]))
        return found

    @property
    def failures(self) -> dict[str, str]:
        """Model → why it could not run."""
        return {row.name: row.failure for row in self.rows if row.failure}

    def best(self, what: Column, *kinds: str) -> Row | None:
        """The row of some kinds with the highest value in a column."""
        rows = [row for row in self.rows if row.kind in kinds and what in row.measured]
        return max(rows, key=lambda row: row.measured[what].line["value"], default=None)

    @cached_property
    def marks(self) -> dict[tuple[str, Column], str]:
        """(Name, column) → `ABOVE` and `BEATEN`, of the models that have earned them."""
        found: dict[tuple[str, Column], str] = {}
        for what in self.columns:
            rows = [row for row in self.rows if row.kind in ("model", "control") and what in row.measured]
            for mark, rival in ((ABOVE, self.best(what, "floor")), (BEATEN, self.best(what, "model", "control"))):
                others = [row for row in rows if row is not rival]
                lines = [difference(row.measured[what], rival.measured[what]) for row in others] if rival else []
                sign = 1 if mark == ABOVE else -1
                for row, line, p in zip(others, lines, holm([line["p"] for line in lines]), strict=False):
                    if p < SURE and sign * line["difference"] > 0:
                        found[row.name, what] = found.get((row.name, what), "") + mark
        return found

    @property
    def verdict(self) -> str:
        """One sentence: the best model on the hardest questions, and whether it beats the strongest floor."""
        what = next(iter([*headlines([line for row in self.rows for line in row.lines])[::-1], *self.columns]), None)
        best, floor = (self.best(what, *kinds) if what else None for kinds in (("model", "control"), ("floor",)))
        if what is None or best is None or floor is None:
            return "No model could be measured."
        line = difference(best.measured[what], floor.measured[what])
        level = "above" if line["low"] > 0 else "below" if line["high"] < 0 else "not clearly apart from"
        return (
            f"{title(what)}: {best.name} is best with {value(best.measured[what].line)}, {level} the strongest floor, "
            f"{floor.name} ({interval(line)})."
        )


def write_board(board: Board, out: Path) -> list[Path]:
    """Write ``results.json``, ``.md``, ``.tex`` and ``.html`` and the figures; returns where they are."""
    pictures = draw(board, out)
    texts = {
        "results.json": json.dumps(as_json(board), indent=1, ensure_ascii=False) + "\n",
        "results.md": as_markdown(board, pictures),
        "results.tex": as_latex(board),
    }
    for name, text in texts.items():
        with fresh_file(out / name) as partial:
            partial.write_text(text, encoding="utf-8")
    written = page(board.dataset, findings(board), out / "results.html", heading=f"Bench: {board.recipe.name}")
    return [*(out / name for name in texts), written, *pictures.values()]


def as_json(board: Board) -> dict[str, Any]:
    """Everything: the recipe, each number with its signature and seeds, the differences, the trainings."""
    return {
        "goeswith": __version__,
        "recipe": asdict(board.recipe),
        "dataset": {"name": board.dataset.name, "fingerprint": board.dataset.fingerprint},
        "verdict": board.verdict,
        "lines": [{"kind": row.kind, **line} for row in board.rows for line in row.lines],
        "compared": [{"note": note, **line} for _, _, note, lines in board.comparisons for line in lines],
        "marks": [{"scorer": name, "column": what, "marks": mark} for (name, what), mark in board.marks.items()],
        "trained": {row.name: [asdict(told) for told in row.told] for row in board.rows if row.told},
        "cannot_run": board.failures,
        "absent": [*board.absent],
    }


def as_markdown(board: Board, pictures: Mapping[str, Path]) -> str:
    """The same for reading."""
    recipe, signed = board.recipe, {line["signature"]: None for row in board.rows for line in row.lines}
    parts = [
        f"# {recipe.name}",
        "",
        board.verdict,
        "",
        f"Made by `goeswith bench` on `{recipe.dataset}`; every number is the mean of {len(recipe.seeds)} seed(s) with "
        "its 95 % interval by outfit.",
        "",
        markdown(["", *map(_short, board.columns)], [[row.name, *_cells(board, row)] for row in board.rows]),
        _MARKS,
        "",
        *(f"- {name} could not run: {why}" for name, why in board.failures.items()),
        *(f"- `{name}` has no column: the data set can serve no such question." for name in board.absent),
        *(f"\n![{caption}]({path.name})" for caption, path in pictures.items()),
        "",
    ]
    if board.comparisons:
        parts += ["## Compared", "", markdown(["", *map(_short, board.columns)], _compared(board))]
    trained = [row for row in board.rows if row.told]
    if trained:
        parts += ["## Trained", "", markdown(_TRAINED, [_training(row) for row in trained])]
    parts += ["## Signatures", "", *(f"- `{signature}`" for signature in signed), ""]
    return "\n".join(parts)


_TRAINED = [
    "", "validation AUC", "best epochs", "parameters", "seconds", "seconds to best", "pairs/s", "settings",
]  # fmt: skip
_COSTS = ("seconds", "seconds_to_best", "pairs_per_second")


def _training(row: Row) -> list[str]:
    aucs = " ".join(f"{told.valid_auc:.3f}" for told in row.told)
    costs = ["–" if (cost := row.usual(what)) is None else f"{cost:,.0f}" for what in _COSTS]
    settings = " ".join(row.contender.settings) if row.contender else ""
    best = " ".join(str(told.best_epoch) for told in row.told)
    return [row.name, aucs, best, f"{row.told[0].parameters:,}", *costs, f"`{settings}`" if settings else ""]


def _cells(board: Board, row: Row) -> list[str]:
    """The numbers of a row, with marks; the reason in the first cell where it could not run."""
    if row.failure:
        return [f"could not run: {row.failure}", *["–"] * (len(board.columns) - 1)]
    cells = []
    for what in board.columns:
        told = value(row.measured[what].line) if what in row.measured else "–"
        bold = board.best(what, "model", "control") is row
        marks = board.marks.get((row.name, what), "")
        cells.append((f"**{told}**" if bold else told) + (f" {marks}" if marks else ""))
    return cells


def _compared(board: Board) -> list[list[str]]:
    rows = []
    for first, second, note, lines in board.comparisons:
        own = {column(line): line for line in lines}
        told = [f"{interval(own[what])}, {chance(own[what]['p'])}" if what in own else "–" for what in board.columns]
        rows.append([f"{note + ': ' if note else ''}{first} − {second}", *told])
    return rows


def as_latex(board: Board) -> str:
    """The table of headline numbers as a LaTeX ``tabular`` in the manner of booktabs, floors above a rule."""
    columns, lines = board.columns, []
    for place, row in enumerate(board.rows):
        if place and row.kind not in ("floor", "ceiling") and board.rows[place - 1].kind in ("floor", "ceiling"):
            lines.append(r"\midrule")
        if row.failure:
            cells = [rf"\multicolumn{{{len(columns)}}}{{l}}{{could not run: {_tex(row.failure)}}}"]
        else:
            cells = [_tex_cell(board, row, what) for what in columns]
        lines.append(" & ".join([_tex(row.name), *cells]) + r" \\")
    head = " & ".join(["", *(_tex(_short(what)) for what in columns)]) + r" \\"
    signed = dict.fromkeys(line["signature"] for row in board.rows for line in row.lines)
    return "\n".join(
        [
            r"% needs \usepackage{booktabs}; what was measured:",
            *(f"%   {signature}" for signature in signed),
            rf"% {_MARKS}",
            rf"\begin{{tabular}}{{l{'l' * len(columns)}}}",
            r"\toprule",
            head,
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


def _tex_cell(board: Board, row: Row, what: Column) -> str:
    if what not in row.measured:
        return "--"
    line, marks = row.measured[what].line, board.marks.get((row.name, what), "")
    told = f"{line['value']:.3f}"
    told = rf"\textbf{{{told}}}" if board.best(what, "model", "control") is row else told
    raised = "".join({ABOVE: "*", BEATEN: r"\downarrow"}[mark] for mark in marks)
    return f"{told}{f'$^{{{raised}}}$' if marks else ''} {{\\scriptsize [{line['low']:.3f}, {line['high']:.3f}]}}"


def _tex(text: str) -> str:
    """Text whose signs LaTeX prints as they are."""
    signs = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "−": "$-$"}
    return "".join(signs.get(sign, f"\\{sign}" if sign in "&%$#_{}" else sign) for sign in text)


def _short(what: Column) -> str:
    task, negatives, metric = what
    measure = metric.replace("_", " ").replace("auc", "AUC").replace("mrr", "MRR")
    return f"{'FITB' if task == 'fitb' else task} {measure}, {negatives}"


def findings(board: Board) -> Findings:
    """What the HTML page shows."""
    first = {row.name: row.told[0].history for row in board.rows if row.told}
    cannot = "".join(f" {name} could not run: {why}." for name, why in board.failures.items())
    return Findings(
        entries=[Entry(row.name, row.kind, row.lines, row.note) for row in board.rows if row.measured],
        verdict=board.verdict,
        lead=f"Every number is the mean of the seeds {', '.join(map(str, board.recipe.seeds))}.{cannot}",
        comparisons=[Comparison(f"{a} − {b}", lines, note) for a, b, note, lines in board.comparisons],
        curves={f"Validation, seed {board.recipe.seeds[0]}": first} if first else {},
    )
