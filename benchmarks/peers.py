"""Our versions of published models at their programs' own sizes, beside what those programs do, in one run.

    python benchmarks/peers.py [--rounds 3] [--write benchmarks/README.md]

The published programs cannot be shipped. What they do was measured apart from this run, as released and made to run
on two shared cores without a GPU; it stands in `PEERS`, so the last column compares machines too: read its size and
not its digits. Ours are measured here, by seconds of one processor, in turns with a matrix product of a fixed size.

NGNN has the program's width, 16, and 120 categories. OutfitTransformer has 50 million parameters as the re-
implementation has, features of two towers of CLIP side by side. Type-Aware answers questions whose embeddings are
kept, as its loops do.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models import TRIALS, Trial, made_up, measure

from goeswith.tables import markdown, plain

HEAD = ["what", "the published program, two processors", "ours, one processor", "ours / theirs"]


@dataclass(frozen=True)
class Peer:
    """What a published program does. model, settings, dim, categories: ours at its size. unit: of its figure."""

    what: str
    figure: float
    unit: str
    model: str
    settings: dict[str, Any]
    dim: int
    categories: int


PEERS = [
    Peer("OutfitTransformer, 50 M parameters, training", 14.6, "outfits/s", "outfit-transformer",
         {"hidden": 1024, "feedforward": 2048}, 1024, 50),
    Peer("OutfitTransformer, 50 M parameters, FITB", 46.0, "questions/s", "outfit-transformer",
         {"hidden": 1024, "feedforward": 2048}, 1024, 50),
    Peer("NGNN, width 16, loader included, training", 22.7, "pairs/s", "ngnn", {"hidden": 16}, 2048, 120),
    Peer("NGNN, width 256, 2 steps, training", 4.6, "pairs/s", "ngnn", {"hidden": 256, "steps": 2}, 2048, 120),
    Peer("Type-Aware, kept embeddings, FITB", 1271.0, "questions/s", "type-aware", {}, 512, 50),
]  # fmt: skip
"""The higher figure where there was a range."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=128, help="outfits in a step (128)")
    parser.add_argument("--items", type=int, default=4000, help="of the catalogue (4000)")
    parser.add_argument("--outfits", type=int, default=1000, help="to learn from (1000)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", type=Path, help="page to write between <!-- peers --> and <!-- end -->")
    options = parser.parse_args()
    settings = {"negatives": "category", "precision": "fp32", "questions": 128, "steps": 1, "side": 1024}
    common = argparse.Namespace(**vars(options), **settings)
    sizes = {(peer.model, str(peer.settings)): peer for peer in PEERS}
    with tempfile.TemporaryDirectory() as work:
        trials = {}
        for size, peer in sizes.items():
            TRIALS[str(size)] = peer.model, peer.settings
            data = made_up(options.items, options.outfits, peer.dim, peer.categories)
            trials[size] = Trial(str(size), data, common, Path(work))
        measured = dict(zip(trials, measure(list(trials.values()), common), strict=True))
    cells = []
    for peer in PEERS:
        row = measured[peer.model, str(peer.settings)]
        own_rate = row["questions_per_second" if peer.unit == "questions/s" else "pairs_per_second"]
        shown = (
            f"{own_rate:,.0f} {peer.unit}"
            if peer.unit != "outfits/s"
            else f"{own_rate:,.0f} outfits/s, each with a corruption"
        )
        cells.append([peer.what, f"{peer.figure:,.4g} {peer.unit}", shown, f"{own_rate / peer.figure:,.1f}"])
    print(plain(HEAD, cells))
    if options.write:
        part = re.compile(r"(<!-- peers -->\n).*?(<!-- end -->)", re.DOTALL)
        table = markdown(HEAD, cells)
        options.write.write_text(part.sub(lambda m: f"{m[1]}\n{table}\n\n{m[2]}", options.write.read_text()))


if __name__ == "__main__":
    main()
