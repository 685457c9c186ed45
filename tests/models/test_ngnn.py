"""NGNN against its equations, one item and one message at a time."""

import numpy as np
import pytest
import torch
from training_batch import CODES, RIGHT, WORDS, WRONG, batch, features, observed, randomised

from goeswith.errors import ConfigError
from goeswith.models.ngnn import Ngnn, NgnnConfig, by_category

KNOWN = [0, 2, 3]  # no training outfit of these tests has a coat, code 1


def model_of(**settings: object) -> Ngnn:
    model = randomised(Ngnn(NgnnConfig(hidden=4, **settings), 7, WORDS), torch.float32)  # type: ignore[arg-type]
    with torch.no_grad():
        model.image.mul_(0.3)  # keeps tanh off its ends
    model.observe(observed([[0, 2, 3], [3, 4, 5]]))
    return model


def of_category(weight: torch.Tensor, item: int) -> np.ndarray:
    table = weight.detach().double().numpy()
    return table[CODES[item]] if CODES[item] in KNOWN else table[KNOWN].mean(axis=0)


def printed_score(model: Ngnn, outfit: list[int]) -> float:
    sigmoid = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
    x = features(7, torch.float32).double().numpy()
    h = [np.tanh(x[i] @ of_category(model.image, i)[:7]) for i in outfit]
    codes = [CODES[i] if CODES[i] in KNOWN else 4 for i in outfit]
    near = [[float(model.graph[a, b]) if model.config.edges == "counts" else 1.0 for b in codes] for a in codes]
    for _ in range(model.config.steps):
        w_z, w_r, w_h = np.split(model.gates_in.detach().double().numpy(), 3, axis=1)
        u_z, u_r = np.split(model.gates_state.detach().double().numpy(), 2, axis=1)
        u_h = model.candidate_state.detach().double().numpy()
        sent = [h[at] @ of_category(model.outward, item) for at, item in enumerate(outfit)]
        new = []
        for i, item in enumerate(outfit):
            others = [j for j in range(len(outfit)) if j != i]
            total = sum(near[i][j] for j in others)
            a = sum(near[i][j] / total * sent[j] for j in others) @ of_category(model.inward, item)
            z, r = sigmoid(a @ w_z + h[i] @ u_z), sigmoid(a @ w_r + h[i] @ u_r)
            new.append((1 - z) * h[i] + z * np.tanh(a @ w_h + (r * h[i]) @ u_h))
        h = new
    w_c, w_s = model.heads.detach().double().numpy().T
    return float(sum(sigmoid(x @ w_c) * (x @ w_s if x @ w_s > 0 else 0.01 * (x @ w_s)) for x in h))


@pytest.mark.parametrize(
    "settings", [{}, {"steps": 0}, {"steps": 3}, {"edges": "counts"}, {"edges": "counts", "steps": 2}], ids=str
)
def test_a_batch_scores_as_the_equations(settings: dict) -> None:
    model = model_of(**settings)
    scores = model.score(model.encode_items(features(7, torch.float32), torch.tensor(CODES)), batch())
    for score, outfit in zip(scores, RIGHT + [outfit for both in WRONG for outfit in both], strict=True):
        assert score.item() == pytest.approx(printed_score(model, outfit), rel=2e-4, abs=1e-5)


@pytest.mark.parametrize("codes", [[2, 0, 2, 1, 0, 3], [3, 3, 3, 3, 3, 3], [1, 1, 1, 1, 1, 1]], ids=str)
def test_a_row_meets_the_weight_of_its_category_and_so_does_its_gradient(codes: list[int]) -> None:
    torch.manual_seed(0)
    rows, weight = torch.randn(6, 8, requires_grad=True), torch.randn(3, 8, 4, requires_grad=True)
    has_category, toward = torch.tensor([True, True, False]), torch.randn(6, 4)
    out = by_category(rows, weight, torch.tensor(codes), has_category)
    gradients = torch.autograd.grad((out * toward).sum(), [rows, weight])
    loop = torch.stack([row @ (weight[c] if c < 3 else weight[:2].mean(0)) for row, c in zip(rows, codes, strict=True)])
    wanted = torch.autograd.grad((loop * toward).sum(), [rows, weight])
    torch.testing.assert_close(out, loop)
    torch.testing.assert_close(gradients, wanted)


def test_both_losses_are_those_of_the_equations() -> None:
    right, wrong = torch.tensor([1.0, -2.0]), torch.tensor([[0.5, 3.0], [-2.0, -5.0]])
    apart = [1 / (1 + np.exp(-(right[b] - wrong[b, k]).item())) for b in range(2) for k in range(2)]
    states = model_of().encode_items(features(7, torch.float32), torch.tensor(CODES))
    arguments = states, batch()
    assert model_of(loss="sigmoid").objective(right, wrong, *arguments).item() == pytest.approx(-np.mean(apart))
    assert model_of(loss="bpr").objective(right, wrong, *arguments).item() == pytest.approx(-np.mean(np.log(apart)))


def test_the_penalty_is_the_square_of_all_weights() -> None:
    model = model_of(weight_norm=0.5)
    assert model.penalty().item() == pytest.approx(
        0.5 * sum(p.detach().double().square().sum().item() for p in model.parameters())
    )
    assert model_of().penalty().item() == 0


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match="hidden is 6; it must be a multiple of 4"):
        NgnnConfig(hidden=6)


def test_an_older_torch_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.nn.functional, "grouped_mm")
    with pytest.raises(ConfigError, match=r"ngnn needs the grouped matmul of torch 2\.10 or newer"):
        NgnnConfig()
