"""Study's sources: the models of a study's arms, each trained once, and their answers.

A source answers the questions of validation outfits (for trust) and of test outfits (for the exhaustive AUC) once; arms
are then made of the answers, so that one more arm costs next to nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from goeswith import __version__
from goeswith.config import override
from goeswith.data.catalogue import GROUPS
from goeswith.data.dataset import Dataset
from goeswith.data.features import WORD_IDS, Features, load_features
from goeswith.data.positions import Positions, list_positions
from goeswith.data.shared_items import SharedItems
from goeswith.evaluate.exhaustive import position_scores
from goeswith.evaluate.shortcuts import Shortcuts
from goeswith.experiments.study import ARMS, FEW, FLOORS, Arm, Study
from goeswith.models import Scorer
from goeswith.models.add_gnn import AddGnnConfig
from goeswith.models.mixture import Mixture
from goeswith.models.two_tower import TwoTower, TwoTowerConfig
from goeswith.train.mixture_sources import LEARNED, TITLES, TOWER, Maker, Named
from goeswith.train.run import Run
from goeswith.train.settings import TrainConfig
from goeswith.train.teachers import followed
from goeswith.train.training import train, training_data
from goeswith.train.trust_questions import differences, held_out_positions, question_mass

LIKENESS = "likeness"
NO_OWN = (
    LIKENESS, "designers", "designers words", "designers learned words",
    "shuffled", "shuffled words", "shuffled learned words", "untrained", "rules",
)  # fmt: skip
"""Sources that need no own outfit, and are the same for every N."""
STARTS = ("start", "shuffled start")
"""Towers that are never mixed with others; so is no student of ADD-GNN."""
CARRIED = {"masks": "masks", "responses": "responses", "scorer": "masks+initialisation"}
"""Students of ADD-GNN, but for ``shuffled``, → what a teacher carries to them, see `goeswith.train.designers`."""
GNN, SHUFFLED = "add-gnn.", "shuffled "


class Answers(NamedTuple):
    """(F, G) differences of one source, of validation and of test questions, see `goeswith.train.trust.TrustQuestions`.

    No validation question is asked of a source that no arm mixes: trust is what they are for.
    """

    valid: np.ndarray
    test: np.ndarray


class Bench:
    """The sources of one seed of a study, made when they are asked for.

    Args:
        out: folder for what this study alone needs. runs: for trainings; studies that have the same ones may share it.

    Raises:
        ConfigError: an arm needs rules, and they cannot be read or there are no hashed words to find them in.
    """

    def __init__(self, study: Study, seed: int, out: Path, runs: Path | None = None) -> None:
        self.study, self.seed, self.runs = study, seed, runs or out / "runs"
        self.dataset, self.designers = Dataset(study.dataset), designers_of(study, out)
        self.features = load_features(self.dataset, study.encoder)
        self.cache: dict[str, Answers] = {}
        self.teachers: dict[str, list[Run]] = {}
        outfits, _ = self.dataset.outfits.keep(self.features.present)
        self.test = list_positions(
            self.dataset.catalogue, outfits.split("test"), self.features.present, [outfits], most=study.candidates
        )
        self.maker = self._maker(0)
        if any("rules" in ARMS[arm].sources for arm in study.arms):
            self.maker.rules(study.rules)  # so that a missing file or encoder shows before the first training
        self.valid = held_out_positions(self.maker.data, self.maker.configs["trust"])
        self.valid_mass = question_mass(self.valid)
        self.signature = (
            f"{self.dataset.name}:{self.dataset.fingerprint}|test|exhaustive|matched|c{self.test.most_candidates}|seed0"
            f"|goeswith{__version__}|q{self.test.digest}"
        )

    def sources(self, arm: Arm, outfits: int) -> list[str]:
        """What an arm is made of, with so many own outfits: words where there are their encoders, one likeness each."""
        there = [
            source
            for source in arm.sources
            if (outfits or source in NO_OWN) and (_words_of(source) in (None, *self.maker.encoders))
        ]
        alike = [LIKENESS, *(f"{LIKENESS} {encoder}" for encoder in self.maker.compared[1:])]
        return [name for source in there for name in (alike if source == LIKENESS else [source])]

    def answers(self, source: str, outfits: int) -> Answers:
        """What a source says, with so many own outfits; kept where it does not depend on them."""
        key = source if _needs_no_own(source) else f"{source} {outfits}"
        if key not in self.cache:
            if key != source:  # answers of another number of own outfits are not needed any more
                self.cache = {
                    name: value
                    for name, value in self.cache.items()
                    if _needs_no_own(name) or name.endswith(f" {outfits}")
                }
            if source in FLOORS:
                self.cache[key] = self._asked(self._floor(source, outfits))
            elif is_gnn(source):
                self.cache[key] = self._asked(self._gnn(source, outfits).scorer(self.dataset))
            else:
                self.cache[key] = self._answers_of(self._named(source, outfits), source not in STARTS)
        return self.cache[key]

    def _answers_of(self, named: Named, mixed: bool) -> Answers:
        maker = self.maker
        mixture = Mixture.of(named.sources, maker.data.features.shape[1], maker.vocabulary)
        test = differences(mixture, maker.data, self.test).mean(axis=1)
        return Answers(differences(mixture, maker.data, self.valid).mean(axis=1) if mixed else test[:0], test)

    def _named(self, source: str, outfits: int) -> Named:
        """A source that can be part of a mixture."""
        maker = self.maker if _needs_no_own(source) else self._maker(outfits)
        if source.startswith(LIKENESS):
            encoder = source.removeprefix(LIKENESS).strip()
            return maker.likeness(encoder or maker.compared[0])
        who = "shuffled" if source.startswith("shuffled") else "designers"
        match source:
            case "own":
                return maker.tower("own", self._towers("own", outfits, self.dataset, maker.towers))
            case "another":
                return maker.tower(source, *self._further(maker, outfits))
            case "own words":
                return maker.lifts("own", maker.data.train, maker.features)[0]
            case "designers" | "shuffled":
                return maker.tower(who, *self._teachers(who))
            case "own learned words":
                return self._learned("own", outfits, self.dataset, maker.own_outfits)
            case "designers words" | "shuffled words":
                return self._lifts(who)
            case "designers learned words" | "shuffled learned words":
                return self._learned(who, None, self.designers, [*_shuffled(who), f"seed={self.seed}"])
            case "untrained":
                return self._untrained()
            case "rules":
                return maker.rules(self.study.rules)
            case _:
                teacher = self._teachers(who)[0]
                return maker.tower(source, self._towers(source, outfits, self.dataset, maker.towers, start=teacher))

    def _maker(self, outfits: int) -> Maker:
        """Of the sources with so many own outfits (0 and −1: all)."""
        return Maker(self.dataset, self.runs, self.features, self._settings(outfits)[0], None)

    def _towers(self, name: str, outfits: int | None, dataset: Dataset, settings: list[str], **more: Run) -> Run:
        """Two towers. more: runs that training begins from."""
        encoder = "+".join(self.maker.read)
        knowledge = {name: str(run.path) for name, run in more.items()}
        folder = self._folder(name, outfits, TOWER, dataset, encoder, settings, more.values())
        return train(TOWER, dataset, folder, settings=settings, encoder=encoder, knowledge=knowledge)

    def _folder(
        self, name: str, outfits: int | None, model: str, dataset: Dataset, encoder: str, settings: Sequence[str],
        more: Iterable[Run] = (),
    ) -> Path:  # fmt: skip
        """Of a training: another one for everything that it depends on, so that what is there already is the same."""
        last = sorted(dict(setting.split("=", 1) for setting in settings).items())
        parts = [__version__, model, dataset.named, encoder, last, [run.path.name for run in more]]
        count = "" if outfits is None else f"-{'all' if outfits < 1 else outfits}"
        return self.runs / f"seed{self.seed}{count}-{name.replace(' ', '-')}" / _digest(json.dumps(parts).encode())

    def _settings(self, outfits: int) -> tuple[list[str], list[str]]:
        """Settings with so many own outfits (0 and −1: all), of towers and of ADD-GNN."""
        count = max(outfits, 0)
        chosen = [*self.study.set, *(self.study.few if 0 < count <= FEW else ())]
        own = [f"outfits={count}", f"seed={self.seed}"]
        towers = [s for s in chosen if not s.startswith(GNN)]
        return [*towers, *own], [*(s.removeprefix(GNN) for s in chosen if s.startswith(GNN)), *own]

    def _teachers(self, who: str) -> list[Run]:
        """Two towers of the designers, or of shuffled ones, as many as a teacher has seeds; opened once."""
        if who in self.teachers:
            return self.teachers[who]
        shuffled = _shuffled(who)
        made = []
        for number, seed in enumerate([self.seed, *self.maker.further_seeds], start=1):
            settings = [*self.maker.teacher_settings, *shuffled, f"seed={seed}"]
            made.append(self._towers(_numbered(who, number), None, self.designers, settings))
        self.teachers[who] = made
        return made

    def _further(self, maker: Maker, outfits: int) -> list[Run]:
        """Two towers of the own outfits with other seeds than the own model's, as many as a teacher has towers."""
        same_outfits = [*maker.towers, f"outfits_seed={self.seed}"]
        return [
            self._towers(
                _numbered("another", number),
                outfits,
                self.dataset,
                [*same_outfits, f"seed={self.seed + 1000 * number}"],
            )
            for number in range(1, len(maker.further_seeds) + 2)
        ]

    def _lifts(self, who: str) -> Named:
        hashed: Features = load_features(self.designers, TITLES)
        loop = TrainConfig(shuffled_items=who == "shuffled", seed=self.seed)
        data, _, _ = training_data(self.designers, hashed, None, loop)
        return self.maker.lifts(who, data.train, hashed)[0]

    def _learned(self, who: str, outfits: int | None, dataset: Dataset, settings: list[str]) -> Named:
        """Learned words of the own outfits, of the designers, or of shuffled ones."""
        maker = self.maker
        depends = [*maker.word_settings, *settings]
        folder = self._folder(f"{who} learned words", outfits, LEARNED, dataset, "+".join(maker.encoders), depends)
        return maker.learned(who, dataset, settings, folder)[0]

    def _untrained(self) -> Named:
        """Two towers as they are before training: a random projection."""
        maker = self.maker
        run = self._teachers("designers")[0]
        torch.manual_seed(self.seed)
        fresh = TwoTower(TwoTowerConfig(**run.config["settings"]), run.config["dim"], run.vocabulary).eval()
        source = maker.tower_of(run)
        blocks = [len(maker.columns[name]) for name in run.config["encoder"].split("+")]  # as the teacher's
        fresh.standardise(maker.data.features[maker.worn_items][:, source.columns], blocks)
        return Named("untrained", (source._replace(model=fresh),))

    def _floor(self, name: str, outfits: int) -> Scorer:
        """What the records say, counted in the own outfits.

        It is weighed by folds of them, as the floor of every table, or by validation outfits where there are more of
        these: folds of few outfits hardly have questions.
        """
        data = self._maker(outfits).data
        held_out = data.valid if len(data.valid) > len(data.train) else None
        return Shortcuts(self.dataset, data.train, held_out).floors[name]

    def _asked(self, scorer: Scorer) -> Answers:
        """What a scorer that is never mixed with others says."""
        truth, wrong = position_scores(scorer, self.test)
        answers = np.zeros((len(truth), len(GROUPS)))
        answers[:, 0] = truth - wrong
        return Answers(answers[:0], answers)

    def _gnn(self, source: str, outfits: int) -> Run:
        """An ADD-GNN, taught or not."""
        settings = [s for s in self._settings(outfits)[1] if not s.startswith("teacher.")]
        teachers = []
        if source != "add-gnn":
            settings.append(f"carry={CARRIED[source.removeprefix(SHUFFLED)]}")
            teachers.append(self._gnn_teacher(source.startswith(SHUFFLED)))
        encoder = "+".join(self.maker.read)
        return train(
            "add-gnn", self.dataset,
            self._folder(source, outfits, "add-gnn", self.dataset, encoder, settings, teachers),
            teacher=teachers[0].path if teachers else None, encoder=encoder, settings=settings,
        )  # fmt: skip

    def _gnn_teacher(self, shuffled: bool) -> Run:
        """ADD-GNN's teacher, the same for all of its students; opened once."""
        who = "shuffled" if shuffled else "designers"
        if (key := f"add-gnn {who}") not in self.teachers:
            settings = self._settings(0)[1]
            student = [s for s in settings if not s.startswith("teacher.")]
            configs = override({"model": AddGnnConfig(), "train": TrainConfig.of("add-gnn")}, student)
            own = [s.removeprefix("teacher.") for s in settings if s.startswith("teacher.")]
            encoder, settings = "+".join(self.maker.read), [*followed(configs["model"], configs["train"]), *own]
            settings += _shuffled(who)
            folder = self._folder(key, None, "teacher", self.designers, encoder, settings)
            self.teachers[key] = [train("teacher", self.designers, folder, encoder=encoder, settings=settings)]
        return self.teachers[key][0]


