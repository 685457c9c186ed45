"""Exports of every shop system: from the published column sets to items, and to a data set."""

from pathlib import Path

import exports
import polars as pl
import pytest
from folders import PIXEL, column, fail, write
from typer.testing import CliRunner

from goeswith.cli.main import app
from goeswith.data.dataset import Dataset
from goeswith.data.filters import Filters
from goeswith.data.importing import import_data, preview
from goeswith.data.readers import FEEDS, OWN_PICTURES, read
from goeswith.data.readers.export import recognise
from goeswith.errors import ConfigError, DataError

HERE = Path(__file__).parent
FILES = {
    "shopify.csv": "shopify",
    "shopify-since-2024.csv": "shopify",
    "google.tsv": "google",
    "google.xml": "google",
    "meta.csv": "meta",
    "woo.csv": "woo",
    "schema-org.jsonl": "schema-org",
}
EXPECTED = pl.read_csv(HERE / "expected.csv", infer_schema=False)
COUNTED = ("shopify", "meta", "woo")
"""Layouts that say how many pieces there are."""


@pytest.mark.parametrize("name", FILES)
def test_the_items_of_every_export_are_those_expected(name, tmp_path):
    layout = recognise(HERE / name)
    assert layout == FILES[name]
    imported = read(layout, HERE / name, workdir=tmp_path)
    items = imported.items
    rows = {(row["skus"], row["colour"]): row for row in items.iter_rows(named=True)}
    assert len(items) == len(rows) == len(EXPECTED)
    for expected in EXPECTED.iter_rows(named=True):
        row = rows[expected["skus"], expected["colour"]]
        for field in ("group", "title", "description", "brand", "sizes"):
            assert row[field] == expected[field], field
        assert row["price"] == float(expected["price"])
        if layout != "schema-org":  # which has no price before the sale
            assert row["regular_price"] == (float(expected["regular_price"]) if expected["regular_price"] else None)
        alone = expected["product"] == "leather-belt" and layout in ("google", "meta", "schema-org", "woo")
        assert row["product_id"] == (expected["skus"] if alone else expected["product"])
        coloured = f"{row['product_id']}:{expected['colour'].lower()}" if expected["colour"] else row["product_id"]
        assert row["item_id"] == coloured
        if layout in COUNTED:
            assert row["stock"] == expected["count"]
        picture = f"{expected['product']}-{(expected['colour'] or 'one').lower()}.jpg"
        assert imported.addresses[row["item_id"]] == f"{exports.SITE}/cdn/{picture}"
    if layout in ("google", "meta"):
        assert column(imported, "currency")["linen-dress:navy"] == "EUR"
        assert column(imported, "gender")["classic-tee:white"] == "male"
        assert column(imported, "material")["linen-dress:rust"] == "linen"
        assert column(imported, "link")["LB-1"] == f"{exports.SITE}/products/leather-belt?variant=LB-1"
    assert not any("availability" in note for note in imported.notes)


@pytest.mark.parametrize("name", FILES)
def test_every_export_becomes_a_data_set(name, tmp_path):
    photos = {f"images/{path.rpartition('/')[2]}": PIXEL for path in ("linen-dress-navy.jpg", "suede-boots-one.jpg")}
    write(tmp_path, {**photos, "orders.csv": "order_id,sku\n1,LD-N-S\n1,SB-39\n2,LD-N-M\n2,SB-38\n3,CT-W-L\n3,gone\n"})
    options = {"orders": tmp_path / "orders.csv", "images": tmp_path / "images"}
    done = import_data("auto", HERE / name, tmp_path / "data", options=options, pictures=False)
    dataset = Dataset(tmp_path / "data")
    assert dataset.info["layout"] == FILES[name]
    assert len(dataset.catalogue) == 5
    assert dataset.info["pictures"] == 2
    [outfit] = dataset.outfits.to_frame(dataset.catalogue)["item_ids"].to_list()  # two orders, one outfit
    assert set(outfit) == {"linen-dress:navy", "suede-boots"}
    sold = Filters(in_stock=True).rows(dataset.catalogue)
    assert [item_id for item_id, there in zip(dataset.catalogue.ids, sold, strict=True) if not there] == ["suede-boots"]
    assert "skipped 1: orders.csv: lines whose item the catalogue does not have" in done.lines
    assert any("→ 5 items of 4 products" in line for line in done.lines)


def test_the_committed_exports_are_what_the_generator_writes(tmp_path):
    exports.write_all(list(exports.SMALL), tmp_path)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (HERE / name).read_bytes(), name


