"""Look: what the stylist answers, against trying everything."""

import itertools
import re

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shops import indexed, naive_looks, shop, shop_items, trained

import goeswith.shop.completion
from goeswith.data.dataset import Dataset
from goeswith.data.encoders.networks import Network
from goeswith.data.features import load_features
from goeswith.data.filters import Filters
from goeswith.data.shelf import shelf
from goeswith.errors import CatalogueError
from goeswith.shop.beam import grow, spread
from goeswith.shop.build import build_index
from goeswith.shop.explain import explain
from goeswith.shop.grammar import Grammar
from goeswith.shop.index import Index
from goeswith.shop.looks import anchors_for
from goeswith.shop.steps import finish
from goeswith.shop.stylist import Stylist
from goeswith.shop.template import Template

FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A shop whose i7 has no features, and a run over it; nothing of it may be changed. Every outfit is right here."""
    dataset, run, index = indexed(tmp_path_factory.mktemp("shop"), without=("i7",))
    index.grammar, index.taste = Grammar.free(), None
    return dataset, run, index


class Plain(Stylist):
    """By the score alone, whatever the season and however alike the looks."""

    def complete(self, anchors, **asked):
        return super().complete(anchors, **{"coherent": False, "common": None} | asked)

    def fill(self, items, slot, **asked):
        return super().fill(items, slot, **{"coherent": False} | asked)

    def improve(self, items, **asked):
        return super().improve(items, **{"coherent": False} | asked)


@pytest.fixture(scope="module")
def stylist(world):
    return Plain(world[2])


@pytest.fixture(scope="module")
def strict(world):
    """With the grammar of the shop's outfits."""
    return Stylist(Index(world[2].path))


@pytest.fixture
def exhaustive(monkeypatch):
    """Everything is scored by the full model."""
    for name in ("FULL", "STEP"):
        monkeypatch.setattr(goeswith.shop.completion, name, 1 << 20)


def ids_where(index: Index, test: pl.Expr) -> list[str]:
    """Ids of items that can be offered and pass a test."""
    rows = index.catalogue.items.with_row_index("row").filter(test)
    return [item_id for row, item_id in rows.select("row", "item_id").iter_rows() if index.known[row]]


def of(index: Index, item_ids, column: str) -> list:
    """What a column says of items."""
    known = dict(index.catalogue.items.select("item_id", column).iter_rows())
    return [known[item_id] for item_id in item_ids]


def products(index: Index, item_ids) -> list[int]:
    return shelf(index.catalogue).products[[index.row_of[item_id] for item_id in item_ids]].tolist()


@pytest.mark.parametrize("slot", ["bottom", "skirt"])
def test_fill_ranks_as_scoring_everything_does(stylist, exhaustive, slot):
    index, anchors = stylist.index, ["i0", "i100"]
    filters = Filters(seasons=("summer",), price_max=60)
    passing = (pl.col("category") == "skirt") & (pl.col("season") == "summer") & (pl.col("price") <= 60)
    expected = naive_looks(index, anchors, [ids_where(index, passing)])
    found = stylist.fill(anchors, slot, filters=filters, k=8)
    assert [look.added for look in found] == [ids[2:] for ids in sorted(expected, key=lambda ids: -expected[ids])[:8]]
    np.testing.assert_allclose([look.score for look in found], sorted(expected.values())[::-1][:8], rtol=1e-5)


def test_complete_ranks_as_scoring_every_look_does(stylist, exhaustive):
    index = stylist.index
    summer = (pl.col("season") == "summer") & (pl.col("colour") == "black") & pl.col("price").is_not_null()
    slots = [ids_where(index, summer & (pl.col("group") == group)) for group in ("shoes", "bag", "shoes")]
    filters = Filters(seasons=("summer",), colours=("black",), price_max=1e6)
    for budget in (None, 230.0):
        expected = naive_looks(index, ["i0"], slots, budget)
        found = stylist.complete(
            ["i0"], slots=["shoes", "bag", "boots"], filters=filters, k=6, beam=10_000, budget=budget
        )
        best = sorted(expected.values())[::-1][:6]
        np.testing.assert_allclose([look.score for look in found], best, rtol=1e-5)
        assert {frozenset(look.item_ids) for look in found} <= {frozenset(ids) for ids in expected}
        assert not found[0].notes


