"""Scores: a measurement and the paired difference of two, each with the questions it was measured on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from goeswith.errors import DataError

Column = tuple[str, str, str]
"""What is measured: task, negatives, metric."""
_OPTIONAL = ("floor", "headline", "alpha", "beta", "gamma", "seeds")
"""Fields that many scores do not have."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """One measure of one scorer.

    floor, headline: of a floor, its name among the floors and whether the measure is the first of its task.
    scorer: what reports call it. task, negatives: of the questions. value: higher = better, but for what is offered to
    everybody (``top_share``, ``gini``). low, high: 95 % interval, None where there is none. n: questions, of which
    `unanswered` lack a score. signature: the questions, see `goeswith.evaluate.evaluate.signature`.
    alpha, beta, gamma: of the correction that was fitted, see `goeswith.evaluate.reranking`. seeds: the value of each
    training where `value` is their mean.
    """

    floor: str | None = None
    headline: bool | None = None
    scorer: str
    task: str
    negatives: str
    metric: str
    value: float
    low: float | None = None
    high: float | None = None
    n: int
    unanswered: int
    signature: str
    alpha: float | None = None
    beta: float | None = None
    gamma: float | None = None
    seeds: tuple[float, ...] | None = None

    @property
    def column(self) -> Column:
        """What is measured."""
        return self.task, self.negatives, self.metric

    @property
    def interval(self) -> tuple[float, float]:
        """Low and high; the value twice where there is no interval."""
        return (self.value if self.low is None else self.low), (self.value if self.high is None else self.high)

    def minus(self, against: str, difference: float, low: float, high: float, p: float) -> Difference:
        """The difference of this score and that of another scorer, from its paired bootstrap."""
        same = {name: getattr(self, name) for name in ("scorer", "task", "negatives", "metric", "n", "signature")}
        return Difference(**same, against=against, difference=difference, low=low, high=high, p=p)

    def to_dict(self) -> dict[str, Any]:
        """For JSON: every field in order; those of `_OPTIONAL` only where they are set."""
        return {name: value for name, value in vars(self).items() if value is not None or name not in _OPTIONAL}

    @classmethod
    def from_dict(cls, line: Mapping[str, Any]) -> Self:
        """What `to_dict` gave, also as read from JSON; further keys are not the score's matter.

        Raises:
            DataError: a field is missing.
        """
        values = _fields(cls, line, _OPTIONAL)
        if values.get("floor"):  # earlier reports have category_colour, item_pairs, records_and_ids
            values |= {name: str(values[name]).replace("_", " ") for name in ("floor", "scorer")}
        return cls(**values | ({"seeds": tuple(values["seeds"])} if values.get("seeds") is not None else {}))


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A paired difference of two scorers on the same questions: `scorer` minus `against`.

    low, high: 95 % interval. p: two-sided, see `goeswith.evaluate.bootstrap`. p_holm, shows: what may be
    concluded from it where it is one of many, see `goeswith.evaluate.seeds.judge`.
    """

    scorer: str
    task: str
    negatives: str
    metric: str
    n: int
    signature: str
    against: str
    difference: float
    low: float
    high: float
    p: float
    p_holm: float | None = None
    shows: str | None = None

    @property
    def column(self) -> Column:
        """What was measured."""
        return self.task, self.negatives, self.metric

    def to_dict(self) -> dict[str, Any]:
        """For JSON: every field in order; p_holm and shows only where they are set."""
        return {name: value for name, value in vars(self).items() if value is not None}

    @classmethod
    def from_dict(cls, line: Mapping[str, Any]) -> Self:
        """What `to_dict` gave; further keys are not the difference's matter.

        Raises:
            DataError: a field is missing.
        """
        return cls(**_fields(cls, line, ("p_holm", "shows")))


def _fields(kind: type[Score] | type[Difference], line: Mapping[str, Any], optional: tuple[str, ...]) -> dict[str, Any]:
    """The fields that a line has, all that are not optional among them."""
    names = [field.name for field in fields(kind)]
    lacking = next((name for name in names if name not in line and name not in optional), None)
    if lacking:
        raise DataError(f"a measured number is without {lacking!r}")
    return {name: line[name] for name in names if name in line}
