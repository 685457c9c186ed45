"""Gaps: positions in outfits, to be filled from all items of the same group and season, and their scores."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from goeswith.data.catalogue import Catalogue
from goeswith.data.outfits import Outfits
from goeswith.errors import ModelError
from goeswith.models import Chooser, Scorer

MOST = 1000
"""Gaps of one draw: enough for a standard error of about .01."""
BUDGET = 1 << 22
"""Scores of one draw, all candidates of all gaps together: half a minute for a model of pairs."""
_BLOCK = 1 << 18  # scores computed at a time
_CHOSEN = 1 << 15  # the same, of one who sees the candidates of a gap together


@runtime_checkable
class Filler(Scorer, Protocol):
    """A scorer that scores many candidates beside many partial outfits at once, without forming each outfit."""

    def fill(self, context: np.ndarray, mask: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Scores (B, m) float64 of the items `rows` (m,) beside outfits with a gap (B, n); NaN = no answer.

        Scores of one outfit are comparable among its candidates.
        """
        ...


@dataclass(frozen=True)
class Gaps:
    """Outfits with one place each whose item is to be found again.

    items: (G, n) int64 catalogue rows, the worn item at its place. mask: (G, n) bool. position: (G,) int64 that place.
    worn: (G, N) int64 all items of the outfit, −1 where padded: none but the asked one is a candidate.
    pools: (U,) int64, which items compete with each other; −1 = is never offered.
    outfit_ids: (G,) object array of str.
    """

    items: np.ndarray
    mask: np.ndarray
    position: np.ndarray
    worn: np.ndarray
    pools: np.ndarray
    outfit_ids: np.ndarray

    def __len__(self) -> int:
        return len(self.items)

    @property
    def truth(self) -> np.ndarray:
        """(G,) int64 row of the item that was worn at the place."""
        return np.take_along_axis(self.items, self.position[:, None], axis=1)[:, 0]

    @cached_property
    def digest(self) -> str:
        """12 hex digits over what is asked and who competes."""
        hasher = hashlib.sha256()
        for part in (self.items, self.mask, self.position, self.worn, self.pools):
            hasher.update(np.ascontiguousarray(part).tobytes())
        return hasher.hexdigest()[:12]

    @cached_property
    def most_candidates(self) -> int:
        """The candidates of the gap that has most of them, own items of its outfit among them."""
        return int(np.bincount(self.pools[self.pools >= 0])[self.pools[self.truth]].max(initial=0))

    def context(self, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Items and mask (g, n − 1) of some outfits (g,) without the asked place."""
        columns = np.arange(self.items.shape[1] - 1)
        source = columns + (columns >= self.position[at, None])
        return np.take_along_axis(self.items[at], source, 1), np.take_along_axis(self.mask[at], source, 1)

    def completed(self, at: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Items and mask (F, n) of outfits (F,) with the items `rows` (F,) at their asked places."""
        items = self.items[at]
        np.put_along_axis(items, self.position[at, None], rows[:, None], axis=1)
        return items, self.mask[at]


class Scored(NamedTuple):
    """Scores of all candidates of some gaps of one pool.

    gaps: (g,) which. rows: (m,) int64 the pool's items, ascending. scores: (g, m) float64, NaN = no answer.
    candidates: (g, m) bool. truth: (g,) where in `rows` the worn item is.
    """

    gaps: np.ndarray
    rows: np.ndarray
    scores: np.ndarray
    candidates: np.ndarray
    truth: np.ndarray


def group_pools(catalogue: Catalogue, usable: np.ndarray) -> np.ndarray:
    """Pools (U,) of `Gaps`: items of one group and season compete; an unknown group or season is one of its own.

    usable: (U,) bool, items that may be offered, such as those with features.
    """
    groups, _ = catalogue.codes("group")
    seasons, names = catalogue.codes("season")
    pools = np.unique(groups * (len(names) + 1) + seasons + 1, return_inverse=True)[1].reshape(-1)
    return np.where(usable, pools, -1)


def draw_gaps(
    outfits: Outfits, pools: np.ndarray, *, anchor: bool, most: int = MOST, budget: int = BUDGET, seed: int = 0
) -> Gaps:
    """Draw places to be asked about: one of each outfit, then a second one of each, until there are enough.

    Items of no pool are taken out of the outfits first. A place with less than two candidates is not asked about.

    Args:
        pools: (U,), see `Gaps`.
        anchor: only one other item of the outfit is given, drawn at random; else all of them.
        most: gaps at most. budget: their candidates in all, at most (one gap there is always).
    """
    outfits, _ = outfits.keep(pools >= 0)
    items, mask = outfits.padded()
    owner, position = mask.nonzero()
    same = (pools[items[owner]] == pools[items[owner, position]][:, None]) & mask[owner]
    sizes = np.bincount(pools[pools >= 0], minlength=1)[pools[items[owner, position]]]
    able = sizes - same.sum(axis=1) >= 1
    owner, position, sizes = owner[able], position[able], sizes[able]
    random = np.random.default_rng(seed)
    chosen = _in_turns(owner, random)[:most]
    chosen = chosen[: max(1, int((np.cumsum(sizes[chosen]) <= budget).sum()))]
    owner, position = owner[chosen], position[chosen]
    worn, ids = np.where(mask, items, -1)[owner], outfits.outfit_ids[owner]
    if anchor:
        other = random.integers(outfits.lengths[owner] - 1)
        other += other >= position
        both = np.sort(np.stack([position, other], axis=1), axis=1)
        slot = (position > other).astype(np.int64)
        return Gaps(items[owner[:, None], both], np.ones(both.shape, bool), slot, worn, pools, ids)
    return Gaps(items[owner], mask[owner], position, worn, pools, ids)


def _in_turns(owner: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A random order (P,) of things in which every owner has its first before any has its second."""
    order = random.permutation(len(owner))
    together = order[np.argsort(owner[order], kind="stable")]
    turn = np.empty(len(owner), np.int64)
    turn[together] = np.arange(len(owner)) - np.searchsorted(owner[together], owner[together])
    return order[np.argsort(turn[order], kind="stable")]


def score_gaps(scorer: Scorer, gaps: Gaps) -> Iterator[Scored]:
    """Score every candidate of every gap, some gaps of one pool at a time.

    Raises:
        ModelError: the scorer does not return one number an outfit.
    """
    pools = gaps.pools[gaps.truth]
    for pool in np.unique(pools):
        rows = np.flatnonzero(gaps.pools == pool)
        in_pool = np.flatnonzero(pools == pool)
        step = max(1, (_CHOSEN if isinstance(scorer, Chooser) else _BLOCK) // len(rows))
        for start in range(0, len(in_pool), step):
            at = in_pool[start : start + step]
            truth = np.searchsorted(rows, gaps.truth[at])
            yield Scored(at, rows, _scores(scorer, gaps, at, rows), _candidates(gaps.worn[at], rows, truth), truth)


def _candidates(worn: np.ndarray, rows: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(g, m) bool: which of the items (m,) are not in the outfit (g, N) otherwise than as the asked one."""
    where = np.minimum(np.searchsorted(rows, worn), len(rows) - 1)
    owner, column = (rows[where] == worn).nonzero()
    open_ = np.ones((len(worn), len(rows)), bool)
    open_[owner, where[owner, column]] = False
    open_[np.arange(len(worn)), truth] = True
    return open_


def _scores(scorer: Scorer, gaps: Gaps, at: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Scores (g, m) of the items `rows` (m,) at the asked places of some gaps (g,)."""
    shape = (len(at), len(rows))
    if isinstance(scorer, Filler):
        scores = scorer.fill(*gaps.context(at), rows)
    elif isinstance(scorer, Chooser):
        scores = scorer.choose(*gaps.context(at), np.broadcast_to(rows, shape))
    else:
        outfits = gaps.completed(np.repeat(at, len(rows)), np.tile(rows, len(at)))
        scores = np.asarray(scorer.score(*outfits)).reshape(-1)
        scores = scores.reshape(shape) if scores.size == shape[0] * shape[1] else scores
    scores = np.asarray(scores, dtype=np.float64)
    if scores.shape != shape:
        raise ModelError(f"{scorer.name} gave scores of shape {scores.shape} for {shape[0]} gaps of {shape[1]} items")
    return scores
