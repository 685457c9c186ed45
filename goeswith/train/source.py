"""Source: a source of knowledge, which teaches a student beside its own outfits, and its interface."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from goeswith import plugins
from goeswith.errors import ConfigError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from goeswith.data.catalogue import Catalogue
    from goeswith.data.outfits import OutfitBatch
    from goeswith.models import FeatureRows, ItemStates, Model, TrainingData, Vocabulary
    from goeswith.train.settings import TrainConfig

SOURCES = {
    "designers": ("goeswith.train.teachers", "DesignersSource"),
    "rules": ("goeswith.train.rule_teacher", "RulesSource"),
    "preferences": ("goeswith.train.preferences", "PreferencesSource"),
    "start": ("goeswith.train.warm_start", "WarmStartSource"),
}
"""Name of a source of knowledge → module and class, see `Source`."""

Say = Callable[[str], Callable[[int, int, dict[str, float]], None]]
"""Called with the name of a stage; returns what to call after each of its epochs."""


@dataclass(frozen=True)
class Step:
    """One training step, as knowledge sees it.

    features: (U, D) of the step's distinct items, categories: (U,), states: of the same items.
    positive: the step's outfits, items as rows of the states.
    items: (B, n) the same outfits as catalogue rows. corrupt: (B, r, n) their corruptions, one item replaced in each.
    Both are on the CPU, where all chance is drawn; everything else is on the device that trains.
    negative: the corruptions as rows of the states, r of the first outfit, r of the next.
    right: (B,) scores of the outfits. wrong: (B, r) those of the corruptions. objective: the student's own loss.
    epoch: how many are finished.
    all_features: (catalogue, D) and all_categories: (catalogue,), for items outside the step.
    generator: the source of all randomness, so that a resumed run is the same run.
    """

    features: Tensor
    categories: Tensor
    states: ItemStates
    positive: OutfitBatch
    items: Tensor
    corrupt: Tensor
    negative: OutfitBatch
    right: Tensor
    wrong: Tensor
    objective: Tensor
    epoch: int
    all_features: FeatureRows
    all_categories: Tensor
    generator: torch.Generator


class Knowledge(Protocol):
    """A source of knowledge, a torch module: its trainable parameters train along, its state is saved and resumed."""

    def prepare(self, student: Model) -> None:
        """Act once on the fresh student, before its first step."""
        ...

    def loss(self, student: Model, step: Step) -> Tensor:
        """What this source adds to the loss of one step, weighted."""
        ...

    def after_step(self) -> None:
        """Act after the optimiser has moved, e.g. to average weights."""
        ...


@dataclass(frozen=True)
class Student:
    """The model that is to be taught, before its training.

    config: settings of the model, of its own class. train: those of its training. encoder, dim: of its features.
    out: folder of the run. say: see `Say`.
    """

    name: str
    model: Model
    catalogue: Catalogue
    config: Any
    train: TrainConfig
    data: TrainingData
    vocabulary: Vocabulary
    encoder: str
    dim: int
    out: Path
    say: Say | None


class Source(Protocol):
    """A kind of knowledge, opened from the value that the command line has for it: a path, mostly.

    flag: how it is given on the command line, for messages. prefix: of settings that are its own alone, or empty.
    config: class of its settings, a frozen dataclass; its method ``check(model)``, if it has one, refuses models.
    key: under what name the run's config.json keeps what is `described`.
    files: names in the run's folder that belong to it: what `teach` or `write` leave there.
    described: all that tells this knowledge from other, as JSON, or None; another run is not resumed.
    """

    flag: ClassVar[str]
    prefix: ClassVar[str]
    key: ClassVar[str]
    files: ClassVar[tuple[str, ...]]
    config: ClassVar[type]
    described: dict[str, Any] | None

    def __init__(self, value: str, config: Any, student: Student, settings: list[str]) -> None: ...

    def teach(self) -> Knowledge:
        """The torch module that takes part in training; what it needs is trained first."""
        ...

    def write(self, out: Path) -> None:
        """Keep with the finished run what it will need to be opened."""
        ...


def source_paths(texts: Iterable[str]) -> dict[str, str]:
    """Name of each source → what it is given, from ``NAME=PATH``.

    Raises:
        ConfigError: a text has another form, or a name is given twice.
    """
    paths: dict[str, str] = {}
    for text in texts:
        name, _, path = text.partition("=")
        if not (name and path):
            raise ConfigError(f"knowledge {text!r} must be NAME=PATH")
        if name in paths:
            raise ConfigError(f"knowledge {name} is given twice, as {paths[name]} and as {path}; give it once")
        paths[name] = path
    return paths


def source_class(name: str) -> type[Source]:
    """The class of a source of knowledge, of this package or of another.

    Raises:
        ConfigError: there is no source of that name.
    """
    if name in SOURCES:
        module, attribute = SOURCES[name]
        return getattr(import_module(module), attribute)
    if (loaded := plugins.load("knowledge", name)) is None:
        raise ConfigError(f"there is no knowledge {name!r}; there are: {plugins.names('knowledge', SOURCES)}")
    return loaded
