"""Models: what every scorer and every trainable model offers, and the dict that names them."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import polars as pl

from goeswith import plugins
from goeswith.data.catalogue import GROUPS, Catalogue
from goeswith.data.garments import nearest_category
from goeswith.data.scorer import Chooser as Chooser
from goeswith.data.scorer import Scorer as Scorer
from goeswith.errors import ConfigError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from goeswith.data.outfits import OutfitBatch, Outfits

MODELS = {
    "two-tower": ("goeswith.models.two_tower", "TwoTower", "TwoTowerConfig"),
    "add-gnn": ("goeswith.models.add_gnn", "AddGnn", "AddGnnConfig"),
    "akd-dbpr": ("goeswith.models.akd_dbpr", "AkdDbpr", "AkdDbprConfig"),
    "teacher": ("goeswith.models.teacher", "Teacher", "TeacherConfig"),
    "ngnn": ("goeswith.models.ngnn", "Ngnn", "NgnnConfig"),
    "type-aware": ("goeswith.models.type_aware", "TypeAware", "TypeAwareConfig"),
    "csa-net": ("goeswith.models.csa_net", "CsaNet", "CsaNetConfig"),
    "sce-net": ("goeswith.models.sce_net", "SceNet", "SceNetConfig"),
    "bilstm": ("goeswith.models.bilstm", "BiLstm", "BiLstmConfig"),
    "outfit-transformer": ("goeswith.models.outfit_transformer", "OutfitTransformer", "OutfitTransformerConfig"),
    "bpr-dae": ("goeswith.models.bpr_dae", "BprDae", "BprDaeConfig"),
    "group-towers": ("goeswith.models.group_towers", "GroupTowers", "GroupTowersConfig"),
}
"""Name on the command line → module, class, config class. A class of another package has its own as ``config``."""

READY = {
    "starter": ("goeswith.models.starter", "Starter", "StarterConfig"),
    "mixture": ("goeswith.models.mixture", "Mixture", "MixtureConfig"),
}
"""The same of models that are made and not trained."""

ROWS = 1 << 13
"""Items whose features are read at a time."""

DEFAULT = "two-tower"
"""The model that is trained where none is named."""


class ItemStates(NamedTuple):
    """What a model knows of items, computed once per distinct item.

    hidden: (U, ...), (U, K, H) for ADD-GNN. categories: (U,) int64 codes in the model's own vocabulary.
    """

    hidden: Tensor
    categories: Tensor

    def to(self, device: torch.device) -> ItemStates:
        """The same on a device."""
        return ItemStates(self.hidden.to(device), self.categories.to(device))

    def rows(self, at: Tensor | slice) -> ItemStates:
        """Those of some rows."""
        return ItemStates(self.hidden[at], self.categories[at])


class Model(Protocol):
    """A trainable model: a torch module made from (config, dim, vocabulary)."""

    def observe(self, data: TrainingData) -> None:
        """Take from the TRAINING outfits what is counted rather than learned."""
        ...

    def encode_items(self, features: Tensor, categories: Tensor) -> ItemStates:
        """States of items, from features (U, D) and category codes (U,)."""
        ...

    def score(self, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """Scores (B,) of outfits whose `items` are rows of the states; NaN where there is no answer."""
        ...

    def objective(self, right: Tensor, wrong: Tensor, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """The loss of one step, `penalty` apart.

        right: (B,) scores of the outfits. wrong: (B, r) scores of their corruptions.
        states, batch: what was scored, the B outfits first, then the corruptions: r of the first outfit, r of the next.
        """
        ...

    def penalty(self) -> Tensor:
        """What is added to the objective whatever the batch is."""
        ...

    def parameters(self) -> Iterator[torch.nn.Parameter]:
        """The parameters to train."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """All tensors to keep, by name."""
        ...

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> Any:
        """Take the tensors that `state_dict` gave."""
        ...

    def to(self, device: torch.device) -> Any:
        """Go to a device."""
        ...

    def train(self) -> Any:
        """Go into training, with dropout."""
        ...

    def eval(self) -> Any:
        """Go out of training."""
        ...


@runtime_checkable
class Searchable(Protocol):
    """A model with a first stage: candidates for a gap are searched by inner products before the model scores them."""

    def keys(self, states: ItemStates) -> Tensor:
        """What is searched of items, (U, d)."""
        ...

    def query(self, states: ItemStates, items: Tensor, typical: ItemStates) -> tuple[Tensor, Tensor]:
        """Vectors (B, d) and offsets (B,) of outfits (B, n) that lack an item like the `typical` (B, ...) one.

        Vector · key + offset is about the score of the outfit with the item.
        """
        ...


@runtime_checkable
class Linear(Searchable, Protocol):
    """A model whose score of an outfit may be linear in the state of each item, given the item's category."""

    @property
    def linear(self) -> bool:
        """Whether it is: vector · key + offset of `query` is the score itself, whatever the typical item is."""
        ...


