"""Seeds: the mean over several trainings of one model, with intervals over seeds and outfits, and paired differences.

The bootstrap is hierarchical: a draw has outfits drawn with replacement, the same for everyone who answered the same
questions, and of a model's seeds as many, drawn with replacement. So an interval tells the luck of the questions and
that of training. Seeds are few: intervals and p have the tails of Student's t, see `goeswith.evaluate.bootstrap`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from goeswith.errors import DataError
from goeswith.evaluate.bootstrap import interval, over_few_seeds, over_seeds, resampled
from goeswith.evaluate.evaluate import Report, by_task, measured
from goeswith.scores import Column, Difference, Score

Sittings = Sequence[Sequence[Report]]
"""Seed → question file → what was measured; a floor sits once."""

DRAWS = 10_000
ALPHA = 0.05
SAME = 0.01
"""Differences smaller than this are of no use to anybody: an interval inside of it shows that two are equivalent."""


@dataclass(frozen=True)
class Mean:
    """One measure, as the mean of all seeds.

    score: with the value of each in ``seeds``. draws: (DRAWS,) what it would have been with other
    outfits and seeds, the same outfits for everyone who answered the same questions, so that differences are paired;
    None for what has no interval. outfits: how many there are to draw.
    """

    score: Score
    draws: np.ndarray | None
    outfits: int = 0


def means(name: str, sittings: Sittings) -> dict[Column, Mean]:
    """Every measure of every question file, in their order, under the name that reports use.

    With one seed the interval knows nothing of the luck of training.
    """
    measured_means: dict[Column, Mean] = {}
    for reports in zip(*sittings, strict=True):
        lines = zip(*(each.summary for each in reports), strict=True)
        for groups in zip(*(by_task(each.rows) for each in reports), strict=True):
            statistics = [statistic for group in groups for statistic in measured(group).values()]
            once = np.ones((1, groups[0]["outfit_id"].n_unique()))
            values = np.array([statistic(once)[0] for statistic in statistics]).reshape(len(groups), -1)
            draws = resampled(statistics, once.size, 0, DRAWS).reshape(*values.shape, DRAWS)
            for column in range(values.shape[1]):
                drawn = over_seeds(draws[:, column], 1)
                score = _mean_of(name, next(lines))
                low, high = interval(score.value, drawn, once.size, np.array(score.seeds))
                measured_means[score.column] = Mean(replace(score, low=low, high=high), drawn, once.size)
        for each in lines:  # what is offered to all gaps together
            score = _mean_of(name, each)
            measured_means[score.column] = Mean(score, None)
    return measured_means


def _mean_of(name: str, scores: Sequence[Score]) -> Score:
    """The mean over seeds, from the score of each.

    Raises:
        DataError: they are of different questions.
    """
    if len({score.signature for score in scores}) > 1:
        raise DataError(
            f"the seeds of {name} did not answer the same questions ({scores[0].signature} and others); remove the "
            "older answers and run the bench again"
        )
    values = tuple(score.value for score in scores)
    return replace(
        scores[0],
        scorer=name,
        value=float(np.mean(values)),
        unanswered=max(score.unanswered for score in scores),
        alpha=_mean_setting([score.alpha for score in scores]),
        beta=_mean_setting([score.beta for score in scores]),
        gamma=_mean_setting([score.gamma for score in scores]),
        seeds=values,
    )


def _mean_setting(values: Sequence[float | None]) -> float | None:
    """The mean of what was fitted with each seed; None where nothing was."""
    fitted = [value for value in values if value is not None]
    return float(np.mean(fitted)) if fitted else None


def difference(first: Mean, second: Mean) -> Difference:
    """First minus second with its 95 % interval and p; seeds are paired where both have as many.

    Raises:
        DataError: they answered different questions.
    """
    score, other = first.score, second.score
    if score.signature != other.signature:
        raise DataError(
            f"{score.scorer} and {other.scorer} did not answer the same questions "
            f"({score.signature} and {other.signature}); remove the older answers and run the bench again"
        )
    if first.draws is None or second.draws is None:
        raise DataError(f"{score.metric} has no interval, so no difference of it can be judged")
    seeds = [np.array(each.seeds) for each in (score, other)]
    paired = [seeds[0] - seeds[1]] if len(seeds[0]) == len(seeds[1]) else seeds
    value = score.value - other.value
    return score.minus(other.scorer, value, *over_few_seeds(value, first.draws - second.draws, first.outfits, *paired))


def judge(lines: Sequence[Difference]) -> list[Difference]:
    """The differences of one table of comparisons with what they show, all of them asked at once.

    p_holm: p after Holm's correction for the lines. shows: ``higher`` or ``lower`` where p_holm < `ALPHA`,
    ``equivalent`` where the interval lies inside ±`SAME`, else ``not shown``: too few outfits or seeds to tell.
    """
    chances = holm([line.p for line in lines])
    return [replace(line, p_holm=p, shows=_shown(line, p)) for line, p in zip(lines, chances, strict=True)]


def _shown(line: Difference, p: float) -> str:
    if p < ALPHA:
        return "higher" if line.difference > 0 else "lower"
    return "equivalent" if line.low > -SAME and line.high < SAME else "not shown"


def holm(chances: Sequence[float]) -> list[float]:
    """The p values (N,) of N questions asked at once, made larger by Holm's method: below .05 once in 20 tables."""
    order = np.argsort(chances)
    grown = np.maximum.accumulate(np.asarray(chances)[order] * np.arange(len(order), 0, -1)) if len(order) else order
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(grown, 1.0)
    return [float(p) for p in adjusted]
