"""The command line: what it prints, what it refuses, and how it ends."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from shell import Shell
from worlds import styles_dataset, styles_world, write_made

from goeswith.cli import main as cli
from goeswith.cli import options
from goeswith.data.dataset import Dataset, Imported, create

SMALL = [f"--set={s}" for s in ("hidden=6", "attributes=2", "epochs=2", "batch_size=64", "negatives=category")]


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(monkeypatch, capsys)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return styles_dataset(tmp_path_factory.mktemp("world")).path


@pytest.fixture(scope="module")
def run(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from goeswith.train.training import train

    out = tmp_path_factory.mktemp("runs") / "run"
    train("add-gnn", Dataset(world), out, settings=[s.removeprefix("--set=") for s in SMALL])
    return out


def test_questions_audit_train_evaluate_and_score(shell: Shell, world: Path, run: Path, tmp_path: Path) -> None:
    code, out, _ = shell("questions", world)
    assert code == 0
    assert "test-fitb-category.parquet" in out
    code, out, _ = shell("questions", world)
    assert out.count("kept as it was") >= 8
    code, out, _ = shell("audit", world)
    assert code == 0
    assert "test-compat-random.parquet: " in out
    code, out, err = shell("train", "add-gnn", world, "--out", tmp_path / "run", *SMALL, "--set=seed=1")
    assert code == 0
    assert "best epoch" in out
    assert "add-gnn 2/2: loss" in err
    code, out, _ = shell("evaluate", run, world, "--against", tmp_path / "run", "--rows", tmp_path / "rows", "--json")
    assert code == 0
    info = json.loads(out)
    names = {line["scorer"] for line in info["summary"]}
    assert {"chance", "popularity", "category", "cosine"} <= names
    mine, other = (name for name in names if name.endswith("-run"))  # both folders are called run: told apart by path
    if info["compared"][0]["scorer"] != mine:
        mine, other = other, mine
    assert all(line["signature"].startswith("styles:") for line in info["summary"] + info["retrieval"])
    values = {(line["scorer"], line["task"], line["metric"]): line["value"] for line in info["retrieval"]}
    assert values["popularity", "exhaustive", "auc"] == pytest.approx(0.5, abs=0.1)
    assert {name for name, *_ in values} >= {"chance", mine, other, f"{mine} + shortlist"}
    assert {line["task"] for line in info["compared"]} >= {"anchor", "rest", "exhaustive"}
    columns = [tuple(line[name] for name in ("task", "negatives", "metric", "against")) for line in info["compared"]]
    assert len(columns) == len(set(columns))
    for task in ("anchor", "rest", "exhaustive"):  # the other run, and one floor: the strongest
        assert len({line["against"] for line in info["compared"] if line["task"] == task}) == 2
    rows = pl.read_parquet(tmp_path / "rows" / f"{mine}-test-fitb-category.parquet")
    assert (tmp_path / "rows" / f"{other}-test-fitb-category.parquet").exists()
    fitb = next(
        line for line in info["summary"]
        if (line["scorer"], line["task"], line["negatives"]) == (mine, "fitb", "category")
    )  # fmt: skip
    assert rows["accuracy"].mean() == pytest.approx(fitb["value"])


def test_scores_of_a_list_keep_its_order(shell: Shell, world: Path, run: Path, tmp_path: Path) -> None:
    (tmp_path / "looks.csv").write_text("outfit_id,item_id\nb,i0\nb,i100\na,i0\na,i50\na,i150\n")
    code, out, _ = shell("score", run, world, "--outfits", tmp_path / "looks.csv", "--out", tmp_path / "scores.csv")
    assert code == 0
    assert out.endswith("2 outfits scored, 0 without a score\n")
    rows = list(csv.DictReader((tmp_path / "scores.csv").read_text().splitlines()))
    assert [(row["outfit_id"], row["items"]) for row in rows] == [("b", "2"), ("a", "3")]
    assert all(np.isfinite(float(row["score"])) for row in rows)


def test_scores_do_not_overwrite_the_list_they_are_of(shell: Shell, world: Path, run: Path, tmp_path: Path) -> None:
    looks = tmp_path / "looks.csv"
    looks.write_text("outfit_id,item_ids\na,i0;i50\n")
    code, _, err = shell("score", run, world, "--outfits", looks, "--out", f"{tmp_path}/../{tmp_path.name}/looks.csv")
    assert code == 1
    assert "would overwrite the list of outfits; choose another file" in err
    assert looks.read_text().endswith("a,i0;i50\n")


def test_items_without_features_are_named_with_their_outfits(
    shell: Shell, world: Path, run: Path, tmp_path: Path
) -> None:
    catalogue, outfits, values = styles_world()
    other = create(
        Imported(catalogue.items, outfits.to_frame(catalogue), "made", "none"), tmp_path / "o", layout="test"
    )
    write_made(other, catalogue.ids[7:], values[7:])
    lines = "".join(f"bare{n},i{n};i50\n" for n in range(7))
    looks = tmp_path / "looks.csv"
    looks.write_text(f"outfit_id,item_ids\n{lines}good,i7;i50\n")
    code, out, _ = shell("score", run, other.path, "--outfits", looks, "--out", tmp_path / "scores.csv")
    assert code == 0
    shown = out.splitlines()
    assert shown[0].endswith("scores.csv: 1 outfits scored, 7 without a score")
    assert shown[1] == "  without a score: bare0, bare1, bare2, bare3, bare4 and 2 more"
    assert shown[2].startswith("  items without features: i0, i1, i2, i3, i4 and 2 more; goeswith encode")
    assert shown[2].endswith("--encoder made shows why")
    scored = pl.read_csv(tmp_path / "scores.csv")
    assert scored["score"].is_null().to_list() == [True] * 7 + [False]


def test_another_list_of_outfits_can_be_asked_about(shell: Shell, world: Path, run: Path, tmp_path: Path) -> None:
    lines = "\n".join(f"o{n},i{n % 12}\no{n},i{48 + (n * 5) % 48}" for n in range(30))
    (tmp_path / "looks.csv").write_text(f"outfit_id,item_id\n{lines}\n")
    file = tmp_path / "asked.parquet"
    options = ("--outfits", tmp_path / "looks.csv", "--task", "fitb", "--negatives", "category", "--out", file)
    code, out, _ = shell("questions", world, *options)
    assert code == 0, out
    code, out, _ = shell("evaluate", run, world, "--questions", file)
    assert code == 0
    assert "|looks|fitb|category|" in out
    assert "With only 30 questions, values are uncertain by up to ±" in out
    (tmp_path / "looks.csv").write_text("outfit_id,item_id\no1,i0\no1,i1\no2,i2\no2,i3\n")  # no bottom among them
    code, _, err = shell("questions", world, "--outfits", tmp_path / "looks.csv", "--task", "triplet", "--out", file)
    assert code == 1
    assert "; left out 2: outfits without a top and a bottom; choose other --negatives or add outfits" in err


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["audit", "nowhere"], "nowhere is not a folder; import a data set first"),
        (["train", "gnn", "WORLD", "--out", "OUT"], "there is no model 'gnn'; the models are: two-tower, add-gnn"),
        (["train", "add-gnn", "WORLD", "--out", "OUT", "--set", "epoch=3"], "'epoch'; did you mean 'epochs'"),
        (["train", "add-gnn", "WORLD", "--out", "OUT", "--set", "epochs=0"], "epochs is 0; it must be 1 or more"),
        (["train", "add-gnn", "WORLD", "--out", "OUT", "--encoder", "minilm"], "has no features of 'minilm'"),
        (["train", "add-gnn", "WORLD#brides", "--out", "OUT"], "no outfit of source 'brides'; the sources there are"),
        (["train", "add-gnn", "WORLD", "--out", "OUT", "--teacher", "OUT"], "OUT is not a folder; import a data set"),
        (["evaluate", "WORLD", "WORLD"], "(it has no config.json); train one: goeswith train DATASET --out"),
        (["feedback", "WORLD", "--out", "OUT"], "is a folder; name the file of saved looks in it, looks.sqlite"),
        (["bench", "OUT.toml"], "cannot read the recipe OUT.toml (No such file or directory); correct it"),
        (["curves", "OUT.toml"], "cannot read the study OUT.toml (No such file or directory); correct it"),
        (["audit", "WORLD", "OUT.parquet"], "there is no file OUT.parquet; check the path"),
        (["import", "mongo", "WORLD", "OUT"], "there is no layout 'mongo'; choose one of"),
        (["import", "mango", "WORLD", "OUT"], "product_data.csv"),
        (["import", "mango", "WORLD", "WORLD"], "already exists; choose another folder"),
        (["import", "mango", "WORLD", "OUT", "--option", "loud"], "has no '='"),
        (["import", "mango", "WORLD", "OUT", "--column", "item_id=sku"], "--column is for layout 'table' and exports"),
        (["import", "table", "WORLD", "OUT", "--column", "a=b", "--column", "a=c"], "a is given twice, as 'b' and as"),
        (["import", "table", "WORLD", "OUT", "--column", "sku"], "write --column OURS=YOURS, e.g. item_id=sku"),
        (["import", "table", "WORLD", "OUT", "--option", "columns=x"], "mapped with --column OURS=YOURS, not with"),
        (["import", "table", "WORLD", "OUT", "--outfits", "4"], "--outfits sets the size of the sample"),
        (["encode", "WORLD", "--encoder", "resnet"], "resnet"),
        (["encode", "WORLD#brides"], "no outfit of source 'brides'; the sources there are: designers, users"),
        (["questions", "WORLD", "--outfits", "OUT.csv", "--task", "fitb", "--out", "q.parquet"], "OUT.csv"),
    ],
    ids=lambda value: " ".join(value[:3]) if isinstance(value, list) else "",
)  # fmt: skip
def test_bad_input_is_one_sentence_and_leaves_nothing(
    shell: Shell, world: Path, tmp_path: Path, args: list[str], sentence: str
) -> None:
    out = tmp_path / "OUT"
    arguments = [a.replace("WORLD", str(world)).replace("OUT", str(out)) for a in args]
    before = sorted(p.name for p in world.rglob("*"))
    code, _, err = shell(*arguments)
    assert code == 1
    assert sentence.replace("OUT", str(out)) in err
    assert "Traceback" not in err
    assert err.startswith("goeswith: ")
    assert err.count("\n") == 1
    assert not out.exists()
    assert sorted(p.name for p in world.rglob("*")) == before


@pytest.mark.parametrize(
    "args",
    [
        ["train"],
        ["train", "add-gnn", "--out", "a"],
        ["train", "add-gnn", "a", "b", "--out", "c"],
        ["import", "mango", "a"],
        ["import", "sample", "a", "--seed", "-1"],
        ["nonsense"],
        ["questions", "a", "--out", "b"],
        ["questions", "a", "--negatives", "category"],
    ],
)
def test_wrong_usage_ends_with_2(shell: Shell, args: list[str]) -> None:
    assert shell(*args)[0] == 2


def test_import_makes_the_folders_above_and_takes_away_what_a_killed_one_left(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id,category\na,coat\nb,skirt\n")
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    data = tmp_path / "data"
    for left, owner in ((f".shop.{gone.pid}.x.partial", "dead"), (f".shop.{os.getpid()}.x.partial", "alive")):
        (data / left / "images").mkdir(parents=True)
        (data / left / "images" / owner).touch()
    code, out, _ = shell("import", "table", tmp_path, data / "shop")
    assert code == 0
    assert "skipped 0" not in out
    assert sorted(path.name for path in data.iterdir()) == [f".shop.{os.getpid()}.x.partial", "shop"]
    (data / f".shop.{gone.pid}.y.partial").mkdir()  # killed when the data set was in its place
    assert shell("import", "table", tmp_path, data / "shop")[0] == 1
    assert not (data / f".shop.{gone.pid}.y.partial").exists()
    code, _, _ = shell("import", "table", tmp_path, tmp_path / "deep" / "er" / "shop")
    assert code == 0


def test_import_says_in_lines_what_was_split_and_what_is_missing(shell: Shell, tmp_path: Path) -> None:
    items = [f"i{index},{'coat' if index % 2 else 'skirt'}" for index in range(6)]
    (tmp_path / "items.csv").write_text("\n".join(["sku,category", *items]) + "\n")
    lists = ["i0;i1", "i2;i3", "i4;i5", "i5;i4"]
    looks = "".join(f"{index},{ids},shop\n" for index, ids in enumerate(lists))
    (tmp_path / "outfits.csv").write_text(f"outfit_id,item_ids,source\n{looks}")
    code, out, _ = shell("import", "table", tmp_path, tmp_path / "shop", "--column", "item_id=sku")
    assert code == 0
    lines = out.splitlines()
    assert "  missing of 6 items: title 6, image 6, price 6, colour 6, material 6" in out
    assert lines[:2] == [f"{tmp_path / 'shop'}: 6 items, 0 pictures, 3 outfits", "  read as layout 'table':"]
    assert lines[-5:] == [
        "  outfits of shop, drawn split: 2 train, 0 valid, 1 test; exact repeats removed: 1",
        "    test outfits that share 80% of their items with a training outfit: 0.0% (split at random: 100.0%)",
        "    test items that no training outfit has: 100.0% (split at random: 0.0%)",
        "  note: 6 items have no picture",
        "  note: outfits of shop: none in split valid (training needs train and valid, questions need test); "
        "import more outfits, or name their splits",
    ]
    made = Dataset(tmp_path / "shop")
    write_made(made, made.catalogue.ids, np.ones((6, 4), np.float32))
    code, _, err = shell("train", "add-gnn", made.path, "--out", tmp_path / "run")
    assert code == 1
    assert "no outfit is in split 'valid'; the splits here are: test, train; import more outfits" in err
    assert not (tmp_path / "run").exists()


def test_chosen_groups_are_kept_with_the_data_set(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id,category\na,Vase\nb,Hemd\nc,Kerze\n")
    chosen = tmp_path / "groups.txt"
    chosen.write_text("\ufeff# ours\n\nVase=bag\nHemd = outer\n", encoding="utf-8")
    code, out, _ = shell("import", "table", tmp_path, tmp_path / "shop", "--groups", chosen)
    assert code == 0
    assert "  note: 1 items are in group other: Kerze 1" in out.splitlines()
    assert Dataset(tmp_path / "shop").catalogue.items["group"].to_list() == ["bag", "outer", "other"]
    assert Dataset(tmp_path / "shop").info["groups"] == {"vase": "bag", "hemd": "outer"}
    (tmp_path / "items.csv").write_text("item_id,category\na,Vase\nb,Hemd\nc,Kerze\nd,Hemd\n")
    chosen.write_text("Kerze=accessory\n")
    code, _, _ = shell("import", "table", tmp_path, tmp_path / "shop", "--update", "--groups", chosen)
    assert code == 0
    assert Dataset(tmp_path / "shop").catalogue.items["group"].to_list() == ["bag", "outer", "accessory", "outer"]
    for text, words in [
        ("Vase\n", "line 1: 'Vase' is not"),
        ("\nVase=sack\n", "line 2"),
        ("a=bag\nA=top\n", "line 2: 'A'"),
    ]:
        chosen.write_text(text)
        code, _, err = shell("import", "table", tmp_path, tmp_path / "other", "--groups", chosen)
        assert (code, words in err, err.count("\n")) == (1, True, 1), err
    code, _, err = shell("import", "mango", tmp_path, tmp_path / "other", "--groups", tmp_path / "items.csv")
    assert (code, "--groups is for layout 'table'" in err) == (1, True)


def test_the_seed_of_the_sample_is_no_option_of_its_layout(shell: Shell, tmp_path: Path) -> None:
    code, _, err = shell("import", "sample", tmp_path / "s", "--option", "seed=4")
    assert (code, err) == (1, "goeswith: the sample has no option 'seed'; its seed is given with --seed\n")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_reported(shell: Shell, world: Path, run: Path, tmp_path: Path) -> None:
    ids = Dataset(world).catalogue.ids
    looks = tmp_path / "looks.csv"
    looks.write_text(f"outfit_id,item_ids\na,{ids[0]};{ids[1]}\n")
    (tmp_path / "folder.csv").mkdir()
    code, _, err = shell("score", run, world, "--outfits", looks, "--out", tmp_path / "folder.csv")
    assert code == 1
    assert err.startswith(f"goeswith: cannot write {tmp_path / 'folder.csv'} (Is a directory)")
    code, _, err = shell("score", run, world, "--outfits", looks, "--out", tmp_path / "scores.txt")
    assert (code, "is neither .csv nor .parquet" in err) == (1, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.csv", "looks.csv"]
    code, _, err = shell("questions", world, "--outfits", looks, "--task", "compat", "--out", tmp_path / "q.csv")
    assert code == 2
    assert "q.csv must end in .parquet" in err.replace("\n", " ")


def test_a_run_without_all_it_needs_is_reported(shell: Shell, world: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model": "add-gnn", "categories": [], "groups": []}')
    code, _, err = shell("evaluate", tmp_path, world)
    assert code == 1
    assert err.startswith(f"goeswith: {tmp_path / 'config.json'} lacks 'settings'; train the run again")
    config = '{"model": "add-gnn", "categories": [], "groups": [], "settings": {}, "encoder": "made", "dim": "16"}'
    (tmp_path / "config.json").write_text(config)
    code, _, err = shell("evaluate", tmp_path, world)
    assert code == 1
    assert err.startswith(f"goeswith: {tmp_path / 'config.json'} is broken at 'dim'")


def test_ctrl_c_is_reported(shell: Shell, monkeypatch: pytest.MonkeyPatch, world: Path) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("goeswith.data.freeze.freeze", interrupted)
    code, _, err = shell("questions", world)
    assert code == cli.INTERRUPTED
    assert err.strip().endswith("goeswith: interrupted; no file is half-written, run the same command again to resume")


def test_help_is_instant_and_loads_nothing_heavy() -> None:
    """Not a time, which depends on the machine, but its cause: the help must not import torch or polars."""
    code = (
        "import sys; sys.argv = ['goeswith', '--help']\n"
        "from goeswith.cli import main as cli\n"
        "try:\n    cli.main()\n"
        "except SystemExit:\n    pass\n"
        "heavy = {'torch', 'polars', 'numpy', 'transformers', 'matplotlib', 'sklearn', 'scipy'} & set(sys.modules)\n"
        "print('heavy:', sorted(heavy))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "heavy: []" in result.stdout


def test_the_installed_command_prints_its_version() -> None:
    result = subprocess.run([sys.executable, "-m", "goeswith", "--version"], capture_output=True, text=True, check=True)
    assert result.stdout.startswith("goeswith 0.")


def test_progress_that_goes_to_a_file_is_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = iter([0.0, 30.0, 61.0, 61.0, 70.0, 130.0])
    monkeypatch.setattr(options.time, "monotonic", lambda: next(now))
    with options.bars() as begin:
        progress = begin("encode minilm")
        for done in (100, 2560, 5000):
            progress(done, 9222)
        progress(9222, 9222)
    assert capsys.readouterr().err == "encode minilm: 2,560 of 9,222\n"
