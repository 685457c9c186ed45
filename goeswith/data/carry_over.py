"""Carry over: which files of a data set are kept when a new version replaces it, and which must be made again."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import polars as pl

from goeswith.data.dataset import Dataset
from goeswith.data.features import earlier_path, read_metadata
from goeswith.data.outfits import SPLITS
from goeswith.data.questions import read_info
from goeswith.errors import DataError

OURS = {
    "items.parquet", "outfits.parquet", "known.parquet", "arrivals.parquet", "pictures.parquet", "dataset.json",
    "images", "features", "questions", ".lock",
}  # fmt: skip


class Carried(NamedTuple):
    """What must be made again, in sentences that name the command; built: those that `goeswith build` runs itself."""

    again: list[str]
    built: list[str]


def carry(old: Dataset, new: Dataset, dest: Path, *, features_stay: bool) -> Carried:
    """Link what lies in the folder of `old` and goes on into that of `new`: features, questions, files of others.

    Features that do not stay right wait where only `encode` looks, which keeps of them what it can.

    Args:
        dest: how the person who updates calls the folder.
    """
    for path in old.path.iterdir():
        if path.name not in OURS and not path.name.endswith(".partial") and not (new.path / path.name).exists():
            _link(path, new.path / path.name)
    built: list[str] = []
    notes = [*_features(old, new, dest, features_stay, built)]
    return Carried([*built, *notes, *_questions(old, new, dest, built)], built)


def _link(path: Path, to: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.copytree(path, to, symlinks=True, copy_function=_link_file)
    else:
        to.parent.mkdir(exist_ok=True)
        _link_file(str(path), str(to))


def _link_file(path: str, to: str) -> None:
    try:
        os.link(path, to, follow_symlinks=False)
    except OSError:
        shutil.copy2(path, to, follow_symlinks=False)


def _features(old: Dataset, new: Dataset, dest: Path, stay: bool, built: list[str]) -> Iterator[str]:
    """Link features, where they stay right under their name, else where only `encode` looks.

    Yields what to check; adds to `built` what to encode again.
    """
    folder = old.path / "features"
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        written_here = path.suffix == ".safetensors" and not path.name.startswith(".")
        if path.name.endswith(".partial") or (path.suffix == ".earlier" and _later(path).exists()):
            continue
        to = new.path / "features" / path.name
        metadata = _metadata(path) if written_here or path.suffix == ".earlier" else {}
        foreign = written_here and "stamp" not in metadata
        _link(path, to if stay or foreign or not written_here else earlier_path(to))
        if foreign and not stay:
            yield f"features/{path.name} was not made by goeswith encode; check that it fits the current items"
        elif metadata and not (written_here and stay):
            encoder = metadata.get("encoder", path.stem)
            built.append(f"the features of {encoder} are out of date; run: goeswith encode {dest} --encoder {encoder}")


def _metadata(path: Path) -> dict[str, str]:
    try:
        return read_metadata(path)
    except DataError:
        return {}


def _later(path: Path) -> Path:
    """The features file that `path` waits for, see `earlier_path`."""
    return path.with_name(f"{path.name.removeprefix('.').removesuffix('.earlier')}.safetensors")


def _questions(old: Dataset, new: Dataset, dest: Path, built: list[str]) -> Iterator[str]:
    """Link frozen questions where items and outfits are as they were, else give the commands that make them.

    Adds to `built` the one that makes the usual questions.
    """
    folder = old.path / "questions"
    commands: dict[str, list[str]] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.name.startswith("official-") or path.name.endswith(".partial"):
            continue
        info = _info(path)
        if old.fingerprint == new.fingerprint or "catalogue" not in info:
            _link(path, new.path / "questions" / path.name)
        else:
            commands.setdefault(_remade(path, info, dest), []).append(path.name)
    for command, names in commands.items():
        line = f"questions of the old data set were not carried over ({', '.join(names)}); create them again: {command}"
        if re.fullmatch(r" --seed \d+|", command.removeprefix(f"goeswith questions {dest}")):
            built.append(line)
        yield line


def _info(path: Path) -> dict[str, str]:
    try:
        return read_info(path) if path.is_file() else {}
    except (OSError, pl.exceptions.PolarsError):
        return {}


def _remade(path: Path, info: dict[str, str], dest: Path) -> str:
    """The command that made a question file."""
    from goeswith.data.freeze import PLAN, file_stem

    made = {name: info.get(name, "") for name in ("split", "task", "negatives", "seed")}
    seed = f" --seed {made['seed']}" if made["seed"] not in ("", "0") else ""
    kind = f" --task {made['task']} --negatives {shlex.quote(made['negatives'])}"
    if made["split"] not in SPLITS:
        return f"goeswith questions {dest} --outfits {made['split']}.csv{kind}{seed} --out {dest}/questions/{path.name}"
    before = path.stem.removesuffix(file_stem(made["split"], made["task"], made["negatives"])).removesuffix("-")
    source = f"{dest}#{before}" if before else str(dest)
    return f"goeswith questions {source}{'' if (made['task'], made['negatives']) in PLAN else kind}{seed}"
