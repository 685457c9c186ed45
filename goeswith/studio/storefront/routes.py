"""Routes: what product pages request under ``/storefront/v1``: looks, pictures, and the script."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request, Response

from goeswith.errors import CatalogueError
from goeswith.studio.api.schemas import PROBLEMS, Text
from goeswith.studio.pages.rendering import STATIC
from goeswith.studio.service import limits
from goeswith.studio.service.caching import matches
from goeswith.studio.service.catalogue_view import CatalogueView
from goeswith.studio.service.refusals import Refused
from goeswith.studio.service.shared import Shop
from goeswith.studio.storefront.answers import Composer, as_json, etag_of
from goeswith.studio.storefront.page_looks import Made, PageLooks
from goeswith.studio.storefront.pictures import Signer
from goeswith.studio.storefront.schemas import ItemLooks, ManyLooks
from goeswith.studio.storefront.shown_items import FIELDS, row_named

CACHEABLE = {
    "Cache-Control": f"public, max-age={limits.LOOKS_SECONDS}, stale-while-revalidate=86400, stale-if-error=86400"
}
SHARED = {"Cross-Origin-Resource-Policy": "cross-origin"}
"""A page of another origin may show it, whatever it has decided of others."""
UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "It has not changed."}}
TOO_MANY = PROBLEMS[503] | {"description": "Too many requests with this key."}

router = APIRouter(prefix="/storefront/v1", tags=["storefront"], responses=PROBLEMS | {429: TOO_MANY})
files = APIRouter(prefix="/storefront/v1", tags=["storefront"], responses=PROBLEMS | {429: TOO_MANY})
"""What pages load without a key; a parameter of theirs, such as the version of a script, is ignored."""
Limit = Annotated[int, Query(ge=1, le=limits.PAGE_LOOKS, description="How many looks of an item.")]
Fields = Annotated[
    str,
    Query(max_length=limits.TEXT_LENGTH, description=f"Of items, separated by commas; all of: {', '.join(FIELDS)}."),
]
ApprovedOnly = Annotated[bool, Query(description="Only looks that a person approved.")]
Draw = Annotated[
    int | None,
    Query(ge=0, lt=100, description="Random number of the session, for trials and for the same looks again."),
]
IfNoneMatch = Annotated[str, Header(alias="If-None-Match")]


def _fields(text: str) -> tuple[str, ...]:
    """Raises Refused where one is unknown."""
    fields = tuple(name.strip() for name in text.split(",") if name.strip())
    if unknown_field := next((name for name in fields if name not in (*FIELDS, "item_id")), ""):
        raise Refused(422, "bad_request", f"items have no field {unknown_field!r}; the fields are {', '.join(FIELDS)}")
    return tuple(name for name in FIELDS if name in fields)


@dataclass(frozen=True)
class _Page:
    """What answers one request: the open catalogue, where its looks come from, and what composes the answer."""

    shop: Shop
    view: CatalogueView
    looks: PageLooks
    composer: Composer

    @classmethod
    def of(cls, request: Request, fields: str) -> _Page:
        shop: Shop = request.app.state.shop
        view, signer = shop.view, request.app.state.signer
        composer = Composer(view, signer.address(f"{request.base_url}storefront/v1/"), _fields(fields))
        return cls(shop, view, request.app.state.page_looks, composer)

    async def row(self, name: str) -> int:
        """Raises Refused where no item has the name, or several have it in other cases."""
        try:
            return await self.shop.quick.run(row_named, self.view, name)
        except CatalogueError as error:
            status = 404 if error.reason == "unknown_item" else 422
            raise Refused(status, error.reason, str(error), error.item_ids) from None

    async def made(self, rows: list[int], approved: bool) -> list[Made]:
        """The looks that the model makes around items; none where only approved ones are asked for."""
        if approved:
            return [Made()] * len(rows)
        return await asyncio.gather(*(self.looks.made(self.view, row) for row in rows))


def _sent(answer: dict[str, Any], if_none_match: str) -> Response:
    body = as_json(answer)
    headers = CACHEABLE | {"ETag": etag_of(body)}
    if matches(headers["ETag"], if_none_match):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


@router.get("/looks/{item_id:path}", response_model=ItemLooks, responses=UNCHANGED)
async def looks_of_item(
    request: Request,
    item_id: Annotated[str, Path(description="Its id, a SKU of its variants, or the id of its product.")],
    limit: Limit = 3,
    fields: Fields = "",
    approved: ApprovedOnly = False,
    draw: Draw = None,
    if_none_match: IfNoneMatch = "",
) -> Response:
    """The looks of an item, approved ones first, then those that the model makes of what is in stock."""
    page = _Page.of(request, fields)
    row = await page.row(item_id)
    [made] = await page.made([row], approved)
    reviewed = await page.shop.quick.run(page.looks.reviewed, page.view)
    looks = reviewed.looks(row, made, limit)
    trial, looks = await request.app.state.trial.choose(page.view, row, reviewed, looks, limit, draw)

    def sent() -> Response:
        return _sent(page.composer.answer(row, looks, made.why_none, trial), if_none_match)

    return await page.shop.quick.run(sent)


@router.get("/looks", response_model=ManyLooks, responses=UNCHANGED)
async def looks_of_items(
    request: Request,
    item_id: Annotated[list[Text], Query(max_length=limits.PAGE_ITEMS, description="Repeated for each.")] = [],  # noqa: B006
    item: Annotated[
        list[Text], Query(max_length=limits.PAGE_ITEMS, deprecated=True, description="Now `item_id`.")
    ] = [],  # noqa: B006
    limit: Limit = 1,
    fields: Fields = "",
    approved: ApprovedOnly = False,
    if_none_match: IfNoneMatch = "",
) -> Response:
    """The looks of several items at once."""
    page = _Page.of(request, fields)
    names, rows = [*item_id, *item], dict[str, int]()
    if not 1 <= len(names) <= limits.PAGE_ITEMS:
        raise Refused(422, "bad_request", f"item_id is given {len(names)} times; give 1 to {limits.PAGE_ITEMS}")
    for name in names:
        with suppress(Refused):
            rows[name] = await page.row(name)
    known_rows = [rows[name] for name in names if name in rows]
    each = await page.made(known_rows, approved)

    def sent() -> Response:
        reviewed = page.looks.reviewed(page.view)
        answers = [
            page.composer.answer(row, reviewed.looks(row, made, limit), made.why_none)
            for row, made in zip(known_rows, each, strict=True)
        ]
        return _sent({"answers": answers, "unknown": [name for name in names if name not in rows]}, if_none_match)

    return await page.shop.quick.run(sent)


@files.get(
    "/pictures/{signature}/{side}/{item_id:path}",
    response_class=Response,
    responses=UNCHANGED | {200: {"content": {"image/jpeg": {}}}},
)
async def picture(
    request: Request,
    signature: str,
    side: Annotated[int, Path(ge=1, le=4096, description="Pixels along the longer side, rounded up.")],
    item_id: str,
    v: Annotated[str, Query(max_length=64, description="Version of the picture.")] = "",
    if_none_match: IfNoneMatch = "",
) -> Response:
    """A picture of an item as a JPEG, by an address out of an answer. Without a key."""
    shop: Shop = request.app.state.shop
    signer: Signer = request.app.state.signer

    def sent() -> Response:
        row = shop.index.row_of.get(item_id)
        if row is None or row >= shop.index.size or not signer.signed(item_id, signature):
            raise Refused(404, "not_found", "there is no such picture; ask for the looks of the item again")
        version = shop.view.version(item_id)
        age = "max-age=31536000, immutable" if v == version else f"max-age={limits.PICTURE_SECONDS}"
        headers = {"Cache-Control": f"public, {age}", "ETag": f'"{version}-{side}"'} | SHARED
        if matches(headers["ETag"], if_none_match):
            return Response(status_code=304, headers=headers)
        data, own = shop.thumbnail(item_id, side)
        if not own:
            headers = {"Cache-Control": "no-store", "X-Placeholder": "true"} | SHARED
        return Response(data, media_type="image/jpeg", headers=headers)

    return await shop.picture_workers.run(sent)


@cache
def script() -> bytes:
    """The script that shows looks on a page."""
    return (STATIC / "looks.js").read_bytes()


@files.get("/looks.js", response_class=Response, responses=UNCHANGED | {200: {"content": {"text/javascript": {}}}})
async def looks_script(if_none_match: IfNoneMatch = "") -> Response:
    """The script that shows looks on a page. Without a key."""
    headers = {"Cache-Control": "public, max-age=3600", "ETag": etag_of(script())} | SHARED
    if matches(headers["ETag"], if_none_match):
        return Response(status_code=304, headers=headers)
    return Response(script(), media_type="text/javascript", headers=headers)
