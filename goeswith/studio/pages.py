"""Pages: the studio that the service opens: catalogue, board, quiz, rules, report; plain HTML from templates."""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, File, Form, Query, Request, Response, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from goeswith.errors import GoeswithError
from goeswith.studio import limits, measuring, outfitting, quiz, ruling, switches
from goeswith.studio.board import Board, address
from goeswith.studio.shop import Shop
from goeswith.studio.uploads import read_upload
from goeswith.studio.views import FILTERS, PAGE, Wanted, groups_of, item, shape
from goeswith.studio.wall import FACETS, Wall
from goeswith.studio.working import Refused, Workers

log = logging.getLogger(__name__)

STATIC = Path(__file__).parent / "static"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""No script and no style that stands in the page itself: a title that holds one stays text."""
MEASURING = 600.0
"""Seconds that the numbers of a report may take; they are measured once."""
measurers = Workers("measure", threads=1, seconds=MEASURING)
"""Apart from those that answer: whoever waits for the numbers of a report keeps nobody else waiting."""
PROGRAMS = ("v1", "static", "health", "metrics", "openapi.json")
"""Where paths begin that programs ask for, and are answered in JSON."""
HEADERS = {"Content-Security-Policy": POLICY, "Cache-Control": "private, no-cache"}

router = APIRouter(include_in_schema=False)

Ids = Annotated[list[str], Query(max_length=limits.ITEMS)]


@cache
def templates() -> Environment:
    """The templates of the studio; whatever they show is escaped."""
    environment = Environment(
        loader=PackageLoader("goeswith.studio"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters.update(FILTERS)
    environment.globals.update(url=address, asset=asset)
    return environment


@cache
def asset(name: str) -> str:
    """Where a file of the studio is; another address once it has changed."""
    return f"/static/{name}?v={hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:10]}"


async def shown(
    request: Request,
    template: str,
    board: Board,
    make: Callable[[Wall], Mapping[str, Any]],
    *,
    workers: Workers | None = None,
) -> Response:
    """A page of what `make` finds, which runs in a worker; an error meant for the user is a page too."""
    shop: Shop = request.app.state.shop
    wall = shop.wall

    def made() -> str:
        return _rendered(request, template, board, make(wall))

    try:
        return HTMLResponse(await (workers or shop.workers).run(made), headers=HEADERS)
    except GoeswithError as error:
        return sorry(request, error, board)


def is_page(path: str) -> bool:
    """Whether people look at it, so that they are told of an error in a page and not in JSON."""
    return path.split("/")[1] not in PROGRAMS


def sorry(request: Request, error: GoeswithError, board: Board | None = None, message: str = "") -> Response:
    """A page that tells of an error, in its own words where there is no `message`; the board is kept."""
    status = error.status if isinstance(error, Refused) else 422
    if board is None:
        board = Board.of(request.query_params.getlist("on"), request.query_params.getlist("lock"))
    said = message or str(error).removesuffix("; look it up in /v1/items")
    told = {
        "heading": "That is not here" if status == 404 else "That did not work",
        "message": said[:1].upper() + said[1:].removesuffix(".") + ".",
    }  # fmt: skip
    return HTMLResponse(_rendered(request, "error.html", board, told), status, headers=HEADERS)


def _rendered(request: Request, template: str, board: Board, told: Mapping[str, Any]) -> str:
    theme = request.cookies.get("theme", "")
    shop: Shop = request.app.state.shop
    common = {
        "board": board, "here": request.url.path, "theme": theme if theme in ("light", "dark") else "",
        "news": _news(shop), "back": _place(request), "shape": shape(shop.wall),
    }  # fmt: skip
    return templates().get_template(template).render(common | dict(told))


def _place(request: Request) -> str:
    """Path and query of what is shown, to come back to; what answers a form has no address of its own."""
    url = request.url
    return "/" if request.method != "GET" else f"{url.path}?{url.query}" if url.query else url.path


def _news(shop: Shop) -> str:
    """ "newer": another index is there to be opened; "old": the catalogue has changed since; else empty."""
    if shop.changed and (shop.path / "index.json").is_file():
        return "newer"
    return "old" if shop.index.stale else ""


@router.post("/reload")
async def reload(request: Request, back: Annotated[str, Form()] = "/") -> Response:
    """Open the index that lies in the folder now, and go back to where this was asked."""
    shop: Shop = request.app.state.shop
    try:
        await shop.reload()
    except GoeswithError as error:
        log.warning("the newer index cannot be opened: %s", error)
        return sorry(request, error, message="the newer index cannot be opened; the old one is kept")
    here = back.startswith("/") and not back.startswith(("//", "/\\"))  # "//name" is another host
    return RedirectResponse(back if here else "/", 303)


@router.get("/")
async def catalogue(request: Request, on: Ids = [], lock: Ids = []) -> Response:  # noqa: B006
    """The catalogue, page by page."""
    wanted, board = Wanted.of(request.query_params), Board.of(on, lock)

    def make(wall: Wall) -> dict[str, Any]:
        board_shown = outfitting.tray(wall, board)
        counts: Counter[str | None] = Counter()
        try:
            rows, trouble = wall.search(wanted.q, wanted.filters()), ""
            every = wall.search(wanted.q, replace(wanted, group="").filters()) if wanted.group else rows
            counts.update(wall.catalogue.items["group"][every.tolist()].to_list())
        except GoeswithError as error:
            rows, trouble = np.empty(0, np.int64), str(error)
        rows = rows[np.argsort(_mixed(len(wall.catalogue))[rows], kind="stable")]
        page = rows[wanted.offset : wanted.offset + PAGE].tolist()
        further = wanted.offset + PAGE < len(rows)
        facets = wall.facets()
        columns = [name for name in FACETS if name != "group"]
        columns_there = wall.catalogue.items
        return board_shown | {
            "wanted": wanted, "total": len(wall.catalogue), "found": len(rows), "trouble": trouble,
            "items": [item(wall, row) for row in page], "first": wanted.offset == 0,
            "groups": [(name, counts[name]) for name, _ in groups_of(facets["group"])],
            "facets": [(name, sorted(facets[name].items())) for name in columns if len(facets[name]) > 1],
            "priced": columns_there["price"].count() > 0, "stocked": "stock" in columns_there.columns,
            "next": wanted.url(board, offset=wanted.offset + PAGE) if further else "", "longest": limits.TEXT_LENGTH,
        }  # fmt: skip

    return await shown(request, "wall.html", board, make)


@cache
def _mixed(count: int) -> np.ndarray:
    """Places (count,) in a fixed mixed order: an index has its items by category, and a wall of bags says little."""
    order: np.ndarray = np.random.default_rng(0).permutation(count)
    return order


@router.get("/tray")
async def tray(request: Request, on: Ids = [], lock: Ids = [], toggle: str = "") -> Response:  # noqa: B006
    """The small board below the catalogue, with an item put on it or taken off."""
    board = Board.of(on, lock)
    board = board.toggle(toggle) if toggle else board
    return await shown(request, "tray.html", board, lambda wall: outfitting.tray(wall, board))


@router.get("/item")
async def one(request: Request, item: str, on: Ids = [], lock: Ids = []) -> Response:  # noqa: B006
    """One item, and what could stand in its place."""
    board = Board.of(on, lock)
    return await shown(request, "item.html", board, lambda wall: outfitting.close(wall, board, item))


@router.get("/board")
async def board(
    request: Request, on: Ids = [], lock: Ids = [], toggle: str = "", swap: str = "", saved: str = ""  # noqa: B006
) -> Response:  # fmt: skip
    """The board."""
    there = Board.of(on, lock)
    if toggle:
        there = there.toggle(toggle)
        if not there.over:
            return RedirectResponse(there.url, 303)
    return await shown(request, "board.html", there, lambda wall: outfitting.table(wall, there, swap=swap, saved=saved))


@router.get("/board/more")
async def more(request: Request, on: Ids = [], lock: Ids = [], swap: str = "") -> Response:  # noqa: B006
    """What goes with the board, or instead of one of its items."""
    there = Board.of(on, lock)
    make = outfitting.instead if swap in there.on else outfitting.beside
    return await shown(request, "more.html", there, lambda wall: make(wall, there, swap))


@router.get("/board/offer")
async def offer(request: Request, on: Ids = [], lock: Ids = []) -> Response:  # noqa: B006
    """The one swap that helps most."""
    there = Board.of(on, lock)
    return await shown(request, "offer.html", there, lambda wall: outfitting.offer(wall, there))


@router.get("/upload")
async def upload(request: Request, on: Ids = [], lock: Ids = []) -> Response:  # noqa: B006
    """A form for a photo of one's own."""
    return await shown(request, "upload.html", Board.of(on, lock), lambda wall: _form(wall))


