"""Training an ensemble: two towers of several seeds, whose mean is one run.

config.json  weights.safetensors  sources/seed-<n>/ the runs that it is made of

The mean of the scores is the inner product of keys and queries side by side, so that an ensemble is a mixture with
equal weights and is searched as exactly as one model. Training and states take as many times more.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import numpy as np

from goeswith.config import LARGEST, override
from goeswith.data.dataset import Dataset
from goeswith.data.features import load_features
from goeswith.errors import ConfigError
from goeswith.files import writing
from goeswith.models import TrainingData
from goeswith.models.mixture import Mixture, Source
from goeswith.models.two_tower import TwoTower, TwoTowerConfig
from goeswith.train.corruptions import valid_pairs
from goeswith.train.mixture import alone, save_mixture, write_config
from goeswith.train.mixture_sources import TOWER, describe
from goeswith.train.run import Run
from goeswith.train.scorers import RunScorer
from goeswith.train.settings import TrainConfig, check_held_out
from goeswith.train.source import Say
from goeswith.train.training import finished, locked, train, training_data

MOST = 100
"""Seeds of an ensemble."""


def train_ensemble(
    dataset: Dataset,
    out: str | Path,
    seeds: int,
    *,
    settings: Iterable[str] = (),
    encoder: str | None = None,
    say: Say | None = None,
    device: str | None = None,
) -> Run:
    """Train two towers with several seeds and write their mean as one run into the folder `out`.

    The same call resumes if interrupted, and returns at once if it had finished. More seeds in a new folder may start
    from a copy of ``sources``.

    Args:
        seeds: how many; the first is the setting's, each next one is higher by 1.
        settings: ``field=value`` of two-tower and its training.
        encoder, say, device: as of `goeswith.train.training.train`.

    Raises:
        ConfigError, DataError, ModelError: as the message says.
    """
    if not 2 <= seeds <= MOST:
        less = "give more" if seeds < 2 else "each is a training: give fewer"
        raise ConfigError(f"an ensemble has 2 to {MOST} seeds, not {seeds:,}; {less}")
    alone("an ensemble")
    out, settings, begun = Path(out), list(settings), time.monotonic()
    configs = override({"model": TwoTowerConfig(), "train": TrainConfig.of(TOWER)}, settings)
    config = cast(TrainConfig, configs["train"])
    check_held_out(config, "an ensemble is measured on validation outfits, so it must not learn from them")
    last = config.seed + seeds - 1
    if last > LARGEST:
        raise ConfigError(
            f"seed={config.seed} with {seeds} seeds ends at {last}, but whole numbers end at {LARGEST}; "
            f"set seed={LARGEST - seeds + 1} or a smaller one"
        )
    features = load_features(dataset, encoder)
    data, vocabulary, left_out = training_data(dataset, features, configs["model"], config)
    numbers = [config.seed + number for number in range(seeds)]
    described = describe(dataset, features, configs, vocabulary, left_out, {"seeds": numbers})
    with writing(out), locked(out, ("sources",)):
        if finished(out, described):
            return Run(out)
        write_config(out, described)
        runs = [
            train(
                TOWER, dataset, out / "sources" / f"seed-{seed}", settings=[*settings, f"seed={seed}"],
                encoder=features.encoder, say=_of_seed(say, seed), device=device,
            )
            for seed in numbers
        ]  # fmt: skip
        codes = np.arange(len(vocabulary.categories) + 1)
        columns = np.arange(features.values.shape[1])
        towers = [Source(TOWER, cast(TwoTower, run.model).by_category(), columns, codes) for run in runs]
        mixture = Mixture.of(towers, len(columns), vocabulary)
        mixture.weights.fill_(1 / seeds)
        save_mixture(out, mixture)
        result: dict[str, Any] = {
            "seconds": round(time.monotonic() - begun, 2),
            "valid_auc": _valid_auc(Run(out).scorer(dataset, features), data, config),
            "sources": {run.title: 1 / seeds for run in runs},
        }
        write_config(out, {**described, "result": result})
    return Run(out)


def _of_seed(say: Say | None, seed: int) -> Say | None:
    """`say`, with the seed in the names of stages."""
    return (lambda stage: say(f"seed {seed}, {stage}")) if say else None


def _valid_auc(scorer: RunScorer, data: TrainingData, config: TrainConfig) -> float:
    """How often validation outfits score higher than their corruptions, ties counted half."""
    pairs = valid_pairs(data, config)
    scores = scorer.score(pairs.both.items.numpy(), pairs.both.mask.numpy())
    better = scores[: len(pairs)] - scores[len(pairs) :]
    return float(((better > 0) + 0.5 * (better == 0)).mean())
