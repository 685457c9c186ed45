"""Titles in several languages: in columns, in a file for each, in translations; one is the main one, none is lost."""

import exports
import pytest
from folders import write

from goeswith.data.importing import import_data, preview
from goeswith.data.readers import read
from goeswith.data.readers.export import recognise
from goeswith.data.readers.headers import language_of
from goeswith.errors import ConfigError

FEED = """id,title:de,title (fr),title_en_gb,product_type_de,product_type_fr,color,item_group_id,image_link,price
K1,<b>Rotes</b> Kleid,Robe rouge,Red dress,Kleider,Robes,red,k,https://shop.example/k.jpg,"89,00 EUR"
K2,Rotes Kleid M,,Red dress M,Kleider,Robes,red,k,https://shop.example/k.jpg,"89,00 EUR"
S1,Stiefel,Bottes,,Schuhe > Stiefel,Chaussures > Bottes,,,https://shop.example/s.jpg,"140,00 EUR"
"""


def titles(imported):
    columns = [name for name in imported.items.columns if name.startswith("title")]
    return imported.items.select("item_id", *sorted(columns)).to_dict(as_series=False)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("title_de", ("title", "de")), ("title:fr", ("title", "fr")), ("Title (de-AT)", ("title", "de")),
        ("g:product type[it]", ("product_type", "it")), ("title", None), ("item_group_id", None), ("size_us", None),
    ],
)  # fmt: skip
def test_a_header_may_end_in_a_language(header, expected):
    assert language_of(header) == expected


def test_columns_in_several_languages(tmp_path):
    write(tmp_path, {"feed.csv": FEED})
    assert recognise(tmp_path / "feed.csv") == "google"
    imported = read("google", tmp_path, workdir=tmp_path)
    assert titles(imported) == {
        "item_id": ["k:red", "S1"], "title": ["Rotes Kleid", "Stiefel"], "title_en": ["Red dress", None],
        "title_fr": ["Robe rouge", "Bottes"],
    }  # fmt: skip
    assert imported.items["category"].to_list() == ["Kleider", "Stiefel"]
    assert imported.items["group"].to_list() == ["dress", "shoes"]
    assert "titles in de, and beside them: en 1, fr 2" in imported.notes
    french = read("google", tmp_path, workdir=tmp_path, language="fr")
    assert french.items["title"].to_list() == ["Robe rouge", "Bottes"]
    assert french.items["category"].to_list() == ["Robes", "Bottes"]
    assert french.items["group"].to_list() == ["dress", "shoes"]
    with pytest.raises(ConfigError, match=r"no titles in language 'es'; choose one of: de, en, fr$"):
        read("google", tmp_path, workdir=tmp_path, language="es")
    mapped = read("google", tmp_path, workdir=tmp_path, columns={"title": "title_en_gb"})
    assert mapped.items["title"].to_list() == ["Red dress", None]
    shown = "\n".join(preview("auto", tmp_path, {}))
    for words in ("title:de", "title (fr)", "title_fr", "product_type_de"):
        assert words in shown.partition("not used")[0], shown
    assert "not used: product_type_fr" in shown


def test_a_file_for_each_language(tmp_path):
    shop = list(exports.SMALL)
    exports.google(shop, tmp_path / "feed.xml")
    french = (tmp_path / "feed.xml").read_text().replace("Linen Shirt Dress", "Robe chemise en lin")
    gone = "<item><g:id>GONE</g:id><g:title>Disparu</g:title></item></channel>"
    write(tmp_path, {
        "feed-fr.xml": french.replace("</channel>", gone),
        "feed_de_at.tsv": "id\ttitle\nLD-N-S\tHemdkleid\nLB-1\tGürtel\n",
    })  # fmt: skip
    once = read("google", tmp_path / "feed.xml", workdir=tmp_path).items
    imported = read(recognise(tmp_path), tmp_path, workdir=tmp_path)
    assert imported.items.drop("title_de", "title_fr").equals(once)  # stock is counted once
    named = {row["item_id"]: row for row in imported.items.to_dicts()}
    assert named["linen-dress:navy"]["title_fr"] == "Robe chemise en lin"
    assert named["linen-dress:navy"]["title_de"] == "Hemdkleid"
    assert named["linen-dress:rust"]["title_de"] is None
    assert named["LB-1"]["title_de"] == "Gürtel"
    assert imported.skipped["feed-fr.xml: titles of products that feed.xml does not have"] == 1
    chosen = read("google", tmp_path, workdir=tmp_path, language="fr")
    assert "Robe chemise en lin" in chosen.items["title"].to_list()
    assert "feed.xml repeats feed-fr.xml in a language that its name does not say; call it NAME-fr" in chosen.notes


