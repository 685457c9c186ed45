"""Answers: the results of a stylist: looks, swaps, substitutes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from goeswith.errors import CatalogueError
from goeswith.shop.index import Index

VERDICTS = {"strong": 50.0, "fine": 20.0, "weak": 0.0}
"""Verdict → the least percentile that it takes: half of all real outfits are strong, a fifth is weak."""
CHANCE = 0.55
"""A model that puts a real outfit above its corruption less often than this has no verdict."""


@dataclass(frozen=True)
class Look:
    """A scored outfit.

    added: which of the items were found, in the order of the slots. score: of the full model, higher = better.
    findings: what keeps it from being an outfit, such as ``needs a top``, see `goeswith.shop.grammar`.
    probability, percentile: see `goeswith.evaluate.calibration.Scale`; None without one, and with findings.
    verdict: ``strong``, ``fine`` or ``weak`` among real outfits of its size, ``unsure`` where the model hardly tells
    real outfits from mixed ones, ``incomplete`` with findings, empty without a scale. price: of all items, None where
    one has no price. notes: what the one who asked should know, such as ``only 3 bags fit the filters``.
    """

    item_ids: tuple[str, ...]
    added: tuple[str, ...]
    score: float
    probability: float | None
    percentile: float | None
    price: float | None
    notes: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    verdict: str = ""


@dataclass(frozen=True)
class Swap:
    """One item exchanged for another: the look that it makes, and how much the score gains.

    added: None where the item is only taken out, because the outfit has too many such; a look of fewer items has scores
    of another scale, so that the gain says little then.
    """

    removed: str
    added: str | None
    look: Look
    gain: float


@dataclass(frozen=True)
class Similar:
    """A substitute. similarity: cosine of what sets both apart from the mean of their category, −1 to 1."""

    item_id: str
    similarity: float


def scores_of(index: Index, outfits: Sequence[np.ndarray]) -> np.ndarray:
    """Full-model scores (B,) of outfits (n,) of rows, of any lengths, in one call.

    Raises:
        CatalogueError: the model has no score for one of them.
    """
    if not outfits:
        return np.empty(0)
    lengths = np.array([len(rows) for rows in outfits])
    mask = np.arange(lengths.max()) < lengths[:, None]
    items = np.repeat([rows[0] for rows in outfits], lengths.max()).reshape(mask.shape)
    items[mask] = np.concatenate(outfits)
    scores = index.scorer.score(items, mask)
    unscored = np.flatnonzero(np.isnan(scores))
    if len(unscored):
        item_ids = [index.catalogue.ids[row] for row in outfits[unscored[0]]]
        raise CatalogueError(
            f"the model {index.run.title} has no score for the outfit {', '.join(item_ids)}; "
            "some models need a top and a bottom: add one",
            reason="no_score",
            item_ids=item_ids,
        )
    return scores


def looks_of(index: Index, outfits: Sequence[np.ndarray], scores: np.ndarray, added: int = 0) -> list[Look]:
    """Outfits (n,) of rows with their scores as looks; the last `added` items of each were found."""
    ids, prices, scale = index.catalogue.ids, index.shelf.prices, index.scale
    sizes = np.array([len(rows) for rows in outfits], np.int64)
    scaled = [None, None] if scale is None else [scale.probability(scores, sizes), scale.percentile(scores, sizes)]
    looks = []
    for number, rows in enumerate(outfits):
        named = tuple(ids[row] for row in rows)
        price = float(prices[rows].sum())
        wrong = findings(index, rows)
        probability, percentile = (None if values is None or wrong else float(values[number]) for values in scaled)
        looks.append(
            Look(
                item_ids=named,
                added=named[len(named) - added :],
                score=float(scores[number]),
                probability=probability,
                percentile=percentile,
                price=None if math.isnan(price) else round(price, 2),
                findings=wrong,
                verdict="incomplete" if wrong else verdict(index, percentile),
            )
        )
    return looks


def findings(index: Index, rows: np.ndarray) -> tuple[str, ...]:
    """What keeps rows (n,) from being an outfit, see `goeswith.shop.grammar.Grammar.findings`."""
    shelf = index.shelf
    return index.grammar.findings(
        shelf.values("group", rows), [str(category) for category in shelf.values("category", rows)]
    )


def list_of(findings: Sequence[str]) -> str:
    """Findings after ``it``: ``needs a top and has two bottoms and two pairs of shoes``."""
    needs = [finding for finding in findings if finding.startswith("needs ")]
    has = [finding for finding in findings if finding not in needs]
    listed = f"has {' and '.join(filter(None, [', '.join(has[:-1]), has[-1]]))}" if has else ""
    return " and ".join(filter(None, [*needs, listed]))


def verdict(index: Index, percentile: float | None) -> str:
    """A place among real outfits in a word, see `Look`."""
    if percentile is None or math.isnan(percentile) or index.scale is None:
        return ""
    if index.scale.auc < CHANCE:
        return "unsure"
    return next(word for word, least in VERDICTS.items() if percentile >= least)
