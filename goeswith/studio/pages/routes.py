"""Routes: the paths of the studio's pages: catalogue, board, quiz, rules, report; HTML from templates."""

from __future__ import annotations

import logging
import secrets
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Request, Response, UploadFile
from fastapi.responses import RedirectResponse

from goeswith.errors import GoeswithError
from goeswith.studio.pages import flat_lay, offers, quiz, quiz_card, rule_switches, start, verdicts
from goeswith.studio.pages import report as measuring
from goeswith.studio.pages import rules as ruling
from goeswith.studio.pages.board import Board, inside_studio
from goeswith.studio.pages.board_request import Asked, Sent
from goeswith.studio.pages.catalogue_search import Wanted, found
from goeswith.studio.pages.look_routes import person, told_of
from goeswith.studio.pages.no_score import titled
from goeswith.studio.pages.rendering import shown, sorry, tells
from goeswith.studio.pages.views import items
from goeswith.studio.service import limits
from goeswith.studio.service.bodies import FileRoute
from goeswith.studio.service.catalogue_view import CatalogueView
from goeswith.studio.service.owners import Sender, owner_of
from goeswith.studio.service.refusals import as_refused
from goeswith.studio.service.shared import Shop
from goeswith.studio.service.shop_rules import Switches
from goeswith.studio.service.workers import Workers

log = logging.getLogger(__name__)

MEASURING = 600.0
"""Seconds that the numbers of a report may take; they are measured once."""
measurers = Workers("measure", threads=1, seconds=MEASURING)
"""Apart from those that answer: whoever waits for the numbers of a report keeps nobody else waiting."""
PHOTOS = 60
"""Uploaded items that the form for one more shows."""
router = APIRouter(include_in_schema=False, route_class=FileRoute)


@router.post("/reload")
async def reload(request: Request, back: Annotated[str, Form()] = "/") -> Response:
    """Open the index that lies in the folder now, and go back to where this was asked."""
    shop: Shop = request.app.state.shop
    before, back = shop.view, inside_studio(back)
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
async def start_page(request: Request, board: Asked) -> Response:
    """What this is and where to begin; an address that looks for something is one of the catalogue's."""
    wanted, owner = Wanted.of(request.query_params), owner_of(request)
    if wanted != Wanted():
        return RedirectResponse(f"/catalogue?{request.scope['query_string'].decode('latin-1')}", 307)
    return await shown(request, "start.html", board, lambda view: start.page(view, owner))


@router.get("/start/looks")
async def start_looks(request: Request) -> Response:
    """The finished looks of the start page, made where they are not kept yet."""
    return await shown(request, "start_looks.html", Board(), start.finished, workers=request.app.state.shop.opening)


@router.get("/catalogue")
async def catalogue(request: Request, board: Asked) -> Response:
    """The catalogue, page by page."""
    wanted, owner = Wanted.of(request.query_params), owner_of(request)
    return await shown(
        request, "catalogue.html", board, lambda view: verdicts.tray(view, board) | found(view, wanted, board, owner)
    )


@router.get("/tray")
async def tray(request: Request, board: Asked, toggle: str = "") -> Response:
    """The small board below the catalogue, with an item put on it or taken off."""
    board = board.toggle(toggle) if toggle else board
    return await shown(request, "board_bar.html", board, lambda view: verdicts.tray(view, board))


@router.get("/item")
async def one(request: Request, item: str, board: Asked) -> Response:
    """One item, and what could stand in its place."""
    owner = owner_of(request)
    return await shown(request, "item.html", board, lambda view: offers.close(view, board, item, owner))


@router.get("/board")
async def board(
    request: Request, there: Asked, toggle: str = "", slot: str = "", swap: str = "", saved: bool = False,
    waits: str = "",
) -> Response:  # fmt: skip
    """The board. waits: an uploaded item that it has no place for.

    The suggestions come with the page where they are asked for or where no script was seen yet, so that it works
    without one; the script asks for them after the board, which is there sooner.
    """
    if toggle:
        there = there.toggle(toggle)
        if not there.over:
            return RedirectResponse(there.url, 303)
    store, who, whole = request.app.state.looks, person(request), _is_whole(request, slot or swap)

    def make(view: CatalogueView) -> dict[str, Any]:
        told = verdicts.table(view, there, slot=slot, swap=swap, waits=waits)
        known: Board = told["board"]
        rail = offers.rail(view, known, slot, swap) if whole and known.on else None
        return told | told_of(store, known, who) | {"rail": rail, "saved": saved}

    return await shown(request, "board.html", there, make, slow=whole)


