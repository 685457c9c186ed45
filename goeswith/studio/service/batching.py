"""Batching: requests to score that arrive within a moment of each other become one call of the model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from goeswith.errors import GoeswithError
from goeswith.shop.stylist import Look
from goeswith.studio.service.limits import BATCH_OUTFITS, BATCH_SECONDS
from goeswith.studio.service.workers import Workers

Outfits = Sequence[Sequence[str]]


class Batcher:
    """Scores the outfits of concurrent requests together.

    A request waits `seconds` for others, and for the call under way: the busier the service, the larger the calls.
    """

    def __init__(
        self, workers: Workers, judge: Callable[[list[Sequence[str]]], list[Look]], *, seconds: float = BATCH_SECONDS
    ) -> None:
        self.workers, self.call, self.seconds = workers, judge, seconds
        self.waiting: list[tuple[Outfits, asyncio.Future[list[Look]]]] = []
        self.task: asyncio.Task[None] | None = None
        self.told: Callable[[int], None] = lambda outfits: None

    async def judge(self, outfits: Outfits) -> list[Look]:
        """The looks of one request.

        Raises:
            GoeswithError: what is wrong with these outfits; those of others are scored all the same.
        """
        future: asyncio.Future[list[Look]] = asyncio.get_running_loop().create_future()
        self.waiting.append((outfits, future))
        if self.task is None:
            self.task = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        try:
            while self.waiting:
                await asyncio.sleep(self.seconds)
                await self._together(self._take())
        finally:
            self.task = None

    def _take(self) -> list[tuple[Outfits, asyncio.Future[list[Look]]]]:
        """The requests that waited the longest, as many as fit into one call; at least one."""
        count = taken = 0
        for outfits, _ in self.waiting:
            taken += len(outfits)
            if count and taken > BATCH_OUTFITS:
                break
            count += 1
        batch, self.waiting = self.waiting[:count], self.waiting[count:]
        return [(outfits, future) for outfits, future in batch if not future.done()]  # whoever hung up is left out

    async def _together(self, batch: list[tuple[Outfits, asyncio.Future[list[Look]]]]) -> None:
        if not batch:
            return
        everything = [outfit for outfits, _ in batch for outfit in outfits]
        try:
            self.told(len(everything))
            looks = iter(await self.workers.run(self.call, everything))
            for outfits, future in batch:
                own = [next(looks) for _ in outfits]
                if not future.done():
                    future.set_result(own)
        except GoeswithError as error:
            await self._alone(batch, error)
        except Exception as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)

    async def _alone(self, batch: list[tuple[Outfits, asyncio.Future[list[Look]]]], error: GoeswithError) -> None:
        """Something is wrong with one of the requests: only that one is told."""
        if len(batch) > 1:
            for one in batch:
                await self._together([one])
        elif not batch[0][1].done():
            batch[0][1].set_exception(error)
