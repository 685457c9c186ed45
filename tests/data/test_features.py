"""Features: the file, its alignment to a catalogue, and what is wrong with broken ones."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp
from safetensors.numpy import load_file, save_file

from goeswith.data.catalogue import Catalogue
from goeswith.data.features import (
    TOKENS,
    WORD_IDS,
    Features,
    features_path,
    load_features,
    map_features,
    read_marks,
    read_metadata,
    write_features,
)
from goeswith.errors import CatalogueError, ConfigError, DataError

CATALOGUE = Catalogue(pl.DataFrame({"item_id": ["a", "b", "c", "d"], "category": ["hat", "hat", "bag", "bag"]}))


def write(path: Path, ids: list[str], matrix: np.ndarray, catalogue: Catalogue = CATALOGUE, encoder: str = "e") -> Path:
    write_features(path, [matrix], matrix.shape, item_ids=ids, encoder=encoder, catalogue=catalogue)
    return path


def folder(path: Path, *encoders: str) -> SimpleNamespace:
    dataset = SimpleNamespace(path=path, catalogue=CATALOGUE)
    for encoder in encoders:
        write(features_path(dataset, encoder), ["a"], np.ones((1, 2)), encoder=encoder)
    return dataset


def test_vectors_are_at_the_rows_of_their_items(tmp_path: Path) -> None:
    features = Features.load(write(tmp_path / "f", ["d", "a"], np.array([[4.0, 5.0], [1.0, 2.0]])), CATALOGUE)
    assert features.values.tolist() == [[1, 2], [0, 0], [0, 0], [4, 5]]
    assert features.values.dtype == np.float32
    assert features.present.tolist() == [True, False, False, True]
    assert features.encoder == "e"
    assert features.blocks == (2,)


@given(hnp.arrays(np.float16, hnp.array_shapes(min_dims=2, max_dims=2, max_side=7), elements={"allow_nan": False}))
def test_the_container_is_what_safetensors_reads(tmp_path_factory: pytest.TempPathFactory, matrix: np.ndarray) -> None:
    path = tmp_path_factory.mktemp("container") / "f.safetensors"
    blocks = [matrix[:1], matrix[1:1], matrix[1:]]
    write_features(path, blocks, matrix.shape, item_ids=["é", '"'], encoder="e", catalogue=CATALOGUE, more="told")
    assert np.array_equal(load_file(path)["features"], matrix)
    assert read_metadata(path)["item_ids"] == '["\\u00e9", "\\""]'
    assert read_metadata(path)["more"] == "told"


def test_float32_keeps_whole_numbers_that_float16_does_not(tmp_path: Path) -> None:
    matrix = np.array([[2049.0, 30521.0]])
    for dtype, same in ((np.float16, False), (np.float32, True)):
        path = tmp_path / dtype.__name__
        write_features(path, [matrix], (1, 2), item_ids=["b"], encoder="e", catalogue=CATALOGUE, dtype=dtype)
        assert load_file(path)["features"].dtype == dtype
        assert (Features.load(path, CATALOGUE).values[1] == matrix).all() == same


@pytest.mark.parametrize(("dtype", "rows"), [(np.float16, 3), (np.float32, 3), (np.float16, 0)])
def test_marks_are_stored_beside_the_vectors(tmp_path: Path, dtype: type[np.floating], rows: int) -> None:
    path, matrix = tmp_path / "f", np.arange(3.0 * rows).reshape(rows, 3)
    marks = np.array([-(2**63), 0, 2**63 - 1], np.int64)[:rows]
    options = {"item_ids": ["a", "c", "d"][:rows], "encoder": "e", "catalogue": CATALOGUE, "dtype": dtype}
    write_features(path, [matrix], matrix.shape, **options)
    assert read_marks(path).shape == (0,)
    plain = Features.load(path, CATALOGUE)
    write_features(path, [matrix], matrix.shape, marks=marks, **options)
    assert read_marks(path).tolist() == marks.tolist()
    assert (map_features(path) == matrix).all()
    assert map_features(path).dtype == dtype
    assert Features.load(path, CATALOGUE).fingerprint == plain.fingerprint
    assert (load_file(path)["features"] == matrix).all()


def test_where_there_is_no_file_there_are_no_marks(tmp_path: Path) -> None:
    (tmp_path / "torn").write_bytes(b"torn")
    assert [len(read_marks(tmp_path / name)) for name in ("torn", "gone")] == [0, 0]


def test_blocks_that_do_not_add_up_leave_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="needs 16 bytes of features and got 8"):
        write_features(tmp_path / "f", [np.ones((2, 2))], (4, 2), item_ids=["a"] * 4, encoder="e", catalogue=CATALOGUE)
    assert list(tmp_path.iterdir()) == []


def test_fingerprint_tells_encoder_items_and_vectors_apart(tmp_path: Path) -> None:
    ids, matrix = ["a", "b"], np.eye(2)
    files = [
        write(tmp_path / "same", ids, matrix),
        write(tmp_path / "again", ids, matrix),
        write(tmp_path / "vectors", ids, matrix * 2),
        write(tmp_path / "ids", ids[::-1], matrix),
        write(tmp_path / "encoder", ids, matrix, encoder="f"),
    ]
    prints = [Features.load(file, CATALOGUE).fingerprint for file in files]
    assert prints[0] == prints[1]
    assert len(set(prints)) == 4
    assert all(len(fingerprint) == 12 for fingerprint in prints)


def test_a_file_made_elsewhere_needs_only_ids(tmp_path: Path) -> None:
    save_file({"features": np.ones((1, 3), np.float32)}, tmp_path / "own.safetensors", {"item_ids": '["c"]'})
    features = Features.load(tmp_path / "own.safetensors", CATALOGUE)
    assert features.encoder == "own"
    assert features.values[2].tolist() == [1, 1, 1]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused_by_name(tmp_path: Path, value: float) -> None:
    matrix = np.ones((3, 2))
    matrix[1:, 1] = value
    with pytest.raises(DataError, match=r"NaN or infinity in the features of 2 items, the first is 'c'"):
        Features.load(write(tmp_path / "f", ["a", "c", "d"], matrix), CATALOGUE)


def test_features_of_another_catalogue_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "f", ["a", "x", "y"], np.ones((3, 2)))
    with pytest.raises(CatalogueError, match="2 of its 3 items are not among the 4 here, the first is 'x'"):
        Features.load(path, CATALOGUE)
    other = Catalogue(CATALOGUE.items.with_columns(category=pl.lit("shoe")))
    path = write(tmp_path / "f", ["a"], np.ones((1, 2)), catalogue=other)
    with pytest.raises(CatalogueError, match=f"made for catalogue {other.fingerprint} .* the items do not"):
        Features.load(path, CATALOGUE)


@pytest.mark.parametrize(
    ("ids", "shape", "message"),
    [('["a"]', (2, 3), "one vector per id"), ('["a"]', (1,), "one vector per id"), ('["a", "a"]', (2, 3), "than once")],
)
def test_vectors_and_ids_must_fit(tmp_path: Path, ids: str, shape: tuple[int, ...], message: str) -> None:
    save_file({"features": np.ones(shape, np.float32)}, tmp_path / "f", {"item_ids": ids})
    with pytest.raises(CatalogueError, match=message):
        Features.load(tmp_path / "f", CATALOGUE)


def test_broken_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "f"
    with pytest.raises(DataError, match=f"no file {path}"):
        Features.load(path, CATALOGUE)
    whole = write(path, ["a"], np.ones((1, 64))).read_bytes()
    for size in (0, 5, 40, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(DataError, match=f"cannot read {path}, it is truncated or broken"):
            Features.load(path, CATALOGUE)
    save_file({"weights": np.ones(2)}, path)
    with pytest.raises(DataError, match="needs a tensor 'features'"):
        Features.load(path, CATALOGUE)
    save_file({"features": np.ones((2, 2), np.int64)}, path)
    with pytest.raises(DataError, match="F64, not I64"):
        Features.load(path, CATALOGUE)
    save_file({"features": np.ones((2, 2))}, path)
    with pytest.raises(DataError, match="does not say which items"):
        Features.load(path, CATALOGUE)


def test_the_only_encoder_is_found_and_several_are_put_side_by_side(tmp_path: Path) -> None:
    dataset = folder(tmp_path)
    with pytest.raises(DataError, match="no features yet; run goeswith encode"):
        load_features(dataset)
    folder(tmp_path, "hf:some/model")
    (tmp_path / "features" / ".x.safetensors").write_bytes(b"half")
    assert load_features(dataset).encoder == "hf:some/model"
    folder(tmp_path, "minilm")
    assert load_features(dataset, "minilm").encoder == "minilm"
    assert load_features(dataset, "hf:some/model").encoder == "hf:some/model"
    folder(tmp_path, TOKENS)
    assert load_features(dataset).encoder == "hf:some/model+minilm"
    with pytest.raises(DataError, match=r"no features of 'x' .*run goeswith encode .* --encoder x"):
        load_features(dataset, "x")


def test_several_encoders_are_put_side_by_side(tmp_path: Path) -> None:
    dataset = folder(tmp_path)
    write(features_path(dataset, "minilm"), ["b", "a", "d"], np.array([[1, 2], [3, 4], [5, 6]]), encoder="minilm")
    write(features_path(dataset, "hf:x/y"), ["c", "d", "a"], np.array([[7], [8], [9]]), encoder="hf:x/y")
    features = load_features(dataset, "minilm+hf:x/y")
    assert features.values.tolist() == [[3, 4, 9], [0, 0, 0], [0, 0, 0], [5, 6, 8]]
    assert features.values.dtype == np.float32
    assert features.present.tolist() == [True, False, False, True]
    assert features.encoder == "minilm+hf:x/y"
    assert features.blocks == (2, 1)
    turned = load_features(dataset, "hf:x/y+minilm")
    assert turned.values[3].tolist() == [8, 5, 6]
    assert turned.blocks == (1, 2)
    write(features_path(dataset, "hf:x/y"), ["c", "d", "a"], np.array([[7], [8], [10]]), encoder="hf:x/y")
    changed = load_features(dataset, "minilm+hf:x/y")
    prints = {load_features(dataset, name).fingerprint for name in ("minilm", "hf:x/y")}
    prints |= {loaded.fingerprint for loaded in (features, turned, changed)}
    assert len(prints) == 5
    assert all(len(loaded) == 12 for loaded in prints)


def test_where_words_are_only_numbered_it_is_said_what_is_missing(tmp_path: Path) -> None:
    dataset = folder(tmp_path, TOKENS, WORD_IDS)
    with pytest.raises(DataError, match=r"has only words by number \(minilm-tokens, word-ids\); run goeswith encode"):
        load_features(dataset)


def test_a_missing_part_is_named_with_its_command(tmp_path: Path) -> None:
    dataset = folder(tmp_path, "minilm-tokens", "minilm")
    with pytest.raises(DataError, match=r"no features of 'words' \(there are: minilm-.*, minilm\); .* words$"):
        load_features(dataset, "minilm+words")
    with pytest.raises(DataError, match="no features of 'tokens'"):  # which is not minilm-tokens
        load_features(dataset, "minilm+tokens")
    for name in ("minilm+minilm", "minilm+", "+"):
        with pytest.raises(ConfigError, match=r"must name each encoder once, joined by [+]"):
            load_features(dataset, name)


@pytest.mark.parametrize("encoder", ["hf:a/b", "hf:../../x", "st:/home/me/models", "hf:C:\\m", "minilm", "a+b"])
def test_a_features_file_stays_in_its_folder(tmp_path: Path, encoder: str) -> None:
    path = features_path(SimpleNamespace(path=tmp_path), encoder)
    assert path.parent == tmp_path / "features"
    assert not path.name.startswith(".")
    assert "+" not in path.name
