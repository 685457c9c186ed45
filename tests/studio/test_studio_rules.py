"""Rules in the studio: switched, written, followed at once, and what they change as a naive loop says."""

import asyncio
import json
from html import unescape

import numpy as np
import pytest
from answers import Parts
from served import COLOURS

from goeswith.errors import DataError
from goeswith.rules.pairs import NO_PAIRS
from goeswith.shop.ruled_scorer import RuledScorer, spread
from goeswith.shop.stylist import Stylist
from goeswith.studio.pages import rule_effects as effects
from goeswith.studio.pages import rule_switches as switches
from goeswith.studio.pages import rules as ruling
from goeswith.studio.service.shop_rules import ShopRules, Switches, parse, text_of
from goeswith.train.scorers import RunScorer

TEXT = json.dumps(["colour", COLOURS[0], COLOURS[1], "-"])


@pytest.mark.parametrize(("changed", "words"), [(0, "0 picks change"), (1, "1 pick changes"), (2, "2 picks change")])
def test_picks_are_counted_in_grammar(client, monkeypatch, changed, words):
    real = effects.effect
    monkeypatch.setattr(ruling, "effect", lambda *arguments: real(*arguments) | {"changed": changed})
    client.app.state.shop.rules.write((), (TEXT,))
    assert f"{words}<" in client.get("/rules").text
    client.app.state.shop.rules.write((), ())


def test_the_page_of_rules_shows_no_path_of_the_data_set(client, view, monkeypatch):
    def missing(*_):
        raise DataError(f"{view.index.dataset} {NO_PAIRS}")

    monkeypatch.setattr(ruling, "stored", missing)
    text = unescape(client.get("/rules").text)
    assert "The data set has no outfit with a top (group " in text
    assert str(view.index.dataset) not in text


def test_rules_that_are_off_change_nothing(client, view):
    on = effects.effect(view, switches.stored(view, Switches((TEXT,), (TEXT,))))
    off = effects.effect(view, switches.stored(view, Switches((), (TEXT,))))
    assert (off["coverage"], off["changed"], off["boards"]) == (0, 0, [])
    assert off["right_before"] == off["right_after"] == on["right_before"]
    assert on["coverage"] > 0.1
    assert on["boards"]


def test_a_written_rule_is_measured_as_a_naive_loop_says(view):
    only = switches.stored(view, Switches((TEXT,), (TEXT,)))
    measured, questions = effects.effect(view, only), effects.hidden_bottoms(view)
    items = view.catalogue.items
    speaks = 0
    for context, mask, candidates in zip(questions.context, questions.mask, questions.candidates, strict=True):
        tops = [row for row in context[mask] if items["group"][int(row)] == "top"]
        black = any(items["colour"][int(row)] == COLOURS[0] for row in tops)
        red = [items["colour"][int(row)] == COLOURS[1] for row in candidates]
        speaks += black and any(red) and not all(red)
    assert measured["coverage"] == pytest.approx(speaks / len(questions.candidates))


def test_a_ruled_score_is_what_a_loop_says(view):
    """Two rules that may contradict each other, over outfits of all sizes with padding."""
    rules = [parse(TEXT), parse(json.dumps(["colour", COLOURS[0], COLOURS[2], "+"]))]
    alone = view.index.without_rules().scorer
    ruled, items = RuledScorer(alone, view.catalogue, rules), view.catalogue.items
    chance = np.random.default_rng(0)
    outfits = np.stack([chance.permutation(np.flatnonzero(alone.present))[:4] for _ in range(200)])
    mask = np.arange(4) < chance.integers(2, 5, 200)[:, None]
    moved = (ruled.score(outfits, mask) - alone.score(outfits, mask)) / ruled.worth
    for rows, real, by in zip(outfits, mask, moved, strict=True):
        pieces = [items.row(int(row), named=True) for row in rows[real]]
        tops = [item for item in pieces if item["group"] in ("top", "outer")]
        bottoms = [item for item in pieces if item["group"] in ("bottom", "dress")]
        against = any(a["colour"] == COLOURS[0] and b["colour"] == COLOURS[1] for a in tops for b in bottoms)
        together = any(a["colour"] == COLOURS[0] and b["colour"] == COLOURS[2] for a in tops for b in bottoms)
        expected = (together - against) / max(together + against, 1)
        assert by == pytest.approx(expected, abs=1e-6)
    assert set(moved.round(3)) == {-1, 0, 1}


