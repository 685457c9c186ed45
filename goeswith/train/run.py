"""Run: a folder that holds a trained model, all its settings, its log and, while it trains, its state.

config.json  weights.safetensors  log.jsonl  tensorboard/  state.safetensors  teacher/  rules.toml  rules.safetensors
"""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from goeswith import __version__
from goeswith.config import override, restore
from goeswith.data.catalogue import Catalogue
from goeswith.data.dataset import Dataset
from goeswith.data.features import TOKENS, Features, load_features
from goeswith.errors import ConfigError, DataError, ModelError
from goeswith.files import fresh_file, sole
from goeswith.models import TrainingData, Vocabulary, model_classes
from goeswith.models.add_gnn import AddGnnConfig
from goeswith.models.teacher import Teacher, TeacherConfig
from goeswith.rules.rules import Rule, match, read_rules, write_rules
from goeswith.train.designers import Designers, DesignersConfig, shuffled_pairs, tops_and_bottoms
from goeswith.train.loop import Progress, TrainConfig, encode, fit
from goeswith.train.rule_teacher import RulesConfig, RuleTeacher, shuffled
from goeswith.train.scorers import RunScorer, TaughtScorer, TowerScorer

if TYPE_CHECKING:
    from goeswith.train.export import Beside

log = logging.getLogger(__name__)

HELD = {
    "config.json", "weights.safetensors", "log.jsonl", "tensorboard", "state.safetensors", "teacher",
    "rules.toml", "rules.safetensors",
}  # fmt: skip
"""What a run's folder may hold before it has a config.json: what a killed training left."""

Say = Callable[[str], Progress]
"""Called with the name of a stage; returns what to call after each of its epochs."""


class Run:
    """A trained model, opened from its folder.

    Raises:
        ModelError: the folder is no run, its training has not finished, or a file is broken.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.title = self.path.name  # what reports call it
        described = self.path / "config.json"
        if not described.is_file():
            raise ModelError(
                f"{self.path} is not a run (it has no config.json); train one: goeswith train MODEL DATASET"
            )
        try:
            self.config: dict[str, Any] = json.loads(described.read_text())
            self.name: str = self.config["model"]
            self.vocabulary = Vocabulary(tuple(self.config["categories"]), tuple(self.config["groups"]))
            _ = [self.config[needed] for needed in ("settings", "encoder")]
            if type(self.config["dim"]) is not int:
                raise ValueError("dim is not a whole number")
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{described} is broken ({error}); train the run again") from None

    @property
    def weights(self) -> Path:
        """The file of the weights, which has the hub's name in a folder made by `save_pretrained`."""
        given = self.path / "model.safetensors"
        return given if given.is_file() else self.path / "weights.safetensors"

    @cached_property
    def model(self) -> Any:
        """The model with its trained weights, in eval mode."""
        model_class, config_class = model_classes(self.name)
        settings = restore(config_class, self.config["settings"], str(self.path / "config.json"))
        model = model_class(settings, self.config["dim"], self.vocabulary)
        if not self.weights.is_file():
            raise ModelError(f"the training of {self.path} has not finished; run the same train command to resume")
        return _loaded(model, self.weights, f"weights of this {self.name}")

    def taught(self, scorer: RunScorer, catalogue: Catalogue) -> TaughtScorer | None:
        """The teacher q over the student's scores; None where no rules taught the run."""
        told = self.config.get("rules")
        if told is None:
            return None
        rules = [Rule(**rule) for rule in told["rules"]]
        settings = restore(RulesConfig, {k: v for k, v in told.items() if k != "rules"}, str(self.path / "config.json"))
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
        codes = self.vocabulary.codes(dataset.catalogue, by_group=getattr(self.model, "by_group", False))
        states = encode(self.model, torch.from_numpy(features.values), torch.from_numpy(codes))
        kind = TowerScorer if getattr(self.model, "exact", False) else RunScorer
        return kind(self.title, self.model, states, features.present)

    def save_pretrained(self, folder: str | Path, **told: Unpack[Beside]) -> Path:
        """Write a folder to give away, with a model card; see `goeswith.train.export.save`, also for what it is told.

        Raises:
            ModelError, DataError: as the message says.
        """
        from goeswith.train.export import save

        return save(self, folder, **told)

    def push_to_hub(self, repo_id: str, *, private: bool = False, **told: Unpack[Beside]) -> str:
        """Put the same folder on the Hugging Face hub; returns its address. See `goeswith.train.export.push`.

        Raises:
            ModelError, DataError: as the message says.
        """
        from goeswith.train.export import push

        return push(self, repo_id, private=private, **told)


