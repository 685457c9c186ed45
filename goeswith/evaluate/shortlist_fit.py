"""Shortlist fit: which correction chooses the items of a shortlist, and which one orders them, on validation gaps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from goeswith.evaluate.reranking import (
    ALPHAS,
    BETAS,
    GAMMAS,
    SIZE,
    Judged,
    Reranking,
    Shortlist,
    at_columns,
    distinct,
    fit,
    grid_of,
    reciprocal,
    standing,
)

VARIETY = 0.95
"""Share of the distinct first answers of the plain scores that a correction leaves."""


def fit_shortlist(
    blocks: Iterable[Judged],
    *,
    alphas: Sequence[float] = ALPHAS,
    betas: Sequence[float] = BETAS,
    gammas: Sequence[float] = GAMMAS,
    variety: float = VARIETY,
) -> Shortlist:
    """Which items are chosen, by `fit`; and their order: of the same grid the one with the best mean reciprocal rank.

    γ is that of the choice.
    variety: the least share of the distinct first answers of the plain scores that the order must leave; where none
        does, the most varied is taken.
    """
    blocks = [block for block in blocks if len(block.scores)]
    if not blocks:
        return Shortlist()
    chosen = fit(blocks, alphas=alphas, betas=betas, gammas=gammas)
    orders = grid_of(alphas, betas, (chosen.gamma,), chosen.temperature)
    grid = [Shortlist(chosen, order) for order in orders if order.alpha <= chosen.alpha]
    lists = [Shown.of(block, chosen) for block in blocks]
    counts = np.array([sum(block.distinct(setting.order) for block in lists) for setting in grid])
    varied = counts >= variety * distinct(blocks, Reranking(0.0, 0.0, chosen.temperature))
    if not varied.any():
        varied = counts == counts.max()
    ranks = [
        float(np.concatenate([block.reciprocal_ranks(setting.order) for block in lists]).mean()) if is_varied else -1.0
        for setting, is_varied in zip(grid, varied, strict=True)
    ]
    return grid[int(np.argmax(ranks))]


class Shown(NamedTuple):
    """The items of a block that shortlists of one choice hold: w at most, of which their order decides.

    block: those items alone, (g, w), popularity and hubs too. columns: (g, w) their columns in the pool.
    inside: (g, w) whether it is one. top: (g, 1) the highest score by the choice. worn: (g, w) which is the worn item.
    otherwise: (g,) reciprocal ranks of the worn items that are not among them.
    """

    block: Judged
    columns: np.ndarray
    inside: np.ndarray
    top: np.ndarray
    worn: np.ndarray
    otherwise: np.ndarray

    @classmethod
    def of(cls, block: Judged, chosen: Reranking) -> Shown:
        """What the shortlists by one choice hold of a block."""
        first = block.corrected(chosen)
        at = max(first.shape[1] - SIZE, 0)
        inside = (first >= np.partition(first, at, axis=1)[:, at, None]) & np.isfinite(first)
        columns = np.argsort(~inside, axis=1, kind="stable")[:, : max(1, int(inside.sum(axis=1).max(initial=0)))]

        def take(values: np.ndarray | float) -> np.ndarray:
            return np.take_along_axis(np.broadcast_to(values, first.shape), columns, axis=1)

        few = Judged(take(block.filled), block.truth, take(block.popularity), take(block.hubs), take(block.lifts))
        inside = take(inside)
        top = np.where(np.isfinite(first), first, -np.inf).max(axis=1, keepdims=True, initial=-np.inf)
        otherwise = reciprocal(*standing(first, block.truth))
        return cls(few, columns, inside, top, (columns == block.truth[:, None]) & inside, otherwise)

    def _scores(self, order: Reranking) -> np.ndarray:
        """Scores (g, w) as `Shortlist` gives them; −inf where there is no item."""
        second = self.block.corrected(order)
        low = np.where(self.inside, second, np.inf).min(axis=1, keepdims=True, initial=np.inf)
        with np.errstate(invalid="ignore"):
            return np.where(self.inside, self.top + 1.0 + (second - low), -np.inf)

    def distinct(self, order: Reranking) -> int:
        """How many items are ever the first answer."""
        first = self._scores(order).argmax(axis=1)
        return len(np.unique(at_columns(self.columns, first)))

    def reciprocal_ranks(self, order: Reranking) -> np.ndarray:
        """(g,), see `goeswith.evaluate.reranking.reciprocal`."""
        ranks = reciprocal(*standing(self._scores(order), self.worn.argmax(axis=1)))
        return np.where(self.worn.any(axis=1), ranks, self.otherwise)
