"""Arrivals: when items were added to a catalogue, by its own date column or by the update that added them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from goeswith.data.catalogue import Catalogue
from goeswith.errors import DataError
from goeswith.files import fresh_file, read_table

FILE = "arrivals.parquet"
"""Item ids and the day (ISO 8601) on which an update brought each; items of the first import are not in it."""
COLUMNS = ("added", "date_added", "created_at", "published_at")
"""Columns of a catalogue that may say it; the first that holds a date counts."""
NEW_DAYS = 30
"""Days before the latest arrival in which an item is a new one."""


def write_arrivals(old: Path, new: Path, before: Sequence[str], now: Sequence[str], day: date | None = None) -> None:
    """Note which items an update brings: the file of the old folder, with those that were not there before.

    Args:
        old, new: folders of the data set before and after. before, now: their item ids. day: today, by default.

    Raises:
        DataError: the old file cannot be read.
    """
    earlier, known_ids = _read(old / FILE), set(before)
    came = [item_id for item_id in now if item_id not in known_ids]
    added = (day or datetime.now(UTC).date()).isoformat()
    fresh = pl.DataFrame(
        {"item_id": came, "added": [added] * len(came)}, schema=dict.fromkeys(earlier.columns, pl.String)
    )
    table = pl.concat([earlier.filter(pl.col("item_id").is_in([*now]) & ~pl.col("item_id").is_in(came)), fresh])
    if len(table):
        with fresh_file(new / FILE) as partial:
            table.write_parquet(partial)


def arrivals(catalogue: Catalogue, folder: Path | None) -> np.ndarray:
    """The day on which each item came: (U,) datetime64[D], NaT where nobody knows.

    folder: of the data set, for what its updates noted where the catalogue has no dates.

    Raises:
        DataError: what the updates noted cannot be read.
    """
    for name in COLUMNS:
        if name in catalogue.items.columns:
            days = _days(catalogue.items[name])
            if days.null_count() < len(days):
                return days.to_numpy().astype("datetime64[D]")
    if folder is None or not (folder / FILE).is_file():
        return np.full(len(catalogue), "NaT", "datetime64[D]")
    table = _read(folder / FILE).unique("item_id", keep="last")
    joined = catalogue.items.select("item_id").join(table, on="item_id", how="left", maintain_order="left")
    return _days(joined["added"]).to_numpy().astype("datetime64[D]")


def newest(days: np.ndarray) -> tuple[np.ndarray, date | None]:
    """Which items are new arrivals (U,) bool, and since when; none of them where no day is known.

    days: see `arrivals`.
    """
    if np.isnat(days).all():
        return np.zeros(len(days), bool), None
    latest: date = np.nanmax(days).astype(date)
    since = latest - timedelta(days=NEW_DAYS)
    chosen = days >= np.datetime64(since)
    return chosen, np.nanmin(days[chosen]).astype(date)


def _days(column: pl.Series) -> pl.Series:
    """Days of dates, times or their texts; null where it is none."""
    if column.dtype == pl.Date:
        return column
    if isinstance(column.dtype, pl.Datetime):
        return column.dt.date()
    return column.cast(pl.String).str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)


def _read(path: Path) -> pl.DataFrame:
    empty = pl.DataFrame(schema={"item_id": pl.String, "added": pl.String})
    if not path.is_file():
        return empty
    table = read_table(path)
    if not {*empty.columns} <= {*table.columns}:
        raise DataError(f"{path} has no column 'item_id' or 'added'; remove it to start over")
    return table.select(pl.col(name).cast(pl.String) for name in empty.columns)
