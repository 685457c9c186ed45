"""polyvore-maryland: outfits put together by users, as published or in the parts that forks still carry.

Han et al. 2017, "Learning Fashion Compatibility with Bidirectional LSTMs".
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from goeswith.data.dataset import Imported
from goeswith.data.garments import ENGLISH, group_of
from goeswith.data.outfits import SPLITS, Outfits
from goeswith.data.readers.official import compatibility, fill_in_blank, set_ids
from goeswith.data.readers.polyvore_files import FACTS, PARTS, category_names, facts_of
from goeswith.data.splits import assign_splits
from goeswith.errors import ConfigError, DataError
from goeswith.files import expect_files

VARIANTS = ("full", "words", "categories")
FULL = [f"{split}_no_dup.json" for split in SPLITS]
FITB, COMPAT, NAMES = "fill_in_blank_test.json", "fashion_compatibility_prediction.txt", "category_id.txt"

GROUP_OF_KIND = {
    "upper": "top", "top": "top", "bottom": "bottom", "pants": "bottom", "skirt": "bottom", "outwear": "outer",
    "shoe": "shoes", "shoes": "shoes", "bag": "bag",
}  # fmt: skip
"""Every other published kind (necklace, hats, accessory, ...) is an accessory."""
GROUP_OF_CATEGORY = {"Panties & Thongs": "accessory"}
"""Taken as worn: one outfit of the validation split hangs on it, and with it the numbers measured so far."""


def read(source: Path, *, variant: str = "", alike: bool = True, seed: int = 0) -> Imported:
    """Read whatever of the published files is there, and say what was found and what is missing.

    An item is called ``<set_id>_<index>``, as in the official question files. What several files tell about one item
    is put together. Official splits are kept: an outfit that a file of the test set (questions included) or of the
    validation set names belongs there, every other one to training.

    Args:
        source: the folder.
        variant: "full" = every item of train/valid/test_no_dup.json (the default where these are); "words" = the items
            whose name is published and that are worn, without furniture and make-up (the default elsewhere);
            "categories" = the items whose category is published, named or not.
        alike: for "words", leave out the validation and test outfits that lack a top or a bottom. The named training
            outfits (named_items.parquet) were picked to have both, so training shows hardly any dress; without this
            option, 31 % of the test outfits have one.
        seed: decides the order of the candidates in the official questions.

    Raises:
        ConfigError: unknown variant.
        DataError: no file that names outfits is there, one is broken, "full" lacks one, or no item is of the variant.
    """
    expect_files(source, "polyvore-maryland", [])
    here = {name: source / name for name in [*PARTS, FITB, COMPAT, NAMES] if (source / name).is_file()}
    if not set(here) & set(PARTS):
        raise DataError(
            f"{source} is not a folder of layout 'polyvore-maryland': it has none of {', '.join(PARTS)}; "
            "give the folder with the publisher's unpacked files"
        )
    variant = _variant(variant, [name for name in FULL if name not in here], source)
    facts = pl.concat(facts_of(path) for name, path in here.items() if name in PARTS)
    test = [set_ids(here[name]) for name in (FITB, COMPAT) if name in here]
    everything = _one_each(facts, pl.concat(test) if test else pl.Series([], dtype=pl.String))
    items, skipped = _chosen(_described(everything, category_names(here.get(NAMES))), variant)
    if not len(items):
        raise DataError(f"{source} has no item for variant {variant!r}; choose another with --option variant=")

    outfits = items.group_by("set_id", maintain_order=True).agg(pl.col("split").first(), item_ids="item_id")
    outfits = outfits.rename({"set_id": "outfit_id"})
    lone = pl.col("item_ids").list.len() < 2
    skipped["outfits left with one item"] = outfits.select(lone.sum()).item()
    outfits = outfits.filter(~lone)
    if variant == "words" and alike:
        both = items.filter(pl.col("group").is_in(["top", "bottom"])).group_by("set_id").agg(pl.col("group").n_unique())
        incomplete = (pl.col("split") != "train") & ~pl.col("outfit_id").is_in(
            both.filter(pl.col("group") == 2)["set_id"].implode()
        )
        skipped["validation and test outfits without a top and a bottom"] = outfits.select(incomplete.sum()).item()
        outfits = outfits.filter(~incomplete)
    items = items.filter(pl.col("set_id").is_in(outfits["outfit_id"].implode()))
    names = items.select("item_id", name="item_id")
    questions: dict[str, pl.DataFrame] = {}
    if FITB in here:
        questions["official-test-fitb"], left = fill_in_blank(here[FITB], names, "test", seed)
        skipped |= left
    if COMPAT in here:
        questions["official-test-compat"], left = compatibility(here[COMPAT], names, "test")
        skipped |= left
    pictures = {f"{path.parent.name}_{path.stem}": path for path in (source / "images").glob("*/*.jpg")}
    return Imported(
        items=items.drop("set_id", "split"),
        outfits=outfits,
        source="Maryland Polyvore, xthan/polyvore-dataset and forks",
        licence="Apache-2.0 (files); pictures and names belong to others; research use",
        images={item_id: pictures[item_id] for item_id in items["item_id"] if item_id in pictures},
        questions={title: table for title, table in questions.items() if len(table)},
        skipped=skipped,
        notes=[f"variant: {variant}", *_inventory(source, here, facts), *_warnings(items, outfits)],
    )


def _variant(requested: str, missing: list[str], source: Path) -> str:
    variant = requested or ("words" if missing else "full")
    if variant not in VARIANTS:
        raise ConfigError(f"there is no variant {variant!r} of polyvore-maryland; choose one of {', '.join(VARIANTS)}")
    if variant == "full" and missing:
        raise DataError(f"{source} lacks {', '.join(missing)}, which variant 'full' needs; use --option variant=words")
    return variant


def _one_each(facts: pl.DataFrame, test: pl.Series) -> pl.DataFrame:
    """One row per item with all its facts, and its outfit's official split; ordered by outfit and index."""
    columns = [pl.col(name).drop_nulls().first() for name in FACTS if name not in ("set_id", "index", "file", "split")]
    items = facts.group_by("set_id", "index", maintain_order=True).agg(*columns)
    strictest = pl.col("split").replace_strict({"valid": 1, "test": 2}, default=0).max()
    rank = pl.when(pl.col("set_id").is_in(test.unique().implode())).then(2).otherwise("place")
    official = facts.group_by("set_id").agg(place=strictest).with_columns(place=rank)
    splits = official.select("set_id", split=rank.replace_strict(dict(enumerate(SPLITS)), return_dtype=pl.String))
    items = items.join(splits, on="set_id", how="left")
    return items.sort(pl.col("set_id").cast(pl.Int64, strict=False), "set_id", "index")


