"""Item: canvas, cloth and random choices of one drawn item, and the parts that many garments share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from goeswith.data.sample.drawing.canvas import Canvas, Outline, Point, flipped, mirrored
from goeswith.data.sample.drawing.cloth import Cloth

ORANGE_THREAD = np.array([0.80, 0.52, 0.22], dtype=np.float32)
BRASS = np.array([0.78, 0.62, 0.30], dtype=np.float32)
STEEL = np.array([0.70, 0.72, 0.75], dtype=np.float32)
PALE = np.array([0.94, 0.93, 0.90], dtype=np.float32)


@dataclass
class Desk:
    """What lies on the drawing desk: the canvas, the item's cloth and its luck."""

    canvas: Canvas
    cloth: Cloth
    luck: np.random.Generator
    summer: bool

    def vary(self, low: float, high: float) -> float:
        """A number between `low` and `high`, different for each item."""
        return float(self.luck.uniform(low, high))

    def chance(self, share: float) -> bool:
        """True for that share of the items."""
        return bool(self.luck.uniform() < share)

    def pick(self, *options: str) -> str:
        """One of the options."""
        return str(self.luck.choice(options))

    def trim(self, colour: str, material: str = "cotton") -> Cloth:
        """Another plain cloth, for soles, linings and clasps."""
        return Cloth(colour, "plain", material, self.luck, self.canvas.side)

    def plain(self, material: str | None = None) -> Cloth:
        """The item's own colour without its print."""
        return self.cloth.unprinted(material)

    def seams(self, *paths: Outline, strength: float = 0.55, width: float = 0.45, dash: float = 0.0) -> None:
        """Seams in the tone of the cloth."""
        self.canvas.strokes(list(paths), self.cloth.ink, width, strength, dash=dash)

    def both(self, *paths: Outline, strength: float = 0.55, width: float = 0.45, dash: float = 0.0) -> None:
        """Seams on both sides of the middle line."""
        self.seams(*paths, *[flipped(path) for path in paths], strength=strength, width=width, dash=dash)

    def pair(self, outline: Outline, turn: float = 0.0, puff: float = 1.0) -> None:
        """The same piece on both sides of the middle line."""
        self.canvas.piece(outline, self.cloth, turn=turn, puff=puff)
        self.canvas.piece(flipped(outline), self.cloth, turn=-turn, puff=puff)


