"""Make docs/shortcuts.md: what counters that see no picture score on each published question file.

    python benchmarks/shortcuts.py --data ../shared/data --work runs/shortcuts

Each data set is imported once under --work and opened again from there; remove the folder to import it again.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ngnn_protocol
import numpy as np
from shortcuts_counters import FOLDS, UNKNOWN, counters, folded_lines, lines_of, paired_lines
from shortcuts_page import PAGE, Section, write_page

from goeswith.data.dataset import Dataset, Imported, create
from goeswith.data.questions import Questions, read_questions, write_questions
from goeswith.data.readers import read
from goeswith.data.readers.official import compatibility, fill_in_blank
from goeswith.data.readers.polyvore_maryland import COMPAT, FITB
from goeswith.data.readers.triplet_files import TRIPLETS
from goeswith.evaluate.bootstrap import pooled_auc, resampled
from goeswith.files import fresh_file, read_json, read_lines
from goeswith.models import Scorer

PROTOCOL = (
    "The program publishes no questions; it draws them while it runs. Here they are drawn again, from seed 0. A "
    "wrong item is one of the training outfits; as released, its category is drawn first, each as likely. A bad outfit "
    "is made of wrong items alone and is compared with its good one. An outfit has one place for each category, as in "
    "the program: an item takes the place of an earlier one of its category."
)

Say = Callable[[str], None]
Counters = dict[str, Scorer]
"""Name → counter."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the published data sets")
    parser.add_argument("--work", type=Path, default=Path("runs/shortcuts"), help="folder for what is imported")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page to write")
    options = parser.parse_args()
    sections = collect(options.data, options.work, print)
    with fresh_file(options.work / "shortcuts.json") as partial:
        records = [vars(section) | {"lines": [score.to_dict() for score in section.lines]} for section in sections]
        partial.write_text(json.dumps(records, indent=2) + "\n")
    write_page(sections, options.page)
    print(f"{options.page} has {len(sections)} question files")


def collect(data: Path, work: Path, say: Say = lambda text: None) -> list[Section]:
    """What the counters make of every question file below `data` that can be read; a folder may be missing."""
    sections: list[Section] = []
    for folder, measure in MEASURED.items():
        if (data / folder).is_dir():
            for section in measure(data / folder, work):
                best = max(section.lines, key=lambda line: line.value)
                say(f"{section.title}: {best.n} questions, {best.floor} {best.value:.3f}")
                sections.append(section)
    return sections


def maryland(source: Path, work: Path) -> list[Section]:
    """The two official files, by categories and by names, and NGNN's protocol over the same outfits."""
    sections = []
    dataset = imported(work / "maryland-categories", "polyvore-maryland", source, variant="categories")
    scorers = counters(dataset, words=False)  # few of these items have a title
    sections += official(source, dataset, scorers, "official", "by category")
    partly(source, dataset)
    del scorers["size"]  # of what is known, not of the outfit
    sections += official(source, dataset, scorers, "partly", "by category, items without a category left out")
    named = imported(work / "maryland-words", "polyvore-maryland", source, variant="words", alike=False)
    sections += official(source, named, counters(named), "official", "by name")
    return sections + (ngnn(source, work) if ngnn_protocol.is_here(source) else [])


def official(source: Path, dataset: Dataset, scorers: Counters, kind: str, variant: str) -> list[Section]:
    """Maryland's two files as far as a data set knows their items; `kind` is how its question files begin."""
    sections = []
    for task, name, file in (("fitb", "FITB", FITB), ("compat", "compat", COMPAT)):
        path = dataset.path / "questions" / f"{kind}-test-{task}.parquet"
        if path.is_file():
            questions = read_questions(path, dataset.catalogue)
            dressed = [
                f"{note.capitalize()}." for note in dataset.info["notes"] if note.startswith("outfits with a dress")
            ]
            sections.append(
                Section(
                    key=f"{dataset.name}-{task}-{kind}",
                    title=f"Maryland Polyvore {name}, {variant}",
                    file=file,
                    asked=len(read_json(source / file, list)) if task == "fitb" else len(read_lines(source / file)),
                    left=json.loads(questions.info["left"]) if kind == "partly" else left_out(dataset, file),
                    lines=lines_of(questions, dataset, scorers),
                    counted=trained(dataset),
                    first=first_choice(own_places(source / file)) if task == "fitb" else None,
                    same=same_category(questions, dataset) if task == "fitb" else None,
                    notes=dressed + ([size_alone(source / file)] if task == "compat" and "size" in scorers else []),
                )
            )
    return sections


