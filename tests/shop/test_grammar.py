"""Grammar: what an outfit lacks and has too much of is what a count over training outfits says."""

from dataclasses import replace
from itertools import product

import numpy as np
import polars as pl
import pytest

from goeswith.data.catalogue import GROUPS, Catalogue
from goeswith.data.outfits import Outfits
from goeswith.errors import DataError
from goeswith.shop.grammar import LEAST, Grammar

KINDS = {"shirt": "top", "jeans": "bottom", "gown": "dress", "coat": "outer", "boots": "shoes", "tote": "bag",
         "ring": "accessory", "belt": "accessory", "soap": "other"}  # fmt: skip


def world(lists: list[list[str]], split: str = "train") -> tuple[Catalogue, Outfits]:
    """Four items of each kind; an outfit is a list of kinds, ``ring`` for the first ring, ``ring2`` for the second."""
    ids = [f"{kind}{number}" for kind in KINDS for number in ("", 2, 3, 4)]
    kinds = [kind for kind in KINDS for _ in range(4)]
    items = pl.DataFrame({"item_id": ids, "category": kinds, "group": [KINDS[kind] for kind in kinds]})
    catalogue = Catalogue(items)
    frame = pl.DataFrame({"outfit_id": range(len(lists)), "item_ids": lists, "split": split})
    return catalogue, Outfits.from_frame(frame, catalogue)


SEPARATES = ["shirt", "jeans", "boots"]
WORN = (
    [[*SEPARATES, "tote", "ring", "ring2"]] * 40
    + [[*SEPARATES, "coat", "tote", "belt"]] * 40
    + [[*SEPARATES, "boots2"]] * 8
    + [["gown", "boots", "ring", "ring2"]] * 60
    + [["soap", "soap2", "soap3"]] * 500
)


@pytest.fixture(scope="module")
def learnt() -> Grammar:
    return Grammar.learn(*world(WORN))


def test_counts_become_a_grammar(learnt: Grammar) -> None:
    assert learnt.outfits == 148  # soap is no outfit
    assert (learnt.most["shoes"], learnt.most["accessory"], learnt.most["top"]) == (1, 2, 1)  # 8 of 148; 100 of 140
    assert learnt.needs == (("top", "dress"), ("bottom", "dress"), ("shoes",))
    assert learnt.apart == (("dress", "bottom"), ("dress", "top"))
    assert learnt.whole["separates"] == {"top": 1, "bottom": 1, "outer": 1, "shoes": 1, "bag": 1, "accessory": 1}
    assert learnt.whole["dress"] == {"dress": 1, "shoes": 1, "accessory": 2}
    assert learnt.pairs == ("ring",)
    assert learnt.dresses[""] == pytest.approx(60 / 148)
    assert learnt.dresses["ring"] == pytest.approx(0.6)
    assert "belt" not in learnt.dresses  # 40 outfits are too few
    assert Grammar.from_json(learnt.to_json()) == learnt


@pytest.mark.parametrize(
    ("groups", "findings"),
    [
        (["top", "bottom", "shoes"], ()),
        (["dress", "shoes", "bag", None], ()),
        (["shoes", "shoes"], ("needs a top and a bottom (or a dress)", "two pairs of shoes")),
        (["bottom", "shoes"], ("needs a top",)),
        (["top"], ("needs a bottom and shoes",)),
        (["dress", "bottom", "shoes"], ("a dress with a bottom",)),
        (["top", "top", "top", "bottom", "shoes", "bag", "bag"], ("three tops", "two bags")),
        (["other", None], ()),
    ],
)
def test_findings_are_worded_as_garments(learnt: Grammar, groups, findings) -> None:
    assert learnt.findings(groups) == findings
    surplus = learnt.surplus(groups)
    assert bool(surplus) == any(not finding.startswith("needs") for finding in findings)
    for position in surplus:  # one of these should go: then there is less to find fault with
        left = learnt.findings([*groups[:position], *groups[position + 1 :]])
        words = [f for f in left if not f.startswith("needs")]
        assert len(words) < sum(not f.startswith("needs") for f in findings) or words[0] == "two tops"
    default = Grammar.default().findings(groups)
    assert default == findings


def test_two_of_one_small_kind_are_found(learnt: Grammar) -> None:
    groups = ["dress", "shoes", "accessory", "accessory"]
    assert learnt.findings(groups, ["gown", "boots", "belt", "belt"]) == ("two of one kind (belt)",)
    assert learnt.surplus(groups, ["gown", "boots", "belt", "belt"]) == [2, 3]
    assert learnt.surplus(groups, ["gown", "boots", "ring", "ring"]) == []
    assert learnt.surplus(["dress", "bottom", "shoes", "shoes"]) == [0, 1, 2, 3]
    assert learnt.findings(groups, ["gown", "boots", "ring", "ring"]) == ()


