"""Sub-path: serves under a path of a proxy: strips it from requests, adds it to links and redirects."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from goeswith.studio.service.refusals import SECURITY_HEADERS

LINKS = re.compile(rb'(\s(?:href|src|action|formaction|poster|data-load|data-from)=")(/(?!/))')
"""Attributes of our pages that hold an address of the service. Text that people wrote is escaped: it has no quotes."""
_COOKIE = re.compile(r"(;\s*path=)/(?=;|$)", re.IGNORECASE)


class SubPath:
    """Serves `app` under a path, whether the proxy passes it on or strips it.

    Args:
        root: such as ``/style``; with an empty one nothing is changed.
    """

    def __init__(self, app: ASGIApp, root: str) -> None:
        self.app, self.root = app, root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or not self.root:
            await self.app(scope, receive, send)
            return
        path = scope["path"]
        if path == self.root:
            query = scope.get("query_string", b"").decode("latin-1")
            url = f"{self.root}/?{query}" if query else f"{self.root}/"
            await RedirectResponse(url, 308, SECURITY_HEADERS)(scope, receive, send)
            return
        if path.startswith(f"{self.root}/"):
            scope["path"] = path[len(self.root) :]
            scope["raw_path"] = scope.get("raw_path", path.encode())[len(self.root) :]
        scope["app_root_path"] = self.root  # of absolute addresses, as `Request.base_url`
        await self.app(scope, receive, _Prefixed(send, self.root, Headers(scope=scope).get("host", "")))


class _Prefixed:
    """Sends an answer whose addresses have the path in front; a page is held back until it is whole."""

    def __init__(self, send: Send, root: str, host: str) -> None:
        self.send, self.root, self.host = send, root, host
        self.start: Message | None = None
        self.page = bytearray()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if "location" in headers:
                headers["location"] = self._location(headers["location"])
            message["headers"] = [(name, self._cookie(name, value)) for name, value in message["headers"]]
            if headers.get("content-type", "").startswith("text/html"):
                self.start = message
                return
        elif self.start is not None:
            self.page += message.get("body", b"")
            if message.get("more_body", False):
                return
            body = LINKS.sub(rb"\1" + self.root.encode() + rb"\2", bytes(self.page))
            MutableHeaders(scope=self.start)["content-length"] = str(len(body))
            await self.send(self.start)
            message, self.start = {"type": "http.response.body", "body": body}, None
        await self.send(message)

    def _location(self, value: str) -> str:
        parts = urlsplit(value)
        if (parts.netloc and parts.netloc != self.host) or not parts.path.startswith("/"):
            return value
        return urlunsplit(parts._replace(path=f"{self.root}{parts.path}"))

    def _cookie(self, name: bytes, value: bytes) -> bytes:
        if name.lower() != b"set-cookie":
            return value
        return _COOKIE.sub(rf"\g<1>{self.root}", value.decode("latin-1")).encode("latin-1")
