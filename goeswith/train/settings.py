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

    objective: ``pairwise`` is the model's own loss, on outfits and corruptions of them; ``softmax`` ranks each item of
    an outfit above all items of the batch that share its pool or, for models without queries and where knowledge has a
    loss of its own, one item of an outfit above r candidates; ``sampled-softmax`` does the latter for every model and
    ``batch-softmax`` the former, so that they can be compared (see `goeswith.train.softmax`): it takes ten times as
    long where an outfit must be scored for each candidate.
    negatives: how the replacing item is drawn, each epoch again (``random`` is the paper's); for ``softmax`` the pool.
    correct_popularity: where all items of a batch are ranked, each counts as often as the batch wears it, so that
    scores need not say how popular an item is; no other loss has it.
    drawn_negatives: where all items of a batch are ranked, how many of each pool are drawn to take their place, evenly
    unless `negatives` are ``matched``: a batch has popular items more often than others; 0 = those of the batch.
    pool: draw negatives from the whole ``catalogue`` (as in the papers) or from items ``worn`` in training outfits.
    With ``catalogue``, items that only test outfits wear are never right in training: a model can learn to reject them.
    negatives_per_positive: r. blank: which item is replaced, ``any`` or the ``bottom``, as triplets ask.
    pairs: learn from every top and bottom worn together instead of from whole outfits.
    outfits: how many training outfits to learn from, drawn by chance, so that fewer are part of more; 0 = all.
    outfits_seed: of that draw, so that models of several seeds can learn from the same few; -1 = that of the training.
    weighted: an epoch has outfits as often as their weights say, where the data set has weights; else each once.
    shuffled_items: control, learn from (and select on) outfits whose items were each exchanged for another of their
    category and season: structure and popularity stay, who goes with whom does not.
    keep: the weights of the ``best`` validation epoch, or of the ``last``, where a schedule comes to its end: of many
    epochs the best is partly the luckiest on few validation outfits. Then no patience ends the training.
    valid_corruptions: of each validation outfit, drawn once: with more of them few validation outfits tell more.
    patience: epochs without a better validation AUC before stopping. optimiser: ``sgd`` has momentum .9.
    extend: how many times training goes on for half as many epochs again if its best epoch is among the last tenth; not
    where the schedule has come to its end.
    schedule: of the learning rate, ``constant`` or ``cosine``, from `warmup` (the share of all steps in which it rises
    from 0) down to 0 after the last epoch.
    precision: ``bf16`` computes matmuls in bfloat16, ``auto`` does so if the device has instructions for it.
    compile: let torch compile the model's forward pass; it takes a minute at the start and needs a C++ compiler.
    features: read all of them into memory (``memory``), or each batch from the file (``stream``); to the same numbers.
    ``auto`` reads all of them where they take no more than half of the free memory.
    """

    objective: Literal["pairwise", "softmax", "sampled-softmax", "batch-softmax"] = "pairwise"
    negatives: str = "random"
    correct_popularity: bool = False
    drawn_negatives: int = 0
    pool: Literal["catalogue", "worn"] = "catalogue"
    negatives_per_positive: int = 1
    blank: Literal["any", "bottom"] = "any"
    pairs: bool = False
    outfits: int = 0
    outfits_seed: int = -1
    weighted: bool = True
    shuffled_items: bool = False
    epochs: int = 40
    keep: Literal["best", "last"] = "best"
    valid_corruptions: int = 2
    patience: int = 6
    extend: int = 0
    batch_size: int = 256
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
                "correct_popularity is for items that come as often as a batch wears them, and drawn_negatives do not; "
                "use --set correct_popularity=false with them"
            )

    @classmethod
    def of(cls, model: str) -> TrainConfig:
        """The settings with which a model is trained where none are changed.

        Raises:
            ConfigError: there is no model of that name.
        """
        return cls(**training_settings(model))


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
