"""Options: what may be said of a shop's own files where they do not speak for themselves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from goeswith.data.garments import fold


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """Options of tables and of exports.

    orders, wishes, sets: other places of these sources of outfits than orders.csv and so on of the folder, see
    `goeswith.data.baskets`. images: folder of pictures; those of an export are called as their addresses end, and what
    is there is not downloaded. columns: goeswith's name of a column → its name in the file, e.g. {"item_id": "sku"};
    one of theirs may be taken for several of ours. groups: category → group where its words do not tell it, or tell
    another, see `goeswith.data.group_map`. language: of titles and categories that are there in several, see
    `goeswith.data.readers.languages`. skip_bad: leave bad rows out, and count them, instead of stopping at the first;
    and continue if not one price, picture, group or outfit can be read. allow_private: whether pictures may be
    downloaded from private networks. licence: what to note in the data set.
    """

    orders: Path | None = None
    wishes: Path | None = None
    sets: Path | None = None
    images: Path | None = None
    columns: dict[str, str] | None = None
    groups: dict[str, str] | None = None
    language: str | None = None
    skip_bad: bool = False
    allow_private: bool = False
    licence: str = "the owner's"

    @property
    def baskets(self) -> dict[str, Path | None]:
        """Name of each source of outfits, as in `goeswith.data.baskets.BESIDE` → its place, if it is said."""
        return {"orders": self.orders, "wishes": self.wishes, "sets": self.sets}

    @property
    def group_of(self) -> dict[str, str]:
        """The groups, by category as `goeswith.data.garments.fold` writes it."""
        return {fold(category): group for category, group in (self.groups or {}).items()}


@dataclass(frozen=True, kw_only=True)
class TableOptions(SourceOptions):
    """Options of the layout ``table``: other places of the item table and the outfit table.

    saved: a further outfit table, such as ``goeswith feedback`` writes.
    """

    items: Path | None = None
    outfits: Path | None = None
    saved: Path | None = None


@dataclass(frozen=True, kw_only=True)
class ExportOptions(SourceOptions):
    """Options of exports. currency: of prices beside which none stands. site: the shop's address, for links."""

    currency: str | None = None
    site: str | None = None

    @property
    def texts(self) -> dict[str, str]:
        """Those that a data set remembers, where they are set."""
        texts = {"currency": self.currency, "site": self.site, "language": self.language}
        return {name: text for name, text in texts.items() if text is not None}
