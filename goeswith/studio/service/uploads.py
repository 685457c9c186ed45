"""Uploads: decodes uploaded bytes to a picture, or says in one sentence why not."""

from __future__ import annotations

import io
import warnings
from functools import cache

from PIL import Image, UnidentifiedImageError

from goeswith.errors import DataError
from goeswith.studio.service.limits import DECODED_PIXELS, GUEST_SIDE, UPLOAD_PIXELS
from goeswith.studio.service.refusals import Refused
from goeswith.studio.service.thumbnails import shrink

KINDS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF")
"""Pictures that are taken, by what their bytes are and not by what they are called. Of several in a file, as phones
and animations have them, it is the first."""


def read_upload(data: bytes) -> Image.Image:
    """An uploaded picture as RGB on white, in its own shape. How large it will be is looked at before it is decoded.

    Raises:
        Refused: it is not a picture, too large once decoded, or broken.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of bombs too: the size is looked at here
            with Image.open(io.BytesIO(data), formats=_formats()) as picture:
                pixels, decoded = _pixels(picture)
    except UnidentifiedImageError:
        raise Refused(415, "not_a_picture", f"the upload is not a picture; send one of {', '.join(KINDS)}") from None
    except Image.DecompressionBombError:
        raise _too_many(UPLOAD_PIXELS) from None
    except Exception as error:  # a broken file makes Pillow's decoders raise nearly anything
        raise Refused(422, "broken_picture", f"the picture is broken ({_words(error)}); save it again") from None
    if pixels > UPLOAD_PIXELS or decoded > DECODED_PIXELS:
        raise _too_many(UPLOAD_PIXELS if pixels > UPLOAD_PIXELS else DECODED_PIXELS)
    try:
        return shrink(io.BytesIO(data), GUEST_SIDE)
    except DataError as error:
        raise Refused(422, "broken_picture", f"{error}; save it again") from None


def _pixels(picture: Image.Image) -> tuple[int, int]:
    """How many pixels a picture has, and how many are in memory while it is decoded: of most JPEGs a fraction."""
    pixels = picture.width * picture.height
    if not picture.info.get("progressive"):  # of which all coefficients are kept
        picture.draft("RGB", (4 * GUEST_SIDE, 4 * GUEST_SIDE))
    return pixels, picture.width * picture.height


@cache
def _formats() -> list[str]:
    Image.init()
    return [name for name in KINDS if name in Image.OPEN]  # an old Pillow has no AVIF


def _too_many(most: int) -> Refused:
    return Refused(413, "too_many_pixels", f"the picture has more than {most:,} pixels; make it smaller")


def _words(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
