"""Scores of other programs: each to its own candidate, complete or counted, in one table with our own models."""

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from made_questions import DATASET, labelled, question_rows, questions_of
from worlds import styles_dataset

from goeswith.cli import main as cli
from goeswith.data.dataset import Dataset
from goeswith.data.freeze import freeze
from goeswith.data.questions import Questions, read_questions
from goeswith.errors import ConfigError, DataError
from goeswith.evaluate.evaluate import Answers, report
from goeswith.evaluate.evaluation import evaluate
from goeswith.evaluate.external import ExternalScores, read_answers

FITB = question_rows("fitb", 4, [0, 2, 3])
TABLE = FITB + labelled([1, 0])


def answer_rows(questions: Questions, scores: np.ndarray, key: str) -> list[dict[str, Any]]:
    """What an outside program would write, by a naive loop over the question table."""
    rows, values = [], iter(scores.tolist())
    for question in questions.frame.iter_rows(named=True):
        for index, item in enumerate(question["candidates"] or [None]):
            key_value = None if item is None else {"candidate": item, "place": index}[key]
            rows.append({"question_id": question["question_id"], key: key_value, "score": next(values)})
    return rows


def written(folder: Path, rows: list[dict[str, Any]], kind: str = "csv") -> Path:
    path, table = folder / f"theirs.{kind}", pl.DataFrame(rows, infer_schema_length=None)
    _ = table.write_csv(path) if kind == "csv" else table.write_parquet(path)
    return path


def by_item(path: Path, *tables: list[dict[str, Any]], allow: bool = False) -> ExternalScores:
    return read_answers(path, [questions_of(table) for table in tables or (TABLE,)], allow_incomplete=allow)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("key", ["candidate", "place"])
def test_each_score_goes_to_its_own_candidate_whatever_the_order(tmp_path: Path, key: str, kind: str) -> None:
    questions = questions_of(TABLE)
    scores = np.random.default_rng(0).normal(size=14)
    rows = answer_rows(questions, scores, key)
    path = written(tmp_path, [rows[row] for row in np.random.default_rng(1).permutation(14)], kind)
    result = read_answers(path, [questions])
    assert np.array_equal(result.answers[0].scores, scores)
    assert result.counts == {"missing": 0, "not finite": 0, "unknown questions": 0, "unknown candidates": 0}
    assert report(result.answers[0], DATASET).summary == report(Answers("theirs", questions, scores), DATASET).summary


def test_one_file_can_answer_several_question_files(tmp_path: Path) -> None:
    parts = [questions_of(table) for table in (FITB, labelled([1, 0, 1]), question_rows("triplet", 2, [0, 1]))]
    scores = [np.arange(12.0), np.arange(3.0), np.arange(4.0)]
    rows = [row for pair in zip(parts, scores, strict=True) for row in answer_rows(*pair, key="place")]
    result = read_answers(written(tmp_path, rows[::-1]), parts)
    assert [answers.scores.tolist() for answers in result.answers] == [part.tolist() for part in scores]
    with pytest.raises(DataError, match="question 'fitb-category-0' is in two of the question files; ask one"):
        read_answers(written(tmp_path, rows), [parts[0], parts[0]])


def test_labelled_outfits_need_neither_candidate_nor_place(tmp_path: Path) -> None:
    rows = [{"question_id": "l1", "score": 2}, {"question_id": "l0", "score": 5}]
    assert by_item(written(tmp_path, rows, "parquet"), labelled([1, 0])).answers[0].scores.tolist() == [5, 2]
    with pytest.raises(DataError, match=r"add a column 'candidate' .* or 'place' .* question 'fitb-category-0' has"):
        by_item(written(tmp_path, rows))


def test_an_incomplete_file_is_refused_in_one_sentence_and_counted_where_allowed(tmp_path: Path) -> None:
    rows = answer_rows(questions_of(TABLE), np.arange(14.0), "candidate")
    rows[2]["score"], rows[5]["score"] = float("nan"), None
    rows[7]["candidate"] = "i29"
    path = written(tmp_path, [*rows[:12], {"question_id": "l9", "candidate": None, "score": 1.0}])
    with pytest.raises(DataError) as refused:
        by_item(path)
    assert str(refused.value) == (
        f"{path} does not fit the questions: it has 3 of 14 scores missing (first: question 'fitb-category-1', "
        "candidate 'i13'), 2 scores without a finite number (first: row 4, question 'fitb-category-0', "
        "candidate 'i12'), 1 row with a question that is not asked (first: row 14, question 'l9'), "
        "1 row with a candidate that the question does not offer (first: row 9, question 'fitb-category-1', "
        "candidate 'i29'); fix it, name the question files it is about with --questions, or use --allow-incomplete: "
        "missing scores then count as wrong and other rows are ignored"
    )
    result = by_item(path, allow=True)
    assert result.counts == {"missing": 3, "not finite": 2, "unknown questions": 1, "unknown candidates": 1}
    expected = [0, 1, np.nan, 3, 4, np.nan, 6, np.nan, 8, 9, 10, 11, np.nan, np.nan]
    assert np.array_equal(result.answers[0].scores, expected, equal_nan=True)
    measured = report(by_item(path, FITB, allow=True).answers[0], DATASET)
    assert measured.rows["accuracy"].to_list() == [0, 0, 1]  # a truth is never helped by what is missing
    assert measured.summary[0].unanswered == 2


