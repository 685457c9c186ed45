"""Board: the outfit that a user puts together; all of it is in the URL, so that a link shares it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

import numpy as np

from goeswith.studio.pages.arrangement import HIGH, WIDE, Spot
from goeswith.studio.pages.brief import Brief

MOST = 12
"""Items that a board holds."""
FLAG = 110.0
"""Half as wide as the flag on a clash, with room, so that it is not clipped."""
LEVELS = (0.1, 0.3, 0.55, 0.8)
"""Shares of the pairs of real outfits that are worse; they part the five looks of a line, from clash to match."""


def address(path: str, **query: Any) -> str:
    """A path of the studio with its query; lists repeat their name, what is empty is left out."""
    present = {name: value for name, value in query.items() if value not in ("", None, (), [])}
    return f"{path}?{urlencode(present, doseq=True)}" if present else path


def inside_studio(path: str) -> str:
    """The path where it leads back into the studio, else the catalogue: ``//name`` is another host."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/"


@dataclass(frozen=True)
class Board:
    """Item ids on the board, in order, and those of them that stay when others are swapped.

    brief: what is added has to keep to it. look: id of the saved look that this was opened from.
    lay: where somebody put items, by id. over: how many of the items that were asked for are left out, because a board
    holds no more. hidden: how many are left out because they are photos of other browsers.
    """

    on: tuple[str, ...] = ()
    lock: tuple[str, ...] = ()
    brief: Brief = field(default_factory=Brief)
    look: str = ""
    lay: tuple[tuple[str, Spot], ...] = ()
    over: int = field(default=0, compare=False)
    hidden: int = field(default=0, compare=False)

    @classmethod
    def of(
        cls,
        on: Sequence[str],
        lock: Sequence[str],
        brief: Brief = Brief(),  # noqa: B008
        look: str = "",
        lay: Mapping[str, Spot] | None = None,
    ) -> Board:
        """Each item once, and no more than a board holds; `over` counts those that are left out."""
        items = tuple(dict.fromkeys(on))
        first = items[:MOST]
        locked = tuple(dict.fromkeys(item for item in lock if item in first))
        spots = tuple((item, spot) for item, spot in (lay or {}).items() if item in first)
        return cls(first, locked, brief, look, spots, len(items) - len(first))

    def having(self, on: Sequence[str], lock: Sequence[str] | None = None) -> Board:
        """The same board with other items."""
        return Board.of(on, self.lock if lock is None else lock, self.brief, self.look, dict(self.lay))

    @property
    def overflow(self) -> str:
        """Empty, or that items are left out, and why."""
        sentences = []
        if self.over:
            left = "one more is" if self.over == 1 else f"{self.over} more are"
            sentences.append(f"A board holds {MOST} items, so {left} left out; remove one to make room.")
        if self.hidden == 1:
            sentences.append("A photo on this board can only be seen in the browser that sent it, so it is left out.")
        elif self.hidden:
            sentences.append(
                f"{self.hidden} photos here can only be seen in the browsers that sent them; they are left out."
            )
        return " ".join(sentences)

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
        lay = tuple(f"{spot}.{item}" for item, spot in self.lay)
        return {"on": self.on, "lock": self.lock, "look": self.look, "lay": lay, **self.brief.query}

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
        return self.having([other for other in self.on if other != item_id])

    def toggle(self, item_id: str) -> Board:
        """With the item where it is not on the board, else without it."""
        return self.without(item_id) if item_id in self.on else self.plus(item_id)

    def put(self, old: str, new: str) -> Board:
        """With one item at the place of another."""
        lay = {
            new if item_id == old else item_id: replace(spot, width=0.0) if item_id == old else spot
            for item_id, spot in self.lay
        }
        return replace(self, lay=tuple(lay.items())).having([new if item_id == old else item_id for item_id in self.on])

    @property
    def tidy(self) -> Board:
        """With all items where they lie by themselves."""
        return replace(self, lay=())

    def hold(self, item_id: str) -> Board:
        """With an item that stays."""
        return self.having(self.on, (*self.lock, item_id))

    def free(self, item_id: str) -> Board:
        """With an item that may go again."""
        return self.having(self.on, [other for other in self.lock if other != item_id])

    @property
    def cleared(self) -> Board:
        """What is left when it is cleared: what stays."""
        return Board(self.lock, self.lock, self.brief)

    def swapping(self, item_id: str) -> str:
        """Where others are offered for one item."""
        return self.at("/board", swap=item_id)


def board_of(query: Any) -> Board:
    """The board that an address or a form says (a multidict)."""
    lay = lay_of(query.getlist("lay"))
    return Board.of(query.getlist("on"), query.getlist("lock"), Brief.of(query), str(query.get("look", "")), lay)


def lay_of(texts: Sequence[str]) -> dict[str, Spot]:
    """Where items lie, as an address says it; what cannot be read is left to lie by itself."""
    parted = [text.split(".", 4) for text in texts[:MOST]]
    read = {parts[4]: Spot.of(".".join(parts[:4])) for parts in parted if len(parts) == 5}
    return {item: spot for item, spot in read.items() if spot is not None}


@dataclass(frozen=True)
class Line:
    """A pair on the drawing of 900 × 1000. level: 0 clashes ... 4 goes well. pair: places of its items."""

    x1: float
    y1: float
    x2: float
    y2: float
    level: int
    words: str
    pair: tuple[int, int]


@dataclass(frozen=True)
class Drawing:
    """Lines of all pairs, strong ones last and so on top, and the worst one's flag, where that one clashes.

    compared: whether their looks say how well pairs go; else all are alike.
    """

    lines: list[Line]
    flag: tuple[float, float] | None
    compared: bool


def draw(names: Sequence[str], ahead: np.ndarray, spots: Sequence[Spot]) -> Drawing:
    """The pairs of a board as lines.

    Args:
        names: one an item. ahead: (n, n) share of worn pairs that are worse, NaN = unknown. spots: where items lie.
    """
    lines = []
    at = [(round(1000 * WIDE * spot.x, 1), round(1000 * HIGH * spot.y, 1)) for spot in spots]
    for i in range(len(names)):
        for j in range(i + 1, len(names)):
            share = float(ahead[i, j])
            words = f"{names[i]} and {names[j]}" + (
                "" if math.isnan(share) else f": better than {100 * share:.0f} % of worn pairs"
            )
            level = 2 if math.isnan(share) else int(np.searchsorted(LEVELS, share, side="right"))
            lines.append(Line(*at[i], *at[j], level, words, (i, j)))
    compared = bool(np.isfinite(ahead).any())
    flag = None
    if compared:
        i, j = (int(axis_index) for axis_index in np.unravel_index(np.nanargmin(ahead), ahead.shape))
        if ahead[i, j] < LEVELS[0]:
            x, y = ((a + b) / 2 for a, b in zip(at[i], at[j], strict=True))
            flag = (min(max(x, FLAG), 1000 * WIDE - FLAG), y)
    return Drawing(sorted(lines, key=lambda line: line.level), flag, compared)
