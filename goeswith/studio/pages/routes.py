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
from goeswith.studio.pages.obstacles import titled
from goeswith.studio.pages.rendering import shown, sorry, tells
from goeswith.studio.pages.views import items
from goeswith.studio.service import limits
from goeswith.studio.service.bodies import FileRoute
from goeswith.studio.service.catalogue_view import Wall
from goeswith.studio.service.owners import Sender, owner_of
from goeswith.studio.service.refusals import as_refused
from goeswith.studio.service.shared import Shop
from goeswith.studio.service.workers import Workers

log = logging.getLogger(__name__)

MEASURING = 600.0
"""Seconds that the numbers of a report may take; they are measured once."""
measurers = Workers("measure", threads=1, seconds=MEASURING)
"""Apart from those that answer: whoever waits for the numbers of a report keeps nobody else waiting."""
PHOTOS = 60
"""Uploaded items that the form for one more shows."""
router = APIRouter(include_in_schema=False, route_class=FileRoute)

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
    if lost is None:
        return RedirectResponse(back, 303)
    mine = [item_id for item_id in before.guests_of(owner_of(request)) if item_id in lost.item_ids]
    if not mine:
        return RedirectResponse(back, 303)
    named = ", ".join(map(titled, items(before, mine)))
    said = f"The new index cannot take some of your photos, so they were dropped: {named}."
    return tells(request, "The new catalogue is open", said, (back, "Go on"), Board())


@router.get("/")
async def catalogue(request: Request, on: Ids = [], lock: Ids = []) -> Response:  # noqa: B006
    """The catalogue, page by page."""
    wanted, board, owner = Wanted.of(request.query_params), Board.of(on, lock), owner_of(request)
    return await shown(
        request, "wall.html", board, lambda wall: verdicts.tray(wall, board) | found(wall, wanted, board, owner)
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
    board, owner = Board.of(on, lock), owner_of(request)
    return await shown(request, "item.html", board, lambda wall: offers.close(wall, board, item, owner))


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
    return await shown(request, "more.html", there, lambda wall: make(wall, there, swap), slow=True)


@router.get("/board/offer")
async def offer(request: Request, on: Ids = [], lock: Ids = []) -> Response:  # noqa: B006
    """The one swap that helps most."""
    there = Board.of(on, lock)
    return await shown(request, "offer.html", there, lambda wall: offers.offer(wall, there), slow=True)


@router.get("/upload")
async def upload(request: Request, on: Ids = [], lock: Ids = []) -> Response:  # noqa: B006
    """A form for a photo of one's own."""
    there, sender = Board.of(on, lock), Sender(request)
    answer = await shown(request, "upload.html", there, lambda wall: _form(wall, there, sender.owner))
    return sender.remember(answer)  # before anything is sent, so that what is sent twice has one owner


def _form(
    wall: Wall, board: Board, owner: str, trouble: str = "", category: str = "", title: str = ""
) -> dict[str, Any]:
    """The form with what was written into it, and the photos that are there already, the latest first."""
    return verdicts.tray(wall, board) | {
        "photos": items(wall, wall.guests_of(owner)[::-1][:PHOTOS]),
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
    there, sender = Board.of(on, lock), Sender(request)
    try:
        item_id = await shop.add(await picture.read(), category=category, title=title, owner=sender.owner)
    except GoeswithError as error:
        told = sender.owner, str(error), category, title
        answer = await shown(request, "upload.html", there, lambda wall: _form(wall, there, *told))
        answer.status_code = as_refused(error).status
        return sender.remember(answer)
    path = address("/board", on=there.on, lock=there.lock, waits=item_id) if there.full else there.plus(item_id).url
    return sender.remember(RedirectResponse(path, 303))


@router.post("/upload/delete")
async def deleted(request: Request, item: Annotated[str, Form()], back: Annotated[str, Form()] = "/upload") -> Response:
    """Forget a photo of one's own."""
    shop: Shop = request.app.state.shop
    try:
        await shop.remove(item, owner_of(request))
    except GoeswithError as error:
        return sorry(request, error)
    return RedirectResponse(inside_studio(back), 303)


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
        outfit_id = await shop.quick.run(verdicts.save, shop.wall, there, file)
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
        request, "quiz.html", there, lambda wall: quiz.page(wall, there, seed, asked, you, model, choice), slow=True
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

    return await shown(request, "rules.html", there, make, slow=True)


@router.get("/report")
async def report_page(request: Request, on: Ids = [], lock: Ids = []) -> Response:  # noqa: B006
    """What is known of the run."""
    return await shown(request, "report.html", Board.of(on, lock), measuring.page)


@router.get("/report/numbers")
async def numbers(request: Request) -> Response:
    """What it gets right, and its best and worst outfits."""
    return await shown(request, "numbers.html", Board(), measuring.numbers, workers=measurers)
