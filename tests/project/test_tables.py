"""Tables: numbers and their words come out as they went in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_scores import made_difference, made_score

from goeswith.errors import DataError
from goeswith.scores import Score
from goeswith.tables import (
    chance,
    difference,
    few_questions,
    headlines,
    long_table,
    markdown,
    plain,
    question_tables,
    signed,
    title,
    value,
    wide_table,
)


def line(scorer: str = "add-gnn", negatives: str = "matched", number: float = 0.731, **more: object) -> Score:
    ends = {"low": number - 0.03, "high": number + 0.03, "signature": f"sample|{negatives}"}
    return made_score(scorer, number, negatives=negatives, **ends | more)


def test_numbers_have_their_sign_and_their_interval():
    compared = made_difference(-0.0314, -0.06, 0.0049, 0.0181)
    assert value(line()) == "0.731 [0.701, 0.761]"
    assert difference(compared) == "−0.031 [−0.060, +0.005], p = 0.018"
    assert (signed(0.5, 1), signed(-0.5, 1), chance(0.0009)) == ("+0.5", "−0.5", "p < 0.001")


def test_a_long_table_keeps_every_number_and_its_signature():
    head, rows = long_table([line(), line(negatives="random", number=0.9, unanswered=3)])
    cells = dict(zip(head, rows[1], strict=True))
    assert cells["negatives"] == "random"
    assert cells["value"] == "0.9000"
    assert cells["95 %"] == "0.8700–0.9300"
    assert cells["unanswered"] == "3"
    assert [row[-1] for row in rows] == ["sample|matched", "sample|random"]


def test_a_wide_table_puts_scorers_side_by_side():
    head, rows = wide_table([line("a"), line("a", "random", 0.9), line("b")])
    assert head == ["scorer", "fitb matched accuracy", "fitb random accuracy"]
    assert rows == [
        ["a", "0.731 [0.701, 0.761]", "0.900 [0.870, 0.930]"],
        ["b", "0.731 [0.701, 0.761]", "–"],
    ]
    assert wide_table([line("a"), line("a", "random")], [("fitb", "random", "accuracy")])[0][1:] == [
        "fitb random accuracy"
    ]


def test_tables_of_questions_have_first_measures_a_column_a_kind_and_a_table_a_file():
    every = []
    for scorer in ("floor", "run"):
        every += [
            line(scorer, task="compat", metric="auc", signature="c"),
            line(scorer, task="compat", metric="pooled_auc", signature="c"),
            line(scorer, "random", 0.9, task="compat", metric="auc", signature="r"),
            line(scorer, task="compat", metric="auc", signature="again"),
            line(scorer, "group", task="retrieval", metric="mrr"),
            line(scorer, "group", task="retrieval", metric="recall@10"),
            line(scorer, "group", task="retrieval", metric="other:Ours"),
            line(scorer, "user", task="compat", metric="pooled_auc", signature="labelled"),
        ]
    tables = question_tables(every)
    number = "0.731 [0.701, 0.761]"
    assert tables["Compatibility, AUC"] == (
        ["", "matched", "random"],
        [[scorer, number, "0.900 [0.870, 0.930]"] for scorer in ("floor", "run")],
    )
    assert tables["Compatibility, AUC, file 2"][0] == ["", "matched"]
    assert tables["Compatibility, pooled AUC"][0] == ["", "user"]
    assert {*tables} >= {"Retrieval, MRR", "Retrieval, other:Ours"}
    assert len(tables) == 5
    assert question_tables([*every, *every]) == tables


def test_numbers_of_different_questions_never_stand_in_one_column():
    with pytest.raises(DataError, match=r"measured on different questions \(sample\|matched and other\)"):
        wide_table([line("a"), line("b", signature="other")])
    with pytest.raises(DataError, match="a has two numbers for Fill in the blank accuracy, matched negatives"):
        wide_table([line("a"), line("a", number=0.1)])


def test_headlines_are_on_the_hardest_negatives_of_each_task():
    lines = [line(negatives=kind) for kind in ("random", "matched", "category")]
    lines += [line(negatives="random", task="compat", metric=metric) for metric in ("auc", "pooled_auc")]
    assert headlines(lines) == [("compat", "random", "auc"), ("fitb", "matched", "accuracy")]
    assert headlines([]) == []
    assert title(("compat", "official", "pooled_auc")) == "Compatibility pooled AUC, published questions"


def test_few_questions_are_called_noise():
    enough = [line(), line(n=100)]
    assert few_questions(enough) == few_questions([line(n=99, low=None, high=None)]) == ""
    few = [line(n=60), line(n=80, low=0.6, high=0.85), line(n=20, low=None, high=None)]
    assert few_questions([*enough, *few]) == (
        "With only 80 questions, values are uncertain by up to ±.12: differences below that may be noise."
    )
    assert "With only 2 questions, values are uncertain by up to ±.50:" in few_questions([line(n=2, low=1.0, high=1.0)])


def test_plain_columns_align_with_numbers_to_the_right():
    assert plain(["scorer", "value"], [["chance", "0.5"], ["x", "–"], ["add-gnn", "0.7312"]]).splitlines() == [
        "scorer    value",
        "-------  ------",
        "chance      0.5",
        "x             –",
        "add-gnn  0.7312",
    ]


CELL = st.text("|\\ a5\n", max_size=8)


@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=4))
def test_no_cell_can_break_a_markdown_table(rows: list[tuple[str, str]]):
    lines = markdown(["one", "two"], rows).splitlines()
    assert len(lines) == 2 + len(rows)
    for text in lines:
        bars = text.replace("\\\\", "").replace("\\|", "").count("|")
        assert bars == 3, text


def test_markdown_is_the_same_table():
    assert markdown(["scorer", "value"], [["a|b", "0.5"]]) == "| scorer | value |\n| --- | ---: |\n| a\\|b | 0.5 |\n"
