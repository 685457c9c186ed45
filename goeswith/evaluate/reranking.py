"""Reranking: scores corrected for popularity and hubness, with weights fitted on validation gaps.

    y' = y + α τ log popularity − β hub

log popularity: of an item, from its count in training outfits. A score learnt against the items of a batch is a
log ratio, p(item | outfit) / p(item), so α = 1 asks what will be worn, α = 0 what suits best (Menon et al. 2021, logit
adjustment). τ is the size of one unit of log odds on the scale of the score, so that α means the same for every model.
hub: the item's mean score over many anchors, see `hub_means`. In many dimensions some items lie near everything and
are offered to everybody (Radovanović et al. 2010, hubs in space); β = 1 takes that away altogether.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

ALPHAS = (0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0)
BETAS = (0.0, 0.25, 0.5, 0.75, 1.0)
VARIETY = 0.85
"""Share of the distinct first answers of the plain scores that a correction leaves."""
SHRINK = 10.0
"""Imagined anchors whose mean is that of all items: items of pools with few anchors keep to it."""


class Judged(NamedTuple):
    """Scores of gaps whose candidates are the same m items.

    scores: (g, m) float64, −inf where an item is no candidate of the gap (NaN is read so). truth: (g,) column of the
    worn item. popularity, hubs: (m,) float64, see `log_popularity` and `hub_means`.
    """

    scores: np.ndarray
    truth: np.ndarray
    popularity: np.ndarray
    hubs: np.ndarray


@dataclass(frozen=True)
class Reranking:
    """A correction of scores. alpha, beta: strength of popularity and of the hubs' correction. temperature: τ > 0."""

    alpha: float = 0.0
    beta: float = 0.0
    temperature: float = 1.0

    def __call__(self, scores: np.ndarray, popularity: np.ndarray, hubs: np.ndarray) -> np.ndarray:
        """Corrected scores (g, m) from scores (g, m), log popularity (m,) and hub means (m,)."""
        return scores + (self.alpha * self.temperature * popularity - self.beta * hubs)


def log_popularity(worn: np.ndarray) -> np.ndarray:
    """log(count + 1), (U,) float64, of how many training outfits wear each item, (U,)."""
    return np.log1p(worn.astype(np.float64))


def hub_means(scores: np.ndarray, shrink: float = SHRINK) -> np.ndarray:
    """How much higher than others each item scores, (m,), as its mean over anchors of scores (g, m).

    The mean of each anchor is taken away first; NaN and −inf are no score. shrink: anchors without a preference that
    are added.
    """
    scored = np.isfinite(scores)
    counts = np.maximum(scored.sum(axis=1, keepdims=True), 1)
    clean = np.where(scored, scores, 0.0)
    centred = np.where(scored, clean - clean.sum(axis=1, keepdims=True) / counts, 0.0)
    return centred.sum(axis=0) / (scored.sum(axis=0) + shrink)


def temperature(blocks: Sequence[Judged]) -> float:
    """The τ with the highest likelihood of the worn items under P(item) ∝ popularity exp(y / τ)."""
    tame = [(*_filled(block), block.popularity) for block in blocks]
    tame = [(s[finite], truth[finite], p) for s, truth, p in tame if (finite := np.isfinite(_at(s, truth))).any()]
    spread = max((float(scores[np.isfinite(scores)].std()) for scores, _, _ in tame), default=0.0)
    if not spread > 0:
        return 1.0

    def loss(log_tau: float) -> float:
        total = 0.0
        for scores, truth, popularity in tame:
            odds = scores / (spread * np.exp(log_tau)) + popularity
            total += float((logsumexp(odds, axis=1) - _at(odds, truth)).sum())
        return total

    return float(spread * np.exp(minimize_scalar(loss, bounds=(-4.0, 4.0), method="bounded").x))


def fit(
    blocks: Iterable[Judged],
    *,
    alphas: Sequence[float] = ALPHAS,
    betas: Sequence[float] = BETAS,
    k: int = 10,
    variety: float = 0.0,
) -> Reranking:
    """The α and β of a grid with the best recall@k on validation gaps; of equals the smaller α, then the smaller β.

    Args:
        alphas, betas: what is tried, every one with every other.
        variety: the least share of the distinct first answers of the plain scores (α = β = 0) that must be left.
            Recall alone would offer bestsellers to everybody; the plain scores vary, and find less of what was worn.
    """
    blocks = [block for block in blocks if len(block.scores)]
    if not blocks:
        return Reranking()
    tau = temperature(blocks)
    grid = [Reranking(alpha, beta, tau) for alpha, beta in product(sorted(alphas), sorted(betas))]
    recalls = np.array([recall(blocks, setting, k) for setting in grid])
    varied = np.ones(len(grid), bool)
    if variety:
        least = variety * distinct(blocks, Reranking(0.0, 0.0, tau))
        varied = np.array([distinct(blocks, setting) >= least for setting in grid])
        varied |= ~varied.any()  # a grid without the plain scores may have none
    return grid[int(np.where(varied, recalls, -1.0).argmax())]


def recall(blocks: Iterable[Judged], setting: Reranking, k: int = 10) -> float:
    """Mean recall@k over the gaps of all blocks, equal scores by expectation."""
    values = []
    for block in blocks:
        scores, truth = _filled(block)
        scores = setting(scores, block.popularity, block.hubs)
        worn = _at(scores, truth)
        above, equal = (scores > worn[:, None]).sum(axis=1), (scores == worn[:, None]).sum(axis=1)
        values.append(np.where(np.isfinite(worn), np.clip(k - above, 0, equal) / np.maximum(equal, 1), 0.0))
    return float(np.concatenate(values).mean())


def distinct(blocks: Iterable[Judged], setting: Reranking) -> int:
    """How many items are ever the first answer, of equal ones the first in order; each block has its own items."""
    total = 0
    for block in blocks:
        total += len(np.unique(setting(_filled(block)[0], block.popularity, block.hubs).argmax(axis=1)))
    return total


def _at(scores: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The score (g,) of one column of each row."""
    return np.take_along_axis(scores, columns[:, None], axis=1)[:, 0]


def _filled(block: Judged) -> tuple[np.ndarray, np.ndarray]:
    return np.where(np.isnan(block.scores), -np.inf, block.scores), block.truth
