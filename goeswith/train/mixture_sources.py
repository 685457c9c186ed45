"""Sources of a mixture: likeness, the own model, those of teachers, and rules, as one run trains or opens them."""

from __future__ import annotations

import copy
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from goeswith import __version__
from goeswith.config import at_least, override
from goeswith.data.dataset import Dataset
from goeswith.data.features import WORD_IDS, Features, load_features
from goeswith.data.outfits import Outfits
from goeswith.errors import ConfigError
from goeswith.models import TrainingData, Vocabulary
from goeswith.models.group_towers import GroupTowers, GroupTowersConfig
from goeswith.models.likeness import Likeness
from goeswith.models.mixture import Source
from goeswith.models.starter import Starter, StarterConfig
from goeswith.models.two_tower import TwoTower, TwoTowerConfig
from goeswith.models.word_lifts import WordLifts
from goeswith.rules.rules import read_rules
from goeswith.train.run import Run
from goeswith.train.settings import TEACHER_HELD_OUT, TrainConfig, check_held_out
from goeswith.train.source import Say
from goeswith.train.training import train, training_data
from goeswith.train.trust import TrustConfig

MIXTURE, TOWER, LEARNED = "mixture", "two-tower", "group-towers"
TITLES, WORDS = "title-words", "words"


@dataclass(frozen=True)
class MixtureSettings:
    """What a mixture is made of. own: train two towers, and count and learn words, on the own training outfits.

    teacher_seeds: how many two towers are trained on each data set of a teacher, who says the mean of what they say.
    """

    own: bool = True
    teacher_seeds: int = 1

    def __post_init__(self) -> None:
        at_least(self, 1, "teacher_seeds")


@dataclass(frozen=True)
class Named:
    """What is trusted, with its name for people, e.g. ``fashionvc two-tower``.

    sources: one, or as many as a teacher has seeds, whose mean it is.
    """

    name: str
    sources: tuple[Source, ...]


