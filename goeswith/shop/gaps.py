"""Gaps: partial outfits that lack an item each, and which candidates may be that item."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from goeswith.data.filters import Filters

Refuse = Callable[[np.ndarray], np.ndarray]
"""From some candidates (m,) to (B, m) bool: True where one must not join a partial outfit."""
Choice = tuple[np.ndarray, np.ndarray]
"""Pairs of a partial outfit and a candidate: owner (P,), which outfit, and rows (P,)."""


class Gap(NamedTuple):
    """Partial outfits that lack an item each, and what it may be.

    contexts: (B, n) rows. allowed: (M,) rows of items, ascending. refuse: which of them must not join which partial
    outfit. worth: (U,) what each item adds to the first stage's scores. filters: which all of the allowed pass, for a
    search that looks at no others.
    """

    contexts: np.ndarray
    allowed: np.ndarray
    refuse: Refuse | None = None
    worth: np.ndarray | None = None
    filters: Filters | None = None

    def every(self) -> Choice:
        """All pairs that may be."""
        shape = len(self.contexts), len(self.allowed)
        may = np.ones(shape, bool) if self.refuse is None else ~self.refuse(self.allowed)
        owner, column = may.nonzero()
        return owner, self.allowed[column]


def highest(rows: np.ndarray, scores: np.ndarray, count: int) -> Choice:
    """The `count` pairs of a shortlist, rows and scores (B, m), that have the highest scores."""
    flat = scores.ravel()
    best = np.argpartition(-flat, min(count, len(flat)) - 1)[:count]
    owner, column = np.unravel_index(np.sort(best[np.isfinite(flat[best])]), scores.shape)
    return owner, rows[owner, column]
