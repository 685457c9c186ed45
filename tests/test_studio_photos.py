"""Photos of one's own in the studio."""

from io import BytesIO

from PIL import Image
from served import SCRIPT, seen

from goeswith.index import Index


def test_a_photo_becomes_an_item_on_the_board(client, monkeypatch):
    monkeypatch.setattr(Index, "_features", seen)
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
