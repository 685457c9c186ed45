"""Headers: renames the columns of an export to ours, from any of their published spellings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from goeswith.data.cells import UNKNOWN, ids, words
from goeswith.data.columns import nearest_header
from goeswith.data.garments import fold
from goeswith.errors import ConfigError, DataError

OR = " or "
"""Between the headers that one of our columns was taken from."""
CODES = "ar bg ca cs da de el en es et fi fr ga he hr hu is it ja ko lt lv mt nl no pl pt ro ru sk sl sr sv tr uk zh"
LANGUAGES = frozenset(CODES.split())
"""What headers and files may end in if a feed is in several languages."""
CODE_FIELDS = ("product_id", "variant_id", "gtin", "id", "parent")
"""Our columns of ids, SKUs and barcodes."""
Spellings = Mapping[str, str]
"""Our name → spellings of theirs as `key` writes them, blanks between them; the first that says something counts."""


class Columns(NamedTuple):
    """A table of text under our names, and which of ours was taken from which of theirs."""

    table: pl.DataFrame
    taken: dict[str, str]


def key(header: str) -> str:
    """A header in one spelling: ``Body (HTML)`` is body_html, ``g:image_link`` and ``image link`` are image_link."""
    return re.sub(r"[^a-z0-9]+", "_", fold(header).strip().removeprefix("g:")).strip("_")


def keys(columns: Sequence[str]) -> set[str]:
    """All headers of a table, see `key`; those in a language also without it."""
    return {key(column) for column in columns} | {named[0] for column in columns if (named := language_of(column))}


def language_of(header: str) -> tuple[str, str] | None:
    """``title_de`` and ``title:de-AT`` are title in de; None where a header ends in no language."""
    match = re.fullmatch(r"(.+?)_([a-z]{2})(?:_[a-z]{2,4})?", key(header))
    return (match[1], match[2]) if match and match[2] in LANGUAGES else None


def under_our_names(table: pl.DataFrame, spellings: Spellings, chosen: Mapping[str, str], where: Path) -> Columns:
    """Take the columns that are known; of ours that have none, a column of null.

    Args:
        chosen: our name → a header, which counts before the spellings.

    Raises:
        ConfigError: a chosen header is not there, or chosen for a field that we do not have.
    """
    if unknown := [field for field in chosen if field not in spellings]:
        near = nearest_header(unknown[0], list(spellings))
        hint = f"did you mean {near!r}?" if near else f"its fields are: {', '.join(spellings)}"
        raise ConfigError(f"there is no field {unknown[0]!r} to read {chosen[unknown[0]]!r} into; {hint}")
    absent = [header for header in chosen.values() if header not in table.columns]
    if absent:
        nearest = {header: nearest_header(header, table.columns) for header in absent}
        hints = "".join(f"; did you mean {name!r} instead of {header!r}?" for header, name in nearest.items() if name)
        raise ConfigError(f"{where} has no column {' and '.join(map(repr, absent))} that is mapped{hints}")
    column_of = {key(column): column for column in reversed(table.columns)}
    taken: dict[str, str] = {}
    series = []
    for field, known_headers in spellings.items():
        headers = (
            [chosen[field]]
            if field in chosen
            else [column_of[name] for name in known_headers.split() if name in column_of]
        )
        values = pl.Series(field, [None] * len(table), dtype=pl.String)
        for header in headers:
            values = values.fill_null(ids(table[header], UNKNOWN) if field in CODE_FIELDS else words(table[header]))
        if headers:
            taken[field] = OR.join(headers)
        series.append(values)
    return Columns(pl.DataFrame(series), taken)


def expect_columns(taken: Mapping[str, str], needed: Mapping[str, str], layout: str, where: Path) -> None:
    """Make sure that an export has the columns without which it cannot be read.

    Args:
        needed: our name → theirs, as the publisher writes it.

    Raises:
        DataError: one is missing; all that are missing are named at once.
    """
    missing = [header for field, header in needed.items() if field not in taken]
    if missing:
        have = ", ".join(taken.values()) or "none of its columns"
        raise DataError(
            f"{where} is not as layout {layout!r} has it: it lacks {', '.join(missing)} (it has {have}); "
            "export it again, name another layout, or map your own columns with --column OURS=YOURS"
        )
