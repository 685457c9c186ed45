"""Processes: trainings side by side, each in a process of one thread."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

_ALONE = {"OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
"""One thread a process: for models as small as these several runs side by side beat one run on all cores."""


@contextlib.contextmanager
def processes(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Processes of one thread each, that end with this one; what has not begun when it fails is not begun."""
    before = {name: os.environ.get(name) for name in _ALONE}
    os.environ.update(_ALONE)  # read by libraries as they are loaded, in the processes to come
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=_watch, initargs=(os.getpid(),))
    try:
        yield pool
    except BaseException:
        pool.shutdown(cancel_futures=True)
        raise
    finally:
        pool.shutdown()
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _watch(parent: int) -> None:
    """End this process soon after its parent was killed, so that the next command finds the runs free."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
