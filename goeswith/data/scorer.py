"""Scorer: the interface of anything that scores outfits over one catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

if TYPE_CHECKING:
    from goeswith.data.questions import Questions


class Scorer(Protocol):
    """Anything that scores outfits over one catalogue: floors, the sample's oracle, trained runs."""

    @property
    def name(self) -> str:
        """What reports call it."""
        ...

    def score(self, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Scores (B,) float64 of outfits, higher = better; NaN where the scorer cannot answer.

        items: (B, n) int64 catalogue rows. mask: (B, n) bool, True = a real item.
        """
        ...


@runtime_checkable
class Chooser(Scorer, Protocol):
    """A scorer that judges the candidates of a question together."""

    def choose(self, context: np.ndarray, mask: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        """Scores (B, m) float64 of candidates (B, m) beside outfits with a gap (B, n), comparable within a row."""
        ...


@runtime_checkable
class Suited(Scorer, Protocol):
    """A scorer that answers each kind of question in its own way."""

    def suited(self, questions: Questions) -> Scorer:
        """The scorer for these questions."""
        ...
