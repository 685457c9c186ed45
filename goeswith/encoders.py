"""Encoders: the pictures or words of a whole catalogue to features, resumable after a kill."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import load_file

from goeswith.catalogue import Catalogue
from goeswith.dataset import Dataset
from goeswith.errors import ConfigError, DataError
from goeswith.features import Features, features_path, load_features, read_metadata, write_features
from goeswith.pictures import Reasons, stream_pictures

if TYPE_CHECKING:
    from goeswith.networks import Network

__all__ = ["EncodeReport", "Features", "encode", "load_features"]

log = logging.getLogger(__name__)

SHARD = 512
"""Items between two savings: what a kill can cost at most."""

FEW = 128
"""Up to so many pictures, starting a pool costs more than it saves."""


@dataclass(frozen=True)
class EncodeReport:
    """What `encode` did: items with features, and why each of the others has none (item id → reason)."""

    path: Path
    encoded: int
    excluded: dict[str, str]


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


def encode(
    dataset: Dataset,
    encoder: str = "efficientnet-lite0",
    *,
    batch_size: int = 32,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> EncodeReport:
    """Encode every item of a data set into ``features/<encoder>.safetensors``; see `goeswith.networks` for names.

    Every `SHARD` items are saved in ``features/.<encoder>.partial``, so that after a kill the same command goes on from
    there, to the same bits. Nothing is computed again for pictures, texts and weights that are unchanged since the
    last time. A bad picture, or an item of which nothing is said, is left out, by name.

    Args:
        batch_size: items that the network takes at a time.
        workers: processes that decode pictures; None: one a core, at most 8; 0: decode in this process.
        progress: called with items done and items in all.

    Raises:
        ConfigError: the encoder is unknown or cannot be loaded, or a number is out of range.
        DataError: not one item can be encoded, or the network gives numbers that are not finite.
    """
    if batch_size < 1 or (workers is not None and workers < 0):
        raise ConfigError(
            f"batch size {batch_size} or workers {workers} is out of range; give 1 or more, and 0 or more"
        )
    if "+" in encoder:
        commands = " and ".join(f"goeswith encode {dataset.path} --encoder {part}" for part in encoder.split("+"))
        raise ConfigError(f"{encoder!r} names the features of several encoders side by side; make each: {commands}")
    from goeswith.networks import open_network

    network = open_network(encoder, batch_size)
    found = _texts(dataset.catalogue, network) if network.size is None else _pictures(dataset)
    path = features_path(dataset, encoder)
    key = f"{dataset.catalogue.fingerprint} {encoder} {network.weights} {batch_size}"
    shards = _shards(found, key, path.with_name(f".{path.stem}.partial"))
    stamp = hashlib.sha256("".join(shard.path.stem for shard in shards).encode()).hexdigest()
    done = _told(path)
    if done.get("stamp") != stamp:
        _encode_shards(dataset.catalogue, network, shards, batch_size, workers, progress)
        _merge(path, shards, found.excluded, network, dataset, stamp)
        done = read_metadata(path)
    return EncodeReport(path, len(json.loads(done["item_ids"])), json.loads(done["excluded"]))


def _pictures(dataset: Dataset) -> _Inputs:
    found = _Inputs()
    for item_id, image in dataset.catalogue.items.select("item_id", "image").iter_rows():
        if image is None:
            found.excluded[item_id] = "it has no picture"
            continue
        file = dataset.path / image
        try:
            state = file.stat()
        except OSError:
            found.excluded[item_id] = "the file is missing"
            continue
        found.ids.append(item_id)
        found.inputs.append(str(file))
        found.stamps.append(f"{image} {state.st_size} {state.st_mtime_ns}")
    return found


def _texts(catalogue: Catalogue, network: Network) -> _Inputs:
    texts = network.reads(catalogue)
    ids = [item_id for item_id, text in zip(catalogue.ids, texts, strict=True) if text]
    silent = [item_id for item_id, text in zip(catalogue.ids, texts, strict=True) if not text]
    texts = [text for text in texts if text]
    return _Inputs(ids, texts, texts, dict.fromkeys(silent, "it has no title and no label"))


def _shards(found: _Inputs, key: str, folder: Path) -> list[_Shard]:
    shards = []
    for start in range(0, len(found.ids), SHARD):
        part = slice(start, start + SHARD)
        told = json.dumps([key, found.ids[part], found.stamps[part]])
        name = hashlib.sha256(told.encode()).hexdigest()[:32]
        shards.append(_Shard(found.ids[part], found.inputs[part], folder / f"{name}.safetensors"))
    return shards


def _encode_shards(
    catalogue: Catalogue,
    network: Network,
    shards: list[_Shard],
    batch_size: int,
    workers: int | None,
    progress: Callable[[int, int], None] | None,
) -> None:
    total = sum(len(shard.ids) for shard in shards)
    todo = [shard for shard in shards if not _told(shard.path)]
    done = total - sum(len(shard.ids) for shard in todo)
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
            f"encoder {network.name} gives no finite {matrix.dtype} numbers for item {ids[int(np.argmax(broken))]!r}; "
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
    path: Path, shards: list[_Shard], excluded: dict[str, str], network: Network, dataset: Dataset, stamp: str
) -> None:
    """One file of all shards, in the order of the catalogue; it streams, so memory holds one shard."""
    ids: list[str] = []
    excluded = dict(excluded)
    for shard in shards:
        told = read_metadata(shard.path)
        ids += json.loads(told["item_ids"])
        excluded |= json.loads(told["excluded"])
    partial = path.with_name(f".{path.stem}.partial")
    if ids:
        width = max(load_file(shard.path)["features"].shape[1] for shard in shards)
        write_features(
            path,
            (load_file(shard.path)["features"] for shard in shards),
            (len(ids), width),
            item_ids=ids,
            encoder=network.name,
            catalogue=dataset.catalogue,
            excluded=excluded,
            dtype=network.dtype,
            stamp=stamp,
            weights=network.weights,
        )
    shutil.rmtree(partial, ignore_errors=True)
    if not ids:
        first = next(iter(excluded))
        remedy = "mend the pictures, or encode words: --encoder minilm" if network.size else "give the items titles"
        raise DataError(
            f"{network.name} can encode not one of the {len(excluded)} items of {dataset.path}; item {first!r}: "
            f"{excluded[first]}; {remedy}"
        )


def _told(path: Path) -> dict[str, str]:
    """Metadata of a whole features file; nothing where there is none or a broken one."""
    try:
        return read_metadata(path)
    except DataError:
        return {}
