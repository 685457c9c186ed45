"""Review items: which items a review is about: by filters, new arrivals, or those without a look."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import date
from typing import Any

import numpy as np

from goeswith.data.arrivals import arrivals, newest
from goeswith.data.filters import Filters
from goeswith.studio.service.catalogue_view import CatalogueView, once
from goeswith.studio.service.looks import Looks

NEW, BARE = "new", "without"
"""Values of `ItemFilter.only`: new arrivals, and items that are in no look but rejected ones."""
COLUMNS = {"group": "groups", "category": "categories", "brand": "brands", "colour": "colours", "season": "seasons",
           "gender": "genders"}  # fmt: skip
"""Field of `ItemFilter` → the filter that it sets."""


@dataclass(frozen=True)
class ItemFilter:
    """What a review is asked for; empty where nothing is."""

    only: str = ""
    q: str = ""
    group: str = ""
    category: str = ""
    brand: str = ""
    colour: str = ""
    season: str = ""
    gender: str = ""

    @classmethod
    def of(cls, query: Any) -> ItemFilter:
        """As an address or a form says it."""
        return cls(**{column.name: str(query.get(column.name, "")).strip()[:300] for column in fields(cls)})

    @property
    def query(self) -> dict[str, str]:
        """What an address says of it."""
        return {name: value for name, value in asdict(self).items() if value}

    @property
    def filters(self) -> Filters:
        """The part of it that the catalogue's columns answer."""
        set_: dict[str, Any] = {name: (value,) for column, name in COLUMNS.items() if (value := getattr(self, column))}
        return Filters(**set_)


@once
def _days(view: CatalogueView) -> np.ndarray:
    items = view.catalogue.items[: view.index.size]
    return arrivals(type(view.catalogue)(items), view.index.dataset)


def new_since(view: CatalogueView) -> date | None:
    """The day of the first of the new arrivals; None where no day is known."""
    return newest(_days(view))[1]


@dataclass(frozen=True)
class Chosen:
    """Items for a review. item_ids: the latest arrivals first. unusable: how many more no look can be made with."""

    item_ids: list[str]
    unusable: int


def chosen_items(view: CatalogueView, store: Looks, chosen: ItemFilter) -> Chosen:
    """The items that are asked for, without those that the model cannot judge, such as one without a picture.

    Raises:
        CatalogueError: a filter asks for a value that no item has.
    """
    rows = view.search(chosen.q, chosen.filters)
    rows = rows[rows < view.index.size]
    days = _days(view)
    if chosen.only == NEW:
        rows = rows[newest(days)[0][rows]]
    if chosen.only == BARE:
        in_looks = {item_id for look in store.find() if look.state != "rejected" for item_id in look.item_ids}
        rows = rows[[view.catalogue.ids[row] not in in_looks for row in rows]]
    usable = rows[view.index.known[rows]]
    ids = [view.catalogue.ids[row] for row in usable[np.argsort(-_ages(days)[usable], kind="stable")].tolist()]
    return Chosen(ids, len(rows) - len(usable))


def _ages(days: np.ndarray) -> np.ndarray:
    """Days as numbers (U,), those that are not known before all others."""
    return np.where(np.isnat(days), -(1 << 30), days.astype("datetime64[D]").astype(np.int64))
