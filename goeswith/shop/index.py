"""Index: the item states of a catalogue, stored with the model that computed them, in one folder.

index.json  items.parquet  states.safetensors  grammar.json  scale.json  taste.safetensors  vectors/  model/

Items stand by category. Rows are rows of the index: its catalogue is that of the data set in another order, and ids are
what both have in common.
"""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import polars as pl
import torch
from torch import Tensor

from goeswith import schemas
from goeswith.data.catalogue import Catalogue
from goeswith.data.shelf import Shelf, nearest, shelf
from goeswith.errors import CatalogueError, DataError, GoeswithError, ModelError
from goeswith.files import read_json, read_table, sha256
from goeswith.models import Towers
from goeswith.rules.rules import Rule
from goeswith.shop import approximate
from goeswith.shop.approximate import Vectors
from goeswith.shop.candidates import Candidates
from goeswith.shop.grammar import Grammar
from goeswith.shop.guests import GuestEncoder
from goeswith.shop.ruled_scorer import RuledScorer
from goeswith.shop.states import read_keys, read_states
from goeswith.train.run import Run
from goeswith.train.scorers import RunScorer

if TYPE_CHECKING:
    from PIL import Image

    from goeswith.evaluate.calibration import Scale
    from goeswith.shop.score_correction import ScoreCorrection

FORMAT = 2
"""Of the folder; raised when an older version could not read it."""
READABLE = (1, 2)
"""Formats that are opened: 1 has no grammar, products or correction of scores, so the defaults hold."""
CACHED_SEARCHES = ("item_id", "category", "group")
"""Columns of a guest that stay when it is removed: every row has them."""


