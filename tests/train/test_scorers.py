"""Scorers of trained models: candidates of a gap at once are those of a gap of a whole outfit."""

import numpy as np
import torch
from scorers import scorer_of

from goeswith.data.outfits import OutfitBatch
from goeswith.train.scorers import TowerScorer


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
