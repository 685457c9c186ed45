"""Scorers of trained models: candidates of a gap at once are those of a gap of a whole outfit."""

import numpy as np
import pytest
import torch
from scorers import scorer_of

from goeswith.data.outfits import OutfitBatch, pad
from goeswith.train import scoring
from goeswith.train.scorers import LinearScorer, TowerScorer


@torch.no_grad()
def test_filling_a_gap_is_its_query_times_the_key() -> None:
    plain, items, mask = scorer_of("two-tower")
    plain.model.residual.normal_()  # untrained it is zero, and what the category says with it
    plain.model.category.normal_()
    present = plain.present.copy()
    present[3] = False
    scorer = TowerScorer(plain.name, plain.model, plain.states, present)
    rows = np.arange(0, len(present), 3)
    filled = scorer.fill(items, mask, rows)
    assert filled.shape == (len(items), len(rows))
    states = plain.states
    for row, real, scores in zip(items, mask, filled, strict=True):
        for candidate, score in zip(rows, scores, strict=True):
            whole = torch.from_numpy(np.append(row[real], candidate))[None]
            gaps = plain.model.gaps(states, OutfitBatch(whole, torch.ones_like(whole, dtype=torch.bool)))
            expected = float(gaps[0, -1] @ plain.model.keys(states)[candidate])
            there = present[whole.numpy()].all()
            assert np.isnan(score) if not there else abs(score - expected) < 1e-5
    assert np.isnan(filled[:, rows == 3]).all()


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("add-gnn", {"steps": 0}), ("akd-dbpr", {"sides": "roles"}), ("akd-dbpr", {"sides": "groups"}),
        ("bpr-dae", {}),
    ],
)  # fmt: skip
def test_a_gap_is_filled_with_what_each_whole_outfit_scores(name: str, settings: dict[str, object]) -> None:
    plain, items, mask = scorer_of(name, **settings)
    present = plain.present.copy()
    present[3] = False
    plain.present = present
    mask = mask.copy()
    mask[0, 1] = mask[1, 0] = False  # whichever place lacks its item
    items = np.where(mask, items, 0)
    scorer, rows = LinearScorer(plain.name, plain.model, plain.states, present), np.arange(0, len(present), 3)
    filled = scorer.fill(items, mask, rows)
    assert scorer.model.linear
    assert filled.shape == (len(items), len(rows))
    for row, real, scores in zip(items, mask, filled, strict=True):
        outfits = np.array([np.append(row[real], candidate) for candidate in rows])
        np.testing.assert_allclose(scores, plain.score(outfits, np.ones(outfits.shape, bool)), rtol=1e-4, atol=1e-6)
    assert np.isnan(filled[:, rows == 3]).all()
    assert (np.nanstd(filled, axis=1) > 1e-4).any()
    own = np.random.default_rng(0).integers(len(rows), size=(len(items), 7))
    completed = scorer.complete(items, mask, rows[own])
    np.testing.assert_allclose(completed, np.take_along_axis(filled, own, axis=1), rtol=1e-4, atol=1e-6)
    assert scorer.complete(items[:0], mask[:0], rows[own][:0]).shape == (0, 7)
    assert scorer.fill(items[:0], mask[:0], rows).shape == (0, len(rows))


@pytest.mark.parametrize("length", [0, 3])
def test_no_outfits_have_no_scores(length: int) -> None:
    scorer, _, _ = scorer_of("two-tower")
    batch = OutfitBatch(torch.zeros(0, length, dtype=torch.int64), torch.zeros(0, length, dtype=torch.bool))
    assert scoring.score(scorer.model, scorer.states, batch).shape == (0,)


def test_outfits_of_any_length_score_together_what_they_score_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "SCORE_BLOCK", 3)
    scorer, _, _ = scorer_of("two-tower")
    rng = np.random.default_rng(4)
    outfits = [rng.permutation(len(scorer.present))[:length] for length in (5, 2, 7, 3, 3, 6, 2, 4)]
    items, mask = pad(np.concatenate(outfits), np.cumsum([0, *map(len, outfits)]))
    items, mask = items[:, ::-1].copy(), mask[:, ::-1].copy()  # padded in front, as nobody must rely on
    forward = scorer.score(items[:, ::-1].copy(), mask[:, ::-1].copy())
    alone = [float(scorer.score(outfit[None], np.ones((1, len(outfit)), bool))[0]) for outfit in outfits]
    np.testing.assert_allclose(forward, alone, atol=1e-6)
    np.testing.assert_allclose(scorer.score(items, mask), alone, atol=1e-6)
    assert np.isnan(forward).sum() == np.isnan(alone).sum() < len(outfits)
    assert np.ptp(np.asarray(alone)[~np.isnan(alone)]) > 1e-4
