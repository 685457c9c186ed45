"""Records: what a catalogue says about items apart from what they look like: columns and derived values.

Columns are all that the catalogue has apart from titles and picture names. Derived are beginnings and ends of ids,
their digits as numbers, dates as days, and of each picture its size, its bytes and the colour of its border.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from goeswith.data.picture_facts import picture_facts

if TYPE_CHECKING:
    from goeswith.data.dataset import Dataset

_LEFT_OUT = ("title", "image", "item_id")
_LONGEST_BEGINNING = 6
_SHADES = 8  # of each colour of a border, where borders are counted like the values of a column


@dataclass(frozen=True)
class Records:
    """What is known of the items, by row.

    codes: name → (U,) int64 from 0 on, a missing value is one of its own. numbers: name → (U, d) float64, of d
    dimensions, each with mean 0 and deviation 1; a missing number is the mean. of_ids: which names are parts of ids.
    """

    codes: dict[str, np.ndarray]
    numbers: dict[str, np.ndarray]
    of_ids: frozenset[str] = frozenset()


def records_of(dataset: Dataset) -> Records:
    """The columns of a catalogue, of its ids and of its pictures that say something: some items differ, some agree."""
    items, facts = dataset.catalogue.items, picture_facts(dataset)
    texts = {name: items[name].cast(pl.String) for name in items.columns if name not in _LEFT_OUT}
    texts |= (parts := _parts_of_ids(items["item_id"]))
    border = facts.select("border_red", "border_green", "border_blue")
    texts["border colour"] = border.select(pl.concat_str((pl.all() / (256 / _SHADES)).cast(pl.Int64), separator=" "))[
        "border_red"
    ]
    texts["picture size"] = facts.select(pl.concat_str("width", "height", separator=" × "))["width"]
    numbers = {name: items[name] for name, kind in items.schema.items() if kind.is_numeric()}
    numbers |= _days(items) | (digits := _digits(items["item_id"]))
    numbers |= {
        "picture width": facts["width"],
        "picture height": facts["height"],
        "file size": facts["kilobytes"].log(),
    }
    measured = {name: values.cast(pl.Float64).to_numpy()[:, None] for name, values in numbers.items()}
    measured["border colour"] = border.to_numpy()
    codes = {name: coded for name, text in texts.items() if (coded := _codes(text)) is not None}
    scaled = {
        name: scaled_values for name, column in measured.items() if (scaled_values := _scaled(column)) is not None
    }
    return Records(_different(codes), _different(scaled), frozenset({*parts, *digits}))


def _different(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The values without those that repeat earlier ones under another name."""
    distinct: dict[str, np.ndarray] = {}
    for name, own in values.items():
        if not any(own.shape == other.shape and np.allclose(own, other) for other in distinct.values()):
            distinct[name] = own
    return distinct


def _codes(values: pl.Series) -> np.ndarray | None:
    codes = values.rank("dense").fill_null(0).to_numpy().astype(np.int64)
    distinct = len(np.unique(codes))
    return codes if 1 < distinct <= len(codes) / 2 else None


def _scaled(values: np.ndarray) -> np.ndarray | None:
    """Values (U, d) with mean 0 and deviation 1; None where all are the same."""
    if not np.isfinite(values).any():
        return None
    values = np.where(np.isfinite(values), values, np.nan)
    centred = np.nan_to_num(values - np.nanmean(values, axis=0))
    deviation = centred.std(axis=0)
    return centred[:, deviation > 0] / deviation[deviation > 0] if (deviation > 0).any() else None


def _parts_of_ids(ids: pl.Series) -> dict[str, pl.Series]:
    """Beginnings of ids, and what follows their last sign that is neither letter nor digit."""
    longest = min(_LONGEST_BEGINNING, max(map(len, ids), default=0) - 1)
    parts = {f"id[:{length}]": ids.str.slice(0, length) for length in range(1, longest + 1)}
    ends = ids.str.extract(r"[^0-9A-Za-z]([0-9A-Za-z]+)$")
    return parts | ({"end of id": ends} if ends.count() else {})


def _digits(ids: pl.Series) -> dict[str, pl.Series]:
    """The first run of digits of an id as a number, and its last four digits."""
    digits = ids.str.extract(r"(\d+)")
    last = digits.str.slice(-4)
    return {
        "number in id": digits.str.slice(0, 15).cast(pl.Float64, strict=False),
        "last four digits of id": last.cast(pl.Float64, strict=False),
    }


def _days(items: pl.DataFrame) -> dict[str, pl.Series]:
    """Columns that hold dates, as days."""
    days = {}
    for name, kind in items.schema.items():
        values = items[name]
        if kind == pl.String and name not in _LEFT_OUT:
            if not re.fullmatch(r"\d{4}-\d\d-\d\d.*", str(values.drop_nulls().first())):
                continue
            values = values.str.slice(0, 10).str.to_date(strict=False)
        elif not kind.is_temporal():
            continue
        days[name] = values.cast(pl.Date, strict=False).cast(pl.Int32)
    return days
