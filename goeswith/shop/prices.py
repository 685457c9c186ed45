"""Prices: amounts of money as pages show them."""

from __future__ import annotations

import polars as pl

SIGNS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥"}
"""Currencies that are known by a sign."""


def price(number: float, currency: str = "") -> str:
    """A price, with its currency where that is known."""
    written = f"{number:,.2f}"
    sign = SIGNS.get(currency)
    return f"{sign}{written}" if sign else f"{written} {currency}".strip()


def shared_currency(items: pl.DataFrame) -> str:
    """The currency of all prices of a catalogue's items; empty where they name none, or several."""
    named = items["currency"].drop_nulls().unique().to_list() if "currency" in items.columns else []
    return str(named[0]).strip() if len(named) == 1 else ""
