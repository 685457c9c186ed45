"""Making a starter: a run of `goeswith.models.starter` from a catalogue and rules, without any outfit."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from goeswith import __version__
from goeswith.data.dataset import Dataset
from goeswith.data.features import load_features
from goeswith.errors import DataError
from goeswith.files import fresh_file
from goeswith.models import Vocabulary
from goeswith.models.starter import Starter, StarterConfig
from goeswith.rules.rules import Rule
from goeswith.train.run import Run
from goeswith.train.training import locked

WORDS = "words"
"""The encoder that rules are looked for in: the last of a starter's."""


def make_starter(
    dataset: Dataset, out: str | Path, encoder: str, rules: Sequence[Rule] = (), weak: float | None = None
) -> Run:
    """Make a starter for a catalogue in the folder `out`; no outfit is looked at.

    Args:
        encoder: the encoders of style, joined by ``+``; ``words``, in which rules are found, comes last and is added
            where it is not there.
        rules: what goes with what.
        weak: the validation AUC of a model that learned too little, in whose place the starter comes.

    Raises:
        DataError: there are no such features, or no item has them all.
    """
    out, start = Path(out), time.monotonic()
    names = [*(name for name in encoder.split("+") if name != WORDS), WORDS]
    features = load_features(dataset, "+".join(names))
    rows = np.flatnonzero(features.present)
    if not len(rows):
        raise DataError(f"no item of {dataset.path} has the features of all of {', '.join(names)}; encode it again")
    vocabulary = Vocabulary.of(dataset.catalogue)
    config = StarterConfig(rules=len(rules))
    model = Starter(config, features.values.shape[1], vocabulary)
    codes = torch.from_numpy(vocabulary.codes(dataset.catalogue)[rows])
    model.observe_items(torch.from_numpy(features.values[rows]), codes, features.blocks)
    model.obey(rules)
    described = {
        "model": "starter",
        "goeswith": __version__,
        "settings": asdict(config),
        "train": {},
        "knowledge": None,
        "rules": None,
        "encoder": features.encoder,
        "features": features.fingerprint,
        "dim": features.values.shape[1],
        "dataset": dataset.named,
        "left_out": {},
        "categories": list(vocabulary.categories),
        "groups": list(vocabulary.groups),
    }
    with locked(out):
        with fresh_file(out / "weights.safetensors") as partial:
            save_file({name: value.contiguous() for name, value in model.state_dict().items()}, partial)
        result = {
            "rules": [str(rule) for rule in rules],
            "outfits": len(dataset.outfits),
            "weak": weak,
            "seconds": time.monotonic() - start,
        }
        with fresh_file(out / "config.json") as partial:
            partial.write_text(json.dumps({**described, "result": result}, indent=2) + "\n")
    return Run(out)
