"""What several tests share."""

import os
from pathlib import Path

# Small tensors: on busy or few cores, threads that wait for each other cost more than they help.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

REAL = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of real outfits; the test is skipped where it is not there."""
    if not REAL.is_dir():
        pytest.skip("the real outfits (../shared/data) are not here")
    return REAL
