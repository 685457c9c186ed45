"""Processes: one thread each; a failed task ends the others, and its error is raised without waiting for them."""

import os
import time
from concurrent.futures import FIRST_EXCEPTION, wait
from pathlib import Path

import pytest

from goeswith.experiments.processes import processes


def _fail(started: Path) -> None:
    while not started.exists():
        time.sleep(0.05)
    raise ValueError("this task failed")


def _go_on(started: Path, finished: Path) -> None:
    started.touch()
    time.sleep(30)
    finished.touch()


def _run_both(started: Path, finished: Path) -> None:
    with processes(2) as pool:
        tasks = [pool.submit(_go_on, started, finished), pool.submit(_fail, started)]
        for task in wait(tasks, return_when=FIRST_EXCEPTION).done:
            task.result()


def test_a_failed_task_ends_the_others(tmp_path: Path) -> None:
    started, finished = tmp_path / "started", tmp_path / "finished"
    with pytest.raises(ValueError, match="this task failed"):
        _run_both(started, finished)
    assert started.exists()
    assert not finished.exists()


def test_tasks_use_one_thread_and_the_environment_is_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.delenv("POLARS_MAX_THREADS", raising=False)
    with processes(1) as pool:
        assert list(pool.map(os.getenv, ["OMP_NUM_THREADS", "POLARS_MAX_THREADS"])) == ["1", "1"]
    assert os.environ["OMP_NUM_THREADS"] == "2"
    assert "POLARS_MAX_THREADS" not in os.environ
