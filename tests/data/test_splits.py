import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goeswith.data import splits
from goeswith.data.outfits import SPLITS, Outfits
from goeswith.data.readers import read
from goeswith.data.splits import assign_splits, contained_pairs, describe, empty_splits, remember


def outfits(lists, published=None, sources=None):
    lengths = [len(items) for items in lists]
    return Outfits(
        items=np.array([item for items in lists for item in items], np.int64),
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        outfit_ids=np.array([f"o{row}" for row in range(len(lists))], dtype=object),
        splits=np.array(published or [""] * len(lists), dtype=object),
        sources=np.array(sources or [""] * len(lists), dtype=object),
    )


def shares(first, second):
    """Whether `second` holds at least 80 % of the items of `first`: the plain definition."""
    return len(set(first) & set(second)) >= 0.8 * len(set(first)) - 1e-9


def naive_overlap(lists, names):
    test = [items for items, name in zip(lists, names, strict=True) if name == "test"]
    train = [items for items, name in zip(lists, names, strict=True) if name == "train"]
    if not test or not train:
        return None
    return round(sum(any(shares(mine, other) for other in train) for mine in test) / len(test), 4)


wardrobes = st.lists(st.lists(st.integers(0, 9), min_size=2, max_size=6), min_size=1, max_size=25)


@given(wardrobes)
def test_contained_pairs_are_those_of_two_loops(lists):
    pairs = set(zip(*(side.tolist() for side in contained_pairs(outfits(lists))), strict=True))
    indices = range(len(lists))
    assert pairs == {(a, b) for a in indices for b in indices if a != b and shares(lists[a], lists[b])}


def test_pairs_do_not_depend_on_the_blocks_they_are_looked_at_in(monkeypatch):
    lists = np.random.default_rng(0).integers(0, 30, (80, 4)).tolist()
    whole = sorted(zip(*contained_pairs(outfits(lists)), strict=True))
    monkeypatch.setattr(splits, "PRODUCTS", 50)
    assert sorted(zip(*contained_pairs(outfits(lists)), strict=True)) == whole


@settings(deadline=None)
@given(wardrobes, st.integers(0, 3))
def test_drawn_splits_leak_nothing_and_lose_only_repeats(lists, seed):
    drawn, report = assign_splits(outfits(lists), seed)
    source = report["sources"]["all"]
    distinct = {frozenset(items) for items in lists}
    firsts = [index for index, items in enumerate(lists) if set(items) not in [set(other) for other in lists[:index]]]
    assert drawn.outfit_ids.tolist() == [f"o{index}" for index in firsts]
    assert source["repeats"] == source["repeats_removed"] == len(lists) - len(distinct)
    assert set(drawn.splits) <= set(SPLITS)
    drawn_lists = [drawn[row].tolist() for row in range(len(drawn))]
    for mine, split in zip(drawn_lists, drawn.splits, strict=True):
        assert not any(
            split != other_split and (shares(mine, other) or shares(other, mine))
            for other, other_split in zip(drawn_lists, drawn.splits, strict=True)
        )
    assert source["test_overlap"] == naive_overlap(drawn_lists, drawn.splits)
    assert source["splits"] == {name: int((drawn.splits == name).sum()) for name in sorted(set(drawn.splits))}
    json.dumps(report)


@settings(deadline=None)
@given(wardrobes, st.data())
def test_published_splits_are_kept_and_their_overlap_is_reported(lists, data):
    names = data.draw(st.lists(st.sampled_from(SPLITS), min_size=len(lists), max_size=len(lists)))
    published, report = assign_splits(outfits(lists, names), seed=0)
    source = report["sources"]["all"]
    assert published.splits.tolist() == names
    assert (source["published"], source["repeats_removed"], source["without_split"]) == (True, 0, 0)
    assert source["repeats"] == len(lists) - len({frozenset(items) for items in lists})
    assert source["test_overlap"] == naive_overlap(lists, names)
    test, train = (
        {item for items, name in zip(lists, names, strict=True) if name == part for item in items}
        for part in ("test", "train")
    )
    expected = round(1 - len(test & train) / len(test), 4) if test and train else None
    assert source["test_items_unseen"] == expected


