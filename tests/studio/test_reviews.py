"""Reviews: looks made in the background, decided on, made again, compared; on their pages and under /v1/reviews."""

import re
import time
from datetime import date

import polars as pl
import pytest
from served import BARE, ODD
from starlette.testclient import TestClient

from goeswith.data.arrivals import arrivals, newest, write_arrivals
from goeswith.data.catalogue import Catalogue
from goeswith.studio.app import create_app
from goeswith.studio.pages import compare
from goeswith.studio.service.look_schema import opened
from goeswith.studio.service.refusals import Refused
from goeswith.studio.service.review_items import ItemFilter, chosen_items
from goeswith.studio.service.reviews import Progress

SHIRTS = ["i0", "i1", "i8"]


@pytest.fixture
def app(world, tmp_path):
    return create_app(world / "index", looks=tmp_path / "looks.sqlite")


@pytest.fixture
def client(app):
    with TestClient(app, follow_redirects=False) as client:
        yield client


@pytest.fixture
def store(client):
    return client.app.state.looks


@pytest.fixture
def reviews(client):
    return client.app.state.reviews


def begun(client, **options):
    answer = client.post("/v1/reviews", json={"name": "Shirts", "item_ids": SHIRTS} | options)
    assert answer.status_code == 201, answer.text
    return answer.json()["review_id"]


def finished(client, review_id):
    ends = time.monotonic() + 150
    while client.get(f"/v1/reviews/{review_id}").json()["made"] < len(
        client.get(f"/v1/reviews/{review_id}").json()["item_ids"]
    ):
        assert time.monotonic() < ends
        time.sleep(0.05)
    return client.app.state.reviews.looks(review_id)


@pytest.mark.slow
def test_every_item_gets_different_looks_that_wait_apart_from_the_others(client, store, reviews):
    review = begun(client)
    looks = finished(client, review)
    assert [look.pinned_item for look in looks] == [item_id for item_id in SHIRTS for _ in range(3)]
    assert all(look.pinned_item in look.item_ids and look.state == "draft" and look.judged for look in looks)
    for at in range(0, 9, 3):
        added = [{*look.item_ids} - {look.pinned_item} for look in looks[at : at + 3]]
        assert all(not pieces & other for n, pieces in enumerate(added) for other in added[:n])  # three different looks
    assert store.find() == []  # nobody decided on them yet
    assert 'class="lookcard"' not in client.get("/looks").text
    assert len(client.get(f"/v1/reviews/{review}/looks").json()["looks"]) == 9
    response = client.get("/v1/reviews").json()["reviews"][0]
    assert (response["name"], response["made"], response["decided"], response["failures"]) == ("Shirts", 3, 0, {})
    assert "0 of 3" in client.get("/reviews").text


def test_deciding_goes_on_to_the_next_item_and_is_undone(client, store, reviews):
    review = begun(client)
    looks = finished(client, review)

    def decide(look, do, at, **more):
        answer = client.post("/review", data={"review": review, "at": at, "look": look.look_id, "do": do} | more)
        assert answer.status_code == 303, answer.text
        return client.get(answer.headers["location"])

    page = client.get(f"/review?review={review}").text
    assert "item 1 of 3" in page
    assert page.count('data-press="a"') == 3
    page = decide(looks[0], "rejected", 1).text
    assert "item 1 of 3" in page  # two more looks of it wait
    assert "was rejected" in page
    chosen = re.search(r'aria-current="true"[^>]*aria-label="([^"]+)"', page).group(1)
    assert chosen == looks[1].name
    page = decide(looks[1], "approved", 1).text
    assert "item 2 of 3" in page
    assert "1 of 3" in page
    change = re.search(r'name="change" value="(\d+)"', page).group(1)
    back = re.search(r'name="back" value="([^"]+)"', page).group(1).replace("&amp;", "&")
    undone = client.post("/looks/undo", data={"change": change, "back": back})
    assert "item 1 of 3" in client.get(undone.headers["location"]).text
    assert store.get(looks[1].look_id).state == "draft"
    decide(looks[1], "approved", 1)
    for look in looks[3:6]:
        decide(look, "rejected", 2)
    page = decide(looks[8], "approved", 3).text
    assert "Everything is decided" in page
    assert "2 looks approved, 4 rejected" in page
    assert Progress.of(reviews, reviews.get(review)).done == 3
    listed = client.get(f"/looks?state=approved&review={review}").text
    assert listed.count('<li class="lookcard">') == 2
    assert {look.look_id for look in store.find()} == {looks[at].look_id for at in (0, 1, 3, 4, 5, 8)}
    assert client.post("/reviews/delete", data={"review": review}).status_code == 303
    assert len(store.find()) == 6  # what was decided stays
    assert len(reviews.looks(review)) == 6
    assert client.get(f"/review?review={review}").status_code == 404


