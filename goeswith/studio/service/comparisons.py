"""Comparisons: which look somebody preferred to which others, in the file of looks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from goeswith.studio.service.look_schema import opened
from goeswith.studio.service.looks import now_text
from goeswith.studio.service.refusals import Refused

MOST = 4
"""Looks that are compared at once."""


def check_compared(look_ids: Sequence[str]) -> list[str]:
    """The looks to compare, each once.

    Raises:
        Refused: they are fewer than two or more than `MOST`.
    """
    ids = list(dict.fromkeys(look_ids))
    if not 2 <= len(ids) <= MOST:
        raise Refused(422, "bad_comparison", f"choose two to {MOST} looks to compare; {len(ids)} are chosen")
    return ids


def note_comparison(path: Path, winner: str, look_ids: Sequence[str], who: str) -> None:
    """Note that somebody preferred one look to the others.

    Raises:
        Refused: see `check_compared`; or the winner is none of them. DataError: the file cannot be used.
    """
    ids = check_compared(look_ids)
    if winner not in ids:
        raise Refused(422, "bad_comparison", "the look that was chosen is none of those that were compared")
    others = json.dumps([look_id for look_id in ids if look_id != winner])
    with opened(path, write=True) as file:
        file.execute(
            "INSERT INTO comparisons (time, who, winner, others) VALUES (?, ?, ?, ?)", (now_text(), who, winner, others)
        )
