"""Trainings: the trainings of a recipe, each in a process of its own, and the answers of the runs."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from goeswith.data.dataset import Dataset
from goeswith.data.features import load_features
from goeswith.data.questions import Questions, read_info, read_questions
from goeswith.errors import DataError, GoeswithError
from goeswith.evaluate.evaluate import answer, report, signature
from goeswith.evaluate.retrieval_report import FITTED, RetrievalQuestions, ask, measure
from goeswith.experiments.recipes import Experiment, Recipe
from goeswith.experiments.results import Outcome
from goeswith.models import Scorer
from goeswith.train.loop import Progress
from goeswith.train.run import Run
from goeswith.train.source import source_paths
from goeswith.train.teachers import followed
from goeswith.train.training import train

RETRIEVAL = Path("retrieval.parquet")
"""Stands for a question file where the answers are those to `goeswith.evaluate.retrieval_report`."""
EXHAUSTIVE = Path("exhaustive.parquet")
"""The same where exhaustive AUC alone is asked for."""
CORRECTED = tuple(Path(f"retrieval-{name.removeprefix('+ ')}.parquet") for name in FITTED)
"""The same with each of the fitted corrections."""


@dataclass(frozen=True)
class Training:
    """One training, and the questions that the run is asked: all that a process of its own needs to know.

    model, dataset, out, settings, encoder, teacher, rules, knowledge: of `goeswith.train.training.train`.
    questions: files; the answers are kept in the run's folder ``answers``. retrieval, exhaustive: also about the whole
    catalogue, as of `goeswith.experiments.recipes.Recipe`. encoders: of all models of the recipe, see `asked_items`.
    lesson: the training of its teacher, where that is trained before it.
    """

    model: str
    dataset: str
    out: Path
    settings: tuple[str, ...]
    encoder: str | None
    teacher: str | None = None
    rules: str | None = None
    knowledge: tuple[str, ...] = ()
    questions: tuple[Path, ...] = ()
    retrieval: bool = True
    exhaustive: bool = False
    encoders: tuple[str | None, ...] = ()
    lesson: Training | None = None

    def run(self, watch: Progress | None = None) -> Run:
        """Train it, or open the run where it is finished; `watch` is called after each epoch of the model itself.

        Raises:
            ConfigError, DataError, ModelError: as the message says.
        """
        return train(
            self.model,
            Dataset(self.dataset),
            self.out,
            teacher=self.teacher,
            rules=self.rules,
            knowledge=source_paths(self.knowledge),
            settings=self.settings,
            encoder=self.encoder,
            say=(lambda name: watch if name == self.model else _silent) if watch else None,
        )

    @property
    def command(self) -> str:
        """The command line that trains the same run."""
        words = ["goeswith", "train", self.model, self.dataset]
        for flag, value in (("--teacher", self.teacher), ("--rules", self.rules)):
            words += [flag, value] if value else []
        for flag, texts in (("--knowledge", self.knowledge), ("--set", self.settings)):
            words += [word for text in texts for word in (flag, text)]
        words += ["--encoder", self.encoder] if self.encoder else []
        return shlex.join([*words, "--out", str(self.out)])


def trainings(recipe: Recipe, out: Path, files: Sequence[Path] = ()) -> dict[tuple[Experiment, int], Training]:
    """Each experiment with each seed → its training; one teacher serves all whose settings ask for the same."""
    return {
        (experiment, seed): _training(recipe, experiment, seed, out, files)
        for experiment in recipe.models
        for seed in recipe.seeds
    }


def _training(recipe: Recipe, experiment: Experiment, seed: int, out: Path, files: Sequence[Path]) -> Training:
    lesson = _lesson(recipe, experiment, seed, out)
    source = recipe.dataset if experiment.teacher == "own" else recipe.designers
    settings = (*experiment.settings, f"seed={seed}")
    return Training(
        model=experiment.model,
        dataset=recipe.dataset,
        out=out / "runs" / f"{experiment.slug}-seed{seed}",
        settings=settings if lesson is None else tuple(s for s in settings if not s.startswith("teacher.")),
        encoder=experiment.encoder or recipe.encoder,
        teacher=str(lesson.out) if lesson else source if experiment.teacher else None,
        rules=experiment.rules or None,
        knowledge=experiment.knowledge,
        questions=tuple(files),
        retrieval=recipe.retrieval,
        exhaustive=recipe.exhaustive,
        encoders=encoders_of(recipe),
        lesson=lesson,
    )


def encoders_of(recipe: Recipe) -> tuple[str | None, ...]:
    """Those of the recipe's models, and its own, which floors read."""
    return tuple(dict.fromkeys([recipe.encoder, *(model.encoder or recipe.encoder for model in recipe.models)]))


def asked_items(dataset: Dataset, encoders: Sequence[str | None]) -> np.ndarray:
    """(U,) bool, the items with features by each of the encoders: what all models of a recipe can be asked about."""
    return np.logical_and.reduce([load_features(dataset, encoder).present for encoder in encoders])


