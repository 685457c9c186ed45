"""A whole study of one data set: encode, train the default model, evaluate, index, and the studio's first report page.

    python benchmarks/run.py [LAYOUT SOURCE] [--write benchmarks/README.md]

Every part is the command of `goeswith` in a process of its own, as a user types it; of the report page it is the
service's work from the opened index to the measured page. Seconds are those of this machine: read the shares, and the
seconds of all processors, which other programs change least. Those divided by the number of processors are what the
clock says at best, where nothing else runs.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from goeswith.tables import markdown, plain

HEAD = ["part", "s", "CPU seconds", "of the whole", "peak MB"]
REPORT = """
import sys
from pathlib import Path
from goeswith.studio.pages import report
from goeswith.studio.service.catalogue_view import CatalogueView
found = report.numbers(CatalogueView(Path(sys.argv[1])))
assert found["rows"], found["trouble"]
"""
WHOLE = ("encode", "train", "evaluate")
"""The parts that a study is made of; the others are shown beside it."""


class Cost(NamedTuple):
    """What a part took. megabytes: the most that one of its processes had in memory."""

    seconds: float
    processors: float
    megabytes: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", nargs="*", help="layout and folder of a data set to import (the generated sample)")
    parser.add_argument("--work", type=Path, help="folder to keep data, run and index in")
    parser.add_argument("--write", type=Path, help="page to write between <!-- run --> and <!-- end -->")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        costs = measure(options.source or ["sample"], (options.work or Path(scratch)).absolute())
    total = sum(costs[part].processors for part in WHOLE)
    cells = [row(part, cost, total) for part, cost in costs.items()]
    together = [costs[part] for part in WHOLE]
    whole = Cost(*(sum(column) for column in list(zip(*together, strict=True))[:2]), max(c.megabytes for c in together))
    cells.append(row(", ".join(WHOLE), whole, total))
    print(plain(HEAD, cells))
    if options.write:
        part = re.compile(r"(<!-- run -->\n).*?(<!-- end -->)", re.DOTALL)
        table = f"{markdown(HEAD, cells)}\n\nOn {os.cpu_count()} processors, shared with other programs."
        options.write.write_text(part.sub(lambda m: f"{m[1]}\n{table}\n\n{m[2]}", options.write.read_text()))


def measure(source: Sequence[str], work: Path) -> dict[str, Cost]:
    """What each part takes, by name."""
    data, run, index = work / "data", work / "run", work / "index"
    parts = {
        "import": ["import", *source, data],
        "encode": ["encode", data],
        "questions": ["questions", data],
        "train": ["train", data, "--out", run],
        "evaluate": ["evaluate", run, data],
        "index": ["index", run, data, "--out", index],
    }
    costs = {part: timed(["-m", "goeswith", *map(str, command)]) for part, command in parts.items()}
    return costs | {"first report page": timed(["-c", REPORT, str(index)])}


def timed(command: Sequence[str]) -> Cost:
    """Run Python in a process and wait for it and for those that it starts."""
    start = time.perf_counter()
    process = os.posix_spawn(sys.executable, [sys.executable, *command], os.environ)
    _, status, used = os.wait4(process, 0)
    if status:
        raise SystemExit(f"{' '.join(command[:4])} ended with {os.waitstatus_to_exitcode(status)}")
    return Cost(time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def row(part: str, cost: Cost, total: float) -> list[str]:
    share = f"{cost.processors / total:.0%}" if set(part.split(", ")) <= set(WHOLE) else ""
    return [part, f"{cost.seconds:.0f}", f"{cost.processors:.0f}", share, f"{cost.megabytes:.0f}"]


if __name__ == "__main__":
    main()
