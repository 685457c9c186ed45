"""Why: what is blamed is to blame, rules that fired are those that match, and the sentence claims no more."""

import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from scorers import scorer_of
from typer.testing import CliRunner
from worlds import styles_dataset, styles_world, write_made

from goeswith.cli.main import app
from goeswith.data.captions import kind_of, title_of
from goeswith.data.catalogue import Catalogue
from goeswith.data.dataset import Dataset, Imported, create
from goeswith.data.shelf import shelf
from goeswith.errors import CatalogueError
from goeswith.evaluate.calibration import Scale
from goeswith.evaluate.rule_votes import judge
from goeswith.models import MODELS
from goeswith.rules.rules import Rule, write_rules
from goeswith.shop.answers import verdict
from goeswith.shop.build import build_index
from goeswith.shop.explain import explain, tables
from goeswith.shop.explanation import Explanation
from goeswith.shop.grammar import Grammar
from goeswith.shop.index import Index
from goeswith.shop.stylist import Look, Stylist, Swap
from goeswith.train.training import train

SCALE = Scale((0.0,) * 4, (1.0,) * 4, 1.0, 0.0, tuple(np.linspace(-2, 2, 201).tolist()), 99, "matched", 0.8)
RULES = [Rule("colour", "red", "red", "+"), Rule("colour", "red", "blue", "-"), Rule("colour", "blue", "blue", "+")]


def table(**columns: list) -> Catalogue:
    count = max(map(len, columns.values()), default=5)
    plain = {"item_id": [f"i{n}" for n in range(count)], "category": ["shirt"] * count}
    return Catalogue(pl.DataFrame(plain | columns))


def stylist_of(catalogue: Catalogue, scorer, scale: Scale | None = SCALE, swap: Swap | None = None,
               grammar: Grammar = Grammar.free()):  # fmt: skip  # noqa: B008
    """As much of a stylist as is asked for, over a scorer that need not be a trained model."""
    run = SimpleNamespace(config={"rules": None})

    def judge_one(item_ids: list[str]) -> Look:
        rows = catalogue.rows(item_ids)
        score = scorer.score(rows[None], np.ones((1, len(rows)), bool))
        scaled = [None, None]
        if scale is not None:
            scaled = [float(f(score, len(rows))[0]) for f in (scale.probability, scale.percentile)]
        return Look(tuple(item_ids), (), float(score[0]), *scaled, None, verdict=verdict(index, scaled[1]))

    index = SimpleNamespace(
        catalogue=catalogue, shelf=shelf(catalogue), scorer=scorer, scale=scale, run=run, grammar=grammar
    )
    return SimpleNamespace(index=index, judge=judge_one, improve=lambda *_, **__: [swap] if swap else [])


