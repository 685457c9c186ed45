"""Run: a folder that holds a trained model, all its settings, its log and, while it trains, its state.

config.json  weights.safetensors  log.jsonl  tensorboard/  state.safetensors  teacher/  held-out/  rules.toml
rules.safetensors
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from goeswith import schemas
from goeswith.config import restore
from goeswith.data.catalogue import Catalogue
from goeswith.data.dataset import Dataset
from goeswith.data.features import Features, load_features
from goeswith.errors import DataError, ModelError
from goeswith.files import read_json
from goeswith.models import MODELS, Linear, Model, Towers, Vocabulary, model_classes
from goeswith.rules.rules import Rule, match
from goeswith.train.rule_teacher import RulesConfig, RuleTeacher, shuffled
from goeswith.train.scorers import LinearScorer, RunScorer, TaughtScorer, TowerScorer
from goeswith.train.scoring import encode
from goeswith.train.size_limit import SizeLimit, TooLargeError

if TYPE_CHECKING:
    from goeswith.train.export import ExportOptions

HELD_OUT = "held-out"
"""Folder in a run that has learned from validation outfits too: the same model before that, see `Run.measurable`."""
REMEDY = "train the run again"
SPARE = 1 << 20
"""Numbers that a model may have beside those that its file could hold."""


class Run:
    """A trained model, opened from its folder. device: what computes its scores, the CPU by default.

    Raises:
        ModelError: the folder is not a run, its training has not finished, or a file is broken.
    """

    def __init__(self, path: str | Path, device: torch.device | None = None) -> None:
        self.path, self.device = Path(path), device or torch.device("cpu")
        self.title = self.path.name  # what reports call it
        described = self.path / "config.json"
        if not described.is_file():
            raise ModelError(
                f"{self.path} is not a run (it has no config.json); train one: goeswith train DATASET --out RUN"
            )
        values = read_json(described, dict, REMEDY, ModelError)
        self.config = schemas.check(values, schemas.RunFile, described, REMEDY, ModelError)
        self.name: str = self.config["model"]
        self.vocabulary = Vocabulary(tuple(self.config["categories"]), tuple(self.config["groups"]))
        if len(self.vocabulary.categories) != len(self.vocabulary.groups):
            raise ModelError(f"{described} has more categories than groups, or fewer; {REMEDY}")

    @property
    def weights(self) -> Path:
        """The file of the weights, which has the hub's name in a folder made by `save_pretrained`."""
        exported = self.path / "model.safetensors"
        return exported if exported.is_file() else self.path / "weights.safetensors"

    @cached_property
    def model(self) -> Model:
        """The model with its trained weights, in eval mode."""
        model_class, config_class = model_classes(self.name)
        settings = restore(config_class, self.config["settings"], str(self.path / "config.json"))
        if not self.weights.is_file():
            raise ModelError(f"the training of {self.path} has not finished; run the same train command to resume")
        part = f"weights of this {self.name}"
        model = _loaded(self._built(model_class, settings, part), self.weights, part)
        return model.to(self.device) if self.device.type != "cpu" else model

    def _built(self, model_class: type, settings: Any, part: str) -> Any:
        """The model without its weights; sizes that differ from theirs are an error before memory is allocated."""
        numbers = self.config["dim"], self.vocabulary
        if self.name not in MODELS:
            return model_class(settings, *numbers)
        try:
            with SizeLimit(self.weights.stat().st_size + SPARE):  # a number has four bytes, so this leaves room
                return model_class(settings, *numbers)
        except (TooLargeError, RuntimeError, OverflowError):
            pass
        try:  # shapes alone, which needs torch's compiler and a second, but says what differs
            with torch.device("meta"):
                _saved(model_class(settings, *numbers), self.weights, part)
        except (RuntimeError, OverflowError):
            raise ModelError(f"{self.path / 'config.json'} has sizes that no memory can hold; {REMEDY}") from None
        return model_class(settings, *numbers)

    @property
    def learned_from(self) -> tuple[str, ...]:
        """The splits whose outfits it has learned from."""
        return tuple((self.config.get("train") or {}).get("learn_from", "train").split("+"))

    @cached_property
    def held_out(self) -> Run | None:
        """The same model as it was before it learned from more than training outfits, where there is one."""
        if not (self.path / HELD_OUT).is_dir():
            return None
        run = Run(self.path / HELD_OUT, self.device)
        run.title = self.title
        return run

    def measurable(self, dataset: Dataset, splits: Collection[str] = ("test",)) -> Run:
        """The run to measure on some splits of a data set: itself, unless it has learned from their outfits.

        Then it is the same model as it was before it learned from more than training outfits. A data set is known again
        by its name, or by its fingerprint.

        Raises:
            ModelError: that one is not there.
        """
        trained_on = self.config.get("dataset", {})
        # A shop's outfits change every week, and may be imported again under another name.
        own = trained_on.get("name") == dataset.name or trained_on.get("fingerprint") == dataset.fingerprint
        seen = [split for split in self.learned_from[1:] if split in splits]
        if not own or not seen:
            return self
        if self.held_out is None:
            raise ModelError(
                f"{self.path} has also learned from {' and '.join(seen)} outfits of {dataset.name} and its folder "
                f"{HELD_OUT} is missing, without which nothing there can measure it; {REMEDY}"
            )
        return self.held_out

    @property
    def notes(self) -> str:
        """On what the run was trained, as far as it says so, and on what it is scored."""
        there = self.config.get("computed_on")
        trained = f"trained on {there['device']} in {there['precision']}, " if there else ""
        scored = f"{trained}scored on {self.device.type} in fp32"
        return f"{scored}; as it was before it learned from outfits held out" if self.path.name == HELD_OUT else scored

    @property
    def by_group(self) -> bool:
        """Whether the model needs no more of a category that it has not seen than its group."""
        return bool(getattr(self.model, "by_group", False))

    def taught(self, scorer: RunScorer, catalogue: Catalogue) -> TaughtScorer | None:
        """The teacher q over the student's scores; None where no rules taught the run."""
        config = self.config.get("rules")
        if config is None:
            return None
        rules = [Rule(**rule) for rule in config["rules"]]
        settings = restore(
            RulesConfig, {k: v for k, v in config.items() if k != "rules"}, str(self.path / "config.json")
        )
        matches = match(rules, catalogue)
        if settings.shuffled_rules:
            matches = shuffled(matches, catalogue)
        teacher = RuleTeacher(matches, settings, scorer.states.hidden[0].numel())
        return TaughtScorer(scorer, _loaded(teacher, self.path / "rules.safetensors", "attention of these rules"))

    def scorer(self, dataset: Dataset, features: Features | None = None) -> RunScorer:
        """Score outfits of a catalogue: states of all its items are computed here, once.

        Raises:
            DataError: the features were made by another encoder than the run's.
        """
        features = features or load_features(dataset, self.config["encoder"])
        if features.encoder != self.config["encoder"] or features.values.shape[1] != self.config["dim"]:
            raise DataError(
                f"{self.path} was trained on {self.config['encoder']} features of {self.config['dim']} dimensions, "
                f"these are {features.encoder} of {features.values.shape[1]}; "
                f"run goeswith encode {dataset.path} --encoder {self.config['encoder']}"
            )
        codes = self.vocabulary.codes(dataset.catalogue, by_group=self.by_group)
        states = encode(self.model, torch.from_numpy(features.values), torch.from_numpy(codes))
        kind = RunScorer
        if isinstance(self.model, Towers):
            kind = TowerScorer
        elif isinstance(self.model, Linear) and self.model.linear:
            kind = LinearScorer
        return kind(self.title, self.model, states, features.present)

    def save_pretrained(self, folder: str | Path, **extra: Unpack[ExportOptions]) -> Path:
        """Write a folder to give away, with a model card; see `goeswith.train.export.save`, also for its arguments.

        Raises:
            ModelError, DataError: as the message says.
        """
        from goeswith.train.export import save

        return save(self, folder, **extra)

    def push_to_hub(self, repo_id: str, *, private: bool = False, **extra: Unpack[ExportOptions]) -> str:
        """Put the same folder on the Hugging Face hub; returns its address. See `goeswith.train.export.push`.

        Raises:
            ModelError, DataError: as the message says.
        """
        from goeswith.train.export import push

        return push(self, repo_id, private=private, **extra)


