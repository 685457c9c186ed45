"""Batches: which outfits teach in an epoch, and which of them together."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch


def batches(
    lengths: np.ndarray,
    size: int,
    generator: torch.Generator,
    weights: np.ndarray | None = None,
    *,
    even: bool = False,
) -> Iterator[np.ndarray]:
    """Places of the outfits of each batch of an epoch, a fresh shuffle; outfits of like length meet, to save padding.

    Args:
        lengths: (N,) items of the outfits. size: outfits of a batch, at most.
        weights: (N,) see `by_weight`; each outfit once where there are none.
        even: as many batches, none of which has more than one outfit more than another; else the last has what is left.
    """
    order = torch.randperm(len(lengths), generator=generator).numpy()
    if weights is not None:
        order = by_weight(order, weights, generator)[torch.randperm(len(order), generator=generator).numpy()]
    # Sorting within windows of eight batches keeps the batches random while their lengths agree.
    window = np.arange(len(order)) // (8 * size)
    order = order[np.lexsort((lengths[order], window))]
    count = -(-len(order) // size)
    ends = np.arange(1, count + 1) * len(order) // count if even else np.arange(1, count + 1) * size
    parts = np.split(order, ends[:-1])
    for number in torch.randperm(count, generator=generator).tolist():
        yield parts[number]


def by_weight(order: np.ndarray, weights: np.ndarray, generator: torch.Generator) -> np.ndarray:
    """Of a shuffle (N,) of N outfits, each as often as the mean weight goes into its own, rounded down or up by chance.

    Systematic sampling: the outfits are laid out in their order, each as long as its weight, and taken where N points
    at equal distances fall. How often an outfit is taken has its exact share as mean, and varies as little as it can.
    """
    ends = np.cumsum(weights[order])
    start = torch.rand((), generator=generator, dtype=torch.float64).item()
    points = (np.arange(len(weights)) + start) * (ends[-1] / len(weights))
    return order[np.minimum(np.searchsorted(ends, points, side="right"), len(weights) - 1)]
