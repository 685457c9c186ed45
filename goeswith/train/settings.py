"""Training settings: the options of the loop, and the optimiser and learning rates they give."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

import torch
from torch import nn
from torch.optim import Optimizer

from goeswith.config import above_zero, at_least, below_one
from goeswith.data.negatives import check_strategy
from goeswith.errors import ConfigError
from goeswith.models import training_settings


@dataclass(frozen=True)
class TrainConfig:
    """Settings of the loop; optimiser and learning rate are the paper's.

    objective: ``pairwise`` is the model's own loss, on outfits and corruptions of them. ``softmax`` ranks each item of
    an outfit above all items of the batch that share its pool; a model without queries, or with knowledge that has a
    loss of its own, instead ranks one item of an outfit above r drawn candidates. To compare models on equal terms,
    ``batch-softmax`` does the former and ``sampled-softmax`` the latter for every model (see `goeswith.train.softmax`);
    ``batch-softmax`` takes ten times as long if an outfit must be scored for each candidate.
    negatives: how the replacing item is drawn, each epoch again (``random`` is the paper's); for ``softmax`` the pool.
    correct_popularity: if all items of a batch are ranked, count each as often as the batch contains it, so that scores
    need not say how popular an item is; without effect on other losses.
    drawn_negatives: if all items of a batch are ranked, use this many drawn items of each pool in place of those of the
    batch, which has popular items more often; drawn evenly unless `negatives` are ``matched``; 0 = those of the batch.
    pool: draw negatives from the whole ``catalogue`` (as in the papers) or from items ``worn`` in training outfits.
    With ``catalogue``, items that only test outfits have are never right in training: a model can learn to reject them.
    negatives_per_positive: r. blank: which item is replaced, ``any`` or the ``bottom``, as in triplets.
    learn_from: outfits of which splits to learn from. Beyond ``train`` the model is trained twice: on the training
    outfits alone, into ``RUN/held-out``, and then again on all of these splits for as many epochs as that one was best
    after. What is served knows every outfit, and `goeswith evaluate` measures the held-out one.
    pairs: learn from every top and bottom worn together instead of from whole outfits.
    outfits: how many training outfits to learn from, drawn at random; a smaller draw is part of a larger one; 0 = all.
    outfits_seed: seed of that draw, so that models of several seeds can learn from the same outfits; -1 = the seed of
    the training.
    weighted: if the data set has weights, use each outfit in an epoch as often as its weight says; otherwise once.
    shuffled_items: control, learn from (and select on) outfits in which each item was exchanged for another of its
    category and season: structure and popularity stay, who goes with whom does not.
    keep: the weights of the ``best`` validation epoch, or of the ``last``, at the end of a schedule. With few
    validation outfits the best of many epochs is partly the luckiest: ``one-standard-error`` keeps the last epoch that
    is not worse than the best one by more than a standard error (paired, over all corruptions of validation outfits as
    if each were of another outfit, which makes it somewhat too small; the rule is that of Breiman et al.,
    "Classification and Regression Trees", 1984, for later epochs). ``last`` turns `patience` off.
    valid_corruptions: corruptions of each validation outfit, drawn once; more of them help if the outfits are few.
    batches: ``full``, of `batch_size` outfits, and a last one of what is left; or ``even``, as many, but of equal size.
    If all items of a batch are ranked, a last batch of a few outfits is a step like any other, by few wrong items.
    patience: epochs without a better validation AUC before stopping. optimiser: ``sgd`` has momentum .9.
    extend: how many times training is extended by half of its epochs if the best epoch is among the last tenth; not
    if the schedule has come to its end.
    schedule: of the learning rate, ``constant``, or ``cosine``, which rises from 0 during `warmup` (a share of all
    steps) and falls to 0 after the last epoch.
    precision: ``bf16`` computes matmuls in bfloat16, ``auto`` does so if the device has instructions for it.
    compile: let torch compile the model's forward pass; it takes a minute at the start and needs a C++ compiler.
    features: read all of them into memory (``memory``) or each batch from the file (``stream``), with the same results;
    ``auto`` reads all of them if they take no more than half of the free memory.
    """

    objective: Literal["pairwise", "softmax", "sampled-softmax", "batch-softmax"] = "pairwise"
    negatives: str = "random"
    correct_popularity: bool = False
    drawn_negatives: int = 0
    pool: Literal["catalogue", "worn"] = "catalogue"
    negatives_per_positive: int = 1
    blank: Literal["any", "bottom"] = "any"
    learn_from: Literal["train", "train+valid", "train+valid+test"] = "train"
    pairs: bool = False
    outfits: int = 0
    outfits_seed: int = -1
    weighted: bool = True
    shuffled_items: bool = False
    epochs: int = 40
    keep: Literal["best", "one-standard-error", "last"] = "best"
    valid_corruptions: int = 2
    patience: int = 6
    extend: int = 0
    batch_size: int = 256
    batches: Literal["full", "even"] = "full"
    optimiser: Literal["rmsprop", "adamw", "sgd"] = "rmsprop"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    schedule: Literal["constant", "cosine"] = "constant"
    warmup: float = 0.1
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    compile: bool = False
    features: Literal["auto", "memory", "stream"] = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        check_strategy(self.negatives)
        at_least(self, 1, "negatives_per_positive", "epochs", "valid_corruptions", "patience", "batch_size")
        at_least(self, 0, "drawn_negatives", "outfits", "weight_decay", "seed", "extend")
        at_least(self, -1, "outfits_seed")
        above_zero(self, "learning_rate")
        below_one(self, "warmup")
        if self.drawn_negatives and self.correct_popularity:
            raise ConfigError(
                "correct_popularity corrects for how often a batch has an item, which drawn_negatives do not need; "
                "use --set correct_popularity=false with them"
            )

    @classmethod
    def of(cls, model: str) -> TrainConfig:
        """The settings with which a model is trained where none are changed.

        Raises:
            ConfigError: there is no model of that name.
        """
        return cls(**training_settings(model))


TEACHER_HELD_OUT = "those that a teacher holds out may be outfits that its student is measured on"
"""Why a teacher learns from training outfits alone."""


def check_held_out(config: TrainConfig, why: str) -> None:
    """Let validation outfits stay unseen.

    Raises:
        ConfigError: they are to be learned from.
    """
    if config.learn_from != "train":
        raise ConfigError(f"{why}; leave learn_from={config.learn_from} out")


def learning_rate(config: TrainConfig, progress: float) -> float:
    """The rate of the step that ends when the share `progress` in (0, 1] of all steps is done."""
    if config.schedule == "constant":
        return config.learning_rate
    if progress < config.warmup:
        return config.learning_rate * progress / config.warmup
    remaining = (progress - config.warmup) / (1 - config.warmup)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * remaining))


class _Common(TypedDict):
    """What every optimiser is given."""

    lr: float
    weight_decay: float


def optimiser(parameters: Sequence[nn.Parameter], config: TrainConfig) -> Optimizer:
    """The optimiser that the settings name, over the parameters to train."""
    common: _Common = {"lr": config.learning_rate, "weight_decay": config.weight_decay}
    if config.optimiser == "rmsprop":
        return torch.optim.RMSprop(parameters, foreach=True, **common)
    # In one pass over the memory where torch can; a step of AdamW over two towers takes a quarter of the time.
    fused = all(parameter.device.type in ("cpu", "cuda") for parameter in parameters)
    if config.optimiser == "sgd":
        return torch.optim.SGD(parameters, momentum=0.9, fused=fused, foreach=not fused, **common)
    return torch.optim.AdamW(parameters, fused=fused, foreach=not fused, **common)
