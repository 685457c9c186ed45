"""Relaxed: what there would be without each condition, against counting by hand."""

import pytest

from goeswith.data.filters import Filters
from goeswith.shop.relaxed import asked, without_each

SHOES = [("black", 30.0, "summer"), ("black", 90.0, "winter"), ("red", 10.0, "summer"), ("red", 15.0, "winter")]


def count(filters: Filters, coherent: bool) -> int:
    """Over four pairs of shoes, one filter after the other; the outfit is for summer."""
    return sum(
        (not filters.colours or colour in filters.colours)
        and (filters.price_max is None or price <= filters.price_max)
        and (not coherent or season == "summer")
        for colour, price, season in SHOES
    )


@pytest.mark.parametrize(
    ("filters", "coherent", "conditions", "left"),
    [
        (Filters(), False, "", ""),
        (Filters(price_max=5), False, "price up to 5", "4 would without it"),
        (Filters(price_max=20, colours=("black",)), False, "colour black and price up to 20",
         "2 would without colour black, 2 without price up to 20"),
        (Filters(price_max=12, colours=("black", "Red"), price_min=1, in_stock=True, exclude=("a", "b")), False,
         "colour black or Red, price from 1, price up to 12, 2 excluded items and in stock", ""),
        (Filters(price_max=12, colours=("black",)), True,
         "colour black, price up to 12 and season and gender of the outfit",
         "1 would without colour black, 1 without price up to 12"),
        (Filters(price_max=5, colours=("green",)), False, "colour green and price up to 5",
         "none would without one of them, 4 would without all"),
        (Filters(price_max=5, colours=("black",)), True,
         "colour black, price up to 5 and season and gender of the outfit",
         "1 would without price up to 5, none without colour black"),
    ],
)  # fmt: skip
def test_each_condition_is_named_with_what_is_left_without_it(
    filters: Filters, coherent: bool, conditions: str, left: str
) -> None:
    assert asked(filters, coherent) == conditions
    if left or not conditions:
        assert without_each(filters, coherent, count) == left
    for name in filters.parts():
        assert set(filters.without(name).parts()) == set(filters.parts()) - {name}


def test_of_the_outfits_season_alone_something_is_left() -> None:
    assert without_each(Filters(), True, lambda _, coherent: 0 if coherent else 7) == "7 would without it"
    assert without_each(Filters(), True, lambda *_: 0) == ""
