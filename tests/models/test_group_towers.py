"""Group towers say what the formulas say, item by item, and learn which word goes with which other one."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from worlds import styles_data

from goeswith.data.catalogue import GROUPS, Catalogue
from goeswith.data.outfits import OutfitBatch, Outfits
from goeswith.models import TrainingData, Vocabulary
from goeswith.models.group_towers import TRAINING, WORDS, GroupTowers, GroupTowersConfig
from goeswith.train.loop import fit
from goeswith.train.settings import TrainConfig

VOCABULARY = Vocabulary(("shirt", "skirt", "blouse"), ("top", "bottom", "top"))
OUTFITS = OutfitBatch(
    torch.tensor([[0, 1, 2], [3, 4, 3], [5, 0, 1]]), torch.tensor([[1, 1, 1], [1, 1, 0], [1, 1, 1]]) > 0
)


@pytest.fixture
def model() -> GroupTowers:
    torch.manual_seed(0)
    made = GroupTowers(GroupTowersConfig(hidden=6, size=4), 5, VOCABULARY).eval().requires_grad_(False)
    assert not made.second[..., -1].any()
    for parameter in (made.first_bias, made.second, made.second_bias):
        torch.nn.init.normal_(parameter)
    made.mean.normal_()
    return made


def by_hand(model: GroupTowers, features: torch.Tensor, group: str | None) -> tuple[np.ndarray, float]:
    """z and b of one item."""
    names = ["bottom", "top"]
    weights = [model.first, model.first_bias, model.second, model.second_bias]
    first, a, second, c = (w[names.index(group)] if group in names else w.mean(dim=0) for w in weights)
    hidden = ((features - model.mean) * model.factor @ first + a).double().numpy()
    hidden = (hidden - hidden.mean()) / np.sqrt(hidden.var() + 1e-5)
    *vector, bias = hidden @ second.double().numpy() + c.double().numpy()
    return np.array(vector) / np.linalg.norm(vector), bias / np.sqrt(6)


@pytest.mark.parametrize("words", [(), (1, 3, 4), (0, 1, 2, 3, 4)])
def test_scores_and_queries_are_those_of_the_formulas(model: GroupTowers, words: tuple[int, ...]) -> None:
    model.sparse[list(words)] = True
    model.mean[list(words)] = 0.0
    other, shoes = len(VOCABULARY.categories), len(VOCABULARY.categories) + 1 + GROUPS.index("shoes")
    skirts = len(VOCABULARY.categories) + 1 + GROUPS.index("bottom")  # a category never seen, of a group that was
    codes, groups = [0, 1, 2, skirts, other, shoes], ["top", "bottom", "top", "bottom", None, None]
    features = torch.randn(6, 5) * (torch.rand(6, 5) < 0.5)
    features[0, list(words)] = 0.0  # an item without a word
    states = model.encode_items(features, torch.tensor(codes))
    vectors, biases = zip(*(by_hand(model, *each) for each in zip(features, groups, strict=True)), strict=True)
    assert states.hidden.numpy() == pytest.approx(np.column_stack([vectors, biases]), abs=1e-5)
    scores, gaps = model.score(states, OUTFITS), model.gaps(states, OUTFITS)
    for row, (items, mask) in enumerate(zip(OUTFITS.items.tolist(), OUTFITS.mask.tolist(), strict=True)):
        worn = [item for item, real in zip(items, mask, strict=True) if real]
        pairs = [
            vectors[worn[a]] @ vectors[worn[b]] + biases[worn[a]] + biases[worn[b]]
            for a in range(len(worn))
            for b in range(a)
        ]
        assert scores[row].item() == pytest.approx(np.mean(pairs), abs=1e-5)
        for place, item in enumerate(worn):
            rest = torch.tensor([[other for other in worn if other != item]])
            query, offset = model.query(states, rest, states.rows(torch.tensor([item])))
            torch.testing.assert_close(query[0], gaps[row, place])
            answers = [float(query[0] @ key + offset[0]) for key in model.keys(states)]
            expected = [np.mean([vectors[j] @ vectors[c] for j in rest[0]]) + biases[c] for c in range(6)]
            assert answers == pytest.approx(expected, abs=1e-5)
            filled = torch.cat([rest.expand(6, -1), torch.arange(6)[:, None]], dim=1)
            whole = model.score(states, OutfitBatch(filled, torch.ones_like(filled, dtype=torch.bool)))
            assert (whole - whole[0]).numpy() * len(worn) / 2 == pytest.approx(np.array(answers) - answers[0], abs=1e-5)


def test_one_deviation_an_encoder_leaves_a_rare_word_no_louder_than_a_common_one() -> None:
    data, chance = styles_data(60), np.random.default_rng(0)
    features = torch.from_numpy(chance.random((len(data.catalogue), 50), np.float32))
    features[:, 3:10] *= 100
    features[:, 9] = 2.0
    features[:, 10:] *= features[:, 10:] > 0.97  # of an encoder of words hardly any number is not zero
    model = GroupTowers(GroupTowersConfig(hidden=6), 50, Vocabulary.of(data.catalogue))
    model.observe(replace(data, features=features, blocks=(3, 7, 40)))
    assert model.sparse.tolist() == [False] * 10 + [True] * 40
    worn = features[np.unique(data.train.items)].double().numpy()
    for part in (slice(0, 3), slice(3, 10), slice(10, 50)):
        mean = worn[:, part].mean(axis=0) * (part.stop < 50)
        squares = (worn[:, part] - mean) ** 2
        factor = WORDS / np.sqrt(squares.sum(axis=1).mean()) if part.stop == 50 else 1 / np.sqrt(squares.mean())
        assert model.mean[part].numpy() == pytest.approx(mean, rel=1e-5)
        assert model.factor[part].numpy() == pytest.approx(factor, rel=1e-4)
    unvaried = GroupTowers(GroupTowersConfig(), 7, Vocabulary.of(data.catalogue))
    unvaried.observe(replace(data, features=torch.ones(len(data.catalogue), 7)))
    assert not unvaried.factor.any()


def test_words_learn_the_same_one_by_one_as_in_a_product(model: GroupTowers) -> None:
    features, codes, gradients = torch.randn(6, 5) * (torch.rand(6, 5) < 0.4), torch.tensor([0, 1, 2, 3, 0, 1]), []
    model.mean[[1, 2, 4]] = 0.0
    model.first.requires_grad_()
    for words in ([], [1, 2, 4]):
        model.sparse[words] = True
        gradients += torch.autograd.grad(model.encode_items(features, codes).hidden.square().tanh().sum(), model.first)
    torch.testing.assert_close(gradients[1], gradients[0])


def test_a_word_learns_to_go_with_another_one(tmp_path: Path) -> None:
    """Tops say one of eight words and bottoms one of eight; top word k is worn with bottom word k + 1 alone."""
    words, each = 8, 6
    kinds = np.arange(words * each * 2)
    word, is_bottom = kinds % words, kinds >= words * each
    catalogue = Catalogue(
        pl.DataFrame(
            {
                "item_id": [f"i{row}" for row in kinds],
                "category": np.where(is_bottom, "skirt", "shirt"),
                "group": np.where(is_bottom, "bottom", "top"),
            }
        )
    )
    chance = np.random.default_rng(0)
    tops = chance.integers(words * each, size=300)
    bottoms = words * each + chance.integers(each, size=300) * words + (word[tops] + 1) % words
    frame = pl.DataFrame(
        {
            "outfit_id": [f"o{row}" for row in range(300)],
            "item_ids": [[f"i{top}", f"i{bottom}"] for top, bottom in zip(tops, bottoms, strict=True)],
            "split": ["train"] * 240 + ["valid"] * 60,
        }
    )
    outfits = Outfits.from_frame(frame, catalogue)
    data = TrainingData(
        catalogue, torch.eye(words)[word], torch.from_numpy(Vocabulary.of(catalogue).codes(catalogue)),
        np.ones(len(catalogue), bool), outfits.split("train"), outfits.split("valid"),
    )  # fmt: skip
    model = GroupTowers(GroupTowersConfig(hidden=16, size=8), words, Vocabulary.of(catalogue))
    model.observe(data)
    settings = TRAINING | {"drawn_negatives": 16, "epochs": 8, "batch_size": 32, "learning_rate": 1e-2}
    result = fit(model, data, TrainConfig(**settings, blank="bottom", precision="fp32"), tmp_path)
    assert result.valid_auc > 0.9  # one wrong bottom of eight has the right word
