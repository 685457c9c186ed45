"""Mining and checking rules: counts by loops, a world whose rules are known, and what a person is told."""

import json
import math
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from ruled_world import BOTTOMS, TOPS, world
from scipy import stats

from goeswith.data.catalogue import Catalogue
from goeswith.data.dataset import Dataset, Imported, create
from goeswith.data.outfits import Outfits
from goeswith.errors import CatalogueError, ConfigError, DataError
from goeswith.rules.check import Checked, check, contradicting
from goeswith.rules.mine import Mined, mine
from goeswith.rules.pairs import RuleScore, measure, triplets, worn_pairs
from goeswith.rules.rules import Rule, match
from goeswith.rules.values import merged, vocabulary

NAMES = ["category", "colour", "material"]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return world(tmp_path_factory.mktemp("mining"))


@pytest.fixture(scope="module")
def mined(dataset: Dataset) -> list[Mined]:
    return mine(dataset, attributes=NAMES, least_lift=1.25)


def test_the_rules_of_a_known_world_are_found_and_no_other(mined: list[Mined]) -> None:
    rules = {str(m.rule) for m in mined}
    assert {"category: coat + dress", "category: no blouse + dress", "colour: no red + red"} <= rules
    assert any(m.rule == Rule("material", "velvet", "velvet", "+") for m in mined)
    for m in mined:  # what follows from those: coats that go with dresses go less with the rest
        coats = m.rule.top in ("coat", "blouse") or m.rule.bottom == "dress"
        truth = {"category": coats, "colour": "red" in str(m.rule)}
        assert truth.get(m.rule.attribute, "velvet" in str(m.rule)), m.rule


def test_numbers_are_those_of_a_loop_over_pairs(dataset: Dataset, mined: list[Mined]) -> None:
    items = dataset.catalogue.items
    pairs = worn_pairs(dataset.outfits.split("train"), dataset.catalogue)
    for m in mined:
        text = items["title" if m.rule.attribute == "material" else m.rule.attribute].str.split(" ").to_list()
        both = sum(m.rule.top in text[i] and m.rule.bottom in text[j] for i, j in pairs)
        top, bottom = (sum(v in text[r] for r in pairs[:, s]) for s, v in enumerate((m.rule.top, m.rule.bottom)))
        assert m.support == both
        assert m.expected == pytest.approx(top * bottom / len(pairs))
        assert m.lift == pytest.approx((both + 1) / (m.expected + 1))
        table = np.array([[both, top - both], [bottom - both, len(pairs) - top - bottom + both]])
        alone = stats.chi2_contingency(table, correction=False, lambda_="log-likelihood").pvalue
        assert alone <= m.p <= 0.01


def test_the_most_useful_come_first_and_no_more_than_asked(dataset: Dataset, mined: list[Mined]) -> None:
    useful = [abs(m.support - m.expected) for m in mined]
    assert useful == sorted(useful, reverse=True)
    assert mine(dataset, attributes=NAMES, least_lift=1.25, most=2) == mined[:2]
    assert mined[0].rule == Rule("category", "coat", "dress", "+")
    only = mine(dataset, attributes=["colour"], least_lift=1.25)
    assert only[0].rule == Rule("colour", "red", "red", "-")
    assert {m.rule.attribute for m in only} == {"colour"}


def test_nothing_is_found_where_there_is_nothing(tmp_path: Path) -> None:
    def shuffle(items: pl.DataFrame) -> pl.DataFrame:
        random = np.random.default_rng(1)
        order = np.concatenate([random.permutation(120), 120 + random.permutation(120), np.arange(240, 250)])
        return items.with_columns(pl.col("category", "colour", "title").gather(order), group=pl.col("group"))

    assert mine(world(tmp_path, shuffle)) == []


def test_validation_has_no_part_in_finding(dataset: Dataset, mined: list[Mined], tmp_path: Path) -> None:
    frame = dataset.outfits.to_frame(dataset.catalogue).filter(pl.col("split") == "train")
    items = dataset.catalogue.items.drop("image")
    alone = create(Imported(items, frame, source="", licence=""), tmp_path / "train", layout="test")
    assert worn_pairs(alone.outfits.take(alone.outfits.splits == "valid"), alone.catalogue).shape == (0, 2)
    rules = mine(alone, attributes=NAMES, least_lift=1.25)
    assert [replace(m, valid=RuleScore(0, 0, 0)) for m in rules] == [
        replace(m, valid=RuleScore(0, 0, 0)) for m in mined
    ]
    assert math.isnan(rules[0].valid.coverage)
    assert math.isnan(rules[0].valid.precision)


def test_a_rule_inside_a_more_useful_one_is_left_out(tmp_path: Path) -> None:
    """Day and gala dresses are dresses; a title that repeats the category says nothing new."""
    kind = pl.when(pl.col("category") == "dress").then(
        pl.when(pl.int_range(pl.len()) % 2 == 0).then(pl.lit("day dress")).otherwise(pl.lit("gala dresses"))
    )
    dataset = world(tmp_path, lambda items: items.with_columns(category=kind.otherwise("category")))
    rules = [m.rule for m in mine(dataset, attributes=["category"], least_lift=1.25) if m.rule.top == "coat"]
    assert rules[0] == Rule("category", "coat", "dress/dresses", "+")
    assert sum("dress" in rule.bottom for rule in rules) == 1


