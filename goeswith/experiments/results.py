"""Results: what a bench measured, row by row, with what may be concluded from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

from goeswith.evaluate.seeds import Mean, difference, holm
from goeswith.experiments.recipes import Contender, Recipe
from goeswith.tables import HARDEST, Column, column, headlines, interval, title, value

if TYPE_CHECKING:
    from goeswith.data.dataset import Dataset


BEATEN, ABOVE = "↓", "*"
"""Marks of a number: the best model of the column is better; it is above the column's strongest floor."""


SURE = 0.05


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
