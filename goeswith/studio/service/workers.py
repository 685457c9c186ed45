"""Workers: thread pools with limits on number and time, so that nothing computes on the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from goeswith.studio.service.limits import ANSWER_SECONDS, WAITING, WORKERS
from goeswith.studio.service.refusals import Refused, stopping

T = TypeVar("T")


class Workers:
    """Threads that compute answers.

    Args:
        threads: that compute at once. waiting: calls under way or in line; one more is refused.
        seconds: that a call may take, waiting included; its thread ends what it began, but nobody waits for it.
    """

    def __init__(
        self, name: str, *, threads: int = WORKERS, waiting: int = WAITING, seconds: float = ANSWER_SECONDS
    ) -> None:
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self.waiting, self.seconds, self.busy = waiting, seconds, 0
        self.lock = threading.Lock()

    async def run(self, call: Callable[..., T], *args: object) -> T:
        """What `call(*args)` returns, computed in a thread. Where nobody waits for it any more, it is not begun.

        Raises:
            Refused: too many calls wait already, this one took too long, or the service is being stopped.
        """
        return await result_of(self.begin(call, *args), self.seconds)

    def begin(self, call: Callable[..., T], *args: object) -> Future[T]:
        """`call(*args)` in a thread, for which nobody waits.

        Raises:
            Refused: too many calls wait already, or the service is being stopped.
        """
        with self.lock:
            if self.busy >= self.waiting:
                raise Refused(503, "busy", f"{self.busy} requests are already waiting; try again in a moment")
            try:
                job = self.pool.submit(call, *args)
            except RuntimeError:
                raise stopping() from None
            self.busy += 1
        job.add_done_callback(self._done)
        return job

    def _done(self, job: Future[Any]) -> None:
        """Called in a thread: a client that hung up, or a loop that ended, must not leave a place taken."""
        with self.lock:
            self.busy -= 1

    def close(self) -> None:
        """Begin nothing more: what waits in line is dropped, and nobody waits for what is under way."""
        self.pool.shutdown(wait=False, cancel_futures=True)


async def result_of(job: Future[T], seconds: float) -> T:
    """What a job of a thread returns. It is cancelled where its client hangs up or has waited for so many seconds.

    Raises:
        Refused: it took too long, or the service is being stopped.
    """
    future = asyncio.wrap_future(job)
    try:
        done, _ = await asyncio.wait([future], timeout=seconds)
    finally:
        future.cancel()  # one that still waits in line, or that goes on in steps
    if not done:
        raise Refused(503, "too_slow", f"no answer within {seconds:g} seconds; ask for less, or narrow the request")
    if job.cancelled():
        raise stopping()
    return future.result()
