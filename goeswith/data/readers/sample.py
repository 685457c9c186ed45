"""The generated sample: a wardrobe with pictures, outfits by designers and by users, and the taste behind them."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from goeswith.data.catalogue import Catalogue
from goeswith.data.dataset import Imported
from goeswith.data.sample.drawing import draw
from goeswith.data.sample.outfits import make_outfits
from goeswith.data.sample.taste import Taste
from goeswith.data.sample.wardrobe import POOLS, SMALLEST_POOL, make_items
from goeswith.data.scorer import Scorer
from goeswith.errors import ConfigError

SMALLEST_ITEMS = SMALLEST_POOL * len(POOLS)
SMALLEST_OUTFITS = 20
_AT_ONCE = 32


def read(
    source: Path | None = None,
    *,
    workdir: Path,
    outfits: int = 3000,
    items: int = 2000,
    seed: int = 0,
    size: int = 224,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Imported:
    """Make up a wardrobe, draw it into `workdir` and put outfits together. Equal arguments, equal bytes.

    Args:
        source: nothing is read; must be None.
        workdir: folder for the pictures, one JPEG an item.
        outfits: how many, half by `designers`, half by `users`.
        items: how many, spread evenly over every category and season.
        size: pixels along a picture.
        workers: processes that draw; by default one a core. They never change the pictures.
        progress: called with pictures drawn so far and in total.

    Raises:
        ConfigError: an option is out of range, or a source was given.
    """
    if source is not None:
        raise ConfigError(f"the sample is generated and takes no source; leave out {str(source)!r}")
    for flag, value, least in (
        ("--outfits ", outfits, SMALLEST_OUTFITS),
        ("--option items=", items, SMALLEST_ITEMS),
    ):
        if value < least:
            raise ConfigError(f"{flag}{value} is too few for the sample; give {least} or more")
    if not 32 <= size <= 1024:
        raise ConfigError(f"--option size={size} is not a picture size of the sample; choose 32 to 1024 pixels")
    if seed < 0:
        raise ConfigError(f"--seed {seed} is negative; choose 0 or more")

    luck = np.random.default_rng(seed)
    table = make_items(items, luck)
    worn = make_outfits(Catalogue(table), outfits, luck)
    images = _draw_all(table, workdir, seed, size, workers or os.cpu_count() or 1, progress)
    return Imported(
        items=table,
        outfits=worn,
        source=f"drawn by goeswith (seed {seed})",
        licence="Apache-2.0",
        images=images,
        notes=["A made-up wardrobe: its true compatibility is known, so reports can print the oracle's ceiling."],
    )


def oracle(catalogue: Catalogue) -> Scorer:
    """The true compatibility of the generated sample, see `goeswith.data.sample.taste`: the ceiling of any model.

    Raises:
        CatalogueError: the catalogue is not a generated sample's.
    """
    return Taste(catalogue)


def _draw_all(
    table: pl.DataFrame,
    folder: Path,
    seed: int,
    size: int,
    workers: int,
    progress: Callable[[int, int], None] | None,
) -> dict[str, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    rows = table.select("item_id", "category", "colour", "pattern", "material", "season").rows()
    chunks = [range(at, min(at + _AT_ONCE, len(rows))) for at in range(0, len(rows), _AT_ONCE)]
    paint = partial(_draw_some, rows=rows, folder=folder, seed=seed, size=size)
    done = 0
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawn, initializer=_end_with_parent) as pool:
        for count in map(paint, chunks) if workers == 1 else pool.map(paint, chunks):
            done += count
            if progress:
                progress(done, len(rows))
    return {row[0]: folder / f"{row[0]}.jpg" for row in rows}


def _end_with_parent() -> None:
    """End this worker when its parent is killed; by itself it would wait for work for ever."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _draw_some(numbers: range, *, rows: list[tuple[str, ...]], folder: Path, seed: int, size: int) -> int:
    for number in numbers:
        item_id, category, colour, pattern, material, season = rows[number]
        picture = draw(category, colour, pattern, material, summer=season == "summer", seed=(seed, number), size=size)
        picture.save(folder / f"{item_id}.jpg", quality=90)
    return len(numbers)
