"""Look: what the stylist answers of single items, against trying everything."""

import re

import numpy as np
import polars as pl
import pytest
import torch
from shops import Plain, ids_where, naive_looks, of, products, shop, shop_items, trained

from goeswith.data.encoders.networks import Network
from goeswith.data.features import load_features
from goeswith.data.filters import Filters
from goeswith.data.shelf import shelf
from goeswith.errors import CatalogueError
from goeswith.shop.build import build_index
from goeswith.shop.explain import explain, tables
from goeswith.shop.grammar import Grammar
from goeswith.shop.index import Index
from goeswith.shop.stylist import Stylist


@pytest.mark.parametrize("slot", ["bottom", "skirt"])
def test_fill_ranks_as_scoring_everything_does(stylist, exhaustive, slot):
    index, anchors = stylist.index, ["i0", "i100"]
    filters = Filters(seasons=("summer",), price_max=60)
    passing = (pl.col("category") == "skirt") & (pl.col("season") == "summer") & (pl.col("price") <= 60)
    expected = naive_looks(index, anchors, [ids_where(index, passing)])
    looks = stylist.fill(anchors, slot, filters=filters, k=8)
    assert [look.added for look in looks] == [ids[2:] for ids in sorted(expected, key=lambda ids: -expected[ids])[:8]]
    np.testing.assert_allclose([look.score for look in looks], sorted(expected.values())[::-1][:8], rtol=1e-5)


def test_improve_is_the_best_single_swap(stylist, exhaustive):
    index, outfit = stylist.index, ["i0", "i60", "i130"]
    before = stylist.judge(outfit).score
    best: dict[tuple[str, int], float] = {}
    for number, removed in enumerate(outfit):
        (group,) = of(index, [removed], "group")
        for other in ids_where(index, pl.col("group") == group):
            swapped = [*outfit[:number], other, *outfit[number + 1 :]]
            if products(index, [other])[0] in products(index, outfit):
                continue
            key = removed, products(index, [other])[0]
            best[key] = max(best.get(key, -np.inf), stylist.judge(swapped).score)
    gains = sorted((score - before for score in best.values() if score > before), reverse=True)
    swaps = stylist.improve(outfit, k=6)
    np.testing.assert_allclose([swap.gain for swap in swaps], gains[:6], atol=1e-4)
    for swap in swaps:
        assert swap.look.item_ids[outfit.index(swap.removed)] == swap.added
        assert swap.look.added == (swap.added,)
        assert swap.look.score == pytest.approx(stylist.judge(swap.look.item_ids).score, rel=1e-4)
    assert not {swap.removed for swap in stylist.improve(outfit, locked=["i0", "i130"])} - {"i60"}


def test_of_two_pairs_of_shoes_one_is_taken_out_first(strict):
    outfit = ["i0", "i101", "i60", "i130"]
    without = {item_id: strict.judge([other for other in outfit if other != item_id]) for item_id in ("i101", "i130")}
    worse, better = sorted(without, key=lambda item_id: -without[item_id].score)
    (first, *others) = strict.improve(outfit)
    assert strict.judge(outfit).findings == ("two pairs of shoes",)
    assert (first.removed, first.added, first.look.findings) == (worse, None, ())
    assert first.look.item_ids == tuple(item_id for item_id in outfit if item_id != worse)
    assert first.look.score == pytest.approx(without[worse].score, rel=1e-4)
    assert others == []  # other shoes in the place of these are two pairs again
    assert strict.improve(outfit, locked=[worse])[0].removed == better
    assert strict.improve(outfit, locked=["i101", "i130"]) == []
    bags = strict.improve(outfit, filters=Filters(groups=("bag",)), k=3, coherent=False)
    assert bags[0] == first  # what comes after it has one pair of shoes
    assert all(swap.removed in without and swap.look.findings == () for swap in bags[1:])
    why = explain(strict, outfit)
    assert (why.swap, why.swap.added) == (first, None)
    assert "it has two pairs of shoes; take out the " in why.sentence
    assert why.sentence == explain(strict, outfit, swap=False).sentence
    assert explain(strict, outfit, swap=False).swap is None
    assert f"take out {worse}" in "\n".join(tables(why))
    one_stays, both_stay = (explain(strict, outfit, locked=locked) for locked in ([worse], ["i101", "i130"]))
    assert (one_stays.swap.removed, one_stays.swap.added) == (better, None)
    assert "take out" not in both_stay.sentence
    assert "it has two pairs of shoes; unlock one of those that are too many; " in both_stay.sentence
    assert both_stay.swap is None or both_stay.swap.removed not in without
    assert explain(strict, outfit, locked=outfit).swap is None
    three = explain(strict, ["i0", "i60", "i70", "i101", "i130"])
    assert three.sentence.count("take out") == 1
    assert "and it still has two " in three.sentence
    assert strict.improve(["i101", "i130"]) == []  # of an item alone nothing can be said
    assert strict.why_no_swap(["i101", "i130"]) == (
        "no swap of one item makes the outfit better: it needs a top and a bottom (or a dress) and has two "
        "pairs of shoes; replace one of those that are too many"
    )
    assert strict.why_no_swap(outfit, locked=["i101", "i130"]) == (
        "no swap of one item makes the outfit better: it has two pairs of shoes; unlock one of those that are too many"
    )
    others = len(strict.improve(["i0", "i60", "i130"], coherent=False, k=1000))
    assert strict.why_no_swap(["i0", "i60", "i130"]) == (
        f"no swap of one item within season and gender of the outfit makes the outfit better; {others} would without it"
    )
    assert strict.why_no_swap(["i0", "i60", "i130"], coherent=False) == "no swap of one item makes the outfit better"
    assert explain(strict, ["i101", "i130"]).swap is None


