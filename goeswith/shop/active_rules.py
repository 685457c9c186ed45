"""Active rules: the rules of a run that apply to an outfit, and how far the run trusts each of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
import torch

from goeswith.data.catalogue import Catalogue
from goeswith.data.pairs import RULE_BOTTOM
from goeswith.evaluate.rule_votes import judge
from goeswith.rules.rules import Rule
from goeswith.shop.index import Index
from goeswith.train.scorers import RunScorer, TaughtScorer

OTHERS = 128
"""Other bottoms that the trust in a rule is averaged over."""


@dataclass(frozen=True)
class Fired:
    """A rule that matches two items of the outfit: it supports them with the sign ``+``, and opposes them with ``-``.

    confidence: mean λ, of 1 for all active rules, against other bottoms; None where it decides against none of them.
    """

    rule: Rule
    top: str
    bottom: str
    confidence: float | None

    def __str__(self) -> str:
        trust = "never decides" if self.confidence is None else f"trusted {self.confidence:.1f} of 1"
        return f"{self.rule} ({trust}) {'for' if self.rule.sign == '+' else 'against'} {self.top} with {self.bottom}"


def fired(index: Index, rows: np.ndarray) -> tuple[Fired, ...]:
    """The rules of the run whose pair two of the items make, the most trusted first; none where no rules taught it.

    A rule decides between two bottoms, so trust is the mean over other bottoms in the place of the one that is there.
    """
    if index.run.config.get("rules") is None:
        return ()
    bottoms = index.catalogue.items["group"].is_in(RULE_BOTTOM).fill_null(False).to_numpy() & index.scorer.present
    bottoms[rows] = False
    others = np.random.default_rng(0).permutation(np.flatnonzero(bottoms))[:OTHERS]
    taught = _taught(index, np.concatenate([rows, others]))  # the outfit's items are its first rows
    size = len(rows)
    first, second = (~np.eye(size, dtype=bool)).nonzero()
    pair, rule = taught.teacher.matches.pairs(first, second).nonzero()
    trust = _trust(taught, size, np.unique(second[pair]), size + np.arange(len(others)))
    ids, rules = index.catalogue.ids, taught.teacher.matches.rules
    active = [
        Fired(rules[which], ids[rows[first[at]]], ids[rows[second[at]]], trust.get((int(second[at]), which)))
        for at, which in zip(pair.tolist(), rule.tolist(), strict=True)
    ]
    return tuple(sorted(active, key=lambda fired: -(fired.confidence or 0.0)))


def _taught(index: Index, rows: np.ndarray) -> TaughtScorer:
    """Student and rules over a few items of the index: a rule is looked up in those alone, however many there are."""
    few = index.scorer.states_of(torch.from_numpy(rows))
    student = RunScorer(index.run.title, index.run.model, few, index.scorer.present[rows])
    taught = index.run.taught(student, Catalogue(index.catalogue.items[rows.tolist()]))
    assert taught is not None  # there are rules
    return taught


def _trust(taught: TaughtScorer, size: int, bottoms: np.ndarray, others: np.ndarray) -> dict[tuple[int, int], float]:
    """(bottom, rule) → mean λ, with each of `bottoms` among the first `size` items held against `others`; one batch."""
    if not len(others) or not len(bottoms):
        return {}
    bottom, other = (part.ravel() for part in np.meshgrid(bottoms, others, indexing="ij"))
    context = np.arange(size - 1) + (np.arange(size - 1) >= bottom[:, None])  # (M, n − 1), the outfit without it
    judged = judge(taught, context, np.ones(context.shape, bool), np.stack([bottom, other], axis=1))
    active = judged.active.with_columns(place=pl.Series(bottom).gather(judged.active["question"]))
    means = active.group_by("place", "rule").agg(pl.col("trust").mean())
    return {(at, rule): trust for at, rule, trust in means.iter_rows()}
