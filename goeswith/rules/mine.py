"""Mine: finds rules in training pairs: values worn together far more or less often than by chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from scipy import sparse, special

from goeswith.data.catalogue import Catalogue
from goeswith.errors import ConfigError, DataError
from goeswith.rules.pairs import NO_PAIRS, RuleScore, measure, triplets, worn_pairs
from goeswith.rules.rules import Rule, match
from goeswith.rules.values import ATTRIBUTES, vocabulary
from goeswith.rules.words import mentions

if TYPE_CHECKING:
    from goeswith.data.dataset import Dataset

LEAST_ITEMS = 5
"""Values that fewer items say are no taste, however often those are worn."""

CONTAINED = 0.8
"""A rule is left out if this share of the pairs it speaks of belongs to a more useful rule of the same sign."""


@dataclass(frozen=True)
class Mined:
    """A rule, and the evidence for it.

    support: training pairs that meet it. expected: how many would, were tops and bottoms put together by chance.
    lift: (support + 1) / (expected + 1), which a handful of pairs cannot make large.
    p: of the G test, corrected for all that was tried (see `mine`).
    valid: how it does on validation triplets, which had no part in finding it.
    """

    rule: Rule
    support: int
    expected: float
    lift: float
    p: float
    valid: RuleScore


@dataclass(frozen=True)
class _Counts:
    """Training pairs by value of the top (rows) and value of the bottom (columns), V values of all attributes.

    kind: (V,) attribute of each value. together: (V, V) pairs. pairs: how many there are.
    top_overlap, bottom_overlap: (V, V) pairs whose top, whose bottom says both values.
    """

    kind: np.ndarray
    together: np.ndarray
    top_overlap: np.ndarray
    bottom_overlap: np.ndarray
    pairs: int

    @property
    def top(self) -> np.ndarray:
        """(V,) pairs whose top says the value."""
        return self.top_overlap.diagonal()

    @property
    def bottom(self) -> np.ndarray:
        """(V,) pairs whose bottom says the value."""
        return self.bottom_overlap.diagonal()


def mine(
    dataset: Dataset,
    *,
    attributes: Sequence[str] | None = None,
    most: int = 60,
    least_pairs: int = 20,
    least_lift: float = 1.5,
    false_discoveries: float = 0.01,
    seed: int = 0,
) -> list[Mined]:
    """The most useful rules of the training pairs, best first.

    Every value of a top is tried with every value of a bottom of the same attribute by the G test of independence
    (Dunning 1993, "Accurate methods for the statistics of surprise and coincidence"), corrected for their number
    with Benjamini & Yekutieli (2001), which allows for tests that depend on each other, as words of one title do.
    It takes pairs as independent; items worn often make it too sure of itself, which validation triplets then show.

    Useful is what decides many triplets correctly: |support − expected| / pairs is 2 × coverage × |precision − ½| on
    triplets whose other bottom is drawn as bottoms are worn. It comes from training pairs, so `Mined.valid` is honest.

    Args:
        attributes: `ATTRIBUTES` by default.
        most: rules at most. least_pairs: that a rule has (``+``) or would have by chance (``-``).
        least_lift: of a ``+`` rule; of a ``-`` rule its inverse at most. Precision is about lift / (1 + lift).
        false_discoveries: the share of rules that may be there by chance.
        seed: of the validation triplets, where the data set has none of its own.

    Raises:
        DataError: no training outfit has a top and a bottom, or an attribute that was asked for says nothing.
        ConfigError: a setting that allows no rule or any.
    """
    if most < 1 or least_pairs < 1 or least_lift <= 1 or not 0 < false_discoveries < 1:
        raise ConfigError(
            f"most={most}, least_pairs={least_pairs}, least_lift={least_lift}, false_discoveries={false_discoveries}: "
            "the first two must be >= 1, the third > 1, the last between 0 and 1"
        )
    pairs = worn_pairs(dataset.outfits.split("train"), dataset.catalogue)
    if not len(pairs):
        raise DataError(f"{dataset.path} {NO_PAIRS}")
    rows, indices = np.unique(pairs, return_inverse=True)
    worn = Catalogue(dataset.catalogue.items[rows])
    terms = vocabulary(worn, attributes or ATTRIBUTES, LEAST_ITEMS)
    for name in attributes or ():
        if name not in {attribute for attribute, _ in terms}:
            raise DataError(f"no {name} occurs in {LEAST_ITEMS} items worn in training; leave out --attribute {name}")
    if not terms:
        return []
    counts = _count(worn, terms, indices.reshape(-1, 2))
    candidates = _significant(counts, least_pairs, least_lift, false_discoveries)
    chosen = candidates[_apart(counts, candidates, most)].rows(named=True)
    rules = [Rule(terms[row["top"]][0], terms[row["top"]][1], terms[row["bottom"]][1], row["sign"]) for row in chosen]
    measured = measure(match(rules, dataset.catalogue), triplets(dataset, "valid", seed))
    return [
        Mined(rule, int(row["support"]), row["expected"], row["lift"], row["p"], valid)
        for rule, row, valid in zip(rules, chosen, measured, strict=True)
    ]


def _count(worn: Catalogue, terms: Sequence[tuple[str, str]], pairs: np.ndarray) -> _Counts:
    """Count pairs (P, 2) of rows of `worn` by products of sparse 0/1 matrices, values × items."""
    kinds = np.array([attribute for attribute, _ in terms], dtype=object)
    names = dict.fromkeys(kinds)
    says = [sparse.csr_array(mentions(worn, name, [v for a, v in terms if a == name])) for name in names]
    held = sparse.vstack(says, format="csr").astype(np.float64)  # (V, U)
    tops, bottoms = held[:, pairs[:, 0]], held[:, pairs[:, 1]]  # (V, P)
    return _Counts(
        kind=kinds,
        together=(tops @ bottoms.T).toarray(),
        top_overlap=(tops @ tops.T).toarray(),
        bottom_overlap=(bottoms @ bottoms.T).toarray(),
        pairs=len(pairs),
    )


def _significant(counts: _Counts, pairs: int, lift: float, false_discoveries: float) -> pl.DataFrame:
    """Columns top, bottom (places of values), sign, support, expected, lift, p, the most useful first.

    pairs, lift, false_discoveries: the least and the most that are good enough, see `mine`.
    """
    top, bottom = np.nonzero(
        (counts.kind[:, None] == counts.kind) & (counts.top[:, None] >= pairs) & (counts.bottom >= pairs)
    )
    support, expected = counts.together[top, bottom], counts.top[top] * counts.bottom[bottom] / counts.pairs
    tried = pl.DataFrame(
        {
            "top": top, "bottom": bottom, "support": support, "expected": expected,
            "lift": (support + 1) / (expected + 1),
            "p": _chance(support, counts.top[top], counts.bottom[bottom], counts.pairs),
        }
    )  # fmt: skip
    more = pl.col("support") > pl.col("expected")
    enough = pl.max_horizontal("support", "expected") >= pairs
    strong = pl.when(more).then(pl.col("lift") >= lift).otherwise(pl.col("lift") <= 1 / lift)
    useful = (pl.col("support") - pl.col("expected")).abs()
    good = tried.filter(enough, strong, pl.col("p") <= false_discoveries)
    signed = good.with_columns(sign=pl.when(more).then(pl.lit("+")).otherwise(pl.lit("-")))
    return signed.sort(useful, descending=True, maintain_order=True)


def _chance(both: np.ndarray, top: np.ndarray, bottom: np.ndarray, pairs: int) -> np.ndarray:
    """p of the G test on 2 × 2 tables (M,), corrected for their number M: 2 Σ O ln(O / E), one degree of freedom."""
    from scipy import stats

    cells = sum(map(_xlogx, (both, top - both, bottom - both, pairs - top - bottom + both)))
    sides = sum(map(_xlogx, (top, pairs - top, bottom, pairs - bottom)))
    p = stats.chi2.sf(2 * np.maximum(cells - sides + _xlogx(np.array(pairs)), 0), 1)
    return stats.false_discovery_control(p, method="by") if len(p) else p


def _xlogx(count: np.ndarray) -> np.ndarray:
    return special.xlogy(count, count)


def _apart(counts: _Counts, candidates: pl.DataFrame, most: int) -> list[int]:
    """The first `most` rows of `candidates` that are not `CONTAINED` in an earlier one of their sign."""
    top, bottom, sign = (candidates[name].to_numpy() for name in ("top", "bottom", "sign"))
    distinct: list[int] = []
    for at in range(len(candidates)):
        if len(distinct) == most:
            break
        same = [other for other in distinct if sign[other] == sign[at]]
        inside = counts.top_overlap[top[at], top[same]] * counts.bottom_overlap[bottom[at], bottom[same]]
        if not (inside > CONTAINED * counts.top[top[at]] * counts.bottom[bottom[at]]).any():
            distinct.append(at)
    return distinct