def _loaded(module: Any, path: Path, what: str) -> Any:
    """`module` with the weights of a file, in eval mode.

    Raises:
        ModelError: the file is missing or broken, or holds other weights.
    """
    try:
        saved = load_file(path)
        if hasattr(module, "make_room"):
            module.make_room(saved)
        odd = _difference(saved, module.state_dict())
    except (OSError, SafetensorError) as error:
        odd = str(error).splitlines()[0]
    if odd:
        raise ModelError(f"{path} does not hold the {what} ({odd}); remove {path.parent} and train it again")
    module.load_state_dict(saved)
    return module.eval()


def _difference(saved: dict[str, torch.Tensor], needed: dict[str, torch.Tensor]) -> str:
    """The first tensor that is not as it is needed, in words; empty where all are."""
    for name, tensor in needed.items():
        if name not in saved:
            return f"it lacks the tensor {name}"
        if saved[name].shape != tensor.shape:
            return f"its {name} has the shape {tuple(saved[name].shape)} where {tuple(tensor.shape)} is needed"
    return next((f"it has the tensor {name}, which does not belong there" for name in saved if name not in needed), "")


def train(
    name: str,
    dataset: Dataset,
    out: str | Path,
    *,
    teacher: str | Path | None = None,
    rules: str | Path | None = None,
    settings: Iterable[str] = (),
    encoder: str | None = None,
    say: Say | None = None,
) -> Run:
    """Train a model, and first its teacher where it has one, into the folder `out`.

    The same call goes on where a killed one stopped, and returns at once where it had finished.

    Args:
        name: of the model, see `goeswith.models.MODELS`.
        teacher: designers' data set (a teacher is trained on it into ``out/teacher``) or a teacher's run.
        rules: a rule file, whose rules teach too; they and how far each is trusted are kept with the run.
        settings: ``field=value``; the teacher's as ``teacher.field=value``. Its attributes, activation,
            rank and seed follow the student's unless they are set.
        encoder: whose features to use; all that there are, side by side, by default.

    Raises:
        ConfigError, DataError, ModelError: as the message says.
    """
    out, settings = Path(out), list(settings)
    theirs = [s.removeprefix("teacher.") for s in settings if s.startswith("teacher.")]
    if theirs and teacher is None:
        raise ConfigError(f"--set teacher.{theirs[0]} is a setting of the teacher; name its data set with --teacher")
    model_class, config_class = model_classes(name)
    configs: dict[str, Any] = {"model": config_class(), "train": TrainConfig.of(name)}
    if teacher is not None:
        configs["designers"] = DesignersConfig()
    if rules is not None:
        configs["rules"] = RulesConfig()
    for kind, flag, given in ((DesignersConfig, "--teacher", teacher), (RulesConfig, "--rules", rules)):
        idle = {field.name for field in fields(kind)} & {s.partition("=")[0].strip() for s in settings}
        if given is None and idle:
            raise ConfigError(f"--set {min(idle)} has no effect without {flag}; add {flag} or leave the setting out")
    configs = override(configs, [s for s in settings if not s.startswith("teacher.")])
    if teacher is not None:
        configs["designers"].check(name)
    features = load_features(dataset, encoder)
    _check_text(features.encoder, getattr(configs["model"], "text", "frozen"))
    data, vocabulary, left_out = training_data(dataset, features, configs["model"], configs["train"].pairs)
    torch.manual_seed(configs["train"].seed)
    model = model_class(configs["model"], features.values.shape[1], vocabulary)
    described = {
        "model": name,
        "goeswith": __version__,
        "settings": asdict(configs["model"]),
        "train": asdict(configs["train"]),
        "knowledge": None,
        "rules": None,
        "encoder": features.encoder,
        "features": features.fingerprint,
        "dim": features.values.shape[1],
        "dataset": _named(dataset),
        "left_out": left_out,
        "categories": list(vocabulary.categories),
        "groups": list(vocabulary.groups),
    }
    knowledge: list[Any] = []
    listed = read_rules(rules) if rules is not None else []
    if listed:
        described["rules"] = asdict(configs["rules"]) | {"rules": [asdict(rule) for rule in listed]}
    if teacher is not None:
        described["knowledge"], taught = _designers(
            teacher, out / "teacher", configs, theirs, features, data, vocabulary, say
        )
    with locked(out):
        if _finished(out, described):  # or another run, which is refused before a teacher is trained for this one
            return Run(out)
        if teacher is not None:
            knowledge.append(taught())
        if listed:
            by_rules = _rule_teacher(listed, configs["rules"], dataset.catalogue, model, data)
            knowledge.append(by_rules)
        with fresh_file(out / "config.json") as partial:
            partial.write_text(json.dumps(described, indent=2) + "\n")
        model.observe(data)
        # Dropout must not depend on how much chance the making of a teacher used up.
        torch.manual_seed(configs["train"].seed)
        result = fit(model, data, configs["train"], out, knowledge=knowledge, progress=say(name) if say else None)
        if listed:
            write_rules(listed, out / "rules.toml", comment="The rules that taught this run.")
            with fresh_file(out / "rules.safetensors") as partial:
                save_file({k: v.contiguous() for k, v in by_rules.state_dict().items()}, partial)
        with fresh_file(out / "weights.safetensors") as partial:
            save_file({k: v.contiguous() for k, v in model.state_dict().items()}, partial)
        with fresh_file(out / "config.json") as partial:
            partial.write_text(json.dumps({**described, "result": result}, indent=2) + "\n")
        (out / "state.safetensors").unlink(missing_ok=True)
    return Run(out)


