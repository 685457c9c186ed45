"""Selection: which epoch's weights are kept, by what validation outfits say of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor


class Selection:
    """The epoch whose weights are kept so far.

    rule: as `goeswith.train.settings.TrainConfig.keep`; ``last`` keeps as ``best`` does, and is not asked.
    epoch: the one that is kept, from 1; 0 before the first.

    One copy of the weights is enough for ``one-standard-error``, too: where an epoch is the best so far it is also the
    last, so that what was kept before it is not needed any more.
    """

    def __init__(self, rule: Literal["best", "one-standard-error", "last"]) -> None:
        self.rule, self.epoch = rule, 0
        self.best = torch.empty(0, dtype=torch.float64)

    def keeps(self, epoch: int, wins: Tensor) -> bool:
        """Whether to keep the weights of this epoch. wins: (B,) float64 in 0..1 what validation pairs say of it."""
        if not self.epoch or wins.mean() > self.best.mean():
            self.best, self.epoch = wins, epoch
        elif self.rule == "one-standard-error" and not worse(wins, self.best):
            self.epoch = epoch
        return self.epoch == epoch

    @property
    def state(self) -> dict[str, Tensor]:
        """All that a later process needs to go on."""
        return {"best": self.best, "epoch": torch.tensor(self.epoch)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Put back what `state` was."""
        self.best, self.epoch = state["best"], int(state["epoch"])


def worse(wins: Tensor, best: Tensor) -> bool:
    """Whether one epoch is behind another by more than a standard error of their difference. Both (B,), paired."""
    behind = best - wins
    error = behind.std() / len(behind) ** 0.5 if len(behind) > 1 else behind.new_zeros(())
    return bool(behind.mean() > error)
