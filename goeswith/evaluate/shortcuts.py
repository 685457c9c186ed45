"""Shortcuts: how well catalogue records answer questions without a look at the garments, alone and together.

`Shortcuts` weighs all clues by logistic regression. It learns from questions about training outfits, made as test
questions are: the outfits are cut into folds, questions and their wrong answers are drawn within a fold, and counts
come from the other folds, as the counts for test outfits come from training outfits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, ndtri

from goeswith.data.freeze import make_questions
from goeswith.data.negatives import is_matched
from goeswith.data.outfits import Outfits
from goeswith.data.questions import Questions
from goeswith.evaluate.clues import Clue, WeightedClues, clue_values, clues
from goeswith.evaluate.evaluate import Answers
from goeswith.evaluate.measures import MEASURES
from goeswith.evaluate.records import Records, records_of
from goeswith.models import Scorer
from goeswith.models.floors import PairFloor

if TYPE_CHECKING:
    from goeswith.data.dataset import Dataset

FOLDS = 5
STRENGTHS = (0.003, 0.03, 0.3)
"""C of the regression, of which the one is taken that does best on folds left out."""


@dataclass(frozen=True)
class Fitted:
    """A regression over all clues. weights: (K,) of clues as they are. shares: clue → its part of what they say.

    A clue's part is the size of its weight times the deviation of its values, over the sum of all. signs: (K,) 1 or
    −1, which way round each clue is right more often in training.
    """

    weights: np.ndarray
    shares: dict[str, float]
    signs: np.ndarray


Kind = tuple[str, str]
"""Task and negatives that a regression is fitted for."""


@dataclass(frozen=True)
class Shortcuts:
    """The clues of a data set, and regressions over them, each fitted when it is first asked for.

    outfits: that are counted; by default those of training. held_out: that the regressions learn from, none of which is
    counted; by default the counted ones, each fold as long as the others are counted. So few may be counted that their
    folds have no questions.
    """

    dataset: Dataset
    outfits: Outfits | None = None
    held_out: Outfits | None = None
    _rows: dict[Kind, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict, repr=False)
    _fitted: dict[tuple[Kind, bool], Fitted] = field(default_factory=dict, repr=False)

    @property
    def floors(self) -> dict[str, Scorer]:
        """All clues together: those that read no id, and all of them."""
        both = (RecordsFloor("records", self, False), RecordsFloor("records and ids", self, True))
        return {floor.name: floor for floor in both}

    @cached_property
    def records(self) -> Records:
        """Of the items, read once."""
        return records_of(self.dataset)

    @cached_property
    def train(self) -> Outfits:
        """The outfits that are counted."""
        return self.dataset.outfits.split("train") if self.outfits is None else self.outfits

    @cached_property
    def clues(self) -> list[Clue]:
        """Counted in all training outfits."""
        return self._counted_in(self.train)

    @cached_property
    def folds(self) -> list[tuple[int, Outfits, list[Clue]]]:
        """Number and outfits of each fold, and the clues counted in the other folds; of `held_out` a single one."""
        if self.held_out is not None:
            return [(0, self.held_out, self.clues)]
        fold = np.random.default_rng(0).permutation(len(self.train)) % FOLDS
        parts = [(kind, self.train.take(fold == kind), self.train.take(fold != kind)) for kind in range(FOLDS)]
        return [(kind, own, self._counted_in(others)) for kind, own, others in parts if len(own) and len(others)]

    def _counted_in(self, outfits: Outfits) -> list[Clue]:
        return clues(self.records, outfits, len(self.dataset.catalogue))

    def fitted_to(self, questions: Questions, ids: bool = True) -> Fitted:
        """The regression for questions of this task and these negatives; with `ids`, over clues of ids too."""
        tasks, negatives = set(questions.frame["task"]), set(questions.frame["negatives"])
        return self.fitted("triplet" if tasks == {"triplet"} else "fitb", min(negatives), ids)

    def fitted(self, task: str, negatives: str, ids: bool = True) -> Fitted:
        """The regression for a task and negatives; those of published questions are taken for ``group``."""
        usual = negatives in ("random", "group", "category") or is_matched(negatives)
        kind = task, negatives if usual else "group"
        if (kind, ids) not in self._fitted:
            if kind not in self._rows:
                self._rows[kind] = self._differences(*kind)
            self._fitted[kind, ids] = self._fit(*self._rows[kind], ids)
        return self._fitted[kind, ids]

    def _fit(self, rows: np.ndarray, fold: np.ndarray, ids: bool) -> Fitted:
        deviation = rows.std(axis=0) if len(rows) else np.zeros(len(self.clues))
        usable = (deviation > 1e-9) & np.array([ids or not clue.of_ids for clue in self.clues])
        weights = np.zeros(len(self.clues))
        if usable.any():
            weights[usable] = _regression(rows[:, usable] / deviation[usable], fold) / deviation[usable]
        parts = np.abs(weights) * deviation
        shares = parts / max(parts.sum(), 1e-12)
        named = {self.clues[at].name: float(shares[at]) for at in np.argsort(-shares) if shares[at] > 0}
        signs = np.where(np.sign(rows).sum(axis=0) < 0, -1.0, 1.0)
        return Fitted(weights, named, signs)

    def _differences(self, task: str, negatives: str) -> tuple[np.ndarray, np.ndarray]:
        """What clues say of the right minus each wrong answer (N, K), and the fold (N,) that the question is of."""
        train, catalogue = self.train, self.dataset.catalogue
        differences, folds = [np.zeros((0, len(self.clues)))], [np.zeros(0, np.int64)]
        for held_out, own, counted in self.folds:
            frame, _ = make_questions(catalogue, own, None, task, negatives, known_outfits=[train])
            if not len(frame):
                continue
            questions = Questions.from_frame(frame, catalogue)
            values = clue_values(counted, questions).T  # (scores, K)
            right = np.zeros(len(values), bool)
            right[questions.candidate_offsets[:-1] + questions.answers] = True
            owner = np.repeat(np.arange(len(questions)), np.diff(questions.candidate_offsets))[~right]
            differences.append(values[right][owner] - values[~right])
            folds.append(owner % FOLDS if len(self.folds) == 1 else np.full(len(owner), held_out))
        return np.concatenate(differences), np.concatenate(folds)


@dataclass(frozen=True)
class RecordsFloor:
    """Clues together, for each kind of question as it was fitted for it. `score` is that for matched FITB questions."""

    name: str
    shortcuts: Shortcuts
    ids: bool

    def score(self, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Scores (B,) float64 of outfits, items (B, n) int64 and mask (B, n) bool."""
        return self._scorer(self.shortcuts.fitted("fitb", "matched", self.ids)).score(items, mask)

    def suited(self, questions: Questions) -> PairFloor:
        """The scorer that was fitted for questions of this task and these negatives."""
        return self._scorer(self.shortcuts.fitted_to(questions, self.ids))

    def _scorer(self, fitted: Fitted) -> PairFloor:
        return PairFloor(self.name, WeightedClues(self.shortcuts.clues, fitted.weights))


