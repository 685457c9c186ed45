"""Download: pictures by URL, within limits, politely, and again only if they have changed."""

from __future__ import annotations

import asyncio
import email.utils
import io
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image, UnidentifiedImageError

from goeswith.data.picture_cache import Answer, PictureCache
from goeswith.errors import ConfigError, DataError

if TYPE_CHECKING:
    import httpx

TEMPORARY = (408, 425, 429, 500, 502, 503, 504)
ENDINGS = {"JPEG": ".jpg", "MPO": ".jpg", "JPEG2000": ".jp2", "TIFF": ".tif"}
"""Format as Pillow calls it → ending of the file, where that is not the format's name."""


@dataclass(frozen=True)
class Bounds:
    """How much a download may take.

    size: bytes of a picture. seconds: for one try, all redirects included. tries: at one address. wait: seconds before
    the second try, twice that before the third. longest_wait: what a server may ask for by Retry-After.
    at_once: pictures in all, and at_one_host: at one host. silent: pictures for which a host cannot be reached, before
    it answered once; then it is asked for no more.
    """

    size: int = 20 << 20
    seconds: float = 30.0
    tries: int = 4
    wait: float = 1.0
    longest_wait: float = 60.0
    at_once: int = 16
    at_one_host: int = 6
    silent: int = 12


@dataclass
class Downloaded:
    """pictures: item id → file. failures: item id, address, reason. fetched, unchanged: how many addresses."""

    pictures: dict[str, Path] = field(default_factory=dict)
    failures: list[tuple[str, str, str]] = field(default_factory=list)
    fetched: int = 0
    unchanged: int = 0
    failures_file: Path | None = None

    @property
    def lines(self) -> list[str]:
        """What to tell of it."""
        lines = [f"pictures: {self.fetched:,} downloaded, {self.unchanged:,} unchanged"]
        if self.failures:
            lines.append(f"{len(self.failures):,} pictures could not be downloaded, see {self.failures_file}")
        return lines


def download(
    addresses: dict[str, str],
    cache: Path,
    *,
    check: bool = False,
    allow_private: bool = False,
    bounds: Bounds | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Downloaded:
    """Download what is not in the cache yet; if interrupted, the next call resumes.

    Args:
        addresses: item id → address. cache: folder, see `PictureCache`.
        check: ask again for pictures that came with an ETag or a date, and fetch those that have changed.
        allow_private: whether hosts in private networks, and this machine, may be asked.
        progress: called with addresses done and in all.

    Raises:
        ConfigError: the HTTP library is missing.
        DataError: the cache cannot be written, or not one picture could be downloaded.
    """
    try:
        from goeswith.data import network
    except ImportError as error:
        raise ConfigError(f"downloading pictures needs {error.name}; run: pip install 'goeswith[feeds]'") from None
    pictures = PictureCache(cache)
    try:
        wanted = list(dict.fromkeys(addresses.values()))
        job = _Job(network, pictures, bounds or Bounds(), check, allow_private, progress or (lambda done, total: None))
        _run(job.all(wanted))
        return _result(addresses, pictures, job)
    except ExceptionGroup as group:  # of the tasks: the disk is full, or the like
        raise DataError(f"cannot keep pictures in {cache} ({group.exceptions[0]}); make room there") from group
    finally:
        pictures.close()


def downloaded_before(addresses: dict[str, str], cache: Path) -> dict[str, Path]:
    """Item id → picture, of those that are in the cache already; nothing is asked of anybody."""
    if not cache.is_dir():
        return {}
    pictures = PictureCache(cache)
    try:
        answers = {item_id: pictures.get(address) for item_id, address in addresses.items()}
        return {item_id: pictures.path(answer) for item_id, answer in answers.items() if answer is not None}
    finally:
        pictures.close()


def _result(addresses: dict[str, str], pictures: PictureCache, job: _Job) -> Downloaded:
    done = Downloaded(fetched=job.fetched, unchanged=job.unchanged)
    for item_id, address in addresses.items():
        if address in job.answers:
            done.pictures[item_id] = pictures.path(job.answers[address])
        else:
            done.failures.append((item_id, address, job.reasons[address]))
    done.failures_file = pictures.write_failures(done.failures)
    if done.failures and not done.pictures:
        _, address, reason = done.failures[0]
        count = len({address for _, address, _ in done.failures})
        raise DataError(
            f"not one of {count:,} pictures could be downloaded; the first, {address}: {reason}; "
            "correct that, or continue without pictures with --no-download"
        )
    return done


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine to its end, also from a program that has a loop of its own, such as a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(work)
    else:
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, work).result()


class _Refused(Exception):
    """Why an address gives no picture; `again`: whether to retry, after `wait` seconds if that is not 0.

    silent: the host could not be asked at all.
    """

    def __init__(self, reason: str, again: bool = False, wait: float = 0.0, silent: bool = False) -> None:
        super().__init__(reason)
        self.again, self.wait, self.silent = again, wait, silent


class _Host:
    """How many may ask a host at once, and when it may be asked again; how many could not, before it ever answered."""

    def __init__(self, at_once: int) -> None:
        self.turn = asyncio.Semaphore(at_once)
        self.rests_until = 0.0
        self.answered, self.silent = False, 0

    async def rest(self) -> None:
        while (left := self.rests_until - time.monotonic()) > 0:
            await asyncio.sleep(left)


