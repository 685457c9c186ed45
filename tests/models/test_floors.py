import itertools
import math
from collections import Counter
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from goeswith.data.catalogue import Catalogue
from goeswith.data.outfits import Outfits
from goeswith.models import Scorer, floors
from goeswith.models.floors import fit_floors


def world(seed: int = 0, items: int = 40, outfits: int = 60) -> tuple[Catalogue, Outfits]:
    random = np.random.default_rng(seed)
    catalogue = Catalogue(
        pl.DataFrame(
            {
                "item_id": [f"i{row}" for row in range(items)],
                "category": [f"c{code}" for code in random.integers(0, 6, items)],
                "colour": [None if code == 3 else f"k{code}" for code in random.integers(0, 4, items)],
                "season": [None if code == 2 else f"s{code}" for code in random.integers(0, 3, items)],
            }
        )
    )
    return catalogue, outfits_of(
        catalogue, [random.choice(items // 2, random.integers(2, 8), replace=False).tolist() for _ in range(outfits)]
    )


def outfits_of(catalogue: Catalogue, rows: list[list[int]]) -> Outfits:
    ids = [[catalogue.ids[row] for row in outfit] for outfit in rows]
    frame = pl.DataFrame({"outfit_id": [f"o{index}" for index in range(len(rows))], "item_ids": ids})
    return Outfits.from_frame(frame, catalogue)


def features_of(catalogue: Catalogue, seed: int = 0, dimensions: int = 7) -> SimpleNamespace:
    values = np.random.default_rng(seed).normal(size=(len(catalogue), dimensions)).astype(np.float32)
    present = np.ones(len(catalogue), dtype=bool)
    return SimpleNamespace(values=values, present=present, blocks=(3, values.shape[1] - 3))


def padded(rows: list[list[int]], width: int = 0) -> tuple[np.ndarray, np.ndarray]:
    width = max(width, *map(len, rows))
    items = np.array([outfit + [outfit[0]] * (width - len(outfit)) for outfit in rows])
    return items, np.array([[position < len(outfit) for position in range(width)] for outfit in rows])


def naive_lift(keys: list, train: Outfits) -> dict:
    """Lift of every unordered pair of keys, counted one item pair at a time."""
    seen: Counter = Counter()
    ends: Counter = Counter()
    for row in range(len(train)):
        for i, j in itertools.combinations(train[row], 2):
            seen[frozenset((keys[i], keys[j]))] += 1
            ends.update((keys[i], keys[j]))
    total = sum(seen.values())
    lifts = {}
    for a, b in itertools.combinations_with_replacement(sorted(set(keys)), 2):
        chance = ends[a] / (2 * total) * ends[b] / (2 * total) * (1 if a == b else 2)
        lifts[frozenset((a, b))] = (seen[frozenset((a, b))], total * chance)
    return lifts


def naive_scores(catalogue: Catalogue, train: Outfits, features: SimpleNamespace, outfit: list[int]) -> dict:
    table = catalogue.items
    category = table["category"].to_list()
    fine = list(zip(category, table["colour"].fill_null("?").to_list(), strict=True))
    season = table["season"].to_list()
    by_category, by_fine, by_item = (naive_lift(keys, train) for keys in (category, fine, list(range(len(table)))))

    def lift(i: int, j: int) -> float:
        seen, expected = by_category[frozenset((category[i], category[j]))]
        return math.log((seen + 1) / (expected + 1))

    def fine_lift(i: int, j: int) -> float:
        seen, expected = by_fine[frozenset((fine[i], fine[j]))]
        return lift(i, j) + math.log((seen + 1) / (expected * math.exp(lift(i, j)) + 1))

    def item_lift(i: int, j: int) -> float:
        seen, expected = by_item[frozenset((i, j))]
        return fine_lift(i, j) + math.log((seen + 1) / (expected * math.exp(fine_lift(i, j)) + 1))

    with_features = [row for row in sorted(set(train.items.tolist())) if features.present[row]]
    deviation = features.values[with_features].std(axis=0) * np.sqrt([3] * 3 + [features.values.shape[1] - 3] * 4)
    standard = (features.values - features.values[with_features].mean(axis=0)) / deviation

    def cosine(i: int, j: int, values: np.ndarray = features.values) -> float:
        a, b = values[i], values[j]
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)) if features.present[[i, j]].all() else math.nan

    pairs = list(itertools.combinations(outfit, 2))
    worn = Counter(train.items.tolist())
    return {
        "chance": 0.0,
        "popularity": np.mean([math.log(1 + worn[i]) for i in outfit]),
        "rarity": -np.mean([math.log(1 + worn[i]) for i in outfit]),
        "category": np.mean([lift(i, j) for i, j in pairs]),
        "category colour": np.mean([fine_lift(i, j) for i, j in pairs]),
        "item pairs": np.mean([item_lift(i, j) for i, j in pairs]),
        "season": np.mean([season[i] is not None and season[i] == season[j] for i, j in pairs]),
        "cosine": np.mean([cosine(i, j) for i, j in pairs]),
        "standardised": np.mean([cosine(i, j, standard) for i, j in pairs]),
    }


