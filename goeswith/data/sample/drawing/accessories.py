"""Accessories: how hats, scarves, belts, sunglasses and necklaces are drawn."""

from __future__ import annotations

import numpy as np

from goeswith.data.sample.drawing.canvas import Point, curve, flipped, mirrored, oval
from goeswith.data.sample.drawing.cloth import MATERIALS
from goeswith.data.sample.drawing.item import PALE, Desk, ribbon, ribs


def hat(desk: Desk) -> None:
    """A brimmed hat in summer and felt, a beanie when knitted."""
    v = desk.vary
    if desk.cloth.material.weave == "stitches":
        dome: list[Point] = [(0, 20, 1), (16, 24, 1), (26, 42, 1), (28, 66), (0, 69, 1)]
        desk.canvas.piece(mirrored(dome), desk.cloth, puff=1.3)
        fold: list[Point] = [(0, 60, 1), (29, 57), (29.6, 76), (0, 80, 1)]
        desk.canvas.piece(mirrored(fold), desk.plain(), puff=1.0)
        desk.canvas.strokes(ribs((21.5, 60), (78.5, 60), (0, 17), 26), desk.cloth.ink, 0.5, 0.3)
        if desk.chance(0.5):
            desk.canvas.piece(oval(50, 16, 9.5, 9.5), desk.plain("wool"), puff=1.3)
        return
    brim, crown, top = v(36, 43), v(19, 22), v(28, 35)
    line = 62
    dip = v(2, 9)
    under: list[Point] = [
        (0, line - 5, 1),
        (brim * 0.6, line - 4, 1),
        (brim, line + 1, 1),
        (brim * 0.6, line + 9, 1),
        (0, line + 12 + dip * 0.4, 1),
    ]
    desk.canvas.piece(mirrored(under), desk.cloth, puff=1.1)
    shape: list[Point] = [
        (0, top + dip * 0.5, 1),
        (crown * 0.55, top, 1),
        (crown - 1.5, top + 6, 1),
        (crown + 1, line - 1),
        (crown * 0.6, line + 3.4, 1),
        (0, line + 4.6, 1),
    ]
    desk.canvas.piece(mirrored(shape), desk.cloth, puff=1.2)
    tie: list[Point] = [
        (0, line - 3.2, 1),
        (crown * 0.6, line - 4.4, 1),
        (crown + 0.4, line - 8),
        (crown + 1, line - 1),
        (crown * 0.6, line + 3.4, 1),
        (0, line + 4.6, 1),
    ]
    tone = desk.pick("black", "brown", "navy") if desk.cloth.brightness > 0.35 else "beige"
    desk.canvas.piece(mirrored(tie), desk.trim(tone, "silk"), puff=0.6)
    if dip > 4:
        desk.seams([(50, top + dip * 0.5 + 1), (50, top + dip + 6)], strength=0.4, width=1.2)


def scarf(desk: Desk) -> None:
    """A loop around the neck and two hanging ends with fringe."""
    v = desk.vary
    ends = ((41, v(78, 86), 6), (58, v(70, 80), -5))
    for x, bottom, turn in ends:
        wide = 8.5
        end: list[Point] = [
            (x - wide * 0.7, 36),
            (x - wide, 58, 1),
            (x - wide, bottom),
            (x + wide, bottom),
            (x + wide * 0.95, 58, 1),
            (x + wide * 0.7, 36),
        ]
        desk.canvas.piece(end, desk.cloth, turn=turn)
        fringe = ribs((x - wide, bottom), (x + wide, bottom), (0, 6.5), 13)
        desk.canvas.strokes(fringe, desk.cloth.edge, 1.15, 0.9)
        desk.canvas.strokes(fringe, desk.cloth.base, 0.8, 1)
    hole: list[Point] = [(0, 16, 1), (13, 18, 1), (16, 25, 1), (0, 33, 1)]
    desk.canvas.piece(mirrored(hole), desk.cloth, dim=0.6, puff=0.4)
    loop: list[Point] = [
        (34, 17),
        (30, 27, 1),
        (35, 40, 1),
        (50, 48, 1),
        (65, 40, 1),
        (70, 27, 1),
        (66, 17),
        (64, 24, 1),
        (50, 31, 1),
        (36, 24, 1),
    ]
    desk.canvas.piece(loop, desk.cloth, turn=20, puff=1.2)
    desk.seams([(33, 28), (42, 39, 1), (60, 40.5)], [(67, 26), (60, 36, 1), (46, 37)], strength=0.45, width=0.7)
    desk.canvas.piece(
        [(34, 17), (40, 11.5, 1), (60, 11.5, 1), (66, 17), (60, 20.5, 1), (40, 20.5, 1)], desk.cloth, turn=-15, puff=0.9
    )


