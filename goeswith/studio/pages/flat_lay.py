"""Flat lay: where the pieces of an outfit lie: in the order of the body, at their relative sizes, none on another."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from PIL import Image, ImageChops

from goeswith.data.garments import garment_of
from goeswith.studio.service.catalogue_view import Wall
from goeswith.studio.service.cutouts import Cutout

WIDE, HIGH = 0.9, 1.0
"""Sides of what they lie on."""
MARGIN, GAP = 0.035, 0.028
"""Around all of them, and between two."""
TRUE = 0.62
"""Power of a garment's length: at 1 earrings beside a coat would be dots."""
LARGEST, SHORTEST = 0.64, 45.0
"""Of the longer side that one piece may take, and centimetres that it has for that: rings alone are not as large."""
PAPER = "#f4f2ee"
"""What they lie on; the style sheet of the board has the same."""
STEPS = 3
"""Rounds in which each piece tries every place."""


@dataclass(frozen=True)
class Kind:
    """A kind of garment. length: centimetres along its longer side. level: where on the body, 0 head to 1 feet.

    side: how far from the middle it belongs, 0 to 1.
    """

    length: float
    level: float
    side: float = 1.0


GROUPS = {
    "top": Kind(64, 0.3, 0), "bottom": Kind(95, 0.66, 0), "dress": Kind(108, 0.45, 0), "outer": Kind(78, 0.35, 0.6),
    "shoes": Kind(30, 0.93, 0.6), "bag": Kind(34, 0.62), "accessory": Kind(22, 0.3), "other": Kind(40, 0.5),
}  # fmt: skip
"""Group → its usual kind."""
GARMENTS = {
    "shorts": Kind(42, 0.62, 0), "skirt": Kind(62, 0.64, 0), "jumpsuit": Kind(140, 0.5, 0), "coat": Kind(112, 0.42, 0.6),
    "trench": Kind(112, 0.42, 0.6), "parka": Kind(92, 0.4, 0.6), "vest": Kind(62, 0.33, 0.5), "suit": Kind(130, 0.5, 0),
    "bustier": Kind(36, 0.28, 0), "camisole": Kind(54, 0.28, 0), "boot": Kind(40, 0.9, 0.6), "sandal": Kind(27, 0.94, 0.6),
    "clutch": Kind(25, 0.6), "backpack": Kind(42, 0.5), "wallet": Kind(18, 0.6), "luggage": Kind(60, 0.8),
    "belt": Kind(26, 0.5), "scarf": Kind(56, 0.2), "hat": Kind(29, 0.04), "glove": Kind(24, 0.55), "tie": Kind(50, 0.25),
    "socks": Kind(30, 0.85), "jewellery": Kind(14, 0.2), "necklace": Kind(24, 0.16), "earring": Kind(9, 0.08),
    "ring": Kind(7, 0.55), "bracelet": Kind(12, 0.52), "brooch": Kind(9, 0.22), "watch": Kind(16, 0.52),
    "glasses": Kind(17, 0.06), "hair": Kind(14, 0.04), "umbrella": Kind(60, 0.6), "cufflink": Kind(6, 0.5),
    "handkerchief": Kind(18, 0.3), "underwear": Kind(34, 0.5, 0), "swimwear": Kind(55, 0.45, 0),
}  # fmt: skip
"""Garment, as garments.toml names it → what differs from the others of its group."""


@dataclass(frozen=True)
class Piece:
    """What lies there. ratio: width over height of its picture."""

    kind: Kind
    ratio: float

    @property
    def size(self) -> tuple[float, float]:
        """Width and height beside other pieces."""
        long = self.kind.length**TRUE
        # A garment that is folded or photographed with its handle up is not larger for it.
        return (long, long / self.ratio) if self.ratio >= 1 else (long * self.ratio, long)


@dataclass(frozen=True)
class Spot:
    """Where a piece lies: its middle and its width as shares of the sides, and its layer."""

    x: float
    y: float
    width: float
    layer: int = 0


Columns = tuple[tuple[int, ...], ...]


@lru_cache(4096)
def kind_of(category: str, group: str | None) -> Kind:
    """The kind of an item."""
    named = garment_of(category)
    if named is not None and named.name in GARMENTS and group in (None, named.group):
        return GARMENTS[named.name]
    return GROUPS[group or (named.group if named else "other")]


