"""Category lifts: which categories complete which, learnt from training outfits.

    P(category of the missing item = c | its group, the other items j) ∝ exp(b_c + Σ_j w[c_j, c])

by multinomial logistic regression, of each group its own. b_c says how often a category is worn, which popularity says
already; the lift of c is the rest, Σ_j w[c_j, c]: by how much the others make it likelier, in log odds. The same number
added to all c of a group changes nothing, so lifts compare within a group alone.
"""

from __future__ import annotations

import numpy as np

from goeswith.data.catalogue import Catalogue
from goeswith.data.outfits import Outfits

STRENGTH = 1 / 6
"""Inverse of the penalty; the same on all data sets, since a factor of ten either way changes little."""
LARGEST = 1000
"""Categories of a catalogue for which lifts are learnt."""
MOST = 10_000
"""Outfits that they are learnt from."""


def learn_lifts(catalogue: Catalogue, outfits: Outfits) -> np.ndarray:
    """Weights w (C, C) float32 from the category of an item that is there to that of the missing one.

    0 where a category is never worn. (0, 0) where the categories are more than `LARGEST`.
    """
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression

    count = len(catalogue.categories)
    if count > LARGEST:
        return np.zeros((0, 0), np.float32)
    outfits = outfits.take(np.random.default_rng(0).permutation(len(outfits))[:MOST])
    wanted = catalogue.category_codes[outfits.items]
    owner, ones = np.repeat(np.arange(len(outfits)), outfits.lengths), np.ones(len(wanted))
    worn = csr_matrix((ones, (owner, wanted)), (len(outfits), count))
    others = worn[owner] - csr_matrix((ones, (np.arange(len(wanted)), wanted)), (len(wanted), count))
    group_of = np.zeros(count, np.int64)
    group_of[catalogue.category_codes] = catalogue.codes("group")[0]
    weights = np.zeros((count, count), np.float32)
    for group in np.unique(group_of[wanted]):
        in_group = group_of[wanted] == group
        if len(np.unique(wanted[in_group])) > 1:
            model = LogisticRegression(C=STRENGTH, tol=1e-3, max_iter=1000).fit(others[in_group], wanted[in_group])
            learnt = model.coef_ if len(model.classes_) > 2 else np.concatenate([-model.coef_, model.coef_]) / 2
            weights[:, model.classes_] = learnt.T
    return weights


def category_lifts(weights: np.ndarray, categories: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Lifts (B, C) of each category beside items of some categories (B, n), mask (B, n), by w (C, C)."""
    counts = np.zeros((len(categories), len(weights)), weights.dtype)
    owner, position = mask.nonzero()
    np.add.at(counts, (owner, categories[owner, position]), 1)
    return counts @ weights