def ngnn(source: Path, work: Path) -> list[Section]:
    """NGNN's protocol, and what is left of it when wrong items are drawn as often as their category is worn."""
    folder = work / "maryland-ngnn"
    if not folder.exists():
        create(ngnn_protocol.read(source), folder, layout="polyvore-maryland")
    dataset = Dataset(folder)
    codes = dataset.catalogue.category_codes
    scorers = {name: ngnn_protocol.Slots(floor, codes) for name, floor in counters(dataset).items()}
    sections = []
    for negatives, variant in (("released", "as released"), ("frequency", "wrong items by frequency")):
        for task, measure in (("fitb", lines_of), ("compat", paired_lines)):
            file = dataset.path / "questions" / f"{negatives}-test-{task}.parquet"
            questions = read_questions(file, dataset.catalogue)
            sections.append(
                Section(
                    key=f"ngnn-{task}-{negatives}",
                    title=f"NGNN's protocol, {task.upper() if task == 'fitb' else 'paired AUC'}, {variant}",
                    file=ngnn_protocol.TEST,
                    asked=int((dataset.outfits.splits == "test").sum()),
                    left={},
                    lines=measure(questions, dataset, scorers),
                    counted=trained(dataset),
                    control=negatives != "released",
                    first=1.0,  # the program lays the truth first, and takes the first of equal scores
                    same=same_category(questions, dataset) if task == "fitb" else None,
                    notes=[PROTOCOL],
                )
            )
    return sections


def triplets(layout: str, title: str) -> Callable[[Path, Path], list[Section]]:
    """The three files of triplets of one layout."""

    def measure(source: Path, work: Path) -> list[Section]:
        dataset = imported(work / layout, layout, source)
        scorers = counters(dataset)
        del scorers["size"]  # every outfit is a pair
        sections = []
        for split in ("test", "valid", "train"):
            file = dataset.path / "questions" / f"official-{split}-triplet.parquet"
            questions = read_questions(file, dataset.catalogue)
            sections.append(
                Section(
                    key=f"{layout}-{split}",
                    title=f"{title} triplets, {split}",
                    file=TRIPLETS[split],
                    asked=len(read_lines(source / TRIPLETS[split])),
                    left={},
                    lines=lines_of(questions, dataset, scorers),
                    counted=trained(dataset),
                    first=1.0,  # by the format: the worn bottom stands before the other one
                    same=same_category(questions, dataset),
                    in_sample=split == "train",
                    notes=overlap(questions, dataset) if split != "train" else [],
                )
            )
        return sections

    return measure


def polyvore_outfits(source: Path, work: Path) -> list[Section]:
    """The compatibility file of the validation part, counted in folds: no training outfits are published with it."""
    dataset = imported(work / "polyvore-outfits", "polyvore-outfits", source)
    sections = []
    for path in sorted((dataset.path / "questions").glob("official-*-compat.parquet")):
        split = path.stem.split("-")[1]
        questions = read_questions(path, dataset.catalogue)
        trains = (dataset.outfits.splits == "train").any()
        scorers = counters(dataset) if trains else {}
        file = f"compatibility_{split}.txt"
        sections.append(
            Section(
                key=f"polyvore-outfits-{split}",
                title=f"Polyvore Outfits compat, {split}",
                file=file,
                asked=len(questions) + sum(left_out(dataset, file).values()),
                left=left_out(dataset, file),
                lines=lines_of(questions, dataset, scorers) if trains else folded_lines(questions, dataset),
                counted=trained(dataset) if trains else f"the published good outfits of the other {FOLDS - 1} folds",
                notes=permuted(questions, dataset),
            )
        )
    return sections


MEASURED: dict[str, Callable[[Path, Path], list[Section]]] = {
    "polyvore-maryland": maryland,
    "fashionvc": triplets("fashionvc", "FashionVC"),
    "expfashion": triplets("expfashion", "ExpFashion"),
    "polyvore-outfits": polyvore_outfits,
}
"""Folder below --data → how its question files are measured."""


def imported(dest: Path, layout: str, source: Path, **options: Any) -> Dataset:
    """The data set at `dest`, imported first where it is not there yet."""
    if not dest.exists():
        with tempfile.TemporaryDirectory() as workdir:
            source_data: Imported = read(layout, source, workdir=Path(workdir), **options)
            create(source_data, dest, layout=layout)
    return Dataset(dest)


def permuted(questions: Questions, dataset: Dataset) -> list[str]:
    """How far the bad outfits are good ones whose items were exchanged for others of their category."""
    good, bad = (questions.context[questions.labels == label] for label in (1, 0))
    masks = [questions.context_mask[questions.labels == label] for label in (1, 0)]
    if good.shape != bad.shape or not np.array_equal(*masks):
        return ["The good and the bad rows differ in number or in size."]
    first, second = good[masks[0]], bad[masks[1]]
    category = dataset.catalogue.items["category"].to_numpy()
    both_known = (category[first] != UNKNOWN) & (category[second] != UNKNOWN)
    equal = (category[first] == category[second])[both_known].mean()
    moved = np.array_equal(np.sort(first), np.sort(second))
    whole = "the bad rows wear the very items of the good ones, each as often; " if moved else ""
    return [
        f"How it is made, read off the file: {whole}the n-th bad row has as many items as the n-th good one, and "
        f"{equal:.2%} of the {both_known.sum():,} places whose two categories are known have the same category in both."
    ]


