"""States: a model's representation of every item of a catalogue, in one file written and read in parts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from goeswith.data.tensors import Blocks, find_tensor, write_tensors
from goeswith.errors import DataError
from goeswith.models import ItemStates, Towers

GUESTS = 1024
"""Rows behind the catalogue's own, for guest items."""
LARGE = 1 << 28
"""Bytes from which states may stay in their file."""
BLOCK = 1 << 15
"""Items whose states are read at once."""


def write_states(
    path: Path,
    build: str,
    hidden: tuple[tuple[int, ...], Iterator[np.ndarray]],
    marks: np.ndarray,
    categories: np.ndarray,
    present: np.ndarray,
) -> None:
    """Write states.safetensors: no more than one block of the hidden states is in memory.

    build: tells this index from others. hidden: the shape (U, ...) and float32 blocks of it. marks: (U,) int64 digests
    of what each state was made from. categories: (U,) codes as the model knows them. present: (U,) bool.
    """
    shape, blocks = hidden
    tensors = {
        "hidden": Blocks(np.dtype(np.float32), shape, blocks),
        "marks": Blocks.of(marks, "<i8"),
        "categories": Blocks.of(categories, "<i8"),
        "present": Blocks.of(present, "|u1"),
    }
    write_tensors(path, {"build": build}, tensors)


def read_states(path: Path, build: str, remedy: str, *, mapped: bool = False) -> tuple[ItemStates, np.ndarray]:
    """The states of a file, hidden (U + GUESTS, ...) and categories (U + GUESTS,), and which there are, (U + GUESTS,).

    The rows of the guests are empty, and can be written to; the file stays as it is.

    Args:
        mapped: keep large states in the file, where only those that are looked at need memory.

    Raises:
        DataError: the file is broken, or belongs to another index than `build`; what to do is the `remedy`.
    """
    try:
        with safe_open(path, framework="pt") as file:
            if (file.metadata() or {}).get("build") != build:
                raise DataError(f"{path} belongs to another index; {remedy}")
            flags, codes = file.get_tensor("present").bool().numpy(), file.get_tensor("categories")
        _, (count, *shape), start = find_tensor(path, "hidden")
        hidden = _map(path, count, shape, start) if mapped else None
        if hidden is None:
            hidden = torch.zeros(count + GUESTS, *shape)
            with open(path, "rb") as raw:
                raw.seek(start)
                _read_into(raw, hidden[:count])
    except (OSError, SafetensorError) as error:
        raise DataError(f"cannot read {path} ({error}); {remedy}") from None
    categories, present = torch.zeros(count + GUESTS).long(), np.zeros(count + GUESTS, bool)
    categories[:count], present[:count] = codes, flags
    return ItemStates(hidden, categories), present


def read_keys(path: Path, model: Towers, states: ItemStates) -> Tensor:
    """What an exact search compares of each item, (U, d), side by side in memory; the states are read in blocks."""
    _, (count, *shape), start = find_tensor(path, "hidden")
    device, width = states.categories.device, model.keys(ItemStates(states.hidden[:1], states.categories[:1])).shape[1]
    keys = torch.empty(count, width, device=device)
    block = torch.empty(min(BLOCK, count), *shape)
    with open(path, "rb") as raw:
        raw.seek(start)
        for first in range(0, count, BLOCK):
            rows = slice(first, min(first + BLOCK, count))
            part = block[: rows.stop - first]
            _read_into(raw, part)
            keys[rows] = model.keys(ItemStates(part.to(device), states.categories[rows]))
    return keys


def _read_into(raw: BinaryIO, part: Tensor) -> None:
    # Read, not mapped: a mapped file would count twice in memory while it is copied.
    view: Any = part.numpy().reshape(-1).view(np.uint8)
    if raw.readinto(view) != view.size:  # type: ignore[attr-defined]
        raise OSError("it is truncated")


def _map(path: Path, count: int, shape: list[int], start: int) -> Tensor | None:
    """The hidden states in their file; None where they are small, or too near its end for the rows of the guests.

    Rows of guests are private pages over what follows the states in the file, which is cleared in memory alone.
    """
    row = 4 * int(np.prod(shape))
    if count * row < LARGE or start + (count + GUESTS) * row > path.stat().st_size:
        return None
    hidden = torch.from_numpy(np.memmap(path, np.float32, "c", start, (count + GUESTS, *shape)))
    hidden[count:] = 0
    return hidden
