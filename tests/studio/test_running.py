"""Running: under a path of a proxy, behind one that is trusted, a line for each request, a new index by itself."""

import asyncio
import json
import logging
import os
import re
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import served
from answers import Parts, png
from starlette.testclient import TestClient
from waiting import until

from goeswith.errors import ConfigError
from goeswith.shop.guests import GuestEncoder
from goeswith.studio.app import create_app
from goeswith.studio.service import photos
from goeswith.studio.service.access_log import Lines
from goeswith.studio.service.refusals import SECURITY_HEADERS
from goeswith.studio.service.shared import Shop

TOKEN = "correct-horse-battery"
ROOT = "/style"
SHIRT = {"category": "shirt", "title": "mine"}


# --- under a path


@pytest.fixture(scope="module")
def under(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    saved = tmp_path_factory.mktemp("saved") / "looks.sqlite"
    with TestClient(create_app(world / "index", looks=saved, root_path=ROOT), follow_redirects=False) as client:
        look = {"name": "One & all", "item_ids": served.OUTFIT}
        made = client.post(f"{ROOT}/v1/looks", json=look)
        assert made.headers["location"].startswith(f"{ROOT}/v1/looks/")
        assert client.get(made.headers["location"]).json()["name"] == look["name"]
        yield client


def addresses(text: str) -> set[str]:
    """What a page loads, links to and sends to."""
    tags = Parts(text).tags
    words = {"value", "alt", "title", "aria-label", "content", "d", "data-say", "placeholder", "data-on"}
    values = {value for _, attributes in tags for name, value in attributes.items() if value and name not in words}
    return {value for value in values if value.startswith("/")}


@pytest.mark.slow
def test_every_link_form_and_picture_leads_back_under_the_path(under: TestClient) -> None:
    waiting = [f"{ROOT}/", f"{ROOT}/looks", f"{ROOT}/report", f"{ROOT}/board?on=i0&on=i50"]
    seen: set[str] = set()
    while waiting:
        address = waiting.pop()
        kind = re.sub(r"/v1/items/[^/]+", "/v1/items/x", address.partition("?")[0])
        if kind in seen or kind.endswith(".pdf"):
            continue
        seen.add(kind)
        answer = under.get(address)
        assert answer.status_code != 404, address  # a form without its fields is refused, and it is there
        if "location" in answer.headers:
            assert answer.headers["location"].startswith(f"{ROOT}/"), address
            waiting.append(answer.headers["location"])
        if answer.headers.get("content-type", "").startswith("text/html"):
            there = addresses(answer.text)
            assert all(link.startswith(f"{ROOT}/") for link in there), (
                address,
                [a for a in there if a[:7] != "/style/"],
            )
            waiting += sorted(there)
            bare = under.get(address.removeprefix(ROOT))  # of a proxy that strips the path
            assert bare.text == answer.text
    firsts = {link.split("/")[2].partition("?")[0] for link in seen}
    assert {"", "board", "looks", "report", "static", "upload", "item", "v1", "rules", "quiz"} <= firsts


@pytest.mark.slow
def test_forms_and_cookies_stay_under_the_path(world: Path) -> None:
    with TestClient(create_app(world / "index", token=TOKEN, root_path=ROOT), follow_redirects=False) as client:
        form = client.get(f"{ROOT}/board", headers={"accept": "text/html"})
        assert (form.status_code, Parts(form.text).of("form")[0]["action"]) == (401, f"{ROOT}/enter")
        entered = client.post(f"{ROOT}/enter", data={"token": TOKEN, "back": "/board?on=i0"})
        assert (entered.status_code, entered.headers["location"]) == (303, f"{ROOT}/board?on=i0")
        assert f"; Path={ROOT};" in entered.headers["set-cookie"]
        assert client.get(f"{ROOT}/v1/index").status_code == 200
        assert client.get("/v1/index").status_code == 401  # the browser keeps the cookie for the path alone
        begun = client.get(ROOT)
        assert (begun.status_code, begun.headers["location"]) == (308, f"{ROOT}/")
        assert set(SECURITY_HEADERS) <= {name.title().replace("Xc", "X-C") for name in begun.headers} | set(
            begun.headers
        )
        assert client.get("/stylex").status_code == 401
        assert client.get("/health").status_code == client.get(f"{ROOT}/health").status_code == 200
        spec = client.get(f"{ROOT}/openapi.json", headers={"authorization": f"Bearer {TOKEN}"}).json()
        assert spec["servers"] == [{"url": ROOT}]
        head = client.head(f"{ROOT}/board")
        assert (head.content, int(head.headers["content-length"]) > 0) == (b"", True)


# --- behind a proxy


def test_only_a_trusted_proxy_says_for_whom_it_asks(world: Path) -> None:
    app = create_app(world / "index", token=TOKEN, trusted_proxies=["10.0.0.0/8"])
    forwarded = {"x-forwarded-proto": "https", "x-forwarded-host": "shop.example", "x-forwarded-for": "203.0.113.9"}
    form, origin = {"token": TOKEN, "back": "/"}, {"origin": "https://shop.example"}
    trusted = TestClient(app, client=("10.1.2.3", 5), follow_redirects=False)
    assert "Secure" in trusted.post("/enter", data=form, headers=forwarded | origin).headers["set-cookie"]
    other = TestClient(app, client=("192.0.2.1", 5), follow_redirects=False)
    assert "Secure" not in other.post("/enter", data=form, headers=forwarded).headers["set-cookie"]
    bearer = {"authorization": f"Bearer {TOKEN}"}
    body = {"outfits": [served.OUTFIT]}
    assert trusted.post("/v1/score", json=body, headers=bearer | forwarded | origin).status_code == 200
    assert other.post("/v1/score", json=body, headers=bearer | forwarded | origin).json()["reason"] == "cross_site"
    odd = forwarded | {"x-forwarded-host": "evil.example/x y"}
    assert trusted.post("/v1/score", json=body, headers=bearer | odd | origin).json()["reason"] == "cross_site"
    assert trusted.get("/health", headers={"x-request-id": "a-7"}).headers["x-request-id"] == "a-7"
    assert other.get("/health", headers={"x-request-id": "a-7"}).headers["x-request-id"] != "a-7"
    assert trusted.get("/health", headers={"x-request-id": 'a"\n'}).headers["x-request-id"] != "a"


# --- the access log


def test_a_line_for_each_request_and_nothing_secret(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(GuestEncoder, "features", served.seen)
    app = create_app(world / "index", token=TOKEN, access_log=str(tmp_path / "log" / "access.log"))
    bearer = {"authorization": f"Bearer {TOKEN}", "cookie": "theme=dark; secret=yes"}
    with TestClient(app, headers=bearer, raise_server_exceptions=False) as client:
        item = client.post("/v1/items", files={"picture": ("x", png(), "image/png")}, data=SHIRT).json()["item_id"]
        client.get(f"/v1/items/{item}?token={TOKEN}")
        client.get(f"/nothing/{item}")
        client.request("INVENTED", "/")
        client.head("/health")
        monkeypatch.setattr(Shop, "facets", lambda self: 1 / 0)
        failed = client.get("/v1/facets")
    lines = [json.loads(line) for line in (tmp_path / "log" / "access.log").read_text().splitlines()]
    assert [(line["method"], line["route"], line["status"]) for line in lines] == [
        ("POST", "/v1/items", 201), ("GET", "/v1/items/{item_id:path}", 422), ("GET", "other", 404),
        ("other", "/", 405), ("HEAD", "/health", 200), ("GET", "/v1/facets", 500),
    ]  # fmt: skip
    assert all(
        set(line) == {"time", "request_id", "method", "route", "status", "bytes", "ms", "process"} for line in lines
    )
    assert lines[-1]["request_id"] == failed.headers["x-request-id"]
    assert f"(request {failed.headers['x-request-id']})" in caplog.text
    text = (tmp_path / "log" / "access.log").read_text()
    for secret in (TOKEN, item, "dark", "mine", "testclient"):
        assert secret not in text
    assert len({line["request_id"] for line in lines}) == len(lines)


def test_the_log_is_bounded_and_two_processes_may_write_it(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    writers = [Lines(str(path), most=2000) for _ in range(2)]
    for number in range(100):
        writers[number % 2].write({"number": number, "text": "x" * 40})
        if number % 10 == 9:
            until(lambda: all(writer.waiting.empty() for writer in writers))
    for writer in writers:
        writer.close()
    files = sorted(file for file in tmp_path.iterdir() if not file.name.startswith("."))
    assert [file.name for file in files] == ["access.log", "access.log.1"]
    assert sum(file.stat().st_size for file in files) < 5000
    numbers = [json.loads(line)["number"] for file in files for line in file.read_text().splitlines()]
    assert {98, 99} <= set(numbers)
    assert len(set(numbers)) == len(numbers)


def test_a_log_that_cannot_keep_up_keeps_nobody_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"cannot write .*choose another --access-log"):
        Lines("/proc/none/access.log")
    held, write = threading.Event(), os.write
    lines = Lines(str(tmp_path / "access.log"))
    monkeypatch.setattr(os, "write", lambda *arguments: (held.wait(20), write(*arguments))[1])
    began = time.monotonic()
    for number in range(10_100):
        lines.write({"number": number})
    assert time.monotonic() - began < 15
    held.set()
    until(lines.waiting.empty)
    lines.write({"number": -1})
    lines.close()
    last = json.loads((tmp_path / "access.log").read_text().splitlines()[-1])
    assert last["number"] == -1
    assert 90 <= last["left_out"] <= 100


# --- a new index


def test_a_new_index_is_opened_by_itself_and_waits_behind_no_scoring(
    world: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    index = Path(shutil.copytree(world / "index", tmp_path / "index"))
    shop = Shop(index)
    first, held = shop.view, threading.Event()
    for pool in (shop.scoring, shop.workers, shop.quick, shop.picture_workers):
        for _ in range(8):
            pool.pool.submit(held.wait, 60)

    def put(**changed: Any) -> None:
        info = json.loads((world / "index" / "index.json").read_text())
        (index / "new.json").write_text(json.dumps(info | changed))
        (index / "new.json").replace(index / "index.json")

    async def watched() -> None:
        task = asyncio.create_task(shop.watch(0.02))
        await asyncio.sleep(0.1)
        assert shop.view is first
        with caplog.at_level(logging.WARNING):
            put(format=99)  # broken: tried once, and the old one stays
            await asyncio.sleep(0.5)
            assert shop.view is first
            assert len(re.findall("so the old one is kept", caplog.text)) == 1
        put(model=first.index.info["model"] | {"title": "newer"})
        await asyncio.to_thread(until, lambda: shop.view is not first)
        assert shop.index.info["model"]["title"] == "newer"
        assert "candidates" in vars(shop.index)  # made before, so that no request waits for it
        task.cancel()

    asyncio.run(watched())
    before = shop.view
    shop.renew()  # as SIGHUP does: whatever lies there
    until(lambda: shop.view is not before)
    held.set()
    shop.close()
    shop.renew()  # too late, and no error


# --- photos of several processes


@pytest.mark.slow
def test_what_one_process_was_sent_the_others_have(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GuestEncoder, "features", served.seen)
    monkeypatch.setattr(photos, "GUESTS", 3)
    apps = [create_app(world / "index", shared=tmp_path) for _ in range(2)]
    with TestClient(apps[0]) as client_a, TestClient(apps[1]) as client_b:

        def send(client: TestClient, grey: int) -> Any:
            return client.post("/v1/items", files={"picture": ("x", png(grey=grey), "image/png")}, data=SHIRT)

        first = send(client_a, 10).json()
        assert client_b.get(f"/v1/items/{first['item_id']}").json() == first
        assert client_b.get(first["image"]).content == client_a.get(first["image"]).content
        body = {"outfits": [[first["item_id"], "i50", "i100"]]}
        assert client_b.post("/v1/score", json=body).json() == client_a.post("/v1/score", json=body).json()
        assert send(client_b, 10).json() == first  # sent again, elsewhere: the same
        second = send(client_b, 20).json()["item_id"]
        assert send(client_a, 30).status_code == 201
        full = send(client_b, 40)
        assert (full.status_code, full.json()["reason"]) == (409, "too_many_guests")
        assert client_a.get("/v1/index").json()["guests"] == client_b.get("/v1/index").json()["guests"] == 3
        assert client_a.delete(f"/v1/items/{second}").status_code == 204
        assert client_b.get(f"/v1/items/{second}").status_code == 404
        assert client_b.post("/v1/reload").json()["guests"] == 2
        assert send(client_b, 50).status_code == 201
        # a browser: its photo is found in the other process by its cookie, and by nobody else
        sent = client_a.post("/upload", files={"picture": ("x", png(grey=60), "image/png")}, data=SHIRT,
                        headers={"sec-fetch-site": "same-origin"}, follow_redirects=False)  # fmt: skip
        assert sent.status_code in (200, 303, 409)
    stored = (tmp_path / "photos.sqlite").read_bytes()
    assert stored.count(second.encode()) == 0  # what is deleted is overwritten


def test_photos_that_could_not_be_taken_over_are_tried_again(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(GuestEncoder, "features", served.seen)
    apps = [create_app(world / "index", shared=tmp_path) for _ in range(2)]
    with TestClient(apps[0]) as client_a, TestClient(apps[1]) as client_b:
        sent = client_a.post("/v1/items", files={"picture": ("x", png(), "image/png")}, data=SHIRT).json()["item_id"]
        with monkeypatch.context() as broken:
            broken.setattr(photos.Photos, "ids", lambda self: 1 / 0)
            assert client_b.get(f"/v1/items/{sent}").status_code == 404
        assert "could not be loaded yet" in caplog.text
        assert client_b.get(f"/v1/items/{sent}").status_code == 200
