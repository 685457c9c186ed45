"""Start routes: the paths of the page that opens first, and of the finished looks on it."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from goeswith.errors import GoeswithError
from goeswith.studio.pages import start
from goeswith.studio.pages.board import Board
from goeswith.studio.pages.board_request import BoardQuery
from goeswith.studio.pages.catalogue_search import CatalogueQuery
from goeswith.studio.pages.rendering import error_page, shown
from goeswith.studio.service import limits
from goeswith.studio.service.owners import owner_of
from goeswith.studio.service.shared import Shop

router = APIRouter(include_in_schema=False)


@router.get("/")
async def start_page(request: Request, board: BoardQuery) -> Response:
    """What this is and where to begin; an address that looks for something is one of the catalogue's."""
    query, owner = CatalogueQuery.of(request.query_params), owner_of(request)
    if query != CatalogueQuery():
        return RedirectResponse(f"/catalogue?{request.scope['query_string'].decode('latin-1')}", 307)
    return await shown(request, "start.html", board, lambda view: start.page(view, owner))


@router.get("/start/looks")
async def start_looks(request: Request) -> Response:
    """The finished looks of the start page, made where they are not kept yet."""
    return await shown(request, "start_looks.html", Board(), start.finished, workers=request.app.state.shop.opening)


@router.get("/start/lay")
async def start_lay(request: Request, look: int, version: str = "") -> Response:
    """The flat lay of a finished look. version: of its pictures, so that a browser may keep what it has."""
    shop: Shop = request.app.state.shop
    try:
        drawn = await shop.picture_workers.run(start.lay, shop, look)
    except GoeswithError as error:
        return error_page(request, error)
    caching = f"private, max-age={limits.PICTURE_SECONDS}" if version else "private, no-cache"
    return Response(drawn, headers={"Cache-Control": caching}, media_type="image/jpeg")
