"""Index: opened from its folder or refused, what it knows of itself, and guests."""

import re
import shutil

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image
from shops import changed_shop, edited, shop, trained

import goeswith.shop.index
import goeswith.shop.states
from goeswith.data.catalogue import Catalogue
from goeswith.data.encoders.networks import Network
from goeswith.errors import CatalogueError, DataError, ModelError
from goeswith.files import sha256
from goeswith.shop.build import build_index
from goeswith.shop.index import Index
from goeswith.shop.stylist import Stylist


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


def test_an_index_describes_itself(world):
    dataset, run, index = world
    assert index.info["model"]["weights"] == sha256(run.weights)
    assert index.info["dataset"]["fingerprint"] == dataset.catalogue.fingerprint
    assert (index.info["items"], index.info["without_features"], index.stale) == (192, 2, "")
    assert index.images == dataset.path
    assert index.known.sum() == 190
    assert index.row_of[index.catalogue.ids[17]] == 17


def test_a_reader_during_a_swap_reads_the_new_index(world, tmp_path, monkeypatch):
    _, run, _ = world
    shutil.copytree(world[2].path, tmp_path / "index")
    later, read = changed_shop(tmp_path / "later"), goeswith.shop.index.read_table

    def swapped(path):
        monkeypatch.setattr(goeswith.shop.index, "read_table", read)
        build_index(run, later, tmp_path / "index")
        shutil.rmtree(tmp_path / "index" / "model" / "none", ignore_errors=True)
        raise DataError("the file went away")

    monkeypatch.setattr(goeswith.shop.index, "read_table", swapped)
    assert "i200" in Index(tmp_path / "index").row_of


def test_a_changed_catalogue_is_reported(world, tmp_path):
    dataset, _, index = world
    moved = tmp_path / "data"
    shutil.copytree(dataset.path, moved)
    shutil.copytree(index.path, tmp_path / "index")
    edited(tmp_path / "index", dataset=index.info["dataset"] | {"path": str(moved)})
    opened = Index(tmp_path / "index")
    assert opened.stale == ""
    pl.read_parquet(moved / "items.parquet").with_columns(price=1.0).write_parquet(moved / "items.parquet")
    for index in (opened, Index(tmp_path / "index")):
        assert "has changed since it was indexed; run goeswith build again, or goeswith index" in index.stale
    shutil.rmtree(moved)
    gone = Index(tmp_path / "index")
    for index in (opened, gone):  # one was open before
        assert f"the data set {moved} is gone, and with it the pictures and the catalogue" in index.stale
        assert "restore it, or import it again and run goeswith index" in index.stale
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
    with pytest.raises(error, match=f"{re.escape(name)} is not the file that belongs to the index; run goeswith build"):
        Index(copied)


def test_states_of_another_index_are_refused(copied):
    edited(copied, build="other")
    with pytest.raises(DataError, match="belongs to another index"):
        Index(copied)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is not valid JSON .*; run goeswith build again, or goeswith index"),
        ("[]", "holds a list where a dict is expected; run goeswith build again, or goeswith index"),
        ('{"format": 99}', "is an index of format 99, but this version reads formats 1 to 2; build it again"),
        ('{"format": 2}', "lacks 'model'; run goeswith build again"),
    ],
)
def test_a_broken_index_json_says_so(copied, text, words):
    (copied / "index.json").write_text(text)
    with pytest.raises((DataError, ModelError), match=words):
        Index(copied)


def test_what_is_no_index_says_so(tmp_path, world):
    dataset, run, _ = world
    with pytest.raises(DataError, match=r"is not an index \(it has no index.json\); make one: goeswith build"):
        Index(tmp_path)
    with pytest.raises(ModelError, match="exists and is not an index; choose another folder"):
        build_index(run, dataset, tmp_path)


@pytest.fixture(scope="module")
def worded(tmp_path_factory):
    """An index whose encoder reads words."""
    from goeswith.data.encoders.encode import encode

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
    ("arguments", "words"),
    [
        ({"category": "boot", "title": "x"}, "no item has the category 'boot'; did you mean 'boots'?"),
        ({"category": "boots", "title": "x", "size": "38"}, "the catalogue has no column 'size'"),
    ],
)
def test_a_guest_that_cannot_be_taken_in(worded, arguments, words):
    with pytest.raises(CatalogueError, match=re.escape(words)):
        Index(worded).add(Image.new("RGB", (8, 8)), **arguments)


