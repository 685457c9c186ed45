"""Outerwear: how blazers, coats, denim jackets and cardigans are drawn."""

from __future__ import annotations

import numpy as np

from goeswith.data.sample.drawing.canvas import Point, flipped, mirrored
from goeswith.data.sample.drawing.item import (
    BRASS,
    ORANGE_THREAD,
    Desk,
    band,
    buttons,
    cuff_of,
    pocket,
    ribbed_cuffs,
    shirt_collar,
    sleeve,
    torso,
)


def _lapels(desk: Desk, top: float, close: float, width: float, notch: float) -> None:
    """Turned lapels from the neck to the first button, and the collar above them."""
    shade = desk.plain("satin") if desk.cloth.material.weave == "satin" else desk.cloth
    right: list[Point] = [
        (57.8, top),
        (50 + width + 1, notch - 1),
        (50 + width - 2.4, notch + 0.6),
        (50 + width + 2.6, notch + 2.4),
        (50.5 + width * 0.62, (notch + close) / 2 + 3, 1),
        (50.4, close),
    ]
    for outline in (right, flipped(right)):
        desk.canvas.piece(outline, shade, turn=18 if outline is right else -18, puff=0.8)
    collar: list[Point] = [
        (50 + 4.5, top - 1.6),
        (57.6, top - 1.2),
        (50 + width + 1.6, notch - 1.4),
        (50 + width - 3.4, notch + 0.8),
        (56.6, top + 6, 1),
    ]
    desk.pair(collar, turn=25, puff=0.8)


def _jacket(desk: Desk, *, length: float, close: float, hem: float, arm_length: float, width: float) -> None:
    """Body, sleeves and lining that coat and blazer share."""
    v = desk.vary
    shoulder, chest = v(21.5, 23), v(19.5, 21)
    arm = sleeve((50 + shoulder, 14.2), (50 + chest, 35), arm_length, v(7, 10), v(9.2, 10.4))
    desk.pair(arm, turn=-9)
    cuff = cuff_of(arm, 5)
    desk.both([cuff[0], cuff[3]], strength=0.45)
    lining: list[Point] = [(0, 9.4, 1), (7.8, 9), (10, 24), (0, close + 3)]
    desk.canvas.piece(mirrored(lining), desk.trim("charcoal", "silk"), puff=0.3)
    body: list[Point] = [
        (50, close),
        (57.8, 10),
        (50 + shoulder, 14.2),
        (50 + shoulder - 1.2, 24, 1),
        (50 + chest, 35),
        (50 + chest - v(1.5, 3), 54, 1),
        (50 + hem, length),
        (52.5, length + 1.5, 1),
        (49.0 - width * 0.12, length + 0.5),
        (49.2 - width * 0.12, close + 4),
    ]
    desk.canvas.piece(flipped(body), desk.cloth)
    desk.canvas.piece(body, desk.cloth)


def blazer(desk: Desk) -> None:
    """Tailored, hip length, single or double breasted."""
    v = desk.vary
    length, close, width = v(76, 83), v(46, 52), v(11, 13.5)
    double = desk.chance(0.3)
    _jacket(desk, length=length, close=close, hem=v(20, 22), arm_length=v(46, 49), width=4 if not double else 20)
    _lapels(desk, 9.6, close, width, v(19, 23))
    desk.pair([(58, 61), (67.5, 60), (67.6, 63.6), (58, 64.6)], puff=0.5)
    if desk.chance(0.6):
        desk.seams([(60.5, 34), (67, 32.8)], strength=0.7, width=0.8)
    if double:
        for x in (46.2, 54.6):
            buttons(desk, x, close + 3.5, close + 14, 2, radius=1.2)
    else:
        buttons(desk, 50.2, close + 2.5, close + 11, int(v(1, 3)), radius=1.2)


def coat(desk: Desk) -> None:
    """Long, lapels, double breasted or belted."""
    v = desk.vary
    length, close, width = v(88, 95), v(40, 46), v(12, 15)
    double = desk.chance(0.6)
    _jacket(desk, length=length, close=close, hem=v(21, 26), arm_length=v(46, 49), width=26 if double else 4)
    _lapels(desk, 9.6, close, width, v(18, 22))
    belted = desk.chance(0.4)
    if belted:
        belt: list[Point] = [(30.6, 54), (50, 55, 1), (69.4, 54), (69.6, 58), (50, 59.2, 1), (30.4, 58)]
        desk.canvas.piece(belt, desk.plain(), turn=90, puff=0.6)
        tie: list[Point] = [(51, 57), (56, 66, 1), (55, 76), (59, 76.5), (58.6, 65, 1), (53, 56)]
        desk.canvas.piece(tie, desk.plain(), puff=0.6)
        desk.canvas.piece([(49, 54.4), (54, 54), (54.4, 59.6), (49.4, 59.8)], desk.plain(), puff=0.7)
    low = 63 if belted else close + 24
    for x in (45.4, 55.2) if double else (50.2,):
        buttons(desk, x, close + 3.5, 51 if belted else low, 2 if belted else 3, radius=1.3)
    desk.pair([(59.5, 67), (69, 66), (69.2, 70), (59.6, 71)], puff=0.5)