def test_a_narrow_beam_is_nearly_as_good(stylist):
    for anchor in ("i0", "i5", "i33"):
        wide, narrow = (
            stylist.complete([anchor], slots=["bottom", "shoes", "bag"], k=1, beam=beam)[0].score for beam in (2000, 16)
        )
        scores = [look.score for look in stylist.complete([anchor], slots=["bottom", "shoes", "bag"], k=200)]
        assert narrow >= wide - 0.1 * (max(scores) - min(scores) + 1e-9) - 1e-6


FILTERS = st.builds(
    Filters,
    colours=st.lists(st.sampled_from(["black", "white", "red"]), max_size=2).map(tuple),
    seasons=st.lists(st.sampled_from(["summer", "winter"]), max_size=1).map(tuple),
    brands=st.lists(st.sampled_from(["Kestrel", "Tilde"]), max_size=1).map(tuple),
    exclude=st.lists(st.sampled_from([f"i{row}" for row in range(48, 192)]), max_size=9).map(tuple),
    price_max=st.none() | st.floats(10, 100),
    in_stock=st.booleans(),
)


def answer(stylist: Stylist, anchors: list[str], **asked) -> tuple[list, str]:
    """Looks, or why there are none."""
    try:
        return stylist.complete(anchors, **asked), ""
    except CatalogueError as error:
        return [], str(error)


@FEW
@given(
    filters=FILTERS,
    slots=st.lists(st.sampled_from(["bottom", "shoes", "bag", "tote", "shirt"]), min_size=1, max_size=4),
    budget=st.none() | st.floats(40, 400),
    diversity=st.sampled_from([0.0, 0.5, 1.0]),
    beam=st.integers(1, 9),
    full=st.sampled_from([8, 1000]),
)
def test_offers_always_fit_the_request(stylist, filters, slots, budget, diversity, beam, full):
    index, anchors = stylist.index, ["i0", "i97"]
    asked = {"slots": slots, "filters": filters, "budget": budget, "diversity": diversity, "beam": beam, "k": 4}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(goeswith.shop.completion, "FULL", full)
        patch.setattr(goeswith.shop.completion, "STEP", full)
        looks, refused = answer(stylist, anchors, **asked)
    if refused:
        assert re.search(r"no item fits|cannot be met", refused)
        return
    passing = filters.rows(index.catalogue)
    kinds = {"bottom": "skirt", "shoes": "boots", "bag": "tote"}
    filled = [kinds.get(slot, slot) for slot in slots]
    for note in looks[0].notes:
        if gone := re.search(r"no (?:further )?(\w+) fits the filters", note):
            filled.remove(kinds.get(gone[1], gone[1]))
    for look in looks:
        assert look.item_ids == (*anchors, *look.added)
        assert sorted(of(index, look.added, "category")) == sorted(filled)
        assert all(passing[index.row_of[item_id]] for item_id in look.added)
        assert len(set(products(index, look.item_ids))) == len(look.item_ids)
        assert "i7" not in look.added
        if budget is not None:
            assert sum(of(index, look.item_ids, "price")) <= budget + 1e-6
    assert len({tuple(sorted(products(index, look.item_ids))) for look in looks}) == len(looks)
    assert len(looks) == 4 or any(f"only {len(looks)} of 4 looks" in note for note in looks[0].notes)
    if not diversity:
        assert [look.score for look in looks] == sorted((look.score for look in looks), reverse=True)


SMALL = st.integers(0, 4).flatmap(
    lambda seed: st.tuples(st.just(seed), st.lists(st.sets(st.integers(0, 9), min_size=1), min_size=1, max_size=3))
)


@given(SMALL)
def test_the_cheapest_look_is_found(given_):
    seed, slots = given_
    chance = np.random.default_rng(seed)
    prices, kinds = chance.integers(1, 30, 10).astype(float), chance.integers(0, 7, 10)
    template = Template(np.empty(0, np.int64), [np.array(sorted(s)) for s in slots], kinds, prices, 1e9)
    possible = [c for c in itertools.product(*slots) if len({kinds[row] for row in c}) == len(c)]
    found = template.cheapest()
    if not possible:
        assert found is None
    else:
        assert prices[found].sum() == min(prices[list(chosen)].sum() for chosen in possible)
        assert all(row in slot for row, slot in zip(found, slots, strict=True))
        assert len(set(kinds[found])) == len(found)