def test_values_are_columns_words_and_plurals() -> None:
    items = pl.DataFrame(
        {
            "item_id": list("abcd"),
            "category": ["day dresses", "dress", "Tank tops", "baby"],
            "title": ["Silk coat with 3 dots, woman", "women coats: brand-new", "coat", "babies' dress"],
            "colour": ["off-white", None, "Red / Blue", " "],
        }
    )
    catalogue = Catalogue(items)
    words = dict.fromkeys(["category", "colour", "material", "brand", "word"], "")
    values = {name: [v for a, v in vocabulary(catalogue, list(words)) if a == name] for name in words}
    assert values["category"] == ["baby", "day", "day dress/day dresses", "dress/dresses", "tank", "tank tops", "tops"]
    assert values["colour"] == ["blue", "off-white", "red", "red blue"]
    assert {"silk", "wool"} <= set(values["material"])
    assert values["brand"] == []
    assert values["word"] == ["brand-new", "coat/coats", "dots", "woman", "women"]  # "dress" is a category's
    assert ("category", "dress/dresses") in vocabulary(catalogue, ["category"])
    assert [v for _, v in vocabulary(catalogue, ["word"], least=2)] == ["coat"]
    assert merged({"short", "shorts", "lady", "ladies", "box", "boxes"}) == [
        "box/boxes",
        "lady/ladies",
        "short",
        "shorts",
    ]


def test_pairs_are_each_top_with_each_bottom_once() -> None:
    groups = ["top", "outer", "bottom", "dress", "shoes", None]
    catalogue = Catalogue(pl.DataFrame({"item_id": list("abcdef"), "category": "x", "group": groups}))
    frame = pl.DataFrame({"outfit_id": ["1", "2", "3"], "item_ids": [list("bacd"), list("cae"), list("aef")]})
    pairs = worn_pairs(Outfits.from_frame(frame, catalogue), catalogue)
    assert pairs.tolist() == [[0, 2], [0, 3], [1, 2], [1, 3]]


def test_drawn_triplets_are_pairs_of_the_split_and_a_bottom_never_worn_with_the_top(dataset: Dataset) -> None:
    drawn = triplets(dataset, "valid")
    pairs = worn_pairs(dataset.outfits.split("valid"), dataset.catalogue)
    assert drawn[:, :2].tolist() == pairs.tolist()
    worn = set(map(tuple, worn_pairs(dataset.outfits, dataset.catalogue).tolist()))
    assert not any((i, k) in worn for i, _, k in drawn.tolist())
    assert set(drawn[:, 2]) <= set(pairs[:, 1])
    assert np.array_equal(drawn, triplets(dataset, "valid"))
    assert not np.array_equal(drawn, triplets(dataset, "valid", seed=1))


def test_published_triplets_are_taken_where_there_are_some(tmp_path: Path, dataset: Dataset) -> None:
    from goeswith.data.questions import SCHEMA

    rows = [
        ["q1", "triplet", "official", "o8", ["i3"], ["i121", "i180"], 0, 1, None],
        ["q2", "triplet", "official", "o8", ["i3"], ["i121", "i180"], 1, 1, None],
        ["q3", "triplet", "official", "o8", ["i121"], ["i3", "i4"], 1, 1, None],  # asks for a top
        ["q4", "fitb", "official", "o8", ["i3"], ["i121", "i180", "i181"], 1, 1, None],
    ]
    questions = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    frame, items = dataset.outfits.to_frame(dataset.catalogue), dataset.catalogue.items.drop("image")
    imported = Imported(items, frame, "made", "none", questions={"official-valid-triplet": questions})
    published = create(imported, tmp_path / "asked", layout="test")
    assert triplets(published, "valid").tolist() == [[3, 121, 180], [3, 180, 121]]
    assert len(triplets(published, "train")) > 1000
    assert len(triplets(Dataset(f"{published.path}#b"), "valid")) > 50  # of one source: those are not published