class Index:
    """An index, opened from its folder (or from the folder of ``goeswith build`` that has one).

    info: what index.json says. run: the model. catalogue: the items by row, guests last. size: how many of them are
    the catalogue's own. scorer: the model over the states of all of them, higher = better match. device: what computes,
    the CPU by default. shown: how often items or rules have changed, so that an older answer is distinguished from a
    current one. Below, U is `size` plus the number of guests, and n a number of rows.

    Raises:
        DataError: the folder is not an index, or a file of it is broken.
        ModelError: it was made by another version, or its model is not the one it was made with.
    """

    def __init__(self, path: str | Path, device: torch.device | None = None) -> None:
        self.path, self.device = index_folder(Path(path)), device or torch.device("cpu")
        self._adding = threading.Lock()
        self.rules: tuple[Rule, ...] = ()
        self._free: list[int] = []  # rows of guests that are gone
        self.shown = 0
        self._looked: tuple[tuple[int, int], bool] = (0, 0), False
        info = _info(self.path)
        for _ in range(3):
            try:
                self._open(info)
                return
            except GoeswithError:
                # While it was read, another process may have put a newer index in its place.
                before, info = info, _info(self.path)
                if info == before:
                    raise
        self._open(info)

    def _open(self, info: schemas.IndexFile) -> None:
        self.info = info
        for name, expected in info["checksums"].items():
            if _checksum(self.path / name) != expected:
                kind = ModelError if name.startswith("model/") else DataError
                raise kind(f"{self.path / name} is not the file that belongs to the index; {_again(info)}")
        self.run = Run(self.path / "model", self.device)
        self.run.title = info["model"]["title"]
        for parameter in self.run.model.parameters():
            parameter.requires_grad_(False)
        self.guests = GuestEncoder(self.run)
        own = Catalogue(read_table(self.path / "items.parquet"))
        self.size = len(own)
        # Of a model that answers by queries of gaps the whole catalogue's keys are searched, and no other state read;
        # where large categories are searched in a table, everything else stays in the file.
        file, model = self.path / "states.safetensors", self.run.model
        self._table = info.get("vectors") if approximate.available() else None
        mapped = self._table is not None or isinstance(model, Towers)
        states, self._present = read_states(
            file, info["build"], _again(info), mapped=mapped and self.device.type == "cpu"
        )
        self._states = states.to(self.device)
        whole = isinstance(model, Towers) and self._table is None
        self._keys = read_keys(file, cast(Towers, model), self._states) if whole else None
        self._categories = own.categories
        self._kinds = np.pad(own.category_codes, (0, len(self._present) - self.size))
        self._show(own)

    def _show(self, catalogue: Catalogue) -> None:
        """Show so many items: states first, so that a concurrent reader never sees an item without one."""
        count = len(catalogue)
        states = self._states.rows(slice(count))
        alone = RunScorer(self.run.title, self.run.model, states, self._present[:count])
        self.scorer = RuledScorer(alone, catalogue, self.rules) if self.rules else alone
        self.catalogue = catalogue
        self.shown += 1

    def follow(self, rules: Sequence[Rule]) -> None:
        """Let rules correct every score from now on, see `goeswith.shop.ruled_scorer`; none: the model alone.

        Raises:
            CatalogueError: a rule names an attribute that the catalogue does not have; the rules before stay.
        """
        before = self.rules
        with self._adding:
            try:
                self.rules = tuple(rules)
                self._show(self.catalogue)
            except CatalogueError:
                self.rules = before
                raise

    def without_rules(self) -> Index:
        """The same index as the model alone answers from it, for a comparison now; no guest may be added to it."""
        alone = copy.copy(self)
        alone.rules = ()
        alone.scorer = self.scorer.student if isinstance(self.scorer, RuledScorer) else self.scorer
        return alone

    @property
    def shelf(self) -> Shelf:
        """The catalogue as arrays."""
        return shelf(self.catalogue)

    @property
    def row_of(self) -> dict[str, int]:
        """Item id → row."""
        return self.shelf.row_of

    @cached_property
    def dataset(self) -> Path | None:
        """The folder of the data set: beside the index, where a copy of both has it, else where it was; None: gone."""
        beside = Path(os.path.normpath(self.path / self.info["dataset"]["beside"]))
        folders = [beside, Path(self.info["dataset"]["path"])]
        return next((folder for folder in folders if (folder / "items.parquet").is_file()), None)

    @property
    def images(self) -> Path | None:
        """The folder that the column ``image`` is relative to; None where it is gone."""
        return self.dataset

    @property
    def stale(self) -> str:
        """Empty, or one sentence: the data set has other items than the index, or is gone.

        Looked up when the file of its items changes.
        """
        try:
            status = None if self.dataset is None else (self.dataset / "items.parquet").stat()
        except OSError:
            status = None
        if self.dataset is None or status is None:
            where = self.info["dataset"]["path"]
            return (
                f"the data set {where} is gone, and with it the pictures and the catalogue of the index; "
                "restore it, or import it again and run goeswith index on it"
            )
        stamp = status.st_mtime_ns, status.st_size
        if self._looked[0] != stamp:
            self._looked = stamp, _checksum(self.dataset / "items.parquet") != self.info["dataset"]["items"]
        if not self._looked[1]:
            return ""
        return f"the catalogue {self.dataset} has changed since it was indexed; {_again(self.info)}"

    @cached_property
    def scale(self) -> Scale | None:
        """The `goeswith.evaluate.calibration.Scale` of the scores; None where there were too few outfits for one."""
        file = self.path / "scale.json"
        if not file.is_file():
            return None
        from goeswith.evaluate.calibration import Scale

        return Scale.from_json(file.read_bytes())

    @cached_property
    def grammar(self) -> Grammar:
        """Which groups make an outfit."""
        file = self.path / "grammar.json"
        return Grammar.from_json(file.read_bytes()) if file.is_file() else Grammar.default()

    @cached_property
    def correction(self) -> ScoreCorrection | None:
        """Of the scores of the catalogue's own items; None where there were too few outfits."""
        file = self.path / "taste.safetensors"
        if not file.is_file():
            return None
        from goeswith.shop.score_correction import ScoreCorrection

        return ScoreCorrection.load(file)

    @cached_property
    def candidates(self) -> Candidates:
        """The search over the catalogue's own items; by LanceDB only where it is installed, for it can do without."""
        size, stored = self.size, self._table
        own = self.run.model, self._states, self._present[:size], self._kinds[:size], self._keys
        if stored is None:
            return Candidates(*own)
        if strange := set(stored["categories"]) - set(self._categories):
            raise DataError(
                f"{self.path / 'index.json'} lists a search for {min(strange)!r}, of no item; {schemas.INDEX_AGAIN}"
            )
        uri = approximate.address(self.path, stored["uri"])
        vectors = Vectors(uri, stored["version"], self.catalogue.ids[:size], self._categories)
        return Candidates(*own, vectors, frozenset(map(self._categories.index, stored["categories"])))

    @property
    def kinds(self) -> np.ndarray:
        """(≥ U,) int64 the category of each row, as a place in the sorted categories; beyond the guests, any."""
        return self._kinds

    @cached_property
    def known(self) -> np.ndarray:
        """(size,) bool: the catalogue's own items that can be offered: with features, of a category the model saw."""
        return self._present[: self.size] & self.seen(np.arange(self.size))

    def seen(self, rows: np.ndarray) -> np.ndarray:
        """(n,) bool: whether the model knows the items' categories (for some models, the group is enough)."""
        return self._states.categories.cpu().numpy()[rows] != len(self.run.vocabulary.categories)

    def directions(self, rows: np.ndarray) -> Tensor:
        """Unit vectors (n, d): how items differ from the mean of their category; what similarity is measured on."""
        typical = self.candidates.typical.hidden.flatten(1)[torch.from_numpy(self._kinds[rows]).to(self.device)]
        return torch.nn.functional.normalize(self.candidates.described(rows) - typical, dim=1)

    def add(
        self,
        picture: Image.Image | None,
        *,
        category: str,
        title: str = "",
        item_id: str | None = None,
        **columns: Any,
    ) -> str:
        """Take a guest item in, in memory only; returns its id: the one given, else ``guest-1`` and so on.

        A guest can be part of an outfit, and is never offered. It is encoded by the run's encoder.

        Args:
            picture: of the garment, where the encoder looks at pictures. columns: further ones, e.g. ``colour="red"``.

        Raises:
            CatalogueError: no item of the catalogue has the category, the encoder lacks the picture or the words it
                needs, or there is no room for more guests.
        """
        if category not in self._categories:
            raise CatalogueError(
                f"no item has the category {category!r}; {nearest(category, self._categories)}",
                reason="unknown_category",
            )
        kind = self._categories.index(category)
        first = int(np.searchsorted(self._kinds[: self.size], kind))  # an item of the category
        fields = {"category": category, "title": title, "group": self.catalogue.items["group"][first]} | columns
        schema = self.catalogue.items.schema
        unknown_field = next((name for name in fields if name not in schema), None)
        if unknown_field is not None:
            raise CatalogueError(f"the catalogue has no column {unknown_field!r}; it has {', '.join(schema)}")
        new = pl.DataFrame({"item_id": ["guest"]} | {name: [value] for name, value in fields.items()})
        values = self.guests.features(picture, Catalogue(new))
        code = self._states.categories[[first]]
        with torch.no_grad():
            hidden = self.run.model.encode_items(torch.from_numpy(values)[None].to(self.device), code).hidden[0]
        new = new.with_columns(pl.lit(None, schema[name]).alias(name) for name in schema if name not in new.columns)
        new = new.select(pl.col(name).cast(dtype, strict=False) for name, dtype in schema.items())
        with self._adding:
            row = self._free[-1] if self._free else len(self.catalogue)
            if row == len(self._present):
                capacity = row - self.size
                raise CatalogueError(
                    f"the index has room for only {capacity} uploaded items; open it again to start over",
                    reason="too_many_guests",
                )
            item_id = item_id or f"guest-{row - self.size + 1}"
            while item_id in self.shelf.row_of:  # a shop may call its own items so
                item_id = f"{item_id}-guest"
            self._states.hidden[row], self._states.categories[row] = hidden, code[0]
            self._present[row], self._kinds[row] = True, kind
            self._free = self._free[:-1]
            self._put(row, new.with_columns(item_id=pl.lit(item_id)))
        return item_id

    def remove(self, item_id: str) -> None:
        """Forget a guest item. The others keep their rows; the next guest gets its.

        Raises:
            CatalogueError: there is no such guest.
        """
        with self._adding:
            row = self.shelf.row_of.get(item_id, -1)
            if row < self.size:
                raise CatalogueError(
                    f"there is no uploaded item {item_id!r}; check the id", reason="unknown_item", item_ids=[item_id]
                )
            self._present[row] = False
            self._states.hidden[row] = 0
            schema = {name: dtype for name, dtype in self.catalogue.items.schema.items() if name not in CACHED_SEARCHES}
            bare = [pl.lit(None, dtype).alias(name) for name, dtype in schema.items()]
            self._free = [*self._free, row]
            self._put(row, self.catalogue.items[row].with_columns(*bare, item_id=pl.lit(f"{item_id} is gone")))

    def _put(self, row: int, item: pl.DataFrame) -> None:
        """Show an item in the row of a guest, or in a new one."""
        items = self.catalogue.items
        shown = Catalogue(pl.concat([items[:row], item, items[row + 1 :]]))
        arrays, before = shelf(shown), self.shelf
        arrays.rows_by_name = before.rows_by_name  # guests have their ids alone, and the others keep their rows
        arrays.near_names = before.near_names  # the ids of guests are secret
        self._show(shown)