def test_an_impossible_budget_names_the_cheapest_sum(stylist):
    index = stylist.index
    priced = {
        slot: ids_where(index, (pl.col("group") == slot) & pl.col("price").is_not_null()) for slot in ("shoes", "bag")
    }
    own = of(index, ["i0"], "price")[0]
    least = own + sum(min(of(index, ids, "price")) for ids in priced.values())
    words = f"the budget of {least - 1:.2f} cannot be met: the cheapest look costs {least:.2f}, {own:.2f} of it"
    with pytest.raises(CatalogueError, match=re.escape(words)):
        stylist.complete(["i0"], slots=["shoes", "bag"], budget=least - 1)
    assert stylist.complete(["i0"], slots=["shoes", "bag"], budget=least)[0].price == least


def test_a_beam_that_took_the_only_bag_of_another_slot_is_repaired(world):
    """The best shirt is the only one that fits the second slot; a beam of one takes it for the first."""
    index = world[2]
    best = index.row_of[Plain(index).fill(["i60"], "top", k=1)[0].added[0]]
    shirts = np.flatnonzero(index.known & (index.catalogue.items["category"] == "shirt").to_numpy())
    slots = [shirts, np.array([best])]
    template = Template(np.array([index.row_of["i60"]]), slots, index.shelf.products, None, None)
    found = finish(index, grow(index, template, beam=1))
    assert found.items[0, 2] == best
    assert found.items[0, 1] != best


def test_a_budget_holds_where_the_beam_spends_too_much(stylist):
    """Two slots share their cheapest item: the sum of least prices is too hopeful, and the one look left is found."""
    index = stylist.index
    priced = ids_where(index, (pl.col("group") == "bag") & pl.col("price").is_not_null())
    cheap = sorted(priced, key=lambda item_id: of(index, [item_id], "price")[0])[:3]
    exclude = tuple(item_id for item_id in priced if item_id not in cheap)
    budget = sum(of(index, [*cheap[:2], "i0"], "price"))
    found = stylist.complete(["i0"], slots=["bag", "tote"], filters=Filters(exclude=exclude), budget=budget, beam=1)
    assert sorted(found[0].added) == sorted(cheap[:2])


def test_a_thin_catalogue_says_so(stylist):
    index = stylist.index
    bags = ids_where(index, pl.col("group") == "bag")
    only = Filters(exclude=tuple(bag for bag in bags if bag not in ("i145", "i165")))
    found = stylist.fill(["i0"], "bag", filters=only, k=5)
    assert len(found) == 2
    assert found[0].notes == ("thin: only 2 of 5 looks can be made from what fits",)
    looks = stylist.complete(["i0"], slots=["bag", "tote", "bag"], filters=only, k=1)
    assert looks[0].notes == ("thin: no further bag fits the filters, so the look has one less",)
    assert sorted(looks[0].added) == ["i145", "i165"]
    none = Filters(exclude=tuple(bags))
    looks = stylist.complete(["i0"], slots=["bag", "shoes"], filters=none, k=2)
    assert of(index, looks[0].added, "group") == ["shoes"]
    assert "thin: no bag fits the filters, so the look has none" in looks[0].notes
    with pytest.raises(CatalogueError, match=r"no item fits: bag with the filters exclude=48 item\(s\); widen"):
        stylist.fill(["i0"], "bag", filters=none)


