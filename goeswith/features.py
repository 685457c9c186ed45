"""Features: one vector an item, made by an encoder and kept beside the catalogue."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from goeswith.catalogue import Catalogue
from goeswith.errors import CatalogueError, DataError
from goeswith.files import fresh_file

if TYPE_CHECKING:
    from goeswith.dataset import Dataset


@dataclass(frozen=True)
class Features:
    """Features of a whole catalogue.

    values: (U, D) float32 by catalogue row, zeros where absent. present: (U,) bool.
    encoder: its name. fingerprint: 12 hex digits over encoder, ids and values.
    """

    values: np.ndarray
    present: np.ndarray
    encoder: str
    fingerprint: str

    @classmethod
    def load(cls, path: Path, catalogue: Catalogue) -> Features:
        """Read a features file for this catalogue.

        Raises:
            DataError: the file is missing, broken, or holds a number that is not finite.
            CatalogueError: it was made from another catalogue.
        """
        again = f"run goeswith encode again and remove {path} first"
        try:
            with safe_open(path, framework="numpy") as file:
                told = file.metadata() or {}
                values = file.get_tensor("features").astype(np.float32)
            ids, encoder, made_of = json.loads(told["item_ids"]), told["encoder"], told["catalogue"]
        except FileNotFoundError:
            raise DataError(f"there is no file {path}; make it with: goeswith encode DATASET") from None
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise DataError(f"{path} is not a whole features file ({error}); {again}") from None
        if values.ndim != 2 or len(values) != len(ids):
            raise DataError(f"{path} has {values.shape} numbers for {len(ids)} items; {again}")
        if made_of != catalogue.fingerprint:
            unknown = len(set(ids) - set(catalogue.ids))
            raise CatalogueError(
                f"{path} was made from another catalogue ({unknown} of its {len(ids)} items are not in this one); "
                f"{again}"
            )
        bad = ~np.isfinite(values).all(axis=1)
        if bad.any():
            raise DataError(
                f"{path} has numbers that are not finite for {bad.sum()} items, "
                f"the first is {ids[int(np.argmax(bad))]!r}; {again}"
            )
        rows = catalogue.rows(ids, str(path))
        whole = np.zeros((len(catalogue), values.shape[1]), dtype=np.float32)
        present = np.zeros(len(catalogue), dtype=bool)
        whole[rows], present[rows] = values, True
        return cls(whole, present, encoder, _fingerprint(encoder, ids, values))


def write_features(
    path: Path, catalogue: Catalogue, encoder: str, ids: list[str], values: np.ndarray, excluded: dict[str, str]
) -> None:
    """Write a features file whole or not at all: values (len(ids), D); excluded: item id → why it has none."""
    told = {
        "item_ids": json.dumps(ids),
        "catalogue": catalogue.fingerprint,
        "encoder": encoder,
        "excluded": json.dumps(excluded),
    }
    with fresh_file(path) as partial:
        save_file({"features": np.ascontiguousarray(values)}, partial, metadata=told)


def features_path(dataset: Dataset, encoder: str) -> Path:
    """Where the features of an encoder are kept."""
    return dataset.path / "features" / f"{re.sub(r'[^A-Za-z0-9._-]+', '-', encoder).strip('-')}.safetensors"


def load_features(dataset: Dataset, encoder: str | None = None) -> Features:
    """The features that an encoder made of a data set; of the only one there is, if none is named.

    Raises:
        DataError: there are none, or several to choose from.
    """
    there = sorted(path.stem for path in (dataset.path / "features").glob("*.safetensors"))
    if encoder is None and len(there) > 1:
        raise DataError(f"{dataset.path} has features of {', '.join(there)}; choose one with --encoder")
    if encoder is None and there:
        return Features.load(dataset.path / "features" / f"{there[0]}.safetensors", dataset.catalogue)
    path = features_path(dataset, encoder or "")
    if encoder is None or not path.is_file():
        wanted = f" --encoder {encoder}" if encoder else ""
        have = f" (it has {', '.join(there)})" if there else ""
        raise DataError(
            f"{dataset.path} has no features{f' of {encoder}' if encoder else ''}{have}; "
            f"make them with: goeswith encode {dataset.path}{wanted}"
        )
    return Features.load(path, dataset.catalogue)


def _fingerprint(encoder: str, ids: list[str], values: np.ndarray) -> str:
    told = hashlib.sha256(f"{encoder}\x1e{chr(31).join(ids)}".encode())
    told.update(np.ascontiguousarray(values).tobytes())
    return told.hexdigest()[:12]
