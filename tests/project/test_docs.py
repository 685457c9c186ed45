"""The documents: what they tell the reader to type runs, the notebook runs, the site stands on its own."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import pytest
from published import (
    Shop,
    as_ccp,
    as_fashion_products,
    as_fashionstylist,
    as_mango,
    as_maryland,
    as_polyvore_outfits,
    as_table,
    as_triplets,
)
from typer.main import get_command
from typer.testing import CliRunner

from goeswith.cli.main import app
from goeswith.data.dataset import Dataset
from goeswith.shop.index import Index

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = ["README.md", *sorted(str(path.relative_to(ROOT)) for path in DOCS.rglob("*.md"))]

NOT_RUN = {
    "goeswith train [MODEL] ": "a synopsis",
    "goeswith train goeswith_example:": "needs the example package: tests/project/test_plugins.py runs it",
    "make ": "the project's own targets: CI runs make test, tests/test_demo.py the demo in small",
    "pip ": "installs",
    "goeswith import [LAYOUT] ": "a synopsis",
    "python tests/feeds/make_shop.py ": "draws for half a minute: tests/feeds/test_make_shop.py runs it in small",
    "python -m http.server ": "runs until it is stopped: tests/studio/test_widget_browser.py serves the same files",
}
"""How a command begins that the documents show and this does not run → why."""
PARSED = {
    "goeswith build my-shop shops/mine": "is of a shop without outfits: tests/shop/test_pipeline.py",
    "goeswith encoders data/shop --encoder words": "names models of a hub: tests/experiments/test_encoders.py",
    "goeswith train add-gnn data/mango --knowledge goeswith_example": "the same package",
    "goeswith evaluate runs/centre": "the same package",
    "goeswith questions data/mango --outfits": "asks about a list of one's own: tests/data/test_keys.py",
    "goeswith bench": "trains in processes of its own, for minutes: tests/test_bench.py, test_recipes.py run it",
    "goeswith curves": "trains for hours: tests/experiments/test_study.py runs it in small",
    "goeswith demo --serve": "runs until it is stopped: tests/test_demo.py",
    "goeswith serve": "runs until it is stopped",
    "goeswith clicks": "speaks of what product pages posted: tests/studio/test_events.py",
    "goeswith publish": "publishes looks approved in the studio: tests/studio/test_publish.py",
    **dict.fromkeys(
        [
            "goeswith encode data/mango --encoder words --engine ray",
            "goeswith score runs/add-gnn data/ccp --outfits outfits/",
            "goeswith score runs/add-gnn data/mango --outfits outfits/",
            "goeswith index runs/add-gnn data/mango --out indices/mango --vectors",
        ],
        "starts workers, or needs millions of items: tests/data/test_engine.py, tests/shop/test_approximate.py",
    ),
    "goeswith feedback": "speaks of outfits saved in the studio: tests/test_studio_feedback.py",
    "goeswith import table my/shop data/shop-2": "the same; tests/data/test_saved_looks.py runs it",
    "goeswith train data/shop-2 --knowledge preferences": "of what the same import wrote",
    **dict.fromkeys(
        [
            *(f"goeswith import {layout} " for layout in ("shopify", "google", "meta", "woo", "schema-org")),
            "goeswith import my-export ",
            "goeswith build my-export ",
            "goeswith build demo-shop/",
            "goeswith check shops/mine/data",
        ],
        "speaks of a shop's own export, and downloads: tests/feeds run the whole way",
    ),
}
"""Commands whose words and flags are checked, and no more."""
SMALLER = {
    "--outfits 600 --option items=600": "--outfits 200 --option items=440 --option size=32 --option workers=1",
    "--option outfits=3000": "--option outfits=60 --option items=440 --option size=32 --option workers=1",
    " SOURCE ": " ../shared/data/polyvore-outfits ",
}
"""What is said → what is run: the same, smaller, or a place that the reader fills in."""
FLAGS = {
    "train": ["--set", "epochs=1", "--set", "batch_size=64", "--set", "hidden=16"],
    "encode": ["--workers", "0"],
    "build": ["--set", "epochs=1", "--set", "batch_size=64", "--set", "hidden=16"],
}
"""Added to keep it quick; models whose setting is called otherwise go without."""
NO_HIDDEN = ("type-aware", "csa-net", "sce-net", "outfit-transformer", "teacher")


class Block(NamedTuple):
    """What a page shows: ``python``, or one ``command``, and the line that it begins at."""

    kind: str
    code: str
    line: int


def blocks(text: str) -> Iterator[Block]:
    """Python blocks, and commands in indented or fenced blocks, in the order of the page."""
    lines, at = text.splitlines(), 0
    while at < len(lines):
        start, line = at, lines[at]
        at += 1
        if line.startswith("```"):
            while not lines[at].startswith("```"):
                at += 1
            inside = lines[start + 1 : at]
            at += 1
            if line.startswith("```python"):
                yield Block("python", "\n".join(inside), start + 1)
                continue
        elif line.startswith("    ") and (not start or not lines[start - 1].strip()):
            while at < len(lines) and lines[at].startswith("    "):
                at += 1
            inside = [each[4:] for each in lines[start:at]]
        else:
            continue
        joined = re.sub(r" *\\\n *", " ", "\n".join(inside))
        for command in joined.splitlines():
            bare = re.sub(r"\s+# .*$", "", command)
            if re.match(r"(goeswith|make|pip|python)\s", bare):
                yield Block("command", bare, start + 1)


def runs(block: Block) -> bool:
    """Whether it is run here."""
    return block.kind == "python" or not block.code.startswith((*NOT_RUN, *PARSED))


FOUND = {page: list(blocks((ROOT / page).read_text())) for page in PAGES}


def test_blocks_are_found() -> None:
    page = (
        "Text\n\n    goeswith audit x   # why\n    pip \\\n      install y\n\n```python\na = 1\n```\n- no\n    block\n"
    )
    assert [block[:2] for block in blocks(page)] == [
        ("command", "goeswith audit x"), ("command", "pip install y"), ("python", "a = 1"),
    ]  # fmt: skip
    assert sum(len(page_blocks) for page_blocks in FOUND.values()) > 80


class Reader:
    """Types what a page says, in a folder of its own beside ``../shared/data``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def type(self, command: str) -> None:
        for text, run in SMALLER.items():
            command = command.replace(text, run)
        command, _, into = command.partition(" > ")
        words = shlex.split(command)[1:]
        self.make_room(words)
        words = self.filled_in(words)
        words += self.flags(words)
        output = self.run(words)
        if into:
            Path(into).write_text(output)

    def run(self, words: list[str]) -> str:
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, f"goeswith {shlex.join(words)}\n{result.output}\n{result.exception!r}"
        return result.stdout

    def make_room(self, words: list[str]) -> None:
        """What an earlier page made in the same place goes: this one is read by itself."""
        path = None
        if words[0] in ("train", "rules") and "--out" in words:
            path = Path(words[words.index("--out") + 1])
        elif words[0] in ("import", "export") and "--update" not in words:
            path = Path(  # the last word that is no flag and no value of one
                [w for before, w in pairwise(words) if not w.startswith("--") and not before.startswith("--")][-1]
            )
        if path is not None and path.is_dir():
            shutil.rmtree(path)
        elif path is not None:
            path.unlink(missing_ok=True)

    def filled_in(self, words: list[str]) -> list[str]:
        """Item ids for TOP and BOTTOM, and scores where a file of them is named that nobody has written yet."""
        if words[0] == "rules" and {"TOP", "TOP_ID"} & set(words):
            shop = Dataset(words[3])
            return [*words[:4], *(shop.catalogue.ids[row] for row in shop.outfits[0])]
        if words[0] in ("complete", "fill", "improve", "similar", "explain"):
            items = Index(words[1]).catalogue.items
            chosen = {group.upper(): items.filter(group=group)["item_id"][0] for group in ("top", "bottom", "shoes")}
            return [chosen.get(word, word) for word in words]
        files = [word for before, word in pairwise(words) if before == "--scores"]
        if files:
            dataset = next(Path(word) for word in words[::-1] if word.startswith("data/") and "/questions" not in word)
            named = [Path(word) for word in words if word.endswith(".parquet") and "/questions/" in word]
            for file in map(Path, files):
                write_scores(file, named or sorted((dataset / "questions").glob("test-*.parquet")))
        return words

    def flags(self, words: list[str]) -> list[str]:
        """What keeps a command small."""
        added = list(FLAGS.get(words[0], []))
        if words[0] == "train":
            if words[1] in NO_HIDDEN:
                added = added[:4]
            if "--teacher" in words and words[words.index("--teacher") + 1].startswith("data/"):
                added += ["--set", "teacher.epochs=1"]
        return added


