"""Scoreboard: what a training cost, as far as its history says it."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from made_scores import made_difference, made_score
from matplotlib.axes import Axes

from goeswith.evaluate.seeds import Mean
from goeswith.experiments.plots import COSTS, costs, differences
from goeswith.experiments.results import Comparison, Outcome, Row
from goeswith.experiments.scoreboard import _TRAINED, _training

WHAT = ("fitb", "matched", "accuracy")


def outcome(*epochs: dict[str, float], best: int = 2, seconds: float = 110.0) -> Outcome:
    """A training whose teacher took what the epochs did not."""
    return Outcome(1234, None, seconds, best, 0.6, list(epochs))


def epoch(seconds: float, pairs: float) -> dict[str, float]:
    return {"valid_auc": 0.6, "seconds": seconds, "pairs_per_second": pairs}


LONG = outcome(epoch(4, 100), epoch(3, 300), epoch(2, 200), epoch(1, 900))
OLD = outcome({"valid_auc": 0.5}, {"valid_auc": 0.6}, {"valid_auc": 0.5})


def row(name: str, *trainings: Outcome) -> Row:
    return Row(name, "model", {WHAT: Mean(made_score(name, 0.4), None)}, outcomes=trainings)


def test_seconds_to_the_best_epoch_leave_out_the_later_ones_and_keep_the_teacher():
    assert LONG.seconds_to_best == 107
    assert outcome(epoch(4, 100), epoch(3, 300)).seconds_to_best == 110
    assert LONG.pairs_per_second == 250


def test_a_history_without_seconds_has_a_dash_and_counts_for_nothing():
    assert OLD.seconds_to_best is None
    assert OLD.pairs_per_second is None
    cells = dict(zip(_TRAINED, _training(row("old", OLD)), strict=True))
    assert (cells["seconds"], cells["seconds to best"], cells["pairs/s"]) == ("110", "–", "–")
    cells = dict(zip(_TRAINED, _training(row("both", OLD, LONG)), strict=True))
    assert (cells["seconds"], cells["seconds to best"], cells["pairs/s"]) == ("110", "107", "250")


@pytest.mark.slow
@pytest.mark.parametrize("rows", [[row("new", LONG), row("old", OLD)], [row("old", OLD)]])
def test_a_cost_that_is_unknown_has_no_dot(rows: list[Row], tmp_path: Path):
    drawn = costs(rows, [WHAT], tmp_path / "costs.svg").read_text()
    assert drawn.count(">old<") == 1  # of parameters alone
    assert drawn.count(">new<") == len(COSTS) * (len(rows) - 1)


def test_bars_of_differences_stand_at_their_own_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    bars: list[tuple[list[int], list[float]]] = []
    monkeypatch.setattr(Axes, "barh", lambda self, rows, widths, **_: bars.append((list(rows), list(widths))))
    here, none = WHAT, ("compat", "matched", "auc")
    line = made_difference(0.2, 0.1, 0.3, 0.01)
    board = SimpleNamespace(comparisons=[Comparison("a", "floor", []), Comparison("a", "b", [line])])
    differences(board, [here, none], tmp_path / "differences.svg")  # the floor has no number, and nobody in the second
    assert bars == [([1], [0.2]), ([], [])]
    assert (tmp_path / "differences.svg").is_file()
