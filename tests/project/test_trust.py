"""Trust: a tenth of `make trust`: kills, damaged inputs and odd requests, with another seed each day."""

import datetime
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="kills whole process groups, as Linux has them")
def test_a_tenth_of_the_kills_and_damaged_inputs_brings_no_fault() -> None:
    seed = datetime.date.today().toordinal()
    parts = [part for name in ("kills", "mutations", "http") for part in ("--only", name)]
    command = [sys.executable, str(ROOT / "benchmarks" / "trust"), "--seconds", "30", "--seed", str(seed), "--dry-run"]
    told = subprocess.run([*command, *parts], capture_output=True, text=True, cwd=ROOT)
    assert told.returncode == 0, told.stdout[-5000:] + told.stderr[-2000:]
    assert told.stdout.startswith(f"seed {seed}")
