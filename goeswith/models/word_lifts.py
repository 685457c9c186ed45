"""Word lifts: which words co-occur in other people's outfits more often than by chance, as keys and queries.

    z_i = the hashed words of item i, divided by their sum                     (V,), see `goeswith.data.text.hashed`
    L = log((n + 1) / (e + 1))                                                 (V, V)
    y = mean of z_iᵀ L z_j over the pairs of the outfit

n counts how often two words stood on two items of one outfit, e how often chance would have it (as in the floor
``words``, see `goeswith.models.floors.WordLift`). With c_v how common word v is and C = diag(c), C^½ L C^½ is taken as
Q diag(λ) Qᵀ with the h eigenvalues that are largest in size: rank h goes to the words that are there. Key Qᵀ C^-½ z_i,
query diag(λ) Qᵀ C^-½ times the mean of z_j over the rest of the outfit.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import coo_array, csr_array
from torch import Tensor, nn

from goeswith.data.outfits import OutfitBatch, Outfits
from goeswith.data.text import SIZE
from goeswith.models import ItemStates
from goeswith.models.likeness import means, rest_means

RANK = 256
"""h, where no other number is set."""
_SMOOTHING = 1.0


class WordLifts(nn.Module):
    """Lifts of hashed words. hidden: h. words: V."""

    basis: Tensor
    values: Tensor

    def __init__(self, hidden: int = RANK, words: int = SIZE) -> None:
        super().__init__()
        self.width = hidden
        """How many numbers the state of an item has."""
        self.register_buffer("basis", torch.zeros(words, hidden))  # C^-½ Q
        self.register_buffer("values", torch.zeros(hidden))  # λ

    @classmethod
    def count(cls, features: np.ndarray, outfits: Outfits, read: np.ndarray, hidden: int = RANK) -> WordLifts:
        """The lifts in some outfits.

        Args:
            features: (U, V) hashed words of the items of their catalogue.
            read: (U', V) hashed words of items that are to be scored: L is approximated where their words are.
        """
        lift = torch.from_numpy(lifts(csr_array(features > 0, dtype=np.float64), outfits))
        common = torch.from_numpy((_shares(read).sum(axis=0) + _SMOOTHING) / (len(read) + read.shape[1])).sqrt()
        values, basis = torch.linalg.eigh(common[:, None] * lift * common)
        largest = values.abs().argsort(descending=True)[:hidden]
        made = cls(len(values[largest]), read.shape[1])
        made.values.copy_(values[largest])
        made.basis.copy_(basis[:, largest] / common[:, None])
        return made

    def encode_items(self, features: Tensor, categories: Tensor) -> ItemStates:
        """Qᵀ C^-½ z (U, h)."""
        return ItemStates(features / features.sum(dim=1, keepdim=True).clamp_min(1e-6) @ self.basis, categories)

    def keys(self, states: ItemStates) -> Tensor:
        """Qᵀ C^-½ z (U, h)."""
        return states.hidden

    def gaps(self, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """(B, n, h): for each item of each outfit the query of the gap that it leaves."""
        return rest_means(states.hidden, batch) * self.values

    def queries(self, states: ItemStates, batch: OutfitBatch, wanted: Tensor) -> Tensor:
        """(B, h) of partial outfits, whatever is wanted."""
        return means(states.hidden, batch) * self.values


def lifts(words: csr_array, outfits: Outfits) -> np.ndarray:
    """L (V, V) from which words (U, V) items have, and the outfits that wear them."""
    whole = np.repeat(np.arange(len(outfits)), outfits.lengths)
    worn = coo_array((np.ones(len(whole)), (whole, outfits.items)), shape=(len(outfits), words.shape[0]))
    sums, own = csr_array(worn) @ words, words[outfits.items]
    # Pairs of different items: all pairs of the outfit less those inside an item.
    seen = (sums.T @ sums - own.T @ own).toarray()
    ends = seen.sum(axis=0)
    expected = np.outer(ends, ends) / max(ends.sum(), 1.0)
    lift: np.ndarray = np.log((seen + _SMOOTHING) / (expected + _SMOOTHING))
    return lift


def _shares(features: np.ndarray) -> np.ndarray:
    """z (U, V) of hashed words (U, V)."""
    sums = features.sum(axis=1, keepdims=True, dtype=np.float64)
    shares: np.ndarray = np.divide(features, sums, out=np.zeros(features.shape), where=sums > 0)
    return shares
