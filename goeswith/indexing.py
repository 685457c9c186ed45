"""Indexing: the states of a whole catalogue, computed once, resumed after a kill, and brought up to date."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from goeswith import __version__, approximate
from goeswith.catalogue import Catalogue
from goeswith.dataset import Dataset
from goeswith.errors import CatalogueError, DataError, GoeswithError, ModelError
from goeswith.features import features_path, read_metadata
from goeswith.files import fresh_file, put_in_place, read_json, sha256, sole
from goeswith.index import FORMAT, Index, StateScorer, digest
from goeswith.models import ItemStates
from goeswith.pretrained import save
from goeswith.run import Run

SHARD = 1 << 14
"""Items between two savings: what a kill can cost at most."""
TILE = 128
"""Items encoded at a time, always so many and of one category: a state then depends on its own item alone, to the bit,
and an index that was brought up to date equals one that was made anew."""


@dataclass(frozen=True)
class Updated:
    """What became of an index: items added, changed and removed since the last one, and those without features."""

    items: int
    added: int
    changed: int
    removed: int
    encoded: int
    without_features: int

    def __str__(self) -> str:
        return (
            f"{self.items:,} items: {self.added:,} added, {self.changed:,} changed, {self.removed:,} removed; "
            f"{self.encoded:,} encoded, {self.without_features:,} without features"
        )


def build_index(
    run: str | Path | Run,
    dataset: Dataset,
    out: Path,
    *,
    say: Callable[[str], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Index:
    """Make the index of a data set in the folder `out`, or bring the one there up to date.

    States that another index of the same weights holds are kept where features and category of the item are the same.
    Every `SHARD` items are saved beside `out`, so that after a kill the same call goes on from there. The new index
    takes the old one's place at once; whoever has the old one open keeps it.

    Args:
        run: a trained run. say: told what was added, changed and removed. progress: called with items done and in all.

    Raises:
        ModelError: the run is not finished, another process is writing, or `out` is no index.
        DataError: there are no features by the run's encoder, or they belong to another catalogue.
    """
    run = run if isinstance(run, Run) else Run(run)
    out = out.absolute()
    if out.exists() and not (out / "index.json").is_file():
        raise ModelError(f"{out} exists and is no index; choose another --out or remove it")
    if not len(dataset.catalogue):
        raise DataError(f"{dataset.path} has no items; import a catalogue with some")
    work = out.with_name(f".{out.name}.building")
    with sole(work, "another process is making the index in"):
        source = _Source(run, dataset)
        shards, told = _encode(source, _old_states(out, source.weights), work, progress)
        fresh = work / "index"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        if not _unchanged(out, source, told):
            _write(source, shards, told, fresh, out, say)
            put_in_place(fresh, out)
        shutil.rmtree(work)
    if say:
        say(str(told))
    return Index(out)


class _Source:
    """Features and categories of a data set's items in the order of the index, read a few at a time.

    order: (U,) rows of the data set, by category and then as they were. codes: (U,) categories as the model knows them.
    """

    def __init__(self, run: Run, dataset: Dataset) -> None:
        if "result" not in run.config:
            raise ModelError(f"the training of {run.path} has not finished; run the same train command to go on")
        self.run, self.dataset = run, dataset
        self.weights = sha256(run.weights)
        _ = run.model  # weights that are not whole are told before anything is written
        items = dataset.catalogue.items.with_row_index("row").sort("category", maintain_order=True)
        self.order = items["row"].to_numpy().astype(np.int64)
        self.catalogue = Catalogue(items.drop("row"))
        codes = run.vocabulary.codes(dataset.catalogue, by_group=getattr(run.model, "by_group", False))
        self.codes = codes[self.order]
        self.category = self.catalogue.category_codes
        names = run.config["encoder"].split("+")
        self.files = [_FeatureFile(features_path(dataset, name), name, dataset) for name in names]
        width = sum(file.matrix.shape[1] for file in self.files)
        if width != run.config["dim"]:
            raise DataError(
                f"{run.path} was trained on {run.config['encoder']} features of {run.config['dim']} dimensions, those "
                f"of {dataset.path} have {width}; run goeswith encode {dataset.path} --encoder {names[0]}"
            )
        self.present = np.logical_and.reduce([file.place >= 0 for file in self.files])[self.order]

    def __len__(self) -> int:
        return len(self.order)

    def features(self, rows: np.ndarray) -> np.ndarray:
        """(n, D) float32 of rows of the index; zeros where there are none."""
        return np.concatenate([file.read(self.order[rows]) for file in self.files], axis=1) * self.present[rows, None]

    def marks(self, rows: np.ndarray, values: np.ndarray) -> np.ndarray:
        """(n,) int64 digests of all that a state is made of, features (n, D) and code: equal marks, equal states."""
        told = np.concatenate([self.codes[rows, None], self.present[rows, None]], axis=1).astype(np.int64)
        data = np.concatenate([np.ascontiguousarray(values).view(np.uint8), told.view(np.uint8)], axis=1)
        found = b"".join(hashlib.blake2b(row, digest_size=8).digest() for row in data)
        return np.frombuffer(found, np.int64)

    def encode(self, rows: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Hidden states (n, ...) of rows of the index with features (n, D), in tiles of one category each."""
        tiles = _tiles(self.category[rows])
        codes = torch.from_numpy(self.codes[rows])
        with torch.inference_mode():
            parts = [
                self.run.model.encode_items(torch.from_numpy(values[at]), codes[at]).hidden.float() for at in tiles
            ]
        return torch.cat(parts).numpy()[np.unique(np.concatenate(tiles), return_index=True)[1]]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the state of one item."""
        with torch.inference_mode():
            one = self.run.model.encode_items(torch.zeros(1, self.run.config["dim"]), torch.from_numpy(self.codes[:1]))
        return tuple(one.hidden.shape[1:])


def _tiles(category: np.ndarray) -> list[np.ndarray]:
    """Places of items (n,) sorted by category, in tiles of `TILE` of one category, the last item repeated to fill."""
    starts = np.flatnonzero(np.diff(category, prepend=-1))
    ends = np.append(starts[1:], len(category))
    return [
        np.minimum(np.arange(at, at + TILE), end - 1)
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
        for at in range(start, end, TILE)
    ]


class _FeatureFile:
    """The features of one encoder, mapped and not read. place: (U,) row of the matrix by row of the data set, or −1."""

    def __init__(self, path: Path, encoder: str, dataset: Dataset) -> None:
        if not path.is_file():
            raise DataError(
                f"{dataset.path} has no features of {encoder!r}, which the run was trained on; "
                f"run goeswith encode {dataset.path} --encoder {encoder}"
            )
        told = read_metadata(path)
        ids = _ids(told, path)
        with open(path, "rb") as file:
            size = int.from_bytes(file.read(8), "little")
            tensor = json.loads(file.read(size))["features"]
        kind = {"F16": np.float16, "F32": np.float32, "F64": np.float64}[tensor["dtype"]]
        start, shape = 8 + size + tensor["data_offsets"][0], tuple(tensor["shape"])
        known = set(ids) <= set(dataset.catalogue.ids)
        if not known or told.get("catalogue", "") not in ("", dataset.catalogue.fingerprint) or len(ids) != shape[0]:
            raise CatalogueError(
                f"{path} belongs to another catalogue than {dataset.path} has now; "
                f"run goeswith encode {dataset.path} --encoder {encoder}"
            )
        self.path = path
        self.matrix = np.memmap(path, kind, "r", start, shape) if ids else np.zeros(shape, kind)
        self.place = np.full(len(dataset.catalogue), -1)
        self.place[dataset.catalogue.rows(ids, str(path))] = np.arange(len(ids))

    def read(self, rows: np.ndarray) -> np.ndarray:
        """(n, D) float32 by rows of the data set; anything where there are none."""
        values = self.matrix[self.place[rows]].astype(np.float32)
        if not np.isfinite(values[self.place[rows] >= 0]).all():
            raise DataError(f"{self.path} has NaN or infinity; remove the file and encode the data set again")
        return values


def _ids(told: dict[str, str], path: Path) -> list[str]:
    try:
        return [str(item_id) for item_id in json.loads(told["item_ids"])]
    except (KeyError, ValueError, TypeError):
        raise DataError(f"{path} does not say which items it is about; encode the data set again") from None


@dataclass(frozen=True)
class _Old:
    """The states of the index that is there, for those that stay as they are. hidden is read as it is asked for."""

    path: Path
    place: dict[str, int]
    marks: np.ndarray

    def take(self, places: np.ndarray) -> np.ndarray:
        with safe_open(self.path, framework="numpy") as file:
            return file.get_slice("hidden")[int(places.min()) : int(places.max()) + 1][places - places.min()]


def _old_states(out: Path, weights: str) -> _Old | None:
    """What can be kept of the index at `out`; nothing of one that is broken or was made by another model."""
    with contextlib.suppress(GoeswithError, OSError, SafetensorError, KeyError):
        info = read_json(out / "index.json", dict)
        if info["format"] == FORMAT and info["model"]["weights"] == weights:
            for name in ("items.parquet", "states.safetensors"):
                if sha256(out / name) != info["checksums"][name]:
                    return None
            ids = pl.read_parquet(out / "items.parquet", columns=["item_id"])["item_id"].to_list()
            with safe_open(out / "states.safetensors", framework="numpy") as file:
                marks = file.get_tensor("marks")
            return _Old(out / "states.safetensors", {item_id: row for row, item_id in enumerate(ids)}, marks)
    return None


def _encode(
    source: _Source, old: _Old | None, work: Path, progress: Callable[[int, int], None] | None
) -> tuple[list[Path], Updated]:
    """Files of states, `SHARD` items each, in the order of the index; and what was done."""
    ids = source.catalogue.ids
    before = np.array([old.place.get(item_id, -1) for item_id in ids]) if old else np.full(len(ids), -1)
    shards, changed, encoded = [], 0, 0
    for at in range(0, len(source), SHARD):
        rows = np.arange(at, min(at + SHARD, len(source)))
        values = source.features(rows)
        marks = source.marks(rows, values)
        same = np.zeros(len(rows), bool)
        if old is not None:
            same = (before[rows] >= 0) & (old.marks[before[rows]] == marks)
        changed += int(((before[rows] >= 0) & ~same).sum())
        path = work / f"{digest(source.weights, str(FORMAT), marks.tobytes())[:32]}.safetensors"
        if not _whole(path, len(rows)):
            hidden = np.zeros((len(rows), *source.shape), np.float32)
            if same.any() and old is not None:
                hidden[same] = old.take(before[rows][same])
            todo = np.flatnonzero(~same & source.present[rows])
            if len(todo):
                hidden[todo] = source.encode(rows[todo], values[todo])
            encoded += len(todo)
            with fresh_file(path) as partial:
                save_file({"hidden": hidden, "marks": marks}, partial)
        shards.append(path)
        if progress:
            progress(int(rows[-1]) + 1, len(source))
    told = Updated(
        items=len(source),
        added=int((before < 0).sum()),
        changed=changed,
        removed=len(set(old.place) - set(ids)) if old else 0,
        encoded=encoded,
        without_features=int((~source.present).sum()),
    )
    return shards, told


def _whole(path: Path, count: int) -> bool:
    try:
        with safe_open(path, framework="numpy") as file:
            return bool(file.get_slice("hidden").get_shape()[0] == count)
    except (OSError, SafetensorError):
        return False


def _write(
    source: _Source, shards: list[Path], told: Updated, fresh: Path, out: Path, say: Callable[[str], None] | None
) -> None:
    """All files of an index into the folder `fresh`, from where it will be moved to `out`."""
    save(source.run, fresh / "model")
    source.catalogue.items.write_parquet(fresh / "items.parquet")
    marks = np.concatenate([load_file(path)["marks"] for path in shards])
    build = digest(FORMAT.to_bytes(2, "little"), source.weights, source.catalogue.fingerprint, marks.tobytes())[:32]
    tensors = {
        "hidden": ("F32", (len(source), *source.shape), (load_file(path)["hidden"].tobytes() for path in shards)),
        "marks": ("I64", marks.shape, iter([marks.tobytes()])),
        "categories": ("I64", source.codes.shape, iter([source.codes.astype(np.int64).tobytes()])),
        "present": ("U8", source.present.shape, iter([source.present.astype(np.uint8).tobytes()])),
    }
    _write_tensors(fresh / "states.safetensors", tensors, {"build": build})
    large = _write_large(source, shards, fresh, say)
    _fit_scale(source, fresh)
    names = sorted(str(path.relative_to(fresh)) for path in fresh.rglob("*") if path.is_file())
    info = {
        "format": FORMAT,
        "goeswith": __version__,
        "build": build,
        **_described(source, out),
        "items": told.items,
        "without_features": told.without_features,
        "dtype": "float32",
        "large": large,
        "checksums": {name: sha256(fresh / name) for name in names},
    }
    with fresh_file(fresh / "index.json") as partial:
        partial.write_text(json.dumps(info, indent=2) + "\n")


def _unchanged(out: Path, source: _Source, told: Updated) -> bool:
    """Whether the index at `out` is whole and says all that a new one would say."""
    if told.added or told.changed or told.removed:
        return False
    with contextlib.suppress(GoeswithError):
        info = Index(out).info
        return bool(info["goeswith"] == __version__ and _described(source, out).items() <= info.items())
    return False


def _described(source: _Source, out: Path) -> dict[str, Any]:
    """What index.json says of the model and the data set."""
    run, dataset = source.run, source.dataset
    where = dataset.path.absolute()
    return {
        "model": {"name": run.name, "title": run.title, "weights": source.weights, "encoder": run.config["encoder"]},
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


def _write_large(source: _Source, shards: list[Path], fresh: Path, say: Callable[[str], None] | None) -> dict[str, str]:
    """FAISS indices of the categories with very many items, where the model can be searched by them: name → file."""
    files: dict[str, str] = {}
    starts = np.flatnonzero(np.diff(source.category, prepend=-1, append=-1))
    for start, stop in pairwise(starts.tolist()):
        name = source.catalogue.categories[source.category[start]]
        if stop - start < approximate.LARGE or not hasattr(source.run.model, "query"):
            continue
        if not approximate.available():
            if say:
                say(f"{name!r} has {stop - start:,} items; pip install 'goeswith[scale]' searches them quicker")
            continue
        count = round((stop - start) ** 0.5) * approximate.TRAINED
        chosen = np.unique(np.linspace(start, stop - 1, min(count, stop - start)).astype(np.int64))
        sample = np.concatenate([block for _, block in _keys(source, shards, chosen)])
        files[name] = f"large-{len(files)}.faiss"
        blocks = (block for _, block in _keys(source, shards, np.arange(start, stop)))
        approximate.write(fresh / files[name], blocks, stop - start, sample)
    return files


def _keys(source: _Source, shards: list[Path], rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows of the index, ascending, and what the model's first stage searches of them (m, d), shard by shard."""
    owner = rows // SHARD
    for shard in np.unique(owner).tolist():
        here = rows[owner == shard]
        hidden = torch.from_numpy(load_file(shards[shard])["hidden"][here - shard * SHARD])
        yield here, source.run.model.keys(ItemStates(hidden, torch.from_numpy(source.codes[here]))).numpy()


