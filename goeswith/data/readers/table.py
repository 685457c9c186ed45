"""table: a user's own items and outfits as CSV or Parquet, and a folder of pictures."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import polars as pl

from goeswith.data.baskets import GO_ON, gather
from goeswith.data.catalogue import GROUPS
from goeswith.data.cells import about_prices, currencies, ids, is_odd, numbers, prices
from goeswith.data.columns import likely_columns
from goeswith.data.dataset import Imported
from goeswith.data.garments import fold, group_of
from goeswith.data.import_report import WANTED, ImportReport
from goeswith.data.outfits import SPLITS
from goeswith.data.readers.languages import TITLE, TRANSLATED, expect_language, in_main_language
from goeswith.data.readers.options import TableOptions
from goeswith.data.readers.photos import Photos, addresses_of
from goeswith.data.readers.rows import (
    FIELDS,
    Fault,
    check_mapping,
    is_empty,
    need_columns,
    under_our_names,
    without_faults,
)
from goeswith.data.readers.unread import unread
from goeswith.errors import DataError
from goeswith.sheets import read_sheet, sheets_named

SPELLINGS = {name: name for name in TRANSLATED}
SPLIT_WORDS = {"training": "train", "validation": "valid", "val": "valid", "dev": "valid"}


def read(source: Path, options: TableOptions) -> Imported:
    """Read items, and outfits and pictures where there are any.

    Args:
        source: a folder with items.csv or items.parquet, and outfits.csv or outfits.parquet and images/ if any; or the
            item table itself.
        options: where and how else to read, see `goeswith.data.readers.options`.

    Raises:
        DataError: a table or folder is missing, or has a bad row; the message names file and row. Or not one price,
            picture, group or outfit could be read.
        ConfigError: a column that is mapped is in neither table, or goeswith has none of that name.
    """
    items, outfits, images = _paths(source, options)
    columns, language, skip_bad = options.columns or {}, options.language, options.skip_bad
    sheets = {path: read_sheet(path, quiet=True) for path in (items, outfits, options.saved) if path is not None}
    check_mapping(columns, sheets)
    spoken = in_main_language(sheets[items].table, SPELLINGS, language, columns.values())
    expect_language(language, {*spoken.titles, spoken.main})
    named = {header: TITLE.format(tongue) for tongue, header in spoken.titles.items()}
    sheets[items] = replace(sheets[items], table=spoken.table.rename(named))
    tables = {path: under_our_names(sheet, columns) for path, sheet in sheets.items()}
    need_columns({path: (table, _needed(table, path == items)) for path, table in tables.items()})
    named_columns = tables[items].columns
    catalogue, skipped, notes = _items(tables.pop(items), items, options.group_of, skip_bad)
    addresses = addresses_of(catalogue)
    pictures, lost, more_notes = _pictures(
        catalogue.filter(~pl.col("item_id").is_in([*addresses])), images, items, skip_bad
    )
    worn = pl.DataFrame(schema={"outfit_id": pl.String, "item_ids": pl.List(pl.String)})
    for path, table in tables.items():
        loose, left = _loose(table, path, skip_bad)
        more, short = _outfits(loose, path, catalogue["item_id"], items, skip_bad)
        twice = more.filter(pl.col("outfit_id").is_in(worn["outfit_id"].implode()))
        if len(twice):
            raise DataError(
                f"{path}: outfit_id {twice['outfit_id'][0]!r} is also in {outfits}; rename the outfit in one of them"
            )
        if len(table) and more.is_empty():
            raise DataError(f"{path}: no outfit is valid; correct the table, or import without it")
        worn = pl.concat([worn, more], how="diagonal")
        skipped |= left | short
    made = gather(options.baskets, source, catalogue, {}, skip_bad)
    worn, skipped = pl.concat([worn, made.outfits], how="diagonal"), skipped | made.skipped
    if likely := likely_columns(WANTED, named_columns):
        flags = " ".join(f"--column {name}={shlex.quote(header)}" for name, header in likely.items())
        headers, fields = ", ".join(likely.values()), ", ".join(likely)
        notes.append(f"{headers} may be what goeswith calls {fields}; if so, add {flags}")
    taken = {name: columns.get(name, name) for name in named_columns if name in FIELDS and catalogue[name].count()}
    taken = spoken.in_the_file(taken)
    if not tables and made.outfits.is_empty():
        notes.append("no outfit table: a catalogue without outfits")
    if bare := len(catalogue) - len(pictures) - len(addresses):
        notes.append(f"{bare} items have no picture")
    return Imported(
        items=catalogue.drop("image", "row", strict=False),
        outfits=worn,
        source=str(source),
        licence=options.licence,
        images=pictures,
        skipped=skipped | lost,
        notes=[note for sheet in sheets.values() for note in sheet.notes]
        + [*notes, *more_notes, *made.notes, *unread(source, [*sheets, *made.files])],
        columns=columns,
        groups=options.group_of,
        options={} if language is None else {"language": language},
        addresses=addresses,
        allow_private=options.allow_private,
        report=ImportReport(
            "table", taken, [], len(sheets[items].table), catalogue, pictures.keys() | addresses.keys()
        ),
    )


def _paths(source: Path, options: TableOptions) -> tuple[Path, Path | None, Path | None]:
    """Where the item table, the outfit table and the pictures are."""
    items, outfits, images = options.items, options.outfits, options.images
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
        raise DataError(f"there is no picture folder {images}; correct --option images or leave it out")
    return items or source, outfits, images


def _only(source: Path, name: str) -> Path | None:
    """The one table of that name in the folder, if any."""
    paths = sheets_named(source, name)
    if len(paths) > 1:
        raise DataError(
            f"{source} has both {paths[0].name} and {paths[1].name}; choose with --option {name}={paths[0]}"
        )
    return paths[0] if paths else None


def _needed(table: pl.DataFrame, of_items: bool) -> list[str]:
    if of_items:
        return ["item_id", "category"]
    return ["outfit_id"] if "item_ids" in table.columns else ["outfit_id", "item_id"]


def _items(
    table: pl.DataFrame, path: Path, groups: dict[str, str], skip_bad: bool
) -> tuple[pl.DataFrame, dict[str, int], list[str]]:
    """Sound items; a missing group follows from the category, a price that is not a number above 0 becomes null."""
    if table.is_empty():
        raise DataError(f"{path} lists no items; add at least one row below the header")
    faults = [
        Fault("item_id", "is empty", is_empty("item_id"), "give the item an id"),
        Fault("item_id", "is also in an earlier row", ~pl.col("item_id").is_first_distinct(), "ids must be unique"),
        Fault("category", "is empty", is_empty("category"), "give the item a category"),
    ]
    if "group" in table.columns:
        invalid = ~is_empty("group") & ~pl.col("group").str.to_lowercase().is_in(GROUPS)
        faults.append(Fault("group", "is not a group", invalid, f"use one of {', '.join(GROUPS)}, or none"))
    if "image" in table.columns:
        escapes = pl.col("image").str.contains(r"(^|[/\\])\.\.([/\\]|$)|^[/\\]|^[A-Za-z]:[/\\]")
        faults.append(Fault("image", "is outside the picture folder", escapes, "give a path inside that folder"))
    items, skipped = without_faults(table, faults, path, skip_bad)
    if items.is_empty():
        raise DataError(f"{path}: none of its {len(table)} items is valid; correct the table")
    notes: list[str] = []
    if "price" in items.columns:
        items, notes = _priced(items, path, skip_bad)
    if "title" in items.columns:
        untitled = items.select(is_empty("title").sum()).item()
        notes += [f"{untitled} items have no title"] if untitled else []
    items, more = _grouped(items, path, groups, skip_bad)
    return items.with_columns(pl.when(pl.col(pl.String) != "").then(pl.col(pl.String))), skipped, notes + more


def _priced(items: pl.DataFrame, path: Path, skip_bad: bool) -> tuple[pl.DataFrame, list[str]]:
    """Prices as numbers above 0, null where there is none, and what is to be said of them."""
    column = items["price"]
    read = prices(column)
    if len(read.odd) and not read.values.count() and not skip_bad:
        raise DataError(
            f"{path}: no price can be read (the first is {read.odd[0]!r}); write prices as numbers above 0, {GO_ON}"
        )
    notes = about_prices([read])
    if len(kinds := currencies(column)) > 1:
        notes.append(
            f"prices are in several currencies ({', '.join(kinds)}), which filters and sums do not distinguish"
        )
    return items.with_columns(read.values.alias("price")), notes


def _grouped(items: pl.DataFrame, path: Path, groups: dict[str, str], skip_bad: bool) -> tuple[pl.DataFrame, list[str]]:
    """Groups: the item's own, else the one chosen for its category, else that of its category's head noun."""
    own = pl.lit(None, pl.String)
    if "group" in items.columns:
        own = pl.when(~is_empty("group")).then(pl.col("group").str.to_lowercase())
    folded = items["category"].map_elements(fold, return_dtype=pl.String)
    chosen = folded.replace_strict(groups, default=None, return_dtype=pl.String)
    items = items.with_columns(group=pl.coalesce(own, chosen))
    guessed = items["group"].is_null()
    items = items.with_columns(group=pl.coalesce("group", group_of(pl.col("category"))))
    names = items["category"].unique(maintain_order=True)
    if guessed.all() and (items["group"] == "other").all() and not skip_bad:
        raise DataError(
            f"{path}: none of its {len(names)} categories is recognised as a garment, the first is "
            f"{names[0]!r}; say their "
            f"groups with --groups FILE (lines like {names[0]}=dress) or in a column group, {GO_ON}"
        )
    unused = sorted(groups.keys() - set(folded.to_list()))
    notes = [f"--groups has {len(unused)} categories that no item has, the first is {unused[0]!r}"] if unused else []
    return items, notes


def _loose(table: pl.DataFrame, path: Path, skip_bad: bool) -> tuple[pl.DataFrame, dict[str, int]]:
    """One row per outfit and item, from either form of table: row, outfit_id, item_id, split, source."""
    if "item_ids" not in table.columns:
        empty = Fault("item_id", "is empty", is_empty("item_id"), "name an item")
        return without_faults(table, [empty], path, skip_bad, whole=None)
    twice = ~pl.col("outfit_id").is_first_distinct() & ~is_empty("outfit_id")
    fault = Fault("outfit_id", "is also in an earlier row", twice, "one row per outfit, or use the long form")
    table, skipped = without_faults(table, [fault], path, skip_bad)
    lists = pl.col("item_ids").str.split(";") if table["item_ids"].dtype == pl.String else pl.col("item_ids")
    table = table.with_columns(item_id=lists.cast(pl.List(pl.String))).explode("item_id")
    table = table.with_columns(ids(table["item_id"]))
    alone = pl.int_range(pl.len()).over("row") == 0  # an empty list stays, to be told as an outfit of no item
    return table.filter(~is_empty("item_id") | alone), skipped


def _outfits(
    loose: pl.DataFrame, path: Path, item_ids: pl.Series, items: Path, skip_bad: bool
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Sound outfits: every item known, two or more of them, one split, a weight above 0 if any."""
    if "weight" not in loose.columns:
        loose = loose.with_columns(weight=pl.lit(None, pl.Float64))
    weight = numbers(loose["weight"])
    weightless = is_odd(loose["weight"], weight) | (weight <= 0)
    absent = [pl.lit("").alias(name) for name in ("split", "source") if name not in loose.columns]
    loose = loose.with_columns(absent).with_columns(pl.col("split", "source").fill_null(""))
    loose = loose.with_columns(pl.col("split").str.to_lowercase().replace(SPLIT_WORDS))
    unknown = ~is_empty("item_id") & ~pl.col("item_id").is_in(item_ids.implode())
    faults = [
        Fault("outfit_id", "is empty", is_empty("outfit_id"), "give the outfit an id"),
        Fault("item_id", f"is not in {items}", unknown, "add the item or remove it from the outfit"),
        Fault(
            "split", "is not a split", ~pl.col("split").is_in(["", *SPLITS]), f"use one of {', '.join(SPLITS)}, or none"
        ),
        Fault("outfit_id", "is in two splits", pl.col("split").n_unique().over("outfit_id") > 1, "choose one"),
        Fault("weight", "is not a number above 0", pl.col("weightless"), "correct it, or leave it empty for 1"),
    ]
    loose = loose.with_columns(weightless=weightless)
    loose, skipped = without_faults(loose, faults, path, skip_bad, whole="outfit_id")
    worn = loose.unique(["outfit_id", "item_id"], keep="first", maintain_order=True)
    few = pl.col("item_id").filter(~is_empty("item_id")).count().over("outfit_id") < 2
    lone = Fault("outfit_id", "has fewer than two items", few, "add an item or remove the outfit")
    skipped[f"{path.name}: items named twice in one outfit"] = len(loose) - len(worn)
    worn, short = without_faults(worn, [lone], path, skip_bad, whole="outfit_id")
    table = worn.group_by("outfit_id", maintain_order=True).agg(
        pl.col("split").first(), pl.col("source").first(), pl.col("weight").drop_nulls().first(), item_ids="item_id"
    )
    return table.with_columns(numbers(table["weight"]).alias("weight")), skipped | short


