"""NGNN: a graph network over an outfit, with weights for each category.

Cui, Li, Wu, Zhang, Wang: "Dressing as a Whole: Outfit Compatibility Learning Based on Node-wise Graph Neural
Networks" (WWW 2019), and the program released with it. U distinct items, D feature dimensions, H hidden, C categories.

    h⁰_i = tanh(W_in^{c(i)} f_i)
    m_j = W_out^{c(j)} h_j,   a_i = W_inn^{c(i)} Σ_{j≠i} Ã_ij m_j               Ã: rows sum to 1 inside the outfit
    h_i ← GRU(a_i, h_i), T times, shared by all categories
    y = Σ_i σ(w_c · h_i) · LeakyReLU(w_s · h_i)
    L = −mean ln σ(y⁺ − y⁻), or −mean σ(y⁺ − y⁻) as released

Our reading: Ã is uniform (the edges 0 and 1 of the released program) or the counts of the paper, smoothed as in ADD
(3). A category that no training outfit has uses the mean of the weights of those that were learned.

Deviations: the nodes are the items, where the program has room for one item a category; the gates of the GRU have no
bias; images only, so the regulariser between modalities has no place.

Weights by category are one grouped matmul over rows sorted by category: no loop, and no (U, D, H) gather.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, leaky_relu

from goeswith.config import above_zero, at_least, at_most, below_one
from goeswith.data.devices import autocast
from goeswith.data.outfits import OutfitBatch
from goeswith.errors import ConfigError
from goeswith.models import ItemStates, TrainingData, Vocabulary
from goeswith.models.category_graph import category_graph
from goeswith.models.gather import chosen
from goeswith.models.kernels import GatedStep
from goeswith.models.losses import bpr, parameter_norm


@dataclass(frozen=True)
class NgnnConfig:
    """Settings of NGNN; the defaults are those of the released program, but for the loss.

    hidden: H, 16 or 64 in the program. steps: T, 1 in the program.
    edges: Ã; `smoothing` applies to ``counts``. loss: ``bpr`` as printed, ``sigmoid`` as released.
    weight_norm: weight of ‖Θ‖², printed in the paper, computed but not used by the program.
    dropout: dropout of the features in training; not in the paper, 0 by default.
    """

    hidden: int = 64
    steps: int = 1
    edges: Literal["uniform", "counts"] = "uniform"
    smoothing: float = 1.0
    loss: Literal["bpr", "sigmoid"] = "bpr"
    weight_norm: float = 0.0
    dropout: float = 0.0

    def __post_init__(self) -> None:
        at_least(self, 4, "hidden")
        at_least(self, 0, "steps", "weight_norm")
        at_most(self, 100, "steps")
        above_zero(self, "smoothing")
        below_one(self, "dropout")
        if self.hidden % 4:
            raise ConfigError(f"hidden is {self.hidden}; it must be a multiple of 4")
        if not hasattr(nn.functional, "grouped_mm"):
            raise ConfigError(f"ngnn needs the grouped matmul of torch 2.10 or newer, but this is {torch.__version__}")


def by_category(rows: Tensor, weight: Tensor, codes: Tensor, trained: Tensor) -> Tensor:
    """Each row times the weight of its category: (N, O).

    rows: (N, I). weight: (C, I, O). codes: (N,), C = unknown: those rows get the mean of the `trained` (C,) weights.
    """
    if torch.compiler.is_exporting():
        usual = torch.einsum("c,cio->io", (trained / trained.sum()).to(weight.dtype), weight)
        return chosen(rows, torch.cat([weight, usual[None]]), codes)
    order = codes.argsort()
    ends = torch.bincount(codes, minlength=len(weight) + 1).cumsum(0)[:-1]  # the unknown come last
    rows, count = rows.index_select(0, order), int(ends[-1])
    out = nn.functional.grouped_mm(rows[:count], weight, offs=ends.int())
    if count < len(rows):
        usual = (trained / trained.sum()).to(weight.dtype) @ weight.flatten(1)
        out = torch.cat([out, rows[count:] @ usual.view(weight.shape[1:])])
    return out.index_select(0, order.argsort())


class Ngnn(nn.Module):
    """Node-wise graph network.

    Args:
        config: see `NgnnConfig`.
        dim: D, the size of the features.
        vocabulary: the C categories, each with weights of its own.
    """

    graph: Tensor
    known: Tensor

    def __init__(self, config: NgnnConfig, dim: int, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.config = config
        count, h = len(vocabulary.categories), config.hidden
        self.register_buffer("known", torch.arange(count + 1) < count)
        self.register_buffer("graph", torch.full((count + 1, count + 1), 1 / max(count, 1)))
        # A grouped matmul reads rows of 16 bytes: the input is padded with zeros up to a multiple of four.
        self.padding = -dim % 4
        self.image = nn.Parameter(torch.randn(count, dim + self.padding, h) / dim**0.5)
        if config.steps:
            self.outward = nn.Parameter(torch.randn(count, h, h) / h**0.5)
            self.inward = nn.Parameter(torch.randn(count, h, h) / h**0.5)
            self.gates_in = nn.Parameter(torch.cat([nn.init.xavier_uniform_(torch.empty(h, h)) for _ in range(3)], 1))
            self.gates_state = nn.Parameter(torch.cat([nn.init.orthogonal_(torch.empty(h, h)) for _ in range(2)], 1))
            self.candidate_state = nn.Parameter(nn.init.orthogonal_(torch.empty(h, h)))
        self.heads = nn.Parameter(torch.randn(h, 2) / h**0.5)  # [w_c w_s]

    def observe(self, data: TrainingData) -> None:
        """Which categories training outfits have, and how often they meet."""
        held = data.categories[torch.from_numpy(data.train.items)]
        self.known &= torch.bincount(held, minlength=len(self.known)) > 0
        if self.config.edges == "counts":
            codes = data.categories.numpy()
            self.graph.copy_(category_graph(data.train, codes, len(self.graph) - 1, self.config.smoothing))

    def encode_items(self, features: Tensor, categories: Tensor) -> ItemStates:
        """h⁰ and, where there is a graph, its first message m, side by side: (U, H) or (U, 2H)."""
        codes = torch.where(self.known[categories], categories, len(self.image))
        features = dropout(features, self.config.dropout, self.training)
        features = nn.functional.pad(features, (0, self.padding))
        with autocast(features.device, False):  # bound by the memory of the weights, which it would copy
            hidden = self.weigh(features, self.image, codes).tanh()
            if self.config.steps:
                hidden = torch.cat([hidden, self.weigh(hidden, self.outward, codes)], dim=1)
        return ItemStates(hidden, codes)

    def weigh(self, rows: Tensor, weight: Tensor, codes: Tensor) -> Tensor:
        """Each row (N, I) times the weight (C, I, O) of its category: (N, O)."""
        return by_category(rows, weight, codes, self.known[:-1])

    def score(self, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """y for each outfit: (B,)."""
        with autocast(states.hidden.device, False):
            hidden = nn.functional.embedding(batch.items, states.hidden)
            if self.config.steps:
                hidden, message = hidden.chunk(2, dim=2)
                hidden = self.aggregate(hidden, message, states.categories[batch.items], batch.mask)
            attention, worth = (hidden @ self.heads).unbind(dim=2)
            return (attention.sigmoid() * leaky_relu(worth, 0.01) * batch.mask).sum(dim=1)

    def aggregate(self, hidden: Tensor, message: Tensor, codes: Tensor, mask: Tensor) -> Tensor:
        """T steps on hidden and its first message (B, n, H), codes and mask (B, n): (B, n, H)."""
        shape, flat = hidden.shape, codes.flatten()
        hidden = hidden.reshape(-1, shape[2])
        for step in range(self.config.steps):
            if step:
                message = self.weigh(hidden, self.outward, flat).view(shape)
            gathered = self.gather(message * mask[:, :, None], codes, mask).view(-1, shape[2])
            gathered = self.weigh(gathered, self.inward, flat)
            hidden = GatedStep.apply(hidden, gathered, self.gates_in, self.gates_state, self.candidate_state)
        return hidden.view(shape)

    def gather(self, message: Tensor, codes: Tensor, mask: Tensor) -> Tensor:
        """Σ_{j≠i} Ã_ij m_j for messages (B, n, H), zero where padded."""
        if self.config.edges == "uniform":  # the sum over all but one needs no (n, n) edges
            others = (mask.sum(dim=1) - 1).clamp_min(1)[:, None, None]
            return (message.sum(dim=1, keepdim=True) - message) / others
        weights = self.graph[codes[:, :, None], codes[:, None, :]] * mask[:, None, :]
        weights = weights * ~torch.eye(codes.shape[1], dtype=torch.bool, device=codes.device)
        return (weights / weights.sum(dim=2, keepdim=True).clamp_min(1e-12)) @ message

    def objective(self, right: Tensor, wrong: Tensor, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """L, mean over all corruptions."""
        if self.config.loss == "sigmoid":
            return -(right[:, None] - wrong).sigmoid().mean()
        return bpr(right, wrong)

    def penalty(self) -> Tensor:
        """`weight_norm` ‖Θ‖²."""
        if not self.config.weight_norm:
            return self.heads.new_zeros(())
        return self.config.weight_norm * parameter_norm(self.parameters(), squared=True)
