"""Pairs: those of a loop over outfits, and what `blank=bottom` replaces is what triplets ask for."""

import numpy as np
import polars as pl
import pytest

from goeswith.data.catalogue import GROUPS, Catalogue
from goeswith.data.freeze import make_questions
from goeswith.data.outfits import Outfits
from goeswith.data.pairs import RULE_BOTTOM, RULE_TOP, distinct_pairs, pair_of_each, tops_and_bottoms, worn_together
from goeswith.train.corruptions import blanks


@pytest.fixture(scope="module")
def world() -> tuple[Catalogue, Outfits]:
    """Outfits of items of every group and of none."""
    chance = np.random.default_rng(0)
    groups = [None if number % 9 == 8 else GROUPS[number % 9] for number in range(180)]
    catalogue = Catalogue(
        pl.DataFrame(
            {"item_id": [f"i{n}" for n in range(180)], "category": [g or "x" for g in groups], "group": groups}
        )
    )
    lists = [[f"i{row}" for row in chance.choice(180, chance.integers(2, 7), replace=False)] for _ in range(300)]
    ids = [f"o{n}" for n in range(300)]
    return catalogue, Outfits.from_frame(
        pl.DataFrame({"outfit_id": ids, "item_ids": lists, "split": ["test"] * 300}), catalogue
    )


@pytest.mark.parametrize(("tops", "bottoms"), [(("top",), ("bottom",)), (RULE_TOP, RULE_BOTTOM)])
def test_pairs_are_those_of_a_loop(world: tuple[Catalogue, Outfits], tops: tuple, bottoms: tuple) -> None:
    catalogue, outfits = world
    groups = catalogue.items["group"].to_list()
    expected = [
        (row, top, bottom)
        for row in range(len(outfits))
        for top in outfits.items[outfits.offsets[row] : outfits.offsets[row + 1]]
        for bottom in outfits.items[outfits.offsets[row] : outfits.offsets[row + 1]]
        if groups[top] in tops and groups[bottom] in bottoms
    ]
    assert worn_together(outfits, catalogue, tops, bottoms).rows() == expected
    assert list(map(tuple, distinct_pairs(outfits, catalogue, tops, bottoms))) == sorted(
        {pair[1:] for pair in expected}
    )


def test_pairs_become_outfits_with_ids_of_their_own(world: tuple[Catalogue, Outfits]) -> None:
    catalogue, outfits = world
    pairs = tops_and_bottoms(outfits, catalogue)
    assert set(pairs.lengths) == {2}
    assert len(set(pairs.outfit_ids)) == len(pairs)
    chosen = pair_of_each(outfits, catalogue, seed=1)
    assert len(set(chosen.outfit_ids)) == len(chosen) == worn_together(outfits, catalogue)["outfit"].n_unique()


def test_the_blank_bottom_is_what_triplets_ask_for(world: tuple[Catalogue, Outfits]) -> None:
    catalogue, outfits = world
    questions, _ = make_questions(catalogue, outfits, "test", "triplet", "group", usable=np.ones(180, bool))
    candidates = set(questions["candidates"].explode())
    blank = blanks(catalogue, "bottom")
    assert blank is not None
    assert candidates <= {catalogue.ids[row] for row in np.flatnonzero(blank.numpy())}
    assert set(catalogue.items["group"].gather(np.flatnonzero(blank.numpy()))) == {"bottom"}
