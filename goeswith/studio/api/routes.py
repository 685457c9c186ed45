"""Routes: the paths of the API under ``/v1``, with typed requests and responses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, Query, Request, Response, UploadFile

from goeswith.data.filters import Filters
from goeswith.shop import explain as why
from goeswith.shop.stylist import Similar, Stylist, Swap
from goeswith.studio.api.names import check_form
from goeswith.studio.api.schemas import (
    PROBLEMS,
    CompleteRequest,
    ExplainRequest,
    ExplainResponse,
    FacetsResponse,
    FillRequest,
    ImproveRequest,
    IndexResponse,
    ItemResponse,
    ItemsPage,
    ItemsQuery,
    LooksResponse,
    ReloadResponse,
    ScoreRequest,
    Searching,
    SimilarRequest,
    SimilarResponse,
    SwapsResponse,
    Text,
)
from goeswith.studio.service import limits
from goeswith.studio.service.bodies import FileRoute
from goeswith.studio.service.caching import matches
from goeswith.studio.service.catalogue_view import CatalogueView
from goeswith.studio.service.owners import Sender, owner_of
from goeswith.studio.service.shared import Shop

router = APIRouter(prefix="/v1", responses=PROBLEMS, route_class=FileRoute)


def _shop(request: Request) -> Shop:
    shop: Shop = request.app.state.shop
    return shop


def _page(view: CatalogueView, query: ItemsQuery, owner: str) -> dict[str, Any]:
    rows = view.search(query.q, query.filters(), owner)
    items = [view.item(row) for row in rows[query.offset : query.offset + query.limit].tolist()]
    return {"items": items, "total": len(rows), "offset": query.offset, "limit": query.limit}


def _picture(shop: Shop, item_id: str, size: int, owner: str, etags: str) -> Response:
    """etags: what the browser says it has, as If-None-Match has it."""
    etag = f'"{shop.picture_version(item_id, size, owner)}"'
    headers = {"ETag": etag, "Cache-Control": f"private, max-age={limits.PICTURE_SECONDS}"}
    if matches(etag, etags):
        return Response(status_code=304, headers=headers)
    picture, own = shop.thumbnail(item_id, size)
    if not own:
        headers = {"Cache-Control": "no-store", "X-Placeholder": "true"}
    return Response(picture, media_type="image/jpeg", headers=headers)


def _cutout(shop: Shop, item_id: str, owner: str, etags: str) -> Response:
    """etags: as for `_picture`."""
    etag = f'"{shop.picture_version(item_id, 0, owner)}-cut"'
    headers = {"ETag": etag, "Cache-Control": f"private, max-age={limits.PICTURE_SECONDS}"}
    if etag in (tag.strip().removeprefix("W/") for tag in etags.split(",")):
        return Response(status_code=304, headers=headers)
    return Response(shop.view.cutout(item_id).picture, media_type="image/webp", headers=headers)


def _index(shop: Shop) -> dict[str, Any]:
    view = shop.view
    info = view.index.info
    served = {"model": info["model"]["title"], "dataset": info["dataset"]["name"], "build": info["build"]}
    items, guests = view.index.size + len(view.guests), len(view.guests)
    counted = {"item_count": items, "guest_count": guests, "items": items, "guests": guests}
    state = {"calibrated": view.index.scale is not None, "stale": view.index.stale, "changed": shop.changed}
    return served | counted | state


@router.get("/index", response_model=IndexResponse, tags=["index"])
async def index(request: Request) -> Any:
    """What is served: the model, the catalogue, and whether either has changed since."""
    shop = _shop(request)
    return await shop.quick.run(_index, shop)


@router.post("/reload", response_model=ReloadResponse, tags=["index"])
async def reload(request: Request) -> Any:
    """Open the index that lies in the folder now. Where it cannot be opened, the old one goes on answering."""
    shop = _shop(request)
    lost = await shop.reload()
    return await shop.quick.run(_index, shop) | {"lost": str(lost) if lost else ""}


@router.get("/facets", response_model=FacetsResponse, tags=["items"])
async def facets(request: Request) -> Any:
    """The values that items can be filtered by."""
    shop = _shop(request)
    return {"facets": await shop.quick.run(shop.facets)}


@router.get("/items", response_model=ItemsPage, tags=["items"])
async def items(request: Request, query: Annotated[ItemsQuery, Query()]) -> Any:
    """Look through the catalogue."""
    shop = _shop(request)
    return await shop.quick.run(_page, shop.view, query, owner_of(request))


@router.post("/items", response_model=ItemResponse, status_code=201, tags=["items"], dependencies=[Depends(check_form)])
async def upload(
    request: Request,
    answer: Response,
    picture: Annotated[UploadFile, File(description="JPEG, PNG, WebP, AVIF or GIF, whatever its name.")],
    category: Annotated[Text, Form()],
    title: Annotated[str, Form(max_length=limits.TEXT_LENGTH)] = "",
) -> Any:
    """A photo of one's own garment becomes an item, until it is deleted or the service ends.

    It is there for the browser that sent it, or for programs, and for nobody else. Sent again, it is the same item.
    """
    shop, sender = _shop(request), Sender(request)
    item_id = await shop.add(await picture.read(), category=category, title=title, owner=sender.owner)
    sender.remember(answer)
    return shop.view.item(shop.row(item_id))


@router.delete("/items/{item_id:path}", status_code=204, tags=["items"])
async def delete(request: Request, item_id: str) -> None:
    """Forget a photo of one's own."""
    await _shop(request).remove(item_id, owner_of(request))


