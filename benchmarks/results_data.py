"""The data sets that docs/results.md is measured on, imported and encoded, with the paper's questions about pairs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from goeswith.data.dataset import Dataset, create
from goeswith.data.encoders.encode import encode
from goeswith.data.freeze import make_questions
from goeswith.data.pairs import tops_and_bottoms
from goeswith.data.questions import read_questions, write_questions
from goeswith.data.readers import read

SAMPLE = {"outfits": 6000, "items": 1000}
"""Of the generated sample of the tables; half of the outfits are users'. That of the curves is as `import` makes it."""
SEASONS = "mango-seasons"
"""MANGO with a source for each of its two seasons."""
LENGTHS = (10, 100)
"""T of the retrieval of AKD-DBPR's paper, for tops that training has seen and for others."""

Say = Callable[[str], None]


def prepare(
    path: str, encoders: Iterable[str], data: Path, folder: Path, say: Say, sample: Mapping[str, Any] = SAMPLE
) -> str:
    """Import and encode the data set of a recipe, as far as that has not been done; its path below `folder`.

    path: as the recipe has it, with the source of the outfits or without. sample: options of the generated sample.
    """
    name = Path(path).name.partition("#")[0]
    dest = folder / name
    if not dest.exists():
        say(f"import {name}")
        dest.parent.mkdir(parents=True, exist_ok=True)
        layout, options = ("mango", {"by_season": True}) if name == SEASONS else (name, {})
        source = None if layout == "sample" else data / layout
        with tempfile.TemporaryDirectory(dir=dest.parent) as drawn:
            imported = read(layout, source, workdir=Path(drawn), **(sample if layout == "sample" else options))
            create(imported, dest, layout=layout)
    for encoder in dict.fromkeys(name for each in encoders for name in each.split("+") if name):
        if not (dest / "features" / f"{encoder}.safetensors").exists():
            say(f"encode {name} with {encoder}")
            encode(Dataset(dest), encoder)
    return str(folder / Path(path).name)


def pair_question_files(dataset: Dataset) -> list[str]:
    """The paper's questions about pairs that a recipe cannot name, made where they are missing; their names."""
    names, signature = [], {"dataset": dataset.name, "split": "test", "seed": "0"}
    for name, frame in pair_questions(dataset):
        path = dataset.path / "questions" / f"{name}.parquet"
        if not path.exists():
            write_questions(frame, path, dataset.catalogue, dataset.outfits, **signature)
        names.append(name)
    return names


def pair_questions(dataset: Dataset) -> Iterator[tuple[str, pl.DataFrame]]:
    """Published triplets within one category, and retrieval of bottoms for tops seen and unseen in training."""
    catalogue = dataset.catalogue
    official = dataset.path / "questions" / "official-test-triplet.parquet"
    if official.is_file():
        published = read_questions(official, catalogue).frame
        kinds = dict(zip(catalogue.ids, catalogue.category_codes, strict=True))
        alike = pl.Series([kinds[a] == kinds[b] for a, b in published["candidates"]])
        yield "own-same-category", published.filter(alike).with_columns(negatives=pl.lit("official, same category"))
    pairs = tops_and_bottoms(dataset.outfits, catalogue)
    bottoms = (catalogue.items["group"] == "bottom").fill_null(False).to_numpy()
    worn = [catalogue.ids[row] for row in set(pairs.split("train").items.tolist())]
    for length in LENGTHS:
        frame, _ = make_questions(catalogue, pairs, "test", "retrieval", "group", choices=length, usable=bottoms)
        seen = pl.col("context").list.first().is_in(worn)
        for label, chosen in (("seen", seen), ("unseen", ~seen)):
            some = frame.filter(chosen).with_columns(negatives=pl.lit(f"{length} bottoms, {label} top"))
            yield f"own-{length}-bottoms-{label}-top", some
