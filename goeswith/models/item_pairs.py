"""Item pairs: the pairs of items that a model compares, as flat lists without padding.

For the models whose score is a mean over pairs that no algebra can fold, such as distances after a mask of the pair:
the lists hold the real pairs only, n(n − 1)/2 an outfit, where a (B, n, n) block holds twice as many and padding.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from goeswith.data.outfits import OutfitBatch


class Pairs(NamedTuple):
    """Each unordered pair of real items once: rows of the states `left`, `right` (P,) and its `outfit` (P,)."""

    left: Tensor
    right: Tensor
    outfit: Tensor


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


def mean_by(values: Tensor, owner: Tensor, owners: int) -> Tensor:
    """Mean of the values (P,) of each owner: (owners,); 0 where it has none."""
    total, count = (values.new_zeros(owners).index_add(0, owner, each) for each in (values, torch.ones_like(values)))
    return total / count.clamp_min(1)