def test_the_random_overlap_is_that_of_a_plain_random_split():
    # every outfit twice: a random split shares most of them, one by group none
    lists = [[10 * number, 10 * number + 1, 10 * number + 2] for number in range(500)] * 2
    source = assign_splits(outfits(lists), seed=0)[1]["sources"]["all"]
    assert source["test_overlap"] == 0
    assert source["test_overlap_random"] == pytest.approx(0.7, abs=0.06)
    assert source["test_items_unseen"] == 1
    assert source["test_items_unseen_random"] == pytest.approx(0.08 / 0.36, abs=0.05)  # in test, and never in training


def test_ratios_hold_in_every_source():
    lists = np.random.default_rng(1).choice(100_000, (1500, 4)).tolist()
    sources = ["designers"] * 1000 + ["users"] * 500
    drawn, report = assign_splits(outfits(lists, sources=sources), seed=3)
    assert report["sources"]["designers"]["splits"] == {"train": 700, "valid": 100, "test": 200}
    assert report["sources"]["users"]["splits"] == {"train": 350, "valid": 50, "test": 100}
    other = assign_splits(outfits(lists, sources=sources), seed=4, ratios=(1, 1, 2))
    assert other[1]["sources"]["users"]["splits"] == {"train": 125, "valid": 125, "test": 250}
    again = assign_splits(outfits(lists, sources=sources), seed=3)[0]
    assert again.fingerprint == drawn.fingerprint != other[0].fingerprint


def test_an_outfit_of_two_sources_stays_in_both_and_in_one_split():
    lists = np.random.default_rng(2).choice(10_000, (60, 4)).tolist()
    drawn, report = assign_splits(outfits(lists * 2, sources=["a"] * 60 + ["b"] * 60), seed=0)
    assert len(drawn) == 120
    assert drawn.splits[:60].tolist() == drawn.splits[60:].tolist()
    assert report["sources"]["b"]["repeats"] == 0


def test_a_source_with_splits_stands_beside_one_without():
    lists = np.random.default_rng(3).choice(10_000, (40, 3)).tolist()
    published = ["test"] * 10 + [""] * 10 + [""] * 20
    drawn, report = assign_splits(outfits(lists, published, ["old"] * 20 + ["new"] * 20), seed=0)
    assert drawn.splits[:20].tolist() == published[:20]
    assert report["sources"]["old"]["without_split"] == 10
    assert report["sources"]["new"]["splits"] == {"train": 14, "valid": 2, "test": 4}


def test_a_giant_group_trains_and_leaves_the_ratios_alone():
    chain = [[number, number + 1, number + 2, number + 3, number + 4] for number in range(300)]
    lists = chain + np.random.default_rng(5).choice(range(1000, 90_000), (700, 5)).tolist()
    drawn, report = assign_splits(outfits(lists), seed=0)
    assert report["sources"]["all"]["largest_group"] == 300
    assert set(drawn.splits[:300]) == {"train"}
    assert report["sources"]["all"]["splits"] == {"train": 700, "valid": 100, "test": 200}


def test_the_report_can_be_read():
    lists = [[10 * number, 10 * number + 1] for number in range(1000)]
    mine, yours = [*lists, *lists[:9]], [[0, 1], [10, 11], [10, 11], [7, 8]]
    published = [""] * len(mine) + ["train", "test", "test", ""]
    lines = describe(assign_splits(outfits(mine + yours, published, ["mine"] * len(mine) + ["yours"] * 4), seed=0)[1])
    assert lines[0] == "outfits of mine, drawn split: 700 train, 100 valid, 200 test; exact repeats removed: 9"
    assert lines[1].startswith(
        "  test outfits that share 80% of their items with a training outfit: 0.0% (split at random"
    )
    assert lines[2].startswith("  test items that no training outfit has: 100.0% (split at random: 9")
    assert lines[3] == "outfits of yours, published split: 1 train, 0 valid, 2 test, 1 in none; exact repeats: 1 (kept)"
    assert describe(assign_splits(outfits(lists), seed=0)[1])[0].startswith("outfits, drawn split: 700 train")


