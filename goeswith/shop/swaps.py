"""Swaps: which exchange or removal of one item makes an outfit better, and why none does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from goeswith.data.filters import Filters
from goeswith.errors import CatalogueError
from goeswith.shop.answers import Swap, findings, list_of, looks_of, scores_of
from goeswith.shop.assortment import Assortment
from goeswith.shop.beam import first_of_each
from goeswith.shop.candidates import FULL
from goeswith.shop.gaps import Gap
from goeswith.shop.index import Index
from goeswith.shop.relaxed import asked, without_each

LEAST = 64
"""Swaps of one item that the full model scores at least."""


def free_positions(index: Index, rows: np.ndarray, locked: Sequence[str]) -> list[int]:
    """Positions in an outfit, rows (n,), of the items that are not locked.

    Raises:
        CatalogueError: a locked item is not in the outfit.
    """
    meant = {name: {*index.shelf.meant(name)} & {*rows.tolist()} for name in locked}
    strange = next((name for name, inside in meant.items() if not inside), None)
    if strange is not None:
        raise CatalogueError(
            f"item {strange!r} is locked but not in the outfit; lock only items of the outfit",
            reason="not_in_outfit",
            item_ids=[strange],
        )
    kept = set[int]().union(*meant.values())
    return [position for position, row in enumerate(rows.tolist()) if row not in kept]


class Swaps:
    """The single changes of one outfit.

    Args:
        items: names of its items. locked: of those that must stay.

    Raises:
        CatalogueError: see `goeswith.shop.assortment.Assortment.outfit`; a locked item is not in the outfit, or the
            model has no score for it.
    """

    def __init__(self, assortment: Assortment, items: Sequence[str], locked: Sequence[str] = ()) -> None:
        self.assortment, self.index = assortment, assortment.index
        self.rows = assortment.outfit(items, least=2)
        self.free = free_positions(self.index, self.rows, locked)
        self.before = float(scores_of(self.index, [self.rows])[0])

    def check(self) -> Swaps:
        """Itself.

        Raises:
            CatalogueError: all items are locked.
        """
        if not self.free:
            raise CatalogueError("every item is locked, so nothing can be swapped; unlock one", reason="all_locked")
        return self

    def exchanges(self, filters: Filters, coherent: bool, k: int | None) -> list[Swap]:
        """The best `k` exchanges, or all, that raise the score.

        Where the outfit has too many of something, those that leave fewer such faults.
        """
        if not self.surplus:
            return self._exchanges(self.free, filters, coherent, k)
        free = [position for position in self.free if position in self.surplus]
        swaps = self._exchanges(free, filters, coherent, None) if free else []
        faults = len(findings(self.index, self.rows))
        return [swap for swap in swaps if len(swap.look.findings) < faults][:k]

    def removals(self) -> list[Swap]:
        """Each item that is too many taken out, the one first that leaves the fewest faults and then the highest score.

        None that is locked, and none that the outfit needs.
        """
        positions = sorted({*self.surplus} & {*self.free} - {*self.needed})
        if len(self.rows) < 3 or not positions:
            return []
        outfits = np.stack([np.delete(self.rows, position) for position in positions])
        scores = self.index.scorer.score(outfits, np.ones(outfits.shape, bool))
        removed = [self.index.catalogue.ids[self.rows[position]] for position in positions]
        looks = looks_of(self.index, [*outfits], scores)
        swaps = [Swap(item, None, look, look.score - self.before) for item, look in zip(removed, looks, strict=True)]
        scored = [swap for swap in swaps if np.isfinite(swap.look.score)]
        return sorted(scored, key=lambda swap: (len(swap.look.findings), -swap.look.score))

    def why_none(self, filters: Filters, coherent: bool) -> str:
        """Why there are none, in a sentence: what is wrong with the outfit, and how many there are without a filter."""
        wrong = findings(self.index, self.rows)
        left = without_each(filters, coherent, lambda less, strict: len(self.exchanges(less, strict, None)))
        within = f" within {asked(filters, coherent)}" if left else ""
        why = f": it {'; '.join(filter(None, [list_of(wrong), self.advice]))}" if wrong else ""
        return f"no swap of one item{within} makes the outfit better{why}{f'; {left}' if left else ''}"

    @property
    def advice(self) -> str:
        """What to do about too many of something of which none can be taken out; empty where there is no such thing."""
        do = "replace" if {*self.free} & {*self.surplus} else "unlock"
        return f"{do} one of those that are too many" if self.surplus else ""

    @cached_property
    def surplus(self) -> list[int]:
        """Positions of the items of which one is too many."""
        shelf = self.index.shelf
        categories = [str(category) for category in shelf.values("category", self.rows)]
        return self.index.grammar.surplus(shelf.values("group", self.rows), categories)

    @property
    def needed(self) -> list[int]:
        """Positions of the items without which the outfit would need another, such as its only trousers."""
        return self.index.grammar.needed(self.index.shelf.values("group", self.rows))

    def _exchanges(self, free: list[int], filters: Filters, coherent: bool, k: int | None) -> list[Swap]:
        """The best `k` exchanges of one of some items, or all of them, that raise the score."""
        ids = [self.index.catalogue.ids[row] for row in self.rows]
        positions, outfits = self._offered(free, filters, coherent, max(FULL // len(free), 2 * (k or 0), LEAST))
        scores = self.index.scorer.score(outfits, np.ones(outfits.shape, bool))
        replacements = outfits[np.arange(len(positions)), positions]
        order = first_of_each(np.stack([positions, self.index.shelf.products[replacements]], axis=1), scores)
        order = order[scores[order] > self.before][:k]
        looks = looks_of(self.index, [*outfits[order]], scores[order])
        return [
            Swap(ids[positions[at]], added, replace(look, added=(added,)), float(scores[at] - self.before))
            for at, look in zip(order.tolist(), looks, strict=True)
            for added in [self.index.catalogue.ids[replacements[at]]]
        ]

    def _offered(self, free: list[int], filters: Filters, coherent: bool, full: int) -> tuple[np.ndarray, np.ndarray]:
        """The exchanges that the full model should score: positions (P,), `full` a position, and outfits (P, n)."""
        rows, candidates, written = self.rows, [], filters.spelled(self.index.shelf)
        for position in free:
            offered = self.assortment.swaps(int(rows[position]), filters, rows, coherent)
            context = np.delete(rows, position)[None]
            candidates.append(self.index.candidates.pairs(Gap(context, offered, filters=written), full)[1])
        positions = np.repeat(free, [len(others) for others in candidates])
        outfits = np.repeat(rows[None], len(positions), axis=0)
        outfits[np.arange(len(positions)), positions] = np.concatenate(candidates)
        return positions, outfits
