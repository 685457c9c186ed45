"""Search: hyperparameter search on validation outfits, by TPE and successive halving, the same for every model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from goeswith.data.dataset import Dataset
from goeswith.errors import ConfigError, DataError
from goeswith.experiments.recipes import Experiment, Recipe
from goeswith.experiments.trainings import trainings, work
from goeswith.files import fresh_file, read_json

SIZES = (32, 64, 128, 256)
"""Of ``hidden``, or of ``size`` where the model calls it so, and what the recipe says."""
RATES = (1e-4, 1e-2)
DECAYS = (1e-6, 1e-1)
DROPOUTS = (0.0, 0.5)
OPTIMISERS = ("adamw", "rmsprop")
OBJECTIVES = ("pairwise", "softmax")
FIRST, REDUCTION = 4, 3
"""Epochs until the first look at a trial, and the part of those that got so far, one in so many, that goes on."""
GOES_ON = "extend=2"
"""What is set for every trial, and for what is trained with its settings: see `goeswith.train.settings`."""
TRIALS, SEARCH = "trials.jsonl", "search.json"
"""The files that keep the trials of a search, and what is searched for."""
_RANGES = {"learning_rate": RATES, "weight_decay": DECAYS, "dropout": DROPOUTS}
_WHOLE = ("hidden", "size")
_WORDS = {"optimiser": OPTIMISERS, "objective": OBJECTIVES}


class Pruned(Exception):
    """A trial that is not worth going on with."""


@dataclass(frozen=True)
class Best:
    """The best settings of a search, none where every trial failed; summary: one line about it."""

    settings: tuple[str, ...]
    summary: str


@dataclass(frozen=True)
class Trial:
    """One trial: its settings, what each epoch reached on validation, and why it failed or stopped.

    valid_auc: the best of its epochs; None where it failed. train_epochs: what each epoch reached on training outfits.
    """

    settings: list[str]
    valid_auc: float | None
    epochs: list[float]
    why: str = ""
    train_epochs: list[float] = field(default_factory=list)

    @property
    def pruned(self) -> bool:
        """Whether it was stopped since others did better."""
        return self.valid_auc is not None and bool(self.why)


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
    """Setting → where its values are looked for, of the settings that the model has.

    What the recipe says of a setting is always among them. The objective is not searched where knowledge speaks of one
    of them: rules, the teacher's rankings, sources of other packages.
    """
    distributions, own = optuna().distributions, start(experiment)
    searched = {}
    for name, (low, high) in _RANGES.items():
        if name in own:
            low, high = min(low, own[name]), max(high, own[name])
            searched[name] = distributions.FloatDistribution(low, high, log=name != "dropout")
    for name in _WHOLE:
        if name in own:
            searched[name] = distributions.CategoricalDistribution(sorted({*SIZES, own[name]}))
    for name, choices in _WORDS.items():
        if name in own:
            searched[name] = distributions.CategoricalDistribution(sorted({*choices, own[name]}))
    return searched


def start(experiment: Experiment) -> dict[str, Any]:
    """What the recipe says of the settings that are searched: the first trial, so that a search never does worse."""
    configs = experiment.configs()
    model = {name: getattr(configs["model"], name) for name in ("dropout", *_WHOLE) if hasattr(configs["model"], name)}
    train = {name: getattr(configs["train"], name) for name in ("learning_rate", "weight_decay", *_WORDS)}
    train["weight_decay"] = max(train["weight_decay"], DECAYS[0])  # as good as none, on a scale of powers of ten
    rankings = "designers" in configs and "responses" in configs["designers"].carry
    if rankings or experiment.rules or experiment.knowledge:
        del train["objective"]
    return train | model


def search(recipe: Recipe, experiment: Experiment, out: Path, trials: int) -> Best:
    """Train an experiment `trials` times with the recipe's first seed, each time with other settings.

    The first trial is what the recipe says. Every trial sees the same outfits as often: the recipe's epochs, and more
    where it is still getting better (`GOES_ON`). Or it is pruned: after `FIRST` epochs, and each time that these have
    grown `REDUCTION`-fold, it goes on only if it is among the best, one in `REDUCTION`, of those that have got so far
    (asynchronous successive halving).

    Every trial is kept in ``trials.jsonl``: an interrupted search resumes with the very trials that it
    would have made. Test questions have no say. A trial that fails counts, and teaches nothing.

    Raises:
        ConfigError: Optuna is not installed.
        DataError: ``trials.jsonl`` is broken, or of a search on other data or from other settings.
    """
    trials_done = read_trials(out / TRIALS)
    optuna()
    _same_search(recipe, experiment, out)
    while len(trials_done) < trials:
        settings = _ask(experiment, trials_done, recipe.seeds[0])
        candidate = replace(experiment, settings=(*experiment.settings, *settings, GOES_ON))
        trials_done.append(_try(recipe, candidate, settings, out, trials_done))
        with fresh_file(out / TRIALS) as partial:
            partial.write_text("".join(json.dumps(vars(trial)) + "\n" for trial in trials_done))
    return _best(trials_done[:trials])


def _same_search(recipe: Recipe, experiment: Experiment, out: Path) -> None:
    """Keep what is searched for beside the trials.

    Raises:
        DataError: something else was searched for there.
    """
    wanted = {
        "dataset": Dataset(recipe.dataset).named, "encoder": experiment.encoder or recipe.encoder or "",
        "model": experiment.model, "settings": list(experiment.settings), "seed": recipe.seeds[0],
    }  # fmt: skip
    if (out / SEARCH).is_file() and (kept := read_json(out / SEARCH, dict)) != wanted:
        others = ", ".join(name for name in wanted if kept.get(name) != wanted[name])
        raise DataError(f"{out / TRIALS} is of a search with another {others}; remove {out} to search again")
    out.mkdir(parents=True, exist_ok=True)
    with fresh_file(out / SEARCH) as partial:
        partial.write_text(json.dumps(wanted, indent=2) + "\n")


def finished(out: Path, trials: int) -> Best | None:
    """What a search found that has made its trials; None where it has not."""
    trials_done = read_trials(out / TRIALS)
    return _best(trials_done[:trials]) if len(trials_done) >= trials else None


def _best(trials: list[Trial]) -> Best:
    done = [trial for trial in trials if trial.valid_auc is not None]
    if not done:
        return Best((), f"all {len(trials)} trials failed, the last one: {trials[-1].why}")
    complete = [trial for trial in done if not trial.pruned] or done
    best = max(complete, key=lambda trial: trial.valid_auc or 0.0)
    cut = sum(trial.pruned for trial in done)
    return Best(
        (*best.settings, GOES_ON),
        f"best of {len(trials)} trials ({cut} pruned): {' '.join(best.settings)}, validation AUC {best.valid_auc:.3f}",
    )


def _ask(experiment: Experiment, trials: list[Trial], seed: int) -> list[str]:
    """The settings of the next trial, which follow from those before it alone."""
    if not trials:
        return _settings(start(experiment))
    library, distributions = optuna(), space(experiment)
    bounds = {name: (space.low, space.high) for name, space in distributions.items() if name in _RANGES}
    sampler = library.samplers.TPESampler(seed=1000 * seed + len(trials))
    study = library.create_study(direction="maximize", sampler=sampler)
    for trial in trials:
        if trial.valid_auc is not None:
            params = {name: _value(name, text) for name, text in (s.split("=") for s in trial.settings)}
            for name, (low, high) in bounds.items():
                params[name] = min(max(params[name], low), high)  # as it is written it may be just outside
            study.add_trial(
                library.trial.create_trial(params=params, distributions=distributions, value=trial.valid_auc)
            )
    return _settings(study.ask(distributions).params)


def _value(name: str, text: str) -> Any:
    return text if name in _WORDS else int(text) if name in _WHOLE else float(text)


def _settings(params: dict[str, Any]) -> list[str]:
    return [f"{name}={value:.6g}" if isinstance(value, float) else f"{name}={value}" for name, value in params.items()]


def _try(recipe: Recipe, experiment: Experiment, settings: list[str], out: Path, trials: Iterable[Trial]) -> Trial:
    """What a trial reached, or why it failed or was stopped."""
    alone = replace(recipe, models=(experiment,), seeds=recipe.seeds[:1])
    [training] = trainings(alone, out).values()
    if training.lesson and isinstance(failed := work(training.lesson), str):
        return Trial(settings, None, [], failed)
    others = [trial.epochs for trial in trials]
    epochs: list[float] = []
    train_epochs: list[float] = []
    training = replace(training, out=out / f"trial-{len(others):03d}")
    shutil.rmtree(training.out, ignore_errors=True)  # what a kill left would not be looked at from its first epoch on

    def watch(epoch: int, most: int, measured: dict[str, float]) -> None:
        epochs.append(measured["valid_auc"])
        train_epochs.extend(measured[name] for name in ("train_auc",) if name in measured)
        if behind(epochs, others):
            raise Pruned

    try:
        done = work(training, watch)
    except Pruned:
        shutil.rmtree(training.out)
        return Trial(settings, max(epochs), epochs, f"pruned after {len(epochs)} epochs", train_epochs)
    if isinstance(done, str):
        return Trial(settings, None, [], done)
    return Trial(settings, done.valid_auc, [row["valid_auc"] for row in done.history], train_epochs=train_epochs)


def behind(epochs: list[float], others: Iterable[list[float]]) -> bool:
    """Whether a trial is not among the best of those that got so far, at an epoch at which that is asked.

    epochs, others: what each epoch reached, of the trial and of those before it. What counts is the best so far.
    """
    rung, count = FIRST, len(epochs)
    while rung < count:
        rung *= REDUCTION
    if rung != count:
        return False
    reached = sorted((max(other[:count]) for other in others if len(other) >= count), reverse=True)
    survivors = (len(reached) + 1) // REDUCTION
    return survivors > 0 and max(epochs) < reached[survivors - 1]


def read_trials(path: Path) -> list[Trial]:
    """The trials of a file, none where there is none.

    Raises:
        DataError: it is broken.
    """
    if not path.is_file():
        return []
    try:
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        return [
            Trial(line["settings"], line["valid_auc"], line["epochs"], line["why"], line.get("train_epochs", []))
            for line in lines
        ]
    except (ValueError, KeyError, TypeError):
        raise DataError(f"{path} is not a list of trials; remove it to start the search again") from None
