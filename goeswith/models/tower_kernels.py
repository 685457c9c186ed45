"""Tower kernels: the two towers' forward and backward passes by hand, for training in float32.

Autograd makes a table for each operation and place of an outfit, fills tables of zeros for each part of a weight that
is used, and adds them up; these passes read states and gradients from where they are.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import embedding, embedding_bag, gelu, pad

from goeswith.data.outfits import OutfitBatch
from goeswith.models.kernels import TINY


def by_hand(values: Tensor) -> bool:
    """Whether these kernels compute: in training, in float32, and not where operations are recorded or missing."""
    if torch.compiler.is_compiling() or torch.compiler.is_exporting() or values.device.type == "mps":
        return False
    kind = values.device.type
    lower = torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
    return torch.is_grad_enabled() and not lower


class Towers(torch.autograd.Function):
    """States [k r] of items (U, 2h): k = n(W x + m), r = gelu(W' x + m' + b), see `goeswith.models.two_tower`.

    Both products are one, and gradients are written to where they belong.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        categories: Tensor,
        kept: Tensor | None,
        slots: Tensor,
        key: Tensor,
        want: Tensor,
        bias: Tensor,
        memory: Tensor,
    ) -> Tensor:
        """x: (U, D), the first part of x; constant. categories: (U,) which column of W and W' is added, C for none.

        kept: (U, 1) factors of those columns. slots: (U,) rows of the memory (T + 1, 2h), whose last stays zero. key,
        want: W, W' (h, D + C). bias: b (h,). All of them float32.
        """
        hidden, dim = len(key), x.shape[1]
        weights = torch.cat([key[:, :dim], want[:, :dim]])
        columns = pad(torch.cat([key[:, dim:], want[:, dim:]]).T, (0, 0, 0, 1))  # (C + 1, 2h)
        sums, own = embedding(slots, memory), embedding(categories, columns)
        sums = sums.add_(own) if kept is None else sums.addcmul_(own, kept)
        sums.addmm_(x, weights.T)
        before = sums[:, hidden:] + bias
        norms = sums[:, :hidden].norm(dim=1, keepdim=True).clamp_min_(TINY)
        sums[:, :hidden] /= norms
        sums[:, hidden:] = gelu(before)
        ctx.save_for_backward(x, categories, kept, slots, sums, norms, before)
        ctx.sizes = len(memory), len(columns)
        return sums

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of W, W', b and the memory."""
        (out,) = gradients
        x, categories, kept, slots, states, norms, before = ctx.saved_tensors
        remembered, columns = ctx.sizes
        hidden, dim = before.shape[1], x.shape[1]
        sums = torch.empty_like(states)  # gradient of what the states are made of, (U, 2h)
        _through_unit(out[:, :hidden], states[:, :hidden], norms, sums[:, :hidden])
        sums[:, hidden:] = torch.ops.aten.gelu_backward(out[:, hidden:].contiguous(), before)
        to_weights = sums.new_empty(2 * hidden, dim + columns - 1)
        to_weights[:, :dim] = sums.T @ x
        scaled = sums if kept is None else sums * kept
        to_weights[:, dim:] = _summed(scaled, categories, columns)[:-1].T
        to_memory = None
        if ctx.needs_input_grad[7]:
            to_memory = torch.ops.aten.embedding_dense_backward(sums, slots, remembered, remembered - 1, False)
        return (None, None, None, None, *to_weights.split(hidden), sums[:, hidden:].sum(dim=0), to_memory)


