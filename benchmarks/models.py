"""Training speed of every model on the same made-up outfits, in one run.

    python benchmarks/models.py [--precision fp32] [--json] [--write benchmarks/README.md]

The step is the one that `goeswith train` takes: negatives are drawn, the items encoded, both outfits of each pair
scored, then backward and the optimiser. A pair is an outfit and its corruption. FITB questions have four candidates,
and the states of all items are kept, as by `goeswith evaluate`.

Models and one matmul of a fixed size take turns, so that another program on the machine slows all of them; medians of
the rounds are printed. Pairs per matmul is what to compare between machines: seconds are this one's.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from goeswith.data.catalogue import Catalogue
from goeswith.data.devices import wants_bf16
from goeswith.data.outfits import OutfitBatch, Outfits
from goeswith.data.pairs import tops_and_bottoms
from goeswith.models import TrainingData, Vocabulary, model_classes
from goeswith.tables import markdown, plain
from goeswith.train.batches import batches
from goeswith.train.corruptions import corruptions
from goeswith.train.loop import Loop
from goeswith.train.scoring import encode, score
from goeswith.train.settings import TrainConfig

TRIALS: dict[str, tuple[str, dict[str, Any]]] = {
    "Two-tower, on pairs": ("two-tower", {}),
    "ADD-GNN": ("add-gnn", {}),
    "ADD-GNN, no graph": ("add-gnn", {"steps": 0}),
    "ADD-GNN's teacher, on pairs": ("teacher", {}),
    "NGNN": ("ngnn", {}),
    "Type-Aware": ("type-aware", {}),
    "CSA-Net": ("csa-net", {}),
    "SCE-Net": ("sce-net", {}),
    "Bi-LSTM": ("bilstm", {}),
    "OutfitTransformer": ("outfit-transformer", {}),
    "BPR-DAE": ("bpr-dae", {}),
    "Group towers": ("group-towers", {}),
    "AKD-DBPR, whole outfits": ("akd-dbpr", {"sides": "groups"}),
}
"""What is measured → model, and settings that are not its defaults."""
GROUPS = ("top", "bottom", "shoes", "bag", "outer", "dress", "accessory")
CANDIDATES = 4
HEAD = ["model", "parameters", "pairs/s", "pairs per matmul", "FITB questions/s"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=128, help="outfits in a step (128)")
    parser.add_argument("--dim", type=int, default=1280)
    parser.add_argument("--items", type=int, default=8000, help="of the catalogue (8000)")
    parser.add_argument("--outfits", type=int, default=4000, help="to learn from (4000)")
    parser.add_argument("--categories", type=int, default=50)
    parser.add_argument("--negatives", default="matched", help="of all but the teacher, who has its own (matched)")
    parser.add_argument("--precision", default="auto", choices=["auto", "fp32", "bf16"])
    parser.add_argument("--questions", type=int, default=256, help="FITB questions a turn (256)")
    parser.add_argument("--steps", type=int, default=2, help="training steps a turn (2)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--side", type=int, default=2048, help="of the matmul (2048)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--write", type=Path, help="page to write between <!-- models --> and <!-- end -->")
    options = parser.parse_args()
    data = made_up(options.items, options.outfits, options.dim, options.categories)
    with tempfile.TemporaryDirectory() as work:
        trials = [Trial(name, data, options, Path(work)) for name in TRIALS]
        rows = measure(trials, options)
    options.precision = "bfloat16" if wants_bf16(options.precision) else "float32"  # what auto came to
    if options.json:
        print(json.dumps({"threads": torch.get_num_threads(), **vars(options), "models": rows}, indent=2, default=str))
        return
    print(
        f"D {options.dim}, {data.train.lengths.mean():.1f} items an outfit, batch {options.batch}, "
        f"{options.negatives} negatives, {torch.get_num_threads()} threads, {options.precision}; "
        f"one matmul: {options.side}³, fp32, {rows[0]['matmul_seconds'] * 1e3:.0f} ms"
    )
    cells = [
        [row["name"], f"{row['parameters']:,}", f"{row['pairs_per_second']:,.0f}", f"{row['pairs_per_matmul']:,.1f}",
         f"{row['questions_per_second']:,.0f}"]
        for row in rows
    ]  # fmt: skip
    print(plain(HEAD, cells))
    if options.write:
        part = re.compile(r"(<!-- models -->\n).*?(<!-- end -->)", re.DOTALL)
        table = markdown(HEAD, cells)
        options.write.write_text(part.sub(lambda m: f"{m[1]}\n{table}\n\n{m[2]}", options.write.read_text()))


def made_up(items: int, outfits: int, dim: int, categories: int) -> TrainingData:
    """A catalogue and outfits of 2 to 12 items, 5.6 in the mean as MANGO's; each has a top and a bottom."""
    random = np.random.default_rng(0)
    codes = np.arange(items) % categories
    names = np.array([f"c{code:03}" for code in range(categories)])
    groups = np.array(GROUPS)[np.arange(categories) % len(GROUPS)]
    frame = pl.DataFrame({"item_id": [f"i{row}" for row in range(items)], "category": names[codes]})
    catalogue = Catalogue(frame.with_columns(group=pl.Series(groups[codes])))
    lengths = 2 + random.binomial(10, 0.36, outfits)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    # Each outfit is a run of one shuffle, so that next to none wears an item twice.
    worn = (
        random.integers(0, items, outfits).repeat(lengths) + np.arange(offsets[-1]) - offsets[:-1].repeat(lengths)
    ) % items
    worn = random.permutation(items)[worn]
    for position, group in enumerate(("top", "bottom")):
        worn[offsets[:-1] + position] = random.choice(np.flatnonzero(groups[codes] == group), outfits)
    owners = np.full(outfits, "", dtype=object)
    splits = np.where(np.arange(outfits) % 10 < 9, "train", "valid").astype(object)
    ids = np.array([f"o{number}" for number in range(outfits)], dtype=object)
    made = Outfits(worn, offsets, ids, splits, owners)
    return TrainingData(
        catalogue=catalogue,
        features=torch.from_numpy(random.random((items, dim), dtype=np.float32)),
        categories=torch.from_numpy(Vocabulary.of(catalogue).codes(catalogue)),
        usable=np.ones(items, dtype=bool),
        train=made.split("train"),
        valid=made.split("valid"),
    )


