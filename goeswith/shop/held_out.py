"""Held out: scores of a few items by the model as it was before it learned from the outfits that are looked at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from goeswith.data.catalogue import Catalogue
from goeswith.data.dataset import Dataset
from goeswith.models import ItemStates
from goeswith.rules.rules import Rule
from goeswith.shop.index import Index
from goeswith.shop.indexed_items import Intake
from goeswith.shop.ruled_scorer import RuledScorer, spread
from goeswith.train.scorers import RunScorer


class HeldOut:
    """An index as validation and test outfits have to be scored: the model that it serves may have learned from them.

    Raises:
        ModelError, DataError: the model that has not seen these outfits, or its features, are not there.
    """

    def __init__(self, index: Index, dataset: Dataset) -> None:
        self.index = index
        self.run = index.run.measurable(dataset, ("valid", "test"))
        self.intake = None if self.run is index.run else Intake(self.run, dataset)

    def scorer(self, rows: np.ndarray, rules: Sequence[Rule] = ()) -> RunScorer:
        """Scores of some items of the index, which are numbered from 0. rows: (n,) ascending rows of the index.

        rules: weigh as much as they do in the index.
        """
        alone = self._alone(rows)
        if not rules:
            return alone
        ruled = RuledScorer(alone, Catalogue(self.index.catalogue.items[rows.tolist()]), rules)
        ruled.worth = spread(self.index.without_rules().scorer, self.index.catalogue)
        return ruled

    def _alone(self, rows: np.ndarray) -> RunScorer:
        run = self.run
        if self.intake is None:
            served = self.index.without_rules().scorer
            return RunScorer(run.title, run.model, served.states_of(torch.from_numpy(rows)), served.present[rows])
        intake = self.intake
        at = intake.catalogue.rows([self.index.catalogue.ids[row] for row in rows.tolist()])
        hidden = intake.encode(at, intake.features(at))
        states = ItemStates(torch.from_numpy(hidden), torch.from_numpy(intake.codes[at])).to(run.device)
        return RunScorer(run.title, run.model, states, intake.present[at])
