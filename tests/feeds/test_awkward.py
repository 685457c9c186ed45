"""Exports as they come: read right or reported, and nothing is dropped without a word."""

from datetime import date

import pytest
from folders import write
from typer.testing import CliRunner

from goeswith.cli.main import app
from goeswith.data.importing import import_data, preview
from goeswith.data.mapping import FILE
from goeswith.data.readers import read
from goeswith.data.readers.export import recognise
from goeswith.errors import DataError
from goeswith.shop import pipeline

SHOPIFY = """Handle;Title;Body (HTML);Type;Published;Option1 Name;Option1 Value;Option2 Name;Option2 Value;Variant SKU;Variant Inventory Qty;Variant Price;Variant Compare At Price;Image Src;Status
kleid;;;;;;Blau;;M;K-B-M;2;1.299,00 €;;;
kleid;"Kleid &bdquo;Anna&ldquo; &amp; G&uuml;rtel";"<p>sch&ouml;n<br>leicht</p>";Kleider;TRUE;Farbe;Blau;Größe;S;K-B-S;0;1.299,00 €;1.499,00 €;https://shop.example/k.jpg;active
schal;Schal;;Schals;TRUE;Title;Default Title;;;SCH;-3;19,90 €;9,90 €;https://shop.example/s.jpg;active
kleid;;;;;;Rot;;S;K-R-S;1;gratis;;;
kleid;;;;;;Rot;;S;K-R-S;1;gratis;;;
schal;Anderer Schal;;Schals;TRUE;Title;Default Title;;;K-R-S;4;29,90 €;;https://shop.example/s2.jpg;active
entwurf;Entwurf;;Schals;FALSE;Title;Default Title;;;E;1;9 €;;;draft
ST;Stiefel;;Schuhe > Stiefel;TRUE;Farbe;;;;ST;5;89 €;;;active
"""  # noqa: E501
ORDERS = "Name;Lineitem sku\n#1;K-B-M\n#1;SCH\n#1;NOPE\n#2;K-B-S\n#2;ST\n#3;schal\n#4;E\n"
FILES = {
    "products_export.csv": b"\xef\xbb\xbf" + SHOPIFY.replace("\n", "\r\n").encode(),
    "orders.csv": ORDERS.replace("\n", "\r\n"),
    "wishes.csv": "wishlist_id,sku\n1,K-R-S\n1,ST\n2,nope\n3,SCH\n",
    "sets.csv": 'sku;worn_with\r\nK-B-S;"ST, SCH; NOPE"\r\n',
}


def test_an_awkward_export_of_shopify(tmp_path):
    imported = read(recognise(write(tmp_path, FILES)), tmp_path, workdir=tmp_path)
    rows = {row["item_id"]: row for row in imported.items.to_dicts()}
    assert sorted(rows) == ["ST", "kleid:blau", "kleid:rot", "schal"]
    blue = rows["kleid:blau"]
    assert (blue["title"], blue["description"]) == ("Kleid „Anna“ & Gürtel", "schön leicht")
    assert (blue["price"], blue["regular_price"], blue["currency"], blue["stock"]) == (1299.0, 1499.0, "EUR", "2")
    assert (blue["sizes"], blue["skus"]) == ("M; S", "K-B-M; K-B-S")
    assert (rows["kleid:rot"]["price"], rows["kleid:rot"]["title"]) == (None, blue["title"])
    assert rows["schal"]["price"] == 19.9  # the price before, which is below it, is none
    assert imported.skipped["products that are drafts, archived or not published"] == 1
    assert imported.skipped["rows that repeat another word by word"] == 1
    assert imported.skipped["orders.csv: lines whose item the catalogue does not have"] == 2
    assert imported.skipped["wishes.csv: lines whose item the catalogue does not have"] == 1
    assert imported.skipped["sets.csv: items that the catalogue does not have"] == 1
    notes = "\n".join(imported.notes)
    for words in (
        "products_export.csv is read with a semicolon between fields",
        "1 handles have several titles, the first is 'schal'",
        "1 SKUs are of several items, the first is 'K-R-S'",
        "1 prices are not numbers of 0 or more and count as unknown, the first is 'gratis'",
        "1 items have the picture of another colour",
    ):
        assert words in notes, notes
    by_source = imported.outfits.group_by("source").agg("item_ids").to_dicts()
    made = {row["source"]: sorted(sorted(ids) for ids in row["item_ids"]) for row in by_source}
    assert made == {
        "orders": [["ST", "kleid:blau"]], "wishes": [["ST", "kleid:rot"]],
        "sets": [["ST", "kleid:blau", "schal"]],
    }  # fmt: skip


