"""Routes: the paths of the studio's pages: catalogue, board, upload, quiz, rules, report."""

from __future__ import annotations

import logging
import secrets
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Request, Response, UploadFile
from fastapi.responses import RedirectResponse

from goeswith.errors import CatalogueError, GoeswithError
from goeswith.studio.pages import board_view, flat_lay, offers, quiz, quiz_card, rule_switches
from goeswith.studio.pages import report as measuring
from goeswith.studio.pages import rules as ruling
from goeswith.studio.pages.board import Board, inside_studio
from goeswith.studio.pages.board_request import BoardForm, BoardQuery, visible
from goeswith.studio.pages.catalogue_search import CatalogueQuery, results
from goeswith.studio.pages.look_routes import person, saved_look_of
from goeswith.studio.pages.no_score import titled
from goeswith.studio.pages.rendering import error_page, message_page, shown
from goeswith.studio.pages.views import items
from goeswith.studio.service import limits
from goeswith.studio.service.bodies import FileRoute
from goeswith.studio.service.catalogue_view import CatalogueView
from goeswith.studio.service.owners import Sender, owner_of
from goeswith.studio.service.photo_guess import guesses
from goeswith.studio.service.refusals import as_refused
from goeswith.studio.service.shared import Shop
from goeswith.studio.service.shop_rules import Switches
from goeswith.studio.service.workers import Workers

log = logging.getLogger(__name__)

MEASURING = 600.0
"""Seconds that the numbers of a report may take; they are measured once."""
measurers = Workers("measure", threads=1, seconds=MEASURING)
"""Apart from those that answer: waiting for the numbers of a report delays no other answer."""
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
        return error_page(request, error, message="the newer index cannot be opened; the old one is kept")
    if lost is None:
        return RedirectResponse(back, 303)
    own_photos = [item_id for item_id in before.guests_of(owner_of(request)) if item_id in lost.item_ids]
    if not own_photos:
        return RedirectResponse(back, 303)
    named = ", ".join(map(titled, items(before, own_photos)))
    message = f"The new index cannot take some of your photos, so they were dropped: {named}."
    return message_page(request, "The new catalogue is open", message, (back, "Go on"), Board())


@router.get("/catalogue")
async def catalogue(request: Request, board: BoardQuery) -> Response:
    """The catalogue, page by page."""
    query, owner = CatalogueQuery.of(request.query_params), owner_of(request)
    return await shown(
        request, "catalogue.html", board, lambda view: board_view.tray(view, board) | results(view, query, board, owner)
    )


@router.get("/tray")
async def tray(request: Request, board: BoardQuery, toggle: str = "") -> Response:
    """The small board below the catalogue, with an item put on it or taken off."""
    board = visible(request, board.toggle(toggle)) if toggle else board
    return await shown(request, "board_bar.html", board, lambda view: board_view.tray(view, board))


@router.get("/item")
async def item_page(request: Request, item: str, board: BoardQuery) -> Response:
    """One item, and what could replace it."""
    owner = owner_of(request)
    return await shown(request, "item.html", board, lambda view: offers.close(view, board, item, owner))


@router.get("/board")
async def board_page(
    request: Request, board: BoardQuery, toggle: str = "", slot: str = "", swap: str = "", saved: bool = False,
    waits: str = "",
) -> Response:  # fmt: skip
    """The board. waits: an uploaded item that it has no place for.

    The suggestions come with the page where they are asked for or where no script was seen yet, so that it works
    without one; the script asks for them after the board, which is there sooner.
    """
    if toggle:
        board = board.toggle(toggle)
        if not board.over:
            return RedirectResponse(board.url, 303)
    store, who, with_rail = request.app.state.looks, person(request), _with_rail(request, slot or swap)
    waits = waits if visible(request, Board((waits,))).on else ""

    def make(view: CatalogueView) -> dict[str, Any]:
        values = board_view.table(view, board, slot=slot, swap=swap, waits=waits)
        present: Board = values["board"]
        rail = offers.rail(view, present, slot, swap) if with_rail and present.on else None
        return values | saved_look_of(store, present, who) | {"rail": rail, "saved": saved}

    return await shown(request, "board.html", board, make, slow=with_rail)


