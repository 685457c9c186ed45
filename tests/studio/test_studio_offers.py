"""What the board offers: to add, to swap, best first, and with the number that it leads to."""

import re
from dataclasses import replace

import pytest
from served import BARE

from goeswith.studio.pages import offers, views
from goeswith.studio.pages.board import Board


def test_offers_fill_slots_and_lead_to_boards_that_score_what_they_say(client, view, monkeypatch):
    monkeypatch.setitem(vars(view.index), "scale", replace(view.index.scale, auc=0.8))  # trained for one epoch: unsure
    text = client.get("/board/more?on=i0&on=i100&slot=bottom").text
    offers = re.findall(r'href="(/board\?[^"]+)" aria-label="Add [^"]*, (strong|fine|weak)"', text)
    assert len(offers) > 4
    bags = client.get("/board/more?on=i0&on=i100&slot=bag").text
    assert re.search(r'aria-label="Add [^",]*, [^",]*"', bags)  # a bag leaves it without a bottom, and has no verdict
    for path, verdict in offers[:3]:
        shown = re.search(r'id="verdict">(\w+)', client.get(path.replace("&amp;", "&")).text)
        assert shown is not None
        assert shown.group(1) == verdict
    text = client.get("/board/more?on=i0&on=i100&on=i150&swap=i100").text
    swaps = re.findall(r'href="(/board\?on=i0&amp;on=[^"]+&amp;on=i150)" aria-label="Swap for', text)
    assert swaps
    groups = [view.catalogue.items["group"][view.row(path.split("on=")[2].split("&")[0])] for path in swaps]
    assert set(groups) == {view.catalogue.items["group"][view.row("i100")]}
    full = client.get("/board/more?on=i0&on=i60&on=i100&on=i150").text  # a shirt, a skirt, boots and a tote
    assert "What would make it better" in full
    better = re.findall(r'aria-label="Swap in [^"]* for Item [^"]*, (\w+)"', full)  # what it replaces is said
    assert better
    order = ["weak", "fine", "strong"]
    now = view.stylist.judge(["i0", "i60", "i100", "i150"]).verdict
    assert all(order.index(earlier) >= order.index(now) for earlier in better)
    best = client.get("/board/offer?on=i0&on=i100&on=i150&lock=i100").text
    assert "on=i100" in best or "Swap them" not in best


def test_every_row_has_its_best_first_and_a_swap_that_is_worse_says_so(client, view):
    fill = view.stylist.fill(["i0", "i100"], "bag", k=offers.OFFERS, diversity=offers.DIVERSITY)
    assert [look.score for look in fill] != sorted([look.score for look in fill], reverse=True)  # the fault in question
    board = Board(("i0", "i100"))
    every = [offers.rail(view, board, tab.name) for tab in offers.tabs(view, board, views.items(view, board.on))]
    rows = [[offer.look.score for offer in row.offers] for answer in every for row in answer["rows"]]
    rows += [[whole["look"].score for whole in answer["looks"]] for answer in every]
    assert len(rows) > 2
    best, *_, worst = [look.added[0] for look in view.stylist.fill(["i0", "i150"], "shoes", k=200)]
    for there, none in ((best, True), (worst, False)):
        board = Board(("i0", there, "i150"))
        now = view.stylist.judge(board.on).score
        slots = offers.instead(view, board, there)
        assert len(slots) == 2
        for slot in slots:
            scores = [offer.look.score for offer in slot.offers]
            assert scores
            rows.append(scores)
            for offer in slot.offers:
                assert view.stylist.judge(offer.board.on).score == pytest.approx(offer.look.score, abs=1e-6)
            assert slot.trouble.startswith("None is better") == (max(scores) <= now)
            assert (min(scores) > now) != slot.trouble.startswith("None is better")
        assert slots[0].trouble.startswith("None is better") == none
    assert all(scores == sorted(scores, reverse=True) for scores in rows)


def test_offers_stand_under_the_difference_that_they_make(view, monkeypatch):
    monkeypatch.setitem(vars(view.index), "scale", replace(view.index.scale, auc=0.8))
    board = Board(("i0", "i60", "i150"))
    row = offers.rail(view, board, "shoes")["rows"][0]
    now = view.stylist.judge(board.on)
    assert row.offers
    words = [word for _, word in (offers.CHANGES if now.percentile is not None else offers.BEHIND)]
    assert [word for word, _ in row.grouped] == [word for word in words if word in dict(row.grouped)]  # best first
    assert sum(len(group) for _, group in row.grouped) == len(row.offers)
    base = row.offers[0].look.percentile if now.percentile is None else now.percentile
    for word, group in row.grouped:
        for offer in group:
            change = offer.look.percentile - base
            assert row.change(offer) == pytest.approx(change)
            assert ("Clearly better" in word) == (now.percentile is not None and change >= 15)
    monkeypatch.setitem(vars(view.index), "scale", None)
    assert [word for word, _ in offers.rail(view, board, "shoes")["rows"][0].grouped] == [""]


@pytest.mark.parametrize("scaled", [True, False])
def test_the_offered_swap_reads_as_a_gain(client, view, monkeypatch, scaled):
    monkeypatch.setitem(vars(view.index), "scale", replace(view.index.scale, auc=0.8) if scaled else None)
    swap = view.stylist.improve(["i0", "i60", "i100"], k=1)[0]
    before, after = views.verdict(view.stylist.judge(["i0", "i60", "i100"])), views.verdict(swap.look)
    assert (before in ("strong", "fine", "weak")) == scaled
    text = re.sub("<[^>]+>", "", client.get("/board/offer?on=i0&on=i60&on=i100").text)
    assert scaled == bool(after)
    words = f"from {before} to {after}" if before != after else "goes together better and is still"
    assert (words if scaled else "with which the look goes together better\n") in text


