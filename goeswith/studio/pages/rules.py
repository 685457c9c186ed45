"""Rules: the page of rules: how often each is right, with examples, and the effect of all that are on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from goeswith.errors import GoeswithError
from goeswith.rules.check import Checked, check
from goeswith.rules.rules import Rule
from goeswith.studio.pages.rule_effects import effect
from goeswith.studio.pages.rule_switches import Switched, stored
from goeswith.studio.pages.views import item
from goeswith.studio.service.catalogue_view import CatalogueView, once
from goeswith.studio.service.shop_rules import Switches, text_of
from goeswith.studio.service.source import dataset, in_words

ORIGINS = {
    "run": "The rules that this run was trained with. A rule that is switched on is also applied to every score.",
    "file": "The rules of the data set’s rules.toml.",
    "mined": "Rules that the training outfits follow, found just now.",
}

NONE = "No rule was found that the training outfits follow; you can write one."


def checked(view: CatalogueView, rules: Sequence[Rule]) -> list[Checked]:
    """Coverage, precision and examples of each rule, on validation outfits.

    Raises:
        DataError, CatalogueError: see `goeswith.rules.check.check`.
    """
    cache = _checked_before(view)
    for rule in rules:
        if rule not in cache:
            cache[rule] = check([rule], dataset(view), splits=("valid",), examples=2)[0]
    return [cache[rule] for rule in rules]


@once
def _checked_before(view: CatalogueView) -> dict[Rule, Checked]:
    """What was found of rules so far."""
    return {}


def values(view: CatalogueView) -> dict[str, list[str]]:
    """Attribute → values that the catalogue has, for writing a rule."""
    columns = ("category", "colour", "material", "pattern", "brand", "season")
    frame = view.catalogue.items
    counted = {name: frame[name].drop_nulls().value_counts(sort=True)[name].to_list()[:200] for name in columns}
    return {name: most for name, most in counted.items() if len(most) > 1} | {"word": []}


def page(view: CatalogueView, switches: Switches, fresh: str = "") -> dict[str, Any]:
    """All that the page of rules shows; what cannot be done is shown in its place. fresh: a rule just written."""
    shown: dict[str, Any] = {
        "announcement": "", "rules": [], "effect": None, "trouble": "", "origin": "",
        "values": values(view), "fresh": None, "written": switches.written,
    }  # fmt: skip
    try:
        switched = stored(view, switches)
        shown["origin"] = ORIGINS[switched.origin] if switched.base else NONE
        shown["rules"] = [
            _row(view, switched, number, each) for number, each in enumerate(checked(view, switched.rules))
        ]
        shown["fresh"] = next((row for row in shown["rules"] if row["text"] == fresh), None)
        shown["effect"] = effect(view, switched) if switched.rules else None
        shown["announcement"] = f"{len(switched.on)} of {len(switched.rules)} rules are on"
    except GoeswithError as error:
        shown["trouble"] = in_words(view, error)
    return shown


def _row(view: CatalogueView, switched: Switched, number: int, check_result: Checked) -> dict[str, Any]:
    measured = check_result.measured["valid"]
    examples = [
        {"pieces": [item(view, view.index.row_of[item_id]) for item_id in example.items], "good": good}
        for good, some in ((True, check_result.right[:2]), (False, check_result.wrong[:1])) for example in some
        if all(item_id in view.index.row_of for item_id in example.items)
    ]  # fmt: skip
    return {
        "number": number, "rule": check_result.rule, "on": number not in switched.off,
        "written": number >= len(switched.base),
        "text": text_of(check_result.rule), "coverage": measured.coverage, "precision": measured.precision,
        "active": measured.active, "right": measured.right, "low": measured.interval[0], "high": measured.interval[1],
        "examples": examples, "warnings": check_result.warnings,
    }  # fmt: skip
