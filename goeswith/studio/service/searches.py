"""Searches: requests for looks that arrive together are searched in step, and share passes over the states.

A thread takes up what has arrived, computes the next step of every search in one (`goeswith.shop.steps.compute`), and
goes on until no search is left; what arrives meanwhile joins in at the next step. Where a client has hung up, or waited
too long, its search goes no further.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

import torch

from goeswith.shop.index import Index
from goeswith.shop.steps import Steps, Wanted, compute
from goeswith.studio.service.limits import ANSWER_SECONDS, TOGETHER, WAITING, WORKERS
from goeswith.studio.service.refusals import Refused, stopping
from goeswith.studio.service.workers import result_of

T = TypeVar("T")


class _Search:
    """A search of one request: what it wants next, and the future that waits for what it returns."""

    def __init__(self, index: Index, begin: Callable[[], Steps[Any]]) -> None:
        self.index, self.begin, self.future = index, begin, Future[Any]()
        self.steps: Steps[Any] | None = None
        self.wanted: Wanted

    def advance(self, answer: Any) -> None:
        """Take the answer to what was wanted, None at the beginning; not where nobody waits any more."""
        if self.future.done():
            return
        try:
            if self.steps is None:
                self.steps = self.begin()
            self.wanted = self.steps.send(answer)
        except StopIteration as end:
            with suppress(InvalidStateError):  # cancelled in this moment
                self.future.set_result(end.value)
        except Exception as error:
            self.fail(error)

    def fail(self, error: Exception) -> None:
        """Let the request fail."""
        with suppress(InvalidStateError):
            self.future.set_exception(error)


class Searches:
    """Searches in step, in a few threads.

    Args:
        threads: that compute at once, each with the searches that it took up; None: as many as PyTorch has, at most
            `WORKERS`. Together they use no more processors than PyTorch would.
        together: searches of one thread. waiting: searches under way or in line; one more is refused.
        seconds: that a search may take, waiting included.
    """

    def __init__(
        self,
        *,
        threads: int | None = None,
        together: int = TOGETHER,
        waiting: int = WAITING,
        seconds: float = ANSWER_SECONDS,
    ) -> None:
        self.processors = torch.get_num_threads()
        self.threads = threads or min(self.processors, WORKERS)
        self.together, self.waiting, self.seconds = together, waiting, seconds
        self.pool = ThreadPoolExecutor(self.threads, thread_name_prefix="search")
        self.line: deque[_Search] = deque()
        self.open = self.working = 0  # searches that somebody waits for, threads at work
        self.closed = False
        self.lock = threading.Lock()
        self.observe: Callable[[int], None] = lambda searches: None

    @property
    def busy(self) -> int:
        """Searches under way or in line, and threads that still compute for nobody."""
        return max(self.open, self.working)

    async def run(self, index: Index, begin: Callable[[], Steps[T]]) -> T:
        """What the search that `begin` makes returns.

        Raises:
            Refused: too many searches wait already, this one took too long, or the service is being stopped.
            CatalogueError: what the search itself raises.
        """
        search = _Search(index, begin)
        self._enter(search)
        return await result_of(search.future, self.seconds)

    def _enter(self, search: _Search) -> None:
        with self.lock:
            if self.closed:
                raise stopping()
            if self.open >= self.waiting:
                raise Refused(503, "busy", f"{self.open} requests are already waiting; try again in a moment")
            self.line.append(search)
            self.open += 1
            if self.working < self.threads:
                self.working += 1
                self.pool.submit(self._work)
        search.future.add_done_callback(self._ended)

    def _ended(self, _: Future[Any]) -> None:
        with self.lock:
            self.open -= 1

    def _work(self) -> None:
        active: list[_Search] = []
        while active := self._taken(active):
            if self.closed:
                for search in active:
                    search.future.cancel()
                continue
            for search in active:
                if search.steps is None:
                    search.advance(None)
            going = [search for search in active if not search.future.done()]
            self.observe(len(going))
            torch.set_num_threads(max(1, self.processors // self.working))  # all of them where it is the only one
            for index in {id(search.index): search.index for search in going}.values():
                _step([search for search in going if search.index is index])

    def _taken(self, active: list[_Search]) -> list[_Search]:
        """The searches to go on with: those for which somebody waits, and this thread's share of those in line."""
        with self.lock:
            going = [search for search in active if not search.future.done()]
            share = min(-(-self.open // self.threads), self.together)
            while self.line and len(going) < share:
                search = self.line.popleft()
                if not search.future.done():
                    going.append(search)
            if not going:
                self.working -= 1
            return going

    def close(self) -> None:
        """Begin nothing more: what waits in line is dropped, and what is under way goes no further."""
        with self.lock:
            self.closed = True
            dropped = [*self.line]
            self.line.clear()
        for search in dropped:
            search.future.cancel()
        self.pool.shutdown(wait=False)


def _step(searches: Sequence[_Search]) -> None:
    """One step of searches over one index; where it fails, each is tried alone, so that only the culprit fails."""
    try:
        answers = compute(searches[0].index, [search.wanted for search in searches])
    except Exception as error:
        if len(searches) == 1:
            searches[0].fail(error)
            return
        for search in searches:
            _step([search])
        return
    for search, answer in zip(searches, answers, strict=True):
        search.advance(answer)
