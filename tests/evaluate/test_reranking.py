"""Reranking: the corrections, and that a fit finds the setting which made the data."""

import numpy as np
import pytest

from goeswith.evaluate.reranking import Judged, Reranking, distinct, fit, hub_means, log_popularity, recall, temperature

ITEMS, GAPS = 200, 600
RANDOM = np.random.default_rng(0)
COUNTS = np.maximum(RANDOM.pareto(1.0, ITEMS) * 4, 0).astype(int)
TASTE = RANDOM.standard_normal((GAPS, ITEMS)) * 2


def worn(odds: np.ndarray) -> np.ndarray:
    """One item a gap, drawn by log odds (g, m)."""
    return (odds + np.random.default_rng(1).gumbel(size=odds.shape)).argmax(axis=1)


def judged(scores: np.ndarray, truth: np.ndarray, hubs: np.ndarray | None = None) -> list[Judged]:
    none = np.zeros(scores.shape[1])
    return [Judged(scores, truth, log_popularity(COUNTS), none if hubs is None else hubs)]


def test_a_correction_is_its_formula() -> None:
    scores, popularity, hubs = np.array([[1.0, 2.0]]), np.array([0.5, 3.0]), np.array([0.1, 0.2])
    corrected = Reranking(alpha=0.5, beta=0.25, temperature=2.0)(scores, popularity, hubs)
    np.testing.assert_allclose(corrected, [[1 + 0.5 * 2 * 0.5 - 0.25 * 0.1, 2 + 0.5 * 2 * 3 - 0.25 * 0.2]])
    np.testing.assert_array_equal(Reranking()(scores, popularity, hubs), scores)


@pytest.mark.parametrize("scale", [0.01, 1.0, 50.0])
def test_the_temperature_is_the_scale_of_the_scores(scale: float) -> None:
    truth = worn(TASTE + log_popularity(COUNTS))
    assert temperature(judged(TASTE * scale, truth)) == pytest.approx(scale, rel=0.15)
    setting = fit(judged(TASTE * scale, truth))
    assert setting.alpha >= 0.75  # popularity was at work in full


def test_popularity_that_was_not_at_work_is_not_used() -> None:
    assert fit(judged(TASTE, worn(TASTE))).alpha <= 0.25


def test_hubs_are_found_and_taken_away() -> None:
    hubs = np.zeros(ITEMS)
    hubs[:5] = 6.0  # five items that go with everything, by the scores alone
    seen = TASTE + hubs
    found = hub_means(seen)
    assert found[:5].min() > found[5:].max() + 4
    blocks = judged(seen, worn(TASTE), found)
    setting = fit(blocks, alphas=(0.0,))
    assert setting.beta >= 0.75
    assert recall(blocks, setting) > recall(blocks, Reranking()) + 0.05
    assert distinct(blocks, setting) > 5 * distinct(blocks, Reranking())


def test_variety_is_kept_and_ties_take_the_smaller() -> None:
    truth = worn(TASTE + log_popularity(COUNTS))
    blocks = judged(TASTE, truth)
    free, varied = fit(blocks), fit(blocks, variety=0.9)
    plain = Reranking(0.0, 0.0, free.temperature)
    assert distinct(blocks, free) < 0.9 * distinct(blocks, plain) <= distinct(blocks, varied)
    assert recall(blocks, free) > recall(blocks, varied) > recall(blocks, plain)
    flat = [Judged(np.zeros((3, 50)), np.zeros(3, int), np.zeros(50), np.zeros(50))]
    assert fit(flat) == Reranking(0.0, 0.0, 1.0)
    assert recall(flat, Reranking()) == pytest.approx(10 / 50)
    assert fit([]) == Reranking()


def test_missing_scores_and_closed_candidates_are_never_ahead() -> None:
    scores = np.array([[np.nan, 5.0, -np.inf, 1.0], [3.0, np.nan, 2.0, -np.inf]])
    blocks = [Judged(scores, np.array([3, 1]), np.ones(4), np.zeros(4))]
    assert recall(blocks, Reranking(), k=1) == 0.0
    assert recall(blocks, Reranking(), k=2) == 0.5  # the second worn item has no score
    assert np.isfinite(temperature(blocks))
    # Each anchor's mean is taken away: 5 and 1 → 2 and −2; 3 and 2 → .5 and −.5.
    np.testing.assert_allclose(hub_means(scores, shrink=0.0), [0.5, 2.0, -0.5, -2.0])
    np.testing.assert_allclose(hub_means(scores, shrink=1.0), [0.25, 1.0, -0.25, -1.0])