def _is_whole(request: Request, asked: str) -> bool:
    return "x-part" not in request.headers and bool(asked or "script" not in request.cookies)


@router.get("/board/places.css")
async def places() -> Response:
    """Where pieces of a flat lay can lie."""
    headers = {"Cache-Control": f"public, max-age={limits.PICTURE_SECONDS}"}
    return Response(flat_lay.stylesheet(), headers=headers, media_type="text/css")


@router.get("/board/more")
async def more(request: Request, there: Asked, slot: str = "", swap: str = "") -> Response:
    """What goes with the board, or instead of one of its items."""
    return await shown(
        request, "more.html", there, lambda view: {"rail": offers.rail(view, there, slot, swap)}, slow=True
    )


@router.get("/board/offer")
async def offer(request: Request, there: Asked) -> Response:
    """The one swap that helps most."""
    return await shown(request, "best_swap.html", there, lambda view: offers.offer(view, there), slow=True)


@router.get("/upload")
async def upload(request: Request, there: Asked, check: str = "", looks_like: str = "") -> Response:
    """A form for a photo of one's own. check: one that was sent, whose category is to be looked at."""
    sender = Sender(request)
    answer = await shown(
        request, "upload.html", there,
        lambda view: _form(view, there, sender.owner) | _checked(view, check, looks_like, sender.owner),
    )  # fmt: skip
    return sender.remember(answer)  # before anything is sent, so that what is sent twice has one owner


def _form(
    view: CatalogueView, board: Board, owner: str, trouble: str = "", category: str = "", title: str = ""
) -> dict[str, Any]:
    """The form with what was written into it, and the photos that are there already, the latest first."""
    return verdicts.tray(view, board) | {
        "photos": items(view, view.guests_of(owner)[::-1][:PHOTOS]),
        "categories": sorted(view.facets()["category"]), "wrong": trouble, "category": category, "title": title,
        "longest": limits.TEXT_LENGTH, "most": limits.UPLOAD_BYTES - limits.BODY_BYTES, "check": None,
    }  # fmt: skip


def _checked(view: CatalogueView, item_id: str, looks_like: str, owner: str) -> dict[str, Any]:
    """A photo whose category was guessed, or contradicts the guess `looks_like`."""
    if item_id not in view.guests_of(owner):
        return {}
    [it] = items(view, [item_id])
    return {"check": it, "looks_like": looks_like if looks_like in view.facets()["category"] else ""}


@router.post("/upload")
async def uploaded(
    request: Request,
    there: Sent,
    picture: Annotated[UploadFile, File()],
    category: Annotated[str, Form()] = "",
    title: Annotated[str, Form(max_length=limits.TEXT_LENGTH)] = "",
) -> Response:
    """The photo becomes an item, and goes on the board."""
    shop: Shop = request.app.state.shop
    sender, data = Sender(request), await picture.read()
    try:
        guessed = await shop.guess(data)
        taken_for = category or (guessed.category if guessed else "")
        item_id = await shop.add(data, category=taken_for, title=title, owner=sender.owner)
    except GoeswithError as error:
        facts = sender.owner, str(error), category, title
        answer = await shown(request, "upload.html", there, lambda view: _form(view, there, *facts))
        answer.status_code = as_refused(error).status
        return sender.remember(answer)
    if guessed is not None and (not category or guessed.contradicts(category)):
        path = there.at("/upload", check=item_id, looks_like=guessed.category if category else "")
    else:
        path = there.at("/board", waits=item_id) if there.full else there.plus(item_id).url
    return sender.remember(RedirectResponse(path, 303))


@router.post("/upload/category")
async def changed_category(
    request: Request, there: Sent, item: Annotated[str, Form()], category: Annotated[str, Form()]
) -> Response:
    """Take a photo of one's own for what it is said to be, and put it on the board."""
    shop: Shop = request.app.state.shop
    try:
        item_id = await shop.change_category(item, category, owner_of(request))
    except GoeswithError as error:
        return sorry(request, error, there)
    path = there.at("/board", waits=item_id) if there.full else there.plus(item_id).url
    return RedirectResponse(path, 303)


