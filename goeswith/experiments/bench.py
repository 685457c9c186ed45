"""Bench: trains, evaluates and compares all models of a recipe; resumes if interrupted.

recipe.toml  runs/<model>-seed<s>/  teachers/  search/  results.json  results.md  results.tex  results.html  *.svg
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, replace
from pathlib import Path

import polars as pl

from goeswith.data.dataset import Dataset
from goeswith.data.features import load_features
from goeswith.data.freeze import freeze
from goeswith.data.questions import read_info, read_questions
from goeswith.errors import DataError, ModelError
from goeswith.evaluate.audit import yardsticks
from goeswith.evaluate.evaluate import Report
from goeswith.evaluate.retrieval_report import FITTED, ask
from goeswith.evaluate.seeds import Mean, Sittings, means
from goeswith.experiments.processes import processes
from goeswith.experiments.recipes import GIVEN, WITH_RULES, Experiment, Recipe
from goeswith.experiments.results import Outcome, Row, Scoreboard, measure_floors
from goeswith.experiments.scoreboard import write_board
from goeswith.experiments.search import Best, finished
from goeswith.experiments.search import search as search_settings
from goeswith.experiments.trainings import (
    CORRECTED,
    RETRIEVAL,
    Training,
    answers_file,
    asked_items,
    asked_whole,
    encoders_of,
    trainings,
    work,
)
from goeswith.experiments.trainings import outcome as outcome_of
from goeswith.files import fresh_file, read_json, sole
from goeswith.scores import Column, Score
from goeswith.train.run import Run

Say = Callable[[str], None]
"""Called with one line at a time."""
MARK = "recipe.json"
"""The file by which a folder is known as a bench's."""


def bench(
    recipe: Recipe, out: str | Path, *, jobs: int = 1, search: int = 0, collect: bool = False, say: Say = print
) -> Scoreboard:
    """Train, ask and compare what a recipe says, and write its tables and figures to `out`.

    The same call resumes if interrupted, and trains nothing twice. A model that cannot run is listed in the
    tables with the reason.

    Args:
        jobs: runs trained side by side, each on one thread.
        search: trainings of each model in a search for its settings on validation outfits, see
            `goeswith.experiments.search`.
        collect: train nothing; the tables are made of the runs that are finished and have answered everything, each
            model with the seeds that it has.

    Raises:
        DataError, ModelError: the data set or its questions cannot be used, or `out` is another's.
    """
    out, dataset = Path(out), Dataset(recipe.dataset)
    features = load_features(dataset, recipe.encoder)
    with reserved(out, recipe):
        files, absent = question_files(recipe, dataset)
        for name in absent:
            say(f"{name}: too few items for a single question, left out")
        questions = [read_questions(file, dataset.catalogue) for file in files]
        say(f"floors on {sum(map(len, questions)):,} questions in {len(questions)} files")
        floors = yardsticks(dataset, features)
        whole = asked_whole(recipe)
        usable = asked_items(dataset, encoders_of(recipe)) if whole else None
        catalogue = None if usable is None else ask(dataset, usable, retrieval=recipe.retrieval)
        rows = measure_floors(floors, questions, dataset, catalogue)
        with processes(jobs) as pool:
            if search:
                recipe = _search_results(recipe, out, search) if collect else _searched(recipe, out, search, pool, say)
            asked_of = [*files, whole] if whole and catalogue is not None else files
            planned = trainings(recipe, out, files)
            done = _finished(planned, asked_of) if collect else _train(planned, pool, say)
            rows += _experiments(recipe, planned, done, asked_of)
        if needed := _memory():  # the processes have ended: none is counted before
            say(f"peak memory {needed:.1f} GB per process, {jobs} in parallel")
        trained = [row for row in rows if row.experiment]
        if collect and not trained:
            searched = f" after a search of {search} trials" if search else ""
            raise ModelError(
                f"no model of the recipe {recipe.name!r} has answered everything{searched}, so {out} keeps its earlier "
                "results; run it without --collect, or with the --search that it was run with"
            )
        if trained and not any(row.measured for row in trained):
            raise ModelError(
                f"no model of the recipe {recipe.name!r} could be measured, so {out} keeps its earlier results; "
                f"{trained[0].name}, {trained[0].failure}"
            )
        board = Scoreboard(recipe, dataset, rows, [*absent])
        write_board(board, out)
        return board


