"""Searches of the service: in step with each other, given up with their clients, and none harmed by another."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goeswith.errors import CatalogueError
from goeswith.shop.index import Index
from goeswith.shop.steps import Scores, Steps
from goeswith.shop.stylist import Stylist
from goeswith.studio.service import searches as module
from goeswith.studio.service.refusals import Refused
from goeswith.studio.service.searches import Searches

ASKED = [("i9", ["shoes", "bottom"]), ("i60", ["top", "bag"]), ("i110", ["bottom"]), ("i12", ["bag", "shoes"])]
FEW = np.array([[9, 60]])


class Gate:
    """Holds the first step of a thread until it is opened, and counts what is computed together."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened, self.begun, self.sizes = threading.Event(), threading.Event(), list[int]()
        compute = module.compute

        def held(index: Index, wanted: Any) -> Any:
            self.sizes.append(len(wanted))
            self.begun.set()
            assert self.opened.wait(30)
            return compute(index, wanted)

        monkeypatch.setattr(module, "compute", held)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.001)


@pytest.fixture
def index(world: Path) -> Index:
    return Index(world / "index")


def test_requests_that_arrive_together_share_their_steps(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, stylist = Gate(monkeypatch), Stylist(index)

    async def together() -> list[Any]:
        searches = Searches(threads=1)
        asks = [
            asyncio.create_task(
                searches.run(index, lambda at=at, slots=slots: stylist.complete_steps([at], slots=slots, k=3))
            )
            for at, slots in ASKED
        ]
        await until(lambda: searches.open == len(ASKED) and gate.begun.is_set())
        gate.opened.set()
        answers = await asyncio.gather(*asks)
        await until(lambda: searches.busy == 0)
        return answers

    for (at, slots), looks in zip(ASKED, asyncio.run(together()), strict=True):
        alone = stylist.complete([at], slots=slots, k=3)
        assert [look.item_ids for look in looks] == [look.item_ids for look in alone]
        np.testing.assert_allclose([look.score for look in looks], [look.score for look in alone], rtol=0, atol=1e-6)
    assert max(gate.sizes) == len(ASKED)


def test_a_disconnected_client_is_left_out_of_the_next_step(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, steps = Gate(monkeypatch), {"gone": 0, "stays": 0}

    def counting(name: str) -> Steps[str]:
        for _ in range(3):
            yield Scores(FEW)
            steps[name] += 1
        return name

    async def together() -> str:
        searches = Searches(threads=1)
        gone = asyncio.create_task(searches.run(index, lambda: counting("gone")))
        await until(gate.begun.is_set)
        in_line = asyncio.create_task(searches.run(index, lambda: counting("gone")))
        stays = asyncio.create_task(searches.run(index, lambda: counting("stays")))
        await until(lambda: searches.open == 3)
        gone.cancel()
        in_line.cancel()
        await until(lambda: searches.open == 1)
        gate.opened.set()
        answer = await stays
        await until(lambda: searches.busy == 0)
        return answer

    assert asyncio.run(together()) == "stays"
    assert steps == {"gone": 0, "stays": 3}
    assert gate.sizes == [1, 1, 1, 1]


def test_a_search_that_fails_fails_alone(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)

    def scored(items: np.ndarray) -> Steps[Any]:
        return (yield Scores(items))

    def refused() -> Steps[Any]:
        yield Scores(FEW)
        raise CatalogueError("nothing fits")

    async def together() -> list[Any]:
        searches = Searches(threads=1)
        first = asyncio.create_task(searches.run(index, lambda: scored(FEW)))
        await until(gate.begun.is_set)
        begins = [lambda: scored(FEW), lambda: scored(np.array([[9, 10**9]])), refused]
        others = [asyncio.create_task(searches.run(index, begin)) for begin in begins]
        await until(lambda: searches.open == 4)
        gate.opened.set()
        answers = await asyncio.gather(first, *others, return_exceptions=True)
        await until(lambda: searches.busy == 0)
        return answers

    first, second, broken, none = asyncio.run(together())
    assert first == pytest.approx(second)
    assert isinstance(broken, IndexError)
    assert isinstance(none, CatalogueError)


def test_a_search_that_takes_too_long_or_one_too_many_is_refused(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)

    def scored() -> Steps[Any]:
        return (yield Scores(FEW))

    async def together() -> list[str]:
        searches = Searches(threads=1, waiting=2)
        asks = [asyncio.create_task(searches.run(index, scored)) for _ in range(2)]
        await until(lambda: searches.open == 2)
        with pytest.raises(Refused) as busy:
            await searches.run(index, scored)
        for ask in asks:
            ask.cancel()
        await asyncio.gather(*asks, return_exceptions=True)
        searches.seconds = 0.05
        late = await asyncio.gather(*(searches.run(index, scored) for _ in range(2)), return_exceptions=True)
        assert searches.busy == 1  # its thread still computes
        gate.opened.set()
        await until(lambda: searches.busy == 0)
        searches.seconds = 30
        assert len(await searches.run(index, scored)) == 1
        searches.close()
        with pytest.raises(Refused) as closed:
            await searches.run(index, scored)
        return [error.reason for error in (busy.value, *late, closed.value) if isinstance(error, Refused)]

    assert asyncio.run(together()) == ["busy", "too_slow", "too_slow", "stopping"]


def test_what_is_in_line_or_under_way_ends_with_the_service(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)

    def endless() -> Steps[Any]:
        while True:
            yield Scores(FEW)

    async def together() -> list[Any]:
        searches = Searches(threads=1)
        first = asyncio.create_task(searches.run(index, endless))
        await until(gate.begun.is_set)
        second = asyncio.create_task(searches.run(index, endless))
        await until(lambda: searches.open == 2)
        searches.close()
        gate.opened.set()
        await until(lambda: searches.working == 0)
        return await asyncio.gather(first, second, return_exceptions=True)

    first, second = asyncio.run(together())
    assert [error.reason for error in (first, second)] == ["stopping", "stopping"]
    assert gate.sizes == [1]
