"""Loop: one training loop for every model."""

from __future__ import annotations

import contextlib
import copy
import json
import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from goeswith.config import above_zero, at_least, below_one
from goeswith.data.catalogue import Catalogue
from goeswith.data.negatives import Negatives, check_strategy
from goeswith.data.outfits import OutfitBatch
from goeswith.data.pairs import bottoms
from goeswith.errors import DataError, ModelError
from goeswith.files import fresh_file
from goeswith.models import TrainingData, training_settings
from goeswith.train.softmax import BatchSoftmax, CandidateSoftmax
from goeswith.train.source import Step

log = logging.getLogger(__name__)

VALID_REPEATS = 2
"""Corruptions drawn, once and for all, for each validation outfit."""
DIVERGED = 1e6
"""A loss from here on, or none at all, ends the run: ranking losses begin near ln 2."""
SCORE_BLOCK = 1024
"""Outfits scored at a time where no gradient is kept."""


@dataclass(frozen=True)
class TrainConfig:
    """Settings of the loop; optimiser and learning rate are the paper's.

    objective: ``pairwise`` is the model's own loss, on outfits and corruptions of them; ``softmax`` ranks each item of
    an outfit above all items of the batch that share its pool or, for models without queries, one item of an outfit
    above r candidates (see `goeswith.train.softmax`).
    negatives: how the replacing item is drawn, each epoch again (``random`` is the paper's); for ``softmax`` the pool.
    pool: draw negatives from the whole ``catalogue`` (as in the papers) or from items ``worn`` in training outfits.
    With ``catalogue``, items that only test outfits wear are never right in training: a model can learn to reject them.
    negatives_per_positive: r. blank: which item is replaced, ``any`` or the ``bottom``, as triplets ask.
    pairs: learn from every top and bottom worn together instead of from whole outfits.
    outfits: how many training outfits to learn from, drawn by the seed, so that fewer are part of more; 0 = all.
    shuffled: control, learn from (and select on) outfits whose items were each exchanged for another of their category
    and season: structure and popularity stay, who goes with whom does not.
    patience: epochs without a better validation AUC before stopping. optimiser: ``sgd`` has momentum .9.
    schedule: of the learning rate, ``constant`` or ``cosine``, from `warmup` (the share of all steps in which it rises
    from 0) down to 0 after the last epoch.
    precision: ``bf16`` computes matmuls in bfloat16, ``auto`` does so if the CPU has instructions for it.
    """

    objective: Literal["pairwise", "softmax"] = "pairwise"
    negatives: str = "random"
    pool: Literal["catalogue", "worn"] = "catalogue"
    negatives_per_positive: int = 1
    blank: Literal["any", "bottom"] = "any"
    pairs: bool = False
    outfits: int = 0
    shuffled: bool = False
    epochs: int = 40
    patience: int = 6
    batch_size: int = 256
    optimiser: Literal["rmsprop", "adamw", "sgd"] = "rmsprop"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    schedule: Literal["constant", "cosine"] = "constant"
    warmup: float = 0.1
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        check_strategy(self.negatives)
        at_least(self, 1, "negatives_per_positive", "epochs", "patience", "batch_size")
        at_least(self, 0, "outfits", "weight_decay", "seed")
        above_zero(self, "learning_rate")
        below_one(self, "warmup")

    @classmethod
    def of(cls, model: str) -> TrainConfig:
        """The settings with which a model is trained where none are changed.

        Raises:
            ConfigError: there is no model of that name.
        """
        return cls(**training_settings(model))


Progress = Callable[[int, int, dict[str, float]], None]
"""Called after each epoch with its number, the most there will be, and what was measured."""