def _lesson(recipe: Recipe, experiment: Experiment, seed: int, out: Path) -> Training | None:
    """The training of an experiment's teacher; None where it has none that is trained before the student."""
    if not experiment.teacher:
        return None
    configs, encoder = experiment.configs([f"seed={seed}"]), experiment.encoder or recipe.encoder
    if configs["designers"].untrained or configs["designers"].teaching != "frozen":
        return None
    source = recipe.dataset if experiment.teacher == "own" else recipe.designers
    settings = (*followed(configs["model"], configs["train"]), *experiment.teacher_settings)
    digest = hashlib.sha256(json.dumps([source, encoder, settings]).encode()).hexdigest()[:10]
    folder = out / "teachers" / f"{'shuffled' if experiment.teacher == 'shuffled' else 'trained'}-seed{seed}-{digest}"
    return Training("teacher", source, folder, settings, encoder)


def _silent(epoch: int, most: int, measured: dict[str, float]) -> None:
    """Reports nothing."""


def work(training: Training, watch: Progress | None = None) -> Outcome | str:
    """Train, and answer what is not answered yet; in a process of its own. Returns why where it cannot be done."""
    try:
        run = training.run(watch)
        _answer(run, Dataset(training.dataset), training)
    except GoeswithError as error:
        return str(error)
    return outcome(run)


def outcome(run: Run) -> Outcome:
    """What became of the training of a finished run; the seconds of its teacher are apart."""
    result = run.config["result"]
    return Outcome(
        parameters=sum(p.numel() for p in run.model.parameters()),
        attributes=run.config["settings"].get("attributes") if run.name == "add-gnn" else None,
        seconds=result["seconds"],
        best_epoch=result["best_epoch"],
        valid_auc=result["valid_auc"],
        history=result["history"],
    )


def _answer(run: Run, dataset: Dataset, training: Training) -> None:
    """Write what is not answered yet by a run, and by the teacher q where rules taught it.

    Raises:
        DataError: the rule file has no rule.
    """
    stale = []
    for file in training.questions:
        questions = read_questions(file, dataset.catalogue)
        paths = [answers_file(training, file, rules) for rules in ((False, True) if training.rules else (False,))]
        if not all(_current(path, questions, dataset) for path in paths):
            stale.append((questions, paths))
    whole = asked_whole(training) if training.questions else None
    retrieved = _stale_retrieval(dataset, training, whole) if whole else None
    if not stale and retrieved is None:
        return
    student = run.measurable(dataset).scorer(dataset)
    scorers: list[Scorer] = [student]
    if training.rules:
        taught = run.taught(student, dataset.catalogue)
        if taught is None:
            raise DataError(f"{training.rules} has no rule to teach with; add one or leave the rules out")
        scorers.append(taught)
    for questions, paths in stale:
        for scorer, path in zip(scorers, paths, strict=True):
            report(answer(scorer, questions), dataset).write(path)
    if retrieved is not None:
        for scorer in scorers:
            rules = scorer is not student
            reports = measure(scorer, retrieved, fitted=not rules)
            # The first file stands for all of them, so it is written last.
            for answered, file in reversed(list(zip(reports, (whole or RETRIEVAL, *CORRECTED), strict=False))):
                answered.write(answers_file(training, file, rules))


def asked_whole(asked: Recipe | Training) -> Path | None:
    """Which file stands for what is asked about the whole catalogue; None where nothing is."""
    return RETRIEVAL if asked.retrieval else EXHAUSTIVE if asked.exhaustive else None


def _stale_retrieval(dataset: Dataset, training: Training, whole: Path) -> RetrievalQuestions | None:
    """What is to be asked about the whole catalogue; None where it is answered already, or cannot be asked."""
    usable = asked_items(dataset, training.encoders or (training.encoder,))
    questions = ask(dataset, usable, retrieval=whole == RETRIEVAL)
    paths = [answers_file(training, whole, rules) for rules in ((False, True) if training.rules else (False,))]
    if questions is None or all(path.is_file() and _signatures(path) <= {*questions.signed.values()} for path in paths):
        return None
    return questions


def answers_file(training: Training, file: Path, rules: bool) -> Path:
    """Where the answers to a file of questions are kept; rules: those of the teacher q."""
    return training.out / "answers" / f"{file.stem}{'-with-rules' if rules else ''}.parquet"


def _current(path: Path, questions: Questions, dataset: Dataset) -> bool:
    """Whether answers are there, and are to these very questions."""
    if not path.is_file():
        return False
    kinds = questions.frame.select("task", "negatives").unique().iter_rows()
    return _signatures(path) == {signature(questions, dataset, task, negatives) for task, negatives in kinds}


def _signatures(path: Path) -> set[str]:
    return {line["signature"] for line in json.loads(read_info(path)["summary"])}
