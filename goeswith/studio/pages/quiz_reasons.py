"""Quiz reasons: why the worn piece is right: what it shares with the outfit, and the model's pair scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from goeswith.shop.contributions import pair_matrix
from goeswith.studio.pages.views import Item, items
from goeswith.studio.service.catalogue_view import CatalogueView
from goeswith.studio.service.source import held_out

SHARED = ("colour", "pattern", "material", "season", "brand")
"""What a piece may have in common with an outfit, the most visible first."""


def reason(view: CatalogueView, context: Sequence[str], candidates: Sequence[str], truth: int) -> str:
    """One or two sentences on the worn one of the candidates beside the context."""
    worn, offered = items(view, context), items(view, candidates)
    sentences = [_shared(worn, offered, truth), _paired(view, worn, offered, truth)]
    return " ".join(filter(None, sentences)) or "Neither the catalogue nor the model tells it from the rest."


def _shared(worn: Sequence[Item], offered: Sequence[Item], truth: int) -> str:
    """What the worn piece has in common with one of the outfit, and no other candidate has; else nothing."""
    for name in SHARED:
        own = dict(offered[truth].facts).get(name)
        alike = [piece for piece in worn if own and dict(piece.facts).get(name) == own]
        others = [
            piece for position, piece in enumerate(offered) if position != truth and dict(piece.facts).get(name) == own
        ]
        if alike and not others:
            return f"It shares the {name} of the {alike[0].name}, {own}; none of the others does."
    return ""


def _paired(view: CatalogueView, worn: Sequence[Item], offered: Sequence[Item], truth: int) -> str:
    """The piece of the outfit that the worn one goes with best of all candidates, by the model's pair scores."""
    items_of = np.array([[view.row(piece.id) for piece in (*worn, candidate)] for candidate in offered])
    rows, at = np.unique(items_of, return_inverse=True)
    numbered = at.reshape(items_of.shape)
    pairs = pair_matrix(held_out(view).scorer(rows), numbered, np.ones(numbered.shape, bool))[:, -1, :-1]  # (m, n)
    if np.isnan(pairs).all():
        return ""
    ahead = pairs[truth] - np.nanmax(np.delete(pairs, truth, axis=0), axis=0)
    best = int(np.nanargmax(ahead))
    if ahead[best] > 0:
        return f"To the model, it goes better with the {worn[best].name} than any of the others."
    return "To the model, another one goes better with every piece here; people wore this one."
