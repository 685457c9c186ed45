"""Indexed items: the items of a data set by category, with features read in parts, as an index needs them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cached_property

import numpy as np
import polars as pl
import torch

from goeswith.data.catalogue import Catalogue
from goeswith.data.dataset import Dataset
from goeswith.data.encoders.networks import sees_pictures
from goeswith.data.features import FeatureFile, features_path
from goeswith.errors import DataError, ModelError
from goeswith.files import sha256
from goeswith.train.run import Run

TILE = 128
"""Items encoded at a time, always so many and of one category: a state then depends on its own item alone, to the bit,
and an index that was brought up to date equals one that was made from scratch."""


class Intake:
    """Features and categories of a data set's items in the order of the index, read a few at a time.

    order: (U,) rows of the data set, by category and then as they were. codes: (U,) categories as the model knows them.
    """

    def __init__(self, run: Run, dataset: Dataset) -> None:
        if "result" not in run.config:
            raise ModelError(f"the training of {run.path} has not finished; run the same train command to resume")
        self.run, self.dataset = run, dataset
        self.weights = sha256(run.weights)
        _ = run.model  # incomplete weights are an error before anything is written
        items = dataset.catalogue.items.with_row_index("row").sort("category", maintain_order=True)
        self.order = items["row"].to_numpy().astype(np.int64)
        self.catalogue = Catalogue(items.drop("row"))
        codes = run.vocabulary.codes(dataset.catalogue, by_group=run.by_group)
        self.codes = codes[self.order]
        self.category = self.catalogue.category_codes
        names = run.config["encoder"].split("+")
        self.files = [_opened(dataset, name) for name in names]
        width = sum(file.matrix.shape[1] for file in self.files)
        if width != run.config["dim"]:
            raise DataError(
                f"{run.path} was trained on {run.config['encoder']} features of {run.config['dim']} dimensions, those "
                f"of {dataset.path} have {width}; run goeswith encode {dataset.path} --encoder {names[0]}"
            )
        self.present = np.logical_and.reduce([file.row_of >= 0 for file in self.files])[self.order]

    def __len__(self) -> int:
        return len(self.order)

    def features(self, rows: np.ndarray) -> np.ndarray:
        """(n, D) float32 of rows of the index; zeros where there are none."""
        return np.concatenate([file.read(self.order[rows]) for file in self.files], axis=1) * self.present[rows, None]

    def marks(self, rows: np.ndarray, values: np.ndarray) -> np.ndarray:
        """(n,) int64 digests of all that a state is made of, features (n, D) and code: equal marks, equal states."""
        flags = np.concatenate([self.codes[rows, None], self.present[rows, None]], axis=1).astype(np.int64)
        data = np.concatenate([np.ascontiguousarray(values).view(np.uint8), flags.view(np.uint8)], axis=1)
        digests = b"".join(hashlib.blake2b(row, digest_size=8).digest() for row in data)
        return np.frombuffer(digests, np.int64)

    def encode(self, rows: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Hidden states (n, ...) of rows of the index with features (n, D), in tiles of one category each."""
        tiles, device = _tiles(self.category[rows]), self.run.device
        codes = torch.from_numpy(self.codes[rows])
        with torch.inference_mode():
            parts = [
                self.run.model.encode_items(torch.from_numpy(values[at]).to(device), codes[at].to(device)).hidden
                for at in tiles
            ]
        return torch.cat(parts).float().cpu().numpy()[np.unique(np.concatenate(tiles), return_index=True)[1]]

    @property
    def pictures(self) -> Callable[[np.ndarray], np.ndarray] | None:
        """Features (n, D) of the pictures of rows (n,), zeros without; None where the run's encoders see none."""
        files = [file for file in self.files if sees_pictures(file.encoder)]
        if not files:
            return None

        def read(rows: np.ndarray) -> np.ndarray:
            parts = [file.read(self.order[rows]) for file in files]
            return np.concatenate(parts, axis=1) * self.present[rows, None]

        return read

    @cached_property
    def matched(self) -> tuple[dict[str, str], list[str]]:
        """Categories that the model has not seen and what each is taken for, and those that are like none it knows."""
        seen, vocabulary = self.run.by_group, self.run.vocabulary
        matched = vocabulary.matches(self.catalogue, by_name=seen)
        unseen = self.codes == len(vocabulary.categories)
        without = sorted(set(self.catalogue.items["category"].filter(pl.Series(unseen))))
        if seen:  # such models need no more than the group
            of = self.catalogue.items.filter(pl.Series(self.codes > len(vocabulary.categories)))
            matched |= dict(of.select("category", "group").unique().iter_rows())
        return matched, without

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the state of one item."""
        with torch.inference_mode():
            features, codes = torch.zeros(1, self.run.config["dim"]), torch.from_numpy(self.codes[:1])
            state = self.run.model.encode_items(features.to(self.run.device), codes.to(self.run.device))
        return tuple(state.hidden.shape[1:])


def _tiles(category: np.ndarray) -> list[np.ndarray]:
    """Places of items (n,) sorted by category, in tiles of `TILE` of one category, the last item repeated to fill."""
    starts = np.flatnonzero(np.diff(category, prepend=-1))
    ends = np.append(starts[1:], len(category))
    return [
        np.minimum(np.arange(at, at + TILE), end - 1)
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
        for at in range(start, end, TILE)
    ]


def _opened(dataset: Dataset, encoder: str) -> FeatureFile:
    path = features_path(dataset, encoder)
    again = f"run goeswith encode {dataset.path} --encoder {encoder}"
    if not path.is_file():
        raise DataError(f"{dataset.path} has no features of {encoder!r}, which the run was trained on; {again}")
    return FeatureFile.open(path, dataset.catalogue)
