"""Likeness: the cosine of standardised features as a model with keys and queries; nothing is learned.

u_i = n((x_i − mean) · factor)      key (D,), mean and factor over items, n(v) = v / ‖v‖
q_i = mean of u_j over the rest of the outfit, j ≠ i
y = mean of q_i · u_i = mean cosine over the pairs of the outfit
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, normalize

from goeswith.data.outfits import OutfitBatch
from goeswith.models import ItemStates


class Likeness(nn.Module):
    """Standardised features of one encoder. dim: D."""

    mean: Tensor
    factor: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.width = dim
        """How many numbers the state of an item has."""
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("factor", torch.ones(dim))

    @classmethod
    def of(cls, features: Tensor) -> Likeness:
        """The likeness whose mean and deviation are those of some items (U, D)."""
        made = cls(features.shape[1])
        deviation = features.std(dim=0, correction=0)
        made.mean.copy_(features.mean(dim=0))
        made.factor.copy_(torch.where(deviation > 1e-6, 1 / deviation.clamp_min(1e-6), 0.0))
        return made

    def encode_items(self, features: Tensor, categories: Tensor) -> ItemStates:
        """u (U, D)."""
        return ItemStates(normalize((features - self.mean) * self.factor, dim=1), categories)

    def keys(self, states: ItemStates) -> Tensor:
        """u (U, D)."""
        return states.hidden

    def gaps(self, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """q (B, n, D): for each item of each outfit the query of the gap that it leaves."""
        return rest_means(states.hidden, batch)

    def queries(self, states: ItemStates, batch: OutfitBatch, wanted: Tensor) -> Tensor:
        """q (B, D) of partial outfits, whatever is wanted."""
        return means(states.hidden, batch)


def moments(parts: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    """Mean and variance (D,), in double precision, of the features of items that come in parts (n, D)."""
    count = 0
    sums = squares = torch.zeros((), dtype=torch.float64)  # without dimensions, so that it goes with any device
    for part in parts:
        exact = part.double()
        count, sums, squares = count + len(exact), sums + exact.sum(dim=0), squares + exact.square().sum(dim=0)
    mean = sums / count
    return mean, (squares / count - mean.square()).clamp_min(0)


def means(hidden: Tensor, batch: OutfitBatch) -> Tensor:
    """Means (B, H) of states (U, H) over the items of outfits."""
    mask = batch.mask[:, :, None]
    return (embedding(batch.items, hidden) * mask).sum(dim=1) / mask.sum(dim=1).clamp_min(1)


def rest_means(hidden: Tensor, batch: OutfitBatch) -> Tensor:
    """Means (B, n, H) of states (U, H) over the items of each outfit but one: the sum less the item's own."""
    mask = batch.mask[:, :, None]
    own = embedding(batch.items, hidden) * mask
    return (own.sum(dim=1, keepdim=True) - own) / (mask.sum(dim=1, keepdim=True) - 1).clamp_min(1)
