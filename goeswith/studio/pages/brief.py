"""Brief: the conditions of a board: budget, season, colour, brand, gender, stock; it is part of the URL."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from goeswith.data.filters import COLUMN_OF, Filters
from goeswith.errors import CatalogueError, GoeswithError
from goeswith.studio.pages.views import Item
from goeswith.studio.service.catalogue_view import CatalogueView

PREFIX = "want_"
"""Of its names in an address, where the filters of the catalogue have the same ones."""
FILTER_OF = {column: name for name, column in COLUMN_OF.items() if column not in ("category", "group")}
"""Column that a brief may ask for a value of → the filter that it sets."""
LONGEST = 100
"""Characters that are read of each field."""


@dataclass(frozen=True)
class Brief:
    """What is asked for, as it was written; empty where nothing is.

    budget: of the whole look. values: columns of `FILTER_OF` and the value that is asked for in each.
    """

    budget: str = ""
    values: tuple[tuple[str, str], ...] = ()
    stock: str = ""

    @classmethod
    def of(cls, query: Mapping[str, Any]) -> Brief:
        """As an address or a form says it."""
        names = ("budget", *FILTER_OF, "stock")
        budget, *values, stock = (str(query.get(PREFIX + name, "")).strip()[:LONGEST] for name in names)
        chosen = tuple((column, value) for column, value in zip(FILTER_OF, values, strict=True) if value)
        return cls(budget, chosen, stock)

    @property
    def query(self) -> dict[str, str]:
        """What an address says of it."""
        every = {"budget": self.budget, **dict(self.values), "stock": self.stock}
        return {PREFIX + name: value for name, value in every.items() if value}

    def filters(self, **more: Any) -> Filters:
        """Of items to add."""
        chosen: dict[str, Any] = {FILTER_OF[column]: (value,) for column, value in self.values}
        return Filters(**chosen | more, in_stock=bool(self.stock))

    @property
    def money(self) -> float | None:
        """The budget.

        Raises:
            CatalogueError: it is no amount of money.
        """
        return amount(self.budget, "budget")


def amount(text: str, field: str = "price") -> float | None:
    """A number that somebody wrote; None where nothing is.

    Raises:
        CatalogueError: it is no amount of money.
    """
    if not text:
        return None
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or number < 0:
        raise CatalogueError(f"the {field} {text!r} is not a number; write one like 49.90")
    return number


def bar(view: CatalogueView, brief: Brief, shown: Sequence[Item]) -> dict[str, Any]:
    """What the bar shows: the choices of this catalogue, what is left of the budget, and what does not fit."""
    every, items = view.facets(), view.catalogue.items
    chosen = {column: view.index.shelf.spelled(column, value) for column, value in brief.values}
    choices = [
        (column, sorted({*every[column], *filter(None, [chosen.get(column)])}), chosen.get(column, ""))
        for column in FILTER_OF
        if len(every[column]) > 1 or column in chosen
    ]
    spent = sum(piece.price or 0.0 for piece in shown)
    try:
        money, trouble = brief.money, ""
    except CatalogueError as error:
        money, trouble = None, str(error)
    return {
        "choices": choices, "priced": items["price"].count() > 0, "stocked": "stock" in items.columns,
        "set": bool(brief.query), "budget": money, "left": None if money is None else money - spent,
        "misfits": _misfits(view, brief, shown), "trouble": trouble,
    }  # fmt: skip


def _misfits(view: CatalogueView, brief: Brief, shown: Sequence[Item]) -> list[str]:
    """Which items on the board are not what the brief asks for; one sentence each."""
    misfits = []
    for column, value in brief.values:
        wrong = _failing(view, Brief(values=((column, value),)).filters(), shown)
        actual = [(piece.name, dict(piece.facts).get(column, f"of no {column}")) for piece in wrong]
        misfits += [f"{name} is {own}, not {value}" for name, own in actual]
    if brief.stock:
        misfits += [f"{piece.name} is not in stock" for piece in _failing(view, Filters(in_stock=True), shown)]
    return misfits


def _failing(view: CatalogueView, filters: Filters, shown: Sequence[Item]) -> list[Item]:
    try:
        passing = filters.rows(view.catalogue)
    except GoeswithError:
        return []  # no item is like that, and every suggestion says so
    return [piece for piece in shown if not passing[view.row(piece.id)] and piece.id not in view.guests]
