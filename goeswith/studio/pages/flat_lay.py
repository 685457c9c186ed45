"""Flat lay: the cut-outs of a board's items in their positions, as a style sheet or as one picture."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from functools import cache

from PIL import Image

from goeswith.studio.pages.arrangement import HIGH, LAYERS, WIDE, Piece, Spot, completed
from goeswith.studio.pages.garment_sizes import kind_of
from goeswith.studio.service.catalogue_view import CatalogueView
from goeswith.studio.service.cutouts import Cutout

PAPER = "#f4f2ee"
"""What they lie on; the style sheet of the board has the same."""
FINE = 4
"""Thousandths between two places that the style sheet has."""
CLASSES = {"x": "left", "y": "top", "w": "width"}
"""Beginning of a class → what it sets."""


def laid(
    view: CatalogueView, item_ids: Sequence[str], spots: Mapping[str, Spot] | None = None
) -> list[tuple[Spot, Cutout]]:
    """Places and cut-outs of items. spots: where somebody put some of them."""
    cutouts = [view.cutout(item_id) for item_id in item_ids]
    rows = [view.catalogue.items.row(view.row(item_id), named=True) for item_id in item_ids]
    pieces = [
        Piece(kind_of(row["category"], row["group"]), round(made.ratio, 3))
        for row, made in zip(rows, cutouts, strict=True)
    ]
    return list(zip(completed(pieces, [(spots or {}).get(item_id) for item_id in item_ids]), cutouts, strict=True))


def picture(
    view: CatalogueView,
    item_ids: Sequence[str],
    width: int,
    spots: Mapping[str, Spot] | None = None,
    paper: str = PAPER,
) -> Image.Image:
    """A flat lay as an RGB picture, so many pixels wide, `HIGH` / `WIDE` times as high; see `laid`."""
    sheet = Image.new("RGB", (width, round(width * HIGH / WIDE)), paper)
    for spot, made in sorted(laid(view, item_ids, spots), key=lambda pair: pair[0].layer):
        with Image.open(io.BytesIO(made.picture)) as opened:
            wide = max(1, round(spot.width * width))
            size = wide, max(1, round(wide / made.ratio))
            piece = opened.resize(size, Image.Resampling.LANCZOS, reducing_gap=2)
        corner = round(spot.x * sheet.width - size[0] / 2), round(spot.y * sheet.height - size[1] / 2)
        sheet.paste(piece, corner, piece if piece.mode == "RGBA" else None)
    return sheet


@cache
def stylesheet() -> str:
    """A class for each place and width, in thousandths by `FINE`: the pages' policy forbids styles of elements."""
    steps = range(0, 1001, FINE)
    rules = [f".{name}{step}{{{prop}:{step / 10:g}%}}" for name, prop in CLASSES.items() for step in steps]
    return "".join([*rules, *(f".z{layer}{{z-index:{layer}}}" for layer in range(LAYERS + 1))])


def classes(spot: Spot) -> str:
    """Those of a place."""
    values = zip(CLASSES, (spot.x, spot.y, spot.width), strict=True)
    return " ".join([*(f"{name}{FINE * round(1000 * value / FINE)}" for name, value in values), f"z{spot.layer}"])
