"""How work grows with outfits, items, outfit length, |h| and processes, and what a larger shop needs of machines.

    python benchmarks/growth.py --measure [--write docs/scale.md]    # measures; docs/scale/growth.json and .svg
    python benchmarks/growth.py --items 10e6 --outfits 100e6 --requests 1000    # calculates from the measured curves

Each curve changes one thing and keeps the rest; a point is the median of rounds in which all points take turns, one
thread each. The model is two towers of the default kind on features of 1,280 numbers: a training step is encoding,
scores of outfits and of as many corrupted ones, loss and gradients. A search is one product of a query with the keys of
one category; one in the table is a LanceDB search of 64 lists. The calculation takes the last point of each curve and
lets it grow as its formula says, never quicker than linearly; machines are what hours and requests divide by.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import polars as pl
import torch

from goeswith.data.encoders.networks import open_network
from goeswith.data.outfits import OutfitBatch
from goeswith.models import Vocabulary
from goeswith.models.losses import bpr
from goeswith.models.two_tower import TwoTower, TwoTowerConfig
from goeswith.shop import approximate
from goeswith.tables import markdown

KEPT = Path(__file__).resolve().parents[1] / "docs" / "scale"
DIM, HIDDEN, LENGTH, OUTFITS, ITEMS = 1280, 256, 5, 256, 20_000
CURVES = {
    "outfits": ("training, s", "outfits", [256, 512, 1024, 2048]),
    "length": ("training, s", "items an outfit", [2, 4, 8, 16]),
    "hidden": ("training, s", "|h|", [64, 128, 256, 512]),
    "items": ("states of items, s", "items", [2_000, 4_000, 8_000, 16_000]),
    "search": ("one search by product, s", "items of the category", [25_000, 50_000, 100_000, 200_000]),
    "table": ("one search in the table, s", "items in the table", [6_250, 12_500, 25_000, 50_000]),
    "processes": ("training steps/s in all", "processes", [1, 2, 4]),
}
"""Curve → what is measured, of what, and its points."""


def model_of(hidden: int) -> TwoTower:
    torch.manual_seed(0)
    names = tuple(f"category {code}" for code in range(8))
    return TwoTower(TwoTowerConfig(hidden=hidden), DIM, Vocabulary(names, ("top",) * 8))


def training(outfits: int = OUTFITS, length: int = LENGTH, hidden: int = HIDDEN) -> Callable[[], None]:
    """A call that takes training steps of `OUTFITS` outfits, as many as are needed for all."""
    model = model_of(hidden)
    features = torch.rand(OUTFITS * length, DIM)
    codes = torch.arange(len(features)) % 8
    rows = torch.randperm(len(features)).view(OUTFITS, length)
    wrong = torch.cat([rows[:, :-1], rows[:, -1:].roll(1, 0)], dim=1)
    batch = OutfitBatch(torch.cat([rows, wrong]), torch.ones(2 * OUTFITS, length, dtype=torch.bool))

    def steps() -> None:
        for _ in range(outfits // OUTFITS):
            scores = model.score(model.encode_items(features, codes), batch)
            bpr(scores[:OUTFITS], scores[OUTFITS:]).backward()

    return steps


def states(items: int) -> Callable[[], None]:
    model, features = model_of(HIDDEN), torch.rand(items, DIM)
    codes = torch.arange(items) % 8

    def encode() -> None:
        with torch.inference_mode():
            model.encode_items(features, codes)

    return encode


def search(items: int) -> Callable[[], None]:
    keys, query = torch.rand(items, HIDDEN), torch.rand(HIDDEN, 1)
    return lambda: (keys @ query).squeeze(1).topk(10) and None


def table(items: int, folder: Path) -> Callable[[], None]:
    chance = np.random.default_rng(0)
    styles = chance.standard_normal((400, HIDDEN)).astype(np.float32)
    kinds = chance.integers(0, 400, items)
    vectors = styles[kinds] + 0.5 * chance.standard_normal((items, HIDDEN)).astype(np.float32)
    ids = [f"i{row}" for row in range(items)]
    frame = pl.DataFrame({"item_id": ids, "category": ["one"] * items, "mark": np.arange(items)})
    version, _ = approximate.update(str(folder / str(items)), frame, lambda at: iter([vectors[at]]), None)
    opened = approximate.Vectors(str(folder / str(items)), version, ids, ["one"])
    query = chance.standard_normal((1, HIDDEN)).astype(np.float32)
    return lambda: opened.nearest(query, 0, 10, approximate.Filters()) and None


def processes(count: int) -> float:
    """Training steps/s of so many processes of one thread together."""
    command = [sys.executable, __file__, "--worker"]
    workers = [subprocess.Popen(command, stdin=-1, stdout=-1, text=True) for _ in range(count)]
    for worker in workers:
        worker.stdout.readline()  # type: ignore[union-attr]
    for worker in workers:
        worker.stdin.write("go\n")  # type: ignore[union-attr]
        worker.stdin.flush()  # type: ignore[union-attr]
    return sum(float(worker.communicate()[0]) for worker in workers)


def work(seconds: float = 4.0) -> None:
    """One of the `processes`: it says that it is ready, waits, and tells how many steps a second it took."""
    step = training()
    step()
    print("ready", flush=True)
    sys.stdin.readline()
    start, steps = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        step()
        steps += 1
    print(steps / (time.perf_counter() - start))


def measure(rounds: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        makers: dict[str, Callable[[int], Callable[[], None]]] = {
            "outfits": training,
            "length": lambda length: training(length=length),
            "hidden": lambda hidden: training(hidden=hidden),
            "items": states,
            "search": search,
            "table": lambda items: table(items, Path(scratch)),
        }
        taken: dict[str, list[float]] = {}
        for name, make in makers.items():
            calls = [make(point) for point in CURVES[name][2]]
            times = np.zeros((rounds + 1, len(calls)))
            for turn in range(rounds + 1):  # the first one warms up
                for at, call in enumerate(calls):
                    start = time.perf_counter()
                    call()
                    times[turn, at] = time.perf_counter() - start
            taken[name] = np.median(times[1:], axis=0).tolist()
    taken["processes"] = [processes(count) for count in CURVES["processes"][2]]
    return {"rounds": rounds, "pictures": pictures(), "curves": taken}


def pictures(count: int = 16) -> float:
    """Pictures/s that the default network encodes on one core, without reading them."""
    network = open_network("efficientnet-lite0", count)
    assert network.size is not None
    block = np.random.default_rng(0).integers(0, 255, (count, *network.size, 3)).astype(np.uint8)
    network.run(block)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        network.run(block)
        times.append(time.perf_counter() - start)
    return count / median(times)


def exponent(points: list[int], values: list[float]) -> float:
    """e of value ∝ point^e, by least squares on logarithms: 1 is linear growth."""
    return float(np.polyfit(np.log(points), np.log(values), 1)[0])


def needs(measured: dict[str, Any], options: argparse.Namespace) -> list[tuple[str, str, str]]:
    """What a shop needs: what, how much, and the formula with its numbers."""
    curves = measured["curves"]
    last = {name: (CURVES[name][2][-1], values[-1]) for name, values in curves.items()}

    def each(name: str) -> float:
        return last[name][1] / last[name][0]

    pair = each("outfits") * (options.length / LENGTH) * (options.hidden / HIDDEN)
    core = {
        "encode pictures": options.items / measured["pictures"],
        "states of items": options.items * each("items") * options.hidden / HIDDEN,
        "train": options.outfits * options.epochs * pair,
    }
    how = {
        "encode pictures": f"{options.items:,.0f} items / {measured['pictures']:.0f} pictures/s a core",
        "states of items": f"{options.items:,.0f} items × {1e6 * each('items'):.1f} µs × |h| / {HIDDEN}",
        "train": f"{options.outfits:,.0f} outfits × {options.epochs} epochs × {1e6 * pair:.0f} µs a pair of outfits",
    }
    rows = [
        (
            f"{name}, hours on one machine",
            _hours(seconds / options.cores / 3600),
            f"{how[name]} / {options.cores} cores",
        )
        for name, seconds in core.items()
    ]
    rows.append(
        (f"machines to train in {options.hours:g} hours",
         _machines(core["train"] / options.cores / 3600 / options.hours), f"the hours above / {options.hours:g}")
    )  # fmt: skip
    gigabytes = {
        "features on disk, GB": (options.items * DIM * 2, f"{options.items:,.0f} items × {DIM} × 2 bytes"),
        "states on disk, GB": (options.items * 2 * options.hidden * 4, f"{options.items:,.0f} items × 2|h| × 4 bytes"),
        "table on disk, GB": (options.items * options.hidden * 5, f"{options.items:,.0f} items × |h| × 5 bytes"),
        "keys in memory for exact search, GB": (
            options.items * options.hidden * 4,
            "items × |h| × 4 bytes, each machine",
        ),
    }
    rows += [(name, f"{size / 1e9:,.1f}", formula) for name, (size, formula) in gigabytes.items()]
    category = options.items / options.categories
    exact = each("search") * category * options.hidden / HIDDEN
    points, value = last["table"]
    listed = value * math.sqrt(category / points)
    for name, seconds, formula in (
        ("exact", exact, f"{category:,.0f} items of a category × {1e9 * each('search'):.1f} ns"),
        ("in the table", listed, f"{1e3 * value:.1f} ms × √({category:,.0f} / {points:,}): lists have √n items"),
    ):
        rows.append((f"one search {name}, ms", f"{1e3 * seconds:,.1f}", formula))
        formula = f"{options.requests:g} requests/s × {options.slots} searches × that / {options.cores} cores"
        rows.append(
            (
                f"machines, searches {name}",
                _machines(options.requests * options.slots * seconds / options.cores),
                formula,
            )
        )
    return rows


def _hours(hours: float) -> str:
    return f"{hours:,.1f}" if hours >= 1 else f"{hours:.2g}"


def _machines(count: float) -> str:
    return f"{max(1, math.ceil(count)):,}"


def draw(measured: dict[str, Any], path: Path) -> None:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "growth"  # the same numbers, the same file
    figure = Figure(figsize=(12, 6), layout="constrained")
    for axes, (name, values) in zip(figure.subplots(2, 4).flat, measured["curves"].items(), strict=False):
        label, of, points = CURVES[name]
        axes.loglog(points, values, "o-", color="#1f4e79")
        axes.loglog(points, [values[0] * point / points[0] for point in points], ":", color="grey")
        axes.set(xlabel=of, title=label)
        axes.set_xticks(points, [f"{point:,}" for point in points], minor=False)
        axes.minorticks_off()
    figure.axes[-1].set_axis_off()
    figure.savefig(path, metadata={"Date": None})


def page(measured: dict[str, Any], options: argparse.Namespace) -> str:
    """The curves as a table, and what these sizes need, as Markdown."""
    rows = []
    for name, values in measured["curves"].items():
        label, of, points = CURVES[name]
        cells = ", ".join(f"{point:,}: {value:.3g}" for point, value in zip(points, values, strict=True))
        rows.append([label, of, cells, f"{exponent(points, values):.2f}"])
    sizes = (
        f"{options.items:,.0f} items in {options.categories} categories, {options.outfits:,.0f} outfits of "
        f"{options.length} items, |h| = {options.hidden}, {options.epochs} epochs, {options.requests:g} requests/s of "
        f"{options.slots} searches, machines of {options.cores} cores"
    )
    return "\n".join(
        [
            *markdown(["what", "of", "measured", "exponent"], rows).splitlines(),
            "",
            f"What {sizes} need:",
            "",
            *markdown(["what", "needed", "from"], [list(row) for row in needs(measured, options)]).splitlines(),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", action="store_true", help="Measure again, and keep what was measured.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    for name, kind, usual in (
        ("items", float, 10e6), ("outfits", float, 100e6), ("requests", float, 1000), ("length", int, 5),
        ("hidden", int, HIDDEN), ("epochs", int, 10), ("categories", int, 50), ("slots", int, 3), ("cores", int, 16),
        ("hours", float, 24),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=kind, default=usual, help=f"Default: {usual:g}.")
    parser.add_argument("--write", type=Path, help="Page to write between <!-- growth --> and <!-- end -->.")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.worker:
        work()
        return
    if options.measure:
        KEPT.mkdir(exist_ok=True)
        measured = measure(options.rounds)
        (KEPT / "growth.json").write_text(json.dumps(measured, indent=2) + "\n")
        draw(measured, KEPT / "growth.svg")
    measured = json.loads((KEPT / "growth.json").read_text())
    print(page(measured, options))
    if options.write:
        text, part = options.write.read_text(), re.compile(r"(<!-- growth -->\n).*?(<!-- end -->)", re.DOTALL)
        options.write.write_text(part.sub(lambda m: f"{m[1]}\n{page(measured, options)}\n\n{m[2]}", text))


if __name__ == "__main__":
    main()
