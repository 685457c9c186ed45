"""Tensors: safetensors files that are written block by block and read in parts, however large they are.

The library wants a whole tensor at once; the format is simple: the length of the header in 8 bytes, the header as JSON,
then the numbers of all tensors.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from goeswith.errors import DataError
from goeswith.files import fresh_file

KINDS = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "I64": "<i8", "U8": "|u1"}
"""What safetensors calls a kind of number → numpy's type of it."""
_NAMES = {kind: name for name, kind in KINDS.items()}


@dataclass(frozen=True)
class Blocks:
    """One tensor of `shape` in blocks along its first axis, to be written as numbers of type `dtype`."""

    dtype: np.dtype
    shape: tuple[int, ...]
    blocks: Iterable[np.ndarray]

    @classmethod
    def of(cls, values: np.ndarray, dtype: str) -> Blocks:
        """A tensor that is in memory as a whole."""
        return cls(np.dtype(dtype), values.shape, (values,))

    @property
    def size(self) -> int:
        """In bytes."""
        return self.dtype.itemsize * int(np.prod(self.shape))


def write_tensors(path: Path, metadata: Mapping[str, str], tensors: Mapping[str, Blocks]) -> None:
    """Write tensors in their order, whole or not at all; one block is in memory at a time.

    Put those of wide numbers first, so that each begins at a multiple of its numbers' size.

    Raises:
        DataError: the blocks of a tensor do not add up to its shape, or the file cannot be written.
    """
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    at = 0
    for name, tensor in tensors.items():
        kind = _NAMES[tensor.dtype.newbyteorder("<").str]
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [at, at + tensor.size]}
        at += tensor.size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with fresh_file(path) as partial, open(partial, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, tensor in tensors.items():
            dtype = tensor.dtype.newbyteorder("<")
            written = sum(file.write(np.ascontiguousarray(block, dtype).tobytes()) for block in tensor.blocks)
            if written != tensor.size:
                raise DataError(f"{path} needs {tensor.size} bytes of {name} and got {written}; make it again")


def find_tensor(path: Path, name: str) -> tuple[str, tuple[int, ...], int]:
    """A tensor of a file, to be mapped or read in parts: its kind (see `KINDS`), its shape, the byte it begins at.

    Raises:
        KeyError: the file has no such tensor.
    """
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        tensor = json.loads(file.read(size))[name]
    return tensor["dtype"], tuple(tensor["shape"]), 8 + size + tensor["data_offsets"][0]
