"""Negatives against loops that say the same thing, and against probabilities worked out by hand."""

import itertools

import numpy as np
import polars as pl
import pytest
import torch

from goeswith.data import negatives as module
from goeswith.data.catalogue import Catalogue
from goeswith.data.negatives import STRATEGIES, Negatives
from goeswith.data.outfits import Outfits
from goeswith.errors import ConfigError


def listed(catalogue: Catalogue, *lists: str) -> Outfits:
    """Outfits of one-letter items, e.g. "abc"."""
    table = {"outfit_id": [str(row) for row in range(len(lists))], "item_ids": [list(items) for items in lists]}
    return Outfits.from_frame(pl.DataFrame(table), catalogue)


def batch(outfits: Outfits) -> tuple[torch.Tensor, torch.Tensor]:
    items, mask = outfits.padded()
    return torch.from_numpy(items), torch.from_numpy(mask)


@pytest.fixture(scope="module")
def world() -> tuple[Catalogue, Outfits, np.ndarray]:
    """80 items, 4 categories in 2 groups, 3 seasons (one of them null); 150 outfits that favour some; some unusable."""
    chance = np.random.default_rng(1)
    season = np.array(["winter", "summer", None], dtype=object)[chance.integers(3, size=80)]
    items = {"item_id": [f"i{row}" for row in range(80)], "category": [f"c{row % 4}" for row in range(80)]}
    items |= {"group": [("top", "bottom")[row % 2] for row in range(80)], "season": season.tolist()}
    catalogue = Catalogue(pl.DataFrame(items))
    popularity = 1 / np.arange(1, 81)
    rows = [
        chance.choice(80, chance.integers(2, 8), replace=False, p=popularity / popularity.sum()) for _ in range(150)
    ]
    table = {"outfit_id": [str(n) for n in range(150)], "item_ids": [[f"i{row}" for row in outfit] for outfit in rows]}
    return catalogue, Outfits.from_frame(pl.DataFrame(table), catalogue), chance.random(80) < 0.8


def kind(catalogue: Catalogue, row: int) -> tuple[str, str | None]:
    return catalogue.items["category"][row], catalogue.items["season"][row]


def worn_alone(catalogue: Catalogue, outfits: Outfits) -> set[int]:
    """Items that stand in an outfit as the only one of their category and season."""
    rows = set()
    for index in range(len(outfits)):
        kinds = [kind(catalogue, row) for row in outfits[index].tolist()]
        rows |= {row for row, own in zip(outfits[index].tolist(), kinds, strict=True) if kinds.count(own) == 1}
    return rows


def naive_pool(catalogue: Catalogue, worn: set[int], usable: np.ndarray, strategy: str, truth: int) -> set[int]:
    """What may be drawn for `truth`, before its outfit is looked at: the rule, item by item."""
    table = catalogue.items.to_dicts()
    pool = set()
    for row, item in enumerate(table):
        same_category = item["category"] == table[truth]["category"]
        same_season = item["season"] == table[truth]["season"]
        fits = {
            "random": True,
            "group": item["group"] == table[truth]["group"],
            "category": same_category,
            "matched": same_category and same_season and row in worn,
        }
        if usable[row] and fits[strategy]:
            pool.add(row)
    return pool


@pytest.mark.parametrize("with_known", [False, True])
@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_draws_agree_with_a_loop(world, strategy, count, with_known):
    catalogue, outfits, usable = world
    items, mask = batch(outfits)
    generator = torch.Generator().manual_seed(3)
    position = (torch.rand(mask.shape, generator=generator) * mask).argmax(1)
    drawer = Negatives(catalogue, outfits, strategy, usable, [outfits] if with_known else [])
    rows, ok = drawer.draw(items, mask, position, count, generator)
    owner, everything = drawer.everything(items, mask, position)
    room, blanks = drawer.room(items, mask), drawer.blanks(items, mask, count)
    sets = {frozenset(outfits[index].tolist()) for index in range(len(outfits))}
    worn = worn_alone(catalogue, outfits)
    pools = [naive_pool(catalogue, worn, usable, strategy, item) for item in range(len(catalogue))]
    for index in range(len(outfits)):
        own = outfits[index].tolist()
        truth = own[position[index]]
        for at, item in enumerate(own):
            left = len(pools[item] - set(own))
            alone = [kind(catalogue, row) for row in own].count(kind(catalogue, item)) == 1
            assert room[index, at] == left
            assert bool(blanks[index, at]) == (usable[item] and left >= count and (strategy != "matched" or alone))
        allowed = pools[truth] - set(own)
        if with_known:
            allowed = {row for row in allowed if frozenset({*own, row} - {truth}) not in sets}
        assert set(everything[owner == index].tolist()) == allowed
        assert bool(ok[index]) == (len(allowed) >= count)
        drawn = rows[index].tolist()
        if ok[index]:
            assert len(set(drawn)) == count
            assert set(drawn) <= allowed
        else:
            assert drawn == [truth] * count
    assert ok.any()
    assert (room[~mask] == 0).all()
    assert not blanks[~mask].any()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_sample_is_of_the_pools_of_the_items(world, strategy):
    catalogue, outfits, usable = world
    negatives, worn = Negatives(catalogue, outfits, strategy, usable), worn_alone(catalogue, outfits)
    rows = torch.tensor([3, 3, 7])
    pools = [naive_pool(catalogue, worn, usable, strategy, row) for row in (3, 7)]
    assert set(negatives.sample(rows, 5000, torch.Generator().manual_seed(0)).tolist()) == pools[0] | pools[1]
    few = negatives.sample(rows, 2, torch.Generator().manual_seed(0))
    assert 1 <= len(few) <= 2 * len({frozenset(pool) for pool in pools})
    nothing = Negatives(catalogue, outfits, strategy, np.zeros_like(usable))
    assert not len(nothing.sample(rows, 5))


