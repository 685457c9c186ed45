"""Kills, damaged inputs, odd requests and a soak, counted; writes docs/reliability.md.

make trust                      # ten minutes
TRUST_SECONDS=7200 make trust   # about 1,000 kills and 100,000 inputs
python benchmarks/trust --only soak --seconds 120   # one part again; the others stay as they were counted
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "tests" / "helpers"), str(ROOT / "tests" / "studio")]

from trust import kept, kills, mutations, page, service, world  # noqa: E402

PARTS = ("kills", "mutations", "http", "soak")
SHARES = {"kills": 0.4, "mutations": 0.47, "http": 0.1, "soak": 0.03}
"""Of the time, for each part."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("TRUST_SECONDS", "600")))
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--only", choices=PARTS, action="append", help="count these parts again")
    parser.add_argument("--add", action="store_true", help="add to what was counted before")
    parser.add_argument("--dry-run", action="store_true", help="write nothing")
    options = parser.parse_args()
    parts = options.only or PARTS
    print(f"seed {options.seed}, {options.seconds:.0f} seconds", flush=True)
    whole = sum(SHARES[part] for part in parts)
    began = time.monotonic()
    counts = {}
    with tempfile.TemporaryDirectory(prefix="goeswith-trust-") as folder:
        made = world.make(Path(folder) / "world")
        print(f"the world is made in {time.monotonic() - began:.0f} s", flush=True)
        began = time.monotonic()
        for part in parts:
            share = options.seconds * SHARES[part] / whole
            part_began = time.monotonic()
            run = {"kills": kills.run, "mutations": mutations.run, "http": service.ask, "soak": service.soak}[part]
            counts[part] = run(made, share, options.seed)
            print(page.summary(part, counts[part]), flush=True)
            if not options.dry_run:
                kept.keep(part, counts[part], options.seed, time.monotonic() - part_began, options.add)
    if not options.dry_run and (counted := kept.read()).keys() == set(PARTS):
        (ROOT / "docs" / "reliability.md").write_text(page.text(counted), encoding="utf-8")
    sys.exit(1 if any(page.faults(part, held) for part, held in counts.items()) else 0)


if __name__ == "__main__":  # processes of a bench import this file
    main()
