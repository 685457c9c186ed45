"""Items by any of their names, and values in any case."""

import re

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goeswith.data import near_names
from goeswith.data.catalogue import Catalogue
from goeswith.data.filters import Filters
from goeswith.data.near_names import NearNames
from goeswith.data.shelf import shelf
from goeswith.errors import CatalogueError

SHOP = Catalogue(
    pl.DataFrame(
        {
            "item_id": ["coat:navy", "coat:rust", "boots", "9", "tote"],
            "category": ["coat", "coat", "boots", "boots", "bag"],
            "group": ["outer", "outer", "shoes", "shoes", "bag"],
            "colour": ["Navy", "rust", "Black", "black", None],
            "brand": ["ÉTOILE", "Étoile", " Kestrel ", "Tilde", "Tilde"],
            "skus": ["C-S; C-M", "R-1;boots", "B-38; B-39; both", "both", None],
            "product_id": ["coat", "coat", "boot", "B-38", "~tote"],
        }
    )
)

MANY = [f"{word}-{kind}:{colour}" for word in ("linen", "suede", "merino", "velvet", "denim", "poplin", "jersey")
        for kind in ("shirt", "skirt", "trousers", "blazer", "parka", "loafers", "scarf", "anorak", "kilt", "beret")
        for colour in ("navy", "rust", "olive", "ecru", "teal")]  # fmt: skip
NEAR = NearNames(MANY)


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("coat:rust", [1]),
        ("boots", [2]),  # an id, though it is a SKU of another item
        ("C-M", [0]),
        ("R-1", [1]),
        ("B-38", [2]),  # a SKU, though it is another product
        ("both", [2, 3]),
        ("coat", [0, 1]),
        ("boot", [2]),
        ("9", [3]),
    ],
)
def test_an_item_is_its_id_a_sku_or_its_product(name: str, rows: list[int]) -> None:
    arrays = shelf(SHOP)
    assert arrays.named(name) == rows
    if len(rows) == 1:
        assert arrays.rows([name, "tote"]).tolist() == [*rows, 4]
        return
    ids = [SHOP.ids[row] for row in rows]
    words = f"'{name}' is 2 items; name one of them: {', '.join(ids)}"
    with pytest.raises(CatalogueError, match=re.escape(words)) as refusal:
        arrays.rows(["tote", name])
    error = refusal.value
    assert (error.reason, [*error.item_ids], [*error.choices]) == ("ambiguous_item", ids, ids)
    with pytest.raises(CatalogueError, match=re.escape(f"row 7 names {name!r}, which is 2 items")):
        arrays.row(name, "row 7")


@pytest.mark.parametrize(
    ("name", "meant", "choices"),
    [
        ("nobody", "check the id", []),
        ("", "check the id", []),
        ("  ", "check the id", []),
        ("c-n", "did you mean 'C-S' or 'C-M'?", ["coat:navy"]),
        ("~tote", "did you mean 'tote'?", ["tote"]),
        ("coat:nvay", "did you mean 'coat:navy'?", ["coat:navy"]),
        ("xoat:rust", "did you mean 'coat:rust'?", ["coat:rust"]),
        ("bot", "did you mean 'both', 'boot' or 'boots'?", ["boots", "9"]),
        ("coat:", "did you mean 'coat', 'coat:rust' or 'coat:navy'?", ["coat:navy", "coat:rust"]),
    ],
)
def test_what_names_no_item_is_refused_with_the_nearest_names(name: str, meant: str, choices: list[str]) -> None:
    with pytest.raises(CatalogueError) as refusal:
        shelf(SHOP).row(name)
    assert str(refusal.value) == f"the catalogue has no item {name!r}; {meant}"
    error = refusal.value
    assert (error.reason, error.item_ids, [*error.choices]) == ("unknown_item", (name,), choices)
    with pytest.raises(
        CatalogueError, match=re.escape(f"row 7 names item {name!r}, which the catalogue does not have;")
    ):
        shelf(SHOP).rows([name], "row 7")


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("c-m", [0]),
        (" C-M ", [0]),
        ("Coat:Navy", [0]),
        ("BOOTS", [2]),  # an id, though it is a SKU of another item
        ("b-38", [2]),
        (" Both", [2, 3]),
        ("COAT", [0, 1]),
        ("Boot", [2]),
        ("tote ", [4]),
        ("~TOTE", []),
        ("", []),
    ],
)
def test_a_name_in_another_case_is_taken(name: str, rows: list[int]) -> None:
    arrays = shelf(SHOP)
    assert arrays.meant(name) == rows
    if len(rows) == 1:
        assert arrays.row(name) == rows[0]
        assert arrays.other_names(pl.Series(["tote", name]), str) == {name: SHOP.ids[rows[0]]}
        assert np.flatnonzero(~Filters(exclude=(name,)).rows(SHOP)).tolist() == rows
    elif rows:
        assert arrays.named(name) == rows  # of one product, or of one SKU
        with pytest.raises(CatalogueError, match=re.escape(f"{name!r} is 2 items; name one of them: ")):
            arrays.row(name)


