"""Coherence: which items match the season and the gender of an outfit."""

from __future__ import annotations

import re

import numpy as np

from goeswith.data.filters import Filters
from goeswith.data.shelf import Shelf

COLUMNS = {"season": "seasons", "gender": "genders"}
"""Columns that an outfit keeps to → the filter that overrides them."""
NEUTRAL = re.compile(
    r"\s*|uni(sex)?|all(\W*(the\W+)?(year|seasons?|genders?|sexes)(\W*round)?)?|any|both|none|neutral|unknown|n/?a|"
    r"year\W*round|continuity|core|basic",
    re.IGNORECASE,
)
"""Values that go with every other."""


def agreeing(shelf: Shelf, outfit: np.ndarray, rows: np.ndarray, filters: Filters) -> np.ndarray:
    """(m,) bool: which rows (m,) agree with the season and the gender of an outfit, rows (n,).

    An item agrees with what any of them says: a value agrees with another that has a word in common (``spring/summer``
    with ``summer``), and no value and neutral ones agree with all. A column that the filters are about is left to them.
    """
    fine = np.ones(len(rows), bool)
    for column, name in COLUMNS.items():
        codes, vocabulary = shelf.codes(column)
        worn = {value for value in shelf.values(column, outfit) if value is not None and not NEUTRAL.fullmatch(value)}
        if not worn or getattr(filters, name):
            continue
        words = set().union(*map(_words, worn))
        passing = [value in worn or bool(NEUTRAL.fullmatch(value) or words & _words(value)) for value in vocabulary]
        fine &= np.array([*passing, True])[codes[rows]]  # the last one, code −1, is null
    return fine


def _words(value: str) -> set[str]:
    return set(re.findall(r"\w+", value.casefold()))
