"""Rules page: what a run learned from its rules, as one HTML file and one JSON file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from goeswith import __version__
from goeswith.errors import DataError
from goeswith.evaluate.rule_insights import QUANTILES, Case, Insights, RuleInsight, Spread
from goeswith.evaluate.showcase import Pictures
from goeswith.files import fresh_file
from goeswith.rules.rules import Rule
from goeswith.schemas import Taught
from goeswith.tables import signed
from goeswith.templates import environment
from goeswith.train.rule_teacher import RulesConfig

_ENOUGH = 20  # questions before a rule is named in the summary
_NAMED = 3  # rules that the summary names


def write_page(insights: Insights, path: Path) -> Path:
    """Write the page to `path` and the numbers beside it, e.g. ``rules.html`` and ``rules.json``.

    The page is self-contained, and whatever comes from the data or the rules is escaped.

    Raises:
        DataError: the name does not end in .html, or a file cannot be written.
    """
    if path.suffix.lower() != ".html":
        raise DataError(f"{path} is a page; let its name end in .html (the numbers are written beside it, as .json)")
    pages = environment("goeswith.experiments")
    pages.filters |= {"percent": lambda *shares: _tied(percent(*shares)), "bar": _bar}
    sentences = summary(insights)
    page = pages.get_template("rules.html").render(
        insights=insights,
        version=__version__,
        name=insights.run.path.name,
        model=insights.run.name,
        summary=[_tied(sentence) for sentence in sentences],
        rules=[{"number": number, "insight": rule} for number, rule in enumerate(ranked(insights.rules))],
        attributes=sorted(insights.attributes.items(), key=lambda pair: -pair[1].relative),
        quantiles=QUANTILES,
        speaks=speaks,
        item=Pictures(insights.dataset),
    )
    text = json.dumps({"goeswith": __version__, "summary": sentences} | numbers(insights), indent=2) + "\n"
    for file, content in ((path, page), (path.with_suffix(".json"), text)):
        with fresh_file(file) as partial:
            partial.write_text(content, encoding="utf-8")
    return path


def numbers(insights: Insights) -> dict[str, Any]:
    """Everything as plain values, for JSON; items by id, numbers that there are none of as None."""
    simple = {name: value for name, value in vars(insights).items() if isinstance(value, int | tuple)}
    ids = insights.dataset.catalogue.ids
    return simple | {
        "run": str(insights.run.path),
        "dataset": insights.dataset.name,
        "fingerprint": insights.dataset.fingerprint,
        "asked": insights.asked,
        "signatures": insights.signatures,
        "quantiles": QUANTILES,
        "rules": [_plain(insight, ids) for insight in insights.rules],
        "attributes": {name: asdict(spread) for name, spread in insights.attributes.items()},
    }


def _plain(insight: RuleInsight, ids: Sequence[str]) -> dict[str, Any]:
    measured = insight.measured
    low, high = measured.interval
    cases = {kind: [asdict(case) | _items(case, ids) for case in some] for kind, some in insight.cases.items()}
    return asdict(insight.rule) | {
        "rule": str(insight.rule), "active": measured.active, "right": measured.right, "coverage": measured.coverage,
        "precision": measured.precision if measured.active else None, "low": low, "high": high,
        "trust": insight.trust and asdict(insight.trust), "rivalled": insight.rivalled and asdict(insight.rivalled),
        "student": insight.student, "taught": insight.taught, "cases": cases,
    }  # fmt: skip


def _items(case: Case, ids: Sequence[str]) -> dict[str, Any]:
    return {"context": [ids[row] for row in case.context], "right": ids[case.right], "wrong": ids[case.wrong]}


def ranked(rules: Sequence[RuleInsight]) -> list[RuleInsight]:
    """The most trusted beside others first; then those that are only active alone; then those that never are."""
    return sorted(rules, key=lambda insight: (-_relative(insight), -insight.measured.active))


def _relative(insight: RuleInsight) -> float:
    return insight.rivalled.relative if insight.rivalled else -1.0


def speaks(rule: Rule) -> str:
    """A rule without its attribute, e.g. ``no blouse + dress``."""
    return f"{'no ' if rule.sign == '-' else ''}{rule.top} + {rule.bottom}"


def percent(share: float, digits: int = 0) -> str:
    """A share as a percentage, e.g. ``83 %``."""
    return f"{100 * share:.{digits}f} %"


def _tied(text: str) -> str:
    """A text in which no line of the page begins with a %."""
    return text.replace(" %", "\u00a0%")


def summary(insights: Insights) -> list[str]:
    """What a reader should know, in a few sentences; the first is the answer to "do the rules help?"."""
    settings = insights.run.config.get("rules")
    assert settings is not None  # insights are of a run that rules taught
    sentences = [_help(insights), _reach(insights), *_disputes(insights), *_trust(insights, settings)]
    if settings.get("shuffled_rules", RulesConfig.shuffled_rules):
        sentences.append(
            "This run is the control: the rules were applied to shuffled bottoms, so nothing here "
            "says anything about the rules themselves."
        )
    doubtful = [rule for rule in insights.rules if rule.measured.interval[1] < 0.5]
    if doubtful:
        sentences.append(
            f"Look again at {_these([f'“{rule.rule}”' for rule in doubtful])}: wrong more often than right here, "
            "and not by chance."
        )
    silent = sum(not rule.measured.active for rule in insights.rules)
    if silent:
        sentences.append(f"{silent} of the {len(insights.rules)} rules {_are(silent)} never active on these questions.")
    return sentences


def _help(insights: Insights) -> str:
    (before, after), (gain, low, high) = insights.right_active, insights.gain
    verb = "helps" if low > 0 else "hurts" if high < 0 else "makes no clear difference"
    return (
        f"Using the rules {verb}: where one is active, the student alone picks the right one in "
        f"{percent(before, 1)} of the questions, with the rules in {percent(after, 1)} ({signed(100 * gain, 1)} "
        f"points, 95 % interval {signed(100 * low, 1)} to {signed(100 * high, 1)}); over all questions in "
        f"{percent(insights.right[0], 1)} and {percent(insights.right[1], 1)}."
    )


def _disputes(insights: Insights) -> list[str]:
    if not insights.disputes:
        return ["The rules and the student never disagree."]
    share, right = insights.disputes / insights.active, insights.rules_right / insights.disputes
    sentence = (
        f"Rules and student disagree in {insights.disputes:,} questions ({percent(share)} of those with an active "
        f"rule); in those the rules are right in {percent(right)}, the student in {percent(1 - right)}."
    )
    if not insights.overturned:
        return [sentence, "The rules never change the student's pick."]
    better = insights.overturned_right / insights.overturned
    return [
        sentence,
        f"They change its pick in {insights.overturned:,} questions, in {percent(better)} of them for the better.",
    ]


def _reach(insights: Insights) -> str:
    return (
        f"Of {insights.questions:,} questions, {insights.active:,} ({percent(insights.active / insights.questions)}) "
        f"have an active rule, and {insights.rivalled:,} have two or more that share the trust."
    )


def _trust(insights: Insights, settings: Taught) -> list[str]:
    """Which rules are trusted most and least, and whether trust goes to those that are right."""
    if settings.get("confidence", RulesConfig.confidence) == "uniform":
        return ["This run learned no trust: it weights all active rules equally (confidence=uniform)."]
    often = [insight for insight in ranked(insights.rules) if insight.rivalled and insight.rivalled.count >= _ENOUGH]
    if len(often) < 2:
        return [
            "Rules are rarely active together: a rule that is active alone has all the trust, so "
            "there is nothing to compare."
        ]
    named = min(_NAMED, len(often) // 2)
    best, least = (_these([_named(insight) for insight in some]) for some in (often[:named], often[: -named - 1 : -1]))
    sentences = [f"Where several rules are active, the run trusts {best} most and {least} least."]
    shares = [(_relative(insight), insight.measured.precision) for insight in often]
    frame = pl.DataFrame(shares, schema=["trust", "right"], orient="row")
    follows = frame.select(pl.corr("trust", "right", method="spearman")).item()
    if len(often) > _NAMED and follows == follows:  # not NaN, which it is where all are right alike
        word = "goes" if follows > 0.3 else "hardly goes" if follows > -0.3 else "does not go"
        sentences.append(
            f"Trust {word} to the rules that are right more often (rank correlation {follows:.2f}".replace("-", "−")
            + f" over the {len(often)} rules that are active beside others in {_ENOUGH} questions or more)."
        )
    return sentences


def _named(insight: RuleInsight) -> str:
    assert insight.rivalled is not None  # asked of those alone
    return f"“{insight.rule}” ({insight.rivalled.relative:.2g} × an even share)"


def _these(names: Sequence[str]) -> str:
    most = list(names[:_NAMED]) + ([f"{len(names) - _NAMED} more"] if len(names) > _NAMED else [])
    return " and ".join([", ".join(most[:-1]), most[-1]] if len(most) > 1 else most)


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _bar(value: Spread | tuple[float, float, float]) -> dict[str, float]:
    """Where a value and its range lie on an axis from 0 to 1, in per cent; the box is the middle half of a `Spread`."""
    if isinstance(value, Spread):
        low, start, middle, end, high = value.quantiles
        shares = {"low": low, "high": high, "dot": middle, "start": start, "end": end, "mean": value.mean}
    else:
        shares = dict(zip(("low", "dot", "high"), value, strict=True))
    return {name: round(100 * share, 1) for name, share in shares.items()}
