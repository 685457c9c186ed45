"""CSA-Net against its equations, one pair and one subspace at a time."""

from itertools import combinations

import numpy as np
import pytest
import torch
from training_batch import CODES, RIGHT, WORDS, WRONG, batch, features, observed, randomised

from goeswith.errors import ConfigError
from goeswith.models.csa_net import CsaNet, CsaNetConfig


def model_of(**settings: object) -> CsaNet:
    return randomised(CsaNet(CsaNetConfig(size=5, subspaces=3, attention=6, **settings), 7, WORDS))  # type: ignore[arg-type]


def distance(model: CsaNet, i: int, j: int, trained: int = 4) -> float:
    """d_ij, with w from one-hot categories as printed."""
    parts = (model.embedding, model.hidden, model.choice)
    (w, b), (w1, b1), (w2, b2) = ((p.weight.detach().numpy(), p.bias.detach().numpy()) for p in parts)
    sides = []
    for own, other in ((i, j), (j, i)):
        hot = np.zeros(8)
        for side, item in enumerate((own, other)):
            if CODES[item] < trained:
                hot[4 * side + CODES[item]] = 1
        chosen = np.exp(w2 @ np.maximum(w1 @ hot + b1, 0) + b2)
        chosen /= chosen.sum()
        x = w @ features(7)[own].numpy() + b
        mixed = sum(chosen[k] * x * np.maximum(model.masks[k].detach().numpy(), 0) for k in range(3))
        sides.append(mixed / np.sqrt((mixed**2).sum()) if model.config.normalise else mixed)
    return float(np.sqrt(((sides[0] - sides[1]) ** 2).sum()))


@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize("negative", ["min", "mean"])
def test_score_and_loss_are_those_of_the_equations(negative: str, normalise: bool) -> None:
    model, outfits = model_of(negative=negative, normalise=normalise, margin=0.05), batch()
    states = model.encode_items(features(7), torch.tensor(CODES))
    scores = model.score(states, outfits)
    for score, outfit in zip(scores, RIGHT + [outfit for both in WRONG for outfit in both], strict=True):
        assert score.item() == pytest.approx(-np.mean([distance(model, i, j) for i, j in combinations(outfit, 2)]))
    apart, hinges = [], []
    for right, both in zip(RIGHT, WRONG, strict=True):
        far = []
        for wrong in both:
            (j,), (k,), stayed = set(right) - set(wrong), set(wrong) - set(right), set(right) & set(wrong)
            near = np.mean([distance(model, i, j) for i in stayed])
            far.append(np.mean([distance(model, i, k) for i in stayed]))
        apart.append(np.ptp(far))
        hinges.append(max(0, near - (min(far) if negative == "min" else np.mean(far)) + 0.05))
    loss = model.objective(scores[:3], scores[3:].view(3, 2), states, outfits) + model.penalty()
    assert min(apart) > 0.01  # so that the minimum is not the mean
    assert any(hinges)
    assert loss.item() == pytest.approx(np.mean(hinges))


def test_a_category_of_no_training_outfit_says_nothing() -> None:
    model = model_of()
    model.observe(observed([[0, 1, 2]]))  # no shirt, code 3
    states = model.encode_items(features(7), torch.tensor(CODES))
    distances = model.distances(states, torch.tensor([3, 4]), torch.tensor([0, 9]))
    assert distances.tolist() == pytest.approx([distance(model, 3, 0, trained=3), distance(model, 4, 9, trained=3)])


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match="subspaces is 0"):
        CsaNetConfig(subspaces=0)
    with pytest.raises(ConfigError, match="dropout is"):
        CsaNetConfig(dropout=1.0)