def belt(desk: Desk) -> None:
    """A rolled belt with a buckle."""
    v = desk.vary
    wide = v(6.5, 13)
    top = 50 - wide / 2
    back: list[Point] = [
        (14, top - 9, 1),
        (50, top - 15, 1),
        (86, top - 9, 1),
        (90, top, 1),
        (86, top + wide * 0.6, 1),
        (50, top - 15 + wide, 1),
        (14, top + wide * 0.6, 1),
        (10, top, 1),
    ]
    desk.canvas.piece(back, desk.cloth, dim=0.62, puff=0.5)
    front: list[Point] = [
        (9.6, top - 5, 1),
        (14, top + 3, 1),
        (50, top + 9, 1),
        (86, top + 3, 1),
        (90.4, top - 5, 1),
        (90.4, top - 5 + wide, 1),
        (86, top + 3 + wide, 1),
        (50, top + 9 + wide, 1),
        (14, top + 3 + wide, 1),
        (9.6, top - 5 + wide, 1),
    ]
    desk.canvas.piece(front, desk.cloth, puff=1.1)
    for inset in (1.1, wide - 1.1):
        seam: list[Point] = [(14, top + 3 + inset), (50, top + 9 + inset, 1), (86, top + 3 + inset)]
        desk.seams(seam, strength=0.5, dash=0.9)
    metal = "gold" if desk.chance(0.55) else "silver"
    middle = top + 9 + wide / 2
    tall = wide / 2 + 2.6
    holes = [(64 + 4 * step, middle - 0.5 - 0.16 * step * step) for step in range(4)]
    desk.canvas.discs(holes, 0.7, desk.cloth.ink * 0.5)
    buckle = desk.trim(metal, "metal")
    corners = [(45, middle - tall), (57, middle - tall), (57, middle + tall), (45, middle + tall), (45, middle - tall)]
    round_one = curve(oval(51, middle, 7.5, tall), closed=True)
    ring = np.array(corners) if desk.chance(0.5) else np.vstack([round_one, round_one[:2]])
    desk.canvas.piece(ribbon(ring, 2.2), buckle, puff=1.1)
    desk.canvas.piece(ribbon(np.array([[45.5, middle], [57.5, middle + 0.2]]), 1.5), buckle, puff=1.1)


