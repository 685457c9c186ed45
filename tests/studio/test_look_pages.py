"""Looks on their pages and under /v1/looks: saved from the board, shown, changed, repaired, undone."""

import re
from io import BytesIO
from urllib.parse import parse_qs, urlsplit

import numpy as np
import polars as pl
import pytest
from PIL import Image
from served import BARE, SCRIPT

from goeswith.data.readers import read
from goeswith.studio.service.look_table import write_outfits
from goeswith.studio.service.looks import Piece

WHOLE = ["i0", "i60", "i150"]


@pytest.fixture
def client(empty_client):
    return empty_client


def save(client, on=WHOLE, **options):
    answer = client.post("/board/save", data={"on": on} | options)
    assert answer.status_code == 303, answer.text
    return parse_qs(urlsplit(answer.headers["location"]).query)["look"][0]


def test_save_asks_for_a_name_and_a_saved_look_is_changed_or_saved_as_another(client, store):
    text = client.get("/board?on=i0&on=i60&on=i150").text
    assert all(f'name="{field}"' in text for field in ("name", "tags", "note", "who"))
    look_id = save(client, name="Office", tags="june, linen,", note=SCRIPT, who="Zoë Čapek, Praha")
    assert (store.get(look_id).tags, store.get(look_id).who) == (("june", "linen"), "Zoë Čapek, Praha")
    assert store.get(look_id).judged["score"] == client.app.state.shop.stylist.judge(WHOLE).score
    text = client.get("/looks").text
    assert SCRIPT not in text
    assert "&lt;script&gt;" in text
    opened = client.get(f"/board?on=i0&on=i60&on=i150&look={look_id}").text
    assert ">Office</h1>" in opened
    assert "Save as new" in opened
    assert 'value="Zoë Čapek, Praha"' in opened  # the browser remembers who it is
    assert save(client, [*WHOLE, "i100"], name="Office 2", look=look_id) == look_id
    assert store.get(look_id).item_ids == (*WHOLE, "i100")
    assert store.get(look_id).version == 2
    other_id = save(client, name="Another", look=look_id, as_new="true")
    assert other_id != look_id
    assert len(store.find()) == 2
    unnamed = save(client)
    assert store.get(unnamed).name == "Item 0, black and 2 more"


@pytest.mark.slow
@pytest.mark.parametrize("on", [["i0"], ["i0", BARE], ["i0", "nothing"]])
def test_what_is_no_outfit_is_not_saved_and_the_board_says_why(client, store, on):
    answer = client.post("/board/save", data={"on": on})
    assert 'role="alert"' in answer.text
    assert store.find() == []


def test_a_look_is_approved_duplicated_deleted_and_the_last_change_undone(client, store):
    look_id = save(client, name="Office", tags="june")
    save(client, ["i1", "i61"], name="Beach")
    assert "somebody, today" in client.get("/looks").text

    def do(action, **options):
        answer = client.post("/looks/change", data={"look": look_id, "do": action, "back": "/looks?tag=june"} | options)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    there = do("approved")
    assert there.startswith("/looks?tag=june&change=")
    text = client.get(there).text
    assert "“Office” was approved." in text
    assert "Beach" not in text
    assert 'data-say="“Office” was approved. 1 looks"' in text
    change = re.search(r'name="change" value="(\d+)"', text).group(1)
    assert client.post("/looks/undo", data={"change": change}).status_code == 303
    assert store.get(look_id).state == "draft"
    assert client.post("/looks/undo", data={"change": change}).status_code == 409
    do("duplicate")
    assert sorted(look.name for look in store.find()) == ["Beach", "Office", "Office (copy)"]
    stale = client.post("/looks/change", data={"look": look_id, "do": "live", "known": '"old-1"'})
    assert stale.status_code == 412
    assert "meanwhile" in stale.text
    assert client.post("/looks/change", data={"look": look_id, "do": "nonsense"}).status_code == 422
    gone = client.get(do("delete")).text
    assert "“Office” was deleted." in gone
    assert client.post("/looks/change", data={"look": look_id, "do": "live"}).status_code == 404
    for query, names in (("?state=draft", 2), ("?q=beach", 1), ("?state=live", 0), ("?q=nothing", 0)):
        assert client.get(f"/looks{query}").text.count('class="lookcard"') == names, query


