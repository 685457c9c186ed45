"""Update: replaces a data set by a new version of its catalogue; splits and valid features are kept.

known.parquet     every outfit that ever had a split: source, item_ids, split
arrivals.parquet  when each item that was not there before came: item_id, added, see `goeswith.data.arrivals`
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from goeswith.data.arrivals import write_arrivals
from goeswith.data.carry_over import carry
from goeswith.data.catalogue import COLUMNS
from goeswith.data.dataset import Dataset, Imported, create, fill
from goeswith.data.outfits import SPLITS
from goeswith.data.picture_hashes import PictureHashes
from goeswith.data.saved_looks import FILE as PREFERENCES
from goeswith.errors import ConfigError, DataError
from goeswith.files import put_in_place, read_table, sole

KNOWN = {"source": pl.String(), "item_ids": pl.List(pl.String()), "split": pl.String()}


@dataclass(frozen=True)
class Updated:
    """What became of a data set. `items` and `outfits` count added, changed (items), removed and kept (outfits).

    pictures: items whose picture is another now. new: it was not there and was imported. unchanged: nothing was
    written. again: commands that bring features and questions up to date; built: those of
    them that `goeswith build` runs itself.
    """

    dataset: Dataset
    new: bool = False
    unchanged: bool = False
    items: dict[str, int] = field(default_factory=dict)
    outfits: dict[str, int] = field(default_factory=dict)
    pictures: int = 0
    again: list[str] = field(default_factory=list)
    built: list[str] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """What changed: nothing of a data set that is new, one line of one that has not changed."""
        if self.new:
            return []
        if self.unchanged:
            return ["nothing has changed; the folder was left as it is"]
        counts = [
            ", ".join(f"{count:,} {word}" for word, count in changes.items()) for changes in (self.items, self.outfits)
        ]
        return [f"items: {counts[0]}; {self.pictures:,} pictures changed", f"outfits: {counts[1]}", *self.again]


def expect_updatable(dest: str | Path, *, layout: str, seed: int | None = None) -> None:
    """Make sure that a data set of `layout` can be brought up to date at `dest`, or be imported there.

    Raises:
        ConfigError: the layout or the seed is another than that of the folder, or is that of the generated sample; or
            `dest` names one source.
        DataError: the folder is not a data set.
    """
    if layout == "sample":
        raise ConfigError("the sample cannot be updated; import it into a new folder")
    dest = Path(dest)
    whole, sign, _ = str(dest).partition("#")
    if sign and not dest.exists() and Path(whole).is_dir():
        raise ConfigError(f"{dest} is one source of a data set; update the whole data set: {whole}")
    if not dest.exists():
        return
    info = Dataset(dest).info
    if info.get("layout") != layout:
        raise ConfigError(
            f"{dest} was imported as layout {info.get('layout')!r}, not {layout!r}; "
            "update it with its own layout, or import into another folder"
        )
    if seed is not None and seed != info.get("seed"):
        raise ConfigError(
            f"{dest} was split with seed {info.get('seed')}, and its splits are kept; leave out --seed {seed}, "
            "or import into another folder"
        )


def update(
    imported: Imported, dest: str | Path, *, layout: str, name: str | None = None, seed: int | None = None
) -> Updated:
    """Bring the data set at `dest` up to what was imported now; where there is none, import it as `create` does.

    The new folder is made beside the old one and takes its place at once: killed anywhere, one of both is there,
    whole. Outfits that ever had a split keep it, and what is near them joins them (see `assign_splits`). Features wait
    for `encode`, which computes what has changed; until then nothing can use them. The publisher's questions are
    written again; frozen ones stay if neither items nor outfits have changed. Files that are not goeswith's stay.

    Args:
        name: the old one by default. seed: of the splits; the old one by default, and no other.

    Raises:
        ConfigError, DataError, CatalogueError: as the message says; the folder is as it was.
        ModelError: another process is updating it.
    """
    path, dest = Path(dest), Path(dest).resolve()  # a link stays a link
    work = dest.with_name(f".{dest.name}.updating")
    with sole(work, f"another process is updating {path} in", "choose another DEST"):
        try:
            _restore(work, dest)
            expect_updatable(path, layout=layout, seed=seed)
            if not dest.exists():
                return Updated(create(imported, path, layout=layout, name=name, seed=seed or 0), new=True)
            return _update(imported, path, dest, work / "data", layout, name)
        except OSError as error:
            raise DataError(
                f"cannot update {path} ({error.strerror or error}: {error.filename or work}); "
                "free some space, or import into another folder"
            ) from None
        finally:
            _restore(work, dest)
            shutil.rmtree(work, ignore_errors=True)


def _restore(work: Path, dest: Path) -> None:
    """Where names cannot be exchanged, a kill between two renamings leaves the old folder aside: put it back."""
    if not dest.exists() and (work / "old").is_dir():
        os.rename(work / "old", dest)


def _update(imported: Imported, path: Path, dest: Path, fresh: Path, layout: str, name: str | None) -> Updated:
    old = Dataset(dest)
    _expect_all(imported, old, path)
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    hashes = PictureHashes(old.path)
    images, pictures = _pictures(imported.images, old, hashes)
    fill(
        fresh,
        replace(imported, images=images),
        layout=layout,
        name=name or old.name,
        seed=int(old.info.get("seed", 0)),
        known_outfits=_known_outfits(old),
        hashes=hashes,
    )
    new = Dataset(fresh)
    redrawn = new.info["checksums"]["images"] != old.info.get("checksums", {}).get("images")
    if not redrawn and _same(old, new):
        return Updated(Dataset(path), unchanged=True)
    write_arrivals(old.path, fresh, old.catalogue.ids, new.catalogue.ids)
    carried = carry(old, new, path, features_stay=not redrawn and _alike(old, new))
    items, outfits = _items(old, new), _outfits(old, new)
    put_in_place(fresh, dest)
    return Updated(
        Dataset(path), items=items, outfits=outfits, pictures=pictures, again=carried.again, built=carried.built
    )


def _expect_all(imported: Imported, old: Dataset, path: Path) -> None:
    """Stop where all outfits or all pictures are gone: a night's export that broke looks just so."""
    before = {"outfits": len(old.outfits), "pictures": old.catalogue.items["image"].count()}
    now = {"outfits": len(imported.outfits), "pictures": len(imported.images)}
    for kind, count in before.items():
        if count and not now[kind]:
            raise DataError(
                f"{path} has {count:,} {kind} and {imported.source} has none; include them again, or import the rest "
                "into another folder"
            )


