"""The batch softmax says what a loop over gaps says."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
import pytest
import torch
from small_models import small
from worlds import styles_data

from goeswith.data.catalogue import Catalogue
from goeswith.data.outfits import OutfitBatch
from goeswith.errors import ConfigError, DataError
from goeswith.models import ItemStates, Model, TrainingData, Vocabulary
from goeswith.models.two_tower import TwoTower, TwoTowerConfig
from goeswith.train.loop import Loop, fit
from goeswith.train.objectives import GapObjective, PairObjective
from goeswith.train.settings import TrainConfig, learning_rate
from goeswith.train.softmax import BatchSoftmax, CandidateSoftmax, OutfitSoftmax

Objectives = Literal["pairwise", "softmax", "sampled-softmax", "batch-softmax"]
CATALOGUE = Catalogue(
    pl.DataFrame(
        {
            "item_id": [f"i{row}" for row in range(12)],
            "category": ["shirt", "skirt", "boots"] * 4,
            "group": ["top", "bottom", "shoes"] * 4,
            "season": ["summer"] * 6 + ["winter"] * 6,
        }
    )
)
OUTFITS = torch.tensor([[0, 1, 2, 3], [3, 4, 5, 5], [6, 7, 8, 0], [9, 4, 9, 9]])
MASK = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 1, 0], [1, 1, 0, 0]]).bool()  # padding is another item's row


@pytest.fixture
def model() -> TwoTower:
    torch.manual_seed(0)
    made = TwoTower(TwoTowerConfig(hidden=6), 5, Vocabulary.of(CATALOGUE)).eval()
    torch.nn.init.normal_(made.residual)
    torch.nn.init.normal_(made.category)
    return made.requires_grad_(False)


def encoded(model: TwoTower) -> tuple[ItemStates, OutfitBatch, torch.Tensor]:
    rows, indices = OUTFITS.unique(return_inverse=True)
    codes = torch.from_numpy(Vocabulary.of(CATALOGUE).codes(CATALOGUE))[rows]
    return model.encode_items(torch.randn(len(rows), 5), codes), OutfitBatch(indices, MASK), rows


def pool_of(row: int, strategy: str) -> tuple[str, ...]:
    item = CATALOGUE.items.row(row, named=True)
    names = {"random": (), "group": ("group",), "category": ("category",), "matched": ("category", "season")}
    return tuple(item[name] for name in names[strategy])


@pytest.mark.parametrize(("corrected", "reserved"), [(False, ()), (True, ()), (False, (0, 4, 5, 9))])
@pytest.mark.parametrize("strategy", ["random", "group", "category", "matched"])
def test_it_is_the_cross_entropy_that_a_loop_finds(
    model: TwoTower, strategy: str, corrected: bool, reserved: tuple[int, ...]
) -> None:
    states, batch, rows = encoded(model)
    keys, losses = model.keys(states), []
    worn_by = [sum(row in OUTFITS[outfit][MASK[outfit]] for outfit in range(4)) for row in rows.tolist()]
    for outfit, real in zip(OUTFITS.tolist(), MASK.tolist(), strict=True):
        worn = [row for row, there in zip(outfit, real, strict=True) if there]
        for truth in worn:
            context = [rows.tolist().index(row) for row in worn if row != truth]
            code = states.categories[rows.tolist().index(truth)]
            partial = OutfitBatch(torch.tensor([context]), torch.ones(1, len(context), dtype=torch.bool))
            query = model.queries(states, partial, code[None])[0]
            pool = [
                index
                for index, row in enumerate(rows.tolist())
                if row == truth
                or (pool_of(row, strategy) == pool_of(truth, strategy) and row not in (*worn, *reserved))
            ]
            if len(pool) > 1:
                scores = [float(10 * query @ keys[index]) + corrected * math.log(worn_by[index]) for index in pool]
                right = scores[pool.index(rows.tolist().index(truth))]
                losses.append(math.log(sum(math.exp(value) for value in scores)) - right)
    worn_counts = torch.tensor(worn_by) if corrected else None
    kept = torch.isin(rows, torch.tensor(reserved)) if reserved else None
    loss, count = BatchSoftmax(CATALOGUE, strategy)(model, states, batch, rows, worn_counts, kept)
    assert count == len(losses)
    assert loss.item() == pytest.approx(np.mean(losses), rel=1e-5)


@pytest.mark.parametrize(("corrected", "reserved"), [(False, ()), (True, ()), (False, (0, 4, 5, 9))])
@pytest.mark.parametrize("strategy", ["random", "category", "matched"])
@pytest.mark.parametrize("name", ["csa-net", "ngnn"])
def test_outfit_by_outfit_it_is_what_a_loop_finds(
    name: str, strategy: str, corrected: bool, reserved: tuple[int, ...]
) -> None:
    torch.manual_seed(0)
    model = small(name, 5, Vocabulary.of(CATALOGUE)).eval().requires_grad_(False)
    rows, indices = OUTFITS.unique(return_inverse=True)
    states = model.encode_items(
        torch.randn(len(rows), 5), torch.from_numpy(Vocabulary.of(CATALOGUE).codes(CATALOGUE))[rows]
    )
    worn_by = [sum(row in OUTFITS[outfit][MASK[outfit]] for outfit in range(4)) for row in rows.tolist()]
    losses = []
    for outfit, real in zip(OUTFITS.tolist(), MASK.tolist(), strict=True):
        worn = [row for row, there in zip(outfit, real, strict=True) if there]
        for place, truth in enumerate(worn):
            pool = [
                row
                for row in rows.tolist()
                if row == truth
                or (pool_of(row, strategy) == pool_of(truth, strategy) and row not in (*worn, *reserved))
            ]
            swapped = torch.tensor([[*worn[:place], row, *worn[place + 1 :]] for row in pool])
            scores = 10 * model.score(
                states, OutfitBatch(torch.searchsorted(rows, swapped), torch.ones_like(swapped, dtype=torch.bool))
            )
            if corrected:
                scores = scores + torch.tensor([math.log(worn_by[rows.tolist().index(row)]) for row in pool])
            if len(pool) > 1:
                losses.append(float(scores.logsumexp(dim=0) - scores[pool.index(truth)]))
    kept = torch.isin(rows, torch.tensor(reserved)) if reserved else None
    loss, count = OutfitSoftmax(CATALOGUE, strategy)(
        model, states, OutfitBatch(indices, MASK), rows, torch.tensor(worn_by) if corrected else None, kept
    )
    assert count == len(losses)
    assert loss.item() == pytest.approx(np.mean(losses), rel=1e-5)


def test_only_blanks_are_gaps(model: TwoTower) -> None:
    states, batch, rows = encoded(model)
    shoes = torch.from_numpy((CATALOGUE.items["group"] == "shoes").to_numpy().copy())
    for softmax in (BatchSoftmax, OutfitSoftmax):
        assert softmax(CATALOGUE, "random", shoes)(model, states, batch, rows)[1] == 3


def test_a_batch_that_has_no_wrong_answer_teaches_nothing(model: TwoTower) -> None:
    states, batch, rows = encoded(model)
    alone = OutfitBatch(batch.items[:1, :3], batch.mask[:1, :3])
    for softmax in (BatchSoftmax, OutfitSoftmax):
        loss, count = softmax(CATALOGUE, "matched")(
            model, ItemStates(states.hidden[:3], states.categories[:3]), alone, rows[:3]
        )
        assert (loss.item(), count) == (0.0, 0)


@pytest.fixture
def data() -> TrainingData:
    return styles_data()


def test_candidates_are_told_apart_as_a_loop_does() -> None:
    right, wrong = torch.tensor([0.3, -0.1]), torch.tensor([[0.2, 0.1, -0.4], [0.0, 0.5, 0.1]])
    losses = [
        math.log(sum(math.exp(10 * value) for value in [first, *others])) - 10 * first
        for first, others in zip(right.tolist(), wrong.tolist(), strict=True)
    ]
    assert CandidateSoftmax()(right, wrong).item() == pytest.approx(np.mean(losses), rel=1e-5)


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        ("softmax", GapObjective), ("batch-softmax", GapObjective), ("sampled-softmax", PairObjective),
        ("pairwise", PairObjective),
    ],
)  # fmt: skip
def test_all_items_of_the_batch_or_candidates(
    data: TrainingData, tmp_path: Path, objective: Objectives, expected: type
) -> None:
    made = TwoTower(TwoTowerConfig(hidden=8), 16, Vocabulary.of(data.catalogue))
    loop = Loop(made, data, TrainConfig(objective=objective, negatives="category"), tmp_path)
    assert isinstance(loop.objective, expected)
    assert (loop.softmax is None) == (objective == "pairwise")


@pytest.mark.parametrize("name", ["group-towers", "csa-net"])
def test_wrong_answers_may_be_drawn_for_the_batch(data: TrainingData, tmp_path: Path, name: str) -> None:
    """The loss is that of the right item above the drawn ones of its pool, and above nothing else of the batch."""
    made = small(name, 16, Vocabulary.of(data.catalogue)).eval()
    config = TrainConfig(
        objective="batch-softmax", negatives="category", blank="bottom", drawn_negatives=3, precision="fp32"
    )
    loop = Loop(made, data, config, tmp_path)
    batch = data.train.take(np.arange(20)).batch()
    bottoms = torch.from_numpy((data.catalogue.items["group"] == "bottom").to_numpy().copy())
    state = loop.generator.get_state()
    loss, gaps, _ = loop.objective(batch, 0)
    again = torch.Generator()
    again.set_state(state)
    drawn = loop.negatives.sample(bottoms.nonzero()[:, 0], 3, again).tolist()
    assert len(drawn) in (1, 2, 3)
    assert bottoms[drawn].all()
    made.requires_grad_(False)
    states, losses = made.encode_items(data.features, data.categories), []
    for items, mask in zip(batch.items.tolist(), batch.mask.tolist(), strict=True):
        worn = [item for item, real in zip(items, mask, strict=True) if real]
        for truth in (item for item in worn if bottoms[item]):
            pool = torch.tensor([truth, *(item for item in drawn if item not in worn)])
            rest = torch.tensor([[item for item in worn if item != truth]])
            if name == "csa-net":
                outfits = torch.cat([rest.expand(len(pool), -1), pool[:, None]], dim=1)
                scores = made.score(states, OutfitBatch(outfits, torch.ones_like(outfits, dtype=torch.bool)))
            else:
                scores = made.keys(states)[pool] @ made.query(states, rest, states.rows(pool[:1]))[0][0]
            losses.append(float((10 * scores).logsumexp(dim=0) - 10 * scores[0]))
    assert gaps == len(losses)
    assert loss.item() == pytest.approx(np.mean(losses) + float(made.penalty()), rel=1e-4)


def test_drawn_negatives_where_they_have_no_effect_are_refused(data: TrainingData, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"correct_popularity corrects for .* --set correct_popularity=false"):
        TrainConfig(objective="softmax", drawn_negatives=8, correct_popularity=True)
    made = small("csa-net", 16, Vocabulary.of(data.catalogue))
    with pytest.raises(ConfigError, match=r"drawn_negatives are for all gaps .* use objective=batch-softmax"):
        Loop(made, data, TrainConfig(objective="softmax", negatives="category", drawn_negatives=8), tmp_path)


@pytest.mark.parametrize(
    ("name", "objective"),
    [
        ("add-gnn", "softmax"), ("type-aware", "softmax"), ("csa-net", "softmax"), ("ngnn", "softmax"),
        ("two-tower", "sampled-softmax"), ("csa-net", "batch-softmax"), ("add-gnn", "batch-softmax"),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_models_learn_from_candidates(data: TrainingData, tmp_path: Path, name: str, objective: Objectives) -> None:
    config = TrainConfig(
        objective=objective, negatives="category", negatives_per_positive=5, epochs=20, patience=20, batch_size=32,
        optimiser="adamw", learning_rate=1e-2, schedule="cosine", precision="fp32",
    )  # fmt: skip
    model = small(name, 16, Vocabulary.of(data.catalogue))
    model.observe(data)
    assert fit(model, data, config, tmp_path).valid_auc > 0.7


def test_rules_speak_of_corruptions_which_whole_batches_lack(data: TrainingData, tmp_path: Path) -> None:
    made = small("csa-net", 16, Vocabulary.of(data.catalogue))
    with pytest.raises(ConfigError, match=r"of which batch-softmax has none; use objective=sampled-softmax"):
        Loop(made, data, TrainConfig(objective="batch-softmax", negatives="category"), tmp_path, [Loud()])


class Loud(torch.nn.Module):
    """A source of knowledge with a loss of its own."""

    def prepare(self, model: Model) -> None:
        """Nothing is to do."""


def test_the_rate_rises_and_falls() -> None:
    config = TrainConfig(schedule="cosine", warmup=0.2, learning_rate=1.0)
    rates = [learning_rate(config, step / 100) for step in range(1, 101)]
    assert rates[9] == pytest.approx(0.5)
    assert rates[19] == pytest.approx(1.0) == max(rates)
    assert rates[59] == pytest.approx(0.5)
    assert rates[99] == pytest.approx(0.0)
    assert learning_rate(replace(config, schedule="constant"), 0.01) == 1.0


def test_a_batch_of_one_outfit_is_what_is_wrong(data: TrainingData, tmp_path: Path) -> None:
    towers = TwoTower(TwoTowerConfig(hidden=8), 16, Vocabulary.of(data.catalogue))
    config = TrainConfig(objective="softmax", negatives="matched", epochs=1, batch_size=1)
    few = replace(data, train=data.train.take([0, 1, 2]))
    with pytest.raises(DataError, match="a batch of one outfit has no wrong answers; use a larger batch_size"):
        fit(towers, few, config, tmp_path)


def test_a_training_without_any_wrong_answer_stops(data: TrainingData, tmp_path: Path) -> None:
    single = replace(data, train=data.train.take([0]))
    with pytest.raises(DataError, match="no training outfit has a wrong answer by 'category' negatives"):
        fit(
            TwoTower(TwoTowerConfig(hidden=8), 16, Vocabulary.of(data.catalogue)),
            single,
            TrainConfig(objective="softmax", negatives="category", epochs=2),
            tmp_path,
        )
