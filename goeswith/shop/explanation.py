"""Explanation: what explains the score of an outfit, in numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from goeswith.shop.active_rules import Fired
from goeswith.shop.answers import Look, Swap


@dataclass(frozen=True)
class Explanation:
    """What lies behind the score of an outfit of n items.

    pairs: (n, n) see `goeswith.shop.contributions.pair_matrix`, NaN on the diagonal. contributions: (n,) what the score
    loses without each item, higher = it helps; NaN where an outfit of two leaves nothing to compare.
    attributes: (K,) share of each attribute mask, which sum to the score; None for models without.
    weakest_pair: places of the two items that go together worst. weakest_item: place of the item without which the
    score is highest; of two items, which are equally to blame, the first.
    rules: that fired, the most trusted first. swap: the best exchange of the weakest item, or of another where none of
    that helps, or what to take out of an outfit that has too many of something; None where none does or none was asked
    for. look: the outfit as it is judged.
    """

    item_ids: tuple[str, ...]
    look: Look
    pairs: np.ndarray
    contributions: np.ndarray
    attributes: np.ndarray | None
    weakest_pair: tuple[int, int]
    weakest_item: int
    rules: tuple[Fired, ...]
    swap: Swap | None
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, for JSON; null where there is no number."""
        return {
            "item_ids": list(self.item_ids),
            "look": asdict(self.look),
            "pairs": [_plain(row) for row in self.pairs],
            "contributions": _plain(self.contributions),
            "attributes": None if self.attributes is None else _plain(self.attributes),
            "weakest_pair": list(self.weakest_pair),
            "weakest_item": self.weakest_item,
            "rules": [asdict(rule) | {"says": str(rule)} for rule in self.rules],
            "swap": None if self.swap is None else asdict(self.swap),
            "sentence": self.sentence,
        }


def _plain(values: np.ndarray) -> list[float | None]:
    return [None if np.isnan(value) else value for value in values.tolist()]
