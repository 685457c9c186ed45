"""Random looks: coherent, whole, of any item as often as of any other, and the same for the same seed."""

from collections import Counter

import pytest
from served import ODD, VARIANTS, make_index

from goeswith.errors import CatalogueError
from goeswith.shop.index import Index
from goeswith.shop.random_looks import random_looks
from goeswith.shop.stylist import Stylist


@pytest.fixture(scope="module")
def stylist(tmp_path_factory: pytest.TempPathFactory) -> Stylist:
    folder = tmp_path_factory.mktemp("served")
    make_index(folder)
    return Stylist(Index(folder / "index"))


@pytest.mark.slow
def test_they_are_made_of_the_same_parts_as_those_of_the_model(stylist: Stylist) -> None:
    groups = stylist.index.shelf.values
    of_model = {tuple(sorted(map(str, groups("group", stylist.index.shelf.rows(look.item_ids)))))
                for look in stylist.complete(["i0"], k=8)}  # fmt: skip
    looks = random_looks(stylist, "i0", 8, seed=1)
    assert len(looks) == 8
    for look in looks:
        assert look.item_ids[0] == "i0"
        assert look.findings == ()
        assert tuple(sorted(map(str, groups("group", stylist.index.shelf.rows(look.item_ids))))) in of_model
    added = [item_id for look in looks for item_id in look.added]
    assert len(set(added)) == len(added)
    assert looks == random_looks(stylist, "i0", 8, seed=1)
    assert looks != random_looks(stylist, "i0", 8, seed=2)


def test_no_item_is_favoured(stylist: Stylist) -> None:
    seen = Counter(random_looks(stylist, "i0", 1, seed)[0].added[0] for seed in range(200))
    assert len(seen) > 36  # of 48 of a category
    assert max(seen.values()) < 17
    assert ODD not in seen


def test_looks_with_and_without_a_dress_share_no_added_item(stylist: Stylist, monkeypatch: pytest.MonkeyPatch) -> None:
    both = [(["bottom"], 12), (["bottom", "shoes"], 12)]  # as of shoes, which go with a dress and with separates
    monkeypatch.setattr(type(stylist.assortment), "whole", lambda *_: both)
    added = [item_id for look in random_looks(stylist, "i0", 24, seed=1) for item_id in look.added]
    assert len(set(added)) == len(added) > 24


def test_variants_of_one_product_are_in_no_look_together(stylist: Stylist) -> None:
    for seed in range(40):
        for look in random_looks(stylist, VARIANTS[0], 4, seed):
            assert VARIANTS[1] not in look.item_ids


def test_where_no_look_can_be_made_it_says_why(stylist: Stylist) -> None:
    with pytest.raises(CatalogueError):
        random_looks(stylist, "nothing", 1, 0)
