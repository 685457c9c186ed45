"""Bench: everything in a recipe trained, asked and compared, side by side, from where it stopped.

recipe.toml  runs/<model>-seed<s>/  teachers/  search/  results.json  results.md  results.tex  results.html  *.svg
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, replace
from pathlib import Path

import polars as pl

from goeswith.data.dataset import Dataset
from goeswith.data.features import load_features
from goeswith.data.freeze import freeze
from goeswith.data.questions import Questions, read_info, read_questions
from goeswith.errors import DataError, ModelError
from goeswith.evaluate.audit import yardsticks
from goeswith.evaluate.evaluate import Report, answer, report
from goeswith.evaluate.seeds import Sittings, means
from goeswith.experiments.jobs import Job, answers_file, students, work
from goeswith.experiments.recipes import GIVEN, WITH_RULES, Contender, Recipe
from goeswith.experiments.results import Board, Row, Told
from goeswith.experiments.scoreboard import write_board
from goeswith.experiments.search import search as search_settings
from goeswith.files import fresh_file, read_json, sole
from goeswith.models import Scorer

Say = Callable[[str], None]
"""Is told one line at a time."""
MARK = "recipe.json"
"""The file by which a folder is known as a bench's."""
_ALONE = {"OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
"""One thread a process: for models as small as these several runs side by side beat one run on all cores."""


def bench(recipe: Recipe, out: str | Path, *, jobs: int = 1, search: int = 0, say: Say = print) -> Board:
    """Train, ask and compare what a recipe says, and write its tables and figures to `out`.

    The same call goes on where a killed one stopped, and trains nothing twice. A model that cannot run stands in the
    tables with the reason.

    Args:
        jobs: runs trained side by side, each on one thread.
        search: trainings of each model in a search for its settings on validation outfits, see
            `goeswith.experiments.search`.

    Raises:
        DataError, ModelError: the data set or its questions cannot be used, or `out` is another's.
    """
    out, dataset = Path(out), Dataset(recipe.dataset)
    features = load_features(dataset, recipe.encoder)
    with held(out, recipe):
        files, absent = question_files(recipe, dataset)
        for name in absent:
            say(f"{name}: too few items for a single question, left out")
        asked = [read_questions(file, dataset.catalogue) for file in files]
        say(f"floors on {sum(map(len, asked)):,} questions in {len(asked)} files")
        floors = yardsticks(dataset, features)
        rows = [_floor(name, scorer, asked, dataset) for name, scorer in floors.items()]
        with _processes(jobs) as pool:
            if search:
                recipe = _searched(recipe, out, search, pool, say)
            rows += _contend(recipe, out, files, pool, say)
        if needed := _memory():  # the processes have ended: none is counted before
            say(f"a process took {needed:.1f} GB at most; {jobs} of them worked side by side")
        contenders = [row for row in rows if row.contender]
        if contenders and not any(row.measured for row in contenders):
            raise ModelError(
                f"no model of the recipe {recipe.name!r} could be measured, so what {out} has of it stays as it was; "
                f"{contenders[0].name}, {contenders[0].failure}"
            )
        board = Board(recipe, dataset, rows, [*absent])
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
            raise DataError(f"{dataset.path} has no questions {name!r} (there are: {have}); mend the recipe")
        if not path.exists():
            split, task, negatives = name.split("-")
            freeze(
                dataset.catalogue, dataset.outfits, folder, dataset=dataset.name, splits=(split,),
                plan=[(task, negatives)], prefix=dataset.outfit_source,
            )  # fmt: skip
        if path.exists():
            files.append(path)
        else:
            absent.append(name)
    if not files:
        raise DataError(f"{dataset.path} can serve none of the questions {', '.join(recipe.questions)}; choose others")
    return files, absent


def _read(path: Path) -> Report:
    told = read_info(path)
    return Report(told["scorer"], pl.read_parquet(path, glob=False), json.loads(told["summary"]))


def _floor(name: str, scorer: Scorer, asked: Iterable[Questions], dataset: Dataset) -> Row:
    name, kind = name.replace("_", " "), "ceiling" if name == "ceiling" else "floor"
    return Row(name, kind, means(name, [[report(answer(scorer, questions), dataset) for questions in asked]]))


def _contend(recipe: Recipe, out: Path, files: Sequence[Path], pool: ProcessPoolExecutor, say: Say) -> list[Row]:
    """Train all contenders, teachers first, and gather what they answered: a row each, two where rules taught."""
    wanted = students(recipe, out, files)
    done = _train(wanted, pool, say)
    rows: list[Row] = []
    for contender in recipe.models:
        own = {seed: done[contender, seed] for seed in recipe.seeds}
        failed = next((f"seed {seed}: {told}" for seed, told in own.items() if isinstance(told, str)), "")
        told = [one for one in own.values() if isinstance(one, Told)]
        for rules in (False, True) if contender.rules else (False,):
            name = contender.name + (WITH_RULES if rules else "")
            note = contender.note or " ".join(contender.settings)
            sittings: Sittings = [
                [_read(answers_file(wanted[contender, seed][0], file, rules)) for file in files]
                for seed in recipe.seeds
            ] if not failed else []  # fmt: skip
            measured = means(name, sittings) if sittings else {}
            rows.append(Row(name, contender.kind, measured, note, [] if rules else told, failed, contender))
    return rows


def _train(
    wanted: dict[tuple[Contender, int], tuple[Job, Job | None]], pool: ProcessPoolExecutor, say: Say
) -> dict[tuple[Contender, int], Told | str]:
    """What became of every training; students wait for their teachers only."""
    lessons = dict.fromkeys(lesson for _, lesson in wanted.values() if lesson)
    try:
        taught = {lesson: pool.submit(work, lesson) for lesson in lessons}
        sent: dict[Future[Told | str], tuple[Contender, int]] = {}
        done: dict[tuple[Contender, int], Told | str] = {}
        for key, (job, lesson) in sorted(wanted.items(), key=lambda item: item[1][1] is not None):
            teacher = taught[lesson].result() if lesson else None
            if isinstance(teacher, str):
                done[key] = f"its teacher: {teacher}"
                say(_line(*key, done[key]))
            else:
                sent[pool.submit(work, job)] = key
        for future in as_completed(sent):
            key, told = sent[future], future.result()
            lesson = wanted[key][1]
            teacher = taught[lesson].result() if lesson else None
            if isinstance(told, Told) and isinstance(teacher, Told):
                told = replace(told, seconds=told.seconds + teacher.seconds)
            done[key] = told
            say(_line(*key, told))
    except BrokenProcessPool:
        raise ModelError("a process that trained was killed, perhaps for want of memory; try fewer --jobs") from None
    return done


def _line(contender: Contender, seed: int, told: Told | str) -> str:
    if isinstance(told, str):
        return f"{contender.name}, seed {seed}: cannot run: {told}"
    best = f"validation AUC {told.valid_auc:.3f}, best epoch {told.best_epoch} of {len(told.history)}"
    return f"{contender.name}, seed {seed}: {best}, {told.seconds:.0f} s"


def _searched(recipe: Recipe, out: Path, trials: int, pool: ProcessPoolExecutor, say: Say) -> Recipe:
    """The recipe with the best settings that a search found for each model, searches side by side."""
    wanted = dict.fromkeys(contender.like or contender for contender in recipe.models)
    sent = {c: pool.submit(search_settings, recipe, c, out / "search" / c.slug, trials) for c in wanted}
    found = {}
    for contender, future in sent.items():
        found[contender] = future.result()
        say(f"{contender.name}: {found[contender].told}")
    models = [replace(c, settings=(*c.settings, *found[c.like or c].settings)) for c in recipe.models]
    return replace(recipe, models=tuple(models))


@contextlib.contextmanager
def held(out: Path, recipe: Recipe) -> Iterator[None]:
    """Hold a bench's folder for this process alone.

    Raises:
        ModelError: another process works in it, it cannot be made, or it holds something else.
    """
    there = {path.name for path in out.iterdir() if not path.name.startswith(".")} if out.is_dir() else set()
    if there and MARK not in there:
        raise ModelError(f"{out} is no folder of a bench, it holds {min(there)}; choose a new folder for --out")
    if there and (name := read_json(out / MARK, dict).get("name")) != recipe.name:
        raise ModelError(f"{out} holds the bench of the recipe {name!r}, not of {recipe.name!r}; choose another --out")
    with sole(out, "another bench is at work in"):
        with fresh_file(out / MARK) as partial:
            partial.write_text(json.dumps(asdict(recipe), indent=2) + "\n")
        yield


@contextlib.contextmanager
def _processes(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Processes of one thread each, that end with this one; what has not begun when it fails is not begun."""
    before = {name: os.environ.get(name) for name in _ALONE}
    os.environ.update(_ALONE)  # read by libraries as they are loaded, in the processes to come
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=_watch, initargs=(os.getpid(),))
    try:
        yield pool
    except BaseException:
        pool.shutdown(cancel_futures=True)
        raise
    finally:
        pool.shutdown()
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _memory() -> float | None:
    """The most resident memory of one process of those that have ended, GB; None where the system does not tell."""
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return most * (1 if sys.platform == "darwin" else 1024) / 1e9


def _watch(parent: int) -> None:
    """End this process soon after its parent was killed, so that the next bench finds the runs free."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
