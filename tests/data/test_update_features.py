"""Updating: which pictures, features and questions stay in use, and which are reported."""

import os
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from updates import bring, contents, without

from goeswith.data.dataset import Dataset, Imported, create
from goeswith.data.encoders import networks
from goeswith.data.encoders.encode import encode
from goeswith.data.encoders.networks import Network
from goeswith.data.features import features_path, load_features, write_features
from goeswith.data.freeze import freeze, make_questions
from goeswith.data.questions import read_info, read_questions, write_questions
from goeswith.errors import CatalogueError, DataError


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """An encoder of texts and, by its bytes, of pictures; the list keeps what it was given."""
    inputs: list[str] = []

    def run(block: list[str]) -> np.ndarray:
        inputs.extend(block)
        return np.array([[len(text), sum(text.encode())] for text in block], np.float32) % 2000

    def opened(name: str, batch_size: int, device: object = None) -> Network:
        return Network(name, run, None, "weights")

    monkeypatch.setattr(networks, "open_network", opened)
    return inputs


def test_only_what_has_changed_is_encoded(shop: Imported, made: Path, network: list[str]) -> None:
    encode(Dataset(made), "titles")
    shop.items = pl.concat([shop.items[30:], shop.items[:30]]).with_columns(  # in another order
        title=pl.when(pl.col("item_id") == "i3").then(pl.lit("a new title")).otherwise("title")
    )
    new = without(shop, {"i0", "i1"})
    new.items = pl.concat([new.items, new.items[:1].with_columns(item_id=pl.lit("new"), title=pl.lit("newest"))])
    commands = bring(new, made).again
    assert commands == [f"the features of titles are out of date; run: goeswith encode {made} --encoder titles"]
    with pytest.raises(DataError, match=r"has no features of 'titles' .*; run goeswith encode .* --encoder titles"):
        load_features(Dataset(made), "titles")
    assert bring(without(new, {"i5"}), made).again == commands  # once more before they were encoded
    network.clear()
    report = encode(Dataset(made), "titles")
    assert sorted(network) == ["a new title", "newest"]
    assert (report.encoded, report.kept, report.excluded) == (58, 56, {})
    features = load_features(Dataset(made), "titles")
    features_path(Dataset(made), "titles").unlink()
    encode(Dataset(made), "titles")
    assert features.fingerprint == load_features(Dataset(made), "titles").fingerprint
    assert [path.name for path in (made / "features").iterdir()] == ["titles.safetensors"]


@pytest.mark.parametrize(
    ("column", "stay"), [("price", True), ("stock", True), ("colour", False), ("category", False), ("title", False)]
)
def test_features_stay_in_use_where_no_encoder_reads_what_changed(column, stay, shop, made, network) -> None:
    encode(Dataset(made), "titles")
    before = load_features(Dataset(made), "titles").fingerprint
    shop.items = shop.items.with_columns(pl.lit("7").cast(shop.items[column].dtype).alias(column))
    assert bool(bring(shop, made).again) is not stay
    if stay:
        assert load_features(Dataset(made), "titles").fingerprint == before
        network.clear()
        assert encode(Dataset(made), "titles").kept == 60
        assert network == []
    else:
        with pytest.raises(DataError, match="no features yet"):
            load_features(Dataset(made))


@pytest.mark.parametrize("linked", [True, False])
def test_a_picture_that_changed_is_reported_and_others_keep_their_time(
    linked, shop, made, network, monkeypatch
) -> None:
    if not linked:
        real = os.link
        monkeypatch.setattr(
            os, "link", lambda source, dest, **how: refuse() if "source" in str(source) else real(source, dest, **how)
        )
        shutil.rmtree(made)
        create(shop, made, layout="table", name="shop", seed=5)
    encode(Dataset(made), "titles")
    times = {path.name: path.stat().st_mtime_ns for path in (made / "images").iterdir()}
    shop.images["i3"].unlink()
    shop.images["i3"].write_bytes(b"another picture")
    shop.images["i4"].unlink()
    shop.images["i4"].write_bytes(bytes([4]) * 10)  # written anew, with the same bytes
    done = bring(shop, made)
    assert done.pictures == 1
    assert len(done.again) == 1  # the names and texts are as they were, the picture is not
    assert (made / "images" / "i3.png").read_bytes() == b"another picture"
    now = {path.name: path.stat().st_mtime_ns for path in (made / "images").iterdir()}
    assert [name for name in now if now[name] != times[name]] == ["i3.png"]
    encode(Dataset(made), "titles")
    if linked:
        with open(shop.images["i5"], "r+b") as file:  # where it lies: the data set's own is another at once
            file.write(b"!")
        done = bring(shop, made)
        assert (done.pictures, len(done.again)) == (1, 1)


