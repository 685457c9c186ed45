"""Uploads: bytes from anywhere to a picture, or one sentence why not."""

from __future__ import annotations

import io
import warnings

from PIL import Image, UnidentifiedImageError

from goeswith.errors import DataError
from goeswith.studio.service.limits import GUEST_SIDE, UPLOAD_PIXELS
from goeswith.studio.service.refusals import Refused
from goeswith.studio.service.thumbnails import shrink

KINDS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
"""Pictures that are taken: what Pillow calls them, what browsers call them."""
UNTOLD = (None, "", "application/octet-stream")
"""Media types of a client that does not say what it sends."""


def read_upload(data: bytes, kind: str | None) -> Image.Image:
    """An uploaded picture as RGB on white, in its own shape.

    Args:
        kind: the media type that the client says it has.

    Raises:
        Refused: it is no picture, another kind than was said, too large once decoded, or broken.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of bombs too: the size is looked at here
            with Image.open(io.BytesIO(data), formats=list(KINDS)) as picture:
                found, (width, height) = KINDS[str(picture.format)], picture.size
    except UnidentifiedImageError:
        raise Refused(415, "not_a_picture", f"the upload is no picture; send one of {', '.join(KINDS)}") from None
    except Image.DecompressionBombError:
        raise Refused(413, "too_many_pixels", _too_many()) from None
    except Exception as error:  # a broken file makes Pillow's decoders raise nearly anything
        raise Refused(422, "broken_picture", f"the picture is broken ({_words(error)}); save it again") from None
    if kind not in UNTOLD and kind != found:
        raise Refused(415, "wrong_type", f"the upload says it is {kind!r} and is {found}; send it as what it is")
    if width * height > UPLOAD_PIXELS:
        raise Refused(413, "too_many_pixels", _too_many())
    try:
        return shrink(io.BytesIO(data), GUEST_SIDE)
    except DataError as error:
        raise Refused(422, "broken_picture", f"{error}; save it again") from None


def _too_many() -> str:
    return f"the picture has more than {UPLOAD_PIXELS:,} pixels; make it smaller"


def _words(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
