"""Demo: every stage for real on the drawn sample, from pictures to a report, in minutes."""

from __future__ import annotations

import json
import shlex
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from goeswith.data.dataset import Dataset, create
from goeswith.data.encoders.encode import encode
from goeswith.data.features import load_features
from goeswith.data.freeze import freeze
from goeswith.data.questions import read_questions
from goeswith.data.readers import read
from goeswith.data.readers.sample import SMALLEST_ITEMS
from goeswith.errors import DataError
from goeswith.evaluate.audit import audit, yardsticks
from goeswith.evaluate.reliability import calibrated
from goeswith.evaluate.showcase import blanks, extremes
from goeswith.experiments.report import Comparison, Findings, page
from goeswith.experiments.trials import Exam, Lab, Trial
from goeswith.files import fresh_file, read_json
from goeswith.shop.build import build_index
from goeswith.tables import Line, column, difference, headlines, interval, long_table, plain

ENCODER = "efficientnet-lite0"
LOOP = ("epochs=20", "patience=5", "batch_size=64")
SETTINGS = {"teacher": ("rank=64", *LOOP), "add-gnn": ("hidden=64", "negatives=matched", *LOOP)}
"""Small enough for minutes; students are trained on what the headline questions ask."""
STAGES = 8
EVERY = 5.0
"""Seconds between two lines of progress."""

DESIGNERS = Trial("teacher", "designers' pairs", model="teacher", data="designers")
TEACHERS = (
    DESIGNERS,
    replace(DESIGNERS, folder="teacher-shuffled", name="the same pairs, shuffled", settings=("shuffled=true",)),
    replace(DESIGNERS, folder="teacher-own", name="users' own pairs", data="users"),
)
ALONE = Trial("alone", "without knowledge", note="ADD-GNN with its graph, no teacher")
NO_GRAPH = Trial("no-graph", "without knowledge or graph", settings=("steps=0",), note="scores from h⁰")
WAYS = tuple(
    Trial(way, f"knowledge by {way.replace('+', ' + ')}", teacher="teacher", settings=(f"carry={way}",), note=note)
    for way, note in {
        "masks": "all that the paper carries over",
        "masks+initialisation": "the scorer starts from the teacher's",
        "responses": "matches the teacher's ranking",
    }.items()
)


def controls(way: Trial) -> tuple[Trial, ...]:
    """Teachers that know nothing of designers, heard in the same way."""
    same = replace(way, kind="control", note=way.name.removeprefix("knowledge "))
    nothing = (*way.settings, "untrained=true")
    return (
        replace(
            same, folder=f"untrained-{way.folder}", name="untrained teacher", teacher="designers", settings=nothing
        ),
        replace(same, folder=f"shuffled-{way.folder}", name="teacher of shuffled pairs", teacher="teacher-shuffled"),
        replace(same, folder=f"own-{way.folder}", name="teacher of users' own pairs", teacher="teacher-own"),
    )


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
    clock = Clock(say)
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

    common = {model: (*settings, f"seed={seed}") for model, settings in SETTINGS.items()}
    lab = Lab(drawn.path, out / "runs", ENCODER, common, clock.note)
    clock.stage("train teachers")
    lab.train(TEACHERS)
    clock.stage("train students: without knowledge, without graph, and with each way to transfer knowledge")
    lab.train((ALONE, NO_GRAPH, *WAYS))
    best = max(WAYS, key=lab.valid_auc)
    clock.stage(f"train controls: other teachers, {best.name} (the best way on validation)")
    lab.train(controls(best))

    clock.stage("measure and report")
    exam = Exam(dataset, [read_questions(file, dataset.catalogue) for file in files])
    floors = yardsticks(dataset, features)
    oracle = floors.pop("ceiling")
    for name, floor in floors.items():
        exam.take(floor, name.replace("_", " "), "floor")
    for trial, run in lab.runs.items():
        if trial not in TEACHERS:
            exam.take(run.scorer(dataset, features), trial.name, trial.kind, trial.note)
    exam.take(oracle, "oracle", "ceiling", "the true taste that generated the outfits")
    compared = _compare(exam, best)
    sentence = verdict(best.name, {pair: exam.headline(lines) for pair, lines in compared.items()})
    _tell(exam, compared, sentence, say)
    with fresh_file(out / "results.json") as partial:
        told = [line for lines in compared.values() for line in lines]
        partial.write_text(json.dumps({"verdict": sentence, "lines": exam.lines, "compared": told}, indent=2) + "\n")

    shown = max((ALONE, NO_GRAPH, *WAYS), key=lab.valid_auc)
    scorer = lab.runs[shown].scorer(dataset, features)
    likes, dislikes = extremes(scorer, dataset)
    right, wrong = blanks(*exam.paper(shown.name), seed=seed)
    findings = Findings(
        entries=exam.entries,
        verdict=sentence,
        lead=f"A wardrobe of {len(dataset.catalogue):,} items was generated, and {outfits:,} outfits were composed by "
        "one taste: half by choosy designers, half by noisy users. Teachers learned from the designers' tops and "
        "bottoms, students from the users' outfits. The true taste is known, so there is a ceiling.",
        comparisons=[Comparison(f"{first} − {second}", lines) for (first, second), lines in compared.items()],
        audits=audited.verdicts,
        curves={
            "Students, on matched corruptions of users' outfits": lab.curves("add-gnn"),
            "Teachers, on other tops or bottoms of their own pairs": lab.curves("teacher"),
        },
        shown=f"the student {shown.name}",
        best=likes,
        worst=dislikes,
        right=right,
        wrong=wrong,
        reliability=calibrated(scorer, dataset, seed=seed),
        commands=[*_commands(out, outfits, seed), *lab.commands()],
    )
    written = page(dataset, findings, out / "report.html", heading="What goes with what, on a generated wardrobe")
    clock.note(f"{written} ({written.stat().st_size / 1e6:.1f} MB): open it in a browser")
    if index:
        build_index(lab.runs[shown], dataset, out / "index", say=clock.note)
    return written


