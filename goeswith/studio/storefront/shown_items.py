"""Shown items: the fields of an item on a product page, and which item a page means."""

from __future__ import annotations

import math
import re
from typing import Any
from urllib.parse import urlsplit

from goeswith.data.captions import title_of
from goeswith.data.products import COMPUTED
from goeswith.data.variants import listed
from goeswith.shop.looks import LINKS
from goeswith.studio.service.catalogue_view import CatalogueView, once
from goeswith.studio.storefront.pictures import Address, picture

TEXTS = ("product_id", "title", "category", "group", "colour", "brand", "currency")
FIELDS = (*TEXTS, "titles", "link", "image", "price", "regular_price", "in_stock", "sizes", "skus")
"""What is known of an item beside its id. The number in stock is not disclosed, only whether there are any."""
TITLES = re.compile("title_([a-z]{2})")
"""Columns of titles in further languages, see `goeswith.data.readers.languages`."""


def shown_item(view: CatalogueView, row: int, address: Address) -> dict[str, Any]:
    """An item of the catalogue as pages show it: `FIELDS` and ``item_id``; null where nothing is known."""
    values = view.catalogue.items.row(row, named=True)
    texts = {name: _text(values.get(name)) for name in TEXTS} | {"title": title_of(values) or None}
    if (texts["product_id"] or "").startswith(COMPUTED):  # made up by the index
        texts["product_id"] = None
    return {
        "item_id": values["item_id"], **texts, "titles": _titles(values), "link": link_of(values),
        "image": picture(view, row, address),
        "price": amount(values["price"]), "regular_price": amount(values.get("regular_price")),
        "in_stock": _in_stock(view, row, values), "sizes": listed(_text(values.get("sizes"))),
        "skus": listed(_text(values.get("skus"))),
    }  # fmt: skip


def amount(value: Any) -> float | None:
    """A price as a number, or None; JSON has no NaN."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


@once
def rows_by_name(view: CatalogueView) -> dict[str, int]:
    """Row of an item by its id, by each SKU of its variants, and by the id of its product: its first item then."""
    arrays, size = view.index.shelf, view.index.size
    others = {name: rows[0] for name, rows in arrays.rows_by_name.items() if rows[0] < size}
    return others | {item_id: row for item_id, row in arrays.row_of.items() if row < size}


def row_named(view: CatalogueView, name: str) -> int:
    """Row of the item that a page means, see `rows_by_name`; a name may be written in another case.

    Raises:
        CatalogueError: no item has the name, or several have it in other cases.
    """
    row = rows_by_name(view).get(name)
    if row is None:
        arrays = view.index.shelf
        row = next((row for row in arrays.named(name) if row < view.index.size), None)
        if row is None:  # a photo that somebody uploaded, of which pages know nothing
            raise arrays.unknown(name)
    return row


def _titles(values: dict[str, Any]) -> dict[str, str]:
    """Titles in further languages, by language."""
    titles = ((match[1], _text(values[name])) for name in values if (match := TITLES.fullmatch(name)))
    return {language: title for language, title in titles if title}


def _text(value: Any) -> str | None:
    return str(value).strip() or None if value is not None else None


def link_of(values: dict[str, Any]) -> str | None:
    """The page of a product; nothing that a browser would run."""
    link = next((str(values[name]).strip() for name in LINKS if values.get(name)), "")
    try:
        return link if urlsplit(link).scheme.lower() in ("http", "https") else None
    except ValueError:
        return None


def _in_stock(view: CatalogueView, row: int, values: dict[str, Any]) -> bool | None:
    stock = view.index.shelf.stock
    return None if stock is None or values.get("stock") is None else bool(stock[row])
