"""A pair explained: as a loop over the other bottoms says, in a sentence or two."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from ruled_wardrobe import BARE, COUNT, RULES, applies, one_by_one, write_run
from worlds import write_made

from goeswith.data.dataset import Dataset, Imported, create
from goeswith.errors import CatalogueError, DataError, ModelError
from goeswith.evaluate.pair_explanation import explain_pair
from goeswith.evaluate.rule_insights import insights
from goeswith.evaluate.rule_votes import taught_scorer
from goeswith.experiments.rules_page import percent
from goeswith.rules.rules import Rule
from goeswith.train.run import Run
from goeswith.train.training import train


def test_a_pair_is_explained_as_a_loop_over_the_other_bottoms_says(run: Run, dataset: Dataset):
    taught = taught_scorer(run, dataset)
    colour, group = (dataset.catalogue.items[name].to_list() for name in ("colour", "group"))
    top = next(n for n, g in enumerate(group) if g == "top" and colour[n] == "red")
    for bottom in [n for n, g in enumerate(group) if g == "bottom"][:8]:
        result = explain_pair(run, dataset, dataset.catalogue.ids[top], dataset.catalogue.ids[bottom])
        others = [n for n, g in enumerate(group) if g == "bottom" and n != bottom and dataset.catalogue.ids[n] != BARE]
        each = [one_by_one(taught, dataset, [top], (bottom, other)) for other in others]
        assert result.others == len(others) == COUNT - 2
        assert result.score == pytest.approx(taught.student.score(np.array([[top, bottom]]), np.ones((1, 2), bool))[0])
        assert (result.above, result.above_taught) == pytest.approx(
            [np.mean([o["rights"][n] for o in each]) for n in (0, 1)]
        )
        assert (result.p, result.q) == pytest.approx([np.mean([o[n] for o in each]) for n in "pq"], abs=1e-5)
        assert result.silent == sum(not row["trust"] for row in each)
        expected = {}
        for index, rule in enumerate(RULES):
            if applies(dataset, rule, top, bottom):
                trust = [row["trust"][index] for row in each if index in row["trust"]]
                expected[str(rule)] = (len(trust), np.mean(trust))
        assert {str(v.rule): (v.against, pytest.approx(v.trust, abs=1e-5)) for v in result.voices} == expected
        assert [v.trust for v in result.voices] == sorted((v.trust for v in result.voices), reverse=True)
        assert 1 <= len(expected) <= 3  # red goes with red, and not with blue


def test_an_explanation_is_a_sentence_or_two(run: Run, dataset: Dataset):
    colour = dict(zip(dataset.catalogue.ids, dataset.catalogue.items["colour"], strict=True))
    sides = [("t", "red"), ("b", "red"), ("b", "blue")]
    top, red, blue = (next(i for i in colour if i[0] == s and colour[i] == c) for s, c in sides)
    for bottom, says in (
        (red, "“colour: red + red” says yes (trust 0."),
        (blue, "“colour: no red + blue” says no (trust 0."),
    ):
        result = explain_pair(run, dataset, top, bottom)
        text = str(result)
        assert text.startswith(
            f"The student ranks this pair above {percent(result.above)} of 38 bottoms for this top. "
        )
        assert says in text
        assert f"; with them it ranks above {percent(result.above_taught)} (" in text
        assert result.to_dict()["explanation"] == text
    few = explain_pair(run, dataset, top, red, most=7)
    assert few.others == 7
    assert few == explain_pair(run, dataset, top, red, most=7)
    assert few != explain_pair(run, dataset, top, red, most=7, seed=1)


def test_a_pair_without_an_active_rule_is_reported_as_such(folder: Path, dataset: Dataset):
    run = write_run(
        folder, dataset, [Rule("colour", "red", "red", "+"), Rule("word", "thing", "thing", "+")], name="few"
    )
    colour = dict(zip(dataset.catalogue.ids, dataset.catalogue.items["colour"], strict=True))
    top, other = (next(i for i in colour if i[0] == "t" and i != "t0" and colour[i] == c) for c in ("red", "blue"))
    blue = next(i for i in colour if i[0] == "b" and colour[i] == "blue")
    assert "“word: thing + thing” says yes (but to every other bottom as well)" in str(
        explain_pair(run, dataset, top, blue)
    )
    every = explain_pair(run, dataset, other, blue)
    assert str(every).endswith("says yes (but to every other bottom as well), so nothing changes.")
    assert every.above == every.above_taught
    silent = explain_pair(write_run(folder, dataset, RULES[:1], name="single"), dataset, other, blue)
    assert str(silent).endswith("No rule applies to it, nor to any of the others, so nothing changes.")


def test_what_cannot_be_explained_is_refused_in_one_sentence(folder: Path, run: Run, dataset: Dataset, tmp_path: Path):
    for top, bottom, sentence in [
        ("t99", "b0", r"the catalogue has no item 't99'; did you mean 't9'"),
        ("b1", "t1", r"item 'b1' is not a top: its group is bottom, not top or outer; name a top first, then"),
        ("t1", "s1", r"item 's1' is not a bottom: its group is shoes, not bottom or dress"),
    ]:
        with pytest.raises(CatalogueError, match=sentence):
            explain_pair(run, dataset, top, bottom)
    with pytest.raises(
        DataError, match=rf"item '{BARE}' has no made features.*goeswith encode .* --encoder made shows why"
    ):
        explain_pair(run, dataset, "t1", BARE)
    plain = train("akd-dbpr", dataset, tmp_path / "plain", settings=["epochs=1", "negatives=group", "pairs=true"])
    for ask in (lambda: insights(plain, dataset), lambda: explain_pair(plain, dataset, "t1", "b1")):
        with pytest.raises(ModelError, match=r"plain was trained without rules; train a run with them: goeswith train"):
            ask()


def test_an_item_that_the_run_takes_for_another_side_is_reported(run: Run, dataset: Dataset, tmp_path: Path):
    groups = pl.when(pl.col("item_id") == "s0").then(pl.lit("bottom")).otherwise("group")  # its category is shoes
    items = dataset.catalogue.items.drop("image").with_columns(group=groups)
    other = create(
        Imported(items, dataset.outfits.to_frame(dataset.catalogue), "made", "none"), tmp_path / "mixed", layout="test"
    )
    write_made(other, other.catalogue.ids, np.ones((3 * COUNT, 8), np.float32))
    with pytest.raises(DataError, match=r"cannot score 't1' with 's0': it gives each category the group that most"):
        explain_pair(run, other, "t1", "s0")
