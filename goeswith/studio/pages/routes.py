"""Routes: the paths of the studio's pages: catalogue, board, quiz, rules, report; HTML from templates."""

from __future__ import annotations

import logging
import secrets
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Query, Request, Response, UploadFile
from fastapi.responses import RedirectResponse

from goeswith.errors import GoeswithError
from goeswith.studio.pages import offers, quiz, verdicts
from goeswith.studio.pages import report as measuring
from goeswith.studio.pages import rule_switches as switches
from goeswith.studio.pages import rules as ruling
from goeswith.studio.pages.board import Board, address, inside_studio
from goeswith.studio.pages.catalogue_search import Wanted, found
from goeswith.studio.pages.obstacles import plainly
from goeswith.studio.pages.rendering import shown, sorry, tells
from goeswith.studio.pages.views import items
from goeswith.studio.service import limits
from goeswith.studio.service.catalogue_view import Wall
from goeswith.studio.service.shared import Shop
from goeswith.studio.service.uploads import read_upload
from goeswith.studio.service.workers import Workers

log = logging.getLogger(__name__)

MEASURING = 600.0
"""Seconds that the numbers of a report may take; they are measured once."""
measurers = Workers("measure", threads=1, seconds=MEASURING)
"""Apart from those that answer: whoever waits for the numbers of a report keeps nobody else waiting."""
PHOTOS = 60
"""Uploaded items that the form for one more shows."""
router = APIRouter(include_in_schema=False)

Ids = Annotated[list[str], Query(max_length=limits.ITEMS)]


@router.post("/reload")
async def reload(request: Request, back: Annotated[str, Form()] = "/") -> Response:
    """Open the index that lies in the folder now, and go back to where this was asked."""
    shop: Shop = request.app.state.shop
    before, back = shop.wall, inside_studio(back)
    try:
        lost = await shop.reload()
    except GoeswithError as error:
        log.warning("the newer index cannot be opened: %s", error)
        return sorry(request, error, message="the newer index cannot be opened; the old one is kept")
    if not lost:
        return RedirectResponse(back, 303)
    said = plainly(lost, items(before, list(before.guests)))
    return tells(request, "The new catalogue is open", said, (back, "Go on"), Board())


@router.get("/")
async def catalogue(request: Request, on: Ids = [], lock: Ids = []) -> Response:  # noqa: B006
    """The catalogue, page by page."""
    wanted, board = Wanted.of(request.query_params), Board.of(on, lock)
    return await shown(
        request, "wall.html", board, lambda wall: verdicts.tray(wall, board) | found(wall, wanted, board)
    )


@router.get("/tray")
async def tray(request: Request, on: Ids = [], lock: Ids = [], toggle: str = "") -> Response:  # noqa: B006
    """The small board below the catalogue, with an item put on it or taken off."""
    board = Board.of(on, lock)
    board = board.toggle(toggle) if toggle else board
    return await shown(request, "tray.html", board, lambda wall: verdicts.tray(wall, board))


@router.get("/item")
async def one(request: Request, item: str, on: Ids = [], lock: Ids = []) -> Response:  # noqa: B006
    """One item, and what could stand in its place."""
    board = Board.of(on, lock)
    return await shown(request, "item.html", board, lambda wall: offers.close(wall, board, item))


@router.get("/board")
async def board(
    request: Request, on: Ids = [], lock: Ids = [], toggle: str = "", swap: str = "", saved: str = "",  # noqa: B006
    waits: str = "",
) -> Response:  # fmt: skip
    """The board. waits: an uploaded item that it has no place for."""
    there = Board.of(on, lock)
    if toggle:
        there = there.toggle(toggle)
        if not there.over:
            return RedirectResponse(there.url, 303)
    return await shown(
        request, "board.html", there, lambda wall: verdicts.table(wall, there, swap=swap, saved=saved, waits=waits)
    )


@router.get("/board/more")
async def more(request: Request, on: Ids = [], lock: Ids = [], swap: str = "") -> Response:  # noqa: B006
    """What goes with the board, or instead of one of its items."""
    there = Board.of(on, lock)
    make = offers.instead if swap in there.on else offers.beside
    return await shown(request, "more.html", there, lambda wall: make(wall, there, swap))


@router.get("/board/offer")
async def offer(request: Request, on: Ids = [], lock: Ids = []) -> Response:  # noqa: B006
    """The one swap that helps most."""
    there = Board.of(on, lock)
    return await shown(request, "offer.html", there, lambda wall: offers.offer(wall, there))


@router.get("/upload")
async def upload(request: Request, on: Ids = [], lock: Ids = []) -> Response:  # noqa: B006
    """A form for a photo of one's own."""
    there = Board.of(on, lock)
    return await shown(request, "upload.html", there, lambda wall: _form(wall, there))


def _form(wall: Wall, board: Board, trouble: str = "", category: str = "", title: str = "") -> dict[str, Any]:
    """The form with what was written into it, and the photos that are there already, the latest first."""
    return verdicts.tray(wall, board) | {
        "photos": items(wall, list(wall.guests)[::-1][:PHOTOS]),
        "categories": sorted(wall.facets()["category"]), "wrong": trouble, "category": category, "title": title,
        "longest": limits.TEXT_LENGTH, "most": limits.UPLOAD_BYTES - limits.BODY_BYTES,
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
        answer = await shown(request, "upload.html", there, lambda wall: _form(wall, there, trouble, category, title))
        answer.status_code = 422
        return answer
    path = address("/board", on=there.on, lock=there.lock, waits=item_id) if there.full else there.plus(item_id).url
    return RedirectResponse(path, 303)


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
        outfit_id = await shop.workers.run(verdicts.save, shop.wall, there, file)
    except GoeswithError as error:
        trouble = str(error)
        return await shown(request, "board.html", there, lambda wall: verdicts.table(wall, there, trouble=trouble))
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
