"""Rows: a user's own table under our column names; bad rows stop the import, or are skipped and counted."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import polars as pl

from goeswith.data.catalogue import COLUMNS
from goeswith.data.cells import UNKNOWN, ids, words
from goeswith.data.columns import missing_columns, nearest_header
from goeswith.data.product_words import plain_text
from goeswith.errors import ConfigError, DataError
from goeswith.sheets import Sheet

FURTHER = ("stock", "product_id")
"""Columns that searches understand and that no catalogue needs."""
FIELDS = (*COLUMNS, *FURTHER, "outfit_id", "item_ids", "split", "source", "weight")
TEXTS = {name for name, kind in COLUMNS.items() if kind is pl.String} | {"outfit_id", "split", "source", "product_id"}
IDS = ("item_id", "outfit_id")
CODES = (*IDS, "product_id", "skus", "sku", "gtin", "ean", "barcode")
"""Ids, SKUs and barcodes, as far as a table calls them so."""


class Fault(NamedTuple):
    """What can be wrong with a row: the column to show, the words for it, the test and what to do."""

    column: str
    what: str
    test: pl.Expr
    remedy: str


def check_mapping(columns: dict[str, str], sheets: dict[Path, Sheet]) -> None:
    """Make sure that every column that is mapped is there, and is mapped to one of ours.

    Raises:
        ConfigError: one is not; all that are missing are named at once.
    """
    have = sorted({column for sheet in sheets.values() for column in sheet.table.columns})
    for field, header in columns.items():
        if field not in FIELDS:
            near = nearest_header(field, FIELDS)
            hint = f"did you mean {near!r}?" if near else f"its columns are: {', '.join(FIELDS)}"
            raise ConfigError(f"goeswith has no column {field!r} to map {header} to; {hint}")
    absent = {field: header for field, header in columns.items() if header not in have}
    if absent:
        several = ", ".join(f"{header!r} to map to {field}" for field, header in absent.items())
        nearest = {header: nearest_header(header, have) for header in absent.values()}
        hints = [f"did you mean {near!r} instead of {header!r}?" for header, near in nearest.items() if near]
        raise ConfigError(
            f"there is no column {several} in {' or '.join(map(str, sheets))}; "
            f"{''.join(f'{hint} ' for hint in hints)}the columns are: {', '.join(have)}"
        )


def under_our_names(sheet: Sheet, columns: dict[str, str]) -> pl.DataFrame:
    """A table under goeswith's column names, with its row numbers; text is stripped, and null where it says nothing.

    One of theirs may become several of ours. A column that a mapped one, or the row number, takes the name of is
    kept as ``other_<name>``.
    """
    table = sheet.table
    mapped = {field: header for field, header in columns.items() if header in table.columns}
    other_headers = [name for name in table.columns if name not in mapped.values()]
    table = table.select(
        *(pl.col(name).alias(f"other_{name}" if name in {*mapped, "row"} else name) for name in other_headers),
        **{field: pl.col(header) for field, header in mapped.items()},
    )
    text = [words(table[name]) for name in table.columns if name in TEXTS - {"title", *CODES}]
    codes = [name for name in CODES if name in table.columns and (name in TEXTS or table[name].dtype == pl.String)]
    text += [ids(table[name], () if name in IDS else UNKNOWN) for name in codes]
    if "title" in table.columns:
        text.append(plain_text(table["title"].cast(pl.String)))
    named = [pl.col(name).fill_null("") for name in IDS if name in table.columns]
    return table.with_columns(text).with_columns(named).select(sheet.rows, pl.all())


def need_columns(tables: dict[Path, tuple[pl.DataFrame, list[str]]]) -> None:
    """Make sure that tables have the columns that they need.

    Raises:
        DataError: one has not; all that are missing, in all tables, are named at once.
    """
    sentences = []
    for path, (table, needed) in tables.items():
        missing = [name for name in needed if name not in table.columns]
        if missing:
            have = [column for column in table.columns if column != "row"]
            sentences.append(missing_columns(path, missing, have, "add --column {column}={header}"))
    if sentences:
        raise DataError("; ".join(sentences))


def without_faults(
    table: pl.DataFrame, faults: list[Fault], path: Path, skip_bad: bool, whole: str | None = None
) -> tuple[pl.DataFrame, dict[str, int]]:
    """The table without its bad rows (and, if asked, without all rows that share their `whole`), and their counts.

    Raises:
        DataError: a row is bad and `skip_bad` is off.
    """
    skipped = {}
    for column, problem, test, remedy in faults:
        bad = table.filter(test.fill_null(False))
        if len(bad) and not skip_bad:
            raise DataError(
                f"{path}, row {bad['row'][0]}: {column} {bad[column][0] or ''!r} {problem}; {remedy}, "
                "or leave bad rows out with --option skip_bad=yes"
            )
        same = pl.col(whole or "row").is_in(bad[whole or "row"].unique().implode())
        skipped[f"{path.name}: {whole[:-3] if whole else 'row'}s whose {column} {problem}"] = bad[
            whole or "row"
        ].n_unique()
        table = table.filter(~same.fill_null(False))
    return table, skipped


def is_empty(name: str) -> pl.Expr:
    """Where a text column says nothing."""
    return pl.col(name).is_null() | (pl.col(name) == "")
