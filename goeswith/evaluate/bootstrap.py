"""Bootstrap: intervals from resampling outfits with replacement.

Questions of one outfit are not independent, so whole outfits are drawn: a draw is a weight for each outfit, and a
statistic is a function of those weights, so that 2,000 draws are a few matrix products.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri, stdtr, stdtrit

RESAMPLES = 2000
_BLOCK = 1 << 20  # numbers in one temporary array: 8 MB
_KEPT = 1 << 22  # numbers of all draws that are kept for the next scorer: 32 MB
_HELD = 1 << 18  # the same of one that is read again and again, and so should stay in the cache: 2 MB

Statistic = Callable[[np.ndarray], np.ndarray]
"""Weights of outfits (R, C) → one number a row (R,); all ones give the plain value."""


def mean(values: np.ndarray, outfits: np.ndarray, weights: np.ndarray | None = None) -> Statistic:
    """Mean of values (Q,) float64, NaN apart, whose outfits (Q,) int64 from 0 on weigh differently.

    weights: (Q,) ≥ 0, how much each value counts in its outfit; 1 by default.
    """
    mass = ~np.isnan(values) * (1.0 if weights is None else weights)
    sums = np.stack([np.bincount(outfits, np.nan_to_num(values) * mass), np.bincount(outfits, mass)], axis=1)  # (C, 2)
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
        ratios = []
        for block in np.array_split(weights, -(-len(weights) * len(order) // _HELD)):
            mass = np.ascontiguousarray(block.T)  # (C, R): whole rows are gathered
            heavy = mass[outfits[positive]]  # (P, R)
            beaten = np.zeros((len(negative) + 1, len(block)))  # weight of the lowest 0, 1, 2, ... negatives
            np.cumsum(mass[outfits[negative]], axis=0, out=beaten[1:])
            won = (heavy * (beaten[below] + beaten[reached])).sum(axis=0) / 2
            ratios.append(_ratio(won, heavy.sum(axis=0) * beaten[-1]))
        return np.concatenate(ratios)

    return statistic


def resampled(statistics: list[Statistic], outfits: int, seed: int, draws: int = RESAMPLES) -> np.ndarray:
    """Each statistic (S, draws) over the same draws of outfits; NaN where a draw cannot tell."""
    drawn = _draws(outfits, seed, draws)
    return np.concatenate([[statistic(draw) for statistic in statistics] for draw in drawn], axis=1)


def over_seeds(draws: np.ndarray, seed: int) -> np.ndarray:
    """The mean over seeds of draws of outfits (k, R), each draw with k seeds drawn with replacement too: (R,).

    Models with equal numbers of seeds draw the same ones, so that differences are paired. A bootstrap of k values has a
    variance too small by (k − 1) / k, which matters where k is 3 or 5: deviations from the mean are stretched.
    """
    seeds = len(draws)
    mean: np.ndarray = draws.mean(axis=0)
    if seeds == 1:
        return mean
    chosen = np.random.default_rng(seed).integers(seeds, size=(draws.shape[1], seeds))
    drawn = np.take_along_axis(draws.T, chosen, axis=1).mean(axis=1)
    return mean + (seeds / (seeds - 1)) ** 0.5 * (drawn - mean)


def _draws(outfits: int, seed: int, draws: int) -> Iterable[np.ndarray]:
    """Multinomial weights (R, outfits) float64, `draws` in all, a block at a time; the same for the same seed."""
    return _kept(outfits, seed, draws) if outfits * draws <= _KEPT else _drawn(outfits, seed, draws)


@lru_cache(maxsize=2)
def _kept(outfits: int, seed: int, draws: int) -> tuple[np.ndarray, ...]:
    """All blocks of `_drawn`: many scorers answer the same questions, and drawing costs more than measuring a mean."""
    blocks = tuple(_drawn(outfits, seed, draws))
    for block in blocks:
        block.setflags(write=False)
    return blocks


def _drawn(outfits: int, seed: int, draws: int) -> Iterator[np.ndarray]:
    random = np.random.default_rng(seed)
    step = max(1, _BLOCK // outfits)
    for start in range(0, draws, step):
        size = min(step, draws - start)
        chosen = random.integers(outfits, size=(size, outfits)) + np.arange(size)[:, None] * outfits
        yield np.bincount(chosen.ravel(), minlength=size * outfits).reshape(size, outfits).astype(np.float64)


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """above / below, NaN where there is nothing to divide by."""
    ratio: np.ndarray = np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)
    return ratio


class Paired(NamedTuple):
    """How sure a paired difference is: its 95 % interval, and p, which is two-sided."""

    low: float
    high: float
    p: float


def spread(draws: np.ndarray) -> Paired:
    """The interval and p of a difference from its draws (R,); draws that cannot tell, NaN, are left out.

    p is twice the share of draws whose difference is not of the other sign, at least 2 / (draws + 1). For draws of
    outfits alone; of five seeds no draw may be of the other sign though their mean is uncertain, see `over_few_seeds`.
    """
    draws = draws[~np.isnan(draws)]
    low, high = np.quantile(draws, [0.025, 0.975])
    tail = min((draws <= 0).sum(), (draws >= 0).sum())
    return Paired(float(low), float(high), float(min(1.0, 2 * (tail + 1) / (len(draws) + 1))))


def over_few_seeds(value: float, draws: np.ndarray, outfits: int, *seeds: np.ndarray) -> Paired:
    """The interval and p of a difference from its draws (R,) of outfits and seeds (`over_seeds`), by Student's t.

    Draws from k values never leave their range, so their quantiles are too near where seeds, not outfits, make the
    difference uncertain: with five seeds that agree in sign p would be next to 0. Their deviation is right; t has
    the degrees of freedom of `freedom`.

    Args:
        outfits: how many there are. seeds: values (k,) of the difference or, where two models have different numbers of
            seeds, the values of each. Of one value each, the draws are of outfits alone: `spread`.
    """
    if all(len(each) == 1 for each in seeds):
        return spread(draws)
    deviation, degrees = freedom(draws, outfits, *seeds)
    if not deviation:
        return Paired(value, value, 0.0 if value else 1.0)
    margin = deviation * float(stdtrit(degrees, 0.975))
    return Paired(value - margin, value + margin, 2 * float(stdtr(degrees, -abs(value) / deviation)))


def interval(value: float, draws: np.ndarray, outfits: int, *seeds: np.ndarray) -> tuple[float, float]:
    """The 95 % interval of a value: the quantiles of its draws (R,), further away where seeds are few."""
    low, high = map(float, np.nanquantile(draws, [0.025, 0.975]))
    if all(len(each) == 1 for each in seeds):
        return low, high
    wider = float(stdtrit(freedom(draws, outfits, *seeds)[1], 0.975) / ndtri(0.975))
    return value - wider * (value - low), value + wider * (high - value)


def freedom(draws: np.ndarray, outfits: int, *seeds: np.ndarray) -> tuple[float, float]:
    """The standard deviation of draws (R,), and its degrees of freedom by Welch and Satterthwaite.

    Each of `seeds` (k,) contributes the variance of a mean of k values, with k − 1 degrees; what is left is that of
    outfits, with one less than there are.
    """
    parts = [(float(np.var(each, ddof=1)) / len(each), len(each) - 1) for each in seeds if len(each) > 1]
    by_seeds = sum(variance for variance, _ in parts)
    total = max(float(np.nanvar(draws)), by_seeds)
    parts.append((total - by_seeds, max(outfits - 1, 1)))
    uncertain = sum(variance**2 / degrees for variance, degrees in parts)
    return total**0.5, total**2 / uncertain if uncertain else float("inf")
