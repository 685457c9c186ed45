"""Results: the measurements of a bench, row by row, and what may be concluded from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from statistics import fmean, median
from typing import TYPE_CHECKING

from goeswith.evaluate.audit import LEAK, is_floor
from goeswith.evaluate.evaluate import answer, report
from goeswith.evaluate.retrieval_report import RetrievalQuestions, measure_floor
from goeswith.evaluate.seeds import ALPHA, Mean, difference, holm, judge, means
from goeswith.experiments.recipes import Experiment, Recipe
from goeswith.models import Scorer
from goeswith.scores import Column, Difference, Score
from goeswith.tables import HARDEST, RETRIEVAL, headlines, interval, title, value

if TYPE_CHECKING:
    from goeswith.data.dataset import Dataset
    from goeswith.data.questions import Questions

LABELS = "reads the columns that the taste is made of"
"""What is said of floors that are none, see `goeswith.evaluate.audit.is_floor`."""
BEATEN, ABOVE, BELOW = "↓", "*", "†"
"""Marks of a number: the best model of the column is better; it is above, or below, the column's strongest floor."""


@dataclass(frozen=True)
class Outcome:
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
        timed = all("seconds" in epoch for epoch in later)
        return self.seconds - sum(epoch["seconds"] for epoch in later) if timed else None

    @property
    def pairs_per_second(self) -> float | None:
        """Of the epoch in the middle, validation apart; None where no epoch says it."""
        speeds = [epoch["pairs_per_second"] for epoch in self.history if "pairs_per_second" in epoch]
        return median(speeds) if speeds else None

    def __str__(self) -> str:
        best = f"validation AUC {self.valid_auc:.3f}, best epoch {self.best_epoch} of {len(self.history)}"
        return f"{best}, {self.seconds:.0f} s"


@dataclass(frozen=True)
class Row:
    """One row of the tables: a floor, or a model with the outcome of each of its seeds, or why it could not run.

    kind: ``floor``, ``model``, ``control`` or ``ceiling``. experiment: of the recipe, where the row is a model's.
    corrected: the same by each of the fitted corrections of retrieval.
    """

    name: str
    kind: str
    measured: Mapping[Column, Mean]
    note: str = ""
    outcomes: Sequence[Outcome] = ()
    failure: str = ""
    experiment: Experiment | None = None
    corrected: Sequence[Mapping[Column, Mean]] = ()

    def usual(self, cost: str) -> float | None:
        """The mean over seeds of a property of `Outcome`, of those that have it; None where none does."""
        values = [value for outcome in self.outcomes if (value := getattr(outcome, cost)) is not None]
        return fmean(values) if values else None

    @property
    def scores(self) -> list[Score]:
        """Everything measured."""
        return [mean.score for mean in self.measured.values()]

    @property
    def retrieval(self) -> list[Score]:
        """What was measured over the whole catalogue, also with corrections, for `retrieval_table`."""
        own = [score for score in self.scores if (score.task, score.metric) in RETRIEVAL]
        return own + [mean.score for measured in self.corrected for mean in measured.values()]


def measure(name: str, kind: str, scorer: Scorer, sets: Iterable[Questions], dataset: Dataset, note: str = "") -> Row:
    """The row of one scorer, which answers every file of questions here and now."""
    return Row(name, kind, means(name, [[report(answer(scorer, questions), dataset) for questions in sets]]), note)


def measure_floors(
    floors: Mapping[str, Scorer],
    sets: Iterable[Questions],
    dataset: Dataset,
    catalogue: RetrievalQuestions | None = None,
) -> list[Row]:
    """The rows of `goeswith.evaluate.audit.yardsticks`: the floors, and the ceiling where there is one.

    catalogue: what is asked about the whole catalogue, of each floor as far as it can answer it.
    """
    rows, sets = [], list(sets)
    for name, scorer in floors.items():
        reports = [report(answer(scorer, questions), dataset) for questions in sets]
        if catalogue is not None:
            reports += measure_floor(scorer, catalogue)
        kind = "floor" if is_floor(name, dataset) else "ceiling"
        note = LABELS if kind == "ceiling" and name != "ceiling" else ""
        rows.append(Row(name, kind, means(name, [reports]), note))
    return rows


@dataclass(frozen=True)
class Comparison:
    """Paired differences of two rows on the same questions."""

    first: str
    second: str
    lines: Sequence[Difference]
    note: str = ""

    @property
    def name(self) -> str:
        """What tables call it."""
        return f"{self.first} − {self.second}"