def test_feeds_in_other_languages_with_repeats_and_a_sale_above_the_price(tmp_path):
    today = date.today().isoformat()
    write(tmp_path, {"feed.tsv": (
        "id\ttitle\tavailability\tprice\tsale_price\tsale_price_effective_date\tproduct_type\tcolor\titem_group_id\n"
        + "a\tKleid\tauf Lager\tEUR 89,00\t99,00 EUR\t\tKleider\trot\tg\n" * 2
        + f"b\tJupe\ten rupture de stock\t59,00 EUR\t49 EUR\t2001-01-01/2002-01-01\tJupes\tnoir\t\n"
        f"c\tBotas\tagotado\t59,00 EUR\t49,00 EUR\t{today}T00:00+01:00/{today}T23:59+01:00\tBotas\tnegro\t\n"
        "d\tBorsa\tforse\t1.059,50 EUR\t\t\tBorse\t\t\n"
        "\tNo id\tin stock\t9 EUR\t\t\tX\t\t\n"
    )})  # fmt: skip
    imported = read("google", tmp_path / "feed.tsv", workdir=tmp_path)
    columns = ("item_id", "price", "regular_price", "stock", "group")
    assert imported.items.select(columns).rows() == [
        ("g:rot", 89.0, None, "in stock", "dress"), ("b", 59.0, None, "0", "bottom"), ("c", 49.0, 59.0, "0", "shoes"),
        ("d", 1059.5, None, None, "bag"),
    ]  # fmt: skip
    assert imported.skipped == {"rows without an id": 1, "rows that repeat another word by word": 1}
    assert "1 words of availability are not understood and count as unknown, the first is 'forse'" in imported.notes


WOO = {
    "de": (
        "ID;Typ;Artikelnummer;Name;Veröffentlicht;Datum, an dem Angebotspreis beginnt;"
        "Datum, an dem Angebotspreis endet;Vorrätig?;Lager;Angebotspreis;Regulärer Preis;Kategorien;Bilder;"
        "Übergeordnetes Produkt;Marken;Attribut 1 Name;Attribut 1 Wert(e);Attribut 1 Sichtbar;Attribut 2 Name;"
        "Attribut 2 Wert(e)",
        ("Farbe", "Größe", "Kleider", "Stiefel"),
    ),
    "fr": (
        "ID;Type;UGS;Nom;Publié;Date de début de promo;Date de fin de promo;En stock ?;Stock;Tarif promo;"
        "Tarif régulier;Catégories;Images;Parent;Marques;Nom de l’attribut 1;Valeur(s) de l’attribut 1 ;"
        "Attribut 1 visible;Nom de l’attribut 2;Valeur(s) de l’attribut 2 ",
        ("Couleur", "Taille", "Robes", "Bottes"),
    ),
    "es": (
        "ID;Tipo;SKU;Nombre;Publicado;Día en que empieza el precio rebajado;Día en que termina el precio rebajado;"
        "¿Existencias?;Inventario;Precio rebajado;Precio normal;Categorías;Imágenes;Superior;Marcas;"
        "Nombre del atributo 1;Valor(es) del atributo 1;Atributo visible 1;Nombre del atributo 2;"
        "Valor(es) del atributo 2",
        ("Color", "Talla", "Vestidos", "Botas"),
    ),
}


