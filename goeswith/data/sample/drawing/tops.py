"""Tops: how t-shirts, tank tops, shirts, blouses, sweaters and hoodies are drawn."""

from __future__ import annotations

import numpy as np

from goeswith.data.sample.drawing.canvas import Point, curve, flipped, mirrored
from goeswith.data.sample.drawing.item import (
    STEEL,
    Desk,
    back_neck,
    band,
    buttons,
    cuff_of,
    pocket,
    ribbed_cuffs,
    ribs,
    round_neckband,
    shirt_collar,
    sleeve,
    torso,
)


def t_shirt(desk: Desk) -> None:
    """Short sleeves and a round or V neck."""
    v = desk.vary
    neck, shoulder = v(8.5, 11), v(22, 24.5)
    vee = desk.chance(0.25)
    depth, length = (v(11, 15) if vee else v(5, 8)), v(80, 88)
    chest = v(20.5, 22.5)
    arm = sleeve((50 + shoulder, 16.2), (50 + chest, 37.5), v(14, 19), v(40, 50), v(13, 16))
    back_neck(desk, neck, depth)
    desk.pair(arm, turn=-40)
    body = torso(neck, depth, shoulder, chest, chest - v(0.5, 2.5), chest + v(-0.5, 1.5), length, vee=vee)
    desk.canvas.piece(mirrored(body), desk.cloth)
    if vee:
        desk.both([(50, 12 + depth + 1.6), (50 + neck + 1.4, 12.8)], strength=0.5)
    else:
        round_neckband(desk, neck, depth, 1.9)
    hem = curve([(50 - chest, length - 2.4), (50, length - 0.9, 1), (50 + chest, length - 2.4)])
    desk.canvas.strokes([hem], desk.cloth.ink, 0.4, 0.5, dash=0.7)


def tank_top(desk: Desk) -> None:
    """No sleeves, wide or narrow straps, a deep neck."""
    v = desk.vary
    strap, neck = v(2.2, 6.5), v(9.5, 12.5)
    depth, length, chest = v(13, 20), v(78, 86), v(18.5, 20.5)
    low: list[Point] = [(0, 14 + depth, 1), (neck * 0.75, 12 + depth * 0.72, 1)]
    back: list[Point] = [(0, 15 + depth * 0.35, 1), (neck, 13), (neck + 1, 14 + depth), (0, 16 + depth, 1)]
    desk.canvas.piece(mirrored(back), desk.cloth, dim=0.72, puff=0.4)
    hem = chest + v(-1, 3)
    body: list[Point] = [
        *low,
        (neck, 11),
        (neck + strap, 11.6),
        (neck + strap + 0.4, 26, 1),
        (chest, 37),
        (chest - v(0, 2), 58, 1),
        (hem, length),
        (0, length + 1.5, 1),
    ]
    desk.canvas.piece(mirrored(body), desk.cloth)
    inner: list[Point] = [(50, 15.6 + depth, 1), (50 + neck * 0.78, 13.4 + depth * 0.74, 1), (50 + neck + 1.2, 11.2)]
    desk.both(inner, strength=0.5)
    hem_line = curve([(50 - hem, length - 2.4), (50, length - 0.9, 1), (50 + hem, length - 2.4)])
    desk.canvas.strokes([hem_line], desk.cloth.ink, 0.4, 0.5, dash=0.7)


def shirt(desk: Desk) -> None:
    """Collar, button row, chest pocket, curved hem."""
    v = desk.vary
    shoulder, chest, length = v(22.5, 24.5), v(20.5, 22.5), v(84, 90)
    short = desk.summer and desk.chance(0.5)
    arm = sleeve(
        (50 + shoulder, 16.2),
        (50 + chest, 37.5),
        v(16, 20) if short else v(50, 54),
        v(36, 44) if short else v(9, 13),
        v(13.5, 15.5) if short else v(8.5, 9.5),
    )
    desk.pair(arm, turn=-36 if short else -11)
    if short:
        cuff = cuff_of(arm, 2.2)
        desk.both([cuff[0], cuff[3]], strength=0.5)
    else:
        for outline in (cuff_of(arm, 5.5), flipped(cuff_of(arm, 5.5))):
            desk.canvas.piece(outline, desk.cloth, turn=90, puff=0.7)
    half: list[Point] = [
        (0, 15),
        (8.5, 12),
        (shoulder, 16.2),
        (shoulder - 1.6, 26, 1),
        (chest, 37.5),
        (chest - v(0.5, 2), 58, 1),
        (chest, length - 8),
        (chest - 5, length - 1.5, 1),
        (0, length + 1, 1),
    ]
    desk.canvas.piece(mirrored(half), desk.cloth)
    desk.both([(50 + shoulder - 1, 18.5), (58, 20.2, 1), (51, 19.5)], strength=0.3)
    desk.seams([(47.9, 17), (47.9, length + 0.6)], [(52.1, 17), (52.1, length + 0.6)], strength=0.45)
    buttons(desk, 50, 23, length - 8, 6)
    if desk.chance(0.6):
        pocket(desk, 60.2, 34, 9, 9.5, point=1.8)
    if desk.chance(0.3):
        pocket(desk, 39.8, 34, 9, 9.5, point=1.8)
    shirt_collar(desk, 8.6, v(8.5, 11), v(10, 13))


