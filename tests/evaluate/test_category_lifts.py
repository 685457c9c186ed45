"""Category lifts: the regression at its optimum, and corrections by counts, both against loops."""

import numpy as np
import polars as pl
import pytest

from goeswith.data.dataset import Dataset, Imported, create
from goeswith.evaluate import category_lifts as module
from goeswith.evaluate.category_lifts import STRENGTH, category_lifts, learn_lifts
from goeswith.evaluate.gaps import draw_gaps, group_pools, score_gaps
from goeswith.evaluate.reranking import Reranking, Shortlist, fit, recall
from goeswith.evaluate.training_counts import TrainingCounts, hubs_of

KINDS = {
    "shirt": "top", "blouse": "top", "sweater": "top", "cape": "top",
    "jeans": "bottom", "skirt": "bottom", "sneakers": "shoes", "boots": "shoes", "pumps": "shoes",
}  # fmt: skip
EACH = 12
WORN = [("shirt", "jeans", "sneakers"), ("blouse", "skirt", "pumps"), ("sweater", "jeans", "boots")]
"""Kinds that outfits are of, four times in five; else any top, bottom and shoes. Nobody wears a cape."""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    random, names = np.random.default_rng(0), list(KINDS)
    kinds = [name for name in names for _ in range(EACH)]
    items = pl.DataFrame({"item_id": [f"i{row}" for row in range(len(kinds))], "category": kinds})
    items = items.with_columns(group=pl.Series([KINDS[kind] for kind in kinds]))
    lists = []
    for _ in range(400):
        chosen = list(WORN[random.integers(len(WORN))])
        if random.random() < 0.2:
            chosen = [str(random.choice(part)) for part in (names[:3], names[4:6], names[6:])]
        rows = [names.index(name) * EACH + int(random.integers(EACH)) for name in chosen]
        lists.append([f"i{row}" for row in (rows if random.random() < 0.5 else rows[:2])])
    frame = pl.DataFrame({"outfit_id": [f"o{number}" for number in range(len(lists))], "item_ids": lists})
    frame = frame.with_columns(split=pl.Series(["valid" if number % 2 else "train" for number in range(len(lists))]))
    made = Imported(items=items, outfits=frame, source="made", licence="none")
    return create(made, tmp_path_factory.mktemp("kinds") / "data", layout="test")


def test_the_weights_are_those_of_the_likeliest_regression(dataset: Dataset) -> None:
    catalogue, outfits = dataset.catalogue, dataset.outfits.split("train")
    names, weights = catalogue.categories, learn_lifts(catalogue, outfits)
    codes = catalogue.category_codes
    shoes = [names.index(name) for name in ("sneakers", "boots", "pumps")]

    def examples() -> list[tuple[np.ndarray, int]]:
        """Of each pair of shoes how many of the others are of each category, and its own."""
        pairs = []
        for number in range(len(outfits)):
            kinds = codes[outfits[number]].tolist()
            for index, wanted in enumerate(kinds):
                if wanted in shoes:
                    rest = kinds[:index] + kinds[index + 1 :]
                    pairs.append((np.array([rest.count(code) for code in range(len(names))]), wanted))
        return pairs

    # At the optimum the penalised likelihood has no slope in any weight. The intercepts are found by Newton steps.
    blanks = examples()
    scores = np.array([counts @ weights[:, shoes] for counts, _ in blanks])
    truth = np.array([[wanted == code for code in shoes] for _, wanted in blanks], float)
    intercepts = np.zeros(len(shoes))
    for _ in range(200):
        odds = np.exp(scores + intercepts)
        chances = odds / odds.sum(axis=1, keepdims=True)
        intercepts += np.log(truth.sum(axis=0) / chances.sum(axis=0))
    slopes = np.array([counts for counts, _ in blanks]).T @ (truth - chances) - weights[:, shoes] / STRENGTH
    assert len(blanks) > 80
    assert np.abs(slopes).max() / len(blanks) < 2e-3
    assert np.abs(weights[:, shoes]).max() > 0.5
    # A group of two categories has the same form, and whatever is never worn has no say.
    jeans, skirt, cape = (names.index(name) for name in ("jeans", "skirt", "cape"))
    np.testing.assert_allclose(weights[:, jeans], -weights[:, skirt], rtol=1e-5)
    assert weights[names.index("blouse"), skirt] > 0 > weights[names.index("shirt"), skirt]
    assert not weights[cape].any()
    assert not weights[:, cape].any()


