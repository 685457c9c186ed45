"""Stylist: items by any of their names, slots in any case."""

import polars as pl
import pytest
from shops import shop

from goeswith.data.filters import Filters
from goeswith.errors import CatalogueError
from goeswith.shop.build import build_index
from goeswith.shop.explain import explain
from goeswith.shop.looks import anchors_for
from goeswith.shop.stylist import Stylist


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
    assert s.judge(names) == s.judge(ids) == s.judge(["SHIRT", "s-i60", " I100"])
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
    with pytest.raises(CatalogueError, match="'jeans' is 2 items; name one of them: i60, i61"):
        s.fill(["jeans"], "shoes")
    with pytest.raises(CatalogueError, match="the outfit names item 'i0' twice"):
        s.judge(["i0", "shirt"])