def denim_jacket(desk: Desk) -> None:
    """Short, chest pockets with flaps, stitched in contrast."""
    v = desk.vary
    shoulder, chest, length = v(22, 24), v(20.5, 22), v(66, 73)
    thread = ORANGE_THREAD if desk.cloth.brightness < 0.6 else desk.cloth.ink
    arm = sleeve((50 + shoulder, 16.2), (50 + chest, 38), v(45, 49), v(10, 13), v(9.5, 10.5))
    desk.pair(arm, turn=-11)
    for outline in (cuff_of(arm, 4.6), flipped(cuff_of(arm, 4.6))):
        desk.canvas.piece(outline, desk.cloth, turn=90, puff=0.6)
    half: list[Point] = [
        (0, 16),
        (8.5, 12),
        (shoulder, 16.2),
        (shoulder - 1.4, 26, 1),
        (chest, 38),
        (chest - 2, length - 6, 1),
        (chest - 2.6, length),
        (0, length + 1, 1),
    ]
    desk.canvas.piece(mirrored(half), desk.cloth)
    yoke: list[Point] = [(52, 29), (60, 29, 1), (50 + shoulder - 1.6, 27.6)]
    panels: list[list[Point]] = [
        yoke,
        [(56, 37.5), (55, length - 1)],
        [(66, 37), (62.6, length - 1)],
    ]
    desk.both(*panels, strength=0.6)
    offset = [[(x + 0.8, y + 0.8, 1) for x, y, *_ in path] for path in panels]
    desk.canvas.strokes([*offset, *map(flipped, offset)], thread, 0.4, 0.8, dash=0.8)
    desk.pair([(55, 29.6), (65.6, 29.2), (65.6, 33.4), (60.3, 36.4), (55, 33.8)], puff=0.6)
    desk.canvas.discs([(39.7, 34), (60.3, 34)], 0.8, BRASS)
    desk.seams([(47.8, 17), (47.8, length)], [(52.2, 17), (52.2, length)], strength=0.55)
    hem: list[Point] = [
        (0, length - 1, 1),
        (chest - 2.2, length - 2),
        (chest - 2.6, length + 3.6),
        (0, length + 4.8, 1),
    ]
    desk.canvas.piece(mirrored(hem), desk.cloth, turn=90, puff=0.6)
    desk.canvas.discs([(50, y) for y in np.linspace(24, length + 1.8, 6)], 0.95, BRASS)
    shirt_collar(desk, 8.8, v(10.5, 12.5), v(9, 11))


def cardigan(desk: Desk) -> None:
    """Open knit with a deep V and a button band."""
    v = desk.vary
    shoulder, chest, length = v(22, 24.5), v(21, 23.5), v(74, 88)
    depth = v(24, 38)
    arm = sleeve((50 + shoulder, 15.2), (50 + chest, 38), v(46, 50), v(9, 13), v(9.5, 11))
    desk.canvas.piece(mirrored([(0, 11, 1), (8.6, 10.6), (9, 22), (0, 15 + depth)]), desk.cloth, dim=0.7, puff=0.4)
    desk.pair(arm, turn=-11)
    ribbed_cuffs(desk, arm, 6)
    body = torso(8.8, depth, shoulder, chest, chest - 1, chest - 0.6, length, vee=True)
    desk.canvas.piece(mirrored(body), desk.cloth)
    band(desk, chest - 0.8, length - 0.6, length + 5.4)
    edge: list[Point] = [
        (50 + 8.2, 11.4),
        (50 + 11, 12.6),
        (53.4, 13.5 + depth, 1),
        (52.4, 18 + depth),
        (52.4, length + 6.4),
        (47.6, length + 6.4),
        (47.6, 16 + depth),
    ]
    left: list[Point] = [(41.8, 11.4), (39, 12.6), (46.6, 13.5 + depth, 1), (47.8, 18 + depth), (50, 15 + depth)]
    desk.canvas.piece(left, desk.plain(), turn=90, puff=0.6)
    desk.canvas.piece(edge, desk.plain(), turn=90, puff=0.6)
    buttons(desk, 50, 18 + depth, length + 3, 5, radius=1.1)
    if desk.chance(0.5):
        for x in (38.5, 61.5):
            pocket(desk, x, length - 17, 11, 12)