def _write_tensors(
    path: Path, tensors: dict[str, tuple[str, tuple[int, ...], Iterator[bytes]]], told: dict[str, str]
) -> None:
    """A safetensors file whose tensors are written as they come: no more than one part of them is in memory."""
    header: dict[str, Any] = {"__metadata__": told}
    at = 0
    for name, (kind, shape, _) in tensors.items():
        size = {"F32": 4, "I64": 8, "U8": 1}[kind] * int(np.prod(shape))
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    said = json.dumps(header).encode()
    said += b" " * (-len(said) % 8)
    with fresh_file(path) as partial, open(partial, "wb") as file:
        file.write(len(said).to_bytes(8, "little") + said)
        for _, _, parts in tensors.values():
            file.writelines(parts)


@dataclass(frozen=True)
class _InDatasetOrder:
    """The index's scorer for those who count rows as the data set does. place: (U,) row of the index by theirs."""

    scorer: StateScorer
    place: np.ndarray

    @property
    def name(self) -> str:
        return self.scorer.name

    @property
    def present(self) -> np.ndarray:
        return self.scorer.present[self.place]

    def score(self, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return self.scorer.score(self.place[items], mask)


def _fit_scale(source: _Source, fresh: Path) -> None:
    """Write scale.json, where the data set has outfits to fit it to; that it has too few is told by the log."""
    try:
        from goeswith.calibration import Scale
    except ImportError:
        return
    with safe_open(fresh / "states.safetensors", framework="pt") as file:
        states = ItemStates(file.get_tensor("hidden"), file.get_tensor("categories"))
    scorer = StateScorer(source.run.title, source.run.model, states, source.present)
    scale = Scale.fit(_InDatasetOrder(scorer, np.argsort(source.order)), source.dataset)
    if scale is not None:
        (fresh / "scale.json").write_text(scale.to_json() + "\n")