def test_items_that_a_model_of_roles_does_not_see_as_tops_or_bottoms_leave_rules_their_worth(view):
    alone, groups = view.index.without_rules().scorer, view.catalogue.items["group"].fill_null("")
    odd = [np.flatnonzero((groups == group).to_numpy() & alone.present)[::2] for group in ("top", "bottom")]

    class Roles(RunScorer):
        def score(self, items, mask):
            unseen = (np.isin(items, np.concatenate(odd)) & mask).any(axis=1)
            return np.where(unseen, np.nan, super().score(items, mask))

    roles = Roles(alone.name, alone.model, alone.states, alone.present)
    assert 0.2 * spread(alone, view.catalogue) < spread(roles, view.catalogue) < 5 * spread(alone, view.catalogue)


def test_a_rule_that_is_on_changes_suggestions_at_once_and_stays(copied):
    index, client = copied
    view = client.app.state.shop.view
    items = view.catalogue.items.select("item_id", "colour", "group")
    top = next(item_id for item_id, colour, group in items.iter_rows()
               if (colour, group) == (COLOURS[0], "top") and view.index.known[view.row(item_id)])  # fmt: skip

    def red():
        looks = view.stylist.fill([top], "bottom", k=10)
        return sum(view.catalogue.items["colour"][view.row(look.added[0])] == COLOURS[1] for look in looks)

    before = red()
    written = {"attribute": "colour", "top": COLOURS[0], "bottom": COLOURS[1], "sign": "-"}
    page = client.post("/rules/write", data=written)
    assert f"“{parse(TEXT)}” is on. It is right on" in unescape(page.text).replace('<b class="number">', "")
    assert before > red()
    switched = [field for field in Parts(page.text).of("input", role="switch") if "checked" in field]
    assert [parse(field["value"]) for field in switched] == [parse(TEXT)]
    stored = ShopRules(index.parent / "rules.json")
    assert stored.read() == Switches((text_of(parse(TEXT)),), (text_of(parse(TEXT)),))
    from goeswith.studio.service.shared import Shop

    again = Shop(index)
    again.keep_to_rules(again.view)
    assert again.view.index.rules == (parse(TEXT),)
    stored.write((), (TEXT,))  # as another process of the service does
    asyncio.run(client.app.state.shop.catch_up(wait=True))
    assert view.index.rules == ()
    client.post("/rules", data={"use": [TEXT]})
    assert "already exists" in client.post("/rules/write", data=written).text
    client.post("/rules", data={})
    assert red() == before
    assert view.index.rules == ()
    client.post("/rules/forget")
    assert stored.read() == Switches()


def test_what_is_no_rule_is_reported_and_nothing_changes(client):
    wrong = client.post("/rules/write", data={"attribute": "colour", "top": " ", "bottom": "red"})
    assert "lacks a word" in wrong.text
    smell = client.post("/rules/write", data={"attribute": "smell", "top": "a", "bottom": "b"})
    assert "no attribute &#39;smell&#39;" in smell.text
    unknown = {"attribute": "colour", "top": "blakc", "bottom": "red"}
    assert "no top or outerwear has the colour 'blakc'; did you mean 'black'?" in unescape(
        client.post("/rules/write", data=unknown).text.lower()
    )
    assert "did you mean 'item'" in unescape(
        client.post("/rules/write", data={"attribute": "word", "top": "item", "bottom": "itme"}).text
    )
    assert "cannot be read" in client.post("/rules", data={"use": ["nonsense"]}).text
    assert client.app.state.shop.view.index.rules == ()


def test_the_page_says_that_no_rule_was_found(client, monkeypatch):
    monkeypatch.setattr(switches, "_base", lambda view: ("mined", ()))
    page = client.get("/rules").text
    assert "No rule was found that the training outfits follow" in page
    assert "found just now" not in page


def test_rules_are_followed_by_a_guest_too(copied):
    _, client = copied
    index = client.app.state.shop.view.index
    index.follow([parse(TEXT)])
    from PIL import Image

    index.add(Image.new("RGB", (8, 8)), category="skirt", title="mine", colour=COLOURS[1])
    assert len(index.scorer.matches.bottoms) == len(index.catalogue)
    assert isinstance(index.scorer, RuledScorer)
    assert Stylist(index.without_rules()).index.rules == ()
