"""Pictures: signed picture URLs, which need no key but cannot be guessed from an item id."""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Callable
from functools import cached_property, lru_cache
from pathlib import Path
from urllib.parse import quote

from filelock import FileLock
from PIL import ExifTags

from goeswith.data.encoders.pictures import open_picture
from goeswith.files import writing
from goeswith.studio.service.catalogue_view import CatalogueView
from goeswith.studio.service.limits import THUMBNAIL_SIDES
from goeswith.studio.service.thumbnails import inside, version_of

BYTES = 16
"""Of a signature."""
PATIENCE = 5.0
"""Seconds to wait for another process that makes the secret."""
USUAL_SIDE = 384
"""Of the picture for browsers that choose none."""
Address = Callable[[str, str, int], str]
"""Makes the address of an item's picture, of its id, the version of the picture, and pixels along its longer side."""


class Signer:
    """Signs ids with a secret that is kept in a file, which is made when it is first needed."""

    def __init__(self, file: Path) -> None:
        self.file = file

    @cached_property
    def secret(self) -> bytes:
        """32 bytes, the same for all processes that share the file.

        Raises:
            DataError: the file cannot be written.
        """
        if not self.file.exists():
            self._make()
        return bytes.fromhex(self.file.read_text().strip())

    def _make(self) -> None:
        with writing(self.file):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.file.with_name(f".{self.file.name}.lock"), timeout=PATIENCE):
                if self.file.exists():  # another process was quicker
                    return
                partial = self.file.with_name(f".{self.file.name}.partial")
                partial.unlink(missing_ok=True)
                partial.touch(mode=0o600)
                partial.write_text(secrets.token_hex(32))
                partial.replace(self.file)

    def sign(self, item_id: str) -> str:
        """The signature of an item's pictures."""
        digest = hmac.digest(self.secret, b"picture of " + item_id.encode(), "sha256")
        return base64.urlsafe_b64encode(digest[:BYTES]).decode().rstrip("=")

    def signed(self, item_id: str, signature: str) -> bool:
        """Whether that is the signature; takes as long whatever it is."""
        return hmac.compare_digest(self.sign(item_id).encode(), signature.encode())

    def address(self, base: str) -> Address:
        """Addresses in the service at `base`."""

        def addressed(item_id: str, version: str, side: int) -> str:
            return f"{base}pictures/{self.sign(item_id)}/{side}/{quote(item_id, safe='')}?v={version}"

        return addressed


def picture(view: CatalogueView, row: int, address: Address) -> dict[str, str | int] | None:
    """The picture of an item for ``<img>``: src, srcset, width and height; None where it has none that can be read."""
    item_id, name = view.catalogue.items.row(row, named=False)[0], view.catalogue.items["image"][row]
    file = inside(view.index.images, name)
    version = version_of(file)
    shape = _shape(file, version)
    if shape is None:
        return None
    sizes = {side: _scaled(shape, side) for side in sides(shape)}
    usual = USUAL_SIDE if USUAL_SIDE in sizes else max(sizes)
    width, height = sizes[usual]
    srcset = ", ".join(f"{address(item_id, version, side)} {wide}w" for side, (wide, _) in sizes.items())
    return {"src": address(item_id, version, usual), "srcset": srcset, "width": width, "height": height}


def sides(shape: tuple[int, int]) -> list[int]:
    """Pixels along the longer side that a picture of this width and height is offered in: never enlarged."""
    return [side for side in THUMBNAIL_SIDES if side <= max(shape)] or [THUMBNAIL_SIDES[0]]


def _scaled(shape: tuple[int, int], side: int) -> tuple[int, int]:
    width, height = (max(1, round(side * length / max(shape))) for length in shape)
    return width, height


@lru_cache(1 << 16)
def _shape(file: Path | None, version: str) -> tuple[int, int] | None:
    """Width and height of a picture as it is shown; `version` is that of the file, so that a new one is read again."""
    if file is None or version == "none":
        return None
    try:
        with open_picture(file) as opened:
            width, height = opened.size
            turned = opened.getexif().get(ExifTags.Base.Orientation, 1) >= 5
    except Exception:  # of a broken file, Pillow raises nearly anything
        return None
    return (height, width) if turned else (width, height)
