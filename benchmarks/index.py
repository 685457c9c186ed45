"""Speed and memory of an index over a large catalogue, beside one matrix product over the same states.

    python benchmarks/index.py [--items 1000000] [--model add-gnn]

The catalogue is made up: features are drawn around a few hundred styles; the model (two towers, h = 256; or ADD-GNN,
K = 4, H = 64, two steps) has its first weights, and what is searched of an item is 256 numbers. What takes time does
not depend on what was learned. Every time is given by the clock and as a ratio to one pass over what is searched, a
matrix product (items × 256) · (256 × 1), measured in the same run. Processor time is given beside that of the clock,
for on a busy machine the two part.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from safetensors.torch import save_file

from goeswith.data.catalogue import GROUPS
from goeswith.data.dataset import Dataset, Imported, create
from goeswith.data.features import write_features
from goeswith.models import Vocabulary
from goeswith.models.add_gnn import AddGnn, AddGnnConfig
from goeswith.models.two_tower import TwoTower, TwoTowerConfig
from goeswith.shop.build import build_index
from goeswith.shop.index import Index
from goeswith.shop.stylist import Filters, Stylist
from goeswith.train.settings import TrainConfig

CATEGORIES, STYLES, DIM = 50, 400, 64
COLOURS = [f"colour {shade:02}" for shade in range(20)]
SLOTS = tuple(f"category {GROUPS.index(group) + len(GROUPS):02}" for group in ("bottom", "shoes", "bag"))
ANCHOR = f"category {GROUPS.index('top'):02}"


def make_dataset(folder: Path, items: int, category: np.ndarray | None = None) -> Dataset:
    """A made up data set; category: (items,) codes below `CATEGORIES`, drawn evenly where none are given."""
    chance = np.random.default_rng(0)
    category = chance.integers(0, CATEGORIES, items) if category is None else category
    table = pl.DataFrame(
        {
            "item_id": [f"i{row:07}" for row in range(items)],
            "category": [f"category {code:02}" for code in category],
            "group": [GROUPS[code % len(GROUPS)] for code in category],
            "title": [f"item {row}" for row in range(items)],
            "colour": chance.choice(COLOURS, items),
            "brand": chance.choice([f"brand {number}" for number in range(200)], items),
            "price": chance.integers(10, 300, items).astype(float),
        }
    )
    worn = pl.DataFrame({"outfit_id": ["o0"], "item_ids": [["i0000000", "i0000001"]]})
    dataset = create(Imported(items=table, outfits=worn, source="made", licence="none"), folder, layout="made")
    styles = chance.standard_normal((STYLES, DIM)).astype(np.float32)

    def blocks() -> Any:
        for at in range(0, items, 1 << 16):
            count = min(1 << 16, items - at)
            yield np.abs(styles[chance.integers(0, STYLES, count)] + 0.5 * chance.standard_normal((count, DIM)))

    path = dataset.path / "features" / "made.safetensors"
    ids = dataset.catalogue.ids
    write_features(path, blocks(), (items, DIM), item_ids=ids, encoder="made", catalogue=dataset.catalogue)
    return dataset


def make_run(folder: Path, name: str) -> Path:
    torch.manual_seed(0)
    names = tuple(f"category {code:02}" for code in range(CATEGORIES))
    words = Vocabulary(names, tuple(GROUPS[code % len(GROUPS)] for code in range(CATEGORIES)))
    config = TwoTowerConfig() if name == "two-tower" else AddGnnConfig(hidden=64)
    model = TwoTower(config, DIM, words) if isinstance(config, TwoTowerConfig) else AddGnn(config, DIM, words)
    folder.mkdir()
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, folder / "weights.safetensors")
    saved = {
        "model": name, "goeswith": "", "settings": asdict(config), "train": asdict(TrainConfig()),
        "knowledge": None, "rules": None, "encoder": "made", "features": "", "dim": DIM,
        "dataset": {"name": "made", "source": "", "fingerprint": ""}, "left_out": {},
        "categories": words.categories, "groups": words.groups,
        "result": {"best_epoch": 0, "valid_auc": 0.5, "epochs": 0, "seconds": 0.0, "unservable": 0, "history": []},
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(saved))
    return folder


def seconds(work: Callable[[int], object], repeats: int, clients: int = 1) -> np.ndarray:
    """(repeats * clients, 2): wall and CPU time of each call, after one that warms up."""
    work(0)
    taken: list[tuple[float, float]] = []

    def client(number: int) -> None:
        for repeat in range(repeats):
            start, own = time.perf_counter(), time.thread_time()
            work(1 + number * repeats + repeat)
            taken.append((time.perf_counter() - start, time.thread_time() - own))

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return np.array(taken)


def clock(start: float, used: float) -> str:
    return f"{time.perf_counter() - start:.0f} s (CPU time {time.process_time() - used:.0f} s)"


def most_memory() -> float:
    """The most resident memory that this process had, in GB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9, 2)


