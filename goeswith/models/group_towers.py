"""Group towers: a tower for each group of items, in which tops, bottoms and shoes each learn a vector for every word.

Our own model. U distinct items, D feature dimensions, G groups, K words, H hidden units, d numbers of an item's vector;
g is the group of item i, and n(v) = v / ‖v‖.

    t_i = τ Σ_w T_gw / √(number of them)                            words w of the item, if it reads words (H,)
    u_i = norm(t_i + W_g x_i + a_g)                                 x_i its features (H,)
    z_i = n(V_g u_i)                                                (d,)
    b_i = v_g · u_i / √H                                            how sought after i is
    y = mean of z_i · z_j + b_i + b_j over the pairs of the outfit

norm is layer normalisation. Features of an encoder are taken less their mean and over one deviation for the whole
encoder. Words are those that the encoder ``word-ids`` gives, each with a vector of its own, while the hashed ``words``
put several words of a large catalogue into one dimension. Words that hardly any training item has say nothing.

The towers of two groups share nothing, so that z_i · z_j may be any bilinear form of u_i and u_j: a word may go with
itself, or with quite another one. One tower for all groups (``towers=one``) has no g: words that go together are near
to each other, in whatever garment, so that it also reads groups that no training outfit has.

With key [z_i, b_i] and [mean of z_j over the rest, 1] as the query of a gap, query · key ranks the candidates for it
exactly as y does.

Centred on the items of another data set (`GroupTowers.centre`), z_i is n(z_i − mean of z) and b_i is 0: y is the mean
cosine over the pairs, of vectors that are less what all items there have in common.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, embedding, embedding_bag, layer_norm, pad

from goeswith.config import at_least, below_one
from goeswith.data.catalogue import GROUPS
from goeswith.data.outfits import OutfitBatch
from goeswith.data.text import LENGTH
from goeswith.errors import ConfigError
from goeswith.models import ItemStates, TrainingData, Vocabulary
from goeswith.models.bpr_dae import by_group
from goeswith.models.kernels import unit
from goeswith.models.likeness import means, moments, rest_means
from goeswith.models.losses import bpr

TRAINING = {
    "objective": "softmax",
    "negatives": "group",
    "pool": "worn",
    "drawn_negatives": 512,
    "epochs": 32,
    "patience": 32,
    "optimiser": "adamw",
    "learning_rate": 2e-3,
    "weight_decay": 0.1,
    "schedule": "cosine",
}
"""Settings of the loop that are this model's own."""
SCALE = 10.0
"""What scores are multiplied by in the pairwise loss."""
WORDS = 3.0
"""τ. More of it, and each word is learned faster than the towers find out what it has in common with others."""
LEAST = 3
"""Items of training outfits that have a word which is learned."""


