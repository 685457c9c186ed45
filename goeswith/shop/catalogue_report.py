"""Catalogue report: what a catalogue lacks and what that costs, equal pictures, items that no look can use."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from goeswith.data.catalogue import Catalogue
from goeswith.data.dataset import Dataset
from goeswith.data.encoders.encode import PICTURES, WORDS, usual_encoders
from goeswith.data.features import features_path, load_features, read_metadata
from goeswith.data.filters import Filters
from goeswith.data.products import same_pictures
from goeswith.data.shelf import Shelf, shelf
from goeswith.data.text import title_or_labels
from goeswith.files import sha256
from goeswith.shop.coherence import COLUMNS, agreeing
from goeswith.tables import plain

EFFECTS = {
    "title": "judged by its picture, and its colour and category",
    "image": f"in no look: {PICTURES} has no picture of it to encode",
    "price": "in no look with a budget, passes no price filter",
    "colour": "passes no colour filter, and rules about colours do not count",
    "brand": "passes no brand filter",
    "season": "offered in every season",
    "gender": "offered to everybody",
    "stock": "never offered where only items in stock are",
    "link": "cannot be linked to from a look",
}
"""Column → what becomes of an item that lacks it, where pictures and words are encoded."""
ALONE = {
    PICTURES: {"title": "judged by its picture alone"},
    WORDS: {
        "title": "judged by its colour and category alone",
        "image": "judged by its words alone, and shown without a picture",
    },
}
"""Encoder → what is different where no other is used."""
READS = {PICTURES: "picture", WORDS: "title, colour or category"}
"""Encoder → what an item needs for it."""
CORES = (("top", "bottom", "shoes"), ("dress", "shoes"))
"""What a look has at least."""
SHOWN = 5
"""Item ids, or pictures, that are listed of many."""


@dataclass(frozen=True)
class Missing:
    """A column: how many items lack it, the share of looks that have such an item, and what becomes of it."""

    column: str
    items: int
    looks: float
    effect: str


@dataclass(frozen=True)
class CatalogueReport:
    """What is to be said of a catalogue.

    groups: group → items. missing: columns that some items lack. same_pictures: ids of items of different products
    that have one picture; compared: by what pictures were compared. unusable: reason → ids of items no look can use.
    encoders: by which items are judged if none is named.
    unworn: how many items are in no outfit, where there are any.
    """

    name: str
    items: int
    outfits: int
    groups: Mapping[str, int]
    missing: Sequence[Missing] = ()
    same_pictures: Sequence[Sequence[str]] = ()
    compared: str = ""
    unusable: Mapping[str, Sequence[str]] = field(default_factory=dict)
    unworn: int = 0
    encoders: Sequence[str] = ()

    @property
    def lines(self) -> list[str]:
        """The report as text."""
        groups = ", ".join(f"{group} {count:,}" for group, count in self.groups.items())
        lines = [f"{self.name}: {self.items:,} items ({groups}), {self.outfits:,} outfits"]
        if self.unworn:
            lines.append(f"{self.unworn:,} items are in no outfit")
        if self.encoders:
            lines.append(f"items are judged by {' and '.join(self.encoders)}, unless you name other encoders")
        if self.missing:
            rows = [[part.column, f"{part.items:,}", f"{part.looks:.0%}", part.effect] for part in self.missing]
            lines += ["", *plain(["missing", "items", "share of looks", "effect on these items"], rows).splitlines()]
        lines += [
            "",
            f"{len(self.same_pictures):,} pictures are shared by several products (compared by {self.compared})",
        ]
        lines += [f"  {_some(ids)}" for ids in self.same_pictures[:SHOWN]]
        count = sum(map(len, self.unusable.values()))
        lines.append(f"{count:,} items that no look can use")
        return [*lines, *(f"  {len(ids):,} {reason}: {_some(ids)}" for reason, ids in self.unusable.items())]


def _some(ids: Sequence[str]) -> str:
    return ", ".join(ids[:SHOWN]) + (f" and {len(ids) - SHOWN:,} more" if len(ids) > SHOWN else "")


def check_catalogue(dataset: Dataset) -> CatalogueReport:
    """The report on a data set's catalogue. Pictures are compared by features where they are encoded, else by bytes."""
    catalogue, encoders = dataset.catalogue, usual_encoders(dataset)
    counts = catalogue.items["group"].value_counts().sort("count", "group", descending=[True, False])
    pictures, compared = _same_pictures(dataset)
    worn = np.zeros(len(catalogue), bool)
    worn[dataset.outfits.items] = True
    return CatalogueReport(
        name=dataset.name,
        items=len(catalogue),
        outfits=len(dataset.outfits),
        groups=dict(counts.iter_rows()),
        missing=missing(catalogue, encoders),
        same_pictures=pictures,
        compared=compared,
        unusable=unusable(catalogue, {name: _featureless(dataset, name) for name in encoders}),
        unworn=int((~worn).sum()) if len(dataset.outfits) else 0,
        encoders=encoders,
    )


