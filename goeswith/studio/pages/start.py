"""Start: the first page: what the studio is, where to begin, and a few finished looks."""

from __future__ import annotations

import io
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import numpy as np

from goeswith.data.baskets import BOUGHT
from goeswith.errors import CatalogueError, GoeswithError
from goeswith.shop.wording import unlearned
from goeswith.studio.pages import flat_lay
from goeswith.studio.pages.board import Board
from goeswith.studio.pages.board_view import scored
from goeswith.studio.pages.views import groups_of, items
from goeswith.studio.service import start_looks
from goeswith.studio.service.catalogue_view import CatalogueView
from goeswith.studio.service.limits import TEXT_LENGTH
from goeswith.studio.service.refusals import Refused
from goeswith.studio.service.shared import Shop
from goeswith.studio.service.source import dataset

EXAMPLE_LETTERS = 32
"""Of a title that is shown as an example of what can be searched for."""
WIDTH = 540
"""Pixels of a flat lay."""


def page(view: CatalogueView, owner: str) -> dict[str, Any]:
    """What the page shows. Its looks come after it where none are kept yet. owner: of photos that are counted."""
    titles = (title for title in view.catalogue.items["title"][:200].drop_nulls() if title.isprintable())
    example = next((title.lower() for title in titles if 3 < len(title) <= EXAMPLE_LETTERS), "black shoes")
    looks = start_looks.stored_looks(view)
    return {
        "outfits": _outfits(view), "unlearned": unlearned(view.index.run), "example": example,
        "total": view.index.size + len(view.guests_of(owner)),
        "groups": groups_of(view.facets()["group"]), "longest": TEXT_LENGTH,
        "looks": None if looks is None else shown(view, looks),
    }  # fmt: skip


def _outfits(view: CatalogueView) -> str:
    """How many outfits and baskets the model learned from, in words.

    Empty where the data set has none to train on or is gone, or the model was trained on another, or learned nothing.
    """
    if unlearned(view.index.run):
        return ""
    try:
        data = dataset(view)
    except GoeswithError:
        return ""
    trained_on = view.index.run.config.get("dataset")
    if trained_on and trained_on["name"] != data.name:
        return ""
    sources = data.outfits.sources[data.outfits.splits == "train"].astype(str)
    baskets = int(np.isin(sources, BOUGHT).sum())
    numbers = {"outfit": len(sources) - baskets, "basket": baskets}
    return " and ".join(f"{number:,} {noun}{'s' * (number > 1)}" for noun, number in numbers.items() if number)


def finished(view: CatalogueView) -> dict[str, Any]:
    """The looks alone, made now where they are not kept."""
    return {"looks": shown(view, start_looks.made(view))}


def shown(view: CatalogueView, looks: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
    """Looks with their pieces, their verdict and where the board with them is."""
    try:
        scored_looks = scored(view, looks)
    except CatalogueError:
        return []
    return [
        {"pieces": items(view, look.item_ids), "look": look, "url": Board.of(look.item_ids, ()).url,
         "version": _version(view, look.item_ids)}
        for look in scored_looks
    ]  # fmt: skip


def _version(view: CatalogueView, item_ids: Sequence[str]) -> str:
    """Changes when the flat lay of a look does."""
    parts = [part for item_id in item_ids for part in (item_id, view.version(item_id))]
    return sha256("\0".join(parts).encode()).hexdigest()[:16]


def lay(shop: Shop, number: int) -> bytes:
    """The flat lay (JPEG) of one of the finished looks, counted from 1; kept among the thumbnails.

    Raises:
        Refused: there is none of this number.
    """
    view = shop.view
    looks = start_looks.made(view)
    if not 0 < number <= len(looks):
        raise Refused(404, "not_found", "there is no such look")
    look = looks[number - 1]

    def drawn() -> bytes:
        written = io.BytesIO()
        flat_lay.picture(view, look, WIDTH).save(written, "JPEG", quality=88)
        return written.getvalue()

    return shop.small.get(("\0".join(look), WIDTH, _version(view, look)), drawn)
