"""Exhaustive AUC: against a loop over places and candidates, and where the answer is known."""

import numpy as np
import pytest
from scorers import scorer_of
from worlds import styles_data, styles_world

from goeswith.data.outfits import Outfits
from goeswith.data.positions import list_positions
from goeswith.evaluate.exhaustive import exhaustive_auc, position_scores
from goeswith.train.scorers import LinearScorer

CATALOGUE, OUTFITS, _ = styles_world(outfits=200)
TEST = OUTFITS.split("test")
USABLE = np.arange(len(CATALOGUE)) % 13 != 0
LISTED = list_positions(CATALOGUE, TEST, USABLE, [OUTFITS])


class ByPairs:
    """Chance values of pairs, a few of them equal; an order of items counts."""

    name = "pairs"

    def __init__(self, silent: int = -1) -> None:
        self.values = np.random.default_rng(0).integers(0, 3, (len(CATALOGUE),) * 2) * 1.0
        self.silent = silent

    def score(self, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
        first, second = np.triu_indices(items.shape[1], 1)
        values = self.values[items[:, first], items[:, second]] * (mask[:, first] & mask[:, second])
        return np.where(((items == self.silent) & mask).any(axis=1), np.nan, values.sum(axis=1))


class Choosing(ByPairs):
    def choose(self, context: np.ndarray, mask: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        pairs = (
            self.values[context[:, :, None], candidates[:, None, :]]
            + self.values.T[context[:, :, None], candidates[:, None, :]]
        )
        return (pairs * mask[:, :, None]).sum(axis=1)


class ByItem:
    """Nothing but which item it is."""

    name = "item"

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def score(self, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return (self.values[items] * mask).sum(axis=1)


def naive(score, usable: np.ndarray) -> tuple[dict[str, float], dict[str, float]]:
    """AUC and weight of each outfit; score: outfit (list of rows), place, row → what it scores there."""
    kinds = CATALOGUE.category_codes
    worn = {o: [row for row in TEST[o].tolist() if usable[row]] for o in range(len(TEST))}
    worn = {o: items for o, items in worn.items() if len(items) >= 2}
    chance = np.zeros(len(CATALOGUE))
    for items in worn.values():
        alone = [row for row in items if [kinds[r] for r in items].count(kinds[row]) == 1]
        for row in alone:
            chance[row] += 1 / len(alone)
    outfits = {frozenset(OUTFITS[o].tolist()) for o in range(len(OUTFITS))}
    aucs, weights = {}, {}
    for o, items in worn.items():
        parts = []
        for index, row in enumerate(items):
            pool = [b for b in range(len(kinds)) if kinds[b] == kinds[row] and chance[b]]
            if [kinds[r] for r in items].count(kinds[row]) > 1 or not set(pool) - {row}:
                continue
            others = items[:index] + items[index + 1 :]
            wrong = [b for b in pool if b not in items and frozenset([*others, b]) not in outfits]
            mass = sum(chance[b] for b in wrong)
            share = mass / sum(chance[b] for b in pool)
            own = score(items, index, row)
            won = sum(chance[b] * ((own > (y := score(items, index, b))) + (own == y) / 2) for b in wrong)
            parts.append((share, won / mass if mass else 0.0))
        if sum(share for share, _ in parts):
            weights[TEST.outfit_ids[o]] = sum(share for share, _ in parts) / len(parts)
            aucs[TEST.outfit_ids[o]] = sum(s * a for s, a in parts) / sum(s for s, _ in parts)
    return aucs, weights


@pytest.mark.parametrize("silent", [-1, 30])
def test_it_is_what_a_loop_says(silent: int) -> None:
    scorer = ByPairs(silent)

    def score(items: list[int], index: int, row: int) -> float:
        whole = np.array([[*items[:index], row, *items[index + 1 :]]])
        return float(scorer.score(whole, np.ones(whole.shape, bool))[0])

    aucs, weights = naive(score, USABLE)
    value, weight, answerable = exhaustive_auc(scorer, LISTED)
    ids = LISTED.outfits.outfit_ids
    assert {name: w for name, w in zip(ids, weight, strict=True) if w} == pytest.approx(weights)
    assert {name: v for name, v, w in zip(ids, value, weight, strict=True) if w} == pytest.approx(aucs)
    assert answerable.all() == (silent < 0)


def test_one_who_chooses_is_asked_to_choose() -> None:
    scorer = Choosing()

    def score(items: list[int], index: int, row: int) -> float:
        others = items[:index] + items[index + 1 :]
        return float(sum(scorer.values[a, row] + scorer.values[row, a] for a in others))

    value, weight, _ = exhaustive_auc(scorer, LISTED)
    aucs, _ = naive(score, USABLE)
    assert {n: v for n, v, w in zip(LISTED.outfits.outfit_ids, value, weight, strict=True) if w} == pytest.approx(aucs)


@pytest.mark.parametrize("name", ["akd-dbpr", "bpr-dae"])
def test_a_model_that_is_linear_forms_no_outfit_and_gets_what_it_would(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, *_ = scorer_of(name)
    data = styles_data()
    positions = list_positions(data.catalogue, data.valid, plain.present, [data.train, data.valid])
    expected = position_scores(plain, positions)
    linear = LinearScorer(plain.name, plain.model, plain.states, plain.present)
    monkeypatch.setattr(linear, "score", lambda items, mask: pytest.fail("an outfit was formed"))
    for from_queries, from_outfits in zip(position_scores(linear, positions), expected, strict=True):
        np.testing.assert_allclose(from_queries, from_outfits, rtol=1e-4, atol=1e-6)
    assert np.ptp(expected[1]) > 1e-4


def test_an_item_alone_gives_no_clue() -> None:
    """By popularity, the strongest that an item alone can give away, not more than one half, whatever the sizes."""
    worn = np.bincount(TEST.items, minlength=len(CATALOGUE)) * 1.0
    positions = list_positions(CATALOGUE, TEST, np.ones(len(CATALOGUE), bool))
    for values in (worn, -worn, np.random.default_rng(0).random(len(CATALOGUE))):
        auc, weight, _ = exhaustive_auc(ByItem(values), positions)
        assert np.average(auc[weight > 0], weights=weight[weight > 0]) == pytest.approx(0.5, abs=0.02)


def test_drawn_candidates_say_what_all_say() -> None:
    scorer = ByPairs()
    few = list_positions(CATALOGUE, TEST, USABLE, [OUTFITS], most=8, seed=3)
    assert np.bincount(few.at).max() == 8
    kinds = CATALOGUE.category_codes
    truth = np.array([few.outfits[o][p] for o, p in zip(few.owner, few.position, strict=True)])
    assert (kinds[truth[few.at]] == kinds[few.rows]).all()

    def mean(positions) -> float:
        auc, weight, _ = exhaustive_auc(scorer, positions)
        return float(np.average(auc[weight > 0], weights=weight[weight > 0]))

    assert mean(few) == pytest.approx(mean(LISTED), abs=0.04)
    assert few.digest != list_positions(CATALOGUE, TEST, USABLE, [OUTFITS], most=8, seed=4).digest


def test_a_budget_keeps_whole_outfits() -> None:
    small = list_positions(CATALOGUE, TEST, USABLE, [OUTFITS], budget=300)
    assert 0 < len(small.rows) <= 300
    everything = list_positions(CATALOGUE, TEST, USABLE, [OUTFITS])
    counts = {i: (everything.owner == o).sum() for o, i in enumerate(everything.outfits.outfit_ids)}
    assert all((small.owner == o).sum() == counts[i] for o, i in enumerate(small.outfits.outfit_ids))


def test_items_that_are_alone_of_their_category_are_not_asked_about() -> None:
    alone = np.array([int(np.flatnonzero(CATALOGUE.category_codes == code)[0]) for code in range(3)])
    outfit = Outfits(alone, np.array([0, 3]), *(np.array([text], dtype=object) for text in ("o", "test", "made")))
    for outfits in (outfit, outfit.take([])):
        positions = list_positions(CATALOGUE, outfits, np.ones(len(CATALOGUE), bool), [outfits])
        found = len(positions.outfits), len(positions.owner), len(positions.at), positions.most_candidates
        assert found == (len(outfits), 0, 0, 0)
