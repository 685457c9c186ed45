"""Feedback: outfits that people save, one JSON line each, and the outfit table that they become."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
from filelock import FileLock

from goeswith.errors import DataError
from goeswith.files import fresh_file

FIELDS = {"outfit_id": str, "item_ids": list}
"""What every line has; there may be more."""


def keep(path: Path, item_ids: Sequence[str], **told: Any) -> str:
    """Add an outfit to the end of a file; returns its id, ``saved-1`` and so on.

    Several processes may add at once: a line is written whole, under a lock, and is on the disk when this returns.

    Args:
        told: what else to note, e.g. the score and the model that gave it.

    Raises:
        DataError: the outfit has fewer than two items, or the file cannot be written.
    """
    if len(item_ids) < 2:
        raise DataError(f"an outfit of {len(item_ids)} item(s) cannot be saved; it needs two or more")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.lock")), open(path, "a+b") as file:
            file.seek(0)
            before = file.read()
            outfit_id = f"saved-{len(before.splitlines()) + 1}"
            line = {"outfit_id": outfit_id, "time": datetime.now(UTC).isoformat(timespec="seconds")}
            text = json.dumps(line | {"item_ids": list(item_ids)} | told, ensure_ascii=False, allow_nan=False)
            # A process that was killed may have left half a line: the next one starts on its own.
            torn = b"\n" if before and not before.endswith(b"\n") else b""
            file.write(torn + text.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise DataError(f"cannot save the outfit to {path} ({error.strerror}); choose another --feedback") from None
    return outfit_id


def kept(path: Path) -> tuple[list[dict[str, Any]], int]:
    """The saved outfits, and how many lines were broken and left out.

    Raises:
        DataError: there is no such file.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise DataError(
            f"cannot read {path} ({error.strerror}); the studio writes it when an outfit is saved"
        ) from None
    found, broken = [], 0
    for line in lines:
        try:
            told = json.loads(line)
            sound = isinstance(told, dict) and all(isinstance(told.get(name), kind) for name, kind in FIELDS.items())
        except ValueError:
            sound = False
        if sound:
            found.append(told)
        broken += not sound
    return found, broken


def write_outfits(path: Path, out: Path, known: Collection[str] | None = None) -> dict[str, int]:
    """Write saved outfits as an outfit table of the ``table`` layout: outfit_id, item_ids (by ``;``), source.

    The same items saved twice are one outfit.

    Args:
        path: what the studio wrote. out: a CSV file. known: ids of the catalogue; an outfit with any other item, such
            as an uploaded photo, is left out.

    Returns:
        How many outfits were written and how many left out, by reason.

    Raises:
        DataError: the file is missing, holds no outfit that can be used, or an id holds a ``;``; or `out` is there
            already.
    """
    if out.exists():
        raise DataError(
            f"{out} exists and may contain your own outfits; choose another --out, such as "
            f"{out.with_name('saved.csv') if out.name != 'saved.csv' else out.with_name('saved-2.csv')}, or remove it"
        )
    saved, broken = kept(path)
    counts = {"outfits": 0, "saved before": 0, "with items that the catalogue does not have": 0, "broken lines": broken}
    rows, seen = [], set()
    allowed = None if known is None else set(known)
    for told in saved:
        ids = [str(one) for one in told["item_ids"]]
        if allowed is not None and not allowed.issuperset(ids):
            counts["with items that the catalogue does not have"] += 1
            continue
        if frozenset(ids) in seen:
            counts["saved before"] += 1
            continue
        seen.add(frozenset(ids))
        if odd := next((one for one in ids if ";" in one), None):
            raise DataError(
                f"{path}: item id {odd!r} contains a ';', which separates items in the table; rename the item"
            )
        rows.append({"outfit_id": told["outfit_id"], "item_ids": ";".join(ids), "source": "studio"})
    if not rows:
        raise DataError(f"{path} has no outfit that can be used ({broken} broken lines); save one in the studio first")
    counts["outfits"] = len(rows)
    with fresh_file(out) as partial:
        pl.DataFrame(rows).write_csv(partial)
    return {reason: number for reason, number in counts.items() if number or reason == "outfits"}
