"""What LanceDB brings where one category has very many items, beside the exact search over the same index.

    python benchmarks/approximate.py [--items 200000 1000000] [--write docs/look.md]

The catalogue is made up as in benchmarks/index.py: so many items of one category, and a thousand of two others. Both
searches answer the same questions in turn; times are CPU time, of all threads together, and stand beside one pass
over the category's states, a matrix product measured in the same run. What is approximate is judged by what is exact:
how many of the first stage's best 10 are found, without filters and where they leave a tenth and a hundredth (there
the table is asked although an index would multiply so few), after a hundredth of the rows has changed, which are then
searched by brute force, and how many of the 10 answers that a person would see are the same. Memory is that of a
process that has opened the index and answered, less what the imports take.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from index import COLOURS, make_dataset, make_run

from goeswith import Dataset, Filters, Index, Stylist, build_index
from goeswith.shop import approximate
from goeswith.shop.approximate import Vectors
from goeswith.shop.gaps import Gap

TOP, LARGE, SHOES = "category 00", "category 02", "category 04"
FEW, BEST = 1000, 10
TENTH, HUNDREDTH = Filters(colours=tuple(COLOURS[:2])), Filters(brands=("brand 0", "brand 1"))


def turns(index: Index, call: Callable[[int], Any], repeats: int) -> tuple[list[Any], np.ndarray]:
    """Answers by the exact search and from the table, (repeats, 2), and the CPU time of each, in ms."""
    answers, taken = [], np.zeros((repeats + 1, 2))
    table = index.candidates.vectors
    for turn in range(repeats + 1):  # the first one warms up
        both = []
        for way, used in enumerate((None, table)):
            index.candidates.vectors = used
            start = time.process_time()
            both.append(call(turn))
            taken[turn, way] = 1e3 * (time.process_time() - start)
        answers.append(both)
    return answers[1:], taken[1:]


def shared(answers: list[Any]) -> float:
    """Share of the exact search's best that the table finds, too: the mean over partial outfits."""
    return float(np.mean([len(set(exact) & set(answer)) / len(exact) for exact, answer in answers]))


def prepare(items: int, work: Path) -> float:
    """Make an index, if it is not there; returns the seconds that its building took."""
    if not (work / "index").is_dir():
        category = np.repeat([2, 0, 4], [items, FEW, FEW])
        make_dataset(work / "data", items + 2 * FEW, category)
        make_run(work / "run", "add-gnn")
        start = time.perf_counter()
        build_index(work / "run", Dataset(work / "data"), work / "index")
        (work / "seconds.json").write_text(json.dumps(time.perf_counter() - start))
    return float(json.loads((work / "seconds.json").read_text()))


def changed(index: Index, work: Path, rows: np.ndarray, states: torch.Tensor) -> None:
    """Let a hundredth of the table's rows be new ones, outside of its lists, in a copy of it."""
    folder, version = work / "changed", index.info["vectors"]["version"]
    if not folder.is_dir():
        shutil.copytree(index.path / approximate.FOLDER, folder)
    marks = np.where(np.arange(len(rows)) % 100 == 0, 0, 1)
    frame = approximate.columns(index.shelf, rows, marks)
    old = Vectors(str(folder), version, index.catalogue.ids, index.catalogue.categories)
    before = pl.from_arrow(old.table.search().select(["item_id", "mark"]).to_arrow())
    same = frame.select("item_id").join(before, on="item_id", how="left", maintain_order="left")["mark"]
    frame = frame.with_columns(mark=pl.when(pl.Series(marks) == 0).then(0).otherwise(same))
    new, _ = approximate.update(str(folder), frame, lambda at: iter([states[torch.from_numpy(at)].numpy()]), version)
    index.candidates.vectors = Vectors(str(folder), new, index.catalogue.ids, index.catalogue.categories)


