"""Cloth: the materials of the made-up wardrobe, their texture and how they take light."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter

from goeswith.data.sample.drawing.palette import PALETTE, rgb
from goeswith.data.sample.drawing.patterns import Field, Print


@dataclass(frozen=True)
class Material:
    """How a material takes light.

    gloss: strength of the highlight 0..1; sharp: how narrow it is. folds: depth of the drapery.
    weave: name of the texture in `WEAVES`, depth: how strongly it shows.
    """

    gloss: float = 0.0
    sharp: float = 6.0
    folds: float = 0.25
    weave: str = "fine"
    depth: float = 0.02


MATERIALS: dict[str, Material] = {
    "cotton": Material(folds=0.3),
    "linen": Material(folds=0.35, weave="slub", depth=0.04),
    "denim": Material(folds=0.2, weave="twill", depth=0.11),
    "silk": Material(gloss=0.3, sharp=5, folds=0.8, depth=0.0),
    "satin": Material(gloss=0.65, sharp=9, folds=1.1, depth=0.0),
    "jersey": Material(folds=0.35, weave="melange", depth=0.06),
    "knit": Material(folds=0.15, weave="stitches", depth=0.16),
    "wool": Material(folds=0.15, weave="felt", depth=0.045),
    "corduroy": Material(folds=0.2, weave="ridges", depth=0.13),
    "velvet": Material(gloss=0.22, sharp=2, folds=0.75, weave="nap", depth=0.04),
    "leather": Material(gloss=0.55, sharp=14, folds=0.4, weave="fine", depth=0.03),
    "suede": Material(folds=0.2, weave="nap", depth=0.045),
    "canvas": Material(folds=0.1, weave="grid", depth=0.09),
    "straw": Material(folds=0.05, weave="basket", depth=0.16),
    "metal": Material(gloss=0.9, sharp=8, folds=0.0, depth=0.0),
    "glass": Material(gloss=0.8, sharp=20, folds=0.0, depth=0.0),
    "acetate": Material(gloss=0.6, sharp=20, folds=0.0, depth=0.0),
}


def _wave(x: Field, period: float) -> Field:
    return np.sin(x * np.float32(2 * np.pi / period))


def _stitches(u: Field, v: Field) -> Field:
    arm = np.abs(u % 3.4 - 1.7)  # V-shaped loops in columns
    return 0.6 * _wave(v - 1.1 * arm, 2.6) + 0.7 * np.minimum(arm, 1.7 - arm) - 0.4


def _basket(u: Field, v: Field) -> Field:
    over = np.floor(u / 2.6) + np.floor(v / 2.6)
    return np.where(over % 2 == 0, _wave(u, 1.3), _wave(v, 1.3)) * 0.6 + 0.5 * (over % 2) - 0.25


WEAVES: dict[str, Callable[[Field, Field], Field] | None] = {
    "fine": None,
    "felt": None,
    "nap": None,
    "slub": None,
    "melange": None,
    "twill": lambda u, v: 0.8 * _wave(u + v, 1.25),
    "stitches": _stitches,
    "ridges": lambda u, v: _wave(u, 2.4),
    "grid": lambda u, v: 0.8 * _wave(u, 1.3) * _wave(v, 1.3),
    "basket": _basket,
}
"""Texture → brightness about 0 at a place; None = only the fibre's noise."""

_FIBRE = {
    "fine": (0.7, 0.7),
    "felt": (1.1, 1.1),
    "nap": (3.0, 3.0),
    "slub": (0.6, 6.0),
    "melange": (0.7, 3.5),
    "twill": (3.0, 0.8),
}


class Cloth:
    """One item's cloth: colour, print and material, and the luck of its making.

    Args:
        colour, pattern, material: names in `PALETTE`, `PATTERNS`, `MATERIALS`.
        luck: the item's own random numbers.
        side: pixels along the canvas.
    """

    def __init__(self, colour: str, pattern: str, material: str, luck: np.random.Generator, side: int) -> None:
        self.material = MATERIALS[material]
        self.base = np.clip(rgb(colour) + luck.normal(0, 0.012, 3).astype(np.float32), 0, 1)
        jitter = luck.uniform(size=(16, 16, 3)).astype(np.float32)
        self.print = Print(pattern, luck.uniform(0.85, 1.25), luck.uniform(), jitter)
        self.soft = 110.0 / side
        darker = rgb("black") if PALETTE[colour][1] is None and luck.uniform() < 0.4 else rgb("navy")
        paler = rgb("white") if luck.uniform() < 0.6 else rgb("cream")
        self.accent = darker if self.brightness > 0.76 else paler
        if pattern == "leopard":
            self.accent = self.base * 0.25 if self.brightness > 0.3 else rgb("camel")
        self.fibre = self._noise(luck, side)

    @property
    def brightness(self) -> float:
        """Perceived brightness 0..1 of the base colour."""
        return float(self.base @ np.array([0.299, 0.587, 0.114], dtype=np.float32))

    @property
    def ink(self) -> np.ndarray:
        """(3,) the tone of seams and outlines on this cloth: darker, or paler on dark cloth."""
        return self.base * 0.45 if self.brightness > 0.28 else self.base * 0.6 + 0.24

    @property
    def edge(self) -> np.ndarray:
        """(3,) the tone of the outline against white."""
        return self.base * (0.5 if self.brightness < 0.75 else 0.62)

    @property
    def button(self) -> np.ndarray:
        """(3,) the tone of buttons and cords on this cloth."""
        return rgb("cream") if self.brightness < 0.5 else self.base * 0.55

    def unprinted(self, material: str | None = None) -> Cloth:
        """The same cloth without its print, or its colour in another material."""
        plain = copy.copy(self)
        plain.print = replace(self.print, kind="plain")
        plain.material = MATERIALS[material] if material else self.material
        return plain

    def _noise(self, luck: np.random.Generator, side: int) -> Field:
        if self.material.depth == 0:
            return np.zeros((side, side), dtype=np.float32)
        half = (side + 1) // 2
        grain = luck.standard_normal((half, half), dtype=np.float32)
        blur = np.array(_FIBRE.get(self.material.weave, (0.8, 0.8))) * side / 448
        grain = gaussian_filter(grain, blur, mode="wrap", truncate=3)
        return np.tile(grain / grain.std(), (2, 2))[:side, :side]

    def paint(self, u: Field, v: Field, window: tuple[slice, slice]) -> np.ndarray:
        """(h, w, 3) colour before light at places `u`, `v` of the cloth, lying in `window` of the canvas."""
        colour = np.broadcast_to(self.base, (*u.shape, 3))
        if self.print.kind != "plain":
            colour = colour + self.print.ink(u, v, self.soft)[..., None] * (self.accent - self.base)
        if self.material.depth == 0:
            return colour
        weave = WEAVES[self.material.weave]
        texture = 0.45 * self.fibre[window] if weave else self.fibre[window]
        if weave:
            texture = texture + weave(u, v)
        lift = 0.35 + 0.65 * self.brightness  # keeps texture seen on dark cloth, gentle on pale
        return colour * (1 + self.material.depth * texture[..., None]) + (
            0.35 * self.material.depth * (1 - lift) * texture[..., None]
        )