class Bags(NamedTuple):
    """Which rows of a table each row of another is a weighted sum of, bag after bag.

    rows, weights: (L,) of all bags. bags: (L,) whose they are, ascending. starts: of each bag.
    """

    rows: Tensor
    weights: Tensor
    bags: Tensor
    starts: Tensor

    @classmethod
    def contexts(cls, batch: OutfitBatch, gaps: Tensor) -> Bags:
        """The other items of the outfits of gaps (G,), and what each of them weighs in their mean.

        A gap is a place of the batch laid out outfit after outfit, its padding included.
        """
        items, size = batch.items.flatten(), batch.items.shape[1]
        others = batch.mask[gaps // size].scatter_(1, (gaps % size)[:, None], False)  # (G, n) of the outfit's places
        gap, place = others.nonzero(as_tuple=True)
        weights = (1 / others.sum(dim=1).clamp_min(1))[gap]
        return cls.of(items[(gaps - gaps % size)[gap] + place], weights, gap, len(gaps))

    @classmethod
    def of(cls, rows: Tensor, weights: Tensor, bags: Tensor, count: int) -> Bags:
        """From (L,) rows and weights of `count` bags, and which bag each belongs to, ascending."""
        sizes = torch.bincount(bags, minlength=count)
        return cls(rows, weights, bags, sizes.cumsum(0) - sizes)

    def sums(self, table: Tensor) -> Tensor:
        """(bags, h) of a table (rows, h)."""
        return embedding_bag(self.rows, table, self.starts, mode="sum", per_sample_weights=self.weights.to(table.dtype))

    def turned(self, count: int) -> Bags:
        """The same weights the other way round, where the other table has `count` rows: what gradients go back by."""
        rows, order = self.rows.sort(stable=True)
        return Bags.of(self.bags[order], self.weights[order], rows, count)


class GapQueries(torch.autograd.Function):
    """Queries of gaps (G, h), n(mean of k + V gelu(mean of r + e)), and keys of items; see `goeswith.models.two_tower`.

    Means over contexts are read from the states of the items as they are summed, and their gradients from those of the
    queries: nothing is made for each place of each outfit but what the products need.
    """

    @staticmethod
    def forward(
        ctx: Any, states: Tensor, category: Tensor, residual: Tensor, codes: Tensor, contexts: Bags, rows: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The queries, and the keys (R, h) of states.

        states: [k r] (U, 2h). category: e (C + 1, h). residual: V (h, h). codes: (G,) rows of e. contexts: the items of
        each gap's context and their weights. rows: (R,) whose keys. All float32.
        """
        hidden = len(residual)
        means = contexts.sums(states)
        before = embedding(codes, category).add_(means[:, hidden:])
        active = gelu(before)
        queries = torch.addmm(means[:, :hidden], active, residual.T)
        norms = queries.norm(dim=1, keepdim=True).clamp_min_(TINY)
        queries /= norms
        ctx.save_for_backward(residual, codes, before, active, queries, norms, rows)
        ctx.contexts, ctx.sizes = contexts, (len(states), len(category))
        return queries, states[:, :hidden].index_select(0, rows)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of the states, e and V."""
        residual, codes, before, active, queries, norms, rows = ctx.saved_tensors
        items, categories = ctx.sizes
        out = _through_unit(gradients[0], queries, norms, torch.empty_like(queries))
        inner = torch.ops.aten.gelu_backward(out @ residual, before)
        to_means = torch.cat([out, inner], dim=1)
        to_states = ctx.contexts.turned(items).sums(to_means)
        to_states[:, : before.shape[1]].index_add_(0, rows, gradients[1])
        return to_states, _summed(inner, codes, categories), out.T @ active, None, None, None


def _through_unit(out: Tensor, unit: Tensor, norms: Tensor, into: Tensor) -> Tensor:
    """The gradient of v from that of v / ‖v‖: without its part along the row, over the norm."""
    along = torch.linalg.vecdot(out, unit)[:, None]
    return torch.addcmul(out, unit, along, value=-1, out=into).div_(norms)


def _summed(rows: Tensor, codes: Tensor, count: int) -> Tensor:
    """(count, h) sums of the rows (N, h) of each code (N,)."""
    return rows.new_zeros(count, rows.shape[1]).index_add_(0, codes, rows)
