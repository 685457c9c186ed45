"""Questions of trust: how much higher each source of a mixture scores held-out outfits than their corruptions."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch

from goeswith.data.outfits import OutfitBatch
from goeswith.data.positions import Positions, list_positions
from goeswith.models import Model, TrainingData
from goeswith.models.mixture import Mixture
from goeswith.train.scoring import encode
from goeswith.train.trust import TrustConfig

_BLOCK = 1 << 10
"""Questions that are scored together; states of more take memory that the system clears each time, to the same bits."""


def held_out_positions(data: TrainingData, config: TrustConfig) -> Positions:
    """The places of the validation outfits, and the candidates that are asked about."""
    return list_positions(data.catalogue, data.valid, data.usable, [data.train, data.valid], most=config.questions)


@torch.inference_mode()
def differences(mixture: Mixture, data: TrainingData, positions: Positions) -> np.ndarray:
    """(F, S, G) float64: how much higher each source scores an outfit than it does with each candidate in its place."""
    items, mask = positions.outfits.padded()
    owner, position = positions.owner[positions.at], positions.position[positions.at]
    rows, at = np.unique(np.concatenate([items.ravel(), positions.rows]), return_inverse=True)
    states = encode(
        cast(Model, mixture), data.features[torch.from_numpy(rows)], data.categories[torch.from_numpy(rows)]
    )
    items, wrong = at[: items.size].reshape(items.shape), at[items.size :]

    def parts(some: np.ndarray, real: np.ndarray) -> np.ndarray:
        return mixture.parts(states, OutfitBatch(torch.from_numpy(some), torch.from_numpy(real))).double().numpy()

    true_scores = np.concatenate([parts(items[block], mask[block]) for block in _blocks(len(items))])
    result = np.empty((len(owner), *true_scores.shape[1:]))
    for block in _blocks(len(owner)):
        changed = items[owner[block]]
        np.put_along_axis(changed, position[block, None], wrong[block, None], axis=1)
        result[block] = true_scores[owner[block]] - parts(changed, mask[owner[block]])
    return result


def question_mass(positions: Positions) -> np.ndarray:
    """(F,) how much each candidate counts in the exhaustive AUC; in all 1."""
    of_position = np.bincount(positions.at, positions.weights, len(positions.owner))
    per_outfit = np.bincount(positions.owner, minlength=len(positions.outfits))
    mass = (
        positions.weights / of_position[positions.at] * (positions.shares / per_outfit[positions.owner])[positions.at]
    )
    total: np.ndarray = mass / mass.sum()
    return total


def _blocks(count: int) -> list[np.ndarray]:
    return [np.arange(start, min(start + _BLOCK, count)) for start in range(0, count, _BLOCK)]
