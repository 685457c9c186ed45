"""Plots: the results of a bench as figures, with 95 % intervals by outfit."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from goeswith.experiments.figures import ACCENT, INK, QUIET, k_curve, sheet
from goeswith.scores import Column, Score
from goeswith.tables import headlines, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from goeswith.experiments.results import Row, Scoreboard

WARM = "#b3261e"
_COLOURS = {"floor": QUIET, "ceiling": QUIET, "model": ACCENT, "control": WARM}
COSTS = {
    "seconds_to_best": "seconds on one thread to the best epoch",
    "pairs_per_second": "pairs a second in training",
    "parameters": "parameters",
}
"""Property of `goeswith.experiments.results.Outcome` → what its axis is called."""
ACROSS = 4
"""Panels side by side where there is one for each model."""


def draw(board: Scoreboard, out: Path) -> dict[str, Path]:
    """Draw all that there are numbers for; caption → SVG file."""
    columns = headlines(board.scores) or board.columns[:1]
    models = [row for row in board.rows if row.outcomes]
    drawn = {"Results, floors in grey": accuracy(board, columns, out / "accuracy.svg")}
    if models:
        drawn["Cost"] = costs(models, columns, out / "costs.svg")
        drawn["Learning curves"] = learning(models, out / "learning.svg")
    if board.comparisons:
        drawn["Comparisons"] = differences(board, columns, out / "differences.svg")
    points = over_attributes(models, columns)
    if points:
        drawn["Results against K, the number of attributes"] = k_curve(points, out / "k.svg")
    return drawn


def accuracy(board: Scoreboard, columns: Sequence[Column], out: Path) -> Path:
    """A dot with its interval for each row, one panel a column."""
    rows = [row for row in board.rows if row.measured]
    with sheet(out, 1, len(columns), 4.4, 0.8 + 0.2 * len(rows)) as panels:
        for at, (axes, column) in enumerate(zip(panels, columns, strict=True)):
            shown = [row for row in rows if column in row.measured]
            _dots(axes, [row.measured[column].score for row in shown], [_COLOURS[row.kind] for row in shown])
            _names(axes, [_wrapped(row.name, 44) if at == 0 else "" for row in shown])
            axes.set_title(title(column).replace(", ", "\n"))
    return out


def differences(board: Scoreboard, columns: Sequence[Column], out: Path) -> Path:
    """A bar with its interval for each comparison, one panel a column; bars that leave out zero are filled."""
    compared = board.comparisons
    with sheet(out, 1, len(columns), 4.8, 0.8 + 0.32 * len(compared)) as panels:
        for at, (axes, column) in enumerate(zip(panels, columns, strict=True)):
            there = {
                row: line for row, each in enumerate(compared) for line in each.lines if line.column == column
            }  # a comparison with a floor that has no number in the column leaves its row empty
            axes.barh(
                list(there), [line.difference for line in there.values()], height=0.55, edgecolor=ACCENT,
                color=[ACCENT if line.low > 0 or line.high < 0 else "none" for line in there.values()],
            )  # fmt: skip
            for row, line in there.items():
                axes.hlines(row, line.low, line.high, color=INK, linewidth=1.1)
            axes.axvline(0, color=QUIET, linewidth=0.8)
            _names(axes, [f"{_wrapped(c.first, 44)}\n− {_wrapped(c.second, 44)}" if at == 0 else "" for c in compared])
            axes.set_title(title(column).replace(", ", "\n"))
    return out


def costs(rows: Sequence[Row], columns: Sequence[Column], out: Path) -> Path:
    """The last of the columns against what training cost, one panel a cost; an unknown cost has no dot.

    Ablations and controls, which are like another model, are small dots without a name.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    column = columns[-1]
    rows = [row for row in rows if column in row.measured]
    with sheet(out, 1, len(COSTS), 4.6, 3.4) as panels:
        for axes, (cost, label) in zip(panels, COSTS.items(), strict=True):
            for row in rows:
                if (x := row.usual(cost)) is None:
                    continue
                score, colour = row.measured[column].score, _COLOURS[row.kind]
                if row.kind == "control" or (row.experiment and row.experiment.like):
                    axes.plot(x, score.value, "o", color=colour, alpha=0.5, markersize=2)
                    continue
                axes.vlines(x, *score.interval, color=colour, alpha=0.35, linewidth=1.6)
                axes.plot(x, score.value, "o", color=colour, markersize=4)
                axes.annotate(
                    _wrapped(row.name), (x, score.value), xytext=(5, 2), textcoords="offset points", fontsize=6.5,
                    color=INK,
                )  # fmt: skip
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}" if x >= 1 else f"{x:g}"))
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.margins(x=0.25)
            axes.set_xlabel(label)
            axes.set_title(title(column).replace(", ", "\n"))
    return out


def learning(rows: Sequence[Row], out: Path) -> Path:
    """Validation AUC by epoch, one panel a model with all its seeds, behind them in grey where all models were."""
    from matplotlib.ticker import MaxNLocator

    curves = {row.name: [[epoch["valid_auc"] for epoch in outcome.history] for outcome in row.outcomes] for row in rows}
    every = [curve for own in curves.values() for curve in own]
    epochs = range(max(map(len, every)))
    reached = ([curve[at] for curve in every if len(curve) > at] for at in epochs)
    band = np.array([(min(values), max(values)) for values in reached])
    high = -(-len(rows) // ACROSS)
    with sheet(out, high, min(ACROSS, len(rows)), 2.6, 1.7, shared=True) as panels:
        for axes, (name, own) in zip(panels, curves.items(), strict=False):
            axes.fill_between(range(1, len(band) + 1), *band.T, color=QUIET, alpha=0.2, linewidth=0)
            for curve in own:
                dot = "o" if len(curve) == 1 else ""
                axes.plot(range(1, len(curve) + 1), curve, color=ACCENT, linewidth=1.2, marker=dot, markersize=1.2)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.set_title(_wrapped(name), fontsize=7.5)
            axes.tick_params(labelsize=7, length=0)
        for axes in panels[len(curves) :]:
            axes.set_axis_off()
    return out


def over_attributes(rows: Sequence[Row], columns: Sequence[Column]) -> list[tuple[int, Score]]:
    """K, the number of attributes, with each score, of models that differ in K alone; none if there is only one K."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        if row.experiment and row.outcomes and row.outcomes[0].attributes is not None:
            same = tuple(s for s in row.experiment.settings if not s.replace(" ", "").startswith("attributes="))
            key = row.experiment.model, row.experiment.teacher, row.experiment.rules, same
            groups.setdefault(key, []).append(row)
    most = max(groups.values(), key=lambda group: len({row.outcomes[0].attributes for row in group}), default=[])
    if len({row.outcomes[0].attributes for row in most}) < 2:
        return []
    return [
        (attributes, mean.score)
        for row in most
        if (attributes := row.outcomes[0].attributes) is not None
        for column, mean in row.measured.items()
        if column in columns
    ]


def _dots(axes: Axes, scores: Sequence[Score], colours: Sequence[str]) -> None:
    for line, (score, colour) in enumerate(zip(scores, colours, strict=True)):
        axes.hlines(line, *score.interval, color=colour, alpha=0.4, linewidth=2.4)
        axes.plot(score.value, line, "o", color=colour, markersize=4)


def _wrapped(name: str, width: int = 30) -> str:
    """A name on lines that a panel has room for; a longer one would take it from the axes."""
    return textwrap.fill(name, width)


def _names(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), names, fontsize=7.5)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(axis="x", color=QUIET, alpha=0.2, linewidth=0.6)
    axes.tick_params(length=0)
