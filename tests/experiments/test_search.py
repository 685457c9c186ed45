"""Searching: the same budget for every model, kept trial by trial, the hopeless cut short, the best wins."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from goeswith.errors import ConfigError, DataError
from goeswith.experiments import search as search_module
from goeswith.experiments.recipes import Experiment, Recipe
from goeswith.experiments.results import Outcome
from goeswith.experiments.search import GOES_ON, TRIALS, Best, behind, search, space
from goeswith.experiments.trainings import Training
from goeswith.train.loop import Progress

EXPERIMENT = Experiment("m", "add-gnn", settings=("epochs=1",))
RECIPE = Recipe("r", "data", ("test-fitb-random",), (EXPERIMENT,), seeds=(3, 4))


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """The settings of each trial; none is trained, a larger model does better, a fast one diverges."""
    pytest.importorskip("optuna")
    trials: list[dict[str, str]] = []

    def work(training: Training, watch: Progress | None = None) -> Outcome | str:
        settings = dict(s.split("=") for s in training.settings)
        trials.append(settings | {"out": training.out.name})
        if float(settings["learning_rate"]) > 8e-3:
            return "it diverged"
        end = int(settings["hidden"]) / 1000 - float(settings["dropout"]) / 100
        history = [{"valid_auc": end * epoch / 12} for epoch in range(1, 13)]
        training.out.mkdir(parents=True)
        for epoch, row in enumerate(history, 1):
            trials[-1]["epochs"] = str(epoch)
            if watch:
                watch(epoch, 12, row | {"train_auc": end + 0.1})
        return Outcome(1, None, 1.0, 12, end, history)

    monkeypatch.setattr(search_module, "work", work)
    monkeypatch.setattr(search_module, "Dataset", lambda path: SimpleNamespace(named={"fingerprint": path}))
    return trials


def test_the_best_on_validation_is_found_within_the_budget(tried: list[dict[str, str]], tmp_path: Path):
    best_found = search(RECIPE, EXPERIMENT, tmp_path, 12)
    assert len(tried) == 12
    assert {trial["seed"] for trial in tried} == {"3"}
    assert [trial["out"] for trial in tried][:2] == ["trial-000", "trial-001"]
    assert all(1e-4 <= float(t["learning_rate"]) <= 1e-2 and 0 <= float(t["dropout"]) <= 0.5 for t in tried)
    trials = [json.loads(line) for line in (tmp_path / "trials.jsonl").read_text().splitlines()]
    best = max(
        (trial for trial in trials if trial["valid_auc"] is not None and not trial["why"]),
        key=lambda trial: trial["valid_auc"],
    )
    assert best_found.settings == (*best["settings"], GOES_ON)
    assert "hidden=256" in best_found.settings
    first = "learning_rate=0.001 weight_decay=1e-06 optimiser=rmsprop objective=pairwise dropout=0 hidden=256"
    assert " ".join(trials[0]["settings"]) == first, "what the recipe says"
    assert {trial["optimiser"] for trial in tried} == {"adamw", "rmsprop"}
    assert {trial["objective"] for trial in tried} == {"pairwise", "softmax"}
    assert best_found.summary.startswith("best of 12 trials (")


def test_a_trial_that_is_behind_is_cut_short_and_leaves_nothing(tried: list[dict[str, str]], tmp_path: Path):
    search(RECIPE, EXPERIMENT, tmp_path, 20)
    trials = [json.loads(line) for line in (tmp_path / "trials.jsonl").read_text().splitlines()]
    cut = [number for number, trial in enumerate(trials) if trial["why"].startswith("pruned")]
    assert cut
    for number in cut:
        assert tried[number]["epochs"] in ("4", "12")
        assert len(trials[number]["epochs"]) == int(tried[number]["epochs"])
        assert trials[number]["valid_auc"] == max(trials[number]["epochs"])
        assert len(trials[number]["train_epochs"]) == len(trials[number]["epochs"])
        assert not (tmp_path / f"trial-{number:03d}").exists()
    assert {trial["epochs"] for number, trial in enumerate(tried) if number not in cut and "epochs" in trial} == {"12"}


def test_one_trial_in_three_is_continued():
    grown = [[0.1 * number] * 12 for number in range(1, 6)]
    assert not behind([0.0] * 4, grown[:1])  # too few to tell
    assert behind([0.05] * 4, grown)
    assert behind([0.35] * 4, grown)  # of six, two go on: .5 and .4
    assert not behind([0.4] * 4, grown)
    assert not behind([0.05] * 5, grown)  # asked after 4 and 12 epochs alone
    assert behind([0.05] * 12, grown)
    assert not behind([0.05] * 12, [epochs[:4] for epochs in grown])  # nobody got so far
    assert not behind([0.45, 0.1, 0.1, 0.1], grown)  # the best so far counts


def test_a_search_goes_on_with_the_trials_that_it_would_have_made(tried: list[dict[str, str]], tmp_path: Path):
    straight = search(RECIPE, EXPERIMENT, tmp_path / "straight", 8)
    first = list(tried)
    tried.clear()
    search(RECIPE, EXPERIMENT, tmp_path / "stopped", 5)
    assert search(RECIPE, EXPERIMENT, tmp_path / "stopped", 8) == straight
    assert tried == first
    search(RECIPE, EXPERIMENT, tmp_path / "stopped", 8)
    assert len(tried) == 8
    kept = tmp_path / "stopped" / TRIALS
    earlier = [json.loads(line) for line in kept.read_text().splitlines()]
    for trial in earlier:
        del trial["train_epochs"]  # an earlier version did not keep them
    kept.write_text("".join(json.dumps(trial) + "\n" for trial in earlier))
    assert search(RECIPE, EXPERIMENT, tmp_path / "stopped", 8) == straight


def test_a_setting_of_many_digits_is_searched_around(tried: list[dict[str, str]], tmp_path: Path):
    odd = replace(EXPERIMENT, settings=(*EXPERIMENT.settings, "learning_rate=0.012345678"))  # written it is larger
    search(replace(RECIPE, models=(odd,)), odd, tmp_path / "odd", 3)
    assert tried[0]["learning_rate"] == "0.0123457"
    assert len(tried) == 3


def test_a_kill_in_the_midst_of_a_trial_costs_that_trial_alone(
    tried: list[dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    straight = search(RECIPE, EXPERIMENT, tmp_path / "straight", 6)
    first = list(tried)
    tried.clear()
    work = search_module.work

    def killed(training: Training, watch: Progress | None = None) -> Outcome | str:
        if training.out.name == "trial-003":
            training.out.mkdir(parents=True)
            (training.out / "state.safetensors").touch()
            raise KeyboardInterrupt
        return work(training, watch)

    monkeypatch.setattr(search_module, "work", killed)
    with pytest.raises(KeyboardInterrupt):
        search(RECIPE, EXPERIMENT, tmp_path / "killed", 6)
    monkeypatch.setattr(search_module, "work", work)
    assert search(RECIPE, EXPERIMENT, tmp_path / "killed", 6) == straight
    assert tried == first


def test_trials_of_another_search_are_not_taken(tried: list[dict[str, str]], tmp_path: Path):
    search(RECIPE, EXPERIMENT, tmp_path, 2)
    longer = replace(EXPERIMENT, settings=("epochs=2",))
    for recipe, experiment, what in (
        (RECIPE, longer, "settings"),
        (replace(RECIPE, dataset="new"), EXPERIMENT, "dataset"),
    ):
        with pytest.raises(DataError, match=rf"trials\.jsonl is of a search with another {what}; remove .* again"):
            search(recipe, experiment, tmp_path, 3)
    assert len(tried) == 2
    search(RECIPE, EXPERIMENT, tmp_path, 3)
    assert len(tried) == 3


def test_where_every_trial_fails_nothing_is_found(
    tried: list[dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(search_module, "work", lambda training, watch: "no outfits")
    assert search(RECIPE, EXPERIMENT, tmp_path, 2) == Best((), "all 2 trials failed, the last one: no outfits")


def test_a_model_is_searched_in_the_settings_that_it_has():
    pytest.importorskip("optuna")
    common = {"learning_rate", "weight_decay", "optimiser", "objective", "dropout"}
    assert set(space(EXPERIMENT)) == {*common, "hidden"}
    assert set(space(Experiment("c", "csa-net"))) == {*common, "size"}
    taught = replace(EXPERIMENT, teacher="designers")
    assert set(space(taught)) == {*common, "hidden"}, "masks go with any objective"
    speaking = [replace(taught, settings=("carry=masks+responses",)), replace(EXPERIMENT, rules="r.toml")]
    assert all(set(space(experiment)) == {*common, "hidden"} - {"objective"} for experiment in speaking)


def test_what_the_recipe_says_is_among_the_settings_whatever_it_is():
    pytest.importorskip("optuna")
    odd = Experiment("m", "add-gnn", settings=("learning_rate=0.05", "dropout=0.7", "hidden=48"))
    ranges = space(odd)
    assert (ranges["learning_rate"].high, ranges["dropout"].high) == (0.05, 0.7)
    assert ranges["hidden"].choices == (32, 48, 64, 128, 256)


def test_no_optuna_and_a_broken_list_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    modules: Any = sys.modules
    monkeypatch.setitem(modules, "optuna", None)
    with pytest.raises(ConfigError, match=r"a search needs Optuna; install it with: pip install 'goeswith\[search\]'"):
        search(RECIPE, EXPERIMENT, tmp_path, 1)
    (tmp_path / "trials.jsonl").write_text('{"settings": []}\n')
    with pytest.raises(DataError, match=r"trials.jsonl is not a list of trials; remove it"):
        search(RECIPE, EXPERIMENT, tmp_path, 1)
