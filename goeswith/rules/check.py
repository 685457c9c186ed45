"""Check: how often each rule applies to a data set and is right, with examples, and which rules are faulty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from goeswith.errors import DataError
from goeswith.rules.pairs import NO_PAIRS, RuleScore, measure, triplets, worn_pairs
from goeswith.rules.rules import Matches, Rule, match

if TYPE_CHECKING:
    from goeswith.data.catalogue import Catalogue
    from goeswith.data.dataset import Dataset


@dataclass(frozen=True)
class Example:
    """A triplet on which a rule is active: item ids of a top, the bottom worn with it and another, and their titles."""

    items: tuple[str, str, str]
    titles: tuple[str, str, str]


@dataclass(frozen=True)
class Checked:
    """What a rule does on a data set.

    measured: split → `RuleScore`. tops, bottoms: items of the catalogue that match a side.
    right, wrong: triplets for and against it. contradicts: rules of the same list that say the opposite of the same
    pairs, or of some of them.
    """

    rule: Rule
    measured: dict[str, RuleScore]
    tops: int
    bottoms: int
    right: list[Example]
    wrong: list[Example]
    contradicts: list[Rule]

    @property
    def never_fires(self) -> bool:
        """Whether it is active on no triplet that was looked at."""
        return not any(measured.active for measured in self.measured.values())

    @property
    def warnings(self) -> list[str]:
        """One sentence for each thing that a person should look at."""
        messages = []
        for side, items in (("top", self.tops), ("bottom", self.bottoms)):
            if not items:
                value = getattr(self.rule, side)
                messages.append(f"{str(self.rule)!r} never fires: no {side} has the {self.rule.attribute} {value!r}")
        if self.never_fires and not messages:
            messages.append(f"{str(self.rule)!r} never fires on the triplets of {', '.join(self.measured)}")
        for split, measured in self.measured.items():
            if measured.interval[1] < 0.5:
                messages.append(
                    f"{str(self.rule)!r} is wrong more often than right on {split} ({measured.precision:.0%})"
                )
        messages += [
            f"{str(self.rule)!r} contradicts {str(other)!r}" for other in self.contradicts if self.rule.sign == "+"
        ]
        return messages

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, for JSON; a precision that there is none of is None."""
        measured = {
            split: {
                "triplets": m.triplets, "active": m.active, "right": m.right,
                "coverage": m.coverage if m.triplets else None, "precision": m.precision if m.active else None,
                "low": m.interval[0], "high": m.interval[1],
            }
            for split, m in self.measured.items()
        }  # fmt: skip
        return {
            "rule": str(self.rule), "attribute": self.rule.attribute, "top": self.rule.top, "bottom": self.rule.bottom,
            "sign": self.rule.sign, "note": self.rule.note, "tops": self.tops, "bottoms": self.bottoms,
            "splits": measured, "never_fires": self.never_fires,
            "contradicts": [str(other) for other in self.contradicts], "warnings": self.warnings,
            "right": [vars(example) for example in self.right], "wrong": [vars(example) for example in self.wrong],
        }  # fmt: skip


def check(
    rules: Sequence[Rule],
    dataset: Dataset,
    *,
    splits: Sequence[str] = ("train", "valid"),
    examples: int = 3,
    seed: int = 0,
) -> list[Checked]:
    """Look at each rule, in their order.

    Args:
        splits: where to measure; ``test`` only once everything is chosen. The last but ``test`` gives the examples.
        examples: triplets to show for and against each rule. seed: of triplets that the data set does not have.

    Raises:
        DataError: the data set has no outfit with a top and a bottom.
        CatalogueError: a rule names an attribute that the catalogue does not have.
    """
    catalogue = dataset.catalogue
    matches = match(rules, catalogue)
    if not len(worn_pairs(dataset.outfits, catalogue)):
        raise DataError(f"{dataset.path} {NO_PAIRS}")
    questions = {split: triplets(dataset, split, seed) for split in splits}
    measured = {split: measure(matches, some) for split, some in questions.items()}
    shown = next((questions[split] for split in reversed(splits) if split != "test"), np.zeros((0, 3), np.int64))
    right, wrong = _examples(matches, shown, examples, catalogue)
    tops, bottoms = (np.unpackbits(bits, axis=1, count=len(rules)).sum(0) for bits in (matches.tops, matches.bottoms))
    contradictions = contradicting(rules)
    return [
        Checked(
            rule=rule,
            measured={split: results[index] for split, results in measured.items()},
            tops=int(tops[index]),
            bottoms=int(bottoms[index]),
            right=right[index],
            wrong=wrong[index],
            contradicts=contradictions[index],
        )
        for index, rule in enumerate(rules)
    ]


def contradicting(rules: Sequence[Rule]) -> list[list[Rule]]:
    """For each rule those of the same attribute and the other sign that speak of some of the same pairs.

    They do if each side has an alternative that holds, as whole words, one of the other rule's: "day dresses" are
    dresses. Values that only happen to stand on the same items are no contradiction.
    """
    contradictions: list[list[Rule]] = [[] for _ in rules]
    sides = [{side: [f" {p} " for p in rule.alternatives(side)] for side in ("top", "bottom")} for rule in rules]
    plus, minus = ([index for index, rule in enumerate(rules) if rule.sign == sign] for sign in "+-")
    for positive in plus:
        for negative in minus:
            if rules[positive].attribute == rules[negative].attribute and all(
                any(a in b or b in a for a in sides[positive][side] for b in sides[negative][side])
                for side in sides[positive]
            ):
                contradictions[positive].append(rules[negative])
                contradictions[negative].append(rules[positive])
    return contradictions


def _examples(
    matches: Matches, shown: np.ndarray, count: int, catalogue: Catalogue
) -> tuple[list[list[Example]], list[list[Example]]]:
    """The first `count` triplets of different tops that speak for each rule, and those against it."""
    votes = np.ascontiguousarray(matches.votes(*shown.T).T)  # (L, N)
    ids, titles = catalogue.items["item_id"], catalogue.items["title"].fill_null("")

    def some(active: np.ndarray) -> list[Example]:
        first = np.sort(np.unique(shown[active, 0], return_index=True)[1])[:count]
        rows = shown[active][first]
        return [Example((*ids.gather(row),), (*titles.gather(row),)) for row in rows]

    return [some(vote > 0) for vote in votes], [some(vote < 0) for vote in votes]
