"""Looks over HTTP: the answers of the stylist, and a reason where there is none."""

import json
from pathlib import Path
from typing import Any

import pytest
from answers import Parts, png, refused
from served import BARE, ODD, OUTFIT
from starlette.testclient import TestClient

from goeswith.data.filters import Filters
from goeswith.errors import CatalogueError
from goeswith.shop.explain import explain
from goeswith.shop.index import Index
from goeswith.shop.stylist import Stylist
from goeswith.studio.app import create_app
from goeswith.studio.service import limits


def test_answers_are_those_of_the_stylist(world: Path, client: TestClient) -> None:
    stylist = Stylist(Index(world / "index"))
    answer = client.post("/v1/score", json={"outfits": [OUTFIT, ["i1", "i60"]]}).json()["looks"]
    for look, own in zip(answer, stylist.judge_many([OUTFIT, ["i1", "i60"]]), strict=True):
        assert look["item_ids"] == list(own.item_ids)
        assert (look["score"], look["probability"], look["percentile"], look["price"]) == pytest.approx(
            (own.score, own.probability, own.percentile, own.price)
        )
    filters = {"colours": ["black", "red"], "price_max": 180}
    own_filters = Filters(colours=("black", "red"), price_max=180)
    body = {"anchors": ["i0"], "slots": ["shoes", "bottom"], "budget": 260, "k": 3, "filters": filters}
    answer = client.post("/v1/complete", json=body).json()["looks"]
    own = stylist.complete(["i0"], slots=["shoes", "bottom"], filters=own_filters, budget=260, k=3)
    assert [(look["item_ids"], look["added"]) for look in answer] == [(list(o.item_ids), list(o.added)) for o in own]
    answer = client.post("/v1/fill", json={"items": OUTFIT, "slot": "tote", "k": 4}).json()["looks"]
    assert [look["added"] for look in answer] == [list(look.added) for look in stylist.fill(OUTFIT, "tote", k=4)]
    answer = client.post("/v1/improve", json={"items": OUTFIT, "locked": ["i0"], "k": 2}).json()["swaps"]
    own_swaps = stylist.improve(OUTFIT, locked=["i0"], k=2)
    assert [(swap["removed"], swap["added"]) for swap in answer] == [(swap.removed, swap.added) for swap in own_swaps]
    assert all(swap["gain"] > 0 for swap in answer)
    assert client.post("/v1/improve", json={"items": OUTFIT}).json()["why_none"] == ""
    for body in ({"items": ["i100", "i130"]}, {"items": [*OUTFIT, "i130"], "locked": ["i100", "i130"]}):
        answer = client.post("/v1/improve", json=body).json()
        assert answer == {"swaps": [], "why_none": stylist.why_no_swap(**body)}
        assert "it " in answer["why_none"]
    answer = client.post("/v1/explain", json={"items": OUTFIT}).json()
    own_why = explain(stylist, OUTFIT)
    assert (answer["sentence"], answer["weakest_item"]) == (own_why.sentence, own_why.weakest_item)
    assert answer["contributions"] == pytest.approx(own_why.contributions.tolist(), abs=1e-6)
    assert [row[index] for index, row in enumerate(answer["pairs"])] == [None] * 3
    answer = client.post("/v1/similar", json={"item": "i0", "filters": {"exclude": ["i1"]}}).json()["items"]
    own_near = stylist.similar("i0", filters=Filters(exclude=("i1",)))
    assert [near["item_id"] for near in answer] == [near.item_id for near in own_near]
    own_count = len(stylist.similar("i0", k=1000, filters=Filters(colours=("black",))))
    for filters, words in (
        ({}, ""),
        ({"price_max": 0, "colours": ["black"]},
         "no other item of its category passes the filters: colour black and price up to 0; "
         f"{own_count} would without price up to 0, none without colour black"),
    ):  # fmt: skip
        answer = client.post("/v1/similar", json={"item": "i0", "filters": filters}).json()
        assert (bool(answer["items"]), answer["why_none"]) == (not words, words)
    body = {"item_ids": OUTFIT, "filters": {"price_max": 0}}
    many = len(stylist.improve(OUTFIT, k=1000))
    assert client.post("/v1/improve", json=body).json()["why_none"] == (
        f"no swap of one item within price up to 0 and season and gender of the outfit makes the outfit better; "
        f"{many} would without price up to 0"
    )
    answer = client.post("/v1/explain", json={"item_ids": OUTFIT, "locked": OUTFIT}).json()
    assert answer["swap"] is None


