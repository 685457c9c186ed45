"""Product JSON: Schema.org's Product and ProductGroup as rows, one per variant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

PRODUCT, GROUP = "Product", "ProductGroup"
TEXTS = {
    "id": ("sku", "productID", "@id", "mpn", "gtin13", "gtin"),
    "item_group_id": ("inProductGroupWithID", "productGroupID"),
    "title": ("name",),
    "description": ("description",),
    "link": ("url",),
    "image_link": ("image",),
    "brand": ("brand",),
    "color": ("color",),
    "material": ("material",),
    "pattern": ("pattern",),
    "size": ("size",),
    "product_type": ("category",),
    "gtin": ("gtin13", "gtin", "gtin12", "gtin8"),
}
"""Column of a row → properties that it is taken from, the first that says something."""
OFFERED = {
    "price": ("price", "lowPrice"),
    "currency": ("priceCurrency",),
    "availability": ("availability",),
    "sale_ends": ("priceValidUntil",),
    "link": ("url",),
}

SAID = ("name", "url", "contentUrl", "value", "@value", "@id")
"""Properties of a thing that say what it is, the first that there is."""


def flat_products(value: Any) -> Iterator[dict[str, str]]:
    """The variants in a JSON value: of a product, of a group with ``hasVariant``, of a list or ``@graph``."""
    if isinstance(value, list):
        for part in value:
            yield from flat_products(part)
    elif isinstance(value, dict) and "@graph" in value:
        yield from flat_products(value["@graph"])
    elif isinstance(value, dict):
        parent = _row(value)
        variants = value.get("hasVariant") or []
        for variant in variants if isinstance(variants, list) else [variants]:
            if isinstance(variant, dict):
                yield {**{name: text for name, text in parent.items() if name != "id"}, **_row(variant)}
        if not variants and _is_product(value):
            yield parent


def _is_product(product: dict[str, Any]) -> bool:
    """Whether it is a product, or says nothing of what it is."""
    kinds = product.get("@type", PRODUCT)
    names = [str(kind).rpartition("/")[2] for kind in (kinds if isinstance(kinds, list) else [kinds])]
    return PRODUCT in names or GROUP in names


def _row(product: dict[str, Any]) -> dict[str, str]:
    offers = product.get("offers")
    offer = next((part for part in offers if isinstance(part, dict)), {}) if isinstance(offers, list) else offers
    row = _taken(offer, OFFERED) if isinstance(offer, dict) else {}
    row |= _taken(product, TEXTS) | _by_language(product.get("name"))
    audience = product.get("audience")
    if isinstance(audience, dict):
        row |= _taken(audience, {"gender": ("suggestedGender",), "age_group": ("suggestedAge",)})
    group = product.get("isVariantOf")
    if isinstance(group, dict):
        row = _taken(group, {name: TEXTS[name] for name in ("item_group_id", "title", "description")}) | row
    row.pop("sale_ends", None)  # until when a price holds, not a sale
    return row


def _by_language(name: Any) -> dict[str, str]:
    """Titles as columns ``title_de``, where a name has them: ``[{"@language": "de", "@value": "Kleid"}, ...]``."""
    texts = [part for part in name if isinstance(part, dict)] if isinstance(name, list) else []
    return {f"title_{text['@language']}": _text(text) for text in texts if text.get("@language")}


def _taken(source: dict[str, Any], wanted: dict[str, tuple[str, ...]]) -> dict[str, str]:
    texts = {name: next(filter(None, (_text(source.get(key)) for key in keys)), "") for name, keys in wanted.items()}
    return {name: text for name, text in texts.items() if text}


def _text(value: Any) -> str:
    """What a property says: text, a number, a named thing, or the first of a list of them (all, of addresses)."""
    if isinstance(value, list):
        texts = [text for text in map(_text, value) if text]
        return "\n".join(texts) if texts and texts[0].startswith("http") else next(iter(texts), "")
    if isinstance(value, dict):
        return next(filter(None, (_text(value.get(key)) for key in SAID)), "")
    return "" if value is None or isinstance(value, bool) else str(value).strip()
