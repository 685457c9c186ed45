"""Pages of the studio in general: nothing in a title runs, errors are told in pages, a newer index is opened."""

import json
import re
import shutil
from dataclasses import replace
from html import unescape
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from answers import Parts, png
from fastapi.testclient import TestClient
from served import BARE, BROKEN, SCRIPT, seen

from goeswith import Index
from goeswith.errors import CatalogueError
from goeswith.shop.guests import GuestEncoder
from goeswith.studio.app import create_app
from goeswith.studio.pages import board_view, offers, start, views
from goeswith.studio.pages.rendering import STATIC, templates
from goeswith.studio.service import source, start_looks
from goeswith.studio.service.catalogue_view import CatalogueView

PATHS = ("/", "/start/looks", "/catalogue", "/board", "/board?on=i0&on=i12", "/item?item=i0", "/quiz?seed=1", "/rules",
         "/report", "/report/numbers", "/upload")  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_pages_bring_no_script_and_no_style_of_their_own(client, path):
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    for tag, attributes in Parts(answer.text).tags:
        assert tag != "style"
        assert tag != "script" or set(attributes) == {"src", "defer"}
        assert not [name for name in attributes if name.startswith("on") or name == "style"], attributes
        for name in ("src", "href", "action"):
            assert attributes.get(name, "/").startswith(("/", "#")), attributes  # no asset from another host


def test_the_finished_looks_of_the_start_page_are_flat_lays(client, view):
    looks = start_looks.made(view)
    assert looks
    page = client.get("/start/looks").text
    assert page.count('src="/start/lay?') == len(looks)
    answer = client.get("/start/lay?look=1")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert client.get(f"/start/lay?look={len(looks) + 1}").status_code == 404


def test_stored_looks_with_what_is_sold_out_are_made_again(world):
    view = CatalogueView(world / "index")
    looks = start_looks.made(view)
    assert start_looks.stored_looks(view) == looks
    vars(view.index.shelf)["stock"] = np.array([item_id != looks[0][1] for item_id in view.catalogue.ids])
    assert start_looks.stored_looks(view) is None


def test_an_empty_board_offers_no_outfit_with_an_item_that_has_no_score(view, monkeypatch):
    monkeypatch.setattr(board_view, "outfit_ids", lambda data, position: [BARE, "i50", "i100"])
    assert board_view.starts(view) == []
    monkeypatch.setattr(board_view, "outfit_ids", lambda data, position: ["i0", "i50", "i100"])
    assert len(board_view.starts(view)) == board_view.STARTS


def test_the_start_page_says_what_the_model_learned_from(client, view, monkeypatch):
    outfits, config = source.dataset(view).outfits, view.index.run.config
    train = np.flatnonzero(outfits.splits == "train")
    count = len(train)
    assert count < len(outfits)
    assert "has learned from" not in client.get("/").text  # the model was trained on another data set
    monkeypatch.setitem(config, "dataset", {**config["dataset"], "name": source.dataset(view).name})
    assert f"has learned from {count:,} outfits what goes with what, and finds it" in client.get("/").text
    for bought, words in ((3, f"{count - 3:,} outfits and 3 baskets"), (count, f"{count:,} baskets")):
        bought_ones = np.isin(np.arange(len(outfits)), train[:bought])
        some = replace(outfits, sources=np.where(bought_ones, "orders", "made").astype(object))
        monkeypatch.setattr(start, "dataset", lambda _, some=some: SimpleNamespace(outfits=some, name="shop"))
        assert f"has learned from {words} what goes with what" in client.get("/").text
    monkeypatch.setattr(start, "dataset", lambda _: SimpleNamespace(outfits=outfits.take([]), name="shop"))
    page = client.get("/").text
    assert "goeswith finds what goes with what among the 192 items" in page
    assert "Nothing was learned" not in page
    monkeypatch.setitem(config, "model", "starter")
    monkeypatch.setitem(config, "settings", {"rules": 2})
    sentence = (
        "Nothing was learned, because there are no outfits: looks combine items of similar style and follow 2 rules."
    )
    assert sentence in client.get("/").text


def test_a_trail_names_a_category_that_is_called_like_its_group_once(client, view, monkeypatch):
    def trail():
        text = client.get("/item?item=i150").text
        return re.sub("<[^>]+>", "", text[text.index('<p class="trail"') :].partition("</p>")[0])

    assert trail() == "Catalogue / Bags / tote"
    for category in ("Bags", "bag", "BAG"):
        monkeypatch.setattr(offers, "item", lambda view, row, c=category: replace(views.item(view, row), category=c))
        assert trail() == "Catalogue / Bags"


def test_a_script_in_a_title_stays_text(client):
    for path in (f"/item?item={BROKEN}", f"/board?on={BROKEN}&on=i100", "/?q=script", "/?q=<script>alert(2)</script>"):
        text = client.get(path).text
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert" in text
    assert SCRIPT.startswith("<script>")


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/board?" + "&".join(f"on=i{number}" for number in range(30)), 422,
         "The link names 30 items, but a board holds 12; remove some."),
        ("/nosuchpage?on=i0", 404, "The studio has no such page."),
        ("/quiz?seed=many&on=i0", 422, "&#39;seed&#39; is missing or cannot be used"),
        ("/item?item=nothing&on=i0", 404, "The catalogue has no item &#39;nothing&#39;; check the id."),
        ("/board/save?on=i0", 405, "it only accepts a form."),
    ],
)  # fmt: skip
def test_errors_are_a_page_for_people_and_json_for_programs(client, path, status, words):
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert words in answer.text
    assert "/v1/" not in answer.text
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert "on=i0" in Parts(answer.text).of("a", **{"class": "button main"})[0]["href"]  # the board is kept
    for program in ("/v1/nosuch", "/v1/items?limit=many", "/static/nosuch.css"):
        response = client.get(program, headers={"accept": "text/html"})
        assert response.json()["detail"]


