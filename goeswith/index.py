"""Index: a catalogue's item states, kept with the model that made them, and the search for what goes with a few items.

index.json  items.parquet  states.safetensors  scale.json  model/

Items stand by category, so that a search over one category is one matrix product with a slice of the states. Rows are
rows of the index: its catalogue is that of the data set in another order, and ids are what both have in common.
"""

from __future__ import annotations

import hashlib
import io
import json
import threading
from collections.abc import Callable
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from goeswith import approximate
from goeswith.catalogue import Catalogue
from goeswith.dataset import Dataset
from goeswith.errors import CatalogueError, DataError, GoeswithError, ModelError
from goeswith.files import read_json, read_table, sha256
from goeswith.filters import Shelf, nearest, shelf
from goeswith.models import ItemStates
from goeswith.outfits import OutfitBatch
from goeswith.run import Run
from goeswith.training import score

if TYPE_CHECKING:
    from PIL import Image

FORMAT = 1
"""Of the folder; raised when an older program could not read it."""
FULL = 256
"""Outfits that the full model scores in one step of a search; where there are no more, the search is exact. On MANGO
the best 10 of a category are then those of an exhaustive search in all but a few of a thousand cases, see
docs/look.md."""
EACH = 4
"""So many times its even share one partial outfit may have of the pairs that the full model scores."""
GUESTS = 1024
"""Guest items that an open index has room for."""
SPARSE = 0.25
"""Where fewer of a category's items are allowed than this share, they are gathered; else all of them are multiplied."""
BLOCK = 1 << 15
"""Outfits scored at a time."""

Refuse = Callable[[np.ndarray], np.ndarray]
"""From some candidates (m,) to (B, m) bool: True where one must not join a partial outfit."""


