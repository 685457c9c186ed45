"""What differs between two data sets, and a blend of models: known answers."""

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
import domains_features as features  # noqa: E402
import domains_page  # noqa: E402
import results_blend  # noqa: E402

from goeswith.errors import ConfigError  # noqa: E402


@pytest.fixture(scope="module")
def side(tmp_path_factory: pytest.TempPathFactory) -> features.Side:
    return features.side(styles_dataset(tmp_path_factory.mktemp("domains")), "made")


def moved(side: features.Side, by: float, scale: float = 1.0) -> features.Side:
    return features.Side(side.features * scale + by, side.outfits, side.dataset)


def test_a_shift_is_in_deviations_and_standardising_undoes_it(side: features.Side) -> None:
    assert features.shift(side, side) == 0
    deviation = side.values.std(axis=0)
    far = features.Side(side.features + (3 * deviation).astype(np.float32), side.outfits, side.dataset)
    assert features.shift(side, far) == pytest.approx(3, rel=1e-4)
    np.testing.assert_allclose(moved(side, 5.0, 2.0).standardised, side.standardised, atol=1e-3)


def test_a_discriminant_tells_apart_what_differs_and_not_what_is_alike() -> None:
    random = np.random.default_rng(0)
    first, second = random.normal(size=(400, 6)), random.normal(size=(300, 6))
    assert features.separated(first, second) == pytest.approx(0.5, abs=0.07)
    assert features.separated(first, second + 2 * np.eye(6)[1]) == pytest.approx(0.92, abs=0.04)  # Φ(2 / √2)
    assert features.nearest(first, second) == pytest.approx(0.5, abs=0.07)
    assert features.nearest(first + 4, second - 4) == 1


def test_the_same_directions_and_the_same_taste(side: features.Side) -> None:
    assert features.alike_axes(side, moved(side, 1.0, 3.0)) == pytest.approx(1, abs=1e-3)
    assert features.taste(side, moved(side, 1.0, 3.0)) == pytest.approx(1, abs=1e-3)
    first, second = side.item_halves()
    assert not set(first.worn) & set(second.worn)
    halves = features.taste(*side.halves())
    assert halves > 0.6
    assert abs(features.taste(side, side.shuffled())) < halves / 2


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


@dataclass(frozen=True)
class Answered:
    """What a run says, as far as blends look at it."""

    questions: SimpleNamespace
    scores: np.ndarray
    scorer: str = ""


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


def test_the_page_has_a_row_for_each_study(tmp_path: Path) -> None:
    both = {"domains": 0.9, "halves": 0.5}
    study = {
        "name": "words", "title": "Words", "seed": 0, "pictures": [None, None],
        "features": {"minilm": dict.fromkeys(("shift", "separated", "nearest", "nearest_standardised", "axes"), both)
                     | {"taste": both | {"own halves": 0.7, "shuffled": 0.01}}},
        "scorers": {"auc": {"likeness": 0.61, "designers": 0.62}, "agreement": {"designers, own": 0.3}},
    }  # fmt: skip
    (tmp_path / "domains-words.json").write_text(json.dumps(study))
    page = domains_page.write_page(tmp_path, tmp_path / "page.md").read_text()
    assert "- Words: not measured" in page
    assert "| Words, `minilm` | 0.90 (0.50) | 0.900 (0.500) |" in page
    assert "0.900 (0.700; 0.010)" in page
    assert "| Words | 0.610 | – | 0.620 | – | – | – |" in page
    assert "None of these data sets has pictures." in page
