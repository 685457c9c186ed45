import json
import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
from made_scores import made_score
from typer.testing import CliRunner

from goeswith import tables
from goeswith.cli.main import app
from goeswith.data.catalogue import Catalogue
from goeswith.data.dataset import Dataset
from goeswith.data.outfits import Outfits
from goeswith.data.questions import SCHEMA, read_questions, write_questions
from goeswith.errors import DataError
from goeswith.evaluate.audit import Audit, audit, conclusion, floor_scores, is_floor, yardsticks
from goeswith.scores import Score

TEST = 300
NONE = "neither popularity, rarity, category nor season alone beats chance (.250) by more than"


def world(folder: Path, seed: int = 0) -> Dataset:
    """100 tops and 100 bottoms of two seasons; an outfit is a top and a bottom of one season, of any colour."""
    random = np.random.default_rng(seed)
    items = pl.DataFrame(
        {
            "item_id": [f"{kind}{number}" for kind in ("top", "bottom") for number in range(100)],
            "category": ["top"] * 100 + ["bottom"] * 100,
            "colour": random.choice(["red", "blue", "green"], 200),
            "season": ["summer", "winter"] * 100,
        }
    )
    catalogue = Catalogue(items)
    tops, halves = random.integers(0, 100, 600), random.integers(0, 50, 600)
    outfits = pl.DataFrame(
        {
            "outfit_id": [f"o{number}" for number in range(600)],
            "split": ["train"] * (600 - TEST) + ["test"] * TEST,
            "source": ["world"] * 600,
            "item_ids": [[f"top{top}", f"bottom{2 * half + top % 2}"] for top, half in zip(tops, halves, strict=True)],
        }
    )
    folder.mkdir()
    catalogue.items.write_parquet(folder / "items.parquet")
    Outfits.from_frame(outfits, catalogue).to_frame(catalogue).write_parquet(folder / "outfits.parquet")
    (folder / "dataset.json").write_text(json.dumps({"name": "world", "layout": "table"}))
    return Dataset(folder)


def ask(dataset: Dataset, negatives: str, task: str = "fitb", choices: int = 4) -> Path:
    """A file of questions for the bottoms of the test outfits.

    Wrong candidates: tops (other), bottoms (category), bottoms of the same season (matched).
    """
    random = np.random.default_rng(1)
    rows = []
    for outfit in dataset.outfits.split("test").to_frame(dataset.catalogue).iter_rows(named=True):
        top, bottom = outfit["item_ids"]
        number = int(bottom.removeprefix("bottom"))
        likely = {
            "other": [f"top{index}" for index in range(100)],
            "category": [f"bottom{index}" for index in range(100) if index != number],
            "matched": [f"bottom{index}" for index in range(number % 2, 100, 2) if index != number],
        }[negatives]
        answer = int(random.integers(choices))
        candidates = random.choice(likely, choices - 1, replace=False).tolist()
        candidates.insert(answer, bottom)
        rows.append([outfit["outfit_id"], task, negatives, outfit["outfit_id"], [top], candidates, answer, 1, None])
    path = dataset.path / "questions" / f"{task}-{negatives}.parquet"
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    write_questions(frame, path, dataset.catalogue, dataset.outfits, split="test", seed="0")
    return path


def values(result: Audit, file: str) -> dict[str | None, float]:
    return {score.floor: score.value for score in result.scores[file]}