def _with_rail(request: Request, suggestions: str) -> bool:
    return "x-part" not in request.headers and bool(suggestions or "script" not in request.cookies)


@router.get("/board/places.css")
async def spots() -> Response:
    """Where pieces of a flat lay can lie."""
    headers = {"Cache-Control": f"public, max-age={limits.PICTURE_SECONDS}"}
    return Response(flat_lay.stylesheet(), headers=headers, media_type="text/css")


@router.get("/board/more")
async def more(request: Request, board: BoardQuery, slot: str = "", swap: str = "") -> Response:
    """What goes with the board, or instead of one of its items."""
    return await shown(
        request, "more.html", board, lambda view: {"rail": offers.rail(view, board, slot, swap)}, slow=True
    )


@router.get("/board/offer")
async def offer(request: Request, board: BoardQuery) -> Response:
    """The one swap that helps most."""
    return await shown(request, "best_swap.html", board, lambda view: offers.offer(view, board), slow=True)


@router.get("/upload")
async def upload(request: Request, board: BoardQuery, check: str = "", looks_like: str = "") -> Response:
    """A form for a photo of one's own. check: one that was sent, whose category is to be looked at."""
    sender = Sender(request)
    answer = await shown(
        request, "upload.html", board,
        lambda view: _form(view, board, sender.owner) | _checked(view, check, looks_like, sender.owner),
    )  # fmt: skip
    return sender.remember(answer)  # before anything is sent, so that what is sent twice has one owner


def _form(
    view: CatalogueView, board: Board, owner: str, trouble: str = "", category: str = "", title: str = ""
) -> dict[str, Any]:
    """The form with what was written into it, and the photos that are there already, the latest first."""
    return board_view.tray(view, board) | {
        "photos": items(view, view.guests_of(owner)[::-1][:PHOTOS]),
        "categories": sorted(view.facets()["category"]), "wrong": trouble, "category": category, "title": title,
        "longest": limits.TEXT_LENGTH, "most": limits.UPLOAD_BYTES - limits.BODY_BYTES, "check": None,
        "guesses": guesses(view),
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
    board: BoardForm,
    picture: Annotated[UploadFile, File()],
    category: Annotated[str, Form()] = "",
    title: Annotated[str, Form(max_length=limits.TEXT_LENGTH)] = "",
) -> Response:
    """The photo becomes an item, and goes on the board."""
    shop: Shop = request.app.state.shop
    sender, data = Sender(request), await picture.read()
    try:
        guessed = await shop.guess(data)
        named = category or (guessed.category if guessed else "")
        if not named:
            raise CatalogueError(
                "goeswith cannot tell what is in the photo; choose its category", reason="unknown_category"
            )
        item_id = await shop.add(data, category=named, title=title, owner=sender.owner)
    except GoeswithError as error:
        facts = sender.owner, str(error), category, title
        answer = await shown(request, "upload.html", board, lambda view: _form(view, board, *facts))
        answer.status_code = as_refused(error).status
        return sender.remember(answer)
    if guessed is not None and (not category or guessed.contradicts(category)):
        path = board.at("/upload", check=item_id, looks_like=guessed.category if category else "")
    else:
        path = board.at("/board", waits=item_id) if board.full else board.plus(item_id).url
    return sender.remember(RedirectResponse(path, 303))


@router.post("/upload/category")
async def changed_category(
    request: Request, board: BoardForm, item: Annotated[str, Form()], category: Annotated[str, Form()]
) -> Response:
    """Take a photo of one's own for what it is said to be, and put it on the board."""
    shop: Shop = request.app.state.shop
    try:
        item_id = await shop.change_category(item, category, owner_of(request))
    except GoeswithError as error:
        return error_page(request, error, board)
    path = board.at("/board", waits=item_id) if board.full else board.plus(item_id).url
    return RedirectResponse(path, 303)