def test_improve_exchanges_for_what_the_filters_say(stylist):
    swaps = stylist.improve(["i0", "i60"], filters=Filters(groups=("bag",), seasons=("winter",)), locked=["i0"], k=3)
    added = [swap.added for swap in swaps]
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
    similar = stylist.similar("i100", k=7)
    np.testing.assert_allclose([item.similarity for item in similar], sorted(best.values())[::-1][:7], atol=1e-5)
    assert set(of(index, [item.item_id for item in similar], "category")) == {"boots"}
    dear = stylist.similar("i100", filters=Filters(price_min=50), k=99)
    assert min(of(index, [item.item_id for item in dear], "price")) >= 50


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


def test_guests_can_be_in_outfits_and_are_never_offered(free):
    index = Index(free[2].path)
    own, stylist = Plain(free[2]), Plain(index)
    index.grammar, index.correction = Grammar.free(), None
    items, dataset = index.catalogue.items, free[0]
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
        (lambda s: s.judge(["i0", "nobody"]), "the catalogue has no item 'nobody'; check the id"),
        (lambda s: s.judge(["i0", "i60", "i0"]), "the outfit names item 'i0' twice; name it once"),
        (lambda s: s.judge(["i1", "i2"]), "items 'i1' and 'i2' are variants of one product; keep one of them"),
        (lambda s: s.judge(["i0", "i7"]), "item 'i7' has no picture, so no outfit can be made with it"),
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
        (lambda s: s.similar("nobody"), "the catalogue has no item 'nobody'; check the id"),
    ],
)
def test_bad_questions_say_what_is_wrong(stylist, ask, words):
    with pytest.raises(CatalogueError, match=re.escape(words)) as raised:
        ask(stylist)
    assert "\n" not in str(raised.value)


def test_a_category_that_the_model_never_saw(free, tmp_path):
    _, run, _ = free
    named = {"i50": "Skirts", "i51": "maxi skirt", "i52": "kimono", "i53": "mystery"}
    new = pl.col("item_id").replace_strict(named, default=pl.col("category"))
    group = pl.when(pl.col("item_id") == "i53").then(None).otherwise("group")
    dataset = shop(tmp_path / "data", shop_items().with_columns(category=new, group=group))
    messages: list[str] = []
    stylist = Stylist(build_index(run, dataset, tmp_path / "index", say=messages.append))
    matched = {"Skirts": "skirt", "maxi skirt": "skirt", "kimono": "skirt"}
    assert (stylist.index.info["matched"], stylist.index.info["unmatched"]) == (matched, ["mystery"])
    assert (
        "treated as 'skirt', because the model has not seen them: 'Skirts' (1), 'kimono' (1), 'maxi skirt' (1)"
        in messages
    )
    assert "never offered, because the model has seen nothing like them: 'mystery' (1)" in messages
    # A state is made of the features and the category: that of the category it is taken for.
    rows, earlier_rows = (
        [stylist.index.row_of[item_id] for item_id in named],
        [free[2].row_of[item_id] for item_id in named],
    )
    now, before = (index.scorer.states.hidden for index in (stylist.index, free[2]))
    torch.testing.assert_close(now[rows[:3]], before[earlier_rows[:3]])
    with pytest.raises(CatalogueError, match="never saw the category 'mystery'; choose another slot"):
        stylist.fill(["i0"], "mystery")
    with pytest.raises(CatalogueError, match="item 'i53' is of category 'mystery', which the model run never saw"):
        stylist.judge(["i0", "i53"])
    offered = {look.added[0] for look in stylist.fill(["i0"], "bottom", k=99)}
    assert "i53" not in offered
    assert {"i51", "i52"} & offered or len(offered) == 99


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (
            lambda s: s.fill(["i100"], "boots"),
            "the slot boots does not fit: an outfit has one pair of shoes, this one has one pair of shoes already",
        ),
        (
            lambda s: s.complete(["i0"], slots=["bag", "tote"]),
            "the slots bag, tote do not fit: an outfit has one bag, no more; leave one out",
        ),
        (lambda s: s.complete(["i0", "i60", "i100", "i150"]), "the outfit is complete; name a slot to add to it"),
        (lambda s: s.complete(["i100", "i110"]), "these items do not make an outfit: two pairs of shoes; remove one"),
    ],
)
def test_what_makes_no_outfit_is_refused(strict, ask, words):
    with pytest.raises(CatalogueError, match=re.escape(words)):
        ask(strict)


def test_an_incomplete_outfit_is_not_praised(strict):
    whole, boots = strict.judge_many([["i0", "i60", "i100"], ["i100", "i110"]])
    assert "two pairs of shoes" in boots.findings
    assert (boots.verdict, boots.percentile, boots.probability) == ("incomplete", None, None)
    assert whole.findings == ()
    expected = "strong" if whole.percentile >= 50 else "fine" if whole.percentile >= 20 else "weak"
    assert whole.verdict == expected
    assert explain(strict, ["i100", "i110"]).sentence.startswith("This look is not a valid outfit: it ")


def test_a_model_that_needs_a_top_and_a_bottom(free, tmp_path):
    dataset, _, _ = free
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
