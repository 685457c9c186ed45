"""Waiting for what another thread or process brings about."""

import time
from collections.abc import Callable


def until(true: Callable[[], object], seconds: float = 300.0) -> None:
    """Return once it is true; the test fails where it is not within so many seconds, for two busy cores are slow."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