@runtime_checkable
class Towers(Searchable, Protocol):
    """A model whose score of a candidate for a gap is query · key, whatever outfit lacks it."""

    def queries(self, states: ItemStates, batch: OutfitBatch, wanted: Tensor) -> Tensor:
        """Queries (B, h) of outfits that lack an item of the `wanted` (B,) categories."""
        ...


@runtime_checkable
class ItemMemory(Protocol):
    """A model that knows items again, which takes as long as half of a step's draws: a training looks it up once."""

    def remembered(self, features: Tensor, categories: Tensor) -> Tensor:
        """(U,) int64, what the model has of each item."""
        ...

    def encode_items(self, features: Tensor, categories: Tensor, at: Tensor | None = None) -> ItemStates:
        """As `Model.encode_items`; at: what `remembered` says of the items, if that is known already."""
        ...


@runtime_checkable
class PairScored(Protocol):
    """A model whose score of an outfit is the mean of the scores of its pairs."""

    def pair_scores(self, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """Scores (B, n, n) of each item beside each other one inside its outfit."""
        ...


@runtime_checkable
class ModelScorer(Scorer, Protocol):
    """The scorer of a model over the states of all items of a catalogue."""

    model: Model
    states: ItemStates

    @property
    def device(self) -> torch.device:
        """Where the model and its states are."""
        ...


class FeatureRows(Protocol):
    """Features (U, D) by catalogue row: a tensor, or what reads the rows it is asked for from a file."""

    @property
    def shape(self) -> Sequence[int]:
        """(U, D)."""
        ...

    def __getitem__(self, rows: Any) -> Tensor:
        """(n, D) float32 of some rows (n,)."""
        ...

    def to(self, device: torch.device) -> FeatureRows:
        """The same for a model on another device."""
        ...


@dataclass(frozen=True)
class TrainingData:
    """Features (U, D) and category codes (U,) by catalogue row, and the outfits to learn from and to select on.

    blocks: how many of the D dimensions are each encoder's; all of them one's where it is empty.
    """

    catalogue: Catalogue
    features: FeatureRows
    categories: Tensor
    usable: np.ndarray
    train: Outfits
    valid: Outfits
    blocks: tuple[int, ...] = ()

    def of(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Features (n, D) and category codes (n,) of catalogue rows (n,), on the device that the data are on."""
        rows = rows.to(self.categories.device)
        read = getattr(self.features, "index_select", None)  # a tensor's, twice as quick as an index in brackets
        return self.features[rows] if read is None else read(0, rows), self.categories[rows]

    def ranges(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """The least and the greatest value (D,) of each feature over some catalogue rows (n,)."""
        least, greatest = zip(*((part.amin(0), part.amax(0)) for part in self.parts(rows)), strict=True)
        return functools.reduce(lambda a, b: a.minimum(b), least), functools.reduce(lambda a, b: a.maximum(b), greatest)

    def parts(self, rows: Tensor) -> Iterator[Tensor]:
        """Features of catalogue rows (n,), so many at a time that they need little memory."""
        return (self.of(some)[0] for some in rows.split(ROWS))

    def to(self, device: torch.device) -> TrainingData:
        """The same with features and categories on a device."""
        return replace(self, features=self.features.to(device), categories=self.categories.to(device))


@dataclass(frozen=True)
class Vocabulary:
    """The categories a model was trained on, and the group of each."""

    categories: tuple[str, ...]
    groups: tuple[str, ...]

    @classmethod
    def of(cls, catalogue: Catalogue) -> Vocabulary:
        """The catalogue's categories, each with the group that most of its items have."""
        groups = catalogue.items.group_by("category").agg(pl.col("group").drop_nulls().mode().sort().first())
        group_of = dict(groups.iter_rows())
        return cls(tuple(catalogue.categories), tuple(group_of[c] or "other" for c in catalogue.categories))

    def regroup(self, catalogue: Catalogue) -> Catalogue:
        """The catalogue with each item in the group of its category, which is all that a model knows of it."""
        groups = dict(zip(self.categories, self.groups, strict=True))
        return Catalogue(catalogue.items.with_columns(group=pl.col("category").replace_strict(groups, default=None)))

    def codes(self, catalogue: Catalogue, by_group: bool = False) -> np.ndarray:
        """(U,) int64 codes of a catalogue's items; a category unknown here gets that of its match, see `matches`.

        Without a match its code is ``len(categories)``.

        by_group: for models that need no more than the group, an item of an unknown category without a namesake gets
        ``len(categories) + 1 +`` the place of its group in `GROUPS`, where it has one.
        """
        code_of = {category: code for code, category in enumerate(self.categories)}
        matches = self.matches(catalogue, by_name=by_group)
        matched = [matches.get(category, category) for category in catalogue.categories]
        lookup = np.array([code_of.get(category, len(code_of)) for category in matched], dtype=np.int64)
        codes = lookup[catalogue.category_codes]
        if not by_group:
            return codes
        groups = pl.Series(GROUPS).to_frame("group").with_row_index("place")
        own = catalogue.items.select("group").join(groups, on="group", how="left", maintain_order="left")["place"]
        group_codes = own.cast(pl.Int64).fill_null(-1).to_numpy()
        return np.where((codes == len(code_of)) & (group_codes >= 0), len(code_of) + 1 + group_codes, codes)

    def matches(self, catalogue: Catalogue, *, by_name: bool = False) -> dict[str, str]:
        """Categories of a catalogue that are unknown here, and the known one that stands for each.

        The nearest by name (see `goeswith.data.garments.nearest_category`), of the same group where both have one; else
        the category of its group that most items of the catalogue have, or the first. A category without a group has
        none unless its name says so.

        by_name: only the nearest by name.
        """
        groups = dict(zip(self.categories, self.groups, strict=True))
        other = Vocabulary.of(catalogue)
        counts = dict(catalogue.items["category"].value_counts().iter_rows())
        matched = {}
        for category, group in zip(other.categories, other.groups, strict=True):
            if category in groups:
                continue
            alike = [name for name in groups if groups[name] == group or "other" in (group, groups[name])]
            grouped = [name for name in groups if groups[name] == group != "other"]
            if named := nearest_category(category, alike):
                matched[category] = named
            elif grouped and not by_name:
                matched[category] = max(grouped, key=lambda name: counts.get(name, 0))
        return matched


def model_classes(name: str) -> tuple[Any, Any]:
    """The class and the config class of a model.

    Raises:
        ConfigError: there is no model of that name.
    """
    if name in MODELS or name in READY:
        module, model, config = (MODELS | READY)[name]
        home = import_module(module)
        return getattr(home, model), getattr(home, config)
    if (loaded := plugins.load("models", name)) is None:
        raise ConfigError(f"there is no model {name!r}; the models are: {plugins.names('models', MODELS)}")
    return loaded, loaded.config


def exact(model: Model) -> bool:
    """Whether query · key is the model's own score of a candidate for a gap, and not an estimate of the outfit's."""
    return bool(getattr(model, "exact", False))


def is_model(name: str) -> bool:
    """Whether a name is a model's, here or in another package."""
    return name in MODELS or ":" in name or name in plugins.offered("models")


def model_module(name: str) -> ModuleType:
    """The module that a model is defined in.

    Raises:
        ConfigError: there is no model of that name.
    """
    return import_module(model_classes(name)[0].__module__)


def training_settings(name: str) -> dict[str, Any]:
    """The settings of the training loop that a model brings with it: ``TRAINING`` of its module, if there is one.

    Raises:
        ConfigError: there is no model of that name.
    """
    return dict(getattr(model_module(name), "TRAINING", {}))
