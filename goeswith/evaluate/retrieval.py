"""Retrieval: does a scorer find the worn item among all of its group and season, and does it offer more than a few?

Recall and MRR answer the first, by outfit. A scorer that offers the same bestsellers to everybody can have a good
recall, so the second is measured by what it offers to all gaps together: how many distinct items, how often the most
offered one, and how unequally. Ties count by expectation over their orders, in both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from goeswith.evaluate.gaps import Gaps, Scored, score_gaps
from goeswith.evaluate.measures import MEASURES, Measure, Ranks
from goeswith.models import Scorer

FIRST, TOP = 1, 10
"""Lengths of the lists whose offers are counted."""

Correction = Callable[[Scored], np.ndarray]
"""Scored gaps → other scores (g, m) of the same candidates, see `goeswith.evaluate.training_counts`."""


@dataclass(frozen=True)
class RetrievalResult:
    """What a scorer made of some gaps.

    values: measure → (G,) float64. answerable: (G,) bool, whether every candidate has a score.
    offers: k → what the lists of the k best hold.
    """

    values: dict[Measure, np.ndarray]
    answerable: np.ndarray
    offers: dict[int, Offers]


@dataclass(frozen=True)
class Offers:
    """What is offered to all gaps together, in lists of the k best.

    distinct: how many different items, as a share of the most that there could be, Σ over pools of min(k gaps, items).
    top_share: share of the lists that hold the most offered item.
    gini: of the offers over all items that could be offered: 0 = each as often, near 1 = few take all.
    """

    distinct: float
    top_share: float
    gini: float


def retrieve(scorer: Scorer, gaps: Gaps, corrections: Sequence[Correction | None] = (None,)) -> list[RetrievalResult]:
    """Rank all candidates of all gaps by a scorer, once for each correction of its scores (None = as they are).

    Raises:
        ModelError: the scorer does not return one number an outfit.
    """
    tallies = [_Tally(gaps) for _ in corrections]
    for scored in score_gaps(scorer, gaps):
        for tally, correct in zip(tallies, corrections, strict=True):
            scores = scored.scores if correct is None else correct(scored)
            tally.add(scored._replace(scores=scores))
    return [tally.measured() for tally in tallies]


def ranks(scored: Scored) -> Ranks:
    """How the worn items fare; a candidate without a score counts as above them."""
    truth = np.take_along_axis(scored.scores, scored.truth[:, None], axis=1)  # (g, 1)
    unscored = np.isnan(scored.scores)
    above = ((scored.scores > truth) | unscored) & scored.candidates
    equal = (scored.scores == truth) & scored.candidates
    missing = np.isnan(truth[:, 0])
    return Ranks(
        above.sum(axis=1) - missing.astype(np.float64),
        equal.sum(axis=1) - (~missing).astype(np.float64),
        scored.candidates.sum(axis=1) - 1.0,
        missing,
    )


def offered(scored: Scored, k: int) -> np.ndarray:
    """(g, m) float64: how likely each item is among the k best, over the orders of equal scores."""
    scores = np.where(scored.candidates & ~np.isnan(scored.scores), scored.scores, -np.inf)
    at = max(scores.shape[1] - k, 0)
    bar = np.partition(scores, at, axis=1)[:, at, None]  # (g, 1) score of the k-th best
    above, equal = scores > bar, (scores == bar) & np.isfinite(scores)
    ties = np.maximum(equal.sum(axis=1, keepdims=True), 1)
    share = np.clip((k - above.sum(axis=1, keepdims=True)) / ties, 0, 1)
    return above + equal * share


def gini(offers: np.ndarray) -> float:
    """Gini coefficient of numbers (m,) ≥ 0: 0 = all equal, (m − 1) / m = one has everything; NaN where all are 0."""
    count, total = len(offers), offers.sum()
    if not total:
        return float("nan")
    rank = np.arange(1, count + 1)
    return float(2 * (rank * np.sort(offers)).sum() / (count * total) - (count + 1) / count)


class _Tally:
    """What has been counted so far."""

    def __init__(self, gaps: Gaps) -> None:
        size = len(gaps.pools)
        self.values = {measure: np.zeros(len(gaps)) for measure in MEASURES["anchor"]}
        self.answerable = np.zeros(len(gaps), bool)
        self.offers = {k: np.zeros(size) for k in (FIRST, TOP)}  # (U,) expected offers
        self.unoffered = {k: np.zeros(size) for k in (FIRST, TOP)}  # (U,) ln P(never offered)
        pools = gaps.pools[gaps.truth]
        self.open = np.isin(gaps.pools, pools)
        self.gaps, self.pool_gaps = len(gaps), np.bincount(pools)
        self.pool_items = np.bincount(gaps.pools[self.open], minlength=len(self.pool_gaps))

    def add(self, scored: Scored) -> None:
        rank = ranks(scored)
        for measure, values in self.values.items():
            values[scored.gaps] = measure(rank)
        self.answerable[scored.gaps] = ~(np.isnan(scored.scores) & scored.candidates).any(axis=1)
        for k in self.offers:
            chance = offered(scored, k)
            self.offers[k][scored.rows] += chance.sum(axis=0)
            with np.errstate(divide="ignore"):
                self.unoffered[k][scored.rows] += np.log1p(-chance).sum(axis=0)

    def measured(self) -> RetrievalResult:
        offers = {}
        for k, counts in self.offers.items():
            distinct = -np.expm1(self.unoffered[k]).sum()
            possible = np.minimum(k * self.pool_gaps, self.pool_items).sum()
            share = float(counts.max() / self.gaps)
            offers[k] = Offers(float(distinct / possible), share, gini(counts[self.open]))
        return RetrievalResult(self.values, self.answerable, offers)
