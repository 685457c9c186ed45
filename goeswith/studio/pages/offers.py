"""Offers: what goes with a board, what to swap in it, and what is similar to an item."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from goeswith.errors import GoeswithError
from goeswith.shop.grammar import WORN
from goeswith.shop.stylist import Look, Swap
from goeswith.studio.pages.board import Board
from goeswith.studio.pages.board_view import judged, tray
from goeswith.studio.pages.no_score import in_titles, obstacle, unscored
from goeswith.studio.pages.views import Item, for_sale, item, items, plural, sentence
from goeswith.studio.service.catalogue_view import CatalogueView

log = logging.getLogger(__name__)

OFFERS = 12
"""Items that a tab offers."""
LOOKS = 4
"""Whole looks that a board offers."""
MANY = 64
"""Swaps among which those within the budget are chosen."""
DIVERSITY = 0.3
"""So that a tab is not twelve times the same black shoe."""
CHANGES = ((15, "Clearly better"), (4, "Better"), (-4, "About as good"), (-math.inf, "Weaker"))
"""Least change of an outfit's standing among 100 worn ones → what it is called."""
RAISED = (*CHANGES[:2], (-math.inf, "Slightly better"))
"""The same where every offer raises the score."""
BEHIND = ((-4, "Best matches"), (-15, "Close behind"), (-math.inf, "Further behind"))
"""The same against the best, where the outfit has no standing before."""
BETTER, WHOLE_LOOKS = "better", "whole"
"""Tabs that are no slot: swaps that raise the score, and whole looks."""


@dataclass(frozen=True)
class Tab:
    """A tab of the rail. name: a slot, `BETTER` or `WHOLE`. lacks: whether the outfit is none without it."""

    name: str
    title: str
    lacks: bool = False


@dataclass(frozen=True)
class Offer:
    """An item to add or swap in, the board that it leads to, and the look that it makes.

    out: what it replaces. leaves: whether the item is one of the board that should be taken off.
    """

    item: Item
    board: Board
    look: Look
    out: Item | None = None
    leaves: bool = False


@dataclass
class Row:
    """Items under one heading, the best first.

    now: the look of the board as it is; None where it has no score. swaps: whether they replace something.
    trouble: a sentence instead of offers, or above them.
    """

    title: str
    verb: str
    now: Look | None = None
    swaps: bool = False
    trouble: str = ""
    offers: list[Offer] = field(default_factory=list)

    def change(self, offer: Offer) -> float | None:
        """By how much an offer changes the standing of the outfit, of 100; against the best where that has none."""
        base = self._percentile if self._percentile is not None else self.offers[0].look.percentile
        after = offer.look.percentile
        return None if after is None or base is None or offer.look.verdict == "unsure" else after - base

    @property
    def _percentile(self) -> float | None:
        return self.now.percentile if self.now else None

    @property
    def grouped(self) -> list[tuple[str, list[Offer]]]:
        """The offers by how much they change, in words; under one empty word where that is not known."""
        raised = self.now is not None and all(offer.look.score > self.now.score for offer in self.offers)
        steps = BEHIND if self._percentile is None else RAISED if self.swaps and raised else CHANGES
        groups: dict[str, list[Offer]] = {}
        for offer in self.offers:
            change = self.change(offer)
            word = "" if change is None else next(word for least, word in steps if change >= least)
            groups.setdefault(word, []).append(offer)
        return list(groups.items())


def tabs(view: CatalogueView, board: Board, shown: Sequence[Item]) -> list[Tab]:
    """What the grammar of outfits lets be added, what is missing first; then swaps, then whole looks."""
    grammar, counts = view.index.grammar, view.facets()["group"]
    groups, categories = [piece.group for piece in shown], [piece.category for piece in shown]
    lacks = {group for clause in grammar.needs if not {*clause} & {*groups} for group in clause}
    usual = [slot for slots, _ in grammar.slots(groups, categories) for slot in slots]
    order = sorted(dict.fromkeys([*usual, *WORN]), key=lambda slot: slot not in lacks)
    open_slots = [slot for slot in order if slot in counts and not board.full and not grammar.refusal(groups, [slot])]
    made = [Tab(slot, plural(slot), slot in lacks) for slot in open_slots]
    if len(shown) > 1:
        made.insert(0 if not {*usual} & {*open_slots} else len(made), Tab(BETTER, "Better"))
    if len({*usual} & {*open_slots}) > 1:
        made.append(Tab(WHOLE_LOOKS, "Whole looks"))
    return made