def test_the_page_says_which_looks_product_pages_show(client, store):
    look_id = save(client, name="Office")
    page = client.post("/looks/change", data={"look": look_id, "do": "approved"}, follow_redirects=True).text
    assert "Approved looks are shown on the product pages" in page
    assert 'aria-label="Show first Office"' in page
    page = client.post("/looks/change", data={"look": look_id, "do": "live"}, follow_redirects=True).text
    assert '<span class="state live">shown first</span>' in page
    assert "“Office” is shown first." in page
    assert 'aria-label="No longer first Office"' in page
    assert "live</" not in page
    assert client.get("/v1/looks?state=live").json()["total"] == 1  # programs keep the word


def test_back_never_leads_to_another_site(client):
    look_id = save(client)
    answer = client.post("/looks/change", data={"look": look_id, "do": "live", "back": "//evil.example/x"})
    assert answer.headers["location"].startswith("/?change=")


def test_a_look_survives_another_index_and_what_is_gone_or_sold_out_is_mended(client, store, monkeypatch):
    view = client.app.state.shop.view
    look_id = save(client, name="Office")
    stock = [item != "i60" for item in view.catalogue.ids]
    monkeypatch.setitem(vars(view.index.shelf), "stock", np.array(stock))
    text = client.get("/looks").text
    assert "Sold out: Item 60, black." in text
    offers = re.findall(r'name="new" value="([^"]+)"', client.get(f"/looks/repair?look={look_id}").text)
    assert len(offers) > 2
    assert "i60" not in offers
    groups = {view.catalogue.items["group"][view.row(item)] for item in offers}
    assert groups == {view.catalogue.items["group"][view.row("i60")]}
    answer = client.post("/looks/repair", data={"look": look_id, "old": "i60", "new": offers[0]})
    assert answer.status_code == 303
    assert store.get(look_id).item_ids == ("i0", offers[0], "i150")
    assert "Sold out" not in client.get("/looks").text
    pieces = store.get(look_id).items[:2]
    store.change(look_id, "Ada", items=(*pieces, Piece("i150-old", "Lost tote", "tote", "bag")))  # as of another index
    text = client.get("/looks").text
    assert "Gone: Lost tote." in text
    offers = re.findall(r'name="new" value="([^"]+)"', client.get(f"/looks/repair?look={look_id}").text)
    assert {view.catalogue.items["group"][view.row(item)] for item in offers} == {"bag"}
    look = client.get(f"/v1/looks/{look_id}").json()
    assert look["gone"] == ["i150-old"]


def test_what_is_sold_out_is_replaced_by_its_category_first_and_by_no_bare_score(client, store, monkeypatch):
    view = client.app.state.shop.view
    look_id = save(client, name="Office")
    stock = [item != "i60" for item in view.catalogue.ids]
    monkeypatch.setitem(vars(view.index.shelf), "stock", np.array(stock))
    view.index.shelf.answers.clear()
    monkeypatch.setitem(vars(view.index), "scale", None)
    fill, slots = view.stylist.fill, []

    def few(items, slot, *, filters, k):
        slots.append(slot)
        return fill(items, slot, filters=filters, k=min(k, 2))

    monkeypatch.setattr(view.stylist, "fill", few)
    page = client.get(f"/looks/repair?look={look_id}").text
    offers = re.findall(r'name="new" value="([^"]+)"', page)
    assert slots == ["skirt", "bottom"]
    assert len({*offers}) == len(offers) == 4
    assert not re.search(r"<b>[−-]?\d", page)


