"""Obstacles: why a board or an item has no score, in words for people: titles, not ids."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from goeswith.studio.pages.views import Item, sentence
from goeswith.studio.service.catalogue_view import Wall


def called(one: Item) -> str:
    """What a sentence calls an item: its title, with the colour where that does not say it."""
    colour = dict(one.facts).get("colour", "")
    return f"“{one.name}”" if colour.lower() in one.name.lower() else f"“{one.name}” ({colour})"


def of_item(wall: Wall, one: Item) -> str:
    """Empty, or why the model cannot judge an item."""
    row = wall.row(one.id)
    if not wall.index.scorer.present[row]:
        return "the model knows nothing of it, for it has no features"
    if not wall.index.seen(np.array([row]))[0]:
        return f"the model never learned what the category {one.category!r} goes with"
    return ""


def of_board(wall: Wall, shown: Sequence[Item]) -> list[str]:
    """Why an outfit has no score, one sentence for each item or pair that is to blame."""
    told = [
        f"There is no score with {called(one)}: {why}. Take it off to go on."
        for one in shown if (why := of_item(wall, one))
    ]  # fmt: skip
    first: dict[int, Item] = {}
    for one in shown:
        product = int(wall.index.shelf.products[wall.row(one.id)])
        if product in first:
            told.append(f"{called(first[product])} and {called(one)} are variants of one product; keep one of them.")
        first.setdefault(product, one)
    return told


def plainly(message: str, shown: Sequence[Item]) -> str:
    """A message of the library as a sentence, with titles where it names items of the board by id."""
    names = {one.id: called(one) for one in shown}
    ids = "|".join(re.escape(one) for one in sorted(names, key=len, reverse=True))
    if ids:
        message = re.sub(rf"(?<![\w-])(['\"]?)({ids})\1(?![\w-])", lambda found: names[found[2]], message)
    return sentence(message)
