"""Benchmarks: they run, on sizes at which their numbers mean nothing."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from goeswith.models import MODELS

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
SMALL = {"rounds": 1, "steps": 1, "dim": 16, "batch": 16, "outfits": 100, "items": 300, "categories": 14, "side": 64}


@pytest.mark.slow
def test_every_model_has_a_speed():
    flags = [f"--{name}={size}" for name, size in (SMALL | {"questions": 8}).items()]
    result = subprocess.run(
        [sys.executable, FOLDER / "models.py", *flags, "--json"], check=True, capture_output=True, text=True
    )
    assert not result.stderr
    rows = json.loads(result.stdout)["models"]
    assert len(rows) == len(MODELS) + 1  # ADD-GNN with and without graph
    for row in rows:
        numbers = [value for name, value in row.items() if name != "name"]
        assert all(value > 0 and math.isfinite(value) for value in numbers), row