@dataclass(frozen=True)
class GroupTowersConfig:
    """Settings of the group towers.

    hidden: H. size: d. text: ``ids`` reads the last features as the words of an item (``--encoder ...+word-ids``) and
    learns a vector of each; ``frozen`` uses all features as they are.
    towers: one for each of the ``groups``, or ``one`` for all items.
    dropout: dropout of x and of u in training. word_dropout: share of the words that are left out in training.
    """

    hidden: int = 256
    size: int = 128
    text: Literal["frozen", "ids"] = "frozen"
    towers: Literal["groups", "one"] = "groups"
    dropout: float = 0.5
    word_dropout: float = 0.3

    def __post_init__(self) -> None:
        at_least(self, 1, "hidden", "size")
        below_one(self, "dropout", "word_dropout")


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
    known: Tensor
    common: Tensor | None

    def __init__(self, config: GroupTowersConfig, dim: int, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.config = config
        hidden, size = config.hidden, config.size
        # Behind the categories: one never seen in training, of no known group and of each.
        groups = [*vocabulary.groups, "", *GROUPS]
        names = sorted(set(vocabulary.groups))
        codes = [names.index(group) if group in names else len(names) for group in groups]
        if config.towers == "one":
            names, codes = ["all"], [0] * len(groups)
        self.register_buffer("group", torch.tensor(codes), persistent=False)  # (C + 1 + 8,)
        self.frozen = dim - LENGTH * (config.text == "ids")
        if self.frozen < 0:
            raise ConfigError(f"text=ids needs the features of word-ids ({LENGTH} of them), not {dim} features")
        self.register_buffer("mean", torch.zeros(self.frozen))
        self.register_buffer("factor", torch.ones(self.frozen))
        self.register_buffer("common", None)
        self.first = nn.Parameter(torch.randn(len(names), self.frozen, hidden) / (2 * hidden**0.5))  # W
        self.first_bias = nn.Parameter(torch.zeros(len(names), hidden))  # a
        second = torch.randn(len(names), hidden, size + 1) / hidden**0.5
        second[..., -1] = 0.0  # untrained, nothing is sought after
        self.second = nn.Parameter(second)  # V and v
        self.second_bias = nn.Parameter(torch.zeros(len(names), size + 1))
        self._learn(torch.empty(0, dtype=torch.long))
        self.register_load_state_dict_pre_hook(lambda module, saved, *_: module.make_room(saved))

    def observe(self, data: TrainingData) -> None:
        """Mean and deviation of the features, and which words there are, from the items of the training outfits."""
        rows = torch.from_numpy(data.train.items).unique()
        self.standardise(data.parts(rows), data.blocks[:-1] if self.config.text == "ids" else data.blocks)
        if self.config.text == "ids":
            words = torch.cat([part[:, self.frozen :].long().flatten() for part in data.parts(rows)])
            known, counts = words.unique(return_counts=True)
            self._learn(known[(counts >= LEAST) & (known > 0)])

    def standardise(self, parts: Iterable[Tensor], blocks: Sequence[int]) -> None:
        """Take mean and deviation from features (U, D) of some items, in parts; blocks: dimensions of each encoder."""
        mean, variance = moments(part[:, : self.frozen] for part in parts)
        of_block = variance.split(list(blocks) or [self.frozen])
        deviation = torch.cat([part.mean().sqrt().expand(len(part)) for part in of_block])
        self.mean.copy_(mean)
        self.factor.copy_(torch.where(deviation > 1e-6, 1 / deviation.clamp_min(1e-6), 0.0))

    @torch.no_grad()
    def centre(self, features: Tensor, categories: Tensor) -> None:
        """See z less its mean over some items of another data set, and none of them as more sought after."""
        self.common = None
        self.common = self.encode_items(features, categories).hidden[:, : self.config.size].mean(dim=0)

    def _learn(self, known: Tensor) -> None:
        """Vectors of the words of those ids (K,), ascending."""
        self.register_buffer("known", known)
        start = 0.05 * torch.randn(len(self.first), len(known), self.config.hidden)
        self.words = nn.Parameter(start, requires_grad=len(known) > 0)  # T

    def make_room(self, saved: dict[str, Tensor]) -> None:
        """As many words as in weights which are about to be loaded, and the mean that vectors are less."""
        if "known" not in saved:  # of a mixture, whose parts have made their room
            return
        if len(saved["known"]) != len(self.known):
            self._learn(torch.zeros_like(saved["known"]))
        self.common = torch.zeros_like(saved["common"]) if "common" in saved else None

    @property
    def text(self) -> Tensor | None:
        """The words that it reads, which a graph cannot look up; None where it reads none."""
        return self.known if self.config.text == "ids" else None

    @property
    def width(self) -> int:
        """How many numbers the state of an item has."""
        return self.config.size + 1

    def encode_items(self, features: Tensor, categories: Tensor) -> ItemStates:
        """z and b side by side (U, d + 1), from features (U, D) and category codes (U,)."""
        config, group = self.config, self.group[categories]
        x = dropout((features[:, : self.frozen] - self.mean) * self.factor, config.dropout, self.training)
        hidden = by_group(x, group, self.first, self.first_bias)
        if len(self.known):
            hidden = hidden + self._bag(features[:, self.frozen :].long(), group)
        hidden = dropout(layer_norm(hidden.float(), (config.hidden,)), config.dropout, self.training)
        vector, bias = by_group(hidden, group, self.second, self.second_bias).float().split([config.size, 1], dim=1)
        z, b = unit(vector), bias / config.hidden**0.5
        if self.common is not None:
            z, b = unit(z - self.common), torch.zeros_like(b)
        return ItemStates(torch.cat([z, b], dim=1), categories)

    def _bag(self, ids: Tensor, group: Tensor) -> Tensor:
        """t (U, H) of the ids of words (U, L), 0 where there is none."""
        count = len(self.known)
        at = torch.searchsorted(self.known, ids).clamp_max(count - 1)
        kept = self.known[at] == ids
        if self.training:
            kept &= torch.rand(kept.shape, device=kept.device) >= self.config.word_dropout
        share = WORDS * kept / kept.sum(dim=1, keepdim=True).clamp_min(1).sqrt()
        vectors: Tensor = self.words
        if (group == len(vectors)).any():  # of no known group: the mean of all
            vectors = torch.cat([vectors, vectors.mean(dim=0, keepdim=True)])
        at = group[:, None] * count + at
        return embedding_bag(at, vectors.flatten(0, 1), mode="sum", per_sample_weights=share)

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


def _asking(context: Tensor, times: float = 1.0) -> Tensor:
    """Queries (..., d + 1) from means of keys: the last number says how many times b of the candidate counts."""
    return pad(context[..., :-1], (0, 1), value=times)