def test_padding_and_its_content_change_nothing(world):
    catalogue, outfits, usable = world
    items, mask = batch(outfits)
    position = torch.zeros(len(items), dtype=torch.long)
    drawer = Negatives(catalogue, outfits, "category", usable, [outfits])
    rows, ok = drawer.draw(items, mask, position, 3, torch.Generator().manual_seed(0))
    wider = torch.cat([items, rows], 1)  # what was drawn stands in the padding, and may be drawn all the same
    wider_mask = torch.cat([mask, torch.zeros_like(rows, dtype=torch.bool)], 1)
    again, ok_again = drawer.draw(wider, wider_mask, position, 3, torch.Generator().manual_seed(0))
    assert torch.equal(rows, again)
    assert torch.equal(ok, ok_again)


def shares(rows: torch.Tensor, size: int) -> np.ndarray:
    return np.bincount(rows.flatten().numpy(), minlength=size) / rows.numel()


@pytest.mark.parametrize("rounds", [8, 0])
def test_every_item_of_a_category_is_as_likely(rounds, monkeypatch):
    monkeypatch.setattr(module, "_ROUNDS", rounds)  # 0: all from the whole pools, in one pass
    catalogue = Catalogue(pl.DataFrame({"item_id": list("abcdefxy"), "category": ["one"] * 6 + ["two"] * 2}))
    outfits = listed(catalogue, "ax").take([0] * 20_000)
    items, mask = batch(outfits)
    position = torch.zeros(len(items), dtype=torch.long)
    rows, ok = Negatives(catalogue, outfits, "category").draw(
        items, mask, position, 2, torch.Generator().manual_seed(0)
    )
    assert ok.all()
    assert shares(rows, 8) == pytest.approx([0, *[0.2] * 5, 0, 0], abs=0.015)


@pytest.mark.parametrize("rounds", [8, 1, 0])
def test_popular_items_are_drawn_as_often_as_they_are_worn(rounds, monkeypatch):
    """Two draws without replacement, weights b 6, c 3, d 1: both ways of drawing give the probabilities of the urn."""
    monkeypatch.setattr(module, "_ROUNDS", rounds)
    catalogue = Catalogue(pl.DataFrame({"item_id": list("abcdx"), "category": ["one"] * 4 + ["two"]}))
    outfits = listed(catalogue, *["bx"] * 6, *["cx"] * 3, "dx", "ax")
    partial = listed(catalogue, "ax").take([0] * 20_000)
    items, mask = batch(partial)
    position = torch.zeros(len(items), dtype=torch.long)
    drawer = Negatives(catalogue, outfits, "matched")
    rows, _ = drawer.draw(items, mask, position, 1, torch.Generator().manual_seed(0))
    assert shares(rows, 5) == pytest.approx([0, 0.6, 0.3, 0.1, 0], abs=0.015)
    two, ok = drawer.draw(items, mask, position, 2, torch.Generator().manual_seed(0))
    assert ok.all()
    weight = {1: 0.6, 2: 0.3, 3: 0.1}
    urn = dict.fromkeys(itertools.combinations(weight, 2), 0.0)
    for first, second in itertools.permutations(weight, 2):
        urn[min(first, second), max(first, second)] += weight[first] * weight[second] / (1 - weight[first])
    drawn = two.sort(1).values
    for pair, expected in urn.items():
        assert float((drawn == torch.tensor(pair)).all(1).float().mean()) == pytest.approx(expected, abs=0.015)


