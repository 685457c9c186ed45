"""Rules: the file that a person edits, and which items and pairs each rule speaks of."""

import itertools
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from goeswith.data.catalogue import Catalogue
from goeswith.data.pairs import RULE_BOTTOM, RULE_TOP
from goeswith.errors import CatalogueError, DataError
from goeswith.rules.rules import Matches, Rule, match, read_rules, write_rules

ITEMS = pl.DataFrame(
    [
        ("coat", "Coats", "outer", "a long COAT of silk", "black"),
        ("tank", "Tank tops", "top", "tank-top, off-white", None),
        ("shirt", "blouse", "top", "silk blouse for women", "off-white"),
        ("dress", "Day dresses", "dress", "knit dress", "white"),
        ("skirt", "Skirts", "bottom", "red skirt, tank style tops", ""),
        ("tie", "Silk ties", "accessory", "silk tie coat", "white"),
        ("bare", "Trousers", None, None, None),
        ("jeans", "Jeans", "bottom", None, "light Red"),
    ],
    schema=["item_id", "category", "group", "title", "colour"],
    orient="row",
)


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue(ITEMS)


def ids(catalogue: Catalogue, bits: np.ndarray, rule: int = 0) -> list[str]:
    return [catalogue.ids[row] for row in np.flatnonzero(np.unpackbits(bits, axis=1)[:, rule])]


@pytest.mark.parametrize(
    ("rule", "tops", "bottoms"),
    [
        (Rule("category", "coat/coats", "Dresses", "+"), ["coat"], ["dress"]),
        (Rule("category", "tank tops", "day dresses/skirts", "+"), ["tank"], ["dress", "skirt"]),
        (Rule("category", "tops", "dress", "+"), ["tank"], []),
        (Rule("word", "silk", "knit", "-"), ["coat", "shirt"], ["dress"]),
        (
            Rule("word", "tank top", "tank tops", "-"),
            [],
            [],
        ),  # a hyphen joins, and between "tank" and "tops" is "style"
        (Rule("word", "TANK-TOP", "tank style", "-"), ["tank"], ["skirt"]),
        (Rule("colour", "off-white", "white", "+"), ["tank", "shirt"], ["dress"]),  # the tank by its title
        (Rule("colour", "white", "red", "+"), [], ["skirt", "jeans"]),
        (Rule("material", "silk", "knit", "-"), ["coat", "shirt"], ["dress"]),  # no column: all titles
        (Rule("group", "outer", "dress", "+"), ["coat"], ["dress"]),
    ],
)
def test_a_value_is_whole_words_of_the_column_or_else_of_the_title(
    catalogue: Catalogue, rule: Rule, tops: list[str], bottoms: list[str]
) -> None:
    matches = match([rule], catalogue)
    assert (ids(catalogue, matches.tops), ids(catalogue, matches.bottoms)) == (tops, bottoms)


def naive(rule: Rule, catalogue: Catalogue, row: int, side: str) -> bool:
    """What `match` says, one item and one rule at a time."""
    item = catalogue.items.row(row, named=True)
    if item["group"] not in (RULE_TOP if side == "top" else RULE_BOTTOM):
        return False
    text = item["title"] if rule.attribute == "word" else (item[rule.attribute] or "").strip() or item["title"]
    words = " ".join(re.findall(r"[a-z0-9]+(?:[-'][a-z0-9]+)*", (text or "").lower()))
    return any(f" {value.lower()} " in f" {words} " for value in getattr(rule, side).split("/"))


@pytest.fixture
def world() -> tuple[Catalogue, Matches]:
    """60 items that say three words each of few, and 45 rules of one or two words: many match, by chance."""
    random, words = np.random.default_rng(0), ["red", "knit", "long", "off-white", "silk", "coats"]
    items = pl.DataFrame(
        {
            "item_id": [f"i{row}" for row in range(60)],
            "category": random.choice(words, 60),
            "group": random.choice(["top", "outer", "bottom", "dress", "shoes"], 60),
            "title": [" ".join(random.choice(words, 3)) for _ in range(60)],
            "colour": random.choice(np.array(["red", "Off-white", "", None], dtype=object), 60),
        },
        schema_overrides={"colour": pl.String},
    )
    values = [*words, "red/knit", "knit red", "long silk/coats", "Silk"]
    rules = [
        Rule(str(random.choice(["word", "colour", "category"])), *map(str, random.choice(values, 2)), sign)  # type: ignore[arg-type]
        for sign in "+-+-+" * 9
    ]
    catalogue = Catalogue(items)
    return catalogue, match(rules, catalogue)


