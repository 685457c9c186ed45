"""Template: what a look consists of: given items, slots with their candidates, and a budget."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from goeswith.data.filters import Filters
from goeswith.errors import CatalogueError

PENNY = 1e-6
"""What sums of prices may be off by rounding."""
FEW = 64
"""Rows a slot among which its cheapest products are looked for first."""


@dataclass(frozen=True)
class Template:
    """What a look is made of.

    anchors: (A,) rows that are there. slots: for each slot the rows (M,) that may fill it, ascending.
    products: (U,) numbers; no two items of one product go into a look. prices: (U,), None where there is no budget.
    kinds: (U,) int64, no two items of one go into a look, −1 = any number; None: only products are distinguished.
    bonus: (U,) what an added item is worth beside the score of a look, times units[n] in a look of n items, see
    `goeswith.shop.score_correction`; None: nothing.
    order: the same where the best looks are put in order; None: by `bonus`.
    filters: which all that may fill a slot pass.
    """

    anchors: np.ndarray
    slots: list[np.ndarray]
    products: np.ndarray
    prices: np.ndarray | None
    budget: float | None
    kinds: np.ndarray | None = None
    bonus: np.ndarray | None = None
    units: np.ndarray | None = None
    order: np.ndarray | None = None
    filters: Filters | None = None

    def worth(self, items: np.ndarray) -> np.ndarray:
        """(B,) what the added items of looks (B, n), anchors first, are worth beside the score."""
        return self._sum(self.bonus, items)

    def rank(self, items: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """(B,) what looks (B, n) are put in order by; scores: (B,) with their `worth`."""
        return scores if self.order is None else scores - self.worth(items) + self._sum(self.order, items)

    def _sum(self, bonus: np.ndarray | None, items: np.ndarray) -> np.ndarray:
        """(B,) of the added items of looks (B, n)."""
        if bonus is None or self.units is None:
            return np.zeros(len(items))
        total: np.ndarray = self.units[items.shape[1]] * bonus[items[:, len(self.anchors) :]].sum(axis=1)
        return total

    def without(self, rows: np.ndarray) -> Template | None:
        """The same without the products of some rows, of any shape; None where that leaves a slot or a budget empty."""
        used = self.products[rows.ravel()]
        slots = [slot[~np.isin(self.products[slot], used)] for slot in self.slots]
        if not all(len(slot) for slot in slots):
            return None
        others = replace(self, slots=slots)
        least = others.cheapest()
        if least is None:
            return None
        if self.prices is not None and self.budget is not None:
            total = self.prices[self.anchors].sum() + self.prices[least].sum()
            return others if total <= self.budget + PENNY else None
        return others

    def cheapest(self) -> np.ndarray | None:
        """Rows that fill the slots with distinct products for the least money (any, without prices), None if none do.

        Of n slots, the n cheapest products of each are enough to choose from: whatever the others take, one is left.
        """
        short = [self._cheap(rows) for rows in self.slots]
        owner = np.repeat(np.arange(len(short)), [len(rows) for rows in short])
        rows = np.concatenate(short)
        kinds, column = np.unique(self.products[rows], return_inverse=True)
        costs = np.full((len(short), len(kinds)), np.inf)  # each slot has a product once, see `_cheap`
        costs[owner, column] = 0.0 if self.prices is None else self.prices[rows]
        which = np.zeros(costs.shape, np.int64)
        which[owner, column] = rows
        try:
            slots, chosen = linear_sum_assignment(costs)
        except ValueError:  # no choice of distinct products fills every slot
            return None
        return which[slots, chosen] if len(slots) == len(short) else None

    def _cheap(self, rows: np.ndarray) -> np.ndarray:
        """The cheapest row of each of the n cheapest products among `rows`, n the number of slots."""
        count = len(self.slots)
        few = rows
        if len(rows) > FEW * count:  # sorting all of them is only needed where these are nearly all of one product
            near = (
                np.argpartition(self.prices[rows], FEW * count)[: FEW * count]
                if self.prices is not None
                else slice(FEW)
            )
            few = np.sort(rows[near])
        if len(np.unique(self.products[few])) < count:
            few = rows
        order = few if self.prices is None else few[np.argsort(self.prices[few], kind="stable")]
        first = np.unique(self.products[order], return_index=True)[1]
        return order[np.sort(first)[:count]]

    def check(self) -> None:
        """Raise CatalogueError where no look keeps to the budget; the message gives the lowest price of one."""
        if self.budget is None or self.prices is None:
            return
        own, cheapest = float(self.prices[self.anchors].sum()), self.cheapest()
        assert cheapest is not None  # the stylist leaves out slots that cannot be filled
        least = own + float(self.prices[cheapest].sum())
        if least > self.budget + PENNY:
            raise CatalogueError(
                f"the budget of {self.budget:.2f} cannot be met: the cheapest look costs {least:.2f}"
                f"{f', {own:.2f} of it for the given items' if own else ''}; "
                "raise the budget, widen the filters or leave out a slot",
                reason="budget_too_small",
            )

    def spare(self) -> np.ndarray:
        """(slots + 1,) what at least the slots from each one on cost, 0 without a budget."""
        if self.prices is None:
            return np.zeros(len(self.slots) + 1)
        least = [float(self.prices[rows].min()) for rows in self.slots]
        return np.append(np.cumsum(least[::-1])[::-1], 0.0)
