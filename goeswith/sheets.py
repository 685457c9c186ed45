"""Sheets: reading tables as people export them: CSV in common encodings and separators, compressed or not, Parquet."""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import io
import logging
import re
import subprocess
import sys
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from goeswith.errors import DataError

log = logging.getLogger(__name__)

PARQUET = b"PAR1"  # a file of the kind begins and ends with it
ENDINGS = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet")
SEPARATORS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
LARGEST = 4 << 30
"""Bytes that a packed table may unpack to."""
EXCEL = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
GZIP = b"\x1f\x8b"
EMPTY = "it is empty; write a header and at least one row below it"


@dataclass(frozen=True)
class Sheet:
    """A table with the number of each row, and what was unusual about it.

    rows: of CSV as a spreadsheet shows them: the header is row 1, blank lines count, and a value of several lines is
    one row. Of a file without a header row (Parquet, feeds in JSON or XML) the first is row 1.
    """

    table: pl.DataFrame
    rows: pl.Series
    notes: list[str] = field(default_factory=list)

    @property
    def numbered(self) -> pl.DataFrame:
        """The table with a first column ``row``, in place of any that it has."""
        return self.table.select(self.rows, pl.exclude("row"))


def sheets_named(folder: Path, name: str) -> list[Path]:
    """The tables of a folder that are called `name`, whatever the case of the letters and of the ending."""
    wanted = {f"{name}{ending}" for ending in ENDINGS}
    return sorted(path for path in folder.iterdir() if path.name.lower() in wanted and path.is_file())


def read_sheet(path: Path, *, quiet: bool = False, foreign: bool = True) -> Sheet:
    """Read a Parquet file or CSV; every CSV column is text, null where it is empty. Blank lines are no rows.

    Args:
        quiet: leave it to the caller to say what is unusual about the file, instead of logging it.
        foreign: whether a person brought the file; a Parquet file is then tried in another process first, for a damaged
            one can end the process that decodes it.

    Raises:
        DataError: the file is missing, broken or of another kind, or two of its columns have one name.
    """
    if not path.is_file():
        kind = "it is not a regular file" if path.exists() and not path.is_dir() else ""
        missing = f"there is no file {path}; check the path"
        raise DataError(f"cannot read {path}: {kind}; copy it to one" if kind else missing)
    if not path.name.lower().endswith(ENDINGS):
        raise DataError(f"{path} is none of {', '.join(ENDINGS)}; export the table as one of them")
    try:
        if path.suffix.lower() == ".parquet":
            if foreign:
                _try_parquet(path)
            table = pl.read_parquet(path, glob=False)  # with glob, a name with [ or * would be read as a pattern
            return Sheet(table, pl.int_range(1, len(table) + 1, eager=True, dtype=pl.UInt32).alias("row"))
        text, encoding = _text(_bytes(path))
        sheet = _csv(path.name, text, encoding)
    except _Broken as fault:
        raise DataError(f"cannot read {path}: {fault}") from None
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        if "panic" in f"{type(error).__name__} {reason}".lower():  # of the library's insides, which say nothing
            reason = "it is damaged"
        raise DataError(f"cannot read {path}: {reason}; restore the file or write it again") from None
    for note in [] if quiet else sheet.notes:
        log.warning(note)
    return sheet


def _try_parquet(path: Path) -> None:
    with path.open("rb") as file:
        begins, length = file.read(len(PARQUET)), file.seek(0, io.SEEK_END)
        file.seek(max(0, length - len(PARQUET)))
        ends = file.read()
    if not begins:
        raise _Broken(EMPTY)
    if begins != PARQUET or ends != PARQUET:  # said without starting a process for it
        raise _Broken("it is not a complete Parquet file; restore the file or write it again")
    program = "import sys, polars; polars.read_parquet(sys.argv[1], glob=False)"
    tried = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True)
    if tried.returncode < 0 or b"PanicException" in tried.stderr:
        raise _Broken("it is damaged; restore the file or write it again")


class _Broken(Exception):
    """What is wrong with the content of a file, and what to do."""


def _bytes(path: Path) -> bytes:
    data = path.read_bytes()
    if data.startswith(GZIP):
        try:
            with gzip.open(io.BytesIO(data)) as file:
                data = file.read(LARGEST + 1)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise _Broken(f"it is not a complete gzip file ({error}); pack it again") from None
        if len(data) > LARGEST:
            raise _Broken(f"it unpacks to more than {LARGEST >> 30} GiB; split the table")
    if data.startswith(EXCEL):
        raise _Broken("it is an Excel workbook; save it as CSV (UTF-8)")
    if not data.strip():
        raise _Broken(EMPTY)
    return data


