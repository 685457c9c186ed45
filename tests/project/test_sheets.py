"""Sheets: one table in every form that people export it in."""

import csv
import gzip
import io
import logging
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from goeswith.errors import DataError
from goeswith.sheets import read_sheet

ROWS = [["item_id", "category", "price"], ["a", "Röcke", "9,90"], ["b", 'Café; "neu"', "1.299,00 €"]]


def written(rows: list[list[str]], separator: str = ",", ends: str = "\r\n") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=separator, lineterminator=ends).writerows(rows)
    return text.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_every_form_is_the_same_table(tmp_path: Path, separator: str, encoding: str, ends: str) -> None:
    data = written(ROWS, separator, ends).encode(encoding)
    for name, content in [("t.csv", data), ("t.tsv", data), ("t.csv.gz", gzip.compress(data)), ("T.TSV.GZ", data)]:
        (tmp_path / name).write_bytes(content)
        sheet = read_sheet(tmp_path / name, quiet=True)
        assert [sheet.table.columns, *map(list, sheet.table.rows())] == ROWS
        plain = separator == "," and encoding.startswith("utf-8")
        assert len(sheet.notes) == (0 if plain else 1)


def test_what_is_unusual_is_said_in_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "t.csv").write_bytes(written(ROWS, ";").encode("cp1252"))
    with caplog.at_level(logging.WARNING):
        read_sheet(tmp_path / "t.csv")
    assert caplog.messages == ["t.csv is read as Windows-1252 text and with a semicolon between fields"]


def test_excel_names_its_separator(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("sep=;\nitem_id;a,b,c\n1;2\n")
    assert read_sheet(tmp_path / "t.csv", quiet=True).table.to_dicts() == [{"item_id": "1", "a,b,c": "2"}]


def test_blank_lines_are_no_rows_and_are_counted_in_messages(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("\nitem_id,category\n\na,shirt\n , \n,\nb,skirt\n\n\n")
    sheet = read_sheet(tmp_path / "t.csv")
    assert sheet.table.rows() == [("a", "shirt"), ("b", "skirt")]
    assert sheet.rows.to_list() == [3, 6]
    assert sheet.numbered.columns == ["row", "item_id", "category"]


def test_separators_inside_values_decide_nothing(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('outfit_id,"item;ids;of;it"\n1,a;b;c;d\n')
    assert read_sheet(tmp_path / "t.csv").table.rows() == [("1", "a;b;c;d")]


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "t.csv")
    with pytest.raises(DataError, match="it is not a regular file"):
        read_sheet(tmp_path / "t.csv")


CELL = st.text(st.characters(codec="cp1252", exclude_categories=["Cc"]), max_size=6)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(st.from_regex(r"[a-z0-9]{1,5}", fullmatch=True), CELL, CELL), min_size=1, max_size=5),
    separator=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-16"]),
)
def test_values_come_back_whatever_they_hold(
    tmp_path: Path, rows: list[tuple[str, str, str]], separator: str, encoding: str
) -> None:
    table = [["item_id", "category", "title"], *map(list, rows)]
    (tmp_path / "t.csv").write_bytes(written(table, separator).encode(encoding))
    read = read_sheet(tmp_path / "t.csv", quiet=True).table
    assert [tuple(value or "" for value in row) for row in read.rows()] == rows


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=60) | st.builds(lambda cut: written(ROWS).encode("utf-16")[:cut], st.integers(0, 90)))
def test_any_bytes_are_a_table_or_one_sentence(tmp_path: Path, data: bytes) -> None:
    for name in ("t.csv", "t.parquet"):
        (tmp_path / name).write_bytes(data)
        try:
            sheet = read_sheet(tmp_path / name, quiet=True)
            assert len(sheet.table) == len(sheet.rows)
        except DataError as error:
            assert "\n" not in str(error)  # noqa: PT017


def test_parquet_keeps_its_types_and_every_row(tmp_path: Path) -> None:
    table = pl.DataFrame({"place": [0.0, None], "name": ["", None]})
    table.write_parquet(tmp_path / "t.parquet")
    sheet = read_sheet(tmp_path / "t.parquet")
    assert sheet.table.equals(table)
    assert sheet.rows.to_list() == [1, 2]
