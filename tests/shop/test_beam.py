"""Beam: looks grown slot by slot and spread out, the cheapest one, and what a narrow beam missed."""

import itertools

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from goeswith.shop.beam import first_of_each, grow, spread
from goeswith.shop.steps import finish
from goeswith.shop.template import Template

SMALL = st.integers(0, 4).flatmap(
    lambda seed: st.tuples(st.just(seed), st.lists(st.sets(st.integers(0, 9), min_size=1), min_size=1, max_size=3))
)


@given(SMALL)
def test_the_cheapest_look_is_found(drawn):
    seed, slots = drawn
    chance = np.random.default_rng(seed)
    prices, kinds = chance.integers(1, 30, 10).astype(float), chance.integers(0, 7, 10)
    template = Template(np.empty(0, np.int64), [np.array(sorted(s)) for s in slots], kinds, prices, 1e9)
    possible = [c for c in itertools.product(*slots) if len({kinds[row] for row in c}) == len(c)]
    cheapest = template.cheapest()
    if not possible:
        assert cheapest is None
    else:
        assert prices[cheapest].sum() == min(prices[list(chosen)].sum() for chosen in possible)
        assert all(row in slot for row, slot in zip(cheapest, slots, strict=True))
        assert len(set(kinds[cheapest])) == len(cheapest)


@given(st.integers(0, 99), st.integers(1, 6), st.sampled_from([3, 1 << 40]))
def test_of_each_key_the_best_is_first(seed, width, most):
    """Six columns of 2⁴⁰ different numbers are more than one number of 64 bits tells apart."""
    chance = np.random.default_rng(seed)
    keys = chance.integers(0, most, (6, width))[chance.integers(0, 6, 40)]
    scores = np.where(chance.random(40) < 0.2, np.nan, chance.integers(0, 9, 40))
    best: dict[tuple[int, ...], int] = {}
    for place in sorted(np.flatnonzero(~np.isnan(scores)), key=lambda place: (-scores[place], place)):
        best.setdefault(tuple(keys[place]), place)
    assert first_of_each(keys, scores).tolist() == [*best.values()]


def test_a_beam_that_took_the_only_bag_of_another_slot_is_repaired(stylist):
    """The best shirt is the only one that fits the second slot; a beam of one takes it for the first."""
    index = stylist.index
    best = index.row_of[stylist.fill(["i60"], "top", k=1)[0].added[0]]
    shirts = np.flatnonzero(index.known & (index.catalogue.items["category"] == "shirt").to_numpy())
    slots = [shirts, np.array([best])]
    template = Template(np.array([index.row_of["i60"]]), slots, index.shelf.products, None, None)
    finished = finish(index, grow(index, template, beam=1))
    assert finished.items[0, 2] == best
    assert finished.items[0, 1] != best


@given(st.integers(0, 9), st.floats(0, 1), st.integers(1, 6))
def test_spread_is_maximal_marginal_relevance(seed, diversity, k):
    chance = np.random.default_rng(seed)
    scores = np.sort(chance.standard_normal(8))[::-1].copy()
    directions = torch.nn.functional.normalize(torch.from_numpy(chance.standard_normal((8, 3))), dim=1)
    like = (directions @ directions.T).tolist()
    low, high = min(scores), max(scores)
    expected = [0]
    while len(expected) < k:
        left = [number for number in range(8) if number not in expected]
        value = [
            (1 - diversity) * (scores[p] - low) / (high - low) - diversity * max(like[p][c] for c in expected)
            for p in left
        ]
        expected.append(left[int(np.argmax(value))])
    assert spread(scores, directions, k, diversity).tolist() == expected
