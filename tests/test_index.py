"""Index: the states of a catalogue, kept, resumed, brought up to date, and searched in two stages."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image
from shops import shop, shop_items, trained
from worlds import write_made

import goeswith.index
import goeswith.states
from goeswith import approximate, shards
from goeswith.candidates import FULL
from goeswith.catalogue import Catalogue
from goeswith.dataset import Dataset
from goeswith.errors import CatalogueError, DataError, ModelError
from goeswith.features import load_features
from goeswith.files import sha256
from goeswith.index import Index
from goeswith.indexing import build_index
from goeswith.intake import Intake
from goeswith.networks import Network
from goeswith.outfits import OutfitBatch
from goeswith.run import Run, train

WHOLE = np.ones((1, 3), bool)


def best(index: Index, context: np.ndarray, allowed: np.ndarray, k: int, full: int = FULL):
    """Rows and scores of the k best candidates beside the items of a context, as a step of a search finds them."""
    _, rows = index.candidates.pairs(context[None], allowed, full=full)
    looks = np.column_stack([np.repeat(context[None], len(rows), axis=0), rows])
    scores = index.scorer.score(looks, np.ones(looks.shape, bool))
    order = np.argsort(-scores, kind="stable")[:k]
    return rows[order], scores[order]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A shop, a run over it and its index; nothing of it may be changed."""
    folder = tmp_path_factory.mktemp("shop")
    dataset = shop(folder / "data", without=("i7", "i100"))
    run = trained(dataset, folder / "run")
    return dataset, run, build_index(run, dataset, folder / "index")


@pytest.fixture
def copied(world, tmp_path):
    """The index of `world`, to be broken."""
    shutil.copytree(world[2].path, tmp_path / "index")
    return tmp_path / "index"


def edited(index: Path, **changes) -> None:
    """index.json with some values changed."""
    told = json.loads((index / "index.json").read_text())
    (index / "index.json").write_text(json.dumps(told | changes))


def bits(path: Path) -> dict[str, bytes]:
    return {name: (path / name).read_bytes() for name in ("states.safetensors", "items.parquet")}


@pytest.mark.parametrize("settings", [("steps=2",), ("steps=0",)])
def test_it_scores_as_the_run_does(world, tmp_path, settings):
    dataset, _, _ = world
    run = trained(dataset, tmp_path / "run", *settings)
    index, scorer = build_index(run, dataset, tmp_path / "index"), run.scorer(dataset)
    assert index.catalogue.items["category"].is_sorted()
    ids = np.random.default_rng(0).choice(dataset.catalogue.ids, (300, 3))
    here, there = (
        np.array([catalogue.rows(row.tolist()) for row in ids]) for catalogue in (index.catalogue, dataset.catalogue)
    )
    whole = np.ones(ids.shape, bool)
    expected = scorer.score(there, whole)
    assert np.isnan(expected).any()
    np.testing.assert_allclose(index.scorer.score(here, whole), expected, rtol=1e-4, atol=1e-5)


def test_what_it_knows_of_itself(world):
    dataset, run, index = world
    assert index.info["model"]["weights"] == sha256(run.weights)
    assert index.info["dataset"]["fingerprint"] == dataset.catalogue.fingerprint
    assert (index.info["items"], index.info["without_features"], index.stale) == (192, 2, "")
    assert index.images == dataset.path
    assert index.known.sum() == 190
    assert index.row_of[index.catalogue.ids[17]] == 17


@pytest.mark.parametrize(
    ("model", "settings"), [("add-gnn", ("steps=0",)), ("akd-dbpr", ("sides=groups",)), ("akd-dbpr", ())]
)
def test_the_first_stage_is_exact_where_the_score_is_linear(world, tmp_path, monkeypatch, model, settings):
    dataset, _, _ = world
    index = build_index(trained(dataset, tmp_path / "run", *settings, model=model), dataset, tmp_path / "index")
    context = np.flatnonzero(index.known & (index.catalogue.items["group"] == "top").to_numpy())[[3, 9]][:, None]
    allowed = np.flatnonzero(index.known & (index.catalogue.items["group"] == "bottom").to_numpy())
    rows, first = index.candidates.shortlist(context, allowed, len(allowed))
    for place in range(2):
        looks = np.column_stack([np.full(len(allowed), context[place]), rows[place]])
        expected = index.scorer.score(looks, np.ones(looks.shape, bool))
        np.testing.assert_allclose(first[place], expected, rtol=1e-3, atol=1e-4)
        assert set(rows[place].tolist()) == set(allowed.tolist())


