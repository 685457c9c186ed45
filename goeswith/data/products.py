"""Products: which items of a catalogue are sizes and colours of one product."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

ALIKE = ["title", "category", "brand"]
"""Columns that the items of one product have in common."""
COMPUTED = "~"
"""What a product's number begins with where the shop gave none."""
NEAR = 0.995
"""Cosine of two pictures' features from which they are one picture: the same photo, scaled or compressed again."""
NEIGHBOURS = 8
"""Items that each is compared with, in an order in which equal pictures stand side by side."""
BLOCK = 1 << 14
"""Items whose features are read at a time."""

Read = Callable[[np.ndarray], np.ndarray]
"""From rows (n,) to features of their pictures (n, D); zeros for an item without."""


def products(items: pl.DataFrame, pictures: Read | None = None) -> np.ndarray:
    """(U,) int64: equal for the items of one product, numbered from 0 in the order of their first items.

    A column ``product_id`` says so where it says something. Of the other items, those of one title, category and brand
    are one product where their pictures are the same (sizes, or a photo that was uploaded twice), or where each picture
    among them has another colour. Shops that write the colour into the title, or give many garments one plain title,
    have items that stay apart.
    """
    own = pl.concat_str(pl.lit("item\x1f"), pl.col("item_id"))
    declared = pl.lit(None, pl.String)
    if "product_id" in items.columns:
        declared = pl.concat_str(pl.lit("product\x1f"), pl.col("product_id").cast(pl.String))
    titled = (pl.col("title").str.strip_chars() != "") & declared.is_null()
    key = pl.when(titled).then(pl.concat_str(pl.lit("title"), *ALIKE, separator="\x1f", ignore_nulls=True))
    keys = items.select(key=key.rank("dense").cast(pl.Int64).fill_null(0) - 1)["key"].to_numpy()
    picture = np.arange(len(items)) if pictures is None else same_pictures(keys, pictures)
    table = items.with_columns(key=pl.Series(keys), picture=pl.Series(picture))
    colour = pl.col("colour")
    one_each = (colour.n_unique() == pl.col("picture").n_unique()) & colour.is_not_null().all()
    plain = colour.n_unique().over("key", "picture") == 1  # else a picture stands for two colours
    varied = (pl.col("key") >= 0) & (one_each.over("key") & plain.all().over("key"))
    by_key = pl.when(varied).then(pl.concat_str(pl.lit("key\x1f"), "key"))
    shared = pl.concat_str(pl.lit("picture\x1f"), "picture") if pictures is not None else own
    named = table.select(product=pl.coalesce(declared, by_key, shared))["product"]
    return _numbered(named)


def same_pictures(keys: np.ndarray, pictures: Read) -> np.ndarray:
    """(U,) numbers, equal for items of one key whose pictures are the same, directly or through others.

    Sorting by a projection brings equal vectors together, so that each is compared with a few neighbours only.

    keys: (U,) int64; items with a negative one are compared with none.
    """
    rows = np.flatnonzero(keys >= 0)
    rows = rows[np.bincount(keys[rows], minlength=1)[keys[rows]] > 1] if len(rows) else rows
    if not len(rows):
        return np.arange(len(keys))
    line = np.concatenate([_project(_unit(pictures(part))) for part in _blocks(rows)])
    rows = rows[np.lexsort((line, keys[rows]))]
    edges: list[np.ndarray] = []
    for start in range(0, len(rows), BLOCK):
        part = rows[start : start + BLOCK + NEIGHBOURS]
        values = _unit(pictures(part))
        for step in range(1, min(NEIGHBOURS + 1, len(part))):
            near = np.einsum("nd,nd->n", values[:-step], values[step:]) >= NEAR
            near &= keys[part[:-step]] == keys[part[step:]]
            edges.append(np.stack([part[:-step][near], part[step:][near]]))
    first, second = np.concatenate(edges, axis=1)
    graph = coo_matrix((np.ones(len(first), bool), (first, second)), shape=(len(keys), len(keys)))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def _blocks(rows: np.ndarray) -> list[np.ndarray]:
    return [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]


def _unit(values: np.ndarray) -> np.ndarray:
    unit: np.ndarray = values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
    return unit


def _project(values: np.ndarray) -> np.ndarray:
    """(n,) the vectors' places along a fixed random direction."""
    direction = np.random.default_rng(0).standard_normal((values.shape[1], 1))
    line: np.ndarray = (values @ direction.astype(values.dtype))[:, 0]
    return line


def _numbered(named: pl.Series) -> np.ndarray:
    """(U,) the number of each name, in the order in which they first stand."""
    first = named.to_frame("name").with_row_index("row").select(pl.col("row").min().over("name"))["row"]
    return first.rank("dense").to_numpy().astype(np.int64) - 1
