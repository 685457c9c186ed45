"""Refusals: requests that are refused, and why: a code for programs, a sentence for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from starlette.responses import JSONResponse

from goeswith.errors import GoeswithError

STATUS = {"too_many_guests": 409}
"""Of errors of the library; 422 for all others."""
JSON_TYPES = ("application/json",)
FORM_TYPES = ("multipart/form-data", "application/x-www-form-urlencoded")
"""Types of the bodies that requests have, by what they are read as; the first one is recommended."""
TWO_NAMES, UNKNOWN_NAME = "two_names", "unknown_name"
"""Mistakes in the names of what a request gives, see `goeswith.studio.api.names`."""
HEADERS = {401: {"WWW-Authenticate": 'Basic realm="goeswith", Bearer'}}
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
}
"""Sent with every answer: a script in a title stays text, and nothing is loaded from another host."""


class Refused(GoeswithError):
    """A request that is not answered: the HTTP status, a reason for programs, and one sentence for people."""

    def __init__(
        self, status: int, reason: str, message: str, item_ids: Sequence[str] = (), choices: Sequence[str] = ()
    ) -> None:
        super().__init__(message, reason=reason, item_ids=item_ids, choices=choices)
        self.status = status


def item_path(item_id: str) -> str:
    """Path of an item in the service."""
    return f"/v1/items/{quote(item_id, safe='')}"


def image_path(item_id: str) -> str:
    """Path of an item's picture in the service."""
    return f"{item_path(item_id)}/image"


def stopping() -> Refused:
    """Of a service that is being stopped."""
    return Refused(503, "stopping", "the service is stopping; try again when it is back")


def not_json(mistake: Mapping[str, Any]) -> Refused:
    """Of a body that is not valid JSON, with what Pydantic says of it."""
    why = mistake.get("ctx", {}).get("error", mistake["msg"])
    return Refused(400, "unreadable", f"the body is not valid JSON ({why}); correct it")


def invalid(mistake: Mapping[str, Any]) -> Refused:
    """Of a body or an address that has a mistake, with what Pydantic says of it."""
    if mistake["type"] == "json_invalid":
        return not_json(mistake)
    where = ".".join(map(str, mistake["loc"]))
    status, reason = (400, TWO_NAMES) if mistake["type"] == TWO_NAMES else (422, "bad_request")
    return Refused(status, reason, f"{where}: {mistake['msg']}".removeprefix(": "))


def wrong_body(headers: Mapping[str, str], types: Sequence[str]) -> Refused | None:
    """Of a request without a body, or with one of another type than these; None where its body is of one of them."""
    if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
        return Refused(400, "unreadable", f"the request has no body; send one as {types[0]}")
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in types or (types is JSON_TYPES and kind.endswith("+json")):
        return None
    how = f"is {kind}" if kind else "has no type"
    return Refused(415, "wrong_type", f"the body {how}; send it with the header Content-Type: {types[0]}")


def as_refused(error: GoeswithError) -> Refused:
    """An error of the library as an answer."""
    if isinstance(error, Refused):
        return error
    return Refused(
        STATUS.get(error.reason, 422), error.reason or "no_answer", str(error), error.item_ids, error.choices
    )


def in_json(error: Refused) -> JSONResponse:
    """The answer to programs: a problem document (RFC 9457) with the reason and the items that are meant."""
    body = {
        "type": "about:blank", "title": HTTPStatus(error.status).phrase, "status": error.status, "detail": str(error),
        "reason": error.reason, "item_ids": error.item_ids,
        "choices": [
            {"item_id": item_id, "item": item_path(item_id), "image": image_path(item_id)} for item_id in error.choices
        ],
    }  # fmt: skip
    return JSONResponse(body, error.status, HEADERS.get(error.status), "application/problem+json")
