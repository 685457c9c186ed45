"""Clicks: rates and differences whose intervals are honest, and lists of two models that are fair to both."""

from collections import Counter

import numpy as np
import pytest

from goeswith.evaluate.clicks import gap, rate, team_draft, wins


def test_a_rate_has_the_interval_of_wilson() -> None:
    """As in the example of R's ``prop.test(15, 148, correct = FALSE)``, and at the ends, where others fail."""
    result = rate(15, 148)
    assert (result.rate, result.low, result.high) == pytest.approx((0.101351, 0.062386, 0.160481), abs=1e-5)
    assert (rate(0, 10).low, rate(10, 10).high) == pytest.approx((0.0, 1.0))
    assert 0.25 < rate(0, 10).high < 0.31


def test_a_gap_is_that_of_the_rates_and_is_drawn_by_sessions() -> None:
    sessions = np.array([[2, 4, 0, 0], [0, 0, 1, 4], [1, 4, 0, 0], [0, 0, 0, 4]] * 25)
    result = gap(sessions)
    assert result is not None
    assert result.difference == pytest.approx(3 / 8 - 1 / 8)
    assert (result.sessions, result.low < result.difference < result.high) == (100, True)
    plain = np.random.default_rng(0)  # the same by a loop over draws of whole sessions
    naive = []
    for _ in range(2000):
        drawn = sessions[plain.integers(len(sessions), size=len(sessions))].sum(axis=0)
        naive.append(drawn[0] / drawn[1] - drawn[2] / drawn[3])
    assert (result.low, result.high) == pytest.approx(tuple(np.quantile(naive, [0.025, 0.975])), abs=0.015)
    assert gap(sessions) == result
    assert gap(np.array([[1, 2, 0, 0]])) is None
    assert gap(np.empty((0, 4))) is None


@pytest.mark.slow
def test_where_nothing_differs_the_interval_holds_0_in_95_of_100() -> None:
    """Clicks of one session hang together, as some people click on everything: looks alone give too narrow a one."""
    random, held, naive = np.random.default_rng(1), 0, 0
    for number in range(200):
        taste = random.beta(0.6, 3.0, 300)
        shown = random.integers(1, 9, 300)
        clicked, arm = random.binomial(shown, taste), random.random(300) < 0.3
        counts = np.stack([clicked * arm, shown * arm, clicked * ~arm, shown * ~arm], axis=1)
        result = gap(counts, seed=number, draws=300)
        assert result is not None
        held += result.low <= 0 <= result.high
        looks = [rate(int(clicked[group].sum()), int(shown[group].sum())) for group in (arm, ~arm)]
        half = sum(((look.high - look.low) / 2) ** 2 for look in looks) ** 0.5
        naive += abs(result.difference) <= half
    assert 0.91 <= held / 200 <= 0.98
    assert naive / 200 < 0.88


def test_a_difference_that_is_there_is_found() -> None:
    random = np.random.default_rng(2)
    arm = np.arange(2000) % 2 == 0
    clicked = random.binomial(3, np.where(arm, 0.2, 0.1))
    result = gap(np.stack([clicked * arm, 3 * arm, clicked * ~arm, 3 * ~arm], axis=1))
    assert result is not None
    assert 0.05 < result.low < result.difference < result.high < 0.15


def test_wins_are_counted_by_sessions() -> None:
    sessions = np.array([[3, 0]] * 9 + [[0, 1]] * 1 + [[1, 1]] * 5 + [[0, 0]] * 7)
    result = wins(sessions)
    assert result is not None
    assert (result.first, result.second, result.ties, result.share) == (9, 1, 12, 0.9)
    assert (result.low, result.high, result.p) == pytest.approx(
        (0.5550, 0.9975, 0.021484), abs=1e-4
    )  # Clopper and Pearson
    assert wins(np.array([[1, 1], [0, 0]])) is None
    assert wins(np.empty((0, 2))) is None


def test_a_draft_takes_the_best_of_each_in_turn_and_nothing_twice() -> None:
    assert team_draft("abc", "abc", 3, seed=0)[0][0] == "a"
    for seed in range(50):
        drafted = team_draft("abcdef", "afgdhb", 6, seed)
        names, teams = [name for name, _ in drafted], [team for _, team in drafted]
        assert len(set(names)) == 6
        assert teams.count(0) == teams.count(1) == 3
        assert all(set(teams[at : at + 2]) == {0, 1} for at in (0, 2, 4))
        for team, own in enumerate(("abcdef", "afgdhb")):
            picks = [own.index(name) for name, of in drafted if of == team]
            assert picks == sorted(picks)
    assert [name for name, _ in team_draft("ab", "", 5, 0)] == ["a", "b"]
    assert team_draft("", "", 5, 0) == []
    assert len(team_draft("ab", "bc", 9, 0)) == 3


def test_a_draft_favours_nobody() -> None:
    """Who clicks by chance lets each model win as often, even where one list repeats most of the other."""
    random, won = np.random.default_rng(3), Counter[int]()
    for seed in range(4000):
        drafted = team_draft("abcd", "abdx", 4, seed)
        clicks = [team for _, team in drafted if random.random() < 0.3]
        won[int(np.sign(clicks.count(0) - clicks.count(1)))] += 1
    assert abs(won[1] - won[-1]) < 3 * (won[1] + won[-1]) ** 0.5