class _Job:
    """One download of many addresses."""

    def __init__(
        self,
        network: Any,
        pictures: PictureCache,
        bounds: Bounds,
        check: bool,
        private: bool,
        progress: Callable[[int, int], None],
    ) -> None:
        self.network, self.pictures, self.bounds, self.check, self.private = network, pictures, bounds, check, private
        self.progress = progress
        self.answers: dict[str, Answer] = {}
        self.reasons: dict[str, str] = {}
        self.fetched = self.unchanged = 0
        self.hosts: dict[str, _Host] = {}

    async def all(self, addresses: list[str]) -> None:
        queue = iter(addresses)
        async with self.network.client(allow_private=self.private, connections=self.bounds.at_once) as client:

            async def work() -> None:
                for address in queue:
                    await self._one(client, address)
                    self.progress(len(self.answers) + len(self.reasons), len(addresses))

            async with asyncio.TaskGroup() as group:
                for _ in range(min(self.bounds.at_once, len(addresses))):
                    group.create_task(work())

    async def _one(self, client: httpx.AsyncClient, address: str) -> None:
        before = self.pictures.get(address)
        if before is not None and not (self.check and (before.etag or before.modified)):
            self.answers[address] = before
            self.unchanged += 1
            return
        host = self.hosts.setdefault(address.partition("://")[2].partition("/")[0], _Host(self.bounds.at_one_host))
        for tried in range(1, self.bounds.tries + 1):
            if not host.answered and host.silent >= self.bounds.silent:
                self._give_up(address, before, f"its host could not be reached for {host.silent} other pictures")
                return
            try:
                async with host.turn:
                    await host.rest()
                    self.answers[address] = await self._try(client, address, before)
                host.answered = True
                return
            except _Refused as refused:
                host.answered |= not refused.silent
                host.silent += refused.silent and tried == self.bounds.tries
                wait = min(refused.wait or self.bounds.wait * 2 ** (tried - 1), self.bounds.longest_wait)
                if not refused.again or tried == self.bounds.tries:
                    self._give_up(address, before, str(refused))
                    return
                if refused.wait:  # the server's own word counts for all that is asked of it
                    host.rests_until = max(host.rests_until, time.monotonic() + wait)
                else:
                    await asyncio.sleep(wait)

    def _give_up(self, address: str, before: Answer | None, reason: str) -> None:
        """The picture that is there stays if a new one is not available."""
        if before is not None:
            self.answers[address] = before
            self.unchanged += 1
        else:
            self.reasons[address] = reason

    async def _try(self, client: httpx.AsyncClient, address: str, before: Answer | None) -> Answer:
        import httpx

        try:
            async with asyncio.timeout(self.bounds.seconds):
                return await self._fetch(client, address, before)
        except TimeoutError:
            raise _Refused(f"it took longer than {self.bounds.seconds:g} seconds", again=True) from None
        except self.network.Forbidden as error:
            raise _Refused(str(error)) from None
        except httpx.TooManyRedirects:
            raise _Refused(f"more than {self.network.REDIRECTS} redirects") from None
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise _Refused(f"it is no address of a picture ({error})") from None
        except (httpx.HTTPError, UnicodeError) as error:
            raise _Refused(
                f"{type(error).__name__}: {error}".rstrip(": "),
                again=isinstance(error, httpx.TransportError),
                silent=isinstance(error, httpx.ConnectError | httpx.ConnectTimeout),
            ) from None

    async def _fetch(self, client: httpx.AsyncClient, address: str, before: Answer | None) -> Answer:
        conditions = {"If-None-Match": before.etag, "If-Modified-Since": before.modified} if before is not None else {}
        async with client.stream(
            "GET", address, headers={name: text for name, text in conditions.items() if text}
        ) as answer:
            if before is not None and answer.status_code == 304:
                self.unchanged += 1
                return before
            if answer.status_code != 200:
                again = answer.status_code in TEMPORARY
                raise _Refused(
                    f"the server answers {answer.status_code}", again, _retry_after(answer.headers.get("Retry-After"))
                )
            data = await self._body(answer)
            validators = [answer.headers.get(name, "") for name in ("ETag", "Last-Modified")]
        stored = self.pictures.put(address, data, _ending(data), *validators)
        self.fetched += 1
        return stored

    async def _body(self, answer: httpx.Response) -> bytes:
        most = self.bounds.size
        data = bytearray()
        length = answer.headers.get("Content-Length", "")
        if length.isdecimal() and int(length) > most:
            raise _Refused(f"it is larger than {most:,} bytes")
        async for chunk in answer.aiter_bytes():
            data += chunk
            if len(data) > most:
                raise _Refused(f"it is larger than {most:,} bytes")
        return bytes(data)


def _ending(data: bytes) -> str:
    """The ending that a picture's bytes ask for; only what `encode` opens is a picture."""
    from goeswith.data.encoders.pictures import open_picture

    try:
        with open_picture(io.BytesIO(data)) as picture:
            kind = picture.format or ""
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise _Refused("the server sends something other than a picture") from None
    return ENDINGS.get(kind, f".{kind.lower()}")


def _retry_after(header: str | None) -> float:
    """Seconds of a Retry-After header, which may also be a date; 0 without one."""
    if not header:
        return 0.0
    if header.strip().isdecimal():
        return float(header)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - time.time())
    except ValueError:
        return 0.0
