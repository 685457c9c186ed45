"""Picture hashes: an update reads new pictures and those whose size or time changed, and no others."""

import os
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from goeswith.data import picture_hashes
from goeswith.data.dataset import Dataset, Imported, create
from goeswith.data.picture_hashes import FILE
from goeswith.data.update import update
from goeswith.files import sha256

IDS = ["a", "b", "c"]


@pytest.fixture
def shop(tmp_path: Path) -> Imported:
    images = {item_id: tmp_path / f"{item_id}.png" for item_id in IDS}
    for item_id, path in images.items():
        write(path, f"picture of {item_id}", 1_000)
    items = pl.DataFrame({"item_id": IDS, "category": ["coat", "bag", "skirt"], "title": IDS})
    outfits = pl.DataFrame({"outfit_id": ["o"], "item_ids": [IDS]})
    return Imported(items, outfits, "a test", "none", images)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are read."""
    names: list[str] = []

    def counted(path: Path) -> str:
        names.append(path.name)
        return sha256(path)

    monkeypatch.setattr(picture_hashes, "sha256", counted)
    return names


def write(path: Path, text: str, seconds: int) -> None:
    """A new file in the place of `path`, of a given time of modification."""
    path.unlink(missing_ok=True)
    path.write_text(text)
    os.utime(path, (seconds, seconds))


@pytest.mark.parametrize("copied", [False, True])
def test_an_update_reads_what_is_new_or_changed_alone(
    shop: Imported, read: list[str], tmp_path: Path, copied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if copied:
        monkeypatch.setattr(os, "link", lambda *_, **__: (_ for _ in ()).throw(OSError("another disk")))
    dest = tmp_path / "data"
    create(shop, dest, layout="table")
    before = Dataset(dest).info["checksums"]["images"]
    assert sorted(read) == ["a.png", "b.png", "c.png"]
    read.clear()
    titled = replace(shop, items=shop.items.with_columns(title=pl.lit("newer")))
    update(titled, dest, layout="table")
    assert read == []
    assert Dataset(dest).info["checksums"]["images"] == before

    write(shop.images["b"], "picture of B", 2_000)  # as long as before
    done = update(titled, dest, layout="table")
    assert done.pictures == 1
    assert set(read) == {"b.png"}
    assert Dataset(dest).info["checksums"]["images"] != before
    assert (dest / "images" / "b.png").read_text() == "picture of B"

    (dest / FILE).unlink()  # who does not trust times
    read.clear()
    update(replace(shop, items=shop.items.with_columns(title=pl.lit("newest"))), dest, layout="table")
    assert set(read) == {"a.png", "b.png", "c.png"}


def test_a_file_that_has_just_been_written_is_read_again(shop: Imported, read: list[str], tmp_path: Path) -> None:
    """It may change once more within the same moment of the file system's clock."""
    os.utime(shop.images["a"])
    create(shop, tmp_path / "data", layout="table")
    hashed = pl.read_parquet(tmp_path / "data" / FILE)["path"].to_list()
    assert not [path for path in hashed if path.endswith("a.png")]
    assert len([path for path in hashed if path.endswith("b.png")]) == 2


def test_broken_hashes_count_as_missing(shop: Imported, read: list[str], tmp_path: Path) -> None:
    create(shop, tmp_path / "data", layout="table")
    read.clear()
    for broken in (b"no table", None):
        if broken is None:
            pl.DataFrame({"path": ["a"]}).write_parquet(tmp_path / "data" / FILE)
        else:
            (tmp_path / "data" / FILE).write_bytes(broken)
        update(
            replace(shop, items=shop.items.with_columns(title=pl.lit(str(broken)))), tmp_path / "data", layout="table"
        )
        assert set(read) == {"a.png", "b.png", "c.png"}
        read.clear()