def test_names_that_differ_in_case_alone_are_told_apart() -> None:
    names = {"item_id": ["A1", "a1", "b", "c", "ﬁt"], "category": "tee", "skus": ["x", "X", "s-1", "B", "S-1; s-2"]}
    arrays = shelf(Catalogue(pl.DataFrame(names)))
    assert [arrays.named(name) for name in ("A1", "a1", "x", "X", "S-2", "ﬁT")] == [[0], [1], [0], [1], [4], [4]]
    assert [arrays.named(name) for name in ("b", "B", "s-1", "S-1")] == [[2], [3], [2], [4]]
    for name, ids in {" A1": ["a1", "A1"], " X": ["A1", "a1"], "b ": ["b", "c"], "S-1 ": ["b", "ﬁt"]}.items():
        words = re.escape(f"{name!r} is 2 items; name one of them: {', '.join(ids)}")
        for refused in (arrays.named, arrays.row):
            with pytest.raises(CatalogueError, match=f"^{words}$") as refusal:
                refused(name)
            assert (refusal.value.reason, [*refusal.value.choices]) == ("ambiguous_item", ids)
        with pytest.raises(CatalogueError, match=re.escape(f"the filter exclude names {name!r}, which is 2 items")):
            Filters(exclude=(name,)).among(arrays)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_typing_error_finds_the_name_among_many(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(MANY))
    at = data.draw(st.integers(0, len(name) - 1))
    wrong = data.draw(
        st.sampled_from(
            [name[:at] + name[at + 1 :], name[:at] + "_" + name[at:], name[:at] + "_" + name[at + 1 :],
             name[:at] + name[at : at + 2][::-1] + name[at + 2 :], name.upper(), f" {name} "]
        )
    )  # fmt: skip
    if wrong not in MANY:
        assert name in NEAR.near(wrong)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_of_very_many_names_those_that_begin_or_end_alike_are_looked_through(data: st.DataObject) -> None:
    """A typing error at one end is found from the other, and nothing is proposed that is not a name."""
    name = data.draw(st.sampled_from(MANY))
    at = data.draw(st.sampled_from([0, 1, len(name) - 2, len(name) - 1]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near_names, "SORTED", 8)
        near = NearNames(MANY, ["further"])
        assert name in near.near(f"{name[:at]}_{name[at + 1 :]}")
        assert set(near.near(name[at:], most=9)) <= {*MANY, "further"}
        assert near.near("~~~") == []


def test_a_name_of_very_many_items_lists_some() -> None:
    items = pl.DataFrame({"item_id": [f"tee:{n}" for n in range(20)], "category": "tee", "product_id": "tee"})
    with pytest.raises(CatalogueError, match=r"is 20 items; name one of them: tee:0, .*, tee:7 and 12 more$"):
        shelf(Catalogue(items)).row("tee")


def test_a_product_is_excluded_whole() -> None:
    passed = Filters(exclude=("coat", "B-38")).rows(SHOP)
    assert passed.tolist() == [False, False, False, True, True]


@pytest.mark.parametrize(
    ("filters", "rows"),
    [
        ({"colours": ("black",)}, [2, 3]),
        ({"colours": ("BLACK", " navy ")}, [0, 2, 3]),
        ({"brands": ("étoile",)}, [0, 1]),
        ({"brands": ("kestrel",)}, [2]),
        ({"groups": ("Shoes",), "categories": ("BOOTS",)}, [2, 3]),
    ],
)
def test_the_case_of_a_value_does_not_matter(filters: dict[str, tuple[str, ...]], rows: list[int]) -> None:
    chosen = Filters(**filters)  # type: ignore[arg-type]
    assert np.flatnonzero(chosen.rows(SHOP)).tolist() == rows
    written = chosen.spelled(shelf(SHOP))
    columns = {"colours": "colour", "brands": "brand", "groups": "group", "categories": "category"}
    for name, column in columns.items():
        assert set(getattr(written, name)) <= {*SHOP.items[column]}
    assert np.flatnonzero(written.rows(SHOP)).tolist() == rows


def test_values_are_shown_as_the_shop_writes_them() -> None:
    arrays = shelf(SHOP)
    shown = [arrays.spelled("colour", value) for value in ("black", "Black", "NAVY", "pink", "")]
    assert shown == ["black", "Black", "Navy", "pink", ""]
    assert arrays.spelled("no column", "x") == "x"
    with pytest.raises(CatalogueError, match="no item has the colour 'blak'; did you mean"):
        Filters(colours=("blak",)).rows(SHOP)
