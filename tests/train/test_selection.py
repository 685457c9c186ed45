"""Selection: the luckiest epoch is not taken for the best where few outfits judge."""

from typing import Literal

import pytest
import torch
from torch import Tensor

from goeswith.train.selection import Selection


def wins(right: int, of: int = 16) -> Tensor:
    """So many pairs that are right, the first ones."""
    return (torch.arange(of) < right).double()


# 2 of 16 pairs fewer: behind by .125, standard error (.125 * .875 / 15) ** .5 = .085, so worse. 1 fewer: behind by
# .0625, standard error .0625, so not worse.
@pytest.mark.parametrize(
    ("rule", "epochs", "kept"),
    [
        ("best", [10, 12, 11], 2),
        ("best", [10, 12, 12], 2),
        ("one-standard-error", [10, 12, 12], 3),
        ("one-standard-error", [10, 12, 11], 3),
        ("one-standard-error", [10, 12, 10], 2),
        ("one-standard-error", [10, 12, 10, 11, 10], 4),
        ("one-standard-error", [12, 11, 10, 14, 5], 4),
    ],
)
def test_the_epoch_that_is_kept(rule: Literal["best", "one-standard-error"], epochs: list[int], kept: int) -> None:
    selection = Selection(rule)
    for number, right in enumerate(epochs, start=1):
        selection.keeps(number, wins(right))
    assert selection.epoch == kept


def test_the_error_is_that_of_paired_differences() -> None:
    selection = Selection("one-standard-error")
    selection.keeps(1, torch.tensor([1.0, 1, 1, 1, 0, 0, 0, 0]))
    assert selection.keeps(2, torch.tensor([0.0, 0, 0, 0, 1, 1, 1, 0]))  # as many differ as can: an error of .35
    assert not selection.keeps(3, torch.tensor([1.0, 1, 0, 0, 0, 0, 0, 0]))  # behind by .25, an error of .16


def test_one_pair_says_nothing_of_its_error() -> None:
    selection = Selection("one-standard-error")
    assert selection.keeps(1, torch.ones(1, dtype=torch.float64))
    assert not selection.keeps(2, torch.zeros(1, dtype=torch.float64))
    assert selection.keeps(3, torch.ones(1, dtype=torch.float64))


def test_a_later_process_goes_on_where_the_first_stopped() -> None:
    epochs = [10, 12, 11, 10, 11, 13, 12]
    straight, first, second = (Selection("one-standard-error") for _ in range(3))
    kept = [straight.keeps(number, wins(right)) for number, right in enumerate(epochs, start=1)]
    begun = [first.keeps(number, wins(right)) for number, right in enumerate(epochs[:3], start=1)]
    second.restore(first.state)
    assert kept == begun + [second.keeps(number, wins(right)) for number, right in enumerate(epochs[3:], start=4)]
