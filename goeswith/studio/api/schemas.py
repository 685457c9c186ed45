"""Schemas: requests and responses of the API, from which the OpenAPI schema is made."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    create_model,
    model_validator,
)

from goeswith.data.filters import COLUMN_OF, Filters
from goeswith.studio.api.names import check, renamed
from goeswith.studio.service import limits


class RequestModel(BaseModel):
    """A request; a field that it does not have is a mistake, see `goeswith.studio.api.names`."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _names(cls, sent: Any) -> Any:
        if isinstance(sent, dict):
            check(sent, cls.names())
        return sent

    @classmethod
    def names(cls) -> list[str]:
        """The names of its fields, earlier ones included."""
        aliases = {name: field.validation_alias for name, field in cls.model_fields.items()}
        both = (alias.choices if isinstance(alias, AliasChoices) else [name] for name, alias in aliases.items())
        return [str(name) for names in both for name in names]


def example(value: dict[str, Any]) -> ConfigDict:
    """The settings of a model that shows an example of itself."""
    return ConfigDict(json_schema_extra={"examples": [value]})


class ResponseModel(BaseModel):
    """An answer, made of what the library returns."""

    model_config = ConfigDict(from_attributes=True)


def _finite(value: Any) -> Any:
    """JSON has no NaN: what is not known is null."""
    return None if value is None or not math.isfinite(value) else value


Text = Annotated[str, StringConstraints(min_length=1, max_length=limits.TEXT_LENGTH)]
Items = Annotated[list[Text], Field(max_length=limits.ITEMS)]
Values = Annotated[list[Text], Field(max_length=limits.FILTER_VALUES)]


def _no_flag(value: object) -> object:
    """true and false are no numbers, though Python takes them for 1 and 0."""
    if isinstance(value, bool):
        raise ValueError("a number is expected")
    return value


Count = Annotated[int, BeforeValidator(_no_flag), Field(ge=1, le=limits.RESULTS)]
Money = Annotated[float, BeforeValidator(_no_flag), Field(ge=0, le=1e12)]
Share = Annotated[float, BeforeValidator(_no_flag), Field(ge=0, le=1)]
Popularity = Annotated[
    float | None,
    Field(ge=0, le=1, description="0: taste only; 1: bestsellers; null: fitted on validation outfits."),
]
Coherent = Annotated[bool, Field(description="Add only items of the same season and gender as the given ones.")]
Number = Annotated[float | None, BeforeValidator(_finite)]


_allowed: dict[str, Any] = {name: (Values, []) for name in COLUMN_OF}
_queried: dict[str, Any] = {column: (Values, []) for column in COLUMN_OF.values()}


class FiltersRequest(create_model("Allowed", __base__=RequestModel, **_allowed)):  # type: ignore[misc]
    """What items have to be; an empty list lets every value pass."""

    exclude: list[Text] = Field([], max_length=limits.FILTER_VALUES, description="Item ids.")
    price_min: Money | None = None
    price_max: Money | None = None
    in_stock: bool = False

    def filters(self) -> Filters:
        """As the library has them.

        Raises:
            CatalogueError: they contradict each other.
        """
        return Filters(**self.model_dump())


class ItemsQuery(create_model("Asked", **_queried)):  # type: ignore[misc]
    """What is looked for in the catalogue, as an address says it."""

    q: Annotated[str, Field(max_length=limits.TEXT_LENGTH, description="Words; an item must match all of them.")] = ""
    price_min: Money | None = None
    price_max: Money | None = None
    in_stock: bool = False
    offset: Annotated[int, Field(ge=0, le=1 << 40)] = 0
    limit: Annotated[int, Field(ge=1, le=limits.PAGE)] = 50

    def filters(self) -> Filters:
        """As the library has them.

        Raises:
            CatalogueError: they contradict each other.
        """
        values = {name: getattr(self, column) for name, column in COLUMN_OF.items()}
        others: dict[str, Any] = {name: getattr(self, name) for name in ("price_min", "price_max", "in_stock")}
        return Filters(**values, **others)


