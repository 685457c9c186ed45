"""Gather: selects rows by one-hot weights, for ONNX graphs, which cannot split a batch by its contents."""

from __future__ import annotations

from torch import Tensor


def chosen(rows: Tensor, weight: Tensor, codes: Tensor) -> Tensor:
    """Each row (N, I) times the weight (G, I, O) of its code (N,): (N, O).

    Every product is made and one of G is kept, so this is not for training.
    """
    every = (rows @ weight.transpose(0, 1).flatten(1)).view(-1, *weight.shape[::2])  # (N, G, O)
    return every.gather(1, codes[:, None, None].expand(-1, 1, weight.shape[2]))[:, 0]
