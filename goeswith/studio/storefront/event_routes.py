"""Event routes: where product pages post impressions, clicks and baskets."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from goeswith.studio.api.names import renamed
from goeswith.studio.api.schemas import PROBLEMS, RequestModel, Text
from goeswith.studio.service import limits
from goeswith.studio.service.refusals import Refused, invalid, wrong_body
from goeswith.studio.service.shared import Shop
from goeswith.studio.storefront.events import Event, Events
from goeswith.studio.storefront.keys import PublicKey

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Word = Annotated[str, StringConstraints(max_length=120)]
OPEN_TYPES = ("application/json", "text/plain")
"""What browsers send: ``navigator.sendBeacon`` with a text says that it is plain, and then asks nobody before."""


class EventRequest(RequestModel):
    """Something that happened on a page."""

    event_id: Name = renamed(..., "id", "Chosen by the page; the same one sent again is the same event.")
    kind: Literal["impression", "click", "basket"]
    session: Name = Field(description="Chosen by the page, by chance; it must not say who somebody is.")
    item_id: Text = renamed(..., "item", "The item of the page.")
    look_id: Text = renamed(..., "look", "The `look_id` of the answer.")
    source: Word = Field("", description="`source` of the look in the answer.")
    trial: Literal["", "control", "compare"] = Field("", description="`trial` of the answer.")
    target: Annotated[str, StringConstraints(max_length=limits.TEXT_LENGTH)] = Field(
        "", description="The item that was clicked or put into the basket."
    )


class EventsRequest(RequestModel):
    """Several of them. key: the public key, where no header says it."""

    events: Annotated[list[EventRequest], Field(min_length=1, max_length=limits.EVENTS)]
    key: Annotated[str, StringConstraints(max_length=limits.TEXT_LENGTH)] = Field(
        "", description="The public key, for pages that cannot send a header."
    )


class EventsResponse(BaseModel):
    """What became of them."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"kept": 2, "repeated": 0}]})

    kept: int
    repeated: int = Field(description="Number of events that were skipped, because their ids are stored already.")


def _schema() -> dict[str, Any]:
    """Of a body, in one piece: references would be looked for elsewhere in the schema of the API."""
    schema = EventsRequest.model_json_schema()
    schema["properties"]["events"]["items"] = schema.pop("$defs")["EventRequest"]
    return schema


BODY = {"required": True, "content": {kind: {"schema": _schema()} for kind in OPEN_TYPES}}
TOO_MANY = PROBLEMS[503] | {"description": "Too many requests."}
router = APIRouter(prefix="/storefront/v1", tags=["storefront"], responses=PROBLEMS | {429: TOO_MANY})


@router.post("/events", status_code=202, response_model=EventsResponse, openapi_extra={"requestBody": BODY})
async def events(request: Request) -> Any:
    """Keep what happened to looks. Nothing is stored of the one who sends it, and no cookie is set."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in OPEN_TYPES:
        raise Refused(415, "wrong_type", f"send events as {' or '.join(OPEN_TYPES)}")
    if (refused := wrong_body(request.headers, OPEN_TYPES)) is not None:
        raise refused
    try:
        body = EventsRequest.model_validate_json(await request.body())
    except ValidationError as error:
        raise invalid(error.errors(include_url=False)[0]) from None
    _check_key(request, body.key)
    if not request.app.state.event_bucket.take():
        raise Refused(429, "too_many_requests", "too many events at once; send several of them in one request")
    shop: Shop = request.app.state.shop
    store: Events = request.app.state.events
    each = [
        Event(e.event_id, e.kind, e.session, e.item_id, e.look_id, e.source, e.trial, e.target) for e in body.events
    ]
    added = await shop.quick.run(store.add, each)
    return {"kept": added, "repeated": len(each) - added}


def _check_key(request: Request, key: str) -> None:
    """A page that cannot send a header has the key in the body; what has a header was checked by `Guard`.

    Raises:
        Refused: the key is missing or wrong, or the page is of another origin.
    """
    public_key: PublicKey | None = request.app.state.public_key
    if public_key is None or "authorization" in request.headers:
        return
    if not public_key.same(key):
        raise Refused(401, "wrong_key" if key else "key_needed", "send the public key of this service as key")
    public_key.check_origin(request.headers)
