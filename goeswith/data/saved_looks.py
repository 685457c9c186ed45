"""Saved looks: outfits approved in the studio and preferences between looks, read from its file.

A pair of a preference is two outfits, of which somebody chose the one and not the other:

    rejected  a rejected look, beside each approved one for the same product; beside none, it is worse than real outfits
    changed   an approved look, and what it was before somebody exchanged pieces of it or had it made again
    compared  the look that was chosen, and each of those beside it
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl

from goeswith.errors import DataError

CHOSEN = ("approved", "live")
"""States of looks that somebody stands for."""
SOURCE = "studio"
"""Source of outfits that were put together there."""
FILE = "preferences.parquet"
"""Where a data set keeps what people preferred."""
PAIRS: dict[str, Any] = {"better": pl.List(pl.String), "worse": pl.List(pl.String), "why": pl.String}
"""Columns of preferences: item ids of two outfits, none for the first where it may be any worn one; and the reason."""


def approved_outfits(path: Path) -> pl.DataFrame:
    """Outfits that people approved: outfit_id, item_ids, source; the same items saved twice are one.

    Raises:
        DataError: the file is missing or holds no looks.
    """
    rows: list[dict[str, Any]] = []
    seen: set[frozenset[str]] = set()
    for look in _read(path)[0]:
        if look["state"] in CHOSEN and frozenset(look["item_ids"]) not in seen:
            seen.add(frozenset(look["item_ids"]))
            rows.append({"outfit_id": f"look-{look['look_id']}", "item_ids": look["item_ids"], "source": SOURCE})
    kinds: dict[str, Any] = {"outfit_id": pl.String, "item_ids": pl.List(pl.String), "source": pl.String}
    return pl.DataFrame(rows, schema=kinds)


def preferences(path: Path) -> pl.DataFrame:
    """What people preferred, a row for each pair, see `PAIRS`.

    Raises:
        DataError: the file is missing or holds no looks.
    """
    looks, history, comparisons = _read(path)
    pairs: dict[tuple[frozenset[str], frozenset[str]], dict[str, Any]] = {}
    for better, worse, why in (*_rejected(looks), *_changed(looks, history), *_compared(looks, comparisons)):
        key = frozenset(better), frozenset(worse)
        if key[0] != key[1]:
            pairs.setdefault(key, {"better": better, "worse": worse, "why": why})
    return pl.DataFrame([*pairs.values()], schema=PAIRS)


def known_items(table: pl.DataFrame, columns: Collection[str], item_ids: Collection[str]) -> tuple[pl.DataFrame, int]:
    """The rows whose lists of items the catalogue has all, and how many it does not."""
    known_ids = set(item_ids)
    whole = [all(known_ids.issuperset(row[name]) for name in columns) for row in table.iter_rows(named=True)]
    complete = table.filter(pl.Series(whole, dtype=pl.Boolean))
    return complete, len(table) - len(complete)


def _rejected(looks: list[dict[str, Any]]) -> Iterator[tuple[list[str], list[str], str]]:
    chosen: dict[str, list[list[str]]] = {}
    for look in looks:
        if look["state"] in CHOSEN and look["pinned_item"]:
            chosen.setdefault(look["pinned_item"], []).append(look["item_ids"])
    for look in looks:
        if look["state"] == "rejected":
            for better in chosen.get(look["pinned_item"], [[]]):
                yield better, look["item_ids"], "rejected"


def _changed(looks: list[dict[str, Any]], history: list[dict[str, Any]]) -> Iterator[tuple[list[str], list[str], str]]:
    chosen = {look["look_id"]: look["item_ids"] for look in looks if look["state"] in CHOSEN}
    for change in history:
        if change["look_id"] in chosen and change["what"] != "undone" and change["after"]:
            yield chosen[change["look_id"]], _ids(json.loads(change["after"])["items"]), "changed"


def _compared(
    looks: list[dict[str, Any]], comparisons: list[dict[str, Any]]
) -> Iterator[tuple[list[str], list[str], str]]:
    items = {look["look_id"]: look["item_ids"] for look in looks}
    chosen = {look["look_id"] for look in looks if look["state"] in CHOSEN}
    for row in comparisons:
        for other in json.loads(row["others"]):
            if row["winner"] in chosen and other in items:
                yield items[row["winner"]], items[other], "compared"


def _ids(pieces: list[dict[str, Any]]) -> list[str]:
    return [str(piece["item_id"]) for piece in pieces]


def _read(path: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """Looks with their item_ids, in the order that they were made in, their history and comparisons."""
    if path.is_dir():
        raise DataError(f"{path} is a folder; name the file of saved looks in it, looks.sqlite")
    if not path.is_file():
        raise DataError(f"there is no file {path}; the studio writes it when a look is saved")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as file:
            file.row_factory = sqlite3.Row
            tables = {row[0] for row in file.execute("SELECT name FROM sqlite_schema")}
            looks = [dict(row) for row in file.execute("SELECT * FROM looks ORDER BY created, look_id")]
            history = [dict(row) for row in file.execute("SELECT * FROM history ORDER BY change_id")]
            compared = "SELECT * FROM comparisons ORDER BY comparison_id"
            comparisons = [dict(row) for row in file.execute(compared)] if "comparisons" in tables else []
    except sqlite3.Error as error:
        raise DataError(f"{path} is no file of saved looks ({error}); name the looks.sqlite of a studio") from None
    for look in looks:
        look["item_ids"] = _ids(json.loads(look["items"]))
        look.setdefault("pinned_item", "")  # a file of an older studio
    return looks, history, comparisons
