"""Measure what differs between a student's data and its designers': docs/knowledge-domains.md.

    python benchmarks/domains.py recipes/curves/ccp-mango.toml recipes/curves/polyvore-fashionvc.toml

For each study: how far the features are apart, whether the same directions vary, whether the same things go together,
what the designers' model says of the student's test outfits, and what the pictures look like. Runs of the study below
--work are used, or those in its folder runs, which studies of `make results` share; missing ones are trained. What was
measured is kept in docs/results/domains-NAME.json; without a study, the page is made again from these.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from domains_features import Side, alike_axes, nearest, separated, shift, side, taste
from domains_page import write_page
from scipy.stats import rankdata

from goeswith.data.dataset import Dataset
from goeswith.data.positions import list_positions
from goeswith.errors import GoeswithError
from goeswith.evaluate.exhaustive import exhaustive_auc
from goeswith.experiments.study import Study, read_study
from goeswith.experiments.study_sources import Bench, designers_of, outfit_aucs
from goeswith.files import fresh_file
from goeswith.train.mixture_sources import TITLES, WORDS
from goeswith.train.run import Run

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "results"
ALL = -1
PICTURES = 500
"""Of a data set that are looked at."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", nargs="*", type=Path, help="studies of recipes/curves")
    parser.add_argument("--work", type=Path, default=Path("runs/curves"), help="folder of the studies' runs")
    parser.add_argument("--seed", type=int, default=0, help="of the runs")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for what was measured")
    parser.add_argument("--page", type=Path, default=RESULTS.parent / "knowledge-domains.md", help="the page")
    options = parser.parse_args()
    shared = options.work / "runs"
    for path in options.studies:
        study = read_study(path)
        results = measure(study, options.work / study.name, options.seed, shared if shared.is_dir() else None)
        with fresh_file(options.results / f"domains-{study.name}.json") as partial:
            partial.write_text(json.dumps(results, indent=1) + "\n")
    print(write_page(options.results, options.page))


def measure(study: Study, out: Path, seed: int, runs: Path | None = None) -> dict[str, Any]:
    """All that the page shows of one study. runs: folder of the trainings; by default in `out`."""
    student, designers = Dataset(study.dataset), designers_of(study, out)
    names = [name for name in study.encoder.split("+") if name not in (TITLES, WORDS)]
    return {
        "name": study.name,
        "title": study.title,
        "seed": seed,
        "features": {name: compared(side(student, name), side(designers, name)) for name in names},
        "scorers": scorers(study, out, seed, runs),
        "pictures": [pictures(dataset) for dataset in (student, designers)],
    }


def compared(student: Side, designers: Side) -> dict[str, Any]:
    """The features of two data sets, beside those of two halves of the designers' items or outfits."""
    pairs = {"domains": (student, designers), "halves": designers.item_halves()}
    measures: dict[str, Callable[[Side, Side], float]] = {
        "shift": shift,
        "separated": lambda a, b: separated(a.values, b.values),
        "nearest": lambda a, b: nearest(a.values, b.values),
        "nearest_standardised": lambda a, b: nearest(a.standardised, b.standardised),
        "axes": alike_axes,
    }
    results: dict[str, Any] = {name: {key: how(*both) for key, both in pairs.items()} for name, how in measures.items()}
    results["taste"] = {
        "domains": taste(student, designers),
        "own halves": taste(*student.halves()),
        "shuffled": taste(student, designers.shuffled()),
    }
    results["items"] = [len(student.values), len(designers.values)]
    return results


def scorers(study: Study, out: Path, seed: int, runs: Path | None = None) -> dict[str, Any]:
    """What the designers' two towers say of the student's test outfits, beside likeness and its own towers."""
    bench = Bench(replace(study, seeds=(seed,)), seed, out, runs)
    names = ("likeness", "own", "designers", "shuffled")
    sources = {name: bench.answers(name, ALL).test.sum(axis=1) for name in names}
    results: dict[str, Any] = {"auc": {name: _auc(outfit_aucs(logits, bench.test)) for name, logits in sources.items()}}
    teacher = bench._teachers("designers")[0]
    plain = teacher.scorer(bench.dataset) if "+" not in study.encoder else None
    if plain is not None:  # as the designers' own mean and deviation have it
        results["auc"]["designers, own standard"] = _auc(exhaustive_auc(plain, bench.test)[:2])
    results["auc"]["designers at home"] = at_home(teacher, bench.designers, study.candidates)
    ranks = {name: rankdata(logits) for name, logits in sources.items()}
    results["agreement"] = {
        "designers, likeness": correlation(ranks["designers"], ranks["likeness"]),
        "designers, own": correlation(ranks["designers"], ranks["own"]),
        "designers, own beyond likeness": beyond(ranks["designers"], ranks["own"], ranks["likeness"]),
        "shuffled, own beyond likeness": beyond(ranks["shuffled"], ranks["own"], ranks["likeness"]),
    }
    return results


def at_home(run: Run, dataset: Dataset, most: int) -> float:
    """The exhaustive AUC of a run on the test outfits of its own data."""
    scorer = run.scorer(dataset)
    outfits, _ = dataset.outfits.keep(scorer.present)
    positions = list_positions(dataset.catalogue, outfits.split("test"), scorer.present, [outfits], most=most)
    return _auc(exhaustive_auc(scorer, positions)[:2])


def _auc(answers: tuple[np.ndarray, np.ndarray]) -> float:
    auc, weight = answers
    return float(np.average(auc[weight > 0], weights=weight[weight > 0]))


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(first, second)[0, 1])


def beyond(first: np.ndarray, second: np.ndarray, third: np.ndarray) -> float:
    """Partial correlation of the first two, the third held fixed."""
    a, b, c = correlation(first, second), correlation(first, third), correlation(second, third)
    return float((a - b * c) / np.sqrt((1 - b**2) * (1 - c**2)))


def pictures(dataset: Dataset) -> dict[str, float] | None:
    """What some pictures of a data set look like; None where it has none."""
    from domains_pictures import look

    images = dataset.catalogue.items["image"].drop_nulls()
    paths = [dataset.path / name for name in images if name]
    if not paths:
        return None
    chosen: Sequence[int] = np.random.default_rng(0).permutation(len(paths))[:PICTURES].tolist()
    return {"pictures": float(len(chosen)), **look([paths[at] for at in chosen])}


if __name__ == "__main__":
    try:
        main()
    except GoeswithError as error:
        sys.exit(f"error: {error}")
