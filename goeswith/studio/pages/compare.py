"""Compare: two to four looks side by side: prices, verdicts, and where they differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from goeswith.data.catalogue import GROUPS
from goeswith.data.filters import Filters
from goeswith.shop.coherence import agreeing
from goeswith.shop.prices import price
from goeswith.studio.pages.board import Board, address
from goeswith.studio.pages.looks import Card, cards
from goeswith.studio.pages.views import Item, currency, plural, standing, verdict
from goeswith.studio.service.catalogue_view import CatalogueView
from goeswith.studio.service.comparisons import check_compared
from goeswith.studio.service.looks import Looks


@dataclass(frozen=True)
class Cell:
    """What one look has in one row. best: of all in the row, where that can be said."""

    words: str
    pieces: tuple[Item, ...] = ()
    best: bool = False


@dataclass(frozen=True)
class Row:
    """One row of the comparison. differs: whether the looks do not all have the same in it."""

    title: str
    cells: tuple[Cell, ...]
    differs: bool


def page(view: CatalogueView, store: Looks, look_ids: Sequence[str], owner: str, trouble: str = "") -> dict[str, Any]:
    """Looks side by side.

    Raises:
        Refused: fewer than two or more than four, or there is no such look.
    """
    ids = check_compared(look_ids)
    shown = cards(view, [store.get(look_id) for look_id in ids], owner)
    slots = _slots(shown)
    numbers = [
        _row("Price", shown, lambda card: _price(view, card), lambda card: None if card.price is None else -card.price),
        _row("Verdict", shown, _verdict_text, _rank),
        _row("Season and gender", shown, lambda card: _coherence(view, card)),
        _row("Colours", shown, _colours),
    ]
    same = sum(not row.differs for row in slots)
    announcement = f"{len(ids)} looks side by side, which differ in {len(slots) - same} of {len(slots)} places"
    without = [address("/looks/compare", look=[look_id for look_id in ids if look_id != own]) for own in ids]
    return {
        "cards": shown, "numbers": numbers, "slots": slots, "announcement": announcement, "board": Board(),
        "trouble": trouble, "judged": view.index.scale is not None,
        "without": without if len(ids) > 2 else [""] * len(ids),
    }  # fmt: skip


def _row(
    title: str, shown: Sequence[Card], words: Callable[[Card], str], worth: Callable[[Card], float | None] | None = None
) -> Row:
    """A row of words; where each has a worth and they differ, those with the highest are marked."""
    texts = [words(card) for card in shown]
    worths = [worth(card) if worth else None for card in shown]
    worth_given = [value for value in worths if value is not None]
    top = max(worth_given) if len(worth_given) == len(shown) and len(set(worth_given)) > 1 else None
    cells = tuple(Cell(text, best=top is not None and value == top) for text, value in zip(texts, worths, strict=True))
    return Row(title, cells, len(set(texts)) > 1)


def _slots(shown: Sequence[Card]) -> list[Row]:
    """A row for each group of items that one of the looks has."""
    slots_of: list[dict[str, tuple[Item, ...]]] = []
    for card in shown:
        slots: dict[str, tuple[Item, ...]] = {}
        for piece in card.pieces:
            if piece is not None:
                name = piece.group or piece.category
                slots[name] = (*slots.get(name, ()), piece)
        slots_of.append(slots)
    names = {name for slots in slots_of for name in slots}
    rows = []
    for name in sorted(names, key=lambda name: (GROUPS.index(name) if name in GROUPS else len(GROUPS), name)):
        cells = tuple(Cell("" if slots.get(name) else "none", slots.get(name, ())) for slots in slots_of)
        sets = {frozenset(piece.id for piece in cell.pieces) for cell in cells}
        rows.append(Row(plural(name) if name in GROUPS else name.capitalize(), cells, len(sets) > 1))
    return rows


def _price(view: CatalogueView, card: Card) -> str:
    units = {piece.currency for piece in card.pieces if piece}
    unit = currency(view) or (units.pop() if len(units) == 1 else "")
    return "unknown" if card.price is None else price(card.price, unit)


def _verdict_text(card: Card) -> str:
    if card.look is None:
        return "not all pieces can be judged"
    return ", ".join(filter(None, [verdict(card.look), standing(card.look)])) or "no verdict"


def _rank(card: Card) -> float | None:
    if card.look is None or np.isnan(card.look.score):
        return None
    return -np.inf if card.look.findings else card.look.percentile


def _coherence(view: CatalogueView, card: Card) -> str:
    """Which seasons and genders a look is for, or which pieces do not agree with the rest."""
    rows = np.array([view.row(piece.id) for piece in card.pieces if piece], np.int64)
    names = [piece.name for piece in card.pieces if piece]
    arrays = view.index.shelf
    odd = [
        name
        for at, name in enumerate(names)
        if len(rows) > 1 and not agreeing(arrays, np.delete(rows, at), rows[at : at + 1], Filters())[0]
    ]
    if odd and len(odd) < len(names):
        return f"does not agree: {', '.join(odd)}"
    values = [dict.fromkeys(filter(None, arrays.values(column, rows))) for column in ("season", "gender")]
    return "pieces do not agree" if odd else ", ".join(" and ".join(some) for some in values if some) or "unknown"


def _colours(card: Card) -> str:
    colours = dict.fromkeys(colour for piece in card.pieces if piece for colour in [dict(piece.facts).get("colour")])
    return ", ".join(filter(None, colours)) or "unknown"