def test_the_first_stage_agrees_with_the_model_at_the_typical_candidate(world):
    """With the graph it is a tangent: equal where it touches, and its slope is that of the score."""
    _, _, index = world
    model, context = index.run.model, torch.tensor([[0, 60]])
    typical = type(index.scorer.states)(index.candidates.typical.hidden[[2]], index.candidates.typical.categories[[2]])
    vectors, offsets = model.query(index.scorer.states, context, typical)

    def score(hidden):
        states = type(index.scorer.states)(
            torch.cat([index.scorer.states.hidden[[0, 60]], hidden]),
            torch.cat([index.scorer.states.categories[[0, 60]], typical.categories]),
        )
        batch = OutfitBatch(torch.tensor([[0, 1, 2]]), torch.ones(1, 3, dtype=torch.bool))
        return float(model.double().score(type(states)(states.hidden.double(), states.categories), batch))

    step = torch.randn(typical.hidden.shape, generator=torch.Generator().manual_seed(0))
    at = score(typical.hidden)
    slope = (score(typical.hidden + 1e-3 * step) - score(typical.hidden - 1e-3 * step)) / 2e-3
    model.float()
    np.testing.assert_allclose(float((vectors[0] * typical.hidden.flatten()).sum() + offsets[0]), at, rtol=1e-4)
    np.testing.assert_allclose(float((vectors[0] * step.flatten()).sum()), slope, rtol=1e-3)


def test_candidates_are_those_of_an_exhaustive_search(world):
    _, _, index = world
    context, allowed = np.array([3, 70]), np.flatnonzero(index.known)[100:160]
    rows, scores = best(index, context, allowed, 10)
    by_hand = {int(row): float(index.scorer.score(np.array([[3, 70, row]]), WHOLE)[0]) for row in allowed}
    expected = sorted(by_hand, key=lambda row: -by_hand[row])[:10]
    assert rows.tolist() == expected
    np.testing.assert_allclose(scores, [by_hand[row] for row in expected], rtol=1e-5)


def test_two_stages_find_what_one_finds(world):
    _, _, index = world
    allowed = np.flatnonzero(index.known & (index.catalogue.items["group"] == "shoes").to_numpy())
    found = [
        [set(best(index, np.array([row]), allowed, 5, full)[0].tolist()) for row in range(60, 100)]
        for full in (len(allowed), 24)
    ]
    share = np.mean([len(one & other) / 5 for one, other in zip(*found, strict=True)])
    assert share >= 0.95


def test_what_is_refused_is_never_among_the_pairs(world, monkeypatch):
    _, _, index = world
    allowed = np.flatnonzero(index.known)

    def odd(part):
        return np.stack([part % 2 == 1, part % 3 == 1])

    for full in (16, 10_000):
        owner, rows = index.candidates.pairs(np.array([[0], [1]]), allowed, odd, full)
        assert len(rows)
        assert not (rows[owner == 0] % 2 == 1).any()
        assert not (rows[owner == 1] % 3 == 1).any()
    assert len(rows) == 2 * len(allowed) - (allowed % 2 == 1).sum() - (allowed % 3 == 1).sum()


def test_faiss_finds_what_the_product_finds(world, tmp_path, monkeypatch):
    pytest.importorskip("faiss")
    dataset, run, exact = world
    monkeypatch.setattr(approximate, "LARGE", 20)
    index = build_index(run, dataset, tmp_path / "index")
    assert set(index.info["large"]) == {"boots", "shirt", "skirt", "tote"}
    allowed = np.flatnonzero(index.known)
    allowed = allowed[allowed % 5 > 0]

    def odd(part):
        return np.stack([part % 2 == 1, part % 2 == 0])

    for refuse in (None, odd):
        here, there = (x.candidates.shortlist(np.array([[0], [60]]), allowed, 8, refuse) for x in (index, exact))
        shared = [len(set(a.tolist()) & set(b.tolist())) for a, b in zip(here[0], there[0], strict=True)]
        assert min(shared) >= 6  # 8-bit keys
        np.testing.assert_allclose(here[1][:, 0], there[1][:, 0], atol=0.05)
        assert set(here[0].ravel().tolist()) <= set(allowed.tolist())
    broken = dict(index.info["large"])
    (index.path / next(iter(broken.values()))).write_bytes(b"no index")
    with pytest.raises(DataError, match=r"large-0\.faiss is not the file that the index was made with"):
        Index(index.path)


