"""Trust: a small part of `make trust`: kills, damaged inputs and odd requests, the same ones each time."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="kills whole process groups, as Linux has them")
def test_a_part_of_the_kills_and_damaged_inputs_brings_no_fault() -> None:
    seed = 20  # of these cases none brings a fault; `make trust` asks others
    parts = [part for name in ("kills", "mutations", "http") for part in ("--only", name)]
    command = [sys.executable, str(ROOT / "benchmarks" / "trust"), "--seconds", "10", "--seed", str(seed), "--dry-run"]
    result = subprocess.run([*command, *parts], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stdout[-5000:] + result.stderr[-2000:]
    assert result.stdout.startswith(f"seed {seed}")
