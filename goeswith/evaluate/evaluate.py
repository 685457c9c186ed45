"""Evaluation: answers of a scorer, their measures with intervals by outfit, and comparisons of two scorers.

Per-question rows come first, the mean second. A constant scorer gets AUC .5 and 1 / T of T choices, wherever
the truth stands. A missing score (NaN) is taken in the worst way, never to the scorer's advantage, and counted.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from goeswith import __version__
from goeswith.data.questions import Questions
from goeswith.data.scorer import Suited
from goeswith.errors import DataError, ModelError
from goeswith.evaluate.bootstrap import RESAMPLES, Statistic, mean, pooled_auc, resampled, spread
from goeswith.evaluate.measures import MEASURES, POOLED, Measure, OtherMeasure, Ranks, other_measures
from goeswith.files import fresh_file
from goeswith.models import Chooser, Scorer
from goeswith.scores import Difference, Score

if TYPE_CHECKING:
    from goeswith.data.dataset import Dataset

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answers:
    """What a scorer said. scores: (total,) float64 in the order of ``questions.score_offsets``, NaN = no answer."""

    scorer: str
    questions: Questions
    scores: np.ndarray
    measures: tuple[str, ...] = ()
    """Of other packages, beside those that are offered by entry points."""

    @property
    def ranks(self) -> Ranks:
        """How the truths fare among their candidates; a labelled question has no wrong ones."""
        offsets = self.questions.score_offsets
        owner = np.repeat(np.arange(len(self.questions)), np.diff(offsets))
        at = offsets[:-1] + np.maximum(self.questions.answers, 0)
        truth = self.scores[at]
        above = (self.scores > truth[owner]) | np.isnan(self.scores)
        equal = self.scores == truth[owner]
        above[at] = equal[at] = False
        above, equal = (np.bincount(owner, which, len(self.questions)) for which in (above, equal))
        return Ranks(above, equal, np.diff(offsets) - 1.0, np.isnan(truth))

    @property
    def rows(self) -> pl.DataFrame:
        """One row a question: question_id, outfit_id, task, negatives, label, answer, scores, answerable, measures.

        scores: list, one a candidate (or the labelled outfit's). answerable: none of them is missing.
        A measure is null where it does not belong to the task or the outfit has a label.
        """
        offsets, ranks = self.questions.score_offsets, self.ranks
        frame = self.questions.frame.select("question_id", "outfit_id", "task", "negatives", "label", "answer")
        owner = np.repeat(np.arange(len(frame)), np.diff(offsets))
        flat = pl.DataFrame({"owner": owner, "scores": self.scores})
        silent = np.bincount(owner, np.isnan(self.scores), len(frame)) > 0
        frame = frame.with_columns(
            flat.group_by("owner", maintain_order=True).agg("scores")["scores"], pl.Series("answerable", ~silent)
        )
        tasks = set(frame["task"])
        for measure in dict.fromkeys(measure for task in MEASURES if task in tasks for measure in MEASURES[task]):
            if measure != POOLED:
                belongs = pl.col("task").is_in([task for task in MEASURES if measure in MEASURES[task]])
                value = pl.when(belongs & pl.col("label").is_null()).then(pl.Series(measure(ranks)))
                frame = frame.with_columns(value.alias(str(measure)))
        for other in other_measures(self.measures):
            belongs = pl.col("task").is_in(other.tasks) & pl.col("label").is_null()
            frame = frame.with_columns(pl.when(belongs).then(pl.Series(other(ranks))).alias(str(other)))
        return frame


@dataclass(frozen=True)
class Report:
    """What was measured: the answers question by question, then the means.

    rows: see `Answers.rows`. summary: each measure with its 95 % bootstrap interval by outfit.
    """

    scorer: str
    rows: pl.DataFrame
    summary: list[Score]

    def to_json(self) -> str:
        """The summary as JSON."""
        return json.dumps({"scorer": self.scorer, "summary": [score.to_dict() for score in self.summary]}, indent=2)

    def write(self, path: Path) -> None:
        """Write the rows as Parquet, whole or not at all, with the summary in the file's metadata."""
        summary = json.dumps([score.to_dict() for score in self.summary])
        with fresh_file(path) as partial, open(partial, "wb") as file:
            self.rows.write_parquet(file, metadata={"scorer": self.scorer, "summary": summary})


def answer(
    scorer: Scorer,
    questions: Questions,
    progress: Callable[[int, int], None] | None = None,
    measures: Iterable[str] = (),
) -> Answers:
    """Score every candidate of every question; `progress` is called with the scores done and the total.

    measures: of other packages, by name or ``module:Name``, see `goeswith.evaluate.measures.other_measures`.

    Raises:
        DataError: there are no questions.
        ModelError: the scorer does not return one number an outfit.
    """
    total = int(questions.score_offsets[-1])
    if not total:
        raise DataError(f"{questions.path or 'the table'} has no questions; make some with: goeswith questions DATASET")
    scores = np.empty(total)
    if isinstance(scorer, Suited):
        scorer = scorer.suited(questions)
    if isinstance(scorer, Chooser):
        _choose(scorer, questions, scores)
    else:
        for block in questions.blocks():
            answered = np.asarray(scorer.score(block.items, block.mask), dtype=np.float64)
            if answered.shape != (len(block.items),):
                raise ModelError(f"{scorer.name} gave scores of shape {answered.shape} for {len(block.items)} outfits")
            scores[block.start : block.start + len(answered)] = answered
            if progress:
                progress(block.start + len(answered), total)
    silent = int(np.isnan(scores).sum())
    if silent:
        _log.warning("%s gave no score for %d of %d outfits; they count as wrong", scorer.name, silent, total)
    return Answers(scorer.name, questions, scores, tuple(measures))


def _choose(scorer: Chooser, questions: Questions, scores: np.ndarray, rows: int = 1 << 15) -> None:
    """Fill `scores` by a scorer that sees a question's candidates together; blocks of at most `rows` outfits."""
    offsets, labelled = questions.score_offsets, questions.labels >= 0
    counts = np.where(labelled, 0, np.diff(offsets))
    for count in np.unique(counts):
        questions_of_count = np.flatnonzero(counts == count)
        step = max(rows // max(int(count), 1), 1)
        for start in range(0, len(questions_of_count), step):
            at = questions_of_count[start : start + step]
            context, mask = questions.context[at], questions.context_mask[at]
            if not count:
                scores[offsets[at]] = scorer.score(context, mask)
                continue
            candidates = questions.candidates[questions.candidate_offsets[at, None] + np.arange(count)]
            scores[offsets[at, None] + np.arange(count)] = scorer.choose(context, mask, candidates)


def report(answers: Answers, dataset: Dataset, *, seed: int = 0, headline: bool = False) -> Report:
    """Measure the answers, one summary line for each measure of each (task, negatives) in the file.

    headline: only the first measure of each, which saves the draws of the others.

    Raises:
        DataError: all published labels are the same, so that nothing can be told apart.
    """
    rows = answers.rows
    signed = {
        (group["task"][0], group["negatives"][0]): signature(
            answers.questions, dataset, group["task"][0], group["negatives"][0]
        )
        for group in by_task(rows)
    }
    return summarise(answers.scorer, rows, signed, seed=seed, headline=headline)


def summarise(
    scorer: str, rows: pl.DataFrame, signed: Mapping[tuple[str, str], str], *, seed: int = 0, headline: bool = False
) -> Report:
    """The report of rows as of `Answers.rows`, whose signatures are known by task and negatives; see `report`."""
    summary = []
    for group in by_task(rows):
        task, negatives = group["task"][0], group["negatives"][0]
        statistics = dict([*measured(group).items()][: 1 if headline else None])
        once = np.ones((1, group["outfit_id"].n_unique()))
        drawn = resampled(list(statistics.values()), once.size, seed)
        for (measure, statistic), values in zip(statistics.items(), drawn, strict=True):
            low, high = np.nanquantile(values, [0.025, 0.975])
            summary.append(
                Score(
                    scorer=scorer,
                    task=task,
                    negatives=negatives,
                    metric=str(measure),
                    value=float(statistic(once)[0]),
                    low=float(low),
                    high=float(high),
                    n=len(group),
                    unanswered=int((~group["answerable"]).sum()),
                    signature=signed[task, negatives],
                )
            )
    return Report(scorer, rows, summary)


def compare(first: Report, second: Report, *, seed: int = 0) -> list[Difference]:
    """Paired bootstrap by outfit of `first` minus `second`, one difference a measure; p is at least 2 / 2001.

    Measures are those of the summary of `first`.

    Raises:
        DataError: the reports answer different questions.
    """
    keys = ("question_id", "outfit_id", "task", "negatives", "label", "answer")
    signed = [each.summary[0].signature for each in (first, second)]
    if signed[0] != signed[1] or not first.rows.select(keys).equals(second.rows.select(keys)):
        raise DataError(
            f"{first.scorer} and {second.scorer} did not answer the same questions "
            f"({signed[0]} and {signed[1]}); evaluate both on one question file"
        )
    lines, compared, wanted = iter(first.summary), [], {score.column for score in first.summary}
    for group, other in zip(by_task(first.rows), by_task(second.rows), strict=True):
        kind = group["task"][0], group["negatives"][0]
        both = [
            own for rows in (group, other) for measure, own in measured(rows).items() if (*kind, str(measure)) in wanted
        ]
        once = np.ones((1, group["outfit_id"].n_unique()))
        values = np.array([statistic(once)[0] for statistic in both]).reshape(2, -1)
        drawn = resampled(both, once.size, seed).reshape(2, -1, RESAMPLES)
        for difference, draws in zip(values[0] - values[1], drawn[0] - drawn[1], strict=True):
            compared.append(next(lines).minus(second.scorer, float(difference), *spread(draws)))
    return compared


def signature(questions: Questions, dataset: Dataset, task: str, negatives: str) -> str:
    """What was measured, in one string.

    For example ``mango:1a2b3c4d5e6f|test|fitb|matched|c4|seed0|goeswith0.1.0|q5f3c0a9b1d2e``: data set and its
    fingerprint, split, task, negatives, most candidates of a question (1 for labelled outfits), seed of the
    questions, version, digest of the questions. - stands where the question file does not say.
    """
    selected = ((questions.frame["task"] == task) & (questions.frame["negatives"] == negatives)).to_numpy()
    parts = [
        f"{dataset.name}:{dataset.fingerprint}",
        questions.info.get("split", "-"),
        task,
        negatives,
        f"c{np.diff(questions.score_offsets)[selected].max()}",
        f"seed{questions.info.get('seed', '-')}",
        f"goeswith{__version__}",
        f"q{questions.digest}",
    ]
    return "|".join(parts)


def by_task(rows: pl.DataFrame) -> list[pl.DataFrame]:
    """The rows (see `Answers.rows`) of each task and strategy apart, in the order of the summary."""
    return rows.partition_by("task", "negatives", maintain_order=True)


def measured(rows: pl.DataFrame) -> dict[Measure | OtherMeasure, Statistic]:
    """Every measure of the rows of one task and strategy, as a function of how much each outfit weighs.

    Where the rows have a column ``weight``, a mean over them is weighted by it.
    """
    outfits = rows["outfit_id"].rank("dense").to_numpy().astype(np.int64) - 1
    others = other_measures(name for name in rows.columns if ":" in name)
    measures: list[Measure | OtherMeasure] = [*MEASURES[rows["task"][0]]]
    measures += [other for other in others if str(other) in rows.columns]
    statistics: dict[Measure | OtherMeasure, Statistic] = {}
    for measure in measures:
        if measure == POOLED:
            statistics[measure] = _pooled(rows, outfits)
        elif rows[str(measure)].count():
            weights = rows["weight"].to_numpy() if "weight" in rows.columns else None
            statistics[measure] = mean(rows[str(measure)].fill_null(np.nan).to_numpy(), outfits, weights)
    return statistics


def _pooled(rows: pl.DataFrame, outfits: np.ndarray) -> Statistic:
    owner = np.repeat(np.arange(len(rows)), rows["scores"].list.len().to_numpy())
    choice = np.arange(len(owner)) - np.searchsorted(owner, owner)
    label = rows["label"].fill_null(-1).to_numpy()[owner]
    good = np.where(label < 0, choice == rows["answer"].to_numpy()[owner], label == 1)
    if good.all() or not good.any():
        raise DataError(
            f"all {len(good)} labels of the {rows['negatives'][0]} {rows['task'][0]} questions are the same, "
            "so AUC means nothing; give outfits of both labels"
        )
    return pooled_auc(rows["scores"].explode().to_numpy(), good, outfits[owner])