def test_a_guest_is_looked_at_where_the_encoder_looks(worded):
    index, seen = Index(worded), []

    def run(pictures):
        seen.append(pictures)
        return np.ones((len(pictures), index.run.config["dim"]), np.float32)

    index.guests.networks["words"] = Network("words", run, (6, 8), "")
    with pytest.raises(CatalogueError, match="words reads pictures, and the item has none; add one"):
        index.add(None, category="boots")
    index.add(Image.new("RGBA", (30, 30), (255, 0, 0, 255)), category="boots")
    assert seen[0].shape == (1, 6, 8, 3)
    assert seen[0][0, 3, 4].tolist() == [255, 0, 0]
    index.guests.networks["words"] = Network("words", lambda pictures: np.ones((1, 3)), (6, 8), "")
    with pytest.raises(ModelError, match="gives 3 features here and the model reads 2048"):
        index.add(Image.new("RGB", (8, 8)), category="boots")


def test_there_is_room_for_so_many_guests(worded, monkeypatch):
    monkeypatch.setattr(goeswith.shop.states, "GUESTS", 1)
    index = Index(worded)
    index.add(None, category="boots", title="red boots")
    with pytest.raises(CatalogueError, match="room for only 1 uploaded items"):
        index.add(None, category="boots", title="blue boots")


def test_a_guest_that_is_removed_leaves_the_others_as_they_are(worded):
    index = Index(worded)
    size, words = len(index.catalogue), ("red boots", "blue boots", "green boots")
    ids = [index.add(None, category="boots", title=title, item_id=title.replace(" ", "-")) for title in words]
    assert ids == ["red-boots", "blue-boots", "green-boots"]
    stylist, other = Stylist(index), index.catalogue.ids[0]
    before = stylist.judge_many([[other, ids[0]], [other, ids[2]]])
    index.remove(ids[1])
    assert ids[1] not in index.row_of
    assert "blue boots" not in index.catalogue.items["title"].to_list()
    assert stylist.judge_many([[other, ids[0]], [other, ids[2]]]) == before
    with pytest.raises(CatalogueError, match="has no item 'blue-boots'"):
        stylist.judge([other, ids[1]])
    assert index.add(None, category="boots", title="blue boots", item_id="again") == "again"
    assert (index.row_of["again"], len(index.catalogue)) == (size + 1, size + 3)  # its row is taken again
    for item_id in (ids[1], other, "nobody"):
        with pytest.raises(CatalogueError, match="no uploaded item") as raised:
            index.remove(item_id)
        assert (raised.value.reason, raised.value.item_ids) == ("unknown_item", (item_id,))


def test_states_that_stay_in_their_file_answer_alike_and_the_file_stays_as_it_is(tmp_path, monkeypatch):
    dataset = shop(tmp_path / "data")
    built = build_index(trained(dataset, tmp_path / "run", model="two-tower"), dataset, tmp_path / "index")
    file = tmp_path / "index" / "states.safetensors"
    before = file.read_bytes()
    monkeypatch.setattr(goeswith.shop.states, "LARGE", 1)
    monkeypatch.setattr(goeswith.shop.states, "GUESTS", 2)
    monkeypatch.setattr(goeswith.shop.states, "BLOCK", 7)  # the last block of keys is smaller
    mapped = Index(tmp_path / "index")
    assert len(mapped._states.hidden) == mapped.size + 2
    assert not mapped._states.hidden[mapped.size :].any()
    mapped._states.hidden[mapped.size] = 1.0
    assert file.read_bytes() == before
    anchors, slots = [built.catalogue.ids[0]], [built.catalogue.items["category"][-1]]
    looks = [Stylist(index).complete(anchors, slots=slots, diversity=0.3) for index in (built, mapped)]
    assert [look.item_ids for look in looks[0]] == [look.item_ids for look in looks[1]]
    assert [look.score for look in looks[0]] == [look.score for look in looks[1]]
    keys = built.run.model.keys(built.scorer.states)
    assert torch.equal(mapped.candidates.keys, keys)
