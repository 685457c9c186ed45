"""Bags: how totes, clutches and backpacks are drawn."""

from __future__ import annotations

from goeswith.data.sample.drawing.canvas import Point, curve, flipped, mirrored
from goeswith.data.sample.drawing.item import BRASS, STEEL, Desk, ribbon


def _handle(desk: Desk, path: list[Point], width: float) -> None:
    desk.canvas.piece(ribbon(curve(path), width), desk.plain(), puff=1.1)


def tote(desk: Desk) -> None:
    """A wide open bag with two handles."""
    v = desk.vary
    top, wide, narrow = v(38, 46), v(30, 36), v(25, 31)
    rise = v(10, 20)
    back: list[Point] = [(38, top + 2), (39.5, rise + 4, 1), (50, rise - 2, 1), (60.5, rise + 4, 1), (62, top + 2)]
    front: list[Point] = [(36, top + 8), (37.5, rise + 9, 1), (50, rise + 3, 1), (62.5, rise + 9, 1), (64, top + 8)]
    _handle(desk, back, 2.0)
    rim: list[Point] = [(0, top - 2.6, 1), (wide - 1, top), (0, top + 2.4, 1)]
    desk.canvas.piece(mirrored(rim), desk.plain(), dim=0.6, puff=0.2)
    body: list[Point] = [(0, top + 1.8, 1), (wide, top), (narrow, 89), (narrow - 2, 91, 1), (0, 92, 1)]
    mask = desk.canvas.piece(mirrored(body), desk.cloth)
    desk.seams([(50 - wide + 0.5, top + 4), (50, top + 5.8, 1), (50 + wide - 0.5, top + 4)], strength=0.5, dash=0.9)
    if desk.chance(0.4):
        base: list[Point] = [(0, 76, 1), (wide, 75.4), (wide, 95), (0, 95)]
        trim = desk.trim("camel" if desk.cloth.brightness < 0.5 else "brown", "leather")
        desk.canvas.piece(mirrored(base), trim, clip=mask, puff=0.5, edge=0.5)
    _handle(desk, front, 2.4)
    for x in (36, 64):
        desk.canvas.piece(
            [(x - 2.2, top + 5), (x + 2.2, top + 5), (x + 2.2, top + 13), (x, top + 15), (x - 2.2, top + 13)],
            desk.plain(),
            puff=0.6,
        )
        desk.canvas.discs([(x, top + 11.5)], 0.8, BRASS)


def clutch(desk: Desk) -> None:
    """A small flat bag with a flap and a clasp."""
    v = desk.vary
    half_width, height = v(33, 39), v(34, 44)
    top, bottom = 50 - height / 2 + 4, 50 + height / 2 + 4
    metal = BRASS if desk.chance(0.65) else STEEL
    if desk.chance(0.45):
        chain = curve(
            [
                (50 - half_width + 3, top + 3),
                (30, top - 16, 1),
                (50, top - 20, 1),
                (70, top - 16, 1),
                (50 + half_width - 3, top + 3),
            ],
            steps=14,
        )
        desk.canvas.strokes([chain], metal * 0.75, 1.3, 0.9, dash=1.2)
        desk.canvas.strokes([chain], metal, 0.6, 1)
    body: list[Point] = [
        (0, top),
        (half_width - 1.5, top),
        (half_width, top + 2, 1),
        (half_width, bottom - 2, 1),
        (half_width - 2, bottom),
        (0, bottom + 0.5, 1),
    ]
    desk.canvas.piece(mirrored(body), desk.cloth)
    style = desk.pick("envelope", "straight", "round")
    reach = top + height * v(0.5, 0.68)
    flaps: dict[str, list[Point]] = {
        "envelope": [(0, top - 0.6), (half_width - 0.6, top - 0.6), (half_width + 0.3, top + 2), (0, reach + 2)],
        "straight": [
            (0, top - 0.6),
            (half_width - 0.6, top - 0.6),
            (half_width + 0.3, top + 2),
            (half_width, reach - 3),
            (0, reach, 1),
        ],
        "round": [
            (0, top - 0.6),
            (half_width - 0.6, top - 0.6),
            (half_width + 0.3, top + 3),
            (half_width * 0.75, reach - 4, 1),
            (0, reach + 1, 1),
        ],
    }
    desk.canvas.piece(mirrored(flaps[style]), desk.cloth, puff=1.1)
    y = reach + (2 if style == "envelope" else 0) - 2.5
    if desk.chance(0.5):
        desk.canvas.discs([(50, y)], 2.6, metal * 0.7)
        desk.canvas.discs([(49.8, y - 0.3)], 2.1, metal)
    else:
        desk.canvas.piece(
            [(46, y - 1.6), (54, y - 1.6), (54, y + 1.8), (46, y + 1.8)],
            desk.trim("gold" if metal is BRASS else "silver", "metal"),
            puff=0.8,
        )


def backpack(desk: Desk) -> None:
    """A rounded bag with a front pocket, a top loop and straps."""
    v = desk.vary
    wide, top = v(24, 28), v(17, 22)
    strap: list[Point] = [(62, top + 3), (55 + wide, 36, 1), (56 + wide, 66, 1), (48 + wide, 86)]
    for outline in (ribbon(curve(strap), 5), ribbon(curve(flipped(strap)), 5)):
        desk.canvas.piece(outline, desk.plain(), dim=0.85, puff=0.9)
    _handle(desk, [(45, top + 2), (46, top - 8, 1), (54, top - 8, 1), (55, top + 2)], 2.2)
    body: list[Point] = [
        (0, top - 1, 1),
        (wide * 0.62, top + 1.5, 1),
        (wide, top + 18, 1),
        (wide + 1, 70, 1),
        (wide - 1, 89),
        (wide - 4, 91, 1),
        (0, 92, 1),
    ]
    desk.canvas.piece(mirrored(body), desk.cloth, puff=1.2)
    arch: list[Point] = [
        (50 + wide * 0.86, 56),
        (50 + wide * 0.82, top + 15, 1),
        (50 + wide * 0.45, top + 5.5, 1),
        (50, top + 4, 1),
    ]
    desk.both(arch, strength=0.7, width=0.8)
    desk.canvas.strokes([arch, flipped(arch)], STEEL, 0.35, 0.7)
    low, side = v(58, 62), wide - v(5, 7)
    front: list[Point] = [(0, low, 1), (side, low + 0.5), (side + 0.6, 84), (side - 2, 87, 1), (0, 87.6, 1)]
    desk.canvas.piece(mirrored(front), desk.cloth, puff=1.1)
    if desk.chance(0.5):
        desk.seams([(50 - side + 2, low + 4), (50, low + 4.6, 1), (50 + side - 2, low + 4)], strength=0.8, width=0.8)
        return
    flap: list[Point] = [(0, low - 2, 1), (side + 0.6, low - 1), (side, low + 8, 1), (0, low + 12, 1)]
    desk.canvas.piece(mirrored(flap), desk.cloth, puff=0.9)
    leather = desk.trim("camel", "leather")
    tab: list[Point] = [(57.4, low + 4), (60.6, low + 4), (60.6, low + 17), (57.4, low + 17)]
    for piece in (tab, flipped(tab)):
        desk.canvas.piece(piece, leather, puff=0.6)
    desk.canvas.discs([(41, low + 11), (59, low + 11)], 1.1, BRASS)
