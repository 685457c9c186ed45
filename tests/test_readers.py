import json
from pathlib import Path

import polars as pl
import pytest

from goeswith.catalogue import GROUPS, Catalogue
from goeswith.dataset import create
from goeswith.errors import ConfigError, DataError
from goeswith.outfits import Outfits
from goeswith.readers import READERS, read
from goeswith.readers.groups import group_of

PIXEL = b"not really a picture: readers never look inside"


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def outfits_of(imported):
    return dict(imported.outfits.select("outfit_id", "item_ids").iter_rows())


def column(imported, name):
    return dict(imported.items.select("item_id", name).iter_rows())


def fail(layout, source, words, error=DataError, **options):
    with pytest.raises(error) as told:
        read(layout, source, workdir=source, **options)
    message = str(told.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message


# --- the door


def test_an_unknown_layout_names_the_known_ones(tmp_path):
    fail("vogue", tmp_path, ["'vogue'", *READERS], ConfigError)


def test_every_layout_but_the_sample_needs_a_source(tmp_path):
    for layout in set(READERS) - {"sample"}:
        with pytest.raises(ConfigError, match="needs a source"):
            read(layout, None, workdir=tmp_path)


@pytest.mark.parametrize("layout", sorted(set(READERS) - {"sample"}))
def test_a_wrong_folder_says_what_is_missing(layout, tmp_path):
    fail(layout, write(tmp_path, {"holiday.txt": "sun"}), [str(tmp_path)])
    fail(layout, tmp_path / "nowhere", [str(tmp_path / "nowhere")])


@pytest.mark.parametrize("layout", sorted(set(READERS) - {"sample"}))
def test_an_unknown_option_names_the_known_ones(layout, tmp_path):
    fail(layout, tmp_path, [layout, "'colour_of_moon'"], ConfigError, colour_of_moon="1")


def test_the_documentation_has_a_command_for_every_layout():
    text = (Path(__file__).parents[1] / "docs" / "data.md").read_text()
    assert [layout for layout in READERS if f"goeswith import {layout} " not in text] == []


def test_options_come_as_text(tmp_path):
    write(tmp_path, {"items.csv": "item_id,category\na,coat\na,coat\n"})
    assert len(read("table", tmp_path, workdir=tmp_path, **{"skip-bad": "yes"}).items) == 1
    fail("table", tmp_path, ["'skip_bad'", "yes or no", "'perhaps'"], ConfigError, skip_bad="perhaps")
    fail("fashionvc", tmp_path, ["'seed'", "number", "'one'"], ConfigError, seed="one")
    fail("table", tmp_path, ["'columns'", "as text"], ConfigError, columns="item_id")


# --- mango

PRODUCTS = (
    "cod_modelo_color,cod_color_code,des_color_specification_esp,des_agrup_color_eng,des_sex,des_age,des_line,"
    "des_fabric,des_product_category,des_product_aggregated_family,des_product_family,des_product_type,des_filename\n"
)


def product(item, kind, family, year=2019, category="Tops", fabric="P-PLANA"):
    told = f"{fabric},{category},x,{family},{kind},d/images/{year}_{item}.jpg"
    return f"{item},99,GRIS OSCURO,GREY,Female,Adult,SHE,{told}\n"


@pytest.fixture
def mango(tmp_path):
    rows = [
        product("a", "Shirt", "Shirt"),
        product("b", "Skirt", "Skirts", 2023, "Bottoms", "J-JEANS"),
        product("c", "Boots", "Footwear", 2023, "Accesories, Swim and Intimate", "C-COMPLEMENTOS").replace(
            "Accesories, Swim and Intimate", '"Accesories, Swim and Intimate"'
        ),
        product("a", "Shirt", "Shirt"),
    ]
    worn = "cod_outfit,cod_modelo_color\n1,a\n1,b\n1,b\n2,a\n3,a\n3,z\n4,c\n4,b\n"
    files = {"product_data.csv": PRODUCTS + "".join(rows), "outfit_data.csv": worn}
    return write(tmp_path, files | {f"images/{name}.jpg": PIXEL for name in ("2019_a", "2023_b")})


def test_mango_reads_attributes_and_counts_trouble(mango):
    imported = read("mango", mango, workdir=mango)
    assert outfits_of(imported) == {"1": ["a", "b"], "4": ["c", "b"]}
    assert column(imported, "title") == {
        "a": "grey dark woven shirt",
        "b": "grey dark denim skirt",
        "c": "grey dark boots",
    }
    assert column(imported, "group") == {"a": "top", "b": "bottom", "c": "shoes"}
    assert column(imported, "season") == {"a": "2019", "b": "2023", "c": "2023"}
    assert imported.images == {"a": mango / "images/2019_a.jpg", "b": mango / "images/2023_b.jpg"}
    assert imported.skipped == {
        "items whose id stands twice": 1,
        "rows that repeat an item of an outfit": 1,
        "outfits naming an unknown item": 1,
        "outfits of one item": 1,
        "pictures that are not there": 1,
    }


def test_mango_without_a_column_or_a_file_says_so(mango):
    write(mango, {"outfit_data.csv": "cod_outfit,item\n1,a\n"})
    fail("mango", mango, ["cod_modelo_color"])
    (mango / "outfit_data.csv").unlink()
    fail("mango", mango, ["outfit_data.csv", "product_data.csv"])


# --- ccp


def test_ccp_makes_an_outfit_of_a_photo(tmp_path):
    crops = [("1", "coat"), ("1", "shoes"), ("2", "dress"), ("3", "bag"), ("3", "jeans")]
    rows = [
        {
            "outfit": photo,
            "file": f"{photo}_{label}.jpg",
            "label": label,
            "group": "x",
            "area": 0.1,
            "mean_rgb": [1, 2.5, 3],
        }
        for photo, label in crops
    ]
    write(tmp_path, {"items.json": json.dumps(rows), "crops/1_coat.jpg": PIXEL})
    imported = read("ccp", tmp_path, workdir=tmp_path)
    assert outfits_of(imported) == {"1": ["1_coat", "1_shoes"], "3": ["3_bag", "3_jeans"]}
    assert column(imported, "group") == {
        "1_coat": "outer", "1_shoes": "shoes", "2_dress": "dress", "3_bag": "bag", "3_jeans": "bottom",
    }  # fmt: skip
    assert (imported.skipped["outfits of one item"], imported.skipped["pictures that are not there"]) == (1, 4)


@pytest.mark.parametrize("text", ["[", "{}", "[1, 2]", '[{"outfit": "1"}]'])
def test_ccp_with_a_broken_list_says_so(text, tmp_path):
    fail("ccp", write(tmp_path, {"items.json": text, "crops/x": ""}), ["items.json"])


# --- fashionvc and expfashion

TRIPLETS = {
    "train_ijk_shuffled_811.txt": "1.0\t11.0\t12.0\t\r\n1.0\t11.0\t13.0\t\r\n2.0\t12.0\t11.0\t\r\n",
    "valid_ijk_shuffled_811.txt": "2.0\t13.0\t11.0\t\r\n",
    "test_ijk_shuffled_811.txt": "3.0\t13.0\t12.0\t\r\n3.0\t13.0\t11.0\t\r\n",
}


@pytest.fixture
def fashionvc(tmp_path):
    words = {
        "top_id.txt": "1.0\r\n2.0\r\n3.0\r\n",
        "top_text.txt": "silk shirt\r\n\r\nwool coat\r\n",
        "bottom_id.txt": "11.0\r\n12.0\r\n",
        "bottom_text.txt": "blue jeans\r\nred dress\r\n",
        "item_category.txt": "1\tshirt\t\r\n2\r\n3\tcoats\t\r\n11\tjeans\t\r\n12\tday dresses\t",
        "item_color.txt": "1\twhite\t\r\n2\tblack\t\r\nbroken\r\n",
    }
    return write(tmp_path, TRIPLETS | words)


def test_fashionvc_pairs_sides_and_labels(fashionvc):
    imported = read("fashionvc", fashionvc, workdir=fashionvc)
    assert outfits_of(imported) == {"1-11": ["1", "11"], "2-12": ["2", "12"], "2-13": ["2", "13"], "3-13": ["3", "13"]}
    assert imported.outfits["split"].to_list() == ["train", "train", "valid", "test"]
    assert column(imported, "group") == {
        "1": "top", "2": "top", "3": "top", "11": "bottom", "12": "bottom", "13": "bottom",
    }  # fmt: skip
    assert column(imported, "category")["2"] == "top"
    assert column(imported, "category")["13"] == "bottom"
    assert column(imported, "title") == {
        "1": "silk shirt", "2": None, "3": "wool coat", "11": "blue jeans", "12": "red dress", "13": None,
    }  # fmt: skip
    assert imported.skipped["lines of item_category.txt without a label"] == 1
    assert imported.skipped["lines of item_color.txt without a label"] == 1
    assert any("2 items have no text" in note for note in imported.notes)


def test_fashionvc_triplets_become_shuffled_questions(fashionvc):
    imported = read("fashionvc", fashionvc, workdir=fashionvc)
    assert set(imported.questions) == {f"official-{split}-triplet" for split in ("train", "valid", "test")}
    asked = imported.questions["official-test-triplet"]
    assert asked["context"].to_list() == [["3"], ["3"]]
    assert asked["outfit_id"].to_list() == ["3-13", "3-13"]
    for row, other in zip(asked.iter_rows(named=True), ("12", "11"), strict=True):
        assert set(row["candidates"]) == {"13", other}
        assert row["candidates"][row["answer"]] == "13"
        assert (row["task"], row["negatives"], row["position"], row["label"]) == ("triplet", "official", 1, None)


def test_the_answer_stands_first_about_half_of_the_time(fashionvc):
    lines = "".join(f"{row}.0\t{1000 + row}.0\t{3000 + row}.0\t\n" for row in range(400))
    write(fashionvc, {"train_ijk_shuffled_811.txt": lines})
    first, again, other = (
        read("fashionvc", fashionvc, workdir=fashionvc, seed=seed).questions["official-train-triplet"]
        for seed in (0, 0, 1)
    )
    assert 150 < (first["answer"] == 0).sum() < 250
    assert first.equals(again)
    assert not first.equals(other)


def test_a_short_triplet_and_a_lost_line_are_told(fashionvc):
    write(fashionvc, {"top_text.txt": "silk shirt\r\n"})
    fail("fashionvc", fashionvc, ["top_text.txt", "1 lines for the 3 ids"])
    write(fashionvc, {"valid_ijk_shuffled_811.txt": "1.0\t2.0\t3.0\n1.0\t2.0\n"})
    fail("fashionvc", fashionvc, ["valid_ijk_shuffled_811.txt, line 2", "2 fields"])


def test_expfashion_has_colours_only(tmp_path):
    write(
        tmp_path,
        TRIPLETS | {"top_color.txt": "1\tblack\n2\tred\n9\tgray\n", "bottom_color.txt": "11\tblue\n12\n13\tolive\n"},
    )
    imported = read("expfashion", tmp_path, workdir=tmp_path)
    assert column(imported, "title") == {
        "1": "black top", "2": "red top", "9": "gray top", "11": "blue bottom", "13": "olive bottom", "3": "top",
        "12": "bottom",
    }  # fmt: skip
    assert imported.skipped["lines of bottom_color.txt without a label"] == 1
    assert any("2 items have no colour" in note for note in imported.notes)


# --- polyvore-maryland


def full_outfit(set_id, *items):
    told = [
        {"index": index, "name": name, "price": price, "likes": 3, "categoryid": code, "image": f"http://x/tid={index}"}
        for index, name, price, code in items
    ]
    return {"set_id": set_id, "name": "look", "items": told}


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
    assert imported.skipped["items that are not worn"] == 1
    assert imported.skipped["validation and test outfits without a top and a bottom"] == 1
    notes = " ".join(imported.notes)
    assert "found named_items.parquet: 6 items of 3 outfits" in notes
    assert "missing of the full publication: train_no_dup.json, test_no_dup.json, images/" in notes
    assert "1 train, 1 valid, 1 test" in notes


def test_maryland_official_questions_over_the_items_that_are_known(maryland):
    imported = read("polyvore-maryland", maryland, workdir=maryland, alike="no")
    asked = imported.questions["official-test-fitb"]
    assert asked["question_id"].to_list() == ["test-fitb-1"]
    row = asked.row(0, named=True)
    assert (row["outfit_id"], row["context"], row["position"]) == ("3", ["3_1", "3_3"], 1)
    assert sorted(row["candidates"]) == ["1_1", "3_2", "4_1", "4_2"]
    assert row["candidates"][row["answer"]] == "3_2"
    assert imported.skipped["fill_in_blank_test.json: questions without exactly one right answer"] == 1
    assert imported.skipped["fill_in_blank_test.json: questions naming an item that is not here"] == 1
    whole = imported.questions["official-test-compat"]
    assert whole["label"].to_list() == [1, 0]
    assert whole["context"].to_list() == [["3_1", "3_2", "3_3"], ["3_1", "4_2", "1_2"]]
    assert whole["outfit_id"].to_list() == ["3", "test-mixed-2"]
    assert imported.skipped["fashion_compatibility_prediction.txt: outfits naming an item that is not here"] == 1


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


# --- polyvore-outfits


@pytest.fixture
def polyvore(tmp_path):
    worn = {"train": {"1": ["a", "b"], "2": ["c", "c", "b"]}, "test": {"3": ["a", "d", "e"], "4": ["b", "c"]}}
    files = {"categories.csv": "11,top,tops\n11,shirt,tops\n27,jeans,bottoms\n43,pump,shoes\n62,necklace,jewellery \n"}
    for split, outfits in worn.items():
        rows = [
            {"set_id": name, "items": [{"item_id": item, "index": place} for place, item in enumerate(items, start=1)]}
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
    told = {"a": ("11", "white shirt", ""), "b": ("27", "", "slim jeans"), "c": ("43", "", ""), "d": ("62", "x", "y")}
    metadata = {
        item: {"category_id": code, "title": title, "url_name": url} for item, (code, title, url) in told.items()
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
    asked = imported.questions["official-test-fitb"].row(0, named=True)
    assert (asked["context"], asked["position"], sorted(asked["candidates"])) == (["a", "e"], 1, ["b", "c", "d"])
    assert asked["candidates"][asked["answer"]] == "d"
    assert imported.skipped["fill_in_blank_test.json: questions naming an item that is not here"] == 1
    assert (
        imported.skipped["fill_in_blank_test.json: questions that offer an item twice, or one that is worn already"]
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


# --- fashion-products


def test_fashion_products_survives_commas_short_rows_and_quotes(tmp_path):
    rows = [
        "id,gender,masterCategory,subCategory,baseColour,season,usage,productDisplayName,,",
        "1,Men,Apparel,Topwear,Navy Blue,Fall,Casual,Plain Shirt,,",
        "2,Men,Apparel,Shoes,White,,NA,Runner, with laces,",
        '3,Women,Apparel,Bags,Red,Fall,Casual,A 5" bag,,',
        "4,Women,Apparel",
        "1,Men,Apparel,Topwear,Navy Blue,Fall,Casual,Plain Shirt,,",
        "5,Women,Apparel,,Red,Fall,Casual,No kind,,",
        "6,Women,Apparel,Watches,Red,Fall,Casual,,,",
    ]
    write(tmp_path, {"styles.csv": "\r\n".join(rows) + "\r\n", "images/1.jpg": PIXEL})
    imported = read("fashion-products", tmp_path, workdir=tmp_path)
    assert column(imported, "title") == {"1": "Plain Shirt", "2": "Runner, with laces", "3": 'A 5" bag', "6": None}
    assert column(imported, "season")["2"] is None
    assert column(imported, "usage")["2"] is None
    assert set(imported.images) == {"1"}
    assert list(imported.skipped.values()) == [1, 1, 1]
    assert "1 names hold a comma" in imported.notes
    dataset = create(imported, tmp_path / "dest", layout="fashion-products")
    assert (len(dataset.catalogue), len(dataset.outfits)) == (4, 0)


# --- table

ITEMS = "sku,category,title,price,image,shelf\na,coat,warm,10,red/a.jpg,1\nb,boots,,x,b.png,2\nc,scarf,soft,-1,,3\n"
SKU = {"item_id": "sku"}


@pytest.fixture
def shop(tmp_path):
    worn = "outfit_id,item_id,split\n1,a,train\n1,b,train\n2,b,val\n2,c,val\n2,c,val\n"
    pictures = {"images/red/a.jpg": PIXEL}
    return write(tmp_path, {"items.csv": ITEMS, "outfits.csv": worn.replace("item_id", "sku")} | pictures)


def test_table_reads_long_outfits_pictures_and_further_columns(shop):
    imported = read("table", shop, workdir=shop, columns=SKU)
    assert outfits_of(imported) == {"1": ["a", "b"], "2": ["b", "c"]}
    assert imported.outfits["split"].to_list() == ["train", "valid"]
    assert column(imported, "price") == {"a": 10, "b": None, "c": None}
    assert column(imported, "group") == {"a": "outer", "b": "shoes", "c": "accessory"}
    assert column(imported, "shelf") == {"a": "1", "b": "2", "c": "3"}
    assert imported.images == {"a": shop / "images/red/a.jpg"}
    assert imported.skipped["pictures that are named but not there"] == 1
    assert imported.skipped["outfits.csv: items named twice in one outfit"] == 1
    assert "2 prices are no number from 0 up and count as unknown" in imported.notes
    assert "1 items have no title" in imported.notes
    assert len(create(imported, shop / "dest", layout="table").outfits) == 2


@pytest.mark.parametrize("form", ["text", "lists", "long"])
def test_table_outfits_in_every_form_say_the_same(form, tmp_path):
    items = pl.DataFrame({"item_id": [1, 2, 3], "category": ["coat", "bag", "hat"]})
    items.write_parquet(tmp_path / "items.parquet")
    if form == "text":
        write(tmp_path, {"outfits.csv": "outfit_id,item_ids,source\nx,1; 2;,me\ny,3;2;1,you\n"})
    elif form == "lists":
        table = pl.DataFrame({"outfit_id": ["x", "y"], "item_ids": [[1, 2], [3, 2, 1]], "source": ["me", "you"]})
        table.write_parquet(tmp_path / "outfits.parquet")
    else:
        write(tmp_path, {"outfits.csv": "outfit_id,item_id,source\nx,1,me\ny,3,you\nx,2,me\ny,2,you\ny,1,you\n"})
    imported = read("table", tmp_path, workdir=tmp_path)
    assert outfits_of(imported) == {"x": ["1", "2"], "y": ["3", "2", "1"]}
    assert imported.outfits["source"].to_list() == ["me", "you"]


def test_table_without_an_image_column_finds_pictures_by_id(tmp_path):
    write(tmp_path, {"goods.csv": "item_id,category\na/1,coat\nb.2,bag\nc,hat\n"})
    write(tmp_path, {"photos/b.2.PNG": PIXEL, "photos/c.txt": "no picture", "photos/deep/c.jpeg": PIXEL})
    imported = read("table", tmp_path / "goods.csv", workdir=tmp_path, images=str(tmp_path / "photos"))
    assert imported.images == {"b.2": tmp_path / "photos/b.2.PNG", "c": tmp_path / "photos/deep/c.jpeg"}
    assert "a catalogue without outfits" in imported.notes[0]


def test_a_mapped_column_does_not_lose_the_one_whose_name_it_takes(tmp_path):
    write(tmp_path, {"items.csv": "item_id,category,kind\na,outerwear,coat\n"})
    imported = read("table", tmp_path, workdir=tmp_path, columns={"category": "kind"})
    assert (column(imported, "category"), column(imported, "other_category")) == ({"a": "coat"}, {"a": "outerwear"})


BAD_ITEMS = [
    ("item_id,category\na,coat\n,bag\n", ["items.csv, row 2", "item_id", "empty"]),
    ("item_id,category\na,coat\nb,bag\na,hat\n", ["items.csv, row 3", "'a'", "must be unique"]),
    ("item_id,category\na,coat\nb, \n", ["items.csv, row 2", "category", "empty"]),
    ("item_id,category,group\na,coat,outer\nb,bag,sack\n", ["items.csv, row 2", "'sack'", *GROUPS]),
    ("item_id,category,image\na,coat,../../etc/passwd\n", ["items.csv, row 1", "outside the picture folder"]),
    ("item_id,category,image\na,coat,x/..\\..\\b.jpg\n", ["items.csv, row 1", "outside the picture folder"]),
    ("item_id,category,image\na,coat,/etc/passwd\n", ["items.csv, row 1", "outside the picture folder"]),
]


@pytest.mark.parametrize(("text", "words"), BAD_ITEMS)
def test_a_bad_item_stops_the_import_or_is_counted(text, words, tmp_path):
    write(tmp_path, {"items.csv": text, "images/x.jpg": PIXEL})
    fail("table", tmp_path, [*words, "skip_bad"])
    imported = read("table", tmp_path, workdir=tmp_path, skip_bad=True)
    assert sum(imported.skipped.values()) == 1
    assert len(imported.items) == text.count("\n") - 2


BAD_OUTFITS = [
    ("outfit_id,item_id\n1,a\n1,b\n2,a\n2,z\n", ["outfits.csv, row 4", "'z'", "items.csv", "add the item"]),
    ("outfit_id,item_id\n1,a\n1,b\n2,a\n", ["outfits.csv, row 3", "'2'", "fewer than two"]),
    ("outfit_id,item_id\n1,a\n1,b\n2,b\n2,b\n", ["outfits.csv, row 3", "'2'", "fewer than two"]),
    ("outfit_id,item_id\n1,a\n1,b\n,b\n", ["outfits.csv, row 3", "outfit_id", "empty"]),
    ("outfit_id,item_id\n1,a\n1,b\n1,\n", ["outfits.csv, row 3", "item_id", "empty"]),
    ("outfit_id,item_id,split\n1,a,\n1,b,\n2,a,often\n2,b,often\n", ["outfits.csv, row 3", "'often'", "train, valid"]),
    ("outfit_id,item_id,split\n1,a,\n1,b,\n2,a,test\n2,b,train\n", ["outfits.csv, row 3", "'2'", "two splits"]),
    ("outfit_id,item_ids\n1,a;b\n2,a;z\n", ["outfits.csv, row 2", "'z'"]),
    ("outfit_id,item_ids\n1,a;b\n2,\n", ["outfits.csv, row 2", "'2'", "fewer than two"]),
    ("outfit_id,item_ids\n1,a;b\n1,b;a\n", ["outfits.csv, row 2", "'1'", "earlier row"]),
]


@pytest.mark.parametrize(("text", "words"), BAD_OUTFITS)
def test_a_bad_outfit_stops_the_import_or_is_counted(text, words, tmp_path):
    write(tmp_path, {"items.csv": "item_id,category\na,coat\nb,bag\n", "outfits.csv": text})
    fail("table", tmp_path, [*words, "skip_bad"])
    imported = read("table", tmp_path, workdir=tmp_path, skip_bad=True)
    assert outfits_of(imported) == {"1": ["a", "b"]}
    assert sum(count for reason, count in imported.skipped.items() if "named twice" not in reason) == 1


def test_table_troubles_with_files_and_columns(tmp_path):
    write(tmp_path, {"items.csv": "sku,kind\na,coat\n", "outfits.csv": "outfit_id,sku\n1,a\n"})
    fail("table", tmp_path, ["items.csv", "'item_id'", "sku, kind", "--column"])
    fail("table", tmp_path, ["'ean'", "item_id", "kind, outfit_id, sku"], ConfigError, columns={"item_id": "ean"})
    fail("table", tmp_path, ["photos"], images="photos")
    fail("table", tmp_path, ["missing.csv"], outfits=tmp_path / "missing.csv", columns=SKU | {"category": "kind"})
    write(tmp_path, {"items.csv": "item_id,category\na,coat\nb,bag,red,blue\n"})
    fail("table", tmp_path, ["items.csv", "row 2 has 4 fields where the header has 2"])
    write(tmp_path, {"items.csv": "item_id;category\na;coat\n"})
    fail("table", tmp_path, ["items.csv separates its fields by ;", "commas"])
    (tmp_path / "items.csv").write_text("item_id,category\n")
    fail("table", tmp_path, ["items.csv lists no item", "below the header"], skip_bad=True)
    write(tmp_path, {"items.csv": b"item_id,category\na,co\xff\xfeat\n"})
    fail("table", tmp_path, ["items.csv"])
    write(tmp_path, {"items.csv": ""})
    fail("table", tmp_path, ["items.csv"])
    write(tmp_path, {"items.parquet": "not parquet"})
    fail("table", tmp_path, ["both items.csv and items.parquet"])
    (tmp_path / "items.csv").unlink()
    fail("table", tmp_path, ["items.parquet"])


# --- groups


def test_groups_of_categories_as_publishers_write_them():
    expected = {
        "Men's Dress Shoes": "shoes", "Cocktail Dresses": "dress", "dressers": "other", "Mini Skirts": "bottom",
        "t-shirts": "top", "Leather Jacket": "outer", "Tote Bags": "bag", "Bracelets & Bangles": "accessory",
        "Throw Pillows": "other", "Capri & Cropped Pants": "bottom", "Pyjama Shirt": "other", "Caps": "accessory",
        "Earrings": "accessory", "Napkin Rings": "other", "Ankle Booties": "shoes", "sweatpants": "bottom", "": "other",
    }  # fmt: skip
    table = pl.DataFrame({"category": list(expected)}).with_columns(group=group_of(pl.col("category")))
    assert dict(table.iter_rows()) == expected


# --- the published files


def check(imported):
    """The tables fit each other as the folder needs them."""
    catalogue = Catalogue(imported.items)
    assert set(catalogue.items["group"].unique()) <= set(GROUPS)
    return catalogue, Outfits.from_frame(imported.outfits, catalogue)


@pytest.mark.real
def test_real_mango(real, tmp_path):
    imported = read("mango", real / "mango", workdir=tmp_path)
    catalogue, outfits = check(imported)
    assert (len(catalogue), len(outfits), len(catalogue.categories), len(imported.images)) == (9222, 6654, 123, 9222)
    assert sum(imported.skipped.values()) == 0
    assert catalogue.items["season"].null_count() == 0


@pytest.mark.real
def test_real_ccp(real, tmp_path):
    imported = read("ccp", real / "ccp", workdir=tmp_path)
    catalogue, outfits = check(imported)
    assert (len(catalogue), len(catalogue.categories), len(imported.images)) == (3421, 35, 3421)
    assert (len(outfits), imported.skipped["outfits of one item"]) == (863, 3)
    assert "other" not in set(catalogue.items["group"])


@pytest.mark.real
@pytest.mark.parametrize(
    ("layout", "triplets", "pairs", "sides"),
    [
        ("fashionvc", (49_716, 6_213, 6_216), 20_715, (14_870, 13_662)),
        ("expfashion", (48_000, 6_000, 6_000), 20_000, (29_112, 20_902)),
    ],
)
def test_real_triplets(real, tmp_path, layout, triplets, pairs, sides):
    imported = read(layout, real / layout, workdir=tmp_path)
    _, outfits = check(imported)
    assert tuple(len(table) for table in imported.questions.values()) == triplets
    assert (len(outfits), 3 * len(outfits)) == (pairs, sum(triplets))
    assert tuple((imported.items["group"] == side).sum() for side in ("top", "bottom")) == sides


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


@pytest.mark.real
def test_real_polyvore_outfits_and_fashion_products(real, tmp_path):
    imported = read("polyvore-outfits", real / "polyvore-outfits", workdir=tmp_path)
    _, outfits = check(imported)
    assert (len(outfits), len(imported.questions["official-valid-compat"])) == (5000, 10_000)
    goods, _ = check(read("fashion-products", real / "fashion-products", workdir=tmp_path))
    assert len(goods) == 44_446
