"""Service, attacked: requests that are none, bodies that do not end, clients that hang up, sockets that hold on."""

import io
import logging
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from served import OUTFIT, Slow
from starlette.testclient import TestClient
from waiting import until

from goeswith.shop.stylist import Stylist
from goeswith.studio.app import create_app
from goeswith.studio.service import bodies, limits
from goeswith.studio.service.connections import Connection, LogBound
from goeswith.studio.service.refusals import SECURITY_HEADERS

TOKEN = "correct-horse-battery"


@contextmanager
def serving(app: Any) -> Iterator[int]:
    """The port where an app answers meanwhile, by the connections that `goeswith serve` uses."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", http=Connection, ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(20)


@pytest.fixture(scope="module")
def port(world: Path) -> Iterator[int]:
    with serving(create_app(world / "index", token=TOKEN)) as port:
        yield port


def sent(port: int, request: bytes, seconds: float = 120) -> bytes:
    """What the service answers to some bytes, until it closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as line:
        line.sendall(request)
        answer = b""
        while part := line.recv(1 << 16):
            answer += part
    return answer


BEARER = f"Authorization: Bearer {TOKEN}\r\n".encode()
ODD = [
    (b"GET / HTTP/1.1\r\nHost: [\r\n", 400),
    (b"GET /v1/items HTTP/1.1\r\nHost: [::1\r\n" + BEARER, 400),
    (b"GET /v1/items HTTP/1.1\r\nHost: x\r\nAuthorization: Basic \xe9\r\n", 401),
    (b"GET /v1/items HTTP/1.1\r\nHost: x\r\nAuthorization: \xe9\r\n", 401),
    (b"GET / HTTP/1.1\r\nHost: x\r\nReferer: http://[\r\n", 401),
    (b"POST /board/save HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nReferer: http://[\r\nOrigin: http://y\r\n" + BEARER,
     403),
    (b"POST /v1/score HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nOrigin: http://[\r\n" + BEARER, 403),
    (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n" + BEARER, 404),
    (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n", 401),
    (b"GET http://x/health HTTP/1.1\r\nHost: x\r\n" + BEARER, 404),
    (b"GET /rules?rule=" + b"%5B" * 6000 + b" HTTP/1.1\r\nHost: x\r\n" + BEARER, 200),
    (b"GET /rules?rule=" + b"[" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n" + BEARER, 200),
    (b"POST /v1/score HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n" + BEARER, 413),
    (b"GET /%ff%00?%ff HTTP/1.1\r\nHost: x\r\nCookie: \xff=\xff; theme=\xe9\r\n" + BEARER, 404),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n", 400),
    (b"GET / HTTP/1.1\r\n", 400),
]  # fmt: skip


@pytest.mark.parametrize(("request_head", "status"), ODD)
def test_odd_requests_are_refused_with_the_headers_of_all_answers(port: int, request_head: bytes, status: int) -> None:
    head = sent(port, request_head + b"Connection: close\r\n\r\n").partition(b"\r\n\r\n")[0].decode("latin-1").lower()
    assert head.startswith(f"http/1.1 {status} "), head
    for name in SECURITY_HEADERS:
        assert f"\r\n{name.lower()}: " in head, name
    assert "traceback" not in head


def test_every_answer_that_refuses_has_the_headers_of_all_answers(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stylist, "judge_many", lambda self, outfits: 1 / 0)
    with TestClient(create_app(world / "index")) as client:
        for answer in (
            client.post("/v1/score", json={"outfits": [OUTFIT]}),  # 500
            client.get("/nowhere"), client.get("/v1/nowhere"), client.put("/v1/score"), client.post("/v1/score"),
            client.post("/v1/score", headers={"origin": "http://evil.example"}),
        ):  # fmt: skip
            assert answer.status_code >= 400
            assert set(map(str.lower, SECURITY_HEADERS)) <= set(answer.headers), answer


def test_a_login_is_small_and_keeps_nobody_waiting(port: int) -> None:
    body = b"a=1&" * (3 << 20)
    head = b"POST /enter HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    began = time.monotonic()
    answer = sent(port, head + f"Content-Length: {len(body)}\r\n\r\n".encode())  # refused before it is sent
    assert answer.startswith(b"HTTP/1.1 413 ")
    with ExitStack() as stack:
        lines = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(limits.UNFINISHED)]
        for line in lines:
            line.sendall(head + f"Content-Length: {limits.LOGIN_BYTES}\r\n\r\na".encode())
        last = time.monotonic() + 20
        while not (more := sent(port, head + b"Content-Length: 3\r\n\r\na=1")).startswith(b"HTTP/1.1 503 "):
            assert time.monotonic() < last, more
        assert b"retry-after" in more.lower()
        health = sent(port, b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        items = sent(port, b"GET /v1/items HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + BEARER + b"\r\n")
        assert health.startswith(b"HTTP/1.1 200 ")
        assert items.startswith(b"HTTP/1.1 200 ")
    assert time.monotonic() - began < 15


def test_a_burst_of_large_requests_is_answered(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them are still arriving when the last one begins, and none is turned away."""
    monkeypatch.setattr(bodies, "JSON", bodies.JSON._replace(seconds=60))
    body = b'{"outfits": [["i0", "i50"]]}'.ljust(100_000)
    head = b"POST /v1/score HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n" + BEARER
    head += f"Content-Length: {len(body)}\r\n\r\n".encode()
    with ExitStack() as stack:
        lines = [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60)) for _ in range(120)]
        for line in lines:
            line.sendall(head + body[:-1])
        for line in lines:
            line.sendall(body[-1:])
        statuses = [line.recv(12) for line in lines]
    assert statuses == [b"HTTP/1.1 200"] * 120


def test_unfinished_uploads_are_few(port: int) -> None:
    head = (
        b"POST /v1/items HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    )
    head += BEARER + f"Content-Length: {limits.UPLOAD_BYTES}\r\n\r\n".encode()
    with ExitStack() as stack:
        for _ in range(limits.UPLOADS):
            stack.enter_context(socket.create_connection(("127.0.0.1", port))).sendall(head + b"x" * 100_000)
        until(lambda: sent(port, head + b"x").startswith(b"HTTP/1.1 503 "))
        score = b'{"outfits": [["i0", "i50"]]}'
        small = (
            b"POST /v1/score HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n" + BEARER
        )
        answer = sent(port, small + f"Content-Length: {len(score)}\r\n\r\n".encode() + score)
        assert answer.startswith(b"HTTP/1.1 200 ")  # others are not kept waiting


@pytest.mark.slow
def test_a_form_made_to_be_slow_keeps_nobody_waiting(client: TestClient, world: Path) -> None:
    """What the parser of multipart reads slowest: half a boundary, again and again."""
    with serving(create_app(world / "index")) as port:
        hard = b'--bb\r\nContent-Disposition: form-data; name="picture"; filename="x"\r\n\r\n' + b"\r\n--bb\rx" * (
            3 << 17
        )
        hard += b"\r\n--bb--\r\n"
        head = b"POST /v1/items HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=bb\r\n"
        with socket.create_connection(("127.0.0.1", port)) as line:
            line.sendall(head + f"Content-Length: {len(hard)}\r\n\r\n".encode() + hard)
            slowest = 0.0
            for _ in range(20):
                began = time.monotonic()
                assert sent(port, b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")[9:12] == b"200"
                slowest = max(slowest, time.monotonic() - began)
            assert line.recv(99).startswith(b"HTTP/1.1 422 ")  # there is no category
    assert slowest < 15  # on busy cores; it took longer than the form itself where it was parsed between requests


def test_heads_that_do_not_end_are_closed(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("goeswith.studio.service.connections.HEAD_SECONDS", 0.3)
    with serving(create_app(world / "index")) as port:
        for begun in (b"", b"GET / HT", b"GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nX: "):
            with socket.create_connection(("127.0.0.1", port), timeout=60) as line:
                line.sendall(begun)
                began, more = time.monotonic(), True
                while more:  # a letter now and then does not help
                    time.sleep(0.05)
                    try:
                        line.sendall(b"x" if begun else b"")
                        line.setblocking(False)
                        more = line.recv(9999) != b""
                    except BlockingIOError:
                        more = True
                    except OSError:
                        more = False
                    assert time.monotonic() - began < 60, begun


def test_one_address_has_only_so_many_connections(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("goeswith.studio.service.connections.ADDRESS_CONNECTIONS", 5)
    ask = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with serving(create_app(world / "index")) as port:
        with ExitStack() as stack:
            for _ in range(5):
                stack.enter_context(socket.create_connection(("127.0.0.1", port))).sendall(b"GET ")
            time.sleep(0.1)
            answer = sent(port, ask)
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert b"Retry-After" in answer
        until(lambda: sent(port, ask).startswith(b"HTTP/1.1 200 "))


def test_requests_of_disconnected_clients_are_not_started(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow, app = Slow(), create_app(world / "index")
    monkeypatch.setattr(Stylist, "complete_steps", slow)
    body = b'{"anchors": ["i0"], "slots": ["shoes"]}'
    head = b"POST /v1/complete HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: "
    ask = b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with serving(app) as port:
        lines = [socket.create_connection(("127.0.0.1", port)) for _ in range(40)]
        for line in lines:
            line.sendall(head + f"{len(body)}\r\n\r\n".encode() + body)
        until(lambda: app.state.shop.searches.busy == len(lines))
        for path in (b"/v1/items", b"/v1/index"):  # behind no search
            assert sent(port, ask % path).startswith(b"HTTP/1.1 200 ")
        reload = b"POST /v1/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        assert sent(port, reload).startswith(b"HTTP/1.1 200 ")
        for line in lines:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset, not a goodbye
            line.close()
        until(lambda: app.state.shop.searches.busy == app.state.shop.searches.threads)
        slow.gate.set()
        until(lambda: app.state.shop.busy == 0)
        counted = sent(port, ask % b"/metrics").decode()
    assert slow.begun == app.state.shop.searches.threads
    assert 'path="/v1/complete",status="499"} 40.0' in counted
    assert 'status="500"' not in counted


def test_head_is_get_without_a_body(client: TestClient) -> None:
    paths = [path for path, kinds in client.get("/openapi.json").json()["paths"].items() if "get" in kinds]
    paths = [path.replace("{item_id}", "i0") for path in paths] + ["/", "/board?on=i0", "/docs", "/static/studio.css"]
    assert len(paths) > 9
    for path in paths:
        whole, head = client.get(path), client.head(path)
        assert (head.status_code, head.content) == (whole.status_code, b""), path
        assert head.headers["content-type"] == whole.headers["content-type"]
        if path != "/metrics":
            assert head.headers["content-length"] == whole.headers["content-length"]
    assert client.head("/v1/score").status_code == client.get("/v1/score").status_code == 405
    assert client.head("/nowhere").status_code == 404


def test_invented_methods_make_no_series_of_their_own(client: TestClient) -> None:
    for name in ("FOO", "BAR", "BREW"):
        assert client.request(name, "/v1/score").status_code == 405
    metrics = client.get("/metrics").text
    assert 'method="other"' in metrics
    assert not re.search("FOO|BAR|BREW", metrics)


@pytest.mark.slow
def test_a_log_that_anybody_can_fill_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("goeswith.studio.service.connections.time.monotonic", lambda: clock[0])
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.addFilter(LogBound(most=5))
    log = logging.Logger("test")
    log.addHandler(handler)
    for number in range(1000):
        log.warning("rubbish %d", number)
    assert written.getvalue().splitlines() == [f"rubbish {number}" for number in range(5)]
    clock[0] = 61
    log.warning("after %s", "that")
    assert written.getvalue().splitlines()[5:] == ["after that (995 messages before this were left out)"]
