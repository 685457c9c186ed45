"""Service: what programs are told, what they are told when they ask for what cannot be, and that it goes on."""

import asyncio
import io
import json
import re
import shutil
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import served
from fastapi import FastAPI
from PIL import Image
from served import BARE, GONE, ODD, SCRIPT
from starlette.testclient import TestClient

from goeswith.errors import CatalogueError, DataError, ModelError
from goeswith.filters import Filters
from goeswith.index import Index
from goeswith.look import Look, Stylist
from goeswith.studio import limits
from goeswith.studio.app import create_app
from goeswith.studio.batching import Batcher
from goeswith.studio.working import Refused, Workers
from goeswith.why import explain

OUTFIT = ["i0", "i50", "i100"]


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("service")
    served.make_index(folder)
    return folder


@pytest.fixture(scope="module")
def app(world: Path) -> FastAPI:
    return create_app(world / "index")


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app) as client:
        yield client


@pytest.fixture
def copied(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, TestClient]]:
    """A copy of the index to be spoilt, and a client of the service over it; uploads are seen as `served.seen` does."""
    monkeypatch.setattr(Index, "_features", served.seen)
    index = Path(shutil.copytree(world / "index", tmp_path / "index"))
    with TestClient(create_app(index)) as client:
        yield index, client


def png(width: int = 40, height: int = 60, grey: int = 128) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (width, height), (grey, grey, grey)).save(written, "PNG")
    return written.getvalue()


