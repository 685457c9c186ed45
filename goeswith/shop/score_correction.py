"""Score correction: for popularity, for items that a model likes with everything, and for what is missing.

A model's scores alone offer a few items to everybody: those that lie near all others (hubs). Popularity alone offers
them too. And a model that learnt to tell skirts from skirts does not know that it is a skirt that the others lack. All
three are measured when the index is built, and weighed twice: so that the ten best answers hold most of the worn items
of the validation outfits, and so that the order of these ten stays varied; see
`goeswith.evaluate.reranking.Shortlist`.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from goeswith import schemas
from goeswith.errors import CatalogueError, DataError
from goeswith.evaluate.category_lifts import category_lifts
from goeswith.evaluate.gaps import draw_gaps, group_pools
from goeswith.evaluate.reranking import Reranking, distinct, recall, together
from goeswith.evaluate.shortlist_fit import fit_shortlist
from goeswith.evaluate.training_counts import TrainingCounts, hubs_of
from goeswith.files import fresh_file

if TYPE_CHECKING:
    from goeswith.data.dataset import Dataset
    from goeswith.data.scorer import Scorer

log = logging.getLogger(__name__)

LEAST = 100
"""Gaps of validation outfits without which nothing is fitted."""
MOST, BUDGET = 500, 1 << 19
"""Gaps of a draw and scores that it may cost."""
LONGEST = 32
"""Items of the largest look size with values of its own."""
TENSORS = ("popularity", "hubs", "lifts")


@dataclass(frozen=True)
class ScoreCorrection:
    """What items are worth beside a score.

    popularity: (U,) float32 log(1 + training outfits that wear the item). hubs: (U,) float32 how much higher than
    others it scores in a pair, whatever the other item is. lifts: (C, C) float32 of categories, see
    `goeswith.evaluate.category_lifts`; (0, 0) where there are none. alpha, beta: the strength of popularity and hubs
    where the ten best answers are chosen, as fitted. order_alpha, order_beta: the same where they are put in order.
    gamma: the strength of the lifts in both.
    sizes, temperatures: of looks of so many items: what one unit of log odds is on the scale of the score.
    recall, distinct: recall@10 on validation gaps, and how many items are ever the first answer, without and with.
    """

    popularity: np.ndarray
    hubs: np.ndarray
    lifts: np.ndarray
    alpha: float
    beta: float
    order_alpha: float
    order_beta: float
    gamma: float
    sizes: tuple[float, float]
    temperatures: tuple[float, float]
    recall: tuple[float, float]
    distinct: tuple[int, int]

    @classmethod
    def fit(cls, scorer: Scorer, dataset: Dataset, usable: np.ndarray) -> ScoreCorrection | None:
        """Fit on the validation outfits; None where they are too few.

        usable: (U,) bool by row of the data set, items that can be offered.
        """
        catalogue, outfits = dataset.catalogue, dataset.outfits
        valid = outfits.take(outfits.splits == "valid")
        pools = group_pools(catalogue, usable)
        if not (outfits.splits == "train").any() or not len(valid.keep(usable)[0]):
            return None
        drawn = [draw_gaps(valid, pools, anchor=anchor, most=MOST, budget=BUDGET) for anchor in (True, False)]
        if min(map(len, drawn)) < LEAST:
            return None
        counts = TrainingCounts.learn(dataset)
        hubs = _hubs(scorer, dataset, usable)
        tasks = zip(("anchor", "rest"), drawn, strict=True)
        blocks, scales = together({task: counts.judged(scorer, gaps, hubs) for task, gaps in tasks})
        setting = fit_shortlist(blocks)
        small = setting.chosen.temperature
        plain = Reranking(0.0, 0.0, small)
        return cls(
            popularity=counts.popularity.astype(np.float32),
            hubs=hubs.astype(np.float32),
            lifts=counts.weights,
            alpha=setting.chosen.alpha,
            beta=setting.chosen.beta,
            order_alpha=setting.order.alpha,
            order_beta=setting.order.beta,
            gamma=setting.chosen.gamma,
            sizes=(2.0, max(float(drawn[1].mask.sum(axis=1).mean()), 2.0)),
            temperatures=(small, small * scales["rest"]),
            recall=(recall(blocks, plain), recall(blocks, setting)),
            distinct=(distinct(blocks, plain), distinct(blocks, setting)),
        )

    def of(self, scorer: Scorer, dataset: Dataset, usable: np.ndarray) -> ScoreCorrection:
        """The same strengths with the hubs of another scorer: of the model that is served, if another was fitted."""
        return replace(self, hubs=_hubs(scorer, dataset, usable).astype(np.float32))

    def bonus(self, popularity: float | None = None) -> np.ndarray:
        """(U,) float32 what an added item is worth in a look of two items; times `units` in a larger one.

        What the given items want of categories is apart, see `wanted`.

        popularity: α, from 0 (taste alone) to 1 (what most people wear); None: what is best for choosing ten.

        Raises:
            CatalogueError: it is not between 0 and 1.
        """
        if popularity is None:
            return self._chosen
        if not 0 <= popularity <= 1:
            raise CatalogueError(f"the popularity is {popularity}; it must be between 0 (taste) and 1 (bestsellers)")
        return self._weighed(popularity, self.order_beta)

    @cached_property
    def order(self) -> np.ndarray:
        """(U,) float32 the same for putting the best ten in order."""
        return self._weighed(self.order_alpha, self.order_beta)

    def wanted(self, categories: np.ndarray) -> np.ndarray | None:
        """(C,) float32 what an item of each category is worth beside items of some (n,), added to `bonus` and `order`.

        None where categories make no difference.
        """
        if not self.gamma or not len(self.lifts):
            return None
        lifts = category_lifts(self.lifts, categories[None], np.ones((1, len(categories)), bool))[0]
        return np.float32(self.gamma * self.temperatures[0]) * lifts

    @cached_property
    def _chosen(self) -> np.ndarray:
        return self._weighed(self.alpha, self.beta)

    def _weighed(self, alpha: float, beta: float) -> np.ndarray:
        return np.float32(alpha * self.temperatures[0]) * self.popularity - np.float32(beta) * self.hubs

    def units(self) -> np.ndarray:
        """(LONGEST + 1,) of looks of n items: the scale of their scores, in that of pairs; straight over log n."""
        (small, large), (first, last) = self.sizes, self.temperatures
        if large - small < 0.5:
            return np.ones(LONGEST + 1)
        slope = np.log(last / first) / np.log(large / small)
        units: np.ndarray = (np.maximum(np.arange(LONGEST + 1), 2) / small) ** slope
        return units

    def in_order(self, order: np.ndarray) -> ScoreCorrection:
        """The same of a catalogue in another order, (U,) rows of this one."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return ScoreCorrection(**values | {"popularity": self.popularity[order], "hubs": self.hubs[order]})

    def save(self, path: Path) -> None:
        """Write it to a safetensors file."""
        others = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in TENSORS}
        with fresh_file(path) as partial:
            save_file({name: getattr(self, name) for name in TENSORS}, partial, {"taste": json.dumps(others)})

    @classmethod
    def load(cls, path: Path) -> ScoreCorrection:
        """What `save` wrote.

        Raises:
            DataError: the file is broken.
        """
        try:
            with safe_open(path, framework="numpy") as file:
                text = (file.metadata() or {})["taste"]
                values = schemas.parse(text, schemas.TasteFile, path, schemas.INDEX_AGAIN)
                values |= {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
                values |= {name: file.get_tensor(name) for name in sorted(file.keys())}
                values.setdefault("gamma", 0.0)  # older files know no lifts
                values.setdefault("lifts", np.zeros((0, 0), np.float32))
                for name in ("alpha", "beta"):  # before they were two, one setting chose the ten and put them in order
                    values.setdefault(f"order_{name}", values[name])
            return cls(**{name: values[name] for name in cls.__dataclass_fields__})
        except (OSError, SafetensorError, KeyError) as error:
            raise DataError(f"cannot read {path} ({error}); {schemas.INDEX_AGAIN}") from None

    def __str__(self) -> str:
        (before, after), (few, many) = self.recall, self.distinct
        return (
            f"popularity {self.alpha:g} and hubs {self.beta:g} for the ten best, {self.order_alpha:g} and "
            f"{self.order_beta:g} for their order, categories {self.gamma:g} for both, fitted on validation: "
            f"recall@10 {before:.3f} without and {after:.3f} with, distinct first answers {few} and {many}"
        )


def _hubs(scorer: Scorer, dataset: Dataset, usable: np.ndarray) -> np.ndarray:
    """(U,) how much higher than others an item scores in a pair, over items of training outfits."""
    train = dataset.outfits.take(dataset.outfits.splits == "train")
    pools = group_pools(dataset.catalogue, usable)
    return hubs_of(scorer, draw_gaps(train, pools, anchor=True, most=2 * MOST, budget=2 * BUDGET))
