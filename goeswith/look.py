"""Look: judge outfits, complete them, fill a gap, improve them, find substitutes; over the index of a shop.

    stylist = Stylist(Index("index"))
    looks = stylist.complete(["s00042"], slots=["shoes", "bag"], filters=Filters(colours=("black",)), budget=200)

Every look is scored by the full model. Which candidates it gets to see is decided in two stages, see
`goeswith.index.Index.pairs`; a search over few items is exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from goeswith.beam import Beam, Template, grow, refine, spread
from goeswith.catalogue import GROUPS
from goeswith.errors import CatalogueError
from goeswith.filters import Filters, Shelf, nearest
from goeswith.index import FULL, Index

__all__ = ["Filters", "Look", "Similar", "Stylist", "Swap"]

POOL = 256
"""The best looks among which a diverse choice is made."""
STEP = 128
"""Looks that the full model scores in one step of a search over several slots."""
LEAST = 64
"""Swaps of one item that the full model scores at least."""
LONGEST = 24
"""Items of an outfit."""


@dataclass(frozen=True)
class Look:
    """A scored outfit.

    added: which of the items were found, in the order of the slots. score: of the full model, higher = better.
    probability, percentile: see `goeswith.calibration.Scale`; None without one. price: of all items, None where one has
    no price. notes: what the one who asked should know, such as ``only 3 bags fit the filters``.
    """

    item_ids: tuple[str, ...]
    added: tuple[str, ...]
    score: float
    probability: float | None
    percentile: float | None
    price: float | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Swap:
    """One item exchanged for another: the look that it makes, and how much the score gains."""

    removed: str
    added: str
    look: Look
    gain: float


@dataclass(frozen=True)
class Similar:
    """A substitute. similarity: cosine of what sets both apart from the mean of their category, −1 to 1."""

    item_id: str
    similarity: float


class Stylist:
    """Answers what goes with what over one index. Methods may be called from several threads.

    Items that the model cannot judge (without features, or of a category it never saw) are never offered. Colour
    variants are one product (see `goeswith.filters.Shelf.products`): no outfit holds two of one product, and a list of
    suggestions names each product once.
    """

    def __init__(self, index: Index) -> None:
        self.index = index
        self._kinds: dict[tuple[str, str], np.ndarray] = {}

    def judge(self, item_ids: Sequence[str]) -> Look:
        """The score of an outfit.

        Raises:
            CatalogueError: fewer than two items, an unknown or repeated one, two of one product, or one that the model
                cannot judge.
        """
        return self.judge_many([item_ids])[0]

    def judge_many(self, outfits: Sequence[Sequence[str]]) -> list[Look]:
        """Scores of many outfits in one batch; see `judge`."""
        rows = [self._outfit(item_ids, least=2) for item_ids in outfits]
        return self._looks(rows, self._scores(rows), [0] * len(rows))

    def complete(
        self,
        anchors: Sequence[str],
        *,
        slots: Sequence[str],
        filters: Filters = Filters(),  # noqa: B008
        budget: float | None = None,
        k: int = 5,
        beam: int = 16,
        diversity: float = 0.0,
    ) -> list[Look]:
        """The best whole looks: the anchors and one item for each slot, by beam search over the slots, then refined.

        A slot that nothing fits is left empty, and the notes say so.

        Args:
            slots: groups or categories, such as ``shoes`` or ``pencil skirt``; one may stand twice.
            filters: of the added items; the anchors are taken as they are.
            budget: the most that the whole look may cost, anchors included; items without a price are left out then.
            k: how many looks. beam: how many partial looks are kept at each slot.
            diversity: 0: the best scores. Up to 1: looks that differ more (maximal marginal relevance), also along the
                beam.

        Raises:
            CatalogueError: see `judge`; an unknown slot, contradictory filters, nothing that fits, or a budget below
                the cheapest sum, which is named.
        """
        if not slots:
            raise CatalogueError("no slot is asked for; name what the look lacks, e.g. shoes")
        _check(k=k, beam=beam, diversity=diversity, budget=budget)
        rows = self._outfit(anchors)
        if len(rows) + len(slots) > LONGEST:
            raise CatalogueError(f"{len(rows)} items and {len(slots)} slots make more than {LONGEST}; ask for fewer")
        shelf = self.index.shelf
        template, notes = self._template(rows, slots, filters, budget)
        full = max(FULL if len(template.slots) == 1 else STEP, 2 * k)
        found = grow(self.index, template, beam, diversity, full)
        if len(template.slots) > 1:
            found = refine(self.index, template, found, diversity, full)
        best = _first_of_each(np.sort(shelf.products[found.items], axis=1), found.scores)[:POOL]
        if not len(best):
            raise CatalogueError(
                f"the model {self.index.run.title} has no score for any look of {', '.join(slots)} with these items; "
                "some models need a top and a bottom: add one"
            )
        chosen = best[self._spread(found, best, len(rows), k, diversity)]
        if len(chosen) < k:
            notes.append(f"thin: only {len(chosen)} of {k} looks can be made of what fits")
        looks = self._looks(
            [*found.items[chosen]], found.scores[chosen], [found.items.shape[1] - len(rows)] * len(chosen)
        )
        return [replace(look, notes=tuple(notes)) for look in looks]

    def fill(
        self,
        items: Sequence[str],
        slot: str,
        *,
        filters: Filters = Filters(),  # noqa: B008
        k: int = 10,
        diversity: float = 0.0,
    ) -> list[Look]:
        """The best items for one slot, each as the look that it makes; see `complete`."""
        return self.complete(items, slots=[slot], filters=filters, k=k, beam=1, diversity=diversity)

    def improve(
        self,
        items: Sequence[str],
        *,
        locked: Sequence[str] = (),
        filters: Filters = Filters(),  # noqa: B008
        k: int = 5,
    ) -> list[Swap]:
        """Single swaps that raise the score, the one that gains most first; empty where none does.

        An item is exchanged for one of its group, or of its category where it has no group; where the filters name
        categories or groups, for one of those.

        Args:
            locked: items that must stay.

        Raises:
            CatalogueError: see `judge`; a locked item is not in the outfit, all are locked, or filters contradict.
        """
        _check(k=k)
        rows = self._outfit(items, least=2)
        strange = next((item_id for item_id in locked if item_id not in items), None)
        if strange is not None:
            raise CatalogueError(f"item {strange!r} is locked and not in the outfit; lock one of its own items")
        free = [place for place, item_id in enumerate(items) if item_id not in locked]
        if not free:
            raise CatalogueError("every item is locked, so nothing can be swapped; unlock one")
        before = float(self._scores([rows])[0])
        full = max(FULL // len(free), 2 * k, LEAST)
        contexts = np.array([np.delete(rows, place) for place in free])
        kinds = [self._offered(self._like(int(rows[place]), filters), filters, rows) for place in free]
        pairs = [
            self.index.pairs(context[None], kind, full=full) for context, kind in zip(contexts, kinds, strict=True)
        ]
        owner = np.repeat(np.arange(len(free)), [len(found) for _, found in pairs])
        found = np.concatenate([found for _, found in pairs])
        scores = self.index.scores(contexts, owner, found)
        places = np.array(free)[owner]
        best = _first_of_each(np.stack([places, self.index.shelf.products[found]], axis=1), scores)
        places, found, scores = places[best], found[best], scores[best]
        order = np.flatnonzero(scores > before)[:k]
        changed = [np.where(np.arange(len(rows)) == places[at], found[at], rows) for at in order]
        looks = self._looks(changed, scores[order], [0] * len(order))
        ids = self.index.catalogue.ids
        return [
            Swap(items[places[at]], ids[found[at]], replace(look, added=(ids[found[at]],)), float(scores[at] - before))
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
        row = self._outfit([item_id])
        category = self.index.catalogue.items["category"][int(row[0])]
        allowed = self._offered(self._kind("category", category), filters, row)
        near = self.index.nearness(row, allowed)[0]
        best = _first_of_each(self.index.shelf.products[allowed][:, None], near)[:k]
        ids = self.index.catalogue.ids
        return [Similar(ids[row], float(value)) for row, value in zip(allowed[best], near[best], strict=True)]

    def _outfit(self, item_ids: Sequence[str], least: int = 1) -> np.ndarray:
        """Rows (n,) of an outfit that can be judged; see `judge` for what is raised."""
        if isinstance(item_ids, str):
            raise CatalogueError(f"the outfit is the text {item_ids!r}; give a list of item ids")
        if len(item_ids) < least:
            what = "is empty" if not item_ids else f"has {len(item_ids)} item"
            raise CatalogueError(f"the outfit {what}; put {'two or more items' if least > 1 else 'an item'} into it")
        if len(item_ids) > LONGEST:
            raise CatalogueError(f"the outfit has {len(item_ids)} items; take at most {LONGEST}")
        shelf, scorer = self.index.shelf, self.index.scorer
        rows = shelf.rows(item_ids)
        products: dict[int, str] = {}
        for item_id, product in zip(item_ids, shelf.products[rows].tolist(), strict=True):
            if products.get(product) == item_id:
                raise CatalogueError(f"the outfit names item {item_id!r} twice; name it once")
            if product in products:
                raise CatalogueError(
                    f"items {products[product]!r} and {item_id!r} are variants of one product; keep one of them"
                )
            products[product] = item_id
        for item_id, there, seen in zip(item_ids, scorer.present[rows], self.index.seen(rows), strict=True):
            if not there:
                encoder = self.index.run.config["encoder"]
                raise CatalogueError(
                    f"item {item_id!r} has no {encoder} features, so nothing is known of it; goeswith encode says why"
                )
            if not seen:
                category = self.index.catalogue.items["category"][int(shelf.place[item_id])]
                raise CatalogueError(
                    f"item {item_id!r} is of category {category!r}, which the model {self.index.run.title} never saw; "
                    "train it with outfits of that category"
                )
        return rows

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
        silent = np.flatnonzero(np.isnan(scores))
        if len(silent):
            named = ", ".join(self.index.catalogue.ids[row] for row in outfits[silent[0]])
            raise CatalogueError(
                f"the model {self.index.run.title} has no score for the outfit {named}; "
                "some models need a top and a bottom: add one"
            )
        return scores

    def _looks(self, outfits: Sequence[np.ndarray], scores: np.ndarray, added: Sequence[int]) -> list[Look]:
        """Looks of outfits (n,), whose last `added` items were found."""
        ids, prices, scale = self.index.catalogue.ids, self.index.shelf.prices, self.index.scale
        sizes = np.array([len(rows) for rows in outfits], np.int64)
        told = [None, None] if scale is None else [scale.probability(scores, sizes), scale.percentile(scores, sizes)]
        looks = []
        for place, rows in enumerate(outfits):
            named = tuple(ids[row] for row in rows)
            price = float(prices[rows].sum())
            probability, percentile = (None if values is None else float(values[place]) for values in told)
            looks.append(
                Look(
                    item_ids=named,
                    added=named[len(named) - added[place] :],
                    score=float(scores[place]),
                    probability=probability,
                    percentile=percentile,
                    price=None if math.isnan(price) else round(price, 2),
                )
            )
        return looks

    def _kind(self, column: str, value: str) -> np.ndarray:
        """Rows (m,) of the catalogue's own items of a category or group, ascending."""
        if (column, value) not in self._kinds:
            inside = self.index.shelf.having(column, [value])[: self.index.size]
            self._kinds[column, value] = np.flatnonzero(inside)
        return self._kinds[column, value]

    def _offered(self, rows: np.ndarray, filters: Filters, outfit: np.ndarray) -> np.ndarray:
        """Those of some rows that pass, that the model can judge, and that are of no product of the outfit."""
        products = self.index.shelf.products
        rows = rows[filters.rows(self.index.catalogue)[rows] & self.index.known[rows]]
        return rows[~np.isin(products[rows], products[outfit])]

    def _like(self, row: int, filters: Filters) -> np.ndarray:
        """Rows (m,) of what an item may be exchanged for, by group, category or the filters' own."""
        if filters.categories or filters.groups:
            return np.arange(self.index.size)
        told = self.index.catalogue.items.row(row, named=True)
        return self._kind("group", told["group"]) if told["group"] else self._kind("category", told["category"])

    def _slot(self, slot: str) -> np.ndarray:
        """Rows (m,) of a group or category.

        Raises:
            CatalogueError: there is neither of that name, or the model never saw the category.
        """
        shelf = self.index.shelf
        columns = [column for column in ("category", "group") if slot in shelf.codes(column)[1]]
        if not columns:
            known = [*shelf.codes("group")[1], *shelf.codes("category")[1]]
            more = " (a group of which the catalogue has no item)" if slot in GROUPS else ""
            raise CatalogueError(f"no item is of the slot {slot!r}{more}; {nearest(slot, known)}")
        rows = self._kind(columns[-1], slot)  # where a category has the name of a group, the group is meant
        if not self.index.seen(rows).any():
            raise CatalogueError(
                f"the model {self.index.run.title} never saw the category {slot!r}; choose another slot, or train it "
                "with outfits of that category"
            )
        return rows

    def _template(
        self, rows: np.ndarray, slots: Sequence[str], filters: Filters, budget: float | None
    ) -> tuple[Template, list[str]]:
        """What each slot may be filled with, and notes of those that nothing fits."""
        shelf = self.index.shelf
        if budget is not None:
            shelf.need_prices("a budget")
            bare = next((row for row in rows.tolist() if np.isnan(shelf.prices[row])), None)
            if bare is not None:
                raise CatalogueError(
                    f"item {self.index.catalogue.ids[bare]!r} has no price, so a budget cannot be kept; leave one out"
                )
        allowed: list[np.ndarray] = []
        notes: list[str] = []
        for slot in slots:
            inside = self._slot(slot)
            _check_kinds(shelf, filters, slot, inside)
            fitting = self._offered(inside, filters, rows)
            if budget is not None:
                fitting = fitting[~np.isnan(shelf.prices[fitting])]
            if not len(fitting):
                notes.append(f"thin: no {slot} fits the filters, so the look has none")
            elif not _room(shelf.products, [*allowed, fitting]):
                notes.append(f"thin: no further {slot} fits the filters, so the look has one less")
            else:
                allowed.append(fitting)
        if not allowed:
            raise CatalogueError(f"no item fits: {', '.join(slots)} with the filters {filters}; widen the filters")
        template = Template(rows, allowed, shelf.products, shelf.prices if budget is not None else None, budget)
        template.check()
        return template, notes

    def _spread(self, found: Beam, best: np.ndarray, anchors: int, k: int, diversity: float) -> np.ndarray:
        """Places among `best` (m,) of the k looks to show."""
        if not diversity:
            return np.arange(min(k, len(best)))
        added = found.items[best][:, anchors:]
        directions = self.index.directions(added.reshape(-1)).view(len(best), -1) / math.sqrt(added.shape[1])
        return spread(found.scores[best], directions, k, diversity)