def bomb(side: int) -> bytes:
    """A small PNG file that says it is `side` pixels wide and high."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    )


def refused(answer: Any, status: int, reason: str, *words: str) -> None:
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert set(answer.json()) == {"error"}
    assert error["reason"] == reason, error
    assert "Traceback" not in answer.text
    assert "\n" not in error["message"]
    for word in words:
        assert word in error["message"], error


def test_answers_are_those_of_the_stylist(world: Path, client: TestClient) -> None:
    stylist = Stylist(Index(world / "index"))
    told = client.post("/v1/score", json={"outfits": [OUTFIT, ["i1", "i60"]]}).json()["looks"]
    for look, own in zip(told, stylist.judge_many([OUTFIT, ["i1", "i60"]]), strict=True):
        assert look["item_ids"] == list(own.item_ids)
        assert (look["score"], look["probability"], look["percentile"], look["price"]) == pytest.approx(
            (own.score, own.probability, own.percentile, own.price)
        )
    filters = {"colours": ["black", "red"], "price_max": 180}
    own_filters = Filters(colours=("black", "red"), price_max=180)
    asked = {"anchors": ["i0"], "slots": ["shoes", "bottom"], "budget": 260, "k": 3, "filters": filters}
    told = client.post("/v1/complete", json=asked).json()["looks"]
    own = stylist.complete(["i0"], slots=["shoes", "bottom"], filters=own_filters, budget=260, k=3)
    assert [(look["item_ids"], look["added"]) for look in told] == [(list(o.item_ids), list(o.added)) for o in own]
    told = client.post("/v1/fill", json={"items": OUTFIT, "slot": "tote", "k": 4}).json()["looks"]
    assert [look["added"] for look in told] == [list(look.added) for look in stylist.fill(OUTFIT, "tote", k=4)]
    told = client.post("/v1/improve", json={"items": OUTFIT, "locked": ["i0"], "k": 2}).json()["swaps"]
    own_swaps = stylist.improve(OUTFIT, locked=["i0"], k=2)
    assert [(swap["removed"], swap["added"]) for swap in told] == [(swap.removed, swap.added) for swap in own_swaps]
    assert all(swap["gain"] > 0 for swap in told)
    told = client.post("/v1/explain", json={"items": OUTFIT}).json()
    own_why = explain(stylist, OUTFIT)
    assert (told["sentence"], told["weakest_item"]) == (own_why.sentence, own_why.weakest_item)
    assert told["contributions"] == pytest.approx(own_why.contributions.tolist(), abs=1e-6)
    assert [row[place] for place, row in enumerate(told["pairs"])] == [None] * 3
    told = client.post("/v1/similar", json={"item": "i0", "filters": {"exclude": ["i1"]}}).json()["items"]
    own_near = stylist.similar("i0", filters=Filters(exclude=("i1",)))
    assert [near["item_id"] for near in told] == [near.item_id for near in own_near]


LISTED = {"anchors": ["i0"], "slots": ["shoes"]}
REFUSED = [
    ("score", {"outfits": [["i0", "nope"]]}, "unknown_item", "'nope'"),
    ("score", {"outfits": [OUTFIT, []]}, "too_few_items", "empty"),
    ("score", {"outfits": [["i0"]]}, "too_few_items", "1 item"),
    ("score", {"outfits": [["i6", "i7"]]}, "same_product", "one product"),
    ("score", {"outfits": [["i0", "i0"]]}, "same_product", "twice"),
    ("score", {"outfits": [["i0", BARE]]}, "no_features", BARE),
    ("score", {"outfits": [["i0", ODD]]}, "unknown_category", "'cape'"),
    ("score", {"outfits": [["i0", "../../etc/shadow"]]}, "unknown_item", "etc/shadow"),
    ("score", {"outfits": []}, "bad_request", "outfits"),
    ("score", {"outfits": [["i0"] * (limits.ITEMS + 1)]}, "bad_request", str(limits.ITEMS)),
    ("score", {"outfits": [OUTFIT] * (limits.OUTFITS + 1)}, "bad_request", str(limits.OUTFITS)),
    ("score", {"outfits": [["x" * (limits.TEXT_LENGTH + 1)]]}, "bad_request", str(limits.TEXT_LENGTH)),
    ("score", {"outfits": [OUTFIT], "more": 1}, "bad_request", "more"),
    ("complete", {"anchors": [], "slots": ["shoes"]}, "too_few_items", "empty"),
    ("complete", LISTED | {"slots": ["hat"]}, "unknown_slot", "'hat'"),
    ("complete", LISTED | {"slots": ["cape"]}, "unknown_category", "'cape'"),
    ("complete", LISTED | {"budget": 11}, "budget_too_small", "cheapest look costs"),
    ("complete", LISTED | {"budget": -1}, "bad_request", "budget"),
    ("complete", LISTED | {"k": limits.RESULTS + 1}, "bad_request", str(limits.RESULTS)),
    ("complete", LISTED | {"filters": {"price_min": 9, "price_max": 8}}, "bad_filters", "contradict"),
    ("complete", LISTED | {"filters": {"categories": ["tote"], "groups": ["top"]}}, "bad_filters", "contradict"),
    ("complete", LISTED | {"filters": {"colours": ["blak"]}}, "bad_filters", "did you mean 'black'"),
    ("complete", LISTED | {"filters": {"in_stock": True}}, "bad_filters", "stock"),
    ("complete", LISTED | {"filters": {"categories": ["tote"]}}, "bad_filters", "contradict the slot 'shoes'"),
    ("complete", LISTED | {"filters": {"groups": ["top"]}}, "bad_filters", "contradict the slot 'shoes'"),
    ("fill", {"items": ["i0"], "slot": "shoes", "filters": {"groups": ["top"]}}, "bad_filters", "contradict the slot"),
    ("complete", LISTED | {"filters": {"price_min": 1e9}}, "no_answer", "widen the filters"),
    ("fill", {"items": ["i0"], "slot": "nope"}, "unknown_slot", "'nope'"),
    ("improve", {"items": OUTFIT, "locked": ["i1"]}, "no_answer", "not in the outfit"),
    ("improve", {"items": OUTFIT, "locked": ["zzz"]}, "unknown_item", "'zzz'"),
    ("explain", {"items": ["i0"]}, "too_few_items", "1 item"),
    ("explain", {"items": ["i6", "i7"]}, "same_product", "one product"),
    ("similar", {"item": "nope"}, "unknown_item", "'nope'"),
]


@pytest.mark.parametrize(("path", "body", "reason", "word"), REFUSED)
def test_what_cannot_be_answered_is_refused_with_a_reason(
    client: TestClient, path: str, body: dict[str, Any], reason: str, word: str
) -> None:
    refused(client.post(f"/v1/{path}", json=body), 422, reason, word)


def test_bodies_that_are_no_requests(client: TestClient) -> None:
    json_type = {"content-type": "application/json"}
    refused(client.post("/v1/score", content=b"{", headers=json_type), 422, "bad_request")
    refused(client.post("/v1/score", content=b"\xff\xfe", headers=json_type), 422, "bad_request")
    refused(client.post("/v1/score", content=b'{"outfits": NaN}', headers=json_type), 422, "bad_request")
    refused(client.post("/v1/complete", content=b'{"budget": Infinity}', headers=json_type), 422, "bad_request")
    deep = b"[" * 100_000 + b"]" * 100_000
    refused(client.post("/v1/score", content=deep, headers=json_type), 400, "unreadable")
    large = json.dumps({"outfits": [["i0"]], "more": "x" * limits.BODY_BYTES})
    refused(client.post("/v1/score", content=large, headers=json_type), 413, "too_large", f"{limits.BODY_BYTES:,}")
    pieces = (b"x" * 65536 for _ in range(limits.BODY_BYTES // 65536 + 1))  # in chunks, no length is told
    refused(client.post("/v1/score", content=pieces, headers=json_type), 413, "too_large")
    refused(client.get("/v1/nowhere"), 404, "not_found")
    refused(client.get("/v1/score"), 405, "wrong_method")
    assert client.post("/v1/score", json={"outfits": [OUTFIT]}).status_code == 200


def test_a_mistake_of_ours_is_told_without_its_traceback(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with TestClient(create_app(world / "index"), raise_server_exceptions=False) as client:
        with monkeypatch.context() as patched:
            patched.setattr(Stylist, "judge_many", lambda self, outfits: 1 / 0)
            answer = client.post("/v1/score", json={"outfits": [OUTFIT]})
        refused(answer, 500, "internal")
        assert "division" not in answer.text
        assert client.post("/v1/score", json={"outfits": [OUTFIT]}).status_code == 200


def test_the_catalogue_page_by_page(client: TestClient) -> None:
    whole = client.get("/v1/items", params={"limit": 200}).json()
    assert whole["total"] == len(whole["items"]) == 192
    second = client.get("/v1/items", params={"limit": 50, "offset": 50}).json()
    assert second["items"] == whole["items"][50:100]
    assert client.get("/v1/items", params={"offset": 10**9}).json()["items"] == []
    told = client.get("/v1/items", params={"q": "RED item", "group": ["shoes", "bag"], "price_max": 150}).json()
    named = [i["item_id"] for i in whole["items"] if i["colour"] == "red" and i["group"] in ("shoes", "bag")]
    assert {item["item_id"] for item in told["items"]} == {i for i in named if int(i[1:]) <= 140}
    one = client.get("/v1/items/i0").json()
    assert one in whole["items"]
    assert (one["title"], one["scored"], one["guest"]) == ("Item 0, black", True, False)
    assert client.get(f"/v1/items/{BARE}").json()["scored"] is False
    facets = client.get("/v1/facets").json()["facets"]
    assert facets["category"] == {"boots": 48, "skirt": 48, "tote": 48, "shirt": 47, "cape": 1}
    assert list(facets["brand"].values()) == [96, 96]
    refused(client.get("/v1/items", params={"colour": "blak"}), 422, "bad_filters", "black")
    refused(client.get("/v1/items", params={"limit": limits.PAGE + 1}), 422, "bad_request")
    refused(client.get("/v1/items", params={"price_min": "nan"}), 422, "bad_request")
    refused(client.get("/v1/items/nope"), 404, "unknown_item", "'nope'")


def test_ids_that_are_paths_and_titles_that_are_scripts_are_only_text(client: TestClient) -> None:
    answer = client.get("/v1/items/..%2F..%2Fetc%2Fpasswd")
    assert answer.json()["title"] == SCRIPT
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert (
        "script-src" in answer.headers["content-security-policy"]
        or "default-src 'self'" in (answer.headers["content-security-policy"])
    )
    assert answer.json()["image"] == "/v1/items/..%2F..%2Fetc%2Fpasswd/image"
    refused(client.get("/v1/items/..%2F..%2Fetc%2Fshadow"), 404, "unknown_item")
    refused(client.get("/v1/items/..%2F..%2Fetc%2Fshadow/image"), 404, "unknown_item")
    refused(client.get("/static/..%2F..%2Fapp.py"), 404, "not_found")


def test_pictures_are_small_and_kept_by_the_browser(client: TestClient) -> None:
    answer = client.get("/v1/items/i0/image", params={"size": 100})
    assert answer.headers["content-type"] == "image/jpeg"
    assert f"max-age={limits.PICTURE_SECONDS}" in answer.headers["cache-control"]
    assert Image.open(io.BytesIO(answer.content)).size == (128, 192)
    etag = answer.headers["etag"]
    again = client.get("/v1/items/i0/image", params={"size": 100}, headers={"if-none-match": f'"other", W/{etag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert client.get("/v1/items/i0/image", params={"size": 300}).headers["etag"] != etag
    refused(client.get("/v1/items/nope/image"), 404, "unknown_item")
    refused(client.get("/v1/items/i0/image", params={"size": 0}), 422, "bad_request")


@pytest.mark.parametrize("item_id", [GONE, "..%2F..%2Fetc%2Fpasswd", "i150"])
def test_a_picture_that_is_missing_or_broken_has_a_placeholder(client: TestClient, item_id: str) -> None:
    answer = client.get(f"/v1/items/{item_id}/image", params={"size": 96})
    assert answer.status_code == 200
    assert answer.headers["x-placeholder"] == "true"
    assert answer.headers["cache-control"] == "no-store"
    assert Image.open(io.BytesIO(answer.content)).size == (96, 96)


def test_an_upload_becomes_an_item(copied: tuple[Path, TestClient]) -> None:
    _, client = copied
    told = {"category": "shirt", "title": SCRIPT}
    answer = client.post("/v1/items", files={"picture": ("mine.png", png(), "image/png")}, data=told)
    assert answer.status_code == 201
    item = answer.json()
    assert (item["guest"], item["group"], item["title"]) == (True, "top", SCRIPT)
    assert client.get(item["image"]).headers.get("x-placeholder") is None
    assert client.get(f"/v1/items/{item['item_id']}").json() == item
    assert client.get("/v1/items", params={"q": "<script>"}).json()["total"] == 2
    looks = client.post("/v1/fill", json={"items": [item["item_id"]], "slot": "shoes"}).json()["looks"]
    assert looks[0]["score"] is not None
    unsaid = client.post("/v1/items", files={"picture": ("x", png(), "application/octet-stream")}, data=told)
    assert unsaid.status_code == 201


def test_scored_means_that_outfits_with_the_item_get_a_score(copied: tuple[Path, TestClient]) -> None:
    _, client = copied
    guests = [
        client.post("/v1/items", files={"picture": ("x", png(), "image/png")}, data={"category": category}).json()
        for category in ("shirt", "cape")
    ]
    assert [guest["scored"] for guest in guests] == [True, False]
    told = {item_id: client.get(f"/v1/items/{item_id}").json()["scored"] for item_id in ("i0", BARE, ODD)}
    assert told == {"i0": True, BARE: False, ODD: False}
    for item_id, scored in (told | {guest["item_id"]: guest["scored"] for guest in guests}).items():
        answer = client.post("/v1/score", json={"outfits": [["i50", item_id]]})
        assert (answer.status_code == 200) is scored, item_id


UPLOADS = [
    (b"", "image/png", 415, "not_a_picture"),
    (b"MZ" + b"\0" * 500, "image/png", 415, "not_a_picture"),
    (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml", 415, "not_a_picture"),
    (png(), "image/jpeg", 415, "wrong_type"),
    (png(), "text/html", 415, "wrong_type"),
    (png()[:60], "image/png", 422, "broken_picture"),
    (bomb(7000), "image/png", 413, "too_many_pixels"),
    (bomb(60_000), "image/png", 413, "too_many_pixels"),
    (b"x" * (limits.UPLOAD_BYTES + 1), "image/png", 413, "too_large"),
]


@pytest.mark.parametrize(("data", "kind", "status", "reason"), UPLOADS)
def test_uploads_that_are_no_pictures(client: TestClient, data: bytes, kind: str, status: int, reason: str) -> None:
    answer = client.post("/v1/items", files={"picture": ("x.png", data, kind)}, data={"category": "shirt"})
    refused(answer, status, reason)
    assert client.get("/v1/index").json()["guests"] == 0


def test_uploads_that_cannot_be_taken(copied: tuple[Path, TestClient], monkeypatch: pytest.MonkeyPatch) -> None:
    _, client = copied
    files = {"picture": ("x.png", png(), "image/png")}
    refused(client.post("/v1/items", files=files, data={"category": "sari"}), 422, "unknown_category", "'sari'")
    refused(client.post("/v1/items", files=files), 422, "bad_request", "category")
    refused(client.post("/v1/items", data={"category": "shirt"}), 422, "bad_request", "picture")
    refused(client.post("/v1/items", files={"picture": ("x", b"x")}, content=None), 422, "bad_request")
    monkeypatch.setattr("goeswith.studio.wall.GUESTS", 0)
    refused(client.post("/v1/items", files=files, data={"category": "shirt"}), 409, "too_many_guests")


def test_another_index_in_the_folder_is_opened_and_guests_stay(copied: tuple[Path, TestClient], world: Path) -> None:
    index, client = copied
    guest = client.post("/v1/items", files={"picture": ("x", png(), "image/png")}, data={"category": "shirt"}).json()
    before = client.get("/v1/index").json()
    assert (before["items"], before["guests"], before["stale"], before["changed"]) == (193, 1, "", False)
    spare = index.with_name("spare")
    shutil.move(index, spare)
    info = json.loads((spare / "index.json").read_text())
    shutil.copytree(spare, index)
    (index / "index.json").write_text(json.dumps(info | {"model": info["model"] | {"title": "newer"}}))
    assert client.get("/v1/index").json()["changed"] is True
    after = client.post("/v1/reload").json()
    assert (after["model"], after["changed"], after["guests"], after["lost"]) == ("newer", False, 1, "")
    assert client.get(f"/v1/items/{guest['item_id']}").json() == guest
    assert client.get(guest["image"]).status_code == 200


def test_guests_that_a_new_index_does_not_take_are_told(
    copied: tuple[Path, TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, client = copied
    for _ in range(3):
        client.post("/v1/items", files={"picture": ("x", png(), "image/png")}, data={"category": "shirt"})

    def choosy(self: Index, *told: Any) -> np.ndarray:
        if len(self.catalogue) > self.size:  # there is one already
            raise CatalogueError("minilm reads words, and the item has none; give a title")
        return served.seen(self, *told)

    monkeypatch.setattr(Index, "_features", choosy)
    after = client.post("/v1/reload").json()
    assert after["guests"] == 1
    assert "does not take guest-2 (minilm reads words" in after["lost"]
    assert after["lost"].endswith("): guest-2, guest-3")


def test_a_broken_index_in_the_folder_leaves_the_old_one_answering(copied: tuple[Path, TestClient]) -> None:
    index, client = copied
    right = client.post("/v1/score", json={"outfits": [OUTFIT]}).json()
    for name in ("states.safetensors", "model/model.safetensors", "items.parquet", "index.json"):
        kept = (index / name).read_bytes()
        (index / name).unlink()
        (index / name).write_bytes(kept[: len(kept) // 2])
        refused(client.post("/v1/reload"), 409, "broken_index")
        assert client.post("/v1/score", json={"outfits": [OUTFIT]}).json() == right
        (index / name).write_bytes(kept)
    shutil.rmtree(index)
    refused(client.post("/v1/reload"), 409, "broken_index", "no index")
    assert client.get("/v1/index").json()["changed"] is True


def test_an_index_that_cannot_be_opened_is_told_at_the_start(world: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no index"):
        create_app(tmp_path)
    index = Path(shutil.copytree(world / "index", tmp_path / "index"))
    weights = index / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\1\2\3\4")
    with pytest.raises(ModelError, match=r"not the file that the index was made with"):
        create_app(index)


def test_a_catalogue_that_changed_under_the_index_is_told(world: Path, tmp_path: Path) -> None:
    shutil.copytree(world / "shop", tmp_path / "shop")
    index = Path(shutil.copytree(world / "index", tmp_path / "index"))
    info = json.loads((index / "index.json").read_text())
    info["dataset"]["path"] = str(tmp_path / "shop")
    (index / "index.json").write_text(json.dumps(info))
    items = pl.read_parquet(tmp_path / "shop" / "items.parquet")
    (tmp_path / "shop" / "items.parquet").unlink()
    items.with_columns(price=pl.lit(1.0)).write_parquet(tmp_path / "shop" / "items.parquet")
    with TestClient(create_app(index)) as client:
        assert "has changed since it was indexed" in client.get("/v1/index").json()["stale"]
        assert client.post("/v1/score", json={"outfits": [OUTFIT]}).status_code == 200


def test_nothing_is_loaded_from_another_host(client: TestClient) -> None:
    page = client.get("/docs").text
    assert "://" not in page
    for path in ("docs/assets/swagger-ui.css", "docs/assets/swagger-ui-bundle.js", "docs/start.js"):
        assert path in page
        answer = client.get(path)
        assert answer.status_code == 200
        assert "text/" in answer.headers["content-type"] or "javascript" in answer.headers["content-type"]
    assert "default-src 'self'" in client.get("/docs").headers["content-security-policy"]
    schema = client.get("/openapi.json").json()
    assert {f"/v1/{name}" for name in ("score", "complete", "fill", "improve", "explain", "similar", "items")} <= set(
        schema["paths"]
    )


def test_a_token_guards_all_but_health(world: Path) -> None:
    app = create_app(world / "index", token="correct-horse-battery")
    with TestClient(app) as client:
        for path in (
            "/",
            "/docs",
            "/openapi.json",
            "/metrics",
            "/static/studio.css",
            "/v1/items",
            "/v1/items/i0/image",
        ):
            refused(client.get(path), 401, "token_needed")
        refused(client.post("/v1/reload"), 401, "token_needed")
        assert client.get("/health").json()["status"] == "ok"
        client.headers["authorization"] = "Bearer correct-horse-battery"
        assert client.get("/v1/items").status_code == client.get("/").status_code == 200
        assert "HTTPBearer" in client.get("/openapi.json").json()["components"]["securitySchemes"]


def test_metrics_count_by_path_and_not_by_id(world: Path) -> None:
    with TestClient(create_app(world / "index")) as client:
        client.get("/v1/items/i0")
        client.get("/v1/items/i1")
        client.get("/v1/items/nope")
        client.get("/random/path")
        client.post("/v1/score", json={"outfits": [OUTFIT, OUTFIT]})
        told = client.get("/metrics").text
    one = 'goeswith_requests_total{method="GET",path="/v1/items/{item_id:path}",status="'
    assert f'{one}200"}} 2.0' in told
    assert f'{one}404"}} 1.0' in told
    assert 'path="other"' in told
    assert "random" not in told
    assert "goeswith_batch_outfits_sum 2.0" in told
    assert "goeswith_items 192.0" in told
    assert 'goeswith_request_seconds_count{path="/v1/score"} 1.0' in told


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
    monkeypatch.setattr("goeswith.studio.batching.BATCH_OUTFITS", 4)
    calls: list[int] = []

    def judge(outfits: list[Sequence[str]]) -> list[Look]:
        calls.append(len(outfits))
        return [look(outfit, float(outfit[0])) for outfit in outfits]

    async def together() -> list[list[Look]]:
        batcher = Batcher(Workers("test"), judge, seconds=0)
        return await asyncio.gather(*(batcher.judge([[str(n)]] * size) for n, size in enumerate((3, 1, 2, 9, 1))))

    found = asyncio.run(together())
    assert [[look.score for look in looks] for looks in found] == [[0.0] * 3, [1.0], [2.0] * 2, [3.0] * 9, [4.0]]
    assert calls == [4, 2, 9, 1]


def test_who_asks_for_nonsense_or_hangs_up_does_not_harm_the_others() -> None:
    def judge(outfits: list[Sequence[str]]) -> list[Look]:
        if ["bad"] in outfits:
            raise CatalogueError("bad is no item")
        return [look(outfit, float(outfit[0])) for outfit in outfits]

    async def together() -> list[Any]:
        batcher = Batcher(Workers("test"), judge, seconds=0.01)
        gone = asyncio.create_task(batcher.judge([["5"]]))
        await asyncio.sleep(0)
        asks = [asyncio.create_task(batcher.judge([[one]])) for one in ("1", "bad", "2")]
        await asyncio.sleep(0)
        gone.cancel()
        found = await asyncio.gather(*asks, return_exceptions=True)
        return [*found, await batcher.judge([["3"]])]

    one, bad, two, after = asyncio.run(together())
    assert [looks[0].score for looks in (one, two, after)] == [1.0, 2.0, 3.0]
    assert isinstance(bad, CatalogueError)


def test_what_takes_too_long_or_comes_too_often_is_refused() -> None:
    async def too_often() -> None:
        workers, stop = Workers("test", threads=1, waiting=2, seconds=5), asyncio.Event()
        loop = asyncio.get_running_loop()
        waits = [asyncio.create_task(workers.run(lambda: asyncio.run_coroutine_threadsafe(stop.wait(), loop).result()))]
        waits += [asyncio.create_task(workers.run(len, "abc"))]
        await asyncio.sleep(0.01)
        with pytest.raises(Refused, match="wait already") as told:
            await workers.run(len, "abc")
        assert (told.value.status, told.value.reason) == (503, "busy")
        stop.set()
        assert await asyncio.gather(*waits) == [True, 3]
        assert await workers.run(len, "ab") == 2

    async def too_long() -> None:
        workers, stop = Workers("test", threads=1, seconds=0.02), asyncio.Event()
        loop = asyncio.get_running_loop()
        with pytest.raises(Refused, match="no answer within") as told:
            await workers.run(lambda: asyncio.run_coroutine_threadsafe(stop.wait(), loop).result())
        assert (told.value.status, told.value.reason) == (503, "too_slow")
        stop.set()
        while workers.busy:
            await asyncio.sleep(0.001)
        assert await workers.run(len, "ab") == 2
        workers.close()
        with pytest.raises(Refused, match="being stopped"):
            await workers.run(len, "ab")
        assert workers.busy == 0

    asyncio.run(too_often())
    asyncio.run(too_long())


def test_every_reason_is_documented() -> None:
    root = Path(__file__).resolve().parents[1]
    code = "".join(path.read_text() for path in (root / "goeswith" / "studio").glob("*.py"))
    found = re.findall(r'(?:Refused\(\w+, |because\(|yield )"(\w+)"', code)
    assert len(set(found)) > 20
    page = (root / "docs" / "serve.md").read_text()
    missing = {reason for reason in found if f"`{reason}`" not in page} - {"internal"}  # which is our mistake
    assert not missing
