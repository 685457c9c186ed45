"""How near to the processor's limit a training step comes, and what each way of training costs, in one run.

    python benchmarks/training.py [--rounds 5] [--json] [--write benchmarks/README.md]

The step is the one that `goeswith train` takes, with drawing, forward, backward and optimiser. Its bound is one
matrix product that does as many floating point operations as all matrix products of the step, in the same precision;
100 % is out of reach, since a step also draws, gathers and normalises. ADD-GNN has the paper's sizes (D = 2048, K = 4,
|h| = 256, two steps), the two towers their defaults. bf16 is measured where the processor has instructions for it.
Ways: features in memory or read from their file at each step, and the forward pass compiled or not.

All ways and the products take turns, so that another program on the machine slows all of them alike; medians of the
rounds are compared, in CPU time (on a GPU, in wall time).
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from models import made_up
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from goeswith.data.devices import open_device, wants_bf16
from goeswith.data.features import FeatureFile
from goeswith.data.mapped import MappedFeatures, StreamedFeatures
from goeswith.models import TrainingData, Vocabulary, model_classes
from goeswith.tables import markdown, plain
from goeswith.train.batches import batches
from goeswith.train.loop import Loop
from goeswith.train.settings import TrainConfig

WAYS = [
    ("add-gnn", {"precision": "fp32"}),
    ("add-gnn", {"precision": "bf16"}),
    ("two-tower", {"precision": "fp32"}),
    ("two-tower", {"precision": "bf16"}),
    ("two-tower", {"precision": "fp32", "features": "stream"}),
    ("add-gnn", {"precision": "fp32", "features": "stream"}),
    ("two-tower", {"precision": "fp32", "compile": True}),
]
SIDE = 2048
HEAD = ["model", "way", "outfits per CPU second", "of the matmul bound", "of the first way of the model"]


@dataclass
class Row:
    """What was measured of a way. bound, ratio: of the matmul bound, of the speed of the model's first way."""

    model: str
    way: str
    outfits_per_second: float
    bound: float
    ratio: float

    @property
    def cells(self) -> list[str]:
        return [self.model, self.way, f"{self.outfits_per_second:,.0f}", f"{self.bound:.0%}", f"{self.ratio:.2f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--items", type=int, default=9000, help="of the catalogue (9000)")
    parser.add_argument("--outfits", type=int, default=4000, help="to learn from (4000)")
    parser.add_argument("--dim", type=int, default=2048)
    parser.add_argument("--side", type=int, default=SIDE, help=argparse.SUPPRESS)
    parser.add_argument("--device", help="see goeswith train")
    parser.add_argument("--compiled", action="store_true", help="also the compiled forward pass; takes a minute")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", type=Path, help="page to write between <!-- speed --> and <!-- end -->")
    options = parser.parse_args()
    fast = wants_bf16("auto", open_device(options.device))  # without instructions for it, bfloat16 is imitated slowly
    ways = [(model, way) for model, way in WAYS if options.compiled or "compile" not in way]
    ways = [(model, way) for model, way in ways if fast or way["precision"] != "bf16"]
    with tempfile.TemporaryDirectory() as work:
        rows = measure([Trial(*way, options, Path(work)) for way in ways], options)
    if options.json:
        print(json.dumps({"threads": torch.get_num_threads(), "rows": [asdict(row) for row in rows]}, indent=2))
        return
    print(f"{torch.get_num_threads()} threads, medians of {options.rounds} rounds")
    print(plain(HEAD, [row.cells for row in rows]))
    if options.write:
        table = markdown(HEAD, [row.cells for row in rows])
        part = re.compile(r"(<!-- speed -->\n).*?(<!-- end -->)", re.DOTALL)
        options.write.write_text(part.sub(lambda m: f"{m[1]}\n{table}\n\n{m[2]}", options.write.read_text()))


