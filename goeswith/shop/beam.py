"""Beam search: whole looks over a template, a slot at a time; how candidates and looks are ordered, ties too."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from goeswith.evaluate.reranking import SIZE
from goeswith.shop.candidates import FULL
from goeswith.shop.gaps import Gap
from goeswith.shop.index import Index
from goeswith.shop.steps import Pairs, Scores, Steps
from goeswith.shop.template import PENNY, Template

MOST = 1 << 62
"""Numbers below it do not overflow."""
REFINED = 8
"""Looks that have each of their slots refilled."""


class Beam(NamedTuple):
    """Partial looks: items (B, n) rows of the index, the anchors first.

    scores: (B,) of the full model, and what the added items are worth beside it, see `Template.worth`.
    """

    items: np.ndarray
    scores: np.ndarray


def grow(index: Index, template: Template, beam: int, diversity: float = 0.0, full: int = FULL) -> Steps[Beam]:
    """Fill the slots one after the other; returns every whole look that the last step scored, in no order.

    At each slot all partial looks and all candidates that the first stage lets through are one call to the model; the
    best `beam` go on. Partial looks without a score go on last. With a budget, a candidate is refused where the least
    price of the slots to come does not fit any more. Slots that share their products can leave a beam with nothing;
    the cheapest look is offered then.
    """
    beam_state = Beam(template.anchors[None], np.zeros(1))
    spare = template.spare()
    for step, allowed in enumerate(template.slots):
        items = beam_state.items
        owner, rows = yield Pairs(_gap(index, template, items, allowed, spare[step + 1]), full)
        if not len(rows):
            return (yield from _cheapest(template))
        beam_state = yield from _scored(template, np.column_stack([items[owner], rows]))
        if step + 1 < len(template.slots):
            beam_state = best(index, beam_state, template, beam, diversity, pool=8 * beam, first=-(-beam // 2))
    return beam_state


def refine(index: Index, template: Template, looks: Beam, diversity: float = 0.0, full: int = FULL) -> Steps[Beam]:
    """The looks that `grow` found and more: for each slot in turn, the best ones so far with that slot refilled.

    An item that was right for half a look may not be for the whole; this corrects it, and costs less than a wider beam.
    """
    for slot, allowed in enumerate(template.slots):
        at = len(template.anchors) + slot
        finalists = best(index, looks, template, REFINED, diversity, pool=8 * REFINED, first=-(-REFINED // 2))
        contexts = np.unique(np.delete(finalists.items, at, axis=1), axis=0)
        owner, rows = yield Pairs(_gap(index, template, contexts, allowed, 0.0), full)
        more = yield from _scored(template, np.insert(contexts[owner], at, rows, axis=1))
        looks = Beam(*(np.concatenate(both) for both in zip(looks, more, strict=True)))
    return looks


def _scored(template: Template, items: np.ndarray) -> Steps[Beam]:
    """Looks (B, n) with their scores, in one call to the model."""
    scores = yield Scores(items)
    return Beam(items, scores + template.worth(items))


def _gap(index: Index, template: Template, items: np.ndarray, allowed: np.ndarray, reserved: float) -> Gap:
    """What partial looks (B, n) may be given of the allowed rows, where the slots to come cost at least `reserved`."""
    refuse = partial(refused, template, items, reserved)
    return Gap(items, allowed, refuse, _worth(index, template, items), template.filters)


def _worth(index: Index, template: Template, items: np.ndarray) -> np.ndarray | None:
    """(U,) what candidates are worth to the first stage beside partial looks (B, n)."""
    if template.bonus is None or template.units is None:
        return None
    size = items.shape[1] + 1
    # An exact search scores the gap alone, which is one of as many parts of the look's score.
    worth: np.ndarray = template.bonus * float(template.units[size] * (size / 2 if index.candidates.exact else 1))
    return worth


def refused(
    template: Template, items: np.ndarray, reserved: float, part: np.ndarray, banned: np.ndarray | None = None
) -> np.ndarray:
    """(B, m) bool: candidates `part` (m,) that must not join partial looks (B, n): a product twice, or too dear.

    reserved: what the remaining slots cost at least. banned: (B, x) further products that must not join; −1 = none.
    """
    used, offered = template.products[items], template.products[part]
    used = used if banned is None else np.concatenate([used, banned], axis=1)
    mask = np.zeros((len(items), len(part)), bool)
    twice = np.flatnonzero(np.isin(offered, used))  # few: the dense comparison would be the slowest part of a search
    mask[:, twice] = (used[:, :, None] == offered[twice]).any(axis=1)
    if template.kinds is not None:
        used, offered = template.kinds[items], template.kinds[part]
        twice = np.flatnonzero(np.isin(offered, used[used >= 0]))
        mask[:, twice] |= (used[:, :, None] == offered[twice]).any(axis=1)
    if template.prices is not None and template.budget is not None:
        left = template.budget + PENNY - reserved - template.prices[items].sum(axis=1)
        mask |= template.prices[part] > left[:, None]
    return mask


def best(
    index: Index,
    looks: Beam,
    template: Template,
    count: int,
    diversity: float,
    pool: int,
    first: int = 1,
    common: int | None = None,
) -> Beam:
    """The `count` best looks, each set of products once; with diversity a varied choice among the `pool` best.

    first: how many of the best are chosen then whatever they are like. common: added products that two of the chosen
    looks may share at most, with or without diversity; any number where there are none.
    """
    scores = np.nan_to_num(looks.scores, nan=-np.inf)
    order = first_of_each(np.sort(template.products[looks.items], axis=1), scores)[:pool]
    if diversity:
        added = looks.items[order][:, len(template.anchors) :]
        directions = index.directions(added.reshape(-1)).view(len(order), -1) / added.shape[1] ** 0.5
        order = order[spread(scores[order], directions, count if common is None else pool, diversity, first)]
    if common is not None:
        order = order[differing(template.products[looks.items[order][:, len(template.anchors) :]], common, count)]
    return Beam(looks.items[order[:count]], looks.scores[order[:count]])


def in_order(template: Template, looks: Beam) -> Beam:
    """The looks, best first, with the first `SIZE` of them in the order of `Template.rank`.

    So popularity says which looks are offered, and their taste which of them comes first.
    """
    first = looks.items[:SIZE]
    order = np.argsort(-template.rank(first, looks.scores[:SIZE]), kind="stable")
    order = np.concatenate([order, np.arange(len(first), len(looks.items))])
    return Beam(looks.items[order], looks.scores[order])


def differing(products: np.ndarray, common: int, count: int) -> np.ndarray:
    """Places (k,) of up to `count` looks, the first ones that share no more than `common` products with one before.

    products: (m, s) the added products of looks, best first.
    """
    free = np.ones(len(products), bool)
    chosen: list[int] = []
    while len(chosen) < count and free.any():
        chosen.append(int(free.argmax()))
        shared = (products[:, :, None] == products[chosen[-1]]).any(axis=2).sum(axis=1)
        free &= shared <= min(common, products.shape[1] - 1)
        free[chosen[-1]] = False
    return np.array(chosen, np.int64)


def first_of_each(keys: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Places of the best score of each distinct key (m, w), best first; those without a score (NaN) are left out."""
    order = np.argsort(-scores, kind="stable")
    order = order[~np.isnan(scores[order])]
    first = np.unique(_numbered(keys[order]), return_index=True)[1]
    return order[np.sort(first)]