def test_infinite_scores_are_not_taken_for_numbers(tmp_path: Path) -> None:
    rows = answer_rows(questions_of(FITB), np.where(np.arange(12) == 4, -np.inf, 1.0), "place")
    for kind, row in {"csv": 6, "parquet": 5}.items():  # the header of a CSV file is a row of it
        path = written(tmp_path, rows, kind)
        with pytest.raises(DataError, match=rf"1 score without a finite number \(first: row {row}, .*1', place 0\)"):
            by_item(path, FITB)
        assert by_item(path, FITB, allow=True).counts["not finite"] == 1


def test_a_file_that_passed_through_floats_says_the_same(tmp_path: Path) -> None:
    plain = (
        by_item(written(tmp_path, answer_rows(questions_of(FITB), np.arange(12.0), "place")), FITB).answers[0].scores
    )
    rows = answer_rows(questions_of(FITB), np.arange(12.0), "place")
    lines = [f"{row['question_id']};{row['place']:.1f};{row['score']:.1f}".replace(".", ",") for row in rows]
    path = tmp_path / "floats.csv"
    path.write_text("\n".join(["question_id;place;score", *lines[:6], "", *lines[6:], ""]))
    assert by_item(path, FITB).answers[0].scores.tolist() == plain.tolist()
    path.write_text("question_id,place,score\n\nfitb-category-0,0.5,1\n")
    with pytest.raises(DataError, match=r"row 3: place = '0\.5' is not a whole number"):
        by_item(path, FITB)


HEAD = "question_id,candidate,score"


@pytest.mark.parametrize("allow", [False, True])
@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (["question_id,candidate", "a,i1"], "has no column 'score' (it has question_id, candidate); scores are a table "
         "of question_id, candidate and score: add a column 'score'"),
        (["id,candidate,score", "a,i1,2"], "has no column 'question_id'"),
        (["id,candidate,score", "a,i1,2"], "candidate and score: rename 'id' to 'question_id'"),
        (["question_id,candidate,place,score", "a,i1,0,2"], "has the columns 'candidate' and 'place'; keep one"),
        ([HEAD, "fitb-category-0,i10,1", "x,i10,high"], ", row 3: score = 'high' is not a number; fix the row"),
        (["question_id,place,score", "fitb-category-0,i10,1"], ", row 2: place = 'i10' is not a whole number"),
        ([HEAD, "fitb-category-0,i10,1", "l0,,1", "fitb-category-0,i10,1", "l0,,2"],
         ", row 4: question 'fitb-category-0', candidate 'i10' has a score in row 2 already; keep one of them "
         "(there are 2 such rows)"),
        ([HEAD, "l0,,1", "l0,,2"], ", row 3: question 'l0' has a score in row 2 already"),
        ([HEAD, "fitb-category-0,i29,1"], "answers none of the 5 questions; name the files it is about"),
        ([HEAD], "answers none of the 5 questions"),
    ],
)  # fmt: skip
def test_what_is_no_table_of_scores_is_refused_allowed_or_not(
    tmp_path: Path, lines: list[str], sentence: str, allow: bool
) -> None:
    path = tmp_path / "theirs.csv"
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError) as refused:
        by_item(path, allow=allow)
    assert str(refused.value).startswith(str(path))
    assert sentence in str(refused.value)


def test_columns_of_lists_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, [{"question_id": "l0", "score": [1.0]}], "parquet")
    with pytest.raises(DataError, match=r"column 'score': it holds List.*, which is neither text nor numbers"):
        by_item(path)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    made = styles_dataset(tmp_path_factory.mktemp("world"))
    plan = [("fitb", "category"), ("compat", "category")]
    freeze(made.catalogue, made.outfits, made.path / "questions", dataset=made.name, prefix="", plan=plan)
    return made


