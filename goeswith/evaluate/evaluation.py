"""Evaluation: all that is measured of a run, and of scores of other programs, on the test questions of a data set."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from goeswith.data.dataset import Dataset
from goeswith.data.features import Features, features_if_any, load_features
from goeswith.data.questions import read_questions
from goeswith.errors import ConfigError, DataError
from goeswith.evaluate.audit import LEAK, floor_reports, is_floor, yardsticks
from goeswith.evaluate.evaluate import Report, answer, compare, report
from goeswith.evaluate.external import ExternalScores, read_answers
from goeswith.evaluate.reliability import Reliability, calibrated
from goeswith.evaluate.retrieval_report import survey
from goeswith.models import Scorer
from goeswith.scores import Column, Difference, Score
from goeswith.train.run import Run
from goeswith.train.scorers import RunScorer


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` measured.

    summary: of each question file the floors, then the scorers. retrieval: the same over the whole catalogue, also with
    corrections. compared: the first scorer minus each other, and minus the strongest floor of each kind of questions,
    paired by question. reports: file stem (or ``retrieval``),
    with a number where an earlier file has the same one → what each scorer answered.
    calibration: name of a run → how far its probabilities can be relied on.
    outside: the files of scores, with counts of what was wrong in them. notes: name of a run → what computed it.
    """

    summary: list[Score]
    retrieval: list[Score]
    compared: list[Difference]
    reports: dict[str, list[Report]]
    calibration: dict[str, Reliability]
    outside: list[ExternalScores]
    notes: dict[str, str]

    def to_json(self) -> str:
        """All but the single answers, as JSON."""
        parts = {
            "summary": [score.to_dict() for score in self.summary],
            "retrieval": [score.to_dict() for score in self.retrieval],
            "compared": [line.to_dict() for line in self.compared],
            "scores": [{"scorer": each.name, "file": str(each.path), **each.counts} for each in self.outside],
            "calibration": [{"scorer": name} | asdict(measured) for name, measured in self.calibration.items()],
            "notes": [f"{name}: {note}" for name, note in self.notes.items()],
        }
        return json.dumps(parts, indent=2)

    def write_rows(self, folder: Path) -> None:
        """Write the single answers: one Parquet file ``SCORER-FILE.parquet`` for each report, see `Report.write`."""
        for stem, reports in self.reports.items():
            for each in reports:
                each.write(folder / f"{each.scorer}-{stem}.parquet")


def evaluate(
    dataset: Dataset,
    run: Run | None = None,
    *,
    against: Run | None = None,
    scores: Sequence[Path | str] = (),
    questions: Sequence[Path | str] = (),
    measures: Sequence[str] = (),
    retrieval: bool = True,
    allow_incomplete: bool = False,
) -> Evaluation:
    """Measure a run, or scores of other programs, on frozen test questions, below the floors.

    Args:
        run: what is measured. A run that rules taught is also measured with its rules.
        against: another run to compare with.
        scores: files of scores of other programs, see `goeswith.evaluate.external`.
        questions: question files; by default all test files of the data set.
        measures: of other packages, by name or ``module:Name``, see `goeswith.evaluate.measures.other_measures`.
        retrieval: whether to measure retrieval over the whole catalogue, too. Not done where `questions` are named, or
            of files of scores.
        allow_incomplete: whether missing scores in `scores` count as wrong and further rows are ignored.

    Raises:
        ConfigError: neither a run nor a file of scores is given.
        DataError: there are no test questions, a file is broken or not complete, or features are missing.
        ModelError: a run is broken, or does not return one number an outfit.
    """
    if run is None and not scores:
        raise ConfigError("there is nothing to evaluate; give a run, or files of scores")
    named = [each for each in (run, against) if each is not None]
    paths = list(dict.fromkeys(map(Path, scores)))
    files = list(map(Path, questions)) or _test_questions(dataset)
    question_sets = [read_questions(file, dataset.catalogue) for file in files]
    splits = {each.info.get("split", "test") for each in question_sets}
    runs = [each.measurable(dataset, splits) for each in named]
    features = load_features(dataset, runs[0].config["encoder"]) if runs else features_if_any(dataset)
    floors = yardsticks(dataset, features)
    names = _unique_names(named, paths, [floor.name for floor in floors.values()])
    run_names, path_names = names[: len(runs)], names[len(runs) :]
    outside = [
        read_answers(path, question_sets, name=name, allow_incomplete=allow_incomplete)
        for path, name in zip(paths, path_names, strict=True)
    ]
    run_scorers = [_scorer(*named, dataset, features) for named in zip(runs, run_names, strict=True)]
    taught = runs[0].taught(run_scorers[0], dataset.catalogue) if run else None
    scorers: list[Scorer] = [*run_scorers, taught] if taught else [*run_scorers]
    summary: list[Score] = []
    reports: dict[str, list[Report]] = {}
    compared: list[Difference] = []
    for number, (file, asked) in enumerate(zip(files, question_sets, strict=True)):
        file_answers = [replace(each.answers[number], measures=tuple(measures)) for each in outside]
        run_answers = [answer(scorer, asked, measures=measures) for scorer in scorers]
        in_order = run_answers + file_answers if run else file_answers + run_answers
        measured = [report(answers, dataset) for answers in in_order]
        floored = floor_reports(asked, dataset, floors)
        summary += [score for each in floored + measured for score in each.summary]
        compared += _differences(measured) + _over_floors(measured[0], floored, dataset)
        stems = itertools.chain([file.stem], (f"{file.stem}-{number}" for number in itertools.count(2)))
        reports[next(stem for stem in stems if stem not in reports)] = measured
    retrieved: list[Score] = []
    if retrieval and scorers and not questions:
        fitted = all("valid" not in each.learned_from for each in runs)
        retrieved, floored, plain = _retrieval(dataset, floors, scorers, features, fitted=fitted)
        compared += _differences(plain) + (_over_floors(plain[0], floored, dataset) if plain else [])
        reports.setdefault("retrieval", []).extend(plain)
    calibration = {
        scorer.name: held
        for scorer, each in zip(run_scorers, runs, strict=True)
        if "valid" not in each.learned_from and (held := calibrated(scorer, dataset))
    }
    notes = {name: each.notes for name, each in zip(run_names, runs, strict=True)}
    return Evaluation(summary, retrieved, compared, reports, calibration, outside, notes)


