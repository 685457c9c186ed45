"""Ruled scorer: the scores of a model, corrected at answer time by rules that somebody switched on.

As a teacher of AKD-DBPR corrects its student (`goeswith.train.rule_teacher`), with equal trust in every rule that
applies: score + w · mean of the signs of the rules whose pair the outfit makes, where w is what the model's scores of
one top with different bottoms differ by (their standard deviation).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from goeswith.data.catalogue import Catalogue
from goeswith.data.pairs import RULE_BOTTOM, RULE_TOP
from goeswith.rules.rules import Matches, Rule, match
from goeswith.train.scorers import RunScorer

TOPS, BOTTOMS = 32, 16
"""Items whose pairs are scored to see how far scores differ."""


class RuledScorer(RunScorer):
    """The model and rules over one catalogue.

    Args:
        student: the model's own scorer. rules: at least one.

    Raises:
        CatalogueError: a rule names an attribute that the catalogue does not have.
    """

    def __init__(self, student: RunScorer, catalogue: Catalogue, rules: Sequence[Rule]) -> None:
        super().__init__(student.name, student.model, student.states, student.present)
        self.student, self.matches = student, match(rules, catalogue)
        self.signs = np.array([1.0 if rule.sign == "+" else -1.0 for rule in rules])
        self.worth = spread(student, catalogue)

    def score(self, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Corrected scores (B,) float64 of outfits (B, n); NaN as the model has them."""
        return self.student.score(items, mask) + self.worth * votes(self.matches, self.signs, items, mask)


def votes(matches: Matches, signs: np.ndarray, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Mean sign (B,) of the rules whose pair outfits (B, n) make, 0 where they make none."""
    tops, bottoms = (
        np.bitwise_or.reduce(np.where(mask[..., None], side[items], 0), axis=1)
        for side in (matches.tops, matches.bottoms)
    )  # no item is a top and a bottom: their groups differ
    made = np.unpackbits(tops & bottoms, axis=1, count=len(signs)).astype(np.float64)
    mean: np.ndarray = made @ signs / np.maximum(made.sum(axis=1), 1)
    return mean


def spread(student: RunScorer, catalogue: Catalogue) -> float:
    """Standard deviation of the scores of one top with different bottoms; 1 where there are no such pairs."""
    groups, chance = catalogue.items["group"].fill_null(""), np.random.default_rng(0)
    able = [np.flatnonzero(groups.is_in(some).to_numpy() & student.present) for some in (RULE_TOP, RULE_BOTTOM)]
    tops, bottoms = (chance.permutation(rows)[:count] for rows, count in zip(able, (TOPS, BOTTOMS), strict=True))
    if not len(tops) or len(bottoms) < 2:
        return 1.0
    pairs = np.stack([part.ravel() for part in np.meshgrid(tops, bottoms, indexing="ij")], axis=1)
    scores = student.score(pairs, np.ones(pairs.shape, bool)).reshape(len(tops), len(bottoms))
    scores = scores[~np.isnan(scores).all(axis=1)]  # a model of roles may see no top in one
    if not len(scores):
        return 1.0
    return float(np.nanstd(scores - np.nanmean(scores, axis=1, keepdims=True))) or 1.0
