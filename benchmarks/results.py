"""Make docs/results.md: ADD-GNN and AKD-DBPR, their ablations and controls on real outfits and on the drawn sample.

    python benchmarks/results.py --data ../shared/data

Every stage is kept under --work, so that the command goes on where it stopped. Runs are trained side by side, one
thread each: for models as small as these that is faster than one run on all cores. What was measured is kept as small
JSON files in docs/results/, one a setting; --tables rebuilds the page and its pictures from them alone.
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from measured import contrast, long_rows, summary
from results_page import BASELINE, CONTRASTS, DOCS, MASKS, OUTFITS, write_page
from results_rules import RULE_SETTINGS, measure_rules

SEEDS = (0, 1, 2)
CURVE = (1, 8)
"""K beside the paper's 4, whose point on the curve is ADD-GNN itself."""
PLAN = [(task, negatives) for task in ("compat", "fitb") for negatives in ("matched", "category", "random")]
SAMPLE = {"outfits": 3000, "items": 1000}
"""Of the drawn sample; half of the outfits are users'."""

COMMON = ("hidden=64", "dropout=0.3")
"""Set for the time there is, not searched; all else is the paper's."""


@dataclass(frozen=True)
class Setting:
    """A student's data set, its designers, and by what both are encoded."""

    name: str
    title: str
    student: str
    designers: str
    encoder: str
    epochs: int
    patience: int
    batch_size: int = 128

    @property
    def settings(self) -> list[str]:
        """What every run of the setting has in common, |h| first."""
        return [*COMMON, f"batch_size={self.batch_size}", f"epochs={self.epochs}", f"patience={self.patience}"]


@dataclass(frozen=True)
class Variant:
    """One row of a table: settings over COMMON, and which teacher teaches (see `teacher_of`)."""

    name: str
    settings: tuple[str, ...] = ()
    teacher: str = ""
    model: str = "add-gnn"


PICTURES, WORDS = "efficientnet-lite0", "minilm"
DATASETS: dict[str, tuple[str, str, str]] = {
    "mango": ("mango", "mango", PICTURES),
    "ccp": ("ccp", "ccp", PICTURES),
    "fashionvc": ("fashionvc", "fashionvc", WORDS),
    "polyvore-maryland": ("polyvore-maryland", "polyvore-maryland", WORDS),
    "sample": ("sample", "", PICTURES),
}
"""Name → layout, folder below --data, encoder."""

SETTINGS = (
    Setting("mango", "MANGO stylists' outfits, pictures", "mango", "mango", PICTURES, 60, 12),
    Setting("ccp", "Street looks (CCP) taught by MANGO stylists, pictures", "ccp", "mango", PICTURES, 60, 15, 32),
    Setting(
        "polyvore", "Users' outfits (Polyvore Maryland) taught by FashionVC experts, words",
        "polyvore-maryland", "fashionvc", WORDS, 25, 8,
    ),
    Setting("sample", "The drawn sample, designers and users", "sample#users", "sample#designers", PICTURES, 30, 8, 32),
)  # fmt: skip

VARIANTS = (
    Variant(BASELINE),
    Variant("without knowledge, without graph", ("steps=0",)),
    Variant(MASKS, ("carry=masks",), "designers"),
    Variant("ADD-GNN without graph", ("carry=masks", "steps=0"), "designers"),
    Variant("control: masks of an untrained teacher", ("carry=masks", "untrained=true"), "untrained"),
    Variant("control: masks of shuffled pairs", ("carry=masks",), "shuffled"),
    Variant("control: masks of the student's own data", ("carry=masks",), "own"),
    Variant("masks + initialisation", ("carry=masks+initialisation",), "designers"),
    Variant("control: initialisation of shuffled pairs", ("carry=masks+initialisation",), "shuffled"),
    Variant("responses", ("carry=responses",), "designers"),
    Variant("control: responses of shuffled pairs", ("carry=responses",), "shuffled"),
    Variant("masks, trained on random negatives (as printed)", ("carry=masks", "negatives=random"), "designers"),
    Variant("without knowledge, trained on random negatives", ("negatives=random",)),
    Variant(OUTFITS, ("sides=groups", "hidden=256", "optimiser=adamw"), model="akd-dbpr"),
)