def test_items_have_several_names_and_values_any_case(client: TestClient) -> None:
    body = {"anchors": ["i0"], "slots": ["shoes"], "k": 3, "filters": {"colours": ["black"], "exclude": ["i100"]}}
    own = client.post("/v1/complete", json=body).json()["looks"]
    second = {"anchors": ["p0"], "slots": ["SHOES"], "k": 3, "filters": {"colours": ["Black"], "exclude": ["p100"]}}
    assert client.post("/v1/complete", json=second).json()["looks"] == own
    names = [f"p{item_id[1:]}" for item_id in OUTFIT]
    for path, first, second in (
        ("score", {"outfits": [OUTFIT]}, {"outfits": [names]}),
        ("fill", {"items": OUTFIT[:2], "slot": "shoes"}, {"items": names[:2], "slot": "shoes"}),
        ("improve", {"items": OUTFIT, "locked": ["i0"]}, {"items": names, "locked": ["p0"]}),
        ("explain", {"items": OUTFIT}, {"items": names}),
        ("similar", {"item": "i0"}, {"item": "p0"}),
    ):
        assert client.post(f"/v1/{path}", json=second).json() == client.post(f"/v1/{path}", json=first).json()
    other = {"anchors": ["I0"], "slots": ["shoes"], "k": 3, "filters": {"colours": ["black"], "exclude": ["P100"]}}
    assert client.post("/v1/complete", json=other).json()["looks"] == own
    assert client.get("/storefront/v1/looks/I0").json() == client.get("/storefront/v1/looks/i0").json()
    many = client.get("/storefront/v1/looks", params={"item": ["I0", "P60", "~"]}).json()
    assert ([answer["item"]["item_id"] for answer in many["answers"]], many["unknown"]) == (["i0", "i60"], ["~"])
    refusal = client.post("/v1/complete", json=body | {"anchors": ["one"]})
    refused(refusal, 422, "ambiguous_item", "'one' is 2 items; name one of them: i6, i7")
    assert refusal.json()["item_ids"] == ["i6", "i7"]
    assert refusal.json()["choices"] == [
        {"item_id": item_id, "item": f"/v1/items/{item_id}", "image": f"/v1/items/{item_id}/image"}
        for item_id in ("i6", "i7")
    ]
    for choice in refusal.json()["choices"]:
        assert client.get(choice["item"]).json()["item_id"] == choice["item_id"]
        assert client.get(choice["image"]).status_code == 200
    assert client.get("/v1/items/p0").json() == client.get("/v1/items/i0").json()
    refused(client.get("/v1/items/one"), 422, "ambiguous_item")
    refused(client.get("/v1/items/nobody"), 404, "unknown_item", "no item 'nobody'; check the id")
    near = client.get("/v1/items/i90-")
    refused(near, 404, "unknown_item", "the catalogue has no item 'i90-'; did you mean 'i90' or 'i9'?")
    assert [choice["item_id"] for choice in near.json()["choices"]] == ["i90", "i9"]
    refused(client.post("/v1/score", json={"outfits": [["i0", "i90-"]]}), 422, "unknown_item", "did you mean 'i90'")
    page = client.get("/v1/items", params={"colour": "BLACK", "limit": 3}).json()
    assert page == client.get("/v1/items", params={"colour": "black", "limit": 3}).json()
    saved = client.post("/v1/looks", json={"name": "By other names", "item_ids": names, "pinned_item": "p0"}).json()
    assert ([piece["item_id"] for piece in saved["items"]], saved["pinned_item"]) == (OUTFIT, "i0")
    for name in ("i0", "p0", "I0"):
        assert client.get("/v1/looks", params={"item": name}).json()["total"] == 1
        assert "By other names" in client.get("/looks", params={"item": name}).text
    assert client.get("/v1/looks", params={"item": "gone"}).json()["total"] == 0
    refused(client.get("/v1/looks", params={"item": "one"}), 422, "ambiguous_item")
    client.delete(f"/v1/looks/{saved['look_id']}")
    first = client.get("/v1/items", params={"q": " p0 ", "limit": 3}).json()["items"]
    assert [item["item_id"] for item in first] == ["i0"]
    refused(client.post("/v1/reviews", json={"name": "x", "item_ids": ["p0", "one"]}), 422, "ambiguous_item")


