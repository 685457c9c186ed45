"""Downloading pictures, from a server that misbehaves in every way that servers do, always within bounds."""

import asyncio
import io
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import polars as pl
import pytest
from folders import write
from PIL import Image

from goeswith.data import download as download_module
from goeswith.data.dataset import Dataset
from goeswith.data.download import Bounds, download
from goeswith.data.importing import import_data
from goeswith.data.network import is_public, public_address
from goeswith.data.picture_cache import PictureCache
from goeswith.errors import ConfigError, DataError

QUICK = Bounds(size=50_000, seconds=0.5, tries=2, wait=0.01, longest_wait=2.0)
PATIENT = replace(QUICK, seconds=60.0)


def picture(colour: str, kind: str = "JPEG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(file, kind)
    return file.getvalue()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    asked: ClassVar[Counter[str]] = Counter()
    at_once = most_at_once = 0
    lock = threading.Lock()
    colour = "red"

    def log_message(self, *words: object) -> None:
        pass

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].strip("/")
        with Handler.lock:
            Handler.asked[path] += 1
            Handler.at_once += 1
            Handler.most_at_once = max(Handler.most_at_once, Handler.at_once)
        try:
            getattr(self, path.partition("-")[0], self.missing)()
        except (BrokenPipeError, ConnectionResetError):
            pass
        finally:
            with Handler.lock:
                Handler.at_once -= 1

    def answer(self, status: int, data: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def good(self) -> None:
        time.sleep(0.02)
        self.answer(200, picture("blue", "PNG"))

    def tagged(self) -> None:
        tag = f'"{Handler.colour}"'
        if self.headers.get("If-None-Match") == tag:
            self.answer(304)
        else:
            self.answer(200, picture(Handler.colour), ETag=tag)

    def gone(self) -> None:
        self.answer(410)

    def flaky(self) -> None:
        self.answer(503) if Handler.asked["flaky"] == 1 else self.answer(200, picture("green"))

    def busy(self) -> None:
        self.answer(429, Retry_After="1") if Handler.asked["busy"] == 1 else self.answer(200, picture("white"))

    def page(self) -> None:
        self.answer(200, b"<html>not for you</html>", Content_Type="image/jpeg")

    def huge(self) -> None:
        self.answer(200, picture("red") + bytes(60_000))

    def endless(self) -> None:
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        while True:
            self.wfile.write(bytes(10_000))

    def slow(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        for _ in range(100):
            self.wfile.write(b"x")
            time.sleep(0.1)

    def header(self) -> None:  # one that never ends
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(100):
            self.wfile.write(b"X-%d: y\r\n" % number)
            time.sleep(0.1)

    def torn(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5000")
        self.end_headers()
        self.wfile.write(picture("red")[:100])
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(1)

    def loop(self) -> None:
        self.answer(302, Location="/loop")

    def moved(self) -> None:
        self.answer(301, Location="good")

    def inside(self) -> None:
        self.answer(302, Location=f"http://127.0.0.1:{self.server.server_address[1]}/good")

    def missing(self) -> None:
        self.answer(404)


@pytest.fixture
def server() -> Iterator[str]:
    Handler.asked, Handler.most_at_once, Handler.colour = Counter(), 0, "red"
    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.daemon_threads = True
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{made.server_address[1]}"
    made.shutdown()
    made.server_close()
    thread.join()


def fetch(server: str, cache: Path, *paths: str, bounds: Bounds = QUICK, **options):
    addresses = {path: f"{server}/{path}" for path in ("good", *paths)}
    return download(addresses, cache, allow_private=True, bounds=bounds, **options)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("gone", "answers 410"),
        ("nowhere", "answers 404"),
        ("page", "other than a picture"),
        ("huge", "larger than 50,000 bytes"),
        ("endless", "larger than 50,000 bytes"),
        ("slow", "longer than 0.5 seconds"),
        ("header", "longer than 0.5 seconds"),
        ("torn", "RemoteProtocolError"),
        ("loop", "more than 5 redirects"),
    ],
)
def test_a_misbehaving_server_is_given_up_within_bounds_and_reported(path, reason, server, tmp_path):
    fetch(server, tmp_path, bounds=PATIENT)  # is there already where there is little time
    done = fetch(server, tmp_path, path, bounds=QUICK if path in ("slow", "header") else PATIENT)
    assert [*done.pictures] == ["good"]
    [(item_id, address, why)] = done.failures
    assert (item_id, address) == (path, f"{server}/{path}")
    assert reason in why
    assert pl.read_csv(tmp_path / "failures.csv").rows() == done.failures
    assert Handler.asked[path] == {"loop": 6}.get(path, 2 if path in ("slow", "header", "torn") else 1)
    assert not fetch(server, tmp_path).failures
    assert not (tmp_path / "failures.csv").exists()


def test_a_host_that_cannot_be_reached_is_not_asked_for_every_picture(tmp_path, monkeypatch):
    with socket.socket() as taken:  # nobody listens there
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        asked, fetch_one = [], download_module._Job._fetch

        def counted(job, client, url, before):
            asked.append(url)
            return fetch_one(job, client, url, before)

        monkeypatch.setattr(download_module._Job, "_fetch", counted)
        bounds = Bounds(tries=2, wait=0.01, at_once=4, silent=3)
        with pytest.raises(DataError, match=r"not one of 200 pictures.*ConnectError"):
            download({f"i{n}": f"{address}/{n}" for n in range(200)}, tmp_path, allow_private=True, bounds=bounds)
    assert len(asked) <= 2 * (3 + 4)
    assert "its host could not be reached for 3 other pictures" in next(tmp_path.rglob("*failures*")).read_text()


def test_a_busy_server_is_asked_again_when_it_said(server, tmp_path):
    start = time.monotonic()
    done = fetch(server, tmp_path, "busy", "flaky", "moved")
    assert time.monotonic() - start >= 1
    assert not done.failures
    assert (Handler.asked["busy"], Handler.asked["flaky"]) == (2, 2)
    assert {path.suffix for path in done.pictures.values()} == {".png", ".jpg"}
    assert done.pictures["moved"] == done.pictures["good"]  # equal bytes are kept once


def test_private_networks_are_never_contacted_even_by_a_redirect(server, tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"not one of 1 pictures.*private network; allow that with --allow-private"):
        download({"a": f"{server}/good"}, tmp_path, bounds=QUICK)
    assert not Handler.asked
    from goeswith.data import network

    async def named(host: str, port: int, allow_private: bool = False) -> str:  # the shop's host is taken as public
        return "127.0.0.1" if host == "shop.example" else await public_address(host, port, allow_private)

    monkeypatch.setattr(network, "public_address", named)
    shop = server.replace("127.0.0.1", "shop.example")
    done = download({"a": f"{shop}/good", "b": f"{shop}/inside"}, tmp_path, bounds=QUICK)
    assert [*done.pictures] == ["a"]
    assert "127.0.0.1 is in a private network" in done.failures[0][2]
    assert Handler.asked == {"good": 1, "inside": 1}


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
     "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::",
     "255.255.255.255"],
)  # fmt: skip
def test_private_addresses_are_recognised(address):
    assert not is_public(address)


