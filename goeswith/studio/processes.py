"""Processes: several worker processes on one socket; one that dies is replaced, and all stop in time."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

from prometheus_client.multiprocess import mark_process_dead

from goeswith.errors import ConfigError, GoeswithError
from goeswith.studio.service.limits import GOODBYE_SECONDS
from goeswith.studio.service.metrics import FOLDER
from goeswith.studio.settings import Settings

log = logging.getLogger(__name__)

THREADS = "OMP_NUM_THREADS"
"""How many threads PyTorch computes with; all processes together use the processors once."""
PAUSE = 1.0
"""Seconds before a process is replaced, so that one that cannot begin does not keep the machine busy."""


class Processes:
    """Runs `work(listening, index, settings, begun, shared)` in as many processes as the settings say.

    What people upload and how often keys are used is shared by a folder of their own, which is gone when they end.
    """

    def __init__(
        self, work: Callable[..., None], listening: socket.socket, index: str | Path, settings: Settings
    ) -> None:
        self.work, self.listening, self.index = work, listening, index
        self.settings = settings.model_copy(update={"watch": True})
        self.running: list[SpawnProcess] = []
        self.stopping = False
        self.context = multiprocessing.get_context("spawn")

    def run(self, begun: Callable[[str], None]) -> None:
        """Until SIGINT or SIGTERM; SIGHUP goes to all of them. begun: called when the first one answers.

        Raises:
            GoeswithError: the first one cannot begin.
        """
        share = max(1, (os.cpu_count() or 1) // self.settings.workers)
        with _handling(self._stop, self._pass_on), tempfile.TemporaryDirectory(prefix="goeswith-") as folder:
            Path(folder, "metrics").mkdir()
            os.environ |= {FOLDER: f"{folder}/metrics", THREADS: os.environ.get(THREADS, str(share))}
            reading, writing = self.context.Pipe(duplex=False)
            self.running = [self._begin(folder, writing)]
            writing.close()
            self._await_first(reading, begun)
            if not self.stopping:
                self.running += [self._begin(folder) for _ in range(self.settings.workers - 1)]
            while not self.stopping:
                self._replace_dead(folder)
            self._end()
            del os.environ[FOLDER]

    def _begin(self, folder: str, report: Connection | None = None) -> SpawnProcess:
        arguments = self.work, self.listening, self.index, self.settings, Path(folder), report
        process = self.context.Process(target=_process, args=arguments)
        process.start()
        return process

    def _await_first(self, reading: Connection, begun: Callable[[str], None]) -> None:
        while not self.stopping and not reading.poll(0.1):
            pass
        if self.stopping:
            return
        try:
            answer = reading.recv()
        except EOFError:
            raise ConfigError("the first process of the service ended at once; start it with --workers 1") from None
        if isinstance(answer, GoeswithError):
            raise answer
        begun(answer)

    def _replace_dead(self, folder: str) -> None:
        wait([process.sentinel for process in self.running], timeout=0.2)
        alive = [process for process in self.running if process.is_alive()]
        dead = [process for process in self.running if process not in alive]
        if dead and not self.stopping:
            time.sleep(PAUSE)
            self.running = alive
            for process in dead:
                mark_process_dead(process.pid or 0, f"{folder}/metrics")
                new = self._begin(folder)
                log.warning(
                    "process %s of the service %s and was replaced by process %s", process.pid, _ended(process), new.pid
                )
                self.running.append(new)

    def _end(self) -> None:
        """Tell all to stop; one that has not ended in time is ended."""
        until = time.monotonic() + GOODBYE_SECONDS
        self.listening.close()  # else new connections would wait here for nobody
        self._send(signal.SIGTERM)
        for process in self.running:
            process.join(max(0.0, until - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()

    def _stop(self, *_: Any) -> None:
        self.stopping = True

    def _pass_on(self, *_: Any) -> None:
        self._send(signal.SIGHUP)

    def _send(self, sign: signal.Signals) -> None:
        for process in self.running:
            with suppress(ProcessLookupError):
                if process.pid is not None and process.exitcode is None:
                    os.kill(process.pid, sign)


def _ended(process: SpawnProcess) -> str:
    """How a process ended: by a signal, whose number an exit code has below 0, or by itself."""
    code = process.exitcode or 0
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:  # a real-time signal
        return f"was ended by signal {-code}"


@contextmanager
def _handling(stop: Callable[..., None], renew: Callable[..., None]) -> Iterator[None]:
    """Signals go to these functions meanwhile."""
    handlers = {signal.SIGINT: stop, signal.SIGTERM: stop, signal.SIGHUP: renew}
    before = {sign: signal.signal(sign, handler) for sign, handler in handlers.items()}
    try:
        yield
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)


def _process(
    serve: Callable[..., None],
    listening: socket.socket,
    index: str | Path,
    settings: Settings,
    shared: Path,
    report: Connection | None,
) -> None:
    """What each process does; it ends with the one that began it."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is an index that can be opened again
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # until there is something to be ended; Ctrl-C reaches all of them
    threading.Thread(target=_follow, daemon=True).start()
    try:
        serve(listening, index, settings, report.send if report else lambda stale: None, shared)
    except GoeswithError as error:
        if report is None:
            log.error("a process of the service could not begin: %s", error)
        else:
            report.send(error)
        raise SystemExit(1) from None


def _follow() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
