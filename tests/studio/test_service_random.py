"""Service, asked at random: what an address, a head or a body may hold, put together as nobody would."""

import random
from pathlib import Path
from typing import Any

import pytest
from served import BARE, ODD
from starlette.testclient import TestClient

PATHS = ["/", "/tray", "/item", "/board", "/board/more", "/board/offer", "/upload", "/quiz", "/rules", "/v1/items",
         "/v1/items/i0", "/v1/items/i0/image", "/nowhere", "/looks", "/looks/repair", "/looks/card", "/looks.csv",
         "/v1/looks", "/v1/looks/x", "/v1/looks/x/history"]  # fmt: skip
FORMS = ["/reload", "/upload", "/board/save", "/upload/delete", "/v1/score", "/v1/complete", "/v1/items", "/enter",
         "/looks/change", "/looks/undo", "/looks/repair", "/v1/looks", "/v1/looks/x/undo"]  # fmt: skip
NAMES = ["on", "lock", "toggle", "swap", "waits", "item", "seed", "asked", "choice", "attribute", "top", "bottom",
         "sign", "rule", "off", "use", "q", "category", "price_min", "offset", "limit", "size", "back", "look",
         "slot", "state", "tag", "change", "want_budget", "want_colour", "want_stock", "as_new"]  # fmt: skip
VALUES = ["", "i0", BARE, ODD, "nope", "-1", "1", "9" * 40, "1e400", "nan", "\x00", "é", "²", "١٢", "<script>",
          "//x", "../../etc/passwd", "[" * 500, '["colour", "red", "black", "+"]', "[1, 2, 3, 4]", "http://[",
          "x" * 400]  # fmt: skip
HEADS = [{}, {"referer": "http://["}, {"cookie": "theme=dark; goeswith-photos=\xe9"}, {"if-none-match": '"x", W/"'},
         {"accept": "\xff"}, {"range": "bytes=0-,-1,a"}, {"content-type": "multipart/form-data; boundary="},
         {"content-type": "application/json"}, {"content-type": "application/x-www-form-urlencoded"}]  # fmt: skip
BODIES = [
    b"",
    b"a=1&b=2",
    b"item=i0&on=i0",
    b"on=i0&on=i100&name=%00&who=%e9&look=x&want_budget=%ff",
    b"look=x&do=live&old=i0&new=i1&change=1",
    b'{"name": "\\u0000", "item_ids": ["i0", "i100"]}',
    b"{}",
    b'{"outfits": [["i0", "i50"]]}',
    b"\xff" * 50,
    b"--x\r\n",
    b"[" * 999,
]


def request(luck: random.Random) -> dict[str, Any]:
    """A request put together at random."""
    headers = {name: value.encode("latin-1") for name, value in luck.choice(HEADS).items()}
    if luck.random() < 0.3:
        return {"method": "POST", "url": luck.choice(FORMS), "content": luck.choice(BODIES), "headers": headers}
    query = [(luck.choice(NAMES), luck.choice(VALUES)) for _ in range(luck.randrange(5))]
    method = luck.choice(["GET", "GET", "HEAD", "OPTIONS", "DELETE"])
    return {"method": method, "url": luck.choice(PATHS), "params": query, "headers": headers}


@pytest.mark.slow
def test_no_request_gets_a_500(copied: tuple[Path, TestClient]) -> None:
    client, luck = copied[1], random.Random(5)
    for _ in range(400):
        drawn = request(luck)
        answer = client.request(**drawn, follow_redirects=False)
        assert answer.status_code < 500, (drawn, answer.text)
