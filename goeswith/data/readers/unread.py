"""Unread: the files of a source folder that an import made nothing of."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from goeswith.data.encoders.pictures import ENDINGS

SHOWN = 12
"""Files that are listed by name."""


def unread(source: Path, read: Collection[Path]) -> list[str]:
    """One sentence about the files of a folder that are not among those `read`, pictures or hidden; else none."""
    if not source.is_dir():
        return []
    others = {path.resolve() for path in read}
    names = [
        path.name
        for path in sorted(source.iterdir())
        if path.is_file()
        and path.suffix.lower() not in ENDINGS
        and not path.name.startswith(".")
        and path.resolve() not in others
    ]
    if not names:
        return []
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return [f"no item or outfit is read from {', '.join(names[:SHOWN])}{more}"]
