"""Brief: what a board has to keep to: money, season, colour, brand, gender, stock; it is part of the address."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from goeswith.data.filters import Filters
from goeswith.errors import CatalogueError, GoeswithError
from goeswith.studio.pages.views import Item
from goeswith.studio.service.catalogue_view import Wall

PREFIX = "want_"
"""Of its names in an address, where the filters of the catalogue have the same ones."""
COLUMNS = {"season": "seasons", "colour": "colours", "brand": "brands", "gender": "genders"}
"""Field → the filter that it sets."""


@dataclass(frozen=True)
class Brief:
    """What is asked for, as it was written; empty where nothing is. budget: of the whole look."""

    budget: str = ""
    season: str = ""
    colour: str = ""
    brand: str = ""
    gender: str = ""
    stock: str = ""

    @classmethod
    def of(cls, query: Mapping[str, Any]) -> Brief:
        """As an address or a form says it."""
        return cls(**{one.name: str(query.get(PREFIX + one.name, "")).strip()[:100] for one in fields(cls)})

    @property
    def query(self) -> dict[str, str]:
        """What an address says of it."""
        return {PREFIX + one.name: value for one in fields(self) if (value := getattr(self, one.name))}

    def filters(self, **more: Any) -> Filters:
        """Of items to add."""
        told: dict[str, Any] = {name: (value,) for field, name in COLUMNS.items() if (value := getattr(self, field))}
        return Filters(**told | more, in_stock=bool(self.stock))

    @property
    def money(self) -> float | None:
        """The budget.

        Raises:
            CatalogueError: it is no amount of money.
        """
        return amount(self.budget, "budget")


def amount(text: str, what: str = "price") -> float | None:
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
        raise CatalogueError(f"the {what} {text!r} is not a number; write one like 49.90")
    return number


def bar(wall: Wall, brief: Brief, shown: Sequence[Item]) -> dict[str, Any]:
    """What the bar shows: the choices of this catalogue, what is left of the budget, and what does not fit."""
    every, items = wall.facets(), wall.catalogue.items
    choices = [
        (name, sorted({*every[name], *filter(None, [getattr(brief, name)])}), getattr(brief, name))
        for name in COLUMNS
        if len(every[name]) > 1 or getattr(brief, name)
    ]
    spent = sum(one.price or 0.0 for one in shown)
    try:
        money, trouble = brief.money, ""
    except CatalogueError as error:
        money, trouble = None, str(error)
    return {
        "choices": choices, "priced": items["price"].count() > 0, "stocked": "stock" in items.columns,
        "set": bool(brief.query), "budget": money, "left": None if money is None else money - spent,
        "misfits": _misfits(wall, brief, shown), "trouble": trouble,
    }  # fmt: skip


def _misfits(wall: Wall, brief: Brief, shown: Sequence[Item]) -> list[str]:
    """Which items on the board are not what the brief asks for; one sentence each."""
    found = []
    for field, name in COLUMNS.items():
        if value := getattr(brief, field):
            asked: dict[str, Any] = {name: (value,)}
            wrong = _failing(wall, Filters(**asked), shown)
            found += [f"{one.name} is {dict(one.facts).get(field, f'of no {field}')}, not {value}" for one in wrong]
    if brief.stock:
        found += [f"{one.name} is not in stock" for one in _failing(wall, Filters(in_stock=True), shown)]
    return found


def _failing(wall: Wall, filters: Filters, shown: Sequence[Item]) -> list[Item]:
    try:
        passing = filters.rows(wall.catalogue)
    except GoeswithError:
        return []  # no item is like that, and every suggestion says so
    return [one for one in shown if not passing[wall.row(one.id)] and one.id not in wall.guests]
