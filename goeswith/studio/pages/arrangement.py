"""Arrangement: positions and sizes of the pieces of an outfit on a flat lay, without overlap."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from goeswith.studio.pages.garment_sizes import Kind

WIDE, HIGH = 0.9, 1.0
"""Sides of what they lie on."""
MARGIN, GAP = 0.035, 0.028
"""Around all of them, and between two."""
TRUE = 0.62
"""Power of a garment's length: at 1 earrings beside a coat would be dots."""
LARGEST, SHORTEST = 0.64, 45.0
"""Of the longer side that one piece may take, and centimetres that it has for that: rings alone are not as large."""
LAYERS = 99
"""The uppermost."""
STEPS = 3
"""Rounds in which each piece tries every place."""


@dataclass(frozen=True)
class Piece:
    """What lies there. ratio: width over height of its picture."""

    kind: Kind
    ratio: float

    @cached_property
    def size(self) -> tuple[float, float]:
        """Width and height beside other pieces."""
        long = self.kind.length**TRUE
        # A garment that is folded or photographed with its handle up is not larger for it.
        return (long, long / self.ratio) if self.ratio >= 1 else (long * self.ratio, long)


@dataclass(frozen=True)
class Spot:
    """Where a piece lies: its middle and its width as shares of the sides, and its layer; no width: the usual one."""

    x: float
    y: float
    width: float = 0.0
    layer: int = 0

    def __str__(self) -> str:
        """As an address has it, in thousandths."""
        return ".".join(str(round(1000 * value)) for value in (self.x, self.y, self.width)) + f".{self.layer}"

    @classmethod
    def of(cls, text: str) -> Spot | None:
        """What `str` wrote; None where it is something else."""
        parts = text.split(".")
        if len(parts) != 4 or not all(part.isdecimal() and len(part) < 5 for part in parts):
            return None
        x, y, width, layer = map(int, parts)
        return cls(min(x, 1000) / 1000, min(y, 1000) / 1000, min(width, 900) / 1000, min(layer, LAYERS))


Columns = tuple[tuple[int, ...], ...]


def arrange(pieces: Sequence[Piece]) -> list[Spot]:
    """A place for each of some pieces: columns in the order of the body, as large as fits.

    The same pieces always lie alike.
    """
    return list(_arranged(tuple(pieces)))


@lru_cache(4096)
def _arranged(pieces: tuple[Piece, ...]) -> tuple[Spot, ...]:
    if not pieces:
        return ()
    best: tuple[float, Columns] | None = None
    for count in range(1 + (len(pieces) > 3) + (len(pieces) > 7), min(3 + (len(pieces) > 7), len(pieces)) + 1):
        columns = _improved(pieces, _begun(pieces, count))
        candidate = _cost(pieces, columns, math.inf), columns
        if best is None or candidate[0] < best[0] - 1e-9:
            best = candidate
    assert best is not None
    return tuple(_laid(pieces, best[1]))


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
    cost = _cost(pieces, columns, math.inf)
    for _ in range(STEPS):
        before = cost
        for at in range(len(pieces)):
            for other in _moves(pieces, columns, at):
                if (moved_cost := _cost(pieces, other, cost)) < cost - 1e-9:
                    cost, columns = moved_cost, other
        if cost >= before - 1e-9:
            break
    return columns


def _moves(pieces: Sequence[Piece], columns: Columns, at: int) -> list[Columns]:
    source = next(number for number, column in enumerate(columns) if at in column)
    moves = []
    for target in range(len(columns)):
        if target == source:
            continue
        without = [[index for index in column if index != at] for column in columns]
        moves.append(_ordered(pieces, [[*c, at] if n == target else c for n, c in enumerate(without)]))
        for other in columns[target]:
            swapped = {at: other, other: at}
            moves.append(_ordered(pieces, [[swapped.get(index, index) for index in column] for column in columns]))
    return moves


