"""Photos of one's own in the studio."""

import json
from io import BytesIO
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from answers import Parts, cards, png
from PIL import Image
from served import SCRIPT, seen
from starlette.testclient import TestClient

from goeswith.shop.guests import GuestEncoder
from goeswith.studio.pages import routes
from goeswith.studio.pages.board import MOST
from goeswith.studio.service import shared
from goeswith.studio.service.limits import UPLOAD_BYTES
from goeswith.studio.service.owners import COOKIE
from goeswith.studio.service.photo_guess import Guess, Neighbours


def test_a_photo_becomes_an_item_on_the_board(client, monkeypatch):
    monkeypatch.setattr(GuestEncoder, "features", seen)
    written = BytesIO()
    Image.new("RGB", (80, 120), "red").save(written, "PNG")
    data = {"category": "tote", "title": SCRIPT, "on": "i0"}
    answer = client.post("/upload", data=data, files={"picture": ("a.png", written.getvalue(), "image/png")})
    assert answer.status_code == 200
    assert "on=guest-" in str(answer.url)
    assert "<script>alert" not in answer.text
    assert 'id="verdict"' in answer.text
    bad = client.post("/upload", data=data, files={"picture": ("a.png", b"no picture", "image/png")})
    assert bad.status_code == 415
    assert "is not a picture" in bad.text
    assert 'value="i0"' in bad.text  # the board is kept
    odd = client.post("/upload", data=data | {"category": "sofa"},
                      files={"picture": ("a.png", written.getvalue(), "image/png")})  # fmt: skip
    assert "sofa" in odd.text


@pytest.mark.slow
def test_a_photo_waits_where_the_board_is_full(copied):
    _, client = copied
    view = client.app.state.shop.view
    ids = [item_id for item_id in view.catalogue.ids if view.index.known[view.row(item_id)]][:MOST]
    on = "&on=".join(ids)
    assert "The board is full: the photo will wait here" in client.get(f"/upload?on={on}").text
    data = {"category": "shirt", "title": "My <blouse>", "on": ids, "lock": ids[:1]}
    answer = client.post("/upload", data=data, files={"picture": ("a.png", png(), "image/png")})
    assert answer.status_code == 200
    alert = answer.text[answer.text.index('role="alert"') :]
    assert "The board is full, so “My &lt;blouse&gt;” waits among" in alert
    assert json.loads(Parts(answer.text).of("div", id="board")[0]["data-on"]) == ids  # nothing fell off it
    assert f"&lock={ids[0]}" in Parts(answer.text).of("div", id="board")[0]["data-carried"]
    ways = [a["href"] for a in Parts(alert).of("a")]
    photos, item = ways[0], ways[1]
    (mine,) = cards(client.get(photos).text)
    assert mine.startswith("guest-")
    assert "My &lt;blouse&gt;" in client.get(item).text
    assert cards(client.get("/catalogue").text)[0] == mine
    room = item.replace(f"on={ids[-1]}", "")  # an item was taken off
    put = Parts(client.get(room).text).of("a", **{"class": "button main"})[0]["href"]
    board = Parts(client.get(put).text).of("div", id="board")[0]
    assert json.loads(board["data-on"]) == [*ids[:-1], mine]
    nothing = client.get(f"/board?on={on}&waits=nothing")
    assert (nothing.status_code, "The board is full, so" in nothing.text) == (200, False)


def test_a_photo_that_is_too_large_is_reported_before_it_is_sent(client):
    sent = Parts(client.get("/upload").text).of("input", type="file")[0]
    assert int(sent["data-most"]) < UPLOAD_BYTES
    assert sent["data-large"] == "This photo has more than 12 MB; make it smaller."


@pytest.mark.slow
def test_a_photo_is_there_for_the_browser_that_sent_it_and_can_be_deleted(copied):
    _, client = copied
    data = {"category": "shirt", "title": "My blouse", "on": "i100"}
    files = {"picture": ("a.png", png(), "image/png")}
    board = client.post("/upload", data=data, files=files)
    mine = parse_qs(urlsplit(str(board.url)).query)["on"][1]
    image = f"/v1/items/{mine}/image"
    seen = (f"/item?item={mine}", image, f"/v1/items/{mine}", f"/v1/items/{mine}/cutout")
    assert [client.get(path).status_code for path in seen] == [200] * 4
    for other in (TestClient(client.app, cookies={COOKIE: "x"}), TestClient(client.app)):
        assert [other.get(path).status_code for path in seen] == [404] * 4
        board = other.get(f"/board?on=i100&on={mine}").text
        assert "can only be seen in the browser that sent it" in board
        for path in (f"/board?on=i100&on={mine}", f"/tray?on=i100&toggle={mine}", f"/board?on=i100&waits={mine}"):
            assert "My blouse" not in other.get(path).text, path
        for path in ("/", "/catalogue", "/catalogue?q=blouse", "/upload", "/v1/items?q=blouse"):
            assert mine not in other.get(path).text, path
        assert other.get("/v1/items").json()["total"] == 192
        assert "Blouse" not in other.get("/catalogue?q=my+blouse").text
        assert other.delete(f"/v1/items/{mine}").status_code == 404
        assert other.post("/upload/delete", data={"item": mine}).status_code == 404
    page = client.get(f"/item?item={mine}&on={mine}&on=i100").text
    assert Parts(page).of("form", action="/upload/delete", method="post")
    gone = client.post("/upload/delete", data={"item": mine, "back": "/board?on=i100"})
    assert (gone.status_code, urlsplit(str(gone.url)).path) == (200, "/board")
    assert [client.get(path).status_code for path in seen] == [404] * 4
    assert mine not in client.get("/catalogue").text
    assert "has no item" in client.get(f"/board?on=i100&on={mine}").text
    assert client.post("/v1/score", json={"outfits": [["i100", mine]]}).json()["reason"] == "unknown_item"
    assert client.delete("/v1/items/i0").status_code == 404  # what is of the catalogue stays
    assert client.get("/v1/index").json()["guests"] == 0