def _form(wall: Wall, trouble: str = "", category: str = "", title: str = "") -> dict[str, Any]:
    return {
        "categories": sorted(wall.facets()["category"]), "trouble": trouble, "category": category, "title": title,
        "longest": limits.TEXT_LENGTH,
    }  # fmt: skip


@router.post("/upload")
async def uploaded(
    request: Request,
    picture: Annotated[UploadFile, File()],
    category: Annotated[str, Form()] = "",
    title: Annotated[str, Form(max_length=limits.TEXT_LENGTH)] = "",
    on: Annotated[list[str], Form(max_length=limits.ITEMS)] = [],  # noqa: B006
    lock: Annotated[list[str], Form(max_length=limits.ITEMS)] = [],  # noqa: B006
) -> Response:
    """The photo becomes an item, and goes on the board."""
    shop: Shop = request.app.state.shop
    there, data, kind = Board.of(on, lock), await picture.read(), picture.content_type
    try:
        item_id = await shop.workers.run(lambda: shop.add(read_upload(data, kind), category=category, title=title))
    except GoeswithError as error:
        trouble = str(error)
        answer = await shown(request, "upload.html", there, lambda wall: _form(wall, trouble, category, title))
        answer.status_code = 422
        return answer
    # Where the board is full, the photo stands last in the address and the board says that it is left out.
    return RedirectResponse(address("/board", on=(*there.on, item_id), lock=there.lock), 303)