def test_too_many_categories_have_no_lifts(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST", 8)
    assert learn_lifts(dataset.catalogue, dataset.outfits).shape == (0, 0)
    counts = TrainingCounts.learn(dataset)
    gaps = draw_gaps(
        dataset.outfits, group_pools(dataset.catalogue, np.ones(len(dataset.catalogue), bool)), anchor=True
    )
    for scored in score_gaps(Chance(), gaps):
        assert not counts.lifts(gaps, scored).any()


class Chance:
    """Scores an outfit by chance values of its items."""

    name = "chance"

    def score(self, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
        values = np.random.default_rng(3).random(len(KINDS) * EACH)
        return (values[items] * mask).sum(axis=1)


@pytest.mark.parametrize("anchor", [True, False])
def test_a_correction_by_habits_is_what_a_loop_says(dataset: Dataset, anchor: bool) -> None:
    catalogue, random = dataset.catalogue, np.random.default_rng(1)
    codes, count = catalogue.category_codes, len(catalogue)
    weights = random.standard_normal((len(KINDS), len(KINDS))).astype(np.float32)
    counts, hubs = TrainingCounts(random.random(count), codes, weights), random.random(count)
    gaps = draw_gaps(dataset.outfits, group_pools(catalogue, np.ones(count, bool)), anchor=anchor, most=30)
    setting = Reranking(alpha=0.5, beta=0.25, temperature=2.0, gamma=0.75)
    correct = counts.correction(setting, gaps, hubs)
    blocks = iter(counts.judged(Chance(), gaps, hubs))
    for scored in score_gaps(Chance(), gaps):
        corrected = np.zeros(scored.scores.shape)
        for g, gap in enumerate(scored.gaps):
            others = [row for at, row in enumerate(gaps.items[gap]) if gaps.mask[gap, at] and at != gaps.position[gap]]
            assert len(others) == 1 or not anchor
            for column, row in enumerate(scored.rows):
                lift = sum(weights[codes[other], codes[row]] for other in others)
                corrected[g, column] = (
                    scored.scores[g, column] + 0.5 * 2 * counts.popularity[row] + 0.75 * 2 * lift - 0.25 * hubs[row]
                )
        np.testing.assert_allclose(correct(scored), corrected, rtol=1e-5)
        inside = scored.candidates
        np.testing.assert_allclose(next(blocks).corrected(setting)[inside], corrected[inside], rtol=1e-5)
    shortlist = Shortlist(setting, Reranking(gamma=0.75))
    scaled = counts.correction(shortlist.scaled(3.0), gaps, hubs)
    for scored in score_gaps(Chance(), gaps):  # hubs are on the scale of the scores
        tripled = scored._replace(scores=3 * scored.scores)
        thrice = counts.correction(shortlist.scaled(3.0), gaps, 0 * hubs)(tripled)
        once = counts.correction(shortlist, gaps, 0 * hubs)(scored)
        np.testing.assert_array_equal(np.argsort(thrice, axis=1), np.argsort(once, axis=1))
        assert scaled(tripled).shape == thrice.shape


def test_lifts_are_used_where_categories_are_worn_together(dataset: Dataset) -> None:
    pools = group_pools(dataset.catalogue, np.ones(len(dataset.catalogue), bool))
    gaps = draw_gaps(dataset.outfits.split("valid"), pools, anchor=False)
    hubs = hubs_of(Chance(), draw_gaps(dataset.outfits.split("train"), pools, anchor=True))
    counts = TrainingCounts.learn(dataset)
    blocks = counts.judged(Chance(), gaps, hubs)
    setting = fit(blocks, alphas=(0.0,), betas=(0.0,))
    assert setting.gamma > 0
    assert recall(blocks, setting) > recall(blocks, Reranking(temperature=setting.temperature)) + 0.1
    against = [block._replace(lifts=-np.asarray(block.lifts)) for block in blocks]
    assert fit(against, alphas=(0.0,), betas=(0.0,)).gamma == 0


def test_lifts_beside_several_items_are_sums() -> None:
    weights = np.arange(9, dtype=np.float32).reshape(3, 3)
    lifts = category_lifts(weights, np.array([[0, 2, 2], [1, 0, 0]]), np.array([[1, 1, 1], [1, 0, 0]], bool))
    np.testing.assert_array_equal(lifts, [weights[0] + 2 * weights[2], weights[1]])
    assert category_lifts(weights, np.zeros((1, 0), int), np.zeros((1, 0), bool)).tolist() == [[0, 0, 0]]


def test_one_outfit_or_none_teaches_nothing(dataset: Dataset) -> None:
    for count in (0, 1):
        assert not learn_lifts(dataset.catalogue, dataset.outfits.take(np.arange(count))).any()
