"""Names: of what a request gives in its body and in its address; unknown, repeated and doubled ones are refused."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from typing import Any, get_origin

from fastapi import Request
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Cookie, Header, Path
from fastapi.routing import APIRoute
from pydantic import AliasChoices, Field
from pydantic_core import PydanticCustomError

from goeswith.studio.service.refusals import TWO_NAMES, UNKNOWN_NAME, Refused, invalid

EARLIER = {
    "anchors": "item_ids", "items": "item_ids", "item": "item_id", "keep": "locked", "id": "event_id",
    "look": "look_id",
}  # fmt: skip
"""Deprecated name → the present one."""
LIKE = 0.6
"""Least likeness of the name that is proposed, see `difflib.SequenceMatcher.ratio`."""

LONGEST = 60
"""Characters that a message shows of a name."""


def renamed(default: Any, old: str, description: str = "") -> Any:
    """A field of a body that has a present name in `EARLIER`, and may still be called as it was."""
    text = f"{description} Formerly `{old}`, which is deprecated.".strip()
    return Field(default, validation_alias=AliasChoices(EARLIER[old], old), description=text)


def check(sent: Collection[str], allowed: Collection[str]) -> None:
    """Make sure that all names that are sent are allowed, and no two of them mean one thing.

    Raises:
        PydanticCustomError: a name is not allowed, of which the nearest is named, or an earlier name is there with the
            present one.
    """
    for name in sent:
        if name not in allowed:
            words = f"there is no {name[:LONGEST]!r}; {_meant(name[:LONGEST], allowed)}"
            raise PydanticCustomError(UNKNOWN_NAME, "{words}", {"words": words})
        if EARLIER.get(name) in sent:
            words = f"{EARLIER[name]} and {name} are one thing; give {EARLIER[name]} alone, for {name} is deprecated"
            raise PydanticCustomError(TWO_NAMES, "{words}", {"words": words})


def _meant(name: str, allowed: Collection[str]) -> str:
    """The question whether the nearest name is meant, whatever the order of its words; else those that there are."""
    present = [each for each in allowed if each not in EARLIER]
    if not present:
        return "nothing can be given here, so leave it out"
    near = EARLIER.get(name) if EARLIER.get(name) in present else None
    ordered = {_ordered(each): each for each in present}
    close = difflib.get_close_matches(_ordered(name), [*ordered], n=1, cutoff=LIKE)
    near = near or (ordered[close[0]] if close else None)
    return f"did you mean {near!r}?" if near else f"there are: {', '.join(present)}"


def _ordered(name: str) -> str:
    """A name as it is compared: ``max-Price`` is ``price_max``."""
    return "_".join(sorted(name.strip().lower().replace("-", "_").split("_")))


async def check_form(request: Request) -> None:
    """A dependency of a route that takes a form: refuse fields that the route does not read.

    Raises:
        Refused: see `check`.
    """
    route: APIRoute = request.scope["route"]
    fields = [field.alias for field in route.dependant.body_params]
    try:
        check([*await request.form()], fields)
    except PydanticCustomError as mistake:
        raise _refused("body", mistake) from None


def _refused(where: str, mistake: PydanticCustomError) -> Refused:
    return invalid({"type": mistake.type, "loc": (where,), "msg": mistake.message()})


async def check_query(request: Request) -> None:
    """A dependency of routes: refuse what an address gives and the route does not read.

    Raises:
        Refused: see `check`; or a name is repeated that has one value.
    """
    sent = [name for name, _ in request.query_params.multi_items()]
    if not sent:
        return
    lists = _query_names(request.scope["route"])
    try:
        check(sent, lists)
    except PydanticCustomError as mistake:
        raise _refused("query", mistake) from None
    many = next((name for name in sent if sent.count(name) > 1 and not lists[name]), "")
    if many:
        raise Refused(422, "bad_request", f"query: {many} is given {sent.count(many)} times; give it once")


def _query_names(route: APIRoute) -> dict[str, bool]:
    """Names that a route reads from an address, and whether each may be repeated."""
    flat = get_flat_params(route.dependant)
    fields = [field for field in flat if not isinstance(field.field_info, Path | Header | Cookie)]
    return {field.alias: get_origin(field.field_info.annotation) is list for field in fields}