KILLED = """
import os, signal, sys
from goeswith import shards
from goeswith.dataset import Dataset
from goeswith.indexing import build_index
shards.SHARD = 50
def stop(done, total):
    if done >= 100:
        os.kill(os.getpid(), signal.SIGKILL)
build_index(sys.argv[1], Dataset(sys.argv[2]), sys.argv[3], progress=stop)
"""


def test_a_killed_build_goes_on_where_it_stopped(world, tmp_path, monkeypatch):
    dataset, run, whole = world
    command = [sys.executable, "-c", KILLED, run.path, dataset.path, tmp_path / "index"]
    died = subprocess.run(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True)
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert not (tmp_path / "index").exists()
    monkeypatch.setattr(shards, "SHARD", 50)
    said: list[str] = []
    index = build_index(run, dataset, tmp_path / "index", say=said.append)
    assert "92 encoded" in said[-1]  # 100 of 192 were there
    assert bits(index.path) == bits(whole.path)
    assert [path.name for path in tmp_path.iterdir()] == ["index"]


def changed(folder: Path) -> Dataset:
    """A day later: i3 gone, i200 new and in front, i20 in another category, i30 dearer, i40 with a new picture."""
    items = shop_items().filter(pl.col("item_id") != "i3")
    new = items[:1].with_columns(item_id=pl.lit("i200"), title=pl.lit("new"))
    moved = pl.when(pl.col("item_id") == "i20").then(pl.lit("skirt")).otherwise("category")
    dearer = pl.when(pl.col("item_id") == "i30").then(99.5).otherwise("price")
    items = pl.concat([new, items]).with_columns(category=moved, price=dearer)
    dataset = shop(folder, items, without=("i7", "i100"))
    values = load_features(dataset).values.copy()
    values[dataset.catalogue.ids.index("i40")] += 0.25
    ids = [item_id for item_id in dataset.catalogue.ids if item_id not in ("i7", "i100")]
    write_made(dataset, ids, values[dataset.catalogue.rows(ids)])
    return dataset


def test_an_update_encodes_what_changed_and_equals_a_fresh_index(world, tmp_path, monkeypatch):
    _, run, _ = world
    shutil.copytree(world[2].path, tmp_path / "index")
    later = changed(tmp_path / "later")
    said: list[str] = []
    before = Index(tmp_path / "index")
    first = before.scorer.score(np.array([[0, 1, 2]]), WHOLE)
    updated = build_index(run, later, tmp_path / "index", say=said.append)
    assert said[-1] == "192 items: 1 added, 2 changed, 1 removed; 3 encoded, 2 without features"
    monkeypatch.setattr(shards, "SHARD", 64)
    fresh = build_index(run, later, tmp_path / "fresh")
    assert bits(updated.path) == bits(fresh.path)
    assert updated.catalogue.items.filter(item_id="i30")["price"].item() == 99.5
    # Who had the old one open keeps it.
    assert before.scorer.score(np.array([[0, 1, 2]]), WHOLE) == first
    assert "i3" in before.row_of
    assert "i3" not in updated.row_of


def test_an_index_that_is_up_to_date_is_left_alone(world, copied):
    dataset, run, index = world
    edited(copied, dataset=index.info["dataset"] | {"beside": os.path.relpath(dataset.path, copied)})
    before = (copied / "index.json").stat()
    said: list[str] = []
    build_index(run, dataset, copied, say=said.append)
    assert "0 added, 0 changed, 0 removed; 0 encoded" in said[-1]
    assert (copied / "index.json").stat() == before
    (copied / "scale.json").write_text("{}")
    build_index(run, dataset, copied)
    assert (copied / "scale.json").read_bytes() == (index.path / "scale.json").read_bytes()
    assert sorted(path.name for path in copied.parent.iterdir()) == ["index"]


