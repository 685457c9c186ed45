"""Clicks: the page that reports clicks on looks on product pages."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from goeswith.errors import DataError
from goeswith.studio.pages.board_request import BoardQuery
from goeswith.studio.pages.rendering import shown
from goeswith.studio.pages.views import item
from goeswith.studio.service.catalogue_view import CatalogueView
from goeswith.studio.service.looks import Looks
from goeswith.studio.storefront.click_report import Row, report
from goeswith.studio.storefront.click_tables import tables
from goeswith.studio.storefront.events import Events

router = APIRouter(include_in_schema=False)


@router.get("/clicks")
async def clicks_page(request: Request, board: BoardQuery) -> Response:
    """What was clicked, by model and by look."""
    events, looks = request.app.state.events, request.app.state.looks
    return await shown(request, "clicks.html", board, lambda view: page(view, events, looks), slow=True)


def page(view: CatalogueView, events: Events, looks: Looks) -> dict[str, Any]:
    """The tables, or what is wrong with the file."""
    try:
        clicks = report(events.shown())
        names = {look.look_id: look.name for look in looks.find()} if clicks.looks else {}
    except DataError as error:
        return {"tables": [], "trouble": str(error)}

    def named(row: Row) -> str:
        """The name of a saved look, else the end of its id; and what it was shown beside."""
        at = view.index.row_of.get(row.item)
        return f"{names.get(row.name, '…' + row.name[-6:])} on {row.item if at is None else item(view, at).name}"

    return {"tables": list(tables(clicks, named)) if clicks.shown or clicks.unseen else [], "trouble": ""}
