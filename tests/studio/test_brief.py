"""The brief of a board: passed to every suggestion, kept in the address, and said when it cannot be met."""

import re
from html import unescape

import pytest

from goeswith.errors import CatalogueError
from goeswith.studio.pages import offers
from goeswith.studio.pages.board import Board
from goeswith.studio.pages.brief import Brief, amount, bar
from goeswith.studio.pages.views import items

ON = ("i0", "i100")


def brief(**options):
    return Brief.of({f"want_{name}": value for name, value in options.items()})


def board(on=ON, **options):
    return Board.of(on, (), brief(**options))


def test_the_brief_stands_in_every_address_of_the_board():
    there = board(budget="150", colour="red")
    assert there.url == "/board?on=i0&on=i100&want_budget=150&want_colour=red"
    for other in (there.plus("i1"), there.without("i0"), there.put("i0", "i1"), there.hold("i0"), there.cleared):
        assert other.brief == there.brief
    assert Brief.of({"want_budget": " 20 ", "colour": "of the catalogue"}) == Brief(budget="20")
    assert ("want_colour", "red") in there.fields


@pytest.mark.parametrize("slot", ["bag", "bottom"])
def test_every_suggestion_keeps_to_the_brief(view, slot):
    spent = sum(item.price for item in items(view, ON))
    free = offers.rail(view, board(), slot)["rows"][0].offers
    rows = offers.rail(view, board(colour="red", brand="Alba"), slot)["rows"]
    assert rows[0].offers
    assert {dict(offer.item.facts)["colour"] for offer in rows[0].offers} == {"red"}
    assert {dict(offer.item.facts)["brand"] for offer in rows[0].offers} == {"Alba"}
    assert {dict(offer.item.facts)["colour"] for offer in free} != {"red"}
    budget = spent + sorted(offer.item.price for offer in free)[len(free) // 2]
    within = offers.rail(view, board(budget=str(budget)), slot)["rows"][0].offers
    assert within
    assert max(offer.look.price for offer in within) <= budget < max(offer.look.price for offer in free)
    assert all(offer.board.brief.budget == str(budget) for offer in within)


def test_swaps_and_whole_looks_keep_to_it_too(view):
    on = ("i0", "i60", "i150")
    swaps = offers.rail(view, board(on), "better")["rows"][0].offers
    prices = sorted(offer.look.price for offer in swaps)
    budget = prices[len(prices) // 2]
    for slot, swap in (("better", ""), ("", "i60")):
        rows = offers.rail(view, board(on, budget=str(budget)), slot, swap)["rows"]
        assert any(row.offers for row in rows)
        assert all(offer.look.price <= budget for row in rows for offer in row.offers)
        rows = offers.rail(view, board(on, colour="camel"), slot, swap)["rows"]
        assert {dict(offer.item.facts)["colour"] for row in rows for offer in row.offers} == {"camel"}
    looks = offers.rail(view, board(("i0",), colour="red"), "whole")["looks"]
    assert looks
    for whole in looks:
        assert {dict(item.facts)["colour"] for item in items(view, whole["look"].added)} == {"red"}
    best = offers.offer(view, board(on, colour="camel"))["offer"]
    assert dict(best["in"].facts)["colour"] == "camel"


def test_the_bar_says_what_is_left_and_what_does_not_fit(view):
    shown = items(view, ON)
    spent = sum(item.price for item in shown)
    summary = bar(view, brief(budget=str(spent + 5), colour="red"), shown)
    assert summary["left"] == pytest.approx(5)
    assert summary["misfits"] == ["Item 0, black is black, not red"]
    assert [name for name, _, _ in summary["choices"]] == ["brand", "colour"]  # what this catalogue has
    assert bar(view, Brief(budget="1"), shown)["left"] < 0
    assert not summary["stocked"]


def test_a_brief_that_cannot_be_met_says_so(client):
    text = client.get("/board/more?on=i0&on=i100&slot=bag&want_budget=1").text
    assert 'class="note"' in text
    assert "budget" in text.lower()
    assert 'aria-label="Add ' not in text
    text = unescape(client.get("/board?on=i0&on=i100&want_budget=many").text)
    assert "The budget 'many' is not a number; write one like 49.90." in text
    text = unescape(client.get("/board/more?on=i0&on=i100&slot=bag&want_colour=puce").text)
    assert "puce" in re.search(r'class="note">([^<]*)<', text).group(1)
    over = client.get("/board?on=i0&on=i100&want_budget=1").text
    assert "over the budget" in over


def test_an_amount_of_money():
    assert amount("49,90") == 49.9
    assert amount("") is None
    for wrong in ("many", "-1", "nan", "inf"):
        with pytest.raises(CatalogueError, match=r"write one like 49\.90"):
            amount(wrong)
