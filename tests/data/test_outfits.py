"""A person's own list of outfits: either form says the same, and every fault is named with its row."""

import csv
import io
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goeswith.data.catalogue import Catalogue
from goeswith.data.outfits import OutfitBatch, Outfits, beside, pad, read_outfits
from goeswith.errors import DataError

IDS = ["a", "b-1", "c,2", "d e", 'f"', "ü", "7", "08"]
PLAIN = [name for name in IDS if " " not in name]
CATALOGUE = Catalogue(pl.DataFrame({"item_id": IDS, "category": ["one"] * len(IDS)}))


def lists(ids: list[str]) -> st.SearchStrategy[dict[str, list[str]]]:
    outfit = st.lists(st.sampled_from(ids), min_size=2, max_size=5, unique=True)
    letters = st.characters(codec="utf-8", exclude_categories=["C", "Z"])
    name = st.text(letters, min_size=1, max_size=6).filter(lambda text: text[0] != "'")  # which spreadsheets want
    return st.dictionaries(name, outfit, min_size=1, max_size=5)


def as_dict(outfits: Outfits) -> dict[str, list[str]]:
    return {name: [CATALOGUE.ids[row] for row in outfits[index]] for index, name in enumerate(outfits.outfit_ids)}


def written(folder: Path, header: list[str], rows: list[tuple[str, ...]]) -> Path:
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    path = folder / "outfits.csv"
    path.write_text(text.getvalue(), encoding="utf-8")
    return path


@settings(max_examples=30, deadline=None)
@given(outfits=lists(IDS), mixed=st.randoms())
def test_one_row_an_item(tmp_path_factory, outfits, mixed):
    rows = [(name, item) for name, items in outfits.items() for item in items]
    mixed.shuffle(rows)  # the rows of an outfit may stand anywhere
    path = written(tmp_path_factory.mktemp("own"), ["outfit_id", "item_id"], rows)
    expected: dict[str, list[str]] = {}
    for name, item in rows:
        expected.setdefault(name, []).append(item)
    read = read_outfits(path, CATALOGUE)
    assert as_dict(read) == expected
    assert list(read.outfit_ids) == list(expected)


@settings(max_examples=30, deadline=None)
@given(outfits=lists(IDS), gap=st.sampled_from([";", " ; ", ";;"]))
def test_one_row_an_outfit_with_semicolons(tmp_path_factory, outfits, gap):
    rows = [(name, gap.join(items) + gap) for name, items in outfits.items()]
    assert as_dict(
        read_outfits(written(tmp_path_factory.mktemp("own"), ["outfit_id", "item_ids"], rows), CATALOGUE)
    ) == (outfits)


@settings(max_examples=30, deadline=None)
@given(outfits=lists(PLAIN))
def test_one_row_an_outfit_with_spaces(tmp_path_factory, outfits):
    rows = [(name, "  ".join(items)) for name, items in outfits.items()]
    path = written(tmp_path_factory.mktemp("own"), ["note", "outfit_id", "item_ids"], [("x", *row) for row in rows])
    assert as_dict(read_outfits(path, CATALOGUE)) == outfits


def test_parquet_of_lists_and_of_text(tmp_path):
    path = tmp_path / "outfits.parquet"
    pl.DataFrame({"outfit_id": [1, 2], "item_ids": [["a", "d e"], ["7", "08"]]}).write_parquet(path)
    assert as_dict(read_outfits(path, CATALOGUE)) == {"1": ["a", "d e"], "2": ["7", "08"]}
    pl.DataFrame({"outfit_id": [1], "item_ids": ["a;d e"]}).write_parquet(path)
    assert as_dict(read_outfits(str(path), CATALOGUE)) == {"1": ["a", "d e"]}


BAD = {
    "outfit_id,item_id\n1,a\n1,zebra\n": "row 3: outfit '1' names item 'zebra', which the catalogue does not have",
    "outfit_id,item_id\n1,a\n1,ü\n1,a\n": "row 4: outfit '1' names item 'a' a second time; remove it",
    "outfit_id,item_id\n1,a\n1,ü\n2,a\n": "row 4: outfit '2' has 1 item; an outfit needs two or more",
    "outfit_id,item_id\n1,a\n1,\n": "row 3: outfit '1' has an empty item id",
    "outfit_id,item_id\n1,a\n ,ü\n": "row 3: has no outfit_id; give it one",
    "outfit_id,item_ids\n1,a ü\n2,a zebra\n": "row 3: outfit '2' names item 'zebra', which the catalogue does not have",
    "outfit_id,item_ids\n1,a ü\n2,a;a\n": "row 3: outfit '2' names item 'a' a second time",
    "outfit_id,item_ids\n1,a ü\n1,a 7\n": "row 3: lists outfit '1' again; give it a unique id",
    "outfit_id,item_ids\n1,a ü\n2,a\n": "row 3: outfit '2' has 1 item; an outfit needs two or more",
    "outfit_id,item_ids\n1,a ü\n2,\n": "row 3: outfit '2' has no items; name them",
    "outfit_id,item_ids\n1,a ü\n2,;\n": "row 3: outfit '2' has no items; name them",
    "outfit_id,items\n1,a ü\n": "has the columns outfit_id, items; it needs outfit_id and item_id",
    "outfit_id,item_id,item_ids\n1,a,a ü\n": "has the columns outfit_id, item_id, item_ids; it needs",
    "outfit_id,item_id\n": "lists no outfits; add at least one row below the header",
    "outfit_id,item_id\n1,a,7\n": "cannot read",
    "": "cannot read",
}


