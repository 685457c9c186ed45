"""The contract that every trainable model passes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from small_models import small
from worlds import styles_world

from goeswith.data.negatives import Negatives
from goeswith.data.outfits import OutfitBatch, Outfits
from goeswith.errors import ConfigError
from goeswith.models import MODELS, TrainingData, Vocabulary, model_classes
from goeswith.train.corruptions import corruptions
from goeswith.train.loop import fit
from goeswith.train.scoring import encode, score
from goeswith.train.settings import TrainConfig

TRAINED = {
    "akd-dbpr": {"learning_rate": 0.02},
    "bpr-dae": {"learning_rate": 0.01},
    "group-towers": {"learning_rate": 0.01},
    "ngnn": {"epochs": 30, "patience": 30},
}
"""What a model needs beside the settings of all to learn in the few steps there are."""


def world_of(name: str) -> TrainingData:
    catalogue, outfits, features = styles_world()
    if name == "teacher":  # knows tops and bottoms only: the first two items of every outfit here
        first = (outfits.offsets[:-1, None] + np.arange(2)).ravel()
        outfits = Outfits(
            outfits.items[first], np.arange(0, len(first) + 1, 2), outfits.outfit_ids, outfits.splits, outfits.sources
        )
    words = Vocabulary.of(catalogue)
    return TrainingData(
        catalogue=catalogue,
        features=torch.from_numpy(features),
        categories=torch.from_numpy(words.codes(catalogue)),
        usable=np.ones(len(catalogue), dtype=bool),
        train=outfits.split("train"),
        valid=outfits.split("valid"),
    )


@pytest.fixture(params=list(MODELS))
def setting(request: pytest.FixtureRequest):
    name = request.param
    data = world_of(name)
    model = small(name, data.features.shape[1], Vocabulary.of(data.catalogue)).eval()
    model.observe(data)
    items, mask = (torch.from_numpy(x) for x in data.valid.padded())
    return name, data, model, OutfitBatch(items, mask)


def test_scores_are_finite_and_a_batch_is_its_outfits(setting) -> None:
    _, data, model, batch = setting
    states = encode(model, data.features, data.categories)
    scores = score(model, states, batch)
    assert scores.shape == (len(batch),)
    assert scores.isfinite().all()
    assert scores.std() > 0
    for row in range(0, len(batch), 7):
        alone = OutfitBatch(batch.items[row : row + 1], batch.mask[row : row + 1])
        torch.testing.assert_close(score(model, states, alone), scores[row : row + 1])


def test_item_order_and_padding_change_nothing(setting) -> None:
    _, data, model, batch = setting
    states = encode(model, data.features, data.categories)
    scores = score(model, states, batch)
    order = torch.rand(batch.items.shape).argsort(dim=1)
    shuffled = OutfitBatch(batch.items.gather(1, order), batch.mask.gather(1, order))
    torch.testing.assert_close(score(model, states, shuffled), scores)
    wide = torch.randint(0, len(data.features), (len(batch), 3))
    padded = OutfitBatch(
        torch.cat([batch.items, wide], dim=1), torch.cat([batch.mask, torch.zeros_like(wide, dtype=torch.bool)], dim=1)
    )
    torch.testing.assert_close(score(model, states, padded), scores)


def test_saved_weights_give_equal_scores(setting, tmp_path: Path) -> None:
    name, data, model, batch = setting
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, tmp_path / "w.safetensors")
    torch.manual_seed(99)
    other = small(name, data.features.shape[1], Vocabulary.of(data.catalogue)).eval()
    other.load_state_dict(load_file(tmp_path / "w.safetensors"))
    states = encode(model, data.features, data.categories), encode(other, data.features, data.categories)
    assert torch.equal(score(model, states[0], batch), score(other, states[1], batch))


def test_a_gradient_reaches_every_parameter(setting) -> None:
    _, data, model, batch = setting
    model.train()
    both = OutfitBatch(torch.cat([batch.items, batch.items.roll(1, 0)]), torch.cat([batch.mask, batch.mask.roll(1, 0)]))
    optimiser = torch.optim.SGD(model.parameters(), lr=0.01)
    for _ in range(2):  # in the first step no gradient passes through a weight that starts at zero
        optimiser.zero_grad()
        states = model.encode_items(data.features, data.categories)
        right, wrong = model.score(states, both).split(len(batch))
        (model.objective(right, wrong[:, None], states, both) + model.penalty()).backward()
        optimiser.step()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters() if p.requires_grad)


def test_it_learns_a_world_whose_answer_is_known(setting, tmp_path: Path) -> None:
    """Outfits share a hidden style that the features show; same-category negatives mostly break it."""
    name, data, model, _ = setting
    common = {"negatives": "category", "epochs": 20, "patience": 20, "batch_size": 64, "precision": "fp32"}
    config = TrainConfig(**common | TRAINED.get(name, {}))
    fit(model, data, config, tmp_path)
    test = world_of(name)
    outfits = styles_world()[1].split("test") if name != "teacher" else test.valid
    negatives = Negatives(data.catalogue, outfits, "category")
    pairs = corruptions(outfits.batch(), negatives, 1, torch.Generator().manual_seed(5))
    model.eval()
    right, wrong = score(model, encode(model, data.features, data.categories), pairs.both).view(2, -1)
    better = right > wrong
    # A quarter of the negatives are of the same style, where only chance can help: the ceiling is about .87.
    assert better.double().mean() > 0.78


def test_an_unknown_model_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="there is no model 'gnn'; the models are: two-tower, add-gnn"):
        model_classes("gnn")
