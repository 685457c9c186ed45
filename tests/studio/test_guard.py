"""Guard: who may ask, from where, how much at once; and thumbnails, which are bounded and stay in their folder."""

import asyncio
import base64
import io
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from answers import Parts
from PIL import Image
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from goeswith import studio
from goeswith.errors import ConfigError, DataError
from goeswith.studio.guard import Guard
from goeswith.studio.server import check, listen
from goeswith.studio.service import thumbnails
from goeswith.studio.service.bodies import JSON
from goeswith.studio.service.bounded_cache import BoundedCache
from goeswith.studio.service.limits import BODY_BYTES, UPLOAD_BYTES
from goeswith.studio.service.thumbnails import inside, placeholder, side_of, version_of

TOKEN = "correct-horse-battery"


async def answers(scope: Scope, receive: Receive, send: Send) -> None:
    """An app that says how many bytes it was sent."""
    await PlainTextResponse(str(len(await Request(scope, receive).body())))(scope, receive, send)


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("header", [f"Bearer {TOKEN}", f"bearer {TOKEN}", basic(f"anyone:{TOKEN}"), basic(f":{TOKEN}")])
def test_the_token_lets_in(header: str) -> None:
    client = TestClient(Guard(answers, token=TOKEN, hosts=None))
    assert client.post("/", content=b"abc", headers={"authorization": header}).text == "3"


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x", TOKEN, "Basic %%%", basic(TOKEN), basic(f"{TOKEN}:"),
     "Basic /w==", "Bearer k\u00f6nig"],
)  # fmt: skip
def test_any_other_token_does_not(header: str) -> None:
    client = TestClient(Guard(answers, token=TOKEN, hosts=None))
    answer = client.get("/v1/items", headers={"authorization": header.encode("latin-1")})
    assert (answer.status_code, answer.json()["reason"]) == (401, "wrong_token")
    assert client.get("/v1/items").json()["reason"] == "token_needed"
    assert "Basic" in answer.headers["www-authenticate"]
    assert TOKEN not in answer.text
    assert client.get("/health").text == "0"


def test_only_its_own_names_are_answered_where_it_is_alone() -> None:
    client = TestClient(Guard(answers, token=None, hosts={"localhost", "127.0.0.1", "::1"}))
    for host in ("localhost", "localhost:8000", "127.0.0.1:1", "[::1]:8000"):
        assert client.get("/", headers={"host": host}).status_code == 200
    for host in ("evil.example", "localhost.evil.example", "evil.example:8000", ""):
        answer = client.get("/health", headers={"host": host})
        assert (answer.status_code, answer.json()["reason"]) == (403, "unknown_host")


