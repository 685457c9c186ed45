"""Pairs: a top and a bottom worn in one outfit: what questions ask, teachers are trained on and rules are mined from.

A pair is an item of group ``top`` and one of group ``bottom``: so ask triplets, and so learn teachers, ``pairs=true``
and ``blank=bottom``. Rules alone speak of more, since a coat goes over a dress as a blouse goes over trousers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from goeswith.data.catalogue import Catalogue
from goeswith.data.outfits import Outfits
from goeswith.errors import DataError

TOP, BOTTOM = ("top",), ("bottom",)
"""Groups of the two items of a pair."""
RULE_TOP, RULE_BOTTOM = ("top", "outer"), ("bottom", "dress")
"""Groups that can be the top and the bottom of a rule."""


def worn_together(
    outfits: Outfits, catalogue: Catalogue, tops: Sequence[str] = TOP, bottoms: Sequence[str] = BOTTOM
) -> pl.DataFrame:
    """Every top and bottom of an outfit: columns outfit (place), top and bottom (catalogue rows), in outfit order."""
    items = pl.DataFrame(
        {
            "outfit": np.repeat(np.arange(len(outfits)), outfits.lengths),
            "row": outfits.items,
            "group": catalogue.items["group"].gather(outfits.items),
        }
    )
    upper = items.filter(pl.col("group").is_in(tops)).select("outfit", top="row")
    lower = items.filter(pl.col("group").is_in(bottoms)).select("outfit", bottom="row")
    return upper.join(lower, on="outfit", maintain_order="left_right")


def distinct_pairs(
    outfits: Outfits, catalogue: Catalogue, tops: Sequence[str] = TOP, bottoms: Sequence[str] = BOTTOM
) -> np.ndarray:
    """The different pairs that are worn in one outfit: (N, 2) int64 rows [top, bottom], sorted."""
    pairs = worn_together(outfits, catalogue, tops, bottoms)
    return pairs.select("top", "bottom").unique().sort("top", "bottom").to_numpy().astype(np.int64)


def as_outfits(pairs: pl.DataFrame, outfits: Outfits) -> Outfits:
    """Pairs, as of `worn_together`, as outfits of two, [top, bottom], with id, split, source and weight of theirs."""
    owners = pairs["outfit"].to_numpy()
    return Outfits(
        items=pairs.select("top", "bottom").to_numpy().astype(np.int64).ravel(),
        offsets=np.arange(len(pairs) + 1, dtype=np.int64) * 2,
        outfit_ids=outfits.outfit_ids[owners],
        splits=outfits.splits[owners],
        sources=outfits.sources[owners],
        weights=None if outfits.weights is None else outfits.weights[owners],
    )


def tops_and_bottoms(outfits: Outfits, catalogue: Catalogue) -> Outfits:
    """Every pair as an outfit of its own, whose id is its outfit's and a number.

    Raises:
        DataError: no outfit has both.
    """
    pairs = as_outfits(worn_together(outfits, catalogue), outfits)
    if not len(pairs):
        raise DataError(
            "none of the outfits has an item of group 'top' and one of group 'bottom'; "
            "fill the group column of the catalogue"
        )
    pairs.outfit_ids[:] = [f"{outfit_id}/{number}" for number, outfit_id in enumerate(pairs.outfit_ids)]
    return pairs


def pair_of_each(outfits: Outfits, catalogue: Catalogue, seed: int) -> Outfits:
    """One pair of each outfit that has any, taken by chance."""
    pairs = worn_together(outfits, catalogue)
    luck = np.random.default_rng(seed).random(len(pairs))
    chosen = pairs.with_columns(luck=luck).sort("outfit", "luck").unique("outfit", keep="first", maintain_order=True)
    return as_outfits(chosen, outfits)


def bottoms(catalogue: Catalogue) -> np.ndarray:
    """(U,) bool: items that can be the bottom of a pair, which triplets ask for."""
    return catalogue.items["group"].is_in(BOTTOM).fill_null(False).to_numpy().copy()