def verdict(best: str, found: Mapping[tuple[str, str], Line]) -> str:
    """What paired differences say of knowledge, of the graph, and of learning at all: one sentence, from intervals.

    Args:
        best: the way to carry knowledge that validation chose.
        found: (first, second) → difference on the headline questions. Of `best` there are those to the student
            without knowledge, then to its controls, and last to the strongest floor.
    """
    taught, *against, learned = (line for (first, _), line in found.items() if first == best)
    said = f"designers' {best} {_effect(taught)}"
    if taught["low"] > 0:
        even = [line["against"] for line in against if line["low"] <= 0]
        said += f", but not clearly more than {' or '.join(even)}" if even else ", and more than every control"
    level = "beats" if learned["low"] > 0 else "loses to" if learned["high"] < 0 else "does not clearly beat"
    return (
        f"On {taught['n']} {taught['negatives']} {_ASKED[taught['task']]} questions, with one training seed, {said}; "
        f"the graph {_effect(found[ALONE.name, NO_GRAPH.name])}; "
        f"and the taught student {level} the strongest floor, {learned['against']} ({interval(learned)})."
    )


_ASKED = {"fitb": "fill-in-the-blank", "compat": "compatibility"}


def _effect(line: Line) -> str:
    word = "helps" if line["low"] > 0 else "hurts" if line["high"] < 0 else "makes no difference that they can show"
    return f"{word} ({interval(line)})"


class Clock:
    """Says every line with the time since the start, and counts the stages."""

    def __init__(self, say: Callable[[str], None], total: int = STAGES) -> None:
        self.say, self.total, self.started, self.stages, self.last = say, total, time.monotonic(), 0, 0.0

    def stage(self, text: str) -> None:
        """Begin a stage."""
        self.stages += 1
        self.note(text, f"{self.stages}/{self.total}")

    def note(self, text: str, lead: str = "   ") -> None:
        """Say something of the stage."""
        minutes, seconds = divmod(int(time.monotonic() - self.started), 60)
        self.say(f"{minutes}:{seconds:02d}  {lead}  {text}")

    def progress(self, what: str) -> Callable[[int, int], None]:
        """A callback (done, total) that speaks every `EVERY` seconds."""

        def told(done: int, total: int) -> None:
            if time.monotonic() - self.last > EVERY:
                self.last = time.monotonic()
                self.note(f"{done:,} of {total:,} {what}")

        self.last = time.monotonic()
        return told


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


def _compare(exam: Exam, best: Trial) -> dict[tuple[str, str], list[Line]]:
    """What each way to carry knowledge adds, what its controls add, what the graph adds, what learning adds."""
    pairs = [
        *((way.name, ALONE.name) for way in WAYS),
        *((best.name, control.name) for control in controls(best)),
        (ALONE.name, NO_GRAPH.name),
        (best.name, exam.strongest("floor")),
    ]
    return {pair: exam.compare(*pair) for pair in pairs}


def _tell(
    exam: Exam, compared: Mapping[tuple[str, str], list[Line]], sentence: str, say: Callable[[str], None]
) -> None:
    """Say the table of the headlines, the comparisons and the verdict."""
    columns = headlines(exam.lines)
    shown = [line for what in columns for line in exam.lines if column(line) == what]
    say("\n" + plain(*long_table(shown)) + "\n")
    for (first, second), lines in compared.items():
        told = [f"{' '.join(column(line))} {difference(line)}" for line in lines if column(line) in columns]
        say(f"{first} − {second}: {'; '.join(told)}")
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
