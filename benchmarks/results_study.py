"""The studies of docs/results.md and docs/knowledge.md, measured as `goeswith curves` does."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from results_data import prepare

from goeswith.experiments.study import read_study
from goeswith.experiments.study_page import draw
from goeswith.experiments.study_results import measure
from goeswith.files import fresh_file

PREFIX = "curves-"
"""Of the studies' names, which data sets and recipes have too."""


def measure_study(
    file: Path, data: Path, work: Path, results: Path, say: Callable[[str], None], jobs: int, collect: bool
) -> None:
    """Measure a study and keep its results and figure.

    file: the study. data: folder of the published data sets. work: for all that can be made again.
    """
    study = read_study(file)
    drawn = study.dataset.startswith("data/sample")  # as `goeswith import` makes it; that of the tables is larger
    folder = work / "curves" / "data" if drawn else work / "data"
    paths = {
        name: prepare(path, [study.encoder], data, folder, say, sample={})
        for name, path in (("dataset", study.dataset), ("designers", study.designers))
    }
    out = work / "curves" / study.name
    measured = measure(replace(study, **paths), out, say, collect, jobs, work / "curves" / "runs")
    text = (out / "results.json").read_text()
    for path, name in zip(paths.values(), (study.dataset, study.designers), strict=True):
        text = text.replace(path, name)  # local paths are not published
    results.mkdir(parents=True, exist_ok=True)
    with fresh_file(results / f"{PREFIX}{study.name}.json") as partial:
        partial.write_text(text)
    shutil.copyfile(draw(measured, out / "curves.svg"), results / f"{PREFIX}{study.name}.svg")
