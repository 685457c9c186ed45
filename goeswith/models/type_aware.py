"""Type-Aware: compares items in a space that belongs to the pair of their types.

Vasileva, Plummer, Dusad, Rajpal, Kumar, Forsyth: "Learning Type-Aware Embeddings for Fashion Compatibility" (ECCV
2018), and the program released with it. U distinct items, D feature dimensions, d embedding, T types.

    x_i = W f_i + b                                                      general embedding, (d,)
    d_ij = ‖n(x_i ⊙ m_uv) − n(x_j ⊙ m_uv)‖₂,  u, v = types of i, j      m_uv = relu(M_uv), n(x) = x / ‖x‖
    L = max(0, d_ij − d_ik + μ) + λ_m ‖m_uv‖₁ + λ_e ‖x‖₂                 k replaces j
    y = − mean of d_ij over the pairs of the outfit

Our reading: every item that stayed is an anchor i, where the program draws one; a k of another type w (random
negatives, which the paper does not use) is compared in the space of u, w. A pair of types that no training outfit has
is compared in the mean of the spaces that were learned. Distances are the program's, not squared as in the paper.

Deviations: a linear layer on frozen features stands for the CNN trained end to end; the losses that need titles, and
the one that draws items of a type together (weight 5e-5), are left out; ‖x‖ is of all items of the batch, not of those
in triplets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, embedding, normalize

from goeswith.config import above_zero, at_least, below_one
from goeswith.data.outfits import OutfitBatch
from goeswith.models import ItemStates, TrainingData, Vocabulary
from goeswith.models.item_pairs import crowded, mean_by, pairs_of, sides_of, triplets_of

OBSERVED = 1 << 14
"""Training outfits whose pairs are looked at together."""


@dataclass(frozen=True)
class TypeAwareConfig:
    """Settings of Type-Aware; the defaults are the published ones.

    size: d. types: what a type is, the fine category or the coarse group (the 11 published types are as coarse).
    normalise: apply n to the masked embeddings, as in the released command (not in the paper's tables).
    margin: μ. mask_weight, embedding_weight: λ_m and λ_e.
    dropout: dropout of the features in training; not in the paper, 0 by default.
    """

    size: int = 64
    types: Literal["category", "group"] = "category"
    normalise: bool = True
    margin: float = 0.3
    mask_weight: float = 5e-4
    embedding_weight: float = 5e-4
    dropout: float = 0.0

    def __post_init__(self) -> None:
        at_least(self, 1, "size")
        at_least(self, 0, "mask_weight", "embedding_weight")
        above_zero(self, "margin")
        below_one(self, "dropout")


class TypeAware(nn.Module):
    """Distances after the mask of a pair of types.

    Args:
        config: see `TypeAwareConfig`.
        dim: D, the size of the features.
        vocabulary: the categories, and the groups where those are the types.
    """

    kind: Tensor
    place: Tensor

    def __init__(self, config: TypeAwareConfig, dim: int, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Linear(dim, config.size)
        names = vocabulary.categories if config.types == "category" else vocabulary.groups
        order = {name: code for code, name in enumerate(sorted(set(names)))}
        count = len(order)
        # (C + 1,) type of each category code; the last stands for categories never seen.
        self.register_buffer("kind", torch.tensor([order[name] for name in names] + [count]), persistent=False)
        # (T + 1, T + 1) row of the masks for each pair of types; the row behind the last is the mean of those in use.
        low, high = torch.triu_indices(count, count)
        rows = torch.full((count + 1, count + 1), len(low))
        rows[low, high] = rows[high, low] = torch.arange(len(low))
        self.register_buffer("place", rows)
        self.masks = nn.Parameter(torch.empty(len(low), config.size).normal_(0.9, 0.7))

    def observe(self, data: TrainingData) -> None:
        """Which pairs of types meet in training outfits; the others have no space of their own."""
        types, met = self.kind[data.categories], torch.zeros_like(self.place, dtype=torch.bool)
        for outfits in torch.arange(len(data.train)).split(OBSERVED):
            pairs = pairs_of(data.train.take(outfits.numpy()).batch())
            met[types[pairs.left], types[pairs.right]] = True
        self.place.masked_fill_(~(met | met.T), len(self.masks))

    def encode_items(self, features: Tensor, categories: Tensor) -> ItemStates:
        """General embeddings (U, d)."""
        features = dropout(features, self.config.dropout, self.training)
        return ItemStates(self.embedding(features).to(self.masks.dtype), categories)

    def score(self, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """y, the mean distance with its sign turned: (B,)."""
        pairs = pairs_of(batch)
        if crowded(states.hidden, pairs.left):
            distances = self._distances_of_many(states, pairs.left, pairs.right)
        else:
            masks = self.pair_masks(states, pairs.left, pairs.right)
            distances = self.distances(states, masks, pairs.left, pairs.right)
        return -mean_by(distances, pairs.outfit, len(batch))

    def pair_masks(self, states: ItemStates, left: Tensor, right: Tensor) -> Tensor:
        """m_uv for pairs of rows of the states: (P, d)."""
        types = self.kind[states.categories]
        return self._masks_of(types[left], types[right])

    def _masks_of(self, first: Tensor, second: Tensor) -> Tensor:
        """m_uv for pairs of types (P,): (P, d)."""
        masks = self.masks.relu()
        used = masks.new_zeros(len(masks) + 1).scatter(0, self.place.flatten(), 1)[:-1]
        usual = (used / used.sum()) @ masks
        return embedding(self.place[first, second], torch.cat([masks, usual[None]]))

    def distances(self, states: ItemStates, masks: Tensor, left: Tensor, right: Tensor) -> Tensor:
        """d_ij for pairs of rows of the states and their masks (P, d): (P,)."""
        first, second = (embedding(rows, states.hidden) * masks for rows in (left, right))
        if self.config.normalise:
            first, second = normalize(first, dim=1), normalize(second, dim=1)
        return torch.linalg.vector_norm(first - second, dim=1)

    def _distances_of_many(self, states: ItemStates, left: Tensor, right: Tensor) -> Tensor:
        """d_ij with n(x_i ⊙ m_uv) of each item beside each type computed once: (P,)."""
        types = self.kind[states.categories]
        sides = sides_of(left, right, types)
        seen = embedding(sides.item, states.hidden) * self._masks_of(types[sides.item], sides.other)
        if self.config.normalise:
            seen = normalize(seen, dim=1)
        apart = embedding(sides.left, seen) - embedding(sides.right, seen)
        return torch.linalg.vector_norm(apart, dim=1)[sides.pair]

    def objective(self, right: Tensor, wrong: Tensor, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """L: the mean hinge of the triplets and what keeps masks sparse and embeddings small."""
        triplets = triplets_of(batch, len(right))
        close, far = (self.pair_masks(states, triplets.anchor, rows) for rows in (triplets.right, triplets.wrong))
        near = self.distances(states, close, triplets.anchor, triplets.right)
        distant = self.distances(states, far, triplets.anchor, triplets.wrong)
        hinge = (near - distant + self.config.margin).clamp_min(0).mean()
        length = states.hidden.square().sum(dim=1).mean().sqrt()
        return hinge + self.config.mask_weight * close.sum(dim=1).mean() + self.config.embedding_weight * length

    def penalty(self) -> Tensor:
        """Nothing: what is added depends on the batch."""
        return self.masks.new_zeros(())