def _known_outfits(old: Dataset) -> pl.DataFrame:
    """Source, item_ids and split of every outfit that ever had a split."""
    path = old.path / "known.parquet"
    now = old.outfits.to_frame(old.catalogue).select(*KNOWN).filter(pl.col("split") != "")
    if not path.exists():
        if path.name in old.info.get("checksums", {}):
            raise DataError(f"{path} is missing, and it records which outfits were in training; restore the file")
        return now
    table = read_table(path)
    fault = ""
    if missing := [column for column in KNOWN if column not in table.columns]:
        fault = f"has no column {missing[0]!r}"
    elif table["item_ids"].dtype != pl.List(pl.String):
        fault = "has no lists of item ids"
    elif not table["item_ids"].list.len().fill_null(0).ge(2).all():
        fault = "has an outfit of fewer than two items"
    elif len(invalid := table.filter(~pl.col("split").is_in(SPLITS).fill_null(False))):
        fault = f"has the split {invalid['split'][0]!r}"
    if fault:
        raise DataError(f"{path} {fault}; restore the file")
    return pl.concat([table.select(pl.col(column).cast(dtype) for column, dtype in KNOWN.items()), now])


def _pictures(images: dict[str, Path], old: Dataset, hashes: PictureHashes) -> tuple[dict[str, Path], int]:
    """Item id → picture, the one that is here where it has the same bytes, and how many have others than before.

    Pictures that were copied keep their times so, by which `encode` knows them.
    """
    here = dict(old.catalogue.items.select("item_id", "image").drop_nulls().iter_rows())
    taken, changed, imported = dict(images), 0, (old.path / "dataset.json").stat().st_mtime_ns
    for item_id in images.keys() & here.keys():
        source, own = images[item_id], old.path / here[item_id]
        if not own.is_file() or not source.is_file():
            continue
        if os.path.samefile(source, own):
            changed += own.stat().st_mtime_ns > imported  # overwritten where it lies
        elif source.stat().st_size == own.stat().st_size and hashes.of(source) == hashes.of(own):
            if source.suffix.lower() == own.suffix:
                taken[item_id] = own
        else:
            changed += 1
    return taken, changed


def _same(old: Dataset, new: Dataset) -> bool:
    """Whether the new folder says nothing that the old one does not."""
    tables: list[list[pl.DataFrame]] = []
    descriptions: list[list[object]] = []
    for data in (old, new):
        files = sorted((data.path / "questions").glob("official-*.parquet"))
        tables.append([data.catalogue.items, data.outfits.to_frame(data.catalogue), *map(read_table, files)])
        descriptions.append([data.info.get("name"), data.info.get("licence"), *(path.name for path in files)])
        if (new.path / PREFERENCES).exists():  # else those of before stay
            preferences = data.path / PREFERENCES
            descriptions[-1].append(preferences.read_bytes() if preferences.exists() else None)
    return descriptions[0] == descriptions[1] and all(before.equals(now) for before, now in zip(*tables, strict=True))


def _alike(old: Dataset, new: Dataset) -> bool:
    """Whether no column has changed that an encoder reads; prices and further columns may have."""
    read = [column for column in COLUMNS if column != "price"]
    return bool(old.catalogue.items.select(read).equals(new.catalogue.items.select(read)))


def _items(old: Dataset, new: Dataset) -> dict[str, int]:
    """Items added, changed (in any column) and removed."""
    before, now = old.catalogue.items, new.catalogue.items
    both = now.join(before, on="item_id", suffix="\x1fbefore")
    same = pl.lit(True)
    for column in {*before.columns, *now.columns} - {"item_id"}:
        if column not in before.columns or column not in now.columns:
            same &= pl.col(column).is_null()
        elif before[column].dtype != now[column].dtype:
            same &= pl.lit(False)
        else:
            same &= pl.col(column).eq_missing(pl.col(f"{column}\x1fbefore"))
    changed = len(both) - int(both.select(same.alias("same").sum()).item()) if len(both) else 0
    return {"added": len(now) - len(both), "changed": changed, "removed": len(before) - len(both)}


def _outfits(old: Dataset, new: Dataset) -> dict[str, int]:
    """Outfits by item set within their source: kept, added, removed; and how many of all have no split."""
    key = pl.col("item_ids").list.unique().list.sort()
    before, now = (
        data.outfits.to_frame(data.catalogue).select("source", key.list.join("\x1f").alias("items")).unique()
        for data in (old, new)
    )
    unchanged = len(now.join(before, on=["source", "items"]))
    bare = int((new.outfits.splits == "").sum())
    return {
        "kept": unchanged,
        "added": len(now) - unchanged,
        "removed": len(before) - unchanged,
        "without a split": bare,
    }
