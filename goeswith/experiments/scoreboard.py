"""Scoreboard: the results of a bench as Markdown, LaTeX, JSON and HTML, with figures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from goeswith import __version__
from goeswith.evaluate.audit import LEAK
from goeswith.evaluate.seeds import ALPHA, DRAWS, SAME
from goeswith.experiments.plots import draw
from goeswith.experiments.report import Findings, page
from goeswith.experiments.results import ABOVE, BEATEN, BELOW, Row, Scoreboard
from goeswith.files import fresh_file
from goeswith.scores import Column, Difference
from goeswith.tables import OFFERS, chance, interval, markdown, retrieval_table, value

MARKS = (
    f"Marks: {ABOVE} above the strongest floor of the column, {BELOW} below it, {BEATEN} below its best model (bold, "
    "where there are two or more); a floor without a number in the column is left out. Paired by "
    f"question, bootstrap over outfits and seeds, p < {ALPHA} after Holm's correction for the rows of the column. A "
    f"floor of {LEAK} or more is left out: something gives the answers away, see goeswith audit. The best model is "
    "chosen by the same questions, which flatters it a little; the comparisons below are those of the recipe."
)
"""What the marks of the first table say."""
_SHOWN = (
    f"First minus second, with its 95 % interval over outfits and seeds ({DRAWS:,} draws); p after Holm's correction "
    f"for all of this table. Higher or lower: p < {ALPHA}; equivalent: else, and the interval lies inside ±{SAME}; not "
    "shown: neither, there were too few outfits or seeds to tell."
)


def write_board(board: Scoreboard, out: Path) -> list[Path]:
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


def as_json(board: Scoreboard) -> dict[str, Any]:
    """Everything: the recipe, each number with its signature and seeds, the differences, the trainings."""
    return {
        "goeswith": __version__,
        "recipe": asdict(board.recipe),
        "dataset": {"name": board.dataset.name, "fingerprint": board.dataset.fingerprint},
        "verdict": board.conclusion,
        "lines": [{"kind": row.kind, **score.to_dict()} for row in board.rows for score in row.scores],
        "corrected": [mean.score.to_dict() for row in board.rows for means in row.corrected for mean in means.values()],
        "compared": [{"note": c.note, **line.to_dict()} for c in board.comparisons for line in c.lines],
        "marks": [{"scorer": name, "column": column, "marks": mark} for (name, column), mark in board.marks.items()],
        "trained": {row.name: [asdict(outcome) for outcome in row.outcomes] for row in board.rows if row.outcomes},
        "cannot_run": board.failures,
        "absent": [*board.absent],
    }


def as_markdown(board: Scoreboard, pictures: Mapping[str, Path]) -> str:
    """The same for reading."""
    recipe, signed = board.recipe, dict.fromkeys(score.signature for score in board.scores)
    parts = [
        f"# {recipe.name}",
        "",
        board.conclusion,
        "",
        f"Made by `goeswith bench` on `{recipe.dataset}`; every number is the mean of the seeds "
        f"{', '.join(map(str, recipe.seeds))}, with its 95 % interval by a bootstrap over outfits and, of several, "
        "over seeds; floors have no seeds.",
        "",
        markdown(["", *map(short, board.columns)], [[row.name, *_cells(board, row)] for row in board.rows]),
        MARKS,
        "",
        *(f"- {name} could not run: {why}" for name, why in board.failures.items()),
        *(f"- `{name}` has no column: the data set cannot provide such questions." for name in board.absent),
        *(f"\n![{caption}]({path.name})" for caption, path in pictures.items()),
        "",
    ]
    if board.comparisons:
        parts += ["## Compared", "", markdown(["", *map(short, board.columns)], _compared(board)), _SHOWN, ""]
    if retrieved := [score for row in board.rows for score in row.retrieval]:
        parts += ["## Retrieval", "", markdown(*retrieval_table(retrieved)), OFFERS, ""]
    trained = [row for row in board.rows if row.outcomes]
    if trained:
        parts += ["## Trained", "", markdown(_TRAINED, [_training(row) for row in trained])]
    parts += ["## Signatures", "", *(f"- `{signature}`" for signature in signed), ""]
    return "\n".join(parts)


_TRAINED = [
    "", "validation AUC", "best epochs", "parameters", "seconds", "seconds to best", "pairs/s", "settings",
]  # fmt: skip
_COSTS = ("seconds", "seconds_to_best", "pairs_per_second")


def _training(row: Row) -> list[str]:
    aucs = " ".join(f"{outcome.valid_auc:.3f}" for outcome in row.outcomes)
    costs = ["–" if (cost := row.usual(name)) is None else f"{cost:,.0f}" for name in _COSTS]
    settings = " ".join(row.experiment.settings) if row.experiment else ""
    best = " ".join(str(outcome.best_epoch) for outcome in row.outcomes)
    return [row.name, aucs, best, f"{row.outcomes[0].parameters:,}", *costs, f"`{settings}`" if settings else ""]


def _cells(board: Scoreboard, row: Row) -> list[str]:
    """The numbers of a row, with marks; the reason in the first cell where it could not run."""
    if row.failure:
        return [f"could not run: {row.failure}", *["–"] * (len(board.columns) - 1)]
    cells = []
    for column in board.columns:
        number = value(row.measured[column].score) if column in row.measured else "–"
        bold = board.leads(column) is row
        marks = board.marks.get((row.name, column), "")
        cells.append((f"**{number}**" if bold else number) + (f" {marks}" if marks else ""))
    return cells


def _compared(board: Scoreboard) -> list[list[str]]:
    rows = []
    for compared in board.comparisons:
        own = {line.column: line for line in compared.lines}
        cells = [_shown(own[column]) if column in own else "–" for column in board.columns]
        rows.append([f"{compared.note + ': ' if compared.note else ''}{compared.name}", *cells])
    return rows


def _shown(line: Difference) -> str:
    corrected = line.p if line.p_holm is None else line.p_holm
    return f"{interval(line)}, {chance(corrected)}, {line.shows}"


def as_latex(board: Scoreboard) -> str:
    """The table of headline numbers as a LaTeX ``tabular`` in the manner of booktabs, floors above a rule."""
    columns, lines = board.columns, []
    for number, row in enumerate(board.rows):
        if number and row.kind not in ("floor", "ceiling") and board.rows[number - 1].kind in ("floor", "ceiling"):
            lines.append(r"\midrule")
        if row.failure:
            cells = [rf"\multicolumn{{{len(columns)}}}{{l}}{{could not run: {_tex(row.failure)}}}"]
        else:
            cells = [_tex_cell(board, row, column) for column in columns]
        lines.append(" & ".join([_tex(row.name), *cells]) + r" \\")
    head = " & ".join(["", *(_tex(short(column)) for column in columns)]) + r" \\"
    signed = dict.fromkeys(score.signature for score in board.scores)
    return "\n".join(
        [
            r"% needs \usepackage{booktabs}; what was measured:",
            *(f"%   {signature}" for signature in signed),
            rf"% {MARKS}",
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


def _tex_cell(board: Scoreboard, row: Row, column: Column) -> str:
    if column not in row.measured:
        return "--"
    score, marks = row.measured[column].score, board.marks.get((row.name, column), "")
    low, high = score.interval
    number = f"{score.value:.3f}"
    number = rf"\textbf{{{number}}}" if board.leads(column) is row else number
    raised = "".join({ABOVE: "*", BELOW: r"\dagger", BEATEN: r"\downarrow"}[mark] for mark in marks)
    return f"{number}{f'$^{{{raised}}}$' if marks else ''} {{\\scriptsize [{low:.3f}, {high:.3f}]}}"


def _tex(text: str) -> str:
    """Text whose signs LaTeX prints as they are."""
    signs = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "−": "$-$"}
    return "".join(signs.get(sign, f"\\{sign}" if sign in "&%$#_{}" else sign) for sign in text)


def short(column: Column) -> str:
    """A column's head, e.g. ``FITB accuracy, matched``."""
    task, negatives, metric = column
    measure = metric.replace("_", " ").replace("auc", "AUC").replace("mrr", "MRR")
    names = {"fitb": "FITB", "anchor": "from one item", "rest": "from the rest"}
    return f"{names.get(task, task)} {measure}, {negatives}"


def findings(board: Scoreboard) -> Findings:
    """What the HTML page shows."""
    first = {row.name: row.outcomes[0].history for row in board.rows if row.outcomes}
    cannot = "".join(f" {name} could not run: {why}." for name, why in board.failures.items())
    return Findings(
        rows=[row for row in board.rows if row.measured],
        verdict=board.conclusion,
        lead=f"Every number is the mean of the seeds {', '.join(map(str, board.recipe.seeds))}.{cannot}",
        comparisons=board.comparisons,
        retrieval=[score for row in board.rows for score in row.retrieval],
        curves={f"Validation, seed {board.recipe.seeds[0]}": first} if first else {},
    )