def missing(catalogue: Catalogue, encoders: Sequence[str] = (PICTURES, WORDS)) -> list[Missing]:
    """The columns of `EFFECTS` that some items lack, the one that costs most looks first."""
    items = catalogue.items
    effects = EFFECTS | (ALONE[encoders[0]] if len(encoders) == 1 else {})
    parts = []
    for column, effect in effects.items():
        lacking = pl.lit(True)
        if column in items.columns:
            lacking = pl.col(column).is_null() | (pl.col(column).cast(pl.String).str.strip_chars() == "")
        lacks = items.select(lacks=lacking.fill_null(True) & pl.col("item_id").is_not_null())["lacks"]
        if lacks.any():
            complete, left = _looks(items["group"]), _looks(items["group"].filter(~lacks))
            parts.append(Missing(column, int(lacks.sum()), 1 - left / complete if complete else 0.0, effect))
    return sorted(parts, key=lambda part: (-part.looks, -part.items, part.column))


def _looks(groups: pl.Series) -> float:
    """How many looks of the least that a look has can be put together."""
    count = dict(groups.value_counts().iter_rows())
    return float(sum(np.prod([float(count.get(group, 0)) for group in core]) for core in CORES))


def unusable(catalogue: Catalogue, featureless: Mapping[str, np.ndarray]) -> dict[str, list[str]]:
    """Reason → ids of the items that no look can use: in group other, without features, or with nothing to go with.

    Args:
        featureless: encoder → (U,) bool: items that it has nothing of to encode; a model needs features by all of them.
    """
    items, goods = catalogue.items, shelf(catalogue)
    unfit = (items["group"] == "other").to_numpy()
    reasons = {"are in group other (say their group with --groups)": unfit}
    for encoder, rows in featureless.items():
        reasons[f"have no {READS[encoder]} that {encoder} can encode"] = rows & ~unfit
        unfit = unfit | rows
    groups = np.where(unfit, "other", items["group"].fill_null("other").to_numpy())
    reasons["have no items for the rest of a look in their season and gender"] = ~_completed(goods, groups) & ~unfit
    ids = items["item_id"]
    return {reason: ids.filter(pl.Series(rows)).to_list() for reason, rows in reasons.items() if rows.any()}


def _featureless(dataset: Dataset, encoder: str) -> np.ndarray:
    """(U,) bool: items that a usual encoder has nothing of to encode, or that it left out."""
    items, path = dataset.catalogue.items, features_path(dataset, encoder)
    left_out = json.loads(read_metadata(path).get("excluded", "{}")) if path.is_file() else {}
    empty = items["image"].is_null() if encoder == PICTURES else pl.Series(title_or_labels(dataset.catalogue)) == ""
    return (empty | items["item_id"].is_in([*left_out])).to_numpy()


def _completed(goods: Shelf, groups: np.ndarray) -> np.ndarray:
    """(U,) bool: items for which there are others, of their season and gender, that make them a look."""
    keys = np.stack([goods.codes(column)[0] for column in COLUMNS], axis=1)
    kinds, first, kind = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    everything = np.arange(len(groups))
    names, codes = np.unique(groups.astype(str), return_inverse=True)
    done = np.zeros(len(groups), bool)
    for number in range(len(kinds)):  # a few: distinct seasons and genders
        available = names[np.unique(codes[agreeing(goods, first[number : number + 1], everything, Filters())])]
        rows = np.flatnonzero(kind.ravel() == number)
        for core in CORES:
            able = np.isin(names, [*core, "outer", "bag", "accessory"])
            for part in core:
                able &= part in available or names == part
            done[rows[able[codes[rows]]]] = True
    return done


def _same_pictures(dataset: Dataset) -> tuple[list[list[str]], str]:
    """Ids of items of different products with one picture, and by what they were compared."""
    items, goods = dataset.catalogue.items, shelf(dataset.catalogue)
    if features_path(dataset, PICTURES).is_file():
        features = load_features(dataset, PICTURES)
        keys = np.where(features.present, 0, -1)
        number, compared = same_pictures(keys, lambda rows: features.values[rows]), f"features of {PICTURES}"
        pictured = features.present
    else:
        paths = [dataset.path / name if name else None for name in items["image"]]
        prints = [sha256(path) if path and path.is_file() else "" for path in paths]
        pictured = np.array(prints) != ""  # of what is lost nothing is said
        number, compared = np.unique(prints, return_inverse=True)[1], "equal files; encode it to find near ones"
    table = items.select("item_id").with_columns(
        picture=pl.Series(number), product=pl.Series(goods.products), there=pl.Series(pictured)
    )
    shared = table.filter("there").group_by("picture", maintain_order=True).agg("item_id", pl.col("product").n_unique())
    return shared.filter(pl.col("product") > 1)["item_id"].to_list(), compared
