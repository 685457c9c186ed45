"""Shared: what all requests share: the open index with its stylist, thumbnails, threads, and batched scoring."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from PIL import Image

from goeswith.data.catalogue import Catalogue
from goeswith.errors import CatalogueError, DataError, GoeswithError
from goeswith.shop.index import Index
from goeswith.shop.stylist import Look, Stylist
from goeswith.studio.service import thumbnails
from goeswith.studio.service.batching import Batcher
from goeswith.studio.service.catalogue_view import FACETS as FACETS
from goeswith.studio.service.catalogue_view import Guest, Wall, stamp
from goeswith.studio.service.limits import RELOAD_SECONDS
from goeswith.studio.service.refusals import Asked, Refused, refused
from goeswith.studio.service.workers import Workers

T = TypeVar("T")


class Shop:
    """What the service serves, opened from the folder of an index.

    Raises:
        DataError, ModelError: the index cannot be opened; see `goeswith.shop.index.Index`.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.wall = Wall(self.path)
        self.small = thumbnails.Thumbnails()
        self.workers, self.picture_workers = Workers("answer"), Workers("picture")
        self.batcher = Batcher(self.workers, lambda outfits: self.stylist.judge_many(outfits))
        self.changing = threading.Lock()  # one upload or reload at a time

    @property
    def index(self) -> Index:
        """The index that answers now."""
        return self.wall.index

    @property
    def stylist(self) -> Stylist:
        """The stylist over it."""
        return self.wall.stylist

    @property
    def catalogue(self) -> Catalogue:
        """Its items, the uploaded ones last."""
        return self.wall.catalogue

    @property
    def guests(self) -> dict[str, Guest]:
        """Uploaded items by id."""
        return self.wall.guests

    @property
    def changed(self) -> bool:
        """Whether another index lies in the folder than the one that answers."""
        return stamp(self.path) != self.wall.stamp

    def row(self, item_id: str) -> int:
        """Catalogue row of an item; raises Refused where there is none."""
        return self.wall.row(item_id)

    def facets(self) -> dict[str, dict[str, int]]:
        """How many items have each value of what can be filtered by, most first."""
        return self.wall.facets()

    async def judge(self, outfits: Sequence[Sequence[str]]) -> list[Look]:
        """Looks of outfits, scored in one call with what others ask at the same moment.

        Raises:
            Refused: the stylist has no answer, see `goeswith.studio.service.refusals`, or there is too much to do.
        """
        index = self.index
        try:
            return await self.batcher.judge(outfits)
        except CatalogueError as error:
            raise await self.workers.run(refused, error, index, Asked(outfits, least=2)) from None

    async def ask(self, call: Callable[[Stylist], T], asked: Asked) -> T:
        """What `call` asks of the stylist, from a thread; `asked` says what the answer depends on.

        Raises:
            Refused: see `judge`.
        """
        return await self.workers.run(self._ask, call, asked)

    def _ask(self, call: Callable[[Stylist], T], asked: Asked) -> T:
        stylist = self.stylist
        try:
            return call(stylist)
        except CatalogueError as error:
            raise refused(error, stylist.index, asked) from None

    def picture_version(self, item_id: str, side: int) -> str:
        """What names a thumbnail as it is now, for ETag; raises Refused where there is no such item."""
        return f"{self.wall.version(item_id)}-{thumbnails.side_of(side)}"

    def thumbnail(self, item_id: str, side: int) -> tuple[bytes, bool]:
        """A small picture (JPEG) of an item, and whether it is its own or stands for one that cannot be shown.

        Raises:
            Refused: there is no such item.
        """
        wall, side = self.wall, thumbnails.side_of(side)
        try:
            return self.small.get((item_id, side, wall.version(item_id)), lambda: wall.thumbnail(item_id, side)), True
        except DataError:
            return thumbnails.placeholder(side), False

    def add(self, picture: Image.Image, *, category: str, title: str = "") -> str:
        """Take in an uploaded item; returns its id. See `Wall.add`."""
        with self.changing:
            return self.wall.add(picture, category=category, title=title)

    async def reload(self) -> str:
        """Open the index that lies in the folder now; the old one answers until then, and on where this fails.

        Returns:
            Empty, or one sentence: which uploaded items are gone.

        Raises:
            Refused: the index there cannot be opened.
        """
        try:
            return await self.workers.run(self._reload, seconds=RELOAD_SECONDS)
        except Refused:
            raise
        except GoeswithError as error:
            raise Refused(409, "broken_index", str(error)) from None

    def _reload(self) -> str:
        with self.changing:
            wall = Wall(self.path)
            lost = wall.welcome(self.wall.guests)
            self.wall = wall
        return lost

    def close(self) -> None:
        """End what is under way."""
        self.workers.close()
        self.picture_workers.close()