def index_folder(path: Path) -> Path:
    """The index in a folder that ``goeswith build`` made; any other path as it is."""
    return path / "index" if (path / "index" / "index.json").is_file() else path


def _info(path: Path) -> schemas.IndexFile:
    """What index.json says.

    Raises:
        DataError: the folder is not an index or the file is broken. ModelError: of another format.
    """
    if not path.exists():
        raise DataError(f"there is no folder {path}; give one that goeswith build or goeswith index made")
    if not (path / "index.json").is_file():
        raise DataError(
            f"{path} is not an index (it has no index.json); make one: goeswith build SOURCE SHOP, or "
            "goeswith index RUN DATASET --out INDEX"
        )
    info: dict[str, Any] = read_json(path / "index.json", dict, schemas.INDEX_AGAIN)
    if info.get("format") not in READABLE:
        raise ModelError(
            f"{path} is an index of format {info.get('format')}, but this version reads formats 1 to {FORMAT}; "
            f"build it again: goeswith index RUN DATASET --out {path}"
        )
    return schemas.check(info, schemas.IndexFile, path / "index.json", schemas.INDEX_AGAIN)


def _again(info: schemas.IndexFile) -> str:
    run, dataset = info["model"]["title"], info["dataset"]["name"]
    return f"run goeswith build again, or goeswith index with the run {run} and {dataset}"


def _checksum(path: Path) -> str:
    """Of a file; empty where it is gone."""
    try:
        return sha256(path)
    except OSError:
        return ""
