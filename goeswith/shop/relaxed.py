"""Relaxed: what would be left without one of several conditions, in words, for an answer that found nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from goeswith.data.filters import Filters

Count = Callable[[Filters, bool], int]
"""How many there are under some filters, and whether only of the season and gender of the outfit (coherent)."""
COHERENT = "season and gender of the outfit"


def listed(words: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def asked(filters: Filters, coherent: bool = False) -> str:
    """All conditions: ``colour black and price up to 20``; empty where there are none."""
    return listed([*filters.parts().values(), *([COHERENT] if coherent else [])])


def without_each(filters: Filters, coherent: bool, count: Count) -> str:
    """How many there would be without each condition, those with the most first.

    Such as ``12 would without price up to 20, none without colour black``; empty where no condition is set, or where
    there would be none without all of them.
    """
    conditions = [(words, count(filters.without(name), coherent)) for name, words in filters.parts().items()]
    if coherent and ((alone := count(filters, False)) or not conditions):
        conditions.append((COHERENT, alone))
    if not any(number for _, number in conditions):
        everything = count(Filters(), False) if len(conditions) > 1 else 0
        return f"none would without one of them, {everything:,} would without all" if everything else ""
    if len(filters.parts()) + coherent == 1:
        return f"{conditions[0][1]:,} would without it"
    (first, most), *others = sorted(conditions, key=lambda condition: -condition[1])
    more = [f"{number:,} without {words}" if number else f"none without {words}" for words, number in others]
    return ", ".join([f"{most:,} would without {first}", *more])
