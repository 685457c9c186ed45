"""Shop: an open index with all that requests share: the stylist, uploaded items, thumbnails and threads."""

from __future__ import annotations

import io
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import polars as pl
from PIL import Image

from goeswith.catalogue import Catalogue
from goeswith.errors import DataError, GoeswithError
from goeswith.index import Index
from goeswith.look import Filters, Look, Stylist
from goeswith.studio import thumbnails
from goeswith.studio.batching import Batcher
from goeswith.studio.limits import GUESTS
from goeswith.studio.working import Refused, Workers

SEARCHED = ("title", "category", "colour", "brand", "material", "pattern", "season", "gender", "item_id")
"""Columns whose words are found."""
FACETS = ("category", "group", "brand", "colour", "season", "gender")
"""Columns that can be filtered by their values."""


@dataclass(frozen=True)
class Guest:
    """An uploaded item. picture: JPEG, as small as it is kept."""

    picture: bytes
    category: str
    title: str


class Shop:
    """What the service serves, opened from the folder of an index.

    Raises:
        DataError, ModelError: the index cannot be opened; see `goeswith.index.Index`.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.guests: dict[str, Guest] = {}
        self.small = thumbnails.Thumbnails()
        self.workers, self.picture_workers = Workers("answer"), Workers("picture")
        self.batcher = Batcher(self.workers, self._judge)
        self.changing = threading.Lock()  # one upload or reload at a time
        self._open(self.path)

    def _open(self, path: Path) -> None:
        stamp = _stamp(path)
        self.stylist = Stylist(Index(path))
        self.stamp = stamp
        self.texts = pl.Series("text", [], dtype=pl.String)

    @property
    def index(self) -> Index:
        """The index that answers now."""
        return self.stylist.index

    @property
    def catalogue(self) -> Catalogue:
        """Its items, the uploaded ones among them."""
        return self.index.catalogue

    @property
    def changed(self) -> bool:
        """Whether another index lies in the folder than the one that answers."""
        return _stamp(self.path) != self.stamp

    @property
    def rows(self) -> dict[str, int]:
        """Catalogue row by item id."""
        return self.index.row_of

    def row(self, item_id: str) -> int:
        """Catalogue row of an item.

        Raises:
            Refused: there is no such item.
        """
        found = self.rows.get(item_id)
        if found is None:
            raise Refused(404, "unknown_item", f"the catalogue has no item {item_id!r}; look it up in /v1/items")
        return found

    async def judge(self, outfits: Sequence[Sequence[str]]) -> list[Look]:
        """Looks of outfits, scored in one call with what others ask at the same moment."""
        return await self.batcher.judge(outfits)

    def _judge(self, outfits: list[Sequence[str]]) -> list[Look]:
        return self.stylist.judge_many(outfits)

    async def ask(self, what: str, *given: Any, **told: Any) -> Any:
        """What a method of the stylist (`complete`, `fill`, `improve`, `similar`, ...) answers, from a thread."""
        return await self.workers.run(partial(getattr(self.stylist, what), *given, **told))

    def search(self, words: str = "", filters: Filters = Filters()) -> np.ndarray:  # noqa: B008
        """Rows (n,) of the items that have all the words and pass the filters, in the order of the catalogue."""
        allowed = filters.rows(self.catalogue).copy()
        for word in words.lower().split():
            allowed &= self._texts().str.contains(word, literal=True).to_numpy()
        return np.flatnonzero(allowed)

    def _texts(self) -> pl.Series:
        """What each item says, in small letters; uploaded items are at the end."""
        items = self.catalogue.items[len(self.texts) :]
        if len(items):
            said = pl.concat_str([pl.col(name) for name in SEARCHED], separator=" ", ignore_nulls=True)
            self.texts = pl.concat([self.texts, items.select(text=said.str.to_lowercase())["text"]])
        return self.texts

    def facets(self) -> dict[str, dict[str, int]]:
        """How many items have each value of each column of `FACETS`, most first."""
        items = self.catalogue.items
        return {name: dict(items[name].drop_nulls().value_counts(sort=True).iter_rows()) for name in FACETS}

    def thumbnail(self, item_id: str, side: int) -> tuple[bytes, bool]:
        """A small picture (JPEG) of an item, and whether it is its own or stands for one that cannot be shown.

        Raises:
            Refused: there is no such item.
        """
        side = thumbnails.side_of(side)
        key = (item_id, side, self.version(item_id))
        try:
            return self.small.get(key, lambda: thumbnails.make(self._picture(item_id), side)), True
        except DataError:
            return thumbnails.placeholder(side), False

    def thumbnails(self, item_id: str, size: int) -> bytes:
        """A small picture (JPEG) of an item, or what stands for one; see `thumbnail`."""
        return self.thumbnail(item_id, size)[0]

    def image(self, item_id: str) -> str:
        """Path of an item's picture in the service."""
        return f"/v1/items/{quote(item_id, safe='')}/image"

    def picture_version(self, item_id: str, side: int) -> str:
        """What names a thumbnail as it is now, for ETag."""
        return f"{self.version(item_id)}-{thumbnails.side_of(side)}"

    def version(self, item_id: str) -> str:
        """Changes when the picture of an item does."""
        row = self.row(item_id)
        return "guest" if item_id in self.guests else thumbnails.version_of(self._file(row))

    def _file(self, row: int) -> Path | None:
        return thumbnails.inside(self.index.images, self.catalogue.items["image"][row])

    def _picture(self, item_id: str) -> Path | io.BytesIO:
        if item_id in self.guests:
            return io.BytesIO(self.guests[item_id].picture)
        path = self._file(self.row(item_id))
        if path is None:
            raise DataError(f"item {item_id!r} has no picture")
        return path

    def add(self, picture: Image.Image, *, category: str, title: str = "") -> str:
        """Take in an uploaded item; returns its id.

        Raises:
            Refused: there are too many already. CatalogueError: the model never saw the category.
        """
        with self.changing:
            if len(self.guests) >= GUESTS:
                raise Refused(409, "too_many_guests", f"{GUESTS} uploaded items are kept, no more; reload drops them")
            item_id = self.index.add(picture, category=category, title=title)
            written = io.BytesIO()
            picture.save(written, "JPEG", quality=90)
            self.guests[item_id] = Guest(written.getvalue(), category, title)
            return item_id

    async def reload(self) -> None:
        """Open the index that lies in the folder now; the old one answers until then, and on where this fails.

        Raises:
            Refused: the index there cannot be opened.
        """
        try:
            await self.workers.run(self._reload)
        except GoeswithError as error:
            raise error if isinstance(error, Refused) else Refused(409, "broken_index", str(error)) from None

    def _reload(self) -> None:
        with self.changing:
            self._open(self.path)
            self.guests.clear()

    @property
    def report(self) -> dict[str, Any]:
        """What is known of the index and its run."""
        return {"index": self.index.info, "run": self.index.run.config}

    def close(self) -> None:
        """End what is under way."""
        self.workers.close()
        self.picture_workers.close()


def _stamp(path: Path) -> tuple[int, int, int]:
    """Tells one index from the next that is put in its place."""
    try:
        told = (path / "index.json").stat()
    except OSError:
        return (0, 0, 0)
    return told.st_ino, told.st_mtime_ns, told.st_size