def blouse(desk: Desk) -> None:
    """Full sleeves gathered at the cuff; a bow, a ruffle or a V at the neck."""
    v = desk.vary
    shoulder, chest, length = v(20, 22), v(19, 20.5), v(76, 83)
    short = desk.summer and desk.chance(0.4)
    long, angle = (v(15, 20), v(32, 42)) if short else (v(42, 48), v(13, 18))
    arm = sleeve((50 + shoulder, 16.2), (50 + chest, 36.5), long, angle, v(13, 16) if short else v(14.5, 18))
    outer, inner = arm[3], arm[4]
    tuck = 2.6
    arm[3:5] = [(outer[0] + 0.5, outer[1] - 4, 1), (outer[0] - tuck, outer[1]), (inner[0] + tuck, inner[1])]
    arm.insert(6, (inner[0] - 0.8, inner[1] - 3.5, 1))
    vee = desk.chance(0.5)
    neck, depth = v(8, 10.5), (v(13, 19) if vee else v(4, 6))
    back_neck(desk, neck, depth)
    desk.pair(arm, turn=-18, puff=1.15)
    a, b = np.array(arm[4][:2]), np.array(arm[5][:2])
    band_points: list[Point] = [
        (float(a[0] + 0.3), float(a[1] - 0.5)),
        (float(a[0] + 0.5), float(a[1] + 3)),
        (float(b[0] + 0.3), float(b[1] + 3.2)),
        (float(b[0] - 0.3), float(b[1] - 0.5)),
    ]
    desk.pair(band_points, puff=0.6)
    hem = chest + v(2, 5.5)
    desk.canvas.piece(mirrored(torso(neck, depth, shoulder, chest, chest - v(0, 2), hem, length, vee=vee)), desk.cloth)
    gathers: list[list[Point]] = [[(50 + x, 17.5), (50 + x * 0.93, 24 + abs(x) * 0.2)] for x in np.linspace(6, 15, 5)]
    desk.both(*gathers, strength=0.28)
    if vee:
        edge: list[Point] = [(50 + neck + 0.2, 12), (50.2 + neck * 0.35, 12 + depth * 0.62, 1), (50, 12.5 + depth)]
        desk.both(edge, strength=0.6, width=0.7)
        buttons(desk, 50, 17 + depth, length - 8, 5, radius=0.7)
    elif desk.chance(0.6):
        _bow(desk, 50, 13.5 + depth)
    else:
        buttons(desk, 50, 17 + depth, length - 8, 7, radius=0.6)
        frill: list[Point] = [(50 + neck + 1, 11.5), (50 + neck + 3.4, 13.5, 1), (50 + neck * 0.8, 17 + depth, 1)]
        desk.pair([*frill, (50, 18.4 + depth), (50, 13 + depth)], puff=0.8)


def _bow(desk: Desk, x: float, y: float) -> None:
    tail: list[Point] = [(x, y), (x + 3.5, y + 9, 1), (x + 3, y + 19), (x + 7.8, y + 17.5), (x + 6, y + 8, 1)]
    loop: list[Point] = [(x, y), (x + 6, y - 4, 1), (x + 11.5, y - 1.5, 1), (x + 7, y + 4, 1)]
    desk.pair(tail, turn=15, puff=0.8)
    desk.pair(loop, turn=60)
    knot: list[Point] = [(x, y - 2, 1), (x + 2, y + 0.3, 1), (x, y + 2.4, 1), (x - 2, y + 0.3, 1)]
    desk.canvas.piece(knot, desk.cloth)


