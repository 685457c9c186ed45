"""Service: requests drawn from its own schema, at random and as raw bytes; and a soak."""

from __future__ import annotations

import contextlib
import logging
import random
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from trust.world import ITEMS, World

WITHIN = (503,)
"""Statuses from 500 on that are a promise: too much to do, or a stop."""


@dataclass
class Answered:
    """Requests by kind, answers by status, and those that failed."""

    requests: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def add(self, kind: str, status: int, request: object, text: str = "") -> None:
        self.requests[kind] += 1
        self.statuses[str(status)] += 1
        if status >= 500 and status not in WITHIN:
            self.faults.append(f"{kind}: {status} to {request!r:.300}: {text[:200]}")


@dataclass
class Soaked:
    """What came of a soak; see `tests/studio/test_service_soak.py`."""

    seconds: float
    good: int
    lost: int
    others: int
    slowest: float
    ending: float
    tracebacks: int


def ask(world: World, seconds: float, seed: int) -> Answered:
    """Ask for so many seconds, a third of them in each way."""
    from starlette.testclient import TestClient

    from goeswith.studio.app import create_app

    logging.disable(logging.ERROR)
    answers, luck = Answered(), random.Random(seed)
    with TestClient(create_app(world.index), raise_server_exceptions=False) as client:
        _at_random(client, answers, luck, time.monotonic() + seconds / 3)
        _from_the_schema(world, client, answers, luck, time.monotonic() + seconds / 3)
    _raw(world, answers, luck, time.monotonic() + seconds / 3)
    return answers


def _at_random(client: Any, answers: Answered, luck: random.Random, until: float) -> None:
    from test_service_random import request

    while time.monotonic() < until:
        wanted = request(luck)
        answer = client.request(**wanted, follow_redirects=False)
        answers.add("at random", answer.status_code, wanted, answer.text)


def _from_the_schema(world: World, client: Any, answers: Answered, luck: random.Random, until: float) -> None:
    import schemathesis
    from hypothesis import HealthCheck, given, settings
    from hypothesis import seed as seeded
    from hypothesis.errors import Unsatisfiable
    from schemathesis import GenerationMode

    schema = schemathesis.openapi.from_asgi("/openapi.json", client.app)
    operations = [result.ok() for result in schema.get_all_operations()]
    while time.monotonic() < until:
        for operation in operations:
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

                @seeded(luck.randrange(1 << 30))
                @settings(max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck))
                @given(case=operation.as_strategy(generation_mode=mode))
                def draw(case: schemathesis.Case) -> None:
                    if time.monotonic() < until:
                        answer = _with_ids(case, luck).call()
                        answers.add(
                            "from the schema",
                            answer.status_code,
                            case.operation.label,
                            answer.content.decode(errors="replace"),
                        )

                with contextlib.suppress(Unsatisfiable):
                    draw()


def _with_ids(case: Any, luck: random.Random) -> Any:
    """The request, with ids of the index where it has any, every other time."""
    if luck.random() < 0.5:
        return case
    for name in case.path_parameters or {}:
        case.path_parameters[name] = f"i{luck.randrange(ITEMS)}"
    case.body = _ids(case.body, luck)
    return case


def _ids(value: Any, luck: random.Random) -> Any:
    if isinstance(value, dict):
        return {name: _ids(inner, luck) for name, inner in value.items()}
    if isinstance(value, list):
        return [f"i{luck.randrange(ITEMS)}" if isinstance(inner, str) else _ids(inner, luck) for inner in value]
    return value


def _raw(world: World, answers: Answered, luck: random.Random, until: float) -> None:
    """Bytes that are nearly requests, by sockets."""
    from test_service_hard import BEARER, ODD, TOKEN, sent, serving

    from goeswith.studio.app import create_app
    from trust.mutations import damaged

    whole = [
        b"GET /v1/items?q=red HTTP/1.1\r\nHost: localhost\r\n" + BEARER + b"Connection: close\r\n\r\n",
        b"POST /v1/score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 31\r\n"
        + BEARER + b'Connection: close\r\n\r\n{"outfits": [["i0", "i1"]]}    ',
    ]  # fmt: skip
    with serving(create_app(world.index, token=TOKEN)) as port:
        while time.monotonic() < until:
            request = luck.choice(ODD)[0] + b"\r\n" if luck.random() < 0.3 else damaged(luck.choice(whole), "", luck)
            answer = b""
            with contextlib.suppress(OSError):  # one that does not end is waited for by the service, which is tested
                answer = sent(port, request, 0.5)
            status = re.match(rb"HTTP/1\.1 (\d{3})", answer)
            answers.add("raw bytes", int(status[1]) if status else 0, request, answer.decode(errors="replace"))


def soak(world: World, seconds: float, seed: int) -> Soaked:
    """Good requests among hang-ups and rubbish, for so many seconds."""
    from test_service_soak import soak as soak_service

    good: list[tuple[str, str, object]] = [
        ("GET", "/health", None),
        ("GET", "/v1/items?q=red", None),
        ("POST", "/v1/score", {"outfits": [["i0", "i1", "i2"]]}),
        ("POST", "/v1/complete", {"item_ids": ["i0"], "slots": ["shoes"]}),
        ("GET", "/board?on=i0&on=i1", None),
    ]
    held = soak_service(world.index, seconds, good, seed)
    return Soaked(
        seconds=seconds,
        good=len(held.good),
        lost=sum(status != 200 for _, status, _ in held.good),
        others=held.others,
        slowest=max((took for _, _, took in held.good), default=0.0),
        ending=held.ending,
        tracebacks=held.log.count("Traceback"),
    )
