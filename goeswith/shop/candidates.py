"""Candidates: which items the full model scores beside a partial outfit: all, or the best of a first stage.

Items stand by category, so that a search over one category is one matrix product with a slice of the states.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from goeswith.data.filters import Filters
from goeswith.models import ItemStates, Model, Searchable, Towers, exact
from goeswith.shop import approximate
from goeswith.shop.approximate import Vectors
from goeswith.shop.gaps import Choice, Gap, highest

FULL = 256
"""Outfits that the full model scores in one step of a search; where there are no more, the search is exact. On MANGO
the best 10 of a category are then those of an exhaustive search in all but a few of a thousand cases, see
docs/look.md."""
EACH = 4
"""So many times its even share one partial outfit may have of the pairs that the full model scores."""
SPARSE = 0.25
"""Where fewer of a category's items are allowed than this share, they are gathered; else all of them are multiplied."""

BLOCK = 1 << 15
"""Items whose products with the queries are in memory at once."""
MORE = 4
"""So many times the candidates wanted are asked of an approximate search, for some of them may be refused."""


class Piece(NamedTuple):
    """Items of one category that stand together: rows from start to stop."""

    category: int
    start: int
    stop: int


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

    def pairs(self, gap: Gap, full: int = FULL) -> Choice:
        """Which candidates the full model should score beside which of the partial outfits of a gap.

        All that may be, where they are at most `full` or the model has no first stage; else the `full` pairs that the
        first stage puts highest (its scores are estimates of the look's, so those of different looks compare).
        """
        return self.pairs_of([gap], [full])[0]

    def pairs_of(self, gaps: Sequence[Gap], full: Sequence[int]) -> list[Choice]:
        """`pairs` of several gaps, which share one pass over the items."""
        sizes = [len(gap.contexts) for gap in gaps]
        few = [
            not self.searchable or size * len(gap.allowed) <= most
            for gap, size, most in zip(gaps, sizes, full, strict=True)
        ]
        counts = [max(min(most, EACH * most // size), 1) for size, most in zip(sizes, full, strict=True)]
        many = [number for number, all_of_them in enumerate(few) if not all_of_them]
        shortlists = iter(self.shortlists([gaps[number] for number in many], [counts[number] for number in many]))
        return [
            gap.every() if all_of_them else highest(*next(shortlists), most)
            for gap, all_of_them, most in zip(gaps, few, full, strict=True)
        ]

    def shortlist(self, gap: Gap, count: int) -> tuple[np.ndarray, np.ndarray]:
        """The first stage: for each partial outfit the best `count` of the allowed items, best first.

        Where the search is `exact`, there need be no second one: the scores are the model's own of the gap.

        Returns:
            rows (B, count) and first-stage scores (B, count), −inf where there is no candidate.
        """
        return self.shortlists([gap], [count])[0]

    def shortlists(self, gaps: Sequence[Gap], counts: Sequence[int]) -> list[tuple[np.ndarray, np.ndarray]]:
        """`shortlist` of several gaps.

        One matrix product for each category (LanceDB where it is large): the items of a category stand together, and
        what is asked of them differs from category to category. Queries of all gaps go into the same product, so that
        a category's keys are read from memory once.
        """
        wanted = [np.unique(self.codes[gap.allowed]) for gap in gaps]
        queries = self._queries(gaps, wanted)
        best: list[list[tuple[Tensor, Tensor]]] = [[] for _ in gaps]
        exact: list[dict[int, tuple[Tensor, Tensor]]] = [{} for _ in gaps]
        for number, (gap, count, (vectors, offsets)) in enumerate(zip(gaps, counts, queries, strict=True)):
            for column, category in enumerate(wanted[number].tolist()):
                query, offset = vectors[:, column], offsets[:, column, None]
                if result := self._approximate(query, category, gap, count):
                    best[number].append((result[0] + offset, result[1]))
                else:
                    exact[number][category] = query, offset
        for block in self._blocks(sorted(set().union(*exact))):
            parts = self._products(block, gaps, exact)
            for gap, count, part, results in zip(gaps, counts, parts, best, strict=True):
                if part:
                    results.append(self._top(gap, count, *part))
        return [_best(results, count) for results, count in zip(best, counts, strict=True)]

    def _at(self, rows: np.ndarray) -> Tensor:
        """Rows, or flags, where the states are."""
        return torch.from_numpy(rows).to(self.states.categories.device)

    def _queries(self, gaps: Sequence[Gap], wanted: Sequence[np.ndarray]) -> list[tuple[Tensor, Tensor]]:
        """For each gap vectors (B, C', d) and offsets (B, C') of its partial outfits, for items of C' categories.

        Outfits of one length are one call of the model.
        """
        queries: dict[int, tuple[Tensor, Tensor]] = {}
        for width in {gap.contexts.shape[1] for gap in gaps}:
            numbers = [number for number, gap in enumerate(gaps) if gap.contexts.shape[1] == width]
            shapes = [(len(gaps[number].contexts), len(wanted[number])) for number in numbers]
            items = [
                np.repeat(gaps[number].contexts, kinds, axis=0)
                for number, (_, kinds) in zip(numbers, shapes, strict=True)
            ]
            at = [np.tile(wanted[number], count) for number, (count, _) in zip(numbers, shapes, strict=True)]
            typical = self._typical(self._at(np.concatenate(at)).long())
            query_parts = self.model.query(self.states, self._at(np.concatenate(items)), typical)
            vectors, offsets = (part.split([count * kinds for count, kinds in shapes]) for part in query_parts)
            for number, shape, vector, offset in zip(numbers, shapes, vectors, offsets, strict=True):
                queries[number] = vector.view(*shape, -1), offset.view(shape)
        return [queries[number] for number in range(len(gaps))]

    def _typical(self, at: Tensor) -> ItemStates:
        """Typical candidates of some categories (n,); a model that has queries of gaps reads only the categories."""
        if self.towers:
            return ItemStates(self.states.hidden[:0], self.states.categories[self._at(self.starts)[at]])
        return self.typical.rows(at)

    def _blocks(self, categories: Sequence[int]) -> Iterator[list[Piece]]:
        """The items of some categories (ascending), up to `BLOCK` of them at a time."""
        block: list[Piece] = []
        room = BLOCK
        for category in categories:
            start, stop = self.starts[category : category + 2].tolist()
            while start < stop:
                piece = Piece(category, start, min(stop, start + room))
                block.append(piece)
                start, room = piece.stop, room - (piece.stop - start)
                if not room:
                    yield block
                    block, room = [], BLOCK
        if block:
            yield block

    def _products(
        self, block: Sequence[Piece], gaps: Sequence[Gap], queries: Sequence[dict[int, tuple[Tensor, Tensor]]]
    ) -> list[tuple[Tensor, np.ndarray] | None]:
        """For each gap the scores (m, B) of its allowed items in a block and their rows (m,); None without any.

        queries: for each gap, by category, what is searched exactly.
        """
        scores: list[list[Tensor]] = [[] for _ in gaps]
        rows: list[list[np.ndarray]] = [[] for _ in gaps]
        edges = np.array([(start, stop) for _, start, stop in block])
        within = [np.searchsorted(gap.allowed, edges).tolist() for gap in gaps]
        for at, (category, start, stop) in enumerate(block):
            shared: list[tuple[int, np.ndarray]] = []
            for number, (gap, own) in enumerate(zip(gaps, queries, strict=True)):
                if category not in own:
                    continue
                some = gap.allowed[slice(*within[number][at])]
                if len(some) >= SPARSE * (stop - start):
                    shared.append((number, some))
                elif len(some):
                    vectors, offset = own[category]
                    scores[number].append(self._keys(self._at(some)) @ vectors.T + offset.T)
                    rows[number].append(some)
            if not shared:
                continue
            own_queries = [queries[number][category] for number, _ in shared]
            # Many rows times a few columns: up to twice as quick as few rows times many columns.
            products = self._keys(slice(start, stop)) @ torch.cat([vectors for vectors, _ in own_queries]).T
            columns = products.split([len(vectors) for vectors, _ in own_queries], dim=1)
            for (number, some), (_, offset), part in zip(shared, own_queries, columns, strict=True):
                part = part if len(some) == stop - start else part[self._at(some - start)]
                scores[number].append(part + offset.T)
                rows[number].append(some)
        return [
            (torch.cat(part), np.concatenate(own)) if part else None for part, own in zip(scores, rows, strict=True)
        ]

    def _top(self, gap: Gap, count: int, scores: Tensor, rows: np.ndarray) -> tuple[Tensor, Tensor]:
        """The best scores (B, count) and their rows, of scores (m, B) of rows (m,) that may not all join."""
        scores = scores.T.contiguous()
        if gap.worth is not None:
            scores += torch.from_numpy(gap.worth[rows]).to(scores.dtype).to(scores.device)
        if gap.refuse is not None:
            scores.masked_fill_(self._at(gap.refuse(rows)), -torch.inf)
        top = scores.topk(min(count, len(rows)), dim=1)
        return top.values, self._at(rows)[top.indices]

    def _keys(self, at: Tensor | slice) -> Tensor:
        """What the first stage searches of some items, (m, d)."""
        if self.keys is not None:
            return self.keys[at]
        return self.model.keys(self.states.rows(at))

    def _approximate(self, queries: Tensor, category: int, gap: Gap, count: int) -> tuple[Tensor, Tensor] | None:
        """Best products (B, count) and rows by LanceDB; None where the items are few or not in its table, or it finds
        too few."""
        if self.vectors is None or category not in self.large:
            return None
        first, last = np.searchsorted(gap.allowed, self.starts[category : category + 2])
        rows = gap.allowed[first:last]
        if len(rows) < approximate.ENOUGH:
            return None
        hits, products = self.vectors.nearest(queries.cpu().numpy(), category, MORE * count, gap.filters or Filters())
        products[rows[np.searchsorted(rows, hits).clip(max=len(rows) - 1)] != hits] = -np.inf
        if gap.worth is not None:
            products = products + gap.worth[hits].astype(products.dtype)
        if gap.refuse is not None:
            distinct, at = np.unique(hits, return_inverse=True)
            refused = np.take_along_axis(gap.refuse(distinct), at.reshape(hits.shape), axis=1)
            products = np.where(refused, -np.inf, products)
        if (np.isfinite(products).sum(axis=1) < count).any():
            return None
        top = self._at(products).topk(count, dim=1)
        return top.values, self._at(hits).gather(1, top.indices)


def _best(results: Sequence[tuple[Tensor, Tensor]], count: int) -> tuple[np.ndarray, np.ndarray]:
    """The best `count` of several scores and rows (B, m): rows and scores, best first."""
    values, rows = (torch.cat(column, dim=1) for column in zip(*results, strict=True))
    top = values.nan_to_num(nan=-torch.inf, neginf=-torch.inf).topk(min(count, values.shape[1]), dim=1)
    return rows.gather(1, top.indices).cpu().numpy(), top.values.cpu().numpy()
