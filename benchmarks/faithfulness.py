"""Measure what docs/explain.md says of explanations and of probabilities, and write its tables and its figure.

    python benchmarks/faithfulness.py --results runs/results

Faithfulness: one item of each test outfit is exchanged for another of its kind. An explanation is right where it blames
that item, and faithful where the score rises more without the blamed item than without another.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from goeswith.data.dataset import Dataset
from goeswith.data.negatives import Negatives
from goeswith.errors import GoeswithError
from goeswith.evaluate.bootstrap import mean, resampled
from goeswith.evaluate.calibration import Cases, Scale, cases
from goeswith.evaluate.reliability import Reliability, measure
from goeswith.experiments.figures import ACCENT, QUIET, sheet
from goeswith.files import fresh_file
from goeswith.shop.contributions import leave_one_out, pair_matrix
from goeswith.tables import markdown
from goeswith.train.corruptions import corruptions
from goeswith.train.run import Run

PAGE = Path(__file__).resolve().parents[1] / "docs" / "explain.md"
FIGURE = PAGE.parent / "results" / "reliability.svg"
RUNS = {
    "two-tower on MANGO": ("mango/runs/two-tower-seed0", "mango"),
    "ADD-GNN on MANGO": ("mango-search/runs/add-gnn-seed0", "mango"),
    "without graph on MANGO": ("mango-search/runs/add-gnn-without-graph-seed0", "mango"),
    "two-tower on the sample": ("sample/runs/two-tower-seed0", "sample#users"),
}
"""What the page calls a run → its folder below ``bench`` and its data set below ``data``, of `make results`."""
DRAWS = 8
"""Items that a place is filled with instead, of which the mean rise is taken."""

Value = tuple[float, float, float]
"""A mean and its 95 % interval by outfit."""


class Corrupted(NamedTuple):
    """Outfits, items (B, n) and their mask, each with one wrong item at the place `wrong` (B,)."""

    items: np.ndarray
    mask: np.ndarray
    wrong: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path("runs/results"), help="folder of runs and data sets")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page whose tables are written")
    parser.add_argument("--figure", type=Path, default=FIGURE)
    options = parser.parse_args()
    scored: dict[str, tuple[Any, Dataset]] = {}
    for name, (run, data) in RUNS.items():
        dataset = Dataset(options.results / "data" / data)
        scored[name] = Run(options.results / "bench" / run).scorer(dataset), dataset
    fitted = {name: calibrations(*both) for name, both in scored.items()}
    blocks = {
        "calibration": calibration_table(fitted),
        "sizes": size_table({name: sizes(*both) for name, both in scored.items()}),
        "faithfulness": faithfulness_table({name: faithfulness(*both) for name, both in scored.items()}),
    }
    reliability_curve({name: ways["Platt, by size"][1] for name, ways in fitted.items()}, options.figure)
    text = options.page.read_text()
    for block, table in blocks.items():
        print(table)
        text = filled(text, block, table)
    with fresh_file(options.page) as partial:
        partial.write_text(text)


def reliability_curve(measured: Mapping[str, Reliability], out: Path) -> Path:
    """Draw how often outfits were true that were given a probability: one panel a scorer, by its name.

    A dot for each bin with its 95 % interval by outfit; on the diagonal a probability means what it says.
    """
    with sheet(out, 1, len(measured)) as panels:
        for axes, (name, reliability) in zip(panels, measured.items(), strict=True):
            ends = [0.0, 1.0]
            axes.plot(ends, ends, color=QUIET, linewidth=0.8, linestyle="--")
            for part in reliability.bins:
                axes.vlines(part.predicted, part.low, part.high, color=ACCENT, alpha=0.35, linewidth=1.6)
                axes.plot(part.predicted, part.observed, "o", color=ACCENT, markersize=3.4)
            axes.set(xlim=ends, ylim=ends, aspect="equal", xlabel="predicted probability", ylabel="observed frequency")
            axes.set_title(f"{name}\nBrier {reliability.brier:.3f}, calibration error {reliability.ece:.3f}")
            axes.tick_params(length=0)
    return out


def filled(text: str, block: str, table: str) -> str:
    """The page with a table between the comments that name it."""
    start, end = f"<!-- {block} -->\n", f"<!-- end of {block} -->"
    assert start in text, f"the page has no place for {block}"
    assert end in text, f"the page has no end of {block}"
    return re.sub(f"{re.escape(start)}.*?{re.escape(end)}", lambda _: f"{start}\n{table}\n{end}", text, flags=re.DOTALL)


def corrupted(scorer: Any, dataset: Dataset, seed: int = 0) -> Corrupted:
    """Test outfits of three or more items with one exchanged, as often as others of its pool are worn."""
    outfits = dataset.outfits.split("test").keep(scorer.present)[0]
    drawn = Negatives(dataset.catalogue, outfits, "matched", scorer.present, [dataset.outfits])
    pairs = corruptions(outfits.batch(), drawn, 1, torch.Generator().manual_seed(seed))
    pairs = pairs.take(pairs.mask.sum(dim=1) > 2)
    items, mask, wrong = pairs.items, pairs.mask, pairs.corrupt[:, 0]
    return Corrupted(wrong.numpy(), mask.numpy(), (items != wrong).int().argmax(dim=1).numpy())


def replaced(scorer: Any, dataset: Dataset, outfits: Corrupted, seed: int) -> np.ndarray:
    """Mean rise of the score when each item is exchanged for others of its kind: (B, n), NaN where there are none."""
    items, mask = torch.from_numpy(outfits.items), torch.from_numpy(outfits.mask)
    outfit, position = mask.nonzero(as_tuple=True)
    pool = Negatives(dataset.catalogue, dataset.outfits.split("train"), "matched", scorer.present)
    drawn, served = pool.draw(items[outfit], mask[outfit], position, DRAWS, torch.Generator().manual_seed(seed))
    other = items[outfit][:, None].repeat(1, DRAWS, 1)
    other.scatter_(2, position[:, None, None].expand(-1, DRAWS, 1), drawn[:, :, None])
    scores = scorer.score(other.flatten(0, 1).numpy(), mask[outfit].repeat_interleave(DRAWS, dim=0).numpy())
    rise = np.full(outfits.mask.shape, np.nan)
    before = scorer.score(outfits.items, outfits.mask)[outfit.numpy()]
    rise[outfit.numpy(), position.numpy()] = np.where(served, scores.reshape(-1, DRAWS).mean(axis=1) - before, np.nan)
    return rise


def blames(scorer: Any, dataset: Dataset, outfits: Corrupted) -> dict[str, np.ndarray]:
    """Way to explain → how much each item is to blame (B, n), −inf where it cannot be."""
    pairs = pair_matrix(scorer, outfits.items, outfits.mask)
    own = np.nansum(pairs, axis=2) / np.maximum((~np.isnan(pairs)).sum(axis=2), 1)
    weak = np.nanmin(np.where(np.isnan(pairs), np.inf, pairs), axis=2)
    least = weak == weak.min(axis=1, where=outfits.mask, initial=np.inf, keepdims=True)  # the two of the weakest pair
    blames_of = {
        "leave-one-out": -leave_one_out(scorer, outfits.items, outfits.mask),
        "its pairs": -own,
        "the weakest pair": np.where(least, -own, -np.inf),
        f"{DRAWS} replacements": replaced(scorer, dataset, outfits, seed=1),
    }
    return {name: np.where(outfits.mask & ~np.isnan(blame), blame, -np.inf) for name, blame in blames_of.items()}


def faithfulness(scorer: Any, dataset: Dataset) -> dict[str, dict[str, Value]]:
    """Way to explain → measure → its mean over outfits with an interval by outfit."""
    outfits = corrupted(scorer, dataset)
    every = np.arange(len(outfits.items))
    rises = {
        "without it": -leave_one_out(scorer, outfits.items, outfits.mask),
        "replaced": replaced(scorer, dataset, outfits, seed=2),
    }
    results: dict[str, dict[str, Value]] = {}
    hits = {}
    for way, blame in blames(scorer, dataset, outfits).items():
        chosen = blame.argmax(axis=1)
        hits[way] = (chosen == outfits.wrong).astype(np.float64)
        columns = {
            "outfits": np.ones(len(every)),
            "by chance": 1 / outfits.mask.sum(axis=1),
            "blames the wrong item": hits[way],
        }
        for rise_of, rise in rises.items():
            others = np.where(np.arange(rise.shape[1]) == chosen[:, None], np.nan, rise)
            present = ~np.isnan(others)
            usual = np.where(present, others, 0).sum(axis=1) / np.maximum(present.sum(axis=1), 1)
            columns |= {f"blamed {rise_of}": rise[every, chosen], f"another {rise_of}": usual}
            columns |= {f"difference {rise_of}": rise[every, chosen] - usual}
        results[way] = {name: interval(values) for name, values in columns.items()} | {"count": (len(every), 0, 0)}
    for way, hit in hits.items():
        results[way]["more than its pairs"] = interval(hit - hits["its pairs"])
    return results


def interval(values: np.ndarray) -> Value:
    """Mean of one value for each outfit, NaN apart, and its interval."""
    statistic = mean(values, np.arange(len(values)))
    low, high = np.quantile(resampled([statistic], len(values), 0)[0], [0.025, 0.975])
    return float(statistic(np.ones((1, len(values))))[0]), float(low), float(high)


def faithfulness_table(results: Mapping[str, Mapping[str, Mapping[str, Value]]]) -> str:
    head = ["run", "outfits", "blame by", "blames the wrong item", "by chance", "without it", "without another",
            "replaced", "another replaced"]  # fmt: skip
    rows = [
        [name, f"{row['count'][0]:,}", way, _share(row["blames the wrong item"]), f"{row['by chance'][0]:.3f}",
         _rise(row["blamed without it"]), _rise(row["another without it"]), _rise(row["blamed replaced"]),
         _rise(row["another replaced"])]
        for name, ways in results.items() for way, row in ways.items()
    ]  # fmt: skip
    differences = [
        [name, way, *(_rise(row[f"difference {rise}"]) for rise in ("without it", "replaced")),
         "–" if way == "its pairs" else _rise(row["more than its pairs"])]
        for name, ways in results.items() for way, row in ways.items()
    ]  # fmt: skip
    other = [
        "run",
        "blame by",
        "blamed − another, without",
        "blamed − another, replaced",
        "right more often than pairs",
    ]
    return markdown(head, rows) + "\n" + markdown(other, differences)


def calibrations(scorer: Any, dataset: Dataset) -> dict[str, tuple[float, Reliability]]:
    """Way to calibrate → log loss on test and reliability there."""
    scale = Scale.fit(scorer, dataset)
    assert scale is not None
    valid, test = (cases(scorer, dataset, split) for split in ("valid", "test"))

    def features(some: Cases, by_size: bool) -> np.ndarray:
        return scale.standard(some.scores, some.sizes) if by_size else some.scores

    results = {}
    for name, by_size in (("Platt, by size", True), ("Platt", False), ("isotonic, by size", True), ("isotonic", False)):
        valid_scores, test_scores = features(valid, by_size), features(test, by_size)
        if name.startswith("Platt"):
            probability = (
                LogisticRegression().fit(valid_scores[:, None], valid.good).predict_proba(test_scores[:, None])[:, 1]
            )
        else:
            probability = (
                IsotonicRegression(y_min=0.01, y_max=0.99, out_of_bounds="clip")
                .fit(valid_scores, valid.good)
                .predict(test_scores)
            )
        loss = -np.log(np.where(test.good, probability, 1 - probability)).mean()
        results[name] = float(loss), measure(probability, test, "test", "matched")
    return results


def calibration_table(results: Mapping[str, Mapping[str, tuple[float, Reliability]]]) -> str:
    rows = [
        [name, way, f"{loss:.4f}", f"{fit.brier:.4f} [{fit.brier_low:.4f}, {fit.brier_high:.4f}]", f"{fit.ece:.3f}",
         f"{fit.bins[0].predicted:.2f}–{fit.bins[-1].predicted:.2f}"]
        for name, ways in results.items() for way, (loss, fit) in ways.items()
    ]  # fmt: skip
    return markdown(["run", "fit", "log loss", "Brier", "calibration error", "lowest–highest tenth"], rows)


def sizes(scorer: Any, dataset: Dataset) -> list[tuple[int, int, float, float]]:
    """For each size: test outfits, and their mean percentile without and with the size."""
    scale = Scale.fit(scorer, dataset)
    assert scale is not None
    outfits = dataset.outfits.split("test").keep(scorer.present)[0]
    scores, lengths = scorer.score(*outfits.padded()), outfits.lengths
    ranks = np.searchsorted(np.sort(scores), scores) / len(scores) * 100
    own = scale.percentile(scores, lengths)
    kinds = {int(size): lengths == size for size in np.unique(lengths)}
    means = {size: (float(ranks[here].mean()), float(own[here].mean())) for size, here in kinds.items()}
    return [(size, int(here.sum()), *means[size]) for size, here in kinds.items() if here.sum() >= 25]


def size_table(sizes_of: Mapping[str, list[tuple[int, int, float, float]]]) -> str:
    rows = [
        [name, str(size), str(count), f"{plain:.0f}", f"{own:.0f}"]
        for name, lines in sizes_of.items() for size, count, plain, own in lines
    ]  # fmt: skip
    return markdown(["run", "items", "test outfits", "mean percentile, size ignored", "by size"], rows)


def _share(value: Value) -> str:
    return f"{value[0]:.3f} [{value[1]:.3f}, {value[2]:.3f}]"


def _rise(value: Value, digits: int = 3) -> str:
    return f"{value[0]:+.{digits}f} [{value[1]:+.{digits}f}, {value[2]:+.{digits}f}]".replace("-", "−")


if __name__ == "__main__":
    try:
        main()
    except GoeswithError as error:
        sys.exit(f"error: {error}")
