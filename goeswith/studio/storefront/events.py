"""Events: impressions, clicks and baskets of looks on product pages, in SQLite beside the index.

There is nothing of a person in them: the page chooses the session, the minute is the service's, and that is all.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from goeswith.studio.service.database import Schema, opened
from goeswith.studio.service.limits import EVENT_ROWS

KINDS = ("impression", "click", "basket")
SCHEMA = Schema(
    "clicks",
    "--clicks",
    (
        """
        CREATE TABLE events (
            event_id TEXT PRIMARY KEY, kind TEXT NOT NULL, session TEXT NOT NULL, item TEXT NOT NULL,
            look TEXT NOT NULL, source TEXT NOT NULL, trial TEXT NOT NULL, target TEXT NOT NULL, minute INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX events_shown ON events (session, item, look, source, trial, kind);
        """,
    ),
)
SHOWN = """
    SELECT session, item, look, source, trial, max(kind = 'impression') AS shown,
        max(kind = 'click') AS clicked, max(kind = 'basket') AS basket
    FROM events GROUP BY session, item, look, source, trial ORDER BY session, item, look, source, trial
"""


@dataclass(frozen=True)
class Event:
    """Something that happened.

    event_id: chosen by the page; the same one again is the same event. session: chosen by the page. item: of the page.
    look, source, trial: as the answer has them. target: the item that was clicked or put into the basket, or empty.
    """

    event_id: str
    kind: str
    session: str
    item: str
    look: str
    source: str
    trial: str = ""
    target: str = ""


COLUMNS = {
    "session": pl.String, "item": pl.String, "look": pl.String, "source": pl.String, "trial": pl.String,
    "shown": pl.Boolean, "clicked": pl.Boolean, "basket": pl.Boolean,
}  # fmt: skip
"""Of `Events.shown`: a look in a session on the page of an item, and whether something happened to it."""
PART = 100_000
"""Rows that are read at a time."""


class Events:
    """The events in a file, which is made with the first one.

    Every method raises DataError where the file cannot be used, see `goeswith.studio.service.database.opened`.
    """

    def __init__(self, path: Path, most: int = EVENT_ROWS) -> None:
        self.path, self.most = path, most

    def add(self, events: Sequence[Event]) -> int:
        """Keep events; returns how many of them are new."""
        minute = int(time.time() // 60)
        rows = [(*astuple(event), minute) for event in events]
        with opened(self.path, SCHEMA, write=True) as file:
            before = file.total_changes
            file.executemany("INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
            added = file.total_changes - before
            # Rows are numbered in the order in which they came; this finds the few that are too old at once.
            file.execute("DELETE FROM events WHERE rowid <= (SELECT max(rowid) FROM events) - ?", (self.most,))
        return added

    def shown(self) -> pl.DataFrame:
        """What was shown and what came of it (`COLUMNS`), however often it happened."""
        parts = [pl.DataFrame(schema=COLUMNS)]
        if self.path.exists():
            with opened(self.path, SCHEMA) as file:
                cursor = file.execute(SHOWN)
                while rows := cursor.fetchmany(PART):
                    parts.append(shown_frame([tuple(row) for row in rows]))
        return pl.concat(parts)


def shown_frame(rows: Sequence[Sequence[Any]]) -> pl.DataFrame:
    """Rows as `Events.shown` has them; the last three are true or false, or 1 or 0."""
    numbers = {name: pl.String if kind == pl.String else pl.Int8 for name, kind in COLUMNS.items()}
    return pl.DataFrame(rows, schema=numbers, orient="row").cast(COLUMNS)  # type: ignore[arg-type]
