"""Bi-LSTM against its description, one outfit, direction, step and item of the pool at a time."""

import math
from itertools import permutations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from worlds import styles_data

from goeswith.data.outfits import OutfitBatch
from goeswith.errors import ConfigError
from goeswith.models import ItemStates, Vocabulary
from goeswith.models.bilstm import READING, BiLstm, BiLstmConfig

WORDS = Vocabulary(("boots", "coat", "jeans", "shirt"), ("shoes", "outer", "bottom", "top"))
CODES = torch.tensor([0, 1, 2, 3, 3, 4, 2])  # two shirts, two jeans, one item of an unknown category
BATCH = OutfitBatch(
    torch.tensor([[0, 3, 2, 1, 4], [5, 6, 0, 0, 0], [4, 3, 2, 6, 2]]),
    torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 1, 1, 1, 0]]).bool(),
)


def model_of(**settings: float) -> tuple[BiLstm, Tensor]:
    torch.manual_seed(5)
    model = BiLstm(BiLstmConfig(hidden=4, pool_size=6, **settings), 3, WORDS).double().eval()  # type: ignore[arg-type]
    with torch.no_grad():
        for tensor in (*model.parameters(), model.pool):
            tensor.copy_(torch.randn(tensor.shape))
    return model, torch.randn(len(CODES), 3, dtype=torch.float64)


def read(lstm: nn.LSTM, head: nn.Linear, words: list[np.ndarray]) -> list[np.ndarray]:
    """The guess after each word."""
    w_in, w_back, b_in, b_back = (p.detach().numpy() for p in lstm.parameters())
    hidden, cell, guesses = np.zeros(w_back.shape[1]), np.zeros(w_back.shape[1]), []
    for word in words:
        gate_in, forget, new, out = np.split(w_in @ word + b_in + w_back @ hidden + b_back, 4)
        cell = cell / (1 + np.exp(-forget)) + np.tanh(new) / (1 + np.exp(-gate_in))
        hidden = np.tanh(cell) / (1 + np.exp(-out))
        guesses.append(head.weight.detach().numpy() @ hidden + head.bias.detach().numpy())
    return guesses


def printed_score(model: BiLstm, items: Tensor, codes: list[int], pool: Tensor) -> float:
    """−(E_f + E_b) of one outfit whose items have the embeddings (n, H), against a pool of embeddings (P, H)."""
    spoken = [x.detach().numpy() for x in items]
    foot = len(READING)
    order = {code: (READING.index(group), code) for code, group in enumerate(WORDS.groups)} | {4: (foot, 4)}
    words = [spoken[i] for i in sorted(range(len(spoken)), key=lambda i: (order[codes[i]], spoken[i][0]))]
    total = 0.0
    for lstm, head, sentence in (
        (model.onward, model.next, words),
        (model.backward_, model.previous, words[::-1]),
    ):
        after = [*sentence[1:], np.zeros(len(words[0]))]
        for guess, following in zip(read(lstm, head, sentence), after, strict=True):
            against = math.exp(0) + sum(math.exp(guess @ x.detach().numpy()) for x in pool)
            total += (guess @ following - math.log(against)) / len(words)
    return total


@pytest.mark.parametrize("training", [False, True])
def test_a_batch_scores_as_described(training: bool) -> None:
    model, features = model_of(dropout=0.0)
    model.train(training)
    states = model.encode_items(features, CODES)
    pool = states.hidden if training else model.embedding(model.pool)
    scores = model.score(states, BATCH)
    for outfit, (items, mask) in enumerate(zip(BATCH.items, BATCH.mask, strict=True)):
        rows = items[mask]
        wanted = printed_score(model, states.hidden[rows], CODES[rows].tolist(), pool)
        assert scores[outfit].item() == pytest.approx(wanted, rel=1e-9)


