"""Training counts: how often training outfits have each item, and which categories together, to correct scores.

Where candidates of a gap are scored, they give what `goeswith.evaluate.reranking` weighs beside the score.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from goeswith.evaluate.category_lifts import category_lifts, learn_lifts
from goeswith.evaluate.gaps import Gaps, Scored, score_gaps
from goeswith.evaluate.reranking import Judged, Setting, hub_means, log_popularity
from goeswith.evaluate.retrieval import Correction

if TYPE_CHECKING:
    from goeswith.data.dataset import Dataset
    from goeswith.models import Scorer


@dataclass(frozen=True)
class TrainingCounts:
    """What the training outfits of a data set say of its items.

    popularity: (U,) float64, see `log_popularity`. categories: (U,) int64. weights: (C, C), see `learn_lifts`.
    """

    popularity: np.ndarray
    categories: np.ndarray
    weights: np.ndarray

    @classmethod
    def learn(cls, dataset: Dataset) -> TrainingCounts:
        """Those of a data set; none of no training outfits."""
        catalogue, outfits = dataset.catalogue, dataset.outfits
        train = outfits.take(outfits.splits == "train")
        popularity = log_popularity(np.bincount(train.items, minlength=len(catalogue)))
        return cls(popularity, catalogue.category_codes, learn_lifts(catalogue, train))

    def judged(self, scorer: Scorer, gaps: Gaps, hubs: np.ndarray) -> list[Judged]:
        """Of each pool of items its gaps, as settings are fitted on; hubs: (U,), see `hubs_of`."""
        blocks = []
        for parts in _by_pool(scorer, gaps):
            rows = parts[0].rows
            scores, truth, lifts = (
                np.concatenate(values)
                for values in zip(*((_open(part), part.truth, self.lifts(gaps, part)) for part in parts), strict=True)
            )
            blocks.append(Judged(scores, truth, self.popularity[rows], hubs[rows], lifts))
        return blocks

    def correction(self, setting: Setting, gaps: Gaps, hubs: np.ndarray) -> Correction:
        """What a setting makes of the scores of some gaps; hubs: (U,), see `hubs_of`."""

        def correct(scored: Scored) -> np.ndarray:
            rows = scored.rows
            return setting(scored.scores, self.popularity[rows], hubs[rows], self.lifts(gaps, scored))

        return correct

    def lifts(self, gaps: Gaps, scored: Scored) -> np.ndarray:
        """(g, m) how much likelier the other items of some gaps make the category of each candidate."""
        if not len(self.weights):
            return np.zeros(scored.scores.shape)
        items, mask = gaps.context(scored.gaps)
        return category_lifts(self.weights, self.categories[items], mask)[:, self.categories[scored.rows]]


def hubs_of(scorer: Scorer, gaps: Gaps) -> np.ndarray:
    """(U,) how much higher than others each item scores, see `hub_means`; 0 for those of no gap's pool."""
    hubs = np.zeros(len(gaps.pools))
    for parts in _by_pool(scorer, gaps):
        hubs[parts[0].rows] = hub_means(np.concatenate([_open(part) for part in parts]))
    return hubs


def _by_pool(scorer: Scorer, gaps: Gaps) -> list[list[Scored]]:
    """Scored gaps, those of each pool together."""
    blocks = groupby(score_gaps(scorer, gaps), key=lambda block: int(gaps.pools[block.rows[0]]))
    return [list(parts) for _, parts in blocks]


def _open(scored: Scored) -> np.ndarray:
    """Scores (g, m), −inf where an item is no candidate."""
    return np.where(scored.candidates, scored.scores, -np.inf)
