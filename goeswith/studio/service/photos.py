"""Photos: uploaded pictures, in a file that the processes of one service share while they run."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from goeswith.studio.service.catalogue_view import Guest
from goeswith.studio.service.database import PATIENCE
from goeswith.studio.service.limits import GUESTS
from goeswith.studio.service.refusals import Refused

SCHEMA = """CREATE TABLE IF NOT EXISTS photos (
    item_id TEXT PRIMARY KEY, picture BLOB NOT NULL, category TEXT NOT NULL, title TEXT NOT NULL, sent TEXT NOT NULL,
    owner TEXT NOT NULL
) STRICT"""


class Photos:
    """Uploaded items by id, in SQLite."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._opened() as file:
            file.execute(SCHEMA)
        # So that asking whether anything has changed takes microseconds.
        self._watching = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
        self._version = -1

    def changed(self) -> bool:
        """Whether anything may have been added or removed since this was asked last. Microseconds; for one thread."""
        before = self._version
        self._version = self._watching.execute("PRAGMA data_version").fetchone()[0]
        return self._version != before

    def again(self) -> None:
        """Let `changed` be true the next time."""
        self._version = -1

    def ids(self) -> set[str]:
        """Ids of all that are there."""
        with self._opened() as file:
            return {row[0] for row in file.execute("SELECT item_id FROM photos")}

    def get(self, item_ids: Sequence[str]) -> dict[str, Guest]:
        """Those of some ids, in their order; the ones that are gone are left out."""
        with self._opened() as file:
            rows = [
                file.execute("SELECT * FROM photos WHERE item_id = ?", (item_id,)).fetchone() for item_id in item_ids
            ]
        return {row[0]: Guest(*row[1:]) for row in rows if row is not None}

    def add(self, item_id: str, guest: Guest) -> None:
        """Keep one more.

        Raises:
            Refused: there are too many already.
        """
        row = item_id, guest.picture, guest.category, guest.title, guest.sent, guest.owner
        with self._opened() as file:
            if file.execute("SELECT count(*) FROM photos").fetchone()[0] >= GUESTS:
                raise Refused(409, "too_many_guests", f"{GUESTS} uploaded items is the limit; restart the service")
            file.execute("INSERT INTO photos VALUES (?, ?, ?, ?, ?, ?)", row)

    def remove(self, item_id: str) -> None:
        """Forget one."""
        with self._opened() as file:
            file.execute("DELETE FROM photos WHERE item_id = ?", (item_id,))

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """The file in one transaction that may write; undone where an error leaves it."""
        file = sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None)
        try:
            file.execute("PRAGMA secure_delete = ON")  # a photo that is deleted is overwritten
            file.execute("BEGIN IMMEDIATE")
            yield file
            file.execute("COMMIT")
        finally:
            file.close()
