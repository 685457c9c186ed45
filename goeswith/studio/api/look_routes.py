"""Look routes: saved looks under ``/v1/looks``: save, read, change, delete, undo; an ETag guards a change."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response

from goeswith.studio.api.look_schemas import (
    HistoryResponse,
    LinkResponse,
    LookChange,
    LookRequest,
    LookSaved,
    SavedPage,
    State,
)
from goeswith.studio.api.schemas import PROBLEMS
from goeswith.studio.service import limits
from goeswith.studio.service.bodies import FileRoute
from goeswith.studio.service.caching import matches
from goeswith.studio.service.catalogue_view import CatalogueView
from goeswith.studio.service.links import PATH, Links
from goeswith.studio.service.look_items import judged, lost, pieces_of
from goeswith.studio.service.looks import Looks, SavedLook
from goeswith.studio.service.owners import owner_of
from goeswith.studio.service.refusals import Refused
from goeswith.studio.service.shared import Shop

router = APIRouter(
    prefix="/v1/looks",
    route_class=FileRoute,
    tags=["saved looks"],
    responses=PROBLEMS | {412: PROBLEMS[422] | {"description": "It was changed since the ETag was read."}},
)
IfMatch = Annotated[str, Header(alias="If-Match", description="Change it only if this is still its ETag.")]


def _store(request: Request) -> Looks:
    store: Looks = request.app.state.looks
    return store


def look_json(view: CatalogueView, look: SavedLook, owner: str) -> dict[str, Any]:
    """A look as the API tells it, with what it has lost."""
    missing = lost(view, look, owner)
    apart = {why: [loss.piece.item_id for loss in missing if loss.why == why] for why in ("gone", "sold out")}
    return asdict(look) | {"gone": apart["gone"], "sold_out": apart["sold out"]}


async def _answered(request: Request, answer: Response, look: SavedLook) -> Any:
    shop: Shop = request.app.state.shop
    answer.headers["ETag"] = look.etag
    return await shop.quick.run(look_json, shop.view, look, owner_of(request))


def expected_etag(etag: str) -> str:
    """The tag of If-Match; a star is whatever there is."""
    return "" if etag.strip() == "*" else etag.strip()


@router.get("", response_model=SavedPage)
async def looks(
    request: Request,
    state: Annotated[State | None, Query()] = None,
    tag: Annotated[str, Query(max_length=limits.TAG_LENGTH)] = "",
    q: Annotated[str, Query(max_length=limits.TEXT_LENGTH, description="Words that a look must all have.")] = "",
    item_id: Annotated[str, Query(max_length=limits.TEXT_LENGTH, description="Only looks with this item.")] = "",
    item: Annotated[str, Query(max_length=limits.TEXT_LENGTH, deprecated=True, description="Now `item_id`.")] = "",
    offset: Annotated[int, Query(ge=0, le=1 << 40)] = 0,
    limit: Annotated[int, Query(ge=1, le=limits.PAGE)] = 50,
) -> Any:
    """Saved looks, the latest change first; those that wait in a review are listed there."""
    shop: Shop = request.app.state.shop
    store, view, owner, name = _store(request), shop.view, owner_of(request), item_id or item

    def page() -> dict[str, Any]:
        wanted = view.catalogue.ids[view.row(name)] if view.index.shelf.meant(name) else name  # it may be gone
        hits = store.find(state=state or "", tag=tag, words=q, item=wanted)
        shown = [look_json(view, look, owner) for look in hits[offset : offset + limit]]
        return {"looks": shown, "total": len(hits), "offset": offset, "limit": limit}

    return await shop.quick.run(page)


@router.post("", response_model=LookSaved, status_code=201)
async def save_look(request: Request, answer: Response, body: LookRequest) -> Any:
    """Save a look."""
    shop: Shop = request.app.state.shop
    store, view = _store(request), shop.view

    def save() -> SavedLook:
        pieces = pieces_of(view, body.item_ids)
        look = SavedLook(
            "", body.name, pieces, tuple(body.tags), body.note, body.state,
            judged=judged(view, body.item_ids), pinned_item=view.id_of(body.pinned_item),
        )  # fmt: skip
        return store.save(look, body.who)[0]

    look = await shop.quick.run(save)
    answer.headers["Location"] = f"/v1/looks/{look.look_id}"
    return await _answered(request, answer, look)


@router.get("/{look_id}", response_model=LookSaved, responses={304: {"description": "It has not changed."}})
async def look(
    request: Request, answer: Response, look_id: str, if_none_match: Annotated[str, Header(alias="If-None-Match")] = ""
) -> Any:
    """One look."""
    saved = await request.app.state.shop.quick.run(_store(request).get, look_id)
    if matches(saved.etag, if_none_match):
        return Response(status_code=304, headers={"ETag": saved.etag})
    return await _answered(request, answer, saved)


@router.patch("/{look_id}", response_model=LookSaved)
async def change(request: Request, answer: Response, look_id: str, body: LookChange, if_match: IfMatch = "") -> Any:
    """Change some of a look."""
    shop: Shop = request.app.state.shop
    store, view = _store(request), shop.view
    fields: dict[str, Any] = body.model_dump(exclude_none=True, exclude={"who", "item_ids"})

    def changed() -> SavedLook:
        if body.tags is not None:
            fields["tags"] = tuple(body.tags)
        if body.item_ids is not None:
            fields.update(items=pieces_of(view, body.item_ids), judged=judged(view, body.item_ids))
        if body.pinned_item is not None:
            fields["pinned_item"] = view.id_of(body.pinned_item)
        return store.change(look_id, body.who, etag=expected_etag(if_match), **fields)[0]

    return await _answered(request, answer, await shop.quick.run(changed))


@router.delete("/{look_id}", status_code=204)
async def delete(
    request: Request, look_id: str, if_match: IfMatch = "", who: Annotated[str, Query()] = "program"
) -> None:
    """Delete a look; its history stays, and the deletion can be undone."""
    store = _store(request)
    await request.app.state.shop.quick.run(lambda: store.delete(look_id, who[:60], etag=expected_etag(if_match)))


@router.get("/{look_id}/history", response_model=HistoryResponse)
async def history(request: Request, look_id: str) -> Any:
    """What happened to a look, the latest first."""
    changes = await request.app.state.shop.quick.run(_store(request).history, look_id)
    if not changes:
        raise Refused(404, "unknown_look", f"there never was a look {look_id!r}")
    return {"changes": changes}


@router.post("/{look_id}/undo", response_model=LookSaved)
async def undo(request: Request, answer: Response, look_id: str, who: Annotated[str, Query()] = "program") -> Any:
    """Take back the last change of a look, its deletion included; undone twice, it is done again."""
    store = _store(request)

    def undone() -> SavedLook:
        changes = store.history(look_id)
        if not changes or changes[0].what == "saved":
            raise Refused(404, "unknown_change", f"there is nothing to undo of a look {look_id!r}")
        restored = store.undo(changes[0].change_id, who[:60])
        if restored is None:
            raise Refused(404, "unknown_look", f"undone: there is no look {look_id!r} any more")
        return restored

    return await _answered(request, answer, await request.app.state.shop.quick.run(undone))


@router.post("/{look_id}/link", response_model=LinkResponse, status_code=201)
async def open_link(request: Request, look_id: str, who: Annotated[str, Query()] = "program") -> Any:
    """Open a public link to a look, or tell the one that is open."""
    links = Links(_store(request).path)
    token = await request.app.state.shop.quick.run(links.open, look_id, who[:60])
    return {"look_id": look_id, "path": f"{PATH}{token}"}


@router.delete("/{look_id}/link", status_code=204)
async def close_link(request: Request, look_id: str) -> None:
    """Close the public link to a look."""
    if not await request.app.state.shop.quick.run(Links(_store(request).path).close, look_id):
        raise Refused(404, "unknown_link", f"the look {look_id!r} has no open link")
