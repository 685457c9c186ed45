"""Every experiment of the project's recipes, trained and asked for real with the smallest sizes on a made data set.

What a bench makes of the answers is in test_bench.py. Experiments that differ in numbers alone (learning rate, batch
size, epochs) are trained once.
"""

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from worlds import styles_dataset

from goeswith.data.dataset import Dataset
from goeswith.data.encoders.encode import encode
from goeswith.experiments.bench import question_files
from goeswith.experiments.recipes import Experiment, Recipe, read_recipe
from goeswith.experiments.results import Outcome
from goeswith.experiments.trainings import RETRIEVAL, answers_file, trainings, work

ROOT = Path(__file__).resolve().parents[2]
RECIPES = sorted(path.stem for path in (ROOT / "recipes").glob("*.toml"))


def form_of(experiment: Experiment) -> tuple[object, ...]:
    """All of an experiment but its numbers."""
    configs = {part: asdict(config) for part, config in experiment.configs().items()}
    words = {(part, name, repr(v)) for part, fields in configs.items() for name, v in fields.items() if not number(v)}
    return experiment.model, experiment.teacher, experiment.rules, experiment.knowledge, frozenset(words)


def number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def distinct(recipes: list[Recipe]) -> Iterator[Experiment]:
    """The experiments of all forms, each under its recipe's name, and what they take their settings from."""
    seen: set[tuple[object, ...]] = set()
    for recipe in recipes:
        for experiment in recipe.models:
            if (form := form_of(experiment)) not in seen:
                seen.add(form)
                encoder = experiment.encoder.replace("minilm", "made")
                yield replace(experiment, name=f"{recipe.name}: {experiment.name}", like=None, encoder=encoder)


@pytest.mark.slow
def test_every_experiment_of_the_recipes_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)  # rule files are named from here
    recipes = [read_recipe(ROOT / "recipes" / f"{name}.toml").tiny() for name in RECIPES]
    models = tuple(distinct(recipes))
    assert len(models) > 60
    world = styles_dataset(tmp_path, number=200).path
    encode(Dataset(world), "word-ids")
    union = replace(
        recipes[0],
        name="union",
        dataset=f"{world}#users",
        designers=f"{world}#designers",
        encoder="made",
        questions=("test-fitb-matched", "test-triplet-category"),
        models=models,
        retrieval=False,
    )
    files, absent = question_files(union, Dataset(union.dataset))
    assert not absent
    planned = trainings(union, tmp_path / "out", files)
    models_asked: set[str] = set()
    for (experiment, _), training in planned.items():
        if experiment.model not in models_asked:  # how the whole catalogue is asked depends on the model alone
            models_asked.add(experiment.model)
            training = replace(training, retrieval=True)
        for job in filter(None, (training.lesson, training)):  # a lesson of several is learnt once
            outcome = work(job)
            assert isinstance(outcome, Outcome), f"{experiment.name}: {outcome}"
            assert len(outcome.history) <= 1
        with_rules = (False, True) if training.rules else (False,)
        answered = [*files, RETRIEVAL] if training.retrieval else files
        assert all(answers_file(training, file, rules).is_file() for file in answered for rules in with_rules)
    assert models_asked == {experiment.model for experiment in models}
