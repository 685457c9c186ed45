"""Items over HTTP: the catalogue, pictures, and uploads that are none."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from answers import png, refused
from PIL import Image, ImageFile
from served import BARE, GONE, ODD, SCRIPT
from starlette.testclient import TestClient

from goeswith.studio.service import limits
from goeswith.studio.service.refusals import Refused
from goeswith.studio.service.uploads import read_upload


def bomb(side: int) -> bytes:
    """A small PNG file that says it is `side` pixels wide and high."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    )


def test_the_catalogue_page_by_page(client: TestClient) -> None:
    whole = client.get("/v1/items", params={"limit": 200}).json()
    assert whole["total"] == len(whole["items"]) == 192
    second = client.get("/v1/items", params={"limit": 50, "offset": 50}).json()
    assert second["items"] == whole["items"][50:100]
    assert client.get("/v1/items", params={"offset": 10**9}).json()["items"] == []
    page = client.get("/v1/items", params={"q": "RED item", "group": ["shoes", "bag"], "price_max": 150}).json()
    named = [i["item_id"] for i in whole["items"] if i["colour"] == "red" and i["group"] in ("shoes", "bag")]
    assert {item["item_id"] for item in page["items"]} == {i for i in named if int(i[1:]) <= 140}
    black_item = client.get("/v1/items/i0").json()
    assert black_item in whole["items"]
    assert (black_item["title"], black_item["scored"], black_item["guest"]) == ("Item 0, black", True, False)
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
    fields = {"category": "shirt", "title": SCRIPT}
    answer = client.post("/v1/items", files={"picture": ("mine.png", png(), "image/png")}, data=fields)
    assert answer.status_code == 201
    item = answer.json()
    assert (item["guest"], item["group"], item["title"]) == (True, "top", SCRIPT)
    assert client.get(item["image"]).headers.get("x-placeholder") is None
    assert client.get(f"/v1/items/{item['item_id']}").json() == item
    assert client.get("/v1/items", params={"q": "<script>"}).json()["total"] == 2
    looks = client.post("/v1/fill", json={"items": [item["item_id"]], "slot": "shoes"}).json()["looks"]
    assert looks[0]["score"] is not None
    unsaid = client.post("/v1/items", files={"picture": ("x", png(), "application/octet-stream")}, data=fields)
    assert unsaid.status_code == 201


def test_scored_means_that_outfits_with_the_item_get_a_score(copied: tuple[Path, TestClient]) -> None:
    _, client = copied
    guests = [
        client.post("/v1/items", files={"picture": ("x", png(), "image/png")}, data={"category": category}).json()
        for category in ("shirt", "cape")
    ]
    assert [guest["scored"] for guest in guests] == [True, False]
    response = {item_id: client.get(f"/v1/items/{item_id}").json()["scored"] for item_id in ("i0", BARE, ODD)}
    assert response == {"i0": True, BARE: False, ODD: False}
    for item_id, scored in (response | {guest["item_id"]: guest["scored"] for guest in guests}).items():
        answer = client.post("/v1/score", json={"outfits": [["i50", item_id]]})
        assert (answer.status_code == 200) is scored, item_id


def eps() -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (9, 9)).save(written, "EPS")
    return written.getvalue()


UPLOADS = [
    (b"", "image/png", 415, "not_a_picture"),
    (b"MZ" + b"\0" * 500, "image/png", 415, "not_a_picture"),
    (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml", 415, "not_a_picture"),
    (png()[:60], "image/png", 422, "broken_picture"),
    (bomb(7000), "image/png", 413, "too_many_pixels"),
    (bomb(4100), "image/png", 413, "too_many_pixels"),
    (bomb(60_000), "image/png", 413, "too_many_pixels"),
    (eps(), "image/jpeg", 415, "not_a_picture"),
    (b"x" * (limits.UPLOAD_BYTES + 1), "image/png", 413, "too_large"),
]


def encoded(kind: str, **options: Any) -> bytes:
    if kind not in Image.SAVE:
        Image.init()
    if kind not in Image.SAVE:
        pytest.skip(f"this Pillow writes no {kind}")
    written = io.BytesIO()
    Image.new("RGB", (40, 60), "red").save(written, kind, **options)
    return written.getvalue()


SECOND = [Image.new("RGB", (40, 60), "blue")]


@pytest.mark.parametrize(
    ("kind", "options", "content_type"),
    [
        ("MPO", {"save_all": True, "append_images": SECOND}, "image/jpeg"),  # phones
        ("JPEG", {}, "image/jpg"),
        ("JPEG", {}, "image/pjpeg"),
        ("PNG", {}, "image/jpeg"),
        ("PNG", {}, "text/html"),
        ("PNG", {"save_all": True, "append_images": SECOND}, "image/apng"),
        ("WEBP", {"save_all": True, "append_images": SECOND, "lossless": True}, "image/webp"),
        ("GIF", {"save_all": True, "append_images": SECOND}, "image/gif"),
        ("AVIF", {}, "image/avif"),
        ("AVIF", {"save_all": True, "append_images": SECOND}, "application/octet-stream"),
    ],
)
def test_what_a_picture_is_its_bytes_say(
    copied: tuple[Path, TestClient], kind: str, options: dict[str, Any], content_type: str
) -> None:
    _, client = copied
    files = {"picture": ("x", encoded(kind, **options), content_type)}
    answer = client.post("/v1/items", files=files, data={"category": "shirt"})
    assert answer.status_code == 201, answer.text
    shown = Image.open(io.BytesIO(client.get(answer.json()["image"]).content))
    red, _, blue = shown.convert("RGB").getpixel((shown.width // 2, shown.height // 2))  # type: ignore[misc]
    assert (red > 200, blue < 60) == (True, True)  # the first picture of several


def test_a_large_photo_is_decoded_at_a_fraction_of_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    Image.new("L", (7000, 7000)).save(written, "JPEG")
    loaded: list[tuple[int, int]] = []
    load = ImageFile.ImageFile.load
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: loaded.append(self.size) or load(self))
    assert read_upload(written.getvalue()).size == (limits.GUEST_SIDE, limits.GUEST_SIDE)
    assert max(width * height for width, height in loaded) <= limits.DECODED_PIXELS
    loaded.clear()
    written = io.BytesIO()
    Image.new("L", (7000, 7000)).save(written, "JPEG", progressive=True)  # which is held whole
    with pytest.raises(Refused, match="more than 16,000,000 pixels"):
        read_upload(written.getvalue())
    assert loaded == []


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
    monkeypatch.setattr("goeswith.studio.service.catalogue_view.GUESTS", 0)
    refused(client.post("/v1/items", files=files, data={"category": "shirt"}), 409, "too_many_guests")
