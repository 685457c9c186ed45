"""Training: trains a model, with its sources of knowledge, into the folder of a run; resumes if interrupted."""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from goeswith import __version__
from goeswith.config import override
from goeswith.data.dataset import Dataset
from goeswith.data.devices import open_device, wants_bf16
from goeswith.data.features import TOKENS, WORD_IDS, Features
from goeswith.data.mapped import MappedFeatures, StreamedFeatures
from goeswith.data.outfits import Outfits
from goeswith.data.pairs import tops_and_bottoms
from goeswith.data.shuffle import shuffled_items
from goeswith.errors import ConfigError, DataError, ModelError
from goeswith.files import fresh_file, sole, writing
from goeswith.models import FeatureRows, TrainingData, Vocabulary, model_classes
from goeswith.models.teacher import TeacherConfig
from goeswith.models.two_tower import TwoTowerConfig
from goeswith.train.designers import shuffled_pairs
from goeswith.train.loop import Result, fit
from goeswith.train.ranks import Ranks
from goeswith.train.run import HELD_OUT, Run
from goeswith.train.settings import TrainConfig
from goeswith.train.source import SOURCES, Say, Source, Student, source_class

log = logging.getLogger(__name__)

RUN_FILES = {"config.json", "weights.safetensors", "log.jsonl", "tensorboard", "state.safetensors", HELD_OUT}
"""What a run's folder may hold before it has a config.json, beside what its sources of knowledge keep there: what a
killed training left."""


def train(
    name: str,
    dataset: Dataset,
    out: str | Path,
    *,
    teacher: str | Path | None = None,
    rules: str | Path | None = None,
    knowledge: Mapping[str, str] | None = None,
    settings: Iterable[str] = (),
    encoder: str | None = None,
    say: Say | None = None,
    device: str | None = None,
) -> Run:
    """Train a model, and first its teacher where it has one, into the folder `out`.

    The same call resumes if interrupted, and returns at once if it had finished.

    Args:
        name: of the model, see `goeswith.models.MODELS`.
        teacher: designers' data set (a teacher is trained on it into ``out/teacher``) or a teacher's run.
        rules: a rule file, whose rules teach too; they and how far each is trusted are kept with the run.
        knowledge: more sources, by name (see `goeswith.train.source.SOURCES`, or of another package) → what is given.
        settings: ``field=value``; the teacher's as ``teacher.field=value``. Its attributes, activation,
            rank and seed follow the student's unless they are set.
        encoder: whose features to use; all that there are, side by side, by default.
        device: what computes, see `goeswith.data.devices.open_device`. Where a launcher started several processes,
            they train together, see `goeswith.train.ranks`.

    Raises:
        ConfigError, DataError, ModelError: as the message says.
    """
    out, settings, processor = Path(out), list(settings), open_device(device)
    ranks = Ranks.join(processor)
    requested = {"designers": teacher, "rules": rules, **(knowledge or {})}
    sources = {source: source_class(source) for source, value in requested.items() if value is not None}
    configs = _configs(name, sources, settings)
    config, loop = configs["model"], configs["train"]
    if loop.learn_from != "train" and sources:
        raise ConfigError(
            f"learn_from={loop.learn_from} is for models that learn from outfits alone; leave it out, or "
            "--teacher, --rules and --knowledge"
        )
    features = _features(dataset, encoder, loop.features, processor)
    dim = sum(features.blocks)
    _check_text(features.encoder, getattr(config, "text", "frozen"))
    data, vocabulary, left_out = training_data(dataset, features, config, loop)
    torch.manual_seed(loop.seed)
    model = model_classes(name)[0](config, dim, vocabulary)
    student = Student(name, model, dataset.catalogue, config, loop, data, vocabulary, features.encoder, dim, out, say)
    opened = {
        source: kind(str(requested[source]), configs[source], student, _own_settings(kind, settings))
        for source, kind in sources.items()
    }
    described = {
        "model": name,
        "goeswith": __version__,
        "settings": asdict(config),
        "train": asdict(loop),
        "knowledge": None,
        "rules": None,
        "encoder": features.encoder,
        "features": features.fingerprint,
        "dim": dim,
        "dataset": dataset.named,
        "left_out": left_out,
        "categories": list(vocabulary.categories),
        "groups": list(vocabulary.groups),
    } | {getattr(source, "key", name): source.described for name, source in opened.items()}
    where = computed_on(loop, processor, ranks, features)
    with contextlib.ExitStack() as held:
        ranks.from_first(lambda: _hold(held, out, {file for source in sources.values() for file in source.files}))
        # Or it holds another run, which is refused before a teacher is trained for this one.
        if ranks.from_first(lambda: finished(out, described)):
            return Run(out)
        measurable: dict[str, Any] = {}
        if loop.learn_from != "train":
            held_out = train(
                name, dataset, out / HELD_OUT, settings=[*settings, "learn_from=train"],
                encoder=features.encoder, say=_of_held_out(say), device=device,
            )  # fmt: skip
            measurable = {**held_out.config["result"]}
        modules = [source.teach() for source in opened.values()]
        ranks.from_first(lambda: _write_json(out / "config.json", {**described, "computed_on": where}))
        model.observe(data)
        # Dropout must not depend on how much chance the making of a teacher used up.
        torch.manual_seed(loop.seed)
        progress = say(name) if say else None
        result = fit(
            model, data, loop, out, knowledge=modules, progress=progress, device=processor, ranks=ranks,
            epochs=measurable.get("best_epoch"),
        )  # fmt: skip
        if measurable:  # what validation outfits say is of the held-out one
            result = replace(Result(**measurable), seconds=measurable["seconds"] + result.seconds)

        def write() -> None:
            for source in opened.values():
                source.write(out)
            with fresh_file(out / "weights.safetensors") as partial:
                save_file({k: v.cpu().contiguous() for k, v in model.state_dict().items()}, partial)
            _write_json(out / "config.json", {**described, "computed_on": where, "result": asdict(result)})
            (out / "state.safetensors").unlink(missing_ok=True)

        ranks.from_first(write)
    return Run(out)