class Maker:
    """Makes the sources of one mixture."""

    def __init__(
        self,
        dataset: Dataset,
        out: Path,
        features: Features,
        settings: list[str],
        say: Say | None,
        device: str | None = None,
    ) -> None:
        self.dataset, self.out, self.features, self.say, self.device = dataset, out, features, say, device
        self.teacher_settings = _of("teacher", settings)
        self.word_settings = _of(LEARNED, settings)
        self.own_settings = [s for s in settings if not s.startswith(("teacher.", f"{LEARNED}."))]
        configs = {"model": TwoTowerConfig(), "train": TrainConfig.of(TOWER)}
        check_held_out(override(configs, self.teacher_settings)["train"], TEACHER_HELD_OUT)
        self.configs = override({**configs, "mixture": MixtureSettings(), "trust": TrustConfig()}, self.own_settings)
        check_held_out(
            self.configs["train"], "a mixture is fitted on validation outfits, so it must not learn from them"
        )
        names = {field.name for kind in (MixtureSettings, TrustConfig) for field in fields(kind)}
        self.towers = [s for s in self.own_settings if s.partition("=")[0].strip() not in names]
        self.data, self.vocabulary, self.left_out = training_data(
            dataset, features, self.configs["model"], self.configs["train"]
        )
        outfits = training_data(dataset, features, None)[0].train if self.configs["train"].outfits else self.data.train
        self.worn_items = torch.from_numpy(np.unique(outfits.items))
        self.encoders = features.encoder.split("+")
        ends = np.cumsum(features.blocks)
        self.columns = {
            name: np.arange(end - size, end)
            for name, size, end in zip(self.encoders, features.blocks, ends, strict=True)
        }
        self.read = [name for name in self.encoders if name not in (WORDS, WORD_IDS)] or self.encoders
        """The encoders that two towers read."""
        self.compared = [name for name in self.read if name != TITLES] or self.read
        """Those whose cosines are a source, and which models of learned words read, too."""
        if self.word_settings and WORD_IDS not in self.encoders:
            raise ConfigError(
                f"--set {LEARNED}.{self.word_settings[0]} is for learned words, and {features.encoder} has none; "
                f"run goeswith encode {dataset.path} --encoder {WORD_IDS} and add it: --encoder ...+{WORD_IDS}"
            )
        self.word_settings = ["text=ids", "towers=one", "epochs=8", *self.word_settings]
        learning = {"model": GroupTowersConfig(), "train": TrainConfig.of(LEARNED)}
        self.learning = override(learning, self.word_settings)
        """The settings of learned words."""
        if (self.learning["model"].text, self.learning["model"].towers) != ("ids", "one"):
            raise ConfigError(
                f"learned words are those of text=ids and towers=one; leave {LEARNED}.text and .towers out"
            )

    def described(self, teachers: Sequence[str], rules: str | Path | None) -> dict[str, Any]:
        """What tells this run from others."""
        knowledge = asdict(self.configs["mixture"]) | asdict(self.configs["trust"])
        if knowledge["teacher_seeds"] == 1:  # as runs say it that are older than the setting
            del knowledge["teacher_seeds"]
        knowledge |= {"teachers": [_teacher(teacher) for teacher in teachers], "set": self.teacher_settings}
        knowledge |= {"rules": [asdict(rule) for rule in read_rules(rules)] if rules else []}
        if WORD_IDS in self.encoders:
            knowledge["learned_words"] = {part: asdict(config) for part, config in self.learning.items()}
        return describe(self.dataset, self.features, self.configs, self.vocabulary, self.left_out, knowledge)

    def sources(self, teachers: Sequence[str], rules: str | Path | None) -> list[Named]:
        """Likeness, then the own model, the teachers and the rules."""
        made = [self.likeness(name) for name in self.compared]
        taken = {self.out / "sources", self.folder("own")}
        if self.configs["mixture"].own:
            made.append(self.tower("own", self.train("own", self.dataset, self.towers)))
            made += self.lifts("own", self.data.train, self.features)
            made += self.learned("own", self.dataset, self.own_outfits)
        for teacher in teachers:
            title = Run(teacher).title if _is_run(teacher) else Dataset(teacher).name
            names = itertools.chain([title], (f"{title} {number}" for number in itertools.count(2)))
            name = next(name for name in names if self.folder(name) not in taken)
            taken.add(self.folder(name))
            made += self.teacher(name, teacher)
        return made + ([self.rules(rules)] if rules else [])

    def likeness(self, encoder: str) -> Named:
        """Likeness in one encoder."""
        columns = self.columns[encoder]
        model = Likeness.of(self.data.features[self.worn_items][:, columns])
        return Named(f"likeness {encoder}", (Source("likeness", model, columns, self.own_codes),))

    def teacher(self, name: str, path: str) -> list[Named]:
        """Two towers of a teacher and, where it is a data set, its word lifts and its learned words."""
        if _is_run(path):
            return [self.tower(name, Run(path))]
        dataset, seed = Dataset(path), self.configs["train"].seed
        run = self.train(name, dataset, [f"seed={seed}", *self.teacher_settings])
        others = [
            self.train(f"{name} seed {other}", dataset, [*self.teacher_settings, f"seed={other}"])
            for other in self.further_seeds
        ]
        made = [self.tower(name, run, *others)]
        loop = replace(TrainConfig(**run.config["train"]), outfits=0)
        if TITLES in self.encoders:
            hashed = load_features(dataset, TITLES)
            made += self.lifts(name, training_data(dataset, hashed, None, loop)[0].train, hashed)
        shuffled = f"shuffled_items={str(loop.shuffled_items).lower()}"
        return made + self.learned(name, dataset, [shuffled, f"seed={loop.seed}"])

    @property
    def own_outfits(self) -> list[str]:
        """Settings that say which of the own outfits are learned from."""
        config = self.configs["train"]
        return [f"{name}={getattr(config, name)}" for name in ("outfits", "outfits_seed", "seed")]

    @property
    def further_seeds(self) -> list[int]:
        """Of a teacher, after the first one, which is that of the own model."""
        first, count = self.configs["train"].seed, self.configs["mixture"].teacher_seeds
        return [first + 1000 * number for number in range(1, count)]

    def train(self, name: str, dataset: Dataset, settings: list[str]) -> Run:
        """Two towers on a data set, trained into ``sources``."""
        return train(
            TOWER, dataset, self.folder(name),
            settings=settings, encoder="+".join(self.read), say=self.say, device=self.device,
        )  # fmt: skip

    def folder(self, name: str) -> Path:
        """Of the run of a source."""
        return self.out / "sources" / re.sub(r"[\W_]+", "-", name.lower()).strip("-")

    def learned(self, name: str, dataset: Dataset, settings: list[str], folder: Path | None = None) -> list[Named]:
        """Words that a data set's outfits teach, in one tower for all groups, where words are numbered.

        Vectors are those of the items here less their mean. folder: of its run, by default in ``sources``.
        """
        if WORD_IDS not in self.encoders:
            return []
        encoders = [*self.compared, WORD_IDS]
        run = train(
            LEARNED, dataset, folder or self.folder(f"{name} learned words"),
            settings=[*self.word_settings, *settings], encoder="+".join(encoders), say=self.say, device=self.device,
        )  # fmt: skip
        columns = np.concatenate([self.columns[encoder] for encoder in encoders])
        model, codes = cast(GroupTowers, run.model), np.zeros_like(self.own_codes)  # one tower reads no category
        seen = self.data.features[self.worn_items][:, columns]
        model.standardise([seen], [len(self.columns[encoder]) for encoder in self.compared])
        model.centre(seen, torch.zeros(len(seen), dtype=torch.long))
        return [Named(f"{name} learned words", (Source(LEARNED, model, columns, codes),))]

    def tower(self, name: str, *runs: Run) -> Named:
        """The two towers of a run, or the mean of those of several.

        Raises:
            ConfigError: as `tower_of`.
        """
        return Named(f"{name} {TOWER}", tuple(self.tower_of(run) for run in runs))

    def tower_of(self, run: Run) -> Source:
        """The two towers of a run: those of another data set see the items here as this data set's standard has them.

        Raises:
            ConfigError: it is not a run of two towers, or has features that are not here.
        """
        encoders = run.config["encoder"].split("+")
        if run.name != TOWER or not set(encoders) <= set(self.encoders):
            raise ConfigError(
                f"{run.path} is a run of {run.name} in {run.config['encoder']}: only a run of {TOWER} in some of "
                f"{', '.join(self.encoders)} can be part of a mixture; name a data set to train one"
            )
        columns = np.concatenate([self.columns[name] for name in encoders])
        codes = _translated(self.vocabulary, run.vocabulary, self.data)
        model = cast(TwoTower, run.model).by_category()
        if run.config["dataset"]["fingerprint"] != self.dataset.fingerprint:
            blocks = [len(self.columns[name]) for name in encoders]
            model = copy.deepcopy(model)  # the run keeps its own standard
            model.standardise(self.data.features[self.worn_items][:, columns], blocks)
        own = torch.from_numpy(codes)[self.data.categories]
        if not bool((model.remembered(self.data.features[:, columns], own) < len(model.digests)).any()):
            model = model.without_memory()
        return Source(TOWER, model, columns, codes)

    def lifts(self, name: str, outfits: Outfits, features: Features) -> list[Named]:
        """Word lifts of some outfits, where titles are hashed."""
        if TITLES not in self.encoders:
            return []
        at = np.arange(features.values.shape[1]) if features.encoder == TITLES else self.columns[TITLES]
        seen = self.features.values[self.worn_items.numpy()][:, self.columns[TITLES]]
        model = WordLifts.count(features.values[:, at], outfits, seen)
        return [Named(f"{name} words", (Source("word-lifts", model, self.columns[TITLES], self.own_codes),))]

    def rules(self, path: str | Path) -> Named:
        """Rules alone: a starter without style.

        Raises:
            ConfigError: there are no hashed words to find them in.
        """
        if WORDS not in self.encoders:
            raise ConfigError(
                f"rules are found in hashed words, and {self.features.encoder} has none; "
                f"run goeswith encode {self.dataset.path} --encoder {WORDS} and add it: --encoder ...+{WORDS}"
            )
        obeyed, columns = read_rules(path), self.columns[WORDS]
        model = Starter(StarterConfig(hidden=1, rules=len(obeyed), weight=1.0), len(columns), self.vocabulary)
        model.factor.zero_()
        model.obey(obeyed)
        return Named("rules", (Source("rules", model, columns, self.own_codes),))

    @property
    def own_codes(self) -> np.ndarray:
        """(C + 1,) each category's own code."""
        return np.arange(len(self.vocabulary.categories) + 1)


