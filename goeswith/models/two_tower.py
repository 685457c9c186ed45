"""Two towers: a key of every item, a query of every gap; what goes into a gap is the item whose key is nearest.

Our own model. U distinct items, D feature dimensions, C categories, h hidden units; the items of an outfit without
item i are the context of gap i, and c_i is the category that is wanted there.

    x = [standardised features, one-hot of the category]                        (D + C,), see `TwoTower.standardised`
    k_i = n(W x_i + m_i)                                                        key (h,), n(v) = v / ‖v‖
    r_j = gelu(W' x_j + m'_j + b)                                               what item j says of what it wants (h,)
    q_i = n(mean of k_j + V gelu(mean of r_j + e(c_i)))                         query, means over the context, j ≠ i;
                                                                                e of c_i or of its group
    y = mean of q_i · k_i over the items of the outfit

W and W' start as one random projection, Gaussian / √h, whose part for the one-hot is zero, and V, e, b and the memory
m, m' start at zero: untrained, q_i · k_i is the cosine of the features, and what is learned corrects it. m_i and m'_i
are kept for every item that a training outfit wears (m₀ = 0 for all others), and left out half of the time in
training, so that the towers learn to do without. An item is known again by its features and its category, bit by
bit, so that the catalogue of another shop has no memory, whatever its items are called.

Means over a context are the sum over the outfit minus the item's own, so no loop goes over gaps, and since y comes from
inner products of queries and keys, candidates for a gap can be searched exactly (`TwoTower.keys`, `TwoTower.query`).

Sources: sums over a set that a second network reads are deep sets (Zaheer et al., "Deep Sets", NeurIPS 2017); two
towers trained by cross-entropy over the items of the batch are those of sampled softmax retrieval (Yi et al.,
"Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations", RecSys 2019); that plain models
trained with the same care as new ones keep up with them is the finding of equal-investment studies.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, gelu, linear, pad

from goeswith.config import at_least, below_one
from goeswith.data.outfits import OutfitBatch
from goeswith.models import ROWS, ItemStates, TrainingData, Vocabulary
from goeswith.models.dropout import drop_
from goeswith.models.kernels import unit
from goeswith.models.losses import bpr
from goeswith.models.tower_kernels import Bags, GapQueries, Towers, by_hand

TRAINING = {
    "objective": "softmax",
    "negatives": "matched",
    "correct_popularity": True,
    "epochs": 30,
    "patience": 30,
    "keep": "one-standard-error",
    "batch_size": 512,
    "batches": "even",
    "optimiser": "adamw",
    "learning_rate": 2e-3,
    "weight_decay": 0.05,
    "schedule": "cosine",
}
"""Settings of the loop that are this model's own."""
SCALE = 10.0
"""What cosines are multiplied by in the pairwise loss."""
SAMPLE = 1 << 19
"""Items that mean and deviation of the features are taken from, at most."""
DIGESTED = 64
"""Items whose digests are computed at a time."""
HALVES = 2.0**24
"""What makes the numbers of a features file (float16) whole."""


@dataclass(frozen=True)
class TwoTowerConfig:
    """Settings of the two towers.

    hidden: h. dropout: dropout of the features in training. memory: learn m and m' of training items.
    forget: probability that an item's memory is left out in training.
    wants: what a query knows about the missing item, its category or only its group. If wrong items come from other
    categories (``negatives=group``), the category of the right one would give it away.
    """

    hidden: int = 256
    dropout: float = 0.5
    memory: bool = True
    forget: float = 0.5
    wants: Literal["category", "group"] = "category"

    def __post_init__(self) -> None:
        at_least(self, 1, "hidden")
        below_one(self, "dropout", "forget")