def _numbered(keys: np.ndarray) -> np.ndarray:
    """(m,) int64, equal where the keys (m, w), 0 or more, are: numbers sort much faster than rows."""
    numbers = keys[:, 0]
    for column in keys.T[1:]:
        base = int(column.max(initial=0)) + 1
        if (int(numbers.max(initial=0)) + 1) * base > MOST:
            numbers = np.unique(numbers, return_inverse=True)[1]
        numbers = numbers * base + column
    return numbers


def _cheapest(template: Template) -> Steps[Beam]:
    """The cheapest look alone."""
    added = template.cheapest()
    assert added is not None
    return (yield from _scored(template, np.concatenate([template.anchors, added])[None]))


def spread(scores: np.ndarray, directions: Tensor, k: int, diversity: float, first: int = 1) -> np.ndarray:
    """Places (k,) of a choice that is good and varied: maximal marginal relevance.

    The next one is always the one with the highest (1 − λ) · relevance − λ · (likeness to the nearest that is chosen),
    λ = diversity; relevance is the score between the worst, 0, and the best, 1.

    scores: (m,), best first. directions: (m, d) whose inner products are likenesses. first: how many of the best are
    chosen whatever they are like.
    """
    finite = np.isfinite(scores)
    low, high = (scores[finite].min(), scores[finite].max()) if finite.any() else (0.0, 0.0)
    relevance = torch.from_numpy(np.where(finite, (scores - low) / max(high - low, 1e-12), 0.0))
    nearest = torch.full((len(scores),), -1.0, dtype=torch.float64)
    chosen: list[int] = []
    while len(chosen) < min(k, len(scores)):
        value = (1 - diversity) * relevance - diversity * nearest
        value[chosen] = -torch.inf
        best = int(value.argmax()) if len(chosen) >= first else len(chosen)
        chosen.append(best)
        nearest = torch.maximum(nearest, (directions @ directions[best]).double())
    return np.array(chosen)