def _described(items: pl.DataFrame, names: dict[str, str]) -> pl.DataFrame:
    """Items with id, readable category and group; a price of −1 or 0 and an empty name become null."""
    chosen = pl.col("category").replace_strict(GROUP_OF_CATEGORY, default=None, return_dtype=pl.String)
    group = pl.coalesce(chosen, group_of(pl.col("category"), ENGLISH))
    kind = pl.col("kind").replace_strict(GROUP_OF_KIND, default=pl.lit("accessory"))
    return items.with_columns(
        item_id=pl.col("set_id") + "_" + pl.col("index").cast(pl.String),
        named=pl.col("title").is_not_null(),
        title=pl.when(pl.col("title").str.strip_chars() != "").then(pl.col("title").str.strip_chars()),
        price=pl.when(pl.col("price") > 0).then("price"),
        category=pl.col("code").replace(names),
    ).with_columns(
        group=pl.when(group != "other").then(group).when(pl.col("kind").is_null()).then(pl.lit("other")).otherwise(kind)
    )


def _chosen(items: pl.DataFrame, variant: str) -> tuple[pl.DataFrame, dict[str, int]]:
    """The items of a variant, and how many were left out for what."""
    worn = (pl.col("group") != "other") | (pl.col("category") == "Clothing")
    reasons = {"items whose category is not published": pl.col("category").is_null()}
    if variant == "words":
        reasons |= {"items whose name is not published": ~pl.col("named"), "items in no outfit": ~worn}
    skipped = {}
    for reason, test in reasons.items():
        skipped[reason] = items.select(test.sum()).item()
        items = items.filter(~test)
    return items.drop("index", "code", "kind", "named"), skipped


def _inventory(source: Path, here: dict[str, Path], facts: pl.DataFrame) -> list[str]:
    """What each file brought, and which published files are missing."""
    counts = facts.group_by("file", maintain_order=True).agg(pl.len(), sets=pl.col("set_id").n_unique())
    notes = [f"found {file}: {rows:,} items of {sets:,} outfits" for file, rows, sets in counts.iter_rows()]
    notes += [f"found {name}" for name in (FITB, COMPAT, NAMES) if name in here]
    missing = [name for name in (*FULL, FITB, COMPAT, NAMES) if name not in here]
    missing += [] if (source / "images").is_dir() else ["images/"]
    return notes + ([f"missing from the full publication: {', '.join(missing)}"] if missing else [])


def _warnings(items: pl.DataFrame, outfits: pl.DataFrame) -> list[str]:
    """What a reader of results should know: items without name, kinds that training lacks, names that training has."""
    sizes = {split: int((outfits["split"] == split).sum()) for split in SPLITS}
    notes = [f"outfits: {', '.join(f'{count:,} {split}' for split, count in sizes.items())}"]
    notes += [f"{items['title'].null_count():,} items are kept without a name (empty, or not published)"]
    dressed = items.filter(pl.col("group") == "dress").group_by("split").agg(pl.col("set_id").n_unique())
    parts = [f"{count / sizes[split]:.1%} of {split}" for split, count in dressed.sort("split").iter_rows()]
    notes += [f"outfits with a dress: {', '.join(parts) or 'none'}"]
    seen = _seen_by_name(items)
    if seen["test_overlap"] is not None:
        notes.append(
            "no item id is shared between outfits; by category and name "
            f"{seen['test_overlap']:.1%} of the test outfits share 80 % of their items with a training outfit, "
            f"and {1 - seen['test_items_unseen']:.1%} of the distinct test items are in training"
        )
    return notes


def _seen_by_name(items: pl.DataFrame) -> dict[str, Any]:
    """The split report that follows when items of one category and name count as one; unnamed ones stay apart."""
    name = pl.coalesce("title", "item_id") + "\x1f" + pl.col("category")
    rows = items.select("set_id", "split", thing=name.rank("dense").cast(pl.Int64) - 1)
    lists = rows.group_by("set_id", maintain_order=True).agg(pl.len(), pl.col("split").first())
    blank = np.full(len(lists), "", dtype=object)
    offsets = np.concatenate([[0], lists["len"].cum_sum().to_numpy()]).astype(np.int64)
    splits = lists["split"].to_numpy().astype(object)
    by_name = Outfits(rows["thing"].to_numpy(), offsets, blank, splits, blank)
    report: dict[str, Any] = assign_splits(by_name, 0)[1]["sources"]["all"]
    return report
