"""BPR-DAE against its description, one outfit, pair, item and number at a time."""

import math
from itertools import combinations

import numpy as np
import pytest
import torch
from worlds import styles_data

from goeswith.data.outfits import OutfitBatch
from goeswith.errors import ConfigError
from goeswith.models import Vocabulary
from goeswith.models.bpr_dae import BprDae, BprDaeConfig, by_group

WORDS = Vocabulary(("coat", "jeans", "shirt", "skirt"), ("outer", "bottom", "top", "bottom"))
CODES = torch.tensor([3, 1, 2, 2, 0, 4])  # 4 is a category unknown to the model
BATCH = OutfitBatch(
    torch.tensor([[0, 2, 4, 5], [2, 3, 0, 0], [1, 0, 3, 0], [1, 2, 0, 0]]),
    torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 0, 0]]).bool(),
)


def model_of(**settings: float) -> tuple[BprDae, torch.Tensor]:
    torch.manual_seed(2)
    model = BprDae(BprDaeConfig(hidden=5, **settings), 4, WORDS).double().eval()  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape))
        model.least.copy_(torch.tensor([0.0, -1.0, 0.5, 0.0]))
        model.spread.copy_(torch.tensor([1.0, 2.0, 0.5, 4.0]))
    return model, torch.rand(6, 4, dtype=torch.float64) * 3 - 1


def logistic(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def written_out(model: BprDae, x: np.ndarray, code: int) -> tuple[np.ndarray, float]:
    """Code z and reconstruction error of one item."""
    maps = [t.detach().numpy() for t in (model.encoder, model.encoder_bias, model.decoder, model.decoder_bias)]
    order = ["bottom", "outer", "top"]
    groups = [order.index(WORDS.groups[code])] if code < 4 else [0, 1, 2]
    w, b, w_back, b_back = (sum(m[g] for g in groups) / len(groups) for m in maps)
    scaled = [(x[d] - float(model.least[d])) / float(model.spread[d]) for d in range(4)]
    scaled = np.array([min(max(value, 0.0), 1.0) for value in scaled])
    z = logistic(scaled @ w + b)
    return z, float(((logistic(z @ w_back + b_back) - scaled) ** 2).sum() / 2 / 4)


def test_a_batch_scores_as_described() -> None:
    model, features = model_of()
    scores = model.score(model.encode_items(features, CODES), BATCH)
    for outfit, (items, mask) in enumerate(zip(BATCH.items, BATCH.mask, strict=True)):
        codes = [written_out(model, features[row].numpy(), int(CODES[row]))[0] for row in items[mask]]
        pairs = [float(a @ b) for a, b in combinations(codes, 2)]
        assert scores[outfit].item() == pytest.approx(sum(pairs) / len(pairs), rel=1e-9)


@pytest.mark.parametrize("weight", [0.0, 2.5])
def test_the_loss_ranks_and_rebuilds(weight: float) -> None:
    model, features = model_of(reconstruction_weight=weight)
    model.train()
    states = model.encode_items(features, CODES)
    scores = model.score(states, BATCH)
    right, wrong = scores[:2], scores[2:, None]
    errors = [written_out(model, features[row].numpy(), int(CODES[row]))[1] for row in range(6)]
    ranks = [math.log(1 + math.exp(scores[i + 2].item() - scores[i].item())) for i in range(2)]
    wanted = sum(ranks) / 2 + weight * sum(errors) / 6
    assert model.objective(right, wrong, states, BATCH).item() == pytest.approx(wanted, rel=1e-9)


def test_scores_in_training_are_those_of_later() -> None:
    model, features = model_of()
    later = model.score(model.encode_items(features, CODES), BATCH)
    model.train()
    torch.testing.assert_close(model.score(model.encode_items(features, CODES), BATCH), later)


def test_dropout_hides_features_from_the_encoder_and_not_from_the_error() -> None:
    model, features = model_of(dropout=0.5)
    model.train()
    with torch.no_grad():
        model.encoder.zero_()  # blind to its input, so that only the target of the reconstruction could differ
    first, second = (model.encode_items(features, CODES).hidden for _ in range(2))
    assert torch.equal(first, second)
    with torch.no_grad():
        model.encoder.fill_(1)
    first, second = (model.encode_items(features, CODES).hidden for _ in range(2))
    assert not torch.equal(first, second)


def test_the_range_of_a_dimension_is_that_of_the_items_of_training_outfits() -> None:
    data = styles_data()
    model = BprDae(BprDaeConfig(hidden=2), 16, Vocabulary.of(data.catalogue))
    data.features[:, 3] = 7
    unworn = int(np.setdiff1d(np.arange(len(data.features)), data.train.items)[0])
    data.features[unworn] = 1000
    model.observe(data)
    worn = data.features.numpy()[np.unique(data.train.items)]
    assert np.array_equal(model.least.numpy(), worn.min(axis=0))
    expected = worn.max(axis=0) - worn.min(axis=0)
    assert np.allclose(np.delete(model.spread.numpy(), 3), np.delete(expected, 3))
    assert model.spread[3] == 1  # all alike in training: nothing to scale by


def test_groups_without_items_are_passed_over() -> None:
    weight, bias = torch.randn(3, 2, 4), torch.randn(3, 4)
    output = by_group(torch.ones(2, 2), torch.tensor([2, 2]), weight, bias)
    torch.testing.assert_close(output, (weight[2].sum(dim=0) + bias[2]).expand(2, 4))
    assert by_group(torch.ones(0, 2), torch.zeros(0, dtype=torch.long), weight, bias).shape == (0, 4)


@pytest.mark.parametrize("settings", [{"hidden": 0}, {"reconstruction_weight": -1.0}, {"dropout": 1.0}])
def test_impossible_settings_are_refused(settings: dict) -> None:
    (name,) = settings
    with pytest.raises(ConfigError, match=f"{name} is {settings[name]}; it must be"):
        BprDaeConfig(**settings)
