"""Near names: what may be meant by a name that no item has: another case, a stray space, a typing error, a part."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from functools import cached_property

import polars as pl

NEIGHBOURS = 32
"""Names that are compared on either side, of those that begin alike and of those that end alike."""
LIKE = 0.65
"""Least likeness of a name that is proposed, see `difflib.SequenceMatcher.ratio`."""
LEAST = 3
"""Letters from which on a name may be the beginning of another."""
SORTED = 100_000
"""Names that are put in order for one question; of more, only those with a longer beginning or end in common are."""


class NearNames:
    """The nearest of very many names, found by a few passes over them.

    A typing error leaves the beginning or the end of a name as it is, so that the right one is among the neighbours in
    the order of the names, or in the order of the names read backwards.
    """

    def __init__(self, *names: Collection[str]) -> None:
        self._collections = names

    def same(self, name: str) -> list[str]:
        """The names that are this one but for the case of letters and surrounding blanks, as they are written."""
        key = _key(name)
        plain = [key] if key and any(key in names for names in self._collections) else []
        return [*plain, *self._written.get(key, [])]

    def near(self, name: str, most: int = 3) -> list[str]:
        """Up to so many names that may be meant, the most alike first; empty where none is like it."""
        key = _key(name)
        if not key:
            return []
        both = [_around(self._table, key, backwards) for backwards in (False, True)]
        spelled: dict[str, str] = {}  # as they are compared → as they are written
        for _, written, compared in pl.concat(both).unique("index").sort("index").iter_rows():
            spelled.setdefault(compared, written)
        if key in spelled:  # another case, or stray spaces
            return [spelled[key]]
        begun = [other for other in spelled if len(key) >= LEAST and other.startswith(key)]
        alike = difflib.get_close_matches(key, spelled, n=most, cutoff=LIKE)
        return [spelled[other] for other in [*dict.fromkeys([*alike, *sorted(begun, key=len)])][:most]]

    @cached_property
    def _table(self) -> pl.DataFrame:
        """Names as they are written, and as they are compared (``key``)."""
        names = pl.concat([pl.Series("name", list(each), dtype=pl.String) for each in self._collections])
        key = pl.col("name").str.strip_chars().str.to_lowercase()
        return names.to_frame().with_row_index().with_columns(key=key)

    @cached_property
    def _written(self) -> dict[str, list[str]]:
        """Key → the names with it that are written in another way."""
        written: dict[str, list[str]] = {}
        for name in self._table.filter(pl.col("name") != pl.col("key"))["name"].unique(maintain_order=True):
            written.setdefault(_key(name), []).append(name)
        return written


def _around(table: pl.DataFrame, key: str, backwards: bool) -> pl.DataFrame:
    """The rows on both sides of a key, in the order of the keys, or of the keys read backwards."""
    column = pl.col("key")
    for length in range(1, len(key) + 1):
        if len(table) <= SORTED:
            break
        alike = table.filter(column.str.ends_with(key[-length:]) if backwards else column.str.starts_with(key[:length]))
        if not len(alike):
            table = table if length > 1 else alike  # without a letter in common at this end, the other one must do
            break
        table = alike
    ordered = table.with_columns(order=column.str.reverse() if backwards else column)
    at, order = key[::-1] if backwards else key, pl.col("order")
    before, after = ordered.filter(order < at), ordered.filter(order >= at)
    sides = before.top_k(NEIGHBOURS, by="order"), after.bottom_k(NEIGHBOURS, by="order")
    return pl.concat(sides).drop("order")


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
