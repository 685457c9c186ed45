"""Demo: every stage for real on the drawn sample, from pictures to a report, in minutes."""

from __future__ import annotations

import json
import shlex
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from goeswith.data.dataset import Dataset, create
from goeswith.data.encoders.encode import encode
from goeswith.data.features import load_features
from goeswith.data.freeze import freeze
from goeswith.data.questions import Questions, read_questions
from goeswith.data.readers import read
from goeswith.data.readers.sample import SMALLEST_ITEMS
from goeswith.errors import DataError
from goeswith.evaluate.audit import audit, yardsticks
from goeswith.evaluate.evaluate import Report, answer, report
from goeswith.evaluate.reliability import calibrated
from goeswith.evaluate.showcase import blanks, extremes
from goeswith.experiments.clock import Clock
from goeswith.experiments.demo_experiments import (
    ALONE,
    ENCODER,
    NO_GRAPH,
    TEACHERS,
    WAYS,
    controls,
    demo_recipe,
    pairings,
    verdict,
)
from goeswith.experiments.recipes import Experiment
from goeswith.experiments.report import Findings, page
from goeswith.experiments.results import Outcome, Row, Scoreboard, measure, measure_floors
from goeswith.experiments.trainings import Training, outcome, trainings
from goeswith.files import fresh_file, read_json
from goeswith.models import Scorer
from goeswith.scores import Difference
from goeswith.shop.build import build_index
from goeswith.tables import difference, headlines, long_table, plain
from goeswith.train.run import Run

STAGES = 8


def demo(out: Path, *, outfits: int, seed: int, say: Callable[[str], None], index: bool = False) -> Path:
    """Draw a wardrobe, encode it, ask, train teachers and students, measure them, and write ``report.html``.

    The same call goes on where a killed one stopped: what is finished is taken as it is.

    Args:
        out: folder for the sample, the runs and the report; made where it is missing.
        outfits: how many, half by designers and half by users.
        seed: of the sample, the questions and the runs.
        say: is given one line at a time.
        index: make ``index`` too, of the best student over the users' outfits, for the studio to open.

    Returns:
        Where the report is.

    Raises:
        DataError: `out` holds a sample of other outfits or of another seed, or something that is no demo.
    """
    clock = Clock(say, STAGES)
    clock.stage("generate a wardrobe, with outfits by designers and by users")
    drawn = _draw(out, outfits, seed, clock)
    clock.stage(f"encode the pictures ({ENCODER})")
    encoded = encode(drawn, ENCODER, progress=clock.progress("pictures"))
    clock.note(f"{encoded.encoded:,} items encoded, {len(encoded.excluded)} left out")
    dataset = Dataset(f"{drawn.path}#users")
    features = load_features(dataset, ENCODER)
    clock.stage("freeze questions about the users' outfits")
    files = _freeze(dataset, seed, clock)
    clock.stage("audit: check the questions for shortcuts")
    audited = audit(dataset, files, features)
    for file, sentence in audited.verdicts.items():
        clock.note(f"{file}: {sentence}")

    bench = _Bench(drawn.path, out, seed, clock)
    clock.stage("train teachers")
    bench.train_teachers((WAYS[0], *controls(WAYS[0])))
    clock.stage("train students: without knowledge, without graph, and with each way to transfer knowledge")
    bench.train((ALONE, NO_GRAPH, *WAYS))
    best = max(WAYS, key=bench.valid_auc)
    clock.stage(f"train controls: other teachers, {best.name} (the best way on validation)")
    bench.train(controls(best))

    clock.stage("measure and report")
    asked = [read_questions(file, dataset.catalogue) for file in files]
    floors = yardsticks(dataset, features)
    oracle = floors.pop("ceiling")
    rows = measure_floors(floors, asked, dataset)
    for experiment in bench.experiments:
        scorer = Run(bench.students[experiment].out).scorer(dataset, features)
        rows.append(measure(experiment.name, experiment.kind, scorer, asked, dataset, experiment.note))
    rows.append(measure("oracle", "ceiling", oracle, asked, dataset, "the true taste that generated the outfits"))
    board = Scoreboard(demo_recipe(drawn.path, seed, bench.experiments), dataset, rows)
    board = replace(board, recipe=replace(board.recipe, pairings=pairings(best, _strongest_floor(board))))
    sentence = verdict(best.name, _headlines(board))
    _say_results(board, sentence, say)
    with fresh_file(out / "results.json") as partial:
        lines = [score.to_dict() for score in board.scores]
        compared = [line.to_dict() for comparison in board.comparisons for line in comparison.lines]
        partial.write_text(json.dumps({"verdict": sentence, "lines": lines, "compared": compared}, indent=2) + "\n")

    shown = max((ALONE, NO_GRAPH, *WAYS), key=bench.valid_auc)
    scorer = Run(bench.students[shown].out).scorer(dataset, features)
    likes, dislikes = extremes(scorer, dataset)
    right, wrong = blanks(*headline_answers(rows, scorer, asked, dataset), seed=seed)
    findings = Findings(
        rows=rows,
        verdict=sentence,
        lead=f"A wardrobe of {len(dataset.catalogue):,} items was generated, and {outfits:,} outfits were composed by "
        "one taste: half by choosy designers, half by noisy users. Teachers learned from the designers' tops and "
        "bottoms, students from the users' outfits. The true taste is known, so there is a ceiling.",
        comparisons=board.comparisons,
        audits=audited.verdicts,
        curves={
            "Students, on matched corruptions of users' outfits": {
                experiment.name: bench.outcomes[training].history for experiment, training in bench.students.items()
            },
            "Teachers, on other tops or bottoms of their own pairs": {
                name: bench.outcomes[training].history for name, training in bench.teachers.items()
            },
        },
        shown=f"the student {shown.name}",
        best=likes,
        worst=dislikes,
        right=right,
        wrong=wrong,
        reliability=calibrated(scorer, dataset, seed=seed),
        commands=[*_commands(out, outfits, seed), *(training.command for training in bench.outcomes)],
    )
    written = page(dataset, findings, out / "report.html", heading="What goes with what, on a generated wardrobe")
    clock.note(f"{written} ({written.stat().st_size / 1e6:.1f} MB): open it in a browser")
    if index:
        build_index(Run(bench.students[shown].out), dataset, out / "index", say=clock.note)
    return written


