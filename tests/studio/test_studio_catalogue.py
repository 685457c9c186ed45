"""The catalogue in the studio: every item once, filters that hold, numbers that are true."""

import re
from collections import Counter
from types import SimpleNamespace

import polars as pl
import pytest
from answers import Parts, cards, png
from served import BARE, COLOURS, ODD

from goeswith import Filters
from goeswith.data.catalogue import Catalogue
from goeswith.data.shelf import shelf
from goeswith.studio.pages import offers, views
from goeswith.studio.pages.catalogue_search import PAGE
from goeswith.studio.service.catalogue_view import FACETS


def test_the_wall_shows_every_item_once_page_by_page(client, view):
    item_ids, path, pages = [], "/catalogue", 0
    while path:
        text = client.get(path).text
        item_ids += cards(text)
        pages += 1
        more = re.search(r'data-next><a class="button" data-carry href="([^"]+)"', text)
        path = more.group(1).replace("&amp;", "&") if more else ""
        assert len(cards(text)) == min(PAGE, len(view.catalogue) - PAGE * (pages - 1))
    assert sorted(item_ids) == sorted(view.catalogue.ids)
    assert pages == -(-len(view.catalogue) // PAGE)
    assert {*item_ids[-2:]} == {BARE, ODD}  # no outfit can be made with them


def test_filters_and_words_hold_exactly(client, view):
    frame = view.catalogue.items
    for query, keep_row in (
        ("group=shoes", lambda row: row["group"] == "shoes"),
        ("group=shoes&colour=red", lambda row: row["group"] == "shoes" and row["colour"] == "red"),
        ("price_min=20&price_max=29.5", lambda row: 20 <= row["price"] <= 29.5),
        ("q=camel+skirt", lambda row: row["colour"] == "camel" and row["category"] == "skirt"),
    ):
        expected = sum(keep_row(row) for row in frame.iter_rows(named=True))
        assert f'<span class="number">{expected} item' in client.get(f"/catalogue?{query}").text, query
    assert "No items found" in client.get("/catalogue?q=zebra").text


def test_groups_count_what_was_found(client, view):
    frame = view.catalogue.items
    for query, keep_row in (
        ("", lambda row: True),
        ("q=camel+skirt", lambda row: row["colour"] == "camel" and row["category"] == "skirt"),
        ("q=camel&group=shoes", lambda row: row["colour"] == "camel"),  # the other groups say what they would show
        ("q=zebra", lambda row: False),
    ):
        expected = Counter(row["group"] for row in frame.iter_rows(named=True) if keep_row(row) and row["group"])
        text = client.get(f"/catalogue?{query}").text
        counts = re.findall(r'>([\w ]+) <small class="number">([\d,]+)</small></a>', text)
        assert dict(counts) == {views.plural(name): f"{number:,}" for name, number in expected.items()}, query


@pytest.mark.parametrize(
    ("query", "words"),
    [("price_min=cheap", "is not a number"), ("price_min=9&price_max=1", "contradict"), ("brand=Albb", "Alba")],
)
def test_a_filter_that_cannot_be_is_reported_on_the_page(client, query, words):
    answer = client.get(f"/catalogue?{query}")
    assert answer.status_code == 200
    assert words in answer.text
    assert not cards(answer.text)


def test_an_item_shows_how_it_is_sold(client, view, monkeypatch):
    assert "Sizes" not in client.get("/item?item=i0").text
    items = view.catalogue.items.with_columns(
        regular_price=pl.lit(25.0), stock=pl.lit("7"), sizes=pl.lit("S; M"), skus=pl.lit("A-1"),
        link=pl.lit("https://shop.example/a"),
    )  # fmt: skip
    catalogue = Catalogue(items)
    fake = SimpleNamespace(row=view.row, catalogue=catalogue, index=SimpleNamespace(shelf=shelf(catalogue)))
    shown = views.for_sale(fake, views.item(view, view.row("i0")))
    assert shown == {
        "sold": [("stock", "7"), ("sizes", "S, M"), ("SKU", "A-1")], "link": "https://shop.example/a", "before": 25.0,
    }  # fmt: skip
    monkeypatch.setattr(offers, "for_sale", lambda view, it: shown)
    text = client.get("/item?item=i0").text
    for part in (
        '<dt>Stock</dt><dd class="exact">7</dd>',
        '<dt>SKU</dt><dd class="exact">A-1</dd>',
        'href="https://shop.example/a"',
        "<s>25.00</s>",
    ):
        assert part in text


def test_an_item_that_cannot_be_judged_says_why_and_offers_nothing(client):
    for item_id, words in (
        (BARE, "it has a picture or title that cannot be read"),
        (ODD, "has not learned what the category"),
    ):
        text = client.get(f"/item?item={item_id}").text
        assert words in text
        assert "Put on the board" not in text
        assert "More like this" not in text
        assert "Looks with it" not in text
    text = client.get("/item?item=i0&on=i12&want_colour=red").text
    assert "Put on the board" in text
    [looks] = [link["href"] for link in Parts(text).of("a") if "slot=whole" in link.get("href", "")]
    assert looks == "/board?on=i0&want_colour=red&slot=whole"  # around it alone, within the brief
    assert "More like this" in text
    assert len(cards(text)) > 2


def naive_counts(view, column, keep_row):
    """How many items of each value pass, row by row."""
    counted = Counter(
        row[column] for row in view.catalogue.items.iter_rows(named=True) if row[column] and keep_row(row)
    )
    return dict(counted)


@pytest.mark.parametrize(
    ("words", "filters"),
    [
        ("", {}),
        ("item red", {}),
        ("", {"colours": ("red",)}),
        ("item", {"colours": ("red",), "groups": ("shoes", "bag"), "price_max": 150.0}),
        ("zebra", {"brands": ("Alba",)}),
        ("", {"categories": ("boots",), "groups": ("bag",)}),  # no item has both
    ],
)
def test_each_filter_counts_what_all_the_others_leave(view, words, filters):
    columns = {"colours": "colour", "groups": "group", "categories": "category", "brands": "brand"}
    counts = view.counts(words, Filters(**filters))
    for column in FACETS:
        others = {name: values for name, values in filters.items() if columns.get(name) != column}

        def passes(row, others=others):
            text = " ".join(str(value).lower() for value in row.values() if value is not None)
            return (
                all(word in text for word in words.split())
                and all(row[columns[name]] in values for name, values in others.items() if name in columns)
                and row["price"] <= others.get("price_max", 1e9)
            )

        assert counts[column] == naive_counts(view, column, passes), column
    assert view.counts(words, Filters(**filters)) is counts  # kept: a catalogue is asked for page by page


def test_filters_say_what_each_choice_would_leave(client, view):
    text = client.get("/catalogue?group=shoes&colour=red&colour=black").text
    page, items = Parts(text), view.catalogue.items
    boxes = {box["value"]: "checked" in box for box in page.of("input", type="checkbox", name="colour")}
    assert boxes == {colour: colour in ("red", "black") for colour in COLOURS}
    for colour in COLOURS:
        there = len(items.filter(group="shoes", colour=colour))
        assert f'<span>{colour} <small class="number">{there}</small></span>' in text
    assert not page.of("input", name="category", value="tote")  # a choice that would show nothing
    both = len(items.filter(pl.col("group") == "shoes", pl.col("colour").is_in(["red", "black"])))
    assert f'<span class="number">{both} items' in text
    taken_back = page.of("a", **{"aria-label": "Without red"})[0]["href"]
    assert len(items.filter(group="shoes", colour="black")) == int(
        re.search(r'class="number">(\d+) items', client.get(taken_back.replace("&amp;", "&")).text).group(1)
    )
    gone = Parts(client.get("/catalogue?q=zebra&colour=red").text)
    assert [box["value"] for box in gone.of("input", name="colour")] == ["red"]  # it can be seen and taken back


@pytest.mark.parametrize(
    ("sort", "key"),
    [
        ("cheap", lambda row: row["price"]),
        ("dear", lambda row: -row["price"]),
        ("name", lambda row: row["title"].lower()),
    ],
)
def test_the_wall_is_ordered_as_asked(client, view, sort, key):
    shown = cards(client.get(f"/catalogue?sort={sort}").text)
    rows = {row["item_id"]: row for row in view.catalogue.items.iter_rows(named=True)}
    keys = [key(rows[item_id]) for item_id in shown]
    assert keys == sorted(keys)
    assert keys[0] == min(map(key, rows.values()))


def test_an_old_address_opens_the_catalogue(client):
    answer = client.get("/?q=red&group=shoes", follow_redirects=False)
    assert answer.status_code == 307
    assert answer.headers["location"] == "/catalogue?q=red&group=shoes"
    assert client.get("/?on=i0", follow_redirects=False).status_code == 200  # a board is carried along


def test_uploaded_items_come_first_and_move_nothing_else(copied):
    _, client = copied
    before = cards(client.get("/catalogue").text)
    client.get("/upload")  # gives the cookie that photos are known by
    uploads = [{"picture": ("x.png", png(grey=grey), "image/png")} for grey in (50, 100)]
    ids = [client.post("/v1/items", files=files, data={"category": "shirt"}).json()["item_id"] for files in uploads]
    assert cards(client.get("/catalogue").text) == (ids[::-1] + before)[:PAGE]
    assert cards(client.get("/catalogue?group=shoes").text)[0] not in ids
