"""Completion: whole looks around some items, as a search of several steps; what is wanted of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from goeswith.data.filters import Filters
from goeswith.errors import CatalogueError
from goeswith.evaluate.reranking import SIZE
from goeswith.shop.answers import Look, looks_of
from goeswith.shop.assortment import LONGEST, Assortment
from goeswith.shop.beam import Beam, best, grow, in_order, refine
from goeswith.shop.candidates import FULL
from goeswith.shop.index import Index
from goeswith.shop.steps import Scores, Steps
from goeswith.shop.template import Template

POOL = 256
"""The best looks among which a diverse choice is made."""
STEP = 128
"""Looks that the full model scores in one step of a search over several slots."""


@dataclass(frozen=True)
class Request:
    """What looks are wanted; see the arguments of `goeswith.shop.stylist.Stylist.complete`."""

    slots: Sequence[str] = ()
    filters: Filters = Filters()  # noqa: RUF009 it is frozen
    budget: float | None = None
    k: int = 5
    beam: int = 16
    diversity: float = 0.0
    common: int | None = 1
    popularity: float | None = None
    coherent: bool = True

    @classmethod
    def one(cls, slot: str, *, k: int = 10, **options: Any) -> Request:
        """The best items for one slot, see `goeswith.shop.stylist.Stylist.fill`."""
        return cls(slots=[slot], k=k, beam=1, **options)

    def check(self) -> None:
        """Raise CatalogueError where a number is out of range."""
        check_number(k=self.k, beam=self.beam)
        if not 0 <= self.diversity <= 1:
            raise CatalogueError(f"diversity is {self.diversity}; it must be between 0 (best scores) and 1")
        if self.budget is not None and not (math.isfinite(self.budget) and self.budget >= 0):
            raise CatalogueError(f"the budget is {self.budget}; it must be a number of 0 or more")


def check_number(**numbers: int) -> None:
    """Raise CatalogueError where one of them is below 1."""
    for name, value in numbers.items():
        if value < 1:
            raise CatalogueError(f"{name} is {value}; it must be 1 or more")


def complete(assortment: Assortment, anchors: Sequence[str], request: Request) -> Steps[list[Look]]:
    """Search whole looks around some items, see `goeswith.shop.stylist.Stylist.complete`.

    Raises:
        CatalogueError: as there.
    """
    request.check()
    rows = assortment.outfit(anchors)
    if request.common is not None and request.common < 0:
        raise CatalogueError(f"common is {request.common}; it must be 0 or more")
    if request.slots:
        request = replace(request, slots=[assortment.spelled(slot) for slot in request.slots])
        assortment.check_slots(rows, request.slots)
        return _noted((yield from _looks(assortment, rows, request)), request.k)
    kinds: list[tuple[list[Look], int]] = []
    failure: CatalogueError | None = None
    for slots, count in assortment.whole(rows, request.k):
        try:  # as many as are wanted in all, since those of one kind may have too much of another's
            kinds.append(((yield from _looks(assortment, rows, replace(request, slots=slots))), count))
        except CatalogueError as error:
            failure = error
    if failure is not None and not kinds:
        raise failure
    return _noted(_in_turn(assortment.index, kinds, request.k, request.common), request.k)


def _in_turn(index: Index, kinds: Sequence[tuple[list[Look], int]], k: int, common: int | None) -> list[Look]:
    """Up to k looks of several kinds, such as with a dress and with trousers, one kind after the other.

    kinds: the looks of each, best first, and how many of them are wanted; another kind gives what one lacks. Any two
    have at most `common` added products in common, and none lies within another.
    """
    chosen: list[Look] = []
    added: list[set[int]] = []
    waiting, wanted = [iter(looks) for looks, _ in kinds], [count for _, count in kinds]

    def take(kind: int) -> bool:
        for look in waiting[kind]:
            pieces = set(index.shelf.products[[index.row_of[item_id] for item_id in look.added]].tolist())
            most = len(pieces) if common is None else common
            if all(len(pieces & others) <= min(most, len(pieces) - 1, len(others) - 1) for others in added):
                chosen.append(look)
                added.append(pieces)
                return True
        return False

    while any(wanted):
        for kind, count in enumerate(wanted):
            wanted[kind] = count - 1 if count and take(kind) else 0
    for kind in range(len(kinds)):
        while len(chosen) < k and take(kind):
            pass
    return chosen


def _noted(looks: list[Look], k: int) -> list[Look]:
    """The looks, with a note where they are fewer than k."""
    if len(looks) >= k:
        return looks
    thin = f"not enough items: only {len(looks)} of {k} looks can be made from what fits"
    return [replace(look, notes=(*look.notes, thin)) for look in looks]


def _looks(assortment: Assortment, rows: np.ndarray, request: Request) -> Steps[list[Look]]:
    """Looks around rows (n,) with the slots filled."""
    index, slots = assortment.index, request.slots
    if len(rows) + len(slots) > LONGEST:
        raise CatalogueError(
            f"{len(rows)} items and {len(slots)} slots are more than {LONGEST}; give fewer", reason="too_many_items"
        )
    template, notes = assortment.template(
        rows, slots, request.filters, request.budget, coherent=request.coherent, popularity=request.popularity
    )
    chosen = yield from _chosen(index, template, request)
    if not len(chosen.items):
        raise CatalogueError(
            f"the model {index.run.title} has no score for any look of {', '.join(slots)} with these items; "
            "some models need a top and a bottom: add one",
            reason="no_score",
            item_ids=[index.catalogue.ids[row] for row in rows],
        )
    scores = yield Scores(chosen.items)
    looks = looks_of(index, [*chosen.items], scores, added=chosen.items.shape[1] - len(rows))
    return [replace(look, notes=tuple(notes)) for look in looks]


def _chosen(index: Index, template: Template, request: Request) -> Steps[Beam]:
    """Up to k looks, in the order in which they are shown; none where the model has no score for any."""
    full, k, common = max(FULL if len(template.slots) == 1 else STEP, 2 * request.k), request.k, request.common
    diversity = request.diversity
    candidates = yield from grow(index, template, request.beam, diversity, full)
    if len(template.slots) > 1:
        candidates = yield from refine(index, template, candidates, diversity, full)
    candidates = _scored(candidates)
    if not len(candidates.items):
        return candidates
    chosen = best(index, candidates, template, max(k, SIZE), diversity, POOL, common=common)
    if not diversity:  # which says by itself what comes first
        chosen = in_order(template, chosen)
    chosen = Beam(chosen.items[:k], chosen.scores[:k])
    while common is not None and len(chosen.items) < k and len(template.slots) > common:
        # Around the best looks a search finds their variations; the next one goes without what they have.
        remaining = template.without(chosen.items[:, len(template.anchors) :])
        if remaining is None:
            break
        more = _scored((yield from grow(index, remaining, -(-request.beam // 2), diversity, full)))
        if not len(more.items):
            break
        more = best(index, more, template, k - len(chosen.items), diversity, POOL, common=common)
        chosen = Beam(*(np.concatenate(both) for both in zip(chosen, more, strict=True)))
    return chosen


def _scored(beam: Beam) -> Beam:
    """Those looks that have a score."""
    scored = ~np.isnan(beam.scores)
    return Beam(beam.items[scored], beam.scores[scored])
