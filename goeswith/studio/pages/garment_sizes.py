"""Garment sizes: the length of each kind of garment, and where on the body it is worn."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from goeswith.data.garments import garment_of


@dataclass(frozen=True)
class Kind:
    """A kind of garment. length: centimetres along its longer side. level: where on the body, 0 head to 1 feet.

    side: how far from the middle it belongs, 0 to 1.
    """

    length: float
    level: float
    side: float = 1.0


GROUPS = {
    "top": Kind(64, 0.3, 0),
    "bottom": Kind(95, 0.66, 0),
    "dress": Kind(108, 0.45, 0),
    "outer": Kind(78, 0.35, 0.6),
    "shoes": Kind(30, 0.93, 0.6),
    "bag": Kind(34, 0.62),
    "accessory": Kind(22, 0.3),
    "other": Kind(40, 0.5),
}
"""Group → its usual kind."""
GARMENTS = {
    "bustier": Kind(36, 0.28, 0),
    "camisole": Kind(54, 0.28, 0),
    "shorts": Kind(42, 0.62, 0),
    "skirt": Kind(62, 0.64, 0),
    "jumpsuit": Kind(140, 0.5, 0),
    "coat": Kind(112, 0.42, 0.6),
    "trench": Kind(112, 0.42, 0.6),
    "parka": Kind(92, 0.4, 0.6),
    "vest": Kind(62, 0.33, 0.5),
    "suit": Kind(130, 0.5, 0),
    "boot": Kind(40, 0.9, 0.6),
    "sandal": Kind(27, 0.94, 0.6),
    "clutch": Kind(25, 0.6),
    "backpack": Kind(42, 0.5),
    "wallet": Kind(18, 0.6),
    "luggage": Kind(60, 0.8),
    "belt": Kind(26, 0.5),
    "scarf": Kind(56, 0.2),
    "hat": Kind(29, 0.04),
    "glove": Kind(24, 0.55),
    "tie": Kind(50, 0.25),
    "socks": Kind(30, 0.85),
    "jewellery": Kind(14, 0.2),
    "necklace": Kind(24, 0.16),
    "earring": Kind(9, 0.08),
    "ring": Kind(7, 0.55),
    "bracelet": Kind(12, 0.52),
    "brooch": Kind(9, 0.22),
    "watch": Kind(16, 0.52),
    "glasses": Kind(17, 0.06),
    "hair": Kind(14, 0.04),
    "umbrella": Kind(60, 0.6),
    "cufflink": Kind(6, 0.5),
    "handkerchief": Kind(18, 0.3),
    "underwear": Kind(34, 0.5, 0),
    "swimwear": Kind(55, 0.45, 0),
}
"""Garment, as garments.toml names it → where it differs from others of its group."""


@lru_cache(4096)
def kind_of(category: str, group: str | None) -> Kind:
    """The kind of an item."""
    named = garment_of(category)
    if named is not None and named.name in GARMENTS and group in (None, named.group):
        return GARMENTS[named.name]
    return GROUPS[group or (named.group if named else "other")]
