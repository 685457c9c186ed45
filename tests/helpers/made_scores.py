"""Scores and differences with a few numbers of the test's own."""

from typing import Any

from goeswith.scores import Difference, Score

LIKE = {"task": "fitb", "negatives": "matched", "metric": "accuracy", "n": 282, "signature": "signed"}


def made_score(scorer: str, value: float, **more: Any) -> Score:
    """A score with an interval of ±0.05."""
    ends = {"low": value - 0.05, "high": value + 0.05, "unanswered": 0}
    return Score(**LIKE | ends | {"scorer": scorer, "value": value} | more)


def made_difference(difference: float, low: float, high: float, p: float, **more: Any) -> Difference:
    """A difference of two scorers."""
    numbers = {"difference": difference, "low": low, "high": high, "p": p}
    return Difference(**LIKE | {"scorer": "first", "against": "second"} | numbers | more)
