"""Files: written whole or not at all, and read with one clear sentence when they are broken."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from goeswith.errors import DataError


@contextlib.contextmanager
def fresh_folder(dest: Path) -> Iterator[Path]:
    """A folder under a temporary name that becomes `dest` only when the block ends well."""
    partial = dest.with_name(f".{dest.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        os.rename(partial, dest)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextlib.contextmanager
def fresh_file(dest: Path) -> Iterator[Path]:
    """A file under a temporary name that becomes `dest` only when the block ends well."""
    dest.parent.mkdir(parents=True, exist_ok=True)
    partial = dest.with_name(f".{dest.name}.{os.getpid()}.partial")
    try:
        yield partial
        os.replace(partial, dest)
    finally:
        partial.unlink(missing_ok=True)


def read_table(path: Path) -> pl.DataFrame:
    """Read a Parquet or CSV file; every CSV column is text.

    Raises:
        DataError: the file is missing, broken or of another kind.
    """
    try:
        if path.suffix.lower() == ".parquet":
            return pl.read_parquet(path)
        if path.suffix.lower() == ".csv":
            return pl.read_csv(path, infer_schema=False)
    except FileNotFoundError:
        raise DataError(f"there is no file {path}") from None
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"cannot read {path}: {reason}") from None
    raise DataError(f"{path} is neither a .csv nor a .parquet file")


def sha256(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
