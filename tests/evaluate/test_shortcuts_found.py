"""Shortcuts that nobody named are found where they were planted, and none where there is none."""

import json
import shlex
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from goeswith.data.catalogue import Catalogue
from goeswith.data.dataset import Dataset
from goeswith.data.freeze import freeze
from goeswith.data.outfits import Outfits
from goeswith.data.questions import read_questions
from goeswith.evaluate import shortcuts
from goeswith.evaluate.audit import audit, finer_sentence, yardsticks
from goeswith.evaluate.clues import clue_values
from goeswith.evaluate.evaluate import answer, report
from goeswith.evaluate.records import records_of
from goeswith.evaluate.retrieval_report import FLOORS, survey
from goeswith.evaluate.shortcuts import ClueScore, Shortcuts, single_clues
from goeswith.models.floors import Lift, PairFloor, lift_table

OUTFITS, SIZE, ITEMS = 500, 3, 120


def world(folder: Path, planted: str) -> Dataset:
    """Outfits of three kinds of items, at random; what is planted makes an outfit's items known by their records.

    id: items of an outfit are numbered in a row. border: their pictures have a border of one colour.
    """
    random = np.random.default_rng(5)
    kinds = np.repeat(np.arange(SIZE), ITEMS)
    style = np.tile(np.arange(ITEMS) % 40, SIZE)
    numbers = random.permutation(9000)[: len(kinds)] + 1000
    if planted == "id":
        numbers = 100 * style + 10 * kinds + np.arange(len(kinds)) % ITEMS // 40 + 1000
    items = pl.DataFrame(
        {
            "item_id": [f"{number:05d}" for number in numbers],
            "category": [("top", "bottom", "shoes")[kind] for kind in kinds],
            "image": [f"images/{row}.png" for row in range(len(kinds))] if planted == "border" else None,
        }
    )
    catalogue = Catalogue(items)
    folder.mkdir()
    if planted == "border":
        (folder / "images").mkdir()
        for row, own in enumerate(style):
            picture = Image.new("RGB", (40, 40), (int(own) * 6, 100, 250 - int(own) * 6))
            picture.paste(tuple(int(c) for c in random.integers(0, 255, 3)), (4, 4, 36, 36))
            picture.save(folder / "images" / f"{row}.png")
    worn = random.integers(0, 40, OUTFITS)
    shift = random.integers(0, 3, (OUTFITS, SIZE)) * 40
    rows = worn[:, None] + shift + np.arange(SIZE) * ITEMS
    if planted == "none":
        rows = random.integers(0, ITEMS, (OUTFITS, SIZE)) + np.arange(SIZE) * ITEMS
    frame = pl.DataFrame(
        {
            "outfit_id": [f"o{index}" for index in range(OUTFITS)],
            "split": ["train"] * 300 + ["test"] * 200,
            "source": ["world"] * OUTFITS,
            "item_ids": [[catalogue.ids[row] for row in own] for own in rows],
        }
    )
    catalogue.items.write_parquet(folder / "items.parquet")
    outfits = Outfits.from_frame(frame, catalogue)
    outfits.to_frame(catalogue).write_parquet(folder / "outfits.parquet")
    (folder / "dataset.json").write_text(json.dumps({"name": planted, "layout": "table"}))
    freeze(catalogue, outfits, folder / "questions", dataset=planted, splits=("test",), plan=[("compat", "matched")])
    return Dataset(folder)


@pytest.mark.parametrize(("planted", "clue"), [("id", "id"), ("border", "border colour")])
def test_what_was_planted_is_named_and_solves_the_questions(tmp_path: Path, planted: str, clue: str):
    dataset = world(tmp_path / planted, planted)
    result = audit(dataset)
    file = "test-compat-matched.parquet"
    values = {score.floor: score.value for score in result.scores[file]}
    assert values["records and ids"] > 0.9
    assert values["records"] < values["records and ids"] + 0.01
    assert values["popularity"] < 0.6
    best = result.clues[file][0]
    assert clue in best.name
    assert best.above
    assert best.value > 0.9
    assert clue in result.verdicts[file].split("beat chance alone: ")[1].split(", ")[0]
    assert any(clue in name for name in list(result.used[file])[:3])
    assert sum(result.used[file].values()) == pytest.approx(1)
    written = json.loads(result.to_json())
    assert {clue["name"] for clue in written["clues"]} == {clue.name for clue in result.clues[file]}


