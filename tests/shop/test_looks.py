"""Looks of a catalogue: the best there are, spread over it, and written as they are."""

import json
from collections import Counter

import numpy as np
import polars as pl
import pytest
from shops import indexed, naive_looks, shop_items

from goeswith.data.filters import Filters
from goeswith.errors import CatalogueError, DataError
from goeswith.shop.beam import grow_many
from goeswith.shop.grammar import Grammar
from goeswith.shop.index import Index
from goeswith.shop.looks import Maker, anchors_for, spread_of, table, write
from goeswith.shop.looks_page import sample_looks
from goeswith.shop.stylist import Stylist


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """A shop of tops, bottoms, shoes and bags; nothing of it may be changed."""
    return indexed(tmp_path_factory.mktemp("shop"))[2]


@pytest.fixture(scope="module")
def stylist(index):
    return Stylist(index)


def test_looks_around_many_are_the_best_around_each(index):
    plain = Index(index.path)
    plain.correction, plain.grammar = None, Grammar.free()
    stylist, anchors = Stylist(plain), ["i0", "i5", "i33"]
    rows = plain.shelf.rows(anchors)
    template, _ = stylist.assortment.template(rows[:1], ["shoes", "bag"], Filters(colours=("black",)), None)
    banned = np.full((3, 1), -1)
    first = grow_many(plain, template, rows, 999, 999, 20, banned)
    slots = [[plain.catalogue.ids[row] for row in slot] for slot in template.slots]
    for at, anchor in enumerate(anchors):
        expected = naive_looks(plain, [anchor], slots)
        mine = first.owner == at
        np.testing.assert_allclose(first.scores[mine], sorted(expected.values())[::-1][:20], rtol=1e-5)
    banned[1] = plain.shelf.products[first.items[first.owner == 1][0, 1]]
    second = grow_many(plain, template, rows, 999, 999, 20, banned)
    assert banned[1, 0] not in plain.shelf.products[second.items[second.owner == 1][:, 1:]]
    np.testing.assert_array_equal(first.items[first.owner == 2], second.items[second.owner == 2])
    shoes = np.unique(plain.shelf.products[template.slots[0]])
    nothing = grow_many(plain, template, rows, 999, 999, 20, np.tile(shoes, (3, 1)))
    assert nothing.items.shape == (0, first.items.shape[1])  # as wide as whole looks, to be joined with others


def test_any_two_looks_have_one_piece_in_common_at_most(index, stylist):
    products = dict(zip(index.catalogue.ids, index.shelf.products.tolist(), strict=True))
    made = [look for looks in Maker(stylist).looks(anchors_for(stylist, (), 8, 3), 1).values() for look in looks]
    product_sets = [{products[item_id] for item_id in look.item_ids} for look in made]
    assert len(made) == 8
    assert all(len(look & other) <= 1 for at, look in enumerate(product_sets) for other in product_sets[:at])
    sampled = [{products[item_id] for item_id in look.item_ids} for look in sample_looks(stylist, 6).looks]
    counts = Counter(piece for pieces in sampled for piece in pieces)
    assert len(sampled) == 6
    assert max(counts.values()) <= 2
    assert all(len(look & other) <= 1 for at, look in enumerate(sampled) for other in sampled[:at])


def test_sampled_looks_are_of_what_is_in_stock(index):
    own = Index(index.path)
    some = sample_looks(Stylist(own), 6).looks
    sold_out = {item_id for look in some for item_id in look.item_ids[:2]}
    own = Index(index.path)
    vars(own.shelf)["stock"] = np.array([item_id not in sold_out for item_id in own.catalogue.ids])
    looks = sample_looks(Stylist(own), 6).looks
    assert len(looks) == 6
    assert not sold_out & {item_id for look in looks for item_id in look.item_ids}


