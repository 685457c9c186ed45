"""Storefront: what product pages are answered, with which key, from where, and how often."""

import io
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import polars as pl
import pytest
from answers import refused
from PIL import Image
from served import BARE, BROKEN, GONE, VARIANTS
from starlette.testclient import TestClient

from goeswith.data.catalogue import Catalogue
from goeswith.data.shelf import shelf
from goeswith.errors import ConfigError
from goeswith.shop.stylist import Stylist
from goeswith.studio.api.schemas import RequestModel, Searching
from goeswith.studio.app import create_app
from goeswith.studio.service import limits
from goeswith.studio.service.buckets import Bucket
from goeswith.studio.service.looks import Looks, Piece, SavedLook
from goeswith.studio.storefront import page_looks, schemas
from goeswith.studio.storefront.keys import PublicKey, origin, public_key_of
from goeswith.studio.storefront.page_looks import reviewed
from goeswith.studio.storefront.pictures import Signer, sides
from goeswith.studio.storefront.shown_items import FIELDS, rows_by_name, shown_item

TOKEN, KEY, SHOP = "correct-horse-battery", "key-of-product-pages", "https://shop.example"
PAGE = {"authorization": f"Bearer {KEY}", "origin": SHOP}
LOOKS = "/storefront/v1/looks"


