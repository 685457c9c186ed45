"""Steps: a search for looks, a step at a time, so that the steps of several searches can be computed together.

A search is a generator: it yields what it wants of the model, is sent the answer, and returns what was searched for.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from goeswith.shop.candidates import FULL
from goeswith.shop.gaps import Gap
from goeswith.shop.index import Index

T = TypeVar("T")


class Pairs(NamedTuple):
    """Wanted: the candidates that the full model should score; the answer is that of `Candidates.pairs`."""

    gap: Gap
    full: int = FULL


class Scores(NamedTuple):
    """Wanted: the model's scores (B,) of looks (B, n); NaN where it has none."""

    items: np.ndarray


Wanted = Pairs | Scores
Steps = Generator[Wanted, Any, T]


def finish(index: Index, steps: Steps[T]) -> T:
    """What a search returns, computed now and alone."""
    answer: Any = None
    while True:
        try:
            wanted = steps.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result
        answer = compute(index, [wanted])[0]


def compute(index: Index, wanted: Sequence[Wanted]) -> list[Any]:
    """The answers to what several searches want of one index: one pass over its states, and one call for each length
    of looks. They are those of single searches, up to the rounding of float32."""
    answers: dict[int, Any] = {}
    pairs = [(number, want) for number, want in enumerate(wanted) if isinstance(want, Pairs)]
    pair_answers = index.candidates.pairs_of([want.gap for _, want in pairs], [want.full for _, want in pairs])
    answers.update((number, answer) for (number, _), answer in zip(pairs, pair_answers, strict=True))
    looks = [(number, want.items) for number, want in enumerate(wanted) if isinstance(want, Scores)]
    for width in {items.shape[1] for _, items in looks}:
        same = [(number, items) for number, items in looks if items.shape[1] == width]
        together = np.concatenate([items for _, items in same])
        scores = index.scorer.score(together, np.ones(together.shape, bool))
        parts = np.split(scores, np.cumsum([len(items) for _, items in same])[:-1])
        answers.update((number, part) for (number, _), part in zip(same, parts, strict=True))
    return [answers[number] for number in range(len(wanted))]
