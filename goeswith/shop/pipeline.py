"""Pipeline: from an export to a shop that can be served, stage by stage; resumes if interrupted.

OUT/data  the data set    OUT/runs/  the trained model    OUT/index  what is served    OUT/looks.html  twelve looks
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from goeswith import schemas
from goeswith.data.dataset import Dataset
from goeswith.data.encoders.encode import encode, usual_encoders
from goeswith.data.features import load_features
from goeswith.data.freeze import PLAN, file_stem, freeze
from goeswith.data.importing import import_data
from goeswith.data.outfits import SPLITS
from goeswith.errors import TOO_FEW_OUTFITS, DataError, GoeswithError
from goeswith.files import fresh_file, read_json, sha256, sole
from goeswith.models import DEFAULT
from goeswith.rules.rules import Rule, read_rules
from goeswith.shop.answers import CHANCE
from goeswith.shop.build import build_index
from goeswith.shop.index import Index
from goeswith.shop.looks_page import write_looks_page
from goeswith.shop.wording import unlearned
from goeswith.train.run import Run
from goeswith.train.starter import WORDS, make_starter
from goeswith.train.training import train

MARK = "build.json"
"""Says what a folder was built from; by it a folder is recognised as one of a build."""
STAGES = ("import", "encode", "questions", "train", "index", "looks")

Progress = Callable[[int, int], None]
Epochs = Callable[[int, int, dict[str, float]], None]
Say = Callable[[str, str], None]
"""Called with the name of a stage and one line about it."""


@dataclass(frozen=True)
class Built:
    """The index that can be served, and the page of looks."""

    index: Index
    page: Path

    @property
    def unlearned(self) -> str:
        """A sentence on what looks follow where there were too few outfits to learn from, else empty."""
        return unlearned(self.index.run)


def build(
    source: Path,
    out: Path,
    *,
    layout: str = "auto",
    options: dict[str, Any] | None = None,
    model: Path | None = None,
    rules: Path | None = None,
    settings: Sequence[str] = (),
    seed: int = 0,
    pictures: bool = True,
    say: Say = lambda stage, line: None,
    progress: Callable[[str], Progress] = lambda stage: lambda done, total: None,
) -> Built:
    """Import an export, encode its pictures and words, ask test questions, train and index; then show twelve looks.

    Without outfits to learn from, or with too few, a starter takes the model's place, see `goeswith.models.starter`; so
    it does where the model is not shown to tell validation outfits from corrupted ones.

    The same call over a changed export brings everything up to date: only new items are encoded and indexed, and the
    model is trained again only where there are other outfits.

    Args:
        source: folder or file of the export. layout, options: see `goeswith.data.readers.read`.
        model: a finished run to use instead of training one. rules: a file of rules for the starter; where there is
            a model, the log says that they are not used.
        settings: ``field=value`` for the training.
        seed: of the splits, the training and the choice of looks. pictures: whether to download any.
        progress: makes a callback (done, total) for a stage.

    Raises:
        DataError: the source or the rules cannot be read, or `out` holds something else.
        ModelError, ConfigError: as the message says.
    """
    before = _before(out)
    options = {**before.get("options", {}), **(options or {})}  # those given once hold until others are given
    request = {"source": str(source.resolve()), "layout": layout, "options": options, "seed": seed}
    for name in ("source", "layout", "seed"):
        if before and before[name] != request[name]:
            raise DataError(
                f"{out} was built with another {name} ({before[name]}, now {request[name]}); "
                "choose another folder or remove it"
            )
    if model:
        Run(model)  # refused before anything is imported
    parsed = read_rules(rules) if rules else []
    with sole(out, "another build is writing"):
        if not before:  # so that an interrupted import is known for a build's
            _write_mark(out, request)
        try:
            dataset = _import(source, out / "data", layout, options, seed, pictures, say)
        except GoeswithError:
            if {path.name for path in out.iterdir()} <= {MARK, ".lock"}:  # refused before anything was built
                shutil.rmtree(out)
            raise
        _write_mark(out, request)  # not before: options that were refused are not kept
        encoders = Run(model).config["encoder"].split("+") if model else usual_encoders(dataset)
        _encode(dataset, encoders, say, progress)
        _ask(dataset, seed, say, progress("questions"))
        run = Run(model) if model else None
        if run is None and {"train", "valid"} <= set(dataset.outfits.splits):
            run = _train(dataset, out, settings, "+".join(encoders), seed, say, progress)
        weak = None if run is None or model else _no_better_than_guessing(run, dataset)
        if run is None or weak is not None:
            run = _start(dataset, out, parsed, encoders, weak, say, progress)
        elif rules:
            say("train", f"{rules} is not used: rules are for a shop with too few outfits to learn from")
        say("index", f"states of {len(dataset.catalogue):,} items")
        index = build_index(
            run, dataset, out / "index", say=lambda line: say("index", line), progress=progress("index")
        )
        page = write_looks_page(index, out / "looks.html", seed=seed)
        say("looks", str(page))
    return Built(index, page)


def _before(out: Path) -> dict[str, Any]:
    """What was asked for when `out` was built, nothing where it is new.

    Raises:
        DataError: it holds something else.
    """
    if not out.is_dir() or not any(path for path in out.iterdir() if not path.name.startswith(".")):
        return {}
    if not (out / MARK).is_file():
        raise DataError(f"{out} exists and was not made by goeswith build; choose another folder")
    if not (out / "data").exists():  # a first import that was refused or interrupted binds nobody to its source
        return {}
    return dict(schemas.check(read_json(out / MARK, dict), schemas.BuildFile, out / MARK, "remove the folder"))


def _write_mark(out: Path, request: dict[str, Any]) -> None:
    with fresh_file(out / MARK) as partial:
        partial.write_text(json.dumps(request, indent=2) + "\n")


def _import(
    source: Path, dest: Path, layout: str, options: dict[str, Any] | None, seed: int, pictures: bool, say: Say
) -> Dataset:
    update = dest.exists()
    done = import_data(
        layout, source, dest, options=options, update=update, name=dest.parent.name, seed=None if update else seed,
        pictures=pictures,
    )  # fmt: skip
    for line in (done.summary, *done.lines):
        if line not in done.built:  # which comes next
            say("import", line)
    return done.dataset


def _encode(dataset: Dataset, encoders: Sequence[str], say: Say, progress: Callable[[str], Progress]) -> None:
    for encoder in encoders:
        report = encode(dataset, encoder, progress=progress(f"encode {encoder}"))
        say("encode", f"{encoder}: {report}")


def _ask(dataset: Dataset, seed: int, say: Say, progress: Progress) -> None:
    """Freeze the usual questions about outfits that are held out; those that are there stay as they are."""
    folder, total = dataset.path / "questions", 0
    splits = [split for split in ("valid", "test") if (dataset.outfits.splits == split).any()]
    for at, split in enumerate(splits, start=1):
        missing = [kind for kind in PLAN if not (folder / f"{file_stem(split, *kind)}.parquet").exists()]
        done = freeze(
            dataset.catalogue, dataset.outfits, folder,
            dataset=dataset.name, splits=(split,), plan=missing, seed=seed,
        )  # fmt: skip
        total += sum(file.questions for file in done)
        progress(at, len(splits))
    if total:
        line = f"{total:,} about held-out outfits, to measure the model"
    elif not len(dataset.outfits):
        line = "none, because there are no outfits"
    else:
        line = "written before" if any(folder.glob("*.parquet")) else "none, because there are too few outfits or items"
    say("questions", line)


def _start(
    dataset: Dataset,
    out: Path,
    rules: Sequence[Rule],
    encoders: Sequence[str],
    weak: float | None,
    say: Say,
    progress: Callable[[str], Progress],
) -> Run:
    """The starter of a catalogue, made again each time: it takes seconds, and its means change with the catalogue.

    weak: the validation AUC of the model in whose place it comes.
    """
    _encode(dataset, [WORDS] if WORDS not in encoders else [], say, progress)
    folder = out / "runs" / "starter"
    shutil.rmtree(folder, ignore_errors=True)
    run = make_starter(dataset, folder, "+".join(encoders), rules, weak)
    say("train", unlearned(run))
    return run


def _no_better_than_guessing(run: Run, dataset: Dataset) -> float | None:
    """The validation AUC of a run if as many coins would reach it (two standard errors), or if it is hardly higher."""
    auc: float = run.config["result"]["valid_auc"]
    coins = 0.5 + 1 / np.sqrt((dataset.outfits.splits == "valid").sum())
    return auc if auc < max(CHANCE, coins) else None


def _train(
    dataset: Dataset,
    out: Path,
    settings: Sequence[str],
    encoder: str,
    seed: int,
    say: Say,
    progress: Callable[[str], Progress],
) -> Run | None:
    """The default model, trained on the outfits of the data set; one that is there and fits is taken as it is.

    It is measured on outfits held out, and then trained again on all outfits: a shop has few, and wants all its looks
    to be known. None where the outfits are too few.
    """
    settings = [f"learn_from={'+'.join(SPLITS)}", *settings]
    # A catalogue may change every night; the model is trained again only where the outfits or the settings do.
    key = json.dumps([sha256(dataset.path / "outfits.parquet"), [*settings], encoder, seed])
    folder = out / "runs" / hashlib.sha256(key.encode()).hexdigest()[:12]
    run = Run(folder) if (folder / "weights.safetensors").is_file() else None
    if run is None or "result" not in run.config:  # which is written last
        if _changed_since(folder, dataset, encoder):
            shutil.rmtree(folder)
        try:
            run = train(
                DEFAULT,
                dataset,
                folder,
                settings=[*settings, f"seed={seed}"],
                encoder=encoder,
                say=_bars(progress),
            )
        except DataError as error:
            if error.reason != TOO_FEW_OUTFITS:
                raise
            shutil.rmtree(folder, ignore_errors=True)
            return None
    result = run.config["result"]
    more = "; then trained on all outfits" if run.learned_from != ("train",) else ""
    say("train", f"{DEFAULT}: validation AUC {result['valid_auc']:.3f}, best epoch {result['best_epoch']}{more}")
    return run


def _bars(progress: Callable[[str], Progress]) -> Callable[[str], Epochs]:
    """A bar of its own for each stage of the training."""

    def of_stage(stage: str) -> Epochs:
        bar = progress(stage.replace(DEFAULT, "train"))
        return lambda epoch, epochs, measured: bar(epoch, epochs)

    return of_stage


def _changed_since(folder: Path, dataset: Dataset, encoder: str) -> bool:
    """Whether a training that was stopped in this folder was of items or features that are others now."""
    if not (folder / "config.json").is_file():
        return False
    begun = read_json(folder / "config.json", dict)
    now = {"dataset": dataset.named, "features": load_features(dataset, encoder).fingerprint}
    return any(begun.get(name) != value for name, value in now.items())
