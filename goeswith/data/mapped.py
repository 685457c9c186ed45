"""Mapped features: vectors that are read from their files row by row, for catalogues that memory does not hold."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from goeswith.data.dataset import Dataset
from goeswith.data.features import FeatureFile, Features, feature_paths, joined

if TYPE_CHECKING:
    import torch

SHARE = 0.5
"""Of the memory that is free, how much features may take before they stay in their files."""


@dataclass(frozen=True)
class MappedFeatures:
    """What `goeswith.data.features.Features` are, left in their files; several encoders are side by side.

    files: of the encoders. present: (U,) bool, items that all of them have.
    """

    files: tuple[FeatureFile, ...]
    present: np.ndarray

    @classmethod
    def open(cls, dataset: Dataset, encoder: str | None = None) -> MappedFeatures:
        """As `goeswith.data.features.load_features`, which says what may go wrong."""
        paths = feature_paths(dataset, encoder)
        files = tuple(FeatureFile.open(path, dataset.catalogue).checked() for path in paths)
        return cls(files, np.logical_and.reduce([file.row_of >= 0 for file in files]))

    @property
    def encoder(self) -> str:
        """Names of the encoders, joined by ``+``."""
        return joined(self.files)[0]

    @property
    def fingerprint(self) -> str:
        """12 hex digits, those of the same features in memory."""
        return joined(self.files)[1]

    @property
    def blocks(self) -> tuple[int, ...]:
        """How many dimensions are each encoder's."""
        return tuple(file.matrix.shape[1] for file in self.files)

    @property
    def shape(self) -> tuple[int, int]:
        """(U, D)."""
        return len(self.present), sum(self.blocks)

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Vectors (n, D) float32 of catalogue rows (n,); zeros for an item without."""
        values = np.concatenate([file.read(rows) for file in self.files], axis=1)
        values[~self.present[rows]] = 0
        return values

    def in_memory(self) -> Features:
        """The same, read as a whole."""
        return Features(
            self.read(np.arange(len(self.present))), self.present, self.encoder, self.fingerprint, self.blocks
        )

    def fit(self, device: torch.device) -> bool:
        """Whether they may be read as a whole: they take no more than `SHARE` of what is free here and on a device."""
        rows, dim = self.shape
        return rows * dim * 4 <= SHARE * min(free_memory(), free_memory(device))


@dataclass(frozen=True)
class StreamedFeatures:
    """Mapped features as training reads them: each batch goes from the files to the device."""

    mapped: MappedFeatures
    device: torch.device

    @property
    def shape(self) -> tuple[int, int]:
        """(U, D)."""
        return self.mapped.shape

    def __getitem__(self, rows: torch.Tensor | slice) -> torch.Tensor:
        """(n, D) float32 of some catalogue rows (n,)."""
        import torch

        if isinstance(rows, slice):
            rows = torch.arange(len(self.mapped.present))[rows]
        return torch.from_numpy(self.mapped.read(rows.cpu().numpy())).to(self.device)

    def to(self, device: torch.device) -> StreamedFeatures:
        """The same for another device."""
        return StreamedFeatures(self.mapped, device)


def free_memory(device: torch.device | None = None) -> float:
    """Bytes that could be used: of a GPU of its own memory, else of this machine's; infinity where none can tell."""
    if device is not None and device.type == "cuda":
        import torch

        return float(torch.cuda.mem_get_info(device)[0])
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return float(line.split()[1]) * 1024
        return float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return float("inf")
