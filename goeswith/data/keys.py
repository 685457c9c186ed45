"""Keys: columns by which items share a pool, or parts of them such as ``id[:2]``, the first two letters of an id."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import polars as pl

from goeswith.data.catalogue import Catalogue
from goeswith.data.shelf import nearest, shelf
from goeswith.errors import ConfigError

ID = "id"
"""What a key calls the column ``item_id``."""
_KEY = re.compile(r"(?P<column>[^\[\]:,]+?)(\[(?P<start>-?\d*):(?P<stop>-?\d*)\])?")


def parse_keys(text: str) -> tuple[str, ...]:
    """The keys of a list such as ``season,id[:2]``.

    Raises:
        ConfigError: one is not written as a column or as ``COLUMN[START:STOP]``, or is there twice.
    """
    keys = tuple(key.strip() for key in text.split(","))
    for key in keys:
        if not _KEY.fullmatch(key):
            raise ConfigError(
                f"{key!r} is not a key; write a column, or a part of one such as id[:2] or collection[-4:]"
            )
    if len(set(keys)) < len(keys):
        raise ConfigError(f"{text!r} names a key twice; name each once")
    return keys


def key_values(catalogue: Catalogue, key: str) -> pl.Series:
    """The text (U,) that each item has for a key; null where it has none.

    Raises:
        ConfigError: the catalogue has no such column.
    """
    match = _KEY.fullmatch(key)
    column = match["column"] if match else key
    columns = catalogue.items.columns
    known = shelf(catalogue).column("item_id" if column.lower() == ID and ID not in columns else column)
    if known is None:
        raise ConfigError(f"the catalogue has no column {column!r} to match by; {nearest(column, columns)}")
    column = known
    values = catalogue.items[column].cast(pl.String)
    if match is None or match["start"] is None:
        return values
    part = slice(*(int(end) if end else None for end in (match["start"], match["stop"])))
    return values.map_elements(lambda text: text[part], return_dtype=pl.String)


def key_codes(catalogue: Catalogue, keys: Sequence[str]) -> np.ndarray:
    """(U,) int64 from 0 on: items that agree in all keys share a number; a missing value is one of its own.

    Raises:
        ConfigError: the catalogue has no such column.
    """
    codes = np.zeros(len(catalogue), np.int64)
    for key in keys:
        ranks = key_values(catalogue, key).rank("dense").fill_null(0).to_numpy().astype(np.int64)
        codes = np.unique(codes * (ranks.max(initial=0) + 1) + ranks, return_inverse=True)[1].reshape(-1)
    return codes.astype(np.int64)
