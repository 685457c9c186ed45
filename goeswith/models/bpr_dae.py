"""BPR-DAE: an autoencoder for each kind of item, whose codes are close where the items go together.

Song, Feng, Liu, Li, Nie, Ma: "NeuroStylist: Neural Compatibility Modeling for Clothing Matching", ACM Multimedia 2017.
U distinct items, D feature dimensions, H hidden, G groups, B outfits of at most n items.

A top and a bottom have an encoder and a decoder each, z = σ(W x + b) and x̂ = σ(W' z + b'), and go together by
m = z_top · z_bottom. The loss is L_BPR + μ L_rec, with L_rec = ½ ‖x̂ − x‖² of the items of the step. λ/2 ‖Θ‖² of the
paper is `weight_decay` of training, which with RMSprop is the same.

Our reading. An outfit is more than a top and a bottom: there is one autoencoder a group, and the score is the
mean of m over all pairs of its items, of one group or two, so that each outfit of two items has one. Tops
and bottoms alone are the paper. An item of an unknown category goes through the mean of all encoders. σ(...) can
only rebuild numbers in [0, 1]: each dimension is scaled by its least and greatest value over the items of training
outfits, and cut there for others.

Deviations. The paper has an autoencoder for pictures and one for words, whose codes it ties together (L_mod); here an
item is one vector of frozen features, with one code. L_rec is divided by D, so that μ is the same for all encoders.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from goeswith.config import at_least, below_one
from goeswith.data.outfits import OutfitBatch
from goeswith.models import ItemStates, TrainingData, Vocabulary
from goeswith.models.first_order import expand
from goeswith.models.gather import chosen
from goeswith.models.losses import bpr


@dataclass(frozen=True)
class BprDaeConfig:
    """Settings of BPR-DAE; the paper chooses its own by search and does not print one set.

    hidden: H. reconstruction_weight: μ.
    dropout: dropout of the features before the encoder; x̂ is still compared with all of them. Not in the paper.
    """

    hidden: int = 512
    reconstruction_weight: float = 1.0
    dropout: float = 0.0

    def __post_init__(self) -> None:
        at_least(self, 1, "hidden")
        at_least(self, 0, "reconstruction_weight")
        below_one(self, "dropout")


class BprDae(nn.Module):
    """See the module.

    Args:
        config: see `BprDaeConfig`.
        dim: D, the size of the features.
        vocabulary: the categories; their groups choose the autoencoder of an item.
    """

    group: Tensor
    least: Tensor
    spread: Tensor

    def __init__(self, config: BprDaeConfig, dim: int, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.config = config
        names, h = sorted(set(vocabulary.groups)), config.hidden
        codes = [names.index(group) for group in vocabulary.groups]
        self.register_buffer("group", torch.tensor([*codes, len(names)]), persistent=False)  # (C + 1,)
        self.register_buffer("least", torch.zeros(dim))
        self.register_buffer("spread", torch.ones(dim))
        self.encoder = nn.Parameter(_uniform(len(names), dim, h))
        self.encoder_bias = nn.Parameter(torch.zeros(len(names), h))
        self.decoder = nn.Parameter(_uniform(len(names), h, dim))
        self.decoder_bias = nn.Parameter(torch.zeros(len(names), dim))

    def observe(self, data: TrainingData) -> None:
        """Take the range of each dimension over the items of training outfits; one without any is left as it is."""
        least, greatest = data.ranges(torch.from_numpy(np.unique(data.train.items)))
        self.least.copy_(least)
        self.spread.copy_(torch.where(greatest > least, greatest - least, 1.0))

    def encode_items(self, features: Tensor, categories: Tensor) -> ItemStates:
        """Codes z (U, H), from features (U, D) and categories (U,); in training ½ ‖x̂ − x‖² / D as column H + 1."""
        scaled = ((features - self.least) / self.spread).clamp(0, 1)
        group = self.group[categories]
        seen = F.dropout(scaled, self.config.dropout, self.training)
        codes = by_group(seen, group, self.encoder, self.encoder_bias).sigmoid()
        if not self.training:
            return ItemStates(codes, categories)
        rebuilt = by_group(codes, group, self.decoder, self.decoder_bias).sigmoid()
        error = (rebuilt - scaled).square().mean(dim=1, keepdim=True) / 2
        return ItemStates(torch.cat([codes, error], dim=1), categories)

    def score(self, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """Mean of m over the outfit's pairs of items: (B,).

        Σ_{i≠j} z_i · z_j = ‖Σ_i z_i‖² − Σ_i ‖z_i‖², so no pair is formed.
        """
        codes = states.hidden[:, : self.config.hidden]
        codes = codes.to(torch.promote_types(codes.dtype, torch.float32))  # bfloat16 would round the score itself
        own = codes.square().sum(dim=1)  # (U,)
        complete = (codes[batch.items] * batch.mask[:, :, None]).sum(dim=1)  # (B, H)
        size = batch.mask.sum(dim=1)
        total = complete.square().sum(dim=1) - (own[batch.items] * batch.mask).sum(dim=1)
        return total / (size * (size - 1)).clamp_min(1)

    linear = True
    """y is linear in the z of each item."""

    def keys(self, states: ItemStates) -> Tensor:
        """What a first stage searches: z (U, H)."""
        return states.hidden

    def query(self, states: ItemStates, items: Tensor, typical: ItemStates) -> tuple[Tensor, Tensor]:
        """Vectors (B, H) and offsets (B,) with y = query · key + offset for a candidate beside partial outfits (B, n).

        typical: hidden (B, H), one of the wanted category for each.
        """
        return expand(self.score, states, items, typical)

    def objective(self, right: Tensor, wrong: Tensor, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """L_BPR + μ L_rec over the distinct items of the step."""
        return bpr(right, wrong) + self.config.reconstruction_weight * states.hidden[:, self.config.hidden :].mean()

    def penalty(self) -> Tensor:
        """None."""
        return torch.zeros(())


def by_group(inputs: Tensor, group: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Inputs (U, I), each through the linear map of its own group: (U, O).

    group: (U,), G where it is unknown, which is the mean of all maps. weight: (G, I, O). bias: (G, O).
    Items are sorted by group, so that each group is one matmul: at most eight, whatever the number of items.
    """
    if torch.compiler.is_exporting():
        weight, bias = (torch.cat([each, each.mean(dim=0, keepdim=True)]) for each in (weight, bias))
        return chosen(inputs, weight, group) + bias[group]
    order = group.argsort(stable=True)
    *blocks, unknown = inputs[order].split(group.bincount(minlength=len(weight) + 1).tolist())
    parts = [torch.addmm(b, x, w) for x, w, b in zip(blocks, weight, bias, strict=True)]
    if len(unknown):
        parts.append(torch.addmm(bias.mean(dim=0), unknown, weight.mean(dim=0)))
    return torch.cat(parts)[order.argsort()]


def _uniform(groups: int, inputs: int, outputs: int) -> Tensor:
    """(G, I, O) by the rule of Glorot and Bengio for each group alone."""
    limit = (6 / (inputs + outputs)) ** 0.5
    return torch.empty(groups, inputs, outputs).uniform_(-limit, limit)
