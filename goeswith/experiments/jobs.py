"""Jobs: one training of a recipe, in a process of its own, and the answers of the run to its questions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from goeswith.data.dataset import Dataset
from goeswith.data.questions import Questions, read_info, read_questions
from goeswith.errors import DataError, GoeswithError
from goeswith.evaluate.evaluate import answer, report, signature
from goeswith.experiments.recipes import Contender, Recipe
from goeswith.experiments.results import Told
from goeswith.models import Scorer
from goeswith.train.run import Run, followed, train


@dataclass(frozen=True)
class Job:
    """One training, and the questions that the run is asked: all that a process of its own needs to know.

    teacher: a data set or a run. questions: files; the answers stand in the run's folder ``answers``.
    """

    model: str
    dataset: str
    out: Path
    settings: tuple[str, ...]
    encoder: str | None
    teacher: str | None = None
    rules: str | None = None
    questions: tuple[Path, ...] = ()


def students(
    recipe: Recipe, out: Path, files: Sequence[Path] = ()
) -> dict[tuple[Contender, int], tuple[Job, Job | None]]:
    """Each contender with each seed → its training, and that of its teacher where it has a trained one.

    One teacher serves all whose settings ask for the same.
    """
    found: dict[tuple[Contender, int], tuple[Job, Job | None]] = {}
    for contender in recipe.models:
        for seed in recipe.seeds:
            lesson = _lesson(recipe, contender, seed, out)
            source = recipe.dataset if contender.teacher == "own" else recipe.designers
            told = (*contender.settings, f"seed={seed}")
            job = Job(
                model=contender.model,
                dataset=recipe.dataset,
                out=out / "runs" / f"{contender.slug}-seed{seed}",
                settings=told if lesson is None else tuple(s for s in told if not s.startswith("teacher.")),
                encoder=recipe.encoder,
                teacher=str(lesson.out) if lesson else source if contender.teacher else None,
                rules=contender.rules or None,
                questions=tuple(files),
            )
            found[contender, seed] = job, lesson
    return found


def _lesson(recipe: Recipe, contender: Contender, seed: int, out: Path) -> Job | None:
    """The training of a contender's teacher; None where it has none that is trained before the student."""
    if not contender.teacher:
        return None
    configs = contender.configs([f"seed={seed}"])
    if configs["designers"].untrained or configs["designers"].teaching != "frozen":
        return None
    source = recipe.dataset if contender.teacher == "own" else recipe.designers
    settings = (*followed(configs["model"], configs["train"]), *contender.theirs)
    digest = hashlib.sha256(json.dumps([source, recipe.encoder, settings]).encode()).hexdigest()[:10]
    folder = out / "teachers" / f"{'shuffled' if contender.teacher == 'shuffled' else 'trained'}-seed{seed}-{digest}"
    return Job("teacher", source, folder, settings, recipe.encoder)


def work(job: Job) -> Told | str:
    """Train, and answer what is not answered yet; in a process of its own. Returns why where it cannot be done."""
    try:
        dataset = Dataset(job.dataset)
        run = train(
            job.model,
            dataset,
            job.out,
            teacher=job.teacher,
            rules=job.rules,
            settings=job.settings,
            encoder=job.encoder,
        )
        _answer(run, dataset, job)
    except GoeswithError as error:
        return str(error)
    told = run.config["result"]
    return Told(
        parameters=sum(p.numel() for p in run.model.parameters()),
        attributes=run.config["settings"].get("attributes") if job.model == "add-gnn" else None,
        seconds=told["seconds"],
        best_epoch=told["best_epoch"],
        valid_auc=told["valid_auc"],
        history=told["history"],
    )


def _answer(run: Run, dataset: Dataset, job: Job) -> None:
    """Write what is not answered yet by a run, and by the teacher q where rules taught it.

    Raises:
        DataError: the rule file has no rule.
    """
    stale = []
    for file in job.questions:
        questions = read_questions(file, dataset.catalogue)
        paths = [answers_file(job, file, rules) for rules in ((False, True) if job.rules else (False,))]
        if not all(_current(path, questions, dataset) for path in paths):
            stale.append((questions, paths))
    if not stale:
        return
    student = run.scorer(dataset)
    scorers: list[Scorer] = [student]
    if job.rules:
        taught = run.taught(student, dataset.catalogue)
        if taught is None:
            raise DataError(f"{job.rules} has no rule to teach with; add one or leave the rules out")
        scorers.append(taught)
    for questions, paths in stale:
        for scorer, path in zip(scorers, paths, strict=True):
            report(answer(scorer, questions), dataset).write(path)


def answers_file(job: Job, file: Path, rules: bool) -> Path:
    """Where the answers to a file of questions are kept; rules: those of the teacher q."""
    return job.out / "answers" / f"{file.stem}{'-with-rules' if rules else ''}.parquet"


def _current(path: Path, questions: Questions, dataset: Dataset) -> bool:
    """Whether answers are there, and are to these very questions."""
    if not path.is_file():
        return False
    asked = questions.frame.select("task", "negatives").unique().iter_rows()
    there = {line["signature"] for line in json.loads(read_info(path)["summary"])}
    return there == {signature(questions, dataset, task, negatives) for task, negatives in asked}
