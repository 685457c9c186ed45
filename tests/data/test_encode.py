"""Encoders: whole catalogues, what is left out, resuming after a kill, and real networks on small data."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from goeswith.data.catalogue import Catalogue
from goeswith.data.dataset import Dataset, Imported, create
from goeswith.data.encoders import encode as encoders
from goeswith.data.encoders import networks
from goeswith.data.encoders.encode import encode, load_features
from goeswith.data.encoders.networks import Network
from goeswith.data.encoders.pictures import read_picture
from goeswith.data.features import read_metadata, write_features
from goeswith.errors import ConfigError, DataError

SIDE = 8


def picture(path: Path, seed: int) -> Path:
    small = np.random.default_rng(seed).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    Image.fromarray(small).save(path)
    return path


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Twenty items i0 ... i19 with pictures but for i3; half of them have titles."""
    ids = [f"i{number}" for number in range(20)]
    source = tmp_path / "source"
    source.mkdir()
    items = pl.DataFrame(
        {
            "item_id": ids,
            "category": ["skirt", "hat"] * 10,
            "title": [f"title {number}" if number % 2 else " " for number in range(20)],
            "colour": [None if number % 4 else "black" for number in range(20)],
        }
    )
    outfits = pl.DataFrame({"outfit_id": [f"o{n}" for n in range(10)], "item_ids": [ids[n : n + 3] for n in range(10)]})
    images = {item_id: picture(source / f"{item_id}.png", index) for index, item_id in enumerate(ids) if index != 3}
    imported = Imported(items=items, outfits=outfits, source="a test", licence="none", images=images)
    return create(imported, tmp_path / "data", layout="table")


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A network of means, in place of a real one; the list keeps what it was given."""
    blocks: list[Any] = []

    def run(block: Any) -> np.ndarray:
        blocks.append(block)
        if isinstance(block, list):
            return np.array([[len(text), text.count("t")] for text in block], np.float32)
        return block.reshape(len(block), -1, 3).mean(1).astype(np.float32)

    def opened(name: str, batch_size: int, device: object = None) -> Network:
        return Network(name, run, None if name == "titles" else (SIDE, SIDE), "weights")

    monkeypatch.setattr(networks, "open_network", opened)
    monkeypatch.setattr(encoders, "SHARD", 6)
    return blocks


def image(dataset: Dataset, item_id: str) -> Path:
    return dataset.path / "images" / f"{item_id}.png"


@pytest.mark.parametrize("workers", [0, 2])
def test_every_picture_is_in_the_row_of_its_item(dataset: Dataset, network: list[Any], workers: int) -> None:
    seen: list[tuple[int, int]] = []
    report = encode(dataset, "means", batch_size=4, workers=workers, progress=lambda *counts: seen.append(counts))
    assert report.path == dataset.path / "features" / "means.safetensors"
    assert report.encoded == 19
    assert report.excluded == {"i3": "it has no picture"}
    features = load_features(dataset)
    assert features.encoder == "means"
    for row, item_id in enumerate(dataset.catalogue.ids):
        if item_id == "i3":
            assert not features.present[row]
            continue
        expected = read_picture(image(dataset, item_id), (SIDE, SIDE)).reshape(-1, 3).mean(0)
        np.testing.assert_allclose(features.values[row], expected, rtol=1e-3)
    assert {len(block) for block in network} <= {1, 2, 4}
    assert seen[0] == (0, 19)
    assert seen[-1] == (19, 19)
    assert seen == sorted(seen)
    assert [path.name for path in (dataset.path / "features").iterdir()] == ["means.safetensors"]


def test_bad_pictures_are_left_out_by_name(dataset: Dataset, network: list[Any]) -> None:
    good = encode(dataset, "means", workers=0)
    assert len(good.excluded) == 1
    image(dataset, "i0").write_text("this is text")
    image(dataset, "i7").write_bytes(image(dataset, "i7").read_bytes()[:300])
    image(dataset, "i12").unlink()
    report = encode(dataset, "means", workers=0)
    assert report.encoded == 16
    assert report.excluded.keys() == {"i0", "i3", "i7", "i12"}
    assert report.excluded["i0"] == "the file is not a picture"
    assert "broken" in report.excluded["i7"]
    assert report.excluded["i12"] == "the file is missing"
    assert json.loads(read_metadata(report.path)["excluded"]) == report.excluded
    assert load_features(dataset).present.sum() == 16


def test_a_catalogue_of_bad_pictures_is_refused(dataset: Dataset, network: list[Any]) -> None:
    for path in (dataset.path / "images").iterdir():
        path.write_text("this is text")
    with pytest.raises(
        DataError, match=r"cannot encode any of the 20 items of .*; item 'i3': it has no picture; fix .*minilm"
    ):
        encode(dataset, "means")
    assert list((dataset.path / "features").iterdir()) == []
    for path in (dataset.path / "images").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="any of the 20 items"):
        encode(dataset, "means")


def test_words_are_titles_or_else_colour_and_category(dataset: Dataset, network: list[Any]) -> None:
    report = encode(dataset, "titles")
    assert (report.encoded, report.excluded) == (20, {})
    texts_read = [text for texts in network for text in texts]
    assert texts_read[:4] == ["black skirt", "title 1", "skirt", "title 3"]
    assert texts_read[4:6] == ["black skirt", "title 5"]
    assert load_features(dataset, "titles").values[1].tolist() == [7, 2]


def test_usual_encoders_are_those_that_have_something_to_read(dataset: Dataset) -> None:
    assert encoders.usual_encoders(dataset) == [encoders.PICTURES, encoders.WORDS]
    bare = dataset.catalogue.items.with_columns(image=pl.lit(None, pl.String), title=pl.lit(None, pl.String))
    for columns, usual in (
        ({"image": "x"}, [encoders.PICTURES]),
        ({"title": "x"}, [encoders.WORDS]),
        ({}, [encoders.WORDS]),
    ):
        dataset.catalogue = Catalogue(bare.with_columns(**{name: pl.lit(value) for name, value in columns.items()}))
        assert encoders.usual_encoders(dataset) == usual


def test_a_network_that_gives_no_number_is_refused(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(block: np.ndarray) -> np.ndarray:
        vectors = np.ones((len(block), 2), np.float32)
        vectors[1, 1] = 1e6  # beyond float16
        return vectors

    monkeypatch.setattr(networks, "open_network", lambda name, *_: Network(name, run, (SIDE, SIDE), "weights"))
    with pytest.raises(DataError, match=r"encoder means gives NaN or infinity \(in float16\) for item 'i1'"):
        encode(dataset, "means")
    assert not (dataset.path / "features" / "means.safetensors").exists()


def interrupted_after(calls: int, network: list[Any]) -> Callable[[int, int], None]:
    def progress(done: int, total: int) -> None:
        if len(network) >= calls:
            raise KeyboardInterrupt

    return progress


@pytest.mark.slow
@pytest.mark.parametrize("calls", [1, 3, 5, 9])
def test_an_interrupted_encoding_resumes_to_the_same_bits(dataset: Dataset, network: list[Any], calls: int) -> None:
    whole = encode(dataset, "means", batch_size=2, workers=0).path.read_bytes()
    everything = sum(map(len, network))
    (dataset.path / "features" / "means.safetensors").unlink()
    network.clear()
    with pytest.raises(KeyboardInterrupt):
        encode(dataset, "means", batch_size=2, workers=0, progress=interrupted_after(calls, network))
    assert not (dataset.path / "features" / "means.safetensors").exists()
    encoded = 6 * len(list((dataset.path / "features").glob(".means.partial/*")))
    network.clear()
    assert encode(dataset, "means", batch_size=2, workers=2).path.read_bytes() == whole
    assert sum(map(len, network)) == everything - encoded
    assert not (dataset.path / "features" / ".means.partial").exists()


def test_only_what_changed_is_encoded_again(dataset: Dataset, network: list[Any]) -> None:
    first = encode(dataset, "means")
    network.clear()
    again = encode(dataset, "means")
    assert (again.encoded, again.excluded, again.kept) == (first.encoded, first.excluded, 19)
    assert network == []
    picture(image(dataset, "i5"), 99)
    before = load_features(dataset)
    report = encode(dataset, "means")
    assert str(report) == "19 items encoded, 1 left out; 18 unchanged, 1 computed"
    assert sum(map(len, network)) == 1
    after = load_features(dataset)
    changed = (before.values != after.values).any(axis=1)
    assert np.flatnonzero(changed).tolist() == [5]
    assert before.fingerprint != after.fingerprint
    first.path.write_bytes(first.path.read_bytes()[:-1])
    encode(dataset, "means")
    assert load_features(dataset).fingerprint == after.fingerprint


def changed(dataset: Dataset) -> None:
    """Ten other pictures, one that is none, one that is gone, and one where there was none."""
    for number in range(0, 20, 2):
        picture(image(dataset, f"i{number}"), number + 50)
    image(dataset, "i9").write_text("this is text")
    image(dataset, "i11").unlink()


@pytest.mark.parametrize("calls", [0, 1])
def test_an_interrupted_update_resumes_to_the_same_bits(dataset: Dataset, network: list[Any], calls: int) -> None:
    path = encode(dataset, "means", workers=0).path
    first = path.read_bytes()
    changed(dataset)
    network.clear()
    report = encode(dataset, "means", workers=0)
    whole = path.read_bytes()
    assert (report.encoded, report.kept, sum(map(len, network))) == (17, 7, 10)
    assert report.excluded.keys() == {"i3", "i9", "i11"}
    path.write_bytes(first)
    network.clear()
    with pytest.raises(KeyboardInterrupt):
        encode(dataset, "means", workers=0, progress=interrupted_after(calls, network))
    assert len(list(path.parent.glob(".means.partial/*"))) == calls
    assert path.read_bytes() == first
    network.clear()
    assert encode(dataset, "means", workers=0).path.read_bytes() == whole
    assert sum(map(len, network)) == (5 if calls else 10)
    values = load_features(dataset).values
    path.unlink()
    encode(dataset, "means", workers=0)
    assert (load_features(dataset).values == values).all()  # what a network of means gives, whatever it is given with


def test_another_batch_size_or_network_starts_again(
    dataset: Dataset, network: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    encode(dataset, "means")
    assert encode(dataset, "means", batch_size=4).kept == 0
    opened = networks.open_network
    monkeypatch.setattr(networks, "open_network", lambda *arguments: replace(opened(*arguments), weights="others"))
    assert encode(dataset, "means", batch_size=4).kept == 0
    monkeypatch.setattr(networks, "open_network", lambda *arguments: replace(opened(*arguments), dtype=np.float32))
    assert encode(dataset, "means", batch_size=4).kept == 0


def test_features_without_marks_are_kept_while_nothing_changes(dataset: Dataset, network: list[Any]) -> None:
    path = encode(dataset, "means").path
    metadata, matrix = read_metadata(path), load_features(dataset).values[load_features(dataset).present]
    marked = {name: metadata[name] for name in ("stamp", "weights")}
    write_features(
        path, [matrix], matrix.shape,
        item_ids=json.loads(metadata["item_ids"]), encoder="means", catalogue=dataset.catalogue,
        excluded=json.loads(metadata["excluded"]), **marked,
    )  # fmt: skip
    assert encode(dataset, "means").kept == 19
    picture(image(dataset, "i5"), 99)
    assert encode(dataset, "means").kept == 0
    picture(image(dataset, "i5"), 5)
    assert encode(dataset, "means").kept == 18


def test_a_stale_or_torn_shard_is_not_used(dataset: Dataset, network: list[Any]) -> None:
    with pytest.raises(KeyboardInterrupt):
        encode(dataset, "means", batch_size=2, workers=0, progress=interrupted_after(7, network))
    shards = sorted((dataset.path / "features" / ".means.partial").iterdir())
    assert len(shards) == 2
    shards[0].write_bytes(shards[0].read_bytes()[:-1])
    for number in range(20):
        if number != 3:
            picture(image(dataset, f"i{number}"), number + 50)
    network.clear()
    encode(dataset, "means", batch_size=2, workers=0)
    assert sum(map(len, network)) == 19


@pytest.mark.parametrize(("options", "message"), [({"batch_size": 0}, "batch size 0"), ({"workers": -1}, "workers -1")])
def test_numbers_out_of_range_are_refused(dataset: Dataset, options: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        encode(dataset, "efficientnet-lite0", **options)


def test_an_unknown_encoder_writes_nothing(dataset: Dataset) -> None:
    with pytest.raises(ConfigError, match="no encoder 'resnet'"):
        encode(dataset, "resnet")
    assert not (dataset.path / "features").exists()


def test_encoders_side_by_side_are_encoded_one_by_one(dataset: Dataset) -> None:
    message = r"'a\+hf:b/c' combines the features of several .* --encoder a and goeswith encode .* --encoder hf:b/c$"
    with pytest.raises(ConfigError, match=message):
        encode(dataset, "a+hf:b/c")
    assert not (dataset.path / "features").exists()


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ["efficientnet-lite0", "minilm"])
def test_real_networks_encode_the_same_twice(dataset: Dataset, encoder: str) -> None:
    first = encode(dataset, encoder).path.read_bytes()
    (dataset.path / "features" / f"{encoder}.safetensors").unlink()
    assert encode(dataset, encoder).path.read_bytes() == first


@pytest.mark.slow
@pytest.mark.real
def test_a_killed_command_resumes_to_the_same_bits(real: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = sorted((real / "ccp" / "crops").iterdir())[:48]
    ids = [file.stem for file in files]
    items = pl.DataFrame({"item_id": ids, "category": [item_id.split("_")[1] for item_id in ids]})
    outfits = pl.DataFrame({"outfit_id": [f"o{n}" for n in range(10)], "item_ids": [ids[n : n + 3] for n in range(10)]})
    imported = Imported(
        items=items, outfits=outfits, source="a test", licence="none", images=dict(zip(ids, files, strict=True))
    )
    features = create(imported, tmp_path / "data", layout="table").path / "features"
    script = (  # it dies in the second of two shards
        "import os, signal, sys; from goeswith.data.encoders import encode; encode.SHARD = 24\n"
        "die = lambda done, total: done >= 32 and os.kill(os.getpid(), signal.SIGKILL)\n"
        "encode.encode(encode.Dataset(sys.argv[1]), 'efficientnet-lite0', batch_size=8, progress=die)"
    )
    died = subprocess.run([sys.executable, "-c", script, tmp_path / "data"], capture_output=True, text=True)
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert len(list(features.glob(".efficientnet-lite0.partial/[0-9a-f]*"))) == 1
    assert not (features / "efficientnet-lite0.safetensors").exists()
    monkeypatch.setattr(encoders, "SHARD", 24)
    resumed = encode(Dataset(tmp_path / "data"), "efficientnet-lite0", batch_size=8).path.read_bytes()
    (features / "efficientnet-lite0.safetensors").unlink()
    assert encode(Dataset(tmp_path / "data"), "efficientnet-lite0", batch_size=8).path.read_bytes() == resumed


def test_a_copy_of_the_folder_is_encoded_already(dataset: Dataset, network: list[Any], tmp_path: Path) -> None:
    """A copy has other dates and another path; the pictures are the same."""
    encode(dataset, "means", workers=0)
    network.clear()
    copy = Dataset(shutil.copytree(dataset.path, tmp_path / "copy", copy_function=shutil.copyfile))
    assert encode(copy, "means", workers=0).kept == 19
    assert not network
