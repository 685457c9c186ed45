"""Outfits from orders, wish lists and sets; against naive counts."""

import math
from itertools import combinations

import exports
import polars as pl
import pytest
from folders import write
from hypothesis import given, settings
from hypothesis import strategies as st

from goeswith.data.baskets import LARGEST, excess, outfits_of, read_baskets, read_sets
from goeswith.data.readers import read
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
    counted = {(one, other): (n, weight) for one, other, n, _, weight in excess(lines(baskets), GROUP).iter_rows()}
    naive = {}
    for one, other in combinations(sorted(GROUP), 2):
        together = sum({one, other} <= basket for basket in baskets)
        same = GROUP[one] == GROUP[other] != "accessory"
        if together and not same and "other" not in (GROUP[one], GROUP[other]):
            expected = (
                sum(one in basket for basket in baskets) * sum(other in basket for basket in baskets) / len(baskets)
            )
            naive[one, other] = (together, pytest.approx(math.log((together + 1) / (expected + 1))))
    assert counted == naive


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sets(st.sampled_from(sorted(GROUP)), min_size=1), min_size=1, max_size=12))
def test_outfits_are_parts_of_their_baskets_of_pairs_that_exceed_chance(baskets):
    weights = {(one, other): weight for one, other, _, _, weight in excess(lines(baskets), GROUP).iter_rows()}
    made = outfits_of(lines(baskets), GROUP, "orders")
    for outfit_id, items, source in made.outfits.iter_rows():
        assert source == "orders"
        assert set(items) <= baskets[int(outfit_id.removeprefix("orders-"))]
        assert len(set(items)) == len(items) >= 2
        assert all(weights[pair] > 0 for pair in combinations(sorted(items), 2))
    assert len(made.outfits) + made.skipped["orders: baskets without such a pair"] == len(baskets)


def test_bestsellers_are_no_outfits_and_pairs_bought_together_are():
    baskets = [{"coat", "skirt", "jeans"}] * 20 + [{"hat", "jeans"}] * 50 + [{"scarf", "jeans"}] * 50
    made = outfits_of(lines(baskets), GROUP, "orders")  # jeans are in every basket, with nothing more than by chance
    assert [sorted(items) for _, items, _ in made.outfits.iter_rows()] == [["coat", "skirt"]] * 20
    assert made.skipped == {"orders: baskets without such a pair": 100}


def test_lines_that_are_not_known_are_dropped_and_their_orders_kept(tmp_path):
    many = "".join(f"big,i{number}\n" for number in range(LARGEST + 1))
    rows = "1,SKU1\n1,strange\n1,S2\n2,SKU1\n2,S2\n2,S2\n3,strange\n"
    write(tmp_path, {"o.csv": f"Order ID,Lineitem SKU\n{rows}{many}"})
    item_of = {"SKU1": "coat", "S2": "skirt", **{f"i{number}": f"i{number}" for number in range(LARGEST + 1)}}
    group = {**GROUP, **{f"i{number}": "top" for number in range(LARGEST + 1)}}
    made = read_baskets(tmp_path / "o.csv", item_of, group, "orders")
    assert [items for _, items, _ in made.outfits.iter_rows()] in ([["coat", "skirt"]] * 2, [])
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


def test_a_table_of_another_form_is_refused(tmp_path):
    write(tmp_path, {"o.csv": "when,what\n1,2\n", "s.csv": "worn_with,text\n1,2\n"})
    with pytest.raises(DataError, match="no column 'order_id' and 'sku'"):
        read_baskets(tmp_path / "o.csv", {}, {}, "orders")
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
    assert imported.skipped["orders.csv: lines whose item the catalogue does not have"] == 1  # p2 is two items
