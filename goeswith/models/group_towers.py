"""Group towers: a tower for each group of items, in which tops, bottoms and shoes each learn a vector for every word.

Our own model. U distinct items, D feature dimensions, G groups, H hidden units, d numbers of an item's vector; g is the
group of item i, and n(v) = v / ‖v‖.

    x_i = features, scaled encoder by encoder                       (D,)
    u_i = norm(W_g x_i + a_g)                                       (H,)
    z_i = n(V_g u_i)                                                (d,)
    b_i = v_g · u_i / √H                                            how sought after i is
    y = mean of z_i · z_j + b_i + b_j over the pairs of the outfit

norm is layer normalisation. Features of an encoder are taken less their mean and over one deviation for the whole
encoder: over its own deviation, a word that one title of a thousand has would drown all others. Where hardly any are
other than zero, as of the encoder ``words``, zero is what an item does not say and their mean is left in. W_g x is then
the sum of the vectors that group g has learned for the words of the item, and takes as long as there are words.

The towers of two groups share nothing, so that z_i · z_j may be any bilinear form of u_i and u_j: a word may go with
itself, or with quite another one. With key [z_i, b_i] and [mean of z_j over the rest, 1] as the query of a gap,
query · key ranks the candidates for it exactly as y does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, embedding, embedding_bag, layer_norm, pad

from goeswith.config import at_least, below_one
from goeswith.data.catalogue import GROUPS
from goeswith.data.outfits import OutfitBatch
from goeswith.models import ItemStates, TrainingData, Vocabulary
from goeswith.models.bpr_dae import by_group
from goeswith.models.kernels import unit
from goeswith.models.likeness import means, rest_means
from goeswith.models.losses import bpr

TRAINING = {
    "objective": "softmax",
    "negatives": "group",
    "pool": "worn",
    "drawn_negatives": 512,
    "epochs": 20,
    "patience": 20,
    "optimiser": "adamw",
    "learning_rate": 2e-3,
    "weight_decay": 0.1,
    "schedule": "cosine",
}
"""Settings of the loop that are this model's own."""
SCALE = 10.0
"""What scores are multiplied by in the pairwise loss."""
WORDS = 4.0
"""Expected norm of the words of an item; with that of other features, √D, each word would be learned too fast."""
SPARSE = 0.05
"""Share of numbers other than zero below which the features of an encoder are words."""


@dataclass(frozen=True)
class GroupTowersConfig:
    """Settings of the group towers.

    hidden: H. size: d. dropout: dropout of u in training. feature_dropout: dropout of x in training, for ``words`` of
    the words of an item.
    """

    hidden: int = 256
    size: int = 128
    dropout: float = 0.5
    feature_dropout: float = 0.4

    def __post_init__(self) -> None:
        at_least(self, 1, "hidden", "size")
        below_one(self, "dropout", "feature_dropout")


