"""Pair explanation: why a run scores a top and a bottom high or low: by the student, by rules, by both."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from goeswith.data.dataset import Dataset
from goeswith.data.pairs import RULE_BOTTOM, RULE_TOP
from goeswith.data.shelf import shelf
from goeswith.errors import CatalogueError, DataError
from goeswith.evaluate.rule_votes import Judged, judge, taught_scorer
from goeswith.rules.rules import Rule
from goeswith.train.run import Run
from goeswith.train.scorers import TaughtScorer

_COUNTS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")


@dataclass(frozen=True)
class RuleVote:
    """A rule that matches the two items: it supports them with the sign ``+``, and opposes them with ``-``.

    trust: mean λ, of 1 for all active rules, against those of the other bottoms that do not make its pair; None where
    all of them do. against: how many that are.
    """

    rule: Rule
    trust: float | None
    against: int


@dataclass(frozen=True)
class PairExplanation:
    """What a run says of a top and a bottom, held against `others` bottoms of the catalogue.

    score: the student's. above, above_taught: share of the others that the bottom is ahead of, ties half, without and
    with the rules. p, q: mean probability of the bottom against each of them, without and with.
    voices: the rules that match the pair. silent: of the others for which no rule, of this pair or of theirs, is
    active: a rule speaks for or against this bottom by what it says of the other one, too.
    """

    top: str
    bottom: str
    score: float
    others: int
    above: float
    above_taught: float
    p: float
    q: float
    voices: list[RuleVote]
    silent: int

    def __str__(self) -> str:
        start = f"The student ranks this pair above {_percent(self.above)} of {self.others:,} bottoms for this top."
        count = len(self.voices)
        number = _COUNTS[count] if count < len(_COUNTS) else str(count)
        rules = f"{number} rules apply to it" if count > 1 else f"{number} rule applies to it"
        clause = f"{rules}: {', '.join(map(_phrase, self.voices))}" if count else rules
        if self.silent == self.others:
            return f"{start} {clause}{'' if count else ', nor to any of the others'}, so nothing changes."
        join = "with them it ranks" if count else "because of rules for the other bottoms it ranks"
        change = f"its mean probability against one of them goes from {_percent(self.p)} to {_percent(self.q)}"
        return f"{start} {clause}; {join} above {_percent(self.above_taught)} ({change})."

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, for JSON, with the sentences."""
        voices = [asdict(voice) | {"rule": asdict(voice.rule), "says": str(voice.rule)} for voice in self.voices]
        return asdict(self) | {"voices": voices, "explanation": str(self)}


def explain_pair(
    run: Run, dataset: Dataset, top: str, bottom: str, *, most: int = 1000, seed: int = 0
) -> PairExplanation:
    """Say why the run puts a pair where it does.

    A rule decides between two bottoms, and its λ depends on both; so the pair is held against other bottoms of the
    catalogue that the run can score: all of them, or `most`, drawn by `seed`.

    Args:
        run: one that rules taught.
        top, bottom: items, by id, SKU or product id.

    Raises:
        ModelError: no rules taught the run.
        CatalogueError: an item is unknown, or is not a top or not a bottom.
        DataError: an item has no features, the run cannot score the pair, or there is no other bottom.
    """
    rows = _row(dataset, top, "top", RULE_TOP), _row(dataset, bottom, "bottom", RULE_BOTTOM)
    taught = taught_scorer(run, dataset)
    for item_id, row in zip((top, bottom), rows, strict=True):
        if not taught.student.present[row]:
            encoder = run.config["encoder"]
            remedy = f"goeswith encode {dataset.path} --encoder {encoder} shows why"
            raise DataError(f"item {item_id!r} has no {encoder} features, so nothing can be said about it; {remedy}")
    score = float(taught.student.score(np.array([rows]), np.ones((1, 2), bool))[0])
    if np.isnan(score):
        raise DataError(
            f"{run.path} cannot score {top!r} with {bottom!r}: it gives each category the group that most of its "
            "items have, and by that these are not a top and a bottom; correct the group of the category"
        )
    others, judged = _against(taught, dataset, *rows, most, seed)
    if not len(others):
        raise DataError(f"{dataset.path} has no other bottom than {bottom!r} that {run.path} can score")
    return PairExplanation(
        top=top,
        bottom=bottom,
        score=score,
        others=len(others),
        above=float(judged.ahead_p.mean()),
        above_taught=float(judged.ahead_q.mean()),
        p=float(judged.p.mean()),
        q=float(judged.q.mean()),
        voices=_rule_votes(taught, judged, *rows),
        silent=len(others) - judged.active["question"].n_unique(),
    )


def _row(dataset: Dataset, name: str, side: str, groups: tuple[str, ...]) -> int:
    """The row of an item that must be a top, or a bottom."""
    row = shelf(dataset.catalogue).row(name)
    group = dataset.catalogue.items["group"][row]
    if group not in groups:
        raise CatalogueError(
            f"item {name!r} is not a {side}: its group is {group or 'unknown'}, not {' or '.join(groups)}; "
            "name a top first, then a bottom"
        )
    return row


def _against(
    taught: TaughtScorer, dataset: Dataset, top: int, bottom: int, most: int, seed: int
) -> tuple[np.ndarray, Judged]:
    """Other bottoms (M,) that the student can score, by chance, and what is said of the pair against each."""
    able = dataset.catalogue.items["group"].is_in(RULE_BOTTOM).fill_null(False).to_numpy() & taught.student.present
    able[bottom] = False
    rows = np.flatnonzero(able)
    scores = taught.student.score(np.stack([np.full(len(rows), top), rows], axis=1), np.ones((len(rows), 2), bool))
    rows = rows[~np.isnan(scores)]
    others = np.sort(np.random.default_rng(seed).permutation(rows)[:most])
    context = np.full((len(others), 1), top)
    candidates = np.stack([np.full(len(others), bottom), others], axis=1)
    return others, judge(taught, context, np.ones(context.shape, bool), candidates)


def _rule_votes(taught: TaughtScorer, judged: Judged, top: int, bottom: int) -> list[RuleVote]:
    """The rules that match the pair, the most trusted first."""
    matches = taught.teacher.matches
    matching = np.flatnonzero(matches.pairs(np.array([top]), np.array([bottom]))[0])
    means = judged.active.group_by("rule").agg(pl.col("trust").mean(), pl.len())
    trust_of = {rule: (trust, count) for rule, trust, count in means.iter_rows()}
    votes = [RuleVote(matches.rules[rule], *trust_of.get(rule, (None, 0))) for rule in matching.tolist()]
    return sorted(votes, key=lambda vote: -(vote.trust or 0.0))


def _phrase(vote: RuleVote) -> str:
    says = "yes" if vote.rule.sign == "+" else "no"
    if vote.trust is None:
        return f"“{vote.rule}” says {says} (but to every other bottom as well)"
    return f"“{vote.rule}” says {says} (trust {vote.trust:.2f} of 1)"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