class ScoreRequest(RequestModel):
    """Outfits to score."""

    model_config = example({"outfits": [["linen-shirt:white", "chino:navy", "suede-boots"]]})

    outfits: Annotated[list[Items], Field(min_length=1, max_length=limits.OUTFITS)]


class Searching(RequestModel):
    """What is asked of the stylist; the other fields are the arguments of its method."""

    filters: FiltersRequest = FiltersRequest()


class CompleteRequest(Searching):
    """A look to be made around anchors."""

    model_config = example(
        {
            "item_ids": ["linen-dress:navy"],
            "slots": ["shoes", "bag"],
            "filters": {"colours": ["black"]},
            "budget": 250,
            "k": 3,
        }
    )

    anchors: Items = renamed(..., "anchors", "What the look is made around.")
    slots: Annotated[
        list[Text],
        Field(max_length=limits.SLOTS, description="Groups or categories; by default all that the look lacks."),
    ] = []
    budget: Money | None = Field(None, description="Highest total price of the look.")
    k: Count = 5
    diversity: Share = 0.0
    common: Annotated[int, BeforeValidator(_no_flag)] = Field(
        1, ge=0, le=limits.SLOTS, description="How many added items two looks may share."
    )
    popularity: Popularity = None
    coherent: Coherent = True


class FillRequest(Searching):
    """A gap to be filled."""

    model_config = example(
        {"item_ids": ["linen-shirt:white", "chino:navy"], "slot": "shoes", "filters": {"price_max": 80}}
    )

    items: Items = renamed(..., "items")
    slot: Text
    k: Count = 10
    diversity: Share = 0.0
    popularity: Popularity = None
    coherent: Coherent = True


class ImproveRequest(Searching):
    """An outfit to be made better by one swap."""

    model_config = example({"item_ids": ["linen-shirt:white", "chino:navy", "suede-boots"], "locked": ["suede-boots"]})

    items: Items = renamed(..., "items")
    locked: Items = []
    k: Count = 5
    coherent: Coherent = True


class ExplainRequest(Searching):
    """An outfit whose score is to be explained."""

    model_config = example({"item_ids": ["linen-shirt:white", "chino:navy", "suede-boots"], "swap": False})

    item_ids: Items = renamed(..., "items")
    swap: bool = Field(True, description="Also search for the best swap; without it the answer is faster.")
    locked: Items = Field([], description="Items that must stay, which no advice is to take out.")


class SimilarRequest(Searching):
    """An item that substitutes are wanted for."""

    model_config = example({"item_id": "suede-boots", "k": 5})

    item_id: Text = renamed(..., "item")
    k: Count = 10


class LookResponse(ResponseModel):
    """An outfit with its score; higher goes together better."""

    item_ids: list[str]
    added: list[str]
    score: Number = Field(description="Higher means a better match; null if an item has no features.")
    findings: list[str] = Field(description="What keeps it from being an outfit, such as: needs a top.")
    verdict: str = Field(
        description="strong, fine or weak among real outfits of its size; unsure where the model hardly tells them "
        "from mixed ones; incomplete with findings; empty where there were too few outfits to compare with."
    )
    probability: Number = Field(
        description="Calibrated; null with findings, and where there were too few outfits to calibrate on."
    )
    percentile: Number = Field(description="0 to 100, against the outfits of the data set; null as the probability is.")
    price: Number
    notes: list[str]


class LooksResponse(ResponseModel):
    """Outfits, best first, or in the order they were given."""

    looks: list[LookResponse]


class SwapResponse(ResponseModel):
    """One item for another."""

    removed: str
    added: str | None = Field(description="null: the item is only taken out, as the outfit has too many of its kind.")
    look: LookResponse
    gain: Number


class SwapsResponse(ResponseModel):
    """Swaps, best first."""

    swaps: list[SwapResponse]
    why_none: str = Field(description="Why there are no swaps, in a sentence; otherwise empty.")