class TwoTower(nn.Module):
    """Keys of items and queries of gaps.

    Args:
        config: see `TwoTowerConfig`.
        dim: D, the size of the features.
        vocabulary: the C categories.
    """

    exact = True
    """Whether the score of a candidate for a gap is query · key."""

    mean: Tensor
    factor: Tensor
    multipliers: Tensor
    digests: Tensor
    wanted: Tensor

    def __init__(self, config: TwoTowerConfig, dim: int, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.config, self.count = config, len(vocabulary.categories)
        hidden = config.hidden
        start = torch.cat([torch.randn(hidden, dim) / hidden**0.5, torch.zeros(hidden, self.count)], dim=1)
        self.key = nn.Parameter(start)  # W
        self.want = nn.Parameter(start.clone())  # W'
        self.want_bias = nn.Parameter(torch.zeros(hidden))
        self.category = nn.Parameter(torch.zeros(self.count + 1, hidden))  # e; the last is for unknown categories
        self.residual = nn.Parameter(torch.zeros(hidden, hidden))  # V
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("factor", torch.full((dim,), dim**-0.5))
        self.register_buffer("multipliers", _random_odd(dim + 1))
        self.register_buffer("digests", torch.empty(0, dtype=torch.long))  # (T,), ascending
        groups = list(vocabulary.groups)
        first = [groups.index(group) for group in groups] if config.wants == "group" else range(self.count)
        self.register_buffer("wanted", torch.tensor([*first, self.count]), persistent=False)  # (C + 1,)
        self._remember(0)
        self.register_load_state_dict_pre_hook(lambda module, saved, *_: module.make_room(saved))

    def observe(self, data: TrainingData) -> None:
        """Mean and deviation of the features, and which items there are, from the items of the training outfits."""
        rows = torch.from_numpy(data.train.items).unique()
        chance = torch.Generator().manual_seed(0)
        some = rows if len(rows) <= SAMPLE else rows[torch.randperm(len(rows), generator=chance)[:SAMPLE]]
        self.standardise(data.of(some)[0], data.blocks)
        if self.config.memory:
            self.digests = torch.cat([self._digest(*data.of(part)) for part in rows.split(ROWS)]).unique()
            self._remember(len(self.digests))

    def standardise(self, features: Tensor, blocks: Sequence[int] = ()) -> None:
        """Take mean and deviation from the features (U, D) of some items; blocks: the dimensions of each encoder."""
        blocks = tuple(blocks) or (features.shape[1],)
        deviation = features.std(dim=0, correction=0)
        varied = deviation > 1e-6
        # Each encoder has an expected norm of 1 / √(number of encoders), all of them together 1. What is the same for
        # all items has no part in it: of hashed words most dimensions are empty in a small catalogue.
        sizes = torch.cat([part.sum().clamp_min(1).expand(len(part)) for part in varied.split(blocks)]) * len(blocks)
        self.mean.copy_(features.mean(dim=0))
        self.factor.copy_(torch.where(varied, 1 / (deviation.clamp_min(1e-6) * sizes.sqrt()), 0.0))

    def without_memory(self) -> TwoTower:
        """The same towers with no memory of items, which another catalogue does not have."""
        made = copy.deepcopy(self)
        made.digests = self.digests[:0]
        made._remember(0)
        return made.train(self.training)

    def by_category(self) -> TwoTower:
        """The same towers, told the category: those of a group have one e."""
        if self.config.wants == "category":
            return self
        made = copy.deepcopy(self)
        made.config = replace(self.config, wants="category")
        made.category.data = self.category.data[self.wanted]
        made.wanted = torch.arange(self.count + 1)
        return made.train(self.training)

    @property
    def width(self) -> int:
        """How many numbers the state of an item has."""
        return 2 * self.config.hidden

    def make_room(self, saved: dict[str, Tensor]) -> None:
        """Memory as large as that of weights which are about to be loaded."""
        if "digests" in saved and len(saved["digests"]) != len(self.digests):
            self.digests = torch.zeros_like(saved["digests"])
            self._remember(len(self.digests))

    def _remember(self, items: int) -> None:
        memory = torch.zeros(items + 1, 2 * self.config.hidden)  # [m m'], (T + 1, 2h); the last row stays zero
        self.memory = nn.Parameter(memory, requires_grad=items > 0)

    def _digest(self, features: Tensor, categories: Tensor) -> Tensor:
        """(U,) int64 that tell items apart: a sum of random multiples of the features and of the category."""
        own = categories * self.multipliers[-1]  # wraps around
        if torch.compiler.is_exporting():
            return _halved((features * HALVES).long() * self.multipliers[:-1]) + own
        # A few items at a time, whose whole numbers stay in the cache; a graph cannot be cut by numbers of items.
        parts = [features] if torch.compiler.is_compiling() else features.split(DIGESTED)
        return torch.cat([(part * HALVES).long().mul_(self.multipliers[:-1]).sum(dim=1) for part in parts]) + own

    def remembered(self, features: Tensor, categories: Tensor) -> Tensor:
        """(U,) rows of the memory; the last, T, for items that no training outfit has."""
        count = len(self.digests)
        if not count:
            return torch.zeros_like(categories)
        digests = self._digest(features, categories)
        if torch.compiler.is_exporting():  # a graph cannot search
            at = (self.digests < digests[:, None]).sum(dim=1)
        else:
            at = torch.searchsorted(self.digests, digests)
        at = at.clamp_max(count - 1)
        return torch.where(self.digests[at] == digests, at, count)

    def standardised(self, features: Tensor, kept: float = 1.0) -> Tensor:
        """The first part of x (U, D), features of mean 0, each encoder's of like expected norm, 1 in all; over `kept`.

        The one-hot of x is never made: its products with W and W' are columns of theirs, see `_of_categories`.
        """
        factor = self.factor / kept
        return torch.addcmul(self.mean * -factor, features, factor)

    def _of_categories(self, categories: Tensor) -> Tensor:
        """(U, 2h): the columns of W and W' for the category of each item; zero for an unknown one."""
        columns = torch.cat([weights[:, -self.count :] for weights in (self.key, self.want)]).T
        return embedding(categories.clamp_max(self.count), pad(columns, (0, 0, 0, 1)))

    def encode_items(self, features: Tensor, categories: Tensor, at: Tensor | None = None) -> ItemStates:
        """k and r side by side (U, 2h). at: (U,) what `remembered` says of the items, if that is known already."""
        dropped = self.config.dropout if self.training else 0.0
        x, kept = self.standardised(features, 1 - dropped), None
        if dropped:
            drop_(x, dropped)
            kept = (torch.rand(len(x), 1, device=x.device) >= dropped) / (1 - dropped)
        at, last = self.remembered(features, categories) if at is None else at, len(self.digests)
        if self.training:
            at = torch.where(torch.rand(at.shape, device=at.device) < self.config.forget, last, at)
        if by_hand(x) and not x.requires_grad:
            codes, weights = categories.clamp_max(self.count), (self.key, self.want, self.want_bias, self.memory)
            return ItemStates(cast(Tensor, Towers.apply(x, codes, kept, at, *weights)), categories)
        rest = self._of_categories(categories) * (1 if kept is None else kept)
        to_key, to_want = (rest + embedding(at, self.memory, padding_idx=last)).chunk(2, dim=1)
        width = features.shape[1]  # an even one, as encoders have, makes the products quicker
        key = unit((linear(x, self.key.split([width, self.count], dim=1)[0]) + to_key).float())
        want = gelu(linear(x, self.want.split([width, self.count], dim=1)[0], self.want_bias) + to_want)
        return ItemStates(torch.cat([key, want.float()], dim=1), categories)

    def keys(self, states: ItemStates) -> Tensor:
        """k (U, h), of norm 1."""
        return states.hidden[:, : self.config.hidden]

    def gaps(self, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """q (B, n, h): for each item of each outfit the query of the gap that it leaves."""
        mask = batch.mask[:, :, None]
        hidden = embedding(batch.items, states.hidden) * (mask / (mask.sum(dim=1, keepdim=True) - 1).clamp_min(1))
        return self._queries(hidden.sum(dim=1, keepdim=True) - hidden, states.categories[batch.items])

    def gaps_and_keys(self, states: ItemStates, batch: OutfitBatch, at: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """q (G, h) of some gaps, and k (R, h) of some items.

        at: (G,) places of the batch laid out outfit after outfit, its padding included. rows: (R,) of the states.
        """
        if not by_hand(states.hidden):
            return embedding(at, self.gaps(states, batch).flatten(0, 1)), embedding(rows, self.keys(states))
        codes = self.wanted[states.categories[batch.items.flatten()[at]].clamp_max(self.count)]
        weights, contexts = (self.category, self.residual), Bags.contexts(batch, at)
        return cast(tuple[Tensor, Tensor], GapQueries.apply(states.hidden, *weights, codes, contexts, rows))

    def queries(self, states: ItemStates, batch: OutfitBatch, wanted: Tensor) -> Tensor:
        """q (B, h) of partial outfits that want an item of the categories `wanted` (B,): q · k ranks the candidates."""
        mask = batch.mask[:, :, None]
        total = (embedding(batch.items, states.hidden) * mask).sum(dim=1)
        return self._queries(total / mask.sum(dim=1).clamp_min(1), wanted)

    def query(self, states: ItemStates, items: Tensor, typical: ItemStates) -> tuple[Tensor, Tensor]:
        """`queries` of partial outfits (B, n) of one length, and offsets (B,) of zero; only the category is read of
        the typical candidates."""
        batch = OutfitBatch(items, torch.ones_like(items, dtype=torch.bool))
        return self.queries(states, batch, typical.categories), torch.zeros(len(items), device=items.device)

    def _queries(self, context: Tensor, wanted: Tensor) -> Tensor:
        """q (..., h) from means of k and r (..., 2h) and wanted categories (...)."""
        key, want = context.chunk(2, dim=-1)
        codes = self.wanted[wanted.clamp_max(self.count)]
        return unit((key + linear(gelu(want + embedding(codes, self.category)), self.residual)).float())

    def score(self, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """y: (B,)."""
        cosines = (self.gaps(states, batch) * embedding(batch.items, self.keys(states))).sum(dim=2) * batch.mask
        return cosines.sum(dim=1) / batch.mask.sum(dim=1)

    def objective(self, right: Tensor, wrong: Tensor, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """L_BPR of the scores times `SCALE`, where the loop's objective is ``pairwise``."""
        return bpr(SCALE * right, SCALE * wrong)

    def penalty(self) -> Tensor:
        """Nothing is added."""
        return self.residual.new_zeros(())


def _halved(values: Tensor) -> Tensor:
    """(U,) sums of whole numbers (U, D), by adding halves: ONNX Runtime's own sum of large int64 is not exact."""
    while (width := values.shape[1]) > 1:
        half = width // 2
        odd = values[:, 2 * half :]
        values = torch.cat([values[:, :half] + values[:, half : 2 * half], odd], dim=1)
    return values[:, 0]


def _random_odd(count: int) -> Tensor:
    """(count,) odd int64, the same ones always."""
    chance = torch.Generator().manual_seed(0)
    return torch.randint(-(2**62), 2**62, (count,), generator=chance) * 2 + 1
