"""Objectives: the loss of one training step, on the gaps of a batch of outfits or on outfits beside corruptions."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from goeswith.data.devices import autocast, wants_bf16
from goeswith.data.negatives import Negatives
from goeswith.data.outfits import OutfitBatch
from goeswith.errors import ModelError
from goeswith.models import ROWS, ItemMemory, ItemStates, Model, TrainingData, exact
from goeswith.train.corruptions import blanks, corruptions
from goeswith.train.ranks import Ranks
from goeswith.train.settings import TrainConfig
from goeswith.train.softmax import BatchSoftmax, CandidateSoftmax, OutfitSoftmax
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
    def softmax(self) -> BatchSoftmax | OutfitSoftmax | CandidateSoftmax | None:
        """The loss with a learned scale, if it has one."""
        ...

    def __call__(self, outfits: OutfitBatch, epoch: int) -> StepLoss:
        """The loss on outfits of catalogue rows. epoch: how many are finished."""
        ...


class Forward:
    """The forward pass of a model over a batch, each process of the training doing its share."""

    def __init__(self, model: Model, data: TrainingData, config: TrainConfig, ranks: Ranks) -> None:
        self.device, self.ranks, self.data = data.categories.device, ranks, data
        self.bf16 = wants_bf16(config.precision, self.device)
        self.model, self.encode_items, self.score_outfits = model, model.encode_items, model.score
        if config.compile:
            self.encode_items = torch.compile(model.encode_items, dynamic=True)
            self.score_outfits = torch.compile(model.score, dynamic=True)

    @cached_property
    def remembered(self) -> Tensor | None:
        """(U,) what the model has of every item of the catalogue, where it knows items again."""
        if not isinstance(self.model, ItemMemory):
            return None
        parts = torch.arange(len(self.data.categories)).split(ROWS)
        return torch.cat([self.model.remembered(*self.data.of(rows)) for rows in parts])

    def precision(self) -> AbstractContextManager[object]:
        """Inside, matrix products have the precision that the settings ask for."""
        return autocast(self.device, self.bf16)

    def encode(self, rows: Tensor) -> ItemStates:
        """States of catalogue rows (U,)."""
        mine = rows[self.ranks.busy(len(rows))]
        known = () if self.remembered is None else (self.remembered[mine.to(self.device)],)
        own = self.encode_items(*self.data.of(mine), *known)
        return ItemStates(*(self.ranks.gather(part, len(rows)) for part in own))

    def score(self, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """Scores (B,) of outfits, float32."""
        own = self.score_outfits(states, batch.take(self.ranks.busy(len(batch))))
        return self.ranks.gather(own.float(), len(batch))


class GapObjective:
    """Each item of an outfit ranked among the batch's items: by query · key where exact, else outfit by outfit.

    negatives, generator: where items come from that are drawn for the batch in place of its own.
    """

    def __init__(
        self,
        model: Model,
        data: TrainingData,
        config: TrainConfig,
        negatives: Negatives,
        generator: torch.Generator,
        ranks: Ranks,
    ) -> None:
        self.model, self.forward, self.ranks = model, Forward(model, data, config, ranks), ranks
        self.negatives, self.generator, self.drawn = negatives, generator, config.drawn_negatives
        softmax = BatchSoftmax if exact(model) else OutfitSoftmax
        self.blank = blanks(data.catalogue, config.blank)
        self.softmax = softmax(data.catalogue, config.negatives, self.blank)
        self.correct = config.correct_popularity
        self.softmax.to(self.forward.device)

    def __call__(self, outfits: OutfitBatch, epoch: int) -> StepLoss:
        """The loss over the gaps of outfits: a process ranks the gaps of its own outfits among the items of all."""
        rows, batch, reserved = self._with_drawn(*outfits.distinct())
        batch, own = batch.to(self.forward.device), self.ranks.busy(len(batch))
        with self.forward.precision():
            states = self.forward.encode(rows)
            worn = torch.bincount(batch.items[batch.mask], minlength=len(rows)) if self.correct else None
            rows = rows.to(self.forward.device)
            loss, gaps = self.softmax(self.model, states, batch.take(own), rows, worn, reserved)
        gaps = gaps if own == self.ranks.share(len(batch)) else 0
        total = self.ranks.total(gaps, self.forward.device)
        if not total:
            return StepLoss(None, 0, len(outfits))
        return StepLoss(loss * (gaps / total) + self.model.penalty() / self.ranks.count, total, 0)

    def _with_drawn(self, rows: Tensor, batch: OutfitBatch) -> tuple[Tensor, OutfitBatch, Tensor | None]:
        """Distinct items (U,) of a batch and those drawn for it, the batch as rows of both, and which are not drawn.

        Nothing is drawn, and the last is None, where the batch's own items are the wrong answers.
        """
        if not self.drawn:
            return rows, batch, None
        able = rows if self.blank is None else rows[self.blank[rows]]
        drawn = self.negatives.sample(able, self.drawn, self.generator)
        both = torch.cat([rows, drawn]).unique()
        moved = OutfitBatch(torch.searchsorted(both, rows)[batch.items], batch.mask)
        return both, moved, ~torch.isin(both, drawn).to(self.forward.device)


class PairObjective:
    """Each outfit above its corruptions, by the model's own loss or by a softmax; sources of knowledge add theirs.

    negatives, generator: where corruptions come from. Processes share the encoding and the scoring; the loss of the
    scores, and what sources add, each of them computes whole and takes its part of.
    """

    def __init__(
        self,
        model: Model,
        data: TrainingData,
        config: TrainConfig,
        negatives: Negatives,
        generator: torch.Generator,
        sources: Sequence[Knowledge],
        ranks: Ranks,
    ) -> None:
        self.model, self.data, self.config = model, data, config
        self.forward, self.ranks = Forward(model, data, config, ranks), ranks
        self.negatives, self.generator, self.sources = negatives, generator, sources
        self.softmax = CandidateSoftmax().to(self.forward.device) if config.objective != "pairwise" else None
        self.blank = blanks(data.catalogue, config.blank)

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
        batch = batch.to(self.forward.device)
        with self.forward.precision():
            states = self.forward.encode(rows)
            scores = self.forward.score(states, batch)
        right, wrong = scores[: len(corrupted)], scores[len(corrupted) :].view(-1, r)
        answered = ~(right.isnan() | wrong.isnan().any(dim=1))
        if not answered.any():
            raise NoScoreError(
                f"no outfit of a batch has a score in epoch {epoch + 1}: they lack the items that the model compares "
                "(akd-dbpr needs a top and a bottom); --set sides=groups or pairs=true, or choose other negatives"
            )
        if not answered.all():  # some models have no answer for some outfits, e.g. for one without a top
            corrupted, right, wrong = corrupted.take(answered.cpu()), right[answered], wrong[answered]
            batch = batch.take(torch.cat([answered, answered.repeat_interleave(r)]))
        if self.softmax is not None:
            objective = self.softmax(right, wrong)
        else:
            objective = self.model.objective(right, wrong, states, batch)
        loss, count = objective + self.model.penalty(), len(corrupted)
        if self.sources:
            features, categories = self.data.of(rows)
            step = Step(
                features=features, categories=categories, states=states, objective=objective, right=right, wrong=wrong,
                items=corrupted.items, positive=OutfitBatch(batch.items[:count], batch.mask[:count]),
                corrupt=corrupted.corrupt, negative=OutfitBatch(batch.items[count:], batch.mask[count:]), epoch=epoch,
                all_features=self.data.features, all_categories=self.data.categories, generator=self.generator,
            )  # fmt: skip
            for source in self.sources:
                loss = loss + source.loss(self.model, step)
        return StepLoss(loss / self.ranks.count, count, len(outfits) - count)
