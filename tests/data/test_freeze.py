"""Freezing: every promise of a frozen question checked row by row, and equal seeds giving equal files."""

import numpy as np
import polars as pl
import pytest

from goeswith.data.catalogue import Catalogue
from goeswith.data.freeze import PLAN, freeze, make_questions
from goeswith.data.outfits import Outfits
from goeswith.data.questions import SCHEMA, Questions, read_questions
from goeswith.data.readers import mango
from goeswith.data.splits import assign_splits
from goeswith.errors import ConfigError, DataError

GROUPS = ("top", "bottom", "shoes")


def world(outfits: int = 400, items: int = 240, seed: int = 0) -> tuple[Catalogue, Outfits]:
    """Outfits of 2-6 items within one season, items of very unlike popularity, four items without a picture."""
    chance = np.random.default_rng(seed)
    season = chance.integers(2, size=items)
    table = {
        "item_id": [f"i{row}" for row in range(items)],
        "category": [f"{GROUPS[row % 3]}{row % 6}" for row in range(items)],
        "group": [GROUPS[row % 3] for row in range(items)],
        "season": [("winter", "summer")[of] for of in season],
        "image": [None if row < 4 else f"{row}.jpg" for row in range(items)],
    }
    popularity = 1 / (5 + chance.permutation(items))
    lists = []
    for _ in range(outfits):
        weights = popularity * (season == chance.integers(2))
        lists.append(chance.choice(items, chance.integers(2, 7), replace=False, p=weights / weights.sum()))
    frame = pl.DataFrame(
        {
            "outfit_id": [f"o{number}" for number in range(outfits)],
            "item_ids": [[f"i{row}" for row in rows] for rows in lists],
            "split": [("train", "test")[number % 2] for number in range(outfits)],
        }
    )
    catalogue = Catalogue(pl.DataFrame(table))
    return catalogue, Outfits.from_frame(frame, catalogue)


CATALOGUE, OUTFITS = world()
ITEM = {row["item_id"]: row for row in CATALOGUE.items.to_dicts()}
WORN = {OUTFITS.outfit_ids[index]: [CATALOGUE.ids[row] for row in OUTFITS[index]] for index in range(len(OUTFITS))}
COUNTS = {"compat": 2, "fitb": 4, "retrieval": 8}


@pytest.mark.parametrize("negatives", ["random", "category", "matched"])
@pytest.mark.parametrize("task", COUNTS)
def test_every_question_meets_its_definition(task, negatives):
    choices = COUNTS[task]
    frame, skipped = make_questions(CATALOGUE, OUTFITS, "test", task, negatives, choices=choices)
    outfits = {frozenset(items) for items in WORN.values()}
    of_split = {item for index, items in enumerate(WORN.values()) if index % 2 for item in items}
    assert dict(frame.schema) == SCHEMA
    assert len(frame) + sum(count for reason, count in skipped.items() if reason.startswith("outfits")) == 200
    assert len(frame) > (190 if negatives != "matched" else 90)
    assert frame["outfit_id"].to_list() == [name for name in WORN if name in set(frame["outfit_id"])]
    for row in frame.iter_rows(named=True):
        outfit, truth = WORN[row["outfit_id"]], row["candidates"][row["answer"]]
        assert outfit[row["position"]] == truth
        assert [*row["context"][: row["position"]], truth, *row["context"][row["position"] :]] == outfit
        assert (row["task"], row["negatives"], row["label"]) == (task, negatives, None)
        assert len(set(row["candidates"])) == len(row["candidates"]) == choices
        kind = ITEM[truth]["category"], ITEM[truth]["season"]
        for item in row["candidates"]:
            assert ITEM[item]["image"]
            if negatives != "random":
                assert ITEM[item]["category"] == ITEM[truth]["category"]
            if negatives == "matched":
                assert ITEM[item]["season"] == ITEM[truth]["season"]
                assert item in of_split
                alike = [item for item in outfit if (ITEM[item]["category"], ITEM[item]["season"]) == kind]
                assert alike == [truth]
            if item != truth:
                assert item not in outfit
                assert frozenset([*row["context"], item]) not in outfits


def test_the_blank_and_the_truth_are_anywhere():
    frame, _ = make_questions(CATALOGUE, OUTFITS, None, "fitb", "random")
    answers = frame["answer"].value_counts(normalize=True)["proportion"]
    assert len(answers) == 4
    assert answers.min() > 0.18
    position = frame["position"] / frame["context"].list.len()  # 0 first, 1 last; evenly spread
    assert position.mean() == pytest.approx(0.5, abs=0.06)
    assert set(frame.filter(pl.col("context").list.len() == 5)["position"]) == set(range(6))


