"""Export routes: the paths for downloads of looks: cards, tables, lookbooks, print sheets, public links."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from goeswith.errors import GoeswithError
from goeswith.studio.pages import look_files, lookbook, looks, share
from goeswith.studio.pages.board import Board, address
from goeswith.studio.pages.board_request import Ids
from goeswith.studio.pages.look_routes import NOBODY, LookFilterQuery, person
from goeswith.studio.pages.rendering import HEADERS, error_page, shown, templates
from goeswith.studio.service.limits import PICTURE_SECONDS, TEXT_LENGTH
from goeswith.studio.service.links import Links
from goeswith.studio.service.looks import Looks
from goeswith.studio.service.owners import owner_of
from goeswith.studio.service.saved_look import SavedLook
from goeswith.studio.service.shared import Shop
from goeswith.studio.service.workers import Workers

router = APIRouter(include_in_schema=False)

printers = Workers("print", threads=1, waiting=8, seconds=180.0)
"""Apart from those that answer: a book of a hundred looks takes a while."""


@dataclass(frozen=True)
class Selection:
    """The looks that an address names: by their ids, else all that pass its filter."""

    look_filter: looks.LookFilter
    look_ids: tuple[str, ...]

    def of(self, store: Looks) -> list[SavedLook]:
        """The looks, those named by id in the order of the ids.

        Raises:
            Refused: there is none of an id.
        """
        if self.look_ids:
            return [store.get(look_id) for look_id in self.look_ids]
        return [look for look in self.look_filter.looks(store) if self.look_filter.state in ("", look.state)]


@dataclass(frozen=True)
class Book:
    """How looks are laid out on sheets. title: on the cover, which there is none of where it is empty."""

    title: str
    looks_per_sheet: int


async def _selection(look_filter: LookFilterQuery, look: Ids = []) -> Selection:  # noqa: B006
    return Selection(look_filter, tuple(dict.fromkeys(look)))


async def _book(
    title: Annotated[str, Query(max_length=TEXT_LENGTH)] = "", per: Annotated[int, Query(ge=1, le=2)] = 1
) -> Book:
    return Book(title.strip(), per)


Selected = Annotated[Selection, Depends(_selection)]
Layout = Annotated[Book, Depends(_book)]


async def _file(request: Request, made: Callable[[], bytes], name: str, kind: str, workers: Workers) -> Response:
    try:
        content = await workers.run(made)
    except GoeswithError as error:
        return error_page(request, error)
    return Response(content, headers={"Content-Disposition": f'attachment; filename="{name}"'}, media_type=kind)


@router.get("/looks.csv")
async def table(request: Request, selected: Selected) -> Response:
    """Looks as a table."""
    shop, store = request.app.state.shop, request.app.state.looks
    return await _file(request, lambda: look_files.table(selected.of(store)), "looks.csv", "text/csv", shop.quick)


@router.get("/looks.json")
async def document(request: Request, selected: Selected) -> Response:
    """Looks as JSON."""
    shop, store, kind = request.app.state.shop, request.app.state.looks, "application/json"
    return await _file(request, lambda: look_files.document(selected.of(store)), "looks.json", kind, shop.quick)


@router.get("/looks.pdf")
async def pdf(request: Request, selected: Selected, book: Layout) -> Response:
    """Looks as a book."""
    shop: Shop = request.app.state.shop
    store, owner = request.app.state.looks, owner_of(request)
    name = re.sub(r"[^A-Za-z0-9]+", "-", book.title).strip("-").lower()[:60] or "lookbook"

    def made() -> bytes:
        return lookbook.pdf(shop.view, selected.of(store), owner, book.title, book.looks_per_sheet)

    return await _file(request, made, f"{name}.pdf", "application/pdf", printers)


@router.get("/looks/print")
async def print_sheet(request: Request, selected: Selected, book: Layout) -> Response:
    """The same book as a page, for the browser to print."""
    shop: Shop = request.app.state.shop
    store, owner = request.app.state.looks, owner_of(request)

    def made() -> str:
        sheets = lookbook.sheets(shop.view, selected.of(store), owner, book.title, book.looks_per_sheet)
        pdf_url = f"/looks.pdf?{request.url.query}"
        return templates().get_template("lookbook.html").render(sheets | {"printed": False, "pdf": pdf_url})

    try:
        return HTMLResponse(await shop.quick.run(made), headers=HEADERS)
    except GoeswithError as error:
        return error_page(request, error)


@router.get("/looks/card")
async def card(request: Request, look: str) -> Response:
    """A look as a picture."""
    shop: Shop = request.app.state.shop
    store, owner = request.app.state.looks, owner_of(request)
    try:
        picture = await shop.picture_workers.run(lambda: look_files.card(shop.view, store.get(look), owner))
    except GoeswithError as error:
        return error_page(request, error)
    name = {"Content-Disposition": 'inline; filename="look.png"', "Cache-Control": "private, no-cache"}
    return Response(picture, headers=name, media_type="image/png")


@router.get("/looks/lay")
async def lay(
    request: Request,
    look: str,
    width: Annotated[int, Query(ge=90, le=1440)] = 540,
    white: bool = False,
    version: str = "",
) -> Response:
    """The flat lay of a look. white: on white paper. version: of the look, so that a browser may keep what it has."""
    shop: Shop = request.app.state.shop
    store, owner = request.app.state.looks, owner_of(request)
    try:
        picture = await shop.picture_workers.run(lambda: share.lay_of(shop, store.get(look), owner, width, white))
    except GoeswithError as error:
        return error_page(request, error)
    cache_control = f"private, max-age={PICTURE_SECONDS}" if version else "private, no-cache"
    return Response(picture, headers={"Cache-Control": cache_control}, media_type="image/jpeg")


@router.get("/looks/share")
async def share_page(request: Request, look: str) -> Response:
    """All ways to take one look away."""
    store, key = request.app.state.looks, request.app.state.public_key
    facts = Links(store.path), look, owner_of(request), str(request.base_url), key
    return await shown(request, "share.html", Board(), lambda view: share.page(view, store, *facts))


@router.post("/looks/link")
async def link(
    request: Request, look: Annotated[str, Form()], do: Annotated[str, Form(pattern="open|close")]
) -> Response:
    """Open or close the public link of a look."""
    shop: Shop = request.app.state.shop
    links, who = Links(request.app.state.looks.path), person(request) or NOBODY
    try:
        await shop.quick.run(*((links.open, look, who) if do == "open" else (links.close, look)))
    except GoeswithError as error:
        return error_page(request, error)
    return RedirectResponse(address("/looks/share", look=look), 303)