@router.post("/upload/delete")
async def deleted(request: Request, item: Annotated[str, Form()], back: Annotated[str, Form()] = "/upload") -> Response:
    """Forget a photo of one's own."""
    shop: Shop = request.app.state.shop
    try:
        await shop.remove(item, owner_of(request))
    except GoeswithError as error:
        return error_page(request, error)
    return RedirectResponse(inside_studio(back), 303)


@router.get("/quiz")
async def quiz_page(
    request: Request, board: BoardQuery, seed: int = -1, asked: int = 0, you: int = 0, model: int = 0, choice: int = -1,
) -> Response:  # fmt: skip
    """Fill in the blank, a person against the model; the running score is in the URL."""
    if seed < 0:
        return RedirectResponse(board.at("/quiz", seed=secrets.randbelow(quiz.SEEDS)), 303)
    return await shown(
        request, "quiz.html", board, lambda view: quiz.page(view, board, seed, asked, you, model, choice), slow=True
    )


@router.get("/quiz/card")
async def card_of_quiz(you: int = 0, model: int = 0, asked: int = quiz.ROUND) -> Response:
    """The score of a round as a picture."""
    most = min(max(asked, 1), 999)
    return Response(quiz_card.card(min(max(you, 0), most), min(max(model, 0), most), most), media_type="image/png")


@router.get("/rules")
async def rules_page(request: Request, board: BoardQuery, fresh: str = "") -> Response:
    """The rules, which of them are on, and what they change. fresh: one that was just written."""
    return await _rules(request, board, fresh)


async def _rules(
    request: Request, board: Board, fresh: str = "", trouble: str = "", draft: dict[str, str] | None = None
) -> Response:
    switches: Switches = request.app.state.shop.rules.read()

    def make(view: CatalogueView) -> dict[str, Any]:
        values = ruling.page(view, switches, fresh)
        empty = dict.fromkeys(("attribute", "top", "bottom", "sign"), "")
        return values | {"draft": draft or empty, "trouble": trouble or values["trouble"]}

    return await shown(request, "rules.html", board, make, slow=True)


@router.post("/rules")
async def switch_rules(
    request: Request, board: BoardForm, use: Annotated[list[str], Form(max_length=limits.RULES)] = [],  # noqa: B006
) -> Response:  # fmt: skip
    """Switch rules on, all others off; suggestions keep to them from now on."""
    shop: Shop = request.app.state.shop
    try:
        await shop.follow(use, shop.rules.read().written)
    except GoeswithError as error:
        return await _rules(request, board, trouble=str(error))
    return RedirectResponse(board.at("/rules"), 303)


@router.post("/rules/write")
async def write_rule(
    request: Request, board: BoardForm, attribute: Annotated[str, Form(max_length=limits.TEXT_LENGTH)] = "",
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
        return await _rules(request, board, trouble=str(error), draft=draft)
    return RedirectResponse(board.at("/rules", fresh=written[-1]), 303)


@router.post("/rules/forget")
async def forget_rules(request: Request, board: BoardForm) -> Response:
    """Forget the rules that were written here."""
    shop: Shop = request.app.state.shop
    before = shop.rules.read()
    await shop.follow([text for text in before.on if text not in before.written], ())
    return RedirectResponse(board.at("/rules"), 303)


@router.get("/report")
async def report_page(request: Request, board: BoardQuery) -> Response:
    """What is known of the run."""
    return await shown(request, "report.html", board, measuring.page)


@router.get("/report/numbers")
async def numbers(request: Request) -> Response:
    """What it gets right, and its best and worst outfits."""
    return await shown(request, "report_results.html", Board(), measuring.numbers, workers=measurers)
