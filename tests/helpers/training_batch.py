"""Outfits and their corruptions as a training step scores them, for the tests of models."""

from typing import Any

import numpy as np
import polars as pl
import torch

from goeswith.data.catalogue import Catalogue
from goeswith.data.outfits import OutfitBatch, Outfits
from goeswith.models import TrainingData, Vocabulary

WORDS = Vocabulary(("boots", "coat", "jeans", "shirt"), ("shoes", "outer", "bottom", "top"))
CODES = [0, 1, 2, 3, 3, 2, 1, 1, 4, 3]
"""Category codes of ten items; that of item 8 is unknown."""
RIGHT = [[0, 1, 2, 3], [4, 5], [5, 6, 8]]
WRONG = [[[0, 6, 2, 3], [0, 8, 2, 3]], [[3, 5], [9, 5]], [[5, 7, 8], [5, 1, 8]]]
"""r = 2 corruptions of each of three outfits; one item is replaced, the same in both."""


def batch() -> OutfitBatch:
    """All nine outfits, the right ones first, padded with their first right item as a training step pads them."""
    lists = RIGHT + [outfit for both in WRONG for outfit in both]
    first = [outfit[0] for outfit in RIGHT] + [outfit[0] for outfit in RIGHT for _ in range(2)]
    items = [outfit + [pad] * (4 - len(outfit)) for outfit, pad in zip(lists, first, strict=True)]
    return OutfitBatch(torch.tensor(items), torch.tensor([[number < len(o) for number in range(4)] for o in lists]))


def features(size: int, kind: torch.dtype = torch.float64) -> torch.Tensor:
    """Features (10, size) of the items, signed."""
    return torch.randn(10, size, dtype=kind, generator=torch.Generator().manual_seed(1))


def randomised(model: Any, kind: torch.dtype = torch.float64) -> Any:
    """The model with random numbers for all its parameters, so that none is special."""
    model = model.to(kind).eval()
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return model


def observed(lists: list[list[int]]) -> TrainingData:
    """Training outfits over the ten items, nothing else."""
    outfits = Outfits(
        np.concatenate([np.array(x) for x in lists]),
        np.cumsum([0] + [len(x) for x in lists]),
        *[np.array([str(i) for i in range(len(lists))], dtype=object)] * 3,
    )
    names = [*WORDS.categories, "hat"]
    catalogue = Catalogue(
        pl.DataFrame({"item_id": [f"i{i}" for i in range(10)], "category": [names[c] for c in CODES]})
    )
    return TrainingData(catalogue, torch.zeros(10, 1), torch.tensor(CODES), np.ones(10, bool), outfits, outfits)