class Mean:
    """The mean over pairs of a table in which item 2 goes with nothing, worst with item 0."""

    name = "mean"
    pairs = np.full((5, 5), 1.0)
    pairs[2] = pairs[:, 2] = -3.0
    pairs[0, 2] = pairs[2, 0] = -4.0

    def score(self, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
        both = mask[:, :, None] & mask[:, None, :] & ~np.eye(items.shape[1], dtype=bool)
        total = (self.pairs[items[:, :, None], items[:, None, :]] * both).sum(axis=(1, 2))
        return total / np.maximum(both.sum(axis=(1, 2)), 1)


def test_the_item_that_goes_with_nothing_is_blamed_in_words() -> None:
    catalogue = table(title=["red shirt", "blue skirt", "green hat", "black shoes", "white hat"])
    better = Look(("i0", "i1", "i4", "i3"), ("i4",), 1.0, 0.73, 75.0, None, verdict="strong")
    why = explain(stylist_of(catalogue, Mean(), swap=Swap("i2", "i4", better, 2.17)), ["i0", "i1", "i2", "i3"])
    assert why.weakest_item == 2
    assert why.weakest_pair == (0, 2)
    assert why.contributions[2] == pytest.approx(-7 / 6 - 1)
    assert why.contributions.argmin() == 2
    assert why.attributes is None
    assert why.sentence == (
        "This look is fine: its pieces go together as in many real outfits; its weakest link is the red shirt with "
        "the green hat, and without the green hat it would be strong; the white hat in place of the green hat would "
        "make it strong."
    )
    assert "i2" in tables(why)[1]


def test_what_is_needed_or_locked_is_never_to_be_taken_out() -> None:
    """The hat that goes with nothing is taken for the only trousers, then for one of two, then it is locked."""
    titles = ["red shirt", "blue skirt", "green trousers", "black shoes", "white hat"]
    grammar, ids = Grammar.default(), ["i0", "i2", "i3"]
    for groups, locked, says in (
        (["top", "bottom", "bottom", "shoes", "accessory"], [],
         "the piece that fits least is the green trousers, the only bottom: replace it rather than take it out"),
        (["top", "bottom", "accessory", "shoes", "accessory"], [], "without the green trousers it would be strong"),
        (["top", "bottom", "accessory", "shoes", "accessory"], ["I2"],
         "the piece that fits least is the green trousers, which is locked"),
        (["top", "bottom", "bottom", "shoes", "accessory"], ["i2"], "the green trousers, which is locked"),
        (["top", "bottom", "bottom", "shoes", "accessory"], ids, "the green trousers, which is locked"),
    ):  # fmt: skip
        stylist = stylist_of(table(title=titles, group=groups), Mean(), grammar=grammar)
        why = explain(stylist, ids, locked=locked)
        assert why.weakest_item == 1
        assert says in why.sentence, why.sentence
        assert ("without the green trousers it" in why.sentence) == says.startswith("without the green")


def test_no_item_is_blamed_where_each_helps_and_two_are_not_told_apart() -> None:
    class Sum:
        name = "sum"

        def score(self, items, mask):
            return (np.array([3.0, 2.0, 1.0, 2.0, 2.0])[items] * mask).sum(axis=1) / 5

    catalogue = table()
    why = explain(stylist_of(catalogue, Sum()), ["i0", "i1", "i2"])
    assert why.weakest_item == 2
    assert "no item is out of place, though the least comes from the shirt (i2)" in why.sentence
    two = explain(stylist_of(catalogue, Sum()), ["i0", "i1"])
    assert np.isnan(two.contributions).all()
    assert (two.weakest_item, two.weakest_pair) == (0, (0, 1))
    assert two.sentence.count(";") == 0
    bare = explain(stylist_of(catalogue, Sum(), scale=None), ["i0", "i1", "i2"])
    assert bare.sentence.startswith(
        "This look has no verdict, because there are too few real outfits to compare it with; its weakest link is"
    )


def test_names_are_made_distinct_shortened_and_put_on_one_line() -> None:
    catalogue = table(title=["a\nred\thing", "", "  ", "word " * 30, "x"], colour=[None, "teal", "teal", None, None])
    stylist = stylist_of(catalogue, Mean())
    alike, long = (explain(stylist, ids).sentence for ids in (["i0", "i2", "i1"], ["i3", "i2", "i4"]))
    assert "its weakest link is the a red hing with the teal shirt (i2)" in alike
    assert "word …" in long
    assert max(len(alike), len(long)) < 400
    evil = table(title=["<b>x</b>", "y", "<script>alert(1)</script>", "z", "z"])
    assert "the <script>alert(1)</script>" in explain(stylist_of(evil, Mean()), ["i0", "i1", "i2"]).sentence


def test_a_title_that_strings_labels_together_says_no_word_twice() -> None:
    made = ["black leather leather jacket", "denim dark denim jeans", "Pom Pom hat", "red", None]
    colour, material = ["black", "denim dark", None, "red", "denim"], ["leather", "denim", None, None, None]
    kinds = ["Leather jacket", "jeans", "Hat", "shirt", "Denim skirt"]
    catalogue = table(title=made, colour=colour, material=material, category=kinds)
    stylist = stylist_of(catalogue, Mean())
    assert catalogue.items["title"].to_list() == made  # models are trained on these words
    names = [title_of(row) or kind_of(row) for row in catalogue.items.iter_rows(named=True)]
    assert names == ["black leather jacket", "dark denim jeans", "Pom Pom hat", "red", "Denim skirt"]
    sentences = " ".join(explain(stylist, [*ids, "i3"]).sentence for ids in (["i0", "i1"], ["i2", "i4"]))
    assert not re.search("leather leather|denim dark|denim Denim", sentences)


@pytest.mark.parametrize("name", list(MODELS))
def test_every_model_is_explained(name: str) -> None:
    scorer, items, mask = scorer_of(name)
    catalogue = styles_world(outfits=10)[0]
    outfit = 0 if name == "teacher" else int(mask.sum(axis=1).argmax())
    size = 2 if name == "teacher" else 4
    ids = [catalogue.ids[row] for row in items[outfit, :size]]
    why = explain(stylist_of(catalogue, scorer), ids)
    info = json.loads(json.dumps(why.to_dict(), allow_nan=False))
    assert info["pairs"][0][0] is None
    assert info["pairs"][0][1] == pytest.approx(why.pairs[0, 1])
    assert why.sentence.startswith("This look ")
    assert why.sentence.endswith(".")
    if name == "add-gnn":
        assert sum(info["attributes"]) == pytest.approx(why.look.score, abs=1e-5)
    if size == 4:
        assert why.weakest_item == int(np.argmin(why.contributions))
        assert why.pairs[why.weakest_pair] == np.nanmin(why.pairs)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    dataset = styles_dataset(folder)
    settings = ["hidden=6", "attributes=2", "epochs=2", "batch_size=64", "negatives=category", "precision=fp32"]
    return build_index(train("add-gnn", dataset, folder / "run", settings=settings), dataset, folder / "index").path


def test_the_swap_is_of_the_weakest_item_and_raises_the_score(shop: Path) -> None:
    stylist = Stylist(Index(shop))
    why = explain(stylist, ["i0", "i60", "i100", "i150"])
    assert isinstance(why, Explanation)
    assert why.swap is not None
    assert why.swap.removed == why.item_ids[why.weakest_item]
    assert why.swap.look.score == pytest.approx(why.look.score + why.swap.gain, abs=1e-5)
    locked = [item_id for item_id in why.item_ids if item_id != why.swap.removed]
    assert stylist.improve(why.item_ids, locked=locked, k=1)[0] == why.swap
    assert explain(stylist, why.item_ids, swap=False).swap is None
    for ids, words in ((["i0"], "has 1 item"), (["i0", "none"], "has no item 'none'"), ([], "is empty")):
        with pytest.raises(CatalogueError, match=words):
            explain(stylist, ids)


def test_the_command_prints_the_sentence_and_json(shop: Path) -> None:
    runner, ids = CliRunner(), ["i0", "i60", "i100"]
    result = runner.invoke(app, ["explain", str(shop), *ids])
    why = explain(Stylist(Index(shop)), ids)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(why.sentence)
    assert "of the score, by attribute mask" in result.stdout
    numbers = json.loads(runner.invoke(app, ["explain", str(shop), *ids, "--no-swap", "--json"]).stdout)
    assert numbers["contributions"] == pytest.approx(why.contributions)
    assert numbers["swap"] is None


@pytest.fixture(scope="module")
def ruled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, Index]:
    """The styles world with red and blue items, and a run that rules about them taught."""
    folder = tmp_path_factory.mktemp("ruled")
    catalogue, outfits, features = styles_world()
    colours = np.where(np.arange(len(catalogue)) % 3 == 0, "red", "blue")
    items = catalogue.items.drop("image").with_columns(colour=pl.Series(colours))
    frame = outfits.to_frame(catalogue).with_columns(source=pl.lit("made"))
    dataset = create(Imported(items=items, outfits=frame, source="a test", licence="none"), folder / "d", layout="test")
    write_made(dataset, dataset.catalogue.ids, features)
    write_rules(RULES, folder / "rules.toml")
    settings = ["hidden=6", "epochs=1", "batch_size=64", "precision=fp32", "negatives=group", "blank=bottom"]
    run = train("akd-dbpr", dataset, folder / "run", rules=folder / "rules.toml", settings=settings)
    return dataset, build_index(run, dataset, folder / "index")


