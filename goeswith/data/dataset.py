"""Dataset: the folder that holds a catalogue, its pictures and its outfits.

items.parquet  outfits.parquet  images/  features/<encoder>.safetensors  questions/*.parquet  dataset.json
known.parquet, once it was brought up to date: see `goeswith.data.update`. mapping.toml, of an export or tables.
pictures.parquet: hashes of its pictures, see `goeswith.data.picture_hashes`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

import numpy as np
import polars as pl

from goeswith import __version__, schemas
from goeswith.data.catalogue import Catalogue
from goeswith.data.import_report import ImportReport
from goeswith.data.mapping import FILE as MAPPING
from goeswith.data.mapping import Mapping, write_mapping
from goeswith.data.outfits import Outfits
from goeswith.data.picture_hashes import PictureHashes
from goeswith.data.questions import write_questions
from goeswith.data.saved_looks import FILE as PREFERENCES
from goeswith.data.splits import assign_splits, empty_splits, remember
from goeswith.errors import DataError
from goeswith.files import fresh_folder, read_json, read_table, sha256

LONGEST_NAME = 150  # letters of a picture's file name; file systems stop at 255 bytes


@dataclass
class Imported:
    """What a reader hands over; `create` turns it into a folder.

    items: a table for `Catalogue`, without the ``image`` column (that follows from `images`).
    outfits: outfit_id, item_ids (list of str), and source and split where the publisher gives them.
    images: item id → picture file at the source.
    questions: ``official-<split>-<task>`` → question table, in the form of `goeswith.data.questions`.
    skipped: reason → how many rows, items, outfits or pictures were left out for it.
    notes: sentences for the person who imports, e.g. which published files are missing.
    columns: ours → theirs, of a person's own tables, as they were mapped; kept for the next `--update`.
    groups: category → group, as a person chose it; kept likewise.
    options: of the layout, as text, that are kept likewise.
    addresses: item id → address of a picture that is to be downloaded; see `goeswith.data.download`.
    allow_private: whether that may be an address in a private network.
    report: what the reader made of a shop's export, to be shown.
    preferences: looks that people preferred to others, see `goeswith.data.saved_looks.preferences`.
    """

    items: pl.DataFrame
    outfits: pl.DataFrame
    source: str
    licence: str
    images: dict[str, Path] = field(default_factory=dict)
    questions: dict[str, pl.DataFrame] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    columns: dict[str, str] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    allow_private: bool = False
    report: ImportReport | None = None
    preferences: pl.DataFrame | None = None


class Dataset:
    """An imported data set, opened from its folder. Tables are read on first use, or to look for a source.

    Args:
        path: the folder; ``folder#source`` keeps only the outfits of that source, e.g. ``sample#designers``.

    Raises:
        DataError: the folder is missing, or is not a goeswith data set, or no outfit has the source.
    """

    def __init__(self, path: str | Path) -> None:
        folder, _, self.outfit_source = (str(path), "", "") if Path(path).is_dir() else str(path).partition("#")
        self.path = Path(folder)
        described = self.path / "dataset.json"
        if not self.path.is_dir():
            raise DataError(f"{self.path} is not a folder; import a data set first: goeswith import LAYOUT SOURCE DEST")
        if not described.is_file():
            raise DataError(
                f"{self.path} is not a goeswith data set (it has no dataset.json); "
                "import it first: goeswith import LAYOUT SOURCE DEST"
            )
        self.info = schemas.check(read_json(described, dict), schemas.DatasetFile, described, "import it again")
        if self.outfit_source:
            _ = self.outfits  # a missing source is an error at once, even if only the items are used

    @property
    def name(self) -> str:
        """The name given at import, the folder's name by default."""
        return str(self.info.get("name", self.path.name))

    @cached_property
    def catalogue(self) -> Catalogue:
        """The items, by row."""
        return Catalogue(read_table(self.path / "items.parquet"))

    @cached_property
    def outfits(self) -> Outfits:
        """The outfits of every split; only those of one source where the path names one.

        Raises:
            DataError: no outfit has the source that the path names.
        """
        where = self.path / "outfits.parquet"
        outfits = Outfits.from_frame(read_table(where), self.catalogue, str(where))
        if not self.outfit_source:
            return outfits
        chosen = outfits.sources == self.outfit_source
        if not chosen.any():
            have = ", ".join(sorted(set(outfits.sources) - {""})) or "none with a name"
            raise DataError(f"{where} has no outfit of source {self.outfit_source!r}; the sources there are: {have}")
        return outfits.take(chosen)

    @cached_property
    def fingerprint(self) -> str:
        """12 hex digits over the catalogue and the outfits: what a signature names."""
        both = f"{self.catalogue.fingerprint}{self.outfits.fingerprint}"
        return hashlib.sha256(both.encode()).hexdigest()[:12]

    @property
    def named(self) -> dict[str, str]:
        """Name, source and fingerprint: what a run keeps of what it was trained on."""
        return {"name": self.name, "source": self.outfit_source, "fingerprint": self.fingerprint}


