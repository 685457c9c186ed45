"""Score correction and coherence: what beside the score decides what is offered."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save_file
from shops import indexed

from goeswith.data.catalogue import Catalogue
from goeswith.data.filters import Filters
from goeswith.data.shelf import shelf
from goeswith.errors import CatalogueError
from goeswith.shop.coherence import agreeing
from goeswith.shop.index import Index
from goeswith.shop.score_correction import ScoreCorrection
from goeswith.shop.stylist import Stylist


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return indexed(tmp_path_factory.mktemp("shop"))


def test_popularity_is_counted_and_hubs_are_of_the_same_items(world):
    dataset, _, index = world
    correction = index.correction
    assert correction is not None
    outfits = dataset.outfits.split("train")
    ids = np.array(dataset.catalogue.ids, dtype=object)
    worn = dict.fromkeys(ids, 0)
    for row in range(len(outfits)):
        for item_id in ids[outfits[row]]:
            worn[item_id] += 1
    counted = [np.log1p(worn[item_id]) for item_id in index.catalogue.ids]
    np.testing.assert_allclose(correction.popularity, counted, rtol=1e-6)
    # A hub scores high beside anything: its mean over all others of other groups, less that of its group.
    tops = np.flatnonzero((index.catalogue.items["group"] == "top").to_numpy())
    rest = np.setdiff1d(np.arange(index.size), tops)
    pairs = np.stack(np.meshgrid(tops, rest, indexing="ij"), axis=-1).reshape(-1, 2)
    means = index.scorer.score(pairs, np.ones(pairs.shape, bool)).reshape(len(tops), -1).mean(axis=1)
    assert np.corrcoef(means, correction.hubs[tops])[0, 1] > 0.5
    again = ScoreCorrection.load(index.path / "taste.safetensors")
    np.testing.assert_array_equal(again.bonus(0.5), correction.bonus(0.5))
    np.testing.assert_array_equal(correction.in_order(tops).hubs, correction.hubs[tops])


def test_a_file_from_when_one_setting_did_both_still_opens(world, tmp_path):
    path = world[2].path / "taste.safetensors"
    with safe_open(path, framework="numpy") as file:
        values = json.loads(file.metadata()["taste"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    older = {name: value for name, value in values.items() if not name.startswith(("order_", "gamma"))}
    del tensors["lifts"]
    save_file(tensors, tmp_path / path.name, {"taste": json.dumps(older | {"alpha": 0.25, "beta": 0.5})})
    correction = ScoreCorrection.load(tmp_path / path.name)
    np.testing.assert_array_equal(correction.order, correction.bonus())
    assert correction.order_alpha == 0.25
    assert correction.wanted(np.array([0])) is None


def test_popularity_can_be_weighted(world):
    index = Index(world[2].path)
    stylist, tops = Stylist(index), [f"i{row}" for row in range(0, 48, 3)]

    def popularity(alpha: float) -> float:
        looks = [stylist.fill([top], "shoes", k=1, popularity=alpha, coherent=False)[0] for top in tops]
        return float(np.mean([index.correction.popularity[index.row_of[look.added[0]]] for look in looks]))

    assert popularity(1.0) > popularity(0.0)
    with pytest.raises(CatalogueError, match=r"the popularity is 2; it must be between 0 \(taste\) and 1"):
        stylist.fill(["i0"], "shoes", popularity=2)
    look = stylist.fill(["i0"], "shoes", k=1, popularity=1.0)[0]
    assert look.score == pytest.approx(stylist.judge(look.item_ids).score, abs=1e-5)  # the model's, without the rest


def test_the_ten_best_are_chosen_by_one_worth_and_ordered_by_another(world):
    index = Index(world[2].path)
    index.correction = replace(index.correction, alpha=1.0, order_alpha=0.0, beta=0.0, order_beta=0.0)
    correction, stylist = index.correction, Stylist(index)
    looks = stylist.fill(["i0"], "shoes", k=13)
    rows = np.array([index.row_of[look.added[0]] for look in looks])
    worth = np.array([look.score for look in looks]) + correction.bonus()[rows] * correction.units()[2]
    assert (worth[:10, None] >= worth[10:] - 1e-6).all()  # the ten best, by what most people wear
    own = [look.score for look in looks]
    assert own[:10] == sorted(own[:10], reverse=True) != own  # in the order of taste
    np.testing.assert_array_equal(np.argsort(-worth[10:], kind="stable"), np.arange(len(looks) - 10))
    for k in (1, 4, 12):
        assert stylist.fill(["i0"], "shoes", k=k) == looks[:k]
    for slots in (["bottom", "shoes", "bag"], ["bottom", "shoes"]):
        many = stylist.complete(["i0"], slots=slots, k=8)
        assert [stylist.complete(["i0"], slots=slots, k=k) for k in (1, 3)] == [many[:1], many[:3]]


def test_what_the_given_items_lack_is_added_to_what_each_candidate_is_worth(world):
    index = Index(world[2].path)
    catalogue, codes = index.catalogue, index.catalogue.category_codes
    lifts = np.random.default_rng(0).standard_normal((len(catalogue.categories),) * 2).astype(np.float32)
    # Two kinds of bags, so that one group has two categories, as the index knows them.
    bags = np.flatnonzero((catalogue.items["group"] == "bag").to_numpy())
    index._kinds[bags[::2]] = codes[0]
    item_ids = [item_id for item_id in catalogue.ids if catalogue.items["group"][index.row_of[item_id]] != "bag"][
        :40:20
    ]
    rows = np.array([index.row_of[item_id] for item_id in item_ids])
    plain = Stylist(index).fill(item_ids, "bag", k=20, coherent=False)
    spread = float(np.std([look.score for look in plain]))
    index.correction = replace(index.correction, lifts=lifts, gamma=0.5, temperatures=(spread, spread))
    correction, kinds = index.correction, index.kinds
    looks = Stylist(index).fill(item_ids, "bag", k=20, coherent=False)
    assert [look.added for look in plain] != [look.added for look in looks]
    unit = correction.units()[len(item_ids) + 1]
    worth, order = [], []
    for look in looks:
        row = index.row_of[look.added[0]]
        lift = 0.5 * correction.temperatures[0] * sum(float(lifts[kinds[other], kinds[row]]) for other in rows)
        worth.append(look.score + unit * (correction.bonus()[row] + lift))
        order.append(look.score + unit * (correction.order[row] + lift))
    assert min(worth[:10]) >= max(worth[10:]) - 1e-5
    np.testing.assert_allclose(order[:10], sorted(order[:10], reverse=True), rtol=1e-6)
    np.testing.assert_allclose(worth[10:], sorted(worth[10:], reverse=True), rtol=1e-6)


def test_two_looks_have_at_most_one_added_piece_in_common(world):
    stylist = Stylist(world[2])
    products = dict(zip(world[2].catalogue.ids, world[2].shelf.products.tolist(), strict=True))
    for common in (0, 1, 2):
        looks = stylist.complete(["i0"], slots=["bottom", "shoes", "bag"], k=6, common=common)
        added = [{products[item_id] for item_id in look.added} for look in looks]
        assert len(looks) == 6
        assert all(len(pieces & other) <= common for at, pieces in enumerate(added) for other in added[:at])
    with pytest.raises(CatalogueError, match="common is -1; it must be 0 or more"):
        stylist.complete(["i0"], slots=["bag"], common=-1)


def test_added_items_keep_to_season_and_gender(world):
    index = world[2]
    rows = {row["item_id"]: row for row in index.catalogue.items.iter_rows(named=True)}
    for anchor in ("i0", "i1", "i100"):
        for look in Stylist(index).complete([anchor], k=4):
            assert {rows[item_id]["season"] for item_id in look.item_ids} == {rows[anchor]["season"]}
    both = Stylist(index).fill(["i0"], "shoes", k=40, coherent=False)
    assert {rows[look.added[0]]["season"] for look in both} == {"summer", "winter"}
    other = "summer" if rows["i0"]["season"] == "winter" else "winter"
    looks = Stylist(index).fill(["i0"], "shoes", k=3, filters=Filters(seasons=(other,)))  # whoever says so gets it
    assert {rows[look.added[0]]["season"] for look in looks} == {other}


VALUES = st.sampled_from(["summer", "winter", "spring/summer", "all seasons", "unisex", "", None])


@given(st.lists(VALUES, min_size=1, max_size=3), st.lists(VALUES, min_size=1, max_size=6))
def test_agreeing_is_what_words_say(worn, offered):
    values = [*worn, *offered]
    items = pl.DataFrame({"item_id": [str(at) for at in range(len(values))], "category": "x", "season": values})
    rows = np.arange(len(worn), len(values))
    agrees = agreeing(shelf(Catalogue(items)), np.arange(len(worn)), rows, Filters())
    plain = ("all seasons", "unisex", "", None)
    words = {word for value in worn if value not in plain for word in value.split("/")}
    for value, fine in zip(offered, agrees, strict=True):
        assert fine == (value in plain or not words or bool(words & set(value.split("/"))))
