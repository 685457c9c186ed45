"""Looks that leave the studio: lookbook, print sheet, JSON, public links and what is embedded elsewhere."""

import html
import re

import pytest
from starlette.testclient import TestClient

from goeswith.studio.app import create_app
from goeswith.studio.pages import lookbook
from goeswith.studio.service.links import Links
from goeswith.studio.storefront.keys import PublicKey

WHOLE = ["i0", "i60", "i150"]
TOKEN = "a-token-that-is-long-enough"


@pytest.fixture
def client(empty_client):
    return empty_client


def saved_look(client, name="Office", items=WHOLE, **options):
    answer = client.post("/v1/looks", json={"name": name, "item_ids": items} | options)
    assert answer.status_code == 201, answer.text
    return answer.json()["look_id"]


def test_a_book_has_a_cover_and_a_sheet_for_each_look_with_prices_and_numbers(client):
    office, beach = saved_look(client, tags=["june"], note="For Zoë <3"), saved_look(client, "Beach", ["i1", "i61"])
    page = client.get("/looks/print?title=June").text
    assert page.count('class="sheet"') == 2
    assert "<h1>June</h1>" in page
    assert "2 looks" in page
    assert "For Zoë &lt;3" in page
    assert re.findall(r'<td class="number">(i\d+)</td>', page) == ["i1", "i61", *WHOLE]
    assert "160.00" in page
    assert client.get(f"/looks/print?look={beach}&look={office}&per=2").text.count('class="sheet"') == 1
    assert re.findall(r"<h2>(\w+)", client.get(f"/looks/print?look={beach}&look={office}").text) == ["Beach", "Office"]
    assert client.get("/looks/print?tag=none").status_code == 422
    response = client.get(f"/looks.json?look={office}").json()["looks"]
    assert [piece["item_id"] for piece in response[0]["items"]] == WHOLE
    assert client.get("/looks.csv", params={"look": beach}).text.count("\n") == 3


@pytest.mark.slow
def test_the_book_as_a_pdf(client, monkeypatch):
    pytest.importorskip(
        "weasyprint", reason="WeasyPrint is not installed, or has no Pango", exc_type=(ImportError, OSError)
    )
    saved_look(client)
    answer = client.get("/looks.pdf?title=June+2026")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"] == 'attachment; filename="june-2026.pdf"'
    assert answer.content.startswith(b"%PDF-")
    assert answer.content.count(b"/DCTDecode") >= 1  # the flat lay, on the cover and on its sheet
    monkeypatch.setattr(lookbook.importlib.util, "find_spec", lambda name: None)
    answer = client.get("/looks.pdf")
    assert answer.status_code == 501
    assert "print sheet" in answer.text


@pytest.mark.slow
def test_nothing_is_loaded_from_elsewhere_for_a_pdf(client):
    pytest.importorskip(
        "weasyprint", reason="WeasyPrint is not installed, or has no Pango", exc_type=(ImportError, OSError)
    )
    look = client.app.state.looks.get(saved_look(client))
    fetcher = lookbook._fetcher(client.app.state.shop.view, [look], "")
    for address in ("http://example.com/a.png", "file:///etc/passwd", f"{lookbook.HOST}.evil/x"):
        with pytest.raises(ValueError, match="elsewhere"):
            fetcher.fetch(address)
    with pytest.raises(ValueError, match="no such picture"):
        fetcher.fetch(f"{lookbook.HOST}/v1/items/i0/image")
    assert fetcher.fetch(f"{lookbook.HOST}/looks/lay?look={look.look_id}").read().startswith(b"\xff\xd8")