class SimilarItem(ResponseModel):
    """A substitute."""

    item_id: str
    similarity: Number


class SimilarResponse(ResponseModel):
    """Substitutes, nearest first."""

    items: list[SimilarItem]
    why_none: str = Field(description="Why there are no substitutes, in a sentence; otherwise empty.")


class FiredRule(ResponseModel):
    """A rule that two of the items fulfil or break."""

    rule: dict[str, Any]
    top: str
    bottom: str
    confidence: Number = Field(description="Trust in the rule, 0 to 1.")
    says: str


class ExplainResponse(ResponseModel):
    """Why an outfit has its score. Places count from 0, in the order of the items."""

    item_ids: list[str]
    look: LookResponse
    pairs: list[list[Number]] = Field(description="How well two items go together; null on the diagonal.")
    contributions: list[Number] = Field(description="What the score loses without the item; higher: it helps.")
    attributes: list[Number] | None = Field(description="Share of each attribute mask; null for models without.")
    weakest_pair: list[int]
    weakest_item: int
    rules: list[FiredRule]
    swap: SwapResponse | None
    sentence: str


class ItemResponse(ResponseModel):
    """An item of the catalogue."""

    item_id: str
    category: str
    group: str | None
    title: str | None
    price: Number
    colour: str | None
    material: str | None
    pattern: str | None
    brand: str | None
    season: str | None
    gender: str | None
    image: str = Field(description="Path of its picture in this service.")
    scored: bool = Field(
        description="Whether it can be scored: it has features, and the model has seen its category. An outfit with an "
        "item that cannot is refused."
    )
    guest: bool = Field(description="Whether it was uploaded here.")


class ItemsPage(ResponseModel):
    """Part of the catalogue, in its order."""

    items: list[ItemResponse]
    total: int = Field(description="How many there are in all.")
    offset: int
    limit: int


class FacetsResponse(ResponseModel):
    """How many items have each value."""

    facets: dict[str, dict[str, int]]


class IndexResponse(ResponseModel):
    """The index that answers."""

    model: str
    dataset: str
    build: str = Field(description="Changes with every new index.")
    item_count: int
    guest_count: int = Field(description="Of them, those that were uploaded.")
    items: int = Field(deprecated=True, description="Now `item_count`.")
    guests: int = Field(deprecated=True, description="Now `guest_count`.")
    calibrated: bool = Field(description="Whether scores have probabilities and percentiles.")
    stale: str = Field(description="What happened to the data set since it was indexed; empty if it is unchanged.")
    changed: bool = Field(description="The folder has another index; POST /v1/reload opens it.")


class ReloadResponse(IndexResponse):
    """The index that answers from now on."""

    lost: str = Field(description="Which uploaded items it cannot take, and why; empty if it takes all.")


class Problem(BaseModel):
    """Why a request was not answered: a problem document of RFC 9457."""

    type: str
    title: str = Field(description="Title of the HTTP status.")
    status: int
    detail: str = Field(description="One sentence for people.")
    reason: str = Field(description="One word for programs.")
    item_ids: list[str] = Field(description="The items that the sentence is about.")
    choices: list[dict[str, str]] = Field(
        description="Where a name means no item or several: those it may mean, by `item_id`, with the paths of "
        "the `item` and of its `image`."
    )


PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"content": {"application/problem+json": {"schema": Problem.model_json_schema()}}, "description": text}
    for status, text in {
        400: "The request cannot be read, or gives a thing under both its names (`two_names`).",
        401: "The token is missing.",
        403: "The request comes from another site.",
        404: "There is no such item.",
        408: "The request did not arrive in time.",
        409: "The state of the service does not allow it.",
        413: "The request is too large.",
        415: "The type of file or body is not accepted.",
        422: "The request makes no sense here, or has a field or parameter that does not exist; the nearest is named.",
        503: "Too much to do, now or for this request.",
    }.items()
}