def test_a_photo_that_is_sent_again_is_the_same_item(copied):
    _, client = copied
    client.get("/upload")
    data = {"category": "shirt", "title": "My blouse"}
    files = {"picture": ("a.png", png(), "image/png")}
    ids = [client.post("/v1/items", data=data, files=files).json()["item_id"] for _ in range(3)]
    assert len(set(ids)) == 1
    others = [
        client.post("/v1/items", data=data | {"title": "Other"}, files=files),
        client.post("/v1/items", data=data, files={"picture": ("a.png", png(grey=9), "image/png")}),
        TestClient(client.app).post("/v1/items", data=data, files=files),  # another owner
    ]
    assert len({*ids, *(answer.json()["item_id"] for answer in others)}) == 4
    assert client.get("/v1/index").json()["guests"] == 4
    client.delete(f"/v1/items/{ids[0]}")
    again = client.post("/v1/items", data=data, files=files).json()
    assert again["item_id"] != ids[0]
    assert client.get("/v1/items?q=blouse").json()["total"] == 2


def test_a_photo_is_what_the_items_are_that_look_like_it():
    """Three kinds of items, each around a direction of its own, over a common offset as features ≥ 0 have one."""
    chance = np.random.default_rng(0)
    kinds = np.array(["coat", "bag", "boot"]).repeat(30)
    middles = {kind: chance.random(8) for kind in ("coat", "bag", "boot")}
    vectors = np.stack([10 + middles[kind] + 0.05 * chance.standard_normal(8) for kind in kinds])
    present = np.arange(90) % 10 != 0
    neighbours = Neighbours("made", vectors, present, kinds)
    for kind, middle in middles.items():
        guess = neighbours.guess(10 + middle)
        assert (guess.category, guess.shares) == (kind, {kind: 1.0})
        assert not guess.contradicts(kind)
        assert guess.contradicts("belt")
    torn = Guess("coat", {"coat": 0.7, "bag": 0.2, "boot": 0.1})
    assert [torn.contradicts(kind) for kind in ("coat", "bag", "boot")] == [False, False, True]
    assert not Guess("coat", {"coat": 0.5, "bag": 0.5}).contradicts("boot")  # too unsure


@pytest.mark.slow
def test_a_category_is_guessed_and_a_contradiction_is_asked_about(copied, monkeypatch):
    _, client = copied
    monkeypatch.setattr(shared, "guess", lambda view, picture: Guess("skirt", {"skirt": 1.0}))
    files = {"picture": ("a.png", png(grey=40), "image/png")}
    page = client.post("/upload", data={"title": "Mine", "on": "i0"}, files=files)
    assert page.url.path == "/upload"
    assert "It looks like skirt<" in page.text
    [item] = [field["value"] for field in Parts(page.text).of("input", type="hidden", name="item")][:1]
    assert client.get(f"/v1/items/{item}").json()["category"] == "skirt"
    board = client.post("/upload/category", data={"item": item, "category": "skirt", "on": "i0"})
    assert parse_qs(urlsplit(str(board.url)).query)["on"] == ["i0", item]
    response = client.post("/upload", data={"title": "Other", "category": "boots"}, files=files)
    assert "It looks like skirt, not boots" in response.text
    other = parse_qs(urlsplit(str(response.url)).query)["check"][0]
    changed = client.post("/upload/category", data={"item": other, "category": "skirt"})
    new = parse_qs(urlsplit(str(changed.url)).query)["on"][0]
    assert client.get(f"/v1/items/{new}").json()["category"] == "skirt"
    assert client.get(f"/v1/items/{other}").status_code == 404
    assert '<span class="badge">yours</span>' in client.get("/catalogue").text
    stranger = TestClient(client.app, cookies={COOKIE: "x"})
    assert stranger.post("/upload/category", data={"item": new, "category": "boots"}).status_code == 404
    assert "It looks like" not in stranger.get(f"/upload?check={new}").text
    monkeypatch.setattr(shared, "guess", lambda view, picture: None)
    bare = client.post("/upload", data={"title": "Unknown"}, files=files)
    assert bare.status_code == 422
    assert "goeswith cannot tell what is in the photo; choose its category" in bare.text
    for reads, first in ((True, '<option value="">Guess it from the photo'), (False, '<option value="">Choose<')):
        monkeypatch.setattr(routes, "guesses", lambda view, reads=reads: reads)
        form = client.get("/upload").text
        assert first in form
        assert ('<select name="category" required>' in form) is not reads