class Beams(NamedTuple):
    """Looks around several anchors: items (B, n), scores (B,) as those of `Beam`, owner (B,) whose they are."""

    items: np.ndarray
    scores: np.ndarray
    owner: np.ndarray


def grow_many(
    index: Index, template: Template, anchors: np.ndarray, beam: int, candidates: int, pool: int, banned: np.ndarray
) -> Beams:
    """As `grow`, around many anchors (A,) at once, one item each; of each the `pool` best whole looks, best first.

    The model has to have a first stage, and there is no budget.

    Args:
        template: whose anchors are not looked at.
        beam: partial looks of an anchor that go on, at most two of which continue one. candidates: beside each of
            them that the model scores.
        banned: (A, x) products that the looks of an anchor must not have; −1 = none.
    """
    beams = Beams(anchors[:, None], np.zeros(len(anchors)), np.arange(len(anchors)))
    for step, allowed in enumerate(template.slots):
        items, last = beams.items, step + 1 == len(template.slots)
        refuse = partial(refused, template, items, 0.0, banned=banned[beams.owner])
        count = candidates if step else max(candidates, 2 * beam)
        worth = _worth(index, template, items)
        rows, first = index.candidates.shortlist(Gap(items, allowed, refuse, worth, template.filters), count)
        at, column = np.isfinite(first).nonzero()
        looks = np.column_stack([items[at], rows[at, column]])
        owner = beams.owner[at]
        if not len(looks):
            return Beams(np.zeros((0, 1 + len(template.slots)), np.int64), np.zeros(0), owner)  # as wide as whole looks
        scores = index.scorer.score(looks, np.ones(looks.shape, bool)) + template.worth(looks)
        order = first_of_each(np.column_stack([owner, np.sort(template.products[looks], axis=1)]), scores)
        if step and not last:
            order = order[_turns(at[order]) < 2]
        order = order[_turns(owner[order]) < (pool if last else beam)]
        order = order[np.argsort(owner[order], kind="stable")]
        beams = Beams(looks[order], scores[order], owner[order])
    return beams


def _turns(owner: np.ndarray) -> np.ndarray:
    """(m,) how many before each are of the same owner (m,)."""
    order = np.argsort(owner, kind="stable")
    turns = np.empty(len(owner), np.int64)
    turns[order] = np.arange(len(owner)) - np.searchsorted(owner[order], owner[order])
    return turns
