"""Rules: the page of rules: how often each is right, with examples, and what all that are on change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from goeswith.errors import GoeswithError
from goeswith.rules.check import Checked, check
from goeswith.rules.rules import Rule
from goeswith.studio.pages.rule_effects import effect
from goeswith.studio.pages.rule_switches import Switched, kept
from goeswith.studio.pages.views import item
from goeswith.studio.service.catalogue_view import Wall, once
from goeswith.studio.service.shop_rules import Switches, text_of
from goeswith.studio.service.source import dataset

ORIGINS = {
    "run": "The rules that this run was trained with: it has learned them, and a switch makes it keep to one more.",
    "file": "The rules of the data set’s rules.toml.",
    "mined": "Rules that the training outfits follow, found just now.",
}


def checked(wall: Wall, rules: Sequence[Rule]) -> list[Checked]:
    """Coverage, precision and examples of each rule, on validation outfits.

    Raises:
        DataError, CatalogueError: see `goeswith.rules.check.check`.
    """
    known = _known(wall)
    for rule in rules:
        if rule not in known:
            known[rule] = check([rule], dataset(wall), splits=("valid",), examples=2)[0]
    return [known[rule] for rule in rules]


@once
def _known(wall: Wall) -> dict[Rule, Checked]:
    """What was found of rules so far."""
    return {}


def values(wall: Wall) -> dict[str, list[str]]:
    """Attribute → values that the catalogue has, for those who write a rule."""
    columns = ("category", "colour", "material", "pattern", "brand", "season")
    frame = wall.catalogue.items
    found = {name: frame[name].drop_nulls().value_counts(sort=True)[name].to_list()[:200] for name in columns}
    return {name: told for name, told in found.items() if len(told) > 1} | {"word": []}


def page(wall: Wall, switches: Switches, fresh: str = "") -> dict[str, Any]:
    """All that the page of rules shows; what cannot be done is told in its place. fresh: a rule just written."""
    told: dict[str, Any] = {
        "said": "", "rules": [], "effect": None, "trouble": "", "origin": "", "values": values(wall), "fresh": None,
        "written": switches.written,
    }  # fmt: skip
    try:
        there = kept(wall, switches)
        told["origin"] = ORIGINS[there.origin]
        told["rules"] = [_row(wall, there, place, one) for place, one in enumerate(checked(wall, there.rules))]
        told["fresh"] = next((row for row in told["rules"] if row["text"] == fresh), None)
        told["effect"] = effect(wall, there) if there.rules else None
        told["said"] = f"{len(there.on)} of {len(there.rules)} rules are on"
    except GoeswithError as error:
        told["trouble"] = str(error)
    return told


def _row(wall: Wall, there: Switched, place: int, found: Checked) -> dict[str, Any]:
    measured = found.measured["valid"]
    examples = [
        {"pieces": [item(wall, wall.index.shelf.place[one]) for one in example.items], "good": good}
        for good, some in ((True, found.right[:2]), (False, found.wrong[:1])) for example in some
        if all(one in wall.index.shelf.place for one in example.items)
    ]  # fmt: skip
    return {
        "place": place, "rule": found.rule, "on": place not in there.off, "written": place >= len(there.base),
        "text": text_of(found.rule), "coverage": measured.coverage, "precision": measured.precision,
        "active": measured.active, "right": measured.right,
        "low": measured.interval[0], "high": measured.interval[1], "examples": examples,
        "warnings": found.warnings,
    }  # fmt: skip