def designers_of(study: Study, out: Path) -> Dataset:
    """The designers' data set, written below `out` where some of its outfits are left out.

    Raises:
        DataError: none of its outfits is left.
    """
    designers = Dataset(study.designers)
    if not study.drop_shared_items:
        return designers
    return SharedItems.of(designers, Dataset(study.dataset)).left_out(out)


def knowledge_of(study: Study, arm: str, designers: Dataset) -> str:
    """12 hex digits over the designers' data set and, where an arm reads them, the rules."""
    there = "rules" in ARMS[arm].sources and Path(study.rules).is_file()
    return _digest(designers.fingerprint.encode() + (Path(study.rules).read_bytes() if there else b""))


def is_gnn(source: str) -> bool:
    """Whether a source is an ADD-GNN, taught or not, which shares no training with any other."""
    return source == "add-gnn" or source.removeprefix(SHUFFLED) in CARRIED


def _digest(what: bytes) -> str:
    return hashlib.sha256(what).hexdigest()[:12]


def _numbered(name: str, number: int) -> str:
    """The name of the first, second, … of several runs."""
    return f"{name} {number}" if number > 1 else name


def _shuffled(who: str) -> list[str]:
    return ["shuffled_items=true"] if who == "shuffled" else []


def _words_of(source: str) -> str | None:
    """The encoder that a source of words needs."""
    if not source.endswith("words"):
        return None
    return WORD_IDS if source.endswith("learned words") else TITLES


def _needs_no_own(source: str) -> bool:
    return source in NO_OWN or source.startswith(LIKENESS)


def outfit_aucs(logits: np.ndarray, positions: Positions) -> tuple[np.ndarray, np.ndarray]:
    """AUC (N,) and weight (N,) of each outfit from differences (F,) of its questions, as `exhaustive_auc` has them."""
    owner = positions.owner[positions.at]
    mass, count = question_mass(positions), len(positions.outfits)
    won = np.bincount(owner, mass * ((logits > 0) + (logits == 0) / 2), count)
    weight = np.bincount(owner, mass, count)
    return np.divide(won, weight, out=np.full(count, np.nan), where=weight > 0), weight


def stack(answers: Sequence[Answers], part: str) -> np.ndarray:
    """(F, S, G) differences of several sources."""
    return np.stack([getattr(each, part) for each in answers], axis=1)