def _test_questions(dataset: Dataset) -> list[Path]:
    """The question files of the test split; of ``folder#source`` those of the source."""
    folder, prefix = dataset.path / "questions", f"{dataset.outfit_source}-" if dataset.outfit_source else ""
    files = [*sorted(folder.glob(f"{prefix}test-*.parquet")), *sorted(folder.glob("official-test-*.parquet"))]
    if not files:
        named = f"{dataset.path}{f'#{dataset.outfit_source}' if prefix else ''}"
        raise DataError(f"{dataset.path} has no test questions; make them with: goeswith questions {named}")
    return files


def _unique_names(runs: Sequence[Run], files: Sequence[Path], used: Sequence[str]) -> list[str]:
    """A name for each run and file: of its folder or file, its path where that is not enough."""
    paths = [*(run.path for run in runs), *files]
    short = [*(run.path.name for run in runs), *(file.stem for file in files)]
    every = [*used, *short]
    return [
        name if every.count(name) == 1 else "-".join(path.parts).lstrip("/-.")
        for name, path in zip(short, paths, strict=True)
    ]


def _scorer(run: Run, name: str, dataset: Dataset, features: Features | None) -> RunScorer:
    """A run over the data set under a name of the report; `features` if they are of its encoder."""
    own = features if features and run.config["encoder"] == features.encoder else None
    scorer = run.scorer(dataset, own)
    scorer.name = name
    return scorer


def _differences(reports: Sequence[Report]) -> list[Difference]:
    """The first report minus each other."""
    return [line for each in reports[1:] for line in compare(reports[0], each)]


def _over_floors(first: Report, floors: Sequence[Report], dataset: Dataset) -> list[Difference]:
    """The first report minus the strongest floor of each kind of questions, by their first measure.

    A floor to which something gives the answers away is none.
    """
    firsts: dict[tuple[str, str], Column] = {}
    for score in first.summary:
        firsts.setdefault((score.task, score.negatives), score.column)
    lines = []
    for kind, column in firsts.items():
        rivals = [
            (score.value, number)
            for number, each in enumerate(floors)
            for score in each.summary
            if score.column == column and score.value < LEAK and is_floor(each.scorer, dataset)
        ]
        if rivals:
            strongest = floors[max(rivals)[1]]
            measures = {score.column for score in strongest.summary if (score.task, score.negatives) == kind}
            lines += compare(*(_part(each, measures) for each in (first, strongest)))
    return lines


def _part(whole: Report, measures: set[Column]) -> Report:
    """What a report says by some measures of one kind of questions."""
    task, negatives, _ = next(iter(measures))
    rows = whole.rows.filter(task=task, negatives=negatives)
    return replace(whole, rows=rows, summary=[score for score in whole.summary if score.column in measures])


def _retrieval(
    dataset: Dataset,
    floors: Mapping[str, Scorer],
    scorers: Sequence[Scorer],
    features: Features | None,
    *,
    fitted: bool,
) -> tuple[list[Score], list[Report], list[Report]]:
    """The scores of retrieval, floors first, the floors' reports, and the scorers' without corrections."""
    usable = features.present if features else np.ones(len(dataset.catalogue), bool)
    answered, measured = survey(dataset, floors, scorers, usable, fitted=fitted)
    names = {scorer.name for scorer in scorers}
    scores = [score for each in answered + measured for score in each.summary]
    return scores, answered, [each for each in measured if each.scorer in names]
