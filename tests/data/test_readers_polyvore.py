"""Readers of users' outfits: polyvore-maryland, polyvore-outfits."""

import json

import polars as pl
import pytest
from folders import PIXEL, check, column, fail, outfits_of, write

from goeswith.data.readers import read
from goeswith.errors import ConfigError

# --- polyvore-maryland


def full_outfit(set_id, *items):
    rows = [
        {"index": index, "name": name, "price": price, "likes": 3, "categoryid": code, "image": f"http://x/tid={index}"}
        for index, name, price, code in items
    ]
    return {"set_id": set_id, "name": "look", "items": rows}


@pytest.fixture
def maryland(tmp_path):
    """Set 1 trains, 2 is valid, 3 and 4 test; named_items.parquet has parts of 1, 2 and 3."""
    named = pl.DataFrame(
        {
            "set_id": [1, 1, 1, 2, 3, 3],
            "clothingItemIndex": [1, 2, 3, 1, 1, 3],
            "clothingItemName": ["silk top", "blue jeans", " ", "knit top", "lace top", "mini skirt"],
            "clothingItemPrice": [10.0, -1.0, 5.0, 7.0, -1.0, 9.0],
            "clothingItemLikes": [1, 2, 3, 4, 5, 6],
            "clothingItemCategoryId": [11, 27, 2, 11, 11, 8],
            "type": pl.Series(["top", "pants", "hats", "top", "top", "skirt"], dtype=pl.Categorical),
        }
    )
    named.write_parquet(tmp_path / "named_items.parquet")
    valid = [full_outfit("2", (1, "knit top", 7, 11), (2, "", -1, 27), (4, "oak table", 80.5, 118))]
    roles = {
        "3": {"upper": {"index": 1, "name": "lace top"}, "shoe": {"index": 2, "name": "red pumps"}},
        "4": {"bottom": {"index": 1, "name": "long gown"}, "shoe": {"index": 2, "name": "black pumps"}},
    }
    codes = [
        {"set_id": "3", "items_index": [1, 2, 3, 4], "items_category": [11, 43, 8, 37]},
        {"set_id": "4", "items_index": [1, 2], "items_category": [6, 43]},
    ]
    questions = [
        {"question": ["3_1", "3_3"], "answers": ["3_2", "4_2", "1_1", "4_1"], "blank_position": 2},
        {"question": ["3_1", "3_3"], "answers": ["3_4", "4_2", "1_1", "4_1"], "blank_position": 4},
        {"question": ["4_1"], "answers": ["3_2", "9_2", "1_1", "3_1"], "blank_position": 2},
    ]
    files = {
        "valid_no_dup.json": json.dumps(valid),
        "test_no_dup_with_category_3more_name.json": json.dumps(roles),
        "test_no_dup_new_100.json": json.dumps(codes),
        "train_no_dup_new_100.json": json.dumps([{"set_id": "1", "items_index": [1, 5], "items_category": [11, 37]}]),
        "fill_in_blank_test.json": json.dumps(questions),
        "fashion_compatibility_prediction.txt": "1 3_1 3_2 3_3\n0 3_1 4_2 1_2 \n0 3_1 8_8\n",
        "category_id.txt": "2 Clothing\n6 Gowns\n8 Mini Skirts\n11 Tops\n27 Jeans\n37 Bags\n43 Pumps\n118 Tables\n",
    }
    return write(tmp_path, files)


def test_maryland_words_put_the_files_together(maryland):
    imported = read("polyvore-maryland", maryland, workdir=maryland)
    assert outfits_of(imported) == {"1": ["1_1", "1_2", "1_3"], "2": ["2_1", "2_2"], "3": ["3_1", "3_2", "3_3"]}
    assert imported.outfits["split"].to_list() == ["train", "valid", "test"]
    assert column(imported, "category")["3_2"] == "Pumps"
    assert column(imported, "group")["1_3"] == "accessory"  # a hat that its category only calls clothing
    assert column(imported, "title")["1_3"] is None
    assert column(imported, "price") == {
        "1_1": 10,
        "1_2": None,
        "1_3": 5,
        "2_1": 7,
        "2_2": None,
        "3_1": None,
        "3_2": None,
        "3_3": 9,
    }
    assert imported.skipped["items whose name is not published"] == 2
    assert imported.skipped["items in no outfit"] == 1
    assert imported.skipped["validation and test outfits without a top and a bottom"] == 1
    notes = " ".join(imported.notes)
    assert "found named_items.parquet: 6 items of 3 outfits" in notes
    assert "missing from the full publication: train_no_dup.json, test_no_dup.json, images/" in notes
    assert "1 train, 1 valid, 1 test" in notes