def measure(items: int, work: Path, repeats: int) -> dict[str, Any]:
    seconds = prepare(items, work)
    index = Index(work / "index")
    stylist, table = Stylist(index), index.catalogue.items.with_row_index("row")
    rows = {name: table.filter(category=name)["row"].to_numpy().astype(np.int64) for name in (TOP, LARGE)}
    states = index.scorer.states.hidden.flatten(1)[rows[LARGE][0] : rows[LARGE][-1] + 1]
    vector, passes = torch.randn(states.shape[1], 1), []
    for _ in range(9):
        start = time.process_time()
        states @ vector
        passes.append(1e3 * (time.process_time() - start))
    chance = np.random.default_rng(1)
    tops = [index.catalogue.ids[row] for row in chance.permutation(rows[TOP])]
    contexts = chance.choice(rows[TOP], (repeats + 1, 16, 1))
    half = Filters(colours=tuple(COLOURS[: len(COLOURS) // 2]))

    def first(filters: Filters, outfits: int = 1) -> Callable[[int], Any]:
        allowed = rows[LARGE][filters.rows(index.catalogue)[rows[LARGE]]]
        return lambda at: index.candidates.shortlist(Gap(contexts[at, :outfits], allowed, filters=filters), BEST)[0]

    calls: dict[str, Callable[[int], Any]] = {
        "first stage, 1 outfit": first(Filters()),
        "first stage, 16 outfits": first(Filters(), 16),
        "first stage, filters leave 10 %": first(TENTH),
        "first stage, filters leave 1 %": first(HUNDREDTH),
        "fill": lambda at: stylist.fill([tops[at]], LARGE, k=BEST),
        "fill, filters leave half": lambda at: stylist.fill([tops[at]], LARGE, k=BEST, filters=half),
        "complete, 2 slots": lambda at: stylist.complete([tops[at]], slots=[SHOES, LARGE], k=BEST),
    }
    usual, answered = approximate.ENOUGH, []
    for name, call in calls.items():
        approximate.ENOUGH = 1 if name.startswith("first") else usual
        answered.append(_row(name, *turns(index, call, repeats)))
    approximate.ENOUGH = 1
    changed(index, work, rows[LARGE], states)
    for name, filters in (("", Filters()), (", filters leave 10 %", TENTH), (", filters leave 1 %", HUNDREDTH)):
        answered.append(_row(f"first stage, 1 % of the rows unindexed{name}", *turns(index, first(filters), repeats)))
    vectors = index.candidates.vectors
    unindexed = vectors.table.index_stats("vector_idx").num_unindexed_rows if vectors else 0
    approximate.ENOUGH = usual
    folder = index.path / approximate.FOLDER
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return {
        "items": items, "pass": float(np.median(passes)), "build": seconds, "table": size, "unindexed": unindexed,
        "states": (index.path / "states.safetensors").stat().st_size, "asked": answered,
        "memory": {way: _memory(work, way) for way in ("exact", "table")},
    }  # fmt: skip


def _row(name: str, answers: list[Any], taken: np.ndarray) -> dict[str, Any]:
    if name.startswith("first"):
        pairs = [(exact.tolist(), answer.tolist()) for both in answers for exact, answer in zip(*both, strict=True)]
    else:
        pairs = [tuple([look.item_ids for look in looks] for looks in both) for both in answers]
    (exact50, found50), (exact95, found95) = np.quantile(taken, [0.5, 0.95], axis=0)
    return {"asked": name, "exact": [exact50, exact95], "table": [found50, found95], "shared": shared(pairs)}


def _memory(work: Path, way: str) -> float:
    """MB that a process of its own needs to open the index and to answer, without what it shares with files."""
    process = subprocess.run([sys.executable, __file__, "--open", way, "--work", str(work)], check=True, stdout=-1)
    return float(process.stdout)


def opened(work: Path, way: str) -> float:
    def resident() -> float:
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("RssAnon")).split()[1]) / 1e3

    if way == "exact":
        approximate.available = lambda: False  # type: ignore[assignment]
    else:
        approximate.available()
    before = resident()
    index = Index(work / "index")
    stylist = Stylist(index)
    for row in np.flatnonzero((index.catalogue.items["category"] == TOP).to_numpy())[:20]:
        stylist.fill([index.catalogue.ids[row]], LARGE, k=BEST)
    return resident() - before


def page(results: list[dict[str, Any]]) -> str:
    """What was measured, as Markdown."""
    lines = []
    for result in results:
        fill = next(row for row in result["asked"] if row["asked"] == "fill")
        lines += [
            f"{result['items']:,} items of one category: one pass over their states takes {result['pass']:.0f} ms; the "
            f"table has {result['table'] / 1e6:.0f} MB beside {result['states'] / 1e6:.0f} MB of states, and the index "
            f"was built in {result['build']:.0f} s. An index that was opened and has answered needs "
            f"{result['memory']['table']:.0f} MB with the table, {result['memory']['exact']:.0f} MB without. With it "
            f"`fill` takes {fill['table'][0] / fill['exact'][0]:.0%} of the time; {fill['shared']:.0%} of its answers "
            f"are the same. {result['unindexed']:,} rows were searched by brute force in the last rows "
            "of the table below.",
            "",
            "| asked | exact p50, ms | p95 | passes | LanceDB p50, ms | p95 | passes | best 10 shared |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for row in result["asked"]:
            times = [
                part for p50, p95 in (row["exact"], row["table"])
                for part in (f"{p50:.0f}", f"{p95:.0f}", f"{p50 / result['pass']:.2f}")
            ]  # fmt: skip
            lines.append(f"| {row['asked']} | {' | '.join(times)} | {row['shared']:.2f} |")
        lines.append("")
    return "\n".join(lines).rstrip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, nargs="+", default=[200_000, 1_000_000])
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--work", type=Path, help="Folder to keep the catalogues and the indices in.")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", type=Path, help="Page to write between <!-- lancedb --> and <!-- end -->.")
    parser.add_argument("--open", choices=("exact", "table"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.open:
        print(opened(options.work, options.open))
        return
    if min(options.items) < approximate.LARGE:
        parser.error(f"below {approximate.LARGE:,} items of a category there is no table")
    with tempfile.TemporaryDirectory() as scratch:
        work = options.work or Path(scratch)
        results = [measure(items, work / str(items), options.repeats) for items in options.items]
    print(json.dumps(results, indent=2) if options.json else page(results))
    if options.write:
        part = re.compile(r"(<!-- lancedb -->\n).*?(<!-- end -->)", re.DOTALL)
        text = options.write.read_text()
        options.write.write_text(part.sub(lambda m: f"{m[1]}\n{page(results)}\n\n{m[2]}", text))


if __name__ == "__main__":
    main()