def test_public_addresses_are_recognised():
    assert all(map(is_public, ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::5db8:d822"]))


def test_a_host_with_one_private_address_among_others_is_private(monkeypatch):
    async def both(host, port, **named):
        return [(2, 1, 6, "", ("93.184.216.34", port)), (2, 1, 6, "", ("10.0.0.1", port))]

    async def ask(allowed: bool) -> str:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", both)
        return await public_address("x.example", 80, allowed)

    assert asyncio.run(ask(False)) == ""
    assert asyncio.run(ask(True)) == "93.184.216.34"


def test_what_is_there_is_not_asked_for_again_but_where_it_may_have_changed(server, tmp_path):
    first = fetch(server, tmp_path, "tagged")
    assert (first.fetched, first.unchanged) == (2, 0)
    again = fetch(server, tmp_path, "tagged")
    assert (again.fetched, again.unchanged) == (0, 2)
    assert Handler.asked == {"good": 1, "tagged": 1}
    checked = fetch(server, tmp_path, "tagged", check=True)
    assert (checked.fetched, checked.unchanged) == (0, 2)
    assert Handler.asked == {"good": 1, "tagged": 2}  # good came without ETag and date
    Handler.colour = "yellow"
    changed = fetch(server, tmp_path, "tagged", check=True)
    assert (changed.fetched, changed.unchanged) == (1, 1)
    assert changed.pictures["tagged"] != first.pictures["tagged"]
    assert changed.pictures["good"] == first.pictures["good"]


def test_a_picture_that_is_there_stays_where_a_new_one_cannot_be_had(server, tmp_path, monkeypatch):
    first = fetch(server, tmp_path, "tagged")
    monkeypatch.setattr(Handler, "tagged", Handler.gone)
    again = fetch(server, tmp_path, "tagged", check=True)
    assert again.pictures == first.pictures
    assert not again.failures


def test_a_host_is_asked_politely_and_each_address_once(server, tmp_path):
    seen: list[tuple[int, int]] = []
    addresses = {f"i{number}": f"{server}/good-{number % 20}" for number in range(40)}
    bounds = Bounds(at_one_host=3, at_once=16)
    done = download(
        addresses, tmp_path, allow_private=True, bounds=bounds, progress=lambda *counts: seen.append(counts)
    )
    assert len(done.pictures) == 40
    assert set(Handler.asked.values()) == {1}
    assert Handler.most_at_once <= 3
    assert seen[-1] == (20, 20)


@pytest.mark.slow
def test_a_killed_download_goes_on_where_it_stopped(server, tmp_path):
    program = (
        "import os, signal; from pathlib import Path; from goeswith.data.download import *\n"
        f"addresses = {{str(n): f'{server}/good-{{n}}' for n in range(200)}}\n"
        "die = lambda done, total: done >= 20 and os.kill(os.getpid(), signal.SIGKILL)\n"
        f"download(addresses, Path({str(tmp_path)!r}), allow_private=True, bounds=Bounds(at_one_host=1), progress=die)"
    )
    died = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert died.returncode == -signal.SIGKILL, died.stderr
    before = sum(Handler.asked.values())
    assert 20 <= before < 200
    done = download({str(n): f"{server}/good-{n}" for n in range(200)}, tmp_path, allow_private=True)
    assert len(done.pictures) == 200
    assert sum(Handler.asked.values()) - before <= 201 - before + 1  # at most what was under way is asked for twice
    assert done.unchanged >= before - 2


def test_addresses_of_other_kinds_are_failures(server, tmp_path):
    done = download({"a": f"{server}/good", "b": "ftp://x/y.jpg", "c": "http://[::1", "d": "http://no-such-host.invalid/a"},
                    tmp_path, allow_private=True, bounds=QUICK)  # fmt: skip
    assert [item_id for item_id, _, _ in done.failures] == ["b", "c", "d"]
    assert "cannot be resolved" in done.failures[2][2]


def test_a_table_with_addresses_is_imported_and_updated(server, tmp_path):
    rows = "".join(f"{name},dress,{server}/{name}\n" for name in ("good", "tagged", "gone"))
    write(tmp_path, {"shop/items.csv": f"item_id,category,image\n{rows}"})
    options = {"allow_private": True}
    done = import_data("table", tmp_path / "shop", tmp_path / "data", options=options)
    assert "skipped 1: pictures that could not be downloaded" in done.lines
    assert "pictures: 2 downloaded, 0 unchanged" in done.lines
    first = dict(Dataset(tmp_path / "data").catalogue.items.select("item_id", "image").iter_rows())
    assert first == {"good": "images/good.png", "tagged": "images/tagged.jpg", "gone": None}
    assert (tmp_path / "data.pictures" / "failures.csv").read_text().splitlines()[1].startswith("gone,")
    assert import_data("table", tmp_path / "shop", tmp_path / "data", options=options, update=True)
    Handler.colour = "black"
    changed = import_data("table", tmp_path / "shop", tmp_path / "data", options=options, update=True)
    assert any("1 pictures changed" in line for line in changed.lines)
    assert Handler.asked == {"good": 1, "tagged": 3, "gone": 3}
    offline = import_data("table", tmp_path / "shop", tmp_path / "data", options=options, update=True, pictures=False)
    assert "pictures: 1 not downloaded, 2 from before" in offline.lines
    assert offline.dataset.info["pictures"] == 2
    assert sum(Handler.asked.values()) == 7


def test_a_folder_that_cannot_hold_pictures_is_reported(server, tmp_path):
    (tmp_path / "full").write_text("a file")
    with pytest.raises(DataError, match="cannot keep pictures in"):
        fetch(server, tmp_path / "full")


def test_without_the_library_the_install_command_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "httpx", None)
    monkeypatch.delitem(sys.modules, "goeswith.data.network", raising=False)
    monkeypatch.delattr(sys.modules["goeswith.data"], "network", raising=False)
    with pytest.raises(ConfigError, match=r"needs httpx; run: pip install 'goeswith\[feeds\]'"):
        download({"a": "http://x.example/a"}, tmp_path)


def test_works_inside_a_running_loop(server, tmp_path):
    async def notebook():
        return fetch(server, tmp_path)

    assert asyncio.run(notebook()).pictures


def test_a_damaged_cache_entry_is_downloaded_again(server, tmp_path):
    done = fetch(server, tmp_path)
    done.pictures["good"].unlink()
    assert fetch(server, tmp_path).fetched == 1
    cache = PictureCache(tmp_path)
    assert cache.get("http://elsewhere.example") is None
    cache.close()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate with openssl")
def test_certificates_are_checked_for_the_name_though_the_address_is_connected_to(server, tmp_path, monkeypatch):
    from goeswith.data import network

    made, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=shop.example -addext subjectAltName=DNS:shop.example"
    subprocess.run(["openssl", *words.split(), "-keyout", key, "-out", made], check=True, capture_output=True)
    served = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, key)
    served.socket = context.wrap_socket(served.socket, server_side=True)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    trusting = ssl.create_default_context(cafile=made)

    async def named(host: str, port: int, allow_private: bool = False) -> str:
        return "127.0.0.1"

    monkeypatch.setattr(network, "public_address", named)
    monkeypatch.setattr(network.httpx, "create_ssl_context", lambda **options: trusting)
    port = served.server_address[1]
    addresses = {"a": f"https://shop.example:{port}/good", "b": f"https://other.example:{port}/good"}
    done = download(addresses, tmp_path / "cache", bounds=QUICK)
    served.shutdown()
    served.server_close()
    assert [*done.pictures] == ["a"]
    assert "Hostname mismatch" in done.failures[0][2]
