"""Explain: the reasons for the score of an outfit, in numbers and in one sentence for a merchandiser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from goeswith.data.filters import Filters
from goeswith.shop.active_rules import fired
from goeswith.shop.contributions import attribute_shares, leave_one_out, pair_matrix
from goeswith.shop.explanation import Explanation
from goeswith.shop.grammar import single
from goeswith.shop.index import Index
from goeswith.shop.stylist import Look, Stylist, Swap
from goeswith.shop.swaps import Swaps, free_positions
from goeswith.shop.wording import sentence
from goeswith.tables import plain


def explain(
    stylist: Stylist,
    item_ids: Sequence[str],
    *,
    swap: bool = True,
    filters: Filters | None = None,
    locked: Sequence[str] = (),
) -> Explanation:
    """Say why an outfit has the score that it has, and what would change it.

    Args:
        swap: look for the counterfactual, which costs a search; without it the rest takes milliseconds.
        filters: of the items that may be swapped in. locked: items that must stay, which no advice is to take out.

    Raises:
        CatalogueError: see `goeswith.shop.stylist.Stylist.judge`; a locked item is not in the outfit.
    """
    look, index = stylist.judge(item_ids), stylist.index
    scorer, rows = index.scorer, index.shelf.rows(look.item_ids)
    items, mask = rows[None], np.ones((1, len(rows)), bool)
    pairs = pair_matrix(scorer, items, mask)[0]
    contributions = leave_one_out(scorer, items, mask)[0]
    shares = attribute_shares(scorer, items, mask)
    pair, item = _weakest(pairs, contributions)
    swaps = Swaps(stylist.assortment, look.item_ids, locked) if look.findings else None
    removal = next(iter(swaps.removals()), None) if swaps else None
    free = free_positions(index, rows, locked)
    why = Explanation(
        item_ids=look.item_ids,
        look=look,
        pairs=pairs,
        contributions=contributions,
        attributes=None if shares is None else shares[0],
        weakest_pair=pair,
        weakest_item=item,
        rules=fired(index, rows),
        swap=(removal or _swap(stylist, look, item, filters or Filters(), free)) if swap else None,
        sentence="",
    )
    without = _percentile(index, look.score - contributions[item], len(rows) - 1)
    advice = swaps.advice if swaps and not removal else ""
    shown = replace(why, swap=removal or why.swap)
    return replace(why, sentence=sentence(shown, index, without, _kept(index, rows, free, item), advice))


def tables(why: Explanation) -> list[str]:
    """The numbers behind the sentence, as plain text: items and pairs, attributes, rules, swap."""
    head = ["", "item", "adds", *(str(index + 1) for index in range(len(why.item_ids)))]
    rows = [
        [str(index + 1), item_id, _number(why.contributions[index]), *map(_number, why.pairs[index])]
        for index, item_id in enumerate(why.item_ids)
    ]
    lines = [f"score {why.look.score:.3f}", plain(head, rows)]
    if why.attributes is not None:
        lines.append(f"of the score, by attribute mask: {', '.join(map(_number, why.attributes))}")
    lines += ["\n".join(map(str, why.rules))] if why.rules else []
    if why.swap is not None:
        swap = why.swap
        lines.append(
            f"take out {swap.removed}"
            if swap.added is None
            else f"swap {swap.removed} for {swap.added}: {swap.gain:+.3f}"
        )
    return lines


def _weakest(pairs: np.ndarray, contributions: np.ndarray) -> tuple[tuple[int, int], int]:
    """The pair with the lowest score, and the item without which the score is highest.

    Where no item can be left out, the item whose pairs are worst; where pairs are not told either, the first.
    """
    flat = np.where(np.isnan(pairs), np.inf, pairs)
    first, second = sorted(int(index) for index in np.unravel_index(flat.argmin(), flat.shape))
    pair = (first, second) if first < second else (0, 1)
    if np.isnan(contributions).all():
        defined = ~np.isnan(pairs)
        means = np.where(defined, pairs, 0).sum(axis=1) / np.maximum(defined.sum(axis=1), 1)
        return pair, int(np.where(defined.any(axis=1), means, np.inf).argmin())
    return pair, int(np.nanargmin(contributions))


def _kept(index: Index, rows: np.ndarray, free: Sequence[int], item: int) -> str:
    """Why an item is not to be taken out, such as ``which is locked``; empty where it may be."""
    groups = index.shelf.values("group", rows)
    if item not in free:
        return "which is locked"
    if item not in index.grammar.needed(groups):
        return ""
    return f"the only {single(groups[item] or '')}: replace it rather than take it out"


def _swap(stylist: Stylist, look: Look, item: int, filters: Filters, free: Sequence[int]) -> Swap | None:
    """The best exchange of one item; of another than `item` only where no exchange of that raises the score."""
    for tried in ({item} & {*free}, {*free}):
        locked = [item_id for position, item_id in enumerate(look.item_ids) if position not in tried]
        swaps = stylist.improve(look.item_ids, locked=locked, filters=filters, k=1) if tried else []
        if swaps:
            return swaps[0]
    return None


def _percentile(index: Index, score: float, size: int) -> float | None:
    """The percentile of one score; None without a scale or a score."""
    if index.scale is None or np.isnan(score):
        return None
    return float(index.scale.percentile(np.array([score]), size)[0])


def _number(value: float) -> str:
    return "" if np.isnan(value) else f"{value:+.2f}"