def test_one_of_two_pairs_of_shoes_is_to_be_taken_off(client, view):
    on = ["i0", "i60", "i101", "i130"]
    first = view.stylist.improve(on)[0]
    left = f"/board?on={'&amp;on='.join(item_id for item_id in on if item_id != first.removed)}"
    address = "on=" + "&on=".join(on)
    assert first.added is None
    panel = client.get(f"/board/offer?{address}").text
    assert "it is a valid outfit" in panel
    assert f'href="{left}"' in panel
    assert "Take it off" in panel
    rail = client.get(f"/board/more?{address}&slot=better").text
    assert rail.count('aria-label="Take off ') == 1
    assert f'href="{left}"' in rail
    assert rail.index('aria-label="Take off ') < rail.find('aria-label="Swap in ') % len(rail)
    assert "two pairs of shoes; take out the" in client.get(f"/board?{address}").text
    both = client.get(f"/board?{address}&lock=i101&lock=i130").text
    assert "two pairs of shoes; unlock one of those that are too many" in both
    assert "take out the" not in both
    dear = client.get(f"/board/more?{address}&slot=better&want_budget=1").text  # whatever is left costs more than that
    assert dear.count('aria-label="Take off ') == 1


def test_where_nothing_can_be_taken_off_the_board_says_why(client, view):
    for on, lock in ((["i101", "i130"], []), (["i0", "i60", "i101", "i130"], ["i101", "i130"])):
        why = view.stylist.why_no_swap(on, lock)
        assert "two pairs of shoes; " in why
        address = "&".join([*(f"on={item_id}" for item_id in on), *(f"lock={item_id}" for item_id in lock)])
        for path in (f"/board/offer?{address}", f"/board/more?{address}&slot=better"):
            assert f"{why[0].upper()}{why[1:]}.</p>" in client.get(path).text
    assert (
        "Every item is locked, so nothing can be swapped; unlock one."
        in client.get("/board/offer?on=i0&on=i60&lock=i0&lock=i60").text
    )


def test_swaps_without_a_probability_show_no_number_and_keep_their_order(client, view, monkeypatch):
    monkeypatch.setitem(vars(view.index), "scale", None)
    full = ["i0", "i60", "i100", "i150"]
    text = client.get("/board/more?on=" + "&on=".join(full)).text
    titles = [item.name for item in views.items(view, [s.added for s in view.stylist.improve(full, k=offers.OFFERS)])]
    assert len(titles) > 2
    assert re.findall(r'aria-label="Swap in ([^"]*) for [^"]*"', text) == titles
    for path in ("", "&swap=i60"):
        assert not re.search(r"[+−]\d", client.get("/board/more?on=" + "&on=".join(full) + path).text)


def test_what_cannot_be_judged_can_be_swapped_away(client):
    text = client.get(f"/board/more?on=i100&on={BARE}&swap={BARE}").text
    assert len(re.findall('aria-label="Swap for', text)) > 2
    assert "None is better" not in text
    assert "Swap for" not in client.get(f"/board/more?on=i100&on={BARE}&swap=i100").text


def test_tabs_are_what_the_grammar_lacks_first_and_no_more_than_it_takes(view):
    def names(*on):
        board = Board(on)
        return [(tab.name, tab.lacks) for tab in offers.tabs(view, board, views.items(view, on))]

    shirt, skirt, boots = "i0", "i60", "i100"
    single = names(shirt)
    assert single[0] == ("bottom", True)
    assert ("dress", False) not in single[:1]
    assert "better" not in dict(single)  # one piece is no outfit
    two = dict(names(shirt, skirt))
    assert "better" in two
    lacks = [lack for _, lack in names(shirt, boots)]
    assert lacks == sorted(lacks, reverse=True)
    for on in ((shirt,), (shirt, skirt), (shirt, skirt, boots)):
        groups = [item.group for item in views.items(view, on)]
        for name, _ in names(*on):
            if name not in (offers.BETTER, offers.WHOLE_LOOKS):
                assert not view.index.grammar.refusal(groups, [name])
    full = [item_id for item_id in view.catalogue.ids if view.index.known[view.row(item_id)]][:12]
    assert set(dict(names(*full))) <= {"better"}


def test_the_rail_works_without_a_script(client):
    """Every control is a link to a whole page, and that page has what the script would fetch."""
    text = client.get("/board?on=i0&on=i100&slot=bag").text
    assert 'data-load="/board/more' not in text
    assert 'aria-label="Add Item' in client.get("/board?on=i0&on=i100").text  # whatever was asked for
    tabs = re.findall(r'class="kind[^"]*" data-swap="more" data-from="(/board/more[^"]+)" href="(/board\?[^"]+)"', text)
    assert tabs
    for fetched, whole in tabs[:3]:
        rail = re.findall(r'aria-label="(Add Item [^"]+)"', client.get(fetched.replace("&amp;", "&")).text)
        assert rail == re.findall(r'aria-label="(Add Item [^"]+)"', client.get(whole.replace("&amp;", "&")).text)
    swap = client.get("/board?on=i0&on=i100&on=i150&swap=i150").text
    assert "Instead of Item 150" in swap
    assert 'aria-label="Swap for' in swap
    part = client.get("/board?on=i0&on=i100&slot=bag", headers={"X-Part": "1"}).text
    assert 'data-load="/board/more' in part  # the script fetches them after the board
