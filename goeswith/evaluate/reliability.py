"""Reliability: how well probabilities match observed frequencies, on outfits they were not fitted on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from goeswith.evaluate.bootstrap import Statistic, mean, pooled_auc, resampled
from goeswith.evaluate.calibration import LEAST, Cases, Scale, cases, scorable

if TYPE_CHECKING:
    from goeswith.data.dataset import Dataset
    from goeswith.models import Scorer


@dataclass(frozen=True)
class Bin:
    """Cases of like probability: its mean, how many of them were true with a 95 % interval by outfit, and how many."""

    predicted: float
    observed: float
    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Reliability:
    """How far probabilities can be relied on, measured on outfits that did not fit them.

    brier: mean squared error, lower = better, with its 95 % interval by outfit; always ½ has .25. ece: expected
    calibration error, the mean distance of predicted and observed over bins of equal count. auc: pooled, of the
    probabilities. bins: in ascending order.
    """

    split: str
    negatives: str
    outfits: int
    brier: float
    brier_low: float
    brier_high: float
    ece: float
    auc: float
    bins: tuple[Bin, ...]

    def __str__(self) -> str:
        return (
            f"Brier {self.brier:.3f} [{self.brier_low:.3f}, {self.brier_high:.3f}] (always ½: 0.250), "
            f"calibration error {self.ece:.3f}, {self.outfits:,} {self.split} outfits, {self.negatives} corruptions"
        )


def reliability(
    scale: Scale, scorer: Scorer, dataset: Dataset, *, split: str = "test", seed: int = 0
) -> Reliability | None:
    """Hold a scale against the outfits of a split and fresh corruptions of them, of the kind it was fitted on.

    None where the split has fewer than `LEAST` that can be scored and corrupted.
    """
    if not len(scorable(scorer, dataset, split)):
        return None
    drawn = cases(scorer, dataset, split, negatives=scale.negatives, seed=seed)
    if len(np.unique(drawn.outfits)) < LEAST:
        return None
    return measure(scale.probability(drawn.scores, drawn.sizes), drawn, split, scale.negatives, seed=seed)


def calibrated(scorer: Scorer, dataset: Dataset, *, seed: int = 0) -> Reliability | None:
    """Fit a scale on validation outfits and hold it against test outfits; None where either are too few."""
    scale = Scale.fit(scorer, dataset, seed=seed)
    return None if scale is None else reliability(scale, scorer, dataset, seed=seed)


def measure(
    probabilities: np.ndarray, drawn: Cases, split: str, negatives: str, *, bins: int = 10, seed: int = 0
) -> Reliability:
    """Hold probabilities (C,) against what was true."""
    good, count = drawn.good.astype(np.float64), int(drawn.outfits.max()) + 1
    edges = np.quantile(probabilities, np.linspace(0, 1, bins + 1)[1:-1])
    # The bins that are not empty, numbered from 0.
    bin_of = np.unique(np.searchsorted(edges, probabilities, side="right"), return_inverse=True)[1]
    used = int(bin_of.max()) + 1
    in_bin = np.where(bin_of == np.arange(used)[:, None], 1.0, np.nan)  # (bins, C)
    statistics: list[Statistic] = [mean(good * row, drawn.outfits) for row in in_bin]
    statistics += [
        mean((probabilities - good) ** 2, drawn.outfits),
        pooled_auc(probabilities, drawn.good, drawn.outfits),
    ]
    estimates = [float(statistic(np.ones((1, count)))[0]) for statistic in statistics]
    low, high = np.nanquantile(resampled(statistics[:-1], count, seed), [0.025, 0.975], axis=1)
    shares = np.bincount(bin_of) / len(bin_of)
    predicted = np.bincount(bin_of, probabilities) / np.bincount(bin_of)
    return Reliability(
        split=split,
        negatives=negatives,
        outfits=count,
        brier=estimates[used],
        brier_low=float(low[used]),
        brier_high=float(high[used]),
        ece=float((shares * np.abs(predicted - estimates[:used])).sum()),
        auc=estimates[-1],
        bins=tuple(
            Bin(float(predicted[at]), estimates[at], float(low[at]), float(high[at]), int((bin_of == at).sum()))
            for at in range(used)
        ),
    )
