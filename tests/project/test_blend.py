"""A blend of models: known answers, and a whole one of tiny models."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from worlds import styles_dataset

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

import blend  # noqa: E402
import results_blend  # noqa: E402

from goeswith.data.freeze import freeze  # noqa: E402
from goeswith.errors import ConfigError  # noqa: E402
from goeswith.experiments.recipes import read_recipe  # noqa: E402

RECIPE = """
name = "tiny"
dataset = "{dataset}"
encoder = "made"
seeds = [0, 1]
questions = ["test-triplet-group"]
set = ["hidden=8", "size=4", "epochs=1", "batch_size=64", "negatives=group"]

[[model]]
name = "Two-tower"
model = "two-tower"

[[model]]
name = "BPR-DAE"
model = "bpr-dae"

[[model]]
name = "left out"
model = "group-towers"
"""


@dataclass(frozen=True)
class Answered:
    """What a run says, as far as blends look at it."""

    questions: SimpleNamespace
    scores: np.ndarray
    scorer: str = ""


def answers(ahead: np.ndarray) -> SimpleNamespace:
    """Of questions with two candidates, the right one second; `ahead` is by how much."""
    count = len(ahead)
    questions = SimpleNamespace(
        score_offsets=np.arange(count + 1) * 2,
        answers=np.ones(count, dtype=int),
        frame=pl.DataFrame({"context": [[f"t{number % 50}"] for number in range(count)]}),
    )
    return SimpleNamespace(questions=questions, scores=np.stack([np.zeros(count), ahead], axis=1).ravel())


def test_a_blend_weights_good_scorers_and_leaves_out_useless_ones() -> None:
    random = np.random.default_rng(0)
    first, second, noise = random.normal(0.5, 1, 600), random.normal(0.5, 1, 600), random.normal(0, 1, 600)
    np.testing.assert_array_equal(blend.lead(answers(first)), first)
    weights, auc = blend.trusted([answers(first), answers(second), answers(-abs(noise))])
    assert weights[0] > 0.3
    assert weights[1] > 0.3
    assert weights[2] == 0
    assert (first > 0).mean() < auc < 1


def test_popularity_has_a_blend_of_its_own_and_seeds_a_mean() -> None:
    random = np.random.default_rng(0)
    taste, worn = ([Answered(**vars(answers(random.normal(0.5, 1, 600))))] * 2 for _ in range(2))
    assert list(blend.mixtures("b", {"m": taste}, None)) == ["b"]
    mixed = blend.mixtures("b", {"m": taste}, worn)
    assert list(mixed) == ["b", "b with popularity"]
    blended, weights, auc = mixed["b with popularity"]
    assert (weights > 0.1).all()
    assert auc > mixed["b"][2] + 0.02
    np.testing.assert_allclose(blended.scores, weights[0] * taste[0].scores + weights[1] * worn[0].scores)
    half = blend.average([taste, worn])
    np.testing.assert_allclose(half[1].scores, (taste[1].scores + worn[1].scores) / 2)


def test_a_control_of_a_blend_is_one_model_of_this_seed_and_the_next_ones() -> None:
    runs = {seed: {"a": [f"a{seed}"], "b": [f"b{seed}"]} for seed in (0, 1, 2)}
    assert blend.control_of(runs, "b", 1, 2) == {"b 1": ["b1"], "b 2": ["b2"]}
    assert blend.control_of(runs, "b", 2, 2) == {"b 2": ["b2"], "b 0": ["b0"]}
    with pytest.raises(ConfigError, match="needs 4 seeds, the recipe has 3"):
        blend.control_of(runs, "b", 0, 4)


def test_a_control_of_a_blend_has_no_share_in_it(tmp_path: Path) -> None:
    line = {"task": "triplet", "negatives": "official", "metric": "auc", "n": 9, "signature": "s"}
    score = line | {"value": 0.7, "low": 0.6, "high": 0.8, "unanswered": 0, "seeds": [0.7]}
    over = line | {
        "scorer": "blend",
        "difference": 0.1,
        "low": 0,
        "high": 0.2,
        "p": 0.01,
        "p_holm": 0.02,
        "shows": "higher",
    }
    measured = {
        "models": ["M"], "seeds": [0], "valid": [{"seed": 0, "valid_auc": 0.71, "shares": {"M": 1.0}}],
        "test": [score | {"scorer": name} for name in ("M", "blend", "M, 2 seeds")],
        "compared": [over | {"against": name} for name in ("M", "M, 2 seeds")],
    }  # fmt: skip
    (tmp_path / "blend-x.json").write_text(json.dumps(measured))
    rows = {
        line.split("|")[1].strip(): line.split("|")[-2].strip()
        for line in results_blend.blend(tmp_path, "x").splitlines()
        if line.count("|") > 4
    }
    assert (rows["M"], rows["blend"], rows["M, 2 seeds"]) == ("1.00", "–", "–")


@pytest.mark.slow
def test_a_blend_is_measured_from_nothing_and_again_without_training(tmp_path: Path) -> None:
    dataset = styles_dataset(tmp_path)
    freeze(dataset.catalogue, dataset.outfits, dataset.path / "questions", plan=[("triplet", "group")])
    (tmp_path / "tiny.toml").write_text(RECIPE.format(dataset=dataset.path))
    recipe, models = read_recipe(tmp_path / "tiny.toml"), ["Two-tower", "BPR-DAE"]

    def measured() -> dict:
        return blend.measure(
            recipe,
            models,
            control=models[0],
            work=tmp_path / "bench",
            valid="valid-triplet-group",
            test="test-triplet-group",
            popularity=True,
            together=True,
            with_validation=True,
            say=lines.append,
        )

    lines: list[str] = []
    results = measured()
    too = blend.ALSO_VALIDATION
    assert "BPR-DAE, seed 1: trained" in lines
    assert f"BPR-DAE, seed 1: trained, {too}" in lines
    assert len(lines) == 2 * len(models) * len(recipe.seeds)
    assert {score["scorer"] for score in results["test"]} == {
        *models, *(f"{name}, {too}" for name in (*models, "blend", "blend of all seeds")),
        "blend", "blend with popularity", "Two-tower, 2 seeds", "Two-tower, all seeds",
        "blend of all seeds", "blend of all seeds with popularity",
    }  # fmt: skip
    assert [line["seed"] for line in results["valid"]] == [0, 1, None]
    trained = {path: path.stat().st_mtime_ns for path in (tmp_path / "bench").rglob("weights.safetensors")}
    assert trained
    assert measured() == results
    assert {path: path.stat().st_mtime_ns for path in trained} == trained
    blend.write(results, tmp_path)
    assert "| blend |" in results_blend.blend(tmp_path, "tiny")
