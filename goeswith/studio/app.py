"""App: the service over one index: API, pages, API documentation and metrics."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from goeswith import __version__
from goeswith.data.devices import open_device
from goeswith.errors import ConfigError, GoeswithError
from goeswith.studio.api import look_routes as look_api
from goeswith.studio.api import review_routes as review_api
from goeswith.studio.api import routes as api
from goeswith.studio.api.names import check_query
from goeswith.studio.guard import Guard
from goeswith.studio.pages import clicks, export_routes, look_routes, public_routes, review_routes, start_routes
from goeswith.studio.pages import routes as pages
from goeswith.studio.pages.board import MOST
from goeswith.studio.pages.rendering import STATIC, error_page, is_page
from goeswith.studio.service import limits
from goeswith.studio.service.access_log import AccessLog, Lines
from goeswith.studio.service.api_docs import add_docs
from goeswith.studio.service.buckets import Bucket, SharedBucket
from goeswith.studio.service.catch_up import CatchUp
from goeswith.studio.service.head import Head
from goeswith.studio.service.looks import Looks
from goeswith.studio.service.metrics import Metrics, MetricsMiddleware
from goeswith.studio.service.proxied import Proxied
from goeswith.studio.service.refusals import FORM_TYPES, JSON_TYPES, Refused, as_refused, in_json, invalid, wrong_body
from goeswith.studio.service.review_maker import ReviewMaker
from goeswith.studio.service.reviews import Reviews
from goeswith.studio.service.shared import Shop
from goeswith.studio.service.shop_rules import FILE as RULES_FILE
from goeswith.studio.service.shop_rules import ShopRules
from goeswith.studio.service.sub_path import SubPath
from goeswith.studio.settings import Settings, changed
from goeswith.studio.storefront import event_routes
from goeswith.studio.storefront import routes as storefront
from goeswith.studio.storefront.cross_origin import CrossOrigin
from goeswith.studio.storefront.events import Events
from goeswith.studio.storefront.keys import PublicKey, public_key_of
from goeswith.studio.storefront.page_looks import PageLooks
from goeswith.studio.storefront.pictures import Signer
from goeswith.studio.storefront.trial import Trial

log = logging.getLogger(__name__)

FAREWELL_SECONDS = 0.3
"""For those whose answers did not end in time to be told so, before the process ends."""
REASONS = {400: "unreadable", 404: "not_found", 405: "wrong_method", 415: "wrong_type"}
"""Of what Starlette itself refuses."""
PAGE_MESSAGES = {
    "not_found": "the studio has no such page",
    "wrong_method": "this address cannot be opened; it only accepts a form",
}
"""Reason → its message on pages."""


def create_app(
    index: str | Path,
    *,
    settings: Settings | None = None,
    hosts: Collection[str] | None = None,
    shared: Path | None = None,
    public_key: PublicKey | None = None,
    **options: Any,
) -> FastAPI:
    """The service over the index in a folder.

    Args:
        settings: how it runs, see `goeswith.studio.settings`; the defaults where None.
        hosts: names the service may be called by; all where None.
        shared: folder through which processes that serve the same index share uploads and limits while they run.
        public_key: that product pages give; else the one of the settings.
        options: fields of `settings` to be changed, such as ``token`` and ``looks``.

    Raises:
        ConfigError: an option cannot be used.
        DataError, ModelError: the index cannot be opened; see `goeswith.shop.index.Index`.
    """
    settings = changed(settings, options)
    token, looks = settings.token, settings.looks
    key_bucket = _bucket(shared, "the public key", limits.KEY_RATE, limits.KEY_BURST)
    public_key = public_key or public_key_of(settings.public_key, settings.allow_origins, token, key_bucket)
    device = open_device(settings.device)
    shop = Shop(index, None if shared is None else shared / "photos.sqlite", device)
    other = None if settings.compare is None else Shop(settings.compare, device=device)
    shops = [shop] if other is None else [shop, other]
    lines = Lines(settings.access_log) if settings.access_log else None

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        shop.warm()
        app.state.review_maker.start()
        watching = [asyncio.create_task(each.watch()) for each in shops if settings.watch]
        yield
        for task in watching:
            task.cancel()
        app.state.review_maker.close()
        for each in shops:
            each.close()
        if lines is not None:
            lines.close()
        if shop.busy:
            await asyncio.sleep(FAREWELL_SECONDS)

    app = FastAPI(
        title="goeswith", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None,
        servers=[{"url": settings.root_path}] if settings.root_path else None,
        description="What goes with what: looks from a catalogue.",
    )  # fmt: skip
    app.state.shop, app.state.shops, app.state.metrics = shop, shops, Metrics(shop)
    app.state.looks = Looks(looks or shop.path.absolute().parent / "looks.sqlite")
    shop.rules = ShopRules(app.state.looks.path.with_name(RULES_FILE))
    shop.keep_to_rules(shop.view)
    app.state.reviews = Reviews(app.state.looks.path)
    app.state.review_maker = ReviewMaker(app.state.reviews, lambda: shop.view)
    app.state.page_looks = PageLooks(shop, app.state.looks)
    app.state.trial = Trial(shop, settings.control, None if other is None else PageLooks(other, app.state.looks))
    app.state.events = Events(settings.clicks or shop.path.absolute().parent / "clicks.sqlite")
    app.state.public_key = public_key
    app.state.event_bucket = _bucket(shared, "events", limits.EVENT_RATE, limits.EVENT_BURST)
    app.state.signer = Signer(app.state.looks.path.with_name("pictures.secret"))
    _add_errors(app)
    dependencies = [Depends(HTTPBearer(auto_error=False))] if token else []  # only for the schema: `Guard` is who looks
    for router in (api.router, look_api.router, review_api.router, storefront.router, event_routes.router):
        app.include_router(router, dependencies=[*dependencies, Depends(check_query)])
    app.include_router(storefront.files, dependencies=dependencies)
    _add_watched(app)
    add_docs(app)
    app.mount("/static", StaticFiles(directory=STATIC, check_dir=False), name="static")
    app.include_router(start_routes.router)
    app.include_router(pages.router)
    app.include_router(look_routes.router)
    app.include_router(export_routes.router)
    app.include_router(public_routes.router)
    app.include_router(review_routes.router)
    app.include_router(clicks.router)
    _check_root(app, settings.root_path)
    app.add_middleware(Guard, token=token, hosts=hosts, public_key=public_key)
    app.add_middleware(CrossOrigin, public_key=public_key)
    if shared is not None:
        app.add_middleware(CatchUp, shop=shop)
    app.add_middleware(MetricsMiddleware, metrics=app.state.metrics)
    app.add_middleware(SubPath, root=settings.root_path)
    app.add_middleware(Head)
    app.add_middleware(AccessLog, lines=lines)
    app.add_middleware(Proxied, trusted=settings.trusted_proxies)
    return app


def _bucket(shared: Path | None, name: str, rate: float, burst: int) -> Bucket:
    """How often something may happen in all processes that share a folder, or in this one alone."""
    return Bucket(rate, burst) if shared is None else SharedBucket(shared / "limits.sqlite", name, rate, burst)


def _add_watched(app: FastAPI) -> None:
    @app.get("/health", tags=["service"])
    async def health() -> dict[str, str]:
        """Whether the service answers; needs no token."""
        return {"status": "ok", "version": __version__}

    @app.get("/metrics", tags=["service"], response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def metrics() -> Response:
        """Counters for Prometheus."""
        return Response(app.state.metrics.page(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _check_root(app: FastAPI, root: str) -> None:
    """Refuse a path that begins like one of the service's own: nobody could tell which of the two is meant.

    Raises:
        ConfigError: it does.
    """
    routes = [
        inner for route in app.routes for inner in getattr(getattr(route, "original_router", None), "routes", [route])
    ]
    first = root.split("/")[1] if root else ""
    if first and first in {getattr(route, "path", "/").split("/")[1] for route in routes}:
        raise ConfigError(f"root_path {root} begins like /{first}, a path of the service itself; choose another")


def _add_errors(app: FastAPI) -> None:
    """Every error is a problem document, and a page where people look; `Guard` answers what nobody foresaw."""

    def answered(request: Request, error: Refused, people: str = "") -> Response:
        """people: what a page says instead of the error's own words."""
        return error_page(request, error, message=people) if is_page(request.scope["path"]) else in_json(error)

    @app.exception_handler(GoeswithError)
    async def refused(request: Request, error: GoeswithError) -> Response:
        return answered(request, as_refused(error))

    @app.exception_handler(RequestValidationError)
    async def mistaken(request: Request, error: RequestValidationError) -> Response:
        first: dict[str, Any] = error.errors()[0]
        types = FORM_TYPES if isinstance(error.body, FormData) else JSON_TYPES if first["loc"] == ("body",) else ()
        refused = wrong_body(request.headers, types) if types and not is_page(request.scope["path"]) else None
        if refused is not None:
            return answered(request, refused)
        return answered(request, invalid(first), people=_for_people(first))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        reason = REASONS.get(error.status_code, "refused")
        answer = answered(
            request, Refused(error.status_code, reason, str(error.detail)), people=PAGE_MESSAGES.get(reason, "")
        )
        answer.headers.update(error.headers or {})
        return answer


def _for_people(mistake: dict[str, Any]) -> str:
    """What is wrong with a URL or a form, for a user who did not write it."""
    name = str(mistake["loc"][-1])
    if mistake["type"] == "too_long" and name in ("on", "lock"):
        actual = mistake["ctx"]["actual_length"]
        return f"the link names {actual} items, but a board holds {MOST}; remove some"
    return f"{name!r} is missing or cannot be used as it is; go back and try again"
