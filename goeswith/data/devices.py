"""Devices: which processor computes, chosen by name, and whether it computes matrix products in bfloat16."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from typing import TYPE_CHECKING

from goeswith.errors import ConfigError

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda", "mps")
"""What ``--device`` takes: a kind of processor, or ``auto``, the first of cuda, mps and cpu that is there."""
VARIABLE = "GOESWITH_DEVICE"
"""Environment variable that names the device where no option does."""
TRIM, MAP = -1, -3
"""What `keep_memory` sets, by glibc's numbers: from which size free memory is given back, and a block mapped alone."""


def open_device(name: str | None = None) -> torch.device:
    """The device of that name; without one, that of the environment variable `VARIABLE`, or ``auto``.

    Where a launcher started several processes on one machine, each gets a GPU of its own.

    Raises:
        ConfigError: there is no such device, in general or on this machine.
    """
    import torch

    name = name or os.environ.get(VARIABLE) or "auto"
    if name not in DEVICES:
        raise ConfigError(f"there is no device {name!r}; choose one of {', '.join(DEVICES)}")
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(kind for kind, available in there.items() if available)
    if not there[name]:
        raise ConfigError(f"torch {torch.__version__} finds no {name} device on this machine; use --device cpu or auto")
    if name != "cuda":
        return torch.device(name)
    return torch.device(name, int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())


def wants_bf16(precision: str, device: torch.device | None = None) -> bool:
    """Whether matrix products are computed in bfloat16: where `precision` says so, or is ``auto`` and it is fast."""
    import torch

    if precision != "auto":
        return precision == "bf16"
    if device is None or device.type == "cpu":
        has = torch.cpu.get_capabilities()
        return bool(has.get("amx_bf16") or has.get("avx512_bf16"))
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def autocast(device: torch.device, bf16: bool) -> contextlib.AbstractContextManager[object]:
    """Inside, matrix products on the device are computed in bfloat16 if `bf16` is set, else in their own precision."""
    import torch

    if not torch.amp.is_autocast_available(device.type):
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16)


KEPT = 1 << 29
"""Bytes of free memory that a process keeps, see `keep_memory`."""


def keep_memory() -> None:
    """Let this process keep memory that it frees, up to `KEPT`, for what it asks for next.

    A step frees the same hundreds of megabytes that the next one asks for. Given back in between, every page is cleared
    and mapped again, which took a fifth of the time. For Linux's usual C library, glibc; nothing happens elsewhere.
    """
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError):
            allocator = ctypes.CDLL(None).mallopt
            allocator(MAP, 1 << 25)  # larger blocks are mapped alone: kept, they would leave holes
            allocator(TRIM, KEPT)


class FreeMemory:
    """Free memory between blocks in use, which `keep_memory` alone does not limit.

    Blocks differ in size from step to step and leave holes: 30 epochs on MANGO grew from .6 to 2.5 GB. Where a process
    has grown by `KEPT` since it last gave free memory back, it does so again.
    """

    def __init__(self) -> None:
        self.least = _resident()

    def limit(self) -> None:
        """Give free memory back where there may be too much of it."""
        if self.least and _resident() - self.least > KEPT:
            with contextlib.suppress(AttributeError):
                ctypes.CDLL(None).malloc_trim(0)
            self.least = _resident()


def _resident() -> int:
    """Bytes of this process in memory; 0 where the system does not say."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