@pytest.mark.parametrize("language", sorted(WOO))
def test_exports_of_woo_have_the_headers_of_the_shops_language(language, tmp_path):
    header, (colour, size, kind, boots) = WOO[language]
    rows = [
        f"1;variable;K;Anna;1;;;1;;;;{kind};https://x.example/k.jpg;;Falke;{colour};rot, blau;1;{size};S, M",
        f"2;variation;K-R;Anna - S;1;;;1;2;;1.299,00 €;;;K;;{colour};rot;;{size};S",
        f"3;variation;K-B;Anna - M;1;01.12.2001;31.12.2002;0;0;999,00;1.299,00 EUR;;;id:1;;{colour};blau;;{size};M",
        f"4;simple;S;Berta;1;01.02.2003;;1;;19,90;29,90;{boots};;;;;;;;",
        f"5;simple;T;Clara;1;soon;;1;1;19,90;29,90;{kind};;;;;;;;",
        f"6;simple;U;Dora;0;;;1;1;;9,90;{kind};;;;;;;;",
    ]
    path = tmp_path / "Export.CSV"
    path.write_text("\n".join([header, *rows]), encoding="cp1252")
    (tmp_path / "ORDERS.Csv").write_text("order_id,sku\n1,K-R\n1,S\n2,K-B\n3,T\n")
    assert recognise(tmp_path) == "woo"
    imported = read("woo", tmp_path, workdir=tmp_path)
    columns = ("item_id", "title", "price", "regular_price", "stock", "sizes", "group", "brand")
    assert imported.items.select(columns).rows() == [
        ("S", "Berta", 19.9, 29.9, "in stock", None, "shoes", None),
        ("T", "Clara", 29.9, None, "1", None, "dress", None),
        ("K:rot", "Anna", 1299.0, None, "2", "S", "dress", "Falke"),
        ("K:blau", "Anna", 1299.0, None, "0", "M", "dress", "Falke"),
    ]
    assert imported.skipped["rows that are private or drafts"] == 1
    assert any("1 sales have a date that is not written like" in note for note in imported.notes)
    assert [sorted(ids) for ids in imported.outfits["item_ids"]] == [["K:rot", "S"]]


def test_variations_of_a_draft_are_left_out_with_it(tmp_path):
    rows = [
        "1,variable,D,Draft,0,,Kleider,,Farbe,rot", "2,variation,D-R,Draft,1,9,,D,Farbe,rot",
        "3,variable,,No SKU,-1,,Kleider,,Farbe,rot", "4,variation,N-R,No SKU,1,9,,id:3,Farbe,rot",
        "5,variable,P,Public,1,,Kleider,,Farbe,\"rot, blau\"", "6,variation,P-R,Public,1,9,,P,Farbe,rot",
        "7,variation,P-B,Public,0,9,,P,Farbe,blau", "8,variation,L-R,Lost,1,9,Kleider,gone,Farbe,rot",
    ]  # fmt: skip
    header = "ID,Typ,Artikelnummer,Name,Veröffentlicht,Regulärer Preis,Kategorien,Übergeordnetes Produkt,"
    write(tmp_path, {"woo.csv": "\n".join([f"{header}Attribut 1 Name,Attribut 1 Wert(e)", *rows])})
    imported = read("woo", tmp_path / "woo.csv", workdir=tmp_path)
    assert imported.items["item_id"].to_list() == ["P:rot", "gone:rot"]
    assert imported.skipped["rows that are private or drafts"] == 3
    assert imported.skipped["variations of a product that is private or a draft"] == 2


HIDING = ["Visibility in catalog", "Sichtbarkeit im Katalog", "Visibilité dans le catalogue",
          "Visibilidad en el catálogo"]  # fmt: skip


@pytest.mark.parametrize("header", HIDING)
def test_products_that_are_hidden_in_the_catalogue_are_left_out_with_their_variations(header, tmp_path):
    """Those that only the shop's search finds, or only its lists, can be bought by anybody."""
    rows = [
        "1,variable,H,Gift,1,hidden,,Kleider,,Farbe,rot", "2,variation,H-R,Gift,1,visible,9,,H,Farbe,rot",
        "3,variation,H-B,Gift,1,hidden,9,,id:1,Farbe,blau", "4,simple,S,Found,1,search,9,Kleider,,,",
        "5,simple,C,Listed,1,catalog,9,Kleider,,,", "6,simple,N,Unsaid,1,,9,Kleider,,,",
        "7,simple,X,Sample,1,Hidden,9,Kleider,,,", "8,simple,D,Draft,0,hidden,9,Kleider,,,",
    ]  # fmt: skip
    columns = f"ID,Typ,Artikelnummer,Name,Veröffentlicht,{header},Regulärer Preis,Kategorien,Übergeordnetes Produkt,"
    write(tmp_path, {"woo.csv": "\n".join([f"{columns}Attribut 1 Name,Attribut 1 Wert(e)", *rows])})
    imported = read("woo", tmp_path / "woo.csv", workdir=tmp_path)
    assert imported.items["item_id"].to_list() == ["S", "C", "N"]
    assert {reason: count for reason, count in imported.skipped.items() if count} == {
        "rows that are private or drafts": 1,
        "rows that are hidden in the catalogue of the shop": 3,
        "variations of a product that is hidden in the catalogue of the shop": 1,
    }


