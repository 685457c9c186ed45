"""Choices: what a page says of a name that means no item or several, and the items that it may mean."""

from __future__ import annotations

from goeswith.data.shelf import NAME_ONE
from goeswith.errors import GoeswithError
from goeswith.studio.pages.views import Item, items, sentence
from goeswith.studio.service.catalogue_view import CatalogueView


def message(error: GoeswithError) -> str:
    """An error as a sentence; without the ids of items that are shown below it."""
    text, several, _ = str(error).partition(NAME_ONE)
    return sentence(f"{text}; choose one" if several else text)


def choices(view: CatalogueView, error: GoeswithError) -> list[Item]:
    """The items of the open catalogue that an error gives to choose from."""
    return items(view, [item_id for item_id in error.choices if item_id in view.index.row_of])