def test_the_audit_names_the_command_that_matches_by_the_strongest_clue(tmp_path: Path):
    dataset = world(tmp_path / "id", "id")
    questions = read_questions(dataset.path / "questions" / "test-compat-matched.parquet", dataset.catalogue)

    def sentence(**values: float) -> str:
        clue = {"value": 0.8, "low": 0.7, "high": 0.9} | values
        names = ("nearness of number in id", "end of id", "same id[:3]", "id[:2] worn together")
        return finer_sentence([ClueScore(name, "auc", chance=0.5, **clue) for name in names], questions, dataset)

    words = shlex.split(sentence().split(", too: goeswith ")[1])
    assert words == ["questions", str(dataset.path), "--match", "id[:3]"]
    assert sentence(low=0.4) == ""
    assert sentence(value=0.995) == ""  # it names the outfit
    (verdict,) = audit(dataset).verdicts.values()
    assert verdict.endswith("--match 'id[:2]'")  # id[:3] names the outfit
    folder, plan = dataset.path / "finer", [("compat", "matched:id[:3]")]
    freeze(dataset.catalogue, dataset.outfits, folder, dataset="id", splits=("test",), plan=plan)
    (finer,) = folder.glob("*.parquet")
    questions = read_questions(finer, dataset.catalogue)
    clues = {clue.name: clue for clue in single_clues(Shortcuts(dataset), questions)}
    assert not clues["same id[:3]"].above
    assert sentence().endswith("--match 'id[:3],id[:2]'")


@pytest.mark.parametrize(("planted", "low", "high"), [("border", 0.9, 1.0), ("none", 0.45, 0.55)])
def test_records_are_asked_about_every_place_of_every_outfit(tmp_path: Path, planted: str, low: float, high: float):
    dataset = world(tmp_path / planted, planted)
    floors = yardsticks(dataset)
    reports, _ = survey(dataset, floors, [], np.ones(len(dataset.catalogue), bool))
    assert [report.scorer for report in reports] == list(floors)
    scores = {(score.scorer, score.task): score for report in reports for score in report.summary}
    assert {name for name, task in scores if task == "exhaustive"} == {*floors}
    assert {name for name, task in scores if task == "anchor"} == {*floors} & {*FLOORS}
    assert low < scores["records", "exhaustive"].value < high
    signatures = {score.signature for (_, task), score in scores.items() if task == "exhaustive"}
    assert len(signatures) == 1


def test_where_there_is_no_shortcut_none_is_above_chance(tmp_path: Path):
    dataset = world(tmp_path / "none", "none")
    result = audit(dataset)
    [clues] = result.clues.values()
    assert len(clues) > 8
    assert not any(clue.above for clue in clues)
    fitted = [score for scores in result.scores.values() for score in scores if str(score.floor).startswith("records")]
    assert len(fitted) == 2
    assert all(score.interval[0] < 0.5 for score in fitted)
    assert "None of" in next(iter(result.verdicts.values()))


def test_clues_are_what_a_loop_over_pairs_says(tmp_path: Path):
    dataset = world(tmp_path / "border", "border")
    shortcuts = Shortcuts(dataset)
    questions = read_questions(dataset.path / "questions" / "test-compat-matched.parquet", dataset.catalogue)
    values = clue_values(shortcuts.clues, questions)
    block = next(questions.blocks())
    for index, clue in enumerate(shortcuts.clues):
        for row in (0, 7):
            items = block.items[row][block.mask[row]]
            pairs = [(a, b) for at, a in enumerate(items) for b in items[at + 1 :]]
            expected = np.mean([clue.value(np.array([a]), np.array([b]))[0] for a, b in pairs])
            assert values[index, row] == pytest.approx(expected, abs=1e-6), clue.name
    alone = {score.name: score.value for score in single_clues(shortcuts, questions)}
    sign = shortcuts.fitted_to(questions).signs
    for index in (1, len(shortcuts.clues) - 1):
        clue = shortcuts.clues[index]
        floor = PairFloor(clue.name, lambda a, b, clue=clue, index=index: sign[index] * clue.value(a, b))
        assert report(answer(floor, questions), dataset).summary[0].value == pytest.approx(alone[clue.name], abs=0.01)


