"""Rule switches: which rules of a page are on, off, or written by the user."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from goeswith.data.pairs import RULE_BOTTOM, RULE_TOP
from goeswith.data.shelf import nearest
from goeswith.errors import CatalogueError, DataError
from goeswith.rules.mine import mine
from goeswith.rules.rules import Rule, match, read_rules
from goeswith.studio.service.catalogue_view import CatalogueView, once
from goeswith.studio.service.shop_rules import Switches, parse, text_of
from goeswith.studio.service.source import dataset

MINED = 16
"""Rules found in training outfits where neither run nor data set brings any."""
WRITTEN = 12
"""Rules that one page takes."""


@dataclass(frozen=True)
class Switched:
    """The rules of a page: those that were there, which of them are off, and those that somebody wrote."""

    origin: str
    base: tuple[Rule, ...]
    off: frozenset[int]
    written: tuple[Rule, ...]

    @property
    def rules(self) -> tuple[Rule, ...]:
        """All of them."""
        return (*self.base, *self.written)

    @property
    def on(self) -> tuple[Rule, ...]:
        """Those that are on."""
        return tuple(rule for rule, on in zip(self.rules, self.active, strict=True) if on)

    @property
    def active(self) -> list[bool]:
        """One a rule."""
        return [number not in self.off for number in range(len(self.rules))]


def switched(view: CatalogueView, off: Sequence[int], written: Sequence[str]) -> Switched:
    """What an address says.

    Raises:
        DataError: a written rule is none, or the data set is gone.
    """
    origin, base = _base(view)
    rules = [parse(text) for text in written[:WRITTEN]]
    existing = {dataclasses.replace(rule, note="") for rule in base}
    fresh = tuple(dict.fromkeys(rule for rule in rules if rule not in existing))
    return Switched(origin, base, frozenset(off), fresh)


@once
def _base(view: CatalogueView) -> tuple[str, tuple[Rule, ...]]:
    stored = view.index.run.config.get("rules")
    if stored is not None:
        return "run", tuple(Rule(**rule) for rule in stored["rules"])
    data = dataset(view)
    file = data.path / "rules.toml"
    if file.is_file():
        return "file", tuple(read_rules(file))
    return "mined", tuple(mined.rule for mined in mine(data, most=MINED))


def stored(view: CatalogueView, switches: Switches) -> Switched:
    """The rules with the switches as they are kept; a rule that is gone is off.

    Raises:
        DataError: see `switched`.
    """
    current = switched(view, (), switches.written)
    off = [position for position, rule in enumerate(current.rules) if text_of(rule) not in switches.on]
    return switched(view, off, switches.written)


def added(view: CatalogueView, written: Sequence[str], draft: Mapping[str, str]) -> list[str]:
    """The written rules with one more.

    Raises:
        DataError: it is not a rule, already exists, or there are too many. CatalogueError: an unknown attribute, or a
            value that no item has.
    """
    text = json.dumps([draft["attribute"], draft["top"], draft["bottom"], draft["sign"]])
    rule = parse(text)
    _check_values(view, rule)
    if rule in {dataclasses.replace(other, note="") for other in switched(view, (), written).rules}:
        raise DataError(f"the rule {str(rule)!r} already exists; switch it on or write another")
    if len(written) >= WRITTEN:
        raise DataError(f"at most {WRITTEN} rules can be written here; use a rule file for more")
    return [*written, text_of(rule)]


def _check_values(view: CatalogueView, rule: Rule) -> None:
    """Raise CatalogueError where no item of a side has the value of the rule, with the nearest one that some have."""
    matches, items = match([rule], view.catalogue), view.catalogue.items
    sides = (("top or outerwear", rule.top, matches.tops, RULE_TOP), ("bottom or dress", rule.bottom, matches.bottoms,
             RULE_BOTTOM))  # fmt: skip
    for kind, value, having, groups in sides:
        if having.any():
            continue
        column = items.filter(items["group"].is_in(groups))["title" if rule.attribute == "word" else rule.attribute]
        texts = column.drop_nulls().cast(pl.String).value_counts(sort=True)[column.name].to_list()
        names = list(dict.fromkeys(" ".join(texts).lower().split())) if rule.attribute == "word" else texts
        raise CatalogueError(f"no {kind} has the {rule.attribute} {value!r}; {nearest(value, names)}")