@dataclass(frozen=True)
class Scoreboard:
    """All rows, floors first; absent: questions that the data set cannot serve."""

    recipe: Recipe
    dataset: Dataset
    rows: Sequence[Row]
    absent: Sequence[str] = ()

    @cached_property
    def columns(self) -> list[Column]:
        """The headline measure of every (task, negatives), the hardest negatives first."""
        first: dict[tuple[str, str], Column] = {}
        for score in self.scores:
            first.setdefault((score.task, score.negatives), score.column)
        return sorted(
            first.values(), key=lambda column: HARDEST.index(column[1]) if column[1] in HARDEST else len(HARDEST)
        )

    @cached_property
    def comparisons(self) -> list[Comparison]:
        """Each pairing of the recipe whose two rows were measured.

        Differences in the table's columns say what they show, see `judge`.
        """
        rows = {row.name: row.measured for row in self.rows if row.measured}
        compared = []
        for pair in self.recipe.pairings:
            if {pair.first, pair.second} <= set(rows):
                first, second = rows[pair.first], rows[pair.second]
                both = [column for column in first if column in second and first[column].draws is not None]
                lines = [difference(first[column], second[column]) for column in both]
                compared.append(Comparison(pair.first, pair.second, lines, pair.note))
        judged = iter(judge([x for comparison in compared for x in comparison.lines if x.column in self.columns]))
        return [
            replace(comparison, lines=[next(judged) if x.column in self.columns else x for x in comparison.lines])
            for comparison in compared
        ]

    @property
    def failures(self) -> dict[str, str]:
        """Model → why it could not run."""
        return {row.name: row.failure for row in self.rows if row.failure}

    def best(self, column: Column, *kinds: str) -> Row | None:
        """The row of some kinds with the highest value in a column; of floors, those that are no `LEAK`."""
        rows = [row for row in self.rows if row.kind in kinds and column in row.measured]
        rows = [row for row in rows if row.kind != "floor" or row.measured[column].score.value < LEAK]
        return max(rows, key=lambda row: row.measured[column].score.value, default=None)

    @cached_property
    def marks(self) -> dict[tuple[str, Column], str]:
        """(Name, column) → `ABOVE` or `BELOW`, and `BEATEN`, of the models that have earned them."""
        earned: dict[tuple[str, Column], str] = {}
        for column in self.columns:
            rows = [row for row in self.rows if row.kind in ("model", "control") and column in row.measured]
            floor, best = self.best(column, "floor"), self.best(column, "model", "control")
            for higher, lower, rival in ((ABOVE, BELOW, floor), ("", BEATEN, best)):
                others = [row for row in rows if row is not rival]
                lines = [difference(row.measured[column], rival.measured[column]) for row in others] if rival else []
                for row, line, p in zip(others, lines, holm([line.p for line in lines]), strict=False):
                    if p < ALPHA:
                        mark = higher if line.difference > 0 else lower
                        earned[row.name, column] = earned.get((row.name, column), "") + mark
        return earned

    def leads(self, column: Column) -> Row | None:
        """The best model of a column; none where no other was measured, since one alone is no best."""
        trained = [row for row in self.rows if row.kind in ("model", "control") and column in row.measured]
        return self.best(column, "model", "control") if len(trained) > 1 else None

    @property
    def scores(self) -> list[Score]:
        """Everything measured, row by row."""
        return [score for row in self.rows for score in row.scores]

    @property
    def headline(self) -> Column | None:
        """The column that a verdict is built on: FITB on the hardest negatives, or what comes nearest to it."""
        return next(iter([*headlines(self.scores)[::-1], *self.columns]), None)

    @property
    def conclusion(self) -> str:
        """One sentence: the best model on the hardest questions, and whether its marks say that it beats the floors."""
        column = self.headline
        best, floor = (self.best(column, *kinds) if column else None for kinds in (("model", "control"), ("floor",)))
        if column is None or best is None or floor is None:
            return "No model could be measured."
        line = difference(best.measured[column], floor.measured[column])
        marks = self.marks.get((best.name, column), "")
        level = "above" if ABOVE in marks else "below" if BELOW in marks else "not clearly apart from"
        return (
            f"{title(column)}: {best.name} is best with {value(best.measured[column].score)}, {level} the "
            f"strongest floor, {floor.name} ({interval(line)})."
        )
