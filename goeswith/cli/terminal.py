"""Terminal: looks as tables, with small pictures where the terminal has the colours for them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from goeswith.data.captions import title_of
from goeswith.errors import DataError
from goeswith.shop.prices import price, shared_currency

if TYPE_CHECKING:
    from goeswith.shop.index import Index
    from goeswith.shop.stylist import Look, Similar, Swap

log = logging.getLogger(__name__)

WIDTH = 16
"""Columns of a picture; a character shows two pixels, one above the other."""
BLOCK = "▀"
"""That character: its upper half has the colour of the letter, its lower half that of the ground."""


class Printer:
    """Prints what a stylist answered. pictures: True, False, or None for wherever the terminal can show them."""

    def __init__(self, index: Index, pictures: bool | None = None, console: Console | None = None) -> None:
        self.console = console or Console(soft_wrap=False)
        able = self.console.is_terminal and self.console.color_system in ("256", "truecolor")
        self.pictures = (able if pictures is None else pictures) and self._can_show(BLOCK)
        if pictures and not self.pictures:
            log.warning("this output (%s) cannot show pictures; set PYTHONIOENCODING=utf-8", self.console.encoding)
        self.items, self.row_of, self.images = index.catalogue.items, index.row_of, index.images
        self.currency = shared_currency(self.items)

    def _can_show(self, sign: str) -> bool:
        try:
            return bool(sign.encode(self.console.encoding))
        except (UnicodeEncodeError, LookupError):
            return False

    def pieces(self, item_ids: Sequence[str]) -> None:
        """The items side by side, where pictures are shown; what follows names them by id."""
        if self.pictures:
            grid = Table.grid(padding=(0, 2))
            grid.add_row(*map(self.card, item_ids))
            self.console.print(grid, "", sep="\n")

    def looks(self, looks: Sequence[Look]) -> None:
        """Each look as a row of cards under its score; added items come last."""
        for number, look in enumerate(looks, start=1):
            grid = Table.grid(padding=(0, 2))
            cards = [self.card(item_id, item_id in look.added) for item_id in look.item_ids]
            grid.add_row(*cards)
            self.console.print(Text(f"{number}. {verdict(look, self.currency)}", style="bold"), grid, "", sep="\n")
        self.notes(looks)

    def choices(self, looks: Sequence[Look]) -> None:
        """One line for each look: what was added, and what that makes of it; all of them lack the same."""
        shortened = (replace(look, findings=(), verdict=look.verdict.replace("incomplete", "")) for look in looks)
        self._lines((look.added[-1], verdict(look, self.currency)) for look in shortened)
        self.notes(looks)

    def swaps(self, swaps: Sequence[Swap]) -> None:
        """One line for each swap."""
        table = Table("take out", "put in", "gain", box=None, padding=(0, 2, 0, 0))
        for swap in swaps:
            then = f"then {verdict(swap.look, self.currency)}"
            added = "nothing" if swap.added is None else self.card(swap.added, True)
            table.add_row(self.card(swap.removed), added, then if swap.added is None else f"{swap.gain:+.3f}, {then}")
        self.console.print(table)

    def similar(self, substitutes: Sequence[Similar]) -> None:
        """One line for each substitute."""
        self._lines((substitute.item_id, f"{substitute.similarity:.3f}") for substitute in substitutes)

    def notes(self, looks: Iterable[Look]) -> None:
        """What should be known of the answers, each sentence once."""
        for note in dict.fromkeys(note for look in looks for note in look.notes):
            self.console.print(f"note: {note}", markup=False, highlight=False)

    def _lines(self, rows: Iterable[tuple[str, str]]) -> None:
        table = Table.grid(padding=(0, 3, 0, 0))
        for number, (item_id, text) in enumerate(rows, start=1):
            table.add_row(f"{number}.", self.card(item_id, True), text)
        self.console.print(table)

    def card(self, item_id: str, highlight: bool = False) -> RenderableType:
        """An item: picture, title, category and price, id."""
        item = self.items.row(self.row_of[item_id], named=True)
        title = title_of(item) or item["category"]
        priced = "" if item["price"] is None else f", {price(item['price'], item.get('currency') or '')}"
        lines = [
            Text(title, style="bold green" if highlight else ""),
            Text(f"{item['category']}{priced}"),
            Text(item_id, "dim"),
        ]
        picture = self._picture(item["image"]) if self.pictures else None
        return Group(*([picture] if picture else []), *lines)

    def _picture(self, image: str | None) -> Text | None:
        if image is None or self.images is None:
            return None
        try:
            return picture(self.images / image)
        except DataError:
            return None


def picture(path: Path, width: int = WIDTH) -> Text:
    """A picture as text of half blocks, `width` columns and half as many lines.

    Raises:
        DataError: it is missing or broken.
    """
    from goeswith.data.encoders.pictures import read_picture

    pixels = read_picture(path, (width, width)).tolist()
    text = Text()
    for upper, lower in zip(pixels[::2], pixels[1::2], strict=True):
        for above, below in zip(upper, lower, strict=True):
            text.append(BLOCK, f"rgb({','.join(map(str, above))}) on rgb({','.join(map(str, below))})")
        text.append("\n")
    text.right_crop(1)
    return text


def verdict(look: Look, currency: str = "") -> str:
    """What is wrong with a look, or its verdict, or its score where there is neither; and the price."""
    parts = [", ".join(look.findings) or look.verdict or f"score {look.score:.3f}"]
    if look.price is not None:
        parts.append(f"price {price(look.price, currency)}")
    return ", ".join(parts)
