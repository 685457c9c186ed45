"""Random looks: coherent looks that no model has chosen, as a control."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from goeswith.data.filters import Filters
from goeswith.shop.answers import Look, looks_of
from goeswith.shop.stylist import Stylist
from goeswith.shop.template import Template

TRIES = 16
"""Looks that are drawn for one that is wanted: some hold two items of one product or kind, or have no score."""


def random_looks(stylist: Stylist, item_id: str, k: int, seed: int, filters: Filters | None = None) -> list[Look]:
    """Up to `k` looks around an item: of the same groups, season and gender as the model's, drawn evenly from all.

    No two of them share an added product, as the model's do not share more than one; the same seed draws the same ones.

    Raises:
        CatalogueError: see `goeswith.shop.stylist.Stylist.complete`.
    """
    assortment, random = stylist.assortment, np.random.default_rng(seed)
    rows = assortment.outfit([item_id])
    looks_found: list[Look] = []
    used: set[int] = set()
    for slots, count in assortment.whole(rows, k):
        template, notes = assortment.template(rows, slots, filters or Filters(), None, popularity=0.0)
        outfits = _apart(template, _random_outfits(template, TRIES * count, random), used)
        scores = stylist.index.scorer.score(outfits, np.ones(outfits.shape, bool)) if len(outfits) else np.empty(0)
        fine = np.flatnonzero(~np.isnan(scores))[:count]
        looks = looks_of(stylist.index, [*outfits[fine]], scores[fine], added=outfits.shape[1] - len(rows))
        used.update(template.products[outfits[fine, len(rows) :]].ravel().tolist())
        looks_found += [replace(look, notes=tuple(notes)) for look in looks]
    return [looks_found[index_of] for index_of in random.permutation(len(looks_found))]


def _random_outfits(template: Template, count: int, random: np.random.Generator) -> np.ndarray:
    """Looks (count, n), anchors first, each slot's item drawn evenly; those with two of a product or kind left out."""
    added = [random.choice(rows, count) for rows in template.slots]
    outfits = np.column_stack([np.repeat(template.anchors[None], count, axis=0), *added])
    fine = _distinct(template.products[outfits])
    if template.kinds is not None:
        kinds = template.kinds[outfits]
        numbered = np.where(kinds < 0, -1 - np.arange(kinds.shape[1]), kinds)  # of those without a kind, any number
        fine &= _distinct(numbered)
    drawn: np.ndarray = outfits[fine]
    return drawn


def _distinct(values: np.ndarray) -> np.ndarray:
    """(B,) bool: whether all values of a row (B, n) differ."""
    ordered = np.sort(values, axis=1)
    distinct: np.ndarray = (ordered[:, 1:] != ordered[:, :-1]).all(axis=1)
    return distinct


def _apart(template: Template, outfits: np.ndarray, used: set[int]) -> np.ndarray:
    """The looks that share no added product with one before them, and have none that is used."""
    products = template.products[outfits[:, len(template.anchors) :]]
    seen, distinct = {*used}, []
    for number, added in enumerate(products.tolist()):
        if seen.isdisjoint(added):
            distinct.append(number)
            seen.update(added)
    return outfits[distinct]
