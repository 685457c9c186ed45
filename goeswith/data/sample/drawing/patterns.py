"""Patterns: the prints of the made-up wardrobe, as functions of the position on the cloth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Field = np.ndarray
"""(h, w) float32."""


def _steps(distance: Field, soft: float) -> Field:
    """1 inside (negative distance), 0 outside, a ramp `soft` wide between."""
    return np.clip(0.5 - distance / soft, 0, 1)


def _bands(x: Field, period: float, width: float, soft: float) -> Field:
    """Parallel bands `width` wide, one a `period`."""
    return _steps(np.abs(x % period - period / 2) - width / 2, soft)


@dataclass(frozen=True)
class Print:
    """One item's printed pattern: where the accent colour lies. Every number is drawn from the item's seed."""

    kind: str
    scale: float
    variant: float
    jitter: np.ndarray

    def ink(self, u: Field, v: Field, soft: float) -> Field:
        """Share of accent colour 0..1 at canvas places `u`, `v` (units of a hundredth of the canvas)."""
        return PATTERNS[self.kind](self, u, v, soft)

    def cells(self, u: Field, v: Field, size: float) -> tuple[Field, Field, Field]:
        """Scatter one motif a cell: distance, angle and a random number 0..1 of the nearest motif's cell."""
        row = np.floor(v / size).astype(np.int64)
        across = u / size + 0.5 * (row % 2)
        column = np.floor(across).astype(np.int64)
        lot = self.jitter[row % 16, column % 16]  # (h, w, 3)
        x = (across - column - 0.5 - 0.3 * (lot[..., 0] - 0.5)) * size
        y = (v / size - row - 0.5 - 0.3 * (lot[..., 1] - 0.5)) * size
        return np.hypot(x, y), np.arctan2(y, x), lot[..., 2]


def _plain(p: Print, u: Field, v: Field, soft: float) -> Field:
    return np.zeros_like(u)


def _stripes(p: Print, u: Field, v: Field, soft: float) -> Field:
    period = 7.5 * p.scale
    return _bands(v, period, period * (0.3 + 0.25 * p.variant), soft)


def _pinstripes(p: Print, u: Field, v: Field, soft: float) -> Field:
    return 0.75 * _bands(u, 4.2 * p.scale, 0.7, soft)


def _checks(p: Print, u: Field, v: Field, soft: float) -> Field:
    period = 8.5 * p.scale
    wide = _bands(u, period, period / 2, soft) + _bands(v, period, period / 2, soft)
    if p.variant < 0.5:  # gingham
        return 0.5 * wide
    fine = np.maximum(_bands(u, period, 0.7, soft), _bands(v, period, 0.7, soft))
    return 0.3 * wide + 0.4 * fine  # tartan


def _dots(p: Print, u: Field, v: Field, soft: float) -> Field:
    size = 6.8 * p.scale
    row = np.floor(v / size)
    x = (u + 0.5 * size * (row % 2)) % size - size / 2
    return _steps(np.hypot(x, v % size - size / 2) - size * (0.2 + 0.1 * p.variant), soft)


def _floral(p: Print, u: Field, v: Field, soft: float) -> Field:
    size = 12.0 * p.scale
    flowers = np.zeros_like(u)
    for move, share in ((0.0, 1.0), (0.5, 0.5)):
        distance, angle, lot = p.cells(u + move * size, v + 0.93 * move * size, size)
        reach = size * share * (0.3 + 0.1 * lot)
        petals = reach * (0.72 + 0.28 * np.cos(5 * angle + 6.3 * lot))
        flower = _steps(distance - petals, soft) * (1 - _steps(distance - 0.24 * reach, soft))
        flowers = np.maximum(flowers, flower * (0.6 + 0.4 * share))
    return flowers


def _herringbone(p: Print, u: Field, v: Field, soft: float) -> Field:
    column = 6.5 * p.scale
    zigzag = np.abs(u % (2 * column) - column)
    return 0.4 * _bands(v + 1.1 * zigzag, 2.5 * p.scale, 1.2 * p.scale, soft)


def _leopard(p: Print, u: Field, v: Field, soft: float) -> Field:
    size = 6.6 * p.scale
    distance, angle, lot = p.cells(u, v, size)
    turned = angle - 40 * lot
    radius = size * (0.24 + 0.12 * lot) * (1 + 0.22 * np.cos(2 * turned + 1))
    ring = _steps(np.abs(distance - radius) - size * (0.06 + 0.05 * np.cos(turned)), soft)
    spot = _steps(distance - radius, soft)
    return np.maximum(0.95 * ring * np.clip(1.6 + 2 * np.cos(turned), 0, 1), 0.3 * spot)


PATTERNS: dict[str, Callable[[Print, Field, Field, float], Field]] = {
    "plain": _plain,
    "pinstripe": _pinstripes,
    "herringbone": _herringbone,
    "stripes": _stripes,
    "checks": _checks,
    "dots": _dots,
    "floral": _floral,
    "leopard": _leopard,
}
