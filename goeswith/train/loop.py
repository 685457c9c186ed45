"""Loop: one training loop for every model."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn, cast

import numpy as np
import torch
from torch import Tensor, nn

from goeswith.data.devices import FreeMemory, keep_memory
from goeswith.data.negatives import Negatives
from goeswith.errors import TOO_FEW_OUTFITS, ConfigError, DataError, ModelError
from goeswith.files import fresh_file
from goeswith.models import ItemStates, Model, TrainingData, exact
from goeswith.train.batches import batches
from goeswith.train.checkpoint import (
    Checkpoint,
    Tensors,
    optimiser_state,
    random_state,
    restore_optimiser,
    restore_random,
)
from goeswith.train.corruptions import Corrupted, train_pairs, valid_pairs
from goeswith.train.objectives import GapObjective, NoScoreError, Objective, PairObjective
from goeswith.train.ranks import Ranks
from goeswith.train.scoring import encode_rows, score
from goeswith.train.selection import Selection
from goeswith.train.settings import TrainConfig, learning_rate, optimiser
from goeswith.train.source import Knowledge

log = logging.getLogger(__name__)

DIVERGED = 1e6
"""A loss from here on, or none at all, ends the run: ranking losses begin near ln 2."""

Progress = Callable[[int, int, dict[str, float]], None]
"""Called after each epoch with its number, the most there will be, and what was measured."""


@dataclass(frozen=True)
class Result:
    """What came of a training.

    best_epoch: whose weights the model has, see `TrainConfig.keep`. valid_auc: of that epoch. epochs, seconds: of the
    whole training.
    unservable: outfits that taught nothing, over all epochs. history: what each epoch measured.
    """

    best_epoch: int
    valid_auc: float
    epochs: int
    seconds: float
    unservable: int
    history: list[dict[str, float]]


def fit(
    model: Model,
    data: TrainingData,
    config: TrainConfig,
    folder: Path,
    *,
    knowledge: Sequence[Knowledge] = (),
    progress: Progress | None = None,
    device: torch.device | None = None,
    ranks: Ranks = Ranks(),  # noqa: B008
    epochs: int | None = None,
) -> Result:
    """Train `model` in place and leave it with the weights of the epoch that `TrainConfig.keep` says.

    State is written to `folder` after every epoch, so that an interrupted run resumes and ends with
    bit-identical weights. Selection is on validation outfits only: paired AUC against corruptions drawn
    once by the same strategy.

    Args:
        device: what computes, the CPU by default. Chance is drawn on the CPU whatever it is, but for dropout.
        ranks: the processes that share the training; the first of them writes and reports.
        epochs: train exactly so many, without validation outfits, and keep the last weights; `Result.valid_auc` is nan.

    Raises:
        ModelError: the loss is no longer finite.
        DataError: a split is empty, or the negatives cannot be drawn.
    """
    loop = Loop(model, data, config, folder, knowledge, device, ranks, epochs)
    loop.resume()
    with _tensorboard(folder) if ranks.first else contextlib.nullcontext(_nowhere) as log_value:
        while not loop.finished:
            measured = loop.run_epoch()
            loop.save()
            for name, value in measured.items():
                log_value(name, value, loop.epoch)
            if progress and ranks.first:
                progress(loop.epoch, loop.limit, measured)
    chosen = loop.history[-1]
    if config.keep != "last" and epochs is None:
        model.load_state_dict(loop.kept)
        loop.knowledge.load_state_dict(loop.kept_knowledge)
        chosen = loop.history[loop.selection.epoch - 1]
    seconds = round(sum(row["seconds"] for row in loop.history), 2)
    return Result(
        int(chosen["epoch"]), chosen.get("valid_auc", math.nan), loop.epoch, seconds, loop.unservable, loop.history
    )


class Loop:
    """The state of a training run between epochs: all of it is saved, all of it is resumed."""

    def __init__(
        self,
        model: Model,
        data: TrainingData,
        config: TrainConfig,
        folder: Path,
        knowledge: Sequence[Knowledge] = (),
        device: torch.device | None = None,
        ranks: Ranks = Ranks(),  # noqa: B008
        epochs: int | None = None,
    ) -> None:
        if config.learn_from != "train" and epochs is None:
            raise ConfigError(
                f"learn_from={config.learn_from} needs outfits held out to know when to stop, which goeswith train has "
                "for a single model without teachers; leave it out"
            )
        for name, outfits in (("train", data.train), ("valid", data.valid)):
            if not len(outfits) and (name == "train" or epochs is None):
                raise DataError(
                    f"the {name} split has no usable outfit; import the data with another seed, or more outfits",
                    reason=TOO_FEW_OUTFITS,
                )
        keep_memory()
        self.memory = FreeMemory()
        self.device, self.ranks, self.epochs = device or torch.device("cpu"), ranks, epochs
        self.model, self.data, self.config, self.folder = model, data.to(self.device), config, folder
        self.sources = list(knowledge)
        self.knowledge = nn.ModuleList(cast(list[nn.Module], self.sources)).to(self.device)
        model.to(self.device)
        self.generator = torch.Generator().manual_seed(config.seed)
        usable = data.usable
        if config.pool == "worn":
            usable = usable & (np.bincount(data.train.items, minlength=len(usable)) > 0)
        self.negatives = Negatives(data.catalogue, data.train, config.negatives, usable, [data.train])
        for source in self.sources:
            source.prepare(model)
        self.objective = self._objective()
        self.softmax = self.objective.softmax
        learning = [part for part in (model, self.knowledge, self.softmax) if part is not None]
        self.parameters = [p for part in learning for p in part.parameters() if p.requires_grad]
        self.optimiser = optimiser(self.parameters, config)
        self.valid = valid_pairs(data, config) if epochs is None else None
        self.training_sample = train_pairs(data, config) if epochs is None else None
        self.kept: Tensors = {}
        self.kept_knowledge: Tensors = {}
        self.selection = Selection(config.keep)
        self.history: list[dict[str, float]] = []
        self.unservable = 0

    @property
    def epoch(self) -> int:
        """How many are finished."""
        return len(self.history)

    @property
    def finished(self) -> bool:
        """Whether no further epoch is to come."""
        patient = self.epochs is not None or self.config.keep == "last" or self.stale < self.config.patience
        return self.epoch >= self.limit or not patient

    @property
    def stale(self) -> int:
        """Epochs since the best one."""
        return _since_best(self.history)

    @property
    def limit(self) -> int:
        """The most epochs there will be, as far as is known: see `TrainConfig.extend`."""
        if self.epochs is not None:
            return self.epochs
        epochs = self.config.epochs
        if self.config.schedule == "constant":
            for _ in range(self.config.extend):
                if self.epoch < epochs or _since_best(self.history[:epochs]) >= max(epochs // 10, 1):
                    break
                epochs += max(self.config.epochs // 2, 1)
        return epochs

    def run_epoch(self) -> dict[str, float]:
        """One pass over the training outfits, and what was measured of it."""
        started, total, seen = time.perf_counter(), 0.0, 0
        self.model.train()
        if not self.ranks.first:  # dropout of its own; everything else is drawn from the generator, which all share
            torch.manual_seed(self.config.seed + (self.epoch << 16) + self.ranks.rank)
        steps = -(-len(self.data.train) // self.config.batch_size)
        train, weights = self.data.train, self.data.train.weights if self.config.weighted else None
        even = self.config.batches == "even"
        drawn = batches(train.lengths, self.config.batch_size, self.generator, weights, even=even)
        for step, indices in enumerate(drawn, 1):
            for group in self.optimiser.param_groups:
                group["lr"] = learning_rate(self.config, (steps * self.epoch + step) / (steps * self.config.epochs))
            loss, size = self.step(indices)
            total, seen = total + loss * size, seen + size
        if not seen:
            alone = self.config.batch_size == 1 and isinstance(self.objective, GapObjective)
            raise DataError(
                "a batch of one outfit has no wrong answers; use a larger batch_size"
                if alone
                else f"no training outfit has a wrong answer by {self.config.negatives!r} negatives; "
                "use --set negatives=category or random",
                reason="" if alone else TOO_FEW_OUTFITS,
            )
        trained = time.perf_counter() - started
        self.expect_sane("the weights have grown without end")
        measured = {"epoch": self.epoch + 1, "loss": total / max(seen, 1)}
        if self.valid is not None:
            wins = self.wins(self.valid)
            if self.selection.keeps(self.epoch + 1, wins):
                self.kept, self.kept_knowledge = _copied(self.model.state_dict()), _copied(self.knowledge.state_dict())
            measured["valid_auc"] = float(wins.mean())
        if self.training_sample is not None and len(self.training_sample):
            measured["train_auc"] = float(self.wins(self.training_sample).mean())
        measured["seconds"] = round(time.perf_counter() - started, 3)
        measured["pairs_per_second"] = round(seen / trained, 1)
        self.history.append(measured)
        self.memory.limit()
        return self.history[-1]

    def step(self, indices: np.ndarray) -> tuple[float, int]:
        """One optimiser step on the outfits at `indices`; returns its loss and how many pairs or gaps taught it."""
        try:
            loss, count, unservable = self.objective(self.data.train.take(indices).batch(), self.epoch)
        except NoScoreError:
            self.expect_sane("the loss is nan")
            raise
        except Exception as error:
            if self.config.compile and type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
                reason = str(error).strip().splitlines()[0]
                raise ModelError(f"torch cannot compile this model here ({reason}); leave out compile=true") from None
            raise
        self.unservable += unservable
        return (0.0, 0) if loss is None else (self.descend(loss), count)

    def _objective(self) -> Objective:
        silent = all(getattr(source, "silent", False) for source in self.sources)  # others speak of corruptions
        wanted = self.config.objective
        if wanted == "batch-softmax" and not silent:
            raise ConfigError(
                "rules and designers' rankings are learned from corrupted outfits, of which batch-softmax has none; "
                "use objective=sampled-softmax with them"
            )
        if wanted == "batch-softmax" or (wanted == "softmax" and exact(self.model) and silent):
            return GapObjective(self.model, self.data, self.config, self.negatives, self.generator, self.ranks)
        if self.config.drawn_negatives:
            raise ConfigError(
                "drawn_negatives are for all gaps of a batch, which this model does not rank together; "
                "use objective=batch-softmax with them"
            )
        return PairObjective(
            self.model, self.data, self.config, self.negatives, self.generator, self.sources, self.ranks
        )

    def descend(self, loss: Tensor) -> float:
        """One step of the optimiser down the gradient of a loss, whose value is returned.

        Raises:
            ModelError: the loss is no longer finite.
        """
        value = float(self.ranks.sum(loss.detach().clone()))
        if not value < DIVERGED:
            self.diverged(f"the loss is {value}")
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.ranks.sum_gradients(self.parameters)
        self.optimiser.step()
        for source in self.sources:
            source.after_step()
        return value

    def expect_sane(self, problem: str) -> None:
        """Stop where the weights have grown without end, which explains any score that is not a number; say `problem`.

        Raises:
            ModelError: they have.
        """
        if not all(bool((p.detach().abs() < DIVERGED).all()) for p in self.model.parameters()):
            self.diverged(problem)

    def diverged(self, problem: str) -> NoReturn:
        """Raises: ModelError: the training diverged, and which setting to lower."""
        raise ModelError(
            f"training diverged in epoch {self.epoch + 1}: {problem}; "
            f"lower the learning rate, e.g. --set learning_rate={self.config.learning_rate / 10:g}"
        )

    @torch.inference_mode()
    def wins(self, pairs: Corrupted) -> Tensor:
        """(B,) float64 whether an outfit scores higher than its corruption: 1, 0.5 for a tie, 0."""
        self.model.eval()
        (rows, batch), ranks = pairs.both.distinct(), self.ranks
        own = encode_rows(self.model, self.data, rows[ranks.busy(len(rows))])
        states = ItemStates(*(ranks.gather(part, len(rows)) for part in own))
        scores = ranks.gather(score(self.model, states, batch.take(ranks.busy(len(batch)))), len(batch))
        better = (scores[: len(pairs)] - scores[len(pairs) :]).cpu()
        return (better > 0).double() + 0.5 * (better == 0).double()

    def save(self) -> None:
        """Write everything a later process needs to go on, in one atomic file, and the log."""
        if not self.ranks.first:
            return
        parts = {
            "model": self.model.state_dict(),
            "knowledge": self.knowledge.state_dict(),
            "softmax": self.softmax.state_dict() if self.softmax is not None else {},
            "kept": self.kept,
            "kept_knowledge": self.kept_knowledge,
            "selection": self.selection.state,
            "optimiser": optimiser_state(self.optimiser),
            "rng": random_state(self.generator, self.device),
        }
        Checkpoint(parts, self.identity(), self.history, self.unservable).write(self.folder)
        self.write_log()

    def write_log(self) -> None:
        """Write what each epoch measured."""
        with fresh_file(self.folder / "log.jsonl") as partial:
            partial.write_text("".join(json.dumps(row) + "\n" for row in self.history))

    def resume(self) -> None:
        """Go on from the state that an earlier process left, if there is one, in step with the other processes."""
        self.ranks.agree([*self.model.state_dict().values(), *self.knowledge.state_dict().values()])
        saved = Checkpoint.read(self.folder, self.identity())
        if saved is None:
            return
        self.model.load_state_dict(saved.parts["model"])
        self.knowledge.load_state_dict(saved.parts.get("knowledge", {}))
        if self.softmax is not None:
            self.softmax.load_state_dict(saved.parts["softmax"])
        self.kept, self.kept_knowledge = saved.parts.get("kept", {}), saved.parts.get("kept_knowledge", {})
        self.selection.restore(saved.parts["selection"])
        restore_optimiser(self.optimiser, saved.parts.get("optimiser", {}))
        restore_random(self.generator, saved.parts["rng"])
        self.history, self.unservable = saved.history, saved.unservable
        if self.ranks.first:
            self.write_log()  # a kill may have come between the state and the log
        log.info("resumed after epoch %d", self.epoch)

    def identity(self) -> str:
        """What must be equal for a saved state to belong to this run."""
        shapes = {name: list(value.shape) for name, value in self.model.state_dict().items()}
        own = {"train": asdict(self.config), "shapes": shapes, "outfits": self.data.train.fingerprint}
        return json.dumps(own | ({} if self.epochs is None else {"epochs": self.epochs}))


def _since_best(history: Sequence[Mapping[str, float]]) -> int:
    """Epochs since the best one."""
    values = [row["valid_auc"] for row in history]
    return len(values) - 1 - values.index(max(values)) if values else 0


def _copied(tensors: Mapping[str, Tensor]) -> Tensors:
    return {name: value.detach().clone() for name, value in tensors.items()}


def _nowhere(name: str, value: float, epoch: int) -> None:
    """Nothing is kept."""


@contextlib.contextmanager
def _tensorboard(folder: Path) -> Iterator[Callable[[str, float, int], None]]:
    """Write to TensorBoard where it is installed, else nowhere."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        yield _nowhere
        return
    with SummaryWriter(str(folder / "tensorboard")) as writer:
        yield lambda name, value, epoch: writer.add_scalar(name, value, epoch)