def test_a_model_without_a_first_stage_is_searched_exhaustively(world, tmp_path):
    dataset, _, _ = world
    run = train("csa-net", dataset, tmp_path / "run", settings=["size=8", "epochs=1"])
    index = build_index(run, dataset, tmp_path / "index")
    allowed = np.flatnonzero(index.known)[60:140]
    rows, scores = best(index, np.array([3]), allowed, 3, full=5)
    every = index.scorer.score(np.stack([np.full(80, 3), allowed], axis=1), np.ones((80, 2), bool))
    assert rows.tolist() == allowed[np.argsort(-every, kind="stable")[:3]].tolist()
    np.testing.assert_allclose(scores, np.sort(every)[::-1][:3], rtol=1e-5)


def test_another_model_makes_every_state_anew(world, tmp_path):
    dataset, _, _ = world
    shutil.copytree(world[2].path, tmp_path / "index")
    said: list[str] = []
    other = trained(dataset, tmp_path / "run", "seed=1")
    updated = build_index(other, dataset, tmp_path / "index", say=said.append)
    assert "190 encoded" in said[-1]
    assert bits(updated.path) == bits(build_index(other, dataset, tmp_path / "fresh").path)


def test_a_state_does_not_depend_on_what_is_encoded_with_it(world):
    dataset, run, _ = world
    source = Intake(run, dataset)
    rows = np.arange(len(source))
    whole = source.encode(rows, source.features(rows))
    for chosen in (rows[5:6], rows[3::7], rows[100:]):
        assert (source.encode(chosen, source.features(chosen)) == whole[chosen]).all()


def test_a_reader_that_meets_a_swap_reads_the_new_one(world, tmp_path, monkeypatch):
    _, run, _ = world
    shutil.copytree(world[2].path, tmp_path / "index")
    later, read = changed(tmp_path / "later"), goeswith.index.read_table

    def swapped(path):
        monkeypatch.setattr(goeswith.index, "read_table", read)
        build_index(run, later, tmp_path / "index")
        shutil.rmtree(tmp_path / "index" / "model" / "none", ignore_errors=True)
        raise DataError("the file went away")

    monkeypatch.setattr(goeswith.index, "read_table", swapped)
    assert "i200" in Index(tmp_path / "index").row_of


def test_a_changed_catalogue_is_told(world, tmp_path):
    dataset, _, index = world
    moved = tmp_path / "data"
    shutil.copytree(dataset.path, moved)
    shutil.copytree(index.path, tmp_path / "index")
    edited(tmp_path / "index", dataset=index.info["dataset"] | {"path": str(moved)})
    opened = Index(tmp_path / "index")
    assert opened.stale == ""
    pl.read_parquet(moved / "items.parquet").with_columns(price=1.0).write_parquet(moved / "items.parquet")
    for index in (opened, Index(tmp_path / "index")):
        assert "has changed since it was indexed; run goeswith index" in index.stale
    shutil.rmtree(moved)
    gone = Index(tmp_path / "index")
    for index in (opened, gone):  # one was open before
        assert f"the data set {moved} is gone, and with it the pictures and the catalogue" in index.stale
        assert "put it back, or import it again and run goeswith index" in index.stale
    assert gone.images is None


