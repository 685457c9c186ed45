"""The search in words: what it finds is what a loop over the items finds, and what people mean is found."""

import polars as pl
import pytest

from goeswith.studio.service.text_search import TextSearch

ITEMS = [
    ("a1", "Blazer", "outer", "Navy wool blazer", "navy", "Kestrel"),
    ("a2", "Sneakers", "shoes", "White leather sneakers", "white", "Tilde"),
    ("a3", "T-shirt", "top", "Striped tee", "white", "Tilde"),
    ("a4", "Sweater", "top", "Grey jumper in merino", "grey", None),
    ("a5", "Ankle boots", "shoes", "Black ankle boots", "black", "Kestrel"),
    ("a6", "Dress", "dress", "Long dress with a blazer collar", "black", "Bruma"),
    ("a7", "Earrings", "accessory", "Gold hoops", "gold", None),
    ("a8", "Tops", "top", "Cropped hoodie", "grey", "Bruma"),
    ("a9", "Café bag", "bag", "Crème tote", "cream", "Señor"),
]


def table(rows=ITEMS):
    frame = pl.DataFrame(rows, ["item_id", "category", "group", "title", "colour", "brand"], orient="row")
    return frame.with_columns(
        pl.lit(None, pl.String).alias(name) for name in ("material", "pattern", "season", "gender")
    )


@pytest.fixture(scope="module")
def search():
    return TextSearch(table())


def found_ids(search, words):
    return [
        ITEMS[row][0]
        for row in (-search.search(words).relevance).argsort(kind="stable")
        if search.search(words).relevance[row]
    ]


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        ("blazer", ["a1", "a6"]),  # the category counts more than a word of the title
        ("blazers", ["a1", "a6"]),
        ("blaz", ["a1", "a6"]),
        ("BLAZR", ["a1", "a6"]),
        ("trainers", ["a2"]),
        ("trianers", ["a2"]),
        ("t shirt", ["a3"]),
        ("tshirts", ["a3"]),
        ("pullovers", ["a4"]),
        ("shoes", ["a2", "a5"]),
        ("jewelry", ["a7"]),
        ("hoodies", ["a8"]),
        ("white kestrel", []),
        ("black kestrel", ["a5"]),
        ("creme", ["a9"]),
        ("cafe senor", ["a9"]),
        ("a5", ["a5"]),
        ("xyzzy", []),
        ("", [row[0] for row in ITEMS]),
    ],
)
def test_search_finds_what_people_mean(search, words, ids):
    assert sorted(found_ids(search, words)) == sorted(ids)
    if words.lower().startswith("blaz"):
        assert found_ids(search, words) == ids


def test_a_word_that_is_read_as_another_is_named(search):
    assert search.search("navy blazr").corrected == {"blazr": "blazer"}
    assert search.search("trianers").corrected == {"trianers": "trainers"}
    for right in ("navy blazers", "trainers", "xyzzy", "blaz"):
        assert search.search(right).corrected == {}


def test_a_short_word_or_a_number_is_never_read_as_another(search):
    for words in ("rad", "a99", "12345", "oat"):  # "oat" has no more than three letters
        assert not search.search(words).relevance.any()
    assert not search.search("wlazer").corrected  # the first letter is rarely wrong


def test_some_of_the_words_are_found_where_no_item_has_all(search):
    some = search.some("white blazer party")
    assert {ITEMS[row][0] for row in some.nonzero()[0]} == {"a1", "a2", "a3", "a6"}
    assert not search.some("xyzzy party").any()


def test_exact_words_are_found_as_a_loop_finds_them():
    """Every colour and brand of a larger table, alone and together."""
    rows = [
        (f"i{n}", ITEMS[n % 9][1], ITEMS[n % 9][2], ITEMS[n % 7][3], ITEMS[n % 5][4], ITEMS[n % 4][5])
        for n in range(500)
    ]
    search = TextSearch(table(rows))
    for words in ("navy", "kestrel", "white tilde", "grey merino", "black kestrel collar"):
        expected = [all(word in " ".join(filter(None, row)).lower().split() for word in words.split()) for row in rows]
        assert (search.search(words).relevance > 0).tolist() == expected, words


def test_german_names_are_understood():
    rows = [("g1", "Jacken", "outer", "Lange Jacke", "rot", "A"), ("g2", "Röcke", "bottom", "Faltenrock", "blau", "A"),
            ("g3", "Kleider", "dress", "Sommerkleid", "rot", "B")]  # fmt: skip
    search = TextSearch(table(rows))
    assert search.search("rock").relevance.nonzero()[0].tolist() == [1]
    assert search.search("Kleid").relevance.nonzero()[0].tolist() == [2]
    assert search.search("skirts").relevance.nonzero()[0].tolist() == [1]


def test_no_item_at_all():
    search = TextSearch(table([])[:0].cast(pl.String))
    for words in ("blazer", "shoes"):  # a garment, and a whole group of them
        assert search.search(words).relevance.shape == search.some(words).shape == (0,)