def sweater(desk: Desk) -> None:
    """Ribbed at cuffs, hem and neck; crew, V or roll neck."""
    v = desk.vary
    shoulder, chest, length = v(23, 26), v(22, 24.5), v(76, 82)
    kind = desk.pick("crew", "crew", "vee", "roll")
    neck, depth = v(8.5, 10), {"crew": v(4.5, 6), "vee": v(13, 18), "roll": 3.0}[kind]
    arm = sleeve((50 + shoulder, 16.2), (50 + chest, 39), v(47, 51), v(10, 14), v(9.5, 11.5))
    if kind != "roll":
        back_neck(desk, neck, depth)
    desk.pair(arm, turn=-12)
    ribbed_cuffs(desk, arm, 6)
    body = torso(neck, depth, shoulder, chest, chest - 0.5, chest - 1, length, vee=kind == "vee")
    desk.canvas.piece(mirrored(body), desk.cloth)
    band(desk, chest - 1, length - 0.6, length + 6)
    if kind == "crew":
        round_neckband(desk, neck, depth, 2.8)
    elif kind == "vee":
        edge: list[Point] = [(50, 12 + depth), (50 + neck, 11.7), (50 + neck + 2.4, 12.6), (50, 15.6 + depth)]
        desk.pair(edge, turn=30, puff=0.5)
    else:
        roll: list[Point] = [(0, 6.5, 1), (neck - 0.8, 7, 1), (neck + 0.6, 11, 1), (neck + 0.8, 14.6, 1), (0, 18, 1)]
        desk.canvas.piece(mirrored(roll), desk.plain())
        top: list[Point] = [(0, 5.6, 1), (neck - 1.2, 6.8, 1), (0, 8.2, 1)]
        desk.canvas.piece(mirrored(top), desk.plain(), dim=0.7, puff=0.3)
        desk.canvas.strokes(ribs((50 - neck, 8.5), (50 + neck, 8.5), (0, 7), 16), desk.cloth.ink, 0.4, 0.25)


def hoodie(desk: Desk) -> None:
    """Hood, drawstring, pouch pocket."""
    v = desk.vary
    shoulder, chest, length = v(23.5, 25.5), v(22.5, 24.5), v(77, 82)
    arm = sleeve((50 + shoulder, 17), (50 + chest, 39), v(46, 50), v(10, 14), v(10, 11.5))
    hood: list[Point] = [(0, 4.5, 1), (9, 6.5, 1), (14.5, 14, 1), (13, 21), (0, 27, 1)]
    desk.canvas.piece(mirrored(hood), desk.cloth, puff=1.2)
    inside: list[Point] = [(0, 8.5, 1), (6.5, 10, 1), (9.4, 16, 1), (4, 24, 1), (0, 27)]
    desk.canvas.piece(mirrored(inside), desk.plain(), dim=0.6, puff=0.4)
    desk.pair(arm, turn=-12)
    ribbed_cuffs(desk, arm, 6)
    body: list[Point] = [
        (0, 27),
        (6, 22.5, 1),
        (12.2, 15.5),
        (shoulder, 17.2),
        (shoulder - 1.2, 27, 1),
        (chest, 39),
        (chest - 0.5, 58, 1),
        (chest - 1, length),
        (0, length + 1.4, 1),
    ]
    desk.canvas.piece(mirrored(body), desk.cloth)
    band(desk, chest - 1, length - 0.6, length + 6)
    pouch: list[Point] = [(0, 58, 1), (9, 58), (14.5, 66), (14.5, length - 2), (0, length - 0.8, 1)]
    desk.canvas.piece(mirrored(pouch), desk.cloth, puff=0.6, edge=0.6)
    if desk.chance(0.5):
        desk.seams([(50, 27), (50, length + 5)], strength=0.7, width=0.9)
        desk.canvas.strokes([[(50, 27), (50, length + 5)]], STEEL, 0.4, 0.9)
    for x, end in ((46.4, v(38, 43)), (53.6, v(38, 43))):
        desk.canvas.strokes([[(x, 24.5), (x + 0.3, 32, 1), (x - 0.2, end)]], desk.cloth.button, 0.8, 1)
