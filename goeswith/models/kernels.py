"""Kernels: forward and backward passes written by hand, where autograd would move too many numbers through memory."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.nn.functional import normalize

TINY = 1e-12
"""The least norm that is divided by."""
BARRED = 1e30
"""What is taken off the score of a key that must not be chosen: so much quicker than minus infinity in its place."""
BLOCK = 128
"""Queries whose scores are computed at a time: few enough that the scores stay in the processor's cache, and
most keys of the run are of their pools."""


class GatedStep(torch.autograd.Function):
    """One step of a gated graph network, ADD (6), on rows (N, H), forward and backward by hand.

    z, r = σ(a W_zr + h U_zr), h̃ = tanh(a W_h + (r ⊙ h) U_h), h' = (1 − z) ⊙ h + z ⊙ h̃. Sums go into the matmuls
    that make them and activations replace their arguments, so that little else moves through memory: written with
    autograd, the element-wise work took a third of a step.
    """

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, gathered: Tensor, w_in: Tensor, u_gates: Tensor, u_candidate: Tensor
    ) -> Tensor:
        """hidden h, gathered a: (N, H). w_in: (H, 3H) = [W_z W_r W_h]. u_gates: (H, 2H). u_candidate: (H, H)."""
        size = hidden.shape[1]
        activated = gathered @ w_in  # (N, 3H), becomes [z r h̃]
        gates, candidate = activated[:, : 2 * size], activated[:, 2 * size :]
        gates.addmm_(hidden, u_gates).sigmoid_()
        update, reset = gates[:, :size], gates[:, size:]
        candidate.addmm_(reset * hidden, u_candidate).tanh_()
        ctx.save_for_backward(hidden, gathered, activated, w_in, u_gates, u_candidate)
        return torch.lerp(hidden, candidate, update)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, ...]:
        """Gradients of the five arguments."""
        (out,) = gradients
        hidden, gathered, activated, w_in, u_gates, u_candidate = ctx.saved_tensors
        size = hidden.shape[1]
        update, reset, candidate = activated.split(size, dim=1)
        inner = torch.empty_like(activated)  # gradients before the activations, (N, 3H)
        to_gates, to_candidate = inner[:, : 2 * size], inner[:, 2 * size :]
        through = out * update
        torch.ops.aten.tanh_backward.grad_input(through, candidate, grad_input=to_candidate)
        torch.ops.aten.sigmoid_backward.grad_input(out * (candidate - hidden), update, grad_input=inner[:, :size])
        to_reset = to_candidate @ u_candidate.T  # with respect to r ⊙ h
        torch.ops.aten.sigmoid_backward.grad_input(to_reset * hidden, reset, grad_input=inner[:, size : 2 * size])
        to_hidden = (out - through).addcmul_(to_reset, reset).addmm_(to_gates, u_gates.T)
        return (
            to_hidden,
            inner @ w_in.T,
            gathered.T @ inner,
            hidden.T @ to_gates,
            (reset * hidden).T @ to_candidate,
        )


class Unit(torch.autograd.Function):
    """v / ‖v‖ of rows (..., h); autograd takes twice as many passes over the memory for its gradient."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        """rows v; a row of zeros stays so."""
        norms = rows.norm(dim=-1, keepdim=True).clamp_min(TINY)
        unit = rows / norms
        ctx.save_for_backward(unit, norms)
        return unit

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        """The gradient without its part along the row, over the norm."""
        (out,) = gradients
        unit, norms = ctx.saved_tensors
        along = (out * unit).sum(dim=-1, keepdim=True)
        return torch.addcmul(out, unit, along, value=-1).div_(norms)


def unit(rows: Tensor) -> Tensor:
    """v / ‖v‖ of rows (..., h), see `Unit`."""
    return cast(Tensor, Unit.apply(rows)) if torch.is_grad_enabled() and rows.requires_grad else normalize(rows, dim=-1)


class PoolSoftmax(torch.autograd.Function):
    """−ln softmax of query · key over the keys of each query's pool, summed over the queries; and its gradients.

    Queries and keys lie pool after pool, so that a block of queries meets one run of keys, and neither the table (G, U)
    of all scores nor its gradient is ever made.
    """

    @staticmethod
    def forward(
        ctx: Any,
        queries: Tensor,
        keys: Tensor,
        query_pools: Tensor,
        pool: Tensor,
        truth: Tensor,
        gone: Tensor,
        bonus: Tensor | None = None,
        reserved: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """The sum, and how many queries have a wrong key to choose.

        queries: (G, h). keys: (U, h), both float32. query_pools: (G,) pools of the queries, ascending. pool: (U,) those
        of the keys, ascending. truth: (G,) the right keys. gone: (G, n) keys of its pool that a query does not choose
        from, the right one excepted. bonus: (U,) is added to all scores of a key; constant. reserved: (U,) bool, keys
        that only those queries choose from whose right one they are.
        """
        loss, taught = queries.new_zeros(()), torch.zeros_like(truth).sum()
        to_queries, to_keys = torch.empty_like(queries), torch.zeros_like(keys)
        firsts = torch.arange(0, len(queries), BLOCK, device=queries.device)
        lasts = (firsts + BLOCK).clamp_max(len(queries)) - 1
        starts, ends = (
            torch.searchsorted(pool, query_pools[firsts]),
            torch.searchsorted(pool, query_pools[lasts], right=True),
        )
        for first, start, end in zip(firsts.tolist(), starts.tolist(), ends.tolist(), strict=True):
            rows, run = slice(first, first + BLOCK), slice(start, end)
            right = truth[rows, None] - start
            barred = query_pools[rows, None] != pool[run]
            barred = (barred if reserved is None else barred | reserved[run]).float()
            barred.scatter_(1, gone[rows] - start, 1.0).scatter_(1, right, 0.0)
            taught += (barred.sum(dim=1) < barred.shape[1] - 1).sum()
            scores = (queries[rows] @ keys[run].T).float().sub_(barred, alpha=BARRED)
            if bonus is not None:
                scores += bonus[run]
            loss -= scores.log_softmax(dim=1).gather(1, right).sum()
            error = scores.softmax(dim=1)  # exponentials of the above would be slow where they are zero
            error.scatter_add_(1, right, torch.full_like(error[:, :1], -1.0))
            to_queries[rows] = error @ keys[run]
            to_keys[run] += error.T @ queries[rows]
        ctx.save_for_backward(to_queries, to_keys)
        ctx.mark_non_differentiable(taught)
        return loss, taught

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of the queries and of the keys."""
        to_queries, to_keys = ctx.saved_tensors
        return gradients[0] * to_queries, gradients[0] * to_keys, None, None, None, None, None, None
