"""SCE-Net: compares items in a mixture of conditions chosen by the two pictures.

Tan, Vasileva, Saenko, Plummer: "Learning Similarity Conditions Without Explicit Supervision" (ICCV 2019), and the
program released with it. U distinct items, D feature dimensions, d embedding, K conditions.

    x_i = W f_i + b                                                             (d,)
    w(i, j) = softmax(V relu(A [n(x_i); n(x_j)] + a) + c)                       (K,), n(x) = x / ‖x‖
    e_i = Σ_k w_k n(x_i ⊙ m_k)                                                  m_k = relu(M_k)
    d_ij = ‖e_i − e_j‖₂
    L = max(0, d_ij − d_ik + μ) + λ_m mean_k ‖m_k‖₁ + λ_e ‖x‖₂                  k replaces j
    y = − mean of d_ij over the pairs of the outfit

No tensor of a pair and all its conditions is made: with ν_ik = ‖x_i ⊙ m_k‖, a matter of the item alone,
e_i = x_i ⊙ Σ_k (w_k / ν_ik) m_k, and A [n(x_i); n(x_j)] is the sum of a part of i and a part of j.

Our reading: w is the mean of w(i, j) and w(j, i), for the order of items must say nothing; every item that stayed is an
anchor i. The weights see the pair, as in the paper; the released program shows them the whole triplet, which no
question has.

Deviations: a linear layer on frozen features stands for the CNN trained end to end; ‖x‖ is of all items of the batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, embedding, normalize

from goeswith.config import above_zero, at_least, below_one
from goeswith.data.outfits import OutfitBatch
from goeswith.models import ItemStates, TrainingData, Vocabulary
from goeswith.models.item_pairs import mean_by, pairs_of, triplets_of

TINY = 1e-12
"""Below this ν is taken for it: a mask that leaves nothing of an item must not divide by zero."""


@dataclass(frozen=True)
class SceNetConfig:
    """Settings of SCE-Net; the defaults are the published ones.

    size: d. conditions: K. attention: hidden units of w.
    margin: μ. mask_weight, embedding_weight: λ_m and λ_e.
    dropout: dropout of the features in training; not in the paper, 0 by default.
    """

    size: int = 64
    conditions: int = 5
    attention: int = 32
    margin: float = 0.2
    mask_weight: float = 5e-4
    embedding_weight: float = 5e-3
    dropout: float = 0.0

    def __post_init__(self) -> None:
        at_least(self, 1, "size", "conditions", "attention")
        at_least(self, 0, "mask_weight", "embedding_weight")
        above_zero(self, "margin")
        below_one(self, "dropout")


class SceNet(nn.Module):
    """Similarity conditions chosen by the pair itself.

    Args:
        config: see `SceNetConfig`.
        dim: D, the size of the features.
        vocabulary: not used, categories play no part.
    """

    def __init__(self, config: SceNetConfig, dim: int, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Linear(dim, config.size)
        self.masks = nn.Parameter(torch.empty(config.conditions, config.size).normal_(0.9, 0.7))
        self.hidden = nn.Linear(2 * config.size, config.attention)
        self.choice = nn.Linear(config.attention, config.conditions)

    def observe(self, data: TrainingData) -> None:
        """Nothing is counted."""

    def encode_items(self, features: Tensor, categories: Tensor) -> ItemStates:
        """x (d), 1/ν (K) and the two parts of A n(x), as first and as second of a pair, side by side: (U, ...)."""
        features = dropout(features, self.config.dropout, self.training)
        general = self.embedding(features).to(self.masks.dtype)
        lengths = torch.linalg.vector_norm(general[:, None, :] * self.masks.relu(), dim=2)  # ν, (U, K)
        first, second = self.hidden.weight.split(self.config.size, dim=1)
        parts = normalize(general, dim=1) @ torch.cat([first, second]).T
        hidden = torch.cat([general, lengths.clamp_min(TINY).reciprocal(), parts.to(general.dtype)], dim=1)
        return ItemStates(hidden, categories)

    def score(self, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """y, the mean distance with its sign turned: (B,)."""
        pairs = pairs_of(batch)
        return -mean_by(self.distances(states, pairs.left, pairs.right), pairs.outfit, len(batch))

    def distances(self, states: ItemStates, left: Tensor, right: Tensor) -> Tensor:
        """d_ij for pairs of rows of the states: (P,)."""
        config, masks = self.config, self.masks.relu()
        sizes = [config.size, config.conditions, config.attention, config.attention]
        one, one_kept, one_first, one_second = embedding(left, states.hidden).split(sizes, dim=1)
        other, other_kept, other_first, other_second = embedding(right, states.hidden).split(sizes, dim=1)
        both_orders = torch.stack([one_first + other_second, other_first + one_second])  # (2, P, attention)
        weights = self.choice((both_orders + self.hidden.bias).relu()).softmax(dim=2).mean(dim=0).to(masks.dtype)
        apart = one * ((weights * one_kept) @ masks) - other * ((weights * other_kept) @ masks)
        return torch.linalg.vector_norm(apart, dim=1)

    def objective(self, right: Tensor, wrong: Tensor, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """The mean hinge of the triplets and λ_e ‖x‖."""
        triplets = triplets_of(batch, len(right))
        near, far = (self.distances(states, triplets.anchor, rows) for rows in (triplets.right, triplets.wrong))
        length = states.hidden[:, : self.config.size].square().sum(dim=1).mean().sqrt()
        return (near - far + self.config.margin).clamp_min(0).mean() + self.config.embedding_weight * length

    def penalty(self) -> Tensor:
        """λ_m times the mean length of the masks, which keeps them sparse."""
        return self.config.mask_weight * self.masks.relu().sum(dim=1).mean()
