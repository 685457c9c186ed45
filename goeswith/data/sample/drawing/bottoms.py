"""Bottoms and dresses: how trousers, shorts, skirts and dresses are drawn."""

from __future__ import annotations

import numpy as np

from goeswith.data.sample.drawing.canvas import Point, flipped, mirrored
from goeswith.data.sample.drawing.item import BRASS, ORANGE_THREAD, PALE, Desk, buttons, sleeve


def _leg(rise: float, waist: float, hip: float, hem: float, length: float, gap: float) -> list[Point]:
    """The right leg of trousers, waist at y = 9, `hem` wide at the foot."""
    outer, inner = 50 + gap + hem, 50 + gap
    crotch = 9 + rise
    thigh = crotch + (length - crotch) * 0.45
    return [
        (50, 9.8),
        (50 + waist, 9),
        (50 + hip, 9 + rise * 0.75, 1),
        (0.5 * (50 + hip) + 0.5 * outer - 0.4, thigh, 1),
        (outer, length),
        (inner, length + 0.6),
        (50.4 + 0.35 * gap, thigh, 1),
        (50, crotch),
    ]


def _waistband(desk: Desk, waist: float, depth: float, loops: bool) -> None:
    half: list[Point] = [(0, 8.4, 1), (waist, 7.6), (waist + 0.5, 7.6 + depth), (0, 8.4 + depth, 1)]
    desk.canvas.piece(mirrored(half), desk.cloth, turn=90, puff=0.6)
    if loops:
        for x in (0.42, 0.9):
            desk.both([(50 + waist * x, 7.4), (50 + waist * x, 8.4 + depth)], strength=0.75, width=1.1)


def jeans(desk: Desk) -> None:
    """Stitched in contrast, five pockets, skinny to wide."""
    v = desk.vary
    waist, rise, length = v(14.5, 16), v(23, 27), v(90, 95)
    hip, hem = waist + v(3, 4), v(8, 19)
    leg = _leg(rise, waist, hip, hem, length, v(0.8, 2.5))
    desk.pair(leg, turn=2)
    thread = ORANGE_THREAD if desk.cloth.brightness < 0.6 else desk.cloth.ink
    scoop: list[Point] = [(50 + waist * 0.42, 12.8), (50 + waist * 0.55, 18, 1), (50 + hip * 0.93, 19.5)]
    yoke = [scoop, flipped(scoop)]
    hems: list[list[Point]] = [[(leg[5][0] + 0.3, length - 2), (leg[4][0] - 0.2, length - 2.6)]]
    desk.canvas.strokes(yoke, desk.cloth.ink, 0.5, 0.7)
    stitched: list[list[Point]] = [
        [(x + 0.1, y + 0.9, 1) for x, y, *_ in scoop],
        [(50.6, 13), (50.6, 10 + rise * 0.95)],
        [(54.4, 13), (54.2, 10 + rise * 0.62, 1), (51, 10 + rise * 0.8)],
    ]
    stitched += [flipped(stitched[0]), *hems, flipped(hems[0])]
    desk.canvas.strokes(stitched, thread, 0.4, 0.8, dash=0.8)
    desk.seams([(50, 12), (50, 10 + rise)], strength=0.7)
    _waistband(desk, waist, 3.6, loops=True)
    desk.canvas.discs([(50, 10.3)], 1.1, BRASS)
    if desk.chance(0.25):
        for x, y in ((60, 52), (40.5, 55)):
            rips = [[(x - v(2, 4), y + dy), (x + v(2, 4), y + dy + v(-0.4, 0.4))] for dy in (-2, -0.7, 0.8, 2.2)]
            desk.canvas.strokes(rips, PALE, 0.6, 0.75)


def trousers(desk: Desk) -> None:
    """Pressed crease, slant pockets, slim to wide."""
    v = desk.vary
    waist, rise, length = v(14, 15.5), v(23, 28), v(89, 95)
    hip, hem = waist + v(3, 4.5), v(9, 23)
    gap = v(0.8, 2.2)
    leg = _leg(rise, waist, hip, hem, length, gap)
    desk.pair(leg, turn=2)
    centre = 50 + gap + hem / 2
    desk.both([(50 + waist * 0.55, 14), (50 + hip * 0.56, 34, 1), (centre, length)], strength=0.4)
    desk.both([(50 + waist * 0.78, 12.6), (50 + hip * 0.97, 24)], strength=0.6)
    desk.seams([(50, 12), (50, 10 + rise)], strength=0.6)
    _waistband(desk, waist, 3.8, loops=desk.chance(0.6))
    if desk.chance(0.3):
        desk.both([(leg[5][0], length - 4), (leg[4][0] + 0.2, length - 4.8)], strength=0.6)
    desk.canvas.discs([(51.5, 10.4)], 0.8, desk.cloth.button)


