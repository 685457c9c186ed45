"""Objectives: the loss of one training step, on the gaps of a batch of outfits or on outfits beside corruptions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from goeswith.data.negatives import Negatives
from goeswith.data.outfits import OutfitBatch
from goeswith.errors import ModelError
from goeswith.models import Model, TrainingData
from goeswith.train.corruptions import blanks, corruptions
from goeswith.train.settings import TrainConfig, wants_bf16
from goeswith.train.softmax import BatchSoftmax, CandidateSoftmax
from goeswith.train.source import Knowledge, Step


class StepLoss(NamedTuple):
    """The loss of a step, how many pairs or gaps taught it, and how many outfits taught nothing.

    The loss is None where nothing taught it.
    """

    loss: Tensor | None
    taught: int
    unservable: int


class NoScoreError(ModelError):
    """No outfit of a batch has a score."""


class Objective(Protocol):
    """What a model is trained by."""

    @property
    def softmax(self) -> BatchSoftmax | CandidateSoftmax | None:
        """The loss with a learned scale, if it has one."""
        ...

    def __call__(self, outfits: OutfitBatch, epoch: int) -> StepLoss:
        """The loss on outfits of catalogue rows. epoch: how many are finished."""
        ...


class GapObjective:
    """Each item of an outfit ranked among the batch's items, by models whose queries and keys are exact."""

    def __init__(self, model: Model, data: TrainingData, config: TrainConfig) -> None:
        self.model, self.data, self.bf16 = model, data, wants_bf16(config.precision)
        self.softmax = BatchSoftmax(data.catalogue, config.negatives, blanks(data.catalogue, config.blank))

    def __call__(self, outfits: OutfitBatch, epoch: int) -> StepLoss:
        """The loss over the gaps of outfits."""
        rows, batch = outfits.distinct()
        with _autocast(self.bf16):
            states = self.model.encode_items(self.data.features[rows], self.data.categories[rows])
            loss, gaps = self.softmax(self.model, states, batch, rows)
        return StepLoss(loss + self.model.penalty(), gaps, 0) if gaps else StepLoss(None, 0, len(outfits))


class PairObjective:
    """Each outfit above its corruptions, by the model's own loss or by a softmax; sources of knowledge add theirs.

    negatives, generator: where corruptions come from.
    """

    def __init__(
        self,
        model: Model,
        data: TrainingData,
        config: TrainConfig,
        negatives: Negatives,
        generator: torch.Generator,
        sources: Sequence[Knowledge],
    ) -> None:
        self.model, self.data, self.config = model, data, config
        self.negatives, self.generator, self.sources = negatives, generator, sources
        self.softmax = CandidateSoftmax() if config.objective == "softmax" else None
        self.blank, self.bf16 = blanks(data.catalogue, config.blank), wants_bf16(config.precision)

    def __call__(self, outfits: OutfitBatch, epoch: int) -> StepLoss:
        """The loss on outfits, each with new corruptions.

        Raises:
            NoScoreError: no outfit has a score beside its corruptions.
        """
        r = self.config.negatives_per_positive
        corrupted = corruptions(outfits, self.negatives, r, self.generator, self.blank)
        if not len(corrupted):
            return StepLoss(None, 0, len(outfits))
        rows, batch = corrupted.both.distinct()
        features, categories = self.data.features[rows], self.data.categories[rows]
        with _autocast(self.bf16):
            states = self.model.encode_items(features, categories)
            scores = self.model.score(states, batch).float()
        right, wrong = scores[: len(corrupted)], scores[len(corrupted) :].view(-1, r)
        answered = ~(right.isnan() | wrong.isnan().any(dim=1))
        if not answered.any():
            raise NoScoreError(
                f"no outfit of a batch has a score in epoch {epoch + 1}: they lack what the model compares "
                "(akd-dbpr needs a top and a bottom); --set sides=groups or pairs=true, or choose other negatives"
            )
        if not answered.all():  # some models have no answer for some outfits, e.g. for one without a top
            corrupted, right, wrong = corrupted.take(answered), right[answered], wrong[answered]
            batch = batch.take(torch.cat([answered, answered.repeat_interleave(r)]))
        if self.softmax is not None:
            objective = self.softmax(right, wrong)
        else:
            objective = self.model.objective(right, wrong, states, batch)
        loss, count = objective + self.model.penalty(), len(corrupted)
        if self.sources:
            step = Step(
                features=features, categories=categories, states=states, objective=objective, right=right, wrong=wrong,
                items=corrupted.items, positive=OutfitBatch(batch.items[:count], corrupted.mask),
                corrupt=corrupted.corrupt, negative=OutfitBatch(batch.items[count:], batch.mask[count:]), epoch=epoch,
                all_features=self.data.features, all_categories=self.data.categories, generator=self.generator,
            )  # fmt: skip
            for source in self.sources:
                loss = loss + source.loss(self.model, step)
        return StepLoss(loss, count, len(outfits) - count)


def _autocast(bf16: bool) -> torch.autocast:
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16)
