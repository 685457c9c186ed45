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

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from goeswith.data.catalogue import Catalogue
from goeswith.data.negatives import Negatives
from goeswith.data.outfits import Outfits
from goeswith.models import Chooser, Scorer

CANDIDATES = 32
"""Of one place at most; where there are more, so many are drawn by p. What drawing adds to the error of an outfit's AUC
is a fiftieth of how outfits differ."""
BUDGET = 1 << 19
"""Candidates in all, at most; where there are more, a part of the outfits is asked about."""
_BLOCK = 1 << 15  # outfits scored at a time
_PLACES = 1 << 11  # places whose candidates are listed at a time


@dataclass(frozen=True)
class Places:
    """Places of outfits and their candidates.

    outfits: (N outfits) all that are asked about. owner, place: (P,) int64 outfit and place in it. shares: (P,) w.
    at: (F,) int64 which place a candidate is for, ascending. rows: (F,) int64 the candidates. weights: (F,) p.
    """

    outfits: Outfits
    owner: np.ndarray
    position: np.ndarray
    shares: np.ndarray
    at: np.ndarray
    rows: np.ndarray
    weights: np.ndarray

    @cached_property
    def digest(self) -> str:
        """12 hex digits over what is asked."""
        hasher = hashlib.sha256(self.outfits.fingerprint.encode())
        for part in (self.owner, self.position, self.at, self.rows, self.weights):
            hasher.update(np.ascontiguousarray(part).tobytes())
        return hasher.hexdigest()[:12]

    @property
    def most_candidates(self) -> int:
        """The candidates of the place that has most of them."""
        return int(np.bincount(self.at).max(initial=0))


def list_places(
    catalogue: Catalogue,
    outfits: Outfits,
    usable: np.ndarray,
    known_outfits: Sequence[Outfits] = (),
    *,
    most: int = CANDIDATES,
    budget: int = BUDGET,
    seed: int = 0,
) -> Places:
    """Every place of a split's outfits that has a matched candidate; see the module and `goeswith.data.negatives`.

    Args:
        usable: (U,) bool, items that may be asked about. known: outfits that no candidate may complete.
    """
    outfits, _ = outfits.keep(usable)
    drawer = Negatives(catalogue, outfits, "matched", usable, known_outfits)
    random = np.random.default_rng(seed)
    outfits = outfits.take(random.permutation(len(outfits)))
    items, mask = (torch.from_numpy(part) for part in outfits.padded())
    owner, position = (part.numpy() for part in drawer.blanks(items, mask, 1).nonzero(as_tuple=True))
    parts: list[tuple[np.ndarray, ...]] = []
    total = 0
    for start in range(0, len(owner), _PLACES):
        own, spot = owner[start : start + _PLACES], torch.from_numpy(position[start : start + _PLACES])
        at, rows = (part.numpy() for part in drawer.everything(items[own], mask[own], spot))
        weights = drawer.weights[rows]
        whole = drawer.pool_weights[items[own, spot].numpy()]
        share = np.bincount(at, weights, minlength=len(own)) / whole
        at, rows, weights = _drawn(at, rows, weights, most, random)
        parts.append((own, spot.numpy(), share, at + start, rows, weights))
        total += len(at)
        if total > budget:
            break
    return _within(outfits, [np.concatenate(part) for part in zip(*parts, strict=True)], budget)


def _drawn(
    at: np.ndarray, rows: np.ndarray, weights: np.ndarray, most: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Candidates (F,), at most `most` a place: where there are more, they are drawn by weight and weigh the same."""
    counts = np.bincount(at)
    many = np.flatnonzero(counts > most)
    if not len(many):
        return at, rows, weights
    ends = np.cumsum(counts)
    reach = np.concatenate([[0.0], np.cumsum(weights)])
    low, high = reach[(ends - counts)[many]], reach[ends[many]]
    spots = np.searchsorted(reach, low[:, None] + (high - low)[:, None] * random.random((len(many), most)), "right") - 1
    spots = np.clip(spots, (ends - counts)[many, None], ends[many, None] - 1)
    few = counts[at] <= most
    at = np.concatenate([at[few], np.repeat(many, most)])
    rows = np.concatenate([rows[few], rows[spots].ravel()])
    weights = np.concatenate([weights[few], np.ones(spots.size)])
    order = np.argsort(at, kind="stable")
    return at[order], rows[order], weights[order]


def _within(outfits: Outfits, parts: list[np.ndarray], budget: int) -> Places:
    """The first places whose outfits are whole and whose candidates are at most `budget` (the first outfit always)."""
    owner, position, share, at, rows, weights = parts
    used = np.cumsum(np.bincount(owner[at], minlength=len(outfits)))
    kept = max(1, int((used <= budget).sum()))
    last = int(np.searchsorted(owner, kept))
    end = int(np.searchsorted(at, last))
    return Places(
        outfits.take(np.arange(kept)), owner[:last], position[:last], share[:last], at[:end], rows[:end], weights[:end]
    )


def exhaustive_auc(scorer: Scorer, places: Places) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """AUC (N,) and weight (N,) of each outfit, and whether all of its scores are there (N,) bool.

    NaN and 0 for an outfit without a place. A missing score counts in the worst way.
    """
    truth, wrong = _choose(scorer, places) if isinstance(scorer, Chooser) else _score(scorer, places)
    won = np.where(np.isnan(truth) | np.isnan(wrong), 0.0, (truth > wrong) + (truth == wrong) / 2)
    count, total = len(places.outfits), len(places.owner)
    mass = np.bincount(places.at, places.weights, total)
    auc = np.divide(np.bincount(places.at, places.weights * won, total), mass, out=np.zeros(total), where=mass > 0)
    spots = np.maximum(np.bincount(places.owner, minlength=count), 1)
    weight = np.bincount(places.owner, places.shares, count) / spots
    value = np.bincount(places.owner, places.shares * auc, count) / spots
    unscored = np.bincount(places.owner[places.at], np.isnan(truth) | np.isnan(wrong), count) > 0
    return np.divide(value, weight, out=np.full(count, np.nan), where=weight > 0), weight, ~unscored


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
