"""Server: the app on a socket, for this machine alone unless a token guards it."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

import uvicorn

from goeswith.errors import ConfigError
from goeswith.studio.app import create_app
from goeswith.studio.service.connections import Connection, bound_logs
from goeswith.studio.service.limits import CONNECTIONS, GOODBYE_SECONDS
from goeswith.studio.storefront.keys import check_key, public_key_of

CLOSING_SECONDS = 2
"""Of the time to stop, for the server to end what did not end by itself."""
OWN_NAMES = ("localhost", "127.0.0.1", "::1")
"""What this machine calls itself; under any other name, and where no token is needed, a page elsewhere might ask."""


def serve(
    index: str | Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
    looks: Path | None = None,
    public_key: str | None = None,
    allow_origins: Collection[str] = (),
    say: Callable[[str], None] = print,
) -> None:
    """Answer requests until the process is told to stop; what is under way then is ended first.

    Args:
        port: 0 takes a free one. looks: see `goeswith.studio.app.create_app`. say: told the address.
        public_key, allow_origins: see `goeswith.studio.storefront.keys.PublicKey`.

    Raises:
        ConfigError: others can reach the host and there is no good token, the public key is none, or the port is taken.
        DataError, ModelError: the index cannot be opened; see `goeswith.shop.index.Index`.
    """
    check(host, token)
    key = public_key_of(public_key, allow_origins, token)
    with listen(host, port) as listening:
        hosts = {host, *OWN_NAMES} if token is None else None
        app = create_app(index, token=token, looks=looks, hosts=hosts, public_key=key)
        if app.state.shop.index.stale:
            say(app.state.shop.index.stale)
        shown = f"[{host}]" if ":" in host else host
        say(f"goeswith serves {index} at http://{shown}:{listening.getsockname()[1]} (Ctrl-C to stop)")
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            limit_concurrency=CONNECTIONS,
            http=Connection,
            ws="none",
            timeout_graceful_shutdown=GOODBYE_SECONDS - CLOSING_SECONDS,
        )
        bound_logs("uvicorn")
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listening])
        if app.state.shop.busy:
            os._exit(0)  # a thread that nobody waits for would keep the process


def check(host: str, token: str | None) -> None:
    """Refuse to serve without a good token where one is needed.

    Raises:
        ConfigError: others can and there is no token, or the token is too easy to guess or cannot be sent.
    """
    try:
        alone = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        alone = False
    if token is None and not alone:
        raise ConfigError(f"{host} can be reached by others, so the service needs a token; give one with --token")
    if token is not None:
        check_key(token, "token")


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there.

    Raises:
        ConfigError: there is no such address here, or another program has the port.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        why = str(getattr(error, "strerror", None) or error).partition(" (")[0]
        raise ConfigError(f"cannot serve at {host}, port {port} ({why}); choose another --host or --port") from None
