"""Catalogue view: the catalogue of the open index as pages need it: items, uploads, text search, pictures."""

from __future__ import annotations

import functools
import io
import logging
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import polars as pl
from PIL import Image

from goeswith import Catalogue, Filters, Index, Stylist
from goeswith.data.filters import COLUMN_OF
from goeswith.data.shelf import Shelf, shelf
from goeswith.errors import CatalogueError, DataError, GoeswithError
from goeswith.studio.service import thumbnails
from goeswith.studio.service.bounded_cache import BoundedCache
from goeswith.studio.service.cutouts import SIDE, Cutout, cutout
from goeswith.studio.service.limits import CUTOUT_BYTES, GUESTS
from goeswith.studio.service.meaning_search import MeaningSearch
from goeswith.studio.service.refusals import Refused, image_path
from goeswith.studio.service.text_search import TextSearch

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)
T = TypeVar("T")

FACETS = tuple(COLUMN_OF.values())
"""Columns that can be filtered by their values."""
CACHED_ANSWERS = 64
"""Answers to the latest searches, and their counts, that are remembered."""
CACHED_LOOKS = 4096
"""Answers to the latest requests for looks, likewise."""


@dataclass(frozen=True)
class Guest:
    """An uploaded item. picture: JPEG, as it is kept. sent: checksum of what was uploaded. owner: see `owners`."""

    picture: bytes
    category: str
    title: str
    sent: str
    owner: str


@dataclass(frozen=True)
class Answer:
    """What a search in words found: relevance (U,) float32, 0 = not found; words that were read as others.

    reading: whether the items have "all" of the words, come close in "meaning", or have only "some" of the words.
    """

    relevance: np.ndarray
    corrected: Mapping[str, str] = field(default_factory=dict)
    reading: str = "all"


