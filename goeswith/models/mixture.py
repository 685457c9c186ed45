"""Mixture: several scorers as one inner product, each weighted by how well it does on held-out outfits.

    y = Σ_s mean over the items i of w_s(g_i) q_i^s · k_i^s                    w ≥ 0, g_i the group of item i
    k_i = [k_i^1, k_i^2, ...]       key
    q_i = [w_1(g_i) q_i^1, w_2(g_i) q_i^2, ...]      query of the gap that item i leaves: q_i · k_i is the sum's term

A source s is a model whose score is the mean of q_i^s · k_i^s: two towers (the own, or those of designers), likeness,
word lifts, rules, learned words (group towers that are one tower, centred). It reads its own columns of the features
and its own category codes. For how the weights are fitted see `goeswith.train.trust`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from goeswith.data.catalogue import GROUPS
from goeswith.data.outfits import OutfitBatch
from goeswith.models import ItemStates, Vocabulary
from goeswith.models.group_towers import GroupTowers, GroupTowersConfig
from goeswith.models.likeness import Likeness
from goeswith.models.starter import Starter, StarterConfig
from goeswith.models.two_tower import TwoTower, TwoTowerConfig
from goeswith.models.word_lifts import WordLifts

KINDS = ("likeness", "two-tower", "word-lifts", "rules", "group-towers")
"""Weights are saved with a kind's place in this list."""


@dataclass(frozen=True)
class MixtureConfig:
    """There is nothing to set: the weights say what a mixture is made of."""


