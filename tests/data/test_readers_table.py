"""The reader of a person's own tables: every form of them, and every bad row."""

import polars as pl
import pytest
from folders import PIXEL, column, fail, outfits_of, write

from goeswith.data.catalogue import GROUPS
from goeswith.data.dataset import create
from goeswith.data.readers import read
from goeswith.data.shelf import shelf
from goeswith.errors import ConfigError

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
    assert imported.report is not None
    assert "group" not in imported.report.taken  # follows from the category: the table has no such column
    assert imported.report.taken["item_id"] == "sku"
    assert column(imported, "shelf") == {"a": "1", "b": "2", "c": "3"}
    assert imported.images == {"a": shop / "images/red/a.jpg"}
    assert imported.skipped["missing pictures that the item table names"] == 1
    assert imported.skipped["outfits.csv: items named twice in one outfit"] == 1
    assert any(note.startswith("2 prices are not numbers of 0 or more and count as") for note in imported.notes)
    assert "1 items have no title" in imported.notes
    assert len(create(imported, shop / "dest", layout="table").outfits) == 2


def test_columns_that_others_call_otherwise_are_pointed_out(tmp_path):
    items = "item_id,category,name,Color,Price ($),Brand Name,vendor\na,coat,warm,red,10,x,y\nb,bag,soft,blue,5,x,y\n"
    write(tmp_path, {"items.csv": items})
    notes = read("table", tmp_path, workdir=tmp_path).notes
    assert (
        "name, Price ($), Color, vendor may be what goeswith calls title, price, colour, brand; if so, add "
        "--column title=name --column price='Price ($)' --column colour=Color --column brand=vendor"
    ) in notes
    columns = {"title": "name", "price": "Price ($)", "colour": "Color", "brand": "vendor"}
    mapped = read("table", tmp_path, workdir=tmp_path, columns=columns)
    assert column(mapped, "title") == {"a": "warm", "b": "soft"}
    assert column(mapped, "price") == {"a": 10, "b": 5}
    assert not any("may be what" in note for note in mapped.notes)


def test_titles_are_read_without_html(tmp_path):
    write(tmp_path, {"items.csv": "item_id,category,title\na,coat,<b>Warm</b> &amp; soft\nb,bag,a < b\nc,hat,<br>\n"})
    imported = read("table", tmp_path, workdir=tmp_path)
    assert column(imported, "title") == {"a": "Warm & soft", "b": "a < b", "c": None}
    assert "1 items have no title" in imported.notes


@pytest.mark.parametrize("form", ["text", "lists", "long"])
def test_table_outfits_in_every_form_are_the_same(form, tmp_path):
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


def test_a_further_outfit_table_joins_the_first_in_either_form(tmp_path):
    write(tmp_path, {"items.csv": "item_id,category\na,coat\nb,bag\nc,hat\n"})
    saved = write(tmp_path, {"saved.csv": "outfit_id,item_ids,source\nsaved-1,c;a,studio\n"}) / "saved.csv"
    imported = read("table", tmp_path, workdir=tmp_path, saved=str(saved))
    assert outfits_of(imported) == {"saved-1": ["c", "a"]}
    assert not any("no outfit table" in note for note in imported.notes)
    write(tmp_path, {"outfits.csv": "outfit_id,item_id,split\n1,a,train\n1,b,train\n"})
    imported = read("table", tmp_path, workdir=tmp_path, saved=str(saved))
    assert outfits_of(imported) == {"1": ["a", "b"], "saved-1": ["c", "a"]}
    assert imported.outfits["source"].to_list() == ["", "studio"]
    assert set(create(imported, tmp_path / "dest", layout="table").outfits.sources) == {"", "studio"}
    write(tmp_path, {"saved.csv": "outfit_id,item_ids\n1,a;c\n"})
    fail("table", tmp_path, ["saved.csv", "'1'", "is also in", "outfits.csv; rename"], saved=str(saved))
    write(tmp_path, {"saved.csv": "outfit_id,item_ids\n1,a;z\n"})
    fail("table", tmp_path, ["saved.csv, row 2", "'z'"], saved=str(saved))


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


def test_one_source_column_can_fill_several_fields_and_two_can_be_swapped(tmp_path):
    write(tmp_path, {"items.csv": "item_id,category,title,row\na,red coat,coat,7\n"})
    mapped = {"title": "category", "category": "title", "colour": "category"}
    imported = read("table", tmp_path, workdir=tmp_path, columns=mapped)
    assert imported.items.select("title", "category", "colour", "other_row").rows() == [
        ("red coat", "coat", "red coat", "7")
    ]


