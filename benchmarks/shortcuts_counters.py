"""Counters that see no picture, and what they make of one question file: the summary line of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from shortcuts_page import BY_ID

from goeswith.data.dataset import Dataset
from goeswith.data.outfits import Outfits
from goeswith.data.questions import Questions
from goeswith.evaluate.audit import floor_scores
from goeswith.evaluate.bootstrap import mean, resampled
from goeswith.evaluate.evaluate import Answers, answer, report, signature
from goeswith.models import Scorer
from goeswith.models.floors import ItemFloor, Lift, PairFloor, fit_floors
from goeswith.scores import Score

FOLDS = 5
UNKNOWN = "unknown"
"""The category of an item of Polyvore Outfits that is worn in no training outfit, where metadata are not there."""


@dataclass(frozen=True)
class Size:
    """The number of items of an outfit."""

    name: str = "size"

    def score(self, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """(B,) float64."""
        return mask.sum(axis=1).astype(np.float64)


@dataclass(frozen=True)
class Likelihood:
    """How likely the categories of an outfit are by counts of single items and of pairs, an item.

    (Σ_i log P(c_i) + Σ_{i<j} log lift(c_i, c_j)) / n. Of candidates for one blank it prefers what naive Bayes does:
    P(c) Π_j P(c_j | c). singles: (U,) float64 log P of each item's category. pairs: the mean lift.
    """

    singles: ItemFloor
    pairs: PairFloor
    name: str = "category likelihood"

    def score(self, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """(B,) float64."""
        others = (mask.sum(axis=1) - 1) / 2  # pairs for each item
        return self.singles.score(items, mask) + self.pairs.score(items, mask) * others


def counters(dataset: Dataset, train: Outfits | None = None, words: bool = True) -> dict[str, Scorer]:
    """The floors that need no features, and four counts more.

    category frequency: mean log P of the categories. category counts: mean log(1 + how often two categories were worn
    together). category likelihood: see `Likelihood`. size: the number of items.
    """
    train = dataset.outfits.split("train") if train is None else train
    scorers = fit_floors(dataset.catalogue, train)
    if not words:
        scorers.pop("words", None)
    codes = dataset.catalogue.category_codes
    worn = np.bincount(codes[train.items], minlength=codes.max() + 1) + 1
    frequency = ItemFloor("category frequency", np.log(worn / worn.sum())[codes])
    lift = Lift.count(codes, train)

    def together(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        a, b = codes[rows], codes[others]
        return np.log1p(np.asarray(lift.seen[np.minimum(a, b), np.maximum(a, b)]).ravel()) if len(rows) else np.zeros(0)

    more: list[Scorer] = [
        frequency,
        PairFloor("category counts", together),
        Likelihood(frequency, PairFloor("category", lift)),
        Size(),
    ]
    return scorers | {floor.name: floor for floor in more}


def lines_of(questions: Questions, dataset: Dataset, scorers: Mapping[str, Scorer]) -> list[Score]:
    """The headline score of each counter."""
    return [score for score in floor_scores(questions, dataset, scorers) if score.headline]


def paired_lines(questions: Questions, dataset: Dataset, scorers: Mapping[str, Scorer]) -> list[Score]:
    """Share of good outfits that score above the bad one that follows, ties half; a missing score counts as wrong."""
    lines = []
    task, negatives = questions.frame["task"][0], questions.frame["negatives"][0]
    signed = signature(questions, dataset, task, negatives)
    for name, scorer in scorers.items():
        good, bad = answer(scorer, questions).scores.reshape(-1, 2).T
        values = np.where(np.isnan(good) | np.isnan(bad), 0.0, (good > bad) + (good == bad) / 2)
        drawn = resampled([mean(values, np.arange(len(values)))], len(values), 0)[0]
        low, high = np.quantile(drawn, [0.025, 0.975])
        lines.append(
            Score(
                floor=name,
                scorer=scorer.name,
                task=task,
                negatives=negatives,
                metric="paired auc",
                value=float(values.mean()),
                low=float(low),
                high=float(high),
                n=len(values),
                unanswered=int((np.isnan(good) | np.isnan(bad)).sum()),
                signature=signed,
            )
        )
    return lines


def folded_lines(questions: Questions, dataset: Dataset) -> list[Score]:
    """Counters of categories that were counted on the outfits of other folds; a bad row is in its good row's fold.

    Counters of item ids stay out: which items the other folds wear is not what a training set would say.
    """
    owner = partners(questions)
    fold_of = np.arange(owner.max() + 1) % FOLDS
    good = questions.frame.filter(pl.col("label") == 1)["outfit_id"].to_list()
    fold_named = dict(zip(good, fold_of.tolist(), strict=True))
    folds = np.array([fold_named.get(name, -1) for name in dataset.outfits.outfit_ids])
    scores: dict[str, np.ndarray] = {}
    for fold in range(FOLDS):
        here = fold_of[owner] == fold
        scorers = counters(dataset, dataset.outfits.take((folds != fold) & (folds >= 0)))
        scorers["category published"] = ItemFloor(
            "category published", (dataset.catalogue.items["category"] != UNKNOWN).to_numpy().astype(np.float64)
        )
        for name, scorer in scorers.items():
            if name not in BY_ID:
                scores.setdefault(name, np.full(len(questions), np.nan))[here] = answer(scorer, questions).scores[here]
    lines = []
    for name, fold_scores in scores.items():
        summary = report(Answers(name, questions, fold_scores), dataset).summary
        lines += [replace(score, floor=name) for score in summary]
    return lines


def partners(questions: Questions) -> np.ndarray:
    """(Q,) number of the pair of each labelled row: the n-th good and the n-th bad row belong together."""
    good = questions.labels == 1
    owner = np.empty(len(questions), np.int64)
    owner[good], owner[~good] = np.arange(good.sum()), np.arange((~good).sum()) % max(good.sum(), 1)
    return owner
