"""Garments: groups of category names as shops write them, and the nearest category that is known."""

import csv
import json
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from goeswith.data.catalogue import GROUPS
from goeswith.data.garments import LANGUAGES, garment_of, group_of, groups_of, nearest_category, word_list

ISSUE = {
    "Shirt dress": "dress", "Sweater dress": "dress", "Oxford shirt": "top", "Boot cut jeans": "bottom",
    "Flat cap": "accessory", "Suit trousers": "bottom", "Vest top": "top", "Trainer socks": "accessory",
    "dress shoes": "shoes",
}  # fmt: skip


def shop_names() -> Iterator[tuple[str, str, str]]:
    """(language, group, name) of every line of categories.txt."""
    for line in (Path(__file__).parent / "categories.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            head, _, names = line.partition(": ")
            language, group = head.split()
            yield from ((language, group, name.strip()) for name in names.split(";"))


def test_real_names_have_their_group_in_every_language() -> None:
    rows = list(shop_names())
    assert len({row[2] for row in rows}) >= 300
    assert {group for _, group, _ in rows} == set(GROUPS)
    wrong = []
    for language in LANGUAGES:
        expected = {name: group for spoken, group, name in rows if spoken == language}
        groups = groups_of(expected)
        wrong += [(name, groups[name], group) for name, group in expected.items() if groups[name] != group]
    assert wrong == []


def test_a_name_alone_has_its_group_too() -> None:
    alone = [(name, group, groups_of([name])[name]) for _, group, name in shop_names()]
    wrong = [row for row in alone if row[1] != row[2]]
    assert len(wrong) <= 0.02 * len(alone), wrong


def test_the_head_noun_decides() -> None:
    assert groups_of(ISSUE) == ISSUE
    table = pl.DataFrame({"category": [*ISSUE, None]}).with_columns(group=group_of(pl.col("category")))
    assert table["group"].to_list() == [*ISSUE.values(), "other"]


def test_the_language_of_the_shop_decides_words_that_two_share() -> None:
    assert groups_of(["Robes", "Jupes", "Manteaux", "Chaussures"])["Robes"] == "dress"
    assert groups_of(["Robes", "Skirts", "Coats", "Shoes"])["Robes"] == "other"
    assert groups_of(["Robes", "Jupes", "Manteaux"], ["en"])["Robes"] == "other"


@given(st.text(max_size=40))
def test_any_text_has_a_group_whatever_its_case(name: str) -> None:
    assert groups_of([name])[name] in GROUPS
    assert groups_of([f"{name} "])[f"{name} "] == groups_of([name])[name]


@given(st.sampled_from(sorted(word_list().words)), st.sampled_from(LANGUAGES))
def test_every_word_of_the_list_names_a_garment(word: str, language: str) -> None:
    name = word.replace("_", " ")
    group = groups_of([name])[name]
    meanings = {garment.group for garment in word_list().words[word].values()}
    assert group in meanings or group == "other"  # a marker such as "bikini" may stand in it


def test_no_word_of_one_language_is_listed_for_two_groups() -> None:
    garments = tomllib.loads((files("goeswith.data") / "garments.toml").read_text(encoding="utf-8"))
    seen: dict[tuple[str, str], set[str]] = {}
    for group in GROUPS:
        for languages in garments[group].values():
            for language, words in languages.items():
                for word in words.split():
                    seen.setdefault((language, word.removeprefix("*")), set()).add(group)
                    assert word.isascii()
                    assert word == word.lower()
    assert {word: groups for word, groups in seen.items() if len(groups) > 1} == {}


@pytest.mark.parametrize(
    ("name", "categories", "expected"),
    [
        ("Dress", ["Dress", "dress"], "Dress"),
        ("DRESS", ["Skirt", "dress"], "dress"),
        ("robe d’été", ["robe d'ete", "robe"], "robe d'ete"),
        ("Skirts", ["dress", "skirt"], "skirt"),
        ("mini skirt", ["Mini Skirts", "skirt"], "Mini Skirts"),
        ("watches", ["watch", "ring"], "watch"),
        ("Shirt dresses", ["Shirt", "Dress"], "Dress"),
        ("Leather ankle boots", ["Boots", "Ankle boots", "Shoes"], "Ankle boots"),
        ("Kleider", ["dress", "coat"], "dress"),
        ("Stiefeletten", ["boots", "shoes"], "boots"),
        ("Oxford shirt", ["Loafers", "Dresses"], None),
        ("Bikini", ["Beach towel"], None),
        ("", ["dress"], None),
        ("vase", ["candle", "vases"], "vases"),
        ("dress", [], None),
    ],
)
def test_the_nearest_category(name: str, categories: list[str], expected: str | None) -> None:
    assert nearest_category(name, categories) == expected


def test_a_garment_has_a_name_and_a_group() -> None:
    assert garment_of("Hemdblusenkleid") == ("dress", "dress")
    assert garment_of("Women > Shoes > Sale") == ("shoe", "shoes")
    assert garment_of("Sale") is None


@pytest.mark.real
def test_published_categories_have_the_groups_they_had(real: Path) -> None:
    lines = (real / "polyvore-maryland/category_id.txt").read_text().splitlines()
    maryland = {line.split(" ", 1)[1].strip() for line in lines if " " in line}
    ccp = {item["label"] for item in json.loads((real / "ccp/items.json").read_text())}
    with open(real / "mango/product_data.csv", encoding="utf-8-sig", newline="") as file:
        mango = {row["des_product_type"] for row in csv.DictReader(file)}
    groups = groups_of(maryland | ccp | mango, ["en"])
    expected = {
        "Cocktail Dresses": "dress", "Men's Dress Shirts": "top", "Men's Dress Pants": "bottom",
        "Ankle Booties": "shoes",
        "Men's Dress Shoes": "shoes", "Activewear Tank Tops": "top", "Bags & Cases": "bag", "Men's Suits": "outer",
        "Capri & Cropped Pants": "bottom", "Bikini Tops": "other", "Men's Key Rings & Chains": "accessory",
        "Jacket (Cazadora)": "outer", "Pyjama Shirt": "other", "Cardigan Vest": "outer", "Totes bag": "bag",
        "Patio Umbrellas": "other", "Napkin Rings": "other", "blazer": "outer", "jumper": "top", "romper": "dress",
        "Panties & Thongs": "other", "Robes": "other",
    }  # fmt: skip
    assert {name: groups[name] for name in expected} == expected
    worn = [name for name in mango if groups[name] == "other"]
    assert len(worn) < 45, worn
