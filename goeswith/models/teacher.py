"""The teacher of ADD-GNN: tops and bottoms put together by designers, no graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from goeswith.config import at_least, below_one
from goeswith.data.catalogue import GROUPS
from goeswith.data.outfits import OutfitBatch
from goeswith.models import ItemStates, TrainingData, Vocabulary
from goeswith.models.add_gnn import AttributeMasks
from goeswith.models.losses import bpr, mask_penalty, parameter_norm

TRAINING = {"negatives": "group"}
"""Settings of the loop: a pair is to be separated from "another top or bottom"."""


@dataclass(frozen=True)
class TeacherConfig:
    """Settings of the teacher; K and the activation must equal the student's.

    rank: W'_k = W_0ᵀ V_k W_0 with W_0 (rank, D) shared by the attributes; it has the form of the
    student's scorer, which can be initialised from it. 0 uses the literal W'_k of (10), (D, D) each.
    mask_weight, weight_norm: as λ1 and λ3 of (12).
    shuffled: control, learn from tops and bottoms matched at random.
    """

    attributes: int = 4
    rank: int = 256
    activation: Literal["relu", "logistic", "tanh"] = "relu"
    mask_loss: Literal["literal", "mean"] = "literal"
    mask_weight: float = 1e-3
    weight_norm: float = 1e-3
    squared_norm: bool = False
    dropout: float = 0.0
    shuffled: bool = False

    def __post_init__(self) -> None:
        at_least(self, 1, "attributes")
        at_least(self, 0, "rank", "mask_weight", "weight_norm")
        below_one(self, "dropout")


def sides(vocabulary: Vocabulary) -> Tensor:
    """(C + 1 + G,) by category code: 0 = top, 1 = bottom, 2 = neither or unknown; see `Vocabulary.codes`."""
    return torch.tensor([{"top": 0, "bottom": 1}.get(group, 2) for group in (*vocabulary.groups, "other", *GROUPS)])


class Teacher(nn.Module):
    """y = Σ_k m_topᵏᵀ W'_k m_bottomᵏ, ADD (10).

    Args:
        config: see `TeacherConfig`.
        dim: D, the size of the features.
        vocabulary: the categories; their groups tell tops from bottoms.
    """

    by_group = True
    side: Tensor

    def __init__(self, config: TeacherConfig, dim: int, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.config = config
        k = config.attributes
        self.attributes = AttributeMasks(dim, k, config.rank or 1, config.activation)
        if config.rank:
            self.pair = nn.Parameter(torch.randn(k, config.rank, config.rank) / config.rank)
        else:
            self.pair = nn.Parameter(torch.randn(k, dim, dim) / dim)
            self.attributes.weight.requires_grad_(False)
        self.register_buffer("side", sides(vocabulary), persistent=False)

    def observe(self, data: TrainingData) -> None:
        """Nothing is counted: the teacher has no graph."""

    def encode_items(self, features: Tensor, categories: Tensor) -> ItemStates:
        """W_0 m_k (U, K, rank), or m_k itself (U, K, D) where W'_k is literal."""
        if self.training and self.config.dropout:
            features = nn.functional.dropout(features, self.config.dropout)
        projected = self.attributes(features) if self.config.rank else self.attributes.masked(features)
        return ItemStates(projected, categories)

    def score(self, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """Mean of (10) over the outfit's pairs of a top and a bottom: (B,); NaN where it has none."""
        return self.score_sides(states.hidden, self.side[states.categories], batch)

    def score_sides(self, hidden: Tensor, side: Tensor, batch: OutfitBatch) -> Tensor:
        """`score` for items of another catalogue: hidden (U, K, H), side (U,) 0 = top, 1 = bottom, 2 = neither."""
        sides, hidden = side[batch.items], hidden[batch.items]  # (B, n), (B, n, K, H)
        top = ((sides == 0) & batch.mask)[:, :, None, None]
        bottom = ((sides == 1) & batch.mask)[:, :, None, None]
        # The sum over all pairs is bilinear, so it is one form of the two sums.
        tops, bottoms = (hidden * top).sum(dim=1), (hidden * bottom).sum(dim=1)  # (B, K, H)
        left = (tops.transpose(0, 1) @ self.pair).transpose(0, 1)
        pairs = (top.sum(dim=1) * bottom.sum(dim=1))[:, 0, 0]
        total = (left * bottoms).sum(dim=(1, 2), dtype=torch.float32)
        return torch.where(pairs > 0, total / pairs.clamp_min(1), torch.nan)

    def objective(self, right: Tensor, wrong: Tensor, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """L_BPR of (9)."""
        return bpr(right, wrong)

    def penalty(self) -> Tensor:
        """λ1 L_M + λ3 ‖Θ‖."""
        config = self.config
        penalty = config.mask_weight * mask_penalty(self.attributes.masks, config.mask_loss)
        if config.weight_norm:
            trained = [p for p in self.parameters() if p.requires_grad]
            penalty = penalty + config.weight_norm * parameter_norm(trained, config.squared_norm)
        return penalty