def test_maryland_official_questions_over_the_items_that_are_known(maryland):
    imported = read("polyvore-maryland", maryland, workdir=maryland, alike="no")
    questions = imported.questions["official-test-fitb"]
    assert questions["question_id"].to_list() == ["test-fitb-1"]
    row = questions.row(0, named=True)
    assert (row["outfit_id"], row["context"], row["position"]) == ("3", ["3_1", "3_3"], 1)
    assert sorted(row["candidates"]) == ["1_1", "3_2", "4_1", "4_2"]
    assert row["candidates"][row["answer"]] == "3_2"
    assert imported.skipped["fill_in_blank_test.json: questions without exactly one right answer"] == 1
    assert imported.skipped["fill_in_blank_test.json: questions that name an unknown item"] == 1
    whole = imported.questions["official-test-compat"]
    assert whole["label"].to_list() == [1, 0]
    assert whole["context"].to_list() == [["3_1", "3_2", "3_3"], ["3_1", "4_2", "1_2"]]
    assert whole["outfit_id"].to_list() == ["3", "test-mixed-2"]
    assert imported.skipped["fashion_compatibility_prediction.txt: outfits that name an unknown item"] == 1


def test_maryland_categories_and_full_variants(maryland):
    by_category = read("polyvore-maryland", maryland, workdir=maryland, variant="categories")
    assert outfits_of(by_category)["3"] == ["3_1", "3_2", "3_3", "3_4"]
    assert outfits_of(by_category)["2"] == ["2_1", "2_2", "2_4"]
    assert len(by_category.questions["official-test-fitb"]) == 2
    fail("polyvore-maryland", maryland, ["train_no_dup.json, test_no_dup.json", "'full'"], variant="full")
    fail("polyvore-maryland", maryland, ["'huge'", "full, words, categories"], ConfigError, variant="huge")
    outfit = full_outfit("5", (1, "top", 1, 11), (2, "jeans", 2, 27))
    other = full_outfit("3", (1, "lace top", 3, 11), (2, "pumps", 4, 43))
    write(maryland, {"train_no_dup.json": json.dumps([outfit]), "test_no_dup.json": json.dumps([other])})
    write(maryland, {"images/5/1.jpg": PIXEL, "images/3/2.jpg": PIXEL, "images/77/1.jpg": PIXEL})
    full = read("polyvore-maryland", maryland, workdir=maryland)
    assert full.notes[0] == "variant: full"
    assert set(full.images) == {"5_1", "3_2"}
    assert "2_4" in column(full, "title")


def test_maryland_without_any_outfits_or_with_a_broken_file_says_so(maryland, tmp_path):
    fail("polyvore-maryland", write(tmp_path / "empty", {"category_id.txt": "2 Clothing\n"}), ["named_items.parquet"])
    for text in ("{", "[1]", '[{"items": 3}]'):
        fail("polyvore-maryland", write(maryland, {"valid_no_dup.json": text}), ["valid_no_dup.json"])
    (maryland / "valid_no_dup.json").unlink()
    fail("polyvore-maryland", write(maryland, {"fill_in_blank_test.json": "[[1]]"}), ["fill_in_blank_test.json"])
    (maryland / "fill_in_blank_test.json").unlink()
    bad = {"fashion_compatibility_prediction.txt": "1 3_1 3_2\n7 3_1 3_2\n"}
    fail("polyvore-maryland", write(maryland, bad), ["fashion_compatibility_prediction.txt, line 2"])


@pytest.mark.real
def test_real_maryland(real, tmp_path):
    imported = read("polyvore-maryland", real / "polyvore-maryland", workdir=tmp_path)
    check(imported)
    sizes = dict(imported.outfits["split"].value_counts().iter_rows())
    assert sizes == {"train": 5791, "valid": 679, "test": 1242}
    everything = read("polyvore-maryland", real / "polyvore-maryland", workdir=tmp_path, alike=False)
    assert dict(everything.outfits["split"].value_counts().iter_rows()) == {"train": 5791, "valid": 1296, "test": 2433}
    assert len(everything.questions["official-test-fitb"]) == 97
    by_category = read("polyvore-maryland", real / "polyvore-maryland", workdir=tmp_path, variant="categories")
    assert len(by_category.questions["official-test-fitb"]) == 810


# --- polyvore-outfits


