"""Files: what is wrong with a table is told with its row and what to do."""

import sys
from pathlib import Path

import polars as pl
import pytest

from goeswith import files
from goeswith.errors import DataError
from goeswith.files import put_in_place, read_table, write_table
from goeswith.sheets import sheets_named

HEAD = b"item_id,category\n"
SPLIT = HEAD + b'a,"of\n""two\nlines"\nb,coat\n'
"""Rows 2 and 3, the first of three lines."""
LONG = b"a," + b"x" * 200_000 + b"\n"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "it is empty; write a header and at least one row below it"),
        (b"\n\n", "it is empty; write a header"),
        (HEAD + "a,Röcke\nb,caf\n".encode() + b"\xe9,c\n", "row 4 is not UTF-8 text; save the table as UTF-8"),
        (HEAD + b"a,\x81\n", "row 2 is not UTF-8 text"),
        ("item_id,category\na,coat\n".encode("utf-16")[:-1], "it is damaged UTF-16 text; save the table as UTF-8"),
        (b"item\x00,category\na,coat\n", "the header is not UTF-8 text in lines that end in LF or CRLF"),
        (b"\x1f\x8bno gzip", "it is not a complete gzip file"),
        (b"PK\x03\x04...", "it is an Excel workbook; save it as CSV (UTF-8)"),
        (HEAD + b"a,coat\nb,bag,red\n", "row 3 has 3 fields where the header has 2; put quotes around values"),
        (HEAD + b'a,coat\nb,5" heel\nc,bag\n', "row 3 opens a quote and does not close it; double a quote inside"),
        (HEAD + b'"a,coat\nb,bag\n', "row 2 opens a quote and does not close it"),
        (SPLIT + b'"o', "row 4 opens a quote and does not close it"),
        (SPLIT + b"c,bag,red", "row 4 has 3 fields where"),
        (SPLIT + b"c,caf\xe9\xff\x81", "row 4 is not UTF-8 text"),
        (b"item_id,category,item_id\na,coat,b\n", "its header names the column 'item_id' twice; rename one of them"),
        (b"item_id, category ,category\na,coat,b\n", "its header names the column 'category' twice"),
        (HEAD + LONG + b"b,bag,red\n", "; restore the file or write it again"),
    ],
)
def test_a_broken_csv_is_reported_by_row_and_remedy(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "items.csv"
    path.write_bytes(data)
    with pytest.raises(DataError) as raised:
        read_table(path)
    assert str(raised.value).startswith(f"cannot read {path}: ")
    assert words in str(raised.value)
    assert str(raised.value).isprintable()


def test_a_file_that_is_not_a_table_is_reported(tmp_path: Path) -> None:
    (tmp_path / "items.parquet").write_bytes(b"not parquet")
    with pytest.raises(DataError, match=r"cannot read .*items\.parquet: .*; restore the file or write it again"):
        read_table(tmp_path / "items.parquet")
    (tmp_path / "items.txt").touch()
    with pytest.raises(DataError, match=r"items\.txt is none of \.csv, \.tsv, .*parquet; export"):
        read_table(tmp_path / "items.txt")
    (tmp_path / "folder.csv").mkdir()
    for name in ("folder.csv", "gone", "gone.parquet"):
        with pytest.raises(DataError, match=f"there is no file .*{name}"):
            read_table(tmp_path / name)


def test_names_are_taken_as_they_are_and_headers_are_stripped(tmp_path: Path) -> None:
    folder = tmp_path / "sh[o]p *"  # no pattern
    folder.mkdir()
    (folder / "a[1].csv").write_bytes("\ufeffitem_id, category ,,\r\na,coat,,\r\n".encode())
    table = read_table(folder / "a[1].csv")
    assert table.columns[:2] == ["item_id", "category"]
    assert table.rows()[0][:2] == ("a", "coat")
    pl.DataFrame({"x": [1]}).write_parquet(folder / "b*.parquet")
    assert read_table(folder / "b*.parquet").rows() == [(1,)]


@pytest.mark.parametrize("exchange", [True, False])
def test_a_folder_takes_the_name_of_another(tmp_path: Path, monkeypatch, exchange: bool) -> None:
    if not exchange:
        monkeypatch.setattr(files.ctypes, "CDLL", lambda *_, **__: object())
    work, dest = tmp_path / "work", tmp_path / "data"
    for name in ("first", "second"):
        (work / "new").mkdir(parents=True)
        (work / "new" / name).touch()
        put_in_place(work / "new", dest)
        assert [path.name for path in dest.iterdir()] == [name]
    aside = "new" if exchange and sys.platform == "linux" else "old"
    assert (work / aside / "first").exists()


def test_endings_may_be_in_any_case(tmp_path: Path) -> None:
    table = pl.DataFrame({"item_id": ["a", "b"]})
    for name in ("a.csv", "B.CSV", "c.Parquet", "D.PARQUET"):
        write_table(table, tmp_path / name)
        assert read_table(tmp_path / name).equals(table)
    assert pl.read_parquet(tmp_path / "D.PARQUET").equals(table)
    with pytest.raises(DataError, match=r"scores.txt is neither .csv nor .parquet; name a file of one"):
        write_table(table, tmp_path / "scores.txt")
    for name in ("Orders.CSV", "orders.tsv.GZ", "orders.txt", "my-orders.csv"):
        (tmp_path / name).write_text("")
    (tmp_path / "orders.parquet").mkdir()
    assert [path.name for path in sheets_named(tmp_path, "orders")] == ["Orders.CSV", "orders.tsv.GZ"]
