"""Softmax: losses that rank the right item of a gap above many negatives at once.

`BatchSoftmax` is for models that have queries of gaps and keys of items: all items of the batch are available for the
price of one matrix product. For any other model each candidate costs the score of a whole outfit: `OutfitSoftmax` pays
for all items of the batch, `CandidateSoftmax` for a few.
"""

from __future__ import annotations

import math
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, embedding

from goeswith.data.catalogue import Catalogue
from goeswith.data.negatives import pools
from goeswith.data.outfits import OutfitBatch
from goeswith.models import ItemStates, Model
from goeswith.models.kernels import PoolSoftmax

SCALE = 10.0
"""What scores are multiplied by at the start of training."""


class GapModel(Protocol):
    """A model that has queries of gaps and keys of items."""

    def gaps(self, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """(B, n, h): for each item of each outfit the query of the gap that it leaves."""
        ...

    def keys(self, states: ItemStates) -> Tensor:
        """(U, h)."""
        ...


@runtime_checkable
class PickingGaps(Protocol):
    """A model that makes queries of some gaps, and keys of some items, at once."""

    def gaps_and_keys(self, states: ItemStates, batch: OutfitBatch, at: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Queries (G, h) of the gaps at places (G,) of the batch laid out outfit after outfit, keys of `rows` (R,)."""
        ...


class PoolLoss(nn.Module):
    """What losses over whole batches have: a learned scale, pools of items that compete, and items that leave gaps.

    Args:
        catalogue: the items.
        strategy: which items share a pool, see `goeswith.data.negatives.Negatives`.
        blank: (U,) bool, items that leave a gap to learn from; None: all of them.
    """

    pool: Tensor
    blank: Tensor | None

    def __init__(self, catalogue: Catalogue, strategy: str, blank: Tensor | None = None) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(SCALE)))
        self.register_buffer("pool", torch.from_numpy(pools(catalogue, strategy)), persistent=False)
        self.register_buffer("blank", blank, persistent=False)

    def gaps(self, batch: OutfitBatch, rows: Tensor) -> Tensor:
        """(B, n) bool, where an item leaves a gap to learn from. rows: (U,) of the catalogue."""
        return batch.mask if self.blank is None else batch.mask & self.blank[rows[batch.items]]


class BatchSoftmax(PoolLoss):
    """For item i of an outfit: −ln softmax of scale · y(i) over all distinct items of the batch from the pool of i.

    y(i) is the score of an item in the gap that i leaves, query · key. The scale is learned, from `SCALE`.

    The other items of the outfit are left out of the pool. An item whose pool has no other item in the batch teaches
    nothing and counts for nothing.

    Corrected for popularity, an item counts as often as the batch wears it: ln n(i) is added to its scaled score, n(i)
    the number of outfits of the batch with i. What is then learned is how much likelier an item is in this gap than in
    any (pointwise mutual information). Without it scores must say that an item is popular: a batch has each item as a
    wrong answer once, and popular ones as right answers often (the sampling bias of Yi et al., RecSys 2019).

    Where wrong answers are drawn for the batch, its own items are reserved for the gaps that they left.
    """

    def forward(
        self,
        model: GapModel,
        states: ItemStates,
        batch: OutfitBatch,
        rows: Tensor,
        worn: Tensor | None = None,
        reserved: Tensor | None = None,
    ) -> tuple[Tensor, int]:
        """The mean over the gaps of a batch of B outfits, and how many gaps there are.

        states: of the U distinct items of the batch, which are the catalogue's `rows` (U,). worn: n (U,), to correct
        for popularity. reserved: (U,) bool, items that are no wrong answers.
        """
        gap = self.gaps(batch, rows)
        own = self.pool[rows]  # (U,)
        pool, by_pool = own.sort(stable=True)
        position = by_pool.argsort()  # (U,) of each item among those
        gap_rows = gap.flatten().nonzero()[:, 0]
        query_pools, order = own[batch.items.flatten()[gap_rows]].sort(stable=True)  # (G,)
        gap_rows = gap_rows[order]
        truth, owner = batch.items.flatten()[gap_rows], gap_rows // gap.shape[1]
        others, real = batch.items[owner], batch.mask[owner]  # (G, n)
        gone = torch.where(real & (own[others] == query_pools[:, None]), others, truth[:, None])
        if isinstance(model, PickingGaps):
            queries, keys = model.gaps_and_keys(states, batch, gap_rows, by_pool)
        else:
            queries = embedding(gap_rows, model.gaps(states, batch).flatten(0, 1))
            keys = embedding(by_pool, model.keys(states))
        queries, keys = queries.float() * self.log_scale.exp(), keys.float()
        bonus = None if worn is None else worn[by_pool].float().log()
        kept = None if reserved is None else reserved[by_pool]
        loss, taught = PoolSoftmax.apply(queries, keys, query_pools, pool, position[truth], position[gone], bonus, kept)
        return loss / taught.clamp_min(1), int(taught)


class OutfitSoftmax(PoolLoss):
    """The loss of `BatchSoftmax` for models without queries: y(i) is the score of the outfit with i in the gap.

    It takes the scores of G · P outfits, G the gaps of the batch and P how many items a pool has in it: with 128
    outfits of MANGO's 10,000, with 64 of them 3,000.
    """

    def forward(
        self,
        model: Model,
        states: ItemStates,
        batch: OutfitBatch,
        rows: Tensor,
        worn: Tensor | None = None,
        reserved: Tensor | None = None,
    ) -> tuple[Tensor, int]:
        """As `BatchSoftmax.forward`. A gap in which any outfit has no score teaches nothing."""
        gap = self.gaps(batch, rows)
        owner, column, items, real = _candidates(self.pool[rows], batch, gap, reserved)
        if not len(owner):
            return self.log_scale.new_zeros(()), 0
        of_gap, place = real.nonzero(as_tuple=True)
        outfits = batch.items[owner[of_gap]]
        outfits[torch.arange(len(outfits), device=outfits.device), column[of_gap]] = items[of_gap, place]
        scores = model.score(states, OutfitBatch(outfits, batch.mask[owner[of_gap]])).float() * self.log_scale.exp()
        table = torch.full(real.shape, -math.inf, device=scores.device).index_put((of_gap, place), scores)
        if worn is not None:
            table = table + worn[items].float().log()
        answered = ~table.isnan().any(dim=1)
        truth = torch.zeros_like(owner[answered])
        return cross_entropy(table[answered], truth, reduction="sum") / answered.sum().clamp_min(1), len(truth)


def _candidates(
    pool: Tensor, batch: OutfitBatch, gap: Tensor, reserved: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Of the gaps of a batch that have a wrong item to choose: outfit (G,), column (G,), and what may fill each.

    pool: (U,) of the items. gap: (B, n) bool, where an item leaves one. reserved: (U,) bool, items that are nobody's
    wrong answer. The last two are items (G, P), the right one
    first, and whether they are candidates: other items of the pool that the outfit does not wear.
    """
    in_order, by_pool = pool.sort(stable=True)
    owner, column = gap.nonzero(as_tuple=True)
    truth = batch.items[owner, column]
    start, end = (torch.searchsorted(in_order, pool[truth], right=right) for right in (False, True))
    most = int((end - start).max()) if len(owner) else 0
    at = start[:, None] + torch.arange(most, device=start.device)
    items = by_pool[at.clamp_max(len(pool) - 1)]
    worn = ((items[:, :, None] == batch.items[owner, None]) & batch.mask[owner, None]).any(dim=2)
    real = (at < end[:, None]) & ~worn
    if reserved is not None:
        real &= ~reserved[items]
    taught = real.any(dim=1)
    items, real = torch.cat([truth[:, None], items], dim=1), torch.cat([taught[:, None], real], dim=1)
    return owner[taught], column[taught], items[taught], real[taught]


class CandidateSoftmax(nn.Module):
    """−ln softmax of scale · y over an outfit and r corruptions of one of its gaps.

    The scale is learned, from `SCALE`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(SCALE)))

    def forward(self, right: Tensor, wrong: Tensor) -> Tensor:
        """The mean over outfits, of scores (B,) and those of their corruptions (B, r)."""
        scores = self.log_scale.exp() * torch.cat([right[:, None], wrong], dim=1)
        return cross_entropy(scores, torch.zeros(len(scores), dtype=torch.long, device=scores.device))
