"""SCE-Net against its equations, one pair and one condition at a time."""

from itertools import combinations

import numpy as np
import pytest
import torch
from training_batch import CODES, RIGHT, WORDS, WRONG, batch, features, randomised

from goeswith.errors import ConfigError
from goeswith.models.sce_net import SceNet, SceNetConfig


def model_of(**settings: object) -> SceNet:
    return randomised(SceNet(SceNetConfig(size=5, conditions=3, attention=6, **settings), 7, WORDS))  # type: ignore[arg-type]


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.sqrt((x**2).sum())


def embedded(model: SceNet, item: int) -> np.ndarray:
    return model.embedding.weight.detach().numpy() @ features(7)[item].numpy() + model.embedding.bias.detach().numpy()


def distance(model: SceNet, i: int, j: int) -> float:
    """d_ij with every masked embedding written out."""
    (w1, b1), (w2, b2) = ((p.weight.detach().numpy(), p.bias.detach().numpy()) for p in (model.hidden, model.choice))
    x, y, masks = embedded(model, i), embedded(model, j), np.maximum(model.masks.detach().numpy(), 0)
    weights = np.zeros(3)
    for pair in ((x, y), (y, x)):
        chosen = np.exp(w2 @ np.maximum(w1 @ np.concatenate([unit(p) for p in pair]) + b1, 0) + b2)
        weights += chosen / chosen.sum() / 2
    apart = sum(weights[k] * (unit(x * masks[k]) - unit(y * masks[k])) for k in range(3))
    return float(np.sqrt((apart**2).sum()))


def test_score_and_loss_are_those_of_the_equations() -> None:
    model, outfits = model_of(margin=0.1, mask_weight=0.5, embedding_weight=0.25), batch()
    states = model.encode_items(features(7), torch.tensor(CODES))
    scores = model.score(states, outfits)
    for score, outfit in zip(scores, RIGHT + [outfit for both in WRONG for outfit in both], strict=True):
        assert score.item() == pytest.approx(-np.mean([distance(model, i, j) for i, j in combinations(outfit, 2)]))
    hinges = []
    for right, both in zip(RIGHT, WRONG, strict=True):
        for wrong in both:
            (j,), (k,) = set(right) - set(wrong), set(wrong) - set(right)
            stayed = set(right) & set(wrong)
            hinges += [max(0, distance(model, i, j) - distance(model, i, k) + 0.1) for i in stayed]
    length = np.sqrt(np.mean([(embedded(model, item) ** 2).sum() for item in range(10)]))
    masks = np.maximum(model.masks.detach().numpy(), 0)
    loss = model.objective(scores[:3], scores[3:].view(3, 2), states, outfits) + model.penalty()
    assert 0 < sum(hinge > 0 for hinge in hinges) < len(hinges)
    assert loss.item() == pytest.approx(np.mean(hinges) + 0.25 * length + 0.5 * masks.sum() / 3)


def test_a_mask_that_leaves_nothing_of_an_item_is_no_division_by_zero() -> None:
    model = model_of()
    with torch.no_grad():
        model.masks.copy_(-model.masks.abs())
    states = model.encode_items(features(7), torch.tensor(CODES))
    scores = model.score(states, batch())
    scores.sum().backward()
    assert scores.tolist() == [0.0] * 9
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match="conditions is 0"):
        SceNetConfig(conditions=0)
    with pytest.raises(ConfigError, match="margin is -1; it must be greater than 0"):
        SceNetConfig(margin=-1)
