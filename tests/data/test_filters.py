"""Filters: they hold exactly, item by item."""

import re

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shops import naive_products, shop_items

from goeswith.data.catalogue import Catalogue
from goeswith.data.filters import Filters
from goeswith.data.shelf import KEPT, shelf
from goeswith.errors import CatalogueError

SHOP = Catalogue(shop_items())


def some(values: list[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), max_size=3).map(tuple)


FILTERS = st.builds(
    Filters,
    brands=some(["Kestrel", "Tilde"]),
    colours=some(["black", "white", "red", "blue"]),
    seasons=some(["summer", "winter"]),
    genders=some(["women", "unisex"]),
    exclude=some(SHOP.ids),
    price_min=st.none() | st.floats(0, 50),
    price_max=st.none() | st.floats(50, 120),
    in_stock=st.booleans(),
)


def passes(row: dict, filters: Filters) -> bool:
    """What filters say of one item."""
    tests = [
        ("brand", filters.brands),
        ("colour", filters.colours),
        ("season", filters.seasons),
        ("gender", filters.genders),
    ]
    if any(values and row[column] not in values for column, values in tests):
        return False
    if row["item_id"] in filters.exclude or (filters.in_stock and row["stock"] not in ("3", "in stock")):
        return False
    if filters.price_min is None and filters.price_max is None:
        return True
    low, high = filters.price_min or 0, 1e9 if filters.price_max is None else filters.price_max
    return row["price"] is not None and low <= row["price"] <= high


@given(FILTERS)
def test_filters_hold_item_by_item(filters):
    expected = [passes(row, filters) for row in SHOP.items.iter_rows(named=True)]
    assert filters.rows(SHOP).tolist() == expected


def test_categories_and_groups_narrow_each_other():
    both = Filters(categories=("shirt", "boots"), groups=("shoes",)).rows(SHOP)
    assert set(SHOP.items["category"].filter(pl.Series(both))) == {"boots"}


def test_answers_are_kept_for_a_few_filters_only():
    catalogue = Catalogue(shop_items())
    for price in range(2 * KEPT):
        Filters(price_max=float(price)).rows(catalogue)
    assert len(shelf(catalogue).answers) == KEPT


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"colours": ("blak",)}, "no item has the colour 'blak'; did you mean 'black'?"),
        ({"brands": ("xyz",)}, "no item has the brand 'xyz'; there are: Kestrel, Tilde"),
        ({"exclude": ("nobody",)}, "the filter exclude names item 'nobody', which the catalogue does not have"),
        (
            {"categories": ("shirt",), "groups": ("shoes",)},
            "contradict each other: no item of category shirt is in group shoes",
        ),
        ({"price_min": 5, "price_max": 4}, "contradict each other: price_min 5 is above price_max 4"),
        ({"price_max": -1}, "the filter price_max is -1; it must be a number of 0 or more"),
        ({"price_max": float("nan")}, "the filter price_max is nan; it must be a number of 0 or more"),
        ({"colours": "black"}, "the filter colours is the text 'black'; give a list of values"),
    ],
)
def test_bad_filters_say_what_is_wrong(values, message):
    with pytest.raises(CatalogueError, match=re.escape(message)):
        Filters(**values).rows(SHOP)


@pytest.mark.parametrize(
    ("filters", "column", "words"),
    [
        (Filters(in_stock=True), "stock", "needs a column 'stock'"),
        (Filters(price_max=5), "price", "a price filter needs prices, and no item of the catalogue has one"),
    ],
)
def test_a_filter_on_what_the_catalogue_does_not_say(filters, column, words):
    with pytest.raises(CatalogueError, match=words):
        filters.rows(Catalogue(SHOP.items.drop(column)))


ITEM = st.fixed_dictionaries(
    {
        "category": st.sampled_from(["shirt", "skirt"]),
        "title": st.sampled_from(["slim jeans", "", None]),
        "brand": st.sampled_from(["Tilde", None]),
        "colour": st.sampled_from(["red", "blue", "green", None]),
        "product_id": st.sampled_from(["p1", "p2", None]),
    }
)


@given(st.lists(ITEM, min_size=1, max_size=8), st.booleans())
def test_variants_are_one_product(rows, with_product_ids):
    items = pl.DataFrame([row | {"item_id": f"i{index}"} for index, row in enumerate(rows)], infer_schema_length=None)
    catalogue = Catalogue(items if with_product_ids else items.drop("product_id"))
    named, products = naive_products(catalogue), shelf(catalogue).products
    for first in range(len(rows)):
        for second in range(len(rows)):
            assert (products[first] == products[second]) == (named[first] == named[second])


def test_rows_are_looked_up_and_unknown_ids_named():
    assert shelf(SHOP).rows([SHOP.ids[5], SHOP.ids[2]]).tolist() == [5, 2]
    with pytest.raises(CatalogueError, match=re.escape("the catalogue has no item '../x'; check the id")):
        shelf(SHOP).rows(["../x"])
    assert np.isnan(shelf(SHOP).prices).sum() == SHOP.items["price"].null_count()