def test_stock_and_products_can_be_mapped(tmp_path):
    write(tmp_path, {"items.csv": "sku,category,qty,style\na,coat,0,s1\nb,coat,2,s1\nc,bag,,s2\n"})
    mapped = SKU | {"stock": "qty", "product_id": "style"}
    imported = read("table", tmp_path, workdir=tmp_path, columns=mapped)
    goods = shelf(create(imported, tmp_path / "dest", layout="table").catalogue)
    assert goods.stock is not None
    assert dict(zip(goods.row_of, goods.stock.tolist(), strict=True)) == {"a": False, "b": True, "c": False}
    product = dict(zip(goods.row_of, goods.products.tolist(), strict=True))
    assert product["a"] == product["b"] != product["c"]
    own = read("table", tmp_path, workdir=tmp_path, columns={"item_id": "sku", "product_id": "sku"})
    assert column(own, "product_id") == {"a": "a", "b": "b", "c": "c"}


def test_a_column_that_goeswith_does_not_have_cannot_be_mapped(tmp_path):
    write(tmp_path, {"items.csv": ITEMS})
    near = ["no column 'colr'", "title", "did you mean 'colour'?"]
    fail("table", tmp_path, near, ConfigError, columns=SKU | {"colr": "title"})
    fail("table", tmp_path, ["no column 'sku'", "item_id, category, group"], ConfigError, columns={"sku": "item_id"})


BAD_ITEMS = [
    ("item_id,category\na,coat\n,bag\n", ["items.csv, row 3", "item_id", "empty"]),
    ("item_id,category\na,coat\nb,bag\na,hat\n", ["items.csv, row 4", "'a'", "must be unique"]),
    ("item_id,category\na,coat\nb, \n", ["items.csv, row 3", "category", "empty"]),
    ("item_id,category,group\na,coat,outer\nb,bag,sack\n", ["items.csv, row 3", "'sack'", *GROUPS]),
    (
        "item_id,category,image\nx,hat,x.jpg\na,coat,../../etc/passwd\n",
        ["items.csv, row 3", "outside the picture folder"],
    ),
    (
        "item_id,category,image\nx,hat,x.jpg\na,coat,x/..\\..\\b.jpg\n",
        ["items.csv, row 3", "outside the picture folder"],
    ),
    ("item_id,category,image\nx,hat,x.jpg\na,coat,/etc/passwd\n", ["items.csv, row 3", "outside the"]),
]


@pytest.mark.parametrize(("text", "words"), BAD_ITEMS)
def test_a_bad_item_stops_the_import_or_is_counted(text, words, tmp_path):
    write(tmp_path, {"items.csv": text, "images/x.jpg": PIXEL})
    fail("table", tmp_path, [*words, "skip_bad"])
    imported = read("table", tmp_path, workdir=tmp_path, skip_bad=True)
    assert sum(imported.skipped.values()) == 1
    assert len(imported.items) == text.count("\n") - 2


BAD_OUTFITS = [
    ("outfit_id,item_id\n1,a\n1,b\n2,a\n2,z\n", ["outfits.csv, row 5", "'z'", "items.csv", "add the item"]),
    ("outfit_id,item_id\n1,a\n1,b\n2,a\n", ["outfits.csv, row 4", "'2'", "fewer than two"]),
    ("outfit_id,item_id\n1,a\n1,b\n2,b\n2,b\n", ["outfits.csv, row 4", "'2'", "fewer than two"]),
    ("outfit_id,item_id\n1,a\n1,b\n,b\n", ["outfits.csv, row 4", "outfit_id", "empty"]),
    ("outfit_id,item_id\n1,a\n1,b\n1,\n", ["outfits.csv, row 4", "item_id", "empty"]),
    ("outfit_id,item_id,split\n1,a,\n1,b,\n2,a,often\n2,b,often\n", ["outfits.csv, row 4", "'often'", "train, valid"]),
    ("outfit_id,item_id,split\n1,a,\n1,b,\n2,a,test\n2,b,train\n", ["outfits.csv, row 4", "'2'", "two splits"]),
    ("outfit_id,item_ids\n1,a;b\n2,a;z\n", ["outfits.csv, row 3", "'z'"]),
    ("outfit_id,item_ids\n1,a;b\n2,\n", ["outfits.csv, row 3", "'2'", "fewer than two"]),
    ("outfit_id,item_ids\n1,a;b\n1,b;a\n", ["outfits.csv, row 3", "'1'", "earlier row"]),
]