def question_files(recipe: Recipe, dataset: Dataset) -> tuple[list[Path], list[str]]:
    """The recipe's question files, frozen now where they are missing, and the names of those that cannot be made.

    Raises:
        DataError: published questions, or your own, are missing, or no file can be made.
    """
    prefix, folder = dataset.outfit_source and f"{dataset.outfit_source}-", dataset.path / "questions"
    files, absent = [], []
    for name in recipe.questions:
        path = folder / f"{'' if name.startswith(GIVEN) else prefix}{name}.parquet"
        if not path.exists() and name.startswith(GIVEN):
            have = ", ".join(sorted(file.stem for file in folder.glob("o*-*.parquet"))) or "none"
            raise DataError(f"{dataset.path} has no questions {name!r} (there are: {have}); fix the recipe")
        if not path.exists():
            split, task, negatives = name.split("-", 2)
            freeze(
                dataset.catalogue, dataset.outfits, folder, dataset=dataset.name, splits=(split,),
                plan=[(task, negatives)], prefix=dataset.outfit_source,
            )  # fmt: skip
        if path.exists():
            files.append(path)
        else:
            absent.append(name)
    if not files:
        raise DataError(
            f"{dataset.path} cannot provide any of the questions {', '.join(recipe.questions)}; choose others"
        )
    return files, absent


def _read(path: Path) -> Report:
    info = read_info(path)
    return Report(
        info["scorer"],
        pl.read_parquet(path, glob=False),
        [Score.from_dict(line) for line in json.loads(info["summary"])],
    )


def _experiments(
    recipe: Recipe,
    planned: dict[tuple[Experiment, int], Training],
    done: Mapping[tuple[Experiment, int], Outcome | str],
    files: Sequence[Path],
) -> list[Row]:
    """What the experiments of which something is done answered to files: a row each, two where rules taught."""
    rows: list[Row] = []
    settings = [{setting.partition("=")[0]: setting for setting in each.settings} for each in recipe.models]
    shared = set.intersection(*(set(each.values()) for each in settings)) if settings else set()
    for experiment, effective in zip(recipe.models, settings, strict=True):
        own = {seed: done[experiment, seed] for seed in recipe.seeds if (experiment, seed) in done}
        if not own:
            continue
        failed = next((f"seed {seed}: {outcome}" for seed, outcome in own.items() if isinstance(outcome, str)), "")
        outcomes = [outcome for outcome in own.values() if isinstance(outcome, Outcome)]
        for rules in (False, True) if experiment.rules else (False,):
            name = experiment.name + (WITH_RULES if rules else "")
            note = experiment.note or " ".join(s for s in effective.values() if s not in shared)
            trained = [] if failed else [planned[experiment, seed] for seed in own]
            measured = _means(name, trained, files, rules)
            corrected = [
                _means(f"{name} {title}", trained, [file], rules)
                for title, file in zip(FITTED, CORRECTED, strict=True)
                if RETRIEVAL in files
                and trained
                and all(answers_file(training, file, rules).is_file() for training in trained)
            ]
            rows.append(
                Row(name, experiment.kind, measured, note, [] if rules else outcomes, failed, experiment, corrected)
            )
    return rows


def _means(name: str, trained: Sequence[Training], files: Sequence[Path], rules: bool) -> dict[Column, Mean]:
    """The means over seeds of what was answered; nothing without a training."""
    sittings: Sittings = [[_read(answers_file(training, file, rules)) for file in files] for training in trained]
    return means(name, sittings) if sittings else {}


def _finished(
    planned: Mapping[tuple[Experiment, int], Training], files: Sequence[Path]
) -> dict[tuple[Experiment, int], Outcome | str]:
    """What became of the trainings that are over and have answered all files."""
    done: dict[tuple[Experiment, int], Outcome | str] = {}
    for key, training in planned.items():
        kinds = (False, True) if training.rules else (False,)
        answers = [answers_file(training, file, rules) for file in files for rules in kinds]
        if all(path.is_file() for path in answers):
            outcome = outcome_of(training.run())  # which is over: the run is opened, and refused if it is another
            done[key] = _with_lesson(outcome, training.lesson)
    return done


