"""Metrics: counters of the service, in the format of Prometheus.

Where several processes serve together, they count into one folder, and each answers for all of them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from goeswith.studio.service.shared import Shop

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
METHODS = frozenset({"GET", "POST", "DELETE", "HEAD", "OPTIONS", "PUT", "PATCH"})
"""That have a series of their own: anybody can invent more."""
HUNG_UP = 499
"""Counted as the status of requests whose clients did not wait for one."""
FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable that says where several processes count together."""
OUTFITS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
SEARCHES = (1, 2, 4, 8, 16)


class Metrics:
    """The counters of one app; two apps in one process do not mix theirs."""

    def __init__(self, shop: Shop) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter(
            "goeswith_requests", "Requests answered.", ["method", "path", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "goeswith_request_seconds", "Time to answer.", ["path"], buckets=SECONDS, registry=self.registry
        )
        self.outfits = Histogram(
            "goeswith_batch_outfits", "Outfits scored in one call.", buckets=OUTFITS, registry=self.registry
        )
        self.searches = Histogram(
            "goeswith_searches_together", "Searches whose next steps were computed in one.", buckets=SEARCHES,
            registry=self.registry,
        )  # fmt: skip
        self.shared = FOLDER in os.environ
        self.watched: list[tuple[Gauge, Callable[[], float]]] = []
        self._watch("goeswith_items", "Items of the catalogue.", "livemax", lambda: shop.index.size)
        self._watch("goeswith_guests", "Uploaded items.", "livemax", lambda: len(shop.guests))
        thumbnails = "goeswith_thumbnail_bytes", "Thumbnails kept in memory."
        self._watch(*thumbnails, "livesum", lambda: shop.small.values.currsize)
        self._watch("goeswith_waiting", "Requests that compute or wait for it.", "livesum", lambda: shop.busy)
        shop.batcher.observe = self.outfits.observe
        shop.searches.observe = self.searches.observe

    def _watch(self, name: str, text: str, mode: Literal["livemax", "livesum"], value: Callable[[], float]) -> None:
        """mode: what the numbers of several processes make together."""
        self.watched.append((Gauge(name, text, registry=self.registry, multiprocess_mode=mode), value))

    def look(self) -> None:
        """Set what is no counter to what it is now."""
        for gauge, value in self.watched:
            gauge.set(value())

    def page(self) -> bytes:
        """All of them, as text."""
        self.look()
        registry = self.registry
        if self.shared:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)
        return generate_latest(registry)


class MetricsMiddleware:
    """Counts and times every request that passes through to `app`."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, start = HUNG_UP, time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watched)
        finally:
            path = getattr(scope.get("route"), "path", "other")  # the template: ids would make endless series
            method = scope["method"] if scope["method"] in METHODS else "other"
            self.metrics.requests.labels(method, path, status).inc()
            self.metrics.seconds.labels(path).observe(time.perf_counter() - start)
            if self.metrics.shared:
                self.metrics.look()
