"""Sign-in: a form for the token, and a cookie that remembers it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.requests import Request, cookie_parser
from starlette.responses import RedirectResponse, Response

from goeswith.studio.pages.board import inside_studio
from goeswith.studio.pages.rendering import refusal_page
from goeswith.studio.service.limits import COOKIE_SECONDS
from goeswith.studio.service.refusals import Refused


class TokenGate:
    """Lets in who gives the token, or a cookie that was given for it.

    The cookie is made of the token, and the token cannot be made of it: it outlives the service, and dies with the
    token. Its name is made of both too, so that two services on one machine do not overwrite each other's.
    """

    def __init__(self, token: str) -> None:
        self.token = token
        self.value = hmac.digest(token.encode(), b"goeswith: let in", "sha256").hex()
        self.cookie = f"goeswith-{hashlib.sha256(self.value.encode()).hexdigest()[:8]}"

    def admits(self, headers: Headers) -> bool:
        """Whether a request has the token or the cookie; takes as long whatever it has instead."""
        cookies = cookie_parser(headers.get("cookie", ""))
        let_in = hmac.compare_digest(cookies.get(self.cookie, "").encode(), self.value.encode())
        return _same(_credentials(headers.get("authorization", "")), self.token) or let_in

    async def enter(self, request: Request) -> Response:
        """Answer the form: back to where it was asked for, with the cookie; or the form again, if that is no token."""
        form = dict(parse_qsl((await request.body()).decode(errors="replace")))
        back = inside_studio(form.get("back", ""))
        if not _same(form.get("token", ""), self.token):
            wrong = Refused(401, "wrong_token", "that is not the token of this service; copy all of it and try again")
            return refusal_page(request, wrong, back)
        answer = RedirectResponse(back, 303)
        answer.set_cookie(
            self.cookie, self.value, max_age=COOKIE_SECONDS, httponly=True, samesite="strict",
            secure=request.url.scheme == "https",
        )  # fmt: skip
        return answer


def _credentials(authorization: str) -> str:
    """The token of ``Bearer TOKEN``, or the password of HTTP Basic."""
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() != "basic":
        return credentials
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[2]
    except ValueError:  # no base64, or letters beyond ASCII
        return ""


def _same(text: str, token: str) -> bool:
    return hmac.compare_digest(text.strip().encode(), token.encode())
