"""Public routes: what anybody with the link of a look sees, without the token of the studio."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from goeswith.errors import GoeswithError
from goeswith.studio.pages import share
from goeswith.studio.pages.rendering import POLICY, templates
from goeswith.studio.service.links import PATH, Links
from goeswith.studio.service.refusals import as_refused
from goeswith.studio.service.shared import Shop

router = APIRouter(include_in_schema=False)

HEADERS = {"X-Robots-Tag": "noindex, nofollow", "Cache-Control": "private, no-cache", "Referrer-Policy": "no-referrer"}
"""No search engine keeps it, and once a link is closed, no browser shows it."""


def _page(values: Mapping[str, Any], status: int, embedded: bool) -> Response:
    policy = POLICY.replace("frame-ancestors 'none'", "frame-ancestors *") if embedded else POLICY
    html = templates().get_template("public_look.html").render(dict(values) | {"embedded": embedded})
    return HTMLResponse(html, status, headers=HEADERS | {"Content-Security-Policy": policy})


@router.get(f"{PATH}{{token}}")
async def look(request: Request, token: str, embed: bool = False) -> Response:
    """One look, to be read only."""
    shop: Shop = request.app.state.shop
    store = request.app.state.looks
    try:
        values = await shop.quick.run(share.public, shop.view, store, Links(store.path), token)
    except GoeswithError as error:
        return _page({"pieces": [], "name": "This look is not here any more"}, as_refused(error).status, embed)
    return _page(values, 200, embed)


@router.get(f"{PATH}{{token}}/look")
async def lay(request: Request, token: str, width: Annotated[int, Query(ge=90, le=1440)] = 1080) -> Response:
    """Its pieces as they lie beside each other."""
    shop: Shop = request.app.state.shop
    store = request.app.state.looks

    def drawn() -> bytes:
        return share.lay_of(shop, store.get(Links(store.path).look_of(token)), "", width)

    try:
        return Response(await shop.picture_workers.run(drawn), headers=HEADERS, media_type="image/jpeg")
    except GoeswithError as error:
        return Response(status_code=as_refused(error).status, headers=HEADERS)


@router.get(f"{PATH}{{token}}/{{at}}")
async def picture(request: Request, token: str, at: int, size: Annotated[int, Query(ge=1, le=1024)] = 768) -> Response:
    """The picture of one of its pieces."""
    shop: Shop = request.app.state.shop
    store = request.app.state.looks
    try:
        item_id = await shop.quick.run(share.public_picture, shop.view, store, Links(store.path), token, at)
        data, _ = await shop.picture_workers.run(shop.thumbnail, item_id, size)
    except GoeswithError as error:
        return Response(status_code=as_refused(error).status, headers=HEADERS)
    return Response(data, headers=HEADERS, media_type="image/jpeg")
