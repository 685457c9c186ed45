"""Shoes, seen from the side, toe to the right."""

from __future__ import annotations

import numpy as np

from goeswith.data.sample.drawing.canvas import Outline, Point, curve
from goeswith.data.sample.drawing.item import BRASS, STEEL, Desk, ribbon, ribs
from goeswith.data.sample.drawing.palette import rgb


def _sole(desk: Desk, outline: Outline, colour: str, material: str = "canvas") -> None:
    desk.canvas.piece(outline, desk.trim(colour, material), puff=0.6)


def sneaker(desk: Desk) -> None:
    """Laces, toe cap, thick pale sole."""
    v = desk.vary
    high = desk.chance(0.3)
    top = v(22, 28) if high else v(36, 41)
    upper: list[Point] = [
        (12, 66),
        (11, 52, 1),
        (13, top + 2),
        (19, top + 3.5, 1),
        (31 if not high else 33, top),
        (44, 43 if not high else 39, 1),
        (60, 52, 1),
        (78, 55.5, 1),
        (88, 62, 1),
        (89.5, 69),
    ]
    desk.canvas.piece([(13, top + 3), (20, top - 1.2, 1), (31, top), (24, top + 7, 1)], desk.plain(), dim=0.6, puff=0.3)
    mask = desk.canvas.piece(upper, desk.cloth)
    style = desk.pick("stripe", "cap", "swoop", "bare")
    contrast = desk.trim("white" if desk.cloth.brightness < 0.6 else "charcoal", "leather")
    if style == "stripe":
        for x in (36, 42, 48):
            bar: list[Point] = [(x, 68), (x + 5.5, 46), (x + 8.6, 47), (x + 3.4, 68)]
            desk.canvas.piece(bar, contrast, puff=0.4, clip=mask, edge=0.3)
    elif style == "swoop":
        desk.canvas.piece(
            [(22, 58), (40, 64, 1), (62, 54), (42, 69, 1), (24, 67, 1)], contrast, puff=0.4, clip=mask, edge=0.3
        )
    if style == "cap":
        cap: list[Point] = [(72, 54), (70, 62, 1), (72, 71), (92, 71), (92, 60), (80, 54, 1)]
        desk.canvas.piece(cap, desk.trim("white", "canvas"), puff=0.9, clip=mask)
    else:
        desk.seams([(70, 54), (68.5, 61, 1), (71, 69)], strength=0.6)
    desk.seams([(12.5, 50), (20, 52, 1), (24, 68)], [(31, top + 1), (37, 56, 1), (62, 62, 1), (70, 62)], strength=0.5)
    lace = desk.trim("white" if desk.cloth.brightness < 0.75 else "grey")
    for share in np.linspace(0.08, 0.92, 6 if high else 5):
        x = 33 + share * 23
        y = (top + 2) + share * (51 - top) - 5 * share * (1 - share)
        desk.canvas.piece(
            [(x - 3.4, y + 2.2), (x + 1.6, y - 1.4), (x + 3, y + 0.2), (x - 2, y + 4)], lace, puff=0.5, edge=0.6
        )
    sole: list[Point] = [
        (10.5, 66.5),
        (40, 68.4, 1),
        (70, 69.6, 1),
        (91, 67.5),
        (92.6, 72, 1),
        (90, 76.4),
        (50, 77.4, 1),
        (11.5, 76.6),
        (9.4, 72, 1),
    ]
    _sole(desk, sole, "white" if desk.chance(0.8) else "beige")
    desk.canvas.strokes([[(10.4, 72.6), (50, 74.2, 1), (92, 72.8)]], desk.cloth.base * 0.8, 0.8, 0.8)


