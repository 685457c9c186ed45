"""Answers: an item and its looks as JSON, for product pages and for the files of `publish`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from goeswith.studio.service.catalogue_view import CatalogueView
from goeswith.studio.storefront.page_looks import PageLook
from goeswith.studio.storefront.pictures import Address
from goeswith.studio.storefront.shown_items import FIELDS, shown_item


class Composer:
    """Puts answers together; each item is looked up once.

    Args:
        address: of pictures. fields: of items, beside their ids; all where there are none.
    """

    def __init__(self, view: CatalogueView, address: Address, fields: Sequence[str] = ()) -> None:
        self.view, self.address, self.fields = view, address, fields or FIELDS
        self._items: dict[int, dict[str, Any]] = {}

    def answer(self, row: int, looks: Sequence[PageLook], why_none: str = "", trial: str = "") -> dict[str, Any]:
        """An item with its looks. trial: see `goeswith.studio.storefront.trial`."""
        shown = [self._look(look) for look in looks]
        return {"item": self._chosen(row), "looks": shown, "why_none": "" if looks else why_none, "trial": trial}

    def _look(self, look: PageLook) -> dict[str, Any]:
        items = [self._item(row) for row in look.rows]
        prices, currencies = [item["price"] for item in items], {item["currency"] for item in items}
        single = len(currencies) == 1
        return {
            "look_id": look.look_id, "approved": look.approved, "name": look.name, "source": look.source,
            "price": round(sum(prices), 2) if single and None not in prices else None,
            "currency": currencies.pop() if single else None, "items": [self._chosen(row) for row in look.rows],
        }  # fmt: skip

    def _item(self, row: int) -> dict[str, Any]:
        if row not in self._items:
            self._items[row] = shown_item(self.view, row, self.address)
        return self._items[row]

    def _chosen(self, row: int) -> dict[str, Any]:
        item = self._item(row)
        return {"item_id": item["item_id"]} | {name: item[name] for name in self.fields}


def as_json(answer: dict[str, Any]) -> bytes:
    """An answer as it is sent, and as it is written to a file."""
    return json.dumps(answer, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def etag_of(body: bytes) -> str:
    """Of the same answer, the same."""
    return f'"{hashlib.sha256(body).hexdigest()[:24]}"'
