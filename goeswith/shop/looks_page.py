"""Looks page: a few completed looks of a catalogue with pictures, as one self-contained HTML file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from goeswith import __version__
from goeswith.data.dataset import Dataset
from goeswith.data.filters import Filters
from goeswith.errors import CatalogueError, DataError
from goeswith.evaluate.showcase import Pictures
from goeswith.files import fresh_file
from goeswith.models import Searchable
from goeswith.shop.answers import Look
from goeswith.shop.index import Index
from goeswith.shop.looks import Maker
from goeswith.shop.prices import price, shared_currency
from goeswith.shop.stylist import Stylist
from goeswith.shop.wording import unlearned
from goeswith.templates import environment

LOOKS = 12
OFTEN = 2
"""Looks that an item may be in, its own among them."""
ANCHORS = ("top", "dress", "bottom", "outer")
"""Groups that looks are begun with; the others where a catalogue has none of them."""


@dataclass(frozen=True)
class Sampled:
    """Looks around anchors drawn by chance, and the anchors that no look could be made for: item id → why."""

    looks: list[Look]
    failed: dict[str, str]


def sample_looks(stylist: Stylist, count: int = LOOKS, seed: int = 0) -> Sampled:
    """One look around each of `count` anchors, drawn evenly from the groups that outfits begin with; all in stock."""
    filters = Filters(in_stock=stylist.index.shelf.stock is not None)
    anchors = _anchors(stylist.index, filters, seed)[: 2 * count]
    if not isinstance(stylist.index.run.model, Searchable):
        return _one_by_one(stylist, anchors, filters, count)
    maker = Maker(stylist, filters, cap=OFTEN)
    maker.offered[stylist.index.shelf.products[anchors]] += 1
    made = maker.looks(np.array(anchors, np.int64), per=1)
    if not any(made.values()):  # a catalogue so small that its items have to be shown more often
        made = Maker(stylist, filters).looks(np.array(anchors, np.int64), per=1)
    ids = stylist.index.catalogue.ids
    failed = {ids[row]: "nothing that fits makes a look with it" for row, looks in made.items() if not looks}
    return Sampled([look for looks in made.values() for look in looks][:count], failed)


def _one_by_one(stylist: Stylist, anchors: list[int], filters: Filters, count: int) -> Sampled:
    """For models that cannot be searched with many anchors at once."""
    looks: list[Look] = []
    failed: dict[str, str] = {}
    for row in anchors:
        anchor = stylist.index.catalogue.ids[row]
        try:
            looks += stylist.complete([anchor], filters=filters, k=1)
        except CatalogueError as error:
            failed[anchor] = str(error)
        if len(looks) == count:
            break
    return Sampled(looks, failed)


def _anchors(index: Index, filters: Filters, seed: int) -> list[int]:
    """Items that can be offered and pass, in an order drawn by chance in which the groups take turns."""
    groups = index.catalogue.items["group"][: index.size].fill_null("").to_numpy()
    rows = np.random.default_rng(seed).permutation(
        np.flatnonzero(index.known & filters.rows(index.catalogue)[: index.size])
    )
    begin = rows[np.isin(groups[rows], ANCHORS)]
    rows = begin if len(begin) else rows
    kinds = groups[rows]
    turn = np.empty(len(rows), np.int64)
    for kind in np.unique(kinds):
        turn[kinds == kind] = np.arange((kinds == kind).sum())
    return rows[np.argsort(turn, kind="stable")].tolist()


def write_looks_page(index: Index, out: Path, *, count: int = LOOKS, seed: int = 0) -> Path:
    """Write the page.

    Raises:
        DataError: the data set of the index is gone, or no look could be made.
    """
    if index.dataset is None:
        raise DataError(f"the data set of {index.path} is gone, and its pictures with it; index it again")
    sampled = sample_looks(Stylist(index), count, seed)
    if not sampled.looks:
        reason = next(iter(sampled.failed.values()), "no item can be offered")
        groups = index.catalogue.items["group"].drop_nulls().unique().sort().to_list()
        raise DataError(
            f"{index.path} cannot complete a look around any item: {reason}; all its items are of "
            f"{', '.join(groups) or 'no group'}: add what is worn with them, or sort categories with --groups"
        )
    dataset = Dataset(index.dataset)
    currency = shared_currency(dataset.catalogue.items)
    row_of, picture = {item_id: row for row, item_id in enumerate(dataset.catalogue.ids)}, Pictures(dataset)
    looks = [
        {
            "items": [picture(row_of[item_id]) for item_id in look.item_ids],
            "price": "" if look.price is None else price(look.price, currency),
            "verdict": look.verdict,
        }
        for look in sampled.looks
    ]
    written = (
        environment("goeswith.shop")
        .get_template("looks.html")
        .render(
            name=index.info["dataset"]["name"],
            version=__version__,
            size=f"{index.size:,}",
            offered=f"{int(index.known.sum()):,}",
            looks=looks,
            unlearned=unlearned(index.run),
            failed=sampled.failed,
        )
    )
    with fresh_file(out) as partial:
        partial.write_text(written, encoding="utf-8")
    return out