def test_approved_looks_become_a_table_that_is_read_again(client, store, tmp_path):
    view = client.app.state.shop.view
    for on in (WHOLE, WHOLE[::-1], ["i1", "i101"], ["i2".replace("i2", "i8"), "i60"]):
        save(client, on)
    for look in store.find()[1:]:
        store.change(look.look_id, "Ada", state="approved")
    counts = write_outfits(store.path, tmp_path / "outfits.csv", view.catalogue.ids)
    assert counts == {"outfits": 2, "not approved or live": 1, "the same items": 1}
    view.catalogue.items.select("item_id", "category", "group").write_csv(tmp_path / "items.csv")
    again = read("table", tmp_path, workdir=tmp_path).outfits
    assert sorted(map(sorted, again["item_ids"].to_list())) == [["i0", "i150", "i60"], ["i1", "i101"]]
    assert again["source"].to_list() == ["studio", "studio"]


def test_programs_keep_looks_with_an_etag(client):
    fields = {"name": "Office", "item_ids": WHOLE, "tags": ["june"]}
    made = client.post("/v1/looks", json=fields)
    assert made.status_code == 201
    path, etag = made.headers["location"], made.headers["etag"]
    assert [piece["item_id"] for piece in made.json()["items"]] == WHOLE
    assert client.get(path, headers={"If-None-Match": etag}).status_code == 304
    assert client.get(path).json() == made.json()
    changed = client.patch(path, json={"state": "approved", "who": "erp"}, headers={"If-Match": etag})
    assert changed.json()["state"] == "approved"
    assert changed.json()["tags"] == ["june"]  # what is left out stays
    late = client.patch(path, json={"name": "x"}, headers={"If-Match": etag})
    assert (late.status_code, late.json()["reason"]) == (412, "changed_since")
    assert client.get("/v1/looks?state=approved&tag=june&q=office").json()["total"] == 1
    assert client.get("/v1/looks?state=live").json() == {"looks": [], "total": 0, "offset": 0, "limit": 50}
    assert client.delete(path, headers={"If-Match": changed.headers["etag"]}).status_code == 204
    assert client.get(path).status_code == 404
    assert client.post(f"{path}/undo").json()["state"] == "approved"
    response = client.get(f"{path}/history").json()["changes"]
    assert [(change["who"], change["what"]) for change in response] == [
        ("program", "undone"), ("program", "deleted"), ("erp", "approved"), ("program", "saved"),
    ]  # fmt: skip
    for body, status in (({"item_ids": WHOLE}, 422), (fields | {"item_ids": ["i0", "nothing"]}, 404),
                         (fields | {"item_ids": ["i0", "i0"]}, 422), (fields | {"state": "odd"}, 422),
                         (fields | {"more": 1}, 422)):  # fmt: skip
        assert client.post("/v1/looks", json=body).status_code == status, body
    assert client.get("/v1/looks/none/history").json()["reason"] == "unknown_look"


def test_looks_are_taken_away_as_a_table_and_as_a_card(client, store):
    look_id = save(client, name="=HYPERLINK(1)", tags="june", who="Ada")
    save(client, ["i1", "i61"], name="Beach")
    frame = pl.read_csv(client.get("/looks.csv?tag=june").content)
    assert frame["item_id"].to_list() == WHOLE
    assert frame["position"].to_list() == [1, 2, 3]
    assert set(frame["name"]) == {"'=HYPERLINK(1)"}  # no spreadsheet computes it
    assert frame["price"].to_list() == [10.0, 70.0, 160.0]
    assert len(pl.read_csv(client.get("/looks.csv").content)) == 5
    assert client.get("/looks.csv?tag=none").text.startswith("look_id,name,")
    answer = client.get(f"/looks/card?look={look_id}")
    assert answer.headers["content-type"] == "image/png"
    drawn = np.asarray(Image.open(BytesIO(answer.content)))
    assert drawn.shape == (1350, 1080, 3)
    blue = np.abs(drawn[:900].astype(int) - (0, 100, 200)).max(axis=2) < 12  # the picture of i0, as a JPEG
    assert blue.sum() > 10_000
    assert (drawn[900:] != 255).any()  # its name
    assert client.get("/looks/card?look=none").status_code == 404
