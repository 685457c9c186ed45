"""`goeswith index`, `complete`, `fill`, `improve`, `similar`: what they print and what they refuse."""

import json
import shutil
from inspect import signature
from io import StringIO
from pathlib import Path

import polars as pl
import pytest
from PIL import Image
from rich.console import Console
from shell import Shell
from shops import shop, trained

from goeswith.cli.options import GROUPS
from goeswith.cli.shop import complete, fill, improve, similar
from goeswith.cli.terminal import Printer, picture
from goeswith.data.filters import Filters
from goeswith.shop.build import build_index
from goeswith.shop.index import Index
from goeswith.shop.stylist import Stylist


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    monkeypatch.setenv("COLUMNS", "120")
    return Shell(monkeypatch, capsys)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an index, beside its data set and run."""
    folder = tmp_path_factory.mktemp("shop")
    dataset = shop(folder / "data")
    return build_index(trained(dataset, folder / "run"), dataset, folder / "index").path


@pytest.mark.slow
def test_index_says_what_changed(shell: Shell, index: Path, tmp_path: Path) -> None:
    out_folder = tmp_path / "index"
    command = ("index", index.parent / "run", index.parent / "data", "--out", out_folder)
    code, out, _ = shell(*command)
    summary = "192 items: 192 added, 0 changed, 0 removed; 192 encoded, 0 without features"
    lines = out.splitlines()
    assert (code, lines[0], lines[-1]) == (
        0,
        f"{out_folder}: 192 items are 64 products (by product_id, or else by title and picture)",
        f"{out_folder}: {summary}",
    )
    assert "fitted on validation: recall@10 0." in lines[1]
    code, out, _ = shell(*command)
    assert "0 added, 0 changed, 0 removed; 0 encoded" in out
    code, out, _ = shell(*command, "--json")
    assert json.loads(out)["items"] == 192


def test_looks_as_json_are_those_of_the_stylist(shell: Shell, index: Path) -> None:
    flags = (
        "--colour",
        "black",
        "--price-max",
        "80",
        "--exclude",
        "i150",
        "--budget",
        "200",
        "-k",
        "2",
        "--incoherent",
    )
    code, out, err = shell("complete", index, "i0", "i60", "--slot", "shoes", "--slot", "bag", *flags, "--json")
    assert (code, err) == (0, "")
    looks = json.loads(out)
    rows = {row["item_id"]: row for row in pl.read_parquet(index / "items.parquet").iter_rows(named=True)}
    assert len(looks) == 2
    for look in looks:
        assert look["item_ids"][:2] == ["i0", "i60"]
        assert [rows[item_id]["colour"] for item_id in look["added"]] == ["black", "black"]
        assert look["price"] <= 200
    stylist = Stylist(Index(index))
    code, out, _ = shell("fill", index, "i0", "i60", "--slot", "bag", "-k", "3", "--season", "winter", "--json")
    assert [rows[look["added"][0]]["season"] for look in json.loads(out)] == ["winter"] * 3
    code, out, _ = shell("improve", index, "i0", "i60", "i100", "--lock", "i0", "--json")
    assert [swap["gain"] for swap in json.loads(out)] == [
        swap.gain for swap in stylist.improve(["i0", "i60", "i100"], locked=["i0"])
    ]
    why = stylist.why_no_swap(["i100", "i130"])
    assert shell("improve", index, "i100", "i130") == (0, f"{why}\n", "")
    assert shell("improve", index, "i100", "i130", "--json") == (0, "[]\n", f"{why}\n")
    assert shell("similar", index, "i0", "--price-max", "0", "--json")[1] == "[]\n"
    code, out, _ = shell("similar", index, "i100", "-k", "2", "--json")
    assert [item["item_id"] for item in json.loads(out)] == [item.item_id for item in stylist.similar("i100", k=2)]


def test_case_does_not_matter_and_pictures_may_be_left_out(shell: Shell, index: Path) -> None:
    ask = ("fill", index, "i0", "i60", "--json", "-k", "3")
    code, out, _ = shell(*ask, "--slot", "bag", "--colour", "black", "--season", "winter")
    assert shell(*ask, "--slot", "Bag", "--colour", "BLACK", "--season", " Winter ") == (code, out, "")
    code, out, err = shell("explain", index, "i0", "i60", "--no-pictures")
    assert (code, err, "▀" in out) == (0, "", False)
    assert out == shell("explain", index, "i0", "i60")[1]
    assert out.startswith("This look ")


def test_looks_of_a_catalogue_are_written_and_drawn(shell: Shell, index: Path, tmp_path: Path) -> None:
    out, sheet = tmp_path / "looks.csv", tmp_path / "sheet.png"
    ask = ("looks", index, "--for", "group=top", "--anchors", "4", "--per", "2", "--colour", "black")
    code, output, _ = shell(*ask, "--out", out, "--sheet", sheet)
    assert (code, output.split(" looks use ")[0]) == (0, "8")
    pieces = pl.read_csv(out)
    assert set(pieces.filter(pl.col("place") > 0)["colour"]) == {"black"}
    with Image.open(sheet) as picture:
        assert picture.height == 8 * (150 + 18 + 4)
    code, _, err = shell(*ask)
    assert code == 2
    assert "give --out looks.csv" in err
    assert "x.xml is neither .csv nor .json" in shell(*ask, "--out", "x.xml")[2].replace("\n", " ")
    assert "is not named as a picture" in shell(*ask, "--sheet", "sheet.txt")[2].replace("\n", " ")


def test_every_filter_has_a_flag() -> None:
    flags, filters = GROUPS[Filters]
    lists = {"category": "a", "group": "b", "brand": "c", "colour": "d", "season": "e", "gender": "f", "exclude": "g"}
    values = {name: [value] for name, value in lists.items()} | {"price_min": 1.0, "price_max": 2.0, "in_stock": True}
    assert filters(values) == Filters(("a",), ("b",), ("c",), ("d",), ("e",), ("f",), ("g",), 1.0, 2.0, True)
    assert filters({name: flag.default for name, flag in flags.items()}) == Filters()
    for command in (complete, fill, improve, similar):
        shown = signature(command).parameters
        assert set(shown) >= set(flags)
        assert "filters" not in shown


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (
            ["complete", "i0", "--slot", "shoes", "--slot", "bag", "-k", "2"],
            ["1. needs a bottom", "2. needs a bottom", "thing"],
        ),
        (["complete", "i0", "-k", "2"], ["shirt", "skirt", "boots", "tote"]),
        (["fill", "i0", "--slot", "bag", "-k", "3"], ["1.", "3.", "tote", "score"]),
        (["improve", "i0", "i60"], ["take out", "put in", "+"]),
        (["similar", "i0", "-k", "2"], ["1.", "2.", "shirt"]),
        (
            ["similar", "i0", "--exclude", "i0", "--price-max", "0"],
            [
                "no other item of its category passes the filters: price up to 0 and 1 excluded item; ",
                "would without price",
            ],
        ),
        (["improve", "i0", "i60", "--price-max", "0"], ["no swap of one item within price up to 0", "would without"]),
        (
            ["fill", "i0", "--slot", "bag", "--price-max", "8"],
            ["note: not enough items: only", "of 10 looks can be made"],
        ),
    ],
)
def test_tables(shell: Shell, index: Path, ask: list[str], words: list[str]) -> None:
    code, out, err = shell(ask[0], index, *ask[1:])
    assert (code, err) == (0, "")
    for word in words:
        assert word in out
    assert "▀" not in out


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (["fill", "i0", "--slot", "shoe"], "no item belongs to the slot 'shoe'; did you mean 'shoes'?"),
        (["similar", "nobody"], "the catalogue has no item 'nobody'; check the id"),
        (["fill", "i0", "--slot", "bag", "--price-min", "9", "--price-max", "8"], "contradict each other"),
    ],
)
def test_mistakes_are_one_sentence(shell: Shell, index: Path, ask: list[str], words: str) -> None:
    code, out, err = shell(ask[0], index, *ask[1:])
    assert (code, out) == (1, "")
    assert err.startswith("goeswith: ")
    assert words in err
    assert err.count("\n") == 1


def test_no_index_is_one_sentence(shell: Shell, tmp_path: Path) -> None:
    code, _, err = shell("similar", tmp_path, "i0")
    assert code == 1
    assert "is not an index" in err


def test_a_stale_index_answers_and_says_so(shell: Shell, index: Path, tmp_path: Path) -> None:
    shutil.copytree(index.parent, tmp_path / "shop")
    info = json.loads((tmp_path / "shop" / "index" / "index.json").read_text())
    info["dataset"]["path"] = str(tmp_path / "shop" / "data")
    (tmp_path / "shop" / "index" / "index.json").write_text(json.dumps(info))
    items = tmp_path / "shop" / "data" / "items.parquet"
    pl.read_parquet(items).with_columns(price=1.0).write_parquet(items)
    code, out, err = shell("similar", tmp_path / "shop" / "index", "i0", "--json")
    assert (code, len(json.loads(out))) == (0, 10)
    assert "has changed since it was indexed" in err


def test_pictures_are_half_blocks(index: Path, tmp_path: Path) -> None:
    red = Image.new("RGB", (20, 20), (255, 0, 0))
    red.paste((0, 0, 255), (0, 10, 20, 20))
    red.save(tmp_path / "i0.png")
    text = picture(tmp_path / "i0.png")
    assert text.plain.splitlines() == ["▀" * 16] * 8
    assert str(text.spans[0].style) == "rgb(255,0,0) on rgb(255,0,0)"
    assert str(text.spans[-1].style) == "rgb(0,0,255) on rgb(0,0,255)"
    opened = Index(index)
    console = Console(file=StringIO(), force_terminal=True, color_system="truecolor", width=100)
    printer = Printer(opened, console=console)
    assert printer.pictures
    printer.images = tmp_path
    printer.items = printer.items.with_columns(image=pl.when(pl.col("item_id") == "i0").then(pl.lit("i0.png")))
    printer.looks([Stylist(opened).judge(["i0", "i60"])])
    assert console.file.getvalue().count("▀") == 16 * 8  # type: ignore[attr-defined]


def test_prices_have_the_currency_of_the_catalogue(index: Path) -> None:
    opened = Index(index)
    look = Stylist(opened).judge(["i0", "i60"])
    for currency, words in (("EUR", f"price €{look.price:.2f}"), ("CHF", f"price {look.price:.2f} CHF")):
        console = Console(file=StringIO(), width=100)
        printer = Printer(opened, False, console)
        printer.currency = currency
        printer.items = printer.items.with_columns(currency=pl.lit(currency))
        printer.looks([look])
        assert words in console.file.getvalue()  # type: ignore[attr-defined]
        assert console.file.getvalue().count({"EUR": "€", "CHF": "CHF"}[currency]) == 3  # type: ignore[attr-defined]
