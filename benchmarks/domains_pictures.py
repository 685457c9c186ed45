"""What the pictures of a data set look like, without a look at the garment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 64
"""Pixels of the side of the copies that are looked at."""
NEAR = 24.0
"""How far a pixel may be from the border's colour, in each channel, to be background."""


def look(paths: Sequence[Path]) -> dict[str, float]:
    """Means over some pictures: background's share, how bright and how even the border is, size, and proportion."""
    rows = np.array([_one(path) for path in paths])
    names = ("background", "border_brightness", "border_deviation", "height", "proportion")
    return {name: float(value) for name, value in zip(names, rows.mean(axis=0), strict=True)}


def _one(path: Path) -> tuple[float, ...]:
    with Image.open(path) as picture:
        width, height = picture.size
        small = np.asarray(picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX), np.float64)
    border = np.concatenate([small[0], small[-1], small[1:-1, 0], small[1:-1, -1]])
    colour = np.median(border, axis=0)
    background = (np.abs(small - colour) < NEAR).all(axis=2).mean()
    return float(background), float(border.mean()), float(border.std(axis=0).mean()), float(height), width / height
