"""Events: what product pages post, from whom, how much; what is shown in a trial; and what the report makes of it."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import served
from answers import Parts, refused
from starlette.testclient import TestClient
from typer.testing import CliRunner

from goeswith.cli.main import app as command_line
from goeswith.errors import ConfigError, DataError
from goeswith.studio.app import create_app
from goeswith.studio.service import limits
from goeswith.studio.service.buckets import Bucket
from goeswith.studio.storefront.click_report import report
from goeswith.studio.storefront.events import Event, Events, shown_frame
from goeswith.studio.storefront.keys import PublicKey

TOKEN, KEY, SHOP = "correct-horse-battery", "key-of-product-pages", "https://shop.example"
EVENTS, LOOKS = "/storefront/v1/events", "/storefront/v1/looks/i0"
PAGE = {"origin": SHOP, "content-type": "text/plain;charset=UTF-8"}


def event(number: int = 0, kind: str = "impression", **changed: Any) -> dict[str, Any]:
    return {"id": f"e{number}", "kind": kind, "session": "s1", "item": "i0", "look": "made-1"} | changed


def beacon(client: TestClient, events: Any, key: str = KEY, headers: dict[str, str] = PAGE) -> Any:
    return client.post(EVENTS, content=json.dumps({"events": events, "key": key}), headers=headers)


@pytest.fixture
def posted(world: Path, tmp_path: Path) -> Iterator[tuple[TestClient, Path]]:
    file = tmp_path / "clicks.sqlite"
    app = create_app(world / "index", token=TOKEN, looks=tmp_path / "looks.sqlite", clicks=file,
                     public_key=PublicKey(KEY, [SHOP]))  # fmt: skip
    with TestClient(app) as client:
        yield client, file


def rows(file: Path) -> list[tuple[Any, ...]]:
    with sqlite3.connect(file) as opened:
        return opened.execute("SELECT * FROM events ORDER BY event_id").fetchall()


def test_a_beacon_is_kept_once_and_nothing_of_who_sent_it(posted: tuple[TestClient, Path]) -> None:
    client, file = posted
    sent = beacon(client, [event(1), event(2, "click", target="i50")])
    assert (sent.status_code, sent.json()) == (202, {"kept": 2, "repeated": 0})
    assert beacon(client, [event(2, "click", target="i50"), event(3, "basket")]).json() == {"kept": 1, "repeated": 1}
    assert "set-cookie" not in sent.headers
    assert sent.headers["access-control-allow-origin"] == SHOP
    written = rows(file)
    assert [row[:8] for row in written][1] == ("e2", "click", "s1", "i0", "made-1", "", "", "i50")
    assert len(written[0]) == 9  # and the minute: no address, no browser, no referrer
    with sqlite3.connect(file) as opened:
        assert opened.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_only_pages_with_the_key_and_programs_with_the_token_may_post(posted: tuple[TestClient, Path]) -> None:
    client, file = posted
    body = {"events": [event(1)]}
    refused(beacon(client, [event(1)], key=""), 401, "key_needed")
    refused(beacon(client, [event(1)], key="another-key-of-pages"), 401, "wrong_key")
    refused(beacon(client, [event(1)], key=TOKEN), 401, "wrong_key")
    refused(beacon(client, [event(1)], headers=PAGE | {"origin": "https://evil.example"}), 403, "wrong_origin")
    refused(client.post(EVENTS, json=body, headers={"authorization": "Bearer wrong"}), 401, "wrong_key")
    assert not file.exists()
    header = {"authorization": f"Bearer {KEY}", "origin": SHOP}
    assert client.post(EVENTS, json=body, headers=header).status_code == 202
    assert client.post(EVENTS, json=body, headers={"authorization": f"Bearer {TOKEN}"}).json()["repeated"] == 1
    headers = {"origin": SHOP, "access-control-request-method": "POST",
             "access-control-request-headers": "authorization,content-type"}  # fmt: skip
    allowed = client.options(EVENTS, headers=headers)
    assert (allowed.status_code, "POST" in allowed.headers["access-control-allow-methods"]) == (200, True)
    refused(client.get(EVENTS, headers=header), 405, "wrong_method")


def test_without_a_key_only_this_machine_may_post(world: Path, tmp_path: Path) -> None:
    with TestClient(create_app(world / "index", clicks=tmp_path / "clicks.sqlite")) as client:
        assert client.post(EVENTS, json={"events": [event(1)]}).status_code == 202
        refused(beacon(client, [event(2)]), 401, "key_needed")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ([], 422, "bad_request"),
        ([event(number) for number in range(limits.EVENTS + 1)], 422, "bad_request"),
        ([event(1, "visit")], 422, "bad_request"),
        ([event(1, session="someone@shop.example")], 422, "bad_request"),
        ([event(1, ip="203.0.113.9")], 422, "bad_request"),
        ([event(1) | {"id": "x" * 65}], 422, "bad_request"),
        ([event(1, target="x" * 400)], 422, "bad_request"),
        ([event(1, item="x" * 70_000)], 413, "too_large"),
        ("{", 422, "bad_request"),
        (None, 422, "bad_request"),
    ],
)
def test_what_is_no_event_is_refused_whole(
    posted: tuple[TestClient, Path], body: Any, status: int, reason: str
) -> None:
    client, file = posted
    refused(beacon(client, body), status, reason)
    assert not file.exists()


def test_other_types_and_too_many_requests_are_refused(posted: tuple[TestClient, Path]) -> None:
    client, _ = posted
    refused(beacon(client, [event(1)], headers=PAGE | {"content-type": "text/html"}), 415, "wrong_type")
    for text in ("{", '{"events": [}', "\xff"):
        refused(client.post(EVENTS, content=text, headers=PAGE), 400, "unreadable", "not valid JSON")
    client.app.state.event_bucket = Bucket(0.0, 2)  # type: ignore[attr-defined]
    assert [beacon(client, [event(number)]).status_code for number in range(3)] == [202, 202, 429]


def test_several_processes_write_at_once_and_the_oldest_make_room(tmp_path: Path) -> None:
    stores = [Events(tmp_path / "clicks.sqlite", most=60) for _ in range(4)]

    def add(number: int) -> int:
        each = [Event(f"{number}-{part}", "impression", f"s{number}", "i", "l", "m") for part in range(5)]
        return stores[number % 4].add([*each, each[0]])

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(add, range(20))) == 100
    assert len(rows(tmp_path / "clicks.sqlite")) == 60
    (tmp_path / "other.sqlite").write_bytes(b"not a database, but long enough to be looked at" * 30)
    with pytest.raises(DataError, match="choose another --clicks"):
        Events(tmp_path / "other.sqlite").add([Event("a", "click", "s", "i", "l", "m")])


# --- trials


def looks(client: TestClient, **query: Any) -> tuple[str, list[tuple[str, str]]]:
    answer = client.get(LOOKS, params=query).json()
    return answer["trial"], [(look["source"], look["look_id"]) for look in answer["looks"]]


def test_a_share_of_the_sessions_sees_random_looks(world: Path, tmp_path: Path) -> None:
    app = create_app(world / "index", looks=tmp_path / "looks.sqlite", control=0.07)
    with TestClient(app) as client:
        trial, plain = looks(client)
        assert (trial, {source for source, _ in plain}) == ("", {plain[0][0]})
        assert plain[0][0].startswith("run ")
        drawn = [looks(client, draw=draw) for draw in range(20)]
        assert all(trial == "control" for trial, _ in drawn)
        assert [{source for source, _ in each} for _, each in drawn] == [{"random"}] * 7 + [{plain[0][0]}] * 13
        assert all(each == plain for _, each in drawn[7:])
        assert looks(client, draw=3) == drawn[3]  # a session sees the same again, from any process
        assert len({tuple(each) for _, each in drawn[:7]}) == 7
        look = {"name": "ours", "item_ids": served.OUTFIT, "state": "approved"}
        assert client.post("/v1/looks", json=look).status_code == 201
        trial, first = looks(client, draw=3)
        assert (trial, first[0][0]) == ("", "approved")


def test_two_models_are_mixed_fairly(world: Path, tmp_path: Path) -> None:
    from goeswith.shop.stylist import Stylist

    other = Path(shutil.copytree(world / "index", tmp_path / "other"))
    info = json.loads((other / "index.json").read_text())
    (other / "index.json").write_text(json.dumps(info | {"model": info["model"] | {"title": "second"}}))
    # The other model is the same one under another name, whose looks come in another order.
    app = create_app(world / "index", looks=tmp_path / "looks.sqlite", compare=other)
    there = app.state.trial.other.shop.stylist
    there.complete = lambda *arguments, **named: Stylist.complete(there, *arguments, **named)[::-1]
    with TestClient(app) as client:
        assert looks(client)[0] == ""
        drawn = [looks(client, draw=draw, limit=4) for draw in range(40)]
    assert {trial for trial, _ in drawn} == {"compare"}
    for _, each in drawn:
        sources = [source.split()[0] for source, _ in each]
        assert len({look for _, look in each}) == len(each) == 4
        assert sorted(sources) == ["run", "run", "second", "second"]
    firsts = [each[0][0].split()[0] for _, each in drawn]
    assert 8 < firsts.count("run") < 32
    with pytest.raises(ConfigError, match="both indices have the model"):
        create_app(world / "index", compare=world / "index")
    with pytest.raises(ConfigError, match="cannot be tried at once"):
        create_app(world / "index", compare=other, control=0.1)


# --- the report


def made_events() -> list[tuple[Any, ...]]:
    """200 sessions, half of them with random looks; of four looks a model's are clicked twice, random ones once."""
    events = []
    for session in range(200):
        source = "random" if session % 2 else "tower 1a2b3c"
        for look in range(4):
            clicked = look < (1 if session % 2 else 2)
            events.append((f"s{session}", "i0", f"l{look}", source, "control", True, clicked, clicked and not look))
    events += [
        (f"c{session}", "i0", source[0], source, "compare", True, (source == "a 1") == (session < 20), False)
        for session in range(30)
        for source in ("a 1", "b 2")
    ]
    return [*events, ("s1", "i0", "l9", "random", "control", False, True, False)]


