"""Type-Aware against its equations, one pair at a time."""

from itertools import combinations

import numpy as np
import pytest
import torch
from training_batch import CODES, RIGHT, WORDS, WRONG, batch, features, observed, randomised

from goeswith.errors import ConfigError
from goeswith.models.type_aware import TypeAware, TypeAwareConfig

MET = [[0, 1, 2, 3], [4, 5], [4, 3]]  # of categories: all pairs of 0-3, and 3 with itself; not 0-0, 1-1, 2-2


def model_of(**settings: object) -> TypeAware:
    model = randomised(TypeAware(TypeAwareConfig(size=5, **settings), 7, WORDS))  # type: ignore[arg-type]
    model.observe(observed(MET))
    return model


class ResponseModel:
    """The distances and masks of a model, pair by pair."""

    def __init__(self, model: TypeAware) -> None:
        weight, bias = (x.detach().numpy() for x in (model.embedding.weight, model.embedding.bias))
        self.x = features(7).numpy() @ weight.T + bias
        self.normalise = model.config.normalise
        masks, kinds = np.maximum(model.masks.detach().numpy(), 0), WORDS.categories
        if model.config.types == "group":
            kinds = WORDS.groups
        order = sorted(kinds)
        self.type = [order.index(kinds[c]) if c < 4 else None for c in CODES]
        pairs = [(a, b) for a in range(4) for b in range(a, 4)]
        met = {tuple(sorted((self.type[i], self.type[j]))) for o in MET for i, j in combinations(o, 2)}  # type: ignore[type-var]
        self.table = {pair: masks[pairs.index(pair)] for pair in met}  # type: ignore[arg-type]
        self.usual = np.mean(list(self.table.values()), axis=0)

    def mask(self, i: int, j: int) -> np.ndarray:
        a, b = self.type[i], self.type[j]
        return self.usual if a is None or b is None else self.table.get((min(a, b), max(a, b)), self.usual)

    def distance(self, i: int, j: int) -> float:
        first, second = self.x[i] * self.mask(i, j), self.x[j] * self.mask(i, j)
        if self.normalise:
            first, second = first / np.linalg.norm(first), second / np.linalg.norm(second)
        return float(np.sqrt(((first - second) ** 2).sum()))


@pytest.mark.parametrize("settings", [{}, {"types": "group"}, {"normalise": False}], ids=str)
def test_score_and_loss_are_those_of_the_equations(settings: dict) -> None:
    model = model_of(margin=0.7, mask_weight=0.5, embedding_weight=0.25, **settings)
    naive, outfits = ResponseModel(model), batch()
    states = model.encode_items(features(7), torch.tensor(CODES))
    scores = model.score(states, outfits)
    lists = RIGHT + [outfit for both in WRONG for outfit in both]
    for score, outfit in zip(scores, lists, strict=True):
        assert score.item() == pytest.approx(-np.mean([naive.distance(i, j) for i, j in combinations(outfit, 2)]))
    hinges, sizes = [], []
    for right, both in zip(RIGHT, WRONG, strict=True):
        for wrong in both:
            (j,), (k,) = set(right) - set(wrong), set(wrong) - set(right)
            for i in set(right) & set(wrong):
                hinges.append(max(0, naive.distance(i, j) - naive.distance(i, k) + 0.7))
                sizes.append(naive.mask(i, j).sum())
    wanted = np.mean(hinges) + 0.5 * np.mean(sizes) + 0.25 * np.sqrt((naive.x**2).sum(axis=1).mean())
    loss = model.objective(scores[:3], scores[3:].view(3, 2), states, outfits) + model.penalty()
    assert 0 < sum(h > 0 for h in hinges) < len(hinges)
    assert loss.item() == pytest.approx(wanted)


def test_a_pair_that_never_met_is_compared_in_the_mean_of_the_spaces() -> None:
    model = model_of()
    states = model.encode_items(features(7), torch.tensor(CODES))
    pairs = torch.tensor([[1, 6], [0, 8], [0, 1]])  # coat and coat, an unknown category, boots and coat
    masks = model.pair_masks(states, pairs[:, 0], pairs[:, 1])
    torch.testing.assert_close(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match="margin is"):
        TypeAwareConfig(margin=0)
