"""Files: atomic writing, and reading with one clear sentence if a file is broken."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import glob
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from filelock import FileLock, Timeout

from goeswith.errors import DataError, GoeswithError, ModelError, system_error
from goeswith.sheets import read_sheet

RENAME_EXCHANGE = 2
"""Flag of Linux's renameat2: two names change places at once."""
AT_FDCWD = -100


@contextlib.contextmanager
def writing(dest: Path) -> Iterator[None]:
    """What is written in the block goes to `dest`: a system that refuses gets one sentence.

    Raises:
        DataError: the disk is full or read-only, or else cannot be written.
    """
    try:
        yield
    except GoeswithError:
        raise
    except Exception as error:
        number = system_error(error)
        if number is None and not isinstance(error, OSError):
            raise
        if number in (errno.ENOTEMPTY, errno.EEXIST) and dest.parent.is_dir():
            raise DataError(
                f"another process has written {dest} meanwhile; look at it, or choose another place"
            ) from None
        reason = os.strerror(number) if number else str(error)
        raise DataError(f"cannot write {dest} ({reason}); free some space or choose another place") from None


@contextlib.contextmanager
def fresh_folder(dest: Path) -> Iterator[Path]:
    """A folder under a temporary name that becomes `dest` only when the block ends well.

    Raises:
        DataError: it cannot be written there.
    """
    partial = dest.with_name(f".{dest.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    sweep(dest)
    try:
        partial.mkdir(parents=True)
    except OSError as error:
        raise DataError(f"cannot create the folder {dest}: {error.strerror}") from None
    try:
        with writing(dest):
            yield partial
            os.rename(partial, dest)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextlib.contextmanager
def fresh_file(dest: Path) -> Iterator[Path]:
    """A file under a temporary name that becomes `dest` only when the block ends well, with the mode of any new file.

    Raises:
        DataError: it cannot be written there.
    """
    partial = dest.with_name(f".{dest.name}.{os.getpid()}.partial")
    with writing(dest):
        dest.parent.mkdir(parents=True, exist_ok=True)
        sweep(dest)
        try:
            partial.touch()
            mode = partial.stat().st_mode
            yield partial
            partial.chmod(mode)  # some libraries put a file of their own in its place, which only its owner may read
            os.replace(partial, dest)
        finally:
            partial.unlink(missing_ok=True)


def put_in_place(new: Path, dest: Path) -> None:
    """Give the folder `new` the name of `dest`, at once where the system can.

    What was there is then where `new` was, or beside it as ``old`` where the system cannot exchange names.
    """
    if not dest.exists():
        os.rename(new, dest)
        return
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        done = libc.renameat2(AT_FDCWD, os.fsencode(new), AT_FDCWD, os.fsencode(dest), RENAME_EXCHANGE) == 0
    except (OSError, AttributeError):
        done = False
    if not done:  # for an instant there is no `dest`
        aside = new.with_name("old")
        shutil.rmtree(aside, ignore_errors=True)
        os.rename(dest, aside)
        try:
            os.rename(new, dest)
        except OSError:
            os.rename(aside, dest)
            raise


def sweep(dest: Path) -> None:
    """Remove what killed processes left beside `dest`: files and folders ``.<name>.<process id>.<...>partial``."""
    start = f".{dest.name}."
    for path in dest.parent.glob(f"{glob.escape(start)}*.partial"):
        owner = path.name.removeprefix(start).partition(".")[0]
        if owner.isdecimal() and not _alive(int(owner)):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        return True
    return True


def read_table(path: Path) -> pl.DataFrame:
    """Read a Parquet file that goeswith wrote, or CSV, as `goeswith.sheets.read_sheet` does.

    Raises:
        DataError: the file is missing, broken or of another kind, or two of its columns have one name.
    """
    return read_sheet(path, foreign=False).table


def table_kind(dest: Path) -> str:
    """Ending of a table that is to be written, ``.csv`` or ``.parquet``, in small letters.

    Raises:
        DataError: the name ends otherwise.
    """
    kind = dest.suffix.lower()
    if kind not in (".csv", ".parquet"):
        raise DataError(f"{dest} is neither .csv nor .parquet; name a file of one of these types")
    return kind


def write_table(table: pl.DataFrame, dest: Path) -> None:
    """Write a table as CSV or Parquet, by the ending of the name, whatever its case.

    Raises:
        DataError: the name ends otherwise, or it cannot be written there.
    """
    kind = table_kind(dest)
    with fresh_file(dest) as partial:
        table.write_csv(partial) if kind == ".csv" else table.write_parquet(partial)


def read_lines(path: Path, *, blank: bool = False) -> pl.Series:
    """The lines of a text file without their ends; blank lines only count where `blank` says so.

    Raises:
        DataError: the file is missing, or is not UTF-8 text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"there is no file {path}; check the path") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path} as text: {error}") from None
    lines = pl.Series("line", text.removesuffix("\n").split("\n"), dtype=pl.String).str.strip_chars_end("\r")
    return lines if blank else lines.filter(lines.str.strip_chars() != "")


def read_json(path: Path, kind: type, remedy: str = "restore the file", error: type[GoeswithError] = DataError) -> Any:
    """The value in a JSON file, which must be a `kind`: list or dict. remedy: what to do about a broken one.

    Raises:
        error: the file is missing, is not JSON, or holds something else.
    """
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise error(f"there is no file {path}; check the path") from None
    except RecursionError:
        raise error(f"{path} is nested too deeply; {remedy}") from None
    except OSError as fault:
        raise error(f"cannot read {path} ({fault.strerror}); check the path") from None
    except ValueError as fault:
        raise error(f"{path} is not valid JSON ({fault}); {remedy}") from None
    if not isinstance(value, kind):
        raise error(f"{path} holds a {type(value).__name__} where a {kind.__name__} is expected; {remedy}")
    return value


def expect_files(folder: Path, layout: str, needed: Sequence[str]) -> None:
    """Make sure that `folder` looks like `layout`.

    Raises:
        DataError: it is not a folder, or lacks a file; the message names what was found and what is missing.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; {layout} is imported from a folder with {', '.join(needed)}")
    missing = [name for name in needed if not (folder / name).exists()]
    if missing:
        present = ", ".join(name for name in needed if name not in missing) or "none of its files"
        raise DataError(
            f"{folder} is not a folder of layout {layout!r}: it lacks {', '.join(missing)} (found: {present}); "
            "give the folder with the publisher's unpacked files"
        )


def sha256(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def sole(folder: Path, busy: str, remedy: str = "choose another folder") -> Iterator[None]:
    """Hold a folder, made where it is missing, for this process alone; `busy` begins the message of a second one.

    The process that holds it may remove it.

    Raises:
        ModelError: another process holds it, or it cannot be made.
    """
    lock = FileLock(folder / ".lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
    except Timeout:
        raise ModelError(f"{busy} {folder}; wait for it or {remedy}") from None
    except (FileExistsError, NotADirectoryError):
        raise ModelError(f"{folder} is a file, or lies within one; {remedy}") from None
    except OSError as error:
        raise ModelError(f"cannot write the folder {folder} ({error.strerror}); {remedy}") from None
    try:
        yield
    finally:
        lock.release()
