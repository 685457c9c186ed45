"""How quickly the studio's pages are there, and whether they move, in a real browser over a large index.

    python benchmarks/studio.py INDEX FOLDER [--items 50000] [--rounds 5] [--docs docs/studio.md]

INDEX is any index with its data set, best of the default model: others take minutes to be fitted to so many items. Its
items are repeated under other ids until there are enough; pictures are shared. The large index is made in FOLDER and
used again if it is there. Each page is opened in a fresh browser without a cache, as often as asked; the
table has medians. First paint: first contentful paint. Largest: largest contentful paint. Ready: the later of
DOMContentLoaded and the end of the last long task (50 ms) before the page is quiet. Shift: cumulative layout shift
while it loads. Adding a suggestion and swapping a piece are measured from the click until the board shows it, with the
shift meanwhile.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from goeswith.data.dataset import Dataset
from goeswith.data.features import load_features, write_features
from goeswith.shop.build import build_index
from goeswith.shop.index import Index
from goeswith.studio.app import create_app
from goeswith.tables import markdown, plain
from goeswith.train.run import Run

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
WATCH = """() => { window.seen = { shift: 0, largest: 0, busy: 0 };
  new PerformanceObserver((list) => { for (const e of list.getEntries()) window.seen.shift += e.value; })
    .observe({ type: "layout-shift", buffered: true });
  new PerformanceObserver((list) => { for (const e of list.getEntries()) window.seen.largest = e.startTime; })
    .observe({ type: "largest-contentful-paint", buffered: true });
  new PerformanceObserver((list) => { for (const e of list.getEntries()) window.seen.busy = e.startTime + e.duration; })
    .observe({ type: "longtask", buffered: true }); }"""
READ = """() => ({ ...window.seen, paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime || 0,
  loaded: performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd,
  server: performance.getEntriesByType("navigation")[0].responseStart })"""
MARKS = "<!-- speed -->", "<!-- /speed -->"
HEAD = ["page", "server, ms", "first paint, ms", "largest, ms", "ready, ms", "shift"]


VALIDATION = 200
"""Validation outfits that are kept: the index is fitted to them, which takes long over so many items, and pages are not
slower for it."""


def enlarged(index: Index, count: int, folder: Path) -> Index:
    """An index of so many items over a data set whose items are repeated, made in a folder unless it is there."""
    if (folder / "index" / "index.json").is_file():
        return Index(folder / "index")
    assert index.dataset is not None
    source, run = Dataset(index.dataset), Run(index.path / "model")
    made = folder / "data"
    made.mkdir(parents=True)
    shutil.copy(source.path / "dataset.json", made / "dataset.json")
    outfits = pl.read_parquet(source.path / "outfits.parquet")
    surplus = outfits.with_row_index().filter(split="valid")["index"][VALIDATION:]
    outfits.filter(~pl.int_range(pl.len()).is_in(surplus.implode())).write_parquet(made / "outfits.parquet")
    (made / "images").symlink_to((source.path / "images").resolve())
    items, times = pl.read_parquet(source.path / "items.parquet"), -(-count // len(source.catalogue))
    copies = [items if n == 0 else items.with_columns(item_id=pl.col("item_id") + f"-{n}") for n in range(times)]
    pl.concat(copies)[:count].write_parquet(made / "items.parquet")
    large = Dataset(made)
    for name in run.config["encoder"].split("+"):
        features = load_features(source, name)
        values, present = (np.concatenate([part] * times)[:count] for part in (features.values, features.present))
        ids = [item_id for item_id, there in zip(large.catalogue.ids, present, strict=True) if there]
        path = made / "features" / f"{name}.safetensors"
        path.parent.mkdir(exist_ok=True)
        write_features(path, [values[present]], (len(ids), values.shape[1]), item_ids=ids, encoder=name,
                       catalogue=large.catalogue)  # fmt: skip
    return build_index(run, large, folder / "index")


@contextmanager
def served(index: Index) -> Iterator[str]:
    """The address of a studio over an index."""
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(create_app(index.path), port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


def opened(browser: Any, address: str, path: str) -> tuple[Any, dict[str, float]]:
    """A page in a fresh browser, and what was seen while it loaded."""
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.add_init_script(f"({WATCH})()")
    page.goto(address + path)
    page.wait_for_load_state("networkidle")
    return page, page.evaluate(READ)


def loads(browser: Any, address: str, path: str, rounds: int) -> list[str]:
    """Medians of a page over some rounds, after one that counts for nothing."""
    times = []
    for _ in range(rounds + 1):
        page, seen = opened(browser, address, path)
        times.append(seen)
        page.context.close()
    middle = {name: statistics.median(load[name] for load in times[1:]) for name in times[0]}
    ready = max(middle["loaded"], middle["busy"])
    return [
        *(f"{middle[name]:.0f}" for name in ("server", "paint", "largest")),
        f"{ready:.0f}",
        f"{middle['shift']:.3f}",
    ]


def act(browser: Any, address: str, path: str, click: str, then: str, rounds: int) -> list[str]:
    """Median milliseconds from a click until something is there, and the most that the page moved meanwhile."""
    times, shifts = [], []
    for _ in range(rounds):
        page, _ = opened(browser, address, path)
        page.locator(click).first.wait_for()
        before, start = page.evaluate("window.seen.shift"), time.perf_counter()
        page.locator(click).first.click()
        page.locator(then).first.wait_for()
        times.append(1000 * (time.perf_counter() - start))
        page.wait_for_timeout(400)
        shifts.append(page.evaluate("window.seen.shift") - before)
        page.context.close()
    return ["", "", "", f"{statistics.median(times):.0f}", f"{max(shifts):.3f}"]


def measured(address: str, index: Index, rounds: int) -> list[list[str]]:
    """Rows of the table."""
    from playwright.sync_api import sync_playwright

    items = index.catalogue.items
    on = [items.filter(group=group)["item_id"][0] for group in ("top", "bottom")]
    board = f"/board?on={on[0]}&on={on[1]}"
    narrowed = f"/catalogue?q=shoes&colour={items['colour'].drop_nulls()[0]}&sort=cheap"
    pages = {"start": "/", "catalogue": "/catalogue", "search for “blazr”": "/catalogue?q=blazr",
             "search with a filter, by price": narrowed,
             "item": f"/item?item={on[0]}", "board of two": board}  # fmt: skip
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        rows = [[name, *loads(browser, address, path, rounds)] for name, path in pages.items()]
        three = ".pieces li:nth-child(3)"
        rows.append(["add a suggestion", *act(browser, address, board, '#more a[aria-label^="Add"]', three, rounds)])
        swap = f"{board}&swap={on[0]}"
        gone = f"#board:not([data-on*='\"{on[0]}\"'])"
        rows.append(["swap a piece", *act(browser, address, swap, '#more a[aria-label^="Swap for"]', gone, rounds)])
        browser.close()
    return rows


def write(docs: Path, sentence: str, table: str) -> None:
    """Put the table between the marks of a document."""
    text, (start, end) = docs.read_text(), MARKS
    docs.write_text(f"{text[: text.index(start)]}{start}\n{sentence}\n\n{table}\n{text[text.index(end) :]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--items", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--docs", type=Path)
    options = parser.parse_args()
    index = enlarged(Index(options.index), options.items, options.folder)
    with served(index) as address:
        rows = measured(address, index, options.rounds)
    print(plain(HEAD, rows))
    if options.docs:
        sentence = (
            f"Over {options.items:,} items, median of {options.rounds} on a desktop (1280 × 800), without a cache:"
        )
        write(options.docs, sentence, markdown(HEAD, rows))
    json.dump(rows, sys.stderr)


if __name__ == "__main__":
    main()