def sunglasses(desk: Desk) -> None:
    """Two tinted lenses in a frame."""
    v = desk.vary
    style = desk.pick("round", "square", "cat", "aviator")
    half, tall = v(15, 17.5), v(12, 15)
    shapes: dict[str, list[Point]] = {
        "round": oval(51.5 + half, 52, half, half * 0.95),
        "square": [
            (55, 52 - tall, 1),
            (52 + 2 * half, 51 - tall, 1),
            (54 + 2 * half, 54 - tall, 1),
            (51.5 + 2 * half, 52 + tall * 0.7, 1),
            (47 + 2 * half, 52 + tall, 1),
            (60, 52 + tall, 1),
            (55, 52 + tall * 0.6, 1),
            (53, 54 - tall, 1),
        ],
        "cat": [
            (54, 46, 1),
            (66, 41, 1),
            (54 + 2 * half, 35.5, 1),
            (56 + 2 * half, 40, 1),
            (50 + 2 * half, 56, 1),
            (67, 63, 1),
            (56, 57, 1),
        ],
        "aviator": [
            (55, 41, 1),
            (70, 39, 1),
            (53 + 2 * half, 42, 1),
            (52 + 2 * half, 55, 1),
            (48 + 2 * half - 4, 66, 1),
            (66, 66, 1),
            (56, 55, 1),
        ],
    }
    lens = shapes[style]
    temple: list[Point] = [
        (50 + 2 * half + 1, 44),
        (52 + 2 * half + 4, 40, 1),
        (50 + 2 * half + 6, 26, 1),
        (46 + 2 * half + 4, 20),
    ]
    thick = 1.4 if style == "aviator" else v(2.2, 3.6)
    desk.canvas.piece(ribbon(curve(temple), 2.2), desk.cloth, dim=0.8, puff=0.8)
    desk.canvas.piece(flipped(ribbon(curve(temple), 2.2)), desk.cloth, dim=0.8, puff=0.8)
    bridge: list[Point] = [(43, 48), (50, 43.5, 1), (57, 48)]
    desk.canvas.piece(ribbon(curve(bridge), thick), desk.cloth, puff=1)
    tint = desk.trim(desk.pick("black", "charcoal", "brown"), "glass")
    ring = curve(lens, closed=True)
    ring = np.vstack([ring, ring[:2]])
    for outline, frame in ((lens, ribbon(ring, thick)), (flipped(lens), flipped(ribbon(ring, thick)))):
        mask = desk.canvas.piece(outline, tint, puff=0.5)
        x = 53 if outline is lens else 18
        desk.canvas.strokes([[(x + 4, 70), (x + 18, 34)], [(x + 9, 70), (x + 23, 34)]], PALE, 2.2, 0.16, clip=mask)
        desk.canvas.piece(frame, desk.cloth, puff=1)


def necklace(desk: Desk) -> None:
    """A chain with a pendant, or a string of beads."""
    v = desk.vary
    depth, wide = v(60, 78), v(25, 31)
    turn = np.linspace(-0.82 * np.pi, 0.82 * np.pi, 90)
    tall = (depth - 11) / 1.85
    line = np.stack([50 + wide * np.sin(turn) * (1 - 0.12 * np.cos(turn)), depth - tall * (1 - np.cos(turn))], axis=1)
    if desk.cloth.material is MATERIALS["metal"]:
        desk.canvas.strokes([line], desk.cloth.ink, 1.5, 0.9)
        desk.canvas.strokes([line], desk.cloth.base, 1.1, 1, dash=0.8)
        style = desk.pick("drop", "disc", "bar")
        bar: list[Point] = [
            (40, depth - 2.6),
            (50, depth + 1, 1),
            (60, depth - 2.6),
            (60, depth + 0.6),
            (40, depth + 0.6),
        ]
        bar.insert(4, (50, depth + 4.4, 1))
        drop: list[Point] = [(50, depth + 1), (55, depth + 10, 1), (50, depth + 15.5, 1), (45, depth + 10, 1)]
        pendant = {"drop": drop, "disc": oval(50, depth + 8, 6.5, 6.5), "bar": bar}[style]
        desk.canvas.piece(pendant, desk.cloth, puff=1.2)
        return
    walked = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    radius = v(1.9, 3.2)
    stops = np.arange(radius, walked[-1], 2.05 * radius)
    centres = np.stack([np.interp(stops, walked, line[:, 0]), np.interp(stops, walked, line[:, 1])], axis=1)
    beads = [(float(x), float(y)) for x, y in centres]
    desk.canvas.strokes([line], desk.cloth.ink, 0.5, 0.9)
    desk.canvas.discs(beads, radius, desk.cloth.edge)
    desk.canvas.discs([(x - 0.08 * radius, y - 0.1 * radius) for x, y in beads], radius * 0.86, desk.cloth.base)
    desk.canvas.discs([(x - 0.3 * radius, y - 0.35 * radius) for x, y in beads], radius * 0.3, PALE, 0.75)
