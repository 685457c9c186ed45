"""The catalogue in the studio: every item once, filters that hold, numbers that are true."""

import re
from collections import Counter

import pytest
from answers import cards, png
from served import BARE, COLOURS, ODD

from goeswith import Filters
from goeswith.studio.pages import views
from goeswith.studio.pages.catalogue_search import PAGE
from goeswith.studio.service.catalogue_view import FACETS


def test_the_wall_shows_every_item_once_page_by_page(client, wall):
    found, path, pages = [], "/", 0
    while path:
        text = client.get(path).text
        found += cards(text)
        pages += 1
        more = re.search(r'data-next><a class="button" data-carry href="([^"]+)"', text)
        path = more.group(1).replace("&amp;", "&") if more else ""
        assert len(cards(text)) == min(PAGE, len(wall.catalogue) - PAGE * (pages - 1))
    assert sorted(found) == sorted(wall.catalogue.ids)
    assert pages == -(-len(wall.catalogue) // PAGE)


def test_filters_and_words_hold_exactly(client, wall):
    frame = wall.catalogue.items
    for query, keep_row in (
        ("group=shoes", lambda row: row["group"] == "shoes"),
        ("group=shoes&colour=red", lambda row: row["group"] == "shoes" and row["colour"] == "red"),
        ("price_min=20&price_max=29.5", lambda row: 20 <= row["price"] <= 29.5),
        ("q=camel+skirt", lambda row: row["colour"] == "camel" and row["category"] == "skirt"),
    ):
        expected = sum(keep_row(row) for row in frame.iter_rows(named=True))
        assert f'<span class="number">{expected} item' in client.get(f"/?{query}").text, query
    assert "No items found" in client.get("/?q=zebra").text


def test_groups_count_what_was_found(client, wall):
    frame = wall.catalogue.items
    for query, keep_row in (
        ("", lambda row: True),
        ("q=camel+skirt", lambda row: row["colour"] == "camel" and row["category"] == "skirt"),
        ("q=camel&group=shoes", lambda row: row["colour"] == "camel"),  # the other groups say what they would show
        ("q=zebra", lambda row: False),
    ):
        expected = dict.fromkeys(frame["group"].drop_nulls().unique(), 0)
        for row in frame.iter_rows(named=True):
            if keep_row(row) and row["group"]:
                expected[row["group"]] += 1
        told = re.findall(r'>([\w ]+) <small class="number">([\d,]+)</small></a>', client.get(f"/?{query}").text)
        assert dict(told) == {views.plural(name): f"{number:,}" for name, number in expected.items()}, query


@pytest.mark.parametrize(
    ("query", "words"),
    [("price_min=cheap", "is not a number"), ("price_min=9&price_max=1", "contradict"), ("brand=Albb", "Alba")],
)
def test_a_filter_that_cannot_be_is_told_on_the_page(client, query, words):
    answer = client.get(f"/?{query}")
    assert answer.status_code == 200
    assert words in answer.text
    assert not cards(answer.text)


def test_an_item_that_cannot_be_judged_says_why_and_offers_nothing(client):
    for item_id, words in ((BARE, "it has no features"), (ODD, "has not learned what the category")):
        text = client.get(f"/item?item={item_id}").text
        assert words in text
        assert "Put on the board" not in text
        assert "Instead of it" not in text
    text = client.get("/item?item=i0").text
    assert "Put on the board" in text
    assert "Instead of it" in text
    assert len(cards(text)) > 2


def naive_counts(wall, column, keep_row):
    """How many items of each value pass, row by row."""
    counted = Counter(
        row[column] for row in wall.catalogue.items.iter_rows(named=True) if row[column] and keep_row(row)
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
def test_each_filter_counts_what_all_the_others_leave(wall, words, filters):
    columns = {"colours": "colour", "groups": "group", "categories": "category", "brands": "brand"}
    counts = wall.counts(words, Filters(**filters))
    for column in FACETS:
        others = {name: values for name, values in filters.items() if columns.get(name) != column}

        def passes(row, others=others):
            told = " ".join(str(value).lower() for value in row.values() if value is not None)
            return (
                all(word in told for word in words.split())
                and all(row[columns[name]] in values for name, values in others.items() if name in columns)
                and row["price"] <= others.get("price_max", 1e9)
            )

        assert counts[column] == naive_counts(wall, column, passes), column
    assert wall.counts(words, Filters(**filters)) is counts  # kept: a wall is asked for page by page


def test_drop_downs_say_what_each_choice_would_leave(client, wall):
    text = client.get("/?group=shoes&colour=red").text
    items = wall.catalogue.items
    for colour in COLOURS:
        there = len(items.filter(group="shoes", colour=colour))
        chosen = " selected" if colour == "red" else ""
        assert f'<option value="{colour}"{chosen}>{colour} ({there})</option>' in text
    assert '<option value="tote"' not in text  # a choice that would show nothing
    gone = client.get("/?q=zebra&colour=red").text
    assert '<option value="red" selected>red (0)</option>' in gone  # but what was chosen can be seen and taken back
    assert '<option value="black"' not in gone


def test_uploaded_items_come_first_and_move_nothing_else(copied):
    _, client = copied
    before = cards(client.get("/").text)
    client.get("/upload")  # gives the cookie that photos are known by
    uploads = [{"picture": ("x.png", png(grey=grey), "image/png")} for grey in (50, 100)]
    ids = [client.post("/v1/items", files=files, data={"category": "shirt"}).json()["item_id"] for files in uploads]
    assert cards(client.get("/").text) == (ids[::-1] + before)[:PAGE]
    assert cards(client.get("/?group=shoes").text)[0] not in ids
