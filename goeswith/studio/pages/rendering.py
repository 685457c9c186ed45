"""Rendering: a page from its template, with what all pages show; errors are pages too."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment

from goeswith.errors import GoeswithError
from goeswith.studio.pages import choices
from goeswith.studio.pages.board import Board, address, board_of, inside_studio
from goeswith.studio.pages.views import FILTERS, Item, currency, sentence, shape
from goeswith.studio.service.catalogue_view import CatalogueView
from goeswith.studio.service.refusals import Refused, as_refused
from goeswith.studio.service.saved_look import STATE_WORDS
from goeswith.studio.service.shared import Shop
from goeswith.studio.service.workers import Workers
from goeswith.templates import environment

STATIC = Path(__file__).parents[1] / "static"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""No inline script or style: a title that contains one stays text."""
PROGRAMS = ("v1", "storefront", "static", "health", "metrics", "openapi.json")
"""Where paths begin that programs ask for, and are answered in JSON."""
BEARER = 'Bearer realm="goeswith"'
"""Asks for a token without the window that browsers open for HTTP Basic: the page has a form of its own."""
HEADERS = {"Content-Security-Policy": POLICY, "Cache-Control": "private, no-cache"}


@cache
def templates() -> Environment:
    """The templates of the studio; whatever they show is escaped."""
    pages = environment("goeswith.studio")
    pages.filters.update(FILTERS, state=lambda state: STATE_WORDS.get(state, state))
    pages.globals.update(url=address, asset=asset)
    return pages


@cache
def asset(name: str) -> str:
    """Where a file of the studio is; another address once it has changed."""
    return f"/static/{name}?v={hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:10]}"


async def shown(
    request: Request,
    template: str,
    board: Board,
    make: Callable[[CatalogueView], Mapping[str, Any]],
    *,
    slow: bool = False,
    workers: Workers | None = None,
) -> Response:
    """A page of what `make` finds, which runs in a worker; an error meant for the user is a page too.

    Args:
        slow: that it looks for looks, so that pages that do not must not wait behind it. workers: others than these.
    """
    shop: Shop = request.app.state.shop
    view = shop.view

    def made() -> str:
        return _rendered(request, template, board, make(view))

    try:
        return HTMLResponse(await (workers or (shop.workers if slow else shop.quick)).run(made), headers=HEADERS)
    except GoeswithError as error:
        return error_page(request, error, board)


def is_page(path: str) -> bool:
    """Whether people look at it, so that errors are pages and not JSON."""
    return path.lstrip("/").split("/")[0] not in PROGRAMS


def error_page(request: Request, error: GoeswithError, board: Board | None = None, message: str = "") -> Response:
    """A page that tells of an error, in its own words where there is no `message`; the board is kept."""
    refused = as_refused(error)
    if board is None:
        board = board_of(request.query_params)
    items = choices.choices(request.app.state.shop.view, error)
    onward = board.at("/catalogue"), "To the catalogue"
    heading = "Not found" if refused.status == 404 else "Which one?" if items else "That did not work"
    return message_page(
        request, heading, message or choices.message(error), onward, board, refused.status,
        [(it, board.at("/item", item=it.id)) for it in items],
    )  # fmt: skip


def message_page(
    request: Request,
    heading: str,
    message: str,
    onward: tuple[str, str],
    board: Board,
    status: int = 200,
    meant: Sequence[tuple[Item, str]] = (),
) -> Response:
    """A page with one sentence and where to go on: path and words. meant: items to choose from, and their pages."""
    values = {"heading": heading, "message": sentence(message), "onward": onward, "meant": meant}
    return HTMLResponse(_rendered(request, "message.html", board, values), status, headers=HEADERS)


def refusal_page(request: Request, error: Refused, back: str = "") -> Response:
    """A page for those whom the guard does not let through, with what to do. Nothing of the shop is on it.

    Args:
        back: where the form for the token leads; to what was asked for, if empty.
    """
    asks_token = error.status in (200, 401)
    values = {
        "heading": "This studio asks for a token" if asks_token else "That did not work", "asks": asks_token,
        "message": "" if error.reason == "token_needed" else sentence(str(error)), "theme": _theme(request),
        "back": back or _address_of(request), "onward": _onward(request, error),
    }  # fmt: skip
    page = HTMLResponse(templates().get_template("sign_in.html").render(values), error.status, headers=HEADERS)
    if error.status == 401:
        page.headers["WWW-Authenticate"] = BEARER
    return page


def _onward(request: Request, error: Refused) -> str:
    """Where to go on: this machine under its own name, or the page that this was sent from."""
    if error.reason == "unknown_host":
        host, port = request.scope.get("server") or ("127.0.0.1", 80)
        return f"{request.scope.get('scheme', 'http')}://{f'[{host}]' if ':' in host else host}:{port}/"
    try:
        before = urlsplit(request.headers.get("referer", ""))
    except ValueError:
        return "/"
    same_site = before.netloc == request.headers.get("host") and error.reason != "cross_site"
    return inside_studio(f"{before.path}?{before.query}" if before.query else before.path) if same_site else "/"


def _rendered(request: Request, template: str, board: Board, values: Mapping[str, Any]) -> str:
    shop: Shop = request.app.state.shop
    common = {
        "board": board, "current_path": request.scope["path"], "theme": _theme(request), "news": _news(shop),
        "back": _address_of(request), "shape": shape(shop.view), "currency": currency(shop.view),
    }  # fmt: skip
    return templates().get_template(template).render(common | dict(values))


def _theme(request: Request) -> str:
    """Light or dark where somebody chose; empty where the system does."""
    theme = request.cookies.get("theme", "")
    return theme if theme in ("light", "dark") else ""


def _address_of(request: Request) -> str:
    """Path and query of what is shown, to come back to; what answers a form has no address of its own."""
    if request.method != "GET":
        return "/"
    path, query = quote(request.scope["path"]), request.scope.get("query_string", b"").decode("latin-1")
    return f"{path}?{query}" if query else path


def _news(shop: Shop) -> str:
    """ "newer": another index is there to be opened; "old": the catalogue has changed since; "gone"; else empty."""
    if shop.changed and (shop.path / "index.json").is_file():
        return "newer"
    if not shop.index.stale:
        return ""
    folder = shop.index.dataset
    return "old" if folder is not None and (folder / "items.parquet").is_file() else "gone"
