"""Approximate: FAISS search for the few categories too large for an exact one (extra ``scale``).

An inverted file over 8-bit keys: a quarter of the memory of the states, a fifth of them looked at. What it finds
is scored by the full model like any other candidate, and where filters leave few items of a category the search is
exact again.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from goeswith.errors import DataError

LARGE = 200_000
"""Items of one category from which on it gets a FAISS index; below, one matrix product is quick enough."""
PROBED = 0.2
"""Share of the lists that a query looks at. Of the best 10 among a million items a twentieth of the lists misses one in
six, a fifth one in fifty."""
TRAINED = 64
"""Items a list that k-means learns from."""


def available() -> bool:
    """Whether FAISS is installed."""
    try:
        import_module("faiss")
    except ImportError:
        return False
    return True


def write(path: Path, blocks: Iterator[np.ndarray], count: int, sample: np.ndarray) -> None:
    """Write a FAISS index of `count` keys (d), given in blocks; the lists are learned from `sample` (m, d)."""
    faiss = import_module("faiss")
    width, lists = sample.shape[1], max(1, round(count**0.5))
    made = faiss.IndexIVFScalarQuantizer(
        faiss.IndexFlatIP(width), width, lists, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
    )
    made.cp.max_points_per_centroid = TRAINED
    made.train(sample)
    for block in blocks:
        made.add(np.ascontiguousarray(block))
    faiss.write_index(made, str(path))


def read(path: Path) -> Any:
    """The index in a file that `write` made.

    Raises:
        DataError: the file is broken.
    """
    try:
        return import_module("faiss").read_index(str(path))
    except RuntimeError as error:
        raise DataError(f"cannot read {path} ({str(error).splitlines()[0]}); build the index again") from None


def search(index: Any, queries: np.ndarray, allowed: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Places (B, count) of keys and their inner products with queries (B, d); place −1 and −inf where there are fewer.

    allowed: (m,) places that may be found, ascending.
    """
    faiss = import_module("faiss")
    bits = np.zeros(index.ntotal, bool)
    bits[allowed] = True
    packed = np.packbits(bits, bitorder="little")
    selector = faiss.IDSelectorBitmap(packed)
    settings = faiss.SearchParametersIVF(sel=selector, nprobe=max(1, round(PROBED * index.nlist)))
    products, positions = index.search(np.ascontiguousarray(queries, np.float32), count, params=settings)
    return positions, np.where(positions < 0, -np.inf, products)
