"""Demo data: the demo on an imported data set: encode, freeze questions, train, evaluate, index."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path

from goeswith.data.dataset import Dataset
from goeswith.data.encoders.encode import encode
from goeswith.data.features import TOKENS, WORD_IDS, load_features
from goeswith.data.freeze import freeze
from goeswith.data.questions import read_questions
from goeswith.errors import DataError
from goeswith.evaluate.audit import audit, yardsticks
from goeswith.evaluate.reliability import calibrated
from goeswith.evaluate.showcase import blanks, extremes
from goeswith.experiments.demo import completed, finished, headline_answers
from goeswith.experiments.demo_experiments import ENCODER, PICTURES
from goeswith.experiments.progress_log import ProgressLog
from goeswith.experiments.report import Findings, page
from goeswith.experiments.results import measure, measure_floors
from goeswith.experiments.trainings import outcome
from goeswith.files import fresh_file, sole
from goeswith.models import DEFAULT
from goeswith.shop.build import build_index
from goeswith.train.training import train

STAGES = 6
SHOWN = "the model"


def demo(data: str, out: Path, *, seed: int, say: Callable[[str], None]) -> Path:
    """Train the default model on a data set, write ``report.html`` and make ``index`` of it.

    What is there is taken as it is: features, frozen test questions, a finished run.

    Args:
        data: the folder, or ``folder#source``. out: for the run, the report and the index.
        seed: of the questions that are frozen here, and of the run.
        say: is given one line at a time.

    Returns:
        Where the report is.

    Raises:
        DataError: there is no such data set, or it has no outfits to learn from or be asked about.
    """
    dataset, log = Dataset(data), ProgressLog(say, STAGES)
    for split in ("train", "valid", "test"):
        dataset.outfits.split(split)  # told before anything is computed
    described = {"data": dataset.fingerprint, "source": dataset.outfit_source, "seed": seed}
    if finished(out, described):
        say(f"{out} holds this demo already; remove {out / 'report.html'} to measure again")
        return out / "report.html"
    with sole(out, "another demo is running in"):
        written = _demo(dataset, data, out, seed, log)
        with fresh_file(out / "demo.json") as partial:
            partial.write_text(json.dumps(described) + "\n")
    return written


def _demo(dataset: Dataset, data: str, out: Path, seed: int, log: ProgressLog) -> Path:
    encoder = _encoded(dataset, log)
    features = load_features(dataset, encoder)
    log.stage("test questions")
    files = _question_files(dataset, seed)
    log.note(", ".join(file.stem for file in files))
    log.stage("audit: check the questions for shortcuts")
    audited = audit(dataset, files, features)
    for file, sentence in audited.verdicts.items():
        log.note(f"{file}: {sentence}")
    log.stage(f"train {DEFAULT}")
    run = train(DEFAULT, dataset, out / "run", settings=[f"seed={seed}"], encoder=encoder)
    trained = outcome(run)
    log.note(str(trained))
    log.stage("index")
    index = build_index(run, dataset, out / "index", say=log.note)

    log.stage("measure and report")
    questions = [read_questions(file, dataset.catalogue) for file in files]
    scorer = run.scorer(dataset, features)
    rows = [
        *measure_floors(yardsticks(dataset, features), questions, dataset),
        measure(SHOWN, "model", scorer, questions, dataset, DEFAULT),
    ]
    likes, dislikes = extremes(scorer, dataset)
    right, wrong = blanks(*headline_answers(rows, scorer, questions, dataset), seed=seed)
    findings = Findings(
        rows=rows,
        lead="The default model, beside floors that know nothing of fashion.",
        ladder=[row.name for row in rows],
        looks=completed(index, dataset, seed),
        audits=audited.verdicts,
        curves={"On corruptions of validation outfits": {SHOWN: trained.history}},
        shown=SHOWN,
        best=likes,
        worst=dislikes,
        right=right,
        wrong=wrong,
        reliability=calibrated(scorer, dataset, seed=seed),
        commands=[shlex.join(["goeswith", "demo", "--data", data, "--out", str(out), "--seed", str(seed)])],
    )
    written = page(dataset, findings, out / "report.html")
    log.note(str(written))
    return written


def _encoded(dataset: Dataset, log: ProgressLog) -> str:
    """The encoders whose features are there, or are made now: of pictures and of words, where there are any."""
    there = sorted(path.stem for path in (dataset.path / "features").glob("*.safetensors"))
    present = [name for name in there if name not in (TOKENS, WORD_IDS)]
    if present:
        encoder = load_features(dataset).encoder
        log.stage(f"features of {encoder} are there")
        return encoder
    encoders = [*([PICTURES] if dataset.catalogue.items["image"].count() else []), ENCODER]
    log.stage(f"encode ({'+'.join(encoders)})")
    for encoder in encoders:
        log.note(f"{encoder}: {encode(dataset, encoder, progress=log.progress('items'))}")
    return "+".join(encoders)


def _question_files(dataset: Dataset, seed: int) -> list[Path]:
    """The test questions that are frozen, or are now.

    Raises:
        DataError: no test outfit makes one.
    """
    start, folder = f"{dataset.outfit_source}-" if dataset.outfit_source else "", dataset.path / "questions"
    files = sorted(path for task in ("compat", "fitb") for path in folder.glob(f"{start}test-{task}-*.parquet"))
    if not files:
        frozen = freeze(
            dataset.catalogue, dataset.outfits, folder, dataset=dataset.name, seed=seed, prefix=dataset.outfit_source,
            splits=("test",),
        )  # fmt: skip
        files = [file.path for file in frozen if file.questions and "retrieval" not in file.path.name]
    if not files:
        raise DataError(f"{dataset.path} has no test outfit that makes a question; import more outfits")
    return files
