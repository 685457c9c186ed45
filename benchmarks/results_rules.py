"""AKD-DBPR's part of docs/results.md: pairs of tops and bottoms, and what rules add. Run by results.py."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from measured import contrast, long_rows, summary
from results_page import DBPR, DOCS, RULE_CONTRASTS, WITH_RULES

SAME = "official, same category"
LENGTHS = (10, 100)
"""T of the paper's retrieval."""

MENDED = ("probability=softmax", "supervision=1", "imitation=0.3")
"""p = softmax(m), whose gradient does not fade; a signal of its own for the attention; and less to imitate."""


@dataclass(frozen=True)
class RuleSetting:
    """A data set of pairs, its rules, and how its models are trained."""

    name: str
    title: str
    dataset: str
    encoder: str
    rules: str
    settings: tuple[str, ...]
    negatives: tuple[str, ...]
    """Of the triplets that are drawn; published ones are asked where there are some."""


RULE_SETTINGS = (
    RuleSetting(
        "fashionvc", "Experts' tops and bottoms (FashionVC), words and labels", "fashionvc", "words+minilm",
        "docs/rules/fashionvc.toml", ("negatives=group", "pool=worn", "negatives_per_positive=3"), ("category",),
    ),
    RuleSetting(
        "mango-pairs", "Stylists' tops and bottoms (MANGO), pictures", "mango", "efficientnet-lite0",
        "docs/rules/mango.toml", ("negatives=matched", "pairs=true"), ("matched", "category", "group"),
    ),
)  # fmt: skip

COMMON = ("blank=bottom", "hidden=512", "batch_size=256", "epochs=20", "patience=6", "optimiser=adamw", "dropout=0.3")

RULE_VARIANTS: dict[str, tuple[str, ...]] = {
    DBPR: ("imitation=0", "confidence=uniform"),
    "AKD-DBPR as released": (),
    "AKD-DBPR mended": MENDED,
    "control: AKD-DBPR mended, shuffled rules": (*MENDED, "shuffled_rules=true"),
}
"""Name → settings. Each is scored twice: the student p, and the teacher q, which has the rules at hand."""

Say = Callable[[str], None]


def measure_rules(setting: RuleSetting, work: Path, jobs: int, seeds: Sequence[int], say: Say) -> None:
    """Train every variant of a setting for every seed, and keep what was measured."""
    from goeswith.audit import floor_rows, yardsticks
    from goeswith.dataset import Dataset
    from goeswith.evaluation import signature
    from goeswith.features import load_features

    start, dataset = time.monotonic(), Dataset(work / "data" / setting.dataset)
    asked = list(questions_of(dataset, setting))
    say(f"{setting.name}: floors")
    floors = yardsticks(dataset, load_features(dataset, setting.encoder))
    signed = {}
    for questions in asked:
        task, label = questions.frame.select("task", "negatives").row(0)
        signed[task, label] = signature(questions, dataset, task, label)
    kept: dict[str, Any] = {
        "setting": setting.name,
        "encoder": setting.encoder,
        "settings": [*COMMON, *setting.settings],
        "rules": setting.rules,
        "dataset": {k: dataset.info[k] for k in ("name", "source", "licence", "items", "pictures")},
        "floors": [row for questions in asked for row in floor_rows(questions, dataset, floors)],
        "rows": [],
    }
    answered: dict[str, list[pl.DataFrame]] = {}
    cpu = 0.0
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        runs = {
            name: [pool.submit(taught_answers, setting, name, seed, work) for seed in seeds] for name in RULE_VARIANTS
        }
        for name in RULE_VARIANTS:
            found = [run.result() for run in runs[name]]
            for scorer in (name, name + WITH_RULES):
                answered[scorer] = [table.filter(pl.col("scorer") == scorer).drop("scorer") for table, _ in found]
                kept["rows"] += summary(scorer, answered, signed)
            cpu += sum(taken for _, taken in found)
            say(f"{setting.name}: {name}")
            kept["contrasts"] = [
                line for a, b, _ in RULE_CONTRASTS if {a, b} <= set(answered) for line in contrast(a, b, answered)
            ]
            kept["cpu_minutes"] = round(cpu / 60, 1)
            (DOCS / "results" / f"{setting.name}.json").write_text(json.dumps(kept, indent=1) + "\n")
    say(f"{setting.name}: {cpu / 60:.0f} minutes of one core, {(time.monotonic() - start) / 60:.0f} on the clock now")


def questions_of(dataset: Any, setting: RuleSetting) -> Iterator[Any]:
    """The questions about test pairs, one kind at a time: triplets, and retrieval for tops seen and unseen."""
    import numpy as np

    from goeswith.freezing import make_questions
    from goeswith.knowledge.designers import tops_and_bottoms
    from goeswith.questions import Questions, read_questions

    catalogue = dataset.catalogue
    info = {"split": "test", "seed": "0"}
    official = dataset.path / "questions" / "official-test-triplet.parquet"
    if official.exists():
        published = read_questions(official, catalogue)
        yield published
        kinds = dict(zip(catalogue.ids, catalogue.category_codes, strict=True))
        alike = [kinds[a] == kinds[b] for a, b in published.frame["candidates"]]
        frame = published.frame.filter(pl.Series(alike)).with_columns(negatives=pl.lit(SAME))
        yield Questions.from_frame(frame, catalogue, published.info)
    pairs = tops_and_bottoms(dataset.outfits, catalogue)
    for negatives in setting.negatives:
        frame, _ = make_questions(catalogue, pairs, "test", "triplet", negatives)
        yield Questions.from_frame(frame, catalogue, info)
    bottoms = (catalogue.items["group"] == "bottom").fill_null(False).to_numpy()
    worn = np.array(catalogue.ids)[np.unique(pairs.split("train").items)]
    for length in LENGTHS:
        frame, _ = make_questions(catalogue, pairs, "test", "retrieval", "group", choices=length, usable=bottoms)
        seen = pl.col("context").list.first().is_in(worn.tolist())
        for label, chosen in (("seen", seen), ("unseen", ~seen)):
            some = frame.filter(chosen).with_columns(negatives=pl.lit(f"{length} bottoms, {label} top"))
            if len(some):
                yield Questions.from_frame(some, catalogue, info)


def taught_answers(setting: RuleSetting, name: str, seed: int, work: Path) -> tuple[pl.DataFrame, float]:
    """Per-question values of student and teacher of one run, and the processor seconds that it took."""
    from goeswith.dataset import Dataset
    from goeswith.evaluation import answer
    from goeswith.run import train

    slug = "".join(c if c.isalnum() else "-" for c in name)
    out = work / setting.name / f"{slug}-seed{seed}"
    done = out / "answers.parquet"
    if done.exists():
        return pl.read_parquet(done), float(str(pl.read_parquet_metadata(done)["cpu_seconds"]))
    start, dataset = time.process_time(), Dataset(work / "data" / setting.dataset)
    settings = [*COMMON, *setting.settings, f"seed={seed}", *RULE_VARIANTS[name]]
    run = train("akd-dbpr", dataset, out, rules=setting.rules, settings=settings, encoder=setting.encoder)
    student = run.scorer(dataset)
    scorers: dict[str, Any] = {name: student, name + WITH_RULES: run.taught(student, dataset)}
    parts = [
        long_rows(answer(scorer, questions)).with_columns(scorer=pl.lit(told))
        for questions in questions_of(dataset, setting)
        for told, scorer in scorers.items()
    ]
    table, taken = pl.concat(parts), time.process_time() - start
    table.write_parquet(done, metadata={"cpu_seconds": str(taken)})
    return table, taken
