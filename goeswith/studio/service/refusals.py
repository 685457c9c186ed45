"""Refusals: requests that get no answer, and why: a word for programs, a sentence for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.responses import JSONResponse

from goeswith import Filters, Index
from goeswith.errors import CatalogueError, GoeswithError
from goeswith.studio.service.limits import RETRY_SECONDS


class Refused(GoeswithError):
    """A request that is not answered: the HTTP status, a reason for programs, and one sentence for people."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason = status, reason


@contextmanager
def because(reason: str) -> Iterator[None]:
    """Errors of the library with a reason that programs can read."""
    try:
        yield
    except CatalogueError as error:
        raise Refused(422, reason, str(error)) from None


def as_refused(error: GoeswithError) -> Refused:
    """An error of the library as an answer."""
    return error if isinstance(error, Refused) else Refused(422, "no_answer", str(error))


def in_json(error: Refused) -> JSONResponse:
    """What programs are told: ``{"error": {"reason": ..., "message": ...}}``."""
    headers = {401: {"WWW-Authenticate": 'Basic realm="goeswith", Bearer'}, 503: {"Retry-After": str(RETRY_SECONDS)}}
    body = {"error": {"reason": error.reason, "message": str(error)}}
    return JSONResponse(body, error.status, headers=headers.get(error.status))


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