class CatalogueView:
    """An index that is open, with the items uploaded to it.

    A request takes the view once and answers from it, so that it never sees half of one index and half of the next.

    Raises:
        DataError, ModelError: the index cannot be opened; see `goeswith.shop.index.Index`.
    """

    def __init__(self, path: Path, device: torch.device | None = None) -> None:
        self.stamp = stamp(path)
        self.stylist = Stylist(Index(path, device))
        self.index: Index = self.stylist.index
        self.guests: dict[str, Guest] = {}
        self._cutouts: BoundedCache[tuple[str, str], Cutout] = BoundedCache(CUTOUT_BYTES, lambda cut: len(cut.picture))
        self.meaning: MeaningSearch | None = None
        self._answers: BoundedCache[Any, Any] = BoundedCache(CACHED_ANSWERS)
        self.looks: BoundedCache[Any, Any] = BoundedCache(CACHED_LOOKS)

    def warm(self) -> None:
        """Make what the first requests would wait for."""
        index = self.index
        for _ in (index.candidates, index.known, index.grammar, index.scale, index.correction, self._facets):
            pass
        index.shelf.meant("")  # reads the names of all items

    @property
    def catalogue(self) -> Catalogue:
        """The items, the uploaded ones last."""
        return self.index.catalogue

    def row(self, item_id: str) -> int:
        """Catalogue row of an item, by its id, a SKU, or its product's id.

        Raises:
            Refused: there is no such item. CatalogueError: there are several.
        """
        try:
            return self.index.shelf.row(item_id)
        except CatalogueError as error:
            raise _not_there(error) if error.reason == "unknown_item" else error from None

    def id_of(self, name: str) -> str:
        """Id of an item by any of its names; what means no item, or several, stays as it is."""
        rows = self.index.shelf.meant(name)
        return self.catalogue.ids[rows[0]] if len(rows) == 1 else name

    def seen_row(self, item_id: str, owner: str) -> int:
        """The same for an item that the owner may see: other people's photos do not exist."""
        if item_id in self.guests and self.guests[item_id].owner != owner:
            raise self.unknown(item_id)
        return self.row(item_id)

    def unknown(self, item_id: str) -> Refused:
        """The refusal that there is no such item."""
        return _not_there(self.index.shelf.unknown(item_id))

    def guests_of(self, owner: str) -> list[str]:
        """Ids of the photos of an owner, the latest last."""
        return [item_id for item_id, guest in self.guests.items() if guest.owner == owner]

    def item(self, row: int) -> dict[str, Any]:
        """All that is known of an item; ``image`` is the path of its picture in the service."""
        values = self.catalogue.items.row(row, named=True)
        item_id = values["item_id"]
        service_facts = {"image": image_path(item_id), "guest": item_id in self.guests}
        return (
            values
            | service_facts
            | {"scored": bool(self.index.scorer.present[row] and self.index.seen(np.array([row]))[0])}
        )

    def search(self, words: str, filters: Filters, owner: str = "") -> np.ndarray:
        """Rows (n,) of the items that answer to the words and pass the filters, in the order of the catalogue.

        Of uploaded items they are the owner's. How the words are read: see `answer`.
        """
        return np.flatnonzero(filters.rows(self.catalogue) & (self.answer(words, owner).relevance > 0))

    def answer(self, words: str, owner: str = "") -> Answer:
        """Which items have all the words, first those of this name; else those closest in meaning, or with most words.

        The latest answers are kept: a catalogue is asked for page by page.
        """
        catalogue = self.catalogue
        key = words.lower().strip(), catalogue, owner if self.guests_of(owner) else ""
        answer: Answer = self._answers.get(key, lambda: self._answer(words, catalogue, owner))
        return answer

    def _answer(self, words: str, catalogue: Catalogue, owner: str) -> Answer:
        own, guests = self.text.search(words), TextSearch(catalogue.items[self.index.size :])
        relevance = np.concatenate([own.relevance, guests.search(words).relevance])
        named = [row for row in self.index.shelf.meant(words.strip()) if row < len(relevance)]
        relevance[named] = relevance.max(initial=0) + 1  # an id, SKU or product comes before what words match
        relevance[self.index.size :][~self._visible(catalogue, owner)] = 0
        if relevance.any() or not self.text.terms(words):
            return Answer(relevance, own.corrected)
        scores, reading = self.text.some(words), "some"
        if self.meaning is not None:  # "party shoes": of the shoes those that are for parties
            near = self.meaning.near(words, scores > 0 if scores.any() else np.ones(len(scores), bool))
            scores, reading = (near, "meaning") if near.any() else (scores, reading)
        return Answer(np.pad(scores, (0, len(relevance) - len(scores))), own.corrected, reading)

    def search_by(self, meaning: MeaningSearch | None) -> None:
        """Search by meaning as well from now on."""
        self.meaning = meaning
        self._answers.forget()

    def _visible(self, catalogue: Catalogue, owner: str) -> np.ndarray:
        """Which of the uploaded items an owner may see (G,) bool."""
        own_ids = self.guests_of(owner)
        return catalogue.items["item_id"][self.index.size :].is_in(own_ids).to_numpy().astype(bool)

    @functools.cached_property
    def text(self) -> TextSearch:
        """The search over the catalogue's own items."""
        return TextSearch(self.catalogue.items[: self.index.size])

    def counts(self, words: str, filters: Filters, owner: str = "") -> dict[str, dict[str, int]]:
        """Column of `FACETS` → value → how many items it would show beside the words and all the other filters.

        Values that would show none are left out. The latest answers are kept.
        """
        catalogue = self.catalogue

        def counted() -> dict[str, dict[str, int]]:
            having, arrays = self.answer(words, owner).relevance > 0, shelf(catalogue)
            others = {column: replace(filters, **{name: ()}) for name, column in COLUMN_OF.items()}  # type: ignore[arg-type]
            return {name: _left(arrays, name, others[name], having) for name in FACETS}

        key = words.lower(), filters, catalogue, owner if self.guests_of(owner) else ""
        counts: dict[str, dict[str, int]] = self._answers.get(key, counted)
        return counts

    def facets(self) -> dict[str, dict[str, int]]:
        """How many of the catalogue's own items have each value of each column of `FACETS`, most first."""
        return self._facets

    @functools.cached_property
    def _facets(self) -> dict[str, dict[str, int]]:
        return {name: _counts(self.catalogue.items[: self.index.size][name]) for name in FACETS}

    def version(self, item_id: str) -> str:
        """Changes when the picture of an item does."""
        row = self.row(item_id)
        return self.guests[item_id].sent[:16] if item_id in self.guests else thumbnails.version_of(self._file(row))

    def thumbnail(self, item_id: str, side: int) -> bytes:
        """A small picture of an item.

        Raises:
            Refused: there is no such item. DataError: it has no picture, or one that cannot be decoded.
        """
        row = self.row(item_id)
        if item_id in self.guests:
            return thumbnails.make(io.BytesIO(self.guests[item_id].picture), side)
        path = self._file(row)
        if path is None:
            raise DataError(f"item {item_id!r} has no picture")
        return thumbnails.make(path, side)

    def cutout(self, item_id: str) -> Cutout:
        """An item without its background; a hanger where it has no picture. Raises Refused: there is no such item."""
        return self._cutouts.get((item_id, self.version(item_id)), lambda: self._cut(item_id))

    def _cut(self, item_id: str) -> Cutout:
        guest, path = self.guests.get(item_id), self._file(self.row(item_id))
        source = path if guest is None else io.BytesIO(guest.picture)
        try:
            if source is not None:
                return cutout(thumbnails.shrink(source, SIDE))
        except DataError:
            log.info("no cut-out of %s: its picture is missing or broken", item_id)
        with Image.open(io.BytesIO(thumbnails.placeholder(SIDE))) as hanger:
            return cutout(hanger.convert("RGB"))

    def _file(self, row: int) -> Path | None:
        return thumbnails.inside(self.index.images, self.catalogue.items["image"][row])

    def find(self, sent: str, category: str, title: str, owner: str) -> str | None:
        """Id of a photo that its owner has uploaded already, as the same."""
        key = sent, category, title, owner
        keys = ((g.sent, g.category, g.title, g.owner) for g in self.guests.values())
        return next((item_id for item_id, found_key in zip(self.guests, keys, strict=True) if found_key == key), None)

    def add(self, picture: Image.Image, sent: str, *, category: str, title: str = "", owner: str) -> str:
        """Take in an uploaded item; returns its id, which nobody can guess.

        Raises:
            Refused: there are too many already. CatalogueError: see `Index.add`.
        """
        if len(self.guests) >= GUESTS:
            raise Refused(409, "too_many_guests", f"{GUESTS} uploaded items is the limit; restart the service")
        item_id = f"guest-{secrets.token_urlsafe(12)}"
        written = io.BytesIO()
        picture.save(written, "JPEG", quality=90)
        guest = Guest(written.getvalue(), category, title, sent, owner)
        self._take(item_id, Image.open(io.BytesIO(guest.picture)), guest)  # what other processes and reloads see
        return item_id

    def _take(self, item_id: str, picture: Image.Image, guest: Guest) -> None:
        self.index.add(picture, category=guest.category, title=guest.title, item_id=item_id)
        self.guests = {**self.guests, item_id: guest}  # a concurrent iteration keeps the old ones
        self._answers.forget()

    def remove(self, item_id: str, owner: str) -> None:
        """Forget an uploaded item.

        Raises:
            Refused: there is none of the owner's.
        """
        if item_id not in self.guests_of(owner):
            raise self.unknown(item_id)
        self.index.remove(item_id)
        self.guests = {other: guest for other, guest in self.guests.items() if other != item_id}
        self._answers.forget()

    def welcome(self, guests: dict[str, Guest]) -> GoeswithError | None:
        """Take over the guests of the previous view, by their ids.

        Returns:
            None, or an error: which of them are gone and why.
        """
        refused: dict[str, str] = {}
        for item_id, guest in guests.items():
            try:
                self._take(item_id, Image.open(io.BytesIO(guest.picture)), guest)
            except GoeswithError as error:
                refused[item_id] = str(error)
        if not refused:
            return None
        lost = f"the new index cannot take these uploaded items ({next(iter(refused.values()))}): {', '.join(refused)}"
        log.warning("%d uploaded items are gone: %s", len(refused), next(iter(refused.values())))
        return CatalogueError(lost, reason="lost", item_ids=[*refused])