def test_the_audit_finds_the_shortcut_that_is_there_and_no_other(tmp_path: Path) -> None:
    dataset = world(tmp_path / "world")
    for negatives in ("other", "category", "matched"):
        ask(dataset, negatives)
    ask(dataset, "category", "compat", choices=2)
    progress: list[tuple[int, int]] = []
    result = audit(dataset, progress=lambda done, total: progress.append((done, total)))

    other = values(result, "fitb-other.parquet")
    assert (other["chance"], other["category"]) == (0.25, 1.0)
    category = values(result, "fitb-category.parquet")
    assert (category["chance"], category["category"]) == (0.25, 0.25)
    assert 0.42 < category["season"] < 0.52  # 1 / (1 + X) with X heads of 3 coins: 15/32
    matched = values(result, "fitb-matched.parquet")
    assert (matched["category"], matched["season"]) == (0.25, 0.25)
    pairs = values(result, "compat-category.parquet")
    assert (pairs["chance"], pairs["category"]) == (0.5, 0.5)
    assert 0.71 < pairs["season"] < 0.79

    assert list(result.verdicts) == [
        f"{name}.parquet" for name in ("compat-category", "fitb-category", "fitb-matched", "fitb-other")
    ]
    assert result.verdicts["fitb-other.parquet"].startswith(
        "category alone answers 1.000 [1.000, 1.000] of the other fitb questions (chance .250): "
        "do not compare models on these other questions"
    )
    assert result.verdicts["fitb-category.parquet"].startswith("season alone answers .")
    assert result.verdicts["compat-category.parquet"].startswith("season alone orders .")
    assert result.verdicts["fitb-matched.parquet"].startswith(f"{NONE} .")
    assert progress == [(1, 4), (2, 4), (3, 4), (4, 4)]
    written = json.loads(result.to_json())
    rows = [{"file": file} | score.to_dict() for file, scores in result.scores.items() for score in scores]
    assert (written["rows"], written["verdicts"]) == (rows, result.verdicts)
    assert list(written["rows"][0])[:4] == ["file", "floor", "headline", "scorer"]
    assert all(row["n"] == TEST and row["signature"].startswith("world:") for row in rows)


def test_counts_come_from_training_outfits_alone(tmp_path: Path) -> None:
    dataset = world(tmp_path / "world")
    path = ask(dataset, "category")
    before = values(audit(dataset, [path]), path.name)
    outfits = pl.read_parquet(dataset.path / "outfits.parquet")
    train_only = outfits.filter(pl.col("split") == "train")
    train_only.write_parquet(dataset.path / "outfits.parquet")
    assert values(audit(Dataset(dataset.path), [path]), path.name) == before


def test_wrong_items_that_training_has_seen_are_reported_by_rarity(tmp_path: Path) -> None:
    dataset = world(tmp_path / "world")
    path = ask(dataset, "category")
    frame = pl.read_parquet(dataset.path / "outfits.parquet")
    truths = pl.read_parquet(path)["outfit_id"].implode()
    bottoms = frame.filter(pl.col("outfit_id").is_in(truths))["item_ids"].list.get(1).unique().sort()
    unworn = (pl.col("split") == "test") | ~pl.col("item_ids").list.get(1).is_in(bottoms[:20].implode())
    frame.filter(unworn).write_parquet(dataset.path / "outfits.parquet")
    questions = pl.read_parquet(path).filter(
        pl.col("candidates").list.get(pl.col("answer")).is_in(bottoms[:20].implode())
    )
    write_questions(questions, path, dataset.catalogue, dataset.outfits)
    result = audit(Dataset(dataset.path), [path])
    assert values(result, path.name)["rarity"] > 0.6  # 1 / (1 + rare ones of 3)
    assert result.verdicts[path.name].startswith("rarity alone answers .")


def test_cosine_is_named_apart(tmp_path: Path) -> None:
    dataset = world(tmp_path / "world")
    path = ask(dataset, "category")
    season = dataset.catalogue.codes("season")[0]
    features: Any = SimpleNamespace(
        values=np.eye(2, dtype=np.float32)[season], present=np.ones(200, dtype=bool), blocks=(2,)
    )
    result = audit(dataset, [path], features)
    by_floor = values(result, path.name)
    assert by_floor["cosine"] == by_floor["season"]
    assert result.verdicts[path.name].startswith("season alone")
    assert "cosine of features ." in result.verdicts[path.name]


def test_the_sample_has_a_ceiling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Oracle:
        name = "ceiling"

        def score(self, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
            return np.where(mask, items % 2, 0).sum(axis=1) % 2 * -1.0

    drawn = ModuleType("goeswith.data.readers.sample")
    drawn.oracle = lambda catalogue: Oracle()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "goeswith.data.readers.sample", drawn)
    dataset = world(tmp_path / "world")
    assert "ceiling" not in yardsticks(dataset)
    dataset.info["layout"] = "sample"
    path = ask(dataset, "category", "retrieval", choices=20)
    lines = floor_scores(read_questions(path, dataset.catalogue), dataset, yardsticks(dataset))
    assert [(line.floor, line.metric) for line in lines if line.headline][-1] == ("ceiling", "mrr")
    metrics = [line.metric for line in lines if line.floor == "ceiling"]
    assert metrics == ["mrr", "recall@1", "recall@5", "recall@10"]
    verdict = audit(dataset, [path]).verdicts[path.name]
    assert verdict.startswith("season alone reaches MRR .")
    assert verdict.endswith("so records are labels of the answer and not a floor.")
    names = ("words", "records", "records and ids", "ceiling")
    assert [is_floor(name, dataset) for name in names] == [True, False, False, False]
    dataset.info["layout"] = "table"
    assert is_floor("records", dataset)


