"""Clues: what the records of two items say about whether they were worn together, one value per pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from goeswith.data.outfits import Outfits
from goeswith.data.questions import Questions
from goeswith.evaluate.records import Records
from goeswith.models.floors import Lift, PairValue, lift_table, pair_means, worn_pairs

TABLE = 1500
"""A column of at most so many values has its lifts in a table."""


@dataclass(frozen=True)
class Clue:
    """One clue: its name, its value for item pairs, the same both ways round, and whether it reads the items' ids."""

    name: str
    value: PairValue
    of_ids: bool = False


def clues(records: Records, counted: Outfits, size: int) -> list[Clue]:
    """All clues that the records of `size` items allow, whose counts come from the outfits `counted`."""
    worn, pairs = np.log1p(np.bincount(counted.items, minlength=size)), worn_pairs(counted)
    result = [Clue("popularity", _Mean(worn)), Clue("item pairs", Lift.of(np.arange(len(worn)), pairs))]
    for name, codes in records.codes.items():
        result.append(Clue(f"{name} worn together", _lifts(codes, pairs), name in records.of_ids))
        result.append(Clue(f"same {name}", _Same(codes), name in records.of_ids))
    for name, values in records.numbers.items():
        result.append(Clue(f"nearness of {name}", _Near(values), name in records.of_ids))
        if values.shape[1] == 1:
            result.append(Clue(f"mean {name}", _Mean(values[:, 0]), name in records.of_ids))
    return result


@dataclass(frozen=True)
class _Mean:
    """The mean of one number (U,) over the two items; over all pairs of an outfit that is the mean of its items."""

    values: np.ndarray

    def __call__(self, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        return (self.values[rows] + self.values[others]) / 2


@dataclass(frozen=True)
class _Same:
    codes: np.ndarray

    def __call__(self, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        return (self.codes[rows] == self.codes[others]).astype(np.float64)


@dataclass(frozen=True)
class _Near:
    """−log (ε + distance) of values (U, d)."""

    values: np.ndarray

    def __call__(self, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        near: np.ndarray = -np.log(1e-3 + np.linalg.norm(self.values[rows] - self.values[others], axis=1))
        return near


@dataclass(frozen=True)
class _Table:
    """Values (V, V) of pairs of codes (U,)."""

    codes: np.ndarray
    values: np.ndarray

    def __call__(self, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        values: np.ndarray = self.values[self.codes[rows], self.codes[others]]
        return values


def _lifts(codes: np.ndarray, pairs: tuple[np.ndarray, np.ndarray]) -> PairValue:
    """The lift of each two codes, from a table where they are few."""
    kinds, code = np.unique(codes, return_inverse=True)
    code = code.reshape(-1)
    return Lift.of(code, pairs) if len(kinds) > TABLE else _Table(code, lift_table(code, pairs))


@dataclass(frozen=True)
class WeightedClues:
    """Clues that are added up, each times its weight (K,)."""

    clues: Sequence[Clue]
    weights: np.ndarray

    def __call__(self, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        """The sum (P,) for the item pairs (rows, others), both (P,)."""
        total = np.zeros(len(rows))
        for clue, weight in zip(self.clues, self.weights, strict=True):
            if weight:
                total += weight * clue.value(rows, others)
        return total


def clue_values(clues: Sequence[Clue], questions: Questions) -> np.ndarray:
    """What each clue says of every candidate of every question, or whole labelled outfit: (K, scores) float64."""
    result = np.empty((len(clues), int(questions.score_offsets[-1])))
    for block in questions.blocks():
        rows = slice(block.start, block.start + len(block.items))
        result[:, rows] = pair_means([clue.value for clue in clues], block.items, block.mask)
    return np.nan_to_num(result)