def write_scores(file: Path, questions: list[Path]) -> None:
    """Random numbers for every candidate of every question, as another program would give them."""
    frame = pl.concat([pl.read_parquet(path, columns=["question_id", "candidates"]) for path in questions])
    rows = frame.explode("candidates").rename({"candidates": "candidate"})
    rows = rows.with_columns(score=pl.Series(np.random.default_rng(0).random(len(rows))))
    rows.write_parquet(file) if file.suffix == ".parquet" else rows.write_csv(file)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``shared/data`` in the publishers' layouts, and ``start``: what a reader of the README has before it."""
    root = tmp_path_factory.mktemp("docs")
    shop, data = Shop(root / "drawn"), root / "shared" / "data"
    as_mango(shop, data / "mango")
    as_ccp(shop, data / "ccp")
    as_triplets(shop, data / "fashionvc")
    as_triplets(shop, data / "expfashion")
    as_maryland(shop, data / "polyvore-maryland")
    as_fashionstylist(shop, data / "fashionstylist")
    as_polyvore_outfits(shop, data / "polyvore-outfits")
    as_fashion_products(shop, data / "fashion-products")
    start = root / "start"
    as_table(shop, start / "my" / "shop", {"item_id": "sku", "category": "type"})
    as_table(shop, start / "my-shop", {"item_id": "sku", "category": "kind"})
    as_table(shop, start / "fashion32", {}, "users")
    as_table(shop, start / "fashion-show", {}, "designers", sides=True)
    looks = "".join(f"l{n},{';'.join(items)}\n" for n, items in enumerate(shop.outfits[:3]))
    (start / "looks.csv").write_text("outfit_id,item_ids\n" + looks)
    return root