def test_improve_is_the_best_single_swap(stylist, exhaustive):
    index, outfit = stylist.index, ["i0", "i60", "i130"]
    before = stylist.judge(outfit).score
    best: dict[tuple[str, int], float] = {}
    for place, removed in enumerate(outfit):
        (group,) = of(index, [removed], "group")
        for other in ids_where(index, pl.col("group") == group):
            swapped = [*outfit[:place], other, *outfit[place + 1 :]]
            if products(index, [other])[0] in products(index, outfit):
                continue
            key = removed, products(index, [other])[0]
            best[key] = max(best.get(key, -np.inf), stylist.judge(swapped).score)
    gains = sorted((score - before for score in best.values() if score > before), reverse=True)
    found = stylist.improve(outfit, k=6)
    np.testing.assert_allclose([swap.gain for swap in found], gains[:6], atol=1e-4)
    for swap in found:
        assert swap.look.item_ids[outfit.index(swap.removed)] == swap.added
        assert swap.look.added == (swap.added,)
        assert swap.look.score == pytest.approx(stylist.judge(swap.look.item_ids).score, rel=1e-4)
    assert not {swap.removed for swap in stylist.improve(outfit, locked=["i0", "i130"])} - {"i60"}


def test_improve_exchanges_for_what_the_filters_say(stylist):
    found = stylist.improve(["i0", "i60"], filters=Filters(groups=("bag",), seasons=("winter",)), locked=["i0"], k=3)
    added = [swap.added for swap in found]
    assert set(of(stylist.index, added, "group")) <= {"bag"}
    assert set(of(stylist.index, added, "season")) <= {"winter"}


def test_similar_is_nearest_of_the_category_and_one_of_each_product(stylist):
    index = stylist.index
    hidden, mine = index.scorer.states.hidden.flatten(1), index.row_of["i100"]
    boots = [index.row_of[item_id] for item_id in ids_where(index, pl.col("category") == "boots")]
    apart = hidden[boots] - hidden[boots].mean(0)
    like = torch.nn.functional.cosine_similarity(apart, apart[boots.index(mine)][None])
    own = products(index, ["i100"])[0]
    best: dict[int, float] = {}
    for row, value in zip(boots, like.tolist(), strict=True):
        product = shelf(index.catalogue).products[row]
        if product != own:
            best[product] = max(best.get(product, -1), value)
    found = stylist.similar("i100", k=7)
    np.testing.assert_allclose([one.similarity for one in found], sorted(best.values())[::-1][:7], atol=1e-5)
    assert set(of(index, [one.item_id for one in found], "category")) == {"boots"}
    dear = stylist.similar("i100", filters=Filters(price_min=50), k=99)
    assert min(of(index, [one.item_id for one in dear], "price")) >= 50


def test_judge_many_is_judge_one_by_one(stylist):
    outfits = [["i0", "i60"], ["i1", "i61", "i110", "i150"], ["i99", "i2"]]
    for look, outfit in zip(stylist.judge_many(outfits), outfits, strict=True):
        alone = stylist.judge(outfit)
        assert look.score == pytest.approx(alone.score, rel=1e-4)
        assert (look.item_ids, look.added, look.price) == (tuple(outfit), (), alone.price)
        assert 0 <= look.probability <= 1
        assert 0 <= look.percentile <= 100
    assert stylist.judge(["i0", "i19"]).price is None  # i19 has none
    assert stylist.judge_many([]) == []


def test_diversity_trades_score_for_difference(stylist):
    index = stylist.index

    def likeness(looks):
        rows = np.array([[index.row_of[item_id] for item_id in look.added] for look in looks])
        told = index.directions(rows.ravel()).view(len(rows), -1).numpy()
        return (told @ told.T)[np.triu_indices(len(rows), 1)].mean()

    plain, varied = (stylist.complete(["i0"], slots=["shoes", "bag"], k=5, diversity=d) for d in (0.0, 0.8))
    assert likeness(varied) < likeness(plain)
    assert np.mean([look.score for look in varied]) <= np.mean([look.score for look in plain])


@given(st.integers(0, 9), st.floats(0, 1), st.integers(1, 6))
def test_spread_is_maximal_marginal_relevance(seed, diversity, k):
    chance = np.random.default_rng(seed)
    scores = np.sort(chance.standard_normal(8))[::-1].copy()
    directions = torch.nn.functional.normalize(torch.from_numpy(chance.standard_normal((8, 3))), dim=1)
    like = (directions @ directions.T).tolist()
    low, high = min(scores), max(scores)
    expected = [0]
    while len(expected) < k:
        left = [place for place in range(8) if place not in expected]
        value = [
            (1 - diversity) * (scores[p] - low) / (high - low) - diversity * max(like[p][c] for c in expected)
            for p in left
        ]
        expected.append(left[int(np.argmax(value))])
    assert spread(scores, directions, k, diversity).tolist() == expected


