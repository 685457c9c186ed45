"""Positions: every position of every outfit of a split, and the matched candidates for it.

The candidates of position i of outfit o are the items b, other than its own, that are worn in the split, share category
and season with it, are not in o and complete no known outfit. p(b) is how likely b is at a random position of a random
outfit; w_oi, how much a position counts, is the sum of p over its candidates / the sum of p over their whole pool.
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

CANDIDATES = 32
"""Of one position at most; where there are more, so many are drawn by p. What drawing adds to the error of an outfit's
AUC is a fiftieth of how outfits differ."""
BUDGET = 1 << 19
"""Candidates in all, at most; where there are more, a part of the outfits is asked about."""
_BLOCK = 1 << 11  # positions whose candidates are listed at a time


@dataclass(frozen=True)
class Positions:
    """Positions in outfits and their candidates, see the module.

    outfits: (N outfits) all that are asked about. owner, position: (P,) int64 outfit and position. shares: (P,) w.
    at: (F,) int64 which position a candidate is for, ascending. rows: (F,) int64 the candidates. weights: (F,) p.
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
        """The number of candidates of the position that has most of them."""
        return int(np.bincount(self.at).max(initial=0))


def list_positions(
    catalogue: Catalogue,
    outfits: Outfits,
    usable: np.ndarray,
    known_outfits: Sequence[Outfits] = (),
    *,
    most: int = CANDIDATES,
    budget: int = BUDGET,
    seed: int = 0,
) -> Positions:
    """Every place of a split's outfits that has a matched candidate; see the module and `goeswith.data.negatives`.

    Args:
        usable: (U,) bool, items that may be asked about. known_outfits: that no candidate may complete.
    """
    outfits, _ = outfits.keep(usable)
    drawer = Negatives(catalogue, outfits, "matched", usable, known_outfits)
    random = np.random.default_rng(seed)
    outfits = outfits.take(random.permutation(len(outfits)))
    items, mask = (torch.from_numpy(part) for part in outfits.padded())
    owner, position = (part.numpy() for part in drawer.blanks(items, mask, 1).nonzero(as_tuple=True))
    parts: list[tuple[np.ndarray, ...]] = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)) * 2]
    total = 0
    for start in range(0, len(owner), _BLOCK):
        own, spot = owner[start : start + _BLOCK], torch.from_numpy(position[start : start + _BLOCK])
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


def _within(outfits: Outfits, parts: list[np.ndarray], budget: int) -> Positions:
    """The first places whose outfits are whole and whose candidates are at most `budget` (the first outfit always)."""
    owner, position, share, at, rows, weights = parts
    used = np.cumsum(np.bincount(owner[at], minlength=len(outfits)))
    count = min(max(1, int((used <= budget).sum())), len(outfits))
    last = int(np.searchsorted(owner, count))
    end = int(np.searchsorted(at, last))
    return Positions(
        outfits.take(np.arange(count)), owner[:last], position[:last], share[:last], at[:end], rows[:end], weights[:end]
    )
