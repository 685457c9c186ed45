"""Searching: the same budget for every model, kept trial by trial, and the best of validation wins."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from goeswith.errors import ConfigError, DataError
from goeswith.experiments import search as search_module
from goeswith.experiments.recipes import Experiment, Recipe
from goeswith.experiments.results import Outcome
from goeswith.experiments.search import Best, search, space
from goeswith.experiments.trainings import Training

EXPERIMENT = Experiment("m", "add-gnn", settings=("epochs=1",))
RECIPE = Recipe("r", "data", ("test-fitb-random",), (EXPERIMENT,), seeds=(3, 4))


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """The settings of each trial; none is trained, a larger model does better, a fast one diverges."""
    pytest.importorskip("optuna")
    asked: list[dict[str, str]] = []

    def work(training: Training) -> Outcome | str:
        settings = dict(s.split("=") for s in training.settings)
        asked.append(settings | {"out": training.out.name})
        if float(settings["learning_rate"]) > 8e-3:
            return "it diverged"
        return Outcome(1, None, 1.0, 1, int(settings["hidden"]) / 1000 - float(settings["dropout"]) / 100, [])

    monkeypatch.setattr(search_module, "work", work)
    return asked


def test_the_best_on_validation_is_found_within_the_budget(tried: list[dict[str, str]], tmp_path: Path):
    found = search(RECIPE, EXPERIMENT, tmp_path, 12)
    assert len(tried) == 12
    assert {trial["seed"] for trial in tried} == {"3"}
    assert [trial["out"] for trial in tried][:2] == ["trial-000", "trial-001"]
    assert all(1e-4 <= float(t["learning_rate"]) <= 1e-2 and 0 <= float(t["dropout"]) <= 0.5 for t in tried)
    kept = [json.loads(line) for line in (tmp_path / "trials.jsonl").read_text().splitlines()]
    best = max((trial for trial in kept if trial["valid_auc"] is not None), key=lambda trial: trial["valid_auc"])
    assert found.settings == tuple(best["settings"])
    assert "hidden=256" in found.settings
    assert kept[0]["settings"] == ["learning_rate=0.001", "dropout=0", "hidden=256"], "what the recipe says"
    assert found.summary.startswith("best of 12 trials: learning_rate=")


def test_a_search_goes_on_with_the_trials_that_it_would_have_made(tried: list[dict[str, str]], tmp_path: Path):
    straight = search(RECIPE, EXPERIMENT, tmp_path / "straight", 8)
    first = list(tried)
    tried.clear()
    search(RECIPE, EXPERIMENT, tmp_path / "stopped", 5)
    assert search(RECIPE, EXPERIMENT, tmp_path / "stopped", 8) == straight
    assert tried == first
    search(RECIPE, EXPERIMENT, tmp_path / "stopped", 8)
    assert len(tried) == 8


def test_where_every_trial_fails_nothing_is_found(
    tried: list[dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(search_module, "work", lambda training: "no outfits")
    assert search(RECIPE, EXPERIMENT, tmp_path, 2) == Best((), "all 2 trials failed, the last one: no outfits")


def test_a_model_is_searched_in_the_settings_that_it_has():
    pytest.importorskip("optuna")
    assert set(space(EXPERIMENT)) == {"learning_rate", "dropout", "hidden"}
    assert set(space(Experiment("c", "csa-net"))) == {"learning_rate", "dropout", "size"}


def test_what_the_recipe_says_is_among_the_settings_whatever_it_is():
    pytest.importorskip("optuna")
    odd = Experiment("m", "add-gnn", settings=("learning_rate=0.05", "dropout=0.7", "hidden=48"))
    found = space(odd)
    assert (found["learning_rate"].high, found["dropout"].high) == (0.05, 0.7)
    assert found["hidden"].choices == (32, 48, 64, 128)


def test_no_optuna_and_a_broken_list_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    modules: Any = sys.modules
    monkeypatch.setitem(modules, "optuna", None)
    with pytest.raises(ConfigError, match=r"a search needs Optuna; install it with: pip install 'goeswith\[search\]'"):
        search(RECIPE, EXPERIMENT, tmp_path, 1)
    (tmp_path / "trials.jsonl").write_text('{"settings": []}\n')
    with pytest.raises(DataError, match=r"trials.jsonl is not a list of trials; remove it"):
        search(RECIPE, EXPERIMENT, tmp_path, 1)