def rail(view: CatalogueView, board: Board, slot: str = "", swap: str = "") -> dict[str, Any]:
    """The suggestions beside a board: its tabs, and what the open one offers, or what may replace one item."""
    shown = items(view, board.on)
    if obstacle(view, [item_id for item_id in board.on if item_id != swap]):
        # The board says why.
        nothing: dict[str, Any] = {"tabs": [], "open": "", "rows": [], "looks": [], "announcement": ""}
        return nothing | {"swap": swap, "slot": slot}
    every = tabs(view, board, shown)
    names = [tab.name for tab in every]
    open_tab = slot if slot in names else names[0] if names else ""
    rows: list[Row] = []
    looks: list[dict[str, Any]] = []
    if swap in board.on and len(board.on) > 1:
        open_tab, rows = "", instead(view, board, swap)
    elif open_tab == WHOLE_LOOKS:
        looks, row = _looks(view, board, shown)
        rows = [row] if row.trouble else []
    elif open_tab:
        rows = [_better(view, board, shown) if open_tab == BETTER else _slot(view, board, shown, open_tab)]
    count = sum(len(row.offers) for row in rows) + len(looks)
    heading = rows[0].title if rows else "Whole looks"
    summary = f"{heading}: {count} to choose from" if count else " ".join(row.trouble for row in rows)
    return {
        "tabs": every,
        "open": open_tab,
        "rows": rows,
        "looks": looks,
        "swap": swap,
        "slot": slot,
        "announcement": summary,
    }


def best_first(looks: Sequence[Look]) -> list[Look]:
    """A diverse choice comes in the order that it was made in; users read a row as a ranking."""
    return sorted(looks, key=lambda look: -look.score)


def _filled(view: CatalogueView, board: Board, on: Sequence[str], slot: str) -> list[Look]:
    """What fits into one slot beside some items, within the brief of the board."""
    brief = board.brief
    options: dict[str, Any] = {"filters": brief.filters(), "budget": brief.money, "diversity": DIVERSITY}
    return view.stylist.complete(on, slots=[slot], k=OFFERS + 1, beam=1, **options)


def _slot(view: CatalogueView, board: Board, shown: Sequence[Item], slot: str) -> Row:
    row = Row(plural(slot), "Add")
    try:
        looks = best_first(_filled(view, board, board.on, slot)[:OFFERS])
        row.now = judged(view, shown)[0]
        row.offers = [Offer(item(view, view.row(look.added[0])), board.plus(look.added[0]), look) for look in looks]
        row.trouble = " ".join(sentence(note) for look in looks[:1] for note in look.notes if "not enough" not in note)
    except GoeswithError as error:
        row.trouble = in_titles(view, error, shown)
    return row


def _swaps(view: CatalogueView, board: Board, k: int) -> list[Swap]:
    """Single swaps that raise the score, within the brief, the best first; before them what is to be taken off."""
    money = board.brief.money
    count = k if money is None else max(k, MANY)
    swaps = view.stylist.improve(board.on, locked=board.lock, filters=board.brief.filters(), k=count)
    within = [swap for swap in swaps if swap.added is None or money is None or (swap.look.price or 0) <= money]
    return within[:k]  # what is only taken off costs nothing


def _better(view: CatalogueView, board: Board, shown: Sequence[Item]) -> Row:
    """Swaps that raise the score of the outfit."""
    row = Row("What would make it better", "Swap in", swaps=True)
    try:
        row.now = view.stylist.judge(board.on)
        for swap in _swaps(view, board, OFFERS):
            old = item(view, view.row(swap.removed))
            if swap.added is None:
                row.offers.append(Offer(old, board.without(old.id), swap.look, leaves=True))
                continue
            new = item(view, view.row(swap.added))
            row.offers.append(Offer(new, board.put(old.id, new.id), swap.look, old))
    except GoeswithError as error:
        row.trouble = in_titles(view, error, shown)
    if not row.offers:
        row.trouble = row.trouble or _why_none(view, board)
    return row


def _why_none(view: CatalogueView, board: Board) -> str:
    """Why no swap is offered, in a sentence."""
    if len(board.on) < 2:
        return "A swap needs two items on the board."
    filters, money = board.brief.filters(), board.brief.money
    dearer = view.stylist.improve(board.on, locked=board.lock, filters=filters, k=MANY) if money is not None else []
    if dearer:
        many = f"{len(dearer)} or more" if len(dearer) == MANY else f"{len(dearer)}"
        return f"No swap of one item within the budget of {money:g} makes the outfit better; {many} would without it."
    return sentence(view.stylist.why_no_swap(board.on, board.lock, filters))


