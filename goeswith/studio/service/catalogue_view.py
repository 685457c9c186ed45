"""Catalogue view: the catalogue of the open index as pages show it: items, words to find them by, pictures."""

from __future__ import annotations

import functools
import io
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote
from weakref import WeakKeyDictionary

import numpy as np
import polars as pl
from PIL import Image

from goeswith import Catalogue, Filters, Index, Stylist
from goeswith.data.filters import COLUMN_OF, Shelf, shelf
from goeswith.errors import CatalogueError, DataError, GoeswithError
from goeswith.studio.service import thumbnails
from goeswith.studio.service.limits import GUESTS
from goeswith.studio.service.refusals import Refused

log = logging.getLogger(__name__)
T = TypeVar("T")

SEARCHED = ("title", "category", "colour", "brand", "material", "pattern", "season", "gender", "item_id")
"""Columns whose words are found."""
FACETS = ("category", "group", "brand", "colour", "season", "gender")
"""Columns that can be filtered by their values."""
KEPT = 64
"""Answers to the latest searches whose counts a wall remembers."""


@dataclass(frozen=True)
class Guest:
    """An uploaded item. picture: JPEG, as it is kept. version: changes with the picture."""

    picture: bytes
    category: str
    title: str
    version: str


class Wall:
    """An index that is open, with the items uploaded to it.

    A request takes the wall once and answers from it, so that it never sees half of one index and half of the next.

    Raises:
        DataError, ModelError: the index cannot be opened; see `goeswith.shop.index.Index`.
    """

    def __init__(self, path: Path) -> None:
        self.stamp = stamp(path)
        self.stylist = Stylist(Index(path))
        self.index: Index = self.stylist.index
        self.guests: dict[str, Guest] = {}
        self._counted: dict[tuple[str, Filters, int], dict[str, dict[str, int]]] = {}
        self._facets: tuple[Catalogue | None, dict[str, dict[str, int]]] = (None, {})
        self._texts = pl.Series("text", [], dtype=pl.String)

    @property
    def catalogue(self) -> Catalogue:
        """The items, the uploaded ones last."""
        return self.index.catalogue

    def row(self, item_id: str, status: int = 404) -> int:
        """Catalogue row of an item.

        Raises:
            Refused: there is no such item.
        """
        found = self.index.shelf.place.get(item_id)
        if found is None:
            raise Refused(status, "unknown_item", f"the catalogue has no item {item_id!r}; look it up in /v1/items")
        return found

    def item(self, row: int) -> dict[str, Any]:
        """All that is known of an item; ``image`` is the path of its picture in the service."""
        told = self.catalogue.items.row(row, named=True)
        item_id = told["item_id"]
        here = {"image": image_path(item_id), "guest": item_id in self.guests}
        return told | here | {"scored": bool(self.index.scorer.present[row] and self.index.seen(np.array([row]))[0])}

    def search(self, words: str, filters: Filters) -> np.ndarray:
        """Rows (n,) of the items that have all the words and pass the filters, in the order of the catalogue."""
        catalogue = self.catalogue
        return np.flatnonzero(filters.rows(catalogue) & self._having(words, catalogue))

    def counts(self, words: str, filters: Filters) -> dict[str, dict[str, int]]:
        """Column of `FACETS` → value → how many items it would show beside the words and all the other filters.

        Values that would show none are left out. The latest answers are kept: a wall is asked for page by page.
        """
        catalogue = self.catalogue
        key = words.lower(), filters, len(catalogue)
        if key not in self._counted:
            having, told = self._having(words, catalogue), shelf(catalogue)
            others = {column: replace(filters, **{name: ()}) for name, column in COLUMN_OF.items()}  # type: ignore[arg-type]
            counted = {name: _left(told, name, others[name], having) for name in FACETS}
            while len(self._counted) >= KEPT:
                self._counted.pop(next(iter([*self._counted])), None)
            self._counted[key] = counted
        return self._counted[key]

    def _having(self, words: str, catalogue: Catalogue) -> np.ndarray:
        """Which items have all the words (U,)."""
        texts, having = self._texts_of(catalogue), np.ones(len(catalogue), bool)
        for word in words.lower().split():
            having &= texts.str.contains(word, literal=True).to_numpy()
        return having

    def _texts_of(self, catalogue: Catalogue) -> pl.Series:
        """What each item says, in small letters (U,)."""
        known = self._texts
        if len(known) < len(catalogue):
            said = pl.concat_str([pl.col(name) for name in SEARCHED], separator=" ", ignore_nulls=True)
            new = catalogue.items[len(known) :].select(text=said.str.to_lowercase())["text"]
            known = self._texts = pl.concat([known, new])
        return known[: len(catalogue)]

    def facets(self) -> dict[str, dict[str, int]]:
        """How many items have each value of each column of `FACETS`, most first."""
        catalogue = self.catalogue
        if self._facets[0] is not catalogue:
            self._facets = catalogue, {name: _counts(catalogue.items[name]) for name in FACETS}
        return self._facets[1]

    def version(self, item_id: str) -> str:
        """Changes when the picture of an item does."""
        row = self.row(item_id)
        return self.guests[item_id].version if item_id in self.guests else thumbnails.version_of(self._file(row))

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

    def _file(self, row: int) -> Path | None:
        return thumbnails.inside(self.index.images, self.catalogue.items["image"][row])

    def add(self, picture: Image.Image, *, category: str, title: str = "") -> str:
        """Take in an uploaded item; returns its id.

        Raises:
            Refused: there are too many already, or the model does not know what to do with it.
        """
        if len(self.guests) >= GUESTS:
            raise Refused(409, "too_many_guests", f"{GUESTS} uploaded items are kept, no more; start the service anew")
        if category not in self.index.catalogue.categories:
            raise Refused(422, "unknown_category", f"no item has the category {category!r}; take one of /v1/facets")
        item_id = self.index.add(picture, category=category, title=title)
        written = io.BytesIO()
        picture.save(written, "JPEG", quality=90)
        data = written.getvalue()
        self.guests[item_id] = Guest(data, category, title, sha256(data).hexdigest()[:16])
        return item_id

    def welcome(self, guests: dict[str, Guest]) -> str:
        """Take over the guests of the wall before, as long as each can keep its id.

        Returns:
            Empty, or one sentence: which of them are gone and why.
        """
        for item_id, guest in guests.items():
            try:
                again = self.add(Image.open(io.BytesIO(guest.picture)), category=guest.category, title=guest.title)
                why = "another item has its id"
            except GoeswithError as error:
                again, why = "", str(error)
            if again != item_id:
                self.guests.pop(again, None)
                gone = ", ".join([*guests][len(self.guests) :])
                lost = f"uploaded items are gone, for the new index does not take {item_id} ({why}): {gone}"
                log.warning("%s", lost)
                return lost
        return ""


