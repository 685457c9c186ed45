"""Each loss, said again as a loop."""

import math

import pytest
import torch

from goeswith.models.losses import (
    bpr,
    mask_distance,
    mask_penalty,
    masked_distance,
    parameter_norm,
    response_divergence,
)


def test_bpr_is_the_mean_of_minus_log_sigmoid() -> None:
    positive, negative = torch.tensor([1.0, -2.0]), torch.tensor([[0.5, 3.0], [-2.0, 1.0]])
    terms = [
        -math.log(1 / (1 + math.exp(-(float(p) - float(n)))))
        for p, row in zip(positive, negative, strict=True)
        for n in row
    ]
    assert bpr(positive, negative).item() == pytest.approx(sum(terms) / 4, rel=1e-6)
    assert bpr(positive, negative, "sum").item() == pytest.approx(sum(terms), rel=1e-6)
    assert bpr(positive, negative[:, 0]).item() == pytest.approx((terms[0] + terms[2]) / 2, rel=1e-6)


def test_mask_penalty_literal_is_the_largest_row_and_mean_is_the_mean() -> None:
    masks = torch.tensor([[1.0, -2.0], [0.5, 0.25], [-3.0, 0.5]])
    assert mask_penalty(masks, "literal").item() == 3.5
    assert mask_penalty(masks, "mean").item() == pytest.approx(7.25 / 6)


@pytest.mark.parametrize("signed", [False, True])
def test_mask_distance_equals_the_printed_norms(signed: bool) -> None:
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(7, 9, generator=generator, dtype=torch.float64)
    features = features if signed else features.abs()
    student = torch.randn(9, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    teacher = torch.randn(9, 3, generator=generator, dtype=torch.float64)
    total = 0.0
    for f in features:
        for k in range(3):
            total = total + torch.linalg.norm((student[:, k] * f).relu() - (teacher[:, k] * f).relu())
    wanted = total / len(features)
    got = mask_distance(features, student, teacher)
    torch.testing.assert_close(got, wanted)
    (g_got,) = torch.autograd.grad(got, student)
    (g_wanted,) = torch.autograd.grad(wanted, student)
    torch.testing.assert_close(g_got, g_wanted)
    m_s = (features[:, None, :] * student.T).relu()
    m_t = (features[:, None, :] * teacher.T).relu()
    torch.testing.assert_close(masked_distance(m_s, m_t), wanted)


def test_mask_distance_has_a_finite_gradient_where_the_student_is_its_teacher() -> None:
    masks = torch.rand(5, 2, requires_grad=True)
    distance = mask_distance(torch.rand(3, 5), masks, masks.detach().clone())
    (gradient,) = torch.autograd.grad(distance, masks)
    assert distance.item() < 1e-10
    assert torch.equal(gradient, torch.zeros_like(gradient))


def test_response_divergence_is_zero_for_equal_rankings_and_matches_the_sum() -> None:
    student, teacher, tau = torch.tensor([[1.0, 2.0, 0.0]]), torch.tensor([[0.0, 1.0, 3.0]]), 2.0
    assert response_divergence(student + 5, student, tau).item() == pytest.approx(0, abs=1e-6)
    p = [math.exp(float(t) / tau) for t in teacher[0]]
    q = [math.exp(float(s) / tau) for s in student[0]]
    p, q = [x / sum(p) for x in p], [x / sum(q) for x in q]
    wanted = tau**2 * sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
    assert response_divergence(student, teacher, tau).item() == pytest.approx(wanted, rel=1e-5)


def test_parameter_norm_is_the_norm_of_all_parameters_as_one_vector() -> None:
    parameters = [torch.tensor([3.0, 0.0]), torch.tensor([[4.0], [12.0]])]
    assert parameter_norm(parameters, squared=False).item() == 13
    assert parameter_norm(parameters, squared=True).item() == 169
