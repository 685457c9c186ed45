"""Review routes: reviews under ``/v1/reviews``: begin, read, delete; decisions are changes of looks."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request, Response

from goeswith.studio.api.look_routes import look_json
from goeswith.studio.api.look_schemas import (
    LookSaved,
    RemakeRequest,
    ReviewLooks,
    ReviewPage,
    ReviewRequest,
    ReviewResponse,
)
from goeswith.studio.api.schemas import PROBLEMS
from goeswith.studio.service.bodies import FileRoute
from goeswith.studio.service.catalogue_view import CatalogueView
from goeswith.studio.service.limits import REVIEW_ITEMS
from goeswith.studio.service.looks import Looks
from goeswith.studio.service.owners import owner_of
from goeswith.studio.service.review_items import ItemFilter, chosen_items
from goeswith.studio.service.review_maker import make_again
from goeswith.studio.service.reviews import Progress, Review, Reviews
from goeswith.studio.service.shared import Shop

router = APIRouter(prefix="/v1/reviews", route_class=FileRoute, tags=["reviews"], responses=PROBLEMS)


def review_json(reviews: Reviews, review: Review, left_out: int = 0) -> dict[str, Any]:
    """A review as the API answers it."""
    progress = Progress.of(reviews, review)
    return asdict(review) | {"decided": progress.done, "left_out": left_out}


@router.get("", response_model=ReviewPage)
async def every(request: Request) -> Any:
    """All reviews, the latest first."""
    shop: Shop = request.app.state.shop
    reviews: Reviews = request.app.state.reviews
    return {"reviews": await shop.quick.run(lambda: [review_json(reviews, review) for review in reviews.every()])}


@router.post("", response_model=ReviewResponse, status_code=201)
async def begin(request: Request, answer: Response, body: ReviewRequest) -> Any:
    """Begin a review; its looks are made in the background, and go on if the service is started again."""
    shop: Shop = request.app.state.shop
    reviews: Reviews = request.app.state.reviews
    store: Looks = request.app.state.looks

    def made(view: CatalogueView) -> dict[str, Any]:
        filters, unusable = ItemFilter(**body.products.model_dump()), 0
        if body.item_ids is None:
            chosen = chosen_items(view, store, filters)
            ids, unusable = chosen.item_ids, chosen.unusable
        else:
            ids = [view.catalogue.ids[view.seen_row(name, "")] for name in body.item_ids]
        review = reviews.begin(body.name, ids[:REVIEW_ITEMS], body.who, filters.query, body.budget)
        return review_json(reviews, review, len(ids) - len(review.item_ids) + unusable)

    review = await shop.workers.run(made, shop.view)
    request.app.state.review_maker.wake()
    answer.headers["Location"] = f"/v1/reviews/{review['review_id']}"
    return review


@router.get("/{review_id}", response_model=ReviewResponse)
async def review(request: Request, review_id: str) -> Any:
    """A review, and how far it is."""
    shop: Shop = request.app.state.shop
    reviews: Reviews = request.app.state.reviews
    return await shop.quick.run(lambda: review_json(reviews, reviews.get(review_id)))


@router.get("/{review_id}/looks", response_model=ReviewLooks)
async def looks(request: Request, review_id: str) -> Any:
    """Its looks so far. Approve or reject them with ``PATCH /v1/looks/{look_id}``."""
    shop: Shop = request.app.state.shop
    reviews: Reviews = request.app.state.reviews
    view, owner = shop.view, owner_of(request)

    def listed() -> dict[str, Any]:
        reviews.get(review_id)
        return {"looks": [look_json(view, look, owner) for look in reviews.looks(review_id)]}

    return await shop.quick.run(listed)


@router.post("/{review_id}/looks/{look_id}/again", response_model=LookSaved)
async def again(request: Request, review_id: str, look_id: str, body: RemakeRequest) -> Any:
    """Make one of its looks again, with other pieces beside those that stay."""
    shop: Shop = request.app.state.shop
    reviews: Reviews = request.app.state.reviews
    store: Looks = request.app.state.looks
    view, owner = shop.view, owner_of(request)

    def made() -> dict[str, Any]:
        make_again(view, store, reviews, reviews.get(review_id), look_id, body.keep, body.who)
        return look_json(view, store.get(look_id), owner)

    return await shop.workers.run(made)


@router.delete("/{review_id}", status_code=204)
async def delete(request: Request, review_id: str) -> None:
    """Delete a review with the looks that nobody decided on."""
    await request.app.state.shop.quick.run(request.app.state.reviews.delete, review_id)