def _left(told: Shelf, column: str, filters: Filters, having: np.ndarray) -> dict[str, int]:
    """Value of a column → how many of the items that have the words pass the filters; none where they contradict."""
    codes, values = told.codes(column)
    try:
        passing = codes[told.passing(filters) & having]
    except CatalogueError:
        return {}
    counted = np.bincount(passing[passing >= 0], minlength=len(values)).tolist()
    return {value: number for value, number in zip(values, counted, strict=True) if number}


def _counts(column: pl.Series) -> dict[str, int]:
    counts = column.drop_nulls().value_counts().sort("count", column.name, descending=[True, False])
    return dict(counts.iter_rows())


def image_path(item_id: str) -> str:
    """Path of an item's picture in the service."""
    return f"/v1/items/{quote(item_id, safe='')}/image"


def stamp(path: Path) -> tuple[int, int, int]:
    """Tells one index from the next that is put in its place."""
    try:
        told = (path / "index.json").stat()
    except OSError:
        return (0, 0, 0)
    return told.st_ino, told.st_mtime_ns, told.st_size


def once(make: Callable[[Wall], T]) -> Callable[[Wall], T]:
    """`make`, called once for each open index; whoever asks meanwhile waits for the first."""
    made: WeakKeyDictionary[Wall, T] = WeakKeyDictionary()
    making = threading.Lock()

    @functools.wraps(make)
    def known(wall: Wall) -> T:
        with making:
            if wall not in made:
                made[wall] = make(wall)
            return made[wall]

    return known