def test_a_split_that_is_empty_is_reported():
    assert empty_splits(assign_splits(outfits([[10 * number, 10 * number + 1] for number in range(10)]), 0)[1]) == []
    few = outfits([[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]], ["test"] * 2 + [""] * 3, ["old"] * 2 + [""] * 3)
    new, old = empty_splits(assign_splits(few, 0)[1])
    assert old.startswith("outfits of old: none in split train or valid (training needs train and valid")
    assert new.startswith("outfits: none in split valid (")
    assert new.endswith("; import more outfits, or name their splits")


def test_having_no_outfits_is_not_an_error():
    drawn, report = assign_splits(outfits([]), seed=0)
    assert len(drawn) == 0
    assert report["sources"] == {}


# --- outfits that are known already

nights = st.lists(
    st.lists(
        st.tuples(st.lists(st.integers(0, 9), min_size=2, max_size=5), st.sampled_from("ab")), min_size=1, max_size=9
    ),
    min_size=2,
    max_size=6,
)


@settings(deadline=None, max_examples=25)
@given(nights, st.integers(0, 2))
def test_no_sequence_of_changes_leaks_into_test_or_moves_an_outfit(changes, seed):
    earlier, ever = outfits([]), {}
    for worn in changes:
        now = outfits([items for items, _ in worn], sources=[source for _, source in worn])
        drawn, report = assign_splits(now, seed, known_outfits=earlier)
        earlier = remember(drawn, earlier)
        assigned = [
            (frozenset(drawn[row].tolist()), drawn.sources[row], drawn.splits[row]) for row in range(len(drawn))
        ]
        assert {(items, source) for items, source, _ in assigned} == {
            (frozenset(items), source) for items, source in worn
        }
        assert len(assigned) == len({(items, source) for items, source, _ in assigned})
        for items, source, split in assigned:
            assert split == ever.get((items, source), split)  # a kept outfit, or one that comes back
        torn = {(items, source) for items, source, split in assigned if not split}
        for items, source in torn:
            assert len(groups_of(items, [*ever, *((items, source) for items, source, _ in assigned)], ever)) > 1
        assert sum(part["between"] for part in report["sources"].values()) == len(torn)
        ever |= {(items, source): split for items, source, split in assigned if split}
        for items, _, split in assigned:
            for (other, _), before in ever.items():
                if split and (shares(items, other) or shares(other, items)):
                    assert split == before
    assert {(frozenset(earlier[row].tolist()), earlier.sources[row]) for row in range(len(earlier))} == set(ever)
    assert len(earlier) == len(ever)


published_nights = st.lists(
    st.lists(
        st.tuples(st.lists(st.integers(0, 9), min_size=2, max_size=4), st.sampled_from(["", *SPLITS])),
        min_size=1,
        max_size=7,
    ),
    min_size=2,
    max_size=5,
)


@pytest.mark.slow
@settings(deadline=None, max_examples=25)
@given(published_nights, st.integers(0, 2))
def test_only_published_splits_can_leak(changes, seed):
    earlier, ever = outfits([]), set()
    for worn in changes:
        sources = ["theirs" if split else "ours" for _, split in worn]
        drawn, _ = assign_splits(
            outfits([i for i, _ in worn], [s for _, s in worn], sources), seed, known_outfits=earlier
        )
        earlier = remember(drawn, earlier)
        now = {(frozenset(drawn[p].tolist()), drawn.sources[p], drawn.splits[p]) for p in range(len(drawn))}
        before = {(items, source) for items, source, _ in ever}
        ever |= {outfit for outfit in now if outfit[2]}
        for items, source, split in now:
            for other, whose, was in ever:
                if split not in ("", was) and source == "ours" and (shares(items, other) or shares(other, items)):
                    assert whose == "theirs"
                    assert (items, source) in before  # it had its split before the publisher put that one near it
        assert {outfit[2] for outfit in now if outfit[1] == "theirs"} <= set(SPLITS)
    assert len(earlier) == len(ever)