def create(imported: Imported, dest: str | Path, *, layout: str, name: str | None = None, seed: int = 0) -> Dataset:
    """Write an imported data set to `dest`, which must not exist yet; whole or not at all.

    Outfits without a published split get one here (see `goeswith.data.splits`). Pictures are hard-linked
    where the file system allows it, else copied; the source is never changed.

    Raises:
        DataError: `dest` exists, or the tables contradict each other.
    """
    dest = Path(dest)
    if dest.exists():
        raise DataError(f"{dest} already exists; choose another folder or remove it first")
    with fresh_folder(dest) as partial:
        fill(partial, imported, layout=layout, name=name or dest.name, seed=seed)
    return Dataset(dest)


def with_outfits(dataset: Dataset, chosen: np.ndarray, dest: Path) -> Dataset:
    """A data set of some of another's outfits, `chosen` (N,) bool, with its items and features, written to `dest`.

    It has no pictures and no questions. Features are hard-linked where the file system allows it, else copied.
    """
    outfits = dataset.outfits.take(np.flatnonzero(chosen))
    with fresh_folder(dest) as partial:
        link_features(dataset, partial)
        shutil.copyfile(dataset.path / "items.parquet", partial / "items.parquet")
        outfits.to_frame(dataset.catalogue).write_parquet(partial / "outfits.parquet")
        checksums = {name: sha256(partial / name) for name in ("items.parquet", "outfits.parquet")}
        info = {**dataset.info, "name": dataset.name, "outfits": len(outfits), "checksums": checksums}
        (partial / "dataset.json").write_text(json.dumps(info, indent=2) + "\n")
    return Dataset(dest)


def link_features(dataset: Dataset, folder: Path) -> None:
    """Give a data set of some of the outfits, in `folder`, the features that it lacks, as links or else copies."""
    (folder / "features").mkdir(exist_ok=True)
    for file in sorted((dataset.path / "features").glob("*.safetensors")):
        if not (folder / "features" / file.name).exists():
            _link(file, folder / "features" / file.name, file.name)


