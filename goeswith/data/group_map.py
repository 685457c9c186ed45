"""Group map: the groups that a user assigned to categories, and the categories still without one."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from goeswith.data.catalogue import GROUPS
from goeswith.data.garments import fold
from goeswith.errors import DataError
from goeswith.files import read_lines

SHOWN = 12
"""Categories that are listed by name."""


def read_groups(path: Path) -> dict[str, str]:
    """Read a file of lines ``Kleider=dress``; a line may be blank or begin with ``#``.

    Returns:
        category, without regard to case and accents (see `fold`) → group.

    Raises:
        DataError: the file is missing, or a line is of another form or names no group.
    """
    chosen: dict[str, str] = {}
    for number, line in enumerate(read_lines(path, blank=True), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, _, group = (part.strip() for part in line.rpartition("="))
        if not name or group.lower() not in GROUPS:
            raise DataError(
                f"{path}, line {number}: {line.strip()!r} is not CATEGORY=GROUP; groups are {', '.join(GROUPS)}"
            )
        if chosen.setdefault(fold(name), group.lower()) != group.lower():
            raise DataError(
                f"{path}, line {number}: {name!r} has a different group in an earlier line; keep one of them"
            )
    return chosen


def others(items: pl.DataFrame) -> list[str]:
    """One sentence about the items that are in no group of their own, by category; none where there are none."""
    counts = items.filter(pl.col("group") == "other")["category"].value_counts()
    if counts.is_empty():
        return []
    counts = counts.sort("count", "category", descending=[True, False])
    listed = ", ".join(f"{name} {count:,}" for name, count in counts.head(SHOWN).iter_rows())
    more = f" and {len(counts) - SHOWN} more categories" if len(counts) > SHOWN else ""
    return [f"{counts['count'].sum():,} items are in group other: {listed}{more}"]