def test_a_person_gets_in_by_a_form_and_stays_in_by_a_cookie() -> None:
    client = TestClient(Guard(answers, token=TOKEN, hosts=None), follow_redirects=False)
    refused = client.get("/board?on=a&on=b")
    assert (refused.status_code, refused.headers["content-type"]) == (401, "text/html; charset=utf-8")
    assert "Basic" not in refused.headers["www-authenticate"]  # else browsers ask in a window of their own
    form = Parts(refused.text)
    assert form.of("form", action="/enter", method="post")
    assert form.of("input", name="back")[0]["value"] == "/board?on=a&on=b"
    assert client.get("/enter").status_code == 200
    wrong = client.post("/enter", data={"token": TOKEN[:-1], "back": "/board"})
    assert wrong.status_code == 401
    assert "That is not the token of this service" in wrong.text
    assert "set-cookie" not in wrong.headers
    assert Parts(wrong.text).of("input", name="back")[0]["value"] == "/board"
    for back, there in (("/board?on=a", "/board?on=a"), ("//evil.example", "/"), ("https://evil.example", "/")):
        client.cookies.clear()
        answer = client.post("/enter", data={"token": f" {TOKEN}\n", "back": back})
        assert (answer.status_code, answer.headers["location"]) == (303, there)
        cookie = answer.headers["set-cookie"].lower()
        for word in ("httponly", "samesite=strict", "path=/", "max-age="):
            assert word in cookie
        assert TOKEN not in cookie
        assert "secure" not in cookie  # there is no TLS here
    assert client.get("/board").text == client.get("/v1/items").text == "0"
    assert client.get("/enter").headers["location"] == "/"
    secure = TestClient(Guard(answers, token=TOKEN, hosts=None), base_url="https://shop", follow_redirects=False)
    assert "secure" in secure.post("/enter", data={"token": TOKEN}).headers["set-cookie"].lower()
    name, value = next(iter(client.cookies.items()))
    other = TestClient(Guard(answers, token=TOKEN + "2", hosts=None), cookies={name: value})
    assert other.get("/v1/items").status_code == 401  # another token, another cookie
    assert TestClient(Guard(answers, token=TOKEN, hosts=None), cookies={name: "x"}).get("/").status_code == 401


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"token", b"&" * 4000, b"token=a&token=b"])
def test_an_invalid_form_lets_nobody_in(body: bytes) -> None:
    client = TestClient(Guard(answers, token=TOKEN, hosts=None))
    assert client.post("/enter", content=body).status_code == 401
    large = client.post("/enter", content=b"x" * (BODY_BYTES + 1))
    assert (large.status_code, large.headers["content-type"]) == (413, "text/html; charset=utf-8")
    assert client.post("/enter", data={"token": TOKEN}, headers={"origin": "http://evil.example"}).status_code == 403


def test_refusals_are_a_page_for_people_and_json_for_programs() -> None:
    alone = TestClient(Guard(answers, token=None, hosts={"localhost"}), base_url="http://localhost")
    large = b"x" * (UPLOAD_BYTES + 1)
    form, back = {"content-type": "multipart/form-data"}, {"referer": "http://localhost/upload?on=a"}
    for path, headers, content, status, words, onward in (
        ("upload", form | back, large, 413, f"has more than {UPLOAD_BYTES:,} bytes; send less", "/upload?on=a"),
        ("upload", form | {"referer": "http://evil.example/x"}, large, 413, "bytes; send less at once.", "/"),
        ("board/save", {"origin": "http://evil.example"} | back, b"", 403, "Another site may not change anything", "/"),
        ("", {"host": "evil.example"}, b"", 403, "use the address that it was started with.", "http://localhost:80/"),
    ):
        page = alone.post(f"/{path}", headers=headers, content=content)
        assert (page.status_code, page.headers["content-type"]) == (status, "text/html; charset=utf-8")
        assert words in page.text
        assert Parts(page.text).of("a", **{"class": "button main"})[0]["href"] == onward
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert "evil.example" not in page.text
        response = alone.post(f"/v1/{path}", headers=headers, content=content)
        assert response.status_code == status
        if status != 413:  # programs may send more than people, but for files
            assert response.json()["detail"][1:-9] in page.text  # the same sentence


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "http://testserver"}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
    ],
)
def test_other_sites_may_look_but_change_nothing(headers: dict[str, str], status: int) -> None:
    client = TestClient(Guard(answers, token=None, hosts=None))
    assert client.post("/v1/score", content=b"x", headers=headers).status_code == status
    assert client.get("/", headers=headers).status_code == 200


def messages(receive: Callable[[], Message]) -> list[Message]:
    """What the guard answers to a request whose body comes from `receive`."""
    sent: list[Message] = []

    async def ask() -> None:
        async def body() -> Message:
            message = receive()
            if message["type"] == "never":
                await asyncio.Event().wait()
            return message

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/v1/score", "headers": []}
        await Guard(answers, token=None, hosts=None)(scope, body, send)

    asyncio.run(ask())
    return sent


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("goeswith.studio.service.bodies.JSON", JSON._replace(seconds=0.02))
    start, body = messages(lambda: {"type": "never"})
    assert start["status"] == 408
    assert b"too_slow" in body["body"]


