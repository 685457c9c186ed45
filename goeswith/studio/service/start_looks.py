"""Start looks: finished looks for the start page, made once and stored in the folder of the index."""

from __future__ import annotations

import json
import logging

from goeswith.errors import GoeswithError
from goeswith.files import fresh_file, read_json
from goeswith.shop.looks_page import sample_looks
from goeswith.studio.service.catalogue_view import CatalogueView, once

log = logging.getLogger(__name__)

COUNT = 6
FILE = "start.json"
"""Inside the folder of the index: a newer index brings a newer one."""


def stored_looks(view: CatalogueView) -> list[list[str]] | None:
    """Item ids of the looks that were made of this index; None where none were yet."""
    try:
        stored = read_json(view.index.path / FILE, dict)
    except GoeswithError:
        return None
    looks = stored.get("looks")
    if stored.get("build") != view.index.info["build"] or not isinstance(looks, list):
        return None
    rows, stock = view.index.row_of, view.index.shelf.stock
    known = [look for look in looks if isinstance(look, list) and look and all(item_id in rows for item_id in look)]
    if stock is not None and not all(stock[rows[item_id]] for look in known for item_id in look):
        return None  # of a version that did not ask for what is in stock
    return known


@once
def made(view: CatalogueView) -> list[list[str]]:
    """The same, made now where they are not kept; empty where no look can be made of the catalogue."""
    if (looks := stored_looks(view)) is not None:
        return looks
    try:
        looks = [list(look.item_ids) for look in sample_looks(view.stylist, COUNT).looks]
    except GoeswithError as error:
        log.info("no looks to begin with: %s", error)
        looks = []
    try:
        with fresh_file(view.index.path / FILE) as partial:
            partial.write_text(json.dumps({"build": view.index.info["build"], "looks": looks}) + "\n")
    except (OSError, GoeswithError) as error:
        log.info("the looks of the start page cannot be kept: %s", error)
    return looks
