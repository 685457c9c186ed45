"""AKD-DBPR's student: tops and bottoms in one space, compatible when their codes agree.

Song, Feng, Han, Yang, Liu, Nie: "Neural Compatibility Modeling with Attentive Knowledge Distillation" (SIGIR 2018).
Trained alone this is DBPR; the rules that teach it are `goeswith.train.rule_teacher`. U distinct items, D feature
dimensions, H hidden, B outfits of at most n items, S sides.

    z_i = s(W_t x_i + b_t),  z_j = s(W_b x_j + b_b),  m_ij = z_i · z_j

The paper's two branches W_v v + W_c c, pictures and words, are one product with [v; c], features of two encoders side
by side (``--encoder efficientnet-lite0+minilm``); either may be absent.

Beyond pairs (ours, the paper has none): an outfit's score is the mean of m over its pairs of a top and a bottom
(``sides=roles``), NaN where it has none; or over all its pairs, with a projection for each group of items
(``sides=groups``). For an outfit of one top and one bottom both are m_ij.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from goeswith.config import at_least, below_one
from goeswith.data.catalogue import GROUPS
from goeswith.data.encoders.networks import word_vectors
from goeswith.data.outfits import OutfitBatch
from goeswith.data.pairs import RULE_BOTTOM, RULE_TOP
from goeswith.data.text import LENGTH
from goeswith.errors import ConfigError
from goeswith.models import ItemStates, TrainingData, Vocabulary
from goeswith.models.gather import chosen
from goeswith.models.losses import bpr
from goeswith.models.textcnn import TextCnn


@dataclass(frozen=True)
class AkdDbprConfig:
    """Settings of the student; the defaults are the paper's where it gives them.

    hidden: size of z. activation: s; the released program uses the hard sigmoid. z must not be negative, since
    the teacher's p is a ratio of sums.
    sides: one projection for each role (top, bottom) or for each group.
    text: ``cnn`` reads the last features as the word pieces of a title (``--encoder ...+minilm-tokens``) and learns a
    TextCNN over their frozen vectors; ``frozen`` uses all features as they are.
    scaling: scaling of the features, ``minmax`` per dimension, fitted on training items only.
    reduction: of the loss over a batch, and of what rules add to it.
    dropout: dropout of the features in training, not in the paper. λ‖Θ‖² is the optimiser's ``weight_decay=2λ``:
    equal under SGD, and without another pass over the weights.
    """

    hidden: int = 1024
    activation: Literal["sigmoid", "hard-sigmoid"] = "sigmoid"
    sides: Literal["roles", "groups"] = "roles"
    text: Literal["frozen", "cnn"] = "frozen"
    scaling: Literal["minmax", "none"] = "minmax"
    reduction: Literal["mean", "sum"] = "mean"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        at_least(self, 1, "hidden")
        below_one(self, "dropout")


class AkdDbpr(nn.Module):
    """The student p of AKD-DBPR.

    Args:
        config: see `AkdDbprConfig`.
        dim: D, the size of the features.
        vocabulary: the categories; their groups tell the sides.
    """

    by_group = True
    side: Tensor
    low: Tensor
    span: Tensor

    def __init__(self, config: AkdDbprConfig, dim: int, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.config = config
        # Behind them: a category never seen in training, of no known group and of each.
        groups = [*vocabulary.groups, "other", *GROUPS]
        if config.sides == "roles":
            sides = [0 if group in RULE_TOP else 1 if group in RULE_BOTTOM else 2 for group in groups]
        else:
            sides = [GROUPS.index(group) for group in groups]
        self.register_buffer("side", torch.tensor(sides), persistent=False)
        self.text: TextCnn | None = None
        if config.text == "cnn":
            if dim < LENGTH:
                raise ConfigError(
                    f"text=cnn needs the features of minilm-tokens ({LENGTH} of them), not {dim} features"
                )
            self.text = TextCnn(word_vectors())
            dim -= LENGTH
        self.frozen = dim
        size = dim + (self.text.dim if self.text else 0)
        count = 2 if config.sides == "roles" else len(GROUPS)
        self.weight = nn.Parameter(
            torch.stack([nn.init.xavier_uniform_(torch.empty(config.hidden, size)) for _ in range(count)])
        )
        self.bias = nn.Parameter(torch.zeros(count, config.hidden))
        self.register_buffer("low", torch.zeros(dim))
        self.register_buffer("span", torch.ones(dim))

    def observe(self, data: TrainingData) -> None:
        """Take the range of each feature over the training items; one that never varies is left as it is."""
        if self.config.scaling == "minmax":
            least, greatest = data.ranges(torch.from_numpy(data.train.items).unique())
            self.low.copy_(least[: self.frozen])
            span = greatest[: self.frozen] - self.low
            self.span.copy_(torch.where(span > 0, span, torch.ones_like(span)))

    def encode_items(self, features: Tensor, categories: Tensor) -> ItemStates:
        """z (U, H) of features (U, D), each item by the projection of its side; 0 for an item of neither side."""
        scaled = (features[:, : self.frozen] - self.low) / self.span
        if self.text is not None:
            scaled = torch.cat([scaled, self.text(features[:, self.frozen :])], dim=1)
        if self.training and self.config.dropout:
            scaled = nn.functional.dropout(scaled, self.config.dropout)
        side = self.side[categories]
        act = torch.sigmoid if self.config.activation == "sigmoid" else nn.functional.hardsigmoid
        if torch.compiler.is_exporting():
            known_rows = side.clamp_max(len(self.weight) - 1)
            coded = act(chosen(scaled, self.weight.mT, known_rows) + self.bias[known_rows])
            return ItemStates(coded * (side < len(self.weight))[:, None], categories)
        order = side.argsort(stable=True)
        parts = scaled[order].split(side.bincount(minlength=3).tolist())
        # One matmul a side: there are two, or eight, whatever the items are.
        weights, biases = self.weight.unbind(), self.bias.unbind()
        projected = [nn.functional.linear(part, w, b) for part, w, b in zip(parts, weights, biases, strict=False)]
        coded = act(torch.cat(projected))
        states = torch.cat([coded, coded.new_zeros(len(order) - len(coded), coded.shape[1])])
        return ItemStates(states[order.argsort()], categories)

    def score(self, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """Mean of m_ij over an outfit's pairs: (B,); NaN where it has none."""
        codes = states.hidden[batch.items] * batch.mask[:, :, None]  # (B, n, H)
        if self.config.sides == "groups":
            size = batch.mask.sum(dim=1)
            total, pairs = _total(codes), size * (size - 1)
        else:
            sums, counts = self._of_sides(codes, self.side[states.categories[batch.items]], batch.mask)
            total, pairs = (sums[0] * sums[1]).sum(dim=1), counts[0] * counts[1]
        return torch.where(pairs > 0, total / pairs.clamp_min(1), torch.nan)

    @staticmethod
    def _of_sides(codes: Tensor, side: Tensor, mask: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Sums (B, H) of the codes (B, n, H) of tops and of bottoms, and how many there are (B,)."""
        sides = [(side == which) & mask for which in (0, 1)]
        return [(codes * here[:, :, None]).sum(dim=1).float() for here in sides], [here.sum(dim=1) for here in sides]

    linear = True
    """y is linear in the z of each item."""

    def keys(self, states: ItemStates) -> Tensor:
        """What a first stage searches: z (U, H)."""
        return states.hidden

    def query(self, states: ItemStates, items: Tensor, typical: ItemStates) -> tuple[Tensor, Tensor]:
        """Vectors (B, H) and offsets (B,) with y = query · key + offset for a candidate beside partial outfits (B, n).

        typical: hidden (B, H), one of the wanted category for each, of which only the category matters.
        """
        codes = states.hidden[items]
        if self.config.sides == "groups":
            pairs = torch.full((len(items),), items.shape[1] * (items.shape[1] + 1), device=items.device)
            slope, total = 2 * codes.sum(dim=1).float(), _total(codes)
        else:
            sums, counts = self._of_sides(codes, self.side[states.categories[items]], torch.ones_like(items).bool())
            top, bottom = (self.side[typical.categories] == which for which in (0, 1))
            pairs = (counts[0] + top) * (counts[1] + bottom)
            slope, total = sums[1] * top[:, None] + sums[0] * bottom[:, None], (sums[0] * sums[1]).sum(dim=1)
        return slope / pairs.clamp_min(1)[:, None], torch.where(pairs > 0, total / pairs.clamp_min(1), torch.nan)

    def objective(self, right: Tensor, wrong: Tensor, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """−ln σ(m_ij − m_ik)."""
        return bpr(right, wrong, self.config.reduction)

    def penalty(self) -> Tensor:
        """0: see `AkdDbprConfig` for λ‖Θ‖²."""
        return self.weight.new_zeros(())


def _total(codes: Tensor) -> Tensor:
    """Σ_{i≠j} z_i · z_j = ‖Σ z‖² − Σ ‖z‖² (B,) of codes (B, n, H)."""
    return codes.sum(dim=1).float().square().sum(dim=1) - codes.float().square().sum(dim=(1, 2))
