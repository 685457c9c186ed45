"""Taste: correction of scores for popularity, and for items that a model likes with everything.

A model's scores alone offer a few items to everybody: those that lie near all others (hubs). Popularity alone offers
them too. Both are measured when the index is built, and weighed so that most of the worn items of the validation
outfits are found again while the answers stay varied; see `goeswith.evaluate.reranking`.
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from goeswith import schemas
from goeswith.errors import CatalogueError, DataError
from goeswith.evaluate.gaps import Gaps, draw_gaps, group_pools, score_gaps
from goeswith.evaluate.reranking import VARIETY, Judged, distinct, fit, hub_means, log_popularity, recall, temperature
from goeswith.evaluate.reranking import Reranking as Setting
from goeswith.files import fresh_file

if TYPE_CHECKING:
    from goeswith.data.dataset import Dataset
    from goeswith.data.scorer import Scorer

log = logging.getLogger(__name__)

REMEDY = "build the index again"
LEAST = 100
"""Gaps of validation outfits without which nothing is fitted."""
MOST, BUDGET = 500, 1 << 19
"""Gaps of a draw and scores that it may cost."""
LONGEST = 32
"""Items of the largest look size with values of its own."""


@dataclass(frozen=True)
class Taste:
    """What items are worth beside a score.

    popularity: (U,) float32 log(1 + training outfits that wear the item). hubs: (U,) float32 how much higher than
    others it scores in a pair, whatever the other item is. alpha, beta: the strength of each, as fitted.
    sizes, temperatures: of looks of so many items: what one unit of log odds is on the scale of the score.
    recall, distinct: recall@10 on validation gaps, and how many items are ever the first answer, without and with.
    """

    popularity: np.ndarray
    hubs: np.ndarray
    alpha: float
    beta: float
    sizes: tuple[float, float]
    temperatures: tuple[float, float]
    recall: tuple[float, float]
    distinct: tuple[int, int]

    @classmethod
    def fit(cls, scorer: Scorer, dataset: Dataset, usable: np.ndarray) -> Taste | None:
        """Fit on the validation outfits; None where they are too few.

        usable: (U,) bool by row of the data set, items that can be offered.
        """
        catalogue, outfits = dataset.catalogue, dataset.outfits
        train, valid = (outfits.take(outfits.splits == split) for split in ("train", "valid"))
        pools = group_pools(catalogue, usable)
        if not len(train) or not len(valid.keep(usable)[0]):
            return None
        drawn = [draw_gaps(valid, pools, anchor=anchor, most=MOST, budget=BUDGET) for anchor in (True, False)]
        if min(map(len, drawn)) < LEAST:
            return None
        popularity = log_popularity(np.bincount(train.items, minlength=len(catalogue)))
        hubs = _hubs(scorer, draw_gaps(train, pools, anchor=True, most=2 * MOST, budget=2 * BUDGET))
        pair, others = ([*_judged(scorer, gaps, popularity, hubs)] for gaps in drawn)
        small, large = temperature(pair), temperature(others)
        blocks = [*pair, *(block._replace(scores=block.scores * (small / large)) for block in others)]
        setting = fit(blocks, variety=VARIETY)
        plain = Setting(0.0, 0.0, setting.temperature)
        return cls(
            popularity=popularity.astype(np.float32),
            hubs=hubs.astype(np.float32),
            alpha=setting.alpha,
            beta=setting.beta,
            sizes=(2.0, max(float(drawn[1].mask.sum(axis=1).mean()), 2.0)),
            temperatures=(small, large),
            recall=(recall(blocks, plain), recall(blocks, setting)),
            distinct=(distinct(blocks, plain), distinct(blocks, setting)),
        )

    def bonus(self, popularity: float | None = None) -> np.ndarray:
        """(U,) float64 what an added item is worth in a look of two items; times `units` in a larger one.

        popularity: α, from 0 (taste alone) to 1 (what most people wear); None: as fitted.

        Raises:
            CatalogueError: it is not between 0 and 1.
        """
        alpha = self.alpha if popularity is None else popularity
        if not 0 <= alpha <= 1:
            raise CatalogueError(f"the popularity is {alpha}; it must be between 0 (taste) and 1 (bestsellers)")
        bonus: np.ndarray = alpha * self.temperatures[0] * self.popularity.astype(np.float64) - self.beta * self.hubs
        return bonus

    def units(self) -> np.ndarray:
        """(LONGEST + 1,) of looks of n items: the scale of their scores, in that of pairs; straight over log n."""
        (small, large), (first, last) = self.sizes, self.temperatures
        if large - small < 0.5:
            return np.ones(LONGEST + 1)
        slope = np.log(last / first) / np.log(large / small)
        units: np.ndarray = (np.maximum(np.arange(LONGEST + 1), 2) / small) ** slope
        return units

    def in_order(self, order: np.ndarray) -> Taste:
        """The same of a catalogue in another order, (U,) rows of this one."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return Taste(**values | {"popularity": self.popularity[order], "hubs": self.hubs[order]})

    def save(self, path: Path) -> None:
        """Write it to a safetensors file."""
        others = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in ("popularity", "hubs")}
        with fresh_file(path) as partial:
            save_file({"popularity": self.popularity, "hubs": self.hubs}, partial, {"taste": json.dumps(others)})

    @classmethod
    def load(cls, path: Path) -> Taste:
        """What `save` wrote.

        Raises:
            DataError: the file is broken.
        """
        try:
            with safe_open(path, framework="numpy") as file:
                text = (file.metadata() or {})["taste"]
                values = schemas.parse(text, schemas.TasteFile, path, REMEDY)
                values |= {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
                values |= {name: file.get_tensor(name) for name in ("popularity", "hubs")}
            return cls(**{name: values[name] for name in cls.__dataclass_fields__})
        except (OSError, SafetensorError, KeyError) as error:
            raise DataError(f"cannot read {path} ({error}); {REMEDY}") from None

    def __str__(self) -> str:
        (before, after), (few, many) = self.recall, self.distinct
        return (
            f"popularity {self.alpha:g}, hubs {self.beta:g}, fitted on validation: recall@10 {before:.3f} without and "
            f"{after:.3f} with, distinct first answers {few} and {many}"
        )


def _hubs(scorer: Scorer, gaps: Gaps) -> np.ndarray:
    """(U,) how much higher than others each item scores, see `hub_means`; 0 for those of no gap's pool."""
    scores: dict[int, list[np.ndarray]] = defaultdict(list)
    rows: dict[int, np.ndarray] = {}
    for scored in score_gaps(scorer, gaps):
        pool = int(gaps.pools[scored.rows[0]])
        rows[pool] = scored.rows
        scores[pool].append(np.where(scored.candidates, scored.scores, np.nan))
    hubs = np.zeros(len(gaps.pools))
    for pool, parts in scores.items():
        hubs[rows[pool]] = hub_means(np.concatenate(parts))
    return hubs


def _judged(scorer: Scorer, gaps: Gaps, popularity: np.ndarray, hubs: np.ndarray) -> list[Judged]:
    return [
        Judged(
            np.where(scored.candidates, scored.scores, -np.inf),
            scored.truth,
            popularity[scored.rows],
            hubs[scored.rows],
        )
        for scored in score_gaps(scorer, gaps)
    ]
