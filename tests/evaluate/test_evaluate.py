import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_questions import CATALOGUE, DATASET, labelled, question_rows, questions_of
from sklearn.metrics import roc_auc_score

from goeswith.data.questions import SCHEMA, Questions
from goeswith.errors import DataError, ModelError
from goeswith.evaluate.evaluate import Answers, Report, answer, compare, report, signature
from goeswith.scores import Score


class ByItem:
    """Scores an outfit by the value of its item of the highest row: the candidate, in the questions made here."""

    def __init__(self, values: np.ndarray, name: str = "by_item") -> None:
        self.values, self.name = values, name

    def score(self, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return self.values[np.where(mask, items, 0).max(axis=1)]


def measured(rows: list[dict[str, Any]], values: Any, name: str = "by_item") -> Report:
    full = np.zeros(30)
    full[10 : 10 + len(values)] = values
    return report(answer(ByItem(full, name), questions_of(rows)), DATASET)


def values_of(result: Report) -> dict[str, float]:
    return {line.metric: line.value for line in result.summary}


@pytest.mark.parametrize("position", [0, 3])
def test_a_constant_scorer_gets_exactly_chance_wherever_the_truth_is(position: int) -> None:
    result = measured(question_rows("fitb", 4, [position] * 7), [0.0] * 4)
    assert values_of(result) == {"accuracy": 0.25}
    assert (result.summary[0].low, result.summary[0].high) == (0.25, 0.25)
    position = min(position, 1)
    assert values_of(measured(question_rows("compat", 2, [position] * 7), [0.0] * 2)) == {"auc": 0.5, "pooled_auc": 0.5}
    assert values_of(measured(question_rows("triplet", 2, [position] * 7), [0.0] * 2)) == {"auc": 0.5}
    assert values_of(measured(labelled([1, 0, 1]), [0.0] * 3)) == {"pooled_auc": 0.5}


def test_retrieval_ranks_by_hand() -> None:
    result = measured(question_rows("retrieval", 8, [0, 2, 7, 4]), [8, 7, 6, 5, 4, 4, 4, 1])
    # ranks 1, 3, 8 and one of 5, 6, 7
    assert result.rows["mrr"].to_list() == pytest.approx([1, 1 / 3, 1 / 8, (1 / 5 + 1 / 6 + 1 / 7) / 3])
    assert result.rows["recall@1"].to_list() == [1, 0, 0, 0]
    assert result.rows["recall@5"].to_list() == pytest.approx([1, 1, 0, 1 / 3])
    assert result.rows["recall@10"].to_list() == [1, 1, 1, 1]
    assert values_of(result)["recall@5"] == pytest.approx(7 / 12)


def test_a_missing_score_counts_as_wrong_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    rows = question_rows("fitb", 4, [0, 1, 2])
    with caplog.at_level(logging.WARNING):
        result = measured(rows, [9, np.nan, 3, 1])
    assert "by_item gave no score for 3 of 12 outfits" in caplog.text
    assert result.rows["accuracy"].to_list() == [0, 0, 0]
    assert result.summary[0].unanswered == 3
    assert result.rows["answerable"].to_list() == [False] * 3
    silent = measured(question_rows("compat", 2, [0, 1]), [np.nan, np.nan])
    assert values_of(silent) == {"auc": 0.0, "pooled_auc": 0.0}
    ranked = measured(question_rows("retrieval", 4, [1, 2]), [9, np.nan, 3, 1])
    assert ranked.rows["mrr"].to_list() == pytest.approx([0, 1 / 3])  # the one without a score stands above


def test_a_headline_is_the_first_measure_and_compares_alike() -> None:
    rows = question_rows("compat", 2, [0, 1] * 6)
    answers = [
        answer(ByItem(np.random.default_rng(seed).normal(size=30), name), questions_of(rows))
        for seed, name in enumerate(("first", "other"))
    ]
    first, other = (report(each, DATASET) for each in answers)
    short, beside = (report(each, DATASET, headline=True) for each in answers)
    assert [score.metric for score in first.summary] == ["auc", "pooled_auc"]
    assert (short.summary, beside.summary) == (first.summary[:1], other.summary[:1])
    assert compare(short, beside) == compare(first, other)[:1]


def test_pooled_auc_is_sklearns_and_not_the_paired_one() -> None:
    random = np.random.default_rng(0)
    rows = question_rows("compat", 2, random.integers(0, 2, 60).tolist(), [f"o{q % 20}" for q in range(60)])
    questions = questions_of(rows)
    scores = random.integers(0, 9, 120).astype(float) + np.repeat(random.normal(size=60) * 9, 2).round()
    result = report(Answers("random", questions, scores), DATASET)
    good = np.zeros(120, dtype=bool)
    good[2 * np.arange(60) + questions.answers] = True
    pairs = (
        scores.reshape(60, 2)[np.arange(60), questions.answers]
        - scores.reshape(60, 2)[np.arange(60), 1 - questions.answers]
    )
    expected = {"auc": np.mean((pairs > 0) + (pairs == 0) / 2), "pooled_auc": roc_auc_score(good, scores)}
    assert values_of(result) == pytest.approx(expected)
    assert all(line.low < line.value < line.high for line in result.summary)


def test_labelled_outfits_have_one_score_each_and_pooled_auc_alone() -> None:
    result = measured(labelled([1, 0, 0, 1]), [4, 1, 3, 2])
    assert values_of(result) == {"pooled_auc": 0.75}
    assert result.rows["scores"].to_list() == [[4], [1], [3], [2]]
    assert result.rows["auc"].null_count() == 4


def test_labels_of_one_kind_are_refused() -> None:
    with pytest.raises(DataError, match="all 3 labels of the official compat questions are the same"):
        measured(labelled([1, 1, 1]), [1, 2, 3])


def test_a_file_of_several_tasks_has_a_line_for_each() -> None:
    rows = question_rows("fitb", 4, [0, 1]) + question_rows("fitb", 4, [2], negatives="random", start=9)
    rows += question_rows("triplet", 2, [0, 1])
    result = measured(rows, [4, 3, 2, 1])
    lines = [(line.task, line.negatives, line.metric, line.value, line.n) for line in result.summary]
    assert lines == [
        ("fitb", "category", "accuracy", 0.5, 2),
        ("fitb", "random", "accuracy", 0.0, 1),
        ("triplet", "category", "auc", 0.5, 2),
    ]
    assert result.rows["accuracy"].to_list() == [1, 0, 0, None, None]
    assert result.rows["auc"].to_list() == [None, None, None, 1, 0]
    assert [line.signature.split("|")[4] for line in result.summary] == ["c4", "c4", "c2"]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(-6, 6), min_size=12, max_size=12), st.lists(st.integers(0, 5), min_size=3, max_size=9))
