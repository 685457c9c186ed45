"""Keys: the public key in product pages: read-only, bound to origins, and rate-limited."""

from __future__ import annotations

import hmac
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from goeswith.errors import ConfigError
from goeswith.studio.service.buckets import Bucket
from goeswith.studio.service.limits import KEY_BURST, KEY_RATE, TOKEN_LENGTH
from goeswith.studio.service.refusals import Refused

DEFAULT_PORTS = {"http": 80, "https": 443}


class PublicKey:
    """A key that anybody may read in the source of a page.

    Args:
        key: sent as ``Authorization: Bearer KEY``. origins: of the pages that may use it: ``https://shop.example``.
        bucket: how often it may be used; by default `KEY_RATE` and `KEY_BURST`, by this process.

    Raises:
        ConfigError: the key cannot be sent or is too short, or there is no origin, or one that is none.
    """

    def __init__(self, key: str, origins: Collection[str], bucket: Bucket | None = None) -> None:
        check_key(key, "public key")
        if not origins:
            raise ConfigError("a public key is bound to the pages of a shop; name them: --allow-origin https://SHOP")
        self.key, self.origins = key, frozenset(map(origin, origins))
        self.bucket = bucket or Bucket(KEY_RATE, KEY_BURST)

    def sent_in(self, headers: Headers) -> bool:
        """Whether a request has this key; takes as long whatever it has instead."""
        scheme, _, key = headers.get("authorization", "").partition(" ")
        return hmac.compare_digest(key.strip().encode(), self.key.encode()) and scheme.lower() == "bearer"

    def same(self, key: str) -> bool:
        """Whether a text is this key; takes as long whatever it is."""
        return hmac.compare_digest(key.encode(), self.key.encode())

    def check(self, headers: Headers) -> None:
        """Let a request with the key pass, which takes a token.

        Raises:
            Refused: it comes from another origin, or requests with this key are too frequent.
        """
        self.check_origin(headers)
        if not self.bucket.take():
            raise Refused(429, "too_many_requests", "too many requests with this key; try again in a moment")

    def check_origin(self, headers: Headers) -> None:
        """Let a request from a page of the allowed origins pass.

        Raises:
            Refused: it comes from another one.
        """
        if headers.get("origin") not in self.origins and headers.get("sec-fetch-site") != "same-origin":
            raise Refused(
                403, "wrong_origin", "the public key is only for pages of the origins that it was given for; "
                "programs use the token"
            )  # fmt: skip


def public_key_of(
    key: str | None, origins: Collection[str], token: str | None, bucket: Bucket | None = None
) -> PublicKey | None:
    """The public key of a service, where it has one.

    Raises:
        ConfigError: it is the token, there are origins but no key, and as `PublicKey`.
    """
    if key is None:
        if origins:
            raise ConfigError("pages of an allowed origin need a public key; give one with --public-key")
        return None
    if key == token:
        raise ConfigError("the public key is in the source of every page, so it must not be the token; choose another")
    return PublicKey(key, origins, bucket)


def check_key(key: str, name: str) -> None:
    """Make sure that a key can be sent and is hard to guess.

    Raises:
        ConfigError: it cannot, or is not.
    """
    if len(key) < TOKEN_LENGTH or not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigError(
            f"the {name} must have {TOKEN_LENGTH} or more ASCII letters, digits or signs, without spaces; make one "
            "with python -c 'import secrets; print(secrets.token_urlsafe())'"
        )


def origin(text: str) -> str:
    """An origin as browsers send it: ``https://shop.example``, or with a port that is not the usual one.

    Raises:
        ConfigError: it is none; a star and ``null`` are none either.
    """
    try:
        parts = urlsplit(text.strip().lower())
        port = parts.port
    except ValueError:
        raise _no_origin(text) from None
    complete = parts.scheme in DEFAULT_PORTS and parts.hostname and "*" not in parts.netloc and "@" not in parts.netloc
    if not complete or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise _no_origin(text)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port and port != DEFAULT_PORTS[parts.scheme] else "")


def _no_origin(text: str) -> ConfigError:
    return ConfigError(f"{text!r} is not an origin; write it as https://shop.example, without a path")