def arrange(pieces: Sequence[Piece]) -> list[Spot]:
    """A place for each of some pieces: columns in the order of the body, as large as fits.

    The same pieces always lie alike.
    """
    if not pieces:
        return []
    best: tuple[float, Columns] | None = None
    for count in range(1, min(5, len(pieces)) + 1):
        columns = _improved(pieces, _begun(pieces, count))
        told = _cost(pieces, columns), columns
        if best is None or told[0] < best[0] - 1e-9:
            best = told
    assert best is not None
    return _laid(pieces, best[1])


def _begun(pieces: Sequence[Piece], count: int) -> Columns:
    """A first guess: what belongs in the middle there, the rest where there is most room."""
    columns: list[list[int]] = [[] for _ in range(count)]
    middle = (count - 1) / 2
    for at in sorted(range(len(pieces)), key=lambda at: (pieces[at].kind.side, -pieces[at].size[1])):
        def room(column: int, at: int = at) -> tuple[float, float]:
            away = abs(column - middle) / max(middle, 1)
            full = sum(pieces[other].size[1] for other in columns[column])
            return full + 12 * abs(away - pieces[at].kind.side), column
        columns[min(range(count), key=room)].append(at)
    return _ordered(pieces, columns)


def _ordered(pieces: Sequence[Piece], columns: Sequence[Sequence[int]]) -> Columns:
    """Each column from head to feet; empty ones are left out."""
    return tuple(tuple(sorted(column, key=lambda at: (pieces[at].kind.level, at))) for column in columns if column)


def _improved(pieces: Sequence[Piece], columns: Columns) -> Columns:
    """Move one piece to another column, or exchange two, as long as that helps."""
    cost = _cost(pieces, columns)
    for _ in range(STEPS):
        before = cost
        for at in range(len(pieces)):
            for other in _moves(pieces, columns, at):
                if (told := _cost(pieces, other)) < cost - 1e-9:
                    cost, columns = told, other
        if cost >= before - 1e-9:
            break
    return columns


def _moves(pieces: Sequence[Piece], columns: Columns, at: int) -> list[Columns]:
    here = next(number for number, column in enumerate(columns) if at in column)
    found = []
    for there in range(len(columns)):
        if there == here:
            continue
        without = [[one for one in column if one != at] for column in columns]
        found.append(_ordered(pieces, [[*c, at] if n == there else c for n, c in enumerate(without)]))
        for other in columns[there]:
            swapped = {at: other, other: at}
            found.append(_ordered(pieces, [[swapped.get(one, one) for one in column] for column in columns]))
    return found


def _scale(pieces: Sequence[Piece], columns: Columns) -> float:
    """How large the unit of `Piece.size` may be for all columns to fit."""
    wide = sum(max(pieces[at].size[0] for at in column) for column in columns)
    free = WIDE - 2 * MARGIN - GAP * (len(columns) - 1)
    scales = [free / wide]
    for column in columns:
        high = sum(pieces[at].size[1] for at in column)
        scales.append((HIGH - 2 * MARGIN - GAP * (len(column) - 1)) / high)
    return min(scales)


def _cost(pieces: Sequence[Piece], columns: Columns) -> float:
    """How bad columns are: small pieces, or pieces far from where they belong on the body."""
    scale = _scale(pieces, columns)
    area = scale**2 * sum(width * height for width, height in (piece.size for piece in pieces))
    spots = _laid(pieces, columns)
    mains = [spot.x for spot, piece in zip(spots, pieces, strict=True) if not piece.kind.side]
    apart = (max(mains) - min(mains)) if mains else 0.0  # a top lies above its bottom
    off = sum(
        (1.2 * (spot.y - piece.kind.level) ** 2 + 0.7 * (2 * abs(spot.x - 0.5) - 0.8 * piece.kind.side) ** 2)
        * (0.4 + piece.size[0] * piece.size[1] * scale**2)
        for spot, piece in zip(spots, pieces, strict=True)
    ) / len(pieces)
    return -area + 1.5 * off + 0.12 * apart


