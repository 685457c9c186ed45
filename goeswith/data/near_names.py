"""Near names: what may be meant by a name that no item has: another case, a stray space, a typing error, a part."""

from __future__ import annotations

import difflib
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
import polars as pl

NEIGHBOURS = 32
"""Names that are compared on either side, of those that begin alike and of those that end alike."""
LIKE = 0.65
"""Least likeness of a name that is proposed, see `difflib.SequenceMatcher.ratio`."""
LEAST = 3
"""Letters from which on a name may be the beginning of another."""


class NearNames:
    """The nearest of very many names; sorted when the first one is looked for, and read in a few places after that.

    A typing error leaves the beginning or the end of a name as it is, so that the right one is among the neighbours in
    the order of the names, or in the order of the names read backwards.
    """

    def __init__(self, *names: Iterable[str]) -> None:
        self._iterables = names

    def near(self, name: str, most: int = 3) -> list[str]:
        """Up to so many names that may be meant, the most alike first; empty where none is like it."""
        key = _key(name)
        if not key:
            return []
        spelled: dict[str, str] = {}  # as they are compared → as they are written
        for index in sorted({*self._around(key, self._forward, 1), *self._around(key[::-1], self._backward, -1)}):
            spelled.setdefault(_key(self._names[index]), self._names[index])
        if key in spelled:  # another case, or stray spaces
            return [spelled[key]]
        begun = [other for other in spelled if len(key) >= LEAST and other.startswith(key)]
        alike = difflib.get_close_matches(key, spelled, n=most, cutoff=LIKE)
        return [spelled[other] for other in [*dict.fromkeys([*alike, *sorted(begun, key=len)])][:most]]

    def _around(self, key: str, order: np.ndarray, step: int) -> list[int]:
        """Indices of the names on both sides of a key. order: of the names, read backwards where `step` is −1."""
        at = bisect_left(order, key, key=lambda index: _key(self._names[index])[::step])
        return order[max(at - NEIGHBOURS, 0) : at + NEIGHBOURS].tolist()

    @cached_property
    def _names(self) -> Sequence[str]:
        return [name for names in self._iterables for name in names]

    @cached_property
    def _forward(self) -> np.ndarray:
        return self._keys.arg_sort().to_numpy()

    @cached_property
    def _backward(self) -> np.ndarray:
        return self._keys.str.reverse().arg_sort().to_numpy()

    @property
    def _keys(self) -> pl.Series:
        return pl.Series(self._names, dtype=pl.String).str.strip_chars().str.to_lowercase()


def _key(name: str) -> str:
    """A name as it is compared."""
    return name.strip().lower()


def meant(names: Sequence[str]) -> str:
    """The question whether one of some names is meant; what to do where there are none."""
    listed = [repr(name) for name in names]
    return (
        f"did you mean {' or '.join(filter(None, [', '.join(listed[:-1]), *listed[-1:]]))}?"
        if listed
        else "check the id"
    )
