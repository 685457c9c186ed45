"""Two towers: closed forms against loops, the untrained model, memory, and a run that is killed."""

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import cosine_similarity, gelu, normalize
from worlds import styles_data, styles_dataset

from goeswith.data.outfits import OutfitBatch
from goeswith.models import ItemStates, TrainingData, Vocabulary, two_tower
from goeswith.models.two_tower import TwoTower, TwoTowerConfig
from goeswith.train.loop import fit
from goeswith.train.run import Run
from goeswith.train.scoring import encode
from goeswith.train.settings import TrainConfig
from goeswith.train.training import train


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return styles_data()


def fresh(data: TrainingData, **settings: object) -> TwoTower:
    torch.manual_seed(0)
    model = TwoTower(TwoTowerConfig(**{"hidden": 12} | settings), data.features.shape[1], Vocabulary.of(data.catalogue))
    model.observe(data)
    return model


def shaken(model: TwoTower) -> TwoTower:
    """With no weight that is zero, as if trained."""
    with torch.no_grad():
        for parameter in (model.key, model.want, model.want_bias, model.category, model.residual, model.memory[:-1]):
            parameter += 0.3 * torch.randn_like(parameter)
    return model.eval()


def padded(data: TrainingData) -> OutfitBatch:
    return OutfitBatch(*(torch.from_numpy(x) for x in data.valid.padded()))


def loop_score(model: TwoTower, data: TrainingData, rows: list[int]) -> float:
    """The docstring of the module, word by word."""
    worn = data.features[torch.from_numpy(data.train.items).unique()]
    worn_features = {tuple(features.tolist()) for features in worn}
    keys, wants = [], []
    for row in rows:
        features = data.features[row]
        spread = worn.std(dim=0, correction=0) * len(features) ** 0.5
        one_hot = torch.eye(model.count)[data.categories[row]]
        x = torch.cat([(features - worn.mean(0)) / spread, one_hot])
        slot = int(model.remembered(features[None], data.categories[row : row + 1]))
        assert (slot < len(model.digests)) == (tuple(features.tolist()) in worn_features)
        memory = (
            model.memory[slot] if tuple(features.tolist()) in worn_features else torch.zeros(2 * model.config.hidden)
        )
        keys.append(normalize(model.key @ x + memory[: model.config.hidden], dim=0))
        wants.append(gelu(model.want @ x + model.want_bias + memory[model.config.hidden :]))
    cosines = []
    for gap, row in enumerate(rows):
        others = [index for index in range(len(rows)) if index != gap]
        wanted = torch.stack([wants[index] for index in others]).mean(0) + model.category[data.categories[row]]
        plain = torch.stack([keys[index] for index in others]).mean(0)
        cosines.append(normalize(plain + model.residual @ gelu(wanted), dim=0) @ keys[gap])
    return float(torch.stack(cosines).mean())


def test_a_batch_is_what_a_loop_over_gaps_says(data: TrainingData) -> None:
    model = shaken(fresh(data))
    states = encode(model, data.features, data.categories)
    scores = model.score(states, padded(data))
    with torch.no_grad():
        for row in range(0, len(data.valid), 3):
            assert float(scores[row]) == pytest.approx(loop_score(model, data, data.valid[row].tolist()), abs=1e-5)


@pytest.mark.parametrize("memory", [True, False])
def test_kernels_train_as_autograd_does(data: TrainingData, monkeypatch: pytest.MonkeyPatch, memory: bool) -> None:
    model = shaken(fresh(data, memory=memory)).train()
    codes = torch.where(torch.arange(len(data.categories)) % 7 == 0, model.count, data.categories)  # some unknown
    batch, found = padded(data), []
    places = batch.mask.flatten().nonzero()[:, 0].flip(0)[::2]
    order = torch.randperm(len(data.features), generator=torch.Generator().manual_seed(1))
    for by_hand in (two_tower.by_hand, lambda values: False):
        monkeypatch.setattr(two_tower, "by_hand", by_hand)
        torch.manual_seed(2)  # of dropout
        states = model.encode_items(data.features, codes)
        queries, keys = model.gaps_and_keys(states, batch, places, order)
        made = torch.cat([queries, keys])
        weights = [parameter for parameter in model.parameters() if parameter.requires_grad]
        gradients = torch.autograd.grad((made * torch.linspace(-1, 1, made.shape[1])).square().sum(), weights)
        found.append((states.hidden, made, *gradients))
    assert len(found[0]) == (8 if memory else 7)
    torch.testing.assert_close(found[0], found[1], rtol=1e-5, atol=1e-5)


