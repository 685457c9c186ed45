"""Updating: which splits and tables stay, and what the command reports."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from shell import Shell
from updates import IDS, LISTS, bring, contents, splits, without, worn

from goeswith.data.dataset import Dataset, Imported
from goeswith.data.outfits import SPLITS


def test_splits_stay_and_counts_are_reported(shop: Imported, made: Path) -> None:
    before = splits(made)
    shop.items = shop.items.with_columns(price=pl.when(pl.col("item_id") == "i3").then(12.5).otherwise("price"))
    new = without(shop, {"i0", "i1"})
    lists = [*new.outfits["item_ids"].to_list(), ["i50", "new"], [*LISTS[20], "new"]]
    new.outfits = worn(lists)
    new.items = pl.concat([new.items, new.items[:1].with_columns(item_id=pl.lit("new"))])
    done = bring(new, made)
    assert done.items == {"added": 1, "changed": 1, "removed": 2}
    unchanged = len(lists) - 2
    assert done.outfits == {"kept": unchanged, "added": 2, "removed": 60 - unchanged, "without a split": 0}
    assert (done.pictures, done.new, done.unchanged, done.again) == (0, False, False, [])
    now = splits(made)
    assert {items: split for items, split in now.items() if items in before} == {
        items: split for items, split in before.items() if items in now
    }
    assert now[tuple(sorted([*LISTS[20], "new"]))] == before[tuple(sorted(LISTS[20]))]
    info = done.dataset.info
    assert (info["name"], info["seed"], info["items"], info["pictures"]) == ("shop", 5, 59, 58)
    assert "known.parquet" in info["checksums"]
    assert not (made / "images" / "i0.png").exists()
    remembered = pl.read_parquet(made / "known.parquet")
    assert set(map(tuple, remembered["item_ids"].list.sort().to_list())) == before.keys() | now.keys()


def test_what_was_sold_out_comes_back_to_its_split(shop: Imported, made: Path) -> None:
    before = splits(made)
    for gone in ({"i0", "i1", "i2"}, {"i10", "i11"}):
        bring(without(shop, gone), made)
        assert len(splits(made)) < 60
    done = bring(shop, made)
    assert splits(made) == before
    assert done.outfits["removed"] == 0
    assert len(pl.read_parquet(made / "known.parquet")) == 60


def test_months_of_changes_never_leak_into_test(shop: Imported, made: Path) -> None:
    ever: dict[tuple[str, ...], str] = splits(made)
    chance = np.random.default_rng(0)
    for _ in range(6):
        lists = [LISTS[row] for row in chance.choice(60, 40, replace=False)]
        for number in range(15):  # near what is there, or between two
            lists[number] = [*lists[number][: 3 + number % 2], *(str(i) for i in chance.choice(IDS, 1 + number % 3))]
        shop.outfits = worn([list(dict.fromkeys(items)) for items in lists])
        bring(shop, made)
        now = splits(made)
        assert all(split == ever[items] for items, split in now.items() if items in ever)
        ever |= {items: split for items, split in now.items() if split}
        trained = [set(items) for items, split in ever.items() if split == "train"]
        for items in [set(items) for items, split in now.items() if split == "test"]:
            assert not any(len(items & other) >= 0.8 * len(items) - 1e-9 for other in trained)


def test_an_outfit_near_two_splits_and_a_moved_one_are_reported(shop: Imported, made: Path) -> None:
    by_split = {split: [list(items) for items, own in splits(made).items() if own == split] for split in SPLITS}
    bridge = [*by_split["train"][0], *by_split["test"][0]]
    shop.outfits = worn([*LISTS, list(dict.fromkeys(bridge))])
    done = bring(shop, made)
    assert done.outfits["without a split"] == 1
    assert done.dataset.info["split_report"]["sources"]["all"]["between"] == 1
    shop.outfits = worn([by_split["test"][0], by_split["train"][1]], split=["train", ""])
    report = bring(shop, made).dataset.info["split_report"]["sources"]["all"]
    assert (report["moved"], report["splits"]) == (1, {"train": 2})


def test_where_nothing_has_changed_the_folder_is_left(shop: Imported, made: Path) -> None:
    node, before = made.stat().st_ino, contents(made)
    done = bring(shop, made)
    assert done.unchanged
    assert done.lines == ["nothing has changed; the folder was left as it is"]
    assert (made.stat().st_ino, contents(made)) == (node, before)
    assert not bring(shop, made, name="other").unchanged
    assert bring(shop, made).dataset.name == "other"


def test_where_there_is_no_folder_it_is_imported(shop: Imported, made: Path, tmp_path: Path) -> None:
    done = bring(shop, tmp_path / "deep" / "shop", name="shop", seed=5)
    assert done.new
    assert done.lines == []
    assert contents(tmp_path / "deep" / "shop") == contents(made)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["shop"]


def test_files_of_others_stay_and_a_link_stays_a_link(shop: Imported, made: Path, tmp_path: Path) -> None:
    (made / "notes").mkdir()
    (made / "notes" / "today.txt").write_text("sale")
    (made / "diary.txt").write_text("mine")
    (made / "alias").symlink_to("diary.txt")
    (tmp_path / "link").symlink_to(made)
    bring(without(shop, {"i7"}), tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert len(Dataset(made).catalogue) == 59
    assert (made / "notes" / "today.txt").read_text() == "sale"
    assert (made / "alias").is_symlink()
    assert (made / "alias").read_text() == "mine"


@pytest.mark.slow
def test_the_command_reports_what_became_of_the_data_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shell = Shell(monkeypatch, capsys)
    source, data = tmp_path / "source", tmp_path / "data"
    source.mkdir()

    def export(items: range, skip: str = "") -> None:
        rows = "".join(f"i{number},coat,{number + 1}\n" for number in items)
        looks = "".join(f"{number},i{number};i{number + 1};i{number + 3}\n" for number in items[:-3])
        (source / "items.csv").write_text(f"item_id,category,price\n{rows}{skip}")
        (source / "outfits.csv").write_text(f"outfit_id,item_ids\n{looks}")

    export(range(40))
    code, first, _ = shell("import", "table", source, data, "--update")
    assert code == 0
    assert "outfits, drawn split: 26 train, 4 valid, 7 test" in first
    code, out, _ = shell("import", "table", source, data, "--update")
    assert out.splitlines() == [
        f"{data}: 40 items, 0 pictures, 37 outfits",
        "  nothing has changed; the folder was left as it is",
        "  note: 40 items have no picture",
    ]
    export(range(2, 42), skip="i41,coat,1\n")
    code, _, err = shell("import", "table", source, data, "--update")
    assert (code, "is also in an earlier row" in err) == (1, True)
    code, out, _ = shell("import", "table", source, data, "--update", "--option", "skip_bad=yes")
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == f"{data}: 40 items, 0 pictures, 37 outfits"
    assert all(
        line in lines
        for line in [
            "  items: 2 added, 0 changed, 2 removed; 0 pictures changed",
            "  outfits: 35 kept, 2 added, 2 removed, 0 without a split",
        ]
    )
    assert "  skipped 1: items.csv: rows whose item_id is also in an earlier row" in out
    code, _, err = shell("import", "mango", source, data, "--update")
    assert (code, "was imported as layout 'table', not 'mango'" in err) == (1, True)
    code, _, err = shell("import", "sample", tmp_path / "drawn", "--update")
    assert (code, "the sample cannot be updated" in err) == (1, True)
    code, _, err = shell("import", "table", source, data)
    assert "already exists; choose another folder or remove it first, or update it with --update" in err


def test_columns_are_mapped_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shell = Shell(monkeypatch, capsys)
    source, data = tmp_path / "source", tmp_path / "data"
    source.mkdir()
    (source / "items.csv").write_text("sku,type,qty,rest\n" + "".join(f"i{n},coat,{n},7\n" for n in range(9)))
    flags = ["--column", "item_id=sku", "--column", "category=type", "--column", "stock=qty"]
    assert shell("import", "table", source, data, *flags)[0] == 0
    code, out, _ = shell("import", "table", source, data, "--update", "--column", "stock=rest")
    assert code == 0
    assert "  columns mapped as before: item_id=sku, category=type" in out.splitlines()
    assert Dataset(data).catalogue.items["stock"].to_list() == ["7"] * 9
    assert Dataset(data).info["columns"] == {"item_id": "sku", "category": "type", "stock": "rest"}
    (source / "items.csv").write_text("sku,type\ni1,coat\n")
    code, _, err = shell("import", "table", source, data, "--update")
    assert (code, "rest" in err) == (1, True)
