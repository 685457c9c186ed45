"""Features: one vector per item, computed by an encoder and stored in ``features/<encoder>.safetensors``.

The file holds the tensor ``features`` (n, D), float16 unless its encoder needs more, and, as metadata, ``item_ids``
(a JSON list of n), ``encoder``, ``catalogue`` (its fingerprint), ``excluded`` (JSON: item id → reason) and what else
its maker adds. `goeswith.data.encoders.encode` adds the tensor ``marks`` (n,) int64: a digest of what each vector was
made from.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from goeswith.data.catalogue import Catalogue
from goeswith.data.dataset import Dataset
from goeswith.data.tensors import KINDS, Blocks, find_tensor, write_tensors
from goeswith.errors import CatalogueError, ConfigError, DataError

TOKENS, WORD_IDS = "minilm-tokens", "word-ids"
"""The encoders whose features are numbers of word pieces and of words, for models that learn to read."""
BLOCK = 1 << 14
"""Vectors that are looked at together."""


@dataclass(frozen=True)
class Features:
    """Item features, aligned to the rows of a catalogue.

    values: (U, D) float32, zeros for an item without features. present: (U,) bool.
    encoder: its name, or names joined by ``+``. fingerprint: 12 hex digits over encoder, item ids and vectors as they
    are in the file. blocks: how many of the D dimensions are each encoder's, in the order of the names.
    """

    values: np.ndarray
    present: np.ndarray
    encoder: str
    fingerprint: str
    blocks: tuple[int, ...]

    @classmethod
    def load(cls, path: Path, catalogue: Catalogue) -> Features:
        """Read a features file for `catalogue`; items that the file leaves out have ``present`` False.

        Raises:
            DataError: there is no such file, it is truncated or no features file, or holds NaN or infinity.
            CatalogueError: it belongs to another catalogue, or the vectors are not as many as the ids.
        """
        return cls.of(FeatureFile.open(path, catalogue).checked())

    @classmethod
    def of(cls, file: FeatureFile) -> Features:
        """The vectors of a file, in memory."""
        values = file.read(np.arange(len(file.row_of)))
        return cls(values, file.row_of >= 0, file.encoder, file.fingerprint, (file.matrix.shape[1],))


@dataclass(frozen=True)
class FeatureFile:
    """A features file that belongs to a catalogue; its vectors are read as they are asked for.

    ids: of the n items it has vectors of. matrix: (n, D) these. row_of: (U,) int64 the row in it of each item of the
    catalogue, −1 for an item without features. encoder: its name.
    """

    path: Path
    ids: list[str]
    matrix: np.ndarray
    row_of: np.ndarray
    encoder: str

    @classmethod
    def open(cls, path: Path, catalogue: Catalogue) -> FeatureFile:
        """The file at `path`, mapped; its vectors are looked at by `checked` or as they are `read`.

        Raises:
            DataError, CatalogueError: see `Features.load`.
        """
        matrix, metadata = _read_mapped(path)
        try:
            ids = [str(item_id) for item_id in json.loads(metadata["item_ids"])]
        except (KeyError, ValueError, TypeError):
            raise DataError(f"{path} does not say which items it belongs to; encode the data set again") from None
        if matrix.ndim != 2 or len(matrix) != len(ids):
            raise CatalogueError(
                f"{path} has features of shape {matrix.shape} for {len(ids)} item ids; there must be "
                "one vector per id: encode the data set again"
            )
        if len(set(ids)) != len(ids):
            raise CatalogueError(f"{path} lists an item id more than once; encode the data set again")
        catalogue_ids = set(catalogue.ids)
        unknown = [item_id for item_id in ids if item_id not in catalogue_ids]
        if unknown:
            raise CatalogueError(
                f"{path} belongs to another catalogue: {len(unknown)} of its {len(ids)} items are not among "
                f"the {len(catalogue)} here, the first is {unknown[0]!r}; "
                "encode this data set again"
            )
        if metadata.get("catalogue", catalogue.fingerprint) != catalogue.fingerprint:
            raise CatalogueError(
                f"{path} was made for catalogue {metadata['catalogue']} but this is {catalogue.fingerprint}: the ids "
                "match, the items do not; encode this data set again"
            )
        row_of = np.full(len(catalogue), -1)
        row_of[catalogue.rows(ids, str(path))] = np.arange(len(ids))
        return cls(path, ids, matrix, row_of, metadata.get("encoder", path.stem))

    def checked(self) -> FeatureFile:
        """The same, after a look at every vector.

        Raises:
            DataError: some have NaN or infinity.
        """
        finite = [np.isfinite(self.matrix[at : at + BLOCK]).all(axis=1) for at in range(0, len(self.matrix), BLOCK)]
        self._refuse(np.flatnonzero(~np.concatenate([*finite, np.ones(0, bool)])))
        return self

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Vectors (n, D) float32 of catalogue rows (n,); zeros for an item without.

        Raises:
            DataError: some have NaN or infinity.
        """
        at = self.row_of[rows]
        here = at >= 0
        values = np.zeros((len(rows), self.matrix.shape[1]), np.float32)
        values[here] = self.matrix[at[here]]
        self._refuse(at[~np.isfinite(values).all(axis=1)])
        return values

    @cached_property
    def fingerprint(self) -> str:
        """12 hex digits over encoder, item ids and vectors as they are in the file."""
        hasher = hashlib.sha256("\x1f".join([self.encoder, *self.ids]).encode())
        hasher.update(np.ascontiguousarray(self.matrix).data)
        return hasher.hexdigest()[:12]

    def _refuse(self, bad: np.ndarray) -> None:
        if len(bad):
            raise DataError(
                f"{self.path} has NaN or infinity in the features of {len(bad)} item{'s' * (len(bad) > 1)}, the first "
                f"is {self.ids[bad[0]]!r}; remove the file and encode the data set again"
            )