def shorts(desk: Desk) -> None:
    """Above the knee, with or without a turn-up."""
    v = desk.vary
    waist, rise, length = v(20, 22), v(32, 36), v(62, 74)
    hip, hem = waist + v(5, 7), v(21, 26)
    leg: list[Point] = [
        (50, 20.8),
        (50 + waist, 20),
        (50 + hip, 20 + rise * 0.7, 1),
        (51 + hem + 5, length),
        (52.5, length + 2),
        (50, 20 + rise),
    ]
    desk.pair(leg, turn=4)
    desk.both([(50 + waist * 0.6, 23.6), (50 + waist * 0.75, 31, 1), (50 + hip * 0.95, 34)], strength=0.6)
    desk.seams([(50, 22), (50, 20 + rise)], [(55, 24), (54.6, 40, 1), (50.6, 45)], strength=0.6)
    if desk.chance(0.5):
        cuff: list[Point] = [
            (52.4, length - 3.4),
            (51 + hem + 4.9, length - 5.6),
            (51 + hem + 5.6, length + 0.6),
            (52.4, length + 2.6),
        ]
        desk.pair(cuff, turn=4, puff=0.7)
    else:
        desk.both([(52.4, length - 1.2), (51 + hem + 4.4, length - 3)], strength=0.55, dash=0.8)
    half: list[Point] = [(0, 17.6, 1), (waist, 16.8), (waist + 0.6, 21.6), (0, 22.6, 1)]
    desk.canvas.piece(mirrored(half), desk.cloth, turn=90, puff=0.6)
    for x in (0.42, 0.9):
        desk.both([(50 + waist * x, 16.6), (50 + waist * x, 22.6)], strength=0.75, width=1.1)
    desk.canvas.discs([(50, 20.2)], 1.0, desk.cloth.button)


def pencil_skirt(desk: Desk) -> None:
    """Narrow, with a slit or a button row."""
    v = desk.vary
    waist, hip, length, hem = v(15, 17), v(22, 24), v(82, 92), v(16, 20)
    half: list[Point] = [
        (0, 12.8, 1),
        (waist, 12),
        (hip, 36, 1),
        (hem + 1.4, length - 12, 1),
        (hem, length),
        (0, length + 1.2, 1),
    ]
    desk.canvas.piece(mirrored(half), desk.cloth)
    desk.both([(50 + waist * 0.5, 15), (50 + waist * 0.56, 26)], strength=0.45)
    if desk.chance(0.35):
        desk.seams([(50, 15), (50, length + 1)], strength=0.55)
        buttons(desk, 52.4, 20, length - 10, 7, radius=0.95)
    else:
        x = v(3, 10)
        slit: list[Point] = [(50 + x, length - v(14, 22)), (50 + x - 1.5, length + 1.1), (50 + x + 2, length + 1.0)]
        desk.canvas.piece(slit, desk.plain(), dim=0.62, puff=0.2)
        desk.seams([(50 + x, length - 22), (50 + x, 40)], strength=0.2)
    top: list[Point] = [(0, 10, 1), (waist - 0.4, 9.2), (waist + 0.5, 13.6), (0, 14.6, 1)]
    desk.canvas.piece(mirrored(top), desk.cloth, turn=90, puff=0.6)


def pleated_skirt(desk: Desk) -> None:
    """Flared, knife pleats from the waist."""
    v = desk.vary
    waist, length, hem = v(14, 16), v(66, 90), v(26, 34)
    folds = int(v(7, 11))
    xs = np.linspace(-1, 1, 2 * folds + 1)
    zigzag = [(50 + x * hem, length - 2.6 * x * x + (0.9 if fold % 2 else -0.5)) for fold, x in enumerate(xs)]
    left: list[Point] = [(50 - waist, 14), (50 - waist - (hem - waist) * 0.42, 36, 1)]
    outline: list[Point] = [*left, *zigzag, *flipped(left)[::-1]]
    mask = desk.canvas.piece(outline, desk.cloth)
    pleats = [
        np.array([[50 + x * waist, 14], [50 + x * (waist + (hem - waist) * 0.45), 36], [50 + x * hem, length + 2]])
        for x in xs[2:-1:2]
    ]
    shade = [line + np.array([0.7, 0]) for line in pleats]
    desk.canvas.strokes(shade, desk.cloth.ink, 1.4, 0.18, clip=mask)
    desk.canvas.strokes(pleats, desk.cloth.ink, 0.5, 0.6, clip=mask)
    top: list[Point] = [(0, 10.8, 1), (waist - 0.3, 10), (waist + 0.5, 15), (0, 16, 1)]
    desk.canvas.piece(mirrored(top), desk.cloth, turn=90, puff=0.6)


