"""Shards: the states of a catalogue, saved in files of fixed size while an index is built."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from goeswith.errors import GoeswithError
from goeswith.files import fresh_file, read_json, sha256
from goeswith.models import ItemStates, Searchable
from goeswith.shop.index import FORMAT
from goeswith.shop.indexed_items import Intake

SHARD = 1 << 14
"""Items between two savings: what a kill can cost at most."""


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


@dataclass(frozen=True)
class Old:
    """The states of the index that is there, for those that stay as they are. hidden is read as it is asked for."""

    path: Path
    row_of: dict[str, int]
    marks: np.ndarray

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Hidden states (n, ...) of some of its rows."""
        with safe_open(self.path, framework="numpy") as file:
            return file.get_slice("hidden")[int(rows.min()) : int(rows.max()) + 1][rows - rows.min()]


def old_states(out: Path, weights: str) -> Old | None:
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
            return Old(out / "states.safetensors", {item_id: row for row, item_id in enumerate(ids)}, marks)
    return None


def encode(
    intake: Intake, old: Old | None, workdir: Path, progress: Callable[[int, int], None] | None
) -> tuple[list[Path], Updated]:
    """Files of states, `SHARD` items each, in the order of the index; and what was done."""
    ids = intake.catalogue.ids
    before = np.array([old.row_of.get(item_id, -1) for item_id in ids]) if old else np.full(len(ids), -1)
    shards, changed, encoded = [], 0, 0
    for at in range(0, len(intake), SHARD):
        rows = np.arange(at, min(at + SHARD, len(intake)))
        values = intake.features(rows)
        marks = intake.marks(rows, values)
        was = before[rows]
        unchanged = was if old is None else np.where((was >= 0) & (old.marks[was] == marks), was, -1)
        changed += int(((was >= 0) & (unchanged < 0)).sum())
        path = workdir / f"{digest(intake.weights, str(FORMAT), marks.tobytes())[:32]}.safetensors"
        if not _whole(path, len(rows)):
            hidden, todo = np.zeros((len(rows), *intake.shape), np.float32), (unchanged < 0) & intake.present[rows]
            if old is not None and (unchanged >= 0).any():
                hidden[unchanged >= 0] = old.take(unchanged[unchanged >= 0])
            if todo.any():
                hidden[todo] = intake.encode(rows[todo], values[todo])
            encoded += int(todo.sum())
            with fresh_file(path) as partial:
                save_file({"hidden": hidden, "marks": marks}, partial)
        shards.append(path)
        if progress:
            progress(int(rows[-1]) + 1, len(intake))
    summary = Updated(
        items=len(intake),
        added=int((before < 0).sum()),
        changed=changed,
        removed=len(set(old.row_of) - set(ids)) if old else 0,
        encoded=encoded,
        without_features=int((~intake.present).sum()),
    )
    return shards, summary


def _whole(path: Path, count: int) -> bool:
    try:
        with safe_open(path, framework="numpy") as file:
            return bool(file.get_slice("hidden").get_shape()[0] == count)
    except (OSError, SafetensorError):
        return False


def keys(intake: Intake, shards: list[Path], rows: np.ndarray) -> Iterator[np.ndarray]:
    """What the model's first stage searches of rows of the index (ascending): (m, d), shard by shard."""
    owner, model = rows // SHARD, cast(Searchable, intake.run.model)
    for shard in np.unique(owner).tolist():
        shard_rows = rows[owner == shard]
        hidden = torch.from_numpy(load_file(shards[shard])["hidden"][shard_rows - shard * SHARD])
        states = ItemStates(hidden, torch.from_numpy(intake.codes[shard_rows])).to(intake.run.device)
        yield model.keys(states).cpu().numpy()


def digest(*parts: bytes | str) -> str:
    """Hex sha256 over parts, told apart."""
    hasher = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        hasher.update(len(data).to_bytes(8, "little") + data)
    return hasher.hexdigest()