def test_equal_seeds_make_equal_tables_and_one_blank_for_all_negatives():
    first, again, other = (make_questions(CATALOGUE, OUTFITS, "test", "fitb", "matched", seed=s)[0] for s in (1, 1, 2))
    assert first.equals(again)
    assert not first.equals(other)
    blanks = [
        make_questions(CATALOGUE, OUTFITS, "test", "compat", negatives)[0].select("outfit_id", "position")
        for negatives in ("random", "category")
    ]
    assert blanks[0].equals(blanks[1])


def popularity_wins(frame: pl.DataFrame, catalogue: Catalogue, outfits: Outfits) -> float:
    """How often the truth is more popular in the split than a wrong item, ties half."""
    questions = Questions.from_frame(frame, catalogue)
    worn = np.bincount(outfits.split("test").items, minlength=len(catalogue))[questions.candidates]
    owner = np.repeat(np.arange(len(questions)), np.diff(questions.candidate_offsets))
    at = questions.candidate_offsets[:-1] + questions.answers
    wrong = np.setdiff1d(np.arange(len(worn)), at)
    truth = worn[at][owner[wrong]]
    return float(((truth > worn[wrong]) + (truth == worn[wrong]) / 2).mean())


@pytest.mark.parametrize("task", ["compat", "fitb"])
def test_popularity_solves_category_questions_but_not_matched_ones(task):
    wins: dict[str, list[float]] = {"category": [], "matched": []}
    for seed in range(5):
        drawn = world(seed=seed)
        for negatives, shares in wins.items():
            frame, _ = make_questions(*drawn, "test", task, negatives, seed=seed)
            shares.append(popularity_wins(frame, *drawn))
    assert np.mean(wins["category"]) > 0.75
    assert np.mean(wins["matched"]) == pytest.approx(0.5, abs=0.03)


def test_limit_takes_some_outfits_by_chance():
    frame, _ = make_questions(CATALOGUE, OUTFITS, "test", "fitb", "random", limit=30)
    assert len(frame) == 30
    order = {name: index for index, name in enumerate(WORN)}
    indices = [order[name] for name in frame["outfit_id"]]
    assert indices == sorted(indices)
    assert max(indices) > 200  # not just the first ones


def test_retrieval_of_all_offers_the_whole_category():
    frame, _ = make_questions(CATALOGUE, OUTFITS, "test", "retrieval", "category", choices="all", limit=20)
    outfits = {frozenset(items) for items in WORN.values()}
    assert len(frame) == 20
    for row in frame.iter_rows(named=True):
        truth, outfit = row["candidates"][row["answer"]], WORN[row["outfit_id"]]
        assert outfit[row["position"]] == truth
        assert set(row["candidates"]) == {truth} | {
            name
            for name, item in ITEM.items()
            if item["category"] == ITEM[truth]["category"]
            and item["image"]
            and name not in outfit
            and frozenset([*row["context"], name]) not in outfits
        }
        assert len(row["candidates"]) == len(set(row["candidates"])) > 10
    assert frame["answer"].n_unique() > 5


def test_triplets_ask_for_the_bottom_of_a_top():
    frame, skipped = make_questions(CATALOGUE, OUTFITS, "test", "triplet", "category")
    with_both = [
        name
        for index, (name, items) in enumerate(WORN.items())
        if index % 2 and {"top", "bottom"} <= {ITEM[item]["group"] for item in items}
    ]
    assert skipped["outfits without a top and a bottom"] == 200 - len(with_both)
    assert set(frame["outfit_id"]) <= set(with_both)
    assert len(frame) > 0.9 * len(with_both)
    worn_together = {(top, bottom) for items in WORN.values() for top in items for bottom in items}
    for row in frame.iter_rows(named=True):
        (top,), truth = row["context"], row["candidates"][row["answer"]]
        (wrong,) = set(row["candidates"]) - {truth}
        assert {top, truth} <= set(WORN[row["outfit_id"]])
        assert (ITEM[top]["group"], ITEM[truth]["group"], ITEM[wrong]["group"]) == ("top", "bottom", "bottom")
        assert row["position"] == 1
        assert (top, wrong) not in worn_together


def test_a_catalogue_without_groups_has_no_triplets():
    catalogue = Catalogue(CATALOGUE.items.drop("group"))
    frame, skipped = make_questions(catalogue, OUTFITS, "test", "triplet", "random")
    assert len(frame) == 0
    assert skipped == {"outfits without a top and a bottom": 200}


