"""Approximate: LanceDB search for the few categories too large for an exact one (extra ``scale``).

One table in the index's folder, or in object storage, holds the vectors that the first stage compares and the columns
that filters ask about. Vectors are read from it as they are needed, so that they may be more than memory holds. What
it finds is scored by the full model like any other candidate. An update writes a new version; an index reads the
version that it was written with.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from goeswith.data.filters import COLUMN_OF, Filters
from goeswith.data.shelf import Shelf
from goeswith.errors import DataError
from goeswith.schemas import INDEX_AGAIN

LARGE = 200_000
"""Items of one category from which on they go into the table; below, one matrix product is quick enough."""
ENOUGH = 20_000
"""Where filters leave fewer items of a category than that, they are gathered and multiplied, which is exact."""
PROBED = 64
"""Lists that a query looks at, of √n: fewer are quicker and miss more, see docs/look.md."""
REFINED = 4
"""So many times the results wanted are compared again by their exact vectors."""
SAMPLE, ROUNDS = 64, 20
"""Items a list that k-means learns from, and its iterations at most."""
CHANGED = 0.3
"""Share of changed items from which on the table is written again in full."""
UNINDEXED = 0.1
"""Share of items outside the lists (they are searched by force) from which on the table is compacted."""
VERSIONS = 20
"""Versions after which it is compacted in any case."""
KEPT = timedelta(days=7)
"""How long versions stay that nobody but an older index reads."""
TABLE, FOLDER = "items", "vectors"
"""Name of the table, and of the folder of an index that it is in unless another place is given."""
FEW = 256
"""Distinct values up to which a column has an index of bitmaps; else it has a B-tree."""
BLOCK = 1 << 14
"""Items written at a time."""


def available() -> bool:
    """Whether LanceDB is installed; it is not imported for that, which would take 0.2 GB."""
    return find_spec("lancedb") is not None


def _lancedb() -> Any:
    os.environ.setdefault("LANCEDB_LOG", "error")  # it warns of every list that is empty
    return import_module("lancedb")


def address(index: Path, uri: str) -> str:
    """Where the table of an index is: what index.json says, or, where that is a name alone, a folder of the index."""
    return uri if "/" in uri else str(index / uri)


def condition(filters: Filters) -> str:
    """Filters as SQL over the columns of the table; items that must be excluded are not in it, for they are few."""
    parts = []
    for name, column in COLUMN_OF.items():
        if values := getattr(filters, name):  # in backticks, for "group" is a word of SQL
            parts.append(f"`{column}` IN ({', '.join(map(_quoted, values))})")
    parts += [] if filters.price_min is None else [f"price >= {filters.price_min!r}"]
    parts += [] if filters.price_max is None else [f"price <= {filters.price_max!r}"]
    return " AND ".join(parts + ["stock"] * filters.in_stock)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def columns(shelf: Shelf, rows: np.ndarray, marks: np.ndarray) -> pl.DataFrame:
    """The table's columns but the vectors, for some rows (m,); marks: (m,) of what each vector was made from."""
    there = [name for name in COLUMN_OF.values() if name in shelf.items.columns]
    frame = shelf.items[rows].select("item_id", *(pl.col(name).cast(pl.String) for name in there))
    prices = pl.Series(shelf.prices[rows]).fill_nan(None)
    frame = frame.with_columns(mark=pl.Series(marks), price=prices)
    return frame if shelf.stock is None else frame.with_columns(stock=pl.Series(shelf.stock[rows]))


Keys = Callable[[np.ndarray], Iterator[np.ndarray]]
"""From places (m,) in a frame of `columns`, ascending, to their vectors (m, d), in blocks."""


def update(uri: str, frame: pl.DataFrame, keys: Keys, compacted: int | None) -> tuple[int, int]:
    """Bring the table at `uri` up to date with the items of a frame of `columns`, or make it.

    Items that are new or whose columns have changed are merged in, those that are gone are deleted. The table is
    compacted, and its lists take up what is outside of them, where that is much or after `VERSIONS`.

    compacted: the version that was last compacted; None: the table is written again in full.

    Returns:
        the version that has these items, and the one that was last compacted.
    """
    with _one_sentence(uri, "write"):
        database = _lancedb().connect(uri)
        there = compacted is not None and TABLE in database.list_tables().tables
        merged = _merge(database.open_table(TABLE), frame, keys, compacted or 0) if there else None
        return merged or _create(database, frame, keys)


@contextlib.contextmanager
def _one_sentence(uri: str, action: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, RuntimeError, OSError) as error:
        why = str(error).partition("\n")[0]
        raise DataError(f"cannot {action} the vectors at {uri} ({why}); {INDEX_AGAIN}") from None