@pytest.fixture(scope="module")
def thousand(tmp_path_factory):
    folder = tmp_path_factory.mktemp("thousand")
    exports.write_all(exports.products(1000), folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_a_thousand_items_are_read_as_a_thousand(name, thousand, tmp_path):
    imported = read(FILES[name], thousand / name, workdir=tmp_path)
    assert len(imported.items) == 1000
    assert set(imported.items["group"]) == {"dress", "top", "bottom", "outer", "shoes", "bag", "accessory"}
    assert imported.items["variants"].sum() == 3000
    assert imported.items["sizes"].unique().to_list() == ["S; M; L"]


def test_dry_run_prints_what_is_understood_and_writes_nothing(tmp_path):
    before = sorted(tmp_path.iterdir())
    runner = CliRunner()
    for words in (
        [str(HERE / "woo.csv")],
        ["woo", str(HERE / "woo.csv")],
        ["auto", str(HERE / "woo.csv"), str(tmp_path / "x")],
    ):
        result = runner.invoke(app, ["import", *words, "--dry-run"])
        assert result.exit_code == 0, result.output
        assert "Categories" in result.output
        assert "12 rows → 5 items of 4 products" in result.output
        assert (
            "missing of 5 items: colour 2, material 5, pattern 5, season 5, gender 5, link 5, currency 5"
            in result.output
        )
    assert sorted(tmp_path.iterdir()) == before


def test_a_folder_called_like_a_layout_is_the_source_where_none_is_given_beside_it(tmp_path, monkeypatch):
    monkeypatch.chdir(write(tmp_path, {"shopify/p.tsv": (HERE / "google.tsv").read_bytes()}))
    runner = CliRunner()
    result = runner.invoke(app, ["import", "shopify", "--dry-run"])
    assert "read as layout 'google'" in result.output, result.output
    result = runner.invoke(app, ["import", "shopify", "data", "--no-download"])
    assert result.exit_code == 0, result.output
    assert Dataset(tmp_path / "data").info["layout"] == "google"
    result = runner.invoke(app, ["import", "google", "shopify", "--dry-run"])
    assert "read as layout 'google'" in result.output, result.output
    for words in (["woo", "--dry-run"], ["woo", "shopify"], ["woo"]):  # there is no folder woo
        result = runner.invoke(app, ["import", *words])
        assert result.exit_code == 2
        assert "give SOURCE and DEST after the layout woo" in " ".join(result.output.replace("│", " ").split())


def test_source_and_dest_are_enough(tmp_path):
    result = CliRunner().invoke(app, ["import", str(HERE / "google.tsv"), str(tmp_path / "data"), "--no-download"])
    assert result.exit_code == 0, result.output
    assert Dataset(tmp_path / "data").info["layout"] == "google"
    assert "google" in (tmp_path / "data" / "mapping.toml").read_text()


def test_all_that_an_export_lacks_is_named_at_once(tmp_path):
    write(tmp_path, {"p.csv": "id,colour\n1,red\n"})
    fail("shopify", tmp_path / "p.csv", ["Handle (or URL handle), Title, Variant Price (or Price)"])
    fail("google", tmp_path / "p.csv", ["title, price", "it has id"])
    fail("woo", tmp_path / "p.csv", ["Type, SKU, Name, Regular price"])
    assert recognise(tmp_path / "p.csv") == "table"


def test_columns_of_other_names_are_mapped_and_strangers_refused(tmp_path):
    text = (HERE / "google.tsv").read_text().replace("color", "shade", 1)
    write(tmp_path, {"g.tsv": text})
    assert "colour" not in read("google", tmp_path / "g.tsv", workdir=tmp_path).items.columns
    mapped = read("google", tmp_path / "g.tsv", workdir=tmp_path, columns={"colour": "shade"})
    assert column(mapped, "colour")["linen-dress:rust"] == "Rust"
    fail("google", tmp_path / "g.tsv", ["'shad'", "'shade'"], ConfigError, columns={"colour": "shad"})
    fail("google", tmp_path / "g.tsv", ["'colours'", "'colour'"], ConfigError, columns={"colours": "shade"})


def test_options_of_shopify_in_other_languages_and_untracked_stock(tmp_path):
    header = "Handle,Title,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant SKU,Variant Price,"
    header += "Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,Product Category,Status\n"
    rows = "rock,Rock,Größe,36,Farbe,Blau,R1,20,,,deny,,active\n,,,38,,Blau,R2,18,shopify,0,continue,,\n"
    rows += "rock,,,38,,Rot,R3,25,shopify,-2,deny,,\n"
    write(tmp_path, {"s.csv": header + rows})
    imported = read("shopify", tmp_path / "s.csv", workdir=tmp_path, site="https://x.example/", currency="CHF")
    assert column(imported, "sizes") == {"rock:blau": "36; 38", "rock:rot": "38"}
    assert column(imported, "price") == {"rock:blau": 18, "rock:rot": 25}
    assert column(imported, "stock") == {"rock:blau": "in stock", "rock:rot": "0"}
    assert column(imported, "group")["rock:blau"] == "bottom"
    assert set(imported.items["link"]) == {"https://x.example/products/rock"}
    assert set(imported.items["currency"]) == {"CHF"}
    assert not any("picture of another colour" in note for note in imported.notes)
    assert imported.options == {"site": "https://x.example/", "currency": "CHF"}


def test_a_folder_with_parts_of_an_export_and_orders_is_one_source(tmp_path):
    lines = (HERE / "meta.csv").read_text().splitlines(keepends=True)
    write(
        tmp_path,
        {
            "a.csv": "".join(lines[:4]),
            "b.csv": lines[0] + "".join(lines[4:]),
            "sets.csv": "sku,worn_with\nLB-1,CT-W-S CT-W-L;nothing\n",
        },
    )
    imported = read(recognise(tmp_path), tmp_path, workdir=tmp_path)
    assert len(imported.items) == 5
    assert imported.outfits.rows() == [("sets-LB-1", ["LB-1", "classic-tee:white"], "sets", 1.0)]
    assert imported.skipped["sets.csv: items that the catalogue does not have"] == 1


def test_an_import_that_keeps_nothing_stops(tmp_path):
    header = "id,title,price,image_link,product_type\n"
    write(
        tmp_path,
        {"g.csv": f"{header}1,Mug,5 EUR,,Kitchen\n", "p.csv": f"{header}1,Dress,ask,,Dresses\n", "none.csv": header},
    )
    fail("google", tmp_path / "g.csv", ["not one of its 1 categories names a garment", "'Kitchen'", "--groups"])
    assert column(read("google", tmp_path / "g.csv", workdir=tmp_path, skip_bad=True), "group") == {"1": "other"}
    assert column(read("google", tmp_path / "g.csv", workdir=tmp_path, groups={"Kitchen": "bag"}), "group") == {
        "1": "bag"
    }
    fail("google", tmp_path / "p.csv", ["not one price can be read"])
    fail("google", tmp_path / "none.csv", ["has no product"])
    orders = write(tmp_path, {"o.csv": "order_id,sku\n1,x\n"}) / "o.csv"
    fail("google", HERE / "google.tsv", ["o.csv", "no outfit can be made", "1 o.csv: lines whose item"], orders=orders)
    with pytest.raises(DataError, match="there is no"):
        recognise(tmp_path / "nowhere")


def test_xml_with_a_doctype_or_without_end_is_refused(tmp_path):
    bomb = '<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "ha">]><rss><item><id>&a;</id></item></rss>'
    write(tmp_path, {"bomb.xml": bomb, "torn.xml": "<rss><item>", "none.xml": "<rss></rss>"})
    fail("google", tmp_path / "bomb.xml", ["DOCTYPE"])
    fail("google", tmp_path / "torn.xml", ["as XML"])
    fail("google", tmp_path / "none.xml", ["no product"])


def test_the_mapping_is_kept_may_be_edited_and_counts_at_an_update(tmp_path):
    source = write(tmp_path, {"g.tsv": (HERE / "google.tsv").read_text().replace("color", "shade", 1)}) / "g.tsv"
    dest = tmp_path / "data"
    import_data("auto", source, dest, options={"groups": {"Shoes": "bag"}}, pictures=False)
    mapping = dest / "mapping.toml"
    assert '# title = "title"' in mapping.read_text()
    mapping.write_text(mapping.read_text().replace('# brand = "brand"', 'colour = "shade"').replace('"bag"', '"shoes"'))
    done = import_data("auto", source, dest, update=True, pictures=False)
    assert "columns mapped as before: colour=shade" in done.lines
    items = Dataset(dest).catalogue.items
    assert dict(items.select("item_id", "colour").iter_rows())["linen-dress:rust"] == "Rust"
    assert dict(items.select("item_id", "group").iter_rows())["suede-boots"] == "shoes"
    assert (
        import_data("google", source, dest, update=True, pictures=False).lines[0]
        == "columns mapped as before: colour=shade"
    )
    for text, words in (
        ("[columns]\nx = 1\n", "is not made of lines"),
        ("a = = 1", "cannot read"),
        ("[shelf]\n", "'shelf'"),
        ('[groups]\nhat = "x"\n', "an unknown group"),
    ):
        mapping.write_text(text)
        with pytest.raises(DataError, match=words):
            import_data("google", source, dest, update=True, pictures=False)


def test_a_table_says_what_is_understood_too(tmp_path):
    write(tmp_path, {"items.csv": "sku,category,price\na,coat,10\nb,hat,5\n"})
    lines = preview("table", tmp_path, {"columns": {"item_id": "sku"}})
    assert "2 rows → 2 items" in lines
    assert "sku       item_id" in lines
    assert any(line.startswith("missing of 2 items: title 2, image 2, colour 2") for line in lines)


def test_the_layouts_of_shops_are_all_tested():
    assert set(FILES.values()) == set(FEEDS)


def test_colours_without_a_picture_of_their_own_are_counted(tmp_path):
    rows = "d,Dress,Color,Red,5,http://x.example/a.jpg\nd,,,Blue,5,\nd,,,Rust,5,\n"
    write(tmp_path, {"s.csv": f"Handle,Title,Option1 Name,Option1 Value,Variant Price,Image Src\n{rows}"})
    imported = read("shopify", tmp_path / "s.csv", workdir=tmp_path)
    assert len(imported.addresses) == 3
    assert "2 items have the picture of another colour, because theirs has none of its own" in imported.notes


FREE = {
    "shopify": "Handle,Title,Type,Variant Price,Variant Compare At Price\na,A,Dresses,0.00,0\nb,B,Dresses,20,0.00\n",
    "woo": "Type,SKU,Name,Categories,Regular price,Sale price\nsimple,a,A,Dresses,0,\nsimple,b,B,Dresses,20,\n",
    "google": "id,title,product_type,price,image_link\na,A,Dresses,0.00 EUR,\nb,B,Dresses,20 EUR,\n",
    "meta": "id,title,product_type,price,inventory\na,A,Dresses,0 EUR,\nb,B,Dresses,20 EUR,\n",
    "schema-org": '{"sku":"a","name":"A","category":"Dresses","offers":{"price":0.0}}\n'
    '{"sku":"b","name":"B","category":"Dresses","offers":{"price":20}}\n',
    "table": "item_id,title,category,price\na,A,Dresses,0\nb,B,Dresses,20\n",
}


@pytest.mark.parametrize("layout", FREE)
def test_a_price_of_nothing_is_no_price_in_any_layout(layout, tmp_path):
    assert {*FREE} == {*OWN_PICTURES}
    source = tmp_path / ("shop.jsonl" if layout == "schema-org" else "shop.csv")
    write(tmp_path, {source.name: FREE[layout]})
    imported = read(layout, source, workdir=tmp_path)
    assert column(imported, "price") == {"a": None, "b": 20}
    assert imported.report.missing["price"] == 1
    assert "1 prices of 0 are read as no price" in imported.notes


def test_a_sale_for_nothing_is_no_sale(tmp_path):
    rows = "simple,a,A,Dresses,20,0\nsimple,b,B,Dresses,20,15\n"
    write(tmp_path, {"woo.csv": f"Type,SKU,Name,Categories,Regular price,Sale price\n{rows}"})
    imported = read("woo", tmp_path / "woo.csv", workdir=tmp_path)
    assert column(imported, "price") == {"a": 20, "b": 15}
    assert "1 prices of 0 are read as no price" in imported.notes


FEED_ROWS = "id,title,product_type,price,image_link,item_group_id,gtin\n'01,A,Dresses,9,,'07,'4006\n'02,B,Boots,9,,,\n"
APOSTROPHES = {
    "shopify": "Handle,Title,Type,Variant SKU,Variant Price,Variant Barcode\n'07,A,Dresses,'01,9,'4006\n"
    "b,B,Boots,'02,9,\n",
    "woo": "Type,SKU,Name,Categories,Regular price,Parent,GTIN UPC EAN or ISBN\nvariable,'07,A,Dresses,,,\n"
    "variation,'01,A,,9,'07,'4006\nsimple,'02,B,Boots,9,,\n",
    "google": FEED_ROWS,
    "meta": FEED_ROWS.replace("image_link", "inventory"),
    "table": "item_id,title,category,product_id,skus,gtin\n'01,A,Dresses,'07,'01,'4006\n'02,B,Boots,,,\n",
}


@pytest.mark.parametrize("layout", APOSTROPHES)
def test_the_apostrophe_before_ids_skus_and_barcodes_is_not_part_of_them(layout, tmp_path):
    name = "items.csv" if layout == "table" else "shop.csv"
    write(tmp_path, {
        name: APOSTROPHES[layout], "orders.csv": "order_id,sku\n'1,'01\n'1,02\n2,x\n",
        "sets.csv": "sku,worn_with\n01,'02;x\n", "shop-fr.csv": "id,title\n'01,Robe\n",
    })  # fmt: skip
    imported = read(layout, tmp_path, workdir=tmp_path, skip_bad=True)  # for from one order no outfit can be made
    dress, boots = imported.items.sort("title").to_dicts()
    assert (dress["product_id"], dress["gtin"], dress["skus"]) == ("07", "4006", "01")
    assert imported.outfits["item_ids"].to_list() == [[dress["item_id"], boots["item_id"]]]
    assert imported.skipped["orders.csv: lines whose item the catalogue does not have"] == 1
    if layout in ("google", "meta"):
        assert dress["title_fr"] == "Robe"
