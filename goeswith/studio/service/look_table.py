"""Look table: approved looks as training outfits, in the format that `goeswith import table` reads."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import polars as pl

from goeswith.errors import DataError
from goeswith.files import table_kind, write_table
from goeswith.studio.service.looks import STATES, Looks

STATES_TO_TRAIN_ON = ("approved", "live")
"""States of looks that somebody stands for."""


def write_outfits(
    path: Path, out: Path, catalogue_ids: Collection[str] | None = None, states: Collection[str] = STATES_TO_TRAIN_ON
) -> dict[str, int]:
    """Write looks as an outfit table of the ``table`` layout: outfit_id, item_ids (by ``;``), source.

    The same items saved twice are one outfit.

    Args:
        path: the looks of a studio. out: a new CSV or Parquet file. catalogue_ids: an outfit with any other item, such
            as an uploaded photo, is left out. states: of the looks that are written.

    Returns:
        How many outfits were written and how many looks left out, by reason.

    Raises:
        DataError: the file is missing, holds no look that can be used, or an id holds a ``;``; a state is unknown; or
            `out` is there already or is no such file.
    """
    if out.exists():
        other = out.with_name("saved.csv" if out.name != "saved.csv" else "saved-2.csv")
        raise DataError(
            f"{out} exists and may contain your own outfits; choose another --out, such as {other}, or remove it"
        )
    if unknown_state := next((state for state in states if state not in STATES), ""):
        raise DataError(f"there are no looks of state {unknown_state!r}; the states are {', '.join(STATES)}")
    if path.is_dir():
        raise DataError(f"{path} is a folder; name the file of saved looks in it, looks.sqlite")
    if not path.is_file():
        raise DataError(f"there is no file {path}; the studio writes it when a look is saved")
    table_kind(out)
    counts = {"outfits": 0, f"not {' or '.join(states)}": 0, "the same items": 0, "items not in the catalogue": 0}
    why_state, why_same, why_items = list(counts)[1:]
    rows: list[dict[str, str]] = []
    seen: set[frozenset[str]] = set()
    allowed = None if catalogue_ids is None else set(catalogue_ids)
    for look in reversed(Looks(path).find()):
        ids = look.item_ids
        if look.state not in states:
            counts[why_state] += 1
        elif allowed is not None and not allowed.issuperset(ids):
            counts[why_items] += 1
        elif frozenset(ids) in seen:
            counts[why_same] += 1
        else:
            seen.add(frozenset(ids))
            if odd := next((item_id for item_id in ids if ";" in item_id), None):
                raise DataError(
                    f"{path}: item id {odd!r} contains a ';', which separates items in the table; rename it"
                )
            rows.append({"outfit_id": f"look-{look.look_id}", "item_ids": ";".join(ids), "source": "studio"})
    if not rows:
        why = ", ".join(f"{number} left out: {reason}" for reason, number in counts.items() if number)
        raise DataError(f"{path} has no look that can be used ({why or 'it is empty'}); approve one in the studio")
    counts["outfits"] = len(rows)
    write_table(pl.DataFrame(rows), out)
    return {reason: number for reason, number in counts.items() if number or reason == "outfits"}
