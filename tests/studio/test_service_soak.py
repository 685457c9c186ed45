"""Service under a mixed load: clients that hang up, rubbish, and good requests, none of which may be lost."""

import contextlib
import random
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import served
from test_service_hard import ODD, TOKEN
from test_service_live import start

from goeswith.studio.service.limits import ANSWER_SECONDS, GOODBYE_SECONDS

pytestmark = pytest.mark.slow

SECONDS = 8.0
A_SECOND = 6
"""Requests whose clients hang up, and as many that are rubbish."""
HARD = b'{"anchors": ["i8"], "slots": ["shoes", "bottom", "bag"], "k": 100, "diversity": 0.5}'
GOOD: list[tuple[str, str, object]] = [
    ("GET", "/health", None),
    ("GET", "/v1/items?q=red", None),
    ("GET", "/v1/items/i9/image?size=96", None),
    ("POST", "/v1/score", {"outfits": [["i9", "i60", "i110"]]}),
    ("POST", "/v1/complete", {"anchors": ["i9"], "slots": ["shoes"]}),
    ("GET", "/board?on=i9&on=i60", None),
]


def send_and_reset(request: bytes, port: int, seconds: float) -> None:
    """Send something, wait a little, and hang up with a reset."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=30) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        line.sendall(request)
        time.sleep(seconds)


def hang_up(port: int, seconds: float) -> None:
    head = f"POST /v1/complete HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(HARD)}\r\n\r\n"
    send_and_reset(head.encode() + HARD, port, seconds)


def hang_up_sometime(port: int, luck: random.Random) -> None:
    hang_up(port, luck.choice([0.0, 0.0, 0.05, 0.3]))


def rubbish(port: int, luck: random.Random) -> None:
    odd = luck.choice(
        [luck.randbytes(luck.randrange(1, 300)), luck.choice(ODD)[0] + b"\r\n", b"POST /enter HTTP/1.1\r\n"]
    )
    send_and_reset(odd, port, luck.choice([0.0, 0.05]))


def every_so_often(action: Callable[[int, random.Random], None], port: int, stop: threading.Event, seed: int) -> None:
    """Do something so many times a second, from a thread of its own: one of them may be slow."""
    luck = random.Random(seed)
    while not stop.wait(1 / A_SECOND):
        threading.Thread(target=action, args=(port, random.Random(luck.random())), daemon=True).start()


@dataclass
class Soaked:
    """(path, status, seconds) of the good requests, requests of others sent, seconds of the end, and the log."""

    good: list[tuple[str, int, float]]
    others: int
    ending: float
    log: str


def soak(index: Path, seconds: float, good: list[tuple[str, str, object]], seed: int = 9) -> Soaked:
    """Serve an index to good clients and others for so many seconds, then end it while it works."""
    process, url = start(index, "--token", TOKEN)
    port, stop = int(url.rsplit(":", 1)[1]), threading.Event()
    answers: list[tuple[str, int, float]] = []

    def ask(seed: int) -> None:
        luck = random.Random(seed)
        with httpx.Client(base_url=url, headers={"authorization": f"Bearer {TOKEN}"}, timeout=60) as client:
            while not stop.is_set():
                method, path, body = luck.choice(good)
                began = time.monotonic()
                try:
                    status = (client.request(method, path, json=body) if body else client.get(path)).status_code
                except httpx.HTTPError:
                    status = 0  # it was not answered
                answers.append((path, status, time.monotonic() - began))

    clients = [threading.Thread(target=ask, args=(seed + number,)) for number in range(3)]
    others = [
        threading.Thread(target=every_so_often, args=(action, port, stop, seed))
        for action in (hang_up_sometime, rubbish)
    ]
    try:
        for thread in [*clients, *others]:
            thread.start()
        for _ in range(100):  # all at once, besides
            hang_up(port, 0.0)
        time.sleep(seconds)
        stop.set()
        for thread in [*clients, *others]:
            thread.join(90)
        for _ in range(50):  # work that nobody hangs up on, when it is to stop
            threading.Thread(target=lambda: asked_whole(port), daemon=True).start()
        time.sleep(0.5)
    finally:
        stop.set()
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=300)
    return Soaked(answers, 100 + int(2 * A_SECOND * seconds), time.monotonic() - began, output)


def test_good_requests_are_answered_whatever_others_do_and_the_end_keeps_its_promise(tmp_path: Path) -> None:
    soaked = soak(served.make_index(tmp_path), SECONDS, GOOD)
    assert len(soaked.good) > 20
    assert [answer for answer in soaked.good if answer[1] != 200] == []
    assert sorted(seconds for _, _, seconds in soaked.good)[int(0.99 * len(soaked.good))] < ANSWER_SECONDS
    assert soaked.ending < GOODBYE_SECONDS + 60
    assert len(soaked.log.splitlines()) < 200  # however much rubbish there was
    assert "Traceback" not in soaked.log


def asked_whole(port: int) -> None:
    """Ask for something hard, and wait for it."""
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    try:
        httpx.post(f"http://127.0.0.1:{port}/v1/complete", content=HARD, headers=headers, timeout=60)
    except httpx.TransportError:
        return
