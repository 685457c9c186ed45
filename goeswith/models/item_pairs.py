"""Item pairs: the pairs of items that a model compares, as flat lists without padding.

For the models whose score is a mean over pairs that no algebra can fold, such as distances after a mask of the pair:
the lists hold the real pairs only, n(n − 1)/2 an outfit, where a (B, n, n) block holds twice as many and padding.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from goeswith.data.outfits import OutfitBatch

CROWDED = 32
"""Pairs an item from which on equal ones are computed once."""


class Pairs(NamedTuple):
    """Each unordered pair of real items once: rows of the states `left`, `right` (P,) and its `outfit` (P,)."""

    left: Tensor
    right: Tensor
    outfit: Tensor


class Sides(NamedTuple):
    """What the two sides of many pairs have in common: each item beside each kind of other item, once.

    item: (R,) rows of the states. other: (R,) kinds of the items beside them. left, right: (Q,) rows of those two, the
    distinct pairs. pair: (P,) which of these each pair is.
    """

    item: Tensor
    other: Tensor
    left: Tensor
    right: Tensor
    pair: Tensor


class Triplets(NamedTuple):
    """Each item that stayed, with the item that was replaced and the one that replaced it.

    anchor, right, wrong: (T,) rows of the states. corruption: (T,) which corrupted outfit, 0 ≤ corruption < B·r.
    """

    anchor: Tensor
    right: Tensor
    wrong: Tensor
    corruption: Tensor


def pairs_of(batch: OutfitBatch) -> Pairs:
    """All pairs of the outfits of a batch."""
    column = torch.arange(batch.items.shape[1], device=batch.items.device)
    once = column[:, None] < column
    outfit, first, second = (batch.mask[:, :, None] & batch.mask[:, None, :] & once).nonzero(as_tuple=True)
    return Pairs(batch.items[outfit, first], batch.items[outfit, second], outfit)


def triplets_of(batch: OutfitBatch, outfits: int) -> Triplets:
    """The triplets of a batch of `outfits` positives and their corruptions, ordered as `Model.objective` gets them."""
    wrong, mask = batch.items[outfits:], batch.mask[outfits:]  # (B·r, n)
    right = batch.items[:outfits].repeat_interleave(len(wrong) // outfits, dim=0)
    replaced = (right != wrong) & mask
    corruption, column = (mask & ~replaced).nonzero(as_tuple=True)
    at = replaced.int().argmax(dim=1)[corruption]
    return Triplets(wrong[corruption, column], right[corruption, at], wrong[corruption, at], corruption)


def crowded(states: Tensor, left: Tensor) -> bool:
    """Whether items (U, ...) are in so many pairs (P,) that it pays to look for equal ones: see `sides_of`."""
    if torch.compiler.is_compiling() or torch.compiler.is_exporting():  # a graph holds for any number of pairs
        return False
    return len(left) > CROWDED * len(states)


def sides_of(left: Tensor, right: Tensor, kinds: Tensor) -> Sides:
    """The sides of pairs (P,) whose order does not matter, for models that see an item by the kind of the other one.

    kinds: (U,) int64 of the items, such as category codes.
    """
    count, most = len(kinds), int(kinds.max()) + 1
    low, high = torch.minimum(left, right), torch.maximum(left, right)
    pairs, pair = (low * count + high).unique(return_inverse=True)
    low, high = pairs // count, pairs % count
    rows, at = torch.cat([low * most + kinds[high], high * most + kinds[low]]).unique(return_inverse=True)
    first, second = at.chunk(2)
    return Sides(rows // most, rows % most, first, second, pair)


def mean_by(values: Tensor, owner: Tensor, owners: int) -> Tensor:
    """Mean of the values (P,) of each owner: (owners,); 0 where it has none."""
    total, count = (values.new_zeros(owners).index_add(0, owner, each) for each in (values, torch.ones_like(values)))
    return total / count.clamp_min(1)