def _looks(view: CatalogueView, board: Board, shown: Sequence[Item]) -> tuple[list[dict[str, Any]], Row]:
    """Whole looks around the board, and a row with a sentence where there are none."""
    row, brief = Row("Whole looks", "Open"), board.brief
    try:
        options: dict[str, Any] = {"filters": brief.filters(), "budget": brief.money, "diversity": DIVERSITY}
        completed = best_first(view.stylist.complete(board.on, k=LOOKS, **options))
    except GoeswithError as error:
        row.trouble = in_titles(view, error, shown)
        return [], row
    return [
        {"board": board.having((*board.on, *look.added)), "pieces": items(view, look.item_ids), "look": look}
        for look in completed
    ], row


def instead(view: CatalogueView, board: Board, swap: str) -> list[Row]:
    """What to put in the place of one item: what goes best, and what is most like it."""
    old, shown = item(view, view.row(swap)), items(view, board.on)
    others = [item_id for item_id in board.on if item_id != swap]
    row, alike = (Row(title, "Swap for", swaps=True) for title in (f"Instead of {old.name}", "Like it"))
    look, _ = judged(view, shown)
    row.now = alike.now = look
    now = look.score if look else -np.inf
    try:
        filled = [look for look in _filled(view, board, others, old.group or old.category) if look.added[0] != swap]
        _exchanges(view, board, swap, row, filled[:OFFERS], now)
    except GoeswithError as error:
        row.trouble = in_titles(view, error, shown)
    try:  # what is like it may have a score where the rest alone has none
        near = [] if obstacle(view, [swap]) else _near(view, board, swap, others)
        looks = view.stylist.judge_many([board.put(swap, new).on for new in near])
        looks = [replace(look, added=(new,)) for new, look in zip(near, looks, strict=True)]
        _exchanges(view, board, swap, alike, looks, now)
    except GoeswithError as error:
        row.trouble = row.trouble or in_titles(view, error, shown)
    return [row, *([alike] if alike.offers else [])]


def _near(view: CatalogueView, board: Board, swap: str, others: Sequence[str]) -> list[str]:
    """Ids of what is most like an item, within the brief."""
    money = board.brief.money
    left = None if money is None else max(money - sum(piece.price or 0 for piece in items(view, others)), 0.0)
    alike = view.stylist.similar(swap, filters=board.brief.filters(price_max=left), k=OFFERS)
    return [piece.item_id for piece in alike if piece.item_id not in board.on]


def _exchanges(view: CatalogueView, board: Board, old: str, row: Row, looks: Sequence[Look], now: float) -> None:
    """Add offers to a row: those that score more than `now`, else all of them under a word that none does."""
    better = [look for look in looks if look.score > now]
    if not better:
        row.trouble = "None is better; these come closest." if looks else "There is nothing to swap it for."
    row.offers = [
        Offer(item(view, view.row(look.added[0])), board.put(old, look.added[0]), look)
        for look in best_first(better or looks)
    ]


def offer(view: CatalogueView, board: Board) -> dict[str, Any]:
    """The one swap that raises the score most, if any does, or what is to be taken off; else why there is none."""
    try:
        swaps = _swaps(view, board, 1) if len(board.on) > 1 else []
        if not swaps:
            return {"offer": None, "why_none": _why_none(view, board)}
    except GoeswithError as error:
        log.info("no swap: %s", error)
        return {"offer": None, "why_none": in_titles(view, error, items(view, board.on))}
    best, before = swaps[0], view.stylist.judge(board.on)
    new = None if best.added is None else item(view, view.row(best.added))
    after = board.without(best.removed) if best.added is None else board.put(best.removed, best.added)
    exchanged = {"out": item(view, view.row(best.removed)), "in": new}
    return {"offer": exchanged | {"before": before, "look": best.look, "url": after.url}}


def close(view: CatalogueView, board: Board, item_id: str, owner: str) -> dict[str, Any]:
    """One item, where looks with it are, and what is most like it."""
    it, error = item(view, view.seen_row(item_id, owner)), obstacle(view, [item_id])
    values: dict[str, Any] = {"it": it, "alike": [], "looks": "", "own": item_id in view.guests} | for_sale(view, it)
    values["unknown"] = unscored(view, error, it) if error else ""
    if not values["unknown"]:
        values["looks"] = Board((item_id,), brief=board.brief).at("/board", slot=WHOLE_LOOKS)
        values["alike"] = items(view, [near.item_id for near in view.stylist.similar(item_id, k=2 * OFFERS)])
    return values | tray(view, board)
