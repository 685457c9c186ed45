"""Cells: parsing of table cells as numbers, integers and text: currencies, decimal commas, blanks, NaN."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import polars as pl

UNKNOWN = ("nan", "<na>", "n/a", "#n/a", "null")
"""What programs write for a value that they do not have."""
NO_NUMBER = (*UNKNOWN, "na", "none", "-", "–", "—")

_CODES = (
    "AED|ARS|AUD|BGN|BRL|CAD|CHF|CLP|CNY|COP|CZK|DKK|EGP|EUR|GBP|HKD|HUF|IDR|ILS|INR|ISK|JPY|KRW|MXN|MYR|NOK|NZD|PEN"
    "|PHP|PLN|RON|RSD|RUB|SAR|SEK|SGD|THB|TRY|TWD|UAH|USD|VND|ZAR|euros?|dollars?|pounds?|sfr|fr|kr|zł|kč|ft|rs|lei|tl"
)
_CURRENCY = rf"(?i:[a-z]{{0,3}}\p{{Sc}}|(?:{_CODES})\.?)"
_SIGN = r"^[+-]?"
_AMBIGUOUS = r"[1-9][0-9]{0,2}%s[0-9]{3}$"
_DOTS = r"(?:[0-9]+|[1-9][0-9]{0,2}(?:,[0-9]{2,3})*,[0-9]{3})(?:\.[0-9]*)?$|\.[0-9]+$"
_COMMAS = r"(?:[0-9]+|[1-9][0-9]{0,2}(?:\.[0-9]{3})+)(?:,[0-9]*)?$|,[0-9]+$"
_EXPONENT = _SIGN + r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][+-]?[0-9]+$"
_NAMES = {"€": "EUR", "EURO": "EUR", "EUROS": "EUR", "£": "GBP", "US$": "USD", "ZŁ": "PLN", "KČ": "CZK"}


def numbers(column: pl.Series, *, grouped: bool = True) -> pl.Series:
    """(n,) Float64: what a column says in numbers; null where it says none, NaN and infinity included.

    Read are ``1299``, ``1,299.00``, ``1.299,00 €``, ``1 299,00``, ``1'299.-``, ``$5``, ``19.90 EUR`` and ``1e3``. Where
    one value could be both, as 1.299 or 1,299, the column's other values decide; where these do not, it is what
    English has, but whole thousands where there is a currency and a dot.

    Args:
        grouped: whether thousands may be parted; else every dot and comma is a decimal one.
    """
    if column.dtype.is_numeric() or column.dtype == pl.Boolean:
        values = column.cast(pl.Float64)
        return values.set(~values.is_finite().fill_null(False), None)
    frame = pl.DataFrame({"text": _tidy(column)}).with_columns(bare=_without_currency(pl.col("text")))
    text, bare = pl.col("text"), pl.col("bare")
    if not grouped:
        single = bare.str.contains(_SIGN + r"(?:[0-9]+[.,]?[0-9]*|[.,][0-9]+)$")
        read = pl.when(single).then(bare.str.replace(",", ".", literal=True)).otherwise(_exponent(bare))
        return _finite(frame, read)
    spaced = bare.str.contains(_SIGN + r"[0-9]{1,3}(?:[ '’][0-9]{3})+(?:[.,][0-9]*)?$")
    frame = frame.with_columns(bare=pl.when(spaced).then(bare.str.replace_all("[ '’]", "")).otherwise(bare))
    either = bare.str.contains(_SIGN + _AMBIGUOUS % r"\.") | bare.str.contains(_SIGN + _AMBIGUOUS % ",")
    either &= ~spaced
    dots, commas = bare.str.contains(f"{_SIGN}(?:{_DOTS})"), bare.str.contains(f"{_SIGN}(?:{_COMMAS})")
    marked = bare.str.contains("[.,]") & ~either
    seen = frame.select(dots=(dots & ~commas & marked).sum(), commas=(commas & ~dots & marked).sum()).row(0)
    with_comma, with_dot = seen[1] > seen[0], seen[0] > seen[1]
    thousands = pl.lit(with_comma) | (pl.lit(not with_dot) & (text != bare))  # of a lone dot
    dotted = pl.when(either & bare.str.contains(".", literal=True)).then(thousands)
    by_comma = dotted.when(either).then(pl.lit(with_comma)).otherwise(commas & ~dots)
    as_dots = pl.when(dots).then(bare.str.replace_all(",", "", literal=True))
    as_commas = bare.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
    read = pl.when(by_comma).then(pl.when(commas).then(as_commas)).otherwise(as_dots)
    return _finite(frame, pl.coalesce(read, _exponent(bare)))


def is_odd(column: pl.Series, read: pl.Series) -> pl.Series:
    """(n,) bool: values that say something and were not read as a number."""
    text = _tidy(column).str.to_lowercase()
    return read.is_null() & (text != "").fill_null(False) & ~text.is_in(NO_NUMBER).fill_null(False)


def currencies(column: pl.Series) -> list[str]:
    """The currencies written with the numbers of a column, sorted."""
    if column.dtype != pl.String:
        return []
    names = _tidy(column).str.extract(rf"({_CURRENCY})").str.to_uppercase().str.strip_chars(".").drop_nulls().unique()
    return sorted({_NAMES.get(name, name) for name in names})


class Prices(NamedTuple):
    """values: (n,) Float64 above 0, null where there is no price. odd: cells with anything but a number of 0 or more.

    zeros: how many are 0.
    """

    values: pl.Series
    odd: pl.Series
    zeros: int


def prices(column: pl.Series) -> Prices:
    """What a column says in prices.

    A price of 0 is read as none: shops write it for what is not priced yet, and an item that costs nothing would be in
    every look with a budget.
    """
    values = numbers(column)
    odd = is_odd(column, values) | (values < 0).fill_null(False)
    zero = (values == 0).fill_null(False)
    return Prices(values.set(odd | zero, None), column.filter(odd), int(zero.sum()))


def about_prices(columns: Iterable[Prices]) -> list[str]:
    """What to say of the prices that were not read."""
    read = [*columns]
    odd = [str(cell) for each in read for cell in each.odd]
    zeros = sum(each.zeros for each in read)
    notes = (
        [f"{len(odd):,} prices are not numbers of 0 or more and count as unknown, the first is {odd[0]!r}"]
        if odd
        else []
    )
    return [*notes, f"{zeros:,} prices of 0 are read as no price"] if zeros else notes


def whole_numbers(column: pl.Series) -> pl.Series:
    """(n,) Int64: whole numbers, also those that passed through floats (``3.0``); null where there is none."""
    if column.dtype.is_integer():
        return column.cast(pl.Int64, strict=False)
    if column.dtype.is_numeric():
        exact = (column == column.round()) & column.is_finite()
        return column.set(~exact.fill_null(False), None).cast(pl.Int64, strict=False)
    text = _tidy(column)
    digits = text.str.extract(r"^([+-]?[0-9]+)(?:[.,]0*)?$")
    return digits.cast(pl.Int64, strict=False)


def ids(column: pl.Series, unknown: Sequence[str] = ()) -> pl.Series:
    """(n,) String: ids, SKUs and barcodes; as `words`, but an id may be "nan".

    One apostrophe before them is dropped: people write it so that a spreadsheet leaves the digits alone, as in '0012.
    """
    text = words(column, unknown).str.strip_prefix("'").str.strip_chars()
    return text.set((text == "").fill_null(False), None)


def words(column: pl.Series, unknown: Sequence[str] = UNKNOWN) -> pl.Series:
    """(n,) String: text without blanks around it; null where it is empty or says that there is no value.

    A column that holds nothing but whole numbers that passed through floats (``1001.0``) loses their ``.0``.
    """
    cleaned = column.fill_nan(None) if column.dtype.is_float() else column
    text = cleaned.cast(pl.String).str.strip_chars()
    text = text.set(text.str.to_lowercase().is_in([*unknown, ""]).fill_null(False), None)
    floats = text.str.contains(r"^-?[0-9]+\.0$")
    return text.str.strip_suffix(".0") if floats.any() and floats.fill_null(True).all() else text


def _tidy(column: pl.Series) -> pl.Series:
    """Text with plain blanks and minus signs."""
    text = column.cast(pl.String).str.replace_all(r"[\p{Z}\s]+", " ").str.strip_chars()
    return text.str.replace("−", "-", literal=True)


def _without_currency(text: pl.Expr) -> pl.Expr:
    before = text.str.replace(rf"^([+-]?) ?{_CURRENCY} ?([+-]?[0-9.,])", "${1}${2}")
    return before.str.replace(rf"([0-9.,–—-]) ?{_CURRENCY}$", "${1}").str.replace(r"([0-9])[.,] ?[-–—]{1,2}$", "${1}")


def _exponent(text: pl.Expr) -> pl.Expr:
    return pl.when(text.str.contains(_EXPONENT)).then(text)


def _finite(frame: pl.DataFrame, read: pl.Expr) -> pl.Series:
    number = frame.select(number=read.str.strip_prefix("+").cast(pl.Float64, strict=False))["number"]
    return number.set(~number.is_finite().fill_null(False), None)
