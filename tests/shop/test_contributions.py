"""Contributions: against loops that leave out, pair up and part the score one item at a time; for every model."""

import numpy as np
import pytest
import torch
from scorers import scorer_of
from worlds import styles_data

from goeswith.models import MODELS, Vocabulary
from goeswith.models.add_gnn import AddGnn, AddGnnConfig
from goeswith.shop.contributions import attribute_shares, leave_one_out, pair_matrix
from goeswith.train.scorers import RunScorer
from goeswith.train.scoring import encode


class Table:
    """The score of an outfit is the sum over its pairs of a table: what each pair and item adds is known."""

    name = "table"

    def __init__(self, size: int = 9) -> None:
        half = np.triu(np.random.default_rng(2).standard_normal((size, size)), 1)
        self.pairs = half + half.T
        self.calls = 0

    def score(self, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
        self.calls += 1
        both = mask[:, :, None] & mask[:, None, :]
        return (self.pairs[items[:, :, None], items[:, None, :]] * both).sum(axis=(1, 2)) / 2


ITEMS = np.array([[0, 1, 2, 3], [4, 5, 6, 6], [7, 8, 7, 7]])
MASK = np.array([[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 0, 0]], bool)


def test_a_table_of_pairs_is_found_again() -> None:
    table = Table()
    alone, pairs = leave_one_out(table, ITEMS, MASK), pair_matrix(table, ITEMS, MASK)
    assert table.calls == 2  # whatever the number of outfits and items
    for b, size in enumerate(MASK.sum(axis=1)):
        own = ITEMS[b, :size]
        for i in range(4):
            if i >= size or size == 2:
                assert np.isnan(alone[b, i])
            else:
                assert alone[b, i] == pytest.approx(sum(table.pairs[own[i], own[j]] for j in range(size) if j != i))
            for j in range(4):
                is_pair = i != j and i < size and j < size
                assert pairs[b, i, j] == pytest.approx(table.pairs[own[i], own[j]] if is_pair else np.nan, nan_ok=True)


@pytest.mark.parametrize("name", list(MODELS))
def test_every_model_tells_what_its_items_and_pairs_add(name: str) -> None:
    scorer, items, mask = scorer_of(name)
    alone, pairs = leave_one_out(scorer, items, mask), pair_matrix(scorer, items, mask)
    assert {2, 4} <= set(mask.sum(axis=1))
    for b, size in enumerate(mask.sum(axis=1)):
        own = items[b, :size]
        whole = scorer.score(own[None], np.ones((1, size), bool))[0]
        for i in range(size):
            if size > 2:
                less = scorer.score(np.delete(own, i)[None], np.ones((1, size - 1), bool))[0]
                assert alone[b, i] == pytest.approx(whole - less, abs=1e-5, nan_ok=True)
            for j in range(size):
                two = scorer.score(np.array([[own[i], own[j]]]), np.ones((1, 2), bool))[0]
                if name != "add-gnn":
                    assert pairs[b, i, j] == pytest.approx(two if i != j else np.nan, abs=1e-5, nan_ok=True)
    assert np.isnan(pairs[~(mask[:, :, None] & mask[:, None, :])]).all()
    assert (attribute_shares(scorer, items, mask) is not None) == (name == "add-gnn")
    if name != "teacher":  # which knows tops and bottoms only
        assert np.isfinite(alone[mask & (mask.sum(axis=1, keepdims=True) > 2)]).all()


@pytest.mark.parametrize("settings", [{}, {"steps": 0}, {"pair": "low-rank", "rank": 2}, {"pair": "diagonal"}])
def test_shares_and_pairs_of_add_gnn_make_up_the_score(settings: dict) -> None:
    data = styles_data()
    torch.manual_seed(1)
    model = AddGnn(AddGnnConfig(attributes=3, hidden=5, **settings), 16, Vocabulary.of(data.catalogue)).eval()
    model.observe(data)
    scorer = RunScorer("x", model, encode(model, data.features, data.categories), data.usable)
    items, mask = (part[:5] for part in data.valid.padded())
    shares, pairs = attribute_shares(scorer, items, mask), pair_matrix(scorer, items, mask)
    assert shares is not None
    scores = scorer.score(items, mask)
    assert shares.sum(axis=1) == pytest.approx(scores, abs=1e-5)
    assert np.nanmean(pairs, axis=(1, 2)) == pytest.approx(scores, abs=1e-5)
    with torch.no_grad():
        for b, size in enumerate(mask.sum(axis=1)):
            own = torch.from_numpy(items[b : b + 1, :size])
            hidden = scorer.states.hidden[own]
            if model.config.steps:
                whole = type("Batch", (), {"items": own, "mask": torch.ones(1, size, dtype=torch.bool)})
                hidden = model.aggregate(hidden, model.edges(scorer.states.categories, whole))
            message = model.bilinear(hidden)
            for k in range(3):
                messages = [
                    float(message[0, i, k] @ hidden[0, j, k]) for i in range(size) for j in range(size) if i != j
                ]
                assert shares[b, k] == pytest.approx(sum(messages) / len(messages), abs=1e-5)