class ClueScore(NamedTuple):
    """What one clue alone makes of a question file, in the headline measure of its task.

    low, high: an interval that holds with 95 % for all clues of the file at once. chance: of these questions.
    """

    name: str
    metric: str
    value: float
    low: float
    high: float
    chance: float

    @property
    def above(self) -> bool:
        """Whether it is better than chance, though it is one of many."""
        return self.low > self.chance


def single_clues(shortcuts: Shortcuts, questions: Questions) -> list[ClueScore]:
    """Every clue alone on questions of one task, the best first; which way round it counts is learnt in training.

    Nothing for labelled questions, nor for a file of several tasks. The interval is the normal one of a mean over
    outfits, with Bonferroni's correction for the number of clues.
    """
    tasks = set(questions.frame["task"])
    if len(tasks) > 1 or (questions.labels >= 0).any():
        return []
    [task] = tasks
    signs = shortcuts.fitted_to(questions).signs
    values = clue_values(shortcuts.clues, questions) * signs[:, None]
    outfits = questions.frame["outfit_id"].rank("dense").to_numpy().astype(np.int64) - 1
    measure, sizes = MEASURES[task][0], np.bincount(outfits)
    z = float(ndtri(1 - 0.025 / len(values)))

    def measured(scores: np.ndarray) -> np.ndarray:
        values_of_questions = measure(Answers("", questions, scores).ranks)
        return np.bincount(outfits, values_of_questions) / sizes

    chance = float(measured(np.zeros(values.shape[1])).mean())
    results = []
    for clue, scores in zip(shortcuts.clues, values, strict=True):
        each = measured(np.round(scores, 9))
        margin = z * float(each.std()) / np.sqrt(len(each))
        value = float(each.mean())
        results.append(ClueScore(clue.name, str(measure), value, value - margin, value + margin, chance))
    return sorted(results, key=lambda result: -result.value)


def _regression(rows: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Weights (K,) of a logistic regression without intercept under which rows (N, K) are positive.

    Its penalty is the one of `STRENGTHS` under which two folds that it has not seen are likeliest.
    """

    def fit(some: np.ndarray, strength: float) -> np.ndarray:
        penalty = 1 / (strength * len(some))

        def cost(weights: np.ndarray) -> tuple[float, np.ndarray]:
            logits = some @ weights
            value = np.logaddexp(0, -logits).mean() + penalty / 2 * weights @ weights
            return float(value), penalty * weights - expit(-logits) @ some / len(some)

        # as scikit-learn fits it, whose import takes longer than all of these regressions
        steps = {"maxiter": 200, "maxls": 50, "gtol": 1e-4, "ftol": 1e-14}
        weights: np.ndarray = minimize(cost, np.zeros(some.shape[1]), jac=True, method="L-BFGS-B", options=steps).x
        return weights

    def loss(strength: float) -> float:
        kinds = [kind for kind in np.unique(fold)[:2] if (fold != kind).sum() > 1]
        losses = [np.logaddexp(0, -rows[fold == kind] @ fit(rows[fold != kind], strength)).sum() for kind in kinds]
        return float(np.sum(losses))

    if len(rows) < 2:
        return np.zeros(rows.shape[1])
    best = min(STRENGTHS, key=loss) if len(np.unique(fold)) > 1 else STRENGTHS[0]
    return fit(rows, best)