def test_guests_can_be_in_outfits_and_are_never_offered(world):
    index = Index(world[2].path)
    own, stylist = Plain(world[2]), Plain(index)
    index.grammar, index.taste = Grammar.free(), None
    items, dataset = index.catalogue.items, world[0]
    assert stylist.complete(["i0"], slots=["shoes"], k=1)  # what is kept from now on knows no guests
    first = items["item_id"][0]
    seen = load_features(dataset).values[dataset.catalogue.rows([first])]
    index.guests.networks["made"] = Network("made", lambda _: seen, None, "")
    assert index.add(None, category=items["category"][0], title="mine") == "guest-1"
    assert stylist.fill(["guest-1"], "boots")[0].score == pytest.approx(own.fill([first], "boots")[0].score, rel=1e-4)
    for looks in (stylist.fill(["i60"], items["category"][0], k=99), stylist.similar("i1", k=99)):
        assert all("guest-1" not in getattr(look, "added", (getattr(look, "item_id", None),)) for look in looks)


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda s: s.judge([]), "the outfit is empty; give it two or more items"),
        (lambda s: s.judge(["i0"]), "the outfit has 1 item; give it two or more items"),
        (lambda s: s.judge("i0"), "the outfit is the text 'i0'; give a list of item ids"),
        (lambda s: s.judge(["i0", "nobody"]), "the outfit names item 'nobody', which the catalogue does not have"),
        (lambda s: s.judge(["i0", "i60", "i0"]), "the outfit names item 'i0' twice; name it once"),
        (lambda s: s.judge(["i1", "i2"]), "items 'i1' and 'i2' are variants of one product; keep one of them"),
        (lambda s: s.judge(["i0", "i7"]), "item 'i7' has no made features, so it cannot be scored"),
        (lambda s: s.judge([f"i{3 * at}" for at in range(25)]), "the outfit has 25 items; give at most 24"),
        (lambda s: s.complete([], slots=["shoes"]), "the outfit is empty; give it an item"),
        (lambda s: s.complete(["i0"], slots=["shoe"]), "no item belongs to the slot 'shoe'; did you mean 'shoes'?"),
        (lambda s: s.complete(["i0"], slots=["dress"]), "'dress' (a group of which the catalogue has no item)"),
        (lambda s: s.complete(["i0"], slots=["bag"] * 24), "1 items and 24 slots are more than 24"),
        (lambda s: s.complete(["i0"], slots=["bag"], k=0), "k is 0; it must be 1 or more"),
        (lambda s: s.complete(["i0"], slots=["bag"], beam=0), "beam is 0; it must be 1 or more"),
        (lambda s: s.complete(["i0"], slots=["bag"], diversity=2), "diversity is 2; it must be between 0"),
        (lambda s: s.complete(["i0"], slots=["bag"], budget=-1), "the budget is -1; it must be a number of 0 or more"),
        (
            lambda s: s.complete(["i19"], slots=["bag"], budget=900),
            "item 'i19' has no price, so the budget cannot be checked",
        ),
        (
            lambda s: s.complete(["i0"], slots=["bag"], filters=Filters(categories=("boots",))),
            "the filters contradict the slot 'bag': none of its items has the category boots",
        ),
        (lambda s: s.improve(["i0"]), "the outfit has 1 item; give it two or more items"),
        (lambda s: s.improve(["i0", "i60"], locked=["i60", "i0"]), "every item is locked, so nothing can be swapped"),
        (lambda s: s.improve(["i0", "i60"], locked=["i5"]), "item 'i5' is locked but not in the outfit"),
        (lambda s: s.similar("nobody"), "names item 'nobody', which the catalogue does not have"),
    ],
)
def test_bad_questions_say_what_is_wrong(stylist, ask, words):
    with pytest.raises(CatalogueError, match=re.escape(words)) as told:
        ask(stylist)
    assert "\n" not in str(told.value)