@router.post("/board/save")
async def save(
    request: Request,
    on: Annotated[list[str], Form(max_length=limits.ITEMS)] = [],  # noqa: B006
    lock: Annotated[list[str], Form(max_length=limits.ITEMS)] = [],  # noqa: B006
) -> Response:
    """Keep the outfit, to be trained on."""
    shop: Shop = request.app.state.shop
    there = Board.of(on, lock)
    file = request.app.state.feedback or shop.path.parent / "feedback.jsonl"
    try:
        outfit_id = await shop.workers.run(outfitting.save, shop.wall, there, file)
    except GoeswithError as error:
        trouble = str(error)
        return await shown(request, "board.html", there, lambda wall: outfitting.table(wall, there, trouble=trouble))
    return RedirectResponse(f"{there.url}&saved={outfit_id}", 303)


@router.get("/quiz")
async def quiz_page(
    request: Request, seed: int = -1, asked: int = 0, you: int = 0, model: int = 0, choice: int = -1,
    on: Ids = [], lock: Ids = [],  # noqa: B006
) -> Response:  # fmt: skip
    """Fill in the blank, a person against the model; the running score stands in the address."""
    there = Board.of(on, lock)
    if seed < 0:
        return RedirectResponse(address("/quiz", seed=secrets.randbelow(10**6), on=there.on, lock=there.lock), 303)
    return await shown(
        request, "quiz.html", there, lambda wall: quiz.page(wall, there, seed, asked, you, model, choice)
    )


@router.get("/rules")
async def rules_page(
    request: Request, on: Ids = [], lock: Ids = [], attribute: str = "", top: str = "", bottom: str = "",  # noqa: B006
    sign: str = "+", asked: bool = False, rule: Annotated[list[str], Query(max_length=switches.WRITTEN)] = [],  # noqa: B006
    off: Annotated[list[int], Query(max_length=500)] = [], use: Annotated[list[int], Query(max_length=500)] = [],  # noqa: B006
) -> Response:  # fmt: skip
    """The rules, which of them are on, and what they change."""
    there, draft = Board.of(on, lock), {"attribute": attribute, "top": top, "bottom": bottom, "sign": sign}

    def make(wall: Wall) -> dict[str, Any]:
        away, written, trouble = sorted(set(off)), list(rule), ""
        if asked:
            away = switches.others(wall, written, use)
        if attribute:
            try:
                written = switches.added(wall, written, draft)
            except GoeswithError as error:
                trouble = str(error)
        told = ruling.page(wall, away, written)
        kept = draft if trouble else dict.fromkeys(draft, "")
        return told | {"draft": kept, "trouble": trouble or told["trouble"]}

    return await shown(request, "rules.html", there, make)


@router.get("/report")
async def report_page(request: Request, on: Ids = [], lock: Ids = []) -> Response:  # noqa: B006
    """What is known of the run."""
    return await shown(request, "report.html", Board.of(on, lock), measuring.page)


@router.get("/report/numbers")
async def numbers(request: Request) -> Response:
    """What it gets right, and its best and worst outfits."""
    return await shown(request, "numbers.html", Board(), measuring.numbers, workers=measurers)
