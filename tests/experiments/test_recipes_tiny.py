"""Every experiment of the project's recipes, trained for real with the smallest sizes on a made data set.

Experiments that differ in numbers alone (learning rate, batch size, epochs) are trained once.
"""

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from worlds import styles_dataset

from goeswith.experiments.bench import bench
from goeswith.experiments.recipes import Experiment, Pairing, Recipe, read_recipe

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
                yield replace(experiment, name=f"{recipe.name}: {experiment.name}", like=None)


@pytest.mark.slow
def test_every_experiment_of_the_recipes_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)  # rule files are named from here
    recipes = [read_recipe(ROOT / "recipes" / f"{name}.toml").tiny() for name in RECIPES]
    models = tuple(distinct(recipes))
    assert len(models) > 60
    world = styles_dataset(tmp_path).path
    union = replace(
        recipes[0],
        name="union",
        dataset=f"{world}#users",
        designers=f"{world}#designers",
        encoder="made",
        questions=("test-fitb-matched", "test-triplet-category"),
        models=models,
        pairings=(Pairing(models[0].name, models[1].name), Pairing(models[0].name, "cosine")),
    )
    board = bench(union, tmp_path / "out", jobs=1, say=lambda line: None)
    assert not board.failures
    assert {experiment.name for experiment in models} <= {row.name for row in board.rows if row.measured}
    assert all(len(row.outcomes[0].history) <= 1 for row in board.rows if row.outcomes)
    assert len(board.comparisons) == len(union.pairings)
