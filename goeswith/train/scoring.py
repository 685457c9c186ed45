"""Scoring: states of any number of items and scores of any number of outfits, in blocks, without gradients."""

from __future__ import annotations

import torch
from torch import Tensor

from goeswith.data.outfits import OutfitBatch
from goeswith.models import ItemStates, Model

ITEM_BLOCK = 8192
"""Items encoded at a time."""
SCORE_BLOCK = 1024
"""Outfits scored at a time."""


@torch.inference_mode()
def encode(model: Model, features: Tensor, categories: Tensor) -> ItemStates:
    """States of many items, from features (U, D) and category codes (U,)."""
    blocks = zip(features.split(ITEM_BLOCK), categories.split(ITEM_BLOCK), strict=True)
    parts = [model.encode_items(some, codes) for some, codes in blocks]
    return ItemStates(*(torch.cat(column) for column in zip(*parts, strict=True)))


@torch.inference_mode()
def score(model: Model, states: ItemStates, batch: OutfitBatch) -> Tensor:
    """Scores (B,) of many outfits."""
    parts = [
        model.score(states, OutfitBatch(items, mask)).float()
        for items, mask in zip(batch.items.split(SCORE_BLOCK), batch.mask.split(SCORE_BLOCK), strict=True)
    ]
    return torch.cat(parts) if parts else torch.empty(0)
