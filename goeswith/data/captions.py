"""Captions: what an item is called on pages and in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def title_of(item: Mapping[str, Any]) -> str:
    """The title of an item, by columns of `goeswith.data.catalogue.Catalogue`; empty where it has none.

    A title that is only its colour, material and category, as readers make it, says no word twice. In the data it stays
    as it is, because models are trained on its words.
    """
    title = (item["title"] or "").strip()
    labels = " ".join(filter(None, (item["colour"], item["material"], item["category"])))
    return _once(title) if title.lower() == labels.lower() else title


def kind_of(item: Mapping[str, Any]) -> str:
    """What an item without a title is called: its colour and category."""
    return _once(f"{item['colour'] or ''} {item['category']}")


def _once(text: str) -> str:
    """Each word where it comes last: ``black leather leather jacket`` becomes ``black leather jacket``."""
    words = text.split()
    folded = [word.lower() for word in words]
    return " ".join(word for at, word in enumerate(words) if folded[at] not in folded[at + 1 :])