class StateScorer:
    """A model over item states that are there already, as a `goeswith.models.Scorer`.

    states: hidden (U, ...) and categories (U,). present: (U,) bool, items that have features.
    """

    def __init__(self, name: str, model: Any, states: ItemStates, present: np.ndarray) -> None:
        self.name, self.model, self.states, self.present = name, model, states, present

    def score(self, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Scores (B,) float64; NaN for an outfit with an item that has no features."""
        parts = [self._score(items[at : at + BLOCK], mask[at : at + BLOCK]) for at in range(0, len(items), BLOCK)]
        return np.concatenate(parts) if parts else np.empty(0)

    def _score(self, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
        # Only the states that are asked about: a model may do work for each of them.
        rows, places = np.unique(items, return_inverse=True)
        at = torch.from_numpy(rows)
        states = ItemStates(self.states.hidden[at], self.states.categories[at])
        batch = OutfitBatch(torch.from_numpy(places.reshape(items.shape)), torch.from_numpy(np.ascontiguousarray(mask)))
        scores = score(self.model, states, batch).double().numpy()
        return np.where((self.present[items] | ~mask).all(axis=1), scores, np.nan)


class Index:
    """An index, opened from its folder.

    info: what index.json says. run: the model. catalogue: the items by row, guests last. size: how many of them are
    the catalogue's own. images: folder that the column ``image`` is relative to; None where it is gone.
    stale: empty, or a sentence: the data set has other items by now, or is gone. scale: of the scores, None where
    there is none.

    Raises:
        DataError: the folder is no index, or a file of it is broken.
        ModelError: it was made by another version, or its model is not the one it was made with.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._adding = threading.Lock()
        self._networks: dict[str, Any] = {}
        self._looked: tuple[tuple[int, int], bool] = (0, 0), False
        told = _info(self.path)
        for _ in range(3):
            try:
                self._open(told)
                return
            except GoeswithError:
                # While it was read, another process may have put a newer index in its place.
                before, told = told, _info(self.path)
                if told == before:
                    raise
        self._open(told)

    def _open(self, info: dict[str, Any]) -> None:
        self.info = info
        for name, expected in info["checksums"].items():
            if _checksum(self.path / name) != expected:
                kind = ModelError if name.startswith("model/") else DataError
                raise kind(f"{self.path / name} is not the file that the index was made with; {_again(info)}")
        self.run = Run(self.path / "model")
        self.run.title = info["model"]["title"]
        self.catalogue = Catalogue(read_table(self.path / "items.parquet"))
        self.size = len(self.catalogue)
        self._hidden, present, categories = _read_states(self.path / "states.safetensors", info)
        self._present, self._categories = np.zeros(self.size + GUESTS, bool), torch.zeros(self.size + GUESTS).long()
        self._present[: self.size], self._categories[: self.size] = present, categories
        self.run.model.requires_grad_(False)
        self._grow(self.catalogue)

    def _grow(self, catalogue: Catalogue) -> None:
        """Show so many items: states first, so that whoever reads meanwhile never sees an item without one."""
        count = len(catalogue)
        states = ItemStates(self._hidden[:count], self._categories[:count])
        self.scorer = StateScorer(self.run.title, self.run.model, states, self._present[:count])
        self.catalogue = catalogue

    @property
    def states(self) -> ItemStates:
        """Of every item, guests last."""
        return self.scorer.states

    @property
    def shelf(self) -> Shelf:
        """The catalogue as arrays."""
        return shelf(self.catalogue)

    @cached_property
    def dataset(self) -> Path | None:
        """The folder of the data set, where it was or beside the index as it was; None where it is gone."""
        places = [Path(self.info["dataset"]["path"]), self.path / self.info["dataset"]["beside"]]
        return next((place for place in places if (place / "items.parquet").is_file()), None)

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
            told = None if self.dataset is None else (self.dataset / "items.parquet").stat()
        except OSError:
            told = None
        if self.dataset is None or told is None:
            where = self.info["dataset"]["path"]
            return (
                f"the data set {where} is gone, and with it the pictures and the catalogue that the index was made of; "
                "put it back, or import it again and run goeswith index over it"
            )
        stamp = told.st_mtime_ns, told.st_size
        if self._looked[0] != stamp:
            self._looked = stamp, _checksum(self.dataset / "items.parquet") != self.info["dataset"]["items"]
        if not self._looked[1]:
            return ""
        return f"the catalogue {self.dataset} has changed since it was indexed; {_again(self.info)}"

    @cached_property
    def scale(self) -> Any:
        """The `goeswith.calibration.Scale` of the scores; None where the data set had too few outfits for one."""
        file = self.path / "scale.json"
        if not file.is_file():
            return None
        from goeswith.calibration import Scale

        return Scale.from_json(file.read_text())

    @cached_property
    def _large(self) -> dict[int, Any]:
        """FAISS indices of large categories; none where FAISS is not installed, for the search can do without."""
        if not approximate.available():
            return {}
        names = self._own_categories[1]
        return {names[name]: approximate.read(self.path / file) for name, file in self.info["large"].items()}

    @cached_property
    def known(self) -> np.ndarray:
        """(U,) bool: the catalogue's own items that can be offered: with features and a category the model has seen."""
        return self._present[: self.size] & self.seen(np.arange(self.size))

    def seen(self, rows: np.ndarray) -> np.ndarray:
        """(n,) bool: whether the model knows the items' categories (for some models, the group is enough)."""
        return self._categories.numpy()[rows] != len(self.run.vocabulary.categories)

    @cached_property
    def _starts(self) -> np.ndarray:
        """(C + 1,) where the items of each category begin."""
        codes, names = self._own_categories
        return np.searchsorted(codes, np.arange(len(names) + 1))

    @cached_property
    def _own_categories(self) -> tuple[np.ndarray, dict[str, int]]:
        codes, names = shelf(Catalogue(self.catalogue.items[: self.size])).codes("category")
        return codes, names

    @cached_property
    def typical(self) -> ItemStates:
        """The mean state of each category's items, (C, ...), and the category as the model knows it (C,)."""
        starts = self._starts
        means = torch.zeros(len(starts) - 1, *self._hidden.shape[1:])
        for place, (start, stop) in enumerate(pairwise(starts)):
            here = torch.from_numpy(self._present[start:stop])
            if here.any():
                means[place] = (
                    self._hidden[start:stop][here].mean(0) if not here.all() else self._hidden[start:stop].mean(0)
                )
        return ItemStates(means, self._categories[torch.from_numpy(starts[:-1])])

    def directions(self, rows: np.ndarray) -> Tensor:
        """Unit vectors (n, d): how items differ from the mean of their category; what similarity is measured on."""
        codes = self.shelf.codes("category")
        names = {code: name for name, code in codes[1].items()}
        own = self._own_categories[1]
        places = torch.tensor([own[names[code]] for code in codes[0][rows].tolist()], dtype=torch.long)
        apart = self._hidden[torch.from_numpy(rows)].flatten(1) - self.typical.hidden.flatten(1)[places]
        return torch.nn.functional.normalize(apart, dim=1)

    @property
    def row_of(self) -> dict[str, int]:
        """Item id → row."""
        return self.shelf.place

    def nearness(self, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        """(n, m) cosines of the `directions` of items."""
        return (self.directions(rows) @ self.directions(others).T).numpy()

    def candidates(self, context: np.ndarray, allowed: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The best of the `allowed` rows (M,) beside the items of `context` (n,).

        Where M is at most `FULL` (or 2 k) all are scored by the full model; else so many of the first stage's best.

        Returns:
            rows (k,) and their full-model scores (k,), best first; fewer where fewer are allowed and have a score.
        """
        owner, rows = self.pairs(context[None], allowed, full=max(FULL, 2 * k))
        scores = self.scores(context[None], owner, rows)
        order = np.argsort(-scores, kind="stable")[: min(k, int((~np.isnan(scores)).sum()))]
        return rows[order], scores[order]

    def scores(self, contexts: np.ndarray, owner: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Full-model scores (P,) of `rows` (P,), each beside the partial outfit contexts[owner], in one call."""
        items = np.concatenate([contexts[owner], rows[:, None]], axis=1)
        return self.scorer.score(items, np.ones(items.shape, bool))

    def pairs(
        self,
        contexts: np.ndarray,
        allowed: np.ndarray,
        refuse: Refuse | None = None,
        full: int = FULL,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Which candidates the full model should score beside which of the partial outfits (B, n).

        All that may be, where they are at most `full` or the model has no first stage; else the `full` pairs that the
        first stage puts highest (its scores are estimates of the look's, so those of different looks compare).

        Args:
            allowed: (M,) rows of the catalogue's own items, ascending.
            full: outfits to score in all.
            refuse: which of them must not join which partial outfit.

        Returns:
            owner (P,), which partial outfit, and rows (P,).
        """
        count = len(contexts)
        if count * len(allowed) <= full or not hasattr(self.run.model, "query"):
            may = np.ones((count, len(allowed)), bool) if refuse is None else ~refuse(allowed)
            owner, place = may.nonzero()
            return owner, allowed[place]
        rows, first = self.shortlist(contexts, allowed, max(min(full, EACH * full // count), 1), refuse)
        flat = first.ravel()
        best = np.argpartition(-flat, min(full, len(flat)) - 1)[:full]
        owner, place = np.unravel_index(np.sort(best[np.isfinite(flat[best])]), first.shape)
        return owner, rows[owner, place]

    def shortlist(
        self,
        contexts: np.ndarray,
        allowed: np.ndarray,
        count: int,
        refuse: Refuse | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """The first stage: for each partial outfit (B, n) the best `count` of the allowed rows (M,), best first.

        One matrix product for each category (FAISS where it is large, see `goeswith.approximate`): the items of a
        category stand together, and what is asked of them differs from category to category.

        Returns:
            rows (B, count) and first-stage scores (B, count), −inf where there is no candidate.
        """
        codes = self._own_categories[0][allowed]
        categories, starts = np.unique(codes, return_index=True)
        vectors, offsets = self._queries(contexts, categories)
        best: list[tuple[Tensor, Tensor]] = []
        for place, part in enumerate(np.split(allowed, starts[1:])):
            category = int(categories[place])
            found = self._approximate(vectors[:, place], category, part, count, refuse)
            values, rows = found or self._exact(vectors[:, place], category, part, count, refuse)
            best.append((values + offsets[:, place, None], rows))
        values, rows = (torch.cat(column, dim=1) for column in zip(*best, strict=True))
        top = values.nan_to_num(nan=-torch.inf, neginf=-torch.inf).topk(min(count, values.shape[1]), dim=1)
        return rows.gather(1, top.indices).numpy(), top.values.numpy()

    def _exact(
        self, vectors: Tensor, category: int, rows: np.ndarray, count: int, refuse: Refuse | None
    ) -> tuple[Tensor, Tensor]:
        """Inner products (B, count) of queries (B, d) with the best keys of some items of a category, and the rows."""
        found = self._products(vectors, category, rows)
        if refuse is not None:
            found[torch.from_numpy(refuse(rows))] = -torch.inf
        top = found.topk(min(count, len(rows)), dim=1)
        return top.values, torch.from_numpy(rows)[top.indices]

    def _approximate(
        self, vectors: Tensor, category: int, rows: np.ndarray, count: int, refuse: Refuse | None
    ) -> tuple[Tensor, Tensor] | None:
        """The same by FAISS; None where the items are few, there is no such index, or it finds too few."""
        large = self._large.get(category) if len(rows) >= approximate.LARGE else None
        if large is None:
            return None
        start = int(self._starts[category])
        places, products = approximate.search(large, vectors.numpy(), rows - start, 4 * count)
        found = np.maximum(places, 0) + start
        if refuse is not None:
            distinct, at = np.unique(found, return_inverse=True)
            refused = np.take_along_axis(refuse(distinct), at.reshape(found.shape), axis=1)
            products = np.where(refused, -np.inf, products)
        if (np.isfinite(products).sum(axis=1) < count).any():
            return None
        top = torch.from_numpy(products).topk(count, dim=1)
        return top.values, torch.from_numpy(found).gather(1, top.indices)

    def _queries(self, contexts: np.ndarray, categories: np.ndarray) -> tuple[Tensor, Tensor]:
        """Vectors (B, C', d) and offsets (B, C') of partial outfits (B, n) that want an item of each category (C',)."""
        count, wanted = len(contexts), len(categories)
        items = torch.from_numpy(np.repeat(contexts, wanted, axis=0))
        at = torch.from_numpy(np.tile(categories, count)).long()
        typical = ItemStates(self.typical.hidden[at], self.typical.categories[at])
        vectors, offsets = self.run.model.query(self.states, items, typical)
        return vectors.view(count, wanted, -1), offsets.view(count, wanted)

    def _products(self, vectors: Tensor, category: int, rows: np.ndarray) -> Tensor:
        """Inner products (B, m) of queries (B, d) with the keys of some items of one category."""
        start, stop = self._starts[category : category + 2].tolist()
        if len(rows) < SPARSE * (stop - start):
            at = torch.from_numpy(rows)
            return vectors @ self.run.model.keys(ItemStates(self._hidden[at], self._categories[at])).T
        keys = self.run.model.keys(ItemStates(self._hidden[start:stop], self._categories[start:stop]))
        products = vectors @ keys.T
        return products if len(rows) == stop - start else products[:, torch.from_numpy(rows - start)]

    def add(self, picture: Image.Image | None, *, category: str, title: str = "", **columns: Any) -> str:
        """Take a guest item in, in memory only; returns its id, ``guest-1`` and so on.

        A guest can stand in an outfit, and is never offered. It is encoded by the run's encoder.

        Args:
            picture: of the garment, where the encoder looks at pictures. columns: further ones, e.g. ``colour="red"``.

        Raises:
            CatalogueError: no item of the catalogue has the category, the encoder lacks the picture or the words it
                needs, or there is no room for more guests.
        """
        own = self._own_categories[1]
        if category not in own:
            raise CatalogueError(f"no item has the category {category!r}; {nearest(category, list(own))}")
        place = self._starts[own[category]]
        told = {"category": category, "title": title, "group": self.catalogue.items["group"][int(place)]} | columns
        odd = next((name for name in told if name not in self.catalogue.items.columns), None)
        if odd is not None:
            there = ", ".join(self.catalogue.items.columns)
            raise CatalogueError(f"the catalogue has no column {odd!r}; it has {there}")
        values = self._features(
            picture, Catalogue(pl.DataFrame({"item_id": ["guest"]} | {n: [v] for n, v in told.items()}))
        )
        codes = self._categories[[int(place)]]
        with torch.no_grad():
            hidden = self.run.model.encode_items(torch.from_numpy(values)[None], codes).hidden
        with self._adding:
            row = len(self.catalogue)
            if row == self.size + GUESTS:
                raise CatalogueError(f"the index has room for {GUESTS} guest items; open it anew to start again")
            item_id = f"guest-{row - self.size + 1}"
            while item_id in self.shelf.place:  # a shop may call its own items so
                item_id = f"{item_id}-guest"
            schema = self.catalogue.items.schema
            new = pl.DataFrame({"item_id": [item_id]} | {n: [v] for n, v in told.items()})
            new = new.with_columns(pl.lit(None, schema[n]).alias(n) for n in schema if n not in new.columns)
            new = new.select(pl.col(n).cast(kind, strict=False) for n, kind in schema.items())
            self._hidden[row], self._categories[row], self._present[row] = hidden[0], codes[0], True
            self._grow(Catalogue(pl.concat([self.catalogue.items, new])))
        return item_id

    def _features(self, picture: Image.Image | None, one: Catalogue) -> np.ndarray:
        """Features (D,) of a catalogue of one item, rounded as those of the data set are."""
        from goeswith.networks import open_network
        from goeswith.pictures import read_picture

        parts = []
        for name in self.run.config["encoder"].split("+"):
            network = self._networks[name] = self._networks.get(name) or open_network(name)
            given: Any = network.reads(one)
            if network.size is not None:
                if picture is None:
                    raise CatalogueError(f"{name} looks at pictures, and the item has none; give one")
                written = io.BytesIO()
                picture.save(written, "PNG")
                given = read_picture(written, network.size)[None]  # type: ignore[arg-type]
            elif not given[0]:
                raise CatalogueError(f"{name} reads words, and the item has none; give a title")
            parts.append(network.run(given)[0].astype(network.dtype).astype(np.float32))
        values = np.concatenate(parts)
        if len(values) != self.run.config["dim"]:
            raise ModelError(
                f"the encoder {self.run.config['encoder']} gives {len(values)} features here and the model reads "
                f"{self.run.config['dim']}; install the version that the data set was encoded with"
            )
        return values


def build(
    run: str | Path | Run,
    dataset: Dataset,
    out: str | Path,
    *,
    say: Callable[[str], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Index:
    """Make the index of a data set, or bring one up to date; see `goeswith.indexing.build_index`."""
    from goeswith.indexing import build_index

    return build_index(run, dataset, Path(out), say=say, progress=progress)


def _info(path: Path) -> dict[str, Any]:
    """What index.json says.

    Raises:
        DataError: the folder is no index or the file is broken. ModelError: of another format.
    """
    if not (path / "index.json").is_file():
        raise DataError(f"{path} is no index (it has no index.json); make one: goeswith index RUN DATASET --out {path}")
    info: dict[str, Any] = read_json(path / "index.json", dict, "make the index anew with goeswith index")
    if info.get("format") != FORMAT:
        raise ModelError(
            f"{path} is an index of format {info.get('format')} and this program reads format {FORMAT}; "
            f"make it anew: goeswith index RUN DATASET --out {path}"
        )
    lacking = [name for name in ("model", "dataset", "checksums", "items", "build", "large") if name not in info]
    if lacking:
        raise DataError(f"{path / 'index.json'} lacks {lacking[0]!r}; make the index anew with goeswith index")
    return info


def _again(info: dict[str, Any]) -> str:
    return f"run goeswith index with the run {info['model']['title']} and {info['dataset']['name']} again"


def _read_states(path: Path, info: dict[str, Any]) -> tuple[Tensor, np.ndarray, Tensor]:
    """hidden (U + GUESTS, ...) with the guests' rows empty, present (U,) and categories (U,).

    Raises:
        DataError: the file is broken, or belongs to another index.
    """
    try:
        with safe_open(path, framework="pt") as file:
            if (file.metadata() or {}).get("build") != info["build"]:
                raise DataError(f"{path} belongs to another index; {_again(info)}")
            present, categories = file.get_tensor("present").bool().numpy(), file.get_tensor("categories")
            count, *shape = file.get_slice("hidden").get_shape()
        # Read, not mapped: a mapped file would count twice in memory while it is copied.
        hidden = torch.zeros(count + GUESTS, *shape)
        with open(path, "rb") as raw:
            size = int.from_bytes(raw.read(8), "little")
            begin, end = json.loads(raw.read(size))["hidden"]["data_offsets"]
            raw.seek(8 + size + begin)
            view: Any = hidden[:count].numpy().reshape(-1).view(np.uint8)
            if raw.readinto(view) != end - begin:
                raise OSError("it is truncated")
    except (OSError, SafetensorError) as error:
        raise DataError(f"cannot read {path} ({error}); {_again(info)}") from None
    return hidden, present, categories


def _checksum(path: Path) -> str:
    """Of a file; empty where it is gone."""
    try:
        return sha256(path)
    except OSError:
        return ""


def digest(*parts: bytes | str) -> str:
    """Hex sha256 over parts, told apart."""
    told = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        told.update(len(data).to_bytes(8, "little") + data)
    return told.hexdigest()
