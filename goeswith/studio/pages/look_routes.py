"""Look routes: the paths of the pages of saved looks: list, save, change, compare, repair, undo."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from goeswith.errors import GoeswithError
from goeswith.studio.pages import board_view, compare, looks
from goeswith.studio.pages.board import Board, inside_studio
from goeswith.studio.pages.board_request import BoardForm, FormIds, Ids, Text
from goeswith.studio.pages.rendering import error_page, shown
from goeswith.studio.service.bodies import FileRoute
from goeswith.studio.service.catalogue_view import CatalogueView
from goeswith.studio.service.comparisons import note_comparison
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
    others = [part for part in old.split("&") if part and part.split("=")[0] not in query]
    return f"{bare}?{'&'.join([*others, *(f'{name}={value}' for name, value in query.items())])}"


async def _look_filter(
    state: str = "", tag: str = "", q: Annotated[str, Query(max_length=TEXT_LENGTH)] = "",
    item: Annotated[str, Query(max_length=TEXT_LENGTH)] = "", review: str = "",
) -> looks.LookFilter:  # fmt: skip
    return looks.LookFilter(state, tag, q, item.strip(), review)


LookFilterQuery = Annotated[looks.LookFilter, Depends(_look_filter)]
"""The looks that the address speaks of."""


@router.post("/board/save")
async def save(
    request: Request,
    board: BoardForm,
    name: Text = "", tags: Text = "", note: Annotated[str, Form(max_length=4000)] = "", who: Text = "",
    pinned_item: Text = "", as_new: bool = Form(False),
) -> Response:  # fmt: skip
    """Keep the outfit on the board as a look: a new one, or the one that it was opened from."""
    shop: Shop = request.app.state.shop
    store = request.app.state.looks
    who = " ".join(who.split())[:60] or person(request)

    def save_board(view: CatalogueView) -> tuple[SavedLook, int]:
        ids = view.stylist.judge(board.on).item_ids
        pieces = pieces_of(view, ids, {item_id: str(spot) for item_id, spot in board.lay})
        named = name.strip() or default_name([piece.title for piece in pieces])
        extras: dict[str, Any] = {"judged": judged(view, board.on), "pinned_item": pinned_item}
        look = SavedLook("", named, pieces, tuple(tags.split(",")), note, **extras)
        if board.look and not as_new:
            changed = {name: getattr(look, name) for name in ("name", "items", "tags", "note", "judged", "pinned_item")}
            return store.change(board.look, who or NOBODY, **changed)
        return store.save(look, who or NOBODY)

    try:
        look, _ = await shop.quick.run(save_board, shop.view)
    except GoeswithError as error:
        trouble = str(error)
        return await shown(
            request,
            "board.html",
            board,
            lambda view: board_view.table(view, board, trouble=trouble) | saved_look_of(store, board),
        )
    answer = RedirectResponse(replace(board, look=look.look_id).at("/board", saved=1), 303)
    if who:
        answer.set_cookie(NAME, who.encode().decode("latin-1"), max_age=COOKIE_SECONDS, httponly=True, samesite="lax")
    return answer


def saved_look_of(store: Looks, board: Board, who: str = "") -> dict[str, Any]:
    """What a board shows of the look that it was opened from, None where there is none any more."""
    values: dict[str, Any] = {"look_saved": None, "who": who, "saved": False, "rail": None}
    if not board.look:
        return values
    try:
        return values | {"look_saved": store.get(board.look)}
    except GoeswithError:
        return values


@router.get("/looks")
async def looks_page(
    request: Request, look_filter: LookFilterQuery, offset: Annotated[int, Query(ge=0, le=1 << 40)] = 0,
    change: Annotated[int, Query(ge=0, le=1 << 60)] = 0,
) -> Response:  # fmt: skip
    """All looks, or those of a state, with a tag, with an item, with some words."""
    look_filter, store = replace(look_filter, offset=offset), request.app.state.looks
    return await shown(
        request, "looks.html", Board(), lambda view: looks.page(view, store, look_filter, owner_of(request), change)
    )


@router.post("/looks/change")
async def change(
    request: Request, look: Annotated[str, Form()], do: Annotated[str, Form()], known: Annotated[str, Form()] = "",
    item: Text = "", back: Annotated[str, Form()] = "/looks",
) -> Response:  # fmt: skip
    """Give a look another state, pin it to an item, duplicate it, or delete it."""
    shop: Shop = request.app.state.shop
    store, who = request.app.state.looks, person(request) or NOBODY

    def done() -> int:
        if do == "delete":
            return int(store.delete(look, who, etag=known))
        if do == "duplicate":
            old = store.get(look)
            copy = replace(old, name=f"{old.name} (copy)"[:TEXT_LENGTH], state="draft", review_id="")
            return int(store.save(copy, who)[1])
        if do == "pin":
            return int(store.change(look, who, etag=known, pinned_item=item)[1])
        return int(store.change(look, who, etag=known, state=do)[1])

    try:
        number = await shop.quick.run(done)
    except GoeswithError as error:
        return error_page(request, error)
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
        return error_page(request, error)
    return RedirectResponse(inside_studio(back), 303)


@router.get("/looks/compare")
async def compared(request: Request, look: Ids = []) -> Response:  # noqa: B006
    """Looks side by side."""
    store, owner = request.app.state.looks, owner_of(request)
    return await shown(request, "compare.html", Board(), lambda view: compare.page(view, store, look, owner))


@router.post("/looks/compare")
async def choose(request: Request, winner: Text, look: FormIds = []) -> Response:  # noqa: B006
    """Approve the look that somebody prefers to the others."""
    shop: Shop = request.app.state.shop
    store, who = request.app.state.looks, person(request) or NOBODY

    def done() -> int:
        note_comparison(store.path, winner, look, who)
        return int(store.change(winner, who, state="approved")[1])

    try:
        number = await shop.quick.run(done)
    except GoeswithError as error:
        return error_page(request, error)
    return RedirectResponse(f"/looks?change={number}" if number else "/looks?state=approved", 303)


@router.get("/looks/repair")
async def repair(request: Request, look: str) -> Response:
    """What may replace the items of a look that cannot be bought."""
    store, owner = request.app.state.looks, owner_of(request)
    return await shown(request, "repair.html", Board(), lambda view: looks.repair(view, store, look, owner), slow=True)


@router.post("/looks/repair")
async def repaired(
    request: Request, look: Annotated[str, Form()], old: Annotated[str, Form()], new: Annotated[str, Form()],
    known: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Put one item of a look in the place of another."""
    shop: Shop = request.app.state.shop
    store, who = request.app.state.looks, person(request) or NOBODY

    def done(view: CatalogueView) -> int:
        saved = store.get(look)
        put = dict(zip(saved.item_ids, saved.items, strict=True)) | {old: pieces_of(view, [new])[0]}
        pieces = tuple(put[item_id] for item_id in saved.item_ids)
        complete = all(piece.item_id in view.index.row_of for piece in pieces)
        outcome = judged(view, [piece.item_id for piece in pieces]) if complete else {}
        return int(store.change(look, who, etag=known, items=pieces, judged=outcome)[1])

    try:
        number = await shop.quick.run(done, shop.view)
    except GoeswithError as error:
        return error_page(request, error)
    return RedirectResponse(f"/looks?change={number}", 303)
