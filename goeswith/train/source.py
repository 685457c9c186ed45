"""Source: a source of knowledge, which teaches a student beside its own outfits, and its interface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from goeswith.data.outfits import OutfitBatch
    from goeswith.models import ItemStates


@dataclass(frozen=True)
class Step:
    """One training step, as knowledge sees it.

    features: (U, D) of the step's distinct items, categories: (U,), states: of the same items.
    positive: the step's outfits, items as rows of the states.
    items: (B, n) the same outfits as catalogue rows. corrupt: (B, r, n) their corruptions, one item replaced in each.
    negative: the corruptions as rows of the states, r of the first outfit, r of the next.
    right: (B,) scores of the outfits. wrong: (B, r) those of the corruptions. objective: the student's own loss.
    epoch: how many are finished.
    all_features: (catalogue, D) and all_categories: (catalogue,), for items outside the step.
    generator: the source of all randomness, so that a resumed run is the same run.
    """

    features: Tensor
    categories: Tensor
    states: ItemStates
    positive: OutfitBatch
    items: Tensor
    corrupt: Tensor
    negative: OutfitBatch
    right: Tensor
    wrong: Tensor
    objective: Tensor
    epoch: int
    all_features: Tensor
    all_categories: Tensor
    generator: torch.Generator


class Knowledge(Protocol):
    """A source of knowledge, a torch module: its trainable parameters train along, its state is saved and resumed."""

    def prepare(self, student: nn.Module) -> None:
        """Act once on the fresh student, before its first step."""
        ...

    def loss(self, student: nn.Module, step: Step) -> Tensor:
        """What this source adds to the loss of one step, weighted."""
        ...

    def after_step(self) -> None:
        """Act after the optimiser has moved, e.g. to average weights."""
        ...
