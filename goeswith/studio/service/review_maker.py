"""Review maker: makes the looks of reviews in a background thread, one item at a time."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress

from filelock import FileLock, Timeout

from goeswith.errors import CatalogueError, GoeswithError
from goeswith.shop.stylist import Filters, Look
from goeswith.studio.service.catalogue_view import CatalogueView
from goeswith.studio.service.limits import REVIEW_LOOKS
from goeswith.studio.service.look_items import judgement, pieces_of
from goeswith.studio.service.looks import Looks
from goeswith.studio.service.refusals import Refused
from goeswith.studio.service.reviews import CHOSEN, Review, Reviews
from goeswith.studio.service.saved_look import SavedLook

log = logging.getLogger(__name__)

DIVERSITY = 0.3
"""So that the looks of one item differ in more than a shoe."""
SHARE = 12
"""One piece is in no more than one of so many looks of a review, so that a bestseller is not in all of them."""
FEWEST = 3
"""Looks of a review that a piece may always be in."""
RETRY_SECONDS = 5.0
"""After which the file is tried again where it could not be used."""


class ReviewMaker:
    """Resumes where a stopped service left off: the file says what is made, and how far.

    Args:
        view: gives the catalogue that is open.
    """

    def __init__(self, reviews: Reviews, view: Callable[[], CatalogueView]) -> None:
        self.reviews, self.view = reviews, view
        self.stopped, self.pending = threading.Event(), threading.Event()
        self.thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, with what is unfinished; again after `close`, for an app may be started more than once."""
        self.stopped.clear()
        self.pending.set()
        self.thread = threading.Thread(target=self._run, name="review", daemon=True)
        self.thread.start()

    def wake(self) -> None:
        """There is a new review."""
        self.pending.set()

    def close(self) -> None:
        """Stop after the item that is being worked on."""
        self.stopped.set()
        self.pending.set()
        if self.thread is not None:
            self.thread.join(timeout=5)

    def _run(self) -> None:
        while not self.stopped.is_set():
            self.pending.wait()
            self.pending.clear()
            try:
                self._make()
            except GoeswithError as error:
                log.warning("making looks for a review is paused: %s", error)
                self.stopped.wait(RETRY_SECONDS)
                self.pending.set()
            except Exception:
                log.exception("making looks for reviews stopped; it goes on when another review begins")

    def _make(self) -> None:
        """Make what is unfinished, unless another process does; then look again later, in case it stops."""
        if self.reviews.unfinished() is None:
            return
        try:
            with FileLock(self.reviews.path.with_name(f".{self.reviews.path.name}.reviews.lock"), timeout=0):
                while not self.stopped.is_set() and (review := self.reviews.unfinished()) is not None:
                    self._next(review)
        except Timeout:
            self.stopped.wait(RETRY_SECONDS)
            self.pending.set()

    def _next(self, review: Review) -> None:
        """The looks of one more item of a review, or why there are none."""
        try:
            view, item_id = self.view(), review.item_ids[review.made]
            looks = propose(view, item_id, review.budget, self._used_up(review), self._approved(item_id))
            failure = ""
        except (CatalogueError, Refused) as error:
            looks, failure = [], str(error)
        self.reviews.add(review, looks, failure)

    def _used_up(self, review: Review) -> list[str]:
        """Pieces that are in enough looks of a review."""
        looks = self.reviews.looks(review.review_id)
        counts = Counter(item_id for look in looks for item_id in look.item_ids if item_id != look.pinned_item)
        most = max(FEWEST, len(review.item_ids) * REVIEW_LOOKS // SHARE)
        return sorted(item_id for item_id, count in counts.items() if count >= most)

    def _approved(self, item_id: str) -> set[frozenset[str]]:
        """The looks with an item that somebody decided for, which need no second decision."""
        looks = Looks(self.reviews.path).find(item=item_id)
        return {frozenset(look.item_ids) for look in looks if look.state in CHOSEN}


def propose(
    view: CatalogueView,
    item_id: str,
    budget: float | None,
    avoid: Collection[str],
    decided: Collection[frozenset[str]] = (),
) -> list[SavedLook]:
    """Different looks around one item, best first, pinned to it.

    avoid: pieces that are only taken where nothing can be made without them. decided: looks that are not made.

    Raises:
        CatalogueError, Refused: no look can be made.
    """
    view.row(item_id)
    try:
        looks = _complete(view, [item_id], budget, avoid, REVIEW_LOOKS, unlike=decided)
    except CatalogueError:
        if not avoid:
            raise
        looks = _complete(view, [item_id], budget, (), REVIEW_LOOKS, unlike=decided)
    title = pieces_of(view, [item_id])[0].title
    title = title[:1].upper() + title[1:]
    names = [f"{title}, look {number}" for number in range(1, len(looks) + 1)]
    return [saved(view, look, name, item_id) for look, name in zip(looks, names, strict=True)]


def remake(
    view: CatalogueView,
    look: SavedLook,
    keep: Sequence[str],
    budget: float | None,
    avoid: Collection[str],
    earlier: Sequence[SavedLook] = (),
) -> SavedLook:
    """The same look with other pieces beside those that are kept.

    keep: names of pieces that stay; the pinned one always does. avoid: pieces that are not taken. earlier: what the
    look was before: it is made of other pieces if there are any left, and is never the same look again.

    Raises:
        CatalogueError, Refused: no other look can be made, or what is to stay is not in this one.
    """
    kept = {item_id for name in keep for item_id in _named(view, look, name)}
    staying = [item_id for item_id in look.item_ids if item_id in kept or item_id == look.pinned_item]
    for item_id in staying:
        view.row(item_id)
    if len(staying) == len(look.items):
        raise Refused(422, "all_locked", "every piece is locked, so there is nothing to make again; unlock one")
    if not staying:
        raise Refused(422, "too_few_items", "lock at least one piece, so that there is a look to make around it")
    slots = [piece.group or piece.category for piece in look.items if piece.item_id not in staying]
    used = {item_id for before in earlier for item_id in before.item_ids}
    unlike = {frozenset(before.item_ids) for before in (look, *earlier)}
    others = {*avoid, *look.item_ids} - {*staying}
    remade: Look | None = None
    with suppress(CatalogueError):
        remade = _complete(view, staying, budget, {*others, *used} - {*staying}, 1, slots, unlike)[0]
    if remade is None or len(remade.item_ids) < len(look.items):  # no new piece is left for a slot
        remade = _complete(view, staying, budget, others, 1, slots, unlike)[0]
    return saved(view, remade, look.name, look.pinned_item)


def _named(view: CatalogueView, look: SavedLook, name: str) -> list[str]:
    """The pieces of a look that a name means.

    Raises:
        Refused: there is none.
    """
    if name in look.item_ids:  # also one that has left the catalogue
        return [name]
    meant = {view.catalogue.ids[row] for row in view.index.shelf.meant(name)}
    if not (inside := [item_id for item_id in look.item_ids if item_id in meant]):
        raise Refused(422, "not_in_outfit", f"{name!r} is not in the look, whose pieces are {', '.join(look.item_ids)}")
    return inside


def make_again(
    view: CatalogueView,
    store: Looks,
    reviews: Reviews,
    review: Review,
    look_id: str,
    keep: Sequence[str],
    who: str,
    etag: str = "",
) -> int:
    """Give a look of a review other pieces, none that the other looks of its item have; returns the change.

    It never becomes again what it was before.

    Args:
        keep: see `remake`. who, etag: see `goeswith.studio.service.looks.Looks.change`.

    Raises:
        CatalogueError, Refused: no other look can be made, or somebody changed it meanwhile.
    """
    look = store.get(look_id)
    others = [other for other in reviews.looks(review.review_id) if other.pinned_item == look.pinned_item]
    avoid = {item_id for other in others for item_id in other.item_ids}
    remade = remake(view, look, keep, review.budget, avoid, store.versions(look_id))
    changed = {"items": remade.items, "judged": remade.judged, "state": "draft"}
    return store.change(look_id, who, etag=etag, label="made again", **changed)[1]


def saved(view: CatalogueView, look: Look, name: str, pinned_item: str) -> SavedLook:
    """A look of the stylist as a draft."""
    pieces, judged = pieces_of(view, look.item_ids), judgement(view, look)
    return SavedLook("", name, pieces, judged=judged, pinned_item=pinned_item)


def _complete(
    view: CatalogueView,
    item_ids: Sequence[str],
    budget: float | None,
    avoid: Collection[str],
    count: int,
    slots: Sequence[str] = (),
    unlike: Collection[frozenset[str]] = (),
) -> list[Look]:
    """Looks around items, best first. unlike: looks, as sets of ids, that are not made again."""
    excluded = tuple(sorted(item_id for item_id in avoid if item_id in view.index.row_of and item_id not in item_ids))
    filters = Filters(exclude=excluded, in_stock=view.index.shelf.stock is not None)
    looks = view.stylist.complete(
        item_ids,
        slots=slots,
        filters=filters,
        budget=budget,
        k=count + len(unlike),
        diversity=DIVERSITY,
        common=0 if count > 1 else None,
    )
    other = [look for look in looks if frozenset(look.item_ids) not in unlike][:count]
    if not other:
        raise CatalogueError(f"there is no further look with {' and '.join(item_ids)}; all others were made before")
    return sorted(other, key=lambda look: -look.score)