@pytest.mark.parametrize(("text", "words"), BAD_OUTFITS)
def test_a_bad_outfit_stops_the_import_or_is_counted(text, words, tmp_path):
    write(tmp_path, {"items.csv": "item_id,category\na,coat\nb,bag\n", "outfits.csv": text})
    fail("table", tmp_path, [*words, "skip_bad"])
    imported = read("table", tmp_path, workdir=tmp_path, skip_bad=True)
    assert outfits_of(imported) == {"1": ["a", "b"]}
    assert sum(count for reason, count in imported.skipped.items() if "named twice" not in reason) == 1


def test_errors_in_the_files_and_columns_of_a_table(tmp_path):
    write(tmp_path, {"items.csv": "sku,kind\na,coat\n", "outfits.csv": "outfit_id,sku\n1,a\n"})
    both = [
        "items.csv has no columns 'item_id' and 'category' (it has sku, kind)",
        "outfits.csv has no column 'item_id'",
    ]
    fail("table", tmp_path, [*both, "add --column item_id=sku and --column category=kind"])
    fail("table", tmp_path, ["'ean'", "item_id", "kind, outfit_id, sku"], ConfigError, columns={"item_id": "ean"})
    mapped = {"item_id": "Skus", "category": "ean"}
    fail(
        "table",
        tmp_path,
        ["'Skus' to map to item_id", "'ean' to map to category", "did you mean 'sku'"],
        ConfigError,
        columns=mapped,
    )
    fail("table", tmp_path, ["photos"], images="photos")
    fail("table", tmp_path, ["missing.csv"], outfits=tmp_path / "missing.csv", columns=SKU | {"category": "kind"})
    write(tmp_path, {"items.csv": "item_id,category\na,coat\nb,bag,red,blue\n"})
    fail("table", tmp_path, ["items.csv", "row 3 has 4 fields where the header has 2"])
    write(tmp_path, {"items.csv": "item_id,category\n", "outfits.csv": "outfit_id,item_id\n"})
    fail("table", tmp_path, ["items.csv lists no item", "below the header"], skip_bad=True)
    write(tmp_path, {"items.parquet": "not parquet"})
    fail("table", tmp_path, ["both items.csv and items.parquet"])
    (tmp_path / "items.csv").unlink()
    fail("table", tmp_path, ["items.parquet"])
    fail("table", tmp_path / "gone", ["there is no file", "gone"])


def test_tables_as_people_export_them(tmp_path):
    """Semicolons, cp1252, blank lines, blanks, decimal commas, floats for ids: all say what plain tables say."""
    plain = write(
        tmp_path / "plain",
        {
            "items.csv": "item_id,category,price,colour\n1,Röcke,9.9,rot\n2,Blusen,1299,\n3,Mäntel,,\n",
            "outfits.csv": "outfit_id,item_id\n7,1\n7,2\n8,2\n8,3\n",
        },
    )
    lines = [
        "item_id; category ;price;colour",
        "1;Röcke;9,90 €;rot",
        "",
        "2;Blusen; 1.299,00 €;NaN",
        "3;Mäntel;NaN;",
        ";;;",
    ]
    items = "\r\n".join([*lines, ""])
    odd = write(
        tmp_path / "odd",
        {
            "items.csv": items.encode("cp1252"),
            "outfits.tsv": "outfit_id\titem_id\n7.0\t1.0\n7.0\t2.0\n\n8.0\t2.0\n8.0\t3.0\n".encode("utf-16"),
        },
    )
    first, second = (read("table", folder, workdir=folder) for folder in (plain, odd))
    assert first.items.equals(second.items)
    assert first.outfits.equals(second.outfits)
    assert column(first, "group") == {"1": "bottom", "2": "top", "3": "outer"}
    assert second.notes[:2] == [
        "items.csv is read as Windows-1252 text and with a semicolon between fields",
        "outfits.tsv is read as UTF-16 text and with a tab between fields",
    ]


