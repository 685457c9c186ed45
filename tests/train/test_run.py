"""Runs: trained in one call with their teacher, reopened, resumed, refused where they do not belong."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file, save_file
from worlds import styles_dataset, write_made

from goeswith.data.dataset import Dataset
from goeswith.errors import ConfigError, DataError, ModelError
from goeswith.train.run import Run
from goeswith.train.training import train

SMALL = ("hidden=6", "attributes=2", "epochs=2", "batch_size=64", "negatives=category", "precision=fp32")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return styles_dataset(tmp_path_factory.mktemp("world"))


def weights(run: Run) -> bytes:
    return (run.path / "weights.safetensors").read_bytes()


def test_teacher_and_student_in_one_call_and_the_same_call_gives_the_same_run(world: Dataset, tmp_path: Path) -> None:
    def call(out: str) -> Run:
        return train(
            "add-gnn", Dataset(f"{world.path}#users"), tmp_path / out, teacher=f"{world.path}#designers",
            settings=[*SMALL, "teacher.epochs=3", "teacher.negatives=category"],
        )  # fmt: skip

    run = call("a")
    assert run.config["knowledge"]["teacher"]["dataset"]["source"] == "designers"
    teacher = Run(tmp_path / "a" / "teacher")
    assert teacher.config["train"]["epochs"] == 3
    assert teacher.config["settings"]["attributes"] == 2  # follows the student
    assert teacher.config["settings"]["rank"] == 6
    assert not (tmp_path / "a" / "state.safetensors").exists()
    assert weights(call("b")) == weights(run)
    before = (tmp_path / "a" / "weights.safetensors").stat().st_mtime_ns
    assert call("a").config == run.config  # finished: nothing is trained again
    assert (tmp_path / "a" / "weights.safetensors").stat().st_mtime_ns == before


def test_a_scorer_gives_one_number_an_outfit_and_nan_without_features(world: Dataset, tmp_path: Path) -> None:
    run = train("add-gnn", world, tmp_path / "run", settings=SMALL)
    items, mask = world.outfits.split("test").padded()
    scorer = run.scorer(world)
    scores = scorer.score(items, mask)
    assert scores.shape == (len(items),)
    assert np.isfinite(scores).all()
    scorer.present[items[3, 0]] = False
    again = scorer.score(items, mask)
    hit = ((items == items[3, 0]) & mask).any(axis=1)
    assert np.isnan(again[hit]).all()
    assert np.array_equal(again[~hit], scores[~hit])


def test_a_teachers_run_can_teach(world: Dataset, tmp_path: Path) -> None:
    teacher = train("teacher", world, tmp_path / "teacher", settings=["attributes=2", "rank=6", "epochs=1"])
    assert teacher.config["train"]["negatives"] == "group"  # another top or bottom
    run = train("add-gnn", world, tmp_path / "s", teacher=teacher.path, settings=[*SMALL, "carry=masks+initialisation"])
    assert run.config["knowledge"]["carry"] == "masks+initialisation"
    with pytest.raises(ConfigError, match="only a run of 'teacher' can be a teacher"):
        train("add-gnn", world, tmp_path / "t", teacher=run.path, settings=SMALL)


@pytest.mark.slow
def test_an_untrained_teacher_is_not_trained_and_shuffled_pairs_teach_otherwise(world: Dataset, tmp_path: Path) -> None:
    train("add-gnn", world, tmp_path / "u", teacher=world.path, settings=[*SMALL, "untrained=true"])
    assert not (tmp_path / "u" / "teacher").exists()
    other = [*SMALL, "untrained=true", "teacher.seed=7"]
    train("add-gnn", world, tmp_path / "v", teacher=world.path, settings=other)
    assert weights(Run(tmp_path / "u")) != weights(Run(tmp_path / "v"))  # a teacher's seed is its own
    settings = ["attributes=2", "rank=6", "epochs=20", "patience=20", "learning_rate=0.01", "negatives=category"]
    real = train("teacher", world, tmp_path / "real", settings=settings)
    shuffled = train("teacher", world, tmp_path / "shuffled", settings=[*settings, "shuffled=true"])
    assert real.config["result"]["valid_auc"] > shuffled.config["result"]["valid_auc"] + 0.1


def test_a_category_filed_under_two_groups_can_be_taught(world: Dataset, tmp_path: Path) -> None:
    other = styles_dataset(tmp_path, seed=3)
    path = other.path / "items.parquet"
    odd = pl.col("item_id").is_in(["i0", "i1"])  # two shirts filed as bottoms
    pl.read_parquet(path).with_columns(group=pl.when(odd).then(pl.lit("bottom")).otherwise("group")).write_parquet(path)
    settings = ["attributes=2", "rank=6", "epochs=1", "negatives=group"]
    run = train("teacher", Dataset(other.path), tmp_path / "teacher", settings=settings)
    assert np.isfinite(run.config["result"]["valid_auc"])


def test_another_run_in_the_folder_is_refused(world: Dataset, tmp_path: Path) -> None:
    train("add-gnn", world, tmp_path / "run", settings=SMALL)
    with pytest.raises(ModelError, match=r"another run \(it differs in train\.learning_rate\); choose another folder"):
        train("add-gnn", world, tmp_path / "run", settings=[*SMALL, "learning_rate=0.01"])
    with pytest.raises(ModelError, match=r"another run \(it differs in knowledge\)"):
        train("add-gnn", world, tmp_path / "run", teacher=world.path, settings=SMALL)
    assert not (tmp_path / "run" / "teacher").exists()  # none was trained for nothing


def test_a_folder_that_cannot_hold_a_run_is_refused(world: Dataset, tmp_path: Path) -> None:
    before = sorted(world.path.iterdir())
    with pytest.raises(ModelError, match=r"is not a run folder, it holds dataset\.json; choose a new folder"):
        train("add-gnn", world, world.path, settings=SMALL)
    assert sorted(world.path.iterdir()) == before
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(ModelError, match="is a file, or lies within one; choose another folder"):
            train("add-gnn", world, out, settings=SMALL)


def test_settings_of_knowledge_that_is_not_there_are_refused(world: Dataset, tmp_path: Path) -> None:
    for setting, flag in (("teaching=ema", "--teacher"), ("imitation=0.5", "--rules")):
        with pytest.raises(ConfigError, match=f"--set {setting.partition('=')[0]} .* add {flag}"):
            train("add-gnn", world, tmp_path / "run", settings=[*SMALL, setting])
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize("teaching", ["joint", "ema"])
def test_a_teacher_can_learn_along(world: Dataset, tmp_path: Path, teaching: str) -> None:
    settings = [*SMALL, f"teaching={teaching}", "carry=masks+responses"]
    run = train("add-gnn", world, tmp_path / "run", teacher=f"{world.path}#designers", settings=settings)
    assert run.config["knowledge"]["teaching"] == teaching
    assert not (run.path / "teacher").exists()  # it has no training of its own
    teacher = train("teacher", world, tmp_path / "teacher", settings=["attributes=2", "rank=6", "epochs=1"])
    with pytest.raises(ConfigError, match="with teaching=frozen"):
        train("add-gnn", world, tmp_path / "other", teacher=teacher.path, settings=settings)


def test_two_processes_cannot_write_one_folder(world: Dataset, tmp_path: Path) -> None:
    from goeswith.train.training import locked

    with locked(tmp_path / "run"), pytest.raises(ModelError, match="another process is writing"):
        train("add-gnn", world, tmp_path / "run", settings=SMALL)


def test_items_without_features_are_left_out_and_counted(world: Dataset, tmp_path: Path) -> None:
    other = styles_dataset(tmp_path, seed=1)
    path = other.path / "features" / "made.safetensors"
    worn = np.unique(other.outfits.items)[:5]
    ids = [item for row, item in enumerate(other.catalogue.ids) if row not in worn]
    path.unlink()
    write_made(other, ids, np.random.default_rng(0).random((len(ids), 16), dtype=np.float32))
    run = train("add-gnn", other, tmp_path / "run", settings=SMALL)
    hit = [np.isin(other.outfits[index], worn).sum() for index in range(len(other.outfits))]
    left = other.outfits.lengths - hit
    assert run.config["left_out"] == {
        "outfits dropped": int((left < 2).sum()),
        "outfits shortened": int(((left >= 2) & (np.array(hit) > 0)).sum()),
    }


def test_a_broken_run_is_one_sentence(world: Dataset, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"is not a run \(it has no config\.json\)"):
        Run(tmp_path)
    run = train("add-gnn", world, tmp_path / "run", settings=SMALL)
    (run.path / "weights.safetensors").write_bytes(b"short")
    with pytest.raises(ModelError, match="does not hold the weights of this add-gnn"):
        Run(run.path).scorer(world)
    (run.path / "weights.safetensors").unlink()
    with pytest.raises(ModelError, match="has not finished"):
        Run(run.path).scorer(world)
    config = json.loads((run.path / "config.json").read_text())
    (run.path / "config.json").write_text(json.dumps({**config, "dim": 5}))
    with pytest.raises(DataError, match="features of 5 dimensions, these are made of 16"):
        Run(run.path).scorer(world)
    (run.path / "config.json").write_text("{")
    with pytest.raises(ModelError, match="is not valid JSON"):
        Run(run.path)


def test_weights_that_do_not_fit_are_reported_by_tensor(world: Dataset, tmp_path: Path) -> None:
    run = train("add-gnn", world, tmp_path / "run", settings=SMALL)
    whole = load_file(run.path / "weights.safetensors")
    name, tensor = next(iter(whole.items()))
    lacking = {other: value for other, value in whole.items() if other != name}
    for saved, words in (
        (lacking, f"it lacks the tensor {name}"),
        (
            lacking | {name: tensor[:1].clone()},
            rf"its {name} has the shape \(1, .*\) where \({len(tensor)}, .*\) is needed",
        ),
        (whole | {"hat": tensor.clone()}, "it has the tensor hat, which does not belong there"),
    ):
        save_file(saved, run.path / "weights.safetensors")
        with pytest.raises(ModelError, match=rf"weights of this add-gnn \({words}\); remove .*run and train it again"):
            _ = Run(run.path).model


def test_settings_of_a_teacher_need_a_teacher(world: Dataset, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="name its data set with --teacher"):
        train("add-gnn", world, tmp_path / "run", settings=["teacher.epochs=2"])


def test_many_outfits_are_scored_block_by_block_as_if_alone(world: Dataset, tmp_path: Path) -> None:
    scorer = train("add-gnn", world, tmp_path / "run", settings=SMALL).scorer(world)
    items = np.random.default_rng(0).integers(0, len(world.catalogue), (5000, 4))
    mask = np.ones_like(items, dtype=bool)
    with torch.inference_mode():
        whole = scorer.score(items, mask)
    assert np.allclose(whole[4000:], scorer.score(items[4000:], mask[4000:]), atol=1e-6)
