"""Repetition: what is refused is what a comparison with every other look refuses."""

from itertools import combinations

import numpy as np
import pytest

from goeswith.shop.repetition import Repetition


def refused(look: tuple[int, ...], others: list[tuple[int, ...]], apart: bool) -> bool:
    """By comparing with every other look."""
    added = set(look[1:])
    for other in others:
        if set(look) <= set(other) or set(other) <= set(look) or (apart and len({*look} & {*other}) > 1):
            return True
        common = len(added & {*other[1:]})
        if common >= min(max(size - 1, 2) for size in (len(added), len(other) - 1)):
            return True
    return False


@pytest.mark.parametrize("seed", range(20))
def test_looks_are_refused_as_comparing_them_with_every_other_refuses_them(seed: int) -> None:
    random, repetition, taken_looks = np.random.default_rng(seed), Repetition(), []
    outcomes = set()
    for _ in range(150):
        look = tuple(random.choice(12, random.integers(2, 6), replace=False).tolist())
        apart = bool(random.random() < 0.3)
        pairs = [{*pair} for other in taken_looks for pair in combinations(other, 2)]
        assert repetition.pairs(look) == sum({*pair} in pairs for pair in combinations(look, 2))
        taken = repetition.take(look, apart)
        assert taken is not refused(look, taken_looks, apart)
        outcomes.add((taken, apart))
        taken_looks += [look] if taken else []
    assert len(outcomes) == 4  # each is seen
    assert not any(set(first) <= set(second) for first in taken_looks for second in taken_looks if first is not second)


def test_a_look_like_another_but_one_piece_is_taken_where_it_is_asked_for() -> None:
    repetition = Repetition()
    assert repetition.take((1, 2, 3, 4))
    assert not repetition.take((5, 2, 3, 4))
    assert repetition.take((5, 2, 3, 4), alike=True)
    assert not repetition.take((5, 2, 3), alike=True)  # it lies within another


def test_a_dress_inside_a_look_with_a_coat_is_refused() -> None:
    dress, shoes, bag, ring, coat = range(5)
    for looks in (
        [(dress, shoes, bag, ring), (coat, dress, shoes, bag, ring)],
        [(coat, dress, shoes, bag, ring), (dress, shoes, bag, ring)],
        [(dress, shoes), (shoes, dress, bag, ring)],
        [(shoes, dress), (dress, shoes)],
    ):
        repetition = Repetition()
        assert [repetition.take(look) for look in looks] == [True, False]