def _pictures(
    items: pl.DataFrame, images: Path | None, path: Path, skip_bad: bool
) -> tuple[dict[str, Path], dict[str, int], list[str]]:
    """Item id → picture, what was left out, and what is to be said of them.

    A picture is named in the column ``image``, from inside the picture folder; without that column it is the file
    called ``<item_id>.jpg`` (or .png, ...).
    """
    photos = Photos(images)
    notes: list[str] = []
    if "image" in items.columns:
        wanted = dict(items.select("item_id", "image").drop_nulls().iter_rows())
        files = photos.named(wanted.values())
        pictures = {item_id: files[name] for item_id, name in wanted.items() if name in files}
        if wanted and not pictures and not skip_bad:
            where = f"in {images}" if images is not None else "here, because there is no picture folder"
            raise DataError(
                f"{path} names {len(wanted)} pictures and none is {where} (the first is "
                f"{next(iter(wanted.values()))!r}); correct the column image or --option images=FOLDER, {GO_ON}"
            )
        lost = {"missing pictures that the item table names": len(wanted) - len(pictures)}
        return pictures, photos.left_out | lost, notes
    pictures, several = photos.by_stem(items["item_id"])
    if images is not None and not pictures and not skip_bad:
        first = next(iter(photos.files), None)
        have = f"the first file is {first!r}, the first item {items['item_id'][0]!r}" if first else "it is empty"
        raise DataError(
            f"no picture in {images} is named after an item id ({have}); list the pictures in a column image, {GO_ON}"
        )
    if several:
        names = next(iter(several.values()))
        notes.append(f"{len(several)} items have several pictures; the first by name is used: {', '.join(names[:3])}")
    return pictures, photos.left_out, notes
