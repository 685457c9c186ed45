"""Floors: baselines that only count or compare features. A model that does not beat them has learnt nothing.

Counts come from training outfits alone. Values lie on a grid of 2⁻³⁰, so float64 adds them without rounding:
neither item order nor padding changes a score, and two outfits with equal values tie exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from scipy.sparse import coo_array, csr_array

from goeswith.data.catalogue import Catalogue
from goeswith.data.outfits import Outfits
from goeswith.models import Scorer

if TYPE_CHECKING:
    from goeswith.data.features import Features

_BLOCK = 1 << 21  # numbers in one temporary array: 16 MB
_GRID = 2.0**30
_LEAST_TITLES, _MOST_WORDS = 5, 3000  # a word counts from so many titles on; the commonest so many do
_SMOOTHING = 1.0  # imagined item pairs added to what was seen and to what was expected

PairValue = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Catalogue rows (P,) and (P,) → a value (P,) of each item pair, the same both ways round."""


def fit_floors(catalogue: Catalogue, train: Outfits, features: Features | None = None) -> dict[str, Scorer]:
    """The floors that this catalogue can have, by name and in this order.

    chance: one score for everything. popularity: mean log(1 + training outfits that wear the item). rarity: less
    that; where items are worn once, wrong ones drawn from everywhere have been seen in training and true ones not.
    category: mean `Lift` over the item pairs. category colour: the same for (category, colour), which falls back
    to the categories' lift where it was never seen. item pairs: the same for the items themselves, which falls back
    to category colour: what memory alone can do. words: mean lift of the word pairs of two titles. season: share of
    item pairs of the same known season. cosine: mean cosine over the item pairs of the frozen features; NaN where an
    item has none. standardised: the same with every dimension at mean 0 and deviation 1 over the items of the
    training outfits, each encoder of like weight.
    category colour, words and season are left out where the catalogue says no colour, title or season, cosine and
    standardised without `features`.
    """
    worn = np.log1p(np.bincount(train.items, minlength=len(catalogue)))
    category = fine = Lift.count(catalogue.category_codes, train)
    floors: list[Scorer] = [
        ItemFloor("chance", np.zeros(len(catalogue))),
        ItemFloor("popularity", worn),
        ItemFloor("rarity", -worn),
        PairFloor("category", category),
    ]
    colours, names = catalogue.codes("colour")
    if names:
        both = catalogue.category_codes * (len(names) + 1) + colours + 1  # an unknown colour is one of its own
        fine = Lift.count(np.unique(both, return_inverse=True)[1].reshape(-1), train, coarse=category)
        floors.append(PairFloor("category colour", fine))
    floors.append(PairFloor("item pairs", Lift.count(np.arange(len(catalogue)), train, coarse=fine)))
    if (words := WordLift.count(catalogue, train)) is not None:
        floors.append(PairFloor("words", words))
    seasons, names = catalogue.codes("season")
    if names:
        floors.append(PairFloor("season", lambda a, b: (seasons[a] == seasons[b]) & (seasons[a] >= 0)))
    if features is not None:
        floors.append(CosineFloor.of("cosine", features.values, features.present))
        floors.append(CosineFloor.of("standardised", _standardised(features, train), features.present))
    return {floor.name: floor for floor in floors}


def _standardised(features: Features, train: Outfits) -> np.ndarray:
    """The features (U, D) float32 with mean 0 and deviation 1 / √(dimensions of their encoder) over training items."""
    worn = np.unique(train.items)
    values = features.values[worn[features.present[worn]]]
    if not len(values):
        return features.values
    deviation = values.std(axis=0, dtype=np.float64)
    sizes = np.repeat(features.blocks, features.blocks)
    scale = np.divide(1.0, deviation * np.sqrt(sizes), out=np.zeros(len(deviation)), where=deviation > 1e-6)
    return ((features.values - values.mean(axis=0, dtype=np.float64)) * scale).astype(np.float32)


