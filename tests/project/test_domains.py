"""What differs between two data sets: known answers."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from worlds import styles_dataset

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

import domains  # noqa: E402
import domains_features as features  # noqa: E402
import domains_page  # noqa: E402

from goeswith.experiments.study import Study  # noqa: E402


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


@pytest.mark.slow
def test_models_that_see_the_same_taste_agree(tmp_path: Path) -> None:
    styles = styles_dataset(tmp_path).path
    towers = ("hidden=8", "epochs=10", "memory=false", "teacher.hidden=8", "teacher.epochs=10", "teacher.memory=false")
    study = Study("made", f"{styles}#users", f"{styles}#designers", "made", (0, -1), (0,), ("designers",), set=towers)
    scores = domains.scorers(study, tmp_path / "out", 0)
    assert set(scores["auc"]) == {
        "likeness", "own", "designers", "shuffled", "designers, own standard", "designers at home"
    }  # fmt: skip
    assert min(scores["auc"][name] for name in ("own", "designers", "designers at home")) > 0.6
    agreement = scores["agreement"]
    assert agreement["designers, own"] > 0.3
    assert agreement["designers, own beyond likeness"] > agreement["shuffled, own beyond likeness"]
    assert domains.scorers(study, tmp_path / "other", 0, tmp_path / "out" / "runs") == scores
    assert not (tmp_path / "other" / "runs").exists()


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
