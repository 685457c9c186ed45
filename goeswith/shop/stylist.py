"""Stylist: scores outfits, completes them, fills gaps, improves them and finds substitutes, over an index.

    stylist = Stylist(Index("index"))
    looks = stylist.complete(["s00042"], slots=["shoes", "bag"], filters=Filters(colours=("black",)), budget=200)

Every look is scored by the full model. Which candidates it gets to see is decided in two stages, see
`goeswith.shop.candidates`; a search over few items is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from goeswith.data.filters import Filters
from goeswith.shop.answers import Look, Similar, Swap, looks_of, scores_of
from goeswith.shop.assortment import Assortment
from goeswith.shop.beam import first_of_each
from goeswith.shop.completion import Request, check_number, complete
from goeswith.shop.index import Index
from goeswith.shop.steps import Steps, finish
from goeswith.shop.swaps import Swaps

__all__ = ["Filters", "Look", "Similar", "Stylist", "Swap"]


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
        return looks_of(self.index, rows, scores_of(self.index, rows))

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
                None: as much as finds most of what was worn again, see `goeswith.shop.score_correction`. The
                score of a look is the model's all the same, so that looks need not come in its order.
            coherent: only add items of the season and gender of the anchors, see `goeswith.shop.coherence`.

        Raises:
            CatalogueError: see `judge`; an unknown slot or one that the outfit cannot take, contradictory filters,
                nothing that fits, or a budget below the cheapest sum, which is named.
        """
        request = Request(slots, filters, budget, k, beam, diversity, common, popularity, coherent)
        return finish(self.index, complete(self.assortment, anchors, request))

    def complete_steps(self, anchors: Sequence[str], **options: Any) -> Steps[list[Look]]:
        """`complete`, with the same arguments, as a search in steps, see `goeswith.shop.steps`."""
        return complete(self.assortment, anchors, Request(**options))

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
        request = Request.one(slot, filters=filters, k=k, diversity=diversity, popularity=popularity, coherent=coherent)
        return finish(self.index, complete(self.assortment, items, request))

    def fill_steps(self, items: Sequence[str], slot: str, **options: Any) -> Steps[list[Look]]:
        """`fill`, with the same arguments, as a search in steps, see `goeswith.shop.steps`."""
        return complete(self.assortment, items, Request.one(slot, **options))

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
        swaps = Swaps(self.assortment, items, locked).check()
        return [*swaps.removals()[:1], *swaps.exchanges(filters, coherent, k)][:k]

    def why_no_swap(
        self,
        items: Sequence[str],
        locked: Sequence[str] = (),
        filters: Filters = Filters(),  # noqa: B008
        coherent: bool = True,
    ) -> str:
        """The sentence for an outfit that `improve` finds no swap for, with what is wrong with it and what to do.

        Where filters, or the season and gender, leave nothing, it says how many swaps there would be without each.

        Raises:
            CatalogueError: see `improve`.
        """
        return Swaps(self.assortment, items, locked).check().why_none(filters, coherent)

    def why_none_alike(
        self,
        item_id: str,
        filters: Filters = Filters(),  # noqa: B008
    ) -> str:
        """The sentence for an item that `similar` finds no substitute for.

        Raises:
            CatalogueError: see `similar`.
        """
        return self.assortment.why_none_alike(int(self.assortment.outfit([item_id])[0]), filters)

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
