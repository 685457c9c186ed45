"""Views: items, numbers and verdicts as the pages show them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import pass_context
from jinja2.runtime import Context

from goeswith.data.captions import title_of
from goeswith.data.catalogue import GROUPS
from goeswith.data.encoders.pictures import open_picture
from goeswith.data.garments import fold
from goeswith.data.variants import listed
from goeswith.shop.prices import price, shared_currency
from goeswith.shop.stylist import Look
from goeswith.studio.service.catalogue_view import CatalogueView, once
from goeswith.studio.service.refusals import image_path
from goeswith.studio.service.thumbnails import inside
from goeswith.studio.storefront.shown_items import amount, link_of

SHAPES = {"square": 1.0, "tall": 0.75, "taller": 0.715}
"""Width over height of the tiles; studio.css has the same."""
PLURALS = {"shoes": "shoes", "outer": "outerwear", "accessory": "accessories", "dress": "dresses", "other": "other"}
FACTS = ("category", "group", "colour", "material", "pattern", "brand", "season", "gender")


@dataclass(frozen=True)
class Item:
    """An item on a page. image: path of its picture, without a size.

    kind: what is written under its name: its category, or its brand where the name says the category, if there are
    several brands. currency: of its price, where it has one of its own. pictured: whether it has a picture. own:
    whether it is the reader's own photo.
    """

    id: str
    name: str
    category: str
    group: str | None
    price: float | None
    image: str
    facts: tuple[tuple[str, str], ...] = ()
    kind: str = ""
    currency: str = ""
    pictured: bool = True
    own: bool = False

    def picture(self, size: int) -> str:
        """Path of its picture, so many pixels along a side."""
        return f"{self.image}{'&' if '?' in self.image else '?'}size={size}"

    @property
    def cutout(self) -> str:
        """Path of its picture without a background."""
        return f"{self.image.removesuffix('/image')}/cutout"


def item(view: CatalogueView, row: int) -> Item:
    """The item of a catalogue row."""
    values = view.catalogue.items.row(row, named=True)
    name = title_of(values) or f"{values['category']} {values['item_id']}"
    facts = [(field, str(values[field])) for field in FACTS if values[field]]
    brand = values["brand"] if len(view.facets()["brand"]) > 1 else None
    unit = str(values.get("currency") or "").strip()
    if values["price"] is not None:
        facts.append(("price", price(values["price"], unit)))
    return Item(
        values["item_id"], name, values["category"], values["group"], values["price"], image_path(values["item_id"]),
        (*facts, ("number", values["item_id"])), _kind(name, values["category"], brand), unit,
        values["item_id"] in view.guests or bool(values["image"]), values["item_id"] in view.guests,
    )  # fmt: skip


def for_sale(view: CatalogueView, it: Item) -> dict[str, Any]:
    """How an item is sold, as far as the catalogue says it: facts by name, its page, and its price before the sale."""
    row = view.row(it.id)
    values, stock = view.catalogue.items.row(row, named=True), view.index.shelf.stock
    facts = []
    if stock is not None and values["stock"] is not None:
        written = str(values["stock"]).strip()
        facts.append(("stock", (written if written.isdecimal() else "In stock") if stock[row] else "Sold out"))
    for name, word in (("sizes", "size"), ("skus", "SKU")):
        if several := listed(str(values.get(name) or "")):
            facts.append((f"{word}s" if len(several) > 1 else word, ", ".join(several)))
    before = amount(values.get("regular_price"))
    reduced = before is not None and it.price is not None and before > it.price
    return {"sold": facts, "link": link_of(values), "before": before if reduced else None}


def _kind(name: str, category: str, brand: str | None) -> str:
    """The category, or the brand where the name says the category, in the singular or in the plural."""
    folded = fold(name)
    in_name = fold(category).removesuffix("s").removesuffix("e") in folded
    return (brand or "") if in_name else category


def items(view: CatalogueView, item_ids: Any) -> list[Item]:
    """The items of ids, all of them known."""
    return [item(view, view.row(item_id)) for item_id in item_ids]


@once
def shape(view: CatalogueView) -> str:
    """Of most pictures of the catalogue: every tile gets it, so that photos fill theirs and nothing is cut off."""
    some = view.catalogue.items["image"].drop_nulls()[:2000:97].to_list()
    paths = [path for name in some if (path := inside(view.index.images, name)) is not None]
    sizes = [size for path in paths if (size := _size(path)) is not None]
    ratio = float(np.median([width / height for width, height in sizes])) if sizes else 1.0
    return min(SHAPES, key=lambda name: abs(SHAPES[name] - ratio))


def _size(path: Path) -> tuple[int, int] | None:
    try:
        with open_picture(path) as picture:
            return picture.size
    except Exception:  # a broken file makes Pillow raise nearly anything; it has no say in the shape
        return None


def sentence(message: str) -> str:
    """A message as a sentence: it begins with a capital and ends with a full stop, or with its question mark."""
    return message[:1].upper() + (message[1:] if message.endswith("?") else message[1:].removesuffix(".") + ".")


def percent(share: float | None) -> str:
    """A share in whole per cent."""
    return "–" if share is None or math.isnan(share) else f"{100 * share:.0f} %"


@once
def currency(view: CatalogueView) -> str:
    """The currency of all prices; empty where the catalogue names none, or several."""
    return shared_currency(view.catalogue.items)


@pass_context
def _priced(context: Context, number: float, own: str = "") -> str:
    """`price` on a page: in the item's own currency, else in that of the catalogue."""
    return price(number, own or str(context.get("currency") or ""))


def signed(number: float) -> str:
    """A difference with its sign."""
    return "–" if math.isnan(number) else f"{number:+.2f}".replace("-", "−")


def points(change: float) -> str:
    """A change of a standing among 100 outfits."""
    return f"{change:+.0f}".replace("-", "−").replace("+0", "±0").replace("−0", "±0")


def score(number: float) -> str:
    """A score with as many digits as tell outfits apart."""
    return f"{number:.{1 if abs(number) >= 100 else 2}f}".replace("-", "−")


def verdict(look: Look) -> str:
    """What is wrong with a look, or its verdict in a word; empty where it has none."""
    if math.isnan(look.score):
        return "no score"
    return ", ".join(look.findings) or look.verdict


def standing(look: Look) -> str:
    """The percentile of a look among the outfits of the data set, in words."""
    if look.percentile is None or look.verdict == "unsure":
        return ""
    share = f"{look.percentile:.0f}"
    return {"0": "worse than nearly all real outfits", "100": "better than nearly all real outfits"}.get(
        share, f"better than {share} % of real outfits"
    )


def plural(group: str) -> str:
    """A group as a heading."""
    return PLURALS.get(group, f"{group}s").capitalize()


def count(number: int) -> str:
    """A number with its thousands apart."""
    return f"{number:,}"


def groups_of(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Groups of the catalogue in their usual order, and how many items each has."""
    return [(name, counts[name]) for name in GROUPS if counts.get(name)]


FILTERS = {
    "percent": percent, "price": _priced, "score": score, "signed": signed, "points": points, "verdict": verdict,
    "standing": standing, "plural": plural, "sentence": sentence, "count": count,
}  # fmt: skip
"""Of the templates."""