def test_untrained_it_is_the_cosine_of_the_features(data: TrainingData) -> None:
    """A random projection keeps cosines but for noise of about 1 / √h."""
    model = fresh(data, hidden=4096).eval()
    x = model.standardised(data.features)
    first, second = torch.arange(0, 40), torch.arange(48, 88)
    pairs = OutfitBatch(torch.stack([first, second], dim=1), torch.ones(40, 2, dtype=torch.bool))
    scores = model.score(encode(model, data.features, data.categories), pairs)
    expected = cosine_similarity(x[first], x[second])
    torch.testing.assert_close(scores, expected, rtol=0, atol=0.06)
    assert expected.std() > 0.2


def test_a_query_ranks_as_its_gap(data: TrainingData) -> None:
    model = shaken(fresh(data))
    states, batch = encode(model, data.features, data.categories), padded(data)
    gaps = model.gaps(states, batch)
    for row in range(0, len(batch), 5):
        rows = batch.items[row][batch.mask[row]]
        for gap in range(len(rows)):
            context = torch.cat([rows[:gap], rows[gap + 1 :]])[None]
            wanted = states.categories[rows[gap]][None]
            typical = ItemStates(torch.zeros(1, states.hidden.shape[1]), wanted)
            vectors, offsets = model.query(states, context, typical)
            torch.testing.assert_close(vectors[0], gaps[row, gap])
            assert offsets.tolist() == [0]
            wide = OutfitBatch(
                torch.cat([context, rows[None, :1]], 1), torch.arange(context.shape[1] + 1)[None] < context.shape[1]
            )
            torch.testing.assert_close(model.queries(states, wide, wanted), vectors)


def test_a_query_may_know_the_group_alone(data: TrainingData) -> None:
    words = Vocabulary(("a", "b", "c", "d"), ("top", "bottom", "top", "shoes"))
    model = TwoTower(TwoTowerConfig(hidden=12, wants="group"), data.features.shape[1], words)
    model.observe(data)
    shaken(model)
    states, batch = encode(model, data.features, data.categories), padded(data)
    queries = [model.queries(states, batch, torch.full((len(batch),), code)).detach() for code in range(5)]
    torch.testing.assert_close(queries[0], queries[2])
    for first, second in ((0, 1), (0, 3), (1, 3), (3, 4)):
        assert float((queries[first] - queries[second]).abs().max()) > 1e-3
    same = model.by_category()
    assert same.config.wants == "category"
    torch.testing.assert_close(same.score(states, batch), model.score(states, batch))
    plain = fresh(data)
    assert plain.by_category() is plain


def test_features_are_standardised_on_training_items_and_encoders_weigh_alike(data: TrainingData) -> None:
    wide = torch.cat([data.features, 100 * torch.randn(len(data.features), 48), torch.ones(len(data.features), 1)], 1)
    blocks = (16, 49)
    model = fresh(replace(data, features=wide, blocks=blocks))
    x = model.standardised(wide)[torch.from_numpy(data.train.items).unique()]
    first, second = x.split(blocks, dim=1)
    torch.testing.assert_close(x.mean(0), torch.zeros(65), rtol=0, atol=1e-5)
    assert float(first.square().sum(1).mean()) == pytest.approx(0.5, abs=1e-4)
    assert float(second.square().sum(1).mean()) == pytest.approx(0.5, abs=1e-4)
    assert (second[:, -1] == 0).all()  # what never varies says nothing, and takes nothing from the rest


def test_memory_is_for_the_items_of_training_outfits_and_no_others(data: TrainingData) -> None:
    model = shaken(fresh(data))
    worn = torch.from_numpy(np.bincount(data.train.items, minlength=len(data.features)) > 0)
    count = len(model.digests)
    assert not worn.all()
    assert count == int(worn.sum()) == len(model.memory) - 1
    rows = model.remembered(data.features, data.categories)
    assert torch.equal(rows < count, worn)
    assert len(rows[worn].unique()) == count
    assert (model.remembered(data.features + 1e-3, data.categories) == count).all()
    assert (model.remembered(data.features, (data.categories + 1) % 4) == count).all()
    assert (model.memory[-1] == 0).all()


def test_in_training_half_of_the_memory_is_left_out(data: TrainingData) -> None:
    model = shaken(fresh(data, dropout=0.0)).train()
    rows = torch.from_numpy(data.train.items).unique()
    whole = encode(model.eval(), data.features[rows], data.categories[rows]).hidden
    part = encode(model.train(), data.features[rows], data.categories[rows]).hidden
    assert 0.3 < float((whole == part).all(dim=1).double().mean()) < 0.7


