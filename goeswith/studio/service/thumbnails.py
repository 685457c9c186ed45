"""Thumbnails: small pictures of items, made once and kept in a bounded cache."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path, PurePosixPath

from PIL import ExifTags, Image, ImageDraw

from goeswith.data.encoders.pictures import open_picture, read_picture
from goeswith.studio.service.limits import THUMBNAIL_SIDES

QUALITY = 85
"""Of the JPEG files."""


def side_of(requested: int) -> int:
    """The smallest side that thumbnails have and that is as large as the one asked for; else the largest."""
    return next((side for side in THUMBNAIL_SIDES if side >= requested), THUMBNAIL_SIDES[-1])


def inside(folder: Path | None, name: str | None) -> Path | None:
    """The file that a catalogue names in a folder; None where it names none, or one that lies elsewhere."""
    if folder is None or not name:
        return None
    path = PurePosixPath(name)
    return None if path.is_absolute() or ".." in path.parts else folder / path


def version_of(path: Path | None) -> str:
    """Changes when the file does; 'none' where there is no file."""
    try:
        status = path.stat() if path is not None else None
    except (OSError, ValueError):  # a NUL byte in the name is a ValueError
        status = None
    return f"{status.st_mtime_ns:x}-{status.st_size:x}" if status else "none"


def shrink(picture: Path | io.BytesIO, side: int) -> Image.Image:
    """A picture as RGB on white, in its own shape, so many pixels along its longer side.

    Raises:
        DataError: it is missing, or cannot be decoded.
    """
    square = Image.fromarray(read_picture(picture, (side, side)))
    with open_picture(picture) as opened:
        width, height = opened.size
        if opened.getexif().get(ExifTags.Base.Orientation, 1) >= 5:  # lies on its side
            width, height = height, width
    wide, high = (max(1, round(side * length / max(width, height))) for length in (width, height))
    left, top = (side - wide) // 2, (side - high) // 2
    return square.crop((left, top, left + wide, top + high))


def make(picture: Path | io.BytesIO, side: int) -> bytes:
    """The same as a JPEG."""
    return _jpeg(shrink(picture, side))


@cache
def placeholder(side: int) -> bytes:
    """What stands for a picture that is missing or broken: a hanger on grey."""
    picture = Image.new("RGB", (side, side), "#eceae6")
    draw, unit = ImageDraw.Draw(picture), side / 24
    width = max(2, side // 48)
    hanger = [(12, 10.5), (20, 15.5), (4, 15.5), (12, 10.5)]
    draw.line([(x * unit, y * unit) for x, y in hanger], "#a39e95", width, joint="curve")
    draw.arc([10.7 * unit, 7 * unit, 13.3 * unit, 9.6 * unit], 160, 90, "#a39e95", width)
    draw.line([(12 * unit, 9.6 * unit), (12 * unit, 10.5 * unit)], "#a39e95", width)
    return _jpeg(picture)


def _jpeg(picture: Image.Image) -> bytes:
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=QUALITY, optimize=True)
    return written.getvalue()