def load_features(dataset: Dataset, encoder: str | None = None) -> Features:
    """The features that `encoder` made for a data set; without a name, those of all encoders that are no numbers.

    Names joined by ``+``, such as ``efficientnet-lite0+minilm``, give the features of each side by side; an item is
    present where all of them have it.

    Raises:
        DataError: nothing is encoded yet, or not by this encoder.
        ConfigError: one is named twice.
    """
    paths = feature_paths(dataset, encoder)
    if len(paths) == 1:
        return Features.load(paths[0], dataset.catalogue)
    return _side_by_side([Features.load(path, dataset.catalogue) for path in paths])


def features_if_any(dataset: Dataset, encoder: str | None = None) -> Features | None:
    """As `load_features`; without a name, None where not exactly one encoder has made any.

    Raises:
        DataError, ConfigError: see there.
    """
    if encoder is None and len(list((dataset.path / "features").glob("*.safetensors"))) != 1:
        return None
    return load_features(dataset, encoder)


def feature_paths(dataset: Dataset, encoder: str | None = None) -> list[Path]:
    """The files that `load_features` reads.

    Raises:
        DataError, ConfigError: see there.
    """
    if encoder is not None and "+" in encoder:
        names = encoder.split("+")
        if len(set(names)) != len(names) or not all(names):
            raise ConfigError(f"--encoder {encoder!r} must name each encoder once, joined by +")
        return [path for name in names for path in feature_paths(dataset, name)]
    folder = dataset.path / "features"
    if encoder is not None and (path := features_path(dataset, encoder)).is_file():
        return [path]
    paths = sorted(path for path in folder.glob("*.safetensors") if not path.name.startswith("."))
    there = ", ".join(path.stem for path in paths) or "none"
    if encoder is not None:
        raise DataError(
            f"{dataset.path} has no features of {encoder!r} (there are: {there}); "
            f"run goeswith encode {dataset.path} --encoder {encoder}"
        )
    if not paths:
        raise DataError(f"{dataset.path} has no features yet; run goeswith encode {dataset.path}")
    if len(paths) > 1:
        encoders = [read_metadata(path).get("encoder", path.stem) for path in paths]
        vectors = [name for name in encoders if name not in (TOKENS, WORD_IDS)]
        if not vectors:
            raise DataError(
                f"{dataset.path} has only words by number ({there}); run goeswith encode {dataset.path}, or choose "
                "features with --encoder"
            )
        return feature_paths(dataset, "+".join(vectors))
    return paths