def test_an_update_while_encoding_is_reported(shop: Imported, made: Path, network: list[str]) -> None:
    encode(Dataset(made), "titles")

    def meanwhile(done: int, total: int) -> None:
        if done == total:
            shop.items = shop.items.with_columns(title=pl.lit("the same"))
            bring(shop, made)

    with pytest.raises(DataError, match="was updated while it was being encoded; run the same command again"):
        encode(Dataset(made), "titles", batch_size=4, progress=meanwhile)
    assert not features_path(Dataset(made), "titles").exists()
    assert encode(Dataset(made), "titles").encoded == 60


def refuse() -> None:
    raise OSError("another file system")


def test_features_from_elsewhere_stay_in_use_and_are_reported(shop: Imported, made: Path, network: list[str]) -> None:
    dataset = Dataset(made)
    values = np.ones((60, 2), np.float32)
    write_features(
        features_path(dataset, "own"), [values], values.shape,
        item_ids=dataset.catalogue.ids, encoder="own", catalogue=dataset.catalogue,
    )  # fmt: skip
    (made / "features" / "broken.safetensors").write_bytes(b"no")
    shop.items = shop.items.with_columns(title=pl.lit("the same"))
    messages = bring(shop, made).again
    assert messages == [
        f"features/{name}.safetensors was not made by goeswith encode; check that it fits the current items"
        for name in ("broken", "own")
    ]
    with pytest.raises(CatalogueError, match="the items do not; encode this data set again"):
        load_features(Dataset(made), "own")


def frozen(path: Path) -> Path:
    """Questions of the usual plan and seed 3, of another kind, and of another list of outfits."""
    dataset = Dataset(path)
    plan = [("fitb", "random"), ("compat", "random")]
    freeze(dataset.catalogue, dataset.outfits, path / "questions", dataset="shop", splits=["test"], plan=plan, seed=3)
    for name, split, task in (("test-retrieval-random", "test", "retrieval"), ("mine", "looks", "fitb")):
        frame, _ = make_questions(dataset.catalogue, dataset.outfits, None, task, "random", choices=4)
        info = {"split": split, "task": task, "negatives": "random", "seed": "0"}
        listed = dataset.outfits.take([0, 1])
        write_questions(frame, path / "questions" / f"{name}.parquet", dataset.catalogue, listed, **info)
    (path / "questions" / "notes.txt").write_text("mine")
    return path / "questions"


def test_questions_stay_or_are_reported_with_their_command(shop: Imported, made: Path) -> None:
    folder = frozen(made)
    before = contents(folder)
    shop.items = shop.items.with_columns(price=pl.lit(1.0))
    assert bring(shop, made).again == []
    assert contents(folder) == before
    assert len(before) == 5
    assert bring(without(shop, {"i1"}), made).again == [
        f"questions of the old data set were not carried over ({names}); create them again: goeswith "
        f"questions {made} {flags}"
        for names, flags in (
            ("mine.parquet", f"--outfits looks.csv --task fitb --negatives random --out {folder}/mine.parquet"),
            ("test-compat-random.parquet, test-fitb-random.parquet", "--seed 3"),
            ("test-retrieval-random.parquet", "--task retrieval --negatives random"),
        )
    ]
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


def test_the_publishers_questions_are_written_again(shop: Imported, made: Path) -> None:
    dataset = Dataset(made)
    frame, _ = make_questions(dataset.catalogue, dataset.outfits, "test", "fitb", "random")
    shop.questions = {"official-test-fitb": frame}
    bring(shop, made)
    shop.items = shop.items.reverse()
    bring(shop, made)
    path = made / "questions" / "official-test-fitb.parquet"
    assert len(read_questions(path, Dataset(made).catalogue)) == len(frame)
    assert read_info(path)["outfits"] == Dataset(made).outfits.fingerprint
    assert bring(shop, made).unchanged
    shop.questions = {"official-test-fitb": frame[:2]}
    assert not bring(shop, made).unchanged


def test_the_command_that_made_questions_of_one_source_is_reported(shop: Imported, tmp_path: Path) -> None:
    shop.outfits = shop.outfits.with_columns(source=pl.lit("users"))
    made = create(shop, tmp_path / "data", layout="table").path
    users = Dataset(f"{made}#users")
    freeze(
        users.catalogue, users.outfits, made / "questions", splits=["test"], plan=[("fitb", "random")], prefix="users"
    )
    (message,) = bring(without(shop, {"i1"}), made).again
    assert message.endswith(f": goeswith questions {made}#users")


def test_the_command_that_made_questions_by_keys_is_reported(shop: Imported, made: Path) -> None:
    dataset = Dataset(made)
    frame, _ = make_questions(dataset.catalogue, dataset.outfits, None, "compat", "random")
    path = made / "questions" / "test-compat-matched-id-1.parquet"
    info = {"split": "test", "task": "compat", "negatives": "matched:id[:1]", "seed": "0"}
    write_questions(frame, path, dataset.catalogue, dataset.outfits, **info)
    (message,) = bring(without(shop, {"i1"}), made).again
    assert message.endswith(f": goeswith questions {made} --task compat --negatives 'matched:id[:1]'")
