"""OutfitTransformer: self-attention over the items of an outfit and one learned outfit token.

Sarkar, Bodla, Vasileva, Lin, Beniwal, Lu, Medioni: "OutfitTransformer: Learning Outfit Representations for Fashion
Recommendation", WACV 2023; its compatibility model. U distinct items, D feature dimensions, H hidden,
B outfits of at most n items.

The items and the outfit token go through a transformer encoder without positions, so an outfit is a set. The
score is the logit that an MLP reads from the token. Training is a classification of outfits (1) and corruptions (0)
by focal loss (Lin et al. 2017), FL = −(1 − p_t)^γ ln p_t with p_t the probability of the true class.

Our reading, where the paper is silent: width of the feed-forward layers, dropout, γ = 2, an MLP of one hidden layer,
and both classes weighing a half whatever the number of corruptions. Layers normalise before they attend, which
needs no warm-up. Take `optimiser=adamw` and `learning_rate=3e-4` or so.

Deviations. The paper trains a CNN and reads text by sentence-BERT, 64 numbers each; here an item is a linear map of
frozen features, standardised first: what all items share is most of a frozen vector, a layer's normalisation keeps
nothing else of it, and on MANGO training outfits were then told from corruptions by chance alone after 45 epochs. Gaps
are filled by the score of the whole outfit: the second model of the paper, which makes a target item from a target
token and retrieves by distance, is left out, for it answers another question with weights of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from goeswith.config import at_least, at_most, below_one
from goeswith.data.outfits import OutfitBatch
from goeswith.errors import ConfigError
from goeswith.models import ItemStates, TrainingData, Vocabulary
from goeswith.models.likeness import moments


@dataclass(frozen=True)
class OutfitTransformerConfig:
    """Settings of OutfitTransformer; hidden, layers and heads are the paper's.

    hidden: H, a multiple of heads. feedforward: width inside a layer. dropout: dropout in the layers. focus: γ.
    standardise: read features of mean 0 and deviation 1 over the items of the training outfits.
    """

    hidden: int = 128
    layers: int = 6
    heads: int = 16
    feedforward: int = 512
    dropout: float = 0.1
    focus: float = 2.0
    standardise: bool = True

    def __post_init__(self) -> None:
        at_least(self, 1, "hidden", "layers", "heads", "feedforward")
        at_least(self, 0, "focus")
        at_most(self, 100, "layers")
        below_one(self, "dropout")
        if self.hidden % self.heads:
            raise ConfigError(f"hidden={self.hidden} is not a multiple of heads={self.heads}; change one of them")


class OutfitTransformer(nn.Module):
    """See the module.

    Args:
        config: see `OutfitTransformerConfig`.
        dim: D, the size of the features.
        vocabulary: not used; an item is its features.
    """

    mean: Tensor
    factor: Tensor

    def __init__(self, config: OutfitTransformerConfig, dim: int, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.config = config
        h = config.hidden
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("factor", torch.ones(dim))
        self.embedding = nn.Linear(dim, h)
        self.token = nn.Parameter(0.02 * torch.randn(h))
        layer = nn.TransformerEncoderLayer(
            h, config.heads, config.feedforward, config.dropout, batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, config.layers, enable_nested_tensor=False).layers
        self.norm = nn.LayerNorm(h)
        self.head = nn.Sequential(nn.Linear(h, h), nn.ReLU(), nn.Linear(h, 1))

    def observe(self, data: TrainingData) -> None:
        """Mean and deviation of the features; one that never varies is left out."""
        if self.config.standardise:
            mean, variance = moments(data.parts(torch.from_numpy(data.train.items).unique()))
            self.mean.copy_(mean)
            self.factor.copy_(torch.where(variance > 1e-12, variance.clamp_min(1e-12).rsqrt(), 0.0))

    def encode_items(self, features: Tensor, categories: Tensor) -> ItemStates:
        """Embeddings (U, H), from features (U, D) and categories (U,)."""
        return ItemStates(self.embedding((features - self.mean) * self.factor), categories)

    def score(self, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """Logit that an outfit goes together: (B,)."""
        items = states.hidden[batch.items]  # (B, n, H)
        token = self.token.to(items.dtype).expand(len(items), 1, -1)
        padding = F.pad(~batch.mask, (1, 0))  # the token is never padding
        sequence = torch.cat([token, items], dim=1)
        *before, last = self.layers
        for layer in before:
            sequence = layer(sequence, src_key_padding_mask=padding)
        return self.head(self.norm(_first(last, sequence, padding)))[:, 0]

    def objective(self, right: Tensor, wrong: Tensor, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """Mean focal loss of the outfits and of the corruptions, each class a half."""
        return (focal(right, self.config.focus).mean() + focal(-wrong, self.config.focus).mean()) / 2

    def penalty(self) -> Tensor:
        """None."""
        return torch.zeros(())


def _first(layer: nn.TransformerEncoderLayer, sequence: Tensor, padding: Tensor) -> Tensor:
    """(B, H): what a layer makes of the first of a sequence (B, n + 1, H), all that is read of the last layer."""
    normed = layer.norm1(sequence)
    attended, _ = layer.self_attn(normed[:, :1], normed, normed, key_padding_mask=padding, need_weights=False)
    first = (sequence[:, :1] + layer.dropout1(attended))[:, 0]
    inner = layer.dropout(layer.activation(layer.linear1(layer.norm2(first))))
    return first + layer.dropout2(layer.linear2(inner))


def focal(logit: Tensor, focus: float) -> Tensor:
    """−(1 − p)^γ ln p of each p = σ(logit), the probability of the true class."""
    return torch.sigmoid(-logit) ** focus * F.softplus(-logit)
