"""Rules: the page of rules: how often each is right, with examples, and what all that are on change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from goeswith.errors import GoeswithError
from goeswith.rules.check import Checked, check
from goeswith.rules.rules import Rule
from goeswith.studio.pages.rule_effects import effect
from goeswith.studio.pages.rule_switches import Switched, switched, text_of
from goeswith.studio.pages.views import item
from goeswith.studio.service.catalogue_view import Wall, once
from goeswith.studio.service.source import dataset

ORIGINS = {
    "run": "This run was trained with these rules; the trust in each was learned.",
    "file": "From the data set's rules.toml. All active rules are trusted equally.",
    "mined": "Mined from the training outfits just now. All active rules are trusted equally.",
}
ALIKE = "This run was trained with these rules. Together with a rule written here, all are trusted equally."


def checked(wall: Wall, rules: Sequence[Rule]) -> list[Checked]:
    """Coverage, precision and examples of each rule, on validation outfits.

    Raises:
        DataError, CatalogueError: see `goeswith.rules.check.check`.
    """
    cache = _checked_before(wall)
    for rule in rules:
        if rule not in cache:
            cache[rule] = check([rule], dataset(wall), splits=("valid",), examples=2)[0]
    return [cache[rule] for rule in rules]


@once
def _checked_before(wall: Wall) -> dict[Rule, Checked]:
    """What was found of rules so far."""
    return {}


def values(wall: Wall) -> dict[str, list[str]]:
    """Attribute → values that the catalogue has, for those who write a rule."""
    columns = ("category", "colour", "material", "pattern", "brand", "season")
    frame = wall.catalogue.items
    counted = {name: frame[name].drop_nulls().value_counts(sort=True)[name].to_list()[:200] for name in columns}
    return {name: most for name, most in counted.items() if len(most) > 1} | {"word": []}


def page(wall: Wall, off: Sequence[int], written: Sequence[str]) -> dict[str, Any]:
    """All that the page of rules shows; what cannot be done is told in its place."""
    shown: dict[str, Any] = {
        "said": "", "rules": [], "effect": None, "trouble": "", "origin": "", "values": values(wall), "off": list(off),
        "written": list(written),
    }  # fmt: skip
    try:
        there = switched(wall, off, written)
        shown["origin"] = ORIGINS[there.origin]
        if there.origin == "run" and there.written:
            shown["origin"] = (
                "This run was trained with these rules. Together with a rule written here, all are trusted equally."
            )
        checks = checked(wall, there.rules)
        shown["rules"] = [_row(wall, there, number, each) for number, each in enumerate(checks)]
        shown["effect"] = effect(wall, there) if there.rules else None
        shown["said"] = f"{sum(there.active)} of {len(there.rules)} rules are on"
    except GoeswithError as error:
        shown["trouble"] = str(error)
    return shown


def _row(wall: Wall, there: Switched, number: int, check_result: Checked) -> dict[str, Any]:
    measured = check_result.measured["valid"]
    examples = [
        {"pieces": [item(wall, wall.index.shelf.place[item_id]) for item_id in example.items], "good": good}
        for good, some in ((True, check_result.right[:2]), (False, check_result.wrong[:1])) for example in some
        if all(item_id in wall.index.shelf.place for item_id in example.items)
    ]  # fmt: skip
    return {
        "place": number, "rule": check_result.rule, "on": number not in there.off, "written": number >= len(there.base),
        "text": text_of(check_result.rule), "coverage": measured.coverage, "precision": measured.precision,
        "active": measured.active, "low": measured.interval[0], "high": measured.interval[1], "examples": examples,
        "warnings": check_result.warnings,
    }  # fmt: skip
