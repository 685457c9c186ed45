"""The category graph of ADD-GNN, counted on training outfits."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from goeswith.data.outfits import Outfits


def category_graph(outfits: Outfits, category_codes: np.ndarray, categories: int, smoothing: float) -> Tensor:
    """A_ij = (n(c_i, c_j) + s) / (n(c_i) + |N| s), ADD (3). Returns (C + 1, C + 1) float32.

    n(c_i) counts the outfits that hold category i, n(c_i, c_j) those that hold both, and n(c_i, c_i)
    those that hold two items of it. The last row and column stand for a category never seen in
    training: no counts, so 1 / |N|.

    outfits: TRAINING outfits only. category_codes: (U,) of the catalogue, −1 or C = unseen.
    """
    codes = category_codes[outfits.items]
    codes = np.where((codes < 0) | (codes >= categories), categories, codes)
    owner = np.repeat(np.arange(len(outfits)), outfits.lengths)
    shape = (len(outfits), categories + 1)
    held = sparse.coo_matrix((np.ones(len(codes)), (owner, codes)), shape=shape).tocsr()
    twice = np.asarray((held >= 2).sum(axis=0)).ravel()
    held.data[:] = 1.0
    together = np.asarray((held.T @ held).todense(), dtype=np.float64)
    alone = together.diagonal().copy()
    np.fill_diagonal(together, twice)
    together[-1], together[:, -1], alone[-1] = 0.0, 0.0, 0.0
    graph = (together + smoothing) / (alone[:, None] + categories * smoothing)
    return torch.from_numpy(graph.astype(np.float32))