def _train(
    planned: dict[tuple[Experiment, int], Training], pool: ProcessPoolExecutor, say: Say
) -> dict[tuple[Experiment, int], Outcome | str]:
    """What became of every training; students wait for their teachers only."""
    try:
        lessons = dict.fromkeys(training.lesson for training in planned.values() if training.lesson)
        taught = {lesson: pool.submit(work, lesson) for lesson in lessons}
        sent: dict[Future[Outcome | str], tuple[Experiment, int]] = {}
        done: dict[tuple[Experiment, int], Outcome | str] = {}
        for key, training in sorted(planned.items(), key=lambda item: item[1].lesson is not None):
            teacher = taught[training.lesson].result() if training.lesson else None
            if isinstance(teacher, str):
                done[key] = f"its teacher: {teacher}"
                say(_line(*key, done[key]))
            else:
                sent[pool.submit(work, training)] = key
        for future in as_completed(sent):
            key, outcome = sent[future], future.result()
            done[key] = _with_lesson(outcome, planned[key].lesson)
            say(_line(*key, done[key]))
    except BrokenProcessPool:
        raise ModelError("a training process was killed, perhaps because memory ran out; try fewer --jobs") from None
    return done


def _with_lesson(outcome: Outcome | str, lesson: Training | None) -> Outcome | str:
    """The same, the seconds of the teacher's training with it where that was done here."""
    if isinstance(outcome, str) or lesson is None or not (lesson.out / "config.json").is_file():
        return outcome
    return replace(outcome, seconds=outcome.seconds + Run(lesson.out).config.get("result", {}).get("seconds", 0.0))


def _line(experiment: Experiment, seed: int, outcome: Outcome | str) -> str:
    why = "cannot run: " if isinstance(outcome, str) else ""
    return f"{experiment.name}, seed {seed}: {why}{outcome}"


def _searched(recipe: Recipe, out: Path, trials: int, pool: ProcessPoolExecutor, say: Say) -> Recipe:
    """The recipe with the best settings that a search found for each model, searches side by side."""
    searched = _to_search(recipe)
    sent = {c: pool.submit(search_settings, recipe, c, out / "search" / c.slug, trials) for c in searched}
    best = {}
    for experiment, future in sent.items():
        best[experiment] = future.result()
        say(f"{experiment.name}: {best[experiment].summary}")
    return _with_settings(recipe, best)


def _search_results(recipe: Recipe, out: Path, trials: int) -> Recipe:
    """The same for the models whose search is over; without those whose is not."""
    best_of = {c: best for c in _to_search(recipe) if (best := finished(out / "search" / c.slug, trials))}
    return _with_settings(recipe, best_of)


def _to_search(recipe: Recipe) -> list[Experiment]:
    """The experiments whose settings are to be searched, in order."""
    return list(dict.fromkeys(c.like or c for c in recipe.models if c.search))


def _with_settings(recipe: Recipe, best: Mapping[Experiment, Best]) -> Recipe:
    models = []
    for c in recipe.models:
        if not c.search:
            models.append(c)
        elif found := best.get(c.like or c):
            models.append(replace(c, settings=(*c.settings, *found.settings)))
    return replace(recipe, models=tuple(models))


@contextlib.contextmanager
def reserved(out: Path, recipe: Recipe) -> Iterator[None]:
    """Hold a bench's folder for this process alone.

    Raises:
        ModelError: another process works in it, it cannot be made, or it holds something else.
    """
    names = {path.name for path in out.iterdir() if not path.name.startswith(".")} if out.is_dir() else set()
    if names and MARK not in names:
        raise ModelError(f"{out} is not a bench folder, it holds {min(names)}; choose a new folder for --out")
    if names and (name := read_json(out / MARK, dict).get("name")) != recipe.name:
        raise ModelError(f"{out} holds the bench of the recipe {name!r}, not of {recipe.name!r}; choose another --out")
    with sole(out, "another bench is running in"):
        with fresh_file(out / MARK) as partial:
            partial.write_text(json.dumps(asdict(recipe), indent=2) + "\n")
        yield


def _memory() -> float | None:
    """The most resident memory of one process of those that have ended, GB; None where the system does not tell."""
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return most * (1 if sys.platform == "darwin" else 1024) / 1e9