@pytest.fixture(scope="module")
def readme(stage: Path) -> Path:
    """The folder of a reader who has typed all of the README's commands."""
    folder = stage / "readme"
    shutil.copytree(stage / "start", folder)
    before = Path.cwd()
    os.chdir(folder)
    try:
        read(FOUND["README.md"], folder)
    finally:
        os.chdir(before)
    return folder


def read(blocks: list[Block], folder: Path) -> None:
    """Type every command and run every Python block of a page, one after the other."""
    reader = Reader(folder)
    for block in filter(runs, blocks):
        if block.kind == "python":
            python(block)
        else:
            reader.type(block.code)


def python(block: Block) -> None:
    """A block by itself; what the text around it speaks of is there."""
    for out in re.findall(r'train\("[^"]+", [^,]+(?:\([^)]*\))?, "([^"]+)"', block.code):
        shutil.rmtree(out, ignore_errors=True)
    for file in re.findall(r'"([\w-]+\.csv)"', block.code):
        if "write_csv" not in block.code and not Path(file).exists():
            write_scores(Path(file), [Path("data/mango/questions/test-fitb-matched.parquet")])
    names = {"my_model": lambda rows: np.random.default_rng(0).random(len(rows))}
    exec(compile(block.code, "a block of a page", "exec"), names)


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if any(map(runs, FOUND[page])) and page != "README.md"])
def test_what_a_page_says_runs(page: str, readme: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = readme.with_name(page.replace("/", "-"))
    shutil.copytree(readme, folder)
    monkeypatch.chdir(folder)
    read(FOUND[page], folder)
    shutil.rmtree(folder)


@pytest.mark.slow
def test_what_the_readme_says_runs(readme: Path) -> None:
    assert (readme / "runs" / "akd" / "weights.safetensors").is_file()
    assert (readme / "scores.csv").read_text().startswith("outfit_id,items,score\nl0,4,")


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if not all(map(runs, FOUND[page]))])
def test_commands_that_are_not_run_have_the_words_and_flags_that_they_name(page: str) -> None:
    for block in FOUND[page]:
        if block.kind == "command" and block.code.startswith(tuple(PARSED)):
            name, *rest = shlex.split(block.code)[1:]
            command = get_command(app).commands[name]  # type: ignore[attr-defined]
            command.make_parser(command.make_context(name, rest, resilient_parsing=True)).parse_args(rest)


