"""Export: exports of shop systems, in each of their layouts, as items, outfits and picture URLs."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import polars as pl

from goeswith.data.baskets import BESIDE, GO_ON, gather
from goeswith.data.catalogue import GROUPS
from goeswith.data.dataset import Imported
from goeswith.data.garments import fold, group_of
from goeswith.data.import_report import ImportReport
from goeswith.data.readers import FEEDS
from goeswith.data.readers.feed_file import FEED_ENDINGS, JSON, XML, read_feed
from goeswith.data.readers.headers import OR, keys
from goeswith.data.readers.languages import by_language, in_main_language, with_titles
from goeswith.data.readers.options import ExportOptions
from goeswith.data.readers.photos import Photos
from goeswith.data.readers.unread import unread
from goeswith.data.variants import merge
from goeswith.errors import DataError
from goeswith.sheets import sheets_named

ADDRESS = ("http://", "https://")


def recognise(source: Path) -> str:
    """The layout of an export, by the header of its product file; "table" where it is none of `FEEDS`.

    Raises:
        DataError: there is no such file or folder, or it cannot be read.
    """
    if not source.exists():
        raise DataError(f"there is no {source} to import; correct the path, or name a layout before it")
    unreadable: list[DataError] = []
    for path in _files(source):
        try:
            name = _layout_of(path, keys(read_feed(path).table.columns))
        except DataError as error:
            unreadable.append(error)  # of a folder, it may be no product file
            continue
        if name is not None:
            return name
    if unreadable and not (source.is_dir() and sheets_named(source, "items")):
        raise unreadable[0]
    if source.suffix.lower() in XML:
        raise DataError(f"{source} is not recognised as a product feed; name its layout, as in: google {source}")
    return "table"


def _layout_of(path: Path, headers: set[str]) -> str | None:
    if path.suffix.lower() in JSON:
        return "schema-org"
    return next((name for name in FEEDS if _module(name).matches(headers)), None)


def _module(layout: str) -> Any:
    return import_module(f"goeswith.data.readers.{FEEDS[layout]}")


def _files(source: Path) -> list[Path]:
    """The files that may contain products: of a folder, all but the tables with another purpose."""
    if not source.is_dir():
        return [source]
    own = {*BESIDE, "outfits"}
    files = (path for path in sorted(source.iterdir()) if path.name.lower().endswith(FEED_ENDINGS))
    return [path for path in files if path.name.partition(".")[0].lower() not in own]


def read(source: Path, options: ExportOptions, *, layout: str) -> Imported:
    """Read an export of a shop system: variants become items, orders and sets outfits.

    Args:
        source: the product file; or a folder with it (or its parts), and orders.csv, wishes.csv and sets.csv if any.
        options: where and how else to read, see `goeswith.data.readers.options`; columns are those of
            `goeswith.data.variants`, where a header is not the published one.
        layout: one of `FEEDS`.

    Raises:
        DataError: a file is missing or not as the layout has it, or all of something came to nothing.
        ConfigError: a column that is mapped is not there, or nothing is in the language.
    """
    columns, language, skip_bad = options.columns or {}, options.language, options.skip_bad
    table, notes, where, others, files = _products(source, layout, language)
    spoken = in_main_language(table, _module(layout).SPELLINGS, language, columns.values())
    read = _module(layout).variants(spoken.table, columns, where, site=options.site)
    if read.table.is_empty():
        left = ", ".join(f"{count} {why}" for why, count in read.skipped.items() if count)
        raise DataError(f"{where} has no product to import ({left or 'no row has one'}); export it again")
    variants = read.table.filter(pl.col("variant_id").is_null() | pl.struct(pl.all()).is_first_distinct())
    read.skipped["rows that repeat another word by word"] = len(read.table) - len(variants)
    merged = merge(variants, currency=options.currency)
    titled = with_titles(merged, spoken, read.taken, others, where, language)
    items, more = _grouped(titled.items, options.group_of, where, skip_bad)
    if "price" not in items.columns and not skip_bad:
        raise DataError(f"{where}: not one price can be read; write prices as numbers above 0, {GO_ON}")
    outfits = gather(options.baskets, source, items, merged.item_of, skip_bad)
    if outfits.outfits.is_empty():
        outfits.notes.append("no orders, wish lists or sets: a catalogue without outfits")
    pictures, addresses, lost = _pictures(items, options.images)
    if shared := _shared(items):
        more.append(f"{shared:,} items have the picture of another colour, because theirs has none of its own")
    ignored = unread(source, [*files, *others, *outfits.files])
    taken = spoken.in_the_file(read.taken)
    used = {header for column_headers in taken.values() for header in column_headers.split(OR)}
    unused = [name for name in table.columns if name not in used]
    return Imported(
        items=items.drop("image", "further_images", strict=False),
        outfits=outfits.outfits,
        source=str(source),
        licence=options.licence,
        images=pictures,
        addresses=addresses,
        allow_private=options.allow_private,
        skipped=read.skipped | titled.skipped | outfits.skipped | lost,
        notes=[*notes, *read.notes, *merged.notes, *titled.notes, *more, *outfits.notes, *ignored],
        columns=columns,
        groups=options.group_of,
        options=options.texts,
        report=ImportReport(layout, _shown(taken), unused, len(table), items, pictures.keys() | addresses.keys()),
    )


def _shown(taken: dict[str, str]) -> dict[str, str]:
    """Fields of items and the columns that they were taken from, without those that only help to read others."""
    return {name: header for name, header in taken.items() if not name.startswith(("option", "attribute"))}


class _Products(NamedTuple):
    """The rows of all product files of a layout, what was unusual about them, and the first of the files.

    others: tables of the same products in other languages, by their files. read: the files of the rows.
    """

    table: pl.DataFrame
    notes: list[str]
    where: Path
    others: dict[Path, pl.DataFrame]
    read: list[Path]


def _products(source: Path, layout: str, language: str | None) -> _Products:
    if not source.exists():
        raise DataError(f"there is no {source} to import; correct the path")
    sheets = {path: read_feed(path) for path in _files(source)}
    fitting = [path for path, sheet in sheets.items() if _layout_of(path, keys(sheet.table.columns)) == layout]
    if not fitting and len(sheets) == 1:
        fitting = [*sheets]  # whose columns may be mapped
    if not fitting:
        have = ", ".join(path.name for path in sheets) or "no table"
        raise DataError(f"{source} has no product file of layout {layout!r} (it has {have}); name the file itself")
    foreign = by_language(sheets, fitting, language)
    read = [path for path in fitting if path not in foreign]
    notes = [note for path in read for note in sheets[path].notes]
    others = {path: sheets[path].table for path in foreign}
    tables = [sheets[path].table.cast(pl.String) for path in read]
    return _Products(pl.concat(tables, how="diagonal"), notes, read[0], others, read)


def _grouped(
    items: pl.DataFrame, chosen: dict[str, str], where: Path, skip_bad: bool
) -> tuple[pl.DataFrame, list[str]]:
    """With groups: the one chosen for the category, else that of its head noun."""
    names = items["category"].unique(maintain_order=True)
    picked = {name: chosen.get(fold(name)) for name in names}
    mapped = items["category"].replace_strict(picked, default=None, return_dtype=pl.String)
    items = items.with_columns(group=mapped.fill_null(items.select(group_of(pl.col("category"))).to_series()))
    if (items["group"] == GROUPS[-1]).all() and not skip_bad:
        raise DataError(
            f"{where}: not one of its {len(names)} categories names a garment, the first is {names[0]!r}; say their "
            f"groups with --groups FILE (lines like {names[0]}=dress), {GO_ON}"
        )
    unused = sorted(chosen.keys() - set(map(fold, names)))
    return items, [
        f"--groups has {len(unused)} categories that no item has, the first is {unused[0]!r}"
    ] if unused else []


def _shared(items: pl.DataFrame) -> int:
    """How many items have the picture of an earlier colour of their product."""
    if "image" not in items.columns:
        return 0
    again = ~pl.struct("product_id", "image").is_first_distinct() & pl.col("image").is_not_null()
    return int(items.select(again.sum()).item())


def _pictures(items: pl.DataFrame, images: Path | None) -> tuple[dict[str, Path], dict[str, str], dict[str, int]]:
    """Item id → picture file, item id → address of a picture that is to be downloaded, and what was left out."""
    if images is not None and not images.is_dir():
        raise DataError(f"there is no folder {images} of pictures; correct the option images or leave it out")
    if "image" not in items.columns:
        return {}, {}, {}
    named = dict(items.select("item_id", "image").drop_nulls().iter_rows())
    named = {item_id: f"https:{name}" if name.startswith("//") else name for item_id, name in named.items()}
    photos = Photos(images)
    names = {item_id: _file_name(name) for item_id, name in named.items()}
    files = photos.named(names.values())
    pictures = {item_id: files[name] for item_id, name in names.items() if name in files}
    addresses = {
        item_id: name for item_id, name in named.items() if item_id not in pictures and name.lower().startswith(ADDRESS)
    }
    lost = len(named) - len(pictures) - len(addresses)
    return pictures, addresses, photos.left_out | {"pictures that are named but not there": lost}


def _file_name(name: str) -> str:
    """What a picture is called: of an address its last part."""
    return unquote(re.split("[?#]", name)[0].rpartition("/")[2]) if name.lower().startswith(ADDRESS) else name