def _not_there(error: CatalogueError) -> Refused:
    return Refused(404, error.reason, str(error), error.item_ids, error.choices)


def _left(arrays: Shelf, column: str, filters: Filters, having: np.ndarray) -> dict[str, int]:
    """Value of a column → how many of the items that have the words pass the filters; none where they contradict."""
    codes, values = arrays.codes(column)
    try:
        passing = codes[filters.among(arrays) & having]
    except CatalogueError:
        return {}
    counted = np.bincount(passing[passing >= 0], minlength=len(values)).tolist()
    return {value: number for value, number in zip(values, counted, strict=True) if number}


def _counts(column: pl.Series) -> dict[str, int]:
    counts = column.drop_nulls().value_counts().sort("count", column.name, descending=[True, False])
    return dict(counts.iter_rows())


def stamp(path: Path) -> tuple[int, int, int]:
    """Tells one index from the next that is put in its place."""
    try:
        status = (path / "index.json").stat()
    except OSError:
        return (0, 0, 0)
    return status.st_ino, status.st_mtime_ns, status.st_size


def once(make: Callable[[CatalogueView], T]) -> Callable[[CatalogueView], T]:
    """`make`, called once for each open index; concurrent callers wait for the first."""
    made: WeakKeyDictionary[CatalogueView, T] = WeakKeyDictionary()
    making = threading.Lock()

    @functools.wraps(make)
    def cached(view: CatalogueView) -> T:
        with making:
            if view not in made:
                made[view] = make(view)
            return made[view]

    return cached