def test_each_line_of_the_sceptics_checklist_has_a_command_that_there_is() -> None:
    checklist = (DOCS / "evaluate.md").read_text().split("## A sceptic's checklist", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in checklist.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 10
    for row in rows:
        column = row.split(" | ")[1]
        if column == "the same":
            continue
        shown = re.findall(r"`([^`]+)`", column)[-1]
        _, name, *rest = shlex.split(shown)
        if shown.startswith("make "):
            assert f"\n{name}: " in (ROOT / "Makefile").read_text(), row
            only = rest[0].removeprefix("RESULTS=--only ").split()
            assert only, row
            assert all((ROOT / "recipes" / f"{recipe}.toml").is_file() for recipe in only), row
            continue
        if shown.startswith("python "):
            assert (ROOT / name).is_file(), row
            continue
        command = get_command(app).commands[name]  # type: ignore[attr-defined]
        command.make_parser(command.make_context(name, rest, resilient_parsing=True)).parse_args(rest)


def test_every_command_that_is_not_run_is_still_shown() -> None:
    shown = [block.code for blocks in FOUND.values() for block in blocks]
    for start in NOT_RUN:
        assert any(code.startswith(start) for code in shown), f"{start!r} is shown nowhere: take it out of NOT_RUN"


# --- the site


class Assets(HTMLParser):
    """What a page makes a browser load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        if tag == "link" and values.get("rel") not in ("next", "prev", "canonical"):
            self.found.append(values.get("href") or "")
        elif tag != "a":
            self.found += [values[name] or "" for name in ("src", "srcset", "data", "poster") if name in values]
        if "style" in values:
            self.found += re.findall(r"url\(['\"]?([^'\")]+)", values["style"] or "")

    handle_startendtag = handle_starttag


@pytest.mark.slow
def test_the_site_builds_strictly_and_loads_nothing_from_another_host(tmp_path: Path) -> None:
    site = tmp_path / "site"
    result = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", site],
        cwd=ROOT, capture_output=True, text=True, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    pages = sorted(site.rglob("*.html"))
    assert {"index.html", "python.html", "contributing.html", "shop.html"} <= {page.name for page in pages}
    for page in pages:
        text = page.read_text()
        for asset in Assets(text).found:
            assert not re.match(r"(https?:)?//", asset), (page, asset)
            if asset and not asset.startswith("data:") and page.name != "404.html":
                assert (page.parent / asset.partition("?")[0].partition("#")[0]).exists(), (page, asset)
        for style in re.findall(r"<style[^>]*>(.*?)</style>", text, flags=re.S):
            assert not re.search(r"@import|url\(['\"]?(https?:)?//", style), page
    for style in site.rglob("*.css"):
        assert not re.search(r"@import|url\(['\"]?(https?:)?//", style.read_text()), style
    assert (site / "search" / "search_index.js").is_file()  # search works from files


SMALLER_CELLS = {'"epochs=12"': '"epochs=2"', '"epochs=8"': '"epochs=2"'}
IN_THE_KERNEL = """

from typer.testing import CliRunner
from goeswith.cli.main import app

def goeswith(command):
    result = CliRunner().invoke(app, shlex.split(command))
    assert result.exit_code == 0, f"{command}: {result.output}"
"""
"""Commands of the notebook need no processes of their own to show that they run."""


def smaller_notebook(path: Path) -> str:
    """A notebook with smaller numbers, whose commands must succeed."""
    notebook = json.loads(path.read_text())
    cells = ["".join(cell["source"]) for cell in notebook["cells"]]
    for cell, text in zip(notebook["cells"], cells, strict=True):
        for shown, run in SMALLER_CELLS.items():
            text = text.replace(shown, run)
        cell["source"] = text + IN_THE_KERNEL * ("def goeswith(" in text)
    assert all(any(shown in text for text in cells) for shown in (*SMALLER_CELLS, "def goeswith("))
    return json.dumps(notebook)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*without encryption.*")
def test_the_notebook_runs_from_the_top_and_its_outputs_are_small(tmp_path: Path) -> None:
    notebook = DOCS / "notebooks" / "shop.ipynb"
    (tmp_path / "small.ipynb").write_text(smaller_notebook(notebook))
    result = subprocess.run(
        [sys.executable, "-c", "import sys, pathlib; sys.path.insert(0, 'docs'); import notebook; "
         "print(len(notebook.run(pathlib.Path(sys.argv[1])).cells))", tmp_path / "small.ipynb"],
        cwd=ROOT, capture_output=True, text=True, env=os.environ | {"TMPDIR": str(tmp_path)},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) > 20
    assert notebook.stat().st_size < 400_000