def test_items_that_are_looked_up_once_are_those_of_every_step(data: TrainingData) -> None:
    model = shaken(fresh(data))
    at = model.remembered(data.features, data.categories)
    known = model.encode_items(data.features, data.categories, at).hidden
    assert torch.equal(known, model.encode_items(data.features, data.categories).hidden)
    none = model.encode_items(data.features, data.categories, torch.full_like(at, len(model.digests))).hidden
    assert torch.equal((known != none).any(dim=1), at < len(model.digests))


@pytest.mark.parametrize("dropped", [0.3, 0.5])
def test_dropout_leaves_out_its_share_of_features_and_category(dropped: float, data: TrainingData) -> None:
    """With W the identity, n undone by the ratio of two entries: an entry is 0 or 1 / (1 − dropped) times itself."""
    model = fresh(data, dropout=dropped, memory=False, hidden=data.features.shape[1] + 4).train()
    with torch.no_grad():
        model.want.copy_(torch.eye(len(model.want))[:, : model.want.shape[1]])
        model.want_bias.fill_(100.0)  # where gelu(x) = x
    torch.manual_seed(0)
    many = 3000
    want = model.encode_items(data.features[:1].expand(many, -1), data.categories[:1].expand(many)).hidden
    x = want[:, len(model.want) :] - 100
    whole = torch.cat([model.standardised(data.features[:1])[0], torch.eye(model.count)[data.categories[0]]])
    share = x.div(whole).mul(1 - dropped)[:, whole != 0]
    torch.testing.assert_close(share, share.round(), rtol=0, atol=2e-3)
    torch.testing.assert_close(share.mean(dim=0), torch.full((share.shape[1],), 1 - dropped), rtol=0, atol=0.05)
    assert len(share.round().unique(dim=0)) > many / 2  # rows are drawn apart


def test_without_memory_there_is_none(data: TrainingData) -> None:
    model = fresh(data, memory=False)
    assert model.memory.shape == (1, 24)
    assert not model.memory.requires_grad


def test_an_unknown_category_is_no_category(data: TrainingData) -> None:
    model = shaken(fresh(data))
    with torch.no_grad():
        model.category[-1] = 0  # as it stays in training, where no item is of an unknown category
    unknown = torch.full_like(data.categories, model.count)
    states = encode(model, data.features, unknown + 3)  # codes of groups come after it
    without = copy.deepcopy(model)
    for weights in (without.key, without.want):
        weights.data[:, -model.count :] = 0
    assert torch.equal(states.hidden, encode(without, data.features, unknown).hidden)
    assert model.score(states, padded(data)).isfinite().all()


class Stopped(Exception):
    pass


def test_a_killed_run_ends_with_bit_identical_weights(data: TrainingData, tmp_path: Path) -> None:
    config = replace(TrainConfig.of("two-tower"), epochs=4, batch_size=64, precision="fp32")

    def stop(epoch: int, epochs: int, measured: dict[str, float]) -> None:
        if epoch == 2:
            raise Stopped

    straight, killed, resumed = fresh(data), fresh(data), fresh(data)
    torch.manual_seed(0)
    result = fit(straight, data, config, tmp_path / "a")
    torch.manual_seed(0)
    with pytest.raises(Stopped):
        fit(killed, data, config, tmp_path / "b", progress=stop)
    torch.manual_seed(1234)
    again = fit(resumed, data, config, tmp_path / "b")
    assert [row["loss"] for row in result.history] == [row["loss"] for row in again.history]
    for name, value in straight.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_it_is_trained_by_its_own_settings_and_opened_again(tmp_path: Path) -> None:
    dataset = styles_dataset(tmp_path)
    run = train("two-tower", dataset, tmp_path / "run", settings=["epochs=2", "hidden=12", "weight_decay=0.1"])
    settings = run.config["train"]
    assert (settings["objective"], settings["negatives"], settings["batch_size"]) == ("softmax", "matched", 512)
    assert (settings["epochs"], settings["weight_decay"]) == (2, 0.1)
    opened = Run(tmp_path / "run")
    assert len(opened.model.digests) == len(opened.model.memory) - 1 > 0
    items, mask = dataset.outfits.split("test").padded()
    assert np.array_equal(run.scorer(dataset).score(items, mask), opened.scorer(dataset).score(items, mask))
