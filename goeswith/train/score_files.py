"""Score files: scores of outfits in many Parquet files, here or in object storage, by an engine's workers."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import fsspec
import polars as pl

from goeswith.data.dataset import Dataset
from goeswith.data.engine import check, spread
from goeswith.data.outfits import Outfits
from goeswith.data.shelf import shelf
from goeswith.errors import DataError
from goeswith.train.run import Run


class FileScorer:
    """What a worker does: it opens run and data set once, and turns files of outfits into files of scores."""

    def __init__(self, run: str, dataset: str) -> None:
        opened = Dataset(dataset)
        self.catalogue, self.scorer = opened.catalogue, Run(run).scorer(opened)

    def __call__(self, part: tuple[str, str]) -> bytes:
        """Score the outfits of one file into another; returns as JSON how many they are and how many have no score."""
        source, out = map(str, part)
        try:
            with fsspec.open(source, "rb") as file:
                frame = pl.read_parquet(file.read())
        except (OSError, pl.exceptions.PolarsError) as error:
            why = str(error).partition("\n")[0]
            raise DataError(f"cannot read {source} ({why}); write the file again") from None
        if frame.schema.get("item_ids") != pl.List(pl.String):
            raise DataError(f"{source} needs the columns outfit_id and item_ids, a list of texts; write the file again")
        outfits = Outfits.from_frame(self._named(frame, source), self.catalogue, source)
        scores = self.scorer.score(*outfits.padded())
        table = {"outfit_id": outfits.outfit_ids.tolist(), "items": outfits.lengths, "score": scores}
        scored = pl.DataFrame(table).with_columns(pl.col("score").fill_nan(None))
        buffer = io.BytesIO()
        scored.write_parquet(buffer)
        system, path = fsspec.core.url_to_fs(out)
        system.pipe_file(f"{path}.partial", buffer.getvalue())
        system.mv(f"{path}.partial", path)
        return json.dumps([len(scored), scored["score"].null_count()]).encode()

    def _named(self, frame: pl.DataFrame, source: str) -> pl.DataFrame:
        """The outfits of a file by the ids of their items, which may have other names there."""
        each = frame.select("outfit_id", "item_ids").with_row_index("row", offset=1).explode("item_ids")

        def where(index: int) -> str:
            row, outfit_id, _ = each.row(index)
            return f"{source}, row {row}: outfit {str(outfit_id)!r}"

        ids = shelf(self.catalogue).other_names(each["item_ids"], where)
        return frame.select("outfit_id", pl.col("item_ids").list.eval(pl.element().replace(ids)))


def score_files(
    run: str,
    dataset: str,
    source: str,
    out: str,
    *,
    engine: str,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, int]:
    """Score the outfits of all Parquet files in a folder into files of the same names in another; both by address.

    Files that are there are kept: if interrupted, the same call goes on. Ids that occur in two files are not noticed.

    Args:
        source, out: folders, or addresses of ones that fsspec knows, such as ``s3://bucket/outfits``.
        engine, workers: see `goeswith.data.engine.spread`. progress: called with files done and in all.

    Returns:
        how many files, outfits, and of those how many without a score; and how many files were there already.

    Raises:
        DataError: there are no files, one is broken, or it has a name of no item or of several.
        ConfigError: there is no such engine, or no package for such an address.
    """
    check(engine)
    (system, folder), (target, folder_out) = _folder(source), _folder(out)
    files = _tables(system, folder)
    if not files:
        raise DataError(f"{source} has no Parquet files; give a folder of some with outfit_id and item_ids")
    target.makedirs(folder_out, exist_ok=True)
    there = {path.rpartition("/")[2] for path in _tables(target, folder_out)}
    names = [path.rpartition("/")[2] for path in files]
    todo = [
        (system.unstrip_protocol(path), target.unstrip_protocol(f"{folder_out}/{name}"))
        for path, name in zip(files, names, strict=True)
        if name not in there
    ]
    counts = {"files": len(files), "outfits": 0, "without a score": 0, "kept": len(files) - len(todo)}
    for done, result in enumerate(spread(engine, partial(FileScorer, run, dataset), todo, workers) if todo else (), 1):
        outfits, silent = json.loads(result)
        counts["outfits"] += outfits
        counts["without a score"] += silent
        if progress:
            progress(counts["kept"] + done, len(files))
    return counts


def _tables(system: Any, folder: str) -> list[str]:
    """Paths of the Parquet files in a folder, whatever the case of their endings."""
    return sorted(path for path in system.find(folder, maxdepth=1) if path.lower().endswith(".parquet"))


def _folder(address: str) -> tuple[Any, str]:
    try:
        system, path = fsspec.core.url_to_fs(address)
    except (ValueError, ImportError) as error:
        raise DataError(f"cannot open {address} ({error}); check the address") from None
    return system, path.rstrip("/")
