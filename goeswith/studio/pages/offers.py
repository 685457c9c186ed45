"""Offers: what goes with a board, what to swap in it, and what is like one item."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from goeswith.errors import GoeswithError
from goeswith.shop.stylist import Look
from goeswith.studio.pages.board import MOST, Board, slots
from goeswith.studio.pages.obstacles import in_titles, obstacle, unscored
from goeswith.studio.pages.verdicts import judged, tray
from goeswith.studio.pages.views import Item, item, items, plural, sentence
from goeswith.studio.service.catalogue_view import Wall

log = logging.getLogger(__name__)

OFFERS = 8
"""Items that a slot offers."""
LOOKS = 3
"""Whole looks that a board offers, and slots that they fill at most."""
DIVERSITY = 0.3
"""So that a row is not eight times the same black shoe."""


def beside(wall: Wall, board: Board, swap: str) -> dict[str, Any]:
    """What to add: a row of offers for each open slot, and whole looks; what to swap where no slot is open."""
    nothing: dict[str, Any] = {"slots": [], "looks": [], "trouble": ""}
    shown = items(wall, board.on)
    if obstacle(wall, board.on):
        return nothing  # the board says why
    open_slots = [] if board.full else slots([one.group for one in shown], list(wall.facets()["group"]))
    told = [_slot(wall, board, shown, slot) for slot in open_slots] or [_better(wall, board, shown)]
    if open_slots and not any(row["offers"] for row in told):  # each of them says the same
        return nothing | {"trouble": told[0]["trouble"]}
    return {"slots": told, "looks": _looks(wall, board, open_slots[: min(LOOKS, MOST - len(board.on))]), "trouble": ""}


def best_first(looks: Sequence[Look]) -> list[Look]:
    """A diverse choice comes in the order that it was made in; whoever sees a row takes it for a ranking."""
    return sorted(looks, key=lambda look: -look.score)


def _slot(wall: Wall, board: Board, shown: Sequence[Item], slot: str) -> dict[str, Any]:
    told: dict[str, Any] = {"title": plural(slot), "trouble": "", "offers": [], "verb": "Add", "now": None}
    try:
        for look in best_first(wall.stylist.fill(board.on, slot, k=OFFERS, diversity=DIVERSITY)):
            new = look.added[0]
            told["offers"].append((item(wall, wall.row(new)), board.plus(new).url, look))
            told["trouble"] = " ".join(map(sentence, look.notes))
    except GoeswithError as error:
        told["trouble"] = in_titles(error, shown)
    return told


def _better(wall: Wall, board: Board, shown: Sequence[Item]) -> dict[str, Any]:
    """Swaps that raise the score of an outfit that lacks nothing."""
    told: dict[str, Any] = {"title": "What would make it better", "trouble": "", "offers": [], "verb": "Swap in"}
    told["now"] = None
    try:
        told["now"] = wall.stylist.judge(board.on).score
        for swap in wall.stylist.improve(board.on, locked=board.lock, k=OFFERS):
            told["offers"].append(
                (item(wall, wall.row(swap.added)), board.put(swap.removed, swap.added).url, swap.look)
            )
    except GoeswithError as error:
        told["trouble"] = in_titles(error, shown)
    if not told["offers"]:
        told["trouble"] = told["trouble"] or "No single swap raises the score."
    return told


def _looks(wall: Wall, board: Board, wanted: Sequence[str]) -> list[dict[str, Any]]:
    if len(wanted) < 2:
        return []
    try:
        found = best_first(wall.stylist.complete(board.on, slots=wanted, k=LOOKS, diversity=DIVERSITY))
    except GoeswithError as error:
        log.info("no whole looks: %s", error)
        return []
    return [
        {"url": Board.of((*board.on, *look.added), board.lock).url, "pieces": items(wall, look.item_ids), "look": look}
        for look in found
    ]


def instead(wall: Wall, board: Board, swap: str) -> dict[str, Any]:
    """What to put in the place of one item: what goes best, and what is most like it."""
    old = item(wall, wall.row(swap))
    shown = items(wall, board.on)
    rest = [one for one in board.on if one != swap]
    told: dict[str, Any] = {"title": f"Instead of {old.name}", "trouble": "", "offers": [], "verb": "Swap for"}
    alike = dict(told, title="Like it", offers=[])
    if not rest or obstacle(wall, rest):  # the board says why
        return {"slots": [], "looks": [], "trouble": ""}
    look, _ = judged(wall, shown)
    now = look.score if look else -np.inf
    told["now"] = alike["now"] = look.score if look else None
    try:
        found = wall.stylist.fill(rest, old.group or old.category, k=OFFERS + 1, diversity=DIVERSITY)
        _exchanges(wall, board, swap, told, [look for look in found if look.added[0] != swap][:OFFERS], now)
        near = [] if obstacle(wall, [swap]) else [one.item_id for one in wall.stylist.similar(swap, k=OFFERS)]
        near = [new for new in near if new not in board.on]
        looks = wall.stylist.judge_many([board.put(swap, new).on for new in near])
        looks = [replace(look, added=(new,)) for new, look in zip(near, looks, strict=True)]
        _exchanges(wall, board, swap, alike, looks, now)
    except GoeswithError as error:
        told["trouble"] = in_titles(error, shown)
    return {"slots": [told, *([alike] if alike["offers"] else [])], "looks": [], "trouble": ""}


def _exchanges(wall: Wall, board: Board, old: str, told: dict[str, Any], looks: Sequence[Look], now: float) -> None:
    """Add offers to a row: those that score more than `now`, else all of them under a word that none does."""
    better = [look for look in looks if look.score > now]
    if not better:
        told["trouble"] = "None is better; these come closest." if looks else "There is nothing to swap it for."
    told["offers"] = [
        (item(wall, wall.row(new)), board.put(old, new).url, look)
        for look in best_first(better or looks) if (new := look.added[0])
    ]  # fmt: skip


def offer(wall: Wall, board: Board) -> dict[str, Any]:
    """The one swap that raises the score most, if any does."""
    try:
        found = wall.stylist.improve(board.on, locked=board.lock, k=1) if len(board.on) > 1 else []
    except GoeswithError as error:
        log.info("no swap: %s", error)
        found = []
    if not found or found[0].gain <= 0:
        return {"offer": None}
    best, before = found[0], wall.stylist.judge(board.on)
    told = {"out": item(wall, wall.row(best.removed)), "in": item(wall, wall.row(best.added))}
    return {"offer": told | {"before": before, "look": best.look, "url": board.put(best.removed, best.added).url}}


def close(wall: Wall, board: Board, item_id: str, owner: str) -> dict[str, Any]:
    """One item, and what is most like it."""
    it, error = item(wall, wall.seen_row(item_id, owner)), obstacle(wall, [item_id])
    told: dict[str, Any] = {"it": it, "alike": [], "own": item_id in wall.guests}
    told["unknown"] = unscored(error, it) if error else ""
    if not told["unknown"]:
        told["alike"] = items(wall, [near.item_id for near in wall.stylist.similar(item_id, k=2 * OFFERS)])
    return told | tray(wall, board)
