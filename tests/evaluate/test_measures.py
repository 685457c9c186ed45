import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from goeswith.errors import ConfigError
from goeswith.evaluate.measures import MEASURES, POOLED, Measure, Ranks

NAMES = ["accuracy", "auc", "mrr", "recall@1", "recall@2", "recall@5"]


def ranks(above: int, equal: int, wrong: int, missing: bool = False) -> Ranks:
    return Ranks(np.array([above]) * 1.0, np.array([equal]) * 1.0, np.array([wrong]) * 1.0, np.array([missing]))


def over_every_order(name: str, above: int, equal: int, wrong: int) -> float:
    """The mean of the plain measure over every rank that the truth can have among its ties."""
    values = []
    for rank in range(above + 1, above + equal + 2):
        plain = {"accuracy": rank == 1, "auc": (wrong + 1 - rank) / wrong, "mrr": 1 / rank}
        values.append(plain[name] if name in plain else rank <= int(name.removeprefix("recall@")))
    return float(np.mean(values))


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
def test_ties_count_by_expectation(above: int, equal: int, below: int) -> None:
    wrong = max(above + equal + below, 1)
    for name in NAMES:
        value = Measure.parse(name)(ranks(above, equal, wrong))[0]
        assert value == pytest.approx(over_every_order(name, above, equal, wrong), abs=1e-12)


@pytest.mark.parametrize(("wrong", "expected"), [(3, 0.25), (1, 0.5), (9, 0.1)])
def test_a_constant_scorer_gets_exactly_chance(wrong: int, expected: float) -> None:
    all_equal = ranks(0, wrong, wrong)
    assert Measure("accuracy")(all_equal)[0] == expected
    assert Measure("recall", 1)(all_equal)[0] == expected
    assert Measure("auc")(all_equal)[0] == 0.5
    assert Measure("mrr")(all_equal)[0] == pytest.approx(sum(1 / rank for rank in range(1, wrong + 2)) / (wrong + 1))


def test_a_missing_truth_gets_nothing() -> None:
    assert [Measure.parse(name)(ranks(0, 0, 3, missing=True))[0] for name in NAMES] == [0.0] * len(NAMES)


def test_measures_print_as_they_are_typed() -> None:
    for measure in itertools.chain(*MEASURES.values()):
        assert Measure.parse(str(measure)) == measure
    assert str(Measure("recall", 10)) == "recall@10"


@pytest.mark.parametrize("text", ["hits", "recall", "recall@0", "recall@", "auc@3", "AUC", ""])
def test_an_unknown_measure_is_named(text: str) -> None:
    with pytest.raises(ConfigError, match=f"no measure '{text}'"):
        Measure.parse(text)


def test_pooled_auc_is_not_one_questions() -> None:
    with pytest.raises(ConfigError, match="pooled_auc is measured over a whole file"):
        POOLED(ranks(0, 0, 1))
