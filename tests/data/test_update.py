"""Updating: what stays, what is told, and that a kill leaves one whole folder."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from shell import Shell

from goeswith import files
from goeswith.data import update as updating
from goeswith.data.dataset import Dataset, Imported, create
from goeswith.data.encoders import networks
from goeswith.data.encoders.encode import encode
from goeswith.data.encoders.networks import Network
from goeswith.data.features import features_path, load_features, write_features
from goeswith.data.freeze import freeze, make_questions
from goeswith.data.outfits import SPLITS
from goeswith.data.questions import read_info, read_questions, write_questions
from goeswith.data.update import Updated, update
from goeswith.errors import CatalogueError, ConfigError, DataError, ModelError

IDS = [f"i{number}" for number in range(60)]
LISTS = [[f"i{(number + step * step) % 60}" for step in range(4)] for number in range(60)]  # none near another


@pytest.fixture
def shop(tmp_path: Path) -> Imported:
    """Sixty items with pictures, titles, prices and stock, sixty outfits."""
    (tmp_path / "source").mkdir()
    images = {item_id: tmp_path / "source" / f"{item_id}.png" for item_id in IDS}
    for number, path in enumerate(images.values()):
        path.write_bytes(bytes([number]) * 10)
    items = pl.DataFrame(
        {
            "item_id": IDS,
            "category": ["coat", "bag", "skirt"] * 20,
            "title": [f"title {item_id}" for item_id in IDS],
            "colour": ["red"] * 60,
            "price": [10.0] * 60,
            "stock": ["1"] * 60,
        }
    )
    return Imported(items, worn(LISTS), "a test", "none", images)


def worn(lists: list[list[str]], **columns: list[str]) -> pl.DataFrame:
    ids = [f"o{row}" for row in range(len(lists))]
    return pl.DataFrame({"outfit_id": ids, "item_ids": lists, **columns}, schema_overrides={"item_ids": pl.List(str)})


def without(shop: Imported, gone: set[str]) -> Imported:
    """The shop as a nightly export has it when items are sold out: their outfits are gone, too."""
    left = shop.outfits.filter(pl.col("item_ids").list.eval(pl.element().is_in(list(gone))).list.any().not_())
    images = {item_id: path for item_id, path in shop.images.items() if item_id not in gone}
    items = shop.items.filter(~pl.col("item_id").is_in(list(gone)))
    return Imported(items, left, shop.source, shop.licence, images, shop.questions)


def splits(path: Path) -> dict[tuple[str, ...], str]:
    dataset = Dataset(path)
    table = dataset.outfits.to_frame(dataset.catalogue).select("item_ids", "split")
    return {tuple(sorted(items)): split for items, split in table.iter_rows()}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def bring(shop: Imported, dest: Path, **options: Any) -> Updated:
    return update(shop, dest, layout="table", **options)


@pytest.fixture
def made(shop: Imported, tmp_path: Path) -> Path:
    return create(shop, tmp_path / "data", layout="table", name="shop", seed=5).path


# --- splits and tables


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


# --- killed, busy, broken

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


def refused(error: type[Exception], words: str, shop: Imported, dest: Path, **options: Any) -> None:
    with pytest.raises(error) as raised:
        update(shop, dest, **{"layout": "table", **options})
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


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


# --- pictures and features


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """An encoder of texts and, by its bytes, of pictures; the list keeps what it was given."""
    inputs: list[str] = []

    def run(block: list[str]) -> np.ndarray:
        inputs.extend(block)
        return np.array([[len(text), sum(text.encode())] for text in block], np.float32) % 2000

    def opened(name: str, batch_size: int, device: object = None) -> Network:
        return Network(name, run, None, "weights")

    monkeypatch.setattr(networks, "open_network", opened)
    return inputs


def test_only_what_has_changed_is_encoded(shop: Imported, made: Path, network: list[str]) -> None:
    encode(Dataset(made), "titles")
    shop.items = pl.concat([shop.items[30:], shop.items[:30]]).with_columns(  # in another order
        title=pl.when(pl.col("item_id") == "i3").then(pl.lit("a new title")).otherwise("title")
    )
    new = without(shop, {"i0", "i1"})
    new.items = pl.concat([new.items, new.items[:1].with_columns(item_id=pl.lit("new"), title=pl.lit("newest"))])
    commands = bring(new, made).again
    assert commands == [f"the features of titles are out of date; run: goeswith encode {made} --encoder titles"]
    with pytest.raises(DataError, match=r"has no features of 'titles' .*; run goeswith encode .* --encoder titles"):
        load_features(Dataset(made), "titles")
    assert bring(without(new, {"i5"}), made).again == commands  # once more before they were encoded
    network.clear()
    report = encode(Dataset(made), "titles")
    assert sorted(network) == ["a new title", "newest"]
    assert (report.encoded, report.kept, report.excluded) == (58, 56, {})
    features = load_features(Dataset(made), "titles")
    features_path(Dataset(made), "titles").unlink()
    encode(Dataset(made), "titles")
    assert features.fingerprint == load_features(Dataset(made), "titles").fingerprint
    assert [path.name for path in (made / "features").iterdir()] == ["titles.safetensors"]


@pytest.mark.parametrize(
    ("column", "stay"), [("price", True), ("stock", True), ("colour", False), ("category", False), ("title", False)]
)
def test_features_stay_in_use_where_no_encoder_reads_what_changed(column, stay, shop, made, network) -> None:
    encode(Dataset(made), "titles")
    before = load_features(Dataset(made), "titles").fingerprint
    shop.items = shop.items.with_columns(pl.lit("7").cast(shop.items[column].dtype).alias(column))
    assert bool(bring(shop, made).again) is not stay
    if stay:
        assert load_features(Dataset(made), "titles").fingerprint == before
        network.clear()
        assert encode(Dataset(made), "titles").kept == 60
        assert network == []
    else:
        with pytest.raises(DataError, match="no features yet"):
            load_features(Dataset(made))


@pytest.mark.parametrize("linked", [True, False])
def test_a_picture_that_changed_is_reported_and_others_keep_their_time(
    linked, shop, made, network, monkeypatch
) -> None:
    if not linked:
        real = os.link
        monkeypatch.setattr(
            os, "link", lambda source, dest, **how: refuse() if "source" in str(source) else real(source, dest, **how)
        )
        shutil.rmtree(made)
        create(shop, made, layout="table", name="shop", seed=5)
    encode(Dataset(made), "titles")
    times = {path.name: path.stat().st_mtime_ns for path in (made / "images").iterdir()}
    shop.images["i3"].unlink()
    shop.images["i3"].write_bytes(b"another picture")
    shop.images["i4"].unlink()
    shop.images["i4"].write_bytes(bytes([4]) * 10)  # written anew, with the same bytes
    done = bring(shop, made)
    assert done.pictures == 1
    assert len(done.again) == 1  # the names and texts are as they were, the picture is not
    assert (made / "images" / "i3.png").read_bytes() == b"another picture"
    now = {path.name: path.stat().st_mtime_ns for path in (made / "images").iterdir()}
    assert [name for name in now if now[name] != times[name]] == ["i3.png"]
    encode(Dataset(made), "titles")
    if linked:
        with open(shop.images["i5"], "r+b") as file:  # where it lies: the data set's own is another at once
            file.write(b"!")
        done = bring(shop, made)
        assert (done.pictures, len(done.again)) == (1, 1)


def test_an_update_while_encoding_is_reported(shop: Imported, made: Path, network: list[str]) -> None:
    encode(Dataset(made), "titles")

    def meanwhile(done: int, total: int) -> None:
        if done == total:
            shop.items = shop.items.with_columns(title=pl.lit("the same"))
            bring(shop, made)

    with pytest.raises(DataError, match="was updated while it was being encoded; run the same command again"):
        encode(Dataset(made), "titles", batch_size=4, progress=meanwhile)
    assert not features_path(Dataset(made), "titles").exists()
    assert encode(Dataset(made), "titles").encoded == 60


def refuse() -> None:
    raise OSError("another file system")


def test_features_from_elsewhere_stay_in_use_and_are_reported(shop: Imported, made: Path, network: list[str]) -> None:
    dataset = Dataset(made)
    values = np.ones((60, 2), np.float32)
    write_features(
        features_path(dataset, "own"), [values], values.shape,
        item_ids=dataset.catalogue.ids, encoder="own", catalogue=dataset.catalogue,
    )  # fmt: skip
    (made / "features" / "broken.safetensors").write_bytes(b"no")
    shop.items = shop.items.with_columns(title=pl.lit("the same"))
    messages = bring(shop, made).again
    assert messages == [
        f"features/{name}.safetensors was not made by goeswith encode; check that it fits the current items"
        for name in ("broken", "own")
    ]
    with pytest.raises(CatalogueError, match="the items do not; encode this data set again"):
        load_features(Dataset(made), "own")


# --- questions


def frozen(path: Path) -> Path:
    """Questions of the usual plan and seed 3, of another kind, and of another list of outfits."""
    dataset = Dataset(path)
    plan = [("fitb", "random"), ("compat", "random")]
    freeze(dataset.catalogue, dataset.outfits, path / "questions", dataset="shop", splits=["test"], plan=plan, seed=3)
    for name, split, task in (("test-retrieval-random", "test", "retrieval"), ("mine", "looks", "fitb")):
        frame, _ = make_questions(dataset.catalogue, dataset.outfits, None, task, "random", choices=4)
        info = {"split": split, "task": task, "negatives": "random", "seed": "0"}
        listed = dataset.outfits.take([0, 1])
        write_questions(frame, path / "questions" / f"{name}.parquet", dataset.catalogue, listed, **info)
    (path / "questions" / "notes.txt").write_text("mine")
    return path / "questions"


def test_questions_stay_or_are_reported_with_their_command(shop: Imported, made: Path) -> None:
    folder = frozen(made)
    before = contents(folder)
    shop.items = shop.items.with_columns(price=pl.lit(1.0))
    assert bring(shop, made).again == []
    assert contents(folder) == before
    assert len(before) == 5
    assert bring(without(shop, {"i1"}), made).again == [
        f"questions of the old data set were not carried over ({names}); create them again: goeswith "
        f"questions {made} {flags}"
        for names, flags in (
            ("mine.parquet", f"--outfits looks.csv --task fitb --negatives random --out {folder}/mine.parquet"),
            ("test-compat-random.parquet, test-fitb-random.parquet", "--seed 3"),
            ("test-retrieval-random.parquet", "--task retrieval --negatives random"),
        )
    ]
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


def test_the_publishers_questions_are_written_again(shop: Imported, made: Path) -> None:
    dataset = Dataset(made)
    frame, _ = make_questions(dataset.catalogue, dataset.outfits, "test", "fitb", "random")
    shop.questions = {"official-test-fitb": frame}
    bring(shop, made)
    shop.items = shop.items.reverse()
    bring(shop, made)
    path = made / "questions" / "official-test-fitb.parquet"
    assert len(read_questions(path, Dataset(made).catalogue)) == len(frame)
    assert read_info(path)["outfits"] == Dataset(made).outfits.fingerprint
    assert bring(shop, made).unchanged
    shop.questions = {"official-test-fitb": frame[:2]}
    assert not bring(shop, made).unchanged


def test_the_command_that_made_questions_of_one_source_is_reported(shop: Imported, tmp_path: Path) -> None:
    shop.outfits = shop.outfits.with_columns(source=pl.lit("users"))
    made = create(shop, tmp_path / "data", layout="table").path
    users = Dataset(f"{made}#users")
    freeze(
        users.catalogue, users.outfits, made / "questions", splits=["test"], plan=[("fitb", "random")], prefix="users"
    )
    (message,) = bring(without(shop, {"i1"}), made).again
    assert message.endswith(f": goeswith questions {made}#users")


# --- the command


def test_the_command_reports_what_became_of_the_data_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shell = Shell(monkeypatch, capsys)
    source, data = tmp_path / "source", tmp_path / "data"
    source.mkdir()

    def export(items: range, skip: str = "") -> None:
        rows = "".join(f"i{number},coat,{number}\n" for number in items)
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
