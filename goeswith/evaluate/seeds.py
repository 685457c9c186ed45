"""Seeds: the mean over several trainings of one model, with intervals by outfit and paired differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from goeswith.errors import DataError
from goeswith.evaluate.bootstrap import RESAMPLES, resampled
from goeswith.evaluate.evaluate import Report, by_task, measured
from goeswith.tables import Column, column

Sittings = Sequence[Sequence[Report]]
"""Seed → question file → what was measured; a floor sits once."""


@dataclass(frozen=True)
class Mean:
    """One measure, as the mean of all seeds.

    line: as of `Report.summary`, and ``seeds``, the value of each. draws: (RESAMPLES,) what it would have been with
    other outfits; the same outfits for everyone who answered the same questions, so that differences are paired.
    """

    line: dict[str, Any]
    draws: np.ndarray


def means(name: str, sittings: Sittings) -> dict[Column, Mean]:
    """Every measure of every question file, in their order, under the name that reports use.

    The interval tells the luck of the questions; that of training shows in ``seeds``.
    """
    found: dict[Column, Mean] = {}
    for reports in zip(*sittings, strict=True):
        lines = zip(*(told.summary for told in reports), strict=True)
        for groups in zip(*(by_task(told.rows) for told in reports), strict=True):
            statistics = [statistic for group in groups for statistic in measured(group).values()]
            whole = np.ones((1, groups[0]["outfit_id"].n_unique()))
            values = np.array([statistic(whole)[0] for statistic in statistics]).reshape(len(groups), -1)
            draws = resampled(statistics, whole.size, 0).reshape(*values.shape, RESAMPLES).mean(axis=0)
            for value, drawn in zip(values.T, draws, strict=True):
                told = next(lines)
                low, high = np.nanquantile(drawn, [0.025, 0.975])
                line = {**told[0], "scorer": name, "value": float(value.mean()), "low": float(low), "high": float(high)}
                line |= {"unanswered": max(line["unanswered"] for line in told), "seeds": value.tolist()}
                found[column(line)] = Mean(line, drawn)
    return found


def difference(first: Mean, second: Mean) -> dict[str, Any]:
    """First minus second with its 95 % interval and p, in the form of `goeswith.evaluate.evaluate.compare`.

    Raises:
        DataError: they answered different questions.
    """
    line, other = first.line, second.line
    if line["signature"] != other["signature"]:
        raise DataError(
            f"{line['scorer']} and {other['scorer']} did not answer the same questions "
            f"({line['signature']} and {other['signature']}); remove the older answers and run the bench again"
        )
    drawn = first.draws - second.draws
    drawn = drawn[~np.isnan(drawn)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    tail = min((drawn <= 0).sum(), (drawn >= 0).sum())
    return (
        {name: line[name] for name in ("scorer", "task", "negatives", "metric", "n", "signature")}
        | {"against": other["scorer"], "difference": line["value"] - other["value"]}
        | {"low": float(low), "high": float(high), "p": float(min(1.0, 2 * (tail + 1) / (len(drawn) + 1)))}
    )


def holm(chances: Sequence[float]) -> list[float]:
    """The p values (N,) of N questions asked at once, made larger by Holm's method: below .05 once in 20 tables."""
    order = np.argsort(chances)
    grown = np.maximum.accumulate(np.asarray(chances)[order] * np.arange(len(order), 0, -1)) if len(order) else order
    found = np.empty(len(order))
    found[order] = np.minimum(grown, 1.0)
    return [float(p) for p in found]