class Trial:
    """A model to be trained and to answer questions."""

    def __init__(self, name: str, data: TrainingData, options: argparse.Namespace, work: Path) -> None:
        self.name, (model, settings) = name, TRIALS[name]
        config = TrainConfig(negatives=options.negatives, batch_size=options.batch, precision=options.precision)
        if model == "teacher":
            config = replace(config, negatives="group")
            train, valid = (tops_and_bottoms(outfits, data.catalogue) for outfits in (data.train, data.valid))
            data = replace(data, train=train, valid=valid)
        model_class, config_class = model_classes(model)
        torch.manual_seed(0)
        self.model = model_class(config_class(**settings), data.features.shape[1], Vocabulary.of(data.catalogue))
        self.model.observe(data)
        self.loop = Loop(self.model, data, config, work / name)
        self.data, self.batches = data, self.shuffles()
        outfits = data.train.take(np.arange(min(options.questions, len(data.train)))).batch()
        pairs = corruptions(outfits, self.loop.negatives, CANDIDATES - 1, self.loop.generator)
        items = torch.cat([pairs.items[:, None], pairs.corrupt], dim=1).flatten(0, 1)
        self.questions = OutfitBatch(items, pairs.mask.repeat_interleave(CANDIDATES, dim=0))

    def shuffles(self) -> Any:
        """Batch after batch, epoch after epoch."""
        while True:
            yield from batches(self.data.train.lengths, self.loop.config.batch_size, self.loop.generator)

    def train(self, steps: int) -> int:
        """Take some steps; the pairs learned from."""
        self.model.train()
        return sum(self.loop.step(next(self.batches))[1] for _ in range(steps))

    def answer(self, states: Any) -> int:
        """Score all candidates; the questions answered."""
        scores: Tensor = score(self.model, states, self.questions)
        return len(scores) // CANDIDATES


def measure(trials: list[Trial], options: argparse.Namespace) -> list[dict[str, Any]]:
    """A line a model: medians over rounds in which all of them take turns with the matmul."""
    left, right = torch.rand(options.side, options.side), torch.rand(options.side, options.side)
    rates: dict[str, list[tuple[float, float, float]]] = {trial.name: [] for trial in trials}
    for turn in range(options.rounds + 1):
        for trial in trials:
            bound = rate(lambda: len(left @ right)) / options.side
            pairs = rate(lambda trial=trial: trial.train(options.steps))
            trial.model.eval()
            states = encode(trial.model, trial.data.features, trial.data.categories)
            answers = rate(lambda trial=trial, states=states: trial.answer(states))
            if turn:  # the first round warms up
                rates[trial.name].append((pairs, answers, bound))
    passes = median(1 / bound for turns in rates.values() for *_, bound in turns)
    return [
        {
            "name": trial.name,
            "parameters": sum(p.numel() for p in trial.model.parameters() if p.requires_grad),
            "pairs_per_second": median(pairs for pairs, _, _ in rates[trial.name]),
            "pairs_per_matmul": median(pairs / bound for pairs, _, bound in rates[trial.name]),
            "questions_per_second": median(answers for _, answers, _ in rates[trial.name]),
            "matmul_seconds": passes,
        }
        for trial in trials
    ]


def rate(work: Callable[[], int]) -> float:
    """How much of what `work` counts is done in a second of one processor, whatever other programs do meanwhile."""
    start = time.process_time()
    return work() / (time.process_time() - start)


if __name__ == "__main__":
    main()
