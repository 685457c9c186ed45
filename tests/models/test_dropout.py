"""Dropout: how many numbers are dropped, which of them, and that all others stay."""

import pytest
import torch

from goeswith.models.dropout import drop_


@pytest.mark.parametrize("dropped", [0.5, 0.3, 0.75, 1 / 2**16, 1 - 1e-9])
def test_the_share_is_dropped_and_the_rest_stays(dropped: float) -> None:
    torch.manual_seed(0)
    values = torch.rand(700, 301) - 2
    left = drop_(values.clone(), dropped)
    gone = left == 0
    expected = min(dropped, 1 - 1 / 2**16)  # some part always stays
    error = (expected * (1 - expected) / gone.numel()) ** 0.5
    assert float(gone.double().mean()) == pytest.approx(expected, abs=4 * error)
    assert torch.equal(left[~gone], values[~gone])


def test_no_number_says_whether_another_is_dropped() -> None:
    torch.manual_seed(0)
    gone = drop_(torch.ones(64, 4096), 0.3) == 0
    signs = gone.double() - 0.3
    rows = (signs @ signs.T / 4096 / 0.21).fill_diagonal_(0)
    assert float(rows.abs().max()) < 5.5 / 4096**0.5
    for step in (1, 31, 32, 33, 64, 8192, 64 * 4096 // 32):  # neighbours, and what the bits of one word decide
        flat = signs.flatten()
        assert abs(float((flat[step:] * flat[:-step]).mean())) / 0.21 < 5 / len(flat) ** 0.5


@pytest.mark.parametrize("count", [0, 1, 31, 33, 65])
def test_any_number_of_numbers(count: int) -> None:
    torch.manual_seed(count)
    left = torch.stack([drop_(torch.ones(count), 0.5) for _ in range(100)])
    assert ((left.mean(dim=0) - 0.5).abs() < 0.25).all()
    wide = drop_(torch.full((count, 3), 0.1, dtype=torch.float64), 0.5)
    assert set(wide.flatten().tolist()) <= {0.0, 0.1}
