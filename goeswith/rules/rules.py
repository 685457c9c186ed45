"""Rules: what goes with what, in a file that a person can edit, and which items each rule applies to."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tomli_w

from goeswith.data.catalogue import Catalogue
from goeswith.data.pairs import RULE_BOTTOM, RULE_TOP
from goeswith.errors import CatalogueError, DataError
from goeswith.files import fresh_file
from goeswith.rules.words import mentions, phrase


@dataclass(frozen=True)
class Rule:
    """A value of the top and one of the bottom that go together (``+``) or do not (``-``).

    attribute: a text column of the catalogue, or ``word`` for the words of the title.
    top, bottom: words that it must contain whole, whatever their case; alternatives between ``/``: "coat/coats".
    note: for the person who reads the file.

    Raises:
        DataError: a sign that is none, or a value without a word.
    """

    attribute: str
    top: str
    bottom: str
    sign: Literal["+", "-"]
    note: str = ""

    def __post_init__(self) -> None:
        if self.sign not in ("+", "-"):
            raise DataError(f"the sign {self.sign!r} is unknown; write '+' (goes together) or '-' (does not)")
        for side in ("top", "bottom"):
            if not all(self.alternatives(side)):
                raise DataError(f"{side} = {getattr(self, side)!r} lacks a word; write one on each side of every '/'")

    def __str__(self) -> str:
        return f"{self.attribute}: {'no ' if self.sign == '-' else ''}{self.top} + {self.bottom}"

    def alternatives(self, side: str) -> list[str]:
        """The phrases of one side, ``top`` or ``bottom``, as they are looked for."""
        return [phrase(value) for value in getattr(self, side).split("/")]


_FIELDS = {field.name: field.default is dataclasses.MISSING for field in dataclasses.fields(Rule)}  # name → needed
_HEAD = re.compile(r"^\s*\[\[\s*rule\s*\]\]", re.MULTILINE)


def read_rules(path: Path | str) -> list[Rule]:
    """Read a file of ``[[rule]]`` tables.

    Raises:
        DataError: the file is missing, is not TOML, has no rule, or one that is not whole; the message has its line.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
        tables = tomllib.loads(text)
    except FileNotFoundError:
        raise DataError(
            f"there is no rule file {path}; make one with: goeswith rules mine DATASET --out {path}"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{path} is not valid TOML: {error}; see the other rules of the file for the form") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path} as text: {error}") from None
    unknown_fields = sorted(set(tables) - {"rule"})
    entries = tables.get("rule")
    if unknown_fields:
        raise DataError(f"{path} has {unknown_fields[0]!r} outside a rule; rules begin with a line [[rule]]")
    if not isinstance(entries, list) or not entries or not all(isinstance(table, dict) for table in entries):
        raise DataError(f"{path} has no rule; write one below a line [[rule]], with {', '.join(_FIELDS)}")
    heads = [text.count("\n", 0, head.end()) + 1 for head in _HEAD.finditer(text)]
    lines = [f" (line {line})" for line in heads] if len(heads) == len(entries) else [""] * len(entries)
    locations = [f"{path}, rule {number}{line}" for number, line in enumerate(lines, 1)]
    rules = [_rule(table, location) for table, location in zip(entries, locations, strict=True)]
    return _each_once(rules, locations)


def _rule(table: dict[str, Any], location: str) -> Rule:
    """A rule from its table; `location` is named where it is not one."""
    for name in table:
        if name not in _FIELDS:
            raise DataError(f"{location}: unknown field {name!r}; the fields are: {', '.join(_FIELDS)}")
    for name, needed in _FIELDS.items():
        if needed and name not in table:
            raise DataError(f"{location}: the field {name!r} is missing; a rule needs attribute, top, bottom and sign")
        if name in table and not isinstance(table[name], str):
            raise DataError(f"{location}: {name} = {table[name]!r} is not text; put it into quotes")
    try:
        return Rule(**table)
    except DataError as error:
        raise DataError(f"{location}: {error}") from None


def _each_once(rules: list[Rule], locations: Sequence[str]) -> list[Rule]:
    """The rules, without duplicates, which would count double."""
    seen: dict[Rule, int] = {}
    for number, (rule, location) in enumerate(zip(rules, locations, strict=True), 1):
        first = seen.setdefault(dataclasses.replace(rule, note=""), number)
        if first != number:
            raise DataError(f"{location}: {str(rule)!r} is already in the file, as rule {first}; remove one of them")
    return rules


