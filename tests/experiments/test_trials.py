"""Lab: trials become the runs that their command lines name; the exam compares what was answered."""

import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from worlds import styles_dataset

from goeswith.data.dataset import Dataset
from goeswith.data.freeze import make_questions
from goeswith.data.questions import Questions
from goeswith.experiments import trials as module
from goeswith.experiments.trials import Exam, Lab, Trial
from goeswith.models.floors import fit_floors


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Outfits whose items share a hidden style."""
    return styles_dataset(tmp_path_factory.mktemp("lab"))


def test_a_command_line_asks_for_the_run_that_was_trained(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    asked: list[dict[str, Any]] = []

    def train(model: str, data: Dataset, out: Path, **more: Any) -> Any:
        asked.append({"model": model, "data": f"{data.path}#{data.outfit_source}", "out": str(out)} | more)
        result = {"valid_auc": 0.5, "best_epoch": 1, "epochs": 2, "seconds": 3.0, "history": [{"valid_auc": 0.5}]}
        return SimpleNamespace(config={"result": result})

    monkeypatch.setattr(module, "train", train)
    said: list[str] = []
    out = tmp_path / "my runs"
    made = Lab(dataset.path, out, "made", {"teacher": ("rank=8",), "add-gnn": ("hidden=8",)}, said.append)
    made.train([Trial("t", "the teacher", model="teacher", data="designers")])
    made.train([Trial("s", "taught", teacher="t", settings=("carry=masks",)), Trial("u", "fresh", teacher="designers")])
    assert [ask["teacher"] for ask in asked] == [None, str(out / "t"), f"{dataset.path}#designers"]
    for ask, command in zip(asked, made.commands(), strict=True):
        words = shlex.split(command)
        assert words[:4] == ["goeswith", "train", ask["model"], ask["data"]]
        options = list(zip(words[4::2], words[5::2], strict=True))
        assert [value for flag, value in options if flag == "--set"] == ask["settings"]
        assert dict(options).get("--teacher") == ask["teacher"]
        assert dict(options)["--out"] == ask["out"]
    assert said[0] == "the teacher: validation AUC 0.500, best epoch 1 of 2, 3 s"
    assert list(made.curves("teacher")) == ["the teacher"]
    assert list(made.curves("add-gnn")) == ["taught", "fresh"]


class Style:
    """Counts the items that share the style of the first: the truth of this world, or its opposite."""

    def __init__(self, sign: int = 1) -> None:
        self.name, self.sign = "style", sign

    def score(self, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Scores (B,)."""
        style = items // 12 % 4
        return self.sign * (np.where(mask, style, style[:, :1]) == style[:, :1]).mean(axis=1)


@pytest.fixture(scope="module")
def exam(dataset: Dataset) -> Exam:
    """The truth, its opposite, and two floors, on compat and FITB questions."""
    usable = np.ones(len(dataset.catalogue), bool)
    files = [
        Questions.from_frame(
            make_questions(dataset.catalogue, dataset.outfits, "test", task, "category", usable=usable)[0],
            dataset.catalogue, {"split": "test"},
        )
        for task in ("fitb", "compat")
    ]  # fmt: skip
    exam = Exam(dataset, files)
    floors = fit_floors(dataset.catalogue, dataset.outfits.split("train"))
    exam.take(floors["chance"], "chance", "floor")
    exam.take(floors["item_pairs"], "item pairs", "floor")
    exam.take(Style(), "the truth", "model", "a note")
    exam.take(Style(-1), "its opposite", "model")
    return exam


def test_everything_measured_stands_under_the_name_it_was_taken_by(exam: Exam):
    assert {line["scorer"] for line in exam.lines} == {"chance", "item pairs", "the truth", "its opposite"}
    assert exam.headline(exam.entries[0].lines)["value"] == 0.25
    assert exam.headline(exam.entries[2].lines)["metric"] == "accuracy"


def test_the_strongest_of_a_kind_is_the_best_at_the_headline(exam: Exam):
    assert exam.strongest("floor") == "item pairs"
    assert exam.strongest("model") == "the truth"


def test_comparisons_name_both_and_have_the_sign_of_the_first(exam: Exam):
    line = exam.headline(exam.compare("the truth", "its opposite"))
    assert (line["scorer"], line["against"]) == ("the truth", "its opposite")
    assert line["low"] > 0
    back = exam.headline(exam.compare("its opposite", "the truth"))
    assert back["difference"] == -line["difference"]


def test_the_paper_holds_the_headline_questions(exam: Exam):
    told, questions = exam.paper("the truth")
    assert told.scorer == "style"
    assert set(questions.frame["task"]) == {"fitb"}
    assert told.rows["question_id"].to_list() == questions.frame["question_id"].to_list()
