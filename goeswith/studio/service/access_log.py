"""Access log: an id for every request, and one line of JSON for it, bounded and without secrets.

A line has no address of a client, no query, no id and no cookie: only the route, so that it may be kept and shared.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import secrets
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from goeswith.errors import ConfigError
from goeswith.studio.service.limits import ACCESS_BYTES, ACCESS_LINES
from goeswith.studio.service.metrics import HUNG_UP, METHODS

HEADER = "X-Request-ID"
_NUMBER = re.compile(r"[A-Za-z0-9._-]{1,64}")


def request_id(scope: Scope) -> str:
    """The number of a request; empty where it has none."""
    return str(scope.get("goeswith.request_id", ""))


class AccessLog:
    """Numbers every request to `app` and writes a line when it is answered.

    The number of a trusted proxy is kept (see `proxied`), so that both logs can be joined.
    """

    def __init__(self, app: ASGIApp, lines: Lines | None) -> None:
        self.app, self.lines = app, lines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        sent = Headers(scope=scope).get(HEADER, "")
        number = sent if _NUMBER.fullmatch(sent) else secrets.token_hex(8)
        scope["goeswith.request_id"] = number
        method, start = scope["method"], time.perf_counter()
        status, size = HUNG_UP, 0

        async def numbered(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = number
            size += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receive, numbered)
        finally:
            if self.lines is not None:
                self.lines.write({
                    "time": datetime.now(UTC).isoformat(timespec="milliseconds"), "request_id": number,
                    "method": method if method in METHODS else "other",
                    "route": getattr(scope.get("route"), "path", "other"), "status": status, "bytes": size,
                    "ms": round(1000 * (time.perf_counter() - start), 1), "process": os.getpid(),
                })  # fmt: skip


class Lines:
    """Writes lines of JSON from a thread of its own: a full disk or a slow pipe keeps no request waiting.

    Several processes may write into one file. When it is full it becomes ``NAME.1`` in place of an older one.

    Args:
        where: a file; ``-`` is standard output.

    Raises:
        ConfigError: the file cannot be written.
    """

    def __init__(self, where: str, most: int = ACCESS_BYTES) -> None:
        self.path, self.most = None if where == "-" else Path(where), most
        self.waiting: queue.Queue[dict[str, Any] | None] = queue.Queue(ACCESS_LINES)
        self.lost = 0
        try:
            self.file = sys.stdout.fileno() if self.path is None else _opened(self.path)
        except OSError as error:
            raise ConfigError(f"cannot write {where} ({error.strerror}); choose another --access-log") from None
        self.thread = threading.Thread(target=self._run, name="access-log", daemon=True)
        self.thread.start()

    def write(self, line: dict[str, Any]) -> None:
        """Write a line soon; where too many wait, it is left out and counted in the next one."""
        try:
            self.waiting.put_nowait(line | {"left_out": self.lost} if self.lost else line)
            self.lost = 0
        except queue.Full:
            self.lost += 1

    def close(self) -> None:
        """Write what waits, for a moment at most."""
        with contextlib.suppress(queue.Full):
            self.waiting.put(None, timeout=1)
        self.thread.join(1)

    def _run(self) -> None:
        while (line := self.waiting.get()) is not None:
            try:
                if self.path is not None:
                    self._turn(self.path)
                os.write(self.file, json.dumps(line).encode() + b"\n")
            except OSError:
                self.lost += 1
        if self.path is not None:
            os.close(self.file)

    def _turn(self, path: Path) -> None:
        """Begin another file where this one is full, or follow another process that has."""
        current = os.fstat(self.file)
        if current.st_size >= self.most:
            with contextlib.suppress(Timeout), FileLock(path.with_name(f".{path.name}.lock"), timeout=0):
                if path.exists() and path.stat().st_ino == current.st_ino:
                    path.replace(path.with_name(f"{path.name}.1"))
        if not path.exists() or path.stat().st_ino != current.st_ino:
            os.close(self.file)
            self.file = _opened(path)


def _opened(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