def test_a_public_link_shows_one_look_without_a_token_until_it_is_closed(world, tmp_path):
    app = create_app(world / "index", looks=tmp_path / "looks.sqlite", token=TOKEN)
    inside = {"Authorization": f"Bearer {TOKEN}"}
    with TestClient(app, follow_redirects=False) as client:
        look_body = {"name": "Office <b>", "item_ids": WHOLE, "note": "between us", "tags": ["secret"]}
        look = client.post("/v1/looks", json=look_body, headers=inside).json()["look_id"]
        path = client.post(f"/v1/looks/{look}/link", headers=inside).json()["path"]
        assert client.post(f"/v1/looks/{look}/link", headers=inside).json()["path"] == path
        assert len(path) > 24
        answer = client.get(path)
        assert answer.status_code == 200
        assert answer.headers["x-robots-tag"] == "noindex, nofollow"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "frame-ancestors *" in client.get(f"{path}?embed=1").headers["content-security-policy"]
        assert "Office &lt;b&gt;" in answer.text
        assert "240.00" in answer.text
        for hidden in ("between us", "secret", "i60", "/board", '"/looks'):
            assert hidden not in answer.text, hidden
        pictures = re.findall(r'<img src="([^"?]+)', answer.text)
        assert pictures == [f"{path}/look", *(f"{path}/{at}" for at in range(3))]
        for picture in pictures[:2]:
            assert client.get(picture).content.startswith(b"\xff\xd8")
        assert client.get(f"{path}/3").status_code == 404
        for closed in ("/looks", "/v1/items/i0/image", f"/looks/card?look={look}"):
            assert client.get(closed).status_code == 401
        assert client.post(f"/v1/looks/{look}/link").status_code == 401
        share = client.get(f"/looks/share?look={look}", headers=inside).text
        assert f"http://testserver{path}" in share
        assert "&lt;iframe" not in share  # not approved yet
        client.patch(f"/v1/looks/{look}", json={"state": "approved"}, headers=inside)
        assert "&lt;iframe" in client.get(f"/looks/share?look={look}", headers=inside).text
        client.delete(f"/v1/looks/{look}", headers=inside)
        assert client.get(path).status_code == 404
        client.post(f"/v1/looks/{look}/undo", headers=inside)
        assert client.get(path).status_code == 200
        assert client.delete(f"/v1/looks/{look}/link", headers=inside).status_code == 204
        for gone in (path, pictures[0], "/l/none", "/l/none/0"):
            answer = client.get(gone)
            assert answer.status_code == 404
            assert "Office" not in answer.text
        assert client.delete(f"/v1/looks/{look}/link", headers=inside).status_code == 404
        again = client.post(f"/v1/looks/{look}/link", headers=inside).json()["path"]
        assert again != path  # a closed link stays closed


def test_a_look_is_pinned_to_the_page_of_one_of_its_products(client, store):
    look = saved_look(client, pinned_item="i60")
    other = saved_look(client, "Beach", ["i1", "i61"])
    assert store.get(look).pinned_item == "i60"
    page = client.get("/looks").text
    assert "On the page of" in page
    listed = client.get("/looks?item=i60").text
    assert listed.count('<li class="lookcard">') == 1
    assert "With the piece Item 60" in listed
    assert client.get("/v1/looks?item=i61").json()["looks"][0]["look_id"] == other
    form = {"look": other, "do": "pin", "item": "i1", "back": f"/looks/share?look={other}"}
    assert client.post("/looks/change", data=form).status_code == 303
    assert store.get(other).pinned_item == "i1"
    assert client.post("/looks/change", data=form | {"item": "i99"}).status_code == 422
    assert client.patch(f"/v1/looks/{other}", json={"pinned_item": ""}).json()["pinned_item"] == ""
    copy = client.post("/looks/change", data={"look": look, "do": "duplicate"})
    assert copy.status_code == 303
    assert [duplicate.pinned_item for duplicate in store.find(words="copy")] == ["i60"]
    changed = client.patch(f"/v1/looks/{look}", json={"item_ids": ["i0", "i150"]}).json()
    assert changed["pinned_item"] == ""  # its product left it
    store.undo(store.history(look)[0].change_id, "Ada")
    assert store.get(look).pinned_item == "i60"
    assert Links(store.path).of(look) == ""


def test_with_a_key_for_product_pages_the_snippet_is_the_script_of_the_pinned_product(world, tmp_path):
    key = PublicKey("key-of-product-pages", ["https://shop.example"])
    with TestClient(create_app(world / "index", looks=tmp_path / "looks.sqlite", public_key=key)) as client:
        look = saved_look(client)

        def share():
            return html.unescape(client.get(f"/looks/share?look={look}").text)

        assert "once it is approved" in share()
        assert "Nobody but this studio can see the look." in share()
        client.patch(f"/v1/looks/{look}", json={"state": "approved"})
        assert "Product pages may show the look." in share()
        client.post(f"/v1/looks/{look}/link")
        assert "Pin the look to an item above" in share()
        assert "<iframe" not in share()
        client.patch(f"/v1/looks/{look}", json={"pinned_item": "i60"})
        source = 'src="http://testserver/storefront/v1/looks.js" data-item="i60" data-key="key-of-product-pages"'
        assert f"<script {source} async></script>" in share()
        assert "pages of https://shop.example." in share()
