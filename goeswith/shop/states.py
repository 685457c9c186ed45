"""States: what a model knows of every item of a catalogue, kept in one file that is written and read in parts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from goeswith.errors import DataError
from goeswith.files import fresh_file
from goeswith.models import ItemStates

GUESTS = 1024
"""Rows behind the catalogue's own, for guest items."""
SIZES = {"F32": 4, "I64": 8, "U8": 1}
"""Bytes of a number, by the name that safetensors gives its kind."""


def find_tensor(path: Path, name: str) -> tuple[str, tuple[int, ...], int]:
    """A tensor of a safetensors file, to be mapped or read in parts: its kind, its shape, and the byte it begins at."""
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        told = json.loads(file.read(size))[name]
    return told["dtype"], tuple(told["shape"]), 8 + size + told["data_offsets"][0]


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
    tensors: dict[str, tuple[str, tuple[int, ...], Iterator[np.ndarray]]] = {
        "hidden": ("F32", shape, blocks),
        "marks": ("I64", marks.shape, iter([marks])),
        "categories": ("I64", categories.shape, iter([categories.astype(np.int64)])),
        "present": ("U8", present.shape, iter([present.astype(np.uint8)])),
    }
    header: dict[str, Any] = {"__metadata__": {"build": build}}
    at = 0
    for name, (kind, own, _) in tensors.items():
        end = at + SIZES[kind] * int(np.prod(own))
        header[name] = {"dtype": kind, "shape": list(own), "data_offsets": [at, end]}
        at = end
    said = json.dumps(header).encode()
    said += b" " * (-len(said) % 8)
    with fresh_file(path) as partial, open(partial, "wb") as file:
        file.write(len(said).to_bytes(8, "little") + said)
        for _, _, parts in tensors.values():
            file.writelines(part.tobytes() for part in parts)


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
            there, codes = file.get_tensor("present").bool().numpy(), file.get_tensor("categories")
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
    categories[:count], present[:count] = codes, there
    return ItemStates(hidden, categories), present