def partly(source: Path, dataset: Dataset) -> None:
    """Question files of the official ones without the items that have no category: more of them can be asked.

    A blank's four candidates must all be known, and at least one item beside it; of an outfit, two items.
    """
    names = dataset.catalogue.items.select("item_id", name="item_id")
    categorised = set(names["name"])
    rows = [
        row | {"question": [item for item in row["question"] if item in categorised]}
        for row in read_json(source / FITB, list)
    ]
    lines = [line.split() for line in read_lines(source / COMPAT)]
    lines = [[line[0], *(item for item in line[1:] if item in categorised)] for line in lines]
    with tempfile.TemporaryDirectory() as folder:
        blanks, outfits = Path(folder, FITB), Path(folder, COMPAT)
        blanks.write_text(json.dumps([row for row in rows if row["question"]]))
        outfits.write_text("\n".join(" ".join(line) for line in lines if len(line) > 2) + "\n")
        frames = {"fitb": fill_in_blank(blanks, names, "test", 0), "compat": compatibility(outfits, names, "test")}
    short = {
        "fitb": {
            f"{FITB}: questions none of whose worn items has a category": sum(not row["question"] for row in rows)
        },
        "compat": {f"{COMPAT}: outfits with fewer than two items that have a category": sum(len(x) < 3 for x in lines)},
    }
    for task, (frame, left) in frames.items():
        reasons = json.dumps({reason: number for reason, number in (short[task] | left).items() if number})
        path = dataset.path / "questions" / f"partly-test-{task}.parquet"
        if len(frame):
            write_questions(frame, path, dataset.catalogue, dataset.outfits, split="test", seed="0", left=reasons)


def own_places(path: Path) -> np.ndarray:
    """Where a Polyvore file has the answer of the question's own set, (Q,); −1 unless exactly one is."""
    positions = []
    for row in read_json(path, list):
        own = row["question"][0].rsplit("_", 1)[0]
        there = [position for position, item in enumerate(row["answers"]) if item.rsplit("_", 1)[0] == own]
        positions.append(there[0] if len(there) == 1 else -1)
    return np.array(positions)


def first_choice(positions: np.ndarray) -> float:
    """What is scored by always taking the first choice, as argmax does of equal scores."""
    return float((positions == 0).mean())


def size_alone(path: Path) -> str:
    """The number of items needs no category, so it can be asked about every row."""
    lines = [line.split() for line in read_lines(path)]
    sizes, good = np.array([len(line) - 1.0 for line in lines]), np.array([line[0] == "1" for line in lines])
    statistic = pooled_auc(sizes, good, np.arange(len(lines)))
    low, high = np.quantile(resampled([statistic], len(lines), 0)[0], [0.025, 0.975])
    value = float(statistic(np.ones((1, len(lines))))[0])
    return (
        f"The number of items, which needs no category, has AUC {value:.3f} [{low:.3f}, {high:.3f}] on all "
        f"{len(lines):,} rows."
    )


def same_category(questions: Questions, dataset: Dataset) -> float:
    """Share of the wrong candidates that have the truth's category."""
    offsets = questions.candidate_offsets
    truth = questions.candidates[offsets[:-1] + questions.answers]
    owner = np.repeat(np.arange(len(questions)), np.diff(offsets))
    wrong = np.arange(len(owner)) != (offsets[:-1] + questions.answers)[owner]
    codes = dataset.catalogue.category_codes
    return float((codes[questions.candidates] == codes[truth[owner]])[wrong].mean())


def overlap(questions: Questions, dataset: Dataset) -> list[str]:
    """How many triplets ask about a pair that a training outfit wears."""
    train = dataset.outfits.split("train")
    worn = set(map(tuple, train.items.reshape(-1, 2).tolist()))
    truth = questions.candidates[questions.candidate_offsets[:-1] + questions.answers]
    paired = [pair in worn for pair in zip(questions.context[:, 0].tolist(), truth.tolist(), strict=True)]
    seen = np.isin(questions.context[:, 0], train.items) | np.isin(truth, train.items)
    return [
        f"{np.mean(paired):.1%} of the triplets ask about a pair that a training triplet has; of {1 - seen.mean():.1%} "
        "neither the top nor the worn bottom is worn in training."
    ]


def left_out(dataset: Dataset, file: str) -> dict[str, int]:
    """Why the reader left questions of a file out, and how many."""
    skipped: Mapping[str, int] = dataset.info["skipped"]
    return {reason: number for reason, number in skipped.items() if reason.startswith(f"{file}: ") and number}


def trained(dataset: Dataset) -> str:
    return f"{int((dataset.outfits.splits == 'train').sum()):,} training outfits"


if __name__ == "__main__":
    main()
