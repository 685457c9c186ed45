"""Clicks: the page of what shoppers did with looks on product pages."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from goeswith.errors import DataError
from goeswith.studio.pages.board_request import Asked
from goeswith.studio.pages.rendering import shown
from goeswith.studio.service.looks import Looks
from goeswith.studio.storefront.click_report import report
from goeswith.studio.storefront.click_tables import tables
from goeswith.studio.storefront.events import Events

router = APIRouter(include_in_schema=False)


@router.get("/clicks")
async def clicks_page(request: Request, there: Asked) -> Response:
    """What was clicked, by model and by look."""
    events, looks = request.app.state.events, request.app.state.looks
    return await shown(request, "clicks.html", there, lambda wall: page(events, looks), slow=True)


def page(events: Events, looks: Looks) -> dict[str, Any]:
    """The tables, or what is wrong with the file."""
    try:
        told = report(events.shown())
        names = {look.look_id: look.name for look in looks.find()} if told.looks else {}
    except DataError as error:
        return {"tables": [], "trouble": str(error)}
    found = list(tables(told, lambda look_id: names.get(look_id, look_id))) if told.shown or told.unseen else []
    return {"tables": found, "trouble": ""}