def _check_text(encoder: str, text: str) -> None:
    """Numbers of word pieces are no features: only a TextCNN can read them, and only where it looks for them.

    Raises:
        ConfigError: the encoder and the model's setting `text` do not agree.
    """
    *others, last = encoder.split("+")
    if TOKENS in others or (last == TOKENS) != (text == "cnn"):
        raise ConfigError(
            f"{TOKENS} needs --set text=cnn of akd-dbpr and must be the last encoder "
            f"({encoder!r} was given, text={text}); "
            f"e.g. --encoder efficientnet-lite0+{TOKENS}"
        )


def training_data(
    dataset: Dataset, features: Features, config: Any, pairs: bool = False
) -> tuple[TrainingData, Vocabulary, dict[str, int]]:
    """What a model learns from, the categories it knows, and what was left out for want of features."""
    vocabulary = Vocabulary.of(dataset.catalogue)
    catalogue, outfits = dataset.catalogue, dataset.outfits
    if isinstance(config, TeacherConfig):
        # Some shops file a few items of a category under another group; the teacher tells sides by category.
        catalogue = vocabulary.regroup(catalogue)
        outfits = tops_and_bottoms(outfits, catalogue)
        if config.shuffled:
            outfits = shuffled_pairs(outfits, seed=0)
    elif pairs:
        outfits = tops_and_bottoms(outfits, catalogue)
    kept, left_out = outfits.keep(features.present)
    data = TrainingData(
        catalogue=catalogue,
        features=torch.from_numpy(features.values),
        categories=torch.from_numpy(vocabulary.codes(catalogue)),
        usable=features.present,
        train=kept.split("train"),
        valid=kept.split("valid"),
        blocks=features.blocks,
    )
    return data, vocabulary, left_out


def _rule_teacher(
    rules: list[Rule], config: RulesConfig, catalogue: Catalogue, model: Any, data: TrainingData
) -> RuleTeacher:
    """Rules over the catalogue of the training data, for a student's item states."""
    matches = match(rules, catalogue)
    if config.shuffled_rules:
        matches = shuffled(matches, catalogue)
    with torch.no_grad():
        size = model.encode_items(data.features[:1], data.categories[:1]).hidden[0].numel()
    return RuleTeacher(matches, config, size)


