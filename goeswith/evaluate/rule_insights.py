"""Rule insights: how often each rule of a run is active and right, how far the run trusts it, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from goeswith.data.dataset import Dataset
from goeswith.data.features import load_features
from goeswith.data.freeze import make_questions
from goeswith.data.questions import Questions, read_questions
from goeswith.errors import DataError
from goeswith.evaluate.bootstrap import mean, resampled
from goeswith.evaluate.evaluate import signature
from goeswith.evaluate.rule_votes import Judged, judge, taught_scorer
from goeswith.rules.pairs import RuleScore
from goeswith.rules.rules import Rule
from goeswith.train.run import Run

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
KINDS = ("trusted and right", "trusted and wrong", "distrusted and right", "distrusted and wrong")
"""Kinds of `Case`. A rule is trusted in a question where its λ is at least an even share among the active rules."""
_SHOWN = 2  # cases of each kind
_HAIR = 1e-6  # an even share is still one after rounding


@dataclass(frozen=True)
class Spread:
    """How λ is spread over some (question, rule). relative: mean of λ · rivals, 1 where trust is an even share.

    quantiles: of λ at `QUANTILES`.
    """

    count: int
    mean: float
    relative: float
    quantiles: tuple[float, ...]


@dataclass(frozen=True)
class Case:
    """A question in which a rule is active. context, right, wrong: catalogue rows. p, q: of the right one."""

    question_id: str
    context: tuple[int, ...]
    right: int
    wrong: int
    trust: float
    rivals: int
    p: float
    q: float


@dataclass(frozen=True)
class RuleInsight:
    """What became of one rule.

    measured: on how many questions it is active and right. trust: its λ over those, None where it is never active.
    rivalled: its λ where another rule is active too; alone, λ is 1 whatever was learned.
    student, taught: how often p and q are right where it is active; None where it never is.
    cases: kind (of `KINDS`) → questions to look at, taken by chance.
    """

    rule: Rule
    measured: RuleScore
    trust: Spread | None
    rivalled: Spread | None
    student: float | None
    taught: float | None
    cases: dict[str, list[Case]]


@dataclass(frozen=True)
class Insights:
    """What a run learned of its rules, measured on questions of two candidates.

    asked: the question file, in words. signatures: one for each (task, negatives) of it.
    left_out: questions of another form. unanswered: those with an item that has no features or no score.
    questions: the N that were measured; of those `active` have an active rule, `rivalled` two or more.
    right: how often p and q are right, over all N; right_active: over the active ones, and gain: the difference there
    with its 95 % interval by outfit.
    disputes: questions in which the active rules together and the student say the opposite; in `rules_right` of those
    the rules are right. overturned: in which the rules change who is ahead; `overturned_right` for the better.
    rules: in the order of the run. attributes: attribute → λ over its rules where they are rivalled.
    """

    run: Run
    dataset: Dataset
    asked: str
    signatures: list[str]
    left_out: int
    unanswered: int
    questions: int
    active: int
    rivalled: int
    right: tuple[float, float]
    right_active: tuple[float, float]
    gain: tuple[float, float, float]
    disputes: int
    rules_right: int
    overturned: int
    overturned_right: int
    rules: list[RuleInsight]
    attributes: dict[str, Spread]


def insights(run: Run, dataset: Dataset, questions: Questions | None = None, *, seed: int = 0) -> Insights:
    """Measure what a run learned of its rules.

    Args:
        run: one that rules taught.
        questions: those of two candidates are asked; by default see `valid_questions`.
        seed: of the questions, where they are made here, and of the cases that are shown.

    Raises:
        ModelError: no rules taught the run.
        DataError: the questions are of another catalogue, none has two candidates, or no rule is active in any.
    """
    features = load_features(dataset, run.config["encoder"])
    taught = taught_scorer(run, dataset, features)
    questions = valid_questions(dataset, features.present, seed) if questions is None else questions
    source = f"{questions.path or 'validation triplets, made here'}"
    owner = questions.info.get("catalogue", dataset.catalogue.fingerprint)
    if owner != dataset.catalogue.fingerprint:
        raise DataError(
            f"{source} was made from another catalogue than {dataset.path}; give questions of this data set"
        )
    eligible = np.flatnonzero((questions.labels < 0) & (np.diff(questions.candidate_offsets) == 2))
    if not len(eligible):
        raise DataError(
            f"{source} has no question of two candidates; give triplets, or compat questions of two choices"
        )
    first, truth = questions.candidate_offsets[:-1][eligible], questions.answers[eligible]
    candidates = questions.candidates[np.stack([first + truth, first + 1 - truth], axis=1)]  # (N, 2), the truth first
    context, mask = questions.context[eligible], questions.context_mask[eligible]
    judged = judge(taught, context, mask, candidates)
    answered = ~np.isnan(judged.scores).any(axis=1)
    rules = taught.teacher.matches.rules
    table = _table(judged, answered, rules)
    rivalled = table.filter(pl.col("rivals") > 1)
    if not len(table):
        raise DataError(
            f"none of the {len(rules)} rules of {run.path} is active in any of the {answered.sum()} answered questions "
            f"of {source}: a rule is active if just one of the two candidates completes its pair; "
            f"look at them with: goeswith rules check {run.path / 'rules.toml'} {dataset.path}"
        )
    active = table["question"].unique().sort().to_numpy()
    chosen = questions.frame["question_id"].gather(eligible)
    shown = _cases(table, context, mask, candidates, chosen, seed)
    kinds = questions.frame[eligible.tolist()].select("task", "negatives").unique(maintain_order=True)
    return Insights(
        run=run,
        dataset=dataset,
        asked=source,
        signatures=[signature(questions, dataset, task, negatives) for task, negatives in kinds.iter_rows()],
        left_out=len(questions) - len(eligible),
        unanswered=int((~answered).sum()),
        questions=int(answered.sum()),
        active=len(active),
        rivalled=rivalled["question"].n_unique(),
        gain=_gain(judged, questions.frame["outfit_id"].gather(eligible), active, seed),
        **_accuracies(judged, answered, active),
        rules=_rules(table, rules, int(answered.sum()), shown),
        attributes=_spreads(rivalled, "attribute"),
    )


def valid_questions(dataset: Dataset, usable: np.ndarray, seed: int = 0) -> Questions:
    """The publisher's validation triplets; where there are none, triplets of the validation outfits made here.

    Those have another bottom, each as likely (``group`` negatives): wrong ones of the same category would silence
    every rule that speaks of categories. Test questions are never asked unless they are given.

    Raises:
        DataError: the data set has no validation outfits.
    """
    published = dataset.path / "questions" / "official-valid-triplet.parquet"
    if published.is_file() and not dataset.outfit_source:
        return read_questions(published, dataset.catalogue)
    frame, _ = make_questions(dataset.catalogue, dataset.outfits, "valid", "triplet", "group", seed=seed, usable=usable)
    return Questions.from_frame(frame, dataset.catalogue, {"split": "valid", "seed": str(seed)})


def _table(judged: Judged, answered: np.ndarray, rules: Sequence[Rule]) -> pl.DataFrame:
    """`Judged.active` of the answered questions, with how p and q fare in each, its kind of case, and the attribute."""
    active = judged.active.filter(answered[judged.active["question"].to_numpy()])
    question, rule = active["question"].to_numpy(), active["rule"].to_numpy()
    attributes = np.array([rule.attribute for rule in rules], dtype=object)
    trusted = pl.col("trust") * pl.col("rivals") >= 1 - _HAIR
    return active.with_columns(
        *(pl.Series(name, getattr(judged, name)[question]) for name in ("p", "q", "ahead_p", "ahead_q")),
        pl.Series("attribute", attributes[rule], dtype=pl.String),
        kind=pl.when(trusted).then(0).otherwise(2) + pl.when("backs").then(0).otherwise(1),
    )


def _gain(judged: Judged, outfits: pl.Series, active: np.ndarray, seed: int) -> tuple[float, float, float]:
    """How much more often q is right than p, over the `active` questions, and its interval by outfit."""
    more = (judged.ahead_q - judged.ahead_p)[active]
    codes = outfits.gather(active).rank("dense").to_numpy().astype(np.int64) - 1
    low, high = np.nanquantile(resampled([mean(more, codes)], int(codes.max()) + 1, seed)[0], [0.025, 0.975])
    return float(more.mean()), float(low), float(high)


def _accuracies(judged: Judged, answered: np.ndarray, active: np.ndarray) -> dict[str, Any]:
    """How often p and q are right, and who is right where rules and student disagree. active: (A,) questions."""
    opposed = answered & (judged.decision * (judged.ahead_p - 0.5) < 0)
    turned = answered & ((judged.ahead_p - 0.5) * (judged.ahead_q - 0.5) < 0)
    both = np.stack([judged.ahead_p, judged.ahead_q])
    return {
        "right": tuple(both[:, answered].mean(axis=1).tolist()),
        "right_active": tuple(both[:, active].mean(axis=1).tolist()),
        "disputes": int(opposed.sum()),
        "rules_right": int((judged.decision[opposed] > 0).sum()),
        "overturned": int(turned.sum()),
        "overturned_right": int((judged.ahead_q[turned] == 1).sum()),
    }


def _rules(
    table: pl.DataFrame, rules: Sequence[Rule], questions: int, shown: dict[int, dict[str, list[Case]]]
) -> list[RuleInsight]:
    means = table.group_by("rule").agg(pl.col("backs").sum(), pl.col("ahead_p", "ahead_q").mean())
    stats = {rule: numbers for rule, *numbers in means.iter_rows()}
    trust, rivalled = _spreads(table, "rule"), _spreads(table.filter(pl.col("rivals") > 1), "rule")
    rows = []
    for index, rule in enumerate(rules):
        backs, student, taught = stats.get(index, (0, None, None))
        active = trust[index].count if index in trust else 0
        measured = RuleScore(questions, active, int(backs))
        rows.append(
            RuleInsight(rule, measured, trust.get(index), rivalled.get(index), student, taught, shown.get(index, {}))
        )
    return rows


def _spreads(table: pl.DataFrame, by: str) -> dict[Any, Spread]:
    trust = pl.col("trust")
    numbers = table.group_by(by).agg(
        pl.len().alias("count"),
        trust.mean().alias("mean"),
        (trust * pl.col("rivals")).mean().alias("relative"),
        *(trust.quantile(at, "linear").alias(str(at)) for at in QUANTILES),
    )
    return {key: Spread(count, mean, even, tuple(at)) for key, count, mean, even, *at in numbers.sort(by).iter_rows()}


def _cases(
    table: pl.DataFrame, context: np.ndarray, mask: np.ndarray, candidates: np.ndarray, ids: pl.Series, seed: int
) -> dict[int, dict[str, list[Case]]]:
    """Rule → kind → cases taken by chance, each of another context; first those in which other rules are active too."""
    random, top = np.random.default_rng(seed).random(len(table)), context[table["question"].to_numpy(), 0]
    chosen = (
        table.with_columns(luck=random, top=top, alone=pl.col("rivals") == 1)
        .sort("alone", "luck")
        .unique(["rule", "kind", "top"], keep="first", maintain_order=True)
        .group_by("rule", "kind", maintain_order=True)
        .head(_SHOWN)
    )
    cases: dict[int, dict[str, list[Case]]] = {}
    for row in chosen.sort("rule", "kind").iter_rows(named=True):
        at = row["question"]
        case = Case(
            question_id=ids[at],
            context=tuple(context[at][mask[at]].tolist()),
            right=int(candidates[at, 0]),
            wrong=int(candidates[at, 1]),
            **{name: row[name] for name in ("trust", "rivals", "p", "q")},
        )
        cases.setdefault(row["rule"], {}).setdefault(KINDS[row["kind"]], []).append(case)
    return cases
