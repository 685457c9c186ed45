"""Every recipe of the project, trained for real as its tiny twin on a made world."""

from dataclasses import replace
from pathlib import Path

import pytest
from worlds import styles_dataset

from goeswith.experiments.bench import bench
from goeswith.experiments.recipes import read_recipe

ROOT = Path(__file__).resolve().parents[2]
RECIPES = sorted(path.stem for path in (ROOT / "recipes").glob("*.toml"))


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_the_tiny_twin_of_a_recipe_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)  # its rule files are named from here
    world = styles_dataset(tmp_path).path
    recipe = read_recipe(ROOT / "recipes" / f"{name}.toml").tiny()
    whole = recipe.dataset == recipe.designers or not recipe.designers
    asked = [q for q in recipe.questions if not q.startswith("official-") and not q.endswith("-random")]
    recipe = replace(
        recipe,
        dataset=f"{world}{'' if whole else '#users'}",
        designers=f"{world}{'' if whole else '#designers'}" if recipe.designers else "",
        encoder="made",
        questions=tuple(asked),
    )
    board = bench(recipe, tmp_path / "out", jobs=1, say=lambda line: None)
    assert not board.failures
    names = {experiment.name for experiment in recipe.models}
    assert names <= {row.name for row in board.rows if row.measured}
    assert all(len(row.outcomes[0].history) <= 1 for row in board.rows if row.outcomes)
    assert len(board.comparisons) == len(recipe.pairings)