def test_an_occurrence_counts_as_much_as_the_blank_is_likely_to_fall_on_it():
    """b stands in an outfit of two, c in one of four, d beside another of its kind and so at no place of a blank."""
    items = {"item_id": list("abcdexyz"), "category": ["one"] * 5 + ["two", "three", "four"]}
    catalogue = Catalogue(pl.DataFrame(items))
    outfits = listed(catalogue, "ax", "bx", "cxyz", "dex")
    items, mask = batch(listed(catalogue, "ax").take([0] * 20_000))
    position = torch.zeros(len(items), dtype=torch.long)
    rows, _ = Negatives(catalogue, outfits, "matched").draw(items, mask, position, 1, torch.Generator().manual_seed(0))
    assert shares(rows, 8) == pytest.approx([0, 2 / 3, 1 / 3, 0, 0, 0, 0, 0], abs=0.015)


def test_truth_and_wrong_item_are_exchangeable_when_nothing_is_drawn_again():
    """p = .6 .3 .1: one draw makes (a, b) as likely as (b, a); again and again (1 − p(b)) / (1 − p(a)) as likely."""
    catalogue = Catalogue(pl.DataFrame({"item_id": list("abcx"), "category": ["one"] * 3 + ["two"]}))
    outfits = listed(catalogue, "ax", "bx", "cx").take([*[0] * 6, *[1] * 3, 2] * 5_000)
    items, mask = batch(outfits)
    position = torch.zeros(len(items), dtype=torch.long)
    drawer = Negatives(catalogue, outfits, "matched")
    share = [0.6, 0.3, 0.1]
    for redraw in (False, True):
        rows, ok = drawer.draw(items, mask, position, 1, torch.Generator().manual_seed(0), redraw=redraw)
        truth, wrong = items[ok, 0], rows[ok, 0]
        assert float(ok.float().mean()) == pytest.approx(1.0 if redraw else 1 - 0.36 - 0.09 - 0.01, abs=0.01)
        for a, b in ((0, 1), (0, 2), (1, 2)):
            ratio = float(((truth == a) & (wrong == b)).sum() / ((truth == b) & (wrong == a)).sum())
            expected = (1 - share[b]) / (1 - share[a]) if redraw else 1.0
            assert ratio == pytest.approx(expected, rel=0.08)
    three, ok = drawer.draw(items, mask, position, 2, torch.Generator().manual_seed(0), redraw=False)
    truth = items[ok, 0]
    assert [float((truth == item).float().mean()) for item in range(3)] == pytest.approx([1 / 3] * 3, abs=0.015)
    assert three.shape == (len(items), 2)


def test_what_completes_a_known_outfit_is_refused_and_counted():
    catalogue = Catalogue(pl.DataFrame({"item_id": list("abcdxy"), "category": ["one"] * 4 + ["two"] * 2}))
    outfits = listed(catalogue, "xa", "bx", "ayd", "cd")  # {x, b} is known too, in another order
    items, mask = batch(listed(catalogue, "ax").take([0] * 500))
    position = torch.zeros(len(items), dtype=torch.long)
    free = Negatives(catalogue, outfits, "category")
    rows, _ = free.draw(items, mask, position, 1, torch.Generator().manual_seed(0))
    assert set(rows.flatten().tolist()) == {1, 2, 3}
    assert free.completions == 0
    careful = Negatives(
        catalogue, outfits, "category", known_outfits=[outfits.take([0, 1]), outfits.take([]), outfits.take([2, 3])]
    )
    rows, ok = careful.draw(items, mask, position, 1, torch.Generator().manual_seed(0))
    assert ok.all()
    assert set(rows.flatten().tolist()) == {2, 3}
    assert careful.completions > 100
    _, ok = careful.draw(items, mask, position, 3, torch.Generator().manual_seed(0))
    assert not ok.any()  # two are left


def test_nothing_to_draw_from_is_marked_and_not_raised(world):
    catalogue, outfits, _ = world
    items, mask = batch(outfits)
    position = torch.zeros(len(items), dtype=torch.long)
    drawer = Negatives(catalogue, outfits, "category", np.zeros(len(catalogue), bool))
    rows, ok = drawer.draw(items, mask, position, 2)
    assert not ok.any()
    assert torch.equal(rows, items[:, :1].expand(-1, 2))
    assert not len(drawer.everything(items, mask, position)[0])


def test_unknown_strategy_is_refused(world):
    with pytest.raises(ConfigError, match="'hard' negatives; choose one of random, group, category, matched"):
        Negatives(world[0], world[1], "hard")