def describe(
    dataset: Dataset,
    features: Features,
    configs: Mapping[str, Any],
    vocabulary: Vocabulary,
    left_out: dict[str, int],
    knowledge: dict[str, Any],
) -> dict[str, Any]:
    """What tells a mixture from others. configs: of the model and of its training; knowledge: what it is made of."""
    return {
        "model": MIXTURE,
        "goeswith": __version__,
        "settings": {},
        "train": asdict(configs["train"]),
        "tower": asdict(configs["model"]),
        "knowledge": knowledge,
        "rules": None,
        "encoder": features.encoder,
        "features": features.fingerprint,
        "dim": features.values.shape[1],
        "dataset": dataset.named,
        "left_out": left_out,
        "categories": list(vocabulary.categories),
        "groups": list(vocabulary.groups),
    }


def _of(prefix: str, settings: list[str]) -> list[str]:
    """The settings that begin with a prefix and a point, without them."""
    return [s.removeprefix(f"{prefix}.") for s in settings if s.startswith(f"{prefix}.")]


def _is_run(path: str) -> bool:
    """Whether a teacher is a run, and not a data set."""
    return (Path(path) / "config.json").is_file()


def _teacher(path: str) -> dict[str, Any]:
    """What tells a teacher from others."""
    if _is_run(path):
        run = Run(path)
        return {"run": run.title, "dataset": run.config["dataset"], "train": run.config["train"]}
    return {"run": "", "dataset": Dataset(path).named}


def _translated(vocabulary: Vocabulary, other: Vocabulary, data: TrainingData) -> np.ndarray:
    """(C + 1,) the code that each of our categories has in another vocabulary."""
    codes = np.full(len(vocabulary.categories) + 1, len(other.categories))
    codes[data.categories.numpy()] = other.codes(data.catalogue)
    return codes
