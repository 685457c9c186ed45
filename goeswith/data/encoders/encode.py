"""Encode: features of a whole catalogue from pictures or text; resumes if interrupted, reuses what is valid."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import load, save

from goeswith.data.catalogue import Catalogue
from goeswith.data.dataset import Dataset
from goeswith.data.devices import open_device
from goeswith.data.encoders.pictures import Reasons, stream_pictures
from goeswith.data.engine import LOCAL, spread
from goeswith.data.engine import check as check_engine
from goeswith.data.features import (
    Features,
    earlier_path,
    features_path,
    load_features,
    map_features,
    read_marks,
    read_metadata,
    write_features,
)
from goeswith.errors import ConfigError, DataError

if TYPE_CHECKING:
    from goeswith.data.encoders.networks import Network

__all__ = ["EncodeReport", "Features", "encode", "load_features"]

log = logging.getLogger(__name__)

SHARD = 512
"""Items between two savings: what a kill can cost at most."""

PICTURES, WORDS = "efficientnet-lite0", "minilm"
"""The encoders that are used where none is named."""

FEW = 128
"""Up to so many pictures, starting a pool costs more than it saves."""


@dataclass(frozen=True)
class EncodeReport:
    """What `encode` did: items with features, and why each of the others has none (item id → reason).

    kept: how many of the encoded ones were taken over as they were, for nothing that they are made from has changed.
    """

    path: Path
    encoded: int
    excluded: dict[str, str]
    kept: int = 0

    def __str__(self) -> str:
        how = f"; {self.kept} unchanged, {self.encoded - self.kept} computed" if self.kept else ""
        return f"{self.encoded} items encoded, {len(self.excluded)} left out{how}"


@dataclass(frozen=True)
class _Shard:
    """Up to `SHARD` items: their ids, inputs (file or text), and the file that keeps their features meanwhile."""

    ids: list[str]
    inputs: list[str]
    path: Path


@dataclass
class _Inputs:
    """What there is to encode. stamps tell a changed picture or text from the same one."""

    ids: list[str] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    stamps: list[str] = field(default_factory=list)
    excluded: dict[str, str] = field(default_factory=dict)

    def take(self, rows: np.ndarray) -> _Inputs:
        """Those at `rows` (m,) alone, of which none is left out yet."""
        ids, inputs, stamps = ([part[at] for at in rows] for part in (self.ids, self.inputs, self.stamps))
        return _Inputs(ids, inputs, stamps)


@dataclass(frozen=True)
class _Kept:
    """What an earlier features file has of the inputs.

    matrix: its vectors, mapped and not read. rows: (n,) int64 row there by input, −1 for one that has changed.
    """

    matrix: np.ndarray
    rows: np.ndarray


def usual_encoders(dataset: Dataset) -> list[str]:
    """Which encoders to use where none is named: one of pictures and one of words, where a data set has both.

    Without either, that of words, which has colours and categories to read.
    """
    items = dataset.catalogue.items
    titled = (items["title"].str.strip_chars() != "").any()
    return [name for name, has in ((PICTURES, items["image"].count() > 0), (WORDS, titled)) if has] or [WORDS]


def encode(
    dataset: Dataset,
    encoder: str = PICTURES,
    *,
    batch_size: int = 32,
    workers: int | None = None,
    engine: str = LOCAL,
    progress: Callable[[int, int], None] | None = None,
    device: str | None = None,
) -> EncodeReport:
    """Encode every item of a data set into ``features/<encoder>.safetensors``.

    `goeswith.data.encoders.networks` names the encoders.

    Every `SHARD` items are saved in ``features/.<encoder>.partial``, so that after a kill the same command goes on from
    there, to the same bits. Nothing is computed again for pictures, texts and weights that are unchanged since the
    last time, whatever else of the catalogue has changed. A bad picture, or an item of which nothing is said, is left
    out, by name.

    Args:
        batch_size: items that the network takes at a time.
        workers: processes that decode pictures; None: one a core, at most 8; 0: decode in this process. With another
            engine than this process, those that encode.
        engine: see `goeswith.data.engine`; the features are the same.
        progress: called with items done and items in all.
        device: what computes, see `goeswith.data.devices.open_device`. What another device has encoded is kept.

    Raises:
        ConfigError: the encoder is unknown or cannot be loaded, or a number is out of range.
        DataError: not one item can be encoded, the network gives numbers that are not finite, or the data set was
            brought up to date meanwhile.
    """
    if batch_size < 1 or (workers is not None and workers < 0):
        raise ConfigError(
            f"batch size {batch_size} or workers {workers} is out of range; give 1 or more, and 0 or more"
        )
    if "+" in encoder:
        commands = " and ".join(f"goeswith encode {dataset.path} --encoder {part}" for part in encoder.split("+"))
        raise ConfigError(f"{encoder!r} combines the features of several encoders; compute each: {commands}")
    check_engine(engine)
    from goeswith.data.encoders.networks import open_network

    network = open_network(encoder, batch_size, open_device(device))
    folder = dataset.path.stat()
    items = _texts(dataset.catalogue, network) if network.size is None else _pictures(dataset)
    path = features_path(dataset, encoder)
    made_by = f"{encoder} {network.weights} {batch_size}"
    key = f"{dataset.catalogue.fingerprint} {made_by}"
    unfinished = path.with_name(f".{path.stem}.partial")
    stamp = hashlib.sha256("".join(shard.path.stem for shard in _shards(items, key, unfinished)).encode()).hexdigest()
    done = _metadata(path)
    if done.get("stamp") == stamp:
        reused = len(json.loads(done["item_ids"]))
    else:
        marks = _marks(items, made_by)
        earlier = _kept(path if done else earlier_path(path), items, marks, network)
        reused = int((earlier.rows >= 0).sum())
        shards = _shards(items.take(np.flatnonzero(earlier.rows < 0)), key, unfinished)
        make = partial(ShardEncoder, encoder, batch_size, device)
        _encode_shards(dataset.catalogue, network, shards, batch_size, workers, (engine, make), progress)
        if not os.path.samestat(folder, dataset.path.stat()):
            raise DataError(f"{dataset.path} was updated while it was being encoded; run the same command again")
        _merge(path, items, marks, earlier, shards, network, dataset, stamp)
        done = read_metadata(path)
    shutil.rmtree(unfinished, ignore_errors=True)
    earlier_path(path).unlink(missing_ok=True)
    return EncodeReport(path, len(json.loads(done["item_ids"])), json.loads(done["excluded"]), reused)


def _pictures(dataset: Dataset) -> _Inputs:
    items = _Inputs()
    for item_id, image in dataset.catalogue.items.select("item_id", "image").iter_rows():
        if image is None:
            items.excluded[item_id] = "it has no picture"
            continue
        file = dataset.path / image
        try:
            with file.open("rb") as opened:  # its content and not its date, which a copy of the folder changes
                digest = hashlib.file_digest(opened, "blake2b").hexdigest()
        except OSError:
            items.excluded[item_id] = "the file is missing"
            continue
        items.ids.append(item_id)
        items.inputs.append(str(file))
        items.stamps.append(f"{image} {digest[:32]}")
    return items


def _texts(catalogue: Catalogue, network: Network) -> _Inputs:
    texts = network.reads(catalogue)
    ids = [item_id for item_id, text in zip(catalogue.ids, texts, strict=True) if text]
    empty = [item_id for item_id, text in zip(catalogue.ids, texts, strict=True) if not text]
    texts = [text for text in texts if text]
    return _Inputs(ids, texts, texts, dict.fromkeys(empty, "it has no title and no label"))


def _shards(items: _Inputs, key: str, folder: Path) -> list[_Shard]:
    shards = []
    for start in range(0, len(items.ids), SHARD):
        part = slice(start, start + SHARD)
        content = json.dumps([key, items.ids[part], items.stamps[part]])
        name = hashlib.sha256(content.encode()).hexdigest()[:32]
        shards.append(_Shard(items.ids[part], items.inputs[part], folder / f"{name}.safetensors"))
    return shards


def _marks(items: _Inputs, made_by: str) -> np.ndarray:
    """(n,) int64: digests of what each vector is made from, the network and the picture or text."""
    start = hashlib.blake2b(made_by.encode(), digest_size=8)
    digests = []
    for stamp in items.stamps:
        hasher = start.copy()
        hasher.update(b"\x00" + stamp.encode())
        digests.append(hasher.digest())
    return np.frombuffer(b"".join(digests), "<i8")


def _kept(path: Path, items: _Inputs, marks: np.ndarray, network: Network) -> _Kept:
    """What need not be computed again: items whose mark in the features file at `path` is the same."""
    rows, stored = np.full(len(marks), -1), read_marks(path)
    matrix = map_features(path) if len(stored) else np.zeros((0, 0), network.dtype)
    if len(stored) and matrix.dtype == network.dtype:
        row_of = {item_id: row for row, item_id in enumerate(json.loads(read_metadata(path)["item_ids"]))}
        rows = np.array([row_of.get(item_id, -1) for item_id in items.ids], np.int64)
        rows[stored[rows] != marks] = -1
    return _Kept(matrix, rows)


def _encode_shards(
    catalogue: Catalogue,
    network: Network,
    shards: list[_Shard],
    batch_size: int,
    workers: int | None,
    engine: tuple[str, Callable[[], ShardEncoder]],
    progress: Callable[[int, int], None] | None,
) -> None:
    total = sum(len(shard.ids) for shard in shards)
    todo = [shard for shard in shards if not _metadata(shard.path)]
    done = total - sum(len(shard.ids) for shard in todo)
    if engine[0] != LOCAL and todo:
        results = spread(*engine, [shard.inputs for shard in todo], workers)
        for shard, result in zip(todo, results, strict=True):
            matrix, excluded = unpack(result)
            _save(catalogue, network, shard, [matrix], excluded)
            done += len(shard.ids)
            if progress:
                progress(done, total)
        return
    step = batch_size if network.size else SHARD  # a text network sorts a shard by length before it batches
    chunks = [shard.inputs[at : at + step] for shard in todo for at in range(0, len(shard.ids), step)]
    with contextlib.closing(_blocks(network, chunks, workers)) as blocks:  # an error ends the pool at once
        for shard in todo:
            vectors: list[np.ndarray] = []
            reasons: Reasons = []
            while len(reasons) < len(shard.ids):
                if progress:
                    progress(done + len(reasons), total)
                block, why = next(blocks)
                if len(block):
                    with np.errstate(over="ignore"):  # `_save` names the item
                        vectors.append(network.run(block).astype(network.dtype))
                reasons += why
            _save(catalogue, network, shard, vectors, reasons)
            done += len(shard.ids)
    if progress:
        progress(total, total)


class ShardEncoder:
    """What a worker of an engine does to the inputs of a shard, in the same batches as this process would."""

    def __init__(self, encoder: str, batch_size: int, device: str | None) -> None:
        from goeswith.data.encoders.networks import open_network

        self.network, self.batch_size = open_network(encoder, batch_size, open_device(device)), batch_size

    def __call__(self, inputs: Sequence[str]) -> bytes:
        """The features of those that are good, and why the others are not, see `unpack`."""
        inputs, step = [str(each) for each in inputs], self.batch_size if self.network.size else SHARD
        vectors: list[np.ndarray] = []
        reasons: Reasons = []
        for block, why in _blocks(self.network, [inputs[at : at + step] for at in range(0, len(inputs), step)], 0):
            if len(block):
                with np.errstate(over="ignore"):
                    vectors.append(self.network.run(block).astype(self.network.dtype))
            reasons += why
        matrix = np.concatenate(vectors) if vectors else np.zeros((0, 0), self.network.dtype)
        encoded_reasons = json.dumps(reasons).encode()
        return len(encoded_reasons).to_bytes(8, "little") + encoded_reasons + save({"features": matrix})


def unpack(result: bytes) -> tuple[np.ndarray, Reasons]:
    """What a `ShardEncoder` gave: features (m, D) of the good ones, and for every input why it is bad, None if good."""
    end = 8 + int.from_bytes(result[:8], "little")
    return load(result[end:])["features"], json.loads(result[8:end])


def _blocks(network: Network, chunks: list[list[str]], workers: int | None) -> Generator[tuple[Any, Reasons]]:
    if network.size is None:
        return ((chunk, [None] * len(chunk)) for chunk in chunks)
    if workers is None:
        workers = min(os.cpu_count() or 1, 8) if sum(map(len, chunks)) > FEW else 0
    return stream_pictures(chunks, network.size, workers)


def _save(
    catalogue: Catalogue, network: Network, shard: _Shard, vectors: Sequence[np.ndarray], reasons: Reasons
) -> None:
    ids = [item_id for item_id, why in zip(shard.ids, reasons, strict=True) if why is None]
    matrix = np.concatenate(vectors) if vectors else np.zeros((0, 0), network.dtype)
    broken = ~np.isfinite(matrix).all(axis=1)
    if broken.any():
        raise DataError(
            f"encoder {network.name} gives NaN or infinity (in {matrix.dtype}) for item "
            f"{ids[int(np.argmax(broken))]!r}; "
            "choose another encoder"
        )
    excluded = {item_id: why for item_id, why in zip(shard.ids, reasons, strict=True) if why}
    write_features(
        shard.path,
        [matrix],
        matrix.shape,
        item_ids=ids,
        encoder=network.name,
        catalogue=catalogue,
        excluded=excluded,
        dtype=network.dtype,
    )


def _merge(
    path: Path,
    items: _Inputs,
    marks: np.ndarray,
    earlier: _Kept,
    shards: list[_Shard],
    network: Network,
    dataset: Dataset,
    stamp: str,
) -> None:
    """One file of what is kept and of all shards, in the order of the catalogue; memory holds `SHARD` items."""
    excluded = dict(items.excluded)
    position_of = {item_id: position for position, item_id in enumerate(items.ids)}
    row, file = earlier.rows.copy(), np.zeros(len(marks), np.int64)
    for number, shard in enumerate(shards, start=1):
        metadata = read_metadata(shard.path)
        excluded |= json.loads(metadata["excluded"])
        here = [position_of[item_id] for item_id in json.loads(metadata["item_ids"])]
        row[here], file[here] = np.arange(len(here)), number
    good = np.flatnonzero(row >= 0)
    if not len(good):
        shutil.rmtree(path.with_name(f".{path.stem}.partial"), ignore_errors=True)
        first = next(iter(excluded))
        remedy = (
            "fix the pictures, or encode text instead: --encoder minilm" if network.size else "give the items titles"
        )
        raise DataError(
            f"{network.name} cannot encode any of the {len(excluded)} items of {dataset.path}; item {first!r}: "
            f"{excluded[first]}; {remedy}"
        )
    row, file = row[good], file[good]
    parts = (slice(at, at + SHARD) for at in range(0, len(good), SHARD))
    blocks = (_rows(earlier.matrix, shards, file[part], row[part]) for part in parts)
    width = _rows(earlier.matrix, shards, file[:1], row[:1]).shape[1]
    write_features(
        path,
        blocks,
        (len(good), width),
        item_ids=[items.ids[position] for position in good],
        encoder=network.name,
        catalogue=dataset.catalogue,
        excluded=excluded,
        dtype=network.dtype,
        marks=marks[good],
        stamp=stamp,
        weights=network.weights,
    )


def _rows(matrix: np.ndarray, shards: list[_Shard], file: np.ndarray, row: np.ndarray) -> np.ndarray:
    """(m, D) vectors: of each the row (m,) of the shard whose number (m,) it has, counted from 1, 0 being `matrix`."""
    positions = [np.flatnonzero(file == number) for number in np.unique(file)]
    files = [map_features(shards[number - 1].path) if number else matrix for number in np.unique(file)]
    block = np.concatenate([vectors[row[here]] for vectors, here in zip(files, positions, strict=True)])
    return block[np.argsort(np.concatenate(positions))]


def _metadata(path: Path) -> dict[str, str]:
    """Metadata of a whole features file; nothing where there is none or a broken one."""
    try:
        return read_metadata(path)
    except DataError:
        return {}
