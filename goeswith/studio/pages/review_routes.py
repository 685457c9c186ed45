"""Review routes: the paths of the pages on which looks are made and decided on in bulk."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from goeswith.errors import GoeswithError
from goeswith.studio.pages import reviews
from goeswith.studio.pages.board import Board
from goeswith.studio.pages.board_request import FormIds, Ids, Text
from goeswith.studio.pages.brief import amount
from goeswith.studio.pages.look_routes import NOBODY, person
from goeswith.studio.pages.rendering import error_page, shown
from goeswith.studio.service.bodies import FileRoute
from goeswith.studio.service.catalogue_view import CatalogueView
from goeswith.studio.service.limits import REVIEW_ITEMS
from goeswith.studio.service.owners import owner_of
from goeswith.studio.service.refusals import as_refused
from goeswith.studio.service.review_items import ItemFilter, chosen_items
from goeswith.studio.service.review_maker import make_again
from goeswith.studio.service.reviews import Progress, Review
from goeswith.studio.service.shared import Shop

router = APIRouter(include_in_schema=False, route_class=FileRoute)


@router.get("/reviews")
async def reviews_page(request: Request, budget: Annotated[str, Query(max_length=100)] = "") -> Response:
    """All reviews, and the form for one more."""
    chosen, store, archive = (
        ItemFilter.of(request.query_params),
        request.app.state.looks,
        request.app.state.reviews,
    )
    return await shown(
        request,
        "reviews.html",
        Board(),
        lambda view: reviews.begin(view, store, archive, chosen, budget),
        slow=True,
    )


@router.post("/reviews")
async def begin(
    request: Request, only: Text = "", q: Text = "", group: Text = "", category: Text = "", brand: Text = "",
    colour: Text = "", season: Text = "", gender: Text = "", name: Text = "", budget: Text = "",
) -> Response:  # fmt: skip
    """Begin a review; its looks are made in the background."""
    shop: Shop = request.app.state.shop
    store, archive, who = request.app.state.looks, request.app.state.reviews, person(request) or NOBODY
    chosen = ItemFilter(only, q.strip(), group, category, brand, colour, season, gender)

    def made(view: CatalogueView) -> Review:
        money, ids = amount(budget, "budget"), chosen_items(view, store, chosen).item_ids[:REVIEW_ITEMS]
        review: Review = archive.begin(name.strip() or reviews.name_of(chosen), ids, who, chosen.query, money)
        return review

    try:
        review = await shop.workers.run(made, shop.view)
    except GoeswithError as error:
        trouble = str(error)
        page = await shown(
            request,
            "reviews.html",
            Board(),
            lambda view: reviews.begin(view, store, archive, chosen, budget, trouble, name),
        )
        page.status_code = as_refused(error).status
        return page
    request.app.state.review_maker.wake()
    return RedirectResponse(f"/review?review={review.review_id}", 303)


@router.post("/reviews/delete")
async def delete(request: Request, review: Text) -> Response:
    """Delete a review with the looks that nobody decided on."""
    shop: Shop = request.app.state.shop
    try:
        await shop.quick.run(request.app.state.reviews.delete, review)
    except GoeswithError as error:
        return error_page(request, error)
    return RedirectResponse("/reviews", 303)


@router.get("/review")
async def review_page(
    request: Request, review: str, at: Annotated[int | None, Query(ge=1, le=1 << 30)] = None,
    pick: str = "", lock: Ids = [], change: Annotated[int, Query(ge=0, le=1 << 60)] = 0,  # noqa: B006
) -> Response:  # fmt: skip
    """The looks of one item of a review."""
    store, archive, owner = request.app.state.looks, request.app.state.reviews, owner_of(request)
    position = None if at is None else at - 1
    return await shown(
        request, "review.html", Board(),
        lambda view: reviews.decide(
            view, store, archive, review, position, owner, pick=pick, lock=lock, change=change
        ),
    )  # fmt: skip


@router.post("/review")
async def decide(
    request: Request, review: Text, at: Annotated[int, Form(ge=1, le=1 << 30)], look: Text, do: Text,
    known: Text = "", lock: FormIds = [],  # noqa: B006
) -> Response:  # fmt: skip
    """Approve or reject a look and go on, or make it again with other pieces beside those that are locked."""
    shop: Shop = request.app.state.shop
    store, archive = request.app.state.looks, request.app.state.reviews
    who, owner = person(request) or NOBODY, owner_of(request)
    position = at - 1

    def done(view: CatalogueView) -> str:
        if do == "again":
            change = make_again(view, store, archive, archive.get(review), look, lock, who, known)
            return reviews.at(review, position, pick=look, lock=lock, change=change)
        change = store.change(look, who, etag=known, state=do)[1]
        progress = Progress.of(archive, archive.get(review))
        return reviews.at(review, position if position in progress.open else progress.after(position), change=change)

    try:
        return RedirectResponse(await shop.workers.run(done, shop.view), 303)
    except GoeswithError as error:
        trouble = str(error)
    page = await shown(
        request, "review.html", Board(),
        lambda view: reviews.decide(
            view, store, archive, review, position, owner, pick=look, lock=lock, trouble=trouble
        ),
    )  # fmt: skip
    return page
