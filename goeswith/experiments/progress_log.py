"""Progress log: messages of a long command, with the elapsed time and the number of the stage."""

from __future__ import annotations

import time
from collections.abc import Callable

EVERY = 5.0
"""Seconds between two lines of progress."""


class ProgressLog:
    """Says every line with the time since the start, and counts the stages."""

    def __init__(self, say: Callable[[str], None], total: int) -> None:
        self.say, self.total, self.started, self.stages, self.last = say, total, time.monotonic(), 0, 0.0

    def stage(self, text: str) -> None:
        """Begin a stage."""
        self.stages += 1
        self.note(text, f"{self.stages}/{self.total}")

    def note(self, text: str, lead: str = "   ") -> None:
        """Say something of the stage."""
        minutes, seconds = divmod(int(time.monotonic() - self.started), 60)
        self.say(f"{minutes}:{seconds:02d}  {lead}  {text}")

    def progress(self, unit: str) -> Callable[[int, int], None]:
        """A callback (done, total) that speaks every `EVERY` seconds."""

        def progress(done: int, total: int) -> None:
            if time.monotonic() - self.last > EVERY:
                self.last = time.monotonic()
                self.note(f"{done:,} of {total:,} {unit}")

        self.last = time.monotonic()
        return progress
