"""Board request: the board that a request names, in its URL or in a form."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import Depends, Form, Query, Request

from goeswith.studio.pages.board import Board, board_of, lay_of
from goeswith.studio.pages.brief import Brief
from goeswith.studio.service import limits
from goeswith.studio.service.owners import owner_of
from goeswith.studio.service.shared import Shop

Ids = Annotated[list[str], Query(max_length=limits.ITEMS)]
FormIds = Annotated[list[str], Form(max_length=limits.ITEMS)]
Text = Annotated[str, Form(max_length=limits.TEXT_LENGTH)]


async def _from_query(request: Request, on: Ids = [], lock: Ids = []) -> Board:  # noqa: B006
    """The lists are checked as parameters; the rest is cut to size where it is read."""
    return visible(request, board_of(request.query_params))


async def _from_form(request: Request, on: FormIds = [], lock: FormIds = [], look: Text = "") -> Board:  # noqa: B006
    """The same of a form."""
    form = await request.form()
    lay = lay_of([str(text) for text in form.getlist("lay")])
    return visible(request, Board.of(on, lock, Brief.of(form), look, lay))


def visible(request: Request, board: Board) -> Board:
    """The board with its items by their ids, and without the photos of other browsers, whose number it notes."""
    shop: Shop = request.app.state.shop
    if not all(name in shop.view.index.row_of for name in board.on):  # such as SKUs
        on, lock = ([shop.view.id_of(name) for name in names] for names in (board.on, board.lock))
        board = replace(board.having(on, lock), over=board.over)
    others = {*shop.view.guests} - {*shop.view.guests_of(owner_of(request))}
    mine = [item_id for item_id in board.on if item_id not in others]
    if len(mine) == len(board.on):
        return board
    return replace(board.having(mine), over=board.over, hidden=len(board.on) - len(mine))


BoardQuery = Annotated[Board, Depends(_from_query)]
"""The board that the address says."""
BoardForm = Annotated[Board, Depends(_from_form)]
"""The board that a form says."""