def test_a_body_that_ends_in_the_middle_is_not_taken_for_a_whole_one() -> None:
    parts = iter([{"type": "http.request", "body": b"half", "more_body": True}, {"type": "http.disconnect"}])
    start, _ = messages(lambda: next(parts))
    assert start["status"] == 400


def test_an_address_that_others_reach_needs_a_token_that_is_hard_to_guess() -> None:
    for host in ("127.0.0.1", "127.8.8.8", "::1", "localhost"):
        check(host, None)
    for host in ("localhost", "0.0.0.0", "shop.example"):
        check(host, TOKEN)
    for host in ("0.0.0.0", "::", "192.168.1.2", "shop.example", "localhost.evil.example", ""):
        with pytest.raises(ConfigError, match="needs a token"):
            check(host, None)
    for token in ("short", "x" * 15, "has some spaces in it", "k\u00f6nig" * 5, ""):
        with pytest.raises(ConfigError, match="16 or more ASCII"):
            check("127.0.0.1", token)


def test_a_port_that_is_taken_is_reported() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"cannot serve at 127.0.0.1, port {port} \(.*in use\)"):
            listen("127.0.0.1", port)
    with pytest.raises(ConfigError, match=r"cannot serve at no\.such"):
        listen("no.such.host.invalid", 0)
    if socket.has_dualstack_ipv6():
        listen("::1", 0).close()


def test_without_the_extra_the_command_to_install_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "goeswith.studio.server", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(ConfigError, match=r"pip install 'goeswith\[serve\]'"):
        studio.run("index")


def test_thumbnail_sides_are_few() -> None:
    assert [side_of(side) for side in (1, 96, 97, 384, 5000)] == [96, 96, 192, 384, 768]


def test_pictures_are_only_taken_from_their_folder(tmp_path: Path) -> None:
    assert inside(tmp_path, "images/a.jpg") == tmp_path / "images" / "a.jpg"
    for name in ("../a.jpg", "images/../../a.jpg", "/etc/passwd", "", None):
        assert inside(tmp_path, name) is None
    assert inside(None, "a.jpg") is None
    assert version_of(tmp_path / "gone.jpg") == version_of(tmp_path / "a\0b.jpg") == version_of(None) == "none"


def test_a_thumbnail_keeps_the_shape_and_turns_as_exif_says(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.new("RGB", (90, 60), "red").save(tmp_path / "turned.jpg", exif=exif)
    Image.new("RGBA", (900, 30), (0, 0, 0, 0)).save(tmp_path / "long.png")
    assert Image.open(io.BytesIO(thumbnails.make(tmp_path / "turned.jpg", 96))).size == (64, 96)
    long = Image.open(io.BytesIO(thumbnails.make(tmp_path / "long.png", 192)))
    assert (long.size, long.getpixel((5, 3))) == ((192, 6), (255, 255, 255))
    assert Image.open(io.BytesIO(placeholder(192))).size == (192, 192)
    with pytest.raises(DataError, match="missing"):
        thumbnails.make(tmp_path / "gone.jpg", 96)


def test_thumbnails_are_made_once_and_the_least_used_go_first() -> None:
    made: list[str] = []
    cache: BoundedCache[tuple[str, int, str], bytes] = BoundedCache(10, len)

    def ask(name: str, size: int = 4) -> int:
        return len(cache.get((name, 96, "v"), lambda: made.append(name) or b"x" * size))  # type: ignore[func-returns-value]

    assert [ask(name) for name in "abab"] == [4] * 4
    assert made == ["a", "b"]
    ask("c")  # no room for three: b was asked for last, a before
    assert ask("b") == 4
    assert ask("a") == 4
    assert made == ["a", "b", "c", "a"]
    assert cache.values.currsize == sum(map(len, cache.values.values())) <= 10
    assert ask("large", 50) == 50
    assert cache.values.currsize == 8  # what is larger than all that may be kept is made each time, and evicts nothing
    assert made[-1] == "large"
    cache.forget()
    assert ask("a") == 4
    assert made[-1] == "a"