def test_wrong_items_that_complete_another_outfit_are_refused_and_counted():
    catalogue = Catalogue(pl.DataFrame({"item_id": list("abcdx"), "category": ["one"] * 4 + ["two"]}))
    frame = pl.DataFrame({"outfit_id": list("1234"), "item_ids": [list("ax"), list("bx"), list("cx"), list("ca")]})
    outfits = Outfits.from_frame(frame, catalogue)
    made, skipped = make_questions(catalogue, outfits, None, "compat", "category")
    wrong = made.filter(pl.col("context").list.first() == "x").explode("candidates").filter(pl.col("answer") >= 0)
    assert set(wrong["candidates"]) <= {"a", "b", "c", "d"}
    for row in made.filter(pl.col("context").list.first() == "x").iter_rows(named=True):
        assert "d" in row["candidates"]  # the only one that nobody wears with x
    assert skipped["negatives that would have completed another known outfit"] > 0
    other = Outfits.from_frame(pl.DataFrame({"outfit_id": ["1"], "item_ids": [["d", "x"]]}), catalogue)
    made, _ = make_questions(catalogue, outfits.take([0]), None, "compat", "category", known_outfits=[outfits])
    assert set(made["candidates"][0]) == {"a", "d"}
    made, skipped = make_questions(
        catalogue, outfits.take([0]), None, "compat", "category", known_outfits=[outfits, other]
    )
    assert len(made) == 0
    assert skipped["outfits whose negatives were rejected"] == 1


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"task": "rank"}, "there is no task 'rank'; choose one of compat, fitb, triplet, retrieval"),
        ({"negatives": "easy"}, "there are no 'easy' negatives"),
        ({"choices": 1}, "a question needs two or more choices, not 1"),
    ],
)
def test_wrong_settings_are_refused(settings, sentence):
    arguments = {"task": "fitb", "negatives": "random"} | settings
    with pytest.raises(ConfigError, match=sentence):
        make_questions(CATALOGUE, OUTFITS, "test", **arguments)
    with pytest.raises(DataError, match="the data set has no outfits; import it with outfits, or with orders"):
        OUTFITS.take(np.zeros(len(OUTFITS), bool)).split("valid")
    with pytest.raises(DataError, match="no outfit is in split 'valid'; the splits here are: test, train"):
        make_questions(CATALOGUE, OUTFITS, "valid", "fitb", "random")


def test_freeze_writes_the_plan_once(tmp_path):
    progress = []
    done = freeze(
        CATALOGUE,
        OUTFITS,
        tmp_path,
        dataset="drawn",
        splits=["test"],
        seed=4,
        prefix="users",
        progress=lambda at, total: progress.append((at, total)),
    )
    names = [f"users-test-{task}-{negatives}.parquet" for task, negatives in PLAN]
    assert [file.path.name for file in done] == names
    assert progress == [(at, len(PLAN)) for at in range(1, len(PLAN) + 1)]
    too_small = [file for file in done if not file.questions]
    assert [file.path.name for file in too_small] == ["users-test-retrieval-category.parquet"]  # 40 a category, not 100
    assert too_small[0].skipped == {"outfits without an item that has enough negatives": 200}
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(names[:-1])
    read = read_questions(done[0].path, CATALOGUE)
    assert len(read) == done[0].questions == 200
    wanted = {"dataset": "drawn", "split": "test", "task": "compat", "negatives": "random", "choices": "2", "seed": "4"}
    assert wanted.items() <= read.info.items()

    before = {file.path: file.path.read_bytes() for file in done if file.questions}
    again = freeze(CATALOGUE, OUTFITS, tmp_path, dataset="drawn", splits=["test"], seed=4, prefix="users")
    assert [file.kept for file in again] == [True] * 6 + [False]
    assert [file.questions for file in again] == [file.questions for file in done]
    assert all(path.read_bytes() == content for path, content in before.items())
    with pytest.raises(DataError, match="already holds frozen questions, with seed '4', not '5'; remove the file or"):
        freeze(CATALOGUE, OUTFITS, tmp_path, dataset="drawn", splits=["test"], seed=5, prefix="users")


def test_equal_seeds_freeze_equal_bytes(tmp_path):
    for folder in ("one", "two"):
        freeze(CATALOGUE, OUTFITS, tmp_path / folder, splits=["test"])
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


@pytest.mark.real
def test_popularity_gives_nothing_away_on_stylists_outfits(real):
    imported = mango.read(real / "mango")
    catalogue = Catalogue(imported.items.with_columns(image=pl.lit("all have one")))
    outfits, _ = assign_splits(Outfits.from_frame(imported.outfits, catalogue), 0)
    for task in ("compat", "fitb"):
        wins: dict[str, list[float]] = {"category": [], "matched": []}
        for negatives, shares in wins.items():
            for seed in range(5):
                frame, _ = make_questions(catalogue, outfits, "test", task, negatives, seed=seed)
                assert len(frame) > 0.95 * len(outfits.split("test"))
                shares.append(popularity_wins(frame, catalogue, outfits))
        assert np.mean(wins["category"]) > 0.8
        assert np.mean(wins["matched"]) == pytest.approx(0.5, abs=0.02)