def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *args: object) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["goeswith", *map(str, args)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    heard = capsys.readouterr()
    return int(ended.value.code or 0), heard.out, heard.err


@pytest.mark.slow
def test_others_stand_in_the_table_with_runs_and_floors(
    world: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from goeswith.train.training import train

    files = sorted((world.path / "questions").glob("test-*.parquet"))
    tables = [read_questions(file, world.catalogue) for file in files]
    right = [question["answer"] == index for questions in tables for question in questions.frame.iter_rows(named=True)
             for index in range(len(question["candidates"]))]  # fmt: skip
    sizes = [int(questions.score_offsets[-1]) for questions in tables]
    parts = np.split(np.array(right, float), [sizes[0]])
    rows = [row for pair in zip(tables, parts, strict=True) for row in answer_rows(*pair, key="candidate")]
    perfect = written(tmp_path, rows)
    flat = written(tmp_path, [row | {"score": 0} for row in rows], "parquet")
    code, out, err = shell(monkeypatch, capsys, "evaluate", world.path, "--scores", perfect, "--scores", flat, "--json")
    assert code == 0, err
    heard = json.loads(out)
    names = ["-".join(path.parts).lstrip("/-") for path in (perfect, flat)]  # theirs.csv, theirs.parquet: told apart
    values = {(line["scorer"], line["metric"]): line["value"] for line in heard["summary"]}
    assert [values[name, "accuracy"] for name in names] == [1.0, 0.25]
    assert [values[name, "auc"] for name in names] == [1.0, 0.5]
    assert values["chance", "accuracy"] == 0.25
    first = {"accuracy", "auc"}  # of each kind of questions the measure by which a floor is the strongest
    floored = {(line["scorer"], line["metric"]): line["value"] for line in heard["summary"]}
    floored = {key: value for key, value in floored.items() if key[0] not in names and key[1] in first}
    best = {metric: max(value for (_, other), value in floored.items() if other == metric) for metric in first}
    compared = [line for line in heard["compared"] if line["metric"] in first]
    assert {line["scorer"] for line in compared} == {names[0]}
    assert sum(line["against"] == names[1] for line in compared) == len(compared) / 2 == len(files)
    for line in compared:
        assert line["p"] < 0.01
        if line["against"] != names[1]:
            assert floored[line["against"], line["metric"]] == best[line["metric"]]
            assert line["difference"] == pytest.approx(1 - best[line["metric"]])

    settings = ("hidden=6", "attributes=2", "epochs=1", "batch_size=64", "negatives=category")
    run = train("add-gnn", world, tmp_path / "run", settings=settings).path
    some = written(tmp_path, rows[: sizes[0] - 1])
    call = ("evaluate", run, world.path, "--scores", some, "--questions", files[0])
    code, _, err = shell(monkeypatch, capsys, *call)
    assert code == 1
    assert f"theirs.csv does not fit the questions: it has 1 of {sizes[0]} scores missing" in err
    assert err.count("\n") == 1
    code, out, _ = shell(monkeypatch, capsys, *call, "--allow-incomplete", "--rows", tmp_path / "rows")
    assert code == 0
    assert "\nrun − theirs\n" in out
    assert re.search(r"\ncompat category auc +[+−]", out)
    assert re.search(r"\ntheirs: 1 of \d+ without an answer, which counts as wrong \(compat category auc\)\n", out)
    assert out.endswith("theirs.csv is not complete: 1 missing\n")
    assert sorted(path.name for path in (tmp_path / "rows").iterdir()) == [
        f"{name}-{files[0].stem}.parquet" for name in ("run", "theirs")
    ]
    code, out, _ = shell(monkeypatch, capsys, "evaluate", world.path, "--scores", flat, "--against", run)
    assert code == 0
    assert "\ntheirs − run\n" in out
    assert re.search(r"\nfitb category accuracy +−", out)


def test_python_measures_what_the_command_does(
    world: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = min((world.path / "questions").glob("test-*.parquet"))
    questions = read_questions(file, world.catalogue)
    flat = written(tmp_path, answer_rows(questions, np.zeros(int(questions.score_offsets[-1])), "place")[1:])
    measured = evaluate(world, scores=[flat, str(flat)], questions=[file], allow_incomplete=True)
    assert measured.outside[0].counts["missing"] == 1
    assert [each.scorer for each in measured.reports[file.stem]] == ["theirs"]  # one file named twice
    assert not measured.retrieval
    line, *_ = measured.compared
    floors = {score.scorer: score.value for score in measured.summary if score.column == line.column}
    own = floors.pop("theirs")
    assert line.against == max(floors, key=lambda name: floors[name])
    assert line.difference == pytest.approx(own - floors[line.against])
    (tmp_path / "copy").mkdir()
    other = max((world.path / "questions").glob("test-*.parquet"))
    both = [file, shutil.copy(other, tmp_path / "copy" / file.name)]
    twice = evaluate(world, scores=[flat], questions=both, allow_incomplete=True)
    assert list(twice.reports) == [file.stem, f"{file.stem}-2"]
    twice.write_rows(tmp_path / "answers")
    assert len(list((tmp_path / "answers").iterdir())) == 2
    call = ("evaluate", world.path, "--scores", flat, "--questions", file, "--allow-incomplete", "--json")
    assert shell(monkeypatch, capsys, *call)[1].strip() == measured.to_json()
    with pytest.raises(ConfigError, match="there is nothing to evaluate; give a run, or files of scores"):
        evaluate(world)


@pytest.mark.parametrize("args", [["d"], ["a", "b", "c"], ["r", "d", "--allow-incomplete"]])
def test_wrong_usage_ends_with_2(
    args: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shell(monkeypatch, capsys, "evaluate", *args)[0] == 2
