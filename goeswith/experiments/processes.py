"""Processes: trainings side by side, each in a process of one thread."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from ctypes import c_bool

_ALONE = {"OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
"""One thread a process: for models as small as these several runs side by side beat one run on all cores."""


@contextlib.contextmanager
def processes(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Processes of one thread each, which end with this one or when a task fails: its error waits for no other task."""
    before = {name: os.environ.get(name) for name in _ALONE}
    os.environ.update(_ALONE)  # read by libraries as they are loaded, in the processes to come
    context = multiprocessing.get_context("spawn")
    failed = context.RawValue(c_bool, False)  # no Event: to set one waits for those that wait for it, killed ones, too
    pool = ProcessPoolExecutor(jobs, context, initializer=_watch, initargs=(os.getpid(), failed))
    try:
        yield pool
    except BaseException:
        failed.value = True
        pool.shutdown(cancel_futures=True)
        raise
    finally:
        pool.shutdown()
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _watch(parent: int, failed: c_bool) -> None:
    """End this process soon after its parent was killed or failed, so that the next command finds the runs free."""

    def watch() -> None:
        while os.getppid() == parent and not failed.value:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