def _of_held_out(say: Say | None) -> Say | None:
    """`say`, with the names of stages telling that some outfits are held out."""
    return (lambda stage: say(f"{stage}, outfits held out")) if say else None


def _hold(held: contextlib.ExitStack, out: Path, files: set[str]) -> None:
    """Hold the run's folder until `held` is closed."""
    held.enter_context(writing(out))
    held.enter_context(locked(out, files))


def _features(dataset: Dataset, encoder: str | None, where: str, device: torch.device) -> Features | MappedFeatures:
    """The features to learn from: read as a whole, or left in their files, as `TrainConfig.features` says."""
    mapped = MappedFeatures.open(dataset, encoder)
    stays = where == "stream" or (where == "auto" and not mapped.fit(device))
    return mapped if stays else mapped.in_memory()


def computed_on(
    loop: TrainConfig, device: torch.device, ranks: Ranks, features: Features | MappedFeatures
) -> dict[str, Any]:
    """On what a run is trained; another device or number of processes makes no other run of it."""
    return {
        "device": device.type,
        "precision": "bf16" if wants_bf16(loop.precision, device) else "fp32",
        "processes": ranks.count,
        "features": "memory" if isinstance(features, Features) else "stream",
    }


def _configs(name: str, sources: Mapping[str, type[Source]], settings: list[str]) -> dict[str, Any]:
    """The settings of the model, of its training and of each source of knowledge.

    Raises:
        ConfigError: one is unknown or wrong, or is a source's that is not given.
    """
    for source in SOURCES:
        kind = source_class(source)
        if source in sources:
            continue
        own = _own_settings(kind, settings)
        if own:
            raise ConfigError(
                f"--set {kind.prefix}{own[0]} is a setting of the {kind.prefix.strip('.')}; "
                f"name its data set with {kind.flag}"
            )
        idle = {field.name for field in fields(kind.config)} & {s.partition("=")[0].strip() for s in settings}
        if idle:
            raise ConfigError(
                f"--set {min(idle)} has no effect without {kind.flag}; add {kind.flag} or leave the setting out"
            )
    configs: dict[str, Any] = {"model": model_classes(name)[1](), "train": TrainConfig.of(name)}
    configs |= {source: kind.config() for source, kind in sources.items()}
    prefixes = tuple(kind.prefix for kind in sources.values() if kind.prefix)
    configs = override(configs, [s for s in settings if not s.startswith(prefixes)])
    for source in sources:
        if hasattr(configs[source], "check"):
            configs[source].check(name)
    return configs


def _own_settings(kind: type[Source], settings: list[str]) -> list[str]:
    """The settings that begin with the prefix of a source, without it."""
    return [s.removeprefix(kind.prefix) for s in settings if kind.prefix and s.startswith(kind.prefix)]


def _write_json(path: Path, value: dict[str, Any]) -> None:
    with fresh_file(path) as partial:
        partial.write_text(json.dumps(value, indent=2) + "\n")


def _check_text(encoder: str, text: str) -> None:
    """Numbers of words or word pieces are no features: few models read them, and only where they look for them.

    Raises:
        ConfigError: the encoder and the model's setting `text` do not agree.
    """
    *others, last = encoder.split("+")
    for name, setting, model in ((TOKENS, "cnn", "akd-dbpr"), (WORD_IDS, "ids", "group-towers")):
        if name in others or (last == name) != (text == setting):
            raise ConfigError(
                f"{name} needs --set text={setting} of {model} and must be the last encoder "
                f"({encoder!r} was given, text={text}); e.g. --encoder minilm+{name}"
            )


