"""Report findings: how good the model is, in words, and as bars beside the floors it has to beat."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from goeswith.evaluate.evaluate import Report, compare
from goeswith.scores import Difference, Score
from goeswith.tables import headlines, title

NAMES = {
    "chance": "guessing", "popularity": "what is worn most", "rarity": "what is worn least",
    "category": "categories worn together", "category colour": "categories and colours worn together",
    "item pairs": "items worn together before", "words": "words of titles worn together", "season": "the same season",
    "records": "all that the item table says", "records and ids": "all that the item table says, with ids",
    "cosine": "looking alike", "standardised": "looking alike, adjusted", "ceiling": "the true taste",
}  # fmt: skip
"""Floors in words."""
COUNTERS = ("popularity", "rarity", "category", "category colour", "item pairs", "words", "season", "records",
            "records and ids")  # fmt: skip
"""Floors that only count what was worn, without a look at a picture."""
PICKS, PAIRS = "fitb", "compat"
ASKED = {PICKS: "Finding the missing piece", PAIRS: "Telling a real outfit from a mixed one"}
"""Kind of question, of those that `headlines` has → what is asked."""


@dataclass(frozen=True)
class Bar:
    """One scorer on one kind of question: its value and its 95 % interval, in per cent of a bar's width."""

    name: str
    value: str
    width: float
    low: float
    high: float
    model: bool = False


@dataclass(frozen=True)
class Chart:
    """All scorers on one kind of question, the best first.

    title: what they have to do. measure: how it is measured. chance: where guessing ends, in per cent.
    """

    title: str
    measure: str
    chance: float
    bars: list[Bar]


@dataclass(frozen=True)
class Findings:
    """What was measured. sentence: how good the model is. verdict: whether counting alone does as well."""

    sentence: str = ""
    verdict: str = ""
    charts: list[Chart] = field(default_factory=list)


def findings(model: Report, floors: Mapping[str, Report], counters: Collection[str] = COUNTERS) -> Findings:
    """Words and bars of the headline questions that a model and floors answered alike.

    The sentence speaks of fill in the blank where there is one, since it can be said in outfits.

    counters: the floors that the model has to beat; those that are the answer itself on a data set are left out.
    """
    every = [score for report in (model, *floors.values()) for score in report.summary]
    columns = headlines(every)
    if not columns:
        return Findings()
    chosen = next((column for column in columns if column[0] == PICKS), columns[0])
    own = _at(model, chosen)
    guess = next((score for name in ("chance",) if name in floors and (score := _at(floors[name], chosen))), None)
    counted = {name: score for name in counters if name in floors and (score := _at(floors[name], chosen))}
    sentence = "" if own is None else _sentence(own, guess)
    verdict = ""
    if own is not None and counted:
        best = max(counted, key=lambda name: counted[name].value)
        lines = [line for line in compare(model, floors[best]) if line.column == chosen]
        verdict = _comparison(lines[0], best, counted[best]) if lines else ""
    return Findings(sentence, verdict, [_chart(column, model, floors) for column in columns])


def _at(report: Report, column: tuple[str, str, str]) -> Score | None:
    return next((score for score in report.summary if score.column == column), None)


def _hundred(value: float) -> str:
    return f"{100 * value:.0f}"


def _sentence(own: Score, guess: Score | None) -> str:
    beside = f" (guessing: {_hundred(guess.value)})" if guess else ""
    if own.task == PICKS:
        return f"In {_hundred(own.value)} of 100 test outfits it finds the missing piece among the choices{beside}."
    return (
        f"Of 100 pairs of a real outfit and a copy with pieces exchanged, it prefers the real one "
        f"{_hundred(own.value)} times{beside}."
    )


def _points(share: float) -> str:
    """A difference of shares in whole per cent, with its sign; nothing has none."""
    whole = round(100 * share)
    return f"{whole:+d}".replace("-", "−") if whole else "0"


def _comparison(line: Difference, name: str, other: Score) -> str:
    """Whether the model is better than the best counter, by the interval of their difference."""
    counting = f"Counting alone ({NAMES[name]}) gets {_hundred(other.value)}"
    difference, low, high = map(_points, (line.difference, line.low, line.high))
    certain = f"the difference is {difference} (95 % interval {low} to {high})"
    if line.low > 0:
        return f"{counting}: the model is better, {certain}."
    if line.high < 0:
        return f"{counting}: that is better than the model, {certain}. Do not rely on its scores yet."
    return f"{counting}: whether the model is better cannot be told from these outfits, {certain}."


def _chart(column: tuple[str, str, str], model: Report, floors: Mapping[str, Report]) -> Chart:
    named = [("this model", _at(model, column), True)]
    named += [(NAMES.get(name, name), _at(report, column), False) for name, report in floors.items()]
    scored = [(name, score, is_model) for name, score, is_model in named if score is not None]
    scored.sort(key=lambda row: -row[1].value)
    bars = [
        Bar(
            name,
            f"{100 * score.value:.0f} %",
            _width(score.value),
            _width(score.interval[0]),
            _width(score.interval[1]),
            is_model,
        )
        for name, score, is_model in scored
    ]
    chance = _at(floors["chance"], column) if "chance" in floors else None
    return Chart(ASKED[column[0]], title(column), 0.0 if chance is None else round(100 * chance.value, 1), bars)


def _width(value: float) -> float:
    return round(100 * min(1.0, max(0.0, value)), 1)
