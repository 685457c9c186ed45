"""Board: the outfit that a person puts together; all of it is in the address, so that a link shares it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import numpy as np

from goeswith.studio.pages.brief import Brief

RADII = (25, 31, 35.5, 36, 37.5, 38.5, 40, 41, 42, 42.5, 43)
"""Per cent of the drawing from its middle to the middle of each of 2, 3, ... items; studio.css has the same."""
WIDTHS = (36, 31, 29, 24.5, 22, 20, 18, 16.5, 15, 14, 13)
"""Per cent that an item of 2, 3, ... is wide; studio.css has the same."""
TURNS = {2: -0.25, 4: -0.125}
"""How far the ring is turned, so that two items lie side by side and four make a square; studio.css has the same."""
MOST = len(RADII) + 1
"""Items that a board holds."""
LEVELS = (0.1, 0.3, 0.55, 0.8)
"""Shares of the pairs of worn outfits that are worse; they part the five looks of a line, from clash to match."""


def address(path: str, **query: Any) -> str:
    """A path of the studio with its query; lists repeat their name, what is empty is left out."""
    told = {name: value for name, value in query.items() if value not in ("", None, (), [])}
    return f"{path}?{urlencode(told, doseq=True)}" if told else path


def inside_studio(path: str) -> str:
    """The path where it leads back into the studio, else the catalogue: ``//name`` is another host."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/"


@dataclass(frozen=True)
class Board:
    """Item ids on the board, in order, and those of them that stay when others are swapped.

    brief: what is added has to keep to it. look: id of the saved look that this was opened from.
    over: how many of the items that were asked for are left out, because a board holds no more.
    """

    on: tuple[str, ...] = ()
    lock: tuple[str, ...] = ()
    brief: Brief = field(default_factory=Brief)
    look: str = ""
    over: int = field(default=0, compare=False)

    @classmethod
    def of(cls, on: Sequence[str], lock: Sequence[str], brief: Brief = Brief(), look: str = "") -> Board:  # noqa: B008
        """Each item once, and no more than a board holds; `over` counts those that are left out."""
        items = tuple(dict.fromkeys(on))
        kept = items[:MOST]
        held = tuple(dict.fromkeys(item for item in lock if item in kept))
        return cls(kept, held, brief, look, len(items) - len(kept))

    def having(self, on: Sequence[str], lock: Sequence[str] | None = None) -> Board:
        """The same board with other items."""
        return Board.of(on, self.lock if lock is None else lock, self.brief, self.look)

    @property
    def told(self) -> str:
        """Empty, or that items are left out."""
        if not self.over:
            return ""
        left = "one more is" if self.over == 1 else f"{self.over} more are"
        return f"A board holds {MOST} items, so {left} left out; remove one to make room."

    @property
    def full(self) -> bool:
        """Whether nothing more can be put on it."""
        return len(self.on) >= MOST

    @property
    def url(self) -> str:
        """Where this board is."""
        return self.at("/board")

    @property
    def query(self) -> dict[str, Any]:
        """What every address says of it."""
        return {"on": self.on, "lock": self.lock, "look": self.look, **self.brief.query}

    @property
    def fields(self) -> list[tuple[str, str]]:
        """What every form says of it: names and values."""
        listed = {name: [value] if isinstance(value, str) else value for name, value in self.query.items()}
        return [(name, value) for name, values in listed.items() for value in values if value]

    @property
    def carried(self) -> str:
        """The same as one text, for the script."""
        return urlencode(self.fields)

    def at(self, path: str, **more: Any) -> str:
        """A path of the studio that this board goes along to."""
        return address(path, **self.query, **more)

    def plus(self, item_id: str) -> Board:
        """With one more item; the same where it is full."""
        return self.having((*self.on, item_id))

    def without(self, item_id: str) -> Board:
        """Without an item."""
        return self.having([one for one in self.on if one != item_id])

    def toggle(self, item_id: str) -> Board:
        """With the item where it is not on the board, else without it."""
        return self.without(item_id) if item_id in self.on else self.plus(item_id)

    def put(self, old: str, new: str) -> Board:
        """With one item at the place of another."""
        return self.having([new if one == old else one for one in self.on])

    def hold(self, item_id: str) -> Board:
        """With an item that stays."""
        return self.having(self.on, (*self.lock, item_id))

    def free(self, item_id: str) -> Board:
        """With an item that may go again."""
        return self.having(self.on, [one for one in self.lock if one != item_id])

    @property
    def cleared(self) -> Board:
        """What is left when it is cleared: what stays."""
        return Board(self.lock, self.lock, self.brief)

    def swapping(self, item_id: str) -> str:
        """Where others are offered for one item."""
        return self.at("/board", swap=item_id)


