"""Look schemas: requests and responses of the API for saved looks."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from goeswith.studio.api.names import renamed
from goeswith.studio.api.schemas import Money, Number, RequestModel, ResponseModel, Text, example
from goeswith.studio.service import limits

State = Literal["draft", "approved", "rejected", "live"]
Note = Annotated[str, StringConstraints(max_length=limits.NOTE_LENGTH)]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=limits.TAG_LENGTH)]
Tags = Annotated[list[Tag], Field(max_length=limits.LOOK_TAGS)]
Who = Annotated[str, StringConstraints(max_length=60), Field(description="Name for the history of the look.")]
Pinned = Annotated[
    str, StringConstraints(max_length=limits.TEXT_LENGTH), Field(description="Of its items, that whose page shows it.")
]
ItemIds = Annotated[list[Text], Field(min_length=2, max_length=limits.LOOK_ITEMS, description="In order.")]


class LookRequest(RequestModel):
    """A look to be kept."""

    model_config = example({"name": "Linen", "item_ids": ["linen-dress:navy", "suede-boots"], "tags": ["june"]})

    name: Text
    item_ids: ItemIds
    tags: Tags = Field(default_factory=list)
    note: Note = ""
    state: State = "draft"
    pinned_item: Pinned = ""
    who: Who = "program"


class LookChange(RequestModel):
    """What is to be another; what is left out stays."""

    model_config = example({"state": "approved", "who": "Ada"})

    name: Text | None = None
    item_ids: ItemIds | None = None
    tags: Tags | None = None
    note: Note | None = None
    state: State | None = None
    pinned_item: Pinned | None = None
    who: Who = "program"


class PieceResponse(ResponseModel):
    """An item of a saved look, as the catalogue had it when it was saved."""

    item_id: str
    title: str
    category: str
    group: str | None
    price: Number


class LookSaved(ResponseModel):
    """A saved look."""

    look_id: str
    name: str
    items: list[PieceResponse]
    tags: list[str]
    note: str
    state: State
    who: str
    created: str = Field(description="UTC, ISO 8601.")
    changed: str = Field(description="UTC, ISO 8601.")
    version: int
    judged: dict[str, Any] = Field(description="What the model said when its items were saved.")
    pinned_item: str = Field(description="Id of the item whose page shows it; empty where none does.")
    review_id: str = Field(description="Of the review that it was made for; empty where it was for none.")
    gone: list[str] = Field(description="Items that the catalogue no longer has.")
    sold_out: list[str] = Field(description="Items that are not in stock.")


class SavedPage(ResponseModel):
    """Saved looks, the latest change first."""

    looks: list[LookSaved]
    total: int
    offset: int
    limit: int


class ChangeResponse(ResponseModel):
    """One entry of a look's history."""

    change_id: int
    look_id: str
    time: str
    who: str
    what: str


class HistoryResponse(ResponseModel):
    """What happened to a look, the latest first."""

    changes: list[ChangeResponse]


class LinkResponse(ResponseModel):
    """A public link of a look, which shows this look and nothing else."""

    look_id: str
    path: str = Field(description="Below the address of the service.")


class ProductsRequest(RequestModel):
    """The items that looks are made for: those that pass all of it."""

    only: Annotated[Literal["", "new", "without"], Field(description="`new` arrivals, or those `without` a look.")] = ""
    q: Text | Literal[""] = ""
    group: Text | Literal[""] = ""
    category: Text | Literal[""] = ""
    brand: Text | Literal[""] = ""
    colour: Text | Literal[""] = ""
    season: Text | Literal[""] = ""
    gender: Text | Literal[""] = ""


class ReviewRequest(RequestModel):
    """A review to begin: items that pass, or a list of them."""

    name: Text
    products: ProductsRequest = ProductsRequest()
    item_ids: Annotated[list[Text], Field(max_length=limits.REVIEW_ITEMS)] | None = Field(
        None, description="Ids of the items to review, in place of a choice of items."
    )
    budget: Money | None = Field(None, description="Highest total price of each look.")
    who: Who = "program"


class ReviewResponse(ResponseModel):
    """A review, and how far it is."""

    review_id: str
    name: str
    who: str
    created: str = Field(description="UTC, ISO 8601.")
    item_ids: list[str]
    budget: Number
    left_out: int = Field(
        0, description="Items that pass, but are more than a review may have, or that no look can be made with."
    )
    made: int = Field(description="Items whose looks are made.")
    decided: int = Field(description="Items with an approved look, or with nothing but rejected ones.")
    failures: dict[str, str] = Field(description="Item → why no look could be made.")


class ReviewPage(ResponseModel):
    """Reviews, the latest first."""

    reviews: list[ReviewResponse]


class ReviewLooks(ResponseModel):
    """The looks of a review, in the order of its items."""

    looks: list[LookSaved]


class RemakeRequest(RequestModel):
    """Make a look of a review again."""

    keep: Annotated[list[Text], Field(max_length=limits.LOOK_ITEMS)] = renamed(
        [], "keep", "Items that stay, beside the item itself."
    )
    who: Who = "program"