@pytest.mark.slow
def test_a_look_is_made_again_around_what_is_locked(client, store):
    review = begun(client, item_ids=["p0"])
    look, *others = finished(client, review)
    locked = look.item_ids[-1]
    form = {"review": review, "at": 1, "look": look.look_id, "known": look.etag, "do": "again", "lock": [locked]}
    answer = client.post("/review", data=form)
    assert answer.status_code == 303, answer.text
    fresh = store.get(look.look_id)
    assert {"i0", locked} <= {*fresh.item_ids}
    before = {item_id for other in [look, *others] for item_id in other.item_ids} - {"i0", locked}
    assert not before & {*fresh.item_ids}
    assert len(fresh.items) == len(look.items)
    assert store.history(look.look_id)[0].what == "made again"
    page = client.get(answer.headers["location"]).text
    assert f'value="{locked}" checked' in page
    assert client.post("/review", data=form).status_code == 200  # somebody changed it meanwhile: the page says so
    assert "meanwhile" in client.post("/review", data=form).text
    every = form | {"known": "", "lock": list(fresh.item_ids)}
    assert "every piece is locked" in client.post("/review", data=every).text.lower()
    address = f"/v1/reviews/{review}/looks/{look.look_id}/again"
    for names in ({"keep": [locked]}, {"locked": [locked.upper()]}):
        again = client.post(address, json=names).json()
        assert {"i0", locked} <= {piece["item_id"] for piece in again["items"]}
        assert again["pinned_item"] == "i0"
    refused = client.post(address, json={"locked": ["nosuch"]})
    assert (refused.status_code, refused.json()["reason"]) == (422, "not_in_outfit")
    assert (
        f"'nosuch' is not in the look, whose pieces are {', '.join(store.get(look.look_id).item_ids)}" in refused.text
    )


@pytest.mark.slow
def test_a_look_is_never_made_again_as_it_was_before(client, store):
    review = begun(client, item_ids=["p0"])
    look, *_ = finished(client, review)
    address = f"/v1/reviews/{review}/looks/{look.look_id}/again"
    shown = [frozenset(look.item_ids)]
    for _ in range(12):
        again = client.post(address, json={"locked": []})
        if again.status_code != 200:
            break
        shown.append(frozenset(piece["item_id"] for piece in again.json()["items"]))
    assert len(shown) > 4
    assert len(set(shown)) == len(shown)
    assert not shown[0] & shown[1] & shown[2] - {"i0"}
    assert [frozenset(version.item_ids) for version in store.versions(look.look_id)] == shown[::-1]


@pytest.mark.slow
def test_a_review_does_not_propose_a_look_that_was_approved(client, store):
    first = finished(client, begun(client, item_ids=["i0"]))
    store.change(first[0].look_id, "Ada", state="approved")
    second = finished(client, begun(client, item_ids=["i0"]))
    assert len(second) == 3
    assert frozenset(first[0].item_ids) not in {frozenset(look.item_ids) for look in second}


@pytest.mark.slow
def test_a_review_goes_on_after_the_service_was_stopped_and_none_is_made_twice(app, client, reviews):
    app.state.review_maker.close()
    review = begun(client, item_ids=[*SHIRTS, "i3"])  # i3 has no features
    assert reviews.get(review).made == 0
    assert "are being made" in client.get(f"/review?review={review}").text
    there = reviews.get(review)
    assert reviews.add(there, [], "no reason")
    assert not reviews.add(there, [], "again")  # another process was quicker
    with TestClient(create_app(app.state.shop.path, looks=reviews.path)) as other:
        looks = finished(other, review)
    assert sorted({look.pinned_item for look in looks}) == ["i1", "i8"]
    failures = reviews.get(review).failures
    assert failures["i0"] == "no reason"
    assert "i3" in failures
    page = client.get(f"/review?review={review}&at=4").text
    assert "No look for this item" in page


