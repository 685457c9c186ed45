"""Models: what every scorer and every trainable model offers."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Scorer(Protocol):
    """Anything that scores outfits over one catalogue: floors, the sample's oracle, trained runs."""

    name: str

    def score(self, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Scores (B,) float64 of outfits, higher = better; NaN where the scorer cannot answer.

        items: (B, n) int64 catalogue rows. mask: (B, n) bool, True = a real item.
        """
        ...
