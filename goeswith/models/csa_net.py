"""CSA-Net: compares items in a mixture of subspaces chosen by their two categories.

Lin, Tran, Davis: "Fashion Outfit Complementary Item Retrieval" (CVPR 2020); no program was released. U distinct items,
D feature dimensions, d embedding, K subspaces, C categories.

    x_i = W f_i + b                                                             (d,)
    w(u, v) = softmax(V relu(A [1_u; 1_v] + a) + c)                             (K,), 1_u = one-hot of category u
    f_i(u, v) = Σ_k w_k(u, v) (x_i ⊙ m_k)                                       u its own category, v the other's
    d_ij = ‖n(f_i(c_i, c_j)) − n(f_j(c_j, c_i))‖₂                               n(x) = x / ‖x‖
    L = max(0, D_p − φ(D_n¹, …, D_nʳ) + μ)                                      the outfit ranking loss
    y = − mean of d_ij over the pairs of the outfit

D_p is the mean distance of the replaced item to those that stayed, D_n that of an item which replaces it, φ the
minimum or the mean over the r corruptions of an outfit (`negatives_per_positive`; with r = 1 they are the same).

Our reading: masks go through ReLU and what they leave is normalised, as in the programs of Type-Aware and SCE-Net (on
frozen features the margin means little without: the best validation AUC of 19 epochs on MANGO is .644 against .691);
the order of the categories in w counts, an item's own first. The one-hot of a category that no training outfit has is
zero.

Deviations: a linear layer on frozen features stands for the CNN trained end to end.
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


@dataclass(frozen=True)
class CsaNetConfig:
    """Settings of CSA-Net; the defaults are the published ones, where there are any.

    size: d. subspaces: K. attention: hidden units of w, not published.
    normalise: apply n to the mixtures. negative: φ over the corruptions of an outfit. margin: μ.
    dropout: dropout of the features in training; not in the paper, 0 by default.
    """

    size: int = 64
    subspaces: int = 5
    attention: int = 32
    normalise: bool = True
    negative: Literal["min", "mean"] = "min"
    margin: float = 0.3
    dropout: float = 0.0

    def __post_init__(self) -> None:
        at_least(self, 1, "size", "subspaces", "attention")
        above_zero(self, "margin")
        below_one(self, "dropout")


class CsaNet(nn.Module):
    """Category-based subspace attention.

    Args:
        config: see `CsaNetConfig`.
        dim: D, the size of the features.
        vocabulary: the C categories that choose.
    """

    known: Tensor

    def __init__(self, config: CsaNetConfig, dim: int, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.config = config
        count = len(vocabulary.categories)
        self.embedding = nn.Linear(dim, config.size)
        self.masks = nn.Parameter(torch.empty(config.subspaces, config.size).normal_(0.9, 0.7))
        self.hidden = nn.Linear(2 * count, config.attention)
        self.choice = nn.Linear(config.attention, config.subspaces)
        self.register_buffer("known", torch.arange(count + 1) < count)

    def observe(self, data: TrainingData) -> None:
        """Which categories training outfits have."""
        counts_of = data.categories[torch.from_numpy(data.train.items)]
        self.known &= torch.bincount(counts_of, minlength=len(self.known)) > 0

    def encode_items(self, features: Tensor, categories: Tensor) -> ItemStates:
        """x (U, d)."""
        features = dropout(features, self.config.dropout, self.training)
        return ItemStates(self.embedding(features).to(self.masks.dtype), categories)

    def score(self, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """y, the mean distance with its sign turned: (B,)."""
        pairs = pairs_of(batch)
        return -mean_by(self.distances(states, pairs.left, pairs.right), pairs.outfit, len(batch))

    def mixtures(self, own: Tensor, other: Tensor) -> Tensor:
        """Σ_k w_k(u, v) m_k for categories u = `own`, v = `other` (P,): (P, d), which x ⊙ makes f of."""
        columns = self.hidden.weight.T.unflatten(0, (2, -1))  # (2, C, attention): A times a one-hot is a row of it
        columns = nn.functional.pad(columns, (0, 0, 0, 1)) * self.known[:, None]
        hidden = embedding(own, columns[0]) + embedding(other, columns[1]) + self.hidden.bias
        return self.choice(hidden.relu()).softmax(dim=1).to(self.masks.dtype) @ self.masks.relu()

    def distances(self, states: ItemStates, left: Tensor, right: Tensor) -> Tensor:
        """d_ij for pairs of rows of the states: (P,)."""
        if crowded(states.hidden, left):
            return self._distances_of_many(states, left, right)
        codes = states.categories[left], states.categories[right]
        first = embedding(left, states.hidden) * self.mixtures(*codes)
        second = embedding(right, states.hidden) * self.mixtures(*codes[::-1])
        if self.config.normalise:
            first, second = normalize(first, dim=1), normalize(second, dim=1)
        return torch.linalg.vector_norm(first - second, dim=1)

    def _distances_of_many(self, states: ItemStates, left: Tensor, right: Tensor) -> Tensor:
        """The same with f of each item beside each category computed once, and each w once: (P,)."""
        sides = sides_of(left, right, states.categories)
        count = len(self.known)
        codes, at = (states.categories[sides.item] * count + sides.other).unique(return_inverse=True)
        seen = embedding(sides.item, states.hidden) * embedding(at, self.mixtures(codes // count, codes % count))
        if self.config.normalise:
            seen = normalize(seen, dim=1)
        apart = embedding(sides.left, seen) - embedding(sides.right, seen)
        return torch.linalg.vector_norm(apart, dim=1)[sides.pair]

    def objective(self, right: Tensor, wrong: Tensor, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """The outfit ranking loss."""
        triplets = triplets_of(batch, len(right))
        near, far = (
            mean_by(self.distances(states, triplets.anchor, rows), triplets.corruption, wrong.numel()).view_as(wrong)
            for rows in (triplets.right, triplets.wrong)
        )  # (B, r)
        hardest = far.amin(dim=1) if self.config.negative == "min" else far.mean(dim=1)
        return (near[:, 0] - hardest + self.config.margin).clamp_min(0).mean()

    def penalty(self) -> Tensor:
        """Nothing is added."""
        return self.masks.new_zeros(())
