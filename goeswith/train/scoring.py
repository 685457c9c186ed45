"""Scoring: states of any number of items and scores of any number of outfits, in blocks, without gradients."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from goeswith.data.outfits import OutfitBatch
from goeswith.models import ItemStates, Model, TrainingData

ITEM_BLOCK = 8192
"""Items encoded at a time."""
SCORE_BLOCK = 512
"""Outfits scored at a time: of like length, so that little is padded, and so few that they stay in the cache."""


@torch.inference_mode()
def encode(model: Model, features: Tensor, categories: Tensor) -> ItemStates:
    """States of many items, from features (U, D) and category codes (U,), on the device of the model."""
    device = device_of(model)
    blocks = zip(features.split(ITEM_BLOCK), categories.split(ITEM_BLOCK), strict=True)
    return _joined([model.encode_items(some.to(device), codes.to(device)) for some, codes in blocks])


@torch.inference_mode()
def encode_rows(model: Model, data: TrainingData, rows: Tensor) -> ItemStates:
    """States of catalogue rows (n,), whose features are read a block at a time."""
    return _joined([model.encode_items(*data.of(some)) for some in rows.split(ITEM_BLOCK)])


def device_of(model: Model) -> torch.device:
    """The device that a model is on; models of other packages, which may have no tensors, are on the CPU."""
    return next((tensor.device for tensor in model.state_dict().values()), torch.device("cpu"))


def _joined(parts: Sequence[ItemStates]) -> ItemStates:
    return ItemStates(*(torch.cat(column) for column in zip(*parts, strict=True)))


@torch.inference_mode()
def score(model: Model, states: ItemStates, batch: OutfitBatch) -> Tensor:
    """Scores (B,) of many outfits, on the device of the states."""
    batch = batch.to(states.categories.device)
    if not len(batch):
        return torch.zeros(0, device=states.categories.device)
    if len(batch) <= SCORE_BLOCK:
        return model.score(states, batch).float()
    widths = (batch.mask * torch.arange(1, batch.mask.shape[1] + 1, device=batch.mask.device)).amax(dim=1).clamp_min(1)
    scores = torch.empty(len(widths), device=widths.device)
    for rows in widths.argsort(stable=True).split(SCORE_BLOCK):
        part = slice(int(widths[rows[-1]]))
        scores[rows] = model.score(states, OutfitBatch(batch.items[rows, part], batch.mask[rows, part])).float()
    return scores