def boot(desk: Desk) -> None:
    """Ankle to knee high, low or block heel."""
    v = desk.vary
    top, heel = v(10, 42), v(2.5, 10)
    floor = 84
    base = floor - heel
    shaft = 13 + (45 - top) * 0.12
    upper: list[Point] = [
        (24 - shaft * 0.1, top),
        (26, 55, 1),
        (22, base - 6, 1),
        (23, base - 1),
        (46, base + (floor - base) * 0.5 - 1.5, 1),
        (62, floor - 2.5),
        (86, floor - 2.5),
        (86, 73.5, 1),
        (74, 68, 1),
        (57, 62.5, 1),
        (50, 52, 1),
        (28 + shaft * 1.5, top + 0.6),
        (36, top + 2, 1),
    ]
    desk.canvas.piece(
        [(24, top + 0.5), (36, top - 1.6, 1), (28 + shaft * 1.5, top + 0.6), (36, top + 2.5, 1)],
        desk.plain(),
        dim=0.55,
        puff=0.2,
    )
    sole: list[Point] = [
        (22.4, base - 1.6),
        (46, base + heel * 0.5 - 2, 1),
        (62, floor - 3.2),
        (87, floor - 3.2),
        (86.6, floor),
        (60, floor),
        (45, base + heel * 0.6 + 1, 1),
        (38 - heel * 0.3, base + 2.4),
        (36 - heel * 0.3, floor),
        (23.4 + heel * 0.15, floor),
    ]
    desk.canvas.piece(upper, desk.cloth)
    _sole(desk, sole, "black" if desk.cloth.brightness < 0.5 or desk.chance(0.5) else "brown", "leather")
    style = desk.pick("zip", "chelsea", "laces")
    if style == "zip":
        desk.seams([(34, top + 3), (33, 60, 1), (31, base - 4)], strength=0.65, width=0.9)
        desk.canvas.strokes([[(34, top + 3), (33, 60, 1), (31, base - 4)]], STEEL, 0.4, 0.9)
    elif style == "chelsea":
        start = max(top, 40)
        gore: list[Point] = [(33, start + 2), (46, start + 2.4), (42, 66, 1), (37.5, 66, 1)]
        desk.canvas.piece(gore, desk.plain(), dim=0.72, puff=0.5)
        lines = ribs((34, start + 3), (45, start + 3), (1.5, 60 - start), 8)
        desk.canvas.strokes(lines, desk.cloth.ink, 0.4, 0.35)
    else:
        for y in np.arange(max(top + 4, 22), 61, 4.4):
            x = 49.5 + (y - 50) * 0.22 * (y > 50) + (50 - y) * 0.03
            desk.canvas.strokes([[(x - 6.5, y + 1.4), (x + 0.4, y - 0.6)]], desk.cloth.button, 1.1, 1)
            desk.canvas.discs([(x - 6.5, y + 1.4)], 0.8, BRASS)
    desk.seams([(24, base - 14), (38, base - 9, 1), (54, 66)], strength=0.4)
    desk.seams([(66, 66.5), (64, 73, 1), (67, floor - 4)], strength=0.35 if style != "laces" else 0.6)


def pump(desk: Desk) -> None:
    """A court shoe on a slim or block heel."""
    v = desk.vary
    lift, slim = v(14, 26), desk.chance(0.65)
    floor = 76
    heel_top = floor - lift
    inside: list[Point] = [
        (15, heel_top - 13.5),
        (40, heel_top - 2, 1),
        (66, floor - 9.5),
        (40, heel_top + 3, 1),
        (17, heel_top - 8),
    ]
    desk.canvas.piece(inside, desk.trim("beige", "leather"), dim=0.85, puff=0.3)
    if slim:
        heel: list[Point] = [
            (13.6, heel_top - 2),
            (24, heel_top + 3),
            (20, heel_top + lift * 0.45, 1),
            (17.6, floor),
            (14.6, floor),
            (15.2, heel_top + lift * 0.4, 1),
        ]
    else:
        heel = [(13.6, heel_top - 2), (27, heel_top + 3), (24.6, floor), (14.6, floor)]
    desk.canvas.piece(heel, desk.plain("leather") if desk.chance(0.7) else desk.trim("black", "leather"), puff=0.8)
    toe = v(0, 1)
    upper: list[Point] = [
        (14, heel_top - 14.5),
        (18, heel_top - 11, 1),
        (30, heel_top - 1.5, 1),
        (48, floor - 12 - lift * 0.12, 1),
        (62, floor - 12.5, 1),
        (69, floor - 12.2),
        (82, floor - 8.6, 1),
        (91 + 3 * toe, floor - 2.4 + toe, 1),
        (88, floor),
        (66, floor, 1),
        (46, heel_top + lift * 0.66, 1),
        (28, heel_top + 5, 1),
        (13.2, heel_top - 1),
        (12, heel_top - 8, 1),
    ]
    desk.canvas.piece(upper, desk.cloth)
    desk.canvas.strokes(
        [[(88, floor - 0.3), (66, floor - 0.3, 1), (46, heel_top + lift * 0.66, 1), (28, heel_top + 4.6, 1)]],
        rgb("black"),
        0.9,
        0.75,
    )
    if desk.chance(0.35):
        strap: list[Point] = [(38, heel_top + 3), (42, heel_top - 7, 1), (50, heel_top - 5, 1), (57, floor - 11.5)]
        desk.canvas.piece(ribbon(curve(strap), 2.4), desk.plain())
    elif desk.chance(0.4):
        _small_bow(desk, 70, floor - 12)


def _small_bow(desk: Desk, x: float, y: float) -> None:
    for s in (-1, 1):
        loop: list[Point] = [(x, y), (x + s * 4, y - 3, 1), (x + s * 6.5, y, 1), (x + s * 4, y + 2.2, 1)]
        desk.canvas.piece(loop, desk.plain())
    desk.canvas.discs([(x, y)], 1.3, desk.cloth.ink)


