"""Ruling: the rules of a run or of a file on a page: switched, written, and what that changes at once."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from goeswith.errors import DataError, GoeswithError
from goeswith.knowledge.attentive import RulesConfig, RuleTeacher
from goeswith.knowledge.checking import Checked, check
from goeswith.knowledge.mining import mine
from goeswith.knowledge.rules import BOTTOM, TOP, Matches, Rule, match, read_rules
from goeswith.scorers import TaughtScorer
from goeswith.studio.behind import dataset, once, outfit_ids
from goeswith.studio.views import item
from goeswith.studio.wall import Wall

MINED = 16
"""Rules found in training outfits where neither run nor data set brings any."""
WRITTEN = 12
"""Rules that one page takes."""
ASKED = 300
"""Validation outfits whose bottom is hidden to see what rules change."""
SHOWN = 4
"""Of them that are shown."""
CANDIDATES = 4
"""Bottoms to choose from: the worn one first, and others."""
ORIGINS = {
    "run": "This run was taught by these rules; how far each is trusted was learned.",
    "file": "From the data set's rules.toml. Every rule that speaks is trusted alike.",
    "mined": "Found in the training outfits just now. Every rule that speaks is trusted alike.",
}


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
    def active(self) -> list[bool]:
        """One a rule."""
        return [place not in self.off for place in range(len(self.rules))]


def switched(wall: Wall, off: Sequence[int], written: Sequence[str]) -> Switched:
    """What an address says.

    Raises:
        DataError: a written rule is none, or the data set is gone.
    """
    origin, base = _base(wall)
    rules = [parse(text) for text in written[:WRITTEN]]
    fresh = tuple(dict.fromkeys(rule for rule in rules if rule not in base))
    return Switched(origin, base, frozenset(off), fresh)


@once
def _base(wall: Wall) -> tuple[str, tuple[Rule, ...]]:
    told = wall.index.run.config.get("rules")
    if told is not None:
        return "run", tuple(Rule(**rule) for rule in told["rules"])
    data = dataset(wall)
    file = data.path / "rules.toml"
    if file.is_file():
        return "file", tuple(read_rules(file))
    return "mined", tuple(mined.rule for mined in mine(data, most=MINED))


def parse(text: str) -> Rule:
    """A rule from the address: attribute, top, bottom and sign as a JSON list.

    Raises:
        DataError: it is none.
    """
    try:
        attribute, top, bottom, sign = json.loads(text)
        return Rule(str(attribute), str(top).strip(), str(bottom).strip(), sign)
    except (ValueError, TypeError):
        raise DataError("the address holds a rule that cannot be read; write it anew below") from None


def text_of(rule: Rule) -> str:
    """What `parse` reads."""
    return json.dumps([rule.attribute, rule.top, rule.bottom, rule.sign], ensure_ascii=False)


def others(wall: Wall, written: Sequence[str], use: Sequence[int]) -> list[int]:
    """Places of the rules that are not used: a form sends those that are."""
    return sorted(set(range(len(switched(wall, (), written).rules))) - set(use))


def added(wall: Wall, written: Sequence[str], draft: Mapping[str, str]) -> list[str]:
    """The written rules with one more.

    Raises:
        DataError: it is no rule, stands there already, or there are too many. CatalogueError: an unknown attribute.
    """
    text = json.dumps([draft["attribute"], draft["top"], draft["bottom"], draft["sign"]])
    rule = parse(text)
    match([rule], wall.catalogue)
    if rule in {dataclasses.replace(one, note="") for one in switched(wall, (), written).rules}:
        raise DataError(f"the rule {str(rule)!r} is there already; switch it on or write another")
    if len(written) >= WRITTEN:
        raise DataError(f"{WRITTEN} rules are written here already; keep them in a rule file")
    return [*written, text_of(rule)]


def checked(wall: Wall, rules: Sequence[Rule]) -> list[Checked]:
    """Coverage, precision and examples of each rule, on validation outfits.

    Raises:
        DataError, CatalogueError: see `goeswith.knowledge.checking.check`.
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


@dataclass(frozen=True)
class Asked:
    """Validation outfits whose bottom is hidden. context (Q, n), mask (Q, n), candidates (Q, m): rows of the index.

    The worn bottom is the first candidate.
    """

    context: np.ndarray
    mask: np.ndarray
    candidates: np.ndarray


@once
def _asked(wall: Wall) -> Asked:
    data, place_of = dataset(wall), wall.index.shelf.place
    groups = wall.catalogue.items["group"].fill_null("").to_numpy()
    present = wall.index.scorer.present
    able = np.flatnonzero(np.isin(groups[: wall.index.size], BOTTOM) & present[: wall.index.size])
    chance = np.random.default_rng(0)
    contexts, candidates = [], []
    for place in chance.permutation(np.flatnonzero(data.outfits.splits == "valid")).tolist():
        rows = np.array([place_of.get(one, -1) for one in outfit_ids(data, place)])
        if (rows < 0).any() or not present[rows].all() or not np.isin(groups[rows], TOP).any():
            continue
        bottoms = rows[np.isin(groups[rows], BOTTOM)]
        others = np.setdiff1d(able[groups[able] == groups[bottoms[0]]], rows) if len(bottoms) else bottoms
        if len(others) >= CANDIDATES - 1:
            candidates.append([bottoms[0], *chance.choice(others, CANDIDATES - 1, replace=False)])
            contexts.append(rows[rows != bottoms[0]])
        if len(contexts) == ASKED:
            break
    if not contexts:
        raise DataError(f"{data.path} has no validation outfit with a top and a bottom; rules speak of such pairs only")
    width = max(map(len, contexts))
    mask = np.arange(width) < np.array([len(rows) for rows in contexts])[:, None]
    context = np.zeros(mask.shape, np.int64)
    context[mask] = np.concatenate(contexts)
    return Asked(context, mask, np.array(candidates, np.int64))


