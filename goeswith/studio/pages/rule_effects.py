"""Rule effects: what rules change: in numbers over hidden bottoms of validation outfits, and on a few examples."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from goeswith.data.outfits import beside, pad
from goeswith.data.pairs import RULE_BOTTOM, RULE_TOP
from goeswith.errors import DataError
from goeswith.rules.rules import Matches, match
from goeswith.studio.pages.rule_switches import Switched
from goeswith.studio.pages.views import item
from goeswith.studio.service.catalogue_view import Wall, once
from goeswith.studio.service.source import dataset, outfit_ids
from goeswith.train.rule_teacher import RulesConfig, RuleTeacher
from goeswith.train.scorers import TaughtScorer

ASKED = 300
"""Validation outfits whose bottom is hidden to see what rules change."""
SHOWN = 4
"""Of them that are shown."""
CANDIDATES = 4
"""Bottoms to choose from: the worn one first, and others."""


@dataclass(frozen=True)
class Asked:
    """Validation outfits whose bottom is hidden. context (Q, n), mask (Q, n), candidates (Q, m): rows of the index.

    The worn bottom is the first candidate.
    """

    context: np.ndarray
    mask: np.ndarray
    candidates: np.ndarray


@once
def asked_of(wall: Wall) -> Asked:
    """Validation outfits with a top and a bottom, at most `ASKED`, taken by chance, and other bottoms of its group."""
    data, place_of = dataset(wall), wall.index.shelf.place
    groups = wall.catalogue.items["group"].fill_null("").to_numpy()
    present = wall.index.scorer.present
    able = np.flatnonzero(np.isin(groups[: wall.index.size], RULE_BOTTOM) & present[: wall.index.size])
    chance = np.random.default_rng(0)
    contexts, candidates = [], []
    for outfit in chance.permutation(np.flatnonzero(data.outfits.splits == "valid")).tolist():
        rows = np.array([place_of.get(item_id, -1) for item_id in outfit_ids(data, outfit)])
        if (rows < 0).any() or not present[rows].all() or not np.isin(groups[rows], RULE_TOP).any():
            continue
        bottoms = rows[np.isin(groups[rows], RULE_BOTTOM)]
        others = np.setdiff1d(able[groups[able] == groups[bottoms[0]]], rows) if len(bottoms) else bottoms
        if len(others) >= CANDIDATES - 1:
            candidates.append([bottoms[0], *chance.choice(others, CANDIDATES - 1, replace=False)])
            contexts.append(rows[rows != bottoms[0]])
        if len(contexts) == ASKED:
            break
    if not contexts:
        raise DataError(f"{data.path} has no validation outfit with a top and a bottom; rules apply only to such pairs")
    context, mask = pad(np.concatenate(contexts), np.cumsum([0, *map(len, contexts)]))
    return Asked(context, mask, np.array(candidates, np.int64))


def _taught(wall: Wall, there: Switched, scores: np.ndarray) -> TaughtScorer:
    """The model and the rules that are on: with what was learned of them where nothing was written, else alike."""
    student = wall.index.scorer
    learned = wall.index.run.taught(student, wall.catalogue) if there.origin == "run" and not there.written else None
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
    stays = np.packbits([number not in off for number in range(len(matches.rules))])
    return dataclasses.replace(matches, tops=matches.tops & stays, bottoms=matches.bottoms & stays)


def effect(wall: Wall, there: Switched) -> dict[str, Any]:
    """What the rules that are on change: over many outfits in numbers, and on a few to look at.

    Raises:
        DataError, CatalogueError: there is no outfit to look at, or a rule names an attribute that is not there.
    """
    asked = asked_of(wall)
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
    asked = asked_of(wall)
    scores: np.ndarray = wall.index.scorer.score(*beside(asked.context, asked.mask, asked.candidates))
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
        "top": item(wall, int(rows[np.isin(groups, RULE_TOP)][0])),
        "rules": [str(there.rules[number]) for number in decided.tolist()],
        "candidates": [
            {
                "item": item(wall, int(asked.candidates[at, number])), "worn": number == 0,
                "before": float(p[at, number]), "after": float(q[at, number]),
            }
            for number in order
        ],
    }  # fmt: skip