def test_matches_agree_with_a_loop_over_rules_and_items(world: tuple[Catalogue, Matches]) -> None:
    catalogue, matches = world
    tops, bottoms = (
        np.array([[naive(rule, catalogue, row, side) for rule in matches.rules] for row in range(60)])
        for side in ("top", "bottom")
    )
    assert np.array_equal(np.unpackbits(matches.tops, axis=1, count=45), tops)
    assert np.array_equal(np.unpackbits(matches.bottoms, axis=1, count=45), bottoms)
    assert tops.any(0).sum() > 20
    first, second, third = np.random.default_rng(1).integers(0, 60, (3, 500))
    pairs = matches.pairs(first, second)
    assert pairs.dtype == bool
    assert np.array_equal(pairs, tops[first] & bottoms[second])

    expected = np.zeros((500, 45), int)
    for n, (i, j, k) in enumerate(zip(first, second, third, strict=True)):
        for at, rule in enumerate(matches.rules):
            if tops[i, at] and bottoms[j, at] != bottoms[k, at]:
                points_to_j = bottoms[j, at] == (rule.sign == "+")
                expected[n, at] = 1 if points_to_j else -1
    assert np.array_equal(matches.votes(first, second, third), expected)
    assert {-1, 0, 1} == set(expected.ravel())


def test_fire_is_any_pair_of_the_candidate_with_another_item(world: tuple[Catalogue, Matches]) -> None:
    _, matches = world
    random = np.random.default_rng(2)
    items, mask = random.integers(0, 60, (40, 4)), random.random((40, 4)) < 0.7
    position, candidates = random.integers(0, 4, 40), random.integers(0, 60, (40, 3))
    fired = matches.fire(items, mask, position, candidates)
    for b, m in itertools.product(range(40), range(3)):
        others = [items[b, n] for n in range(4) if mask[b, n] and n != position[b]]
        candidate, expected = candidates[b, m : m + 1], np.zeros(45, dtype=bool)
        for other in others:
            expected |= matches.pairs(candidate, np.array([other]))[0] | matches.pairs(np.array([other]), candidate)[0]
        assert np.array_equal(fired[b, m], expected)
    assert 0 < fired.mean() < 1


def test_no_rules_are_no_columns(catalogue: Catalogue) -> None:
    assert match([], catalogue).pairs(np.zeros(3, int), np.zeros(3, int)).shape == (3, 0)


def test_a_rule_prints_as_it_is_written() -> None:
    assert str(Rule("category", "coat", "dress", "+")) == "category: coat + dress"
    assert str(Rule("category", "blouse", "dress", "-")) == "category: no blouse + dress"


def test_a_file_of_rules_comes_back_as_it_was(tmp_path: Path) -> None:
    rules = [
        Rule("category", "coat/coats", "dress", "+"),
        Rule("word", "d'été", "tank tops", "-", note='a "note"\nof two lines \\ and \x7f'),
    ]
    path = tmp_path / "rules.toml"
    write_rules(rules, path, comment="made by\nhand", comments=["covers 7 %\r[[rule]]", "right on 93 %"])
    assert read_rules(path) == rules
    assert path.read_text().startswith("# made by\n# hand\n\n# covers 7 % [[rule]]\n[[rule]]\nattribute =")
    write_rules(rules, path)
    assert read_rules(path) == rules
    assert "#" not in path.read_text()


GOOD = '[[rule]]\nattribute = "category"\ntop = "coat"\nbottom = "dress"\nsign = "+"\n'


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (GOOD.replace('"coat"', "coat"), r"is not valid TOML: .*line 3"),
        ("", r"has no rule; write one below a line \[\[rule\]\]"),
        ("rule = 3", r"has no rule"),
        ("[rules]\n" + GOOD, r"has 'rules' outside a rule; rules begin with a line \[\[rule\]\]"),
        (
            GOOD + "\n# twice\n" + GOOD.replace("bottom", "under"),
            r"rule 2 \(line 8\): unknown field 'under'; the fields",
        ),
        (GOOD + GOOD.replace('bottom = "dress"\n', ""), r"rule 2 \(line 6\): the field 'bottom' is missing"),
        (GOOD.replace('"coat"', "3"), r"rule 1 \(line 1\): top = 3 is not text; put it into quotes"),
        (GOOD.replace("+", "plus"), r"rule 1 \(line 1\): the sign 'plus' is unknown; write '\+'"),
        (GOOD.replace('"coat"', '"coat/"'), r"rule 1 \(line 1\): top = 'coat/' lacks a word"),
        (GOOD.replace('"dress"', '" . "'), r"bottom = ' . ' lacks a word"),
        (GOOD + GOOD, r"rule 2 \(line 6\): 'category: coat \+ dress' is already in the file, as rule 1"),
        ('rule = [{attribute = "category"}]', r"rule 1: the field 'top' is missing"),
    ],
)
def test_a_broken_file_is_reported_in_one_sentence(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(text)
    with pytest.raises(DataError, match=fault) as caught:
        read_rules(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no rule file .*goeswith rules mine"):
        read_rules(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"cannot read .* as text"):
        read_rules(tmp_path / "bytes.toml")


@pytest.mark.parametrize(
    ("attribute", "hint"),
    [("color", "did you mean 'colour'"), ("price", "the attributes here are: category, group, title, colour")],
)
def test_an_unknown_attribute_is_reported_with_the_nearest(catalogue: Catalogue, attribute: str, hint: str) -> None:
    with pytest.raises(
        CatalogueError, match=f"rule '{attribute}: red [+] blue': .* no attribute {attribute!r}; {hint}"
    ):
        match([Rule(attribute, "red", "blue", "+")], catalogue)
