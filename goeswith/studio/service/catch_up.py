"""Catch up: before a request is answered, uploads to other processes of the service are taken over."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from goeswith.studio.service.owners import COOKIE
from goeswith.studio.service.shared import Shop


class CatchUp:
    """Lets requests to `app` see what other processes were sent before; those that it may concern wait for it."""

    def __init__(self, app: ASGIApp, shop: Shop) -> None:
        self.app, self.shop = app, shop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            headers, programs = Headers(scope=scope), scope["path"].startswith("/v1/")
            await self.shop.catch_up(
                programs or COOKIE in headers.get("cookie", "") or b"guest-" in scope["query_string"]
            )
        await self.app(scope, receive, send)