def _designers(
    teacher: str | Path,
    out: Path,
    configs: dict[str, Any],
    theirs: list[str],
    features: Features,
    student: TrainingData,
    vocabulary: Vocabulary,
    say: Say | None,
) -> tuple[dict[str, Any], Callable[[], Designers]]:
    """What the student's config says of the designers' knowledge; and what makes it, trained first where it must be."""
    config: DesignersConfig = configs["designers"]
    if (Path(teacher) / "config.json").is_file():
        run = Run(teacher)
        if run.name != "teacher" or config.teaching != "frozen" or config.untrained or theirs:
            raise ConfigError(
                f"{teacher} is a run of {run.name}: only a run of 'teacher' can be a teacher, "
                "with teaching=frozen and no teacher settings; otherwise name a data set"
            )
        described = asdict(config) | {"teacher": _told(run.config)}
        return described, lambda: Designers(run.model, config, student, vocabulary)
    dataset, theirs = Dataset(teacher), [*followed(configs["model"], configs["train"]), *theirs]
    fresh = override({"model": TeacherConfig(), "train": TrainConfig.of("teacher")}, theirs)
    loop = fresh["train"]
    told = {"dataset": _named(dataset), "settings": asdict(fresh["model"]), "train": asdict(loop)}
    if config.teaching == "frozen" and not config.untrained:

        def trained() -> Designers:
            run = train("teacher", dataset, out, settings=theirs, encoder=features.encoder, say=say)
            return Designers(run.model, config, student, vocabulary)

        return asdict(config) | {"teacher": told}, trained
    own, words, left_out = training_data(dataset, load_features(dataset, features.encoder), fresh["model"])

    def untaught() -> Designers:
        # The very teacher that training would start from: the control differs by what was learned, not by chance.
        torch.manual_seed(loop.seed)
        new = Teacher(fresh["model"], features.values.shape[1], words)
        return Designers(new, config, student, vocabulary, own, loop.negatives, loop.batch_size)

    return asdict(config) | {"teacher": told | {"left_out": left_out}}, untaught


def followed(model: Any, loop: TrainConfig) -> list[str]:
    """Settings in which a teacher follows its student, given the student's model and training."""
    alike = [f"seed={loop.seed}", f"precision={loop.precision}"]
    if isinstance(model, AddGnnConfig):
        alike += [f"attributes={model.attributes}", f"activation={model.activation}", f"rank={model.hidden}"]
    return alike


def _told(config: dict[str, Any]) -> dict[str, Any]:
    return {name: config[name] for name in ("dataset", "settings", "train")}


def _named(dataset: Dataset) -> dict[str, str]:
    return {"name": dataset.name, "source": dataset.outfit_source, "fingerprint": dataset.fingerprint}


def _finished(out: Path, described: dict[str, Any]) -> bool:
    """Whether `out` holds the finished run that `described` asks for.

    Raises:
        ModelError: it holds another run.
    """
    if not (out / "config.json").is_file():
        return False
    there = Run(out).config
    result = there.pop("result", None)
    if there != json.loads(json.dumps(described)):
        changed = _changed(there, json.loads(json.dumps(described)))
        raise ModelError(
            f"{out} holds another run (it differs in {', '.join(changed) or 'its fields'}); "
            "choose another --out or remove the folder"
        )
    return result is not None


def _changed(there: dict[str, Any], here: dict[str, Any], within: str = "") -> list[str]:
    """Names of the fields that differ, those of a group as ``group.field``."""
    names: list[str] = []
    for name, value in here.items():
        other = there.get(name)
        if isinstance(value, dict) and isinstance(other, dict):
            names += _changed(other, value, within=f"{within}{name}.")
        elif other != value:
            names.append(f"{within}{name}")
    return names


@contextlib.contextmanager
def locked(out: Path) -> Iterator[None]:
    """Hold a run folder for this process alone.

    Raises:
        ModelError: another process is writing it, it cannot be made, or it holds something else.
    """
    there = {path.name for path in out.iterdir()} if out.is_dir() else set()
    strange = sorted(name for name in there - HELD if not name.startswith("."))
    if strange and "config.json" not in there:
        raise ModelError(f"{out} is not a run folder, it holds {strange[0]}; choose a new folder for --out")
    with sole(out, "another process is writing"):
        try:
            yield
        except BaseException:
            if [path.name for path in out.iterdir()] == [".lock"]:  # nothing was begun: leave nothing behind
                shutil.rmtree(out)
            raise
