"""Products: sizes and colours of one thing are one, whatever the order, and nothing else is."""

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from goeswith.data.products import products, same_pictures


def shirts(*rows: tuple) -> pl.DataFrame:
    columns = ["title", "colour", "product_id"]
    table = pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")
    return table.with_columns(
        item_id=pl.Series([f"i{n}" for n in range(len(rows))]), category=pl.lit("shirt"), brand=pl.lit(None, pl.String)
    )


def test_sizes_share_a_picture_and_colours_a_title() -> None:
    items = shirts(
        ("slim", "red", None), ("slim", "red", None), ("slim", "blue", None),  # two sizes of red, and blue
        ("plain", "red", None), ("plain", "red", None), ("plain", "red", None),  # two of one photo, another garment
        ("plain ", "red", "p"), ("other", "blue", "p"),  # the shop knows better
    )  # fmt: skip
    photos = np.eye(8, 16)[[0, 0, 1, 2, 2, 3, 4, 5]] + 0.001
    product_of = products(items, lambda rows: photos[rows])
    assert product_of.tolist() == [0, 0, 0, 1, 1, 2, 3, 3]
    assert products(items).tolist() == [0, 1, 2, 3, 4, 5, 6, 6]  # without pictures, two reds may be two shirts


@given(st.lists(st.tuples(st.integers(-1, 3), st.integers(0, 5)), min_size=1, max_size=60))
def test_same_pictures_is_what_comparing_all_finds(pairs) -> None:
    keys, photo = np.array(pairs).T
    values = np.random.default_rng(0).standard_normal((6, 12))[photo]
    product_of = same_pictures(keys, lambda rows: values[rows])
    for first in range(len(keys)):
        for second in range(len(keys)):
            same = keys[first] == keys[second] >= 0 and photo[first] == photo[second]
            assert (product_of[first] == product_of[second]) == (same or first == second)


def test_an_item_without_a_picture_resembles_no_other() -> None:
    assert len(set(same_pictures(np.zeros(5, int), lambda rows: np.zeros((len(rows), 4))))) == 5
