"""Demo: every stage for real on the generated sample, from pictures to a report, in minutes."""

from __future__ import annotations

import json
import shlex
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

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
from goeswith.experiments.demo_experiments import ALONE, ENCODER, TEACHERS, TOWERS, conclusion, demo_recipe, pairings
from goeswith.experiments.progress_log import ProgressLog
from goeswith.experiments.recipes import Experiment
from goeswith.experiments.report import Findings, page
from goeswith.experiments.results import Outcome, Row, Scoreboard, measure, measure_floors
from goeswith.experiments.trainings import Training, outcome, trainings
from goeswith.files import fresh_file, read_json
from goeswith.models import Scorer
from goeswith.scores import Difference, Score
from goeswith.shop.build import build_index
from goeswith.shop.index import Index
from goeswith.shop.looks_page import sample_looks
from goeswith.shop.stylist import Stylist
from goeswith.tables import difference, headlines, plain, question_tables, signature_lines
from goeswith.train.run import Run

STAGES = 7
LOOKS = 6
"""Completed looks that the report opens with."""


def demo(out: Path, *, outfits: int, seed: int, say: Callable[[str], None]) -> Path:
    """Draw a wardrobe, encode it, ask, train, measure, complete looks, and write ``report.html``.

    The same call resumes if interrupted: what is finished is used as it is.

    Args:
        out: folder for the sample, the runs, the report, and ``index`` for the studio; made where it is missing.
        outfits: how many, half by designers and half by users.
        seed: of the sample, the questions and the runs.
        say: is given one line at a time.

    Returns:
        Where the report is.

    Raises:
        DataError: `out` holds a sample of other outfits or of another seed, or something that is no demo.
    """
    if finished(out, {"outfits": outfits, "seed": seed}):
        say(f"{out} holds this demo already; remove {out / 'report.html'} to measure again")
        return out / "report.html"
    log = ProgressLog(say, STAGES)
    log.stage("generate a wardrobe, with outfits by designers and by users")
    drawn = _draw(out, outfits, seed, log)
    log.stage(f"encode ({ENCODER})")
    log.note(str(encode(drawn, ENCODER, progress=log.progress("items"))))
    dataset = Dataset(f"{drawn.path}#users")
    features = load_features(dataset, ENCODER)
    log.stage("freeze questions about the users' outfits, and look for shortcuts in them")
    files = _freeze(dataset, seed, log)
    audited = audit(dataset, files, features)
    for file, sentence in audited.verdicts.items():
        log.note(f"{file}: {sentence}")

    log.stage("train: two towers; ADD-GNN alone, taught by designers, and taught by shuffled pairs")
    recipe = demo_recipe(drawn.path, seed)
    planned = {experiment: training for (experiment, _), training in trainings(recipe, out).items()}
    lessons = _lessons(planned)
    outcomes = {training: _trained(name, training, log) for name, training in lessons.items()}
    outcomes |= {training: _trained(each.name, training, log) for each, training in planned.items()}
    runs = {each.name: Run(training.out) for each, training in planned.items()}

    models = [each for each in planned if each.kind == "model"]
    best = max(models, key=lambda each: outcomes[planned[each]].valid_auc).name
    log.stage(f"index the wardrobe and complete looks ({best}, the best on validation)")
    index = build_index(runs[best], dataset, out / "index", say=log.note)
    looks = completed(index, dataset, seed)
    log.note(f"{len(looks)} looks")

    log.stage("measure")
    questions = [read_questions(file, dataset.catalogue) for file in files]
    floors = yardsticks(dataset, features)
    oracle = floors.pop("ceiling")
    scorers = {name: run.scorer(dataset, features) for name, run in runs.items()}
    rows = measure_floors(floors, questions, dataset)
    rows += [measure(each.name, each.kind, scorers[each.name], questions, dataset, each.note) for each in planned]
    rows.append(measure("ceiling", "ceiling", oracle, questions, dataset, "the true taste that generated the outfits"))
    board = Scoreboard(recipe, dataset, rows)
    floor = _strongest_floor(board)
    board = replace(board, recipe=replace(recipe, pairings=pairings(best, floor)))
    sentence = conclusion(best, _at_headline(board), floor, _headlines(board))
    _say_results(board, say)
    with fresh_file(out / "results.json") as partial:
        lines = [score.to_dict() for score in board.scores]
        compared = [line.to_dict() for comparison in board.comparisons for line in comparison.lines]
        partial.write_text(json.dumps({"verdict": sentence, "lines": lines, "compared": compared}, indent=2) + "\n")

    log.stage("write the report")
    likes, dislikes = extremes(scorers[best], dataset)
    right, wrong = blanks(*headline_answers(rows, scorers[best], questions, dataset), seed=seed)
    findings = Findings(
        rows=rows,
        verdict=sentence,
        lead=f"A wardrobe of {len(dataset.catalogue):,} items was generated, and {outfits:,} outfits were composed by "
        "one taste: half by choosy designers, half by noisy users. The models learned from the users' outfits, "
        "teachers from the designers' tops and bottoms. The true taste is known, so there is a ceiling; it is made of "
        "the columns, so what reads these (records) is near it and no floor.",
        ladder=("chance", floor, ALONE.name, TOWERS.name, best, "ceiling"),
        looks=looks,
        comparisons=board.comparisons,
        audits=audited.verdicts,
        curves={
            "Students, on matched corruptions of users' outfits": {
                each.name: outcomes[training].history for each, training in planned.items()
            },
            "Teachers, on other tops or bottoms of their own pairs": {
                name: outcomes[training].history for name, training in lessons.items()
            },
        },
        shown=best,
        best=likes,
        worst=dislikes,
        right=right,
        wrong=wrong,
        reliability=calibrated(scorers[best], dataset, seed=seed),
        commands=[*_commands(out, outfits, seed), *(training.command for training in outcomes)],
    )
    written = page(dataset, findings, out / "report.html", heading="What goes with what, on a generated wardrobe")
    log.note(f"{written} ({written.stat().st_size / 1e6:.1f} MB): open it in a browser")
    titles = dataset.catalogue.items["title"]
    say("\n" + "\n".join(f"Look {at}: {' + '.join(titles[row] for row in look)}" for at, look in enumerate(looks, 1)))
    say(f"\n{sentence}\n")
    return written