def test_a_monotone_transform_and_the_order_of_candidates_change_nothing(values: list[int], truths: list[int]) -> None:
    for task in ("retrieval", "compat"):
        plain = values_of(measured(question_rows(task, 12, truths), values))
        bent = values_of(measured(question_rows(task, 12, truths), np.exp(np.array(values)) * 3 - 7))
        assert bent == plain
        turned = values_of(measured(question_rows(task, 12, [11 - truth for truth in truths]), values[::-1]))
        assert turned == pytest.approx(plain)


def test_scores_go_to_their_own_question(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = question_rows("fitb", 4, [1, 2]) + labelled([1, 0]) + question_rows("retrieval", 3, [0])
    values = np.arange(30.0)
    progress: list[tuple[int, int]] = []
    answers = answer(ByItem(values), questions_of(rows), lambda done, total: progress.append((done, total)))
    assert answers.scores.tolist() == [10, 11, 12, 13] * 2 + [10, 11] + [10, 11, 12]
    assert progress == [(13, 13)]
    blocks = Questions.blocks
    monkeypatch.setattr(Questions, "blocks", lambda self: blocks(self, 5))
    assert np.array_equal(answer(ByItem(values), questions_of(rows)).scores, answers.scores)


def test_bad_scorers_and_empty_files_are_refused() -> None:
    class Flat(ByItem):
        def score(self, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
            return np.zeros(1)

    with pytest.raises(ModelError, match=r"flat gave scores of shape \(1,\) for 8 outfits"):
        answer(Flat(np.zeros(30), "flat"), questions_of(question_rows("fitb", 4, [0, 1])))
    with pytest.raises(DataError, match="the table has no questions; make some"):
        answer(ByItem(np.zeros(30)), questions_of([]))


def test_the_signature_names_everything_and_follows_the_questions() -> None:
    rows = question_rows("fitb", 4, [0, 1], negatives="matched")
    whole = signature(questions_of(rows), DATASET, "fitb", "matched")
    assert whole.startswith("world:0123456789ab|test|fitb|matched|c4|seed0|goeswith")
    assert whole == signature(questions_of(rows), DATASET, "fitb", "matched")
    other = signature(questions_of(question_rows("fitb", 4, [0, 2], negatives="matched")), DATASET, "fitb", "matched")
    assert whole.split("|")[:-1] == other.split("|")[:-1]
    assert whole != other
    silent = Questions.from_frame(pl.DataFrame(labelled([1, 0]), schema=SCHEMA), CATALOGUE)
    assert "|-|compat|official|c1|seed-|" in signature(silent, DATASET, "compat", "official")


def many(seed: int, skill: float, name: str, task: str = "compat") -> Report:
    """300 questions on 100 outfits; the truth is ahead by `skill` on average."""
    random = np.random.default_rng(99)
    right = random.integers(0, 2, 300)
    questions = questions_of(question_rows(task, 2, right.tolist(), [f"o{q % 100}" for q in range(300)]))
    scores = np.random.default_rng(seed).normal(size=(300, 2))
    scores[np.arange(300), right] += skill
    return report(Answers(name, questions, scores.ravel()), DATASET)


def test_a_paired_comparison_is_symmetrical_and_knows_who_is_better() -> None:
    good, poor = many(0, 1.0, "good"), many(1, 0.3, "poor")
    forth, back = compare(good, poor), compare(poor, good)
    assert [line.metric for line in forth] == ["auc", "pooled_auc"]
    for ahead, behind in zip(forth, back, strict=True):
        assert ahead.difference == pytest.approx(values_of(good)[ahead.metric] - values_of(poor)[ahead.metric])
        assert (ahead.difference, ahead.p) == (-behind.difference, behind.p)
        assert (ahead.low, ahead.high) == pytest.approx((-behind.high, -behind.low))
        assert ahead.low > 0
        assert ahead.p < 0.01
        assert (ahead.scorer, ahead.against) == ("good", "poor")
        assert ahead.signature == good.summary[0].signature


def test_a_comparison_with_itself_finds_nothing() -> None:
    for line in compare(many(0, 0.5, "a"), many(0, 0.5, "b")):
        assert (line.difference, line.low, line.high, line.p) == (0, 0, 0, 1)


@pytest.mark.slow
def test_equal_skill_is_rarely_called_a_difference() -> None:
    pairs = [(many(seed, 0.5, "a", "triplet"), many(seed + 1000, 0.5, "b", "triplet")) for seed in range(40)]
    assert sum(compare(*pair)[0].p < 0.05 for pair in pairs) <= 6


def test_reports_on_other_questions_are_not_compared() -> None:
    rows = question_rows("fitb", 4, [0, 1])
    with pytest.raises(DataError, match="by_item and other did not answer the same questions"):
        compare(measured(rows, [1, 2, 3, 4]), measured(question_rows("fitb", 4, [0, 2]), [1, 2, 3, 4], "other"))


def test_a_report_is_written_whole_and_read_back(tmp_path: Path) -> None:
    result = measured(question_rows("fitb", 4, [0, 1, 2]), [1, 3, 2, 0])
    result.write(tmp_path / "runs" / "rows.parquet")
    assert pl.read_parquet(tmp_path / "runs" / "rows.parquet").equals(result.rows)
    with open(tmp_path / "runs" / "rows.parquet", "rb") as file:
        assert [Score.from_dict(x) for x in json.loads(pl.read_parquet_metadata(file)["summary"])] == result.summary
    assert json.loads(result.to_json()) == {"scorer": "by_item", "summary": [x.to_dict() for x in result.summary]}
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["rows.parquet"]
