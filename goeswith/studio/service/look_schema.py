"""Look schema: the tables of saved looks, and the migrations of older files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection

from goeswith.studio.service import database

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
    # An item may say where it lies; an older goeswith could not read that.
    """
    UPDATE looks SET items = (
        SELECT json_group_array(json_set(value, '$.spot', '')) FROM json_each(looks.items)
    )
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
SCHEMA = database.Schema("looks", "--looks", MIGRATIONS)


@contextmanager
def opened(path: Path, *, write: bool = False) -> Iterator[Connection]:
    """The file of looks, see `goeswith.studio.service.database.opened`."""
    with database.opened(path, SCHEMA, write=write) as connection:
        yield connection