def test_pages_take_other_names_and_cases(client: TestClient) -> None:
    page = client.get("/catalogue", params={"colour": "BLACK"}).text
    assert page == client.get("/catalogue", params={"colour": "black"}).text
    assert "no item has" not in page
    by_names = client.get("/board", params={"on": ["p0", "p50"], "lock": ["p0"]}).text
    assert by_names == client.get("/board", params={"on": ["i0", "i50"], "lock": ["i0"]}).text
    board = client.get("/board?on=one&on=i50").text
    assert "&#39;one&#39; is 2 items; choose one." in board
    assert [link["href"] for link in Parts(board).of("a") if link["href"].startswith("/board?on=i50&on=")][:2] == [
        "/board?on=i50&on=i6", "/board?on=i50&on=i7",
    ]  # fmt: skip
    several, wrong = client.get("/item?item=one&on=i50"), client.get("/item?item=i90-&on=i50")
    assert (several.status_code, several.text.count("&#39;one&#39; is 2 items; choose one.")) == (422, 1)
    assert (wrong.status_code, wrong.text.count("did you mean &#39;i90&#39; or &#39;i9&#39;?<")) == (404, 1)
    for page, ids in ((several, ["i6", "i7"]), (wrong, ["i90", "i9"])):
        links = [link["href"] for link in Parts(page.text).of("a") if link["href"].startswith("/item?")]
        assert links == [f"/item?on=i50&item={item_id}" for item_id in ids]
        assert all(f">{item_id}</small>" in page.text for item_id in ids)
        assert page.text.count('<ul class="meant">') == 1
    assert "did you mean &#39;i90&#39; or &#39;i9&#39;?<" in client.get("/board?on=i90-&on=i50").text
    for path in ("/board?on={}&on=i50&lock={}", "/item?item={}", "/looks?item={}"):
        own, other = (client.get(path.format(name, name)) for name in ("i90", "I90"))
        assert (other.status_code, other.text.replace("I90", "i90")) == (200, own.text)
    assert "The catalogue has no item &#39;nobody&#39;; check the id." in client.get("/item?item=nobody").text


def test_a_guest_is_never_proposed(copied: tuple[Path, TestClient]) -> None:
    _, client = copied
    mine = client.post("/v1/items", files={"picture": ("x", png(), "image/png")}, data={"category": "shirt"}).json()
    for name in (mine["item_id"][:-1], mine["item_id"].upper(), "guest-"):
        answer = client.get(f"/v1/items/{name}")
        refused(answer, 404, "unknown_item", f"no item '{name}'")
        assert answer.json()["choices"] == []
    assert client.get("/v1/items/i90-").json()["choices"][0]["item_id"] == "i90"
    assert client.get("/v1/items/I90").json()["item_id"] == "i90"


JSON = b'{"outfits": [["i0", "i50", "i100"]]}'


@pytest.mark.parametrize(
    ("kind", "body", "status", "words"),
    [
        ("application/json", JSON, 200, ""),
        ("application/problem+json; charset=utf-8", JSON, 200, ""),
        ("text/plain", JSON, 415, "the body is text/plain; send it with the header Content-Type: application/json"),
        ("application/x-www-form-urlencoded", JSON, 415, "the body is application/x-www-form-urlencoded; send it"),
        ("", JSON, 415, "the body has no type; send it with the header Content-Type: application/json"),
        ("application/json", b"", 400, "the request has no body; send one as application/json"),
        ("text/plain", b"", 400, "the request has no body; send one as application/json"),
        ("application/json", b"{", 400, "the body is not valid JSON"),
        ("application/json", b"[]", 422, "body: "),
    ],
)
def test_a_body_is_json_and_says_so(client: TestClient, kind: str, body: bytes, status: int, words: str) -> None:
    answer = client.post("/v1/score", content=body, headers={"content-type": kind} if kind else {})
    if status == 200:
        assert answer.status_code == 200, answer.text
    else:
        reasons = {400: "unreadable", 415: "wrong_type", 422: "bad_request"}
        refused(answer, status, reasons[status], words)