def test_a_review_is_begun_from_filters_and_refused_with_a_reason(client, store, reviews, view, monkeypatch):
    page = client.get("/reviews?group=shoes&colour=red").text
    count = int(re.search(r'counted"><b class="number">(\d+)', page).group(1))
    assert 0 < count < 60
    answer = client.post("/reviews", data={"group": "shoes", "colour": "red", "budget": "300"})
    review = reviews.every()[0]
    assert answer.headers["location"] == f"/review?review={review.review_id}"
    assert (review.name, len(review.item_ids), review.budget) == ("Shoes, red", count, 300.0)
    for form, words in (
        ({"colour": "red", "q": "nothing like this"}, "no item fits"), ({"budget": "much"}, "not a number"),
        ({"colour": "reed"}, "did you mean"), ({"only": "new"}, "no item fits"),
    ):  # fmt: skip
        answer = client.post("/reviews", data=form)
        assert answer.status_code == 422
        assert words in answer.text.lower()
    refused = client.post("/reviews", data={"name": "Autumn drop", "budget": "much"}).text
    assert 'value="Autumn drop"' in refused
    assert "goeswith import" not in refused
    assert client.post("/v1/reviews", json={"name": "x", "item_ids": ["none"]}).json()["reason"] == "unknown_item"
    assert client.post("/v1/reviews", json={"name": "x", "products": {"only": "new"}}).status_code == 422
    made = client.post("/v1/looks", json={"name": "One", "item_ids": ["i100", "i0"]}).json()
    bare = client.post("/v1/reviews", json={"name": "x", "products": {"only": "without", "group": "shoes"}}).json()
    assert "i100" not in bare["item_ids"]
    client.patch(f"/v1/looks/{made['look_id']}", json={"state": "rejected"})
    bare = client.post("/v1/reviews", json={"name": "x", "products": {"only": "without", "group": "shoes"}}).json()
    assert "i100" in bare["item_ids"]
    assert client.delete(f"/v1/reviews/{bare['review_id']}").status_code == 204
    with pytest.raises(Refused, match="no review"):
        reviews.get(bare["review_id"])


def test_a_review_leaves_out_what_no_look_can_be_made_with(client, store, view):
    asked = chosen_items(view, store, ItemFilter())
    assert {*view.catalogue.ids} - {*asked.item_ids} == {BARE, ODD}
    assert asked.unusable == 2
    assert "2 more are left out" in client.get("/reviews").text
    review = client.post("/v1/reviews", json={"name": "x", "products": {"q": "Item 3, black"}})
    assert (review.status_code, review.json()["reason"]) == (422, "nothing_fits")


def test_looks_are_compared_and_one_is_chosen(client, store, monkeypatch):
    review = begun(client, item_ids=["i0"])
    looks = finished(client, review)
    ids = [look.look_id for look in looks]
    page = client.get("/looks/compare", params={"look": ids}).text
    rows = re.findall(r'class="(differs|same)"><th scope="row" role="rowheader">(\w+)', page)
    assert ("same", "Tops") in rows  # the item itself is in all of them
    assert any(kind == "differs" for kind, _ in rows)
    prices = [sum(piece.price for piece in look.items) for look in looks]
    assert f'class="best">{min(prices):,.2f}' in page
    monkeypatch.setattr(compare, "currency", lambda view: "EUR")
    assert f'class="best">€{min(prices):,.2f}' in client.get("/looks/compare", params={"look": ids}).text
    assert client.get("/looks/compare", params={"look": ids[:1]}).status_code == 422
    monkeypatch.setitem(vars(client.app.state.shop.view.index), "scale", None)
    page = client.get("/looks/compare", params={"look": ids}).text
    verdicts = re.search(r'rowheader">Verdict</th>(.*)</tr>', page).group(1)
    assert re.findall(r"<td[^>]*>([^<]*)<", verdicts) == ["no verdict"] * len(ids)
    assert 'class="best"' not in verdicts
    assert "Looks have no verdict here, because there are too few real outfits to compare them with." in page
    assert client.get("/looks/compare", params={"look": [*ids, "a", "b"]}).status_code == 422
    answer = client.post("/looks/compare", data={"look": ids, "winner": ids[1]})
    assert answer.status_code == 303
    assert store.get(ids[1]).state == "approved"
    with opened(store.path) as file:
        assert [tuple(row)[3:] for row in file.execute("SELECT * FROM comparisons")] == [
            (ids[1], f'["{ids[0]}", "{ids[2]}"]')
        ]
    assert client.post("/looks/compare", data={"look": ids, "winner": "other"}).status_code == 422


def test_arrivals_are_noted_by_updates_or_stand_in_a_column(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    new.mkdir()
    items = pl.DataFrame({"item_id": ["a", "b", "c"], "category": ["x"] * 3})
    assert newest(arrivals(Catalogue(items), old))[1] is None
    write_arrivals(old, old, ["a"], ["a", "b"], date(2026, 1, 5))
    write_arrivals(old, new, ["a", "b"], ["b", "c"], date(2026, 3, 1))
    days = arrivals(Catalogue(items), new)
    assert days.astype(str).tolist() == ["NaT", "2026-01-05", "2026-03-01"]
    fresh, since = newest(days)
    assert (fresh.tolist(), since) == ([False, False, True], date(2026, 3, 1))
    dated = items.with_columns(added=pl.Series(["2026-05-01T10:00:00Z", None, "2026-05-20"]))
    assert arrivals(Catalogue(dated), new).astype(str).tolist() == ["2026-05-01", "NaT", "2026-05-20"]