def training_data(
    dataset: Dataset, features: Features | MappedFeatures, config: Any, loop: TrainConfig | None = None
) -> tuple[TrainingData, Vocabulary, dict[str, int]]:
    """What a model learns from, the categories it knows, and what was left out because it has no features."""
    vocabulary, loop = Vocabulary.of(dataset.catalogue), loop or TrainConfig()
    catalogue, outfits = dataset.catalogue, dataset.outfits
    if isinstance(config, TeacherConfig):
        # Some shops file a few items of a category under another group; the teacher tells sides by category.
        catalogue = vocabulary.regroup(catalogue)
        outfits = tops_and_bottoms(outfits, catalogue)
        if config.shuffled:
            outfits = shuffled_pairs(outfits, seed=0)
    elif loop.pairs:
        outfits = tops_and_bottoms(outfits, catalogue)
    if loop.shuffled_items:
        outfits = shuffled_items(outfits, catalogue, seed=loop.seed)
    usable_outfits, left_out = outfits.keep(features.present)
    data = TrainingData(
        catalogue=catalogue,
        features=_rows_of(features),
        categories=torch.from_numpy(vocabulary.codes(catalogue)),
        usable=features.present,
        train=outfits_to_learn(usable_outfits, loop),
        valid=usable_outfits.split("valid"),
        blocks=features.blocks,
    )
    return data, vocabulary, left_out


def _rows_of(features: Features | MappedFeatures) -> FeatureRows:
    if isinstance(features, MappedFeatures):
        return StreamedFeatures(features, torch.device("cpu"))
    return torch.from_numpy(features.values)


def outfits_to_learn(outfits: Outfits, loop: TrainConfig) -> Outfits:
    """Those of training, or `TrainConfig.outfits` of them by chance (fewer are part of more), and of further splits.

    Raises:
        DataError: there are not so many.
    """
    count = len(outfits.split("train"))
    if loop.outfits > count:
        raise DataError(
            f"outfits={loop.outfits}, but only {count} training outfits have features; set outfits=0 for all"
        )
    rows = np.flatnonzero(outfits.splits == "train")
    if loop.outfits:
        random = np.random.default_rng(loop.seed if loop.outfits_seed < 0 else loop.outfits_seed)
        rows = rows[random.permutation(count)[: loop.outfits]]
    more = np.flatnonzero(np.isin(outfits.splits, loop.learn_from.split("+")[1:]))
    return outfits.take(np.sort(np.concatenate([rows, more])))


def finished(out: Path, described: dict[str, Any]) -> bool:
    """Whether `out` holds the finished run that `described` asks for.

    Raises:
        ModelError: it holds another run.
    """
    if not (out / "config.json").is_file():
        return False
    saved: dict[str, Any] = {**Run(out).config}
    result = saved.pop("result", None)
    saved.pop("computed_on", None)
    own = model_classes(described["model"])[1]()
    for part, fields_now in (("train", TrainConfig()), ("settings", own), ("tower", TwoTowerConfig())):
        if isinstance(saved.get(part), dict):  # an earlier version had no such setting, which now has its default
            saved[part] = asdict(fields_now) | saved[part]
    if saved != json.loads(json.dumps(described)):
        changed = _changed(saved, json.loads(json.dumps(described)))
        raise ModelError(
            f"{out} holds another run (it differs in {', '.join(changed) or 'its fields'}); "
            "choose another folder or remove it"
        )
    return result is not None


def _changed(saved: dict[str, Any], current: dict[str, Any], within: str = "") -> list[str]:
    """Names of the fields that differ, those of a group as ``group.field``."""
    names: list[str] = []
    for name, value in current.items():
        other = saved.get(name)
        if isinstance(value, dict) and isinstance(other, dict):
            names += _changed(other, value, within=f"{within}{name}.")
        elif other != value:
            names.append(f"{within}{name}")
    return names


@contextlib.contextmanager
def locked(out: Path, allowed: Collection[str] = ()) -> Iterator[None]:
    """Hold a run folder for this process alone. allowed: what it may contain besides `RUN_FILES`.

    Raises:
        ModelError: another process is writing it, it cannot be made, or it holds something else.
    """
    names = {path.name for path in out.iterdir()} if out.is_dir() else set()
    strange = sorted(name for name in names - RUN_FILES - set(allowed) if not name.startswith("."))
    if strange and "config.json" not in names:
        raise ModelError(f"{out} is not a run folder, it holds {strange[0]}; choose a new folder for --out")
    with sole(out, "another process is writing"):
        try:
            yield
        except BaseException:
            if [path.name for path in out.iterdir()] == [".lock"]:  # nothing was begun: leave nothing behind
                shutil.rmtree(out)
            raise
