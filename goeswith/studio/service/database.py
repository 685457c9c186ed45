"""Database: an SQLite file with schema migrations, opened in one transaction, by several processes at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from goeswith.errors import DataError

PATIENCE = 5.0
"""Seconds to wait for another process that writes."""


class Schema(NamedTuple):
    """Of a file. holds: what is in it. option: that names another file.

    migrations: what makes each version of the schema out of the one before; `user_version` counts them.
    """

    holds: str
    option: str
    migrations: tuple[str, ...]


@contextmanager
def opened(path: Path, schema: Schema, *, write: bool = False) -> Iterator[sqlite3.Connection]:
    """The file in one transaction, which is undone where an error leaves it. Several processes may use it at once.

    Args:
        write: that the transaction changes something, so that it waits for others who do.

    Raises:
        DataError: it cannot be read or written, is no such file, or is one of a newer goeswith.
    """
    connection = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
        connection.row_factory = sqlite3.Row
        _migrate(connection, path, schema)
        connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
        yield connection
        connection.execute("COMMIT")
    except (sqlite3.Error, OSError, Timeout, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise DataError(f"cannot use {path} for {schema.holds} ({why}); choose another {schema.option}") from None
    finally:
        if connection is not None:
            connection.close()  # which undoes what was not committed


@contextmanager
def readable(source: str) -> Iterator[None]:
    """Say of `source` that it is damaged, where its JSON is not what we once wrote.

    Raises:
        DataError: it is damaged.
    """
    try:
        yield
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise DataError(f"{source} is damaged ({error}); restore its file from a backup") from None


def _migrate(connection: sqlite3.Connection, path: Path, schema: Schema) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(schema.migrations):
        raise DataError(f"{path} was written by a newer goeswith (its schema is {version}); upgrade this one")
    if version == len(schema.migrations):
        return
    # Two that make a file a WAL database at once do not wait for each other: SQLite's timeout does not hold there.
    with FileLock(path.with_name(f".{path.name}.lock"), timeout=PATIENCE):
        _bring_up_to_date(connection, path, schema)


def _bring_up_to_date(connection: sqlite3.Connection, path: Path, schema: Schema) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if not version and connection.execute("SELECT 1 FROM sqlite_schema").fetchone():
        raise DataError(f"{path} is a database of something else; choose another {schema.option}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")
    version = connection.execute("PRAGMA user_version").fetchone()[0]  # another may have been quicker
    for number, script in enumerate(schema.migrations[version:], version + 1):
        for statement in script.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {number}")
    connection.execute("COMMIT")
