"""polyvore-outfits: users' outfits, split disjoint or not (Vasileva et al. 2018, "Learning Type-Aware Embeddings")."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl

from goeswith.data.dataset import Imported
from goeswith.data.garments import ENGLISH, group_of
from goeswith.data.outfits import SPLITS
from goeswith.data.readers.official import compatibility, fill_in_blank
from goeswith.errors import ConfigError, DataError
from goeswith.files import expect_files, read_json, read_lines

VARIANTS = ("nondisjoint", "disjoint")
METADATA, CODES, CATEGORIES = "polyvore_item_metadata.json", "train_category.json", "categories.csv"

GROUP_OF_KIND = {
    "tops": "top", "bottoms": "bottom", "all-body": "dress", "outerwear": "outer", "shoes": "shoes", "bags": "bag",
    "accessories": "accessory", "jewellery": "accessory", "hats": "accessory", "scarves": "accessory",
    "sunglasses": "accessory",
}  # fmt: skip


def read(source: Path, *, variant: str = "", seed: int = 0) -> Imported:
    """Read <variant>/train.json, valid.json, test.json (those that are there), metadata, images/ and question files.

    Args:
        source: the published folder, or a folder that holds the files of one variant itself.
        variant: "nondisjoint" (default), or "disjoint" = no test item is seen in training.
        seed: decides the order of the candidates in the official questions.

    Raises:
        ConfigError: unknown variant.
        DataError: no outfit file of that variant is there, or a file is broken.
    """
    expect_files(source, "polyvore-outfits", [CATEGORIES])
    folder, notes = _folder(source, variant)
    here = [split for split in SPLITS if (folder / f"{split}.json").is_file()]
    if not here:
        raise DataError(
            f"{folder} is not a folder of layout 'polyvore-outfits': it has none of train.json, valid.json, test.json; "
            "give the folder with the publisher's unpacked files"
        )
    rows = pl.concat(_rows(folder / f"{split}.json", split) for split in here)
    worn = rows.unique(["set_id", "item_id"], keep="first", maintain_order=True)
    outfits = worn.group_by("set_id", maintain_order=True).agg(pl.col("split").first(), item_ids="item_id")
    lone = outfits["item_ids"].list.len() < 2
    items = _items(source, worn.select("item_id").unique(maintain_order=True))
    skipped = {
        "rows that repeat an item of an outfit": len(rows) - len(worn),
        "outfits with a single item": int(lone.sum()),
    }

    questions: dict[str, pl.DataFrame] = {}
    for split in here:
        names = rows.filter(pl.col("split") == split).select("item_id", "name")
        blanks, labelled = folder / f"fill_in_blank_{split}.json", folder / f"compatibility_{split}.txt"
        if blanks.is_file():
            questions[f"official-{split}-fitb"], left = fill_in_blank(blanks, names, split, seed)
            skipped |= left
        if labelled.is_file():
            questions[f"official-{split}-compat"], left = compatibility(labelled, names, split)
            skipped |= left
    pictures = set(os.listdir(source / "images")) if (source / "images").is_dir() else set()
    files = {item_id: f"{item_id}.jpg" for item_id in items["item_id"]}
    absent = [f"{split}.json" for split in SPLITS if split not in here]
    absent += [name for name in (METADATA, "images") if not (source / name).exists()]
    unknown = int((items["category"] == "unknown").sum())
    return Imported(
        items=items,
        outfits=outfits.filter(~lone).rename({"set_id": "outfit_id"}),
        source="Polyvore Outfits 1.0, Vasileva et al. 2018",
        licence="research and education only; pictures and texts belong to others",
        images={item_id: source / "images" / file for item_id, file in files.items() if file in pictures},
        questions={title: table for title, table in questions.items() if len(table)},
        skipped=skipped,
        notes=notes
        + ([f"missing from the full publication: {', '.join(absent)}"] if absent else [])
        + ([f"{unknown:,} items have no published category and are kept as 'unknown'"] if unknown else []),
    )


def _folder(source: Path, variant: str) -> tuple[Path, list[str]]:
    """Where the outfit files of a variant lie, and a note on it."""
    if variant and variant not in VARIANTS:
        raise ConfigError(f"there is no variant {variant!r} of polyvore-outfits; choose one of {', '.join(VARIANTS)}")
    if any((source / name).is_dir() for name in VARIANTS):
        variant = variant or VARIANTS[0]
        if not (source / variant).is_dir():
            raise DataError(f"{source} has no folder {variant}; choose the other with --option variant=")
        return source / variant, [f"variant: {variant}"]
    if variant:
        raise DataError(f"{source} has no folder {variant}; import its own files without --option variant")
    return source, ["the files are in the folder itself, so it is unknown whether they are disjoint or nondisjoint"]


def _rows(path: Path, split: str) -> pl.DataFrame:
    """One row per item of an outfit: set_id, item_id, name (as question files call it), split."""
    try:
        table = pl.DataFrame(read_json(path, list)).select("set_id", "items").explode("items").unnest("items")
        item, outfit = pl.col("item_id").cast(pl.String), pl.col("set_id").cast(pl.String)
        name = outfit + "_" + pl.col("index").cast(pl.String)
        return table.select(set_id=outfit, item_id=item, name=name, split=pl.lit(split))
    except (pl.exceptions.PolarsError, TypeError) as error:
        raise DataError(f"{path} is not a list of outfits with their items: {str(error).splitlines()[0]}") from None


def _items(source: Path, items: pl.DataFrame) -> pl.DataFrame:
    """Category, group and title of items, from the metadata or, where these are missing, from category codes alone."""
    if (source / METADATA).is_file():
        metadata = read_json(source / METADATA, dict)
        facts = {
            name: [metadata.get(item_id, {}).get(name) for item_id in items["item_id"]]
            for name in ("category_id", "title", "url_name")
        }
    else:
        codes = read_json(source / CODES, dict) if (source / CODES).is_file() else {}
        blank = [None] * len(items)
        facts = {"category_id": [codes.get(item_id) for item_id in items["item_id"]], "title": blank, "url_name": blank}
    names = read_lines(source / CATEGORIES).str.split(",").to_frame("parts")
    names = names.select(
        code=pl.col("parts").list.get(0), name=pl.col("parts").list.get(1), kind=pl.col("parts").list.get(2)
    )
    names = names.group_by("code").agg(pl.col("name").unique(maintain_order=True).str.join("/"), pl.col("kind").first())
    items = items.with_columns(pl.Series(name, values, dtype=pl.String, strict=False) for name, values in facts.items())
    items = items.join(names, left_on="category_id", right_on="code", how="left", maintain_order="left")
    title = pl.coalesce(pl.when(pl.col(name).str.strip_chars() != "").then(name) for name in ("title", "url_name"))
    kind = pl.col("kind").str.strip_chars().replace_strict(GROUP_OF_KIND, default=None)
    return items.select(
        "item_id",
        category=pl.col("name").fill_null("unknown"),
        group=pl.coalesce(kind, group_of(pl.col("name"), ENGLISH)),
        title=title.str.strip_chars(),
    )
