"""Beam search: whole looks over a template of slots, all partial looks and all candidates of a slot at a time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from goeswith.errors import CatalogueError
from goeswith.index import FULL, Index

PENNY = 1e-6
"""What sums of prices may be off by rounding."""
REFINED = 8
"""Looks that have each of their slots filled anew."""
FEW = 64
"""Rows a slot among which its cheapest products are looked for first."""


class Beam(NamedTuple):
    """Partial looks: items (B, n) rows of the index, the anchors first, and scores (B,) of the full model."""

    items: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True)
class Template:
    """What a look is made of.

    anchors: (A,) rows that are there. slots: for each slot the rows (M,) that may fill it, ascending.
    products: (U,) numbers; no two items of one product go into a look. prices: (U,), None where there is no budget.
    """

    anchors: np.ndarray
    slots: list[np.ndarray]
    products: np.ndarray
    prices: np.ndarray | None
    budget: float | None

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
        """Raise CatalogueError where no look keeps to the budget; the least that one costs is told."""
        if self.budget is None or self.prices is None:
            return
        own, found = float(self.prices[self.anchors].sum()), self.cheapest()
        assert found is not None  # the stylist leaves out slots that cannot be filled
        least = own + float(self.prices[found].sum())
        if least > self.budget + PENNY:
            raise CatalogueError(
                f"the budget of {self.budget:.2f} cannot be kept: the cheapest look costs {least:.2f}"
                f"{f', {own:.2f} of it for the items that are there' if own else ''}; "
                "raise the budget, widen the filters or leave a slot out"
            )

    def spare(self) -> np.ndarray:
        """(slots + 1,) what at least the slots from each one on cost, 0 without a budget."""
        if self.prices is None:
            return np.zeros(len(self.slots) + 1)
        least = [float(self.prices[rows].min()) for rows in self.slots]
        return np.append(np.cumsum(least[::-1])[::-1], 0.0)


def grow(index: Index, template: Template, beam: int, diversity: float = 0.0, full: int = FULL) -> Beam:
    """Fill the slots one after the other; returns every whole look that the last step scored, in no order.

    At each slot all partial looks and all candidates that the first stage lets through are one call to the model; the
    best `beam` go on. Partial looks without a score go on last. With a budget, a candidate is refused where the least
    price of the slots to come does not fit any more. Slots that share their products can leave a beam with nothing;
    the cheapest look is offered then.
    """
    held = Beam(template.anchors[None], np.zeros(1))
    spare = template.spare()
    for place, allowed in enumerate(template.slots):
        items = held.items
        rest = spare[place + 1]
        owner, rows = index.pairs(items, allowed, partial(_refused, template, items, rest), full)
        if not len(rows):
            return _cheapest(index, template)
        scores = index.scores(items, owner, rows)
        held = Beam(np.concatenate([items[owner], rows[:, None]], axis=1), scores)
        if place + 1 < len(template.slots):
            held = _best(index, held, template, beam, diversity)
    return held


def refine(index: Index, template: Template, found: Beam, diversity: float = 0.0, full: int = FULL) -> Beam:
    """The looks that `grow` found and more: for each slot in turn, the best ones so far with that slot filled anew.

    An item that was right for half a look may not be for the whole; this mends it, and costs less than a wider beam.
    """
    for place, allowed in enumerate(template.slots):
        at = len(template.anchors) + place
        contexts = np.unique(np.delete(_best(index, found, template, REFINED, diversity).items, at, axis=1), axis=0)
        owner, rows = index.pairs(contexts, allowed, partial(_refused, template, contexts, 0.0), full)
        items = np.insert(contexts[owner], at, rows, axis=1)
        scores = index.scorer.score(items, np.ones(items.shape, bool))
        found = Beam(np.concatenate([found.items, items]), np.concatenate([found.scores, scores]))
    return found


def _refused(template: Template, items: np.ndarray, rest: float, part: np.ndarray) -> np.ndarray:
    """(B, m) bool: candidates `part` (m,) that must not join partial looks (B, n): a product twice, or too dear."""
    used, theirs = template.products[items], template.products[part]
    refused = np.zeros((len(items), len(part)), bool)
    twice = np.flatnonzero(np.isin(theirs, used))  # few: the dense comparison would be the slowest part of a search
    refused[:, twice] = (used[:, :, None] == theirs[twice]).any(axis=1)
    if template.prices is not None and template.budget is not None:
        left = template.budget + PENNY - rest - template.prices[items].sum(axis=1)
        refused |= template.prices[part] > left[:, None]
    return refused


def _best(index: Index, held: Beam, template: Template, beam: int, diversity: float) -> Beam:
    """The `beam` best partial looks, each set of products once."""
    scores = np.nan_to_num(held.scores, nan=-np.inf)
    order = np.argsort(-scores, kind="stable")
    kept = np.sort(template.products[held.items[order]], axis=1)
    order = order[np.sort(np.unique(kept, axis=0, return_index=True)[1])]
    if diversity:
        order = order[: 8 * beam]
        added = held.items[order][:, len(template.anchors) :]
        directions = index.directions(added.reshape(-1)).view(len(order), -1) / added.shape[1] ** 0.5
        order = order[spread(scores[order], directions, beam, diversity, first=-(-beam // 2))]
    order = order[:beam]
    return Beam(held.items[order], held.scores[order])


def _cheapest(index: Index, template: Template) -> Beam:
    """The cheapest look alone."""
    found = template.cheapest()
    assert found is not None
    items = np.concatenate([template.anchors, found])[None]
    return Beam(items, index.scorer.score(items, np.ones(items.shape, bool)))


def spread(scores: np.ndarray, directions: Tensor, k: int, diversity: float, first: int = 1) -> np.ndarray:
    """Places (k,) of a choice that is good and varied: maximal marginal relevance.

    The next one is always the one with the highest (1 − λ) · relevance − λ · (likeness to the nearest that is chosen),
    λ = diversity; relevance is the score between the worst, 0, and the best, 1.

    scores: (m,), best first. directions: (m, d) whose inner products are likenesses. first: how many of the best are
    chosen whatever they are like.
    """
    finite = np.isfinite(scores)
    low, high = (scores[finite].min(), scores[finite].max()) if finite.any() else (0.0, 0.0)
    relevance = torch.from_numpy(np.where(finite, (scores - low) / max(high - low, 1e-12), 0.0))
    nearest = torch.full((len(scores),), -1.0, dtype=torch.float64)
    chosen: list[int] = []
    while len(chosen) < min(k, len(scores)):
        value = (1 - diversity) * relevance - diversity * nearest
        value[chosen] = -torch.inf
        best = int(value.argmax()) if len(chosen) >= first else len(chosen)
        chosen.append(best)
        nearest = torch.maximum(nearest, (directions @ directions[best]).double())
    return np.array(chosen)
