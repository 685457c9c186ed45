"""Importing: reads a source in its layout and creates or updates a data set from it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from goeswith.data.dataset import Dataset, Imported, create
from goeswith.data.mapping import FILE, Mapping, read_mapping
from goeswith.data.readers import read
from goeswith.data.saved_looks import approved_outfits, known_items, preferences
from goeswith.data.splits import describe
from goeswith.data.update import Updated, expect_updatable
from goeswith.data.update import update as update_dataset
from goeswith.errors import ConfigError, DataError
from goeswith.files import sweep

AUTO = "auto"


@dataclass(frozen=True)
class Import:
    """The data set, and what there is to say of it: lines about columns, splits, skips and notes.

    built: those of the lines that name a command which `goeswith build` runs itself.
    """

    dataset: Dataset
    lines: tuple[str, ...]
    built: tuple[str, ...] = ()

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
    pictures: bool = True,
    looks: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Import:
    """Read `source` and write the data set folder `dest`, whole or not at all.

    Pictures that a source names by address are downloaded into a folder beside `dest`, called after it and .pictures.

    Args:
        layout: one of `goeswith.data.readers.READERS`, or "auto" for the one of the source's header.
        source: folder or file; None for the generated sample.
        options: of the layout. update: bring the data set in `dest` up to date; its column names, chosen groups,
            splits and features stay. name: in signatures, the folder's by default. seed: of the splits and of the
            sample, 0 by default. pictures: whether to download any.
        progress: called with items drawn and in all for the sample, pictures downloaded and in all for others.

    Raises:
        ConfigError: an unknown layout or option. DataError: the source cannot be read, or `dest` cannot be written.
    """
    options = dict(options or {})
    remembered: dict[str, str] = {}
    layout = _layout(layout, source, dest if update else None)
    if update:
        expect_updatable(dest, layout=layout, seed=seed)
        named = options.get("columns", {})
        before = _mapping(dest, layout)
        remembered = {field: header for field, header in before.columns.items() if field not in named}
        options = {**before.options, **options}
        if remembered:
            options["columns"] = remembered | named
        if before.groups:
            options["groups"] = before.groups | options.get("groups", {})
    elif dest.exists():
        sweep(dest)  # an import may have been killed when all but its own tidying up was done
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
        if looks is not None:
            _add_looks(imported, looks)
        downloads = _download(imported, dest, update, pictures, progress)
        if update:
            done = update_dataset(imported, dest, layout=layout, name=name, seed=seed)
        else:
            done = Updated(create(imported, dest, layout=layout, name=name, seed=seed or 0), new=True)
    mapped = ", ".join(f"{field}={header}" for field, header in remembered.items())
    lines = [f"columns mapped as before: {mapped}"] if remembered else []
    if imported.report is not None and not done.unchanged:
        lines += imported.report.lines
    lines += [*downloads, *done.lines]
    if not done.unchanged:
        lines += describe(done.dataset.info["split_report"])
    lines += [f"skipped {count:,}: {reason}" for reason, count in imported.skipped.items() if count]
    lines += [f"note: {note}" for note in (imported.notes if done.unchanged else done.dataset.info["notes"])]
    return Import(done.dataset, tuple(lines), tuple(done.built))


def preview(layout: str, source: Path, options: dict[str, Any] | None = None) -> list[str]:
    """What an import would make of a source, in lines; nothing is written or downloaded.

    Raises:
        ConfigError, DataError: as `import_data` does.
    """
    layout = _layout(layout, source, None)
    with tempfile.TemporaryDirectory() as work:
        imported = read(layout, source, workdir=Path(work), **(options or {}))
    lines = list(imported.report.lines) if imported.report else []
    lines.append(f"{len(imported.items):,} items, {len(imported.images):,} pictures, {len(imported.outfits):,} outfits")
    if imported.addresses:
        lines.append(f"{len(set(imported.addresses.values())):,} pictures to download")
    lines += [f"skipped {count:,}: {reason}" for reason, count in imported.skipped.items() if count]
    return lines + [f"note: {note}" for note in imported.notes]


def _add_looks(imported: Imported, path: Path) -> None:
    """Add the looks that people approved to the outfits, and what they preferred to what.

    Raises:
        DataError: there is no such file, or nothing in it is about items that are imported.
    """
    ids = imported.items["item_id"].cast(pl.String).to_list()
    outfits, strange = known_items(approved_outfits(path), ("item_ids",), ids)
    pairs, further = known_items(preferences(path), ("better", "worse"), ids)
    if outfits.is_empty() and pairs.is_empty():
        raise DataError(
            f"{path} has no approved or rejected look of items that are imported here ({strange} have others); "
            "approve some in the studio, or import without --looks"
        )
    imported.outfits = pl.concat([imported.outfits, outfits], how="diagonal_relaxed")
    imported.skipped |= {
        "approved looks with an item that is not imported": strange,
        "preferences with an item that is not imported": further,
    }
    imported.notes.append(f"{len(outfits)} approved looks and {len(pairs)} preferences from {path.name}")
    imported.preferences = pairs


def _layout(layout: str, source: Path | None, dest: Path | None) -> str:
    """The layout that is meant by "auto": that of the data set that is brought up to date, or of the header."""
    if layout != AUTO:
        return layout
    if source is None:
        raise ConfigError("only the generated sample needs no source; give SOURCE and DEST")
    if dest is not None and dest.exists():
        return str(Dataset(dest).info.get("layout", ""))
    from goeswith.data.readers.export import recognise

    return recognise(source)


def _mapping(dest: Path, layout: str) -> Mapping:
    """How the source was read before, as a person may have changed it since."""
    if not dest.exists():
        return Mapping(layout)
    if (dest / FILE).is_file():
        return read_mapping(dest / FILE)
    info = Dataset(dest).info
    return Mapping(layout, info.get("columns", {}), info.get("groups", {}))


def _download(
    imported: Imported, dest: Path, update: bool, pictures: bool, progress: Callable[[int, int], None] | None
) -> list[str]:
    """Take the pictures that the source names by address; returns lines about that."""
    if not imported.addresses:
        return []
    from goeswith.data.download import download, downloaded_before

    cache = dest.with_name(f"{dest.name}.pictures")
    if not pictures:
        before = downloaded_before(imported.addresses, cache)
        imported.images |= before
        there = {imported.addresses[item_id] for item_id in before}
        left = {*imported.addresses.values()} - there
        return [f"pictures: {len(left):,} not downloaded, {len(there):,} from before"]
    done = download(imported.addresses, cache, check=update, allow_private=imported.allow_private, progress=progress)
    imported.images |= done.pictures
    imported.skipped |= {"pictures that could not be downloaded": len(done.failures)}
    return done.lines
