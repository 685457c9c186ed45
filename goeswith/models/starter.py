"""Starter: the model of a shop without outfits: similarity of style, and rules of what goes with what.

Nothing is trained. C categories, D feature dimensions, of which the last `SIZE` are the encoder ``words``; L rules.

    s_i = n(W (x_i − mean of x in the category of i))       style (h,), x standardised, n(v) = v / ‖v‖
    t_i, b_i                                                which rules' top and bottom item i matches (L,), 0 or 1
    y_ij = s_i · s_j + λ Σ_l sign_l (t_il b_jl + b_il t_jl)
    y = mean of y_ij over all pairs of an outfit

Without the mean of its category a vector says how an item differs from others of its kind: that two things are dark, or
formal, and not that one is a shoe. W is a random projection, Gaussian / √h. Rules are looked for in the hashed words,
so that an item which was never seen before has them too; a phrase is found as a whole label, and not in a title.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, normalize

from goeswith.config import at_least
from goeswith.data.outfits import OutfitBatch
from goeswith.data.pairs import RULE_BOTTOM, RULE_TOP
from goeswith.data.text import SIZE, hashed
from goeswith.models import ItemStates, Vocabulary
from goeswith.models.likeness import means, rest_means
from goeswith.rules.rules import Rule
from goeswith.rules.words import WORD

SHRINK = 5.0
"""Items by which the mean of a category is drawn towards that of all: one of a kind keeps its style."""
STYLE = 512
"""Dimensions of style, where no other number is set."""


@dataclass(frozen=True)
class StarterConfig:
    """Settings of the starter. hidden: h. rules: L. weight: λ."""

    hidden: int = STYLE
    rules: int = 0
    weight: float = 0.1

    def __post_init__(self) -> None:
        at_least(self, 1, "hidden")
        at_least(self, 0, "rules", "weight")


class Starter(nn.Module):
    """Style and rules of items. See `StarterConfig`; dim: D. vocabulary: the C categories."""

    exact = True
    """Whether the score of a candidate for a gap is query · key."""
    projection: Tensor
    centre: Tensor
    factor: Tensor
    words: Tensor
    signs: Tensor
    able: Tensor

    def __init__(self, config: StarterConfig, dim: int, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.config, self.count = config, len(vocabulary.categories)
        chance = torch.Generator().manual_seed(0)
        groups = [*vocabulary.groups, ""]
        able = [[group in side for group in groups] for side in (RULE_TOP, RULE_BOTTOM)]
        for name, value in {
            "projection": torch.randn(config.hidden, dim, generator=chance) / config.hidden**0.5,  # W
            "centre": torch.zeros(self.count + 1, dim),  # mean by category; the last is of all
            "factor": torch.ones(dim),
            "words": torch.zeros(2, SIZE, config.rules),  # which words match which rule's top, and bottom
            "signs": torch.ones(config.rules),
            "able": torch.tensor(able, dtype=torch.float32),  # (2, C + 1) categories that can be a top, a bottom
        }.items():
            self.register_buffer(name, value)

    def observe_items(self, features: Tensor, categories: Tensor, blocks: Sequence[int]) -> None:
        """Means and deviations of items: features (U, D), codes (U,); how many dimensions each encoder has.

        The hashed words are style only where nothing else is: divided by their deviation, rare ones would drown all.
        """
        sizes = torch.tensor(blocks, dtype=torch.float32).repeat_interleave(torch.tensor(blocks)) * len(blocks)
        deviation = features.std(dim=0, correction=0)
        self.factor.copy_(torch.where(deviation > 1e-6, 1 / (deviation.clamp_min(1e-6) * sizes.sqrt()), 0.0))
        if len(blocks) > 1:
            self.factor[-SIZE:] = 0.0
        whole = features.mean(dim=0)
        sums = torch.zeros_like(self.centre).index_add(0, categories.clamp_max(self.count), features - whole)
        counts = torch.bincount(categories.clamp_max(self.count), minlength=self.count + 1)
        self.centre.copy_(whole + sums / (counts + SHRINK)[:, None])
        self.centre[self.count] = whole

    def obey(self, rules: Sequence[Rule]) -> None:
        """Take in rules, as many as the settings say."""
        for column, rule in enumerate(rules):
            self.signs[column] = 1.0 if rule.sign == "+" else -1.0
            for row, side in enumerate(("top", "bottom")):
                for vector in hashed([_text(rule.attribute, value) for value in rule.alternatives(side)]):
                    self.words[row, np.flatnonzero(vector), column] = 1.0

    def encode_items(self, features: Tensor, categories: Tensor) -> ItemStates:
        """s, t and b side by side (U, h + 2L)."""
        codes = categories.clamp_max(self.count)
        style = normalize((features - self.centre[codes]) * self.factor @ self.projection.T, dim=1)
        says = (features[:, -SIZE:] > 0).float()
        sides = [((says @ words) > 0) * able[codes][:, None] for words, able in zip(self.words, self.able, strict=True)]
        return ItemStates(torch.cat([style, *sides], dim=1), categories)

    def keys(self, states: ItemStates) -> Tensor:
        """(U, h + 2L)."""
        style, tops, bottoms = self._parts(states.hidden)
        weights = self.config.weight * self.signs
        return torch.cat([style, weights * tops, weights * bottoms], dim=-1)

    def queries(self, states: ItemStates, batch: OutfitBatch, wanted: Tensor) -> Tensor:
        """(B, h + 2L) of partial outfits; query · key is the mean of y_ij over their items, whatever is wanted."""
        style, tops, bottoms = self._parts(means(states.hidden, batch))
        return torch.cat([style, bottoms, tops], dim=-1)

    def gaps(self, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """(B, n, h + 2L): for each item of each outfit the query of the gap that it leaves."""
        style, tops, bottoms = self._parts(rest_means(states.hidden, batch))
        return torch.cat([style, bottoms, tops], dim=-1)

    @property
    def width(self) -> int:
        """How many numbers the state of an item has."""
        return self.config.hidden + 2 * self.config.rules

    def query(self, states: ItemStates, items: Tensor, typical: ItemStates) -> tuple[Tensor, Tensor]:
        """`queries` of partial outfits (B, n) of one length, and offsets (B,) of zero."""
        batch = OutfitBatch(items, torch.ones_like(items, dtype=torch.bool))
        return self.queries(states, batch, typical.categories), torch.zeros(len(items), device=items.device)

    def score(self, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """y: (B,); 0 of a single item."""
        mask = batch.mask[:, :, None]
        keys = embedding(batch.items, self.keys(states)) * mask
        style, tops, bottoms = self._parts(embedding(batch.items, states.hidden) * mask)
        asks = torch.cat([style, bottoms, tops], dim=-1)
        both = (keys.sum(dim=1) * asks.sum(dim=1)).sum(dim=1) - (keys * asks).sum(dim=(1, 2))
        count = batch.mask.sum(dim=1)
        return both / (count * (count - 1)).clamp_min(1)

    def _parts(self, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        style, tops, bottoms = hidden.split([self.config.hidden, self.config.rules, self.config.rules], dim=-1)
        return style, tops, bottoms


def _text(attribute: str, value: str) -> str:
    """What `hashed` reads of an item that says only this, as a label and, if one word, in its title."""
    title = "" if " " in value else value
    return title if attribute == WORD else f"{title}\n{attribute}={value}"