def groups_of(items, others, ever):
    """The splits of all known outfits that `items` reaches through near-duplicates, one after the other."""
    reached, grown = {items}, True
    while grown:
        more = {other for other, _ in others if any(shares(other, near) or shares(near, other) for near in reached)}
        grown = not more <= reached
        reached |= more
    return {split for (other, _), split in ever.items() if other in reached}


def test_an_outfit_between_two_splits_gets_none_and_is_reported():
    earlier = outfits([[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]], ["train", "test"])
    bridge = [1, 2, 3, 4, 6, 7, 8, 9]  # eight items: shares four with each
    near = [1, 2, 3, 4, 11]
    assert assign_splits(outfits([near]), 0, known_outfits=earlier)[0].splits.tolist() == ["train"]
    drawn, report = assign_splits(
        outfits([bridge, [1, 2, 3, 4, 5], [1, 2, 3, 4], [6, 7, 8, 9], near]), 0, known_outfits=earlier
    )
    assert drawn.splits.tolist() == ["", "train", "", "", ""]  # the short ones lie in the bridge
    source = report["sources"]["all"]
    assert (source["between"], source["without_split"]) == (4, 4)
    assert ", 4 in none (4 are near-duplicates of outfits in two splits)" in describe(report)[0]


def test_a_published_split_wins_over_the_one_an_outfit_had():
    earlier = outfits([[1, 2], [3, 4], [5, 6]], ["train", "test", "valid"])
    drawn, report = assign_splits(
        outfits([[1, 2], [3, 4], [5, 6], [7, 8]], ["test", "test", "", ""]), 0, known_outfits=earlier
    )
    assert drawn.splits.tolist() == ["test", "test", "valid", ""]
    assert report["sources"]["all"]["moved"] == 1
    assert "publisher moved to another split: 1" in describe(report)[1]
    both = remember(drawn, earlier)
    assert sorted(both.splits) == ["test", "test", "train", "valid"]  # it was in training, and that is not forgotten
    assert assign_splits(outfits([[1, 2], [1, 2, 3]]), 0, known_outfits=both)[0].splits.tolist() == ["", ""]


def test_a_drawn_outfit_follows_a_published_one_of_another_source():
    lists = [[10 * number, 10 * number + 1] for number in range(30)]
    published = ["test"] * 15 + ["train"] * 15
    drawn, _ = assign_splits(outfits(lists * 2, published + [""] * 30, ["a"] * 30 + ["b"] * 30), seed=0)
    assert drawn.splits.tolist() == published * 2


@pytest.mark.slow
def test_what_comes_one_by_one_keeps_the_ratios():
    earlier = outfits([])
    lists = [[10 * number, 10 * number + 1] for number in range(100)]
    for count in range(1, 101):
        earlier = remember(assign_splits(outfits(lists[:count]), 0, known_outfits=earlier)[0], earlier)
    assert [int((earlier.splits == name).sum()) for name in SPLITS] == pytest.approx([70, 10, 20], abs=2)


def test_known_outfits_of_items_that_are_gone_are_looked_at_too():
    earlier = outfits([[1, 2, 3, 4, 99]], ["test"])
    assert assign_splits(outfits([[1, 2, 3, 4]]), 0, known_outfits=earlier)[0].splits.tolist() == ["test"]
    assert remember(outfits([]), earlier).fingerprint == earlier.fingerprint
    assert len(remember(outfits([]), outfits([]))) == 0


@pytest.mark.real
def test_mango_repeats_and_overlap(real, tmp_path):
    from goeswith.data.dataset import create

    report = create(read("mango", real / "mango", workdir=tmp_path), tmp_path / "mango", layout="mango").info[
        "split_report"
    ]
    report = report["sources"]["all"]
    assert report["repeats_removed"] == 409
    assert report["splits"] == {"train": 4371, "valid": 625, "test": 1249}
    assert report["test_overlap"] == 0
    assert 0.19 < report["test_overlap_random"] < 0.24
    assert report["largest_group"] < 50
