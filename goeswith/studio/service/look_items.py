"""Look items: the items of a saved look: what is stored of them, their score, and which are gone or sold out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from goeswith.data.captions import title_of
from goeswith.shop.stylist import Look
from goeswith.studio.service.catalogue_view import CatalogueView
from goeswith.studio.service.looks import Piece, SavedLook


@dataclass(frozen=True)
class Lost:
    """An item of a look that cannot be bought. why: ``gone`` or ``sold out``. at: its place in the look."""

    piece: Piece
    why: str
    at: int


def pieces_of(
    view: CatalogueView, item_ids: Sequence[str], spots: Mapping[str, str] | None = None
) -> tuple[Piece, ...]:
    """Items as a look keeps them. spots: where some of them lie, see `Piece`.

    Raises:
        Refused: the catalogue does not have one.
    """
    rows = [view.item(view.row(item_id)) for item_id in item_ids]
    return tuple(
        Piece(row["item_id"], _name(row), row["category"], row["group"], row["price"], (spots or {}).get(item_id, ""))
        for item_id, row in zip(item_ids, rows, strict=True)
    )


def judged(view: CatalogueView, item_ids: Sequence[str]) -> dict[str, Any]:
    """What the model says of an outfit, to be kept with it.

    Raises:
        CatalogueError: it is no outfit.
    """
    return judgement(view, view.stylist.judge(item_ids))


def judgement(view: CatalogueView, look: Look) -> dict[str, Any]:
    """A look that the model has scored, as it is kept with a saved one."""
    info = view.index.info
    return {
        "score": look.score if np.isfinite(look.score) else None, "probability": look.probability,
        "verdict": look.verdict, "model": info["model"]["title"], "weights": info["model"]["weights"],
        "dataset": info["dataset"]["name"],
    }  # fmt: skip


def lost(view: CatalogueView, look: SavedLook, owner: str) -> list[Lost]:
    """Items of a look that the catalogue no longer has, or not in stock; somebody else's photo is gone, too."""
    stock, losses = view.index.shelf.stock, []
    for at, piece in enumerate(look.items):
        row = view.index.row_of.get(piece.item_id)
        guest = view.guests.get(piece.item_id)
        if row is None or (guest is not None and guest.owner != owner):
            losses.append(Lost(piece, "gone", at))
        elif stock is not None and guest is None and not stock[row]:
            losses.append(Lost(piece, "sold out", at))
    return losses


def _name(row: dict[str, Any]) -> str:
    return title_of(row) or f"{row['category']} {row['item_id']}"
