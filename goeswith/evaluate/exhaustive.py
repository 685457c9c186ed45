"""Exhaustive AUC: every place of every outfit of a split, against all of its matched candidates.

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

import numpy as np

from goeswith.data.places import Places
from goeswith.models import Chooser, Scorer

_BLOCK = 1 << 15  # outfits scored at a time


def exhaustive_auc(scorer: Scorer, places: Places) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """AUC (N,) and weight (N,) of each outfit, and whether all of its scores are there (N,) bool.

    NaN and 0 for an outfit without a place. A missing score counts in the worst way.
    """
    truth, wrong = place_scores(scorer, places)
    won = np.where(np.isnan(truth) | np.isnan(wrong), 0.0, (truth > wrong) + (truth == wrong) / 2)
    count, total = len(places.outfits), len(places.owner)
    mass = np.bincount(places.at, places.weights, total)
    auc = np.divide(np.bincount(places.at, places.weights * won, total), mass, out=np.zeros(total), where=mass > 0)
    spots = np.maximum(np.bincount(places.owner, minlength=count), 1)
    weight = np.bincount(places.owner, places.shares, count) / spots
    value = np.bincount(places.owner, places.shares * auc, count) / spots
    unscored = np.bincount(places.owner[places.at], np.isnan(truth) | np.isnan(wrong), count) > 0
    return np.divide(value, weight, out=np.full(count, np.nan), where=weight > 0), weight, ~unscored


def place_scores(scorer: Scorer, places: Places) -> tuple[np.ndarray, np.ndarray]:
    """Scores (F,) of the outfits as worn and (F,) with each candidate."""
    return _choose(scorer, places) if isinstance(scorer, Chooser) else _score(scorer, places)


def _score(scorer: Scorer, places: Places) -> tuple[np.ndarray, np.ndarray]:
    """Scores (F,) of the outfits as worn and (F,) with each candidate."""
    items, mask = places.outfits.padded()
    whole = np.concatenate([scorer.score(items[at], mask[at]) for at in _blocks(len(items))])
    owner, position = places.owner[places.at], places.position[places.at]
    wrong = np.empty(len(owner))
    for at in _blocks(len(owner)):
        changed = items[owner[at]]
        np.put_along_axis(changed, position[at, None], places.rows[at, None], axis=1)
        wrong[at] = scorer.score(changed, mask[owner[at]])
    return whole[owner], wrong


def _choose(scorer: Chooser, places: Places) -> tuple[np.ndarray, np.ndarray]:
    """The same from a scorer that sees the candidates of a place together."""
    items, mask = places.outfits.padded()
    counts = np.bincount(places.at, minlength=len(places.owner))
    starts, width = np.cumsum(counts) - counts, int(counts.max(initial=0))
    column = np.arange(items.shape[1] - 1)
    truth, wrong = np.empty(len(places.at)), np.empty(len(places.at))
    for at in _blocks(len(places.owner), max(1, _BLOCK // (width + 1))):
        owner, position = places.owner[at], places.position[at]
        source = column + (column >= position[:, None])
        worn = np.take_along_axis(items[owner], position[:, None], axis=1)
        filled = np.arange(width) < counts[at, None]
        flat = np.where(filled, starts[at, None] + np.arange(width), 0)
        offered = np.concatenate([worn, np.where(filled, places.rows[flat], worn)], axis=1)
        context, real = (np.take_along_axis(part[owner], source, axis=1) for part in (items, mask))
        scores = scorer.choose(context, real, offered)
        truth[flat[filled]] = np.repeat(scores[:, 0], counts[at])
        wrong[flat[filled]] = scores[:, 1:][filled]
    return truth, wrong


def _blocks(count: int, step: int = _BLOCK) -> list[np.ndarray]:
    return [np.arange(start, min(start + step, count)) for start in range(0, count, step)]
