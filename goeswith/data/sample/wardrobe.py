"""Wardrobe: the made-up items: their categories, colours and materials, and their titles."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from goeswith.data.sample.drawing.palette import PALETTE

SEASONS = ("summer", "winter")
SMALLEST_POOL = 8
"""Items of one category and season at least, so that wrong answers of both can always be drawn."""


class Kind(NamedTuple):
    """One category.

    summer, winter: materials of that season, none = not worn then. formality: 0 casual to 1 evening.
    warmth: added to the material's, None = worn all year. price: of a usual piece.
    """

    group: str
    summer: tuple[str, ...]
    winter: tuple[str, ...]
    formality: float
    warmth: float | None
    price: float
    gender: str = "unisex"


HIDES = ("leather", "suede")
KINDS: dict[str, Kind] = {
    "t-shirt": Kind("top", ("cotton", "linen"), ("jersey", "cotton"), 0.15, -0.15, 22),
    "tank top": Kind("top", ("cotton", "silk", "linen"), (), 0.20, -0.3, 19),
    "shirt": Kind("top", ("cotton", "linen", "silk"), ("cotton", "corduroy", "wool"), 0.55, 0.0, 49),
    "blouse": Kind("top", ("silk", "linen", "cotton"), ("satin", "velvet", "silk"), 0.70, 0.0, 55, "women"),
    "sweater": Kind("top", ("cotton", "knit"), ("knit", "wool"), 0.40, 0.1, 65),
    "hoodie": Kind("top", ("cotton",), ("jersey", "wool"), 0.00, 0.1, 45),
    "jeans": Kind("bottom", ("denim",), ("denim",), 0.25, 0.0, 69),
    "trousers": Kind("bottom", ("linen", "cotton"), ("wool", "corduroy"), 0.60, 0.0, 72),
    "shorts": Kind("bottom", ("cotton", "linen", "denim"), (), 0.10, -0.3, 35),
    "pencil skirt": Kind("bottom", ("cotton", "denim", "satin"), ("wool", "leather", "velvet"), 0.70, 0.0, 52, "women"),
    "pleated skirt": Kind("bottom", ("cotton", "linen", "silk"), ("wool", "satin"), 0.50, 0.0, 55, "women"),
    "day dress": Kind("dress", ("cotton", "linen"), ("wool", "jersey", "corduroy"), 0.40, -0.05, 75, "women"),
    "evening dress": Kind("dress", ("silk", "satin"), ("velvet", "satin"), 0.85, 0.0, 160, "women"),
    "blazer": Kind("outer", ("linen", "cotton"), ("wool", "velvet"), 0.75, 0.05, 139),
    "coat": Kind("outer", (), ("wool", "suede"), 0.65, 0.2, 199),
    "denim jacket": Kind("outer", ("denim",), ("denim",), 0.25, 0.05, 85),
    "cardigan": Kind("outer", ("cotton", "knit"), ("knit", "wool"), 0.40, 0.05, 69),
    "sneaker": Kind("shoes", ("canvas", "leather"), ("leather", "suede"), 0.10, 0.0, 79),
    "boot": Kind("shoes", (), HIDES, 0.45, 0.2, 149),
    "pump": Kind("shoes", ("satin", *HIDES), ("velvet", *HIDES), 0.80, None, 99, "women"),
    "sandal": Kind("shoes", ("leather", "canvas"), (), 0.35, -0.4, 59),
    "loafer": Kind("shoes", HIDES, ("leather", "velvet"), 0.60, None, 110),
    "tote": Kind("bag", ("straw", "canvas", "leather"), ("leather", "suede"), 0.35, None, 89),
    "clutch": Kind("bag", ("satin", "straw", "leather"), ("velvet", "leather", "suede"), 0.80, None, 65, "women"),
    "backpack": Kind("bag", ("canvas",), ("canvas", "leather"), 0.10, None, 75),
    "hat": Kind("accessory", ("straw", "canvas"), ("wool", "knit"), 0.35, 0.0, 39),
    "scarf": Kind("accessory", ("silk", "linen"), ("wool", "knit"), 0.55, 0.1, 42),
    "belt": Kind("accessory", ("leather", "canvas"), HIDES, 0.45, None, 32),
    "sunglasses": Kind("accessory", ("acetate",), ("acetate",), 0.40, None, 59),
    "necklace": Kind("accessory", ("metal", "glass"), ("metal", "glass"), 0.70, None, 29, "women"),
}
POOLS = [(category, season) for category, kind in KINDS.items() for season in SEASONS if getattr(kind, season)]

MATERIAL_FEEL: dict[str, tuple[float, float, float]] = {
    "linen": (-0.05, 0.0, 1.1),
    "straw": (-0.10, 0.0, 0.8),
    "cotton": (0.0, 0.3, 1.0),
    "canvas": (-0.10, 0.3, 0.8),
    "silk": (0.15, 0.3, 1.6),
    "satin": (0.20, 0.4, 1.3),
    "denim": (-0.10, 0.5, 1.0),
    "jersey": (-0.10, 0.5, 0.9),
    "leather": (0.05, 0.6, 1.4),
    "suede": (0.0, 0.8, 1.3),
    "corduroy": (-0.10, 0.8, 1.1),
    "knit": (-0.05, 0.8, 1.1),
    "velvet": (0.15, 0.9, 1.4),
    "wool": (0.05, 0.9, 1.2),
    "metal": (0.05, 0.5, 1.2),
    "glass": (0.0, 0.5, 0.7),
    "acetate": (0.0, 0.5, 1.0),
}
"""Material → what it adds to formality, its warmth 0..1, and its price factor."""

PATTERN_FORMALITY = {"pinstripe": 0.10, "herringbone": 0.05, "stripes": -0.10, "checks": -0.10}
PRINTED: dict[str, tuple[str, ...]] = {
    "cotton": ("stripes", "checks", "dots", "floral", "pinstripe"),
    "linen": ("stripes", "checks", "floral", "pinstripe"),
    "silk": ("floral", "dots", "leopard", "stripes"),
    "satin": ("floral", "leopard", "dots"),
    "jersey": ("stripes", "dots"),
    "knit": ("stripes", "checks"),
    "wool": ("checks", "herringbone", "pinstripe"),
    "canvas": ("stripes", "floral", "checks"),
}
"""Material → its patterns; every other material is plain."""

NEVER_STRIPED = ("trousers", "blazer", "coat", "hat", "backpack")
PLAIN_SHARE = 0.5
NEUTRAL_SHARE = 0.4
COLOURS_OF: dict[str, tuple[str, ...]] = {
    "denim": ("indigo", "faded blue", "black", "white", "grey"),
    "metal": ("gold", "silver"),
    "straw": ("beige", "camel", "cream", "brown", "black", "red", "sky blue", "mint"),
}
NEUTRALS = ("white", "cream", "beige", "camel", "brown", "grey", "charcoal", "black", "navy")
COLOURFUL = tuple(name for name, (_, hue) in PALETTE.items() if hue is not None)

TELLING = {"stripes": "striped", "checks": "checked", "dots": "dotted", "pinstripe": "pinstriped"}
BRANDS = {
    "Oakline": 0.7,
    "Tilde": 0.8,
    "Harbour Row": 0.9,
    "Marlow Lane": 0.9,
    "Nordfjell Works": 1.0,
    "Fable & Thread": 1.0,
    "Casa Brisa": 1.1,
    "Kestrel Studio": 1.2,
    "Rue Ombrelle": 1.4,
    "Petra Vossen": 1.7,
}
"""Brand → price factor."""


def formality(category: str, material: str, pattern: str) -> float:
    """How dressed-up an item is, 0 casual to 1 evening."""
    value = KINDS[category].formality + MATERIAL_FEEL[material][0] + PATTERN_FORMALITY.get(pattern, 0.0)
    return min(max(value, 0.0), 1.0)


def warmth(category: str, material: str) -> float:
    """How warm an item is, 0 to 1; NaN = worn all year."""
    added = KINDS[category].warmth
    return float("nan") if added is None else min(max(MATERIAL_FEEL[material][1] + added, 0.0), 1.0)


def make_items(count: int, luck: np.random.Generator) -> pl.DataFrame:
    """`count` items spread evenly over all pools of category and season, in shuffled order."""
    pools = [POOLS[index] for index in luck.permutation(np.arange(count) % len(POOLS))]
    return pl.DataFrame([_make_item(number, category, season, luck) for number, (category, season) in enumerate(pools)])


def _make_item(number: int, category: str, season: str, luck: np.random.Generator) -> dict[str, object]:
    kind = KINDS[category]
    material = str(luck.choice(getattr(kind, season)))
    prints = [word for word in PRINTED.get(material, ()) if word != "stripes" or category not in NEVER_STRIPED]
    pattern = str(luck.choice(prints)) if prints and luck.uniform() > PLAIN_SHARE else "plain"
    colours = COLOURS_OF.get(material, NEUTRALS if luck.uniform() < NEUTRAL_SHARE else COLOURFUL)
    colour = str(luck.choice(colours))
    brand = str(luck.choice(list(BRANDS)))
    price = kind.price * MATERIAL_FEEL[material][2] * BRANDS[brand] * np.exp(luck.normal(0, 0.12))
    return {
        "item_id": f"s{number:05d}",
        "category": category,
        "group": kind.group,
        "title": _title(colour, pattern, material, category),
        "price": round(float(price)) - 0.05,
        "colour": colour,
        "material": material,
        "pattern": pattern,
        "brand": brand,
        "season": season,
        "gender": kind.gender,
    }


def _title(colour: str, pattern: str, material: str, category: str) -> str:
    words = [colour, TELLING.get(pattern, pattern), material, category]
    spared = {"plain", "metal"} | ({"denim"} if category in ("jeans", "denim jacket") else set())
    return " ".join(word for word in words if word not in spared)
