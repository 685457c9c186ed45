"""Importing: a source read in its layout, and the data set made or updated from it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goeswith.data.dataset import Dataset, create
from goeswith.data.readers import read
from goeswith.data.splits import describe
from goeswith.data.update import Updated, expect_updatable
from goeswith.data.update import update as update_dataset
from goeswith.errors import DataError
from goeswith.files import sweep


@dataclass(frozen=True)
class Import:
    """The data set, and what there is to say of it: lines about columns, splits, skips and notes."""

    dataset: Dataset
    lines: tuple[str, ...]

    @property
    def summary(self) -> str:
        """How many items, pictures and outfits there are."""
        info = self.dataset.info
        return f"{info['items']:,} items, {info['pictures']:,} pictures, {info['outfits']:,} outfits"


def import_data(
    layout: str,
    source: Path | None,
    dest: Path,
    *,
    options: dict[str, Any] | None = None,
    update: bool = False,
    name: str | None = None,
    seed: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Import:
    """Read `source` and write the data set folder `dest`, whole or not at all.

    Args:
        layout: one of `goeswith.data.readers.READERS`. source: folder or file; None for the drawn sample.
        options: of the layout. update: bring the data set in `dest` up to date; its column names, chosen groups,
            splits and features stay. name: in signatures, the folder's by default. seed: of the splits and of the
            sample, 0 by default.
        progress: called with items drawn and in all, for the sample.

    Raises:
        ConfigError: an unknown layout or option. DataError: the source cannot be read, or `dest` cannot be written.
    """
    options = dict(options or {})
    kept: dict[str, str] = {}
    if update:
        expect_updatable(dest, layout=layout, seed=seed)
        named = options.get("columns", {})
        info = Dataset(dest).info if dest.exists() else {}
        before, grouped = info.get("columns", {}), info.get("groups", {})
        kept = {ours: theirs for ours, theirs in before.items() if ours not in named}
        if kept:
            options["columns"] = kept | named
        if grouped:
            options["groups"] = grouped | options.get("groups", {})
    elif dest.exists():
        hint = "" if source is None else ", or update it with --update"
        raise DataError(f"{dest} already exists; choose another folder or remove it first{hint}")
    try:
        dest.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"cannot create the folder {dest.parent} ({error.strerror}); choose another DEST") from None
    sweep(dest)
    if source is None:
        options |= {"seed": seed or 0, "progress": progress}
    # Beside DEST, so that drawn pictures are linked and not copied.
    with tempfile.TemporaryDirectory(dir=dest.parent, prefix=f".{dest.name}.{os.getpid()}.", suffix=".partial") as work:
        imported = read(layout, source, workdir=Path(work), **options)
        if update:
            done = update_dataset(imported, dest, layout=layout, name=name, seed=seed)
        else:
            done = Updated(create(imported, dest, layout=layout, name=name, seed=seed or 0), new=True)
    mapped = ", ".join(f"{ours}={theirs}" for ours, theirs in kept.items())
    lines = [f"columns mapped as before: {mapped}"] if kept else []
    lines += done.lines
    if not done.unchanged:
        lines += describe(done.dataset.info["split_report"])
    lines += [f"skipped {count:,}: {reason}" for reason, count in imported.skipped.items() if count]
    lines += [f"note: {note}" for note in (imported.notes if done.unchanged else done.dataset.info["notes"])]
    return Import(done.dataset, tuple(lines))
