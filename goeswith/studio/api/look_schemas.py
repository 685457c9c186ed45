"""Look schemas: requests and answers of the API about saved looks."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from goeswith.studio.api.schemas import Given, Number, Text, Told, example
from goeswith.studio.service import limits

State = Literal["draft", "approved", "rejected", "live"]
Note = Annotated[str, StringConstraints(max_length=limits.NOTE_LENGTH)]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=limits.TAG_LENGTH)]
Tags = Annotated[list[Tag], Field(max_length=limits.LOOK_TAGS)]
Who = Annotated[str, StringConstraints(max_length=60), Field(description="Whom the history names.")]
ItemIds = Annotated[list[Text], Field(min_length=2, max_length=limits.LOOK_ITEMS, description="In order.")]


class LookGiven(Given):
    """A look to be kept."""

    model_config = example({"name": "Linen", "item_ids": ["linen-dress:navy", "suede-boots"], "tags": ["june"]})

    name: Text
    item_ids: ItemIds
    tags: Tags = Field(default_factory=list)
    note: Note = ""
    state: State = "draft"
    who: Who = "program"


class LookChanged(Given):
    """What is to be another; what is left out stays."""

    model_config = example({"state": "approved", "who": "Ada"})

    name: Text | None = None
    item_ids: ItemIds | None = None
    tags: Tags | None = None
    note: Note | None = None
    state: State | None = None
    who: Who = "program"


class PieceTold(Told):
    """An item of a saved look, as the catalogue had it when it was saved."""

    item_id: str
    title: str
    category: str
    group: str | None
    price: Number


class LookSaved(Told):
    """A saved look."""

    look_id: str
    name: str
    items: list[PieceTold]
    tags: list[str]
    note: str
    state: State
    who: str
    created: str = Field(description="UTC, ISO 8601.")
    changed: str = Field(description="UTC, ISO 8601.")
    version: int
    judged: dict[str, Any] = Field(description="What the model said when its items were saved.")
    gone: list[str] = Field(description="Items that the catalogue no longer has.")
    sold_out: list[str] = Field(description="Items that are not in stock.")


class SavedPage(Told):
    """Saved looks, the latest change first."""

    looks: list[LookSaved]
    total: int
    offset: int
    limit: int


class ChangeTold(Told):
    """One entry of a look's history."""

    change_id: int
    look_id: str
    time: str
    who: str
    what: str


class HistoryTold(Told):
    """What happened to a look, the latest first."""

    changes: list[ChangeTold]
