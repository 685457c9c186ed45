"""A small shop whose every answer can be found by trying everything, shared by the tests of index and look."""

import itertools
import json
from pathlib import Path

import numpy as np
import polars as pl
from worlds import styles_world, write_made

from goeswith.data.catalogue import Catalogue
from goeswith.data.dataset import Dataset, Imported, create
from goeswith.data.features import load_features
from goeswith.data.shelf import shelf
from goeswith.shop.build import build_index
from goeswith.shop.index import Index
from goeswith.shop.stylist import Stylist
from goeswith.train.run import Run
from goeswith.train.training import train

COLOURS = ["black", "white", "red"]


def shop_items(seed: int = 0) -> pl.DataFrame:
    """192 items of four categories: titles that repeat, prices (one in twelve unknown), and what else a shop says."""
    catalogue, _, _ = styles_world(seed=seed)
    chance = np.random.default_rng(seed)
    count = len(catalogue)
    prices = chance.integers(5, 100, count).astype(float)
    return catalogue.items.drop("image").with_columns(
        title=pl.Series([f"thing {row // 3}" for row in range(count)]),
        colour=pl.Series([COLOURS[row % 3] if row % 5 else "blue" for row in range(count)]),
        brand=pl.Series([["Kestrel", "Tilde", None][row // 3 % 3] for row in range(count)]),
        season=pl.Series(chance.choice(["summer", "winter"], count)),
        gender=pl.Series(chance.choice(["women", "unisex"], count)),
        price=pl.Series(np.where(np.arange(count) % 12 == 7, np.nan, prices)).fill_nan(None),
        stock=pl.Series(chance.choice(["0", "3", "in stock", "sold out"], count)),
    )


def shop(folder: Path, items: pl.DataFrame | None = None, without: tuple[str, ...] = (), seed: int = 0) -> Dataset:
    """The shop as a data set with features called ``made``; the items in `without` have none."""
    catalogue, outfits, features = styles_world(seed=seed)
    items = shop_items(seed) if items is None else items
    item_ids = set(items["item_id"])
    frame = outfits.to_frame(catalogue).filter(pl.col("item_ids").list.eval(pl.element().is_in(item_ids)).list.all())
    dataset = create(Imported(items=items, outfits=frame, source="made", licence="none"), folder, layout="test")
    at = dict(zip(catalogue.ids, features, strict=True))
    ids = [item_id for item_id in dataset.catalogue.ids if item_id not in without]
    write_made(
        dataset, ids, np.stack([at.get(item_id, np.full(features.shape[1], 0.5, np.float32)) for item_id in ids])
    )
    return dataset


def trained(dataset: Dataset, out: Path, *settings: str, model: str = "add-gnn") -> Run:
    """A run that took a second."""
    small = ["attributes=2", "hidden=8"] if model == "add-gnn" else ["hidden=8"]
    return train(model, dataset, out, settings=[*small, "epochs=2", "learning_rate=0.01", *settings])


def changed_shop(folder: Path) -> Dataset:
    """A day later: i3 gone, i200 new and in front, i20 in another category, i30 dearer, i40 with a new picture."""
    items = shop_items().filter(pl.col("item_id") != "i3")
    new = items[:1].with_columns(item_id=pl.lit("i200"), title=pl.lit("new"))
    moved = pl.when(pl.col("item_id") == "i20").then(pl.lit("skirt")).otherwise("category")
    dearer = pl.when(pl.col("item_id") == "i30").then(99.5).otherwise("price")
    items = pl.concat([new, items]).with_columns(category=moved, price=dearer)
    dataset = shop(folder, items, without=("i7", "i100"))
    values = load_features(dataset).values.copy()
    values[dataset.catalogue.ids.index("i40")] += 0.25
    ids = [item_id for item_id in dataset.catalogue.ids if item_id not in ("i7", "i100")]
    write_made(dataset, ids, values[dataset.catalogue.rows(ids)])
    return dataset


def indexed(folder: Path, without: tuple[str, ...] = ()) -> tuple[Dataset, Run, Index]:
    """The shop, a run over it and its index."""
    dataset = shop(folder / "data", without=without)
    run = trained(dataset, folder / "run")
    return dataset, run, build_index(run, dataset, folder / "index")


def naive_products(catalogue: Catalogue) -> list[object]:
    """What `Shelf.products` says, item by item: a name for each product."""
    rows = catalogue.items.to_dicts()
    named: list[object] = []
    for row in rows:
        if row.get("product_id") is not None:
            named.append(row["product_id"])
            continue
        alike = [
            r
            for r in rows
            if r.get("product_id") is None
            and [r[c] for c in ("title", "category", "brand")] == [row[c] for c in ("title", "category", "brand")]
        ]
        colours = [r["colour"] for r in alike]
        titled = row["title"] is not None and row["title"].strip()
        by_title = titled and None not in colours and len(set(colours)) == len(colours)
        named.append((row["title"], row["category"], row["brand"]) if by_title else ("own", row["item_id"]))
    return named


def naive_looks(
    index: Index, anchors: list[str], slots: list[list[str]], budget: float | None = None
) -> dict[tuple[str, ...], float]:
    """Every look of anchors and one item a slot (from lists of ids), each set of products by its best score."""
    products, prices = shelf(index.catalogue).products, shelf(index.catalogue).prices
    best: dict[tuple[int, ...], tuple[float, tuple[str, ...]]] = {}
    for chosen in itertools.product(*slots):
        ids = [*anchors, *chosen]
        rows = np.array([index.catalogue.ids.index(item_id) for item_id in ids])
        key = tuple(sorted(products[rows].tolist()))
        if len(set(key)) < len(key):
            continue
        if budget is not None and not prices[rows].sum() <= budget:
            continue
        score = float(index.scorer.score(rows[None], np.ones((1, len(rows)), bool))[0])
        if not np.isnan(score) and (key not in best or score > best[key][0]):
            best[key] = score, tuple(ids)
    return {ids: score for score, ids in best.values()}


def edited(index: Path, **changes: object) -> None:
    """index.json with some values changed."""
    info = json.loads((index / "index.json").read_text())
    (index / "index.json").write_text(json.dumps(info | changes))


class Plain(Stylist):
    """By the score alone, whatever the season and however alike the looks."""

    def complete(self, anchors, **options):
        return super().complete(anchors, **{"coherent": False, "common": None} | options)

    def fill(self, items, slot, **options):
        return super().fill(items, slot, **{"coherent": False} | options)

    def improve(self, items, **options):
        return super().improve(items, **{"coherent": False} | options)


def ids_where(index: Index, test: pl.Expr) -> list[str]:
    """Ids of items that can be offered and pass a test."""
    rows = index.catalogue.items.with_row_index("row").filter(test)
    return [item_id for row, item_id in rows.select("row", "item_id").iter_rows() if index.known[row]]


def of(index: Index, item_ids, column: str) -> list:
    """What a column says of items."""
    values = dict(index.catalogue.items.select("item_id", column).iter_rows())
    return [values[item_id] for item_id in item_ids]


def products(index: Index, item_ids) -> list[int]:
    """The products that items are variants of."""
    return shelf(index.catalogue).products[[index.row_of[item_id] for item_id in item_ids]].tolist()