def finished(out: Path, described: Mapping[str, Any]) -> bool:
    """Whether a demo of what is asked was run to its end: the report is the last that is written."""
    files = [out / name for name in ("demo.json", "report.html", "index/index.json")]
    return all(file.is_file() for file in files) and read_json(files[0], dict) == described


def _draw(out: Path, outfits: int, seed: int, log: ProgressLog) -> Dataset:
    """The sample in `out`, drawn now where it is not there yet."""
    wanted, described, folder = {"outfits": outfits, "seed": seed}, out / "demo.json", out / "sample"
    names = {path.name for path in out.iterdir() if not path.name.startswith(".")} if out.is_dir() else set()
    if names and described.name not in names:
        raise DataError(f"{out} is not a demo folder, it holds {min(names)}; choose a new folder for --out")
    if folder.exists():
        if (stored := read_json(described, dict)) != wanted:
            raise DataError(
                f"{folder} holds a sample of {stored}, not of {wanted}; choose another --out or remove {out}"
            )
        log.note(f"{folder} is there already")
        return Dataset(folder)
    with fresh_file(described) as partial:
        partial.write_text(json.dumps(wanted) + "\n")
    # Beside the sample, so that the pictures are linked and not copied.
    with tempfile.TemporaryDirectory(dir=out, prefix=".sample.") as workdir:
        imported = read(
            "sample", None, workdir=Path(workdir), outfits=outfits, items=_items(outfits), seed=seed,
            progress=log.progress("items drawn"),
        )  # fmt: skip
        return create(imported, folder, layout="sample", seed=seed)


def _items(outfits: int) -> int:
    """So few items that each is worn often enough to be learned from."""
    return max(SMALLEST_ITEMS, outfits // 6)


def _freeze(dataset: Dataset, seed: int, log: ProgressLog) -> list[Path]:
    """The files of test questions."""
    frozen = freeze(
        dataset.catalogue, dataset.outfits, dataset.path / "questions",
        dataset=dataset.name, seed=seed, prefix=dataset.outfit_source,
    )  # fmt: skip
    written = [file for file in frozen if file.questions]
    log.note(f"{sum(file.questions for file in written):,} questions in {len(written)} files")
    return [file.path for file in written if "-test-" in file.path.name]


def _lessons(planned: Mapping[Experiment, Training]) -> dict[str, Training]:
    """The trainings of teachers, under the names of the curves."""
    return {TEACHERS[each.teacher]: training.lesson for each, training in planned.items() if training.lesson}


def _trained(name: str, training: Training, log: ProgressLog) -> Outcome:
    """A training, done here and now; a finished one is taken as it is."""
    done = outcome(training.run())
    log.note(f"{name}: {done}")
    return done


def completed(index: Index, dataset: Dataset, seed: int) -> list[list[int]]:
    """Rows of the items of looks around anchors drawn by chance, the anchor first."""
    row_of = {item_id: row for row, item_id in enumerate(dataset.catalogue.ids)}
    return [[row_of[item] for item in look.item_ids] for look in sample_looks(Stylist(index), LOOKS, seed).looks]


def headline_answers(
    rows: Sequence[Row], scorer: Scorer, question_files: Sequence[Questions], dataset: Dataset
) -> tuple[Report, Questions]:
    """What a scorer answers to the questions of the rows' headline, and these questions."""
    column = headlines([score for row in rows for score in row.scores])[-1]
    reports = ((report(answer(scorer, questions), dataset), questions) for questions in question_files)
    return next(pair for pair in reports if pair[0].summary[0].column == column)


def _strongest_floor(board: Scoreboard) -> str:
    """The name of the floor that is best at the headline."""
    floor = board.best(board.headline, "floor") if board.headline else None
    if floor is None:
        raise DataError("no floor could be measured; draw more outfits")
    return floor.name


def _at_headline(board: Scoreboard) -> dict[str, Score]:
    """Scorer → its score on the headline questions."""
    return {row.name: score for row in board.rows for score in row.scores if score.column == board.headline}


def _headlines(board: Scoreboard) -> dict[tuple[str, str], Difference]:
    """(First, second) → their difference on the headline questions."""
    return {
        (compared.first, compared.second): line
        for compared in board.comparisons
        for line in compared.lines
        if line.column == board.headline
    }


def _say_results(board: Scoreboard, say: Callable[[str], None]) -> None:
    """Say the table of the headlines and the comparisons."""
    columns = headlines(board.scores)
    shown = [score for score in board.scores if score.column in columns]
    for caption, table in question_tables(shown).items():
        say(f"\n{caption}\n\n{plain(*table)}")
    say("\n" + "\n".join(signature_lines(shown)) + "\n")
    for compared in board.comparisons:
        lines = [line for line in compared.lines if line.column in columns]
        numbers = [f"{' '.join(line.column)} {difference(line)}" for line in lines]
        say(f"{compared.name}: {'; '.join(numbers)}")
    say("")


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