class GroupTowers(nn.Module):
    """Towers of groups.

    Args:
        config: see `GroupTowersConfig`.
        dim: D, the size of the features.
        vocabulary: the categories, whose groups say which tower an item goes through.
    """

    by_group = True
    """It needs no more of a category that it has not seen than its group."""
    exact = True
    """Whether the score of a candidate for a gap is query · key."""

    group: Tensor
    mean: Tensor
    factor: Tensor
    sparse: Tensor

    def __init__(self, config: GroupTowersConfig, dim: int, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.config = config
        names, hidden, size = sorted(set(vocabulary.groups)), config.hidden, config.size
        # Behind the categories: one never seen in training, of no known group and of each.
        groups = [*vocabulary.groups, "", *GROUPS]
        codes = [names.index(group) if group in names else len(names) for group in groups]
        self.register_buffer("group", torch.tensor(codes), persistent=False)  # (C + 1 + 8,)
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("factor", torch.ones(dim))
        self.register_buffer("sparse", torch.zeros(dim, dtype=torch.bool))  # which of x are words
        self.first = nn.Parameter(torch.randn(len(names), dim, hidden) / (2 * hidden**0.5))  # W
        self.first_bias = nn.Parameter(torch.zeros(len(names), hidden))  # a
        second = torch.randn(len(names), hidden, size + 1) / hidden**0.5
        second[..., -1] = 0.0  # untrained, nothing is sought after
        self.second = nn.Parameter(second)  # V and v
        self.second_bias = nn.Parameter(torch.zeros(len(names), size + 1))

    def observe(self, data: TrainingData) -> None:
        """Mean and deviation of the features, and which encoders speak in words, from items of training outfits."""
        rows = torch.from_numpy(data.train.items).unique()
        sums, squares, filled = torch.zeros(3, len(self.mean), dtype=torch.float64, device=self.mean.device)
        for part in data.parts(rows):
            sums += part.sum(dim=0, dtype=torch.float64)
            squares += part.double().square().sum(dim=0)
            filled += (part != 0).sum(dim=0)
        blocks = data.blocks or (len(sums),)
        self.sparse.copy_(_spread(filled / len(rows), blocks, torch.mean) < SPARSE)
        mean = torch.where(self.sparse, 0.0, sums / len(rows))
        variance = (squares / len(rows) - mean.square()).clamp_min(0)
        deviation = torch.where(
            self.sparse, _spread(variance, blocks, torch.sum), _spread(variance, blocks, torch.mean)
        ).sqrt()
        self.mean.copy_(mean)
        scale = torch.where(self.sparse, WORDS, 1.0)
        self.factor.copy_(torch.where(deviation > 1e-6, scale / deviation.clamp_min(1e-6), 0.0))

    @property
    def width(self) -> int:
        """How many numbers the state of an item has."""
        return self.config.size + 1

    def encode_items(self, features: Tensor, categories: Tensor) -> ItemStates:
        """z and b side by side (U, d + 1), from features (U, D) and category codes (U,)."""
        config, group = self.config, self.group[categories]
        hidden = layer_norm(self._first(features, group).float(), (config.hidden,))
        hidden = dropout(hidden, config.dropout, self.training)
        vector, bias = by_group(hidden, group, self.second, self.second_bias).float().split([config.size, 1], dim=1)
        return ItemStates(torch.cat([unit(vector), bias / config.hidden**0.5], dim=1), categories)

    def _first(self, features: Tensor, group: Tensor) -> Tensor:
        """W x + a (U, H)."""
        dropped = self.config.feature_dropout
        if torch.compiler.is_compiling() or not self.sparse.any():  # a graph cannot tell how many words there are
            x = dropout((features - self.mean) * self.factor, dropped, self.training)
            return by_group(x, group, self.first, self.first_bias)
        dense = _slices(~self.sparse)
        x = (_columns(features, dense) - _columns(self.mean[None], dense)) * _columns(self.factor[None], dense)
        x = dropout(x, dropped, self.training)
        hidden = by_group(x, group, _columns(self.first, dense), self.first_bias)
        for part in _slices(self.sparse):
            hidden = hidden + self._bag(features[:, part], group, part.start)
        return hidden

    def _bag(self, words: Tensor, group: Tensor, start: int) -> Tensor:
        """Sums (U, H) of a vector for each word of an item. words: (U, V) of the features from dimension `start` on."""
        item, word = words.nonzero(as_tuple=True)
        weights = words[item, word] * self.factor[start + word]
        weights = dropout(weights, self.config.feature_dropout, self.training)
        vectors: Tensor = self.first
        if (group == len(vectors)).any():  # of no known group: the mean of all
            vectors = torch.cat([vectors, vectors.mean(dim=0, keepdim=True)])
        begin = torch.searchsorted(item, torch.arange(len(words), device=item.device))
        at = group[item] * len(self.mean) + start + word
        return embedding_bag(at, vectors.flatten(0, 1), begin, mode="sum", per_sample_weights=weights)

    def keys(self, states: ItemStates) -> Tensor:
        """[z, b] (U, d + 1)."""
        return states.hidden

    def gaps(self, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """(B, n, d + 1): for each item of each outfit the query of the gap that it leaves."""
        return _asking(rest_means(states.hidden, batch))

    def queries(self, states: ItemStates, batch: OutfitBatch, wanted: Tensor) -> Tensor:
        """(B, d + 1) of partial outfits, whatever is wanted."""
        return _asking(means(states.hidden, batch))

    def query(self, states: ItemStates, items: Tensor, typical: ItemStates) -> tuple[Tensor, Tensor]:
        """`queries` of partial outfits (B, n) of one length, and offsets (B,) of zero."""
        batch = OutfitBatch(items, torch.ones_like(items, dtype=torch.bool))
        return self.queries(states, batch, typical.categories), torch.zeros(len(items), device=items.device)

    def score(self, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """y: (B,)."""
        asks = _asking(rest_means(states.hidden, batch), 2.0)  # an item has b in twice as many pairs as there are items
        own = (asks * embedding(batch.items, self.keys(states))).sum(dim=2) * batch.mask
        return own.sum(dim=1) / batch.mask.sum(dim=1)

    def objective(self, right: Tensor, wrong: Tensor, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """L_BPR of the scores times `SCALE`, where the loop's objective is ``pairwise``."""
        return bpr(SCALE * right, SCALE * wrong)

    def penalty(self) -> Tensor:
        """Nothing is added."""
        return self.second_bias.new_zeros(())


def _slices(chosen: Tensor) -> list[slice]:
    """Runs of dimensions that are chosen, by (D,) bool: an encoder's lie side by side."""
    flags, counts = chosen.unique_consecutive(return_counts=True)
    ends = counts.cumsum(dim=0)
    return [slice(end - count, end) for flag, count, end in torch.stack([flags, counts, ends], dim=1).tolist() if flag]


def _columns(values: Tensor, parts: Sequence[slice]) -> Tensor:
    """Some runs of the second dimension, side by side."""
    return torch.cat([values[:, :0], *(values[:, part] for part in parts)], dim=1)


def _spread(values: Tensor, blocks: Sequence[int], over: Callable[[Tensor], Tensor]) -> Tensor:
    """(D,) what `over` makes of the values (D,) of each encoder, at each of its dimensions."""
    return torch.cat([over(part).expand(len(part)) for part in values.split(list(blocks))])


def _asking(context: Tensor, times: float = 1.0) -> Tensor:
    """Queries (..., d + 1) from means of keys: the last number says how many times b of the candidate counts."""
    return pad(context[..., :-1], (0, 1), value=times)
