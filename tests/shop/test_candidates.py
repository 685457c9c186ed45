"""Candidates: what two stages find, against trying everything."""

import numpy as np
import pytest
import torch
from shops import trained

from goeswith.data.outfits import OutfitBatch
from goeswith.shop.build import build_index
from goeswith.shop.candidates import FULL
from goeswith.shop.gaps import Gap
from goeswith.shop.index import Index
from goeswith.train.training import train

WHOLE = np.ones((1, 3), bool)


def best(index: Index, context: np.ndarray, allowed: np.ndarray, k: int, full: int = FULL):
    """Rows and scores of the k best candidates beside the items of a context, as a step of a search finds them."""
    _, rows = index.candidates.pairs(Gap(context[None], allowed), full)
    looks = np.column_stack([np.repeat(context[None], len(rows), axis=0), rows])
    scores = index.scorer.score(looks, np.ones(looks.shape, bool))
    order = np.argsort(-scores, kind="stable")[:k]
    return rows[order], scores[order]


@pytest.mark.parametrize(
    ("model", "settings"), [("add-gnn", ("steps=0",)), ("akd-dbpr", ("sides=groups",)), ("akd-dbpr", ())]
)
def test_the_first_stage_is_exact_where_the_score_is_linear(world, tmp_path, model, settings):
    dataset, _, _ = world
    index = build_index(trained(dataset, tmp_path / "run", *settings, model=model), dataset, tmp_path / "index")
    context = np.flatnonzero(index.known & (index.catalogue.items["group"] == "top").to_numpy())[[3, 9]][:, None]
    allowed = np.flatnonzero(index.known & (index.catalogue.items["group"] == "bottom").to_numpy())
    rows, first = index.candidates.shortlist(Gap(context, allowed), len(allowed))
    for number in range(2):
        looks = np.column_stack([np.full(len(allowed), context[number]), rows[number]])
        expected = index.scorer.score(looks, np.ones(looks.shape, bool))
        np.testing.assert_allclose(first[number], expected, rtol=1e-3, atol=1e-4)
        assert set(rows[number].tolist()) == set(allowed.tolist())


def test_the_first_stage_agrees_with_the_model_at_the_typical_candidate(world):
    """With the graph it is a tangent: equal where it touches, and its slope is that of the score."""
    _, _, index = world
    model, context = index.run.model, torch.tensor([[0, 60]])
    typical = type(index.scorer.states)(index.candidates.typical.hidden[[2]], index.candidates.typical.categories[[2]])
    vectors, offsets = model.query(index.scorer.states, context, typical)

    def score(hidden):
        states = type(index.scorer.states)(
            torch.cat([index.scorer.states.hidden[[0, 60]], hidden]),
            torch.cat([index.scorer.states.categories[[0, 60]], typical.categories]),
        )
        batch = OutfitBatch(torch.tensor([[0, 1, 2]]), torch.ones(1, 3, dtype=torch.bool))
        return float(model.double().score(type(states)(states.hidden.double(), states.categories), batch))

    step = torch.randn(typical.hidden.shape, generator=torch.Generator().manual_seed(0))
    at = score(typical.hidden)
    slope = (score(typical.hidden + 1e-3 * step) - score(typical.hidden - 1e-3 * step)) / 2e-3
    model.float()
    np.testing.assert_allclose(float((vectors[0] * typical.hidden.flatten()).sum() + offsets[0]), at, rtol=1e-4)
    np.testing.assert_allclose(float((vectors[0] * step.flatten()).sum()), slope, rtol=1e-3)


def test_candidates_are_those_of_an_exhaustive_search(world):
    _, _, index = world
    context, allowed = np.array([3, 70]), np.flatnonzero(index.known)[100:160]
    rows, scores = best(index, context, allowed, 10)
    by_hand = {int(row): float(index.scorer.score(np.array([[3, 70, row]]), WHOLE)[0]) for row in allowed}
    expected = sorted(by_hand, key=lambda row: -by_hand[row])[:10]
    assert rows.tolist() == expected
    np.testing.assert_allclose(scores, [by_hand[row] for row in expected], rtol=1e-5)


def test_two_stages_find_what_one_finds(world):
    _, _, index = world
    allowed = np.flatnonzero(index.known & (index.catalogue.items["group"] == "shoes").to_numpy())
    answers = [
        [set(best(index, np.array([row]), allowed, 5, full)[0].tolist()) for row in range(60, 100)]
        for full in (len(allowed), 24)
    ]
    share = np.mean([len(first & second) / 5 for first, second in zip(*answers, strict=True)])
    assert share >= 0.95


def test_what_is_refused_is_never_among_the_pairs(world):
    _, _, index = world
    allowed = np.flatnonzero(index.known)

    def odd(part):
        return np.stack([part % 2 == 1, part % 3 == 1])

    for full in (16, 10_000):
        owner, rows = index.candidates.pairs(Gap(np.array([[0], [1]]), allowed, odd), full)
        assert len(rows)
        assert not (rows[owner == 0] % 2 == 1).any()
        assert not (rows[owner == 1] % 3 == 1).any()
    assert len(rows) == 2 * len(allowed) - (allowed % 2 == 1).sum() - (allowed % 3 == 1).sum()


def test_a_model_without_a_first_stage_is_searched_exhaustively(world, tmp_path):
    dataset, _, _ = world
    run = train("csa-net", dataset, tmp_path / "run", settings=["size=8", "epochs=1"])
    index = build_index(run, dataset, tmp_path / "index")
    allowed = np.flatnonzero(index.known)[60:140]
    rows, scores = best(index, np.array([3]), allowed, 3, full=5)
    every = index.scorer.score(np.stack([np.full(80, 3), allowed], axis=1), np.ones((80, 2), bool))
    assert rows.tolist() == allowed[np.argsort(-every, kind="stable")[:3]].tolist()
    np.testing.assert_allclose(scores, np.sort(every)[::-1][:3], rtol=1e-5)


def test_two_towers_are_searched_exactly_in_one_stage(world, tmp_path):
    dataset, _, _ = world
    run = train("two-tower", dataset, tmp_path / "run", settings=["epochs=2", "hidden=16", "negatives=category"])
    index = build_index(run, dataset, tmp_path / "index")
    assert index.candidates.exact
    assert not world[2].candidates.exact
    context = np.flatnonzero(index.known & (index.catalogue.items["group"] == "top").to_numpy())[[3, 9]][:, None]
    allowed = np.flatnonzero(index.known & (index.catalogue.items["group"] == "bottom").to_numpy())
    rows, first = index.candidates.shortlist(Gap(context, allowed), 7)
    states, model = index.scorer.states, index.run.model
    for number in range(2):
        gaps = [
            float(model.gaps(states, OutfitBatch(look, torch.ones_like(look, dtype=torch.bool)))[0, 1] @ key)
            for row, key in zip(allowed, model.keys(states)[torch.from_numpy(allowed)], strict=True)
            for look in [torch.tensor([[context[number, 0], row]])]
        ]
        order = np.argsort(-np.array(gaps), kind="stable")[:7]
        np.testing.assert_allclose(first[number], np.array(gaps)[order], atol=1e-5)
        assert rows[number].tolist() == allowed[order].tolist()
