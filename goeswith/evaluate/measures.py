"""Measures: values of the rank of the right candidate, with the expected value for ties."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from goeswith import plugins
from goeswith.errors import ConfigError


@dataclass(frozen=True)
class Ranks:
    """How the truth of each question fares; above, equal and wrong are (Q,) float64.

    above: wrong candidates with a higher score, or with none. equal: wrong ones with the same score.
    wrong: wrong candidates in all. missing: (Q,) bool, the truth itself has no score.
    """

    above: np.ndarray
    equal: np.ndarray
    wrong: np.ndarray
    missing: np.ndarray


@dataclass(frozen=True)
class Measure:
    """A measure, which prints as it is typed: ``accuracy``, ``auc``, ``pooled_auc``, ``mrr``, ``recall@5``."""

    name: str
    k: int = 0

    @classmethod
    def parse(cls, text: str) -> Measure:
        """The measure that prints as `text`.

        Raises:
            ConfigError: there is no such measure.
        """
        match = re.fullmatch(r"(accuracy|auc|pooled_auc|mrr)|(recall)@([1-9][0-9]*)", text)
        if not match:
            raise ConfigError(f"there is no measure {text!r}; choose accuracy, auc, pooled_auc, mrr or recall@k")
        return cls(match[1] or match[2], int(match[3] or 0))

    def __str__(self) -> str:
        return f"{self.name}@{self.k}" if self.k else self.name

    def __call__(self, ranks: Ranks) -> np.ndarray:
        """Value (Q,) of each question, float64: the expectation over the orders of tied candidates.

        The truth's rank is one of above + 1, ..., above + equal + 1, each as likely. 0 where the truth is missing.

        Raises:
            ConfigError: the measure is `POOLED`, which no single question has.
        """
        above, ties = ranks.above, ranks.equal + 1
        if self.name == "accuracy":
            values = (above == 0) / ties
        elif self.name == "auc":
            values = 1 - (above + ranks.equal / 2) / np.maximum(ranks.wrong, 1)
        elif self.name == "mrr":
            harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, ranks.wrong.max(initial=0) + 2))])
            low, high = above.astype(np.int64), (above + ties).astype(np.int64)
            values = (harmonic[high] - harmonic[low]) / ties
        elif self.name == "recall":
            values = np.clip(self.k - above, 0, ties) / ties
        else:
            raise ConfigError(f"{self} is measured over a whole file, not question by question")
        return np.where(ranks.missing, 0.0, values)


POOLED = Measure("pooled_auc")
"""ROC-AUC of all outfits of a file thrown together; `Measure` values of single questions do not make it up."""

MEASURES = {
    "compat": (Measure("auc"), POOLED),
    "fitb": (Measure("accuracy"),),
    "triplet": (Measure("auc"),),
    "retrieval": (Measure("mrr"), Measure("recall", 1), Measure("recall", 5), Measure("recall", 10)),
    "anchor": (Measure("recall", 10), Measure("recall", 1), Measure("mrr")),
    "rest": (Measure("recall", 10), Measure("recall", 1), Measure("mrr")),
    "exhaustive": (Measure("auc"),),
}
"""The measures of each task, the headline first. Whole outfits with a published label have `POOLED` alone."""


@dataclass(frozen=True)
class OtherMeasure:
    """A measure of another package, which prints as the name that it is found by.

    function: `Ranks` of Q questions → values (Q,), higher = better. tasks: of the questions that it belongs to.
    """

    name: str
    function: Callable[[Ranks], np.ndarray]
    tasks: tuple[str, ...]

    def __str__(self) -> str:
        return self.name

    def __call__(self, ranks: Ranks) -> np.ndarray:
        """Value (Q,) of each question; 0 where the truth is missing.

        Raises:
            ConfigError: the function does not give one number a question.
        """
        values = np.asarray(self.function(ranks), np.float64)
        if values.shape != ranks.above.shape:
            raise ConfigError(f"the measure {self.name!r} gave {values.shape} values for {len(ranks.above)} questions")
        return np.where(ranks.missing, 0.0, values)


def other_measures(names: Iterable[str] = ()) -> list[OtherMeasure]:
    """The measures that installed packages offer, and those of `names`: a function of `Ranks` with ``tasks``.

    Raises:
        ConfigError: there is no measure of such a name, or it does not say its tasks.
    """
    measures = []
    for name in dict.fromkeys([*plugins.offered("measures"), *names]):
        function = plugins.load("measures", name)
        if function is None:
            others = plugins.names("measures", ()) or "none"
            raise ConfigError(f"there is no measure {name!r}; packages offer: {others}")
        tasks = tuple(getattr(function, "tasks", ()))
        if not tasks or not set(tasks) <= set(MEASURES):
            raise ConfigError(f"the measure {name!r} must have tasks, some of: {', '.join(MEASURES)}")
        measures.append(OtherMeasure(name, function, tasks))
    return measures