@dataclass(frozen=True)
class ItemFloor:
    """The mean of one number an item. values: (U,) float64."""

    name: str
    values: np.ndarray

    def score(self, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Scores (B,) float64 of outfits, items (B, n) int64 and mask (B, n) bool; NaN without an item."""
        scores = np.empty(len(items))
        for block in _blocks(len(items), items.shape[1]):
            values = _on_grid(self.values[items[block]])
            scores[block] = _mean(values, mask[block])
        return scores


@dataclass(frozen=True)
class PairFloor:
    """The mean of one number an item pair."""

    name: str
    value: PairValue

    def score(self, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Scores (B,) float64 of outfits, items (B, n) int64 and mask (B, n) bool; NaN with fewer than two items."""
        return pair_means([self.value], items, mask)[0]


def pair_means(values: Sequence[PairValue], items: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The mean of each value over the item pairs of outfits, items (B, n) int64 and mask (B, n) bool: (K, B) float64.

    NaN with fewer than two items.
    """
    first, second = np.triu_indices(items.shape[1], 1)
    means = np.empty((len(values), len(items)))
    for block in _blocks(len(items), len(first)):
        real = mask[block][:, first] & mask[block][:, second]  # (b, n (n − 1) / 2)
        a, b, counts = items[block][:, first][real], items[block][:, second][real], real.sum(axis=1)
        owner = np.repeat(np.arange(len(real)), counts)
        for row, value in enumerate(values):
            with np.errstate(invalid="ignore"):
                means[row, block] = np.bincount(owner, _on_grid(value(a, b)), len(real)) / counts
    return means


@dataclass(frozen=True)
class CosineFloor:
    """The mean cosine over the item pairs.

    units: (U, D) float32 vectors of length 1, zeros without features; on a grid of 2⁻²⁰, so that float32 adds a dozen
    of them without rounding. present: (U,) bool.
    """

    name: str
    units: np.ndarray
    present: np.ndarray

    @classmethod
    def of(cls, name: str, values: np.ndarray, present: np.ndarray) -> CosineFloor:
        """The floor of vectors (U, D), of the items that are `present` (U,) bool and have a length."""
        norms = np.linalg.norm(values, axis=1, keepdims=True)
        present = present & (norms[:, 0] > 0)
        units = np.divide(values, norms, out=np.zeros(values.shape, np.float32), where=present[:, None])
        return cls(name, np.round(units * 2.0**20) / np.float32(2.0**20), present)

    def score(self, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Scores (B,) float64 of outfits, items (B, n) int64 and mask (B, n) bool; NaN where an item has no features.

        Σ_{i≠j} u_iᵀ u_j = ‖Σ_i u_i‖² − n for unit vectors u: no pair is ever formed.
        """
        scores = np.empty(len(items))
        for block in _blocks(len(items), self.units.shape[1]):
            sums, lengths = self._sums(items[block], mask[block]), mask[block].sum(axis=1)
            pairs = np.where(lengths > 1, lengths * (lengths - 1.0), np.nan)
            scores[block] = (np.square(sums, dtype=np.float64).sum(axis=1) - lengths) / pairs
        return np.where((self.present[items] | ~mask).all(axis=1), _on_grid(scores), np.nan)

    def fill(self, context: np.ndarray, mask: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Scores (B, m) of outfits with a gap (B, n) that the items `rows` (m,) fill, as `score` has them.

        ‖s + u‖² = ‖s‖² + 2 sᵀ u + 1 for the sum s of the others: one matrix product.
        """
        sums, lengths = self._sums(context, mask), mask.sum(axis=1, keepdims=True) + 1.0
        complete = (
            np.square(sums, dtype=np.float64).sum(axis=1, keepdims=True) + 2.0 * (sums @ self.units[rows].T) + 1.0
        )
        answerable = (self.present[context] | ~mask).all(axis=1, keepdims=True) & self.present[rows]
        return np.where(answerable, _on_grid((complete - lengths) / (lengths * (lengths - 1.0))), np.nan)

    def _sums(self, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Sums (B, D) of the unit vectors of each outfit."""
        import torch

        rows, units = torch.from_numpy(np.ascontiguousarray(items)), torch.from_numpy(self.units)
        weights = torch.from_numpy(np.ascontiguousarray(mask)).float()
        summed: np.ndarray = torch.nn.functional.embedding_bag(
            rows, units, mode="sum", per_sample_weights=weights
        ).numpy()
        return summed


@dataclass(frozen=True)
class Lift:
    """How much more often two codes meet in training outfits than chance would have them, log((n + 1) / (e + 1)).

    codes: (U,) int64 code of each item. seen: (V, V) how many item pairs had the codes, upper triangle.
    ends: (V,) how many pair ends had the code. e = ends_a ends_b / 2N, half of that for a = b, is what N pairs
    of independent ends would show; +1 keeps rare codes near 0. With a coarser `coarse`, e is multiplied by its
    lift and its logarithm added: pairs of codes too rare to tell have just the coarse lift.
    """

    codes: np.ndarray
    seen: csr_array
    ends: np.ndarray
    coarse: Lift | None = None

    @classmethod
    def count(cls, codes: np.ndarray, outfits: Outfits, coarse: Lift | None = None) -> Lift:
        """Count the item pairs of all outfits, by code."""
        return cls.of(codes, worn_pairs(outfits), coarse)

    @classmethod
    def of(cls, codes: np.ndarray, pairs: tuple[np.ndarray, np.ndarray], coarse: Lift | None = None) -> Lift:
        """Count item pairs, `worn_pairs`, by code."""
        size = int(codes.max(initial=-1)) + 1
        a, b = (codes[rows] for rows in pairs)
        seen = coo_array((np.ones(len(a)), (np.minimum(a, b), np.maximum(a, b))), shape=(size, size)).tocsr()
        seen.sort_indices()
        ends = np.asarray(seen.sum(axis=0)).ravel() + np.asarray(seen.sum(axis=1)).ravel()
        return cls(codes, seen, ends, coarse)

    def __call__(self, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Lift (P,) of the item pairs (rows, others), both (P,)."""
        if not len(rows):
            return np.zeros(0)
        a, b = self.codes[rows], self.codes[others]
        seen = np.asarray(self.seen[np.minimum(a, b), np.maximum(a, b)]).ravel()
        expected = self.ends[a] * self.ends[b] / max(2.0 * self.ends.sum(), 1.0) * np.where(a == b, 1.0, 2.0)
        coarse = self.coarse(rows, others) if self.coarse else np.zeros(len(rows))
        lift: np.ndarray = coarse + np.log((seen + _SMOOTHING) / (expected * np.exp(coarse) + _SMOOTHING))
        return lift


def lift_table(codes: np.ndarray, pairs: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """The `Lift` (V, V) of each two codes (U,), which are few, without a coarser one."""
    size = int(codes.max(initial=-1)) + 1
    a, b = (codes[rows] for rows in pairs)
    met = np.bincount(a * size + b, minlength=size * size).reshape(size, size)
    seen, ends = met + met.T - np.diag(np.diag(met)), (met.sum(axis=0) + met.sum(axis=1)).astype(np.float64)
    expected = np.outer(ends, ends) / max(2.0 * ends.sum(), 1.0) * (2.0 - np.eye(size))
    lift: np.ndarray = np.log((seen + _SMOOTHING) / (expected + _SMOOTHING))
    return lift


@dataclass(frozen=True)
class WordLift:
    """How much more often two words meet in the titles of items worn together than chance would have them.

    worn: (U, V) 1 where the item's title has the word. lift: (V, V) log((n + 1) / (e + 1)) as in `Lift`, for n pairs of
    words and e expected. The value of an item pair is the mean over the word pairs of its titles.
    """

    worn: csr_array
    lift: np.ndarray

    @classmethod
    def count(cls, catalogue: Catalogue, outfits: Outfits) -> WordLift | None:
        """Count the word pairs of all item pairs; None where hardly a title repeats a word."""
        worn = _words(catalogue.items["title"])
        if worn is None:
            return None
        seen = np.zeros((worn.shape[1],) * 2)
        for items in _by_length(outfits):
            pairs = coo_array((np.ones(items.size), (np.repeat(np.arange(len(items)), items.shape[1]), items.ravel())))
            word_counts = csr_array(pairs, shape=(len(items), len(catalogue))) @ worn
            # Pairs of different items: all pairs of the outfit less those inside an item.
            seen += (word_counts.T @ word_counts - worn[items.ravel()].T @ worn[items.ravel()]).toarray()
        ends = seen.sum(axis=0)
        expected = np.outer(ends, ends) / max(ends.sum(), 1.0)
        return cls(worn, np.log((seen + _SMOOTHING) / (expected + _SMOOTHING)))

    def __call__(self, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Mean lift (P,) of the word pairs of the item pairs (rows, others), both (P,); 0 without a word."""
        values = np.empty(len(rows))
        for block in _blocks(len(rows), len(self.lift)):
            left, right = self.worn[rows[block]], self.worn[others[block]]
            pairs = np.asarray(left.sum(axis=1) * right.sum(axis=1))
            values[block] = right.multiply(left @ self.lift).sum(axis=1) / np.maximum(pairs, 1)
        return values


def _words(titles: pl.Series) -> csr_array | None:
    """(U, V) 1 where a title has a word of two letters or more; None where hardly one is repeated."""
    words = titles.str.to_lowercase().str.extract_all(r"\w\w+").alias("word")
    each = words.to_frame().with_row_index("row").explode("word").drop_nulls("word").unique(maintain_order=True)
    counted = each.group_by("word").len().filter(pl.col("len") >= _LEAST_TITLES)
    common = counted.sort("len", "word", descending=[True, False]).head(_MOST_WORDS).select("word").sort("word")
    if not len(common):
        return None
    cells = each.join(common.with_row_index("column"), on="word", maintain_order="left")
    at = cells["row"].to_numpy(), cells["column"].to_numpy()
    worn = csr_array((np.ones(len(cells)), at), shape=(len(titles), len(common)))
    worn.sort_indices()
    return worn


def worn_pairs(outfits: Outfits) -> tuple[np.ndarray, np.ndarray]:
    """Catalogue rows (P,) and (P,) of all item pairs that outfits wear."""
    rows, others = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for items in _by_length(outfits):
        first, second = np.triu_indices(items.shape[1], 1)
        rows.append(items[:, first].ravel())
        others.append(items[:, second].ravel())
    return np.concatenate(rows), np.concatenate(others)


def _by_length(outfits: Outfits) -> Iterator[np.ndarray]:
    """All outfits of one length at a time, (m, n) int64, in blocks that fit into memory."""
    for length in np.unique(outfits.lengths):
        starts = outfits.offsets[:-1][outfits.lengths == length]
        for block in _blocks(len(starts), length * (length - 1) // 2):
            yield outfits.items[starts[block, None] + np.arange(length)]


def _blocks(rows: int, width: int) -> Iterator[slice]:
    """Slices over `rows` rows of `width` numbers that keep temporary arrays small."""
    step = max(1, _BLOCK // max(1, width))
    return (slice(start, start + step) for start in range(0, rows, step))


def _on_grid(values: np.ndarray) -> np.ndarray:
    near: np.ndarray = np.round(np.asarray(values, dtype=np.float64) * _GRID) / _GRID
    return near


def _mean(values: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Means (B,) over the real entries of (B, P) values; NaN where there is none."""
    with np.errstate(invalid="ignore"):
        means: np.ndarray = np.where(real, values, 0.0).sum(axis=1) / real.sum(axis=1)
    return means
