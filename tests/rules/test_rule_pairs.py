"""Pairs and triplets, against their definition."""

from itertools import combinations

import torch
from training_batch import RIGHT, WRONG, batch

from goeswith.models.item_pairs import mean_by, pairs_of, triplets_of


def test_every_pair_of_real_items_appears_once() -> None:
    pairs = pairs_of(batch())
    lists = RIGHT + [outfit for both in WRONG for outfit in both]
    wanted = [(*pair, index) for index, outfit in enumerate(lists) for pair in combinations(outfit, 2)]
    assert sorted(zip(*(column.tolist() for column in pairs), strict=True)) == sorted(wanted)


def test_triplets_hold_the_item_kept_the_one_removed_and_the_one_added() -> None:
    wanted = []
    for outfit, right in enumerate(RIGHT):
        for index, wrong in enumerate(WRONG[outfit]):
            (gone,), (new,) = set(right) - set(wrong), set(wrong) - set(right)
            wanted += [(item, gone, new, 2 * outfit + index) for item in wrong if item != new]
    triplets = triplets_of(batch(), len(RIGHT))
    assert sorted(zip(*(column.tolist() for column in triplets), strict=True)) == sorted(wanted)


def test_a_mean_of_nothing_is_zero() -> None:
    means = mean_by(torch.tensor([1.0, 3.0, 5.0]), torch.tensor([2, 2, 0]), 3)
    assert means.tolist() == [5.0, 0.0, 2.0]
