"""Approximate: what LanceDB finds, against products with every item; its updates, versions and compaction."""

import shutil
from importlib.util import find_spec

import numpy as np
import polars as pl
import pytest
from shops import changed_shop, indexed

from goeswith.data.catalogue import Catalogue
from goeswith.data.filters import Filters
from goeswith.data.shelf import shelf
from goeswith.errors import DataError
from goeswith.shop import approximate
from goeswith.shop.build import build_index
from goeswith.shop.gaps import Gap
from goeswith.shop.index import Index
from goeswith.shop.stylist import Stylist

# It is looked for and not imported, which takes seconds in every process that collects the tests.
pytestmark = pytest.mark.skipif(find_spec("lancedb") is None, reason="pip install 'goeswith[scale]'")
WIDTH = 4


def table_of(count: int, seed: int = 0) -> tuple[pl.DataFrame, np.ndarray]:
    """Columns of items of two categories, and vectors (n, 4)."""
    chance = np.random.default_rng(seed)
    items = pl.DataFrame(
        {
            "item_id": [f"i{row}" for row in range(count)],
            "category": ["shirt" if row < count // 2 else "O'Neill skirt" for row in range(count)],
            "group": ["top" if row < count // 2 else "bottom" for row in range(count)],
            "title": [""] * count,
            "colour": [["red", "black", None][row % 3] for row in range(count)],
            "price": [None if row % 7 == 0 else float(row) for row in range(count)],
            "stock": ["0" if row % 5 == 0 else "3" for row in range(count)],
        }
    )
    vectors = chance.standard_normal((count, WIDTH)).astype(np.float32)
    frame = approximate.columns(shelf(Catalogue(items)), np.arange(count), np.arange(count))
    return frame, vectors


def write(uri: str, frame: pl.DataFrame, vectors: np.ndarray, compacted: int | None = None) -> tuple[int, int]:
    return approximate.update(uri, frame, lambda at: iter([vectors[at]]), compacted)


def read(uri: str, version: int, frame: pl.DataFrame) -> approximate.Vectors:
    return approximate.Vectors(uri, version, frame["item_id"].to_list(), ["O'Neill skirt", "shirt"])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A table, its columns and its vectors; nothing of it may be changed."""
    frame, vectors = table_of(300)
    uri = (tmp_path_factory.mktemp("lance") / "vectors").as_uri()  # an address, as that of object storage
    version, compacted = write(uri, frame, vectors)
    assert version == compacted
    return uri, version, frame, vectors


@pytest.mark.slow
@pytest.mark.parametrize(
    "filters",
    [
        Filters(),
        Filters(colours=("red",), in_stock=True),
        Filters(groups=("bottom",), price_min=100, price_max=250.5),
        Filters(colours=("black", "red"), price_max=260),
        Filters(price_max=151),
    ],
)
def test_it_finds_what_products_with_all_that_pass_find(made, filters):
    uri, version, frame, vectors = made
    queries = np.random.default_rng(1).standard_normal((3, WIDTH)).astype(np.float32)
    items = frame.drop("stock").with_columns(stock=pl.Series(np.where(frame["stock"], "3", "0")), title=pl.lit(""))
    allowed = filters.rows(Catalogue(items)) & (frame["category"] == "O'Neill skirt").to_numpy()
    for batch in (queries, queries[:1]):
        rows, products = read(uri, version, frame).nearest(batch, 0, 10, filters)
        expected = np.where(allowed, batch @ vectors.T, -np.inf)
        best = np.argsort(-expected, axis=1)[:, :10]
        best = np.where(np.isfinite(np.take_along_axis(expected, best, axis=1)), best, -1)
        assert rows.tolist() == best.tolist()
        np.testing.assert_allclose(products, np.sort(expected)[:, ::-1][:, :10], rtol=1e-4)


def unindexed(vectors: approximate.Vectors) -> int:
    """Rows outside the lists, which every query compares by force."""
    return vectors.table.index_stats("vector_idx").num_unindexed_rows


@pytest.mark.slow
def test_an_update_is_a_version_and_new_items_are_searched_by_force(tmp_path):
    frame, vectors = table_of(300)
    first, compacted = write(str(tmp_path), frame, vectors)
    later = pl.concat([frame[1:], frame[:1].with_columns(item_id=pl.lit("new"))])
    later = later.with_columns(price=pl.when(pl.col("item_id") == "i9").then(5000.0).otherwise("price"))
    moved = np.concatenate([vectors[1:], np.full((1, WIDTH), 9, np.float32)])
    second, still = write(str(tmp_path), later, moved, compacted)
    assert (second > first, still) == (True, compacted)
    now, before = read(str(tmp_path), second, later), read(str(tmp_path), first, frame)
    assert unindexed(now) == 2  # the new one, and the one with another price
    query = np.ones((1, WIDTH), np.float32)
    rows, products = now.nearest(query, 1, 1, Filters())
    assert (later["item_id"][int(rows[0, 0])], float(products[0, 0])) == ("new", 36.0)
    assert now.nearest(query, 1, 2, Filters(price_min=4000))[0].tolist() == [
        [later["item_id"].to_list().index("i9"), -1]
    ]
    old = before.nearest(query, 1, 1, Filters())[0]
    assert old[0, 0] == np.argmax((vectors @ query[0])[:150])
    assert before.nearest(query, 1, 1, Filters(price_min=4000))[0].tolist() == [[-1]]
    unchanged, _ = write(str(tmp_path), later, moved, compacted)
    assert unchanged == second


@pytest.mark.slow
def test_it_is_compacted_on_schedule(tmp_path, monkeypatch):
    frame, vectors = table_of(120)
    _, compacted = write(str(tmp_path), frame, vectors)
    more, further = table_of(125, seed=2)
    monkeypatch.setattr(approximate, "VERSIONS", 2)
    for count, done in ((121, False), (122, True), (123, False)):
        grown, both = more[:count], np.concatenate([vectors, further[120:count]])
        grown = pl.concat([frame, grown[120:]])
        version, last = write(str(tmp_path), grown, both, compacted)
        assert (last > compacted) == done
        assert (unindexed(read(str(tmp_path), version, grown)) == 0) == done
        compacted = last


def test_a_table_that_cannot_be_read_is_one_sentence(made, tmp_path):
    uri, version, frame, _ = made
    for folder, at in ((uri, version + 50), (str(tmp_path / "none"), 1)):
        with pytest.raises(DataError, match=r"cannot read the vectors at .*; run goeswith build again"):
            read(folder, at, frame)


@pytest.mark.slow
def test_an_index_answers_and_is_updated_from_its_table(tmp_path, monkeypatch):
    dataset, run, exact = indexed(tmp_path, without=("i7", "i100"))
    monkeypatch.setattr(approximate, "LARGE", 20)
    monkeypatch.setattr(approximate, "ENOUGH", 2)
    index = build_index(run, dataset, tmp_path / "other", vectors=str(tmp_path / "elsewhere"))
    assert index.info["vectors"]["uri"] == str(tmp_path / "elsewhere")
    index = build_index(run, dataset, tmp_path / "other")
    assert index.info["vectors"]["categories"] == ["boots", "shirt", "skirt", "tote"]
    allowed = np.flatnonzero(index.known)
    allowed = allowed[allowed % 5 > 0]
    searched = []
    nearest = approximate.Vectors.nearest
    monkeypatch.setattr(
        approximate.Vectors, "nearest", lambda *arguments: searched.append(arguments[4]) or nearest(*arguments)
    )

    def odd(part):
        return np.stack([part % 2 == 1, part % 2 == 0])

    for refuse in (None, odd):
        here, there = (x.candidates.shortlist(Gap(np.array([[0], [60]]), allowed, refuse), 8) for x in (index, exact))
        shared = [len(set(a.tolist()) & set(b.tolist())) for a, b in zip(here[0], there[0], strict=True)]
        assert min(shared) >= 7
        np.testing.assert_allclose(here[1][:, 0], there[1][:, 0], atol=1e-3)
        assert set(here[0].ravel().tolist()) <= set(allowed.tolist())
    filters = Filters(colours=("black", "blue"), price_max=80.0)
    looks, expected = (
        Stylist(each).complete(["i60"], slots=["shoes", "bag"], filters=filters, coherent=False)
        for each in (index, exact)
    )
    assert [look.item_ids for look in looks] == [look.item_ids for look in expected]
    assert filters in searched
    assert Filters() in searched
    old = index.info["vectors"]["version"]
    shutil.rmtree(dataset.path)
    updated = build_index(run, changed_shop(dataset.path), tmp_path / "other")
    assert updated.info["vectors"]["version"] > old
    assert updated.candidates.vectors.table.count_rows() == int(updated.known.sum())
    part = next((tmp_path / "other" / "vectors").rglob("*.manifest"))
    part.write_bytes(b"no table")
    with pytest.raises(DataError, match=r"is not the file that belongs to the index"):
        Index(tmp_path / "other")
