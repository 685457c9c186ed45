"""Shuffled outfits keep their structure and lose who goes with whom."""

import numpy as np
import polars as pl

from goeswith.data.catalogue import Catalogue
from goeswith.data.outfits import Outfits
from goeswith.data.shuffle import shuffled_items

KINDS, SEASONS, EACH = ("top", "shoes", "bag"), ("winter", "summer"), 20


def test_categories_seasons_splits_and_popularity_stay() -> None:
    rows = [(f"{k}{s}{n}", k, s) for k in KINDS for s in SEASONS for n in range(EACH)]
    catalogue = Catalogue(pl.DataFrame(rows, schema=["item_id", "category", "season"], orient="row"))
    random = np.random.default_rng(0)
    pool = np.array([[f"{k}{s}" for k in KINDS for s in SEASONS].index(f"{k}{s}") for _, k, s in rows])
    # Two bags an outfit, so that an item could come twice; one season an outfit; few items are popular.
    chosen = [0, 1, 2, 2]
    outfits = []
    for number in range(300):
        season = number % 2
        while True:
            picked = [
                np.flatnonzero(pool == 2 * kind + season)[min(random.geometric(0.2), EACH) - 1] for kind in chosen
            ]
            if len(set(picked)) == 4:
                break
        outfits.append(picked)
    splits = np.array(["train"] * 200 + ["test"] * 100, dtype=object)
    names = np.array([f"o{n}" for n in range(300)], dtype=object)
    before = Outfits(np.concatenate(outfits), np.arange(0, 1201, 4), names, splits, np.full(300, "", dtype=object))
    after = shuffled_items(before, catalogue, seed=1)
    assert (pool[after.items] == pool[before.items]).all()
    for split in ("train", "test"):
        counts = [np.bincount(some.split(split).items, minlength=len(catalogue)) for some in (before, after)]
        assert (counts[0] == counts[1]).all()
    assert all(len(set(after[index])) == 4 for index in range(300))
    assert np.mean(after.items == before.items) < 0.3
    pairs = [set(map(tuple, some.items.reshape(-1, 4)[:, :2])) for some in (before, after)]
    assert pairs[0] != pairs[1]
    assert (shuffled_items(before, catalogue, seed=1).items == after.items).all()
    assert (shuffled_items(before, catalogue, seed=2).items != after.items).any()
