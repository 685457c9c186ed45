"""Rule effects: what rules change: in numbers over validation outfits with a hidden bottom, and in examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from goeswith.data.outfits import beside, pad
from goeswith.data.pairs import RULE_BOTTOM, RULE_TOP
from goeswith.errors import DataError, GoeswithError
from goeswith.rules.rules import Rule, match
from goeswith.shop.ruled_scorer import RuledScorer
from goeswith.shop.stylist import Stylist
from goeswith.studio.pages.rule_switches import Switched
from goeswith.studio.pages.views import item, items
from goeswith.studio.service.catalogue_view import CatalogueView, once
from goeswith.studio.service.source import dataset, held_out, outfit_ids
from goeswith.train.scorers import RunScorer

OUTFITS = 300
"""Validation outfits whose bottom is hidden to see what rules change."""
SHOWN, COMPARED, SUGGESTED = 3, 8, 3
"""Pieces that are shown, pieces whose suggestions are compared, and suggestions of each."""
CANDIDATES = 4
"""Bottoms to choose from: the worn one first, and others."""


@dataclass(frozen=True)
class HiddenBottoms:
    """Validation outfits whose bottom is hidden. context (Q, n), mask (Q, n), candidates (Q, m): rows of the index.

    The worn bottom is the first candidate.
    """

    context: np.ndarray
    mask: np.ndarray
    candidates: np.ndarray

    @cached_property
    def rows(self) -> np.ndarray:
        """(n,) the rows that occur, ascending."""
        return np.unique(np.concatenate([self.context.ravel(), self.candidates.ravel()]))


@once
def hidden_bottoms(view: CatalogueView) -> HiddenBottoms:
    """At most `OUTFITS` random validation outfits with a top and a bottom, and other bottoms of its group."""
    data, row_of = dataset(view), view.index.row_of
    groups = view.catalogue.items["group"].fill_null("").to_numpy()
    present = view.index.scorer.present
    able = np.flatnonzero(np.isin(groups[: view.index.size], RULE_BOTTOM) & present[: view.index.size])
    chance = np.random.default_rng(0)
    contexts, candidates = [], []
    for outfit in chance.permutation(np.flatnonzero(data.outfits.splits == "valid")).tolist():
        rows = np.array([row_of.get(item_id, -1) for item_id in outfit_ids(data, outfit)])
        if (rows < 0).any() or not present[rows].all() or not np.isin(groups[rows], RULE_TOP).any():
            continue
        bottoms = rows[np.isin(groups[rows], RULE_BOTTOM)]
        others = np.setdiff1d(able[groups[able] == groups[bottoms[0]]], rows) if len(bottoms) else bottoms
        if len(others) >= CANDIDATES - 1:
            candidates.append([bottoms[0], *chance.choice(others, CANDIDATES - 1, replace=False)])
            contexts.append(rows[rows != bottoms[0]])
        if len(contexts) == OUTFITS:
            break
    if not contexts:
        raise DataError(f"{data.path} has no validation outfit with a top and a bottom; rules apply only to such pairs")
    context, mask = pad(np.concatenate(contexts), np.cumsum([0, *map(len, contexts)]))
    return HiddenBottoms(context, mask, np.array(candidates, np.int64))


def effect(view: CatalogueView, switched: Switched) -> dict[str, Any]:
    """What the rules that are on change, over many outfits in numbers.

    Raises:
        DataError, CatalogueError: there is no outfit to look at, or a rule names an attribute that is not there.
    """
    hidden, before = hidden_bottoms(view), _alone(view)
    after, active = before, np.zeros(len(before), bool)
    if rules := switched.on:
        after = _scores(hidden, held_out(view).scorer(hidden.rows, rules))
        blank = np.full(len(before), hidden.context.shape[1])
        items, mask = (np.pad(part, ((0, 0), (0, 1))) for part in (hidden.context, hidden.mask))
        fired = match(rules, view.catalogue).fire(items, mask, blank, hidden.candidates)
        active = np.any(fired.any(axis=1) & ~fired.all(axis=1), axis=1)
    picks, ruled = before.argmax(1), after.argmax(1)
    return {
        "outfits": len(before), "coverage": float(active.mean()), "right_before": float((picks == 0).mean()),
        "right_after": float((ruled == 0).mean()), "changed": int((picks != ruled).sum()),
        "boards": suggested(view, rules) if rules else [],
    }  # fmt: skip


def suggested(view: CatalogueView, rules: Sequence[Rule]) -> list[dict[str, Any]]:
    """Pieces whose suggestions the rules change most: the first bottoms of the model alone, and those with the rules.

    The index follows the rules already or will: what it answers without them comes from a copy of it.
    """
    alone, ruled = view.index.without_rules(), view.index.without_rules()
    ruled.scorer = RuledScorer(alone.scorer, view.catalogue, rules)
    matches = match(rules, view.catalogue)
    named = matches.tops[: view.index.size].any(axis=1) & view.index.known
    tops = np.random.default_rng(0).permutation(np.flatnonzero(named))[:COMPARED].tolist()
    changed = []
    for top in tops:
        try:
            first, second = (_bottoms(Stylist(index), view.catalogue.ids[top]) for index in (alone, ruled))
        except GoeswithError:
            continue
        if first != second:
            rows = view.catalogue.rows([*first, *second])
            made = matches.pairs(np.full(len(rows), top), rows).any(axis=0)
            words = [str(rules[position]) for position in np.flatnonzero(made).tolist()]
            dropped = len({*first} - {*second})
            board = {"top": item(view, top), "before": items(view, first), "after": items(view, second)}
            changed.append((dropped, board | {"rules": words, "new": {*second} - {*first}}))
    changed.sort(key=lambda pair: -pair[0])
    return [board for _, board in changed[:SHOWN]]


def _bottoms(stylist: Stylist, top: str) -> list[str]:
    looks = stylist.fill([top], "bottom", k=SUGGESTED)
    return [look.added[0] for look in sorted(looks, key=lambda look: -look.score)]


@once
def _alone(view: CatalogueView) -> np.ndarray:
    """Scores (Q, m) of the model, without rules."""
    hidden = hidden_bottoms(view)
    return _scores(hidden, held_out(view).scorer(hidden.rows))


def _scores(hidden: HiddenBottoms, scorer: RunScorer) -> np.ndarray:
    items, mask = beside(hidden.context, hidden.mask, hidden.candidates)
    return scorer.score(np.searchsorted(hidden.rows, items), mask).reshape(hidden.candidates.shape)
