"""How long each recipe and study of docs/results.md takes to measure, data, floors and answers included."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from goeswith.files import fresh_file

KEPT = "clock.json"
"""Beside the results: recipe or study → seconds of a core."""

Say = Callable[[str], None]


def on_the_clock(file: Path, jobs: int, say: Say) -> Say:
    """`say` that also keeps, at each line, how many seconds of a core the recipe has taken, in all calls together."""
    before = float(json.loads(file.read_text())) if file.is_file() else 0.0
    start = time.monotonic()

    def clocked(text: str) -> None:
        say(text)
        _write(file, round(before + (time.monotonic() - start) * jobs))

    file.parent.mkdir(parents=True, exist_ok=True)
    return clocked


def keep_clock(file: Path, results: Path) -> None:
    """Keep what a recipe took beside its results, when all of it is measured."""
    _write(results / KEPT, read_clock(results) | {file.stem: json.loads(file.read_text())})


def read_clock(results: Path) -> dict[str, float]:
    """Recipe or study → seconds of a core, of all that were measured on the clock."""
    return json.loads((results / KEPT).read_text()) if (results / KEPT).is_file() else {}


def hours_on_two_cores(results: Path, names: Iterable[str]) -> float | None:
    """What these take together; None where one of them was not measured on the clock."""
    clock = read_clock(results)
    seconds = [clock.get(name) for name in names]
    return None if None in seconds else sum(filter(None, seconds)) / 7200


def _write(file: Path, what: object) -> None:
    with fresh_file(file) as partial:
        partial.write_text(json.dumps(what, indent=1) + "\n")
