"""Starter: against the formula in a loop over pairs; queries and keys are its score; what is read from words."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from shops import shop_items

from goeswith.data.catalogue import Catalogue
from goeswith.data.encoders.networks import open_network
from goeswith.data.outfits import OutfitBatch
from goeswith.models import ItemStates, Vocabulary
from goeswith.models.starter import SHRINK, Starter, StarterConfig
from goeswith.rules.rules import Rule

RULES = [
    Rule("colour", "black", "off white/red", "+"),
    Rule("colour", "red", "red", "-"),
    Rule("word", "floral", "jeans", "+"),
]


@pytest.fixture
def catalogue() -> Catalogue:
    rows = [
        ("a", "shirt", "top", "black", "a plain one"),
        ("b", "shirt", "top", "red", "floral"),
        ("c", "skirt", "bottom", "off white", "red"),
        ("d", "skirt", "bottom", "red", "jeans"),
        ("e", "boots", "shoes", "red", "jeans"),
    ]
    names = ["item_id", "category", "group", "colour", "title"]
    return Catalogue(pl.DataFrame(rows, schema=names, orient="row"))


@pytest.fixture
def made(catalogue: Catalogue) -> tuple[Starter, ItemStates, np.ndarray]:
    """The starter of the catalogue, its states, and the features (U, D)."""
    words = open_network("words")
    hashed = words.run(words.reads(catalogue))
    style = np.random.default_rng(0).standard_normal((len(catalogue), 6), np.float32)
    features = np.concatenate([style, hashed], axis=1)
    vocabulary = Vocabulary.of(catalogue)
    model = Starter(StarterConfig(hidden=4, rules=3, weight=0.5), features.shape[1], vocabulary)
    codes = torch.from_numpy(vocabulary.codes(catalogue))
    model.observe_items(torch.from_numpy(features), codes, (6, hashed.shape[1]))
    model.obey(RULES)
    return model, model.encode_items(torch.from_numpy(features), codes), features


def test_rules_are_read_from_labels_and_titles_of_tops_and_bottoms(
    made: tuple[Starter, ItemStates, np.ndarray],
) -> None:
    states = made[1]
    tops, bottoms = states.hidden[:, 4:7].numpy(), states.hidden[:, 7:].numpy()
    assert tops.tolist() == [[1, 0, 0], [0, 1, 1], [0, 0, 0], [0, 0, 0], [0, 0, 0]]
    # "red" in the title of the off-white skirt counts as well; shoes are neither top nor bottom.
    assert bottoms.tolist() == [[0, 0, 0], [0, 0, 0], [1, 1, 0], [1, 1, 1], [0, 0, 0]]


def test_the_score_is_the_formula(made: tuple[Starter, ItemStates, np.ndarray], catalogue: Catalogue) -> None:
    model, states, features = made
    codes = states.categories.numpy()
    deviation = features.std(axis=0)
    factor = np.where(np.arange(len(deviation)) < 6, 1 / (np.maximum(deviation, 1e-6) * np.sqrt(12)), 0)
    whole = features.mean(axis=0)
    style = []
    for row, code in zip(features, codes, strict=True):
        own = features[codes == code]
        centre = whole + (own - whole).sum(axis=0) / (len(own) + SHRINK)
        vector = model.projection.numpy() @ ((row - centre) * factor)
        style.append(vector / np.linalg.norm(vector))
    tops, bottoms = states.hidden[:, 4:7].numpy(), states.hidden[:, 7:].numpy()
    signs = np.array([1, -1, 1])

    def pair(i: int, j: int) -> float:
        return float(style[i] @ style[j] + 0.5 * (signs * (tops[i] * bottoms[j] + bottoms[i] * tops[j])).sum())

    outfit = [1, 3, 4]
    batch = OutfitBatch(torch.tensor([[*outfit, 0], [2, 0, 0, 0]]), torch.tensor([[1, 1, 1, 0], [1, 0, 0, 0]]).bool())
    expected = np.mean([pair(i, j) for i in outfit for j in outfit if i != j])
    assert model.score(states, batch).tolist() == pytest.approx([expected, 0.0], abs=1e-5)
    context = OutfitBatch(batch.items[:1, :2], torch.ones(1, 2, dtype=torch.bool))
    scores = model.queries(states, context, torch.tensor([0])) @ model.keys(states).T
    assert scores[0, 4].item() == pytest.approx((pair(1, 4) + pair(3, 4)) / 2, abs=1e-5)
    query, offset = model.query(states, context.items, states)
    assert torch.equal(query @ model.keys(states).T + offset[:, None], scores)


def test_the_style_of_a_category_is_no_style(tmp_path: Path) -> None:
    items = Catalogue(shop_items())
    vocabulary = Vocabulary.of(items)
    codes = torch.from_numpy(vocabulary.codes(items))
    words = open_network("words")
    hashed = words.run(words.reads(items))
    offset = 5.0 * torch.nn.functional.one_hot(codes, 8).float()
    chance = torch.randn(len(items), 8, generator=torch.Generator().manual_seed(0))
    features = torch.cat([chance + offset, torch.from_numpy(hashed)], dim=1)
    model = Starter(StarterConfig(), features.shape[1], vocabulary)
    model.observe_items(features, codes, (8, hashed.shape[1]))
    style = model.encode_items(features, codes).hidden
    same = codes[:, None] == codes
    cosine = style @ style.T
    within = cosine[same & ~torch.eye(len(codes), dtype=torch.bool)].mean() - cosine[~same].mean()
    plain = torch.nn.functional.normalize(features, dim=1)
    assert within < (plain @ plain.T)[same].mean() / 4
