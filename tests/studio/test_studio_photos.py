"""Photos of one's own in the studio."""

import json
from io import BytesIO

from answers import Parts, cards, png
from PIL import Image
from served import SCRIPT, seen

from goeswith.shop.guests import GuestEncoder
from goeswith.studio.pages.board import MOST
from goeswith.studio.service.limits import UPLOAD_BYTES


def test_a_photo_becomes_an_item_on_the_board(client, monkeypatch):
    monkeypatch.setattr(GuestEncoder, "features", seen)
    written = BytesIO()
    Image.new("RGB", (80, 120), "red").save(written, "PNG")
    data = {"category": "tote", "title": SCRIPT, "on": "i0"}
    answer = client.post("/upload", data=data, files={"picture": ("a.png", written.getvalue(), "image/png")})
    assert answer.status_code == 200
    assert "on=guest-1" in str(answer.url)
    assert "<script>alert" not in answer.text
    assert 'id="verdict"' in answer.text
    bad = client.post("/upload", data=data, files={"picture": ("a.png", b"no picture", "image/png")})
    assert bad.status_code == 422
    assert "is no picture" in bad.text
    assert 'value="i0"' in bad.text  # the board is kept
    odd = client.post("/upload", data=data | {"category": "sofa"},
                      files={"picture": ("a.png", written.getvalue(), "image/png")})  # fmt: skip
    assert "sofa" in odd.text


def test_a_photo_waits_where_the_board_is_full(copied):
    _, client = copied
    wall = client.app.state.shop.wall
    ids = [one for one in wall.catalogue.ids if wall.index.known[wall.row(one)]][:MOST]
    on = "&on=".join(ids)
    assert "The board is full: the photo will wait here" in client.get(f"/upload?on={on}").text
    data = {"category": "shirt", "title": "My <blouse>", "on": ids, "lock": ids[:1]}
    answer = client.post("/upload", data=data, files={"picture": ("a.png", png(), "image/png")})
    assert answer.status_code == 200
    told = answer.text[answer.text.index('role="alert"') :]
    assert "The board is full, so “My &lt;blouse&gt;” waits among" in told
    assert json.loads(Parts(answer.text).of("div", id="board")[0]["data-on"]) == ids  # nothing fell off it
    assert json.loads(Parts(answer.text).of("div", id="board")[0]["data-lock"]) == ids[:1]
    ways = [a["href"] for a in Parts(told).of("a")]
    photos, item = ways[0], ways[1]
    assert cards(client.get(photos).text) == ["guest-1"]
    assert "My &lt;blouse&gt;" in client.get(item).text
    assert cards(client.get("/").text)[0] == "guest-1"
    room = item.replace(f"on={ids[-1]}", "")  # an item was taken off
    put = Parts(client.get(room).text).of("a", **{"class": "button main"})[0]["href"]
    board = Parts(client.get(put).text).of("div", id="board")[0]
    assert json.loads(board["data-on"]) == [*ids[:-1], "guest-1"]
    nothing = client.get(f"/board?on={on}&waits=nothing")
    assert (nothing.status_code, "The board is full, so" in nothing.text) == (200, False)


def test_a_photo_that_is_too_large_is_told_before_it_is_sent(client):
    sent = Parts(client.get("/upload").text).of("input", type="file")[0]
    assert int(sent["data-most"]) < UPLOAD_BYTES
    assert sent["data-large"] == "This photo has more than 12 MB; make it smaller."
