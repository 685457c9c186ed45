"""Schemas: responses to product pages, from which the OpenAPI schema is made."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from goeswith.studio.api.schemas import example

PICTURE: dict[str, Any] = {
    "src": "https://looks.example/storefront/v1/pictures/Zm9v/384/linen-dress%3Anavy?v=18c2-5f0a",
    "srcset": "https://looks.example/storefront/v1/pictures/Zm9v/192/linen-dress%3Anavy?v=18c2-5f0a 128w, "
    "https://looks.example/storefront/v1/pictures/Zm9v/384/linen-dress%3Anavy?v=18c2-5f0a 256w",
    "width": 256,
    "height": 384,
}
ITEM: dict[str, Any] = {
    "item_id": "linen-dress:navy", "product_id": "linen-dress", "title": "Linen Shirt Dress",
    "titles": {"de": "Hemdkleid aus Leinen"}, "category": "Dresses", "group": "dress", "colour": "Navy",
    "brand": "Kestrel", "link": "https://shop.example/products/linen-dress",
    "image": PICTURE, "price": 59.5, "regular_price": 89.0, "currency": "EUR", "in_stock": True, "sizes": ["S", "M"],
    "skus": ["LD-N-S", "LD-N-M"],
}  # fmt: skip
OTHER = ITEM | {
    "item_id": "suede-boots", "product_id": "suede-boots", "title": "Suede Boots", "titles": {}, "category": "Boots",
    "group": "shoes", "colour": None, "link": "https://shop.example/products/suede-boots", "price": 140.0,
    "regular_price": None, "sizes": ["38", "39"], "skus": ["SB-38", "SB-39"],
}  # fmt: skip
LOOK: dict[str, Any] = {
    "look_id": "made-5d41402abc4b2a76", "approved": False, "name": "", "source": "two-tower 3f9a1c",
    "price": 199.5, "currency": "EUR",
    "items": [ITEM, OTHER],
}  # fmt: skip
ANSWER: dict[str, Any] = {"item": ITEM, "looks": [LOOK], "why_none": "", "trial": ""}


class PagePicture(BaseModel):
    """A picture, for an ``<img>``."""

    src: str = Field(description="Absolute address; needs no key.")
    srcset: str = Field(description="The same picture in several widths.")
    width: int = Field(description="Pixels of `src`; space can be reserved by it.")
    height: int


class PageItem(BaseModel):
    """An item as a page shows it. With `fields` only those, and the id."""

    model_config = example(ITEM)

    item_id: str
    product_id: str | None = None
    title: str | None = None
    titles: dict[str, str] = Field({}, description="In further languages, by language (ISO 639-1).")
    category: str | None = None
    group: str | None = None
    colour: str | None = None
    brand: str | None = None
    link: str | None = Field(None, description="Address of its product page.")
    image: PagePicture | None = None
    price: float | None = None
    regular_price: float | None = Field(None, description="Price before a sale.")
    currency: str | None = Field(None, description="As the export has it: ISO 4217, such as EUR.")
    in_stock: bool | None = Field(None, description="null: the catalogue does not say.")
    sizes: list[str] = []
    skus: list[str] = Field([], description="Of its variants.")


class PageLookResponse(BaseModel):
    """A look."""

    model_config = example(LOOK)

    look_id: str = Field(description="Stable id: looks with the same items have the same id.")
    approved: bool = Field(description="True if a person approved the look, false if the model made it.")
    name: str = Field(description="As it was saved; empty if the model made it.")
    source: str = Field(description="approved, random, or the name of a model; goes into the events of this look.")
    price: float | None = Field(description="Of all its items; null if one has no price or another currency.")
    currency: str | None
    items: list[PageItem] = Field(description="The item of the page included.")


class ItemLooks(BaseModel):
    """An item and its looks, approved ones first."""

    model_config = example(ANSWER)

    item: PageItem
    looks: list[PageLookResponse]
    why_none: str = Field(description="Why there are no looks, in a sentence; otherwise empty.")
    trial: str = Field(description="control or compare while one runs; goes into the events of these looks.")


class ManyLooks(BaseModel):
    """The looks of several items."""

    model_config = example({"answers": [ANSWER], "unknown": ["no-such-item"]})

    answers: list[ItemLooks] = Field(description="In the order of the request, without the unknown ones.")
    unknown: list[str] = Field(description="What is not in the catalogue.")
