"""OutfitTransformer against its description, one outfit, layer, head and token at a time."""

import math

import numpy as np
import pytest
import torch
from worlds import styles_data

from goeswith.data.outfits import OutfitBatch
from goeswith.errors import ConfigError
from goeswith.models import ItemStates, Vocabulary
from goeswith.models.outfit_transformer import OutfitTransformer, OutfitTransformerConfig, focal

WORDS = Vocabulary(("coat", "jeans"), ("outer", "bottom"))
BATCH = OutfitBatch(
    torch.tensor([[0, 1, 2, 3], [4, 2, 0, 0], [5, 1, 3, 0]]),
    torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0]]).bool(),
)
CODES = torch.tensor([0, 1, 2, 2, 0, 1])  # 2 is a category unknown to the model


def model_of() -> tuple[OutfitTransformer, torch.Tensor]:
    torch.manual_seed(7)
    config = OutfitTransformerConfig(hidden=6, layers=2, heads=3, feedforward=5, dropout=0.5)
    model = OutfitTransformer(config, 4, WORDS).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape) / 2)
    model.mean.fill_(0.5)
    model.factor.fill_(3)
    return model, torch.randn(6, 4, dtype=torch.float64)


def written_out(model: OutfitTransformer, features: np.ndarray) -> float:
    """The logit of one outfit."""
    features = (features - 0.5) * 3
    state = {name: tensor.detach().numpy() for name, tensor in model.state_dict().items()}

    def linear(name: str, x: np.ndarray) -> np.ndarray:
        return state[f"{name}.weight"] @ x + state[f"{name}.bias"]

    def normal(name: str, x: np.ndarray) -> np.ndarray:
        return (x - x.mean()) / np.sqrt(x.var() + 1e-5) * state[f"{name}.weight"] + state[f"{name}.bias"]

    tokens = [state["token"], *(linear("embedding", x) for x in features)]
    for layer in ("layers.0", "layers.1"):
        seen = [normal(f"{layer}.norm1", x) for x in tokens]
        both = [state[f"{layer}.self_attn.in_proj_weight"] @ x + state[f"{layer}.self_attn.in_proj_bias"] for x in seen]
        for i, token in enumerate(tokens):
            heads = []
            for head in range(3):
                own = slice(2 * head, 2 * head + 2)
                query = both[i][:6][own]
                weights = np.array([math.exp(query @ other[6:12][own] / math.sqrt(2)) for other in both])
                heads.append(sum(w / weights.sum() * x[12:][own] for w, x in zip(weights, both, strict=True)))
            tokens[i] = token + linear(f"{layer}.self_attn.out_proj", np.concatenate(heads))
        for i, token in enumerate(tokens):
            inner = np.maximum(linear(f"{layer}.linear1", normal(f"{layer}.norm2", token)), 0)
            tokens[i] = token + linear(f"{layer}.linear2", inner)
    return float(linear("head.2", np.maximum(linear("head.0", normal("norm", tokens[0])), 0))[0])


def test_a_batch_scores_as_described() -> None:
    model, features = model_of()
    for graph in (torch.no_grad(), torch.enable_grad()):  # two ways through the layers of torch
        with graph:
            scores = model.score(model.encode_items(features, CODES), BATCH)
        for outfit, (items, mask) in enumerate(zip(BATCH.items, BATCH.mask, strict=True)):
            assert scores[outfit].item() == pytest.approx(written_out(model, features[items[mask]].numpy()), rel=1e-9)


def test_features_are_standardised_over_the_items_of_training_outfits() -> None:
    data = styles_data()
    data.features[:, 3] = 7.0  # says nothing
    worn = data.features[np.unique(data.train.items)].double().numpy()
    models = []
    for standardise in (True, False):
        torch.manual_seed(0)
        config = OutfitTransformerConfig(hidden=8, layers=1, heads=2, standardise=standardise)
        models.append(OutfitTransformer(config, worn.shape[1], WORDS))
        models[-1].observe(data)
    expected = (data.features.double().numpy() - worn.mean(0)) / np.where(worn.std(0) > 0, worn.std(0), np.inf)
    read = models[0].embedding(torch.from_numpy(expected).float())
    torch.testing.assert_close(
        models[0].encode_items(data.features, data.categories).hidden, read, rtol=1e-4, atol=1e-5
    )
    raw = models[1].encode_items(data.features, data.categories).hidden
    assert torch.equal(raw, models[1].embedding(data.features))


def test_the_loss_is_focal_and_each_class_weighs_a_half() -> None:
    model, _ = model_of()
    right, wrong = torch.tensor([2.0, -1.0]), torch.tensor([[0.5, -3.0], [1.0, 0.0]])
    own = [1 / (1 + math.exp(-y)) for y in right.tolist()]
    other = [1 - 1 / (1 + math.exp(-y)) for y in wrong.flatten().tolist()]
    mean = [sum(-((1 - p) ** 2) * math.log(p) for p in part) / len(part) for part in (own, other)]
    loss = model.objective(right, wrong, ItemStates(torch.zeros(0), torch.zeros(0)), BATCH)
    assert loss.item() == pytest.approx(sum(mean) / 2)
    assert focal(right, 0.0).tolist() == pytest.approx([-math.log(p) for p in own])  # γ = 0 is cross entropy
    assert focal(torch.tensor([-200.0, 200.0]), 2.0).tolist() == pytest.approx([200, 0])


def test_dropout_is_for_training_alone() -> None:
    model, features = model_of()
    states = model.encode_items(features, CODES)
    assert torch.equal(model.score(states, BATCH), model.score(states, BATCH))
    model.train()
    assert not torch.equal(model.score(states, BATCH), model.score(states, BATCH))


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match="layers is 0; it must be 1 or more"):
        OutfitTransformerConfig(layers=0)
    with pytest.raises(ConfigError, match="hidden=100 is not a multiple of heads=16"):
        OutfitTransformerConfig(hidden=100)
    with pytest.raises(ConfigError, match=r"dropout is 1.0; it must be in \[0, 1\)"):
        OutfitTransformerConfig(dropout=1.0)
    with pytest.raises(ConfigError, match="focus is -1; it must be 0 or more"):
        OutfitTransformerConfig(focus=-1)
