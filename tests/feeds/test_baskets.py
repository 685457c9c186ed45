"""Outfits from orders, wish lists and sets; against naive counts."""

import math
from dataclasses import replace
from itertools import combinations

import exports
import numpy as np
import polars as pl
import pytest
from folders import write
from hypothesis import given, settings
from hypothesis import strategies as st

from goeswith.data.baskets import LARGEST, excess, outfits_of, read_baskets, read_sets
from goeswith.data.importing import import_data
from goeswith.data.outfits import Outfits
from goeswith.data.pairs import tops_and_bottoms
from goeswith.data.readers import read
from goeswith.data.shuffle import shuffled_items
from goeswith.errors import DataError

GROUP = {
    "coat": "outer",
    "skirt": "bottom",
    "jeans": "bottom",
    "scarf": "accessory",
    "hat": "accessory",
    "mug": "other",
}


def lines(baskets):
    return pl.DataFrame(
        [(str(n), item) for n, basket in enumerate(baskets) for item in basket],
        schema=["basket", "item_id"],
        orient="row",
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sets(st.sampled_from(sorted(GROUP)), min_size=1), min_size=1, max_size=12))
def test_excess_is_what_a_loop_counts(baskets):
    counted = {
        (first, second): (n, weight) for first, second, n, _, weight in excess(lines(baskets), GROUP).iter_rows()
    }
    naive = {}
    for first, second in combinations(sorted(GROUP), 2):
        together = sum({first, second} <= basket for basket in baskets)
        same = GROUP[first] == GROUP[second] != "accessory"
        if together and not same and "other" not in (GROUP[first], GROUP[second]):
            expected = (
                sum(first in basket for basket in baskets) * sum(second in basket for basket in baskets) / len(baskets)
            )
            naive[first, second] = (together, pytest.approx(math.log((together + 1) / (expected + 1))))
    assert counted == naive


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sets(st.sampled_from(sorted(GROUP)), min_size=1), min_size=1, max_size=12))
def test_outfits_are_parts_of_their_baskets_of_pairs_that_exceed_chance(baskets):
    weights = {(first, second): weight for first, second, _, _, weight in excess(lines(baskets), GROUP).iter_rows()}
    made = outfits_of(lines(baskets), GROUP, "orders")
    for outfit_id, items, source, weight in made.outfits.iter_rows():
        assert source == "orders"
        mean = sum(weights[pair] for pair in combinations(sorted(items), 2)) / math.comb(len(items), 2)
        assert weight == pytest.approx(1 - math.exp(-mean))
        assert set(items) <= baskets[int(outfit_id.removeprefix("orders-"))]
        assert len(set(items)) == len(items) >= 2
        assert all(weights[pair] > 0 for pair in combinations(sorted(items), 2))
    assert len(made.outfits) + made.skipped["orders: baskets in which no two items go together"] == len(baskets)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sets(st.sampled_from([f"i{n}" for n in range(9)]), min_size=2), min_size=3, max_size=15))
def test_outfits_grow_as_in_a_loop_over_baskets(baskets):
    groups = {f"i{n}": kind for n, kind in enumerate(("top", "bottom", "shoes", *["accessory"] * 6))}
    weights = {(first, second): weight for first, second, _, _, weight in excess(lines(baskets), groups).iter_rows()}
    grown = {}
    for number, basket in enumerate(baskets):
        pairs = {pair: weights[pair] for pair in combinations(sorted(basket), 2) if weights.get(pair, 0) > 0}
        if not pairs:
            continue
        worn = list(min(pairs, key=lambda pair: (-pairs[pair], pair)))
        while True:
            mean = {}
            for item in sorted(basket - set(worn)):
                values = [pairs.get((min(item, other), max(item, other)), 0.0) for other in worn]
                if min(values) > 0:
                    mean[item] = round(sum(values) / len(values), 12)
            if not mean:
                break
            worn.append(max(mean, key=lambda item: (mean[item], item)))
        grown[f"orders-{number}"] = worn
    made = outfits_of(lines(baskets), groups, "orders")
    assert {outfit_id: items for outfit_id, items, *_ in made.outfits.iter_rows()} == grown


def test_bestsellers_are_no_outfits_and_pairs_bought_together_are():
    baskets = [{"coat", "skirt", "jeans"}] * 20 + [{"hat", "jeans"}] * 50 + [{"scarf", "jeans"}] * 50
    made = outfits_of(lines(baskets), GROUP, "orders")  # jeans are in every basket, with nothing more than by chance
    assert [sorted(items) for _, items, *_ in made.outfits.iter_rows()] == [["coat", "skirt"]] * 20
    assert made.skipped == {"orders: baskets in which no two items go together": 100}