def test_translations_of_shopify(tmp_path):
    exports.shopify(list(exports.SMALL), tmp_path / "products_export.csv")
    head = "Type,Identification,Field,Locale,Market,Status,Default content,Translated content\n"
    lines = [
        "PRODUCT,'81,title,de,,,Linen Shirt Dress,Hemdkleid",
        "PRODUCT,'81,body_html,de,,,<p>Cool</p>,<p>Kühl</p>",
        "PRODUCT,'82,title,pt-BR,,,Suede Boots,Botas de camurça",
        "PRODUCT,'83,title,de,,,Suede Boots,",
        "PRODUCT,'84,title,de,,,Never Seen,Nie gesehen",
        "COLLECTION,'9,title,de,,,Leather Belt,Gürtel",
    ]
    write(tmp_path, {"translations.csv": head + "\n".join(lines)})
    imported = read("shopify", tmp_path, workdir=tmp_path)
    named = {row["item_id"]: (row["title_de"], row["title_pt"]) for row in imported.items.to_dicts()}
    assert named["linen-dress:navy"] == named["linen-dress:rust"] == ("Hemdkleid", None)
    assert named["suede-boots"] == (None, "Botas de camurça")
    assert named["leather-belt"] == (None, None)
    assert imported.skipped["translations.csv: titles of products that products_export.csv does not have"] == 1
    german = read("shopify", tmp_path, workdir=tmp_path, language="de").items
    assert "title_de" not in german.columns
    assert {"Hemdkleid", "Suede Boots"} <= set(german["title"])


def test_json_with_a_name_in_each_language(tmp_path):
    names = '[{"@language": "de", "@value": "Kleid"}, {"@language": "it", "@value": "Vestito"}]'
    write(tmp_path, {"p.jsonl": f'{{"sku": "1", "name": {names}, "category": "Kleider", "offers": {{"price": 5}}}}\n'})
    imported = read("schema-org", tmp_path / "p.jsonl", workdir=tmp_path)
    assert imported.items.select("title", "title_it").rows() == [("Kleid", "Vestito")]


def test_a_table_in_several_languages_is_updated_in_its_own(tmp_path):
    text = "item_id,category_es,category_de,title:es,title:de,price\n1,Vestidos,Kleider,Vestido,Kleid,9\n"
    write(tmp_path, {"items.csv": text})
    done = import_data("table", tmp_path / "items.csv", tmp_path / "data", options={"language": "de"})
    row = done.dataset.catalogue.items.row(0, named=True)
    assert (row["title"], row["title_es"], row["category"], row["group"]) == ("Kleid", "Vestido", "Kleider", "dress")
    write(tmp_path, {"items.csv": text.replace(",Kleid,", ",Abendkleid,")})
    again = import_data("table", tmp_path / "items.csv", tmp_path / "data", update=True)
    assert again.dataset.catalogue.items["title"].to_list() == ["Abendkleid"]
    with pytest.raises(ConfigError, match="no titles in language 'fr'; choose one of: de, es"):
        import_data("table", tmp_path / "items.csv", tmp_path / "other", options={"language": "fr"})


@pytest.mark.parametrize(
    "categories",
    [
        ("Women > Dresses", "Skirts", "T-Shirts", "Coats", "Boots", "Handbags", "Scarves"),
        ("Damen > Kleider", "Röcke", "T-Shirts", "Mäntel", "Stiefel", "Handtaschen", "Schals"),
        ("Femme > Robes", "Jupes", "T-shirts", "Manteaux", "Bottes", "Sacs à main", "Écharpes"),
        ("Mujer > Vestidos", "Faldas", "Camisetas", "Abrigos", "Botas", "Bolsos", "Bufandas"),
        ("Donna > Vestiti", "Gonne", "Magliette", "Cappotti", "Stivali", "Borse", "Sciarpe"),
    ],
)
def test_groups_are_the_same_in_five_languages(categories, tmp_path):
    rows = "".join(f"{n},Modell {n},{category},9 EUR,\n" for n, category in enumerate(categories))
    write(tmp_path, {"feed.csv": f"id,title,product_type,price,item_group_id\n{rows}"})
    groups = read("google", tmp_path, workdir=tmp_path).items["group"].to_list()
    assert groups == ["dress", "bottom", "top", "outer", "shoes", "bag", "accessory"]
