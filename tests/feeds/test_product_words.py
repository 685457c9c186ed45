"""What shops write about products, and how variants become items."""

import polars as pl
import pytest

from goeswith.data.product_words import availability, category_of, currency_of, option_of, plain_text
from goeswith.data.variants import FIELDS, merge


@pytest.mark.parametrize(
    ("paths", "title", "category"),
    [
        (["Women > Dresses"], "x", "Dresses"),
        (["", "2271 - Apparel & Accessories > Clothing > Dresses"], "x", "Dresses"),
        (["Dresses > Summer"], "x", "Dresses"),
        (["New in\nMen > Shirts > Sale"], "x", "Shirts"),
        (["2271"], "Wool coat", "coat"),
        (["Sale"], "Leather Belt", "belt"),
        (["Women > Underwear"], "Silk dress bra", "Underwear"),
        (["Kitchen > Mugs"], "Mug", "Mugs"),
        ([None], None, None),
    ],
)
def test_the_category_is_the_level_that_names_a_garment(paths, title, category):
    assert category_of(paths, title).name == category


def test_words_of_availability_in_every_spelling():
    words = [
        "in_stock",
        "In Stock",
        "https://schema.org/InStock",
        "preorder",
        "out of stock",
        "OutOfStock",
        "1",
        "0",
        "maybe",
        None,
    ]
    available, odd = availability(pl.Series(words))
    assert available.to_list() == [True, True, True, True, False, False, True, False, None, None]
    assert odd.to_list() == ["maybe"]
    for language, (yes, no) in {
        "de": ("Auf Lager", "Nicht verfügbar"), "fr": ("En stock", "Épuisé"), "es": ("Disponible", "agotado"),
        "it": ("disponibile", "NON DISPONIBILE"),
    }.items():  # fmt: skip
        assert availability(pl.Series([yes, no]))[0].to_list() == [True, False], language


def test_html_is_stripped():
    texts = pl.Series(["<p>A&nbsp;&amp; b</p>\n<ul><li>c</li></ul><style>p{}</style>", "1 < 2 > 0", "<br>", None])
    assert plain_text(texts).to_list() == ["A & b c", "1 < 2 > 0", None, None]


def test_currencies_stand_before_or_behind():
    prices = pl.Series(["15.00 USD", "EUR 9,90", "€5", "12", None, "9.90€"])
    assert currency_of(prices).to_list() == ["USD", "EUR", "EUR", None, None, "EUR"]


def test_options_are_known_by_their_names():
    names = ["Color", "Schuhgröße", "Größe", "pa_color", "Frame Colour", "Taille", "Title", None]
    assert [option_of(name) for name in names] == ["colour", None, "size", "colour", "colour", "size", None, None]


def variants(*rows):
    table = pl.DataFrame(
        [dict.fromkeys(FIELDS) | {"product_id": "p", "category": "Dress"} | row for row in rows],
        infer_schema_length=None,
    )
    table = table.cast(dict.fromkeys(FIELDS, pl.String))
    return table.with_columns(
        available=pl.col("available") if "available" in table.columns else pl.lit(None, pl.Boolean),
        by_colour=pl.col("colour").is_not_null(),
    )


def merged_item(*rows, **options):
    [item] = merge(variants(*rows), **options).items.to_dicts()
    return item


@pytest.mark.parametrize(
    ("today", "price", "regular"),
    [("2026-01-31", 20, None), ("2026-02-01", 15, 20), ("2026-02-28", 15, 20), ("2026-03-01", 20, None)],
)
def test_a_sale_counts_while_it_lasts(today, price, regular):
    sale = {
        "price": "20",
        "sale_price": "15",
        "sale_starts": "2026-02-01T13:00-0800",
        "sale_ends": "2026-02-28T15:30-0800",
    }
    item = merged_item(sale, {"price": "21"}, today=today)
    assert (item["price"], item.get("regular_price")) == (price, regular)


def test_a_sale_price_above_the_price_is_none():
    assert merged_item({"price": "20", "sale_price": "25"})["price"] == 20


@pytest.mark.parametrize(
    ("rows", "stock"),
    [
        ([{"quantity": "2"}, {"quantity": "3"}], "5"),
        ([{"quantity": "-2"}, {"quantity": "3"}], "3"),
        ([{"quantity": "2", "available": False}, {"quantity": "1", "available": True}], "1"),
        ([{"quantity": "0", "available": True}, {"quantity": "1", "available": True}], "in stock"),
        ([{"available": True}, {"available": False}], "in stock"),
        ([{"available": False}, {"available": False}], "0"),
        ([{}, {"available": False}], "out of stock"),
        ([{}, {}], None),
    ],
)
def test_stock_is_a_sum_or_a_word(rows, stock):
    assert merged_item(*rows).get("stock") == stock


@pytest.mark.parametrize(
    ("titles", "title"),
    [
        ({"S": "Linen Dress – Navy / S", "M": "Linen Dress – Navy / M"}, "Linen Dress – Navy"),
        ({"38": "Boots (Size 38)", "39": "Boots (Size 39)"}, "Boots"),
        ({"M": "T-Shirt M", "L": "T-Shirt L"}, "T-Shirt"),
        ({"S": "Dress XS", "M": "Dress XS"}, "Dress XS"),
        ({"S": "S", "M": "M"}, "S"),
        ({"S": "Dress - S"}, "Dress - S"),  # it is made in one size
    ],
)
def test_an_item_in_several_sizes_is_not_called_by_one(titles, title):
    assert merged_item(*({"title": text, "size": size} for size, text in titles.items()))["title"] == title


def test_colours_differ_by_letters_only_and_lend_each_other_what_is_the_products():
    merged = merge(variants(
        {"colour": "Navy Blue", "title": "T", "image": "a", "material": "wool"},
        {"colour": "navy-blue", "size": "S", "variant_id": "v2"},
        {"colour": "Écru", "size": "M", "variant_id": "v3"},
    ))  # fmt: skip
    assert merged.items["item_id"].to_list() == ["p:navy-blue", "p:ecru"]
    assert merged.items["colour"].to_list() == ["Navy Blue", "Écru"]
    assert merged.items["material"].to_list() == ["wool", "wool"]
    assert merged.items["image"].to_list() == ["a", "a"]
    assert merged.item_of == {"v2": "p:navy-blue", "v3": "p:ecru"}
