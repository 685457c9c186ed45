"""The loop: resumed is as never stopped, the best epoch is kept, divergence raises."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from worlds import styles_data

from goeswith.errors import DataError, ModelError
from goeswith.models import TrainingData, Vocabulary
from goeswith.models.add_gnn import AddGnn, AddGnnConfig
from goeswith.train.batches import batches, by_weight
from goeswith.train.loop import Loop, fit
from goeswith.train.settings import TrainConfig

CONFIG = TrainConfig(negatives="category", epochs=4, patience=9, batch_size=64, precision="fp32")


class Stopped(Exception):
    pass


def stop_after(last: int):
    def after_epoch(epoch: int, epochs: int, measured: dict[str, float]) -> None:
        if epoch == last:
            raise Stopped

    return after_epoch


@pytest.fixture
def data() -> TrainingData:
    return styles_data()


def fresh(data: TrainingData, **settings: object) -> AddGnn:
    torch.manual_seed(0)
    config = AddGnnConfig(attributes=2, hidden=6, dropout=0.2, **settings)  # type: ignore[arg-type]
    model = AddGnn(config, data.features.shape[1], Vocabulary.of(data.catalogue))
    torch.manual_seed(0)
    return model


@pytest.mark.parametrize(("optimiser", "keep"), [("rmsprop", "best"), ("adamw", "one-standard-error")])
def test_a_killed_run_ends_with_bit_identical_weights(
    data: TrainingData, tmp_path: Path, optimiser: str, keep: str
) -> None:
    config = replace(CONFIG, optimiser=optimiser, keep=keep)
    straight = fresh(data)
    result = fit(straight, data, config, tmp_path / "a")
    with pytest.raises(Stopped):
        fit(fresh(data), data, config, tmp_path / "b", progress=stop_after(2))
    torch.manual_seed(1234)  # another process would have other chance left over
    resumed = fresh(data)
    before = [json.loads(line) for line in (tmp_path / "b" / "log.jsonl").read_text().splitlines()]
    again = fit(resumed, data, config, tmp_path / "b")
    assert again.history[:2] == before  # seconds and all: what was measured before the kill is kept
    assert again.seconds == round(sum(row["seconds"] for row in again.history), 2)
    for name, value in straight.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    names = ("best_epoch", "valid_auc", "epochs", "unservable")
    assert [getattr(result, name) for name in names] == [getattr(again, name) for name in names]
    assert [row["loss"] for row in result.history] == [row["loss"] for row in again.history]
    assert len((tmp_path / "b" / "log.jsonl").read_text().splitlines()) == 4


def test_the_weights_left_are_those_of_the_best_validation_epoch(data: TrainingData, tmp_path: Path) -> None:
    model = fresh(data)
    result = fit(model, data, replace(CONFIG, epochs=8, patience=2), tmp_path)
    values = [json.loads(line)["valid_auc"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert result.valid_auc == max(values)
    assert result.best_epoch == values.index(max(values)) + 1
    loop = Loop(model, data, CONFIG, tmp_path / "other")
    assert float(loop.wins(loop.valid).mean()) == result.valid_auc


def test_patience_stops_a_run_that_learns_nothing(data: TrainingData, tmp_path: Path) -> None:
    flat = replace(data, features=torch.zeros_like(data.features))  # every score is equal: validation AUC stays .5
    result = fit(fresh(flat), flat, replace(CONFIG, epochs=20, patience=2), tmp_path)
    assert result.epochs == 3
    assert result.valid_auc == 0.5


def test_the_last_weights_are_kept_where_that_is_asked(data: TrainingData, tmp_path: Path) -> None:
    flat = replace(data, features=torch.zeros_like(data.features))  # the first epoch is the best, patience is over
    model, masks = fresh(flat), []
    result = fit(
        model, flat, replace(CONFIG, epochs=3, patience=1, keep="last"), tmp_path,
        progress=lambda *_: masks.append(model.attributes.masks.detach().clone()),
    )  # fmt: skip
    assert (result.epochs, result.best_epoch, result.valid_auc) == (3, 3, 0.5)
    assert torch.equal(model.attributes.masks, masks[2])
    assert not torch.equal(model.attributes.masks, masks[0])


def test_of_equal_epochs_the_last_is_kept_by_one_standard_error(data: TrainingData, tmp_path: Path) -> None:
    flat = replace(data, features=torch.zeros_like(data.features))  # every epoch is as good as the first
    result = fit(fresh(flat), flat, replace(CONFIG, epochs=3, keep="one-standard-error"), tmp_path)
    assert (result.epochs, result.best_epoch, result.valid_auc) == (3, 3, 0.5)


def test_a_diverged_run_raises(data: TrainingData, tmp_path: Path) -> None:
    broken = fresh(data)
    with torch.no_grad():
        broken.bias.fill_(torch.nan)
    with pytest.raises(ModelError, match="diverged in epoch 1: the loss is nan; lower the learning rate"):
        fit(broken, data, CONFIG, tmp_path)
    assert not (tmp_path / "state.safetensors").exists()


def test_a_run_that_explodes_without_nan_raises_too(data: TrainingData, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="diverged"):
        fit(fresh(data), data, replace(CONFIG, learning_rate=1e9), tmp_path)


def test_the_state_of_another_run_is_refused(data: TrainingData, tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        fit(fresh(data), data, CONFIG, tmp_path, progress=stop_after(1))
    with pytest.raises(ModelError, match="other settings"):
        fit(fresh(data), data, replace(CONFIG, learning_rate=0.1), tmp_path)
    (tmp_path / "state.safetensors").write_bytes(b"short")
    with pytest.raises(ModelError, match=r"cannot read .*state\.safetensors"):
        fit(fresh(data), data, CONFIG, tmp_path)


def test_an_empty_split_is_refused(data: TrainingData, tmp_path: Path) -> None:
    nothing = replace(data, valid=data.valid.take(np.zeros(0, dtype=int)))
    with pytest.raises(DataError, match="the valid split has no usable outfit"):
        fit(fresh(data), nothing, CONFIG, tmp_path)


def test_batches_hold_every_outfit_once_and_save_padding() -> None:
    lengths = np.random.default_rng(0).integers(2, 9, 1000)
    generator = torch.Generator().manual_seed(0)
    first, second = (list(batches(lengths, 32, generator)) for _ in range(2))
    for epoch in (first, second):
        assert sorted(np.concatenate(epoch).tolist()) == list(range(1000))
        assert max(len(rows) for rows in epoch) == 32
    assert not np.array_equal(np.concatenate(first), np.concatenate(second))
    padding = sum(lengths[p].max() * len(p) for p in first) / lengths.sum()
    assert padding < 1.2


@pytest.mark.parametrize(("count", "size"), [(529, 512), (1000, 32), (64, 32), (31, 32), (33, 32), (1, 8), (7, 1)])
def test_even_batches_are_as_many_and_of_equal_size(count: int, size: int) -> None:
    lengths = np.random.default_rng(0).integers(2, 9, count)
    full, even = (list(batches(lengths, size, torch.Generator().manual_seed(0), even=even)) for even in (False, True))
    assert len(even) == len(full) == -(-count // size)
    assert sorted(np.concatenate(even).tolist()) == list(range(count))
    sizes = [len(rows) for rows in even]
    assert max(sizes) <= size
    assert max(sizes) - min(sizes) <= 1
    assert sorted(map(len, full))[1:] == [size] * (len(full) - 1)


def naive_by_weight(order: np.ndarray, weights: np.ndarray, start: float) -> list[int]:
    """A walk along the outfits, one of which is taken at every mean weight."""
    step = weights.sum() / len(weights)
    taken, point, end = [], start * step, 0.0
    for row in order:
        end += weights[row]
        while point < end and len(taken) < len(order):
            taken.append(row)
            point += step
    return taken


def test_outfits_come_as_often_as_their_weights_say() -> None:
    weights = np.random.default_rng(0).uniform(0.1, 3.0, 60)
    share, total = weights / weights.mean(), np.zeros(60)
    generator = torch.Generator().manual_seed(0)
    for _ in range(400):
        order = torch.randperm(60, generator=generator).numpy()
        start = torch.rand((), generator=torch.Generator().set_state(generator.get_state()), dtype=torch.float64).item()
        drawn = by_weight(order, weights, generator)
        assert drawn.tolist() == naive_by_weight(order, weights, start)
        counts = np.bincount(drawn, minlength=60)
        assert (counts >= np.floor(share)).all()
        assert (counts <= np.ceil(share)).all()
        total += counts
    assert np.abs(total / 400 - share).max() < 0.1  # four standard errors of one that comes or does not
    once = np.concatenate(list(batches(np.full(60, 3), 16, generator, np.full(60, 2.0))))
    assert sorted(once.tolist()) == list(range(60))


def test_weights_change_what_is_learnt_and_nothing_where_there_are_none(data: TrainingData, tmp_path: Path) -> None:
    weights = np.where(np.arange(len(data.train)) % 2, 3.0, 1.0)
    weighted = replace(data, train=replace(data.train, weights=weights))
    trained = {}
    for name, training, config in (
        ("none", data, CONFIG), ("off", weighted, replace(CONFIG, weighted=False)), ("on", weighted, CONFIG),
        ("again", weighted, CONFIG),
    ):  # fmt: skip
        model = fresh(training)
        result = fit(model, training, replace(config, epochs=2), tmp_path / name)
        trained[name] = ([row["loss"] for row in result.history], [*model.state_dict().values()])
    assert trained["none"][0] == trained["off"][0]
    assert all(torch.equal(first, second) for first, second in zip(trained["none"][1], trained["off"][1], strict=True))
    assert trained["on"][0] == trained["again"][0] != trained["none"][0]


def test_a_pool_of_worn_items_never_draws_what_training_outfits_do_not_wear(data: TrainingData, tmp_path: Path) -> None:
    few = replace(data, train=data.train.take(np.arange(12)))
    worn = set(few.train.items.tolist())
    padded, real = few.train.padded()
    for pool, expected in (("worn", True), ("catalogue", False)):
        loop = Loop(fresh(few), few, replace(CONFIG, negatives="random", pool=pool), tmp_path / pool, [])
        drawn, _ = loop.negatives.draw(
            torch.from_numpy(padded), torch.from_numpy(real), torch.zeros(12, dtype=torch.long), 8, loop.generator
        )
        assert (set(drawn.flatten().tolist()) <= worn) == expected


def test_more_corruptions_of_a_validation_outfit_are_asked_of_the_same_outfits(data: TrainingData, tmp_path: Path):
    own = {tuple(row[real].tolist()) for row, real in zip(*data.valid.padded(), strict=True)}
    for count in (1, 2, 8):
        loop = Loop(fresh(data), data, replace(CONFIG, valid_corruptions=count), tmp_path / str(count))
        asked = [tuple(row[real].tolist()) for row, real in zip(loop.valid.items, loop.valid.mask, strict=True)]
        assert {outfit: asked.count(outfit) for outfit in asked} == dict.fromkeys(own, count)
        assert int((loop.valid.corrupt[:, 0] != loop.valid.items).sum()) == len(asked), "one item of each is replaced"
    assert len({tuple(row[0].tolist()) for row in loop.valid.corrupt}) > 4 * len(own), "drawn anew each time"


def history(*aucs: float) -> list[dict[str, float]]:
    return [{"epoch": index + 1, "valid_auc": auc} for index, auc in enumerate(aucs)]


def test_a_run_whose_best_epoch_is_among_the_last_continues(data: TrainingData, tmp_path: Path) -> None:
    loop = Loop(fresh(data), data, replace(CONFIG, epochs=4, extend=2), tmp_path)
    for aucs, limit in [
        ((0.5, 0.6, 0.7), 4), ((0.5, 0.6, 0.7, 0.8), 6), ((0.5, 0.6, 0.8, 0.7), 4), ((0.5, 0.6, 0.7, 0.8, 0.9, 0.8), 6),
        ((0.5, 0.6, 0.7, 0.8, 0.8, 0.9), 8), ((0.5, 0.6, 0.7, 0.8, 0.8, 0.9, 0.91, 0.92), 8),
    ]:  # fmt: skip
        loop.history = history(*aucs)
        assert loop.limit == limit, aucs
    loop.config = replace(loop.config, schedule="cosine")
    assert loop.limit == 4


def test_training_auc_is_of_training_outfits_and_changes_no_weight(data: TrainingData, tmp_path: Path) -> None:
    model = fresh(data)
    result = fit(model, data, replace(CONFIG, epochs=3, patience=3, extend=1), tmp_path)
    assert all(0 <= row["train_auc"] <= 1 for row in result.history)
    loop = Loop(model, data, CONFIG, tmp_path / "other")
    outfits = {tuple(row.tolist()) for row in data.train.take(range(len(data.train))).padded()[0]}
    assert len(loop.training_sample) <= 2 * len(data.valid)
    width = loop.training_sample.items.shape[1]
    assert all(any(tuple(row.tolist()) == other[:width] for other in outfits) for row in loop.training_sample.items)
