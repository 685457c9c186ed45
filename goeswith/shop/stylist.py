"""Stylist: scores outfits, completes them, fills gaps, improves them and finds substitutes, over an index.

    stylist = Stylist(Index("index"))
    looks = stylist.complete(["s00042"], slots=["shoes", "bag"], filters=Filters(colours=("black",)), budget=200)

Every look is scored by the full model. Which candidates it gets to see is decided in two stages, see
`goeswith.shop.candidates`; a search over few items is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from goeswith.data.filters import Filters
from goeswith.errors import CatalogueError
from goeswith.shop.answers import Look, Similar, Swap, findings, list_of, looks_of
from goeswith.shop.assortment import Assortment
from goeswith.shop.beam import first_of_each
from goeswith.shop.candidates import FULL
from goeswith.shop.completion import Wish, check_number, complete
from goeswith.shop.gaps import Gap
from goeswith.shop.index import Index
from goeswith.shop.steps import Steps, finish

__all__ = ["Filters", "Look", "Similar", "Stylist", "Swap"]

LEAST = 64
"""Swaps of one item that the full model scores at least."""


class Stylist:
    """Answers what goes with what over one index. Methods may be called from several threads.

    Items that the model cannot judge (without features, or of a category it never saw) are never offered. Colour
    variants are one product (see `goeswith.data.shelf.Shelf.products`): no outfit holds two of one product, and a
    list of suggestions names each product once. An item is named by its id, by a SKU of one of its variants, or by the
    id of its product where that has one item (see `goeswith.data.shelf.Shelf.row`).
    """

    def __init__(self, index: Index) -> None:
        self.index = index
        self.assortment = Assortment(index)

    def judge(self, item_ids: Sequence[str]) -> Look:
        """The score of an outfit.

        Raises:
            CatalogueError: fewer than two items, an unknown or repeated one, two of one product, or one that the model
                cannot judge.
        """
        return self.judge_many([item_ids])[0]

    def judge_many(self, outfits: Sequence[Sequence[str]]) -> list[Look]:
        """Scores of many outfits in one batch; see `judge`."""
        rows = [self.assortment.outfit(item_ids, least=2) for item_ids in outfits]
        return looks_of(self.index, rows, self._scores(rows))

    def complete(
        self,
        anchors: Sequence[str],
        *,
        slots: Sequence[str] = (),
        filters: Filters = Filters(),  # noqa: B008
        budget: float | None = None,
        k: int = 5,
        beam: int = 16,
        diversity: float = 0.0,
        common: int | None = 1,
        popularity: float | None = None,
        coherent: bool = True,
    ) -> list[Look]:
        """The best whole looks: the anchors and one item for each slot, by beam search over the slots, then refined.

        A slot that nothing fits is left empty, and the notes say so.

        Args:
            slots: groups or categories, such as ``shoes`` or ``pencil skirt``; without any, what the anchors lack for a
                whole look, see `goeswith.shop.grammar`. Where that may be a dress or separates, each gets its share of
                the looks, in turn.
            filters: of the added items; the anchors are taken as they are.
            budget: the most that the whole look may cost, anchors included; items without a price are left out then.
            k: how many looks. beam: how many partial looks are kept at each slot.
            diversity: 0: the best scores. Up to 1: looks that differ more (maximal marginal relevance), also along the
                beam.
            common: how many of the added products two of the looks may share; None: any number.
            popularity: how much it counts that many outfits have an item, from 0 (taste alone) to 1 (bestsellers);
                None: as much as finds most of what was worn again, see `goeswith.shop.taste`. The score of a look is
                the model's all the same, so that looks need not come in its order.
            coherent: only add items of the season and gender of the anchors, see `goeswith.shop.coherence`.

        Raises:
            CatalogueError: see `judge`; an unknown slot or one that the outfit cannot take, contradictory filters,
                nothing that fits, or a budget below the cheapest sum, which is named.
        """
        wish = Wish(slots, filters, budget, k, beam, diversity, common, popularity, coherent)
        return finish(self.index, complete(self.assortment, anchors, wish))

    def complete_steps(self, anchors: Sequence[str], **wish: Any) -> Steps[list[Look]]:
        """`complete`, with the same arguments, as a search in steps, see `goeswith.shop.steps`."""
        return complete(self.assortment, anchors, Wish(**wish))

    def fill(
        self,
        items: Sequence[str],
        slot: str,
        *,
        filters: Filters = Filters(),  # noqa: B008
        k: int = 10,
        diversity: float = 0.0,
        popularity: float | None = None,
        coherent: bool = True,
    ) -> list[Look]:
        """The best items for one slot, each as the look that it makes; see `complete`."""
        wish = Wish.one(slot, filters=filters, k=k, diversity=diversity, popularity=popularity, coherent=coherent)
        return finish(self.index, complete(self.assortment, items, wish))

    def fill_steps(self, items: Sequence[str], slot: str, **wish: Any) -> Steps[list[Look]]:
        """`fill`, with the same arguments, as a search in steps, see `goeswith.shop.steps`."""
        return complete(self.assortment, items, Wish.one(slot, **wish))

    def improve(
        self,
        items: Sequence[str],
        *,
        locked: Sequence[str] = (),
        filters: Filters = Filters(),  # noqa: B008
        k: int = 5,
        coherent: bool = True,
    ) -> list[Swap]:
        """Single swaps that raise the score, the one that gains most first; empty where none does, see `why_no_swap`.

        An item is exchanged for one of its group, or of its category where it has no group; where the filters name
        categories or groups, for one of those. Where an outfit has too many of something, such as two pairs of shoes,
        the first swap only takes out the one that fits least, and the others are those that leave fewer such faults.

        Args:
            locked: items that must stay. coherent: only swap items in of the season and gender of the rest.

        Raises:
            CatalogueError: see `judge`; a locked item is not in the outfit, all are locked, or filters contradict.
        """
        check_number(k=k)
        rows = self.assortment.outfit(items, least=2)
        free = self._free(rows, locked)
        before = float(self._scores([rows])[0])
        if surplus := self._surplus(rows):
            free = [position for position in free if position in surplus]
            swaps = self._exchanges(rows, free, before, filters, coherent, None) if free else []
            faults = len(findings(self.index, rows))
            better = [swap for swap in swaps if len(swap.look.findings) < faults]
            return [*self._removals(rows, free, before)[:1], *better][:k]
        return self._exchanges(rows, free, before, filters, coherent, k)

    def why_no_swap(self, items: Sequence[str], locked: Sequence[str] = ()) -> str:
        """The sentence for an outfit that `improve` finds no swap for, with what is wrong with it and what to do.

        Raises:
            CatalogueError: see `improve`.
        """
        rows = self.assortment.outfit(items, least=2)
        wrong, surplus = findings(self.index, rows), self._surplus(rows)
        do = "replace" if {*self._free(rows, locked)} & {*surplus} else "unlock"
        advice = f"; {do} one of those that are too many" if surplus else ""
        why = f": it {list_of(wrong)}{advice}" if wrong else ""
        return f"no swap of one item makes the outfit better{why}"

    def _free(self, rows: np.ndarray, locked: Sequence[str]) -> list[int]:
        """Positions in an outfit of the items that are not locked.

        Raises:
            CatalogueError: a locked item is not in the outfit, or all are locked.
        """
        meant = {name: {*self.index.shelf.meant(name)} & {*rows.tolist()} for name in locked}
        strange = next((name for name, inside in meant.items() if not inside), None)
        if strange is not None:
            raise CatalogueError(
                f"item {strange!r} is locked but not in the outfit; lock only items of the outfit",
                reason="not_in_outfit",
                item_ids=[strange],
            )
        kept = set[int]().union(*meant.values())
        free = [position for position, row in enumerate(rows.tolist()) if row not in kept]
        if not free:
            raise CatalogueError("every item is locked, so nothing can be swapped; unlock one", reason="all_locked")
        return free

    def removal(self, items: Sequence[str]) -> Swap | None:
        """What to take out of an outfit that has too many of something, see `improve`; None where it has not."""
        rows = self.assortment.outfit(items, least=2)
        removals = self._removals(rows, self._surplus(rows), float(self._scores([rows])[0]))
        return removals[0] if removals else None

    def _surplus(self, rows: np.ndarray) -> list[int]:
        """Positions in an outfit of the items of which one is too many."""
        shelf = self.index.shelf
        categories = [str(category) for category in shelf.values("category", rows)]
        return self.index.grammar.surplus(shelf.values("group", rows), categories)

    def _removals(self, rows: np.ndarray, positions: Sequence[int], before: float) -> list[Swap]:
        """Each of some items taken out, the one first that leaves the fewest faults and then the highest score."""
        if len(rows) < 3 or not positions:
            return []
        outfits = np.stack([np.delete(rows, position) for position in positions])
        scores = self.index.scorer.score(outfits, np.ones(outfits.shape, bool))
        removed = [self.index.catalogue.ids[rows[position]] for position in positions]
        looks = looks_of(self.index, [*outfits], scores)
        swaps = [Swap(item_id, None, look, look.score - before) for item_id, look in zip(removed, looks, strict=True)]
        scored = [swap for swap in swaps if np.isfinite(swap.look.score)]
        return sorted(scored, key=lambda swap: (len(swap.look.findings), -swap.look.score))

    def _exchanges(
        self, rows: np.ndarray, free: list[int], before: float, filters: Filters, coherent: bool, k: int | None
    ) -> list[Swap]:
        """The best `k` exchanges of one item, or all of them, that score more than `before`."""
        ids = [self.index.catalogue.ids[row] for row in rows]
        positions, outfits = self._swaps(rows, free, filters, coherent, max(FULL // len(free), 2 * (k or 0), LEAST))
        scores = self.index.scorer.score(outfits, np.ones(outfits.shape, bool))
        replacements = outfits[np.arange(len(positions)), positions]
        order = first_of_each(np.stack([positions, self.index.shelf.products[replacements]], axis=1), scores)
        order = order[scores[order] > before][:k]
        looks = looks_of(self.index, [*outfits[order]], scores[order])
        return [
            Swap(ids[positions[at]], added, replace(look, added=(added,)), float(scores[at] - before))
            for at, look in zip(order.tolist(), looks, strict=True)
            for added in [self.index.catalogue.ids[replacements[at]]]
        ]

    def similar(
        self,
        item_id: str,
        *,
        filters: Filters = Filters(),  # noqa: B008
        k: int = 10,
    ) -> list[Similar]:
        """Substitutes: items of the same category whose states are nearest, one of each product, never its own.

        Raises:
            CatalogueError: the item is unknown or the model cannot judge it, or the filters contradict each other.
        """
        check_number(k=k)
        rows = self.assortment.outfit([item_id])
        allowed = self.assortment.alike(int(rows[0]), filters)
        near = (self.index.directions(rows) @ self.index.directions(allowed).T)[0].cpu().numpy()
        order = first_of_each(self.index.shelf.products[allowed][:, None], near)[:k]
        ids = self.index.catalogue.ids
        return [Similar(ids[row], float(value)) for row, value in zip(allowed[order], near[order], strict=True)]

    def _swaps(
        self, rows: np.ndarray, free: list[int], filters: Filters, coherent: bool, full: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """The single swaps that the full model should score: their places (P,), `full` a place, and outfits (P, n)."""
        candidates, written = [], filters.spelled(self.index.shelf)
        for position in free:
            offered = self.assortment.swaps(int(rows[position]), filters, rows, coherent)
            context = np.delete(rows, position)[None]
            candidates.append(self.index.candidates.pairs(Gap(context, offered, filters=written), full)[1])
        positions = np.repeat(free, [len(others) for others in candidates])
        outfits = np.repeat(rows[None], len(positions), axis=0)
        outfits[np.arange(len(positions)), positions] = np.concatenate(candidates)
        return positions, outfits

    def _scores(self, outfits: Sequence[np.ndarray]) -> np.ndarray:
        """Full-model scores (B,) of outfits of any lengths, in one call.

        Raises:
            CatalogueError: the model has no score for one of them.
        """
        if not outfits:
            return np.empty(0)
        lengths = np.array([len(rows) for rows in outfits])
        mask = np.arange(lengths.max()) < lengths[:, None]
        items = np.repeat([rows[0] for rows in outfits], lengths.max()).reshape(mask.shape)
        items[mask] = np.concatenate(outfits)
        scores = self.index.scorer.score(items, mask)
        unscored = np.flatnonzero(np.isnan(scores))
        if len(unscored):
            item_ids = [self.index.catalogue.ids[row] for row in outfits[unscored[0]]]
            raise CatalogueError(
                f"the model {self.index.run.title} has no score for the outfit {', '.join(item_ids)}; "
                "some models need a top and a bottom: add one",
                reason="no_score",
                item_ids=item_ids,
            )
        return scores
