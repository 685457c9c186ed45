"""Batches of the service: many requests in one call, none harmed by another, and none without an end."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from served import Slow

from goeswith.errors import CatalogueError
from goeswith.shop.index import Index
from goeswith.shop.stylist import Look, Stylist
from goeswith.studio.service.batching import Batcher
from goeswith.studio.service.refusals import Refused
from goeswith.studio.service.workers import Workers


def look(outfit: Sequence[str], score: float) -> Look:
    return Look(tuple(outfit), (), score, None, None, None)


def test_requests_of_one_moment_are_one_call(world: Path) -> None:
    stylist = Stylist(Index(world / "index"))
    luck = np.random.default_rng(0)
    requests = [
        [[f"i{c * 48 + 8 + luck.integers(40)}" for c in luck.permutation(4)[: luck.integers(2, 5)]] for _ in range(n)]
        for n in luck.integers(1, 4, 40)
    ]
    calls: list[int] = []

    def judge(outfits: list[Sequence[str]]) -> list[Look]:
        calls.append(len(outfits))
        return stylist.judge_many(outfits)

    async def together() -> list[list[Look]]:
        batcher = Batcher(Workers("test"), judge, seconds=0.01)
        return await asyncio.gather(*(batcher.judge(outfits) for outfits in requests))

    for outfits, looks in zip(requests, asyncio.run(together()), strict=True):
        alone = stylist.judge_many(outfits)
        assert [look.item_ids for look in looks] == [look.item_ids for look in alone]
        np.testing.assert_allclose([look.score for look in looks], [look.score for look in alone], rtol=0, atol=1e-6)
    assert calls == [sum(map(len, requests))]


def test_a_batch_is_no_larger_than_it_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("goeswith.studio.service.batching.BATCH_OUTFITS", 4)
    calls: list[int] = []

    def judge(outfits: list[Sequence[str]]) -> list[Look]:
        calls.append(len(outfits))
        return [look(outfit, float(outfit[0])) for outfit in outfits]

    async def together() -> list[list[Look]]:
        batcher = Batcher(Workers("test"), judge, seconds=0)
        return await asyncio.gather(*(batcher.judge([[str(n)]] * size) for n, size in enumerate((3, 1, 2, 9, 1))))

    judged = asyncio.run(together())
    assert [[look.score for look in looks] for looks in judged] == [[0.0] * 3, [1.0], [2.0] * 2, [3.0] * 9, [4.0]]
    assert calls == [4, 2, 9, 1]


def test_bad_requests_and_disconnects_do_not_harm_the_others() -> None:
    def judge(outfits: list[Sequence[str]]) -> list[Look]:
        if ["bad"] in outfits:
            raise CatalogueError("bad is no item")
        return [look(outfit, float(outfit[0])) for outfit in outfits]

    async def together() -> list[Any]:
        batcher = Batcher(Workers("test"), judge, seconds=0.01)
        gone = asyncio.create_task(batcher.judge([["5"]]))
        await asyncio.sleep(0)
        asks = [asyncio.create_task(batcher.judge([[item_id]])) for item_id in ("1", "bad", "2")]
        await asyncio.sleep(0)
        gone.cancel()
        answers = await asyncio.gather(*asks, return_exceptions=True)
        return [*answers, await batcher.judge([["3"]])]

    first, bad, two, after = asyncio.run(together())
    assert [looks[0].score for looks in (first, two, after)] == [1.0, 2.0, 3.0]
    assert isinstance(bad, CatalogueError)


def test_what_takes_too_long_or_comes_too_often_is_refused() -> None:
    async def too_often() -> None:
        workers, stop = Workers("test", threads=1, waiting=2, seconds=5), asyncio.Event()
        loop = asyncio.get_running_loop()
        waits = [asyncio.create_task(workers.run(lambda: asyncio.run_coroutine_threadsafe(stop.wait(), loop).result()))]
        waits += [asyncio.create_task(workers.run(len, "abc"))]
        await asyncio.sleep(0.01)
        with pytest.raises(Refused, match="already waiting") as raised:
            await workers.run(len, "abc")
        assert (raised.value.status, raised.value.reason) == (503, "busy")
        stop.set()
        assert await asyncio.gather(*waits) == [True, 3]
        assert await workers.run(len, "ab") == 2

    async def too_long() -> None:
        workers, stop = Workers("test", threads=1, seconds=0.02), asyncio.Event()
        loop = asyncio.get_running_loop()
        with pytest.raises(Refused, match="no answer within") as raised:
            await workers.run(lambda: asyncio.run_coroutine_threadsafe(stop.wait(), loop).result())
        assert (raised.value.status, raised.value.reason) == (503, "too_slow")
        stop.set()
        while workers.busy:
            await asyncio.sleep(0.001)
        assert await workers.run(len, "ab") == 2
        workers.close()
        with pytest.raises(Refused, match="service is stopping"):
            await workers.run(len, "ab")
        assert workers.busy == 0

    asyncio.run(too_often())
    asyncio.run(too_long())


def test_too_much_to_do_is_not_taken_for_a_bad_outfit() -> None:
    """All of a batch are told at once; nobody is asked for alone, for another while each."""

    async def together() -> list[Any]:
        slow = Slow()
        workers = Workers("test", threads=1, seconds=0.1)
        batcher = Batcher(workers, slow, seconds=0.01)
        errors = await asyncio.gather(*(batcher.judge([["a"]]) for _ in range(20)), return_exceptions=True)
        slow.gate.set()
        return [*errors, slow.begun]

    *errors, begun = asyncio.run(together())
    assert [(type(error), error.reason) for error in errors] == [(Refused, "too_slow")] * 20
    assert begun == 1


def test_a_request_waits_for_no_more_than_it_may_whatever_is_before_it() -> None:
    async def late() -> tuple[list[str], float]:
        slow = Slow()
        batcher = Batcher(Workers("test", threads=1, seconds=30), slow, patience=0.2)
        first = asyncio.create_task(batcher.judge([["a"]]))
        await asyncio.sleep(0.1)
        began = time.monotonic()
        second = asyncio.create_task(batcher.judge([["b"]]))  # is to be scored after the first
        answers = await asyncio.gather(first, second, return_exceptions=True)
        taken = time.monotonic() - began
        slow.gate.set()
        return [error.reason for error in answers if isinstance(error, Refused)], taken

    reasons, taken = asyncio.run(late())
    assert reasons == ["too_slow"] * 2
    assert taken < 20  # not the 30 of the one before


def test_a_bad_outfit_among_many_costs_few_calls() -> None:
    calls: list[int] = []

    def judge(outfits: list[Any]) -> list[Look]:
        calls.append(len(outfits))
        if ["bad"] in outfits:
            raise CatalogueError("bad is no item")
        return [Look(tuple(outfit), (), 1.0, None, None, None) for outfit in outfits]

    async def together() -> list[Any]:
        batcher = Batcher(Workers("test"), judge, seconds=0.01)
        outfits = [["good"]] * 63 + [["bad"]]
        return await asyncio.gather(*(batcher.judge([outfit]) for outfit in outfits), return_exceptions=True)

    answers = asyncio.run(together())
    assert [isinstance(looks, CatalogueError) for looks in answers] == [False] * 63 + [True]
    assert len(calls) == 1 + 2 * 6