def test_in_training_a_guess_is_a_probability_over_the_items_of_the_step_and_the_end() -> None:
    model, features = model_of(dropout=0.0)
    states = model.train().encode_items(features, CODES)
    alone = states.hidden[[0]].expand(len(CODES), 1, -1)  # an item alone, before each that could follow it
    both = torch.cat([alone, states.hidden[:, None]], dim=1)
    pool, two = states.hidden, torch.full((len(CODES),), 2)

    def log_likelihood(items: Tensor, lengths: Tensor) -> Tensor:
        return model.likelihood(model.onward, model.next, items, lengths, pool) * lengths

    end_after_two = states.hidden.new_zeros(len(CODES))
    for row in range(len(CODES)):
        guess = torch.from_numpy(read(model.onward, model.next, list(both[row].detach().numpy()))[1])
        end_after_two[row] = -torch.log(1 + (pool @ guess).exp().sum())
    follows = (log_likelihood(both, two) - end_after_two).exp().sum() + log_likelihood(
        alone[:1], torch.ones(1)
    ).exp().sum()
    assert follows.item() == pytest.approx(1)


def test_two_items_of_one_category_may_stand_in_any_order() -> None:
    model, features = model_of()
    states = model.encode_items(features, CODES)
    orders = torch.tensor(list(permutations([3, 4, 2, 6])))
    scores = model.score(states, OutfitBatch(orders, torch.ones_like(orders, dtype=torch.bool)))
    torch.testing.assert_close(scores, scores[:1].expand(len(orders)))


def test_clothes_are_read_from_head_to_foot() -> None:
    model, features = model_of()
    states = model.encode_items(features, CODES)
    assert CODES[model.in_order(states, BATCH)[0]].tolist() == [3, 3, 1, 2, 0]
    assert model.in_order(states, BATCH)[1, :2].tolist() == [6, 5]  # an unknown category comes last


def test_the_loss_is_that_of_the_outfits_alone() -> None:
    model, *_ = model_of()
    right, wrong = torch.tensor([-3.0, -5.0]), torch.tensor([[-4.0, -2.0], [-9.0, -6.0]])
    states = ItemStates(torch.zeros(0), torch.zeros(0))
    assert model.objective(right, wrong, states, BATCH).item() == pytest.approx(4)
    ranking, _ = model_of(ranking_weight=0.5)
    pairs = sum(math.log(1 + math.exp(-d)) for d in (1, -1, 4, 1)) / 4
    assert ranking.objective(right, wrong, states, BATCH).item() == pytest.approx(4 + 0.5 * pairs)


def test_dropout_is_for_training_alone() -> None:
    model, features = model_of(dropout=0.5)
    states = model.encode_items(features, CODES)
    assert torch.equal(model.score(states, BATCH), model.score(states, BATCH))
    model.train()
    assert not torch.equal(model.score(states, BATCH), model.score(states, BATCH))


def test_the_pool_is_drawn_once_from_training_outfits() -> None:
    data = styles_data()
    worn = {tuple(row) for row in data.features[torch.from_numpy(np.unique(data.train.items))].tolist()}
    for size in (10, 2 * len(worn)):
        models = [BiLstm(BiLstmConfig(hidden=2, pool_size=size), 16, Vocabulary.of(data.catalogue)) for _ in range(2)]
        for model in models:
            model.observe(data)
        drawn = [tuple(row) for row in models[0].pool.tolist()]
        assert torch.equal(models[0].pool, models[1].pool)
        assert set(drawn) <= worn
        assert len(set(drawn)) == min(size, len(worn))


@pytest.mark.parametrize("settings", [{"hidden": 0}, {"pool_size": 0}, {"dropout": 1.0}, {"ranking_weight": -1.0}])
def test_impossible_settings_are_refused(settings: dict) -> None:
    (name,) = settings
    with pytest.raises(ConfigError, match=f"{name} is {settings[name]}; it must be"):
        BiLstmConfig(**settings)
