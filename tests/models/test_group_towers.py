"""Group towers say what the formulas say, item by item, and learn which word goes with which other one."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
import pytest
import torch
from worlds import styles_data

from goeswith.data.catalogue import GROUPS, Catalogue
from goeswith.data.outfits import OutfitBatch, Outfits
from goeswith.data.text import LENGTH
from goeswith.errors import ConfigError
from goeswith.models import TrainingData, Vocabulary
from goeswith.models.group_towers import TRAINING, WORDS, GroupTowers, GroupTowersConfig
from goeswith.train.loop import fit
from goeswith.train.settings import TrainConfig

VOCABULARY = Vocabulary(("shirt", "skirt", "blouse"), ("top", "bottom", "top"))
OUTFITS = OutfitBatch(
    torch.tensor([[0, 1, 2], [3, 4, 3], [5, 0, 1]]), torch.tensor([[1, 1, 1], [1, 1, 0], [1, 1, 1]]) > 0
)


Text = Literal["frozen", "ids"]
Kind = Literal["groups", "one"]


def made(text: Text, towers: Kind = "groups") -> GroupTowers:
    torch.manual_seed(0)
    config = GroupTowersConfig(hidden=6, size=4, text=text, towers=towers)
    model = GroupTowers(config, 5 + LENGTH * (text == "ids"), VOCABULARY)
    assert len(model.first) == (2 if towers == "groups" else 1)
    assert not model.second[..., -1].any()
    if text == "ids":
        model.make_room({"known": torch.zeros(4)})
        model.known.copy_(torch.tensor([3, 8, 2**24 - 1, 2**24]))
    model.eval().requires_grad_(False)
    for parameter in (model.first_bias, model.second, model.second_bias):
        torch.nn.init.normal_(parameter)
    model.mean.normal_()
    return model


def by_hand(model: GroupTowers, features: torch.Tensor, group: str | None) -> tuple[np.ndarray, float]:
    """z and b of one item; of one tower the mean is the tower."""
    names = ["bottom", "top"] if model.config.towers == "groups" else []
    weights = [model.words, model.first, model.first_bias, model.second, model.second_bias]
    words, first, a, second, c = (w[names.index(group)] if group in names else w.mean(dim=0) for w in weights)
    frozen, ids = features[: model.frozen], features[model.frozen :].tolist()
    hidden = (frozen - model.mean) * model.factor @ first + a
    vectors = [words[model.known.tolist().index(int(number))] for number in ids if int(number) in model.known.tolist()]
    if vectors:
        hidden = hidden + WORDS * torch.stack(vectors).sum(dim=0) / len(vectors) ** 0.5
    values = hidden.double().numpy()
    values = (values - values.mean()) / np.sqrt(values.var() + 1e-5)
    *vector, bias = values @ second.double().numpy() + c.double().numpy()
    return np.array(vector) / np.linalg.norm(vector), bias / np.sqrt(6)


@pytest.mark.parametrize("towers", ["groups", "one"])
@pytest.mark.parametrize("text", ["frozen", "ids"])
def test_scores_and_queries_are_those_of_the_formulas(text: Text, towers: Kind) -> None:
    model = made(text, towers)
    other, shoes = len(VOCABULARY.categories), len(VOCABULARY.categories) + 1 + GROUPS.index("shoes")
    skirts = len(VOCABULARY.categories) + 1 + GROUPS.index("bottom")  # a category never seen, of a group that was
    codes, groups = [0, 1, 2, skirts, other, shoes], ["top", "bottom", "top", "bottom", None, None]
    features = torch.randn(6, 5)
    if text == "ids":
        ids = torch.zeros(6, LENGTH)
        ids[0, :3], ids[1, :2], ids[2, :1] = (
            torch.tensor([8, 2**24 - 1, 3]),
            torch.tensor([5, 2**24]),
            7,
        )  # 5, 7: unknown
        ids[4], ids[5, 0] = 3, 2**24
        features = torch.cat([features, ids], dim=1)
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


def test_centred_scores_are_mean_cosines_of_vectors_less_the_mean_of_other_items() -> None:
    model, (features, others) = made("frozen", "one"), torch.randn(2, 6, 5)
    model.standardise(others.split(4), [2, 3])
    apart = [others[:, :2].double().numpy(), others[:, 2:].double().numpy()]
    assert model.mean.numpy() == pytest.approx(others.mean(dim=0).numpy(), abs=1e-6)
    factors = [1 / np.sqrt(((x - x.mean(axis=0)) ** 2).mean()) for x in apart]
    assert model.factor.numpy() == pytest.approx(np.repeat(factors, [2, 3]), rel=1e-5)
    model.centre(others, torch.zeros(6, dtype=torch.long))
    common = np.mean([by_hand(model, item, None)[0] for item in others], axis=0)
    vectors = [by_hand(model, item, None)[0] - common for item in features]
    states = model.encode_items(features, torch.arange(6))
    scores = model.score(states, OUTFITS)
    assert len(model.keys(states)) == 6
    for score, items, mask in zip(scores.tolist(), OUTFITS.items.tolist(), OUTFITS.mask.tolist(), strict=True):
        worn = [vectors[item] for item, real in zip(items, mask, strict=True) if real]
        cosines = [
            worn[a] @ worn[b] / np.linalg.norm(worn[a]) / np.linalg.norm(worn[b])
            for a in range(len(worn))
            for b in range(a)
        ]
        assert score == pytest.approx(np.mean(cosines), abs=1e-5)
    again = GroupTowers(model.config, 5, VOCABULARY).eval()
    again.load_state_dict(model.state_dict())
    assert torch.equal(again.score(again.encode_items(features, torch.arange(6)), OUTFITS), scores)
    again.load_state_dict(made("frozen", "one").state_dict())  # weights that are not centred
    assert again.common is None


def test_features_are_scaled_by_encoder_and_words_of_three_items_are_learned() -> None:
    data, chance = styles_data(60), np.random.default_rng(0)
    features = torch.from_numpy(chance.random((len(data.catalogue), 10 + LENGTH), np.float32))
    features[:, 3:10] *= 100
    features[:, 9] = 2.0
    rows = np.unique(data.train.items)
    features[:, 10:] = 0
    features[rows[:3], 11] = 7  # of three items
    features[rows[2:4], 10] = 2**24
    features[rows[5], 12] = 2**24
    features[rows[:2], 13] = 9  # of two
    model = GroupTowers(GroupTowersConfig(hidden=6, text="ids"), 10 + LENGTH, Vocabulary.of(data.catalogue))
    model.observe(replace(data, features=features, blocks=(3, 7, LENGTH)))
    assert model.known.tolist() == [7, 2**24]
    assert model.words.shape == (4, 2, 6)
    worn = features[rows].double().numpy()
    for part in (slice(0, 3), slice(3, 10)):
        centred = worn[:, part] - worn[:, part].mean(axis=0)
        assert model.mean[part].numpy() == pytest.approx(worn[:, part].mean(axis=0), rel=1e-5)
        assert model.factor[part].numpy() == pytest.approx(1 / np.sqrt((centred**2).mean()), rel=1e-4)
    unvaried = GroupTowers(GroupTowersConfig(), 7, Vocabulary.of(data.catalogue))
    unvaried.observe(replace(data, features=torch.ones(len(data.catalogue), 7)))
    assert not unvaried.factor.any()
    with pytest.raises(ConfigError, match="text=ids needs the features of word-ids"):
        GroupTowers(GroupTowersConfig(text="ids"), 7, Vocabulary.of(data.catalogue))


@pytest.mark.slow
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
    ids = torch.nn.functional.pad(torch.from_numpy(word[:, None] + 1.0).float(), (0, LENGTH - 1))
    codes = torch.from_numpy(Vocabulary.of(catalogue).codes(catalogue))
    usable = np.ones(len(catalogue), bool)
    data = TrainingData(catalogue, ids, codes, usable, outfits.split("train"), outfits.split("valid"))
    model = GroupTowers(GroupTowersConfig(hidden=16, size=8, text="ids"), LENGTH, Vocabulary.of(catalogue))
    model.observe(data)
    settings = TRAINING | {"drawn_negatives": 16, "epochs": 8, "batch_size": 32, "learning_rate": 1e-2}
    result = fit(model, data, TrainConfig(**settings, blank="bottom", precision="fp32"), tmp_path)
    assert result.valid_auc > 0.9  # one wrong bottom of eight has the right word
    model_again = GroupTowers(model.config, LENGTH, Vocabulary.of(catalogue))
    model_again.load_state_dict(model.state_dict())
    states = [each.eval().encode_items(data.features, data.categories).hidden for each in (model, model_again)]
    assert torch.equal(*states)
