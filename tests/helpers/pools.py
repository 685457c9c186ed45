"""A pool of processes that works in this process, for what is not about processes: none has to begin and import."""

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any


class Here:
    """A pool that works at once."""

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(work(*arguments))
        return future


@contextlib.contextmanager
def here(jobs: int) -> Iterator[Here]:
    """Stands for `goeswith.experiments.processes.processes`."""
    yield Here()