def fit(
    model: nn.Module,
    data: TrainingData,
    config: TrainConfig,
    folder: Path,
    *,
    knowledge: list[Any] | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train `model` in place and leave it with the weights of its best validation epoch.

    State is written to `folder` after every epoch, so that a killed run goes on from there and ends with
    bit-identical weights. Selection is on validation outfits only: paired AUC against corruptions drawn
    once by the same strategy.

    Returns:
        best_epoch, valid_auc, epochs, seconds, and the list of what each epoch measured.

    Raises:
        ModelError: the loss is no longer finite.
        DataError: a split is empty, or the negatives cannot be drawn.
    """
    loop = _Loop(model, data, config, folder, knowledge or [])
    loop.resume()
    with _board(folder) as board:
        while loop.epoch < config.epochs and loop.stale < config.patience:
            measured = loop.run_epoch()
            loop.save()
            for name, value in measured.items():
                board(name, value, loop.epoch)
            if progress:
                progress(loop.epoch, config.epochs, measured)
    model.load_state_dict(loop.best)
    loop.knowledge.load_state_dict(loop.best_knowledge)
    best = max(loop.history, key=lambda row: row["valid_auc"])
    return {
        "best_epoch": int(best["epoch"]),
        "valid_auc": best["valid_auc"],
        "epochs": loop.epoch,
        "seconds": round(sum(row["seconds"] for row in loop.history), 2),
        "unservable": loop.unservable,
        "history": loop.history,
    }


class _Loop:
    """The state of a training run between epochs: all of it is saved, all of it is resumed."""

    def __init__(
        self, model: nn.Module, data: TrainingData, config: TrainConfig, folder: Path, knowledge: list[Any]
    ) -> None:
        for name, outfits in (("train", data.train), ("valid", data.valid)):
            if not len(outfits):
                raise DataError(
                    f"the {name} split has no usable outfit; import the data with another seed, or more outfits"
                )
        self.model: Any = model
        self.data, self.config, self.folder = data, config, folder
        self.knowledge: Any = nn.ModuleList(knowledge)
        self.generator = torch.Generator().manual_seed(config.seed)
        usable = data.usable
        if config.pool == "worn":
            usable = usable & (np.bincount(data.train.items, minlength=len(usable)) > 0)
        self.negatives = Negatives(data.catalogue, data.train, config.negatives, usable, [data.train])
        for source in knowledge:
            source.prepare(model)
        self.blank = blanks(data.catalogue, config.blank)
        self.softmax = self._softmax(knowledge)
        learning = [part for part in (model, self.knowledge, self.softmax) if part is not None]
        trained = [p for part in learning for p in part.parameters() if p.requires_grad]
        self.optimiser = _optimiser(trained, config)
        self.precision = torch.bfloat16 if wants_bf16(config.precision) else torch.float32
        self.valid = valid_pairs(data, config)
        self.best: dict[str, Tensor] = {}
        self.best_knowledge: dict[str, Tensor] = {}
        self.history: list[dict[str, float]] = []
        self.unservable = 0

    @property
    def epoch(self) -> int:
        return len(self.history)

    @property
    def stale(self) -> int:
        """Epochs since the best one."""
        values = [row["valid_auc"] for row in self.history]
        return len(values) - 1 - values.index(max(values)) if values else 0

    def run_epoch(self) -> dict[str, float]:
        started, total, seen = time.perf_counter(), 0.0, 0
        self.model.train()
        steps = -(-len(self.data.train) // self.config.batch_size)
        drawn = batches(self.data.train.lengths, self.config.batch_size, self.generator)
        for step, indices in enumerate(drawn, 1):
            for group in self.optimiser.param_groups:
                group["lr"] = learning_rate(self.config, (steps * self.epoch + step) / (steps * self.config.epochs))
            loss, size = self.step(indices)
            total, seen = total + loss * size, seen + size
        if not seen:
            raise DataError(
                f"no training outfit has a wrong answer by {self.config.negatives!r} negatives; "
                "use --set negatives=category or random"
            )
        trained = time.perf_counter() - started
        self.expect_sane("the weights have grown without end")
        auc = self.validate()
        if not self.history or auc > max(row["valid_auc"] for row in self.history):
            self.best, self.best_knowledge = (
                {name: value.detach().clone() for name, value in part.state_dict().items()}
                for part in (self.model, self.knowledge)
            )
        self.history.append(
            {
                "epoch": self.epoch + 1,
                "loss": total / max(seen, 1),
                "valid_auc": auc,
                "seconds": round(time.perf_counter() - started, 3),
                "pairs_per_second": round(seen / trained, 1),
            }
        )
        return self.history[-1]

    def step(self, indices: np.ndarray) -> tuple[float, int]:
        """One optimiser step on the outfits at `indices`; returns its loss and how many pairs or gaps taught it."""
        if isinstance(self.softmax, BatchSoftmax):
            return self._softmax_step(indices, self.softmax)
        return self._pairwise_step(indices)

    def _softmax(self, knowledge: list[Any]) -> BatchSoftmax | CandidateSoftmax | None:
        if self.config.objective != "softmax":
            return None
        silent = all(getattr(source, "silent", False) for source in knowledge)  # others speak of corruptions
        if getattr(self.model, "exact", False) and silent:
            return BatchSoftmax(self.data.catalogue, self.config.negatives, self.blank)
        return CandidateSoftmax()

    def _softmax_step(self, indices: np.ndarray, softmax: BatchSoftmax) -> tuple[float, int]:
        items, mask = (torch.from_numpy(x) for x in self.data.train.take(indices).padded())
        rows, inverse = items.unique(return_inverse=True)
        batch = OutfitBatch(inverse, mask)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.precision is torch.bfloat16):
            states = self.model.encode_items(self.data.features[rows], self.data.categories[rows])
            loss, gaps = softmax(self.model, states, batch, rows)
        if not gaps:
            self.unservable += len(indices)
            return 0.0, 0
        return self.descend(loss + self.model.penalty()), gaps

    def _pairwise_step(self, indices: np.ndarray) -> tuple[float, int]:
        r = self.config.negatives_per_positive
        padded, real = self.data.train.take(indices).padded()
        outfits = torch.from_numpy(padded), torch.from_numpy(real)
        items, mask, corrupt = corruptions(*outfits, self.negatives, r, self.generator, self.blank)
        self.unservable += len(indices) - len(items)
        if not len(items):
            return 0.0, 0
        rows = torch.cat([items, corrupt.flatten(0, 1)]).unique()
        row_of = torch.empty(len(self.data.features), dtype=torch.long)
        row_of[rows] = torch.arange(len(rows))
        both = torch.cat([items, corrupt.flatten(0, 1)])
        batch = OutfitBatch(row_of[both], torch.cat([mask, mask.repeat_interleave(r, dim=0)]))
        features, categories = self.data.features[rows], self.data.categories[rows]
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.precision is torch.bfloat16):
            states = self.model.encode_items(features, categories)
            scores = self.model.score(states, batch).float()
        right, wrong = scores[: len(items)], scores[len(items) :].view(-1, r)
        unscored = right.isnan() | wrong.isnan().any(dim=1)
        if unscored.all():
            self.expect_sane("the loss is nan")
            raise ModelError(
                f"no outfit of a batch has a score in epoch {self.epoch + 1}: they lack what the model compares "
                "(akd-dbpr needs a top and a bottom); --set sides=groups or pairs=true, or choose other negatives"
            )
        if unscored.any() and not unscored.all():  # some have no answer for some outfits, e.g. for one without a top
            self.unservable += int(unscored.sum())
            items, mask, corrupt, right, wrong = (x[~unscored] for x in (items, mask, corrupt, right, wrong))
            both = torch.cat([items, corrupt.flatten(0, 1)])
            batch = OutfitBatch(row_of[both], torch.cat([mask, mask.repeat_interleave(r, dim=0)]))
        if isinstance(self.softmax, CandidateSoftmax):
            objective = self.softmax(right, wrong)
        else:
            objective = self.model.objective(right, wrong, states, batch)
        loss = objective + self.model.penalty()
        if len(self.knowledge):
            negative = OutfitBatch(batch.items[len(items) :], batch.mask[len(items) :])
            step = Step(
                features=features, categories=categories, states=states, positive=OutfitBatch(row_of[items], mask),
                items=items, corrupt=corrupt, negative=negative, right=right, wrong=wrong, objective=objective,
                epoch=self.epoch, all_features=self.data.features, all_categories=self.data.categories,
                generator=self.generator,
            )  # fmt: skip
            for source in self.knowledge:
                loss = loss + source.loss(self.model, step)
        return self.descend(loss), len(items)

    def descend(self, loss: Tensor) -> float:
        """One step of the optimiser down the gradient of a loss, whose value is returned.

        Raises:
            ModelError: the loss is no longer finite.
        """
        value = float(loss.detach())
        if not value < DIVERGED:
            self.diverged(f"the loss is {value}")
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        for source in self.knowledge:
            source.after_step()
        return value

    def expect_sane(self, what: str) -> None:
        """Stop where the weights have grown without end, which explains any score that is no number; say `what`.

        Raises:
            ModelError: they have.
        """
        if not all(bool((p.detach().abs() < DIVERGED).all()) for p in self.model.parameters()):
            self.diverged(what)

    def diverged(self, what: str) -> NoReturn:
        """Raises: ModelError: the training diverged, and which setting to lower."""
        raise ModelError(
            f"training diverged in epoch {self.epoch + 1}: {what}; "
            f"lower the learning rate, e.g. --set learning_rate={self.config.learning_rate / 10:g}"
        )

    @torch.inference_mode()
    def validate(self) -> float:
        """Paired AUC on the fixed validation pairs, ties counted half."""
        self.model.eval()
        positive, negative, mask = self.valid
        rows, inverse = torch.cat([positive, negative]).unique(return_inverse=True)
        states = encode(self.model, self.data.features[rows], self.data.categories[rows])
        scores = score(self.model, states, OutfitBatch(inverse, torch.cat([mask, mask])))
        better = scores[: len(positive)] - scores[len(positive) :]
        return float(((better > 0).double() + 0.5 * (better == 0).double()).mean())

    def save(self) -> None:
        """Write everything a later process needs to go on, in one atomic file, and the log."""
        tensors = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        tensors |= {f"knowledge.{k}": v for k, v in self.knowledge.state_dict().items()}
        if self.softmax is not None:
            tensors |= {f"softmax.{k}": v for k, v in self.softmax.state_dict().items()}
        tensors |= {f"best.{k}": v for k, v in self.best.items()}
        tensors |= {f"best_knowledge.{k}": v for k, v in self.best_knowledge.items()}
        for index, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{index}.{k}": v for k, v in state.items()}
        tensors |= {"rng.generator": self.generator.get_state(), "rng.torch": torch.get_rng_state()}
        meta = {"history": json.dumps(self.history), "unservable": str(self.unservable), "config": self.identity()}
        with fresh_file(self.folder / "state.safetensors") as partial:
            # Tensors that share memory (a best epoch that is also the last) must be told apart.
            save_file({k: v.detach().clone().contiguous() for k, v in tensors.items()}, partial, metadata=meta)
        self.write_log()

    def write_log(self) -> None:
        """Write what each epoch measured."""
        with fresh_file(self.folder / "log.jsonl") as partial:
            partial.write_text("".join(json.dumps(row) + "\n" for row in self.history))

    def resume(self) -> None:
        """Go on from the state that an earlier process left, if there is one."""
        path = self.folder / "state.safetensors"
        if not path.is_file():
            return
        try:
            with safe_open(path, framework="pt") as file:
                meta = file.metadata()
                saved = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except Exception as error:
            raise ModelError(f"cannot read {path} ({error}); remove the file to train from the start") from None
        if meta.get("config") != self.identity():
            raise ModelError(f"{path} was left by a run with other settings; train into another folder or remove it")
        parts: dict[str, dict[str, Tensor]] = {}
        for name, tensor in saved.items():
            part, _, rest = name.partition(".")
            parts.setdefault(part, {})[rest] = tensor
        self.model.load_state_dict(parts["model"])
        self.knowledge.load_state_dict(parts.get("knowledge", {}))
        if self.softmax is not None:
            self.softmax.load_state_dict(parts["softmax"])
        self.best, self.best_knowledge = parts["best"], parts.get("best_knowledge", {})
        optimiser = copy.copy(self.optimiser.state_dict())
        optimiser["state"] = {}
        for name, tensor in parts.get("optimiser", {}).items():
            index, _, field = name.partition(".")
            optimiser["state"].setdefault(int(index), {})[field] = tensor
        self.optimiser.load_state_dict(optimiser)
        self.generator.set_state(parts["rng"]["generator"])
        torch.set_rng_state(parts["rng"]["torch"])
        self.history, self.unservable = json.loads(meta["history"]), int(meta["unservable"])
        self.write_log()  # a kill may have come between the state and the log
        log.info("resumed after epoch %d", self.epoch)

    def identity(self) -> str:
        """What must be equal for a saved state to belong to this run."""
        shapes = {name: list(value.shape) for name, value in self.model.state_dict().items()}
        return json.dumps({"train": asdict(self.config), "shapes": shapes, "outfits": self.data.train.fingerprint})


def learning_rate(config: TrainConfig, progress: float) -> float:
    """The rate of the step that ends when the share `progress` in (0, 1] of all steps is done."""
    if config.schedule == "constant":
        return config.learning_rate
    if progress < config.warmup:
        return config.learning_rate * progress / config.warmup
    rest = (progress - config.warmup) / (1 - config.warmup)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * rest))


def _optimiser(parameters: list[nn.Parameter], config: TrainConfig) -> Any:
    common: dict[str, Any] = {"lr": config.learning_rate, "weight_decay": config.weight_decay, "foreach": True}
    if config.optimiser == "sgd":
        return torch.optim.SGD(parameters, momentum=0.9, **common)
    return (torch.optim.RMSprop if config.optimiser == "rmsprop" else torch.optim.AdamW)(parameters, **common)


def wants_bf16(precision: str) -> bool:
    """Whether matmuls are computed in bfloat16 here."""
    if precision == "auto":
        has = torch.cpu.get_capabilities()
        return bool(has.get("amx_bf16") or has.get("avx512_bf16"))
    return precision == "bf16"


def batches(lengths: np.ndarray, size: int, generator: torch.Generator) -> Iterator[np.ndarray]:
    """Places of the outfits of each batch, a fresh shuffle; outfits of like length meet, to save padding."""
    order = torch.randperm(len(lengths), generator=generator).numpy()
    # Sorting within windows of eight batches keeps the batches random while their lengths agree.
    window = np.arange(len(order)) // (8 * size)
    order = order[np.lexsort((lengths[order], window))]
    starts = torch.randperm(-(-len(order) // size), generator=generator).numpy() * size
    for start in starts:
        yield order[start : start + size]


def valid_pairs(data: TrainingData, config: TrainConfig) -> tuple[Tensor, Tensor, Tensor]:
    """Positive (V, n), negative (V, n) and mask (V, n) to select on; the same for every seed of a study.

    Raises:
        DataError: the strategy can serve no validation outfit.
    """
    padded, real = (torch.from_numpy(a).repeat_interleave(VALID_REPEATS, dim=0) for a in data.valid.padded())
    negatives = Negatives(data.catalogue, data.valid, config.negatives, data.usable, [data.train, data.valid])
    chance = torch.Generator().manual_seed(20)
    items, mask, corrupt = corruptions(padded, real, negatives, 1, chance, blanks(data.catalogue, config.blank))
    if not len(items):
        raise DataError(
            f"no validation outfit can be corrupted by {config.negatives!r} negatives; "
            "use --set negatives=category or random"
        )
    return items, corrupt[:, 0], mask


def blanks(catalogue: Catalogue, which: str) -> Tensor | None:
    """(U,) bool: items that may be replaced; None for ``any``."""
    if which == "any":
        return None
    return torch.from_numpy(bottoms(catalogue))


def corruptions(
    items: Tensor,
    mask: Tensor,
    negatives: Negatives,
    count: int,
    generator: torch.Generator,
    blank: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Replace one random item of each outfit, `count` times over; only an item of `blank` (U,) where that is given.

    Returns the outfits that could be served: items (B', n), mask (B', n), corruptions (B', count, n).
    """
    if blank is not None:
        able = blank[items] & mask
        some = able.any(dim=1)
        items, mask, able = items[some], mask[some], able[some]
        position = torch.rand(able.shape, generator=generator).masked_fill(~able, -1).argmax(dim=1)
    else:
        position = (torch.rand(len(items), generator=generator) * mask.sum(dim=1)).long()
    drawn, served = negatives.draw(items, mask, position, count, generator)
    items, mask, position, drawn = items[served], mask[served], position[served], drawn[served]
    corrupt = items[:, None, :].repeat(1, count, 1)
    corrupt.scatter_(2, position[:, None, None].expand(-1, count, 1), drawn[:, :, None])
    return items, mask, corrupt


@torch.inference_mode()
def encode(model: Any, features: Tensor, categories: Tensor, block: int = 8192) -> Any:
    """States of many items, block by block."""
    parts = [
        model.encode_items(features[at : at + block], categories[at : at + block])
        for at in range(0, len(features), block)
    ]
    return type(parts[0])(*(torch.cat(column) for column in zip(*parts, strict=True)))


@torch.inference_mode()
def score(model: Any, states: Any, batch: OutfitBatch) -> Tensor:
    """Scores (B,) of many outfits, block by block."""
    parts = [
        model.score(states, OutfitBatch(items, mask)).float()
        for items, mask in zip(batch.items.split(SCORE_BLOCK), batch.mask.split(SCORE_BLOCK), strict=True)
    ]
    return torch.cat(parts) if parts else torch.empty(0)


@contextlib.contextmanager
def _board(folder: Path) -> Iterator[Callable[[str, float, int], None]]:
    """Write to TensorBoard where it is installed, else nowhere."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        yield lambda name, value, epoch: None
        return
    with SummaryWriter(str(folder / "tensorboard")) as writer:
        yield lambda name, value, epoch: writer.add_scalar(name, value, epoch)