def test_slots_make_a_whole_look(learnt: Grammar) -> None:
    assert learnt.slots(["top"]) == [(["bottom", "outer", "shoes", "bag", "accessory"], 1.0)]
    assert learnt.slots(["dress", "accessory"]) == [(["shoes", "accessory"], 1.0)]
    (separates, many), (dress, few) = learnt.slots(["shoes"])
    assert separates == ["top", "bottom", "outer", "bag", "accessory"]
    assert dress == ["dress", "accessory", "accessory"]
    assert (many, few) == (pytest.approx(88 / 148), pytest.approx(60 / 148))
    assert learnt.slots(["accessory"], ["ring"])[0] == (["dress", "shoes", "accessory"], pytest.approx(0.6))
    assert learnt.slots(["top", "bottom", "outer", "shoes", "bag", "accessory"]) == [([], 1.0)]


@pytest.mark.parametrize(
    ("groups", "slots", "words"),
    [
        (["shoes"], ["shoes"], "an outfit has one pair of shoes, this one has one pair of shoes already"),
        (["top"], ["bag", "bag"], "an outfit has one bag, no more"),
        (["dress"], ["bottom"], "a bottom is not worn with a dress"),
        (["top"], ["dress", "bottom"], "a dress is not worn with a bottom"),
        (["top"], ["bottom", "shoes", None, "other"], ""),
    ],
)
def test_impossible_slots_are_refused(groups, slots, words) -> None:
    assert Grammar.default().refusal(groups, slots) == words
    assert Grammar.free().refusal(groups, slots) == ""


def test_few_outfits_teach_nothing() -> None:
    few = world([SEPARATES] * (LEAST - 1))
    assert Grammar.learn(*few) == Grammar.default()
    assert Grammar.learn(*world([SEPARATES] * 99, split="test")) == Grammar.default()
    with pytest.raises(DataError, match=r"the grammar \(grammar.json\) lacks 'most'; run goeswith build again"):
        Grammar.from_json("{}")


def test_baskets_and_pairs_are_no_outfits() -> None:
    """Who buys trousers and a bag has a top at home."""
    trousers = ["outer", "bottom", "bag"]
    catalogue, outfits = world([["coat", "jeans", "tote"]] * 300 + [["gown", "tote", "belt"]] * 100)
    put_together = Grammar.learn(catalogue, outfits)
    assert put_together.needs == (("bottom", "dress"),)
    assert put_together.findings(trousers) == ()
    for source in ("orders", "wishes"):
        bought = replace(outfits, sources=np.full(len(outfits), source, object))
        assert Grammar.learn(catalogue, bought) == Grammar.default()
        assert Grammar.learn(catalogue, bought).findings(trousers) == ("needs a top and shoes",)
    assert Grammar.learn(*world([["jeans", "tote"]] * 99)) == Grammar.default()
    # Ninety looks that somebody put together count for more than thousands of short ones.
    mixed = world([["jeans", "tote"]] * 2000 + [[*SEPARATES, "tote"]] * 90)
    assert Grammar.learn(*mixed).needs == (("top", "dress"), ("bottom", "dress"), ("shoes",))


def test_an_outfit_needs_nothing_that_the_catalogue_lacks() -> None:
    clothes = Catalogue(
        pl.DataFrame({"item_id": ["a", "b"], "category": ["shirt", "jeans"], "group": ["top", "bottom"]})
    )
    empty = Outfits.from_frame(pl.DataFrame({"outfit_id": ["1"], "item_ids": [["a", "b"]]}), clothes)
    grammar = Grammar.learn(clothes, empty)
    assert grammar.findings(["top", "bottom"]) == ()
    assert grammar.findings(["top"]) == ("needs a bottom",)


def test_a_share_is_counted_as_a_loop_counts_it(learnt: Grammar) -> None:
    lists = [kinds for kinds in WORN if "soap" not in kinds]
    having = [kinds for kinds in lists if "ring" in kinds]
    assert learnt.dresses["ring"] == np.mean(["gown" in kinds for kinds in having])


def test_what_is_needed_is_what_the_outfit_lacks_without_it():
    """Against taking each item out: with a need that is not met before, something is missing."""
    for grammar in (Grammar.default(), Grammar.free(), Grammar.default(["top", "shoes"])):
        for groups in product((None, *GROUPS), repeat=3):

            def lacking(others, grammar=grammar):
                return [clause for clause in grammar.needs if not {*clause} & {*others}]

            expected = [at for at in range(3) if lacking(groups[:at] + groups[at + 1 :]) != lacking(groups)]
            assert grammar.needed(groups) == expected, groups
    assert Grammar.default().needed(["dress", "bottom", "shoes"]) == [0, 2]
