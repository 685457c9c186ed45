"""Clicks: click rates, their difference to a control, and wins of interleaved models.

Interleaving by team drafts is of F. Radlinski, M. Kurup and T. Joachims, "How does clickthrough data reflect retrieval
quality?", CIKM 2008; how its outcomes are counted of O. Chapelle, T. Joachims, F. Radlinski and Y. Yue, "Large-scale
validation and analysis of interleaved search evaluation", ACM TOIS 30(1), 2012.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

LEVEL = 0.95
"""Of all intervals."""
DRAWS = 2000
T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True)
class Rate:
    """A share of what was shown, with Wilson's interval. count: how many of `shown` times."""

    count: int
    shown: int
    rate: float
    low: float
    high: float


@dataclass(frozen=True)
class Gap:
    """How much higher one rate is than another, with an interval over sessions."""

    difference: float
    low: float
    high: float
    sessions: int


@dataclass(frozen=True)
class Wins:
    """Sessions that one of two interleaved models won, the other won, and neither.

    share: of the first among those that either won, with the exact binomial interval. p: two-sided, of no difference.
    """

    first: int
    second: int
    ties: int
    share: float
    low: float
    high: float
    p: float


def rate(count: int, shown: int) -> Rate:
    """The rate of something that happened `count` of `shown` times, which is more than none."""
    from scipy.stats import binomtest

    interval = binomtest(count, shown).proportion_ci(LEVEL, method="wilson")
    return Rate(count, shown, count / shown, float(interval.low), float(interval.high))


def gap(sessions: np.ndarray, seed: int = 0, draws: int = DRAWS) -> Gap | None:
    """The rate of one arm minus that of another, by a bootstrap of whole sessions: what one does hangs together.

    Args:
        sessions: (S, 4) counts: happened and shown of the first arm, then of the second.

    Returns:
        None where either arm was never shown.
    """
    counts = np.asarray(sessions, np.float64).reshape(-1, 4)
    totals = counts.sum(axis=0)
    if not totals[1] or not totals[3]:
        return None
    # Many sessions are alike: how often each kind is drawn is multinomial, and there are few kinds.
    kinds, sizes = np.unique(counts, axis=0, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(len(counts), sizes / len(counts), draws) @ kinds  # (R, 4)
    with np.errstate(invalid="ignore", divide="ignore"):
        differences = drawn[:, 0] / drawn[:, 1] - drawn[:, 2] / drawn[:, 3]
    low, high = np.nanquantile(differences, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Gap(float(totals[0] / totals[1] - totals[2] / totals[3]), float(low), float(high), len(counts))


def wins(sessions: np.ndarray) -> Wins | None:
    """Who won how many sessions: the model whose suggestions were clicked more often wins one.

    Args:
        sessions: (S, 2) clicks on the suggestions of the first model and of the second.

    Returns:
        None where no session has a winner.
    """
    from scipy.stats import binomtest

    clicks = np.asarray(sessions).reshape(-1, 2)
    first, second = int((clicks[:, 0] > clicks[:, 1]).sum()), int((clicks[:, 0] < clicks[:, 1]).sum())
    if not first + second:
        return None
    test = binomtest(first, first + second)
    interval = test.proportion_ci(LEVEL, method="exact")
    share = first / (first + second)
    ties = len(clicks) - first - second
    return Wins(first, second, ties, share, float(interval.low), float(interval.high), float(test.pvalue))


def team_draft(first: Sequence[T], second: Sequence[T], count: int, seed: int) -> list[tuple[T, int]]:
    """One list of two: in each round both models, in an order by chance, add the best of theirs that is not on it yet.

    Returns:
        Up to `count` suggestions in order, each with the model it is credited to: 0 or 1.
    """
    random, lists = np.random.default_rng(seed), (list(first), list(second))
    drafted: list[tuple[T, int]] = []
    drafted_ids: set[T] = set()
    while len(drafted) < count:
        before = len(drafted)
        for team in random.permutation(2).tolist():
            choice = next((suggestion for suggestion in lists[team] if suggestion not in drafted_ids), None)
            if choice is not None and len(drafted) < count:
                drafted.append((choice, team))
                drafted_ids.add(choice)
        if len(drafted) == before:
            break
    return drafted