@router.post("/upload/delete")
async def deleted(request: Request, item: Annotated[str, Form()], back: Annotated[str, Form()] = "/upload") -> Response:
    """Forget a photo of one's own."""
    shop: Shop = request.app.state.shop
    try:
        await shop.remove(item, owner_of(request))
    except GoeswithError as error:
        return sorry(request, error)
    return RedirectResponse(inside_studio(back), 303)


@router.get("/quiz")
async def quiz_page(
    request: Request, there: Asked, seed: int = -1, asked: int = 0, you: int = 0, model: int = 0, choice: int = -1,
) -> Response:  # fmt: skip
    """Fill in the blank, a person against the model; the running score stands in the address."""
    if seed < 0:
        return RedirectResponse(there.at("/quiz", seed=secrets.randbelow(quiz.SEEDS)), 303)
    return await shown(
        request, "quiz.html", there, lambda view: quiz.page(view, there, seed, asked, you, model, choice), slow=True
    )


@router.get("/quiz/card")
async def card_of_quiz(you: int = 0, model: int = 0, asked: int = quiz.ROUND) -> Response:
    """The score of a round as a picture."""
    most = min(max(asked, 1), 999)
    return Response(quiz_card.card(min(max(you, 0), most), min(max(model, 0), most), most), media_type="image/png")


@router.get("/rules")
async def rules_page(request: Request, there: Asked, fresh: str = "") -> Response:
    """The rules, which of them are on, and what they change. fresh: one that was just written."""
    return await _rules(request, there, fresh)


async def _rules(
    request: Request, there: Board, fresh: str = "", trouble: str = "", draft: dict[str, str] | None = None
) -> Response:
    switches: Switches = request.app.state.shop.rules.read()

    def make(view: CatalogueView) -> dict[str, Any]:
        values = ruling.page(view, switches, fresh)
        empty = dict.fromkeys(("attribute", "top", "bottom", "sign"), "")
        return values | {"draft": draft or empty, "trouble": trouble or values["trouble"]}

    return await shown(request, "rules.html", there, make, slow=True)


@router.post("/rules")
async def switch_rules(
    request: Request, there: Sent, use: Annotated[list[str], Form(max_length=limits.RULES)] = [],  # noqa: B006
) -> Response:  # fmt: skip
    """Switch rules on, all others off; suggestions keep to them from now on."""
    shop: Shop = request.app.state.shop
    try:
        await shop.follow(use, shop.rules.read().written)
    except GoeswithError as error:
        return await _rules(request, there, trouble=str(error))
    return RedirectResponse(there.at("/rules"), 303)


@router.post("/rules/write")
async def write_rule(
    request: Request, there: Sent, attribute: Annotated[str, Form(max_length=limits.TEXT_LENGTH)] = "",
    top: Annotated[str, Form(max_length=limits.TEXT_LENGTH)] = "", sign: Annotated[str, Form(max_length=1)] = "+",
    bottom: Annotated[str, Form(max_length=limits.TEXT_LENGTH)] = "",
) -> Response:  # fmt: skip
    """A rule of one's own, which is on at once."""
    shop: Shop = request.app.state.shop
    draft, before = {"attribute": attribute, "top": top, "bottom": bottom, "sign": sign}, shop.rules.read()
    try:
        written = await shop.quick.run(lambda: rule_switches.added(shop.view, before.written, draft))
        await shop.follow((*before.on, written[-1]), written)
    except GoeswithError as error:
        return await _rules(request, there, trouble=str(error), draft=draft)
    return RedirectResponse(there.at("/rules", fresh=written[-1]), 303)


@router.post("/rules/forget")
async def forget_rules(request: Request, there: Sent) -> Response:
    """Forget the rules that were written here."""
    shop: Shop = request.app.state.shop
    before = shop.rules.read()
    await shop.follow([text for text in before.on if text not in before.written], ())
    return RedirectResponse(there.at("/rules"), 303)


@router.get("/report")
async def report_page(request: Request, there: Asked) -> Response:
    """What is known of the run."""
    return await shown(request, "report.html", there, measuring.page)


@router.get("/report/numbers")
async def numbers(request: Request) -> Response:
    """What it gets right, and its best and worst outfits."""
    return await shown(request, "report_results.html", Board(), measuring.numbers, workers=measurers)