class SourceModel(Protocol):
    """A torch module whose score of an outfit is the mean of q_i · k_i."""

    @property
    def width(self) -> int:
        """How many numbers the state of an item has."""
        ...

    def encode_items(self, features: Tensor, categories: Tensor) -> ItemStates:
        """States of items, from the columns (U, d) of the features that the source reads and its own codes (U,)."""
        ...

    def keys(self, states: ItemStates) -> Tensor:
        """k (U, h)."""
        ...

    def gaps(self, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """q (B, n, h): for each item of each outfit the query of the gap that it leaves."""
        ...

    def queries(self, states: ItemStates, batch: OutfitBatch, wanted: Tensor) -> Tensor:
        """q (B, h) of partial outfits that want an item of the categories `wanted` (B,)."""
        ...


class Source(NamedTuple):
    """A scorer that a mixture is made of.

    kind: one of `KINDS`. columns: (d,) int64, of the features that it reads. codes: (C + 1,) int64, its own
    category codes of the mixture's C categories and of an unknown one.
    """

    kind: str
    model: SourceModel
    columns: np.ndarray
    codes: np.ndarray


class Mixture(nn.Module):
    """Sources and their weights. See `MixtureConfig`; vocabulary: the C categories."""

    exact = True
    """Whether the score of a candidate for a gap is query · key."""
    weights: Tensor
    group: Tensor

    def __init__(self, config: MixtureConfig, dim: int, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.config, self.count = config, len(vocabulary.categories)
        number_of = {group: number for number, group in enumerate(GROUPS)}
        groups = [number_of.get(group, len(GROUPS) - 1) for group in (*vocabulary.groups, "other")]
        self.register_buffer("group", torch.tensor(groups))  # (C + 1,)
        self.register_buffer("weights", torch.empty(0, len(GROUPS)))  # w (S, G)
        self.sources = nn.ModuleList()
        self.register_load_state_dict_pre_hook(lambda module, saved, *_: module.make_room(saved))

    @classmethod
    def of(cls, sources: Sequence[Source], dim: int, vocabulary: Vocabulary) -> Mixture:
        """The mixture of some sources, all with weight 1."""
        made = cls(MixtureConfig(), dim, vocabulary)
        made.weights = torch.ones(len(sources), len(GROUPS))
        for source in sources:
            part = _Part(source.kind, source.model, len(source.columns), len(source.codes))
            part.columns.copy_(torch.from_numpy(source.columns))
            part.codes.copy_(torch.from_numpy(source.codes))
            made.sources.append(part)
        return made.eval().requires_grad_(False)

    def make_room(self, saved: Mapping[str, Tensor]) -> None:
        """Sources of the sizes of weights which are about to be loaded."""
        parts: list[nn.Module] = []
        while f"sources.{len(parts)}.kind" in saved:
            prefix = f"sources.{len(parts)}."
            own = {name.removeprefix(prefix): value for name, value in saved.items() if name.startswith(prefix)}
            kind = KINDS[int(own["kind"]) % len(KINDS)]
            if not {"columns", "codes"} <= set(own) or (model := _model_like(kind, own)) is None:
                return  # loading reports what is missing
            parts.append(_Part(kind, model, len(own["columns"]), len(own["codes"])))
        self.sources = nn.ModuleList(parts)
        self.weights = torch.ones(len(parts), len(GROUPS))

    @property
    def text(self) -> Tensor | None:
        """The words that a source reads, which a graph cannot look up; None where none reads any."""
        return next((part.model.text for part in self._parts if isinstance(part.model, GroupTowers)), None)

    def encode_items(self, features: Tensor, categories: Tensor) -> ItemStates:
        """The states of all sources side by side (U, H)."""
        parts = [part.encode(features, categories.clamp_max(self.count)) for part in self._parts]
        return ItemStates(torch.cat(parts, dim=1), categories)

    def keys(self, states: ItemStates) -> Tensor:
        """k (U, h)."""
        return torch.cat([part.model.keys(own) for part, own in self._each(states)], dim=1)

    def gaps(self, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """q (B, n, h): for each item of each outfit the query of the gap that it leaves."""
        trust = self._trust(states.categories[batch.items])  # (S, B, n)
        own = [part.model.gaps(own, batch) for part, own in self._each(states)]
        return torch.cat([w[..., None] * q for w, q in zip(trust, own, strict=True)], dim=2)

    def queries(self, states: ItemStates, batch: OutfitBatch, wanted: Tensor) -> Tensor:
        """q (B, h) of partial outfits that want an item of the categories `wanted` (B,): q · k ranks the candidates."""
        codes = wanted.clamp_max(self.count)
        own = [part.model.queries(own, batch, part.codes[codes]) for part, own in self._each(states)]
        return torch.cat([w[:, None] * q for w, q in zip(self._trust(wanted), own, strict=True)], dim=1)

    def query(self, states: ItemStates, items: Tensor, typical: ItemStates) -> tuple[Tensor, Tensor]:
        """`queries` of partial outfits (B, n) of one length, and offsets (B,) of zero."""
        batch = OutfitBatch(items, torch.ones_like(items, dtype=torch.bool))
        return self.queries(states, batch, typical.categories), torch.zeros(len(items), device=items.device)

    def score(self, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """y: (B,)."""
        products = (self.gaps(states, batch) * embedding(batch.items, self.keys(states))).sum(dim=2) * batch.mask
        return products.sum(dim=1) / batch.mask.sum(dim=1)

    def parts(self, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """(B, S, G) what y is the weighted sum of: by source and group of the item, as if every weight were 1."""
        group = torch.nn.functional.one_hot(self.group[states.categories.clamp_max(self.count)], len(GROUPS))
        share = embedding(batch.items, group.float()) * batch.mask[:, :, None] / batch.mask.sum(dim=1)[:, None, None]
        products = [
            (part.model.gaps(own, batch) * embedding(batch.items, part.model.keys(own))).sum(dim=2)
            for part, own in self._each(states)
        ]
        return torch.einsum("sbn,bng->bsg", torch.stack(products), share)

    def _trust(self, codes: Tensor) -> Tensor:
        """w (S, ...) of gaps that want an item of the categories (...)."""
        return self.weights[:, self.group[codes.clamp_max(self.count)]]

    def _each(self, states: ItemStates) -> list[tuple[_Part, ItemStates]]:
        """Each source with its own states."""
        codes = states.categories.clamp_max(self.count)
        own = states.hidden.split([part.model.width for part in self._parts], dim=1)
        return [(part, ItemStates(x, part.codes[codes])) for part, x in zip(self._parts, own, strict=True)]

    @property
    def _parts(self) -> list[_Part]:
        return cast(list[_Part], list(self.sources))


class _Part(nn.Module):
    """A source with the columns of the features that it reads, and its own category codes."""

    model: SourceModel
    columns: Tensor
    codes: Tensor

    def __init__(self, kind: str, model: SourceModel, columns: int, codes: int) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("kind", torch.tensor(KINDS.index(kind)))
        self.register_buffer("columns", torch.arange(columns))
        self.register_buffer("codes", torch.zeros(codes, dtype=torch.long))

    def encode(self, features: Tensor, categories: Tensor) -> Tensor:
        """The states (U, width) of items, from all features and the mixture's codes."""
        return self.model.encode_items(features[:, self.columns], self.codes[categories]).hidden


def _model_like(kind: str, saved: Mapping[str, Tensor]) -> SourceModel | None:
    """A model of a kind, of the sizes of its saved weights; None where they are not there."""
    own = {name.removeprefix("model."): value for name, value in saved.items() if name.startswith("model.")}
    try:
        if kind == "likeness":
            return Likeness(len(own["mean"]))
        if kind == "word-lifts":
            return WordLifts(len(own["values"]), len(own["basis"]))
        if kind == "rules":
            count = own["centre"].shape[0] - 1
            config = StarterConfig(hidden=own["projection"].shape[0], rules=len(own["signs"]), weight=1.0)
            return Starter(config, own["centre"].shape[1], _words(count))
        if kind == "group-towers":
            (_, frozen, hidden), size, dim = own["first"].shape, own["second"].shape[2] - 1, len(saved["columns"])
            learned = GroupTowersConfig(hidden, size, "ids" if dim > frozen else "frozen", "one")
            words = GroupTowers(learned, dim, _words(1))
            words.make_room(own)
            return words
        tower = TwoTower(TwoTowerConfig(own["key"].shape[0]), len(own["mean"]), _words(own["category"].shape[0] - 1))
        tower.make_room(own)
        return tower
    except (KeyError, IndexError, ValueError):
        return None


def _words(count: int) -> Vocabulary:
    """So many categories; what they are called is not needed any more."""
    return Vocabulary(("",) * count, ("other",) * count)
