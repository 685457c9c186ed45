"""Exhaustive AUC: every position of every outfit of a split, against all of its matched candidates.

For place i of outfit o, worn item a, and the candidates b ≠ a that are worn in the split, share the category and season
of a, are not in o and complete no known outfit:

    A_oi = Σ_b p(b) ([y(o) > y(o, i ← b)] + ½ [y(o) = y(o, i ← b)]) / Σ_b p(b)
    exhaustive AUC = Σ_o Σ_i w_oi A_oi / |o|  /  Σ_o Σ_i w_oi / |o|,    w_oi = Σ_b p(b) / Σ of p over the whole pool

p(b) is how likely b stands at a random place of a random outfit, and |o| the number of places asked about. It is the
expectation of the AUC of matched `compat` questions over every question that could be drawn, so it means the same as
theirs and is known better from as many outfits. The weights w make worn and wrong item exchangeable, as draws that fail
do in `goeswith.data.negatives`: nothing that belongs to an item alone, such as its popularity, gets more than one half.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import numpy as np

from goeswith.data.positions import Positions
from goeswith.models import Chooser, Scorer

_BLOCK = 1 << 15  # outfits scored at a time


@runtime_checkable
class Completer(Scorer, Protocol):
    """A scorer that scores an outfit with each of many candidates without forming each outfit."""

    def complete(self, context: np.ndarray, mask: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        """What `score` gives (B, m) for outfits with a gap (B, n), each with one of its own candidates (B, m)."""
        ...


def exhaustive_auc(scorer: Scorer, positions: Positions) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """AUC (N,) and weight (N,) of each outfit, and whether all of its scores are there (N,) bool.

    NaN and 0 for an outfit without a place. A missing score counts in the worst way.
    """
    truth, wrong = position_scores(scorer, positions)
    won = np.where(np.isnan(truth) | np.isnan(wrong), 0.0, (truth > wrong) + (truth == wrong) / 2)
    count, total = len(positions.outfits), len(positions.owner)
    mass = np.bincount(positions.at, positions.weights, total)
    auc = np.divide(
        np.bincount(positions.at, positions.weights * won, total), mass, out=np.zeros(total), where=mass > 0
    )
    per_outfit = np.maximum(np.bincount(positions.owner, minlength=count), 1)
    weight = np.bincount(positions.owner, positions.shares, count) / per_outfit
    value = np.bincount(positions.owner, positions.shares * auc, count) / per_outfit
    unscored = np.bincount(positions.owner[positions.at], np.isnan(truth) | np.isnan(wrong), count) > 0
    return np.divide(value, weight, out=np.full(count, np.nan), where=weight > 0), weight, ~unscored


def position_scores(scorer: Scorer, positions: Positions) -> tuple[np.ndarray, np.ndarray]:
    """Scores (F,) of the outfits as worn and (F,) with each candidate."""
    if isinstance(scorer, Chooser):
        return _side_by_side(scorer.choose, positions)
    return _side_by_side(scorer.complete, positions) if isinstance(scorer, Completer) else _score(scorer, positions)


def _score(scorer: Scorer, positions: Positions) -> tuple[np.ndarray, np.ndarray]:
    """Scores (F,) of the outfits as worn and (F,) with each candidate."""
    items, mask = positions.outfits.padded()
    true_scores = np.concatenate([scorer.score(items[at], mask[at]) for at in _blocks(len(items))])
    owner, position = positions.owner[positions.at], positions.position[positions.at]
    wrong = np.empty(len(owner))
    for at in _blocks(len(owner)):
        changed = items[owner[at]]
        np.put_along_axis(changed, position[at, None], positions.rows[at, None], axis=1)
        wrong[at] = scorer.score(changed, mask[owner[at]])
    return true_scores[owner], wrong


def _side_by_side(
    scores_of: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray], positions: Positions
) -> tuple[np.ndarray, np.ndarray]:
    """The same from a scorer that is shown the candidates of a place together."""
    items, mask = positions.outfits.padded()
    counts = np.bincount(positions.at, minlength=len(positions.owner))
    starts, width = np.cumsum(counts) - counts, int(counts.max(initial=0))
    column = np.arange(items.shape[1] - 1)
    truth, wrong = np.empty(len(positions.at)), np.empty(len(positions.at))
    for at in _blocks(len(positions.owner), max(1, _BLOCK // (width + 1))):
        owner, position = positions.owner[at], positions.position[at]
        source = column + (column >= position[:, None])
        worn = np.take_along_axis(items[owner], position[:, None], axis=1)
        filled = np.arange(width) < counts[at, None]
        flat = np.where(filled, starts[at, None] + np.arange(width), 0)
        offered = np.concatenate([worn, np.where(filled, positions.rows[flat], worn)], axis=1)
        context, real = (np.take_along_axis(part[owner], source, axis=1) for part in (items, mask))
        scores = scores_of(context, real, offered)
        truth[flat[filled]] = np.repeat(scores[:, 0], counts[at])
        wrong[flat[filled]] = scores[:, 1:][filled]
    return truth, wrong


def _blocks(count: int, step: int = _BLOCK) -> list[np.ndarray]:
    return [np.arange(start, min(start + step, count)) for start in range(0, count, step)]