@pytest.mark.parametrize("cap", [None, 3])
def test_looks_are_whole_differ_and_are_spread(index, stylist, cap):
    anchors = anchors_for(stylist, ["group=top,shoes"], 24, seed=1)
    done: list[tuple[int, int]] = []
    made = Maker(stylist, cap=cap).looks(anchors, 3, lambda *counts: done.append(counts))
    assert list(made) == anchors.tolist()
    assert done[-1] == (24, 24)
    products = dict(zip(index.catalogue.ids, index.shelf.products.tolist(), strict=True))
    groups = dict(index.catalogue.items.select("item_id", "group").iter_rows())
    seasons = dict(index.catalogue.items.select("item_id", "season").iter_rows())
    offers: Counter[int] = Counter()
    added = []
    for row, looks in made.items():
        assert cap or len(looks) == 3
        for look in looks:
            assert look.item_ids[0] == index.catalogue.ids[row]
            assert sorted(groups[item_id] for item_id in look.item_ids) == ["bag", "bottom", "shoes", "top"]
            assert {seasons[item_id] for item_id in look.item_ids} == {seasons[look.item_ids[0]]}
            assert look.findings == ()
            offers.update(products[item_id] for item_id in look.added)
            added.append({products[item_id] for item_id in look.added})
    # Neither two looks around one item nor any two of all have two of their three added pieces in common.
    assert all(len(pieces & other) <= 1 for at, pieces in enumerate(added) for other in added[:at])
    # 48 items of a group, each with two variants more: 72 looks are 1.5 an item, four times that is 6.
    assert max(offers.values()) <= (cap or 6)


def test_no_look_of_a_catalogue_lies_within_another(index, monkeypatch):
    """Neither one of fewer slots in a larger one, nor the same one around another of its pieces."""
    stylist = Stylist(Index(index.path))
    products = dict(zip(index.catalogue.ids, index.shelf.products.tolist(), strict=True))
    slots = {"top": ["bottom"], "shoes": ["top", "bottom"], "bottom": ["top"], "bag": ["top", "bottom", "shoes"]}

    def whole(rows, k):
        return [(slots[index.shelf.values("group", rows)[0]], k)]

    monkeypatch.setattr(stylist.assortment, "whole", whole)
    made = Maker(stylist, Filters(seasons=("summer",))).looks(anchors_for(stylist, ["season=summer"], 16, 0), 1)
    product_sets = [{products[item_id] for item_id in look.item_ids} for looks in made.values() for look in looks]
    assert {len(pieces) for pieces in product_sets} == {2, 3, 4}
    assert not any(
        first <= second
        for at, first in enumerate(product_sets)
        for number, second in enumerate(product_sets)
        if at != number
    )


def test_looks_of_one_answer_do_not_lie_within_each_other(index, monkeypatch):
    stylist = Stylist(Index(index.path))
    products = dict(zip(index.catalogue.ids, index.shelf.products.tolist(), strict=True))
    monkeypatch.setattr(stylist.assortment, "whole", lambda rows, k: [(["bottom", "bag"], 4), (["bag"], 4)])
    looks = stylist.complete(["i0"], k=8, common=None)
    added = [{products[item_id] for item_id in look.added} for look in looks]
    assert {1, 2} == {len(pieces) for pieces in added}
    assert not any(
        first <= second for at, first in enumerate(added) for number, second in enumerate(added) if at != number
    )