def write_rules(rules: Sequence[Rule], path: Path | str, *, comment: str = "", comments: Sequence[str] = ()) -> None:
    """Write a rule file; `comment` stands at its head, `comments` (one a rule, or none) above each rule.

    Raises:
        DataError: it cannot be written there.
    """
    above = [_comment(text) for text in comments] or [""] * len(rules)
    parts = [above_rule + _table(rule) for rule, above_rule in zip(rules, above, strict=True)]
    head = [_comment(comment)] if comment else []
    with fresh_file(Path(path)) as partial:
        partial.write_text("\n".join([*head, *parts]), encoding="utf-8")


def _table(rule: Rule) -> str:
    fields = {name: value for name, value in dataclasses.asdict(rule).items() if value or _FIELDS[name]}
    return "[[rule]]\n" + tomli_w.dumps(fields)


def _comment(text: str) -> str:
    lines = (re.sub(r"[\x00-\x08\x0a-\x1f\x7f]", " ", line) for line in text.split("\n"))
    return "".join(f"# {line}".rstrip() + "\n" for line in lines)


@dataclass(frozen=True)
class Matches:
    """Which items of a catalogue match which side of which of L rules.

    tops, bottoms: (U, ceil(L / 8)) uint8, bit l (`numpy.packbits` order) set where the item has a group of that side
    and the value of rule l. Eight rules are compared at once, and 1,000 rules × 30,000 items are 7 MB.
    """

    rules: tuple[Rule, ...]
    tops: np.ndarray
    bottoms: np.ndarray

    def pairs(self, tops: np.ndarray, bottoms: np.ndarray) -> np.ndarray:
        """Which rules pairs meet on both sides: rows (N,) and (N,) → (N, L) bool."""
        return self._unpacked(self.tops[tops] & self.bottoms[bottoms])

    def votes(self, tops: np.ndarray, bottoms: np.ndarray, others: np.ndarray) -> np.ndarray:
        """What the rules say of triplets, rows (N,) each: (N, L) int8, +1 for `bottoms`, −1 for `others`, 0 silent.

        A rule is active where the top matches and exactly one of the two bottoms does (f_l of AKD-DBPR).
        """
        top, first, second = self.tops[tops], self.bottoms[bottoms], self.bottoms[others]
        for_one, for_other = self._unpacked(top & first & ~second), self._unpacked(top & second & ~first)
        signs = np.array([1 if rule.sign == "+" else -1 for rule in self.rules], np.int8)
        return (for_one.view(np.int8) - for_other.view(np.int8)) * signs

    def fire(self, items: np.ndarray, mask: np.ndarray, position: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        """Which rules the candidates for a blank meet with any of the other items, as its top or as its bottom.

        items (B, n) rows, mask (B, n) True = real, position (B,) of the blank, candidates (B, m) rows → (B, m, L) bool.
        """
        others = mask & (np.arange(items.shape[1]) != position[:, None])
        tops = np.bitwise_or.reduce(np.where(others[..., None], self.tops[items], 0), axis=1)[:, None]
        bottoms = np.bitwise_or.reduce(np.where(others[..., None], self.bottoms[items], 0), axis=1)[:, None]
        return self._unpacked((self.tops[candidates] & bottoms) | (self.bottoms[candidates] & tops))

    def _unpacked(self, bits: np.ndarray) -> np.ndarray:
        return np.unpackbits(bits, axis=-1, count=len(self.rules)).view(bool)


def match(rules: Sequence[Rule], catalogue: Catalogue) -> Matches:
    """Look every rule up in a catalogue: once for each attribute, whatever the number of rules and items.

    Raises:
        CatalogueError: a rule names an attribute that the catalogue does not have.
    """
    held = {side: np.zeros((len(rules), len(catalogue)), dtype=bool) for side in ("top", "bottom")}
    for attribute in dict.fromkeys(rule.attribute for rule in rules):
        indices = [index for index, rule in enumerate(rules) if rule.attribute == attribute]
        values = [getattr(rules[index], side) for side in held for index in indices]
        try:
            says = mentions(catalogue, attribute, values)
        except CatalogueError as error:
            raise CatalogueError(f"rule {str(rules[indices[0]])!r}: {error}") from None
        held["top"][indices], held["bottom"][indices] = np.split(says, 2)
    groups = catalogue.items["group"].fill_null("")
    able = {"top": groups.is_in(RULE_TOP).to_numpy(), "bottom": groups.is_in(RULE_BOTTOM).to_numpy()}
    return Matches(tuple(rules), *(_packed(held[side] & able[side]) for side in held))


def _packed(held: np.ndarray) -> np.ndarray:
    """(L, U) bool → (U, ceil(L / 8)) uint8; several times faster than `numpy.packbits` along the first axis."""
    eights = np.pad(held.view(np.uint8), ((0, -len(held) % 8), (0, 0))).reshape(-1, 8, held.shape[1])
    bits = np.bitwise_or.reduce(eights << np.arange(7, -1, -1, dtype=np.uint8)[:, None], axis=1)
    return np.ascontiguousarray(bits.T)