@pytest.mark.parametrize("text", ["a,coat\n\n,bag\n", '"a","a\ncoat"\nb,hat\n,bag\n'])
def test_the_row_of_a_fault_is_that_of_a_spreadsheet(tmp_path, text):
    """The header is row 1, a blank line a row, and so is a value of several lines."""
    write(tmp_path, {"items.csv": f"item_id,category\n\n{text}"})
    fail("table", tmp_path, ["items.csv, row 5", "item_id"])


NOTHING = [
    ({"items.csv": "item_id,category,price\na,coat,cheap\nb,bag,dear\n"}, ["no price can be read", "'cheap'"]),
    ({"items.csv": "item_id,category\na,vase\nb,candle\n"}, ["none of its 2 categories", "'vase'", "--groups"]),
    (
        {"items.csv": "item_id,category,image\na,coat,1.jpg\nb,bag,2.jpg\n", "images/x.jpg": PIXEL},
        ["2 pictures", "'1.jpg'"],
    ),
    ({"items.csv": "item_id,category,image\na,coat,1.jpg\n"}, ["1 pictures", "no picture folder", "images=FOLDER"]),
    ({"items.csv": "item_id,category\na,coat\n", "images/x.jpg": PIXEL}, ["named after an item id", "'x.jpg'", "'a'"]),
]


@pytest.mark.parametrize(("files", "words"), NOTHING)
def test_where_all_of_something_comes_to_nothing_the_import_stops(files, words, tmp_path):
    write(tmp_path, files)
    fail("table", tmp_path, [*words, "--option skip_bad=yes"])
    imported = read("table", tmp_path, workdir=tmp_path, skip_bad=True)
    assert len(imported.items) == files["items.csv"].count("\n") - 1


def test_where_all_rows_are_bad_the_import_stops_though_they_may_be_left_out(tmp_path):
    write(tmp_path, {"items.csv": "item_id,category\n,coat\nb,\n"})
    fail("table", tmp_path, ["none of its 2 items is valid"], skip_bad=True)
    write(tmp_path, {"items.csv": "item_id,category\na,coat\nb,bag\n", "outfits.csv": "outfit_id,item_id\n1,a\n"})
    fail("table", tmp_path, ["outfits.csv", "no outfit is valid"], skip_bad=True)


def test_groups_can_be_chosen_and_what_is_in_none_is_listed(tmp_path):
    table = "item_id,category,group\na,Kleider,\nb,Vase,\nc,vase,\nd,Kerze,\ne,Kerze,bag\nf,Hemden,\n"
    write(tmp_path, {"items.csv": table})
    imported = read("table", tmp_path, workdir=tmp_path)
    assert column(imported, "group") == {"a": "dress", "b": "other", "c": "other", "d": "other", "e": "bag", "f": "top"}
    assert "3 items are in group other: Kerze 1, Vase 1, vase 1" in imported.notes
    chosen = {"KLEIDER": "top", "vase": "bag", "Kerze": "accessory", "Stuhl": "other"}
    imported = read("table", tmp_path, workdir=tmp_path, groups=chosen)
    assert column(imported, "group") == {"a": "top", "b": "bag", "c": "bag", "d": "accessory", "e": "bag", "f": "top"}
    assert "--groups has 1 categories that no item has, the first is 'stuhl'" in imported.notes
    assert not any("group other" in note for note in imported.notes)


def test_several_currencies_are_reported(tmp_path):
    write(tmp_path, {"items.csv": "item_id,category,price\na,coat,5 €\nb,bag,$7\nc,hat,EUR 3\n"})
    imported = read("table", tmp_path, workdir=tmp_path)
    assert column(imported, "price") == {"a": 5, "b": 7, "c": 3}
    assert any("several currencies ($, EUR)" in note for note in imported.notes)


@pytest.mark.parametrize("stock", ["NaN", "nan", "", "N/A", "unknown", "0", "0.0", "-1", "inf", "sold out"])
def test_stock_that_is_not_known_passes_no_filter(stock, tmp_path):
    write(tmp_path, {"items.csv": f"item_id,category,stock\na,coat,{stock}\nb,coat,2.0\nc,coat,1.000\nd,coat,Yes\n"})
    goods = shelf(create(read("table", tmp_path, workdir=tmp_path), tmp_path / "dest", layout="table").catalogue)
    assert dict(zip(goods.row_of, goods.stock.tolist(), strict=True)) == {"a": False, "b": True, "c": True, "d": True}