def line(floor: str, value: float, low: float, high: float) -> Score:
    return made_score(floor, value, floor=floor, low=low, high=high)


@pytest.mark.parametrize(
    ("popularity", "expected"),
    [
        (
            (0.45, 0.40, 0.50),
            "popularity alone answers .450 [.400, .500] of the matched fitb questions (chance .250): do not",
        ),
        (
            (0.30, 0.26, 0.34),
            "popularity alone answers .300 [.260, .340] of the matched fitb questions (chance .250): a model",
        ),
        (
            (0.30, 0.24, 0.36),
            f"{NONE} .110: popularity has .300 [.240, .360].",
        ),
        (
            (0.20, 0.15, 0.24),
            f"{NONE} .030: category has .250 [.220, .280].",
        ),
    ],
)
def test_verdicts(popularity: tuple[float, float, float], expected: str) -> None:
    lines = [line("chance", 0.25, 0.25, 0.25), line("popularity", *popularity), line("category", 0.25, 0.22, 0.28)]
    assert conclusion(lines).startswith(expected)


def test_what_is_chance_but_for_rounding_is_no_baseline_to_beat() -> None:
    above = 0.25 + 1e-15
    lines = [line("chance", 0.25, 0.25, 0.25), line("words", above, above, above), line("popularity", 0.2, 0.1, 0.2)]
    assert "baselines" not in conclusion(lines)
    assert "other baselines to beat: words" in conclusion([*lines, line("words", 0.3, 0.29, 0.31)])


def test_a_verdict_on_few_questions_says_that_differences_are_noise(tmp_path: Path, monkeypatch) -> None:
    dataset = world(tmp_path / "world")
    path = ask(dataset, "category")
    assert "With only" not in audit(dataset, [path]).verdicts[path.name]
    monkeypatch.setattr(tables, "ENOUGH", TEST + 1)
    verdict = audit(dataset, [path]).verdicts[path.name]
    assert verdict.startswith("season alone answers .")
    assert re.search(rf"With only {TEST} questions, values are uncertain by up to ±\.0\d: differences below", verdict)


def test_training_questions_are_left_out_and_named(tmp_path: Path) -> None:
    dataset = world(tmp_path / "world")
    path = ask(dataset, "category")
    train = path.with_name("train-category.parquet")
    write_questions(pl.read_parquet(path), train, dataset.catalogue, dataset.outfits, split="train", seed="0")
    result = audit(dataset)
    assert list(result.scores) == [path.name]
    assert result.left_out == (train.name,)
    assert json.loads(result.to_json())["left_out"] == [train.name]
    printed = CliRunner().invoke(app, ["audit", str(dataset.path)])
    assert f"answers to training questions: {train.name}." in printed.stdout
    assert list(audit(dataset, [train]).scores) == [train.name]  # where it is named
    path.unlink()
    with pytest.raises(DataError, match="has no question files"):
        audit(dataset)


def test_floors_that_give_the_answers_away_are_no_mark_for_models() -> None:
    like = {"task": "fitb", "negatives": "category"}
    floors = {"chance": 0.25, "popularity": 0.3, "item pairs": 0.6, "records and ids": 0.995}
    scores = [made_score(name, value, floor=name, **like) for name, value in floors.items()]
    sentence = conclusion(scores)
    assert "other baselines to beat: memory of item pairs .600" in sentence
    assert sentence.endswith(
        "The answers are given away by all records and ids together .995 [.945, 1.045]: no mark for models."
    )


def test_a_data_set_without_questions_names_the_command_to_make_them(tmp_path: Path) -> None:
    dataset = world(tmp_path / "world")
    with pytest.raises(DataError, match=r"has no question files; make them with: goeswith questions .*world"):
        audit(dataset)


def test_questions_of_another_data_set_are_refused(tmp_path: Path) -> None:
    path = ask(world(tmp_path / "one"), "category")
    other = world(tmp_path / "two")
    renamed = pl.col("category").str.to_uppercase()
    other.catalogue.items.with_columns(renamed).write_parquet(other.path / "items.parquet")
    with pytest.raises(DataError, match="made from another catalogue"):
        audit(Dataset(other.path), [path])