@pytest.mark.parametrize(("header", "value"), [("Status", "draft"), ("Status", "archived"), ("Published", "FALSE")])
def test_variants_of_a_hidden_product_of_shopify_are_left_out_with_it(header, value, tmp_path):
    """What is said of a product stands in its first row alone."""
    rows = f"a,A,Dresses,Size,S,9,{value}\na,,,,M,9,\nb,B,Dresses,Size,S,9,\n"
    write(tmp_path, {"s.csv": f"Handle,Title,Type,Option1 Name,Option1 Value,Variant Price,{header}\n{rows}"})
    imported = read("shopify", tmp_path / "s.csv", workdir=tmp_path)
    assert imported.items["item_id"].to_list() == ["b"]
    assert imported.skipped["products that are drafts, archived or not published"] == 1


def test_what_a_build_is_told_about_pictures_is_what_an_import_is(tmp_path, monkeypatch):
    """The message about pictures that cannot be had names flags: `build` has them, too."""
    asked = {}

    def imported(*_, options, pictures, **__):
        asked.update(options, pictures=pictures)
        raise DataError("enough")

    monkeypatch.setattr(pipeline, "import_data", imported)
    monkeypatch.chdir(write(tmp_path, FILES))
    for flags, pictures in (([], True), (["--no-download", "--allow-private"], False)):
        ran = CliRunner().invoke(app, ["build", ".", "out", *flags])
        assert str(ran.exception) == "enough"
        assert asked.pop("pictures") is pictures
    assert asked == {"allow_private": True}


def test_of_two_lists_of_orders_one_is_chosen(tmp_path):
    write(tmp_path, FILES | {"Orders.TSV": "order_id\tsku\n1\tK-B-M\n"})
    with pytest.raises(DataError, match=r"has both Orders.TSV and orders.csv; choose with --option orders="):
        read("shopify", tmp_path, workdir=tmp_path)


LINES = "Name,Email,Lineitem sku\n#1,x,K-B-M\n#1,,ST\n"
MORE = "Name,Email,Lineitem sku\n#2,x,K-B-S\n#2,,ST\n#3,y,SCH\n#4,y,K-R-S\n#4,y,SCH\n"


@pytest.mark.parametrize(
    "names",
    [
        ["orders_export_1.csv", "orders_export_2.csv"],  # as Shopify parts them
        ["orders_export.csv", "Orders_Export (1).csv"],
        ["orders-2026-11-27-10-31-04.csv", "orders-2026-11-28.csv"],  # and three plug-ins of WooCommerce
        ["order_export_2026-11-27.csv", "order_export_2026-11-28.csv"],
        ["orders-export-2026_11_27.csv", "orders-export-2026_11_28.csv"],
    ],
)
def test_order_exports_are_read_under_the_names_that_shop_systems_give_them(names, tmp_path):
    products = FILES["products_export.csv"]
    write(tmp_path / "own", {"p.csv": products, "orders.csv": LINES + MORE.partition("\n")[2]})
    write(
        tmp_path / "theirs", {"p.csv": products, names[0]: LINES, names[1]: MORE, "orders_by_day.csv": "day,n\n1,2\n"}
    )
    own, imported = (read("shopify", tmp_path / name, workdir=tmp_path) for name in ("own", "theirs"))
    assert imported.outfits.sort("outfit_id").rows() == own.outfits.sort("outfit_id").rows()
    assert len(imported.outfits) == 3
    assert imported.skipped[f"{names[0]}: lines whose item the catalogue does not have"] == 0
    assert "no item or outfit is read from orders_by_day.csv" in imported.notes


def test_orders_called_as_documented_are_read_alone(tmp_path):
    write(tmp_path, FILES | {"orders_export_1.csv": MORE})
    imported = read("shopify", tmp_path, workdir=tmp_path)
    assert imported.notes[-1] == "no item or outfit is read from orders_export_1.csv"


@pytest.mark.parametrize("layout", ["shopify", "table"])
def test_files_of_the_folder_that_are_not_read_are_listed(layout, tmp_path):
    files = {"items.csv": "item_id,category\na,coat\nb,boots\n", "outfits.csv": "outfit_id,item_ids\n1,a;b\n"}
    files = files if layout == "table" else FILES | {"outfits.csv": "outfit_id,item_ids\n1,a;b\n"}
    others = {"orders.xlsx": b"PK", "notes.txt": "x", "coat.jpg": b"x", ".DS_Store": b"x", "images/a.jpg": b"x"}
    imported = read(layout, write(tmp_path, files | others), workdir=tmp_path)
    expected = ["notes.txt", "orders.xlsx", *(["outfits.csv"] if layout == "shopify" else [])]
    assert imported.notes[-1] == f"no item or outfit is read from {', '.join(expected)}"
    assert preview(layout, tmp_path)[-1].startswith("note: no item or outfit is read")
    many = {f"{number:02}.txt": "x" for number in range(20)}
    imported = read(layout, write(tmp_path, many), workdir=tmp_path)
    assert imported.notes[-1].endswith(f"10.txt, 11.txt and {8 + len(expected)} more")


