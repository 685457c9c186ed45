"""Cross-origin: CORS headers for the allowed origins, on refusals as well."""

from __future__ import annotations

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from goeswith.studio.storefront.keys import PublicKey

STOREFRONT = "/storefront/"
"""How the paths begin that pages of other origins may reach; nothing else is ever allowed to them."""
PREFLIGHT_SECONDS = 7200
"""That a browser may remember a preflight; Chromium does so for no longer."""


class CrossOrigin:
    """CORS of `STOREFRONT`, for the origins of the public key; for none where there is no key."""

    def __init__(self, app: ASGIApp, public_key: PublicKey | None) -> None:
        self.app = app
        self.storefront = CORSMiddleware(
            app,
            allow_origins=() if public_key is None else public_key.origins,
            allow_methods=("GET", "HEAD", "POST"),
            allow_headers=("Authorization", "Content-Type"),
            expose_headers=("ETag", "Retry-After"),
            max_age=PREFLIGHT_SECONDS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        served = scope["type"] == "http" and scope["path"].startswith(STOREFRONT)
        await (self.storefront if served else self.app)(scope, receive, send)
