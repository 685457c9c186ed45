"""Indexing: states made once, resumed after a kill, brought up to date."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from shops import changed_shop, edited, trained

from goeswith.data.dataset import Dataset
from goeswith.errors import CatalogueError, DataError, ModelError
from goeswith.rules.rules import Rule
from goeswith.shop import shards
from goeswith.shop.build import build_index
from goeswith.shop.held_out import HeldOut
from goeswith.shop.index import Index
from goeswith.shop.indexed_items import Intake
from goeswith.shop.ruled_scorer import RuledScorer
from goeswith.train.run import HELD_OUT, Run

WHOLE = np.ones((1, 3), bool)


def bits(path: Path) -> dict[str, bytes]:
    return {name: (path / name).read_bytes() for name in ("states.safetensors", "items.parquet")}


KILLED = """
import os, signal, sys
from goeswith.shop import shards
from goeswith.data.dataset import Dataset
from goeswith.shop.build import build_index
shards.SHARD = 50
def stop(done, total):
    if done >= 100:
        os.kill(os.getpid(), signal.SIGKILL)
build_index(sys.argv[1], Dataset(sys.argv[2]), sys.argv[3], progress=stop)
"""


@pytest.mark.slow
def test_a_killed_build_goes_on_where_it_stopped(world, tmp_path, monkeypatch):
    dataset, run, whole = world
    command = [sys.executable, "-c", KILLED, run.path, dataset.path, tmp_path / "index"]
    died = subprocess.run(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True)
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert not (tmp_path / "index").exists()
    monkeypatch.setattr(shards, "SHARD", 50)
    messages: list[str] = []
    index = build_index(run, dataset, tmp_path / "index", say=messages.append)
    assert "92 encoded" in messages[-1]  # 100 of 192 were there
    assert bits(index.path) == bits(whole.path)
    assert [path.name for path in tmp_path.iterdir()] == ["index"]


@pytest.mark.slow
def test_an_update_encodes_what_changed_and_equals_a_fresh_index(world, tmp_path, monkeypatch):
    _, run, _ = world
    shutil.copytree(world[2].path, tmp_path / "index")
    later = changed_shop(tmp_path / "later")
    messages: list[str] = []
    before = Index(tmp_path / "index")
    first = before.scorer.score(np.array([[0, 1, 2]]), WHOLE)
    updated = build_index(run, later, tmp_path / "index", say=messages.append)
    assert messages[-1] == "192 items: 1 added, 2 changed, 1 removed; 3 encoded, 2 without features"
    monkeypatch.setattr(shards, "SHARD", 64)
    fresh = build_index(run, later, tmp_path / "fresh")
    assert bits(updated.path) == bits(fresh.path)
    assert updated.catalogue.items.filter(item_id="i30")["price"].item() == 99.5
    # Who had the old one open keeps it.
    assert before.scorer.score(np.array([[0, 1, 2]]), WHOLE) == first
    assert "i3" in before.row_of
    assert "i3" not in updated.row_of


def written(path: Path) -> tuple[int, int]:
    """Which file it is and when it was written, whenever it was read."""
    facts = path.stat()
    return facts.st_ino, facts.st_mtime_ns


def test_an_index_that_is_up_to_date_is_left_alone(world, copied):
    dataset, run, index = world
    edited(copied, dataset=index.info["dataset"] | {"beside": os.path.relpath(dataset.path, copied)})
    before = written(copied / "index.json")
    messages: list[str] = []
    build_index(run, dataset, copied, say=messages.append)
    assert "0 added, 0 changed, 0 removed; 0 encoded" in messages[-1]
    assert written(copied / "index.json") == before
    (copied / "scale.json").write_text("{}")
    build_index(run, dataset, copied)
    assert (copied / "scale.json").read_bytes() == (index.path / "scale.json").read_bytes()
    assert sorted(path.name for path in copied.parent.iterdir()) == ["index"]


@pytest.mark.slow
def test_another_model_encodes_every_state_again(world, tmp_path):
    dataset, _, _ = world
    shutil.copytree(world[2].path, tmp_path / "index")
    messages: list[str] = []
    other = trained(dataset, tmp_path / "run", "seed=1")
    updated = build_index(other, dataset, tmp_path / "index", say=messages.append)
    assert "190 encoded" in messages[-1]
    assert bits(updated.path) == bits(build_index(other, dataset, tmp_path / "fresh").path)


def test_a_state_does_not_depend_on_what_is_encoded_with_it(world):
    dataset, run, _ = world
    source = Intake(run, dataset)
    rows = np.arange(len(source))
    whole = source.encode(rows, source.features(rows))
    for chosen in (rows[5:6], rows[3::7], rows[100:]):
        assert (source.encode(chosen, source.features(chosen)) == whole[chosen]).all()


@pytest.mark.slow
def test_an_index_whose_files_are_broken_is_built_again(world, copied):
    dataset, run, index = world
    for name in ("states.safetensors", "index.json"):
        (copied / name).write_bytes(b"nothing")
        assert bits(build_index(run, dataset, copied).path) == bits(index.path)


def test_features_that_are_not_there_or_of_another_catalogue(world, tmp_path):
    dataset, run, _ = world
    data = tmp_path / "data"
    shutil.copytree(dataset.path, data)
    items = pl.read_parquet(data / "items.parquet").with_columns(title=pl.lit("other"))
    items.write_parquet(data / "items.parquet")
    with pytest.raises(CatalogueError, match="the ids match, the items do not; encode this data set again"):
        build_index(run, Dataset(data), tmp_path / "index")
    shutil.rmtree(data / "features")
    with pytest.raises(DataError, match="has no features of 'made', which the run was trained on; run goeswith encode"):
        build_index(run, Dataset(data), tmp_path / "index")
    assert not (tmp_path / "index").exists()


def test_an_unfinished_run_is_refused(world, tmp_path):
    dataset, run, _ = world
    shutil.copytree(run.path, tmp_path / "run")
    config = {name: value for name, value in run.config.items() if name != "result"}
    (tmp_path / "run" / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="has not finished"):
        build_index(Run(tmp_path / "run"), dataset, tmp_path / "index")


@pytest.mark.slow
def test_what_scores_mean_is_fitted_by_the_model_that_has_not_seen_the_outfits(world, tmp_path):
    dataset = world[0]
    run = trained(dataset, tmp_path / "run", "learn_from=train+valid+test", model="two-tower")
    index = build_index(run, dataset, tmp_path / "index")
    plain = build_index(Run(run.path / HELD_OUT), dataset, tmp_path / "plain")
    assert index.scale == plain.scale
    for name in ("alpha", "beta", "order_alpha", "order_beta", "gamma", "temperatures", "recall", "distinct"):
        assert getattr(index.correction, name) == getattr(plain.correction, name), name
    assert (index.correction.hubs != plain.correction.hubs).any()  # which are of the model that is served
    items = np.arange(2)[None]
    assert index.scorer.score(items, np.ones((1, 2), bool)) != plain.scorer.score(items, np.ones((1, 2), bool))
    folders = index.path / "model" / HELD_OUT, plain.path / "model"
    assert len({(folder / "model.safetensors").read_bytes() for folder in folders}) == 1


@pytest.mark.slow
def test_hubs_of_the_served_model_are_its_own(world, tmp_path):
    """As if it alone were fitted, though strengths are those of the held-out one."""
    dataset = world[0]
    run = trained(dataset, tmp_path / "run", "learn_from=train+valid+test", model="two-tower")
    index = build_index(run, dataset, tmp_path / "index")
    (run.path / HELD_OUT).rename(run.path / "aside")
    config = json.loads((run.path / "config.json").read_text())
    config["train"]["learn_from"] = "train"  # so that it is taken for one that has seen training outfits alone
    (run.path / "config.json").write_text(json.dumps(config))
    alone = build_index(Run(run.path), dataset, tmp_path / "alone")
    np.testing.assert_array_equal(index.correction.hubs, alone.correction.hubs)


@pytest.mark.slow
def test_a_few_items_are_scored_as_before_outfits_were_learned(world, tmp_path):
    dataset = world[0]
    run = trained(dataset, tmp_path / "run", "learn_from=train+valid+test", model="two-tower")
    index = build_index(run, dataset, tmp_path / "index")
    plain = build_index(Run(run.path / HELD_OUT), dataset, tmp_path / "plain")
    rows = np.array([3, 50, 51, 120, 150])
    items, mask = np.array([[0, 3, 4], [1, 2, 0]]), np.array([[True, True, True], [True, True, False]])
    expected = plain.scorer.score(rows[items], mask)
    for each in (index, plain):
        held_out = HeldOut(each, dataset)
        np.testing.assert_allclose(held_out.scorer(rows).score(items, mask), expected, rtol=1e-5)
        rules = [Rule("colour", "black", "white", "-")]
        ruled = held_out.scorer(rows, rules)
        assert ruled.worth == RuledScorer(each.scorer, each.catalogue, rules).worth
        few = each.catalogue.items[rows.tolist()]
        black_tops = ((few["colour"] == "black") & few["group"].is_in(["top", "outer"])).to_numpy()
        np.testing.assert_array_equal(ruled.matches.tops.any(axis=1), black_tops)
    assert np.abs(index.scorer.score(rows[items], mask) - expected).max() > 1e-3