ANSWERS = "answers.parquet"
"""Of a run that has been trained and asked."""
CPU_SECONDS = "cpu_seconds"
"""What a teacher took."""
Say = Callable[[str], None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the published data sets")
    parser.add_argument("--work", type=Path, default=Path("runs/results"), help="folder for all that can be made again")
    parser.add_argument(
        "--only", nargs="*", default=[s.name for s in (*SETTINGS, *RULE_SETTINGS)], help="settings to measure"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="runs trained side by side")
    parser.add_argument("--tables", action="store_true", help="measure nothing, rebuild the page")
    given = parser.parse_args()
    logging.getLogger("goeswith").setLevel(logging.ERROR)
    os.environ["OMP_NUM_THREADS"] = "1"  # for the processes to come
    start = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - start:7.0f} s  {text}", flush=True)

    if not given.tables:
        for setting in SETTINGS:
            if setting.name in given.only:
                measure(setting, given.data, given.work, given.jobs, say)
        for taught in RULE_SETTINGS:
            if taught.name in given.only:
                prepare(taught.dataset, given.data, given.work, say, encoders=taught.encoder.split("+"))
                measure_rules(taught, given.work, given.jobs, SEEDS, say)
    write_page(SETTINGS, RULE_SETTINGS, SEEDS)
    say(f"{DOCS / 'results.md'}")


def prepare(name: str, data: Path, work: Path, say: Say, encoders: Sequence[str] = ()) -> Path:
    """Import, encode and freeze a data set, as far as that has not been done; returns its folder."""
    from goeswith.dataset import Dataset, create
    from goeswith.encoders import encode
    from goeswith.freezing import freeze
    from goeswith.readers import read

    layout, folder, encoder = DATASETS[name]
    dest = work / "data" / name
    if not dest.exists():
        say(f"import {name}")
        dest.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=dest.parent) as drawn:
            source = data / folder if folder else None
            options = SAMPLE if layout == "sample" else {}
            create(read(layout, source, workdir=Path(drawn), **options), dest, layout=layout)
    dataset = Dataset(dest)
    for needed in encoders or [encoder]:
        if not (dest / "features" / f"{needed}.safetensors").exists():
            say(f"encode {name} with {needed}")
            encode(dataset, needed)
    for path in (dest, Path(f"{dest}#users")) if layout == "sample" else (dest,):
        opened = Dataset(path)
        say(f"freeze questions of {path.name}")
        freeze(
            opened.catalogue, opened.outfits, dest / "questions", dataset=opened.name, splits=("test",),
            plan=PLAN, prefix=opened.outfit_source,
        )  # fmt: skip
    return dest


def measure(setting: Setting, data: Path, work: Path, jobs: int, say: Say) -> None:
    """Train every variant of a setting for every seed, and keep what was measured."""
    from goeswith.audit import floor_rows, yardsticks
    from goeswith.dataset import Dataset
    from goeswith.evaluation import signature
    from goeswith.features import load_features
    from goeswith.questions import read_questions

    start = time.monotonic()
    for name in {setting.student.partition("#")[0], setting.designers.partition("#")[0]}:
        prepare(name, data, work, say)
    student = Dataset(work / "data" / setting.student)
    questions = [read_questions(file, student.catalogue) for file in question_files(student)]
    features = load_features(student, setting.encoder)
    say(f"{setting.name}: floors")
    floors = yardsticks(student, features)
    kept: dict[str, Any] = {
        "setting": setting.name,
        "settings": setting.settings,
        "dataset": {k: student.info[k] for k in ("name", "source", "licence", "items", "pictures", "split_report")},
        "floors": [row for asked in questions for row in floor_rows(asked, student, floors)],
        "rows": [],
    }
    signed = {
        (task, negatives): signature(asked, student, task, negatives)
        for asked in questions
        for task, negatives in asked.frame.select("task", "negatives").unique().iter_rows()
    }
    curve = [Variant(f"K = {k}", ("carry=masks", f"attributes={k}"), "designers") for k in CURVE]
    answered: dict[str, list[pl.DataFrame]] = {}
    own, once = setting.student == setting.designers, setting is SETTINGS[0]
    variants = [
        v for v in VARIANTS if not (own and v.teacher == "own") and (once or "negatives=random" not in v.settings)
    ]
    variants += curve if setting.name == "sample" else []
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        say(f"{setting.name}: teachers")
        for taught in [pool.submit(teach, *lesson) for lesson in sorted(lessons(setting, variants, work))]:
            taught.result()
        cpu = sum(float(kept.read_text()) for kept in (work / "teachers").glob(f"{setting.name}-*/{CPU_SECONDS}"))
        runs = {v.name: [pool.submit(answers, setting, v, seed, work) for seed in SEEDS] for v in variants}
        for variant in variants:
            found = [run.result() for run in runs[variant.name]]
            answered[variant.name], cpu = [table for table, _ in found], cpu + sum(taken for _, taken in found)
            say(f"{setting.name}: {variant.name}")
            kept["rows"] += summary(variant.name, answered, signed)
            kept["contrasts"] = [
                line for a, b, _ in CONTRASTS if {a, b} <= set(answered) for line in contrast(a, b, answered)
            ]
            kept["cpu_minutes"] = round(cpu / 60, 1)
            (DOCS / "results").mkdir(parents=True, exist_ok=True)
            (DOCS / "results" / f"{setting.name}.json").write_text(json.dumps(kept, indent=1) + "\n")
    say(f"{setting.name}: {cpu / 60:.0f} minutes of one core, {(time.monotonic() - start) / 60:.0f} on the clock now")