def test_measures_are_those_of_a_loop_over_triplets(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = [Rule("category", t, b, s) for t, b, s in product(TOPS, BOTTOMS, "+-")]  # type: ignore[arg-type]
    drawn, matches = triplets(dataset, "train"), match(rules, dataset.catalogue)
    monkeypatch.setattr("goeswith.rules.pairs._BLOCK", 1000)
    category = dataset.catalogue.items["category"].to_list()
    for rule, measured in zip(rules, measure(matches, drawn), strict=True):
        active = [
            (category[j] == rule.bottom) == (rule.sign == "+")
            for i, j, k in drawn
            if category[i] == rule.top and (category[j] == rule.bottom) != (category[k] == rule.bottom)
        ]
        assert measured == RuleScore(len(drawn), len(active), sum(active))


def test_the_interval_is_wilsons() -> None:
    for active, right in ((10, 9), (3, 3), (50, 0), (200, 120)):
        low, high = stats.binomtest(right, active).proportion_ci(method="wilson")
        assert RuleScore(500, active, right).interval == pytest.approx((low, high), abs=1e-6)
    assert RuleScore(500, 0, 0).interval == (0.0, 1.0)
    assert RuleScore(500, 10, 9).coverage == 0.02


def test_a_check_shows_what_a_rule_does(dataset: Dataset) -> None:
    checked = check([Rule("category", "coat", "dress", "+"), Rule("category", "coat", "dress", "-")], dataset)
    plus, minus = checked
    assert (plus.tops, plus.bottoms) == (30, 30)
    assert list(plus.measured) == ["train", "valid"]
    assert plus.measured["valid"].precision > 0.7
    assert minus.measured["valid"].precision == pytest.approx(1 - plus.measured["valid"].precision)
    assert len(plus.right) == len({example.items[0] for example in plus.right}) == 3
    assert plus.right == minus.wrong
    kinds = dict(dataset.catalogue.items.select("item_id", "category").iter_rows())
    titles = dict(dataset.catalogue.items.select("item_id", "title").iter_rows())
    for example in plus.right:
        worn = [kinds[item] for item in example.items]
        assert worn[:2] == ["coat", "dress"] != worn[::2]
        assert example.titles == tuple(titles[item] for item in example.items)
    for example in plus.wrong:
        assert kinds[example.items[1]] != "dress" == kinds[example.items[2]]
    assert plus.warnings == ["'category: coat + dress' contradicts 'category: no coat + dress'"]
    assert "'category: no coat + dress' is wrong more often than right on train (" in minus.warnings[0]
    assert json.loads(json.dumps(plus.to_dict()))["splits"]["valid"]["active"] == plus.measured["valid"].active
    assert list(check([plus.rule], dataset, splits=["test"])[0].measured) == ["test"]


def test_a_rule_that_never_fires_says_why(dataset: Dataset) -> None:
    nobody, shoes, silent = check(
        [Rule("category", "kimono", "dress", "+"), Rule("category", "coat", "boots", "-"), Rule("word", "i", "i", "+")],
        dataset,
    )
    assert nobody.warnings == ["'category: kimono + dress' never fires: no top has the category 'kimono'"]
    assert shoes.warnings == ["'category: no coat + boots' never fires: no bottom has the category 'boots'"]
    assert len(silent.warnings) == 2
    assert nobody.never_fires
    assert nobody.to_dict()["splits"]["valid"]["precision"] is None
    every = Checked(silent.rule, {"valid": RuleScore(9, 0, 0)}, 1, 1, [], [], [])
    assert every.warnings == ["'word: i + i' never fires on the triplets of valid"]


def test_contradictions_share_pairs_by_their_words() -> None:
    rules = [
        Rule("category", "coat/cape", "dresses", "+"),
        Rule("category", "jacket/coat", "day dresses", "-"),
        Rule("category", "coat", "dresses", "+"),
        Rule("word", "coat", "dresses", "-"),
        Rule("category", "coat", "skirts", "-"),
        Rule("category", "raincoat", "dresses", "-"),
    ]
    positions = [[rules.index(other) for other in others] for others in contradicting(rules)]
    assert positions == [[1], [0, 2], [1], [], [], []]


@pytest.mark.parametrize(
    "settings",
    [{"most": 0}, {"least_pairs": 0}, {"least_lift": 1.0}, {"false_discoveries": 0.0}, {"false_discoveries": 1.0}],
)
def test_settings_that_make_no_sense_are_refused(dataset: Dataset, settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(settings))}={next(iter(settings.values()))}"):
        mine(dataset, **settings)  # type: ignore[arg-type]


def test_bad_input_is_reported_in_one_sentence(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="no attribute 'color'; did you mean 'colour'"):
        mine(dataset, attributes=["color"])
    with pytest.raises(DataError, match="no brand occurs in 5 items worn in training; leave out --attribute brand"):
        mine(dataset, attributes=["brand"])
    nothing = world(tmp_path, lambda items: items.with_columns(group=pl.lit("accessory")))
    for act in (lambda: mine(nothing), lambda: check([Rule("word", "a", "b", "+")], nothing)):
        with pytest.raises(
            DataError, match=r"has no outfit with a top \(group top or outer\) and a bottom .* fill the"
        ):
            act()


@pytest.mark.real
def test_experts_wear_coats_over_dresses_and_no_blouses(real: Path, tmp_path: Path) -> None:
    from goeswith.data.readers import read

    dataset = create(read("fashionvc", real / "fashionvc", workdir=tmp_path), tmp_path / "vc", layout="fashionvc")
    scores = {str(m.rule): m.valid for m in mine(dataset, attributes=["category"])}
    coats, blouses = (
        scores["category: coat/coats + dress/dresses"],
        scores["category: no blouse/blouses + dress/dresses"],
    )
    assert (coats.triplets, coats.coverage, coats.precision) == (
        6213,
        pytest.approx(0.08, abs=0.005),
        pytest.approx(0.948, abs=0.01),
    )
    assert (blouses.coverage, blouses.precision) == (pytest.approx(0.0245, abs=0.002), pytest.approx(0.941, abs=0.01))
