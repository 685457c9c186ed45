"""Shuffle: outfits of the same structure and items but without anybody's taste; the controls learn from them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from goeswith.data.catalogue import Catalogue
from goeswith.data.negatives import pools
from goeswith.data.outfits import Outfits

_ROUNDS = 20


def shuffled_items(outfits: Outfits, catalogue: Catalogue, seed: int) -> Outfits:
    """The outfits of each split with their items dealt out again among the positions of one category and season.

    Every outfit keeps its categories and seasons, and every item occurs as often as before. Places where an outfit gets
    an item twice are dealt out again; a pool of two or three items may leave a few such places.
    """
    random, items = np.random.default_rng(seed), outfits.items.copy()
    owner = np.repeat(np.arange(len(outfits)), outfits.lengths)
    kinds = np.unique(outfits.splits.astype(str), return_inverse=True)[1][owner]
    pool = kinds * (len(catalogue) + 1) + pools(catalogue, "matched")[items]
    positions = np.arange(len(items))
    for _ in range(_ROUNDS):
        items[positions] = _dealt(items[positions], pool[positions], random)
        twice = _repeats(owner, items)
        if not len(twice):
            break
        # The places with a repeat, and as many others of their pools as it takes to give them something else.
        near = np.flatnonzero(np.isin(pool, pool[twice]))
        positions = np.union1d(twice, random.permutation(near)[: 4 * len(twice)])
    return replace(outfits, items=items)


def _dealt(items: np.ndarray, pool: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The items (n,) permuted within the pools (n,) of their places."""
    by_pool = np.argsort(pool, kind="stable")
    drawn = np.lexsort((random.random(len(items)), pool))
    dealt = items.copy()
    dealt[by_pool] = items[drawn]
    return dealt


def _repeats(owner: np.ndarray, items: np.ndarray) -> np.ndarray:
    """The positions whose item is in the same outfit a second time."""
    order = np.lexsort((items, owner))
    same = (owner[order][1:] == owner[order][:-1]) & (items[order][1:] == items[order][:-1])
    return np.sort(order[1:][same])
