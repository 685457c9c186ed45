"""Candidates: which items the full model scores beside a partial outfit: all, or the best of a first stage.

Items stand by category, so that a search over one category is one matrix product with a slice of the states.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from itertools import pairwise
from typing import cast

import numpy as np
import torch
from torch import Tensor

from goeswith.data.filters import Filters
from goeswith.models import ItemStates, Model, Searchable, Towers, exact
from goeswith.shop import approximate
from goeswith.shop.approximate import Vectors

FULL = 256
"""Outfits that the full model scores in one step of a search; where there are no more, the search is exact. On MANGO
the best 10 of a category are then those of an exhaustive search in all but a few of a thousand cases, see
docs/look.md."""
EACH = 4
"""So many times its even share one partial outfit may have of the pairs that the full model scores."""
SPARSE = 0.25
"""Where fewer of a category's items are allowed than this share, they are gathered; else all of them are multiplied."""

MORE = 4
"""So many times the candidates wanted are asked of an approximate search, for some of them may be refused."""

Refuse = Callable[[np.ndarray], np.ndarray]
"""From some candidates (m,) to (B, m) bool: True where one must not join a partial outfit."""


class Candidates:
    """The search over the items of an index, for one model.

    states: of every item, (U, ...); more rows may follow, which partial outfits can have and which are never found.
    present: (U,) bool, items that have a state. codes: (U,) int64 the category of each, ascending from 0.
    keys: (U, d) those of a model that answers by queries of gaps, side by side; None where they are not kept in memory.
    vectors: the table of the categories `large`, see `goeswith.shop.approximate`.
    """

    def __init__(
        self,
        model: Model,
        states: ItemStates,
        present: np.ndarray,
        codes: np.ndarray,
        keys: Tensor | None = None,
        vectors: Vectors | None = None,
        large: frozenset[int] = frozenset(),
    ) -> None:
        self.states, self.present, self.codes, self.keys = states, present, codes, keys
        self.vectors, self.large = vectors, large
        self.exact = exact(model)
        """Whether query · key is the model's score of a candidate for a gap, and not an estimate of the look's."""
        self.searchable, self.towers = isinstance(model, Searchable), isinstance(model, Towers)
        self.model = cast(Searchable, model)
        self.starts = np.searchsorted(codes, np.arange(codes[-1] + 2))
        """(C + 1,) where the items of each category begin."""

    def described(self, rows: np.ndarray) -> Tensor:
        """What is compared of some items, (n, d): keys where the model has queries of gaps, else states."""
        states = self.states.rows(self._at(rows))
        return self.model.keys(states) if self.towers else states.hidden.flatten(1)

    @cached_property
    def typical(self) -> ItemStates:
        """The mean of each category's items, (C, ...), states or keys, and the category as the model knows it (C,)."""
        starts = self.starts
        first = self._compared(slice(0, 1))
        means = torch.zeros(len(starts) - 1, *first.shape[1:], device=first.device)
        for code, (start, stop) in enumerate(pairwise(starts.tolist())):
            present = self._at(self.present[start:stop])
            if present.any():
                compared = self._compared(slice(start, stop))
                means[code] = compared.mean(0) if present.all() else compared[present].mean(0)
        return ItemStates(means, self.states.categories[self._at(starts[:-1])])

    def _compared(self, at: slice) -> Tensor:
        """Keys (n, d) of a model that has queries of gaps, else hidden states (n, ...)."""
        return self._keys(at) if self.towers else self.states.hidden[at]

    def pairs(
        self,
        contexts: np.ndarray,
        allowed: np.ndarray,
        refuse: Refuse | None = None,
        full: int = FULL,
        worth: np.ndarray | None = None,
        filters: Filters | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Which candidates the full model should score beside which of the partial outfits (B, n).

        All that may be, where they are at most `full` or the model has no first stage; else the `full` pairs that the
        first stage puts highest (its scores are estimates of the look's, so those of different looks compare).

        Args:
            allowed: (M,) rows of items, ascending.
            full: outfits to score in all.
            refuse: which of them must not join which partial outfit.
            worth: (U,) what each item adds to the first stage's scores.
            filters: which all of the allowed pass, for a search that looks at no others.

        Returns:
            owner (P,), which partial outfit, and rows (P,).
        """
        count = len(contexts)
        if count * len(allowed) <= full or not self.searchable:
            may = np.ones((count, len(allowed)), bool) if refuse is None else ~refuse(allowed)
            owner, column = may.nonzero()
            return owner, allowed[column]
        rows, first = self.shortlist(contexts, allowed, max(min(full, EACH * full // count), 1), refuse, worth, filters)
        flat = first.ravel()
        best = np.argpartition(-flat, min(full, len(flat)) - 1)[:full]
        owner, column = np.unravel_index(np.sort(best[np.isfinite(flat[best])]), first.shape)
        return owner, rows[owner, column]

    def shortlist(
        self,
        contexts: np.ndarray,
        allowed: np.ndarray,
        count: int,
        refuse: Refuse | None = None,
        worth: np.ndarray | None = None,
        filters: Filters | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """The first stage: for each partial outfit (B, n) the best `count` of the allowed rows (M,), best first.

        Where the search is `exact`, there need be no second one: the scores are the model's own of the gap.

        One matrix product for each category (LanceDB where it is large): the items of a category stand together, and
        what is asked of them differs from category to category.

        Returns:
            rows (B, count) and first-stage scores (B, count), −inf where there is no candidate.
        """
        categories, starts = np.unique(self.codes[allowed], return_index=True)
        vectors, offsets = self._queries(contexts, categories)
        best: list[tuple[Tensor, Tensor]] = []
        for index, part in enumerate(np.split(allowed, starts[1:])):
            category = int(categories[index])
            result = self._approximate(vectors[:, index], category, part, count, refuse, worth, filters)
            values, rows = result or self._exact(vectors[:, index], category, part, count, refuse, worth)
            best.append((values + offsets[:, index, None], rows))
        values, rows = (torch.cat(column, dim=1) for column in zip(*best, strict=True))
        top = values.nan_to_num(nan=-torch.inf, neginf=-torch.inf).topk(min(count, values.shape[1]), dim=1)
        return rows.gather(1, top.indices).cpu().numpy(), top.values.cpu().numpy()

    def _at(self, rows: np.ndarray) -> Tensor:
        """Rows, or flags, where the states are."""
        return torch.from_numpy(rows).to(self.states.categories.device)

    def _queries(self, contexts: np.ndarray, categories: np.ndarray) -> tuple[Tensor, Tensor]:
        """Vectors (B, C', d) and offsets (B, C') of partial outfits (B, n) that want an item of each category (C',)."""
        count, kinds = len(contexts), len(categories)
        items = self._at(np.repeat(contexts, kinds, axis=0))
        at = self._at(np.tile(categories, count)).long()
        typical = self._typical(at)
        vectors, offsets = self.model.query(self.states, items, typical)
        return vectors.view(count, kinds, -1), offsets.view(count, kinds)

    def _typical(self, at: Tensor) -> ItemStates:
        """Typical candidates of some categories (n,); a model that has queries of gaps reads only the categories."""
        if self.towers:
            return ItemStates(self.states.hidden[:0], self.states.categories[self._at(self.starts)[at]])
        return self.typical.rows(at)

    def _exact(
        self,
        vectors: Tensor,
        category: int,
        rows: np.ndarray,
        count: int,
        refuse: Refuse | None,
        worth: np.ndarray | None,
    ) -> tuple[Tensor, Tensor]:
        """Inner products (B, count) of queries (B, d) with the best keys of some items of a category, and the rows."""
        products = self._products(vectors, category, rows)
        if worth is not None:
            products = products + torch.from_numpy(worth[rows]).to(products.dtype).to(products.device)
        if refuse is not None:
            products[self._at(refuse(rows))] = -torch.inf
        top = products.topk(min(count, len(rows)), dim=1)
        return top.values, self._at(rows)[top.indices]

    def _products(self, vectors: Tensor, category: int, rows: np.ndarray) -> Tensor:
        """Inner products (B, m) of queries (B, d) with the keys of some items of one category."""
        start, stop = self.starts[category : category + 2].tolist()
        some = len(rows) < SPARSE * (stop - start)
        keys = self._keys(self._at(rows) if some else slice(start, stop))
        # Many rows times a few columns: up to twice as quick as few rows times many columns.
        products = (keys @ vectors.T).T.contiguous()
        return products if len(rows) == len(keys) else products[:, self._at(rows - start)]

    def _keys(self, at: Tensor | slice) -> Tensor:
        """What the first stage searches of some items, (m, d)."""
        if self.keys is not None:
            return self.keys[at]
        return self.model.keys(self.states.rows(at))

    def _approximate(
        self,
        queries: Tensor,
        category: int,
        rows: np.ndarray,
        count: int,
        refuse: Refuse | None,
        worth: np.ndarray | None,
        filters: Filters | None,
    ) -> tuple[Tensor, Tensor] | None:
        """As `_exact`, by LanceDB; None where the items are few or not in its table, or it finds too few."""
        if self.vectors is None or category not in self.large or len(rows) < approximate.ENOUGH:
            return None
        hits, products = self.vectors.nearest(queries.cpu().numpy(), category, MORE * count, filters or Filters())
        products[rows[np.searchsorted(rows, hits).clip(max=len(rows) - 1)] != hits] = -np.inf
        if worth is not None:
            products = products + worth[hits].astype(products.dtype)
        if refuse is not None:
            distinct, at = np.unique(hits, return_inverse=True)
            refused = np.take_along_axis(refuse(distinct), at.reshape(hits.shape), axis=1)
            products = np.where(refused, -np.inf, products)
        if (np.isfinite(products).sum(axis=1) < count).any():
            return None
        top = self._at(products).topk(count, dim=1)
        return top.values, self._at(hits).gather(1, top.indices)