@pytest.fixture
def polyvore(tmp_path):
    worn = {"train": {"1": ["a", "b"], "2": ["c", "c", "b"]}, "test": {"3": ["a", "d", "e"], "4": ["b", "c"]}}
    files = {"categories.csv": "11,top,tops\n11,shirt,tops\n27,jeans,bottoms\n43,pump,shoes\n62,necklace,jewellery \n"}
    for split, outfits in worn.items():
        rows = [
            {"set_id": name, "items": [{"item_id": item, "index": index} for index, item in enumerate(items, start=1)]}
            for name, items in outfits.items()
        ]
        files[f"nondisjoint/{split}.json"] = json.dumps(rows)
    questions = [
        {"question": ["3_1", "3_3"], "answers": ["4_1", "3_2", "4_2"], "blank_position": 2},
        {"question": ["4_1"], "answers": ["4_2", "3_1", "3_9"], "blank_position": 2},
        {"question": ["3_2", "3_3"], "answers": ["4_1", "3_1", "4_1"], "blank_position": 1},
    ]
    files["nondisjoint/fill_in_blank_test.json"] = json.dumps(questions)
    files["nondisjoint/compatibility_test.txt"] = "1 3_1 3_2 3_3\n0 4_1 3_2\n"
    described = {
        "a": ("11", "white shirt", ""),
        "b": ("27", "", "slim jeans"),
        "c": ("43", "", ""),
        "d": ("62", "x", "y"),
    }
    metadata = {
        item: {"category_id": code, "title": title, "url_name": url} for item, (code, title, url) in described.items()
    }
    files["polyvore_item_metadata.json"] = json.dumps(metadata)
    return write(tmp_path, files | {"images/a.jpg": PIXEL})


def test_polyvore_outfits_reads_items_splits_and_questions(polyvore):
    imported = read("polyvore-outfits", polyvore, workdir=polyvore)
    assert outfits_of(imported) == {"1": ["a", "b"], "2": ["c", "b"], "3": ["a", "d", "e"], "4": ["b", "c"]}
    assert imported.outfits["split"].to_list() == ["train", "train", "test", "test"]
    assert column(imported, "category") == {
        "a": "top/shirt",
        "b": "jeans",
        "c": "pump",
        "d": "necklace",
        "e": "unknown",
    }
    assert column(imported, "group") == {"a": "top", "b": "bottom", "c": "shoes", "d": "accessory", "e": "other"}
    assert column(imported, "title") == {"a": "white shirt", "b": "slim jeans", "c": None, "d": "x", "e": None}
    assert set(imported.images) == {"a"}
    questions = imported.questions["official-test-fitb"].row(0, named=True)
    assert (questions["context"], questions["position"], sorted(questions["candidates"])) == (
        ["a", "e"],
        1,
        ["b", "c", "d"],
    )
    assert questions["candidates"][questions["answer"]] == "d"
    assert imported.skipped["fill_in_blank_test.json: questions that name an unknown item"] == 1
    assert (
        imported.skipped[
            "fill_in_blank_test.json: questions that offer an item twice, or one that is already in the outfit"
        ]
        == 1
    )
    assert imported.questions["official-test-compat"]["context"].to_list() == [["a", "d", "e"], ["b", "d"]]
    assert any("valid.json" in note for note in imported.notes)


def test_polyvore_outfits_variants(polyvore):
    fail("polyvore-outfits", polyvore, ["no folder disjoint"], variant="disjoint")
    fail("polyvore-outfits", polyvore, ["'both'", "nondisjoint, disjoint"], ConfigError, variant="both")
    outfit = [{"set_id": "9", "items": [{"item_id": "a", "index": 1}, {"item_id": "c", "index": 2}]}]
    write(polyvore, {"disjoint/valid.json": json.dumps(outfit)})
    assert outfits_of(read("polyvore-outfits", polyvore, workdir=polyvore, variant="disjoint")) == {"9": ["a", "c"]}
    flat = write(polyvore / "flat", {"valid.json": json.dumps(outfit), "categories.csv": "11,top,tops\n"})
    write(flat, {"train_category.json": json.dumps({"a": "11"})})
    assert column(read("polyvore-outfits", flat, workdir=flat), "category") == {"a": "top", "c": "unknown"}


def test_polyvore_outfits_with_a_broken_file_says_so(polyvore):
    fail("polyvore-outfits", write(polyvore, {"polyvore_item_metadata.json": "[]"}), ["polyvore_item_metadata.json"])
    for text in ("{}", "[3]", '[{"set_id": "1"}]'):
        fail("polyvore-outfits", write(polyvore, {"nondisjoint/train.json": text}), ["train.json"])


@pytest.mark.real
def test_real_polyvore_outfits(real, tmp_path):
    imported = read("polyvore-outfits", real / "polyvore-outfits", workdir=tmp_path)
    _, outfits = check(imported)
    assert (len(outfits), len(imported.questions["official-valid-compat"])) == (5000, 10_000)
