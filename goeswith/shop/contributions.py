"""Contributions: what each pair, item and attribute adds to the score of an outfit, for whole batches at once.

Every function takes outfits as a scorer does: items (B, n) rows and mask (B, n), True = a real item, real ones first.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from goeswith.data.outfits import OutfitBatch
from goeswith.models import ItemStates, ModelScorer, PairScored, Scorer
from goeswith.models.add_gnn import AddGnn


def leave_one_out(scorer: Scorer, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """What the score loses without each item: (B, n), higher = the item helps more.

    NaN at padding, in outfits of two (one item is no outfit), and where the scorer has no answer without the item.
    All n + 1 versions of all outfits are one call.
    """
    count, width = items.shape
    defined = mask & (mask.sum(axis=1, keepdims=True) > 2)
    last = np.argsort(np.eye(width), axis=1, kind="stable")  # row i: all places but i, then i
    without = np.where(defined[:, :, None], last, np.arange(width))  # (B, n, n), the outfit itself where not defined
    order = np.concatenate([np.broadcast_to(np.arange(width), (count, 1, width)), without], axis=1)
    rows, real = (np.take_along_axis(part[:, None].repeat(width + 1, 1), order, axis=2) for part in (items, mask))
    real[:, 1:, -1] &= ~defined
    scores = np.asarray(scorer.score(rows.reshape(-1, width), real.reshape(-1, width)), np.float64)
    scores = scores.reshape(count, width + 1)
    return np.where(defined, scores[:, :1] - scores[:, 1:], np.nan)


def pair_matrix(scorer: Scorer, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """How well each two items of an outfit go together: (B, n, n), symmetric; NaN on the diagonal and at padding.

    A model that has pair scores tells them as they are inside the outfit, both directions averaged, so that their mean
    is the outfit's score; any other scores the two items as an outfit, NaN where it has no answer to such a pair.
    """
    width = items.shape[1]
    both = mask[:, :, None] & mask[:, None, :] & ~np.eye(width, dtype=bool)
    if isinstance(scorer, ModelScorer) and isinstance(scorer.model, PairScored):
        directed = _values_of(scorer.model.pair_scores, scorer, items, mask)
        return np.where(both, (directed + directed.transpose(0, 2, 1)) / 2, np.nan)
    first, second = np.triu_indices(width, 1)
    pairs = np.stack([items[:, first], items[:, second]], axis=2).reshape(-1, 2)
    scores = np.asarray(scorer.score(pairs, np.ones(pairs.shape, bool)), np.float64).reshape(len(items), -1)
    matrix = np.full(both.shape, np.nan)
    matrix[:, first, second] = matrix[:, second, first] = scores
    return np.where(both, matrix, np.nan)


def attribute_shares(scorer: Scorer, items: np.ndarray, mask: np.ndarray) -> np.ndarray | None:
    """The share of each attribute mask of ADD-GNN in the score: (B, K), which sum to it; None for other models.

    (7) is a sum over attributes, so y of (8) is too: nothing is approximated.
    """
    if not isinstance(scorer, ModelScorer) or not isinstance(scorer.model, AddGnn):
        return None
    model = scorer.model

    def shares(states: ItemStates, batch: OutfitBatch) -> Tensor:
        hidden, real = model.nodes_of(states, batch)
        message, size = model.bilinear(hidden), real.sum(dim=1)
        # Σ_{i≠j} q_i · h_j = Σ_i q_i · (S − h_i), as in `AddGnn.mean_of_pairs`, but one attribute at a time.
        others = hidden.sum(dim=1, keepdim=True) - hidden
        return (message * others).sum(dim=(1, 3)) / (size * (size - 1)).clamp_min(1)[:, None]

    return _values_of(shares, scorer, items, mask)


@torch.inference_mode()
def _values_of(
    function: Callable[[ItemStates, OutfitBatch], Tensor], scorer: ModelScorer, items: np.ndarray, mask: np.ndarray
) -> np.ndarray:
    """The values of a function of states and batch, as float64."""
    values: np.ndarray = function(scorer.states, OutfitBatch.of(items, mask).to(scorer.device)).cpu().double().numpy()
    return values
