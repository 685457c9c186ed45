"""Guard: checks a request before it reaches the app: who asks, from where, and how much it sends."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from goeswith.studio.pages import sign_in as door
from goeswith.studio.pages.rendering import is_page, kept_out
from goeswith.studio.pages.sign_in import Door
from goeswith.studio.service.limits import BODY_BYTES, BODY_SECONDS, UPLOAD_BYTES
from goeswith.studio.service.refusals import Refused, in_json

OPEN = frozenset({"/health", door.PATH})
STYLE = "/static/"
"""These need no token: who watches over the service has none, the form that asks for it has a style, and they tell
nothing of the shop."""
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
}
"""Sent with every answer: a script in a title stays text, and nothing is loaded from another host."""


class Guard:
    """Lets through to `app` what may pass.

    Args:
        token: to be given as ``Authorization: Bearer TOKEN``, as the password of HTTP Basic, or in the form of `Door`.
        hosts: names the service may be called by; all where None. A page elsewhere that points its own name at this
            machine is kept out by it.
    """

    def __init__(self, app: ASGIApp, *, token: str | None, hosts: Collection[str] | None) -> None:
        self.app, self.hosts = app, hosts
        self.door = None if token is None else Door(token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        answer = self.app
        try:
            self._check(scope, Headers(scope=scope))
            receive = receive if scope["method"] in SAFE else await _whole(scope, receive)
            if self.door is not None and scope["path"] == door.PATH:
                answer = await _entered(self.door, Request(scope, receive))
        except Refused as error:
            answer = kept_out(Request(scope), error) if is_page(scope["path"]) else in_json(error)
        await answer(scope, receive, guarded)

    def _check(self, scope: Scope, headers: Headers) -> None:
        host = urlsplit(f"//{headers.get('host', '')}").hostname
        if self.hosts is not None and host not in self.hosts:
            raise Refused(403, "unknown_host", "the service is called by another name; open it as it was started")
        path = scope["path"]
        needed = self.door is not None and path not in OPEN and not path.startswith(STYLE)
        if needed and self.door is not None and not self.door.knows(headers):
            if "authorization" in headers:
                raise Refused(401, "wrong_token", "that is not the token of this service; copy it whole and try again")
            raise Refused(401, "token_needed", "give the token of this service: Authorization: Bearer TOKEN")
        if scope["method"] not in SAFE and _from_elsewhere(headers):
            raise Refused(403, "cross_site", "another site may not change anything here; open the studio itself")


async def _entered(there: Door, request: Request) -> Response:
    """The form, its answer, or the way in for those who have been let in."""
    if request.method == "POST":
        return await there.enter(request)
    if there.knows(request.headers):
        return RedirectResponse("/", 303)
    return kept_out(request, Refused(200, "token_needed", ""), "/")


def _from_elsewhere(headers: Headers) -> bool:
    """Whether a browser says that a page of another site sends this; programs say nothing."""
    if "sec-fetch-site" in headers:
        return headers["sec-fetch-site"] not in ("same-origin", "none")
    return "origin" in headers and urlsplit(headers["origin"]).netloc != headers.get("host")


async def _whole(scope: Scope, receive: Receive) -> Receive:
    """The body, read as far as it may go, to be received again.

    Raises:
        Refused: it is too large, or does not come.
    """
    headers = Headers(scope=scope)
    upload = headers.get("content-type", "").startswith("multipart/form-data")
    most = UPLOAD_BYTES if upload else BODY_BYTES
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = await _read(headers, receive, most)
    except TimeoutError:
        raise Refused(408, "too_slow", f"the request did not arrive within {BODY_SECONDS:g} seconds") from None
    told = False

    async def again() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def _read(headers: Headers, receive: Receive, most: int) -> bytes:
    size = headers.get("content-length", "0")
    read, more = bytearray(), not (size.isdecimal() and int(size) > most)
    while more and len(read) <= most:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "hung_up", "the client hung up before the request was whole")
        read += message.get("body", b"")
        more = message.get("more_body", False)
    if more or len(read) > most or (size.isdecimal() and int(size) > most):
        raise Refused(413, "too_large", f"the request has more than {most:,} bytes; send less at once")
    return bytes(read)
