"""Completion: whole looks around what is there, against trying every look."""

import re

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shops import ids_where, naive_looks, of, products, shop, shop_items

import goeswith.shop.completion
from goeswith.data.dataset import Dataset
from goeswith.data.filters import Filters
from goeswith.errors import CatalogueError
from goeswith.shop.build import build_index
from goeswith.shop.grammar import Grammar
from goeswith.shop.stylist import Stylist

FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_complete_ranks_as_scoring_every_look_does(stylist, exhaustive):
    index = stylist.index
    summer = (pl.col("season") == "summer") & (pl.col("colour") == "black") & pl.col("price").is_not_null()
    slots = [ids_where(index, summer & (pl.col("group") == group)) for group in ("shoes", "bag", "shoes")]
    filters = Filters(seasons=("summer",), colours=("black",), price_max=1e6)
    for budget in (None, 230.0):
        expected = naive_looks(index, ["i0"], slots, budget)
        looks = stylist.complete(
            ["i0"], slots=["shoes", "bag", "boots"], filters=filters, k=6, beam=10_000, budget=budget
        )
        best = sorted(expected.values())[::-1][:6]
        np.testing.assert_allclose([look.score for look in looks], best, rtol=1e-5)
        assert {frozenset(look.item_ids) for look in looks} <= {frozenset(ids) for ids in expected}
        assert not looks[0].notes


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


def answer(stylist: Stylist, anchors: list[str], **options) -> tuple[list, str]:
    """Looks, or why there are none."""
    try:
        return stylist.complete(anchors, **options), ""
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
    request = {"slots": slots, "filters": filters, "budget": budget, "diversity": diversity, "beam": beam, "k": 4}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(goeswith.shop.completion, "FULL", full)
        patch.setattr(goeswith.shop.completion, "STEP", full)
        looks, refused = answer(stylist, anchors, **request)
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


def test_a_budget_holds_where_the_beam_spends_too_much(stylist):
    """Two slots share their cheapest item: the sum of least prices is too hopeful, and the one look left is found."""
    index = stylist.index
    priced = ids_where(index, (pl.col("group") == "bag") & pl.col("price").is_not_null())
    cheap = sorted(priced, key=lambda item_id: of(index, [item_id], "price")[0])[:3]
    exclude = tuple(item_id for item_id in priced if item_id not in cheap)
    budget = sum(of(index, [*cheap[:2], "i0"], "price"))
    looks = stylist.complete(["i0"], slots=["bag", "tote"], filters=Filters(exclude=exclude), budget=budget, beam=1)
    assert sorted(looks[0].added) == sorted(cheap[:2])


def test_a_thin_catalogue_says_so(stylist):
    index = stylist.index
    bags = ids_where(index, pl.col("group") == "bag")
    only = Filters(exclude=tuple(bag for bag in bags if bag not in ("i145", "i165")))
    thin_looks = stylist.fill(["i0"], "bag", filters=only, k=5)
    assert len(thin_looks) == 2
    assert thin_looks[0].notes == ("not enough items: only 2 of 5 looks can be made from what fits",)
    looks = stylist.complete(["i0"], slots=["bag", "tote", "bag"], filters=only, k=1)
    assert looks[0].notes == ("not enough items: no further bag fits the filters, so the look has one item fewer",)
    assert sorted(looks[0].added) == ["i145", "i165"]
    none = Filters(exclude=tuple(bags))
    looks = stylist.complete(["i0"], slots=["bag", "shoes"], filters=none, k=2)
    assert of(index, looks[0].added, "group") == ["shoes"]
    assert "not enough items: no bag fits the filters, so the look has none; 48 would without it" in looks[0].notes
    with pytest.raises(
        CatalogueError, match=r"no item fits: bag with the filters exclude=48 items; widen.*: 48 would "
    ):
        stylist.fill(["i0"], "bag", filters=none)


def test_diversity_trades_score_for_difference(stylist):
    index = stylist.index

    def likeness(looks):
        rows = np.array([[index.row_of[item_id] for item_id in look.added] for look in looks])
        directions = index.directions(rows.ravel()).view(len(rows), -1).numpy()
        return (directions @ directions.T)[np.triu_indices(len(rows), 1)].mean()

    plain, varied = (stylist.complete(["i0"], slots=["shoes", "bag"], k=5, diversity=d) for d in (0.0, 0.8))
    assert likeness(varied) < likeness(plain)
    assert np.mean([look.score for look in varied]) <= np.mean([look.score for look in plain])


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


def test_a_shop_without_outfits_has_looks_by_the_usual_grammar(free, tmp_path):
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
    stylist = Stylist(build_index(free[1], Dataset(dataset.path), tmp_path / "index"))
    index = stylist.index
    assert (index.grammar, index.correction, index.scale) == (Grammar.default(), None, None)
    # The model knows no accessory and none of its categories; it knows what to do with all the rest.
    assert index.info["unmatched"] == ["belt", "scarf"]
    for look in stylist.complete(["i0"], k=3):
        assert sorted(of(index, look.item_ids, "group")) == ["bag", "bottom", "shoes", "top"]
        assert look.verdict == ""
    assert stylist.judge(["i100", "i110"]).findings == ("needs a top and a bottom (or a dress)", "two pairs of shoes")