@pytest.mark.parametrize("text", BAD)
def test_every_fault_is_one_sentence(tmp_path, text):
    path = tmp_path / "own.csv"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        read_outfits(path, CATALOGUE)
    message = str(caught.value)
    assert str(path) in message
    assert BAD[text] in message
    assert "\n" not in message


SHOP = Catalogue(
    pl.DataFrame(
        {
            "item_id": ["a", "b", "c", "1001"],
            "category": ["one"] * 4,
            "skus": ["A-S; A-M", "B-S", "2002; x y", "2003"],
            "product_id": ["alpha", "pair", "pair", "4"],
        }
    )
)


def test_items_of_a_list_have_several_names(tmp_path):
    path = tmp_path / "own.csv"
    for text in (
        "outfit_id,item_id\n1,A-M\n1,c\n2,alpha\n2,B-S\n2,x y\n",
        "outfit_id,item_ids\n1,A-S 2002\n2,a;b;x y\n",
        "outfit_id,item_ids\n1,alpha;x y\n2,A-S;B-S;2002\n",
    ):
        path.write_text(text)
        assert [SHOP.ids[row] for row in read_outfits(path, SHOP).items] == ["a", "c", "a", "b", "c"]
    path.write_text("outfit_id,item_id\n1,2002.0\n1,1001.0\n1,\n".removesuffix("1,\n"))  # through floats
    assert [SHOP.ids[row] for row in read_outfits(path, SHOP).items] == ["c", "1001"]
    for text, words in (
        ("1,a\n1,pair\n", "row 3: outfit '1' names 'pair', which is 2 items; name one of them: b, c"),
        ("1,a\n1,B_S\n", "row 3: outfit '1' names item 'B_S', which the catalogue does not have; did you mean 'B-S'"),
        ("1,a\n1,c\n1,A-M\n", "row 4: outfit '1' names 'A-M', but has its item 'a' already; remove it"),
    ):
        path.write_text(f"outfit_id,item_id\n{text}")
        with pytest.raises(DataError, match=re.escape(f"{path}, {words}")):
            read_outfits(path, SHOP)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"there is no file .*none\.csv"):
        read_outfits(tmp_path / "none.csv", CATALOGUE)


def test_a_list_of_outfits_as_people_export_it(tmp_path):
    catalogue = Catalogue(pl.DataFrame({"item_id": ["1", "2", "3.0"], "category": ["a", "b", "c"]}))
    (tmp_path / "own.csv").write_text("outfit_id;item_id\n7.0;1.0\n\n7.0; 2.0\n;\n")
    read = read_outfits(tmp_path / "own.csv", catalogue)
    assert (read.outfit_ids.tolist(), read.items.tolist()) == (["7"], [0, 1])
    (tmp_path / "own.csv").write_text("outfit_id,item_id\n7,1\n\n7,x\n")
    with pytest.raises(DataError, match=r"own\.csv, row 4: outfit '7' names item 'x'"):
        read_outfits(tmp_path / "own.csv", catalogue)
    (tmp_path / "own.csv").write_text("outfit_id,item_id\n7,3.0\n7,1.0\n")  # an id that is so is left so
    assert read_outfits(tmp_path / "own.csv", catalogue).items.tolist() == [2, 0]


@given(st.lists(st.lists(st.integers(0, 40), max_size=5), max_size=6))
def test_padding_keeps_every_row_and_repeats_its_first_value(rows):
    flat = np.array([value for row in rows for value in row], np.int64)
    values, mask = pad(flat, np.cumsum([0, *map(len, rows)]))
    assert [some[real].tolist() for some, real in zip(values, mask, strict=True)] == rows
    assert values.shape == mask.shape == (len(rows), max(map(len, rows), default=0))
    for some, real, row in zip(values, mask, rows, strict=True):
        assert not row or set(some[~real].tolist()) <= {row[0]}


def test_candidates_stand_behind_their_context():
    context, mask = np.array([[3, 4], [5, 5]]), np.array([[True, True], [True, False]])
    items, real = beside(context, mask, np.array([[7, 8], [9, 7]]))
    assert items.tolist() == [[3, 4, 7], [3, 4, 8], [5, 5, 9], [5, 5, 7]]
    assert real.tolist() == [[True] * 3] * 2 + [[True, False, True]] * 2


def test_a_batch_over_its_distinct_items_is_the_same_outfits():
    items = np.broadcast_to(np.array([9, 2, 9]), (2, 3))  # which no tensor may share
    batch = OutfitBatch.of(items, np.ones((2, 3), bool))
    rows, own = batch.distinct()
    assert rows.tolist() == [2, 9]
    assert rows[own.items].equal(batch.items)
    assert own.take(own.mask.any(dim=1)).items.equal(own.items)
