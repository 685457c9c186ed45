"""Outfits: the outfits of the generated sample, put together by designers and by users.

Both wear by the same taste: outfits are drawn with chances proportional to

    popularity of the items × exp(score / temperature)

by Markov chain: start from random items, then redraw each position, given the others, among the item that is there
and some offered ones. Designers are cold (choosy), avoid what was worn often already, and always match a top with a
bottom. Users are warmer (noisy), have bestsellers (Zipf), and take most things from one season's stock.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from goeswith.data.catalogue import Catalogue
from goeswith.data.sample.taste import Taste
from goeswith.data.sample.wardrobe import SEASONS

SEPARATES = (
    ("top", "bottom", "shoes", "bag"),
    ("top", "bottom", "shoes", "accessory"),
    ("top", "bottom", "outer", "shoes"),
    ("top", "bottom", "shoes", "bag", "accessory"),
    ("top", "bottom", "outer", "shoes", "bag"),
    ("top", "bottom", "shoes", "bag", "accessory", "accessory"),
    ("top", "bottom", "outer", "shoes", "bag", "accessory"),
)
DRESSES = (
    ("top", "bottom", "shoes"),
    ("dress", "shoes", "bag"),
    ("dress", "shoes", "bag", "accessory"),
    ("dress", "outer", "shoes", "bag", "accessory"),
)


@dataclass(frozen=True)
class Wearer:
    """Who puts outfits together.

    templates: groups of the places of an outfit, each used equally often. temperature: noise, in the score's unit.
    zipf: exponent of the popularity of items, 0 = all alike. balance: how much worn items are avoided, 0 = not.
    faithful: share of offers from the outfit's own season.
    """

    source: str
    templates: tuple[tuple[str, ...], ...]
    temperature: float
    zipf: float
    balance: float
    faithful: float


WEARERS = (
    Wearer("designers", SEPARATES, temperature=0.02, zipf=0.0, balance=1.5, faithful=0.0),
    Wearer("users", SEPARATES + DRESSES, temperature=0.085, zipf=0.5, balance=0.0, faithful=0.6),
)
SWEEPS = 12
OFFERED = 24


def make_outfits(catalogue: Catalogue, count: int, luck: np.random.Generator) -> pl.DataFrame:
    """`count` outfits, half of each wearer: outfit_id, source, item_ids."""
    taste, stock = Taste(catalogue), Stock(catalogue)
    halves = (count - count // 2, count // 2)
    return pl.concat([_wear(wearer, half, taste, stock, luck) for wearer, half in zip(WEARERS, halves, strict=True)])


def _wear(wearer: Wearer, count: int, taste: Taste, stock: Stock, luck: np.random.Generator) -> pl.DataFrame:
    which = luck.permutation(np.arange(count) % len(wearer.templates))
    groups = stock.templates(wearer.templates)[which]  # (N, n), −1 = no such place
    mask = groups >= 0
    season = luck.integers(len(SEASONS), size=count)
    popularity = (1.0 + luck.permutation(len(stock.ids))) ** -wearer.zipf
    rows = np.zeros_like(groups)
    for column in range(groups.shape[1]):
        rows[:, column] = stock.offer(groups[:, column], season, popularity, 1, wearer.faithful, luck)[:, 0]
    for _ in range(SWEEPS):
        worn = np.bincount(rows[mask], minlength=len(popularity))
        wanted = popularity / (1.0 + worn) ** wearer.balance
        for column in range(groups.shape[1]):
            at = np.flatnonzero(mask[:, column])
            offered = stock.offer(groups[at, column], season[at], wanted, OFFERED, wearer.faithful, luck)  # (M, P)
            offered[:, 0] = rows[at, column]
            tried = np.repeat(rows[at, None], OFFERED, axis=1)  # (M, P, n)
            tried[:, :, column] = offered
            scores = taste.score(tried.reshape(-1, groups.shape[1]), np.repeat(mask[at], OFFERED, axis=0))
            lots = luck.gumbel(size=offered.shape)  # the highest of score / T + Gumbel is a softmax draw
            best = np.argmax(scores.reshape(offered.shape) / wearer.temperature + lots, axis=1)
            rows[at, column] = offered[np.arange(len(at)), best]
    return pl.DataFrame(
        {
            "outfit_id": [f"{wearer.source[0]}{number:05d}" for number in range(count)],
            "source": [wearer.source] * count,
            "item_ids": [stock.ids[items[real]].tolist() for items, real in zip(rows, mask, strict=True)],
        }
    )


class Stock:
    """The items in order of group and season, so that any pool of them is one stretch."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.ids = np.array(catalogue.ids, dtype=object)
        group, self.names = catalogue.codes("group")
        season = np.array([SEASONS.index(word) for word in catalogue.items["season"]])
        key = group * len(SEASONS) + season
        self.order = np.argsort(key, kind="stable")
        self.bounds = np.searchsorted(key[self.order], np.arange(len(self.names) * len(SEASONS) + 1))

    def templates(self, templates: tuple[tuple[str, ...], ...]) -> np.ndarray:
        """Group codes (templates, n) of the places, −1 where a template is shorter than the longest."""
        longest = max(map(len, templates))
        codes = [[self.names.index(name) for name in template] for template in templates]
        return np.array([row + [-1] * (longest - len(row)) for row in codes])

    def offer(
        self,
        group: np.ndarray,
        season: np.ndarray,
        wanted: np.ndarray,
        count: int,
        faithful: float,
        luck: np.random.Generator,
    ) -> np.ndarray:
        """Rows (M, count) drawn from each group with chances `wanted`; a share `faithful` of the season's own."""
        upto = np.concatenate([[0], np.cumsum(wanted[self.order])])
        own = luck.uniform(size=(len(group), count)) < faithful
        first = np.maximum(group, 0) * len(SEASONS)
        low = self.bounds[np.where(own, (first + season)[:, None], first[:, None])]
        high = self.bounds[np.where(own, (first + season)[:, None] + 1, first[:, None] + len(SEASONS))]
        lots = upto[low] + luck.uniform(size=low.shape) * (upto[high] - upto[low])
        return self.order[np.clip(np.searchsorted(upto, lots, side="right") - 1, low, high - 1)]
