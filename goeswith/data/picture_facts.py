"""Picture facts: properties of image files apart from what they show: dimensions, file size, border colour."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from PIL import Image

from goeswith.data.questions import read_info
from goeswith.errors import DataError
from goeswith.files import fresh_file, read_table

if TYPE_CHECKING:
    from goeswith.data.dataset import Dataset

FACTS = ("width", "height", "kilobytes", "border_red", "border_green", "border_blue")
"""Columns of `picture_facts`. Of the border, the outermost pixels of a copy of 32 × 32, the mean from 0 to 255."""
FILE = Path("features") / "picture-facts.parquet"
_SMALL = 32  # pixels of the side of that copy


def picture_facts(dataset: Dataset) -> pl.DataFrame:
    """The facts of each item's picture, by row of the catalogue; null where there is none that can be read.

    They are kept in the data set's folder, where that can be written, until its pictures change.
    """
    path, state = dataset.path / FILE, str(dataset.info.get("checksums", {}).get("images", ""))
    identity = {"catalogue": dataset.catalogue.fingerprint, "images": state}
    if path.is_file():
        with contextlib.suppress(DataError):
            if read_info(path).items() >= identity.items():
                return read_table(path).select(FACTS)
    names = dataset.catalogue.items["image"].to_list()
    rows = [_facts(dataset.path / name) if name else None for name in names]
    missing = (None,) * len(FACTS)
    table = pl.DataFrame([row or missing for row in rows], schema=dict.fromkeys(FACTS, pl.Float64), orient="row")
    if any(rows):
        with contextlib.suppress(OSError, DataError), fresh_file(path) as partial:
            table.write_parquet(partial, metadata=identity)
    return table


def _facts(path: Path) -> tuple[float, ...] | None:
    try:
        with Image.open(path) as picture:
            width, height = picture.size
            picture.draft("RGB", (_SMALL, _SMALL))  # JPEG alone: decodes an eighth of the pixels
            small = np.asarray(picture.convert("RGB").resize((_SMALL, _SMALL), Image.Resampling.BOX), np.float64)
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
    border = np.concatenate([small[0], small[-1], small[1:-1, 0], small[1:-1, -1]]).mean(axis=0)
    return (float(width), float(height), path.stat().st_size / 1000, *map(float, border))
