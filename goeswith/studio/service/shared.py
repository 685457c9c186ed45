"""Shared: what all requests share: the open index with its stylist, thumbnails, threads, batched scoring."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextlib import suppress
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from PIL import Image

from goeswith.errors import DataError, GoeswithError
from goeswith.shop.index import Index, index_folder
from goeswith.shop.steps import Steps
from goeswith.shop.stylist import Look, Stylist
from goeswith.studio.service import start_looks, thumbnails
from goeswith.studio.service.batching import Batcher
from goeswith.studio.service.bounded_cache import BoundedCache
from goeswith.studio.service.catalogue_view import FACETS as FACETS
from goeswith.studio.service.catalogue_view import CatalogueView, Guest, stamp
from goeswith.studio.service.limits import DECODERS, RELOAD_SECONDS, THUMBNAIL_BYTES, UPLOADS, WATCH_SECONDS
from goeswith.studio.service.meaning_search import open_meaning
from goeswith.studio.service.photo_guess import Guess, guess
from goeswith.studio.service.photos import Photos
from goeswith.studio.service.refusals import Refused
from goeswith.studio.service.searches import Searches
from goeswith.studio.service.shop_rules import FILE as RULES_FILE
from goeswith.studio.service.shop_rules import ShopRules, parse
from goeswith.studio.service.source import dataset
from goeswith.studio.service.uploads import read_upload
from goeswith.studio.service.workers import Workers

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)
T = TypeVar("T")


class Shop:
    """What the service serves, opened from the folder of an index.

    Raises:
        DataError, ModelError: the index cannot be opened; see `goeswith.shop.index.Index`.
    """

    def __init__(self, path: str | Path, photos: Path | None = None, device: torch.device | None = None) -> None:
        self.path = index_folder(Path(path))
        self.photos = None if photos is None else Photos(photos)
        self.device = device
        self.view = CatalogueView(self.path, device)
        self.rules = ShopRules(self.path.absolute().parent / RULES_FILE)
        self.small: BoundedCache[tuple[str, int, str], bytes] = BoundedCache(THUMBNAIL_BYTES, len)
        self.workers, self.quick, self.picture_workers = Workers("answer"), Workers("quick"), Workers("picture")
        self.searches = Searches()
        self.scoring = Workers("score", threads=1)
        self.page_workers = Workers("product page")
        self.uploading = Workers("upload", threads=DECODERS, waiting=UPLOADS)
        self.opening = Workers("open", threads=1, seconds=RELOAD_SECONDS)
        self.warming = Workers("warm", threads=1)
        self.batcher = Batcher(self.scoring, lambda outfits: self.stylist.judge_many(outfits))
        self.sharing = Workers("share", threads=1)
        self.catching: asyncio.Future[None] | None = None
        self.untaken: set[str] = set()  # uploaded to other processes, and no items of this index
        self.changing = threading.Lock()  # one upload or reload at a time

    @property
    def index(self) -> Index:
        """The index that answers now."""
        return self.view.index

    @property
    def stylist(self) -> Stylist:
        """The stylist over it."""
        return self.view.stylist

    @property
    def guests(self) -> dict[str, Guest]:
        """Uploaded items by id."""
        return self.view.guests

    @property
    def changed(self) -> bool:
        """Whether another index lies in the folder than the one that answers."""
        return stamp(self.path) != self.view.stamp

    def row(self, item_id: str) -> int:
        """Catalogue row of an item; raises Refused where there is none."""
        return self.view.row(item_id)

    def facets(self) -> dict[str, dict[str, int]]:
        """How many items have each value of what can be filtered by, most first."""
        return self.view.facets()

    async def judge(self, outfits: Sequence[Sequence[str]]) -> list[Look]:
        """Looks of outfits, scored in one call with what others ask at the same moment.

        Raises:
            CatalogueError: the stylist has no answer. Refused: there is too much to do.
        """
        return await self.batcher.judge(outfits)

    async def ask(self, call: Callable[[Stylist], T]) -> T:
        """What `call` asks of the stylist, from a thread.

        Raises:
            CatalogueError, Refused: see `judge`.
        """
        return await self.workers.run(lambda: call(self.stylist))

    async def find(self, request_key: Hashable, call: Callable[[Stylist], T]) -> T:
        """As `ask`, but what was answered before to the same request, with the same items and rules, is said again.

        Raises:
            CatalogueError, Refused: see `judge`.
        """
        view = self.view
        return await _kept(view, request_key, lambda: self.workers.run(call, view.stylist))

    async def search(self, request_key: Hashable, call: Callable[[Stylist], Steps[T]]) -> T:
        """As `find`, of a search in steps, which are computed together with those of other requests.

        Raises:
            CatalogueError, Refused: see `judge`.
        """
        view = self.view
        return await _kept(view, request_key, lambda: self.searches.run(view.index, lambda: call(view.stylist)))

    def picture_version(self, item_id: str, side: int, owner: str) -> str:
        """What names a thumbnail as it is now, for ETag; raises Refused where its owner has no such item."""
        self.view.seen_row(item_id, owner)
        return f"{self.view.version(item_id)}-{thumbnails.side_of(side)}"

    def thumbnail(self, item_id: str, side: int) -> tuple[bytes, bool]:
        """A small picture (JPEG) of an item, and whether it is its own or stands for one that cannot be shown.

        Raises:
            Refused: there is no such item.
        """
        view, side = self.view, thumbnails.side_of(side)
        try:
            return self.small.get((item_id, side, view.version(item_id)), lambda: view.thumbnail(item_id, side)), True
        except DataError:
            return thumbnails.placeholder(side), False

    async def add(self, data: bytes, *, category: str, title: str, owner: str) -> str:
        """Take in an uploaded picture; returns its id. The same one, sent again, is the item that it is already.

        Raises:
            Refused, CatalogueError: it is not a picture, cannot be taken, or there is too much to do.
        """

        def add_once() -> str:
            sent = sha256(data).hexdigest()
            with self.changing:
                self._take_over()
                existing = self.view.find(sent, category, title, owner)
                return existing or self._added(read_upload(data), sent, category=category, title=title, owner=owner)

        return await self.uploading.run(add_once)

    def _added(self, picture: Image.Image, sent: str, **facts: str) -> str:
        item_id = self.view.add(picture, sent, **facts)
        try:
            if self.photos is not None:
                self.photos.add(item_id, self.view.guests[item_id])
        except GoeswithError:
            self.view.remove(item_id, facts["owner"])
            raise
        return item_id

    async def guess(self, data: bytes) -> Guess | None:
        """What an uploaded picture shows; None where nothing can be said.

        Raises:
            Refused: it is not a picture, or there is too much to do.
        """
        return await self.uploading.run(lambda: guess(self.view, read_upload(data)))

    async def change_category(self, item_id: str, category: str, owner: str) -> str:
        """Take an uploaded item for something else; returns its new id.

        Raises:
            Refused: there is none of the owner's. CatalogueError: no item of the catalogue is of the category.
        """

        def change_now() -> str:
            with self.changing:
                self._take_over()
                self.view.seen_row(item_id, owner)
                guest = self.view.guests[item_id]
                facts = {"category": category, "title": guest.title, "owner": owner}
                existing = self.view.find(guest.sent, **facts)
                new = existing or self._added(Image.open(BytesIO(guest.picture)), guest.sent, **facts)
                if new != item_id:
                    self._removed(item_id, owner)
            return new

        return await self.uploading.run(change_now)

    def _removed(self, item_id: str, owner: str) -> None:
        self.view.remove(item_id, owner)
        if self.photos is not None:
            self.photos.remove(item_id)

    async def remove(self, item_id: str, owner: str) -> None:
        """Forget an uploaded item; raises Refused where there is none of the owner's."""

        def remove_now() -> None:
            with self.changing:
                self._take_over()
                self._removed(item_id, owner)

        await self.uploading.run(remove_now)

    async def follow(self, on: Sequence[str], written: Sequence[str]) -> None:
        """Let suggestions keep to some rules from now on, and remember them. Both are texts, see `shop_rules`.

        Raises:
            DataError, CatalogueError: one is not a rule, or of an attribute that the catalogue does not have.
        """

        def followed() -> None:
            with self.changing:
                self.view.index.follow([parse(text) for text in dict.fromkeys(on)])
                self.rules.write(tuple(dict.fromkeys(on)), written)

        await self.quick.run(followed)

    def keep_to_rules(self, view: CatalogueView) -> None:
        """Let an index that is opened follow the rules that are on."""
        try:
            view.index.follow([parse(text) for text in self.rules.read().on])
        except GoeswithError as error:
            log.warning("the rules that are on cannot be applied: %s", error)

    def warm(self) -> None:
        """Make what the first pages need, before they are asked for."""
        with suppress(Refused):  # the service is being stopped
            self.warming.begin(_warm, self.view)

    async def reload(self) -> GoeswithError | None:
        """Open the index that lies in the folder now; the old one answers until then, and on where this fails.

        Returns:
            None, or what says which uploaded items are gone.

        Raises:
            Refused: the index there cannot be opened.
        """
        try:
            return await self.opening.run(self._reload)
        except Refused:
            raise
        except GoeswithError as error:
            raise Refused(409, "broken_index", str(error)) from None

    def _reload(self) -> GoeswithError | None:
        with self.changing:
            view = CatalogueView(self.path, self.device)
            view.warm()
            self.keep_to_rules(view)
            lost = view.welcome(self.view.guests)
            self.view, self.untaken = view, set(lost.item_ids if lost else ())
        self.warm()
        return lost

    def renew(self) -> None:
        """Begin to open the index that lies in the folder, without waiting; where this fails, the log says so."""
        with suppress(RuntimeError):  # of a service that is being stopped
            self.opening.pool.submit(self._renew)

    def _renew(self) -> None:
        stamp = self.view.stamp
        try:
            self._reload()
        except Exception as error:
            log.warning("the index in %s cannot be opened, so the old one is kept: %s", self.path, error)
        else:
            log.warning("opened the index in %s again%s", self.path, "" if self.view.stamp != stamp else ", unchanged")

    async def watch(self, seconds: float = WATCH_SECONDS) -> None:
        """Open the index that is put into the folder, until this is cancelled; one that is broken is tried once."""
        last_tried = self.view.stamp
        while True:
            await asyncio.sleep(seconds)
            current = await asyncio.to_thread(stamp, self.path)
            if current not in (self.view.stamp, last_tried) and any(current):
                last_tried = current
                self.renew()

    async def catch_up(self, wait: bool) -> None:
        """Take over what other processes were sent or told to forget since. wait: until that is done."""
        if self.rules.changed:
            await self.quick.run(self.keep_to_rules, self.view)
        if self.photos is None:
            return
        if self.catching is None or self.catching.done():
            if not self.photos.changed():
                return
            self.catching = asyncio.ensure_future(self.sharing.run(self._caught_up))
            self.catching.add_done_callback(self._retry_on_failure)
        if wait:
            await asyncio.wait([self.catching])  # a request that is given up does not stop it

    def _caught_up(self) -> None:
        with self.changing:
            self._take_over()

    def _retry_on_failure(self, task: asyncio.Future[None]) -> None:
        """What failed is tried again with the next request."""
        if not task.cancelled() and (error := task.exception()) is not None and self.photos is not None:
            log.warning("photos uploaded to other processes could not be loaded yet: %s", error)
            self.photos.again()

    def _take_over(self) -> None:
        """Make the uploaded items those of the shared file; called with `changing` held."""
        if self.photos is None:
            return
        stored, open_guests = self.photos.ids(), self.view.guests
        for item_id in [guest_id for guest_id in open_guests if guest_id not in stored]:
            self.view.remove(item_id, open_guests[item_id].owner)
        if new := [guest_id for guest_id in stored if guest_id not in open_guests and guest_id not in self.untaken]:
            lost = self.view.welcome(self.photos.get(new))
            self.untaken |= set(lost.item_ids if lost else ())

    @property
    def _pools(self) -> tuple[Workers | Searches, ...]:
        answering = self.workers, self.searches, self.quick, self.picture_workers, self.scoring, self.page_workers
        return *answering, self.uploading, self.opening, self.warming, self.sharing

    @property
    def busy(self) -> int:
        """Calls that threads compute or that wait for one."""
        return sum(workers.busy for workers in self._pools)

    def close(self) -> None:
        """Begin nothing more."""
        for workers in self._pools:
            workers.close()


async def _kept(view: CatalogueView, request_key: Hashable, compute: Callable[[], Awaitable[T]]) -> T:
    """What was answered to the same request, with the same items and rules; it is computed where it is new."""
    key = view.index.shown, request_key
    answer: T | None = view.looks.peek(key)
    if answer is None:
        answer = await compute()
        view.looks.put(key, answer)
    return answer


def _warm(view: CatalogueView) -> None:
    """The search in words, the looks of the start page, and the search by meaning where the data set allows one."""
    try:
        view.text.search("")
        start_looks.made(view)
        view.search_by(open_meaning(dataset(view), view.catalogue, view.index.run.config["encoder"]))
    except GoeswithError as error:
        log.info("not everything is there yet: %s", error)
