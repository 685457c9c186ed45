"""Server: the app on a socket; on other addresses than the local one only with a token."""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import uvicorn

from goeswith.errors import ConfigError
from goeswith.studio.processes import Processes
from goeswith.studio.service.connections import Connection, bound_logs
from goeswith.studio.service.limits import CONNECTIONS, GOODBYE_SECONDS
from goeswith.studio.settings import Settings, changed
from goeswith.studio.storefront.keys import check_key, public_key_of

CLOSING_SECONDS = 2
"""Of the time to stop, for the server to end what did not end by itself."""
OWN_NAMES = ("localhost", "127.0.0.1", "::1")
"""What this machine calls itself; under any other name, and where no token is needed, a page elsewhere might ask."""


def serve(
    index: str | Path, *, settings: Settings | None = None, say: Callable[[str], None] = print, **options: Any
) -> None:
    """Answer requests until the process is asked to stop; requests under way are finished first.

    Args:
        settings: how it runs, see `goeswith.studio.settings`. say: called with the address, once it answers there.
        options: fields of `settings` to be changed, such as ``port``.

    Raises:
        ConfigError: others can reach the host and there is no good token, the public key is none, or the port is taken.
        DataError, ModelError: the index cannot be opened; see `goeswith.shop.index.Index`.
    """
    settings = changed(settings, options)
    check(settings.host, settings.token)
    public_key_of(settings.public_key, settings.allow_origins, settings.token)
    with listen(settings.host, settings.port) as listening:
        shown = f"[{settings.host}]" if ":" in settings.host else settings.host
        address = f"http://{shown}:{listening.getsockname()[1]}{settings.root_path}"

        def begun(stale: str) -> None:
            if stale:
                say(stale)
            say(f"goeswith serves {index} at {address} (Ctrl-C to stop)")

        if settings.workers > 1:
            Processes(answer, listening, index, settings).run(begun)
        else:
            answer(listening, index, settings, begun)


def answer(
    listening: socket.socket,
    index: str | Path,
    settings: Settings,
    begun: Callable[[str], None],
    shared: Path | None = None,
) -> None:
    """Answer in this process what comes to a socket, until it is asked to stop. SIGHUP opens the index again.

    Args:
        begun: called once the index is open, with what is stale of it. shared: see `create_app`.
    """
    from goeswith.studio.app import create_app  # what only begins other processes can do without

    hosts = {settings.host, *OWN_NAMES} if settings.token is None else None
    app = create_app(index, settings=settings, hosts=hosts, shared=shared)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # the app looks at them itself, and at the host too
        limit_concurrency=CONNECTIONS,
        http=Connection,
        ws="none",
        timeout_graceful_shutdown=GOODBYE_SECONDS - CLOSING_SECONDS,
    )
    bound_logs("uvicorn")
    _renew_on_hangup(app)
    begun(app.state.shop.index.stale)
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])
    if app.state.shop.busy:
        os._exit(0)  # a thread that nobody waits for would keep the process


def _renew_on_hangup(app: Any) -> None:
    def renew(*_: object) -> None:
        for shop in app.state.shops:
            shop.renew()

    if hasattr(signal, "SIGHUP") and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGHUP, renew)


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