def test_other_bodies_than_asked_for_are_refused_everywhere(client: TestClient) -> None:
    ask = {"content": JSON, "headers": {"content-type": "text/plain"}}
    for path in ("complete", "fill", "improve", "explain", "similar", "looks", "reviews"):
        refused(client.post(f"/v1/{path}", **ask), 415, "wrong_type", "application/json")  # type: ignore[arg-type]
        refused(client.post(f"/v1/{path}"), 400, "unreadable", "no body")
    refused(client.post("/v1/items", json={"category": "shirt"}), 415, "wrong_type", "multipart/form-data")
    refused(client.post("/v1/items"), 400, "unreadable", "send one as multipart/form-data")
    refused(
        client.post("/storefront/v1/events", content=b"", headers={"content-type": "text/plain"}), 400, "unreadable"
    )


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
    ("complete", LISTED | {"filters": {"price_min": 1e9}}, "nothing_fits", "widen the filters"),
    ("fill", {"items": ["i0"], "slot": "nope"}, "unknown_slot", "'nope'"),
    ("improve", {"items": OUTFIT, "locked": ["i1"]}, "not_in_outfit", "not in the outfit"),
    ("improve", {"items": OUTFIT, "locked": ["zzz"]}, "not_in_outfit", "'zzz'"),
    ("explain", {"items": ["i0"]}, "too_few_items", "1 item"),
    ("explain", {"items": ["i6", "i7"]}, "same_product", "one product"),
    ("similar", {"item": "nope"}, "unknown_item", "'nope'"),
]


@pytest.mark.parametrize(("path", "body", "reason", "word"), REFUSED)
def test_what_cannot_be_answered_is_refused_with_a_reason(
    client: TestClient, path: str, body: dict[str, Any], reason: str, word: str
) -> None:
    refused(client.post(f"/v1/{path}", json=body), 422, reason, word)


@pytest.mark.parametrize(
    ("outfit", "reason", "item_ids"),
    [
        (["i0", "nope"], "unknown_item", ["nope"]),
        (["i0", "i0"], "same_product", ["i0"]),
        (["i6", "i0", "i7"], "same_product", ["i6", "i7"]),
        (["i0", BARE], "no_features", [BARE]),
        ([ODD, "i0"], "unknown_category", [ODD]),
        (["i0"], "too_few_items", ["i0"]),
    ],
)
def test_an_error_names_its_reason_and_items_in_python_and_over_http(
    world: Path, client: TestClient, outfit: list[str], reason: str, item_ids: list[str]
) -> None:
    with pytest.raises(CatalogueError) as raised:
        Stylist(Index(world / "index")).judge(outfit)
    assert (raised.value.reason, list(raised.value.item_ids)) == (reason, item_ids)
    problem = client.post("/v1/score", json={"outfits": [OUTFIT, outfit]}).json()
    assert (problem["reason"], problem["item_ids"], problem["status"]) == (reason, item_ids, 422)
    assert problem["detail"] == str(raised.value)


def test_bodies_that_are_no_requests(client: TestClient) -> None:
    json_type = {"content-type": "application/json"}
    for path in ("score", "complete", "fill", "improve", "explain", "similar", "looks", "reviews"):
        for text in (b"{", b'{"k": 1,}', b"nothing", b"\xff\xfe", b'{"a": "\xff"}'):
            refused(client.post(f"/v1/{path}", content=text, headers=json_type), 400, "unreadable")
    refused(client.patch("/v1/looks/x", content=b"{", headers=json_type), 400, "unreadable", "not valid JSON")
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


def test_an_internal_error_is_reported_without_its_traceback(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with TestClient(create_app(world / "index"), raise_server_exceptions=False) as client:
        with monkeypatch.context() as patched:
            patched.setattr(Stylist, "judge_many", lambda self, outfits: 1 / 0)
            answer = client.post("/v1/score", json={"outfits": [OUTFIT]})
        refused(answer, 500, "internal")
        assert "division" not in answer.text
        assert client.post("/v1/score", json={"outfits": [OUTFIT]}).status_code == 200
