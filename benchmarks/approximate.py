"""What FAISS brings where one category has very many items, beside the exact search over the same index.

    python benchmarks/approximate.py [--items 200000 1000000] [--write docs/look.md]

The catalogue is made up as in benchmarks/index.py: so many items of one category, and a thousand of two others. Both
searches answer the same questions in turn, one thread each; times are of the processor, and told beside one pass over
the category's states, a matrix product measured in the same run. What is approximate is judged by what is exact: how
many of the first stage's best 10 are found, and how many of the 10 answers that a person would see are the same.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import torch
from index import COLOURS, make_dataset, make_run

from goeswith import Dataset, Filters, Index, Stylist, build_index
from goeswith.shop import approximate

TOP, LARGE, SHOES = "category 00", "category 02", "category 04"
FEW, BEST = 1000, 10


def turns(call: Callable[[int], Any], repeats: int) -> tuple[list[Any], np.ndarray]:
    """Answers by the exact search and by FAISS, (repeats, 2), and what each took of the processor, in ms."""
    answers, taken = [], np.zeros((repeats + 1, 2))
    usual = approximate.LARGE
    for turn in range(repeats + 1):  # the first one warms up
        both = []
        for way, least in enumerate((np.inf, usual)):
            approximate.LARGE = least  # type: ignore[assignment]
            start = time.thread_time()
            both.append(call(turn))
            taken[turn, way] = 1e3 * (time.thread_time() - start)
        answers.append(both)
    approximate.LARGE = usual
    return answers[1:], taken[1:]


def shared(answers: list[Any]) -> float:
    """Share of the exact search's best that FAISS finds, too: the mean over partial outfits."""
    return float(np.mean([len(set(exact) & set(found)) / len(exact) for exact, found in answers]))


def measure(items: int, work: Path, repeats: int) -> dict[str, Any]:
    if not (work / "index").is_dir():
        category = np.repeat([2, 0, 4], [items, FEW, FEW])
        make_dataset(work / "data", items + 2 * FEW, category)
        make_run(work / "run", "add-gnn")
        build_index(work / "run", Dataset(work / "data"), work / "index")
    index = Index(work / "index")
    stylist, table = Stylist(index), index.catalogue.items.with_row_index("row")
    rows = {name: table.filter(category=name)["row"].to_numpy().astype(np.int64) for name in (TOP, LARGE)}
    states, vector = index.scorer.states.hidden.flatten(1)[rows[LARGE][0] : rows[LARGE][-1] + 1], torch.randn(256, 1)
    passes = []
    for _ in range(9):
        start = time.thread_time()
        states @ vector
        passes.append(1e3 * (time.thread_time() - start))
    chance = np.random.default_rng(1)
    tops = [index.catalogue.ids[row] for row in chance.permutation(rows[TOP])]
    contexts = chance.choice(rows[TOP], (repeats + 1, 16, 1))
    half = Filters(colours=tuple(COLOURS[: len(COLOURS) // 2]))
    asked: dict[str, Callable[[int], Any]] = {
        "first stage, 1 outfit": lambda at: index.candidates.shortlist(contexts[at, :1], rows[LARGE], BEST)[0],
        "first stage, 16 outfits": lambda at: index.candidates.shortlist(contexts[at], rows[LARGE], BEST)[0],
        "fill": lambda at: stylist.fill([tops[at]], LARGE, k=BEST),
        "fill, filters leave half": lambda at: stylist.fill([tops[at]], LARGE, k=BEST, filters=half),
        "complete, 2 slots": lambda at: stylist.complete([tops[at]], slots=[SHOES, LARGE], k=BEST),
    }
    told = []
    for name, call in asked.items():
        answers, taken = turns(call, repeats)
        if name.startswith("first"):
            pairs = [(exact.tolist(), found.tolist()) for both in answers for exact, found in zip(*both, strict=True)]
        else:
            pairs = [tuple([look.item_ids for look in looks] for looks in both) for both in answers]
        (exact50, found50), (exact95, found95) = np.quantile(taken, [0.5, 0.95], axis=0)
        told.append({"asked": name, "exact": [exact50, exact95], "faiss": [found50, found95], "shared": shared(pairs)})
    sizes = {name: (index.path / name).stat().st_size for name in (index.info["large"][LARGE], "states.safetensors")}
    return {"items": items, "pass": float(np.median(passes)), "sizes": list(sizes.values()), "asked": told}


def page(results: list[dict[str, Any]]) -> str:
    """What was measured, as Markdown."""
    lines = []
    for result in results:
        large, states = (size / 1e6 for size in result["sizes"])
        fill = next(row for row in result["asked"] if row["asked"] == "fill")
        lines += [
            f"{result['items']:,} items of one category: one pass over their states takes {result['pass']:.0f} ms; "
            f"the FAISS file has {large:.0f} MB beside {states:.0f} MB of states. With it `fill` takes "
            f"{fill['faiss'][0] / fill['exact'][0]:.0%} of the time; {fill['shared']:.0%} of its answers are the same.",
            "",
            "| asked | exact p50, ms | p95 | passes | FAISS p50, ms | p95 | passes | best 10 shared |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for row in result["asked"]:
            times = [
                part for p50, p95 in (row["exact"], row["faiss"])
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
    parser.add_argument("--write", type=Path, help="Page to write between <!-- faiss --> and <!-- end -->.")
    given = parser.parse_args()
    if min(given.items) < approximate.LARGE:
        parser.error(f"below {approximate.LARGE:,} items of a category there is no FAISS index")
    torch.set_num_threads(1)
    faiss.omp_set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        work = given.work or Path(scratch)
        results = [measure(items, work / str(items), given.repeats) for items in given.items]
    print(json.dumps(results, indent=2) if given.json else page(results))
    if given.write:
        part = re.compile(r"(<!-- faiss -->\n).*?(<!-- end -->)", re.DOTALL)
        text = given.write.read_text()
        given.write.write_text(part.sub(lambda m: f"{m[1]}\n{page(results)}\n\n{m[2]}", text))


if __name__ == "__main__":
    main()
