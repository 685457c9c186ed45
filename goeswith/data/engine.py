"""Engine: the same work over many parts, in this process or on the workers of Ray Data (extra ``scale``).

A worker that dies is replaced, and the part that it had is done again: nothing that the others did is lost. Results
come in the order of the parts, whichever worker made them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any

from goeswith.errors import ConfigError

LOCAL, RAY = "local", "ray"
ENGINES = (LOCAL, RAY)

Work = Callable[[Any], bytes]
"""What is done to one part; every worker makes it once, and keeps it."""


def check(engine: str) -> None:
    """Raise ConfigError where there is no such engine, or it is not installed."""
    if engine not in ENGINES:
        raise ConfigError(f"there is no engine {engine!r}; choose one of {', '.join(ENGINES)}")
    if engine == RAY:
        try:
            import_module("ray.data")
        except ImportError as error:
            raise ConfigError(
                f"the engine {engine!r} needs a package that is not installed ({error}): pip install 'goeswith[scale]'"
            ) from None


def spread(engine: str, make: Callable[[], Work], parts: Sequence[Any], workers: int | None = None) -> Iterator[bytes]:
    """What `make()` makes of every part, in order.

    Args:
        make: called once by each worker; it and the parts are sent to other processes.
        workers: processes; None: one a core. Ray joins the cluster that RAY_ADDRESS names, else it starts one here.
    """
    check(engine)
    if engine == LOCAL:
        work = make()
        yield from (work(part) for part in parts)
        return
    yield from _on_ray(make, parts, workers or os.cpu_count() or 1)


class _Worker:
    """One process of Ray's."""

    def __init__(self, make: Callable[[], Work]) -> None:
        self.work = make()

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        return {"result": self.work(row["part"])}


def _on_ray(make: Callable[[], Work], parts: Sequence[Any], workers: int) -> Iterator[bytes]:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # as later versions of Ray do
    ray, data = import_module("ray"), import_module("ray.data")
    if not ray.is_initialized():
        here = {} if "RAY_ADDRESS" in os.environ else {"num_cpus": workers, "include_dashboard": False}
        ray.init(log_to_driver=False, logging_level="error", **here)
    context = data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    rows = data.from_items([{"part": part} for part in parts], override_num_blocks=len(parts))
    done = rows.map(_Worker, fn_constructor_args=(make,), compute=data.ActorPoolStrategy(size=workers), num_cpus=1)
    for row in done.iter_rows():
        yield row["result"]
