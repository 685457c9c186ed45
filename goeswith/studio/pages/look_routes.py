"""Look routes: the paths of the pages of saved looks: the list, what is done to one, substitutes, and undo."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from goeswith.errors import GoeswithError
from goeswith.studio.pages import look_files, looks, verdicts
from goeswith.studio.pages.board import Board, inside_studio
from goeswith.studio.pages.board_request import Sent, Text
from goeswith.studio.pages.rendering import shown, sorry
from goeswith.studio.service.bodies import FileRoute
from goeswith.studio.service.catalogue_view import Wall
from goeswith.studio.service.limits import COOKIE_SECONDS, TEXT_LENGTH
from goeswith.studio.service.look_items import judged, pieces_of
from goeswith.studio.service.looks import Looks, SavedLook, default_name
from goeswith.studio.service.owners import owner_of
from goeswith.studio.service.shared import Shop

router = APIRouter(include_in_schema=False, route_class=FileRoute)

NAME = "goeswith-name"
"""Cookie with the name that somebody saves looks under."""
NOBODY = "somebody"


def person(request: Request) -> str:
    """Who asks, as they called themselves."""
    return request.cookies.get(NAME, "").encode("latin-1", "replace").decode("utf-8", "replace").strip()[:60]


def with_query(path: str, **query: Any) -> str:
    """A path of the studio with some more in its query."""
    bare, _, old = inside_studio(path).partition("?")
    kept = [part for part in old.split("&") if part and part.split("=")[0] not in query]
    return f"{bare}?{'&'.join([*kept, *(f'{name}={value}' for name, value in query.items())])}"


@router.post("/board/save")
async def save(
    request: Request,
    there: Sent,
    name: Text = "", tags: Text = "", note: Annotated[str, Form(max_length=4000)] = "", who: Text = "",
    as_new: bool = Form(False),
) -> Response:  # fmt: skip
    """Keep the outfit on the board as a look: a new one, or the one that it was opened from."""
    shop: Shop = request.app.state.shop
    store = request.app.state.looks
    who = " ".join(who.split())[:60] or person(request)

    def kept(wall: Wall) -> tuple[SavedLook, int]:
        told = wall.stylist.judge(there.on)
        pieces = pieces_of(wall, told.item_ids, {one: str(spot) for one, spot in there.lay})
        named = name.strip() or default_name([piece.title for piece in pieces])
        look = SavedLook("", named, pieces, tuple(tags.split(",")), note, judged=judged(wall, there.on))
        if there.look and not as_new:
            changed = {"name": look.name, "items": pieces, "tags": look.tags, "note": note, "judged": look.judged}
            return store.change(there.look, who or NOBODY, **changed)
        return store.save(look, who or NOBODY)

    try:
        look, _ = await shop.quick.run(kept, shop.wall)
    except GoeswithError as error:
        trouble = str(error)
        return await shown(
            request,
            "board.html",
            there,
            lambda wall: verdicts.table(wall, there, trouble=trouble) | told_of(store, there),
        )
    answer = RedirectResponse(replace(there, look=look.look_id).at("/board", saved=1), 303)
    if who:
        answer.set_cookie(NAME, who.encode().decode("latin-1"), max_age=COOKIE_SECONDS, httponly=True, samesite="lax")
    return answer


def told_of(store: Looks, board: Board, who: str = "") -> dict[str, Any]:
    """What a board shows of the look that it was opened from, None where there is none any more."""
    told: dict[str, Any] = {"look_saved": None, "who": who, "saved": False, "rail": None}
    if not board.look:
        return told
    try:
        return told | {"look_saved": store.get(board.look)}
    except GoeswithError:
        return told


@router.get("/looks")
async def looks_page(
    request: Request, state: str = "", tag: str = "", q: Annotated[str, Query(max_length=TEXT_LENGTH)] = "",
    offset: Annotated[int, Query(ge=0, le=1 << 40)] = 0, change: Annotated[int, Query(ge=0, le=1 << 60)] = 0,
) -> Response:  # fmt: skip
    """All looks, or those of a state, with a tag, with some words."""
    asked, store = looks.Asked(state, tag, q, offset), request.app.state.looks
    return await shown(
        request, "looks.html", Board(), lambda wall: looks.page(wall, store, asked, owner_of(request), change)
    )


@router.get("/looks.csv")
async def looks_table(
    request: Request, state: str = "", tag: str = "", q: Annotated[str, Query(max_length=TEXT_LENGTH)] = ""
) -> Response:
    """The same looks as a table."""
    shop: Shop = request.app.state.shop
    store = request.app.state.looks
    try:
        table = await shop.quick.run(lambda: look_files.table(store.find(state=state, tag=tag, words=q)))
    except GoeswithError as error:
        return sorry(request, error)
    return Response(table, headers={"Content-Disposition": 'attachment; filename="looks.csv"'}, media_type="text/csv")


@router.get("/looks/card")
async def card(request: Request, look: str) -> Response:
    """A look as a picture."""
    shop: Shop = request.app.state.shop
    store, owner = request.app.state.looks, owner_of(request)
    try:
        drawn = await shop.picture_workers.run(lambda: look_files.card(shop.wall, store.get(look), owner))
    except GoeswithError as error:
        return sorry(request, error)
    name = {"Content-Disposition": 'inline; filename="look.png"', "Cache-Control": "private, no-cache"}
    return Response(drawn, headers=name, media_type="image/png")


@router.post("/looks/change")
async def change(
    request: Request, look: Annotated[str, Form()], do: Annotated[str, Form()], known: Annotated[str, Form()] = "",
    back: Annotated[str, Form()] = "/looks",
) -> Response:  # fmt: skip
    """Give a look another state, duplicate it, or delete it."""
    shop: Shop = request.app.state.shop
    store, who = request.app.state.looks, person(request) or NOBODY

    def done() -> int:
        if do == "delete":
            return int(store.delete(look, who, known=known))
        if do == "duplicate":
            old = store.get(look)
            copy = SavedLook("", f"{old.name} (copy)"[:TEXT_LENGTH], old.items, old.tags, old.note, judged=old.judged)
            return int(store.save(copy, who)[1])
        return int(store.change(look, who, known=known, state=do)[1])

    try:
        number = await shop.quick.run(done)
    except GoeswithError as error:
        return sorry(request, error)
    return RedirectResponse(with_query(back, change=number), 303)


@router.post("/looks/undo")
async def undo(
    request: Request, change: Annotated[int, Form(ge=0, le=1 << 60)], back: Annotated[str, Form()] = "/looks"
) -> Response:
    """Take back the last change of a look."""
    shop: Shop = request.app.state.shop
    store, who = request.app.state.looks, person(request) or NOBODY
    try:
        await shop.quick.run(store.undo, change, who)
    except GoeswithError as error:
        return sorry(request, error)
    return RedirectResponse(inside_studio(back), 303)


@router.get("/looks/repair")
async def repair(request: Request, look: str) -> Response:
    """What may stand in for the items of a look that cannot be bought."""
    store, owner = request.app.state.looks, owner_of(request)
    return await shown(request, "repair.html", Board(), lambda wall: looks.repair(wall, store, look, owner), slow=True)


@router.post("/looks/repair")
async def repaired(
    request: Request, look: Annotated[str, Form()], old: Annotated[str, Form()], new: Annotated[str, Form()],
    known: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Put one item of a look in the place of another."""
    shop: Shop = request.app.state.shop
    store, who = request.app.state.looks, person(request) or NOBODY

    def done(wall: Wall) -> int:
        there = store.get(look)
        put = dict(zip(there.item_ids, there.items, strict=True)) | {old: pieces_of(wall, [new])[0]}
        pieces = tuple(put[one] for one in there.item_ids)
        whole = all(piece.item_id in wall.index.shelf.place for piece in pieces)
        outcome = judged(wall, [piece.item_id for piece in pieces]) if whole else {}
        return int(store.change(look, who, known=known, items=pieces, judged=outcome)[1])

    try:
        number = await shop.quick.run(done, shop.wall)
    except GoeswithError as error:
        return sorry(request, error)
    return RedirectResponse(f"/looks?change={number}", 303)