def test_the_report_counts_what_is_known() -> None:
    counted = report(shown_frame(made_events()))
    assert (counted.sessions, counted.shown, counted.unseen) == (230, 860, 1)
    rates = {row.name: (row.click.count, row.click.shown, row.basket.count) for row in counted.sources}
    assert rates["tower 1a2b3c"] == (200, 400, 100)
    assert rates["random"] == (100, 400, 100)
    assert {row.name: row.click.count for row in counted.looks}["l0"] == 200
    [beside] = counted.beside
    assert (beside.name, beside.click.difference, beside.basket.difference) == ("tower 1a2b3c", 0.25, 0.0)
    assert beside.click.sessions == 200
    assert beside.click.low > 0.2
    assert counted.contest is not None
    assert (counted.contest.first, counted.contest.wins.first, counted.contest.wins.second) == ("a 1", 20, 10)
    assert counted.contest.wins.low < 0.5 < counted.contest.wins.high
    empty = report(shown_frame([]))
    assert (empty.shown, empty.sources, empty.beside, empty.contest) == (0, (), (), None)


@pytest.mark.slow
def test_the_command_and_the_page_show_it(world: Path, tmp_path: Path) -> None:
    file = tmp_path / "clicks.sqlite"
    made = []
    for number, row in enumerate(made_events()):
        session, item, look, source, trial, *happened = row
        made += [Event(f"{number}{kind}", kind, session, item, look, source, trial)
                 for kind, true in zip(("impression", "click", "basket"), happened, strict=True) if true]  # fmt: skip
    order = np.random.default_rng(0).permutation(len(made))  # in any order, as beacons come
    Events(file).add([made[at] for at in order])
    assert sorted(Events(file).shown().rows()) == sorted(made_events())
    ran = CliRunner().invoke(command_line, ["clicks", str(file)])
    assert ran.exit_code == 0, ran.output
    for words in (
        "860 looks shown in 230 sessions; 1 without an impression",
        "+25.0",
        "66.7",
        "tower 1a2b3c",
        "50.0 %",
    ):
        assert words in ran.output, ran.output
    result = json.loads(CliRunner().invoke(command_line, ["clicks", str(file), "--json"]).output)
    assert result["contest"]["wins"]["first"] == 20
    empty = CliRunner().invoke(command_line, ["clicks", str(tmp_path)])
    assert "product pages write it while goeswith serve runs" in str(empty.exception)
    missing = CliRunner().invoke(command_line, ["clicks", str(tmp_path / "nowhere")])
    assert str(missing.exception).startswith(f"there is no folder or file {tmp_path / 'nowhere'};")
    with TestClient(create_app(world / "index", clicks=file, looks=tmp_path / "looks.sqlite")) as client:
        page = Parts(client.get("/clicks").text)
        assert len(page.of("table")) == 4
        assert "+25.0" in client.get("/clicks").text
        assert "…l0 on Item 0, black" in client.get("/clicks").text
        assert any(link.get("aria-current") for link in page.of("a", href="/clicks"))
    with TestClient(create_app(world / "index", clicks=tmp_path / "none.sqlite")) as client:
        assert "Nothing was posted yet" in client.get("/clicks").text