@pytest.fixture(scope="module")
def page(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A client that asks as a product page of the shop does."""
    looks = tmp_path_factory.mktemp("storefront") / "looks.sqlite"
    app = create_app(world / "index", token=TOKEN, looks=looks, public_key=PublicKey(KEY, [SHOP]))
    with TestClient(app, headers=PAGE) as client:
        yield client


@pytest.fixture
def store(page: TestClient) -> Iterator[Looks]:
    """The saved looks of the service, which are gone after the test."""
    store: Looks = page.app.state.looks  # type: ignore[attr-defined]
    yield store
    for look in store.find():
        store.delete(look.look_id, "test")


def save(store: Looks, name: str, item_ids: tuple[str, ...], state: str = "approved") -> str:
    look = SavedLook("", name, tuple(Piece(item_id, item_id) for item_id in item_ids), ("secret tag",), "a secret note")
    saved, _ = store.save(look, "a colleague")
    return store.change(saved.look_id, "a colleague", state=state)[0].look_id


def names(answer: Any) -> list[str]:
    return [look["name"] for look in answer.json()["looks"]]


def test_an_answer_holds_all_that_a_page_shows(page: TestClient, world: Path) -> None:
    answer = page.get(f"{LOOKS}/i0", params={"limit": 8})
    assert answer.status_code == 200, answer.text
    item_page = schemas.ItemLooks.model_validate(answer.json())
    assert (item_page.item.item_id, item_page.item.title, item_page.item.price) == ("i0", "Item 0, black", 10.0)
    stylist: Stylist = page.app.state.shop.stylist  # type: ignore[attr-defined]
    expected = stylist.complete(["i0"], k=limits.PAGE_LOOKS)
    assert [{item.item_id for item in look.items} for look in item_page.looks] == [
        set(look.item_ids) for look in expected
    ]
    for look in item_page.looks:
        assert look.items[0].item_id == "i0"
        assert not look.approved
        assert look.price == pytest.approx(sum(item.price or 0 for item in look.items))
    assert len(page.get(f"{LOOKS}/i0").json()["looks"]) == 3
    assert set(schemas.ITEM) == {"item_id", *FIELDS}


def test_the_examples_of_the_schema_are_right() -> None:
    models: list[Any] = [*RequestModel.__subclasses__(), *Searching.__subclasses__(), *vars(schemas).values()]
    shown = [(model, example) for model in models if hasattr(model, "model_config")
             for example in model.model_config.get("json_schema_extra", {}).get("examples", ())]  # fmt: skip
    assert len(shown) >= 12
    for model, example in shown:
        assert set(example) <= set(model.model_json_schema()["properties"])
        assert model.model_validate(example)


def test_pictures_are_shown_by_their_address_alone(page: TestClient, world: Path) -> None:
    image = page.get(f"{LOOKS}/i0").json()["item"]["image"]
    bare = TestClient(page.app, headers={})
    for address, width in (part.rsplit(" ", 1) for part in image["srcset"].split(", ")):
        answer = bare.get(address)
        assert answer.status_code == 200
        assert f"{Image.open(io.BytesIO(answer.content)).width}w" == width
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
        assert bare.get(address, headers={"if-none-match": answer.headers["etag"]}).status_code == 304
        assert "immutable" not in bare.get(address.partition("?")[0]).headers["cache-control"]
        assert KEY not in address
        assert TOKEN not in address
    picture = Image.open(io.BytesIO(bare.get(image["src"]).content))
    assert picture.size == (image["width"], image["height"])
    assert sides((60, 90)) == [96]
    assert sides((400, 300)) == [96, 192, 384]
    for item_id in (GONE, "i100"):
        assert page.get(f"{LOOKS}/{item_id}").json()["item"]["image"] is None
    signature = image["src"].split("/")[6]
    for path in (f"{signature}/384/i1", f"{signature[:-1]}/384/i0", "x/384/i0", f"{signature}/384/nope", "/384/i0"):
        refused(bare.get(f"/storefront/v1/pictures/{path}"), 404, "not_found")
    signer = page.app.state.signer  # type: ignore[attr-defined]
    lost = bare.get(f"/storefront/v1/pictures/{signer.sign(BROKEN)}/96/{quote(BROKEN, safe='')}")
    assert (lost.headers["x-placeholder"], lost.headers["cache-control"]) == ("true", "no-store")


def test_the_secret_of_the_pictures_is_kept_and_nobody_else_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "new" / "pictures.secret"
    signers = [Signer(file) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        signed = set(pool.map(lambda signer: signer.sign("i0"), signers))
    assert len(signed) == 1
    assert file.stat().st_mode & 0o077 == 0
    assert Signer(file).signed("i0", signed.pop())
    assert Signer(tmp_path / "other.secret").sign("i0") != Signer(file).sign("i0") != Signer(file).sign("i1")


def test_people_come_before_the_model(page: TestClient, store: Looks) -> None:
    made = page.get(f"{LOOKS}/i0", params={"limit": 8})
    assert page.get(f"{LOOKS}/i0", params={"limit": 8}, headers={"if-none-match": made.headers["etag"]}).text == ""
    best, second = (tuple(item["item_id"] for item in look["items"]) for look in made.json()["looks"][:2])
    save(store, "a draft", ("i0", "i51"), "draft")
    save(store, "approved", ("i0", "i52"))
    save(store, "approved, begins elsewhere", ("i53", "i0"))
    save(store, "live", ("i100", "i0"), "live")
    save(store, "of another", ("i8", "i54"), "live")
    save(store, "with what is gone", ("i0", "gone"), "live")
    save(store, "no", best, "rejected")
    save(store, "as the model", second[::-1])
    changed = page.get(f"{LOOKS}/i0", params={"limit": 8}, headers={"if-none-match": made.headers["etag"]})
    assert changed.status_code == 200
    assert names(changed)[:5] == ["live", "approved", "as the model", "approved, begins elsewhere", ""]
    each = [frozenset(item["item_id"] for item in look["items"]) for look in changed.json()["looks"]]
    assert frozenset(best) not in each
    assert len(set(each)) == len(each) == 8
    only = page.get(f"{LOOKS}/i0", params={"approved": True, "limit": 8})
    assert names(only) == ["live", "approved", "as the model", "approved, begins elsewhere"]
    assert names(page.get(f"{LOOKS}/i53")) == ["approved, begins elsewhere", "", ""]
    save(store, "the same in another review", ("i100", "i0"))
    assert names(page.get(f"{LOOKS}/i0", params={"approved": True, "limit": 8})) == names(only)
    for secret in ("secret", "colleague", "note", "draft", "judged", "score"):
        assert secret not in changed.text


def test_looks_with_what_is_sold_out_are_not_shown(tmp_path: Path) -> None:
    class Opened(SimpleNamespace):
        __hash__ = object.__hash__

    items = pl.DataFrame(
        {
            "item_id": ["coat:navy", "coat:rust", "boots"], "category": ["coat", "coat", "boots"],
            "title": ["Coat", " ", None], "price": [89.0, float("nan"), 140.0], "regular_price": [120.0, None, None],
            "currency": ["EUR", "EUR", None], "stock": ["12", "out of stock", None], "sizes": ["S; M", None, "38"],
            "skus": ["C-S; C-M", "R-1", None], "product_id": ["coat", "coat", "~boots"],
            "link": ["https://shop.example/coat", "javascript:alert(1)", "//["],
            "title_de": ["Mantel", " ", None], "title_fr": ["Manteau", None, "Bottes"],
            "title_case": ["no", "no", "no"],
        }
    )  # fmt: skip
    catalogue = Catalogue(items)
    view: Any = Opened(catalogue=catalogue, index=SimpleNamespace(shelf=shelf(catalogue), images=None, size=3))
    navy, rust, boots = (shown_item(view, row, lambda *arguments: "") for row in range(3))
    assert (navy["sizes"], navy["skus"], navy["in_stock"]) == (["S", "M"], ["C-S", "C-M"], True)
    assert (navy["price"], navy["regular_price"], navy["link"]) == (89.0, 120.0, "https://shop.example/coat")
    assert [shown["titles"] for shown in (navy, rust, boots)] == [
        {"de": "Mantel", "fr": "Manteau"}, {}, {"fr": "Bottes"},
    ]  # fmt: skip
    assert (rust["title"], rust["price"], rust["in_stock"], rust["link"]) == (None, None, False, None)
    assert (boots["product_id"], boots["currency"], boots["in_stock"], boots["link"]) == (None, None, None, None)
    assert rows_by_name(view) == {
        "coat:navy": 0, "coat:rust": 1, "boots": 2, "C-S": 0, "C-M": 0, "R-1": 1, "coat": 0,
    }  # fmt: skip
    store = Looks(tmp_path / "looks.sqlite")
    save(store, "sold out", ("coat:navy", "coat:rust"))
    assert reviewed(view, store).approved == {}
    assert store.version() == 2


def test_many_at_once_in_the_fields_that_are_wanted(page: TestClient) -> None:
    answer = page.get(LOOKS, params={"item": ["i0", "nope", BROKEN, "one"], "fields": "price, title"})
    body = answer.json()
    assert body["unknown"] == ["nope"]
    assert [each["item"]["item_id"] for each in body["answers"]] == ["i0", BROKEN, VARIANTS[0]]  # "one": its product
    assert all(set(item) == {"item_id", "title", "price"} for each in body["answers"] for item in [each["item"]])
    assert [len(each["looks"]) for each in body["answers"]] == [1, 1, 1]
    schemas.ManyLooks.model_validate(body)
    bare = page.get(f"{LOOKS}/{BARE}").json()
    assert (bare["looks"], "no outfit can be made with it" in bare["why_none"]) == ([], True)
    assert page.get(f"{LOOKS}/{quote(BROKEN, safe='')}").json()["item"]["item_id"] == BROKEN
    refused(page.get(f"{LOOKS}/nope"), 404, "unknown_item", "'nope'")
    refused(page.get(f"{LOOKS}/i0", params={"fields": "price,cost"}), 422, "bad_request", "'cost'", "regular_price")
    for wrong in ({"limit": 0}, {"limit": 9}, {"approved": "perhaps"}):
        refused(page.get(f"{LOOKS}/i0", params=wrong), 422, "bad_request")
    refused(page.get(LOOKS), 422, "bad_request")
    refused(page.get(LOOKS, params={"item": ["i0"] * 25}), 422, "bad_request")


def test_a_photo_of_somebody_is_on_no_page(page: TestClient, store: Looks, monkeypatch: pytest.MonkeyPatch) -> None:
    from served import seen

    monkeypatch.setattr("goeswith.shop.guests.GuestEncoder.features", seen)
    picture = io.BytesIO()
    Image.new("RGB", (20, 30)).save(picture, "PNG")
    own = TestClient(page.app, headers={"authorization": f"Bearer {TOKEN}"})
    photo = own.post("/v1/items", files={"picture": picture.getvalue()}, data={"category": "shirt"}).json()["item_id"]
    save(store, "with a photo", ("i0", photo))
    assert "with a photo" not in names(page.get(f"{LOOKS}/i0"))
    refused(page.get(f"{LOOKS}/{photo}"), 404, "unknown_item")
    signature = page.app.state.signer.sign(photo)  # type: ignore[attr-defined]
    refused(page.get(f"/storefront/v1/pictures/{signature}/96/{photo}"), 404, "not_found")
    assert own.delete(f"/v1/items/{photo}").status_code == 204


def test_a_look_is_made_once_for_all_who_ask(page: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    made, waiting = [], threading.Event()
    make = page_looks.make

    def slow(stylist: Stylist, row: int) -> page_looks.Made:
        made.append(row)
        assert waiting.wait(20)
        return make(stylist, row)

    monkeypatch.setattr(page_looks, "make", slow)
    with ThreadPoolExecutor(4) as pool:
        requests = [pool.submit(page.get, f"{LOOKS}/i20") for _ in range(4)]
        while not made:
            pass
        waiting.set()
        assert {answer.result().status_code for answer in requests} == {200}
    assert page.get(f"{LOOKS}/i20").status_code == 200
    assert len(made) == 1


# --- keys


@pytest.mark.parametrize(
    ("headers", "status", "reason"),
    [
        (PAGE, 200, ""),
        ({"authorization": f"Bearer {KEY}", "sec-fetch-site": "same-origin"}, 200, ""),  # a proxy of the shop's own
        ({"authorization": f"Bearer {TOKEN}"}, 200, ""),
        ({}, 401, "key_needed"),
        ({"origin": SHOP}, 401, "key_needed"),
        ({"authorization": f"Bearer {KEY}x", "origin": SHOP}, 401, "wrong_key"),
        ({"authorization": f"Basic {KEY}", "origin": SHOP}, 401, "wrong_key"),
        ({"authorization": f"Bearer {KEY}"}, 403, "wrong_origin"),
        ({"authorization": f"Bearer {KEY}", "origin": "https://evil.example"}, 403, "wrong_origin"),
        ({"authorization": f"Bearer {KEY}", "origin": "http://shop.example"}, 403, "wrong_origin"),
        ({"authorization": f"Bearer {KEY}", "origin": "https://shop.example:8443"}, 403, "wrong_origin"),
        ({"authorization": f"Bearer {KEY}", "origin": "https://shop.example.evil.example"}, 403, "wrong_origin"),
        ({"authorization": f"Bearer {KEY}", "origin": "null", "sec-fetch-site": "cross-site"}, 403, "wrong_origin"),
    ],
)
def test_who_is_answered(page: TestClient, headers: dict[str, str], status: int, reason: str) -> None:
    client = TestClient(page.app, headers=headers)
    answer = client.get(f"{LOOKS}/i0")
    assert answer.status_code == status
    if reason:
        refused(answer, status, reason)
        assert KEY not in answer.text
    allowed = headers.get("origin") == SHOP
    assert (answer.headers.get("access-control-allow-origin") == SHOP) == allowed
    assert answer.headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in answer.headers


def test_the_public_key_opens_nothing_else(page: TestClient) -> None:
    paths = page.get("/openapi.json", headers={"authorization": f"Bearer {TOKEN}"}).json()["paths"]
    closed = {path for path in paths if not path.startswith("/storefront/")} - {"/health"}
    assert len(closed) > 15
    for path in [*closed, "/", "/docs", "/openapi.json"]:
        assert page.get(path).status_code == 401, path
        assert "access-control-allow-origin" not in page.get(path).headers
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert page.request(method, f"{LOOKS}/i0").status_code == 405


def test_browsers_ask_before_they_send_the_key(page: TestClient) -> None:
    asks = {"access-control-request-method": "GET", "access-control-request-headers": "authorization"}
    bare = TestClient(page.app)
    allowed = bare.options(f"{LOOKS}/i0", headers={"origin": SHOP, **asks})
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, SHOP)
    assert "Authorization" in allowed.headers["access-control-allow-headers"]
    assert "Origin" in allowed.headers["vary"]
    for other in ({"origin": "https://evil.example"}, {"origin": SHOP, "access-control-request-method": "DELETE"}):
        assert bare.options(f"{LOOKS}/i0", headers=asks | other).status_code == 400
    assert bare.options("/v1/items", headers={"origin": SHOP, **asks}).status_code == 401


def test_no_page_of_another_origin_is_answered_where_there_is_no_key(client: TestClient) -> None:
    assert client.get(f"{LOOKS}/i0").status_code == 200  # a program on this machine
    refused(client.get(f"{LOOKS}/i0", headers={"origin": SHOP}), 401, "key_needed")
    assert "access-control-allow-origin" not in client.get(f"{LOOKS}/i0", headers={"origin": SHOP}).headers


def test_a_key_is_for_so_many_requests_a_second(world: Path, tmp_path: Path) -> None:
    now = [0.0]
    key = PublicKey(KEY, [SHOP], Bucket(rate=2, burst=3, clock=lambda: now[0]))
    app = create_app(world / "index", token=TOKEN, looks=tmp_path / "looks.sqlite", public_key=key)
    with TestClient(app, headers=PAGE) as page:
        assert [page.get(f"{LOOKS}/i0").status_code for _ in range(4)] == [200, 200, 200, 429]
        late = page.get(f"{LOOKS}/i0")
        refused(late, 429, "too_many_requests")
        assert (late.headers["retry-after"], late.headers["access-control-allow-origin"]) == ("1", SHOP)
        assert page.get(f"{LOOKS}/i0", headers={"origin": "https://evil.example"}).status_code == 403  # takes none
        now[0] = 0.6
        assert [page.get(f"{LOOKS}/i0").status_code for _ in range(2)] == [200, 429]
        assert page.get(f"{LOOKS}/i0", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
        now[0] = 1e6
        assert [page.get(f"{LOOKS}/i0").status_code for _ in range(4)] == [200, 200, 200, 429]


def test_no_key_is_in_a_log_or_an_answer(
    page: TestClient, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(page_looks.PageLooks, "reviewed", broken)
    with caplog.at_level(logging.DEBUG):
        answers = [
            page.get(f"{LOOKS}/i0"),
            page.get(f"{LOOKS}/nope"),
            page.get("/v1/items"),
            page.get(f"{LOOKS}/i0?v={KEY[:3]}"),
        ]
    assert answers[0].status_code == 500
    assert "no answer to GET '/storefront/v1/looks/i0'" in caplog.text
    for text in (caplog.text, *(answer.text + str(answer.headers) for answer in answers)):
        assert KEY not in text
        assert TOKEN not in text


def test_origins_are_written_as_browsers_send_them() -> None:
    for text, expected in (
        ("https://Shop.Example", SHOP),
        ("https://shop.example/", SHOP),
        ("https://shop.example:443", SHOP),
        ("http://localhost:8001", "http://localhost:8001"),
        ("http://[::1]:80", "http://[::1]"),
    ):
        assert origin(text) == expected
    for text in ("*", "null", "", "shop.example", "https://", "https://*.shop.example", "https://shop.example/page",
                 "ftp://shop.example", "https://me@shop.example", "https://shop.example:x", "https://["):  # fmt: skip
        with pytest.raises(ConfigError, match="is not an origin"):
            origin(text)


def test_keys_that_protect_nothing_are_refused() -> None:
    assert public_key_of(None, (), TOKEN) is None
    for key, origins, words in (
        (None, [SHOP], "need a public key"),
        (TOKEN, [SHOP], "must not be the token"),
        (KEY, [], "--allow-origin"),
        ("short", [SHOP], "16 or more"),
        (KEY, ["*"], "is not an origin"),
    ):
        with pytest.raises(ConfigError, match=words):
            public_key_of(key, origins, TOKEN)
