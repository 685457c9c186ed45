"""Connections: limits of the server before there is a request: slow headers, many sockets, log noise."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from goeswith.studio.service.limits import ADDRESS_CONNECTIONS, HEAD_SECONDS, LOG_LINES
from goeswith.studio.service.refusals import SECURITY_HEADERS

_LINES = "".join(f"{name}: {value}\r\n" for name, value in SECURITY_HEADERS.items())
FULL = f"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n{_LINES}\r\n"
"""To an address that has too many connections already."""
REFUSED_SECONDS = 1.0
"""For one more connection to ask, so that it can be told."""
UNREADABLE = f"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n{_LINES}\r\n"
"""To what is no request."""


class Connection(H11Protocol):
    """A connection of uvicorn whose heads must arrive in time, and of which one address has only so many."""

    head_timer: asyncio.TimerHandle | None = None
    full = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a head, or refuse where there are too many."""
        super().connection_made(transport)
        address = self.client and self.client[0]
        others = [other.client and other.client[0] for other in self.connections if isinstance(other, Connection)]
        self.full = others.count(address) > ADDRESS_CONNECTIONS
        self._await_head(REFUSED_SECONDS if self.full else HEAD_SECONDS)

    def data_received(self, data: bytes) -> None:
        """Read on; the time of a head ends with it, and begins with the first byte of the next."""
        if self.full:  # told once it has asked: closed before, it would see a reset and no answer
            self.transport.write(FULL.encode())
            self.transport.close()
            return
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self.head_timer is None and not self.transport.is_closing():
            self._await_head(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_waiting()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request, with the headers of all answers."""
        self.transport.write(UNREADABLE.encode())
        self.transport.close()

    def _await_head(self, seconds: float) -> None:
        self.head_timer = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _stop_waiting(self) -> None:
        if self.head_timer is not None:
            self.head_timer.cancel()
            self.head_timer = None


class LogBound(logging.Filter):
    """Lets so many records a minute through; the first one of the next minute says how many were left out."""

    def __init__(self, most: int = LOG_LINES, seconds: float = 60.0) -> None:
        super().__init__()
        self.most, self.seconds = most, seconds
        self.began, self.seen = time.monotonic(), 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is written."""
        if time.monotonic() - self.began > self.seconds:
            if self.seen > self.most:
                record.msg = f"{record.getMessage()} ({self.seen - self.most} messages before this were left out)"
                record.args = ()
            self.began, self.seen = time.monotonic(), 0
        self.seen += 1
        return self.seen <= self.most


def bound_logs(*loggers: str) -> None:
    """Bound what is written of these loggers and of all that have no handler of their own."""
    bound, last = LogBound(), logging.lastResort
    handlers: list[Any] = [handler for name in loggers for handler in logging.getLogger(name).handlers]
    for handler in [*handlers, *([last] if last else []), *logging.getLogger().handlers]:
        handler.addFilter(bound)
