"""First order: the score of an outfit as a function of one candidate, linearised; for the first stage of a search."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from goeswith.data.outfits import OutfitBatch
from goeswith.models import ItemStates

Score = Callable[[ItemStates, OutfitBatch], Tensor]


def expand(score: Score, states: ItemStates, items: Tensor, typical: ItemStates) -> tuple[Tensor, Tensor]:
    """Vectors q (B, d) and offsets (B,) with y(x) ≈ q · x + offset for candidates x near the typical one.

    q is the gradient of y by the candidate's state: y is computed once for each partial outfit with its typical
    candidate, and once backwards. Where y is linear in the candidate this is no approximation.

    items: (B, n) rows of the states, partial outfits of one length. typical: hidden (B, ...), one candidate for each.
    """
    count = len(items)
    with torch.inference_mode(False), torch.enable_grad():
        point = typical.hidden.clone().requires_grad_()
        rows, indices = items.unique(return_inverse=True)
        both = ItemStates(
            torch.cat([states.hidden[rows].clone(), point]), torch.cat([states.categories[rows], typical.categories])
        )
        candidate = len(rows) + torch.arange(count, device=items.device)[:, None]
        whole = torch.cat([indices, candidate], 1)
        batch = OutfitBatch(whole, torch.ones_like(whole, dtype=torch.bool))
        values = score(both, batch).float()
        (slope,) = torch.autograd.grad(values.sum(), point)
    slope, point, values = slope.flatten(1), point.detach().flatten(1), values.detach()
    return slope, values - (slope * point).sum(1)
