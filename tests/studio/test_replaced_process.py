"""A process of the service that has died: one line says which, how it ended, and what replaced it."""

from itertools import count
from types import SimpleNamespace
from typing import Any, cast

import pytest

from goeswith.studio import processes
from goeswith.studio.settings import Settings


def dead(pid: int, code: int) -> Any:
    return SimpleNamespace(pid=pid, exitcode=code, sentinel=pid, is_alive=lambda: False)


def test_a_line_for_each_process_that_was_replaced(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    alive = SimpleNamespace(pid=1, exitcode=None, sentinel=1, is_alive=lambda: True)
    service = processes.Processes(lambda: None, cast(Any, None), "index", Settings(workers=4))
    service.running = [dead(2, -9), cast(Any, alive), dead(3, 1), dead(4, -44)]
    numbers = count(10)
    monkeypatch.setattr(service, "_begin", lambda folder: dead(next(numbers), 0))
    monkeypatch.setattr(processes, "wait", lambda sentinels, timeout: [2])
    monkeypatch.setattr(processes, "PAUSE", 0.0)
    marked: list[int] = []
    monkeypatch.setattr(processes, "mark_process_dead", lambda pid, folder: marked.append(pid))
    with caplog.at_level("WARNING", logger=processes.__name__):
        service._replace_dead("folder")
    assert [process.pid for process in service.running] == [1, 10, 11, 12]
    assert marked == [2, 3, 4]
    assert caplog.messages == [
        "process 2 of the service was ended by SIGKILL and was replaced by process 10",
        "process 3 of the service ended with exit code 1 and was replaced by process 11",
        "process 4 of the service was ended by signal 44 and was replaced by process 12",
    ]
    caplog.clear()
    service.running, service.stopping = [dead(5, 0)], True
    service._replace_dead("folder")
    assert caplog.messages == []
