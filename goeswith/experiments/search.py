"""Search: settings that do best on validation outfits, by Optuna's TPE; the same budget for every model."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from goeswith.errors import ConfigError, DataError
from goeswith.experiments.recipes import Experiment, Recipe
from goeswith.experiments.trainings import trainings, work
from goeswith.files import fresh_file

SIZES = (32, 64, 128)
"""Of ``hidden``, or of ``size`` where the model calls it so, and what the recipe says."""
RATES = (1e-4, 1e-2)
DROPOUTS = (0.0, 0.5)
_WHOLE = {"hidden": int, "size": int}


@dataclass(frozen=True)
class Best:
    """The best settings of a search, none where every trial failed; summary: one line about it."""

    settings: tuple[str, ...]
    summary: str


def optuna() -> Any:
    """The library that searches.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import optuna
    except ImportError:
        raise ConfigError("a search needs Optuna; install it with: pip install 'goeswith[search]'") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def space(experiment: Experiment) -> dict[str, Any]:
    """Setting → where its values are looked for: the learning rate, and dropout and size where the model has them.

    What the recipe says of a setting is always among them.
    """
    distributions, own = optuna().distributions, start(experiment)
    searched = {}
    for name, (low, high) in (("learning_rate", RATES), ("dropout", DROPOUTS)):
        if name in own:
            low, high = min(low, own[name]), max(high, own[name])
            searched[name] = distributions.FloatDistribution(low, high, log=name == "learning_rate")
    for name in _WHOLE:
        if name in own:
            searched[name] = distributions.CategoricalDistribution(sorted({*SIZES, own[name]}))
    return searched


def start(experiment: Experiment) -> dict[str, Any]:
    """What the recipe says of the settings that are searched: the first trial, so that a search never does worse."""
    configs = experiment.configs()
    model = {name: getattr(configs["model"], name) for name in ("dropout", *_WHOLE) if hasattr(configs["model"], name)}
    return {"learning_rate": configs["train"].learning_rate, **model}


def search(recipe: Recipe, experiment: Experiment, out: Path, trials: int) -> Best:
    """Train an experiment `trials` times with the recipe's first seed, each time with other settings.

    The first trial is what the recipe says. Every trial is kept in ``trials.jsonl``: a killed search goes on where it
    stopped, with the very trials that it would have made. Test questions have no say. A trial that fails counts, and
    teaches nothing.

    Raises:
        ConfigError: Optuna is not installed.
        DataError: ``trials.jsonl`` is broken.
    """
    kept = _read(out / "trials.jsonl")
    optuna()
    while len(kept) < trials:
        settings = _ask(experiment, kept, recipe.seeds[0])
        value = _try(recipe, replace(experiment, settings=(*experiment.settings, *settings)), out, len(kept))
        kept.append({"settings": settings, **value})
        with fresh_file(out / "trials.jsonl") as partial:
            partial.write_text("".join(json.dumps(trial) + "\n" for trial in kept))
    kept = kept[:trials]
    done = [trial for trial in kept if trial["valid_auc"] is not None]
    if not done:
        return Best((), f"all {trials} trials failed, the last one: {kept[-1]['why']}")
    best = max(done, key=lambda trial: float(trial["valid_auc"]))
    summary = f"best of {trials} trials: {' '.join(best['settings'])}, validation AUC {best['valid_auc']:.3f}"
    return Best(tuple(best["settings"]), summary)


def _ask(experiment: Experiment, kept: list[dict[str, Any]], seed: int) -> list[str]:
    """The settings of the next trial, which follow from those before it alone."""
    if not kept:
        return _settings(start(experiment))
    library, distributions = optuna(), space(experiment)
    sampler = library.samplers.TPESampler(seed=1000 * seed + len(kept))
    study = library.create_study(direction="maximize", sampler=sampler)
    for trial in kept:
        if trial["valid_auc"] is not None:
            values = dict(setting.split("=") for setting in trial["settings"])
            params = {name: _WHOLE.get(name, float)(value) for name, value in values.items()}
            study.add_trial(
                library.trial.create_trial(params=params, distributions=distributions, value=trial["valid_auc"])
            )
    return _settings(study.ask(distributions).params)


def _settings(params: dict[str, Any]) -> list[str]:
    return [f"{name}={value:.6g}" if isinstance(value, float) else f"{name}={value}" for name, value in params.items()]


def _try(recipe: Recipe, experiment: Experiment, out: Path, number: int) -> dict[str, Any]:
    """What a trial reached, or why it failed."""
    alone = replace(recipe, models=(experiment,), seeds=recipe.seeds[:1])
    [training] = trainings(alone, out).values()
    if training.lesson and isinstance(failed := work(training.lesson), str):
        return {"valid_auc": None, "why": failed}
    done = work(replace(training, out=out / f"trial-{number:03d}"))
    return {"valid_auc": None, "why": done} if isinstance(done, str) else {"valid_auc": done.valid_auc, "why": ""}


def _read(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    try:
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        return [{name: line[name] for name in ("settings", "valid_auc", "why")} for line in lines]
    except (ValueError, KeyError, TypeError):
        raise DataError(f"{path} is not a list of trials; remove it to start the search again") from None
