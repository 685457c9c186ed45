"""Palette: the named colours of the made-up wardrobe."""

from __future__ import annotations

import numpy as np

PALETTE: dict[str, tuple[str, float | None]] = {
    "white": ("#f8f7f4", None),
    "cream": ("#f0e4c8", None),
    "beige": ("#d6bf9c", None),
    "camel": ("#b98449", None),
    "brown": ("#65412b", None),
    "grey": ("#a4a6aa", None),
    "charcoal": ("#54565c", None),
    "black": ("#26262a", None),
    "navy": ("#222e54", None),
    "indigo": ("#3a4f7e", None),
    "faded blue": ("#8fadcf", None),
    "gold": ("#d8b04a", None),
    "silver": ("#c2c7ce", None),
    "red": ("#cb2229", 0),
    "coral": ("#f4725f", 20),
    "rust": ("#b14c22", 40),
    "orange": ("#f28a30", 60),
    "mustard": ("#d5a021", 100),
    "yellow": ("#f6d74e", 120),
    "olive": ("#70753a", 140),
    "green": ("#2c8150", 180),
    "mint": ("#a8dfc4", 190),
    "teal": ("#16797d", 205),
    "sky blue": ("#86c3ee", 230),
    "cobalt": ("#2250bd", 245),
    "lavender": ("#b8a4e0", 290),
    "purple": ("#6b378f", 300),
    "fuchsia": ("#cf2787", 325),
    "pink": ("#f4b3c6", 345),
    "burgundy": ("#701a30", 350),
}
"""Colour → sRGB and hue in degrees on the painter's wheel (red 0, yellow 120, blue 240); None = neutral."""


def rgb(colour: str) -> np.ndarray:
    """(3,) float32 in 0..1 of a palette colour."""
    code = PALETTE[colour][0]
    return np.array([int(code[at : at + 2], 16) for at in (1, 3, 5)], dtype=np.float32) / 255