def test_lines_that_are_not_known_are_dropped_and_their_orders_kept(tmp_path):
    many = "".join(f"big,i{number}\n" for number in range(LARGEST + 1))
    rows = "1,SKU1\n1,strange\n1,S2\n2,SKU1\n2,S2\n2,S2\n3,strange\n"
    write(tmp_path, {"o.csv": f"Order ID,Lineitem SKU\n{rows}{many}"})
    item_of = {"SKU1": "coat", "S2": "skirt", **{f"i{number}": f"i{number}" for number in range(LARGEST + 1)}}
    group = {**GROUP, **{f"i{number}": "top" for number in range(LARGEST + 1)}}
    made = read_baskets([tmp_path / "o.csv"], item_of, group, "orders")
    assert [items for _, items, *_ in made.outfits.iter_rows()] in ([["coat", "skirt"]] * 2, [])
    assert made.skipped["o.csv: lines whose item the catalogue does not have"] == 2
    assert made.skipped[f"o.csv: baskets of more than {LARGEST} items"] == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sku,worn_with\na,b; c\nb,a c\nd,nothing\n", [["a", "b", "c"]]),
        ('sku,Worn with\na,"b,c"\n', [["a", "b", "c"]]),
        ("set_id,sku\n1,a\n1,b\n2,c\n", [["a", "b"]]),
        ("set_id,items\n1,a|b\n2,b c strange\n", [["a", "b"], ["b", "c"]]),
    ],
)
def test_sets_in_every_form(text, expected, tmp_path):
    write(tmp_path, {"sets.csv": text})
    made = read_sets(tmp_path / "sets.csv", {name: name for name in "abcd"})
    assert made.outfits["item_ids"].to_list() == expected
    assert set(made.outfits["source"]) == {"sets"}
    assert set(made.outfits["weight"]) == {1.0}


def test_a_table_of_another_form_is_refused(tmp_path):
    write(tmp_path, {"o.csv": "when,what\n1,2\n", "s.csv": "worn_with,text\n1,2\n"})
    with pytest.raises(DataError, match="no columns 'order_id' and 'sku'"):
        read_baskets([tmp_path / "o.csv"], {}, {}, "orders")
    with pytest.raises(DataError, match="no column 'item_id'"):
        read_sets(tmp_path / "s.csv", {})


def test_a_thousand_items_with_orders_and_wish_lists(tmp_path):
    shop = exports.products(300)
    exports.shopify(shop, tmp_path / "products_export_1.csv")
    exports.write_rows(tmp_path / "orders.csv", ["Name", "Lineitem sku"], [
        {"Name": order, "Lineitem sku": sku} for order, sku in exports.orders(shop, 400)
    ])  # fmt: skip
    exports.write_rows(tmp_path / "wishes.csv", ["wishlist_id", "sku"], [
        {"wishlist_id": order, "sku": sku} for order, sku in exports.orders(shop, 100, seed=1)
    ])  # fmt: skip
    imported = read("shopify", tmp_path, workdir=tmp_path)
    assert set(imported.outfits["source"]) == {"orders", "wishes"}
    assert imported.outfits["outfit_id"].is_unique().all()
    assert imported.skipped["orders.csv: lines whose item the catalogue does not have"] == 1
    colours = imported.outfits["item_ids"].list.eval(pl.element().str.split(":").list.last()).list.n_unique()
    assert (colours == 1).all()  # as the orders were made


def test_own_tables_take_orders_too(tmp_path):
    write(tmp_path, {
        "items.csv": "item_id,category,product_id\na,coat,p1\nb,skirt,p2\nc,hat,p2\n",
        "orders.csv": "order_id,sku\n1,p1\n1,b\n2,a\n2,b\n3,c\n4,c\n5,p2\n",
    })  # fmt: skip
    imported = read("table", tmp_path, workdir=tmp_path)
    assert imported.outfits["item_ids"].list.sort().to_list() == [["a", "b"], ["a", "b"]]
    assert imported.outfits["weight"].is_between(0, 1, closed="none").all()
    assert imported.skipped["orders.csv: lines whose item the catalogue does not have"] == 1  # p2 is two items


def test_weights_of_outfits_are_kept_by_a_data_set_and_all_that_is_made_of_it(tmp_path):
    write(tmp_path / "shop", {
        "items.csv": "item_id,category\n" + "".join(f"shirt{n},shirt\nskirt{n},skirt\n" for n in range(9)),
        "outfits.csv": "outfit_id,item_id,count,split\n" + "".join(
            f"{n},shirt{n},{'' if n == 8 else n + 1},train\n{n},skirt{n},,train\n" for n in range(9)),
    })  # fmt: skip
    options = {"columns": {"weight": "count"}}
    dataset = import_data("table", tmp_path / "shop", tmp_path / "data", options=options).dataset
    outfits = dataset.outfits
    expected = {f"{n}": n + 1.0 for n in range(8)} | {"8": 1.0}
    assert dict(zip(outfits.outfit_ids, outfits.weights, strict=True)) == expected
    pairs = tops_and_bottoms(outfits.take([3, 4]), dataset.catalogue)
    assert pairs.weights.tolist() == [4.0, 5.0] == shuffled_items(pairs, dataset.catalogue, 0).weights.tolist()
    usable = np.ones(len(dataset.catalogue), bool)
    usable[outfits[0][0]] = False
    assert outfits.keep(usable)[0].weights.tolist() == outfits.weights[1:].tolist()
    alike = replace(outfits, weights=None)
    assert alike.fingerprint != outfits.fingerprint == outfits.take(np.arange(9)).fingerprint
    assert "weight" not in alike.to_frame(dataset.catalogue).columns
    write(tmp_path / "shop", {"outfits.csv": "outfit_id,item_ids,count\n1,shirt0;skirt0,2\n2,shirt1;skirt1,-1\n"})
    with pytest.raises(DataError, match=r"outfits\.csv, row 3: weight '-1' is not a number above 0; correct it"):
        import_data("table", tmp_path / "shop", tmp_path / "bad", options=options)
    frame = outfits.to_frame(dataset.catalogue).with_columns(weight=pl.lit(float("nan")))
    with pytest.raises(DataError, match="row 1: outfit '0' has weight nan; give it one above 0"):
        Outfits.from_frame(frame, dataset.catalogue)
