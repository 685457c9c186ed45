"""Stylist: scores outfits, completes them, fills gaps, improves them and finds substitutes, over an index.

    stylist = Stylist(Index("index"))
    looks = stylist.complete(["s00042"], slots=["shoes", "bag"], filters=Filters(colours=("black",)), budget=200)

Every look is scored by the full model. Which candidates it gets to see is decided in two stages, see
`goeswith.shop.candidates`; a search over few items is exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Any

import numpy as np

from goeswith.data.filters import Filters
from goeswith.errors import CatalogueError
from goeswith.evaluate.reranking import SIZE
from goeswith.shop.answers import Look, Similar, Swap, looks_of
from goeswith.shop.assortment import LONGEST, Assortment
from goeswith.shop.beam import Beam, best, first_of_each, grow, in_order, refine
from goeswith.shop.candidates import FULL
from goeswith.shop.index import Index
from goeswith.shop.template import Template

__all__ = ["Filters", "Look", "Similar", "Stylist", "Swap"]

POOL = 256
"""The best looks among which a diverse choice is made."""
STEP = 128
"""Looks that the full model scores in one step of a search over several slots."""
LEAST = 64
"""Swaps of one item that the full model scores at least."""


class Stylist:
    """Answers what goes with what over one index. Methods may be called from several threads.

    Items that the model cannot judge (without features, or of a category it never saw) are never offered. Colour
    variants are one product (see `goeswith.data.filters.Shelf.products`): no outfit holds two of one product, and a
    list of suggestions names each product once.
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
        _check(k=k, beam=beam, diversity=diversity, budget=budget)
        rows = self.assortment.outfit(anchors)
        if common is not None and common < 0:
            raise CatalogueError(f"common is {common}; it must be 0 or more")
        options: dict[str, Any] = {"filters": filters, "budget": budget, "beam": beam, "diversity": diversity}
        options |= {"common": common, "popularity": popularity, "coherent": coherent}
        if slots:
            self.assortment.check_slots(rows, slots)
            return self._complete(rows, slots, k=k, **options)
        results: list[list[Look]] = []
        failure: CatalogueError | None = None
        for slots, count in self.assortment.whole(rows, k):
            try:
                results.append(self._complete(rows, slots, k=count, **options))
            except CatalogueError as error:
                failure = error
        if failure is not None and not results:
            raise failure
        return [look for turn in zip_longest(*results) for look in turn if look is not None]

    def _complete(
        self,
        rows: np.ndarray,
        slots: Sequence[str],
        *,
        filters: Filters,
        budget: float | None,
        k: int,
        beam: int,
        diversity: float,
        common: int | None,
        popularity: float | None,
        coherent: bool,
    ) -> list[Look]:
        """Looks around rows (n,) with the slots filled; see `complete`."""
        if len(rows) + len(slots) > LONGEST:
            raise CatalogueError(
                f"{len(rows)} items and {len(slots)} slots are more than {LONGEST}; give fewer", reason="too_many_items"
            )
        template, notes = self.assortment.template(
            rows, slots, filters, budget, coherent=coherent, popularity=popularity
        )
        full = max(FULL if len(template.slots) == 1 else STEP, 2 * k)
        candidates = self._search(template, beam, diversity, full)
        if not len(candidates.items):
            raise CatalogueError(
                f"the model {self.index.run.title} has no score for any look of {', '.join(slots)} with these items; "
                "some models need a top and a bottom: add one",
                reason="no_score",
                item_ids=[self.index.catalogue.ids[row] for row in rows],
            )
        chosen = best(self.index, candidates, template, max(k, SIZE), diversity, POOL, common=common)
        if not diversity:  # which says by itself what comes first
            chosen = in_order(template, chosen)
        chosen = Beam(chosen.items[:k], chosen.scores[:k])
        while common is not None and len(chosen.items) < k and len(template.slots) > common:
            # Around the best looks a search finds their variations; the next one goes without what they have.
            remaining = template.without(chosen.items[:, len(rows) :])
            more = None if remaining is None else _scored(grow(self.index, remaining, -(-beam // 2), diversity, full))
            if more is None or not len(more.items):
                break
            count = k - len(chosen.items)
            more = best(self.index, more, template, count, diversity, POOL, common=common)
            chosen = Beam(*(np.concatenate(both) for both in zip(chosen, more, strict=True)))
        if len(chosen.items) < k:
            notes.append(f"thin: only {len(chosen.items)} of {k} looks can be made from what fits")
        scores = self.index.scorer.score(chosen.items, np.ones(chosen.items.shape, bool))
        looks = looks_of(self.index, [*chosen.items], scores, added=chosen.items.shape[1] - len(rows))
        return [replace(look, notes=tuple(notes)) for look in looks]

    def _search(self, template: Template, beam: int, diversity: float, full: int) -> Beam:
        """Every whole look that was tried and has a score."""
        candidates = grow(self.index, template, beam, diversity, full)
        if len(template.slots) > 1:
            candidates = refine(self.index, template, candidates, diversity, full)
        return _scored(candidates)

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
        options = {"filters": filters, "k": k, "diversity": diversity, "popularity": popularity, "coherent": coherent}
        return self.complete(items, slots=[slot], beam=1, **options)  # type: ignore[arg-type]

    def improve(
        self,
        items: Sequence[str],
        *,
        locked: Sequence[str] = (),
        filters: Filters = Filters(),  # noqa: B008
        k: int = 5,
        coherent: bool = True,
    ) -> list[Swap]:
        """Single swaps that raise the score, the one that gains most first; empty where none does.

        An item is exchanged for one of its group, or of its category where it has no group; where the filters name
        categories or groups, for one of those.

        Args:
            locked: items that must stay. coherent: only swap items in of the season and gender of the rest.

        Raises:
            CatalogueError: see `judge`; a locked item is not in the outfit, all are locked, or filters contradict.
        """
        _check(k=k)
        rows = self.assortment.outfit(items, least=2)
        strange = next((item_id for item_id in locked if item_id not in items), None)
        if strange is not None:
            raise CatalogueError(
                f"item {strange!r} is locked but not in the outfit; lock only items of the outfit",
                reason="not_in_outfit",
                item_ids=[strange],
            )
        free = [position for position, item_id in enumerate(items) if item_id not in locked]
        if not free:
            raise CatalogueError("every item is locked, so nothing can be swapped; unlock one", reason="all_locked")
        before = float(self._scores([rows])[0])
        positions, outfits = self._swaps(rows, free, filters, coherent, max(FULL // len(free), 2 * k, LEAST))
        scores = self.index.scorer.score(outfits, np.ones(outfits.shape, bool))
        ids, replacements = self.index.catalogue.ids, outfits[np.arange(len(positions)), positions]
        order = first_of_each(np.stack([positions, self.index.shelf.products[replacements]], axis=1), scores)
        order = order[scores[order] > before][:k]
        looks = looks_of(self.index, [*outfits[order]], scores[order])
        return [
            Swap(
                items[positions[at]],
                ids[replacements[at]],
                replace(look, added=(ids[replacements[at]],)),
                float(scores[at] - before),
            )
            for at, look in zip(order.tolist(), looks, strict=True)
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
        _check(k=k)
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
        candidates = []
        for position in free:
            offered = self.assortment.swaps(int(rows[position]), filters, rows, coherent)
            context = np.delete(rows, position)[None]
            candidates.append(self.index.candidates.pairs(context, offered, full=full, filters=filters)[1])
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


def _scored(beam: Beam) -> Beam:
    """Those looks that have a score."""
    scored = ~np.isnan(beam.scores)
    return Beam(beam.items[scored], beam.scores[scored])


def _check(*, k: int = 1, beam: int = 1, diversity: float = 0.0, budget: float | None = None) -> None:
    """Raise CatalogueError where a number is out of range."""
    for name, value in (("k", k), ("beam", beam)):
        if value < 1:
            raise CatalogueError(f"{name} is {value}; it must be 1 or more")
    if not 0 <= diversity <= 1:
        raise CatalogueError(f"diversity is {diversity}; it must be between 0 (best scores) and 1")
    if budget is not None and not (math.isfinite(budget) and budget >= 0):
        raise CatalogueError(f"the budget is {budget}; it must be a number of 0 or more")
