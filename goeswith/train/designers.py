"""Designers' knowledge: a teacher trained on designers' tops and bottoms, and the ways to transfer it.

``masks``            L_D of ADD (11): the student's masks start from the teacher's and stay near them. This is
                     all that the paper carries over: |f| × K numbers.
``responses``        the student matches the teacher's ranking of candidates for a slot.
``initialisation``   the student's scorer (masks, W_0, W_k) starts from the teacher's.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Literal, cast

import numpy as np
import torch
from torch import Tensor, nn

from goeswith.config import above_zero, at_least, below_one
from goeswith.data.negatives import Negatives
from goeswith.data.outfits import OutfitBatch, Outfits
from goeswith.errors import ConfigError
from goeswith.models import Model, TrainingData, Vocabulary
from goeswith.models.add_gnn import AddGnn
from goeswith.models.losses import bpr, mask_distance, masked_distance, response_divergence
from goeswith.models.teacher import Teacher, sides
from goeswith.train.corruptions import corruptions
from goeswith.train.source import Step

WAYS = ("masks", "responses", "initialisation")


@dataclass(frozen=True)
class DesignersConfig:
    """How a designers' teacher teaches.

    carry: one or more of ``masks``, ``responses``, ``initialisation``, joined by ``+``.
    distillation_weight: λ2 of ADD (12). response_weight, temperature, candidates: for ``responses``.
    teaching: ``frozen`` after its own training; ``joint`` trains teacher and student on alternating
    batches; ``ema`` teaches with a running average of such a teacher.
    untrained: control, a teacher that was never trained.
    """

    carry: str = "masks"
    distillation_weight: float = 1e-3
    response_weight: float = 1.0
    temperature: float = 1.0
    candidates: int = 8
    teaching: Literal["frozen", "joint", "ema"] = "frozen"
    ema_decay: float = 0.99
    untrained: bool = False

    def __post_init__(self) -> None:
        for way in self.carry.split("+"):
            if way not in WAYS:
                raise ConfigError(f"carry={self.carry!r}: {way!r} is not one of {', '.join(WAYS)} (join them with '+')")
        at_least(self, 2, "candidates")
        at_least(self, 0, "distillation_weight", "response_weight")
        above_zero(self, "temperature")
        below_one(self, "ema_decay")
        if self.untrained and self.teaching != "frozen":
            raise ConfigError(
                f"untrained=true is a control for teaching=frozen; with teaching={self.teaching} the "
                "teacher would be trained"
            )

    def check(self, student: str) -> None:
        """Refuse ways that do not lead to a student of that name, before a teacher is trained for it.

        Raises:
            ConfigError: masks or the whole scorer were to be carried to a model that has none like them.
        """
        if student != "add-gnn" and self.carry != "responses":
            raise ConfigError(
                f"carry={self.carry}: masks and initialisation are for add-gnn only; "
                f"for {student}, teach by rankings: --set carry=responses"
            )


def shuffled_pairs(pairs: Outfits, seed: int) -> Outfits:
    """The same tops and bottoms, matched at random inside each split: what a control teacher learns from."""
    generator, items = np.random.default_rng(seed), pairs.items.copy().reshape(-1, 2)
    for split in sorted(set(pairs.splits)):
        rows = np.flatnonzero(pairs.splits == split)
        items[rows, 1] = items[generator.permutation(rows), 1]
    return replace(pairs, items=items.ravel())


class Designers(nn.Module):
    """A designers' teacher as a source of knowledge, see `goeswith.train.source.Knowledge`.

    Args:
        teacher: trained, or about to be where `config.teaching` is not ``frozen``.
        student: the data the student learns from. vocabulary: the student's categories and groups.
        own: the teacher's data, needed where it learns along.
    """

    side: Tensor

    def __init__(
        self,
        teacher: Teacher,
        config: DesignersConfig,
        student: TrainingData,
        vocabulary: Vocabulary,
        own: TrainingData | None = None,
        own_negatives: str = "group",
        batch_size: int = 256,
    ) -> None:
        super().__init__()
        self.config, self.ways = config, config.carry.split("+")
        self.teacher = teacher
        learns = config.teaching != "frozen"
        if learns and own is None:
            raise ConfigError(f"teaching={config.teaching!r} needs the designers' data set, not a trained teacher")
        teacher.requires_grad_(learns)
        self.average = copy.deepcopy(teacher).requires_grad_(False) if config.teaching == "ema" else None
        self.own = own if learns else None
        if self.own is not None:
            self.own_negatives = Negatives(self.own.catalogue, self.own.train, own_negatives, self.own.usable)
            self.batch_size = batch_size
        if "responses" in self.ways:
            self.candidates = Negatives(student.catalogue, student.train, "category", student.usable)
            self.register_buffer("side", sides(vocabulary), persistent=False)

    @property
    def target(self) -> Teacher:
        """The teacher that is imitated."""
        return self.average if self.average is not None else self.teacher

    @torch.no_grad()
    def prepare(self, student: Model) -> None:
        """Start the student's masks, or its whole scorer, from the teacher's.

        Raises:
            ConfigError: the two do not have the sizes that this way of teaching needs.
        """
        if not isinstance(student, AddGnn):
            return
        mine, target = student.attributes, self.target.attributes
        if {"masks", "initialisation"} & set(self.ways):
            if mine.masks.shape != target.masks.shape or mine.activation != target.activation:
                raise ConfigError(
                    f"the student's masks are {tuple(mine.masks.shape)} {mine.activation}, the teacher's "
                    f"{tuple(target.masks.shape)} {target.activation}; train both with the same encoder, "
                    "attributes and activation"
                )
            # Attribute k must mean the same in both for their distance to mean anything.
            mine.masks.copy_(target.masks)
        if "initialisation" in self.ways:
            if student.pair.shape != self.target.pair.shape or mine.weight.shape != target.weight.shape:
                raise ConfigError(
                    f"carry=initialisation: the student's W_k is {tuple(student.pair.shape)}, the teacher's "
                    f"{tuple(self.target.pair.shape)}; set pair=full and teacher.rank equal to hidden"
                )
            mine.weight.copy_(target.weight)
            student.pair.copy_(self.target.pair)

    def loss(self, student: Model, step: Step) -> Tensor:
        """λ2 L_D, the divergence of responses, and the teacher's own loss where it learns along."""
        total = step.right.new_zeros(())
        if "masks" in self.ways and self.config.distillation_weight:
            total = total + self.config.distillation_weight * self.distance(cast(AddGnn, student), step.features)
        if "responses" in self.ways and self.config.response_weight:
            total = total + self.config.response_weight * self.divergence(student, step)
        if self.own is not None:
            total = total + self.own_loss(self.own, step)
        return total

    def distance(self, student: AddGnn, features: Tensor) -> Tensor:
        """L_D of (11) over the items of the step."""
        mine, target = student.attributes, self.target.attributes
        if mine.activation == "relu":
            return mask_distance(features, mine.masks, target.masks.detach())
        return masked_distance(mine.masked(features), target.masked(features).detach())

    def divergence(self, student: Model, step: Step) -> Tensor:
        """KL between the rankings of candidates for a top or bottom, on as many outfits as cost one more batch."""
        count, mask = self.config.candidates, step.positive.mask
        mask = mask.cpu()  # chance is drawn on the CPU, whatever computes
        codes = step.all_categories[step.items.to(step.all_categories.device)]
        side = self.side[codes].cpu().masked_fill(~mask, 2)  # (B, n)
        both = ((side == 0).any(dim=1) & (side == 1).any(dim=1)).nonzero()[: max(len(mask) // count, 1), 0]
        items, mask, side = step.items[both], mask[both], side[both]
        if not len(items):
            return step.right.new_zeros(())
        chance = torch.rand(side.shape, generator=step.generator).masked_fill(side == 2, -1)
        position = chance.argmax(dim=1)
        drawn, served = self.candidates.draw(items, mask, position, count - 1, step.generator)
        items, mask, position, drawn = items[served], mask[served], position[served], drawn[served]
        if not len(items):
            return step.right.new_zeros(())
        looks = items[:, None, :].repeat(1, count, 1)
        looks[:, 1:].scatter_(2, position[:, None, None].expand(-1, count - 1, 1), drawn[:, :, None])
        rows, indices = looks.flatten(0, 1).unique(return_inverse=True)
        device = step.all_categories.device
        rows, batch = rows.to(device), OutfitBatch(indices, mask.repeat_interleave(count, dim=0)).to(device)
        features, categories = step.all_features[rows], step.all_categories[rows]
        with torch.no_grad():
            states = self.target.encode_items(features, categories)
            taught = self.target.score_sides(states.hidden, self.side[categories], batch).view(-1, count)
        learned = student.score(student.encode_items(features, categories), batch).view(-1, count)
        return response_divergence(learned, taught, self.config.temperature)

    def own_loss(self, own: TrainingData, step: Step) -> Tensor:
        """BPR of the teacher on a batch of its own data."""
        size = min(self.batch_size, len(own.train))
        chosen = torch.randint(len(own.train), (size,), generator=step.generator).numpy()
        pairs = corruptions(own.train.take(chosen).batch(), self.own_negatives, 1, step.generator)
        if not len(pairs):
            return torch.zeros(())
        (rows, batch), device = pairs.both.distinct(), step.right.device
        features, categories = own.of(rows)
        states = self.teacher.encode_items(features.to(device), categories.to(device))
        scores = self.teacher.score(states, batch.to(device))
        return bpr(scores[: len(pairs)], scores[len(pairs) :]) + self.teacher.penalty()

    @torch.no_grad()
    def after_step(self) -> None:
        """Move the running average."""
        if self.average is not None:
            for average, new in zip(self.average.parameters(), self.teacher.parameters(), strict=True):
                average.lerp_(new, 1 - self.config.ema_decay)
