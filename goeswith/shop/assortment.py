"""Assortment: which items of a shop's catalogue may form an outfit, and which may be offered for a slot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from goeswith.data.catalogue import GROUPS
from goeswith.data.encoders.encode import WORDS
from goeswith.data.filters import Filters
from goeswith.data.shelf import Shelf, nearest
from goeswith.errors import CatalogueError
from goeswith.shop.coherence import agreeing
from goeswith.shop.grammar import WORN
from goeswith.shop.index import Index
from goeswith.shop.relaxed import asked, without_each
from goeswith.shop.template import Template

LONGEST = 24
"""Items of an outfit."""


def lack(index: Index, row: int) -> str:
    """Why an item has no features, as what follows "the item": ``has no picture``, ``has no title``, ..."""
    items, kinds = index.catalogue.items, str(index.run.config["encoder"]).split("+")
    if not items["image"][row] and set(kinds) != {WORDS}:
        return "has no picture"
    if not (items["title"][row] or "").strip():
        return "has no title"
    return "has a picture or title that cannot be read"


class Assortment:
    """The items of an index, as outfits and as offers.

    Items that the model cannot judge (without features, or of a category it never saw) are never offered, nor is a
    product that the outfit has already.
    """

    def __init__(self, index: Index) -> None:
        self.index = index
        self._kinds: dict[tuple[str, str], np.ndarray] = {}
        self._small_cache: tuple[Shelf, np.ndarray] | None = None

    def outfit(self, item_ids: Sequence[str], least: int = 1) -> np.ndarray:
        """Rows (n,) of an outfit of at least so many items that can be judged.

        Raises:
            CatalogueError: too few items or too many, an unknown or repeated one, two of one product, or one that the
                model cannot judge.
        """
        if isinstance(item_ids, str):
            raise CatalogueError(f"the outfit is the text {item_ids!r}; give a list of item ids")
        if len(item_ids) < least:
            what = "is empty" if not item_ids else f"has {len(item_ids)} item"
            raise CatalogueError(
                f"the outfit {what}; give it {'two or more items' if least > 1 else 'an item'}",
                reason="too_few_items",
                item_ids=item_ids,
            )
        if len(item_ids) > LONGEST:
            raise CatalogueError(
                f"the outfit has {len(item_ids)} items; give at most {LONGEST}", reason="too_many_items"
            )
        shelf = self.index.shelf
        rows = shelf.rows(item_ids)
        ids = [self.index.catalogue.ids[row] for row in rows]
        products: dict[int, str] = {}
        for item_id, product in zip(ids, shelf.products[rows].tolist(), strict=True):
            if products.get(product) == item_id:
                raise CatalogueError(
                    f"the outfit names item {item_id!r} twice; name it once", reason="same_product", item_ids=[item_id]
                )
            if product in products:
                raise CatalogueError(
                    f"items {products[product]!r} and {item_id!r} are variants of one product; keep one of them",
                    reason="same_product",
                    item_ids=[products[product], item_id],
                )
            products[product] = item_id
        self._check_known(ids, rows)
        return rows

    def slot(self, slot: str) -> np.ndarray:
        """Rows (m,) of a group or category, whatever the case of its letters.

        Raises:
            CatalogueError: there is neither of that name, or the model never saw the category.
        """
        shelf = self.index.shelf
        both = ("category", "group")
        columns = [column for column in both if slot in shelf.codes(column)[1]]
        columns = columns or [column for column in both if shelf.written(column, slot)]
        if not columns:
            names = [*shelf.codes("group")[1], *shelf.codes("category")[1]]
            more = " (a group of which the catalogue has no item)" if slot in GROUPS else ""
            raise CatalogueError(
                f"no item belongs to the slot {slot!r}{more}; {nearest(slot, names)}", reason="unknown_slot"
            )
        rows = self._kind(columns[-1], slot)  # where a category has the name of a group, the group is meant
        if not self.index.seen(rows).any():
            raise CatalogueError(
                f"the model {self.index.run.title} never saw the category {slot!r}; choose another slot, or train it "
                "with outfits of that category",
                reason="unknown_category",
            )
        return rows

    def spelled(self, slot: str) -> str:
        """A slot as the catalogue writes it: a category of exactly this name, else a group, else another category."""
        shelf = self.index.shelf
        return slot if slot in shelf.codes("category")[1] else shelf.spelled("category", shelf.spelled("group", slot))

    def check_slots(self, rows: np.ndarray, slots: Sequence[str]) -> None:
        """Raise CatalogueError where an outfit cannot take the slots, see `goeswith.shop.grammar.Grammar.refusal`."""
        shelf, groups = self.index.shelf, [self._group(slot) for slot in slots]
        refused = self.index.grammar.refusal(shelf.values("group", rows), groups)
        if refused:
            single = len(slots) == 1
            which = f"slot {slots[0]} does" if single else f"slots {', '.join(slots)} do"
            raise CatalogueError(
                f"the {which} not fit: {refused}; {'leave it out' if single else 'leave one out'}",
                reason="impossible_slot",
            )

    def whole(self, rows: np.ndarray, k: int) -> list[tuple[list[str], int]]:
        """The slots that make a whole look of an outfit, and how many of `k` looks are to have them.

        Groups of which the catalogue has nothing that the model knows are left out.

        Raises:
            CatalogueError: the outfit lacks nothing, is none, or its items are of no group that looks are made of.
        """
        shelf, grammar = self.index.shelf, self.index.grammar
        groups, categories = shelf.values("group", rows), [str(category) for category in shelf.values("category", rows)]
        wrong = [finding for finding in grammar.findings(groups, categories) if not finding.startswith("needs")]
        if wrong:
            raise CatalogueError(
                f"these items do not make an outfit: {' and '.join(wrong)}; remove one or name a slot",
                reason="no_outfit",
                item_ids=[self.index.catalogue.ids[row] for row in rows],
            )
        if not set(groups) & set(WORN):
            raise CatalogueError(
                f"no outfits are known around the category {categories[0]!r} (its group is {groups[0] or 'unknown'}); "
                "name the slots to fill, e.g. shoes",
                reason="no_outfit",
                item_ids=[self.index.catalogue.ids[row] for row in rows],
            )
        codes, names = shelf.codes("group")
        offered = np.unique(codes[: self.index.size][self.index.known])
        available = {name for name, code in names.items() if code in offered}
        choices = [
            ([slot for slot in slots if slot in available], share) for slots, share in grammar.slots(groups, categories)
        ]
        choices = [(slots, share) for slots, share in choices if slots and _begun(slots, groups)]
        if not choices:
            raise CatalogueError("the outfit is complete; name a slot to add to it", reason="nothing_lacks")
        counts = _shares([share for _, share in choices], k)
        return [(slots, count) for (slots, _), count in zip(choices, counts, strict=True) if count]

    def _group(self, slot: str) -> str | None:
        """The group of a slot; of a category, that of its first item."""
        if slot in self.index.shelf.codes("group")[1]:
            return slot
        return self.index.shelf.values("group", self.slot(slot)[:1])[0]

    def swaps(self, row: int, filters: Filters, outfit: np.ndarray, coherent: bool = True) -> np.ndarray:
        """Rows (m,) of what an item of an outfit may be exchanged for: of its group, or of its category without one.

        Where the filters name categories or groups, one of those.

        coherent: only for items of the season and gender of the rest of the outfit.
        """
        others = outfit[outfit != row]
        if filters.categories or filters.groups:
            return self._offered(np.arange(self.index.size), filters, outfit, coherent, others)
        item = self.index.catalogue.items.row(row, named=True)
        column = "group" if item["group"] else "category"
        return self._offered(self._kind(column, item[column]), filters, outfit, coherent, others)

    def alike(self, row: int, filters: Filters) -> np.ndarray:
        """Rows (m,) of further items of an item's category."""
        category = self.index.catalogue.items["category"][row]
        return self._offered(self._kind("category", category), filters, np.array([row]), coherent=False)

    def why_none_alike(self, row: int, filters: Filters) -> str:
        """Why `alike` finds nothing, in a sentence: due to which filters, and how many there are without each."""
        if not (conditions := asked(filters)):
            return "its category has no other item that the model can judge"
        left = without_each(filters, False, lambda filters, _: len(self.alike(row, filters)))
        why = f"no other item of its category passes the filters: {conditions}"
        return f"{why}; {left}" if left else f"{why}; none would without them"

    def template(
        self,
        rows: np.ndarray,
        slots: Sequence[str],
        filters: Filters,
        budget: float | None,
        *,
        coherent: bool = True,
        popularity: float | None = None,
    ) -> tuple[Template, list[str]]:
        """What each slot beside some items may be filled with, and notes of those that nothing fits.

        coherent: only with items of the outfit's season and gender.
        popularity: see `goeswith.shop.score_correction.ScoreCorrection.bonus`.

        Raises:
            CatalogueError: an unknown slot, filters that contradict one, nothing that fits, or a budget below the
                cheapest sum, which is named.
        """
        shelf = self.index.shelf
        if budget is not None:
            self._check_prices(rows)
        allowed: list[np.ndarray] = []
        notes: list[str] = []
        for slot in slots:
            inside = self.slot(slot)
            _check_kinds(shelf, filters, slot, inside)
            fitting = self._fitting(inside, filters, rows, coherent, budget)
            if not len(fitting):
                why = self._why_none([inside], filters, rows, coherent, budget)
                none = f"not enough items: no {slot} fits the filters{_or_season(coherent)}, so the look has none"
                notes.append(f"{none}; {why}" if why else none)
            elif not _has_room(shelf.products, [*allowed, fitting]):
                notes.append(f"not enough items: no further {slot} fits the filters, so the look has one item fewer")
            else:
                allowed.append(fitting)
        if not allowed:
            why = self._why_none([self.slot(slot) for slot in slots], filters, rows, coherent, budget)
            raise CatalogueError(
                f"no item fits: {', '.join(slots)} with the filters {filters}{_or_season(coherent)}; widen the filters"
                f"{' or allow other seasons and genders (coherent)' if coherent else ''}{f': {why}' if why else ''}",
                reason="nothing_fits",
            )
        bonus, order = self._worth(rows, popularity)
        template = Template(
            rows,
            allowed,
            shelf.products,
            shelf.prices if budget is not None else None,
            budget,
            kinds=self._small if set(slots) <= set(WORN) else None,
            bonus=bonus,
            units=None if self.index.correction is None else self.index.correction.units(),
            order=order,
            filters=filters.spelled(shelf),
        )
        template.check()
        return template, notes

    def _fitting(
        self, inside: np.ndarray, filters: Filters, rows: np.ndarray, coherent: bool, budget: float | None
    ) -> np.ndarray:
        """Those of the rows of a slot that may be added to an outfit; with a budget, those that have a price."""
        fitting = self._offered(inside, filters, rows, coherent)
        return fitting if budget is None else fitting[~np.isnan(self.index.shelf.prices[fitting])]

    def _why_none(
        self, slots: Sequence[np.ndarray], filters: Filters, rows: np.ndarray, coherent: bool, budget: float | None
    ) -> str:
        """How many items of some slots there would be without each condition; empty where none would."""

        def count(filters: Filters, coherent: bool, budget: float | None = budget) -> int:
            return sum(len(self._fitting(inside, filters, rows, coherent, budget)) for inside in slots)

        if unpriced := 0 if budget is None else count(filters, coherent, None):
            return f"{unpriced:,} would without the budget, but have no price"
        return without_each(filters, coherent, count)

    def _worth(self, rows: np.ndarray, popularity: float | None) -> tuple[np.ndarray | None, np.ndarray | None]:
        """(U,) of every item, what it is worth beside some items where it is chosen and where it is put in order.

        See `goeswith.shop.score_correction`; None where the first holds for both, or there is no correction.
        """
        correction = self.index.correction
        if correction is None:
            return None, None
        bonus, order = correction.bonus(popularity), correction.order if popularity is None else None
        wanted = correction.wanted(self.index.kinds[rows])
        if wanted is None:
            return bonus, order
        lifts = wanted[self.index.kinds[: self.index.size]]
        return bonus + lifts, None if order is None else order + lifts

    @property
    def _small(self) -> np.ndarray:
        """(U,) int64: the category of an accessory of which an outfit has one, such as a belt; −1 for the others.

        Kept as long as no guest is added.
        """
        shelf = self.index.shelf
        if self._small_cache is not None and self._small_cache[0] is shelf:
            return self._small_cache[1]
        codes, categories = shelf.codes("category")
        several = np.array([name in self.index.grammar.pairs for name in categories])
        groups, names = shelf.codes("group")
        single = (groups == names.get("accessory", -2)) & ~several[codes]
        self._small_cache = shelf, np.where(single, codes, -1)
        return self._small_cache[1]

    def _kind(self, column: str, value: str) -> np.ndarray:
        """Rows (m,) of the catalogue's own items of a category or group, ascending."""
        if (column, value) not in self._kinds:
            inside = self.index.shelf.having(column, [value])[: self.index.size]
            self._kinds[column, value] = np.flatnonzero(inside)
        return self._kinds[column, value]

    def _offered(
        self, rows: np.ndarray, filters: Filters, outfit: np.ndarray, coherent: bool, others: np.ndarray | None = None
    ) -> np.ndarray:
        """Those of some rows that pass, that the model can judge, and that are of no product of the outfit.

        coherent: and that agree with the season and gender of the outfit, or of `others` if given.
        """
        shelf = self.index.shelf
        products = shelf.products
        rows = rows[filters.rows(self.index.catalogue)[rows] & self.index.known[rows]]
        if coherent:
            rows = rows[agreeing(shelf, outfit if others is None else others, rows, filters)]
        return rows[~np.isin(products[rows], products[outfit])]

    def _check_known(self, item_ids: Sequence[str], rows: np.ndarray) -> None:
        """Raise CatalogueError where the model cannot judge an item."""
        index = self.index
        for item_id, present, seen in zip(item_ids, index.scorer.present[rows], index.seen(rows), strict=True):
            if not present:
                raise CatalogueError(
                    f"item {item_id!r} {lack(index, index.row_of[item_id])}, so no outfit can be made with it; fix "
                    "that and index the catalogue again",
                    reason="no_features",
                    item_ids=[item_id],
                )
            if not seen:
                category = index.catalogue.items["category"][index.row_of[item_id]]
                raise CatalogueError(
                    f"item {item_id!r} is of category {category!r}, which the model {index.run.title} never saw; "
                    "train it with outfits of that category",
                    reason="unknown_category",
                    item_ids=[item_id],
                )

    def _check_prices(self, rows: np.ndarray) -> None:
        """Raise CatalogueError where an item has no price."""
        shelf = self.index.shelf
        shelf.need_prices("a budget", "no_price")
        bare = next((row for row in rows.tolist() if np.isnan(shelf.prices[row])), None)
        if bare is not None:
            raise CatalogueError(
                f"item {self.index.catalogue.ids[bare]!r} has no price, so the budget cannot be "
                "checked; leave out the item or the budget",
                reason="no_price",
                item_ids=[self.index.catalogue.ids[bare]],
            )


def _begun(slots: Sequence[str], groups: Sequence[str | None]) -> bool:
    """Whether slots complete a look: with the outfit they are separates or are around a dress, or they add to that."""
    return bool({"dress", "top", "bottom"} & {*slots, *groups})


def _shares(shares: Sequence[float], k: int) -> list[int]:
    """How many of k each gets of its share, by largest remainder; of equals the first."""
    exact = np.array(shares) * k
    counts = np.floor(exact).astype(int)
    order = np.argsort(counts - exact, kind="stable")
    counts[order[: k - counts.sum()]] += 1
    return [int(count) for count in counts]


def _or_season(coherent: bool) -> str:
    return " and the season and gender of the items" if coherent else ""


def _has_room(products: np.ndarray, slots: list[np.ndarray]) -> bool:
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
                "leave out the slot or the filter",
                reason="bad_filters",
            )
