"""Photos: the picture files of a folder, by name or item id; nothing outside it, no pipes and no devices."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import polars as pl

from goeswith.data.encoders.pictures import ENDINGS

OUTSIDE = "pictures whose link points outside the folder"
IRREGULAR = "pictures that are not regular files"
LINKS = 3
"""Links to folders that one path may contain: each can lead to the next."""


@dataclass
class Photos:
    """The files of a folder.

    files: path inside the folder → file, in a fixed order: what lies less deep first, then by name.
    left_out: why a file was not taken → how many.
    """

    root: Path | None
    files: dict[str, Path] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.root is not None:
            paths, away = _walk(self.root)
            inner, self.left_out = inside(paths, self.root)
            if away:
                self.left_out[f"folders{OUTSIDE.removeprefix('pictures')}"] = away
            self.files = dict(sorted(inner.items(), key=lambda entry: (entry[0].count("/"), entry[0])))

    def named(self, names: Iterable[str]) -> dict[str, Path]:
        """Name → file; letter case and Unicode form may differ. The folder's own name may come first."""
        exact = {_composed(name): path for name, path in reversed(self.files.items())}
        folded = {name.casefold(): path for name, path in exact.items()}
        paths = {}
        for name in names:
            for plain in self._readings(name):
                path = self.files.get(plain) or exact.get(_composed(plain)) or folded.get(_composed(plain).casefold())
                if path is not None:
                    paths[name] = path
                    break
        return paths

    def _readings(self, name: str) -> list[str]:
        plain = name.replace("\\", "/").removeprefix("./")
        front = f"{self.root.name}/" if self.root is not None else ""
        return [plain, plain.removeprefix(front)] if front and plain.startswith(front) else [plain]

    def by_stem(self, stems: Iterable[str]) -> tuple[dict[str, Path], dict[str, list[str]]]:
        """Stem → the first picture called so, and stem → names of all of them where there are several.

        A stem is a file's name without its ending; letter case and Unicode form may differ.
        """
        exact: dict[str, list[str]] = {}
        folded: dict[str, list[str]] = {}
        for name in self.files:
            path = PurePosixPath(name)
            if path.suffix.lower() in ENDINGS:
                exact.setdefault(_composed(path.stem), []).append(name)
                folded.setdefault(_composed(path.stem).casefold(), []).append(name)
        paths, several = {}, {}
        for stem in stems:
            names = exact.get(_composed(stem)) or folded.get(_composed(stem).casefold(), [])
            if names:
                paths[stem] = self.files[names[0]]
            if len({os.path.realpath(self.files[name]) for name in names}) > 1:
                several[stem] = names
        return paths, several


def inside(images: dict[str, Path], root: Path) -> tuple[dict[str, Path], dict[str, int]]:
    """Those of `images` that are regular files in `root`, links followed; and why the others are not → how many."""
    inner: dict[str, Path] = {}
    left_out: dict[str, int] = {}
    real = Path(os.path.realpath(root))
    for key, path in images.items():
        away = path.is_symlink() or path.parent != root
        if away and not Path(os.path.realpath(path)).is_relative_to(real):
            left_out[OUTSIDE] = left_out.get(OUTSIDE, 0) + 1
        elif path.exists() and not path.is_file():
            left_out[IRREGULAR] = left_out.get(IRREGULAR, 0) + 1
        else:
            inner[key] = path
    return inner, left_out


def addresses_of(items: pl.DataFrame) -> dict[str, str]:
    """Item id → web address of its picture, of the items whose column ``image`` names one."""
    if "image" not in items.columns:
        return {}
    linked = items.filter(pl.col("image").str.contains("(?i)^https?://"))
    return dict(linked.select("item_id", "image").iter_rows())


def _walk(root: Path) -> tuple[dict[str, Path], int]:
    """Path inside the folder → file, linked folders in it followed; and how many linked folders lie outside."""
    paths: dict[str, Path] = {}
    away, real = 0, os.path.realpath(root)
    for folder, folders, files in os.walk(root, followlinks=True):
        here = Path(folder)
        paths |= {(here / name).relative_to(root).as_posix(): here / name for name in files}
        linked = {name: os.path.realpath(here / name) for name in folders if (here / name).is_symlink()}
        outside = {name for name, target in linked.items() if not Path(target).is_relative_to(real)}
        above = {os.path.realpath(parent) for parent in (here, *here.parents)}
        deep = sum(parent.is_symlink() for parent in (here, *here.parents)) >= LINKS
        back = {name for name, target in linked.items() if deep or target in above}
        folders[:] = [name for name in folders if name not in outside | back]
        away += len(outside)
    return paths, away


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)