def sandal(desk: Desk) -> None:
    """Straps over a flat, wedge or heel."""
    v = desk.vary
    lift = v(0, 18)
    floor = 74
    heel = floor - 4 - lift
    foot: list[Point] = [(13, heel), (32, heel + 1, 1), (56, floor - 6.5, 1), (80, floor - 6), (90, floor - 5, 1)]
    under: list[Point] = [(89, floor), (62, floor)]
    cork = desk.trim("camel" if desk.chance(0.6) else "beige", "straw" if lift > 8 else "suede")
    straps: list[list[Point]] = [
        [(16, heel + 0.6), (14.5, heel - 9, 1), (21, heel - 17)],
        [(18, heel - 15.5), (29, heel - 22, 1), (39, heel - 15, 1), (41, heel + 2)],
        [(58, floor - 6), (63, floor - 17, 1), (74, floor - 14, 1), (79, floor - 5.6)],
    ]
    if desk.chance(0.5):
        straps.append([(68, floor - 6), (74, floor - 14.5, 1), (82, floor - 11, 1), (86, floor - 5.2)])
    if desk.chance(0.4):
        straps.append([(41, heel - 8), (52, heel + lift * 0.2 - 4, 1), (64, floor - 15)])
    wide = v(2.6, 4.6)
    for far in straps[1:2]:
        line = curve([(x + 2.4, y - 0.6, *rest) for x, y, *rest in far])  # type: ignore[misc]
        desk.canvas.piece(ribbon(line, wide), desk.cloth, dim=0.7)
    if lift < 8:
        outline: list[Point] = [*foot, *under, (36, floor, 1), (13, heel + 5)]
    else:
        outline = [*foot, *under, (44, floor - lift * 0.3, 1), (33, floor - lift * 0.2), (31, floor), (14.5, floor)]
    desk.canvas.piece(outline, cork, puff=0.7)
    desk.canvas.strokes([foot], rgb("brown"), 1.2, 0.7)
    for strap in straps:
        desk.canvas.piece(ribbon(curve(strap), wide), desk.cloth, puff=1.1)
    desk.canvas.discs([(39.4, heel - 13)], 1.6, BRASS)
    desk.canvas.discs([(39.4, heel - 13)], 0.8, desk.cloth.base)


def loafer(desk: Desk) -> None:
    """A low slip-on with an apron front, a bar or tassels."""
    lift, crest = desk.vary(3, 8), desk.vary(38.5, 43.5)
    floor = 72
    inside: list[Point] = [(14, 44), (28, 42, 1), (46, 48), (32, 52, 1), (17, 50)]
    desk.canvas.piece(inside, desk.trim("camel", "leather"), dim=0.8, puff=0.3)
    upper: list[Point] = [
        (13, 44),
        (19, 48.5, 1),
        (32, 51, 1),
        (42, 46),
        (50, crest, 1),
        (57, 43.5),
        (74, 53.5, 1),
        (87, 58, 1),
        (91, 64, 1),
        (90, floor - 3),
        (50, floor - 2),
        (12, floor - 3),
        (11, 56, 1),
    ]
    mask = desk.canvas.piece(upper, desk.cloth)
    desk.seams([(42, 47), (56, 60, 1), (74, 62.5, 1), (87, 60)], strength=0.7)
    desk.seams([(43, 48.6), (56, 61.8, 1), (74, 64.3, 1), (87, 61.8)], strength=0.4, dash=0.9)
    kind = desk.pick("penny", "tassel", "snaffle", "plain")
    if kind != "plain":
        saddle: list[Point] = [(42, 44), (50, crest - 1.5), (60, 44.5), (57, 58, 1), (58, 72), (44, 72), (46, 58, 1)]
        desk.canvas.piece(saddle, desk.cloth, turn=20, puff=0.7, clip=mask)
    if kind == "penny":
        desk.canvas.piece([(47, 50.4), (55.6, 48.6), (55.8, 51), (47.4, 52.8)], desk.plain(), dim=0.5, puff=0.2)
    elif kind == "snaffle":
        desk.canvas.strokes([[(45, 52.5), (51, 48.5, 1), (57, 48.5)]], BRASS, 1.6, 1)
        desk.canvas.discs([(45, 52.5), (57, 48.5)], 2.0, BRASS)
        desk.canvas.discs([(45, 52.5), (57, 48.5)], 1.0, desk.cloth.base)
    elif kind == "tassel":
        for dx in (0, 4.4):
            tassel: list[Point] = [
                (53 + dx, 46),
                (59 + dx * 1.2, 56.5 - dx * 0.3),
                (55.6 + dx * 1.2, 58.6 - dx * 0.3),
                (51.4 + dx, 47),
            ]
            desk.canvas.piece(tassel, desk.plain(), puff=0.8)
    sole: list[Point] = [
        (11.5, floor - 3.6),
        (50, floor - 2.8, 1),
        (91, floor - 3.6),
        (90.6, floor),
        (37, floor),
        (35.5, floor + lift),
        (12.5, floor + lift),
    ]
    _sole(desk, sole, desk.pick("black", "brown", "camel"), "leather")