def _first_of_each(keys: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Places of the best score of each distinct key (m, w), best first; those without a score (NaN) are left out."""
    order = np.argsort(-scores, kind="stable")
    order = order[~np.isnan(scores[order])]
    first = np.unique(keys[order], axis=0, return_index=True)[1]
    return order[np.sort(first)]


def _room(products: np.ndarray, slots: list[np.ndarray]) -> bool:
    """Whether distinct products can fill every slot, the last of which is new."""
    if len(np.unique(products[slots[-1][:1000]])) >= len(slots):
        return True
    return Template(np.empty(0, np.int64), slots, products, None, None).cheapest() is not None


def _check_kinds(shelf: Shelf, filters: Filters, slot: str, inside: np.ndarray) -> None:
    """Raise CatalogueError where the filters' categories or groups leave nothing of a slot, whatever else they say."""
    for column, values in (("category", filters.categories), ("group", filters.groups)):
        if values and not shelf.having(column, values)[inside].any():
            raise CatalogueError(
                f"the filters contradict the slot {slot!r}: none of its items has the {column} {' or '.join(values)}; "
                "leave the slot or the filter out"
            )


def _check(*, k: int = 1, beam: int = 1, diversity: float = 0.0, budget: float | None = None) -> None:
    """Raise CatalogueError where a number is out of range."""
    for name, value in (("k", k), ("beam", beam)):
        if value < 1:
            raise CatalogueError(f"{name} is {value}; it must be 1 or more")
    if not 0 <= diversity <= 1:
        raise CatalogueError(f"diversity is {diversity}; it must be between 0 (best scores) and 1")
    if budget is not None and not (math.isfinite(budget) and budget >= 0):
        raise CatalogueError(f"the budget is {budget}; it must be a number of 0 or more")