ROWS = [[0, 1, 2, 3], [5, 30], [7, 8, 9], [39, 38, 37, 36, 35, 20], [1, 3, 0, 2]]


@pytest.mark.parametrize("block", [1 << 21, 8])
def test_every_floor_agrees_with_the_loop(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(floors, "_BLOCK", block)
    catalogue, train = world()
    features = features_of(catalogue)
    features.present[30] = False
    fitted = fit_floors(catalogue, train, features)
    expected = [naive_scores(catalogue, train, features, outfit) for outfit in ROWS]
    assert list(fitted) == list(expected[0])
    for name, floor in fitted.items():
        assert floor.name == name
        got = floor.score(*padded(ROWS))
        assert got.dtype == np.float64
        np.testing.assert_allclose(got, [scores[name] for scores in expected], atol=2e-6, err_msg=name)
    assert np.isnan(fitted["cosine"].score(*padded(ROWS))).tolist() == [False, True, False, False, False]


@pytest.mark.parametrize(
    "name",
    ["chance", "popularity", "rarity", "category", "category colour", "item pairs", "season", "cosine", "standardised"],
)
def test_order_padding_and_company_change_no_bit(name: str) -> None:
    catalogue, train = world(seed=1)
    floor = fit_floors(catalogue, train, features_of(catalogue))[name]
    random = np.random.default_rng(2)
    rows = [random.choice(40, random.integers(2, 12), replace=False).tolist() for _ in range(50)]
    plain = floor.score(*padded(rows))
    shuffled = [random.permutation(outfit).tolist() for outfit in rows]
    wide = floor.score(*padded(shuffled, width=20))
    alone = np.concatenate([floor.score(*padded([outfit])) for outfit in rows])
    assert np.array_equal(plain, wide)
    assert np.array_equal(plain, alone)
    assert (len(np.unique(plain)) > 1) == (name != "chance")


def test_floors_that_the_catalogue_cannot_have_are_absent() -> None:
    catalogue, train = world()
    bare = Catalogue(catalogue.items.drop("colour", "season"))
    assert list(fit_floors(bare, train)) == ["chance", "popularity", "rarity", "category", "item pairs"]


def test_a_rare_colour_pair_falls_back_to_its_categories() -> None:
    items = pl.DataFrame(
        {"item_id": list("abcdef"), "category": ["x", "y", "z"] * 2, "colour": ["red"] * 3 + ["blue"] * 3}
    )
    catalogue = Catalogue(items)
    train = outfits_of(catalogue, [[0, 1]] * 20 + [[0, 2]])
    fitted: dict[str, Scorer] = fit_floors(catalogue, train)
    never_worn = padded([[3, 4], [3, 5]])  # blue x with blue y, blue x with blue z
    assert np.array_equal(fitted["category colour"].score(*never_worn), fitted["category"].score(*never_worn))
    high, low = fitted["category"].score(*padded([[0, 1], [1, 2]]))
    assert high > 0 > low


def test_item_pairs_remember_what_was_worn_together() -> None:
    items = pl.DataFrame({"item_id": list("abcd"), "category": ["x", "y"] * 2})
    catalogue = Catalogue(items)
    fitted = fit_floors(catalogue, outfits_of(catalogue, [[0, 1]] * 5 + [[2, 3]] * 5))
    together, apart = fitted["item pairs"].score(*padded([[0, 1], [0, 3]]))
    assert together > fitted["category"].score(*padded([[0, 1]]))[0] > apart


def test_an_item_alone_has_no_pair_to_judge() -> None:
    catalogue, train = world()
    fitted = fit_floors(catalogue, train, features_of(catalogue))
    alone = padded([[4]], width=3)
    answered = {name for name, floor in fitted.items() if not np.isnan(floor.score(*alone)[0])}
    assert answered == {"chance", "popularity", "rarity"}


def test_a_feature_vector_of_zeros_points_nowhere() -> None:
    catalogue, train = world()
    features = features_of(catalogue)
    features.values[4] = 0
    assert np.isnan(fit_floors(catalogue, train, features)["cosine"].score(*padded([[4, 5], [5, 6]]))).tolist() == [
        True,
        False,
    ]


def test_no_training_outfits_leave_constant_counts() -> None:
    catalogue, train = world()
    fitted = fit_floors(catalogue, train.take([]))
    for name in ("popularity", "category", "category colour", "item pairs"):
        assert np.array_equal(fitted[name].score(*padded(ROWS)), np.zeros(len(ROWS)))


def test_words_are_lifted_pair_by_pair() -> None:
    random = np.random.default_rng(3)
    words = ["red", "silk", "coat", "wool", "dress", "Blue"]
    titles = [" ".join(random.choice(words, random.integers(1, 4), replace=False)) for _ in range(39)] + [None]
    catalogue, train = world()
    catalogue = Catalogue(catalogue.items.with_columns(title=pl.Series(titles)))
    of = [set((title or "").lower().split()) for title in titles]
    seen: Counter = Counter()
    for row in range(len(train)):
        for i, j in itertools.permutations(train[row], 2):
            seen.update(itertools.product(of[i], of[j]))
    ends: Counter = Counter()
    for (word, _), count in seen.items():
        ends[word] += count
    total = sum(ends.values())
    rows = [[0, 1], [3, 30, 39], [5, 6, 7, 8]]
    scores = fit_floors(catalogue, train)["words"].score(*padded(rows))
    for outfit, score in zip(rows, scores, strict=True):
        pairs = []
        for i, j in itertools.combinations(outfit, 2):
            both = list(itertools.product(of[i], of[j]))
            lifts = [math.log((seen[a, b] + 1) / (ends[a] * ends[b] / total + 1)) for a, b in both]
            pairs.append(sum(lifts) / max(len(both), 1))
        assert score == pytest.approx(sum(pairs) / len(pairs), abs=1e-6)


def test_words_of_titles_are_those_of_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.feature_extraction.text import CountVectorizer

    random = np.random.default_rng(4)
    words = ["Red", "été", "t-shirt", "x", "5-pocket", "straße", "über_size", "ABC", "co", "", "Größe", "2in1"]
    titles = [" ".join(random.choice(words, random.integers(0, 6))) for _ in range(60)]
    expected = CountVectorizer(binary=True, min_df=5).fit_transform([title.lower() for title in titles]).toarray()
    found = floors._words(pl.Series([title or None for title in titles]))
    assert found is not None
    assert found.toarray().tolist() == expected.tolist()
    monkeypatch.setattr(floors, "_MOST_WORDS", 3)
    commonest = np.sort(np.argsort(-expected.sum(axis=0), kind="stable")[:3])
    assert floors._words(pl.Series(titles)).toarray().tolist() == expected[:, commonest].tolist()


def test_without_titles_that_repeat_a_word_there_is_no_words_floor() -> None:
    catalogue, train = world()
    assert "words" not in fit_floors(catalogue, train)


@pytest.mark.parametrize("name", ["cosine", "standardised"])
def test_cosines_of_many_candidates_are_those_of_whole_outfits(name: str) -> None:
    catalogue, train = world()
    features = features_of(catalogue)
    features.present[30] = False
    floor = fit_floors(catalogue, train, features)[name]
    items, mask = padded(ROWS)
    rows = np.array([0, 4, 30, 33])
    scores = floor.fill(items, mask, rows)  # type: ignore[attr-defined]
    for column, row in enumerate(rows):
        whole = np.concatenate([items, np.full((len(items), 1), row)], axis=1)
        expected = floor.score(whole, np.pad(mask, ((0, 0), (0, 1)), constant_values=True))
        np.testing.assert_allclose(scores[:, column], expected, atol=2e-6)
