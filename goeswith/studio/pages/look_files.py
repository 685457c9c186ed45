"""Look files: saved looks to take away: a card as a picture, and a table with a row for every item."""

from __future__ import annotations

import io
from collections.abc import Sequence

import polars as pl
from PIL import Image, ImageDraw, ImageFont

from goeswith.studio.pages import flat_lay
from goeswith.studio.pages.arrangement import HIGH, WIDE
from goeswith.studio.pages.looks import cards
from goeswith.studio.pages.views import price
from goeswith.studio.service.catalogue_view import Wall
from goeswith.studio.service.looks import SavedLook

WIDTH, HEIGHT, MARGIN = 1080, 1350, 60
"""Pixels of a card: what is posted upright."""
PAPER, INK, QUIET = "#ffffff", "#17171a", "#5d5d67"
COLUMNS = ("look_id", "name", "state", "tags", "who", "changed", "position", "item_id", "title", "category", "price")
FORMULA = r"^[=+\-@\t\r]"
"""How a cell begins that a spreadsheet would compute."""
TYPED = ("name", "tags", "who", "title", "category")
"""Columns with words that people wrote."""


def card(wall: Wall, look: SavedLook, owner: str) -> bytes:
    """A look as a PNG: its pieces, its name, and what each is called and costs."""
    told = cards(wall, [look], owner)[0]
    sheet = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    draw = ImageDraw.Draw(sheet)
    listed = [piece for piece in told.pieces if piece]
    lines = [(piece.name, "" if piece.price is None else price(piece.price)) for piece in listed[:8]]
    words = HEIGHT - MARGIN - 40 * len(lines)
    high = words - 130
    lay = flat_lay.picture(wall, [piece.id for piece in listed], round(high * WIDE / HIGH), told.lay, PAPER)
    sheet.paste(lay, ((WIDTH - lay.width) // 2, 20))
    _line(draw, words - 90, look.name, "" if told.price is None else price(told.price), 46, INK)
    for at, (name, cost) in enumerate(lines):
        _line(draw, words + 40 * at, name[:1].upper() + name[1:], cost, 26, QUIET)
    written = io.BytesIO()
    sheet.save(written, "PNG")
    return written.getvalue()


def _line(draw: ImageDraw.ImageDraw, y: int, left: str, right: str, size: int, colour: str) -> None:
    """Words at the left, cut where they would reach what is at the right."""
    font = ImageFont.load_default(size)
    space = WIDTH - 2 * MARGIN - draw.textlength(right, font) - 30
    left = " ".join(left.split())
    while draw.textlength(left, font) > space:
        left = left.rstrip("…")[:-1] + "…"
    draw.text((MARGIN, y), left, colour, font)
    draw.text((WIDTH - MARGIN, y), right, colour, font, anchor="ra")


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
