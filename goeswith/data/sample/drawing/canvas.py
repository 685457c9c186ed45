"""Canvas: draws pieces of cloth, seams and buttons on white, softly lit, like a flat studio photo.

Places are in hundredths of the canvas, x to the right and y downwards. Outlines and lines are drawn at four times
the final size and scaled down, prints have ramps: every edge comes out smooth.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from goeswith.data.sample.drawing.cloth import Cloth

Point = tuple[float, float] | tuple[float, float, int]
"""A corner (x, y), or a point that the line runs smoothly through, (x, y, 1)."""

Outline = Sequence[Point]
Window = tuple[slice, slice]
FINE = 4
"""How much finer than the picture outlines and lines are drawn."""


def curve(points: Outline, closed: bool = False, steps: int = 10) -> np.ndarray:
    """The line (m, 2) through `points`: straight between corners, Hermite arcs through smooth points."""
    at = np.array([point[:2] for point in points], dtype=float)
    smooth = np.array([len(point) > 2 for point in points])
    after, before = np.roll(at, -1, axis=0), np.roll(at, 1, axis=0)
    if not closed:
        smooth[[0, -1]] = False
    along = after - at  # (k, 2) the chord that leaves each point
    length = np.hypot(*along.T)[:, None]
    direction = after - before
    direction = direction / np.maximum(np.hypot(*direction.T), 1e-9)[:, None]
    leave = np.where(smooth[:, None], direction * length, along)
    arrive = np.where(np.roll(smooth, -1)[:, None], np.roll(direction, -1, axis=0) * length, along)
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    arcs = (
        (2 * t**3 - 3 * t**2 + 1) * at[:, None]
        + (t**3 - 2 * t**2 + t) * leave[:, None]
        + (3 * t**2 - 2 * t**3) * after[:, None]
        + (t**3 - t**2) * arrive[:, None]
    )
    return arcs.reshape(-1, 2) if closed else np.concatenate([arcs[:-1].reshape(-1, 2), at[-1:]])


def mirrored(half: Outline, middle: float = 50) -> list[Point]:
    """A closed outline from its right half, told from top to bottom with x measured from the middle line."""
    right: list[Point] = [(middle + x, y, *rest) for x, y, *rest in half]  # type: ignore[misc]
    left: list[Point] = [(middle - x, y, *rest) for x, y, *rest in half if x > 0]  # type: ignore[misc]
    return right + left[::-1]


def flipped(points: Outline, middle: float = 50) -> list[Point]:
    """The same points on the other side of the middle line."""
    return [(2 * middle - x, y, *rest) for x, y, *rest in points]  # type: ignore[misc]


def oval(x: float, y: float, wide: float, tall: float) -> list[Point]:
    """A closed oval around (x, y), from its half-axes."""
    turns = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    return [(x + wide * float(np.cos(turn)), y + tall * float(np.sin(turn)), 1) for turn in turns]


class Canvas:
    """A white square to draw one item on.

    Args:
        size: pixels along the finished picture.
        luck: random numbers for the folds.
    """

    def __init__(self, size: int, luck: np.random.Generator) -> None:
        self.side = size
        self.luck = luck
        self.colour = np.ones((self.side, self.side, 3), dtype=np.float32)
        self.cover = np.zeros((self.side, self.side), dtype=np.float32)

    def picture(self) -> Image.Image:
        """The finished picture, RGB."""
        pixels = (np.clip(self.colour, 0, 1) * 255 + 0.5).astype(np.uint8)
        return Image.fromarray(pixels)

    def piece(
        self,
        outline: Outline,
        cloth: Cloth,
        *,
        turn: float = 0.0,
        puff: float = 1.0,
        dim: float = 1.0,
        clip: np.ndarray | None = None,
        edge: float = 0.8,
    ) -> np.ndarray:
        """Lay a closed piece of cloth; returns its mask (side, side).

        turn: degrees that the cloth's grain is turned. puff: how round it looks. dim: brightness, < 1 for an inside.
        clip: mask to stay in. edge: strength of the outline.
        """
        path = curve(outline, closed=True)
        window = self._window(path, margin=4)
        mask = self._polygon(path, window)
        if clip is not None:
            mask = mask * clip[window]
        gain, lift, shadow = self._light(mask, cloth, puff, dim)
        area = self.colour[window]
        area *= 1 - shadow * self.cover[window][..., None]
        u, v = self._coordinates(window, turn)
        painted = cloth.paint(u, v, window) * gain
        painted += lift
        painted -= area
        painted *= mask[..., None]
        area += painted
        self.cover[window] = np.maximum(self.cover[window], mask)
        if edge:
            self.strokes([np.vstack([path, path[:1]])], cloth.edge, 0.5, edge, clip=clip)
        whole = np.zeros_like(self.cover)
        whole[window] = mask
        return whole

    def strokes(
        self,
        paths: Sequence[Outline | np.ndarray],
        ink: np.ndarray,
        width: float = 0.45,
        strength: float = 0.6,
        *,
        dash: float = 0.0,
        clip: np.ndarray | None = None,
    ) -> None:
        """Draw lines: seams, or rows of stitches with `dash` > 0 (length of a stitch)."""
        lines = [path if isinstance(path, np.ndarray) else curve(path) for path in paths]
        if dash:
            lines = [stitch for line in lines for stitch in _stitches(line, dash)]
        window = self._window(np.concatenate(lines), margin=width)
        rows, columns = window
        layer = Image.new("L", (FINE * (columns.stop - columns.start), FINE * (rows.stop - rows.start)))
        pen = ImageDraw.Draw(layer)
        joint = "curve" if width > 1 else None
        for line in lines:
            at = (line * self.side * FINE / 100 - (FINE * columns.start, FINE * rows.start)).ravel().tolist()
            pen.line(at, fill=255, width=max(1, round(width * self.side * FINE / 100)), joint=joint)
        self._ink(layer, window, ink, strength, clip)

    def discs(
        self, centres: Sequence[tuple[float, float]], radius: float, ink: np.ndarray, strength: float = 1.0
    ) -> None:
        """Draw small round things: buttons, eyelets, rivets."""
        path = np.array(centres, dtype=float)
        window = self._window(path, margin=radius + 1)
        rows, columns = window
        layer = Image.new("L", (FINE * (columns.stop - columns.start), FINE * (rows.stop - rows.start)))
        pen = ImageDraw.Draw(layer)
        reach = radius * self.side * FINE / 100
        for x, y in path * self.side * FINE / 100 - (FINE * columns.start, FINE * rows.start):
            pen.ellipse([x - reach, y - reach, x + reach, y + reach], fill=255)
        self._ink(layer, window, ink, strength, None)

    def _ink(
        self, layer: Image.Image, window: Window, ink: np.ndarray, strength: float, clip: np.ndarray | None
    ) -> None:
        drawn = np.asarray(layer.reduce(FINE))
        at = np.nonzero(drawn)  # few pixels of the window
        mask = drawn[at] * np.float32(strength / 255)
        if clip is not None:
            mask = mask * clip[window][at]
        area, cover = self.colour[window], self.cover[window]
        under = area[at]
        area[at] = under + mask[:, None] * (np.asarray(ink, dtype=np.float32) - under)
        cover[at] = np.maximum(cover[at], mask)

    def _window(self, path: np.ndarray, margin: float) -> Window:
        """Slices of the canvas around a path, in whole blocks of 2 pixels."""
        scale = self.side / 100
        low = np.floor((path.min(axis=0) - margin) * scale / 2).astype(int) * 2
        high = np.ceil((path.max(axis=0) + margin) * scale / 2).astype(int) * 2
        low, high = np.clip(low, 0, self.side - 2), np.clip(high, 2, self.side)
        return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))

    def _polygon(self, path: np.ndarray, window: Window) -> np.ndarray:
        rows, columns = window
        layer = Image.new("L", (FINE * (columns.stop - columns.start), FINE * (rows.stop - rows.start)))
        at = (path * self.side * FINE / 100 - (FINE * columns.start, FINE * rows.start)).ravel().tolist()
        ImageDraw.Draw(layer).polygon(at, fill=255)
        return np.asarray(layer.reduce(FINE), dtype=np.float32) / 255

    def _coordinates(self, window: Window, turn: float) -> tuple[np.ndarray, np.ndarray]:
        rows, columns = window
        scale = np.float32(100 / self.side)
        y = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] * scale
        x = np.arange(columns.start, columns.stop, dtype=np.float32)[None, :] * scale
        cos, sin = np.cos(np.deg2rad(turn)).astype(np.float32), np.sin(np.deg2rad(turn)).astype(np.float32)
        return 50 + cos * (x - 50) + sin * (y - 50), 50 - sin * (x - 50) + cos * (y - 50)

    def _light(self, mask: np.ndarray, cloth: Cloth, puff: float, dim: float) -> list[np.ndarray]:
        """What a piece's colour is multiplied by, what is added, and its cast shadow, each (h, w, 1).

        The blurred mask is taken as height. Worked out on half the pixels each way: all three are smooth.
        """
        small = np.asarray(Image.fromarray(mask).resize((mask.shape[1] // 2, mask.shape[0] // 2), Image.Resampling.BOX))
        unit = self.side / 200  # small pixels in a hundredth of the canvas
        near = gaussian_filter(small, 1.3 * unit, truncate=3)
        height = puff * (4 * near + 10 * gaussian_filter(small, 4 * unit, truncate=3))
        look = cloth.material
        if look.folds:
            noise = self.luck.standard_normal(small.shape, dtype=np.float32)
            waves = gaussian_filter(noise, (9 * unit, 1.9 * unit), truncate=2)
            height = height + look.folds * 2.2 * waves / max(float(waves.std()), 1e-6) * small
        slope_y, slope_x = np.gradient(height * unit * 0.4)
        upright = 1 / np.sqrt(1 + slope_x**2 + slope_y**2)
        lit = (0.42 * slope_x + 0.5 * slope_y + 0.76) * upright  # light from the upper left
        light = np.clip(1 + 0.55 * (lit - 0.76), 0.64, 1.2)
        half = np.clip((0.22 * slope_x + 0.3 * slope_y + 0.93) * upright, 0, 1)
        shine = look.gloss * 0.5 * half ** (look.sharp * 3) * np.clip((lit - 0.7) * 4, 0, 1)
        lift = shine + 0.16 * (light - 0.85) * (1 - cloth.brightness)
        shadow = np.roll(near, (round(1.1 * unit), round(0.3 * unit)), axis=(0, 1)) * 0.3

        def full(field: np.ndarray) -> np.ndarray:
            image = Image.fromarray(np.ascontiguousarray(field, dtype=np.float32))
            return np.asarray(image.resize(mask.shape[::-1], Image.Resampling.BILINEAR))[..., None]

        return [full(field) for field in (dim * light, lift, shadow)]


def _stitches(line: np.ndarray, dash: float) -> list[np.ndarray]:
    """Cut a line into stitches `dash` long with equal gaps."""
    walked = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    starts = np.arange(0, walked[-1], 2 * dash)
    ends = np.minimum(starts + dash, walked[-1])
    x = np.interp(np.stack([starts, ends]), walked, line[:, 0])
    y = np.interp(np.stack([starts, ends]), walked, line[:, 1])
    return list(np.stack([x.T, y.T], axis=2))
