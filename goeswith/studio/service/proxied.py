"""Proxied: client address, host and scheme as reported by a trusted proxy, and by nobody else."""

from __future__ import annotations

import re
from collections.abc import Sequence

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

HOST = re.compile(rb"[A-Za-z0-9.-]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")
FORWARDED = (b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-request-id")
"""Headers that anybody can send; those of a proxy are believed."""


class Proxied(ProxyHeadersMiddleware):
    """Takes client and scheme from ``X-Forwarded-For`` and ``-Proto``, and the host from ``X-Forwarded-Host``.

    Args:
        trusted: addresses and networks of proxies. Of requests from elsewhere these headers are dropped.
    """

    def __init__(self, app: ASGIApp, trusted: Sequence[str]) -> None:
        super().__init__(app, list(trusted))  # type: ignore[arg-type]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # type: ignore[override]
        """Answer one request."""
        if scope["type"] == "http":
            client = scope.get("client")
            if (client[0] if client else None) in self.trusted_hosts:
                scope["headers"] = _with_host(scope["headers"])
            else:
                scope["headers"] = [pair for pair in scope["headers"] if pair[0] not in FORWARDED]
        await super().__call__(scope, receive, send)  # type: ignore[arg-type]


def _with_host(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Headers whose ``Host`` is what the nearest proxy was asked for."""
    hosts = [value.rpartition(b",")[2].strip() for name, value in headers if name == b"x-forwarded-host"]
    if not hosts or not HOST.fullmatch(hosts[-1]):
        return headers
    return [(b"host", hosts[-1]), *(pair for pair in headers if pair[0] != b"host")]
