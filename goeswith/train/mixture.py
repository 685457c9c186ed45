"""Training a mixture: the own model and the teachers, each weighted by its results on validation outfits.

config.json  weights.safetensors  sources/<name>/ the runs that it is made of
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from goeswith.data.catalogue import GROUPS
from goeswith.data.dataset import Dataset
from goeswith.data.features import load_features
from goeswith.errors import ConfigError
from goeswith.files import fresh_file, writing
from goeswith.models import TrainingData, Vocabulary
from goeswith.models.mixture import Mixture
from goeswith.train.mixture_sources import Maker, Named
from goeswith.train.run import Run
from goeswith.train.source import Say
from goeswith.train.training import finished, locked
from goeswith.train.trust import Trust, TrustConfig, TrustQuestions, fit_trust
from goeswith.train.trust_questions import differences, held_out_positions, question_mass

log = logging.getLogger(__name__)

LEAST = 20
"""Validation outfits without which nobody can be trusted: likeness alone is left."""


def train_mixture(
    dataset: Dataset,
    out: str | Path,
    *,
    teachers: Sequence[str] = (),
    rules: str | Path | None = None,
    settings: Iterable[str] = (),
    encoder: str | None = None,
    say: Say | None = None,
    device: str | None = None,
) -> Run:
    """Train the own model and the teachers, fit how far each is trusted, and write one run into the folder `out`.

    The same call resumes if interrupted, and returns at once if it had finished.

    Args:
        teachers: data sets, on each of which two towers are trained into ``out/sources``, or runs of two towers.
        rules: a rule file; needs the encoder ``words``.
        settings: ``field=value`` of the own model and its training, and of `MixtureSettings` and `TrustConfig`; the
            teachers' as ``teacher.field=value``.
        encoder: as of `goeswith.train.training.train`. ``title-words`` are also for word lifts; ``words`` are for
            rules, and towers do not read them where there is another encoder.
        device: on which towers are trained, as of `goeswith.train.training.train`.

    Raises:
        ConfigError, DataError, ModelError: as the message says.
    """
    alone("a mixture", "train two-tower on each data set with several, and give the runs as --teacher to a command ")
    out, settings, begun = Path(out), list(settings), time.monotonic()
    features = load_features(dataset, encoder)
    maker = Maker(dataset, out, features, settings, say, device)
    described = maker.described(teachers, rules)
    with writing(out), locked(out, ("sources",)):
        if finished(out, described):
            return Run(out)
        sources = maker.sources(teachers, rules)
        write_config(out, described)
        mixture, trust = _trusting(sources, maker.data, maker.vocabulary, maker.configs["trust"])
        save_mixture(out, mixture)
        result = {"seconds": round(time.monotonic() - begun, 2), **_summary(sources, trust, mixture)}
        write_config(out, {**described, "result": result})
    return Run(out)


def other_outfits(dataset: Dataset, encoder: str | None = None) -> list[str]:
    """Whose outfits could teach: other sources of the data set, and data sets of other publishers beside its folder.

    Only those that have the features of the encoders. Data of the same publisher may hold the same outfits.
    """
    needed = load_features(dataset, encoder).encoder.split("+")
    sources = sorted(set(Dataset(dataset.path).outfits.sources) - {"", dataset.outfit_source})
    folders = [f"{dataset.path}#{source}" for source in sources if dataset.outfit_source]
    for folder in sorted(dataset.path.resolve().parent.iterdir()):
        if folder == dataset.path.resolve() or not (folder / "dataset.json").is_file():
            continue
        other = Dataset(folder)
        has = all((folder / "features" / f"{name}.safetensors").is_file() for name in needed)
        if has and other.info.get("source") != dataset.info.get("source") and other.info.get("outfits"):
            folders.append(str(folder))
    return folders


def _trusting(
    sources: list[Named], data: TrainingData, vocabulary: Vocabulary, config: TrustConfig
) -> tuple[Mixture, Trust | None]:
    """The mixture of the sources that are trusted, and what was fitted; likeness alone where nothing can be fitted."""
    dim = data.features.shape[1]
    anchors = [index for index, named in enumerate(sources) if named.sources[0].kind == "likeness"]
    positions = held_out_positions(data, config)
    if len(data.valid) < LEAST or not len(positions.at):
        log.warning(
            "%d validation outfits with %d other items to ask about are too few to fit the weights (%d are needed): "
            "likeness alone is used",
            len(data.valid),
            len(positions.at),
            LEAST,
        )
        return Mixture.of([sources[index].sources[0] for index in anchors], dim, vocabulary), None
    full_mixture = Mixture.of([source for named in sources for source in named.sources], dim, vocabulary)
    sizes = np.array([len(named.sources) for named in sources])
    means = _means(differences(full_mixture, data, positions), sizes)
    questions = TrustQuestions(means, positions.owner[positions.at], question_mass(positions))
    trust = fit_trust(questions, anchors, config)
    trusted = np.flatnonzero(trust.weights.any(axis=1))
    if not len(trusted):
        trusted = np.array(anchors)
        trust = replace(trust, weights=np.where(np.isin(np.arange(len(sources)), anchors)[:, None], 1.0, 0.0))
    mixture = Mixture.of([source for index in trusted for source in sources[index].sources], dim, vocabulary)
    shares = trust.weights[trusted] / sizes[trusted, None]
    mixture.weights.copy_(torch.from_numpy(np.repeat(shares, sizes[trusted], axis=0)))
    return mixture, trust


def _means(values: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """(F, S, G) of the sources (F, Σ sizes, G), so many of which stand for one of S."""
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    means: np.ndarray = np.add.reduceat(values, starts, axis=1) / sizes[:, None]
    return means


def _summary(sources: list[Named], trust: Trust | None, mixture: Mixture) -> dict[str, Any]:
    """What a run tells of its sources: name → group → weight, 0 for those that are not trusted."""
    if trust is None:
        return {"sources": {named.name: 1.0 for named in sources if named.sources[0].kind == "likeness"}}
    groups = sorted({GROUPS[group] for group in mixture.group.tolist()}, key=GROUPS.index)
    weights = {
        named.name: {group: float(row[GROUPS.index(group)]) for group in groups} if trust.by_group else float(row[0])
        for named, row in zip(sources, trust.weights, strict=True)
    }
    return {
        "valid_auc": trust.auc, "likeness_auc": trust.anchor_auc, "error": trust.error, "strength": trust.strength,
        "by_group": trust.by_group, "sources": weights,
    }  # fmt: skip


def alone(what: str, instead: str = "start the command ") -> None:
    """Refuse a launcher of several processes. what: that is made by one; instead: what to do, `without a launcher`.

    Raises:
        ConfigError: a launcher started this process.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ConfigError(f"{what} is made by one process; {instead}without a launcher")


def save_mixture(out: Path, mixture: Mixture) -> None:
    """Write the weights of a run."""
    with fresh_file(out / "weights.safetensors") as partial:
        save_file({name: value.contiguous() for name, value in mixture.state_dict().items()}, partial)


def write_config(out: Path, described: dict[str, Any]) -> None:
    """Write the config of a run."""
    with fresh_file(out / "config.json") as partial:
        partial.write_text(json.dumps(described, indent=2) + "\n")
