"""Learning from outfits held out, too: trained twice, measured as before, served with all."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from worlds import styles_dataset

from goeswith.data.dataset import Dataset
from goeswith.data.freeze import freeze
from goeswith.errors import ConfigError, ModelError
from goeswith.evaluate.evaluation import evaluate
from goeswith.train.ensemble import train_ensemble
from goeswith.train.mixture import train_mixture
from goeswith.train.run import HELD_OUT, Run
from goeswith.train.settings import TrainConfig
from goeswith.train.training import outfits_to_learn, train

SMALL = ("hidden=8", "epochs=4", "batch_size=64", "negatives=category")
RESULT = ("best_epoch", "valid_auc", "epochs")
ALL = "learn_from=train+valid+test"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    dataset = styles_dataset(tmp_path_factory.mktemp("world"))
    plan = [("compat", "category"), ("fitb", "category")]
    freeze(dataset.catalogue, dataset.outfits, dataset.path / "questions", dataset=dataset.name, plan=plan)
    return dataset


@pytest.fixture(scope="module")
def run(world: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train("two-tower", world, tmp_path_factory.mktemp("runs") / "all", settings=[*SMALL, ALL])


@pytest.mark.slow
def test_what_is_held_out_first_is_the_plain_run(world: Dataset, run: Run, tmp_path: Path) -> None:
    plain = train("two-tower", world, tmp_path / "plain", settings=SMALL)
    held_out = run.measurable(world)
    assert (held_out.path, held_out.title) == (run.path / HELD_OUT, run.title)
    assert (held_out.path / "weights.safetensors").read_bytes() == (plain.path / "weights.safetensors").read_bytes()
    result, expected = ([each.config["result"][name] for name in RESULT] for each in (run, plain))
    assert result == expected
    assert plain.measurable(world, ("valid", "test")) is plain


@pytest.mark.slow
def test_the_run_knows_the_items_of_every_outfit(world: Dataset, run: Run) -> None:
    """Memory of items is of those that an outfit wears which it has learned from."""

    def remembered(each: Run) -> int:
        return len(load_file(each.path / "weights.safetensors")["memory"]) - 1  # the last row is for all others

    def worn(*splits: str) -> int:
        return len(np.unique(world.outfits.take(np.isin(world.outfits.splits, splits)).items))

    assert remembered(run.measurable(world)) == worn("train") < worn("train", "valid", "test") == remembered(run)
    log = (run.path / "log.jsonl").read_text()
    assert len(log.splitlines()) == run.config["result"]["best_epoch"]
    assert "valid_auc" not in log


@pytest.mark.slow
def test_evaluate_measures_the_one_that_has_not_seen_the_questions(world: Dataset, run: Run) -> None:
    measured = evaluate(world, run)
    plain = evaluate(world, Run(run.path / HELD_OUT))

    def values(of: object, name: str) -> list[float]:
        return [score.value for score in of.summary if score.scorer == name]  # type: ignore[attr-defined]

    assert values(measured, "all") == values(plain, HELD_OUT)
    assert "before it learned" in measured.notes["all"]


@pytest.mark.slow
def test_validation_outfits_can_be_learned_and_test_outfits_measured(world: Dataset, tmp_path: Path) -> None:
    run = train("two-tower", world, tmp_path / "run", settings=[*SMALL, "learn_from=train+valid"])
    assert run.measurable(world) is run
    assert run.measurable(world, ("valid",)).path == run.path / HELD_OUT
    measured = evaluate(world, run)
    assert not measured.calibration  # it would be fitted on validation outfits
    assert not [score for score in measured.retrieval if "shortlist" in score.scorer]


@pytest.mark.slow
def test_a_killed_training_resumes_in_either_part(world: Dataset, run: Run, tmp_path: Path) -> None:
    class Stopped(Exception):
        pass

    def stopping(name: str):
        def say(stage: str):
            def after(epoch: int, epochs: int, measured: dict[str, float]) -> None:
                if stage == name and epoch == 2:
                    raise Stopped

            return after

        return say

    for stage in ("two-tower, outfits held out", "two-tower"):
        with pytest.raises(Stopped):
            train("two-tower", world, tmp_path / "all", settings=[*SMALL, ALL], say=stopping(stage))
    again = train("two-tower", world, tmp_path / "all", settings=[*SMALL, ALL])
    for name, value in load_file(run.path / "weights.safetensors").items():
        assert torch.equal(value, load_file(again.path / "weights.safetensors")[name]), name


@pytest.mark.slow
def test_a_run_without_its_part_held_out_cannot_be_measured(world: Dataset, run: Run, tmp_path: Path) -> None:
    exported = Run(run.save_pretrained(tmp_path / "exported"))
    assert evaluate(world, exported).summary[-1].value == evaluate(world, run).summary[-1].value
    shutil.rmtree(exported.path / HELD_OUT)
    exported = Run(exported.path)
    with pytest.raises(
        ModelError, match="has also learned from test outfits of styles and its folder held-out is missing"
    ):
        evaluate(world, exported)
    with pytest.raises(ModelError, match="has also learned from test outfits of renamed"):
        exported.measurable(styles_dataset(tmp_path, "renamed"))
    other = styles_dataset(tmp_path, "other", seed=1)
    assert exported.measurable(other) is exported  # another data set's outfits are new to it


@pytest.mark.parametrize("splits", ["train+valid", "train+valid+test"])
def test_where_validation_outfits_decide_they_are_not_learned_from(world: Dataset, tmp_path: Path, splits: str) -> None:
    settings = [*SMALL, f"learn_from={splits}"]
    with pytest.raises(ConfigError, match="is measured on validation outfits, so it must not learn from them"):
        train_ensemble(world, tmp_path / "a", 2, settings=settings)
    with pytest.raises(ConfigError, match="is fitted on validation outfits, so it must not learn from them"):
        train_mixture(world, tmp_path / "b", teachers=[str(world.path)], settings=settings)
    with pytest.raises(ConfigError, match="is for models that learn from outfits alone"):
        train("add-gnn", world, tmp_path / "c", teacher=str(world.path), settings=["hidden=6", settings[-1]])
    with pytest.raises(ConfigError, match="may be outfits that its student is measured on; leave learn_from"):
        train_mixture(
            world, tmp_path / "d", teachers=[str(world.path)], settings=[*SMALL, f"teacher.learn_from={splits}"]
        )
    with pytest.raises(ConfigError, match="may be outfits that its student is measured on; leave learn_from"):
        train(
            "add-gnn", world, tmp_path / "e", teacher=str(world.path),
            settings=["hidden=6", "attributes=2", f"teacher.learn_from={splits}"],
        )  # fmt: skip


def test_fewer_training_outfits_beside_all_others(world: Dataset) -> None:
    outfits = world.outfits
    few = outfits_to_learn(outfits, TrainConfig(outfits=20, learn_from="train+valid"))
    assert (few.splits == "train").sum() == 20
    assert (few.splits == "valid").sum() == (outfits.splits == "valid").sum()
    fewer = outfits_to_learn(outfits, TrainConfig(outfits=10))
    assert set(fewer.outfit_ids) < set(few.outfit_ids)
    assert outfits_to_learn(outfits, TrainConfig()).fingerprint == outfits.split("train").fingerprint