def _laid(pieces: Sequence[Piece], columns: Columns) -> list[Spot]:
    """Spots of columns: side by side in the middle, and in each the pieces near where they belong."""
    scale = min(_scale(pieces, columns), LARGEST / max(SHORTEST**TRUE, *(max(piece.size) for piece in pieces)))
    widths = [max(scale * pieces[at].size[0] for at in column) for column in columns]
    air = (WIDE - 2 * MARGIN - sum(widths)) / (len(columns) + 1)
    gap = min(air, 0.07) if len(columns) > 1 else 0.0
    x = (WIDE - sum(widths) - gap * (len(columns) - 1)) / 2
    spots: dict[int, Spot] = {}
    for column, width in zip(columns, widths, strict=True):
        heights = [scale * pieces[at].size[1] for at in column]
        tops = _stacked([pieces[at].kind.level for at in column], heights)
        for at, top, height in zip(column, tops, heights, strict=True):
            spots[at] = Spot((x + width / 2) / WIDE, (top + height / 2) / HIGH, scale * pieces[at].size[0] / WIDE)
        x += width + gap
    tall = {at: scale * pieces[at].size[1] / HIGH / 2 for at in spots}
    above, below = min(spots[at].y - tall[at] for at in spots), 1 - max(spots[at].y + tall[at] for at in spots)
    return [replace(spots[at], y=spots[at].y + (below - above) / 2) for at in range(len(pieces))]


def _stacked(levels: Sequence[float], heights: Sequence[float]) -> list[float]:
    """Tops of pieces one below the other, each as near to its level as the others let it."""
    begin, end = MARGIN, HIGH - MARGIN
    blocks: list[tuple[float, float, int]] = []  # wanted top of the first, height with gaps, pieces
    for level, height in zip(levels, heights, strict=True):
        wanted = begin + level * (end - begin) - height / 2
        block = (wanted, height, 1)
        while blocks and blocks[-1][0] + blocks[-1][1] + GAP > block[0]:
            before = blocks.pop()
            push = before[1] + GAP
            count = before[2] + block[2]
            top = (before[0] * before[2] + (block[0] - push) * block[2]) / count
            block = (top, before[1] + GAP + block[1], count)
        top = min(max(block[0], begin), end - block[1])
        block = (top, *block[1:])
        while blocks and blocks[-1][0] + blocks[-1][1] + GAP > block[0] + 1e-12:
            before = blocks.pop()
            block = (block[0] - before[1] - GAP, before[1] + GAP + block[1], before[2] + block[2])
        blocks.append(block)
    tops, at = [], 0
    for top, _, count in blocks:
        y = max(top, begin)
        for _ in range(count):
            tops.append(y)
            y += heights[at] + GAP
            at += 1
    return tops


def laid(wall: Wall, item_ids: Sequence[str]) -> list[tuple[str, Spot, Cutout]]:
    """Items of the catalogue with their places and cut-outs."""
    cutouts = [wall.cutout(one) for one in item_ids]
    rows = [wall.catalogue.items.row(wall.row(one), named=True) for one in item_ids]
    pieces = [
        Piece(kind_of(row["category"], row["group"]), made.ratio) for row, made in zip(rows, cutouts, strict=True)
    ]
    return list(zip(item_ids, arrange(pieces), cutouts, strict=True))


def picture(wall: Wall, item_ids: Sequence[str], width: int, paper: str = PAPER) -> Image.Image:
    """A flat lay as an RGB picture, so many pixels wide, `HIGH` / `WIDE` times as high."""
    sheet = Image.new("RGB", (width, round(width * HIGH / WIDE)), paper)
    for _, spot, made in sorted(laid(wall, item_ids), key=lambda one: one[1].layer):
        with Image.open(io.BytesIO(made.picture)) as opened:
            wide = max(1, round(spot.width * width))
            size = wide, max(1, round(wide / made.ratio))
            piece = opened.resize(size, Image.Resampling.LANCZOS, reducing_gap=2)
        corner = round(spot.x * sheet.width - size[0] / 2), round(spot.y * sheet.height - size[1] / 2)
        if made.how == "blend":
            box = (*corner, corner[0] + size[0], corner[1] + size[1])
            piece = ImageChops.multiply(piece.convert("RGB"), sheet.crop(box))
        sheet.paste(piece, corner, piece if piece.mode == "RGBA" else None)
    return sheet
