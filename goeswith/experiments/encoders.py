"""Encoders: the quality of a quick model on the features of each encoder and of pairs, and their costs."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from goeswith.data.dataset import Dataset
from goeswith.data.encoders.encode import encode, usual_encoders
from goeswith.data.encoders.networks import Network, open_network
from goeswith.data.encoders.pictures import read_picture
from goeswith.data.features import TOKENS, WORD_IDS, Features, features_path, load_features, read_metadata
from goeswith.errors import DataError
from goeswith.evaluate.gaps import Gaps, draw_gaps, group_pools
from goeswith.evaluate.measures import Measure
from goeswith.evaluate.retrieval import retrieve
from goeswith.files import fresh_file, read_json
from goeswith.models import DEFAULT
from goeswith.tables import Cells
from goeswith.train.training import train

TIMED = 48
"""Items whose encoding is timed."""
RECALL = Measure("recall", 10)
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Compared:
    """Features of an encoder, or of several joined by ``+``.

    valid_auc, recall: of validation outfits, the second ``recall@10`` from one item over its whole group and season.
    seconds: to encode 1,000 items on this machine. megabytes: of the networks' weights. features: megabytes that the
    features of 1,000 items take.
    """

    encoder: str
    valid_auc: float
    recall: float
    seconds: float
    megabytes: float
    features: float


@dataclass(frozen=True)
class _Cost:
    """What an encoder costs, see `Compared`."""

    seconds: float
    megabytes: float
    features: float


def compare(
    dataset: Dataset,
    out: Path,
    more: Sequence[str] = (),
    *,
    pairs: bool = True,
    settings: Sequence[str] = (),
    say: Callable[[str], None] = lambda line: None,
    progress: Callable[[str], Progress] = lambda stage: lambda done, total: None,
) -> list[Compared]:
    """Train the default model on the features of each computed encoder, and of pairs of them; the best first.

    The test outfits are not looked at. All are compared on the same items: those that every encoder has features of.
    What is encoded, timed and trained already is taken as it is.

    Args:
        out: folder for the runs. more: encoders beside those that the data set has features of; they are computed.
        settings: ``field=value`` of the training. say: is given one line at a time. progress: makes callbacks.

    Raises:
        DataError: an item can be encoded by none, or there are no validation outfits to measure on.
        ConfigError, ModelError: as the message says.
    """
    names = _encode(dataset, more, progress)
    features = {name: load_features(dataset, name) for name in names}
    usable = np.logical_and.reduce([each.present for each in features.values()])
    gaps = draw_gaps(dataset.outfits.split("valid"), group_pools(dataset.catalogue, usable), anchor=True, seed=0)
    if not len(gaps):
        raise DataError(f"{dataset.path} has no validation outfit that all of {', '.join(names)} can be measured on")
    costs = {name: _cost(dataset, name, features[name], out) for name in names}
    compared = []
    for parts in [(name,) for name in names] + (list(combinations(names, 2)) if pairs else []):
        joined = "+".join(parts)
        valid_auc, recall = _quality(dataset, joined, out, settings, gaps, progress(joined))
        paid = [costs[part] for part in parts]
        total = (sum(getattr(cost, name) for cost in paid) for name in ("seconds", "megabytes", "features"))
        compared.append(Compared(joined, valid_auc, recall, *total))
        say(f"{joined}: validation AUC {valid_auc:.3f}, {RECALL} {recall:.3f}")
    return sorted(compared, key=lambda row: -row.valid_auc)


def table(rows: Sequence[Compared]) -> Cells:
    """One row an encoder or pair."""
    head = ["encoder", "validation AUC", str(RECALL), "s per 1,000 items", "MB of weights", "MB per 1,000 items"]
    return head, [
        [row.encoder, f"{row.valid_auc:.3f}", f"{row.recall:.3f}", f"{row.seconds:.1f}", f"{row.megabytes:.0f}",
         f"{row.features:.1f}"]
        for row in rows
    ]  # fmt: skip


def _encode(dataset: Dataset, more: Sequence[str], progress: Callable[[str], Progress]) -> list[str]:
    """The encoders to compare: those that there are features of, the usual ones where there are none, and `more`."""
    files = sorted(path for path in (dataset.path / "features").glob("*.safetensors") if path.stem[0] != ".")
    present = [read_metadata(path).get("encoder", path.stem) for path in files if path.stem not in (TOKENS, WORD_IDS)]
    names = list(dict.fromkeys([*(present or usual_encoders(dataset)), *more]))
    for name in names:
        if name not in present:
            encode(dataset, name, progress=progress(f"encode {name}"))
    return names


def _quality(
    dataset: Dataset, encoder: str, out: Path, settings: Sequence[str], gaps: Gaps, progress: Progress
) -> tuple[float, float]:
    """Validation AUC and recall of the default model on the features of an encoder."""
    features = load_features(dataset, encoder)
    identity = hashlib.sha256(json.dumps([features.fingerprint, *settings]).encode()).hexdigest()[:12]
    run = train(
        DEFAULT, dataset, out / f"{_slug(encoder)}-{identity}", settings=settings, encoder=encoder,
        say=lambda _: lambda epoch, epochs, measured: progress(epoch, epochs),
    )  # fmt: skip
    [retrieved] = retrieve(run.scorer(dataset, features), gaps)
    return float(run.config["result"]["valid_auc"]), float(retrieved.values[RECALL].mean())


def _cost(dataset: Dataset, name: str, features: Features, out: Path) -> _Cost:
    """Measured now, on some of its items, or as it was measured before."""
    file = out / f"{_slug(name)}-{features.fingerprint}.json"
    if file.is_file():
        stored: dict[str, Any] = read_json(file, dict)
        return _Cost(**stored)
    network = open_network(name)
    rows = np.flatnonzero(features.present)
    rows = np.random.default_rng(0).permutation(rows)[:TIMED]
    texts = network.reads(dataset.catalogue) if network.size is None else None
    images = dataset.catalogue.items["image"]
    inputs = [texts[row] if texts else str(dataset.path / images[row]) for row in rows.tolist()]
    _run(network, inputs[:2])  # the first call also makes what every later one uses
    start = time.perf_counter()
    _run(network, inputs)
    seconds = 1000 * (time.perf_counter() - start) / len(inputs)
    size = features_path(dataset, name).stat().st_size / 1e3 / max(int(features.present.sum()), 1)
    cost = _Cost(seconds, network.megabytes, size)
    out.mkdir(parents=True, exist_ok=True)
    with fresh_file(file) as partial:
        partial.write_text(json.dumps(asdict(cost)) + "\n")
    return cost


def _run(network: Network, inputs: Sequence[str]) -> None:
    """Encode texts or picture files in this process."""
    if network.size is None:
        network.run(list(inputs))
    else:
        network.run(np.stack([read_picture(file, network.size) for file in inputs]))


def _slug(encoder: str) -> str:
    return re.sub(r"[^A-Za-z0-9+]+", "-", encoder).strip("-")
