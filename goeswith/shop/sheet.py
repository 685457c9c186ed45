"""Sheet: looks as a contact sheet, one look per row, the anchor first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from goeswith.data.captions import kind_of, title_of
from goeswith.files import fresh_file
from goeswith.shop.answers import Look
from goeswith.shop.looks import in_body_order
from goeswith.shop.stylist import Stylist

TILE, LABEL, GAP = (112, 150), 18, 4
"""Width and height of a picture, height of the line above a row, and what is between them, in pixels."""
ROWS = 200
"""Looks of a sheet at most."""


def draw_sheet(stylist: Stylist, looks: Sequence[Look], out: Path) -> None:
    """Draw looks, `ROWS` at most, into a picture file.

    Raises:
        DataError: the file cannot be written.
    """
    looks = looks[:ROWS]
    rows = [in_body_order(stylist, look) for look in looks]
    width = max((len(row) for row in rows), default=1) * (TILE[0] + GAP) + GAP
    step = LABEL + TILE[1] + GAP
    sheet = Image.new("RGB", (width, max(len(rows), 1) * step), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for number, row in enumerate(rows):
        words = _label(stylist, row)
        while words and pen.textlength(words, font) > width - 2 * GAP:
            words = words[:-2].rstrip() + "…"
        pen.text((GAP, number * step + 2), words, "black", font)
        for column, item_id in enumerate(row):
            corner = (GAP + column * (TILE[0] + GAP), number * step + LABEL)
            picture = _picture(stylist, item_id)
            if picture is None:
                pen.rectangle((*corner, corner[0] + TILE[0] - 1, corner[1] + TILE[1] - 1), "#eeeeee")
                pen.text((corner[0] + 6, corner[1] + 6), item_id[:16], "#666666", font)
            else:
                sheet.paste(picture, corner)
    with fresh_file(out) as partial:
        sheet.save(partial, "JPEG" if out.suffix.lower() in (".jpg", ".jpeg") else "PNG")


def _label(stylist: Stylist, item_ids: Sequence[str]) -> str:
    table = stylist.index.catalogue.items
    items = [table.row(stylist.index.row_of[item_id], named=True) for item_id in item_ids]
    return ", ".join(title_of(item) or kind_of(item) for item in items)


def _picture(stylist: Stylist, item_id: str) -> Image.Image | None:
    """The picture of an item in a tile; None where there is none that can be read."""
    index = stylist.index
    name = index.catalogue.items["image"][index.row_of[item_id]]
    if name is None or index.images is None:
        return None
    try:
        with Image.open(index.images / name) as picture:
            return ImageOps.pad(ImageOps.exif_transpose(picture).convert("RGB"), TILE, color="white")
    except Exception:  # a broken file makes Pillow raise nearly anything; the sheet shows its id instead
        return None
