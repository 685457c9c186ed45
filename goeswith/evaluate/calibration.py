"""Calibration: scores as probabilities, and as percentiles among the data set's own outfits.

A score is only an order. Two things make it readable, both measured on outfits that the model did not learn from:

- a **probability**: take a validation outfit and a corruption of it (one item exchanged for another of its kind) and
  show one of the two: how likely is it the true one? The base rate is ½, for each outfit meets its corruptions in equal
  weight. It is not the share of shoppers who would like the outfit, and under negatives that are hard to tell from the
  truth an honest model stays near ½;
- a **percentile**: how many of the held-out outfits score lower.

The size of an outfit changes the scale of its score: a mean over many pairs varies less than one over few, and a sum
grows. Scores are therefore standardised among outfits of their size first, z = (y − mean_n) / spread_n. The probability
is Platt's σ(a z + b). Isotonic regression was measured beside it, see docs/explain.md: as good by the sample, worse by
MANGO, where the few hundred outfits of the validation part leave it steps with overconfident ends.
"""

from __future__ import annotations

import json
import logging
import math
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from goeswith import schemas
from goeswith.data.negatives import Negatives
from goeswith.errors import DataError
from goeswith.train.corruptions import corruptions

if TYPE_CHECKING:
    from goeswith.data.dataset import Dataset
    from goeswith.data.outfits import Outfits
    from goeswith.models import Scorer

log = logging.getLogger(__name__)

LEAST = 30
"""Validation outfits without which no scale is fitted."""
REPEATS = 4
"""Corruptions of each outfit."""
QUANTILES = 201
"""Marks kept of the held-out outfits: half a per cent apart."""
_RARE = 0.05  # sizes below this share of the outfits are measured on parts of larger ones
_TINY = 1e-6  # a smaller spread, as a share of the mean, is rounding


class Cases(NamedTuple):
    """Outfits and their corruptions, each outfit as often as it has corruptions, so that one half is true.

    scores: (C,) float64. sizes: (C,) int64 items. good: (C,) bool, True = the outfit itself. outfits: (C,) int64 from
    0 on, whose it is.
    """

    scores: np.ndarray
    sizes: np.ndarray
    good: np.ndarray
    outfits: np.ndarray

    @property
    def auc(self) -> float:
        """How often an outfit scores higher than a corruption of it, ties half."""
        true, false = self.scores[self.good], self.scores[~self.good]
        return float(((true > false) + (true == false) / 2).mean())