def _scale(pieces: Sequence[Piece], columns: Columns) -> float:
    """How large the unit of `Piece.size` may be for all columns to fit."""
    wide = sum(max(pieces[at].size[0] for at in column) for column in columns)
    free = WIDE - 2 * MARGIN - GAP * (len(columns) - 1)
    scales = [free / wide]
    for column in columns:
        high = sum(pieces[at].size[1] for at in column)
        scales.append((HIGH - 2 * MARGIN - GAP * (len(column) - 1)) / high)
    return min(scales)


def _cost(pieces: Sequence[Piece], columns: Columns, most: float) -> float:
    """How bad columns are: small pieces, or pieces far from where they belong on the body. From `most` on, any cost."""
    scale = _scale(pieces, columns)
    area = scale**2 * sum(width * height for width, height in (piece.size for piece in pieces))
    if -area >= most:
        return most
    spots = _laid(pieces, columns)
    mains = [spot.x for spot, piece in zip(spots, pieces, strict=True) if not piece.kind.side]
    apart = (max(mains) - min(mains)) if mains else 0.0  # a top lies above its bottom
    off = sum(
        (1.2 * (spot.y - piece.kind.level) ** 2 + 0.7 * (2 * abs(spot.x - 0.5) - 0.8 * piece.kind.side) ** 2)
        * (0.4 + piece.size[0] * piece.size[1] * scale**2)
        for spot, piece in zip(spots, pieces, strict=True)
    ) / len(pieces)
    return -area + 1.5 * off + 0.6 * apart


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
        top_of_first = begin + level * (end - begin) - height / 2
        block = (top_of_first, height, 1)
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


def completed(pieces: Sequence[Piece], fixed: Sequence[Spot | None]) -> list[Spot]:
    """Places for pieces of which somebody put some where they are; the others go where there is room."""
    if not any(fixed):
        return arrange(pieces)
    scales = [s.width * WIDE / p.size[0] for p, s in zip(pieces, fixed, strict=True) if s and s.width]
    scale = sorted(scales)[len(scales) // 2] if scales else 0.25 / SHORTEST**TRUE
    spots = [s and replace(s, width=s.width or scale * p.size[0] / WIDE) for p, s in zip(pieces, fixed, strict=True)]
    top = max(spot.layer for spot in spots if spot)
    for at, piece in enumerate(pieces):
        if spots[at] is None:
            occupied = [_box(pieces[other], spot) for other, spot in enumerate(spots) if spot]
            top += 1
            spots[at] = replace(_free_spot(piece, occupied, scale), layer=min(top, LAYERS))
    return [spot for spot in spots if spot]


def _box(piece: Piece, spot: Spot) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a piece."""
    wide = spot.width * WIDE / 2
    high = wide / piece.ratio
    return spot.x * WIDE - wide, spot.y * HIGH - high, spot.x * WIDE + wide, spot.y * HIGH + high


def _free_spot(piece: Piece, occupied: Sequence[tuple[float, float, float, float]], scale: float) -> Spot:
    """Where a piece covers nothing, near its level on the body; smaller where there is no such place."""
    grid = [(x / 24, y / 24) for y in range(1, 24) for x in range(1, 24)]
    grid.sort(key=lambda at: (abs(at[1] - piece.kind.level) + 0.3 * abs(2 * abs(at[0] - 0.5) - piece.kind.side), at))
    spot = Spot(0.5, piece.kind.level)
    for share in (1.0, 0.8, 0.65, 0.5, 0.4):
        for x, y in grid:
            spot = Spot(x, y, share * scale * piece.size[0] / WIDE)
            left, upper, right, lower = _box(piece, spot)
            inside = (
                left >= MARGIN / 2 and upper >= MARGIN / 2 and right <= WIDE - MARGIN / 2 and lower <= HIGH - MARGIN / 2
            )
            if inside and all(right < x1 or x2 < left or lower < y1 or y2 < upper for x1, y1, x2, y2 in occupied):
                return spot
    return replace(spot, x=0.5, y=piece.kind.level)
