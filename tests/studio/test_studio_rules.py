"""Rules in the studio: switched, written, and what they change as a naive loop says."""

import json

import pytest
from answers import Parts
from served import COLOURS

from goeswith.studio.pages import rule_effects as effects
from goeswith.studio.pages import rule_switches as switches
from goeswith.studio.pages import rules as ruling


@pytest.mark.parametrize(("changed", "words"), [(0, "0 picks change"), (1, "1 pick changes"), (2, "2 picks change")])
def test_picks_are_counted_in_grammar(client, monkeypatch, changed, words):
    real = effects.effect
    monkeypatch.setattr(ruling, "effect", lambda *given: real(*given) | {"changed": changed})
    written = {"rule": json.dumps(["colour", COLOURS[0], COLOURS[1], "+"])}
    assert f"{words}<" in client.get("/rules", params=written).text


def test_rules_that_are_off_change_nothing(client, wall):
    written = json.dumps(["colour", COLOURS[0], COLOURS[1], "+"])
    there = switches.switched(wall, (), [written])
    on = effects.effect(wall, there)
    off = effects.effect(wall, switches.switched(wall, range(len(there.rules)), [written]))
    assert off["coverage"] == 0
    assert off["changed"] == 0
    assert off["right_before"] == off["right_after"] == on["right_before"]
    assert on["coverage"] > 0.1
    assert on["boards"]
    assert not off["boards"]


def test_a_written_rule_is_measured_as_a_naive_loop_says(wall):
    rule = switches.parse(json.dumps(["colour", COLOURS[0], COLOURS[1], "-"]))
    there = switches.switched(wall, (), [switches.text_of(rule)])
    only = switches.switched(wall, range(len(there.base)), [switches.text_of(rule)])
    found, asked = effects.effect(wall, only), effects.asked_of(wall)
    items = wall.catalogue.items
    speaks = 0
    for context, mask, candidates in zip(asked.context, asked.mask, asked.candidates, strict=True):
        tops = [row for row in context[mask] if items["group"][int(row)] == "top"]
        black = any(items["colour"][int(row)] == COLOURS[0] for row in tops)
        red = [items["colour"][int(row)] == COLOURS[1] for row in candidates]
        speaks += black and any(red) and not all(red)
    assert found["coverage"] == pytest.approx(speaks / len(asked.candidates))


def test_rules_are_written_and_switched_in_the_address(client):
    text = client.get("/rules?attribute=colour&top=black&bottom=red&sign=-").text
    assert "black not with red" in text
    again = client.get("/rules", params={"attribute": "colour", "top": "black", "bottom": "red", "sign": "-",
                                         "rule": json.dumps(["colour", "black", "red", "-"])}).text  # fmt: skip
    assert "already exists" in again
    assert "lacks a word" in client.get("/rules?attribute=colour&top=+&bottom=red").text
    assert "no attribute &#39;smell&#39;" in client.get("/rules?attribute=smell&top=a&bottom=b").text
    assert "cannot be read" in client.get("/rules?rule=nonsense").text
    off = Parts(client.get("/rules", params={"asked": 1, "rule": json.dumps(["colour", "black", "red", "-"])}).text)
    assert off.of("input", role="switch")
    assert not [a for a in off.of("input", role="switch") if "checked" in a]