def test_items_have_several_names(world, tmp_path):
    """A shop's SKUs and handles are as good as ids, in every question."""
    items = world[0].catalogue.items.with_columns(
        product_id=pl.when(pl.col("item_id").is_in(["i60", "i61"])).then(pl.lit("jeans")).otherwise("item_id"),
        skus=pl.concat_str(pl.lit("S-"), "item_id", pl.lit("; S2-"), "item_id"),
    )
    items = items.with_columns(
        product_id=pl.when(pl.col("item_id") == "i0").then(pl.lit("shirt")).otherwise("product_id")
    )
    s = Stylist(build_index(world[1], shop(tmp_path / "data", items), tmp_path / "index"))
    ids, names = ["i0", "i60", "i100"], ["shirt", "S-i60", "S2-i100"]
    assert s.judge(names) == s.judge(ids)
    assert s.complete(names[:1], k=2) == s.complete(ids[:1], k=2)
    assert s.fill(names[:2], "Shoes", k=3) == s.fill(ids[:2], "shoes", k=3)
    assert s.complete(ids[:1], slots=["SKIRT"], k=2) == s.complete(ids[:1], slots=["skirt"], k=2)
    swaps = s.improve(names, locked=["shirt"], filters=Filters(exclude=("S-i1",)))
    assert swaps == s.improve(ids, locked=["i0"], filters=Filters(exclude=("i1",)))
    assert {swap.removed for swap in s.improve(names)} <= {*ids}
    assert s.similar("shirt") == s.similar("i0")
    assert explain(s, names).to_dict() == explain(s, ids).to_dict()
    for condition in ("item_id=shirt,S-i60", "skus=S-i0,S2-i60", "product_id=shirt,S-i60"):
        assert anchors_for(s, [condition], None, 0).tolist() == s.index.shelf.rows(["i0", "i60"]).tolist()
    assert len(anchors_for(s, ["item_id=jeans"], None, 0)) == 2
    with pytest.raises(CatalogueError, match="the condition item_id=nobody names item 'nobody'"):
        anchors_for(s, ["item_id=nobody"], None, 0)
    with pytest.raises(CatalogueError, match="names 'jeans', which is 2 items: i60, i61; name one of them"):
        s.fill(["jeans"], "shoes")
    with pytest.raises(CatalogueError, match="the outfit names item 'i0' twice"):
        s.judge(["i0", "shirt"])


def test_a_category_that_the_model_never_saw(world, tmp_path):
    _, run, _ = world
    named = {"i50": "Skirts", "i51": "maxi skirt", "i52": "kimono", "i53": "mystery"}
    new = pl.col("item_id").replace_strict(named, default=pl.col("category"))
    group = pl.when(pl.col("item_id") == "i53").then(None).otherwise("group")
    dataset = shop(tmp_path / "data", shop_items().with_columns(category=new, group=group))
    said: list[str] = []
    stylist = Stylist(build_index(run, dataset, tmp_path / "index", say=said.append))
    matched = {"Skirts": "skirt", "maxi skirt": "skirt", "kimono": "skirt"}
    assert (stylist.index.info["matched"], stylist.index.info["unmatched"]) == (matched, ["mystery"])
    assert (
        "treated as 'skirt', because the model has not seen them: 'Skirts' (1), 'kimono' (1), 'maxi skirt' (1)" in said
    )
    assert "never offered, because the model has seen nothing like them: 'mystery' (1)" in said
    # A state is made of the features and the category: that of the category it is taken for.
    rows, places = [stylist.index.row_of[one] for one in named], [world[2].row_of[one] for one in named]
    now, before = (index.scorer.states.hidden for index in (stylist.index, world[2]))
    torch.testing.assert_close(now[rows[:3]], before[places[:3]])
    with pytest.raises(CatalogueError, match="never saw the category 'mystery'; choose another slot"):
        stylist.fill(["i0"], "mystery")
    with pytest.raises(CatalogueError, match="item 'i53' is of category 'mystery', which the model run never saw"):
        stylist.judge(["i0", "i53"])
    offered = {look.added[0] for look in stylist.fill(["i0"], "bottom", k=99)}
    assert "i53" not in offered
    assert {"i51", "i52"} & offered or len(offered) == 99