def memory() -> float:
    """Resident memory of this process in GB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=40)
    parser.add_argument("--model", choices=("two-tower", "add-gnn"), default="two-tower")
    parser.add_argument("--work", type=Path, help="Folder to keep the catalogue and the index in.")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", type=Path, help="Page to write between <!-- speed --> and <!-- end -->.")
    parser.add_argument("--part", choices=list(PARTS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        print(json.dumps(PARTS[options.part](options)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        work = options.work or Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        results: dict[str, Any] = {"items": options.items}
        for part in PARTS:  # each in a process of its own, so that memory is told of one thing at a time
            command = [sys.executable, __file__, "--part", part, "--work", str(work)]
            command += ["--items", str(options.items), "--repeats", str(options.repeats), "--model", options.model]
            results |= json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    print(json.dumps(results, indent=2) if options.json else page(results))
    if options.write:
        text = options.write.read_text()
        part = re.compile(r"(<!-- speed -->\n).*?(<!-- end -->)", re.DOTALL)
        options.write.write_text(part.sub(lambda m: f"{m[1]}\n{page(results)}\n\n{m[2]}", text))


def page(results: dict[str, Any]) -> str:
    """What was measured, as Markdown."""
    clock, own = results["pass"]["clock"], results["pass"]["own"]
    lines = [f"{results['items']:,} items, {results['threads']} thread(s) a product."] if results["items"] else []
    for name in ("build", "most resident memory while building, GB", "open", "resident memory, GB"):
        lines += [f"- {name}: {results[name]}"] if name in results else []
    lines += [
        f"- one pass over all states: {clock:.0f} ms (CPU time {own:.0f} ms)",
        "",
        "| asked | clients | p50, ms | p95, ms | p95, passes | processor p50, ms | p95, ms | p95, passes | answers/s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in results["answers"]:
        cells = [row["asked"], str(row["clients"]), *(f"{row[name]:.0f}" for name in ("p50", "p95"))]
        cells += [f"{row['p95'] / clock:.2f}", *(f"{row[name]:.0f}" for name in ("own p50", "own p95"))]
        cells += [f"{row['own p95'] / own:.2f}", f"{row['rate']:.1f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def prepare(options: argparse.Namespace) -> dict[str, Any]:
    work = options.work
    if not (work / "data").is_dir():
        make_dataset(work / "data", options.items)
    if not (work / "run").is_dir():
        make_run(work / "run", options.model)
    return {}


def index_it(options: argparse.Namespace) -> dict[str, Any]:
    work = options.work
    if (work / "index").is_dir():
        return {}
    start, used = time.perf_counter(), time.process_time()
    build_index(work / "run", Dataset(work / "data"), work / "index")
    return {"build": clock(start, used), "most resident memory while building, GB": most_memory()}


def serve(options: argparse.Namespace) -> dict[str, Any]:
    work, repeats = options.work, options.repeats
    results: dict[str, Any] = {"threads": torch.get_num_threads()}
    start, used = time.perf_counter(), time.process_time()
    index = Index(work / "index")
    results["open"] = clock(start, used)
    stylist = Stylist(index)
    searched, vector = index.candidates.keys, torch.randn(256, 1)
    searched = index.scorer.states.hidden.flatten(1) if searched is None else searched
    own = np.median(seconds(lambda _: searched @ vector, 9), axis=0)
    results["pass"] = {"clock": 1e3 * own[0], "own": 1e3 * own[1]}
    chance = np.random.default_rng(1)
    tops = np.flatnonzero((index.catalogue.items["category"] == ANCHOR).to_numpy())
    anchors = [index.catalogue.ids[row] for row in chance.choice(tops, 500, replace=False)]
    filters = Filters(colours=tuple(COLOURS[:4]), price_max=150.0)

    def complete(**more: Any) -> Callable[[int], object]:
        return lambda turn: stylist.complete([anchors[turn]], slots=SLOTS, **more)

    calls: dict[str, Callable[[int], object]] = {
        "fill": lambda turn: stylist.fill([anchors[turn]], SLOTS[turn % 3]),
        "fill, slot a group": lambda turn: stylist.fill([anchors[turn]], "shoes"),
        "complete, 3 slots": complete(),
        "complete, 3 slots, filters": complete(filters=filters),
        "complete, 3 slots, other filters each time": lambda turn: stylist.complete(
            [anchors[turn]], slots=SLOTS, filters=replace(filters, price_max=150.0 + turn)
        ),
        "complete, 3 slots, budget": complete(budget=500.0),
        "complete, 3 slots, diversity": complete(diversity=0.5),
    }
    results["answers"] = []
    for name, call in calls.items():
        for clients in (1, 8):
            start = time.perf_counter()
            taken = 1e3 * seconds(call, repeats if clients == 1 else max(repeats // 4, 2), clients)
            rate = len(taken) / (time.perf_counter() - start)
            (p50, own50), (p95, own95) = np.quantile(taken, [0.5, 0.95], axis=0)
            row = {"asked": name, "clients": clients, "p50": p50, "p95": p95, "own p50": own50, "own p95": own95}
            results["answers"].append(row | {"rate": rate})
    results["resident memory, GB"] = round(memory(), 2)
    results["most resident memory, GB"] = most_memory()
    return results


PARTS = {"data": prepare, "build": index_it, "serve": serve}

if __name__ == "__main__":
    main()
