"""Preferences: what people chose and rejected in the studio, as a source of knowledge.

Each step scores some of the pairs, and adds

    preference · mean softplus(score(worse) − score(better))

to the loss: the logistic loss of a pair (Bradley and Terry, 1952), as for a real outfit and its corruption. A look that
was rejected beside no better one is held against real outfits of the step.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from goeswith.config import above_zero, at_least
from goeswith.data.outfits import OutfitBatch
from goeswith.data.saved_looks import FILE, PAIRS, known_items
from goeswith.errors import DataError
from goeswith.files import read_table, sha256
from goeswith.models import Model
from goeswith.train.source import Step, Student


@dataclass(frozen=True)
class PreferencesConfig:
    """preference: weight of the loss. preference_pairs: pairs in a step."""

    preference: float = 1.0
    preference_pairs: int = 64

    def __post_init__(self) -> None:
        above_zero(self, "preference")
        at_least(self, 1, "preference_pairs")


class Preferences(nn.Module):
    """Pairs of outfits as a source of knowledge, see `goeswith.train.source.Knowledge`.

    Args:
        better, worse: (P, n) long catalogue rows, any row where padded. better_mask, worse_mask: (P, n) bool; a row of
            the first without any item is held against real outfits.
    """

    def __init__(
        self, better: Tensor, better_mask: Tensor, worse: Tensor, worse_mask: Tensor, config: PreferencesConfig
    ) -> None:
        super().__init__()
        self.items, self.mask = torch.stack([better, worse]), torch.stack([better_mask, worse_mask])
        self.config = config

    def prepare(self, student: Model) -> None:
        """Nothing."""

    def loss(self, student: Model, step: Step) -> Tensor:
        """The logistic loss of some pairs, weighted; 0 where the student has no score for any of them."""
        chosen = torch.randperm(self.items.shape[1], generator=step.generator)[: self.config.preference_pairs]
        items, mask = self.items[:, chosen], self.mask[:, chosen]
        alone = ~mask[0].any(dim=1)  # (p,)
        mask = torch.stack([mask[0] | alone[:, None], mask[1]])  # whatever is scored there is replaced below
        alone, device = alone.to(step.right.device), step.right.device
        rows, inverse = items.unique(return_inverse=True)
        rows = rows.to(device)
        states = student.encode_items(step.all_features[rows], step.all_categories[rows])
        batch = OutfitBatch(inverse.flatten(0, 1), mask.flatten(0, 1)).to(device)
        better, worse = student.score(states, batch).float().view(2, -1)
        worn = step.right[torch.randint(len(step.right), (len(chosen),), generator=step.generator).to(device)]
        difference = torch.where(alone, worn, better) - worse
        scored = difference.isfinite()
        if not scored.any():
            return step.right.new_zeros(())
        return self.config.preference * softplus(-difference[scored]).mean()

    def after_step(self) -> None:
        """Nothing: it has no weights."""


class PreferencesSource:
    """A file of preferences, see `goeswith.train.source.Source`.

    Args:
        value: the file, or the data set that has one.

    Raises:
        DataError: there is no such file, or it has no pair whose items all have features.
    """

    flag, prefix, key = "--knowledge preferences=PATH", "", "preferences"
    files: ClassVar[tuple[str, ...]] = ()
    config = PreferencesConfig

    def __init__(self, value: str, config: PreferencesConfig, student: Student, settings: list[str]) -> None:
        self.settings, self.student = config, student
        path = Path(value) / FILE if Path(value).is_dir() else Path(value)
        if not path.is_file():
            raise DataError(f"there is no file {path}; write one with goeswith import --looks looks.sqlite")
        table = read_table(path)
        if {name: table.schema.get(name) for name in PAIRS} != PAIRS:
            raise DataError(f"{path} has no columns {', '.join(PAIRS)} of preferences; write it again")
        usable = [
            item_id for item_id, able in zip(student.catalogue.ids, student.data.usable.tolist(), strict=True) if able
        ]
        self.pairs, left_out = known_items(table, ("better", "worse"), usable)
        if self.pairs.is_empty():
            raise DataError(f"{path} has no pair whose items all have features; encode the data set, or leave it out")
        self.described: dict[str, Any] = asdict(config) | {
            "pairs": len(self.pairs), "left_out": left_out, "sha256": sha256(path)
        }  # fmt: skip

    def teach(self) -> Preferences:
        """The pairs over the catalogue of the training data."""
        width = int(max(self.pairs[name].list.len().max() or 1 for name in ("better", "worse")))  # type: ignore[arg-type]
        sides = [_padded(self.pairs[name], self.student.catalogue.ids, width) for name in ("better", "worse")]
        return Preferences(*sides[0], *sides[1], self.settings)

    def write(self, out: Path) -> None:
        """Nothing: the run's config says what they were."""


def _padded(lists: pl.Series, item_ids: list[str], width: int) -> tuple[Tensor, Tensor]:
    """Rows (P, width) of lists of item ids, the first again where padded (0 in an empty one), and mask (P, width)."""
    row_of = {item_id: row for row, item_id in enumerate(item_ids)}
    rows, mask = np.zeros((len(lists), width), np.int64), np.zeros((len(lists), width), bool)
    for at, ids in enumerate(lists.to_list()):
        if ids:
            rows[at] = row_of[ids[0]]
            rows[at, : len(ids)], mask[at, : len(ids)] = [row_of[key] for key in ids], True
    return torch.from_numpy(rows), torch.from_numpy(mask)
