"""Taste: the true compatibility in the generated sample, defined in one place.

An item is seen by its colour, pattern, material and category, all visible in its picture. Two items i, j go
together by s(i, j) in about −1..1, the weighted sum of five agreements, each −1..1:

    s = .30 colour + .10 pattern + .25 formality + .15 season + .20 material

- colour: of two hues d degrees apart on the painter's wheel cos 2d, so that tone on tone and complements are 1 and a
  quarter turn clashes at −1. A neutral goes with its own undertone (.9), less with white, the blues of denim and
  other colours without one (.5), badly with the opposite (−.4); black with navy is −.5.
- pattern: 1 − 2 √(l_i l_j), l the loudness of each pattern (plain 0, herringbone .3 ... leopard 1).
- formality: 1 − 2 min(1, (|f_i − f_j| / .5)²), f from category, material and pattern (0 casual, 1 evening).
- season: 1 − 2 min(1, |w_i − w_j| / .6), w the warmth of category and material; 0 when one is worn all year.
- material: 1 for silk with silk and the like, −1 for denim on denim and the like (`MATERIAL_RULES`), else 0.

An outfit of items x_1 .. x_n scores

    S = mean s(i, j) + 1/2 min s(i, j) + HUES[h] + STATEMENTS[m] − 1/2 faults

The worst pair spoils an outfit; h counts the distinct hue families in it (one is best, a rainbow is bad), m its
statement pieces (loudness ≥ .7; exactly one is best). Neither is a sum over pairs: a model that sees the whole
outfit has something to gain. Faults: every further item of a group (of a category, for accessories), no top with a
bottom and no dress, a dress over a bottom, no shoes. Scores change neither with the order of items nor with padding.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from goeswith.data.catalogue import GROUPS, Catalogue
from goeswith.data.sample.drawing.cloth import MATERIALS
from goeswith.data.sample.drawing.palette import PALETTE
from goeswith.data.sample.drawing.patterns import PATTERNS
from goeswith.data.sample.wardrobe import KINDS, formality, warmth
from goeswith.errors import CatalogueError

WEIGHTS = {"colour": 0.30, "pattern": 0.10, "formality": 0.25, "season": 0.15, "material": 0.20}
LOUDNESS = {
    "plain": 0.0,
    "pinstripe": 0.3,
    "herringbone": 0.3,
    "stripes": 0.6,
    "dots": 0.6,
    "checks": 0.7,
    "floral": 0.9,
    "leopard": 1.0,
}
STATEMENT = 0.7
HUES = np.array([0.0, 0.25, 0.1, -0.25, -0.5])
STATEMENTS = np.array([0.0, 0.2, -0.2, -0.5])

_WARM = "cream beige camel brown gold coral rust orange mustard yellow olive burgundy"
_COOL = "grey charcoal black silver green mint teal sky_blue cobalt lavender purple fuchsia pink"
UNDERTONE = dict.fromkeys(_WARM.split(), 1) | {name.replace("_", " "): -1 for name in _COOL.split()}
"""Colour → 1 warm, −1 cool; every other colour has none."""

_LUXURY, _SUMMERY, _RUSTIC = ("silk", "satin"), ("linen", "straw"), ("wool", "knit")
MATERIAL_RULES: dict[float, tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]] = {
    1.0: (
        (_LUXURY, _LUXURY),
        (_SUMMERY, (*_SUMMERY, "canvas")),
        (_RUSTIC, (*_RUSTIC, "suede")),
        (("leather",), ("leather", "denim")),
        (("suede",), ("suede", "corduroy")),
        (("velvet",), _LUXURY),
        (("cotton",), ("denim", "canvas")),
    ),
    -1.0: (
        (("denim",), ("denim", "velvet", *_LUXURY)),
        (("canvas",), ("velvet", "suede", *_LUXURY)),
        (("linen", "straw"), (*_RUSTIC, "velvet", "corduroy")),
        (("jersey",), ("velvet", *_LUXURY)),
        (("corduroy",), ("corduroy", "velvet", *_LUXURY)),
    ),
}
"""Agreement → pairs of material sets; every material of the one with every of the other, both ways."""

_ALONE = ("top", "bottom", "dress", "outer", "shoes", "bag")
_CHUNK = 1 << 16


def _colour_table() -> np.ndarray:
    hues = np.array([np.nan if hue is None else hue for _, hue in PALETTE.values()])
    tones = np.array([UNDERTONE.get(name, 0) for name in PALETTE])
    same = tones[:, None] * tones[None, :]
    table = np.cos(np.deg2rad(2 * (hues[:, None] - hues[None, :])))
    table = np.where(np.isnan(table), np.select([same > 0, same < 0], [0.9, -0.4], 0.5), table)
    black, navy = list(PALETTE).index("black"), list(PALETTE).index("navy")
    table[black, navy] = table[navy, black] = -0.5
    return table


def _material_table() -> np.ndarray:
    names = list(MATERIALS)
    table = np.zeros((len(names), len(names)))
    for agreement, rules in MATERIAL_RULES.items():
        for left, right in rules:
            pairs = np.ix_([names.index(name) for name in left], [names.index(name) for name in right])
            table[pairs] = agreement
            table.T[pairs] = agreement
    return table


def _make_table(makes: list[tuple[str, ...]]) -> np.ndarray:
    """All of s(i, j) but the colour, for pairs of (category, material, pattern)."""
    material = _material_table()
    rows = [list(MATERIALS).index(material) for _, material, _ in makes]
    dressed = np.array([formality(*make) for make in makes])
    warm = np.array([warmth(category, material) for category, material, _ in makes])
    loud = np.sqrt([LOUDNESS[pattern] for _, _, pattern in makes])
    apart, warmer = (np.abs(values[:, None] - values[None, :]) for values in (dressed, warm))
    table: np.ndarray = (
        WEIGHTS["pattern"] * (1 - 2 * loud[:, None] * loud[None, :])
        + WEIGHTS["formality"] * (1 - 2 * np.minimum(1, (apart / 0.5) ** 2))
        + WEIGHTS["season"] * np.nan_to_num(1 - 2 * np.minimum(1, warmer / 0.6))
        + WEIGHTS["material"] * material[np.ix_(rows, rows)]
    )
    return table


class Taste:
    """The oracle: scores outfits of the generated sample by the function in this module's text. A `Scorer`.

    Raises:
        CatalogueError: the catalogue has a word that the generated sample does not know.
    """

    name = "ceiling"

    def __init__(self, catalogue: Catalogue) -> None:
        items = catalogue.items
        words = (("category", list(KINDS)), ("material", list(MATERIALS)), ("pattern", list(PATTERNS)))
        made = np.stack([_codes(items, column, vocabulary) for column, vocabulary in words], axis=1)
        makes, self.make = np.unique(made, axis=0, return_inverse=True)
        names = [tuple(vocabulary[code] for code, (_, vocabulary) in zip(row, words, strict=True)) for row in makes]
        self.makes = _make_table(names)
        self.colour = _codes(items, "colour", list(PALETTE))
        self.colours = WEIGHTS["colour"] * _colour_table()
        self.category = made[:, 0]
        self.group = np.array([GROUPS.index(kind.group) for kind in KINDS.values()])[self.category]
        self.statement = np.array([LOUDNESS[pattern] >= STATEMENT for _, _, pattern in names])[self.make]
        families = np.array([-1 if hue is None else round(hue / 60) % 6 for _, hue in PALETTE.values()])
        self.family = families[self.colour]  # red, orange, yellow, green, blue, purple; −1 neutral

    def pairs(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """s(i, j), the agreement of items at equal places of two arrays of rows."""
        return self.colours[self.colour[left], self.colour[right]] + self.makes[self.make[left], self.make[right]]

    def score(self, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """S (B,) float64 of outfits `items` (B, n) rows with `mask` (B, n), True = a real item."""
        starts = range(0, len(items), _CHUNK)
        parts = [self._score(items[at : at + _CHUNK], mask[at : at + _CHUNK]) for at in starts]
        return np.concatenate(parts) if parts else np.zeros(0)

    def _score(self, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
        left, right = np.triu_indices(items.shape[1], 1)
        real = mask[:, left] & mask[:, right]  # (B, pairs)
        agreement = self.pairs(items[:, left], items[:, right])
        mean = np.where(real, agreement, 0).sum(1) / np.maximum(real.sum(1), 1)
        worst = np.where(real, agreement, np.inf).min(1, initial=np.inf)
        worst = np.where(np.isfinite(worst), worst, 0)
        families = _present(self.family[items], mask, 6) > 0
        hues = HUES[np.minimum(families.sum(1), len(HUES) - 1)]
        loud = (self.statement[items] & mask).sum(1)
        statements = STATEMENTS[np.minimum(loud, len(STATEMENTS) - 1)]
        return mean + 0.5 * worst + hues + statements - 0.5 * self._faults(items, mask)

    def _faults(self, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
        groups = _present(self.group[items], mask, len(GROUPS))
        has = {name: groups[:, GROUPS.index(name)] for name in GROUPS}
        further = sum(np.maximum(has[name] - 1, 0) for name in _ALONE)
        extras = mask & (self.group[items] == GROUPS.index("accessory"))
        further = further + np.maximum(_present(self.category[items], extras, len(KINDS)) - 1, 0).sum(1)
        dressed = has["dress"] > 0
        clothed = dressed | ((has["top"] > 0) & (has["bottom"] > 0))
        return further + ~clothed + (dressed & (has["bottom"] > 0)) + (has["shoes"] == 0)


def _present(codes: np.ndarray, mask: np.ndarray, size: int) -> np.ndarray:
    """How often each code 0..size−1 occurs in each row, (B, size); −1 is not counted."""
    counted = mask & (codes >= 0)
    flat = (np.arange(len(codes))[:, None] * size + codes)[counted]
    return np.bincount(flat, minlength=len(codes) * size).reshape(-1, size)


def _codes(items: pl.DataFrame, column: str, vocabulary: list[str]) -> np.ndarray:
    code_of = {word: code for code, word in enumerate(vocabulary)}
    codes = items[column].replace_strict(code_of, default=None, return_dtype=pl.Int64)
    unknown = codes.is_null().arg_true()
    if len(unknown):
        row = items.row(unknown[0], named=True)
        raise CatalogueError(
            f"item {row['item_id']!r} has {column} {row[column]!r}, which the generated sample does not know; "
            "the oracle scores only catalogues made by: goeswith import sample"
        )
    return codes.to_numpy()
