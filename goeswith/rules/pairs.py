"""Rule pairs: tops and bottoms worn together, and how often rules pick the right one of two bottoms."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from goeswith.data.catalogue import Catalogue
from goeswith.data.outfits import Outfits
from goeswith.data.pairs import RULE_BOTTOM, RULE_TOP, distinct_pairs
from goeswith.data.questions import read_questions
from goeswith.rules.rules import Matches

if TYPE_CHECKING:
    from goeswith.data.dataset import Dataset

NO_PAIRS = (
    f"has no outfit with a top (group {' or '.join(RULE_TOP)}) and a bottom ({' or '.join(RULE_BOTTOM)}); "
    "rules apply only to such pairs; fill the group column of the catalogue"
)
_ATTEMPTS = 20  # draws of another bottom before a pair is left out
_BLOCK = 1 << 23  # votes at a time: 8 MB
_Z = 1.959964  # of a 95 % interval


@dataclass(frozen=True)
class RuleScore:
    """How a rule does on triplets: on how many it is active, and on how many of those it is right."""

    triplets: int
    active: int
    right: int

    @property
    def coverage(self) -> float:
        """Share of the triplets on which it is active."""
        return self.active / self.triplets if self.triplets else math.nan

    @property
    def precision(self) -> float:
        """How often it is right where it is active; NaN where it never is."""
        return self.right / self.active if self.active else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the precision (Wilson 1927), which keeps inside 0 and 1 however few the triplets."""
        if not self.active:
            return 0.0, 1.0
        n, p = self.active, self.precision
        centre = (p + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
        half = _Z * math.sqrt(p * (1 - p) / n + _Z**2 / (4 * n**2)) / (1 + _Z**2 / n)
        return max(centre - half, 0.0), min(centre + half, 1.0)


def measure(matches: Matches, triplets: np.ndarray) -> list[RuleScore]:
    """How each rule does on triplets (N, 3): top, worn bottom, other bottom."""
    count = len(matches.rules)
    right, wrong = np.zeros(count, np.int64), np.zeros(count, np.int64)
    for block in np.array_split(triplets, len(triplets) * count // _BLOCK + 1):
        votes = matches.votes(*block.T)
        right += np.count_nonzero(votes > 0, axis=0)
        wrong += np.count_nonzero(votes < 0, axis=0)
    return [RuleScore(len(triplets), int(r + w), int(r)) for r, w in zip(right, wrong, strict=True)]


def worn_pairs(outfits: Outfits, catalogue: Catalogue) -> np.ndarray:
    """Distinct pairs that a rule may speak of (`RULE_TOP`, `RULE_BOTTOM`), worn in one outfit: (N, 2) int64 rows."""
    return distinct_pairs(outfits, catalogue, RULE_TOP, RULE_BOTTOM)


def triplets(dataset: Dataset, split: str, seed: int = 0) -> np.ndarray:
    """Top, worn bottom, other bottom: (N, 3) int64 catalogue rows; none where the split has no pair.

    The publisher's own where the data set has them (``official-<split>-triplet``); else each pair of the split with one
    other bottom of the split, which that top is worn with nowhere.
    """
    file = dataset.path / "questions" / f"official-{split}-triplet.parquet"
    if file.is_file() and not dataset.outfit_source:
        return _published(file, dataset.catalogue)
    outfits = dataset.outfits
    pairs = worn_pairs(outfits.take(outfits.splits == split), dataset.catalogue)
    all_pairs = worn_pairs(outfits, dataset.catalogue)
    return _drawn(pairs, all_pairs, len(dataset.catalogue), np.random.default_rng(seed))


def _published(file: Path, catalogue: Catalogue) -> np.ndarray:
    """The questions of a file that ask for one of two bottoms to one top."""
    questions = read_questions(file, catalogue)
    plain = (
        (questions.context_mask.sum(1) == 1) & (np.diff(questions.candidate_offsets) == 2) & (questions.answers >= 0)
    )
    first, answer = questions.candidate_offsets[:-1][plain], questions.answers[plain]
    rows = np.stack(
        [questions.context[plain, 0], questions.candidates[first + answer], questions.candidates[first + 1 - answer]]
    )
    groups = catalogue.items["group"].fill_null("")
    top, bottom = groups.is_in(RULE_TOP).to_numpy(), groups.is_in(RULE_BOTTOM).to_numpy()
    return rows.T[top[rows[0]] & bottom[rows[1]] & bottom[rows[2]]]


def _drawn(pairs: np.ndarray, all_pairs: np.ndarray, items: int, random: np.random.Generator) -> np.ndarray:
    """Each of the pairs (N, 2) with another bottom of theirs; a pair that has none is left out."""
    pool, keys = np.unique(pairs[:, 1]), all_pairs[:, 0] * items + all_pairs[:, 1]
    others, positions = np.zeros(len(pairs), np.int64), np.ones(len(pairs), dtype=bool)
    for _ in range(_ATTEMPTS):
        others[positions] = random.choice(pool, positions.sum()) if len(pool) else 0
        positions = np.isin(pairs[:, 0] * items + others, keys)
        if not positions.any():
            break
    return np.column_stack([pairs, others])[~positions]