def _loaded(module: Any, path: Path, part: str) -> Any:
    """`module` with the weights of a file, in eval mode; for errors see `_saved`."""
    module.load_state_dict(_saved(module, path, part))
    return module.eval()


def _saved(module: Any, path: Path, part: str) -> dict[str, torch.Tensor]:
    """The weights in a file, if they are those of `module`.

    Raises:
        ModelError: the file is missing or broken, or holds other weights.
    """
    try:
        saved = load_file(path)
        if hasattr(module, "make_room"):
            module.make_room(saved)
        difference = _difference(saved, module.state_dict())
    except (OSError, SafetensorError) as error:
        difference = str(error).splitlines()[0]
    if difference:
        raise ModelError(f"{path} does not hold the {part} ({difference}); remove {path.parent} and train it again")
    return saved


def _difference(saved: dict[str, torch.Tensor], needed: dict[str, torch.Tensor]) -> str:
    """The first tensor that is not as it is needed, in words; empty where all are."""
    for name, tensor in needed.items():
        if name not in saved:
            return f"it lacks the tensor {name}"
        if saved[name].shape != tensor.shape:
            return f"its {name} has the shape {tuple(saved[name].shape)} where {tuple(tensor.shape)} is needed"
    if name := next((name for name, tensor in saved.items() if not tensor.isfinite().all()), ""):
        return f"its {name} has numbers that are not finite"
    return next((f"it has the tensor {name}, which does not belong there" for name in saved if name not in needed), "")