def test_a_product_is_completed_without_naming_slots(strict):
    index = strict.index
    assert set(index.grammar.whole["separates"]) == {"top", "bottom", "shoes", "bag"}
    for anchors, groups in (
        (["i0"], ["top", "bottom", "shoes", "bag"]),
        (["i100", "i1"], ["shoes", "top", "bottom", "bag"]),
    ):
        looks = strict.complete(anchors, k=3)
        assert len(looks) == 3
        assert all(of(index, look.item_ids, "group") == groups and not look.findings for look in looks)
        named = strict.complete(
            anchors, slots=[group for group in groups if group not in of(index, anchors, "group")], k=3
        )
        assert looks == named


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda s: s.fill(["i100"], "boots"), "the slots boots do not fit: an outfit has one pair of shoes, this one"),
        (lambda s: s.complete(["i0"], slots=["bag", "tote"]), "an outfit has one bag, no more; leave one out"),
        (lambda s: s.complete(["i0", "i60", "i100", "i150"]), "the outfit is complete; name a slot to add to it"),
        (lambda s: s.complete(["i100", "i110"]), "these items do not make an outfit: two pairs of shoes; remove one"),
    ],
)
def test_what_makes_no_outfit_is_refused(strict, ask, words):
    with pytest.raises(CatalogueError, match=re.escape(words)):
        ask(strict)


def test_an_incomplete_outfit_is_not_praised(strict):
    whole, boots = strict.judge_many([["i0", "i60", "i100"], ["i100", "i110"]])
    assert boots.findings == ("two pairs of shoes",) or "two pairs of shoes" in boots.findings
    assert (boots.verdict, boots.percentile, boots.probability) == ("incomplete", None, None)
    assert whole.findings == ()
    expected = "strong" if whole.percentile >= 50 else "fine" if whole.percentile >= 20 else "weak"
    assert whole.verdict == expected
    assert explain(strict, ["i100", "i110"]).sentence.startswith("This look is not a proper outfit: it ")


def test_a_shop_without_outfits_has_looks_by_the_usual_grammar(world, tmp_path):
    """Two kinds of accessory besides, and a run that was trained elsewhere."""
    more = shop_items().with_columns(
        item_id=pl.concat_str(pl.lit("x"), "item_id"), group=pl.lit("accessory"),
        category=pl.when(pl.col("category").is_in(["shirt", "skirt"])).then(pl.lit("belt")).otherwise(pl.lit("scarf")),
        title=pl.col("item_id"),
    )  # fmt: skip
    dataset = shop(tmp_path / "data", pl.concat([shop_items(), more]))
    (tmp_path / "data" / "outfits.parquet").unlink()
    empty = {"outfit_id": pl.String, "split": pl.String, "source": pl.String, "item_ids": pl.List(pl.String)}
    pl.DataFrame(schema=empty).write_parquet(tmp_path / "data" / "outfits.parquet")
    stylist = Stylist(build_index(world[1], Dataset(dataset.path), tmp_path / "index"))
    index = stylist.index
    assert (index.grammar, index.taste, index.scale) == (Grammar.default(), None, None)
    # The model knows no accessory and none of its categories; it knows what to do with all the rest.
    assert index.info["unmatched"] == ["belt", "scarf"]
    for look in stylist.complete(["i0"], k=3):
        assert sorted(of(index, look.item_ids, "group")) == ["bag", "bottom", "shoes", "top"]
        assert look.verdict == ""
    assert stylist.judge(["i100", "i110"]).findings == ("needs a top and a bottom (or a dress)", "two pairs of shoes")


def test_a_model_that_needs_a_top_and_a_bottom(world, tmp_path):
    dataset, _, _ = world
    stylist = Stylist(build_index(trained(dataset, tmp_path / "run", model="akd-dbpr"), dataset, tmp_path / "index"))
    with pytest.raises(
        CatalogueError, match="has no score for the outfit i0, i100; some models need a top and a bottom"
    ):
        stylist.judge(["i0", "i100"])
    with pytest.raises(CatalogueError, match="has no score for any look of bag with these items"):
        stylist.fill(["i100"], "bag")
    # A slot at which nothing has a score yet is passed, not stumbled over.
    looks = stylist.complete(["i0"], slots=["bag", "bottom"], k=3)
    assert of(stylist.index, looks[0].added, "group") == ["bag", "bottom"]