def test_records_are_read_from_ids_dates_numbers_and_pictures(tmp_path: Path):
    folder = tmp_path / "made"
    (folder / "images").mkdir(parents=True)
    for row in range(4):
        Image.new("RGB", (20 + row % 2, 30), (10, 20, 30)).save(folder / "images" / f"{row}.png")
    (folder / "images" / "4.png").write_text("no picture")
    items = pl.DataFrame(
        {
            "item_id": [f"A{row:04d}-{row % 2}" for row in range(6)],
            "category": ["top"] * 6,
            "image": [f"images/{row}.png" for row in range(5)] + [None],
            "added": ["2020-01-01", "2020-01-02", "2020-02-01", None, "2020-01-01", "2021-01-01"],
            "price": [1.0, 2.0, None, 4.0, 5.0, 6.0],
            "title": [f"t{row}" for row in range(6)],
        }
    )
    Catalogue(items).items.write_parquet(folder / "items.parquet")
    (folder / "dataset.json").write_text(json.dumps({"name": "made", "layout": "table"}))
    records = records_of(Dataset(folder))
    assert {"end of id", "picture size"} <= set(records.codes)
    assert not {"title", "image", "item_id", "category", "id[:2]"} & set(records.codes)  # all differ, or all agree
    assert {"added", "price", "number in id", "picture width"} <= set(records.numbers)
    assert records.numbers["price"][2, 0] == 0  # the mean
    days = records.numbers["added"][:, 0]
    assert days[1] - days[0] == pytest.approx((days[2] - days[0]) / 31)
    assert (folder / "features" / "picture-facts.parquet").is_file()
    again = records_of(Dataset(folder))
    assert all((again.numbers[name] == values).all() for name, values in records.numbers.items())


def test_the_regression_is_that_of_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(2)
    rows = random.normal([0.5, -0.2, 0, 0, 1.5], size=(400, 5))
    weights = shortcuts._regression(rows, np.zeros(400, np.int64))
    both, sides = (
        np.concatenate([rows, -rows]),
        np.repeat([1, 0], 400),
    )  # each row in both directions: twice the penalty
    model = LogisticRegression(C=shortcuts.STRENGTHS[0] / 2, fit_intercept=False, tol=1e-8).fit(both, sides)
    assert weights == pytest.approx(model.coef_[0], abs=1e-4)


def test_lifts_of_few_values_are_those_of_many() -> None:
    random = np.random.default_rng(3)
    codes, pairs = random.integers(0, 6, 30), (random.integers(0, 30, 200), random.integers(0, 30, 200))
    rows, others = random.integers(0, 30, 50), random.integers(0, 30, 50)
    table = lift_table(codes, pairs)[codes[rows], codes[others]]
    assert table == pytest.approx(Lift.of(codes, pairs)(rows, others), abs=1e-12)


def test_a_catalogue_whose_columns_say_nothing_has_its_counts(tmp_path: Path) -> None:
    """Items of other splits, with later rows than all that training wears, are asked about all the same."""
    ids = [chr(0x4E00 + row) for row in range(40)]
    catalogue = Catalogue(pl.DataFrame({"item_id": ids, "category": "dress"}))
    random = np.random.default_rng(0)
    splits = ["train"] * 20 + ["test"] * 10
    lists = [[ids[row + 20 * (split == "test")] for row in random.choice(20, 3, replace=False)] for split in splits]
    frame = pl.DataFrame({"outfit_id": map(str, range(30)), "item_ids": lists, "split": splits})
    catalogue.items.write_parquet(tmp_path / "items.parquet")
    Outfits.from_frame(frame, catalogue).to_frame(catalogue).write_parquet(tmp_path / "outfits.parquet")
    (tmp_path / "dataset.json").write_text("{}")
    dataset = Dataset(tmp_path)
    assert not records_of(dataset).codes
    [made] = freeze(catalogue, dataset.outfits, tmp_path / "questions", splits=["test"], plan=[("fitb", "random")])
    found = single_clues(Shortcuts(dataset), read_questions(made.path, catalogue))
    assert {clue.name for clue in found} == {"popularity", "item pairs"}
