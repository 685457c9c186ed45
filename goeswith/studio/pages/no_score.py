"""No score: why a board or an item has no score, in words for people: titles instead of ids."""

from __future__ import annotations

import re
from collections.abc import Sequence

from goeswith.errors import CatalogueError, GoeswithError
from goeswith.shop.assortment import lack
from goeswith.studio.pages.views import Item, sentence
from goeswith.studio.service.catalogue_view import CatalogueView


def titled(item: Item) -> str:
    """What a sentence calls an item: its title, with the colour where that does not say it."""
    colour = dict(item.facts).get("colour", "")
    return f"“{item.name}”" if colour.lower() in item.name.lower() else f"“{item.name}” ({colour})"


def obstacle(view: CatalogueView, item_ids: Sequence[str]) -> CatalogueError | None:
    """What keeps some items, or a single one, from an outfit; None where nothing does."""
    try:
        view.stylist.assortment.outfit(item_ids, least=0)
    except CatalogueError as error:
        return error
    return None


def unscored(view: CatalogueView, error: GoeswithError, item: Item) -> str:
    """Why the model cannot judge an item; empty where the error is about something else."""
    if error.reason == "no_features":
        return f"it {lack(view.index, view.row(item.id))}"
    if error.reason == "unknown_category":
        return f"the model has not learned what the category {item.category!r} goes with"
    return ""


def in_titles(view: CatalogueView, error: GoeswithError, shown: Sequence[Item]) -> str:
    """An error as a sentence, with titles for the items of the board that it speaks of."""
    meant = [item for item in shown if item.id in error.item_ids]
    if len(meant) == 1 and (why := unscored(view, error, meant[0])):
        return f"There is no score with {titled(meant[0])}: {why}. Remove it to continue."
    if len(meant) == 2 and error.reason == "same_product":
        return f"{titled(meant[0])} and {titled(meant[1])} are variants of one product; keep one of them."
    names = {item.id: titled(item) for item in meant}
    ids = "|".join(re.escape(item) for item in sorted(names, key=len, reverse=True))
    message = str(error)
    if ids:
        message = re.sub(rf"(?<![\w-])(['\"]?)({ids})\1(?![\w-])", lambda hit: names[hit[2]], message)
    return sentence(message)
