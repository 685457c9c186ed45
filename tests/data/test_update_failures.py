"""Updating that is killed, interrupted or refused: one whole folder is there."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from updates import bring, contents, refused, without, worn

from goeswith import files
from goeswith.data import update as updating
from goeswith.data.dataset import Dataset, Imported, create
from goeswith.data.update import update
from goeswith.errors import CatalogueError, ConfigError, DataError, ModelError

KILLED = """
import os, sys
from pathlib import Path
from goeswith.data import update as updating
from goeswith.data.readers import read
step, when = sys.argv[3:]
real = getattr(updating, step)
def stop(*args, **given):
    if when == "after":
        real(*args, **given)
    os._exit(9)
setattr(updating, step, stop)
updating.update(read("table", Path(sys.argv[1]), workdir=Path(sys.argv[1])), sys.argv[2], layout="table")
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "when", "new"),
    [("fill", "after", False), ("put_in_place", "before", False), ("put_in_place", "after", True)],
)
def test_killed_anywhere_one_whole_folder_is_there(tmp_path: Path, step: str, when: str, new: bool) -> None:
    def export(items: int) -> None:
        rows = "".join(f"i{number},coat\n" for number in range(items))
        (tmp_path / "source" / "items.csv").write_text(f"item_id,category\n{rows}")

    (tmp_path / "source").mkdir()
    export(5)
    command = [sys.executable, "-c", KILLED, str(tmp_path / "source"), str(tmp_path / "data"), step, when]
    create(read_table_layout(tmp_path / "source"), tmp_path / "data", layout="table")
    before = contents(tmp_path / "data")
    export(7)
    assert subprocess.run(command).returncode == 9
    assert len(Dataset(tmp_path / "data").catalogue) == (7 if new else 5)
    assert new or contents(tmp_path / "data") == before
    done = update(read_table_layout(tmp_path / "source"), tmp_path / "data", layout="table")
    assert done.unchanged is new
    assert len(done.dataset.catalogue) == 7
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "source"]


def read_table_layout(source: Path) -> Imported:
    from goeswith.data.readers import read

    return read("table", source, workdir=source)


@pytest.mark.parametrize("raised", [KeyboardInterrupt, DataError])
@pytest.mark.parametrize("step", ["fill", "carry", "put_in_place", "_items"])
def test_what_is_interrupted_leaves_the_old_folder(step, raised, shop, made, tmp_path, monkeypatch) -> None:
    before = contents(made)

    def stop(*args: Any, **options: Any) -> None:
        raise raised("stopped")

    monkeypatch.setattr(updating, step, stop)
    with pytest.raises(raised):
        bring(without(shop, {"i1"}), made)
    assert contents(made) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "source"]


def test_without_an_exchange_of_names_the_old_folder_is_put_back(shop, made, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(files.ctypes, "CDLL", lambda *_, **__: object())
    bring(without(shop, {"i1"}), made)
    assert len(Dataset(made).catalogue) == 59
    real = os.rename

    def full(source: Any, dest: Any) -> None:
        if Path(source).name == "data" and Path(dest) == made:
            raise OSError(28, "No space left on device")
        real(source, dest)

    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(DataError, match=r"cannot update .*data \(No space left on device: .*; free some space"):
        bring(shop, made)
    assert len(Dataset(made).catalogue) == 59
    monkeypatch.undo()
    work = tmp_path / ".data.updating"
    work.mkdir()
    made.rename(work / "old")  # killed between two renamings
    assert bring(without(shop, {"i1"}), made).unchanged
    assert not work.exists()


def test_a_second_process_is_refused(shop: Imported, made: Path, tmp_path: Path) -> None:
    with files.sole(tmp_path / ".data.updating", "held"), pytest.raises(ModelError) as raised:
        bring(shop, made)
    assert str(raised.value) == (
        f"another process is updating {made} in {tmp_path / '.data.updating'}; wait for it or choose another DEST"
    )
    assert bring(shop, made).unchanged


def test_what_cannot_be_updated_is_reported(shop: Imported, made: Path, tmp_path: Path) -> None:
    before = contents(made)
    refused(ConfigError, "imported as layout 'table', not 'mango'; update it with", shop, made, layout="mango")
    refused(ConfigError, "the sample cannot be updated; import it", shop, made, layout="sample")
    refused(ConfigError, "was split with seed 5, and its splits are kept; leave out --seed 4", shop, made, seed=4)
    refused(ConfigError, "data#users is one source of a data set", shop, tmp_path / "data#users")
    (tmp_path / "empty").mkdir()
    refused(DataError, "empty is not a goeswith data set", shop, tmp_path / "empty")
    refused(DataError, "i3.png is not a folder", shop, tmp_path / "source" / "i3.png")
    refused(DataError, "data has 60 pictures and a test has none; include them", replace(shop, images={}), made)
    refused(DataError, "data has 60 outfits and a test has none; include them", replace(shop, outfits=worn([])), made)
    shop.outfits = worn([["i1", "zebra"]])
    refused(CatalogueError, "'zebra'", shop, made)
    assert contents(made) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "empty", "source"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (None, "known.parquet is missing, and it records which outfits were in training; restore the file"),
        (lambda table: table.drop("split"), "known.parquet has no column 'split'; restore"),
        (lambda table: table.with_columns(item_ids=pl.lit("i1")), "has no lists of item ids; restore"),
        (lambda table: table.with_columns(item_ids=pl.lit(["i1"])), "has an outfit of fewer than two items; restore"),
        (lambda table: table.with_columns(split=pl.lit("dev")), "has the split 'dev'; restore"),
        (lambda table: b"no table", "cannot read"),
    ],
)
def test_known_outfits_that_are_broken_are_reported(change: Callable | None, words: str, shop, made) -> None:
    bring(without(shop, {"i1"}), made)
    path = made / "known.parquet"
    broken = change(pl.read_parquet(path)) if change else None
    if isinstance(broken, pl.DataFrame):
        broken.write_parquet(path)
    elif broken is not None:
        path.write_bytes(broken)
    else:
        path.unlink()
    refused(DataError, words, shop, made)
    assert len(Dataset(made).catalogue) == 59
