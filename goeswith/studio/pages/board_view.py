"""Board view: what the pages show of a board: its verdict, the lines between its items, and the reasons."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from goeswith.errors import CatalogueError, GoeswithError
from goeswith.shop.answers import looks_of
from goeswith.shop.contributions import pair_matrix
from goeswith.shop.explain import explain
from goeswith.shop.explanation import Explanation
from goeswith.shop.stylist import Look
from goeswith.studio.pages import choices, flat_lay
from goeswith.studio.pages.arrangement import Spot
from goeswith.studio.pages.board import Board, Drawing, draw
from goeswith.studio.pages.brief import bar
from goeswith.studio.pages.no_score import in_titles, titled
from goeswith.studio.pages.views import Item, item, items, verdict
from goeswith.studio.service.catalogue_view import CatalogueView, once
from goeswith.studio.service.source import dataset, held_out, outfit_ids

log = logging.getLogger(__name__)

STARTS = 6
"""Outfits offered to an empty board."""
WORN_OUTFITS = 1000
"""Worn outfits whose pairs the lines of a board are compared with."""
LEAST = 200
"""Pair scores of outfits of one size for that size to be compared on its own."""


def tray(view: CatalogueView, board: Board) -> dict[str, Any]:
    """The board in small: its items and its verdict."""
    shown = [item(view, view.index.row_of[item_id]) for item_id in board.on if item_id in view.index.row_of]
    look, trouble = judged(view, shown)
    summary = trouble if look is None else ", ".join(filter(None, [_counted(shown), verdict(look)]))
    return {
        "shown": shown, "look": look, "trouble": trouble, "full": board.overflow,
        "announcement": " ".join(filter(None, (board.overflow, summary or _counted(shown)))),
    }  # fmt: skip


def judged(view: CatalogueView, shown: Sequence[Item]) -> tuple[Look | None, str]:
    """The look of two items or more, or why there is none."""
    ids = [piece.id for piece in shown]
    try:
        if len(ids) > 1:
            return view.stylist.judge(ids), ""
        view.stylist.assortment.outfit(ids, least=0)
    except CatalogueError as error:
        return None, in_titles(view, error, shown)
    return None, ""


def table(
    view: CatalogueView, board: Board, *, slot: str = "", swap: str = "", waits: str = "", trouble: str = ""
) -> dict[str, Any]:
    """The board at large: items, verdict, lines and why. Items that the catalogue lacks are left out, with a note.

    slot, swap: which suggestions are open, see `goeswith.studio.pages.offers.rail`.
    """
    unknown_names = [name for name in board.on if name not in view.index.row_of]
    shown = [item(view, view.index.row_of[item_id]) for item_id in board.on if item_id in view.index.row_of]
    present = board.having([item_id.id for item_id in shown])
    look, silent = judged(view, shown)
    notes = filter(None, (board.overflow, silent or trouble, *_colour_variants(_one_of_each_product(view, shown))))
    why, lines = None, None
    lay = flat_lay.laid(view, present.on, dict(present.lay))
    if look is not None and np.isfinite(look.score):
        explanation = explain(view.stylist, present.on, swap=False, locked=present.lock)
        why = _reasons_panel(explanation, shown)
        if view.index.scale is not None:  # else real outfits are too few to compare pairs with, too
            lines = _drawing(view, explanation, shown, [spot for spot, _ in lay])
    announcement = (
        _counted(shown)
        if look is None
        else f"{_counted(shown)}: {'not a valid outfit, ' if look.findings else ''}{verdict(look) or 'no verdict'}"
    )
    announcement = f"{board.overflow} {announcement}".strip()
    return {
        "board": present, "shown": shown, "look": look, "why": why, "drawn": lines, "swap": swap, "slot": slot,
        "lay": [(it, spot, flat_lay.classes(spot), made) for it, (spot, made) in zip(shown, lay, strict=True)],
        "left_out": [_left_out(view, present, name) for name in unknown_names],
        "notes": [*notes], "silent": silent, "announcement": announcement, "starts": [] if shown else starts(view),
        "waits": item(view, view.index.row_of[waits]) if waits in view.index.row_of else None,
        "more": present.at("/board/more", slot=slot, swap=swap), "brief": bar(view, board.brief, shown),
    }  # fmt: skip


def _left_out(view: CatalogueView, board: Board, name: str) -> dict[str, Any]:
    """Why a name is no item of the board, and what it may mean, with the board that each item leads to."""
    try:
        view.row(name)
    except GoeswithError as error:
        meant = choices.choices(view, error)
        return {"words": choices.message(error), "meant": [(it, board.plus(it.id).url) for it in meant]}
    return {"words": f"{name!r} is left out; open the board again.", "meant": []}  # the catalogue has just changed


def scored(view: CatalogueView, outfits: Sequence[Sequence[str]], *, unseen: bool = False) -> list[Look]:
    """Looks of outfits as the model alone sees them, with no score where it has none.

    unseen: as the model saw them before it learned from validation and test outfits.
    """
    if not outfits:
        return []
    width = max(map(len, outfits))
    rows = np.array([[view.row(item_id) for item_id in (*ids, *[ids[0]] * (width - len(ids)))] for ids in outfits])
    lengths = np.array([len(ids) for ids in outfits])
    mask = np.arange(width) < lengths[:, None]
    if unseen:
        used, numbered = np.unique(rows, return_inverse=True)
        scores = held_out(view).scorer(used).score(numbered.reshape(rows.shape), mask)
    else:
        scores = view.index.without_rules().scorer.score(rows, mask)
    return looks_of(view.index, [row[:length] for row, length in zip(rows, lengths, strict=True)], scores)


def _one_of_each_product(view: CatalogueView, shown: Sequence[Item]) -> list[Item]:
    """The items without further ones of a product, of which the board says that they have no score together."""
    rows = [view.index.row_of[piece.id] for piece in shown]
    first: dict[int, Item] = {}
    for product, piece in zip(view.index.shelf.products[rows].tolist(), shown, strict=True):
        first.setdefault(product, piece)
    return [*first.values()]


def _colour_variants(shown: Sequence[Item]) -> list[str]:
    """Which pieces seem to be one garment in two colours, though the catalogue does not say so; a sentence each.

    They have one title but for the colour, and numbers that differ in their last part.
    """
    seen: dict[tuple[str, ...], Item] = {}
    sentences = []
    for piece in shown:
        colour = dict(piece.facts).get("colour", "").lower()
        stem = re.split(r"[-_./](?=[^-_./]*$)", piece.id)
        title = " ".join(piece.name.lower().replace(colour, " ").split()) if colour else ""
        key = stem[0], title, piece.category
        if len(stem) < 2 or len(stem[0]) < 3 or not title:
            continue
        if key in seen:
            sentences.append(
                f"{titled(seen[key])} and {titled(piece)} seem to be one garment in two colours; keep one of them."
            )
        seen.setdefault(key, piece)
    return sentences


def _counted(shown: Sequence[Item]) -> str:
    return f"{len(shown)} {'item' if len(shown) == 1 else 'items'} on the board"


def _reasons_panel(explanation: Explanation, shown: Sequence[Item]) -> dict[str, Any]:
    """What the panel beside the board shows."""
    pairs = [[None if np.isnan(value) else value for value in row] for row in explanation.pairs.tolist()]
    names = {piece.id: piece.name for piece in shown}
    doubtful = explanation.look.verdict in ("fine", "weak") and len(shown) > 2
    weak = explanation.weakest_item if doubtful and explanation.contributions[explanation.weakest_item] < 0 else None
    return {
        "sentence": explanation.sentence, "weak": weak, "pairs": pairs,
        "rows": _bars([piece.name for piece in shown], explanation.contributions),
        "rules": [
            {"text": str(fired.rule), "note": f"{names[fired.top]}, {names[fired.bottom]}", "trust": fired.confidence}
            for fired in explanation.rules
        ],
    }  # fmt: skip


def _bars(names: Sequence[str], values: np.ndarray) -> list[dict[str, Any]]:
    """Values as bars to the right and left of a line at 58, at most 54 long."""
    most = max(1e-9, float(np.nanmax(np.abs(values), initial=0.0)))
    rows = []
    for name, value in zip(names, values.tolist(), strict=True):
        width = 0.0 if np.isnan(value) else round(54 * abs(value) / most, 1)
        rows.append({"name": name, "value": value, "width": width, "x": 58 - width if value < 0 else 58})
    return rows


@once
def _worn_pair_scores(view: CatalogueView) -> dict[int, np.ndarray]:
    """Scores of the pairs of outfits that somebody wore, ascending, by size of the outfit; 0 for all sizes."""
    data = dataset(view)
    chosen = np.random.default_rng(0).permutation(np.flatnonzero(data.outfits.splits != "train"))[:WORN_OUTFITS]
    items, mask = data.outfits.take(chosen).padded()
    row_of = np.array([view.index.row_of.get(item_id, -1) for item_id in data.catalogue.ids])
    items = row_of[items]
    complete = (items >= 0).all(axis=1)
    items, mask = items[complete], mask[complete]
    rows, local = np.unique(items, return_inverse=True)
    scorer = held_out(view).scorer(rows, view.index.rules)
    pairs, sizes = pair_matrix(scorer, local.reshape(items.shape), mask), mask.sum(axis=1)
    by_size = {size: _sorted(pairs[sizes == size]) for size in np.unique(sizes).tolist()}
    return {size: ascending for size, ascending in by_size.items() if len(ascending) >= LEAST} | {0: _sorted(pairs)}


def _sorted(pairs: np.ndarray) -> np.ndarray:
    ascending: np.ndarray = np.sort(pairs[np.isfinite(pairs)])
    return ascending


def _drawing(view: CatalogueView, explanation: Explanation, shown: Sequence[Item], spots: Sequence[Spot]) -> Drawing:
    """The lines between items, by how many pairs of real outfits are worse; grey where nothing is known of those.

    The one line of two pieces says what the verdict says.
    """
    try:
        by_size = _worn_pair_scores(view)
    except GoeswithError as error:
        log.info("lines have one colour: %s", error)
        by_size = {0: np.empty(0)}
    worn = by_size.get(len(shown), by_size[0])
    ahead = (
        np.searchsorted(worn, explanation.pairs) / len(worn) if len(worn) else np.full(explanation.pairs.shape, np.nan)
    )
    if len(shown) == 2 and len(worn) and explanation.look.percentile is not None:
        ahead = np.full((2, 2), explanation.look.percentile / 100)
    return draw([piece.name for piece in shown], np.where(np.isnan(explanation.pairs), np.nan, ahead), spots)


def starts(view: CatalogueView) -> list[dict[str, Any]]:
    """Outfits that somebody wore, to begin with, of items that have a score; none where the data set is gone."""
    try:
        data = dataset(view)
        chosen = np.random.default_rng(7).permutation(len(data.outfits))[: 20 * STARTS].tolist()
    except GoeswithError as error:
        log.info("no outfits to begin with: %s", error)
        return []
    outfits: list[dict[str, Any]] = []
    index = view.index
    for position in chosen:
        on = outfit_ids(data, position)
        rows = [index.row_of.get(item_id, -1) for item_id in on]
        if 3 <= len(on) <= 6 and min(rows) >= 0 and index.known[rows].all():
            outfits.append({"url": Board.of(on, ()).url, "pieces": items(view, on)})
        if len(outfits) == STARTS:
            break
    return outfits
