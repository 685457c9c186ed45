"""Picture hashes: SHA-256 of picture files, kept with their size and time, so that unchanged ones are not read again.

pictures.parquet: path (of the source, or in the data set's folder), size, modified (nanoseconds), sha256
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import polars as pl

from goeswith.errors import DataError
from goeswith.files import read_table, sha256

FILE = "pictures.parquet"
SCHEMA = {"path": pl.String(), "size": pl.Int64(), "modified": pl.Int64(), "sha256": pl.String()}
RECENT = 2_000_000_000
"""Nanoseconds. A file that was written so shortly before it was read may be written again without another time."""


class PictureHashes:
    """Hashes of pictures. A file is taken for unchanged where its path, size and time of modification are.

    Args:
        folder: of the data set whose hashes are known; None: none are. Without its pictures.parquet, or where that
            cannot be read, every file is read.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self.known: dict[str, tuple[int, int, str]] = {}
        self.seen: dict[str, tuple[int, int, str]] = {}  # in this import
        if folder is not None and (folder / FILE).is_file():
            with contextlib.suppress(DataError, pl.exceptions.PolarsError):
                table = read_table(folder / FILE).select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())
                self.known = {path: (size, modified, digest) for path, size, modified, digest in table.iter_rows()}

    def of(self, path: Path) -> str:
        """Hex digest of a picture; its file is read where it is new or has changed."""
        status, name = path.stat(), self._name(path)
        size, modified, digest = self.seen.get(name) or self.known.get(name) or (-1, -1, "")
        if (size, modified) != (status.st_size, status.st_mtime_ns):
            digest = sha256(path)
        self._keep(name, path, digest)
        return digest

    def take(self, source: Path, own: Path, name: str) -> str:
        """Hex digest of a picture that lies in a new data set as `own`, called `name` there, and came from `source`."""
        digest = self.of(source)
        self._keep(name, own, digest)
        return digest

    def _keep(self, name: str, path: Path, digest: str) -> None:
        status = path.stat()
        if status.st_mtime_ns < time.time_ns() - RECENT:
            self.seen[name] = status.st_size, status.st_mtime_ns, digest

    def write(self, folder: Path) -> None:
        """Keep the hashes of what was looked at in the folder of the new data set."""
        rows = [(path, *facts) for path, facts in self.seen.items()]
        pl.DataFrame(rows, schema=SCHEMA, orient="row").write_parquet(folder / FILE)

    def _name(self, path: Path) -> str:
        if self.folder is not None and path.is_relative_to(self.folder):
            return str(path.relative_to(self.folder))
        return str(path.resolve())