def day_dress(desk: Desk) -> None:
    """A bodice with short or long sleeves over a swinging skirt."""
    v = desk.vary
    shoulder, chest, waist = v(16, 18), v(14.5, 16), v(11.5, 13.5)
    hem, length, line = v(22, 31), v(80, 94), v(41, 46)
    long = desk.chance(0.15 if desk.summer else 0.75)
    angle, cuff = (v(12, 16), v(7.5, 11)) if long else (v(38, 50), v(10.5, 12.5))
    arm = sleeve((50 + shoulder, 9.6), (50 + chest, 25), v(32, 38) if long else v(9, 13), angle, cuff)
    vee = desk.chance(0.5)
    neck, depth = v(7, 9), v(9, 13) if vee else v(4, 7)
    desk.canvas.piece(
        mirrored([(0, 7.5, 1), (neck + 0.4, 6), (neck, 6 + depth, 1), (0, 7 + depth, 1)]),
        desk.cloth,
        dim=0.72,
        puff=0.4,
    )
    desk.pair(arm, turn=-20)
    low: list[Point] = [(0, 6 + depth)] if vee else [(0, 6 + depth, 1), (neck * 0.72, 6 + depth * 0.68, 1)]
    skirt: list[Point] = [
        (0, line - 1, 1),
        (waist, line - 1.5),
        (waist + (hem - waist) * 0.5, line + 15, 1),
        (hem, length),
        (hem * 0.5, length + 1.6, 1),
        (0, length + 2, 1),
    ]
    mask = desk.canvas.piece(mirrored(skirt), desk.cloth, puff=1.1)
    folds: list[list[Point]] = [
        [(50 + x * waist, line), (50 + x * (waist + hem) * 0.52, line + 18, 1), (50 + x * hem, length - v(4, 20))]
        for x in (-0.75, -0.4, -0.1, 0.2, 0.5, 0.8)
    ]
    desk.canvas.strokes(folds, desk.cloth.ink, 0.8, 0.28, clip=mask)
    bodice: list[Point] = [
        *low,
        (neck, 6),
        (shoulder, 9.4),
        (shoulder - 1.2, 17, 1),
        (chest, 25.5),
        (waist + 0.4, line - 4, 1),
        (waist, line),
        (0, line + 0.8, 1),
    ]
    desk.canvas.piece(mirrored(bodice), desk.cloth)
    if desk.chance(0.5):
        belt: list[Point] = [
            (0, line - 0.6, 1),
            (waist + 0.3, line - 1.6),
            (waist + 0.5, line + 1.4),
            (0, line + 2.6, 1),
        ]
        desk.canvas.piece(mirrored(belt), desk.plain(), puff=0.5, dim=0.85)
    if vee and desk.chance(0.5):
        buttons(desk, 50, 9 + depth, line - 3, 5, radius=0.6)


def evening_dress(desk: Desk) -> None:
    """Floor length on thin straps, with a slit."""
    v = desk.vary
    chest, waist, hip, hem = v(12, 13.5), v(9.5, 11), v(13.5, 15), v(14, 27)
    top, line = v(13, 16), v(36, 40)
    for x in (0.55, 0.72) if desk.chance(0.4) else (0.62,):
        strap: list[Point] = [(50 + chest * x, top + 1), (50 + chest * x * 0.92, 4.5)]
        desk.canvas.strokes([strap, flipped(strap)], desk.cloth.edge, 1.3, 1)
        desk.canvas.strokes([strap, flipped(strap)], desk.cloth.base, 0.8, 1)
    dip = v(0, 6)
    half: list[Point] = [
        (0, top + dip),
        (chest * 0.55, top - 0.5, 1),
        (chest, top + 3.5),
        (waist, line, 1),
        (hip, line + 15, 1),
        (hip + (hem - hip) * 0.35, 74, 1),
        (hem, 95),
        (0, 96.6, 1),
    ]
    mask = desk.canvas.piece(mirrored(half), desk.cloth)
    if desk.chance(0.6):
        x = v(3, 7)
        slit: list[Point] = [(50 + x, v(60, 70)), (50 + x - 0.6, 97), (50 + x + 4.2, 97)]
        desk.canvas.piece(slit, desk.plain(), dim=0.6, puff=0.2, clip=mask)
    folds: list[list[Point]] = [
        [(50 + x * waist, line + 1), (50 + x * hip, line + 18, 1), (50 + x * hem, 93)] for x in (-0.7, -0.3, 0.1, 0.75)
    ]
    desk.canvas.strokes(folds, desk.cloth.ink, 0.8, 0.22, clip=mask)
    desk.seams([(50 - waist, line, 1), (50, line + 0.9, 1), (50 + waist, line, 1)], strength=0.5)
