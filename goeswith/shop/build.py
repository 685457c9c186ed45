"""Build: creates or updates the index of a data set, in a folder that replaces the old one at once."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import polars as pl
import torch
from safetensors.numpy import load_file

from goeswith import __version__
from goeswith.data.dataset import Dataset
from goeswith.data.products import COMPUTED, products
from goeswith.data.shelf import shelf
from goeswith.errors import DataError, GoeswithError, ModelError
from goeswith.evaluate.calibration import Scale
from goeswith.files import fresh_file, put_in_place, sha256, sole, writing
from goeswith.models import Searchable
from goeswith.shop import approximate
from goeswith.shop.grammar import Grammar
from goeswith.shop.index import FORMAT, Index
from goeswith.shop.indexed_items import Intake
from goeswith.shop.score_correction import ScoreCorrection
from goeswith.shop.shards import Updated, digest, encode, keys, old_states
from goeswith.shop.states import read_states, write_states
from goeswith.train.export import save
from goeswith.train.run import HELD_OUT, Run
from goeswith.train.scorers import RunScorer


def build_index(
    run: str | Path | Run,
    dataset: Dataset,
    out: str | Path,
    *,
    vectors: str | None = None,
    say: Callable[[str], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
    device: torch.device | None = None,
) -> Index:
    """Make the index of a data set in the folder `out`, or bring the one there up to date.

    States that another index of the same weights holds are kept where features and category of the item are the same.
    Every `SHARD` items are saved beside `out`, so that the same call resumes if interrupted. The new index
    takes the old one's place at once; processes that have the old one open keep it.

    Args:
        run: a trained run. device: what computes the states of one that is a path, the CPU by default.
        vectors: folder or address (such as ``s3://bucket/shop``) of the vectors of categories that are too large to
            multiply with, see `goeswith.shop.approximate`; None: a folder in the index.
        say: told what was added, changed and removed. progress: called with items done and in all.

    Raises:
        ModelError: the run is not finished, another process is writing, or `out` is not an index.
        DataError: there are no features by the run's encoder, or they belong to another catalogue.
    """
    run = run if isinstance(run, Run) else Run(run, device)
    out = Path(out).absolute()
    if out.exists() and not (out / "index.json").is_file():
        raise ModelError(f"{out} exists and is not an index; choose another folder or remove it")
    if not len(dataset.catalogue):
        raise DataError(f"{dataset.path} has no items; import a catalogue with some")
    workdir = out.with_name(f".{out.name}.building")
    where = vectors if vectors is None or "://" in vectors else str(Path(vectors).absolute())
    with writing(out), sole(workdir, "another process is building the index in"):
        intake = Intake(run, dataset)
        shards, summary = encode(intake, old_states(out, intake.weights), workdir, progress)
        folder = workdir / "index"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        if not _unchanged(out, intake, summary, where):
            _write(intake, shards, summary, folder, out, where, say)
            put_in_place(folder, out)
        shutil.rmtree(workdir)
    if say:
        say(str(summary))
    return Index(out)


def _write(
    intake: Intake,
    shards: list[Path],
    summary: Updated,
    folder: Path,
    out: Path,
    where: str | None,
    say: Callable[[str], None] | None,
) -> None:
    """All files of an index into `folder`, from where it will be moved to `out`."""
    save(intake.run, folder / "model")
    counted = _write_items(intake, folder, say)
    marks = np.concatenate([load_file(path)["marks"] for path in shards])
    build = digest(FORMAT.to_bytes(2, "little"), intake.weights, intake.catalogue.fingerprint, marks.tobytes())[:32]
    hidden = (len(intake), *intake.shape), (load_file(path)["hidden"] for path in shards)
    write_states(folder / "states.safetensors", build, hidden, marks, intake.codes, intake.present)
    vectors = _write_vectors(intake, shards, folder, out, where, say)
    _fit(intake, folder, build, say)
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    info = {
        "format": FORMAT,
        "goeswith": __version__,
        "build": build,
        **_described(intake, out),
        "items": summary.items,
        "without_features": summary.without_features,
        **counted,
        "dtype": "float32",
        **vectors,
        "checksums": {name: sha256(folder / name) for name in names},
    }
    with fresh_file(folder / "index.json") as partial:
        partial.write_text(json.dumps(info, indent=2) + "\n")


def _write_items(intake: Intake, folder: Path, say: Callable[[str], None] | None) -> dict[str, Any]:
    """Write items.parquet, in which every item has a ``product_id``; returns what was counted."""
    items = intake.catalogue.items
    numbers = products(items, intake.pictures)
    first = np.unique(numbers, return_index=True)[1][numbers]
    computed = pl.Series("product_id", [f"{COMPUTED}{intake.catalogue.ids[row]}" for row in first.tolist()])
    declared = [pl.col("product_id").cast(pl.String)] if "product_id" in items.columns else []
    items.with_columns(product_id=pl.coalesce(*declared, computed)).write_parquet(folder / "items.parquet")
    matched, without = intake.matched
    if say:
        say(f"{len(items):,} items are {numbers.max() + 1:,} products (by product_id, or else by title and picture)")
        count = dict(items["category"].value_counts().iter_rows())
        for category, names in sorted(_inverted(matched).items()):
            listed = ", ".join(f"{name!r} ({count[name]:,})" for name in names)
            say(f"treated as {category!r}, because the model has not seen them: {listed}")
        if without:
            listed = ", ".join(f"{name!r} ({count[name]:,})" for name in without)
            say(f"never offered, because the model has seen nothing like them: {listed}")
    return {"products": int(numbers.max()) + 1, "matched": matched, "unmatched": without}


def _inverted(matched: Mapping[str, str]) -> dict[str, list[str]]:
    """Known category → those that were matched to it."""
    inverted: dict[str, list[str]] = {}
    for name, category in matched.items():
        inverted.setdefault(category, []).append(name)
    return inverted


def _unchanged(out: Path, intake: Intake, summary: Updated, where: str | None) -> bool:
    """Whether the index at `out` is whole and says all that a new one would say."""
    if summary.added or summary.changed or summary.removed:
        return False
    with contextlib.suppress(GoeswithError):
        info = Index(out).info
        uri = where or approximate.FOLDER
        if info.get("vectors", {"uri": uri})["uri"] != uri:
            return False
        return bool(info.get("goeswith") == __version__ and _described(intake, out).items() <= info.items())
    return False


def _described(intake: Intake, out: Path) -> dict[str, Any]:
    """What index.json says of the model and the data set."""
    run, dataset = intake.run, intake.dataset
    where = dataset.path.absolute()
    return {
        "model": {"name": run.name, "title": run.title, "weights": intake.weights, "encoder": run.config["encoder"]},
        "dataset": {
            "name": dataset.name,
            "path": str(where),
            "source": dataset.outfit_source,
            "beside": os.path.relpath(where, out),
            "fingerprint": dataset.catalogue.fingerprint,
            "items": sha256(dataset.path / "items.parquet"),
            "outfits": sha256(dataset.path / "outfits.parquet"),
        },
    }


def _write_vectors(
    intake: Intake, shards: list[Path], folder: Path, out: Path, where: str | None, say: Callable[[str], None] | None
) -> dict[str, Any]:
    """The table of the categories with very many items, where the model can be searched by them, and what it is."""
    sizes = np.bincount(intake.category)
    large = np.flatnonzero(sizes >= approximate.LARGE)
    names = [intake.catalogue.categories[code] for code in large.tolist()]
    if not names or not isinstance(intake.run.model, Searchable):
        return {}
    if not approximate.available():
        if say:
            listed = ", ".join(repr(name) for name in names)
            say(
                f"{sizes[large].sum():,} items are of {listed}; pip install 'goeswith[scale]' makes their search faster"
            )
        return {}
    uri, before = where or approximate.FOLDER, _table_before(out, intake.weights)
    if before is not None and before["uri"] != uri:
        before = None
    if before is not None and not where:  # its files never change, so that a link to each is as good as a copy
        shutil.copytree(out / uri, folder / uri, copy_function=_link)
    rows = np.flatnonzero(np.isin(intake.category, large) & intake.present)
    marks = np.concatenate([load_file(path)["marks"] for path in shards])[rows]
    frame = approximate.columns(shelf(intake.catalogue), rows, marks)
    compacted = None if before is None else int(before["compacted"])
    where = approximate.address(folder, uri)
    version, compacted = approximate.update(where, frame, lambda at: keys(intake, shards, rows[at]), compacted)
    return {"vectors": {"uri": uri, "version": version, "compacted": compacted, "categories": names}}


def _table_before(out: Path, weights: str) -> dict[str, Any] | None:
    """What the index at `out` says of its table, if it is whole and of the same model."""
    with contextlib.suppress(GoeswithError):
        info = Index(out).info
        if info["model"]["weights"] == weights:
            return cast(dict[str, Any] | None, info.get("vectors"))
    return None


def _link(source: str, dest: str) -> None:
    try:
        os.link(source, dest)
    except OSError:
        shutil.copy2(source, dest)


@dataclass(frozen=True)
class _InDatasetOrder:
    """The index's scorer, with the data set's row numbers. row_of: (U,) row of the index by theirs."""

    scorer: RunScorer
    row_of: np.ndarray

    @property
    def name(self) -> str:
        return self.scorer.name

    @property
    def present(self) -> np.ndarray:
        return self.scorer.present[self.row_of]

    def score(self, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return self.scorer.score(self.row_of[items], mask)


def _fit(intake: Intake, folder: Path, build: str, say: Callable[[str], None] | None) -> None:
    """Write what is learnt from the data set's outfits: grammar.json, and scale.json and taste.safetensors, if any.

    If they are too few for a scale, the log says so. What a score means, and how much popularity and categories count
    beside it, is seen on outfits that are new to a model, so a run that has learned from them all is taken as it was
    before that.
    """
    dataset = intake.dataset
    grammar = Grammar.learn(dataset.catalogue, dataset.outfits)
    (folder / "grammar.json").write_text(grammar.to_json() + "\n")
    states, present = read_states(folder / "states.safetensors", build, "build it again", mapped=True)
    own = RunScorer(intake.run.title, intake.run.model, states.to(intake.run.device), present)
    scorer = served = _InDatasetOrder(own, np.argsort(intake.order))
    measurable = intake.run.measurable(dataset, ("valid", "test"))
    if measurable is not intake.run:
        scorer = replace(served, scorer=_scorer_of(measurable, dataset, folder.with_name(HELD_OUT)))
    scale = Scale.fit(scorer, dataset)
    if scale is not None:
        (folder / "scale.json").write_text(scale.to_json() + "\n")
    servable = intake.present & (intake.codes != len(intake.run.vocabulary.categories))
    correction = ScoreCorrection.fit(scorer, dataset, servable[scorer.row_of])
    if correction is not None:
        if scorer is not served:
            correction = correction.of(served, dataset, servable[served.row_of])
        correction.in_order(intake.order).save(folder / "taste.safetensors")
        if say:
            say(str(correction))


def _scorer_of(run: Run, dataset: Dataset, folder: Path) -> RunScorer:
    """A run over the catalogue in the order of an index, whose states are written into `folder` and read from there."""
    folder.mkdir(exist_ok=True)
    intake = Intake(run, dataset)
    shards, _ = encode(intake, None, folder, None)
    hidden = (len(intake), *intake.shape), (load_file(path)["hidden"] for path in shards)
    marks = np.concatenate([load_file(path)["marks"] for path in shards])
    write_states(folder / "states.safetensors", intake.weights, hidden, marks, intake.codes, intake.present)
    states, present = read_states(folder / "states.safetensors", intake.weights, "build it again", mapped=True)
    return RunScorer(run.title, run.model, states.to(run.device), present)