def question_files(student: Any) -> list[Path]:
    """The frozen questions of a data set's outfits that could be made."""
    prefix = f"{student.outfit_source}-" if student.outfit_source else ""
    files = [student.path / "questions" / f"{prefix}test-{task}-{negatives}.parquet" for task, negatives in PLAN]
    return [file for file in files if file.exists()]


def answers(setting: Setting, variant: Variant, seed: int, work: Path) -> tuple[pl.DataFrame, float]:
    """Per-question values of one trained model, and the processor seconds that it took.

    Columns question_id, outfit_id, task, negatives, metric, value.
    """
    from goeswith.dataset import Dataset
    from goeswith.evaluation import answer
    from goeswith.questions import read_questions
    from goeswith.run import train

    out = folder_of(setting, variant, seed, work)
    done = out / ANSWERS
    if done.exists():
        return pl.read_parquet(done), float(str(pl.read_parquet_metadata(done)["cpu_seconds"]))
    start = time.process_time()
    student = Dataset(work / "data" / setting.student)
    questions = [read_questions(file, student.catalogue) for file in question_files(student)]
    settings = [*setting.settings, "negatives=matched", f"seed={seed}", *variant.settings]
    teacher = teacher_of(setting, variant, seed, work)
    taught_by = teacher[0] if isinstance(teacher, tuple) else teacher
    run = train(variant.model, student, out, teacher=taught_by, settings=settings, encoder=setting.encoder)
    scorer = run.scorer(student)
    table, taken = pl.concat(long_rows(answer(scorer, asked)) for asked in questions), time.process_time() - start
    table.write_parquet(done, metadata={"cpu_seconds": str(taken)})
    return table, taken


def folder_of(setting: Setting, variant: Variant, seed: int, work: Path) -> Path:
    """Where a run is kept."""
    slug = "".join(c if c.isalnum() else "-" for c in variant.name)
    return work / setting.name / f"{slug}-seed{seed}"


Lesson = tuple[Path, Path, tuple[str, ...], str]
"""A teacher to train: folder of the run, data set, settings, encoder."""


def teacher_of(setting: Setting, variant: Variant, seed: int, work: Path) -> str | Lesson | None:
    """The teacher that a variant learns from; the data set where it is not trained."""
    if not variant.teacher:
        return None
    source = setting.student if variant.teacher == "own" else setting.designers
    if variant.teacher == "untrained":
        return str(work / "data" / source)
    k = next((s for s in variant.settings if s.startswith("attributes=")), "attributes=4")
    name = f"{setting.name}-{source.replace('#', '-')}-{variant.teacher == 'shuffled'}-{k}-seed{seed}"
    theirs = (k, "rank=64", *setting.settings[1:], "negatives=matched", f"seed={seed}")
    if variant.teacher == "shuffled":
        theirs += ("shuffled=true",)
    return work / "teachers" / name, work / "data" / source, theirs, setting.encoder


def lessons(setting: Setting, variants: Iterable[Variant], work: Path) -> set[Lesson]:
    """Every teacher that has still to teach, each once for all its variants."""
    found = (
        teacher_of(setting, variant, seed, work)
        for variant in variants
        for seed in SEEDS
        if not (folder_of(setting, variant, seed, work) / ANSWERS).exists()
    )
    return {lesson for lesson in found if isinstance(lesson, tuple)}


def teach(out: Path, dataset: Path, settings: tuple[str, ...], encoder: str) -> None:
    """Train a teacher, if that has not been done, and note the processor seconds that it took."""
    from goeswith.dataset import Dataset
    from goeswith.run import train

    kept, start = out / CPU_SECONDS, time.process_time()
    train("teacher", Dataset(dataset), out, settings=settings, encoder=encoder)
    if not kept.exists():
        kept.write_text(str(time.process_time() - start))


if __name__ == "__main__":
    main()
