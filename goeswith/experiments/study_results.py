"""Study's results: each arm of a study at each number of own outfits, with intervals and comparisons; kept as JSON.

Values are exhaustive AUCs, the mean of the seeds; intervals draw outfits and seeds (see `goeswith.evaluate.seeds`), the
same for all arms, so that differences are paired.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from goeswith import __version__
from goeswith.data.dataset import Dataset
from goeswith.errors import DataError, ModelError
from goeswith.evaluate.bootstrap import interval, mean, over_few_seeds, over_seeds, resampled
from goeswith.evaluate.seeds import DRAWS, judge
from goeswith.experiments.processes import processes
from goeswith.experiments.study import ARMS, COMPARISONS, PRIMARY, Study
from goeswith.experiments.study_sources import (
    LIKENESS,
    NO_OWN,
    Bench,
    designers_of,
    is_gnn,
    knowledge_of,
    outfit_aucs,
    stack,
)
from goeswith.files import fresh_file, read_json
from goeswith.scores import Difference
from goeswith.train.mixture_sources import TITLES
from goeswith.train.trust import TrustQuestions, fit_trust

Key = tuple[str, int]
"""Arm and number of own outfits, −1 for all."""
Answered = tuple[str, int, int]
"""The same and a seed."""


@dataclass(frozen=True)
class Point:
    """An arm at a number of own outfits. seeds: value of each. weights: source → mean weight of its seeds."""

    arm: str
    outfits: int
    value: float
    low: float
    high: float
    seeds: tuple[float, ...]
    weights: dict[str, float]


def measure(
    study: Study, out: Path, say: Callable[[str], None], collect: bool = False, jobs: int = 0, runs: Path | None = None
) -> dict[str, Any]:
    """Train and ask all that is not there yet, and return the results as they are written to ``results.json``.

    An interrupted study resumes: every answer is kept in ``answers``. collect: train and ask nothing, make the
    results from what is there. jobs: seeds measured side by side, each in a process of one thread; 0: one after the
    other in this process. runs: folder of the trainings, which studies may share; by default in `out`.

    Raises:
        DataError: nothing has been measured with all seeds, or some of it with other settings, questions or knowledge.
        ModelError: a process was killed.
    """
    _check(study, out, None if collect else designers_of(study, out))
    for arm, outfits, seed in () if collect else _answered(study, out, jobs, runs):
        say(f"{study.name}: {arm}, {outfits_text(outfits)} own outfits, seed {seed}")
    results = summarise(study, out)
    if not results["points"]:
        raise DataError(f"{out} has no arm of {study.name} that was measured with all seeds; run it without --collect")
    with fresh_file(out / "results.json") as partial:
        partial.write_text(json.dumps(results, indent=1) + "\n")
    return read_results(out / "results.json")


def _answered(study: Study, out: Path, jobs: int, runs: Path | None) -> Iterator[Answered]:
    """Train and ask all that is not there yet; each answer as soon as it is there.

    Raises:
        ModelError: a process was killed.
    """
    if not jobs:
        for seed in study.seeds:
            yield from _answered_with(study, seed, out, runs)
        return
    missing = [key for seed in study.seeds for key in _missing(study, seed, out)]
    with processes(jobs) as pool:
        tasks = [(part, seed) for seed in study.seeds for part in parts(study) if _missing(part, seed, out)]
        running = {pool.submit(_answer_with, part, seed, out, runs) for part, seed in tasks}
        while running:
            done, running = wait(running, timeout=1, return_when=FIRST_COMPLETED)
            there = [key for key in missing if _file(out, *key).is_file()]
            missing = [key for key in missing if key not in there]
            yield from there
            try:
                for future in done:
                    future.result()
            except BrokenProcessPool:
                raise ModelError("a process was killed, perhaps because memory ran out; try fewer --jobs") from None


def _answered_with(study: Study, seed: int, out: Path, runs: Path | None) -> Iterator[Answered]:
    """The same with one seed."""
    bench: Bench | None = None
    for arm, outfits, _ in _missing(study, seed, out):
        bench = bench or Bench(study, seed, out, runs)
        _write(_file(out, arm, outfits, seed), bench, arm, outfits)
        yield arm, outfits, seed


def _answer_with(study: Study, seed: int, out: Path, runs: Path | None) -> None:
    """The same in a process of its own."""
    for _ in _answered_with(study, seed, out, runs):
        pass


def _missing(study: Study, seed: int, out: Path) -> list[Answered]:
    """What has not been answered with a seed."""
    keys = [(arm, outfits, seed) for outfits in study.outfits for arm in _arms(study, outfits)]
    return [key for key in keys if not _file(out, *key).is_file()]


def parts(study: Study) -> list[Study]:
    """The study in two, one with the arms of ADD-GNN alone: they share no training, and may be measured at once.

    Twice as many tasks of half the length leave a processor idle for less long at the end.
    """
    alone = [arm for arm in study.arms if all(map(is_gnn, ARMS[arm].sources))]
    both = (tuple(arm for arm in study.arms if arm not in alone), tuple(alone))
    return [replace(study, arms=arms) for arms in both if arms]


def outfits_text(outfits: int) -> str:
    """A number of own outfits, for people."""
    return "all" if outfits < 0 else f"{outfits:,}"


def _arms(study: Study, outfits: int) -> list[str]:
    """The arms there are at a number of own outfits: without any, those that do not need them."""
    words = TITLES in study.encoder.split("+")
    arms = [arm for arm in study.arms if words or arm != "words"]
    without = [arm for arm in arms if set(ARMS[arm].sources) & set(NO_OWN) and "another" not in ARMS[arm].sources]
    return arms if outfits else without


def _file(out: Path, arm: str, outfits: int, seed: int) -> Path:
    return out / "answers" / f"{arm.replace(' ', '-')}-{outfits_text(outfits).replace(',', '')}-seed{seed}.parquet"


def _write(file: Path, bench: Bench, arm: str, outfits: int) -> None:
    """Ask one arm and keep the AUC and weight of each test outfit, and how far each source is trusted."""
    sources = bench.sources(ARMS[arm], outfits)
    answers = [bench.answers(source, outfits) for source in sources]
    weights = np.ones((len(sources), answers[0].test.shape[1]))
    if ARMS[arm].fitted and len(sources) > 1:
        positions = bench.valid
        questions = TrustQuestions(stack(answers, "valid"), positions.owner[positions.at], bench.valid_mass)
        anchors = [at for at, source in enumerate(sources) if source.startswith(LIKENESS)]
        weights = fit_trust(questions, anchors, bench.maker.configs["trust"]).weights
        if not weights.any():  # as in a mixture that is trained
            weights[anchors] = 1.0
    auc, weight = outfit_aucs(np.einsum("fsg,sg->f", stack(answers, "test"), weights), bench.test)
    trusted = {source: float(row.mean()) for source, row in zip(sources, weights, strict=True)}
    table = pl.DataFrame({"outfit_id": bench.test.outfits.outfit_ids.tolist(), "auc": auc, "weight": weight})
    meta = {
        "trust": json.dumps(trusted), "signature": bench.signature, "settings": _settings(bench.study, arm),
        "knowledge": knowledge_of(bench.study, arm, bench.designers),
    }  # fmt: skip
    with fresh_file(file) as partial, open(partial, "wb") as stream:
        table.write_parquet(stream, metadata=meta)


def _check(study: Study, out: Path, designers: Dataset | None) -> None:
    """Raise DataError where answers were given with other settings or, where they are given, of other designers."""
    for arm in study.arms:
        settings = _settings(study, arm)
        knowledge = knowledge_of(study, arm, designers) if designers else None
        for file in (_file(out, arm, outfits, seed) for outfits in study.outfits for seed in study.seeds):
            if not file.is_file():
                continue
            kept = pl.read_parquet_metadata(file)
            if kept.get("settings") != settings or (knowledge and kept.get("knowledge") != knowledge):
                raise DataError(
                    f"{file} was answered with other settings, designers or rules than {study.name} has now; choose "
                    "another folder"
                )


def _settings(study: Study, arm: str) -> str:
    """What the answers of an arm depend on beside the data set, the number of outfits and the seed, as JSON."""
    names = ["designers", "encoder", "set", "few", "candidates", "drop_shared_items"]
    names += ["rules"] if "rules" in ARMS[arm].sources else []
    return json.dumps({name: getattr(study, name) for name in names})


def summarise(study: Study, out: Path) -> dict[str, Any]:
    """Values, intervals and comparisons from the answers that are there; arms that lack a seed are left out.

    Raises:
        DataError: some answers are to other questions than the rest.
    """
    keys = [(arm, outfits) for outfits in study.outfits for arm in _arms(study, outfits)]
    complete = [key for key in keys if all(_file(out, *key, seed).is_file() for seed in study.seeds)]
    tables = {key: [pl.read_parquet(_file(out, *key, seed)) for seed in study.seeds] for key in complete}
    metas = {key: [pl.read_parquet_metadata(_file(out, *key, seed)) for seed in study.seeds] for key in complete}
    signatures = sorted({meta["signature"] for some in metas.values() for meta in some})
    if len(signatures) > 1:
        raise DataError(f"{out} has answers to other questions ({', '.join(signatures)}); choose another folder")
    signature = "".join(signatures)
    draws = _draws(tables)
    points = [_point(key, tables[key], metas[key], draws[key]) for key in complete]
    lines = [
        _difference(first, second, outfits, draws, tables, signature)
        for first, second in COMPARISONS
        for outfits in study.outfits
        if {(first, outfits), (second, outfits)} <= set(complete)
    ]
    return {
        "study": asdict(study),
        "goeswith": __version__,
        "signature": signature,
        "test_outfits": len(next(iter(tables.values()))[0]) if tables else 0,
        "points": [asdict(point) for point in points],
        "comparisons": compared(lines),
    }


def compared(lines: Sequence[tuple[int, Difference]]) -> list[dict[str, Any]]:
    """The comparisons as they are kept: primary ones judged among themselves, all others among all lines.

    So the many controls of a study do not hide what it was planned for. p_holm_all: of a primary line, its p after
    Holm's correction for all lines.
    """
    among_all = judge([line for _, line in lines])
    primary = [at for at, (_, line) in enumerate(lines) if (line.scorer, line.against) in PRIMARY]
    kept = [line.to_dict() for line in among_all]
    for at, line in zip(primary, judge([lines[at][1] for at in primary]), strict=True):
        kept[at] = line.to_dict() | {"p_holm_all": among_all[at].p_holm}
    return [line | {"outfits": outfits} for (outfits, _), line in zip(lines, kept, strict=True)]


def _draws(tables: Mapping[Key, list[pl.DataFrame]]) -> dict[Key, np.ndarray]:
    """(DRAWS,) what each value would have been with other outfits and seeds, the same ones for all."""
    flat = [(key, table) for key, some in tables.items() for table in some]
    if not flat:
        return {}
    count = len(flat[0][1])
    statistics = [mean(t["auc"].to_numpy(), np.arange(count), t["weight"].to_numpy()) for _, t in flat]
    drawn = resampled(statistics, count, 0, DRAWS)
    draws, start = {}, 0
    for key, some in tables.items():
        draws[key] = over_seeds(drawn[start : start + len(some)], 1)
        start += len(some)
    return draws


def _values(tables: list[pl.DataFrame]) -> list[float]:
    """The exhaustive AUC of each seed."""
    means_of = []
    for table in tables:
        weighted = table.filter(pl.col("weight") > 0)
        means_of.append(float(np.average(weighted["auc"], weights=weighted["weight"])))
    return means_of


def _point(key: Key, tables: list[pl.DataFrame], metas: list[dict[str, str]], draws: np.ndarray) -> Point:
    values, trust = _values(tables), [json.loads(meta["trust"]) for meta in metas]
    low, high = interval(float(np.mean(values)), draws, len(tables[0]), np.array(values))
    weights = {source: float(np.mean([each[source] for each in trust])) for source in trust[0]}
    return Point(*key, float(np.mean(values)), low, high, tuple(values), weights)


def _difference(
    first: str,
    second: str,
    outfits: int,
    draws: Mapping[Key, np.ndarray],
    tables: Mapping[Key, list[pl.DataFrame]],
    signature: str,
) -> tuple[int, Difference]:
    seeds = np.array(_values(tables[first, outfits])) - np.array(_values(tables[second, outfits]))
    value, count = float(seeds.mean()), len(tables[first, outfits][0])
    told_apart = over_few_seeds(value, draws[first, outfits] - draws[second, outfits], count, seeds)
    line = Difference(
        scorer=first, task="exhaustive", negatives="matched", metric="auc", n=count, signature=signature,
        against=second, difference=value, **told_apart._asdict(),
    )  # fmt: skip
    return outfits, line


def read_results(path: Path) -> dict[str, Any]:
    """What `measure` wrote.

    Raises:
        DataError: there is no such file, or it is broken.
    """
    results: dict[str, Any] = read_json(path, dict, "run goeswith curves again")
    return results