def board_of(query: Any) -> Board:
    """The board that an address or a form says (a multidict)."""
    return Board.of(query.getlist("on"), query.getlist("lock"), Brief.of(query), str(query.get("look", "")))


@dataclass(frozen=True)
class Line:
    """A pair on the drawing of 1000 × 1000. level: 0 clashes ... 4 goes well. pair: places of its items."""

    x1: float
    y1: float
    x2: float
    y2: float
    level: int
    weakest: bool
    words: str
    pair: tuple[int, int]


@dataclass(frozen=True)
class Drawing:
    """Lines of all pairs, strong ones last and so on top, and where the weakest one is flagged.

    compared: whether their looks say how well pairs go; else all are alike.
    """

    lines: list[Line]
    flag: dict[str, float] | None
    compared: bool


def places(count: int) -> np.ndarray:
    """Middles (count, 2) of the items on the drawing, clockwise from the top."""
    if count < 2:
        return np.full((count, 2), 500.0)
    radius = 10 * RADII[min(count, MOST) - 2]
    angles = 2 * math.pi * (np.arange(count) / count + TURNS.get(count, 0.0))
    return 500 + radius * np.stack([np.sin(angles), -np.cos(angles)], axis=1)


def draw(names: Sequence[str], ahead: np.ndarray, weakest: tuple[int, int] | None) -> Drawing:
    """The pairs of a board as lines.

    Args:
        names: one an item. ahead: (n, n) share of worn pairs that are worse, NaN = unknown. weakest: the pair to flag.
    """
    at, lines = places(len(names)), []
    for i in range(len(names)):
        for j in range(i + 1, len(names)):
            told = float(ahead[i, j])
            words = f"{names[i]} and {names[j]}" + (
                "" if math.isnan(told) else f": better than {100 * told:.0f} % of worn pairs"
            )
            level = 2 if math.isnan(told) else int(np.searchsorted(LEVELS, told, side="right"))
            (x1, y1), (x2, y2) = at[[i, j]].round(1).tolist()
            lines.append(Line(x1, y1, x2, y2, level, len(names) > 2 and weakest == (i, j), words, (i, j)))
    lines.sort(key=lambda line: (line.weakest, line.level))
    compared = bool(np.isfinite(ahead).any())
    if weakest is None or len(names) < 3:
        return Drawing(lines, None, compared)
    (x, y), (to_x, to_y) = _free(at, *weakest).round(1).tolist()
    return Drawing(lines, {"x": x, "y": y, "to_x": to_x, "to_y": to_y}, compared)


def _free(at: np.ndarray, first: int, second: int) -> np.ndarray:
    """A place for the flag that no item covers, and the point of the line that it belongs to (2, 2).

    The place is on the line, else beside it, as near as may be.

    Neighbours on a large board leave no room between them; towards the middle there always is some.
    """
    along = np.array([0.5, 0.42, 0.58, 0.34, 0.66])[:, None, None]
    inwards = np.array([0.0, 0.15, 0.3, 0.45])[:, None]
    spots = at[first] * (1 - along) + at[second] * along  # (5, 1, 2)
    points = np.repeat(spots, len(inwards), axis=1).swapaxes(0, 1).reshape(-1, 2)
    spots = (spots + (500 - spots) * inwards).swapaxes(0, 1).reshape(-1, 2)  # those on the line first
    wide = 5 * WIDTHS[min(len(at), MOST) - 2]
    # In units of what an item with its name and the flag need, so that 1 is free. Photos are up to 1.5 times as high.
    apart = np.abs(spots[:, None] - at) / np.array([wide + 90, 1.5 * wide + 60])  # (20, n, 2)
    room = apart.max(axis=2).min(axis=1)
    best = int(np.argmax(np.minimum(room, 1)))
    return np.stack([spots[best], points[best]])