def _merge(table: Any, frame: pl.DataFrame, keys: Keys, compacted: int) -> tuple[int, int] | None:
    """As `update`, of a table that is there; None where little of it would stay."""
    old = pl.from_arrow(table.search().select([name for name in table.schema.names if name != "vector"]).to_arrow())
    assert isinstance(old, pl.DataFrame)
    if set(old.columns) != set(frame.columns):
        return None
    fresh = frame.with_row_index("at").join(old, on=frame.columns, how="anti", nulls_equal=True)
    gone = old.join(frame, on="item_id", how="anti")["item_id"].to_list()
    if len(fresh) + len(gone) > CHANGED * len(frame):
        return None
    if len(fresh):
        merge = table.merge_insert("item_id").when_matched_update_all().when_not_matched_insert_all()
        merge.execute(_batches(table.schema, frame, fresh["at"].to_numpy().astype(np.int64), keys))
    for at in range(0, len(gone), BLOCK):
        table.delete(f"item_id IN ({', '.join(map(_quoted, gone[at : at + BLOCK]))})")
    outside = table.index_stats("vector_idx").num_unindexed_rows
    if outside > UNINDEXED * len(frame) or table.version - compacted >= VERSIONS:
        table.optimize(cleanup_older_than=KEPT)
        compacted = table.version
    return table.version, compacted


def _create(database: Any, frame: pl.DataFrame, keys: Keys) -> tuple[int, int]:
    lance, arrow = import_module("lancedb.index"), import_module("pyarrow")
    width = next(keys(np.zeros(1, np.int64))).shape[1]
    kinds = {pl.String: arrow.string(), pl.Int64: arrow.int64(), pl.Float64: arrow.float64(), pl.Boolean: arrow.bool_()}
    fields = arrow.schema([(name, kinds[type(kind)]) for name, kind in frame.schema.items()])
    fields = fields.append(arrow.field("vector", arrow.list_(arrow.float32(), width)))
    batches = _batches(fields, frame, np.arange(len(frame)), keys)
    table = database.create_table(TABLE, batches, schema=fields, mode="overwrite")
    lists = max(1, round(len(frame) ** 0.5))
    made = lance.IvfSq(distance_type="dot", num_partitions=lists, sample_rate=SAMPLE, max_iterations=ROUNDS)
    table.create_index("vector", config=made)
    for name in frame.columns:
        if name != "mark" and frame[name].null_count() < len(frame):
            few = frame[name].dtype != pl.Float64 and frame[name].n_unique() <= FEW
            table.create_index(name, config=lance.Bitmap() if few else lance.BTree())
    return table.version, table.version


def _batches(schema: Any, frame: pl.DataFrame, rows: np.ndarray, keys: Keys) -> Any:
    """Arrow batches of rows (m,) of a frame with their vectors, one block in memory at a time."""
    arrow = import_module("pyarrow")

    def parts() -> Iterator[Any]:
        done = 0
        for block in keys(rows):
            vectors = arrow.FixedSizeListArray.from_arrays(arrow.array(block.ravel()), block.shape[1])
            part = frame[rows[done : done + len(block)]].to_arrow().append_column("vector", vectors)
            done += len(block)
            yield from part.select(schema.names).cast(schema).to_batches()

    return arrow.RecordBatchReader.from_batches(schema, parts())


class Vectors:
    """The table of an index, opened at its version.

    Raises:
        DataError: it is gone or broken, or that version is.
    """

    def __init__(self, uri: str, version: int, ids: Sequence[str], categories: Sequence[str]) -> None:
        self.categories = categories
        self.row_of = {item_id: row for row, item_id in enumerate(ids)}
        with _one_sentence(uri, "read"):
            self.table = _lancedb().connect(uri).open_table(TABLE)
            self.table.checkout(version)

    def nearest(
        self, queries: np.ndarray, category: int, count: int, filters: Filters
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rows (B, count) of items of a category that pass, and their inner products with queries (B, d).

        −1 and −inf where there are fewer.
        """
        where = " AND ".join(filter(None, [f"category = {_quoted(self.categories[category])}", condition(filters)]))
        query = self.table.search(queries.astype(np.float32)).distance_type("dot").where(where, prefilter=True)
        query = query.select(["item_id", "_distance"]).limit(count).refine_factor(REFINED)
        hits = query.nprobes(PROBED).to_arrow()
        owner = hits["query_index"].to_numpy() if len(queries) > 1 else np.zeros(len(hits), np.int64)
        rows = np.full((len(queries), count), -1)
        products = np.full((len(queries), count), -np.inf, np.float32)
        order = np.argsort(owner, kind="stable")
        column = np.arange(len(order)) - np.searchsorted(owner[order], owner[order])
        rows[owner[order], column] = [self.row_of[item_id] for item_id in hits["item_id"].take(order).to_pylist()]
        products[owner[order], column] = 1 - hits["_distance"].to_numpy()[order]  # "dot" is 1 − the product
        return rows, products
