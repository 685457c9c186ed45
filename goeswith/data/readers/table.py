"""table: a person's own items and outfits as CSV or Parquet, and a folder of pictures."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import NamedTuple

import polars as pl

from goeswith.data.catalogue import COLUMNS, GROUPS
from goeswith.data.dataset import Imported
from goeswith.data.outfits import SPLITS
from goeswith.data.readers.groups import group_of
from goeswith.errors import ConfigError, DataError
from goeswith.files import read_table

ENDINGS = (".csv", ".parquet")
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
FURTHER = ("stock", "product_id")
"""Columns that searches understand and that no catalogue needs."""
FIELDS = (*COLUMNS, *FURTHER, "outfit_id", "item_ids", "split", "source")
TEXTS = {name for name, kind in COLUMNS.items() if kind is pl.String} | {"outfit_id", "split", "source"}
SPLIT_WORDS = {"training": "train", "validation": "valid", "val": "valid", "dev": "valid"}


class Fault(NamedTuple):
    """What can be wrong with a row: the column to show, the words for it, the test and what to do."""

    column: str
    what: str
    test: pl.Expr
    remedy: str


def read(
    source: Path,
    *,
    items: Path | None = None,
    outfits: Path | None = None,
    saved: Path | None = None,
    images: Path | None = None,
    columns: dict[str, str] | None = None,
    skip_bad: bool = False,
    licence: str = "the owner's",
) -> Imported:
    """Read items, and outfits and pictures where there are any.

    Args:
        source: a folder with items.csv or items.parquet, and outfits.csv or outfits.parquet and images/ if any; or the
            item table itself.
        items: another place of the item table.
        outfits: another place of the outfit table.
        saved: a further outfit table, such as ``goeswith feedback`` writes.
        images: another folder of pictures.
        columns: goeswith's name of a column → its name in the tables, e.g. {"item_id": "sku"}. One of theirs may be
            taken for several of ours.
        skip_bad: leave bad items and outfits out, and count them, instead of stopping at the first.
        licence: what to note in the data set.

    Raises:
        DataError: a table or folder is missing, or has a bad row; the message names file and row.
        ConfigError: a column that is mapped is in neither table, or goeswith has none of that name.
    """
    items, outfits, images = _places(source, items, outfits, images)
    tables = {path: read_table(path) for path in (items, outfits, saved) if path is not None}
    _check_columns(columns or {}, tables)
    known, skipped, notes = _items(_named(tables[items], columns or {}), items, skip_bad)
    pictures, lost = _pictures(known, images)
    worn = pl.DataFrame(schema={"outfit_id": pl.String, "item_ids": pl.List(pl.String)})
    for path in [path for path in (outfits, saved) if path is not None]:
        loose, left = _loose(_named(tables[path], columns or {}), path, skip_bad)
        more, short = _outfits(loose, path, known["item_id"], items, skip_bad)
        twice = more.filter(pl.col("outfit_id").is_in(worn["outfit_id"].implode()))
        if len(twice):
            raise DataError(
                f"{path}: outfit_id {twice['outfit_id'][0]!r} stands in {outfits} too; rename the outfit in one of them"
            )
        worn = pl.concat([worn, more], how="diagonal")
        skipped |= left | short
    if not tables.keys() & {outfits, saved}:
        notes.append("no outfit table: a catalogue without outfits")
    if bare := len(known) - len(pictures):
        notes.append(f"{bare} items have no picture")
    return Imported(
        items=known.drop("image", "row", strict=False),
        outfits=worn,
        source=str(source),
        licence=licence,
        images=pictures,
        skipped=skipped | {"pictures that are named but not there": lost},
        notes=notes,
        columns=columns or {},
    )


def _places(
    source: Path, items: Path | None, outfits: Path | None, images: Path | None
) -> tuple[Path, Path | None, Path | None]:
    """Where the item table, the outfit table and the pictures are."""
    if source.is_dir():
        items, outfits = items or _only(source, "items"), outfits or _only(source, "outfits")
        images = images or (source / "images" if (source / "images").is_dir() else None)
        if items is None:
            have = ", ".join(sorted(path.name for path in source.iterdir())[:8]) or "nothing"
            raise DataError(
                f"{source} has neither items.csv nor items.parquet (it has {have}); "
                "name the item table with --option items=FILE"
            )
    if images is not None and not images.is_dir():
        raise DataError(f"there is no folder {images} of pictures; correct the option images or leave it out")
    return items or source, outfits, images


def _only(source: Path, name: str) -> Path | None:
    """The one CSV or Parquet table of that name in the folder, if any."""
    found = [source / (name + ending) for ending in ENDINGS if (source / (name + ending)).is_file()]
    if len(found) > 1:
        raise DataError(f"{source} has both {name}.csv and {name}.parquet; choose with --option {name}={found[0]}")
    return found[0] if found else None


def _check_columns(columns: dict[str, str], tables: dict[Path, pl.DataFrame]) -> None:
    have = sorted({column for table in tables.values() for column in table.columns})
    for ours, theirs in columns.items():
        if ours not in FIELDS:
            near = difflib.get_close_matches(ours, FIELDS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"its columns are: {', '.join(FIELDS)}"
            raise ConfigError(f"goeswith has no column {ours!r} to take {theirs} as; {hint}")
        if theirs not in have:
            raise ConfigError(
                f"there is no column {theirs!r} to take {ours} from in {' or '.join(map(str, tables))}; "
                f"the columns are: {', '.join(have)}"
            )


def _named(table: pl.DataFrame, columns: dict[str, str]) -> pl.DataFrame:
    """The table under goeswith's column names, with a row number; text is stripped, and null where it is empty.

    One of theirs may become several of ours. A column that a mapped one, or the row number, takes the name of is
    kept as ``other_<name>``.
    """
    mapped = {ours: theirs for ours, theirs in columns.items() if theirs in table.columns}
    kept = [name for name in table.columns if name not in mapped.values()]
    table = table.select(
        *(pl.col(name).alias(f"other_{name}" if name in {*mapped, "row"} else name) for name in kept),
        **{ours: pl.col(theirs) for ours, theirs in mapped.items()},
    )
    text = [pl.col(name).cast(pl.String).str.strip_chars() for name in table.columns if name in TEXTS]
    ids = [pl.col(name).fill_null("") for name in ("item_id", "outfit_id") if name in table.columns]
    return table.with_columns(text).with_columns(ids).with_row_index("row", offset=1)


def _sound(
    table: pl.DataFrame, faults: list[Fault], path: Path, skip_bad: bool, whole: str | None = None
) -> tuple[pl.DataFrame, dict[str, int]]:
    """The table without its bad rows (and, if asked, without all rows that share their `whole`), and their counts.

    Raises:
        DataError: a row is bad and `skip_bad` is off.
    """
    skipped = {}
    for column, what, test, remedy in faults:
        bad = table.filter(test.fill_null(False))
        if len(bad) and not skip_bad:
            raise DataError(
                f"{path}, row {bad['row'][0]}: {column} {bad[column][0] or ''!r} {what}; {remedy}, "
                "or leave bad rows out with --option skip_bad=yes"
            )
        same = pl.col(whole or "row").is_in(bad[whole or "row"].unique().implode())
        skipped[f"{path.name}: {whole[:-3] if whole else 'row'}s whose {column} {what}"] = bad[
            whole or "row"
        ].n_unique()
        table = table.filter(~same.fill_null(False))
    return table, skipped


def _needed(table: pl.DataFrame, names: list[str], path: Path) -> None:
    for name in names:
        if name not in table.columns:
            have = ", ".join(column for column in table.columns if column != "row")
            if ";" in have or "\t" in have:
                raise DataError(f"{path} separates its fields by {';' if ';' in have else 'tabs'}; save it with commas")
            raise DataError(f"{path} has no column {name!r} (it has {have}); map it with --column {name}=THEIR_NAME")


def _empty(name: str) -> pl.Expr:
    return pl.col(name).is_null() | (pl.col(name) == "")


def _items(table: pl.DataFrame, path: Path, skip_bad: bool) -> tuple[pl.DataFrame, dict[str, int], list[str]]:
    """Sound items; a missing group follows from the category, a price that is no number ≥ 0 becomes null."""
    _needed(table, ["item_id", "category"], path)
    if table.is_empty():
        raise DataError(f"{path} lists no item; put at least one below the header")
    faults = [
        Fault("item_id", "is empty", _empty("item_id"), "give the item an id"),
        Fault("item_id", "stands in an earlier row too", ~pl.col("item_id").is_first_distinct(), "ids must be unique"),
        Fault("category", "is empty", _empty("category"), "give the item a category"),
    ]
    if "group" in table.columns:
        odd = ~_empty("group") & ~pl.col("group").str.to_lowercase().is_in(GROUPS)
        faults.append(Fault("group", "is no group", odd, f"use one of {', '.join(GROUPS)}, or none"))
    if "image" in table.columns:
        escapes = pl.col("image").str.contains(r"(^|[/\\])\.\.([/\\]|$)|^[/\\]|^[A-Za-z]:[/\\]")
        faults.append(Fault("image", "lies outside the picture folder", escapes, "give a path inside that folder"))
    items, skipped = _sound(table, faults, path, skip_bad)
    notes = []
    if "price" in items.columns:
        price = pl.col("price").cast(pl.Float64, strict=False)
        good = items.select(pl.when(price.is_finite() & (price >= 0)).then(price).alias("price")).to_series()
        odd_prices = good.null_count() - items.select(pl.col("price").is_null().sum()).item()
        notes += [f"{odd_prices} prices are no number from 0 up and count as unknown"] if odd_prices else []
        items = items.with_columns(good)
    if "title" in items.columns:
        untitled = items.select(_empty("title").sum()).item()
        notes += [f"{untitled} items have no title"] if untitled else []
    told = (
        pl.when(~_empty("group")).then(pl.col("group").str.to_lowercase()) if "group" in items.columns else pl.lit(None)
    )
    items = items.with_columns(group=pl.coalesce(told, group_of(pl.col("category"))))
    return items.with_columns(pl.when(pl.col(pl.String) != "").then(pl.col(pl.String))), skipped, notes


def _loose(table: pl.DataFrame, path: Path, skip_bad: bool) -> tuple[pl.DataFrame, dict[str, int]]:
    """One row an outfit and item, from either form of table: row, outfit_id, item_id, split, source."""
    if "item_ids" not in table.columns:
        _needed(table, ["outfit_id", "item_id"], path)
        empty = Fault("item_id", "is empty", _empty("item_id"), "name an item")
        return _sound(table, [empty], path, skip_bad, whole=None)
    _needed(table, ["outfit_id"], path)
    twice = ~pl.col("outfit_id").is_first_distinct() & ~_empty("outfit_id")
    fault = Fault("outfit_id", "stands in an earlier row too", twice, "one row an outfit, or use the long form")
    table, skipped = _sound(table, [fault], path, skip_bad)
    lists = pl.col("item_ids").str.split(";") if table["item_ids"].dtype == pl.String else pl.col("item_ids")
    table = table.with_columns(item_id=lists.cast(pl.List(pl.String))).explode("item_id")
    table = table.with_columns(pl.col("item_id").str.strip_chars())
    alone = pl.int_range(pl.len()).over("row") == 0  # an empty list stays, to be told as an outfit of no item
    return table.filter(~_empty("item_id") | alone), skipped


def _outfits(
    loose: pl.DataFrame, path: Path, known: pl.Series, items: Path, skip_bad: bool
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Sound outfits: every item known, two or more of them, one split."""
    absent = [pl.lit("").alias(name) for name in ("split", "source") if name not in loose.columns]
    loose = loose.with_columns(absent).with_columns(pl.col("split", "source").fill_null(""))
    loose = loose.with_columns(pl.col("split").str.to_lowercase().replace(SPLIT_WORDS))
    unknown = ~_empty("item_id") & ~pl.col("item_id").is_in(known.implode())
    faults = [
        Fault("outfit_id", "is empty", _empty("outfit_id"), "give the outfit an id"),
        Fault("item_id", f"is not in {items}", unknown, "add the item or take it out of the outfit"),
        Fault(
            "split", "is no split", ~pl.col("split").is_in(["", *SPLITS]), f"use one of {', '.join(SPLITS)}, or none"
        ),
        Fault("outfit_id", "is in two splits", pl.col("split").n_unique().over("outfit_id") > 1, "choose one"),
    ]
    loose, skipped = _sound(loose, faults, path, skip_bad, whole="outfit_id")
    worn = loose.unique(["outfit_id", "item_id"], keep="first", maintain_order=True)
    few = pl.col("item_id").filter(~_empty("item_id")).count().over("outfit_id") < 2
    lone = Fault("outfit_id", "has fewer than two items", few, "add an item or take the outfit out")
    skipped[f"{path.name}: items named twice in one outfit"] = len(loose) - len(worn)
    worn, short = _sound(worn, [lone], path, skip_bad, whole="outfit_id")
    table = worn.group_by("outfit_id", maintain_order=True).agg(
        pl.col("split").first(), pl.col("source").first(), item_ids="item_id"
    )
    return table, skipped | short


def _pictures(items: pl.DataFrame, images: Path | None) -> tuple[dict[str, Path], int]:
    """Item id → picture, and how many pictures are named but not there.

    A picture is named in the column ``image``, from inside the picture folder; without that column it is the file
    called ``<item_id>.jpg`` (or .png, ...).
    """
    there: dict[str, Path] = {}
    if images is not None:
        for folder, _, files in os.walk(images):
            inside = Path(folder).relative_to(images)
            there |= {(inside / file).as_posix(): Path(folder) / file for file in sorted(files)}
    if "image" not in items.columns:
        stems = {Path(name).stem: path for name, path in reversed(there.items()) if path.suffix.lower() in PICTURES}
        return {item_id: stems[item_id] for item_id in items["item_id"] if item_id in stems}, 0
    inside_name = f"{images.name}/" if images is not None else ""
    path = pl.col("image").str.replace_all("\\", "/", literal=True).str.strip_prefix("./")
    named = items.select("item_id", path=path, short=path.str.strip_prefix(inside_name)).drop_nulls("path")
    found = {item_id: there.get(full) or there.get(short) for item_id, full, short in named.iter_rows()}
    pictures = {item_id: file for item_id, file in found.items() if file is not None}
    return pictures, len(named) - len(pictures)