@pytest.mark.parametrize(
    ("name", "error"),
    [("states.safetensors", DataError), ("items.parquet", DataError), ("model/model.safetensors", ModelError)],
)
@pytest.mark.parametrize("how", ["a bit", "cut", "gone"])
def test_a_broken_file_is_named(copied, name, error, how):
    data = bytearray((copied / name).read_bytes())
    data[len(data) // 2] ^= 1
    if how == "gone":
        (copied / name).unlink()
    else:
        (copied / name).write_bytes(data if how == "a bit" else data[: len(data) // 2])
    with pytest.raises(
        error, match=f"{re.escape(name)} is not the file that the index was made with; run goeswith index"
    ):
        Index(copied)


def test_states_of_another_index_are_refused(copied):
    edited(copied, build="other")
    with pytest.raises(DataError, match="belongs to another index"):
        Index(copied)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is not valid JSON .*; make the index anew with goeswith index"),
        ("[]", "holds a list where a dict is expected; make the index anew with goeswith index"),
        ('{"format": 99}', "is an index of format 99 and this program reads format 1; make it anew"),
        ('{"format": 1}', "lacks 'model'; make the index anew"),
    ],
)
def test_a_broken_index_json_says_so(copied, text, words):
    (copied / "index.json").write_text(text)
    with pytest.raises((DataError, ModelError), match=words):
        Index(copied)


def test_what_is_no_index_says_so(tmp_path, world):
    dataset, run, _ = world
    with pytest.raises(DataError, match=r"is no index \(it has no index.json\); make one: goeswith index"):
        Index(tmp_path)
    with pytest.raises(ModelError, match="exists and is no index; choose another --out"):
        build_index(run, dataset, tmp_path)


def test_an_index_whose_files_are_broken_is_made_anew(world, copied):
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
    with pytest.raises(CatalogueError, match=r"belongs to another catalogue than .* has now; run goeswith encode"):
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


@pytest.fixture(scope="module")
def worded(tmp_path_factory):
    """An index whose encoder reads words."""
    from goeswith.encoders import encode

    folder = tmp_path_factory.mktemp("words")
    dataset = shop(folder / "data")
    (dataset.path / "features" / "made.safetensors").unlink()
    encode(dataset, "words")
    return build_index(trained(dataset, folder / "run"), dataset, folder / "index").path


def test_a_guest_is_judged_like_an_item_that_says_the_same(worded):
    index = Index(worded)
    twin = index.catalogue.items.row(70, named=True)
    count, rows = len(index.catalogue), np.array([[0, 120, 70], [0, 120, len(index.catalogue)]])
    guest = index.add(
        None, **{name: twin[name] for name in ("category", "title", "colour", "brand", "season", "gender")}
    )
    assert guest == "guest-1"
    assert index.row_of[guest] == count == len(index.catalogue) - 1
    scores = index.scorer.score(rows, np.ones(rows.shape, bool))
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-5)
    assert index.add(None, category="boots", title="red boots") == "guest-2"
    assert len(index.known) == index.size == count  # never offered
    assert index.catalogue.items["group"][count + 1] == "shoes"
    assert isinstance(index.catalogue, Catalogue)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"category": "boot", "title": "x"}, "no item has the category 'boot'; did you mean 'boots'?"),
        ({"category": "boots", "title": "x", "size": "38"}, "the catalogue has no column 'size'"),
    ],
)
def test_a_guest_that_cannot_be_taken_in(worded, told, words):
    with pytest.raises(CatalogueError, match=re.escape(words)):
        Index(worded).add(Image.new("RGB", (8, 8)), **told)


def test_a_guest_is_looked_at_where_the_encoder_looks(worded):
    index, seen = Index(worded), []

    def run(pictures):
        seen.append(pictures)
        return np.ones((len(pictures), index.run.config["dim"]), np.float32)

    index.guests.networks["words"] = Network("words", run, (6, 8), "")
    with pytest.raises(CatalogueError, match="words looks at pictures, and the item has none; give one"):
        index.add(None, category="boots")
    index.add(Image.new("RGBA", (30, 30), (255, 0, 0, 255)), category="boots")
    assert seen[0].shape == (1, 6, 8, 3)
    assert seen[0][0, 3, 4].tolist() == [255, 0, 0]
    index.guests.networks["words"] = Network("words", lambda pictures: np.ones((1, 3)), (6, 8), "")
    with pytest.raises(ModelError, match="gives 3 features here and the model reads 2048"):
        index.add(Image.new("RGB", (8, 8)), category="boots")


def test_there_is_room_for_so_many_guests(worded, monkeypatch):
    monkeypatch.setattr(goeswith.states, "GUESTS", 1)
    index = Index(worded)
    index.add(None, category="boots", title="red boots")
    with pytest.raises(CatalogueError, match="room for 1 guest items"):
        index.add(None, category="boots", title="blue boots")