def _draw(out: Path, outfits: int, seed: int, clock: Clock) -> Dataset:
    """The sample in `out`, drawn now where it is not there yet."""
    asked, described, folder = {"outfits": outfits, "seed": seed}, out / "demo.json", out / "sample"
    there = {path.name for path in out.iterdir() if not path.name.startswith(".")} if out.is_dir() else set()
    if there and described.name not in there:
        raise DataError(f"{out} is not a demo folder, it holds {min(there)}; choose a new folder for --out")
    if folder.exists():
        if (held := read_json(described, dict)) != asked:
            raise DataError(f"{folder} holds a sample of {held}, not of {asked}; choose another --out or remove {out}")
        clock.note(f"{folder} is there already")
        return Dataset(folder)
    with fresh_file(described) as partial:
        partial.write_text(json.dumps(asked) + "\n")
    # Beside the sample, so that the pictures are linked and not copied.
    with tempfile.TemporaryDirectory(dir=out, prefix=".sample.") as work:
        imported = read(
            "sample", None, workdir=Path(work), outfits=outfits, items=_items(outfits), seed=seed,
            progress=clock.progress("items drawn"),
        )  # fmt: skip
        return create(imported, folder, layout="sample", seed=seed)


def _items(outfits: int) -> int:
    """So few items that each is worn often enough to be learned from."""
    return max(SMALLEST_ITEMS, outfits // 6)


def _freeze(dataset: Dataset, seed: int, clock: Clock) -> list[Path]:
    """The files of test questions."""
    frozen = freeze(
        dataset.catalogue, dataset.outfits, dataset.path / "questions",
        dataset=dataset.name, seed=seed, prefix=dataset.outfit_source,
    )  # fmt: skip
    written = [file for file in frozen if file.questions]
    clock.note(f"{sum(file.questions for file in written):,} questions in {len(written)} files")
    return [file.path for file in written if "-test-" in file.path.name]


class _Bench:
    """The demo's trainings, one after the other in this process; finished ones are taken as they are."""

    def __init__(self, sample: Path, out: Path, seed: int, clock: Clock) -> None:
        self.sample, self.out, self.seed, self.clock = sample, out, seed, clock
        self.outcomes: dict[Training, Outcome] = {}
        self.teachers: dict[str, Training] = {}
        self.students: dict[Experiment, Training] = {}

    @property
    def experiments(self) -> list[Experiment]:
        """What was trained, as it is written above, without the settings that all have."""
        return list(self.students)

    def train_teachers(self, experiments: Sequence[Experiment]) -> None:
        """Train the teachers of some experiments."""
        for experiment, training in zip(experiments, self._trainings(experiments), strict=True):
            if training.lesson:
                name = TEACHERS[experiment.teacher]
                self.teachers[name] = training.lesson
                self._train(name, training.lesson)

    def train(self, experiments: Sequence[Experiment]) -> None:
        """Train students whose teachers are trained."""
        for experiment, training in zip(experiments, self._trainings(experiments), strict=True):
            self.students[experiment] = training
            self._train(experiment.name, training)

    def valid_auc(self, experiment: Experiment) -> float:
        """What a student reached on validation outfits."""
        return self.outcomes[self.students[experiment]].valid_auc

    def _trainings(self, experiments: Sequence[Experiment]) -> list[Training]:
        return list(trainings(demo_recipe(self.sample, self.seed, experiments), self.out).values())

    def _train(self, name: str, training: Training) -> None:
        self.outcomes[training] = outcome(training.run())
        self.clock.note(f"{name}: {self.outcomes[training]}")


def headline_answers(
    rows: Sequence[Row], scorer: Scorer, asked: Sequence[Questions], dataset: Dataset
) -> tuple[Report, Questions]:
    """What a scorer answers to the questions of the rows' headline, and these questions."""
    what = headlines([score for row in rows for score in row.scores])[-1]
    reports = ((report(answer(scorer, questions), dataset), questions) for questions in asked)
    return next(pair for pair in reports if pair[0].summary[0].column == what)


def _strongest_floor(board: Scoreboard) -> str:
    """The name of the floor that is best at the headline."""
    floor = board.best(board.headline, "floor") if board.headline else None
    if floor is None:
        raise DataError("no floor could be measured; draw more outfits")
    return floor.name


def _headlines(board: Scoreboard) -> dict[tuple[str, str], Difference]:
    """(First, second) → their difference on the headline questions."""
    return {
        (compared.first, compared.second): line
        for compared in board.comparisons
        for line in compared.lines
        if line.column == board.headline
    }


def _say_results(board: Scoreboard, sentence: str, say: Callable[[str], None]) -> None:
    """Say the table of the headlines, the comparisons and the verdict."""
    columns = headlines(board.scores)
    shown = [score for what in columns for score in board.scores if score.column == what]
    say("\n" + plain(*long_table(shown)) + "\n")
    for compared in board.comparisons:
        lines = [line for line in compared.lines if line.column in columns]
        numbers = [f"{' '.join(line.column)} {difference(line)}" for line in lines]
        say(f"{compared.name}: {'; '.join(numbers)}")
    say(f"\n{sentence}\n")


def _commands(out: Path, outfits: int, seed: int) -> list[str]:
    """The command lines that do the same, up to the training."""
    sample, drawn = str(out / "sample"), f"--outfits {outfits} --seed {seed}"
    return [
        f"{shlex.join(['goeswith', 'demo', '--out', str(out)])} {drawn}",
        "# the same, stage by stage:",
        f"{shlex.join(['goeswith', 'import', 'sample', sample])} {drawn} --option items={_items(outfits)}",
        shlex.join(["goeswith", "encode", sample, "--encoder", ENCODER]),
        shlex.join(["goeswith", "questions", f"{sample}#users", "--seed", str(seed)]),
        shlex.join(["goeswith", "audit", f"{sample}#users"]),
    ]
