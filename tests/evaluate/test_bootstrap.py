import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from goeswith.evaluate import bootstrap
from goeswith.evaluate.bootstrap import RESAMPLES, mean, pooled_auc, resampled


def ones(outfits: np.ndarray) -> np.ndarray:
    return np.ones((1, outfits.max() + 1))


def answers(seed: int, size: int = 300, outfits: int = 40) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    owner = np.concatenate([np.arange(outfits), random.integers(0, outfits, size - outfits)])
    return random.integers(0, 15, size).astype(float), random.random(size) < 0.4, owner


@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=2, max_size=40))
def test_pooled_auc_is_sklearns(pairs: list[tuple[int, bool]]) -> None:
    scores, good = (np.array(column) for column in zip(*pairs, strict=True))
    value = pooled_auc(scores.astype(float), good, np.zeros(len(good), int))(np.ones((1, 1)))[0]
    if good.all() or not good.any():
        assert np.isnan(value)
    else:
        assert value == pytest.approx(roc_auc_score(good, scores))


def test_a_weight_is_so_many_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    scores, good, owner = answers(0)
    weights = np.random.default_rng(1).integers(0, 4, (5, owner.max() + 1)).astype(float)
    copies = [np.repeat(np.arange(len(owner)), weight[owner].astype(int)) for weight in weights]
    np.testing.assert_allclose(mean(scores, owner)(weights), [scores[copy].mean() for copy in copies])
    expected = [roc_auc_score(good[copy], scores[copy]) for copy in copies]
    np.testing.assert_allclose(pooled_auc(scores, good, owner)(weights), expected)
    monkeypatch.setattr(bootstrap, "_BLOCK", 700)
    monkeypatch.setattr(bootstrap, "_HELD", 700)
    np.testing.assert_allclose(pooled_auc(scores, good, owner)(weights), expected)


def test_missing_scores_are_the_worst_of_their_kind() -> None:
    good, owner = np.array([True, True, False, False]), np.arange(4)
    assert pooled_auc(np.array([np.nan, 3.0, 1.0, 2.0]), good, owner)(ones(owner)) == [0.5]
    assert pooled_auc(np.array([4.0, 3.0, np.nan, 2.0]), good, owner)(ones(owner)) == [0.5]
    assert pooled_auc(np.full(4, np.nan), good, owner)(ones(owner)) == [0.0]
    assert mean(np.array([1.0, np.nan, 0.0, 0.0]), owner)(ones(owner))[0] == pytest.approx(1 / 3)


def test_draws_are_seeded_and_whole_outfits() -> None:
    owner = np.repeat(np.arange(20), 5)
    values = np.repeat(np.random.default_rng(0).random(20), 5)
    drawn = resampled([mean(values, owner)], 20, seed=3)
    assert drawn.shape == (1, RESAMPLES)
    assert np.array_equal(drawn, resampled([mean(values, owner)], 20, seed=3))
    assert not np.array_equal(drawn, resampled([mean(values, owner)], 20, seed=4))
    single = resampled([mean(values[::5], np.arange(20))], 20, seed=3)
    np.testing.assert_allclose(drawn, single)  # five copies of an outfit's answer tell no more than one
    assert drawn.std() == pytest.approx(values[::5].std() / np.sqrt(20), rel=0.06)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    """Outfits differ (between .2 and .8) and have 6 questions each: an interval by question would cover too rarely."""
    random = np.random.default_rng(0)
    owner = np.repeat(np.arange(60), 6)
    trials = [(random.random(360) < random.choice([0.2, 0.8], 60)[owner]).astype(float) for _ in range(100)]

    def coverage(clusters: np.ndarray) -> float:
        draws = resampled([mean(values, clusters) for values in trials], clusters.max() + 1, seed=0)
        low, high = np.quantile(draws, [0.025, 0.975], axis=1)
        return float(((low <= 0.5) & (high >= 0.5)).mean())

    assert coverage(owner) >= 0.89
    assert coverage(np.arange(360)) < 0.85