class Trial:
    """A model that is trained in one of the ways."""

    def __init__(self, model: str, settings: dict[str, Any], options: argparse.Namespace, work: Path) -> None:
        self.name, self.way = model, ", ".join(settings[key] if key != "compile" else key for key in settings)
        device = open_device(options.device)
        data = made_up(options.items, options.outfits, options.dim, 50)
        if settings.get("features") == "stream":
            data = replace(data, features=StreamedFeatures(in_a_file(data, work / f"{model}.features"), device))
        config = replace(TrainConfig.of(model), negatives="matched", **settings)
        self.size = config.batch_size
        torch.manual_seed(0)
        model_class, config_class = model_classes(model)
        made = model_class(config_class(), data.features.shape[1], Vocabulary.of(data.catalogue))
        made.observe(data)
        self.loop = Loop(made, data, config, work / f"{model} {self.way}", device=device)
        made.train()
        lengths, generator = data.train.lengths, self.loop.generator
        whole = [indices for indices in batches(lengths, self.size, generator) if len(indices) == self.size]
        self.indices = sorted(whole, key=lambda indices: lengths[indices].mean())[len(whole) // 2]
        self.dtype = torch.bfloat16 if settings["precision"] == "bf16" else torch.float32
        for _ in range(2 if settings.get("compile") else 1):
            self.step()
        self.flops = 0
        if not settings.get("compile"):  # a compiled graph is not counted, and does the same
            with FlopCounterMode(display=False, custom_mapping=IN_PLACE) as counter:
                self.step()
            self.flops = counter.get_total_flops()

    def step(self) -> None:
        """One step, always on the same batch, of middling length: batches are of outfits of like length."""
        self.loop.step(self.indices)


def _addmm_flop(own: Tensor, left: Tensor, right: Tensor, **_: object) -> int:
    return 2 * left.numel() * right.shape[1]


_addmm_flop._get_raw = True  # type: ignore[attr-defined]  # given tensors, not their shapes
IN_PLACE = {torch.ops.aten.addmm_: _addmm_flop}
"""The counter does not know the in-place form, which does as much as the other."""


def in_a_file(data: TrainingData, path: Path) -> MappedFeatures:
    """The features as float16 in a file, mapped."""
    values = data.features[torch.arange(data.features.shape[0])].numpy().astype(np.float16)
    values.tofile(path)
    matrix = np.memmap(path, np.float16, "r", 0, values.shape)
    rows = np.arange(len(values))
    file = FeatureFile(path, [str(row) for row in rows], matrix, rows, "made")
    return MappedFeatures((file,), np.ones(len(rows), bool))


def seconds(work: Callable[[], object], clock: Callable[[], float]) -> float:
    start = clock()
    work()
    return clock() - start


def measure(trials: list[Trial], options: argparse.Namespace) -> list[Row]:
    """A row a way: medians over rounds in which all of them take turns with the products."""
    sides = {dtype: torch.rand(options.side, options.side).to(dtype) for dtype in {trial.dtype for trial in trials}}
    # On the CPU its own time, which other programs do not take from it.
    clock = time.process_time if open_device(options.device).type == "cpu" else time.perf_counter
    steps: dict[int, list[float]] = {at: [] for at in range(len(trials))}
    products: dict[int, list[float]] = {at: [] for at in range(len(trials))}
    for turn in range(options.rounds + 1):  # the first one warms up
        for at, trial in enumerate(trials):
            left = sides[trial.dtype]
            product, step = seconds(lambda left=left: left @ left, clock), seconds(trial.step, clock)
            if turn:
                steps[at].append(step)
                products[at].append(product)
    rows = []
    for at, trial in enumerate(trials):
        first = next(row for row, other in enumerate(trials) if other.name == trial.name)
        flops = trial.flops or trials[first].flops
        bounds = [p * flops / (2 * options.side**3) / s for p, s in zip(products[at], steps[at], strict=True)]
        ratio = median(a / b for a, b in zip(steps[first], steps[at], strict=True))
        rows.append(Row(trial.name, trial.way, trial.size / median(steps[at]), median(bounds), ratio))
    return rows


if __name__ == "__main__":
    main()
