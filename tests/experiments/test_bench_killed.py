"""Bench, killed: it goes on where it stopped, its processes end with it, and a folder is one bench's at a time."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from worlds import styles_dataset

from goeswith.experiments.bench import bench
from goeswith.experiments.recipes import read_recipe

RECIPE = """
name = "killed"
dataset = "{world}"
designers = "{world}"
seeds = [0]
questions = ["test-fitb-category"]
retrieval = false
set = [
  "hidden=8", "attributes=2", "dropout=0.2", "epochs=20", "patience=20", "batch_size=64", "negatives=category",
  "teacher.epochs=10", "teacher.patience=10",
]

[[model]]
name = "taught"
model = "add-gnn"
teacher = "designers"

[[model]]
name = "alone"
model = "add-gnn"
set = ["steps=0"]

[[compare]]
first = "taught"
second = "alone"
"""
PATIENCE = 600
"""Seconds after which something that never comes is given up."""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "killed.toml"
    path.write_text(RECIPE.format(world=styles_dataset(tmp_path).path))
    return path


def begin(recipe: Path, out: Path, jobs: int = 1) -> subprocess.Popen[str]:
    """A bench in a process group of its own."""
    command = [sys.executable, "-m", "goeswith", "bench", str(recipe), "--out", str(out), "--jobs", str(jobs)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def finish(recipe: Path, out: Path) -> dict[str, Any]:
    """What a bench measures that is not disturbed; it trains in a process of its own as well."""
    bench(read_recipe(recipe), out, say=lambda line: None)
    return json.loads((out / "results.json").read_text())


def wait(condition: Callable[[], object], process: subprocess.Popen[str] | None = None) -> None:
    """Until it is true, as long as a process goes on."""
    last = time.monotonic() + PATIENCE
    while not condition():
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < last
        time.sleep(0.01)


def trains(out: Path, since: int) -> bool:
    """Whether an epoch has ended after a moment (ns) in a training that goes on."""
    states = [*out.glob("runs/*/state.safetensors"), *out.glob("teachers/*/state.safetensors")]
    return any(state.exists() and state.stat().st_mtime_ns > since for state in states)


def children(process: int) -> list[int]:
    listed = [path.read_text() for path in Path(f"/proc/{process}/task").glob("*/children")]
    return [int(child) for child in " ".join(listed).split()]


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def timeless(value: Any) -> Any:
    """The same without what a clock said."""
    if isinstance(value, dict):
        return {k: timeless(v) for k, v in value.items() if k not in ("seconds", "pairs_per_second")}
    return [timeless(v) for v in value] if isinstance(value, list) else value


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="processes are looked up in /proc, as Linux has it")
def test_a_killed_bench_ends_as_if_it_had_never_been_killed(recipe: Path, tmp_path: Path):
    straight, out = finish(recipe, tmp_path / "straight"), tmp_path / "out"

    killed = begin(recipe, out, jobs=2)
    try:
        wait(lambda: trains(out, 0), killed)
        os.killpg(killed.pid, signal.SIGSTOP)  # or it might be done before the next has begun
        again = begin(recipe, out)
        _, messages = again.communicate(timeout=PATIENCE)
        assert again.returncode == 1
        assert messages == f"goeswith: another bench is running in {out}; wait for it or choose another folder\n"
        workers = children(killed.pid)
        assert len(workers) >= 2
        killed.kill()  # it alone: the processes that train are not told
        os.killpg(killed.pid, signal.SIGCONT)
        wait(lambda: not any(map(alive, workers)))
    finally:
        killed.kill()
        killed.communicate()
    assert not (out / "results.json").exists()

    moment = time.time_ns()
    killed = begin(recipe, out)
    try:
        wait(lambda: trains(out, moment), killed)
    finally:
        os.killpg(killed.pid, signal.SIGKILL)  # all at once, as a machine that goes down does
        killed.communicate()
    assert not (out / "results.json").exists()

    assert timeless(finish(recipe, out)) == timeless(straight)
    assert not list(out.rglob("state.safetensors"))
    assert not list(out.rglob("*.partial"))
