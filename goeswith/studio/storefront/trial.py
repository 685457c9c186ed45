"""Trial: whether a model's looks do better on product pages than random ones or those of another model.

A session that takes part sends a number that it drew; what it is shown follows from that and the item, so that answers
can be cached. Where people approved looks of an item, those are shown and nothing is tried.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace

from goeswith.data.filters import Filters
from goeswith.errors import CatalogueError, ConfigError
from goeswith.evaluate.clicks import team_draft
from goeswith.shop.random_looks import random_looks
from goeswith.studio.service.catalogue_view import CatalogueView
from goeswith.studio.service.limits import PAGE_LOOKS
from goeswith.studio.service.shared import Shop
from goeswith.studio.storefront.page_looks import RANDOM, PageLook, PageLooks, Reviewed, made_look, model_name

CONTROL, COMPARE = "control", "compare"


class Trial:
    """Chooses what a session is shown.

    Args:
        control: share of the sessions that see random looks. other: finds the looks of another model.

    Raises:
        ConfigError: the other model is the same.
    """

    def __init__(self, shop: Shop, control: float = 0.0, other: PageLooks | None = None) -> None:
        self.shop, self.control, self.other = shop, control, other
        if other is not None and (name := model_name(shop.index)) == model_name(other.shop.index):
            raise ConfigError(f"both indices have the model {name}, so there is nothing to compare; choose another")

    async def choose(
        self, view: CatalogueView, row: int, reviewed: Reviewed, looks: list[PageLook], limit: int, draw: int | None
    ) -> tuple[str, list[PageLook]]:
        """Which trial the answer is part of, if any, and the looks on the page of an item.

        Args:
            reviewed: no look that people rejected is shown. looks: the ones without a trial.
            draw: 0 to 99, of the session; None where it takes no part.

        Raises:
            Refused: there is too much to do.
        """
        if draw is None or not looks or any(look.approved for look in looks):
            return "", looks
        seed = zlib.crc32(f"{draw} {view.catalogue.ids[row]}".encode())
        if self.other is not None:
            other_looks = reviewed.allowed(await self._others(self.other, view, row))
            return COMPARE, _drafted(looks, other_looks, limit, seed)
        if not self.control:
            return "", looks
        if draw >= round(100 * self.control):
            return CONTROL, looks
        random = reviewed.allowed(await self.shop.page_workers.run(_random, view, row, limit, seed))
        return (CONTROL, random) if random else ("", looks)

    async def _others(self, other: PageLooks, view: CatalogueView, row: int) -> list[PageLook]:
        other_view = other.shop.view
        at = other_view.index.row_of.get(view.catalogue.ids[row])
        return [] if at is None else _in_view(view, other_view, (await other.made(other_view, at)).looks)


def _drafted(first: Sequence[PageLook], second: Sequence[PageLook], limit: int, seed: int) -> list[PageLook]:
    """Both as one list; a look that both have is of the one that drafts it."""
    teams = [{look.look_id: look for look in each} for each in (first, second)]
    return [teams[team][look_id] for look_id, team in team_draft(list(teams[0]), list(teams[1]), limit, seed)]


def _random(view: CatalogueView, row: int, limit: int, seed: int) -> list[PageLook]:
    index = view.stylist.index
    filters = Filters(in_stock=index.shelf.stock is not None)
    try:
        looks = random_looks(view.stylist, index.catalogue.ids[row], min(limit, PAGE_LOOKS), seed, filters)
    except CatalogueError:
        return []
    return [made_look(view.stylist, look, RANDOM) for look in looks]


def _in_view(view: CatalogueView, other_view: CatalogueView, looks: Sequence[PageLook]) -> list[PageLook]:
    """Looks of another index with the rows of this one, apart from those with an item that it lacks or has sold."""
    row_of, stock, size = view.index.row_of, view.index.shelf.stock, view.index.size
    ids = other_view.catalogue.ids
    moved = [replace(look, rows=tuple(row_of.get(ids[row], size) for row in look.rows)) for look in looks]
    return [look for look in moved if max(look.rows) < size and (stock is None or all(stock[row] for row in look.rows))]
