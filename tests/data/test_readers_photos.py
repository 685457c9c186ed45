"""Readers of packshots and street photos: mango, ccp, fashion-products."""

import json

import pytest
from folders import PIXEL, check, column, fail, outfits_of, write

from goeswith.data.dataset import create
from goeswith.data.readers import read

# --- mango

PRODUCTS = (
    "cod_modelo_color,cod_color_code,des_color_specification_esp,des_agrup_color_eng,des_sex,des_age,des_line,"
    "des_fabric,des_product_category,des_product_aggregated_family,des_product_family,des_product_type,des_filename\n"
)


def product(item, kind, family, year=2019, category="Tops", fabric="P-PLANA"):
    details = f"{fabric},{category},x,{family},{kind},d/images/{year}_{item}.jpg"
    return f"{item},99,GRIS OSCURO,GREY,Female,Adult,SHE,{details}\n"


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
        "items with a duplicate id": 1,
        "rows that repeat an item of an outfit": 1,
        "outfits that name an unknown item": 1,
        "outfits with a single item": 1,
        "missing pictures": 1,
    }
    assert "source" not in imported.outfits.columns
    by_season = read("mango", mango, workdir=mango, by_season="yes")
    assert dict(by_season.outfits.select("outfit_id", "source").iter_rows()) == {"1": "2019", "4": "2023"}


def test_mango_without_a_column_or_a_file_says_so(mango):
    write(mango, {"outfit_data.csv": "cod_outfit,item\n1,a\n"})
    fail("mango", mango, ["cod_modelo_color"])
    (mango / "outfit_data.csv").unlink()
    fail("mango", mango, ["outfit_data.csv", "product_data.csv"])


@pytest.mark.real
def test_real_mango(real, tmp_path):
    imported = read("mango", real / "mango", workdir=tmp_path)
    catalogue, outfits = check(imported)
    assert (len(catalogue), len(outfits), len(catalogue.categories), len(imported.images)) == (9222, 6654, 123, 9222)
    assert sum(imported.skipped.values()) == 0
    assert catalogue.items["season"].null_count() == 0


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
    assert (imported.skipped["outfits with a single item"], imported.skipped["missing pictures"]) == (1, 4)


@pytest.mark.parametrize("text", ["[", "{}", "[1, 2]", '[{"outfit": "1"}]'])
def test_ccp_with_a_broken_list_says_so(text, tmp_path):
    fail("ccp", write(tmp_path, {"items.json": text, "crops/x": ""}), ["items.json"])


@pytest.mark.real
def test_real_ccp(real, tmp_path):
    imported = read("ccp", real / "ccp", workdir=tmp_path)
    catalogue, outfits = check(imported)
    assert (len(catalogue), len(catalogue.categories), len(imported.images)) == (3421, 35, 3421)
    assert (len(outfits), imported.skipped["outfits with a single item"]) == (863, 3)
    assert "other" not in set(catalogue.items["group"])


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


@pytest.mark.real
def test_real_fashion_products(real, tmp_path):
    goods, _ = check(read("fashion-products", real / "fashion-products", workdir=tmp_path))
    assert len(goods) == 44_446
