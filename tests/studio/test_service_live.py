"""Service, for real: the command as a process, clients that hang up, many at once, requests drawn from the schema."""

import concurrent.futures
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import schemathesis
import served
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import positive_data_acceptance
from schemathesis.schemas import BaseSchema
from waiting import until

from goeswith.shop.index import Index
from goeswith.shop.stylist import Stylist
from goeswith.studio.app import create_app
from goeswith.studio.service.limits import GOODBYE_SECONDS

pytestmark = pytest.mark.slow

TOKEN = "correct-horse-battery"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return served.make_index(tmp_path_factory.mktemp("live"))


def start(index: Path, *options: str) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-m", "goeswith", "serve", str(index), "--port", "0", *options]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout
    for line in process.stdout:
        match = re.search(r"http://\S+:\d+", line)
        if match:
            return process, match.group()
    raise AssertionError(f"it did not start: {process.wait()}")


def stop(process: subprocess.Popen[str], sign: signal.Signals = signal.SIGINT) -> tuple[int, str]:
    process.send_signal(sign)
    output, _ = process.communicate(timeout=300)
    return process.returncode, output


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_request_that_does_not_end_is_not_waited_for(index: Path, sign: signal.Signals) -> None:
    program = (
        "import sys, time\nimport goeswith.shop.stylist as stylist\nimport goeswith.studio.server as server\n"
        "stylist.Stylist.complete_steps = lambda *given, **named: time.sleep(300)\n"
        "server.GOODBYE_SECONDS = 4\n"
        "server.serve(sys.argv[1], port=0, say=lambda text: print(text, flush=True))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(index)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout
    match = re.search(r"http://\S+:\d+", process.stdout.readline())
    assert match
    url, body = match.group(), {"anchors": ["i0"], "slots": ["shoes"]}

    def waiting() -> str:
        line = re.search(r"^goeswith_waiting (\S+)$", httpx.get(f"{url}/metrics", timeout=120).text, re.MULTILINE)
        assert line
        return line.group(1)

    until(lambda: waiting() == "0.0")  # what the service does first counts, too
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answers = [pool.submit(httpx.post, f"{url}/v1/complete", json=body, timeout=120) for _ in range(6)]
        until(lambda: waiting() == "6.0")
        began = time.monotonic()
        code, output = stop(process, sign)
        assert time.monotonic() - began < 100  # of 300; busy machines end processes slowly
        responses = [answer.result() for answer in answers]
    assert {(answer.status_code, answer.json()["reason"]) for answer in responses} == {(503, "stopping")}
    assert code in (0, -sign)
    assert "Traceback" not in output


@pytest.fixture
def described(index: Path) -> BaseSchema:
    return schemathesis.openapi.from_asgi("/openapi.json", create_app(index))


@pytest.mark.parametrize(("mode", "least"), [(GenerationMode.POSITIVE, 14), (GenerationMode.NEGATIVE, 9)])
def test_responses_match_the_schema(described: BaseSchema, mode: GenerationMode, least: int) -> None:
    """What it allows and what it forbids is answered as it says, and never by a 500."""
    tried = set()
    for operation in (result.ok() for result in described.get_all_operations()):
        if mode is GenerationMode.NEGATIVE and not can_be_wrong(operation.definition.raw):
            continue  # hundreds of tries would come to nothing

        @settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: schemathesis.Case) -> None:
            case.call_and_validate(excluded_checks=[positive_data_acceptance])  # a well-formed id may be unknown
            tried.add(case.operation.label)

        ask()
    assert len(tried) >= least, tried


def can_be_wrong(operation: dict[str, Any]) -> bool:
    """Whether it takes more than texts in its path and its headers, of which each is well-formed."""
    kinds = {(each["in"], each["schema"].get("type")) for each in operation.get("parameters", ())}
    return "requestBody" in operation or not kinds <= {("path", "string"), ("header", "string")}


@pytest.fixture(scope="module")
def service(index: Path) -> Iterator[str]:
    process, url = start(index)
    yield url
    code, output = stop(process)
    assert (code, output) == (0, "")


def test_many_at_once_get_what_each_asked_for(service: str, index: Path) -> None:
    luck = np.random.default_rng(0)
    outfits = [[f"i{c * 48 + 8 + luck.integers(40)}" for c in luck.permutation(4)[:3]] for _ in range(200)]
    own = Stylist(Index(index)).judge_many(outfits)
    with httpx.Client(base_url=service, timeout=120) as client:

        def ask(outfit: list[str]) -> dict[str, object]:
            return client.post("/v1/score", json={"outfits": [outfit]}).raise_for_status().json()["looks"][0]

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            looks = list(pool.map(ask, outfits))
        counted = client.get("/metrics").text
    assert [look["item_ids"] for look in looks] == outfits
    np.testing.assert_allclose([look["score"] for look in looks], [look.score for look in own], rtol=0, atol=1e-6)
    calls = float(re.search(r"goeswith_batch_outfits_count (\S+)", counted)[1])  # type: ignore[index]
    assert calls < len(outfits)


def test_a_client_that_disconnects_harms_nobody(service: str) -> None:
    host, port = service.removeprefix("http://").split(":")
    body = json.dumps({"anchors": ["i0"], "slots": ["shoes", "bottom", "bag"], "k": 100}).encode()
    head = f"POST /v1/complete HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: "
    for sent in (b"", b"GET", head.encode(), f"{head}{len(body)}\r\n\r\n".encode() + body[:9]):
        with socket.create_connection((host, int(port))) as line:
            line.sendall(sent)
    for _ in range(20):  # whole requests, whose answers nobody waits for
        with socket.create_connection((host, int(port))) as line:
            line.sendall(f"{head}{len(body)}\r\n\r\n".encode() + body)
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset, not a goodbye
    for _ in range(3):
        answer = httpx.post(
            f"{service}/v1/complete", content=body, headers={"content-type": "application/json"}, timeout=120
        )
        assert answer.status_code == 200
    until(lambda: "goeswith_waiting 0.0" in httpx.get(f"{service}/metrics", timeout=120).text)


def test_requests_under_way_are_finished_before_it_stops(index: Path) -> None:
    process, url = start(index, "--token", TOKEN)
    try:
        with httpx.Client(base_url=url, headers={"authorization": f"Bearer {TOKEN}"}, timeout=120) as client:
            assert httpx.get(f"{url}/v1/index", timeout=120).status_code == 401
            assert client.get("/v1/index").status_code == 200
            body = {"anchors": ["i0"], "slots": ["shoes", "bottom", "bag"], "k": 100, "diversity": 0.5}
            with concurrent.futures.ThreadPoolExecutor() as pool:
                answers = [pool.submit(client.post, "/v1/complete", json=body) for _ in range(4)]

                def there() -> float:
                    """How many are under way or answered: one that did not get there yet is refused its connection."""
                    waiting = float(re.search(r"\ngoeswith_waiting (\S+)", client.get("/metrics").text)[1])  # type: ignore[index]
                    return waiting + sum(answer.done() for answer in answers)

                while there() < len(answers):
                    time.sleep(0.002)
                began = time.monotonic()
                process.send_signal(signal.SIGTERM)
                statuses = {answer.result().status_code for answer in answers}
                late = {503} if time.monotonic() - began > GOODBYE_SECONDS - 1 else set()  # on busy cores
                assert statuses <= {200} | late
    finally:
        output, _ = process.communicate(timeout=300)
    assert process.returncode in (0, -signal.SIGTERM)
    assert output == ""
