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


def held_out_scorer(index: Index, dataset: Dataset, rows: np.ndarray) -> RunScorer:
    """Score items of an index, without its rules, as validation and test outfits have to be scored.

    An index serves a model that may have learned from all outfits; these flatter it.

    Args:
        rows: (n,) ascending rows of the index; the scorer numbers them from 0.

    Raises:
        ModelError, DataError: the model that has not seen these outfits, or its features, are not there.
    """
    run = index.run.measurable(dataset, ("valid", "test"))
    if run is index.run:
        alone = index.without_rules().scorer
        return RunScorer(run.title, run.model, alone.states_of(torch.from_numpy(rows)), alone.present[rows])
    intake = Intake(run, dataset)
    at = intake.catalogue.rows([index.catalogue.ids[row] for row in rows.tolist()])
    hidden = intake.encode(at, intake.features(at))
    states = ItemStates(torch.from_numpy(hidden), torch.from_numpy(intake.codes[at])).to(run.device)
    return RunScorer(run.title, run.model, states, intake.present[at])


def with_rules(scorer: RunScorer, index: Index, rows: np.ndarray, rules: Sequence[Rule]) -> RunScorer:
    """The same scores of the items `rows` of an index with rules, which weigh as much as they do in the index."""
    if not rules:
        return scorer
    ruled = RuledScorer(scorer, Catalogue(index.catalogue.items[rows.tolist()]), rules)
    ruled.worth = spread(index.without_rules().scorer, index.catalogue)
    return ruled
