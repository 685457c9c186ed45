"""Lookbook: looks on sheets of paper, with pictures, prices and numbers: printed by the browser or as PDF."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from goeswith.studio.pages.look_files import lay
from goeswith.studio.pages.looks import cards
from goeswith.studio.pages.rendering import STATIC, templates
from goeswith.studio.pages.views import currency
from goeswith.studio.service.catalogue_view import CatalogueView
from goeswith.studio.service.looks import SavedLook
from goeswith.studio.service.refusals import Refused

if TYPE_CHECKING:
    from weasyprint.urls import URLFetcher

MOST = 120
"""Looks in one book."""
DRAWN = 1100
"""Pixels across a flat lay."""
HOST = "http://studio.invalid"
"""Stands for the service in addresses of a page that is drawn without a browser; nothing is asked of the network."""


def sheets(view: CatalogueView, looks: Sequence[SavedLook], owner: str, title: str, per: int = 1) -> dict[str, Any]:
    """What a book shows. per: looks on one sheet, 1 or 2.

    Raises:
        Refused: there is no look, or there are too many.
    """
    if not looks:
        raise Refused(422, "nothing_fits", "there is no look to print; choose another state, tag or word")
    if len(looks) > MOST:
        raise Refused(
            422, "too_many_looks", f"a book holds {MOST} looks, and these are {len(looks)}; choose a state, tag or word"
        )
    shown = cards(view, looks, owner)
    now = datetime.now(UTC)
    return {
        "title": title or "Lookbook", "sheets": [shown[at : at + per] for at in range(0, len(shown), per)], "per": per,
        "count": len(shown), "day": f"{now.day} {now:%B %Y}", "cover": shown[0], "currency": currency(view),
    }  # fmt: skip


def pdf(view: CatalogueView, looks: Sequence[SavedLook], owner: str, title: str, per: int = 1) -> bytes:
    """A book as a PDF.

    Raises:
        Refused: see `sheets`; or the PDF library cannot be used here.
    """
    book = sheets(view, looks, owner, title, per)
    html = templates().get_template("lookbook.html").render(book | {"printed": True})
    try:
        if importlib.util.find_spec("weasyprint") is None:
            raise OSError
        import weasyprint

        document = weasyprint.HTML(string=html, base_url=f"{HOST}/", url_fetcher=_fetcher(view, looks, owner))
    except OSError:  # the library's own libraries are missing: it says so while it is imported
        raise Refused(
            501, "no_pdf", "PDF needs WeasyPrint with Pango (https://doc.courtbouillon.org/weasyprint); install both, "
            "or open the print sheet and let the browser save it as PDF"
        ) from None  # fmt: skip
    written: bytes = document.write_pdf()
    return written


def _fetcher(view: CatalogueView, looks: Sequence[SavedLook], owner: str) -> URLFetcher:
    """What finds the pictures and styles of a page here."""
    by_id = {look.look_id: look for look in looks}
    from weasyprint.urls import URLFetcher, URLFetcherResponse

    class Pictures(URLFetcher):
        """Answers addresses of this service by itself, and no others."""

        def fetch(self, url: str, headers: dict[str, str] | None = None) -> URLFetcherResponse:
            """The flat lay of a look, a style sheet, or a font."""
            if not url.startswith(f"{HOST}/"):
                raise ValueError("nothing is loaded from elsewhere")
            parts = urlsplit(url)
            if parts.path.startswith("/static/"):
                name = parts.path.removeprefix("/static/")
                kind = "text/css" if name.endswith(".css") else "application/octet-stream"
                return URLFetcherResponse(url, (STATIC / name).read_bytes(), {"Content-Type": kind})
            if parts.path != "/looks/lay":
                raise ValueError("there is no such picture")
            look = by_id[parse_qs(parts.query)["look"][0]]
            return URLFetcherResponse(url, lay(view, look, owner, DRAWN, "#ffffff"), {"Content-Type": "image/jpeg"})

    return Pictures()