@router.get(
    "/items/{item_id:path}/cutout",
    tags=["items"],
    response_class=Response,
    responses={200: {"content": {"image/webp": {}}}, 304: {"description": "The picture has not changed."}},
)
async def cutout(request: Request, item_id: str) -> Response:
    """A garment without its background (WebP), as it lies on a flat lay; where it cannot be cut out, on white."""
    shop, owner, etags = _shop(request), owner_of(request), request.headers.get("if-none-match", "")
    return await shop.picture_workers.run(_cutout, shop, item_id, owner, etags)


@router.get(
    "/items/{item_id:path}/image",
    tags=["items"],
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, 304: {"description": "The picture has not changed."}},
)
async def image(
    request: Request,
    item_id: str,
    size: Annotated[int, Query(ge=1, le=4096, description="Pixels along the longer side, rounded up.")] = 384,
) -> Response:
    """The picture of an item as a JPEG, or what stands for one that is missing."""
    shop, etags = _shop(request), request.headers.get("if-none-match", "")
    return await shop.picture_workers.run(_picture, shop, item_id, size, owner_of(request), etags)


@router.get("/items/{item_id:path}", response_model=ItemResponse, tags=["items"])
async def item(request: Request, item_id: str) -> Any:
    """One item."""
    view = _shop(request).view
    return view.item(view.seen_row(item_id, owner_of(request)))


@router.post("/score", response_model=LooksResponse, tags=["looks"])
async def score(request: Request, body: ScoreRequest) -> Any:
    """How well outfits go together, in the order they are given."""
    return {"looks": await _shop(request).judge(body.outfits)}


def _swaps(stylist: Stylist, items: Sequence[str], locked: Sequence[str], **options: Any) -> tuple[list[Swap], str]:
    """Swaps, or why there are none."""
    swaps = stylist.improve(items, locked=locked, **options)
    return swaps, "" if swaps else stylist.why_no_swap(items, locked, options["filters"], options["coherent"])


def _alike(stylist: Stylist, item_id: str, k: int, filters: Filters) -> tuple[list[Similar], str]:
    """Substitutes, or why there are none."""
    alike = stylist.similar(item_id, filters=filters, k=k)
    return alike, "" if alike else stylist.why_none_alike(item_id, filters)


async def _search(request: Request, body: Searching, method: Callable[..., Any], *, steps: bool = False) -> Any:
    """What a method of the stylist answers, or the steps that it makes; the fields of a request are its arguments."""
    arguments = body.model_dump(exclude={"filters"}) | {"filters": body.filters.filters()}
    request_key = request.url.path, body.model_dump_json()
    answer = _shop(request).search if steps else _shop(request).find
    return await answer(request_key, lambda stylist: method(stylist, **arguments))


@router.post("/complete", response_model=LooksResponse, tags=["looks"])
async def complete(request: Request, body: CompleteRequest) -> Any:
    """Whole looks around the anchors."""
    return {"looks": await _search(request, body, Stylist.complete_steps, steps=True)}


@router.post("/fill", response_model=LooksResponse, tags=["looks"])
async def fill(request: Request, body: FillRequest) -> Any:
    """The items that fit into one gap."""
    return {"looks": await _search(request, body, Stylist.fill_steps, steps=True)}


@router.post("/improve", response_model=SwapsResponse, tags=["looks"])
async def improve(request: Request, body: ImproveRequest) -> Any:
    """Which item hurts, and what to swap it for."""
    swaps, why_none = await _search(request, body, _swaps)
    return {"swaps": swaps, "why_none": why_none}


@router.post("/similar", response_model=SimilarResponse, tags=["looks"])
async def similar(request: Request, body: SimilarRequest) -> Any:
    """Substitutes for an item."""
    substitutes, why_none = await _search(request, body, _alike)
    return {"items": substitutes, "why_none": why_none}


@router.post("/explain", response_model=ExplainResponse, tags=["looks"])
async def explain(request: Request, body: ExplainRequest) -> Any:
    """Why an outfit has its score, in numbers and in a sentence, and the swap that would help most."""
    return (await _search(request, body, why.explain)).to_dict()
