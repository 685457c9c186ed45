"""Cells: numbers as people write them, whole numbers that passed through floats, and words that say nothing."""

import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from goeswith.data.cells import about_prices, currencies, ids, is_odd, numbers, prices, whole_numbers, words

KNOWN = {
    "1299": 1299, " 9.90": 9.9, "9,90": 9.9, "1,299.00": 1299, "1.299,00 €": 1299, "1 299,00": 1299, "1'299.-": 1299,
    "1\u00a0299,00\u202f€": 1299, "$5": 5, "19.90 EUR": 19.9, "EUR 19.90": 19.9, "€ 12,50": 12.5, "US$ 5.00": 5,
    "R$ 1.299,90": 1299.9, "CHF 1’299.50": 1299.5, "99 kr.": 99, "5,-": 5, "1e3": 1000, ".5": 0.5, ",5": 0.5, "+7": 7,
    "-3": -3, "−4": -4, "-$5": -5, "1.299.000": 1299000, "1,29,900.00": 129900, "0,500": 0.5, "0.500": 0.5,
    "12345.678": 12345.678, "1.299 €": 1299, "1,299": 1299, "1.299": 1.299, "1001.0": 1001,
}  # fmt: skip
NO_NUMBER = ["x", "5 x", "5-7", "9.90 - 19.90", "12.34.56", "1,2,3", "€", "EUR", "10 €/m", "inf", "1e999", "ab 5", "5%"]
SILENT = ["", " ", "NaN", "nan", "N/A", "null", "-", "–", "None"]


@pytest.mark.parametrize(("text", "expected"), KNOWN.items())
def test_numbers_as_people_write_them(text: str, expected: float) -> None:
    assert numbers(pl.Series([text])).to_list() == [expected]
    assert numbers(pl.Series([f"\t{text} "])).to_list() == [expected]


def test_what_is_no_number_is_null_and_odd_unless_it_says_nothing() -> None:
    for texts, odd in [(NO_NUMBER, True), (SILENT, False)]:
        column = pl.Series(texts)
        read = numbers(column)
        assert read.null_count() == len(texts), read
        assert is_odd(column, read).to_list() == [odd] * len(texts)
    column = pl.Series([1.5, math.nan, math.inf, None])
    assert numbers(column).to_list() == [1.5, None, None, None]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (["1.299", "9,90"], [1299, 9.9]),
        (["1,299", "9.90"], [1299, 9.9]),
        (["1.299", "9.90"], [1.299, 9.9]),
        (["1,299", "9,90"], [1.299, 9.9]),
        (["1.299", "2.499", "999"], [1.299, 2.499, 999]),
        (["1.299,00 €", "$5", "19.90 EUR", None], [1299, 5, 19.9, None]),
    ],
)
def test_the_column_decides_what_one_value_leaves_open(column: list[str], expected: list[float]) -> None:
    assert numbers(pl.Series(column)).to_list() == expected


@given(
    st.lists(st.integers(0, 10**9), min_size=1, max_size=8),
    st.sampled_from([(",", "."), (".", ","), (" ", ","), ("\u202f", ","), ("'", "."), ("", "."), ("", ",")]),
    st.sampled_from(["{}", "{} €", "€{}", "USD {}", " {} ", "{}\u00a0zł", "CA${}"]),
)
def test_money_comes_back_as_it_was_written(cents: list[int], signs: tuple[str, str], form: str) -> None:
    grouping, decimal = signs
    texts = []
    for value in cents:
        whole, part = divmod(value, 100)
        texts.append(form.format(f"{whole:,}".replace(",", grouping) + f"{decimal}{part:02d}"))
    assert numbers(pl.Series(texts)).to_list() == [value / 100 for value in cents]


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=64), min_size=1, max_size=8))
def test_numbers_of_a_program_come_back_as_they_were(values: list[float]) -> None:
    expected = [value if math.isfinite(value) else None for value in values]
    assert numbers(pl.Series(values)).to_list() == expected
    assert numbers(pl.Series([repr(value) for value in values])).to_list() == expected


@given(st.lists(st.text(max_size=12) | st.from_regex(r"[-+€$ .,'0-9eE]{0,10}", fullmatch=True), max_size=6))
def test_no_text_breaks_the_reading_of_numbers(texts: list[str]) -> None:
    column = pl.Series(texts, dtype=pl.String)
    for grouped in (True, False):
        read = numbers(column, grouped=grouped)
        assert len(read) == len(texts)
        assert read.is_null().sum() + read.is_finite().sum() == len(texts)
        assert not (is_odd(column, read) & read.is_not_null()).any()
    assert len(words(column)) == len(whole_numbers(column)) == len(texts)


def test_scores_have_no_thousands() -> None:
    assert numbers(pl.Series(["1,299", "0.5", "-2,5", "1e-3"]), grouped=False).to_list() == [1.299, 0.5, -2.5, 0.001]
    assert numbers(pl.Series(["1,299.5"]), grouped=False).to_list() == [None]


def test_whole_numbers_pass_through_floats() -> None:
    assert whole_numbers(pl.Series(["0.0", "1001.0", "2", "3.5", "x", None])).to_list() == [
        0,
        1001,
        2,
        None,
        None,
        None,
    ]
    assert whole_numbers(pl.Series([0.0, 2.5, math.nan, None])).to_list() == [0, None, None, None]
    assert whole_numbers(pl.Series([7])).to_list() == [7]
    assert whole_numbers(pl.Series(["9007199254740993"])).to_list() == [9007199254740993]


def test_words_lose_what_a_program_added() -> None:
    assert words(pl.Series([" a ", "", "NaN", "<NA>", None])).to_list() == ["a", None, None, None, None]
    assert words(pl.Series(["1001.0", None, "7.0"])).to_list() == ["1001", None, "7"]
    assert words(pl.Series([1001.0, math.nan])).to_list() == ["1001", None]
    assert words(pl.Series(["1001.0", "a"])).to_list() == ["1001.0", "a"]  # no column of floats
    assert words(pl.Series(["1.10", "2.0"])).to_list() == ["1.10", "2.0"]
    assert words(pl.Series([3, 4])).to_list() == ["3", "4"]
    assert ids(pl.Series([" nan ", "", "NULL"])).to_list() == ["nan", None, "NULL"]
    assert ids(pl.Series([1001.0, math.nan])).to_list() == ["1001", None]


def test_currencies_have_one_name_each() -> None:
    assert currencies(pl.Series(["5 €", "EUR 3", "$7", "10", "8 euro", None])) == ["$", "EUR"]
    assert currencies(pl.Series([1.0])) == []


def test_a_price_of_nothing_is_no_price() -> None:
    read = prices(pl.Series(["0", "0,00 €", "9,90 €", "-1", "ask", "", None, "0.01"]))
    assert read.values.to_list() == [None, None, 9.9, None, None, None, None, 0.01]
    assert about_prices([read, read]) == [
        "4 prices are not numbers of 0 or more and count as unknown, the first is '-1'",
        "4 prices of 0 are read as no price",
    ]
    assert about_prices([prices(pl.Series([5, 3]))]) == []


def test_ids_lose_the_apostrophe_that_keeps_a_spreadsheet_from_counting() -> None:
    column = pl.Series(["'0012", " 'a-1 ", "o'neill", "''x", "'", "nan", None])
    assert ids(column).to_list() == ["0012", "a-1", "o'neill", "'x", None, "nan", None]
    assert ids(column, ["nan"]).to_list() == ["0012", "a-1", "o'neill", "'x", None, None, None]
    assert words(column).to_list()[:2] == ["'0012", "'a-1"]