def _side_by_side(parts: list[Features]) -> Features:
    values = np.concatenate([part.values for part in parts], axis=1)
    present = np.logical_and.reduce([part.present for part in parts])
    values[~present] = 0
    blocks = tuple(part.values.shape[1] for part in parts)
    return Features(values, present, *joined(parts), blocks)


def joined(parts: Sequence[Features | FeatureFile]) -> tuple[str, str]:
    """Encoder and fingerprint of the features of several encoders side by side."""
    if len(parts) == 1:
        return parts[0].encoder, parts[0].fingerprint
    hasher = hashlib.sha256("+".join(part.fingerprint for part in parts).encode())
    return "+".join(part.encoder for part in parts), hasher.hexdigest()[:12]


def features_path(dataset: Dataset, encoder: str) -> Path:
    """Where the features of `encoder` are kept: its name with every sign that a file name may not have as ``-``."""
    return dataset.path / "features" / f"{re.sub(r'[^A-Za-z0-9._]+', '-', encoder).strip('-.')}.safetensors"


def earlier_path(path: Path) -> Path:
    """Where the features file `path` waits, used by nobody, when the items have changed since it was made."""
    return path.with_name(f".{path.stem}.earlier")


def write_features(
    path: Path,
    blocks: Iterable[np.ndarray],
    shape: tuple[int, int],
    *,
    item_ids: list[str],
    encoder: str,
    catalogue: Catalogue,
    excluded: dict[str, str] | None = None,
    dtype: type[np.floating] = np.float16,
    marks: np.ndarray | None = None,
    **more: str,
) -> None:
    """Write `blocks` of rows, (n, D) = `shape` in all; whole or not at all, one block in memory at a time.

    float16 halves a file of a million items to 2.5 GB, and its rounding (at most 0.05 %) is below what
    resizing a picture changes; whole numbers above 2048 need float32.

    Raises:
        DataError: the blocks do not add up to `shape`.
    """
    metadata = {
        "encoder": encoder,
        "catalogue": catalogue.fingerprint,
        "item_ids": json.dumps(item_ids),
        "excluded": json.dumps(excluded or {}),
        **more,
    }
    tensors = {} if marks is None else {"marks": Blocks.of(marks, "<i8")}
    write_tensors(path, metadata, tensors | {"features": Blocks(np.dtype(dtype), shape, blocks)})


def read_metadata(path: Path) -> dict[str, str]:
    """What a features file tells about itself, without reading its vectors.

    Raises:
        DataError: there is no such file, or it is truncated or of another kind.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            return dict(file.metadata() or {})
    except FileNotFoundError:
        raise DataError(f"there is no file {path}; check the path") from None
    except (OSError, SafetensorError) as error:
        raise DataError(f"cannot read {path}, it is truncated or broken ({error}); encode the data set again") from None


def map_features(path: Path) -> np.ndarray:
    """The vectors (n, D) of a features file, in the type that they are kept in, read as they are asked for."""
    kind, shape, start = find_tensor(path, "features")
    if not np.prod(shape):
        return np.zeros(shape, KINDS[kind])
    return np.memmap(path, KINDS[kind], "r", start, shape)


def read_marks(path: Path) -> np.ndarray:
    """The marks (n,) int64 of a features file; none, (0,), where there is no such file or it was made without."""
    try:
        with safe_open(path, framework="numpy") as file:
            return np.asarray(file.get_tensor("marks"))
    except (OSError, SafetensorError):
        return np.empty(0, np.int64)


def _read_mapped(path: Path) -> tuple[np.ndarray, dict[str, str]]:
    """The vectors of a features file, mapped and not read, and its metadata.

    Raises:
        DataError: it is no features file.
    """
    metadata = read_metadata(path)
    with safe_open(path, framework="numpy") as file:
        kind = file.get_slice("features").get_dtype() if "features" in file.keys() else "absent"  # noqa: SIM118
    if kind not in ("F16", "F32", "F64"):
        raise DataError(f"{path} is not a features file: it needs a tensor 'features' of F16, F32 or F64, not {kind}")
    return map_features(path), metadata
