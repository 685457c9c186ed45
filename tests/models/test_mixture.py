"""Mixture: its score is the weighted sum of its sources', and one inner product of a query and a key."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from worlds import styles_data

from goeswith.data.outfits import OutfitBatch, Outfits
from goeswith.data.text import LENGTH, SIZE
from goeswith.models import ItemStates, TrainingData, Vocabulary
from goeswith.models.group_towers import GroupTowers, GroupTowersConfig
from goeswith.models.likeness import Likeness
from goeswith.models.mixture import Mixture, MixtureConfig, Source
from goeswith.models.starter import Starter, StarterConfig
from goeswith.models.two_tower import TwoTower, TwoTowerConfig
from goeswith.models.word_lifts import WordLifts, lifts
from goeswith.rules.rules import Rule

WEIGHTS = torch.tensor([[1.0] * 8, [2.0] * 8, [0.5] * 8, [0.25, 3.0, 0, 0, 1.5, 0.75, 0, 0], [1.25] * 8])


@pytest.fixture(scope="module")
def made() -> tuple[Mixture, TrainingData, Vocabulary]:
    """Likeness of the first ten columns, two towers of twelve with other codes, word lifts, rules and learned words."""
    data = styles_data()
    words = Vocabulary.of(data.catalogue)
    hashed = (torch.rand(len(data.features), SIZE, generator=torch.Generator().manual_seed(0)) < 0.01).float()
    numbers = torch.zeros(len(hashed), LENGTH)
    numbers[:, :3] = torch.randint(1, 7, (len(hashed), 3), generator=torch.Generator().manual_seed(0))
    features = torch.cat([data.features, hashed / hashed.sum(dim=1, keepdim=True).sqrt(), numbers], dim=1)
    torch.manual_seed(1)
    towers = TwoTower(TwoTowerConfig(hidden=8), 12, Vocabulary(("x", "skirt", "shirt"), ("other",) * 3))
    for parameter in towers.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    towers.digests = torch.arange(5)
    towers._remember(5)
    few = features[:, 16:144].numpy()
    lifted = WordLifts.count(few, data.train, few, hidden=6)
    rules = Starter(StarterConfig(hidden=1, rules=1, weight=1.0), SIZE, words)
    rules.factor.zero_()
    rules.obey([Rule("word", "black", "white", "+")])
    rules.words.copy_((torch.rand(rules.words.shape) < 0.2).float())
    own, wide = np.arange(len(words.categories) + 1), np.arange(16, 16 + SIZE)
    read = np.concatenate([np.arange(8), np.arange(16 + SIZE, 16 + SIZE + LENGTH)])
    learned = GroupTowers(GroupTowersConfig(hidden=5, size=4, text="ids", towers="one"), len(read), words)
    learned.make_room({"known": torch.zeros(4)})
    learned.known.copy_(torch.tensor([1, 2, 4, 6]))
    learned.eval().centre(features[:, read], data.categories)
    mixture = Mixture.of(
        [
            Source("likeness", Likeness.of(data.features[:, :10]), np.arange(10), own),
            Source("two-tower", towers, np.arange(12), np.array([3, 2, 1, 0, 3])),
            Source("word-lifts", lifted, np.arange(16, 144), own),
            Source("rules", rules, wide, own),
            Source("group-towers", learned, read, np.zeros_like(own)),
        ],
        features.shape[1],
        words,
    )
    mixture.weights.copy_(WEIGHTS)
    return mixture, TrainingData(data.catalogue, features, data.categories, data.usable, data.train, data.valid), words


def batch_of(outfits: Outfits) -> OutfitBatch:
    return OutfitBatch(*(torch.from_numpy(part) for part in outfits.padded()))


def test_the_score_is_the_weighted_sum_of_the_sources(made: tuple[Mixture, TrainingData, Vocabulary]) -> None:
    mixture, data, _ = made
    states, batch = mixture.encode_items(data.features, data.categories), batch_of(data.valid)
    total = torch.zeros(len(batch))
    for part, weights in zip(mixture.sources, WEIGHTS, strict=True):
        own = part.model.encode_items(data.features[:, part.columns], part.codes[data.categories])
        keys = part.model.keys(own)
        for index, (items, mask) in enumerate(zip(batch.items, batch.mask, strict=True)):
            worn = items[mask].tolist()
            for item in worn:  # a query of the rest, and the key of the item
                rest = OutfitBatch(
                    torch.tensor([[other for other in worn if other != item]]), torch.ones(1, len(worn) - 1).bool()
                )
                query = part.model.queries(own, rest, own.categories[item][None])[0]
                group = mixture.group[data.categories[item]]
                total[index] += weights[group] * (query @ keys[item]) / len(worn)
    torch.testing.assert_close(mixture.score(states, batch), total, rtol=1e-4, atol=1e-4)
    parts = mixture.parts(states, batch)
    assert parts.shape == (len(batch), 5, 8)
    torch.testing.assert_close((parts * WEIGHTS).sum(dim=(1, 2)), total, rtol=1e-4, atol=1e-4)


def test_query_times_key_ranks_as_the_gaps_do(made: tuple[Mixture, TrainingData, Vocabulary]) -> None:
    mixture, data, _ = made
    states = mixture.encode_items(data.features, data.categories)
    batch = batch_of(data.valid.take(data.valid.lengths == 4))
    gaps, keys = mixture.gaps(states, batch), mixture.keys(states)
    for gap in range(4):
        rest = OutfitBatch(*(torch.cat([x[:, :gap], x[:, gap + 1 :]], dim=1) for x in (batch.items, batch.mask)))
        wanted = data.categories[batch.items[:, gap]]
        queries = mixture.queries(states, rest, wanted)
        torch.testing.assert_close(queries, gaps[:, gap], rtol=1e-4, atol=1e-5)
        query, offset = mixture.query(states, rest.items, ItemStates(states.hidden[: len(wanted)], wanted))
        assert torch.equal(query, queries)
        assert not offset.any()
    assert keys.shape[1] == gaps.shape[2] == 10 + 8 + 6 + 3 + 5


def test_order_padding_and_saving_change_nothing(
    made: tuple[Mixture, TrainingData, Vocabulary], tmp_path: Path
) -> None:
    mixture, data, words = made
    states, batch = mixture.encode_items(data.features, data.categories), batch_of(data.valid)
    scores = mixture.score(states, batch)
    order = torch.rand(batch.items.shape, generator=torch.Generator().manual_seed(2)).argsort(dim=1)
    turned = OutfitBatch(batch.items.gather(1, order), batch.mask.gather(1, order))
    torch.testing.assert_close(mixture.score(states, turned), scores)
    save_file({name: value.contiguous() for name, value in mixture.state_dict().items()}, tmp_path / "w.safetensors")
    other = Mixture(MixtureConfig(), data.features.shape[1], words)
    other.load_state_dict(load_file(tmp_path / "w.safetensors"))
    assert torch.equal(other.eval().score(other.encode_items(data.features, data.categories), batch), scores)
    assert torch.equal(other.sources[4].model.common, mixture.sources[4].model.common)
    unknown = torch.full_like(data.categories, len(words.categories) + 3)
    assert mixture.score(mixture.encode_items(data.features, unknown), batch).isfinite().all()


def test_lifts_are_counted_as_a_loop_counts_them() -> None:
    from scipy.sparse import csr_array

    words = (np.random.default_rng(0).random((12, 7)) < 0.4).astype(float)
    items, offsets = np.array([0, 1, 2, 3, 4, 1, 5, 6, 7, 8, 9]), np.array([0, 3, 5, 9, 11])
    names = np.array(list("abcd"), dtype=object)
    outfits = Outfits(items, offsets, names, names, names)
    seen = np.zeros((7, 7))
    for outfit in range(4):
        worn = items[offsets[outfit] : offsets[outfit + 1]]
        for i in worn:
            for j in worn:
                if i != j:
                    seen += np.outer(words[i], words[j])
    ends = seen.sum(axis=0)
    expected = np.log((seen + 1) / (np.outer(ends, ends) / ends.sum() + 1))
    np.testing.assert_allclose(lifts(csr_array(words), outfits), expected)
    model = WordLifts.count(words.astype(np.float32), outfits, words.astype(np.float32), hidden=7)  # no rank is lost
    shares = words / words.sum(axis=1, keepdims=True).clip(1e-6)
    states = model.encode_items(torch.from_numpy(words).float(), torch.zeros(12, dtype=torch.long))
    whole = OutfitBatch(torch.tensor([[0, 1, 4]]), torch.ones(1, 3).bool())
    gaps = model.gaps(states, whole)
    for index, (item, rest) in enumerate([(0, [1, 4]), (1, [0, 4]), (4, [0, 1])]):
        wanted = np.mean([shares[item] @ expected @ shares[other] for other in rest])
        assert float(gaps[0, index] @ model.keys(states)[item]) == pytest.approx(wanted, abs=1e-4)
