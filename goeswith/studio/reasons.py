"""Reasons: why the stylist has no answer, in a word that programs can read; the sentence beside it is the stylist's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from goeswith.errors import CatalogueError
from goeswith.filters import Filters
from goeswith.index import Index
from goeswith.studio.working import Refused


@dataclass(frozen=True)
class Asked:
    """What an answer depends on. least: items that each outfit needs. locked: those of them that must stay."""

    outfits: Sequence[Sequence[str]]
    least: int = 1
    filters: Filters | None = None
    slots: Sequence[str] = ()
    locked: Sequence[str] = ()
    budget: float | None = None


def refused(error: CatalogueError, index: Index, asked: Asked) -> Refused:
    """The stylist's error with its reason: the first check that does not hold."""
    found = (reason for outfit in asked.outfits for reason in _of_outfit(index, outfit, asked.least))
    reason = next(found, "") or next(_of_rest(index, asked, str(error)), "no_answer")
    return Refused(422, reason, str(error))


def _of_outfit(index: Index, outfit: Sequence[str], least: int) -> Iterator[str]:
    shelf = index.shelf
    if len(outfit) < least:
        yield "too_few_items"
    if any(item_id not in shelf.place for item_id in outfit):
        yield "unknown_item"
        return
    rows = shelf.rows(outfit)
    if len(set(shelf.products[rows].tolist())) < len(rows):
        yield "same_product"
    if not index.scorer.present[rows].all():
        yield "no_features"
    if not index.seen(rows).all():
        yield "unknown_category"


def _of_rest(index: Index, asked: Asked, said: str) -> Iterator[str]:
    if any(item_id not in index.shelf.place for item_id in asked.locked):
        yield "unknown_item"
    known = {name for column in ("category", "group") for name in index.shelf.codes(column)[1]}
    if not known.issuperset(asked.slots):
        yield "unknown_slot"
    try:
        if asked.filters is not None:
            asked.filters.rows(index.catalogue)
    except CatalogueError:
        yield "bad_filters"
    if "filters contradict" in said:  # the slot, which the filters know nothing of
        yield "bad_filters"
    if asked.budget is not None and "budget" in said:
        yield "budget_too_small"
    if "never saw" in said:
        yield "unknown_category"
