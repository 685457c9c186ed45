"""Retrieval report: retrieval and diversity over the whole catalogue, as lines of the tables.

The same places of test outfits are asked of everybody: they follow from the data set and a seed, and their digest
is in the signature.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from goeswith import __version__
from goeswith.data.positions import Positions, list_positions
from goeswith.evaluate.evaluate import Report, summarise
from goeswith.evaluate.exhaustive import exhaustive_auc
from goeswith.evaluate.gaps import Gaps, draw_gaps, group_pools
from goeswith.evaluate.reranking import Reranking, Setting, fit, together
from goeswith.evaluate.retrieval import RetrievalResult, retrieve
from goeswith.evaluate.shortlist_fit import fit_shortlist
from goeswith.evaluate.training_counts import TrainingCounts, hubs_of
from goeswith.models import Scorer
from goeswith.scores import Score

if TYPE_CHECKING:
    from goeswith.data.dataset import Dataset

FLOORS = ("chance", "popularity", "item pairs", "cosine", "standardised", "ceiling")
"""Floors whose retrieval is measured. The others, which are no better than these or too slow to ask a million outfits,
answer exhaustive AUC alone."""
FITTED = ("+ popularity", "+ shortlist")
"""Corrections that are shown beside a scorer, see `goeswith.evaluate.reranking`: α alone for the best recall; and what
an index answers by, a shortlist with the best recall in an order that varies."""


@dataclass(frozen=True)
class RetrievalQuestions:
    """All that is asked of a scorer over the whole catalogue of a data set.

    gaps: ``anchor`` (one other item of the outfit is given) and ``rest`` (all of them), or none. positions: for
    exhaustive AUC.
    training, validation: gaps to fit corrections on: from one item, and of each task; none without validation outfits.
    negatives: who competes, in a word.
    """

    dataset: Dataset
    split: str
    seed: int
    negatives: str
    gaps: Mapping[str, Gaps]
    positions: Positions
    training: Gaps
    validation: Mapping[str, Gaps]

    @cached_property
    def counts(self) -> TrainingCounts:
        """What the training outfits say of items."""
        return TrainingCounts.learn(self.dataset)

    @cached_property
    def signed(self) -> dict[tuple[str, str], str]:
        """(Task, negatives) → signature, see `goeswith.evaluate.evaluate.signature`."""
        sets: dict[tuple[str, str], Gaps | Positions] = {
            (task, self.negatives): gaps for task, gaps in self.gaps.items()
        } | {("exhaustive", "matched"): self.positions}
        prefix = f"{self.dataset.name}:{self.dataset.fingerprint}|{self.split}"
        return {
            (task, negatives): f"{prefix}|{task}|{negatives}|c{question_set.most_candidates}|seed{self.seed}"
            f"|goeswith{__version__}|q{question_set.digest}"
            for (task, negatives), question_set in sets.items()
        }


def ask(
    dataset: Dataset, usable: np.ndarray, *, split: str = "test", seed: int = 0, retrieval: bool = True
) -> RetrievalQuestions | None:
    """What to ask about the outfits of a split; None where no place has two candidates.

    usable: (U,) bool, items that may be offered and asked about, such as those with features. retrieval: with the gaps;
    else for exhaustive AUC alone, which asks far less.

    Raises:
        DataError: no outfit is in the split, or none in the training split.
    """
    catalogue, outfits = dataset.catalogue, dataset.outfits
    pools = group_pools(catalogue, usable)
    outfits_asked, tasks = outfits.split(split), ("anchor", "rest") if retrieval else ()
    gaps, validation = (
        {task: draw_gaps(part, pools, anchor=task == "anchor", seed=seed) for task in tasks}
        for part in (outfits_asked, outfits.take(outfits.splits == "valid"))
    )
    positions = list_positions(catalogue, outfits_asked, usable, [outfits], seed=seed)
    training = draw_gaps(outfits.split("train"), pools, anchor=True, seed=seed)
    if not (len(gaps["anchor"]) if retrieval else len(positions.owner)):
        return None
    kinds = "group+season" if catalogue.items["season"].count() else "group"
    if retrieval and not len(validation["anchor"]):
        validation = {}
    return RetrievalQuestions(dataset, split, seed, kinds, gaps, positions, training, validation)


def survey(
    dataset: Dataset,
    floors: Mapping[str, Scorer],
    scorers: Sequence[Scorer],
    usable: np.ndarray,
    *,
    split: str = "test",
    fitted: bool = True,
) -> tuple[list[Report], list[Report]]:
    """What floors and some scorers find and offer, the scorers also with corrections: see `measure_floor`, `measure`.

    Nothing where nothing can be asked. fitted: with corrections, which are fitted on validation outfits.
    """
    questions = ask(dataset, usable, split=split)
    if questions is None:
        return [], []
    floor_reports = [report for floor in floors.values() for report in measure_floor(floor, questions)]
    return floor_reports, [report for scorer in scorers for report in measure(scorer, questions, fitted=fitted)]


def measure_floor(floor: Scorer, questions: RetrievalQuestions) -> list[Report]:
    """What a floor finds and offers, see `measure`; of those that are not in `FLOORS`, exhaustive AUC alone.

    Nothing where nothing is left to ask.
    """
    if floor.name not in FLOORS:
        questions = replace(questions, gaps={})
    return measure(floor, questions) if questions.gaps or len(questions.positions.owner) else []


def measure(scorer: Scorer, questions: RetrievalQuestions, *, fitted: bool = False) -> list[Report]:
    """What a scorer finds and offers; with `fitted`, also with each of `FITTED`, under names that say so.

    The rows of a report are outfits, each with the mean of its places; lines on offers have no interval (low and high
    are None), since with fewer outfits there would be fewer distinct answers.

    Raises:
        ModelError: the scorer does not return one number an outfit.
    """
    fits, hubs = fitted_to(scorer, questions) if fitted else ({}, np.empty(0))
    retrieved = {}
    for task, gaps in questions.gaps.items():
        corrections = [questions.counts.correction(settings[task], gaps, hubs) for settings in fits.values()]
        retrieved[task] = retrieve(scorer, gaps, [None, *corrections])
    reports = []
    for number, name in enumerate(("", *fits)):
        own = {task: answers[number] for task, answers in retrieved.items()}
        rows = [_rows(task, questions.negatives, questions.gaps[task], answered) for task, answered in own.items()]
        if not name and len(questions.positions.owner):
            rows.append(_exhaustive(scorer, questions.positions))
        title = f"{scorer.name} {name}".strip()
        report = summarise(title, pl.concat(rows, how="diagonal"), questions.signed)
        offers = [score for task, answered in own.items() for score in _offers(title, task, answered, questions)]
        scores = report.summary + offers
        if name:
            setting = fits[name]["anchor"]
            chosen = setting if isinstance(setting, Reranking) else setting.chosen
            scores = [replace(score, alpha=chosen.alpha, beta=chosen.beta, gamma=chosen.gamma) for score in scores]
        reports.append(replace(report, summary=scores))
    return reports


def fitted_to(scorer: Scorer, questions: RetrievalQuestions) -> tuple[dict[str, dict[str, Setting]], np.ndarray]:
    """Each of `FITTED` by name: the setting of each task, fitted on validation gaps of both; and hub means (U,).

    None without validation outfits. Hub means are over anchors of training outfits, 0 where nobody asked.
    """
    if not questions.validation:
        return {}, np.zeros(len(questions.dataset.catalogue))
    hubs, counts = hubs_of(scorer, questions.training), questions.counts
    blocks, scales = together({task: counts.judged(scorer, gaps, hubs) for task, gaps in questions.validation.items()})
    settings: tuple[Setting, ...] = (fit(blocks, betas=(0.0,), gammas=(0.0,)), fit_shortlist(blocks))
    fits = {
        name: {task: setting.scaled(scale) for task, scale in scales.items()}
        for name, setting in zip(FITTED, settings, strict=True)
    }
    return fits, hubs


def _rows(task: str, negatives: str, gaps: Gaps, retrieved: RetrievalResult) -> pl.DataFrame:
    """One row per outfit, in the form of `goeswith.evaluate.evaluate.Answers.rows`."""
    values = {str(measure): value for measure, value in retrieved.values.items()}
    table = pl.DataFrame({"outfit_id": gaps.outfit_ids.tolist(), "answerable": retrieved.answerable, **values})
    means = [pl.col(name).mean() for name in values]
    table = table.group_by("outfit_id", maintain_order=True).agg(pl.col("answerable").all(), *means)
    return _named(table.with_columns(weight=pl.lit(1.0)), task, negatives)


def _exhaustive(scorer: Scorer, positions: Positions) -> pl.DataFrame:
    auc, weight, answerable = exhaustive_auc(scorer, positions)
    ids = positions.outfits.outfit_ids.tolist()
    table = pl.DataFrame({"outfit_id": ids, "answerable": answerable, "auc": auc, "weight": weight})
    return _named(table.filter(pl.col("weight") > 0), "exhaustive", "matched")


def _named(table: pl.DataFrame, task: str, negatives: str) -> pl.DataFrame:
    return table.with_columns(
        question_id=pl.format("{}-{}", pl.lit(task), "outfit_id"),
        task=pl.lit(task),
        negatives=pl.lit(negatives),
        label=pl.lit(None, pl.Int64),
        answer=pl.lit(0, pl.Int64),
    )


def _offers(name: str, task: str, retrieved: RetrievalResult, questions: RetrievalQuestions) -> list[Score]:
    """What is offered to all gaps together."""
    values = {
        f"{measure}@{k}": getattr(offers, measure)
        for k, offers in retrieved.offers.items()
        for measure in ("distinct", "top_share", "gini")
    }
    return [
        Score(
            scorer=name,
            task=task,
            negatives=questions.negatives,
            metric=metric,
            value=value,
            n=len(questions.gaps[task]),
            unanswered=int((~retrieved.answerable).sum()),
            signature=questions.signed[task, questions.negatives],
        )
        for metric, value in values.items()
    ]
