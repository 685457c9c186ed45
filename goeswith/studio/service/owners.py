"""Owners: who uploaded a photo: a browser, by its cookie; programs share theirs."""

from __future__ import annotations

import secrets

from starlette.requests import Request
from starlette.responses import Response

from goeswith.studio.service.limits import COOKIE_SECONDS

COOKIE = "goeswith-photos"
PROGRAMS = "programs"
"""Who keeps no cookies and is no browser: programs on this machine, or with the token."""


def owner_of(request: Request) -> str:
    """Whose photos a request may see; empty for a browser that has sent none."""
    if cookie := request.cookies.get(COOKIE, ""):
        return f"browser {cookie}"
    program = request.scope["path"].startswith("/v1/") and "sec-fetch-site" not in request.headers
    return PROGRAMS if program else ""


class Sender:
    """Who sends a photo: its owner from now on, with a cookie where there is none yet."""

    def __init__(self, request: Request) -> None:
        self.named = owner_of(request)
        self.cookie = "" if self.named else secrets.token_urlsafe(16)
        self.owner = self.named or f"browser {self.cookie}"
        self.secure = request.scope.get("scheme") == "https"

    def remember(self, answer: Response) -> Response:
        """The answer, with the cookie of a new one."""
        if self.cookie:
            answer.set_cookie(
                COOKIE, self.cookie, max_age=COOKIE_SECONDS, httponly=True, samesite="lax", secure=self.secure
            )
        return answer
