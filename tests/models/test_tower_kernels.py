"""Kernels of the two towers say what the formula says, and so do their gradients."""

import pytest
import torch
from torch.nn.functional import embedding, gelu, normalize

from goeswith.data.outfits import OutfitBatch
from goeswith.models.tower_kernels import Bags, GapQueries, Towers


@pytest.mark.parametrize(("kind", "near"), [(torch.float64, 1e-10), (torch.float32, 1e-6)])
def test_towers_and_their_gradients_are_those_of_the_formula(kind: torch.dtype, near: float) -> None:
    torch.manual_seed(0)
    hidden, dim, categories = 4, 6, 3
    x = torch.randn(7, dim, dtype=kind)
    codes, slots = (
        torch.tensor([0, 1, 2, 3, 0, 1, 3]),
        torch.tensor([0, 2, 1, 2, 2, 0, 2]),
    )  # 3: none; slot 2 stays zero
    kept = torch.tensor([2.0, 0, 2, 2, 0, 2, 2], dtype=kind)[:, None]
    key, want = torch.randn(2, hidden, dim + categories, dtype=kind).unbind()
    memory = torch.cat([torch.randn(2, 2 * hidden, dtype=kind), torch.zeros(1, 2 * hidden, dtype=kind)])
    weights = [part.clone().requires_grad_() for part in (key, want, torch.randn(hidden, dtype=kind), memory)]
    one_hot = torch.cat([torch.eye(categories, dtype=kind), torch.zeros(1, categories, dtype=kind)])[codes]
    for factors in (kept, None):
        wide = torch.cat([x, one_hot if factors is None else one_hot * factors], dim=1)
        own = embedding(slots, weights[3], padding_idx=2)
        keys = normalize(wide @ weights[0].T + own[:, :hidden], dim=1)
        wants = gelu(wide @ weights[1].T + weights[2] + own[:, hidden:])
        expected = torch.cat([keys, wants], dim=1)
        states = Towers.apply(x, codes, factors, slots, *weights)
        torch.testing.assert_close(states, expected, rtol=near, atol=near)
        out = torch.randn_like(expected)
        found = torch.autograd.grad(states, weights, out)
        torch.testing.assert_close(found, torch.autograd.grad(expected, weights, out), rtol=near, atol=near)


def test_towers_without_memory_have_no_gradient_of_it() -> None:
    key, want = torch.ones(2, 3, 5, requires_grad=True)
    none = torch.zeros(4, dtype=torch.long)
    states = Towers.apply(torch.ones(4, 4), none, None, none, key, want, torch.zeros(3), torch.zeros(1, 6))
    states.sum().backward()
    assert states.shape == (4, 6)


@pytest.mark.parametrize(("kind", "near"), [(torch.float64, 1e-10), (torch.float32, 1e-6)])
def test_queries_of_gaps_and_their_gradients_are_those_of_a_loop(kind: torch.dtype, near: float) -> None:
    torch.manual_seed(0)
    hidden = 4
    parts = [torch.randn(5, 2 * hidden), torch.randn(3, hidden), torch.randn(hidden, hidden)]
    states, category, residual = (part.to(kind).requires_grad_() for part in parts)
    contexts = [[0, 1, 4], [1], [], [3, 3]]  # one without any item, one with an item twice
    codes, rows = torch.tensor([2, 0, 1, 2]), torch.tensor([4, 0, 4, 2])
    sizes = torch.tensor([len(context) for context in contexts])
    gaps = torch.arange(4).repeat_interleave(sizes)
    bags = Bags.of(torch.tensor([row for context in contexts for row in context]), (1 / sizes.to(kind))[gaps], gaps, 4)
    queries, keys = GapQueries.apply(states, category, residual, codes, bags, rows)
    expected = []
    for context, code in zip(contexts, codes, strict=True):
        mean = states[context].mean(dim=0) if context else torch.zeros(2 * hidden, dtype=kind)
        expected.append(normalize(mean[:hidden] + residual @ gelu(mean[hidden:] + category[code]), dim=0))
    torch.testing.assert_close(queries, torch.stack(expected), rtol=near, atol=near)
    assert torch.equal(keys, states[rows, :hidden])
    to_queries, to_keys = torch.randn_like(queries), torch.randn_like(keys)
    value = (torch.stack(expected) * to_queries).sum() + (states[rows, :hidden] * to_keys).sum()
    wanted = torch.autograd.grad(value, [states, category, residual])
    found = torch.autograd.grad([queries, keys], [states, category, residual], [to_queries, to_keys])
    torch.testing.assert_close(found, wanted, rtol=near, atol=near)


def test_contexts_are_the_other_items_of_the_outfit() -> None:
    items = torch.tensor([[3, 1, 2], [5, 4, 4], [0, 9, 9]])
    batch = OutfitBatch(items, torch.tensor([[1, 1, 1], [1, 1, 0], [1, 0, 0]]).bool())
    gaps = torch.tensor([4, 6, 0, 2])  # of outfit 1, of outfit 2 (its only item), twice of outfit 0
    bags = Bags.contexts(batch, gaps)
    found = [bags.rows[bags.bags == gap].tolist() for gap in range(4)]
    assert found == [[5], [], [1, 2], [3, 1]]
    assert bags.weights.tolist() == [1, 0.5, 0.5, 0.5, 0.5]
    assert bags.starts.tolist() == [0, 1, 1, 3]


def test_a_process_without_outfits_has_empty_tables() -> None:
    """Where several processes train, one of them may have no share of a small batch."""
    states, category, residual = torch.randn(3, 4, requires_grad=True), torch.randn(2, 2), torch.randn(2, 2)
    none = torch.empty(0, dtype=torch.long)
    batch = OutfitBatch(torch.empty(0, 5, dtype=torch.long), torch.empty(0, 5, dtype=torch.bool))
    queries, keys = GapQueries.apply(states, category, residual, none, Bags.contexts(batch, none), torch.arange(3))
    assert queries.shape == (0, 2)
    (queries.sum() + keys.sum()).backward()
    assert states.grad is not None
    assert states.grad.tolist() == [[1, 1, 0, 0]] * 3
