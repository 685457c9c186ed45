"""Overlap: how much of a list of outfits appears in the training outfits of a model, which could remember it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from goeswith.data.outfits import Outfits
from goeswith.data.splits import NEAR

BLOCK = 4096
"""Outfits compared with all training outfits at a time."""


@dataclass(frozen=True)
class Overlap:
    """Of a list of outfits: how many repeat a training outfit item for item, and how many lie mostly in one.

    mostly: those that share at least `NEAR` of their items with one training outfit, repeats included.
    """

    outfits: int
    repeats: int
    mostly: int

    def __str__(self) -> str:
        if not self.mostly:
            return f"none of the {self.outfits:,} outfits shares {NEAR:.0%} of its items with a training outfit"
        mostly, repeats = self.mostly / self.outfits, self.repeats / self.outfits
        return (
            f"{mostly:.1%} of the {self.outfits:,} outfits share at least {NEAR:.0%} of their items with one training "
            f"outfit, {repeats:.1%} are exact repeats: a model may remember these"
        )


def overlap_with(listed: Outfits, train: Outfits) -> Overlap:
    """The overlap of outfits with training outfits of the same catalogue."""
    size = int(max(listed.items.max(initial=-1), train.items.max(initial=-1))) + 1
    own, trained = _worn(listed, size), _worn(train, size)
    sizes = np.asarray(trained.sum(axis=1)).ravel()
    repeats = mostly = 0
    for start in range(0, len(listed), BLOCK):
        some = own[start : start + BLOCK]
        counts = np.asarray(some.sum(axis=1)).ravel()
        shared = (some @ trained.T).tocoo()  # items in common, of pairs that have any
        first, second = shared.coords
        near = shared.data >= NEAR * counts[first] - 1e-9
        same = (shared.data == counts[first]) & (shared.data == sizes[second])
        repeats += len(np.unique(first[same]))
        mostly += len(np.unique(first[near]))
    return Overlap(len(listed), repeats, mostly)


def _worn(outfits: Outfits, size: int) -> csr_array:
    """(N, size) 1 where an outfit has the item."""
    owner = np.repeat(np.arange(len(outfits)), outfits.lengths)
    worn = csr_array((np.ones(len(owner)), (owner, outfits.items)), shape=(len(outfits), size))
    worn.data[:] = 1.0
    return worn