def test_the_tray_carries_the_board_along(client):
    assert client.get("/board?on=i0&toggle=i100", follow_redirects=False).headers["location"] == "/board?on=i0&on=i100"
    tray = Parts(client.get("/tray?on=i0&on=i100&toggle=i0").text)
    assert json.loads(tray.of("aside")[0]["data-on"]) == ["i100"]
    links = [a["href"] for a in Parts(client.get("/quiz?seed=3&on=i0").text).of("a") if "data-carry" in a]
    assert len(links) > 5
    assert all("on=i0" in link for link in links)


def test_a_newer_index_is_opened_by_a_button(client, tmp_path):
    index = shutil.copytree(client.app.state.shop.path, tmp_path / "index")
    with TestClient(create_app(index)) as other:
        assert 'class="news"' not in other.get("/").text
        info = json.loads((index / "index.json").read_text())
        (index / "index.json").unlink()
        assert 'class="news"' not in other.get("/").text  # it is being replaced: there is nothing to open yet
        (index / "index.json").write_text("{")
        form = Parts(other.get("/?q=red&group=shoes").text)
        assert form.of("form", action="/reload", method="post")
        back = form.of("input", name="back")[0]["value"]
        assert back == "/catalogue?q=red&group=shoes"
        broken = other.post("/reload", data={"back": back})
        assert broken.status_code == 409
        assert "the old one is kept" in broken.text
        assert str(tmp_path) not in broken.text
        (index / "index.json").write_text(json.dumps(info | {"model": info["model"] | {"title": "newer"}}))
        answer = other.post("/reload", data={"back": back}, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, back)
        assert other.app.state.shop.index.info["model"]["title"] == "newer"
        assert 'class="news"' not in other.get(back).text
        for elsewhere in ("https://elsewhere.example", "//elsewhere.example", "/\\elsewhere.example"):
            answer = other.post("/reload", data={"back": elsewhere}, follow_redirects=False)
            assert answer.headers["location"] == "/"
        refused = other.post("/reload", headers={"sec-fetch-site": "cross-site"})
        assert refused.status_code == 403


def test_a_catalogue_that_changed_is_reported_without_a_path(client, monkeypatch):
    monkeypatch.setattr(
        Index, "stale", property(lambda self: "the catalogue /srv/shop has changed; run goeswith index")
    )
    text = client.get("/catalogue").text
    assert "The catalogue has changed since it was indexed" in text
    assert "/srv/shop" not in text
    assert "goeswith index" not in text


def test_uploads_that_a_new_index_does_not_take_are_reported_by_title(copied, monkeypatch):
    _, client = copied
    client.get("/upload")  # gives the cookie that photos are known by
    for title in ("Blouse", "Skirt", "", "Gown"):
        fields = {"category": "shirt", "title": title}
        assert client.post("/v1/items", files={"picture": ("x", png(), "image/png")}, data=fields).status_code == 201

    taken = []  # one guest, and no more

    def choosy(self, *arguments):
        if self in taken:
            raise CatalogueError("minilm reads text, and the item has none; add a title")
        taken.append(self)
        return seen(self, *arguments)

    monkeypatch.setattr(GuestEncoder, "features", choosy)
    answer = client.post("/reload", data={"back": "/?q=red"})
    assert answer.status_code == 200
    alert = unescape(re.search('role="alert">([^<]*)<', answer.text).group(1))
    assert alert.startswith(
        "The new index cannot take some of your photos, so they were dropped: “Skirt”, “shirt guest-"
    )
    assert alert.endswith(", “Gown”.")
    assert Parts(answer.text).of("a", **{"class": "button main"})[0]["href"] == "/?q=red"
    assert client.post("/reload", data={"back": "/?q=red"}, follow_redirects=False).status_code == 303  # nothing lost


def test_a_missing_data_set_is_not_reported_as_changed(world, tmp_path):
    shutil.copytree(world / "shop", tmp_path / "shop")
    index = Path(shutil.copytree(world / "index", tmp_path / "index"))
    info = json.loads((index / "index.json").read_text())
    info["dataset"]["path"] = str(tmp_path / "shop")
    (index / "index.json").write_text(json.dumps(info))
    with TestClient(create_app(index)) as client:
        assert 'class="news"' not in client.get("/catalogue").text
        shutil.rmtree(tmp_path / "shop")
        text = client.get("/catalogue").text
        assert "The data set of this index is gone" in text
        assert "has changed since" not in text
        assert str(tmp_path) not in text
        for path in PATHS:
            assert client.get(path).status_code == 200, path
        assert 'id="verdict"' in client.get("/board?on=i0&on=i100").text


def test_a_theme_is_remembered_and_nothing_else_is_taken_for_one(client):
    assert 'data-theme="dark"' in client.get("/", headers={"cookie": "theme=dark"}).text
    assert "data-theme=" not in client.get("/", headers={"cookie": 'theme="><script>'}).text


def test_templates_name_everything_they_use():
    for name in templates().list_templates():
        templates().get_template(name)
    for file in Path(STATIC).iterdir():
        assert file.suffix in (".css", ".js", ".svg", ".txt") or file.is_dir()