@dataclass(frozen=True)
class Scale:
    """What the scores of one run over one data set mean.

    means, spreads: of the scores of outfits with 2, 3, ... items; a larger outfit is taken as the largest here.
    slope, intercept: a ≥ 0 and b of σ(a z + b). quantiles: `QUANTILES` of z over held-out outfits, ascending.
    outfits: of the validation part, it was fitted on. negatives: how they were corrupted. auc: how often an outfit
    scores higher than a corruption of it, ties half.
    """

    means: tuple[float, ...]
    spreads: tuple[float, ...]
    slope: float
    intercept: float
    quantiles: tuple[float, ...]
    outfits: int
    negatives: str
    auc: float

    @classmethod
    def fit(cls, scorer: Scorer, dataset: Dataset, *, negatives: str = "matched", seed: int = 0) -> Scale | None:
        """Fit on the validation outfits and their corruptions; None, with the reason in the log, where they are few.

        Percentiles are against the outfits of every part but train: a model gives the outfits that it learned from
        higher scores than any new one.
        """
        count = int((dataset.outfits.splits == "valid").sum())
        if not count:
            why = "%s has no validation outfits to calibrate scores by, so there is no probability and no percentile"
            log.warning(why, dataset.path)
            return None
        held_out = scorable(scorer, dataset, "train", other=True)
        valid = scorable(scorer, dataset, "valid")
        drawn = cases(scorer, dataset, "valid", negatives=negatives, seed=seed) if len(valid) else None
        served = len(np.unique(drawn.outfits)) if drawn else 0
        if drawn is None or served < LEAST:
            unscored = int(np.isnan(scorer.score(*valid.padded())).sum()) if len(valid) else 0
            log.warning(
                "%s: %d of %d validation outfits can be used (%d have fewer than two items with "
                "features, %d have no score, %d lack %d different %s negatives for a random position); %d are needed "
                "to calibrate scores, so there is no probability and no percentile",
                dataset.path, served, count, count - len(valid), unscored,
                len(valid) - unscored - served, REPEATS, negatives, LEAST,
            )  # fmt: skip
            return None
        means, spreads = _by_size(scorer, valid, seed)
        slope, intercept = _platt(_standard(drawn.scores, drawn.sizes, means, spreads), drawn.good)
        own = np.asarray(scorer.score(*held_out.padded()), dtype=np.float64)
        own = _standard(own, held_out.lengths, means, spreads)
        quantiles = np.quantile(own[~np.isnan(own)], np.linspace(0, 1, QUANTILES))
        return cls(
            means=tuple(means.tolist()),
            spreads=tuple(spreads.tolist()),
            slope=slope,
            intercept=intercept,
            quantiles=tuple(quantiles.tolist()),
            outfits=served,
            negatives=negatives,
            auc=drawn.auc,
        )

    def probability(self, scores: np.ndarray, sizes: np.ndarray | int) -> np.ndarray:
        """P(the outfit is the true one | it or its corruption is shown): (B,) in 0..1, NaN where a score is.

        scores: (B,). sizes: (B,) items of each outfit, or one number for all.
        """
        return 1 / (1 + np.exp(-(self.slope * self.standard(scores, sizes) + self.intercept)))

    def percentile(self, scores: np.ndarray, sizes: np.ndarray | int) -> np.ndarray:
        """How many of 100 held-out outfits score lower for their size, ties half: (B,), NaN where a score is."""
        marks, standard = np.asarray(self.quantiles), self.standard(scores, sizes)
        below = sum(np.searchsorted(marks, standard, side) for side in ("left", "right")) / 2
        return np.where(np.isnan(standard), np.nan, 100 * below / len(marks))

    def standard(self, scores: np.ndarray, sizes: np.ndarray | int) -> np.ndarray:
        """z (B,): scores in spreads above the mean of outfits of their size."""
        return _standard(np.asarray(scores, np.float64), sizes, np.asarray(self.means), np.asarray(self.spreads))

    def to_json(self) -> str:
        """All of it as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> Scale:
        """The scale that `to_json` wrote.

        Raises:
            DataError: the text is another.
        """
        data = schemas.parse(text, schemas.ScaleFile, "the calibration (scale.json)", schemas.INDEX_AGAIN)
        data = {"auc": math.nan, **data}  # version 0.1.0 did not measure it
        values = {field.name: data[field.name] for field in fields(cls)}
        values |= {name: tuple(map(float, values[name])) for name in ("means", "spreads", "quantiles")}
        values |= {name: float(values[name]) for name in ("slope", "intercept", "auc")}
        if len(values["means"]) != len(values["spreads"]):
            raise DataError(f"the calibration (scale.json) has lists that do not fit each other; {schemas.INDEX_AGAIN}")
        return cls(**values)


def cases(
    scorer: Scorer, dataset: Dataset, split: str, *, negatives: str = "matched", seed: int = 0, repeats: int = REPEATS
) -> Cases:
    """The outfits of a split that can be corrupted, and their corruptions, scored; those without a score are left out.

    Raises:
        DataError: no outfit is in the split.
    """
    outfits = scorable(scorer, dataset, split)
    if not len(outfits):
        raise DataError(f"no outfit of split {split!r} of {dataset.path} has two items that can be scored")
    usable = _usable(scorer, dataset)
    drawn = Negatives(dataset.catalogue, outfits, negatives, usable, [dataset.outfits])
    pairs = corruptions(outfits.batch(), drawn, repeats, torch.Generator().manual_seed(seed))
    items, mask = pairs.items.numpy(), pairs.mask.numpy()
    true = np.asarray(scorer.score(items, mask), np.float64)
    false = np.asarray(scorer.score(pairs.corrupt.flatten(0, 1).numpy(), mask.repeat(repeats, axis=0)))
    scored = ~np.isnan(true) & ~np.isnan(false.reshape(-1, repeats)).any(axis=1)
    each = np.repeat(scored, repeats)
    scores = np.concatenate([np.repeat(true, repeats)[each], false[each]])
    sizes = np.repeat(mask.sum(axis=1)[scored], repeats)
    owners = np.repeat(np.arange(scored.sum()), repeats)
    return Cases(scores, np.tile(sizes, 2), np.arange(len(scores)) < len(owners), np.tile(owners, 2))


def _usable(scorer: Scorer, dataset: Dataset) -> np.ndarray:
    """(U,) bool: items with features; all for a scorer that needs none."""
    return np.asarray(getattr(scorer, "present", np.ones(len(dataset.catalogue), bool)))


def scorable(scorer: Scorer, dataset: Dataset, split: str, *, other: bool = False) -> Outfits:
    """The outfits of a split, or of every other one, without items that have no features."""
    chosen = (dataset.outfits.splits == split) ^ other
    return dataset.outfits.take(chosen).keep(_usable(scorer, dataset))[0]


def _by_size(scorer: Scorer, outfits: Outfits, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean (S,) and spread (S,) of the scores of outfits of 2, 3, ... items.

    A straight line over ln n each, through all outfits: the few outfits of one size would tell more of luck. Small
    sizes that hardly any outfit has are measured on parts of larger outfits: a board begins with two items.
    """
    items, mask = outfits.padded()
    scores = np.asarray(scorer.score(items, mask), np.float64)
    scored = ~np.isnan(scores)
    sizes = np.arange(2, int(outfits.lengths[scored].max()) + 1)
    means = _line(outfits.lengths[scored], scores[scored], sizes)
    off = np.abs(scores[scored] - means[outfits.lengths[scored] - 2])
    spreads = np.maximum(_line(outfits.lengths[scored], off, sizes), off.mean() / 3)
    spreads *= np.sqrt(np.mean((off / np.maximum(spreads[outfits.lengths[scored] - 2], 1e-12)) ** 2))
    usual = max(int(np.quantile(outfits.lengths, _RARE)), 2)
    shuffle = np.where(mask, np.random.default_rng(seed).random(mask.shape), np.inf)
    mixed = np.take_along_axis(items, shuffle.argsort(axis=1), axis=1)  # the real ones first, in any order
    for size in range(2, usual):
        parts = mixed[outfits.lengths > size, :size]
        scores = np.asarray(scorer.score(parts, np.ones(parts.shape, bool)), np.float64)
        if np.count_nonzero(~np.isnan(scores)) >= LEAST:
            means[size - 2], spreads[size - 2] = np.nanmean(scores), np.nanstd(scores)
    return means, np.maximum(spreads, _TINY * np.maximum(np.abs(means), 1))


def _line(sizes: np.ndarray, values: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Values (N,) by size as a straight line over ln n, at the `targets`; their mean where all have one size."""
    if len(np.unique(sizes)) == 1:
        return np.full(len(targets), values.mean())
    slope, start = np.polyfit(np.log(sizes), values, 1)
    line: np.ndarray = start + slope * np.log(targets)
    return line


def _standard(scores: np.ndarray, sizes: np.ndarray | int, means: np.ndarray, spreads: np.ndarray) -> np.ndarray:
    index = np.clip(np.asarray(sizes) - 2, 0, len(means) - 1)
    standard: np.ndarray = np.round((scores - means[index]) / spreads[index], 6)  # equal scores stay equal
    return standard


def _platt(standard: np.ndarray, good: np.ndarray) -> tuple[float, float]:
    """a and b of σ(a z + b). A score that falls where outfits are true says nothing: a = 0, b = the base rate's 0."""
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression().fit(standard[:, None], good)
    slope = float(fitted.coef_[0, 0])
    return (slope, float(fitted.intercept_[0])) if slope > 0 else (0.0, 0.0)
