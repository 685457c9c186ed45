"""ADD-GNN: attribute masks and a gated graph network over an outfit.

Chen, Wu, Shen, Jia: "Learning from Designers: Fashion Compatibility Analysis via Dataset Distillation".
Equation numbers are the paper's. U distinct items, D feature dimensions, K attributes, H hidden,
B outfits of at most n items.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from goeswith.config import above_zero, at_least, at_most, below_one
from goeswith.data.outfits import OutfitBatch
from goeswith.errors import ConfigError
from goeswith.models import ItemStates, TrainingData, Vocabulary
from goeswith.models.category_graph import category_graph
from goeswith.models.first_order import expand
from goeswith.models.kernels import GatedStep
from goeswith.models.losses import bpr, mask_penalty, parameter_norm


@dataclass(frozen=True)
class AddGnnConfig:
    """Settings of ADD-GNN; the defaults are the paper's where it gives them.

    attributes: K. hidden: H. steps: T; 0 scores from h⁰, "without graph".
    activation: activation of the masks (1). state_activation: σ of (4), which the paper does not name.
    mask_loss: (2) as printed or its mean. pair: form of W_k in (7).
    rank: rank of W_k if `pair` is ``low-rank``. smoothing: s of (3). edges: ``counts`` (3) or ``uniform``.
    self_loop: an item among its own neighbours, as the sum of (5) over the outfit has it literally.
    nodes: of an outfit's graph, its ``items``, or its ``categories`` as in the paper's Definition 2: items of one
    category share a node, whose state is the mean of theirs.
    reduction: of the loss (9) over a batch; with ``sum`` the penalties of (12) weigh less.
    mask_weight, weight_norm: λ1 and λ3 of (12); `squared_norm` uses ‖Θ‖² instead of ‖Θ‖.
    dropout: dropout of the features in training; not in the paper, 0 by default.
    start: of W_k, ``random`` (the paper says nothing of it) or the ``identity``, with which an untrained model prefers
    similar items. normalise: h⁰ of an item has norm 1, not in the paper; with the identity the untrained score
    without graph is the mean cosine of the items' masked features.
    """

    attributes: int = 4
    hidden: int = 256
    steps: int = 2
    activation: Literal["relu", "logistic", "tanh"] = "relu"
    state_activation: Literal["tanh", "logistic", "relu"] = "tanh"
    mask_loss: Literal["literal", "mean"] = "literal"
    mask_weight: float = 1e-3
    weight_norm: float = 1e-3
    squared_norm: bool = False
    pair: Literal["full", "symmetric", "diagonal", "low-rank"] = "full"
    rank: int = 32
    smoothing: float = 1.0
    edges: Literal["counts", "uniform"] = "counts"
    self_loop: bool = False
    nodes: Literal["items", "categories"] = "items"
    reduction: Literal["mean", "sum"] = "mean"
    dropout: float = 0.0
    start: Literal["random", "identity"] = "random"
    normalise: bool = False

    def __post_init__(self) -> None:
        at_least(self, 1, "attributes", "hidden", "rank")
        if self.start == "identity" and self.pair == "low-rank":
            raise ConfigError("start=identity is for pair=full, symmetric or diagonal: no low-rank W_k is the identity")
        at_least(self, 0, "steps", "mask_weight", "weight_norm")
        at_most(self, 100, "steps")
        above_zero(self, "smoothing")
        below_one(self, "dropout")


ACTIVATIONS = {"relu": torch.relu, "logistic": torch.sigmoid, "tanh": torch.tanh}


class AttributeMasks(nn.Module):
    """Masks (1) and the first projection (4) in one: items to (U, K, H) without a (U, K, D) tensor.

    With act = ReLU, relu(M^k ⊙ f) = f⁺ ⊙ relu(M^k) + f⁻ ⊙ relu(−M^k), so W_0 m_k = (W_0 ⊙ relu(M^k)) f⁺ +
    (W_0 ⊙ relu(−M^k)) f⁻: all K attributes are one matmul (U, D) × (D, K·H), and the second is over the dimensions
    that are negative anywhere: none of a CNN's features (f ≥ 0), nor of hashed words.
    """

    def __init__(self, dim: int, attributes: int, hidden: int, activation: str = "relu") -> None:
        super().__init__()
        self.activation = activation
        # Mean 1 keeps the scale of the features, and no entry is dead under ReLU at the start.
        self.masks = nn.Parameter(torch.empty(dim, attributes).uniform_(0, 2))
        self.weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(hidden, dim)))

    def masked(self, features: Tensor) -> Tensor:
        """m of (1) as printed: (U, K, D). For the activations that do not fold, and for explanations."""
        shifted = features[:, None, :] * self.masks.T
        return ACTIVATIONS[self.activation](shifted)

    def forward(self, features: Tensor) -> Tensor:
        """W_0 m_ik for features (U, D): (U, K, H)."""
        hidden, dim = self.weight.shape
        if self.activation != "relu":
            return self.masked(features) @ self.weight.T
        folded = (self.weight * self.masks.relu().T.contiguous()[:, None, :]).reshape(-1, dim)  # (K·H, D)
        out = features.clamp_min(0) @ folded.T
        signed: Tensor | slice = slice(None)
        if not torch.compiler.is_exporting():  # a graph cannot look at its features
            negative = (features < 0).any(dim=0)
            if not bool(negative.any()):
                return out.view(len(features), -1, hidden)
            signed = signed if bool(negative.all()) else negative
        flipped = (-self.masks[signed]).relu().T.contiguous()[:, None, :]
        folded = (self.weight[:, signed] * flipped).flatten(0, 1)
        out = out - features[:, signed].clamp_max(0) @ folded.T
        return out.view(len(features), -1, hidden)


class AddGnn(nn.Module):
    """The student of ADD-GNN.

    Args:
        config: see `AddGnnConfig`.
        dim: D, the size of the features.
        vocabulary: the C categories of the graph; its edges are uniform until `observe` has counted them.
    """

    graph: Tensor

    def __init__(self, config: AddGnnConfig, dim: int, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.config = config
        k, h = config.attributes, config.hidden
        self.attributes = AttributeMasks(dim, k, h, config.activation)
        self.bias = nn.Parameter(torch.zeros(h))
        nodes = len(vocabulary.categories) + 1  # the last stands for categories never seen in training
        self.register_buffer("graph", torch.full((nodes, nodes), 1 / max(nodes - 1, 1)))
        if config.steps:
            # [W_z W_r W_h] and [U_z U_r] of (6) side by side: two matmuls a step, and U apart.
            self.gates_in = nn.Parameter(torch.cat([nn.init.xavier_uniform_(torch.empty(h, h)) for _ in range(3)], 1))
            self.gates_state = nn.Parameter(torch.cat([nn.init.orthogonal_(torch.empty(h, h)) for _ in range(2)], 1))
            self.candidate_state = nn.Parameter(nn.init.orthogonal_(torch.empty(h, h)))
        if config.pair == "diagonal":
            self.pair = nn.Parameter(torch.randn(k, h) / h)
        elif config.pair == "low-rank":
            self.pair = nn.Parameter(torch.randn(2, k, h, config.rank) / (h * config.rank) ** 0.5)
        else:
            self.pair = nn.Parameter(torch.randn(k, h, h) / h)
        if config.start == "identity":
            with torch.no_grad():
                self.pair.copy_(torch.ones(h) if config.pair == "diagonal" else torch.eye(h))

    def observe(self, data: TrainingData) -> None:
        """Count the edges (3) on training outfits."""
        if self.config.edges == "counts":
            codes = data.categories.numpy()
            self.graph.copy_(category_graph(data.train, codes, len(self.graph) - 1, self.config.smoothing))

    def encode_items(self, features: Tensor, categories: Tensor) -> ItemStates:
        """h⁰ = σ(W_0 m + b_0), (4), for features (U, D) and categories (U,)."""
        if self.training and self.config.dropout:
            features = nn.functional.dropout(features, self.config.dropout)
        projected = self.attributes(features)
        hidden = ACTIVATIONS[self.config.state_activation](projected + self.bias.to(projected.dtype))
        if self.config.normalise:
            hidden = hidden / torch.linalg.vector_norm(hidden, dim=(1, 2), keepdim=True).clamp_min(1e-12)
        return ItemStates(hidden, categories)

    def score(self, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """y of (8) for each outfit: (B,)."""
        mask = batch.mask[:, :, None, None].to(states.hidden.dtype)
        if not self.config.steps and self.config.nodes == "items":
            # Without the graph W_k h is a matter of the item alone: once per distinct item.
            message = self.bilinear(states.hidden)
            return self.mean_of_pairs(states.hidden[batch.items] * mask, message[batch.items], batch.mask)
        hidden, real = self.nodes_of(states, batch)
        return self.mean_of_pairs(hidden, self.bilinear(hidden), real)

    def nodes_of(self, states: ItemStates, batch: OutfitBatch) -> tuple[Tensor, Tensor]:
        """The nodes of outfits after aggregation, zero where there is none: (B, n, K, H), and where they are: (B, n).

        Where nodes are categories, each takes the position of the first of its items.
        """
        hidden, real = states.hidden[batch.items], batch.mask
        if self.config.nodes == "categories":
            same = self.same_category(states.categories, batch)
            real = real & (same.float().argmax(dim=2) == torch.arange(same.shape[1], device=same.device))
            share = (same / same.sum(dim=2, keepdim=True).clamp_min(1)).to(hidden.dtype)
            hidden = torch.einsum("bij,bjkh->bikh", share, hidden)
        if self.config.steps:
            hidden = self.aggregate(hidden, self.edges(states.categories, OutfitBatch(batch.items, real)))
        return hidden * real[:, :, None, None].to(hidden.dtype), real

    @staticmethod
    def same_category(categories: Tensor, batch: OutfitBatch) -> Tensor:
        """(B, n, n) bool: which items of an outfit share a category; none with padding."""
        codes = categories[batch.items]
        return (codes[:, :, None] == codes[:, None, :]) & batch.mask[:, :, None] & batch.mask[:, None, :]

    def edges(self, categories: Tensor, batch: OutfitBatch) -> Tensor:
        """Ã: (B, n, n) weights of (3) looked up by category, each row normalised inside its outfit."""
        codes = categories[batch.items]
        weights = self.graph[codes[:, :, None], codes[:, None, :]] * batch.mask[:, None, :]
        if not self.config.self_loop:
            weights = weights * ~torch.eye(codes.shape[1], dtype=torch.bool, device=codes.device)
        return weights / weights.sum(dim=2, keepdim=True).clamp_min(1e-12)

    def aggregate(self, hidden: Tensor, edges: Tensor) -> Tensor:
        """T steps of (5) and (6) on (B, n, K, H)."""
        b, n, k, h = hidden.shape
        kind = hidden.dtype  # under autocast the states are bfloat16, and so is all that meets them
        edges, weights = edges.to(kind), [w.to(kind) for w in (self.gates_in, self.gates_state, self.candidate_state)]
        for _ in range(self.config.steps):
            gathered = (edges @ hidden.reshape(b, n, k * h)).reshape(-1, h)  # (5)
            hidden = GatedStep.apply(hidden.reshape(-1, h), gathered, *weights).view(b, n, k, h)  # (6)
        return hidden

    def bilinear(self, hidden: Tensor, turned: bool = False) -> Tensor:
        """W_kᵀ h_k for (..., K, H): what (7) multiplies with the other item's h_k; W_k h_k where it is `turned`."""
        weight: Tensor = self.pair
        lead = hidden.shape[:-2]
        if turned:
            weight = {"full": weight.mT, "low-rank": weight.flip(0)}.get(self.config.pair, weight)
        if self.config.pair == "diagonal":
            return hidden * weight
        by_attribute = hidden.reshape(-1, *hidden.shape[-2:]).transpose(0, 1)  # (K, rows, H)
        if self.config.pair == "low-rank":
            out = by_attribute @ weight[0] @ weight[1].transpose(1, 2)
        elif self.config.pair == "symmetric":
            out = by_attribute @ ((weight + weight.transpose(1, 2)) / 2)
        else:
            out = by_attribute @ weight
        return out.transpose(0, 1).reshape(*lead, *hidden.shape[-2:])

    @staticmethod
    def mean_of_pairs(hidden: Tensor, message: Tensor, mask: Tensor) -> Tensor:
        """Mean over ordered pairs i ≠ j of message_i · hidden_j, (7) and (8): (B,).

        Σ_{i≠j} q_i · h_j = Σ_i q_i · (S − h_i) with S = Σ_j h_j, so no (n, n) tensor of pairs is made.
        hidden: (B, n, K, H), zero where padded. message: the same shape. mask: (B, n).
        """
        others = hidden.sum(dim=1, keepdim=True) - hidden
        size = mask.sum(dim=1)
        exact = torch.promote_types(hidden.dtype, torch.float32)  # bfloat16 would round the score itself
        total = ((message * others).sum(dim=(2, 3), dtype=exact) * mask).sum(dim=1)
        return total / (size * (size - 1)).clamp_min(1)

    def pair_scores(self, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """P(i, j) of (7): (B, n, n), whose mean over ordered pairs of items is y; the diagonal and padding are 0.

        For explanations. Where nodes are categories their pairs are shared among their items.
        """
        hidden, real = self.nodes_of(states, batch)
        scores = torch.einsum("bikh,bjkh->bij", self.bilinear(hidden), hidden)
        both = real[:, :, None] & real[:, None, :]
        scores = scores * (both & ~torch.eye(both.shape[1], dtype=torch.bool, device=both.device))
        if self.config.nodes == "items":
            return scores
        same = self.same_category(states.categories, batch)
        share = same.to(hidden.dtype) / same.sum(dim=2, keepdim=True).clamp_min(1)
        count, nodes = (x.sum(dim=1)[:, None, None] for x in (batch.mask, real))
        return share.mT @ scores @ share * count * (count - 1) / (nodes * (nodes - 1)).clamp_min(1)

    def keys(self, states: ItemStates) -> Tensor:
        """What a first stage searches: h⁰ (U, K·H)."""
        return states.hidden.flatten(1)

    @property
    def exact(self) -> bool:
        """Whether candidates for a gap can be scored by inner products: without the graph, where y is linear in h⁰."""
        return not self.config.steps and self.config.nodes == "items"

    linear = exact

    def gaps(self, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """(B, n, K·H): for each item of each outfit what its gap asks for, without the graph.

        Its inner product with the item's key is the mean of P(i, j) and P(j, i) over the others j; y is the mean of
        those over the items.
        """
        both = (self.bilinear(states.hidden) + self.bilinear(states.hidden, turned=True)).flatten(1) / 2
        mask = batch.mask[:, :, None]
        messages = nn.functional.embedding(batch.items, both) * mask
        return (messages.sum(dim=1, keepdim=True) - messages) / (mask.sum(dim=1, keepdim=True) - 1).clamp_min(1)

    def query(self, states: ItemStates, items: Tensor, typical: ItemStates) -> tuple[Tensor, Tensor]:
        """Vectors (B, K·H) and offsets (B,): y ≈ query · key + offset for a candidate beside partial outfits (B, n).

        Without the graph this is y itself, which is linear in the candidate's h⁰; with it, y to first order around the
        typical candidate (B, K, H) of the wanted category. See `goeswith.models.first_order.expand`.
        """
        return expand(self.score, states, items, typical)

    def objective(self, right: Tensor, wrong: Tensor, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """L_BPR of (9)."""
        return bpr(right, wrong, self.config.reduction)

    def penalty(self) -> Tensor:
        """λ1 L_M + λ3 ‖Θ‖ of (12)."""
        config = self.config
        penalty = config.mask_weight * mask_penalty(self.attributes.masks, config.mask_loss)
        if config.weight_norm:
            penalty = penalty + config.weight_norm * parameter_norm(self.parameters(), config.squared_norm)
        return penalty