def _taught(wall: Wall, there: Switched, scores: np.ndarray) -> TaughtScorer:
    """The model and the rules that are on: with what was learned of them where nothing was written, else alike."""
    catalogue: Any = SimpleNamespace(catalogue=wall.catalogue)
    student: Any = wall.index.scorer
    learned = wall.index.run.taught(student, catalogue) if there.origin == "run" and not there.written else None
    if learned is not None:
        learned.teacher.matches = _without(learned.teacher.matches, there.off)
        return learned
    spread = float(np.nanstd(scores - scores.mean(axis=1, keepdims=True))) or 1.0
    settings = RulesConfig(
        confidence="uniform", probability="softmax", smoothness=spread, strength_in="exponent", strength=1.0
    )
    matches = _without(match(there.rules, wall.catalogue), there.off)
    return TaughtScorer(student, RuleTeacher(matches, settings, 1))


def _without(matches: Matches, off: frozenset[int]) -> Matches:
    """Matches in which the rules that are off meet nothing."""
    stays = np.packbits([place not in off for place in range(len(matches.rules))])
    return dataclasses.replace(matches, tops=matches.tops & stays, bottoms=matches.bottoms & stays)


def effect(wall: Wall, there: Switched) -> dict[str, Any]:
    """What the rules that are on change: over many outfits in numbers, and on a few to look at.

    Raises:
        DataError, CatalogueError: there is no outfit to look at, or a rule names an attribute that is not there.
    """
    asked = _asked(wall)
    alone = _alone(wall)
    judged = _taught(wall, there, alone).judge(asked.context, asked.mask, asked.candidates)
    p, q = judged.log_p.exp().numpy(), judged.log_q.exp().numpy()
    fired = judged.fired.numpy()
    active = np.any(fired.any(axis=1) & ~fired.all(axis=1), axis=1)
    before, after = p.argmax(1), q.argmax(1)
    moved = np.argsort(-np.abs(q - p).max(axis=1), kind="stable")[:SHOWN]
    return {
        "asked": len(p), "coverage": float(active.mean()), "right_before": float((before == 0).mean()),
        "right_after": float((after == 0).mean()), "changed": int((before != after).sum()),
        "boards": [_board(wall, asked, there, p, q, fired, at) for at in moved.tolist() if active[at]],
    }  # fmt: skip


@once
def _alone(wall: Wall) -> np.ndarray:
    """Scores (Q, m) of the model, without rules."""
    asked = _asked(wall)
    count, width = asked.candidates.shape[1], asked.context.shape[1]
    items = np.concatenate([np.repeat(asked.context, count, axis=0), asked.candidates.reshape(-1, 1)], axis=1)
    mask = np.pad(np.repeat(asked.mask, count, axis=0), ((0, 0), (0, 1)), constant_values=True)
    assert items.shape[1] == width + 1
    scores: np.ndarray = wall.index.scorer.score(items, mask)
    return scores.reshape(asked.candidates.shape)


def _board(
    wall: Wall, asked: Asked, there: Switched, p: np.ndarray, q: np.ndarray, fired: np.ndarray, at: int
) -> dict[str, Any]:
    """One outfit: its top, the bottoms to choose from before and after, and the rules that decided."""
    rows = asked.context[at][asked.mask[at]]
    groups = wall.catalogue.items["group"].fill_null("").to_numpy()[rows]
    decided = np.flatnonzero(fired[at].any(axis=0) & ~fired[at].all(axis=0))
    order = np.argsort(-q[at], kind="stable").tolist()
    return {
        "top": item(wall, int(rows[np.isin(groups, TOP)][0])),
        "rules": [str(there.rules[place]) for place in decided.tolist()],
        "candidates": [
            {
                "item": item(wall, int(asked.candidates[at, place])), "worn": place == 0,
                "before": float(p[at, place]), "after": float(q[at, place]),
            }
            for place in order
        ],
    }  # fmt: skip


def values(wall: Wall) -> dict[str, list[str]]:
    """Attribute → values that the catalogue has, for those who write a rule."""
    columns = ("category", "colour", "material", "pattern", "brand", "season")
    frame = wall.catalogue.items
    found = {name: frame[name].drop_nulls().value_counts(sort=True)[name].to_list()[:200] for name in columns}
    return {name: told for name, told in found.items() if len(told) > 1} | {"word": []}


def page(wall: Wall, off: Sequence[int], written: Sequence[str]) -> dict[str, Any]:
    """All that the page of rules shows; what cannot be done is told in its place."""
    told: dict[str, Any] = {
        "said": "", "rules": [], "effect": None, "trouble": "", "origin": "", "values": values(wall), "off": list(off),
        "written": list(written),
    }  # fmt: skip
    try:
        there = switched(wall, off, written)
        told["origin"] = ORIGINS[there.origin]
        if there.origin == "run" and there.written:
            told["origin"] += " Beside rules that were written here, all are trusted alike."
        found = checked(wall, there.rules)
        told["rules"] = [_row(wall, there, place, one) for place, one in enumerate(found)]
        told["effect"] = effect(wall, there) if there.rules else None
        told["said"] = f"{sum(there.active)} of {len(there.rules)} rules are on"
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
        "active": measured.active, "low": measured.interval[0], "high": measured.interval[1], "examples": examples,
        "warnings": found.warnings,
    }  # fmt: skip
