"""Scoreboard: what a bench measured, as Markdown, LaTeX, JSON and HTML, with its figures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goeswith import __version__
from goeswith.experiments.plots import draw
from goeswith.experiments.report import Comparison, Entry, Findings, page
from goeswith.experiments.results import ABOVE, BEATEN, SURE, Board, Row
from goeswith.files import fresh_file
from goeswith.tables import Column, chance, column, interval, markdown, value

if TYPE_CHECKING:
    pass

_MARKS = (
    f"Marks: {ABOVE} above the strongest floor of the column, {BEATEN} below its best model (in bold): paired by "
    f"question, bootstrap by outfit, p < {SURE} after Holm's correction for the rows of the column. The best "
    "is chosen by the same questions, which flatters it a little; the comparisons below were chosen before."
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
