"""How alike the features of two data sets are; every measure takes the items that training outfits wear."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from scipy.stats import rankdata

from goeswith.data.dataset import Dataset
from goeswith.data.features import load_features
from goeswith.data.outfits import Outfits
from goeswith.data.shuffle import shuffled_items

ITEMS = 2_000
"""Of a side that are compared at most."""
AXES = 32
"""Directions of most variation that are compared."""
FOLDS = 5
RIDGE = 0.1
"""How far a covariance is shrunk to its diagonal."""


@dataclass(frozen=True)
class Side:
    """One of two data sets.

    features: (U, D) of all items. outfits: training outfits. dataset: where they come from. rows: the items that are
    compared; None: those that the outfits wear.
    """

    features: np.ndarray
    outfits: Outfits
    dataset: Dataset
    rows: np.ndarray | None = None

    @cached_property
    def worn(self) -> np.ndarray:
        """(U',) rows of the items that are compared."""
        rows: np.ndarray = np.unique(self.outfits.items) if self.rows is None else self.rows
        return rows

    @cached_property
    def values(self) -> np.ndarray:
        """(U', D) features of worn items, at most `ITEMS`."""
        rows = np.random.default_rng(0).permutation(self.worn)[:ITEMS]
        return self.features[rows].astype(np.float64)

    @cached_property
    def standardised(self) -> np.ndarray:
        """The same with mean 0 and deviation 1 in every dimension."""
        return self._standard(self.values)

    def _standard(self, values: np.ndarray) -> np.ndarray:
        deviation = self.values.std(axis=0)
        centred = values - self.values.mean(axis=0)
        return np.divide(centred, deviation, out=np.zeros_like(centred), where=deviation > 1e-6)

    def halves(self) -> tuple[Side, Side]:
        """Two sides of half the outfits each."""
        order = np.random.default_rng(0).permutation(len(self.outfits))
        middle = len(order) // 2
        return self._of(order[:middle]), self._of(order[middle:])

    def item_halves(self) -> tuple[Side, Side]:
        """Two sides of half the items each."""
        order = np.random.default_rng(0).permutation(self.worn)
        middle = len(order) // 2
        return replace(self, rows=order[:middle]), replace(self, rows=order[middle:])

    def _of(self, which: np.ndarray) -> Side:
        return Side(self.features, self.outfits.take(which), self.dataset)

    def shuffled(self) -> Side:
        """The control: every item exchanged for another of its category and season."""
        return replace(self, outfits=shuffled_items(self.outfits, self.dataset.catalogue, 0))

    def standardised_features(self, rows: np.ndarray) -> np.ndarray:
        return self._standard(self.features[rows].astype(np.float64))


def side(dataset: Dataset, encoder: str) -> Side:
    """A data set by one encoder: its training outfits of items that have features."""
    features = load_features(dataset, encoder)
    outfits, _ = dataset.outfits.keep(features.present)
    return Side(features.values, outfits.split("train"), dataset)


def shift(first: Side, second: Side) -> float:
    """How far the means are apart in deviations: root mean square over the dimensions."""
    a, b = first.values, second.values
    variance = (a.var(axis=0) + b.var(axis=0)) / 2
    varying = variance > 1e-12
    return float(np.sqrt(np.mean((a.mean(axis=0) - b.mean(axis=0))[varying] ** 2 / variance[varying])))


def separated(first: np.ndarray, second: np.ndarray) -> float:
    """AUC of a linear discriminant that was fitted to tell the two apart, each item judged without its fold."""
    values = np.concatenate([first, second])
    labels = np.repeat([0, 1], [len(first), len(second)])
    fold = np.random.default_rng(0).permutation(len(values)) % FOLDS
    scores = np.empty(len(values))
    for number in range(FOLDS):
        train = fold != number
        scores[~train] = values[~train] @ _discriminant(values[train], labels[train])
        scores[~train] = rankdata(scores[~train]) / (~train).sum()
    ranks = rankdata(scores)
    wins = ranks[labels == 1].sum() - len(second) * (len(second) + 1) / 2
    return float(wins / (len(first) * len(second)))


def _discriminant(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    parts = [values[labels == label] for label in (0, 1)]
    within = sum(np.cov(part, rowvar=False) for part in parts) / 2
    within = (1 - RIDGE) * within + RIDGE * np.diag(np.diag(within) + 1e-9)
    direction: np.ndarray = np.linalg.solve(within, parts[1].mean(axis=0) - parts[0].mean(axis=0))
    return direction


def nearest(first: np.ndarray, second: np.ndarray) -> float:
    """Share of items whose nearest other item, by cosine, comes from their own side; of like sets one half."""
    count = min(len(first), len(second))
    values = torch.from_numpy(np.concatenate([first[:count], second[:count]])).float()
    values = torch.nn.functional.normalize(values, dim=1)
    cosines = values @ values.T
    cosines.fill_diagonal_(-torch.inf)
    return float(((cosines.argmax(dim=1) >= count) == (torch.arange(2 * count) >= count)).double().mean())


def alike_axes(first: Side, second: Side) -> float:
    """Share of the first side's `AXES` main directions that lies in the second's, each standardised by itself."""
    a, b = (np.linalg.svd(each.standardised, full_matrices=False)[2][:AXES] for each in (first, second))
    return float(np.square(a @ b.T).sum() / len(a))


def taste(first: Side, second: Side) -> float:
    """Cosine of what goes together in the two: how features of items of one outfit vary together, beyond chance.

    On the `AXES` main directions of both together; 1: the same pairs of directions, 0: nothing in common.
    """
    both = np.concatenate([first.standardised, second.standardised])
    axes = np.linalg.svd(both, full_matrices=False)[2][:AXES]
    a, b = (_pairs(each, axes).ravel() for each in (first, second))
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def _pairs(each: Side, axes: np.ndarray) -> np.ndarray:
    """(AXES, AXES) mean product of the coordinates of two items of one outfit, items of a group less their mean."""
    items, outfits = each.outfits.items, each.outfits
    values = each.standardised_features(items) @ axes.T
    groups = each.dataset.catalogue.category_codes[items]
    counts = np.bincount(groups)
    sums = np.zeros((len(counts), values.shape[1]))
    np.add.at(sums, groups, values)
    values -= (sums / np.maximum(counts, 1)[:, None])[groups]  # which categories meet is not taste
    values /= np.maximum(values.std(axis=0), 1e-9)
    owner = np.repeat(np.arange(len(outfits)), outfits.lengths)
    whole = np.zeros((len(outfits), values.shape[1]))
    np.add.at(whole, owner, values)
    pairs = (outfits.lengths * (outfits.lengths - 1)).sum()
    products: np.ndarray = (whole.T @ whole - values.T @ values) / pairs
    return products