@pytest.mark.slow
def test_matching_rules_are_listed_with_their_trust(ruled: tuple[Dataset, Index]) -> None:
    dataset, index = ruled
    items = dataset.catalogue.items
    tops, bottoms = (items.filter(pl.col("group") == group) for group in ("top", "bottom"))
    red, blue = (bottoms.filter(pl.col("colour") == colour)["item_id"][0] for colour in ("red", "blue"))
    top = tops.filter(pl.col("colour") == "red")["item_id"][0]
    stylist = Stylist(index)
    why = explain(stylist, [top, red, blue], swap=False)
    assert {(str(f.rule), f.top, f.bottom) for f in why.rules} == {
        (str(RULES[0]), top, red),
        (str(RULES[1]), top, blue),
    }
    assert [f.confidence for f in why.rules] == sorted((f.confidence for f in why.rules), reverse=True)
    # The trust, rule by rule, from the teacher over the whole catalogue: there are fewer other bottoms than are taken.
    taught = index.run.taught(index.run.scorer(dataset), dataset.catalogue)
    assert taught is not None
    rows = {item_id: row for row, item_id in enumerate(dataset.catalogue.ids)}
    for fired in why.rules:
        context = [rows[item_id] for item_id in (top, red, blue) if item_id != fired.bottom]
        trust = []
        for other in bottoms["item_id"]:
            if other in (red, blue):
                continue
            active = judge(
                taught, np.array([context]), np.ones((1, 2), bool), np.array([[rows[fired.bottom], rows[other]]])
            ).active.filter(pl.col("rule") == RULES.index(fired.rule))
            trust += active["trust"].to_list()
        assert fired.confidence == pytest.approx(np.mean(trust), abs=1e-5)
    assert "the rule “colour: no red + blue” opposes" in why.sentence
    assert "(2 rules in all)" in why.sentence
    assert str(why.rules[0]).startswith("colour: ")
    none = explain(stylist, [tops.filter(pl.col("colour") == "blue")["item_id"][0], red], swap=False)
    assert none.rules == ()
    assert "rule" not in none.sentence


@pytest.mark.parametrize(
    ("score", "auc", "words"),
    [
        (-3.0, 0.8, "This look is weak: the pieces of most real outfits go together better"),
        (-1.0, 0.8, "This look is fine: its pieces go together as in many real outfits"),
        (3.0, 0.8, "This look is strong: its pieces go together as in the better half of real outfits"),
        (3.0, 0.54, "The model can hardly tell real outfits of this catalogue from random ones, so its"),
    ],
)
def test_a_standing_has_a_word(score: float, auc: float, words: str) -> None:
    scorer = SimpleNamespace(name="flat", score=lambda items, mask: np.full(len(items), score))
    sentence = explain(stylist_of(table(), scorer, scale=replace(SCALE, auc=auc)), ["i0", "i1", "i2"]).sentence
    assert sentence.startswith(words)
    assert not re.search(r"\d %|in 10", sentence)
