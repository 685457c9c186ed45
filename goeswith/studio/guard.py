"""Guard: checks a request before it reaches the app: token, origin, host name and size.

Whatever happens behind it, the client gets an answer with the same headers; one that hangs up gets none, and what was
computed for it is stopped.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from goeswith.studio.pages.rendering import is_page, refusal_page
from goeswith.studio.pages.sign_in import TokenGate
from goeswith.studio.service.access_log import request_id
from goeswith.studio.service.bodies import LOGGED_IN, POSTED, Bodies, replayed
from goeswith.studio.service.limits import RETRY_SECONDS
from goeswith.studio.service.links import PATH as LINKS
from goeswith.studio.service.refusals import SECURITY_HEADERS, Refused, in_json, stopping
from goeswith.studio.storefront.cross_origin import STOREFRONT
from goeswith.studio.storefront.keys import PublicKey

log = logging.getLogger(__name__)

OPEN = frozenset({"/health", LOGGED_IN})
STYLE = "/static/"
"""These need no token: who watches over the service has none, the form that asks for it has a style, and they tell
nothing of the shop."""
PUBLIC = LINKS
"""Nor do public links: an address that nobody can guess shows one look and nothing else."""
WITHOUT_KEY = (f"{STOREFRONT}v1/pictures/", f"{STOREFRONT}v1/looks.js")
"""What product pages load by an address alone."""
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Guard:
    """Lets through to `app` what may pass.

    Args:
        token: to be given as ``Authorization: Bearer TOKEN``, as password of HTTP Basic, or in the form of `TokenGate`.
        hosts: names the service may be called by; all where None. A page elsewhere that points its own name at this
            machine is kept out by it.
        public_key: of product pages, which reaches nothing but `STOREFRONT`.
    """

    def __init__(
        self, app: ASGIApp, *, token: str | None, hosts: Collection[str] | None, public_key: PublicKey | None = None
    ) -> None:
        self.app, self.hosts, self.public_key = app, hosts, public_key
        self.gate = None if token is None else TokenGate(token)
        self.bodies = Bodies()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answer = _Answer(send)
        try:
            app, replay = await self._let_in(scope, receive)
            await _until_hung_up(app, scope, replay, receive, answer)
            return
        except Refused as refused:
            error = refused
        except asyncio.CancelledError:  # by a server that does not wait any longer
            error = stopping()
        except Exception:
            log.exception("no answer to %s %.200r (request %s)", scope["method"], scope["path"], request_id(scope))
            error = Refused(500, "internal", "something went wrong; see the log of the service")
        if answer.started:
            raise error  # half an answer: the server closes the connection
        refusal = refusal_page(Request(scope), error) if is_page(scope["path"]) else in_json(error)
        await refusal(scope, receive, answer)

    async def _let_in(self, scope: Scope, receive: Receive) -> tuple[ASGIApp, Receive]:
        """What answers a request, and its body.

        Raises:
            Refused: it may not pass.
        """
        headers = Headers(scope=scope)
        self._check(scope, headers)
        body = b"" if scope["method"] in SAFE else await self.bodies.read(scope["path"], headers, receive)
        replay = replayed(body)
        if self.gate is not None and scope["path"] == LOGGED_IN:
            return await _sign_in(self.gate, Request(scope, replay)), replayed(b"")
        return self.app, replay

    def _check(self, scope: Scope, headers: Headers) -> None:
        try:
            host = urlsplit(f"//{headers.get('host', '')}").hostname
        except ValueError:
            raise Refused(400, "unreadable", "the host name of the request cannot be read") from None
        if self.hosts is not None and host not in self.hosts:
            raise Refused(
                403, "unknown_host", "the service has another host name; use the address that it was started with"
            )
        path = scope["path"]
        if path.startswith(STOREFRONT):
            self._check_storefront(path, headers)
            return
        needed = self.gate is not None and path not in OPEN and not path.startswith((STYLE, PUBLIC))
        if needed and self.gate is not None and not self.gate.admits(headers):
            if "authorization" in headers:
                raise Refused(401, "wrong_token", "that is not the token of this service; copy all of it and try again")
            raise Refused(401, "token_needed", "send the token of this service: Authorization: Bearer TOKEN")
        if scope["method"] not in SAFE and _from_elsewhere(headers):
            raise Refused(403, "cross_site", "another site may not change anything here; open the studio itself")

    def _check_storefront(self, path: str, headers: Headers) -> None:
        """A product page needs the public key; a program the token, or nothing where there is none."""
        if path.startswith(WITHOUT_KEY):
            return
        if path == POSTED and self.public_key is not None and "authorization" not in headers:
            return  # a beacon has no headers of its own: its key is in the body
        if self.public_key is not None and self.public_key.sent_in(headers):
            self.public_key.check(headers)
        elif "origin" in headers if self.gate is None else not self.gate.admits(headers):
            reason = "wrong_key" if "authorization" in headers else "key_needed"
            raise Refused(401, reason, "send the public key of this service, or its token: Authorization: Bearer KEY")


class _Answer:
    """Sends an answer with the headers of all answers. started, ended: how far it is."""

    def __init__(self, send: Send) -> None:
        self.send, self.started, self.ended = send, False, False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
            if message["status"] in (429, 503):
                headers.setdefault("Retry-After", str(RETRY_SECONDS))
            self.started = True
        self.ended = message["type"] == "http.response.body" and not message.get("more_body", False)
        await self.send(message)


async def _until_hung_up(app: ASGIApp, scope: Scope, body: Receive, receive: Receive, answer: _Answer) -> None:
    """Run the app until it has answered, or until its client hangs up: nobody waits for the answer then.

    body: of the request. receive: reports when the client hangs up.
    """
    answering, hanging_up = asyncio.ensure_future(app(scope, body, answer)), asyncio.ensure_future(_hung_up(receive))
    try:
        await asyncio.wait({answering, hanging_up}, return_when=asyncio.FIRST_COMPLETED)
        if answer.ended:  # what is left is to tidy up
            await asyncio.wait({answering})
    finally:
        hanging_up.cancel()
        if not answering.done():
            answering.cancel()
            await asyncio.wait({answering})
    if not answering.cancelled():
        answering.result()


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _sign_in(gate: TokenGate, request: Request) -> Response:
    """The form, its answer, or a redirect for users who are signed in."""
    if request.method == "POST":
        return await gate.enter(request)
    if gate.admits(request.headers):
        return RedirectResponse("/", 303)
    return refusal_page(request, Refused(200, "token_needed", ""), "/")


def _from_elsewhere(headers: Headers) -> bool:
    """Whether a browser says that a page of another site sends this; programs say nothing."""
    if "sec-fetch-site" in headers:
        return headers["sec-fetch-site"] not in ("same-origin", "none")
    return "origin" in headers and headers["origin"].partition("://")[2] != headers.get("host")
