"""Reranking: the corrections, and that a fit finds the setting which made the data."""

import numpy as np
import pytest

from goeswith.evaluate.reranking import (
    SIZE,
    Judged,
    Reranking,
    Setting,
    Shortlist,
    distinct,
    fit,
    hub_means,
    log_popularity,
    recall,
    reciprocal,
    standing,
    temperature,
    together,
)
from goeswith.evaluate.shortlist_fit import Shown, fit_shortlist

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


def reciprocal_rank(blocks: list[Judged], setting: Setting) -> float:
    """Mean over the gaps of all blocks; of equal scores the rank is the mean one."""
    ranks = [reciprocal(*standing(block.corrected(setting), block.truth)) for block in blocks]
    return float(np.concatenate(ranks).mean())


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
    means = hub_means(seen)
    assert means[:5].min() > means[5:].max() + 4
    blocks = judged(seen, worn(TASTE), means)
    setting = fit(blocks, alphas=(0.0,))
    assert setting.beta >= 0.75
    assert recall(blocks, setting) > recall(blocks, Reranking()) + 0.05
    assert distinct(blocks, setting) > 5 * distinct(blocks, Reranking())


def test_a_shortlist_is_chosen_by_one_setting_and_ordered_by_another() -> None:
    scores, popularity, hubs = RANDOM.random((4, 30)), RANDOM.random(30), RANDOM.random(30)
    scores[0, :25], scores[1, 3], scores[2] = -np.inf, np.nan, -np.inf  # few candidates, no score, no candidate
    setting = Shortlist(Reranking(0.5, 0.25, 2.0), Reranking(0.125, 0.5, 2.0))
    result = setting(scores, popularity, hubs)
    for row, plain in enumerate(scores):
        open_ = [at for at in range(30) if np.isfinite(plain[at])]
        chosen, order = (part(plain[None], popularity, hubs)[0] for part in (setting.chosen, setting.order))
        ranked = sorted(open_, key=lambda at: -chosen[at])
        expected = sorted(ranked[:SIZE], key=lambda at: -order[at]) + ranked[SIZE:]
        assert sorted(open_, key=lambda at: -result[row, at]) == expected
    assert np.isnan(result[1, 3])
    assert not np.isfinite(result[2]).any()
    scaled = setting.scaled(7.0)(scores * 7, popularity, hubs)
    np.testing.assert_array_equal(np.argsort(scaled[3]), np.argsort(result[3]))


def test_a_shortlist_has_the_recall_of_one_and_the_variety_of_the_other() -> None:
    truth = worn(TASTE + log_popularity(COUNTS))
    blocks = judged(TASTE, truth)
    free, varied = fit(blocks), fit_shortlist(blocks, variety=0.9)
    plain = Reranking(0.0, 0.0, free.temperature)
    assert varied.chosen == free
    assert distinct(blocks, free) < 0.9 * distinct(blocks, plain) <= distinct(blocks, varied)
    assert recall(blocks, varied) == recall(blocks, free) > recall(blocks, plain)
    assert reciprocal_rank(blocks, varied) > reciprocal_rank(blocks, Shortlist(free, plain))
    flat = [Judged(np.zeros((3, 50)), np.zeros(3, int), np.zeros(50), np.zeros(50))]
    assert fit(flat) == Reranking(0.0, 0.0, 1.0)
    assert fit_shortlist(flat).order == Reranking(0.0, 0.0, 1.0)
    assert recall(flat, Reranking()) == recall(flat, fit_shortlist(flat)) == pytest.approx(10 / 50)
    assert fit([]) == Reranking()
    assert fit_shortlist([]) == Shortlist()


def test_the_order_of_a_shortlist_is_judged_by_its_items_alone() -> None:
    """Against whole pools; with equal scores, items without one, gaps without any, and pools of fewer than ten."""
    random, blocks = np.random.default_rng(7), []
    for gaps, items in ((60, 90), (40, 7), (1, 30)):
        scores = random.normal(size=(gaps, items)).round(1)
        scores[random.random(scores.shape) < 0.1] = np.nan
        scores[random.random(scores.shape) < 0.1] = -np.inf
        scores[:2] = np.nan
        lifts = random.normal(size=(gaps, items)).astype(np.float32)
        worn, popularity = random.integers(0, items, gaps), np.log1p(random.integers(0, 9, items))
        blocks.append(Judged(scores, worn, popularity, random.normal(size=items), lifts))
    for alpha, beta in ((0.0, 0.0), (0.5, 0.25), (1.0, 1.0)):
        chosen, order = Reranking(0.5, 0.25, 1.5, 0.5), Reranking(alpha, beta, 1.5, 0.5)
        shown = [Shown.of(block, chosen) for block in blocks]
        assert sum(block.distinct(order) for block in shown) == distinct(blocks, Shortlist(chosen, order))
        ranks = np.concatenate([block.reciprocal_ranks(order) for block in shown])
        assert ranks.mean() == reciprocal_rank(blocks, Shortlist(chosen, order)) > 0


def test_tasks_of_different_scales_are_fitted_together() -> None:
    truth = worn(TASTE + log_popularity(COUNTS))
    blocks, scales = together({"anchor": judged(TASTE, truth), "rest": judged(TASTE * 3, truth)})
    assert scales == {"anchor": 1.0, "rest": pytest.approx(3.0, rel=0.01)}
    np.testing.assert_allclose(blocks[1].scores, TASTE, rtol=0.01)


def test_missing_scores_and_closed_candidates_are_never_ahead() -> None:
    scores = np.array([[np.nan, 5.0, -np.inf, 1.0], [3.0, np.nan, 2.0, -np.inf]])
    blocks = [Judged(scores, np.array([3, 1]), np.ones(4), np.zeros(4))]
    assert recall(blocks, Reranking(), k=1) == 0.0
    assert recall(blocks, Reranking(), k=2) == 0.5  # the second worn item has no score
    assert np.isfinite(temperature(blocks))
    # Each anchor's mean is taken away: 5 and 1 → 2 and −2; 3 and 2 → .5 and −.5.
    np.testing.assert_allclose(hub_means(scores, shrink=0.0), [0.5, 2.0, -0.5, -2.0])
    np.testing.assert_allclose(hub_means(scores, shrink=1.0), [0.25, 1.0, -0.25, -1.0])
