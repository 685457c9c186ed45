"""Bootstrap: what a number would have been with other outfits, drawn with replacement.

Questions of one outfit are not independent, so whole outfits are drawn: a draw is a weight for each outfit, and a
statistic is a function of those weights, so that 2,000 draws are a few matrix products.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

RESAMPLES = 2000
_BLOCK = 1 << 20  # numbers in one temporary array: 8 MB

Statistic = Callable[[np.ndarray], np.ndarray]
"""Weights of outfits (R, C) → one number a row (R,); all ones give the plain value."""


def mean(values: np.ndarray, outfits: np.ndarray) -> Statistic:
    """Mean of values (Q,) float64, NaN apart, whose outfits (Q,) int64 from 0 on weigh differently."""
    told = ~np.isnan(values)
    sums = np.stack([np.bincount(outfits, np.where(told, values, 0.0)), np.bincount(outfits, told)], axis=1)  # (C, 2)
    return lambda weights: _ratio(*(weights @ sums).T)


def pooled_auc(scores: np.ndarray, good: np.ndarray, outfits: np.ndarray) -> Statistic:
    """ROC-AUC of scores (S,) float64 of `good` (S,) bool and other outfits, ties half; `outfits` (S,) int64 own them.

    A missing score is the worst for its kind: below all others where good, above where not.
    """
    scores = np.where(np.isnan(scores), np.where(good, -np.inf, np.inf), scores)
    order = np.argsort(scores, kind="stable")
    positive, negative = order[good[order]], order[~good[order]]
    below, reached = (np.searchsorted(scores[negative], scores[positive], side) for side in ("left", "right"))

    def statistic(weights: np.ndarray) -> np.ndarray:
        found = []
        for block in np.array_split(weights, -(-len(weights) * len(order) // _BLOCK)):
            mass = np.ascontiguousarray(block.T)  # (C, R): whole rows are gathered
            heavy = mass[outfits[positive]]  # (P, R)
            beaten = np.zeros((len(negative) + 1, len(block)))  # weight of the lowest 0, 1, 2, ... negatives
            np.cumsum(mass[outfits[negative]], axis=0, out=beaten[1:])
            won = (heavy * (beaten[below] + beaten[reached])).sum(axis=0) / 2
            found.append(_ratio(won, heavy.sum(axis=0) * beaten[-1]))
        return np.concatenate(found)

    return statistic


def resampled(statistics: list[Statistic], outfits: int, seed: int) -> np.ndarray:
    """Each statistic (S, RESAMPLES) over the same draws of outfits; NaN where a draw cannot tell."""
    return np.concatenate([[statistic(draw) for statistic in statistics] for draw in _draws(outfits, seed)], axis=1)


def _draws(outfits: int, seed: int) -> Iterator[np.ndarray]:
    """RESAMPLES multinomial weights (R, outfits) float64, a block at a time; the same for the same seed."""
    random = np.random.default_rng(seed)
    step = max(1, _BLOCK // outfits)
    for start in range(0, RESAMPLES, step):
        size = min(step, RESAMPLES - start)
        chosen = random.integers(outfits, size=(size, outfits)) + np.arange(size)[:, None] * outfits
        yield np.bincount(chosen.ravel(), minlength=size * outfits).reshape(size, outfits).astype(np.float64)


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """above / below, NaN where there is nothing to divide by."""
    found: np.ndarray = np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)
    return found
