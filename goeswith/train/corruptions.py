"""Corruptions: outfits with one item replaced by a negative, drawn for whole batches, and those for validation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from goeswith.data.catalogue import Catalogue
from goeswith.data.negatives import Negatives
from goeswith.data.outfits import OutfitBatch, Outfits
from goeswith.data.pairs import bottoms
from goeswith.errors import TOO_FEW_OUTFITS, DataError
from goeswith.models import TrainingData
from goeswith.train.settings import TrainConfig


@dataclass(frozen=True)
class Corrupted:
    """Outfits beside corruptions of them.

    items: (B, n) int64 catalogue rows. mask: (B, n) bool, True = a real item.
    corrupt: (B, r, n) the same items, one of them replaced in each.
    """

    items: Tensor
    mask: Tensor
    corrupt: Tensor

    def __len__(self) -> int:
        return len(self.items)

    def take(self, chosen: Tensor) -> Corrupted:
        """Those that are chosen, by (B,) bool."""
        return Corrupted(self.items[chosen], self.mask[chosen], self.corrupt[chosen])

    @property
    def both(self) -> OutfitBatch:
        """(B + B r, n): the outfits, then the corruptions: r of the first outfit, r of the next."""
        mask = self.mask.repeat_interleave(self.corrupt.shape[1], dim=0)
        return OutfitBatch(torch.cat([self.items, self.corrupt.flatten(0, 1)]), torch.cat([self.mask, mask]))


def train_pairs(data: TrainingData, config: TrainConfig) -> Corrupted:
    """As `valid_pairs`, of as many training outfits: what is far above validation there was learnt by heart."""
    some = np.random.default_rng(20).permutation(len(data.train))[: len(data.valid)]
    return _fixed_pairs(data, config, data.train.take(np.sort(some)))


def valid_pairs(data: TrainingData, config: TrainConfig) -> Corrupted:
    """Validation outfits and corruptions of each, to select on; the same for every seed of a study.

    Raises:
        DataError: the strategy can serve no validation outfit.
    """
    pairs = _fixed_pairs(data, config, data.valid)
    if not len(pairs):
        raise DataError(
            f"no validation outfit can be corrupted by {config.negatives!r} negatives; "
            "use --set negatives=category or random",
            reason=TOO_FEW_OUTFITS,
        )
    return pairs


def _fixed_pairs(data: TrainingData, config: TrainConfig, own: Outfits) -> Corrupted:
    outfits = own.batch()
    count = config.valid_corruptions  # each at a position drawn for it
    repeated = OutfitBatch(*(part.repeat_interleave(count, dim=0) for part in (outfits.items, outfits.mask)))
    negatives = Negatives(data.catalogue, own, config.negatives, data.usable, [data.train, data.valid])
    chance = torch.Generator().manual_seed(20)
    return corruptions(repeated, negatives, 1, chance, blanks(data.catalogue, config.blank))


def blanks(catalogue: Catalogue, which: str) -> Tensor | None:
    """(U,) bool: items that may be replaced; None for ``any``."""
    if which == "any":
        return None
    return torch.from_numpy(bottoms(catalogue))


def corruptions(
    outfits: OutfitBatch, negatives: Negatives, count: int, generator: torch.Generator, blank: Tensor | None = None
) -> Corrupted:
    """Replace one random item of each outfit, `count` times over; only an item of `blank` (U,) where that is given.

    Returns the outfits that could be served. Their items are catalogue rows.
    """
    items, mask = outfits.items, outfits.mask
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
    return Corrupted(items, mask, corrupt)
