"""States: what a model knows of every item of a catalogue, kept in one file that is written and read in parts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from goeswith.data.tensors import Blocks, find_tensor, write_tensors
from goeswith.errors import DataError
from goeswith.models import ItemStates

GUESTS = 1024
"""Rows behind the catalogue's own, for guest items."""


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


def read_states(path: Path, build: str, remedy: str) -> tuple[ItemStates, np.ndarray]:
    """The states of a file, hidden (U + GUESTS, ...) and categories (U + GUESTS,), and which there are, (U + GUESTS,).

    The rows of the guests are empty.

    Raises:
        DataError: the file is broken, or belongs to another index than `build`; what to do is the `remedy`.
    """
    try:
        with safe_open(path, framework="pt") as file:
            if (file.metadata() or {}).get("build") != build:
                raise DataError(f"{path} belongs to another index; {remedy}")
            flags, codes = file.get_tensor("present").bool().numpy(), file.get_tensor("categories")
        _, (count, *shape), start = find_tensor(path, "hidden")
        # Read, not mapped: a mapped file would count twice in memory while it is copied.
        hidden = torch.zeros(count + GUESTS, *shape)
        with open(path, "rb") as raw:
            raw.seek(start)
            view: Any = hidden[:count].numpy().reshape(-1).view(np.uint8)
            if raw.readinto(view) != view.size:
                raise OSError("it is truncated")
    except (OSError, SafetensorError) as error:
        raise DataError(f"cannot read {path} ({error}); {remedy}") from None
    categories, present = torch.zeros(count + GUESTS).long(), np.zeros(count + GUESTS, bool)
    categories[:count], present[:count] = codes, flags
    return ItemStates(hidden, categories), present
