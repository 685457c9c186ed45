"""Bodies: reads request bodies within limits of size, time and number; parses multipart forms in a thread."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

from fastapi.routing import APIRoute
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive

from goeswith.studio.service import limits
from goeswith.studio.service.refusals import Refused


class Bound(NamedTuple):
    """How large a body may be, how many may be unfinished at once, and how long one may take to arrive."""

    bytes: int
    at_once: int
    seconds: float


LOGIN = Bound(limits.LOGIN_BYTES, limits.UNFINISHED, limits.LOGIN_SECONDS)
FORM = Bound(limits.FORM_BYTES, limits.UNFINISHED, limits.BODY_SECONDS)
EVENTS = Bound(limits.FORM_BYTES, limits.UNFINISHED, limits.LOGIN_SECONDS)
JSON = Bound(limits.BODY_BYTES, limits.WAITING, limits.BODY_SECONDS)
UPLOAD = Bound(limits.UPLOAD_BYTES, limits.UPLOADS, limits.UPLOAD_SECONDS)
_parsers = ThreadPoolExecutor(limits.DECODERS, thread_name_prefix="form")
UPLOADED = ("/upload", "/v1/items")
"""Paths that take a file."""
LOGGED_IN = "/enter"
"""The path that takes the token, from anybody."""


POSTED = "/storefront/v1/events"
"""The path that takes what happened on product pages."""


def bound_of(path: str, headers: Headers) -> Bound:
    """The bound of a request: by its path, and not only by what it says of itself."""
    if path == LOGGED_IN:
        return LOGIN
    if path == POSTED:
        return EVENTS
    if path in UPLOADED and headers.get("content-type", "").startswith("multipart/form-data"):
        return UPLOAD
    return JSON if path.startswith("/v1/") else FORM


class Bodies:
    """Reads bodies; counts those that are unfinished."""

    def __init__(self) -> None:
        self.unfinished: Counter[Bound] = Counter()

    async def read(self, path: str, headers: Headers, receive: Receive) -> bytes:
        """The body of a request.

        Raises:
            Refused: it is too large, does not come, or too many others have not come yet.
        """
        bound = bound_of(path, headers)
        try:
            with self._counted(bound):
                async with asyncio.timeout(bound.seconds):
                    return await _read(headers, receive, bound.bytes)
        except TimeoutError:
            raise Refused(408, "too_slow", f"the request did not arrive within {bound.seconds:g} seconds") from None

    @contextmanager
    def _counted(self, bound: Bound) -> Iterator[None]:
        if self.unfinished[bound] >= bound.at_once:
            raise Refused(503, "busy", f"{bound.at_once} requests are already being received; try again in a moment")
        self.unfinished[bound] += 1
        try:
            yield
        finally:
            self.unfinished[bound] -= 1


async def _read(headers: Headers, receive: Receive, most: int) -> bytes:
    size = headers.get("content-length", "0")
    too_large = size.isdecimal() and (len(size) > len(str(most)) or int(size) > most)
    read, more = bytearray(), not too_large
    while more and len(read) <= most:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "hung_up", "the client disconnected before the request was complete")
        read += message.get("body", b"")
        more = message.get("more_body", False)
    if too_large or more or len(read) > most:
        raise Refused(413, "too_large", f"the request has more than {most:,} bytes; send less at once")
    return bytes(read)


def replayed(body: bytes) -> Receive:
    """What an app receives of a body that has been read: all of it at once, and nothing more."""
    left = [body]

    async def receive() -> Message:
        if not left:
            await asyncio.Event().wait()  # the guard sees when the client hangs up
        return {"type": "http.request", "body": left.pop(), "more_body": False}

    return receive


class FileRoute(APIRoute):
    """A route whose form with files is parsed in a thread: a form made for it keeps the parser busy for seconds."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, given requests of the kind below."""
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            return await handle(_FileRequest(request.scope, request.receive))

        return handler


class _FileRequest(Request):
    async def form(self, **limits: Any) -> FormData:  # type: ignore[override]
        """The form, parsed once; FastAPI awaits it and closes its files."""
        if self._form is not None:
            return self._form
        if not self.headers.get("content-type", "").startswith("multipart/form-data"):
            return await super().form(**limits)
        body = await self.body()
        parsing = asyncio.get_running_loop().run_in_executor(_parsers, _parsed, self.headers, body)
        try:
            self._form = await asyncio.shield(parsing)
            return self._form
        except MultiPartException as error:
            raise HTTPException(400, error.message) from None
        except asyncio.CancelledError:
            parsing.add_done_callback(_close)
            raise


def _close(parsing: asyncio.Future[FormData]) -> None:
    """Close the files of a form that nobody waits for any more."""
    if not parsing.cancelled() and parsing.exception() is None:
        for _, value in parsing.result().multi_items():
            if isinstance(value, UploadFile):
                value.file.close()


def _parsed(headers: Headers, body: bytes) -> FormData:
    async def stream() -> AsyncIterator[bytes]:
        yield body

    return asyncio.run(MultiPartParser(headers, stream(), max_files=8, max_fields=64).parse())  # type: ignore[arg-type]
