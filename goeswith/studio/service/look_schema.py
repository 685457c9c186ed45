"""Look schema: the tables of saved looks, how an older file becomes one of today, and how it is opened."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from goeswith.errors import DataError

MIGRATIONS = (
    """
    CREATE TABLE looks (
        look_id TEXT PRIMARY KEY, name TEXT NOT NULL, tags TEXT NOT NULL, note TEXT NOT NULL, items TEXT NOT NULL,
        state TEXT NOT NULL, who TEXT NOT NULL, created TEXT NOT NULL, changed TEXT NOT NULL, version INTEGER NOT NULL,
        judged TEXT NOT NULL
    ) STRICT;
    CREATE INDEX looks_changed ON looks (changed DESC);
    CREATE TABLE history (
        change_id INTEGER PRIMARY KEY AUTOINCREMENT, look_id TEXT NOT NULL, time TEXT NOT NULL, who TEXT NOT NULL,
        what TEXT NOT NULL, before TEXT, after TEXT
    ) STRICT;
    CREATE INDEX history_look ON history (look_id, change_id);
    """,
    """
    ALTER TABLE looks ADD COLUMN pinned_item TEXT NOT NULL DEFAULT '';
    ALTER TABLE looks ADD COLUMN review_id TEXT NOT NULL DEFAULT '';
    CREATE INDEX looks_pinned ON looks (pinned_item);
    CREATE INDEX looks_review ON looks (review_id);
    CREATE TABLE reviews (
        review_id TEXT PRIMARY KEY, name TEXT NOT NULL, who TEXT NOT NULL, created TEXT NOT NULL, filters TEXT NOT NULL,
        budget REAL, item_ids TEXT NOT NULL, made INTEGER NOT NULL, failures TEXT NOT NULL
    ) STRICT;
    CREATE TABLE links (
        token TEXT PRIMARY KEY, look_id TEXT NOT NULL, who TEXT NOT NULL, created TEXT NOT NULL
    ) STRICT;
    CREATE INDEX links_look ON links (look_id);
    CREATE TABLE comparisons (
        comparison_id INTEGER PRIMARY KEY AUTOINCREMENT, time TEXT NOT NULL, who TEXT NOT NULL, winner TEXT NOT NULL,
        others TEXT NOT NULL
    ) STRICT;
    """,
)
"""What makes each version of the schema out of the one before; `user_version` counts them."""
PATIENCE = 5.0
"""Seconds to wait for another process that writes."""


@contextmanager
def opened(path: Path, *, write: bool = False) -> Iterator[sqlite3.Connection]:
    """The file in one transaction, which is undone where an error leaves it. Several processes may use it at once.

    Args:
        write: that the transaction changes something, so that it waits for others who do.

    Raises:
        DataError: it cannot be read or written, is no file of looks, or is one of a newer goeswith.
    """
    connection = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
        connection.row_factory = sqlite3.Row
        _migrate(connection, path)
        connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
        yield connection
        connection.execute("COMMIT")
    except (sqlite3.Error, OSError, Timeout) as error:
        why = getattr(error, "strerror", None) or error
        raise DataError(f"cannot use {path} for looks ({why}); choose another --looks") from None
    finally:
        if connection is not None:
            connection.close()  # which undoes what was not committed


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise DataError(f"{path} was written by a newer goeswith (its schema is {version}); upgrade this one")
    if version == len(MIGRATIONS):
        return
    # Two that make a file a WAL database at once do not wait for each other: SQLite's timeout does not hold there.
    with FileLock(path.with_name(f".{path.name}.lock"), timeout=PATIENCE):
        _bring_up_to_date(connection, path)


def _bring_up_to_date(connection: sqlite3.Connection, path: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if not version and connection.execute("SELECT 1 FROM sqlite_schema").fetchone():
        raise DataError(f"{path} is a database of something else; choose another --looks")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")
    version = connection.execute("PRAGMA user_version").fetchone()[0]  # another may have been quicker
    for number, script in enumerate(MIGRATIONS[version:], version + 1):
        for statement in script.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {number}")
    connection.execute("COMMIT")
