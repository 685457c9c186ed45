"""Reviews: the page that begins a review, and the page on which the looks of one item are decided on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from goeswith.errors import GoeswithError
from goeswith.studio.pages.board import Board, address
from goeswith.studio.pages.brief import amount
from goeswith.studio.pages.looks import Card, cards
from goeswith.studio.pages.views import groups_of, item, items, plural
from goeswith.studio.service.catalogue_view import CatalogueView
from goeswith.studio.service.limits import REVIEW_ITEMS, REVIEW_LOOKS
from goeswith.studio.service.looks import Looks
from goeswith.studio.service.review_items import BARE, COLUMNS, NEW, Chosen, ItemFilter, chosen_items, new_since
from goeswith.studio.service.reviews import Progress, Reviews

SHOWN = 12
"""Items whose pictures the page shows before a review begins."""


def at(review_id: str, position: int | None, **more: Any) -> str:
    """Where an item of a review is decided on; where the next is that waits, if no place is given."""
    return address("/review", review=review_id, at="" if position is None else position + 1, **more)


def begin(
    view: CatalogueView,
    store: Looks,
    reviews: Reviews,
    chosen: ItemFilter,
    budget: str = "",
    trouble: str = "",
    named: str = "",
) -> dict[str, Any]:
    """The reviews that there are, and the form for one more: the items that it would be about. named: by the reader."""
    asked = Chosen([], 0)
    try:
        asked = chosen_items(view, store, chosen)
        amount(budget, "budget")
    except GoeswithError as error:
        trouble = trouble or str(error)
    every, since = view.facets(), new_since(view)
    kinds = [("", "All items", "")]
    if since is not None:
        kinds.insert(0, (NEW, "New arrivals", f"since {since.day} {since:%b %Y}"))
    kinds.append((BARE, "Without a look", ""))
    values = {name: [value for value, _ in groups_of(every[name])] if name == "group" else sorted(every[name])
              for name in COLUMNS}  # fmt: skip
    return {
        "chosen": chosen, "kinds": kinds, "hits": len(asked.item_ids), "shown": items(view, asked.item_ids[:SHOWN]),
        "unusable": asked.unusable, "most": REVIEW_ITEMS,
        "per": REVIEW_LOOKS, "budget": budget, "trouble": trouble, "dated": since is not None,
        "choices": [(name, values[name], view.index.shelf.spelled(name, getattr(chosen, name)))
                    for name in COLUMNS if len(values[name]) > 1],
        "reviews": [Progress.of(reviews, review) for review in reviews.every()], "board": Board(),
        "at": at, "priced": view.catalogue.items["price"].count() > 0, "name": name_of(chosen), "named": named,
    }  # fmt: skip


def name_of(chosen: ItemFilter) -> str:
    """What a review is called that nobody gave a name."""
    kind = {NEW: "new arrivals", BARE: "without a look"}.get(chosen.only, "")
    kind_of_item = chosen.category or (plural(chosen.group).lower() if chosen.group else "")
    facts = [
        chosen.colour,
        chosen.brand,
        chosen.season,
        chosen.gender,
        f"“{chosen.q}”" if chosen.q else "",
    ]
    words = ", ".join(filter(None, [kind_of_item, kind, *facts])) or "all items"
    return words[:1].upper() + words[1:]


@dataclass(frozen=True)
class Choice:
    """One look of the item. locked: ids of pieces that stay when it is made again. chosen: keys act on it."""

    card: Card
    locked: tuple[str, ...]
    chosen: bool


def decide(
    view: CatalogueView, store: Looks, reviews: Reviews, review_id: str, position: int | None, owner: str,
    *, pick: str = "", lock: Sequence[str] = (), change: int = 0, trouble: str = "",
) -> dict[str, Any]:  # fmt: skip
    """The looks of one item, to be decided on; of the next that waits where no place is given.

    pick: id of the look that keys act on. lock: pieces of it that stay. change: what was just done.

    Raises:
        Refused: there is no such review.
    """
    progress = Progress.of(reviews, reviews.get(review_id))
    review, done = progress.review, store.last(change) if change else None
    if position is None or not 0 <= position < progress.total:
        position = progress.after(-1)
    page: dict[str, Any] = {
        "review": review, "progress": progress, "position": position, "change": done, "trouble": trouble,
        "board": Board(), "at": at,
        "choices": [], "item": None, "failure": "", "waiting": position is None and not review.finished,
        "undo_position": None if done is None else int(done.look_id.rsplit("-", 2)[1]),
    }  # fmt: skip
    counted = f"{progress.done} of {progress.total} decided"
    if position is None or position >= review.made:
        waiting = not review.finished
        page |= {"waiting": waiting, "position": None}
        return page | {
            "announcement": f"{counted}. {'The next looks are being made' if waiting else 'Everything is decided'}"
        }
    looks = progress.by_item[position]
    shown = cards(view, looks, owner)
    picked = next((look.look_id for look in looks if look.look_id == pick), None)
    picked = picked or next((look.look_id for look in looks if look.state == "draft"), "")
    choices = [
        Choice(card, tuple(lock) if card.saved.look_id == pick else (), card.saved.look_id == picked) for card in shown
    ]
    row, item_id = view.index.row_of.get(review.item_ids[position]), review.item_ids[position]
    words = f"{counted}. {done.sentence if done else f'{len(looks)} looks for item {position + 1}'}"
    return page | {
        "choices": choices, "item": None if row is None else item(view, row), "item_id": item_id, "announcement": words,
        "failure": review.failures.get(item_id, ""), "before": position - 1 if position else None,
        "compared": [look.look_id for look in looks][:4], "next": progress.after(position),
    }  # fmt: skip
