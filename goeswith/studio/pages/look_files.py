"""Look files: saved looks as downloads: a card as a picture, a table with a row per item, and JSON."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import polars as pl
from PIL import Image, ImageDraw, ImageFont

from goeswith.shop.prices import price
from goeswith.studio.pages import flat_lay
from goeswith.studio.pages.arrangement import HIGH, WIDE, Spot
from goeswith.studio.pages.looks import cards
from goeswith.studio.pages.rendering import STATIC
from goeswith.studio.pages.views import currency
from goeswith.studio.service.catalogue_view import CatalogueView
from goeswith.studio.service.look_items import lost
from goeswith.studio.service.looks import SavedLook

WIDTH, HEIGHT, MARGIN = 1080, 1350, 60
"""Pixels of a card: what is posted upright."""
LINE, MOST_LINES = 40, 8
"""Pixels from one piece's words to the next, and pieces that are named."""
LATIN = 0x250
"""The first letter that the font of the studio does not have."""
PAPER, INK, QUIET = "#ffffff", "#17171a", "#5d5d67"
COLUMNS = ("look_id", "name", "state", "tags", "who", "changed", "position", "item_id", "title", "category", "price")
FORMULA = r"^[=+\-@\t\r]"
"""How a cell begins that a spreadsheet would compute."""
TYPED = ("name", "tags", "who", "title", "category")
"""Columns with words that people wrote."""


def card(view: CatalogueView, look: SavedLook, owner: str) -> bytes:
    """A look as a PNG: its pieces, its name, and what each is called and costs."""
    shown, money = cards(view, [look], owner)[0], currency(view)
    sheet = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    draw = ImageDraw.Draw(sheet)
    listed = [piece for piece in shown.pieces if piece]
    lines = [(piece.name, "" if piece.price is None else price(piece.price, money)) for piece in listed[:MOST_LINES]]
    words = HEIGHT - MARGIN - LINE * len(lines)
    high = words - 130
    laid = flat_lay.picture(view, present_ids(view, look, owner), round(high * WIDE / HIGH), shown.lay, PAPER)
    sheet.paste(laid, ((WIDTH - laid.width) // 2, 20))
    _line(draw, words - 90, look.name, "" if shown.price is None else price(shown.price, money), 46, INK, 600)
    for at, (name, cost) in enumerate(lines):
        _line(draw, words + LINE * at, name[:1].upper() + name[1:], cost, 27, QUIET)
    written = io.BytesIO()
    sheet.save(written, "PNG")
    return written.getvalue()


def lay(view: CatalogueView, look: SavedLook, owner: str, width: int, paper: str = flat_lay.PAPER) -> bytes:
    """The pieces of a look as they lie beside each other, as a JPEG so many pixels wide; those that are gone are not.

    Args:
        owner: whose photos may be shown.
    """
    written = io.BytesIO()
    flat_lay.picture(view, present_ids(view, look, owner), width, spots(look), paper).save(written, "JPEG", quality=88)
    return written.getvalue()


def spots(look: SavedLook) -> dict[str, Spot]:
    """Where somebody put pieces of a look."""
    return {piece.item_id: spot for piece in look.items if (spot := Spot.of(piece.spot)) is not None}


def present_ids(view: CatalogueView, look: SavedLook, owner: str) -> list[str]:
    """Ids of the pieces of a look that can be shown."""
    gone = {lost_item.piece.item_id for lost_item in lost(view, look, owner) if lost_item.why == "gone"}
    return [item_id for item_id in look.item_ids if item_id not in gone]


@cache
def _font(size: int, weight: int, latin: bool) -> ImageFont.FreeTypeFont:
    """The font of the studio; that of matplotlib, which has more letters, for words that it cannot write."""
    if latin:
        with suppress(OSError):  # a FreeType without WOFF2
            font = ImageFont.truetype(STATIC / "fonts" / "instrument-sans.woff2", size)
            font.set_variation_by_axes([weight])
            return font
    plots = find_spec("matplotlib")
    assert plots is not None
    assert plots.origin is not None
    return ImageFont.truetype(
        Path(plots.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf", size * 9 // 10
    )


def _line(draw: ImageDraw.ImageDraw, y: int, left: str, right: str, size: int, colour: str, weight: int = 400) -> None:
    """Words at the left, smaller where they would reach what is at the right, and at last cut."""
    left, plain = " ".join(left.split()), all(ord(letter) < LATIN for letter in left)
    prices = _font(size, weight, all(ord(letter) < LATIN for letter in right))
    space = WIDTH - 2 * MARGIN - draw.textlength(right, prices) - 30
    sizes = (size, size * 5 // 6, size * 2 // 3)
    font = next(
        (font for smaller in sizes if draw.textlength(left, font := _font(smaller, weight, plain)) <= space), None
    )
    font = font or _font(sizes[-1], weight, plain)
    while draw.textlength(left, font) > space:
        left = left.rstrip("…")[:-1] + "…"
    draw.text((MARGIN, y + size), left, colour, font, anchor="ls")
    draw.text((WIDTH - MARGIN, y + size), right, colour, prices, anchor="rs")


def document(looks: Sequence[SavedLook]) -> bytes:
    """Looks as JSON, with all that is kept of them."""
    return json.dumps({"looks": [asdict(look) for look in looks]}, ensure_ascii=False, indent=2).encode() + b"\n"


def table(looks: Sequence[SavedLook]) -> bytes:
    """Looks as CSV, one row for each of their items; no cell is taken for a formula."""
    rows = [
        {
            "look_id": look.look_id, "name": look.name, "state": look.state, "tags": ", ".join(look.tags),
            "who": look.who, "changed": look.changed, "position": at, "item_id": piece.item_id, "title": piece.title,
            "category": piece.category, "price": piece.price,
        }
        for look in looks
        for at, piece in enumerate(look.items, 1)
    ]  # fmt: skip
    kinds = {name: pl.Int64 if name == "position" else pl.Float64 if name == "price" else pl.String for name in COLUMNS}
    frame = pl.DataFrame(rows, schema=kinds)
    safe = [
        pl.when(pl.col(name).str.contains(FORMULA)).then(pl.lit("'") + pl.col(name)).otherwise(pl.col(name)).alias(name)
        for name in TYPED
    ]
    return frame.with_columns(safe).write_csv().encode()
