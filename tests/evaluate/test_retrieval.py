"""Gaps, what is found of them and what is offered to all: against loops, and where the answer is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from worlds import styles_world

from goeswith.evaluate import gaps as module
from goeswith.evaluate.gaps import Filler, Gaps, Scored, draw_gaps, group_pools, score_gaps
from goeswith.evaluate.measures import Measure
from goeswith.evaluate.retrieval import gini, offered, ranks, retrieve

CATALOGUE, OUTFITS, _ = styles_world(outfits=150)
USABLE = np.arange(len(CATALOGUE)) % 11 != 0
POOLS = group_pools(CATALOGUE, USABLE)


class Table:
    """Scores an outfit by the sum of chance values of its items and pairs, in few steps so that there are ties."""

    name = "table"

    def __init__(self, seed: int = 0, silent: int = -1) -> None:
        random = np.random.default_rng(seed)
        self.pairs = random.integers(0, 4, (len(CATALOGUE), len(CATALOGUE))).astype(float)
        self.silent = silent

    def score(self, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
        values = self.pairs[items[:, :, None], items[:, None, :]] * mask[:, :, None] * mask[:, None, :]
        return np.where((items == self.silent).any(axis=1), np.nan, values.sum(axis=(1, 2)))


class Fills(Table):
    def fill(self, context: np.ndarray, mask: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return self._beside(context, mask, np.broadcast_to(rows, (len(context), len(rows))))

    def _beside(self, context: np.ndarray, mask: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        return np.array(
            [[self.score(np.append(c[m], row)[None], np.ones((1, m.sum() + 1), bool))[0] for row in rows]
             for c, m, rows in zip(context, mask, candidates, strict=True)]
        )  # fmt: skip


class Chooses(Fills):
    fill = None  # type: ignore[assignment]

    def choose(self, context: np.ndarray, mask: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        return self._beside(context, mask, candidates)


class Knows:
    """Knows every worn outfit of two items."""

    name = "knows"

    def __init__(self, gaps: Gaps) -> None:
        self.worn = {frozenset(row.tolist()) for row in gaps.items}

    def score(self, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
        outfits = (frozenset(row[real].tolist()) for row, real in zip(items, mask, strict=True))
        return np.array([float(outfit in self.worn) for outfit in outfits])


class Constant:
    name = "constant"

    def score(self, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return np.zeros(len(items))


def naive(table: Table, gaps: Gaps, k: int) -> tuple[list[float], np.ndarray]:
    """recall@k of each gap and the expected offers of each item, one candidate after another."""
    recalls, offers = [], np.zeros(len(CATALOGUE))
    for g in range(len(gaps)):
        others = set(gaps.worn[g].tolist()) - {gaps.truth[g]}
        scores = {}
        for row in range(len(CATALOGUE)):
            if gaps.pools[row] == gaps.pools[gaps.truth[g]] and row not in others:
                outfit = gaps.items[g][gaps.mask[g]].tolist()
                outfit[gaps.position[g]] = row
                scores[row] = table.score(np.array([outfit]), np.ones((1, len(outfit)), bool))[0]
        for row, score in scores.items():
            if np.isnan(score):
                continue
            above = sum(other > score for other in scores.values())
            equal = sum(other == score for other in scores.values())
            share = min(max(k - above, 0), equal) / equal
            offers[row] += share
            if row == gaps.truth[g]:
                silent = sum(np.isnan(other) for other in scores.values())
                recalls.append(min(max(k - above - silent, 0), equal) / equal)
        if np.isnan(scores[gaps.truth[g]]):
            recalls.append(0.0)
    return recalls, offers


@pytest.mark.parametrize("anchor", [True, False])
@pytest.mark.parametrize("silent", [-1, 5])
def test_recall_and_offers_are_what_a_loop_says(anchor: bool, silent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    gaps = draw_gaps(OUTFITS.split("test"), POOLS, anchor=anchor, most=40)
    table = Table(silent=silent)
    monkeypatch.setattr(module, "_BLOCK", 130)  # a few gaps at a time
    result = retrieve(table, gaps)[0]
    recalls, offers = naive(table, gaps, 10)
    np.testing.assert_allclose(result.values[Measure("recall", 10)], recalls)
    open_ = np.isin(gaps.pools, gaps.pools[gaps.truth])
    assert result.offers[10].gini == pytest.approx(gini(offers[open_]))
    assert result.offers[10].top_share == pytest.approx(offers.max() / len(gaps))
    assert (~result.answerable).any() == (silent >= 0)


@pytest.mark.parametrize("kind", [Fills, Chooses])
def test_fast_paths_agree_with_scoring_whole_outfits(kind: type) -> None:
    gaps = draw_gaps(OUTFITS.split("test"), POOLS, anchor=False, most=10)
    assert isinstance(Fills(), Filler)
    for quick, slow in zip(score_gaps(kind(), gaps), score_gaps(Table(), gaps), strict=True):
        np.testing.assert_array_equal(quick.scores, slow.scores)


def test_a_perfect_scorer_finds_all_and_a_constant_one_k_of_m() -> None:
    gaps = draw_gaps(OUTFITS.split("test"), POOLS, anchor=True)
    knowing, nothing = retrieve(Knows(gaps), gaps)[0], retrieve(Constant(), gaps)[0]
    several = [len({int(row[0]) for row in gaps.items}), len(gaps)]
    assert several[0] > 1
    # Two outfits may share an anchor, so the truth may tie with another worn item, but never with ten.
    assert knowing.values[Measure("recall", 10)].min() == 1
    counts = np.array([scored.candidates.sum(axis=1) for scored in score_gaps(Constant(), gaps)], dtype=object)
    each = np.concatenate([10 / np.asarray(part, float) for part in counts])
    assert nothing.values[Measure("recall", 10)].mean() == pytest.approx(each.mean())
    assert nothing.offers[10].gini < 0.2
    assert nothing.offers[1].distinct > 0.5


def test_one_bestseller_is_seen_in_the_offers() -> None:
    gaps = draw_gaps(OUTFITS.split("test"), POOLS, anchor=True)

    class Bestseller(Constant):
        def score(self, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
            return np.where(mask, items, 0).max(axis=1) * 1.0  # the last row of a pool, or the anchor where it is later

    offers = retrieve(Bestseller(), gaps)[0].offers[1]
    assert offers.distinct < 0.5
    assert offers.gini > 0.7


def test_own_items_of_an_outfit_are_no_candidates() -> None:
    gaps = draw_gaps(OUTFITS.split("test"), np.where(USABLE, 0, -1), anchor=False)  # all items compete
    for scored in score_gaps(Constant(), gaps):
        for g, open_, truth in zip(scored.gaps, scored.candidates, scored.truth, strict=True):
            worn = set(gaps.worn[g].tolist()) - {-1}
            assert set(scored.rows[~open_].tolist()) == worn - {scored.rows[truth]}


def test_every_outfit_is_asked_before_any_is_asked_twice() -> None:
    outfits = OUTFITS.split("test")
    usable = sum((USABLE[outfits[row]]).sum() >= 2 for row in range(len(outfits)))
    gaps = draw_gaps(outfits, POOLS, anchor=True, most=usable + 3)
    _, counts = np.unique(gaps.outfit_ids, return_counts=True)
    assert len(counts) == usable
    assert counts.max() == 2
    assert USABLE[gaps.items].all()
    assert (gaps.items[:, 0] != gaps.items[:, 1]).all()
    again = draw_gaps(outfits, POOLS, anchor=True, most=usable + 3)
    assert again.digest == gaps.digest != draw_gaps(outfits, POOLS, anchor=True, most=usable + 3, seed=1).digest


def test_a_budget_bounds_the_scores() -> None:
    gaps = draw_gaps(OUTFITS.split("test"), POOLS, anchor=True, budget=200)
    assert sum(scored.scores.size for scored in score_gaps(Constant(), gaps)) <= 200
    assert len(draw_gaps(OUTFITS.split("test"), POOLS, anchor=True, budget=1)) == 1


def test_seasons_compete_apart() -> None:
    import polars as pl

    from goeswith.data.catalogue import Catalogue

    table = pl.DataFrame({"item_id": list("abcdef"), "category": ["x"] * 6, "group": ["top"] * 3 + [None] * 3})
    catalogue = Catalogue(table.with_columns(season=pl.Series(["s", "s", "w", None, None, "s"])))
    pools = group_pools(catalogue, np.array([True] * 5 + [False]))
    assert pools[0] == pools[1] != pools[2]
    assert pools[3] == pools[4] not in pools[:3]
    assert pools[5] == -1


@given(arrays(float, st.tuples(st.integers(1, 4), st.integers(1, 9)), elements=st.integers(0, 3)), st.integers(1, 11))
def test_offers_make_up_lists_of_k(scores: np.ndarray, k: int) -> None:
    scored = Scored(np.arange(len(scores)), np.arange(scores.shape[1]), scores, scores < 3, np.zeros(len(scores), int))
    chance = offered(scored, k)
    np.testing.assert_allclose(chance.sum(axis=1), np.minimum(k, (scores < 3).sum(axis=1)))
    assert ((chance >= 0) & (chance <= 1)).all()
    assert not chance[scores == 3].any()


@given(arrays(float, st.integers(1, 20), elements=st.integers(0, 9)))
def test_gini_is_the_mean_difference_of_all_pairs(offers: np.ndarray) -> None:
    if not offers.any():
        assert np.isnan(gini(offers))
        return
    expected = np.abs(offers[:, None] - offers).sum() / (2 * len(offers) * offers.sum())
    assert gini(offers) == pytest.approx(expected, abs=1e-12)


def test_a_truth_without_a_score_is_missing() -> None:
    scores = np.array([[np.nan, 1.0, 2.0]])
    scored = Scored(np.zeros(1, int), np.arange(3), scores, np.ones((1, 3), bool), np.zeros(1, int))
    assert ranks(scored).missing.all()
    assert (ranks(scored).wrong == 2).all()
