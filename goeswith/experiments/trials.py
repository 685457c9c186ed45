"""Trials: trains the models of the demo, one run each, and asks them and the floors the same questions."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from goeswith.data.dataset import Dataset
from goeswith.data.questions import Questions
from goeswith.evaluate.evaluate import Report, answer, compare, report
from goeswith.experiments.report import Entry
from goeswith.models import Scorer
from goeswith.tables import Line, column, headlines
from goeswith.train.run import Run, train


@dataclass(frozen=True)
class Trial:
    """One run.

    folder: of the run. name: what reports call it. kind: one of `goeswith.experiments.report.KINDS`.
    model: what is trained. data: source of the outfits it learns from.
    teacher: folder of a teacher's run, or the source one is made for.
    settings: ``field=value``. note: a few words for the report.
    """

    folder: str
    name: str
    kind: str = "model"
    model: str = "add-gnn"
    data: str = "users"
    teacher: str = ""
    settings: tuple[str, ...] = ()
    note: str = ""


class Lab:
    """Makes the runs of trials over one data set, or takes those that are finished already.

    Args:
        sample: folder of the data set. out: folder for the runs. encoder: whose features.
        common: model → settings of all its trials. say: is told one line a run.
    """

    def __init__(
        self, sample: Path, out: Path, encoder: str, common: dict[str, tuple[str, ...]], say: Callable[[str], None]
    ) -> None:
        self.sample, self.out, self.encoder, self.common, self.say = sample, out, encoder, common, say
        self.runs: dict[Trial, Run] = {}

    def train(self, trials: Sequence[Trial]) -> None:
        """Train them, one after the other; a teacher comes before those it teaches."""
        for trial in trials:
            run = train(
                trial.model,
                Dataset(self._source(trial.data)),
                self.out / trial.folder,
                teacher=self._teacher(trial),
                settings=self._settings(trial),
                encoder=self.encoder,
            )
            done = run.config["result"]
            best = f"best epoch {done['best_epoch']} of {done['epochs']}"
            self.say(f"{trial.name}: validation AUC {done['valid_auc']:.3f}, {best}, {done['seconds']:.0f} s")
            self.runs[trial] = run

    def valid_auc(self, trial: Trial) -> float:
        """What a run reached on validation outfits."""
        return float(self.runs[trial].config["result"]["valid_auc"])

    def curves(self, model: str) -> dict[str, list[dict[str, float]]]:
        """What each epoch measured, of every run of a model."""
        return {r.name: run.config["result"]["history"] for r, run in self.runs.items() if r.model == model}

    def commands(self) -> list[str]:
        """The command lines that train the same runs."""
        lines = []
        for trial in self.runs:
            words = ["goeswith", "train", trial.model, self._source(trial.data)]
            if teacher := self._teacher(trial):
                words += ["--teacher", teacher]
            for setting in self._settings(trial):
                words += ["--set", setting]
            lines.append(shlex.join([*words, "--out", str(self.out / trial.folder)]))
        return lines

    def _source(self, name: str) -> str:
        return f"{self.sample}#{name}"

    def _teacher(self, trial: Trial) -> str | None:
        if any(trial.teacher == known.folder for known in self.runs):
            return str(self.out / trial.teacher)
        return self._source(trial.teacher) if trial.teacher else None

    def _settings(self, trial: Trial) -> list[str]:
        return [*self.common[trial.model], *trial.settings]


class Exam:
    """Lets scorers answer the same question files, under names of their own, and compares them."""

    def __init__(self, dataset: Dataset, files: Sequence[Questions]) -> None:
        self.dataset, self.files = dataset, files
        self.entries: list[Entry] = []
        self.reports: dict[str, list[Report]] = {}

    def take(self, scorer: Scorer, name: str, kind: str, note: str = "") -> None:
        """Let a scorer answer every file."""
        self.reports[name] = [report(answer(scorer, questions), self.dataset) for questions in self.files]
        lines = [{**line, "scorer": name} for told in self.reports[name] for line in told.summary]
        self.entries.append(Entry(name, kind, lines, note))

    @property
    def lines(self) -> list[Line]:
        """Everything that was measured."""
        return [line for entry in self.entries for line in entry.lines]

    def compare(self, first: str, second: str) -> list[Line]:
        """Paired differences of two scorers, of every measure of every file."""
        pairs = zip(self.reports[first], self.reports[second], strict=True)
        return [{**line, "scorer": first, "against": second} for a, b in pairs for line in compare(a, b)]

    def headline(self, lines: Sequence[Line]) -> Line:
        """The line that a verdict is built on: FITB on the hardest negatives, or what comes nearest to it."""
        what = headlines(self.lines)[-1]
        return next(line for line in lines if column(line) == what)

    def strongest(self, kind: str) -> str:
        """The scorer of a kind that is best at the headline."""
        return max((e for e in self.entries if e.kind == kind), key=lambda e: self.headline(e.lines)["value"]).name

    def paper(self, name: str) -> tuple[Report, Questions]:
        """The questions of the headline, and what a scorer answered."""
        what = headlines(self.lines)[-1]
        place = next(at for at, told in enumerate(self.reports[name]) if column(told.summary[0]) == what)
        return self.reports[name][place], self.files[place]