def fill(
    folder: Path,
    imported: Imported,
    *,
    layout: str,
    name: str,
    seed: int,
    known_outfits: pl.DataFrame | None = None,
    hashes: PictureHashes | None = None,
) -> None:
    """Write an imported data set into an empty folder.

    Args:
        known_outfits: source, item_ids (list of str) and split of the outfits that had a split before; they keep it,
            and known.parquet is written.
        hashes: those of pictures that may have been imported before.

    Raises:
        DataError, CatalogueError: the tables contradict each other.
    """
    items = imported.items.with_columns(pl.col("item_id").cast(pl.String))
    names = _image_names(imported.images)
    images = items["item_id"].replace_strict(names, default=None, return_dtype=pl.String)
    catalogue = Catalogue(items.with_columns(images.alias("image")))
    outfits = Outfits.from_frame(imported.outfits, catalogue, f"the outfit table of {imported.source}")
    earlier, wide = _known_outfits(known_outfits, catalogue)
    outfits, split_report = assign_splits(outfits, seed, known_outfits=earlier)

    (folder / "images").mkdir()
    pictures, hashes = hashlib.sha256(), hashes or PictureHashes()
    for item_id in catalogue.ids:
        if item_id in names:
            _link(imported.images[item_id], folder / names[item_id], item_id)
            digest = hashes.take(imported.images[item_id], folder / names[item_id], names[item_id])
            pictures.update(bytes.fromhex(digest))
    hashes.write(folder)
    tables = {"items": catalogue.items, "outfits": outfits.to_frame(catalogue)}
    if known_outfits is not None:
        tables["known"] = remember(outfits, earlier).to_frame(wide).select("source", "item_ids", "split")
    for title, table in tables.items():
        table.write_parquet(folder / f"{title}.parquet")
    if imported.preferences is not None:
        imported.preferences.write_parquet(folder / PREFERENCES)
    checksums = {f"{title}.parquet": sha256(folder / f"{title}.parquet") for title in tables}
    checksums["images"] = pictures.hexdigest()
    for title, questions in imported.questions.items():
        where = folder / "questions" / f"{title}.parquet"
        split = title.split("-")[1]
        write_questions(questions, where, catalogue, outfits, dataset=name, split=split, seed=str(seed))
    info = {
        "name": name,
        "layout": layout,
        "source": imported.source,
        "licence": imported.licence,
        "goeswith": __version__,
        "seed": seed,
        "items": len(catalogue),
        "pictures": catalogue.items["image"].count(),
        "outfits": len(outfits),
        "splits": {split: int((outfits.splits == split).sum()) for split in sorted(set(outfits.splits))},
        "split_report": split_report,
        "skipped": imported.skipped,
        "notes": [*imported.notes, *empty_splits(split_report)],
        "columns": imported.columns,
        "groups": imported.groups,
        "checksums": checksums,
    }
    if imported.report is not None:
        mapping = Mapping(layout, imported.columns, imported.groups, imported.options)
        write_mapping(folder / MAPPING, mapping, imported.report.taken)
    (folder / "dataset.json").write_text(json.dumps(info, indent=2) + "\n")


def _known_outfits(table: pl.DataFrame | None, catalogue: Catalogue) -> tuple[Outfits, Catalogue]:
    """Known outfits, and the catalogue that they are of: the items of `catalogue` by row, then those that are gone."""
    if table is None:
        table = pl.DataFrame(schema={"source": pl.String, "item_ids": pl.List(pl.String), "split": pl.String})
    ids = pl.concat([catalogue.items["item_id"], table["item_ids"].explode().drop_nulls()]).unique(maintain_order=True)
    wide = Catalogue(ids.to_frame("item_id").with_columns(category=pl.lit("")))
    return Outfits.from_frame(table.with_row_index("outfit_id"), wide, "the table of known outfits"), wide


def _image_names(images: dict[str, Path]) -> dict[str, str]:
    """Where each item's picture goes: a name that is safe and unique on every file system, whatever the id is."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for item_id, path in images.items():
        stem, ending = quote(item_id, safe=""), path.suffix.lower()
        if stem.startswith("."):
            stem = "%2E" + stem[1:]
        if len(stem) > LONGEST_NAME:
            stem = hashlib.sha256(item_id.encode()).hexdigest()
        name = stem
        while f"{name}{ending}".lower() in taken:  # "a" and "A" are one name where case does not count
            name = f"{stem}~{len(taken)}"
        taken.add(f"{name}{ending}".lower())
        names[item_id] = f"images/{name}{ending}"
    return names


def _link(source: Path, dest: Path, item_id: str) -> None:
    real = source.resolve()
    if real.exists() and not real.is_file():  # a pipe would be waited for
        raise DataError(f"{source}, the picture of item {item_id!r}, is not a regular file; remove it from the folder")
    try:
        os.link(real, dest)
    except OSError:
        try:
            shutil.copyfile(real, dest)
            os.utime(dest, ns=(real.stat().st_atime_ns, real.stat().st_mtime_ns))  # as a link has, see `PictureHashes`
        except OSError as error:
            raise DataError(
                f"cannot copy {source}, the picture of item {item_id!r}: {error.strerror or error}; "
                "restore the file or remove it from the item table"
            ) from None