@pytest.mark.parametrize(
    ("words", "files", "message"),
    [
        (["import", "shopify", "nowhere", "x"], {}, "there is no nowhere to import; correct the path"),
        (["import", "nowhere", "x"], {}, "there is no nowhere to import; correct the path"),
        (["build", "nowhere", "x"], {}, "there is no nowhere to import"),
        (["publish", "nowhere", "x"], {}, "there is no folder nowhere; give one that goeswith build"),
        (["complete", "nowhere", "a"], {}, "there is no folder nowhere; give one that goeswith build"),
        (["check", "nowhere"], {}, "nowhere is not a folder; import a data set first"),
        (["clicks", "nowhere"], {}, "there is no folder or file nowhere; give the folder that was served"),
        (["import", "e.csv", "x"], {"e.csv": ""}, "cannot read e.csv: it is empty; write a header"),
        (["import", "h.csv", "x"], {"h.csv": "Handle,Title,Price,Option1 Name\n"}, "h.csv has no product to import"),
        (["import", "s", "x"], {"s/p.csv": "id;title\na;b;c\n"}, "cannot read s/p.csv: row 2 has 3 fields where"),
        (["import", "d.csv", "x"], {"d.csv": "Handle,Title,Variant Price,Option1 Value,Status\nx,X,1,Y,draft\n"},
         "d.csv has no product to import (1 products that are drafts"),
        (["import", "google", "w.csv", "x"], {"w.csv": "foo\n1\n"},
         "w.csv is not as layout 'google' has it: it lacks id,"),
        (["import", "w.xml", "x"], {"w.xml": "<rss><item><title>a</title></item></rss>"},
         "w.xml is not recognised as a product feed; name its layout"),
        (["import", "s", "x", "--option", "language=fr"], {"s/p.csv": "id,title,price,image_link\n1,Dress,2,\n"},
         "there are no titles in language 'fr'; no header and no name of a file says a language"),
    ],
)  # fmt: skip
def test_wrong_inputs_get_a_sentence_and_nothing_is_written(words, files, message, tmp_path, monkeypatch):
    monkeypatch.chdir(write(tmp_path, files))
    ran = CliRunner().invoke(app, words)
    assert str(ran.exception).startswith(message)
    assert not (tmp_path / "x").exists()


def test_a_mapping_that_was_edited_wrongly_is_reported_and_changes_nothing(tmp_path):
    write(tmp_path / "export", FILES)
    import_data("shopify", tmp_path / "export", tmp_path / "data", pictures=False)
    before = (tmp_path / "data" / "items.parquet").read_bytes()
    for text, message in (
        ('[columns]\ncolour = "Farbton"\n', "has no column 'Farbton' that is mapped"),
        ("[colums]\n", "has 'colums', which no mapping has"),
        ('[groups]\nKleider = "gown"\n', "'Kleider' has an unknown group"),
        ("[columns\n", "cannot read"),
    ):
        (tmp_path / "data" / FILE).write_text(f'layout = "shopify"\n{text}')
        with pytest.raises(Exception, match=message):
            import_data("auto", tmp_path / "export", tmp_path / "data", update=True, pictures=False)
    (tmp_path / "data" / FILE).write_text(
        'layout = "shopify"\n[groups]\nKleider = "top"\n[options]\nsite = "https://s.example"\n'
    )
    done = import_data("auto", tmp_path / "export", tmp_path / "data", update=True, pictures=False)
    items = done.dataset.catalogue.items
    assert set(items.filter(category="Kleider")["group"]) == {"top"}
    assert items["link"][0] == "https://s.example/products/kleid"
    assert (tmp_path / "data" / "items.parquet").read_bytes() != before
    write(tmp_path / "export", {"orders.csv": "Name,Lineitem sku\n#1,NOPE\n"})
    with pytest.raises(DataError, match=r"orders\.csv: no outfit can be made from it \(1 orders\.csv: lines"):
        import_data("auto", tmp_path / "export", tmp_path / "data", update=True, pictures=False)
