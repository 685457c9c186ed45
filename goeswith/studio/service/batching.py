"""Batching: score requests that arrive at nearly the same time become one call of the model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from goeswith.errors import GoeswithError
from goeswith.shop.stylist import Look
from goeswith.studio.service.limits import ANSWER_SECONDS, BATCH_OUTFITS, BATCH_SECONDS, WAITING
from goeswith.studio.service.refusals import Refused
from goeswith.studio.service.workers import Workers

Outfits = Sequence[Sequence[str]]
Waiting = tuple[Outfits, "asyncio.Future[list[Look]]"]


class Batcher:
    """Scores the outfits of concurrent requests together.

    A request waits `seconds` for others, and for the call under way: the busier the service, the larger the calls.
    `patience` is how long it waits in all, in seconds.
    """

    def __init__(
        self,
        workers: Workers,
        judge: Callable[[list[Sequence[str]]], list[Look]],
        *,
        seconds: float = BATCH_SECONDS,
        patience: float = ANSWER_SECONDS,
    ) -> None:
        self.workers, self.call, self.seconds, self.patience = workers, judge, seconds, patience
        self.waiting: list[Waiting] = []
        self.task: asyncio.Task[None] | None = None
        self.observe: Callable[[int], None] = lambda outfits: None

    async def judge(self, outfits: Outfits) -> list[Look]:
        """The looks of one request.

        Raises:
            GoeswithError: what is wrong with these outfits; those of others are scored all the same.
            Refused: too many requests wait already, or this one waited too long.
        """
        if len(self.waiting) >= WAITING:
            raise Refused(503, "busy", f"{len(self.waiting)} requests are already waiting; try again in a moment")
        future: asyncio.Future[list[Look]] = asyncio.get_running_loop().create_future()
        self.waiting.append((outfits, future))
        if self.task is None:
            self.task = asyncio.create_task(self._run())
        try:
            async with asyncio.timeout(self.patience):
                return await future
        except TimeoutError:
            raise Refused(503, "too_slow", f"no answer within {self.patience:g} seconds; ask for less") from None

    async def _run(self) -> None:
        try:
            while self.waiting:
                await asyncio.sleep(self.seconds)
                if batch := self._take():
                    await self._together(batch)
        finally:
            self.task = None

    def _take(self) -> list[Waiting]:
        """The requests that waited the longest, as many as fit into one call; at least one."""
        open_requests = [waiting for waiting in self.waiting if not waiting[1].done()]  # whose client waits
        count = outfits_taken = 0
        for outfits, _ in open_requests:
            outfits_taken += len(outfits)
            if count and outfits_taken > BATCH_OUTFITS:
                break
            count += 1
        self.waiting = open_requests[count:]
        return open_requests[:count]

    async def _together(self, batch: list[Waiting]) -> None:
        self.observe(sum(len(outfits) for outfits, _ in batch))
        answers: Sequence[list[Look] | Exception]
        try:
            answers = await self.workers.run(self._answers, [outfits for outfits, _ in batch])
        except Exception as error:  # such as too much to do, which is nobody's fault: nobody is asked for again
            answers = [error] * len(batch)
        for (_, future), answer in zip(batch, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)

    def _answers(self, requests: Sequence[Outfits]) -> list[list[Look] | Exception]:
        """The looks of each request, or what is wrong with it: one alone must not cost the others theirs."""
        try:
            looks = iter(self.call([outfit for outfits in requests for outfit in outfits]))
            return [[next(looks) for _ in outfits] for outfits in requests]
        except GoeswithError as error:
            if len(requests) == 1:
                return [error]
            half = len(requests) // 2
            return self._answers(requests[:half]) + self._answers(requests[half:])