def test_looks_of_two_kinds_around_one_item_differ_as_those_of_one_do(index, monkeypatch):
    """As looks with a dress and looks with separates do, which share shoes and bags."""
    stylist = Stylist(Index(index.path))
    products = dict(zip(index.catalogue.ids, index.shelf.products.tolist(), strict=True))

    def most_in_common(looks):
        added = [{products[item_id] for item_id in look.added} for look in looks]
        return max(len(pieces & others) for nth, pieces in enumerate(added) for others in added[:nth])

    shoes = index.shelf.having("group", ["shoes"]).nonzero()[0][:8]
    kinds = [(["top", "bottom", "bag"], 2), (["bottom", "bag"], 2)]
    monkeypatch.setattr(stylist.assortment, "whole", lambda rows, k: kinds)
    for row in shoes[:4]:
        anchor = index.catalogue.ids[row]
        looks = stylist.complete([anchor], k=4)
        assert [len(look.added) for look in looks] == [3, 2, 3, 2]
        assert most_in_common(looks) == 1
        assert len(stylist.complete([anchor], k=4, common=None)) == 4
    thin = stylist.complete([anchor], k=300)
    assert 4 < len(thin) < 300
    assert {look.notes[-1] for look in thin} == {
        f"not enough items: only {len(thin)} of 300 looks can be made from what fits"
    }

    large = [(["top", "bottom", "bag", "bag", "bag"], 2), (["bottom", "bag", "bag", "bag"], 2)]
    monkeypatch.setattr(stylist.assortment, "whole", lambda rows, k: large)
    made = Maker(stylist, cap=99).looks(shoes, 4)
    assert min(map(len, made.values())) > 1
    assert max(map(most_in_common, made.values())) == 1


def test_the_table_says_what_the_catalogue_knows(stylist, index, tmp_path):
    made = Maker(stylist).looks(index.shelf.rows(["i0", "i60"]), 2)
    looks = [look for own in made.values() for look in own]
    written = table(stylist, looks)
    assert len(written) == sum(len(look.item_ids) for look in looks)
    first = written.filter(pl.col("look") == 3)
    assert first["anchor"].unique().to_list() == ["i60"]
    assert first["group"].to_list() == ["bottom", "top", "shoes", "bag"]  # the anchor, then from the top down
    prices = dict(index.catalogue.items.select("item_id", "price").iter_rows())
    assert first["price"].to_list() == [prices[item_id] for item_id in first["item_id"]]
    for name in ("looks.csv", "looks.json", "upper.CSV", "upper.JSON"):
        write(written, tmp_path / name)
    for ending in ("csv", "json"):
        same = (tmp_path / f"looks.{ending}").read_bytes()
        assert (tmp_path / f"upper.{ending.upper()}").read_bytes() == same
    assert pl.read_csv(tmp_path / "looks.csv")["item_id"].to_list() == written["item_id"].to_list()
    read = json.loads((tmp_path / "looks.json").read_text())
    assert [item["item_id"] for item in read[2]["items"]] == first["item_id"].to_list()
    assert read[2]["look_price"] == looks[2].price
    with pytest.raises(DataError, match=r"neither \.csv nor \.json"):
        write(written, tmp_path / "looks.xml")
    assert spread_of(stylist, looks).startswith("4 looks use ")
    assert spread_of(stylist, []) == "no look was made"
    assert table(stylist, []).is_empty()


def test_anchors_are_drawn_by_seed_of_those_that_are_wanted(stylist, index):
    summer = anchors_for(stylist, ["group=top", "season=summer"], None, 0)
    expected = shop_items().filter((pl.col("group") == "top") & (pl.col("season") == "summer"))["item_id"]
    assert {index.catalogue.ids[row] for row in summer} == set(expected)
    draws = [anchors_for(stylist, (), 9, seed).tolist() for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]
    assert anchors_for(stylist, ["GROUP=top", " Season=Summer"], None, 0).tolist() == summer.tolist()
    for wanted, words in (
        ("group", "'group' is not a COLUMN=VALUE of the catalogue; write such as group=dress"),
        ("shape=round", "'shape=round' is not a COLUMN=VALUE of the catalogue; there are: item_id"),
        ("Grupp=top", "'Grupp=top' is not a COLUMN=VALUE of the catalogue; did you mean 'group'?"),
        ("group=tops", "no item has the group 'tops'; did you mean 'top'?"),
    ):
        with pytest.raises(CatalogueError, match=words):
            anchors_for(stylist, [wanted], None, 0)
    with pytest.raises(CatalogueError, match="no look can be made around an item with group=top and category=boots"):
        anchors_for(stylist, ["group=top", "category=boots"], None, 0)
