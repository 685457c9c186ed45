"""An example of a package that adds to goeswith: a model, a source of knowledge, negatives and a measure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, softplus

from goeswith.data.catalogue import Catalogue
from goeswith.data.outfits import OutfitBatch
from goeswith.errors import DataError
from goeswith.evaluate.measures import Ranks
from goeswith.models import ItemStates, Model, TrainingData, Vocabulary
from goeswith.train.source import Step, Student


@dataclass(frozen=True)
class CentreConfig:
    """size: numbers in the state of an item."""

    size: int = 64


class Centre(nn.Module):
    """Items go together when their states lie near the centre of the outfit. One linear map is learned."""

    config = CentreConfig

    def __init__(self, config: CentreConfig, dim: int, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.map = nn.Linear(dim, config.size)

    def observe(self, data: TrainingData) -> None:
        """Nothing is counted."""

    def encode_items(self, features: Tensor, categories: Tensor) -> ItemStates:
        """States (U, size)."""
        return ItemStates(self.map(features), categories)

    def score(self, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """Scores (B,): the mean cosine of the items and their centre."""
        hidden, mask = states.hidden[batch.items], batch.mask.unsqueeze(-1)
        centre = (hidden * mask).sum(dim=1, keepdim=True) / mask.sum(dim=1, keepdim=True)
        near = cosine_similarity(hidden, centre, dim=-1) * batch.mask
        return near.sum(dim=1) / batch.mask.sum(dim=1)

    def objective(self, right: Tensor, wrong: Tensor, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """BPR."""
        return softplus(wrong - right[:, None]).mean()

    def penalty(self) -> Tensor:
        """None."""
        return self.map.weight.new_zeros(())


@dataclass(frozen=True)
class LikedConfig:
    """liked_weight: of what a pair adds to the loss."""

    liked_weight: float = 0.1


class Liked(nn.Module):
    """Pairs of items that somebody likes, whose states are drawn together."""

    def __init__(self, rows: np.ndarray, weight: float) -> None:
        super().__init__()
        self.rows, self.weight = torch.from_numpy(rows), weight

    def prepare(self, student: Model) -> None:
        """Nothing."""

    def loss(self, student: Model, step: Step) -> Tensor:
        """Mean of 1 − cosine over the pairs."""
        first, second = (
            student.encode_items(step.all_features[rows], step.all_categories[rows]).hidden for rows in self.rows.T
        )
        return self.weight * (1 - cosine_similarity(first.flatten(1), second.flatten(1))).mean()

    def after_step(self) -> None:
        """Nothing."""


class LikedSource:
    """A text file with two item ids a line, see `goeswith.train.source.Source`."""

    flag, prefix, key, files = "--knowledge liked=FILE", "", "liked", ()
    config = LikedConfig

    def __init__(self, value: str, config: LikedConfig, student: Student, settings: list[str]) -> None:
        pairs = [line.split() for line in Path(value).read_text().splitlines() if line.strip()]
        if any(len(pair) != 2 for pair in pairs):
            raise DataError(f"{value} must have two item ids a line")
        rows = student.catalogue.rows([item_id for pair in pairs for item_id in pair], value)
        self.rows, self.weight = np.asarray(rows).reshape(-1, 2), config.liked_weight
        self.described = {"liked_weight": config.liked_weight, "pairs": pairs}

    def teach(self) -> Liked:
        """The module that takes part in training."""
        return Liked(self.rows, self.weight)

    def write(self, out: Path) -> None:
        """Nothing: the run's config.json has the pairs."""


def by_colour(catalogue: Catalogue) -> np.ndarray:
    """Negatives of the same group and colour: the number (U,) of each item's pool."""
    groups, _ = catalogue.codes("group")
    colours, names = catalogue.codes("colour")
    return (groups + 1) * (len(names) + 1) + colours + 1


def ndcg(ranks: Ranks) -> np.ndarray:
    """1 / log2(1 + rank) of the truth, as the expectation over the orders of tied candidates."""
    most = int((ranks.above + ranks.equal).max(initial=0)) + 1
    sums = np.concatenate([[0.0], np.cumsum(1 / np.log2(1 + np.arange(1, most + 1)))])
    above, ties = ranks.above.astype(np.int64), ranks.equal.astype(np.int64) + 1
    return (sums[above + ties] - sums[above]) / ties


ndcg.tasks = ("fitb", "retrieval")
