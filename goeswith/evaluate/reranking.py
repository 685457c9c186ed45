"""Reranking: scores corrected for popularity, hubness and what is missing, with weights fitted on validation gaps.

    y' = y + α τ log popularity + γ τ lift − β hub

log popularity: of an item, from its count in training outfits. A score learnt against the items of a batch is a
log ratio, p(item | outfit) / p(item), so α = 1 asks what will be worn, α = 0 what suits best (Menon et al. 2021, logit
adjustment). τ is the size of one unit of log odds on the scale of the score, so that α means the same for every model.
lift: how much likelier the other items make the candidate's category, see `goeswith.evaluate.category_lifts`. Where a
model learnt against items of the gap's own category alone, it says what suits, and not whether a skirt or trousers
are missing; γ = 1 takes the log odds of that as they are.
hub: the item's mean score over many anchors, see `hub_means`. In many dimensions some items lie near everything and
are offered to everybody (Radovanović et al. 2010, hubs in space); β = 1 takes that away altogether.

One setting cannot have both recall and variety: what most people wear is found again, and is the same for everybody.
So there are two, see `Shortlist`: one says which ten items are shown, the other in which order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar

GAMMAS = (0.0, 0.5, 1.0)
ALPHAS = (0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0)
BETAS = (0.0, 0.25, 0.5, 0.75, 1.0)
SIZE = 10
"""Items of a shortlist."""
_PART = 1 << 15
"""Scores corrected at a time, by all settings of a grid: they and what is made of them stay in the cache."""
SHRINK = 10.0
"""Imagined anchors whose mean is that of all items: items of pools with few anchors keep to it."""


class Judged(NamedTuple):
    """Scores of gaps whose candidates are the same m items.

    scores: (g, m) float64, −inf where an item is no candidate of the gap (NaN is read so). truth: (g,) column of the
    worn item. popularity, hubs: (m,) float64, see `log_popularity` and `hub_means`. lifts: (g, m), or 0 where nothing
    is known of categories.
    """

    scores: np.ndarray
    truth: np.ndarray
    popularity: np.ndarray
    hubs: np.ndarray
    lifts: np.ndarray | float = 0.0

    def corrected(self, setting: Setting) -> np.ndarray:
        """Scores (g, m) by a setting."""
        return setting(self.filled, self.popularity, self.hubs, self.lifts)

    @property
    def filled(self) -> np.ndarray:
        """Scores (g, m) with −inf for NaN."""
        return np.where(np.isnan(self.scores), -np.inf, self.scores)

    @property
    def worn(self) -> np.ndarray:
        """Scores (g,) of the worn items."""
        return at_columns(self.filled, self.truth)

    def take(self, gaps: np.ndarray | slice) -> Judged:
        """Some of the gaps, with `filled` scores."""
        lifts = self.lifts[gaps] if isinstance(self.lifts, np.ndarray) else self.lifts
        part = self._replace(scores=self.scores[gaps], truth=self.truth[gaps], lifts=lifts)
        return part._replace(scores=part.filled)

    def parts(self) -> Iterator[Judged]:
        """The gaps in order, a few at a time, with `filled` scores."""
        step = max(1, _PART // max(1, self.scores.shape[1]))
        return (self.take(slice(start, start + step)) for start in range(0, len(self.scores), step))


@dataclass(frozen=True)
class Reranking:
    """A correction of scores.

    alpha, beta, gamma: strength of popularity, of the hubs' correction and of the lifts. temperature: τ > 0.
    """

    alpha: float = 0.0
    beta: float = 0.0
    temperature: float = 1.0
    gamma: float = 0.0

    def __call__(
        self, scores: np.ndarray, popularity: np.ndarray, hubs: np.ndarray, lifts: np.ndarray | float = 0.0
    ) -> np.ndarray:
        """Corrected scores (g, m) from scores (g, m), log popularity (m,), hub means (m,) and lifts (g, m)."""
        corrected = scores + (self.alpha * self.temperature * popularity - self.beta * hubs)
        return corrected + self.gamma * self.temperature * lifts if self.gamma else corrected

    def scaled(self, factor: float) -> Reranking:
        """The same for scores that are `factor` times as large."""
        return replace(self, beta=self.beta * factor, temperature=self.temperature * factor)


@dataclass(frozen=True)
class Shortlist:
    """The `SIZE` best items by one correction, in the order of another; the others follow as the first has them.

    Those that are as good as the last of them are among them.
    """

    chosen: Reranking = Reranking()
    order: Reranking = Reranking()

    def __call__(
        self, scores: np.ndarray, popularity: np.ndarray, hubs: np.ndarray, lifts: np.ndarray | float = 0.0
    ) -> np.ndarray:
        """Scores (g, m) that have this order, see `Reranking.__call__`."""
        clean = np.where(np.isnan(scores), -np.inf, scores)
        first, second = (setting(clean, popularity, hubs, lifts) for setting in (self.chosen, self.order))
        at = max(first.shape[1] - SIZE, 0)
        inside = (first >= np.partition(first, at, axis=1)[:, at, None]) & np.isfinite(first)
        top = np.where(np.isfinite(first), first, -np.inf).max(axis=1, keepdims=True, initial=-np.inf)
        low = np.where(inside, second, np.inf).min(axis=1, keepdims=True, initial=np.inf)
        with np.errstate(invalid="ignore"):  # rows without a score: they have no shortlist
            lifted = np.where(inside, top + 1.0 + (second - low), first)
        return np.where(np.isnan(scores), np.nan, lifted)

    def scaled(self, factor: float) -> Shortlist:
        """The same for scores that are `factor` times as large."""
        return Shortlist(self.chosen.scaled(factor), self.order.scaled(factor))


Setting = Reranking | Shortlist


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
    import torch

    tame = [block.take(finite) for block in blocks if (finite := np.isfinite(block.worn)).any()]
    spread = max((float(block.scores[np.isfinite(block.scores)].std()) for block in tame), default=0.0)
    if not spread > 0:
        return 1.0
    parts = [
        (torch.from_numpy(part.scores), torch.from_numpy(part.popularity), torch.from_numpy(part.truth)[:, None])
        for block in tame
        for part in block.parts()
    ]

    def loss(log_tau: float) -> float:
        total, tau = 0.0, spread * np.exp(log_tau)
        for scores, popularity, truth in parts:
            odds = scores / tau + popularity
            total += float((odds.logsumexp(dim=1, keepdim=True) - odds.gather(1, truth)).sum())
        return total

    return float(spread * np.exp(minimize_scalar(loss, bounds=(-4.0, 4.0), method="bounded").x))


def together(blocks: Mapping[str, Sequence[Judged]]) -> tuple[list[Judged], dict[str, float]]:
    """Gaps of several tasks as those of the first, whose settings then hold for all; and the scale of each task.

    What one unit of log odds is on the scale of the scores differs: the more is known of an outfit, the more a
    difference of scores says. A setting fitted on what comes back holds for a task once it is `scaled` by its scale.
    """
    taus = {task: temperature(judged) for task, judged in blocks.items()}
    first = next(iter(taus.values()))
    scales = {task: tau / first for task, tau in taus.items()}
    return [
        block._replace(scores=block.scores / scales[task]) for task, judged in blocks.items() for block in judged
    ], scales


def fit(
    blocks: Iterable[Judged],
    *,
    alphas: Sequence[float] = ALPHAS,
    betas: Sequence[float] = BETAS,
    gammas: Sequence[float] = GAMMAS,
    k: int = SIZE,
) -> Reranking:
    """The α, β and γ of a grid with the best recall@k on validation gaps; of equals the smaller α, then β, then γ.

    alphas, betas, gammas: what is tried, every one with every other.
    """
    blocks = [block for block in blocks if len(block.scores)]
    if not blocks:
        return Reranking()
    grid = grid_of(alphas, betas, gammas, temperature(blocks))
    parts = [part for block in blocks for part in block.parts()]
    return grid[int(np.argmax([recall(parts, setting, k) for setting in grid]))]


def recall(blocks: Iterable[Judged], setting: Setting, k: int = SIZE) -> float:
    """Mean recall@k over the gaps of all blocks, equal scores by expectation."""
    values = []
    for block in blocks:
        scores = setting(block.scores, block.popularity, block.hubs, block.lifts)
        worn, above, equal = standing(scores, block.truth)
        values.append(np.where(np.isfinite(worn), np.clip(k - above, 0, equal) / np.maximum(equal, 1), 0.0))
    return float(np.concatenate(values).mean())


def reciprocal(worn: np.ndarray, above: np.ndarray, equal: np.ndarray) -> np.ndarray:
    """Reciprocal ranks (g,) from what `standing` gives; 0 where the worn item has no score."""
    return np.where(np.isfinite(worn), 1 / (above + (np.maximum(equal, 1) + 1) / 2), 0.0)


def distinct(blocks: Iterable[Judged], setting: Setting) -> int:
    """How many items are ever the first answer, of equal ones the first in order; each block has its own items."""
    total = 0
    for block in blocks:
        total += len(np.unique(block.corrected(setting).argmax(axis=1)))
    return total


def grid_of(alphas: Sequence[float], betas: Sequence[float], gammas: Sequence[float], tau: float) -> list[Reranking]:
    """Every α with every β and γ, the smaller α first, then β, then γ; tau: their temperature."""
    settings = product(sorted(alphas), sorted(betas), sorted(gammas))
    return [Reranking(alpha, beta, tau, gamma) for alpha, beta, gamma in settings]


def standing(scores: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The worn items' scores (g,), how many of (g, m) are above them, and how many equal, they included."""
    worn = at_columns(scores, truth)
    above, equal = scores > worn[:, None], scores == worn[:, None]
    return worn, np.count_nonzero(above, axis=1), np.count_nonzero(equal, axis=1)


def at_columns(scores: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The score (g,) of one column of each row."""
    return np.take_along_axis(scores, columns[:, None], axis=1)[:, 0]