def ribbon(line: np.ndarray, width: float) -> list[Point]:
    """The outline of a ribbon `width` wide along a line."""
    along = np.gradient(line, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    across = across / np.maximum(np.hypot(*across.T), 1e-9)[:, None] * width / 2
    return [(float(x), float(y)) for x, y in np.concatenate([line + across, (line - across)[::-1]])]


def sleeve(
    shoulder: tuple[float, float], under: tuple[float, float], length: float, angle: float, cuff: float
) -> list[Point]:
    """The right sleeve: from shoulder and underarm, `length` long, `angle` degrees off the vertical."""
    lean = np.deg2rad(angle)
    along, out = np.array([np.sin(lean), np.cos(lean)]), np.array([np.cos(lean), -np.sin(lean)])
    top, low = np.array(shoulder), np.array(under)
    end = (top + low) / 2 + out * 2 + along * length
    outer, inner = end + out * cuff / 2, end - out * cuff / 2
    elbow_out = 0.55 * top + 0.45 * outer + out * (0.8 + 0.05 * length)
    elbow_in = 0.55 * low + 0.45 * inner + out * 0.02 * length
    return [
        (shoulder[0] - 3, shoulder[1] + 0.2),
        (shoulder[0] + 0.6, shoulder[1] + 0.6, 1),
        (float(elbow_out[0]), float(elbow_out[1]), 1),
        (float(outer[0]), float(outer[1])),
        (float(inner[0]), float(inner[1])),
        (float(elbow_in[0]), float(elbow_in[1]), 1),
        (under[0] + 0.5, under[1] + 1),
        (under[0] - 5, under[1]),
    ]


def cuff_of(outline: list[Point], depth: float) -> list[Point]:
    """The last `depth` of a sleeve, as its own piece."""
    outer, inner = np.array(outline[3][:2]), np.array(outline[4][:2])
    up = np.array([inner[1] - outer[1], outer[0] - inner[0]])
    up = up / np.hypot(*up) * -depth
    grow = (outer - inner) * 0.03
    corners = (outer + up + grow, outer + grow * 0.2, inner - grow * 0.2, inner + up - grow)
    return [(float(x), float(y)) for x, y in corners]


def torso(
    neck: float, depth: float, shoulder: float, chest: float, waist: float, hem: float, length: float, *, vee: bool
) -> list[Point]:
    """Right half of a top's body, from the neckline at y = 12 down to the hem at y = `length`."""
    low: list[Point] = [(0, 12 + depth)] if vee else [(0, 12 + depth, 1), (neck * 0.72, 12 + depth * 0.68, 1)]
    return [
        *low,
        (neck, 12),
        (shoulder, 16.2),
        (shoulder - 1.6, 26, 1),
        (chest, 37.5),
        (waist, 58, 1),
        (hem, length),
        (0, length + 1.4, 1),
    ]


def back_neck(desk: Desk, neck: float, depth: float) -> None:
    """The inside of the back, seen through the neckline."""
    half: list[Point] = [(0, 13.2, 1), (neck + 0.5, 11.6), (neck * 0.9, 12 + depth, 1), (0, 13 + depth, 1)]
    desk.canvas.piece(mirrored(half), desk.cloth, dim=0.72, puff=0.4, edge=0.6)


def ribs(
    left: tuple[float, float], right: tuple[float, float], down: tuple[float, float], count: int
) -> list[np.ndarray]:
    """Short rib lines across a band from `left` to `right`, each going `down`."""
    share = np.linspace(0.03, 0.97, count)[:, None]
    start = np.array(left) + share * (np.array(right) - np.array(left))
    return [np.stack([point, point + np.array(down)]) for point in start]


def band(desk: Desk, half_width: float, top: float, bottom: float, sag: float = 1.4) -> None:
    """A ribbed band around the hem."""
    half: list[Point] = [(0, top + sag, 1), (half_width + 0.4, top), (half_width - 0.4, bottom), (0, bottom + sag, 1)]
    desk.canvas.piece(mirrored(half), desk.plain(), puff=0.6)
    lines = ribs((50 - half_width, top + 0.6), (50 + half_width, top + 0.6), (0, bottom - top), 34)
    desk.canvas.strokes(lines, desk.cloth.ink, 0.4, 0.3)


def ribbed_cuffs(desk: Desk, arm: list[Point], depth: float) -> None:
    """Ribbed cuffs on both sleeves."""
    cuff = cuff_of(arm, depth)
    for outline in (cuff, flipped(cuff)):
        desk.canvas.piece(outline, desk.plain(), puff=0.6)
        a, b, c, d = (np.array(point[:2]) for point in outline)
        lines = [np.stack([a + s * (d - a), b + s * (c - b)]) for s in np.linspace(0.08, 0.92, 8)]
        desk.canvas.strokes(lines, desk.cloth.ink, 0.4, 0.3)


def round_neckband(desk: Desk, neck: float, depth: float, wide: float) -> None:
    """A band around a round neckline, front half."""
    half: list[Point] = [
        (0, 12 + depth, 1),
        (neck * 0.72, 12 + depth * 0.68, 1),
        (neck, 11.7),
        (neck + wide * 0.9, 12.6),
        ((neck + wide) * 0.74, 12 + (depth + wide) * 0.72, 1),
        (0, 12 + depth + wide, 1),
    ]
    desk.canvas.piece(mirrored(half), desk.plain(), puff=0.5)


def shirt_collar(desk: Desk, neck: float, point: float, drop: float) -> None:
    """A turned-down collar with two leaves."""
    stand: list[Point] = [(0, 9.3, 1), (neck - 1, 9.2), (neck + 1, 13), (0, 15.5, 1)]
    desk.canvas.piece(mirrored(stand), desk.cloth, dim=0.75, puff=0.5)
    leaf: list[Point] = [
        (50.2, 18.2),
        (50 + neck * 0.55, 13.2, 1),
        (50 + neck - 0.6, 8.6),
        (50 + neck + 2.4, 13.0, 1),
        (50 + point, 13.5 + drop),
    ]
    desk.pair(leaf, turn=35, puff=0.8)


def buttons(desk: Desk, x: float, top: float, bottom: float, count: int, radius: float = 0.85) -> None:
    """A row of buttons down from `top`."""
    ink = desk.cloth.accent if desk.cloth.print.kind != "plain" else desk.cloth.button
    ys = np.linspace(top, bottom, count)
    desk.canvas.discs([(x + 0.12, y + 0.22) for y in ys], radius * 1.1, desk.cloth.ink * 0.6, 0.6)
    desk.canvas.discs([(x, y) for y in ys], radius, ink)
    desk.canvas.discs([(x + s * 0.28 * radius, y) for y in ys for s in (-1, 1)], radius * 0.17, ink * 0.5)


def pocket(desk: Desk, x: float, y: float, width: float, height: float, *, point: float = 0.0) -> None:
    """A patch pocket, sewn on."""
    path: list[Point] = [
        (x - width / 2, y),
        (x + width / 2, y),
        (x + width / 2, y + height),
        (x, y + height + point),
        (x - width / 2, y + height),
        (x - width / 2, y),
    ]
    desk.seams(path, [(x - width / 2, y + 1.6), (x + width / 2, y + 1.6)])