def _text(data: bytes) -> tuple[str, str]:
    """The text of a file with lines that end in LF or CRLF, and the encoding where it is not UTF-8."""
    wide = _utf16(data)
    if wide:
        try:
            text, encoding = data.decode(wide), "UTF-16"
        except UnicodeDecodeError:
            raise _Broken("it is damaged UTF-16 text; save the table as UTF-8") from None
    else:
        text, encoding = _narrow(data)
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise _Broken(EMPTY)
    return (text if "\n" in text else text.replace("\r", "\n")), encoding


def _utf16(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    start = data[:256]
    odd, even = start[1::2].count(0), start[::2].count(0)
    if max(odd, even) * 4 > len(start) and min(odd, even) == 0:
        return "utf-16-le" if odd else "utf-16-be"
    return ""


def _narrow(data: bytes) -> tuple[str, str]:
    try:
        return data.decode("utf-8"), ""
    except UnicodeDecodeError as error:
        row = 1 + sum(part.count(b"\n") for part in data[: error.start].split(b'"')[::2])  # not those within quotes
        lenient = data.decode("utf-8", errors="replace")
    damaged = lenient.count("\ufffd")
    accented = sum(len(run) for run in re.findall(r"[^\x00-\x7f\ufffd]+", lenient))
    if accented < damaged:  # else it is UTF-8 with a few broken letters, which no other encoding would fix
        with contextlib.suppress(UnicodeDecodeError):
            return data.decode("cp1252"), "Windows-1252"
    where = f"row {row}" if row > 1 else "the header"
    raise _Broken(f"{where} is not UTF-8 text; save the table as UTF-8")


def _csv(name: str, text: str, encoding: str) -> Sheet:
    declared = re.match(r"sep=(.)\r?\n", text)  # Excel writes it
    separator = declared[1] if declared else _separator(text)
    text = text[declared.end() :] if declared else text
    try:
        table = pl.read_csv(text.encode(), infer_schema=False, separator=separator)
    except (pl.exceptions.PolarsError, ValueError) as error:
        fault = _ragged_row(text, separator) or _open_quote(text, separator)
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise _Broken(fault or f"{reason}; restore the file or write it again") from None
    names = [re.sub(r"\s*\n\s*", " ", column.strip()) or column for column in table.columns]
    if fault := _header_fault(names):
        raise _Broken(fault)
    table.columns = names
    # Without the header's blank names: a row of separators alone is as blank as an empty line.
    blank = pl.all_horizontal((pl.all().str.strip_chars() == "").fill_null(True))
    rows_kept = table.with_row_index("\x1frow", offset=2).filter(~pl.Series(table.select(blank).to_series()))
    unusual = [f"as {encoding} text"] if encoding else []
    unusual += [f"with {SEPARATORS.get(separator, repr(separator))} between fields"] if separator != "," else []
    notes = [f"{name} is read {' and '.join(unusual)}"] if unusual else []
    return Sheet(rows_kept.drop("\x1frow"), rows_kept["\x1frow"].alias("row"), notes)


def _separator(text: str) -> str:
    """The sign that stands most often between the names of the header; a comma where none does."""
    header = re.sub(r'"[^"]*"', "", text[: 1 << 16].lstrip("\r\n")).partition("\n")[0]
    return max(SEPARATORS, key=header.count)


def _ragged_row(text: str, separator: str) -> str:
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    with contextlib.suppress(csv.Error):  # a field too long for this reader, which is no fault of the row
        columns = len(next(rows))
        for number, row in enumerate(rows, start=2):
            if len(row) > columns:
                return (
                    f"row {number} has {len(row)} fields where the header has {columns}; "
                    f"put quotes around values that hold {SEPARATORS.get(separator, repr(separator))}"
                )
    return ""


def _open_quote(text: str, separator: str) -> str:
    row = _unclosed(text, separator)
    return row and (
        f"row {row} opens a quote and does not close it; "
        'double a quote inside a value, and put quotes around the value, like "5"" heel"'
    )


def _unclosed(text: str, separator: str) -> str:
    """The row with a quote too many; empty where there is none."""
    lines, row, start = [*io.StringIO(text, newline="")], 1, 0
    rows = csv.reader(lines, delimiter=separator, strict=True)
    try:
        for _ in rows:
            if "".join(lines[start : rows.line_num]).count('"') % 2:
                return str(row)
            row, start = row + 1, rows.line_num
    except csv.Error as error:  # it ends within quotes, or goes on behind them
        return "" if "limit" in str(error) else str(row)  # a field too long for this reader, as above
    return ""


def _header_fault(columns: list[str]) -> str:
    """What polars lets through: names that are not text, and duplicated names (it renames the second)."""
    if any(sign in name for name in columns for sign in "\x00\r\ufffd"):
        return "the header is not UTF-8 text in lines that end in LF or CRLF; save the table as UTF-8 CSV"
    plain = [re.sub(r"_duplicated_\d+$", "", name) for name in columns]
    twice = next((name for name in plain if name and plain.count(name) > 1), "")
    return f"its header names the column {twice!r} twice; rename one of them" if twice else ""
