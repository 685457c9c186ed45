"""Buckets: how often something may happen: so often a second, and so many times at once after a pause."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from goeswith.studio.service.database import PATIENCE

log = logging.getLogger(__name__)

TABLE = "CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY, tokens REAL NOT NULL, filled REAL NOT NULL)"
TAKE = """
    UPDATE buckets SET tokens = min(:burst, tokens + max(:now - filled, 0) * :rate) - 1, filled = :now
    WHERE name = :name AND min(:burst, tokens + max(:now - filled, 0) * :rate) >= 1
"""


class Bucket:
    """Tokens, of which each request takes one: `rate` are added every second, up to `burst`."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate, self.burst, self.clock = rate, burst, clock
        self.tokens, self.filled = float(burst), clock()

    def take(self) -> bool:
        """Take a token; False where none is left."""
        now = self.clock()
        self.tokens = min(self.burst, self.tokens + (now - self.filled) * self.rate)
        self.filled = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class SharedBucket(Bucket):
    """A bucket of that name in a file, from which several processes take. For one thread in each.

    Where the file cannot be used, each process has its own bucket: a full disk must not stop the pages of a shop.

    Args:
        clock: one that all of them read, as the machine's monotonic one.
    """

    def __init__(
        self, path: Path, name: str, rate: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(rate, burst, clock)
        self.name = name
        self._file = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
        # A journal undoes what a killed process left half done; that nothing waits for the disk is no loss here.
        self._file.executescript(f"PRAGMA journal_mode = PERSIST; PRAGMA synchronous = OFF; {TABLE};")
        self._file.execute("INSERT OR IGNORE INTO buckets VALUES (?, ?, ?)", (name, burst, clock()))

    def take(self) -> bool:
        """Take a token; False where none is left. Some 50 µs."""
        values = {"name": self.name, "rate": self.rate, "burst": self.burst, "now": self.clock()}
        try:
            return self._file.execute(TAKE, values).rowcount == 1
        except sqlite3.Error as error:
            log.warning("the limit of %s is each process's own for now: %s", self.name, error)
            return super().take()
