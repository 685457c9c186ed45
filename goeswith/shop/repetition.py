"""Repetition: what a look has in common with the looks of a catalogue that were made before it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import combinations

Pieces = tuple[int, ...]
"""Products of a look, its anchor first."""


class Repetition:
    """The looks of a catalogue so far, and how much of them another one repeats."""

    def __init__(self) -> None:
        self._pairs: set[Pieces] = set()
        self._looks: set[Pieces] = set()
        self._parts: set[Pieces] = set()  # of what each look adds: all of two pieces, all but one of more
        self._having: dict[int, set[int]] = defaultdict(set)  # product → numbers of the looks that have it
        self._adding: dict[int, set[int]] = defaultdict(set)

    def pairs(self, look: Pieces) -> int:
        """How many pairs of a look's pieces another look has, too."""
        return sum(pair in self._pairs for pair in combinations(sorted(look), 2))

    def take(self, look: Pieces, apart: bool = False, alike: bool = False) -> bool:
        """Count a look among the others, unless it repeats too much of one of them; whether it was counted.

        Refused is a look that lies within another, or another within it, and one that adds what another adds, or all
        but one of three pieces or more. apart: and one that has two pieces of another. alike: only one that lies
        within another, or another within it.
        """
        if apart and self.pairs(look):
            return False
        whole, added = tuple(sorted(look)), tuple(sorted(look[1:]))
        parts = set(combinations(added, max(len(added) - 1, 2)))
        if _overlap(whole, [whole], self._looks, self._having):
            return False
        if not alike and _overlap(added, parts, self._parts, self._adding):
            return False
        number = len(self._looks)
        self._pairs.update(combinations(whole, 2))
        self._looks.add(whole)
        self._parts |= parts
        for products, looks in ((whole, self._having), (added, self._adding)):
            for product in products:
                looks[product].add(number)
        return True


def _overlap(pieces: Pieces, parts: Iterable[Pieces], others: set[Pieces], looks: Mapping[int, set[int]]) -> bool:
    """Whether some pieces contain one of the others, or one of the parts of these pieces is in another look.

    looks: product → numbers of the looks that have it.
    """
    if any(part in others for size in range(2, len(pieces) + 1) for part in combinations(pieces, size)):
        return True
    return any(set.intersection(*sorted((looks[product] for product in part), key=len)) for part in parts)
