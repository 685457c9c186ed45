"""Kernels say what the plain formula says."""

import pytest
import torch

from goeswith.models import kernels
from goeswith.models.kernels import PoolSoftmax, unit


@pytest.mark.parametrize("block", [1, 3, 64])
def test_a_softmax_in_blocks_is_that_of_the_whole_table(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "BLOCK", block)
    torch.manual_seed(0)
    pool = torch.tensor([0, 0, 0, 1, 2, 2, 2, 2, 4, 4])
    truth = torch.tensor([0, 2, 2, 3, 5, 7, 9])  # key 3 is alone in its pool
    gone = torch.tensor([[0, 0], [1, 2], [2, 2], [3, 3], [4, 6], [7, 5], [9, 9]])
    queries, keys = torch.randn(len(truth), 5, requires_grad=True), torch.randn(len(pool), 5, requires_grad=True)
    losses = []
    for query, right, some in zip(queries, truth.tolist(), gone.tolist(), strict=True):
        near = [key for key in range(len(pool)) if pool[key] == pool[right] and (key == right or key not in some)]
        losses.append(torch.logsumexp(keys[near] @ query, 0) - keys[right] @ query)
    loss, taught = PoolSoftmax.apply(queries, keys, pool[truth], pool, truth, gone)
    assert taught == len(losses) - 1
    torch.testing.assert_close(loss, torch.stack(losses).sum())
    wanted = torch.autograd.grad(torch.stack(losses).sum() * 3, [queries, keys])
    torch.testing.assert_close(torch.autograd.grad(loss * 3, [queries, keys]), wanted)


def test_unit_rows_have_the_gradient_of_their_formula() -> None:
    torch.manual_seed(0)
    rows = torch.randn(3, 4, 5, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(unit(rows), rows / rows.norm(dim=-1, keepdim=True))
    assert torch.autograd.gradcheck(unit, (rows,))
    nothing = torch.zeros(2, 5, requires_grad=True)
    assert torch.equal(unit(nothing), torch.zeros(2, 5))
