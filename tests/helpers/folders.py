"""Folders as publishers unpack them, made small, and what a reader makes of them; shared by the tests of readers."""

import pytest

from goeswith.data.catalogue import GROUPS, Catalogue
from goeswith.data.outfits import Outfits
from goeswith.data.readers import read
from goeswith.errors import DataError

PIXEL = b"not really a picture: readers never look inside"


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def outfits_of(imported):
    return dict(imported.outfits.select("outfit_id", "item_ids").iter_rows())


def column(imported, name):
    return dict(imported.items.select("item_id", name).iter_rows())


def fail(layout, source, words, error=DataError, **options):
    with pytest.raises(error) as raised:
        read(layout, source, workdir=source, **options)
    message = str(raised.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message


def check(imported):
    """The tables fit each other as the folder needs them."""
    catalogue = Catalogue(imported.items)
    assert set(catalogue.items["group"].unique()) <= set(GROUPS)
    return catalogue, Outfits.from_frame(imported.outfits, catalogue)
